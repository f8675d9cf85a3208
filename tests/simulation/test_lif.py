"""The simulator against Brian2, against theory, and against its own promises."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgl_core.networks.network import Network, hub_network
from lgl_core.simulation import lif
from lgl_core.simulation._lif_kernel import LANES, fill_normals
from lgl_core.simulation._steps import count_steps
from lgl_core.simulation.lif import LIFParams, simulate, threshold_units

SILENT = LIFParams(mu=0.0, sigma=0.0)


@pytest.fixture(scope="module")
def brian2():
    brian2 = pytest.importorskip("brian2", reason="Brian2 is the peer of the simulator")
    brian2.prefs.codegen.target = "numpy"
    return brian2


def brian2_spikes(b2, network, params, duration, initial, seed=0):
    """Run the same network in Brian2; return spike times (s) and neurons."""
    from benchmarks.lif_brian2 import brian2_network

    b2.start_scope()
    b2.seed(seed)
    whole, monitor = brian2_network(network, params, initial)
    whole.run(duration * b2.second)
    return np.asarray(monitor.t / b2.second), np.asarray(monitor.i)


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_ties_can_be_listed_by_id():
    """As in the paper's data: all spikes of a step at its start, in the order of their ids."""
    network = hub_network(200, seed=0)
    params = LIFParams(dt=1e-3)
    listed, drawn = (
        simulate(network, params, duration=3.0, seed=1, ties=ties) for ties in ("by_id", "random")
    )
    steps = listed.times / params.dt
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    together = np.diff(listed.times) == 0
    assert together.any() and (np.diff(listed.neurons)[together] > 0).all()
    # The same spikes but for their places within steps.
    np.testing.assert_array_equal(
        np.sort(np.rint(steps) * 200 + listed.neurons),
        np.sort(np.floor(drawn.times / params.dt + 1e-9) * 200 + drawn.neurons),
    )


def test_thresholds_are_another_unit_of_the_same_neurons():
    """With all potentials divided by the way from rest to threshold, the spikes are the same."""
    network, params = hub_network(30, n_hubs=2, seed=3), LIFParams()
    unit = params.v_threshold - params.v_rest
    scaled = replace(network, weights=network.weights / unit)
    in_thresholds = threshold_units(mu=params.mu / unit, sigma=params.sigma / unit)
    initial = np.linspace(-70, -55, 30)
    in_mv = simulate(network, params, duration=2.0, initial=initial)
    other = simulate(scaled, in_thresholds, duration=2.0, initial=(initial - params.v_rest) / unit)
    assert len(in_mv) > 100
    np.testing.assert_array_equal(in_mv.neurons, other.neurons)
    np.testing.assert_allclose(in_mv.times, other.times)


def test_same_seed_same_spikes():
    network = hub_network(40, seed=0)
    first, again, other = (simulate(network, duration=1.0, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.times, again.times)
    np.testing.assert_array_equal(first.neurons, again.neurons)
    assert len(first) != len(other) or not np.array_equal(first.times, other.times)


# --- the kernels against a slow twin ----------------------------------------------------------


def threefry_twin(key, counter):
    """Threefry-2x32 with 13 rounds, as in the paper of Salmon et al.; counters in two arrays."""
    rotations = [13, 15, 26, 6, 17, 29, 16, 24]
    keys = [*key, key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)]
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for number in range(13):
        if number and number % 4 == 0:
            injection = number // 4
            x = x + keys[injection % 3]
            y = y + keys[(injection + 1) % 3] + np.uint32(injection)
        turn = np.uint32(rotations[number % 8])
        x = x + y
        y = (y << turn | y >> (np.uint32(32) - turn)) ^ x
    return x, y


@pytest.mark.filterwarnings("ignore:overflow encountered in scalar add")  # integers wrap on purpose
@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [  # published with Random123, for 13 rounds
        ((0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        ((2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1), (0xFD36D048, 0x2D17272C)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xBA3E4725, 0xF27D669E)),
    ],
)
def test_threefry_twin_gives_the_published_answers(key, counter, expected):
    key, counter = (tuple(np.uint32(word) for word in words) for words in (key, counter))
    assert threefry_twin(key, counter) == expected


def normals_twin(key, first_step, n_steps, n_neurons):
    """Standard normal numbers by Box and Muller, in double precision, (n_steps, n_neurons)."""
    steps = np.arange(first_step, first_step + n_steps, dtype=np.uint32)[:, None]
    pairs = np.arange((n_neurons + 1) // 2, dtype=np.uint32)
    x, y = threefry_twin(key, np.broadcast_arrays(pairs, steps))
    radius = np.sqrt(-2 * np.log(((x >> np.uint32(1)) + 0.5) / 2**31))
    angle = 2 * np.pi * y.view(np.int32) / 2**32
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return both.reshape(n_steps, -1)[:, :n_neurons]


def normals(n_steps, n_neurons, *, seed=0, first_step=0):
    key = np.random.default_rng(seed).integers(2**32, size=2, dtype=np.uint32)
    padded = np.empty((n_steps, -(-n_neurons // LANES) * LANES), np.float32)
    fill_normals(first_step, key[0], key[1], padded)
    return padded[:, :n_neurons], key


def test_normals_are_those_of_the_twin():
    fast, key = normals(3000, 300, seed=4, first_step=2**20)
    slow = normals_twin(key, 2**20, 3000, 300)
    radius = np.hypot(slow[:, ::2], slow[:, 1::2]).repeat(2, axis=1)
    # A uniform number near 1 has 24 binary digits, so that radius**2 is off by up to 6e-8. The
    # rest is a few last digits of the radius, which is 6.7 at most.
    assert np.all(np.abs(fast - slow) < 5e-6 + 6e-8 / radius)


def test_a_normal_depends_on_key_step_and_neuron_alone():
    whole, _ = normals(100, 96)
    later, _ = normals(60, 96, first_step=40)
    fewer, _ = normals(100, 33)
    np.testing.assert_array_equal(later, whole[40:])
    np.testing.assert_array_equal(fewer, whole[:, :33])


@pytest.mark.slow
def test_spikes_are_those_of_the_twin():
    """With noise, inhibition, delays of several lengths, and across the borders of chunks."""
    network = hub_network(40, n_hubs=2, connection_probability=0.2, seed=1)
    delays = np.random.default_rng(0).uniform(5e-4, 1e-2, network.weights.shape)
    network = Network(weights=network.weights, inhibitory=network.inhibitory, delays=delays)
    params = LIFParams(mu=12.0, dt=0.5e-3)
    initial = np.linspace(-70, -51, 40)
    spikes = simulate(network, params, duration=2.5, initial=initial, seed=7)
    twin = slow_twin(network, params, 2.5, initial, seed=7)
    steps = np.floor(spikes.times / params.dt + 1e-9).astype(int)
    assert len(twin) > 500
    assert sorted(zip(steps, spikes.neurons, strict=True)) == sorted(twin)


@pytest.mark.parametrize("sigma", [0.0, 7.0])
def test_spikes_under_a_drive_are_those_of_the_twin(sigma):
    """Whose rows do not divide the steps evenly, across the borders of chunks."""
    network = hub_network(10, n_hubs=1, connection_probability=0.3, seed=1)
    params = LIFParams(mu=8.0, sigma=sigma, dt=0.5e-3)
    initial = np.linspace(-70, -51, 10)
    drive = np.random.default_rng(3).normal(8.0, 8.0, (37, 10))
    spikes = simulate(network, params, duration=2.5, initial=initial, seed=7, drive=drive)
    twin = slow_twin(network, params, 2.5, initial, seed=7, drive=drive)
    steps = np.floor(spikes.times / params.dt + 1e-9).astype(int)
    assert len(twin) > 200
    assert sorted(zip(steps, spikes.neurons, strict=True)) == sorted(twin)


def test_a_drive_moves_only_whom_it_is_given_to_and_a_drive_of_nothing_nobody():
    network, drive = Network(weights=np.zeros((6, 6))), np.zeros((10, 6))
    alone, unmoved = (simulate(network, duration=3.0, seed=2, drive=d) for d in (None, drive))
    np.testing.assert_array_equal(unmoved.neurons, alone.neurons)
    drive[5:, :3] = 6.0  # mV, in the second half
    moved = simulate(network, duration=3.0, seed=2, drive=drive)
    for neuron in range(6):
        mine, before = (one.times[one.neurons == neuron] for one in (moved, alone))
        if neuron < 3:
            assert (mine >= 1.5).sum() > 2 * (before >= 1.5).sum()
            mine, before = mine[mine < 1.5], before[before < 1.5]
        # Within a step the time is drawn anew, since others have fired before.
        np.testing.assert_array_equal(np.floor(mine / 1e-4), np.floor(before / 1e-4))


def test_a_step_of_drive_takes_a_membrane_to_threshold_when_theory_says():
    drive = np.repeat([0.0, 30.0], 50)[:, np.newaxis]  # mV, from half a second on
    quiet = LIFParams(mu=0.0, sigma=0.0)
    spikes = simulate(Network(weights=np.zeros((1, 1))), quiet, duration=1.0, drive=drive)
    assert spikes.times[0] == pytest.approx(0.5 + 0.02 * np.log(30 / (30 - 20)), abs=2e-4)


@pytest.mark.slow
def test_chunks_of_a_second_leave_no_seam():
    """A longer simulation begins like a shorter one without noise, across the chunk border."""
    network = hub_network(20, n_hubs=1, connection_probability=0.3, seed=0)
    params = LIFParams(sigma=0.0, mu=23.0, dt=0.5e-3)
    initial = np.linspace(-70, -51, 20)
    spikes = simulate(network, params, duration=2.5, initial=initial)
    twin = slow_twin(network, params, 2.5, initial)
    steps = np.floor(spikes.times / params.dt + 1e-9).astype(int)
    assert sorted(zip(steps, spikes.neurons, strict=True)) == sorted(twin)


def slow_twin(network, params, duration, initial, seed=0, drive=((0.0,),)):
    """Return (step, neuron) of each spike, one neuron and one step at a time."""
    n, n_steps = len(initial), round(duration / params.dt)
    v, ready, spikes = np.array(initial), np.zeros(n), []
    delays = np.full((n, n), params.delay) if network.delays is None else network.delays
    delay_steps = np.maximum(np.rint(delays / params.dt), 1)
    arriving = np.zeros((n_steps + int(delay_steps.max()) + 1, n))
    key = np.random.default_rng(seed).integers(2**32, size=2, dtype=np.uint32)
    noise = normals_twin(key, 0, n_steps, n)
    drive = np.broadcast_to(drive, (len(drive), n))
    decay = np.exp(-params.dt / params.tau_m)
    for step in range(n_steps):
        for i in range(n):
            if step < ready[i]:
                continue
            row = int((step + 0.5) / n_steps * len(drive))
            v_inf = params.v_rest + params.mu + drive[row, i]
            v[i] = v_inf + (v[i] - v_inf) * decay
            v[i] += params.sigma * np.sqrt(1 - decay**2) * noise[step, i]
            if v[i] >= params.v_threshold:
                spikes.append((step, i))
                v[i], ready[i] = params.v_reset, step + round(params.refractory / params.dt)
                for j in np.flatnonzero(network.weights[:, i]):
                    arriving[step + int(delay_steps[j, i]), j] += network.weights[j, i]
            else:
                v[i] += arriving[step, i]
    return spikes


@pytest.mark.slow
@pytest.mark.parametrize("block_size", [1, 64 * 7, 2**22])
def test_spikes_do_not_depend_on_the_length_of_a_block(monkeypatch, block_size):
    network = hub_network(50, seed=0)
    expected = simulate(network, duration=1.3, seed=3)
    monkeypatch.setattr(lif, "_BLOCK_SIZE", block_size)
    spikes = simulate(network, duration=1.3, seed=3)
    np.testing.assert_array_equal(spikes.times, expected.times)
    np.testing.assert_array_equal(spikes.neurons, expected.neurons)


def test_spikes_do_not_depend_on_the_number_of_threads():
    network = hub_network(50, seed=0)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = simulate(network, duration=1.0, seed=3)
    finally:
        numba.set_num_threads(before)
    many = simulate(network, duration=1.0, seed=3)
    np.testing.assert_array_equal(one.times, many.times)


def test_a_simulation_begins_like_a_shorter_one():
    network = hub_network(50, seed=0)
    short = simulate(network, duration=1.0, seed=3)
    long = simulate(network, duration=2.2, seed=3).select(stop=1.0)
    np.testing.assert_array_equal(long.times, short.times)


@pytest.mark.parametrize("duration", [1.00005, 1.00003, 1.00008, 0.99995, 0.9999999999])
def test_a_duration_that_ends_within_a_step_is_the_beginning_of_a_longer_one(duration):
    """All neurons are driven over threshold in each step: rates stay even to the end."""
    params = LIFParams(mu=1e6, refractory=1e-4)
    network = Network(weights=np.zeros((50, 50)))
    short = simulate(network, params, duration=duration, max_rate=1e5)
    long = simulate(network, params, duration=1.0001, max_rate=1e5)
    inside = long.times < duration
    np.testing.assert_array_equal(short.times, long.times[inside])
    np.testing.assert_array_equal(short.neurons, long.neurons[inside])
    assert short.duration == duration
    assert len(np.unique(short.times)) == len(short), "none is piled on the end"


@given(n_steps=st.integers(1, 10**7), dt=st.sampled_from([1e-4, 2.5e-4, 1e-3, 1 / 30_000]))
def test_whole_steps_are_counted_exactly_and_parts_of_one_as_one(n_steps, dt):
    for duration in (n_steps * dt, float(np.nextafter(n_steps * dt, np.inf)), n_steps / (1 / dt)):
        assert count_steps(duration, dt) == n_steps
    for part in (0.001, 0.5, 0.999):
        assert count_steps((n_steps + part) * dt, dt) == n_steps + 1


# --- the noise is normal and independent -------------------------------------------------------


@pytest.fixture(scope="module")
def many_normals():
    return normals(20_000, 320, seed=1)[0].astype(np.float64)  # 6.4 million


@pytest.mark.slow
def test_moments_of_the_normals(many_normals):
    n = many_normals.size
    # Standard errors of the mean of z**k: the root of (2k - 1)!! - ((k - 1)!!)**2 over n.
    for power, moment, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        error = np.sqrt(variance / n)
        assert abs(np.mean(many_normals**power) - moment) < 4 * error, power


@pytest.mark.slow
def test_distribution_of_the_normals(many_normals):
    from scipy.stats import kstest

    assert kstest(many_normals.ravel(), "norm").pvalue > 1e-3
    # Each step and each neuron by itself: p-values that are evenly spread.
    for part in (many_normals[:320], many_normals.T[:, :2000]):
        p_values = [kstest(row, "norm").pvalue for row in part]
        assert kstest(p_values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("beyond", [3.0, 4.0, 4.5])
def test_tails_of_the_normals(many_normals, beyond):
    from scipy.stats import norm

    for sign in (-1, 1):
        expected = norm.sf(beyond) * many_normals.size
        assert abs(np.sum(sign * many_normals > beyond) - expected) < 4 * np.sqrt(expected)


def correlation(first, second):
    """Mean product in standard errors, for standard normal numbers."""
    return np.sum(first * second) / np.sqrt(first.size)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [1, 2, 3, 16, 32, 64])
def test_neighbouring_neurons_and_steps_are_independent(many_normals, apart):
    z = many_normals
    squares = (z**2 - 1) / np.sqrt(2)  # magnitudes could hang together where signs do not
    for values in (z, squares):
        assert abs(correlation(values[:, apart:], values[:, :-apart])) < 4
        assert abs(correlation(values[apart:], values[:-apart])) < 4


def test_all_pairs_of_neurons_are_uncorrelated(many_normals):
    off_diagonal = np.corrcoef(many_normals.T)[np.triu_indices(320, 1)]
    error = 1 / np.sqrt(len(many_normals))
    assert np.std(off_diagonal) == pytest.approx(error, rel=0.02)
    assert np.abs(off_diagonal).max() < 5.5 * error  # 51,040 pairs: one in 500 goes beyond


@pytest.mark.slow
def test_seeds_are_independent(many_normals):
    first, second = (normals(20_000, 320, seed=seed)[0].astype(np.float64) for seed in (2, 3))
    for one, other in [(many_normals, first), (first, second), (first[1:], second[:-1])]:
        other = other[: len(one)]
        assert abs(correlation(one[: len(other)], other)) < 4


def test_bits_of_the_words_are_balanced():
    """Each bit of key and counter, flipped, flips each bit of the result half of the time."""
    rng = np.random.default_rng(0)
    words = rng.integers(2**32, size=(4, 20_000), dtype=np.uint32)
    before = np.array(threefry_twin(words[:2], words[2:]))
    for word in range(4):
        for bit in (0, 1, 15, 30, 31):
            flipped = words.copy()
            flipped[word] ^= np.uint32(1 << bit)
            changed = before ^ np.array(threefry_twin(flipped[:2], flipped[2:]))
            shares = np.unpackbits(changed.view(np.uint8).reshape(2, -1, 4), axis=2).mean(axis=1)
            assert np.abs(shares - 0.5).max() < 5 * 0.5 / np.sqrt(20_000)


# --- noise that neurons share -----------------------------------------------------------------


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
def test_noise_is_shared_within_groups_and_not_between(correlation):
    params = LIFParams(noise_correlation=correlation, noise_groups=3)
    key = np.array([5, 6], np.uint32)
    blocks = [(0, 15_000), (15_000, 30_000)]
    drawn = np.concatenate([b.copy() for b in lif._normals_ahead(blocks, LANES, key, params)])
    found = np.corrcoef(drawn.T.astype(np.float64))
    group = np.arange(LANES) % 3
    expected = np.where(group[:, None] == group, correlation, 0.0)
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(found, expected, atol=5.5 / np.sqrt(30_000))
    np.testing.assert_allclose(drawn.std(0), 1, atol=0.03)


@pytest.mark.slow
def test_shared_noise_makes_spikes_of_a_group_coincide():
    network = Network(weights=np.zeros((40, 40)))
    params = LIFParams(noise_correlation=0.6, noise_groups=4)
    spikes = simulate(network, params, duration=200.0, seed=1)
    alone = simulate(network, duration=200.0, seed=1)
    assert spikes.rates.mean() == pytest.approx(alone.rates.mean(), rel=0.1)
    counts = np.corrcoef(spikes.binned(10e-3).T.astype(float))
    group = np.arange(40) % 4
    same = (group[:, None] == group) & ~np.eye(40, dtype=bool)
    apart = group[:, None] != group
    assert counts[same].min() > 0.05 and abs(counts[apart].mean()) < 0.01


# --- errors ------------------------------------------------------------------------------------


def test_runaway_network_stops_with_a_clear_error():
    network = hub_network(50, weight=15.0, inhibitory_fraction=0.0, seed=0)
    with pytest.raises(RuntimeError, match="runs away: above max_rate = 50"):
        simulate(network, duration=10.0, max_rate=50.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("tau_m", 0.0), ("dt", -1e-4), ("sigma", -1.0), ("mu", np.nan), ("v_reset", -50.0)]
    + [("delay", 1e-5), ("refractory", 0.0), ("noise_correlation", 1.1), ("noise_groups", 0)],
)
def test_bad_parameters_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        LIFParams(**{field: value})


def test_bad_arguments_are_named():
    network = hub_network(10, n_hubs=1)
    for duration in (0.0, 0.6e-4, np.inf, np.nan):
        with pytest.raises(ValueError, match="duration must be at least one dt"):
            simulate(network, duration=duration)
    with pytest.raises(ValueError, match="initial"):
        simulate(network, duration=1.0, initial=[1.0])
    with pytest.raises(ValueError, match="max_rate"):
        simulate(network, duration=1.0, max_rate=0)
    with pytest.raises(ValueError, match='ties must be "random" or "by_id"'):
        simulate(network, duration=1.0, ties="by_time")
    for drive in (np.zeros(10), np.zeros((5, 9)), np.zeros((0, 10))):
        with pytest.raises(ValueError, match=r"drive must have the shape \(n_steps, 10\)"):
            simulate(network, duration=1.0, drive=drive)
    with pytest.raises(ValueError, match="drive must be finite"):
        simulate(network, duration=1.0, drive=np.full((5, 10), np.nan))
