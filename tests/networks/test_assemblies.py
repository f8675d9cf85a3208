"""Stripes of neighbouring hubs: the numbers of the published figure, and what is refused."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.optimize import curve_fit

from lgl_core.networks.assemblies import assembly_of, block_means, hub_assemblies

CENTRES = (49, 149, 249)
# Of a cell: how far the figure is blurred, so that single cells are not to be read off it.
BLUR = 0.5


@pytest.fixture(scope="module")
def networks():
    return [hub_assemblies(seed=seed) for seed in range(3)]


def far_from_hubs(network):
    """Columns of neurons that belong to no stripe."""
    apart = np.abs(np.arange(network.n_neurons)[:, None] - CENTRES).min(axis=1)
    return network.weights[:, apart > 16]


def bell(x, height, centre, sd, floor):
    return height * np.exp(-(((x - centre) / sd) ** 2) / 2) + floor


class TestFigure:
    """What was measured on the published panel of true weights, and within which bounds."""

    @pytest.mark.parametrize(("hub", "sd"), [(0, 4.0), (1, 3.5), (2, 4.0)])
    def test_a_stripe_is_some_ten_sources_wide(self, networks, hub, sd):
        centre = CENTRES[hub]
        profile = np.mean([n.weights[centre - 20 : centre + 21].mean(0) for n in networks], axis=0)
        fitted, _ = curve_fit(bell, np.arange(300), profile, p0=(0.3, centre, 5, 0))
        assert fitted[1] == pytest.approx(centre, abs=1) and fitted[2] == pytest.approx(sd, abs=0.5)

    @pytest.mark.parametrize(("hub", "sd", "height"), [(0, 40, 0.40), (1, 36, 0.46), (2, 44, 0.35)])
    def test_a_stripe_reaches_a_third_of_the_targets(self, networks, hub, sd, height):
        centre = CENTRES[hub]
        profile = np.mean([n.weights[:, centre - 1 : centre + 2].mean(1) for n in networks], axis=0)
        fitted, _ = curve_fit(bell, np.arange(300), profile, p0=(0.3, centre, 30, 0))
        assert fitted[1] == pytest.approx(centre, abs=8)
        assert fitted[2] == pytest.approx(sd, abs=6)
        assert fitted[0] == pytest.approx(height, abs=0.06)

    def test_everybody_inhibits_everybody_weakly(self, networks):
        for network in networks:
            background = far_from_hubs(network)
            assert -0.065 <= background.mean() <= -0.049
            assert background.max() < 0.01 and background.min() >= -0.2
            shown = gaussian_filter(background, BLUR)
            assert np.median(shown) == pytest.approx(-0.05, abs=0.015)
            assert np.quantile(shown, 0.05) == pytest.approx(-0.15, abs=0.03)

    def test_nine_in_ten_weights_are_negative_and_the_largest_near_one(self, networks):
        for network in networks:
            between = network.weights[~np.eye(300, dtype=bool)]
            assert 0.88 <= (between < 0).mean() <= 0.92 and (between != 0).all()
            assert 0.75 <= between.max() <= 1.0


class TestNetwork:
    def test_hubs_are_neighbours_that_act_as_one(self, networks):
        network = networks[0]
        assert network.n_hub_groups == 3 and not network.dale and not len(network.inhibitory)
        for group, centre in enumerate(CENTRES):
            members = network.hubs[network.group_of_hub == group]
            assert (np.diff(members) == 1).all() and 8 <= len(members) <= 10
            assert members.mean() == pytest.approx(centre, abs=1)

    def test_scale_multiplies_all_weights(self):
        plain, scaled = hub_assemblies(seed=4), hub_assemblies(seed=4, scale=2.5)
        np.testing.assert_allclose(scaled.weights, 2.5 * plain.weights)

    def test_same_seed_same_network(self, networks):
        np.testing.assert_array_equal(networks[1].weights, hub_assemblies(seed=1).weights)
        assert (networks[1].weights != networks[2].weights).any()

    def test_columns_have_both_signs(self, networks):
        for hub in networks[0].hubs:
            column = networks[0].weights[:, hub]
            assert (column > 0).any() and (column < 0).any()

    def test_another_size(self):
        network = hub_assemblies(40, hub_weight=(0.4, 0.3), source_sd=2.0, target_sd=6.0, seed=0)
        assert network.n_neurons == 40 and network.n_hub_groups == 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_neurons", 5),
            ("hub_weight", (0.4, -0.1, 0.2)),
            ("hub_weight", (0.4, np.nan, 0.2)),
            ("source_sd", 0.0),
            ("source_sd", (4.0, 3.0)),
            ("target_sd", -1.0),
            ("background", -0.2),
            ("background_power", 0.0),
            ("scale", 0.0),
        ],
    )
    def test_bad_values_are_named(self, name, value):
        with pytest.raises(ValueError, match=name):
            hub_assemblies(**{name: value})


def test_assemblies_are_equal_spans():
    assert np.bincount(assembly_of(300)).tolist() == [100, 100, 100]
    assert (np.diff(assembly_of(10, 4)) >= 0).all() and assembly_of(10, 4).max() == 3


def test_block_means_are_means_over_pairs_of_different_neurons():
    rng = np.random.default_rng(0)
    matrix, groups = rng.normal(size=(9, 9)), np.array([0, 2, 0, 1, 2, 2, 0, 0, 2])
    found = block_means(matrix, groups)
    for post in range(3):
        for pre in range(3):
            pairs = [
                matrix[i, j]
                for i in np.flatnonzero(groups == post)
                for j in np.flatnonzero(groups == pre)
                if i != j
            ]
            expected = np.mean(pairs) if pairs else np.nan
            np.testing.assert_allclose(found[post, pre], expected)
