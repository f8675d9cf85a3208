r"""How sure a coupling is: standard errors and a test for every pair of neurons.

The penalty of a fit pulls its weights to zero. One Newton step without it takes that off,

.. math::

    \tilde w_i = \hat w_i + \lambda F_i^{-1} \hat w_i, \qquad
    F_i = \sum_t p_i(t)\,(1 - p_i(t))\, x(t) x(t)^\top,

and :math:`\tilde w_i` scatters with the inverse of the Fisher information :math:`F_i`. What a pair
has to itself, :math:`F_{ij}`, is summed up exactly. How much of it is lost since other neurons fire
at the same time depends on the design alone, which all neurons share: one factorisation tells it
for all of them.

Where few spikes of two neurons meet, an estimate is not normal. So a pair is tested by how much
more likely its filter makes the spikes that were seen at each lag than what all others say of them:
a ratio of binomial likelihoods, whose mean and variance are those that the GLM expects there. Where
spikes are rare, they are Poisson's.

A bin does not tell when in it a spike fell. Two neurons that answer a third after the same delay do
so both in the next bin, or both in the one after it, and fall one after the other less often than
the spikes of the third let expect. Too few spikes at the first lag are therefore no evidence of a
coupling. Inhibition shows at later lags, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import chi2

from lgl_core.glm._likelihood import BinnedSpikes, Floats, sums_after
from lgl_core.glm._pairs import beyond_ends, gram_matrix, spikes_after
from lgl_core.glm.fit import GLMFit
from lgl_core.spikes import SpikeTrains

__all__ = ["CouplingTest", "coupling_test"]

_BYTES = 2**27  # of sums after spikes that are in memory at once
# Pairs that tell next to nothing of some filter have no test: their information is below this
# share of what their neuron's spikes tell of its rate.
_NOTHING = 1e-9
# Keeps the filter of a pair finite that has no spike at some lags: nothing beside a single spike.
_HOLD = 1e-3
# Chances below this are rounding: of spikes so rare, a count is Poisson's.
_RARE = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class CouplingTest:
    """Couplings without the penalty's pull, how far they scatter, and a test of each pair.

    Parameters
    ----------
    fit : GLMFit
        What was tested.
    weights : ndarray, shape (n_neurons, n_neurons, n_basis)
        ``[post, pre, k]``, in log-odds.
    covariance : ndarray, shape (n_neurons, n_neurons, n_basis, n_basis)
        Of the weights of each pair; NaN where a pair tells nothing, such as of a neuron that is
        silent.
    statistic : ndarray, shape (n_neurons, n_neurons)
        Twice the logarithm of the ratio of likelihoods with and without the coupling, less what is
        due to other neurons: chi-squared with ``n_basis`` degrees of freedom where there is none.
    inflation : ndarray, shape (n_neurons,)
        By how much the statistics of a postsynaptic neuron are larger than such numbers in the
        middle, at least 1. What a GLM does not describe of a neuron makes all of them larger.
    """

    fit: GLMFit
    weights: Floats
    covariance: Floats
    statistic: Floats
    inflation: Floats

    def p_values(self) -> Floats:
        """Give the chance of a statistic so large without a coupling.

        Returns
        -------
        ndarray, shape (n_neurons, n_neurons)
            ``[post, pre]``, all basis functions of a pair together, statistics divided by their
            inflation. 1 where a pair tells nothing, and on the diagonal.
        """
        n_basis = self.weights.shape[2]
        p = chi2.sf(self.statistic / self.inflation[:, np.newaxis], n_basis)
        p = np.where(np.isfinite(self.statistic), p, 1.0)
        np.fill_diagonal(p, 1.0)
        return p

    def area(self, window: float = 8e-3) -> tuple[Floats, Floats]:
        """Sum the first lags of each filter, and tell the standard error of the sum.

        Parameters
        ----------
        window : float
            Longest lag in s that counts, as for :meth:`lgl_core.glm.fit.GLMFit.coupling`.

        Returns
        -------
        area, se : ndarray, shape (n_neurons, n_neurons)
            ``[post, pre]``, in log-odds times s. The standard error has the inflation in it.
        """
        first_lags = self.fit.basis[: self.fit.lags_within(window)]
        sums = first_lags.sum(axis=0) * self.fit.config.bin_width
        variance = np.einsum("k,ijkl,l->ij", sums, self.covariance, sums)
        return self.weights @ sums, np.sqrt(variance * self.inflation[:, np.newaxis])

    def latency(self) -> Floats:
        """Give the lag in s at which each filter is furthest from zero, ``[post, pre]``."""
        filters = self.weights @ self.fit.basis.T
        return self.fit.lags[np.abs(filters).argmax(axis=2)]


def coupling_test(fit: GLMFit, spikes: SpikeTrains) -> CouplingTest:
    """Test every coupling of a fitted GLM.

    Parameters
    ----------
    fit : GLMFit
        Converged.
    spikes : SpikeTrains
        Those that it was fitted to.

    Returns
    -------
    CouplingTest

    Raises
    ------
    ValueError
        If the population has another size, or the fit has a ``group_lasso``: what that sets to zero
        has no standard error.

    Notes
    -----
    Standard errors are those of the full inverse within some percent, and within 20 % beside
    couplings that make a neuron fire twenty times as often.

    The inflation is that of genomic control (Devlin and Roeder 1999): the median over presynaptic
    neurons of the statistic, over that of its distribution. It is right where most pairs have no
    synapse, and too large, which is on the safe side, where many have.
    """
    if fit.config.group_lasso > 0:
        raise ValueError(
            f"group_lasso of the fit must be 0, got {fit.config.group_lasso}: estimates that it "
            "sets to zero have no standard error; fit without group_lasso to test"
        )
    binned, n_neurons = fit.binned(spikes), spikes.n_neurons
    if fit.drive is not None and len(fit.drive.step_of_bin) != binned.n_bins:
        raise ValueError("spikes must be those that the fit and its covariates were made from")
    lost = _lost_to_others(binned, fit)
    parts = max(1, -(-(8 * n_neurons**2 * len(fit.basis)) // _BYTES))
    seen = spikes_after(binned, len(fit.basis))
    tested = [
        _tested(fit, binned, posts, lost, seen[posts])
        for posts in np.array_split(np.arange(n_neurons), min(parts, n_neurons))
    ]
    weights, covariance, statistic = (np.concatenate(part) for part in zip(*tested, strict=True))
    return CouplingTest(
        fit=fit,
        weights=weights,
        covariance=covariance,
        statistic=statistic,
        inflation=_inflation(statistic, fit.basis.shape[1]),
    )


def _lost_to_others(binned: BinnedSpikes, fit: GLMFit) -> Floats:
    """By what the variance of a pair's weights grows since other neurons fire, too.

    Returns
    -------
    ndarray, shape (n_neurons, n_basis, n_basis)
        R^T (G^-1)_jj R, with the Gram matrix G of the design and R R^T that of the spikes of j if
        each came alone. The unit matrix if nothing else told of the same bins.
    """
    n_basis, gram = fit.basis.shape[1], gram_matrix(binned, fit.basis, fit.drive)
    silent = gram.diagonal() == 0
    gram[silent, silent] = 1.0
    # What rounding and the ends of epochs leave of a nearly singular matrix is held above zero.
    gram[np.diag_indices_from(gram)] *= 1 + 1e-9
    try:
        factor = cho_factor(gram, lower=True)
    except np.linalg.LinAlgError:
        # In a short recording of neurons that fire all the time, the ends of epochs count.
        n_own = 1 + n_basis * binned.n_neurons
        gram[:n_own, :n_own] -= beyond_ends(binned, fit.basis)
        factor = cho_factor(gram, lower=True)
    inverse = cho_solve(factor, np.eye(len(gram)), overwrite_b=True)
    blocks = [slice(1 + n_basis * j, 1 + n_basis * (j + 1)) for j in range(binned.n_neurons)]
    root = np.linalg.cholesky(fit.basis.T @ fit.basis)
    return np.stack(
        [
            n_spikes * root.T @ inverse[block, block] @ root
            for n_spikes, block in zip(np.maximum(binned.counts, 1), blocks, strict=True)
        ]
    )


def _tested(
    fit: GLMFit,
    binned: BinnedSpikes,
    posts: NDArray[np.int64],
    lost: Floats,
    seen: NDArray[np.int32],
) -> tuple[Floats, Floats, Floats]:
    """Weights without the pull, their covariance and statistic, of some postsynaptic neurons."""
    n_basis = fit.basis.shape[1]
    coefficients = fit.coefficients[:, posts]
    asked = binned, fit.basis, coefficients, posts, fit.drive
    summed = sums_after(*asked, variances=True)
    products = fit.basis[:, :, np.newaxis] * fit.basis[:, np.newaxis, :]
    information = np.tensordot(summed, products, axes=1)  # [post, pre, k, l]
    told = np.trace(information, axis1=2, axis2=3)
    known = np.linalg.eigvalsh(information)[:, :, 0] > _NOTHING * told
    known &= (binned.counts[posts] > 0)[:, np.newaxis]
    if fit.allowed is not None:
        known &= fit.allowed[posts]
    information[~known] = np.eye(n_basis)
    root = np.linalg.inv(np.linalg.cholesky(information))  # inverse of the root
    covariance = np.swapaxes(root, 2, 3) @ lost @ root
    fitted = fit.weights[posts]
    weights = fitted + fit.config.l2 * (covariance @ fitted[..., np.newaxis])[..., 0]
    # What the fit says of the spikes of a pair, and what it says without the filter of the pair.
    # The penalty pulls others, too, and what they lack is taken for the pair's: that goes as well,
    # but for what the pair itself lacks.
    mean = np.maximum(sums_after(*asked, variances=False) + seen, 0)
    chance = np.maximum(1 - np.divide(summed, mean, out=np.ones_like(mean), where=mean > 0), _RARE)
    pulled = np.swapaxes(root, 2, 3) @ root @ fitted[..., np.newaxis]
    own = weights - fit.config.l2 * pulled[..., 0]
    odds = np.exp(-(own @ fit.basis.T))
    without = chance * odds / (1 - chance + chance * odds)
    ratio = _likelihood_ratios(seen, mean / chance, without, fit.basis)
    # The share of it that is left if others, which fire at the same time, may explain it.
    column = weights[..., np.newaxis]
    alone = (column * (information @ column)).sum(axis=(2, 3))
    beside = (column * np.linalg.solve(covariance, column)).sum(axis=(2, 3))
    share = np.divide(beside, alone, out=np.ones_like(alone), where=alone > 0)
    statistic = np.where(known, ratio * share, np.nan)
    covariance[~known] = np.nan
    return weights, covariance, statistic


@njit(parallel=True, cache=True)
def _likelihood_ratios(seen, trials, chance, basis):
    """Fit the filter of each pair to the spikes at its lags: 2 log of the ratio of likelihoods.

    At the first lag, what is seen is never less than what is expected.
    """
    n_posts, n_neurons, n_lags = seen.shape
    n_basis = basis.shape[1]
    ratios = np.zeros((n_posts, n_neurons))
    for pair in prange(n_posts * n_neurons):
        i, j = pair // n_neurons, pair % n_neurons
        n, start = trials[i, j], chance[i, j]
        # What the filter makes of the first lag counts up to what was seen there.
        share = min(max(seen[i, j, 0] / max(n[0], _RARE), _RARE), 1 - _RARE)
        most = np.log(share / (1 - share)) - np.log(start[0] / (1 - start[0]))
        w = np.zeros(n_basis)
        found = least = _gain(seen[i, j], n, start, basis @ w, most)
        for _ in range(50):
            change = basis @ w
            lacking = change[0] > most
            change[0] = min(change[0], most)
            odds = np.exp(change)
            p = start * odds / (1 - start + start * odds)
            gradient = basis.T @ (seen[i, j] - n * p) - _HOLD * w
            variance = (n * p * (1 - p)).reshape(n_lags, 1)
            if lacking:  # and a filter that expects more is as good
                variance[0] = 0.0
            curvature = basis.T @ (basis * variance) + _HOLD * np.eye(n_basis)
            step = np.linalg.solve(curvature, gradient)
            # A filter that wants to change by much goes a part of the way.
            step *= min(1.0, 2.0 / max(np.abs(basis @ step).max(), 1e-12))
            gained = _gain(seen[i, j], n, start, basis @ (w + step), most)
            if gained < found + 1e-6:
                break
            w, found = w + step, gained
        ratios[i, j] = 2 * (found - least)
    return ratios


@njit(cache=True)
def _gain(seen, trials, chance, change, most):
    change[0] = min(change[0], most)
    return (seen * change - trials * np.log1p(chance * np.expm1(change))).sum()


def _inflation(statistic: Floats, n_basis: int) -> Floats:
    others = statistic.copy()
    np.fill_diagonal(others, np.nan)
    known = np.isfinite(others).sum(axis=1) > 0
    inflation = np.ones(len(others))
    inflation[known] = np.nanmedian(others[known], axis=1) / chi2.median(n_basis)
    return np.maximum(inflation, 1.0)
