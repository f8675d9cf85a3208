"""Results of expensive steps on disk, found again only for the same inputs and the same source.

A result is stored under three things: the function's name, a hash of every line and data file of
the library that the function can reach and of the versions of what it computes with, and a hash of
its inputs. Change any of them and the step runs again.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import joblib

from lgl_core.disk._cache_entries import Entry, tidy
from lgl_core.disk._cache_sources import is_changed, sources_of, text_hash

__all__ = ["cache_directory", "cached", "is_cached", "keyed_directory", "source_hash"]

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = Path(__file__).resolve().parents[1]
_tidy_once = functools.cache(tidy)


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


def cached(function: Callable[P, R], *, also: Sequence[str] = ()) -> Callable[P, R]:
    """Keep the results of a function on disk.

    Parameters
    ----------
    function : callable
        A plain function at the top of an importable module, whose result depends on nothing but
        its arguments, the library's source and data files, and the versions of NumPy, SciPy, Numba
        and PyTorch. The result is made of numbers, text, arrays, tables, lists, tuples, dicts, and
        dataclasses of modules that the function's own module imports.
    also : sequence of str
        Modules whose source the result depends on beyond what the function's own imports, such as
        those that define the classes of its arguments.

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
    A stored result is data: reading it runs no code, whoever wrote it. But its numbers are believed
    as soon as it says that it is of this call, so share a cache with those alone whose numbers you
    would believe.

    Inputs are hashed by ``joblib.hash``: numbers, strings, NumPy arrays and dataclasses of
    them give the same key in every process. PyTorch tensors and modules do not; pass the
    configuration and seed that made them. ``joblib.Memory`` is not used because it drops a
    function's results when a comment in it changes and returns damaged arrays unnoticed.
    """
    _check_function(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        entry = _entry(function, also, args, kwargs)
        if entry is None:
            return function(*args, **kwargs)
        try:
            result: R = entry.read()
            return result
        except FileNotFoundError:
            pass
        except ValueError as error:
            entry.set_aside()
            warnings.warn(f"{entry.path} is damaged, computing it anew: {error}", stacklevel=2)
        except OSError as error:
            warnings.warn(f"cannot read {entry.path}, computing it anew: {error}", stacklevel=2)
        result = function(*args, **kwargs)
        if _sources(function, also) is None:  # what was loaded meanwhile may be of another source
            return result
        try:
            entry.write(result)
            _tidy_once(entry.folder)
        except Exception as error:  # a full disk must not cost the result itself
            warnings.warn(f"result not stored in {entry.path}: {error}", stacklevel=2)
        return result

    return call


def is_cached(function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> bool:
    """Tell whether :func:`cached` would find a result of ``function(*args, **kwargs)`` on disk."""
    _check_function(function)
    entry = _entry(function, (), args, kwargs)
    if entry is None:
        return False
    try:
        entry.read()
    except (OSError, ValueError):
        return False
    return True


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
    sources = _sources(function, ())
    if sources is None:
        return Path(tempfile.mkdtemp(prefix="lgl_core-"))
    directory = cache_directory() / "steps" / _key(function, sources) / str(joblib.hash(inputs))
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
        the library, or if this process has loaded one of the files and it was edited since then.
    """
    sources = sources_of(module_name)
    edited = [name for name in sources if name in sys.modules and is_changed(sources[name])]
    if edited:
        raise ValueError(
            f"{edited[0]} was edited after this process started, and the hash of its file is not "
            "that of what is loaded: restart"
        )
    return text_hash(sources)


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


def _entry(
    function: Callable[..., Any], also: Sequence[str], args: Any, kwargs: Any
) -> Entry | None:
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()  # f(1) and f(a=1) are one call
    sources = _sources(function, also)
    if sources is None:
        return None
    call = f"results/{_key(function, sources)}/{joblib.hash(dict(bound.arguments))}"
    return Entry(folder=cache_directory(), call=call, modules=sources)


def _sources(function: Callable[..., Any], also: Sequence[str]) -> dict[str, Path] | None:
    """Find the files behind a function; None, with a warning, if they are not what is loaded."""
    sources: dict[str, Path] = {}
    for module_name in (function.__module__, *also):
        sources |= sources_of(module_name)
    for module, path in sources.items():
        if is_changed(path):
            warnings.warn(
                f"{module} was edited after this process started: {_name(function)} neither uses "
                "stored results nor leaves any until you restart",
                stacklevel=4,
            )
            return None
    return sources


def _key(function: Callable[..., Any], sources: dict[str, Path]) -> str:
    key = hashlib.blake2b(f"{text_hash(sources)} {_versions()}".encode(), digest_size=16)
    return f"{_name(function)}/{key.hexdigest()}"


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@functools.cache
def _versions() -> str:
    return " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "torch"))
