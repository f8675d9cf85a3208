"""Networks of motifs and drivers: what connects to what, and what has nothing to do with it."""

import numpy as np
import pytest

from lgl_core.metrics.pairs import pair_kinds
from lgl_core.networks.motifs import common_drive, motifs, subnetwork
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate


def test_triplets_are_chains_forks_and_colliders_in_equal_numbers():
    n = 20
    network = motifs(n, seed=1)
    kinds, counts = np.unique(pair_kinds(network.weights), return_counts=True)
    counts = dict(zip(kinds, counts, strict=True))
    assert network.n_neurons == 9 * n
    assert counts["edge"] == counts["reverse"] == 2 * 3 * n
    # b and c of a fork, a to c of a chain, a and b of a collider; the chain's way back is nothing.
    assert (counts["source"], counts["chain"], counts["target"]) == (2 * n, n, 2 * n)
    degrees = np.stack([network.in_degree, network.out_degree])
    each, found = np.unique(degrees, axis=1, return_counts=True)
    expected = {(0, 1): 3 * n, (1, 1): n, (1, 0): 3 * n, (0, 2): n, (2, 0): n}
    assert dict(zip(map(tuple, each.T.tolist()), found.tolist(), strict=True)) == expected


@pytest.mark.slow
def test_sizes_have_the_mean_asked_for():
    sizes = motifs(400, weight=3.0).weights
    sizes = sizes[sizes != 0]
    assert sizes.mean() == pytest.approx(3.0, rel=0.02)
    assert np.log(sizes).std() == pytest.approx(0.2, rel=0.1)


def test_drivers_excite_their_share_and_hear_nobody():
    network = common_drive(n_neurons=100, n_drivers=7, n_driven=11, seed=2)
    np.testing.assert_array_equal(network.hubs, np.arange(100, 107))
    assert (network.out_degree[100:] == 11).all()
    assert not network.weights[100:].any()
    sizes = network.weights[:, 100:]
    assert sizes[sizes != 0].mean() == pytest.approx(8.0, rel=0.1)


def test_drivers_leave_the_network_as_it_is():
    few, many = (common_drive(n_drivers=n, seed=3) for n in (0, 30))
    np.testing.assert_array_equal(few.weights, many.weights[:250, :250])
    np.testing.assert_array_equal(few.inhibitory, many.inhibitory)


def test_common_drive_and_synapses_are_independent():
    """Among driven pairs synapses are as frequent as among all, within five deviations."""
    network = common_drive(seed=4, connection_probability=0.1)
    inner = network.weights[:250, :250] != 0
    drives = network.weights[:250, 250:] != 0
    together = (drives.astype(int) @ drives.T > 0) & ~np.eye(250, dtype=bool)
    expected = 0.1 * together.sum()
    assert abs((inner & together).sum() - expected) < 5 * np.sqrt(0.9 * expected)


@pytest.mark.parametrize("maker", [motifs, common_drive])
def test_the_defaults_fire_at_a_few_hertz(maker):
    rates = simulate(maker(), duration=20.0).rates
    assert 2 < rates.mean() < 10
    assert (rates > 0.5).mean() > 0.9


def test_a_part_keeps_synapses_signs_and_hubs():
    network = hub_network(30, n_hubs=2, seed=5)
    others = np.setdiff1d(np.arange(30), [*network.hubs, *network.inhibitory])
    kept = np.array([*network.hubs[::-1], *network.inhibitory[:3], others[4]])
    part = subnetwork(network, kept)
    for i, post in enumerate(kept):
        for j, pre in enumerate(kept):
            assert part.weights[i, j] == network.weights[post, pre]
    np.testing.assert_array_equal(kept[part.hubs], network.hubs[::-1])
    assert set(network.inhibitory[:3]) <= set(kept[part.inhibitory])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: motifs(0), "n_of_each must be at least 1, got 0"),
        (lambda: motifs(weight=-1.0), "weight must be a finite number >= 0, got -1.0"),
        (lambda: common_drive(n_driven=251), "n_driven between 0 and n_neurons = 250"),
        (lambda: common_drive(drive_weight=np.inf), "drive_weight must be a finite number"),
        (lambda: subnetwork(hub_network(10), [1, 1]), "neurons must be a flat list of distinct"),
        (lambda: subnetwork(hub_network(10), [10]), "neurons must be ids between 0 and 9"),
        (lambda: subnetwork(hub_network(10), []), "neurons must be at least one id"),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
