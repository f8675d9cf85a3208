"""Figures of losses and scores: how well the models predict and how well their graphs align."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lgl_core.figures.style import (
    COLOURS,
    DASHES,
    MARKERS,
    checked_columns,
    in_style,
    panels,
    shared_legend,
)
from lgl_core.metrics.scores import SCORES, VIEWS

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["layer_head_scores", "loss_curves", "table1"]

HISTORY = ("epoch", "train_neuron", "train_interval", "valid_neuron", "valid_interval")


@in_style
def loss_curves(
    histories: DataFrame | Mapping[str, DataFrame],
    baselines: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Show how the two losses of the transformer fall during training.

    Parameters
    ----------
    histories : DataFrame or mapping of str to DataFrame
        Columns ``epoch``, ``train_neuron``, ``train_interval``, ``valid_neuron`` and
        ``valid_interval``, losses in nats per spike. NaN stands for not measured.
    baselines : mapping of str to mapping, optional
        Losses of models to beat, drawn as horizontal lines, by name; each holds ``neuron``,
        ``interval`` or both, in nats per spike, as :func:`lgl_core.transformer.training.baselines`
        gives them.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no history, one lacks a column, or a baseline is of neither loss.

    Notes
    -----
    Appendix B.3 of the paper: the loss is a weighted sum of the two.
    """
    named = histories if isinstance(histories, Mapping) else {"": histories}
    parts = {"train": "training", "valid": "validation"}
    if not named:
        raise ValueError("histories must hold at least one history, got none")
    for name, history in named.items():
        checked_columns(f"history {name}".strip(), history, HISTORY)
    for name, losses in (baselines or {}).items():
        if not isinstance(losses, Mapping) or not set(losses) <= {"neuron", "interval"}:
            raise ValueError(
                f"baselines[{name!r}] must map neuron, interval or both to a loss, got {losses}"
            )

    figure, axes = panels(2, height=4.6)
    for panel, head in zip(axes, ("neuron", "interval"), strict=True):
        for number, (name, history) in enumerate(named.items()):
            for part, label in parts.items():
                known = history[["epoch", f"{part}_{head}"]].dropna().to_numpy(dtype=float)
                panel.plot(
                    *known.T,
                    color=COLOURS[number % len(COLOURS)],
                    ls="--" if part == "train" else "-",
                    marker=MARKERS[number % len(MARKERS)],
                    mfc="white" if part == "train" else None,
                    markevery=max(1, len(known) // 10),
                    label=f"{name} {label}".strip(),
                )
        for (name, losses), dashes in zip((baselines or {}).items(), cycle(DASHES), strict=False):
            if head in losses:
                panel.axhline(losses[head], color="0.35", ls=dashes, label=name)
        panel.set(xlabel="epoch", ylabel="loss (nats per spike)", title=f"next {head}")
    shared_legend(figure)
    return figure


@in_style
def layer_head_scores(table: DataFrame) -> Figure:
    """Show how well the graph of every single head of the transformer aligns with the truth.

    Parameters
    ----------
    table : DataFrame
        Columns ``layer``, ``head``, ``view`` (true, co_input, abs), ``score`` (pearson, spearman,
        spectral) and ``value``. A head may also be a word, such as "mean".

    Returns
    -------
    Figure
        A row of panels per score, a column per view; heads differ by marker.

    Raises
    ------
    ValueError
        If a column is missing, or a view or score is unknown.
    """
    _check_scores("table", table, ["layer", "head"])
    views = [view for view in VIEWS if (table["view"] == view).any()]
    scores = [score for score in SCORES if (table["score"] == score).any()]
    heads = list(dict.fromkeys(table["head"]))
    # Heads stand beside each other within the place of their layer.
    offsets = np.linspace(-0.25, 0.25, len(heads)) if len(heads) > 1 else [0.0]

    figure, axes = panels(
        len(scores) * len(views), height=2.9, columns=len(views), sharex=True, sharey="row"
    )
    for number, panel in enumerate(axes):
        score, view = scores[number // len(views)], views[number % len(views)]
        rows = table[(table["score"] == score) & (table["view"] == view)]
        for index, head in enumerate(heads):
            mine = rows[rows["head"] == head]
            panel.plot(
                mine["layer"].to_numpy(dtype=float) + offsets[index],
                mine["value"].to_numpy(dtype=float),
                ls="none",
                marker=MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                label=f"head {head}",
            )
        panel.axhline(0, color="0.6", lw=1, ls="-", zorder=0)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        if number < len(views):
            panel.set_title(VIEWS[view])
        if number % len(views) == 0:
            panel.set_ylabel(SCORES[score].replace(" ", "\n"))
        if number >= len(axes) - len(views):
            panel.set_xlabel("layer")
    shared_legend(figure, columns=4)
    return figure


@in_style
def table1(ours: DataFrame, paper: DataFrame) -> Figure:
    """Show our scores beside those that the paper reports.

    Parameters
    ----------
    ours : DataFrame
        Columns ``method``, ``view`` (true, co_input, abs), ``score`` (pearson, spearman, spectral)
        and ``value``. Several rows of one cell, from several networks, give several markers.
    paper : DataFrame
        The same columns. A method of ours belongs to the paper's whose name it begins with, as
        "Neuroformer (rotary)" belongs to "Neuroformer".

    Returns
    -------
    Figure
        Filled markers are ours, hollow ones the paper's. Cells without a value are named on top.

    Raises
    ------
    ValueError
        If a column is missing, or a view or score is unknown.

    Notes
    -----
    Table 1 of the paper.
    """
    _check_scores("ours", ours, ["method"])
    _check_scores("paper", paper, ["method"])
    series = _table1_series(ours, paper)
    offsets = np.linspace(-0.3, 0.3, len(series)) if len(series) > 1 else [0.0]

    figure, axes = panels(3, height=4.8)
    for panel, (score, title) in zip(axes, SCORES.items(), strict=True):
        for offset, (label, rows, look) in zip(offsets, series, strict=True):
            known = rows[(rows["score"] == score) & rows["value"].notna()]
            place = known["view"].map({view: x for x, view in enumerate(VIEWS)})
            panel.plot(place + offset, known["value"], ls="none", ms=9, label=label, **look)
        panel.axhline(0, color="0.6", lw=1, ls="-", zorder=0)
        for border in (0.5, 1.5):
            panel.axvline(border, color="0.85", lw=1, ls="-", zorder=0)
        panel.set_xticks(range(len(VIEWS)), list(VIEWS.values()))
        better = "lower" if score == "spectral" else "higher"
        panel.set_title(f"{title}\n({better} is better)")
        panel.set(xlabel="view of the graph", xlim=(-0.5, len(VIEWS) - 0.5))
    axes[0].set_ylabel("score (no unit)")
    shared_legend(figure, columns=2)
    missing = _missing_cells(ours, "ours") + _missing_cells(paper, "paper")
    if missing:
        figure.suptitle(fill("No value: " + "; ".join(missing), width=95), fontsize=12)
    return figure


def _check_scores(name: str, table: DataFrame, columns: list[str]) -> None:
    checked_columns(name, table, [*columns, "view", "score", "value"])
    for column, known in (("view", VIEWS), ("score", SCORES)):
        unknown = set(table[column]) - set(known)
        if unknown:
            raise ValueError(f"{column} in {name} must be one of {list(known)}, got {unknown}")


def _table1_series(
    ours: DataFrame, paper: DataFrame
) -> list[tuple[str, DataFrame, dict[str, Any]]]:
    """Label, rows and look of each set of markers: the paper's after its counterparts of ours."""
    families = list(dict.fromkeys(paper["method"]))
    series: list[tuple[str, DataFrame, dict[str, Any]]] = []
    mine = list(dict.fromkeys(ours["method"]))
    # A method that is none of the paper's comes last.
    for family in [*families, None]:
        members = [m for m in mine if _family(m, families) == family]
        first = len(series)
        for number, method in enumerate(members, start=first):
            look = {
                "marker": MARKERS[number % len(MARKERS)],
                "color": COLOURS[number % len(COLOURS)],
            }
            series.append((f"{method}, ours", ours[ours["method"] == method], look))
        if family is not None:
            look = {"marker": MARKERS[first % len(MARKERS)], "color": "black", "mfc": "none"}
            series.append((f"{family}, paper", paper[paper["method"] == family], look))
    return series


def _family(method: str, families: list[str]) -> str | None:
    matches = [family for family in families if method.startswith(family)]
    return max(matches, key=len, default=None)


def _missing_cells(table: DataFrame, source: str) -> list[str]:
    blank = table[table["value"].isna()]
    cells = zip(blank["method"], blank["view"], blank["score"], strict=True)
    return [f"{method}, {VIEWS[view]}, {score} ({source})" for method, view, score in cells]
