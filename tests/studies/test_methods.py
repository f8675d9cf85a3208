"""The bench of methods: what is scored is what a method gives, and its cost is its own."""

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import ProcessPoolExecutor

from lgl_core.baselines.coincidences import transfer_entropy
from lgl_core.metrics.card import score_card
from lgl_core.spikes import training_part
from studies import methods as studies_methods
from studies.methods import METHODS, PEAK, Method, Run, measured
from studies.plans import NETWORK_SEEDS, STUDIES
from studies.rows import COLUMNS
from tests.studies.test_results import TINY

pytestmark = pytest.mark.usefixtures("cold_cache")


@pytest.fixture(scope="module")
def spikes():
    return training_part(TINY.spikes())


@pytest.mark.slow
@pytest.mark.parametrize("key", METHODS, ids=", ".join)
def test_every_method_gives_a_graph_of_a_short_recording(key, spikes):
    graph = METHODS[key](spikes)
    assert graph.shape == (12, 12) and np.isfinite(graph).all() and graph.any()


@pytest.mark.slow
def test_a_run_is_the_method_called_by_hand_and_its_cost(spikes):
    run = measured("transfer entropy", "signed", spikes)
    np.testing.assert_array_equal(run.graph, transfer_entropy(spikes))
    assert 0 < run.seconds < 10 and 0 <= run.peak_mb < 500


def greedy(spikes):
    """Take 300 MB for the whole recording, and next to nothing for the warm-up."""
    return np.ones((300 if spikes.duration > 10 else 1, 2**17))[:1]


def peak_of_greedy(spikes):
    METHODS["greedy", ""] = greedy
    return studies_methods._timed("greedy", "", spikes).peak_mb


@pytest.mark.slow
def test_memory_is_what_the_run_adds(spikes):
    with ProcessPoolExecutor(1) as process:
        assert process.submit(peak_of_greedy, spikes).result() == pytest.approx(300, abs=30)


@pytest.mark.slow
def test_it_can_be_measured_where_studies_run(spikes):
    """Two points at once, each in a process of joblib."""
    keys = [("ccg", "1 to 4 ms"), ("transfer entropy", "signed")]
    runs = Parallel(n_jobs=2)(delayed(measured)(*key, spikes) for key in keys)
    for key, run in zip(keys, runs, strict=True):
        np.testing.assert_array_equal(run.graph, METHODS[key](spikes))


def test_rows_are_the_scores_the_time_and_the_memory_of_a_method(monkeypatch, spikes):
    def run(method, reading, given):
        np.testing.assert_array_equal(given.times, spikes.times)
        return Run(graph=METHODS[method, reading](given), seconds=2.5, peak_mb=7.5)

    monkeypatch.setattr(studies_methods, "measured", run)
    method, reading = "tspe", "up to 10 ms"
    point = Method(recording=TINY, method=method, reading=reading)
    table = point.rows()
    assert point.is_ready and list(table.columns) == COLUMNS
    labels = table[["method", "reading", "seconds", "network_seed"]].drop_duplicates()
    assert labels.to_numpy().tolist() == [[method, reading, 2.5, TINY.seed]]
    found = table.set_index(["view", "score"])["value"]
    assert found["cost", PEAK] == 7.5
    truth = TINY.network()
    card = score_card(METHODS[method, reading](spikes), truth.weights, truth.hubs)
    card = card.set_index(["view", "score"])["value"]
    pd.testing.assert_series_equal(found[card.index], card, check_names=False)
    assert table.loc[table["view"] == "true", "null_sd"].notna().any()


def test_an_unknown_method_is_named(spikes):
    with pytest.raises(ValueError, match="got \\('transfer entropy', 'squared'\\)"):
        measured("transfer entropy", "squared", spikes)


def test_the_study_has_a_point_for_each_network_and_method():
    points = STUDIES["methods"].points()
    found = [(point.recording.seed, point.method, point.reading) for point in points]
    assert found == [(seed, *key) for seed in NETWORK_SEEDS for key in METHODS]
