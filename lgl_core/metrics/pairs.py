"""Kinds of pairs of neurons, and which of them an estimate takes for synapses.

Graphs are ``[post, pre]``. A neuron's connection to itself, the diagonal, is no pair.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.graphs import checked_graph
from lgl_core.metrics.detection import chance_above

__all__ = ["KINDS", "confusion", "pair_kinds"]

# In the order in which they are asked for: a pair is of the first kind that it fits.
KINDS = ("edge", "reverse", "hidden source", "source", "together", "chain", "target", "neither")


def pair_kinds(
    weights: ArrayLike,
    observed: ArrayLike | None = None,
    *,
    together: ArrayLike | None = None,
    at_least: float = 0.0,
) -> NDArray[np.str_]:
    """Say of each ordered pair of neurons what could make them fire together.

    Parameters
    ----------
    weights : array_like, shape (n_neurons, n_neurons)
        The truth, ``[post, pre]``, of all neurons.
    observed : array_like of int, optional
        Ids of those that were listened to. Default: all.
    together : array_like of bool, shape (n_observed, n_observed), optional
        Pairs that share noise.
    at_least : float
        Synapses below this size in mV count as synapses but drive nobody: only larger ones make a
        common source, a chain or a common target.

    Returns
    -------
    ndarray of str, shape (n_observed, n_observed)
        ``[post, pre]``, one of ``KINDS``: a synapse (``"edge"``); one only the other way round
        (``"reverse"``); a common presynaptic neuron, one at least of which was not listened to
        (``"hidden source"``) or all were (``"source"``); shared noise (``"together"``); a neuron
        between them, pre to it and it to post (``"chain"``); a common postsynaptic neuron
        (``"target"``); nothing of that (``"neither"``). On the diagonal the empty string.

    Raises
    ------
    ValueError
        If ``weights`` is not a square, finite matrix, or ``together`` has another shape than the
        result.
    """
    truth = checked_graph("weights", weights)
    seen = np.arange(len(truth)) if observed is None else np.asarray(observed)
    shape = (len(seen), len(seen))
    shared = np.zeros(shape, bool) if together is None else np.asarray(together, bool)
    if shared.shape != shape:
        raise ValueError(f"together must have the shape {shape}, got {shared.shape}")
    is_hidden = np.ones(len(truth), bool)
    is_hidden[seen] = False
    edge = truth[np.ix_(seen, seen)] != 0
    strong = (np.abs(truth) >= at_least) & (truth != 0)
    # Number of neurons in between, as products of the matrices of what connects to whom.
    into = strong[seen].astype(np.float32)  # [observed, all]: who drives the observed ones
    out = strong[:, seen].astype(np.float32)  # [all, observed]: whom the observed ones drive
    conditions = {
        "edge": edge,
        "reverse": edge.T,
        "hidden source": into[:, is_hidden] @ into[:, is_hidden].T > 0,
        "source": into @ into.T > 0,
        "together": shared,
        "chain": into @ out > 0,
        "target": out.T @ out > 0,
    }
    kinds = np.select(list(conditions.values()), list(conditions), "neither")
    np.fill_diagonal(kinds, "")
    return kinds


def confusion(estimate: ArrayLike, kinds: ArrayLike) -> pd.DataFrame:
    """Measure what an estimate takes for a synapse.

    Parameters
    ----------
    estimate : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, in any unit; its magnitude counts.
    kinds : array_like of str, shape (n_neurons, n_neurons)
        From :func:`pair_kinds`.

    Returns
    -------
    DataFrame
        One row per kind that occurs: ``kind``, ``n`` pairs, ``edge_above``, the chance that a
        synapse has the larger estimate than a pair of this kind (1 is best, 0.5 means taken for
        synapses), and ``above_neither``, the chance that a pair of this kind has a larger one
        than a pair of the kind ``"neither"`` (0.5 means taken for nothing). Ties count half; NaN
        where there is nothing to compare with.

    Raises
    ------
    ValueError
        If the estimate is not square and finite or ``kinds`` has another shape.
    """
    graph, kinds = np.abs(checked_graph("estimate", estimate)), np.asarray(kinds)
    if kinds.shape != graph.shape:
        raise ValueError(f"kinds must have the shape of the estimate, {graph.shape}, "
                         f"got {kinds.shape}")  # fmt: skip
    values = {kind: graph[kinds == kind] for kind in KINDS}
    rows = [
        (kind, len(own), chance_above(values["edge"], own), chance_above(own, values["neither"]))
        for kind, own in values.items()
        if len(own)
    ]
    return pd.DataFrame(rows, columns=["kind", "n", "edge_above", "above_neither"])
