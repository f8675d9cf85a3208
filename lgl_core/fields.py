"""Fields of configurations: each holds what its annotation says, or is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np

__all__ = ["check_fields"]


def check_fields(config: Any) -> None:
    """Refuse values that are not of the type that a dataclass declares for them.

    A dataclass calls it first in its ``__post_init__``, and compares ranges itself. NumPy's scalars
    become Python's own, so that they can be written as JSON and name the same stored result.

    Parameters
    ----------
    config : dataclass
        Of its fields, those are looked at whose annotation consists of ``int``, ``float``,
        ``bool``, ``str``, ``None``, ``Literal``, ``Mapping`` and plain classes.

    Raises
    ------
    ValueError
        If an ``int`` is no whole number (True and 2.0 are none), a ``float`` is not finite (whole
        numbers are welcome, True is not), or a field holds anything else that is not declared.

    Examples
    --------
    >>> from lgl_core.transformer._run import TrainConfig
    >>> TrainConfig(epochs=float("inf"))
    Traceback (most recent call last):
    ValueError: TrainConfig.epochs must be a whole number, got inf
    """
    cls: type = type(config)
    for name, kinds in _declared(cls):
        value = getattr(config, name)
        if isinstance(value, np.generic):
            value = value.item()
            object.__setattr__(config, name, value)
        if not any(kind.takes(value) for kind in kinds):
            allowed = " or ".join(kind.name for kind in kinds)
            raise ValueError(f"{cls.__name__}.{name} must be {allowed}, got {value!r}")


class _Kind(NamedTuple):
    """One of the types of a field: how a reader calls it, and what is of it."""

    name: str
    takes: Callable[[Any], bool]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return (_is_whole(value) or isinstance(value, float)) and -math.inf < value < math.inf


_KINDS = {
    int: _Kind("a whole number", _is_whole),
    float: _Kind("a finite number", _is_finite),
    bool: _Kind("True or False", lambda value: isinstance(value, bool)),
    str: _Kind("text", lambda value: isinstance(value, str)),
    NoneType: _Kind("None", lambda value: value is None),
}


@cache
def _declared(cls: type) -> list[tuple[str, list[_Kind]]]:
    """List the fields that can be checked, with the kinds of values that each takes."""
    hints = get_type_hints(cls)
    declared = []
    for field in fields(cls):
        # A default of None stands for what is filled in once the rest is known.
        optional = [_KINDS[NoneType]] if field.default is None else []
        if kinds := _kinds(hints[field.name]):
            declared.append((field.name, kinds + [kind for kind in optional if kind not in kinds]))
    return declared


def _kinds(hint: Any) -> list[_Kind]:
    """Give the kinds of a type hint; none if it has a part that tells little of a value."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    found = [_kind(part) for part in parts]
    return [] if None in found else [kind for kind in found if kind]


def _kind(hint: Any) -> _Kind | None:
    if get_origin(hint) is Literal:
        words = get_args(hint)
        return _Kind(" or ".join(f'"{word}"' for word in words), lambda value: value in words)
    if get_origin(hint) is Mapping:
        return _Kind("names and values", lambda value: isinstance(value, Mapping))
    if get_origin(hint) is not None or not isinstance(hint, type):
        return None
    return _KINDS.get(hint) or _Kind(f"a {hint.__name__}", lambda value: isinstance(value, hint))
