"""Figures of a recording without truth: what is beyond chance, and which units are hubs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from lgl_core.figures.style import (
    COLOURS,
    HUB,
    ORDINARY,
    checked_columns,
    checked_square,
    draw_line,
    in_style,
    panel_of_each,
    panels,
    shared_legend,
)
from lgl_core.metrics.scores import off_diagonal

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "border_scores",
    "connections_by_distance",
    "data_needed",
    "estimates_beside_chance",
    "hub_strengths",
]

N_BINS = 80


@in_style
def data_needed(sizes: DataFrame, n_units: int, spikes_per_unit: float) -> Figure:
    """Show what methods know in recordings of each measured size, and where a recording stands.

    Parameters
    ----------
    sizes : DataFrame
        Columns ``name`` (of the method), ``n_neurons``, ``spikes_per_unit`` and ``value``, a
        Spearman correlation with the truth, one row per network.
    n_units : int
        Of the recording.
    spikes_per_unit : float
        Mean over the units of the recording.

    Returns
    -------
    Figure
        One panel per method; lines are means over networks.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    checked_columns("sizes", sizes, ("name", "n_neurons", "spikes_per_unit", "value"))
    methods = list(sizes.groupby("name", sort=False))
    figure, axes = panels(len(methods), height=3.4, columns=2, sharey=True)
    for panel, (method, rows) in zip(axes, methods, strict=True):
        for number, (n_neurons, of_size) in enumerate(rows.groupby("n_neurons")):
            draw_line(panel, of_size, "spikes_per_unit", f"{n_neurons} units", number)
        label = f"this recording: {n_units} units"
        panel.axvline(spikes_per_unit, color="black", ls="--", label=label)
        panel.set(xscale="log", title=method, xlabel="spikes per unit")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        panel.xaxis.set_major_formatter(FuncFormatter("{:,.0f}".format))
        panel.xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel("Spearman correlation\nwith the truth (no unit)")
    shared_legend(figure)
    return figure


@in_style
def estimates_beside_chance(
    graphs: Mapping[str, ArrayLike],
    nulls: Mapping[str, ArrayLike],
    bands: Mapping[str, tuple[float, float]],
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Show how the entries of graphs are spread, beside those of spikes without relations.

    Parameters
    ----------
    graphs, nulls : mapping of str to array_like, each of shape (n_neurons, n_neurons)
        ``[post, pre]`` by method: of the recording, and of the same spikes jittered.
    bands : mapping of str to tuple of float
        What chance makes, by method, as from :func:`lgl_core.recordings.chance.chance_band`.
    labels : mapping of str to str, optional
        What an entry is, with its unit, by method.

    Returns
    -------
    Figure
        One panel per method; counts are on a logarithmic axis.

    Raises
    ------
    ValueError
        If a method has no null or no band, or graphs are not square and of one size.
    """
    graphs, nulls = checked_square(graphs), checked_square(nulls)
    lacking = sorted(set(graphs) - (set(nulls) & set(bands)))
    if lacking:
        raise ValueError(f"nulls and bands must have an entry for {lacking[0]!r}")
    figure, axes = panels(len(graphs), height=3.2)
    for panel, (name, graph) in zip(axes, graphs.items(), strict=True):
        entries, by_chance = off_diagonal(graph), off_diagonal(nulls[name])
        edges = np.histogram_bin_edges(np.concatenate([entries, by_chance]), N_BINS).tolist()
        panel.hist(by_chance, edges, color=ORDINARY["color"], label="jittered spikes")
        panel.hist(entries, edges, histtype="step", color=COLOURS[0], lw=1.6, label="the recording")
        for side, border in enumerate(bands[name]):
            panel.axvline(border, color="black", ls="--", label=None if side else "band of chance")
        panel.set(
            yscale="log",
            title=name,
            xlabel=(labels or {}).get(name, "entry"),
            ylabel="pairs",
        )
    shared_legend(figure)
    return figure


@in_style
def hub_strengths(tables: Mapping[str, DataFrame], units: ArrayLike, n_shown: int = 8) -> Figure:
    """Show the strongest senders with their intervals, and how surely each is a hub.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By method, as from :meth:`lgl_core.recordings.readout.Readout.hubs`.
    units : array_like, shape (n_neurons,)
        Labels of the units.
    n_shown : int
        Units in each panel.

    Returns
    -------
    Figure
        One panel per method. A filled triangle is a hub for sure.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    columns = ("neuron", "strength", "low", "high", "confidence", "sure")
    for name, table in tables.items():
        checked_columns(f"tables[{name!r}]", table, columns)
    labels = np.asarray(units)
    figure, axes = panels(len(tables), height=0.7 + 0.33 * n_shown)
    for panel, (name, table) in zip(axes, tables.items(), strict=True):
        shown = table.head(n_shown)
        confidence = shown["confidence"].to_numpy()
        numbers = shown[["strength", "low", "high"]].to_numpy(dtype=float)
        for place, (strength, low, high) in enumerate(numbers):
            look = HUB if shown["sure"].iloc[place] else ORDINARY | {"marker": "o"}
            panel.plot([low, high], [place, place], color=look["color"], ls="-")
            panel.plot(strength, place, ls="none", ms=7, **look)
        names = labels[shown["neuron"].to_numpy()]
        texts = [f"{name} ({sure:.0%})" for name, sure in zip(names, confidence, strict=True)]
        panel.set_yticks(range(len(texts)), texts)
        panel.invert_yaxis()
        panel.xaxis.set_major_locator(MaxNLocator(3))
        panel.set(title=name, xlabel="strength sent")
    axes[0].set_ylabel("unit (share of draws as a hub)")
    return figure


@in_style
def connections_by_distance(table: DataFrame, unit: str) -> Figure:
    """Show how many pairs are connected at which distance, within groups of units and between.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.recordings.chance.marks_by_distance`.
    unit : str
        Of the distance.

    Returns
    -------
    Figure
        One panel per method.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    checked_columns("table", table, ("name", "distance", "group", "value"))
    figure, each = panel_of_each(table, "name", 3.0, y_label="pairs above chance (%)")
    for panel, method, rows in each:
        for number, group in enumerate(("within", "between")):
            of_group = rows[rows["group"] == group].assign(value=lambda t: 100 * t["value"])
            draw_line(panel, of_group, "distance", f"{group} groups", number)
        panel.set(title=method, xlabel=f"distance ({unit})")
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    shared_legend(figure)
    return figure


@in_style
def border_scores(table: DataFrame, supposed: float | None = None) -> Figure:
    """Show how well straight borders split a graph in two, by where they lie.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.recordings.borders.score_borders`, with a column ``series`` for
        what a legend tells apart, such as the direction of the border.
    supposed : float, optional
        Position at which a border is supposed to be.

    Returns
    -------
    Figure
        One panel per method. The grey band is the null of the first series: its mean and two
        standard deviations on either side.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    columns = ("name", "series", "position", "value", "null_mean", "null_sd")
    checked_columns("table", table, columns)
    series = list(table["series"].unique())
    figure, each = panel_of_each(table, "name", 3.2, y_label="chance that within wins")
    for panel, method, rows in each:
        null = rows[rows["series"] == series[0]].sort_values("position")
        spread = 2 * null["null_sd"]
        panel.fill_between(
            null["position"],
            null["null_mean"] - spread,
            null["null_mean"] + spread,
            color="0.85",
            label="null: units relabelled",
        )
        for number, name in enumerate(series):
            draw_line(panel, rows[rows["series"] == name], "position", name, number)
        if supposed is not None:
            panel.axvline(supposed, color="black", ls="--", lw=1, label="supposed border")
        panel.set(title=method, xlabel="border after column (row)")
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    shared_legend(figure, columns=3)
    return figure
