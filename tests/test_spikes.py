"""Spike trains: counting, cutting, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lgl_core.baselines.pairwise import lag_counts
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.tokens import tokenize
from tests.gapped import gapped_trains, pieces, random_gapped_trains

few = settings(max_examples=40)


def trains(times, neurons, n_neurons=3, duration=1.0) -> SpikeTrains:
    return SpikeTrains(times=times, neurons=neurons, n_neurons=n_neurons, duration=duration)


@st.composite
def random_trains(draw) -> SpikeTrains:
    n_neurons = draw(st.integers(1, 5))
    duration = draw(st.floats(0.5, 20))
    spike = st.tuples(st.floats(0, duration, exclude_max=True), st.integers(0, n_neurons - 1))
    spikes = sorted(draw(st.lists(spike, max_size=30)))
    return trains([t for t, _ in spikes], [n for _, n in spikes], n_neurons, duration)


def as_pairs(spikes: SpikeTrains) -> list[tuple[float, int]]:
    return list(zip(spikes.times.tolist(), spikes.neurons.tolist(), strict=True))


class TestBinned:
    @few
    @given(st.data())
    def test_counts_what_was_put_into_each_bin(self, data):
        width = data.draw(st.floats(1e-3, 2))
        n_bins, n_neurons = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
        leftover = data.draw(st.floats(0, 0.9))  # of a bin that is not complete
        place = st.tuples(
            st.integers(0, n_bins if leftover > 0.1 else n_bins - 1),
            st.floats(0.01, 0.99),
            st.integers(0, n_neurons - 1),
        )
        expected = np.zeros((n_bins, n_neurons))
        spikes = []
        for bin_, inside, neuron in data.draw(st.lists(place, max_size=20)):
            if bin_ < n_bins:
                expected[bin_, neuron] += 1
                spikes.append(((bin_ + inside) * width, neuron))
            else:
                spikes.append(((bin_ + inside * 0.99 * leftover) * width, neuron))
        spikes.sort()
        counts = trains(
            [t for t, _ in spikes], [n for _, n in spikes], n_neurons, (n_bins + leftover) * width
        ).binned(width)
        np.testing.assert_array_equal(counts, expected)

    @few
    @given(random_trains(), st.floats(0.01, 0.5))
    def test_equals_the_loop_over_spikes(self, spikes, width):
        expected = np.zeros((int(spikes.duration / width + 1e-6), spikes.n_neurons))
        for time, neuron in as_pairs(spikes):
            bin_ = int((time + spikes.resolution) / width)
            if bin_ < len(expected):
                expected[bin_, neuron] += 1
        np.testing.assert_array_equal(spikes.binned(width), expected)

    @pytest.mark.parametrize(
        ("duration", "width", "n_bins"),
        [(0.3, 0.1, 3), (1.0, 0.1, 10), (500.0, 1e-3, 500_000), (1.0, 0.3, 3), (2.0, 2.0, 1)],
    )
    def test_number_of_bins_in_spite_of_rounding(self, duration, width, n_bins):
        counts = trains([0.0], [0], 1, duration).binned(width)
        assert counts.shape == (n_bins, 1) and counts.dtype == np.uint8 and counts.sum() == 1

    def test_more_than_255_spikes_stay_255(self):
        spikes = trains(np.linspace(0, 0.5, 300), np.zeros(300, int))
        assert spikes.binned(1.0).tolist() == [[255, 0, 0]]

    def test_no_spikes(self):
        assert not trains([], []).binned(0.1).any()

    @pytest.mark.parametrize("width", [0.0, -0.1, 1.5, np.nan, 1e-300])
    def test_a_width_that_does_not_fit(self, width):
        with pytest.raises(ValueError, match=f"bin_width must lie between .* got {width}"):
            trains([0.5], [0]).binned(width)


# Grids of 0.1 ms, 1 ms and 30 kHz, and two ways in which programs write their times down.
GRIDS = {
    "0.1 ms, products": lambda k: k * 1e-4,
    "0.1 ms, quotients": lambda k: k / 10_000,
    "1 ms, products": lambda k: k * 1e-3,
    "1 ms, quotients": lambda k: k / 1000,
    "30 kHz, products": lambda k: k * (1 / 30_000),
    "30 kHz, quotients": lambda k: k / 30_000,
}


@st.composite
def on_a_grid(draw):
    """Spikes and epochs on a grid, as a reader gives them who takes off the origin of the clock.

    Returns the trains, the step of the grid in s, and all in whole steps: ticks, neurons, epochs.
    """
    grid = GRIDS[draw(st.sampled_from(list(GRIDS)))]
    four_hours = round(4 * 3600 / grid(1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    borders = np.cumsum(rng.integers(1, four_hours // 6, size=2 * draw(st.integers(1, 3))))
    epochs = (borders - borders[0]).reshape(-1, 2) + draw(st.sampled_from([0, 7, 123_456]))
    ticks = np.concatenate([rng.integers(first, last, 300) for first, last in epochs])
    # Many of them at borders, where a mistake would be, and some twice.
    ticks = np.sort(np.concatenate([ticks, epochs[:, 0], epochs[:, 1] - 1, ticks[:20]]))
    origin = draw(st.sampled_from([0.0, 0.1, 1234.567, 98765.4321]))
    clock = [origin + grid(ticks), origin + grid(epochs)]
    times, spans = (values - origin for values in clock)
    neurons = rng.integers(2, size=len(ticks))
    made = SpikeTrains(
        times=times, neurons=neurons, n_neurons=2, duration=spans[-1, 1], epochs=spans,
        resolution=6 * np.spacing(clock[1][-1, 1]),
    )  # fmt: skip
    return made, grid(1), ticks, neurons, epochs


class TestOnAGrid:
    """Times that lie on the borders of bins belong to the bins that begin there."""

    @pytest.mark.slow
    @settings(max_examples=80)
    @given(on_a_grid(), st.integers(1, 60))
    def test_bins_are_those_of_whole_numbers(self, recording, steps_in_bin):
        spikes, step, ticks, neurons, epochs = recording
        assume(steps_in_bin <= (epochs[:, 1] - epochs[:, 0]).max())
        expected, n_bins = [], 0
        for first, last in epochs:
            inside = (first <= ticks) & (ticks < last)
            here = (ticks[inside] - first) // steps_in_bin
            complete = here < (last - first) // steps_in_bin
            expected += (2 * (n_bins + here) + neurons[inside])[complete].tolist()
            n_bins += (last - first) // steps_in_bin
        cells, n_found = spikes.cells(steps_in_bin * step)
        assert (sorted(cells.tolist()), n_found) == (sorted(expected), n_bins)

    @pytest.mark.slow
    @settings(max_examples=60)
    @given(on_a_grid(), st.data())
    def test_a_part_holds_the_spikes_of_its_steps(self, recording, data):
        spikes, step, ticks, _, epochs = recording
        at_borders = st.sampled_from([*ticks.tolist(), *epochs.ravel().tolist()])
        start, stop = sorted([data.draw(at_borders), data.draw(at_borders)])
        assume((np.minimum(epochs[:, 1], stop) > np.maximum(epochs[:, 0], start)).any())
        part = spikes.select(start=start * step, stop=min(stop * step, spikes.duration))
        inside = (start <= ticks) & (ticks < stop)
        assert np.rint(part.times / step).tolist() == (ticks[inside] - start).tolist()
        lengths = np.minimum(epochs[:, 1], stop) - np.maximum(epochs[:, 0], start)
        found = (part.epochs[:, 1] - part.epochs[:, 0]) / step
        np.testing.assert_allclose(found, lengths[lengths > 0], atol=1e-5)
        cells, _ = part.cells(step)
        assert len(cells) == inside.sum(), "bins of one step lose nothing"

    def test_a_cut_at_the_end_of_an_epoch_keeps_its_last_spike(self):
        """A reader puts a spike at the very end of an epoch just inside of it."""
        end = 0.1 + 0.2  # above 0.3
        spikes = SpikeTrains(
            times=[np.nextafter(end, 0), 0.7], neurons=[0, 0], n_neurons=1, duration=1.0,
            epochs=[[0, end], [0.7, 1.0]],
        )  # fmt: skip
        for cut in (end, 0.3, 0.3 - 1e-16):
            first, second = spikes.select(stop=cut), spikes.select(start=cut)
            assert len(first) == 1 and second.times.tolist() == pytest.approx([0.7 - end])
            assert len(second.epochs) == len(first.epochs) == 1
            assert first.cells(0.1)[0].tolist() == [2]

    @pytest.mark.slow
    def test_spikes_off_the_grid_stay_in_their_bins(self):
        """Of 170,000 simulated spikes no bin, lag or class of intervals moves."""
        spikes = simulate(hub_network(), duration=100.0, seed=0)
        for width in (1e-4, 1e-3, 1 / 30_000, 0.01):
            plain = (spikes.times / width).astype(np.int64) * 300 + spikes.neurons
            np.testing.assert_array_equal(spikes.cells(width)[0], plain)
        exact = replace(spikes, resolution=0.0)
        np.testing.assert_array_equal(lag_counts(spikes, 1e-3, 4e-3), lag_counts(exact, 1e-3, 4e-3))
        np.testing.assert_array_equal(tokenize(spikes).classes, tokenize(exact).classes)

    @pytest.mark.parametrize("resolution", [-1e-9, np.nan, np.inf])
    def test_a_resolution_that_is_none(self, resolution):
        with pytest.raises(ValueError, match="resolution must be a .*number.*, got"):
            SpikeTrains(times=[0.1], neurons=[0], n_neurons=1, duration=1.0, resolution=resolution)


class TestSplit:
    @few
    @given(random_trains(), st.floats(0.01, 0.99))
    def test_every_spike_goes_to_one_side(self, spikes, fraction):
        first, second = spikes.split(fraction)
        cut = fraction * spikes.duration - spikes.resolution
        assert as_pairs(first) == [(t, n) for t, n in as_pairs(spikes) if t < cut]
        late = [(t, n) for t, n in as_pairs(spikes) if t >= cut]
        assert second.neurons.tolist() == [n for _, n in late]
        np.testing.assert_allclose(second.times + cut, [t for t, _ in late], rtol=1e-12, atol=1e-12)
        assert first.duration + second.duration == pytest.approx(spikes.duration)
        assert first.n_neurons == second.n_neurons == spikes.n_neurons

    def test_a_spike_on_the_cut_opens_the_second_part(self):
        first, second = trains([0.25, 0.5, 0.75], [0, 1, 2]).split(0.5)
        assert as_pairs(first) == [(0.25, 0)] and as_pairs(second) == [(0.0, 1), (0.25, 2)]

    def test_the_default_is_that_of_the_paper(self):
        first, second = trains([], [], duration=10.0).split()
        assert (first.duration, second.duration) == (8.0, 2.0)

    @pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.1, np.nan])
    def test_a_fraction_that_leaves_nothing(self, fraction):
        with pytest.raises(ValueError, match=f"fraction must lie strictly.* got {fraction}"):
            trains([0.5], [0]).split(fraction)


class TestSelect:
    @few
    @given(random_trains(), st.data())
    def test_equals_the_loop_over_spikes(self, spikes, data):
        kept = data.draw(st.permutations(range(spikes.n_neurons)))
        kept = kept[: data.draw(st.integers(1, len(kept)))]
        start, stop = sorted(
            data.draw(st.lists(st.floats(0, spikes.duration), min_size=2, max_size=2, unique=True))
        )
        assume(stop - start > 1e-12)
        chosen = spikes.select(kept, start, stop)
        expected = [
            (time - start, kept.index(neuron))
            for time, neuron in as_pairs(spikes)
            if neuron in kept
            and start <= time + spikes.resolution
            and (time + spikes.resolution < stop or stop > spikes.duration - spikes.resolution)
        ]
        assert chosen.neurons.tolist() == [n for _, n in expected]
        np.testing.assert_allclose(chosen.times, [t for t, _ in expected], rtol=1e-12, atol=1e-12)
        assert chosen.n_neurons == len(kept) and chosen.duration == stop - start

    def test_neurons_are_numbered_in_the_order_given(self):
        chosen = trains([0.1, 0.2, 0.3], [0, 1, 2]).select([2, 0])
        assert as_pairs(chosen) == [(0.1, 1), (0.3, 0)] and chosen.n_neurons == 2

    def test_a_spike_just_before_the_end_stays_inside_in_spite_of_rounding(self):
        start, stop = 0.61, 1.7
        last = np.nextafter(stop, 0)
        assert last - start == stop - start  # the difference rounds up
        chosen = trains([last], [0], duration=stop).select(start=start)
        assert chosen.times[0] < chosen.duration

    def test_without_arguments_it_is_the_same(self):
        spikes = trains([0.1, 0.2], [1, 1])
        assert as_pairs(spikes.select()) == as_pairs(spikes)
        assert spikes.select().duration == 1.0

    @pytest.mark.parametrize(
        ("start", "stop"), [(-0.1, 1), (0.5, 0.5), (0.6, 0.5), (0, 1.1), (np.nan, 1), (0, np.nan)]
    )
    def test_a_span_that_is_empty_or_outside(self, start, stop):
        with pytest.raises(ValueError, match="start and stop must satisfy"):
            trains([0.5], [0]).select(start=start, stop=stop)

    @pytest.mark.parametrize("neurons", [[3], [-1], [0, 0]])
    def test_ids_that_do_not_exist_or_repeat(self, neurons):
        sentence = "neurons must be (a flat list of distinct neuron ids|ids between 0 and 2), got"
        with pytest.raises(ValueError, match=sentence):
            trains([0.5], [0]).select(neurons)

    @pytest.mark.parametrize("neurons", [[0.5], [True, False, False], 1])
    def test_ids_that_are_no_list_of_whole_numbers(self, neurons):
        with pytest.raises(ValueError, match="neurons must be"):
            trains([0.5], [0]).select(neurons)

    def test_no_neuron_at_all(self):
        with pytest.raises(ValueError, match="at least 1"):
            trains([0.5], [0]).select([])


class TestSpikeTrains:
    def test_rates_and_length(self):
        spikes = trains([0.1, 0.2, 0.3], [1, 1, 0], duration=2.0)
        assert spikes.rates.tolist() == [0.5, 1.0, 0.0] and len(spikes) == 3
        assert repr(spikes) == "SpikeTrains(3 spikes of 3 neurons in 2 s, mean rate 0.50 Hz)"

    def test_spikes_at_one_time_keep_their_order(self):
        assert trains([0.1, 0.1, 0.1], [2, 0, 1]).neurons.tolist() == [2, 0, 1]

    def test_arrays_are_copies_that_cannot_be_written(self):
        times, neurons = np.array([0.1, 0.2]), np.array([0, 1])
        spikes = trains(times, neurons)
        times[0], neurons[0] = 0.15, 2
        assert as_pairs(spikes) == [(0.1, 0), (0.2, 1)]
        for array in (spikes.times, spikes.neurons):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0

    def test_fields_cannot_be_set(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            trains([], []).duration = 2.0

    @pytest.mark.parametrize(
        "restore", [lambda spikes: pickle.loads(pickle.dumps(spikes)), copy.deepcopy]
    )
    def test_restored_trains_are_as_fixed_as_the_original(self, restore):
        spikes = trains([0.1, 0.2], [1, 0])
        restored = restore(spikes)
        assert as_pairs(restored) == as_pairs(spikes)
        assert (restored.n_neurons, restored.duration) == (3, 1.0)
        assert not restored.times.flags.writeable and not restored.neurons.flags.writeable

    def test_keyword_only(self):
        with pytest.raises(TypeError):
            SpikeTrains([], [], 1, 1.0)

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("times", [0.1], "got 1 times and 2 neurons"),
            ("times", [[0.1, 0.2]], "times must be a flat array"),
            ("times", [0.2, 0.1], "times must ascend, but spike 1"),
            ("times", [0.1, np.nan], "times must not be NaN, but spike 1"),
            ("times", [-0.1, 0.2], r"times must lie in \[0, 1.0\) s, got -0.1"),
            ("times", [0.1, 1.0], r"times must lie in \[0, 1.0\) s"),
            ("times", [0.1, np.inf], r"times must lie in \[0, 1.0\) s"),
            ("neurons", [0, 3], "neurons must be ids between 0 and 2, got 0 to 3"),
            ("neurons", [-1, 0], "neurons must be ids between 0 and 2, got -1 to 0"),
            ("neurons", [0.0, 1.0], "neurons must be whole numbers, got an array of float64"),
            ("neurons", [[0, 1]], "neurons must be a flat array"),
            ("n_neurons", 0, "n_neurons must be at least 1, got 0"),
            ("n_neurons", 2.5, "n_neurons must be a whole number"),
            ("duration", 0.0, "duration must be a positive number of s, got 0.0"),
            ("duration", -1.0, "duration must be a positive"),
            ("duration", np.nan, "duration must be a finite number"),
            ("duration", np.inf, "duration must be a finite number"),
        ],
    )
    def test_what_is_refused(self, field, value, message):
        good = {"times": [0.1, 0.2], "neurons": [0, 1], "n_neurons": 3, "duration": 1.0}
        assert len(SpikeTrains(**good)) == 2
        with pytest.raises(ValueError, match=message):
            SpikeTrains(**{**good, field: value})


class TestGaps:
    @few
    @given(random_gapped_trains(), st.floats(0.02, 0.2))
    def test_bins_are_those_of_the_pieces(self, spikes, width):
        whole = np.concatenate([piece.binned(width) for piece in pieces(spikes)])
        np.testing.assert_array_equal(spikes.binned(width), whole)
        lengths = [len(piece.binned(width)) for piece in pieces(spikes)]
        assert spikes.bin_borders(width).tolist() == np.cumsum([0, *lengths]).tolist()

    @few
    @given(random_gapped_trains())
    def test_rates_are_those_of_what_was_recorded(self, spikes):
        counts = sum(piece.rates * piece.duration for piece in pieces(spikes))
        np.testing.assert_allclose(spikes.rates, counts / spikes.recorded)

    @few
    @given(random_gapped_trains(), st.floats(0.05, 0.95))
    def test_a_split_is_one_of_the_time_recorded(self, spikes, fraction):
        first, second = spikes.split(fraction)
        assert first.recorded == pytest.approx(fraction * spikes.recorded)
        assert first.recorded + second.recorded == pytest.approx(spikes.recorded)
        assert len(first) + len(second) == len(spikes)

    @few
    @given(random_gapped_trains())
    def test_bounds_are_the_first_spikes_of_the_pieces(self, spikes):
        counts = [len(piece) for piece in pieces(spikes)]
        assert np.diff(spikes.bounds()).tolist() == counts

    def test_a_part_has_its_share_of_the_epochs(self):
        spikes = gapped_trains(lengths=(1.0, 1.0, 1.0), gaps=(1.0, 1.0))
        assert spikes.select(start=0.5, stop=4.5).epochs.tolist() == [
            [0, 0.5],
            [1.5, 2.5],
            [3.5, 4],
        ]

    def test_nothing_was_recorded_in_a_gap(self):
        spikes = gapped_trains(lengths=(1.0, 1.0), gaps=(1.0,))
        with pytest.raises(ValueError, match="nothing was recorded between 1.2 and 1.8 s"):
            spikes.select(start=1.2, stop=1.8)
        with pytest.raises(ValueError, match="spike 1 is at 1.5 s, in a gap"):
            SpikeTrains(times=[0.5, 1.5], neurons=[0, 0], n_neurons=1, duration=3.0,
                        epochs=[[0, 1], [2, 3]])  # fmt: skip

    @pytest.mark.parametrize(
        "epochs",
        [[[0, 2], [1, 3]], [[1, 1], [2, 3]], [[0, 4]], [[-1, 3]], [0, 3], np.empty((0, 2))],
    )
    def test_epochs_that_are_none(self, epochs):
        with pytest.raises(ValueError, match="epochs must"):
            SpikeTrains(
                times=[], neurons=np.empty(0, int), n_neurons=1, duration=3.0, epochs=epochs
            )

    def test_a_bin_longer_than_each_epoch(self):
        with pytest.raises(ValueError, match="bin_width must fit into an epoch, got 1.5"):
            gapped_trains(lengths=(1.0, 1.0), gaps=(1.0,)).binned(1.5)


class TestMoved:
    @given(random_gapped_trains(), st.integers(0, 100))
    def test_each_neuron_has_its_new_times_in_order(self, spikes, seed):
        ends = np.repeat(spikes.epochs[:, 1], np.diff(spikes.bounds()))
        share = np.random.default_rng(seed).uniform(0, 0.99, len(spikes))
        times = spikes.times + share * (ends - spikes.times)
        moved = spikes.moved(times)
        for neuron in range(spikes.n_neurons):
            own = np.sort(times[spikes.neurons == neuron])
            assert moved.times[moved.neurons == neuron].tolist() == own.tolist()
        assert moved.epochs.tolist() == spikes.epochs.tolist()
        assert (moved.duration, moved.n_neurons) == (spikes.duration, spikes.n_neurons)

    def test_a_time_for_each_spike(self):
        spikes = gapped_trains()
        with pytest.raises(ValueError, match="one entry for each spike, got 1"):
            spikes.moved([0.5])
        with pytest.raises(ValueError, match="in a gap"):
            spikes.moved(np.full(len(spikes), 2.2))
