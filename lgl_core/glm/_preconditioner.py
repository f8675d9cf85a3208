"""Where the solver of the GLM begins: the inverse Hessian of a simpler problem."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky

from lgl_core.glm._likelihood import BinnedSpikes, Floats
from lgl_core.glm._pairs import gram_blocks, gram_matrix
from lgl_core.glm.covariates import Drive

__all__ = [
    "L2_OF_COVARIATES",
    "Precondition",
    "Singles",
    "factorised",
    "mean_variances",
    "with_correlations",
    "without_correlations",
]

# Directions are kept in single precision: they only say where to go. Objective and gradient, which
# say where we are, are double.
Singles = NDArray[np.float32]
# From gradients of some columns, and the columns' numbers, to steps.
Precondition = Callable[..., Singles]

# Coefficients up to which the whole Gram matrix is factorised: half a gigabyte.
_MOST_TOGETHER = 8000

# Penalty of the weights of covariates, in log-odds per standard deviation of each: next to none.
L2_OF_COVARIATES = 1.0


def factorised(
    binned: BinnedSpikes, basis: Floats, l2: float, drive: Drive | None = None
) -> Singles | None:
    """Factorise the Hessian of a neuron that fires at the mean rate, whoever fires before it.

    Parameters
    ----------
    binned, basis, l2, drive
        As for ``glm._solvers.lbfgs``.

    Returns
    -------
    ndarray, shape (n_coefficients, n_coefficients)
        Lower Cholesky factor; or None, if there are too many coefficients, or if rounding and the
        ends of epochs keep the matrix from being positive.
    """
    stop = 1 + binned.n_neurons * basis.shape[1]
    if stop > _MOST_TOGETHER:
        return None
    hessian = gram_matrix(binned, basis, drive)
    hessian *= mean_variances(binned).mean()
    penalty = np.full(len(hessian), l2)
    penalty[0], penalty[stop:] = 0.0, L2_OF_COVARIATES
    # Rounding, features that say the same, and silent neurons without a penalty.
    diagonal = hessian.diagonal()
    penalty += 1e-9 * diagonal.max() + 1e-6 * diagonal
    hessian[np.diag_indices_from(hessian)] += penalty
    with suppress(np.linalg.LinAlgError):
        factor = cholesky(hessian, lower=True, overwrite_a=True, check_finite=False)
        return factor.astype(np.float32)
    return None


def with_correlations(
    factor: Singles, binned: BinnedSpikes, basis: Floats, posts: NDArray[np.int64], l2: float
) -> Precondition:
    """Return the map from gradients of some columns to Newton steps at the mean rate."""
    variances = mean_variances(binned)
    # Who fires more has more curvature, but that of the penalty is the same for all.
    typical = np.median(binned.counts) * (basis**2).sum(axis=0).mean()
    faster = (variances[posts] * typical + l2) / (variances.mean() * typical + l2)

    def precondition(gradient: Floats | Singles, columns: NDArray[np.int64]) -> Singles:
        scaled = (gradient / faster[columns]).astype(np.float32)
        found: Singles = cho_solve((factor, True), scaled, overwrite_b=True, check_finite=False)
        return found

    return precondition


def without_correlations(
    binned: BinnedSpikes,
    basis: Floats,
    posts: NDArray[np.int64],
    l2: float,
    drive: Drive | None,
) -> Precondition:
    """Return the map from gradients of some columns to Newton steps of a simpler problem.

    There, neurons fire at constant rates and have nothing to do with each other but for the bias
    and the covariates, which all of them meet. What is left of the weights' block of the Hessian
    when those are eliminated falls apart into one small block for each presynaptic neuron, with the
    same eigenvectors for all postsynaptic ones. However many neurons there are, it is made.
    """
    common, beside, own = gram_blocks(binned, basis, drive)
    n_neurons, n_basis = len(own), basis.shape[1]
    stop = 1 + n_neurons * n_basis
    first = np.r_[0, np.arange(stop, stop + len(common) - 1)]
    common[np.diag_indices_from(common)] *= 1 + 1e-9  # features may say the same
    of_common = np.linalg.inv(common)
    explained = of_common @ beside
    parts = (m.reshape(-1, n_neurons, n_basis).transpose(1, 2, 0) for m in (beside, explained))
    values, vectors = np.linalg.eigh(own - np.matmul(next(parts), next(parts).transpose(0, 2, 1)))
    # A neuron that is silent has no curvature but that of the penalty.
    values = np.maximum(values, 1e-7 * np.maximum(values[:, -1:], 1e-2))
    variance = mean_variances(binned)[posts]

    def precondition(gradient: Floats | Singles, columns: NDArray[np.int64]) -> Singles:
        outer = gradient[first]
        weights = gradient[1:stop] - explained.T @ outer
        turned = vectors.transpose(0, 2, 1) @ weights.reshape(n_neurons, n_basis, -1)
        turned /= values[:, :, None] * variance[columns] + l2
        step = np.empty_like(gradient, dtype=np.float32)
        step[1:stop] = (vectors @ turned).reshape(stop - 1, -1)
        step[first] = of_common @ outer / variance[columns] - explained @ step[1:stop]
        return step

    return precondition


def mean_variances(binned: BinnedSpikes) -> Floats:
    """Give p (1 - p) of each neuron at its mean rate."""
    rate = binned.counts / binned.n_bins
    return rate * (1 - rate)
