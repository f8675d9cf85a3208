"""Scores over the pairs that were measured: anatomy against function, where some pairs are missing.

Graphs are ``[post, pre]``. The diagonal stays out of every score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.graphs import checked_graph
from lgl_core.metrics.detection import _auc, _ranks
from lgl_core.metrics.nulls import permuted, strengths_only

__all__ = ["auc_where_measured", "mutual_scores"]

FINDS_FUNCTION, FINDS_ANATOMY = "anatomy finds function", "function finds anatomy"


def auc_where_measured(estimate: ArrayLike, targets: ArrayLike, measured: ArrayLike) -> float:
    """Measure how well an estimate tells target pairs from others, among those measured.

    Parameters
    ----------
    estimate : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``; what is larger is more likely a target. May be NaN where ``measured`` is
        false.
    targets, measured : array_like of bool, shape (n_neurons, n_neurons)
        Which pairs are to be found, and which count at all.

    Returns
    -------
    float
        Area under the receiver operating characteristic, ties counting half: 0.5 is guessing; NaN
        if there is nothing to find or nothing else.

    Raises
    ------
    ValueError
        If the matrices are not square and of one shape, or the estimate is not finite on a
        measured pair.
    """
    values, found, where = _checked(estimate, targets, measured)
    return _auc(_ranks(values[where]), found[where])


def mutual_scores(
    anatomy: ArrayLike,
    function: ArrayLike,
    responds: ArrayLike,
    null: Literal["permuted", "degrees"] = "permuted",
    n: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Ask whether anatomy predicts measured function, and function anatomy, beside a null.

    Parameters
    ----------
    anatomy : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, known of every pair; 0 for no connection. Signs are ignored.
    function : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, NaN where it was not measured; what is larger is more of a response.
    responds : array_like of bool, shape (n_neurons, n_neurons)
        Which pairs have a response, of those measured.
    null : {"permuted", "degrees"}
        The neurons of ``anatomy`` relabelled, or its connections drawn anew, each pair with a
        chance that follows how many connections its neurons make and receive. What was measured
        stays in its place.
    n : int
        Number of null graphs, at least 2.
    seed : int
        Same seed, same graphs.

    Returns
    -------
    DataFrame
        Two rows, by ``question``: can the pairs that respond be found by the size of their
        connection (``"anatomy finds function"``), and the connected ones by their response
        (``"function finds anatomy"``)? ``value`` is the area of :func:`auc_where_measured`,
        ``null_mean`` and ``null_sd`` that of the null graphs, and ``strengths_only`` that of
        :func:`lgl_core.metrics.nulls.strengths_only` of the anatomy (NaN for the second question,
        which needs to know who is not connected).

    Raises
    ------
    ValueError
        As for :func:`auc_where_measured`, or if ``n`` is too small or ``null`` unknown.

    Notes
    -----
    :func:`lgl_core.metrics.nulls.strengths_kept` is no null for anatomy: most of its entries are
    zero, and random places for the others cannot carry the strengths.
    """
    draws: dict[str, Callable[[NDArray, np.random.Generator], NDArray]] = {
        "permuted": permuted,
        "degrees": _degrees_kept,
    }
    if null not in draws:
        raise ValueError(f"null must be 'permuted' or 'degrees', got {null!r}")
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    values = np.asarray(function, dtype=np.float64)
    sizes, answers, where = _checked(np.abs(anatomy), responds, np.isfinite(values))
    responses = _ranks(values[where])
    rng = np.random.default_rng(seed)

    def both(graph: NDArray) -> tuple[float, float]:
        on = graph[where]
        return _auc(_ranks(on), answers[where]), _auc(responses, on > 0)

    nulls = np.array([both(draws[null](sizes, rng)) for _ in range(n)])
    return pd.DataFrame(
        {
            "question": [FINDS_FUNCTION, FINDS_ANATOMY],
            "value": both(sizes),
            "null": null,
            "null_mean": nulls.mean(axis=0),
            "null_sd": nulls.std(axis=0, ddof=1),
            "strengths_only": [both(strengths_only(sizes))[0], np.nan],
        }
    )


def _degrees_kept(anatomy: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw as many connections of the same sizes; degrees are kept on average."""
    chance = strengths_only((anatomy > 0).astype(np.float64))
    # The largest of log-weights with Gumbel noise are a draw without replacement.
    keys = np.full(anatomy.shape, -np.inf)
    possible = chance > 0
    keys[possible] = np.log(chance[possible]) + rng.gumbel(size=np.count_nonzero(possible))
    sizes = anatomy[anatomy > 0]
    drawn = np.zeros(anatomy.size)
    drawn[np.argsort(keys, axis=None)[anatomy.size - len(sizes) :]] = rng.permutation(sizes)
    return drawn.reshape(anatomy.shape)


def _checked(
    estimate: ArrayLike, targets: ArrayLike, measured: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Bring three matrices into shape; the diagonal is never measured."""
    values = checked_graph("estimate", estimate, allow_nan=True)
    found, where = (np.array(part, dtype=bool) for part in (targets, measured))
    for name, part in (("targets", found), ("measured", where)):
        if part.shape != values.shape:
            raise ValueError(f"{name} must have the shape {values.shape}, got {part.shape}")
    np.fill_diagonal(where, False)
    if not np.isfinite(values[where]).all():
        raise ValueError("estimate must be finite on measured pairs: take pairs out of measured")
    return values, found, where
