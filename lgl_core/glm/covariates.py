"""What else drives neurons: a stimulus, a movement, a drift, as columns of numbers over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgl_core.spikes import SpikeTrains

__all__ = ["Drive", "drive_of", "slow_baseline"]


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
        Mean and standard deviation of the covariates that were fitted.
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
        If there is no row or feature, a value is not finite, a feature never changes, or a
        ``TsdFrame`` begins after the recording.
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
    middle, spread = values.mean(axis=0), values.std(axis=0)
    if like is not None:
        middle, spread = like.middle, like.spread
    if (spread == 0).any():
        raise ValueError(
            f"covariates must change, but feature {int((spread == 0).argmax())} is always the same"
        )
    times = _bin_times(spikes, bin_width)
    if hasattr(covariates, "t"):
        steps = np.searchsorted(np.asarray(covariates.t), times, side="right") - 1
        if steps.min() < 0:
            raise ValueError(
                f"covariates must begin with the recording, got the first at {covariates.t[0]} s"
            )
    else:
        steps = np.minimum((times / spikes.duration * len(values)).astype(int), len(values) - 1)
    return Drive(values=(values - middle) / spread, step_of_bin=steps, middle=middle, spread=spread)


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
        is what the others leave of a constant.

    Raises
    ------
    ValueError
        If ``step`` is not positive, ``every`` is shorter than two of them, or the recording is
        shorter than two of ``every``.
    """
    if not 0 < 2 * step <= every:
        raise ValueError(f"every must be at least two steps of {step} s, got {every}")
    if spikes.duration < 2 * every:
        raise ValueError(
            f"every must be at most half of the {spikes.duration:g} s that were recorded, "
            f"got {every}"
        )
    n_steps = max(2, round(spikes.duration / step))
    times = (np.arange(n_steps) + 0.5) * spikes.duration / n_steps
    peaks = np.linspace(0, spikes.duration, round(spikes.duration / every) + 1)
    phase = np.pi * (times[:, np.newaxis] - peaks) / (peaks[1] - peaks[0])
    bumps = (1 + np.cos(np.clip(phase, -np.pi, np.pi))) / 2
    return bumps[:, 1:]
