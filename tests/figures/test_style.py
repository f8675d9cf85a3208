"""Labels of users in figures: whatever they hold stands there as it was given."""

import io
import xml.etree.ElementTree as ET
from importlib import import_module

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lgl_core.figures import connections as figures_connections
from lgl_core.figures import data, finish, graphs, scores
from lgl_core.figures import influence as figures_influence
from lgl_core.figures import recordings as figures_recordings
from studies.figures import maps, speed, still
from studies.figures import measured as figures_measured
from studies.figures import original as figures_original
from studies.figures import pairs as figures_pairs
from studies.figures import scores as figures_studies
from tests.figures import test_connections as connections
from tests.figures import test_data as plain
from tests.figures import test_influence as influence
from tests.figures import test_recordings as recordings
from tests.house import PUBLIC
from tests.studies.figures import test_measured as measured
from tests.studies.figures import test_original as original
from tests.studies.figures import test_pairs as pairs
from tests.studies.figures import test_scores as studies

# Without a formula that can be read between its dollar signs, Matplotlib raises as it draws.
ODD = "5$ \\frac{$ <b>&amp;</b> %s {0} ^_ \\$1"


def keyed(things):
    return {f"{name} {ODD}": thing for name, thing in things.items()}


def named(table, *columns):
    return table.assign(**{name: table[name].astype(str) + f" {ODD}" for name in columns})


def labels(things):
    return dict.fromkeys(keyed(things), ODD)


def differences():
    return pd.DataFrame(
        {"name": ["a", "b"], "source": "one", "mean": 0.1, "low": 0.0, "high": 0.2}
    ).assign(published=[0.3, float("nan")])


def finished(finishing):
    """Draw scores, and do to their figure what pages do."""
    figure = figures_measured.methods_by_score(named(measured.SCORES, "name", "what", "source"), {})
    finishing(figure)
    return figure


DRAW = {
    "differences_by_network": lambda: still.differences_by_network(
        named(differences(), "name", "source")
    ),
    "matrices_by_network": lambda: still.matrices_by_network(
        {f"network {ODD}": keyed(plain.GRAPHS)},
        {f"network {ODD}": dict.fromkeys(keyed(plain.GRAPHS), 0.5)},
    ),
    "coupling_filters": lambda: data.coupling_filters(
        plain.LAGS, plain.FILTERS, keyed(plain.PAIRS)
    ),
    "connectivity_matrices": lambda: graphs.connectivity_matrices(
        keyed(plain.GRAPHS), plain.NETWORK.hubs, labels=labels(plain.GRAPHS)
    ),
    "co_input_matrices": lambda: graphs.co_input_matrices(
        keyed(plain.CO_INPUTS), f"truth {ODD}", labels(plain.GRAPHS)
    ),
    "edge_scatter": lambda: graphs.edge_scatter(
        plain.GRAPHS["truth"], keyed(plain.GRAPHS), None, ODD, labels(plain.GRAPHS)
    ),
    "singular_values": lambda: graphs.singular_values(keyed(plain.SPECTRA)),
    "hub_ranking": lambda: graphs.hub_ranking(
        keyed(plain.STRENGTH), plain.NETWORK.hubs, labels(plain.STRENGTH)
    ),
    "loss_curves": lambda: scores.loss_curves(keyed({"a": plain.HISTORY}), keyed(plain.BASELINES)),
    "layer_head_scores": lambda: scores.layer_head_scores(named(plain.HEADS, "head")),
    "table1": lambda: scores.table1(named(plain.OURS, "method"), named(plain.PAPER, "method")),
    "speed_ratios": lambda: speed.speed_ratios(named(plain.RATIOS, "job", "peer")),
    "growth": lambda: speed.growth(named(plain.GROWTH, "stage"), "n_neurons"),
    "scores_with_intervals": lambda: figures_studies.scores_with_intervals(
        named(studies.SUMMARY, "name"), named(studies.PAPER, "name")
    ),
    "against_nulls": lambda: figures_studies.against_nulls(
        named(studies.NULLS, "name"), named(studies.PAPER_NULLS, "name")
    ),
    "methods_by_network": lambda: figures_studies.methods_by_network(
        named(studies.METHODS, "name", "network")
    ),
    "scores_along": lambda: maps.scores_along(named(studies.ALONG, "name"), "weight", ODD),
    "score_map": lambda: maps.score_map(
        named(studies.MAP, "name"), "weight", "reach", ODD, ODD, value_label=ODD
    ),
    "layers_across_models": lambda: maps.layers_across_models(named(studies.LAYERS, "name")),
    "visible_against_truth": lambda: maps.visible_against_truth(
        named(studies.SEEN, "observable"), ODD
    ),
    "data_needed": lambda: figures_recordings.data_needed(named(recordings.SIZES, "name"), 9, 480),
    "estimates_beside_chance": lambda: figures_recordings.estimates_beside_chance(
        *map(keyed, (recordings.GRAPHS, recordings.NULLS, recordings.BANDS)),
        labels(recordings.GRAPHS),
    ),
    "hub_strengths": lambda: figures_recordings.hub_strengths(
        keyed(recordings.HUBS), list(keyed(dict.fromkeys(recordings.UNITS)))
    ),
    "connections_by_distance": lambda: figures_recordings.connections_by_distance(
        named(recordings.DISTANCES, "name"), ODD
    ),
    "border_scores": lambda: figures_recordings.border_scores(
        named(recordings.BORDERS, "name", "series")
    ),
    "change_by_lag": lambda: figures_influence.change_by_lag(
        named(influence.TABLE, "name", "quantity")
    ),
    "effect_lost": lambda: figures_influence.effect_lost(named(influence.LOST, "model", "name")),
    "columns_in_order": lambda: figures_influence.columns_in_order(
        named(influence.COLUMNS, "name"), ODD
    ),
    "areas_beside_nulls": lambda: figures_measured.areas_beside_nulls(
        named(measured.AREAS, "name", "question")
    ),
    "responses_by_connections": lambda: figures_measured.responses_by_connections(
        named(measured.SHARES, "name", "connections")
    ),
    "false_alarms": lambda: figures_measured.false_alarms(
        named(measured.ALARMS, "name", "kind"), 0.01
    ),
    "methods_by_score": lambda: figures_measured.methods_by_score(
        named(measured.SCORES, "name", "what", "source"), {}
    ),
    "in_units": lambda: finished(lambda figure: finish.in_units(figure, [ODD] * len(figure.axes))),
    "narrow": lambda: finished(lambda figure: finish.narrow(figure, 9.0, 4.0)),
    "scores_by_share": lambda: figures_measured.scores_by_share(
        named(measured.BY_SHARE, "name", "model"), ODD, ODD
    ),
    "scores_by_strength": lambda: figures_measured.scores_by_strength(
        named(measured.BY_STRENGTH, "name", "what"), {}
    ),
    "activity_beside": lambda: figures_original.activity_beside(
        named(original.ACTIVITY, "name", "score"), keyed(original.FIGURE)
    ),
    "changes": lambda: figures_original.changes(named(original.CHANGES, "name"), ODD),
    "connection_graph": lambda: figures_connections.connection_graph(
        named(connections.LIST, "pre", "post")
    ),
    "rates_of_lists": lambda: figures_measured.rates_of_lists(
        named(measured.RATES, "what", "name"), 0.05
    ),
    "confusions": lambda: figures_pairs.confusions(named(pairs.TABLE, "network", "name"), ODD),
}
# These show numbers and words of ours alone.
WITHOUT_LABELS = {
    "raster", "network_degrees", "weight_distribution", "interval_histogram", "basis",
    "attention_example", "growth_exponent", "hubs_first", "connection_table",
}  # fmt: skip


def written(figure) -> str:
    """Draw a figure outside of the style, and give all that stands in it."""
    file = io.BytesIO()
    with plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    plt.close(figure)
    texts = ET.fromstring(file.getvalue()).iter("{http://www.w3.org/2000/svg}text")
    return "".join("".join(text.itertext()) for text in texts)


def without_space(text: str) -> str:
    return "".join(text.split())


def test_every_figure_with_labels_is_here():
    files = [name for name in PUBLIC if ".figures." in name and not name.endswith("style")]
    public = {name for file in files for name in import_module(file).__all__}
    assert set(DRAW) == public - WITHOUT_LABELS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:constrained_layout not applied")
@pytest.mark.parametrize("draw", DRAW.values(), ids=list(DRAW))
def test_a_label_stands_there_as_it_was_given(draw):
    assert without_space(ODD) in without_space(written(draw()))


def test_a_label_of_two_lines_has_two_lines():
    units = [f"{unit}\nbelow $" for unit in recordings.UNITS]
    assert "below $" in written(figures_recordings.hub_strengths(recordings.HUBS, units))


def test_numbers_of_an_axis_are_still_set_as_powers():
    assert "\\math" not in written(speed.growth(plain.GROWTH, "n_neurons"))
    figure = data.weight_distribution(plain.NETWORK)
    assert "$" not in written(figure)
