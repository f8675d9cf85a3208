"""Figures of studies: scores over many networks, beside their nulls and beside each other.

The tables are tidy, one row per score, as :func:`studies.results.load` gives them, with a column
``name`` for what a legend tells apart. The caller makes it, and chooses the rows.
"""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from lgl_core.figures.style import (
    COLOURS,
    checked_columns,
    in_style,
    panel_of_each,
    panels,
    series_look,
)
from lgl_core.metrics.card import SCORE_NAMES, VIEW_NAMES
from studies.figures._frame import (
    draw_groups,
    draw_no_knowledge,
    entries,
    fitting_legend,
    in_row,
    known,
    null_ranges,
    only,
    places,
    score_label,
    side_by_side,
    unit_below,
    views_of,
)
from studies.names import NETWORK_NAMES, networks_shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = ["against_nulls", "methods_by_network", "scores_with_intervals"]

# How each null model is drawn: name in the legend, place beside the middle of the row, look.
NULL_BARS: dict[str, tuple[str, float, dict[str, Any]]] = {
    "permuted": ("null: neurons permuted", -0.27, {"color": "0.75", "edgecolor": "0.35"}),
    "strengths": (
        "null: strengths kept",
        0.27,
        {"color": "white", "edgecolor": "0.35", "hatch": "/////"},
    ),
}
# What else stands in a row. The strengths alone share the half of the null that keeps them.
ROW_MARKERS: dict[str, tuple[str, float, dict[str, Any]]] = {
    "graph": ("score, a dot per network", 0.0, {"marker": "o", "color": COLOURS[0], "ms": 7}),
    "alone": ("its strengths alone", 0.27, {"marker": "|", "color": "black", "ms": 14, "mew": 2.5}),
    "paper": ("paper", 0.0, {"marker": "D", "color": "black", "mfc": "none", "ms": 9, "mew": 1.8}),
}
ALONE = "strengths only"
NULL_LABEL = "its null, mean ± 2 sd"


@in_style
def scores_with_intervals(summary: DataFrame, paper: DataFrame | None = None) -> Figure:
    """Show mean scores over networks with their intervals, beside the scores of the paper.

    Parameters
    ----------
    summary : DataFrame
        One row per mean: ``name`` (the series, such as "GLM, peak"), ``view``, ``score``,
        ``mean``, and the ends of its 95 % interval ``low`` and ``high``; NaN for no interval. With
        a column ``n_networks``, how many networks each mean is over stands in the legend.
    paper : DataFrame, optional
        ``name``, one of those in ``summary``, ``view``, ``score`` and ``value``. Views and scores
        that ``summary`` does not have are left out.

    Returns
    -------
    Figure
        A panel per score. Filled markers are ours, hollow ones of the same shape the paper's.

    Raises
    ------
    ValueError
        If a column is missing, a table is empty, a view or score is unknown, the paper has a
        series of its own, or an interval ends before it begins.

    Notes
    -----
    Table 1 of the paper.
    """
    checked_columns("summary", summary, ["name", "view", "score", "mean", "low", "high"])
    crossed = summary[summary["low"] > summary["high"]]
    if len(crossed):
        raise ValueError(f"low in summary must not be above high, got so for {entries(crossed)}")
    if paper is not None:
        checked_columns("paper", paper, ["name", "view", "score", "value"])
        own = set(paper["name"]) - set(summary["name"])
        if own:
            raise ValueError(f"name in paper must be one of those in summary, got {own}")
    series = _series_beside_paper(summary, paper)
    scores, views = known("score", SCORE_NAMES, summary), views_of(summary)

    # Many markers need the whole width.
    crowded = len(views) * len(series) > 18 or len(views) > 3
    figure, axes = panels(
        len(scores), height=3.4 if crowded else 4.4, columns=1 if crowded else in_row(len(scores))
    )
    for panel, score in zip(axes, scores, strict=True):
        for offset, (label, rows, look) in zip(places(len(series)), series, strict=True):
            mine = rows[(rows["score"] == score) & rows["view"].isin(views)].dropna(subset="mean")
            place = mine["view"].map(views.index).to_numpy(dtype=float) + offset
            panel.vlines(place, mine["low"], mine["high"], color=look["color"], lw=2)
            panel.plot(place, mine["mean"], ls="none", ms=7, label=label, **look)
        draw_no_knowledge(panel, score)
        draw_groups(panel, [VIEW_NAMES[view] for view in views], 14 if crowded else 9)
        better = "lower" if score in ("spectral", "rank") else "higher"
        panel.set_title(f"{SCORE_NAMES[score]}\n({better} is better)")
    for panel in axes if crowded else axes[:1]:
        panel.set_ylabel("mean and 95 % interval")
    fitting_legend(figure)
    return figure


@in_style
def against_nulls(table: DataFrame, paper: DataFrame | None = None) -> Figure:
    """Show scores beside those of graphs that know less: permuted ones, and their strengths.

    Parameters
    ----------
    table : DataFrame
        Of one score: ``name`` (a row of the figure), ``null``, ``value``, ``null_mean`` and
        ``null_sd``. Rows with the null "permuted" or "strengths" bear the score of the graph and
        that null; rows with the null "strengths only" bear as ``value`` the score of the graph's
        strengths alone. Several rows of one kind are of several networks. With a column ``view``,
        a panel for each; with a column ``score``, its name on the axis.
    paper : DataFrame, optional
        ``name``, one of those in ``table``, and ``value``; also ``view`` if the table has it. With
        a column ``score`` in both, other scores are left out.

    Returns
    -------
    Figure
        A bar is a null's mean ± 2 standard deviations, both averaged over the networks.

    Raises
    ------
    ValueError
        If a column is missing, a table is empty, a null or view is unknown, the paper has a row of
        its own, or there is more than one score.
    """
    checked_columns("table", table, ["name", "null", "value", "null_mean", "null_sd"])
    names, views = entries(table), views_of(table)
    score = only(table, "score") if "score" in table else ""
    unknown = set(table["null"]) - {*NULL_BARS, ALONE}
    if unknown:
        raise ValueError(f"null in table must be one of {[*NULL_BARS, ALONE]}, got {unknown}")
    if paper is not None:
        checked_columns("paper", paper, ["name", "value", *(["view"] if "view" in table else [])])
        own = set(paper["name"]) - set(names)
        if own:
            raise ValueError(f"name in paper must be one of those in table, got {own}")
        paper = paper[paper["score"] == score] if {"score"} <= set(paper) & set(table) else paper

    height = 1.6 + 0.65 * len(names)
    figure, axes = panels(len(views), height, columns=in_row(len(views)), sharey=True)
    for panel, view in zip(axes, views, strict=True):
        rows, printed = _of_view(table, view), None if paper is None else _of_view(paper, view)
        _draw_nulls(panel, rows, names)
        _draw_rows(panel, _graphs_once(rows), names, "graph")
        _draw_rows(panel, rows[rows["null"] == ALONE], names, "alone")
        if printed is not None:
            _draw_rows(panel, printed, names, "paper")
        draw_no_knowledge(panel, score, across=True)
        label = score_label(score)
        panel.set_xlabel(unit_below(label) if len(axes) > 1 else label)
        panel.set_title(VIEW_NAMES.get(view, ""))
        panel.set_yticks(range(len(names)), [fill(name, 24) for name in names])
        panel.set_ylim(len(names) - 0.5, -0.5)
        for border in np.arange(1, len(names)) - 0.5:
            panel.axhline(border, color="0.85", lw=1, ls="-", zorder=0)
    fitting_legend(figure)
    return figure


@in_style
def methods_by_network(table: DataFrame) -> Figure:
    """Show the scores of several methods in several kinds of networks.

    Parameters
    ----------
    table : DataFrame
        Of one score: ``network`` (a group of markers), ``name`` (a marker), ``view`` (a panel),
        ``score`` and ``value``. Several rows of one kind give several markers. With ``null_mean``
        and ``null_sd``, a bar for the null of each marker.

    Returns
    -------
    Figure
        A bar is a null's mean ± 2 standard deviations, both averaged over the rows of one kind.

    Raises
    ------
    ValueError
        If a column is missing, the table is empty, a view is unknown, or there is more than one
        score.
    """
    checked_columns("table", table, ["network", "name", "view", "score", "value"])
    score, views, names = only(table, "score"), views_of(table), entries(table)
    networks, label = entries(table, "network"), unit_below(score_label(score))

    height = max(3, 1.5 + 0.3 * len(names) / len(views))  # the legend grows with the names
    figure, each = panel_of_each(
        table, "view", height, columns=1, order=views, y_label=label, sharex=True
    )
    for panel, view, rows_of_view in each:
        for rows, place, look in side_by_side(rows_of_view, "network", networks, names):
            bars, low, high = null_ranges(rows.assign(place=place), "place")
            if len(bars):
                panel.vlines(bars, low, high, color="0.7", lw=9, zorder=0.5, label=NULL_LABEL)
            panel.plot(place, rows["value"], **look)
        draw_no_knowledge(panel, score)
        labels = [NETWORK_NAMES.get(network, network) for network in networks]
        draw_groups(panel, labels, width=max(8, 70 // len(networks)))
        panel.set_title(VIEW_NAMES[view])
    panel.set_xlabel("network", labelpad=8)
    fitting_legend(figure)
    return figure


# --- what the tables hold ----------------------------------------------------------------------


def _of_view(table: DataFrame, view: str) -> DataFrame:
    return table[table["view"] == view] if view else table


def _series_beside_paper(
    summary: DataFrame, paper: DataFrame | None
) -> list[tuple[str, DataFrame, dict[str, Any]]]:
    """Label, rows and look of each set of markers: the paper's after its counterpart of ours."""
    series = []
    for number, name in enumerate(entries(summary)):
        rows = summary[summary["name"] == name]
        counted = f" (n = {networks_shown(rows['n_networks'])})" if "n_networks" in rows else ""
        series.append((name + counted, rows, series_look(number)))
        if paper is not None and (paper["name"] == name).any():
            theirs = paper[paper["name"] == name].rename(columns={"value": "mean"})
            hollow = {**series_look(number), "mfc": "none", "mew": 1.6}
            series.append((f"{name} (paper)", theirs.assign(low=np.nan, high=np.nan), hollow))
    return series


def _graphs_once(rows: DataFrame) -> DataFrame:
    """Leave out the repetition of each graph's own score beside its second null model."""
    permuted = rows[rows["null"] == "permuted"]
    others = (rows["null"] == "strengths") & ~rows["name"].isin(permuted["name"])
    return rows[(rows["null"] == "permuted") | others]


# --- what is drawn in one panel ----------------------------------------------------------------


def _draw_nulls(panel: Axes, rows: DataFrame, names: list[str]) -> None:
    for null, (label, offset, look) in NULL_BARS.items():
        found, low, high = null_ranges(rows[rows["null"] == null], "name")
        place = np.array([names.index(name) for name in found], dtype=float) + offset
        if len(found):
            panel.barh(place, high - low, 0.26, left=low, label=f"{label}, mean ± 2 sd", **look)
    panel.use_sticky_edges = False  # or the bar that reaches furthest would end in the axis


def _draw_rows(panel: Axes, rows: DataFrame, names: list[str], kind: str) -> None:
    label, offset, look = ROW_MARKERS[kind]
    place = rows["name"].map(names.index).to_numpy(dtype=float) + offset
    if len(rows):
        panel.plot(rows["value"], place, ls="none", label=label, zorder=3, **look)
