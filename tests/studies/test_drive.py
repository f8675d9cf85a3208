"""Recordings of a part of a network, and what each method takes for a synapse in them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.pairs import confusion
from lgl_core.networks.motifs import common_drive
from studies.drive import STRONG, Confusions, PartialRecording
from studies.points import Recording, rows
from studies.rows import COLUMNS, with_names

DRIVEN = PartialRecording(
    topology="common_drive", duration=30.0, hubs_hidden=True,
    settings={"n_neurons": 20, "n_drivers": 3, "n_driven": 6, "connection_probability": 0.1},
)  # fmt: skip
SMALL_HUBS = {"n_neurons": 40, "n_hubs": 2}


pytestmark = pytest.mark.usefixtures("cold_cache")


def test_with_nothing_hidden_it_is_a_recording():
    whole, plain = (
        maker(settings=SMALL_HUBS, duration=20.0) for maker in (PartialRecording, Recording)
    )
    assert whole.label == plain.label
    np.testing.assert_array_equal(whole.network().weights, plain.network().weights)
    np.testing.assert_array_equal(whole.spikes().times, plain.spikes().times)


def test_hidden_neurons_fire_and_are_not_heard():
    whole = PartialRecording(settings=SMALL_HUBS, duration=20.0)
    half = replace(whole, fraction=0.5)
    seen = half.observed()
    assert len(seen) == 20 and half.label == f"{whole.label}, 50% of neurons"
    np.testing.assert_array_equal(
        half.network().weights, whole.network().weights[np.ix_(seen, seen)]
    )
    for id_, neuron in enumerate(seen):
        np.testing.assert_array_equal(
            half.spikes().times[half.spikes().neurons == id_],
            whole.spikes().times[whole.spikes().neurons == neuron],
        )


def test_drivers_are_hidden_sources():
    assert DRIVEN.network().n_neurons == 20 and not DRIVEN.network().hubs.size
    truth = common_drive(**DRIVEN.settings)
    drives = truth.weights[:20, 20:] >= STRONG
    together = drives.astype(int) @ drives.T > 0
    inner = truth.weights[:20, :20] != 0
    hidden = DRIVEN.kinds() == "hidden source"
    expected = together & ~inner & ~inner.T & ~np.eye(20, dtype=bool)
    np.testing.assert_array_equal(hidden, expected)


def test_shared_noise_is_known_by_group():
    shared = replace(
        DRIVEN, settings=DRIVEN.settings | {"n_drivers": 0}, noise_correlation=0.5, noise_groups=4
    )
    group = np.arange(20) % 4
    together = shared.kinds() == "together"
    assert together.any() and not together[group[:, None] != group].any()
    assert shared.label.endswith("hubs hidden, noise shared by 0.5")
    alone = replace(shared, noise_correlation=0.0)
    assert not (alone.kinds() == "together").any()
    assert not np.array_equal(alone.spikes().times, shared.spikes().times)


@pytest.mark.slow
def test_every_method_says_what_it_takes_for_a_synapse():
    point = Confusions(recording=DRIVEN)
    table = rows(point)
    assert point.is_ready and list(table.columns) == COLUMNS
    graph = DRIVEN.estimates()["ccg", "1 to 4 ms"]
    expected = confusion(graph, DRIVEN.kinds()).set_index("kind")
    mine = table[(table["method"] == "ccg") & (table["view"] == "pairs")]
    mine = mine.set_index("score")["value"]
    for kind in expected.index.drop("edge"):
        assert mine[f"edge above {kind}"] == expected.loc[kind, "edge_above"]
        if kind != "neither":
            assert mine[f"{kind} above neither"] == expected.loc[kind, "above_neither"]
        assert mine[f"n {kind}"] == expected.loc[kind, "n"]
    edges = table[(table["view"] == "true") & (table["score"] == "pearson")]
    assert edges["null_mean"].notna().all() and edges["method"].nunique() == 5


@pytest.mark.slow
def test_models_are_among_the_methods(monkeypatch):
    point = Confusions(recording=DRIVEN, with_models=True, n_spikes=40)
    short = {"epochs": 1, "batch_size": 8}
    plain, constrained = (replace(m, size="tiny", training=short) for m in point.models)
    monkeypatch.setattr(Confusions, "models", (plain, constrained))
    assert not point.is_ready
    for model in (plain, constrained.model):
        model.members()
    assert point.is_ready
    table = point.rows()
    models = table[table["method"].isin(["attention", "influence", "graph_constrained"])]
    inside = "alone, tiny, epochs 1, batch_size 8"
    assert set(with_names(models)["name"]) == {
        "rotary, tiny", "rotary, tiny, excess over columns", "rotary, tiny, removed, log rate",
        f"{inside}, area", f"{inside}, peak",
    }  # fmt: skip
    assert isinstance(table, pd.DataFrame) and (table["model_seed"] == 0).all()
