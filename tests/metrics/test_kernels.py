"""The inner loops of scores against SciPy and against the relabelled graph itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from lgl_core.metrics._kernels import products, products_off_columns, ranked

values = st.one_of(
    arrays(np.float64, st.integers(0, 60), elements=st.integers(-3, 3).map(float)),
    arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e9, 1e9)),
)


@given(values)
def test_ranks_are_those_of_scipy_ties_and_all(x):
    np.testing.assert_array_equal(ranked(x), rankdata(x))


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_products_are_those_of_the_relabelled_graph(n_neurons, seed):
    rng = np.random.default_rng(seed)
    ours, true = rng.normal(size=(2, n_neurons, n_neurons, 3))
    order = rng.permutation(n_neurons)
    slow = (ours[order][:, order] * true).sum(axis=(0, 1))
    np.testing.assert_allclose(products(ours, true, order), slow, atol=1e-12)


@given(st.integers(3, 8), st.integers(1, 2), st.booleans(), st.integers(0, 2**32 - 1))
def test_off_columns_the_rest_is_ranked_among_itself(n_neurons, n_left_out, ties, seed):
    rng = np.random.default_rng(seed)
    graph = rng.normal(size=(n_neurons, n_neurons))
    graph = np.round(graph) if ties else graph
    off, left_out = ~np.eye(n_neurons, dtype=bool), np.arange(n_neurons) < n_left_out
    levels = np.zeros(graph.shape, np.int32)
    levels[off] = 2 * rankdata(graph[off])
    true_values, true_ranks = rng.normal(size=(2, n_neurons, n_neurons))
    order = rng.permutation(n_neurons)
    counts = np.zeros(2 * off.sum() + 1, np.int32)
    found = products_off_columns(graph, levels, true_values, true_ranks, left_out, order, counts)
    kept = off & ~left_out
    x = graph[order][:, order][kept]
    ranks = rankdata(x) - (x.size + 1) / 2
    slow = (
        x.sum(), (x * x).sum(), (x * true_values[kept]).sum(),
        (ranks * ranks).sum(), (ranks * true_ranks[kept]).sum(), x.min(), x.max(),
    )  # fmt: skip
    np.testing.assert_allclose(found, slow, atol=1e-9)
