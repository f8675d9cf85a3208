"""Graphs from spikes by published methods that count coincidences: what to hold a model beside.

Graphs are ``[post, pre]`` with a zero diagonal. A silent neuron has zeros, never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lgl_core.spikes import SpikeTrains

__all__ = ["transfer_entropy", "tspe"]

Graph = NDArray[np.float64]


def transfer_entropy(
    spikes: SpikeTrains,
    bin_width: float = 0.001,
    max_delay: float = 0.004,
    over: Literal["max", "sum"] = "max",
    signed: bool = True,
) -> Graph:
    """Tell how much the past of one neuron adds to what another's own past says of its next bin.

    Parameters
    ----------
    spikes : SpikeTrains
    bin_width : float
        Width of the bins in s. A bin is empty or not; it makes no difference how many spikes it
        has.
    max_delay : float
        Longest delay in s; all whole numbers of bins from one up to it are tried.
    over : {"max", "sum"}
        Whether the largest value over delays counts, or their sum.
    signed : bool
        Whether a value gets the sign of the coincidences beyond chance: those at the delay of the
        largest value, or of all delays together. Transfer entropy has no sign of its own.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, in bits per bin.

    Raises
    ------
    ValueError
        If ``bin_width`` is not positive or does not fit into an epoch, ``max_delay`` is shorter
        than a bin or leaves no bin, or ``over`` is unknown.

    Notes
    -----
    With ``i`` and ``j`` the bins of post and pre and a delay of ``d`` bins,

        TE(d) = sum p(i[t+1], i[t], j[t+1-d]) log2( p(i[t+1] | i[t], j[t+1-d]) / p(i[t+1] | i[t]) )

    over the eight cases of three bins: equation 4 of Schreiber, Measuring information transfer
    (2000), with one bin of each past, and with the delays and their largest value as in Ito et
    al., Extending transfer entropy improves identification of effective connectivity in a spiking
    cortical network model (2011). All eight cases follow from three counts of coincidences per
    pair and delay, so that empty bins cost nothing. The sign is our addition.

    A value from few spikes is too large, by about ``1 / (n_bins ln 2)`` where there is nothing to
    find.
    """
    if over not in ("max", "sum"):
        raise ValueError(f"over must be 'max' or 'sum', got {over!r}")
    bins, neurons, borders = _binned(spikes, bin_width)
    n_delays = _n_bins("max_delay", max_delay, bin_width)
    n = spikes.n_neurons
    lengths = np.diff(borders)
    totals = np.array([np.maximum(lengths - d, 0).sum() for d in range(1, n_delays + 1)])
    if not totals[-1]:
        raise ValueError(f"max_delay must be shorter than an epoch, got {max_delay} s")
    occupied, first = np.unique(bins * n + neurons, return_index=True)
    bins, neurons = bins[first], neurons[first]
    # Whether the same neuron fired in the bin before; not asked in the first bin of an epoch.
    again = np.isin(occupied - n, occupied, assume_unique=True)
    pairs = np.zeros((3, n_delays, n, n), np.int64)
    singles = np.zeros((4, n_delays, n), np.int64)
    _add_cases(bins, neurons, again, borders, pairs, singles)
    values, excess = _bits(pairs, singles, totals)
    if over == "sum":
        graph, beyond = values.sum(axis=0), excess.sum(axis=0)
    else:
        best = values.argmax(axis=0)[None]
        graph = np.take_along_axis(values, best, axis=0)[0]
        beyond = np.take_along_axis(excess, best, axis=0)[0]
    np.fill_diagonal(graph, 0)
    return graph * np.sign(beyond) if signed else graph


def tspe(
    spikes: SpikeTrains,
    bin_width: float = 0.001,
    max_delay: float = 0.025,
    surrounding: Sequence[int] = (3, 4, 5, 6, 7, 8),
    observed: Sequence[int] = (2, 3, 4, 5, 6),
    crossover: Sequence[int] = (0,),
) -> Graph:
    """Find peaks and troughs of cross-correlograms: total spiking probability edges.

    Parameters
    ----------
    spikes : SpikeTrains
    bin_width : float
        Width of the bins in s.
    max_delay : float
        Delays from zero up to, but without, this one are tried; in s.
    surrounding, observed, crossover : sequence of int
        Lengths in bins of the parts of the edge filter, ``a``, ``b`` and ``c`` below. All
        combinations are used.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: the value of largest magnitude over delays, positive for excitation.

    Raises
    ------
    ValueError
        If ``bin_width`` is not positive or does not fit into an epoch, a length is not a whole
        number or too small, or ``max_delay`` is shorter than the longest observed part.

    Notes
    -----
    De Blasi et al., Total spiking probability edges: a cross-correlation based method for
    effective connectivity estimation of cortical spiking neurons (2019). With ``x`` and ``y`` the
    counts of pre and post, ``NCC(d) = sum_t x[t] y[t+d] / (n_bins sd_x sd_y)``, and

        TSPE(d) = sum over a, b, c of (NCC * g_abc * h_b)(d),

    where ``*`` is convolution, ``g`` is ``-1/a`` over ``a`` bins, ``2/b`` over ``b`` bins in the
    middle, ``-1/a`` over ``a`` bins again, with ``c`` zeros between these parts, and ``h`` is one
    over ``b`` bins. Means are not taken off, as ``g`` sums to zero. All convolutions together are
    one matrix that the correlogram is multiplied by.
    """
    for name, sizes, least in (
        ("surrounding", surrounding, 1), ("observed", observed, 1), ("crossover", crossover, 0),
    ):  # fmt: skip
        whole = all(isinstance(size, int | np.integer) and size >= least for size in sizes)
        if not whole or not len(sizes):
            raise ValueError(f"{name} must be whole numbers from {least} up, got {tuple(sizes)}")
    bins, neurons, borders = _binned(spikes, bin_width)
    n_delays = _n_bins("max_delay", max_delay, bin_width)
    if n_delays < max(observed):
        raise ValueError(
            f"max_delay must have room for the longest observed part of {max(observed)} bins, "
            f"got {max_delay} s"
        )
    padding = max(surrounding) + max(crossover)
    n, n_after = spikes.n_neurons, n_delays + padding
    counts = np.zeros((n, n, n_after), np.int32)
    _add_lags(bins, neurons, borders, counts)
    filters = _edge_filters(n_delays, padding, surrounding, observed, crossover)
    # Lags before zero are those of the opposite pair after zero.
    values = counts @ filters[padding:]
    values += counts.transpose(1, 0, 2)[..., padding:0:-1] @ filters[:padding]
    deviations = _deviations(bins, neurons, n, int(borders[-1]))
    scale = np.outer(deviations, deviations) * borders[-1]
    best = np.abs(values).argmax(axis=2)[..., None]
    peaks = np.take_along_axis(values, best, axis=2)[..., 0]
    graph = np.divide(peaks, scale, out=np.zeros((n, n)), where=scale > 0).T
    np.fill_diagonal(graph, 0)
    return graph


def _binned(
    spikes: SpikeTrains, bin_width: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return bin and neuron of each spike, in order of bins, and the borders of epochs."""
    cells, _ = spikes.cells(bin_width)
    bins, neurons = np.divmod(cells, spikes.n_neurons)
    return bins, neurons, spikes.bin_borders(bin_width)


def _n_bins(name: str, duration: float, bin_width: float) -> int:
    n_bins = round(duration / bin_width) if np.isfinite(duration) else 0
    if n_bins < 1:
        raise ValueError(f"{name} must be at least one bin of {bin_width} s, got {duration} s")
    return n_bins


def _bits(pairs: NDArray, singles: NDArray, totals: NDArray) -> tuple[NDArray, NDArray]:
    """Turn counts into transfer entropy and coincidences beyond chance, (delay, post, pre)."""
    later_pre, now_pre, all_three = (count.astype(float) for count in pairs)
    later, now, both = (count[:, :, None].astype(float) for count in singles[:3])
    pre, total = singles[3][:, None, :].astype(float), totals[:, None, None].astype(float)
    # Cases by what post does later and now; first with a spike of pre, then with or without.
    with_pre = {
        (1, 1): all_three,
        (1, 0): later_pre - all_three,
        (0, 1): now_pre - all_three,
        (0, 0): pre - later_pre - now_pre + all_three,
    }
    either = {
        (1, 1): both,
        (1, 0): later - both,
        (0, 1): now - both,
        (0, 0): total - later - now + both,
    }
    bits = np.zeros(later_pre.shape)
    for after, before in either:
        given_pre = with_pre[0, before] + with_pre[1, before]
        given = either[0, before] + either[1, before]
        joint = with_pre[after, before]
        rest = either[after, before] - joint
        for case, known in ((joint, given_pre), (rest, given - given_pre)):
            ratio = np.divide(
                case * given, known * either[after, before], out=np.ones(bits.shape), where=case > 0
            )
            bits += case * np.log2(ratio)
    # Nothing but rounding makes it negative.
    return np.maximum(bits / total, 0), later_pre - later * pre / total


def _edge_filters(
    n_delays: int,
    padding: int,
    surrounding: Sequence[int],
    observed: Sequence[int],
    crossover: Sequence[int],
) -> NDArray[np.float64]:
    """Write all convolutions as one matrix, (lags from -padding up, delays)."""
    filters = np.zeros((n_delays + 2 * padding, n_delays))
    for a, b, c in product(surrounding, observed, crossover):
        side, gap = np.full(a, -1 / a), np.zeros(c)
        edge = np.concatenate([side, gap, np.full(b, 2 / b), gap, side])
        # The observed part covers the delays start ... start + b - 1, and is credited to them.
        for start in range(n_delays - b + 1):
            first = padding + start - a - c
            filters[first : first + len(edge), start : start + b] += edge[:, None]
    return filters


def _deviations(bins: NDArray, neurons: NDArray, n: int, n_bins: int) -> NDArray[np.float64]:
    """Return the standard deviation of each neuron's count per bin."""
    occupied, counts = np.unique(bins * n + neurons, return_counts=True)
    totals = np.bincount(neurons, minlength=n)
    squares = np.bincount(occupied % n, weights=counts.astype(float) ** 2, minlength=n)
    return np.sqrt(np.maximum(squares - totals**2 / n_bins, 0) / max(n_bins - 1, 1))


@njit(cache=True, nogil=True)
def _add_cases(bins, neurons, again, borders, pairs, singles):
    """Count spikes and coincidences for each delay; delay ``d`` stands at index ``d - 1``.

    ``pairs[case, delay, post, pre]``: post later, post now, and both, each with pre.
    ``singles[case, delay, neuron]``: later, now, both, and as pre.
    """
    n_delays = pairs.shape[1]
    first = 0
    for epoch in range(len(borders) - 1):
        start, stop = borders[epoch], borders[epoch + 1]
        last = first
        while last < len(bins) and bins[last] < stop:
            last += 1
        for spike in range(first, last):
            at, neuron = bins[spike], neurons[spike]
            # The later bin runs from start + delay to stop - 1.
            for k in range(n_delays):
                delay = k + 1
                if at >= start + delay:
                    singles[0, k, neuron] += 1
                    singles[2, k, neuron] += again[spike]
                if start + delay - 1 <= at <= stop - 2:
                    singles[1, k, neuron] += 1
                if at + delay <= stop - 1:
                    singles[3, k, neuron] += 1
            partner = spike
            while partner > first and bins[partner - 1] == at:
                partner -= 1
            while partner < last and bins[partner] - at <= n_delays:
                lag, post = bins[partner] - at, neurons[partner]
                if lag >= 1:
                    pairs[0, lag - 1, post, neuron] += 1
                    pairs[2, lag - 1, post, neuron] += again[partner]
                if lag < n_delays and at + lag + 1 <= stop - 1:
                    pairs[1, lag, post, neuron] += 1
                partner += 1
        first = last


@njit(cache=True, nogil=True)
def _add_lags(bins, neurons, borders, counts):
    """Add each pair of spikes of an epoch to ``counts[pre, post, lag in bins]``."""
    n_lags = counts.shape[2]
    first = 0
    for epoch in range(len(borders) - 1):
        last = first
        while last < len(bins) and bins[last] < borders[epoch + 1]:
            last += 1
        for spike in range(first, last):
            partner = spike
            while partner > first and bins[partner - 1] == bins[spike]:
                partner -= 1
            while partner < last and bins[partner] - bins[spike] < n_lags:
                counts[neurons[spike], neurons[partner], bins[partner] - bins[spike]] += 1
                partner += 1
        first = last
