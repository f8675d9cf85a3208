"""What is said of a graph without truth follows from the recording alone."""

import numpy as np
import pytest
from gapped import random_gapped_trains
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.metrics import out_strengths
from lgl_core.recordings import Session
from lgl_core.recordings_readout import (
    Readout,
    beyond_chance,
    blocks,
    chance_band,
    hub_confidence,
    read_out,
    spikes_per_pair,
)
from lgl_core.spikes import SpikeTrains

few = settings(max_examples=25)


def trains(n_spikes: int = 500, n_neurons: int = 4, duration: float = 10.0) -> SpikeTrains:
    rng = np.random.default_rng(n_spikes)
    return SpikeTrains(
        times=np.sort(rng.uniform(0, duration, n_spikes)),
        neurons=rng.integers(0, n_neurons, n_spikes),
        n_neurons=n_neurons,
        duration=duration,
    )


def test_spikes_per_pair():
    assert spikes_per_pair(trains(120, 4)) == 10
    assert spikes_per_pair(trains(5, 1)) == np.inf


class TestBlocks:
    @few
    @given(st.integers(2, 9))
    def test_no_spike_is_lost_or_counted_twice(self, n):
        spikes = trains()
        parts = blocks(spikes, n)
        starts = np.linspace(0, spikes.duration, n + 1)[:-1]
        times = np.concatenate([part.times + t for part, t in zip(parts, starts, strict=True)])
        np.testing.assert_allclose(times, spikes.times, atol=1e-12)
        assert np.concatenate([part.neurons for part in parts]).tolist() == spikes.neurons.tolist()

    @few
    @given(random_gapped_trains(), st.integers(2, 5))
    def test_each_has_as_much_recorded_time(self, spikes, n):
        parts = blocks(spikes, n)
        np.testing.assert_allclose([part.recorded for part in parts], spikes.recorded / n)
        assert sum(map(len, parts)) == len(spikes)

    def test_one_block_is_none(self):
        with pytest.raises(ValueError, match="n must be at least 2, got 1"):
            blocks(trains(), 1)


class TestHubConfidence:
    def test_equal_parts_leave_no_doubt(self):
        graph = np.array([[9.0, 1, 5], [2, 9, 5], [2, 1, 9]])
        assert out_strengths(graph).tolist() == [4, 2, 10]
        table = hub_confidence([out_strengths(graph)] * 2, n_hubs=2)
        assert table["neuron"].tolist() == [2, 0, 1]
        assert table["strength"].tolist() == [10, 4, 2]
        assert table["low"].tolist() == table["high"].tolist() == [10, 4, 2]
        assert table["confidence"].tolist() == [1, 1, 0]

    def test_who_leads_in_half_of_the_parts_is_a_hub_half_of_the_time(self):
        one, other = [2.0, 0.0, 0.0], [0.0, 2.0, 0.0]
        table = hub_confidence([one, other] * 10, n_hubs=1, n_draws=4000).set_index("neuron")
        assert table["confidence"][[0, 1]].tolist() == pytest.approx([0.5, 0.5], abs=0.1)
        assert table["confidence"][[0, 1]].sum() > 1  # ties count for both
        assert table["confidence"][2] == 0

    @few
    @given(st.integers(0, 500), st.integers(1, 4))
    def test_equals_the_loop_over_draws(self, seed, n_hubs):
        rng = np.random.default_rng(seed)
        strengths = rng.normal(size=(5, 4))
        table = hub_confidence(strengths, n_hubs, n_draws=30, seed=seed)
        counts = np.random.default_rng(seed).multinomial(5, np.full(5, 0.2), size=30)
        hits = np.zeros(4)
        for count in counts:
            drawn = sum(c * s for c, s in zip(count, strengths, strict=True)) / 5
            hits[np.argsort(-drawn)[:n_hubs]] += 1
        found = table.sort_values("neuron")["confidence"].to_numpy()
        np.testing.assert_allclose(found, hits / 30)

    @pytest.mark.parametrize(
        ("strengths", "n_hubs", "message"),
        [
            (np.ones((1, 3)), 1, r"two parts or more, got \(1, 3\)"),
            (np.ones(3), 1, r"two parts or more, got \(3,\)"),
            (np.ones((2, 3)), 4, "n_hubs must lie between 1 and 3, got 4"),
        ],
    )
    def test_what_does_not_fit(self, strengths, n_hubs, message):
        with pytest.raises(ValueError, match=message):
            hub_confidence(strengths, n_hubs)


def counted(spikes):
    """A method: how often each neuron fires, in its column."""
    return np.tile(spikes.rates * spikes.duration, (spikes.n_neurons, 1))


class TestReadout:
    session = Session(spikes=trains(), units=("a", "b", "c", "d"))
    found = read_out(session, {"counts": counted, "doubled": lambda s: 2 * counted(s)}, n_blocks=5)

    def test_methods_see_the_recording_its_surrogate_and_its_parts(self):
        counts = np.bincount(trains().neurons)
        for name, factor in (("counts", 1), ("doubled", 2)):
            np.testing.assert_allclose(self.found.graphs[name], factor * np.tile(counts, (4, 1)))
            np.testing.assert_allclose(self.found.surrogates[name], self.found.graphs[name])
            assert self.found.strengths[name].shape == (5, 4)
            np.testing.assert_allclose(self.found.strengths[name].sum(axis=0), 3 * factor * counts)

    def test_it_says_where_it_comes_from(self):
        origin = self.found.origin
        assert (origin["n_spikes"], origin["duration"], origin["n_blocks"]) == (500, 10.0, 5)
        assert "versions" in origin["machine"]

    @pytest.mark.parametrize("units", [("a", "b", "c", "d"), (3, 1, 2, 7)])
    def test_comes_back_as_it_was_kept(self, tmp_path, units):
        kept = read_out(Session(spikes=trains(), units=units), {"counts": counted})
        kept.save(tmp_path / "new" / "kept")
        again = Readout.load(tmp_path / "new" / "kept")
        assert (again.units, again.origin) == (units, kept.origin)
        for kind in ("graphs", "surrogates", "strengths"):
            np.testing.assert_allclose(
                getattr(again, kind)["counts"], getattr(kept, kind)["counts"], rtol=1e-6
            )

    def test_bands_and_marks_are_those_of_each_method(self):
        rng = np.random.default_rng(0)
        graphs = {"one": rng.normal(size=(9, 9)), "other": 10 * rng.normal(size=(9, 9))}
        nulls = {name: graph / 2 for name, graph in graphs.items()}
        kept = Readout(units=tuple(range(9)), graphs=graphs, surrogates=nulls, strengths={})
        for name, graph in graphs.items():
            band = chance_band(nulls[name], 0.1)
            assert kept.bands(0.1)[name] == band
            np.testing.assert_array_equal(kept.marks(0.1)[name], beyond_chance(graph, band))
            assert kept.marks(0.1)[name].any()
