"""A list of connections to look at: as a graph, and as a table to sort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from lgl_core.figures.style import HUB, INHIBITORY, checked_columns, in_style, panels, shared_legend

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["connection_graph", "connection_table"]

_LABELLED = 60  # more names than these cannot be read around a circle

# What makes a click on a heading sort the rows below it, in the book and in a notebook alike.
_SORT = """<script>
document.querySelectorAll("table.sortable:not([data-ready])").forEach(table => {
  table.dataset.ready = true;
  table.querySelectorAll("thead th").forEach((heading, column) => {
    heading.style.cursor = "pointer";
    heading.title = "sort by " + heading.innerText;
    heading.addEventListener("click", () => {
      const rising = heading.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach(other => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const text = row => row.cells[column].innerText;
      const [body] = table.tBodies;
      [...body.rows].sort((a, b) => (rising ? 1 : -1) *
        (text(a) - text(b) || text(a).localeCompare(text(b), undefined, {numeric: true}))
      ).forEach(row => body.append(row));
    });
  });
});
</script>"""


@in_style
def connection_graph(table: DataFrame) -> Figure:
    """Draw a list of connections as a graph: neurons on a circle, an arrow for each connection.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.wiring.connections`: ``pre``, ``post``, ``sign`` and ``q``.

    Returns
    -------
    Figure
        Who sends most stands at the top, and the others follow clockwise; a marker grows with how
        many connections its neuron sends. The surer an arrow, the darker.

    Raises
    ------
    ValueError
        If a column is missing or the list is empty.
    """
    checked_columns("table", table, ("pre", "post", "sign", "q"))
    sent = table["pre"].value_counts()
    neurons = [*sent.index, *(n for n in dict.fromkeys(table["post"]) if n not in sent.index)]
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(neurons)) / len(neurons)
    place = dict(zip(neurons, np.column_stack([np.cos(angles), np.sin(angles)]), strict=True))
    figure, (panel,) = panels(1, height=5.4, width=5.4)
    looks = {1: (HUB["color"], "excitatory"), -1: (INHIBITORY["color"], "inhibitory")}
    ends = zip(table["pre"], table["post"], table["sign"], strict=True)
    for number, (pre, post, sign) in enumerate(ends):
        colour, _ = looks[int(sign)]
        arrow = FancyArrowPatch(
            place[pre], place[post], arrowstyle="-|>", mutation_scale=6, color=colour,
            alpha=1 - 0.75 * number / len(table), shrinkA=4, shrinkB=4,
            connectionstyle="arc3,rad=0.12", lw=0.7,
        )  # fmt: skip
        panel.add_patch(arrow)
    for sign, (colour, name) in looks.items():
        if (table["sign"] == sign).any():
            panel.plot([], [], color=colour, ls="-", label=f"{name}, from the arrow's tail")
    for neuron, (x, y) in place.items():
        panel.plot(x, y, "o", color="0.2", ms=2 + np.sqrt(sent.get(neuron, 0)))
        if len(neurons) <= _LABELLED:
            turn, side = np.degrees(np.arctan2(y, x)), "left" if x > -1e-9 else "right"
            panel.annotate(  # names point outwards, where each has room
                str(neuron), (1.08 * x, 1.08 * y), ha=side, va="center", fontsize=7,
                rotation=turn - 180 * (side == "right"), rotation_mode="anchor",
            )  # fmt: skip
    panel.set(xlim=(-1.45, 1.45), ylim=(-1.45, 1.45), aspect="equal")
    panel.set_axis_off()
    shared_legend(figure, columns=1)
    return figure


def connection_table(table: DataFrame) -> str:
    """Write a list of connections as a table that a click on a heading sorts.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.wiring.connections`.

    Returns
    -------
    str
        HTML, for ``IPython.display.HTML``. It scrolls, its numbers have three digits, and latencies
        are in ms.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    checked_columns("table", table, ("pre", "post", "sign", "strength", "latency", "p", "q"))
    shown = table.assign(latency=1e3 * table["latency"]).rename(columns={"latency": "latency (ms)"})
    rows = shown.to_html(
        index=False, border=0, classes="sortable", float_format=lambda number: f"{number:.3g}"
    )
    return f'<div tabindex="0" style="max-height: 24em; overflow: auto">{rows}</div>{_SORT}'
