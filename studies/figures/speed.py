"""Figures of speed: how much faster than others, and how time grows with the problem."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from lgl_core.figures.style import (
    COLOURS,
    DASHES,
    MARKERS,
    checked_columns,
    in_style,
    panels,
    shared_legend,
)

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from numpy.typing import ArrayLike
    from pandas import DataFrame

__all__ = ["growth", "growth_exponent", "speed_ratios"]

GROWTH_AXES = {
    "n_neurons": "neurons",
    "duration": "recording (s)",
    "n_spikes": "spikes",
}


@in_style
def speed_ratios(table: DataFrame) -> Figure:
    """Show how many times faster than its peer each job is, run by run.

    Parameters
    ----------
    table : DataFrame
        One row per comparison: ``job``, ``peer``, and ``ratios``, a sequence of the peer's time
        over ours.

    Returns
    -------
    Figure
        A line per comparison from its smallest to its largest ratio, a dot at each pair of runs.

    Raises
    ------
    ValueError
        If a column is missing, there is no comparison, or a ratio is not positive.
    """
    checked_columns("table", table, ["job", "peer", "ratios"])
    if not len(table):
        raise ValueError("table must hold at least one comparison, got none")
    runs = [np.sort(np.asarray(ratios, float)) for ratios in table["ratios"]]
    for job, ratios in zip(table["job"], runs, strict=True):
        if not ratios.size or not ratios[0] > 0:
            raise ValueError(f"ratios of {job!r} must be above 0, got {ratios.tolist()}")
    figure, (panel,) = panels(1, height=1.2 + 0.7 * len(table))
    for place, ratios in enumerate(runs):
        panel.plot(ratios[[0, -1]], [place, place], color="0.6", lw=3, ls="-", zorder=1)
        panel.plot(ratios, np.full(len(ratios), place), "o", color=COLOURS[0], zorder=2)
        panel.annotate(
            f"{np.median(ratios):.3g} times",
            (ratios[-1], place),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
        )
    panel.axvline(1, color="black", lw=1, ls="-")
    panel.set_yticks(
        range(len(table)),
        [
            fill(f"{job}, against {peer}", 40)
            for job, peer in zip(table["job"], table["peer"], strict=True)
        ],
    )
    panel.invert_yaxis()
    every = np.concatenate(runs)
    panel.set(xscale="log", xlim=(0.7 * min(1, every.min()), 4 * max(1, every.max())))
    panel.set_xlabel("time of the other over ours (1: equally fast)")
    _plain_numbers(panel.xaxis)
    return figure


@in_style
def growth(table: DataFrame, along: str) -> Figure:
    """Show how time grows with the size of the problem, with the fitted power of each stage.

    Parameters
    ----------
    table : DataFrame
        One row per point: ``stage``, ``seconds`` and the column ``along``.
    along : {"n_neurons", "duration", "n_spikes"}
        What grows.

    Returns
    -------
    Figure
        Log-log; lines are the fits of :func:`growth_exponent`.

    Raises
    ------
    ValueError
        If ``along`` is unknown, a column is missing or a time is not positive.
    """
    if along not in GROWTH_AXES:
        raise ValueError(f"along must be one of {sorted(GROWTH_AXES)}, got {along!r}")
    checked_columns("table", table, ["stage", "seconds", along])
    exponents = {
        stage: growth_exponent(rows[along], rows["seconds"])
        for stage, rows in table.groupby("stage", sort=False)
    }
    figure, (panel,) = panels(1, height=5.2, width=8.0)
    for number, (stage, rows) in enumerate(table.groupby("stage", sort=False)):
        x, seconds = rows[along].to_numpy(float), rows["seconds"].to_numpy(float)
        style = {"color": COLOURS[number % len(COLOURS)]}
        panel.plot(
            x,
            seconds,
            ls="none",
            marker=MARKERS[number % len(MARKERS)],
            label=f"{stage}: power {exponents[stage]:.2f}",
            **style,
        )
        ends = np.array([x.min(), x.max()])
        level = np.exp(np.mean(np.log(seconds)) - exponents[stage] * np.mean(np.log(x)))
        panel.plot(
            ends,
            level * ends ** exponents[stage],
            ls=DASHES[number % len(DASHES)],
            **style,
        )
    panel.set(xscale="log", yscale="log", xlabel=GROWTH_AXES[along], ylabel="time (s)")
    _plain_numbers(panel.xaxis)
    _plain_numbers(panel.yaxis)
    shared_legend(figure, columns=2)
    return figure


def growth_exponent(size: ArrayLike, seconds: ArrayLike) -> float:
    """Power with which time grows: the slope of a straight line through the logarithms.

    Parameters
    ----------
    size, seconds : array_like, shape (n_points,)
        Two points at least, all above 0.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or a number is not positive.
    """
    x, y = np.asarray(size, float), np.asarray(seconds, float)
    if len(np.unique(x)) < 2 or not (x > 0).all() or not (y > 0).all():
        raise ValueError(
            "a power needs two sizes or more, and sizes and seconds above 0, "
            f"got sizes {x.tolist()} and seconds {y.tolist()}"
        )
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
