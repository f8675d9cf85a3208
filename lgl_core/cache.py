"""Results of expensive steps on disk, found again only for the same inputs and the same source.

A result is stored under three things: the function's name, a hash of every line of the library
that the function can reach, and a hash of its inputs. Change any of them and the step runs again.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

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
        its arguments and the library's source, and can be pickled.

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

    Comments, docstrings and layout do not count, nor does the package's ``__init__``. Imports
    are read from the source without running it, inside functions too; what is imported by a
    computed name, or reached through a bare ``import lgl_core``, is not seen.

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
        If there is no source file for ``module_name``.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, path in sorted(_sources(module_name).items()):
        digest.update(f"{name}\n{_parsed(path, path.stat().st_mtime_ns)[0]}\n".encode())
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
    for module, path in _sources(function.__module__).items():
        # What is loaded may then differ from the file, whose hash would name the wrong source.
        if path.stat().st_mtime > _STARTED:
            warnings.warn(
                f"{module} was edited after this process started: {name} neither uses stored "
                "results nor leaves any until you restart",
                stacklevel=4,
            )
            return None
    return cache_directory() / kind / name / source_hash(function.__module__)


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
    packages = {__name__.partition(".")[0], module_name.partition(".")[0]}
    found: dict[str, Path] = {}
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        path = _source_file(name) if name.partition(".")[0] in packages else None
        if path is None or name in found:
            continue
        found[name] = path
        for level, imported in _parsed(path, path.stat().st_mtime_ns)[1]:
            parent = ".".join(name.split(".")[:-level]) + "." if level else ""
            waiting.append((parent + imported).rstrip("."))
    if module_name not in found:
        raise ValueError(f"module_name must name a module with a source file, got {module_name!r}")
    return found


def _source_file(name: str) -> Path | None:
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if not rest else None
    # A package's own __init__ holds no step, and its version must not undo every result.
    path = Path(spec.origin).parent.joinpath(*rest).with_suffix(".py")
    return path if rest and path.exists() else None


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, mtime_ns: int) -> tuple[str, list[tuple[int, str]]]:
    tree = ast.parse(path.read_bytes())
    imports: list[tuple[int, str]] = []  # level (0 is absolute) and dotted name
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            # `from package import name`: name may itself be a module.
            imports += [(node.level, f"{module}.{alias.name}".strip(".")) for alias in node.names]
            imports.append((node.level, module))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
    return ast.unparse(tree), imports
