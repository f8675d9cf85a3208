"""The whole path on a small network, from a cold cache and from a warm one."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lgl_core import experiment, whole_path
from lgl_core.extraction.attention import attention_connectivity
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.metrics.scores import alignment, paper_table_1
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.model import TransformerConfig
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, TrainedModel
from studies.evidence.claims_table_1 import claims
from studies.evidence.report import chosen

NETWORK = hub_network(15, n_hubs=1, connection_probability=0.2, seed=0)
QUICK = TrainConfig(epochs=1, batch_size=16)
GLM = GLMConfig(n_basis=2, window=10e-3)
PATH = {"duration": 30.0, "seed": 3, "size": "tiny", "train_config": QUICK, "glm_config": GLM}


pytestmark = [pytest.mark.usefixtures("cold_cache"), pytest.mark.slow]


@pytest.fixture(scope="module")
def table():
    return whole_path.run(NETWORK, **PATH)


def test_table_is_tidy_and_complete(table):
    graph = ["method", "model", "layer", "reading"]
    assert list(table) == [*graph, "view", "score", "value", "n_spikes", "seconds"]
    graphs = [("attention", model, layer, "")
              for model in ("interval", "rotary") for layer in ("all", "1", "2")]  # fmt: skip
    graphs += [("glm", "", "", kind) for kind in ("peak", "area")]
    assert [*table[graph].drop_duplicates().itertuples(index=False, name=None)] == graphs
    assert len(table) == len(graphs) * 9
    assert not table.duplicated([*graph, "view", "score"]).any()
    assert table.value.notna().all()


@pytest.mark.slow
def test_scores_are_those_of_the_stages_called_by_hand(table):
    """No stage is skipped, swapped or fed with other spikes than it should be."""
    spikes = simulate(NETWORK, duration=30.0, seed=3)
    assert (table.n_spikes == len(spikes)).all()
    first = spikes.split(0.8)[0]
    coupling = fit_glm(first, GLM, progress=False).coupling("area")
    check(table, coupling, reading="area")
    trained = experiment.train_models(spikes, ["rotary"], size="tiny", config=QUICK)["rotary"]
    tokens = experiment.split_tokens(spikes)[0]
    by_hand = attention_connectivity([trained[0].model], tokens, stride=16, progress=False)
    check(table, by_hand.connectivity(), model="rotary", layer="all")
    check(table, by_hand.connectivity(layer=1), model="rotary", layer="2")


def test_what_reads_spikes_reads_all_that_it_is_given():
    """Only training takes a part: GLM, attention and whatever stands beside them read alike."""
    spikes = simulate(NETWORK, duration=30.0, seed=3)
    model = experiment.train_models(spikes, ["rotary"], size="tiny", config=QUICK)["rotary"]
    for given in (spikes, experiment.training_part(spikes), spikes.select(stop=10.0)):
        by_hand = fit_glm(given, GLM, progress=False)
        np.testing.assert_array_equal(experiment.fit_glm(given, GLM).weights, by_hand.weights)
        read = attention_connectivity([model[0].model], tokenize(given), stride=16, progress=False)
        np.testing.assert_array_equal(experiment.attention_of(model, given).flow, read.flow)


def test_the_training_part_is_what_a_model_is_trained_on():
    spikes = simulate(NETWORK, duration=30.0, seed=3)
    part, tokens = experiment.training_part(spikes), experiment.split_tokens(spikes)[0]
    assert part.duration == pytest.approx(24.0)
    np.testing.assert_array_equal(tokenize(part).neurons, tokens.neurons)


def test_another_part_makes_another_model():
    spikes = simulate(NETWORK, duration=30.0, seed=3)
    three_fifths = experiment.training_part(spikes, 0.6)
    assert three_fifths.duration == pytest.approx(18.0)
    tokens = experiment.split_tokens(spikes, 0.6)
    assert len(tokens[0]) == len(three_fifths) and sum(map(len, tokens)) == len(spikes)
    settings = {"size": "tiny", "config": QUICK}
    usual, other = (
        experiment.train_models(spikes, ["rotary"], train_fraction=part, **settings)["rotary"][0]
        for part in (0.8, 0.6)
    )
    assert usual.steps.neuron[0] != other.steps.neuron[0]  # other windows
    assert experiment.is_trained(spikes, "rotary", train_fraction=0.6, **settings)
    assert not experiment.is_trained(spikes, "rotary", train_fraction=0.5, **settings)


def check(table, estimate, **labels):
    found = chosen(table, **labels).pivot(index="score", columns="view", values="value")
    expected = alignment(estimate, NETWORK.weights)
    pd.testing.assert_frame_equal(found.loc[expected.index, expected.columns], expected, rtol=1e-6)


def test_a_warm_cache_gives_the_same_table_and_computes_nothing(table, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("computed although it was in the cache")

    monkeypatch.setattr("lgl_core.transformer.training.Run", forbidden)
    monkeypatch.setattr("lgl_core.simulation.lif.advance", forbidden)
    monkeypatch.setattr("lgl_core.glm.fit.solve", forbidden)
    monkeypatch.setattr("lgl_core.extraction.attention.attention_connectivity", forbidden)
    again = whole_path.run(NETWORK, **PATH)
    pd.testing.assert_frame_equal(
        again.drop(columns="seconds"), table.drop(columns="seconds"), check_exact=True
    )


def test_another_drive_is_another_simulation_and_the_same_one_is_found_again(monkeypatch):
    drives = [None, np.full((3, NETWORK.n_neurons), 4.0), np.full((3, NETWORK.n_neurons), 4.5)]

    def counts():
        return [len(experiment.simulate(NETWORK, duration=2.0, drive=one)) for one in drives]

    first = counts()
    assert first[0] < first[1] < first[2]
    monkeypatch.setattr("lgl_core.simulation.lif.advance", None)  # nothing is left to compute
    assert counts() == first


def test_members_of_an_ensemble_are_independent_and_the_first_is_the_single_model(table):
    spikes = experiment.simulate(NETWORK, duration=30.0, seed=3)
    single = experiment.train_models(spikes, ["rotary"], size="tiny", config=QUICK)["rotary"]
    pair = experiment.train_models(spikes, ["rotary"], size="tiny", config=QUICK, n_models=2)[
        "rotary"
    ]
    weights = [m.model.neuron_head.weight.detach().numpy() for m in single + pair]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], weights[2])


def paper_as_scores(**changes):
    """Table 1 of the paper in the form of our scores, with single values changed."""
    table = paper_table_1()
    glm = table["method"] == "glm"
    table = table.assign(reading=np.where(glm, "peak", ""), model=np.where(glm, "", "interval"))
    table["layer"] = np.where(glm, "", "all")
    for cell, number in changes.items():
        method, view, score = cell.split("__")
        here = (table.method == method) & (table.view == view) & (table.score == score)
        table.loc[here, "value"] = number
    return table


def test_the_papers_own_table_supports_its_claims():
    blank = {"attention__abs__spearman": 0.0}  # left blank there; any low value will do
    verdicts = claims(paper_as_scores(**blank)).set_index("claim")
    assert verdicts.holds.all()
    assert verdicts.measured.iloc[0] == "GLM edges 0.26 / 0.16; Neuroformer edges 0.11 / 0.13"


@pytest.mark.parametrize(
    ("cell", "number", "broken"),
    [
        ("glm__true__spearman", 0.55, ["Both models recover edges modestly"]),
        ("attention__co_input__spearman", 0.6, ["Neuroformer is ahead of the GLM on co-input"]),
        ("attention__true__spearman", 0.17, ["The GLM is ahead on edges"]),
        ("glm__abs__pearson", 0.3, ["Both do worse on magnitudes"]),
        (
            "glm__co_input__pearson",
            0.2,
            ["Both align better in co-input"],
        ),
    ],
)
def test_one_number_can_break_a_claim(cell, number, broken):
    changes = {"attention__abs__spearman": 0.0, cell: number}
    verdicts = claims(paper_as_scores(**changes))
    failed = verdicts.claim[~verdicts.holds]
    assert len(failed) == len(broken)
    assert all(claim.startswith(start) for claim, start in zip(failed, broken, strict=True))


@pytest.mark.weekly
def test_command_line_walks_the_path(table):
    command = [sys.executable, "-m", "lgl_core", "run"]
    command += ["--seed", "1", "--duration", "2", "--size", "tiny"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert "rotary" in result.stdout and "peak" in result.stdout
    assert "LIF" in result.stderr and "s/s" in result.stderr  # a progress bar with its rate


def test_a_graph_alone_has_no_attention():
    config = TransformerConfig(n_neurons=3, n_classes=4, n_layers=0, coupling=CouplingConfig())
    nothing = pd.DataFrame()
    graph = TrainedModel(config.build(), nothing, nothing, None)
    with pytest.raises(ValueError, match="models must have layers that attend, got n_layers=0"):
        experiment.attention_of(
            [graph], SpikeTrains(times=[0.1], neurons=[0], n_neurons=3, duration=1.0)
        )


def test_attention_of_a_model_that_does_not_know_its_spikes_asks_for_them():
    config = TransformerConfig(n_neurons=3, n_classes=4, n_layers=1, n_heads=1, width=8, context=4)
    model = TrainedModel(config.build(), pd.DataFrame(), pd.DataFrame())
    with pytest.raises(ValueError, match="spikes must be given for a model that was not trained"):
        experiment.attention(model)
