"""What falls silent, what that changes, and who is said to have foreseen it."""

from dataclasses import replace

import numpy as np
import pytest

from studies.fitted import fitted_recording
from studies.original import PaperRecording
from studies.points import Recording
from studies.silenced import (
    CHECKED,
    CUT,
    FORESEEN,
    GOES_ON,
    OF_WEIGHTS,
    WHO,
    Silenced,
    SilencedInModel,
    _strongest,
    groups_of,
    silenced,
    true_rates,
)
from studies.small import SMALL_NETWORK, SMALL_STRIPES

pytestmark = pytest.mark.usefixtures("cold_cache")

RECORDING = Recording(settings=SMALL_NETWORK, duration=40.0)
STRIPES = PaperRecording(n_spikes=3000, changes=SMALL_STRIPES)
SHORT = {"n_ordinary": 2, "seconds": 10.0, "generated": 10.0}


def test_hubs_are_silenced_whole_and_others_one_by_one():
    for recording, n_hubs in ((RECORDING, 2), (STRIPES, 3)):
        network, groups = recording.network(), groups_of(recording, 4)
        assert len(groups) == n_hubs + 4
        assert np.array_equal(np.sort(np.concatenate(groups[:n_hubs])), np.sort(network.hubs))
        assert all(len(group) == 1 for group in groups[n_hubs:])
        assert not np.isin(np.concatenate(groups[n_hubs:]), network.hubs).any()


def test_with_the_same_noise_only_the_synapses_make_a_difference():
    network, neurons = RECORDING.network(), RECORDING.neurons()
    before = true_rates(network, neurons, 5.0)
    np.testing.assert_array_equal(true_rates(network, neurons, 5.0), before)
    assert (before[0] != before[1]).any(), "the two runs have noise of their own"
    weights = network.weights.copy()
    hub = int(network.hubs[0])
    weights[:, hub] = 0
    after = true_rates(replace(network, weights=weights), neurons, 5.0)
    assert after[:, network.weights[:, hub] > 0].mean() < before[:, weights[:, hub] == 0].mean()
    assert (after[:, hub] > 0).all(), "the neuron itself fires on, and nobody hears it"


def test_strongest_pairs_are_off_the_diagonal_largest_first():
    graph = np.array([[9.0, 1.0, -4.0], [0.0, 9.0, 2.0], [3.0, -5.0, 9.0]])
    assert _strongest(graph, 0.5).tolist() == [7, 2, 6]


@pytest.fixture(scope="module")
def table(cold_cache):
    return Silenced(recording=RECORDING, **SHORT).rows()


def test_who_has_the_weights_foresees_what_hubs_do(table):
    value = table.set_index(["method", "reading", "view", "score"])["value"]
    assert value["truth", "weights", FORESEEN, "hubs"] > 0.6
    assert value["truth", "weights", OF_WEIGHTS, "hubs"] == pytest.approx(1.0)
    assert value["truth", "weights", CUT, "best half"] == pytest.approx(1.0)
    assert value["truth", "weights", CUT, "worst half"] < 1
    assert value["glm", GOES_ON, FORESEEN, "hubs"] > value["rates", "product", FORESEEN, "hubs"]
    assert value["truth", "half of the runs", FORESEEN, "size, hubs"] > 0
    assert value["glm", GOES_ON, CHECKED, "ratio of mean rates"] == pytest.approx(1, abs=0.2)
    assert 0 < value["glm", GOES_ON, FORESEEN, "slope, hubs"] < 2
    assert np.isfinite(table["value"]).all()
    # Every graph is asked the same.
    asked = table[table["view"].isin([FORESEEN, OF_WEIGHTS])].groupby(["method", "reading", "view"])
    assert all(set(WHO) <= set(rows["score"]) for _, rows in asked)


def test_a_transformer_is_asked_when_it_goes_on_and_by_its_readings():
    point = SilencedInModel(
        recording=RECORDING, n_spikes=100, training={"epochs": 1, "batch_size": 16},
        **(SHORT | {"generated": 8.0}),
    )  # fmt: skip
    assert not point.is_ready
    rows = point.rows()
    assert point.is_ready
    assert set(rows["model"]) == {"rotary"}
    assert set(rows["reading"]) == {GOES_ON, "", "excess over columns", "influence"}
    assert np.isfinite(rows["value"]).all()


def test_the_study_has_networks_of_three_kinds():
    points = silenced(range(5))
    recordings = {point.recording.label for point in points}
    assert recordings == {
        "hub_network", "hub_assemblies, 20 ms, 1000000 spikes", fitted_recording(0).label,
    }  # fmt: skip
    assert sum(isinstance(point, Silenced) for point in points) == 15
