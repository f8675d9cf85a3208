"""What is said of a graph without truth follows from the recording alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings_readout import (
    beyond_chance,
    blocks,
    chance_band,
    hub_confidence,
    spikes_per_pair,
)
from lgl_core.spikes import SpikeTrains

few = settings(max_examples=25, deadline=None)


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


class TestChance:
    @few
    @given(st.integers(0, 1000), st.floats(0.01, 0.5))
    def test_the_band_leaves_out_the_share_asked_for(self, seed, share):
        null = np.random.default_rng(seed).normal(size=(60, 60))
        marks = beyond_chance(null, chance_band(null, share))
        n_pairs = 60 * 59
        for side in (1, -1):
            assert (marks == side).sum() == pytest.approx(share / 2 * n_pairs, abs=2)

    def test_the_diagonal_neither_widens_the_band_nor_is_marked(self):
        null = np.eye(5) * 1e6
        assert chance_band(null) == (0.0, 0.0)
        assert not beyond_chance(null, (0.0, 0.0)).any()

    def test_signs(self):
        graph = np.array([[0.0, 3.0], [-3.0, 0.0]])
        assert beyond_chance(graph, (-1.0, 2.0)).tolist() == [[0, 1], [-1, 0]]

    @pytest.mark.parametrize("share", [0.0, 1.0, np.nan])
    def test_a_share_that_is_none(self, share):
        with pytest.raises(ValueError, match="share must lie strictly between 0 and 1"):
            chance_band(np.zeros((3, 3)), share)


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

    def test_one_block_is_none(self):
        with pytest.raises(ValueError, match="n must be at least 2, got 1"):
            blocks(trains(), 1)


class TestHubConfidence:
    def test_equal_parts_leave_no_doubt(self):
        graph = np.array([[9.0, 1, 5], [2, 9, 5], [2, 1, 9]])  # columns send 4, 2 and 10
        table = hub_confidence([graph, graph], n_hubs=2)
        assert table["neuron"].tolist() == [2, 0, 1]
        assert table["strength"].tolist() == [10, 4, 2]
        assert table["low"].tolist() == table["high"].tolist() == [10, 4, 2]
        assert table["confidence"].tolist() == [1, 1, 0]

    def test_who_leads_in_half_of_the_parts_is_a_hub_half_of_the_time(self):
        one, other = np.zeros((2, 3, 3))
        one[1:, 0], other[0, 1] = 1.0, 2.0  # sums of 2 each, in one part each
        table = hub_confidence([one, other] * 10, n_hubs=1, n_draws=4000).set_index("neuron")
        assert table["confidence"][[0, 1]].tolist() == pytest.approx([0.5, 0.5], abs=0.1)
        assert table["confidence"][[0, 1]].sum() > 1  # ties count for both
        assert table["confidence"][2] == 0

    @few
    @given(st.integers(0, 500), st.integers(1, 4))
    def test_equals_the_loop_over_draws(self, seed, n_hubs):
        rng = np.random.default_rng(seed)
        graphs = rng.normal(size=(5, 4, 4))
        table = hub_confidence(list(graphs), n_hubs, n_draws=30, seed=seed)
        strengths = [[sum(g[i, k] for i in range(4) if i != k) for k in range(4)] for g in graphs]
        counts = np.random.default_rng(seed).multinomial(5, np.full(5, 0.2), size=30)
        hits = np.zeros(4)
        for count in counts:
            drawn = sum(c * np.array(s) for c, s in zip(count, strengths, strict=True)) / 5
            hits[np.argsort(-drawn)[:n_hubs]] += 1
        found = table.sort_values("neuron")["confidence"].to_numpy()
        np.testing.assert_allclose(found, hits / 30)

    @pytest.mark.parametrize(
        ("graphs", "n_hubs", "message"),
        [
            ([np.eye(3)], 1, "at least two, got 1"),
            ([np.eye(3), np.eye(4)], 1, "must be of one shape"),
            ([np.eye(3)] * 2, 4, "n_hubs must lie between 1 and 3, got 4"),
        ],
    )
    def test_what_does_not_fit(self, graphs, n_hubs, message):
        with pytest.raises(ValueError, match=message):
            hub_confidence(graphs, n_hubs)
