"""Readings of a graph that take off what says nothing of who is connected.

They need no truth: what they take off is seen in the graph itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgl_core.graphs import checked_graph

__all__ = ["centred", "excess_shares", "row_shares", "standing_out", "without_column_median"]


def row_shares(graph: ArrayLike) -> NDArray[np.float64]:
    """Divide each row of a graph by its sum: how a neuron's attention is split among its inputs.

    Attention per available pair is weaker in all of a row when there are more keys to share it
    with. Targets of hubs have more of them, spikes of hubs, than others do, and a layer can come
    out opposed to the truth for that alone.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]`` without negative entries, such as attention.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Rows sum to 1, or stay zero; the diagonal is zero.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite, or an entry is negative.
    """
    shares = checked_graph("graph", graph).copy()
    if shares.min() < 0:
        raise ValueError(f"graph must not have negative entries, got {shares.min()}")
    np.fill_diagonal(shares, 0)
    totals = shares.sum(axis=1, keepdims=True)
    return np.divide(shares, totals, out=shares, where=totals > 0)


def excess_shares(graph: ArrayLike) -> NDArray[np.float64]:
    """Tell how much more of its attention a neuron pays to another one than neurons usually do.

    Attention is never negative: every neuron attends to every other, and more to those that tell
    more, whether they are connected or not. In co-input this common part is multiplied with
    itself and hides the rest. It is taken off here: from the :func:`row_shares` of each column
    their median.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]`` without negative entries, such as attention.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Of either sign; the median of a column, its diagonal left out, is zero, and so is the
        diagonal.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite, an entry is negative or there are fewer than two
        neurons.

    Notes
    -----
    The median is what a pair without a synapse gets as long as a neuron reaches fewer than half
    of the others. A neuron that reaches more comes out turned around.
    """
    return without_column_median(row_shares(checked_graph("graph", graph, least=2)))


def without_column_median(graph: ArrayLike) -> NDArray[np.float64]:
    """Take off what a column has in common, by the median of its entries off the diagonal.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, signed, with columns known up to a constant, such as what a softmax over
        neurons knows.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        With a diagonal of zeros.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or has fewer than two neurons.

    Notes
    -----
    The median is that of pairs without a synapse, as long as a neuron reaches fewer than half of
    the others.
    """
    checked_graph("graph", graph, least=2)
    graph = np.asarray(graph)
    between = ~np.eye(len(graph), dtype=bool)
    usual = np.nanmedian(np.where(between, graph, np.nan), axis=0)
    return np.where(between, graph - usual, 0.0)


def standing_out(graph: ArrayLike, n_sd: float = 2.0) -> NDArray[np.float64]:
    """Keep of each column what stands out of it on the side of its neuron, and nothing else.

    Most neurons have no synapse with most others, but an estimate has a number for each pair. In
    co-input the noise of all pairs adds up. A presynaptic neuron excites or it inhibits (Dale's
    principle), so that one half of its column is noise and tells how large noise is.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, signed or not, in any unit. Its diagonal is ignored.
    n_sd : float
        How far an entry must lie from the median of its column to be kept, in standard deviations
        of the entries on the other side of the median. Zero keeps one side as it is.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        What :func:`without_column_median` gives where it is kept, zero elsewhere. No column has
        entries of both signs.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or has fewer than two neurons, or ``n_sd`` is
        negative.

    Notes
    -----
    The side of a neuron is that of the heavier tail, by the sum of cubes. A neuron that reaches
    more than half of the others comes out turned around: its targets are what is usual. A column
    of equal entries has nothing that stands out.
    """
    if not n_sd >= 0:
        raise ValueError(f"n_sd must be zero or more, got {n_sd}")
    graph = checked_graph("graph", graph, least=2)
    excess = without_column_median(graph)
    on_its_side = excess * np.sign((excess**3).sum(axis=0))
    is_noise = on_its_side < 0
    squares = (excess**2).sum(axis=0, where=is_noise)
    noise = np.sqrt(squares / np.maximum(is_noise.sum(axis=0), 1))
    return np.where(on_its_side > n_sd * noise, excess, 0.0)


def centred(graph: ArrayLike) -> NDArray[np.float64]:
    """Take the mean of a graph's entries off all of them.

    Entries of an attention are all positive, and co-input of such a matrix is mostly the product
    of its row sums, whoever the inputs are. Around their mean, inputs that two neurons share stand
    out from those that one of them has alone.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, signed or not, in any unit. Its diagonal is ignored.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        In the unit of ``graph``; the mean off the diagonal is zero, and so is the diagonal.

    Raises
    ------
    ValueError
        If ``graph`` is not square and finite or has fewer than two neurons.

    Notes
    -----
    Appendix E centres before it compares spectra, diagonal included; here the diagonal says
    nothing. What comes out is the same for ``graph`` and for ``graph + b``.
    """
    graph = checked_graph("graph", graph, least=2)
    between = ~np.eye(len(graph), dtype=bool)
    return np.where(between, graph - graph[between].mean(), 0.0)
