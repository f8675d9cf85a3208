"""Figures of studies: every score stands at its place, beside its own null."""

from __future__ import annotations

from functools import cache

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from lgl_core.metrics.card import VIEW_NAMES
from studies.figures import maps
from studies.figures import scores as figures_studies
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

RNG = np.random.default_rng(0)
NAMES = ["GLM, peak", "attention, interval", "attention, rotary"]
TIMES = [60.0, 150.0, 300.0, 600.0, 1200.0]
VIEWS = ["true", "co_input", "abs", "true_off_hubs", "co_input_off_hubs"]


def crossed(**columns) -> pd.DataFrame:
    """Make a table with every combination of the entries given and a value at random."""
    table = pd.MultiIndex.from_product(columns.values(), names=list(columns)).to_frame(index=False)
    return table.assign(value=RNG.uniform(-0.2, 0.9, len(table)))


def with_null(table: pd.DataFrame) -> pd.DataFrame:
    middle, sd = RNG.uniform(0, 0.1, (2, len(table)))
    return table.assign(null_mean=middle, null_sd=sd)


SUMMARY = (
    crossed(name=NAMES, view=VIEWS[:3], score=["spearman", "pearson", "spectral"])
    .rename(columns={"value": "mean"})
    .assign(low=lambda table: table["mean"] - 0.1, high=lambda table: table["mean"] + 0.05)
)
PAPER = crossed(name=NAMES[:2], view=VIEWS[:3], score=["pearson", "spearman", "spectral"])
PAPER_NULLS = PAPER[PAPER["score"] == "pearson"]
NULLS = with_null(
    crossed(
        name=NAMES,
        view=VIEWS[:3],
        score=["pearson"],
        null=["permuted", "strengths", "strengths only"],
        network_seed=range(3),
    )
)
ALONG = with_null(
    crossed(
        name=NAMES, view=VIEWS, score=["pearson"], weight=[0.0, 2, 4, 7, 14], network_seed=range(2)
    )
)
WEIGHTS, REACHES = [0.0, 2.0, 4.0, 5.5, 7.0, 10.0, 14.0], [0.05, 0.1, 0.2, 0.4, 0.6, 0.8]
MAP = crossed(name=NAMES, weight=WEIGHTS, reach=REACHES)
LAYERS = crossed(
    name=["interval", "rotary"],
    network_seed=[0, 1],
    model_seed=[0, 1],
    layer=["all", "3", "1", "2"],
    view=["co_input"],
    score=["spearman"],
)
SEEN = crossed(observable=["entropy", "own"], layer=["all", "2", "1", "10"], model_seed=range(3))
SEEN["seen"] = RNG.uniform(0, 1, len(SEEN))
METHODS = with_null(
    crossed(
        network=["hub_network", "erdos_renyi", "c_elegans"],
        name=NAMES,
        view=VIEWS[:2],
        score=["auc"],
        network_seed=range(2),
    )
)

DRAW = {
    "scores_with_intervals": lambda: figures_studies.scores_with_intervals(SUMMARY, PAPER),
    "against_nulls": lambda: figures_studies.against_nulls(NULLS, PAPER_NULLS),
    "methods_by_network": lambda: figures_studies.methods_by_network(METHODS),
    "scores_along": lambda: along(default=7.0),
    "score_map": lambda: mapped(mark=(7.0, 0.4)),
    "layers_across_models": lambda: maps.layers_across_models(LAYERS),
    "visible_against_truth": lambda: maps.visible_against_truth(SEEN),
}
# Words that the axes of each figure must bear: what is shown, and its unit where there is one.
AXES = {
    "scores_with_intervals": ["mean and 95 % interval"],
    "against_nulls": ["Pearson correlation\n(no unit)"],
    "methods_by_network": ["network", "Area under ROC\n(no unit)"],
    "scores_along": ["hub weight (mV)", "Pearson correlation\n(no unit)"],
    "score_map": ["hub weight (mV)", "hub reach (share)", "score (no unit)"],
    "layers_across_models": ["layer", "Spearman correlation (no unit),\nCo-Input view"],
    "visible_against_truth": ["entropy of the attention\n(1: even)", "own"],
}


def along(table=ALONG, **options) -> plt.Figure:
    return maps.scores_along(table, "weight", "hub weight (mV)", **options)


def mapped(table=MAP, **options) -> plt.Figure:
    labels = {"x_label": "hub weight (mV)", "y_label": "hub reach (share)"}
    return maps.score_map(table, "weight", "reach", **labels, **options)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def lines(axes, label):
    return [line for line in axes.lines if line.get_label() == label]


def line(axes, label):
    (found,) = lines(axes, label)
    return found


def panel_of(figure, title):
    (found,) = [axes for axes in figure.axes if axes.get_title() == title]
    return found


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def ticks(axis) -> list[str]:
    return [tick.get_text().replace("\n", " ") for tick in axis.get_ticklabels()]


def segments(axes) -> list:
    return [piece for drawn in axes.collections for piece in drawn.get_segments() if len(piece)]


def shown(axes) -> list:
    """Give the values of a heat map, row by row from the bottom, and None where there is none."""
    return axes.get_images()[0].get_array().tolist()


# --- every figure ------------------------------------------------------------------------------


def test_every_public_function_is_tested_here():
    public = {*figures_studies.__all__, *maps.__all__}
    assert set(DRAW) == set(AXES) == public


@cache
def drawn(name):
    return drawn_without_warning(DRAW[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAW)
def test_a_figure_is_named_large_enough_and_not_clipped(name):
    figure = drawn(name)
    names_its_axes(figure, AXES[name])
    is_large_enough(figure)
    nothing_is_clipped(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAW)
def test_names_of_axes_and_in_the_cells_do_not_overlap(name):
    for axes in drawn(name).axes:
        no_overlap(list(axes.texts))
    no_overlap([axes.xaxis.label for axes in drawn(name).axes if axes.get_xlabel()])
    no_overlap([axes.title for axes in drawn(name).axes if axes.get_title()])


@pytest.mark.slow
def test_seven_methods_of_long_names_fit_too():
    many = pd.concat([ALONG.assign(name=f"a method of a rather long name {n}") for n in range(7)])
    figure = along(many[many["view"].isin(VIEWS[:3])], default=7.0)
    figure.draw_without_rendering()
    nothing_is_clipped(figure)


def no_overlap(texts) -> None:
    boxes = [text.get_window_extent() for text in texts]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number]), texts[number].get_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAW)
def test_what_a_legend_tells_apart_differs_by_more_than_colour(name):
    figure = drawn(name)
    looks = {}
    for axes in figure.axes:
        for drawn_line, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if isinstance(drawn_line, plt.Line2D):
                hollow = drawn_line.get_markerfacecolor() == "none"
                dashes = drawn_line.get_linestyle(), str(drawn_line._dash_pattern)
                looks[label] = (drawn_line.get_marker(), hollow, dashes)
    assert len(set(looks.values())) == len(looks)


# --- means and intervals -----------------------------------------------------------------------


def test_the_legend_counts_the_networks_of_each_series():
    counted = SUMMARY.assign(n_networks=5)
    counted.loc[counted["view"] == VIEWS[0], "n_networks"] = 3
    counted.loc[counted["name"] == NAMES[1], "n_networks"] = 2
    axes = figures_studies.scores_with_intervals(counted).axes[0]
    labels = [drawn.get_label() for drawn in axes.lines if not drawn.get_label().startswith("_")]
    assert f"{NAMES[0]} (n = 3 to 5)" in labels and f"{NAMES[1]} (n = 2)" in labels


def test_means_stand_in_their_interval_and_the_paper_beside_them():
    figure = figures_studies.scores_with_intervals(SUMMARY, PAPER)
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == [
        "Pearson correlation",
        "Spearman correlation",
        "Spectral divergence",
    ]
    for axes, score in zip(figure.axes, ["pearson", "spearman", "spectral"], strict=True):
        intervals = [segment[:, 1].tolist() for segment in segments(axes)]
        for name in NAMES:
            rows = SUMMARY[(SUMMARY["name"] == name) & (SUMMARY["score"] == score)]
            assert line(axes, name).get_ydata().tolist() == rows["mean"].tolist()
            places = np.rint(line(axes, name).get_xdata()).astype(int)
            assert [VIEWS[place] for place in places] == rows["view"].tolist()
            assert all(ends in intervals for ends in rows[["low", "high"]].to_numpy().tolist())
        for name in NAMES[:2]:
            ours, theirs = line(axes, name), line(axes, f"{name} (paper)")
            rows = PAPER[(PAPER["name"] == name) & (PAPER["score"] == score)]
            assert theirs.get_ydata().tolist() == rows["value"].tolist()
            assert theirs.get_markerfacecolor() == "none"
            assert theirs.get_marker() == ours.get_marker()
            assert theirs.get_color() == ours.get_color()
            assert (theirs.get_xdata() > ours.get_xdata()).all()  # beside, not on top


def test_no_two_markers_of_a_view_share_a_place():
    axes = figures_studies.scores_with_intervals(SUMMARY, PAPER).axes[0]
    named = [line for line in axes.lines if line.get_label()[0] != "_"]
    places = np.concatenate([line.get_xdata() for line in named])
    assert len(np.unique(places)) == len(places) == 5 * 3
    assert (np.abs(places - np.rint(places)) < 0.5).all()  # within the borders of its view


def test_a_lone_network_has_a_mean_without_an_interval():
    lone = SUMMARY.assign(low=np.nan, high=np.nan)
    axes = figures_studies.scores_with_intervals(lone).axes[0]
    assert line(axes, NAMES[0]).get_ydata().size == 3
    assert segments(axes) == []


def test_views_off_the_hubs_get_panels_of_full_width():
    wide = SUMMARY[SUMMARY["score"] == "pearson"].replace({"view": {"abs": "true_off_hubs"}})
    wide = pd.concat([SUMMARY[SUMMARY["score"] == "pearson"], wide])
    (axes,) = figures_studies.scores_with_intervals(wide).axes
    assert ticks(axes.xaxis) == ["True", "Co-Input", "Abs", "True, off the hubs"]


def test_names_of_views_break_between_words_alone():
    table = SUMMARY.replace({"view": {"true": "excitatory", "co_input": "inhibitory"}})
    figure = figures_studies.scores_with_intervals(table[table["score"] != "spectral"])
    words = [tick.get_text().split("\n") for tick in figure.axes[0].get_xticklabels()]
    assert words == [["Abs"], ["Excitatory", "synapses"], ["Inhibitory", "synapses"]]
    figure.draw_without_rendering()
    no_overlap(figure.axes[0].get_xticklabels())


# --- nulls -------------------------------------------------------------------------------------


def test_each_graph_stands_beside_its_nulls_and_its_strengths():
    figure = figures_studies.against_nulls(NULLS, PAPER)  # whose other scores are left out
    for view in VIEWS[:3]:
        axes = panel_of(figure, VIEW_NAMES[view])
        rows = NULLS[NULLS["view"] == view]
        assert ticks(figure.axes[0].yaxis) == NAMES
        low, high = axes.get_ylim()
        assert low > high  # the first name is on top
        for label, null in (
            ("score, a dot per network", "permuted"),  # each graph's score once, not per null
            ("its strengths alone", "strengths only"),
        ):
            points = line(axes, label)
            assert points.get_xdata().tolist() == rows[rows["null"] == null]["value"].tolist()
            names = rows[rows["null"] == null]["name"]
            assert [NAMES[y] for y in np.rint(points.get_ydata()).astype(int)] == names.tolist()
        for bars, null in zip(axes.containers, ("permuted", "strengths"), strict=True):
            assert null in bars.get_label()
            means = rows[rows["null"] == null].groupby("name")[["null_mean", "null_sd"]].mean()
            for bar in bars:
                mean, sd = means.loc[NAMES[round(bar.get_y() + bar.get_height() / 2)]]
                assert bar.get_x() == pytest.approx(mean - 2 * sd)
                assert bar.get_width() == pytest.approx(4 * sd)
        printed = PAPER_NULLS[PAPER_NULLS["view"] == view]
        assert line(axes, "paper").get_xdata().tolist() == printed["value"].tolist()


def test_no_null_ends_in_the_axis():
    low = NULLS.assign(null_mean=-0.5)
    for axes in figures_studies.against_nulls(low).axes:
        assert axes.get_xlim()[0] < min(bar.get_x() for bars in axes.containers for bar in bars)


def test_both_nulls_differ_in_black_and_white():
    one, other = drawn("against_nulls").axes[0].containers
    assert one[0].get_hatch() != other[0].get_hatch()


def test_one_view_and_one_null_are_enough():
    lone = NULLS[(NULLS["view"] == "abs") & (NULLS["null"] == "strengths")].drop(columns="view")
    figure = figures_studies.against_nulls(lone)
    (axes,) = figure.axes
    assert line(axes, "score, a dot per network").get_xdata().tolist() == lone["value"].tolist()
    assert legend(figure) == ["score, a dot per network", "null: strengths kept, mean ± 2 sd"]


# --- along a setting ---------------------------------------------------------------------------


def test_a_line_goes_through_the_mean_of_its_points():
    figure = along(default=7.0)
    for view in VIEWS:
        axes = panel_of(figure, VIEW_NAMES[view])
        for name in NAMES:
            rows = ALONG[(ALONG["view"] == view) & (ALONG["name"] == name)]
            drawn_line = line(axes, name)
            assert drawn_line.get_xdata().tolist() == [0, 2, 4, 7, 14]
            at_each = [rows[rows["weight"] == x]["value"].mean() for x in (0, 2, 4, 7, 14)]
            assert drawn_line.get_ydata() == pytest.approx(at_each)
            dots = [
                other
                for other in axes.lines
                if other.get_linestyle() == "None" and other.get_marker() == drawn_line.get_marker()
            ]
            assert sorted(dots[0].get_ydata()) == sorted(rows["value"])
        default = line(axes, "default")
        assert set(default.get_xdata()) == {7.0}
        assert default.get_linestyle() == "--"


def test_the_band_is_the_null_of_the_first_name():
    axes = panel_of(along(), "True")
    (band,) = axes.collections
    rows = ALONG[(ALONG["view"] == "true") & (ALONG["name"] == NAMES[0])]
    means = rows.groupby("weight")[["null_mean", "null_sd"]].mean()
    corners = band.get_paths()[0].vertices
    for x, (mean, sd) in means.iterrows():
        there = corners[corners[:, 0] == x][:, 1]
        assert (there.min(), there.max()) == pytest.approx((mean - 2 * sd, mean + 2 * sd))
    assert NAMES[0] in band.get_label()


def test_without_a_null_or_repeats_only_the_lines_are_drawn():
    once = ALONG[ALONG["network_seed"] == 0].drop(columns=["null_mean", "null_sd"])
    for axes in along(once).axes:
        assert len(axes.collections) == 0
        assert [other.get_label() for other in axes.lines if other.get_label()[0] != "_"] == NAMES
        assert len(axes.lines) == len(NAMES) + 1  # and the level of an estimate that knows nothing


@pytest.mark.slow
def test_a_logarithmic_axis_bears_the_settings_that_were_measured():
    table = ALONG.assign(
        weight=ALONG["weight"].map(dict(zip([0, 2, 4, 7, 14], TIMES, strict=True)))
    )
    figure = along(table, log=True)
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert ticks(axes.xaxis) == [f"{time:g}" for time in TIMES]


@pytest.mark.slow
def test_many_spikes_along_a_logarithmic_axis_are_counted_in_thousands():
    spikes = [100_324, 249_796, 501_640, 1_001_360, 2_002_140]
    table = ALONG.assign(
        weight=ALONG["weight"].map(dict(zip([0, 2, 4, 7, 14], spikes, strict=True)))
    )
    figure = along(table[table["view"].isin(["true", "co_input"])], log=True)
    figure.draw_without_rendering()
    assert ticks(figure.axes[0].xaxis) == ["100k", "250k", "502k", "1M", "2M"]
    nothing_is_clipped(figure)


# --- maps --------------------------------------------------------------------------------------


def test_a_cell_bears_the_mean_of_its_rows_or_a_dash():
    table = pd.concat([MAP, MAP.assign(value=MAP["value"] + 0.1)])
    missing = (table["name"] == NAMES[0]) & (table["weight"] == 2) & (table["reach"] == 0.05)
    axes = panel_of(mapped(table[~missing]), NAMES[0])
    values = shown(axes)
    assert values[0][1] is None
    for number, text in enumerate(axes.texts):
        row, column = divmod(number, len(WEIGHTS))
        assert text.get_position() == (column, row)
        weight, reach = WEIGHTS[column], REACHES[row]
        cell = (MAP["name"] == NAMES[0]) & (MAP["weight"] == weight) & (MAP["reach"] == reach)
        if (row, column) == (0, 1):
            assert text.get_text() == "–"
        else:
            assert values[row][column] == pytest.approx(MAP[cell]["value"].item() + 0.05)
            assert text.get_text() == f"{values[row][column]:.2f}"
    low, high = axes.get_ylim()
    assert low < high  # more reach is higher up


def test_nothing_is_written_as_minus_zero():
    table = crossed(name=["a"], weight=[1, 2], reach=[1]).assign(value=[-0.001, 0.3])
    assert [text.get_text() for text in mapped(table).axes[0].texts] == ["0.00", "0.30"]


def test_numbers_stand_out_from_their_cell():
    table = crossed(name=["a"], weight=np.arange(9), reach=[1]).assign(value=np.linspace(0, 1, 9))
    for signed in (table, table.assign(value=table["value"] - 0.5)):
        axes = panel_of(mapped(signed), "a")
        image = axes.get_images()[0]
        shades = image.to_rgba(image.get_array())[0, :, :3] @ [0.2126, 0.7152, 0.0722]
        for text, shade in zip(axes.texts, shades, strict=True):
            assert abs(shade - (text.get_color() == "white")) > 0.4


@pytest.mark.slow
def test_all_maps_have_one_scale_with_zero_in_its_middle_if_values_are_signed():
    images = [axes.get_images()[0] for axes in mapped().axes if axes.get_images()]
    (limits,) = {image.get_clim() for image in images}
    assert limits == pytest.approx((-MAP["value"].abs().max(), MAP["value"].abs().max()))
    assert images[0].get_cmap().name == "signed"
    positive = MAP.assign(value=MAP["value"].abs())
    image = panel_of(mapped(positive), NAMES[0]).get_images()[0]
    assert image.get_clim() == (positive["value"].min(), positive["value"].max())
    assert image.get_cmap().name == "viridis"


def test_the_default_setting_is_outlined():
    for axes in mapped(mark=(7.0, 0.2)).axes[: len(NAMES)]:
        assert len(axes.patches) > 0
        for frame in axes.patches:
            assert frame.get_xy() == (WEIGHTS.index(7) - 0.5, REACHES.index(0.2) - 0.5)
            assert frame.get_width() == frame.get_height() == 1
            assert not frame.get_fill()


# --- layers ------------------------------------------------------------------------------------


def test_a_line_joins_the_layers_of_one_model_in_their_order():
    figure = maps.layers_across_models(LAYERS)
    for name in ("interval", "rotary"):
        axes = panel_of(figure, name)
        assert ticks(axes.xaxis) == ["1", "2", "3", "all"]
        for seed in (0, 1):
            models = lines(axes, f"network {seed}")
            assert len(models) == 2
            rows = LAYERS[(LAYERS["name"] == name) & (LAYERS["network_seed"] == seed)]
            for number, model in enumerate(models):
                values = rows[rows["model_seed"] == number].set_index("layer")["value"]
                assert model.get_ydata().tolist() == values[["1", "2", "3"]].tolist()
                assert np.rint(model.get_xdata()).tolist() == [0, 1, 2]
        together = np.concatenate([x.get_ydata() for x in axes.lines if len(x.get_ydata()) == 1])
        all_layers = LAYERS[(LAYERS["name"] == name) & (LAYERS["layer"] == "all")]
        assert sorted(together) == sorted(all_layers["value"])
        assert [0, 0] in [list(other.get_ydata()) for other in axes.lines]  # zero is marked


def test_layers_may_be_numbers_and_more_than_nine():
    deep = LAYERS[LAYERS["layer"] == "1"]
    deep = pd.concat([deep.assign(layer=layer) for layer in (10, 2)])
    axes = maps.layers_across_models(deep).axes[0]
    assert ticks(axes.xaxis) == ["2", "10"]


def test_what_is_seen_stands_against_the_truth_with_its_rank_correlation():
    figure = maps.visible_against_truth(SEEN)
    for axes, observable in zip(figure.axes, ["entropy", "own"], strict=True):
        rows = SEEN[SEEN["observable"] == observable]
        for layer, label in (("2", "layer 2"), ("all", "all layers")):
            mine = rows[rows["layer"] == layer]
            points = line(axes, label).get_xydata()
            assert points.tolist() == mine[["seen", "value"]].to_numpy().tolist()
        slow = np.corrcoef(rankdata(rows["seen"]), rankdata(rows["value"]))[0, 1]
        assert f"= {slow:.2f}\n12 points" in axes.get_title()
    assert legend(figure) == ["layer 1", "layer 2", "layer 10", "all layers"]


def test_an_observable_that_never_changes_has_no_correlation():
    axes = maps.visible_against_truth(SEEN.assign(seen=1.0)).axes[0]
    assert "nan" in axes.get_title()


# --- networks ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_method_has_its_own_place_and_null_in_every_network():
    figure = figures_studies.methods_by_network(METHODS)
    networks = ["hub_network", "erdos_renyi", "c_elegans"]
    assert ticks(figure.axes[-1].xaxis) == ["hub network", "Erdős–Rényi", "C. elegans"]
    for view in VIEWS[:2]:
        axes = panel_of(figure, VIEW_NAMES[view])
        for name, bars in zip(NAMES, axes.collections, strict=True):
            rows = METHODS[(METHODS["view"] == view) & (METHODS["name"] == name)]
            points = line(axes, name)
            assert points.get_ydata().tolist() == rows["value"].tolist()
            places = np.rint(points.get_xdata()).astype(int)
            assert [networks[place] for place in places] == rows["network"].tolist()
            means = rows.groupby("network", sort=False)[["null_mean", "null_sd"]].mean()
            ends = means.to_numpy() @ [[1, 1], [-2, 2]]
            pieces = np.array(bars.get_segments())
            assert pieces[:, :, 1] == pytest.approx(ends)
            assert set(pieces[:, :, 0].ravel()) == set(points.get_xdata())
        assert [0.5, 0.5] in [list(other.get_ydata()) for other in axes.lines]  # of AUC


def test_networks_without_nulls_have_no_bars():
    axes = figures_studies.methods_by_network(METHODS.drop(columns="null_mean")).axes[0]
    assert len(axes.collections) == 0


# --- what is refused ---------------------------------------------------------------------------

TABLES = {
    "scores_with_intervals": (figures_studies.scores_with_intervals, SUMMARY),
    "against_nulls": (figures_studies.against_nulls, NULLS),
    "methods_by_network": (figures_studies.methods_by_network, METHODS),
    "scores_along": (along, ALONG),
    "score_map": (mapped, MAP),
    "layers_across_models": (maps.layers_across_models, LAYERS),
    "visible_against_truth": (maps.visible_against_truth, SEEN),
}
NEEDED = {
    "scores_with_intervals": ["name", "view", "score", "mean", "low", "high"],
    "against_nulls": ["name", "null", "value", "null_mean", "null_sd"],
    "methods_by_network": ["network", "name", "view", "score", "value"],
    "scores_along": ["name", "view", "score", "value", "weight"],
    "score_map": ["name", "value", "weight", "reach"],
    "layers_across_models": ["name", "layer", "network_seed", "model_seed", "value"],
    "visible_against_truth": ["observable", "seen", "value", "layer"],
}


@pytest.mark.parametrize(
    ("name", "column"), [(name, column) for name in NEEDED for column in NEEDED[name]]
)
def test_a_missing_column_is_named(name, column):
    draw, table = TABLES[name]
    with pytest.raises(ValueError, match=f"lacks the columns \\['{column}'\\]"):
        draw(table.drop(columns=column))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_is_refused(name):
    draw, table = TABLES[name]
    with pytest.raises(ValueError, match="at least one row"):
        draw(table[:0])
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", [n for n, (_, table) in TABLES.items() if "view" in table])
def test_an_unknown_view_is_refused(name):
    draw, table = TABLES[name]
    with pytest.raises(ValueError, match="view must be one of .* got {'x'}"):
        draw(table.assign(view="x"))
    assert plt.get_fignums() == []


def two_scores(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.assign(score="ap")])


REFUSED = {
    "a stranger in the paper": (
        lambda: figures_studies.scores_with_intervals(SUMMARY, PAPER.assign(name="x")),
        "name in paper",
    ),
    "a stranger beside the nulls": (
        lambda: figures_studies.against_nulls(NULLS, PAPER_NULLS.assign(name="x")),
        "name in paper",
    ),
    "an interval upside down": (
        lambda: figures_studies.scores_with_intervals(SUMMARY.assign(low=2.0)),
        "GLM, peak",
    ),
    "an unknown score": (
        lambda: figures_studies.scores_with_intervals(SUMMARY.assign(score="x")),
        "score must",
    ),
    "an unknown null": (lambda: figures_studies.against_nulls(NULLS.assign(null="x")), "null in"),
    "two scores against nulls": (
        lambda: figures_studies.against_nulls(two_scores(NULLS)),
        "one score",
    ),
    "two scores by network": (
        lambda: figures_studies.methods_by_network(two_scores(METHODS)),
        "one score",
    ),
    "two scores along": (lambda: along(two_scores(ALONG)), "one score"),
    "the logarithm of 0": (lambda: along(log=True), "weight must be above 0"),
    "a default of 0": (
        lambda: along(ALONG[ALONG["weight"] > 0], log=True, default=0.0),
        "weight must be above 0",
    ),
    "an unknown setting": (lambda: along(ALONG.assign(weight=np.nan)), "weight must be finite"),
    "a default off the grid": (lambda: mapped(mark=(7.0, 0.3)), "mark"),
    "a map of nothing": (lambda: mapped(MAP.assign(value=np.nan)), "at least one number"),
    "two views of layers": (
        lambda: maps.layers_across_models(pd.concat([LAYERS, LAYERS.assign(view="abs")])),
        "one view",
    ),
    "two heads of a layer": (
        lambda: maps.layers_across_models(pd.concat([LAYERS, LAYERS])),
        "one row per",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_before_a_figure_is_opened(case):
    draw, names = REFUSED[case]
    with pytest.raises(ValueError, match=names):
        draw()
    assert plt.get_fignums() == []
