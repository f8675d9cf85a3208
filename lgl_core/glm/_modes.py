"""Directions of the weights in which whole populations fire together.

Thousands of neurons have too many pairs for a Gram matrix; but what is left of it, once each
presynaptic neuron is a problem of its own, is close to the identity in all directions but a few:
the common ups and downs of many neurons. These are found from products with the design, which needs
no matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from lgl_core.glm._likelihood import BinnedSpikes, Floats
from lgl_core.glm.covariates import Drive

__all__ = ["Product", "extreme_directions", "gram_product"]

# From columns to as many columns.
Product = Callable[[Floats], Floats]

# Directions that are kept, and those that are sought beside them, so that these are exact.
_N_KEPT, _N_MORE = 16, 8
_N_ROUNDS = 4
# Columns that are multiplied together: those of an hour in bins of 1 ms take half a gigabyte.
_TOGETHER = 4


def gram_product(
    binned: BinnedSpikes, basis: Floats, explained: Floats, drive: Drive | None = None
) -> Product:
    """Return the product with the Gram matrix of the spikes' columns, without that matrix.

    Parameters
    ----------
    binned, basis, drive
        As for :func:`lgl_core.glm._pairs.gram_matrix`.
    explained : ndarray, shape (1 + n_features, n_neurons * n_basis)
        What the column of ones and the covariates explain of those columns, which is taken off.

    Returns
    -------
    callable
        From weights, shape (n_neurons * n_basis, n), to as many.
    """
    n_lags, n_basis = basis.shape
    # Between epochs stand as many empty bins as a filter is long, so that nothing reaches across.
    epoch_of_bin = np.repeat(np.arange(len(binned.borders) - 1), np.diff(binned.borders))
    row_of_bin = np.arange(binned.n_bins) + n_lags * epoch_of_bin
    shape = row_of_bin[-1] + 1, binned.n_neurons
    ones = np.ones(len(binned.bins), np.float32)
    spikes = sp.csr_array((ones, (row_of_bin[binned.bins], binned.neurons)), shape=shape)
    of_neurons = spikes.T.tocsr()
    taps = np.vstack([np.zeros((1, n_basis)), basis]).astype(np.float32)
    observed = np.zeros((shape[0], len(explained)), np.float32)
    observed[row_of_bin, 0] = 1
    if drive is not None:
        observed[row_of_bin, 1:] = drive.values[drive.step_of_bin]

    def product(weights: Floats) -> Floats:
        n = weights.shape[1]
        of_basis = weights.astype(np.float32).reshape(binned.n_neurons, n_basis * n)
        by_basis = (spikes @ of_basis).reshape(-1, n_basis, n)
        predictor = -observed @ (explained @ weights).astype(np.float32)
        for k in range(n_basis):
            predictor += oaconvolve(by_basis[:, k], taps[:, [k]], axes=0)[: shape[0]]
        predictor *= observed[:, :1]
        later = [oaconvolve(predictor, taps[::-1, [k]], axes=0)[n_lags:] for k in range(n_basis)]
        back: Floats = of_neurons @ np.stack(later, axis=1).reshape(shape[0], -1)
        return back.reshape(-1, n)

    return product


def extreme_directions(product: Product, size: int) -> tuple[Floats, NDArray[np.float32]]:
    """Find the directions in which a symmetric matrix differs most from the identity.

    Parameters
    ----------
    product : callable
        From columns to the matrix times these.
    size : int
        Rows of the matrix.

    Returns
    -------
    values : ndarray, shape (n,)
        Eigenvalues; the others are nearer to 1.
    vectors : ndarray, shape (size, n)
        Their eigenvectors. Those whose value is far from the others' are exact to several digits.

    Notes
    -----
    Subspace iteration (Halko, Martinsson and Tropp 2011, arXiv 0909.4061), from a fixed seed.
    """
    n = min(_N_KEPT + _N_MORE, size)

    def times(columns: Floats) -> Floats:
        parts = np.array_split(np.arange(n), -(-n // _TOGETHER))
        return np.hstack([product(columns[:, part]) for part in parts])

    found = np.linalg.qr(np.random.default_rng(0).normal(size=(size, n)))[0]
    for _ in range(_N_ROUNDS):
        found = np.linalg.qr(times(found) - found)[0]
    values, turned = np.linalg.eigh(found.T @ times(found))
    kept = np.argsort(np.abs(values - 1))[-_N_KEPT:]
    return values[kept], (found @ turned[:, kept]).astype(np.float32)
