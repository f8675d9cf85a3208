"""Points of the study on networks that others made, on a network that is made here."""

import numpy as np
import pytest

import lgl_core as lgl
from lgl_core.metrics.decisions import decision_scores
from lgl_core.metrics.detection import auc
from lgl_core.wiring import connections
from studies.evidence.report import chosen
from studies.listed import at_rate
from studies.methods import METHODS
from studies.public_bench import RATE, OthersNetwork, others, rows_of_network, without_list
from studies.public_networks import FOLDER_VARIABLE, KINDS, KnownNetwork
from studies.rows import COLUMNS

CHOSEN = [("ccg", "1 to 4 ms"), ("glm", "area"), ("transfer entropy", "signed")]

pytestmark = pytest.mark.usefixtures("cold_cache")


@pytest.fixture(scope="module")
def toy():
    network = lgl.hub_network(n_neurons=12, seed=1)
    spikes = lgl.simulate(network, duration=20, seed=1, cache=False)
    return KnownNetwork(spikes=spikes, weights=network.weights, signed=True)


def test_graphs_and_lists_are_scored_against_the_truth(toy):
    table = rows_of_network(toy, CHOSEN, CHOSEN)
    assert list(table.columns) == COLUMNS and (table["n_spikes"] == len(toy.spikes)).all()
    size = chosen(table, view="recording").set_index("score")["value"]
    assert size["neurons"] == 12 and size["synapses"] == np.count_nonzero(toy.weights)
    for name in CHOSEN:
        mine = chosen(table, method=name[0], reading=name[1])
        graph = METHODS[name](toy.spikes)
        assert chosen(mine, score="auc")["value"].item() == pytest.approx(auc(graph, toy.weights))
        method = name[0] if name[0] != "transfer entropy" else METHODS[name]
        found = connections(toy.spikes, fdr=RATE, method=method, progress=False)
        called = np.zeros_like(toy.weights)
        called[found["post"], found["pre"]] = found["sign"]
        expected = decision_scores(called, toy.weights)
        decided = chosen(mine, view="decision", kept=at_rate(RATE)).set_index("score")["value"]
        np.testing.assert_allclose(decided, expected[decided.index])
        assert {"called", "fdr", "recall", "f1", "mcc", "right_sign"} == set(decided.index)


def test_signs_are_not_scored_where_the_source_has_none(toy):
    unsigned = KnownNetwork(spikes=toy.spikes, weights=np.abs(toy.weights), signed=False)
    table = rows_of_network(unsigned, CHOSEN[:1], CHOSEN[:1])
    assert not {"sign", "right_sign"} & set(table["score"])


def test_the_plan_has_every_network_once():
    points = others(10)
    assert len(points) == sum(sum(kinds.values()) for kinds in KINDS.values())
    assert len(set(map(str, points))) == len(points) and all(one.is_ready for one in points)


def test_slow_methods_have_no_list():
    assert {name[0] for name in METHODS if without_list("izhikevich", name)} == {
        "masked model",
        "event space",
    }
    on_an_hour = {name for name in METHODS if without_list("spycon", name)}
    assert ("firing rates", "linear") in on_an_hour and ("glm", "area") not in on_an_hour


def test_without_the_files_the_study_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr("studies._public_files._HOST", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=f"set {FOLDER_VARIABLE} to a folder"):
        OthersNetwork(source="point process", kind="wUU, 500 steps").rows()
