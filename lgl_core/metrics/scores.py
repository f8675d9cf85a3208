"""Scores of an estimated graph against the true one: the rows and columns of Table 1.

Graphs are ``[post, pre]``. A neuron's connection to itself, the diagonal, stays out of every score.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from lgl_core.graphs import checked_graph, checked_ids

__all__ = [
    "SCORES",
    "VIEWS",
    "co_input",
    "alignment",
    "hub_ranks",
    "normalised_singular_values",
    "off_diagonal",
    "out_strengths",
    "paper_table_1",
    "pearson",
    "spearman",
    "spectral_divergence",
    "tidy",
]

# What alignment() gives, in order, and what to call it.
VIEWS = {"true": "True", "co_input": "Co-Input", "abs": "Abs"}
SCORES = {
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "spectral": "Spectral divergence",
}

# A matrix whose entries differ by less than this share of the largest one is constant: what is
# left is rounding, and no score may be made of it.
_ROUNDING = 1e-12


def alignment(estimate: ArrayLike, truth: ArrayLike) -> pd.DataFrame:
    """Score an estimated graph in the three views and by the three scores of Table 1.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``, in any unit. Their diagonals are ignored.

    Returns
    -------
    DataFrame
        Rows ``pearson`` and ``spearman`` (1 is best) and ``spectral`` (0 is best); columns
        ``true`` (signed entries), ``co_input`` (entries of :func:`co_input`) and ``abs``
        (magnitudes). NaN where a score is undefined because a view is constant.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite.

    Notes
    -----
    Section 3.2, Table 1. Correlations run over off-diagonal entries. For the spectrum the
    diagonal of ``true`` and ``abs`` is set to the mean of the other entries, so that centring
    leaves zero there; setting it to zero beforehand would leave minus the mean of a graph without
    negative entries, such as attention. Hence the whole column ``true`` stays the same when the
    estimate is shifted, or scaled by a positive factor. A co-input graph has a genuine diagonal,
    each neuron's total squared input: it stays in the spectrum, and out of the correlations.
    """
    estimate, truth = _pair(estimate, truth)
    views = {
        "true": (_neutral_diagonal(estimate), _neutral_diagonal(truth)),
        "co_input": (co_input(estimate), co_input(truth)),
        "abs": (_neutral_diagonal(np.abs(estimate)), _neutral_diagonal(np.abs(truth))),
    }
    scores = {"pearson": pearson, "spearman": spearman, "spectral": spectral_divergence}
    table = {view: [score(*pair) for score in scores.values()] for view, pair in views.items()}
    return pd.DataFrame(table, index=pd.Index(scores, name="score")).rename_axis(columns="view")


def tidy(comparison: pd.DataFrame, **labels: str | int | float) -> pd.DataFrame:
    """Turn a table of :func:`alignment` into one row per score, ready to be stacked with others.

    Parameters
    ----------
    comparison : DataFrame
        Scores by views, as :func:`alignment` returns it.
    **labels
        What tells this comparison from others, for instance ``method="glm"``: one column each.

    Returns
    -------
    DataFrame
        The labels, then ``view``, ``score`` and ``value``.

    Raises
    ------
    ValueError
        If a label takes the name of one of those three columns.
    """
    taken = {"view", "score", "value"} & set(labels)
    if taken:
        raise ValueError(f"labels must not be called view, score or value, got {sorted(taken)}")
    named = comparison.rename_axis(index="score", columns="view")
    rows = named.reset_index().melt(id_vars="score", var_name="view")
    return rows[["view", "score", "value"]].assign(**labels)[[*labels, "view", "score", "value"]]


def paper_table_1() -> pd.DataFrame:
    """Give the scores that the paper reports.

    Returns
    -------
    DataFrame
        Columns ``method`` (glm or attention), ``view``, ``score`` and ``value``. The paper leaves
        one cell blank, the Spearman correlation of attention's magnitudes: NaN here.
    """
    scores = pd.Index(["pearson", "spearman", "spectral"])
    glm = {
        "true": [0.262, 0.164, 0.767],
        "co_input": [0.481, 0.636, 0.318],
        "abs": [0.200, 0.041, 1.742],
    }
    attention = {
        "true": [0.110, 0.132, 1.257],
        "co_input": [0.536, 0.670, 0.476],
        "abs": [0.040, np.nan, 2.075],
    }
    return pd.concat(
        [
            tidy(pd.DataFrame(glm, index=scores), method="glm"),
            tidy(pd.DataFrame(attention, index=scores), method="attention"),
        ],
        ignore_index=True,
    )


def off_diagonal(graph: ArrayLike) -> NDArray[np.float64]:
    """List the entries between different neurons.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.

    Returns
    -------
    ndarray, shape (n_neurons * (n_neurons - 1),)
        Row by row, a copy.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.
    """
    graph = checked_graph("graph", graph)
    return graph[~np.eye(len(graph), dtype=bool)]


def co_input(graph: ArrayLike) -> NDArray[np.float64]:
    """Measure how far two neurons hear the same presynaptic neurons: ``B = A A^T``.

    ``B[i, j]`` sums ``A[i, k] * A[j, k]`` over the presynaptic neurons ``k``. The diagonal of
    ``A`` is set to zero first, for a neuron is no input to itself; so ``k`` is neither i nor j.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``A[post, pre]``.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Symmetric and positive semidefinite. Under Dale's principle no entry is negative.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.

    Notes
    -----
    Appendix D.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> shared = lgl.co_input([[0, 0, 2], [0, 0, 3], [0, 0, 0]])
    >>> float(shared[0, 1])  # both hear neuron 2
    6.0
    """
    inputs = checked_graph("graph", graph).copy()
    np.fill_diagonal(inputs, 0)
    return inputs @ inputs.T


def pearson(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Correlate two matrices over their off-diagonal entries.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``, or co-input graphs (each pair then counts twice, which changes
        nothing).

    Returns
    -------
    float
        Between -1 and 1; NaN if the entries of either are all the same.

    Raises
    ------
    ValueError
        If the matrices are not square, of one shape and finite.
    """
    return _correlation(*map(off_diagonal, _pair(estimate, truth)))


def spearman(estimate: ArrayLike, truth: ArrayLike) -> float:
    """Correlate the ranks of off-diagonal entries; equal entries share their mean rank.

    Parameters
    ----------
    estimate, truth : array_like, shape (n_neurons, n_neurons)
        As for :func:`pearson`.

    Returns
    -------
    float
        Between -1 and 1; NaN if the entries of either are all the same.

    Raises
    ------
    ValueError
        If the matrices are not square, of one shape and finite.
    """
    x, y = map(off_diagonal, _pair(estimate, truth))
    if _is_constant(x) or _is_constant(y):
        return float("nan")
    return _correlation_of_varied(rankdata(x), rankdata(y))


def normalised_singular_values(graph: ArrayLike) -> NDArray[np.float64]:
    """Take the spectrum of a matrix freed of its mean and its scale.

    The matrix, diagonal included, is centred by its mean; the singular values are divided by the
    largest. What comes out is the same for ``graph`` and for ``a * graph + b``, ``a`` not zero.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, or a co-input graph.

    Returns
    -------
    ndarray, shape (n_neurons,)
        Descending from 1; all NaN if ``graph`` is constant, for it then has no structure left.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.

    Notes
    -----
    Appendix E.
    """
    graph = checked_graph("graph", graph)
    if _is_constant(graph):
        return np.full(len(graph), np.nan)
    values = np.linalg.svd(_centred(graph), compute_uv=False)
    return values / values[0]


def spectral_divergence(a: ArrayLike, b: ArrayLike) -> float:
    """Tell how far the spectra of two matrices lie apart.

    Parameters
    ----------
    a, b : array_like, shape (n_neurons, n_neurons)
        Graphs, ``[post, pre]``, or co-input graphs; their diagonals count as they are.
        :func:`alignment` makes the diagonal of a graph neutral first.

    Returns
    -------
    float
        Euclidean distance of their :func:`normalised_singular_values`: 0 for equal spectra, NaN
        if either matrix is constant. Adding a constant to a matrix, scaling it, transposing it or
        relabelling neurons changes nothing.

    Raises
    ------
    ValueError
        If the matrices are not square, of one shape and finite.

    Notes
    -----
    Appendix E. Singular values and not eigenvalues, which are complex for a directed graph.
    """
    a, b = _pair(a, b, names=("a", "b"))
    return float(np.linalg.norm(normalised_singular_values(a) - normalised_singular_values(b)))


def hub_ranks(graph: ArrayLike, hubs: ArrayLike) -> NDArray[np.int64]:
    """Rank hubs by the strength of their outgoing connections among all neurons.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``. The strength of a neuron is the signed sum of its column without the
        diagonal.
    hubs : array_like of int
        Neuron ids.

    Returns
    -------
    ndarray of int, shape (n_hubs,)
        1 is the strongest of all neurons. Ties count against the hub, so that a graph that tells
        no neuron from another ranks none first.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or an id is unknown.
    """
    graph = checked_graph("graph", graph)
    ids = checked_ids("hubs", hubs, len(graph), distinct=False)
    return rankdata(-out_strengths(graph), method="max")[ids].astype(np.int64)


def out_strengths(graph: ArrayLike) -> NDArray[np.float64]:
    """Sum what each neuron sends.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.

    Returns
    -------
    ndarray, shape (n_neurons,)
        Sums of the columns; the diagonal is left out.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite.
    """
    graph = checked_graph("graph", graph)
    sums: NDArray[np.float64] = off_diagonal(graph.T).reshape(len(graph), -1).sum(axis=1)
    return sums


def _pair(
    first: ArrayLike, second: ArrayLike, names: tuple[str, str] = ("estimate", "truth")
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = checked_graph(names[0], first), checked_graph(names[1], second)
    if a.shape != b.shape:
        raise ValueError(
            f"{names[0]} and {names[1]} must have one shape, got {a.shape} and {b.shape}"
        )
    return a, b


def _neutral_diagonal(graph: NDArray) -> NDArray:
    graph, others = graph.copy(), off_diagonal(graph)
    np.fill_diagonal(graph, others.mean() if others.size else 0)
    return graph


def _correlation(x: NDArray, y: NDArray) -> float:
    return float("nan") if _is_constant(x) or _is_constant(y) else _correlation_of_varied(x, y)


def _correlation_of_varied(x: NDArray, y: NDArray) -> float:
    x, y = _centred(x), _centred(y)
    # Sums, not products of matrices: BLAS would start its threads for less than a millisecond.
    r = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    return float(np.clip(r, -1, 1))


def _centred(values: NDArray) -> NDArray:
    # Scaled first: squares of very large or very small numbers leave the range of floats.
    scaled = values / np.abs(values).max()
    return scaled - scaled.mean()


def _is_constant(values: NDArray) -> bool:
    return not values.size or bool(np.ptp(values) <= _ROUNDING * np.abs(values).max())
