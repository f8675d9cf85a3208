"""What else drives neurons: a stimulus, a movement, a drift, as columns of numbers over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.spikes import SpikeTrains

__all__ = ["Drive", "after_events", "drive_of", "slow_baseline"]

# Offset in s of the logarithm in which bumps after an event stand evenly: those within it are
# narrow, as the beginning of a response is.
_STRETCH = 20e-3
# What a bump of a baseline must reach while spikes are recorded, of its height of 1.
_NEXT_TO_NOTHING = 0.01


@dataclass(frozen=True, eq=False, kw_only=True)
class Drive:
    """Covariates on the bins of a GLM.

    Parameters
    ----------
    values : ndarray, shape (n_steps, n_features)
        In units of ``spread`` from ``middle``.
    step_of_bin : ndarray of int, shape (n_bins,)
        Which row of ``values`` holds in each bin.
    middle, spread : ndarray, shape (n_features,)
        Mean and standard deviation of the covariates that were fitted, while spikes were recorded.
    """

    values: NDArray[np.float64]
    step_of_bin: NDArray[np.int64]
    middle: NDArray[np.float64]
    spread: NDArray[np.float64]


def drive_of(
    covariates: Any, spikes: SpikeTrains, bin_width: float, like: Drive | None = None
) -> Drive:
    """Put covariates on the bins of a recording.

    Parameters
    ----------
    covariates : array_like, shape (n_steps, n_features), or pynapple.TsdFrame
        An array is spread evenly over the recording: its first row begins at 0 s, its last one ends
        with the recording. A ``TsdFrame`` has times of its own, on the clock of the spikes; between
        them the value before holds.
    spikes : SpikeTrains
    bin_width : float
        In s.
    like : Drive, optional
        Of a fit, whose units are kept. Default: a mean of 0 and a standard deviation of 1.

    Returns
    -------
    Drive

    Raises
    ------
    ValueError
        If there is no row or feature, a value is not finite, a feature never changes while spikes
        were recorded, or a ``TsdFrame`` begins after the recording.
    """
    values = np.array(getattr(covariates, "values", covariates), dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"covariates must have the shape (n_steps, n_features), got {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("covariates must be finite, got NaN or an infinity")
    times = _bin_times(spikes, bin_width)
    if hasattr(covariates, "t"):
        steps = np.searchsorted(np.asarray(covariates.t), times, side="right") - 1
        if steps.min() < 0:
            raise ValueError(
                f"covariates must begin with the recording, got the first at {covariates.t[0]} s"
            )
    else:
        steps = np.minimum((times / spikes.duration * len(values)).astype(int), len(values) - 1)
    if like is None:
        middle, spread = _middle_and_spread(values, steps)
    else:
        middle, spread = like.middle, like.spread
    return Drive(values=(values - middle) / spread, step_of_bin=steps, middle=middle, spread=spread)


def _middle_and_spread(
    values: NDArray[np.float64], steps: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average over the bins that were recorded: what happens in a gap tells nothing of spikes."""
    share = np.bincount(steps, minlength=len(values)) / len(steps)
    seen = values[share > 0]
    same = (seen == seen[0]).all(axis=0)
    if same.any():
        raise ValueError(
            "covariates must change while spikes are recorded, but feature "
            f"{int(same.argmax())} is always the same"
        )
    middle = share @ values
    return middle, np.sqrt(share @ (values - middle) ** 2)


def _bin_times(spikes: SpikeTrains, bin_width: float) -> NDArray[np.float64]:
    """Give the middle of each bin in s; bins are counted from the start of their epoch."""
    borders = spikes.bin_borders(bin_width)
    epoch = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
    within = np.arange(borders[-1]) - borders[epoch]
    return spikes.epochs[epoch, 0] + (within + 0.5) * bin_width


def slow_baseline(
    spikes: SpikeTrains, every: float = 10.0, step: float = 0.1
) -> NDArray[np.float64]:
    """Make covariates that let the rate of each neuron drift.

    Parameters
    ----------
    spikes : SpikeTrains
    every : float
        Distance of the bumps in s: what is faster is left to the couplings.
    step : float
        Length of a step in s.

    Returns
    -------
    ndarray, shape (n_steps, n_features)
        Raised cosines over the whole recording, one for every ``every`` s; without the first, which
        is what the others leave of a constant. Those that lie in a gap are left out, too.

    Raises
    ------
    ValueError
        If ``step`` is not positive, ``every`` is shorter than two of them, or the recording is
        shorter than two of ``every``.
    """
    if not 0 < 2 * step <= every:
        raise ValueError(f"every must be at least two steps of {step} s, got {every}")
    if spikes.recorded < 2 * every:
        raise ValueError(
            f"every must be at most half of the {spikes.recorded:g} s that were recorded, "
            f"got {every}"
        )
    times = _step_times(spikes, step)
    peaks = np.linspace(0, spikes.duration, round(spikes.duration / every) + 1)
    phase = np.pi * (times[:, np.newaxis] - peaks) / (peaks[1] - peaks[0])
    bumps = (1 + np.cos(np.clip(phase, -np.pi, np.pi))) / 2
    starts, ends = spikes.epochs.T
    recorded = ((times[:, np.newaxis] >= starts) & (times[:, np.newaxis] < ends)).any(axis=1)
    return bumps[:, bumps[recorded].max(axis=0, initial=0.0) > _NEXT_TO_NOTHING][:, 1:]


def after_events(
    spikes: SpikeTrains,
    events: ArrayLike,
    window: float = 0.3,
    n_bumps: int = 10,
    step: float = 2e-3,
) -> NDArray[np.float64]:
    """Make covariates that let each neuron respond to a stimulus that is repeated.

    The average response of a neuron to its trials is then fitted beside its couplings, and neurons
    that respond to the same stimulus need no synapse to explain why they fire together.

    Parameters
    ----------
    spikes : SpikeTrains
    events : array_like, shape (n_events,)
        When the stimulus began, in s, on the clock of the spikes.
    window : float
        How long a response lasts at most, in s; a whole number of steps.
    n_bumps : int
        Number of bumps.
    step : float
        Length of a step in s.

    Returns
    -------
    ndarray, shape (n_steps, n_bumps)
        Raised cosines over the time since an event, narrow at first and wide later on
        (:func:`lgl_core.glm.basis.raised_cosine_basis`), 0 elsewhere. Where the windows of two
        events overlap, their bumps add. With equal ``step``, ``numpy.hstack`` puts them beside
        those of :func:`slow_baseline`, or of other events.

    Raises
    ------
    ValueError
        If there is no event, one is not within the recording, the window is no whole number of
        steps or longer than the recording, or has fewer steps than there are bumps.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> from lgl_core.glm.covariates import after_events
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=20, cache=False)
    >>> after_events(spikes, [1.0, 6.0, 11.0], window=0.2).shape
    (10000, 10)
    """
    onsets = np.asarray(events, dtype=np.float64)
    if onsets.ndim != 1 or not onsets.size:
        raise ValueError(f"events must be a list of at least one time in s, got {events!r}")
    outside = ~((onsets >= 0) & (onsets < spikes.duration))
    if outside.any():
        raise ValueError(
            f"events must lie within the {spikes.duration:g} s of the recording, got "
            f"{onsets[outside][0]} s; take the times from the clock of the spikes"
        )
    if window > spikes.duration:
        raise ValueError(
            f"window must be at most the {spikes.duration:g} s of the recording, got {window}"
        )
    bumps = raised_cosine_basis(n_bumps, window, step, stretch=_STRETCH)
    times = _step_times(spikes, step)
    # The first step whose middle is not before the event.
    firsts = np.searchsorted(times, onsets)
    values = np.zeros((len(times), n_bumps))
    for lag, heights in enumerate(bumps):
        rows = firsts + lag
        np.add.at(values, rows[rows < len(values)], heights)
    return values


def _step_times(spikes: SpikeTrains, step: float) -> NDArray[np.float64]:
    """Give the middles of steps that divide a recording evenly."""
    n_steps = max(2, round(spikes.duration / step))
    return (np.arange(n_steps) + 0.5) * spikes.duration / n_steps
