"""A ring with local excitation and broad inhibition: its symmetry, and what is refused."""

import inspect

import numpy as np
import pytest

from lgl_core.networks.makers import drawn
from lgl_core.networks.ring import ring


def test_weights_depend_on_the_distance_alone():
    weights = ring(40).weights
    for shift in (1, 7, 39):
        np.testing.assert_array_equal(np.roll(weights, (shift, shift), (0, 1)), weights)
    np.testing.assert_array_equal(weights, weights.T)
    assert not np.diagonal(weights).any()


def test_each_weight_is_the_difference_of_two_bells():
    weights = ring(30, 4.0, excitation_sd=2.0, inhibition_sd=5.0, inhibition=0.5, reach=6).weights
    for distance in range(1, 7):
        expected = 4 * (np.exp(-(distance**2) / 8) - 0.5 * np.exp(-(distance**2) / 50))
        for post in (distance, 30 - distance):
            assert weights[post, 0] == pytest.approx(expected)
    assert not weights[7:24, 0].any()


def test_neighbours_excite_and_those_around_inhibit():
    network = ring()
    column = network.weights[:13, 0]
    assert (column[1:4] > 0).all() and (column[4:] < 0).all()
    assert not network.dale and not network.hubs.size and not network.inhibitory.size
    assert (network.in_degree == 24).all() and (network.out_degree == 24).all()


def test_strength_scales_all_weights():
    np.testing.assert_allclose(ring(strength=5.0).weights, 5 * ring(strength=1.0).weights)
    assert not ring(strength=0.0).weights.any()


def test_there_is_nothing_random_in_it():
    assert "seed" not in inspect.signature(ring).parameters
    one, other = drawn("ring", 1, strength=2.0), drawn("ring", 2, strength=2.0)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_the_largest_reach_leaves_pairs_without_a_synapse():
    assert (ring(26).weights == 0).sum() == 26 + 26  # neurons themselves, and who is opposite


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strength", -1.0),
        ("strength", np.inf),
        ("inhibition", -0.5),
        ("excitation_sd", 0.0),
        ("inhibition_sd", -2.0),
        ("inhibition_sd", np.nan),
        ("reach", 0),
        ("reach", 40),
        ("n_neurons", 25),
        ("n_neurons", 0),
    ],
)
def test_bad_values_are_named(name, value):
    with pytest.raises(ValueError, match=rf"{name} .*got"):
        ring(**{name: value})
