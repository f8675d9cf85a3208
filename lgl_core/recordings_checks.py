"""What can be wrong with the spikes of a recording, said in a sentence, and mended where it can be.

Each check looks at spikes as a source has them and returns what it found; a repair is a filter, a
sort or a shift, never a guess.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lgl_core.recordings_clock import other_unit, silences
from lgl_core.recordings_raw import Label, Raw, ends, some
from lgl_core.recordings_spans import best_company, common, length, without

__all__ = ["Finding", "checked"]

# Units whose absence would give so many times more to learn from are named.
_WORTH_NAMING = 1.1
# Intervals of a file that last so many times longer than its spikes are in another unit.
_HARDLY_ONE_UNIT = 100


class Finding(NamedTuple):
    """What a check found, and the spikes without it, if that can be had."""

    text: str
    mended: Raw | None
    refused: bool = True


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
    checks = [_no_units, _same_labels, _not_finite, _no_spikes, _other_unit]
    checks += [_empty_epochs, _bad_epochs, _lifetimes, _long_intervals, _placeholders]
    checks += [_negative, _silences, _invalid, _outside_epochs]
    checks += [_starting_over, _descending, _twice, _silent]
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


# --- units and spikes --------------------------------------------------------------------------


def _no_units(raw: Raw) -> Finding | None:
    if raw.labels:
        return None
    return Finding("there is no unit: look at the rows of the table, or the list of units", None)


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


def _no_spikes(raw: Raw) -> Finding | None:
    if len(raw.times):
        return None
    named = some(raw.labels, 5)
    text = f"none of the {len(raw.labels)} units ({named}) has a spike: look at the spike times"
    return Finding(text, None)


def _not_finite(raw: Raw) -> Finding | None:
    bad = ~np.isfinite(raw.times)
    if not bad.any():
        return None
    text = f"{_where(raw, bad)} is at {raw.times[bad.argmax()]} ({_of(bad)}): leave such spikes out"
    return Finding(text, _kept(raw, ~bad))


def _placeholders(raw: Raw) -> Finding | None:
    """Find times that stand for none: the first or the last of all, again and again in a unit."""
    within = ~_outside(raw)
    if not within.any():
        return None
    least, most = raw.times[within].min(), raw.times[within].max()
    late = _descents(raw)
    for value in (least, most) if least < most else ():
        here = within & (raw.times == value)
        again = np.bincount(raw.units[here]).max()
        if again > 2 or (here & late).sum() > 1:
            rest = raw.times[within & ~here]
            start = max((value + rest.min()) / 2, min(_floor(rest.min()), 0))
            stop = min((value + rest.max()) / 2, _ceil(rest.max()))
            span = (start, _ceil(most)) if value == least else (min(_floor(least), 0), stop)
            text = (
                f"{_where(raw, here)} is at {value:g}, like {_of(here)}: is it a placeholder? "
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
    first, last = _floor(raw.times.min()), _ceil(raw.times.max())
    text = (
        f"{_where(raw, bad)} is at {raw.times[bad.argmax()]:.9g} s, before time zero "
        f"({_of(bad)}): epochs=[[{first:.12g}, {last:.12g}]] takes such spikes for spikes"
    )
    if last > 0:
        text += f", epochs=[[0, {last:.12g}]] leaves them out"
    return Finding(text, None)


def _starting_over(raw: Raw) -> Finding | None:
    """Tell pieces that each begin anew from spikes that are merely not sorted."""
    late = _descents(raw)
    if not late.any():
        return None
    order = np.argsort(raw.units, kind="stable")
    spread = np.array([np.ptp(train) if len(train) else 0.0 for train in raw.trains()])
    drops = -np.diff(raw.times[order], prepend=0) / spread[raw.units[order]]
    pieces = late.sum() + len(np.unique(raw.units))
    if len(raw.times) < 4 * pieces or np.median(drops[late[order]]) < 0.5:
        return None
    text = (
        f"{_where(raw, late)} is at {raw.times[late.argmax()]:.9g}, where times start over "
        f"({late.sum():,} times): put the pieces on one clock, or sort the spikes if they are"
    )
    return Finding(text, None)


def _descents(raw: Raw) -> NDArray[np.bool_]:
    """Tell which spikes are before the one above them in their unit."""
    order = np.argsort(raw.units, kind="stable")
    times, units = raw.times[order], raw.units[order]
    bad = np.zeros(len(times), dtype=bool)
    bad[order[1:]] = (np.diff(times) < 0) & (np.diff(units) == 0)
    return bad


def _descending(raw: Raw) -> Finding | None:
    bad = _descents(raw)
    if not bad.any():
        return None
    text = (
        f"{_where(raw, bad)} is at {raw.times[bad.argmax()]:.9g}, before the spike above it "
        f"({_of(bad)}): sort the spikes of each unit"
    )
    return Finding(text, _taken(raw, np.lexsort([raw.times, raw.units])))


def _twice(raw: Raw) -> Finding | None:
    order = np.lexsort([raw.rows, raw.times, raw.units])
    same = (np.diff(raw.times[order]) == 0) & (np.diff(raw.units[order]) == 0)
    if not same.any():
        return None
    bad = np.zeros(len(order), dtype=bool)
    bad[order[1:]] = same
    text = (
        f"{_where(raw, bad)} is at {raw.times[bad.argmax()]:.9g} for the second time ({_of(bad)}): "
        "leave one of them out"
    )
    return Finding(text, _kept(raw, ~bad))


# --- what was recorded -------------------------------------------------------------------------


def _empty_epochs(raw: Raw) -> Finding | None:
    if raw.epochs is None:
        return None
    empty = raw.epochs[:, 1] == raw.epochs[:, 0]
    if not empty.any():
        return None
    which = int(empty.argmax())
    text = f"epoch {which} ends at {raw.epochs[which, 1]:g} s, not after its start"
    if empty.all():
        return Finding(
            f"{text}, and none is longer: give starts and ends of what was recorded", None
        )
    return Finding(f"{text}: leave it out", replace(raw, epochs=raw.epochs[~empty]))


def _bad_epochs(raw: Raw) -> Finding | None:
    text = None
    if raw.epochs is not None:
        backward = raw.epochs[:, 1] < raw.epochs[:, 0]
        overlapping = raw.epochs[1:, 0] < raw.epochs[:-1, 1]
        if not len(raw.epochs) or not np.isfinite(raw.epochs).all():
            text = f"epochs must be pairs of finite times, got {raw.epochs.tolist()}"
        elif backward.any():
            start, stop = raw.epochs[backward.argmax()]
            text = f"epoch {backward.argmax()} ends at {stop:g} s, before its start at {start:g} s"
        elif overlapping.any():
            which = int(overlapping.argmax())
            text = f"epoch {which + 1} begins before epoch {which} ends"
            text += ": give epochs in order, without overlap"
    for unit, part in zip(raw.labels, raw.observed or [], strict=False):
        if not np.isfinite(part).all() or (part[:, 1] < part[:, 0]).any():
            text = f"unit {unit!r} was observed in {part.tolist()}, which are no spans of time"
    return None if text is None else Finding(text, None)


def _lifetimes(raw: Raw) -> Finding | None:
    """Keep the time in which all units were observed, and name those that cost the others much."""
    observed = {unit: part for unit, part in enumerate(raw.observed or []) if len(part)}
    if not observed:
        return None
    if raw.epochs is not None:
        observed = {unit: common([raw.epochs, part]) for unit, part in observed.items()}
    shared = common(list(observed.values()))
    mended = replace(raw, epochs=shared, observed=None)
    n_units, best = len(raw.labels), best_company(list(observed.values()))
    out = [raw.labels[unit] for unit, kept in zip(observed, best.kept, strict=True) if not kept]
    n_left = n_units - len(out)
    text = f"the {n_units} units were observed together for {length(shared):g} s"
    if n_left * best.seconds > _WORTH_NAMING * n_units * length(shared):
        text += (
            f"; without {_units(out)} it is {best.seconds:g} s of {n_left} units, as with "
            f"keep={_rest(raw.labels, out)}"
        )
    elif raw.epochs is None or length(shared) > 0.999 * length(raw.epochs):
        # Nothing to say, unless there is nothing.
        return Finding("", mended, False) if len(shared) else Finding(text, None)
    else:
        text += f" of {length(raw.epochs):g} s in the epochs"
    return Finding(text, mended, False) if len(shared) else Finding(text, None)


def _units(labels: list[Label]) -> str:
    return f"{'units' if len(labels) > 1 else 'unit'} {some(labels, 5)}"


def _rest(labels: list[Label], out: list[Label]) -> str:
    """Ask for all units but some, by the shorter list."""
    if 2 * len(out) < len(labels):
        return f'"unit not in {out}"'
    return str([label for label in labels if label not in set(out)])


def _long_intervals(raw: Raw) -> Finding | None:
    """Intervals in ms beside spikes in s look like a recording that is mostly silent."""
    if raw.epochs is None or not raw.spans_in_s or len(np.unique(raw.times)) < 2:
        return None
    recorded, fired = length(raw.epochs), np.ptp(raw.times)
    if recorded <= _HARDLY_ONE_UNIT * fired:
        return None
    text = (
        f"{recorded:g} s were recorded by the intervals of the file, but all spikes lie within "
        f"{fired:g} s: intervals are to be in s. Give epochs=[[start, stop]] in s"
    )
    return Finding(text, None)


def _silences(raw: Raw) -> Finding | None:
    """Without epochs, time before a late first spike and in pauses would count as silence."""
    if raw.epochs is not None:
        return None
    found = silences(raw.times, raw.invalid)
    if not len(found):
        return None
    last = raw.times.max()
    spans = np.append(np.append(0.0, found), last).reshape(-1, 2)
    spans = spans[spans[:, 0] < spans[:, 1]]
    given = ", ".join(f"[{_floor(a):.13g}, {_ceil(b):.13g}]" for a, b in spans[:5])
    given += ", ..." * (len(spans) > 5)
    start, stop = found[0]
    text = (
        f"no unit fires from {start:.9g} to {stop:.9g} s, and nowhere else for nearly as long: was "
        f"all of it recorded? Say what was, as in epochs=[{given}] or "
        f"epochs=[[0, {_ceil(last):.13g}]]"
    )
    return Finding(text, None)


def _floor(time: float) -> float:
    """Round down to about a ms."""
    return float(np.floor(time * 1e3) / 1e3)


def _ceil(time: float) -> float:
    return -_floor(-time)


def _invalid(raw: Raw) -> Finding | None:
    if raw.invalid is None:
        return None
    if not np.isfinite(raw.invalid).all() or (raw.invalid[:, 1] < raw.invalid[:, 0]).any():
        return Finding(f"invalid times must be spans of time, got {raw.invalid.tolist()}", None)
    recorded = np.array([ends(raw)]) if raw.epochs is None else raw.epochs
    left = without(recorded, raw.invalid)
    lost = length(recorded) - length(left)
    if not lost > 0:
        return None
    start, stop = raw.invalid[0]
    text = (
        f"{lost:g} of {length(recorded):g} s are invalid times by the file, the first from "
        f"{start:g} to {stop:g} s, and are cut out"
    )
    if not len(left):
        return Finding(f"{text}: nothing is left", None)
    return Finding(text, replace(raw, epochs=left), refused=False)


def _outside_epochs(raw: Raw) -> Finding | None:
    outside = _outside(raw)
    if raw.epochs is None or not outside.any():
        return None
    if outside.all():
        text = (
            f"no spike lies in an epoch: epochs go from {raw.epochs[0, 0]:.9g} to "
            f"{raw.epochs[-1, 1]:.9g} s, spikes from {raw.times.min():.9g} to "
            f"{raw.times.max():.9g} s. Are both in s, and on one clock?"
        )
        return Finding(text, None)
    text = f"{_where(raw, outside)} lies in no epoch ({_of(outside)}), and is left out"
    return Finding(text, _kept(raw, ~outside), refused=False)


def _outside(raw: Raw) -> NDArray[np.bool_]:
    if raw.epochs is None:
        return np.zeros(len(raw.times), dtype=bool)
    epoch = np.searchsorted(raw.epochs[:, 0], raw.times, side="right") - 1
    return (epoch < 0) | (raw.times > raw.epochs[np.maximum(epoch, 0), 1])


def _silent(raw: Raw) -> Finding | None:
    counts = np.bincount(raw.units, minlength=len(raw.labels))
    if counts.all():
        return None
    silent = [raw.labels[unit] for unit in np.flatnonzero(counts == 0)]
    named = some(silent, 5)
    text = f"{len(silent)} of {len(counts)} units have no spike ({named}): nothing links them"
    return Finding(text, None, refused=False)


def _where(raw: Raw, bad: NDArray[np.bool_]) -> str:
    spike = int(bad.argmax())
    return f"row {raw.rows[spike]} (unit {raw.labels[raw.units[spike]]!r})"


def _of(bad: NDArray[np.bool_]) -> str:
    return f"{bad.sum():,} of {len(bad):,} spikes"


def _kept(raw: Raw, mask: NDArray[np.bool_]) -> Raw:
    return _taken(raw, np.flatnonzero(mask))


def _taken(raw: Raw, order: NDArray[np.intp]) -> Raw:
    return replace(raw, times=raw.times[order], units=raw.units[order], rows=raw.rows[order])
