"""Optimisers of the GLM, for all postsynaptic neurons at once.

Coefficients are laid out as in ``glm._likelihood``: one column per postsynaptic neuron.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.glm._likelihood import BinnedSpikes, Floats, filters_bins, loss_and_gradient
from lgl_core.glm._preconditioner import (
    L2_OF_COVARIATES,
    Precondition,
    Singles,
    preconditioner,
)
from lgl_core.glm.covariates import Drive

__all__ = ["Solution", "adam", "lbfgs"]

# Tolerance from which on a gradient of six digits is enough.
_ROUGH = 1e-5


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """What an optimiser found.

    Parameters
    ----------
    coefficients : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Bias, then weights.
    objective : ndarray, shape (n_posts,)
        Summed negative log-likelihood plus penalty in nats.
    gradient_norm : ndarray, shape (n_posts,)
        Norm of the objective's gradient relative to its norm at the start.
    converged : ndarray of bool, shape (n_posts,)
        Whether the optimiser's own criterion was met.
    n_iterations : ndarray of int, shape (n_posts,)
        Evaluations of loss and gradient until then.
    history : dict of str to ndarray
        One entry per iteration; the keys depend on the optimiser.
    """

    coefficients: Floats
    objective: Floats
    gradient_norm: Floats
    converged: NDArray[np.bool_]
    n_iterations: NDArray[np.int64]
    history: dict[str, Floats]


def lbfgs(
    binned: BinnedSpikes,
    basis: Floats,
    start: Floats,
    posts: NDArray[np.int64],
    l2: float,
    max_iterations: int,
    tolerance: float,
    memory: int = 20,
    progress: bool = True,
    free: NDArray[np.bool_] | None = None,
    drive: Drive | None = None,
    prepared: Callable[[NDArray[np.int64]], Precondition] | None = None,
) -> Solution:
    """Minimise all neurons' objectives side by side with a preconditioned L-BFGS.

    The inverse Hessian of a neuron starts from that of a simpler problem, in which it fires at a
    constant rate, and L-BFGS learns the rest: where a hub drives a neuron, p(1-p) is far from its
    mean. Each neuron has its own step length, and neurons that have converged leave.

    Parameters
    ----------
    binned : BinnedSpikes
        Spikes of the population.
    basis : ndarray, shape (n_lags, n_basis)
        Basis functions.
    start : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Where to start, normally the model of constant rates.
    posts : ndarray of int, shape (n_posts,)
        Id of the postsynaptic neuron of each column.
    l2 : float
        The objective adds ``l2 / 2`` times the sum of squared weights (not the bias).
    max_iterations : int
        Upper bound of evaluations.
    tolerance : float
        A neuron has converged when the norm of its gradient is below ``tolerance`` times the norm
        at the start.
    memory : int
        Pairs of steps and gradient changes that are remembered.
    progress : bool
        Show a progress bar.
    free : ndarray of bool, shape (1 + n_neurons * n_basis, n_posts), optional
        Coefficients that may leave their start. Default: all.
    drive : Drive, optional
        Covariates, whose weights are the last coefficients; ``l2`` does not hold for them.
    prepared : callable, optional
        From ``glm._preconditioner.preconditioner``, where several parts of the neurons share it.

    Returns
    -------
    Solution
        ``history`` holds ``objective`` (sum over neurons), ``gradient_norm`` (largest) and
        ``n_converged``.
    """
    found = start.copy()
    held = None if free is None else ~free
    single = tolerance >= _ROUGH and filters_bins(binned, basis)
    evaluated = partial(_penalised, binned, basis, l2=l2, drive=drive, single=single)
    rounding = 1e-7 if single else 1e-13  # of a sum over all bins
    x, f, g = start, *evaluated(start, posts, held=held)
    scale = np.maximum(_norm(g), np.finfo(float).tiny)
    objective, gradient_norm = f.copy(), np.ones(len(posts))
    n_iterations = np.full(len(posts), max_iterations)
    prepared = preconditioner(binned, basis, l2, drive) if prepared is None else prepared
    precondition = prepared(posts)
    active = np.arange(len(posts))
    pairs: deque[tuple[Singles, Singles]] = deque(maxlen=memory)
    direction, refused = -_held_at_zero(precondition(g, columns=active), held), np.zeros(len(posts))
    history: list[tuple[float, float, int]] = []

    with tqdm(total=max_iterations, desc="GLM", disable=not progress) as bar:
        for iteration in range(1, max_iterations + 1):
            # A first refusal is met by what its pair has taught, a second one by a shorter step.
            step = 0.25 ** np.maximum(refused - 1, 0)
            trial = x + step * direction
            f_trial, g_trial = evaluated(trial, posts[active], held=held)
            slope = (g * direction).sum(axis=0)
            accept = f_trial <= f + 1e-4 * step * slope + rounding * np.abs(f)
            pairs.append(_secant_pair(trial - x, g_trial - g))
            if accept.all():  # as nearly always: nothing to choose, nothing to copy
                x, g = trial, g_trial
            else:
                x, g = np.where(accept, trial, x), np.where(accept, g_trial, g)
            f, refused = np.where(accept, f_trial, f), np.where(accept, 0, refused + 1)

            found[:, active], objective[active] = x, f
            gradient_norm[active] = _norm(g) / scale[active]
            going = gradient_norm[active] > tolerance
            n_iterations[active[~going]] = iteration
            converged = int((gradient_norm <= tolerance).sum())
            history.append((objective.sum(), gradient_norm.max(), converged))
            bar.update()
            bar.set_postfix(gradient=f"{gradient_norm.max():.1e}", converged=converged)
            if not going.any():
                break
            if not going.all():
                active, x, g = active[going], x[:, going], g[:, going]
                f, refused = f[going], refused[going]
                held = None if held is None else held[:, going]
                pairs = deque(((s[:, going], y[:, going]) for s, y in pairs), maxlen=memory)
            newton = _two_loops(g, pairs, partial(precondition, columns=active))
            direction = -_held_at_zero(newton, held)

    names = ("objective", "gradient_norm", "n_converged")
    return Solution(
        coefficients=found,
        objective=objective,
        gradient_norm=gradient_norm,
        converged=gradient_norm <= tolerance,
        n_iterations=n_iterations,
        history=dict(zip(names, np.array(history, float).reshape(-1, 3).T, strict=True)),
    )


def adam(
    train: BinnedSpikes,
    validation: BinnedSpikes,
    basis: Floats,
    start: Floats,
    posts: NDArray[np.int64],
    l2: float,
    learning_rate: float,
    max_epochs: int,
    learning_rate_factor: float,
    plateau_patience: int,
    min_learning_rate: float,
    stopping_patience: int,
    min_improvement: float,
    progress: bool = True,
) -> Solution:
    """Train as the paper does: Adam, the full sequence per step, one schedule for all neurons.

    Parameters
    ----------
    train, validation : BinnedSpikes
        Spikes to learn from, and spikes that steer the schedule.
    basis : ndarray, shape (n_lags, n_basis)
        Basis functions.
    start : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Where to start.
    posts : ndarray of int, shape (n_posts,)
        Id of the postsynaptic neuron of each column.
    l2 : float
        Penalty on the summed loss, as in :func:`lbfgs`.
    learning_rate, learning_rate_factor, min_learning_rate : float
        Rate at the start, its factor at a plateau, and its floor.
    max_epochs : int
        Upper bound of steps.
    plateau_patience, stopping_patience : int
        Epochs without improvement after which the rate drops, and after which training ends.
    min_improvement : float
        What the validation loss (nats per bin and neuron, no penalty) must fall by to count.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Solution
        Coefficients with the best validation loss. ``converged`` says that training ended by
        early stopping; how far that is from the optimum, ``gradient_norm`` tells. ``history``
        holds ``loss`` and ``validation_loss`` (nats per bin and neuron) and ``learning_rate``.

    Notes
    -----
    Appendix C.5. Moments and epsilon are the defaults of TensorFlow. Adam sees the objective
    divided by the number of bins.
    """
    x, best = start.copy(), start.copy()
    mean, square = np.zeros_like(x), np.zeros_like(x)
    best_loss, since_best, since_drop = np.inf, 0, 0
    history: list[tuple[float, float, float]] = []
    f, g = _penalised(train, basis, x, posts, l2)
    scale = np.maximum(_norm(g), np.finfo(float).tiny)

    with tqdm(total=max_epochs, desc="GLM (Adam)", disable=not progress) as bar:
        for epoch in range(1, max_epochs + 1):
            loss = f.sum() / train.n_bins / len(posts)
            x = x + _adam_step(mean, square, g / train.n_bins, epoch, learning_rate)
            held_out, _ = loss_and_gradient(validation, basis, x, posts, gradient=False)
            validation_loss = held_out.sum() / validation.n_bins / len(posts)
            history.append((loss, validation_loss, learning_rate))
            bar.update()
            bar.set_postfix(loss=f"{loss:.5f}", validation=f"{validation_loss:.5f}")
            since_best, since_drop = since_best + 1, since_drop + 1
            if validation_loss < best_loss - min_improvement:
                best, best_loss, since_best, since_drop = x, validation_loss, 0, 0
            if since_best >= stopping_patience:
                break
            if since_drop >= plateau_patience:
                learning_rate = max(learning_rate * learning_rate_factor, min_learning_rate)
                since_drop = 0
            f, g = _penalised(train, basis, x, posts, l2)

    f, g = _penalised(train, basis, best, posts, l2)
    names = ("loss", "validation_loss", "learning_rate")
    return Solution(
        coefficients=best,
        objective=f,
        gradient_norm=_norm(g) / scale,
        converged=np.full(len(posts), since_best >= stopping_patience),
        n_iterations=np.full(len(posts), len(history)),
        history=dict(zip(names, np.array(history, float).reshape(-1, 3).T, strict=True)),
    )


def _penalised(
    binned: BinnedSpikes,
    basis: Floats,
    x: Floats,
    posts: NDArray[np.int64],
    l2: float,
    held: NDArray[np.bool_] | None = None,
    drive: Drive | None = None,
    single: bool = False,
) -> tuple[Floats, Floats]:
    loss, gradient = loss_and_gradient(binned, basis, x, posts, drive=drive, single=single)
    stop = len(x) - (0 if drive is None else drive.values.shape[1])
    for rows, weight in ((slice(1, stop), l2), (slice(stop, None), L2_OF_COVARIATES)):
        gradient[rows] += weight * x[rows]
        loss = loss + weight / 2 * (x[rows] ** 2).sum(axis=0)
    return loss, _held_at_zero(gradient, held)


def _held_at_zero(values: Floats | Singles, held: NDArray[np.bool_] | None) -> Any:
    if held is not None:
        values[held] = 0
    return values


def _norm(columns: Floats) -> Floats:
    return np.sqrt((columns**2).sum(axis=0))


def _secant_pair(step: Floats, change: Floats) -> tuple[Singles, Singles]:
    """Scale a step and its change of gradient so that their product is 1.

    The objective is convex: a step that is refused tells as much of its curvature as any other.
    """
    curvature = (step * change).sum(axis=0)
    scale = np.divide(1, np.sqrt(np.maximum(curvature, 0)), where=curvature > 0, out=0 * curvature)
    return (step * scale).astype(np.float32), (change * scale).astype(np.float32)


def _two_loops(
    gradient: Floats,
    pairs: deque[tuple[Singles, Singles]],
    precondition: Callable[[Singles], Singles],
) -> Singles:
    """Multiply by the inverse Hessian that the pairs of steps and gradient changes describe.

    The simpler problem's is scaled to what the last pair has shown (Nocedal and Wright 2006,
    equation 7.20): with thousands of inputs, bins with a spike soon have many times the curvature
    of constant rates, and unscaled steps would be refused again and again.
    """
    q = gradient.astype(np.float32)
    alphas = []
    for s, y in reversed(pairs):
        alphas.append(np.einsum("ij,ij->j", s, q))
        q -= alphas[-1] * y
    q = precondition(q)
    last = pairs[-1][1]
    curvature = np.einsum("ij,ij->j", last, precondition(last))
    q *= np.divide(1, curvature, where=curvature > 0, out=np.ones_like(curvature))
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += (alpha - np.einsum("ij,ij->j", y, q)) * s
    return q


def _adam_step(
    mean: Floats, square: Floats, gradient: Floats, epoch: int, learning_rate: float
) -> Floats:
    """Update both moments in place and return the step."""
    mean += 0.1 * (gradient - mean)
    square += 0.001 * (gradient**2 - square)
    unbiased = np.sqrt(1 - 0.999**epoch) / (1 - 0.9**epoch)
    return -learning_rate * unbiased * mean / (np.sqrt(square) + 1e-7)
