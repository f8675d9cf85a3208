"""Spikes that a fitted GLM makes by itself, also without some of its neurons or couplings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.glm.fit import GLMFit
from lgl_core.spikes import SpikeTrains

__all__ = ["generate"]

# Bins that are drawn between two looks at the rate, in s.
_CHUNK = 1.0


def generate(
    fit: GLMFit,
    *,
    duration: float,
    before: float = 1.0,
    silenced: Sequence[int] = (),
    seed: int = 0,
    max_rate: float = 200.0,
    progress: bool = True,
) -> tuple[SpikeTrains, NDArray[np.float64]]:
    """Draw spikes from a GLM, bin by bin.

    Parameters
    ----------
    fit : GLMFit
        Without covariates.
    duration : float
        In s.
    before : float
        In s, drawn before that, from silence on, and thrown away.
    silenced : sequence of int
        Neurons that do not fire.
    seed : int
        Of the draws.
    max_rate : float
        Highest mean rate in Hz, over any second, that is taken for a working model.
    progress : bool
        Show a progress bar.

    Returns
    -------
    spikes : SpikeTrains
        Each in the middle of its bin.
    rates : ndarray, shape (n_neurons,)
        In Hz, how often each neuron was expected to fire on the way: the mean of the rates of the
        spikes, without the noise of their draw.

    Raises
    ------
    ValueError
        If the fit has covariates, a neuron that is silenced is none of the fit's, or a time is too
        short.
    RuntimeError
        If the model runs away, that is, fires above ``max_rate``.
    """
    n, width = len(fit.bias), fit.config.bin_width
    if fit.drive is not None:
        raise ValueError("fit must be without covariates: what drives the neurons is not known")
    if wrong := sorted(set(silenced) - set(range(n))):
        raise ValueError(f"silenced must be neurons from 0 to {n - 1}, got {wrong[0]}")
    n_before, n_bins = round(before / width), round(duration / width)
    if n_bins < 1 or n_before < 0:
        raise ValueError(
            f"duration must be at least a bin of {width} s, and before no less than 0 s, got "
            f"{duration} and {before}"
        )
    bias = fit.bias.copy()
    bias[list(silenced)] = -np.inf
    # By presynaptic neuron and lag: what a spike adds lies side by side for all targets.
    filters = np.ascontiguousarray(fit.filters().transpose(1, 2, 0))
    arriving = np.zeros((filters.shape[1] + 1, n))
    rng, expected = np.random.default_rng(seed), np.zeros(n)
    bins, neurons = [], []
    per_chunk = max(round(_CHUNK / width), 1)
    with tqdm(total=duration, unit="s", desc="generate", disable=not progress) as bar:
        borders = [*range(-n_before, 0, per_chunk), *range(0, n_bins, per_chunk), n_bins]
        for first, stop in pairwise(borders):
            draws = rng.random((stop - first, n))
            chances, fired = _draw(bias, filters, arriving, first + n_before, draws)
            if fired.mean() / width > max_rate:
                raise RuntimeError(
                    f"the model runs away: above max_rate = {max_rate} Hz per neuron after "
                    f"{(first + n_before) * width:g} s; fit with a larger l2, or raise max_rate"
                )
            if first >= 0:
                at, who = np.nonzero(fired)
                bins.append(first + at)
                neurons.append(who)
                expected += chances
                bar.update((stop - first) * width)
    spikes = SpikeTrains(
        times=(np.concatenate(bins) + 0.5) * width,
        neurons=np.concatenate(neurons),
        n_neurons=n,
        duration=n_bins * width,
    )
    return spikes, expected / (n_bins * width)


@njit(cache=True)
def _draw(bias, filters, arriving, first, draws):
    """Draw some bins, and add what their spikes will do to the bins to come."""
    n_bins, n = draws.shape
    n_places, n_lags = len(arriving), filters.shape[1]
    chances, fired = np.zeros(n), np.zeros((n_bins, n), np.bool_)
    for t in range(n_bins):
        here = arriving[(first + t) % n_places]
        for i in range(n):
            chance = 1.0 / (1.0 + np.exp(-(bias[i] + here[i])))
            chances[i] += chance
            fired[t, i] = draws[t, i] < chance
            here[i] = 0.0
        for j in range(n):
            if fired[t, j]:
                for lag in range(n_lags):
                    later, adds = arriving[(first + t + 1 + lag) % n_places], filters[j, lag]
                    for i in range(n):
                        later[i] += adds[i]
    return chances, fired
