"""The source behind a result: which files it is, and whether they are what has been loaded.

The package imports this file before any other of its own, since Python does not keep the source of
what it has loaded. It imports nothing of the package.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["is_changed", "sources_of", "text_hash"]

_PACKAGE = __name__.partition(".")[0]
_STARTED = time.time()
_AT_FIRST: dict[Path, str] = {}  # digests of files, when they were first seen

_Stamp = tuple[int, int, int, int]


def text_hash(sources: dict[str, Path]) -> str:
    """Hash source and data files; comments, docstrings, layout and the version do not count.

    Parameters
    ----------
    sources : dict
        As from :func:`sources_of`.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, path in sorted(sources.items()):
        digest.update(f"{name}\n{_parsed(path, _stamp(path)).text}\n".encode())
    return digest.hexdigest()


def is_changed(path: Path) -> bool:
    """Tell whether a file may be another one than this process has loaded.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
        Whether it was written or moved since the package was imported, or its content differs from
        what it was then (for a file outside of the package: when this was first asked). A file that
        was changed and changed back counts as well: there is no telling which one was loaded.
    """
    about = path.stat()
    digest = _digest(path, _stamp(path))
    # A file that is moved keeps the time when it was written, and one whose folder is moved both.
    return (
        max(about.st_mtime, about.st_ctime) > _STARTED
        or _AT_FIRST.setdefault(path, digest) != digest
    )


def sources_of(module_name: str) -> dict[str, Path]:
    """Find the files that results of a module depend on: source, and data that source names.

    Parameters
    ----------
    module_name : str
        As for :func:`lgl_core.disk.cache.source_hash`.

    Returns
    -------
    dict
        Path of each file, by the dotted name of the module or by ``package/name`` of the data.

    Raises
    ------
    ValueError
        If there is no source file for ``module_name``, or for something that is imported.
    """
    modules: dict[str, str] = {}
    data: dict[str, str] = {}
    for top in {_PACKAGE, module_name.partition(".")[0]}:
        _add_files(top, modules, data)
    # A package's own __init__ holds no step.
    if module_name not in modules or _is_root(modules, module_name):
        raise ValueError(f"module_name must name a module with a source file, got {module_name!r}")
    found: dict[str, Path] = {}
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = found[name] = Path(modules[name])
        source = _parsed(path, _stamp(path))
        found |= {name: Path(data[name]) for name in data if name.endswith(source.endings)}
        for level, module, names in source.imports:
            target = _absolute(name, path, level, module)
            if target.partition(".")[0] in modules:
                waiting += _imported(modules, target, names, name)
    return found


def _add_files(top: str, modules: dict[str, str], data: dict[str, str]) -> None:
    """List the modules of a package by their dotted names, and all its other files."""
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return
    if not spec.submodule_search_locations:
        modules[top] = spec.origin
        return
    root = os.path.dirname(spec.origin)
    for folder, folders, names in os.walk(root):
        folders[:] = [inner for inner in folders if inner != "__pycache__"]
        package = top + folder[len(root) :].replace(os.sep, ".")
        for name in names:
            path = f"{folder}{os.sep}{name}"
            if name == "__init__.py":
                modules[package] = path
            elif name.endswith(".py"):
                modules[f"{package}.{name[:-3]}"] = path
            else:
                data[f"{package}/{name}"] = path


def _is_root(modules: dict[str, str], name: str) -> bool:
    return "." not in name and modules[name].endswith("__init__.py")


def _absolute(name: str, path: Path, level: int, module: str) -> str:
    """Give the dotted name that an import of a module stands for."""
    if not level:
        return module
    parts = name.split(".")
    parts = parts[: len(parts) - level + (path.name == "__init__.py")]
    return ".".join([*parts, module]).rstrip(".")


def _imported(
    modules: dict[str, str], target: str, names: list[str] | None, by: str
) -> Iterator[str]:
    """Yield the modules that ``import target``, or ``from target import names``, runs."""
    if names is None and target in modules and _is_root(modules, target):
        # Whatever is reached through it later: all of the package.
        yield from (name for name in modules if name.startswith(f"{target}."))
        return
    for name in [""] if names is None else names:
        if name == "__version__":
            continue  # it must not undo every result
        wanted = f"{target}.{name}" if f"{target}.{name}" in modules else target
        if wanted == target and not _has(modules, target, name):
            what = f"{name} from {target}" if name else target
            raise ValueError(
                f"{by} imports {what}, and no source says where that is: its results cannot be "
                "stored, since their key would not know it. Import it from the file that defines it"
            )
        parts = wanted.split(".")
        parents = [".".join(parts[:n]) for n in range(2, len(parts))]
        yield from (parent for parent in [*parents, wanted] if parent in modules)


def _has(modules: dict[str, str], target: str, name: str) -> bool:
    """Tell whether a name can be imported from a module, as far as its source says."""
    if target not in modules:
        return False
    path = Path(modules[target])
    if not name or path.name != "__init__.py":
        return True
    bound = _parsed(path, _stamp(path)).bound
    return name in bound or "*" in bound | {name}


class _Source(NamedTuple):
    text: str  # without comments and docstrings
    imports: list[tuple[int, str, list[str] | None]]  # level (0 is absolute), module, names
    bound: set[str]  # names that it defines, assigns or imports
    endings: tuple[str, ...]  # of the names of files that its strings may stand for


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, stamp: _Stamp) -> _Source:
    if path.suffix != ".py":
        return _Source(hashlib.sha256(path.read_bytes()).hexdigest(), [], set(), ())
    tree = ast.parse(path.read_bytes())
    imports: list[tuple[int, str, list[str] | None]] = []
    bound: set[str] = set()
    strings: set[str] = set()
    tree.body = [part for part in tree.body if not _is_version(part)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            imports.append((node.level, node.module or "", names))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    # "table.csv", "data/table.csv", "*.csv", and the end of f"{name}.csv".
    last = {string.rpartition("/")[2].rpartition("*")[2] for string in strings}
    endings = tuple(sorted(end for end in last if "." in end[:-1] and not set(end) & set(" \n")))
    return _Source(ast.unparse(tree), imports, bound, endings)


def _is_version(part: ast.stmt) -> bool:
    return isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "__version__"


def _stamp(path: Path) -> _Stamp:
    """Tell a file from the one that was there before without reading it."""
    about = path.stat()
    return about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino


@functools.lru_cache(maxsize=512)
def _digest(path: Path, stamp: _Stamp) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _look_at(package: str) -> None:
    """Remember what all files of a package are before they are loaded."""
    modules: dict[str, str] = {}
    data: dict[str, str] = {}
    _add_files(package, modules, data)
    for path in map(Path, [*modules.values(), *data.values()]):
        _AT_FIRST[path] = _digest(path, _stamp(path))


_look_at(_PACKAGE)
