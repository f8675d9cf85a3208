"""Figures of the paper's own network: values at their places, intervals around them."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from studies.figures.original import activity_beside, changes
from studies.original import FIGURE, SETTINGS
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    nothing_is_clipped,
)

RNG = np.random.default_rng(0)


def with_intervals(**columns) -> pd.DataFrame:
    table = pd.MultiIndex.from_product(columns.values(), names=list(columns)).to_frame(index=False)
    table = table.assign(mean=RNG.uniform(-0.3, 0.5, len(table)))
    return table.assign(low=table["mean"] - 0.1, high=table["mean"] + 0.05)


ACTIVITY = with_intervals(name=list(SETTINGS), score=[*FIGURE, "rate"])
CHOICES = [f"choice number {n} of the original read-out" for n in range(7)]
CHANGES = with_intervals(name=CHOICES, view=["true", "co_input", "abs"])
FIGURES = {
    "activity_beside": lambda: activity_beside(ACTIVITY, FIGURE),
    "changes": lambda: changes(CHANGES, "Spearman correlation"),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_named_large_enough_and_not_clipped(name):
    figure = drawn_without_warning(FIGURES[name])
    nothing_is_clipped(figure)
    is_large_enough(figure)


def test_changes_name_their_axes():
    figure = FIGURES["changes"]()
    assert figure.get_supxlabel() == "change of Spearman correlation"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == CHOICES


def test_a_setting_stands_beside_the_published_value():
    (panel, *_) = FIGURES["activity_beside"]().axes
    bars = [line for line in panel.lines if line.get_label() == "published"]
    assert [bar.get_ydata()[0] for bar in bars] == list(FIGURE.values())
    for name in SETTINGS:
        (line,) = (line for line in panel.lines if line.get_label() == name)
        rows = ACTIVITY[(ACTIVITY["name"] == name) & (ACTIVITY["score"] != "rate")]
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
        # Beside the bar of its own score, and of no other.
        assert np.array_equal(np.rint(line.get_xdata()), range(len(FIGURE)))


def test_each_choice_has_its_line_and_its_interval():
    for panel, view in zip(FIGURES["changes"]().axes, ["true", "co_input", "abs"], strict=True):
        rows = CHANGES[CHANGES["view"] == view]
        points = panel.lines[0]
        np.testing.assert_array_equal(points.get_xdata(), rows["mean"])
        np.testing.assert_array_equal(points.get_ydata(), -np.arange(len(CHOICES)))
        ends = np.array([s[:, 0] for s in panel.collections[0].get_segments()])
        np.testing.assert_allclose(ends, rows[["low", "high"]])


@pytest.mark.parametrize("column", ["name", "mean", "low", "high"])
def test_a_missing_column_is_named(column):
    with pytest.raises(ValueError, match=column):
        activity_beside(ACTIVITY.drop(columns=column), FIGURE)
    with pytest.raises(ValueError, match=column):
        changes(CHANGES.drop(columns=column), "score")


def test_an_unknown_view_is_refused():
    with pytest.raises(ValueError, match="view must be one of"):
        changes(CHANGES.assign(view="hidden"), "score")
