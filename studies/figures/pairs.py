"""Figures of kinds of pairs: what a method tells from a synapse, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lgl_core.figures.style import checked_columns, in_style, panel_of_each
from lgl_core.metrics.pairs import KINDS
from lgl_core.networks.network import Network
from studies.figures._frame import draw_groups, entries, fitting_legend, in_row, side_by_side
from studies.names import KIND_NAMES

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["confusions", "hubs_first"]

TAKEN = 0.5  # a kind that is taken for synapses, or for nothing


@in_style
def confusions(table: DataFrame, label: str = "synapses ranked above (share)") -> Figure:
    """Show for each kind of pair how often it is told from another.

    Parameters
    ----------
    table : DataFrame
        ``network`` (a panel), ``kind`` of pair (a group), ``name`` of the method (a marker) and
        ``value``, a share. Several rows of one kind give several markers.
    label : str
        Name of the vertical axis.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing, the table is empty or a kind is unknown.
    """
    checked_columns("table", table, ["network", "kind", "name", "value"])
    unknown = set(table["kind"]) - set(KINDS)
    if unknown:
        raise ValueError(f"kind in table must be one of {KINDS}, got {unknown}")
    n_kinds = int(table.groupby("network")["kind"].nunique().max())
    columns = 1 if n_kinds > 3 else in_row(table["network"].nunique())
    figure, each = panel_of_each(table, "network", 3.3, columns=columns, y_label=label, sharey=True)
    for panel, network, mine in each:
        kinds = [kind for kind in KINDS if (mine["kind"] == kind).any()]
        for rows, place, look in side_by_side(mine, "kind", kinds, entries(table)):
            panel.plot(place, rows["value"], **look)
        panel.axhline(TAKEN, color="0.5", lw=1, zorder=0)
        draw_groups(panel, [KIND_NAMES[kind] for kind in kinds], width=12)
        panel.set(title=network, ylim=(-0.03, 1.03))
    fitting_legend(figure)
    return figure


def hubs_first(network: Network) -> NDArray[np.intp]:
    """Order neurons for a matrix: hubs, then the inhibitory ones, then the rest, each by id."""
    neurons = np.arange(network.n_neurons)
    hub, inhibitory = np.isin(neurons, network.hubs), np.isin(neurons, network.inhibitory)
    return np.argsort(np.select([hub, inhibitory], [0, 1], 2), kind="stable")
