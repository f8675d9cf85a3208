"""Figures of what can be counted: anatomy beside measured function, and false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import beta

from lgl_core.figures.style import (
    COLOURS,
    checked_columns,
    draw_line,
    in_style,
    panel_of_each,
    panels,
    series_look,
    shared_legend,
)
from studies.figures._frame import entries, intervals_in_rows, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = [
    "areas_beside_nulls",
    "false_alarms",
    "methods_by_score",
    "rates_of_lists",
    "responses_by_connections",
    "scores_by_share",
    "scores_by_strength",
]

NULLS: dict[str, tuple[str, float, dict[str, Any]]] = {
    "permuted": ("null: neurons relabelled", -0.2, {"color": "0.75", "edgecolor": "0.35"}),
    "degrees": (
        "null: degrees kept",
        0.2,
        {"color": "white", "edgecolor": "0.35", "hatch": "/////"},
    ),
}


@in_style
def areas_beside_nulls(table: DataFrame) -> Figure:
    """Show how well anatomy finds function and function anatomy, beside their nulls.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.worm_atlas_scores.mutual_scores`, for one null or both, with a
        column ``name`` for the kind of anatomy.

    Returns
    -------
    Figure
        One panel per question. A bar is a null's mean ± 2 standard deviations, the vertical mark
        what the strengths of the anatomy score alone.

    Raises
    ------
    ValueError
        If a column is missing or a null is unknown.
    """
    columns = ("name", "question", "value", "null", "null_mean", "null_sd", "strengths_only")
    checked_columns("table", table, columns)
    unknown = sorted(set(table["null"]) - set(NULLS))
    if unknown:
        raise ValueError(f"null in table must be one of {list(NULLS)}, got {unknown}")
    names = list(table["name"].unique())
    figure, each = panel_of_each(table, "question", 1.6 + 0.8 * len(names), sharey=True)
    for panel, question, rows in each:
        for null, (label, beside, look) in NULLS.items():
            bars = rows[rows["null"] == null]
            if bars.empty:
                continue
            panel.barh(
                bars["name"].map(names.index) + beside,
                4 * bars["null_sd"],
                left=bars["null_mean"] - 2 * bars["null_sd"],
                height=0.34,
                label=label,
                **look,
            )
        once = rows.drop_duplicates("name")
        places = once["name"].map(names.index)
        panel.plot(once["value"], places, "o", color=COLOURS[0], ms=8, label="score")
        alone = once.dropna(subset="strengths_only")
        if len(alone):
            panel.plot(
                alone["strengths_only"],
                alone["name"].map(names.index),
                ls="none",
                marker="|",
                color="black",
                ms=16,
                mew=2.5,
                label="its strengths alone",
            )
        panel.axvline(0.5, color="0.6", lw=1, zorder=0)
        panel.use_sticky_edges = False  # or the widest bar begins at the very edge
        panel.autoscale_view()
        panel.set(title=question, xlabel="area under ROC")
        panel.set_yticks(range(len(names)), [fill(name, 20) for name in names])
        panel.set_ylim(len(names) - 0.5, -0.5)
    shared_legend(figure, columns=2)
    return figure


@in_style
def responses_by_connections(table: DataFrame) -> Figure:
    """Show how many pairs respond, by how many connections they have.

    Parameters
    ----------
    table : DataFrame
        One row per group of pairs: ``name`` (the kind of connection), ``connections`` (the
        group, such as "3 to 5"; all kinds share one order), ``n_responding`` and ``n_pairs``.

    Returns
    -------
    Figure
        Shares in %, with exact binomial intervals of 95 % (Clopper and Pearson).

    Raises
    ------
    ValueError
        If a column is missing, or a group has more responses than pairs.
    """
    checked_columns("table", table, ("name", "connections", "n_responding", "n_pairs"))
    hits, of = (table[name].to_numpy(dtype=float) for name in ("n_responding", "n_pairs"))
    if (hits > of).any():
        raise ValueError("n_responding in table must not be above n_pairs")
    # The ends at 0 and 1 responses have no quantile; NaN there is what the interval ends at.
    low = np.nan_to_num(beta.ppf(0.025, hits, of - hits + 1), nan=0.0)
    high = np.nan_to_num(beta.ppf(0.975, hits + 1, of - hits), nan=1.0)
    shares = table.assign(share=100 * hits / of, low=100 * low, high=100 * high)
    groups = entries(table, "connections")
    figure, (panel,) = panels(1, height=3.8, width=7.5)
    for rows, place, look in side_by_side(shares, "connections", groups, entries(table), 0.15):
        panel.vlines(place, rows["low"], rows["high"], color=look["color"], lw=2)
        panel.plot(place, rows["share"], **look)
    panel.set_xticks(range(len(groups)), groups)
    panel.set(xlabel="connections from one to the other", ylabel="pairs that respond (%)")
    panel.set_ylim(bottom=0)
    shared_legend(figure, columns=3)
    return figure


@in_style
def false_alarms(
    table: DataFrame, nominal: float, label: str = "pairs called connected (%)"
) -> Figure:
    """Show which share of pairs each method calls connected where none is.

    Parameters
    ----------
    table : DataFrame
        One row per share: ``name`` (the method), ``kind`` (of recording), ``mean``, and the ends
        of its 95 % interval ``low`` and ``high``, between 0 and 1.
    nominal : float
        The share that the decision allows itself.
    label : str
        What the shares are of, in %.

    Returns
    -------
    Figure
        A panel per kind, a line per method, in %.

    Raises
    ------
    ValueError
        If a column is missing, or ``nominal`` is not strictly between 0 and 1.
    """
    checked_columns("table", table, ("name", "kind", "mean", "low", "high"))
    if not 0 < nominal < 1:
        raise ValueError(f"nominal must lie strictly between 0 and 1, got {nominal}")
    shares = table.assign(**{name: 100 * table[name] for name in ("mean", "low", "high")})
    figure, axes = intervals_in_rows(shares, "kind", label, mark=100 * nominal, row=0.36)
    for panel in axes:
        panel.set_xlim(0, max(300 * nominal, 1.05 * shares["high"].max()))
    return figure


@in_style
def rates_of_lists(table: DataFrame, rate: float) -> Figure:
    """Show how many of the listed connections are false, and how many synapses are listed.

    Parameters
    ----------
    table : DataFrame
        ``what`` (a panel each; the first is of false ones), ``name`` (a line), ``duration`` of the
        recording in s and ``value``, a share. Several rows at one place give a dot each.
    rate : float
        The share of false ones that was asked for.

    Returns
    -------
    Figure
        In %; the dashed line is the rate.

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("what", "name", "duration", "value"))
    names = entries(table)
    figure, each = panel_of_each(table, "what", 3.8, columns=2)
    for number, (panel, what, rows) in enumerate(each):
        for index, name in enumerate(names):
            mine = rows[rows["name"] == name].dropna(subset="value")
            mine = mine.assign(value=100 * mine["value"], minutes=mine["duration"] / 60)
            draw_line(panel, mine, "minutes", name, index)
        if number == 0:
            panel.axhline(100 * rate, color="0.35", lw=1.4, ls="--", label="the rate asked for")
        label = "length of the recording (minutes)"
        panel.set(xscale="log", xlabel=label, ylabel=fill(f"{what} (%)", 30))
        places = sorted(rows["duration"].unique() / 60)
        panel.set_xticks(places, [f"{place:g}" for place in places])
        panel.minorticks_off()
        panel.set_ylim(bottom=0)
    shared_legend(figure, columns=3)
    return figure


@in_style
def methods_by_score(table: DataFrame, marks: Mapping[str, float]) -> Figure:
    """Show several scores of each method, on networks of several sources.

    Parameters
    ----------
    table : DataFrame
        ``what`` (the score, a panel each), ``name`` (the method, a row each), ``source`` (a marker
        each), ``mean``, and the ends of its interval ``low`` and ``high``, NaN where there is none.
    marks : mapping
        Of a score to where a dashed line is drawn in its panel.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("what", "name", "source", "mean", "low", "high"))
    lines = {name: -place for place, name in enumerate(entries(table))}
    sources = entries(table, "source")
    figure, each = panel_of_each(
        table, "what", 1.4 + 0.25 * len(lines), columns=len(entries(table, "what")), sharey=True
    )
    for panel, what, rows in each:
        beside = np.linspace(0.16, -0.16, len(sources))
        for number, (source, shift) in enumerate(zip(sources, beside, strict=True)):
            mine = rows[rows["source"] == source]
            # A source that a panel lacks has no rows, and those no type.
            y, look = mine["name"].map(lines).astype(float) + shift, series_look(number)
            panel.hlines(y, mine["low"], mine["high"], color=look["color"], lw=1.8)
            panel.plot(mine["mean"], y, **{**look, "ls": "none", "ms": 5.5, "label": source})
        if what in marks:
            panel.axvline(marks[what], color="0.4", lw=1.4, ls="--", zorder=0)
        panel.set_yticks(list(lines.values()), list(lines))
        panel.set(ylim=(-len(lines) + 0.5, 0.5), xlabel=fill(what, 15))
    shared_legend(figure, columns=len(sources))
    return figure


@in_style
def scores_by_share(
    table: DataFrame, ylabel: str, xlabel: str = "share of what can be known"
) -> Figure:
    """Show how well each reading does, by a share such as how much its model knows.

    Parameters
    ----------
    table : DataFrame
        ``model`` (a panel each), ``name`` (the reading, a line each), ``share``, ``mean``, and the
        ends of its interval ``low`` and ``high``.
    ylabel, xlabel : str
        What the mean and the share are of.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("model", "name", "share", "mean", "low", "high"))
    figure, each = panel_of_each(table, "model", 3.8, columns=2, sharey=True)
    for panel, model, rows in each:
        _lines_with_intervals(panel, rows, "share", entries(table))
        panel.set(title=model, xlabel=xlabel, ylabel=ylabel)
        panel.tick_params(labelbottom=True)
    shared_legend(figure, columns=3)
    return figure


@in_style
def scores_by_strength(table: DataFrame, marks: Mapping[str, float]) -> Figure:
    """Show several scores of each method, by how strong the synapses of its network are.

    Parameters
    ----------
    table : DataFrame
        ``what`` (the score, a panel each), ``name`` (the method, a line each), ``strength`` in mV,
        ``mean``, and the ends of its interval ``low`` and ``high``.
    marks : mapping
        Of a score to where a dashed line is drawn in its panel.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("what", "name", "strength", "mean", "low", "high"))
    figure, each = panel_of_each(table, "what", 3.8, columns=2)
    for panel, what, rows in each:
        _lines_with_intervals(panel, rows, "strength", entries(table))
        if what in marks:
            panel.axhline(marks[what], color="0.4", lw=1.4, ls="--", zorder=0)
        panel.set(xlabel="strength of coupling (mV)", ylabel=fill(what, 28))
    shared_legend(figure, columns=3)
    return figure


def _lines_with_intervals(panel: Axes, rows: DataFrame, x: str, names: list[str]) -> None:
    """Draw ``mean``, ``low`` and ``high`` of each name along ``x``; each name keeps its look."""
    for number, name in enumerate(names):
        mine = rows[rows["name"] == name].sort_values(x)
        if mine.empty:
            continue
        draw_line(panel, mine.assign(value=mine["mean"]), x, name, number)
        panel.vlines(mine[x], mine["low"], mine["high"], color=series_look(number)["color"], lw=1.2)
