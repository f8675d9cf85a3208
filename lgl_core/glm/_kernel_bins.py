"""Loop of the likelihood of the GLM for many spikes in each bin: bins are filtered, not spikes.

It gives what ``glm._kernel.evaluate`` gives, up to rounding: that of the numbers in which the basis
comes. In single precision an evaluation takes about 0.6 of the time. Sums over a recording (the
loss, the gradient) are always double.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from lgl_core.glm._kernel import (
    _FAST_LOOPS,
    BLOCK,
    _add,
    _add_offsets,
    _add_to_steps,
    _fill,
    _softplus_and_sigmoid,
)

__all__ = ["evaluate_bins"]

# Bins of a stretch of time: what is kept of one block of neurons in one stretch, some hundred
# kilobytes, stays in the second-level cache.
_STRETCH = 1024
# Bins that are filtered together, in the first-level cache, and whose logarithms are.
_CHUNK = 16


@njit(parallel=True, **_FAST_LOOPS)
def evaluate_bins(
    bins,
    neurons,
    borders,
    n_neurons,
    basis,
    coefficients,
    offsets,
    step_of_bin,
    posts,
    with_gradient,
):
    """Loss and gradient, one block of postsynaptic neurons per parallel task."""
    stretches = _stretches(borders, len(_taps(basis)))
    heard, starts = _by_neuron(bins, neurons, n_neurons, stretches)
    n_posts = len(posts)
    loss = np.zeros(n_posts)
    gradient, of_steps = np.zeros(coefficients.shape), np.zeros(offsets.shape)
    for block in prange((n_posts + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, n_posts)
        _evaluate_block(
            stretches,
            heard,
            starts,
            posts[first:last],
            basis,
            coefficients[:, first:last],
            offsets[:, first:last],
            step_of_bin,
            loss[first:last],
            gradient[:, first:last],
            of_steps[:, first:last],
            with_gradient,
        )
    return loss, gradient, of_steps


@njit(cache=True)
def _stretches(borders, n_lags):
    """Cut epochs into stretches: first bin, the bin after the last, and since when spikes count.

    Each epoch begins and ends as a recording does: with nothing before it and nothing after it.
    """
    n_epochs = len(borders) - 1
    n_parts = (borders[1:] - borders[:-1] + _STRETCH - 1) // _STRETCH
    stretches = np.zeros((n_parts.sum(), 3), np.int64)
    n = 0
    for epoch in range(n_epochs):
        for start in range(borders[epoch], borders[epoch + 1], _STRETCH):
            stretches[n, 0] = start
            stretches[n, 1] = min(start + _STRETCH, borders[epoch + 1])
            stretches[n, 2] = max(start - n_lags, borders[epoch])
            n += 1
    return stretches


@njit(cache=True)
def _by_neuron(bins, neurons, n_neurons, stretches):
    """Sort the spikes that are heard in each stretch by neuron, then by time.

    Returns their bins, and where those of each neuron start, [stretch, neuron], with the end of the
    last one behind. A spike shortly before a border is heard in two stretches.
    """
    n = len(stretches)
    ranges = np.zeros((n, 2), np.int64)
    starts = np.zeros((n, n_neurons + 1), np.int64)
    total = 0
    for s in range(n):
        ranges[s, 0] = np.searchsorted(bins, stretches[s, 2])
        ranges[s, 1] = np.searchsorted(bins, stretches[s, 1])
        for i in range(ranges[s, 0], ranges[s, 1]):
            starts[s, neurons[i] + 1] += 1
        starts[s, 0] = total
        for j in range(n_neurons):
            starts[s, j + 1] += starts[s, j]
        total = starts[s, n_neurons]
    heard = np.zeros(total, np.int64)
    for s in range(n):
        place = starts[s, :n_neurons].copy()
        for i in range(ranges[s, 0], ranges[s, 1]):
            heard[place[neurons[i]]] = bins[i]
            place[neurons[i]] += 1
    return heard, starts


@njit(**_FAST_LOOPS)
def _evaluate_block(
    stretches, heard, starts, posts, basis, coefficients, offsets, step_of_bin, loss_out, gradient,
    of_steps, with_sums,
):  # fmt: skip
    """Go through time once: predictor, loss, residual, and their sums after spikes.

    A spike adds its neuron's weights to its bin, and the basis functions filter what has come
    together in each bin: the more spikes there are, the more is saved. The gradient goes the same
    way back.
    """
    n_basis, n_neurons, width = basis.shape[1], starts.shape[1] - 1, coefficients.shape[1]
    bias = np.full(BLOCK, -40.0)  # columns that only fill up the last block: never a spike
    for c in range(width):
        bias[c] = coefficients[0, c]
    taps = _taps(basis)
    before = len(taps) * BLOCK  # room for the bins before a stretch, and for those after it
    rows = np.zeros(before + _STRETCH * BLOCK + before, basis.dtype)
    # By bin, where spikes are added, and by basis function, where bins are filtered.
    size = n_basis * BLOCK
    by_bin = np.zeros((len(taps) + _STRETCH) * size, basis.dtype)
    by_basis = np.zeros((n_basis, before + _STRETCH * BLOCK), basis.dtype)
    weights = np.zeros(n_neurons * size, basis.dtype)
    _put_in_order(coefficients, weights)
    sums = np.zeros(n_neurons * size)
    scratch = np.empty((2, _CHUNK * BLOCK))
    loss, bias_gradient = np.zeros(BLOCK), np.zeros(BLOCK)

    for s in range(len(stretches)):
        first, n_bins = stretches[s, 0], stretches[s, 1] - stretches[s, 0]
        n_heard = before + n_bins * BLOCK
        origin = first - len(taps)  # the bin of the first row of ``by_bin``
        inside = rows[before:n_heard]
        _fill(inside, 0, bias)
        _add_offsets(inside, 0, first, offsets, step_of_bin)
        by_bin[: (stretches[s, 1] - origin) * size] = 0.0
        for j in range(n_neurons):
            for t in heard[starts[s, j] : starts[s, j + 1]]:
                _add(by_bin, (t - origin) * size, weights, j * size, size)
        _swap(by_bin, by_basis, stretches[s, 1] - origin, True)
        for row in range(0, n_bins, _CHUNK):
            n = min(_CHUNK, n_bins - row) * BLOCK
            for k in range(n_basis):
                place = before + (row - 1) * BLOCK  # one bin back: the first lag
                _filter(inside, row * BLOCK, n, by_basis[k], place, -BLOCK, taps[:, k])
        for c in range(width):
            for t in heard[starts[s, posts[c]] : starts[s, posts[c] + 1]]:
                if t >= first:
                    loss[c] -= inside[(t - first) * BLOCK + c]
        for row in range(0, n_bins, _CHUNK):
            n = min(_CHUNK, n_bins - row)
            _softplus_and_sigmoid(inside, row, n, scratch, loss, bias_gradient)
        for c in range(width):
            for t in heard[starts[s, posts[c]] : starts[s, posts[c] + 1]]:
                if t >= first:
                    inside[(t - first) * BLOCK + c] -= 1.0
                    bias_gradient[c] -= 1.0
        _add_to_steps(inside, 0, first, first + n_bins, step_of_bin, of_steps)
        if not with_sums:
            continue
        rows[n_heard : n_heard + before] = 0.0  # nothing is observed after the stretch
        by_basis[:, :n_heard] = 0.0
        for place in range(0, n_heard, _CHUNK * BLOCK):
            n = min(_CHUNK * BLOCK, n_heard - place)
            for k in range(n_basis):
                _filter(by_basis[k], place, n, rows, place + BLOCK, BLOCK, taps[:, k])
        _swap(by_bin, by_basis, stretches[s, 1] - origin, False)
        for j in range(n_neurons):
            for t in heard[starts[s, j] : starts[s, j + 1]]:
                _add(sums, j * size, by_bin, (t - origin) * size, size)

    for c in range(width):
        loss_out[c] = loss[c]
        gradient[0, c] = bias_gradient[c]
        for i in range(len(gradient) - 1):
            gradient[1 + i, c] = sums[i * BLOCK + c]


@njit(cache=True)
def _taps(basis):
    """Basis functions with as many lags as four at a time go through."""
    n_lags, n_basis = basis.shape
    taps = np.zeros(((n_lags + 3) // 4 * 4, n_basis), basis.dtype)
    taps[:n_lags] = basis
    return taps


@njit(**_FAST_LOOPS)
def _filter(target, at, n, source, start, step, taps):
    """Add a filtered source to a target, four lags at once: loads and stores take the time."""
    to = target[at : at + n]
    for lag in range(0, len(taps), 4):
        a, b, c, d = taps[lag], taps[lag + 1], taps[lag + 2], taps[lag + 3]
        if a == 0 and b == 0 and c == 0 and d == 0:
            continue
        place = start + lag * step
        p, q = source[place : place + n], source[place + step : place + step + n]
        r, s = source[place + 2 * step :], source[place + 3 * step :]
        for i in range(n):
            to[i] += a * p[i] + b * q[i] + c * r[i] + d * s[i]


@njit(**_FAST_LOOPS)
def _swap(by_bin, by_basis, n, to_basis):
    """Copy n bins from one order of bins and basis functions to the other."""
    n_basis = len(by_basis)
    for row in range(n):
        for k in range(n_basis):
            of_bin = by_bin[(row * n_basis + k) * BLOCK : (row * n_basis + k + 1) * BLOCK]
            of_basis = by_basis[k, row * BLOCK : (row + 1) * BLOCK]
            for c in range(BLOCK):
                if to_basis:
                    of_basis[c] = of_bin[c]
                else:
                    of_bin[c] = of_basis[c]


@njit(**_FAST_LOOPS)
def _put_in_order(coefficients, weights):
    """Copy the weights of a block, [pre, basis, post], one after another."""
    for i in range(len(weights) // BLOCK):
        for c in range(coefficients.shape[1]):
            weights[i * BLOCK + c] = coefficients[1 + i, c]
