"""Points of the study on the paper's own network."""

from dataclasses import asdict, fields, replace

import numpy as np
import pandas as pd
import pytest

from lgl_core.baselines.pairwise import correlation
from lgl_core.extraction.selected import selected_attention
from lgl_core.metrics.card import score_card
from lgl_core.networks.assemblies import assembly_of
from lgl_core.transformer.tokens import tokenize
from studies import original as studies_original
from studies.original import (
    FIGURE,
    FITTED,
    SETTINGS,
    Activity,
    PaperRecording,
    blocks_of_activity,
)
from studies.original_models import (
    BOOK,
    CENTRED,
    KINDS,
    ORIGINAL,
    ORIGINAL_MODEL,
    READOUTS,
    PaperModel,
    panel,
)
from studies.original_scores import (
    IN_THIRDS,
    PERMUTED,
    SHUFFLED,
    Counted,
    CoupledGLM,
    judged,
)
from studies.rows import COLUMNS

pytestmark = [pytest.mark.usefixtures("cold_cache"), pytest.mark.slow]

SMALL = PaperRecording(
    seed=3, n_spikes=2000, changes={"n_neurons": 30, "source_sd": 1.5, "target_sd": 5.0}
)


class TestRecording:
    @pytest.mark.parametrize("name", SETTINGS)
    def test_settings_are_in_thresholds(self, name):
        neurons = SETTINGS[name].neurons()
        assert (neurons.v_rest, neurons.v_threshold, neurons.v_reset) == (0, 1, 0)
        assert neurons.tau_m == SETTINGS[name].tau_m and neurons.mu == SETTINGS[name].mu

    def test_it_has_as_many_spikes_as_asked_for(self):
        assert len(SMALL.spikes()) == 2000
        assert len(SMALL.read()) == pytest.approx(1200, abs=150)  # three fifths of the time

    def test_a_silent_network_is_no_endless_loop(self, monkeypatch):
        silent = SETTINGS[FITTED].__class__(**asdict(SETTINGS[FITTED]) | {"mu": -5.0, "sigma": 0.0})
        monkeypatch.setitem(SETTINGS, FITTED, silent)
        with pytest.raises(RuntimeError, match="2000 spikes"):
            SMALL.spikes()

    def test_the_label_tells_recordings_apart(self):
        labels = {SMALL.label, PaperRecording().label, PaperRecording(ties="by_id").label}
        labels |= {PaperRecording(setting=name).label for name in SETTINGS}
        assert len(labels) == 2 + len(SETTINGS)

    def test_activity_is_that_of_pairs(self):
        spikes = SMALL.spikes()
        matrix, thirds = correlation(spikes, 0.1), assembly_of(30)
        found = blocks_of_activity(spikes, 0.1)
        assert list(found) == list(FIGURE)
        pairs = [(i, j) for i in range(30) for j in range(30) if i != j]
        for name, (a, b) in {"within 2": (1, 1), "between 1 and 3": (0, 2)}.items():
            expected = [matrix[i, j] for i, j in pairs if (thirds[i], thirds[j]) == (a, b)]
            assert found[name] == pytest.approx(np.mean(expected))
        rows = Activity(recording=SMALL).rows()
        assert list(rows) == COLUMNS and set(rows["score"]) == {"rate", *FIGURE}


class TestScores:
    def test_values_are_those_of_the_score_card_and_nulls_know_less(self):
        truth = SMALL.network()
        noisy = truth.weights + np.random.default_rng(0).normal(0, 0.05, truth.weights.shape)
        table = judged(noisy, truth)
        card = score_card(noisy, truth.weights, truth.hubs).set_index(["view", "score"])["value"]
        scored = table[table["null"].notna()]
        for row in scored.itertuples():
            np.testing.assert_allclose(row.value, card[row.view, row.score])
        means = scored.set_index(["null", "view", "score"])["null_mean"]
        everywhere, thirds, blocks = (
            means[null, "co_input", "pearson"] for null in (PERMUTED, IN_THIRDS, SHUFFLED)
        )
        value = card["co_input", "pearson"]
        assert abs(everywhere) < 0.1 < thirds < value and 0.1 < blocks < value
        assert table.query("view == 'hubs'")["value"].item() == 1

    def test_the_panel_is_that_of_loops(self):
        truth, rng = SMALL.network(), np.random.default_rng(1)
        graph = rng.random((30, 30))
        found = panel(graph, truth).set_index("score")["value"]
        thirds = assembly_of(30)
        below = [graph[i, j] for i in range(30) for j in range(i) if thirds[i] == thirds[j]]
        above = [graph[i, j] for i in range(30) for j in range(i + 1, 30) if thirds[i] == thirds[j]]
        assert found["edge"] == pytest.approx(np.mean(below) - np.mean(above))
        hubs = [
            graph[i, j] for j in truth.hubs for i in range(30) if i != j and thirds[i] == thirds[j]
        ]
        assert found["hubs"] == pytest.approx(np.mean(hubs))
        assert found["mean"] == pytest.approx(graph[~np.eye(30, dtype=bool)].mean())


class TestWithoutTransformer:
    def test_all_methods_read_three_fifths(self):
        graphs = Counted(recording=SMALL).estimates()
        first = SMALL.spikes().split(0.6)[0]
        np.testing.assert_array_equal(graphs["correlation", "100 ms"], correlation(first, 0.1))
        assert all(graph.shape == (30, 30) for graph in graphs.values())

    def test_what_knows_the_thirds_knows_nothing_within_them(self):
        truth, references = SMALL.network(), Counted(recording=SMALL).references()
        thirds = assembly_of(30)
        for graph in references.values():
            for a in range(3):
                for b in range(3):
                    assert len(np.unique(graph[np.ix_(thirds == a, thirds == b)])) == 1
        means = references["truth", "block means"]
        within = (thirds[:, None] == 0) & (thirds == 0) & ~np.eye(30, dtype=bool)
        assert means[0, 1] == pytest.approx(truth.weights[within].mean())

    def test_rows_are_columns(self):
        for point in (Counted(recording=SMALL), CoupledGLM(recording=SMALL)):
            rows = point.rows()
            assert list(rows) == COLUMNS and rows["network"].eq(SMALL.label).all()

    def test_a_fit_that_is_stopped_early_is_named_and_another_one(self):
        stopped, optimum = CoupledGLM(recording=SMALL, epochs=3), CoupledGLM(recording=SMALL)
        assert stopped.fit().n_iterations.max() == 3
        assert np.abs(stopped.fit().weights).max() < np.abs(optimum.fit().weights).max()
        for point, changes in ((stopped, "Adam, 3 epochs"), (optimum, "")):
            rows = point.rows()
            assert set(rows["changes"]) == {changes} and {"peak", "area"} <= set(rows["reading"])


class TestModels:
    def test_each_read_out_turns_one_switch(self):
        switches = [f.name for f in fields(ORIGINAL)]
        turned = []
        for name, readout in READOUTS.items():
            differ = [s for s in switches if getattr(readout, s) != getattr(ORIGINAL, s)]
            if readout == BOOK:
                assert sorted(differ) == sorted(switches)
            elif readout != ORIGINAL:
                (one,) = differ
                assert name.startswith("original but ")
                turned.append(one)
        assert sorted(turned) == sorted(switches)

    def test_the_original_is_read_as_its_code_did(self):
        # So short that some pairs have no tokens in one window.
        short = replace(SMALL, n_spikes=400, changes=SMALL.changes | {"n_neurons": 60})
        model = PaperModel(recording=short)
        (member,) = model.members()
        assert member.model.config.time_embedding == "position"
        assert (member.model.config.n_layers, member.model.config.width) == (2, 128)
        by_hand = selected_attention([member.model], tokenize(short.read()), progress=False)
        graphs, expected = model.estimates(), by_hand.connectivity(head=1)
        np.testing.assert_array_equal(graphs["original but zero for unseen pairs"], expected)
        seen = by_hand.pairs > 0
        assert not seen.all()
        between = seen & ~np.eye(60, dtype=bool)
        filled = np.where(seen, expected, expected[between].mean())
        np.testing.assert_allclose(graphs["original read-out"], filled)

    @pytest.mark.parametrize("kind", ["original model", "rotary"])
    def test_rows_say_which_model_and_read_out(self, kind, monkeypatch):
        monkeypatch.setitem(KINDS["rotary"], "training", {"epochs": 1, "batch_size": 4})
        rows = PaperModel(recording=SMALL, kind=kind).rows()
        assert list(rows) == COLUMNS
        names = READOUTS if kind == "original model" else ["read-out of the book"]
        assert set(rows["model"]) == {kind} and set(rows["reading"]) == {*names, ""}
        scored = rows[rows["reading"] != ""].groupby("reading")["kept"].agg(set)
        assert scored.map(lambda kept: kept == {"", CENTRED}).all()
        losses = rows[rows["view"] == "visible"].set_index("score")["value"]
        assert 0 < losses["held-out neuron"] < 5 and 0 < losses["unigram"] < np.log(30) + 0.1

    def test_an_ensemble_adds_up_its_members(self):
        both = PaperModel(recording=SMALL, n_models=2)
        alone = [PaperModel(recording=SMALL, seed=seed) for seed in (0, 1)]
        mean = np.mean([m.attention(ORIGINAL).flow for m in alone], axis=0)
        np.testing.assert_allclose(both.attention(ORIGINAL).flow, mean, atol=1e-5)
        assert both.is_ready and not PaperModel(recording=SMALL, seed=7).is_ready
        assert set(both.rows()["n_models"]) == {2}


def test_kinds_and_settings_are_what_the_study_names():
    assert studies_original.FITTED in SETTINGS and studies_original.COARSE_STEPS in SETTINGS
    assert ORIGINAL_MODEL in KINDS
    assert isinstance(Counted(recording=SMALL).rows(), pd.DataFrame)
