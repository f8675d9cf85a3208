"""What every graph and every list of neurons must be."""

import numpy as np
import pytest

from lgl_core.graphs import checked_graph, checked_ids


def test_a_graph_of_doubles_is_given_back_and_others_are_made_such():
    graph = np.eye(3)
    assert checked_graph("graph", graph) is graph
    assert checked_graph("graph", [[1, 2], [3, 4]]).dtype == np.float64


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        (np.ones((2, 3)), r"my graph must be a square matrix \[post, pre\], got shape \(2, 3\)"),
        (np.ones(4), "my graph must be a square matrix"),
        (np.empty((0, 0)), "my graph must be a square matrix"),
        ([[0, np.nan], [0, 0]], "my graph must be finite, got NaN or inf"),
        ([[0, np.inf], [0, 0]], "my graph must be finite, got NaN or inf"),
    ],
)
def test_what_is_no_graph_is_refused_by_its_name(graph, sentence):
    with pytest.raises(ValueError, match=sentence):
        checked_graph("my graph", graph)


def test_a_graph_may_have_to_be_larger_and_may_have_gaps():
    with pytest.raises(ValueError, match="of at least 2 neurons, got shape"):
        checked_graph("graph", [[1.0]], least=2)
    assert np.isnan(checked_graph("graph", [[np.nan]], allow_nan=True)).all()
    with pytest.raises(ValueError, match="finite"):
        checked_graph("graph", [[np.inf]], allow_nan=True)


@pytest.mark.parametrize("given", [None, [], (), [2, 0], np.array([1], np.uint8)])
def test_ids_come_back_flat_and_whole(given):
    ids = checked_ids("hubs", given, 3)
    assert ids.dtype == np.int64 and ids.tolist() == list([] if given is None else given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([0.5], "hubs must be whole numbers, got an array of float64"),
        ([[0]], "hubs must be a flat list of distinct neuron ids"),
        ([1, 1], "hubs must be a flat list of distinct neuron ids"),
        ([3], "hubs must be ids between 0 and 2, got"),
        ([-1], "hubs must be ids between 0 and 2, got"),
    ],
)
def test_what_is_no_list_of_neurons_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        checked_ids("hubs", given, 3)


def test_a_neuron_may_stand_there_twice_where_that_does_not_matter():
    assert checked_ids("hubs", [1, 1], 3, distinct=False).tolist() == [1, 1]
