"""Kinds of pairs against counting by hand, and what an estimate takes for a synapse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.metrics.detection import auc
from lgl_core.metrics.pairs import KINDS, confusion, pair_kinds


def graph(n=7, density=0.2, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(n, n)) * (rng.random((n, n)) < density)
    np.fill_diagonal(weights, 0)
    return weights


def kind_by_hand(w, i, j, everybody, observed, together, at_least):
    """Post i and pre j, by asking one neuron after the other."""

    def strong(post, pre):
        return w[post, pre] != 0 and abs(w[post, pre]) >= at_least

    sources = [k for k in everybody if strong(i, k) and strong(j, k)]
    if w[i, j]:
        return "edge"
    if w[j, i]:
        return "reverse"
    if any(k not in observed for k in sources):
        return "hidden source"
    if sources:
        return "source"
    if together:
        return "together"
    if any(strong(k, j) and strong(i, k) for k in everybody):
        return "chain"
    if any(strong(k, j) and strong(k, i) for k in everybody):
        return "target"
    return "neither"


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6), density=st.sampled_from([0.05, 0.15, 0.3]),
    at_least=st.sampled_from([0.0, 0.5]), n_observed=st.integers(3, 7),
)  # fmt: skip
def test_kinds_are_those_counted_by_hand(seed, density, at_least, n_observed):
    w, rng = graph(density=density, seed=seed), np.random.default_rng(seed)
    observed = rng.permutation(7)[:n_observed].tolist()
    shared = rng.random((n_observed, n_observed)) < 0.3
    found = pair_kinds(w, observed, together=shared, at_least=at_least)
    assert set(np.unique(found)) <= {*KINDS, ""}
    for a, i in enumerate(observed):
        for b, j in enumerate(observed):
            if a == b:
                assert found[a, b] == ""
                continue
            expected = kind_by_hand(w, i, j, range(7), observed, shared[a, b], at_least)
            assert found[a, b] == expected


def test_the_chance_to_be_above_is_counted_by_hand():
    kinds = np.array([["", "edge", "source"], ["edge", "", "neither"], ["source", "neither", ""]])
    estimate = np.array([[0, -3, 2], [1, 0, 1], [5, 0, 0]])
    table = confusion(estimate, kinds).set_index("kind")
    # Edges 3 and 1 against sources 2 and 5: one of four; against neither 1 and 0: 3.5 of four.
    assert table["edge_above"].to_dict() == {"edge": 0.5, "source": 0.25, "neither": 0.875}
    assert table["above_neither"].to_dict() == {"edge": 0.875, "source": 1.0, "neither": 0.5}
    assert table["n"].to_dict() == {"edge": 2, "source": 2, "neither": 2}


def test_against_all_others_it_is_the_area_under_the_curve():
    w, estimate = graph(40), np.random.default_rng(1).normal(size=(40, 40))
    kinds = np.where(w != 0, "edge", "neither")
    np.fill_diagonal(kinds, "")
    (found,) = confusion(estimate, kinds).query("kind == 'neither'")["edge_above"]
    assert found == pytest.approx(auc(estimate, w))


def test_without_edges_nothing_is_above():
    kinds = pair_kinds(np.zeros((3, 3)))
    table = confusion(np.ones((3, 3)), kinds)
    assert table["kind"].tolist() == ["neither"] and np.isnan(table["edge_above"]).all()


def test_bad_values_are_named():
    with pytest.raises(ValueError, match=r"together must have the shape \(7, 7\), got \(2, 2\)"):
        pair_kinds(graph(), together=np.ones((2, 2), bool))
    with pytest.raises(ValueError, match="weights must be a square matrix"):
        pair_kinds(np.ones((2, 3)))
    with pytest.raises(ValueError, match="kinds must have the shape of the estimate"):
        confusion(np.ones((3, 3)), np.full((2, 2), "edge"))
