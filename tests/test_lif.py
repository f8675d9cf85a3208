"""The simulator against Brian2, against theory, and against its own promises."""

import numpy as np
import pytest

from lgl_core.lif import LIFParams, simulate
from lgl_core.networks import Network, hub_network

SILENT = LIFParams(mu=0.0, sigma=0.0)


@pytest.fixture(scope="module")
def brian2():
    brian2 = pytest.importorskip("brian2", reason="Brian2 is the peer of the simulator")
    brian2.prefs.codegen.target = "numpy"
    brian2.BrianLogger.suppress_name("method_choice")
    return brian2


def brian2_spikes(b2, network, params, duration, initial, seed=0):
    """Run the same network in Brian2; return spike times (s) and neurons."""
    b2.start_scope()
    b2.seed(seed)
    b2.defaultclock.dt = params.dt * b2.second
    namespace = {
        "tau": params.tau_m * b2.second,
        "v_inf": (params.v_rest + params.mu) * b2.mV,
        "sigma": params.sigma * b2.mV,
        "threshold": params.v_threshold * b2.mV,
        "v_reset": params.v_reset * b2.mV,
    }
    noise = " + sigma * sqrt(2 / tau) * xi" if params.sigma else ""
    group = b2.NeuronGroup(
        network.n_neurons,
        f"dv/dt = (v_inf - v) / tau{noise} : volt (unless refractory)",
        threshold="v >= threshold",
        reset="v = v_reset",
        refractory=params.refractory * b2.second,
        method="euler" if params.sigma else "exact",
        namespace=namespace,
    )
    group.v = initial * b2.mV
    synapses = b2.Synapses(
        group, group, "w : volt", on_pre="v_post += w", delay=params.delay * b2.second
    )
    post, pre = np.nonzero(network.weights)
    synapses.connect(i=pre, j=post)
    synapses.w = network.weights[post, pre] * b2.mV
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, synapses, monitor).run(duration * b2.second)
    return np.asarray(monitor.t / b2.second), np.asarray(monitor.i)


def test_same_spikes_as_brian2_without_noise(brian2):
    network = hub_network(50, n_hubs=2, connection_probability=0.2, seed=1)
    params = LIFParams(sigma=0.0, mu=22.0)
    initial = np.random.default_rng(0).uniform(-70, -50, 50)
    ours = simulate(network, params, duration=1.0, initial=initial)
    times, neurons = brian2_spikes(brian2, network, params, 1.0, initial)

    assert len(ours) == len(times) > 500
    for neuron in range(50):
        difference = ours.times[ours.neurons == neuron] - times[neurons == neuron]
        # Brian2 labels a spike with the beginning of its step, ours lies somewhere inside.
        assert np.all(difference >= -1e-9)
        assert np.all(difference <= params.dt + 1e-9)


@pytest.mark.slow
def test_same_statistics_as_brian2_with_noise(brian2):
    """Five copies of the network with independent noise stand for five seeds."""
    n, n_seeds, duration, params = 60, 5, 8.0, LIFParams(mu=9.0)
    network = hub_network(n, n_hubs=1, connection_probability=0.2, seed=2)
    copies = Network(
        weights=np.kron(np.eye(n_seeds), network.weights),
        inhibitory=(network.inhibitory + n * np.arange(n_seeds)[:, None]).ravel(),
    )
    initial = np.random.default_rng(3).uniform(-70, -50, n * n_seeds)
    times, neurons = brian2_spikes(brian2, copies, params, duration, initial)
    peer = [
        statistics(times[neurons // n == s], neurons[neurons // n == s] % n, n, duration)
        for s in range(n_seeds)
    ]
    ours = []
    for seed in range(n_seeds):
        spikes = simulate(network, params, duration=duration, seed=seed)
        ours.append(statistics(spikes.times, spikes.neurons, n, duration))
    difference = np.mean(ours, axis=0) - np.mean(peer, axis=0)
    error = np.sqrt((np.var(ours, axis=0, ddof=1) + np.var(peer, axis=0, ddof=1)) / n_seeds)
    # Four standard errors of a difference of means over five seeds, for three numbers.
    assert np.all(np.abs(difference) < 4 * error), (difference, error)
    assert np.all(error < 0.1 * np.mean(peer, axis=0))  # and the comparison is a sharp one


def statistics(times, neurons, n_neurons, duration):
    """Mean rate (Hz), coefficient of variation of intervals, Fano factor of population counts."""
    variation = [
        np.std(intervals) / np.mean(intervals)
        for intervals in (np.diff(times[neurons == neuron]) for neuron in range(n_neurons))
        if len(intervals) > 20
    ]
    counts = np.histogram(times, bins=round(duration / 0.02), range=(0, duration))[0]
    return len(times) / n_neurons / duration, np.mean(variation), counts.var() / counts.mean()


def test_free_membrane_has_standard_deviation_sigma():
    """Without synapses the rate of threshold crossings is that of the diffusion (Siegert)."""
    from scipy.integrate import quad
    from scipy.special import erfcx

    params = LIFParams(mu=15.0, sigma=5.0, dt=2e-5)
    scale = np.sqrt(2) * params.sigma
    low = (params.v_reset - params.v_rest - params.mu) / scale
    high = (params.v_threshold - params.v_rest - params.mu) / scale
    integral = quad(lambda u: erfcx(-u), low, high)[0]
    expected = 1 / (params.refractory + params.tau_m * np.sqrt(np.pi) * integral)
    network = Network(weights=np.zeros((100, 100)))
    spikes = simulate(network, params, duration=20.0, seed=0)
    # A finite step misses crossings in between: about 5 % at this step.
    assert spikes.rates.mean() == pytest.approx(expected, rel=0.07)
    assert spikes.rates.mean() < expected


def test_delay_is_honoured_per_synapse():
    weights, delays = np.zeros((3, 3)), np.zeros((3, 3))
    weights[1, 0] = weights[2, 0] = 30.0  # one spike is enough
    delays[1, 0], delays[2, 0] = 3e-3, 8e-3
    initial = [-49.0, -70.0, -70.0]
    spikes = simulate(
        Network(weights=weights, delays=delays), SILENT, duration=0.02, initial=initial
    )
    first = [spikes.times[spikes.neurons == neuron][0] for neuron in range(3)]
    # Input counts from the step after it arrives.
    assert first[1] - first[0] == pytest.approx(3.1e-3, abs=SILENT.dt)
    assert first[2] - first[0] == pytest.approx(8.1e-3, abs=SILENT.dt)


def test_refractory_neuron_loses_input():
    weights = np.zeros((2, 2))
    weights[1, 0] = 30.0
    network = Network(weights=weights)
    both = simulate(network, SILENT, duration=0.02, initial=[-49.0, -49.0])
    assert np.sum(both.neurons == 1) == 1  # its own spike; the input met it refractory
    one = simulate(network, SILENT, duration=0.02, initial=[-49.0, -70.0])
    assert np.sum(one.neurons == 1) == 1


def test_ties_do_not_leak_the_neuron_id():
    """A volley in one step comes out in random order, not sorted by id."""
    n = 200
    weights = np.zeros((n, n))
    weights[1:, 0] = 30.0
    initial = np.full(n, -70.0)
    initial[0] = -49.0
    spikes = simulate(Network(weights=weights), SILENT, duration=0.02, initial=initial)
    volley = spikes.neurons[1:]
    assert sorted(volley) == list(range(1, n))
    assert len(np.unique(spikes.times)) == n
    correlation = np.corrcoef(volley, np.arange(n - 1))[0, 1]
    assert abs(correlation) < 4 / np.sqrt(n)


def test_same_seed_same_spikes():
    network = hub_network(40, seed=0)
    first, again, other = (simulate(network, duration=1.0, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.times, again.times)
    np.testing.assert_array_equal(first.neurons, again.neurons)
    assert len(first) != len(other) or not np.array_equal(first.times, other.times)


def test_chunks_of_a_second_leave_no_seam():
    """A longer simulation begins like a shorter one without noise, across the chunk border."""
    network = hub_network(20, n_hubs=1, connection_probability=0.3, seed=0)
    params = LIFParams(sigma=0.0, mu=23.0, dt=0.5e-3)
    initial = np.linspace(-70, -51, 20)
    spikes = simulate(network, params, duration=2.5, initial=initial)
    twin = slow_twin(network, params, 2.5, initial)
    steps = np.floor(spikes.times / params.dt + 1e-9).astype(int)
    assert sorted(zip(steps, spikes.neurons, strict=True)) == sorted(twin)


def slow_twin(network, params, duration, initial):
    """Return (step, neuron) of each spike, one neuron and one step at a time."""
    v, ready = np.array(initial), np.zeros(len(initial))
    delay, twin = round(params.delay / params.dt), []
    v_inf = params.v_rest + params.mu
    for step in range(round(duration / params.dt)):
        fired = []
        for i in range(len(v)):
            if step < ready[i]:
                continue
            v[i] = v_inf + (v[i] - v_inf) * np.exp(-params.dt / params.tau_m)
            if v[i] >= params.v_threshold:
                fired.append(i)
                v[i], ready[i] = params.v_reset, step + round(params.refractory / params.dt)
        arrived = [j for s, j in twin if s == step - delay]
        for i in range(len(v)):
            if step >= ready[i]:
                v[i] += network.weights[i, arrived].sum()
        twin += [(step, i) for i in fired]
    return twin


def test_runaway_network_stops_with_a_clear_error():
    network = hub_network(50, weight=15.0, inhibitory_fraction=0.0, seed=0)
    with pytest.raises(RuntimeError, match="runs away: above max_rate = 50"):
        simulate(network, duration=10.0, max_rate=50.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("tau_m", 0.0), ("dt", -1e-4), ("sigma", -1.0), ("mu", np.nan), ("v_reset", -50.0)]
    + [("delay", 1e-5), ("refractory", 0.0)],
)
def test_bad_parameters_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        LIFParams(**{field: value})


def test_bad_arguments_are_named():
    network = hub_network(10, n_hubs=1)
    with pytest.raises(ValueError, match="duration"):
        simulate(network, duration=0.0)
    with pytest.raises(ValueError, match="initial"):
        simulate(network, duration=1.0, initial=[1.0])
    with pytest.raises(ValueError, match="max_rate"):
        simulate(network, duration=1.0, max_rate=0)
