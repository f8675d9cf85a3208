"""Where a result comes from: machine, versions, date."""

from __future__ import annotations

import multiprocessing
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["machine"]


def machine(
    packages: Sequence[str] = ("lgl_core", "numpy", "scipy", "pandas", "numba", "torch"),
) -> dict[str, Any]:
    """Say where, when and with what something is computed.

    Parameters
    ----------
    packages : sequence of str
        Distributions whose versions to name.

    Returns
    -------
    dict
        ``date``, ``processor``, ``cores``, ``system``, ``python`` and ``versions``, all of which
        JSON can hold. A package that is not there has the version ``"not installed"``.
    """
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": multiprocessing.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
