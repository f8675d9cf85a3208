"""A sweep as a file in YAML: its sections, and the points that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from lgl_core.sweep.parameters import checked

__all__ = ["check_points", "points_of", "sections"]

_SECTIONS = {
    "target": "str", "grid": "dict", "points": "list", "fixed": "dict", "folder": "str",
    "slurm": "dict", "threads": "int",
}  # fmt: skip


def sections(path: Path) -> dict[str, Any]:
    """Read the sections of a file, each of its own kind.

    Parameters
    ----------
    path : Path
        As for :func:`lgl_core.sweep.sweep.load_sweep`.

    Returns
    -------
    dict
        What stands in each section that is there.

    Raises
    ------
    ValueError
        If it is no YAML, a section is unknown or of another kind, or not exactly one of ``grid``
        and ``points`` is there.
    """
    content = _read_yaml(path)
    unknown = sorted(set(content) - set(_SECTIONS))
    if unknown:
        raise ValueError(f"{path} has a section {unknown[0]!r}; there are {', '.join(_SECTIONS)}")
    checked(content, _SECTIONS)
    if ("grid" in content) == ("points" in content):
        raise ValueError(f"{path} must have either grid or points")
    return content


def _read_yaml(path: Path) -> dict[str, Any]:
    """Read YAML 1.2: 1e-3 is a number, 12:00:00 and off are text, no key stands twice."""
    from ruamel.yaml import YAML

    text = path.read_bytes()
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # the library has errors of its own, and lets others through
        raise ValueError(f"{path} is no YAML: {error}") from error
    content = {} if content is None else content
    if not _is_names_and_values(content):
        raise ValueError(
            f"{path} must hold sections, as in grid: {{seed: [0, 1]}}, got {content!r}"
        )
    return dict(content)


def points_of(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the points of a file: its own, or every combination of its grid.

    Parameters
    ----------
    content : mapping
        As from :func:`sections`.

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If a point is anything but names and values.
    """
    if "points" in content:
        check_points(content["points"])
        return [dict(point) for point in content["points"]]
    grid = content["grid"]
    check_points([grid])
    lists = [values if isinstance(values, list) else [values] for values in grid.values()]
    return [dict(zip(grid, values, strict=True)) for values in product(*lists)]


def check_points(points: Sequence[Any]) -> None:
    """Refuse points that are anything but names and values."""
    wrong = [point for point in points if not _is_names_and_values(point)]
    if wrong:
        raise ValueError(
            f"points must be names and values each, as in {{seed: 1}}, got {wrong[0]!r}"
        )


def _is_names_and_values(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
