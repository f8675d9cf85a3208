"""The scores against slow twins, against SciPy, and for what they must not depend on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from lgl_core.metrics import scores
from lgl_core.networks.network import hub_network

few = settings(max_examples=30)
entries = st.integers(-100, 100).map(lambda n: n / 8)


def graphs(n_neurons: st.SearchStrategy[int]) -> st.SearchStrategy[np.ndarray]:
    return n_neurons.flatmap(lambda n: arrays(np.float64, (n, n), elements=entries))


def varied(graph: np.ndarray) -> bool:
    return bool(np.ptp(scores.off_diagonal(graph)) > 0)


some_graphs = graphs(st.integers(2, 8))
two_graphs = st.integers(3, 8).flatmap(lambda n: st.tuples(*[graphs(st.just(n))] * 2))


def slow_off_diagonal(graph: np.ndarray) -> list[float]:
    n = len(graph)
    return [graph[i, j] for i in range(n) for j in range(n) if i != j]


def slow_co_input(graph: np.ndarray) -> np.ndarray:
    n = len(graph)
    shared = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            for k in range(n):
                if k != i and k != j:
                    shared[i, j] += graph[i, k] * graph[j, k]
    return shared


def slow_spectrum(matrix: np.ndarray) -> np.ndarray:
    # Squared singular values are the eigenvalues of M M^T: another road to the same numbers.
    centred = matrix - matrix.mean()
    values = np.sqrt(np.clip(np.linalg.eigvalsh(centred @ centred.T), 0, None))[::-1]
    return values / values[0]


def with_diagonal(graph: np.ndarray, value: float) -> np.ndarray:
    graph = graph.copy()
    np.fill_diagonal(graph, value)
    return graph


class TestEntries:
    @few
    @given(some_graphs)
    def test_off_diagonal_is_row_by_row(self, graph):
        assert scores.off_diagonal(graph).tolist() == slow_off_diagonal(graph)

    def test_off_diagonal_is_a_copy(self):
        graph = np.ones((3, 3))
        scores.off_diagonal(graph)[:] = 7
        assert (graph == 1).all()


class TestCoInput:
    @few
    @given(some_graphs)
    def test_equals_the_triple_loop(self, graph):
        np.testing.assert_allclose(scores.co_input(graph), slow_co_input(graph), atol=1e-9)

    @few
    @given(some_graphs)
    def test_symmetric_and_positive_semidefinite(self, graph):
        shared = scores.co_input(graph)
        np.testing.assert_array_equal(shared, shared.T)
        eigenvalues = np.linalg.eigvalsh(shared)
        assert eigenvalues[0] >= -1e-10 * max(eigenvalues[-1], 1)

    def test_links_the_targets_of_one_presynaptic_neuron(self):
        graph = np.zeros((4, 4))
        graph[1, 0], graph[2, 0] = 2, 3  # neuron 0 drives 1 and 2; columns are presynaptic
        shared = scores.co_input(graph)
        assert shared[1, 2] == shared[2, 1] == 6
        assert np.count_nonzero(scores.off_diagonal(shared)) == 2

    def test_no_entry_is_negative_under_dales_principle(self):
        assert (scores.co_input(hub_network(n_neurons=60, seed=1).weights) >= 0).all()

    def test_a_neuron_is_no_input_to_itself_and_the_caller_keeps_the_diagonal(self):
        graph = np.eye(3)
        assert not scores.co_input(graph).any()
        assert (graph == np.eye(3)).all()


class TestCorrelations:
    @pytest.mark.slow
    @few
    @given(two_graphs)
    def test_both_equal_scipy_on_the_flattened_entries(self, pair):
        assume(varied(pair[0]) and varied(pair[1]))
        x, y = map(slow_off_diagonal, pair)
        assert scores.pearson(*pair) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-10)
        assert scores.spearman(*pair) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-10)

    @pytest.mark.slow
    @few
    @given(two_graphs, entries)
    def test_the_diagonal_does_not_count(self, pair, value):
        estimate, truth = pair
        for score in (scores.pearson, scores.spearman):
            assert score(with_diagonal(estimate, value), truth) == pytest.approx(
                score(estimate, truth), nan_ok=True
            )

    def test_a_co_input_graph_scores_the_same_by_pairs_as_by_entries(self):
        rng = np.random.default_rng(0)
        a, b = (scores.co_input(rng.normal(size=(12, 12))) for _ in range(2))
        upper = np.triu_indices(12, 1)
        assert scores.pearson(a, b) == pytest.approx(stats.pearsonr(a[upper], b[upper])[0])
        assert scores.spearman(a, b) == pytest.approx(stats.spearmanr(a[upper], b[upper])[0])

    @pytest.mark.parametrize("constant", [0.0, 0.1, -3e8, 1 / 3])
    def test_nan_for_a_constant_graph(self, constant):
        graph = np.arange(49.0).reshape(7, 7)
        flat = with_diagonal(np.full((7, 7), constant), 5.0)
        for score in (scores.pearson, scores.spearman):
            assert np.isnan(score(flat, graph))
            assert np.isnan(score(graph, flat))

    def test_rounding_alone_is_no_structure(self):
        graph = np.full((6, 6), 0.1)
        graph[0, 1] = np.nextafter(0.1, 1)
        varied_graph = np.arange(36.0).reshape(6, 6)
        assert np.isnan(scores.pearson(graph, varied_graph))
        assert np.isnan(scores.spearman(graph, varied_graph))
        assert np.isnan(scores.spectral_divergence(graph, varied_graph))

    @pytest.mark.parametrize("factor", [1e-200, 1e200])
    def test_extreme_units_do_no_harm(self, factor):
        graph = np.arange(25.0).reshape(5, 5)
        assert scores.pearson(graph * factor, graph) == pytest.approx(1)
        assert scores.spectral_divergence(graph * factor, graph) == pytest.approx(0, abs=1e-12)


class TestSpectralDivergence:
    @few
    @given(graphs(st.integers(2, 8)))
    def test_spectrum_equals_that_of_the_gram_matrix(self, graph):
        assume(np.ptp(graph) > 0)
        # The square root halves the digits of the eigenvalues near zero.
        np.testing.assert_allclose(
            scores.normalised_singular_values(graph), slow_spectrum(graph), atol=1e-6
        )

    @pytest.mark.slow
    @few
    @given(two_graphs, st.floats(-50, 50), st.floats(0.1, 20), st.sampled_from([-1, 1]))
    def test_blind_to_shift_and_scale(self, pair, shift, scale, sign):
        a, b = pair
        assume(np.ptp(a) > 0 and np.ptp(b) > 0)
        moved = scores.spectral_divergence(sign * scale * a + shift, b)
        assert moved == pytest.approx(scores.spectral_divergence(a, b), abs=1e-9)

    @pytest.mark.slow
    @few
    @given(two_graphs)
    def test_symmetric_zero_at_equality_and_blind_to_transposition(self, pair):
        a, b = pair
        assume(np.ptp(a) > 0 and np.ptp(b) > 0)
        assert scores.spectral_divergence(a, b) == scores.spectral_divergence(b, a) >= 0
        assert scores.spectral_divergence(a, a) == 0
        assert scores.spectral_divergence(a, a.T) == pytest.approx(0, abs=1e-9)

    def test_a_value_worked_out_by_hand(self):
        # The mean of the first is zero; the second, centred, has rank one: (1, 1) and (1, 0).
        assert scores.spectral_divergence(np.diag([1, -1]), [[0, 1], [0, 1]]) == pytest.approx(1)

    def test_nan_for_a_constant_matrix(self):
        assert np.isnan(scores.spectral_divergence(np.full((3, 3), 0.1), np.eye(3)))
        assert np.isnan(scores.normalised_singular_values(np.zeros((3, 3)))).all()

    def test_a_network_of_the_papers_size(self):
        weights = hub_network(seed=3).weights
        values = scores.normalised_singular_values(weights)
        assert values.shape == (300,) and values[0] == 1 and (np.diff(values) <= 0).all()
        assert scores.spectral_divergence(weights, 2 * weights - 1) == pytest.approx(0, abs=1e-9)


def slow_table(estimate: np.ndarray, truth: np.ndarray) -> dict[tuple[str, str], float]:
    pairs = {
        "true": (estimate, truth),
        "co_input": (slow_co_input(estimate), slow_co_input(truth)),
        "abs": (abs(estimate), abs(truth)),
    }
    table = {}
    for view, (a, b) in pairs.items():
        x, y = slow_off_diagonal(a), slow_off_diagonal(b)
        table["pearson", view] = stats.pearsonr(x, y).statistic
        table["spearman", view] = stats.spearmanr(x, y).statistic
        if view != "co_input":
            a, b = with_diagonal(a, np.mean(x)), with_diagonal(b, np.mean(y))
        table["spectral", view] = np.linalg.norm(slow_spectrum(a) - slow_spectrum(b))
    return table


class TestCompare:
    @pytest.mark.parametrize("seed", range(5))
    def test_every_entry_equals_the_loop_twin(self, seed):
        rng = np.random.default_rng(seed)
        estimate, truth = rng.normal(size=(2, 9, 9))
        comparison = scores.alignment(estimate, truth)
        assert comparison.index.tolist() == ["pearson", "spearman", "spectral"]
        assert comparison.columns.tolist() == ["true", "co_input", "abs"]
        for (score, view), value in slow_table(estimate, truth).items():
            assert comparison.loc[score, view] == pytest.approx(value, abs=1e-6)

    def test_the_truth_agrees_with_itself(self):
        weights = hub_network(n_neurons=50, seed=2).weights
        comparison = scores.alignment(weights, weights)
        np.testing.assert_allclose(comparison.loc[["pearson", "spearman"]], 1)
        assert (comparison.loc["spectral"] == 0).all()

    def test_an_opposed_estimate_shows_only_in_the_signed_view(self):
        weights = hub_network(n_neurons=50, seed=2).weights
        comparison = scores.alignment(-weights, weights)
        assert comparison.loc["pearson", "true"] == pytest.approx(-1)
        np.testing.assert_allclose(comparison.loc["pearson", ["co_input", "abs"]], 1)

    @pytest.mark.slow
    @few
    @given(two_graphs, st.randoms(use_true_random=False))
    def test_relabelling_neurons_changes_nothing(self, pair, random):
        estimate, truth = pair
        order = np.array(random.sample(range(len(truth)), len(truth)))
        before = scores.alignment(estimate, truth)
        after = scores.alignment(estimate[np.ix_(order, order)], truth[np.ix_(order, order)])
        np.testing.assert_allclose(after, before, atol=1e-7)

    @pytest.mark.slow
    @few
    @given(two_graphs, entries, st.integers(-50, 50), st.sampled_from([0.25, 1.0, 8.0]))
    def test_neither_diagonal_nor_shift_nor_scale_of_the_estimate_counts(
        self, pair, diagonal, shift, scale
    ):
        estimate, truth = pair
        before = scores.alignment(estimate, truth)
        pd.testing.assert_frame_equal(
            scores.alignment(with_diagonal(estimate, diagonal), truth), before
        )
        moved = scores.alignment(scale * estimate + shift, truth)
        np.testing.assert_allclose(moved["true"], before["true"], atol=1e-9)

    def test_a_constant_view_is_nan_and_the_others_are_not(self):
        rng = np.random.default_rng(0)
        signs = rng.choice([-1.0, 1.0], size=(8, 8))
        comparison = scores.alignment(signs, rng.normal(size=(8, 8)))
        assert comparison["abs"].isna().all()
        assert comparison[["true", "co_input"]].notna().all(axis=None)

    def test_arguments_are_left_alone(self):
        estimate, truth = np.random.default_rng(0).normal(size=(2, 5, 5))
        copies = estimate.copy(), truth.copy()
        scores.alignment(estimate, truth)
        assert (estimate == copies[0]).all() and (truth == copies[1]).all()


class TestTables:
    def test_tidy_keeps_every_cell_and_its_labels(self):
        comparison = scores.alignment(*np.random.default_rng(1).normal(size=(2, 6, 6)))
        rows = scores.tidy(comparison, method="glm", reading="area")
        assert rows.columns.tolist() == ["method", "reading", "view", "score", "value"]
        assert len(rows) == 9 and (rows.method == "glm").all() and (rows.reading == "area").all()
        for row in rows.itertuples():
            assert row.value == comparison.loc[row.score, row.view]

    def test_tidy_keeps_undefined_scores(self):
        comparison = scores.alignment(np.zeros((4, 4)), np.eye(4)[::-1])
        assert scores.tidy(comparison).value.isna().sum() == 9

    @pytest.mark.parametrize("name", ["view", "score", "value"])
    def test_tidy_refuses_a_label_that_would_hide_a_column(self, name):
        comparison = scores.alignment(np.eye(4)[::-1], np.eye(4)[::-1])
        with pytest.raises(ValueError, match=name):
            scores.tidy(comparison, **{name: "x"})

    def test_the_papers_table(self):
        table = scores.paper_table_1().set_index(["method", "view", "score"]).value
        assert len(table) == 18 and table.index.is_unique
        assert table[table.isna()].index.tolist() == [("attention", "abs", "spearman")]
        # What the paper's text claims of its table.
        for score in ("pearson", "spearman"):
            assert table["attention", "co_input", score] > table["glm", "co_input", score]
            assert table["glm", "true", score] > table["attention", "true", score]
        assert (
            table["attention", "co_input", "spearman"]
            == table.drop("spectral", level="score").max()
        )

    def test_the_papers_table_stacks_with_ours(self):
        ours = scores.tidy(scores.alignment(np.eye(4)[::-1], np.eye(4)[::-1]), method="glm")
        paper = scores.paper_table_1()
        assert ours.columns.tolist() == paper.columns.tolist()
        assert set(ours.view) == set(paper.view) and set(ours.score) == set(paper.score)


class TestHubRanks:
    def test_columns_are_presynaptic_and_the_diagonal_is_left_out(self):
        graph = np.zeros((4, 4))
        graph[:, 2] = 1.0
        graph[3, 1] = 2.0
        graph[0, 0] = 100.0
        assert scores.hub_ranks(graph, [2, 1]).tolist() == [1, 2]

    def test_hubs_of_the_true_network_come_first(self):
        network = hub_network(seed=4)
        assert sorted(scores.hub_ranks(network.weights, network.hubs)) == [1, 2, 3]

    def test_ties_count_against_the_hub(self):
        assert scores.hub_ranks(np.ones((5, 5)), [0, 3]).tolist() == [5, 5]

    def test_inhibition_is_not_strength(self):
        graph = np.zeros((3, 3))
        graph[:, 0] = -9
        assert scores.hub_ranks(graph, [0]).tolist() == [3]

    def test_no_hubs_no_ranks(self):
        assert scores.hub_ranks(np.ones((3, 3)), []).shape == (0,)

    @pytest.mark.parametrize("hubs", [[3], [-1], [0.5], [[0]]])
    def test_unknown_ids(self, hubs):
        with pytest.raises(ValueError, match="hubs"):
            scores.hub_ranks(np.ones((3, 3)), hubs)


scores_of_one = [
    scores.off_diagonal,
    scores.co_input,
    scores.normalised_singular_values,
    lambda graph: scores.hub_ranks(graph, [0]),
]
scores_of_two = [
    scores.pearson,
    scores.spearman,
    scores.spectral_divergence,
    scores.alignment,
]
bad_matrices = [
    np.ones((2, 3)),
    np.ones(4),
    np.ones((0, 0)),
    np.array([[0, np.nan], [1, 0]]),
    np.array([[0, 1], [np.inf, 0]]),
]


@pytest.mark.parametrize("bad", bad_matrices, ids=["oblong", "flat", "empty", "nan", "inf"])
class TestRefusals:
    @pytest.mark.parametrize("score", scores_of_one)
    def test_of_one_matrix(self, score, bad):
        with pytest.raises(ValueError, match="graph must be"):
            score(bad)

    @pytest.mark.parametrize("score", scores_of_two)
    def test_of_either_of_two(self, score, bad):
        with pytest.raises(ValueError, match="(estimate|a) must be"):
            score(bad, np.eye(2))
        with pytest.raises(ValueError, match="(truth|b) must be"):
            score(np.eye(2), bad)


@pytest.mark.parametrize("score", scores_of_two)
def test_two_shapes_are_refused(score):
    with pytest.raises(ValueError, match=r"one shape, got \(3, 3\) and \(4, 4\)"):
        score(np.eye(3), np.eye(4))
