"""Counts of pairs of spikes, and what they tell of the design of the GLM.

Coefficients are laid out as in ``glm._likelihood``.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lgl_core.glm._likelihood import BinnedSpikes, Floats
from lgl_core.glm.covariates import Drive

__all__ = ["beyond_ends", "gram_matrix", "spikes_after"]


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
    pairs = _count_pairs(binned.bins, binned.neurons, binned.borders, binned.n_neurons, n_lags + 1)
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
    pairs = _count_pairs(binned.bins, binned.neurons, binned.borders, n, n_lags)
    # overlap[d, k, l] = sum over lags of b_k(lag) b_l(lag - d)
    overlap = np.stack([basis[d:].T @ basis[: n_lags - d] for d in range(n_lags)])
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
    gram[0, 0] = binned.n_bins
    gram[0, 1:] = gram[1:, 0] = np.outer(binned.counts, basis.sum(axis=0)).ravel()
    return gram if drive is None else _with_drive(gram, binned, basis, drive)


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


def _with_drive(gram: Floats, binned: BinnedSpikes, basis: Floats, drive: Drive) -> Floats:
    n_steps = len(drive.values)
    n_bins = np.bincount(drive.step_of_bin, minlength=n_steps)
    cells = binned.neurons * n_steps + drive.step_of_bin[binned.bins]
    counts = np.bincount(cells, minlength=binned.n_neurons * n_steps).reshape(-1, n_steps)
    with_spikes = np.einsum("nd,k->nkd", counts @ drive.values, basis.sum(axis=0))
    beside = np.vstack([n_bins @ drive.values, with_spikes.reshape(-1, drive.values.shape[1])])
    own = (drive.values.T * n_bins) @ drive.values
    return np.block([[gram, beside], [beside.T, own]])


@njit(cache=True)
def _count_pairs(bins, neurons, borders, n_neurons, n_lags):
    """pairs[n, m, d] = how often a spike of n is followed by one of m, d bins later."""
    pairs = np.zeros((n_neurons, n_neurons, n_lags), np.int32)
    first = epoch = 0
    for i in range(len(bins)):
        while bins[first] < bins[i]:
            first += 1
        while borders[epoch + 1] <= bins[i]:
            epoch += 1
        stop = min(bins[i] + n_lags, borders[epoch + 1])
        j = first  # from the first spike of the same bin, so that d = 0 counts both orders
        while j < len(bins) and bins[j] < stop:
            pairs[neurons[i], neurons[j], bins[j] - bins[i]] += 1
            j += 1
    return pairs
