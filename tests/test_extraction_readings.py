"""Readings of attention graphs: what they keep, what they take off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lgl_core.extraction_readings import excess_shares, row_shares, without_column_median
from lgl_core.metrics import co_input, spearman
from lgl_core.networks_topologies import erdos_renyi

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


def test_one_neuron_has_no_column_to_compare_with():
    with pytest.raises(ValueError, match="at least two neurons, got 1"):
        excess_shares([[1.0]])


@given(graphs)
def test_the_median_of_each_column_is_zero_and_so_is_the_diagonal(graph):
    excess = excess_shares(graph)
    off = excess.T[~np.eye(7, dtype=bool)].reshape(7, 6)
    np.testing.assert_allclose(np.median(off, axis=1), 0, atol=1e-12)
    np.testing.assert_array_equal(np.diag(excess), 0)


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
