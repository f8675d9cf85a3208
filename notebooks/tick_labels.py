"""Warn of tick labels that overlap while a page is executed: a test refuses warnings on a page.

An extension of IPython, which ``execute.py`` loads into the kernel of every page, whoever draws.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import wraps
from itertools import combinations
from typing import Any

from matplotlib.axis import Axis
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.text import Text


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Find the pairs of tick labels, of horizontal or of vertical axes, that overlap.

    The figure must have been drawn. What stands at the two axes of a corner may touch.
    """
    axes = [panel for panel in figure.axes if panel.get_visible() and panel.axison]
    found = []
    for along in ([panel.xaxis for panel in axes], [panel.yaxis for panel in axes]):
        labels = [(text, text.get_window_extent()) for axis in along for text in labels_of(axis)]
        found += [
            (one.get_text(), two.get_text())
            for (one, box), (two, other) in combinations(labels, 2)
            if box.overlaps(other)
        ]
    return found


def labels_of(axis: Axis) -> Iterator[Text]:
    """List what stands at the ticks of an axis; those beyond its ends are not drawn."""
    low, high = sorted(axis.get_view_interval())
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
        for text in (tick.label1, tick.label2):
            if axis.get_visible() and text.get_visible() and low <= tick.get_loc() <= high:
                if text.get_text():
                    yield text


def load_ipython_extension(shell: object) -> None:
    """Look at each figure that a cell shows, once it is laid out."""
    draw = FigureCanvasBase.print_figure

    @wraps(draw)
    def drawn(canvas: FigureCanvasBase, *args: Any, **kwargs: Any) -> Any:
        result = draw(canvas, *args, **kwargs)
        for pair in overlapping(canvas.figure):
            warnings.warn(f"tick labels overlap: {pair[0]!r} and {pair[1]!r}", stacklevel=2)
        return result

    FigureCanvasBase.print_figure = drawn  # type: ignore[method-assign, assignment]
