"""What figures of studies share: the order of what a table holds, markers in groups, and looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rcParams
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lgl_core.figures.style import COLOURS, panel_of_each, series_look, shared_legend
from lgl_core.metrics.card import SCORE_NAMES, VIEW_NAMES
from studies.names import NO_KNOWLEDGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

# --- what the tables hold ----------------------------------------------------------------------


def entries(table: DataFrame, column: str = "name") -> list[Any]:
    """List what a column holds, in the order in which it comes."""
    return list(dict.fromkeys(table[column]))


def known(column: str, names: Mapping[str, str], table: DataFrame) -> list[str]:
    """List what a column holds, in the order of the names; nothing else may be in it."""
    found = set(table[column])
    if not found <= set(names):
        raise ValueError(f"{column} must be one of {list(names)}, got {found - set(names)}")
    return [entry for entry in names if entry in found]


def views_of(table: DataFrame) -> list[str]:
    """List the views of a table; of one without that column, the empty one."""
    return known("view", VIEW_NAMES, table) if "view" in table else [""]


def only(table: DataFrame, column: str) -> str:
    """Give the one entry of a column; several are refused."""
    found = entries(table, column)
    if len(found) != 1:
        raise ValueError(f"table must be of one {column}, got {found}; choose its rows first")
    return str(found[0])


def null_ranges(
    rows: DataFrame, by: str
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Average the nulls of each group: the groups that have one, mean - 2 sd and mean + 2 sd."""
    of_nulls = rows.reindex(columns=[by, "null_mean", "null_sd"]).dropna()
    means = of_nulls.groupby(by, sort=False).mean()
    middle, sd = means.to_numpy(dtype=float).T
    return means.index.to_numpy(), middle - 2 * sd, middle + 2 * sd


# --- markers in groups -------------------------------------------------------------------------


def places(n: int, reach: float = 0.36) -> list[float]:
    """Give places side by side within one group, whose neighbours are at -1 and 1."""
    return np.linspace(-reach, reach, n).tolist() if n > 1 else [0.0]


def side_by_side(
    table: DataFrame,
    column: str,
    groups: Sequence[Any],
    names: Sequence[str],
    reach: float = 0.36,
) -> Iterator[tuple[DataFrame, NDArray[np.float64], dict[str, Any]]]:
    """Yield the rows of each name, their places beside the middle of their group, and their look.

    Groups, of ``column``, and names stand in their order, within ``reach`` of the middle.
    """
    for index, (name, beside) in enumerate(zip(names, places(len(names), reach), strict=True)):
        rows = table[(table["name"] == name) & table[column].isin(list(groups))]
        place = rows[column].map(list(groups).index).to_numpy(dtype=float) + beside
        yield rows, place, {"ls": "none", "ms": 7, "label": name, **series_look(index)}


def intervals_in_rows(
    table: DataFrame, by: str, x_label: str, mark: float, row: float = 0.42
) -> tuple[Figure, list[Axes]]:
    """Draw ``mean``, ``low`` and ``high`` of each name in a row, ``row`` inches high.

    There is a panel for each group, of the column ``by``, with a dashed line at ``mark``.
    """
    lines = {name: -place for place, name in enumerate(entries(table))}
    figure, each = panel_of_each(table, by, 1.6 + row * len(lines), columns=len(table[by].unique()))
    for number, (panel, group, rows) in enumerate(each):
        y = rows["name"].map(lines)
        panel.hlines(y, rows["low"], rows["high"], color=COLOURS[0], lw=2)
        panel.plot(rows["mean"], y, ls="none", marker="o", ms=6, color=COLOURS[0])
        panel.axvline(mark, color="0.4", lw=1.5, ls="--", zorder=0)
        panel.set_yticks(list(lines.values()), list(lines) if number == 0 else [""] * len(lines))
        panel.set(ylim=(-len(lines) + 0.5, 0.5), title=VIEW_NAMES.get(group, group))
    figure.supxlabel(x_label, fontsize=rcParams["axes.labelsize"])
    return figure, [panel for panel, *_ in each]


# --- looks -------------------------------------------------------------------------------------


def in_row(n_panels: int) -> int:
    """Tell how many panels stand side by side."""
    return 2 if n_panels in (2, 4) else 3


def draw_groups(panel: Axes, labels: list[str], width: int) -> None:
    """Name the groups along the horizontal axis and draw borders between them."""
    names = [fill(label, width, break_long_words=False) for label in labels]
    panel.set_xticks(range(len(labels)), names)
    panel.set_xlim(-0.5, len(labels) - 0.5)
    for border in np.arange(1, len(labels)) - 0.5:
        panel.axvline(border, color="0.85", lw=1, ls="-", zorder=0)


def draw_no_knowledge(panel: Axes, score: str, across: bool = False) -> None:
    """Draw the level of an estimate that knows nothing, where a score has one."""
    if score in NO_KNOWLEDGE:
        draw = panel.axvline if across else panel.axhline
        draw(NO_KNOWLEDGE[score], color="0.5", lw=1, ls="-", zorder=0)


def score_label(score: str) -> str:
    """Write the name of a score for an axis."""
    return f"{SCORE_NAMES.get(score, score or 'score')} (no unit)"


def unit_below(label: str) -> str:
    """Put the unit into a line of its own."""
    return "\n(".join(label.rsplit(" (", 1))


def fitting_legend(figure: Figure) -> None:
    """Put one legend below all panels, of as many columns as its labels leave room for."""
    labels = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
    longest = max(map(len, labels), default=0)
    shared_legend(figure, columns=5 if longest <= 12 else 3 if longest <= 25 else 2)
