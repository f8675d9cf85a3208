"""What can be said of a graph that has no truth beside it.

Is there enough data for it, what in it is beyond chance, and which units are hubs for sure? Graphs
are ``[post, pre]``: what a unit sends stands in its column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.metrics import off_diagonal
from lgl_core.spikes import SpikeTrains

__all__ = ["beyond_chance", "blocks", "chance_band", "hub_confidence", "spikes_per_pair"]


def spikes_per_pair(spikes: SpikeTrains) -> float:
    """Divide the spikes of a recording by the ordered pairs of its neurons.

    Parameters
    ----------
    spikes : SpikeTrains

    Returns
    -------
    float
        How many spikes there are to learn each possible connection from; infinite for one neuron.
    """
    n_pairs = spikes.n_neurons * (spikes.n_neurons - 1)
    return len(spikes) / n_pairs if n_pairs else float("inf")


def chance_band(null: ArrayLike, share: float = 0.01) -> tuple[float, float]:
    """Find the band that holds nearly all entries of a graph made from spikes without relations.

    Parameters
    ----------
    null : array_like, shape (n_neurons, n_neurons)
        The graph of the same method, from spikes shifted in time
        (:func:`lgl_core.pairwise.shifted_in_time`). Its diagonal is ignored.
    share : float
        Share of entries outside of the band, half of them on either side.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If ``share`` is not strictly between 0 and 1 or ``null`` is not square and finite.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie strictly between 0 and 1, got {share}")
    low, high = np.quantile(off_diagonal(null), [share / 2, 1 - share / 2])
    return float(low), float(high)


def beyond_chance(graph: ArrayLike, band: tuple[float, float]) -> NDArray[np.int64]:
    """Mark the connections that chance does not make.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    band : tuple of float
        As from :func:`chance_band`.

    Returns
    -------
    ndarray of int, shape (n_neurons, n_neurons)
        1 above the band, -1 below it, 0 within and on the diagonal.
    """
    graph = np.asarray(graph, dtype=np.float64)
    marks = (graph > band[1]).astype(np.int64) - (graph < band[0])
    np.fill_diagonal(marks, 0)
    return marks


def blocks(spikes: SpikeTrains, n: int) -> list[SpikeTrains]:
    """Cut a recording into parts of equal length.

    Parameters
    ----------
    spikes : SpikeTrains
    n : int
        At least 2.

    Returns
    -------
    list of SpikeTrains
        Each starts at time 0.

    Raises
    ------
    ValueError
        If ``n`` is below 2.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    borders = np.linspace(0, spikes.duration, n + 1)
    return [
        spikes.select(start=start, stop=min(stop, spikes.duration))
        for start, stop in zip(borders[:-1], borders[1:], strict=True)
    ]


def hub_confidence(
    graphs: Sequence[ArrayLike], n_hubs: int = 3, n_draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Tell how surely each unit is among the strongest senders.

    Parameters
    ----------
    graphs : sequence of array_like, each of shape (n_neurons, n_neurons)
        ``[post, pre]``, of one method, each from another part of the recording (:func:`blocks`).
    n_hubs : int
        How many of the strongest count as hubs.
    n_draws : int
        Bootstrap draws of as many parts as there are, with replacement.
    seed : int
        Same seed, same draws.

    Returns
    -------
    DataFrame
        One row per neuron, the strongest first: ``neuron``, ``strength`` (the sum of its column,
        its diagonal left out, averaged over the parts), ``low`` and ``high`` (the middle 95 % of
        the draws) and ``confidence``, the share of draws in which it is among the ``n_hubs``
        strongest.

    Raises
    ------
    ValueError
        If there are fewer than two graphs, they differ in shape, or ``n_hubs`` is not between 1
        and the number of neurons.

    Notes
    -----
    Parts of a recording are not quite independent, and an interval says nothing of what is wrong
    in all of them alike.
    """
    if len(graphs) < 2:
        raise ValueError(f"graphs must hold at least two, got {len(graphs)}")
    shapes = {np.shape(graph) for graph in graphs}
    if len(shapes) > 1:
        raise ValueError(f"graphs must be of one shape, got {sorted(shapes)}")
    strengths = np.stack([_out_strengths(graph) for graph in graphs])
    n_parts, n_neurons = strengths.shape
    if not 1 <= n_hubs <= n_neurons:
        raise ValueError(f"n_hubs must lie between 1 and {n_neurons}, got {n_hubs}")
    counts = np.random.default_rng(seed).multinomial(
        n_parts, np.full(n_parts, 1 / n_parts), size=n_draws
    )
    drawn = counts @ strengths / n_parts
    # The n_hubs-th strongest of each draw; a tie counts for all who share it.
    bar = np.partition(drawn, n_neurons - n_hubs, axis=1)[:, n_neurons - n_hubs]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    table = pd.DataFrame(
        {
            "neuron": np.arange(n_neurons),
            "strength": strengths.mean(axis=0),
            "low": low,
            "high": high,
            "confidence": (drawn >= bar[:, None]).mean(axis=0),
        }
    )
    return table.sort_values("strength", ascending=False, kind="stable", ignore_index=True)


def _out_strengths(graph: ArrayLike) -> NDArray[np.float64]:
    array = np.array(graph, dtype=np.float64)
    np.fill_diagonal(array, 0)
    sums: NDArray[np.float64] = array.sum(axis=0)
    return sums
