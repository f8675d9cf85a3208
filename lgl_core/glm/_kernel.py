"""Loops of the likelihood of the GLM: through time once, for a block of neurons at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

__all__ = ["BLOCK", "evaluate", "sum_after_spikes"]

# Postsynaptic neurons per block and bins per chunk: filters and residuals of one block stay in
# the second-level cache, the chunk in the first.
BLOCK = 16
_CHUNK = 256
# Infinities and NaN never occur, and sums keep their order; only fused multiply-adds and the
# like are allowed, so the result is the same for every number of threads.
_FAST = {"contract", "nsz", "arcp", "nnan", "ninf"}
# Python's error model would test each divisor for zero, and a branch keeps loops from vectorising.
_FAST_LOOPS: dict[str, Any] = {"fastmath": _FAST, "error_model": "numpy", "cache": True}


@njit(parallel=True, **_FAST_LOOPS)
def evaluate(
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
    n_posts = len(posts)
    loss = np.zeros(n_posts)
    gradient, of_steps = np.zeros(coefficients.shape), np.zeros(offsets.shape)
    for block in prange((n_posts + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min((block + 1) * BLOCK, n_posts)
        residuals = _evaluate_block(
            bins,
            neurons,
            borders,
            _column_of(posts[first:last], n_neurons),
            basis,
            coefficients[:, first:last],
            offsets[:, first:last],
            step_of_bin,
            loss[first:last],
            gradient[:, first:last],
            of_steps[:, first:last],
            with_gradient,
            False,
        )
        if with_gradient:
            _project(residuals, basis, gradient[:, first:last])
    return loss, gradient, of_steps


@njit(parallel=True, **_FAST_LOOPS)
def sum_after_spikes(
    bins, neurons, borders, n_neurons, basis, coefficients, offsets, step_of_bin, posts, variances
):  # fmt: skip
    """Add residuals or variances up, [block, pre, lag, post], one block per parallel task."""
    n_posts = len(posts)
    n_blocks = (n_posts + BLOCK - 1) // BLOCK
    summed = np.zeros((n_blocks, n_neurons * len(basis) * BLOCK))
    for block in prange(n_blocks):
        first, last = block * BLOCK, min((block + 1) * BLOCK, n_posts)
        summed[block] = _evaluate_block(
            bins,
            neurons,
            borders,
            _column_of(posts[first:last], n_neurons),
            basis,
            coefficients[:, first:last],
            offsets[:, first:last],
            step_of_bin,
            np.zeros(last - first),
            np.zeros((1, last - first)),
            np.zeros(offsets[:, first:last].shape),
            True,
            variances,
        )
    return summed


@njit(cache=True)
def _column_of(posts, n_neurons):
    column = np.full(n_neurons, -1)
    for c in range(len(posts)):
        column[posts[c]] = c
    return column


@njit(**_FAST_LOOPS)
def _evaluate_block(
    bins, neurons, borders, column, basis, coefficients, offsets, step_of_bin, loss_out, gradient,
    of_steps, with_sums, variances,
):  # fmt: skip
    """Go through time once, chunk by chunk: predictor, loss, residual, and their sums after spikes.

    What is summed, [pre, lag, post], are residuals or, with ``variances``, p (1 - p).

    Each epoch begins and ends as a recording does: with nothing before it and nothing after it.

    ``rows`` holds n_lags bins of residuals before the chunk, the chunk, and n_lags bins after it,
    of which earlier spikes have begun to fill the predictor. The gradient of a spike waits until
    the residuals of all its lags are known, hence ``n_lags`` bins.
    """
    n_lags, n_spikes, width = len(basis), len(bins), coefficients.shape[1]
    size = n_lags * BLOCK
    bias = np.full(BLOCK, -40.0)  # columns that only fill up the last block: never a spike
    for c in range(width):
        bias[c] = coefficients[0, c]
    filters = _expand(coefficients, basis, len(column))
    residuals = np.zeros_like(filters)  # summed per presynaptic neuron and lag
    rows = np.zeros((_CHUNK + 2 * n_lags) * BLOCK)
    loss, bias_gradient = np.zeros(BLOCK), np.zeros(BLOCK)
    scratch = np.empty((2, _CHUNK * BLOCK))

    i = waiting = 0
    for epoch in range(len(borders) - 1):
        _fill(rows, n_lags * BLOCK, bias)
        _add_offsets(rows, n_lags, borders[epoch] - n_lags, offsets, step_of_bin)
        end = borders[epoch + 1]
        for start in range(borders[epoch], end, _CHUNK):
            stop = min(start + _CHUNK, end)
            origin = start - n_lags  # the bin of the first row
            chunk_first = i
            while i < n_spikes and bins[i] < stop:
                _add(rows, (bins[i] + 1 - origin) * BLOCK, filters, neurons[i] * size, size)
                i += 1
            for j in range(chunk_first, i):
                c = column[neurons[j]]
                if c >= 0:
                    loss[c] -= rows[(bins[j] - origin) * BLOCK + c]
            _softplus_and_sigmoid(rows, n_lags, stop - start, scratch, loss, bias_gradient)
            if variances:
                _to_variances(rows[n_lags * BLOCK : (n_lags + stop - start) * BLOCK])
            for j in range(chunk_first, i):
                c = column[neurons[j]]
                if c >= 0 and not variances:
                    rows[(bins[j] - origin) * BLOCK + c] -= 1.0
                    bias_gradient[c] -= 1.0
            _add_to_steps(rows, n_lags, start, stop, step_of_bin, of_steps)
            known = stop - n_lags
            if stop == end:  # nothing is observed, hence no residual, after the end
                _fill(rows, (stop - origin) * BLOCK, np.zeros(BLOCK))
                known = end
            while with_sums and waiting < n_spikes and bins[waiting] < known:
                place = (bins[waiting] + 1 - origin) * BLOCK
                _add(residuals, neurons[waiting] * size, rows, place, size)
                waiting += 1
            for j in range(2 * size):
                rows[j] = rows[_CHUNK * BLOCK + j]
            _fill(rows, 2 * size, bias)
            _add_offsets(rows, 2 * n_lags, origin + _CHUNK, offsets, step_of_bin)

    for c in range(width):
        loss_out[c] = loss[c]
        gradient[0, c] = bias_gradient[c]
    return residuals


@njit(**_FAST_LOOPS)
def _add_offsets(rows, first, origin, offsets, step_of_bin):
    """Add what covariates say to the predictor from a row on; row 0 is the bin ``origin``."""
    for row in range(first, min(len(rows) // BLOCK, len(step_of_bin) - origin)):
        step = step_of_bin[origin + row]
        for c in range(offsets.shape[1]):
            rows[row * BLOCK + c] += offsets[step, c]


@njit(**_FAST_LOOPS)
def _add_to_steps(rows, first, start, stop, step_of_bin, of_steps):
    """Sum the residuals of the bins of each step."""
    if len(step_of_bin) > 0:
        for t in range(start, stop):
            for c in range(of_steps.shape[1]):
                of_steps[step_of_bin[t], c] += rows[(first + t - start) * BLOCK + c]


@njit(**_FAST_LOOPS)
def _softplus_and_sigmoid(rows, first, n, scratch, loss, total):
    """Turn n rows of the predictor into probabilities; add up log(1 + exp) and probabilities."""
    block = rows[first * BLOCK : (first + n) * BLOCK]
    # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), and the last terms are at most log 2: one
    # logarithm of the product over a chunk does, 2**_CHUNK being far below overflow.
    _sigmoid(block, scratch[0], scratch[1])
    product = np.ones(BLOCK)
    for t in range(n):
        _multiply(product, 0, scratch[0], t * BLOCK, BLOCK)
        _add(loss, 0, scratch[1], t * BLOCK, BLOCK)
        _add(total, 0, block, t * BLOCK, BLOCK)
    for c in range(BLOCK):
        loss[c] += np.log(product[c])


@njit(**_FAST_LOOPS)
def _to_variances(probabilities):
    for i in range(len(probabilities)):
        probabilities[i] *= 1.0 - probabilities[i]


@njit(**_FAST_LOOPS)
def _sigmoid(values, one_plus, positive):
    """Turn each x into its probability; note 1 + exp(-|x|) and max(x, 0).

    One flat loop without a call or a branch: the compiler turns it into vector instructions.
    """
    for i in range(len(values)):
        x = values[i]
        # exp(-|x|) as the 256th power of a short series. Relative error below 1e-13.
        y = -min(abs(x), 40.0) / 256
        e = 1 + y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5 * (1 + y / 6 * (
            1 + y / 7 * (1 + y / 8 * (1 + y / 9))))))))  # fmt: skip
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        p = 1 / (1 + e)
        one_plus[i] = 1 + e
        positive[i] = max(x, 0.0)
        values[i] = p if x > 0 else e * p


@njit(**_FAST_LOOPS)
def _expand(coefficients, basis, n_neurons):
    """Coupling filters [pre, lag, post], flat, of one block."""
    n_lags, n_basis = basis.shape
    filters = np.zeros(n_neurons * n_lags * BLOCK)
    for n in range(n_neurons):
        for k in range(n_basis):
            for lag in range(n_lags):
                for c in range(coefficients.shape[1]):
                    filters[(n * n_lags + lag) * BLOCK + c] += (
                        basis[lag, k] * coefficients[1 + n * n_basis + k, c]
                    )
    return filters


@njit(**_FAST_LOOPS)
def _project(residuals, basis, gradient):
    """Turn sums of residuals [pre, lag, post] into the weights' gradient: _expand transposed."""
    n_lags, n_basis = basis.shape
    for n in range((len(gradient) - 1) // n_basis):
        for k in range(n_basis):
            for lag in range(n_lags):
                for c in range(gradient.shape[1]):
                    gradient[1 + n * n_basis + k, c] += (
                        basis[lag, k] * residuals[(n * n_lags + lag) * BLOCK + c]
                    )


@njit(**_FAST_LOOPS)
def _add(target, at, source, start, n):
    # Slices first: the compiler then knows that no index is negative, and vectorises.
    to, values = target[at : at + n], source[start : start + n]
    for i in range(n):
        to[i] += values[i]


@njit(**_FAST_LOOPS)
def _multiply(target, at, source, start, n):
    to, values = target[at : at + n], source[start : start + n]
    for i in range(n):
        to[i] *= values[i]


@njit(cache=True)
def _fill(rows, start, values):
    for i in range(start, len(rows)):
        rows[i] = values[i % BLOCK]
