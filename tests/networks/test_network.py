"""Ground-truth networks: what is drawn, what is refused, and that nothing can be changed."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.networks.network import Network, hub_network

TWO = [[0.0, 1.0], [2.0, 0.0]]


@pytest.fixture(scope="module")
def large() -> Network:
    """A network large enough that its statistics are sharp."""
    return hub_network(n_neurons=1000, n_hubs=20, seed=5)


def ordinary(network: Network) -> np.ndarray:
    """Ids of the excitatory neurons that are no hubs."""
    return np.setdiff1d(np.arange(network.n_neurons), [*network.hubs, *network.inhibitory])


def check_share(synapses: np.ndarray, probability: float, excluded: int) -> None:
    """Five standard deviations of a binomial: a wrong probability fails, chance does not."""
    n = synapses.size - excluded
    share = np.count_nonzero(synapses) / n
    assert abs(share - probability) < 5 * np.sqrt(probability * (1 - probability) / n)


def check_mean(sizes: np.ndarray, mean: float, log_sd: float) -> None:
    sd = mean * np.sqrt(np.expm1(log_sd**2))
    assert abs(sizes.mean() - mean) < 5 * sd / np.sqrt(sizes.size)
    assert np.log(sizes).std() == pytest.approx(log_sd, rel=0.05)


class TestHubNetwork:
    def test_counts(self, large):
        assert large.weights.shape == (1000, 1000) and large.n_neurons == 1000
        assert len(large.hubs) == 20 and len(large.inhibitory) == 200
        assert (np.diff(large.hubs) > 0).all() and (np.diff(large.inhibitory) > 0).all()

    def test_connection_probabilities(self, large):
        # Columns are presynaptic; each holds one entry, its own, that can never connect.
        for ids, probability in (
            (large.hubs, 0.4),
            (ordinary(large), 0.1),
            (large.inhibitory, 0.1),
        ):
            check_share(large.weights[:, ids], probability, excluded=len(ids))

    def test_mean_weights(self, large):
        for ids, mean, log_sd in (
            (large.hubs, 7.0, 0.2),
            (ordinary(large), 0.6, 0.5),
            (large.inhibitory, -4 * 0.6, 0.5),
        ):
            columns = large.weights[:, ids]
            sign = np.sign(mean)
            check_mean(sign * columns[columns != 0], abs(mean), log_sd)

    def test_parameters_are_used(self):
        network = hub_network(
            n_neurons=600,
            n_hubs=30,
            connection_probability=0.3,
            hub_probability=0.8,
            weight=2.0,
            hub_weight=3.0,
            inhibitory_fraction=0.5,
            inhibition_ratio=2.5,
            seed=1,
        )
        assert len(network.hubs) == 30 and len(network.inhibitory) == 300
        for ids, probability, mean, log_sd in (
            (network.hubs, 0.8, 3.0, 0.2),
            (ordinary(network), 0.3, 2.0, 0.5),
            (network.inhibitory, 0.3, -5.0, 0.5),
        ):
            columns = network.weights[:, ids]
            check_share(columns, probability, excluded=len(ids))
            check_mean(np.sign(mean) * columns[columns != 0], abs(mean), log_sd)

    @given(seed=st.integers(0, 2**32), fraction=st.floats(0, 0.8), n_hubs=st.integers(0, 4))
    @settings(max_examples=30)
    def test_dales_principle_and_no_self_connection(self, seed, fraction, n_hubs):
        network = hub_network(n_neurons=24, n_hubs=n_hubs, inhibitory_fraction=fraction, seed=seed)
        excitatory = np.setdiff1d(np.arange(24), network.inhibitory)
        assert (network.weights[:, excitatory] >= 0).all()
        assert (network.weights[:, network.inhibitory] <= 0).all()
        assert not np.diagonal(network.weights).any()
        assert not np.intersect1d(network.hubs, network.inhibitory).size

    def test_hubs_reach_far_more_neurons(self, large):
        assert large.out_degree[large.hubs].min() > large.out_degree[ordinary(large)].max()

    def test_ids_do_not_stand_in_a_block(self, large):
        assert np.diff(large.hubs).max() > 1 and np.diff(large.inhibitory).max() > 1
        assert large.hubs.mean() != pytest.approx(9.5)

    def test_the_seed_decides(self):
        first, again, other = (hub_network(seed=seed) for seed in (7, 7, 8))
        for name in ("weights", "hubs", "inhibitory"):
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
            assert not np.array_equal(getattr(first, name), getattr(other, name))

    def test_no_minus_zero(self):
        assert not np.signbit(hub_network(n_neurons=50, seed=0).weights[0, 0])
        weights = hub_network(n_neurons=50, seed=0).weights
        assert not np.signbit(weights[weights == 0]).any()

    def test_the_extremes_that_are_allowed(self):
        everything = hub_network(
            n_neurons=10, connection_probability=1, hub_probability=1, inhibitory_fraction=0
        )
        assert np.count_nonzero(everything.weights) == 90
        nothing = hub_network(
            n_neurons=10, connection_probability=0, hub_probability=0, inhibitory_fraction=0.7
        )
        assert not nothing.weights.any()
        assert hub_network(n_neurons=2, n_hubs=0, inhibitory_fraction=1).hubs.size == 0

    @pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
    @pytest.mark.parametrize(
        "name", ["connection_probability", "hub_probability", "inhibitory_fraction"]
    )
    def test_a_share_outside_0_to_1(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must lie between 0 and 1, got {value}"):
            hub_network(**{name: value})

    @pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
    @pytest.mark.parametrize("name", ["weight", "hub_weight", "inhibition_ratio"])
    def test_a_negative_or_endless_weight(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be a finite number >= 0, got {value}"):
            hub_network(**{name: value})

    @pytest.mark.parametrize(
        "counts",
        [
            {"n_neurons": 1, "n_hubs": 0},
            {"n_hubs": -1},
            {"n_neurons": 10, "n_hubs": 9},
            {"n_neurons": 10, "n_hubs": 1, "inhibitory_fraction": 1},
        ],
    )
    def test_counts_that_do_not_fit(self, counts):
        with pytest.raises(ValueError, match="n_hubs must lie between"):
            hub_network(**counts)


class TestNetwork:
    def test_rows_are_postsynaptic(self):
        network = Network(weights=[[0, 0, 0], [1, 0, 0], [1, 2, 0]])
        assert network.out_degree.tolist() == [2, 1, 0]  # columns: presynaptic
        assert network.in_degree.tolist() == [0, 1, 2]

    def test_arrays_are_copies_that_cannot_be_written(self):
        weights, hubs = np.array(TWO), np.array([0])
        delays = np.full((2, 2), 1e-3)
        network = Network(weights=weights, hubs=hubs, delays=delays)
        weights[0, 1], hubs[0], delays[0, 1] = 9, 1, 9
        assert network.weights[0, 1] == 1 and network.hubs[0] == 0
        assert network.delays is not None and network.delays[0, 1] == 1e-3
        for array in (network.weights, network.hubs, network.inhibitory, network.delays):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0

    def test_fields_cannot_be_set(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Network(weights=TWO).weights = np.zeros((2, 2))

    @pytest.mark.parametrize(
        "restore", [lambda network: pickle.loads(pickle.dumps(network)), copy.deepcopy]
    )
    def test_a_restored_network_is_as_fixed_as_the_original(self, restore):
        network = Network(weights=TWO, hubs=[1], delays=np.full((2, 2), 1e-3))
        restored = restore(network)
        for name in ("weights", "hubs", "inhibitory", "delays"):
            np.testing.assert_array_equal(getattr(restored, name), getattr(network, name))
            assert not getattr(restored, name).flags.writeable

    def test_keyword_only(self):
        with pytest.raises(TypeError):
            Network(TWO)

    def test_repr_tells_size_and_hubs(self):
        text = repr(Network(weights=[[0, -1], [2, 0]], hubs=[0], inhibitory=[1]))
        assert text == "Network(n_neurons=2, synapses=2, hubs=[0], inhibitory=1 neurons)"

    @pytest.mark.parametrize("weights", [np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0))])
    def test_weights_that_are_no_square(self, weights):
        with pytest.raises(ValueError, match="weights must be a square"):
            Network(weights=weights)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_weights_that_are_not_finite(self, value):
        with pytest.raises(ValueError, match="weights must be finite"):
            Network(weights=[[0, value], [0, 0]])

    def test_a_neuron_connected_to_itself(self):
        with pytest.raises(ValueError, match="zero diagonal"):
            Network(weights=[[1, 0], [0, 0]])

    @pytest.mark.parametrize(
        ("weights", "inhibitory", "culprit"),
        [
            ([[0, -1], [0, 0]], [], 1),  # negative, not listed
            ([[0, 0], [1, 0]], [0], 0),  # listed, but positive
            ([[0, 0, 1], [0, 0, -1], [0, 0, 0]], [], 2),  # both signs
            ([[0, 0, 1], [0, 0, -1], [0, 0, 0]], [2], 2),
        ],
    )
    def test_dales_principle(self, weights, inhibitory, culprit):
        with pytest.raises(ValueError, match=rf"Dale's principle.*neuron {culprit} "):
            Network(weights=weights, inhibitory=inhibitory)

    def test_an_inhibitory_hub(self):
        with pytest.raises(ValueError, match="hubs must be excitatory"):
            Network(weights=np.zeros((2, 2)), hubs=[1], inhibitory=[1])

    @pytest.mark.parametrize("name", ["hubs", "inhibitory"])
    @pytest.mark.parametrize("ids", [[2], [-1], [0, 0], [[0]]])
    def test_ids_that_do_not_exist_or_repeat(self, name, ids):
        with pytest.raises(ValueError, match=f"{name} must be"):
            Network(weights=np.zeros((2, 2)), **{name: ids})

    @pytest.mark.parametrize("name", ["hubs", "inhibitory"])
    @pytest.mark.parametrize("ids", [[0.5], [True, False], ["0"]])
    def test_ids_that_are_no_whole_numbers(self, name, ids):
        with pytest.raises(ValueError, match=f"{name} must be"):
            Network(weights=np.zeros((2, 2)), **{name: ids})

    def test_delays_of_another_shape(self):
        with pytest.raises(ValueError, match=r"delays must have the shape .* got \(3, 3\)"):
            Network(weights=TWO, delays=np.ones((3, 3)))

    @pytest.mark.parametrize("delay", [0.0, -1e-3, np.nan, np.inf])
    def test_delays_on_a_synapse(self, delay):
        with pytest.raises(ValueError, match="delays must be finite and above 0"):
            Network(weights=TWO, delays=[[0, delay], [1e-3, 0]])

    def test_delays_off_the_synapses_are_free(self):
        network = Network(weights=[[0, 1], [0, 0]], delays=[[np.nan, 1e-3], [0, np.nan]])
        assert network.delays is not None and network.delays[0, 1] == 1e-3


class TestSigns:
    """Columns of both signs are an error, or are meant."""

    MIXED = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 1.0], [-1.0, 0.5, 0.0]])

    def test_dale_is_the_rule_and_the_remedy_is_named(self):
        with pytest.raises(ValueError, match="neuron 0 .* dale=False"):
            Network(weights=self.MIXED)

    def test_without_it_a_column_may_have_both(self):
        network = Network(weights=self.MIXED, hubs=[0], dale=False)
        np.testing.assert_array_equal(network.weights, self.MIXED)
        assert "dale=False" in repr(network)
        assert not pickle.loads(pickle.dumps(network)).dale


class TestHubGroups:
    def test_each_hub_is_one_by_itself(self):
        network = hub_network(20, n_hubs=3)
        assert network.group_of_hub.tolist() == [0, 1, 2] and network.n_hub_groups == 3
        assert hub_network(20, n_hubs=0).n_hub_groups == 0

    def test_other_hubs_of_the_same_network_are_hubs_by_themselves_again(self):
        network = dataclasses.replace(hub_network(20, n_hubs=3), hubs=[4, 7])
        assert network.group_of_hub.tolist() == [0, 1]

    def test_neighbours_may_act_as_one(self):
        network = Network(weights=np.zeros((4, 4)), hubs=[0, 1, 3], hub_groups=[0, 0, 1])
        assert network.n_hub_groups == 2
        assert pickle.loads(pickle.dumps(network)).hub_groups.tolist() == [0, 0, 1]

    @pytest.mark.parametrize("groups", [[0], [0, 0, 2], [1, 1, 2], [-1, 0, 1]])
    def test_groups_are_numbered_without_a_gap(self, groups):
        with pytest.raises(ValueError, match="hub_groups"):
            Network(weights=np.zeros((4, 4)), hubs=[0, 1, 3], hub_groups=groups)
