"""Results of expensive steps on disk, found again only for the same inputs and the same source.

A result is stored under three things: the function's name, a hash of every line and data file of
the library that the function can reach and of the versions of what it computes with, and a hash of
its inputs. Change any of them and the step runs again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import os
import pickle
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import joblib

__all__ = ["cache_directory", "cached", "is_cached", "keyed_directory", "source_hash"]

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = Path(__file__).resolve().parent
_STARTED = time.time()


def cache_directory() -> Path:
    """Say where results are kept.

    Returns
    -------
    Path
        ``$LGL_CACHE`` if it is set; ``.cache`` in the checkout when the library runs from one;
        else ``lgl_core`` in the user's cache directory.
    """
    if os.environ.get("LGL_CACHE"):
        return Path(os.environ["LGL_CACHE"]).expanduser().resolve()
    if (_PACKAGE.parent / "pyproject.toml").exists():
        return _PACKAGE.parent / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgl_core"


def cached(function: Callable[P, R]) -> Callable[P, R]:
    """Keep the results of a function on disk.

    Parameters
    ----------
    function : callable
        A plain function at the top of an importable module, whose result depends on nothing but
        its arguments, the library's source and data files, and the versions of NumPy, SciPy, Numba
        and PyTorch, and can be pickled.

    Returns
    -------
    callable
        The same function, which looks on disk before it computes.

    Raises
    ------
    ValueError
        If ``function`` is a lambda, a bound method or defined inside another function: what it
        carries along would be missing from the key. The same for a function of a notebook or
        script, which has no module to hash.

    Warns
    -----
    UserWarning
        If a stored result is damaged (it is computed anew), if a result cannot be stored, or if
        the source was edited after this process started (nothing is then reused or stored).

    Notes
    -----
    Inputs are hashed by ``joblib.hash``: numbers, strings, NumPy arrays and dataclasses of
    them give the same key in every process. PyTorch tensors and modules do not; pass the
    configuration and seed that made them. ``joblib.Memory`` is not used because it drops a
    function's results when a comment in it changes and returns damaged arrays unnoticed.
    """
    _check_function(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        path = _entry(function, args, kwargs)
        if path is None:
            return function(*args, **kwargs)
        if path.exists():
            try:
                return _read(path)
            except Exception as error:  # whatever a damaged file may raise
                warnings.warn(f"{path} is damaged, computing it anew: {error}", stacklevel=2)
        result = function(*args, **kwargs)
        try:
            _write(path, result)
        except Exception as error:  # a full disk must not cost the result itself
            warnings.warn(f"result not stored in {path}: {error}", stacklevel=2)
        return result

    return call


def is_cached(function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> bool:
    """Tell whether :func:`cached` has a result of ``function(*args, **kwargs)`` on disk."""
    _check_function(function)
    path = _entry(function, args, kwargs)
    return path is not None and path.exists()


def keyed_directory(function: Callable[..., Any], /, **inputs: Any) -> Path:
    """Make, or find again, the directory of a step that keeps its own files.

    Parameters
    ----------
    function : callable
        The step, under the same conditions as for :func:`cached`.
    **inputs
        All that its result depends on, hashed as in :func:`cached`.

    Returns
    -------
    Path
        An existing directory, the same one for the same function, source and inputs; a new
        temporary one, with a warning, if the source was edited after this process started.

    Raises
    ------
    ValueError
        If ``function`` has no name or module to go by, see :func:`cached`.
    """
    _check_function(function)
    parent = _directory("steps", function)
    if parent is None:
        return Path(tempfile.mkdtemp(prefix="lgl_core-"))
    directory = parent / str(joblib.hash(inputs))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def source_hash(module_name: str) -> str:
    """Hash the source of a module and of all it imports from the library, transitively.

    Comments, docstrings, layout and the version do not count. Imports are read from the source
    without running it, inside functions too; what is imported by a computed name is not seen. A
    bare ``import lgl_core`` stands for all of the package. Data files count where a string in the
    source is the end of their names.

    Parameters
    ----------
    module_name : str
        Dotted name. Imports are followed into ``lgl_core`` and into the module's own package.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    ValueError
        If there is no source file for ``module_name``, or for something that is imported from
        the library.
    """
    return _hash_of(_sources(module_name))


def _hash_of(sources: dict[str, Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, path in sorted(sources.items()):
        digest.update(f"{name}\n{_parsed(path, path.stat().st_mtime_ns).text}\n".encode())
    return digest.hexdigest()


def _check_function(function: Callable[..., Any]) -> None:
    if not inspect.isfunction(function) or "<" in function.__qualname__:
        raise ValueError(
            f"function must be a plain function at the top of a module, got {function!r}: "
            "what a closure, lambda or bound method carries along would be missing from the key"
        )
    if function.__module__ == "__main__":
        raise ValueError(
            f"function must come from an importable module, got {function.__qualname__} of a "
            "script or notebook: move it into lgl_core"
        )


def _entry(function: Callable[..., Any], args: Any, kwargs: Any) -> Path | None:
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()  # f(1) and f(a=1) are one call
    parent = _directory("results", function)
    return parent and parent / f"{joblib.hash(dict(bound.arguments))}.pkl"


def _directory(kind: str, function: Callable[..., Any]) -> Path | None:
    name = f"{function.__module__}.{function.__qualname__}"
    sources = _sources(function.__module__)
    for module, path in sources.items():
        # What is loaded may then differ from the file, whose hash would name the wrong source.
        if path.stat().st_mtime > _STARTED:
            warnings.warn(
                f"{module} was edited after this process started: {name} neither uses stored "
                "results nor leaves any until you restart",
                stacklevel=4,
            )
            return None
    key = hashlib.blake2b(f"{_hash_of(sources)} {_versions()}".encode(), digest_size=16)
    return cache_directory() / kind / name / key.hexdigest()


def _read(path: Path) -> Any:
    digest, payload = path.read_bytes().split(b"\n", 1)
    if digest != hashlib.sha256(payload).hexdigest().encode():
        raise ValueError("its content does not match its checksum")
    return pickle.loads(payload)


def _write(path: Path, result: Any) -> None:
    payload = pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed in one step, so that no other process ever sees half a file.
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("wb") as file:
            file.write(hashlib.sha256(payload).hexdigest().encode() + b"\n")
            file.write(payload)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _sources(module_name: str) -> dict[str, Path]:
    """Find the files that results of a module depend on: source, and data that source names."""
    modules: dict[str, str] = {}
    data: dict[str, str] = {}
    for top in {__name__.partition(".")[0], module_name.partition(".")[0]}:
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
        source = _parsed(path, path.stat().st_mtime_ns)
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
    bound = _parsed(path, path.stat().st_mtime_ns).bound
    return name in bound or "*" in bound | {name}


class _Source(NamedTuple):
    text: str  # without comments and docstrings
    imports: list[tuple[int, str, list[str] | None]]  # level (0 is absolute), module, names
    bound: set[str]  # names that it defines, assigns or imports
    endings: tuple[str, ...]  # of the names of files that its strings may stand for


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, mtime_ns: int) -> _Source:
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


@functools.cache
def _versions() -> str:
    return " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "torch"))
