"""The score card against the single scores, and scores off the hubs against loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from lgl_core.metrics import card as metrics_views
from lgl_core.metrics import detection
from lgl_core.metrics import scores as table_1
from lgl_core.networks.network import hub_network

few = settings(max_examples=30)
entries = st.integers(-20, 20).map(lambda n: n / 4)  # ties and zeros are common


def cases() -> st.SearchStrategy:
    """Draw an estimate, a truth and hubs."""
    return st.integers(4, 8).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, (n, n), elements=entries),
            arrays(np.float64, (n, n), elements=entries),
            st.lists(st.integers(0, n - 1), min_size=1, max_size=2, unique=True),
        )
    )


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    network = hub_network(n_neurons=40, seed=seed)
    noise = np.random.default_rng(seed).normal(size=network.weights.shape)
    return network.weights + noise, network.weights, network.hubs


def card(*args, **options) -> pd.Series:
    return metrics_views.score_card(*args, **options).set_index(["view", "score"]).value


def slow_edges_off_hubs(graph: np.ndarray, hubs: list[int]) -> list[float]:
    n = len(graph)
    return [graph[i, j] for i in range(n) for j in range(n) if i != j and j not in hubs]


def slow_co_input_off_hubs(graph: np.ndarray, hubs: list[int]) -> np.ndarray:
    n = len(graph)
    shared = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            for k in set(range(n)) - {i, j} - set(hubs):
                shared[i, j] += graph[i, k] * graph[j, k]
    return shared


def scipy_scores(x, y) -> tuple[float, float]:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan
    return stats.pearsonr(x, y).statistic, stats.spearmanr(x, y).statistic


class TestOffHubs:
    @few
    @given(cases())
    def test_both_equal_the_loops(self, case):
        graph, _, hubs = case
        edges = metrics_views.edges_off_hubs(graph, hubs)
        assert edges.tolist() == slow_edges_off_hubs(graph, hubs)
        np.testing.assert_allclose(
            metrics_views.co_input_off_hubs(graph, hubs), slow_co_input_off_hubs(graph, hubs)
        )

    def test_what_the_hubs_send_and_the_rest_make_the_whole(self):
        _, truth, hubs = example()
        sent = truth[:, hubs]
        np.testing.assert_allclose(
            metrics_views.co_input_off_hubs(truth, hubs) + sent @ sent.T, table_1.co_input(truth)
        )

    def test_without_hubs_nothing_is_left_out(self):
        estimate, _, _ = example()
        np.testing.assert_array_equal(
            metrics_views.edges_off_hubs(estimate, []), table_1.off_diagonal(estimate)
        )
        np.testing.assert_array_equal(
            metrics_views.co_input_off_hubs(estimate, []), table_1.co_input(estimate)
        )

    @pytest.mark.parametrize(
        "function", [metrics_views.edges_off_hubs, metrics_views.co_input_off_hubs]
    )
    def test_refusals(self, function):
        with pytest.raises(ValueError, match="graph must be"):
            function(np.ones((2, 3)), [0])
        for hubs in ([3], [-1], [0.5]):
            with pytest.raises(ValueError, match="hubs"):
                function(np.ones((3, 3)), hubs)


class TestPearsonOfHubs:
    @few
    @given(cases())
    def test_equals_scipy_on_the_columns(self, case):
        estimate, truth, hubs = case
        pairs = [(i, j) for i in range(len(truth)) for j in hubs if i != j]
        found = metrics_views.pearson_of_hubs(estimate, truth, hubs)
        ours, true = ([graph[pair] for pair in pairs] for graph in (estimate, truth))
        expected = scipy_scores(ours, true)[0] if pairs else np.nan
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_a_network_without_hubs_has_no_such_score(self):
        assert np.isnan(metrics_views.pearson_of_hubs(np.eye(3), np.ones((3, 3)), []))

    def test_unknown_hubs_are_refused(self):
        with pytest.raises(ValueError, match="hubs"):
            metrics_views.pearson_of_hubs(np.eye(3), np.eye(3), [3])


class TestScoreCard:
    @pytest.mark.slow
    @few
    @given(cases())
    def test_holds_the_table_of_compare(self, case):
        estimate, truth, _ = case
        scores = card(estimate, truth)
        for row in table_1.tidy(table_1.alignment(estimate, truth)).itertuples():
            assert scores[row.view, row.score] == pytest.approx(row.value, nan_ok=True)

    @pytest.mark.slow
    @few
    @given(cases())
    def test_views_off_the_hubs_and_with_the_diagonal_equal_scipy(self, case):
        estimate, truth, hubs = case
        scores = card(estimate, truth, hubs, spectral=False)
        between = ~np.eye(len(truth), dtype=bool)
        twins = {
            "true_off_hubs": [slow_edges_off_hubs(graph, hubs) for graph in (estimate, truth)],
            "co_input_off_hubs": [
                slow_co_input_off_hubs(graph, hubs)[between] for graph in (estimate, truth)
            ],
            "co_input_diagonal": [
                slow_co_input_off_hubs(graph, []).ravel() for graph in (estimate, truth)
            ],
        }
        for view, (x, y) in twins.items():
            expected = scipy_scores(x, y)
            found = scores[view][["pearson", "spearman"]].tolist()
            assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)

    @pytest.mark.slow
    @few
    @given(cases())
    def test_holds_the_scores_of_detection(self, case):
        estimate, truth, hubs = case
        scores = card(estimate, truth, hubs, spectral=False)
        for edges in ("abs", "excitatory", "inhibitory"):
            assert scores[edges, "auc"] == pytest.approx(
                detection.auc(estimate, truth, edges), nan_ok=True
            )
            assert scores[edges, "ap"] == pytest.approx(
                detection.average_precision(estimate, truth, edges), nan_ok=True
            )
        agreement = detection.sign_agreement(estimate, truth)
        assert scores["true", "sign_agreement"] == pytest.approx(agreement, nan_ok=True)
        assert scores["hubs", "found"] == detection.hubs_found(estimate, hubs)
        assert scores["hubs", "rank"] == table_1.hub_ranks(estimate, hubs).max()

    def test_has_one_row_per_score_and_leaves_out_what_is_not_asked_for(self):
        estimate, truth, hubs = example()
        whole = card(estimate, truth, hubs)
        assert whole.index.is_unique and whole.notna().all()
        views, scores = (set(whole.index.get_level_values(name)) for name in ("view", "score"))
        for found, table in ((views, "VIEW_NAMES"), (scores, "SCORE_NAMES")):
            unnamed = sorted(found - set(getattr(metrics_views, table)))
            assert not unnamed, f"give {unnamed} a name in {table} of lgl_core/metrics/card.py"
        correlated = whole[whole.index.isin(metrics_views.CORRELATIONS, level="score")]
        assert len(correlated) == 6 * len(metrics_views.CORRELATIONS)
        no_spectra = card(estimate, truth, hubs, spectral=False)
        pd.testing.assert_series_equal(no_spectra, whole.drop("spectral", level="score"))
        pd.testing.assert_series_equal(
            card(estimate, truth),
            whole.drop(["true_off_hubs", "co_input_off_hubs", "hubs"], level="view"),
        )

    def test_the_truth_agrees_with_itself(self):
        _, truth, hubs = example()
        scores = card(truth, truth, hubs)
        assert scores.xs("spectral", level="score").eq(0).all()
        assert scores["hubs", "rank"] == len(hubs)
        rest = scores.drop("spectral", level="score").drop(("hubs", "rank"))
        np.testing.assert_allclose(rest, 1)

    def test_what_hubs_send_does_not_show_off_the_hubs(self):
        estimate, truth, hubs = example()
        before = card(estimate, truth, hubs, spectral=False)
        estimate[:, hubs] = -100 * estimate[:, hubs] + 7
        after = card(estimate, truth, hubs, spectral=False)
        off_hubs = ["true_off_hubs", "co_input_off_hubs"]
        pd.testing.assert_series_equal(after[off_hubs], before[off_hubs])
        assert (after[["true", "co_input"]] != before[["true", "co_input"]]).all()

    def test_an_estimate_that_knows_hubs_alone_knows_nothing_off_them(self):
        _, truth, hubs = example()
        estimate = np.zeros_like(truth)
        estimate[:, hubs] = truth[:, hubs]
        scores = card(estimate, truth, hubs, spectral=False)
        assert scores["true", "pearson"] > 0.5 and scores["hubs", "found"] == 1
        assert scores[["true_off_hubs", "co_input_off_hubs"]].isna().all()

    def test_neither_labels_nor_diagonals_count(self):
        estimate, truth, hubs = example()
        before = card(estimate, truth, hubs)
        order = np.random.default_rng(0).permutation(len(truth))
        np.fill_diagonal(estimate, 99)
        estimate, truth = (graph[np.ix_(order, order)] for graph in (estimate, truth))
        after = card(estimate, truth, np.flatnonzero(np.isin(order, hubs)))
        pd.testing.assert_series_equal(after, before, atol=1e-9)

    def test_rounding_alone_is_no_structure(self):
        _, truth, hubs = example()
        estimate = 0.1 + 1e-16 * np.sign(truth)
        estimate[:, hubs] = 5
        scores = card(estimate, truth, hubs, spectral=False)
        assert scores["true"].notna().all()
        assert scores["true_off_hubs"].isna().all()

    def test_all_neurons_hubs(self):
        estimate, truth, _ = example()
        scores = card(estimate, truth, np.arange(len(truth)), spectral=False)
        assert scores[["true_off_hubs", "co_input_off_hubs"]].isna().all()
        assert scores["hubs", "found"] == 1

    def test_arguments_are_left_alone(self):
        estimate, truth, hubs = example()
        copies = estimate.copy(), truth.copy()
        metrics_views.score_card(estimate, truth, hubs)
        assert (estimate == copies[0]).all() and (truth == copies[1]).all()

    def test_refusals(self):
        with pytest.raises(ValueError, match="estimate must be"):
            metrics_views.score_card(np.ones((2, 3)), np.eye(2))
        with pytest.raises(ValueError, match="truth must be"):
            metrics_views.score_card(np.eye(2), np.full((2, 2), np.nan))
        with pytest.raises(ValueError, match="one shape"):
            metrics_views.score_card(np.eye(3), np.eye(4))
        with pytest.raises(ValueError, match="hubs"):
            metrics_views.score_card(np.eye(3), np.eye(3), [3])
