"""The files of the project's two packages, for tests that look at all of them."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("lgl_core", "studies")


def dotted(path: Path) -> str:
    """Give the name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Path of every file with code, by its dotted name. Folders' own `__init__` are left out.
MODULES = {
    dotted(path): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
}
PUBLIC = [name for name in MODULES if not name.rpartition(".")[2].startswith("_")]
