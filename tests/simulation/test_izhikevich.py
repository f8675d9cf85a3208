"""The other simulator: one neuron, one synapse, and what it promises of a network."""

import sys

import numpy as np
import pytest

from lgl_core.networks.network import Network, hub_network
from lgl_core.simulation import izhikevich
from lgl_core.simulation.izhikevich import IzhikevichParams, conductances, simulate_izhikevich

pytestmark = pytest.mark.slow  # Brian2 takes seconds to start and to build each network

QUIET = IzhikevichParams(noise=0.0, dt=0.05e-3)


@pytest.fixture(scope="module")
def b2():
    return pytest.importorskip("brian2", reason="the simulation is by Brian2")


def pair(weight, delay=None):
    """Two neurons, the first onto the second."""
    weights = np.array([[0.0, 0.0], [weight, 0.0]])
    delays = None if delay is None else np.full((2, 2), delay)
    return Network(weights=weights, delays=delays, inhibitory=[0] if weight < 0 else [])


def response(b2, network, params=QUIET, duration=0.06):
    """Let the first neuron spike at time 0; return times in s and v, g_e and g_i of the second."""
    with izhikevich._own_settings(b2):
        whole, neurons, _ = izhikevich._built(b2, network, params)
        neurons.v = [40.0, params.rest]
        seen = b2.StateMonitor(neurons, ["v", "g_e", "g_i"], record=[1])
        whole.add(seen)
        whole.run(duration * b2.second, namespace={})
        return np.asarray(seen.t), seen.v[0], seen.g_e[0], seen.g_i[0]


# --- one synapse -------------------------------------------------------------------------------


@pytest.mark.slow
def test_rest_is_where_nothing_happens(b2):
    assert IzhikevichParams().rest == pytest.approx(-70)
    for drive in (0.0, 2.0):
        params = IzhikevichParams(noise=0.0, drive=drive)
        weak = response(b2, pair(1e-9), params)[1]
        np.testing.assert_allclose(weak, params.rest, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.6, 0.1, -0.1, -0.6])
@pytest.mark.parametrize("drive", [0.0, 2.0])
def test_the_potential_of_a_weak_synapse_peaks_at_its_weight(b2, weight, drive):
    params = IzhikevichParams(noise=0.0, drive=drive, dt=0.05e-3)
    _, v, _, _ = response(b2, pair(weight), params)
    moved = v - params.rest
    assert moved[np.argmax(np.abs(moved))] == pytest.approx(weight, rel=0.08)


@pytest.mark.slow
def test_strong_synapses_excite_more_and_inhibit_less_than_their_weight(b2):
    up = response(b2, pair(7.0))[1].max() - QUIET.rest
    down = QUIET.rest - response(b2, pair(-7.0))[1].min()
    assert 7 < up < 14 and 3 < down < 7


def test_conductances_are_proportional_to_weights_for_each_sign():
    network = hub_network(40, seed=1)
    found, weights = conductances(network), network.weights
    assert (found >= 0).all() and ((found > 0) == (weights != 0)).all()
    for sign in (weights > 0, weights < 0):
        assert np.ptp(found[sign] / np.abs(weights[sign])) < 1e-12
    stronger = Network(weights=2 * weights, inhibitory=network.inhibitory)
    np.testing.assert_allclose(conductances(stronger), 2 * found)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [None, 4e-3])
def test_delay_is_honoured_and_the_sign_chooses_the_conductance(b2, delay):
    for weight, active in ((1.0, 2), (-1.0, 3)):
        times, *states = response(b2, pair(weight, delay))
        opened, other = states[active - 1], states[4 - active]
        assert not other.any()
        first = times[np.flatnonzero(opened)[0]]
        assert first == pytest.approx(delay or QUIET.delay, abs=2.1 * QUIET.dt)


# --- one neuron --------------------------------------------------------------------------------


def slow_twin(params, current, duration):
    """Spike times of one neuron without noise and input, step by step."""
    v, u, spikes = params.rest, params.sensitivity * params.rest, []
    for step in range(round(duration / params.dt)):
        dv = 0.04 * v * v + 5 * v + 140 - u + current
        du = (params.sensitivity * v - u) / (1e3 * params.tau_recovery)
        v, u = v + 1e3 * params.dt * dv, u + 1e3 * params.dt * du
        if v >= 30:
            spikes.append(step * params.dt)
            v, u = params.v_reset, u + params.recovery_step
    return np.array(spikes)


@pytest.mark.slow
def test_a_driven_neuron_fires_as_its_slow_twin_and_adapts(b2):
    params = IzhikevichParams(noise=0.0)
    with izhikevich._own_settings(b2):
        whole, neurons, monitor = izhikevich._built(b2, Network(weights=np.zeros((1, 1))), params)
        neurons.namespace["drive"] = 10.0  # above what the parameters allow
        whole.run(0.5 * b2.second, namespace={})
        fired = np.asarray(monitor.t)
    expected = slow_twin(params, 10.0, 0.5)
    assert len(expected) > 5
    np.testing.assert_allclose(fired, expected, atol=1.1 * params.dt)
    intervals = np.diff(fired)
    assert intervals[-1] > 1.3 * intervals[0]


@pytest.mark.slow
def test_without_noise_a_neuron_is_silent():
    pytest.importorskip("brian2")
    silent = simulate_izhikevich(pair(1.0), QUIET, duration=0.5)
    assert len(silent) == 0 and silent.n_neurons == 2 and silent.duration == 0.5


# --- a network ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_same_seed_same_spikes_and_nothing_global_is_changed(b2):
    network = hub_network(40, seed=0)
    target, state = b2.prefs.codegen.target, np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (simulate_izhikevich(network, duration=3.0, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.times, again.times)
    np.testing.assert_array_equal(first.neurons, again.neurons)
    assert len(first) != len(other) or not np.array_equal(first.times, other.times)
    assert b2.prefs.codegen.target == target
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.slow
def test_the_hub_network_fires_at_a_few_hz_and_knows_its_hubs():
    pytest.importorskip("brian2")
    network = hub_network()
    spikes = simulate_izhikevich(network, duration=12.0, seed=0)
    assert 3 < spikes.rates.mean() < 8
    assert spikes.rates.max() < 3 * spikes.rates.mean()
    # Targets of a hub fire more than others in the milliseconds after it.
    counts = spikes.binned(1e-3).T
    hub = network.hubs[0]
    after = np.convolve(counts[hub], [0, 0, 1, 1, 1, 1], "full")[: counts.shape[1]] > 0
    raised = counts[:, after].mean(axis=1) / counts.mean(axis=1)
    targets = network.weights[:, hub] > 0
    assert raised[targets].mean() > 1.5 * raised[~targets].mean()


@pytest.mark.slow
def test_a_duration_that_ends_within_a_step_piles_nothing_on_its_end():
    """Noise makes nearly all of these neurons fire in each few steps, up to the end."""
    pytest.importorskip("brian2")
    params = IzhikevichParams(noise=200.0)
    network = Network(weights=np.zeros((300, 300)))
    ends = 0.010125  # half a step
    cut, whole = (
        simulate_izhikevich(network, params, duration=duration, max_rate=1e4)
        for duration in (ends, 0.01025)
    )
    assert (whole.times > ends).sum() > 5, "there is something to cut"
    np.testing.assert_array_equal(cut.times, whole.times[whole.times < ends])
    np.testing.assert_array_equal(cut.neurons, whole.neurons[whole.times < ends])


@pytest.mark.slow
def test_ties_do_not_leak_the_neuron_id():
    """A volley in one step comes out in random order, not sorted by id."""
    pytest.importorskip("brian2")
    n = 200
    weights = np.zeros((n, n))
    weights[1:, 0] = 60.0
    network = Network(weights=weights)
    # Enough noise for the first neuron to fire; its targets follow within a step or two.
    spikes = simulate_izhikevich(network, IzhikevichParams(noise=3.5), duration=2.0, seed=1)
    steps = np.floor(spikes.times / IzhikevichParams().dt)
    crowded = [spikes.neurons[steps == step] for step in np.unique(steps)]
    volleys = [ids for ids in crowded if len(ids) > 40]
    assert volleys
    assert len(np.unique(spikes.times)) == len(spikes)
    for ids in volleys:
        assert abs(np.corrcoef(ids, np.arange(len(ids)))[0, 1]) < 5 / np.sqrt(len(ids))


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [("tau_recovery", 0.0), ("dt", -1e-4), ("noise", -1.0), ("v_reset", np.nan), ("drive", 5.0)]
    + [("delay", 1e-5), ("tau_inhibitory", 0.0), ("e_inhibitory", -60.0), ("e_excitatory", -75.0)]
    + [("sensitivity", 1e154)],
)
def test_bad_parameters_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        IzhikevichParams(**{field: value})


def test_bad_arguments_are_named():
    network = hub_network(10, n_hubs=1)
    with pytest.raises(ValueError, match="duration must be at least one dt"):
        simulate_izhikevich(network, duration=0.0)
    with pytest.raises(ValueError, match="max_rate must be above 0 Hz, got 0"):
        simulate_izhikevich(network, duration=1.0, max_rate=0)


@pytest.mark.slow
def test_a_runaway_network_stops_with_a_clear_error():
    pytest.importorskip("brian2")
    with pytest.raises(RuntimeError, match="runs away: .* above max_rate = 2 Hz"):
        simulate_izhikevich(hub_network(40), duration=2.0, max_rate=2)


def test_without_brian2_the_error_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(ImportError, match=r"pip install 'lgl_core\[test\]'"):
        simulate_izhikevich(hub_network(10, n_hubs=1), duration=1.0)
