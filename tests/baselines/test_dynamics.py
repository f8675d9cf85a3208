"""Methods that fit the future of a neuron: by hand, against slow twins, on trains with gaps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lgl_core.baselines import dynamics
from lgl_core.baselines.dynamics import event_space, event_timing, firing_rate_dynamics
from lgl_core.networks.topologies import erdos_renyi
from lgl_core.simulation import lif
from lgl_core.spikes import SpikeTrains
from tests.baselines.test_coincidences import driven_trains
from tests.baselines.test_pairwise import DRIVEN, DRIVER, poisson, recording
from tests.gapped import gapped_trains, random_gapped_trains

few = settings(max_examples=15)
GAINS = ["linear", "logistic", "exponential"]


def least_squares(regressors, targets):
    """Slopes of a regression with an intercept, (n_regressors, n_targets), none of them tamed."""
    design = np.column_stack([np.ones(len(regressors)), regressors])
    return np.linalg.lstsq(design, targets)[0][1:]


@pytest.fixture(scope="module")
def driven():
    return driven_trains(60.0)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(dynamics, "_BLOCK", 17)


# --- event space -------------------------------------------------------------------------------


def random_waits(n: int = 60, seed: int = 0):
    return np.random.default_rng(seed).uniform(0.02, 0.15, n)


class TestEventSpace:
    def test_is_minus_the_slope_of_intervals_over_first_arrivals(self):
        """Intervals of 1 are 0.2 s and half the time that 0 takes; 2 fires whenever it likes."""
        waits = random_waits()
        ends = np.cumsum(np.append(0.1, 0.2 + 0.5 * waits))
        others = ends[:-1] + random_waits(seed=1)
        spikes = recording(ends[:-1] + waits, ends, others, duration=ends[-1] + 0.1)
        assert event_space(spikes, delay=0)[1] == pytest.approx([-0.5, 0, 0])

    def test_later_spikes_have_slopes_of_their_own(self):
        """The interval is 0.2 s, half the first wait, and a quarter of that for the second."""
        first = random_waits()
        second = first + random_waits(seed=1) / 5
        ends = np.cumsum(np.append(0.1, 0.2 + 0.5 * first + 0.25 * second))
        pre = np.sort(np.append(ends[:-1] + first, ends[:-1] + second))
        spikes = recording(pre, ends, duration=ends[-1] + 0.1)
        assert event_space(spikes, delay=0)[1, 0] == pytest.approx(-0.5)
        alone = event_space(spikes, n_profiles=1, delay=0)[1, 0]
        assert alone == pytest.approx(-0.75, abs=0.1) and alone != pytest.approx(-0.5, abs=0.1)

    def test_what_is_under_way_when_a_neuron_fires_arrives_in_its_next_interval(self):
        """Spikes of 0 come before those of 1 that begin the intervals, and arrive after them."""
        waits = random_waits() / 10
        ends = np.cumsum(np.append(0.1, 0.2 + 0.5 * waits))
        pre = ends[:-1] + waits - 0.02
        spikes = recording(pre, ends, duration=ends[-1] + 0.1)
        assert event_space(spikes, delay=0.02)[1, 0] == pytest.approx(-0.5)

    @few
    @given(spikes=random_gapped_trains(), n_profiles=st.integers(1, 3), n_events=st.integers(1, 9))
    def test_equals_the_loop_over_intervals(self, spikes, n_profiles, n_events):
        n, delay = spikes.n_neurons, 2e-3
        expected = np.zeros((n, n))
        for post in range(n):
            events = []
            for start, stop in spikes.epochs:
                inside = (spikes.times >= start) & (spikes.times < stop)
                times, neurons = spikes.times[inside], spikes.neurons[inside]
                own = times[neurons == post]
                for begin, end in zip(own[:-1], own[1:], strict=True):
                    arrivals = np.zeros((n_profiles, n))
                    for pre in set(range(n)) - {post}:
                        since = times[neurons == pre] + delay - begin
                        since = since[(since > 0) & (since < end - begin)][:n_profiles]
                        arrivals[: len(since), pre] = since
                    events.append(np.append(arrivals, end - begin))
            if len(events) < 2:
                continue
            events = np.array(events)
            apart = np.array([np.linalg.norm(events - event, axis=1) for event in events])
            total = apart.sum(axis=0)
            # Of events equally near to all, rounding picks one; of two, either gives the same.
            assume(len(events) == 2 or np.sum(total < total.min() + 1e-9) == 1)
            reference = total.argmin()
            near = [k for k in np.argsort(apart[reference]) if k != reference][:n_events]
            differences = events[near] - events[reference]
            slopes = np.linalg.pinv(differences[:, :-1]) @ differences[:, -1]
            expected[post] = -slopes[:n]
        np.fill_diagonal(expected, 0)
        found = event_space(spikes, n_events=n_events, n_profiles=n_profiles, delay=delay)
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @pytest.mark.slow
    def test_reads_a_network_that_fires_regularly_and_not_one_driven_by_noise(self):
        """As in the paper: weak synapses and a drive that makes the neurons fire by itself."""
        network = erdos_renyi(n_neurons=60, weight=0.3, seed=0)
        pairs = ~np.eye(60, dtype=bool)
        read = {}
        for mu, sigma in ((24.0, 0.0), (6.0, 7.0)):
            params = lif.LIFParams(mu=mu, sigma=sigma)
            spikes = lif.simulate(network, params, duration=60.0, progress=False)
            graph = event_space(spikes)
            read[sigma] = np.corrcoef(graph[pairs], network.weights[pairs])[0, 1]
        assert read[0.0] > 0.85 and abs(read[7.0]) < 0.2

    def test_is_the_same_for_blocks_of_any_size(self, driven, monkeypatch):
        whole = event_space(driven)
        monkeypatch.setattr(dynamics, "_POINTS", 13)
        np.testing.assert_allclose(event_space(driven), whole, rtol=1e-7, atol=1e-10)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"n_events": 0}, "n_events must be at least 1, got 0"),
            ({"n_profiles": 0}, "n_profiles must be at least 1, got 0"),
            ({"delay": -1e-3}, "delay must be 0 s or more, got -0.001"),
            ({"delay": np.nan}, "delay must be 0 s or more, got nan"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            event_space(driven, **changes)


# --- event timing ------------------------------------------------------------------------------


class TestEventTiming:
    def test_is_the_change_of_the_logarithm_of_the_wait(self):
        """Pre fires on every other tick; post 0.25 s after such a tick, else 0.75 s after it.

        The memory is so short that nothing is left of a spike but at its own tick.
        """
        post = np.arange(1, 21) + np.tile([0.25, 0.75], 10)
        spikes = recording(np.arange(1.0, 21, 2), post, duration=21.0)
        graph = event_timing(spikes, step=1.0, memory=1e-4, ridge=0)
        assert graph[1, 0] == pytest.approx(np.log(0.7501 / 0.2501))

    def test_equals_the_loop_over_ticks(self, small_blocks):
        spikes = gapped_trains(n_neurons=4, rate=15.0)
        traces, waits = [], []
        for start, stop in spikes.epochs:
            for tick in np.arange(start + 0.01, stop - 1e-9, 0.01):
                ages, row, later = tick - spikes.times, np.zeros(4), np.full(4, stop - tick)
                for age, time, neuron in zip(ages, spikes.times, spikes.neurons, strict=True):
                    if start <= time <= tick:
                        row[neuron] += np.exp(-age / 0.02)
                    elif tick < time < stop:
                        later[neuron] = min(later[neuron], -age)
                traces.append(row)
                waits.append(np.log(0.02 + later))
        expected = -least_squares(np.array(traces), np.array(waits)).T
        np.fill_diagonal(expected, 0)
        found = event_timing(spikes, step=0.01, memory=0.02, ridge=0)
        np.testing.assert_allclose(found, expected, atol=1e-8)

    def test_is_the_same_in_blocks_of_any_size(self, driven, monkeypatch):
        whole = event_timing(driven)
        monkeypatch.setattr(dynamics, "_BLOCK", 1000)
        np.testing.assert_allclose(event_timing(driven), whole, rtol=1e-7, atol=1e-10)

    def test_a_larger_ridge_draws_slopes_to_zero(self, driven):
        slopes = [abs(event_timing(driven, ridge=ridge)[DRIVEN, DRIVER]) for ridge in (0, 1, 1e6)]
        assert slopes[0] > slopes[1] > slopes[2] and slopes[2] < 1e-5

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"step": 0}, "step must be a positive number of s, got 0"),
            ({"step": 61.0}, "step must be shorter than an epoch, got 61"),
            ({"memory": -1}, "memory must be a positive number of s, got -1"),
            ({"ridge": -1}, "ridge must be 0 or a positive number, got -1"),
            ({"ridge": np.nan}, "ridge must be 0 or a positive number"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            event_timing(driven, **changes)


# --- firing rates ------------------------------------------------------------------------------


class TestFiringRateDynamics:
    @pytest.mark.parametrize("gain", GAINS)
    def test_equals_a_regression_on_gaussians_summed_one_by_one(self, gain, small_blocks):
        """Bins of 1 ms, a Gaussian of 2 ms, one row per 2 ms, and none near the ends."""
        rng = np.random.default_rng(2)
        spikes = recording(*(poisson(rng, rate, 3.0) for rate in (30, 60, 45)), duration=3.0)
        counts = np.pad(spikes.binned(0.001).astype(float), ((9, 9), (0, 0)), mode="edge")
        lags = np.arange(-8, 9)
        kernel = np.exp(-(lags**2) / 8)
        kernel /= kernel.sum()
        rates, changes = (
            np.array([1000 * weights @ counts[t + 1 : t + 18] for t in range(0, 3000, 2)])
            for weights in (kernel, kernel * lags / 4)
        )
        drive = rates + 5.0 * changes
        if gain == "logistic":
            share = np.clip(drive * 0.002 * np.sqrt(2 * np.pi), 0.01, 0.99)
            drive = np.log(share / (1 - share))
        elif gain == "exponential":
            drive = np.log(np.maximum(drive / spikes.rates, 0.01))
        expected = least_squares(rates, drive).T
        np.fill_diagonal(expected, 0)
        found = firing_rate_dynamics(spikes, time_constant=0.005, gain=gain, ridge=0)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)

    def test_with_a_linear_gain_time_is_only_a_unit(self, driven):
        """The own rate takes up all but the derivative, which stands beside the time constant."""
        one, ten = (
            firing_rate_dynamics(driven, gain="linear", time_constant=tau, ridge=0)
            for tau in (1e-3, 1e-2)
        )
        np.testing.assert_allclose(10 * one, ten, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("gain", GAINS)
    def test_tells_the_direction_of_a_pair(self, gain):
        """All that is known of 1 is that it fires 3 ms after 0."""
        pre = poisson(np.random.default_rng(0), 10, 99.9)
        graph = firing_rate_dynamics(recording(pre, pre + 0.003, duration=100.0), gain=gain)
        assert graph[1, 0] > 0 > graph[0, 1]

    def test_epochs_do_not_see_each_other(self):
        """What is recorded first and what next makes no difference."""
        there = gapped_trains(lengths=(1.0, 1.0), gaps=(0.5,))
        halves = [there.select(start=start, stop=stop) for start, stop in there.epochs[::-1]]
        back = replace(
            there,
            times=np.concatenate([halves[0].times, 1.5 + halves[1].times]),
            neurons=np.concatenate([half.neurons for half in halves]),
        )
        graphs = [firing_rate_dynamics(spikes, smoothing=0.02) for spikes in (there, back)]
        np.testing.assert_allclose(*graphs, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"gain": "tanh"}, "gain must be 'linear', 'logistic' or 'exponential', got 'tanh'"),
            ({"smoothing": 0.0005}, "smoothing must be at least bin_width = 0.001 s, got 0.0005"),
            ({"smoothing": np.inf}, "smoothing must be a positive number of s, got inf"),
            ({"time_constant": 0}, "time_constant must be a positive number of s, got 0"),
            ({"bin_width": 0}, "bin_width must lie between 0 and"),
            ({"ridge": -0.1}, "ridge must be 0 or a positive number, got -0.1"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            firing_rate_dynamics(driven, **changes)


def test_spikes_on_a_tick_are_in_its_trace():
    """On a grid of 10 ms, as if each spike came a little sooner, and its tick after it."""
    rng = np.random.default_rng(0)
    ticks, neurons = rng.integers(1, 6000, 2000), rng.integers(3, size=2000)
    ticks, neurons = (column[np.lexsort([neurons, ticks])] for column in (ticks, neurons))
    on_tick, sooner = (
        event_timing(
            SpikeTrains(times=ticks / 100 - by, neurons=neurons, n_neurons=3, duration=60.0),
            step=0.01,
        )
        for by in (0.0, 1e-9)
    )
    np.testing.assert_allclose(on_tick, sooner, rtol=1e-4, atol=1e-9)
