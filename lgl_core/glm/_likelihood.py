"""Likelihood of the GLM and its gradient for millions of spikes, without a design matrix.

The design of Appendix C has one row per bin and one column per presynaptic neuron and basis
function. It is never built: the spikes are few, so each one adds its coupling filters to the
linear predictor of the bins that follow it, and collects the residuals of the same bins for the
gradient. All postsynaptic neurons share the design and are evaluated side by side.

Coefficients are one array of shape (1 + n_neurons * n_basis, n_posts): the bias first, then the
weight of basis k of presynaptic neuron n in row ``1 + n * n_basis + k``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lgl_core.glm.covariates import Drive
from lgl_core.spikes import SpikeTrains

__all__ = ["BinnedSpikes", "bin_spikes", "loss_and_gradient", "variances_after"]

Floats = NDArray[np.float64]

# Postsynaptic neurons per block and bins per chunk: filters and residuals of one block stay in
# the second-level cache, the chunk in the first.
_BLOCK = 16
_CHUNK = 256
# Infinities and NaN never occur, and sums keep their order; only fused multiply-adds and the
# like are allowed, so the result is the same for every number of threads.
_FAST = {"contract", "nsz", "arcp", "nnan", "ninf"}
# Python's error model would test each divisor for zero, and a branch keeps loops from vectorising.
_FAST_LOOPS: dict[str, Any] = {"fastmath": _FAST, "error_model": "numpy", "cache": True}


@dataclass(frozen=True, eq=False, kw_only=True)
class BinnedSpikes:
    """A binary spike matrix, stored as the list of its ones.

    Parameters
    ----------
    bins, neurons : ndarray of int, shape (n_ones,)
        Bin and neuron of each one, bins ascending, no pair twice.
    n_bins, n_neurons : int
        Shape of the matrix.
    borders : ndarray of int, shape (n_epochs + 1,)
        First bin of each epoch of the recording, and ``n_bins``: no spike reaches across.
    """

    bins: NDArray[np.int64]
    neurons: NDArray[np.int64]
    n_bins: int
    n_neurons: int
    borders: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Bins with a spike for each neuron, shape (n_neurons,)."""
        return np.bincount(self.neurons, minlength=self.n_neurons)


def bin_spikes(spikes: SpikeTrains, bin_width: float) -> BinnedSpikes:
    """Put spikes into bins; several spikes of a neuron in one bin count once.

    Parameters
    ----------
    spikes : SpikeTrains
        The recording.
    bin_width : float
        Width of a bin in s. The last, incomplete bin of each epoch is left out.

    Returns
    -------
    BinnedSpikes
        The non-zero entries of ``spikes.binned(bin_width)``, without the matrix.

    Raises
    ------
    ValueError
        If ``bin_width`` is not positive or longer than the recording.
    """
    cells, n_bins = spikes.cells(bin_width)
    bins, neurons = np.divmod(np.unique(cells), spikes.n_neurons)
    return BinnedSpikes(
        bins=bins,
        neurons=neurons,
        n_bins=n_bins,
        n_neurons=spikes.n_neurons,
        borders=spikes.bin_borders(bin_width),
    )


def loss_and_gradient(
    binned: BinnedSpikes,
    basis: Floats,
    coefficients: Floats,
    posts: NDArray[np.int64],
    gradient: bool = True,
    drive: Drive | None = None,
) -> tuple[Floats, Floats]:
    """Negative log-likelihood of a Bernoulli GLM and its gradient, without penalty.

    Parameters
    ----------
    binned : BinnedSpikes
        Spikes of the population. Before the first bin of an epoch there were none.
    basis : ndarray, shape (n_lags, n_basis)
        Basis functions; row 0 is a lag of one bin.
    coefficients : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Bias and weights of the postsynaptic neurons.
    posts : ndarray of int, shape (n_posts,)
        Id of the postsynaptic neuron of each column.
    gradient : bool
        Without it only the biases' entries are filled, at two thirds of the time.
    drive : Drive, optional
        Covariates. Their weights are the last rows of the coefficients.

    Returns
    -------
    loss : ndarray, shape (n_posts,)
        Summed over bins, in nats.
    gradient : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Derivative of each neuron's loss by its coefficients.

    Raises
    ------
    ValueError
        If ``coefficients`` or ``basis`` are not finite: the loops are compiled as if there were no
        such numbers, and would return any others.

    Notes
    -----
    Appendix C.3. Costs two times ``n_lags * n_posts`` additions per spike and one exponential
    per bin and neuron; memory does not grow with the length of the recording.
    """
    for name, given in (("coefficients", coefficients), ("basis", basis)):
        if not np.isfinite(given).all():
            raise ValueError(
                f"{name} must be finite, got NaN or an infinity; if a fit made them, it diverged: "
                "lower its learning_rate or raise its l2"
            )
    n_spiking = 1 + binned.n_neurons * basis.shape[1]
    loss, of_spikes, of_steps = _evaluate(
        binned.bins,
        binned.neurons,
        binned.borders,
        binned.n_neurons,
        np.ascontiguousarray(basis),
        np.ascontiguousarray(coefficients[:n_spiking]),
        *_offsets(drive, coefficients[n_spiking:]),
        posts,
        gradient,
    )
    if drive is None:
        return loss, of_spikes
    return loss, np.vstack([of_spikes, drive.values.T @ of_steps])


def _offsets(drive: Drive | None, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Give what covariates add to each neuron's predictor, by step, and the step of each bin."""
    if drive is None:
        return np.zeros((0, weights.shape[1])), np.zeros(0, np.int64)
    return drive.values @ weights, drive.step_of_bin


def variances_after(
    binned: BinnedSpikes,
    basis: Floats,
    coefficients: Floats,
    posts: NDArray[np.int64],
    drive: Drive | None = None,
) -> Floats:
    """Sum, over the spikes of each neuron, how variable others are at each lag after them.

    Parameters
    ----------
    binned, basis, coefficients, posts, drive
        As for :func:`loss_and_gradient`.

    Returns
    -------
    ndarray, shape (n_posts, n_neurons, n_lags)
        ``[post, pre, lag]``: the sum of p (1 - p) of ``post``, which is what a bin tells of its
        linear predictor (the Fisher information), at that lag after the spikes of ``pre``.

    Notes
    -----
    Costs as much as one gradient.
    """
    n_spiking = 1 + binned.n_neurons * basis.shape[1]
    summed = _sum_variances(
        binned.bins,
        binned.neurons,
        binned.borders,
        binned.n_neurons,
        np.ascontiguousarray(basis),
        np.ascontiguousarray(coefficients[:n_spiking]),
        *_offsets(drive, coefficients[n_spiking:]),
        posts,
    )
    shape = len(summed), binned.n_neurons, len(basis), _BLOCK
    blocks = summed.reshape(shape).transpose(0, 3, 1, 2)
    return blocks.reshape(-1, binned.n_neurons, len(basis))[: len(posts)]


@njit(parallel=True, **_FAST_LOOPS)
def _evaluate(
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
    for block in prange((n_posts + _BLOCK - 1) // _BLOCK):
        first, last = block * _BLOCK, min((block + 1) * _BLOCK, n_posts)
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
def _sum_variances(
    bins, neurons, borders, n_neurons, basis, coefficients, offsets, step_of_bin, posts
):
    """Add variances up, [block, pre, lag, post], one block per parallel task."""
    n_posts = len(posts)
    n_blocks = (n_posts + _BLOCK - 1) // _BLOCK
    summed = np.zeros((n_blocks, n_neurons * len(basis) * _BLOCK))
    for block in prange(n_blocks):
        first, last = block * _BLOCK, min((block + 1) * _BLOCK, n_posts)
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
            True,
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
    size = n_lags * _BLOCK
    bias = np.full(_BLOCK, -40.0)  # columns that only fill up the last block: never a spike
    for c in range(width):
        bias[c] = coefficients[0, c]
    filters = _expand(coefficients, basis, len(column))
    residuals = np.zeros_like(filters)  # summed per presynaptic neuron and lag
    rows = np.zeros((_CHUNK + 2 * n_lags) * _BLOCK)
    loss, bias_gradient = np.zeros(_BLOCK), np.zeros(_BLOCK)
    scratch = np.empty((2, _CHUNK * _BLOCK))

    i = waiting = 0
    for epoch in range(len(borders) - 1):
        _fill(rows, n_lags * _BLOCK, bias)
        _add_offsets(rows, n_lags, borders[epoch] - n_lags, offsets, step_of_bin)
        end = borders[epoch + 1]
        for start in range(borders[epoch], end, _CHUNK):
            stop = min(start + _CHUNK, end)
            origin = start - n_lags  # the bin of the first row
            chunk_first = i
            while i < n_spikes and bins[i] < stop:
                _add(rows, (bins[i] + 1 - origin) * _BLOCK, filters, neurons[i] * size, size)
                i += 1
            for j in range(chunk_first, i):
                c = column[neurons[j]]
                if c >= 0:
                    loss[c] -= rows[(bins[j] - origin) * _BLOCK + c]
            _softplus_and_sigmoid(rows, n_lags, stop - start, scratch, loss, bias_gradient)
            if variances:
                _to_variances(rows[n_lags * _BLOCK : (n_lags + stop - start) * _BLOCK])
            for j in range(chunk_first, i):
                c = column[neurons[j]]
                if c >= 0 and not variances:
                    rows[(bins[j] - origin) * _BLOCK + c] -= 1.0
                    bias_gradient[c] -= 1.0
            _add_to_steps(rows, n_lags, start, stop, step_of_bin, of_steps)
            known = stop - n_lags
            if stop == end:  # nothing is observed, hence no residual, after the end
                _fill(rows, (stop - origin) * _BLOCK, np.zeros(_BLOCK))
                known = end
            while with_sums and waiting < n_spikes and bins[waiting] < known:
                place = (bins[waiting] + 1 - origin) * _BLOCK
                _add(residuals, neurons[waiting] * size, rows, place, size)
                waiting += 1
            for j in range(2 * size):
                rows[j] = rows[_CHUNK * _BLOCK + j]
            _fill(rows, 2 * size, bias)
            _add_offsets(rows, 2 * n_lags, origin + _CHUNK, offsets, step_of_bin)

    for c in range(width):
        loss_out[c] = loss[c]
        gradient[0, c] = bias_gradient[c]
    return residuals


@njit(**_FAST_LOOPS)
def _add_offsets(rows, first, origin, offsets, step_of_bin):
    """Add what covariates say to the predictor from a row on; row 0 is the bin ``origin``."""
    for row in range(first, min(len(rows) // _BLOCK, len(step_of_bin) - origin)):
        step = step_of_bin[origin + row]
        for c in range(offsets.shape[1]):
            rows[row * _BLOCK + c] += offsets[step, c]


@njit(**_FAST_LOOPS)
def _add_to_steps(rows, first, start, stop, step_of_bin, of_steps):
    """Sum the residuals of the bins of each step."""
    if len(step_of_bin) > 0:
        for t in range(start, stop):
            for c in range(of_steps.shape[1]):
                of_steps[step_of_bin[t], c] += rows[(first + t - start) * _BLOCK + c]


@njit(**_FAST_LOOPS)
def _softplus_and_sigmoid(rows, first, n, scratch, loss, total):
    """Turn n rows of the predictor into probabilities; add up log(1 + exp) and probabilities."""
    block = rows[first * _BLOCK : (first + n) * _BLOCK]
    # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), and the last terms are at most log 2: one
    # logarithm of the product over a chunk does, 2**_CHUNK being far below overflow.
    _sigmoid(block, scratch[0], scratch[1])
    product = np.ones(_BLOCK)
    for t in range(n):
        _multiply(product, 0, scratch[0], t * _BLOCK, _BLOCK)
        _add(loss, 0, scratch[1], t * _BLOCK, _BLOCK)
        _add(total, 0, block, t * _BLOCK, _BLOCK)
    for c in range(_BLOCK):
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
    filters = np.zeros(n_neurons * n_lags * _BLOCK)
    for n in range(n_neurons):
        for k in range(n_basis):
            for lag in range(n_lags):
                for c in range(coefficients.shape[1]):
                    filters[(n * n_lags + lag) * _BLOCK + c] += (
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
                        basis[lag, k] * residuals[(n * n_lags + lag) * _BLOCK + c]
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
        rows[i] = values[i % _BLOCK]
