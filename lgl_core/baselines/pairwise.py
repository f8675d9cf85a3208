"""Graphs from spikes alone, without a fitted model: what every model must be seen beside.

Graphs are ``[post, pre]`` with a zero diagonal. A silent neuron has zeros, never NaN.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lgl_core.spikes import SpikeTrains

__all__ = [
    "correlation",
    "correlogram_z",
    "covariance",
    "lag_counts",
    "partial_covariance",
    "rate_product",
    "shifted_in_time",
]

# Eigenvalues below this share of the largest one are rounding: the matrix has no inverse.
_ROUNDING = 1e-12


def rate_product(spikes: SpikeTrains) -> NDArray[np.float64]:
    """Multiply the mean rates of each two neurons: a graph that knows nothing but rates.

    Parameters
    ----------
    spikes : SpikeTrains

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Symmetric, in Hz².
    """
    return _without_diagonal(np.outer(spikes.rates, spikes.rates))


def covariance(spikes: SpikeTrains, bin_width: float = 0.01) -> NDArray[np.float64]:
    """Take the covariance of the spike counts of each two neurons.

    Parameters
    ----------
    spikes : SpikeTrains
    bin_width : float
        Width of the bins in s in which spikes are counted.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Symmetric, in spikes² per bin. It cannot tell who drives whom.

    Raises
    ------
    ValueError
        If ``bin_width`` is not positive or leaves fewer than two bins.
    """
    return _without_diagonal(_count_covariance(spikes, bin_width)[0])


def correlation(spikes: SpikeTrains, bin_width: float = 0.01) -> NDArray[np.float64]:
    """Correlate the spike counts of each two neurons.

    Parameters
    ----------
    spikes : SpikeTrains
    bin_width : float
        As for :func:`covariance`.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Symmetric, between -1 and 1; zero for a neuron whose count never changes. Unlike a
        covariance it does not say who fires much.

    Raises
    ------
    ValueError
        As :func:`covariance`.
    """
    covariances, _ = _count_covariance(spikes, bin_width)
    deviations = np.sqrt(np.diagonal(covariances))
    scales = np.outer(deviations, deviations)
    scaled = np.divide(covariances, scales, out=np.zeros_like(scales), where=scales > 0)
    return _without_diagonal(scaled)


def partial_covariance(
    spikes: SpikeTrains, bin_width: float = 0.01, shrinkage: float | None = None
) -> NDArray[np.float64]:
    """Correlate the spike counts of each two neurons, given the counts of all others.

    Parameters
    ----------
    spikes : SpikeTrains
    bin_width : float
        As for :func:`covariance`.
    shrinkage : float, optional
        How far correlations are drawn to zero before the inversion, from 0 (not at all) to 1
        (entirely). Default: from the data, see below.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Partial correlations, symmetric, between -1 and 1. Neurons whose count never changes have
        zeros and take no part in the inversion.

    Raises
    ------
    ValueError
        As :func:`covariance`; if ``shrinkage`` is not between 0 and 1; or if it is 0 and the
        correlations have no inverse, for instance since two neurons always fire together.

    Notes
    -----
    With ``R`` the correlations of the counts, ``P = ((1 - shrinkage) R + shrinkage I)^-1`` and
    the result is ``-P[i, j] / sqrt(P[i, i] P[j, j])``. Shrinking correlations and not covariances
    treats neurons of high and of low rate alike.

    By default ``shrinkage = c / (m + c)``, where ``m`` is the mean of ``R**2`` off the diagonal
    and ``c = 1 / (n_bins - 1)`` what ``m`` would be near if no neuron had to do with another. So
    it is near 0 for a long recording and one half where there is nothing to find; it is never 0,
    hence the inverse always exists. Close to ``min(1, c / m)``, which follows from Schäfer and
    Strimmer, A shrinkage approach to large-scale covariance matrix estimation (2005), but never
    sets a whole graph to zero, which no score could be made of.
    """
    if shrinkage is not None and not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage must lie between 0 and 1, got {shrinkage}")
    covariances, n_bins = _count_covariance(spikes, bin_width)
    variances = np.diagonal(covariances)
    varying = np.flatnonzero(variances)
    partial = np.zeros(covariances.shape)
    if len(varying) > 1:
        pairs = np.ix_(varying, varying)
        deviations = np.sqrt(variances[varying])
        correlations = covariances[pairs] / np.outer(deviations, deviations)
        if shrinkage is None:
            shrinkage = _share_of_chance(correlations, n_bins)
        partial[pairs] = _partial_correlations(correlations, shrinkage)
    return _without_diagonal(partial)


def correlogram_z(
    spikes: SpikeTrains,
    start: float = 0.001,
    stop: float = 0.004,
    baseline: Literal["stationary", "local"] = "stationary",
    flanks: tuple[float, float] = (0.02, 0.05),
) -> NDArray[np.float64]:
    """Tell how surprising it is that one neuron fires so often, or so seldom, after another.

    Parameters
    ----------
    spikes : SpikeTrains
    start, stop : float
        Lags in s: how long after ``pre`` a spike of ``post`` counts, ``start <= lag < stop``.
    baseline : {"stationary", "local"}
        What the count is held against: that of independent neurons with the same rates, constant
        in time; or that seen at the lags of ``flanks``, which follows rates that rise and fall
        together, as long as they do so slowly.
    flanks : tuple of float
        First and last lag in s of the local baseline, used on both sides of zero.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        z-scores, ``[post, pre]``: positive where spikes of ``pre`` are followed by spikes of
        ``post``, negative where these stay away, as after inhibition. Near a standard normal
        number for independent neurons that are expected to meet more than a few times.

    Raises
    ------
    ValueError
        If lags or flanks do not satisfy ``0 <= first < last <= duration``, the flanks begin
        before ``stop``, no epoch is longer than their first lag, or ``baseline`` is unknown.

    Notes
    -----
    The cross-correlogram of Perkel, Gerstein and Moore, Neuronal spike trains and stochastic
    point processes II (1967). Two independent stationary neurons of ``n_post`` and ``n_pre``
    spikes meet ``e = n_post n_pre (stop - start) (T - (start + stop) / 2) / T**2`` times within
    a recording of length ``T``; late spikes have fewer partners, hence the second bracket. The
    z-score of a count ``c`` is ``(c - e) / sqrt(e)``.

    The local baseline counts ``f`` at the flanks, which are ``1 / s`` times as wide. Both counts
    are random: ``z = (c - s f) / sqrt(s (c + f))``, equation 9 of Li and Ma, Analysis methods for
    results in gamma-ray astronomy (1983).

    A z-score grows with the number of spikes: it measures evidence, not strength.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=20, cache=False)
    >>> lgl.correlogram_z(spikes).shape
    (20, 20)
    """
    if baseline not in ("stationary", "local"):
        raise ValueError(f"baseline must be 'stationary' or 'local', got {baseline!r}")
    counts = lag_counts(spikes, start, stop)
    chance = _chance_of_lag("start", start, stop, spikes)
    if baseline == "stationary":
        n_spikes = spikes.rates * spikes.recorded
        expected = _without_diagonal(np.outer(n_spikes, n_spikes)) * chance
        return _ratio(counts - expected, np.sqrt(expected))
    if not stop <= flanks[0]:
        raise ValueError(f"flanks must begin at stop = {stop} s or later, got {flanks}")
    after = lag_counts(spikes, *flanks)
    beside = after + after.T  # a lag of j after i is a negative one of i after j
    scale = chance / (2 * _chance_of_lag("flanks", *flanks, spikes))
    return _ratio(counts - scale * beside, np.sqrt(scale * (counts + beside)))


def lag_counts(spikes: SpikeTrains, start: float, stop: float) -> NDArray[np.float64]:
    """Count how often one neuron fires a given time after another: a bin of the correlogram.

    Parameters
    ----------
    spikes : SpikeTrains
    start, stop : float
        Lags in s: ``start <= lag < stop``, each to within the resolution of the times.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: number of pairs of a spike of ``pre`` and one of ``post`` at such a lag
        after it. At ``start = 0`` two spikes of the same time count for both directions.

    Raises
    ------
    ValueError
        If not ``0 <= start < stop <= duration``.
    """
    if not 0 <= start < stop <= spikes.duration:
        raise ValueError(
            f"lags must satisfy 0 <= first < last <= duration = {spikes.duration} s, "
            f"got {start} and {stop}"
        )
    counts = np.zeros((spikes.n_neurons, spikes.n_neurons), np.int64)
    bounds = spikes.bounds()
    # On a grid of times a difference comes out a little below the lag that it is.
    lags = start - spikes.resolution, stop - spikes.resolution
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        _add_lags(spikes.times[first:last], spikes.neurons[first:last], *lags, counts)
    return _without_diagonal(counts.T.astype(np.float64))


def shifted_in_time(spikes: SpikeTrains, seed: int = 0) -> SpikeTrains:
    """Shift each neuron's spikes by a time of its own: a recording in which no one drives anyone.

    Parameters
    ----------
    spikes : SpikeTrains
    seed : int
        Same seed, same shifts.

    Returns
    -------
    SpikeTrains
        Of the same neurons and duration. A train that leaves the recording at its end comes in
        again at the beginning, so that rates stay, and the intervals of each neuron do, too,
        but for the one across that border.
    """
    offsets = np.random.default_rng(seed).uniform(0, spikes.recorded, spikes.n_neurons)
    # On a clock that stands still in the gaps. Offsets are real numbers: no two neurons come to
    # share a time, so there are no ties to break.
    lengths = spikes.epochs[:, 1] - spikes.epochs[:, 0]
    skipped = spikes.epochs[:, 0] - (np.cumsum(lengths) - lengths)
    ours = spikes.times - np.repeat(skipped, np.diff(spikes.bounds()))
    times = (ours + offsets[spikes.neurons]) % spikes.recorded
    epoch = np.searchsorted(np.cumsum(lengths), times, side="right")
    times += skipped[np.minimum(epoch, len(lengths) - 1)]
    return spikes.moved(times)


def _without_diagonal(graph: NDArray) -> NDArray[np.float64]:
    np.fill_diagonal(graph, 0)
    return graph


def _count_covariance(spikes: SpikeTrains, bin_width: float) -> tuple[NDArray[np.float64], int]:
    """Return the covariance of counts, variances on the diagonal, and the number of bins."""
    cells, n_bins = spikes.cells(bin_width)
    if n_bins < 2:
        raise ValueError(
            f"bin_width must leave two bins or more of {spikes.duration} s, got {bin_width}"
        )
    # Most bins of most neurons are empty: only the others are stored, and multiplied.
    bins, neurons = np.divmod(cells, spikes.n_neurons)
    ones = np.ones(len(cells), np.int64)
    counts = csr_array((ones, (bins, neurons)), shape=(n_bins, spikes.n_neurons))
    totals = np.bincount(neurons, minlength=spikes.n_neurons)
    products = (counts.T @ counts).toarray()
    # In whole numbers up to here, so that a count that never changes has variance 0 exactly.
    exact = n_bins * products - np.outer(totals, totals)
    return exact / (n_bins * (n_bins - 1)), n_bins


def _share_of_chance(correlations: NDArray, n_bins: int) -> float:
    n_neurons = len(correlations)
    # The ones on the diagonal are no pairs.
    mean_square = ((correlations**2).sum() - n_neurons) / (n_neurons * (n_neurons - 1))
    return 1 / (1 + (n_bins - 1) * max(mean_square, 0))


def _partial_correlations(correlations: NDArray, shrinkage: float) -> NDArray[np.float64]:
    shrunk = (1 - shrinkage) * correlations + shrinkage * np.eye(len(correlations))
    values, vectors = np.linalg.eigh(shrunk)
    if values[0] <= _ROUNDING * values[-1]:
        raise ValueError(
            f"shrinkage must be larger than {shrinkage}: the counts of some neurons follow from "
            "those of others, and their correlations have no inverse"
        )
    inverse = (vectors / values) @ vectors.T
    # Symmetric to the last bit: two directions of a pair that differ by rounding are no tie, and
    # whatever ranks them tells the processor.
    inverse = (inverse + inverse.T) / 2
    scale = np.sqrt(np.diagonal(inverse))
    return -inverse / np.outer(scale, scale)


def _chance_of_lag(name: str, start: float, stop: float, spikes: SpikeTrains) -> float:
    """Return how likely one of two spikes, thrown in anywhere, follows the other by such a lag.

    It is above 0, or lags so long are refused, by ``name``.
    """
    lengths = spikes.epochs[:, 1] - spikes.epochs[:, 0]
    # An epoch of length L has room for a pair with lag x in L - x; none if it is shorter.
    room = sum(_room(length, start, stop) for length in lengths)
    if not room > 0:
        raise ValueError(
            f"{name} must begin below the {lengths.max():g} s that the longest epoch lasts, got "
            f"{start} s: give shorter lags, or longer epochs"
        )
    return float(room) / spikes.recorded**2


def _room(length: float, start: float, stop: float) -> float:
    """Integrate ``length - lag`` over the lags that fit."""
    stop = min(stop, length)
    return max((stop - start) * (length - (start + stop) / 2), 0.0) if stop > start else 0.0


def _ratio(above: NDArray, below: NDArray) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


@njit(cache=True, nogil=True)
def _add_lags(times, neurons, start, stop, counts):
    """Add each pair of spikes with such a lag to ``counts[pre, post]``.

    The partners of a spike are neighbours in time, and both ends of their row only ever move on.
    """
    first = last = 0
    for spike in range(len(times)):
        while first < len(times) and times[first] - times[spike] < start:
            first += 1
        while last < len(times) and times[last] - times[spike] < stop:
            last += 1
        of_pre = counts[neurons[spike]]
        for partner in range(first, last):
            of_pre[neurons[partner]] += 1
