"""What can be known of the next spike, against many simulated membranes."""

from dataclasses import replace

import numpy as np
import pytest

import lgl_core as lgl
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.simulation.oracle import foresee

PARAMS = LIFParams(mu=12.0)
NETWORK = lgl.hub_network(n_neurons=12, n_hubs=1, seed=0)


@pytest.fixture(scope="module")
def spikes():
    return simulate(NETWORK, PARAMS, duration=4.0, seed=0)


def chances_of_particles(network, params, spikes, post, n, seed=0):
    """Chance that ``post`` fires in each step: the share of many membranes that have not yet."""
    rng = np.random.default_rng(seed)
    steps = np.floor(spikes.times / params.dt).astype(int)
    n_steps = round(spikes.duration / params.dt)
    delays = np.full(network.weights.shape, round(params.delay / params.dt))
    if network.delays is not None:
        delays = np.round(network.delays / params.dt).astype(int)
    arriving = np.zeros(n_steps + delays.max() + 1)
    for step, neuron in zip(steps, spikes.neurons, strict=True):
        arriving[step + delays[post, neuron]] += network.weights[post, neuron]
    own = set(steps[spikes.neurons == post])
    decay = np.exp(-params.dt / params.tau_m)
    target, spread = params.v_rest + params.mu, params.sigma * np.sqrt(1 - decay**2)
    membranes, ready = np.full(n, params.v_reset), 0
    chances = np.zeros(n_steps)
    for step in range(n_steps):
        if ready <= step:
            moved = target + (membranes - target) * decay + spread * rng.normal(size=n)
            silent = moved[moved < params.v_threshold]
            chances[step] = 1 - len(silent) / n
            membranes = rng.choice(silent, n) + arriving[step]
        if step in own:
            membranes, ready = (
                np.full(n, params.v_reset),
                step + round(params.refractory / params.dt),
            )
    return chances


def test_chances_are_the_shares_of_many_membranes():
    few = lgl.hub_network(n_neurons=4, n_hubs=1, connection_probability=0.9, seed=1)
    eager, n = replace(PARAMS, mu=16.0), 10_000
    spikes = simulate(few, eager, duration=0.5, seed=2)
    found = foresee(few, eager, spikes, start=0.1)
    steps = np.floor(spikes.times[spikes.times >= 0.1] / PARAMS.dt).astype(int)
    twins = np.stack([chances_of_particles(few, eager, spikes, post, n) for post in range(4)])
    # A share of n membranes differs from the chance by its root over n.
    own, anyone = twins[found.neurons, steps], twins[:, steps].sum(axis=0)
    for share, chance in ((own, found.own), (anyone, found.anyone)):
        assert (np.abs(share - chance) < 5 * np.sqrt(chance / n) + 0.05 * chance).all()
        assert share.sum() == pytest.approx(chance.sum(), rel=0.04)
    silent = np.ones(twins.shape, bool)
    silent[found.neurons, steps] = silent[:, : round(0.1 / PARAMS.dt)] = False
    expected = np.where(silent, np.log1p(-twins), 0).sum(axis=1)
    np.testing.assert_allclose(found.silence, expected, rtol=0.03)


def test_bins_of_one_step_are_steps_and_longer_ones_tell_less(spikes):
    step, bins = (
        foresee(NETWORK, PARAMS, spikes, n_cells=101, bin_width=w) for w in (PARAMS.dt, 1e-3)
    )
    assert step.gain_in_bins() == pytest.approx(step.gain(), rel=1e-9)
    assert 0 < bins.gain_in_bins() < step.gain()
    binned = spikes.select(start=1.0).binned(1e-3) > 0
    assert bins.n_bins == len(binned)
    np.testing.assert_array_equal(bins.bins_with_spikes, binned.sum(axis=0))


def test_bins_are_foreseen_as_they_are_simulated():
    """A neuron alone, from its last spike: chances of bins are shares of many simulations."""
    alone = replace(lgl.hub_network(n_neurons=8, n_hubs=1, seed=0), weights=np.zeros((8, 8)))
    eager = replace(PARAMS, mu=18.0)
    spikes = simulate(alone, eager, duration=20.0, seed=0)
    found = foresee(alone, eager, spikes, n_cells=101)
    # The hazard of the bins since the last spike, counted.
    binned = spikes.select(start=1.0).binned(1e-3) > 0
    ages = np.zeros(binned.shape, int)
    for t in range(1, len(binned)):
        ages[t] = np.where(binned[t - 1], 0, ages[t - 1] + 1)
    fired, met = (np.bincount(ages.ravel(), w.ravel()) for w in (binned, np.ones_like(binned)))
    hazard = np.clip(fired / np.maximum(met, 1), 1e-9, 1 - 1e-9)[ages]
    counted = np.where(binned, np.log(hazard), np.log1p(-hazard)).sum()
    # Counting fits some noise: the ages have a hundred hazards or so.
    assert found.in_bins.sum() == pytest.approx(counted, abs=150)
    assert found.gain_in_bins() > 0.1


def test_a_finer_grid_says_the_same(spikes):
    coarse, fine = (foresee(NETWORK, PARAMS, spikes, n_cells=n) for n in (201, 301))
    assert coarse.gain() == pytest.approx(fine.gain(), abs=2e-3)
    assert coarse.gain_of_neuron() == pytest.approx(fine.gain_of_neuron(), abs=2e-3)


def test_nobody_knows_more_than_who_knows_the_network(spikes):
    known = foresee(NETWORK, PARAMS, spikes, n_cells=101)
    order = np.random.default_rng(0).permutation(12)
    others = [
        (replace(NETWORK, weights=NETWORK.weights[np.ix_(order, order)], dale=False), PARAMS),
        (replace(NETWORK, weights=0 * NETWORK.weights), PARAMS),
        (NETWORK, replace(PARAMS, mu=10.0)),
    ]
    for network, params in others:
        assert foresee(network, params, spikes, n_cells=101).gain() < known.gain()


def test_without_synapses_all_that_is_known_is_ones_own_last_spike():
    # A membrane far below threshold forgets its last spike soon: then there is nothing to know.
    quiet = replace(PARAMS, mu=2.0, tau_m=5e-3, sigma=9.0)
    alone = replace(NETWORK, weights=0 * NETWORK.weights)
    spikes = simulate(alone, quiet, duration=12.0, seed=1)
    found = foresee(alone, quiet, spikes, n_cells=101)
    assert 0 < found.gain() < 0.1
    # But whoever has just fired does not fire again.
    assert 0 < found.gain_of_neuron() < np.log(12 / 11)


def test_delays_of_synapses_count(spikes):
    delays = np.where(NETWORK.weights != 0, 5e-3, PARAMS.delay)
    late = replace(NETWORK, delays=delays)
    of_late = simulate(late, PARAMS, duration=4.0, seed=0)
    right, wrong = (foresee(network, PARAMS, of_late, n_cells=101) for network in (late, NETWORK))
    assert right.gain() > wrong.gain()


@pytest.mark.parametrize(
    "change, told",
    [
        ({"params": replace(PARAMS, noise_correlation=0.3)}, "private noise"),
        ({"params": replace(PARAMS, sigma=0.0)}, "private noise"),
        ({"n_cells": 100}, "n_cells must be odd"),
        ({"bin_width": 2e-3}, "the shortest delay"),
        ({"bin_width": 2.5e-4}, "a number of steps"),
        ({"start": 4.0}, "start must leave spikes"),
        ({"params": replace(PARAMS, refractory=0.2)}, "refractory"),
    ],
)
def test_what_cannot_be_foreseen_is_refused(spikes, change, told):
    given = {"network": NETWORK, "params": PARAMS, "spikes": spikes, "n_cells": 51} | change
    with pytest.raises(ValueError, match=told):
        foresee(**given)


def test_who_fires_next_is_foreseen_as_often_as_it_is_said():
    spikes = simulate(NETWORK, PARAMS, duration=8.0, seed=4)
    n = 300
    told = foresee(NETWORK, PARAMS, spikes, n_cells=101, n_next=n)
    # Bits that come true as announced: the mean of log-chances is that of a fair bet.
    gains, chances = told.gains_of_next(), told.next_chances
    assert len(gains) == n
    assert gains.mean() > 0, "it says more than rates do"
    error = gains.std() / np.sqrt(n)
    assert gains.mean() == pytest.approx(told.gain_of_neuron(), abs=5 * error)
    assert ((chances > 0) & (chances < 1)).all()


def test_without_noise_of_others_the_next_to_fire_is_the_one_that_is_driven():
    # A drives B across the threshold, nearly always: after A comes B.
    weights = np.array([[0.0, 0.0, 0.0], [45.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    pair = replace(lgl.hub_network(n_neurons=3, n_hubs=1, seed=0), weights=weights, dale=False)
    spikes = simulate(pair, PARAMS, duration=8.0, seed=0)
    told = foresee(pair, PARAMS, spikes, n_cells=101, n_next=10**6)
    chances = told.next_chances
    assert np.median(chances[told.next_neurons == 1]) > 0.8
    # Nobody is asked more often than there are steps with spikes.
    steps = np.unique(np.floor(spikes.times[spikes.times >= 1] / PARAMS.dt))
    assert len(chances) == len(steps) - 1
