"""Parts of the postsynaptic neurons that are fitted one after another, or side by side.

Given the spikes, each postsynaptic neuron is a problem of its own: parts of them can be fitted by
other processes or other machines (joblib's backends, such as Dask), and memory does not grow with
their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.glm._group_lasso import group_lasso
from lgl_core.glm._likelihood import BinnedSpikes, Floats
from lgl_core.glm._preconditioner import Precondition, preconditioner
from lgl_core.glm._solvers import Solution, adam, lbfgs
from lgl_core.glm.covariates import Drive

__all__ = ["joined", "solve"]

# Neurons that are fitted together: what the solver remembers of them, 320 bytes for each
# coefficient of each neuron, is then 400 MB for a thousand presynaptic neurons.
_TOGETHER = 256


def solve(
    train: BinnedSpikes,
    validation: BinnedSpikes,
    basis: Floats,
    bias: Floats,
    posts: NDArray[np.int64],
    config: Any,
    progress: bool = True,
    n_blocks: int = 1,
    pairs: NDArray[np.bool_] | None = None,
    drive: Drive | None = None,
) -> Iterator[tuple[NDArray[np.int64], Solution]]:
    """Minimise the objective of every postsynaptic neuron, some neurons at a time.

    Parameters
    ----------
    train, validation : BinnedSpikes
        Spikes of the population; ``solver="lbfgs"`` needs none for validation.
    basis : ndarray, shape (n_lags, n_basis)
    bias : ndarray, shape (n_posts,)
        Where to begin; all weights begin at 0.
    posts : ndarray of int, shape (n_posts,)
        Ids of the postsynaptic neurons.
    config : GLMConfig
        Of :mod:`lgl_core.glm.fit`, which imports this file.
    progress : bool
        Show a progress bar: of iterations, or of neurons where they are too many at once.
    n_blocks : int
        Tasks to divide the neurons among. More than one run by joblib, on its current backend.
    pairs : ndarray of bool, shape (n_posts, n_neurons), optional
        ``[post, pre]``: couplings that may leave 0 (lbfgs). Default: all.
    drive : Drive, optional
        Covariates (lbfgs).

    Yields
    ------
    posts : ndarray of int
        Those that are done.
    solution : Solution
        Theirs.

    Raises
    ------
    ValueError
        If ``n_blocks`` is below 1, or above 1 with ``solver="adam"``, whose learning rate follows
        all neurons together.
    """
    if n_blocks < 1:
        raise ValueError(f"n_blocks must be at least 1, got {n_blocks}")
    if config.solver == "adam":
        if n_blocks > 1:
            raise ValueError(
                f'n_blocks must be 1 with solver="adam", got {n_blocks}: its learning rate follows '
                'all neurons together; solver="lbfgs" fits each on its own'
            )
        start = _start(train, basis, bias, drive)
        yield (
            posts,
            adam(train, validation, basis, start, posts, **_schedule(config), progress=progress),
        )
        return
    n_parts = min(max(n_blocks, -(-len(posts) // _TOGETHER)), len(posts))
    parts = np.array_split(np.arange(len(posts)), n_parts)
    prepared = None if config.group_lasso else preconditioner(train, basis, config.l2, drive)
    tasks = (
        (
            train,
            basis,
            bias[part],
            posts[part],
            config,
            progress and n_parts == 1,
            None if pairs is None else pairs[part],
            drive,
            prepared,
        )
        for part in parts
    )
    if n_blocks == 1:
        solutions = (_solve_part(*task) for task in tasks)
    else:
        solutions = Parallel(n_jobs=-1, return_as="generator")(
            delayed(_solve_part)(*task) for task in tasks
        )
    with tqdm(
        total=len(posts), desc="GLM", unit="neuron", disable=not progress or n_parts == 1
    ) as bar:
        for part, solution in zip(parts, solutions, strict=True):
            yield posts[part], solution
            bar.update(len(part))


def _solve_part(
    binned: BinnedSpikes,
    basis: Floats,
    bias: Floats,
    posts: NDArray[np.int64],
    config: Any,
    progress: bool,
    pairs: NDArray[np.bool_] | None,
    drive: Drive | None,
    prepared: Callable[[NDArray[np.int64]], Precondition] | None,
) -> Solution:
    start, free = _start(binned, basis, bias, drive), None
    if pairs is not None:
        free = np.ones(start.shape, dtype=bool)
        stop = 1 + binned.n_neurons * basis.shape[1]
        free[1:stop] = np.repeat(pairs.T, basis.shape[1], axis=0)
    options: dict[str, Any] = {"progress": progress, "free": free, "drive": drive}
    options |= {name: getattr(config, name) for name in ("l2", "max_iterations", "tolerance")}
    if config.group_lasso:
        return group_lasso(binned, basis, start, posts, strength=config.group_lasso, **options)
    return lbfgs(binned, basis, start, posts, **options, prepared=prepared)


def _start(binned: BinnedSpikes, basis: Floats, bias: Floats, drive: Drive | None) -> Floats:
    n_features = 0 if drive is None else drive.values.shape[1]
    start = np.zeros((1 + binned.n_neurons * basis.shape[1] + n_features, len(bias)))
    start[0] = bias
    return start


def _schedule(config: Any) -> dict[str, Any]:
    names = (
        "l2",
        "learning_rate",
        "max_epochs",
        "learning_rate_factor",
        "plateau_patience",
        "min_learning_rate",
        "stopping_patience",
        "min_improvement",
    )
    return {name: getattr(config, name) for name in names}


def joined(histories: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
    """Put the histories of parts of the neurons together.

    Parameters
    ----------
    histories : sequence of dict
        Of ``glm._solvers.lbfgs``; or one, of any solver, which is given back.

    Returns
    -------
    dict
        It goes on as long as that of the slowest part; the others stay where they ended.
    """
    if len(histories) == 1:
        return histories[0]
    n_steps = max(len(history["objective"]) for history in histories)
    together = {
        name: np.stack([_held(history[name], n_steps) for history in histories])
        for name in ("objective", "gradient_norm", "n_converged")
    }
    return {
        "objective": together["objective"].sum(axis=0),
        "gradient_norm": together["gradient_norm"].max(axis=0),
        "n_converged": together["n_converged"].sum(axis=0),
    }


def _held(values: Floats, n: int) -> Floats:
    return np.append(values, np.full(n - len(values), values[-1]))
