"""Null models: what a graph scores that does not know who is connected to whom.

Graphs are ``[post, pre]``: row sums are in-strengths, column sums are out-strengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.graphs import checked_graph
from lgl_core.metrics._kernels import products, products_off_columns
from lgl_core.metrics.card import (
    CORRELATIONS,
    _all_entries,
    _as_matrix,
    _between,
    _co_input_off,
    _correlations,
    _Entries,
    _entries,
    _is_hub,
)
from lgl_core.metrics.detection import _ranks
from lgl_core.metrics.scores import (
    _ROUNDING,
    _centred,
    _is_constant,
    _pair,
    off_diagonal,
)

__all__ = ["null_scores", "permuted", "shuffled_in_blocks", "strengths_kept", "strengths_only"]

Null = Literal["permuted", "strengths", "blocks"]
_Scores = dict[tuple[str, str], float]

# Strengths count as kept when every row sum is right to this share; column sums are then exact.
_TOLERANCE = 1e-9
# Full matrices need some tens of rounds; sparse ones may never get there.
_MOST_ROUNDS = 200


def permuted(
    graph: ArrayLike, rng: np.random.Generator, groups: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Relabel the neurons of a graph at random.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    rng : numpy.random.Generator
    groups : array_like of int, shape (n_neurons,), optional
        Neurons change places within their group only. Default: all are one group.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        The same graph, rows and columns in one new order: its structure is kept, its knowledge of
        which neuron is which is gone.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.
    """
    graph = checked_graph("graph", graph)
    return _relabelled(graph, _order(_checked_groups(groups, len(graph)), rng))


def shuffled_in_blocks(
    graph: ArrayLike, groups: ArrayLike, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Shuffle the entries of a graph within each block of two groups of neurons.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``. The diagonal is ignored.
    groups : array_like of int, shape (n_neurons,)
        Group of each neuron.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        What is left is which groups are connected how strongly; which neuron of a group sends or
        receives is gone. Zero on the diagonal.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or there is not one group for each neuron.
    """
    graph = checked_graph("graph", graph)
    belongs = _checked_groups(groups, len(graph))
    shuffled, between = np.zeros_like(graph), _between(len(graph))
    for post in np.unique(belongs):
        for pre in np.unique(belongs):
            block = between & (belongs[:, None] == post) & (belongs == pre)
            shuffled[block] = rng.permutation(graph[block])
    return shuffled


def strengths_only(graph: ArrayLike) -> NDArray[np.float64]:
    """Keep how much each neuron receives and sends, and nothing else.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, of one sign or both. The diagonal is ignored.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Zero on the diagonal; the sums over rows and over columns are those of ``graph``. It is
        the excitatory minus the inhibitory part, and each part off the diagonal is a product
        ``a[post] * b[pre]``: of all graphs with the strengths of that part, the one that says
        least about pairs.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.

    Notes
    -----
    Iterative proportional fitting (Sinkhorn's algorithm) from a matrix of ones off the diagonal,
    each part by itself, until every row sum is right to one part in 1e9; column sums are exact up
    to rounding. It stops after 200 rounds at the latest. Only a graph in which one neuron sends
    or receives nearly all there is has not arrived by then: rows of a star, all of whose
    connections touch one neuron, are right to a few parts in 1000.
    """
    graph = checked_graph("graph", graph)
    ones = 1 - np.eye(len(graph))
    return _with_strengths_of(graph, excitatory=ones, inhibitory=ones)


def strengths_kept(graph: ArrayLike, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a random graph in which each neuron receives and sends as much as in the given one.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, of one sign or both. The diagonal is ignored.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        The entries of ``graph`` shuffled over all places off the diagonal, then positive and
        negative ones each scaled by rows and columns in turn to the sums of ``graph``.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.

    Notes
    -----
    A null model for signed, weighted graphs in the manner of Rubinov and Sporns (2011), who give
    weights out by rank where this one scales them. Sums are as exact as in :func:`strengths_only`
    for estimates, which have hardly a zero. In a sparse graph, such as the truth, the shuffled
    places often cannot carry the strengths: a hub's few targets would have to receive more than
    they do. Columns keep their sums unless they were left empty; rows come near at best.
    """
    graph = checked_graph("graph", graph)
    shuffled = _as_matrix(rng.permutation(off_diagonal(graph)), len(graph))
    return _with_strengths_of(graph, np.maximum(shuffled, 0), np.maximum(-shuffled, 0))


def null_scores(
    estimate: ArrayLike,
    truth: ArrayLike,
    null: Null = "permuted",
    n: int = 200,
    seed: int = 0,
    hubs: ArrayLike = (),
    groups: ArrayLike | None = None,
) -> pd.DataFrame:
    """Score graphs that share the estimate's make-up but not its knowledge.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``. Their diagonals are ignored.
    null : {"permuted", "strengths", "blocks"}
        Graphs from the estimate by :func:`permuted`, by :func:`strengths_kept`, or by
        :func:`shuffled_in_blocks`.
    n : int
        Number of graphs, at least 2.
    seed : int
        Same seed, same graphs.
    hubs : array_like of int, optional
        Ids of the true hubs. With them the views off the hubs are scored, too.
    groups : array_like of int, shape (n_neurons,), optional
        Groups of neurons, within which ``"permuted"`` and between which ``"blocks"`` draws; the
        latter needs them.

    Returns
    -------
    DataFrame
        One row for each correlation of :func:`lgl_core.metrics.card.score_card`, columns
        ``view``, ``score``, ``null_mean`` and ``null_sd``. NaN if a score is undefined for one
        of the graphs.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite, a hub is unknown, ``n`` is too
        small, ``null`` is unknown, or the groups are missing or not one for each neuron.

    Notes
    -----
    The spectral distance is not here: relabelling leaves singular values as they are, so its
    permuted null is the score itself.

    Relabelling a graph relabels its co-input graph, its magnitudes and all ranks: these are made
    once, and a draw only looks them up in another order. Off the hubs the neurons are relabelled
    first and the columns of the *true* hubs left out then, of estimate and truth. What the estimate
    loses differs from draw to draw: ranks of the edges left are counted from those of all, and the
    co-input of the columns left is summed up and ranked anew.

    Graphs of given strengths share nothing but the strengths, so each is scored from scratch.
    """
    estimate, truth = _pair(estimate, truth)
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    rng = np.random.default_rng(seed)
    if null == "permuted":
        belongs = _checked_groups(groups, len(truth))
        draws = _permuted_draws(estimate, truth, hubs, belongs, n, rng)
    elif null == "strengths":
        draws = _scored_draws(lambda: strengths_kept(estimate, rng), truth, hubs, n)
    elif null == "blocks" and groups is not None:
        draws = _scored_draws(lambda: shuffled_in_blocks(estimate, groups, rng), truth, hubs, n)
    else:
        raise ValueError(
            f"null must be 'permuted', 'strengths', or with groups 'blocks', got {null!r}"
        )
    scores = list(draws)
    values = np.array([list(row.values()) for row in scores])
    table = pd.DataFrame(list(scores[0]), columns=["view", "score"])
    return table.assign(null_mean=values.mean(axis=0), null_sd=values.std(axis=0, ddof=1))


def _checked_groups(groups: ArrayLike | None, n_neurons: int) -> NDArray:
    belongs = np.zeros(n_neurons, int) if groups is None else np.asarray(groups)
    if belongs.shape != (n_neurons,):
        raise ValueError(
            f"groups must hold one group for each of the {n_neurons} neurons, got {groups!r}"
        )
    return belongs


def _order(groups: NDArray, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw an order of the neurons in which each place is taken by one of the same group."""
    order = np.empty(len(groups), np.intp)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        order[members] = members[rng.permutation(len(members))]
    return order


# Scores that a relabelled graph has by sums of products; any other is computed anew each time.
_BY_PRODUCTS = ("pearson", "spearman")


def _permuted_draws(
    estimate: NDArray,
    truth: NDArray,
    hubs: ArrayLike,
    groups: NDArray,
    n: int,
    rng: np.random.Generator,
) -> Iterator[_Scores]:
    n_neurons = len(truth)
    ours, true = _entries(estimate), _all_entries(truth, hubs)
    keys: list[tuple[str, str]] = []
    pairs: list[tuple[NDArray, NDArray]] = []
    for view in ours:
        keys += [(view, score) for score in _BY_PRODUCTS]
        both = (_unit(entries[view], n_neurons) for entries in (ours, true))
        pairs += zip(*both, strict=True)
    # Entry beside entry: a place is looked up once for all pairs.
    first, second = (
        np.ascontiguousarray(np.stack(side, axis=-1)) for side in zip(*pairs, strict=True)
    )
    off_hubs = _OffHubs(estimate, ours["true"].ranks, true, _is_hub(truth, hubs))
    others = [score for score in CORRELATIONS if score not in _BY_PRODUCTS]
    for _ in range(n):
        order = _order(groups, rng)
        scores = dict(zip(keys, products(first, second, order).tolist(), strict=True))
        scores |= off_hubs.scores(order)
        if others:
            scores |= _correlations(_all_entries(_relabelled(estimate, order), hubs), true, others)
        yield scores


class _OffHubs:
    """Scores off the true hubs' columns, under one order of the neurons after the other."""

    def __init__(
        self,
        estimate: NDArray,
        ranks: NDArray,
        true: dict[str, _Entries],
        is_hub: NDArray[np.bool_],
    ) -> None:
        self.estimate, self.true, self.is_hub = estimate, true, is_hub
        if not is_hub.any():
            return
        n_neurons = len(estimate)
        self.kept = _between(n_neurons) & ~is_hub
        self.upper = np.triu_indices(n_neurons, 1)
        edges = off_diagonal(estimate)
        self.scale = np.abs(edges).max() or 1.0
        self.middle = (edges / self.scale).mean()
        self.values = estimate / self.scale - self.middle
        self.levels = np.round(2 * _as_matrix(ranks, n_neurons)).astype(np.int32)
        self.counts = np.zeros(2 * edges.size + 1, np.int32)
        self.n_kept = np.count_nonzero(self.kept)
        self.true_parts = [self._placed(part) for part in true["true_off_hubs"]]
        self.true_norms = [float(np.linalg.norm(part)) for part in self.true_parts]

    def _placed(self, part: NDArray) -> NDArray[np.float64]:
        """Centre entries of the truth and put them in their places."""
        placed = np.zeros_like(self.estimate)
        placed[self.kept] = part / (np.abs(part).max() or 1.0)
        placed[self.kept] -= placed[self.kept].mean()
        return placed

    def scores(self, order: NDArray[np.intp]) -> _Scores:
        if not self.is_hub.any():
            return {}
        shared = _co_input_off(_relabelled(self.estimate, order), self.is_hub)[self.upper]
        ours = {"co_input_off_hubs": _Entries(shared, _ranks(shared))}
        return self._of_edges(order) | _correlations(ours, self.true, _BY_PRODUCTS)

    def _of_edges(self, order: NDArray[np.intp]) -> _Scores:
        true_values, true_ranks = self.true_parts
        total, squares, product, rank_squares, rank_product, low, high = products_off_columns(
            self.values, self.levels, true_values, true_ranks, self.is_hub, order, self.counts
        )
        norm_of_values, norm_of_ranks = self.true_norms
        # What is left may be constant where the whole was not; rounding is no structure.
        largest = max(abs(low + self.middle), abs(high + self.middle))
        is_constant = high - low <= _ROUNDING * largest or not norm_of_values
        if is_constant:
            return {("true_off_hubs", score): np.nan for score in _BY_PRODUCTS}
        norm = np.sqrt(squares - total**2 / self.n_kept)
        return {
            ("true_off_hubs", "pearson"): product / (norm * norm_of_values),
            ("true_off_hubs", "spearman"): rank_product / (np.sqrt(rank_squares) * norm_of_ranks),
        }


def _scored_draws(
    draw: Callable[[], NDArray], truth: NDArray, hubs: ArrayLike, n: int
) -> Iterator[_Scores]:
    true = _all_entries(truth, hubs)
    for _ in range(n):
        yield _correlations(_all_entries(draw(), hubs), true)


def _unit(entries: _Entries, n_neurons: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre values and ranks and give them unit length: sums of products are correlations then.

    As matrices, zero where an entry is not scored, so that they can be relabelled.
    """
    if _is_constant(entries.values):
        undefined = np.full((n_neurons, n_neurons), np.nan)
        return undefined, undefined
    values, ranks = (_centred(part) for part in entries)
    return (
        _as_matrix(values / np.linalg.norm(values), n_neurons),
        _as_matrix(ranks / np.linalg.norm(ranks), n_neurons),
    )


def _relabelled(graph: NDArray, order: NDArray[np.intp]) -> NDArray[np.float64]:
    return graph[order][:, order]


def _with_strengths_of(
    graph: NDArray, excitatory: NDArray, inhibitory: NDArray
) -> NDArray[np.float64]:
    """Scale two matrices without negative entries to the strengths of a graph; subtract them."""
    graph = graph.copy()
    np.fill_diagonal(graph, 0)
    kept = _balanced(excitatory, np.maximum(graph, 0))
    return kept - _balanced(inhibitory, np.maximum(-graph, 0))


def _balanced(start: NDArray, target: NDArray) -> NDArray[np.float64]:
    """Scale rows and columns of ``start`` in turn until they sum to those of ``target``."""
    rows, columns = target.sum(axis=1), target.sum(axis=0)
    scaled = start * _factors(columns, start.sum(axis=0))
    for _ in range(_MOST_ROUNDS):
        present = scaled.sum(axis=1)
        if (np.abs(present - rows) <= _TOLERANCE * rows).all():
            break
        scaled *= _factors(rows, present)[:, None]
        scaled *= _factors(columns, scaled.sum(axis=0))
    return scaled


def _factors(wanted: NDArray, present: NDArray) -> NDArray[np.float64]:
    return np.divide(wanted, present, out=np.zeros_like(wanted), where=present > 0)
