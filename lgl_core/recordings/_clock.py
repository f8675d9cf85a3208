"""What times say of their own clock: whether they can be in s, and whether it ran all the time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lgl_core.recordings._spans import Spans, joined

__all__ = ["other_unit", "silences"]

# Fewer spikes or intervals than this may look like anything by chance.
_ENOUGH = 20

# Clocks (kHz) whose samples, told in ms, are no fraction with a denominator of at most 100.
_ODD_CLOCKS = (24.4140625, 12.20703125)
# Units that hold this rate (Hz) at most are hardly in s, nor are those that hold the second one
# for more than a day (s).
_SLOWEST, _SLOW, _DAY = 0.05, 0.1, 86_400.0
# Refractory periods: neurons have 1 to 5 ms, and none has half a second.
_LONGEST_REFRACTORY = 0.5
# Of units that fire more often (Hz), regular ones may seem to have such a refractory period.
_FASTEST_TO_ASK = 0.12
# Waveforms last longer than this, and few intervals of one unit are shorter.
_SHORTEST = 0.5e-3

# A pause lasts this much longer than the longest silence within what was recorded.
_JUMP = 10.0
# Bursts last seconds, and so do the silences between them (s).
_LONGEST_BURST = 10.0
# Chance of a silence before the first spike, at the recording's own rate, that is asked about.
_CHANCE = 1e-6
# A shorter silence than this share of the recording, or than this (s), matters to nothing.
_SHARE, _LATE = 0.01, 1.0


def other_unit(times: NDArray[np.float64], units: NDArray[np.int64]) -> str | None:
    """Say why times can hardly be in s, and in what they may be; None if they can.

    Parameters
    ----------
    times : ndarray of float, shape (n_spikes,)
        Finite, in any order.
    units : ndarray of int, shape (n_spikes,)

    Notes
    -----
    In s, a neuron fires at intervals from a few ms on; ms of a neuron are never below about 1, and
    lie on a grid of 0.1 or 1/30 if they come from a simulator or a sampled recording. Few spikes
    can be in any unit, and slow neurons in minutes look like faster ones in s.
    """
    if len(times) < _ENOUGH:
        return None
    grid = _grid(times)
    if grid is not None:
        told = "all times are whole numbers" if grid == 1 else f"all times are multiples of {grid}"
        return f"{told}: times look like samples, or ms"
    order = np.lexsort([times, units])
    intervals = np.diff(times[order])[np.diff(units[order]) == 0]
    intervals = np.sort(intervals[intervals > 0])
    span = np.ptp(times)
    if len(intervals) >= _ENOUGH:
        # The median is that of bursts, and forgives pauses of the whole recording.
        rate, n = max(np.log(2) / np.median(intervals), 1 / intervals.mean()), len(intervals)
    else:
        n = len(times)
        rate = n / (len(np.unique(units)) * span) if span > 0 else np.inf
    # Three standard errors: few slow spikes may be slower than their neurons.
    if rate * (1 + 3 / np.sqrt(n)) < _SLOWEST or (rate < _SLOW and span > _DAY):
        return f"units would fire at {rate:.2g} Hz for {span:.4g} s: times look like ms, or samples"
    if len(intervals) < _ENOUGH:
        return None
    n_short = int((intervals < _SHORTEST).sum())
    if n_short > max(_ENOUGH / 2, 0.1 * len(intervals)):
        share = n_short / len(intervals)
        return f"{share:.0%} of a unit's intervals are below 0.5 ms: times look like minutes"
    rest = _refractory(intervals)
    if rest is not None:
        return f"units would rest for {rest:.2g} s after each spike: times look like ms"
    return None


def _grid(times: NDArray[np.float64]) -> float | str | None:
    """Find the coarsest grid that holds all times, down to 0.01."""
    for per_unit in (*range(1, 101), *_ODD_CLOCKS):
        if _on_grid(times[:100], per_unit) and _on_grid(times, per_unit):
            return 1 / per_unit if per_unit in (1, 10) else f"1/{per_unit:g}"
    return None


def _on_grid(times: NDArray[np.float64], per_unit: float) -> bool:
    steps = times * per_unit
    # Files round: 12.3333 is 370 / 30.
    return bool((np.abs(steps - np.round(steps)) < 0.01).all())


def _refractory(intervals: NDArray[np.float64]) -> float | None:
    """Find a rest after each spike that no neuron needs; a few intervals may violate it."""
    violations = int(0.005 * len(intervals))
    rest = float(intervals[violations])
    expected = len(intervals) * -np.expm1(-np.log(2) * rest / np.median(intervals))
    slow = 1 / intervals.mean() < _FASTEST_TO_ASK
    if rest >= _LONGEST_REFRACTORY and slow and 7 + 3 * violations < expected:
        return rest
    return None


def silences(times: NDArray[np.float64], invalid: Spans | None = None) -> Spans:
    """Find what may not have been recorded: before the first spike, and in pauses.

    Parameters
    ----------
    times : ndarray of float, shape (n_spikes,)
        In s, none before 0, at least one.
    invalid : ndarray of float, shape (n, 2), optional
        Spans that are known to be no silence.

    Returns
    -------
    ndarray of float, shape (n_silences, 2)
        From one spike (or 0) to the next, as far as the rest of the recording makes such a
        silence all but impossible.
    """
    times = np.sort(times)
    clock = _valid_clock(np.append(0.0, times), invalid)
    pauses = _pauses(np.diff(clock[1:]))
    at = np.flatnonzero(np.append(_is_late(clock[1:], pauses), pauses))
    return np.stack([np.append(0.0, times)[at], times[at]], axis=1)


def _valid_clock(times: NDArray[np.float64], invalid: Spans | None) -> NDArray[np.float64]:
    """Let no time pass during invalid spans."""
    if invalid is None or not len(invalid):
        return times
    spans = joined(invalid)
    passed = np.cumsum(spans[:, 1] - spans[:, 0])
    lost = np.stack([np.append(0.0, passed[:-1]), passed], axis=1)
    return times - np.interp(times, spans.ravel(), lost.ravel())


def _pauses(gaps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell pauses from the silence between bursts: what lies between pauses lasts longer."""
    ordered = np.sort(gaps)
    jumps = (ordered[1:] >= _JUMP * ordered[:-1]) & (ordered[1:] >= _LONGEST_BURST)
    for least in ordered[1:][jumps][::-1]:
        pauses = gaps >= least
        within = np.cumsum(np.where(pauses, 0, gaps))
        runs = np.diff(np.concatenate([[0], within[pauses], within[-1:]]))
        if len(gaps) >= _ENOUGH and np.median(runs) >= _LONGEST_BURST:
            return pauses
    return np.zeros(len(gaps), dtype=bool)


def _is_late(times: NDArray[np.float64], pauses: NDArray[np.bool_]) -> bool:
    if len(times) < 2 or not times[0] > 0:
        return False
    gaps = np.diff(times)[~pauses]
    recorded = times[0] + gaps.sum()
    # Spikes anywhere from 0 on: the chance that all but the first stay out of the silence.
    with np.errstate(divide="ignore"):
        log_chance = len(gaps) * np.log1p(-times[0] / recorded)
    longest = max(3 * gaps.max(initial=0), _LATE, _SHARE * recorded)
    return bool(log_chance < np.log(_CHANCE) and times[0] > longest)
