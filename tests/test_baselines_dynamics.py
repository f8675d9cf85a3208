"""Methods that fit the future of a neuron: by hand, against slow twins, on trains with gaps."""

from dataclasses import replace

import numpy as np
import pytest
from gapped import gapped_trains, random_gapped_trains
from hypothesis import given, settings
from test_baselines import driven_trains
from test_pairwise import DRIVEN, DRIVER, poisson, recording

from lgl_core import baselines_dynamics
from lgl_core.baselines_dynamics import event_timing, firing_rate_dynamics

few = settings(max_examples=15, deadline=None)
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
    monkeypatch.setattr(baselines_dynamics, "_BLOCK", 17)


# --- event timing ------------------------------------------------------------------------------


class TestEventTimingFromSpikes:
    def test_is_minus_the_slope_of_intervals_over_cross_spike_intervals(self):
        """Intervals of 1 are 0.2 s and half the time that 0 takes; 2 fires whenever it likes."""
        rng = np.random.default_rng(0)
        waits = rng.uniform(0.02, 0.15, 60)
        ends = np.cumsum(np.append(0.1, 0.2 + 0.5 * waits))
        others = ends[:-1] + rng.uniform(0.02, 0.15, 60)
        spikes = recording(ends[:-1] + waits, ends, others, duration=ends[-1] + 0.1)
        graph = event_timing(spikes, "spike", ridge=0)
        assert graph[1] == pytest.approx([-0.5, 0, 0])

    def test_only_the_first_spike_of_an_interval_counts(self):
        rng = np.random.default_rng(0)
        ends = np.arange(0.1, 10, 0.1) + rng.uniform(0, 0.03, 99)
        once = ends[:-1] + rng.uniform(0.01, 0.03, 98)
        again = np.sort(np.append(once, ends[:-1] + 0.05))
        with_one, with_two = (recording(pre, ends, duration=10.2) for pre in (once, again))
        found = event_timing(with_two, "spike")[1]
        np.testing.assert_array_equal(found, event_timing(with_one, "spike")[1])

    @few
    @given(random_gapped_trains())
    def test_equals_the_loop_over_intervals(self, spikes):
        n = spikes.n_neurons
        expected = np.zeros((n, n))
        for post in range(n):
            crosses, intervals = [], []
            for start, stop in spikes.epochs:
                inside = (spikes.times >= start) & (spikes.times < stop)
                times, neurons = spikes.times[inside], spikes.neurons[inside]
                own = times[neurons == post]
                for begin, end in zip(own[:-1], own[1:], strict=True):
                    row = np.zeros(n)
                    for pre in range(n):
                        between = times[(neurons == pre) & (times > begin) & (times < end)]
                        row[pre] = between[0] - begin if len(between) else 0
                    crosses.append(row)
                    intervals.append(end - begin)
            if len(crosses) < 2:
                continue
            design, target = np.array(crosses), np.array(intervals)
            scale = design.std(axis=0)
            kept = scale > 1e-9
            design = (design - design.mean(axis=0))[:, kept] / scale[kept]
            system = design.T @ design / len(design) + 0.1 * np.eye(kept.sum())
            slopes = np.linalg.solve(system, design.T @ (target - target.mean()) / len(design))
            expected[post, kept] = -slopes / scale[kept]
        np.fill_diagonal(expected, 0)
        found = event_timing(spikes, "spike", ridge=0.1)
        np.testing.assert_allclose(found, expected, atol=1e-6)


class TestEventTimingFromTheClock:
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
        monkeypatch.setattr(baselines_dynamics, "_BLOCK", 1000)
        np.testing.assert_allclose(event_timing(driven), whole, rtol=1e-7, atol=1e-10)

    def test_a_larger_ridge_draws_slopes_to_zero(self, driven):
        slopes = [abs(event_timing(driven, ridge=ridge)[DRIVEN, DRIVER]) for ridge in (0, 1, 1e6)]
        assert slopes[0] > slopes[1] > slopes[2] and slopes[2] < 1e-5

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"reference": "pre"}, "reference must be 'clock' or 'spike', got 'pre'"),
            ({"step": 0}, "step must be a positive number of s, got 0"),
            ({"step": 61.0}, "step must be shorter than an epoch, got 61"),
            ({"memory": -1}, "memory must be a positive number of s, got -1"),
            ({"ridge": -1}, "ridge must be 0 or a positive number, got -1"),
            ({"ridge": np.nan, "reference": "spike"}, "ridge must be 0 or a positive number"),
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
