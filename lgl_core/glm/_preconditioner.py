"""Where the solver of the GLM begins: the inverse Hessian of a simpler problem."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky

from lgl_core.glm._likelihood import BinnedSpikes, Floats, total_bytes
from lgl_core.glm._modes import extreme_directions, gram_product
from lgl_core.glm._pairs import gram_blocks, gram_matrix
from lgl_core.glm.covariates import Drive

__all__ = [
    "L2_OF_COVARIATES",
    "Precondition",
    "Singles",
    "mean_variances",
    "preconditioner",
]

# Directions are kept in single precision: they only say where to go. Objective and gradient, which
# say where we are, are double.
Singles = NDArray[np.float32]
# From gradients of some columns, and the columns' numbers, to steps.
Precondition = Callable[..., Singles]

# Coefficients up to which the whole Gram matrix is factorised; beyond, its triangles take longer
# than the steps they save.
_MOST_TOGETHER = 3000

# Of a mode's curvature: products are exact at the ends of epochs and blocks are not, and what is
# next to nothing without a penalty must not turn a step around.
_LEAST = 0.05

# Penalty of the weights of covariates, in log-odds per standard deviation of each: next to none.
L2_OF_COVARIATES = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class _WholeMatrix:
    """The Hessian at the mean rate, factorised: shape (n_coefficients, n_coefficients)."""

    factor: Singles
    # One of each neuron: how much more curvature it has than at the mean rate.
    faster: Floats

    def __sizeof__(self) -> int:
        return total_bytes(self)

    def __call__(self, posts: NDArray[np.int64]) -> Precondition:
        """Return the map from gradients of some columns to Newton steps at the mean rate."""
        faster = self.faster[posts]

        def precondition(gradient: Floats | Singles, columns: NDArray[np.int64]) -> Singles:
            scaled = (gradient / faster[columns]).astype(np.float32)
            found: Singles = cho_solve(
                (self.factor, True), scaled, overwrite_b=True, check_finite=False
            )
            return found

        return precondition


@dataclass(frozen=True, eq=False, kw_only=True)
class _BlocksAndModes:
    """The parts of the Gram matrix, see :func:`_blocks_and_modes`."""

    of_common: Floats  # inverse of the block of the ones and the covariates
    explained: Floats  # what these explain of the spikes' columns
    values: Floats  # eigenvalues of each presynaptic neuron's block, [pre, basis]
    vectors: Floats  # and its eigenvectors
    mode_values: Floats  # eigenvalues of all blocks together, where they are far from 1
    modes: Singles  # and eigenvectors
    variances: Floats  # of each neuron
    l2: float

    def __sizeof__(self) -> int:
        return total_bytes(self)

    def __call__(self, posts: NDArray[np.int64]) -> Precondition:
        """Return the map from gradients of some columns to Newton steps of a simpler problem.

        There, neurons fire at constant rates, each one's curvature is that of its blocks, and the
        modes are those at the mean rate.
        """
        stop = 1 + self.explained.shape[1]
        first = np.r_[0, np.arange(stop, stop + len(self.explained) - 1)]
        variance = self.variances[posts]

        def precondition(gradient: Floats | Singles, columns: NDArray[np.int64]) -> Singles:
            outer = gradient[first]
            roots = 1 / np.sqrt(self.values[:, :, None] * variance[columns] + self.l2)
            weights = gradient[1:stop] - self.explained.T @ outer
            turned = _to_blocks(roots, weights, self.vectors)
            less = (1 / self.mode_values - 1)[:, None]
            turned += self.modes @ (less * (self.modes.T @ turned))
            step = np.empty_like(gradient, dtype=np.float32)
            step[1:stop] = _from_blocks(roots, turned, self.vectors)
            alone = self.of_common @ outer / variance[columns]
            step[first] = alone - self.explained @ step[1:stop]
            return step

        return precondition


def preconditioner(
    binned: BinnedSpikes, basis: Floats, l2: float, drive: Drive | None = None
) -> Callable[[NDArray[np.int64]], Precondition]:
    """Prepare what all postsynaptic neurons share.

    Parameters
    ----------
    binned, basis, l2, drive
        As for ``glm._solvers.lbfgs``.

    Returns
    -------
    callable
        From ids of postsynaptic neurons, those of the columns, to their preconditioner. It can be
        sent to other processes.

    Notes
    -----
    Of up to 3,000 coefficients the whole Gram matrix is factorised. Of more, or where rounding and
    the ends of epochs keep it from being positive, only each presynaptic neuron's own block is, and
    the few directions in which many neurons fire together.
    """
    if 1 + binned.n_neurons * basis.shape[1] <= _MOST_TOGETHER:
        factor = _factorised(binned, basis, l2, drive)
        if factor is not None:
            variances = mean_variances(binned)
            # Who fires more has more curvature, but that of the penalty is the same for all.
            typical = np.median(binned.counts) * (basis**2).sum(axis=0).mean()
            faster = (variances * typical + l2) / (variances.mean() * typical + l2)
            return _WholeMatrix(factor=factor, faster=faster)
    return _blocks_and_modes(binned, basis, l2, drive)


def _factorised(
    binned: BinnedSpikes, basis: Floats, l2: float, drive: Drive | None
) -> Singles | None:
    """Factorise the Hessian of a neuron that fires at the mean rate, whoever fires before it."""
    stop = 1 + binned.n_neurons * basis.shape[1]
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


def _blocks_and_modes(
    binned: BinnedSpikes, basis: Floats, l2: float, drive: Drive | None
) -> _BlocksAndModes:
    """Take the Gram matrix apart: what all neurons meet, each neuron alone, many together.

    When the bias and the covariates, which all neurons meet, are eliminated, one small block for
    each presynaptic neuron stands out from the rest, with the same eigenvectors for all
    postsynaptic ones. Divided by the blocks' curvature, the whole is near the identity but for the
    modes.
    """
    common, beside, own = gram_blocks(binned, basis, drive)
    n_neurons, n_basis = len(own), basis.shape[1]
    common[np.diag_indices_from(common)] *= 1 + 1e-9  # features may say the same
    of_common = np.linalg.inv(common)
    explained = of_common @ beside
    parts = (m.reshape(-1, n_neurons, n_basis).transpose(1, 2, 0) for m in (beside, explained))
    values, vectors = np.linalg.eigh(own - np.matmul(next(parts), next(parts).transpose(0, 2, 1)))
    # A neuron that is silent has no curvature but that of the penalty.
    least = 1e-7 * np.maximum(values[:, -1:], 1e-2)
    curved, values = (values > least)[:, :, None], np.maximum(values, least)
    variances = mean_variances(binned)
    variance = variances.mean()
    # No mode reaches into directions without curvature: they would turn its rounding into steps.
    roots = curved / np.sqrt(variance * values[:, :, None] + l2)
    gram = gram_product(binned, basis, explained, drive)

    def whitened(columns: Floats) -> Floats:
        weights = _from_blocks(roots, columns, vectors)
        found = _to_blocks(roots, variance * gram(weights) + l2 * weights, vectors)
        return found + np.where(curved.reshape(-1, 1), 0, columns)

    found, modes = extreme_directions(whitened, n_neurons * n_basis)
    found = np.maximum(found, _LEAST)
    return _BlocksAndModes(
        of_common=np.asarray(of_common, np.float64),
        explained=explained,
        values=values,
        vectors=vectors,
        mode_values=found,
        modes=modes,
        variances=variances,
        l2=l2,
    )


def _to_blocks(roots: Floats, weights: Floats, vectors: Floats) -> Floats:
    parts = weights.reshape(*vectors.shape[:2], -1)
    return (roots * (vectors.transpose(0, 2, 1) @ parts)).reshape(weights.shape)


def _from_blocks(roots: Floats, columns: Floats, vectors: Floats) -> Floats:
    parts = columns.reshape(*vectors.shape[:2], -1)
    return (vectors @ (roots * parts)).reshape(columns.shape)


def mean_variances(binned: BinnedSpikes) -> Floats:
    """Give p (1 - p) of each neuron at its mean rate."""
    rate = binned.counts / binned.n_bins
    return rate * (1 - rate)
