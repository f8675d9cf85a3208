"""Readings of attention graphs: what they keep, what they take off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lgl_core.extraction.readings import (
    centred,
    excess_shares,
    row_shares,
    standing_out,
    without_column_median,
)
from lgl_core.metrics.scores import co_input, spearman
from lgl_core.networks.topologies import erdos_renyi

each_reading = pytest.mark.parametrize("reading", [row_shares, excess_shares])
graphs = hnp.arrays(float, (7, 7), elements=st.floats(0.125, 8.0))


def test_row_shares_sum_to_one_and_keep_proportions_within_a_row():
    graph = np.array([[9.0, 1.0, 3.0], [0.0, 5.0, 0.0], [2.0, 6.0, 7.0]])
    expected = [[0, 0.25, 0.75], [0, 0, 0], [0.25, 0.75, 0]]
    np.testing.assert_allclose(row_shares(graph), expected)
    np.testing.assert_allclose(row_shares([[2.0], [0.0], [7.0]] * graph), expected)
    assert graph[0, 0] == 9.0, "the input was changed"


@each_reading
def test_negative_entries_are_refused(reading):
    with pytest.raises(ValueError, match="-1"):
        reading([[0.0, -1.0], [1.0, 0.0]])


@pytest.mark.parametrize("reading", [row_shares, excess_shares, without_column_median])
@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ([[0.0, np.nan], [1.0, 0.0]], "graph must be finite, got NaN or inf"),
        ([[0.0, np.inf], [1.0, 0.0]], "graph must be finite, got NaN or inf"),
        (np.zeros((0, 0)), r"graph must be a square matrix .* got shape \(0, 0\)"),
        (np.zeros((2, 3)), r"graph must be a square matrix .* got shape \(2, 3\)"),
        (np.zeros(3), r"graph must be a square matrix .* got shape \(3,\)"),
        (1.0, r"graph must be a square matrix .* got shape \(\)"),
    ],
)
def test_what_is_no_graph_is_refused(reading, graph, message):
    with pytest.raises(ValueError, match=message):
        reading(graph)


def test_one_neuron_has_no_column_to_compare_with():
    with pytest.raises(ValueError, match="at least 2 neurons, got shape"):
        excess_shares([[1.0]])


@given(graphs)
def test_the_median_of_each_column_is_zero_and_so_is_the_diagonal(graph):
    excess = excess_shares(graph)
    off = excess.T[~np.eye(7, dtype=bool)].reshape(7, 6)
    np.testing.assert_allclose(np.median(off, axis=1), 0, atol=1e-12)
    np.testing.assert_array_equal(np.diag(excess), 0)


@pytest.mark.slow
@given(graphs, hnp.arrays(float, 7, elements=st.floats(0.125, 8.0)))
def test_how_much_a_neuron_attends_in_all_is_not_seen(graph, attends):
    np.testing.assert_allclose(
        excess_shares(attends[:, None] * graph), excess_shares(graph), atol=1e-9
    )


def test_the_wiring_is_seen_below_a_common_part_that_hides_it_in_co_input():
    """Attention as it comes: neurons differ in what they get from all, more than by synapses."""
    truth = erdos_renyi(n_neurons=60).weights
    rng = np.random.default_rng(0)
    graph = 1 + 0.2 * (truth > 0) * rng.uniform(0.5, 1.5, truth.shape)
    graph *= rng.lognormal(0, 0.5, 60) * rng.lognormal(0, 0.5, (60, 1))
    true = co_input(np.maximum(truth, 0))
    raw, excess = (spearman(co_input(g), true) for g in (graph, excess_shares(graph)))
    assert raw < 0.1
    assert excess > 0.4


def test_a_column_has_no_zero_of_its_own():
    rng = np.random.default_rng(0)
    graph = rng.normal(size=(6, 6))
    found = without_column_median(graph)
    np.testing.assert_allclose(without_column_median(graph + rng.normal(size=6)), found)
    for pre in range(6):
        others = np.delete(found[:, pre], pre)
        assert np.median(others) == pytest.approx(0)
        np.testing.assert_allclose(np.diff(others), np.diff(np.delete(graph[:, pre], pre)))
    assert not np.diagonal(found).any()


def standing_out_slowly(graph, n_sd):
    """Keep what stands out, column by column and entry by entry."""
    n_neurons = len(graph)
    kept = np.zeros((n_neurons, n_neurons))
    for pre in range(n_neurons):
        others = [post for post in range(n_neurons) if post != pre]
        usual = np.median([graph[post, pre] for post in others])
        excess = {post: graph[post, pre] - usual for post in others}
        sign = np.sign(sum(value**3 for value in excess.values()))
        noise = [value for value in excess.values() if value * sign < 0]
        noise_sd = np.sqrt(np.mean(np.square(noise))) if noise else 0.0
        for post, value in excess.items():
            if value * sign > n_sd * noise_sd:
                kept[post, pre] = value
    return kept


@given(hnp.arrays(float, (7, 7), elements=st.integers(-8, 8)), st.floats(0, 3))
def test_what_stands_out_is_that_of_a_slow_twin(graph, n_sd):
    np.testing.assert_allclose(standing_out(graph, n_sd), standing_out_slowly(graph, n_sd))


def test_each_neuron_has_the_sign_of_its_heavier_tail():
    excites = [0, 5, -1, 1, 0, 0, -1]
    inhibits = [-4, 0, 1, -1, 0, 0, 1]
    nothing = [2, 2, 2, 2, 2, 2, 2]
    graph = np.zeros((7, 7))
    graph[:, 0], graph[:, 1], graph[:, 2] = excites, inhibits, nothing
    expected = np.zeros((7, 7))
    expected[1, 0], expected[0, 1] = 5, -4
    np.testing.assert_allclose(standing_out(graph), expected)


@pytest.mark.slow
@given(
    hnp.arrays(float, (7, 7), elements=st.integers(-8, 8)),
    hnp.arrays(float, 7, elements=st.integers(-5, 5)),
    hnp.arrays(float, 7, elements=st.sampled_from([0.5, 1.0, 2.0, -1.0])),
)
def test_units_signs_and_offsets_of_a_column_choose_nothing(graph, offset, unit):
    np.testing.assert_allclose(standing_out(unit * graph + offset), unit * standing_out(graph))


@pytest.mark.slow
@given(hnp.arrays(float, (7, 7), elements=st.integers(-8, 8)))
def test_who_asks_for_more_keeps_fewer_and_of_one_sign_per_column(graph):
    kept = [standing_out(graph, n_sd) != 0 for n_sd in (0, 1, 2, 3)]
    assert all((more | less == more).all() for more, less in zip(kept, kept[1:], strict=False))
    found = standing_out(graph, 0)
    assert not ((found > 0).any(axis=0) & (found < 0).any(axis=0)).any()
    assert not np.diagonal(found).any()


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_pairs_without_a_synapse_hides_less_in_co_input(seed):
    truth = erdos_renyi(n_neurons=80, seed=seed).weights
    noise = np.random.default_rng(seed).normal(0, 0.5 * truth.std(), truth.shape)
    raw, kept = (
        spearman(co_input(graph), co_input(truth))
        for graph in (truth + noise, standing_out(truth + noise))
    )
    assert kept > raw + 0.1


def test_the_mean_is_that_of_pairs_of_different_neurons():
    found = centred([[9.0, 1.0, 3.0], [2.0, 9.0, 6.0], [4.0, 2.0, 9.0]])
    np.testing.assert_array_equal(found, [[0, -2, 0], [-1, 0, 3], [1, -1, 0]])


@given(hnp.arrays(float, (5, 5), elements=st.floats(-8, 8)), st.floats(-8, 8))
def test_the_mean_of_a_centred_graph_is_zero_whatever_is_added_to_it(graph, offset):
    found = centred(graph)
    assert found[~np.eye(5, dtype=bool)].mean() == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(np.diag(found), 0)
    np.testing.assert_allclose(centred(graph + offset), found, atol=1e-12)
    np.testing.assert_allclose(centred(found), found, atol=1e-12)


def test_shared_inputs_are_seen_in_co_input_once_what_all_have_is_off():
    truth = erdos_renyi(n_neurons=60).weights
    rng = np.random.default_rng(0)
    graph = 1 + 0.2 * (truth > 0) + 0.05 * rng.standard_normal((60, 1))
    true = co_input(np.maximum(truth, 0))
    raw, found = (spearman(co_input(g), true) for g in (graph, centred(graph)))
    assert found > raw + 0.1


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (np.zeros((3, 2)), r"square matrix .* of at least 2 neurons, got shape \(3, 2\)"),
        (np.zeros((1, 1)), r"at least 2 neurons, got shape \(1, 1\)"),
        (np.full((3, 3), np.inf), "finite"),
    ],
)
def test_graphs_without_a_mean_are_refused(graph, message):
    with pytest.raises(ValueError, match=message):
        centred(graph)


@pytest.mark.parametrize(
    ("graph", "n_sd", "message"),
    [
        (np.zeros((3, 3)), -1.0, "n_sd must be zero or more, got -1"),
        (np.zeros((3, 3)), np.nan, "n_sd must be zero or more, got nan"),
        (np.zeros((3, 2)), 2.0, r"square matrix .* of at least 2 neurons, got shape \(3, 2\)"),
        (np.zeros((1, 1)), 2.0, r"at least 2 neurons, got shape \(1, 1\)"),
        (np.full((3, 3), np.nan), 2.0, "finite"),
    ],
)
def test_graphs_that_nothing_can_stand_out_of_are_refused(graph, n_sd, message):
    with pytest.raises(ValueError, match=message):
        standing_out(graph, n_sd)
