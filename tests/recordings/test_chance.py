"""What is marked as beyond chance, is; what is jittered loses what is fast, and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings.chance import (
    beyond_chance,
    chance_band,
    found_and_expected,
    jittered,
    marks_by_distance,
    within_and_between,
)
from lgl_core.spikes import SpikeTrains
from tests.gapped import pieces, random_gapped_trains
from tests.recordings.test_readout import trains

few = settings(max_examples=25)


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


class TestFoundAndExpected:
    @pytest.mark.slow
    @pytest.mark.parametrize(("n_units", "n_graphs"), [(3, 4000), (6, 2000), (40, 100)])
    def test_as_many_as_expected_are_found_where_there_is_nothing(self, n_units, n_graphs):
        """Of few units, too, where the band has few pairs to be made of."""
        rng = np.random.default_rng(n_units)
        found = [
            beyond_chance(graph, chance_band(null))
            for graph, null in rng.normal(size=(n_graphs, 2, n_units, n_units))
        ]
        expected = found_and_expected({"it": found[0]})["expected on each side"]["it"]
        for side in (1, -1):
            n_found = (np.stack(found) == side).sum() / n_graphs
            assert n_found == pytest.approx(expected, rel=0.1)

    def test_of_many_pairs_half_of_the_share_is_expected_on_each_side(self):
        marks = np.zeros((301, 301), dtype=int)
        marks[0, 1:4], marks[1, 5] = 1, -1
        row = found_and_expected({"it": marks}, share=0.02).loc["it"]
        assert (row["above"], row["below"], row["pairs"]) == (3, 1, 301 * 300)
        assert row["expected on each side"] == pytest.approx(903, rel=0.01)


class TestJittered:
    @few
    @given(st.integers(0, 1000), st.floats(1e-3, 10.0))
    def test_counts_of_every_neuron_in_every_window_stay(self, seed, window):
        spikes = trains()
        moved = jittered(spikes, window, seed)

        def counts(which):
            table = np.zeros((which.n_neurons, int(which.duration / window) + 2), dtype=int)
            # A time at the border of two windows may round to either side of it.
            places = np.floor(which.times / window + 1e-9).astype(int)
            np.add.at(table, (which.neurons, places), 1)
            return table

        np.testing.assert_array_equal(counts(moved), counts(spikes))
        assert (np.diff(moved.times) >= 0).all()
        assert moved.duration == spikes.duration

    @few
    @given(random_gapped_trains(), st.integers(0, 50))
    def test_no_spike_leaves_its_epoch(self, spikes, seed):
        moved = jittered(spikes, 0.05, seed)
        for before, after in zip(pieces(spikes), pieces(moved), strict=True):
            assert np.bincount(before.neurons).tolist() == np.bincount(after.neurons).tolist()

    def test_what_is_fast_goes_and_what_is_slow_stays(self):
        rng = np.random.default_rng(1)
        leader = np.sort(rng.uniform(0, 100, 2000))
        times = np.concatenate([leader, leader + 2e-3])
        order = np.argsort(times)
        ids = np.repeat([0, 1], 2000)[order]
        spikes = SpikeTrains(times=times[order], neurons=ids, n_neurons=2, duration=100.1)

        def followed(which, lag):
            leads, follows = (which.times[which.neurons == k] for k in (0, 1))
            first, last = np.searchsorted(follows, [leads + 1e-3, leads + lag])
            return np.mean(last > first)

        moved = jittered(spikes, 0.05)
        assert followed(spikes, 3e-3) == 1
        assert followed(moved, 3e-3) < 0.15
        assert followed(moved, 0.1) > 0.7

    @pytest.mark.parametrize("window", [0.0, -1.0, 11.0, np.nan])
    def test_a_window_that_is_none(self, window):
        with pytest.raises(ValueError, match="window must be above 0 and at most 10"):
            jittered(trains(), window)


class TestMarksByDistance:
    @few
    @given(st.integers(0, 1000))
    def test_equals_the_loop_over_pairs(self, seed):
        rng = np.random.default_rng(seed)
        marks = {name: rng.integers(-1, 2, (7, 7)) for name in ("one", "other")}
        places, groups = rng.uniform(0, 5, (7, 2)), rng.integers(0, 2, 7)
        found = marks_by_distance(marks, places, groups)
        expected = {}
        for name in marks:
            for post in range(7):
                for pre in set(range(7)) - {post}:
                    far = round(float(np.hypot(*(places[post] - places[pre]))))
                    side = "within" if groups[post] == groups[pre] else "between"
                    expected.setdefault((name, far, side), []).append(marks[name][post, pre] > 0)
        assert len(found) == len(expected)
        for row in found.itertuples():
            pairs = expected[row.name, row.distance, row.group]
            assert (row.value, row.n_pairs) == (pytest.approx(np.mean(pairs)), len(pairs))

    def test_a_place_for_each_unit(self):
        marks = {"one": np.zeros((3, 3))}
        with pytest.raises(ValueError, match="places must have an entry for each unit, got 2"):
            marks_by_distance(marks, np.zeros((2, 2)), [0, 0, 1])
        with pytest.raises(ValueError, match="groups must have an entry for each unit, got 4"):
            marks_by_distance(marks, np.zeros((3, 2)), [0, 0, 1, 1])


class TestWithinAndBetween:
    def test_distance_alone_makes_no_border(self):
        """Connections that depend on distance only are as frequent within groups as between."""
        places = np.stack(np.meshgrid(range(8), range(6)), axis=-1).reshape(-1, 2).astype(float)
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1).round()
        marks = {"near": (apart <= 2).astype(int), "far": -(apart > 4).astype(int)}
        found = within_and_between(marks_by_distance(marks, places, places[:, 0] < 4))
        np.testing.assert_allclose(found["within"], found["between"])
        assert found.loc["near", "between"] > 0 and found.loc["far", "between"] == 0

    def test_equals_the_mean_over_pairs_between_of_their_peers_within(self):
        rng = np.random.default_rng(3)
        marks = {"one": rng.integers(-1, 2, (12, 12))}
        places, groups = rng.uniform(0, 3, (12, 2)), np.arange(12) < 5
        far = np.linalg.norm(places[:, None] - places[None], axis=-1).round()
        within, off = groups[:, None] == groups[None], ~np.eye(12, dtype=bool)
        peers, own = [], []
        for post, pre in np.argwhere(~within):
            like = off & within & (far == far[post, pre])
            if like.any():
                peers.append((marks["one"][like] > 0).mean())
                own.append(marks["one"][post, pre] > 0)
        found = within_and_between(marks_by_distance(marks, places, groups)).loc["one"]
        assert found["within"] == pytest.approx(np.mean(peers))
        assert found["between"] == pytest.approx(np.mean(own))

    def test_one_group_has_no_border(self):
        table = marks_by_distance({"one": np.eye(3)}, np.eye(3), [0, 0, 0])
        with pytest.raises(ValueError, match="both within and between"):
            within_and_between(table)
