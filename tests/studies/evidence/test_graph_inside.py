"""A graph inside the model, as a page shows it."""

import numpy as np
import pytest
import torch

from lgl_core.networks.network import Network, hub_network
from lgl_core.transformer.coupling import Coupling, CouplingConfig
from studies.evidence.graph_inside import coupling_by_lag, prior_scores, telling_pairs
from studies.evidence.report import NotMeasured
from studies.results import load

SCORES = {"edges": ("true", "pearson"), "any synapse": ("abs", "auc")}


@pytest.mark.parametrize("rank", [0, 2])
def test_filters_sum_up_to_the_graph_once_each_column_has_lost_its_median(rank):
    torch.manual_seed(0)
    coupling = Coupling(CouplingConfig(rank=rank), n_neurons=5)
    with torch.no_grad():
        coupling.weight.normal_()
        coupling.weight[2, :, :] += 3.0  # what no softmax sees
    step = 0.05e-3
    lags = np.arange(step / 2, 8e-3, step)
    area = coupling_by_lag(coupling, lags).sum(axis=2) * step  # [post, pre]
    off = ~np.eye(5, dtype=bool)
    for pre in range(5):
        apart = (area - coupling.graph("area"))[:, pre]
        assert np.ptp(apart) < 1e-6, "a column differs by one number"
    assert np.abs(area[off]).max() > 1e-3


def test_pairs_are_of_the_kind_that_they_are_called():
    network = hub_network(n_neurons=40, n_hubs=2, seed=3)
    pairs = telling_pairs(network)
    weights = {name: network.weights[pair] for name, pair in pairs.items()}
    assert pairs["from a hub"][1] == network.hubs[0]
    assert weights["from a hub"] == network.weights[:, network.hubs[0]].max()
    assert weights["not connected"] == 0 and len(set(pairs["not connected"])) == 2
    ordinary = np.delete(network.weights, network.hubs, axis=1)
    assert weights["strongest ordinary"] == ordinary.max()
    assert weights["strongest inhibitory"] == ordinary.min() < 0
    assert all(pair[1] not in network.hubs for pair in list(pairs.values())[1:])


def test_pairs_are_found_in_a_network_whose_truth_can_be_seen():
    weights = np.array([[0, 9, 0, 0], [0, 0, 2, -3], [0, 8, 0, -1], [0, 0, 1, 0]])
    network = Network(weights=weights, hubs=[1], inhibitory=[3])
    assert telling_pairs(network) == {
        "from a hub": (0, 1),
        "not connected": (0, 2),
        "strongest ordinary": (1, 2),
        "strongest inhibitory": (1, 3),
    }


class TestPriorScores:
    def test_each_prior_has_the_committed_scores_of_its_own_model(self):
        table = load("graph_constrained")
        found = prior_scores(table, SCORES)
        names = ["as above", "sparsity 0", "sparsity 0.3", "dale 1", "rank 8"]
        assert list(found.index) == [*names, "trained like the plain model"]
        first = (table["network"] == "hub_network") & (table["network_seed"] == 0)
        for name, changes in (("as above", ""), ("rank 8", "rank 8")):
            own = table[first & (table["model"] == "alone") & (table["changes"] == changes)]
            own = own[own["reading"].isin(["", "area"])]
            own = own.set_index(["view", "score"])["value"]
            expected = [
                own["true", "pearson"],
                own["abs", "auc"],
                own["visible", "held-out neuron"],
            ]
            assert found.loc[name].tolist() == expected

    def test_what_is_not_in_yet_is_left_out(self):
        table = load("graph_constrained")
        some = table[(table["model"] == "alone") & (table["changes"] == "")]
        assert list(prior_scores(some, SCORES).index) == ["as above"]
        with pytest.raises(NotMeasured, match="network"):
            prior_scores(table[table["network"] != "hub_network"], SCORES)
