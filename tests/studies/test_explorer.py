"""What the explorer shows: its networks, its graphs, and the data that its page reads."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from lgl_core.extraction.readings import excess_shares, without_column_median
from lgl_core.metrics.detection import auc
from lgl_core.wiring import connections
from studies import results as studies
from studies.explorer import (
    BEYOND_USUAL,
    METHODS,
    NETWORKS,
    Explored,
    beyond_usual,
    connected,
    explored,
    n_listed,
)
from studies.fitted import Fitted
from studies.plans import STUDIES, Study
from studies.points import Recording
from studies.results import graphs, load

RECORDING = Recording(settings={"n_neurons": 20, "n_hubs": 1}, duration=60.0)
POINT = Explored(
    name="hubs", of=Fitted(recording=RECORDING, epochs=1, size="tiny", n_spikes=50, longest=80.0)
)


@pytest.mark.slow
@pytest.mark.usefixtures("cold_cache")
def test_the_graphs_that_are_kept_are_those_that_are_scored(tmp_path, monkeypatch):
    monkeypatch.setitem(
        STUDIES, "explorer", Study(question="?", points=lambda: [POINT], keeps_graphs=True)
    )
    rows = studies.run("explorer", n_jobs=1, results=tmp_path)
    kept = graphs("explorer", tmp_path)
    assert list(kept) == ["hubs, truth", *(f"hubs, {method}" for method in METHODS)]
    truth = RECORDING.network().weights
    np.testing.assert_allclose(kept["hubs, truth"], truth, rtol=1e-4)
    areas = rows[rows["score"] == "auc"].set_index(["method", "reading"])["value"]
    for method in METHODS:
        graph = kept[f"hubs, {method}"].astype(float)
        assert areas[method, ""] == pytest.approx(auc(graph, truth), abs=2e-3)
        assert areas[method, BEYOND_USUAL] == pytest.approx(
            auc(beyond_usual(graph), truth), abs=0.01
        )


@pytest.mark.usefixtures("cold_cache")
def test_the_surest_pairs_are_those_that_are_listed():
    sure = POINT.graphs()["glm test"]
    found = connections(RECORDING.read(), fdr=0.05, progress=False)
    assert n_listed(sure) == len(found) > 0
    called = np.argsort(-np.abs(sure), axis=None, kind="stable")[: len(found)]
    assert set(called) == set(found["post"] * 20 + found["pre"])
    np.testing.assert_array_equal(np.sign(sure[found["post"], found["pre"]]), found["sign"])


def test_all_weights_count_unless_every_pair_has_one():
    sparse = np.zeros((20, 20))
    sparse[0, 1:5] = (0.1, -2.0, 3.0, 1.0)
    np.testing.assert_array_equal(connected(sparse), sparse)
    dense = np.random.default_rng(0).normal(size=(20, 20))
    kept = connected(dense)
    assert np.count_nonzero(kept) == 38  # a tenth of 380 pairs
    left_out = np.abs(dense[(kept == 0) & ~np.eye(20, dtype=bool)])
    assert np.abs(kept[kept != 0]).min() >= left_out.max()


def test_attention_is_shared_out_and_signed_graphs_are_not():
    attention = np.random.default_rng(0).uniform(size=(9, 9))
    np.testing.assert_array_equal(beyond_usual(attention), excess_shares(attention))
    signed = attention - 0.5
    np.testing.assert_array_equal(beyond_usual(signed), without_column_median(signed))


def test_networks_are_of_one_size_and_their_neurons_fire():
    assert {point.of.recording.network().n_neurons for point in explored()} == {60}
    for name, of in NETWORKS.items():
        short = {"n_spikes": 2000} if name == "stripes" else {"duration": 5.0}
        rates = replace(of.recording, **short).spikes().rates
        assert 1 < rates.mean() < 40 and rates.min() > 0, name


@pytest.mark.parametrize("name", NETWORKS)
def test_the_committed_graphs_are_of_the_networks_that_are_named(name):
    kept = graphs("explorer")[f"{name}, truth"]
    np.testing.assert_allclose(kept, NETWORKS[name].recording.network().weights, rtol=1e-4)


def test_committed_scores_are_those_of_the_committed_graphs():
    rows, kept = load("explorer"), graphs("explorer")
    labels = dict(zip(NETWORKS, rows["network"].unique(), strict=True))
    rows = rows[rows["score"] == "auc"].set_index(["network", "method", "reading"])["value"]
    for name, label in labels.items():
        synapses = connected(kept[f"{name}, truth"].astype(float))
        for method in METHODS:
            graph = kept[f"{name}, {method}"].astype(float)
            assert rows[label, method, ""] == pytest.approx(auc(graph, synapses), abs=2e-3)


def test_the_page_gets_every_graph_to_the_last_bit(explorer_page):
    data, kept = explorer_page.page_data(), graphs("explorer")
    assert [one["key"] for one in data["networks"]] == list(NETWORKS)
    assert list(data["methods"]) == list(METHODS)
    for one in data["networks"]:
        for method in METHODS:
            sent = one["methods"][method]
            graph = kept[f"{one['key']}, {method}"]
            np.testing.assert_array_equal(decoded(sent["plain"]), graph)
            np.testing.assert_allclose(
                decoded(sent["standing out"]), beyond_usual(graph), rtol=1e-6
            )
        truth = decoded(one["truth"])
        counts = connected(truth)
        np.testing.assert_array_equal(np.abs(truth) >= one["smallest"], counts != 0)


def decoded(text):
    return np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(60, 60)


@pytest.fixture
def explorer_page(monkeypatch):
    """Import the extension of Sphinx from its folder."""
    from tests.house import ROOT

    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import explorer_page

    return explorer_page
