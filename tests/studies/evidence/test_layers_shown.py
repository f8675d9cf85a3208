"""What layers know, on made-up tables and graphs made from the truth."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.extraction.readings import excess_shares
from lgl_core.metrics.scores import co_input, spearman
from lgl_core.networks.network import hub_network
from studies.evidence.layers_shown import (
    best_by_truth,
    excess_by_pair,
    head_ranges,
    hub_shares,
    layer_means,
    layers_scored,
    lost_by_averaging,
    opposed_layers,
    rows_compared,
    trainings_agree,
)
from studies.evidence.rules import OBSERVABLES
from studies.points import Model, Recording
from studies.small import SMALL_NETWORK, SMALL_TRAINING
from tests.studies.evidence.test_rules import model_rows, row


def test_heads_contradict_each_other_if_one_is_aligned_and_another_opposed():
    heads = pd.DataFrame(
        [("1", 0.5), ("1", -0.2), ("2", 0.5), ("2", -0.05)], columns=["layer", "value"]
    ).assign(name="interval")
    found = head_ranges(heads).loc["interval"]
    assert found["contradict"].tolist() == [True, False]
    assert found.loc["1", ["min", "max"]].tolist() == [-0.2, 0.5]


def test_a_layer_may_turn_with_the_reading_of_rows():
    values = {("1", "predicted"): 0.25, ("1", "query"): -0.5, ("2", "predicted"): 0.5,
              ("2", "query"): 0.75}  # fmt: skip
    table = pd.DataFrame([row(layer=k, rows=rows, value=v) for (k, rows), v in values.items()])
    found = rows_compared(table).reset_index()
    assert found["change"].tolist() == [0.75, 0.25]
    assert found["turned"].tolist() == [True, False]


SEEN = {observable: [0.1, 0.2] for observable in OBSERVABLES}
# Two networks, the first with two trainings; the scores of two layers and of their mean.
MODELS = pd.DataFrame(
    [
        *model_rows([0.1, 0.5, 0.2], SEEN, network_seed=0, model_seed=0),
        *model_rows([0.3, 0.1, 0.4], SEEN, network_seed=0, model_seed=1),
        *model_rows([0.4, 0.8, 0.6], SEEN, network_seed=1, model_seed=0),
    ]
)


def test_a_network_counts_once_in_the_mean_of_a_layer():
    found = layer_means(MODELS, ["interval"], ["co_input"]).loc["interval", "co_input"]
    assert found.to_dict() == pytest.approx({"1": 0.3, "2": 0.55, "all": 0.45})


def test_the_best_layer_is_that_of_each_model():
    found = best_by_truth(MODELS, "co_input")
    assert found.loc["interval"].to_dict() == {(0, 0): 2, (0, 1): 1, (1, 0): 2}


def test_an_average_loses_what_the_best_layer_has_more():
    found = lost_by_averaging({"interval": MODELS}, {"co_input": "co-input"})
    assert found.loc[("interval", "co-input")].to_dict() == pytest.approx(
        {
            "mean of layers": 0.45,
            "best layer": 0.6,
            "lost on average": (0.3 - 0.1 + 0.2) / 3,
            "lost at worst": 0.3,
        }
    )


def test_agreement_of_trainings_stands_beside_the_score_of_their_mean():
    seen = {"trainings_agree_true": [0.1, 0.2], "trainings_agree_co_input": [0.3, 0.4]}
    of_mean = model_rows([0.5, 0.6, 0.7], seen, model="rotary", n_models=3)
    found = trainings_agree(pd.concat([MODELS, pd.DataFrame(of_mean)], ignore_index=True))
    assert found.index.tolist() == [("rotary, mean of 3", 0, layer) for layer in "12"]
    assert found["score of the mean"].tolist() == [0.5, 0.6]
    assert found["trainings agree, edges"].tolist() == [0.1, 0.2]
    assert found["trainings agree, co-input"].tolist() == [0.3, 0.4]


@pytest.fixture(scope="module")
def network():
    return hub_network(n_neurons=40, n_hubs=3, seed=1)


class TestGraphs:
    def attention(self, network):
        """Every neuron attends to hubs, and to its inputs; targets of hubs have less to give."""
        even = 1.0 + 5 * np.isin(np.arange(40), network.hubs)
        graph = even + (network.weights > 0) - 0.5 * (network.weights < 0)
        heard = (network.weights[:, network.hubs] > 0).sum(axis=1)
        return graph / (1 + heard)[:, np.newaxis] ** 2

    def test_a_layer_with_weak_rows_is_opposed_until_rows_are_equal(self, network):
        graph = self.attention(network)
        found = opposed_layers({("interval", "1"): graph}, network).loc[("interval", "1")]
        off_diagonal = graph * (1 - np.eye(40))
        expected = spearman(co_input(off_diagonal), co_input(network.weights))
        assert found["co-input"] == pytest.approx(expected)
        assert found["edges"] == pytest.approx(spearman(off_diagonal, network.weights))
        assert found["co-input"] < -0.1 and found["strengths alone"] < -0.1
        assert found["rows made equal"] > 0.1

    def test_targets_are_those_that_hubs_reach(self, network):
        reached = (network.weights > 0).astype(float)
        found = opposed_layers({("one", "1"): 1.0 + reached}, network)
        assert found["targets"].tolist() == pytest.approx([2.0])

    def test_shares_of_hubs_are_means_over_neurons_that_hear_so_many(self, network):
        heard = (network.weights[:, network.hubs] > 0).sum(axis=1)
        pairs = np.ones((40, 40))
        pairs[:, network.hubs] = 1.0 + heard[:, np.newaxis]
        for number, share in hub_shares(pairs, network).items():
            assert share == pytest.approx(3 * (1 + number) / (37 + 3 * (1 + number)))

    def test_excess_is_averaged_over_pairs_of_one_kind(self, network):
        graph = self.attention(network)
        found = excess_by_pair({("interval", "all"): graph}, network).loc[("interval", "all")]
        shares = 40 * excess_shares(graph)
        others = [k for k in range(40) if k not in network.hubs]
        expected = {
            "a hub's synapse": shares[:, network.hubs][network.weights[:, network.hubs] > 0],
            "excitatory": shares[:, others][network.weights[:, others] > 0],
            "no synapse": shares[(network.weights == 0) & ~np.eye(40, dtype=bool)],
            "inhibitory": shares[network.weights < 0],
        }
        assert found.to_dict() == pytest.approx({k: v.mean() for k, v in expected.items()})


@pytest.mark.slow
def test_layers_are_scored_as_in_a_study():
    recording = Recording(duration=20.0, settings=SMALL_NETWORK)
    model = Model(recording=recording, size="tiny", training=SMALL_TRAINING)
    keys = ["layer", "view", "score"]
    study = model.rows()
    study = study[(study["head"] == "all") & (study["reading"] == "")]
    study = study[~study["score"].str.startswith("held-out") & (study["score"] != "spectral")]
    found = layers_scored(model).set_index(keys)["value"].sort_index()
    expected = study.set_index(keys)["value"].sort_index()
    pd.testing.assert_series_equal(found, expected, check_dtype=False, check_index_type=False)
