"""Makers of networks by name: what the table says is what the makers give."""

import dataclasses

import numpy as np
import pytest

from lgl_core.networks.makers import MAKERS, drawn
from lgl_core.networks.network import Network, hub_network
from lgl_core.networks.topologies import c_elegans


def same(one: Network, other: Network) -> bool:
    pairs = zip(*(vars(network).values() for network in (one, other)), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


@pytest.mark.parametrize("name", MAKERS)
def test_each_topology_can_be_drawn_by_its_name(name):
    network = drawn(name, seed=3)
    assert isinstance(network, Network) and dataclasses.is_dataclass(network)
    assert same(network, drawn(name, seed=3))


def test_it_is_what_the_maker_gives():
    assert same(drawn("hub_network", 4, n_neurons=30), hub_network(n_neurons=30, seed=4))


def test_the_wiring_of_an_animal_has_no_seed():
    assert same(drawn("c_elegans", 1), drawn("c_elegans", 2)) and same(
        drawn("c_elegans"), c_elegans()
    )


@pytest.mark.parametrize("name", ["small_world", "", "Network", "np"])
def test_no_such_topology(name):
    with pytest.raises(ValueError, match=f"topology must be .*hub_network, .*, got {name!r}"):
        drawn(name)


def test_no_such_setting_and_no_such_value():
    with pytest.raises(ValueError, match="settings of spatial must be among .*, got hub_weight"):
        drawn("spatial", hub_weight=3.0)
    with pytest.raises(ValueError, match="n_neurons"):
        drawn("hub_network", n_neurons=-1)
