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

__all__ = ["event_space", "event_timing", "firing_rate_dynamics"]

Graph = NDArray[np.float64]
Block = tuple[NDArray[np.float64], NDArray[np.float64]]

# Moments in time that are held in memory at once.
_BLOCK = 20_000
# Events whose distances to all others are held in memory at once.
_POINTS = 1000
# How far the inverse of a gain function is followed: to 1 % from where it has no end.
_MARGIN = 0.01
# A Gaussian is cut off after so many standard deviations.
_TAIL = 4


def event_space(
    spikes: SpikeTrains,
    n_events: int = 500,
    n_profiles: int = 4,
    delay: float = 1.5e-3,
) -> Graph:
    """Explain the intervals of a neuron by when, within them, spikes of the others arrive.

    Parameters
    ----------
    spikes : SpikeTrains
    n_events : int
        Intervals that are explained, per neuron: those most like the reference.
    n_profiles : int
        Spikes of each neuron that count within an interval, from its begin on.
    delay : float
        How long a spike takes to arrive, in s. The method has to be told.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: s by which post fires sooner per s by which the first spike of pre comes
        later; positive for excitation, less of which has leaked away the later it comes.

    Raises
    ------
    ValueError
        If ``n_events`` or ``n_profiles`` is not positive or ``delay`` is negative.

    Notes
    -----
    Event-space linearization: Casadiego, Maoutsa and Timme, Inferring network connectivity from
    event timing patterns (2018), Eqs. (1) to (9). An event of a neuron is the interval ``T[m]``
    before its spike ``m`` together with all cross-spike intervals in it: ``w[j, k, m]``, from its
    spike ``m - 1`` to the ``k``-th arrival from ``j``, 0 if there is none. Around the reference
    ``r``, the event of least summed distance to all others,

        T[m] - T[r] = sum_k sum_j g[j, k] (w[j, k, m] - w[j, k, r]).

    One equation for each of the ``n_events`` nearest events; the solution is the one of least
    squares, of least norm where there are too few equations. The graph is ``-g[j, 1]``.
    The paper counts all arrivals of an interval, not ``n_profiles`` at most.

    The paper demands that events lie close together: neurons that fire regularly, or very long
    recordings. Of networks driven by noise see :func:`event_timing`.
    """
    for name, value in (("n_events", n_events), ("n_profiles", n_profiles)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 <= delay < np.inf:
        raise ValueError(f"delay must be 0 s or more, got {delay}")
    slopes = [
        _slopes_near_reference(*_events(spikes, post, n_profiles, delay), n_events)
        for post in range(spikes.n_neurons)
    ]
    first_arrivals = np.array(slopes)[:, : spikes.n_neurons]
    return _cleaned(-first_arrivals, spikes)


def event_timing(
    spikes: SpikeTrains,
    step: float = 0.003,
    memory: float = 0.003,
    ridge: float = 1e-3,
) -> Graph:
    """Explain how long a neuron waits, from the ticks of a clock, by who has just fired.

    Parameters
    ----------
    spikes : SpikeTrains
    step : float
        Time between ticks in s.
    memory : float
        How long a spike matters, in s: time constant of an exponential.
    ridge : float
        Penalty of the squared slopes, as a share of the variance of a regressor.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: how much sooner post fires after a spike of pre, as a change of a
        logarithm; positive for excitation.

    Raises
    ------
    ValueError
        If ``step`` or ``memory`` is not positive, no epoch is longer than a step, or ``ridge`` is
        negative.

    Notes
    -----
    Our variant of event-space linearization, :func:`event_space`, for neurons driven by noise.
    There, an interval is long by chance, and a long one has room for late spikes of all neurons,
    connected or not. Looking ahead from a clock takes the length out. At each tick ``t``, with
    ``v_i`` the wait for the next spike of ``i`` and ``u_j`` the ages of the spikes of ``j``,

        log(memory + v_i) = c_i - sum_j G_ij sum exp(-u_j / memory),

    for which the spikes of ``j`` cannot know the length of what they explain. An own spike is one
    of the regressors. A wait that the end of an epoch cuts off counts as it is.
    """
    _check_ridge(ridge)
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


def _events(spikes: SpikeTrains, post: int, n_profiles: int, delay: float) -> Block:
    """Return cross-spike intervals, (n_events, n_profiles * n_neurons), and intervals."""
    n_spikes = np.count_nonzero(spikes.neurons == post)
    crosses, intervals = np.zeros((n_spikes, n_profiles, spikes.n_neurons)), np.zeros(n_spikes)
    n_events = _fill_events(
        spikes.times, spikes.neurons, spikes.bounds(), post, delay, crosses, intervals
    )
    flat = crosses.reshape(n_spikes, n_profiles * spikes.n_neurons)
    return flat[:n_events], intervals[:n_events]


def _slopes_near_reference(
    crosses: NDArray[np.float64], intervals: NDArray[np.float64], n_events: int
) -> NDArray[np.float64]:
    """Linearize around the event that is closest to all; slopes of all profiles, in a row."""
    slopes = np.zeros(crosses.shape[1])
    if len(intervals) < 2:
        return slopes
    events = np.column_stack([crosses, intervals])
    reference = int(_summed_distances(events).argmin())
    nearest = np.argsort(np.linalg.norm(events - events[reference], axis=1), kind="stable")
    nearest = nearest[nearest != reference][:n_events]
    differences = events[nearest] - events[reference]
    varying = np.flatnonzero(differences[:, :-1].any(axis=0))
    slopes[varying] = np.linalg.lstsq(differences[:, varying], differences[:, -1])[0]
    return slopes


def _summed_distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum up each point's Euclidean distances to all, a block of points at a time."""
    squares = (points**2).sum(axis=1)
    sums = []
    for begin in range(0, len(points), _POINTS):
        here = slice(begin, begin + _POINTS)
        squared = squares[here, None] + squares - 2 * points[here] @ points.T
        sums.append(np.sqrt(np.maximum(squared, 0)).sum(axis=1))
    return np.concatenate(sums)


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
            # A spike on a tick is in its trace, also if it comes out a little after it.
            late = here + spikes.resolution
            done = _fill_traces(times, neurons, done, here, late, now, memory, trace, traces)
            now = here[-1]
            waits = [train[np.searchsorted(train, late, side="right")] - here for train in trains]
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
def _fill_events(times, neurons, bounds, post, delay, crosses, intervals):
    """Fill a row per interval of ``post`` within an epoch, and return how many there are."""
    event, n_profiles = 0, crosses.shape[1]
    seen = np.zeros(crosses.shape[2], np.int64)
    for epoch in range(len(bounds) - 1):
        begin = -1
        arriving = bounds[epoch]
        for spike in range(bounds[epoch], bounds[epoch + 1]):
            if neurons[spike] != post:
                continue
            if begin >= 0:
                seen[:] = 0
                while times[arriving] + delay < times[spike]:
                    pre, since = neurons[arriving], times[arriving] + delay - times[begin]
                    if since > 0 and pre != post:
                        if seen[pre] < n_profiles:
                            crosses[event, seen[pre], pre] = since
                        seen[pre] += 1
                    arriving += 1
                intervals[event] = times[spike] - times[begin]
                event += 1
            begin = spike
    return event


@njit(cache=True, nogil=True)
def _fill_traces(times, neurons, done, ticks, late, now, memory, trace, traces):
    """Let spikes add one to ``trace`` and all decay; copy it at each tick, spikes there included.

    Returns how many spikes have been used.
    """
    for tick in range(len(ticks)):
        trace *= np.exp((now - ticks[tick]) / memory)
        now = ticks[tick]
        while done < len(times) and times[done] <= late[tick]:
            trace[neurons[done]] += np.exp((times[done] - now) / memory)
            done += 1
        traces[tick] = trace
    return done
