"""Tokens: there and back, classes against a slow twin, windows without leaks or ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.tokens import IntervalVocabulary, Windows, detokenize, tokenize
from tests.gapped import gapped_trains, pieces, random_gapped_trains

DURATION = 2.0

few = settings(max_examples=40)


@st.composite
def recordings(draw, min_size=1):
    spikes = draw(
        st.lists(
            st.tuples(st.floats(0, 1.99, allow_subnormal=False), st.integers(0, 4)),
            min_size=min_size,
            max_size=60,
        )
    )
    spikes.sort()
    times, neurons = zip(*spikes, strict=True)
    return SpikeTrains(times=times, neurons=neurons, n_neurons=5, duration=DURATION)


def poisson(n_spikes, seed=0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.random(n_spikes)) * DURATION
    neurons = rng.integers(0, 5, n_spikes)
    return SpikeTrains(times=times, neurons=neurons, n_neurons=5, duration=DURATION)


@pytest.mark.slow
@given(recordings(), st.sampled_from(["population", "neuron"]))
def test_there_and_back(spikes, interval):
    back = detokenize(tokenize(spikes, interval=interval), spikes.duration, interval)
    np.testing.assert_allclose(back.times, spikes.times, atol=1e-12)
    # Spikes at one and the same time may swap places.
    assert sorted(back.neurons) == sorted(spikes.neurons)


@pytest.mark.slow
@given(recordings())
def test_intervals_against_a_slow_twin(spikes):
    population, own = (tokenize(spikes, interval=kind) for kind in ("population", "neuron"))
    last, last_own = 0.0, np.zeros(5)
    for k, (time, neuron) in enumerate(zip(spikes.times, spikes.neurons, strict=True)):
        assert population.intervals[k] == time - last
        assert own.intervals[k] == time - last_own[neuron]
        last = last_own[neuron] = time


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_class_holds_its_interval(intervals):
    vocabulary = IntervalVocabulary()
    upper = np.append(vocabulary.edges[1:], np.inf)
    for interval, c in zip(intervals, vocabulary.encode(np.array(intervals)), strict=True):
        assert vocabulary.edges[c] <= interval < upper[c]


def test_classes_are_fine_near_zero_and_coarse_above():
    vocabulary = IntervalVocabulary(fine_width=1e-4, n_fine=10, n_coarse=20, longest=0.5)
    widths = np.diff(vocabulary.edges)
    np.testing.assert_allclose(widths[:10], 1e-4)
    assert np.all(np.diff(widths[10:]) > 0)
    assert len(vocabulary.edges) == vocabulary.n_classes == 30
    assert vocabulary.edges[-1] == pytest.approx(0.5)


def test_decoding_a_class_stays_in_it():
    vocabulary = IntervalVocabulary()
    classes = np.arange(vocabulary.n_classes)
    np.testing.assert_array_equal(vocabulary.encode(vocabulary.decode(classes)), classes)


def test_simulated_spikes_have_no_ties_and_no_sorted_runs():
    """Neighbouring tokens ascend in id as often as they descend, also at the shortest intervals."""
    tokens = tokenize(simulate(hub_network(seed=0), duration=20.0))
    assert tokens.intervals[1:].min() > 0
    close = tokens.intervals[1:] < 0.1e-3
    steps = np.diff(tokens.neurons)[close]
    steps = steps[steps != 0]
    assert len(steps) > 3000
    assert np.mean(steps > 0) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(steps)))


@pytest.mark.slow
@given(st.integers(2, 20), st.integers(1, 20), st.integers(20, 90))
def test_windows_against_a_slow_twin(length, stride, n_spikes):
    tokens = tokenize(poisson(n_spikes))
    data = Windows(tokens, length)
    starts = np.concatenate(list(data.in_order(3, stride)))
    assert list(starts) == list(range(0, n_spikes - length + 1, stride))
    neurons, intervals, times, classes = (x.numpy() for x in data[starts])
    for row, start in enumerate(starts):
        span = slice(start, start + length)
        np.testing.assert_array_equal(neurons[row], tokens.neurons[span])
        np.testing.assert_array_equal(classes[row], tokens.classes[span])
        np.testing.assert_allclose(intervals[row], tokens.intervals[span], rtol=1e-6)
        np.testing.assert_allclose(times[row], tokens.times[span] - tokens.times[start], rtol=1e-6)


def test_elapsed_time_keeps_its_precision_late_in_a_recording():
    times = 1e5 + np.arange(10) * 1e-4
    spikes = SpikeTrains(times=times, neurons=np.zeros(10, int), n_neurons=1, duration=2e5)
    elapsed = Windows(tokenize(spikes), 10)[np.array([0])][2][0]
    np.testing.assert_allclose(elapsed, np.arange(10) * 1e-4, atol=1e-9)


def test_shuffled_windows_cover_the_recording_and_move_with_the_epoch():
    data = Windows(tokenize(poisson(1000)), 11)
    first, again, other = (data.shuffled(8, 10, seed) for seed in ([0, 0], [0, 0], [0, 1]))
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    assert not np.array_equal(np.concatenate(first), np.concatenate(other))
    assert all(len(batch) == 8 for batch in first)
    starts = np.concatenate(first)
    assert len(np.unique(starts)) == len(starts)
    assert np.all(starts % 10 == starts[0] % 10)


def test_the_longest_interval_may_be_a_whole_number_beyond_64_bits():
    whole, real = (IntervalVocabulary(longest=longest) for longest in (2**70, 2.0**70))
    np.testing.assert_array_equal(whole.edges, real.edges)


def test_bad_values_are_named():
    spikes = poisson(10)
    with pytest.raises(ValueError, match="interval must be"):
        tokenize(spikes, interval="cross")
    with pytest.raises(ValueError, match="interval must be"):
        detokenize(tokenize(spikes), DURATION, interval="cross")
    with pytest.raises(ValueError, match="a window takes 11 tokens but the recording has 10"):
        Windows(tokenize(spikes), 11)
    for length in (0, -1):
        with pytest.raises(ValueError, match=f"length must be at least one token, got {length}"):
            Windows(tokenize(spikes), length)
    with pytest.raises(ValueError, match="fine_width"):
        IntervalVocabulary(fine_width=0.0)
    with pytest.raises(ValueError, match="longest"):
        IntervalVocabulary(longest=1e-6)
    with pytest.raises(ValueError, match="at least 0 s"):
        IntervalVocabulary().encode(np.array([-1e-3]))


class TestGaps:
    @few
    @given(random_gapped_trains(), st.sampled_from(["population", "neuron"]))
    def test_tokens_are_those_of_the_pieces(self, spikes, interval):
        tokens = tokenize(spikes, interval=interval)
        parts = [tokenize(piece, interval=interval) for piece in pieces(spikes)]
        np.testing.assert_allclose(
            tokens.intervals, np.concatenate([part.intervals for part in parts]), atol=1e-9
        )
        assert tokens.bounds.tolist() == np.cumsum([0, *map(len, parts)]).tolist()

    @few
    @given(random_gapped_trains(), st.sampled_from(["population", "neuron"]))
    def test_and_back(self, spikes, interval):
        tokens = tokenize(spikes, interval=interval)
        again = detokenize(tokens, spikes.duration + 1e-6, interval, spikes.epochs + [0, 1e-7])
        np.testing.assert_allclose(again.times, spikes.times, atol=1e-9)

    def test_other_epochs_are_refused(self):
        tokens = tokenize(gapped_trains())
        with pytest.raises(ValueError, match="epochs must be the 3 of the recording, got 1"):
            detokenize(tokens, 100.0)

    @few
    @given(random_gapped_trains(), st.integers(2, 9), st.integers(1, 5))
    def test_no_window_crosses_a_gap_and_none_is_left_out(self, spikes, length, stride):
        tokens = tokenize(spikes)
        counts = np.diff(tokens.bounds)
        if counts.max() < length:
            with pytest.raises(ValueError, match=f"has {counts.max()} in one piece"):
                Windows(tokens, length)
            return
        windows = Windows(tokens, length)
        epoch = np.repeat(np.arange(len(counts)), counts)
        found = [start for batch in windows.in_order(3, 1) for start in batch]
        wanted = [t for t in range(len(tokens) - length + 1) if epoch[t] == epoch[t + length - 1]]
        assert found == wanted
        for starts in (*windows.in_order(4, stride), *windows.shuffled(2, stride, [0])):
            assert set(starts) <= set(wanted)
        for starts in windows.in_order(4, stride):
            assert (np.diff(starts) == stride).all() and len(set(epoch[starts])) == 1


@pytest.mark.parametrize("interval", ["population", "neuron"])
def test_intervals_on_a_grid_are_told_apart_as_whole_numbers_are(interval):
    """Each class is one step of 1 ms wide: a difference of two times may come out below it."""
    rng = np.random.default_rng(0)
    ticks, neurons = np.sort(rng.integers(0, 600_000, 5000)), rng.integers(2, size=5000)
    spikes = SpikeTrains(times=ticks / 1000, neurons=neurons, n_neurons=2, duration=600.0)
    last, expected = {}, []
    for tick, neuron in zip(ticks, neurons, strict=True):
        group = neuron if interval == "neuron" else None
        expected.append(min(tick - last.get(group, 0), 900))
        last[group] = tick
    vocabulary = IntervalVocabulary(fine_width=1e-3, n_fine=900, n_coarse=1, longest=10.0)
    classes = tokenize(spikes, vocabulary, interval).classes
    np.testing.assert_array_equal(np.minimum(classes, 900), expected)
