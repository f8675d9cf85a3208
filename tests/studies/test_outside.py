"""Points outside the simulation: the network and the neurons that they name are those they use."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lgl_core.disk.cache import source_hash
from lgl_core.networks.connectomes import larval_mushroom_body
from lgl_core.networks.network import hub_network
from lgl_core.simulation.izhikevich import simulate_izhikevich
from studies.outside import OutsideModel, OutsideRecording
from studies.plans import STUDIES
from studies.points import Model, Recording, rows
from studies.rows import COLUMNS

SMALL = {"n_neurons": 12, "n_hubs": 1, "connection_probability": 0.3}
TINY = OutsideRecording(settings=SMALL, duration=20.0, simulator="izhikevich")


pytestmark = pytest.mark.usefixtures("cold_cache")


def test_labels_tell_networks_and_neurons_apart():
    assert OutsideRecording(topology="larval_mushroom_body").label == "larval_mushroom_body"
    assert TINY.label.endswith("20 s, izhikevich")
    assert replace(TINY, simulator="lif").label == Recording(settings=SMALL, duration=20.0).label


@pytest.mark.slow
def test_the_mushroom_body_has_no_seed_and_its_noise_has():
    recording = OutsideRecording(topology="larval_mushroom_body", duration=2.0, seed=1)
    np.testing.assert_array_equal(recording.network().weights, larval_mushroom_body().weights)
    other = replace(recording, seed=2)
    np.testing.assert_array_equal(other.network().weights, recording.network().weights)
    assert len(other.spikes()) != len(recording.spikes())


def test_with_the_neurons_of_the_other_studies_it_is_their_recording():
    ours = OutsideRecording(settings=SMALL, duration=5.0, seed=3).spikes()
    theirs = Recording(settings=SMALL, duration=5.0, seed=3).spikes()
    np.testing.assert_array_equal(ours.times, theirs.times)
    np.testing.assert_array_equal(ours.neurons, theirs.neurons)


@pytest.mark.weekly
def test_the_other_neurons_are_simulated_and_scored_like_all():
    pytest.importorskip("brian2")
    expected = simulate_izhikevich(hub_network(**SMALL), duration=20.0, seed=0)
    np.testing.assert_array_equal(TINY.spikes().times, expected.times)
    table = rows(TINY)
    assert list(table.columns) == COLUMNS
    assert set(table["network"]) == {TINY.label}
    assert {"glm", "ccg", "truth"} <= set(table["method"])
    assert set(table["reading"][table["method"] == "ccg"]) == {"1 to 4 ms", "4 to 12 ms"}
    assert (table["n_spikes"] == len(expected)).all()


@pytest.mark.slow
def test_a_model_of_it_is_trained_on_its_spikes():
    pytest.importorskip("brian2")
    short = {"epochs": 1, "batch_size": 8}
    model = OutsideModel(recording=TINY, size="tiny", training=short)
    twin = Model(recording=TINY, size="tiny", training=short)
    assert not model.is_ready
    table = rows(model)
    assert model.is_ready and twin.is_ready  # one training for both
    assert set(table["network"]) == {TINY.label}
    assert set(table["method"]) == {"attention"}


def test_results_are_kept_under_the_source_of_the_other_simulator():
    assert OutsideModel.__module__ == OutsideRecording.__module__ == "studies.outside"
    assert source_hash("studies.outside") != source_hash("studies.points")


def test_the_source_of_a_points_own_class_is_part_of_the_key_of_its_rows(monkeypatch, tmp_path):
    monkeypatch.setenv("LGL_CACHE", str(tmp_path))
    monkeypatch.setattr(Recording, "rows", lambda self: pd.DataFrame({"value": [1.0]}))
    for point in (Recording(), replace(Recording(), seed=1), OutsideRecording()):
        pd.testing.assert_frame_equal(rows(point), rows(point))
    sources = [len(list(folder.glob("*"))) for folder in tmp_path.glob("results/*/*")]
    assert sorted(sources) == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"simulator": "nest"}, "simulator must be one of lif, izhikevich, got 'nest'"),
        ({"simulator": "izhikevich", "shifted": True}, "shifted must be False"),
    ],
)
def test_what_there_is_not(wrong, message):
    with pytest.raises(ValueError, match=message):
        OutsideRecording(**wrong)


def test_the_study_has_a_recording_and_two_models_of_each():
    points = STUDIES["outside"].points()
    recordings = [point for point in points if isinstance(point, OutsideRecording)]
    models = [point for point in points if isinstance(point, OutsideModel)]
    assert {recording.simulator for recording in recordings} == {"lif", "izhikevich"}
    for recording in recordings:
        mine = [model.time_embedding for model in models if model.recording == recording]
        assert mine == ["interval", "rotary"]
