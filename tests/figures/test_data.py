"""Figures: they draw what they are given, and can be read in print and from the back row."""

from __future__ import annotations

from functools import cache

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from lgl_core.figures import data, graphs, scores
from lgl_core.figures.style import HUB, SIGNED
from lgl_core.metrics.scores import co_input, normalised_singular_values, paper_table_1
from lgl_core.networks.network import Network, hub_network
from lgl_core.spikes import SpikeTrains
from studies.figures import speed
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

RNG = np.random.default_rng(0)
N = 24
NETWORK = hub_network(n_neurons=N, n_hubs=2, connection_probability=0.3, seed=0)
TIMES = np.sort(RNG.random(600) * 3)
SPIKES = SpikeTrains(times=TIMES, neurons=RNG.integers(0, N, 600), n_neurons=N, duration=3.0)
GRAPHS = {
    "truth": NETWORK.weights,
    "Neuroformer": RNG.random((N, N)),
    "GLM": NETWORK.weights + RNG.normal(size=(N, N)),
}
CO_INPUTS = {name: co_input(graph) for name, graph in GRAPHS.items()}
LAGS = np.arange(1, 21) * 1e-3
FILTERS = RNG.normal(size=(3, 3, 20))
PAIRS = {"hub": (0, 1), "inhibitory": (1, 2), "unconnected": (2, 0)}
ATTENTION = np.tril(RNG.random((30, 30)))
TOKENS = RNG.integers(0, N, 30)
OFF = ~np.eye(N, dtype=bool)
HISTORY = pd.DataFrame(
    {
        "epoch": [0.0, 1.0, 2.0],
        "train_neuron": [np.nan, 3.1, 2.9],
        "train_interval": [np.nan, 2.1, 2.0],
        "valid_neuron": [3.2, 3.0, 2.95],
        "valid_interval": [2.2, 2.15, 2.1],
    }
)
BASELINES = {"uniform": {"neuron": 3.18, "interval": 2.3}, "frequencies": {"neuron": 3.15}}
HEADS = pd.DataFrame(
    [
        {"layer": layer, "head": head, "view": view, "score": score, "value": RNG.normal()}
        for layer in range(2)
        for head in range(3)
        for view in ("true", "co_input")
        for score in scores.SCORES
    ]
)
PAPER = paper_table_1()
OURS = pd.concat(
    [
        PAPER[PAPER["method"] == "glm"],
        PAPER[PAPER["method"] == "attention"].assign(method="attention (interval)", value=0.3),
        PAPER[PAPER["method"] == "attention"].assign(method="attention (rotary)", value=0.6),
    ]
)
SPECTRA = {name: normalised_singular_values(graph) for name, graph in GRAPHS.items()}
STRENGTH = {name: np.abs(graph).sum(axis=0) for name, graph in GRAPHS.items()}

RATIOS = pd.DataFrame(
    {
        "job": ["a simulation", "a fit"],
        "peer": ["another tool", "a third"],
        "ratios": [[8.0, 9.5, 12.0], [0.9, 1.1, 1.3]],
    }
)
GROWTH = pd.DataFrame(
    {
        "stage": ["simulation"] * 3 + ["GLM"] * 3,
        "n_neurons": [100, 200, 400] * 2,
        "seconds": [1.0, 2.0, 4.0, 0.5, 2.0, 8.0],
    }
)

DRAW = {
    "raster": lambda: data.raster(SPIKES, network=NETWORK),
    "network_degrees": lambda: data.network_degrees(NETWORK),
    "weight_distribution": lambda: data.weight_distribution(NETWORK),
    "interval_histogram": lambda: data.interval_histogram(np.diff(TIMES), [0, 1e-3, 5e-3]),
    "basis": lambda: data.basis(LAGS, FILTERS[0].T),
    "coupling_filters": lambda: data.coupling_filters(LAGS, FILTERS, PAIRS),
    "attention_example": lambda: data.attention_example(
        ATTENTION, TOKENS, TIMES[:30], NETWORK.hubs
    ),
    "connectivity_matrices": lambda: graphs.connectivity_matrices(GRAPHS, NETWORK.hubs),
    "co_input_matrices": lambda: graphs.co_input_matrices(CO_INPUTS, "truth"),
    "edge_scatter": lambda: graphs.edge_scatter(GRAPHS["truth"], GRAPHS, NETWORK.hubs),
    "singular_values": lambda: graphs.singular_values(SPECTRA),
    "hub_ranking": lambda: graphs.hub_ranking(STRENGTH, NETWORK.hubs),
    "loss_curves": lambda: scores.loss_curves({"a": HISTORY, "b": HISTORY}, BASELINES),
    "layer_head_scores": lambda: scores.layer_head_scores(HEADS),
    "table1": lambda: scores.table1(OURS, PAPER),
    "speed_ratios": lambda: speed.speed_ratios(RATIOS),
    "growth": lambda: speed.growth(GROWTH, "n_neurons"),
}
# Words that the axes of each figure must bear: what is shown, and its unit where there is one.
AXES = {
    "raster": ["time (s)", "neuron", "mean rate\n(Hz)", "rate (Hz)"],
    "network_degrees": ["in-degree (synapses)", "out-degree (synapses)", "outgoing strength (mV)"],
    "weight_distribution": ["synaptic weight (mV)", "synapses"],
    "interval_histogram": ["inter-spike interval (ms)", "share of intervals"],
    "basis": ["lag (ms)", "value of the basis function"],
    "coupling_filters": ["lag (ms)", "coupling filter (log-odds)"],
    "attention_example": ["attention weight", "key: neuron @ time since first token (ms)"],
    "connectivity_matrices": ["presynaptic neuron", "postsynaptic neuron"],
    "co_input_matrices": ["neuron (clustered)", "co-input (squared units)"],
    "edge_scatter": ["true weight (mV)", "estimate (arbitrary units)"],
    "singular_values": ["rank", "singular value / largest (no unit)"],
    "hub_ranking": ["rank of the neuron", "outgoing strength (arb. units)"],
    "loss_curves": ["epoch", "loss (nats per spike)"],
    "layer_head_scores": ["layer", "Pearson\ncorrelation", "Spectral\ndivergence"],
    "table1": ["view of the graph", "score (no unit)"],
    "speed_ratios": ["time of the other over ours (1: equally fast)"],
    "growth": ["neurons", "time (s)"],
}


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def images(figure) -> list:
    """Give the matrices of a figure, without the colour scales."""
    return [axes.get_images()[0] for axes in figure.axes if axes.get_images()]


def line(axes, label):
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


# --- every figure ------------------------------------------------------------------------------


def test_every_public_function_is_tested_here():
    files = (data, graphs, scores, speed)
    public = {name for file in files for name in file.__all__}
    assert set(DRAW) == set(AXES) == public - {"growth_exponent"}  # which draws nothing


@cache
def drawn(name):
    return drawn_without_warning(DRAW[name])


def test_a_figure_leaves_the_style_of_the_reader_alone():
    before = dict(matplotlib.rcParams)
    DRAW["basis"]()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAW)
def test_a_figure_is_named_large_enough_and_not_clipped(name):
    figure = drawn(name)
    assert isinstance(figure, plt.Figure)
    names_its_axes(figure, AXES[name])
    is_large_enough(figure)
    nothing_is_clipped(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAW)
def test_what_a_legend_tells_apart_differs_by_more_than_colour(name):
    for axes in drawn(name).axes:
        lines = [line for line in axes.lines if not line.get_label().startswith("_")]
        hollow = [line.get_markerfacecolor() in ("none", "white") for line in lines]
        # _dash_pattern tells apart custom dashes, which all have the line style "--".
        looks = [
            (str(line._dash_pattern), line.get_linestyle(), line.get_marker(), unfilled)
            for line, unfilled in zip(lines, hollow, strict=True)
        ]
        assert len(set(looks)) == len(looks)
        patches = [bars[0] for bars in axes.containers if len(bars) and bars.get_label()[0] != "_"]
        fills = [(patch.get_hatch(), patch.get_facecolor()) for patch in patches]
        assert len(set(fills)) == len(fills)


def test_the_signed_scale_keeps_the_sign_in_black_and_white():
    lightness = SIGNED(np.linspace(0, 1, 256))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    grey = SIGNED(0.5)[:3]  # zero has no hue
    assert np.ptp(grey) < 0.02


# --- matrices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_signed_matrices_are_drawn_as_given_around_zero(seed):
    rng = np.random.default_rng(seed)
    graph, order = rng.normal(rng.normal(), 1, (7, 7)), rng.permutation(7)
    figure = graphs.connectivity_matrices({"a": graph, "b": -graph}, order=order)
    for image, given in zip(images(figure), (graph, -graph), strict=True):
        shown = image.get_array()
        assert (shown.mask == np.eye(7, dtype=bool)).all()  # the order moves rows and columns
        assert np.array_equal(shown.data, given[order][:, order])
        low, high = image.get_clim()
        assert low == -high
        assert image.get_cmap().name == "signed"


def test_unsigned_matrices_get_a_scale_without_a_middle():
    image = images(graphs.connectivity_matrices({"attention": GRAPHS["Neuroformer"]}))[0]
    low, high = image.get_clim()
    assert 0 <= low < high <= 1
    assert image.get_cmap().name == "viridis"


def test_a_huge_diagonal_or_hub_column_does_not_set_the_scale():
    graph = RNG.uniform(1, 2, (30, 30))
    graph[:, 4] = 1e6
    np.fill_diagonal(graph, 1e9)
    image = images(graphs.connectivity_matrices({"graph": graph}))[0]
    assert image.get_clim()[1] <= 2
    assert image.colorbar.extend in ("max", "both")  # the scale says that values lie beyond it


def test_at_the_last_percentile_the_scale_ends_at_the_largest_edge():
    graph = GRAPHS["GLM"] + 1e3 * np.eye(N)
    image = images(graphs.connectivity_matrices({"GLM": graph}, percentile=100))[0]
    assert image.get_clim()[1] == np.abs(graph[OFF]).max()
    assert image.colorbar.extend == "neither"


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_a_constant_matrix_has_a_scale_too(value):
    image = images(graphs.connectivity_matrices({"flat": np.full((4, 4), value)}))[0]
    low, high = image.get_clim()
    assert low < high


def test_chosen_columns_are_shown_with_their_ids_and_hubs_marked():
    figure = graphs.connectivity_matrices({"truth": GRAPHS["truth"]}, [5], columns=[7, 5])
    axes = figure.axes[0]
    shown = axes.get_images()[0].get_array()
    assert np.array_equal(shown.data, GRAPHS["truth"][:, [7, 5]])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["7", "5"]
    assert axes.lines[0].get_xdata().tolist() == [1]  # neuron 5 stands in the second column


def test_ordering_by_co_input_puts_groups_side_by_side():
    group = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], 5))
    shared = (group[:, None] == group) + 0.01 * np.ones((15, 15))
    figure = graphs.co_input_matrices({"truth": shared, "other": 2 * shared}, "truth")
    truth, other = (image.get_array().data for image in images(figure))
    same = truth[np.arange(14), np.arange(1, 15)] > 0.5
    assert np.count_nonzero(~same) == 2  # three groups in a row have two borders
    assert np.array_equal(other, 2 * truth)


def test_attention_to_the_future_is_blank():
    figure = data.attention_example(ATTENTION, TOKENS, TIMES[:30], hubs=[TOKENS[3]])
    shown = images(figure)[0].get_array()
    assert np.array_equal(shown.mask, np.triu(np.ones((30, 30), bool), 1))
    assert np.array_equal(shown.data, ATTENTION)
    marks = figure.axes[0].lines[0].get_xdata()
    assert marks.tolist() == np.flatnonzero(TOKENS == TOKENS[3]).tolist()


# --- data and models ---------------------------------------------------------------------------


def test_raster_shows_each_spike_of_the_span_and_the_mean_rate():
    axes = data.raster(SPIKES, start=0.5, stop=1.5, network=NETWORK).axes
    others, hubs = axes[0].lines[:2]
    shown = np.concatenate([others.get_xydata(), hubs.get_xydata()])
    inside = (SPIKES.times >= 0.5) & (SPIKES.times < 1.5)
    given = np.column_stack([SPIKES.times, SPIKES.neurons])[inside]
    assert np.allclose(shown[np.argsort(shown[:, 0])], given)
    assert set(hubs.get_ydata()) <= set(NETWORK.hubs)
    (population,) = [panel for panel in axes if panel.get_xlabel() == "time (s)"]
    heights = population.patches[0].get_data().values
    assert heights.mean() == pytest.approx(inside.sum() / N)
    (rates,) = [panel for panel in axes if panel.get_xlabel() == "rate (Hz)"]
    assert sum(bar.get_height() for bar in rates.patches) == N
    assert line(rates, "hub").get_xdata() == pytest.approx(SPIKES.rates[NETWORK.hubs])


def test_degrees_and_strengths_are_those_of_the_network():
    degrees, strengths = data.network_degrees(NETWORK).axes
    for label, ids in (("hub", NETWORK.hubs), ("inhibitory", NETWORK.inhibitory)):
        assert line(degrees, label).get_xdata().tolist() == NETWORK.in_degree[ids].tolist()
        assert line(degrees, label).get_ydata().tolist() == NETWORK.out_degree[ids].tolist()
        total = np.abs(NETWORK.weights[:, ids]).sum(axis=0)
        assert line(strengths, label).get_ydata() == pytest.approx(total)
    points = np.concatenate([kind.get_xydata() for kind in strengths.lines])
    points = points[np.argsort(points[:, 0])]
    assert (np.diff(points[:, 1]) <= 0).all()


def test_a_network_without_synapses_still_has_degrees():
    data.network_degrees(Network(weights=np.zeros((3, 3)))).canvas.draw()


def test_every_synapse_is_counted_once():
    axes = data.weight_distribution(NETWORK).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    counts = [int(label.split("(")[1].split()[0].replace(",", "")) for label in labels]
    assert sum(counts) == np.count_nonzero(NETWORK.weights)


def test_interval_shares_and_class_edges():
    axes = data.interval_histogram([0, 1e-3, 2e-3, 4e-3], [0, 1e-3, 3e-3, np.inf]).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.patches[0].get_data().values.sum() == pytest.approx(0.75)
    shown = [segment[0, 0] for segment in axes.collections[0].get_segments()]
    assert shown == pytest.approx([1, 3])  # in ms
    assert "1 of them outside" in axes.get_title()


def test_filters_and_basis_are_drawn_in_ms():
    axes = data.coupling_filters(LAGS, FILTERS, PAIRS).axes[0]
    hub = line(axes, "hub: 1 → 0")
    assert hub.get_xdata() == pytest.approx(LAGS * 1e3)
    assert np.array_equal(hub.get_ydata(), FILTERS[0, 1])
    for row, curve in zip(FILTERS[0], data.basis(LAGS, FILTERS[0].T).axes[0].lines, strict=True):
        assert np.array_equal(curve.get_ydata(), row)


# --- graphs and scores -------------------------------------------------------------------------


def test_scatter_holds_every_ordered_pair_and_tells_both_correlations():
    panels = graphs.edge_scatter(GRAPHS["truth"], GRAPHS, NETWORK.hubs).axes
    true, estimate = GRAPHS["truth"][OFF], GRAPHS["GLM"][OFF]
    others, hubs = line(panels[2], "other pairs"), line(panels[2], "pairs from a hub")
    shown = np.concatenate([others.get_xydata(), hubs.get_xydata()])
    assert sorted(map(tuple, shown)) == sorted(zip(true, estimate, strict=True))
    from_hub = np.isin(np.arange(N), NETWORK.hubs) & OFF  # hubs are presynaptic: columns
    assert sorted(hubs.get_xdata()) == sorted(GRAPHS["truth"][from_hub])
    assert sorted(hubs.get_ydata()) == sorted(GRAPHS["GLM"][from_hub])
    assert others.get_rasterized() and hubs.get_rasterized()
    assert f"Pearson {pearsonr(true, estimate)[0]:.2f}" in panels[2].get_title()
    assert f"Spearman {spearmanr(true, estimate)[0]:.2f}" in panels[2].get_title()


def test_spectra_are_drawn_by_rank():
    axes = graphs.singular_values(SPECTRA).axes[0]
    assert axes.get_yscale() == "log"
    for name, spectrum in SPECTRA.items():
        assert np.array_equal(line(axes, name).get_ydata(), spectrum)


def test_hubs_stand_at_their_rank():
    figure = graphs.hub_ranking({"a": [5, 9, 1, 7]}, hubs=[1, 0])
    axes = figure.axes[0]
    assert "hub ranks: 1, 3" in axes.get_title()
    assert line(axes, "hub").get_xydata().tolist() == [[1, 9], [3, 5]]
    assert line(axes, "hub").get_marker() == HUB["marker"]
    assert line(axes, "all neurons").get_ydata().tolist() == [9, 7, 5, 1]


@pytest.mark.slow
def test_losses_and_baselines_stand_in_their_own_panel():
    neuron, interval = scores.loss_curves(HISTORY, BASELINES).axes
    assert line(neuron, "training").get_xydata().tolist() == [[1, 3.1], [2, 2.9]]  # NaN left out
    assert line(neuron, "validation").get_ydata().tolist() == [3.2, 3.0, 2.95]
    assert line(interval, "validation").get_ydata().tolist() == [2.2, 2.15, 2.1]
    assert set(line(neuron, "frequencies").get_ydata()) == {3.15}
    assert set(line(interval, "uniform").get_ydata()) == {2.3}
    assert "frequencies" not in [loss.get_label() for loss in interval.lines]


def test_each_head_has_its_value_at_its_layer():
    panels = scores.layer_head_scores(HEADS).axes
    assert len(panels) == 6  # three scores by two views
    for panel, (score, view) in zip(
        panels, [(s, v) for s in scores.SCORES for v in ("true", "co_input")], strict=True
    ):
        rows = HEADS[(HEADS["score"] == score) & (HEADS["view"] == view) & (HEADS["head"] == 1)]
        points = line(panel, "head 1")
        assert np.rint(points.get_xdata()).tolist() == rows["layer"].tolist()
        assert np.array_equal(points.get_ydata(), rows["value"])


def test_table1_shows_all_values_beside_the_paper_and_names_the_blank():
    figure = scores.table1(OURS, PAPER)
    for panel, score in zip(figure.axes, scores.SCORES, strict=True):
        for source, table in (("ours", OURS), ("paper", PAPER)):
            for method, rows in table[table["score"] == score].dropna().groupby("method"):
                markers = line(panel, f"{method}, {source}")
                assert markers.get_ydata().tolist() == rows["value"].tolist()
                views = [list(scores.VIEWS)[x] for x in np.rint(markers.get_xdata()).astype(int)]
                assert views == rows["view"].tolist()
                assert (markers.get_markerfacecolor() == "none") == (source == "paper")
    assert figure.get_suptitle() == "No value: attention, Abs, spearman (paper)"


def test_ratios_stand_at_their_job_with_their_median():
    (axes,) = DRAW["speed_ratios"]().axes
    assert [text.get_text() for text in axes.texts] == ["9.5 times", "1.1 times"]
    assert [line.get_xdata().tolist() for line in axes.lines[1:4:2]] == RATIOS["ratios"].tolist()
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert labels == ["a simulation, against another tool", "a fit, against a third"]


def test_growth_tells_the_power_of_each_stage_and_draws_its_line():
    (axes,) = DRAW["growth"]().axes
    assert line(axes, "simulation: power 1.00").get_ydata().tolist() == [1.0, 2.0, 4.0]
    fitted = axes.lines[3]
    np.testing.assert_allclose(fitted.get_ydata(), [0.5, 8.0])
    assert speed.growth_exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)


# --- what is refused ---------------------------------------------------------------------------

SQUARE, OBLONG = np.zeros((3, 3)), np.zeros((3, 2))
REFUSED = {
    "another network": (lambda: data.raster(SPIKES, network=Network(weights=SQUARE)), "24"),
    "a span outside": (lambda: data.raster(SPIKES, stop=4.0), "stop"),
    "no synapse": (lambda: data.weight_distribution(Network(weights=SQUARE)), "synapses"),
    "negative intervals": (lambda: data.interval_histogram([-1.0, 1], [0, 1]), "intervals"),
    "descending edges": (lambda: data.interval_histogram([1.0], [1, 0]), "edges"),
    "basis and lags": (lambda: data.basis(LAGS, OBLONG), "20 lags"),
    "filters and lags": (lambda: data.coupling_filters(LAGS, SQUARE, PAIRS), "post, pre, lag"),
    "unknown pair": (lambda: data.coupling_filters(LAGS, FILTERS, {"x": (0, 3)}), "'x'"),
    "no pairs": (lambda: data.coupling_filters(LAGS, FILTERS, {}), "pairs"),
    "attention transposed": (
        lambda: data.attention_example(ATTENTION.T, TOKENS, TIMES[:30]),
        "transposed",
    ),
    "attention and tokens": (lambda: data.attention_example(SQUARE, [1], [0.0]), "neurons"),
    "no graph": (lambda: graphs.connectivity_matrices({}), "at least one"),
    "an oblong graph": (lambda: graphs.connectivity_matrices({"a": OBLONG}), "a must"),
    "NaN": (lambda: graphs.connectivity_matrices({"a": SQUARE * np.nan}), "finite"),
    "two sizes": (
        lambda: graphs.connectivity_matrices({"a": SQUARE, "b": np.zeros((2, 2))}),
        "one size",
    ),
    "half an order": (
        lambda: graphs.connectivity_matrices({"a": SQUARE}, order=[0, 1]),
        "order",
    ),
    "unknown hubs": (lambda: graphs.connectivity_matrices({"a": SQUARE}, [3]), "hubs"),
    "a graph for a co-input": (
        lambda: graphs.co_input_matrices({"a": np.triu(np.ones((3, 3)))}),
        "symmetric",
    ),
    "unknown order": (lambda: graphs.co_input_matrices({"a": SQUARE}, "b"), "order_by"),
    "no estimate": (lambda: graphs.edge_scatter(SQUARE, {}), "estimates"),
    "another shape": (
        lambda: graphs.edge_scatter(SQUARE, {"a": np.zeros((2, 2))}),
        "one size",
    ),
    "not normalised": (lambda: graphs.singular_values({"a": [2.0, 1]}), "descend"),
    "strengths differ": (
        lambda: graphs.hub_ranking({"a": [1.0, 2], "b": [1.0]}, [0]),
        "b must have 2",
    ),
    "no hub": (lambda: graphs.hub_ranking({"a": [1.0, 2]}, []), "hubs"),
    "no history": (lambda: scores.loss_curves({}), "histories"),
    "half a history": (lambda: scores.loss_curves(HISTORY[["epoch"]]), "train_neuron"),
    "a flat baseline": (
        lambda: scores.loss_curves(HISTORY, {"neuron": 3.0}),
        "baselines",
    ),
    "no head": (lambda: scores.layer_head_scores(PAPER), "layer"),
    "unknown view": (lambda: scores.table1(OURS.assign(view="x"), PAPER), "view"),
    "unknown score": (lambda: scores.table1(OURS, PAPER.assign(score="x")), "score"),
    "no comparison": (lambda: speed.speed_ratios(RATIOS[:0]), "at least one"),
    "a ratio of 0": (
        lambda: speed.speed_ratios(RATIOS.assign(ratios=[[0.0], [1.0]])),
        "a simulation",
    ),
    "unknown growth": (lambda: speed.growth(GROWTH, "depth"), "along"),
    "a single size": (lambda: speed.growth(GROWTH[:1], "n_neurons"), "two sizes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_before_a_figure_is_opened(case):
    draw, names = REFUSED[case]
    with pytest.raises(ValueError, match=names):
        draw()
    assert plt.get_fignums() == []
