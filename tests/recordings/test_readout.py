"""What is said of a graph without truth follows from the recording alone."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.glm.fit import fit_glm
from lgl_core.metrics.scores import out_strengths
from lgl_core.networks.network import hub_network
from lgl_core.recordings.readout import (
    Readout,
    beyond_chance,
    beyond_jitter,
    blocks,
    chance_band,
    hub_confidence,
    read_out,
)
from lgl_core.recordings.session import Session
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from tests.disk.test_atomic import full_disk
from tests.gapped import random_gapped_trains

few = settings(max_examples=25)


def trains(n_spikes: int = 500, n_neurons: int = 4, duration: float = 10.0) -> SpikeTrains:
    rng = np.random.default_rng(n_spikes)
    return SpikeTrains(
        times=np.sort(rng.uniform(0, duration, n_spikes)),
        neurons=rng.integers(0, n_neurons, n_spikes),
        n_neurons=n_neurons,
        duration=duration,
    )


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


class TestBeyondJitter:
    @few
    @given(st.integers(0, 500))
    def test_equals_the_loop_over_swaps(self, seed):
        """By Student's t, the obvious way."""
        strengths, nulls = np.random.default_rng(seed).normal(size=(2, 4, 3))
        found, ours = beyond_jitter(strengths, nulls), None
        largest = []
        for swap in itertools.product((False, True), repeat=4):
            swapped = np.array(swap)[:, None]
            one, other = np.where(swapped, nulls, strengths), np.where(swapped, strengths, nulls)
            t = scipy.stats.ttest_rel(one, other).statistic
            ours = t if ours is None else ours
            largest.append(t.max())
        expected = [np.mean(np.array(largest) >= t - 1e-6) for t in ours]
        np.testing.assert_allclose(found, expected)

    def test_who_always_sends_more_is_beyond_and_rates_alone_are_not(self):
        rng = np.random.default_rng(1)
        nulls = rng.normal(size=(8, 30)) + 50 * np.arange(30)
        strengths = rng.normal(size=(8, 30)) + 50 * np.arange(30)
        assert beyond_jitter(strengths, nulls).min() > 0.05
        strengths[:, 3] += 20
        p = beyond_jitter(strengths, nulls)
        assert p[3] == 1 / 256 and np.delete(p, 3).min() > 0.05

    @pytest.mark.slow
    @pytest.mark.parametrize("n_parts", [6, 16])
    def test_is_as_rare_as_it_says_where_nothing_is_fast(self, n_parts):
        """Any unit of a recording, with heavy tails and units of very different spread."""
        rng = np.random.default_rng(n_parts)
        spread = rng.lognormal(0, 2, 20)
        smallest = [
            beyond_jitter(*(spread * rng.standard_t(3, size=(2, n_parts, 20)))).min()
            for _ in range(400)
        ]
        assert np.mean(np.array(smallest) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
        assert np.mean(np.array(smallest) <= 0.5) > 0.4

    def test_units_that_never_differ_are_not_beyond(self):
        assert beyond_jitter(np.ones((6, 3)), np.ones((6, 3))).tolist() == [1, 1, 1]

    def test_one_shape(self):
        with pytest.raises(ValueError, match=r"one shape .* got \(6, 3\) and \(5, 3\)"):
            beyond_jitter(np.ones((6, 3)), np.ones((5, 3)))


METHODS = {
    "GLM": lambda spikes: fit_glm(spikes).coupling("peak"),
    "ccg": lambda spikes: correlogram_z(spikes, baseline="local"),
}


def poisson(seed: int, n_neurons: int = 10, duration: float = 60.0) -> SpikeTrains:
    """Neurons of different rates that know nothing of each other."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(5 * rng.lognormal(0, 0.5, n_neurons) * duration)
    times = rng.uniform(0, duration, counts.sum())
    order = np.argsort(times)
    ids = np.repeat(np.arange(n_neurons), counts)[order]
    return SpikeTrains(times=times[order], neurons=ids, n_neurons=n_neurons, duration=duration)


class TestHubs:
    @pytest.mark.weekly
    def test_independent_neurons_have_a_sure_hub_in_a_twentieth_of_recordings_at_most(self):
        """Of 40: likely ones, by how often they lead, there are in many."""
        n_likely = n_sure = 0
        for seed in range(40):
            session = Session(spikes=poisson(seed), units=tuple(range(10)))
            hubs = read_out(session, METHODS).hubs()
            n_likely += any((table["confidence"] >= 0.9).any() for table in hubs.values())
            n_sure += any(table["sure"].any() for table in hubs.values())
        assert n_sure <= 2 and n_likely > 8

    @pytest.mark.slow
    def test_independent_neurons_that_lead_in_every_part_are_no_sure_hubs(self):
        n_likely = n_sure = 0
        for seed in range(60):
            session = Session(spikes=poisson(seed), units=tuple(range(10)))
            table = read_out(session, {"ccg": METHODS["ccg"]}).hubs()["ccg"]
            n_likely += (table["confidence"] >= 0.9).any()
            n_sure += table["sure"].any()
        assert n_sure <= 3 and n_likely > 6

    @pytest.mark.slow
    def test_the_hubs_of_a_network_are_sure_and_nobody_else_is(self):
        network = hub_network(n_neurons=40)
        session = Session(spikes=simulate(network, duration=60.0), units=tuple(range(40)))
        for table in read_out(session, METHODS).hubs().values():
            assert set(table["neuron"][table["sure"]]) == set(network.hubs)

    def test_methods_share_the_level(self):
        rng = np.random.default_rng(0)
        sent = rng.normal(size=(6, 5)) * 0.01 + np.array([9, 0, 0, 0, 0])
        nulls = rng.normal(size=(6, 5)) * 0.01
        for n_methods, sure in ((1, True), (3, True), (4, False)):  # no p is below 1 / 64
            names = [str(number) for number in range(n_methods)]
            kept = Readout(
                units=tuple(range(5)), graphs={}, surrogates={},
                strengths=dict.fromkeys(names, sent), null_strengths=dict.fromkeys(names, nulls),
            )  # fmt: skip
            assert kept.hubs(n_hubs=1)["0"].set_index("neuron")["sure"][0] == sure


NO_PARTS = {"strengths": {}, "null_strengths": {}}


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
            for of_parts in (self.found.strengths[name], self.found.null_strengths[name]):
                assert of_parts.shape == (5, 4)
                np.testing.assert_allclose(of_parts.sum(axis=0), 3 * factor * counts)

    def test_each_part_is_jittered_by_itself(self):
        def early(spikes):
            """How early in its window each neuron fires: jitter alone moves that."""
            within = np.bincount(spikes.neurons, spikes.times % 0.01, spikes.n_neurons)
            return np.tile(within, (spikes.n_neurons, 1))

        found = read_out(self.session, {"early": early}, n_blocks=5)
        again = read_out(self.session, {"early": early}, n_blocks=5)
        as_is, moved = found.strengths["early"], found.null_strengths["early"]
        assert (as_is != moved).all() and len(np.unique(moved)) == moved.size
        np.testing.assert_array_equal(moved, again.null_strengths["early"])

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
        for kind in ("graphs", "surrogates", "strengths", "null_strengths"):
            np.testing.assert_allclose(
                getattr(again, kind)["counts"], getattr(kept, kind)["counts"], rtol=1e-6
            )

    def test_dots_belong_to_its_name(self, tmp_path):
        days = ["mouse.2024-01-01", "mouse.2024-01-02"]
        for number, day in enumerate(days):
            replace(self.found, origin={"day": number}).save(tmp_path / day)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {f"{day}.{ending}" for day in days for ending in ("npz", "json")}
        for number, day in enumerate(days):
            for name in (day, f"{day}.npz"):
                assert Readout.load(tmp_path / name).origin == {"day": number}

    @pytest.mark.parametrize("most", [100, 3000])
    def test_a_full_disk_leaves_the_older_one(self, tmp_path, most):
        """Beyond the numbers at once, or only beyond what is said of them."""
        self.found.save(tmp_path / "kept")
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert 100 < len(before["kept.npz"]) < 3000
        newer = replace(self.found, origin={"notes": "x" * 5000})
        with pytest.raises(OSError, match="File too large"), full_disk(most):
            newer.save(tmp_path / "kept")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_bands_and_marks_are_those_of_each_method(self):
        rng = np.random.default_rng(0)
        graphs = {"one": rng.normal(size=(9, 9)), "other": 10 * rng.normal(size=(9, 9))}
        nulls = {name: graph / 2 for name, graph in graphs.items()}
        kept = Readout(units=tuple(range(9)), graphs=graphs, surrogates=nulls, **NO_PARTS)
        for name, graph in graphs.items():
            band = chance_band(nulls[name], 0.1)
            assert kept.bands(0.1)[name] == band
            np.testing.assert_array_equal(kept.marks(0.1)[name], beyond_chance(graph, band))
            assert kept.marks(0.1)[name].any()
