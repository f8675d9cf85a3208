"""Figures of what a model predicts with and without a spike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from lgl_core.figures.style import (
    COLOURS,
    ORDINARY,
    checked_columns,
    draw_line,
    in_style,
    panel_of_each,
    shared_legend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

__all__ = ["change_by_lag", "columns_in_order", "effect_lost"]


@in_style
def change_by_lag(table: DataFrame) -> Figure:
    """Show what a spike changes, by the time since.

    Parameters
    ----------
    table : DataFrame
        Columns ``name`` (a kind of pair), ``quantity`` (a panel each), ``lag`` in s and ``value``.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing.
    """
    checked_columns("table", table, ("name", "quantity", "lag", "value"))
    names = list(table["name"].unique())
    figure, each = panel_of_each(table, "quantity", 3.0)
    for panel, quantity, rows in each:
        _draw_over_ms(panel, rows, "lag", names)
        panel.axhline(0, color="0.6", lw=1, zorder=0)
        panel.set(xlabel="time since the spike (ms)", ylabel=quantity)
        panel.set_xticks(np.arange(0, 1e3 * rows["lag"].max() + 1, 2))
    shared_legend(figure, columns=2)
    return figure


@in_style
def effect_lost(table: DataFrame) -> Figure:
    """Show what share of its effect a spike loses by coming earlier.

    Parameters
    ----------
    table : DataFrame
        Columns ``model`` (a panel each), ``name`` (a line), ``earlier`` in s and ``value``. Several
        rows at one place give a dot each; the line goes through their mean.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("model", "name", "earlier", "value"))
    names = list(table["name"].unique())
    figure, each = panel_of_each(table, "model", 3.0, y_label="effect lost (share)", sharey=True)
    for panel, model, rows in each:
        _draw_over_ms(panel, rows, "earlier", names)
        for share in (0, 1):
            panel.axhline(share, color="0.6", lw=1, zorder=0)
        panel.set(title=model, xlabel="moved back by (ms)")
        panel.set_xticks(np.unique(1e3 * rows["earlier"]))
    shared_legend(figure, columns=2)
    return figure


@in_style
def columns_in_order(table: DataFrame, value_label: str) -> Figure:
    """Show the entries of single columns in order, who is connected, and what is kept.

    Parameters
    ----------
    table : DataFrame
        Columns ``name`` (a presynaptic neuron, a panel each), ``value``, ``synapse`` (whether there
        is one, which gives the colour) and ``kept`` (whether the entry is, which fills the dot).
    value_label : str
        What ``value`` is, with its unit.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    checked_columns("table", table, ("name", "value", "synapse", "kept"))
    figure, each = panel_of_each(table, "name", 3.4, y_label=value_label)
    for panel, name, rows in each:
        rows = rows.sort_values("value", ignore_index=True)
        for synapse, colour, marker in ((False, ORDINARY["color"], "o"), (True, COLOURS[2], "^")):
            for kept, fill in ((False, "none"), (True, colour)):
                mine = rows[(rows["synapse"] == synapse) & (rows["kept"] == kept)]
                label = "synapse, " if synapse else "no synapse, "
                label += "kept" if kept else "taken for noise"
                look = {"marker": marker, "mec": colour, "mfc": fill, "ms": 5, "ls": ""}
                panel.plot(mine.index, mine["value"], label=label, **look)
        panel.axhline(0, color="0.6", lw=1, zorder=0)
        panel.set(title=name, xlabel="postsynaptic neurons, in order")
    shared_legend(figure, columns=2)
    return figure


def _draw_over_ms(panel: Axes, rows: DataFrame, x: str, names: list[Any]) -> None:
    """Draw a line for each name over a column in s; ``names`` are those of all panels."""
    for name, of_name in rows.groupby("name", sort=False):
        in_ms = of_name.assign(**{x: 1e3 * of_name[x]})
        draw_line(panel, in_ms, x, str(name), names.index(name))
