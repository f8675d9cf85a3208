"""Figures of influence: every line at its place, every axis named."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lgl_core.figures import influence as figures_influence
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

TABLE = pd.DataFrame(
    [
        (name, quantity, lag, number + lag * 100)
        for quantity in ("change of the log rate", "change of the log share")
        for number, name in enumerate(("hub to target", "inhibitory to target", "no synapse"))
        for lag in np.arange(0.5e-3, 8e-3, 1e-3)
    ],
    columns=["name", "quantity", "lag", "value"],
)

LOST = pd.DataFrame(
    [
        (model, name, earlier, number * 0.3 + 20 * earlier + 0.01 * network)
        for model in ("interval", "rotary")
        for number, name in enumerate(("lost", "expected"))
        for earlier in (4e-3, 8e-3, 16e-3)
        for network in range(2)
    ],
    columns=["model", "name", "earlier", "value"],
)

COLUMNS = pd.DataFrame(
    [
        (name, value, value > 2, value > 1)
        for name in ("a hub", "an ordinary neuron")
        for value in (3.0, -1.0, 0.5, 1.5, -0.5, 2.5)
    ],
    columns=["name", "value", "synapse", "kept"],
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_it_can_be_read():
    figure = drawn_without_warning(lambda: figures_influence.change_by_lag(TABLE))
    names_its_axes(figure, ["time since the spike (ms)", *TABLE["quantity"].unique()])
    nothing_is_clipped(figure)
    is_large_enough(figure)


def test_every_kind_of_pair_has_its_line_in_every_panel():
    figure = figures_influence.change_by_lag(TABLE)
    panels = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in panels] == list(TABLE["quantity"].unique())
    for axes in panels:
        mine = TABLE[TABLE["quantity"] == axes.get_ylabel()]
        lines = {line.get_label(): line for line in axes.lines if line.get_marker() != "None"}
        assert set(lines) == set(TABLE["name"])
        for name, line in lines.items():
            rows = mine[mine["name"] == name]
            np.testing.assert_allclose(line.get_xdata(), 1e3 * rows["lag"])
            np.testing.assert_allclose(line.get_ydata(), rows["value"])


def test_what_is_lost_can_be_read():
    figure = drawn_without_warning(lambda: figures_influence.effect_lost(LOST))
    names_its_axes(figure, ["moved back by (ms)", "effect lost (share)"])
    nothing_is_clipped(figure)
    is_large_enough(figure)


def test_each_model_has_a_panel_with_the_mean_over_networks_and_a_dot_for_each():
    figure = figures_influence.effect_lost(LOST)
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(panels) == ["interval", "rotary"]
    for model, axes in panels.items():
        lines = [line for line in axes.lines if line.get_marker() != "None"]
        for name in ("lost", "expected"):
            rows = LOST[(LOST["model"] == model) & (LOST["name"] == name)]
            (mean,) = (line for line in lines if line.get_label() == name)
            np.testing.assert_allclose(mean.get_xdata(), [4, 8, 16])
            np.testing.assert_allclose(mean.get_ydata(), rows.groupby("earlier")["value"].mean())
            dots = [line for line in lines if len(line.get_xdata()) == len(rows)]
            assert any(np.allclose(dot.get_ydata(), rows["value"]) for dot in dots)


def test_a_column_can_be_read():
    figure = drawn_without_warning(
        lambda: figures_influence.columns_in_order(COLUMNS, "change (ms)")
    )
    names_its_axes(figure, ["postsynaptic neurons, in order", "change (ms)"])
    nothing_is_clipped(figure)
    is_large_enough(figure)


def test_entries_of_a_column_come_in_order_and_only_kept_ones_are_filled():
    figure = figures_influence.columns_in_order(COLUMNS, "change (ms)")
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(panels) == ["a hub", "an ordinary neuron"]
    for axes in panels.values():
        drawn = {line.get_label(): line for line in axes.lines}
        dots = {
            "no synapse, taken for noise": ([0, 1, 2], [-1.0, -0.5, 0.5]),
            "no synapse, kept": ([3], [1.5]),
            "synapse, kept": ([4, 5], [2.5, 3.0]),
            "synapse, taken for noise": ([], []),
        }
        for label, (places, values) in dots.items():
            np.testing.assert_allclose(drawn[label].get_xdata(), places)
            np.testing.assert_allclose(drawn[label].get_ydata(), values)
            filled = drawn[label].get_markerfacecolor() != "none"
            assert filled == label.endswith("kept")


@pytest.mark.parametrize(
    ("draw", "table", "column"),
    [
        (figures_influence.change_by_lag, TABLE, "quantity"),
        (figures_influence.effect_lost, LOST, "earlier"),
        (lambda table: figures_influence.columns_in_order(table, ""), COLUMNS, "kept"),
    ],
)
def test_a_missing_column_is_named(draw, table, column):
    with pytest.raises(ValueError, match=f"table .*{column}"):
        draw(table.drop(columns=column))
