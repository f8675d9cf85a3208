"""What every graph and every list of neurons must be, wherever one comes in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["checked_graph", "checked_ids"]


def checked_graph(
    name: str, graph: ArrayLike, least: int = 1, *, allow_nan: bool = False, remedy: str = ""
) -> NDArray[np.float64]:
    """Check that a graph is a square matrix of finite numbers.

    Parameters
    ----------
    name : str
        How to call it in an error.
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    least : int
        Neurons that it must have.
    allow_nan : bool
        Whether NaN may stand for a value that is not known.
    remedy : str
        What to do where a number is not finite.

    Returns
    -------
    ndarray of float
        The same array, if it is one of doubles.

    Raises
    ------
    ValueError
        If it is not square, too small, or not finite.
    """
    array = np.asarray(graph, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) < least:
        size = f" of at least {least} neurons" * (least > 1)
        raise ValueError(
            f"{name} must be a square matrix [post, pre]{size}, got shape {array.shape}"
        )
    if np.isinf(array).any() or (not allow_nan and np.isnan(array).any()):
        raise ValueError(f"{name} must be finite, got NaN or inf" + f": {remedy}" * bool(remedy))
    return array


def checked_ids(
    name: str, ids: ArrayLike | None, n_neurons: int, *, distinct: bool = True
) -> NDArray[np.int64]:
    """Check that ids are neurons of the population.

    Parameters
    ----------
    name : str
        How to call the ids in an error.
    ids : array_like of int, optional
        What to check. None counts as no neuron at all.
    n_neurons : int
        Size of the population.
    distinct : bool
        Whether no neuron may stand there twice.

    Returns
    -------
    ndarray of int64, flat

    Raises
    ------
    ValueError
        If an id is not a whole number, unknown or, where that counts, given twice.
    """
    array = np.asarray([] if ids is None else ids)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be whole numbers, got an array of {array.dtype}")
    if array.ndim != 1 or (distinct and len(np.unique(array)) != len(array)):
        raise ValueError(f"{name} must be a flat list of distinct neuron ids, got {ids!r}")
    if array.size and not (0 <= array.min() and array.max() < n_neurons):
        raise ValueError(f"{name} must be ids between 0 and {n_neurons - 1}, got {ids!r}")
    return array.astype(np.int64)
