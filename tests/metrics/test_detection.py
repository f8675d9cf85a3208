"""Detection scores against scikit-learn, against loops, and the ceiling against brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from lgl_core.metrics import detection
from lgl_core.metrics.scores import spearman
from lgl_core.networks.assemblies import hub_assemblies
from lgl_core.networks.network import hub_network

few = settings(max_examples=40)
# Few values, so that ties and zeros abound.
entries = st.integers(-3, 3).map(float)


def graphs(n_neurons: int) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, (n_neurons, n_neurons), elements=entries)


two_graphs = st.integers(2, 8).flatmap(lambda n: st.tuples(graphs(n), graphs(n)))
each_edges = pytest.mark.parametrize("edges", ["abs", "excitatory", "inhibitory"])


def slow_off_diagonal(graph: np.ndarray) -> np.ndarray:
    n = len(graph)
    return np.array([graph[i, j] for i in range(n) for j in range(n) if i != j])


def detector(estimate: np.ndarray, truth: np.ndarray, edges: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = slow_off_diagonal(estimate), slow_off_diagonal(truth)
    return {
        "abs": (y != 0, abs(x)),
        "excitatory": (y > 0, x),
        "inhibitory": (y < 0, -x),
    }[edges]


class TestDetection:
    @pytest.mark.slow
    @each_edges
    @few
    @given(pair=two_graphs)
    def test_equals_scikit_learn_with_ties(self, edges, pair):
        positive, scores = detector(*pair, edges)
        area = detection.auc(*pair, edges)
        precision = detection.average_precision(*pair, edges)
        if positive.all() or not positive.any():
            assert np.isnan(area) and np.isnan(precision)
        else:
            assert area == pytest.approx(roc_auc_score(positive, scores))
            assert precision == pytest.approx(average_precision_score(positive, scores))

    @each_edges
    def test_equals_scikit_learn_at_the_papers_size(self, edges):
        truth = hub_network(seed=1).weights
        estimate = truth + np.random.default_rng(1).normal(size=truth.shape)
        positive, scores = detector(estimate, truth, edges)
        assert detection.auc(estimate, truth, edges) == pytest.approx(
            roc_auc_score(positive, scores)
        )
        assert detection.average_precision(estimate, truth, edges) == pytest.approx(
            average_precision_score(positive, scores)
        )

    @each_edges
    def test_the_truth_finds_itself(self, edges):
        truth = hub_network(n_neurons=40, seed=2).weights
        assert detection.auc(truth, truth, edges) == 1
        assert detection.average_precision(truth, truth, edges) == 1

    @each_edges
    @pytest.mark.parametrize("nudge", [0, 1e-16])
    def test_a_constant_estimate_guesses_even_if_rounding_favours_it(self, edges, nudge):
        truth = hub_network(n_neurons=40, seed=2).weights
        estimate = 0.1 + nudge * np.sign(truth)
        positive, _ = detector(truth, truth, edges)
        assert detection.auc(estimate, truth, edges) == 0.5
        assert detection.average_precision(estimate, truth, edges) == positive.mean()

    def test_the_sign_of_the_estimate_tells_the_kinds_apart(self):
        truth = hub_network(n_neurons=40, seed=2).weights
        assert detection.auc(-truth, truth) == 1
        assert detection.auc(-truth, truth, "excitatory") < 0.5
        assert detection.auc(-truth, truth, "inhibitory") < 0.5

    @pytest.mark.parametrize("score", [detection.auc, detection.average_precision])
    def test_unknown_edges(self, score):
        with pytest.raises(ValueError, match="edges must be .* got 'signed'"):
            score(np.eye(3), np.eye(3), "signed")


class TestChanceAbove:
    @few
    @given(
        first=st.lists(entries, min_size=1, max_size=9),
        second=st.lists(entries, min_size=1, max_size=9),
    )
    def test_is_counted_over_all_pairs(self, first, second):
        won = [(a > b) + (a == b) / 2 for a in first for b in second]
        assert detection.chance_above(first, second) == pytest.approx(np.mean(won))

    def test_of_nothing_is_nan(self):
        for first, second in (([], [1.0]), ([1.0], []), ([], [])):
            assert np.isnan(detection.chance_above(first, second))


class TestSignAgreement:
    @few
    @given(two_graphs)
    def test_equals_the_loop(self, pair):
        x, y = map(slow_off_diagonal, pair)
        right = [a * b > 0 for a, b in zip(x, y, strict=True) if b != 0]
        expected = sum(right) / len(right) if right else np.nan
        assert detection.sign_agreement(*pair) == pytest.approx(expected, nan_ok=True)

    def test_no_estimate_no_agreement(self):
        truth = hub_network(n_neurons=30, seed=0).weights
        assert detection.sign_agreement(np.zeros((30, 30)), truth) == 0

    def test_a_positive_estimate_scores_the_share_of_excitation(self):
        truth = hub_network(n_neurons=30, seed=0).weights
        excitatory = (truth > 0).sum() / (truth != 0).sum()
        assert detection.sign_agreement(np.ones((30, 30)), truth) == excitatory


class TestHubsFound:
    def test_in_the_true_network_all(self):
        network = hub_network(seed=4)
        assert detection.hubs_found(network.weights, network.hubs) == 1

    def test_only_ranks_up_to_the_number_of_hubs_count(self):
        graph = np.zeros((5, 5))
        graph[0, 1:] = 4, 3, 2, 1  # strengths of the columns 1 to 4
        assert detection.hubs_found(graph, [1]) == 1
        assert detection.hubs_found(graph, [2]) == 0
        assert detection.hubs_found(graph, [1, 3]) == 0.5
        assert detection.hubs_found(graph, [3, 1, 2]) == 1

    def test_a_graph_that_tells_no_neuron_from_another_finds_none(self):
        assert detection.hubs_found(np.ones((5, 5)), [0, 3]) == 0

    def test_nan_without_hubs(self):
        assert np.isnan(detection.hubs_found(np.ones((3, 3)), []))

    def test_unknown_ids(self):
        with pytest.raises(ValueError, match="hubs"):
            detection.hubs_found(np.ones((3, 3)), [3])


class TestHubGroupsFound:
    """Neurons 1 and 2 act as one hub, 5 is another one; the diagonal takes the columns' place."""

    HUBS, GROUPS = [1, 2, 5], [0, 0, 1]

    def found(self, strengths):
        graph = np.zeros((7, 7))
        graph[0, 1:] = strengths[1:]
        graph[1, 0] = strengths[0]
        return detection.hub_groups_found(graph, self.HUBS, self.GROUPS)

    def test_one_strong_member_is_enough(self):
        assert self.found([0, 9, 0, 1, 1, 5, 0]) == 1

    def test_two_members_take_one_place(self):
        # Counted one by one, the hub of neuron 5 would be the third of two places.
        assert self.found([0, 9, 8, 1, 1, 5, 0]) == 1

    def test_a_stronger_stranger_takes_a_place(self):
        assert self.found([0, 9, 8, 7, 1, 5, 0]) == 0.5
        assert self.found([10, 9, 8, 11, 1, 5, 0]) == 0

    def test_a_tie_across_the_border_is_not_found(self):
        assert self.found([0, 9, 8, 5, 1, 5, 0]) == 0.5
        assert self.found([1, 1, 1, 1, 1, 1, 1]) == 0

    def test_hubs_by_themselves_are_as_before(self):
        graph = np.random.default_rng(0).normal(size=(9, 9))
        assert detection.hub_groups_found(graph, [3, 5, 8], [0, 1, 2]) == detection.hubs_found(
            graph, [3, 5, 8]
        )

    def test_the_true_stripes_are_found(self):
        network = hub_assemblies(seed=1)
        assert detection.hub_groups_found(network.weights, network.hubs, network.group_of_hub) == 1

    def test_nan_without_hubs_and_wrong_groups_are_named(self):
        assert np.isnan(detection.hub_groups_found(np.ones((3, 3)), [], []))
        with pytest.raises(ValueError, match="groups"):
            detection.hub_groups_found(np.ones((3, 3)), [0, 1], [0])


def orders_by(key: np.ndarray, ranks: tuple[int, ...]) -> bool:
    """Tell whether entries with a larger key always have a larger rank."""
    pairs = permutations(range(len(key)), 2)
    return all(ranks[i] > ranks[j] for i, j in pairs if key[i] > key[j])


def brute_force_ceiling(truth: np.ndarray, signed: bool) -> float:
    entries = slow_off_diagonal(truth)
    every = permutations(range(entries.size))
    allowed = [ranks for ranks in every if signed or orders_by(abs(entries), ranks)]
    true_ranks = stats.rankdata(entries)
    return max(np.corrcoef(ranks, true_ranks)[0, 1] for ranks in allowed)


class TestSpearmanCeiling:
    @pytest.mark.slow
    @pytest.mark.parametrize("signed", [True, False])
    @settings(max_examples=15)
    @given(truth=graphs(3))
    def test_equals_the_best_of_all_orders(self, signed, truth):
        ceiling = detection.spearman_ceiling(truth, signed)
        if np.ptp(slow_off_diagonal(truth)) == 0:
            assert np.isnan(ceiling)
        else:
            assert ceiling == pytest.approx(brute_force_ceiling(truth, signed))

    def test_no_estimate_exceeds_it_and_the_best_reach_it(self):
        truth = hub_network(n_neurons=30, seed=3).weights
        noise = np.random.default_rng(0).normal(size=(100, 30, 30))
        ceiling = detection.spearman_ceiling(truth)
        unsigned = detection.spearman_ceiling(truth, signed=False)
        assert 0 < unsigned < ceiling < 1
        for knowledge in (0, 0.1, 1, 10):
            scores = [spearman(knowledge * truth + graph, truth) for graph in noise]
            assert max(scores) <= ceiling + 1e-12
        # Noise that only breaks ties: zeros come in some order, synapses stay in theirs.
        broken = 1e-9 * abs(noise[0])
        assert spearman(truth + broken, truth) == pytest.approx(ceiling)
        assert spearman(abs(truth) + broken, truth) == pytest.approx(unsigned)

    def test_an_estimate_with_ties_may_exceed_it(self):
        truth = hub_network(n_neurons=30, seed=3).weights
        assert spearman(truth, truth) == pytest.approx(1)
        assert detection.spearman_ceiling(truth) < 0.9

    def test_without_ties_there_is_none(self):
        truth = np.random.default_rng(0).normal(size=(9, 9))
        assert detection.spearman_ceiling(truth) == pytest.approx(1)

    @pytest.mark.parametrize("n_synapses", [1, 9, 90, 99])
    def test_equals_the_formula_for_ties(self, n_synapses):
        m = 11 * 10
        edges = np.zeros(m)
        edges[:n_synapses] = np.arange(1, n_synapses + 1)
        truth = np.zeros((11, 11))
        truth[~np.eye(11, dtype=bool)] = np.random.default_rng(0).permutation(edges)
        tied = m - n_synapses
        assert detection.spearman_ceiling(truth) == pytest.approx(
            np.sqrt(1 - (tied**3 - tied) / (m**3 - m))
        )

    def test_unsigned_and_signed_agree_where_nothing_is_inhibitory(self):
        truth = abs(hub_network(n_neurons=30, seed=3).weights)
        assert detection.spearman_ceiling(truth, signed=False) == detection.spearman_ceiling(truth)

    def test_nan_for_a_constant_truth(self):
        assert np.isnan(detection.spearman_ceiling(np.ones((4, 4))))


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(4), np.array([[0, np.nan], [1, 0]])])
class TestRefusals:
    @pytest.mark.parametrize(
        "score",
        [
            detection.auc,
            detection.average_precision,
            detection.sign_agreement,
        ],
    )
    def test_of_either_of_two(self, score, bad):
        with pytest.raises(ValueError, match="estimate must be"):
            score(bad, np.eye(2))
        with pytest.raises(ValueError, match="truth must be"):
            score(np.eye(2), bad)

    def test_of_one_matrix(self, bad):
        with pytest.raises(ValueError, match="must be"):
            detection.spearman_ceiling(bad)
        with pytest.raises(ValueError, match="graph must be"):
            detection.hubs_found(bad, [0])
