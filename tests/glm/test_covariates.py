"""What else drives neurons, against a dense twin, and the false synapses that it explains."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import lgl_core as lgl
from lgl_core.glm._likelihood import bin_spikes, loss_and_gradient
from lgl_core.glm._pairs import gram_matrix
from lgl_core.glm._solvers import L2_OF_COVARIATES
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.covariates import drive_of, slow_baseline
from lgl_core.glm.fit import fit_glm
from lgl_core.spikes import SpikeTrains
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
