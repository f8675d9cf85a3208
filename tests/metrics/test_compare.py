"""Graphs beside each other: the scores are those of the card, beside those of the nulls."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.card import score_card
from lgl_core.metrics.compare import compare
from lgl_core.metrics.nulls import null_scores
from lgl_core.networks.network import hub_network

NETWORK = hub_network(n_neurons=30, n_hubs=2, seed=0)
NOISE = np.random.default_rng(0).normal(size=(30, 30))
GRAPHS = {"noise": NOISE, "nearly": NETWORK.weights + 0.1 * NOISE}


def test_each_row_is_that_of_the_card_beside_its_null():
    table = compare(GRAPHS, NETWORK, n_nulls=5, seed=3)
    assert list(table) == ["method", "view", "score", "value", "null_mean", "null_sd"]
    for method, graph in GRAPHS.items():
        mine = table[table["method"] == method].set_index(["view", "score"])
        card = score_card(graph, NETWORK.weights, NETWORK.hubs).set_index(["view", "score"])
        pd.testing.assert_series_equal(mine["value"], card["value"])
        nulls = null_scores(graph, NETWORK.weights, n=5, seed=3, hubs=NETWORK.hubs)
        with_null = mine.dropna(subset="null_mean")
        assert len(with_null) == len(nulls)
        for row in nulls.itertuples():
            assert with_null.loc[(row.view, row.score), "null_mean"] == row.null_mean


def test_a_matrix_stands_for_a_network_without_hubs():
    table = compare({"noise": NOISE}, NETWORK.weights, n_nulls=2)
    assert "hubs" not in set(table["view"])
    assert "hubs" in set(compare({"noise": NOISE}, NETWORK, n_nulls=2)["view"])


@pytest.mark.parametrize(
    ("graphs", "sentence"),
    [({}, "graphs must hold at least one"), ({"a": np.ones((2, 3))}, "square"),
     ({"a": np.ones((4, 4))}, "size|shape")],
)  # fmt: skip
def test_what_is_no_graph_of_the_network_is_refused(graphs, sentence):
    with pytest.raises(ValueError, match=sentence):
        compare(graphs, NETWORK)
