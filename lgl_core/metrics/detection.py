"""Is a synapse found, has it the right sign, are the hubs seen: scores of detection.

Graphs are ``[post, pre]``. A neuron's connection to itself, the diagonal, stays out of every score.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from lgl_core.metrics._kernels import ranked
from lgl_core.metrics.scores import (
    _correlation,
    _is_constant,
    _pair,
    hub_ranks,
    off_diagonal,
    out_strengths,
)

__all__ = [
    "auc",
    "average_precision",
    "chance_above",
    "hub_groups_found",
    "hubs_found",
    "sign_agreement",
    "spearman_ceiling",
]

Edges = Literal["abs", "excitatory", "inhibitory"]


def auc(estimate: ArrayLike, truth: ArrayLike, edges: Edges = "abs") -> float:
    """Measure how well an estimate tells synapses from pairs without one.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``, in any unit. Their diagonals are ignored.
    edges : {"abs", "excitatory", "inhibitory"}
        What is to be found, and by what: any synapse by the estimate's magnitude; the excitatory
        ones, among all other pairs, by the estimate; the inhibitory ones by minus the estimate.

    Returns
    -------
    float
        Area under the receiver operating characteristic: the chance that a synapse drawn at
        random has a larger estimate than a pair drawn from the rest, ties counting half. 1 is
        best, 0.5 is guessing; NaN if there is nothing to find or nothing else.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite, or ``edges`` is unknown.

    Notes
    -----
    Computed from ranks (Mann-Whitney), so the cost is one sort. The score does not know how rare
    synapses are; :func:`average_precision` does.
    """
    return _auc(*_ranks_and_targets(estimate, truth, edges))


def chance_above(first: ArrayLike, second: ArrayLike) -> float:
    """Measure the chance that a value of the first is larger than one of the second.

    Parameters
    ----------
    first, second : array_like, flat
        Any numbers.

    Returns
    -------
    float
        Ties count half; NaN if one of the two is empty.
    """
    above, below = np.ravel(first), np.ravel(second)
    values = np.concatenate([above, below])
    return _auc(_ranks(values), np.arange(values.size) < above.size) if values.size else np.nan


def average_precision(estimate: ArrayLike, truth: ArrayLike, edges: Edges = "abs") -> float:
    """Measure how clean the list of the strongest estimated connections is.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        As for :func:`auc`.
    edges : {"abs", "excitatory", "inhibitory"}
        As for :func:`auc`.

    Returns
    -------
    float
        Area under the curve of precision against recall, summed in steps: precision at each
        distinct estimate, weighted by the share of synapses found there. Equal estimates are
        accepted together. 1 is best, the share of synapses among all pairs is guessing; NaN if
        there is nothing to find or nothing else.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite, or ``edges`` is unknown.
    """
    return _average_precision(*_ranks_and_targets(estimate, truth, edges))


def sign_agreement(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Tell at how many synapses the estimate has the synapse's sign.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``. Their diagonals are ignored.

    Returns
    -------
    float
        Share of the true synapses, 0 to 1. An estimate of zero has no sign and counts as wrong.
        NaN if there is no synapse.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite.

    Notes
    -----
    An estimate that cannot be negative, such as attention, scores the share of excitatory
    synapses: what the sign of the commoner kind alone would give.
    """
    signs, true_signs = (np.sign(off_diagonal(graph)) for graph in _pair(estimate, truth))
    synapses = true_signs != 0
    return float(np.mean(signs[synapses] == true_signs[synapses])) if synapses.any() else np.nan


def hubs_found(graph: ArrayLike, hubs: ArrayLike) -> float:
    """Tell how many of the hubs are among as many strongest columns.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``; the strength of a neuron is that of
        :func:`lgl_core.metrics.scores.hub_ranks`.
    hubs : array_like of int
        Neuron ids.

    Returns
    -------
    float
        Share of the hubs, 0 to 1; NaN without hubs. A tie across the border counts as not found.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or an id is unknown.
    """
    ranks = hub_ranks(graph, hubs)
    return float(np.mean(ranks <= ranks.size)) if ranks.size else np.nan


def hub_groups_found(graph: ArrayLike, hubs: ArrayLike, groups: ArrayLike) -> float:
    """Tell how many hubs are found, where neighbours that act as one hub count once.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``; the strength of a neuron is that of
        :func:`lgl_core.metrics.scores.hub_ranks`.
    hubs : array_like of int, shape (n_hubs,)
        Neuron ids.
    groups : array_like of int, shape (n_hubs,)
        Group of each of them, from 0 up (:attr:`lgl_core.networks.network.Network.group_of_hub`).

    Returns
    -------
    float
        Share of the groups, 0 to 1, whose strongest member is among as many strongest of all
        groups and of all neurons that belong to none; NaN without hubs. So it does not matter which
        neuron of a group stands out, nor whether its neighbours stand out with it. A tie across
        the border counts as not found.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite, an id is unknown, or hubs and groups differ in
        number.
    """
    ranks, belongs = hub_ranks(graph, hubs), np.asarray(groups)
    if belongs.shape != ranks.shape:
        raise ValueError(
            f"groups must have one entry for each of the {ranks.size} hubs, got {groups!r}"
        )
    if not ranks.size:
        return np.nan
    strengths = out_strengths(graph)
    of_groups = [strengths[np.asarray(hubs)[belongs == group]].max() for group in set(belongs)]
    units = np.concatenate([of_groups, np.delete(strengths, np.asarray(hubs))])
    n_groups = len(of_groups)
    return float(np.mean(rankdata(-units, method="max")[:n_groups] <= n_groups))


def spearman_ceiling(truth: ArrayLike, signed: bool = True) -> float:
    """Give the largest Spearman correlation that an estimate without ties can reach.

    Pairs without a synapse, nine in ten, all tie at zero in the truth. An estimate in real
    numbers has no ties: it orders those pairs somehow, and no order of theirs agrees with a tie.

    Parameters
    ----------
    truth : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``. The diagonal is ignored.
    signed : bool
        Whether the estimate knows signs. ``False``: the ceiling of an estimate that orders pairs
        by the magnitude of their synapse, as attention may, and is held against the signed truth.

    Returns
    -------
    float
        Between 0 and 1 if ``signed``; NaN if the truth is constant. For the view ``abs`` ask
        with ``abs(truth)``.

    Raises
    ------
    ValueError
        If ``truth`` is not square and finite.

    Notes
    -----
    Signed, the best order is that of the truth, and how ties are broken makes no difference:
    tied entries share one rank. The ceiling is then ``sqrt(1 - sum(t**3 - t) / (m**3 - m))``
    over groups of ``t`` tied among ``m`` entries: 0.52 if nine in ten are zero. Unsigned, two
    synapses of one magnitude and opposite signs are put in their true order. An estimate with
    ties of its own may score higher; the truth itself scores 1.
    """
    entries = off_diagonal(truth)
    order = np.lexsort((entries, entries if signed else np.abs(entries)))
    return _correlation(np.arange(entries.size), _ranks(entries)[order])


def _ranks_and_targets(
    estimate: ArrayLike, truth: ArrayLike, edges: Edges
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, synapses = map(off_diagonal, _pair(estimate, truth))
    if edges == "abs":
        return _ranks(np.abs(values)), synapses != 0
    if edges == "excitatory":
        return _ranks(values), synapses > 0
    if edges == "inhibitory":
        return _ranks(-values), synapses < 0
    raise ValueError(f"edges must be 'abs', 'excitatory' or 'inhibitory', got {edges!r}")


def _ranks(values: NDArray) -> NDArray[np.float64]:
    """Rank from 1 up, ties at their mean; all tie where only rounding tells values apart."""
    if _is_constant(values):
        return np.full(values.size, (values.size + 1) / 2)
    return ranked(values)


def _levels(ranks: NDArray) -> NDArray[np.intp]:
    # Ranks are whole or half numbers. Doubled, they can be counted instead of sorted again.
    return (2 * ranks).astype(np.intp)


def _auc(ranks: NDArray, positive: NDArray[np.bool_]) -> float:
    n_positive = np.count_nonzero(positive)
    n_negative = positive.size - n_positive
    if not n_positive or not n_negative:
        return np.nan
    # Ranks count the values below; those of the other positives are taken off.
    won = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(won / (n_positive * n_negative))


def _average_precision(ranks: NDArray, positive: NDArray[np.bool_]) -> float:
    n_positive = np.count_nonzero(positive)
    if not n_positive or n_positive == positive.size:
        return np.nan
    levels = _levels(ranks)
    accepted = np.bincount(levels)[::-1]
    hits = np.bincount(levels[positive], minlength=accepted.size)[::-1]
    steps = hits > 0
    precision = np.cumsum(hits)[steps] / np.cumsum(accepted)[steps]
    return float(hits[steps] @ precision / n_positive)
