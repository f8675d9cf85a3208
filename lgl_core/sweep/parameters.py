"""Parameters of a notebook or a sweep: those it has, each of the type that it declares.

Types are declared by annotations, as in ``seed: int = 0``. papermill cannot read ``str | None``, so
that several types, and a file, are declared in quotes: ``unit: "str or None" = None`` and
``recording: "Path" = ""``.
"""

from __future__ import annotations

import ast
import json
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

from tqdm import tqdm

__all__ = ["check_names", "checked", "command", "declared_types", "given", "resolve"]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "bool": bool,
    "int": Integral,
    "float": Real,
    "str": str,
    "Path": str,
    "list": (list, tuple),
    "Sequence": (list, tuple),
    "dict": Mapping,
    "None": type(None),
}
# What to write instead: for papermill, and in YAML.
_REMEDIES = {
    "bool": "-p {name} True or -p {name} False for papermill, and true or false in YAML",
    "int": "a whole number",
    "float": "a number, or a fraction as in 1/30000",
    "str": "-r {name} {value} for papermill, and quotes around it in YAML",
    "list": "-y '{name}: [...]' for papermill",
    "Sequence": "a list",
    "dict": "names and values",
    "None": "-p {name} None for papermill, and null in YAML",
}


def resolve(namespace: dict[str, Any]) -> None:
    """Refuse, in the first cell after its parameters, what a notebook does not declare.

    Parameters
    ----------
    namespace : dict
        ``globals()`` of the notebook. A fraction in the place of a float becomes one in it.

    Raises
    ------
    ValueError
        As from :func:`check_names` and :func:`checked`.

    Notes
    -----
    papermill puts what it was given into a cell of its own, which begins with a comment. Names are
    taken from there, so that a reader may run this cell again, whatever has been defined since.
    Where a notebook runs without a reader, as under papermill, it shows no progress bars from here
    on: each of their steps would stay in it.
    """
    shell = namespace["get_ipython"]() if "get_ipython" in namespace else None
    if not getattr(getattr(shell, "kernel", None), "_allow_stdin", True):
        _hide_bars()
    types = namespace["__annotations__"]
    check_names("this notebook", given(namespace), types)
    namespace |= checked({name: namespace[name] for name in types}, types)


def _hide_bars() -> None:
    start = tqdm.__init__

    def hidden(self: Any, *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options | {"disable": True})

    tqdm.__init__ = hidden  # type: ignore[method-assign]


def given(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which parameters papermill has put into a notebook, and their values.

    Parameters
    ----------
    namespace : mapping
        As for :func:`resolve`.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it has put anything else there. It writes a name as it was typed, so that one with a line
        break in it is code, which has run by then: who runs commands of others reads them first.
    """
    cells = [cell for cell in namespace.get("In", ()) if cell.startswith("# Parameters")]
    statements = [node for cell in cells for node in ast.parse(cell).body]
    return {name: namespace[name] for name in map(_assigned, statements)}


def _assigned(statement: ast.stmt) -> str:
    """Give the name that a statement gives a value, and does nothing else."""
    with suppress(ValueError):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            ast.literal_eval(statement.value)
            if isinstance(statement.targets[0], ast.Name):
                return statement.targets[0].id
    raise ValueError(
        f"a parameter must be a name and a value, got {ast.unparse(statement)!r}: names hold "
        "letters, digits and _, and numbers are finite"
    )


def command(notebook: str, values: Mapping[str, Any]) -> str:
    """Write the command that gives a notebook these values.

    Parameters
    ----------
    notebook : str
        Its path.
    values : mapping
        By name, as from :func:`given`.

    Returns
    -------
    str
    """
    words = ["papermill", notebook, "out.ipynb"]
    for name, value in values.items():
        if isinstance(value, list | tuple):
            words += ["-y", json.dumps({name: value})]
        else:
            words += ["-r" if isinstance(value, str) else "-p", name, str(value)]
    return shlex.join(words)


def check_names(target: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse parameters that a target does not have.

    Parameters
    ----------
    target : str
        What the message calls it.
    names, known : iterable of str
        Parameters that are given, and those there are.

    Raises
    ------
    ValueError
        If one is unknown; the message lists those there are.
    """
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(
            f"{target} has no parameter {unknown[0]!r}; there are {', '.join(sorted(known))}"
        )


def checked(values: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse values of another type than is declared.

    Parameters
    ----------
    values : mapping
        By name.
    types : mapping
        Annotation of each, or its text. What is annotated by anything but :func:`declared_types`
        is for others to check.

    Returns
    -------
    dict
        The values; ``"1/30000"`` in the place of a float is one.

    Raises
    ------
    ValueError
        If a value is of another type. A whole number is a float, NaN and infinity are none, and no
        number is a bool or text.
    """
    return {name: _checked(name, value, types.get(name)) for name, value in values.items()}


def declared_types(annotation: Any) -> list[str]:
    """Tell the types that an annotation allows: bool, int, float, str, Path, list and None.

    Parameters
    ----------
    annotation : type or str
        Such as ``int``, ``"float | None"`` or ``"str or list"``.

    Returns
    -------
    list of str
        Empty if it allows another one, too.
    """
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    names = re.split(r"\s*\|\s*|\s+or\s+", re.sub(r"\[.*\]", "", text))
    return names if set(names) <= set(_TYPES) and names != ["None"] else []


def _checked(name: str, value: Any, annotation: Any) -> Any:
    allowed = declared_types(annotation)
    # Python takes True for a number.
    fitting = ["bool"] if isinstance(value, bool) else [*_TYPES.keys() - {"bool"}]
    if "float" in allowed and isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}")
    if not allowed or any(kind in fitting and isinstance(value, _TYPES[kind]) for kind in allowed):
        return value
    if "float" in allowed and isinstance(value, str) and re.fullmatch(r"\d+/\d*[1-9]\d*", value):
        return float(Fraction(value))
    remedies = [_REMEDIES.get(kind, _REMEDIES["str"]) for kind in allowed]
    raise ValueError(
        f"{name} must be of type {' or '.join(allowed)}, got {value!r} ({type(value).__name__}): "
        f"write {'; or '.join(remedies).format(name=name, value=value)}"
    )
