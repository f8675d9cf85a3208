"""What pages do to a figure of several panels once it is drawn: units, ticks and size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = ["in_units", "narrow"]


def in_units(figure: Figure, units: Sequence[str], alike: bool = False) -> None:
    """Write the unit of each panel below the label of its horizontal axis, with few ticks.

    Parameters
    ----------
    figure : Figure
    units : sequence of str
        One for each panel, such as ``"Spearman, no unit"``.
    alike : bool
        Whether all panels get one scale.
    """
    ends = np.array([panel.get_xlim() for panel in figure.axes])
    for panel, unit in zip(figure.axes, units, strict=True):
        panel.xaxis.set_major_locator(MaxNLocator(4))
        if alike:
            panel.set_xlim(ends[:, 0].min(), ends[:, 1].max() + 0.05 * np.ptp(ends))
        label = panel.get_xlabel().replace("\n", " ")
        panel.set_xlabel(f"{label}\n({unit})")


def narrow(figure: Figure, width: float, height: float, ticks: int | None = None) -> None:
    """Let a figure of many panels fit a narrow screen; a legend goes unless it tells two apart.

    Parameters
    ----------
    figure : Figure
    width, height : float
        In inches.
    ticks : int, optional
        Intervals between the ticks of a horizontal axis, at most.
    """
    for panel in figure.axes:
        words = panel.get_xlabel().replace("\n", " ")
        panel.set_xlabel(words.replace(", ", ",\n").replace(" off", "\noff"))
        if ticks is not None:
            panel.locator_params(axis="x", nbins=ticks)
    for legend in figure.legends:
        legend.set_visible(len(legend.texts) == 2)
    figure.set_size_inches(width, height)
