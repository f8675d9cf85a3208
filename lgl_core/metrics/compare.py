"""Several estimated graphs beside each other, each score beside what chance alone gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from lgl_core.metrics.card import score_card
from lgl_core.metrics.nulls import null_scores

__all__ = ["compare"]


def compare(
    graphs: Mapping[str, ArrayLike], truth: Any, *, n_nulls: int = 50, seed: int = 0
) -> pd.DataFrame:
    """Score estimated graphs against the true one.

    Parameters
    ----------
    graphs : mapping of str to array_like, each of shape (n_neurons, n_neurons)
        Estimates by the name of their method, ``[post, pre]``, in any unit.
    truth : Network or array_like, shape (n_neurons, n_neurons)
        The true graph, ``[post, pre]``. Of a network the hubs are scored, too.
    n_nulls : int
        Graphs with permuted neurons that each correlation is held against, at least 2.
    seed : int
        Of these graphs.

    Returns
    -------
    DataFrame
        One row per method and score: ``method``, ``view``, ``score`` and ``value`` as from
        :func:`lgl_core.metrics.card.score_card`, and ``null_mean`` and ``null_sd`` of the permuted
        graphs, NaN for a score that has no such null.

    Raises
    ------
    ValueError
        If there is no graph, or one is not square, finite and of the size of the truth.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.hub_network(n_neurons=20, seed=0)
    >>> table = lgl.compare({"perfect": network.weights}, network)
    >>> table.query("view == 'true' and score == 'spearman'")["value"].round(3).tolist()
    [1.0]
    """
    if not graphs:
        raise ValueError("graphs must hold at least one graph by the name of its method, got none")
    weights, hubs = getattr(truth, "weights", truth), getattr(truth, "hubs", ())
    tables = []
    for method, graph in graphs.items():
        nulls = null_scores(graph, weights, n=n_nulls, seed=seed, hubs=hubs)
        card = score_card(graph, weights, hubs).merge(nulls, on=["view", "score"], how="left")
        tables.append(card.assign(method=method))
    columns = ["method", "view", "score", "value", "null_mean", "null_sd"]
    return pd.concat(tables, ignore_index=True)[columns]
