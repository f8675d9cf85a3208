"""What can be wrong with the spikes of a recording, said in a sentence, and mended where it can be.

Each check looks at spikes as a source has them and returns what it found; a repair is a filter, a
sort or a shift, never a guess.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lgl_core.recordings_raw import Raw, some

__all__ = ["Finding", "checked"]

# Mean rate (Hz) over units that fire, and span (s), beyond which times are hardly in s.
_SLOWEST, _FASTEST = 0.02, 1000.0
_LONGEST = 86_400.0
# Fewer spikes than this may all be whole numbers by chance.
_ENOUGH_TO_TELL = 20


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
    checks = [_not_finite, *([] if in_seconds else [_other_unit]), _descending, _twice]
    for check in [*checks, _bad_epochs, _outside_epochs, _negative, _silent]:
        found = check(raw)
        if found is None:
            continue
        if found.mended is not None and (repair or not found.refused):
            warnings.warn(f"{found.text}: mended", stacklevel=3)
            raw = found.mended
        elif found.refused:
            remedy = "; repair=True does it" if found.mended is not None else ""
            raise ValueError(found.text + remedy)
        else:
            warnings.warn(found.text, stacklevel=3)
    return raw


def _not_finite(raw: Raw) -> Finding | None:
    bad = ~np.isfinite(raw.times)
    if not bad.any():
        return None
    text = f"{_where(raw, bad)} is at {raw.times[bad.argmax()]} ({_of(bad)}): leave such spikes out"
    return Finding(text, _kept(raw, ~bad))


def _other_unit(raw: Raw) -> Finding | None:
    """Recognise milliseconds and samples by rates that no neuron has."""
    times = raw.times
    if len(times) < _ENOUGH_TO_TELL:
        return None
    span, active = np.ptp(times), len(np.unique(raw.units))
    rate = len(times) / (active * span) if span > 0 else np.inf
    if (times == np.round(times)).all():
        seen, likely = "all times are whole numbers", "samples, or ms"
    elif rate < _SLOWEST or span > _LONGEST:
        seen, likely = f"units would fire at {rate:.2g} Hz for {span:.4g} s", "ms, or samples"
    elif rate > _FASTEST:
        seen, likely = f"units would fire at {rate:.2g} Hz", "minutes, or hours"
    else:
        return None
    text = (
        f"{seen}: times look like {likely}, not s. Give what one of them lasts in s, as in "
        "seconds_per_unit=1e-3, or seconds_per_unit=1 if they are in s"
    )
    return Finding(text, None)


def _descending(raw: Raw) -> Finding | None:
    order = np.argsort(raw.units, kind="stable")
    times, units = raw.times[order], raw.units[order]
    earlier = np.append(False, (np.diff(times) < 0) & (np.diff(units) == 0))
    if not earlier.any():
        return None
    bad = np.zeros(len(times), dtype=bool)
    bad[order] = earlier
    first = order[earlier.argmax()]
    text = (
        f"{_where(raw, bad, first)} is at {raw.times[first]:.9g}, before the spike above it "
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


def _bad_epochs(raw: Raw) -> Finding | None:
    if raw.epochs is None:
        return None
    if not len(raw.epochs) or not np.isfinite(raw.epochs).all():
        return Finding(f"epochs must be pairs of finite times, got {raw.epochs.tolist()}", None)
    empty = raw.epochs[:, 1] <= raw.epochs[:, 0]
    if empty.any():
        which = int(empty.argmax())
        text = f"epoch {which} ends at {raw.epochs[which, 1]:g} s, not after its start"
        return Finding(f"{text}: leave it out", replace(raw, epochs=raw.epochs[~empty]))
    overlapping = raw.epochs[1:, 0] < raw.epochs[:-1, 1]
    if overlapping.any():
        which = int(overlapping.argmax())
        text = f"epoch {which + 1} begins before epoch {which} ends"
        return Finding(f"{text}: give epochs in order, without overlap", None)
    return None


def _outside_epochs(raw: Raw) -> Finding | None:
    if raw.epochs is None:
        return None
    epoch = np.searchsorted(raw.epochs[:, 0], raw.times, side="right") - 1
    outside = (epoch < 0) | (raw.times > raw.epochs[np.maximum(epoch, 0), 1])
    if not outside.any():
        return None
    text = f"{_where(raw, outside)} lies in no epoch ({_of(outside)}), and is left out"
    return Finding(text, _kept(raw, ~outside), refused=False)


def _negative(raw: Raw) -> Finding | None:
    """Without epochs a recording begins at time zero."""
    if raw.epochs is not None or not (raw.times < 0).any():
        return None
    bad = raw.times < 0
    text = (
        f"{_where(raw, bad)} is at {raw.times[bad.argmax()]:.9g} s, before time zero "
        f"({_of(bad)}): give epochs that begin earlier"
    )
    span = raw.times.min(), np.nextafter(raw.times.max(), np.inf)
    return Finding(text, replace(raw, epochs=np.array([span])))


def _silent(raw: Raw) -> Finding | None:
    counts = np.bincount(raw.units, minlength=len(raw.labels))
    if counts.all():
        return None
    silent = [raw.labels[unit] for unit in np.flatnonzero(counts == 0)]
    named = some(silent, 5)
    text = f"{len(silent)} of {len(counts)} units have no spike ({named}): nothing links them"
    return Finding(text, None, refused=False)


def _where(raw: Raw, bad: NDArray[np.bool_], spike: int | None = None) -> str:
    spike = int(bad.argmax()) if spike is None else spike
    return f"row {raw.rows[spike]} (unit {raw.labels[raw.units[spike]]!r})"


def _of(bad: NDArray[np.bool_]) -> str:
    return f"{bad.sum():,} of {len(bad):,} spikes"


def _kept(raw: Raw, mask: NDArray[np.bool_]) -> Raw:
    return _taken(raw, np.flatnonzero(mask))


def _taken(raw: Raw, order: NDArray[np.intp]) -> Raw:
    return replace(raw, times=raw.times[order], units=raw.units[order], rows=raw.rows[order])
