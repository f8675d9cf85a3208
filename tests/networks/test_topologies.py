"""The other networks: statistics against theory, conventions, and the worm against its sources."""

from __future__ import annotations

import itertools
import re
import tomllib
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from lgl_core.networks.network import Network, hub_network
from lgl_core.networks.topologies import (
    c_elegans,
    c_elegans_neurons,
    erdos_renyi,
    from_edges,
    scale_free,
    spatial,
    spatial_positions,
)
from lgl_core.simulation.lif import LIFParams, simulate
from tests.house import ROOT

DRAWN = [erdos_renyi, scale_free, spatial]
each_drawn = pytest.mark.parametrize("maker", DRAWN, ids=lambda maker: maker.__name__)
each = pytest.mark.parametrize("maker", [*DRAWN, c_elegans], ids=lambda maker: maker.__name__)


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return matrix[~np.eye(len(matrix), dtype=bool)]


def excitatory(network: Network) -> np.ndarray:
    return np.setdiff1d(np.arange(network.n_neurons), network.inhibitory)


def check_count(observed: int, probability: np.ndarray) -> None:
    """Five standard deviations of a sum of independent yes-or-no draws."""
    sd = np.sqrt((probability * (1 - probability)).sum())
    assert abs(observed - probability.sum()) < 5 * sd


class TestConventions:
    """What all drawn networks share with `hub_network`."""

    @each_drawn
    def test_mean_probability(self, maker):
        # Drawn probabilities differ between pairs, which only narrows the spread of the sum.
        n, p = 600, 0.07
        synapses = np.count_nonzero(maker(n, connection_probability=p, seed=3).weights)
        check_count(synapses, np.full(n * (n - 1), p))

    @each_drawn
    def test_sizes(self, maker):
        network = maker(600, weight=1.5, inhibition_ratio=3.0, inhibitory_fraction=0.3, seed=1)
        assert len(network.inhibitory) == 180
        for ids, mean in ((excitatory(network), 1.5), (network.inhibitory, -4.5)):
            columns = network.weights[:, ids]
            sizes = columns[columns != 0] / mean  # lognormal with mean 1
            assert abs(sizes.mean() - 1) < 5 * np.sqrt(np.expm1(0.5**2) / sizes.size)
            assert np.log(sizes).std() == pytest.approx(0.5, rel=0.05)

    @each_drawn
    @given(seed=st.integers(0, 2**32), fraction=st.floats(0, 0.8), p=st.floats(0, 0.9))
    @settings(max_examples=25)
    def test_dales_principle_and_no_self_connection(self, maker, seed, fraction, p):
        network = maker(24, connection_probability=p, inhibitory_fraction=fraction, seed=seed)
        assert (network.weights[:, excitatory(network)] >= 0).all()
        assert (network.weights[:, network.inhibitory] <= 0).all()
        assert not np.diagonal(network.weights).any()
        assert not np.signbit(network.weights[network.weights == 0]).any()

    @each_drawn
    def test_ids_of_inhibitory_neurons_are_drawn(self, maker):
        inhibitory = maker().inhibitory
        assert len(inhibitory) == 60 and np.diff(inhibitory).max() > 1
        assert inhibitory.mean() == pytest.approx(149.5, abs=5 * 300 / np.sqrt(12 * 60))

    @each_drawn
    def test_the_seed_decides(self, maker):
        first, again, other = (maker(seed=seed) for seed in (7, 7, 8))
        for name in ("weights", "hubs", "inhibitory"):
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(first.weights != 0, other.weights != 0)
        assert not np.array_equal(first.inhibitory, other.inhibitory)

    @each_drawn
    def test_the_extremes_that_are_allowed(self, maker):
        assert np.count_nonzero(maker(10, connection_probability=1).weights) == 90
        assert not maker(10, connection_probability=0).weights.any()
        assert len(maker(5, inhibitory_fraction=1, **hubless(maker)).inhibitory) == 5

    @each_drawn
    @pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
    @pytest.mark.parametrize("name", ["connection_probability", "inhibitory_fraction"])
    def test_a_share_outside_0_to_1(self, maker, name, value):
        with pytest.raises(ValueError, match=f"{name} must lie between 0 and 1, got {value}"):
            maker(**{name: value})

    @each
    @pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
    @pytest.mark.parametrize("name", ["weight", "inhibition_ratio"])
    def test_a_negative_or_endless_weight(self, maker, name, value):
        with pytest.raises(ValueError, match=f"{name} must be a finite number >= 0, got {value}"):
            maker(**{name: value})

    @each_drawn
    def test_fewer_than_two_neurons(self, maker):
        with pytest.raises(ValueError, match="n_neurons be at least 2.* n_neurons=1"):
            maker(1)

    @each
    def test_fires_at_a_few_hz_and_without_bursts(self, maker):
        spikes = simulate(maker(), LIFParams(), duration=3.0, seed=0, progress=False)
        assert 2 < spikes.rates.mean() < 10
        counts, _ = np.histogram(spikes.times, bins=np.arange(0.5, 3.0, 0.005))
        # 1 for independent neurons, about 6 for the default network with its hubs.
        assert counts.var() / counts.mean() < 2


def hubless(maker) -> dict:
    return {"n_hubs": 0} if maker is scale_free else {}


class TestErdosRenyi:
    def test_is_the_hub_network_without_hubs(self):
        network, twin = (
            erdos_renyi(80, 0.2, 1.0, 0.3, 2.0, 5),
            hub_network(
                80, 0, 0.2, weight=1.0, inhibitory_fraction=0.3, inhibition_ratio=2.0, seed=5
            ),
        )
        np.testing.assert_array_equal(network.weights, twin.weights)
        np.testing.assert_array_equal(network.inhibitory, twin.inhibitory)

    def test_degrees_are_binomial(self):
        n, p = 1000, 0.1
        network = erdos_renyi(n, p)
        assert not network.hubs.size
        for degree in (network.in_degree, network.out_degree):
            # A variance from n draws has a relative standard deviation of sqrt(2 / n).
            assert abs(degree.var() / ((n - 1) * p * (1 - p)) - 1) < 5 * np.sqrt(2 / n)


class TestScaleFree:
    @pytest.mark.slow
    @pytest.mark.parametrize("exponent", [2.5, 3.0, 4.0])
    def test_out_degrees_fall_with_rank_as_a_power_law(self, exponent):
        # A density that falls with the exponent gamma is a rank plot of slope -1 / (gamma - 1).
        network = scale_free(2000, connection_probability=0.015, exponent=exponent)
        degree = np.sort(network.out_degree)[::-1][:400]
        rank = np.arange(1, 401)
        slope, _ = np.polyfit(np.log(rank), np.log(degree), 1, w=np.sqrt(degree))
        assert slope == pytest.approx(-1 / (exponent - 1), abs=0.03)

    def test_out_degrees_are_those_of_the_static_model(self):
        n, p = 1000, 0.05
        network = scale_free(n, connection_probability=p)
        share = np.arange(1, n + 1) ** -0.5
        share *= p * n / share.sum()
        expected = (n - 1) * share
        observed = np.sort(network.out_degree)[::-1]
        # Of the first ranks the degrees do not overlap: each must fit its own.
        sd = np.sqrt(expected * (1 - share))
        assert (np.abs(observed - expected) < 5 * sd)[:10].all()

    def test_more_unequal_than_random_on_the_sending_side_alone(self):
        network, random = scale_free(1000), erdos_renyi(1000)
        assert network.out_degree.max() > 5 * random.out_degree.max() > 5 * 100
        assert network.out_degree.var() > 10 * random.out_degree.var()
        assert network.in_degree.var() < 1.2 * random.in_degree.var()

    def test_what_is_cut_goes_to_the_others(self):
        n, p = 400, 0.2
        network = scale_free(n, connection_probability=p, exponent=2.1)
        assert (network.out_degree == n - 1).sum() > 3
        check_count(np.count_nonzero(network.weights), np.full(n * (n - 1), p))

    def test_without_a_tail_it_is_random(self):
        network = scale_free(1000, exponent=np.inf)
        assert abs(network.out_degree.var() / (999 * 0.1 * 0.9) - 1) < 5 * np.sqrt(2 / 1000)

    def test_ranks_are_dealt_to_all_ids_and_to_inhibitory_neurons_too(self):
        networks = [scale_free(40, seed=seed) for seed in range(200)]
        firsts = [int(np.argmax(network.out_degree)) for network in networks]
        assert np.mean(firsts) == pytest.approx(19.5, abs=5 * 40 / np.sqrt(12 * 200))
        held = [first in net.inhibitory for first, net in zip(firsts, networks, strict=True)]
        check_count(sum(held), np.full(200, 0.2))

    def test_hubs_are_the_strongest_excitatory_neurons(self):
        network = scale_free(n_hubs=7)
        strength = network.weights.sum(axis=0)
        assert (np.diff(network.hubs) > 0).all()
        others = np.setdiff1d(excitatory(network), network.hubs)
        assert len(network.hubs) == 7
        assert strength[network.hubs].min() > strength[others].max()
        np.testing.assert_array_equal(network.weights, scale_free(n_hubs=0).weights)

    @pytest.mark.parametrize("exponent", [2.0, 0.0, np.nan])
    def test_an_exponent_of_no_finite_mean(self, exponent):
        with pytest.raises(ValueError, match=f"exponent must be above 2, got {exponent}"):
            scale_free(exponent=exponent)

    @pytest.mark.parametrize("n_hubs", [-1, 9])
    def test_more_hubs_than_excitatory_neurons(self, n_hubs):
        with pytest.raises(ValueError, match=f"n_hubs must lie between 0 and 8, got {n_hubs}"):
            scale_free(10, n_hubs=n_hubs)


def slow_distances(positions: np.ndarray) -> np.ndarray:
    """Nearest of the nine copies of each neuron that a torus amounts to."""
    n = len(positions)
    distance = np.full((n, n), np.inf)
    for shift in itertools.product((-1, 0, 1), repeat=2):
        for post, pre in itertools.product(range(n), repeat=2):
            length = np.hypot(*(positions[post] - positions[pre] - shift))
            distance[post, pre] = min(distance[post, pre], length)
    return distance


def slow_probability(distance: np.ndarray, length_scale: float, mean: float) -> np.ndarray:
    """Find the factor of the Gaussian that gives the mean by trying."""
    near = np.exp(-(distance**2) / (2 * length_scale**2))
    factor = brentq(lambda c: np.minimum(off_diagonal(c * near), 1).mean() - mean, 0, 1e9)
    return np.minimum(factor * near, 1)


class TestSpatial:
    # The second cuts at 1: neurons nearer than about one length scale are all connected.
    @pytest.mark.slow
    @pytest.mark.parametrize("length_scale", [0.15, 0.09])
    def test_probability_falls_with_distance_as_stated(self, length_scale):
        n, p = 110, 0.1
        distances = slow_distances(spatial_positions(n))
        distance = off_diagonal(distances)
        expected = off_diagonal(slow_probability(distances, length_scale, p))
        assert (expected.max() == 1) == (length_scale == 0.09)
        connected = off_diagonal(spatial(n, p, length_scale).weights) != 0
        edges = np.quantile(distance, np.linspace(0, 1, 13))
        for low, high in itertools.pairwise(edges):
            inside = (distance >= low) & (distance < high)
            check_count(np.count_nonzero(connected & inside), expected[inside])

    def test_positions_fill_the_square(self):
        positions = spatial_positions(2000, seed=4)
        assert positions.shape == (2000, 2)
        assert 0 <= positions.min() < 0.01 and 0.99 < positions.max() < 1
        counts, *_ = np.histogram2d(*positions.T, bins=4)
        assert (np.abs(counts - 125) < 5 * np.sqrt(125)).all()

    def test_positions_know_nothing_of_signs(self):
        inhibitory = np.isin(np.arange(300), spatial(seed=2).inhibitory)
        for axis in spatial_positions(300, seed=2).T:
            assert abs(np.corrcoef(axis, inhibitory)[0, 1]) < 5 / np.sqrt(300)

    def test_opposite_edges_are_joined(self):
        n = 400
        positions, weights = spatial_positions(n), spatial(n, length_scale=0.1).weights
        left, right = positions[:, 0] < 0.05, positions[:, 0] > 0.95
        level = np.abs(positions[:, None, 1] - positions[:, 1]) < 0.05
        across = level & left[:, None] & right
        assert np.count_nonzero(weights[across]) > across.sum() / 2

    @pytest.mark.slow
    def test_a_wide_length_scale_is_random(self):
        n, p = 100, 0.1
        weights = spatial(n, p, length_scale=1e6).weights
        near = slow_distances(spatial_positions(n)) < 0.1
        np.fill_diagonal(near, False)
        check_count(np.count_nonzero(weights[near]), np.full(near.sum(), p))

    def test_delays_grow_with_distance(self):
        n = 60
        plain = spatial(n, seed=3)
        network = spatial(n, delay=0.001, delay_per_distance=0.02, seed=3)
        assert plain.delays is None and not plain.hubs.size
        np.testing.assert_array_equal(network.weights, plain.weights)
        expected = 0.001 + 0.02 * slow_distances(spatial_positions(n, seed=3))
        np.testing.assert_allclose(network.delays, expected)

    def test_synapses_too_short_for_so_many(self):
        with pytest.raises(ValueError, match="connection_probability 0.1 is out of reach"):
            spatial(length_scale=1e-4)

    @pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
    @pytest.mark.parametrize("name", ["length_scale", "delay"])
    def test_lengths_and_delays_out_of_range(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be a finite number above 0"):
            spatial(**{name: value})

    @pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
    def test_a_negative_or_endless_slope_of_the_delay(self, value):
        with pytest.raises(ValueError, match=f"delay_per_distance must be .* got {value}"):
            spatial(delay_per_distance=value)


EDGES = [("b", "a", 0.5), ("c", "a", -1.0), ("c", "b", -2.0)]


class TestFromEdges:
    def test_names_get_ids_in_alphabetical_order(self):
        network = from_edges(EDGES)
        np.testing.assert_array_equal(network.weights, [[0, 0.5, -1], [0, 0, -2], [0, 0, 0]])
        np.testing.assert_array_equal(network.inhibitory, [2])
        assert not network.hubs.size and network.delays is None

    def test_neurons_set_the_order_and_add_silent_ones(self):
        network = from_edges(EDGES, neurons=["c", "silent", "b", "a"])
        assert network.n_neurons == 4
        assert network.weights[3, 2] == 0.5 and network.weights[2, 0] == -2
        np.testing.assert_array_equal(network.inhibitory, [0])

    def test_whole_numbers_are_ids(self):
        network = from_edges([(4, 0, 1.0)])
        assert network.n_neurons == 5 and network.weights[0, 4] == 1
        recorded = from_edges([(9_000_000_004, 17, 1.0)], neurons=[17, 9_000_000_004])
        np.testing.assert_array_equal(recorded.weights, [[0, 1], [0, 0]])

    def test_a_table_in_any_order_with_more_columns(self):
        table = pd.DataFrame(EDGES, columns=["pre", "post", "weight"]).assign(note="x")
        shuffled = table[["note", "weight", "post", "pre"]].sample(frac=1, random_state=0)
        np.testing.assert_array_equal(from_edges(shuffled).weights, from_edges(EDGES).weights)

    @given(seed=st.integers(0, 1000), p=st.floats(0, 1))
    @settings(max_examples=25)
    def test_gives_back_the_network_whose_synapses_it_is_told(self, seed, p):
        network = hub_network(20, 2, p, seed=seed)
        post, pre = np.nonzero(network.weights)
        edges = list(zip(pre, post, network.weights[post, pre], strict=True))
        again = from_edges(edges, neurons=range(20))
        np.testing.assert_array_equal(again.weights, network.weights)

    def test_agrees_with_networkx(self):
        nx = pytest.importorskip("networkx")
        graph = nx.gnp_random_graph(30, 0.2, seed=1, directed=True)
        edges = [(f"n{pre:02}", f"n{post:02}", 1.0 + pre) for pre, post in graph.edges]
        twin = nx.DiGraph()
        twin.add_weighted_edges_from(edges)
        matrix = nx.to_numpy_array(twin, nodelist=sorted(twin))  # [pre, post]
        np.testing.assert_array_equal(from_edges(edges).weights, matrix.T)

    @pytest.mark.parametrize(
        ("edges", "neurons", "message"),
        [
            ([("a", "a", 1.0)], None, "join two different neurons, got a -> a"),
            ([("a", "b", 1.0), ("a", "b", 2.0)], None, "each pair once, got a -> b"),
            ([("a", "b", 1.0)], ["a", "c"], "that are in neurons, got a -> b"),
            ([("a", "b", 1.0), ("a", "c", -1.0)], None, "Dale's principle: a sends both"),
            ([("a", 1, 1.0)], None, "must be names, or ids"),
            ([(0.5, 1.5, 1.0)], None, "must be names, or ids"),
            ([(-1, 1, 1.0)], None, "must be names, or ids"),
            ([("a", "b", np.nan)], None, "weights must be finite"),
            ([("a", "b", 1.0)], ["a", "b", "a"], "each listed once"),
            ([], None, "neurons must be at least one"),
        ],
    )
    def test_tables_that_are_refused(self, edges, neurons, message):
        with pytest.raises(ValueError, match=message):
            from_edges(edges, neurons)

    def test_a_table_without_weights(self):
        with pytest.raises(ValueError, match=r"\['weight'\] are missing"):
            from_edges(pd.DataFrame({"pre": ["a"], "post": ["b"]}))


@pytest.fixture(scope="module")
def worm() -> pd.DataFrame:
    """The worm's weights with names, [post, pre]."""
    names = c_elegans_neurons()
    return pd.DataFrame(c_elegans().weights, index=names, columns=names)


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    return pd.read_csv(ROOT / "lgl_core" / "networks" / "data" / "c_elegans.csv")


class TestCElegans:
    def test_published_totals(self, counts):
        # Varshney et al. (2011): 279 neurons, 2194 connections; the abstract counts 6393 synapses.
        network = c_elegans()
        assert network.n_neurons == len(c_elegans_neurons()) == 279
        assert np.count_nonzero(network.weights) == 2194
        assert counts["synapses"].sum() == pytest.approx(6393, abs=1)

    def test_published_components(self):
        # Same article: all 279 hang together, 237 reach each other along the synapses.
        nx = pytest.importorskip("networkx")
        graph = nx.from_numpy_array(c_elegans().weights.T, create_using=nx.DiGraph)
        assert max(map(len, nx.weakly_connected_components(graph))) == 279
        assert max(map(len, nx.strongly_connected_components(graph))) == 237

    @pytest.mark.parametrize(
        "edge",
        [
            "ASHL AVAL",  # avoidance: the nociceptor onto the command neuron of reversal
            "AVAL DA6",  # backward command onto a motor neuron of backward movement
            "AVAL VA8",
            "PVCL VB5",  # forward command onto a motor neuron of forward movement
            "VB3 DD2",  # excitation of one side, inhibition of the other
            "AWCL AIYL",  # olfaction
        ],
    )
    def test_famous_connections(self, worm, edge):
        pre, post = edge.split()
        assert worm.loc[post, pre] > 0

    def test_connections_that_there_are_not(self, worm):
        assert worm.loc["ASHL", "AVAL"] == 0  # not from command neuron to sensory neuron
        assert worm.loc["VB5", "AVAL"] == 0  # backward command spares the forward motor neurons

    def test_names_are_those_of_wormbase_in_alphabetical_order(self):
        names = c_elegans_neurons()
        assert names == sorted(set(names))
        assert all(re.fullmatch(r"[A-Z]+\d?[A-Z]*|[A-Z]+[1-9]\d?", name) for name in names)
        assert {"VA1", "VA12", "IL1DL", "RIS"} <= set(names)

    def test_gaba_neurons_are_inhibitory(self, worm):
        names = np.array(c_elegans_neurons())
        classes = [f"DD{i}" for i in range(1, 7)] + [f"VD{i}" for i in range(1, 14)]
        classes += ["RMED", "RMEL", "RMER", "RMEV", "AVL", "DVB", "RIS"]
        assert sorted(names[c_elegans().inhibitory]) == sorted(classes)
        assert (worm[classes] <= 0).all(axis=None)
        assert (worm.drop(columns=classes) >= 0).all(axis=None)

    def test_hubs_are_the_command_neurons_of_reversal_and_one_more(self):
        names = c_elegans_neurons()
        assert {"AVAL", "AVAR"} < {names[hub] for hub in c_elegans().hubs}
        assert len(c_elegans().hubs) == 3 and not c_elegans(n_hubs=0).hubs.size

    def test_sizes_are_proportional_to_the_number_of_synapses(self, counts):
        network = c_elegans(weight=2.0, inhibition_ratio=3.0)
        names = c_elegans_neurons()
        inhibitory = {names[i] for i in network.inhibitory}
        for mean, group in (
            (2.0, counts[~counts["pre"].isin(inhibitory)]),
            (-6.0, counts[counts["pre"].isin(inhibitory)]),
        ):
            sizes = [
                network.weights[names.index(row.post), names.index(row.pre)]
                for row in group.itertuples()
            ]
            assert np.mean(sizes) == pytest.approx(mean)
            ratio = np.array(sizes) / group["synapses"]
            np.testing.assert_allclose(ratio, ratio.iloc[0])

    def test_the_table_says_where_it_comes_from(self, counts):
        text = (ROOT / "lgl_core" / "networks" / "data" / "c_elegans.md").read_text()
        neurons = len({*counts["pre"], *counts["post"]})
        totals = f"{neurons} neurons, {len(counts)} connections, {counts['synapses'].sum()} syn"
        assert totals in " ".join(text.split())
        for needed in ("10.1371/journal.pcbi.1001066", "CC BY", "## How it was made"):
            assert needed in text

    def test_the_table_and_its_source_are_shipped(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        patterns = project["tool"]["setuptools"]["package-data"]["lgl_core.networks"]
        for name in ("c_elegans.csv", "c_elegans.md"):
            assert any(fnmatch(f"data/{name}", pattern) for pattern in patterns)
