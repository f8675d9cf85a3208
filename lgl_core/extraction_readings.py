"""Readings of an attention graph that take off what says nothing of who is connected.

They need no truth: what they take off is seen in the graph itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["excess_shares", "row_shares", "without_column_median"]


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
        If an entry is negative.
    """
    shares = np.array(graph, dtype=float)
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
        If an entry is negative or there are fewer than two neurons.

    Notes
    -----
    The median is what a pair without a synapse gets as long as a neuron reaches fewer than half
    of the others. A neuron that reaches more comes out turned around.
    """
    shares = row_shares(graph)
    if len(shares) < 2:
        raise ValueError(f"graph must have at least two neurons, got {len(shares)}")
    return without_column_median(shares)


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

    Notes
    -----
    The median is that of pairs without a synapse, as long as a neuron reaches fewer than half of
    the others.
    """
    graph = np.asarray(graph)
    between = ~np.eye(len(graph), dtype=bool)
    usual = np.nanmedian(np.where(between, graph, np.nan), axis=0)
    return np.where(between, graph - usual, 0.0)
