"""Graphs from calcium imaging: fluorescence made of spikes, spikes found in it, and a fit to them.

Graphs are ``[post, pre]`` with a zero diagonal. Where nothing shines there are zeros, never NaN.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from lgl_core.spikes import SpikeTrains

__all__ = ["calcium_connectivity", "calcium_fluorescence", "spikes_per_frame"]

Graph = NDArray[np.float64]

# A fit has ended when no standardised weight moves further.
_TOLERANCE = 1e-3
_MOST_STEPS = 40
# Largest logarithm of a rate over its mean: keeps a step that is too long finite.
_MOST_LOG_RATE = 8.0
# A neuron with less than so much of a spike in all frames is taken for silent.
_SILENT = 0.5


def calcium_fluorescence(
    spikes: SpikeTrains,
    frame_rate: float = 60.0,
    decay: float = 0.5,
    noise: float = 0.3,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Simulate what a microscope sees of the spikes.

    Parameters
    ----------
    spikes : SpikeTrains
    frame_rate : float
        Frames per s.
    decay : float
        Time constant in s with which calcium leaves the cell.
    noise : float
        Standard deviation of the noise in a frame, in units of what one spike adds.
    seed : int
        Same seed, same noise.

    Returns
    -------
    ndarray, shape (n_frames, n_neurons)
        Frames of all epochs, one epoch after the other; calcium starts at zero in each.

    Raises
    ------
    ValueError
        If ``frame_rate`` or ``decay`` is not positive, ``noise`` is negative, or a frame does not
        fit into an epoch.

    Notes
    -----
    Mishchenko, Vogelstein and Paninski, A Bayesian approach for inferring neuronal connectivity
    from calcium fluorescent imaging data (2011): calcium ``C[t] = g C[t-1] + n[t]`` with ``n``
    spikes in the frame and ``g = exp(-1 / (frame_rate decay))``, and fluorescence
    ``F[t] = C[t] + noise e[t]`` with ``e`` standard normal. Neither the saturation of the dye, nor
    noise of the calcium itself, nor noise that grows with the signal is simulated.
    """
    kept = _kept_share(frame_rate, decay)
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise must be 0 or a positive number, got {noise}")
    calcium = spikes.binned(1 / frame_rate).astype(np.float64)
    _accumulate(calcium, spikes.bin_borders(1 / frame_rate), kept)
    return calcium + noise * np.random.default_rng(seed).standard_normal(calcium.shape)


def spikes_per_frame(
    fluorescence: ArrayLike, frame_rate: float = 60.0, decay: float = 0.5
) -> NDArray[np.float64]:
    """Find the spikes whose calcium comes closest to the fluorescence.

    Parameters
    ----------
    fluorescence : array_like, shape (n_frames, n_neurons)
        In units of what one spike adds, from a baseline of zero.
    frame_rate, decay : float
        As for :func:`calcium_fluorescence`.

    Returns
    -------
    ndarray, shape (n_frames, n_neurons)
        Spikes per frame, not whole numbers and never negative. Zero in the first frame: what is
        there may have come earlier.

    Raises
    ------
    ValueError
        If ``fluorescence`` is no finite matrix, or a number is not positive.

    Notes
    -----
    Minimises ``sum_t (F[t] - C[t])**2`` for ``n[t] = C[t] - g C[t-1] >= 0``. Frames are put into
    pools that calcium decays through; a pool that starts below what is left of the one before
    joins it, so that each frame is visited once or twice.
    """
    kept = _kept_share(frame_rate, decay)
    frames = _checked_frames(fluorescence)
    found = np.zeros(frames.shape)
    _deconvolve(frames, kept, found)
    return found


def calcium_connectivity(
    fluorescence: ArrayLike,
    frame_rate: float = 60.0,
    decay: float = 0.5,
    ridge: float = 0.1,
    same_frame: bool = True,
    likelihood: Literal["poisson", "quadratic"] = "poisson",
) -> Graph:
    """Explain the spikes found in each neuron's fluorescence by those found in the others'.

    Parameters
    ----------
    fluorescence : array_like, shape (n_frames, n_neurons)
        As for :func:`spikes_per_frame`.
    frame_rate, decay : float
        As for :func:`calcium_fluorescence`.
    ridge : float
        Precision of a normal prior of the standardised weights, per expected spike.
    same_frame : bool
        Whether a spike also acts within its own frame. Synapses are faster than frames: without
        this most of what they do is missed; with it, directions are told less surely.
    likelihood : {"poisson", "quadratic"}
        Whether the fit goes on to its end, or its first step is taken for the whole: least
        squares, much faster.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: change of the logarithm of post's rate per spike of pre, both frames
        together; for ``"quadratic"`` change of the rate as a share of its mean.

    Raises
    ------
    ValueError
        As :func:`spikes_per_frame`; if there are fewer than three frames, ``ridge`` is not
        positive, or ``likelihood`` is unknown.

    Notes
    -----
    The model of Mishchenko, Vogelstein and Paninski (2011) is a spike in frame ``t`` with
    probability ``1 - exp(-exp(J_i[t]) / frame_rate)``, with
    ``J_i[t] = b_i + sum_j W_ij h_j[t]`` and ``h_j`` what is left of the spikes of ``j``, seen
    through fluorescence.

    They sample the hidden spikes by Monte Carlo and alternate that with the fit of ``W`` until
    the two agree. Here spikes are found once, by :func:`spikes_per_frame`, each neuron alone, and
    are taken as they are: what ``W`` implies does not improve them, and their doubt is not passed
    on. The probability is small, so that the likelihood is that of a Poisson count,
    ``sum_t n_i[t] J_i[t] - exp(J_i[t])``. ``h_j`` is the count of the frame and that of the frame
    before, with a weight each. The prior of ``W`` is normal, not sparse, and knows nothing of
    Dale's principle. All neurons are fitted at once by steps with the Hessian at ``W = 0``.
    """
    if not 0 < ridge < np.inf:
        raise ValueError(f"ridge must be a positive number, got {ridge}")
    if likelihood not in ("poisson", "quadratic"):
        raise ValueError(f"likelihood must be 'poisson' or 'quadratic', got {likelihood!r}")
    found = spikes_per_frame(fluorescence, frame_rate, decay)
    if len(found) < 3:
        raise ValueError(f"fluorescence must have three frames or more, got {len(found)}")
    n_neurons = found.shape[1]
    active = np.flatnonzero(found[1:-1].sum(axis=0) >= _SILENT)
    graph = np.zeros((n_neurons, n_neurons))
    if len(active) > 1:
        found = found[:, active]
        parts = [found[:-1], found[1:]] if same_frame else [found[:-1]]
        regressors = np.concatenate(parts, axis=1)
        n_steps = _MOST_STEPS if likelihood == "poisson" else 0
        weights = _poisson_weights(regressors, found[1:], ridge, same_frame, n_steps)
        graph[np.ix_(active, active)] = np.sum(np.split(weights, len(parts)), axis=0).T
    np.fill_diagonal(graph, 0)
    return graph


def _kept_share(frame_rate: float, decay: float) -> float:
    for name, value, unit in (("frame_rate", frame_rate, "Hz"), ("decay", decay, "s")):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number of {unit}, got {value}")
    return float(np.exp(-1 / (frame_rate * decay)))


def _checked_frames(fluorescence: ArrayLike) -> NDArray[np.float64]:
    frames = np.asarray(fluorescence, np.float64)
    if frames.ndim != 2 or not frames.size or not np.isfinite(frames).all():
        raise ValueError(
            f"fluorescence must be finite, frames by neurons, got an array of shape {frames.shape}"
        )
    return frames


def _poisson_weights(
    regressors: NDArray, counts: NDArray, ridge: float, same_frame: bool, n_steps: int
) -> NDArray[np.float64]:
    """Fit one weight per regressor to each neuron's counts, (n_regressors, n_neurons).

    With ``same_frame`` the last regressors are the counts themselves, and a neuron's own is left
    out of its fit. With no steps the first one stands, checked by nothing.
    """
    n_frames, n_neurons = counts.shape
    deviations = regressors.std(axis=0)
    deviations[deviations == 0] = 1
    design = (regressors - regressors.mean(axis=0)) / deviations
    means = counts.mean(axis=0)
    # Of the mean log likelihood per expected spike: the same for all neurons while W is 0.
    hessian = design.T @ design / n_frames + ridge * np.eye(design.shape[1])
    inverse = np.linalg.inv(hessian)
    neurons = np.arange(n_neurons)
    own = len(inverse) - n_neurons + neurons

    def step(slopes: NDArray) -> NDArray:
        whole = inverse @ slopes
        if not same_frame:
            return whole
        # As if the neuron's own regressor were in neither the slopes nor the Hessian.
        return whole - inverse[:, own] * (whole[own, neurons] / np.diagonal(inverse)[own])

    def evaluated(weights: NDArray) -> tuple[NDArray, NDArray]:
        inputs = np.minimum(design @ weights, _MOST_LOG_RATE)
        # The best intercept makes the mean rate right, whatever the weights.
        rates = np.exp(inputs)
        scale = rates.mean(axis=0)
        value = (counts * inputs).mean(axis=0) / means - np.log(scale)
        slopes = design.T @ (counts / means - rates / scale) / n_frames - ridge * weights
        return value - ridge * (weights**2).sum(axis=0) / 2, slopes

    weights = np.zeros((len(inverse), n_neurons))
    value, slopes = evaluated(weights)
    if not n_steps:
        return step(slopes) / deviations[:, None]
    length = np.ones(n_neurons)
    for _ in range(n_steps):
        move = length * step(slopes)
        new_value, new_slopes = evaluated(weights + move)
        # Each neuron has a fit of its own: it goes on, or tries half the way.
        better = new_value >= value
        weights[:, better] += move[:, better]
        slopes[:, better] = new_slopes[:, better]
        value = np.where(better, new_value, value)
        length = np.where(better, np.minimum(1.2 * length, 1), length / 2)
        if better.all() and np.abs(move).max() < _TOLERANCE:
            break
    return weights / deviations[:, None]


@njit(cache=True, nogil=True)
def _accumulate(calcium, borders, kept):
    """Turn counts into calcium in place, from zero in each epoch."""
    for epoch in range(len(borders) - 1):
        for frame in range(borders[epoch] + 1, borders[epoch + 1]):
            for neuron in range(calcium.shape[1]):
                calcium[frame, neuron] += kept * calcium[frame - 1, neuron]


@njit(cache=True, nogil=True)
def _deconvolve(frames, kept, found):
    """Pool frames from left to right; what a pool starts with above the decay is its spikes."""
    n_frames = len(frames)
    value, weight = np.empty(n_frames), np.empty(n_frames)
    start = np.empty(n_frames + 1, np.int64)
    for neuron in range(frames.shape[1]):
        last = -1
        for frame in range(n_frames):
            last += 1
            value[last], weight[last], start[last] = frames[frame, neuron], 1.0, frame
            while last > 0:
                decayed = kept ** (start[last] - start[last - 1])
                if value[last] >= decayed * max(value[last - 1], 0.0):
                    break
                # The two share one start: the mean of both, weighted by how well each tells it.
                before, here = weight[last - 1], weight[last] * decayed**2
                total = before * value[last - 1] + here * value[last] / decayed
                value[last - 1], weight[last - 1] = total / (before + here), before + here
                last -= 1
        start[last + 1] = n_frames
        for pool in range(1, last + 1):
            decayed = kept ** (start[pool] - start[pool - 1])
            jump = max(value[pool], 0.0) - decayed * max(value[pool - 1], 0.0)
            found[start[pool], neuron] = max(jump, 0.0)
