"""Pages load no script that they do not use: Thebe's would declare its settings twice."""

from __future__ import annotations

from typing import Any


def setup(app: Any) -> dict[str, bool]:
    """Connect it with Sphinx."""
    app.connect("html-page-context", without_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def without_thebe(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Take Thebe's scripts off the list of a page."""
    context["script_files"] = [
        script for script in context["script_files"] if "thebe" not in str(script).lower()
    ]
