r"""Coupled Bernoulli GLM of a population: who changes whose chance to spike, and when.

.. math::

    \operatorname{logit} P(s_i(t) = 1) =
    b_i + \sum_j \sum_{\ell \ge 1} h_{ij}(\ell)\, s_j(t - \ell), \qquad
    h_{ij}(\ell) = \sum_k w_{ijk}\, b_k(\ell)

Spikes are binned, at most one per bin; the own history (j = i) is fitted like any other.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgl_core.glm._blocks import joined, solve
from lgl_core.glm._likelihood import BinnedSpikes, Floats, bin_spikes, loss_and_gradient
from lgl_core.glm._solvers import Solution
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.covariates import Drive, drive_of
from lgl_core.spikes import SpikeTrains

__all__ = ["GLMFit", "fit_glm", "fit_quietly"]


@dataclass(frozen=True, eq=False, kw_only=True)
class GLMFit:
    """A fitted population GLM.

    Parameters
    ----------
    weights : ndarray, shape (n_neurons, n_neurons, n_basis)
        ``weights[post, pre, k]``, in log-odds.
    bias : ndarray, shape (n_neurons,)
        Log-odds of a spike per bin when nobody has fired within the window.
    basis : ndarray, shape (n_lags, n_basis)
        Row 0 is a lag of one bin.
    config : GLMConfig
        What the fit was asked for.
    converged : ndarray of bool, shape (n_neurons,)
        Whether each neuron's fit met its criterion: the tolerance (lbfgs), or early stopping
        before the last epoch (adam).
    n_iterations : ndarray of int, shape (n_neurons,)
        Evaluations of loss and gradient, or epochs.
    gradient_norm : ndarray, shape (n_neurons,)
        Norm of the objective's gradient relative to the model of constant rates; with a
        ``group_lasso``, of the smallest subgradient.
    objective : ndarray, shape (n_neurons,)
        Negative log-likelihood plus penalties in nats, on the spikes that were trained on.
    history : dict of str to ndarray
        The course of the fit, one entry per iteration.
    allowed : ndarray of bool, shape (n_neurons, n_neurons), optional
        ``[post, pre]``: pairs that were fitted; the others have no coupling. None: all.
    covariate_weights : ndarray, shape (n_neurons, n_features), optional
        Log-odds per standard deviation of each covariate.
    drive : Drive, optional
        The covariates on the bins that were fitted.

    Notes
    -----
    A neuron without a spike has no finite optimum. It gets zero weights, the bias of half a spike
    in the recording, and counts as converged, with an objective of NaN.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    basis: NDArray[np.float64]
    config: GLMConfig
    converged: NDArray[np.bool_]
    n_iterations: NDArray[np.int64]
    gradient_norm: NDArray[np.float64]
    objective: NDArray[np.float64]
    history: dict[str, NDArray[np.float64]]
    allowed: NDArray[np.bool_] | None = None
    covariate_weights: NDArray[np.float64] | None = None
    drive: Drive | None = None

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Bias, weights and weights of covariates, shape (n_coefficients, n_neurons)."""
        parts = [self.bias, self.weights.reshape(len(self.bias), -1).T]
        if self.covariate_weights is not None:
            parts.append(self.covariate_weights.T)
        return np.vstack(parts)

    @property
    def lags(self) -> NDArray[np.float64]:
        """Lags of the filters in s, shape (n_lags,)."""
        return np.arange(1, len(self.basis) + 1) * np.float64(self.config.bin_width)

    def filters(self) -> NDArray[np.float64]:
        """Coupling filters in log-odds.

        Returns
        -------
        ndarray, shape (n_neurons, n_neurons, n_lags)
            ``filters[post, pre, lag]`` (Appendix C.4), at the lags of :attr:`lags`.
        """
        return self.weights @ self.basis.T

    def coupling(
        self, kind: Literal["peak", "area"] = "peak", window: float = 8e-3
    ) -> NDArray[np.float64]:
        """Sum each filter up in one signed number.

        Parameters
        ----------
        kind : {"peak", "area"}
            ``"peak"``, the paper's: the filter's value of largest magnitude, with its sign, in
            log-odds. ``"area"``: the filter's sum over its first lags times the bin width, in
            log-odds times s, which noise in a single lag hardly moves.
        window : float
            Longest lag in s that counts for the area.

        Returns
        -------
        ndarray, shape (n_neurons, n_neurons)
            ``coupling[post, pre]``. The diagonal is the own history.

        Raises
        ------
        ValueError
            If ``kind`` is unknown or ``window`` is shorter than a bin or longer than the filters.

        Notes
        -----
        Appendix C.4.
        """
        filters = self.filters()
        if kind == "peak":
            at = np.abs(filters).argmax(axis=2)
            return np.take_along_axis(filters, at[:, :, None], axis=2)[:, :, 0]
        if kind != "area":
            raise ValueError(f'kind must be "peak" or "area", got {kind!r}')
        return filters[:, :, : self.lags_within(window)].sum(axis=2) * self.config.bin_width

    def lags_within(self, window: float) -> int:
        """Count the lags of the filters up to ``window`` s, and insist that there are as many."""
        n_lags = round(window / self.config.bin_width)
        if not 1 <= n_lags <= len(self.basis):
            raise ValueError(
                f"window must lie between one bin of {self.config.bin_width} s and "
                f"{self.config.window} s, got {window}"
            )
        return n_lags

    def binned(self, spikes: SpikeTrains) -> BinnedSpikes:
        """Put spikes of the population that was fitted, and of no other, into the fit's bins."""
        n_neurons = len(self.bias)
        if spikes.n_neurons != n_neurons:
            raise ValueError(
                f"spikes must have the {n_neurons} neurons of the fit, got {spikes.n_neurons}"
            )
        return bin_spikes(spikes, self.config.bin_width)

    def gain(self, spikes: SpikeTrains, rates_of: SpikeTrains) -> float:
        """Gain over constant rates, in nats per spike.

        Parameters
        ----------
        spikes : SpikeTrains
            Spikes of the same population, usually held out, without covariates.
        rates_of : SpikeTrains
            Where the constant rates come from.

        Returns
        -------
        float
        """
        width = self.config.bin_width
        chance = np.clip(rates_of.rates * width, 0.5 * width / rates_of.recorded, 1 - 1e-9)
        bias = np.log(chance / (1 - chance))
        constant = replace(self, weights=np.zeros_like(self.weights), bias=bias)
        apart = self.log_likelihood(spikes) - constant.log_likelihood(spikes)
        return float(apart.sum() * spikes.recorded / width / len(spikes))

    def log_likelihood(self, spikes: SpikeTrains, covariates: Any = None) -> NDArray[np.float64]:
        """Bernoulli log-likelihood of spikes, held out or not.

        Parameters
        ----------
        spikes : SpikeTrains
            Spikes of the same population. Nobody has fired before its start.
        covariates
            As for :func:`fit_glm`, of these spikes, if the fit has some.

        Returns
        -------
        ndarray, shape (n_neurons,)
            Mean over bins, in nats per bin; its mean over neurons is that of the population.

        Raises
        ------
        ValueError
            If the population has another size, or only one of the two has covariates.

        Notes
        -----
        Appendix C.3.
        """
        binned = self.binned(spikes)
        if (covariates is None) != (self.drive is None):
            raise ValueError("covariates must be given if, and only if, the fit has some")
        drive = None
        if covariates is not None:
            drive = drive_of(covariates, spikes, self.config.bin_width, like=self.drive)
        everyone = np.arange(len(self.bias))
        loss, _ = loss_and_gradient(
            binned, self.basis, self.coefficients, everyone, False, drive=drive
        )
        return -loss / binned.n_bins

    @property
    def n_not_converged(self) -> int:
        """Number of neurons whose fit has not converged."""
        return int(np.count_nonzero(~self.converged))

    def checked(self) -> GLMFit:
        """Warn if the fit of a neuron has not converged, and give this fit back."""
        if self.n_not_converged:
            limit = "max_epochs" if self.config.solver == "adam" else "max_iterations"
            warnings.warn(
                f"{self.n_not_converged} of {len(self.converged)} neurons have not converged "
                f"after {self.n_iterations.max()} iterations (largest relative gradient "
                f"{np.nanmax(self.gradient_norm):.1e}): raise {limit}",
                stacklevel=3,  # whoever called the function that gives the fit away
            )
        return self

    def __repr__(self) -> str:
        failed = self.n_not_converged
        state = f"NOT CONVERGED for {failed} neurons" if failed else "converged"
        return (
            f"GLMFit({len(self.bias)} neurons, {len(self.basis)} lags of "
            f"{self.config.bin_width:g} s, {self.config.solver}, {state} after "
            f"{self.n_iterations.max()} iterations)"
        )


def fit_glm(
    spikes: SpikeTrains,
    config: GLMConfig | None = None,
    progress: bool = True,
    n_blocks: int = 1,
    allowed: ArrayLike | None = None,
    covariates: Any = None,
) -> GLMFit:
    """Fit a coupled Bernoulli GLM to all neurons of a population.

    Parameters
    ----------
    spikes : SpikeTrains
        Spikes to fit. Nobody has fired before the start. ``solver="adam"`` holds its last part
        back for validation.
    config : GLMConfig, optional
        Default: ``GLMConfig()``.
    progress : bool
        Show a progress bar.
    n_blocks : int
        Tasks to divide the postsynaptic neurons among, for other processes or a cluster
        (``glm._blocks.solve``). The fit does not depend on it, but for rounding.
    allowed : array_like of bool, shape (n_neurons, n_neurons), optional
        ``[post, pre]``: which couplings may be there, such as those between units that are near
        enough. The others are zero. A neuron's own history is fitted in any case. Default: all.
    covariates : array_like, shape (n_steps, n_features), or pynapple.TsdFrame, optional
        What else drives the neurons, such as a stimulus
        (:func:`lgl_core.glm.covariates.after_events`) or a drift
        (:func:`lgl_core.glm.covariates.slow_baseline`): rows spread evenly over the recording, or
        with times of their own.

    Returns
    -------
    GLMFit
        With ``weights[post, pre, k]``.

    Raises
    ------
    ValueError
        If there is no spike to fit, the recording is shorter than a bin, or ``n_blocks`` is below
        1, or above 1 with ``solver="adam"``; or ``allowed`` has another shape or is given with
        ``solver="adam"``; or as from :func:`lgl_core.glm.covariates.drive_of`.

    Warns
    -----
    UserWarning
        If the fit of a neuron has not converged.

    Notes
    -----
    Appendix C.
    """
    return fit_quietly(spikes, config, progress, n_blocks, allowed, covariates).checked()


def fit_quietly(
    spikes: SpikeTrains,
    config: GLMConfig | None = None,
    progress: bool = True,
    n_blocks: int = 1,
    allowed: ArrayLike | None = None,
    covariates: Any = None,
) -> GLMFit:
    """Fit without the warning, for a cache: who reads it calls :meth:`GLMFit.checked`."""
    config = GLMConfig() if config is None else config
    basis = raised_cosine_basis(config.n_basis, config.window, config.bin_width)
    if config.solver == "adam":
        early, late = spikes.split(1 - config.validation_fraction)
        train, validation = (bin_spikes(part, config.bin_width) for part in (early, late))
    else:
        train = validation = bin_spikes(spikes, config.bin_width)
    drive = None if covariates is None else drive_of(covariates, spikes, config.bin_width)
    if drive is not None and config.solver == "adam":
        raise ValueError('covariates must be None with solver="adam": use solver="lbfgs"')
    bias = _constant_rates(train)
    # A neuron that is always or never active has no finite optimum.
    posts = np.flatnonzero((train.counts > 0) & (train.counts < train.n_bins))
    if not posts.size:
        raise ValueError("spikes must hold at least one neuron that fires, but nobody does")
    pairs = None if allowed is None else _checked_pairs(allowed, spikes.n_neurons, config)
    among = None if pairs is None else pairs[posts]
    solutions = solve(
        train, validation, basis, bias[posts], posts, config, progress, n_blocks, among, drive
    )
    found = _collect(solutions, bias, basis, config, drive)
    return replace(found, allowed=pairs)


def _checked_pairs(allowed: ArrayLike, n_neurons: int, config: GLMConfig) -> NDArray[np.bool_]:
    pairs = np.array(allowed, dtype=bool)
    if pairs.shape != (n_neurons, n_neurons):
        raise ValueError(
            f"allowed must have the shape {(n_neurons, n_neurons)}, [post, pre], got {pairs.shape}"
        )
    if config.solver == "adam":
        raise ValueError('allowed must be None with solver="adam": use solver="lbfgs"')
    np.fill_diagonal(pairs, True)
    return pairs


def _constant_rates(binned: BinnedSpikes) -> Floats:
    """Biases without coupling; half a spike keeps that of a silent neuron finite."""
    counts = np.clip(binned.counts, 0.5, binned.n_bins - 0.5)
    return np.log(counts / (binned.n_bins - counts))


def _collect(
    solutions: Iterable[tuple[NDArray[np.int64], Solution]],
    bias: Floats,
    basis: Floats,
    config: GLMConfig,
    drive: Drive | None,
) -> GLMFit:
    """Put neurons where they belong as they are fitted, beside those that had nothing to fit."""
    n_neurons, n_basis = len(bias), basis.shape[1]
    stop = 1 + n_neurons * n_basis
    n_features = 0 if drive is None else drive.values.shape[1]
    weights, of_covariates = np.zeros((n_neurons, stop - 1)), np.zeros((n_neurons, n_features))
    converged, n_iterations = np.ones(n_neurons, bool), np.zeros(n_neurons, np.int64)
    gradient_norm, objective = np.zeros(n_neurons), np.full(n_neurons, np.nan)
    histories = []
    for posts, solution in solutions:
        bias[posts] = solution.coefficients[0]
        weights[posts] = solution.coefficients[1:stop].T
        of_covariates[posts] = solution.coefficients[stop:].T
        converged[posts], n_iterations[posts] = solution.converged, solution.n_iterations
        gradient_norm[posts], objective[posts] = solution.gradient_norm, solution.objective
        histories.append(solution.history)
    return GLMFit(
        weights=weights.reshape(n_neurons, n_neurons, n_basis),
        covariate_weights=of_covariates if n_features else None,
        drive=drive,
        bias=bias,
        basis=basis,
        config=config,
        converged=converged,
        n_iterations=n_iterations,
        gradient_norm=gradient_norm,
        objective=objective,
        history=joined(histories),
    )
