"""All scores of one estimated graph in one table, with and without the hubs' columns.

Graphs are ``[post, pre]``: what a hub sends stands in its column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.graphs import checked_graph
from lgl_core.metrics.detection import (
    _auc,
    _average_precision,
    _levels,
    _ranks,
    hubs_found,
    sign_agreement,
)
from lgl_core.metrics.scores import (
    SCORES,
    VIEWS,
    _correlation,
    _correlation_of_varied,
    _is_constant,
    _neutral_diagonal,
    _pair,
    co_input,
    hub_ranks,
    off_diagonal,
    spectral_divergence,
)

__all__ = [
    "CORRELATIONS",
    "SCORE_NAMES",
    "VIEW_NAMES",
    "co_input_off_hubs",
    "edges_off_hubs",
    "pearson_of_hubs",
    "score_card",
]

# What to call them, in the order in which they are shown.
VIEW_NAMES = VIEWS | {
    "true_of_hubs": "True, columns of hubs",
    "true_off_hubs": "True, off the hubs",
    "co_input_off_hubs": "Co-Input, off the hubs",
    "co_input_diagonal": "Co-Input with diagonal",
    "excitatory": "Excitatory synapses",
    "inhibitory": "Inhibitory synapses",
    "hubs": "Hubs",
}
SCORE_NAMES = SCORES | {
    "auc": "Area under ROC",
    "ap": "Average precision",
    "sign_agreement": "Share of right signs",
    "found": "Share of hubs found",
    "rank": "Rank of the last hub",
}


def score_card(
    estimate: ArrayLike, truth: ArrayLike, hubs: ArrayLike = (), spectral: bool = True
) -> pd.DataFrame:
    """Score an estimated graph by everything that the book scores a graph by.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``, in any unit. Their diagonals are ignored.
    hubs : array_like of int, optional
        Neuron ids. Without hubs the scores that need them are left out.
    spectral : bool
        Whether to compare the spectra, which takes six singular value decompositions.

    Returns
    -------
    DataFrame
        One row per score, columns ``view``, ``score`` and ``value``; NaN where undefined.

        =========================== =========================== =================================
        view                        score                       of
        =========================== =========================== =================================
        true, co_input, abs         pearson, spearman, spectral :func:`.scores.alignment`
        co_input_diagonal           pearson, spearman           the co-input graph, diagonal and all
        true_off_hubs               pearson, spearman           :func:`edges_off_hubs`
        co_input_off_hubs           pearson, spearman           :func:`co_input_off_hubs`
        abs, excitatory, inhibitory auc, ap                     :mod:`lgl_core.metrics.detection`
        true                        sign_agreement              the true synapses
        hubs                        found, rank                 the strengths of the columns
        =========================== =========================== =================================

        ``rank`` is that of the last of the hubs: at best their number.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite, or a hub is unknown.

    Notes
    -----
    Each matrix is ranked once; ranks of a part of it are counted, not sorted again.
    """
    estimate, truth = _pair(estimate, truth)
    entries, true_entries = _all_entries(estimate, hubs), _all_entries(truth, hubs)
    rows = [(*key, value) for key, value in _correlations(entries, true_entries).items()]
    if spectral:
        rows += _spectral_rows(estimate, truth)
    rows += _detection_rows(entries, true_entries["true"].values)
    rows += [("true", "sign_agreement", sign_agreement(estimate, truth))]
    if np.size(hubs):
        last = float(hub_ranks(estimate, hubs).max())
        rows += [("hubs", "found", hubs_found(estimate, hubs)), ("hubs", "rank", last)]
    return pd.DataFrame(rows, columns=["view", "score", "value"])


def edges_off_hubs(graph: ArrayLike, hubs: ArrayLike) -> NDArray[np.float64]:
    """List the entries between different neurons whose presynaptic neuron is no hub.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    hubs : array_like of int
        Neuron ids.

    Returns
    -------
    ndarray, shape ((n_neurons - 1) * (n_neurons - n_hubs),)
        Row by row, a copy. What hubs receive is among them.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or an id is unknown.

    Notes
    -----
    Setting the hubs' columns to zero would not do: their entries would stay, as so many pairs
    without a synapse on which estimate and truth agree.
    """
    graph = checked_graph("graph", graph)
    return graph[_between(len(graph)) & ~_is_hub(graph, hubs)]


def pearson_of_hubs(estimate: ArrayLike, truth: ArrayLike, hubs: ArrayLike) -> float:
    """Correlate two graphs in the columns of the hubs alone: whom they reach, and how strongly.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``, in any unit. Their diagonals are ignored.
    hubs : array_like of int
        Neuron ids.

    Returns
    -------
    float
        Pearson correlation over all these columns together; NaN if the entries of either are all
        the same, and without hubs.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite, or a hub is unknown.
    """
    estimate, truth = _pair(estimate, truth)
    if not np.size(hubs):
        return float("nan")
    kept = _between(len(truth)) & _is_hub(truth, hubs)
    return _correlation(estimate[kept], truth[kept])


def co_input_off_hubs(graph: ArrayLike, hubs: ArrayLike) -> NDArray[np.float64]:
    """Measure how far two neurons hear the same presynaptic neurons, hubs not counted.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``A[post, pre]``.
    hubs : array_like of int
        Neuron ids.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        :func:`lgl_core.metrics.scores.co_input` summed over the presynaptic neurons that are no
        hubs. Hubs keep their rows and columns here, for what they receive.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or an id is unknown.
    """
    graph = checked_graph("graph", graph)
    return _co_input_off(graph, _is_hub(graph, hubs))


class _Entries(NamedTuple):
    """The entries of one view that are scored, flat, and their ranks among themselves."""

    values: NDArray[np.float64]
    ranks: NDArray[np.float64]


def _all_entries(graph: NDArray, hubs: ArrayLike) -> dict[str, _Entries]:
    entries = _entries(graph)
    if np.size(hubs):
        ranks = _as_matrix(entries["true"].ranks, len(graph))
        entries |= _entries_off_hubs(graph, ranks, _is_hub(graph, hubs))
    return entries


def _entries(graph: NDArray) -> dict[str, _Entries]:
    edges, between = off_diagonal(graph), _between(len(graph))
    shared = co_input(graph)
    ranks = _ranks(shared.ravel()).reshape(shared.shape)
    return {
        "true": _Entries(edges, _ranks(edges)),
        "co_input": _Entries(shared[between], _recounted(ranks[between])),
        "abs": _Entries(np.abs(edges), _ranks(np.abs(edges))),
        "co_input_diagonal": _Entries(shared.ravel(), ranks.ravel()),
    }


def _entries_off_hubs(
    graph: NDArray, ranks: NDArray, is_hub: NDArray[np.bool_]
) -> dict[str, _Entries]:
    """List the entries off the hubs' columns, given the ranks of all edges of the graph."""
    kept = _between(len(graph)) & ~is_hub
    # Symmetric: each pair of neurons once is enough.
    shared = _co_input_off(graph, is_hub)[np.triu_indices(len(graph), 1)]
    return {
        "true_off_hubs": _Entries(graph[kept], _recounted(ranks[kept])),
        "co_input_off_hubs": _Entries(shared, _ranks(shared)),
    }


def _pearson(ours: _Entries, true: _Entries) -> float:
    return _correlation_of_varied(ours.values, true.values)


def _spearman(ours: _Entries, true: _Entries) -> float:
    return _correlation_of_varied(ours.ranks, true.ranks)


# What is asked of the entries of each view, unless they are constant. A new correlation comes
# here, its name into SCORE_NAMES; cards, nulls, sweeps, studies and figures have it then.
CORRELATIONS: dict[str, Callable[[_Entries, _Entries], float]] = {
    "pearson": _pearson,
    "spearman": _spearman,
}


def _correlations(
    entries: dict[str, _Entries],
    true_entries: dict[str, _Entries],
    scores: Iterable[str] | None = None,
) -> dict[tuple[str, str], float]:
    """Correlate estimate and truth by view; the truth may have more views than the estimate."""
    found: dict[tuple[str, str], float] = {}
    for view, ours in entries.items():
        true = true_entries[view]
        # Where rounding is all that tells values apart, their ranks mean nothing either.
        undefined = _is_constant(ours.values) or _is_constant(true.values)
        for score in CORRELATIONS if scores is None else scores:
            found[view, score] = np.nan if undefined else CORRELATIONS[score](ours, true)
    return found


def _recounted(ranks: NDArray) -> NDArray[np.float64]:
    """Rank a part of ranked values among themselves, without sorting."""
    levels = _levels(ranks)
    counts = np.bincount(levels)
    doubled = 2 * np.cumsum(counts) - counts + 1
    return doubled[levels] / 2


def _as_matrix(entries: NDArray, n_neurons: int) -> NDArray[np.float64]:
    """Put a view's entries back in their places; a diagonal that is not among them is zero."""
    if entries.size == n_neurons**2:
        return entries.reshape(n_neurons, n_neurons)
    matrix = np.zeros((n_neurons, n_neurons))
    matrix[_between(n_neurons)] = entries
    return matrix


def _is_hub(graph: NDArray, hubs: ArrayLike) -> NDArray[np.bool_]:
    hub_ranks(graph, hubs)  # refuses unknown ids
    is_hub = np.zeros(len(graph), dtype=bool)
    is_hub[np.asarray(hubs, dtype=np.intp)] = True
    return is_hub


def _co_input_off(graph: NDArray, is_hub: NDArray[np.bool_]) -> NDArray[np.float64]:
    return co_input(np.where(is_hub, 0, graph))


def _between(n_neurons: int) -> NDArray[np.bool_]:
    """Mark the entries between different neurons."""
    return ~np.eye(n_neurons, dtype=bool)


def _spectral_rows(estimate: NDArray, truth: NDArray) -> Iterator[tuple[str, str, float]]:
    # As compare() does it: a graph's diagonal is made neutral, that of a co-input graph is genuine.
    views = {
        "true": _neutral_diagonal,
        "co_input": co_input,
        "abs": lambda graph: _neutral_diagonal(np.abs(graph)),
    }
    for view, matrix in views.items():
        yield view, "spectral", spectral_divergence(matrix(estimate), matrix(truth))


def _detection_rows(
    entries: dict[str, _Entries], synapses: NDArray
) -> Iterator[tuple[str, str, float]]:
    rising = entries["true"].ranks
    detectors = {
        "abs": (entries["abs"].ranks, synapses != 0),
        "excitatory": (rising, synapses > 0),
        "inhibitory": (rising.size + 1 - rising, synapses < 0),
    }
    for view, (ranks, positive) in detectors.items():
        yield view, "auc", _auc(ranks, positive)
        yield view, "ap", _average_precision(ranks, positive)
