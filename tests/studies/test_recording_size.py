"""Recordings of measured sizes: what methods know of them when they read every spike."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.metrics.card import edges_off_hubs, score_card
from lgl_core.metrics.decisions import called_graph, decision_scores
from lgl_core.wiring import connections
from studies import results
from studies.evidence.tables import recording_sizes
from studies.plans import STUDIES
from studies.points import Recording
from studies.recording_size import WholeRecording
from studies.rows import NOT_CONVERGED


@pytest.mark.slow
@pytest.mark.usefixtures("cold_cache")
def test_rows_are_scores_of_graphs_of_all_spikes():
    recording = Recording(settings={"n_neurons": 12, "n_hubs": 1}, duration=20.0)
    spikes, truth = recording.spikes(), recording.network()
    table = WholeRecording(recording=recording).rows()
    by_hand = {
        "glm": fit_glm(spikes, GLMConfig()).coupling("peak"),
        "ccg": correlogram_z(spikes, baseline="local"),
    }
    assert set(table["method"]) == set(by_hand) and (table["n_spikes"] == len(spikes)).all()
    visible = table[table["view"] == "visible"]
    assert visible[["score", "value"]].values.tolist() == [[NOT_CONVERGED, 0.0]]
    listed = table[table["view"] == "decision"].set_index("score")["value"]
    called = called_graph(connections(spikes, fdr=0.05, progress=False), 12)
    for score, value in decision_scores(called, truth.weights).dropna().items():
        assert listed[score] == pytest.approx(value)
    table = table[~table["view"].isin(["visible", "decision"])]
    for method, graph in by_hand.items():
        expected = score_card(graph, truth.weights, truth.hubs, spectral=False)
        mine = table[table["method"] == method]
        np.testing.assert_allclose(mine["value"], expected["value"])
        off = mine[(mine["view"] == "true_off_hubs") & (mine["score"] == "spearman")]["value"]
        entries = [edges_off_hubs(g, truth.hubs) for g in (graph, truth.weights)]
        assert off.item() == pytest.approx(scipy.stats.spearmanr(*entries).statistic)


def test_sizes_are_those_of_the_plan_and_every_network_counts_once():
    points = STUDIES["recording_size"].points()
    with_hubs = [point for point in points if point.recording.topology == "hub_network"]
    rows = [
        {
            "network": point.recording.label, "network_seed": point.recording.seed,
            "method": method, "view": view, "score": score,
            "n_spikes": point.recording.settings["n_neurons"] * 10 * (point.recording.seed + 1),
            "value": point.recording.duration / 1e4,
        }
        for point in points
        for method in ("glm", "ccg")
        for view, score in (("true_off_hubs", "spearman"), ("true", "spearman"),
                            ("true_off_hubs", "pearson"))
    ]  # fmt: skip
    sizes = recording_sizes(pd.DataFrame(rows))
    assert len(sizes) == 2 * len(with_hubs)
    assert set(sizes["name"]) == {"GLM", "cross-correlogram"}
    np.testing.assert_allclose(sizes["value"], sizes["duration"] / 1e4)
    of_size = sizes.groupby(["name", "n_neurons", "duration"])
    assert (of_size["network_seed"].nunique() == of_size.size()).all() and of_size.size().min() >= 3
    assert set(sizes["spikes_per_unit"][sizes["n_neurons"] == 20]) == {30.0}  # of 10, 20, ..., 50


def test_more_of_a_recording_says_more_of_its_edges():
    """What is committed: of each method and number of neurons, from the shortest to the longest."""
    sizes = recording_sizes(results.load("recording_size"))
    assert {20, 50, 100, 300} == set(sizes["n_neurons"])
    means = sizes.groupby(["name", "n_neurons", "spikes_per_unit"])["value"].mean()
    for _, of_size in means.groupby(["name", "n_neurons"]):
        assert of_size.iloc[-1] > of_size.iloc[0] + 0.1
