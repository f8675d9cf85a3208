"""Times say whether they can be in s, and whether the clock ran all the time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings._clock import other_unit, silences
from lgl_core.recordings.session import read

some = settings(max_examples=60)

# What one unit of the times lasts in s, and how finely they are told in it (0: as they come).
OTHER_UNITS = {
    "ms": (1e-3, 0.0),
    "ms of a simulator": (1e-3, 0.1),
    "ms of samples at 30 kHz": (1e-3, 1 / 30),
    "ms of samples at 24.4 kHz": (1e-3, 1 / 24.4140625),
    "whole ms": (1e-3, 1.0),
    "samples at 30 kHz": (1 / 30_000, 1.0),
    "us": (1e-6, 1.0),
    "hours": (3600.0, 0.0),
}


def fired(rng, rate: float, seconds: float, refractory: float) -> np.ndarray:
    """Times in s of a neuron that rests after each spike."""
    n = int(rate * seconds + 10 * np.sqrt(rate * seconds) + 20)
    rest = min(refractory, 0.5 / rate)
    times = rng.exponential(1 / rate) + np.cumsum(rest + rng.exponential(1 / rate - rest, n))
    return times[times < seconds]


def bursts(rng, rate: float, seconds: float, refractory: float) -> np.ndarray:
    """Times in s of a unit that fires in bursts of about eight."""
    starts = rng.uniform(0, seconds, rng.poisson(rate * seconds / 8))
    sizes = rng.geometric(1 / 8, len(starts))
    after = [refractory * np.arange(1, n + 1) + rng.gamma(2, 2e-3, n).cumsum() for n in sizes]
    times = np.sort(
        np.concatenate([np.empty(0), *(s + t for s, t in zip(starts, after, strict=True))])
    )
    return times[np.diff(times, prepend=-1) > refractory]


@st.composite
def recordings(draw, slowest: float = 0.05, kinds=(fired, bursts)):
    """Times in s and units of 1 to 100 neurons, 10 s to 5 hours, in the order of nothing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_units = int(np.exp(draw(st.floats(0, np.log(100)))))
    rate = np.exp(draw(st.floats(np.log(slowest), np.log(100))))
    seconds = np.exp(draw(st.floats(np.log(10), np.log(18_000))))
    rates = np.clip(rate * rng.lognormal(0, 0.7, n_units), slowest, 100)
    seconds = max(10.0, min(seconds, 20_000 / rates.sum()))
    kind = draw(st.sampled_from(kinds))
    trains = [kind(rng, rate, seconds, rng.uniform(1e-3, 3e-3)) for rate in rates]
    times, units = np.concatenate(trains), np.repeat(np.arange(n_units), [*map(len, trains)])
    order = rng.permutation(len(times)) if draw(st.booleans()) else np.arange(len(times))
    return times[order], units[order]


class TestTheUnitOfTime:
    @pytest.mark.slow
    @some
    @given(recordings(slowest=0.06), st.sampled_from([0, 1e-4, 1 / 30_000, 1 / 24_414.0625, 1e-3]))
    def test_seconds_are_taken_for_seconds(self, spikes, grid):
        times, units = spikes
        times = np.round(times / grid) * grid if grid else times
        assert other_unit(times, units) is None

    @pytest.mark.slow
    @some
    @given(recordings(slowest=1.0), st.sampled_from(list(OTHER_UNITS)))
    def test_other_units_are_not(self, spikes, name):
        times, units = spikes
        lasts, grid = OTHER_UNITS[name]
        times = times / lasts
        times = np.round(times / grid) * grid if grid else times
        if len(times) > 200:
            assert other_unit(times, units) is not None

    @pytest.mark.parametrize("rate", [20, 28, 40])
    @pytest.mark.parametrize("n_units", [1, 2])
    def test_ms_of_neurons_that_do_not_rest(self, rate, n_units):
        rng = np.random.default_rng(rate)
        times = rng.uniform(0, 10_000, 10 * rate * n_units)
        found = other_unit(times, rng.integers(0, n_units, len(times)))
        assert "times look like ms, or samples" in found

    @pytest.mark.parametrize(
        ("times", "message"),
        [
            (lambda t: np.round(t * 30_000), "all times are whole numbers: .* look like samples"),
            (
                lambda t: np.round(t * 1e3, 1),
                "all times are multiples of 0.1: .* look like samples",
            ),
            (lambda t: np.round(t * 3e4) / 30, "all times are multiples of 1/30: times look"),
            (lambda t: t * 1e3, "would fire at 0.0.* Hz for .* s: times look like ms, or samples"),
            (lambda t: t / 3600, "% of a unit's intervals are below 0.5 ms: .* look like minutes"),
        ],
    )
    @pytest.mark.parametrize("repair", [False, True])
    def test_the_message_names_what_was_seen_and_a_remedy_that_works(self, times, message, repair):
        times = times(fired(np.random.default_rng(0), 10.0, 60.0, 2e-3))
        spikes = pd.DataFrame({"time": times, "unit": "a"})
        with pytest.raises(
            ValueError, match=f"{message}.*Give what one of them.*seconds_per_unit=1 if"
        ):
            read(spikes, repair=repair)  # which unit it is nobody can know
        assert len(read(spikes, seconds_per_unit=1, epochs=[[0, 2e6]]).spikes) == len(times)

    def test_fast_neurons_in_ms_rest_too_long_to_be_in_s(self):
        times = fired(np.random.default_rng(1), 80.0, 20.0, 2e-3) * 1e3
        assert "units would rest for 2" in other_unit(times, np.zeros(len(times), int))

    def test_a_pause_of_a_week_does_not_make_them_slow(self):
        rng = np.random.default_rng(2)
        times = np.concatenate([fired(rng, 2.0, 300.0, 2e-3) + 604_800 * k for k in range(2)])
        assert other_unit(times, np.zeros(len(times), int)) is None

    @pytest.mark.parametrize("value", ["1/1000", "1 / 1000", "1e-3", "0.001", 1e-3])
    def test_seconds_per_unit_as_a_command_line_gives_it(self, value):
        spikes = pd.DataFrame({"time": [500.0, 1000.0], "unit": ["a", "b"]})
        assert read(spikes, seconds_per_unit=value).spikes.times.tolist() == [0.5, 1.0]

    @pytest.mark.parametrize("value", ["ms", "1/0", "", "1/2/3"])
    def test_seconds_per_unit_that_is_no_number(self, value):
        spikes = pd.DataFrame({"time": [500.0], "unit": ["a"]})
        with pytest.raises(
            ValueError, match=f"number of s or a fraction such as '1/30000', got '{value}'"
        ):
            read(spikes, seconds_per_unit=value)


def table(times, n_units: int = 2) -> pd.DataFrame:
    return pd.DataFrame({"time": times, "unit": np.arange(len(times)) % n_units})


class TestSilences:
    @pytest.mark.slow
    @some
    @given(recordings(), st.integers(0, 3), st.floats(5, 1e9))
    def test_found_are_those_that_were_made(self, spikes, n_pauses, scale):
        """Pauses, and a late start, as long as the recording or longer."""
        times = np.sort(spikes[0])
        if len(times) < 100:
            return
        times -= times[0]
        gaps, last = np.diff(times), times[-1]
        found = silences(np.append(times[0], times[1:]))
        assert not len(found)
        moved = times + scale * max(last, 1.0)
        assert silences(moved).tolist() == [[0.0, moved[0]]]
        at = np.searchsorted(times, last * np.arange(1, n_pauses + 1) / (n_pauses + 1))
        pause = 20 * max(gaps.max(), 1.0)
        shifts = np.zeros(len(times))
        shifts[at] = pause
        paused = times + np.cumsum(shifts)
        runs = np.diff([0, *times[at], last])
        if n_pauses and runs.min() > 10 and pause > 10:
            wanted = np.stack([paused[at - 1], paused[at]], axis=1)
            np.testing.assert_allclose(silences(paused), wanted)

    @pytest.mark.parametrize("start", [80.0, 7200.0, 1.6e9])
    def test_a_late_start_is_refused_and_the_remedies_work(self, start):
        times = np.sort(start + np.random.default_rng(0).uniform(0, 60, 600))
        with pytest.raises(
            ValueError, match=r"no unit fires from 0 to .* was all of it rec"
        ) as why:
            read(table(times), repair=True)
        text = str(why.value)
        begun, whole = (eval(part.split(" or ")[0]) for part in text.split("epochs=")[1:])
        assert read(table(times), epochs=begun).spikes.duration == pytest.approx(60, abs=1)
        assert len(read(table(times), epochs=begun).spikes) == 600
        assert read(table(times), epochs=whole).spikes.duration == pytest.approx(start + 60, abs=1)

    def test_a_pause_is_refused_and_the_remedies_work(self):
        rng = np.random.default_rng(0)
        times = np.concatenate([np.sort(rng.uniform(0, 100, 800)) + 1000 * k for k in range(3)])
        with pytest.raises(
            ValueError, match="no unit fires from 99.* to 1000.*, and nowhere"
        ) as why:
            read(table(times))
        begun, _ = (eval(part.split(" or ")[0]) for part in str(why.value).split("epochs=")[1:])
        session = read(table(times), epochs=begun)
        assert len(session.spikes) == 2400
        assert session.spikes.recorded == pytest.approx(300, abs=1)

    def test_the_transient_of_a_simulation_is_no_late_start(self):
        times = np.sort(0.04 + np.random.default_rng(0).uniform(0, 1, 5000))
        assert not len(silences(times))
        assert read(table(times, n_units=500)).start == 0

    def test_few_spikes_may_come_late(self):
        assert read(table([40.0, 70.0, 75.0])).spikes.duration > 75

    def test_synchronous_bursts_have_no_pauses_between_them(self):
        rng = np.random.default_rng(0)
        starts = np.cumsum(rng.uniform(15, 40, 30))
        times = np.sort(np.concatenate([s + rng.uniform(0, 0.4, 200) for s in starts]))
        assert not len(silences(times))

    def test_an_invalid_time_is_no_pause(self):
        rng = np.random.default_rng(0)
        times = np.sort(np.concatenate([rng.uniform(0, 100, 500), rng.uniform(400, 500, 500)]))
        assert len(silences(times)) == 1
        assert not len(silences(times, np.array([[99.0, 250.0], [250.0, 401.0]])))
