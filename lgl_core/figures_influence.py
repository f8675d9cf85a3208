"""Figures of what a model predicts with and without a spike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from lgl_core.figures_maps import _draw_line
from lgl_core.figures_style import checked_columns, in_style, panels, shared_legend

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["change_by_lag"]


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
    quantities = list(table.groupby("quantity", sort=False))
    names = list(table["name"].unique())
    figure, axes = panels(len(quantities), height=3.0)
    for panel, (quantity, rows) in zip(axes, quantities, strict=True):
        for name, of_name in rows.groupby("name", sort=False):
            in_ms = of_name.assign(lag=1e3 * of_name["lag"])
            _draw_line(panel, in_ms, "lag", str(name), names.index(name))
        panel.axhline(0, color="0.6", lw=1, zorder=0)
        panel.set(xlabel="time since the spike (ms)", ylabel=quantity)
        panel.set_xticks(np.arange(0, 1e3 * rows["lag"].max() + 1, 2))
    shared_legend(figure, axes, columns=2)
    return figure
