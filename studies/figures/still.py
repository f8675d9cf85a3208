"""Figures of the first page and of the report card, which are drawn beforehand."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from pandas import DataFrame

from lgl_core.figures.graphs import colour_scale
from lgl_core.figures.style import (
    checked_columns,
    in_style,
    series_look,
    shared_legend,
)
from studies.figures._frame import entries, places

__all__ = ["differences_by_network", "matrices_by_network"]

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
    itself = np.eye(len(graph), dtype=bool)
    scale, _ = colour_scale(graph[~itself], 99)
    axes.imshow(np.ma.masked_array(graph, itself), **scale)
    axes.set(xticks=[], yticks=[])


@in_style
def differences_by_network(table: DataFrame) -> Figure:
    """Show a difference for each claim and network, beside what is published.

    Parameters
    ----------
    table : DataFrame
        ``name`` (the claim, a row each), ``source`` (the network), ``mean``, the ends of its
        interval ``low`` and ``high``, and ``published``, NaN where nothing is.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("name", "source", "mean", "low", "high", "published"))
    claims, sources = entries(table), entries(table, "source")
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.55 * len(claims)))
    for number, (source, beside) in enumerate(
        zip(sources, places(len(sources), 0.16), strict=True)
    ):
        rows = table[table["source"] == source]
        y = rows["name"].map(claims.index) + beside
        look = series_look(number)
        axes.hlines(y, rows["low"], rows["high"], color=look["color"], lw=2)
        axes.plot(rows["mean"], y, ls="none", ms=7, label=source, **look)
    once = table.drop_duplicates("name")
    axes.plot(
        once["published"], once["name"].map(claims.index), ls="none", marker="D", ms=9,
        mfc="none", mec="0.2", label="published",
    )  # fmt: skip
    axes.axvline(0, color="0.4", ls="--", zorder=0)
    axes.set_yticks(range(len(claims)), claims)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("difference of rank correlations with the truth")
    shared_legend(figure, columns=3)
    return figure
