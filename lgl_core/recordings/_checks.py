"""What can be wrong with the spikes of a recording, said in a sentence, and mended where it can be.

Each check looks at spikes as a source has them and returns what it found; a repair is a filter or a
sort, never a guess.
"""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from lgl_core.recordings._clock import other_unit
from lgl_core.recordings._epochs import (
    bad_epochs,
    empty_epochs,
    invalid_times,
    late_start_or_pause,
    lifetimes,
    long_intervals,
    outside,
    outside_epochs,
)
from lgl_core.recordings._raw import Finding, Raw, ceil, floor, of_all, some, taken, where

__all__ = ["checked"]

# Fewer spikes in a row do not make a piece of a recording.
_FEW = 4


def checked(raw: Raw, repair: bool = False, in_seconds: bool = False) -> Raw:
    """Refuse spikes that are not what they should be, or mend them.

    Parameters
    ----------
    raw : Raw
    repair : bool
        Mend what can be mended, with a warning for each, instead of refusing it.
    in_seconds : bool
        Times are known to be in s, however strange they look.

    Returns
    -------
    Raw
        Finite times in s, ascending and different within each unit, within the epochs.

    Raises
    ------
    ValueError
        For the first thing that is wrong, with unit and row, and what to do.

    Warns
    -----
    UserWarning
        For what was mended, for silent units, and for spikes outside the epochs, which are left
        out.
    """
    checks = [_same_labels, _not_finite, _nothing, _other_unit]
    checks += [empty_epochs, bad_epochs, lifetimes, long_intervals, _placeholders]
    checks += [_negative, late_start_or_pause, invalid_times, outside_epochs]
    checks += [_descending, _twice, _silent]
    for check in checks:
        found = None if check is _other_unit and in_seconds else check(raw)
        if found is None:
            continue
        if found.refused and not (repair and found.mended):
            raise ValueError(found.text + _advice(found.mended, in_seconds))
        if found.text:
            warnings.warn(found.text + ": mended" * found.refused, stacklevel=3)
        raw = found.mended or raw
    return raw


def _advice(mended: Raw | None, in_seconds: bool) -> str:
    """Advise a repair if it is all that is needed; else say what comes after it."""
    if mended is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checked(mended, True, in_seconds)
    except ValueError as error:
        return f". repair=True does it, but then {error}"
    return "; repair=True does it"


def _nothing(raw: Raw) -> Finding | None:
    if len(raw.times):
        return None
    if not raw.labels:
        text = "there is no unit: look at the rows of the table, or the list of units"
    else:
        text = f"none of the {len(raw.labels)} units ({some(raw.labels, 5)}) has a spike"
        text += ": look at the spike times of the source"
    return Finding(text, None)


def _same_labels(raw: Raw) -> Finding | None:
    """Labels repeat over probes and segments; a table's rows cannot tell."""
    counts = Counter(raw.labels)
    if len(counts) == len(raw.labels):
        return None
    label, n = counts.most_common(1)[0]
    text = (
        f"units must have different labels, but {label!r} stands for {n} of {len(raw.labels)}: "
        "unit='id' takes the ids of an NWB file, the keys of a TsGroup or the places in a list of "
        "neo trains (which must be of one segment); unit= names another column of labels"
    )
    return Finding(text, None)


def _not_finite(raw: Raw) -> Finding | None:
    bad = ~np.isfinite(raw.times)
    if not bad.any():
        return None
    text = (
        f"{where(raw, bad)} is at {raw.times[bad.argmax()]} ({of_all(bad)}): leave such spikes out"
    )
    return Finding(text, taken(raw, ~bad))


def _placeholders(raw: Raw) -> Finding | None:
    """Find times that stand for none: the first or the last of all, again and again in a unit."""
    within = ~outside(raw)
    if not within.any():
        return None
    least, most = raw.times[within].min(), raw.times[within].max()
    for value in (least, most) if least < most else ():
        here = within & (raw.times == value)
        again = np.bincount(raw.units[here]).max()
        if again > 2 or (here.sum() > 1 and (here & _descents(raw)).sum() > 1):
            rest = raw.times[within & ~here]
            start = max((value + rest.min()) / 2, min(floor(rest.min()), 0))
            stop = min((value + rest.max()) / 2, ceil(rest.max()))
            span = (start, ceil(most)) if value == least else (min(floor(least), 0), stop)
            text = (
                f"{where(raw, here)} is at {value:g}, like {of_all(here)}: is it a placeholder? "
                f"epochs=[[{span[0]:.12g}, {span[1]:.12g}]] leaves such spikes out"
            )
            return Finding(text, None)
    return None


def _other_unit(raw: Raw) -> Finding | None:
    seen = other_unit(raw.times, raw.units)
    if seen is None:
        return None
    said = raw.seconds or 1
    rest = "if they are in s" if said == 1 else "if the source is right"
    likely = "60" if seen.endswith("minutes") else "1e-3 or seconds_per_unit='1/30000'"
    text = (
        f"{seen}, not s. Give what one of them lasts in s, as in seconds_per_unit={likely}; or "
        f"seconds_per_unit={said:g} {rest}"
    )
    return Finding(text, None)


def _negative(raw: Raw) -> Finding | None:
    """Without epochs a recording begins at time zero; what is before it has two meanings."""
    if raw.epochs is not None or raw.observed or not (raw.times < 0).any():
        return None
    bad = raw.times < 0
    first, last = floor(raw.times.min()), ceil(raw.times.max())
    text = (
        f"{where(raw, bad)} is at {raw.times[bad.argmax()]:.9g} s, before time zero "
        f"({of_all(bad)}): epochs=[[{first:.12g}, {last:.12g}]] takes such spikes for spikes"
    )
    if last > 0:
        text += f", epochs=[[0, {last:.12g}]] leaves them out"
    return Finding(text, None)


def _descending(raw: Raw) -> Finding | None:
    bad = _descents(raw)
    if not bad.any():
        return None
    first = f"{where(raw, bad)} is at {raw.times[bad.argmax()]:.9g}"
    if _starts_over(raw, bad):
        text = (
            f"{first}, where times start over ({bad.sum():,} times): put the pieces on one clock, "
            "or sort the spikes of each unit yourself if they are on one"
        )
        return Finding(text, None)
    text = f"{first}, before the spike above it ({of_all(bad)}): sort the spikes of each unit"
    return Finding(text, taken(raw, np.lexsort([raw.times, raw.units])))


def _descents(raw: Raw) -> NDArray[np.bool_]:
    """Tell which spikes are before the one above them in their unit."""
    bad = np.zeros(len(raw.times), dtype=bool)
    if (np.diff(raw.times) < 0).any():
        order = np.argsort(raw.units, kind="stable")
        times, units = raw.times[order], raw.units[order]
        bad[order[1:]] = (np.diff(times) < 0) & (np.diff(units) == 0)
    return bad


def _starts_over(raw: Raw, late: NDArray[np.bool_]) -> bool:
    """Tell pieces that each begin anew from spikes that are merely not sorted."""
    order = np.argsort(raw.units, kind="stable")
    times, units, begun = raw.times[order], raw.units[order], late[order]
    spread = np.array([np.ptp(train) if len(train) else 0.0 for train in raw.trains()])
    drops = -np.diff(times)[begun[1:]] / spread[units[begun]]
    starts = np.flatnonzero(begun | (np.diff(units, prepend=-1) > 0))
    lengths = np.diff(np.append(starts, len(order)))[begun[starts]]
    return bool(np.median(lengths) >= _FEW and np.median(drops) >= 0.5)


def _twice(raw: Raw) -> Finding | None:
    order = np.lexsort([raw.rows, raw.times, raw.units])
    same = (np.diff(raw.times[order]) == 0) & (np.diff(raw.units[order]) == 0)
    if not same.any():
        return None
    bad = np.zeros(len(order), dtype=bool)
    bad[order[1:]] = same
    text = (
        f"{where(raw, bad)} is at {raw.times[bad.argmax()]:.9g} for the second time "
        f"({of_all(bad)}): leave one of them out"
    )
    return Finding(text, taken(raw, ~bad))


def _silent(raw: Raw) -> Finding | None:
    counts = np.bincount(raw.units, minlength=len(raw.labels))
    if counts.all():
        return None
    silent = [raw.labels[unit] for unit in np.flatnonzero(counts == 0)]
    named = some(silent, 5)
    text = f"{len(silent)} of {len(counts)} units have no spike ({named}): nothing links them"
    return Finding(text, None, refused=False)
