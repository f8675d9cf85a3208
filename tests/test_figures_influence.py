"""Figures of influence: every line at its place, every axis named."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

from lgl_core import figures_influence

TABLE = pd.DataFrame(
    [
        (name, quantity, lag, number + lag * 100)
        for quantity in ("change of the log rate", "change of the log share")
        for number, name in enumerate(("hub to target", "inhibitory to target", "no synapse"))
        for lag in np.arange(0.5e-3, 8e-3, 1e-3)
    ],
    columns=["name", "quantity", "lag", "value"],
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


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="table .*quantity"):
        figures_influence.change_by_lag(TABLE.drop(columns="quantity"))
