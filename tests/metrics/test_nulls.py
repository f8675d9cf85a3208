"""Null models: what they keep, what they lose, and null scores against a loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lgl_core.metrics import nulls as metrics_nulls
from lgl_core.metrics import scores as table_1
from lgl_core.metrics.card import CORRELATIONS, score_card
from lgl_core.networks.network import hub_network

few = settings(max_examples=30)
seeds = st.integers(0, 2**32 - 1)


def graphs(low: int, high: int, smallest: int = 2) -> st.SearchStrategy[np.ndarray]:
    elements = st.integers(low, high).map(lambda n: n / 4)
    return st.integers(smallest, 9).flatmap(lambda n: arrays(np.float64, (n, n), elements=elements))


def without_diagonal(graph: np.ndarray) -> np.ndarray:
    return graph * ~np.eye(len(graph), dtype=bool)


def parts(graph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    graph = without_diagonal(graph)
    return np.maximum(graph, 0), np.maximum(-graph, 0)


def assert_same_strengths(a: np.ndarray, b: np.ndarray) -> None:
    for axis in (0, 1):
        np.testing.assert_allclose(a.sum(axis), b.sum(axis), rtol=1e-8, atol=1e-12)


def example(n_neurons: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    network = hub_network(n_neurons=n_neurons, seed=seed)
    noise = np.random.default_rng(seed).normal(size=network.weights.shape)
    return network.weights + noise, network.weights, network.hubs


class TestPermuted:
    @few
    @given(graphs(-20, 20), seeds)
    def test_is_the_same_graph_under_other_labels(self, graph, seed):
        order = np.random.default_rng(seed).permutation(len(graph))
        relabelled = metrics_nulls.permuted(graph, np.random.default_rng(seed))
        for i, j in np.ndindex(graph.shape):
            assert relabelled[i, j] == graph[order[i], order[j]]

    def test_keeps_the_spectrum_so_the_spectral_null_is_the_score_itself(self):
        estimate, truth, _ = example()
        relabelled = metrics_nulls.permuted(estimate, np.random.default_rng(0))
        before, after = (table_1.alignment(graph, truth) for graph in (estimate, relabelled))
        np.testing.assert_allclose(after.loc["spectral"], before.loc["spectral"])
        assert (after.loc["pearson"] != before.loc["pearson"]).all()

    def test_draws_differ_and_the_graph_is_left_alone(self):
        estimate, _, _ = example()
        copy, rng = estimate.copy(), np.random.default_rng(0)
        first, second = (metrics_nulls.permuted(estimate, rng) for _ in range(2))
        assert (first != second).any() and (estimate == copy).all()


class TestStrengthsOnly:
    # Entries at most 20 times as large as others: no neuron has a hand in all connections.
    @few
    @given(graphs(1, 20, smallest=4))
    def test_keeps_both_strengths_of_a_positive_graph(self, graph):
        assert_same_strengths(metrics_nulls.strengths_only(graph), without_diagonal(graph))

    @few
    @given(graphs(1, 20, smallest=4))
    def test_is_a_product_of_sender_and_receiver_off_the_diagonal(self, graph):
        kept = metrics_nulls.strengths_only(graph)
        assert not np.diagonal(kept).any()
        n = len(graph)
        for i, j, k, m in np.random.default_rng(0).integers(0, n, (50, 4)):
            if i not in (j, m) and k not in (j, m):
                assert kept[i, j] * kept[k, m] == pytest.approx(kept[i, m] * kept[k, j])

    def test_each_sign_by_itself(self):
        graph, _, _ = example()
        excitatory, inhibitory = parts(graph)
        kept = metrics_nulls.strengths_only(graph)
        np.testing.assert_allclose(
            kept,
            metrics_nulls.strengths_only(excitatory) - metrics_nulls.strengths_only(inhibitory),
        )
        assert_same_strengths(metrics_nulls.strengths_only(inhibitory), inhibitory)
        np.testing.assert_allclose(kept.sum(axis=0), without_diagonal(graph).sum(axis=0))
        np.testing.assert_allclose(kept.sum(axis=1), without_diagonal(graph).sum(axis=1))

    def test_silent_rows_and_columns_stay_silent(self):
        graph = np.random.default_rng(0).uniform(1, 2, (8, 8))
        graph[3], graph[:, 5] = 0, 0
        kept = metrics_nulls.strengths_only(graph)
        assert not kept[3].any() and not kept[:, 5].any()
        assert_same_strengths(kept, without_diagonal(graph))

    def test_nothing_is_left_of_who_is_connected_to_whom(self):
        # A ring: all strengths are equal, and every pair then looks alike.
        ring = np.roll(np.eye(6), 1, axis=0)
        np.testing.assert_allclose(
            metrics_nulls.strengths_only(ring), (1 - np.eye(6)) / 5, rtol=1e-8
        )

    def test_the_true_network_of_the_papers_size(self):
        network = hub_network(seed=0)
        kept = metrics_nulls.strengths_only(network.weights)
        assert table_1.hub_ranks(kept, network.hubs).max() == 3
        np.testing.assert_allclose(kept.sum(axis=1), network.weights.sum(axis=1), atol=1e-6)

    def test_a_star_comes_near(self):
        star = np.zeros((6, 6))
        star[0, 1:], star[1:, 0] = 1, 2
        kept = metrics_nulls.strengths_only(star)
        np.testing.assert_allclose(kept.sum(axis=0), star.sum(axis=0))
        np.testing.assert_allclose(kept.sum(axis=1), star.sum(axis=1), rtol=5e-3)

    def test_no_strength_at_all(self):
        assert not metrics_nulls.strengths_only(np.eye(4)).any()


class TestStrengthsKept:
    @few
    @given(graphs(1, 20, smallest=4), seeds)
    def test_keeps_both_strengths_of_a_positive_graph(self, graph, seed):
        random = metrics_nulls.strengths_kept(graph, np.random.default_rng(seed))
        assert_same_strengths(random, without_diagonal(graph))
        assert not np.diagonal(random).any() and (random >= 0).all()

    @pytest.mark.parametrize("seed", range(5))
    def test_keeps_the_strengths_of_each_sign(self, seed):
        estimate, _, _ = example(n_neurons=60, seed=seed)
        random = metrics_nulls.strengths_kept(estimate, np.random.default_rng(seed))
        for kept, given_part in zip(parts(random), parts(estimate), strict=True):
            assert_same_strengths(kept, given_part)
            assert np.count_nonzero(kept) == np.count_nonzero(given_part)

    def test_forgets_who_is_connected_to_whom(self):
        # All strengths of a banded graph are alike: nothing of the bands may be left.
        band = np.roll(np.eye(60), 1, axis=0) + np.roll(np.eye(60), 2, axis=0) + 0.1
        rng = np.random.default_rng(0)
        scores = [table_1.pearson(metrics_nulls.strengths_kept(band, rng), band) for _ in range(20)]
        assert abs(np.mean(scores)) < 4 / np.sqrt(20 * 60 * 59)

    @few
    @given(graphs(-9, 3), seeds)
    def test_columns_of_a_sparse_graph_keep_their_sums_unless_left_empty(self, graph, seed):
        graph[np.abs(graph) < 1] = 0
        random = metrics_nulls.strengths_kept(graph, np.random.default_rng(seed))
        assert np.isfinite(random).all()
        for kept, given_part in zip(parts(random), parts(graph), strict=True):
            columns = kept.any(axis=0)
            np.testing.assert_allclose(
                kept.sum(axis=0)[columns], given_part.sum(axis=0)[columns], rtol=1e-9
            )

    def test_draws_differ_and_the_graph_is_left_alone(self):
        estimate, _, _ = example()
        copy, rng = estimate.copy(), np.random.default_rng(0)
        first, second = (metrics_nulls.strengths_kept(estimate, rng) for _ in range(2))
        assert (first != second).any() and (estimate == copy).all()


def slow_null_scores(estimate, truth, draw, n, seed, hubs) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    cards = pd.concat(
        [score_card(draw(estimate, rng), truth, hubs, spectral=False) for _ in range(n)]
    )
    cards = cards[cards.score.isin(CORRELATIONS)]
    return cards.groupby(["view", "score"]).value.agg(["mean", "std"])


nulls = {"permuted": metrics_nulls.permuted, "strengths": metrics_nulls.strengths_kept}


GROUPS = np.arange(30) * 3 // 30


class TestGroups:
    """Nulls that leave alone which group a neuron belongs to."""

    def test_neurons_change_places_within_their_group_only(self):
        graph = np.arange(36.0).reshape(6, 6)
        groups = np.array([1, 0, 1, 0, 0, 1])
        orders = set()
        for seed in range(30):
            drawn = metrics_nulls.permuted(graph, np.random.default_rng(seed), groups)
            order = (np.diagonal(drawn) // 7).astype(int)  # entry [i, i] is 7 i
            assert (groups[order] == groups).all()
            np.testing.assert_array_equal(drawn, graph[order][:, order])
            orders.add(tuple(order))
        assert len(orders) > 15  # of 36

    def test_entries_are_shuffled_within_blocks_and_the_diagonal_left_out(self):
        graph, groups = np.arange(49.0).reshape(7, 7), np.array([0, 0, 1, 1, 2, 2, 2])
        drawn = metrics_nulls.shuffled_in_blocks(graph, groups, np.random.default_rng(1))
        between = ~np.eye(7, dtype=bool)
        assert not np.diagonal(drawn).any() and (drawn != graph * between).any()
        for post in range(3):
            for pre in range(3):
                block = between & (groups[:, None] == post) & (groups == pre)
                assert sorted(drawn[block]) == sorted(graph[block])

    @pytest.mark.parametrize("null", ["permuted", "blocks"])
    def test_scores_are_those_of_graphs_drawn_one_by_one(self, null):
        estimate, truth, hubs = example()
        found = metrics_nulls.null_scores(estimate, truth, null, 5, 3, hubs, GROUPS)
        rng = np.random.default_rng(3)
        cards = []
        for _ in range(5):
            drawn = (
                metrics_nulls.permuted(estimate, rng, GROUPS)
                if null == "permuted"
                else metrics_nulls.shuffled_in_blocks(estimate, GROUPS, rng)
            )
            cards.append(score_card(drawn, truth, hubs).set_index(["view", "score"]).value)
        by_hand = pd.concat(cards, axis=1).loc[list(zip(found.view, found.score, strict=True))]
        np.testing.assert_allclose(found.null_mean, by_hand.mean(axis=1), atol=1e-9)
        np.testing.assert_allclose(found.null_sd, by_hand.std(axis=1), atol=1e-9)

    def test_without_groups_all_are_one(self):
        estimate, truth, _ = example()
        pd.testing.assert_frame_equal(
            metrics_nulls.null_scores(estimate, truth, n=3),
            metrics_nulls.null_scores(estimate, truth, n=3, groups=np.zeros(30, int)),
        )

    def test_refusals(self):
        estimate, truth, _ = example()
        with pytest.raises(ValueError, match="with groups 'blocks'"):
            metrics_nulls.null_scores(estimate, truth, "blocks")
        for null in ("permuted", "blocks"):
            with pytest.raises(ValueError, match="groups must hold one group for each of the 30"):
                metrics_nulls.null_scores(estimate, truth, null, groups=[0, 1])


class TestNullScores:
    @pytest.mark.parametrize("null", nulls)
    @pytest.mark.parametrize("ties", [False, True])
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_the_score_cards_of_graphs_drawn_one_by_one(self, null, ties, seed):
        estimate, truth, hubs = example(seed=seed)
        if ties:
            estimate = np.round(estimate)
        table = metrics_nulls.null_scores(estimate, truth, null, n=6, seed=seed, hubs=hubs)
        assert table.columns.tolist() == ["view", "score", "null_mean", "null_sd"]
        slow = slow_null_scores(estimate, truth, nulls[null], 6, seed, hubs)
        assert len(table) == len(slow) == 6 * len(CORRELATIONS)
        for row in table.itertuples():
            assert row.null_mean == pytest.approx(slow.loc[(row.view, row.score), "mean"], abs=1e-9)
            assert row.null_sd == pytest.approx(slow.loc[(row.view, row.score), "std"], abs=1e-9)

    @pytest.mark.parametrize("null", nulls)
    def test_without_hubs_their_views_are_left_out(self, null):
        estimate, truth, hubs = example()
        with_hubs = metrics_nulls.null_scores(estimate, truth, null, n=3, hubs=hubs)
        without = metrics_nulls.null_scores(estimate, truth, null, n=3)
        kept = with_hubs[~with_hubs.view.str.contains("hubs")]
        pd.testing.assert_frame_equal(kept.reset_index(drop=True), without)

    def test_knowledge_stands_out_and_its_absence_does_not(self):
        estimate, truth, _ = example(n_neurons=60)
        ignorant = metrics_nulls.permuted(estimate, np.random.default_rng(1))
        null = metrics_nulls.null_scores(estimate, truth).set_index(["view", "score"])
        for graph, low, high in ((estimate, 5, np.inf), (ignorant, 0, 5)):
            scores = score_card(graph, truth, spectral=False).set_index(["view", "score"]).value
            z = ((scores - null.null_mean) / null.null_sd).dropna().abs()
            assert len(z) == 4 * len(CORRELATIONS) and z.between(low, high).all()

    @pytest.mark.slow
    def test_strengths_alone_score_where_neurons_differ_in_strength(self):
        # The estimate knows each neuron's strengths and nothing of pairs.
        _, truth, _ = example(n_neurons=60)
        estimate = metrics_nulls.strengths_only(truth)
        means = {
            null: metrics_nulls.null_scores(estimate, truth, null, n=40)
            .set_index(["view", "score"])
            .null_mean["true", "pearson"]
            for null in nulls
        }
        assert abs(means["permuted"]) < 0.05 < 0.2 < means["strengths"]

    def test_the_seed_fixes_the_draws(self):
        estimate, truth, hubs = example()
        first, again, other = (
            metrics_nulls.null_scores(estimate, truth, n=3, seed=seed, hubs=hubs)
            for seed in (1, 1, 2)
        )
        pd.testing.assert_frame_equal(first, again)
        assert (first.null_mean != other.null_mean).all()

    @pytest.mark.parametrize("null", nulls)
    def test_a_constant_view_has_no_null(self, null):
        _, truth, hubs = example()
        rounding = 1e-16 * np.sign(truth)
        table = metrics_nulls.null_scores(0.1 + rounding, truth, null, n=3, hubs=hubs)
        # Its co-input graph alone is not: each neuron shares most with itself.
        constant = ~table["view"].isin(["co_input_diagonal", "co_input_off_hubs"])
        assert table.loc[constant, ["null_mean", "null_sd"]].isna().all(axis=None)
        table = metrics_nulls.null_scores(np.zeros_like(truth), truth, null, n=3)
        assert table[["null_mean", "null_sd"]].isna().all(axis=None)

    def test_arguments_are_left_alone(self):
        estimate, truth, hubs = example()
        copies = estimate.copy(), truth.copy()
        for null in nulls:
            metrics_nulls.null_scores(estimate, truth, null, n=2, hubs=hubs)
        assert (estimate == copies[0]).all() and (truth == copies[1]).all()

    def test_refusals(self):
        with pytest.raises(ValueError, match="n must be at least 2, got 1"):
            metrics_nulls.null_scores(np.eye(3), np.eye(3), n=1)
        with pytest.raises(ValueError, match="null must be .* got 'shuffled'"):
            metrics_nulls.null_scores(np.eye(3), np.eye(3), "shuffled")
        with pytest.raises(ValueError, match="one shape"):
            metrics_nulls.null_scores(np.eye(3), np.eye(4))
        for null in nulls:
            with pytest.raises(ValueError, match="hubs"):
                metrics_nulls.null_scores(np.eye(3), np.eye(3), null, hubs=[3])


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(4), np.array([[0, np.nan], [1, 0]])])
def test_bad_graphs_are_refused(bad):
    rng = np.random.default_rng(0)
    for null_model in (
        metrics_nulls.strengths_only,
        lambda graph: metrics_nulls.permuted(graph, rng),
        lambda graph: metrics_nulls.strengths_kept(graph, rng),
    ):
        with pytest.raises(ValueError, match="graph must be"):
            null_model(bad)
