"""Spikes as a source has them: the one form between any format and a session.

Times are on the clock of the source and in its unit; nothing is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Finding",
    "Keep",
    "Label",
    "Raw",
    "are_whole",
    "ceil",
    "ends",
    "floor",
    "from_trains",
    "kept",
    "label_order",
    "needed",
    "of_all",
    "plain_labels",
    "scaled",
    "some",
    "spans",
    "taken",
    "where",
]

Label = str | int
Keep = str | Sequence[Label] | None


@dataclass(frozen=True, eq=False)
class Raw:
    """Spikes as a source has them.

    Parameters
    ----------
    times : ndarray of float, shape (n_spikes,)
        In the order of the source, in its unit.
    units : ndarray of int, shape (n_spikes,)
        Which unit fired, an index into ``labels``.
    rows : ndarray of int, shape (n_spikes,)
        Where the spike stands: its row of a table, or its place in the train of its unit.
    labels : list of str or int
        What the source calls each unit, silent ones included.
    epochs : ndarray of float, shape (n_epochs, 2), or None
        Start and end of each span of time that was recorded; None if the source does not say.
    seconds : float, optional
        What one unit of the times lasts in s, where the source says so.
    observed : list of ndarray, each of shape (n_spans, 2), optional
        When each unit was observed; an empty one says nothing.
    invalid : ndarray of float, shape (n_spans, 2), optional
        What of it is no recording, such as artifacts.
    spans_in_s : bool
        Whether the spans are in s, whatever the unit of the spike times is.
    row : str
        What ``rows`` count: "row", or "line" of a text.
    about : DataFrame, optional
        What the source says of the units beside their labels, a row for each.
    """

    times: NDArray[np.float64]
    units: NDArray[np.int64]
    rows: NDArray[np.int64]
    labels: list[Label]
    epochs: NDArray[np.float64] | None = None
    seconds: float | None = None
    observed: list[NDArray[np.float64]] | None = None
    invalid: NDArray[np.float64] | None = None
    spans_in_s: bool = False
    row: str = "row"
    about: pd.DataFrame | None = None

    def trains(self) -> list[NDArray[np.float64]]:
        """Give the times of each unit, in the order of ``labels``."""
        by_unit = np.argsort(self.units, kind="stable")
        ends = np.cumsum(np.bincount(self.units, minlength=len(self.labels)))
        return np.split(self.times[by_unit], ends[:-1]) if self.labels else []


def from_trains(
    trains: Sequence[ArrayLike],
    labels: Sequence[Any],
    epochs: ArrayLike | None = None,
    about: pd.DataFrame | None = None,
) -> Raw:
    """Put one train per unit into one row of spikes."""
    arrays = [np.asarray(train, dtype=np.float64).ravel() for train in trains]
    counts = [len(array) for array in arrays]
    return Raw(
        times=np.concatenate([*arrays, np.empty(0)]),
        units=np.repeat(np.arange(len(arrays)), counts),
        rows=np.concatenate([*map(np.arange, counts), np.empty(0, np.int64)]).astype(np.int64),
        labels=plain_labels(labels),
        epochs=spans(epochs),
        about=about,
    )


def scaled(raw: Raw, seconds: float) -> Raw:
    """Turn times of another unit into s, and spans that are on the same clock."""
    if not 0 < seconds < np.inf:
        raise ValueError(f"seconds_per_unit must be a positive number of s, got {seconds}")
    raw = replace(raw, times=raw.times * seconds)
    if raw.spans_in_s:
        return raw
    return replace(
        raw,
        epochs=None if raw.epochs is None else raw.epochs * seconds,
        observed=raw.observed and [part * seconds for part in raw.observed],
    )


def needed(package: str) -> Any:
    """Import a package that a recording needs, or say how to get it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"this recording needs {package}: pip install 'lgl_core[data]' brings it"
        ) from error


def spans(epochs: ArrayLike | None) -> NDArray[np.float64] | None:
    """Make pairs of start and end of whatever holds them; None stays None."""
    return None if epochs is None else np.asarray(epochs, dtype=np.float64).reshape(-1, 2)


def ends(raw: Raw) -> tuple[float, float]:
    """Say when the first epoch begins and the last one ends; else from 0 to the last spike."""
    if raw.epochs is not None:
        return float(raw.epochs[0, 0]), float(raw.epochs[-1, 1])
    return 0.0, float(np.nextafter(raw.times.max(initial=0.0), np.inf))


def kept(raw: Raw, keep: Keep) -> Raw:
    """Leave out all units but those with these labels, or that answer a question with yes."""
    if keep is None:
        return raw
    known = some(list(map(repr, raw.labels)), 20)
    if isinstance(keep, str):
        mask = _answer(raw.labels, raw.about, keep)
    else:
        wanted = plain_labels(keep)
        unknown = [label for label in wanted if label not in raw.labels]
        if unknown:
            raise ValueError(f"keep: there is no unit {unknown[0]!r} among {known}")
        mask = np.array([label in set(wanted) for label in raw.labels], dtype=bool)
    if not mask.any():
        raise ValueError(f"keep={keep!r} leaves none of the units {known}")
    units, place = np.flatnonzero(mask), np.cumsum(mask) - 1
    raw = taken(raw, mask[raw.units])
    return replace(
        raw,
        units=place[raw.units],
        labels=[raw.labels[unit] for unit in units],
        observed=raw.observed and [raw.observed[unit] for unit in units],
        about=None if raw.about is None else raw.about.iloc[units],
    )


def _answer(labels: Sequence[Label], about: pd.DataFrame | None, query: str) -> NDArray[np.bool_]:
    units = pd.DataFrame(index=range(len(labels))) if about is None else about
    units = units.set_axis(pd.Index(labels, name="unit"))
    why: Any = "it does not say yes or no of each unit"
    try:
        answer: Any = units.eval(query, engine="python")
        if pd.api.types.is_bool_dtype(answer) and np.shape(answer) == (len(units),):
            return pd.Series(answer).fillna(False).to_numpy(dtype=bool)
    except Exception as error:  # an expression may raise anything
        why = error
    raise ValueError(
        f"keep={query!r}: {why}. Give labels, as in keep={list(labels[:1])}, or ask for "
        f"{', '.join(map(repr, ['unit', *units]))}"
    )


def plain_labels(labels: Any) -> list[Label]:
    """Make labels Python's own: whole numbers if all of them are, however stored, else text.

    Numbers that no file can hold, of more than 64 bits, are text.
    """
    whole = [_whole(label) for label in labels]
    if None not in whole:
        return [number for number in whole if number is not None]
    return [label.decode() if isinstance(label, bytes) else str(label) for label in labels]


def _whole(label: Any) -> int | None:
    is_float = isinstance(label, float | np.floating)
    if isinstance(label, bool) or not (is_float or isinstance(label, int | np.integer)):
        return None
    if is_float and not float(label).is_integer():
        return None
    number = int(label)
    return number if -(2**63) <= number < 2**63 else None


def are_whole(labels: list[Label]) -> bool:
    """Tell whether labels are whole numbers, which ids of NWB and pynapple have to be."""
    return all(isinstance(label, int) for label in labels)


def label_order(label: Label) -> tuple[bool, Any]:
    """Sort numbers before text, each in their own order."""
    return isinstance(label, str), label


def some(labels: Sequence[Label], n: int) -> str:
    """Name the first n labels, and say whether there are more."""
    return ", ".join(map(str, labels[:n])) + (", ..." if len(labels) > n else "")


# --- what checks say ---------------------------------------------------------------------------


class Finding(NamedTuple):
    """What a check found, and the spikes without it, if that can be had."""

    text: str
    mended: Raw | None
    refused: bool = True


def where(raw: Raw, bad: NDArray[np.bool_]) -> str:
    """Say where the first of the bad spikes stands."""
    spike = int(bad.argmax())
    return f"{raw.row} {raw.rows[spike]} (unit {raw.labels[raw.units[spike]]!r})"


def of_all(bad: NDArray[np.bool_]) -> str:
    """Say how many spikes are bad."""
    return f"{bad.sum():,} of {len(bad):,} spikes"


def taken(raw: Raw, spikes: NDArray[np.bool_] | NDArray[np.intp]) -> Raw:
    """Take some of the spikes, or all in another order."""
    return replace(raw, times=raw.times[spikes], units=raw.units[spikes], rows=raw.rows[spikes])


def floor(time: float) -> float:
    """Round down to ms."""
    return float(np.floor(time * 1e3) / 1e3)


def ceil(time: float) -> float:
    """Round up to ms."""
    return -floor(-time)
