"""Figure of the first page: graphs of networks by method, with a score each."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lgl_core.figures.style import SEQUENTIAL, SIGNED, in_style

__all__ = ["matrices_by_network"]

Graph = NDArray[np.float64]


@in_style
def matrices_by_network(
    graphs: Mapping[str, Mapping[str, Graph]], scores: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Show the graphs of each network in a row, with the score of each below it.

    Parameters
    ----------
    graphs : mapping of str to mapping of str to ndarray, each of shape (n_neurons, n_neurons)
        ``[post, pre]`` by network and method, the truth first.
    scores : mapping of str to mapping of str to float
        By network and method; the truth has none.

    Returns
    -------
    Figure
    """
    n_columns = max(map(len, graphs.values()))
    figure, axes = plt.subplots(len(graphs), n_columns, figsize=(9, 5.2), squeeze=False)
    for row, (network, of_one) in zip(axes, graphs.items(), strict=True):
        for panel, (name, graph) in zip(row, of_one.items(), strict=True):
            _matrix(panel, graph)
            score = scores[network].get(name)
            panel.set_xlabel("true weights" if score is None else f"{name}: {score:.2f}")
        row[0].set_ylabel(network)
    return figure


def _matrix(axes: plt.Axes, graph: Graph) -> None:
    """Show a graph in its own colours, of which the strongest hundredth shares the last."""
    between = graph[~np.eye(len(graph), dtype=bool)]
    signed = between.min() < 0
    low, high = np.percentile(between, (1, 99))
    if signed:
        high = np.percentile(np.abs(between[between != 0]), 99)
        low = -high
    shown = np.ma.masked_array(graph, np.eye(len(graph), dtype=bool))
    axes.imshow(shown, cmap=SIGNED if signed else SEQUENTIAL, vmin=low, vmax=high)
    axes.set(xticks=[], yticks=[])
