"""Scores of a decision, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, matthews_corrcoef, precision_score, recall_score

from lgl_core.metrics.decisions import called_graph, decision_scores

seeds = st.integers(0, 10_000)


def pair_of_graphs(seed, n=7):
    rng = np.random.default_rng(seed)
    return rng.integers(-1, 2, (n, n)), rng.integers(-1, 2, (n, n)) * rng.uniform(1, 2, (n, n))


@given(seeds)
def test_scores_are_those_of_scikit_learn(seed):
    called, truth = pair_of_graphs(seed)
    off = ~np.eye(7, dtype=bool)
    is_called, is_synapse = called[off] != 0, truth[off] != 0
    found = decision_scores(called, truth)
    assert found["precision"] == pytest.approx(precision_score(is_synapse, is_called))
    assert found["fdr"] == pytest.approx(1 - found["precision"])
    assert found["recall"] == pytest.approx(recall_score(is_synapse, is_called))
    assert found["f1"] == pytest.approx(f1_score(is_synapse, is_called))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(is_synapse, is_called))
    both = is_called & is_synapse
    assert found["right_sign"] == pytest.approx(
        np.mean(np.sign(called[off][both]) == np.sign(truth[off][both]))
    )
    assert (found["called"], found["synapses"]) == (is_called.sum(), is_synapse.sum())


@given(seeds)
def test_the_diagonal_does_not_count(seed):
    called, truth = pair_of_graphs(seed)
    other = called.copy()
    np.fill_diagonal(other, 1 - np.diag(called) ** 2)
    np.testing.assert_equal(decision_scores(other, truth).to_dict(),
                            decision_scores(called, truth).to_dict())  # fmt: skip


def test_a_perfect_and_an_empty_decision():
    _, truth = pair_of_graphs(3)
    best = decision_scores(np.sign(truth), truth)
    assert best[["precision", "recall", "f1", "mcc", "right_sign"]].eq(1).all()
    nothing = decision_scores(np.zeros((7, 7)), truth)
    assert nothing["fdr"] == 0 and nothing["recall"] == 0 and nothing["f1"] == 0
    assert np.isnan(nothing["precision"]) and np.isnan(nothing["mcc"])
    assert np.isnan(decision_scores(np.ones((7, 7)), np.zeros((7, 7)))["recall"])


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="called must be as large as truth"):
        decision_scores(np.zeros((3, 3)), np.zeros((4, 4)))


def test_a_list_becomes_a_graph_of_its_signs():
    found = pd.DataFrame({"pre": [0, 2], "post": [1, 0], "sign": [1, -1]})
    np.testing.assert_array_equal(called_graph(found, 3), [[0, 0, -1], [1, 0, 0], [0, 0, 0]])
