"""Figures of the paper's own network: its activity, and what each choice changes."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from pandas import DataFrame

from lgl_core.figures.style import (
    COLOURS,
    MARKERS,
    checked_columns,
    in_style,
    panels,
    shared_legend,
)
from lgl_core.metrics.card import VIEW_NAMES

__all__ = ["activity_beside", "changes"]


@in_style
def activity_beside(table: DataFrame, published: Mapping[str, float]) -> Figure:
    """Show mean correlations of spike counts beside those of the published figure.

    Parameters
    ----------
    table : DataFrame
        One row per mean: ``name`` (the setting), ``score`` (which pairs of neurons), ``mean``, and
        the ends of its 95 % interval ``low`` and ``high``.
    published : mapping
        The published value of each ``score``, in the order in which they are shown.

    Returns
    -------
    Figure
        The published values are black bars, each setting a marker with its interval.

    Raises
    ------
    ValueError
        If a column is missing, or nothing is left of the table.
    """
    checked_columns("table", table, ["name", "score", "mean", "low", "high"])
    names = list(dict.fromkeys(table["name"]))
    places = {score: place for place, score in enumerate(published)}
    offsets = np.linspace(-0.28, 0.28, len(names)) if len(names) > 1 else [0.0]
    figure, (panel,) = panels(1, height=4.2)
    for place, value in zip(places.values(), published.values(), strict=True):
        panel.plot(
            [place - 0.4, place + 0.4],
            [value, value],
            color="black",
            lw=3,
            ls="-",
            label="published",
        )
    for number, (name, offset) in enumerate(zip(names, offsets, strict=True)):
        rows = table[(table["name"] == name) & table["score"].isin(list(places))]
        x = rows["score"].map(places).to_numpy(dtype=float) + offset
        colour = COLOURS[number % len(COLOURS)]
        panel.vlines(x, rows["low"], rows["high"], color=colour, lw=2)
        panel.plot(
            x, rows["mean"], ls="none", ms=7, color=colour, marker=MARKERS[number % len(MARKERS)],
            label=name,
        )  # fmt: skip
    panel.axhline(0, color="0.6", lw=1, ls="-", zorder=0)
    panel.set_xticks(range(len(places)), [name.replace(" ", "\n", 1) for name in places])
    panel.set_ylabel("mean correlation\nof spike counts")
    shared_legend(figure, [panel], columns=3)
    return figure


@in_style
def changes(table: DataFrame, score: str) -> Figure:
    """Show what each of several choices changes in a score, turned by itself.

    Parameters
    ----------
    table : DataFrame
        One row per change: ``name`` (the choice), ``view``, ``mean``, and the ends of its 95 %
        interval ``low`` and ``high``; NaN for no interval.
    score : str
        What changes, for the axis.

    Returns
    -------
    Figure
        A panel per view, a line per choice; right of zero a choice raises the score.

    Raises
    ------
    ValueError
        If a column is missing or a view is unknown.
    """
    checked_columns("table", table, ["name", "view", "mean", "low", "high"])
    unknown = set(table["view"]) - set(VIEW_NAMES)
    if unknown:
        raise ValueError(f"view must be one of {', '.join(VIEW_NAMES)}, got {unknown}")
    names = list(dict.fromkeys(table["name"]))
    views = [view for view in VIEW_NAMES if view in set(table["view"])]
    figure, axes = panels(len(views), height=1.6 + 0.42 * len(names), columns=len(views))
    lines = {name: -place for place, name in enumerate(names)}
    for number, (panel, view) in enumerate(zip(axes, views, strict=True)):
        rows = table[table["view"] == view]
        y = rows["name"].map(lines)
        panel.hlines(y, rows["low"], rows["high"], color=COLOURS[0], lw=2)
        panel.plot(rows["mean"], y, ls="none", marker="o", ms=7, color=COLOURS[0])
        panel.axvline(0, color="0.6", lw=1, ls="-", zorder=0)
        panel.set_yticks(list(lines.values()), names if number == 0 else [""] * len(names))
        panel.set_ylim(-len(names) + 0.5, 0.5)
        panel.set_title(VIEW_NAMES[view])
    figure.supxlabel(f"change of {score}", fontsize=plt.rcParams["axes.labelsize"])
    return figure
