"""Graphs from spikes alone: against slow twins, on trains whose drive is known, and on none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from sklearn.covariance import EmpiricalCovariance, ShrunkCovariance

from lgl_core.baselines.pairwise import (
    correlation,
    correlogram_z,
    covariance,
    lag_counts,
    partial_covariance,
    rate_product,
    shifted_in_time,
)
from lgl_core.metrics.scores import hub_ranks, off_diagonal
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from tests.gapped import gapped_trains, pieces, random_gapped_trains
from tests.test_spikes import on_a_grid

few = settings(max_examples=60)
both_baselines = pytest.mark.parametrize("baseline", ["stationary", "local"])


def recording(*trains, duration: float) -> SpikeTrains:
    """Put one array of times per neuron together."""
    times = np.concatenate(trains)
    neurons = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    order = np.argsort(times, kind="stable")
    return SpikeTrains(
        times=times[order], neurons=neurons[order], n_neurons=len(trains), duration=duration
    )


def poisson(rng, rate: float, duration: float):
    return np.sort(rng.uniform(0, duration, rng.poisson(rate * duration)))


def train(spikes: SpikeTrains, neuron: int):
    return spikes.times[spikes.neurons == neuron]


@st.composite
def trains_on_a_grid(draw) -> SpikeTrains:
    """Times in eighths of a second, which floats hold exactly: ties, and lags at the border."""
    spike = st.tuples(st.integers(0, 31), st.integers(0, 3))
    spikes = sorted(draw(st.lists(spike, max_size=25)), key=lambda pair: pair[0])
    return SpikeTrains(
        times=[time / 8 for time, _ in spikes],
        neurons=[neuron for _, neuron in spikes],
        n_neurons=4,
        duration=4.0,
    )


# Neuron 0 drives 1 at a lag of 2 ms and silences 2 for 5 ms; 3 is alone and 4 is silent.
DRIVER, DRIVEN, INHIBITED, ALONE, SILENT = range(5)


@pytest.fixture(scope="module")
def driven() -> SpikeTrains:
    rng, duration = np.random.default_rng(5), 400.0
    driver = poisson(rng, 10, duration - 0.01)
    heard = driver[rng.random(len(driver)) < 0.2]
    follows = heard + rng.normal(2e-3, 2e-4, len(heard))
    driven = np.concatenate([poisson(rng, 8, duration), follows])
    inhibited = poisson(rng, 12, duration)
    before = np.searchsorted(driver, inhibited) - 1
    since = np.where(before < 0, np.inf, inhibited - driver[np.maximum(before, 0)])
    return recording(
        driver, driven, inhibited[since > 5e-3], poisson(rng, 10, duration), [], duration=duration
    )


@pytest.fixture(scope="module")
def independent() -> SpikeTrains:
    rng = np.random.default_rng(0)
    return recording(*(poisson(rng, rate, 200) for rate in np.linspace(4, 30, 40)), duration=200.0)


@pytest.fixture(scope="module")
def simulated():
    network = hub_network(n_neurons=40, seed=1)
    return network, simulate(network, duration=60.0, seed=0, progress=False)


GRAPHS = {
    "rate_product": rate_product,
    "covariance": covariance,
    "partial_covariance": partial_covariance,
    "correlogram_z": correlogram_z,
    "local correlogram_z": lambda spikes: correlogram_z(spikes, baseline="local"),
    "lag_counts": lambda spikes: lag_counts(spikes, 0.0, 0.01),
}


class EveryGraph:
    """What a graph of any method must be; ``driven`` is a recording of five neurons."""

    rtol = 0.0

    def test_is_finite_with_a_zero_diagonal_and_zeros_for_the_silent(self, graph_of, driven):
        graph = graph_of(driven)
        assert graph.dtype == np.float64 and graph.shape == (5, 5)
        assert np.isfinite(graph).all() and not np.diagonal(graph).any()
        assert not graph[SILENT].any() and not graph[:, SILENT].any()
        assert off_diagonal(graph[:SILENT, :SILENT]).all()

    def test_of_no_spikes_is_zero(self, graph_of):
        assert not graph_of(recording([], [], duration=1.0)).any()

    def test_follows_the_neurons_when_these_are_numbered_anew(self, graph_of, driven):
        order = [3, 1, 4, 0, 2]
        expected = graph_of(driven)[np.ix_(order, order)]
        found = graph_of(driven.select(order))
        np.testing.assert_allclose(found, expected, rtol=self.rtol, atol=1e-9)


@pytest.mark.parametrize("graph_of", GRAPHS.values(), ids=GRAPHS)
class TestEveryGraph(EveryGraph):
    pass


def test_rate_product_knows_the_rates_alone(driven):
    rates = [len(train(driven, neuron)) / 400.0 for neuron in range(5)]
    for post, pre in np.argwhere(~np.eye(5, dtype=bool)):
        assert rate_product(driven)[post, pre] == pytest.approx(rates[post] * rates[pre])


# --- counts in bins ----------------------------------------------------------------------------


class TestCovariance:
    @pytest.mark.parametrize("bin_width", [0.01, 0.3])
    def test_equals_numpys(self, driven, bin_width):
        expected = np.cov(driven.binned(bin_width).T.astype(float))
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(covariance(driven, bin_width), expected, atol=1e-12)

    def test_counts_more_than_255_spikes_in_a_bin(self):
        spikes = recording(np.linspace(0, 0.9, 400), [0.5], duration=2.0)
        assert covariance(spikes, 1.0)[0, 1] == np.cov([[400, 0], [1, 0]])[0, 1]

    @pytest.mark.parametrize("graph_of", [covariance, correlation, partial_covariance])
    @pytest.mark.parametrize("bin_width", [0, -1, 0.6, 5])
    def test_refuses_fewer_than_two_bins(self, graph_of, bin_width):
        with pytest.raises(ValueError, match=f"bin_width .* got {bin_width}"):
            graph_of(recording([0.1], [0.2], duration=1.0), bin_width)


class TestCorrelation:
    @pytest.mark.parametrize("bin_width", [0.01, 0.3])
    def test_equals_numpys(self, driven, bin_width):
        counts = driven.binned(bin_width).T.astype(float)
        fires = counts.std(axis=1) > 0
        expected = np.zeros((len(counts), len(counts)))
        expected[np.ix_(fires, fires)] = np.corrcoef(counts[fires])
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(correlation(driven, bin_width), expected, atol=1e-12)

    def test_a_count_that_never_changes_is_correlated_with_none(self):
        found = correlation(recording([0.1, 0.6], [0.2], duration=1.0), 0.5)
        assert not found.any()


class TestPartialCovariance:
    def test_correlates_what_the_other_neurons_leave_unexplained(self, simulated):
        """The definition: residuals after a regression on all others."""
        spikes = simulated[1].select(range(6))
        counts = spikes.binned(0.02).astype(float)
        partial = partial_covariance(spikes, 0.02, shrinkage=0)
        for i, j in [(0, 1), (4, 2), (3, 5)]:
            others = np.delete(counts, [i, j], axis=1)
            design = np.column_stack([np.ones(len(others)), others])
            fit = np.linalg.lstsq(design, counts[:, [i, j]], rcond=None)[0]
            residuals = counts[:, [i, j]] - design @ fit
            assert partial[i, j] == pytest.approx(np.corrcoef(residuals.T)[0, 1], abs=1e-12)

    @pytest.mark.parametrize("shrinkage", [None, 0.1])
    def test_both_directions_of_a_pair_are_a_tie(self, simulated, shrinkage):
        """Else their order, and with it the scores that rank, would depend on the processor."""
        partial = partial_covariance(simulated[1], shrinkage=shrinkage)
        assert partial.any()
        np.testing.assert_array_equal(partial, partial.T)

    @pytest.mark.parametrize("shrinkage", [0, 0.1, 0.7])
    def test_equals_scikit_learns_precision(self, simulated, shrinkage):
        counts = simulated[1].binned(0.01).astype(float)
        standard = (counts - counts.mean(0)) / counts.std(0)
        peer = ShrunkCovariance(shrinkage=shrinkage) if shrinkage else EmpiricalCovariance()
        precision = peer.fit(standard).precision_
        scale = np.sqrt(np.diagonal(precision))
        expected = -precision / np.outer(scale, scale)
        np.fill_diagonal(expected, 0)
        partial = partial_covariance(simulated[1], 0.01, shrinkage)
        np.testing.assert_allclose(partial, expected, atol=1e-12)

    def test_explains_away_the_ends_of_a_chain(self):
        rng = np.random.default_rng(0)
        first = poisson(rng, 10, 200)
        second = np.concatenate([first[rng.random(len(first)) < 0.7], poisson(rng, 3, 200)])
        third = np.concatenate([second[rng.random(len(second)) < 0.7], poisson(rng, 3, 200)])
        chain = recording(first, second, third, duration=200.0)
        plain, partial = covariance(chain), partial_covariance(chain)
        assert plain[2, 0] > 0.4 * plain[1, 0]
        assert abs(partial[2, 0]) < 0.1 * partial[1, 0]

    def test_default_shrinkage_is_the_formula_of_its_notes(self, simulated):
        spikes = simulated[1]
        counts = spikes.binned(0.01)
        mean_square = np.mean(off_diagonal(np.corrcoef(counts.T)) ** 2)
        chance = 1 / (len(counts) - 1)
        expected = partial_covariance(spikes, 0.01, chance / (mean_square + chance))
        np.testing.assert_allclose(partial_covariance(spikes, 0.01), expected, atol=1e-12)

    def test_twin_neurons_need_shrinkage_and_get_it_by_default(self):
        times = poisson(np.random.default_rng(0), 10, 20)
        twins = recording(times, times, duration=20.0)
        assert 0.9 < partial_covariance(twins)[0, 1] < 1
        with pytest.raises(ValueError, match="shrinkage must be larger than 0"):
            partial_covariance(twins, shrinkage=0)

    def test_more_neurons_than_bins_need_shrinkage_and_get_it_by_default(self, independent):
        short = independent.select(stop=3.0)
        assert off_diagonal(partial_covariance(short, 0.1)).all()
        with pytest.raises(ValueError, match="no inverse"):
            partial_covariance(short, 0.1, shrinkage=0)

    def test_a_neuron_with_one_spike_in_every_bin_has_zeros(self, driven):
        steady = np.arange(0.005, 400, 0.01)
        spikes = recording(*(train(driven, neuron) for neuron in range(3)), steady, duration=400.0)
        partial = partial_covariance(spikes)
        assert not partial[3].any() and not partial[:, 3].any() and not covariance(spikes)[3].any()
        np.testing.assert_allclose(partial[:3, :3], partial_covariance(driven.select(range(3))))

    @pytest.mark.parametrize("shrinkage", [-0.1, 1.1, np.nan])
    def test_refuses_other_shrinkage(self, driven, shrinkage):
        with pytest.raises(ValueError, match=f"shrinkage .* got {shrinkage}"):
            partial_covariance(driven, shrinkage=shrinkage)


# --- cross-correlogram -------------------------------------------------------------------------


class TestLagCounts:
    @few
    @given(trains_on_a_grid(), st.integers(0, 10), st.integers(1, 12))
    def test_equals_the_loop_over_pairs_of_neurons_and_spikes(self, spikes, first, width):
        start, stop = first / 8, (first + width) / 8
        expected = np.zeros((4, 4))
        for post, pre in np.argwhere(~np.eye(4, dtype=bool)):
            for time in train(spikes, pre):
                for other in train(spikes, post):
                    expected[post, pre] += start <= other - time < stop
        np.testing.assert_array_equal(lag_counts(spikes, start, stop), expected)

    @pytest.mark.slow
    @settings(max_examples=40)
    @given(on_a_grid(), st.integers(0, 40), st.integers(1, 400))
    def test_lags_on_a_grid_are_those_of_whole_numbers(self, recording, first, n_steps):
        spikes, step, ticks, neurons, epochs = recording
        expected = np.zeros((2, 2))
        for begin, end in epochs:
            here = (begin <= ticks) & (ticks < end)
            lags = ticks[here][:, None] - ticks[here]  # [post, pre]
            hits = (first <= lags) & (lags < first + n_steps)
            posts, pres = np.nonzero(hits)
            np.add.at(expected, (neurons[here][posts], neurons[here][pres]), 1)
        np.fill_diagonal(expected, 0)
        assume((first + n_steps) * step < spikes.duration)
        counts = lag_counts(spikes, first * step, (first + n_steps) * step)
        np.testing.assert_array_equal(counts, expected)

    def test_equals_the_matrix_of_all_lags(self, simulated):
        spikes = simulated[1].select(stop=20.0)
        counts = lag_counts(spikes, 0.001, 0.004)
        for post, pre in [(0, 1), (1, 0), (30, 12), (7, 39)]:
            lags = train(spikes, post)[:, None] - train(spikes, pre)
            assert counts[post, pre] == np.sum((lags >= 0.001) & (lags < 0.004))

    def test_neighbouring_lags_add_up(self, driven):
        parts = lag_counts(driven, 0, 0.002) + lag_counts(driven, 0.002, 0.1)
        np.testing.assert_array_equal(parts, lag_counts(driven, 0, 0.1))

    @pytest.mark.parametrize("lags", [(-0.1, 0.1), (0.2, 0.2), (0.2, 0.1), (0, 401), (0, np.nan)])
    def test_refuses_other_lags(self, driven, lags):
        with pytest.raises(ValueError, match=f"lags must satisfy .* got {lags[0]} and {lags[1]}"):
            lag_counts(driven, *lags)


class TestCorrelogramZ:
    @both_baselines
    def test_is_standard_normal_for_independent_trains(self, independent, baseline):
        z = off_diagonal(correlogram_z(independent, baseline=baseline))
        # Four standard errors of mean and standard deviation.
        assert abs(z.mean()) < 4 / np.sqrt(len(z))
        assert abs(z.std() - 1) < 4 / np.sqrt(2 * len(z))

    def test_is_the_formula_of_its_notes(self, driven):
        counts, n = lag_counts(driven, 0.001, 0.004), np.bincount(driven.neurons, minlength=5)
        z = correlogram_z(driven)
        local = correlogram_z(driven, baseline="local", flanks=(0.01, 0.04))
        beside, stretch = lag_counts(driven, 0.01, 0.04), (400 - 0.0025) / (400 - 0.025)
        for post, pre in [(DRIVEN, DRIVER), (DRIVER, DRIVEN), (INHIBITED, DRIVER)]:
            expected = n[post] * n[pre] * 0.003 * (400 - 0.0025) / 400**2
            assert z[post, pre] == pytest.approx((counts[post, pre] - expected) / np.sqrt(expected))
            count, around = counts[post, pre], beside[post, pre] + beside[pre, post]
            scale = 0.003 / 0.06 * stretch
            assert local[post, pre] == pytest.approx(
                (count - scale * around) / np.sqrt(scale * (count + around))
            )

    @both_baselines
    def test_finds_who_drives_and_who_inhibits(self, driven, baseline):
        z = correlogram_z(driven, baseline=baseline)
        assert z[DRIVEN, DRIVER] > 10 and z[INHIBITED, DRIVER] < -5
        z[DRIVEN, DRIVER] = z[INHIBITED, DRIVER] = 0
        assert np.abs(z).max() < 4

    @both_baselines
    def test_expects_fewer_long_lags_in_a_short_recording(self, baseline):
        """A spike late in the recording has few spikes after it; the flanks have fewer still."""
        rng = np.random.default_rng(0)
        short = recording(*(poisson(rng, 30, 1) for _ in range(150)), duration=1.0)
        z = off_diagonal(correlogram_z(short, 0.2, 0.6, baseline, flanks=(0.6, 0.9)))
        # Without the correction both means lie more than 5 away from zero.
        assert abs(z.mean()) < 0.3

    def test_local_baseline_sees_through_rates_that_rise_and_fall_together(self):
        rng, duration = np.random.default_rng(2), 300.0
        trains = []
        for _ in range(10):
            times = poisson(rng, 20, duration)
            chance = (1 + np.sin(2 * np.pi * times)) / 2
            trains.append(times[rng.random(len(times)) < chance])
        together = recording(*trains, duration=duration)
        local = off_diagonal(correlogram_z(together, baseline="local"))
        assert off_diagonal(correlogram_z(together)).mean() > 3
        assert abs(local.mean()) < 4 / np.sqrt(len(local))

    @both_baselines
    def test_ranks_the_hubs_of_a_simulated_network_first(self, simulated, baseline):
        network, spikes = simulated
        ranks = hub_ranks(correlogram_z(spikes, baseline=baseline), network.hubs)
        assert sorted(ranks) == [1, 2, 3]

    @both_baselines
    def test_gives_inhibitory_synapses_of_a_simulated_network_their_sign(self, simulated, baseline):
        network, spikes = simulated
        z = correlogram_z(spikes, baseline=baseline)
        unconnected = z[(network.weights == 0) & ~np.eye(40, dtype=bool)]
        inhibitory = z[network.weights < 0]
        error = np.sqrt(inhibitory.var() / len(inhibitory) + unconnected.var() / len(unconnected))
        assert inhibitory.mean() < unconnected.mean() - 3 * error

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"start": 0.005}, "got 0.005 and 0.004"),
            ({"baseline": "jitter"}, "baseline must be 'stationary' or 'local', got 'jitter'"),
            ({"baseline": "local", "flanks": (0.003, 0.05)}, "flanks must begin at stop"),
            ({"baseline": "local", "flanks": (np.nan, 0.05)}, "flanks must begin at stop"),
            ({"baseline": "local", "flanks": (0.05, 0.02)}, "got 0.05 and 0.02"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            correlogram_z(driven, **changes)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"baseline": "local"}, "flanks"), ({"start": 0.016, "stop": 0.02}, "start")],
    )
    def test_refuses_lags_that_no_epoch_has_room_for(self, changes, name):
        starts = np.arange(10) / 10
        spikes = SpikeTrains(
            times=starts + 0.005,
            neurons=np.arange(10) % 2,
            n_neurons=2,
            duration=1.0,
            epochs=np.stack([starts, starts + 0.015], axis=1),
        )
        assert np.isfinite(correlogram_z(spikes)).all()
        with pytest.raises(ValueError, match=f"{name} must begin below the 0.015 s that the long"):
            correlogram_z(spikes, **changes)


# --- shifted in time ---------------------------------------------------------------------------


class TestShiftedInTime:
    @few
    @given(trains_on_a_grid(), st.integers(0, 2**32))
    def test_turns_each_train_on_the_circle_as_a_whole(self, spikes, seed):
        shifted = shifted_in_time(spikes, seed)
        assert (shifted.n_neurons, shifted.duration) == (4, 4.0)
        np.testing.assert_array_equal(shifted.rates, spikes.rates)
        for neuron in range(4):
            before, after = train(spikes, neuron), train(shifted, neuron)
            # Some turn of the list of spikes makes all of them move by the same time.
            moves = [(np.roll(after, turn) - before) % 4.0 for turn in range(max(1, len(after)))]
            around = [np.abs((move - move[:1] + 2.0) % 4.0 - 2.0) for move in moves]
            assert min(part.max(initial=0) for part in around) < 1e-12

    def test_shifts_lie_anywhere_and_differ_between_neurons(self):
        together = recording(*np.full((1000, 1), 0.25), duration=2.0)
        shifted = shifted_in_time(together, seed=3)
        assert len(np.unique(shifted.times)) == 1000
        assert kstest(shifted.times / 2, "uniform").pvalue > 1e-3
        # Who comes first is not told by the number of the neuron.
        assert abs(np.corrcoef(shifted.neurons, np.arange(1000))[0, 1]) < 4 / np.sqrt(1000)

    def test_nothing_is_left_of_who_drives_whom(self, driven, simulated):
        assert np.abs(correlogram_z(shifted_in_time(driven))).max() < 4
        network, spikes = simulated
        targets = network.weights[:, network.hubs] > 0
        z = correlogram_z(shifted_in_time(spikes))[:, network.hubs][targets]
        assert abs(z.mean()) < 3 * z.std() / np.sqrt(len(z))  # three standard errors

    def test_same_seed_same_shifts(self, driven):
        one, same, other = (shifted_in_time(driven, seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one.times, same.times)
        assert not np.array_equal(one.times, other.times)


class TestGaps:
    @few
    @given(random_gapped_trains())
    def test_lags_are_counted_within_epochs(self, spikes):
        counts = sum(lag_counts(piece, 0.001, 0.05) for piece in pieces(spikes))
        np.testing.assert_array_equal(lag_counts(spikes, 0.001, 0.05), counts)

    @few
    @given(random_gapped_trains(), st.integers(0, 50))
    def test_shifted_spikes_stay_out_of_the_gaps_and_keep_their_number(self, spikes, seed):
        shifted = shifted_in_time(spikes, seed)
        np.testing.assert_array_equal(shifted.rates, spikes.rates)
        np.testing.assert_array_equal(shifted.epochs, spikes.epochs)

    @pytest.mark.parametrize("baseline", ["stationary", "local"])
    def test_independent_neurons_have_z_scores_near_zero(self, baseline):
        z = [
            correlogram_z(
                gapped_trains(lengths=[0.1] * 200, gaps=[0.05] * 199, n_neurons=15, seed=seed),
                baseline=baseline,
            )[~np.eye(15, dtype=bool)]
            for seed in range(20)
        ]
        # Epochs so short that flanks of 50 ms hardly fit: a chance that forgot it would be off.
        assert abs(np.mean(z)) < 0.05 and 0.9 < np.std(z) < 1.1
