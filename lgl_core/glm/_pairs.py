"""Counts of pairs of spikes, and what they tell of the design of the GLM.

Coefficients are laid out as in ``glm._likelihood``.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from lgl_core.glm._likelihood import BinnedSpikes, Floats
from lgl_core.glm.covariates import Drive

__all__ = ["beyond_ends", "common_columns", "gram_blocks", "gram_matrix", "spikes_after"]


def spikes_after(binned: BinnedSpikes, n_lags: int) -> NDArray[np.int32]:
    """Count the spikes at each lag after those of each neuron.

    Parameters
    ----------
    binned : BinnedSpikes
    n_lags : int

    Returns
    -------
    ndarray of int, shape (n_neurons, n_neurons, n_lags)
        ``[post, pre, lag]``; the first lag is one bin.
    """
    pairs = _count_pairs(binned, n_lags + 1)
    return pairs[:, :, 1:].transpose(1, 0, 2)


def gram_matrix(binned: BinnedSpikes, basis: Floats, drive: Drive | None = None) -> Floats:
    """Gram matrix of the design, from counts of spike pairs.

    Parameters
    ----------
    binned : BinnedSpikes
        Spikes of the population.
    basis : ndarray, shape (n_lags, n_basis)
        Basis functions.
    drive : Drive, optional
        Covariates, the last columns of the design. They are taken to stay as they are for as long
        as a basis function lasts.

    Returns
    -------
    ndarray, shape (n_coefficients, n_coefficients)
        ``X.T @ X`` with a first column of ones in X. Exact but for the last ``n_lags`` bins of
        each epoch: it counts the spikes there as if the epoch went on.
    """
    n_lags, n_basis = basis.shape
    n = binned.n_neurons
    pairs = _count_pairs(binned, n_lags)
    overlap = _overlap(basis)
    gram = np.zeros((1 + n * n_basis, 1 + n * n_basis))
    for first in range(0, n, 64):  # a few neurons at a time, to save memory
        counts = pairs[first : first + 64].astype(float)
        same, later = (
            np.tensordot(counts[..., d], overlap[d], axes=1)
            .transpose(0, 2, 1, 3)
            .reshape(-1, n * n_basis)
            for d in (slice(0, 1), slice(1, None))
        )
        own = slice(1 + first * n_basis, 1 + first * n_basis + len(same))
        gram[own, 1:] += same + later
        gram[1:, own] += later.T
    common, beside = common_columns(binned, basis, drive)
    gram[0, 0], gram[0, 1:], gram[1:, 0] = common[0, 0], beside[0], beside[0]
    if drive is None:
        return gram
    shared = np.vstack([common[0, 1:], beside[1:].T])
    return np.block([[gram, shared], [shared.T, common[1:, 1:]]])


def beyond_ends(binned: BinnedSpikes, basis: Floats) -> Floats:
    """Say what :func:`gram_matrix` counts of bins beyond the end of an epoch.

    Returns
    -------
    ndarray, shape (n_coefficients, n_coefficients)
        To be taken off; without covariates the rest is ``X.T @ X`` exactly.
    """
    n_lags, n_basis = basis.shape
    gram = np.zeros((1 + binned.n_neurons * n_basis,) * 2)
    for start, stop in zip(binned.borders[:-1], binned.borders[1:], strict=True):
        late = (binned.bins >= max(start, stop - n_lags)) & (binned.bins < stop)
        design = np.zeros((n_lags, binned.n_neurons, n_basis))
        for before, neuron in zip(stop - 1 - binned.bins[late], binned.neurons[late], strict=True):
            design[: n_lags - before, neuron] += basis[before:]
        rows = design.reshape(n_lags, -1)
        gram[1:, 1:] += rows.T @ rows
        gram[0, 1:] += rows.sum(axis=0)
    gram[1:, 0] = gram[0, 1:]
    return gram


def gram_blocks(
    binned: BinnedSpikes, basis: Floats, drive: Drive | None = None
) -> tuple[Floats, Floats, Floats]:
    """Give what the Gram matrix says of the columns that are not spikes, and of each neuron alone.

    Parameters
    ----------
    binned, basis, drive
        As for :func:`gram_matrix`.

    Returns
    -------
    common : ndarray, shape (1 + n_features, 1 + n_features)
        Of the column of ones and the covariates.
    beside : ndarray, shape (1 + n_features, n_neurons * n_basis)
        Of these and the spikes.
    own : ndarray, shape (n_neurons, n_basis, n_basis)
        Of each neuron's spikes.
    """
    n_lags, n = len(basis), binned.n_neurons
    counts = _count_own(binned.bins, binned.neurons, binned.borders, n, n_lags).astype(float)
    overlap = _overlap(basis)
    later = np.tensordot(counts[:, 1:], overlap[1:], axes=1)
    own = np.tensordot(counts[:, :1], overlap[:1], axes=1) + later + later.transpose(0, 2, 1)
    return *common_columns(binned, basis, drive), own


def _overlap(basis: Floats) -> Floats:
    """overlap[d, k, l] = sum over lags of b_k(lag) b_l(lag - d)."""
    n_lags = len(basis)
    return np.stack([basis[d:].T @ basis[: n_lags - d] for d in range(n_lags)])


def common_columns(
    binned: BinnedSpikes, basis: Floats, drive: Drive | None
) -> tuple[Floats, Floats]:
    """Give the first two of :func:`gram_blocks`: what all neurons meet, beside the spikes, too."""
    summed, n_spikes = basis.sum(axis=0), binned.counts
    common, beside = np.array([[float(binned.n_bins)]]), np.outer(n_spikes, summed).reshape(1, -1)
    if drive is None:
        return common, beside
    n_steps = len(drive.values)
    n_bins = np.bincount(drive.step_of_bin, minlength=n_steps)
    cells = binned.neurons * n_steps + drive.step_of_bin[binned.bins]
    counts = np.bincount(cells, minlength=binned.n_neurons * n_steps).reshape(-1, n_steps)
    with_spikes = np.einsum("nd,k->dnk", counts @ drive.values, summed)
    ones = np.column_stack([np.ones(n_steps), drive.values])
    beside = np.vstack([beside, with_spikes.reshape(-1, beside.shape[1])])
    common = (ones.T * n_bins.astype(float)) @ ones
    return common, beside


def _count_pairs(binned: BinnedSpikes, n_lags: int) -> NDArray[np.int32]:
    """pairs[n, m, d] = how often a spike of n is followed by one of m, d bins later."""
    mine = np.argsort(binned.neurons, kind="stable")
    first = np.concatenate([[0], np.cumsum(binned.counts)])
    pairs = np.zeros((binned.n_neurons, binned.n_neurons, n_lags), np.int32)
    _count_after(binned.bins, binned.neurons, binned.borders, mine, first, pairs)
    return pairs


@njit(parallel=True, cache=True)
def _count_after(bins, neurons, borders, mine, first, pairs):
    """Count what follows the spikes of each neuron: one neuron per parallel task."""
    for n in prange(len(pairs)):
        epoch = 0
        for i in mine[first[n] : first[n + 1]]:
            while borders[epoch + 1] <= bins[i]:
                epoch += 1
            stop = min(bins[i] + pairs.shape[2], borders[epoch + 1])
            j = i  # from the first spike of the same bin, so that d = 0 counts both orders
            while j > 0 and bins[j - 1] == bins[i]:
                j -= 1
            while j < len(bins) and bins[j] < stop:
                pairs[n, neurons[j], bins[j] - bins[i]] += 1
                j += 1


@njit(cache=True)
def _count_own(bins, neurons, borders, n_neurons, n_lags):
    """counts[n, d] = how often a spike of n is followed by one of its own, d bins later."""
    counts = np.zeros((n_neurons, n_lags), np.int64)
    last = np.full((n_neurons, n_lags), -n_lags)  # the bins of each neuron's last spikes
    place = np.zeros(n_neurons, np.int64)
    epoch = 0
    for i in range(len(bins)):
        while borders[epoch + 1] <= bins[i]:
            epoch += 1
        n = neurons[i]
        counts[n, 0] += 1
        for before in last[n]:
            if before >= borders[epoch] and bins[i] - before < n_lags:
                counts[n, bins[i] - before] += 1
        last[n, place[n]] = bins[i]
        place[n] = (place[n] + 1) % n_lags
    return counts
