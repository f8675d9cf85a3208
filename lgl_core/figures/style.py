"""What all figures share: the style, the colours, the grid of panels and the checks of input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rc_params_from_file
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike, NDArray

from lgl_core.graphs import checked_graph

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "COLOURS",
    "DASHES",
    "HUB",
    "INHIBITORY",
    "MARKERS",
    "ORDINARY",
    "SEQUENTIAL",
    "SIGNED",
    "checked_columns",
    "checked_flat",
    "checked_square",
    "draw_line",
    "in_style",
    "mark_columns",
    "panel_of_each",
    "panels",
    "series_look",
    "shared_legend",
]

STYLE = Path(__file__).with_name("lgl.mplstyle")

# Matplotlib looks up a colour such as "C0" only when it draws, outside the style by then.
COLOURS = rc_params_from_file(STYLE, use_default_template=False)["axes.prop_cycle"].by_key()[
    "color"
]

# One look per kind of neuron throughout the book: a colour for the screen, a marker for paper.
HUB: dict[str, Any] = {"color": "#D55E00", "marker": "^"}
INHIBITORY: dict[str, Any] = {"color": "#0072B2", "marker": "s"}
ORDINARY: dict[str, Any] = {"color": "0.5", "marker": "."}
DASHES = (":", "-.", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

# A white middle would make both signs equally dark in print. Here lightness rises all the way from
# inhibition to excitation, so that the sign survives in black and white.
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#00153F", "#1F5A9E", "#969696", "#E3C23A", "#FFF9B0"]
)
SEQUENTIAL = "viridis"

P = ParamSpec("P")


def in_style(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a figure function draw in the style of the book and leave the reader's own untouched.

    Parameters
    ----------
    draw : callable
        Makes and returns a figure.

    Returns
    -------
    callable
        The same function, drawing inside a style context. Whatever labels hold stands there as it
        was given: a dollar sign begins no formula.
    """

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with plt.style.context(STYLE):
            figure = draw(*args, **kwargs)
            _take_texts_literally(figure)
            return figure

    return styled


def _take_texts_literally(figure: Figure) -> None:
    """Let no text be read as a formula, but for the numbers that Matplotlib writes at an axis."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter):
                for text in axis.findobj(Text):
                    text.set_parse_math(text is not axis.label)


def panels(
    n_panels: int, height: float, columns: int = 3, width: float = 9.0, **kwargs: Any
) -> tuple[Figure, list[Axes]]:
    """Open a figure with a row of panels, or several rows if they do not fit into one.

    Parameters
    ----------
    n_panels : int
        How many panels to open.
    height : float
        Height of one row in inches.
    columns : int
        Panels in a row at most.
    width : float
        Width of the figure in inches.
    **kwargs
        Passed to ``matplotlib.pyplot.subplots``.

    Returns
    -------
    figure : Figure
    axes : list of Axes
        The panels in reading order, without the unused places of the last row.

    Raises
    ------
    ValueError
        If there is nothing to show.
    """
    if n_panels < 1:
        raise ValueError("a figure needs at least one panel, got nothing to show")
    columns = min(columns, n_panels)
    rows = -(-n_panels // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(width, height * rows), squeeze=False, **kwargs
    )
    for unused in grid.flat[n_panels:]:
        unused.remove()
    return figure, list(grid.flat[:n_panels])


def panel_of_each(
    table: DataFrame,
    by: str,
    height: float,
    *,
    columns: int = 3,
    y_label: str = "",
    order: Iterable[Any] | None = None,
    **kwargs: Any,
) -> tuple[Figure, list[tuple[Axes, Any, DataFrame]]]:
    """Open a panel for each value of a column.

    Parameters
    ----------
    table : DataFrame
    by : str
        The column. Its values stand in the order in which they come.
    height, columns
        As for :func:`panels`.
    y_label : str
        Name of the vertical axis, written once in each row.
    order : iterable, optional
        The values in another order.
    **kwargs
        As for :func:`panels`.

    Returns
    -------
    figure : Figure
    each : list of (Axes, value, DataFrame)
        The panels in reading order, and the rows of each.
    """
    values = list(dict.fromkeys(table[by]) if order is None else order)
    figure, axes = panels(len(values), height, columns=columns, **kwargs)
    for panel in axes[:: min(columns, len(values))]:
        panel.set_ylabel(y_label)
    rows = [table[table[by] == value] for value in values]
    return figure, list(zip(axes, values, rows, strict=True))


def mark_columns(axes: Axes, columns: ArrayLike) -> None:
    """Put a triangle above some columns of a matrix, pointing down at them.

    Parameters
    ----------
    axes : Axes
        The panel of the matrix.
    columns : array_like of int
        Positions of the columns in the panel.
    """
    eight_points_up = ScaledTranslation(0, 8 / 72, axes.figure.dpi_scale_trans)
    axes.plot(
        columns,
        np.ones(np.size(columns)),
        ls="none",
        marker="v",
        ms=8,
        color=HUB["color"],
        mec="black",
        clip_on=False,
        transform=axes.get_xaxis_transform() + eight_points_up,
    )


def shared_legend(figure: Figure, columns: int = 3) -> None:
    """Put one legend below all panels, with each label once.

    Parameters
    ----------
    figure : Figure
        The figure of the panels, whose labels go into the legend.
    columns : int
        Labels side by side at most.
    """
    handles: dict[str, Artist] = {}
    for panel in figure.axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(
            handles=list(handles.values()),
            labels=list(handles),
            loc="outside lower center",
            ncols=columns,
        )


def checked_square(
    matrices: Mapping[str, ArrayLike], allow_nan: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Check that matrices are square, finite and of one size.

    Parameters
    ----------
    matrices : mapping of str to array_like, each of shape (n, n)
        By name.
    allow_nan : bool
        Whether NaN may stand for a value that is not known.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If there is none, one is not square or not finite, or their sizes differ.
    """
    arrays = {name: checked_graph(name, m, allow_nan=allow_nan) for name, m in matrices.items()}
    if not arrays:
        raise ValueError("at least one matrix is needed, got none")
    size = len(next(iter(arrays.values())))
    for name, array in arrays.items():
        if len(array) != size:
            raise ValueError(
                f"all matrices must have one size, got {array.shape} for {name} beside "
                f"{(size, size)}"
            )
    return arrays


def checked_flat(name: str, values: ArrayLike, size: int | None = None) -> NDArray[np.float64]:
    """Check that values are a flat, finite array that is not empty.

    Parameters
    ----------
    name : str
        How to call the values in an error.
    values : array_like of float
        What to check.
    size : int, optional
        Length asked for. Default: any.

    Returns
    -------
    ndarray of float64, shape (size,)

    Raises
    ------
    ValueError
        If the values are anything else.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must be a flat array with values, got shape {array.shape}")
    if size is not None and len(array) != size:
        raise ValueError(f"{name} must have {size} values, got {len(array)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or inf")
    return array


def checked_columns(name: str, table: DataFrame, columns: Iterable[str]) -> None:
    """Check that a table has the columns that a figure reads, and at least one row.

    Parameters
    ----------
    name : str
        How to call the table in an error.
    table : DataFrame
        What to check.
    columns : iterable of str
        Columns it must have.

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name} lacks the columns {missing}; it has {list(table)}")
    if not len(table):
        raise ValueError(f"{name} must have at least one row, got none")


def series_look(number: int) -> dict[str, Any]:
    """Give the colour and the marker of a series by its number."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def draw_line(panel: Axes, rows: DataFrame, x: str, name: str, number: int) -> None:
    """Draw the mean of the values at each place, and each value where there are several.

    Parameters
    ----------
    panel : Axes
    rows : DataFrame
        One series: ``value``, and the column of places.
    x : str
        Name of that column.
    name : str
        In the legend.
    number : int
        Of the series, which gives it its look.
    """
    look = series_look(number)
    means = rows.groupby(x)["value"].mean()
    dashes = ("-", *DASHES)[number % (1 + len(DASHES))]
    panel.plot(means.index, means, ls=dashes, label=name, **look)
    if len(rows) > len(means):
        around = {**look, "ms": 4, "alpha": 0.5, "zorder": 1.5}
        panel.plot(rows[x], rows["value"], ls="none", **around)
