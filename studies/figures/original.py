"""Figures of the paper's own network: its activity, and what each choice changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from lgl_core.figures.style import (
    checked_columns,
    in_style,
    panels,
    shared_legend,
)
from lgl_core.metrics.card import VIEW_NAMES
from studies.figures._frame import entries, intervals_in_rows, known, side_by_side

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
    figure, (panel,) = panels(1, height=4.2)
    bar: dict[str, Any] = {"color": "black", "lw": 3, "ls": "-", "label": "published"}
    for place, value in enumerate(published.values()):
        panel.plot([place - 0.4, place + 0.4], [value, value], **bar)
    for rows, x, look in side_by_side(table, "score", list(published), entries(table), 0.28):
        panel.vlines(x, rows["low"], rows["high"], color=look["color"], lw=2)
        panel.plot(x, rows["mean"], **look)
    panel.axhline(0, color="0.6", lw=1, ls="-", zorder=0)
    panel.set_xticks(range(len(published)), [name.replace(" ", "\n", 1) for name in published])
    panel.set_ylabel("mean correlation\nof spike counts")
    shared_legend(figure, columns=3)
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
    known("view", VIEW_NAMES, table)
    figure, _ = intervals_in_rows(table, "view", f"change of {score}", mark=0)
    return figure
