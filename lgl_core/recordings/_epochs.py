"""What was recorded, as a source says it or its spikes do: what of it is wrong, or not one thing.

Each check looks at spikes as a source has them, and returns what it found.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lgl_core.recordings._clock import silences
from lgl_core.recordings._raw import (
    Finding,
    Label,
    Raw,
    ceil,
    ends,
    floor,
    of_all,
    some,
    taken,
    where,
)
from lgl_core.recordings._spans import best_company, common, length, without
from lgl_core.spikes import ROUNDING

__all__ = [
    "bad_epochs",
    "empty_epochs",
    "invalid_times",
    "late_start_or_pause",
    "lifetimes",
    "long_intervals",
    "outside",
    "outside_epochs",
]

# Units whose absence would give so many times more to learn from are named.
_WORTH_NAMING = 1.1
# Intervals of a file that last so many times longer than its spikes, if those are not few, are in
# another unit.
_HARDLY_ONE_UNIT, _ENOUGH = 100, 20


def empty_epochs(raw: Raw) -> Finding | None:
    """Leave out epochs that end where they start."""
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


def bad_epochs(raw: Raw) -> Finding | None:
    """Refuse spans that are none, or not in order."""
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
    if raw.invalid is not None and not (raw.invalid[:, 1] >= raw.invalid[:, 0]).all():
        text = f"invalid times are {raw.invalid.tolist()}, which are no spans of time"
    return None if text is None else Finding(text, None)


def lifetimes(raw: Raw) -> Finding | None:
    """Keep the time in which all units were observed, and name those that cost the others much."""
    observed = {unit: part for unit, part in enumerate(raw.observed or []) if len(part)}
    if not observed:
        return None
    if raw.epochs is not None:
        observed = {unit: common([raw.epochs, part]) for unit, part in observed.items()}
    shared = common(list(observed.values()))
    n_units, best = len(raw.labels), best_company(list(observed.values()))
    out = [raw.labels[unit] for unit, kept in zip(observed, best.kept, strict=True) if not kept]
    n_left = n_units - len(out)
    together = f"the {n_units} units were observed together for {length(shared):g} s"
    text = ""
    if n_left * best.seconds > _WORTH_NAMING * n_units * length(shared):
        text = (
            f"{together}; without {'units' if len(out) > 1 else 'unit'} {some(out, 5)} it is "
            f"{best.seconds:g} s of {n_left} units, as with keep={_all_but(raw.labels, out)}"
        )
    elif raw.epochs is not None and length(shared) < 0.999 * length(raw.epochs):
        text = f"{together} of {length(raw.epochs):g} s in the epochs"
    if not len(shared):
        return Finding(text or together, None)
    return Finding(text, replace(raw, epochs=shared, observed=None), refused=False)


def _all_but(labels: list[Label], out: list[Label]) -> str:
    """Ask for all units but some, by the shorter list."""
    if 2 * len(out) < len(labels):
        return f'"unit not in [{some([*map(repr, out)], 20)}]"'
    return f"[{some([repr(label) for label in labels if label not in set(out)], 20)}]"


def long_intervals(raw: Raw) -> Finding | None:
    """Intervals in ms beside spikes in s look like a recording that is mostly silent."""
    if raw.epochs is None or not raw.spans_in_s or len(raw.times) < _ENOUGH:
        return None
    recorded, fired = length(raw.epochs), np.ptp(raw.times)
    if recorded <= _HARDLY_ONE_UNIT * fired:
        return None
    text = (
        f"{recorded:g} s were recorded by the intervals of the file, but all spikes lie within "
        f"{fired:g} s: intervals are to be in s. Give epochs=[[start, stop]] in s"
    )
    return Finding(text, None)


def late_start_or_pause(raw: Raw) -> Finding | None:
    """Without epochs, time before a late first spike and in pauses would count as silence."""
    if raw.epochs is not None:
        return None
    found = silences(raw.times, raw.invalid)
    if not len(found):
        return None
    last = raw.times.max()
    spans = np.append(np.append(0.0, found), last).reshape(-1, 2)
    spans = spans[spans[:, 0] < spans[:, 1]]
    given = ", ".join(f"[{floor(a):.13g}, {ceil(b):.13g}]" for a, b in spans[:5])
    given += ", ..." * (len(spans) > 5)
    start, stop = found[0]
    text = (
        f"no unit fires from {start:.9g} to {stop:.9g} s, and nowhere else for nearly as long: was "
        f"all of it recorded? Say what was, as in epochs=[{given}] or "
        f"epochs=[[0, {ceil(last):.13g}]]"
    )
    return Finding(text, None)


def invalid_times(raw: Raw) -> Finding | None:
    """Cut out what the file says is no recording."""
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


def outside_epochs(raw: Raw) -> Finding | None:
    """Leave out spikes that are in no epoch."""
    bad = outside(raw)
    if raw.epochs is None or not bad.any():
        return None
    if bad.all():
        text = (
            f"no spike lies in an epoch: epochs go from {raw.epochs[0, 0]:.9g} to "
            f"{raw.epochs[-1, 1]:.9g} s, spikes from {raw.times.min():.9g} to "
            f"{raw.times.max():.9g} s. Are both in s, and on one clock?"
        )
        return Finding(text, None)
    text = f"{where(raw, bad)} lies in no epoch ({of_all(bad)}), and is left out"
    return Finding(text, taken(raw, ~bad), refused=False)


def outside(raw: Raw) -> NDArray[np.bool_]:
    """Tell which spikes are in no epoch."""
    if raw.epochs is None:
        return np.zeros(len(raw.times), dtype=bool)
    rounding = ROUNDING * np.spacing(np.abs(raw.epochs).max())
    epoch = np.searchsorted(raw.epochs[:, 0] - rounding, raw.times, side="right") - 1
    return (epoch < 0) | (raw.times > raw.epochs[np.maximum(epoch, 0), 1])
