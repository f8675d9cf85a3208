"""Figures of a recording without truth: everything stands at its place."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lgl_core.figures import recordings
from lgl_core.recordings.borders import score_borders
from lgl_core.recordings.chance import marks_by_distance
from lgl_core.recordings.readout import hub_confidence
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

RNG = np.random.default_rng(0)
GRAPHS = {name: RNG.normal(size=(20, 20)) for name in ("GLM", "Neuroformer", "correlogram")}
NULLS = {name: RNG.normal(scale=0.3, size=(20, 20)) for name in GRAPHS}
BANDS = dict.fromkeys(GRAPHS, (-0.7, 0.8))
HUBS = {
    name: hub_confidence(RNG.normal(size=(6, 20))).assign(sure=lambda table: table["neuron"] < 9)
    for name in GRAPHS
}
UNITS = [f"unit {k:03d}" for k in range(20)]
SIZES = pd.DataFrame(
    [
        (name, n_neurons, spikes, spikes / 4000 + seed / 50)
        for name in ("GLM", "correlogram")
        for n_neurons in (20, 300)
        for spikes in (100, 2200, 500)
        for seed in (0, 1)
    ],
    columns=["name", "n_neurons", "spikes_per_unit", "value"],
)
DISTANCES = marks_by_distance(
    {name: graph.round().astype(int) for name, graph in GRAPHS.items()},
    RNG.uniform(0, 8, (20, 2)),
    np.arange(20) < 9,
)

BORDERS = score_borders(GRAPHS, [(k % 5, k // 5) for k in range(20)], fewest=5, n=3)
BORDERS["series"] = "between " + BORDERS["axis"]

FIGURES = {
    "border_scores": lambda: recordings.border_scores(BORDERS, 2),
    "connections_by_distance": lambda: recordings.connections_by_distance(DISTANCES, "electrodes"),
    "data_needed": lambda: recordings.data_needed(SIZES, 71, 480.5),
    "estimates_beside_chance": lambda: recordings.estimates_beside_chance(
        GRAPHS, NULLS, BANDS, {"GLM": "peak (log-odds)"}
    ),
    "hub_strengths": lambda: recordings.hub_strengths(HUBS, UNITS),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_figure_is_here():
    assert set(recordings.__all__) == set(FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("draw", FIGURES.values(), ids=list(FIGURES))
def test_is_fit_to_print(draw):
    figure = drawn_without_warning(draw)
    is_large_enough(figure)
    nothing_is_clipped(figure)


def test_each_size_has_its_line_of_means_and_the_recording_is_marked():
    figure = FIGURES["data_needed"]()
    names_its_axes(figure, ["spikes per unit"] * 2)
    for axes in figure.axes:
        small, _, large, dots, mark = axes.lines
        assert small.get_xdata().tolist() == large.get_xdata().tolist() == [100, 500, 2200]
        np.testing.assert_allclose(small.get_ydata(), [0.035, 0.135, 0.56])
        assert len(dots.get_xdata()) == 6
        assert mark.get_xdata() == [480.5, 480.5]
        assert mark.get_label() == "this recording: 71 units"


def test_every_pair_is_counted_once_and_the_band_is_drawn():
    figure = FIGURES["estimates_beside_chance"]()
    names_its_axes(figure, ["peak (log-odds)", "entry", "pairs"])
    panel = figure.axes[0]
    assert sum(bar.get_height() for bar in panel.containers[0]) == 20 * 19
    assert [line.get_xdata()[0] for line in panel.lines] == [-0.7, 0.8]


def test_a_method_without_null():
    with pytest.raises(ValueError, match="must have an entry for 'Neuroformer'"):
        recordings.estimates_beside_chance(
            GRAPHS, {k: v for k, v in NULLS.items() if k != "Neuroformer"}, BANDS
        )


def test_senders_stand_in_order_with_their_names():
    panel = recordings.hub_strengths(HUBS, UNITS, n_shown=5).axes[0]
    table = HUBS["GLM"].head(5)
    texts = [label.get_text() for label in panel.get_yticklabels()]
    assert texts == [f"unit {r.neuron:03d} ({r.confidence:.0%})" for r in table.itertuples()]
    dots = [line for line in panel.lines if len(np.atleast_1d(line.get_xdata())) == 1]
    assert [float(np.ravel(dot.get_xdata())[0]) for dot in dots] == table["strength"].tolist()
    assert panel.yaxis.get_inverted()


def test_shares_of_pairs_stand_at_their_distance():
    panel = FIGURES["connections_by_distance"]().axes[0]
    names_its_axes(panel.figure, ["distance (electrodes)", "pairs above chance (%)"])
    for line, group in zip(panel.lines, ("within", "between"), strict=True):
        rows = DISTANCES[(DISTANCES["name"] == "GLM") & (DISTANCES["group"] == group)]
        rows = rows.sort_values("distance")
        assert line.get_xdata().tolist() == rows["distance"].tolist()
        np.testing.assert_allclose(line.get_ydata(), 100 * rows["value"])


def test_missing_columns():
    with pytest.raises(ValueError, match="table"):
        recordings.connections_by_distance(DISTANCES.drop(columns="group"), "mm")
    with pytest.raises(ValueError, match="sizes"):
        recordings.data_needed(SIZES.drop(columns="value"), 71, 480.5)
    with pytest.raises(ValueError, match="tables"):
        recordings.hub_strengths({"GLM": HUBS["GLM"].drop(columns="low")}, UNITS)


def test_borders_stand_at_their_positions_before_the_null_of_the_first_series():
    figure = FIGURES["border_scores"]()
    for axes, (name, rows) in zip(figure.axes, BORDERS.groupby("name", sort=False), strict=False):
        assert axes.get_title() == name
        for line, series in zip(axes.lines, ("columns", "rows"), strict=False):
            mine = rows[rows["axis"] == series]
            np.testing.assert_allclose(line.get_xdata(), mine["position"])
            np.testing.assert_allclose(line.get_ydata(), mine["value"])
        null = rows[rows["axis"] == "columns"]
        (band,) = axes.collections
        low, high = null["null_mean"] - 2 * null["null_sd"], null["null_mean"] + 2 * null["null_sd"]
        edges = band.get_paths()[0].vertices[:, 1]
        assert edges.min() == pytest.approx(low.min()) and edges.max() == pytest.approx(high.max())
        assert axes.lines[-1].get_xdata()[0] == 2
