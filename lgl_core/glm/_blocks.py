"""Which solver fits the GLM, to all postsynaptic neurons at once or to blocks of them.

Neurons share their design and nothing else: blocks of them are tasks for other processes, or for
the workers of a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from lgl_core.glm._likelihood import BinnedSpikes, Floats
from lgl_core.glm._solvers import Solution, adam, lbfgs
from lgl_core.glm.covariates import Drive

__all__ = ["joined", "solve"]


def solve(
    train: BinnedSpikes,
    validation: BinnedSpikes,
    basis: Floats,
    start: Floats,
    posts: NDArray[np.int64],
    config: Any,
    progress: bool = True,
    n_blocks: int = 1,
    free: NDArray[np.bool_] | None = None,
    drive: Drive | None = None,
) -> Solution:
    """Minimise the objective of every postsynaptic neuron.

    Parameters
    ----------
    train, validation : BinnedSpikes
        Spikes of the population; ``solver="lbfgs"`` needs none for validation.
    basis : ndarray, shape (n_lags, n_basis)
    start : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Coefficients to begin with.
    posts : ndarray of int, shape (n_posts,)
        Id of the postsynaptic neuron of each column.
    config : GLMConfig
        Of :mod:`lgl_core.glm.fit`, which imports this file.
    progress : bool
        Show a progress bar, which stands still while blocks are fitted elsewhere.
    n_blocks : int
        Tasks to divide the neurons among. More than one run by joblib, on its current backend.
    free : ndarray of bool, shape (1 + n_neurons * n_basis, n_posts), optional
        Coefficients that may leave their start (lbfgs). Default: all.
    drive : Drive, optional
        Covariates (lbfgs).

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If ``n_blocks`` is below 1, or above 1 with ``solver="adam"``, whose learning rate follows
        all neurons together.
    """
    if n_blocks < 1:
        raise ValueError(f"n_blocks must be at least 1, got {n_blocks}")
    if n_blocks > 1:
        if config.solver == "adam":
            raise ValueError(
                f'n_blocks must be 1 with solver="adam", got {n_blocks}: its learning rate follows '
                'all neurons together; solver="lbfgs" fits each on its own'
            )
        parts = np.array_split(np.arange(len(posts)), min(n_blocks, len(posts)))
        return joined(
            Parallel(n_jobs=-1)(
                delayed(solve)(
                    train,
                    train,
                    basis,
                    start[:, part],
                    posts[part],
                    config,
                    False,
                    free=None if free is None else free[:, part],
                    drive=drive,
                )
                for part in parts
            )
        )

    def options(*names: str) -> dict[str, Any]:
        return {name: getattr(config, name) for name in ("l2", *names)}

    if config.solver == "lbfgs":
        limits = options("max_iterations", "tolerance")
        return lbfgs(
            train, basis, start, posts, **limits, progress=progress, free=free, drive=drive
        )
    schedule = options(
        "learning_rate",
        "max_epochs",
        "learning_rate_factor",
        "plateau_patience",
        "min_learning_rate",
        "stopping_patience",
        "min_improvement",
    )
    return adam(train, validation, basis, start, posts, **schedule, progress=progress)


def joined(solutions: Sequence[Solution]) -> Solution:
    """Put the solutions of blocks of neurons side by side.

    Parameters
    ----------
    solutions : sequence of Solution
        Of ``glm._solvers.lbfgs``.

    Returns
    -------
    Solution
        Its history goes on as long as that of the slowest block; the others stay where they ended.
    """
    n_steps = max(len(solution.history["objective"]) for solution in solutions)
    histories = {
        name: np.stack([_held(solution.history[name], n_steps) for solution in solutions])
        for name in ("objective", "gradient_norm", "n_converged")
    }
    by_neuron = ("objective", "gradient_norm", "converged", "n_iterations")
    return Solution(
        coefficients=np.concatenate([solution.coefficients for solution in solutions], axis=1),
        **{name: np.concatenate([getattr(s, name) for s in solutions]) for name in by_neuron},
        history={
            "objective": histories["objective"].sum(axis=0),
            "gradient_norm": histories["gradient_norm"].max(axis=0),
            "n_converged": histories["n_converged"].sum(axis=0),
        },
    )


def _held(values: Floats, n: int) -> Floats:
    return np.append(values, np.full(n - len(values), values[-1]))
