"""What else drives neurons, against a dense twin, and the false synapses that it explains."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import lgl_core as lgl
from lgl_core.glm._likelihood import bin_spikes, loss_and_gradient
from lgl_core.glm._pairs import gram_matrix
from lgl_core.glm._preconditioner import L2_OF_COVARIATES
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.covariates import after_events, drive_of, slow_baseline
from lgl_core.glm.fit import fit_glm
from lgl_core.glm.inference import coupling_test
from lgl_core.spikes import SpikeTrains
from tests.gapped import gapped_trains
from tests.glm_twin import dense_design, spike_trains

CONFIG = GLMConfig(window=5e-3, n_basis=2, l2=1.0, tolerance=1e-6)


def recording(seed=0, n_bins=2000, n_neurons=4):
    rng = np.random.default_rng(seed)
    return spike_trains(rng.random((n_bins, n_neurons)) < 0.04), rng.normal(size=(40, 3))


def driven(seed, n_neurons=15, n_driven=5, seconds=60, depth=2.4):
    """Neurons without synapses, of which some rise and fall together within a second or three."""
    rng = np.random.default_rng(seed)
    times = (np.arange(1000 * seconds) + 0.5) / 1000
    common = np.sin(2 * np.pi * times / 1.7) + np.sin(2 * np.pi * times / 3.1)
    chance = np.full((len(times), n_neurons), 0.008)
    chance[:, :n_driven] = 0.006 * np.exp(depth * common / 2)[:, np.newaxis]
    matrix = rng.random(chance.shape) < chance
    return spike_trains(matrix), common[50::100, np.newaxis]


class TestLikelihood:
    @pytest.mark.parametrize("gap", [False, True])
    def test_loss_and_gradient_are_those_of_a_dense_design(self, gap):
        spikes, covariates = recording()
        if gap:
            kept = (spikes.times < 0.7) | (spikes.times >= 1.3)
            spikes = SpikeTrains(
                times=spikes.times[kept], neurons=spikes.neurons[kept], n_neurons=4,
                duration=2.0, epochs=[[0, 0.7], [1.3, 2.0]],
            )  # fmt: skip
        fit = fit_glm(spikes, CONFIG, progress=False, covariates=covariates)
        drive, binned = drive_of(covariates, spikes, 1e-3), bin_spikes(spikes, 1e-3)
        posts = np.array([2, 0])
        coefficients = np.random.default_rng(1).normal(scale=0.3, size=(1 + 8 + 3, 2))
        loss, gradient = loss_and_gradient(binned, fit.basis, coefficients, posts, drive=drive)
        matrix = spikes.binned(1e-3)
        parts = np.split(np.arange(binned.n_bins), binned.borders[1:-1])
        dense = np.vstack([dense_design(matrix[part], fit.basis) for part in parts])
        design = np.hstack([dense, drive.values[drive.step_of_bin]])
        eta, seen = design @ coefficients, matrix[:, posts]
        np.testing.assert_allclose(loss, (np.logaddexp(0, eta) - seen * eta).sum(axis=0))
        expected = design.T @ (1 / (1 + np.exp(-eta)) - seen)
        np.testing.assert_allclose(gradient, expected, atol=1e-9)
        gram = gram_matrix(binned, fit.basis, drive)
        assert np.abs(gram - design.T @ design).max() < 0.15 * np.abs(gram).max()

    def test_a_fit_is_that_of_scikit_learn(self):
        spikes, covariates = recording(n_bins=20_000)
        fit = fit_glm(spikes, CONFIG, progress=False, covariates=covariates)
        assert fit.converged.all()
        matrix, drive = spikes.binned(1e-3), fit.drive
        design = np.hstack([dense_design(matrix, fit.basis), drive.values[drive.step_of_bin]])
        peer = LogisticRegression(C=1 / CONFIG.l2, tol=1e-10, max_iter=5000)
        peer.fit(design[:, 1:], matrix[:, 1])
        assert L2_OF_COVARIATES == CONFIG.l2  # or the two would not have one penalty
        np.testing.assert_allclose(fit.weights[1].ravel(), peer.coef_[0, :8], atol=1e-3)
        np.testing.assert_allclose(fit.covariate_weights[1], peer.coef_[0, 8:], atol=1e-3)

    def test_blocks_and_held_out_spikes(self):
        spikes, covariates = recording(n_bins=10_000)
        one, two = (
            fit_glm(spikes, CONFIG, progress=False, covariates=covariates, n_blocks=n)
            for n in (1, 2)
        )
        np.testing.assert_allclose(one.covariate_weights, two.covariate_weights, atol=1e-3)
        plain = fit_glm(spikes, CONFIG, progress=False)
        own = one.log_likelihood(spikes, covariates)
        assert (own > plain.log_likelihood(spikes)).all()
        with pytest.raises(ValueError, match="covariates must be given if, and only if"):
            one.log_likelihood(spikes)
        with pytest.raises(ValueError, match="covariates must be given if, and only if"):
            plain.log_likelihood(spikes, covariates)


class TestCommonDrive:
    def test_neurons_that_are_driven_together_are_no_longer_called_connected(self):
        spikes, common = driven(0)
        options = {"cache": False, "progress": False, "every_pair": True}
        lists = (lgl.connections(spikes, covariates=one, **options) for one in (None, common))
        blind, told = (one[(one["pre"] < 5) & (one["post"] < 5)]["p"] for one in lists)
        assert len(blind) == 20 and (blind < 0.01).mean() > 0.5
        assert (told < 0.01).mean() < 0.15 and told.median() > 0.2

    @pytest.mark.slow
    def test_the_rate_is_kept_where_the_drive_is_told(self):
        lists = {"blind": 0, "told": 0}
        for seed in range(10):
            spikes, common = driven(seed)
            for name, covariates in (("blind", None), ("told", common)):
                found = lgl.connections(spikes, covariates=covariates, cache=False, progress=False)
                lists[name] += len(found) > 0
        assert lists["blind"] >= 8 and lists["told"] <= 3

    def test_a_slow_drift_is_followed_by_a_baseline(self):
        times = (np.arange(60_000) + 0.5) / 1000
        chance = 0.006 * np.exp(1.2 * np.sin(2 * np.pi * times / 60))
        matrix = np.random.default_rng(2).random((60_000, 6)) < chance[:, np.newaxis]
        spikes = spike_trains(matrix)
        baseline = slow_baseline(spikes, every=10.0)
        assert baseline.shape == (600, 6) and baseline.min() >= 0 and baseline.max() <= 1
        fit = fit_glm(spikes, GLMConfig(), progress=False, covariates=baseline)
        drift = (fit.drive.values @ fit.covariate_weights.T).mean(axis=1)
        expected = 1.2 * np.sin(2 * np.pi * (np.arange(600) + 0.5) / 600)
        assert np.corrcoef(drift, expected)[0, 1] > 0.9


def in_response(seed, n_neurons=15, n_driven=5, seconds=90):
    """Neurons without synapses, of which some respond to a stimulus a second."""
    rng = np.random.default_rng(seed)
    onsets = np.arange(0.2, seconds - 0.5, 1.0) + rng.uniform(0, 0.2, seconds)
    times = (np.arange(1000 * seconds) + 0.5) / 1000
    since = times - onsets[np.maximum(np.searchsorted(onsets, times) - 1, 0)]
    chance = np.full((len(times), n_neurons), 0.008)
    response = np.where(since > 0, np.exp(-((since / 0.02 - 1.5) ** 2)), 0)
    chance[:, :n_driven] += 0.12 * response[:, np.newaxis]
    return spike_trains(rng.random(chance.shape) < chance), onsets


class TestTrials:
    def test_bumps_are_those_of_a_slow_twin(self):
        spikes, _ = recording()  # 2 s
        events = [0.0, 0.1234, 0.15, 1.97]  # two overlap, one window goes beyond the end
        found = after_events(spikes, events, window=0.1, n_bumps=4, step=5e-3)
        basis = raised_cosine_basis(4, 0.1, 5e-3, stretch=20e-3)
        expected = np.zeros((400, 4))
        for event in events:
            after = [row for row in range(400) if (row + 0.5) * 5e-3 >= event]
            for row, heights in zip(after, basis, strict=False):
                expected[row] += heights
        np.testing.assert_allclose(found, expected)
        assert (found[52:390] == 0).all()

    def test_they_stand_beside_a_baseline_of_equal_step(self):
        spikes, onsets = in_response(0, seconds=30)
        both = np.hstack([slow_baseline(spikes, step=2e-3), after_events(spikes, onsets)])
        assert both.shape == (15_000, 3 + 10)
        fit = fit_glm(spikes, CONFIG, progress=False, covariates=both)
        assert fit.converged.all() and fit.covariate_weights.shape == (15, 13)

    def test_the_response_that_is_fitted_is_the_one_that_was_there(self):
        spikes, onsets = in_response(1)
        fit = fit_glm(spikes, GLMConfig(), progress=False, covariates=after_events(spikes, onsets))
        of_step = fit.drive.values @ fit.covariate_weights.T
        rows = np.searchsorted((np.arange(45_000) + 0.5) * 2e-3, onsets)
        response = np.mean([of_step[row : row + 150] for row in rows], axis=0)
        lags = (np.arange(150) + 0.5) * 2e-3
        expected = np.log(0.008 + 0.12 * np.exp(-((lags / 0.02 - 1.5) ** 2)))
        for neuron in range(5):
            assert np.corrcoef(response[:, neuron], expected)[0, 1] > 0.95
        # A single one of the others has a standard error of half a unit at the narrowest bumps.
        assert np.abs(response[:, 5:].mean(axis=1)).max() < 3.5 * 0.5 / np.sqrt(10)

    def test_neurons_that_respond_to_one_stimulus_are_no_longer_called_connected(self):
        spikes, onsets = in_response(0)
        options = {"cache": False, "progress": False, "every_pair": True}
        told_of = (None, after_events(spikes, onsets))
        lists = (lgl.connections(spikes, covariates=one, **options) for one in told_of)
        blind, told = (one[(one["pre"] < 5) & (one["post"] < 5)] for one in lists)
        assert len(blind) == 20 and (blind["q"] <= 0.05).mean() > 0.5
        assert (told["q"] > 0.05).all() and told["p"].median() > 0.2

    @pytest.mark.parametrize(
        ("events", "options", "message"),
        [
            ([], {}, "events must be a list of at least one time"),
            ([[0.1, 0.2]], {}, "events must be a list of at least one time"),
            ([0.5, 2.0], {}, r"events must lie within the 2 s of the recording, got 2.0 s"),
            ([0.5, -0.1], {}, r"events must lie within the 2 s of the recording, got -0.1 s"),
            ([np.nan], {}, "events must lie within the 2 s of the recording, got nan s"),
            ([0.5], {"window": 3.0}, "window must be at most the 2 s of the recording, got 3.0"),
            ([0.5], {"window": 0.301}, "window must be a whole number of bins"),
            ([0.5], {"window": 0.01}, "n_basis must lie between 1 and the 5 lags"),
        ],
    )
    def test_what_is_no_trial_is_refused(self, events, options, message):
        spikes, _ = recording()
        with pytest.raises(ValueError, match=message):
            after_events(spikes, events, **options)


class TestEpochs:
    """A recording that was cut into trials."""

    LENGTHS, GAPS = (3.0, 5.0, 4.0, 3.0), (0.5, 2.0, 30.0)

    def test_a_fit_and_its_likelihood_are_those_of_a_dense_design(self):
        spikes = gapped_trains(self.LENGTHS, self.GAPS, rate=30.0)
        covariates = after_events(spikes, spikes.epochs[:, 0] + 0.5, window=0.5, n_bumps=3)
        fit = fit_glm(spikes, CONFIG, progress=False, covariates=covariates)
        # The twin takes each epoch by itself, and looks every bin's time up by hand.
        seen, rows = [], []
        for start, end in spikes.epochs:
            inside = (spikes.times >= start) & (spikes.times < end)
            matrix = np.zeros((round((end - start) * 1e3), 3))
            bins = np.floor((spikes.times[inside] - start) * 1e3 + 1e-6).astype(int)
            matrix[bins, spikes.neurons[inside]] = 1
            seen.append(matrix)
            times = start + (np.arange(len(matrix)) + 0.5) * 1e-3
            rows.append((times / spikes.duration * len(covariates)).astype(int))
        told = covariates[np.concatenate(rows)]
        told = (told - told.mean(axis=0)) / told.std(axis=0)
        dense = np.vstack([dense_design(matrix, fit.basis) for matrix in seen])
        design, matrix = np.hstack([dense, told]), np.vstack(seen)
        for post in range(3):
            peer = LogisticRegression(C=1 / CONFIG.l2, tol=1e-10, max_iter=5000)
            peer.fit(design[:, 1:], matrix[:, post])
            np.testing.assert_allclose(fit.weights[post].ravel(), peer.coef_[0, :6], atol=1e-3)
            np.testing.assert_allclose(fit.covariate_weights[post], peer.coef_[0, 6:], atol=1e-3)
        eta = design @ fit.coefficients
        expected = (matrix * eta - np.logaddexp(0, eta)).mean(axis=0)
        np.testing.assert_allclose(fit.log_likelihood(spikes, covariates), expected)

    def test_the_variance_of_a_coupling_is_that_of_the_whole_information(self):
        spikes = gapped_trains((20.0, 30.0), (5.0,), rate=30.0, seed=1)
        covariates = after_events(spikes, np.arange(0.5, 19.0), window=0.5, n_bumps=3)
        fit = fit_glm(spikes, CONFIG, progress=False, covariates=covariates)
        tested = coupling_test(fit, spikes)
        matrix = spikes.binned(1e-3)
        parts = np.split(matrix, spikes.bin_borders(1e-3)[1:-1])
        dense = np.vstack([dense_design(part, fit.basis) for part in parts])
        design = np.hstack([dense, fit.drive.values[fit.drive.step_of_bin]])
        for post in range(3):
            p = 1 / (1 + np.exp(-design @ fit.coefficients[:, post]))
            inverse = np.linalg.inv((design.T * (p * (1 - p))) @ design)
            for pre in {0, 1, 2} - {post}:
                block = slice(1 + 2 * pre, 3 + 2 * pre)
                expected = np.sqrt(np.diag(inverse[block, block]))
                found = np.sqrt(np.diag(tested.covariance[post, pre]))
                np.testing.assert_allclose(found, expected, rtol=0.1)

    def test_a_list_of_connections_can_be_made(self):
        spikes = gapped_trains((20.0, 30.0), (40.0,), n_neurons=5, seed=2)
        both = [slow_baseline(spikes, step=2e-3), after_events(spikes, np.arange(0.5, 19.0))]
        options = {"cache": False, "progress": False, "every_pair": True}
        found = lgl.connections(spikes, covariates=np.hstack(both), **options)
        assert len(found) == 20 and np.isfinite(found[["strength", "se", "p"]]).all(axis=None)

    def test_a_baseline_has_no_bump_where_nothing_was_recorded(self):
        spikes = gapped_trains((20.0, 30.0), (40.0,))
        bumps = slow_baseline(spikes)  # peaks at 0, 10, ..., 90 s, of which 30 to 50 tell nothing
        assert bumps.shape == (900, 10 - 3 - 1)
        times = (np.arange(900) + 0.5) / 10
        recorded = (times < 20) | (times >= 60)
        assert (bumps[recorded].max(axis=0) > 0.9).all()
        first = (1 + np.cos(np.clip(np.pi * times / 10, 0, np.pi))) / 2
        np.testing.assert_allclose((bumps.sum(axis=1) + first)[recorded], 1)

    def test_a_feature_that_changes_in_a_gap_alone_is_refused(self):
        spikes = gapped_trains((20.0, 30.0), (40.0,))
        covariates = np.zeros((90, 2))
        covariates[::2, 0] = covariates[40, 1] = 1
        with pytest.raises(ValueError, match="while spikes are recorded, but feature 1 is always"):
            fit_glm(spikes, CONFIG, progress=False, covariates=covariates)


def test_a_frame_of_pynapple_brings_its_own_times():
    nap = pytest.importorskip("pynapple")
    spikes, covariates = recording()
    times = np.arange(40) * 0.05
    even, own = (
        drive_of(one, spikes, 1e-3) for one in (covariates, nap.TsdFrame(t=times, d=covariates))
    )
    np.testing.assert_array_equal(even.step_of_bin, own.step_of_bin)
    np.testing.assert_allclose(even.values, own.values)
    late = nap.TsdFrame(t=times + 1.0, d=covariates)
    with pytest.raises(ValueError, match="covariates must begin with the recording"):
        drive_of(late, spikes, 1e-3)


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        (np.ones((5, 2)), "feature 0 is always the same"),
        (np.full((5, 2), np.nan), "covariates must be finite"),
        (np.zeros((0, 2)), "covariates must have the shape"),
        (np.zeros((2, 2, 2)), "covariates must have the shape"),
    ],
)
def test_what_is_no_covariate_is_refused(covariates, message):
    spikes, _ = recording()
    with pytest.raises(ValueError, match=message):
        fit_glm(spikes, CONFIG, progress=False, covariates=covariates)


def test_what_cannot_use_them_says_so():
    spikes, covariates = recording()
    with pytest.raises(ValueError, match='covariates must be None with solver="adam"'):
        fit_glm(spikes, GLMConfig(solver="adam"), progress=False, covariates=covariates)
    with pytest.raises(ValueError, match='covariates must be None but with method="glm"'):
        lgl.connections(spikes, method="ccg", covariates=covariates)
    with pytest.raises(ValueError, match="every must be at most half"):
        slow_baseline(spikes)
    with pytest.raises(ValueError, match="every must be at least two steps"):
        slow_baseline(spikes, every=0.1)
