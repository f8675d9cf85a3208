"""Optimiser of the GLM whose penalty takes all basis functions of a pair to zero together.

Coefficients are laid out as in ``glm._likelihood``: one column per postsynaptic neuron.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.glm._likelihood import BinnedSpikes, Floats, sums_after
from lgl_core.glm._pairs import common_columns
from lgl_core.glm._preconditioner import mean_variances
from lgl_core.glm._solvers import Solution, _penalised
from lgl_core.glm.covariates import Drive

__all__ = ["group_lasso"]

# Objectives that a step may rise to: the largest of so many that came last.
_REMEMBERED = 5
_RENEWED = 5  # after so many iterations the parabola is made again


def group_lasso(
    binned: BinnedSpikes,
    basis: Floats,
    start: Floats,
    posts: NDArray[np.int64],
    l2: float,
    strength: float,
    max_iterations: int,
    tolerance: float,
    progress: bool = True,
    free: NDArray[np.bool_] | None = None,
    drive: Drive | None = None,
) -> Solution:
    """Minimise all neurons' objectives side by side by proximal gradient steps.

    A step solves the problem in which the likelihood is replaced by a parabola that knows what each
    pair has to itself, but not what pairs have to do with each other. One number for each column,
    the curvature along its last step, stretches the parabola to what it is. Neurons that have
    converged leave.

    Parameters
    ----------
    binned, basis, start, posts, l2, progress, free, drive
        As for :func:`lgl_core.glm._solvers.lbfgs`; all weights start at 0.
    strength : float
        The objective adds ``strength * sqrt(n_basis)`` times the norm of the weights of each pair
        of two neurons.
    max_iterations : int
        Upper bound of evaluations of loss and gradient.
    tolerance : float
        A neuron has converged when the norm of its smallest subgradient is below ``tolerance``
        times the norm at the start. It is zero at the optimum, and there alone.

    Returns
    -------
    Solution
        As of ``lbfgs``; ``objective`` holds both penalties, ``gradient_norm`` is that of the
        smallest subgradient.

    Notes
    -----
    The steps are those of SpaRSA (Wright, Nowak and Figueiredo 2009): proximal gradient steps of
    the length of Barzilai and Borwein, accepted when the objective falls below the largest of its
    last few values. About every fifth evaluation is followed by one more of its curvature.

    The own history is not pulled: without ``l2``, that of a neuron which never fires right after
    itself has no finite optimum, and steps towards it may run out before the tolerance is met.
    """
    held = None if free is None else ~free
    groups = _groups(binned, basis, posts, strength)
    columns = common_columns(binned, basis, drive)
    parabola = _parabola(binned, basis, start, posts, l2, drive, *columns)
    found, x = start.copy(), start
    f, g = _penalised(binned, basis, x, posts, l2, held, drive)
    f = f + groups.penalty(x)
    scale = np.maximum(groups.residual(x, g), np.finfo(float).tiny)
    objective, gradient_norm = f.copy(), np.ones(len(posts))
    n_iterations = np.full(len(posts), max_iterations)
    active, stretch = np.arange(len(posts)), np.ones(len(posts))
    recent = np.repeat(f[np.newaxis], _REMEMBERED, axis=0)
    history: list[tuple[float, float, int]] = []

    with tqdm(total=max_iterations, desc="GLM (group lasso)", disable=not progress) as bar:
        for iteration in range(1, max_iterations + 1):
            trial = parabola.minimum(x, g, stretch, groups, held)
            f_trial, g_trial = _penalised(binned, basis, trial, posts[active], l2, held, drive)
            f_trial = f_trial + groups.penalty(trial)
            step, change = trial - x, g_trial - g
            squared = parabola.squared(step)
            # The last term forgives the rounding of a sum over all bins.
            bound = recent.max(axis=0) - 1e-4 * stretch * squared + 1e-13 * np.abs(f)
            accept = f_trial <= bound
            curvature = (step * change).sum(axis=0) / np.maximum(squared, np.finfo(float).tiny)
            curvature = np.clip(curvature, 1e-3, 1e6)
            stretch = np.where(accept, curvature, np.maximum(2 * stretch, curvature))
            x, g = np.where(accept, trial, x), np.where(accept, g_trial, g)
            f = np.where(accept, f_trial, f)
            recent[iteration % _REMEMBERED] = f

            found[:, active], objective[active] = x, f
            gradient_norm[active] = groups.residual(x, g) / scale[active]
            going = gradient_norm[active] > tolerance
            n_iterations[active[~going]] = iteration
            converged = int((gradient_norm <= tolerance).sum())
            history.append((objective.sum(), gradient_norm.max(), converged))
            bar.update()
            bar.set_postfix(gradient=f"{gradient_norm.max():.1e}", converged=converged)
            if not going.any():
                break
            if not going.all():
                active, x, g, f = active[going], x[:, going], g[:, going], f[going]
                stretch, recent = stretch[going], recent[:, going]
                groups, parabola = groups.of(going), parabola.of(going)
                held = None if held is None else held[:, going]
            if iteration % _RENEWED == 0:
                parabola = _parabola(binned, basis, x, posts[active], l2, drive, *columns)

    names = ("objective", "gradient_norm", "n_converged")
    return Solution(
        coefficients=found,
        objective=objective,
        gradient_norm=gradient_norm,
        converged=gradient_norm <= tolerance,
        n_iterations=n_iterations,
        history=dict(zip(names, np.array(history, float).reshape(-1, 3).T, strict=True)),
    )


@dataclass(frozen=True, eq=False)
class _Groups:
    """The weights of each pair, and what their norm costs: ``pulls[pre, column]``."""

    pulls: Floats
    n_basis: int

    def of(self, columns: NDArray[np.bool_]) -> _Groups:
        return replace(self, pulls=self.pulls[:, columns])

    @property
    def rows(self) -> slice:
        return slice(1, 1 + len(self.pulls) * self.n_basis)

    def weights(self, x: Floats) -> Floats:
        """Give the rows of the weights as ``[pre, k, column]``."""
        return x[self.rows].reshape(len(self.pulls), self.n_basis, x.shape[1])

    def penalty(self, x: Floats) -> Floats:
        return (self.pulls * _length(self.weights(x))).sum(axis=0)

    def residual(self, x: Floats, gradient: Floats) -> Floats:
        """Give the norm of the smallest subgradient of each column."""
        weights, slope = self.weights(x), self.weights(gradient)
        length = _length(weights)[:, np.newaxis]
        pulls = self.pulls[:, np.newaxis]
        direction = np.divide(weights, length, where=length > 0, out=np.zeros_like(weights))
        at_zero = np.maximum(_length(slope)[:, np.newaxis] - pulls, 0.0)
        squared = np.where(
            length > 0, ((slope + pulls * direction) ** 2).sum(axis=1, keepdims=True), at_zero**2
        ).sum(axis=(0, 1))
        squared += gradient[0] ** 2 + (gradient[self.rows.stop :] ** 2).sum(axis=0)
        return np.sqrt(squared)


def _groups(
    binned: BinnedSpikes, basis: Floats, posts: NDArray[np.int64], strength: float
) -> _Groups:
    """Every pair of two neurons costs the same; a neuron's own history is free."""
    n_basis = basis.shape[1]
    pulls = np.full((binned.n_neurons, len(posts)), strength * np.sqrt(n_basis))
    pulls[posts, np.arange(len(posts))] = 0.0
    return _Groups(pulls, n_basis)


def _length(groups: Floats) -> Floats:
    return np.sqrt((groups**2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Parabola:
    """What the likelihood of each column is near a point, if pairs shared no bins.

    ``common`` is the Gram matrix of the columns of the design that are not spikes, times
    ``variance[column]``. They explain ``explained`` of the columns of spikes where a neuron fires
    at a constant rate, and ``share[column, pre, k]`` times that as things stand.
    ``vectors[column, pre]`` and ``values[column, pre]`` are of the pairs.
    """

    common: Floats
    inverse: NDArray[np.floating[Any]]
    explained: Floats
    share: Floats
    variance: Floats
    vectors: Floats
    values: Floats

    def of(self, columns: NDArray[np.bool_]) -> _Parabola:
        names = ("share", "variance", "vectors", "values")
        return replace(self, **{name: getattr(self, name)[columns] for name in names})

    def squared(self, step: Floats) -> Floats:
        """Give twice what the parabola of each column rises by along a step, without its slope."""
        outer, inner = self._apart(step)
        outer = outer + self._beside(inner)
        of_common = self.variance * (outer * (self.common @ outer)).sum(axis=0)
        return of_common + (self.values * self._turned(inner) ** 2).sum(axis=(1, 2))

    def minimum(
        self,
        x: Floats,
        gradient: Floats,
        stretch: Floats,
        groups: _Groups,
        held: NDArray[np.bool_] | None,
    ) -> Floats:
        """Find where the parabola, stretched, plus the penalty of the groups is least."""
        outer, inner = self._apart(gradient)
        inner = inner - self.share * self._as_pairs(self.explained.T @ outer)
        curvature = stretch[:, np.newaxis, np.newaxis] * self.values
        at = curvature * self._turned(self._apart(x)[1]) - self._turned(inner)
        best = (self.vectors @ _shrunk(at, curvature, groups.pulls.T)[..., np.newaxis])[..., 0]
        found = np.empty_like(x)
        found[self._rows] = best.reshape(len(stretch), -1).T
        if held is not None:
            found[held] = x[held]
        moved = self._beside(self._as_pairs(found[self._rows] - x[self._rows]))
        newton = -self.inverse @ outer / (stretch * self.variance) - moved
        found[0], found[self._rows.stop :] = x[0] + newton[0], x[self._rows.stop :] + newton[1:]
        return found

    @property
    def _rows(self) -> slice:
        return slice(1, 1 + self.explained.shape[1])

    def _apart(self, x: Floats) -> tuple[Floats, Floats]:
        """Give the rows that are not of spikes, and the others as ``[column, pre, k]``."""
        stop = self._rows.stop
        return np.vstack([x[:1], x[stop:]]), self._as_pairs(x[self._rows])

    def _as_pairs(self, rows: Floats) -> Floats:
        return rows.T.reshape(self.values.shape)

    def _beside(self, pairs: Floats) -> Floats:
        """Give what the columns that are not spikes would have to move to say the same."""
        return self.explained @ (self.share * pairs).reshape(len(pairs), -1).T

    def _turned(self, pairs: Floats) -> Floats:
        """Multiply by the transposed eigenvectors of each pair."""
        return (pairs[..., np.newaxis, :] @ self.vectors)[..., 0, :]


def _parabola(
    binned: BinnedSpikes,
    basis: Floats,
    x: Floats,
    posts: NDArray[np.int64],
    l2: float,
    drive: Drive | None,
    common: Floats,
    beside: Floats,
) -> _Parabola:
    """Sum up what the bins after the spikes of each neuron tell, as things stand at ``x``."""
    common = common + 1e-9 * np.diag(np.diag(common))  # features may say the same
    inverse = np.linalg.inv(common)
    explained = inverse @ beside
    summed = sums_after(binned, basis, x, posts, drive, variances=True)
    products = basis[:, :, np.newaxis] * basis[:, np.newaxis, :]
    values, vectors = np.linalg.eigh(np.tensordot(summed, products, axes=1))
    # A neuron that is silent has no curvature but that of the penalty.
    values = np.maximum(values, 1e-7 * np.maximum(values[..., -1:], 1e-2)) + l2
    variance = mean_variances(binned)[posts]
    at_constant_rate = variance[:, np.newaxis, np.newaxis] * beside[0].reshape(-1, basis.shape[1])
    share = np.divide(
        summed @ basis,
        at_constant_rate,
        where=at_constant_rate > 0,
        out=np.zeros_like(at_constant_rate),
    )
    return _Parabola(common, inverse, explained, share, variance, vectors, values)


def _shrunk(at: Floats, curvature: Floats, pulls: Floats) -> Floats:
    """Minimise ``curvature / 2 * w**2 - at * w`` summed over the last axis, plus the pull of |w|.

    Where w is not 0, its length t is the root of ``|at / (curvature * t + pull)| = 1``; Newton's
    method on the inverse of the left side, which is concave, climbs to it from below.
    """
    found = np.zeros_like(at)
    moved = np.sqrt((at**2).sum(axis=-1)) > pulls
    a, c, pull = at[moved], curvature[moved], pulls[moved][:, np.newaxis]
    length = (np.sqrt((a**2).sum(axis=1, keepdims=True)) - pull) / c.max(axis=1, keepdims=True)
    for _ in range(50):
        below = c * length + pull
        share = (a / below) ** 2
        total = share.sum(axis=1, keepdims=True)
        slope = (share * c / below).sum(axis=1, keepdims=True)
        longer = length + total * (np.sqrt(total) - 1) / slope
        done = (longer <= length * (1 + 1e-14)).all()
        length = np.maximum(longer, length)
        if done:
            break
    found[moved] = a * length / (c * length + pull)
    return found
