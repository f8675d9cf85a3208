"""Make a notebook or a topology from its template: a pair of files each, where they belong.

``make new-notebook NAME=23_my_question`` and ``make new-topology NAME=small_world`` call it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent
CHAPTER = "  - caption: Beyond the paper\n"  # of the table of contents, where new pages go


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a notebook or a topology from its template."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("what", choices=["notebook", "topology"])
    parser.add_argument("name", help="23_my_question, or small_world")
    parser.add_argument("--root", type=Path, default=TEMPLATES.parent, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        made = {"notebook": notebook, "topology": topology}[options.what](
            options.root, options.name
        )
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    print("made:", *made, "next:", sep="\n  ")
    after = {"notebook": AFTER_NOTEBOOK, "topology": AFTER_TOPOLOGY}[options.what]
    print(after.format(name=options.name))


AFTER_NOTEBOOK = """  write the .md side, then: make notebooks
  git add both sides and _toc.yml"""
AFTER_TOPOLOGY = """  change the rule by which it connects, and the test that counts its connections
  .venv/bin/pytest tests/networks tests/test_project.py
  to run the whole path on it: lgl sweep, with a line "topology: [{name}]" in its grid"""


def notebook(root: Path, name: str) -> list[Path]:
    """Write both sides of a notebook, executed, and list it in the table of contents."""
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name):
        raise ValueError(f"NAME must be two digits and words, as in 23_my_question, got {name!r}")
    md = root / "notebooks" / f"{name}.md"
    words = name[3:].replace("_", " ")
    text = filled("notebook.md", NAME=name, LABEL=name[3:].replace("_", "-"))
    write(md, text.replace("TITLE", words.capitalize()))
    contents = root / "_toc.yml"
    before, chapter, after = contents.read_text().partition(CHAPTER)
    pages, caption, rest = after.partition("  - caption: ")
    page = f"      - file: notebooks/{name}\n"
    contents.write_text(before + chapter + pages + page + caption + rest)
    ipynb = md.with_suffix(".ipynb")
    subprocess.run(
        [sys.executable, root / "notebooks" / "execute.py", md, ipynb, "--small"], check=True
    )
    return [md, ipynb, contents]


def topology(root: Path, name: str) -> list[Path]:
    """Write a file that draws networks and its test, and list it in the table of makers."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"NAME must be a word as Python has them, as in small_world, got {name!r}")
    file = root / "lgl_core" / "networks" / f"{name}.py"
    test = root / "tests" / "networks" / f"test_{name}.py"
    write(file, filled("topology.py", NAME=name))
    write(test, filled("test_topology.py", NAME=name))
    makers = file.with_name("makers.py")
    text = makers.read_text()
    text = text.replace("\n__all__", f"from lgl_core.networks.{name} import {name}\n\n__all__", 1)
    # The last one: the first is the one that everybody means who names none.
    before, table, after = text.partition("MAKERS: dict[str, Callable[..., Network]] = {\n")
    others, end, after = after.partition("}\n")
    makers.write_text(before + table + others + f'    "{name}": {name},\n' + end + after)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--quiet",
            "--fix",
            "--select",
            "I",
            file,
            test,
            makers,
        ],
        check=True,
    )
    return [file, test, makers]


def filled(template: str, **words: str) -> str:
    """Put the words in their places."""
    text = (TEMPLATES / template).read_text()
    for place, word in words.items():
        text = text.replace(place, word)
    return text


def write(path: Path, text: str) -> None:
    """Write a new file, and never over an old one."""
    if path.exists():
        raise ValueError(f"there is a file {path} already: take another NAME")
    path.write_text(text)


if __name__ == "__main__":
    main()
