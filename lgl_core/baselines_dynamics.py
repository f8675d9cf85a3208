"""Graphs from spikes by published methods that fit how one neuron's future follows from others.

Graphs are ``[post, pre]`` with a zero diagonal. A silent neuron has zeros, never NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lgl_core.spikes import SpikeTrains

__all__ = ["event_timing", "firing_rate_dynamics"]

Graph = NDArray[np.float64]
Block = tuple[NDArray[np.float64], NDArray[np.float64]]

# Moments in time that are held in memory at once.
_BLOCK = 20_000
# How far the inverse of a gain function is followed: to 1 % from where it has no end.
_MARGIN = 0.01
# A Gaussian is cut off after so many standard deviations.
_TAIL = 4


def event_timing(
    spikes: SpikeTrains,
    reference: Literal["clock", "spike"] = "clock",
    step: float = 0.003,
    memory: float = 0.003,
    ridge: float = 1e-3,
) -> Graph:
    """Explain when a neuron fires next by when the others have fired.

    Parameters
    ----------
    spikes : SpikeTrains
    reference : {"clock", "spike"}
        From when on an interval is explained: from the ticks of a clock, or from the neuron's own
        previous spike, as in the paper.
    step : float
        Time between ticks in s, for ``"clock"``.
    memory : float
        How long a spike matters, in s: time constant of an exponential, for ``"clock"``.
    ridge : float
        Penalty of the squared slopes, as a share of the variance of a regressor.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: how much sooner post fires after a spike of pre, positive for
        excitation. Change of a logarithm for ``"clock"``; for ``"spike"`` s per s by which pre
        fires later.

    Raises
    ------
    ValueError
        If ``reference`` is unknown; ``step`` or ``memory`` is not positive, or no epoch is longer
        than a step; or ``ridge`` is negative.

    Notes
    -----
    Casadiego, Maoutsa and Timme, Inferring network connectivity from event timing patterns
    (2018). The interval ``T[m]`` that a neuron's spike ``m`` ends is a function of the cross-spike
    intervals ``w[j, m]``, from the neuron's previous spike to a spike of ``j``. Linear near a
    reference ``r``,

        T[m] - T[r] = sum_j g_j (w[j, m] - w[j, r]),

    it gives one equation per spike for the slopes ``g_j``, which are zero where there is no
    synapse.

    What is simpler here: only the first spike of ``j`` in the interval counts, with 0 if there is
    none; the reference is the mean of all events and not an event with close neighbours; slopes
    are found by ridge regression and not by greedy selection. The graph is ``-g``.

    In a network driven by noise this reads next to nothing: a long interval has room for late
    spikes of all neurons, connected or not. ``"clock"`` takes the length out. At each tick ``t``,
    with ``v_i`` the wait for the next spike of ``i`` and ``u_j`` the ages of the spikes of ``j``,

        log(memory + v_i) = c_i - sum_j G_ij sum exp(-u_j / memory),

    for which the spikes of ``j`` cannot know the length of what they explain. An own spike is one
    of the regressors. A wait that the end of an epoch cuts off counts as it is.
    """
    if reference not in ("clock", "spike"):
        raise ValueError(f"reference must be 'clock' or 'spike', got {reference!r}")
    _check_ridge(ridge)
    if reference == "spike":
        graph = np.array(
            [
                _slopes(iter([_intervals(spikes, post)]), ridge)[:, 0]
                for post in range(spikes.n_neurons)
            ]
        )
        return _cleaned(-graph, spikes)
    for name, value in (("step", step), ("memory", memory)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number of s, got {value}")
    lengths = spikes.epochs[:, 1] - spikes.epochs[:, 0]
    if step >= lengths.max():
        raise ValueError(f"step must be shorter than an epoch, got {step}")
    return _cleaned(-_slopes(_waits(spikes, step, memory), ridge).T, spikes)


def firing_rate_dynamics(
    spikes: SpikeTrains,
    smoothing: float = 0.002,
    time_constant: float = 0.002,
    gain: Literal["linear", "logistic", "exponential"] = "logistic",
    bin_width: float = 0.001,
    ridge: float = 1e-3,
) -> Graph:
    """Explain how a neuron's rate changes by the rates of the others.

    Parameters
    ----------
    spikes : SpikeTrains
    smoothing : float
        Standard deviation of the Gaussian in s that makes a rate of spikes.
    time_constant : float
        How fast a rate follows its input, in s; ``tau`` below.
    gain : {"linear", "logistic", "exponential"}
        Shape of the gain function ``F`` below.
    bin_width : float
        Width of the bins in s in which rates are given.
    ridge : float
        Penalty of the squared slopes, as a share of the variance of a rate.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: change of the input of post, in the unit of the argument of ``F``, per Hz
        of pre. Rates are in Hz; for ``"linear"`` the unit is one.

    Raises
    ------
    ValueError
        If ``gain`` is unknown, a time is not positive, ``smoothing`` is shorter than a bin,
        ``bin_width`` does not fit into an epoch, or ``ridge`` is negative.

    Notes
    -----
    Pikovsky, Reconstruction of a neural network from a time series of firing rates (2016):
    rates ``r`` obey ``tau dr_i/dt = -r_i + F_i(sum_j W_ij r_j + b_i)`` with an increasing ``F``,
    so that its inverse makes the problem linear,

        F_i^-1(r_i + tau dr_i/dt) = sum_j W_ij r_j + b_i,

    with one equation per moment.

    What is simpler here: the paper finds ``F`` and ``tau`` together with ``W``, from rates that
    come without noise; ours come from spikes, and no such thing can be had from them, so both
    are given: ``F(u) = u``, ``R / (1 + exp(-u))`` with ``R`` the rate at a lone spike, or
    ``m_i exp(u)`` with ``m_i`` the mean rate. The inverse is cut off at a hundredth of ``R`` or of
    ``m_i`` from where it has no end. ``W`` is found by ridge regression, and the neuron's own
    rate is one of the regressors.
    """
    if gain not in ("linear", "logistic", "exponential"):
        raise ValueError(f"gain must be 'linear', 'logistic' or 'exponential', got {gain!r}")
    _check_ridge(ridge)
    for name, value in (("smoothing", smoothing), ("time_constant", time_constant)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number of s, got {value}")
    if smoothing < bin_width:
        raise ValueError(f"smoothing must be at least bin_width = {bin_width} s, got {smoothing} s")
    at_lone_spike = 1 / (smoothing * np.sqrt(2 * np.pi))

    def inputs(rates: NDArray) -> NDArray:
        if gain == "linear":
            return rates
        if gain == "logistic":
            share = np.clip(rates / at_lone_spike, _MARGIN, 1 - _MARGIN)
            return np.log(share / (1 - share))
        means = np.where(spikes.rates > 0, spikes.rates, 1)
        return np.log(np.maximum(rates / means, _MARGIN))

    blocks = _rates(spikes, smoothing, time_constant, bin_width, inputs)
    return _cleaned(_slopes(blocks, ridge).T, spikes)


def _check_ridge(ridge: float) -> None:
    if not 0 <= ridge < np.inf:
        raise ValueError(f"ridge must be 0 or a positive number, got {ridge}")


def _cleaned(graph: NDArray, spikes: SpikeTrains) -> Graph:
    silent = spikes.rates == 0
    graph = np.where(silent | silent[:, None], 0, graph)
    np.fill_diagonal(graph, 0)
    return graph + 0.0  # no negative zeros


def _slopes(blocks: Iterator[Block], ridge: float) -> NDArray[np.float64]:
    """Regress targets on regressors, (n_regressors, n_targets), from blocks of their rows.

    Only sums of products are kept, so that memory does not grow with the recording.
    """
    zero, n_rows = np.zeros(()), 0
    squares, products, regressor_sums, target_sums = zero, zero, zero, zero
    for regressors, targets in blocks:
        squares = squares + regressors.T @ regressors
        products = products + regressors.T @ targets
        regressor_sums = regressor_sums + regressors.sum(axis=0)
        target_sums = target_sums + targets.sum(axis=0)
        n_rows += len(regressors)
    means = regressor_sums / max(n_rows, 1)
    covariances = squares / max(n_rows, 1) - np.outer(means, means)
    shared = products / max(n_rows, 1)
    shared -= np.outer(means, target_sums / max(n_rows, 1))
    deviations = np.sqrt(np.maximum(np.diagonal(covariances), 0))
    slopes = np.zeros(shared.shape)
    varying = np.flatnonzero(deviations > 1e-9 * np.abs(means))
    if len(varying):
        scale = deviations[varying]
        system = covariances[np.ix_(varying, varying)] / np.outer(scale, scale)
        system[np.diag_indices(len(varying))] += ridge
        right = shared[varying] / scale[:, None]
        # Least squares, for regressors that follow from each other where there is no ridge.
        solution = np.linalg.solve(system, right) if ridge else np.linalg.lstsq(system, right)[0]
        slopes[varying] = solution / scale[:, None]
    return slopes


def _intervals(spikes: SpikeTrains, post: int) -> Block:
    """Return first cross-spike intervals, 0 if there is none, and intervals of one neuron."""
    n_events = np.count_nonzero(spikes.neurons == post)
    crosses, intervals = np.zeros((n_events, spikes.n_neurons)), np.zeros((n_events, 1))
    n_events = _fill_intervals(
        spikes.times, spikes.neurons, spikes.bounds(), post, crosses, intervals
    )
    return crosses[:n_events], intervals[:n_events]


def _waits(spikes: SpikeTrains, step: float, memory: float) -> Iterator[Block]:
    """Yield traces of all neurons at the ticks, and logarithms of the waits that follow."""
    n, bounds = spikes.n_neurons, spikes.bounds()
    for (start, stop), first, last in zip(spikes.epochs, bounds[:-1], bounds[1:], strict=True):
        times, neurons = spikes.times[first:last], spikes.neurons[first:last]
        ticks = start + step * np.arange(1, int((stop - start) / step - 1e-6) + 1)
        trains = [np.append(times[neurons == neuron], stop) for neuron in range(n)]
        trace, done, now = np.zeros(n), 0, start
        for begin in range(0, len(ticks), _BLOCK):
            here = ticks[begin : begin + _BLOCK]
            traces = np.empty((len(here), n))
            done = _fill_traces(times, neurons, done, here, now, memory, trace, traces)
            now = here[-1]
            waits = [train[np.searchsorted(train, here, side="right")] - here for train in trains]
            yield traces, np.log(memory + np.array(waits).T)


def _rates(
    spikes: SpikeTrains,
    smoothing: float,
    time_constant: float,
    bin_width: float,
    inputs: Callable[[NDArray], NDArray],
) -> Iterator[Block]:
    """Yield rates in Hz, at each standard deviation of the Gaussian or so, and inputs."""
    counts, borders = spikes.binned(bin_width), spikes.bin_borders(bin_width)
    width = smoothing / bin_width
    margin, every = int(np.ceil(_TAIL * width)) + 1, max(1, int(width))
    for start, stop in zip(borders[:-1], borders[1:], strict=True):
        for begin in range(start, stop, _BLOCK * every):
            end = min(begin + _BLOCK * every, stop)
            low, high = max(begin - margin, start), min(end + margin, stop)
            wider = counts[low:high] / bin_width
            kept = slice(begin - low, end - low, every)
            rates, slopes = (
                gaussian_filter1d(wider, width, axis=0, order=order, truncate=_TAIL, mode="nearest")
                for order in (0, 1)
            )
            yield rates[kept], inputs(rates[kept] + time_constant / bin_width * slopes[kept])


@njit(cache=True, nogil=True)
def _fill_intervals(times, neurons, bounds, post, crosses, intervals):
    """Fill a row per interval of ``post`` within an epoch, and return how many there are."""
    event = 0
    for epoch in range(len(bounds) - 1):
        started, since = False, 0.0
        crosses[event:] = 0
        for spike in range(bounds[epoch], bounds[epoch + 1]):
            if neurons[spike] == post:
                if started:
                    intervals[event, 0] = times[spike] - since
                    event += 1
                started, since = True, times[spike]
            elif started and crosses[event, neurons[spike]] == 0:
                crosses[event, neurons[spike]] = times[spike] - since
    return event


@njit(cache=True, nogil=True)
def _fill_traces(times, neurons, done, ticks, now, memory, trace, traces):
    """Let spikes add one to ``trace`` and all decay; copy it at each tick, spikes there included.

    Returns how many spikes have been used.
    """
    for tick in range(len(ticks)):
        trace *= np.exp((now - ticks[tick]) / memory)
        now = ticks[tick]
        while done < len(times) and times[done] <= now:
            trace[neurons[done]] += np.exp((times[done] - now) / memory)
            done += 1
        traces[tick] = trace
    return done
