"""Figures of settings and of layers: where the scores come from, and where they are lost.

The tables are those of :mod:`studies.figures.scores`.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lgl_core.figures.style import (
    SEQUENTIAL,
    SIGNED,
    checked_columns,
    checked_flat,
    draw_line,
    in_style,
    panel_of_each,
    panels,
    series_look,
)
from lgl_core.metrics.card import VIEW_NAMES
from studies.figures._frame import (
    draw_no_knowledge,
    entries,
    fitting_legend,
    in_row,
    null_ranges,
    only,
    score_label,
    unit_below,
    views_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from pandas import DataFrame, Series

__all__ = ["layers_across_models", "score_map", "scores_along", "visible_against_truth"]

# Names and units of what :func:`lgl_core.extraction.layers.visible` measures.
OBSERVABLES = {
    "entropy": "entropy of the attention\n(1: even)",
    "synaptic_lag": "attention at synaptic lags\n(1: as if even)",
    "ablation_cost": "loss without it\n(nats per spike)",
    "agrees_with_reference": "agreement with\ncross-correlograms (no unit)",
    "held-out neuron": "held-out loss, next neuron\n(nats per spike)",
    "held-out interval": "held-out loss, next interval\n(nats per spike)",
}


@in_style
def scores_along(
    table: DataFrame, x: str, x_label: str, log: bool = False, default: float | None = None
) -> Figure:
    """Show how a score depends on a setting.

    Parameters
    ----------
    table : DataFrame
        Of one score: ``name`` (a line), ``view`` (a panel), ``score``, ``value`` and the column
        ``x``. Several rows at one place give a dot each; the line goes through their mean. With
        ``null_mean`` and ``null_sd``, a band for the null of the first name.
    x : str
        Numeric column along the horizontal axis.
    x_label : str
        Its name and unit.
    log : bool
        Whether that axis is logarithmic.
    default : float, optional
        Setting that the rest of the book has, marked by a dashed line.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a column is missing, the table is empty, ``x`` is not finite or, on a logarithmic axis,
        not above 0, a view is unknown, or there is more than one score.
    """
    checked_columns("table", table, ["name", "view", "score", "value", x])
    score, views, names = only(table, "score"), views_of(table), entries(table)
    places = np.unique(checked_flat(x, table[x]))
    lowest = min(places[0], np.inf if default is None else default)
    if log and lowest <= 0:
        raise ValueError(f"{x} must be above 0 on a logarithmic axis, got {lowest:g}")

    height = 3.2 + 0.15 * len(names)  # the legend grows with the names
    figure, each = panel_of_each(
        table[table["value"].notna()], "view", height, columns=in_row(len(views)), order=views,
        y_label=unit_below(score_label(score)), sharey=True,
    )  # fmt: skip
    for panel, view, rows in each:
        _draw_null_band(panel, rows[rows["name"] == names[0]], x, names[0])
        for index, name in enumerate(names):
            draw_line(panel, rows[rows["name"] == name], x, name, index)
        if default is not None:
            panel.axvline(default, color="0.35", lw=1.4, ls="--", zorder=1, label="default")
        draw_no_knowledge(panel, score)
        _place_ticks(panel, places, log)
        panel.set(xlabel=x_label, title=VIEW_NAMES[view])
    fitting_legend(figure)
    return figure


@in_style
def score_map(
    table: DataFrame,
    x: str,
    y: str,
    x_label: str,
    y_label: str,
    mark: tuple[float, float] | None = None,
    value_label: str = "score (no unit)",
) -> Figure:
    """Show a score over a grid of two settings, as colours and as numbers.

    Parameters
    ----------
    table : DataFrame
        ``name`` (a panel), ``value`` and the columns ``x`` and ``y``. Several rows of one cell are
        averaged.
    x, y : str
        Numeric columns along the axes. Cells are equally large, whatever the settings.
    x_label, y_label : str
        Their names and units.
    mark : tuple of float, optional
        Setting ``(x, y)`` that the rest of the book has; its cell is outlined.
    value_label : str
        Name and unit of the values.

    Returns
    -------
    Figure
        All panels have one scale, with zero in its middle if there are values below. A cell
        without a value bears a dash.

    Raises
    ------
    ValueError
        If a column is missing, the table has no value, a setting is not finite, or ``mark`` is not
        on the grid.
    """
    checked_columns("table", table, ["name", "value", x, y])
    xs, ys = (np.unique(checked_flat(name, table[name])) for name in (x, y))
    if mark is not None and not (mark[0] in xs and mark[1] in ys):
        raise ValueError(f"mark must be an x of {xs.tolist()} and a y of {ys.tolist()}, got {mark}")
    cells = {
        name: rows.pivot_table(values="value", index=y, columns=x)
        .reindex(index=ys, columns=xs)
        .to_numpy(dtype=float)
        for name, rows in table.groupby("name", sort=False)
    }
    known = np.concatenate([values[np.isfinite(values)] for values in cells.values()])
    if not known.size:
        raise ValueError("value in table must hold at least one number, got none")

    columns = max(1, min(3, len(cells), int(18 / (len(xs) + 2))))  # a number takes half an inch
    # The scale and the legend below all rows take one inch and a half.
    height = 0.8 + 0.4 * len(ys) + 1.5 / -(-len(cells) // columns)
    figure, axes = panels(len(cells), height, columns=columns, sharex=True, sharey=True)
    largest = np.abs(known).max()
    scale: dict[str, Any] = {"cmap": SEQUENTIAL, "vmin": known.min(), "vmax": known.max()}
    if known.min() < 0:
        scale = {"cmap": SIGNED, "vmin": -largest, "vmax": largest}
    for number, (panel, (name, values)) in enumerate(zip(axes, cells.items(), strict=True)):
        image = panel.imshow(np.ma.masked_invalid(values), origin="lower", **scale)
        _write_numbers(panel, values, image)
        if mark is not None:
            _outline(panel, xs.tolist().index(mark[0]), ys.tolist().index(mark[1]))
        panel.set_xticks(range(len(xs)), [f"{value:g}" for value in xs])
        panel.set_yticks(range(len(ys)), [f"{value:g}" for value in ys])
        panel.set(title=fill(str(name), 24 * 3 // columns))
        if number % columns == 0:
            panel.set_ylabel(y_label)
        if number + columns >= len(axes):
            panel.set_xlabel(x_label)
            panel.tick_params(labelbottom=True)  # also above an unused place
    figure.colorbar(image, ax=axes, label=value_label, location="bottom", shrink=0.6, aspect=40)
    fitting_legend(figure)
    return figure


@in_style
def layers_across_models(table: DataFrame) -> Figure:
    """Show which layers know the wiring in each of several models.

    Parameters
    ----------
    table : DataFrame
        Of one view and score, one row per layer of a model: ``name`` (a panel),
        ``network_seed``, ``model_seed``, ``layer`` ("1", "2", ... or "all"), ``view``, ``score``
        and ``value``.

    Returns
    -------
    Figure
        A thin line is one model; networks differ by marker.

    Raises
    ------
    ValueError
        If a column is missing, the table is empty, a view is unknown, or there is more than one
        view, one score, or one row per layer of a model.
    """
    model = ["name", "network_seed", "model_seed"]
    checked_columns("table", table, [*model, "layer", "view", "score", "value"])
    only(table, "view")
    score, (view,) = only(table, "score"), views_of(table)
    if table.duplicated([*model, "layer"]).any():
        raise ValueError(f"table must have one row per {[*model, 'layer']}: choose a head and rows")
    layers, networks = _ordered(table["layer"]), entries(table, "network_seed")

    table = table.assign(place=table["layer"].map(lambda layer: layers.index(str(layer))))
    figure, each = panel_of_each(
        table, "name", 3.8, columns=in_row(table["name"].nunique()), sharey=True,
        y_label=f"{score_label(score)},\n{VIEW_NAMES[view]} view",
    )  # fmt: skip
    for panel, name, rows in each:
        for (seed, _), one_model in rows.groupby(model[1:], sort=False, dropna=False):
            index = networks.index(seed)
            # Networks stand beside each other within the place of their layer.
            offset = 0.06 * (index - (len(networks) - 1) / 2)
            _draw_model(panel, one_model, offset, f"network {seed:g}", series_look(index))
        draw_no_knowledge(panel, score)
        panel.set_xticks(range(len(layers)), layers)
        panel.set(xlim=(-0.5, len(layers) - 0.5), xlabel="layer", title=fill(name, 26))
    fitting_legend(figure)
    return figure


@in_style
def visible_against_truth(
    table: DataFrame, score_label: str = "alignment with the truth (no unit)"
) -> Figure:
    """Show whether what is visible without the true graph tells how well a layer aligns with it.

    Parameters
    ----------
    table : DataFrame
        One row per layer of a model: ``observable`` (a panel; a score of
        :func:`lgl_core.extraction.layers.visible`, or any other name), ``seen`` (its value),
        ``value`` (the alignment) and ``layer``.
    score_label : str
        Name and unit of the alignment.

    Returns
    -------
    Figure
        The title of a panel tells Spearman's correlation over its points. Layers differ by marker.

    Raises
    ------
    ValueError
        If a column is missing or the table is empty.

    Notes
    -----
    Layers of one model are not independent: the correlation is a description, not a test.
    """
    checked_columns("table", table, ["observable", "seen", "value", "layer"])
    layers = _ordered(table["layer"])
    figure, each = panel_of_each(
        table.dropna(subset=["seen", "value"]), "observable", 3.9, sharey=True,
        columns=in_row(table["observable"].nunique()), order=entries(table, "observable"),
        y_label=unit_below(score_label),
    )  # fmt: skip
    for panel, observable, rows in each:
        for index, layer in enumerate(layers):
            mine = rows[rows["layer"].astype(str) == layer]
            label = "all layers" if layer == "all" else f"layer {layer}"
            panel.plot(mine["seen"], mine["value"], ls="none", label=label, **series_look(index))
        if (table["value"] < 0).any():
            panel.axhline(0, color="0.5", lw=1, ls="-", zorder=0)
        rho = _rank_correlation(rows["seen"], rows["value"])
        panel.set_title(f"Spearman ρ = {rho:.2f}\n{len(rows)} points")
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.set_xlabel(OBSERVABLES.get(observable, fill(observable, 26)))
    fitting_legend(figure)
    return figure


def _ordered(layers: Iterable[object]) -> list[str]:
    """Layers by number, and what is no number, such as "all", after them."""
    names = {str(layer) for layer in layers}
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0))


def _rank_correlation(x: Series[float], y: Series[float]) -> float:
    if x.nunique() < 2 or y.nunique() < 2:
        return float("nan")
    return float(spearmanr(x, y).statistic)


# --- what is drawn in one panel ----------------------------------------------------------------


def _draw_null_band(panel: Axes, rows: DataFrame, x: str, name: str) -> None:
    places, low, high = null_ranges(rows.sort_values(x), x)
    if len(places):
        look: dict[str, Any] = {
            "color": "0.8",
            "lw": 2,
            "zorder": 0.5,
            "label": f"null of {name}, mean ± 2 sd",
        }
        panel.fill_between(places, low, high, **look)


def _place_ticks(panel: Axes, places: NDArray[np.float64], log: bool) -> None:
    """Put ticks at settings that were measured if the axis is logarithmic, else at round ones."""
    if not log:
        whole = bool((places == np.round(places)).all())
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=whole))
        return
    panel.set_xscale("log")
    every = -(-len(places) // 5)  # five labels fit
    panel.xaxis.set_major_locator(FixedLocator(places[::every].tolist()))
    panel.xaxis.set_minor_locator(NullLocator())
    thousands = places[0] >= 1000
    panel.xaxis.set_major_formatter(EngFormatter(places=0, sep="") if thousands else "{x:g}")


def _draw_model(
    panel: Axes, rows: DataFrame, offset: float, label: str, look: dict[str, Any]
) -> None:
    """Join the layers of one model; all together are no further layer and stand apart."""
    rows = rows.sort_values("place")
    together = rows["layer"].astype(str) == "all"
    for part, name in ((rows[~together], label), (rows[together], None)):
        panel.plot(part["place"] + offset, part["value"], ls="-", lw=1, ms=5, label=name, **look)


def _write_numbers(panel: Axes, values: NDArray[np.float64], colours: ScalarMappable) -> None:
    """Write each value into its cell: white on dark colours, black on light ones."""
    lightness = np.asarray(colours.to_rgba(values))[..., :3] @ [0.2126, 0.7152, 0.0722]
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value):
            panel.text(column, row, "–", ha="center", va="center", color="black")
            continue
        text = f"{value:z.2f}" if abs(value) < 10 else f"{value:.0f}"
        colour = "white" if lightness[row, column] < 0.5 else "black"
        panel.text(column, row, text, ha="center", va="center", color=colour)


def _outline(panel: Axes, column: int, row: int) -> None:
    """Draw a black frame on a white one around a cell, seen on dark and on light colours."""
    for colour, width, label in (("white", 5.5, None), ("black", 2.5, "default")):
        look: dict[str, Any] = {"fill": False, "ec": colour, "lw": width, "label": label}
        panel.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, clip_on=False, **look))
