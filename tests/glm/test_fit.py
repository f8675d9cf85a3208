import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lgl_core.disk.cache import cached
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import GLMFit, fit_glm, fit_quietly
from lgl_core.spikes import SpikeTrains
from tests.glm_twin import dense_design, spike_trains

SMALL = GLMConfig(window=5e-3, n_basis=2, l2=1.0)


def planted(seed=0, n_bins=60_000, n_neurons=6):
    """Spikes of a GLM with known couplings, drawn bin by bin."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((n_neurons, n_neurons))
    truth[1, 0], truth[2, 0], truth[3, 0] = 3.0, 2.0, 1.0
    truth[4, 5], truth[0, 5] = -2.5, -1.2
    shape = raised_cosine_basis(4, 20e-3, 1e-3)[:, 1]
    history = np.zeros((len(shape), n_neurons))
    matrix = np.zeros((n_bins, n_neurons), bool)
    bias = np.full(n_neurons, -3.5)
    bias[5] = -2.5
    for t in range(n_bins):
        eta = bias + truth @ (shape @ history)
        matrix[t] = rng.random(n_neurons) < 1 / (1 + np.exp(-eta))
        history[1:] = history[:-1]
        history[0] = matrix[t]
    return truth, spike_trains(matrix)


@pytest.fixture(scope="module")
def recovered():
    truth, spikes = planted()
    train, test = spikes.split(0.8)
    return truth, fit_glm(train, progress=False), test


def poisson(seed=0, n_bins=3000, n_neurons=4, rate=0.05):
    return np.random.default_rng(seed).random((n_bins, n_neurons)) < rate


def test_basis_is_log_spaced_and_overlaps_as_raised_cosines_do():
    n_basis, window, width, stretch = 8, 0.1, 1e-4, 5e-3
    basis = raised_cosine_basis(n_basis, window, width, stretch)
    lags = width * np.arange(1, 1001)
    assert basis.shape == (1000, n_basis)
    assert basis[0, 0] == 1  # the first peaks at one bin
    assert ((basis >= 0) & (basis <= 1)).all()
    # Where four overlap, between the second and the last but one peak, they sum to 2.
    peaks = lags[basis.argmax(axis=0)]
    inside = (lags > peaks[1] + width) & (lags < peaks[-2] - width)  # peaks lie between bins
    assert inside.sum() > 200
    np.testing.assert_allclose(basis[inside].sum(axis=1), 2, atol=1e-12)
    # Peaks are equally spaced on the stretched axis, up to the bin they fall into.
    spacing = np.diff(np.log(peaks + stretch))
    np.testing.assert_allclose(spacing, spacing.mean(), rtol=0.02)
    assert basis[-1].max() < 0.01  # gone by the end of the window
    assert np.linalg.matrix_rank(basis) == n_basis


def test_bump_is_zero_two_spacings_from_its_peak():
    basis = raised_cosine_basis(6, 0.05, 1e-4)
    peaks = basis.argmax(axis=0)
    for k in range(4):
        np.testing.assert_allclose(basis[peaks[k + 2] + 2 :, k], 0, atol=1e-3)
        assert basis[peaks[k + 1], k] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, 20e-3, 1e-3), "n_basis"),
        ((21, 20e-3, 1e-3), "n_basis"),
        ((4, 0.0, 1e-3), "window"),
        ((4, 20.5e-3, 1e-3), "window"),
        ((4, 20e6, 1e-3), "window must be a whole number of bins .* 10,000 at most"),
        ((4, 20e-3, 5e-324), "window must be a whole number of bins .* 10,000 at most"),
        ((4, 20e-3, -1e-3), "bin_width"),
        ((4, 20e-3, 1e-3, 0.0), "stretch"),
        ((4, np.nan, 1e-3), "window"),
    ],
)
def test_bad_basis_raises(arguments, name):
    with pytest.raises(ValueError, match=name):
        raised_cosine_basis(*arguments)


@pytest.mark.parametrize(
    "bad",
    [
        {"bin_width": 0.0},
        {"window": -1.0},
        {"n_basis": 0},
        {"l2": -1.0},
        {"l2": np.nan},
        {"solver": "sgd"},
        {"max_iterations": 0},
        {"tolerance": 0.0},
        {"learning_rate": 0.0},
        {"learning_rate_factor": 1.0},
        {"min_learning_rate": -1.0},
        {"max_epochs": 0},
        {"plateau_patience": 0},
        {"stopping_patience": 0},
        {"min_improvement": -1e-3},
        {"validation_fraction": 1.0},
    ],
)
def test_bad_config_raises_and_names_the_field(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        GLMConfig(**bad)


@pytest.mark.slow
@pytest.mark.parametrize("l2", [0.5, 20.0])
def test_coefficients_equal_those_of_scikit_learn(l2):
    matrix = poisson()
    matrix[3:, 1] |= matrix[:-3, 0]
    fit = fit_glm(spike_trains(matrix), replace(SMALL, l2=l2, tolerance=1e-7), progress=False)
    design = dense_design(matrix, fit.basis)[:, 1:]
    for post in range(4):
        peer = LogisticRegression(C=1 / l2, tol=1e-9, max_iter=5000)
        peer.fit(design, matrix[:, post])
        np.testing.assert_allclose(fit.bias[post], peer.intercept_[0], atol=1e-4)
        np.testing.assert_allclose(fit.weights[post].ravel(), peer.coef_[0], atol=1e-4)


def test_several_spikes_in_a_bin_count_once():
    matrix = poisson(1)
    once = spike_trains(matrix)
    times = np.repeat(once.times, 2)
    times[1::2] += 2e-4  # still in the same bin
    order = np.argsort(times)
    twice = SpikeTrains(
        times=times[order],
        neurons=np.repeat(once.neurons, 2)[order],
        n_neurons=4,
        duration=once.duration,
    )
    a, b = (fit_glm(spikes, SMALL, progress=False) for spikes in (once, twice))
    np.testing.assert_array_equal(a.weights, b.weights)
    np.testing.assert_array_equal(a.bias, b.bias)


@pytest.mark.parametrize("kind", ["peak", "area"])
def test_planted_couplings_come_back_with_sign_and_rank(recovered, kind):
    truth, fit, _ = recovered
    coupling = fit.coupling(kind)
    edges = truth != 0
    np.testing.assert_array_equal(np.sign(coupling[edges]), np.sign(truth[edges]))
    np.testing.assert_array_equal(np.argsort(coupling[edges]), np.argsort(truth[edges]))
    absent = ~edges & ~np.eye(6, dtype=bool)
    assert np.abs(coupling[absent]).max() < np.abs(coupling[edges]).min()


def test_filter_of_a_planted_coupling_comes_back(recovered):
    truth, fit, _ = recovered
    expected = truth[1, 0] * fit.basis[:, 1]
    np.testing.assert_allclose(fit.filters()[1, 0], expected, atol=0.35)


def test_held_out_likelihood_beats_constant_rates_and_a_fit_of_shuffled_couplings(recovered):
    _, fit, test = recovered
    ours = fit.log_likelihood(test)
    rate = (test.binned(1e-3) > 0).mean(axis=0)
    best_constant = rate * np.log(rate) + (1 - rate) * np.log(1 - rate)
    # Better even than the constant rates of the held-out spikes themselves.
    assert ours.sum() > best_constant.sum()
    assert (ours[:5] > best_constant[:5]).all()  # neuron 5 hears nobody
    wrong = replace(fit, weights=fit.weights[:, ::-1])
    assert ours.sum() > wrong.log_likelihood(test).sum()


def test_log_likelihood_of_training_spikes_is_the_objective_without_penalty():
    spikes = spike_trains(poisson(2))
    fit = fit_glm(spikes, SMALL, progress=False)
    penalty = SMALL.l2 / 2 * (fit.weights**2).sum(axis=(1, 2))
    np.testing.assert_allclose(fit.log_likelihood(spikes), (penalty - fit.objective) / 3000)


def test_log_likelihood_wants_the_same_population(recovered):
    _, fit, test = recovered
    with pytest.raises(ValueError, match="6 neurons"):
        fit.log_likelihood(test.select(neurons=[0, 1]))


def handmade(filters):
    """Fit of two neurons with given filters[post, pre, lag], one basis function per lag."""
    n_lags = filters.shape[2]
    return GLMFit(
        weights=filters,
        bias=np.zeros(2),
        basis=np.eye(n_lags),
        config=GLMConfig(window=n_lags * 1e-3),
        converged=np.ones(2, bool),
        n_iterations=np.ones(2, int),
        gradient_norm=np.zeros(2),
        objective=np.zeros(2),
        history={},
    )


def test_coupling_by_peak_and_by_area():
    filters = np.zeros((2, 2, 6))
    filters[0, 1] = [1, -3, 2, 0, 0, 0.5]
    filters[1, 0] = [0, 0, 0, 0, 0, 4]
    fit = handmade(filters)
    np.testing.assert_array_equal(fit.filters(), filters)
    np.testing.assert_allclose(fit.lags, [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3])
    np.testing.assert_array_equal(fit.coupling(), [[0, -3], [4, 0]])
    np.testing.assert_allclose(fit.coupling("area", 3e-3), [[0, 0], [0, 0]], atol=1e-18)
    np.testing.assert_allclose(fit.coupling("area", 6e-3), [[0, 0.5e-3], [4e-3, 0]])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(("sum",), "kind"), (("area", 0.0), "window"), (("area", 7e-3), "window")],
)
def test_bad_coupling_raises(arguments, name):
    with pytest.raises(ValueError, match=name):
        handmade(np.zeros((2, 2, 6))).coupling(*arguments)


def test_a_fit_that_has_not_converged_says_so():
    spikes = spike_trains(poisson(3))
    with pytest.warns(UserWarning, match="4 of 4 neurons have not converged after 1 iter"):
        fit = fit_glm(spikes, replace(SMALL, max_iterations=1, tolerance=1e-9), progress=False)
    assert not fit.converged.any()
    assert "NOT CONVERGED for 4 neurons" in repr(fit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "NOT" not in repr(fit_glm(spikes, SMALL, progress=False))


def test_a_fit_from_the_cache_says_so_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("LGL_CACHE", str(tmp_path))
    spikes = spike_trains(poisson(3))
    given = spikes, replace(SMALL, max_iterations=1, tolerance=1e-9), False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, again = (cached(fit_quietly)(*given) for _ in range(2))
    assert first is not again and first.n_not_converged == again.n_not_converged == 4
    for fit in (first, again):
        with pytest.warns(UserWarning, match="4 of 4 neurons have not .*: raise max_iterations"):
            assert fit.checked() is fit
    with pytest.warns(UserWarning) as said:
        fit_glm(*given)
    assert len(said) == 1 and said[0].filename == __file__, "once, and about the caller's line"


def test_a_fit_that_diverges_is_no_fit():
    for rate in (1e300, 1.7e308):
        wild = replace(SMALL, solver="adam", learning_rate=rate, max_epochs=20)
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="lower its learning_rate"):
            fit_glm(spike_trains(poisson(4)), wild, progress=False)


def test_the_likelihood_of_a_broken_fit_is_refused(recovered):
    _, fit, test = recovered
    weights = fit.weights.copy()
    weights[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="coefficients must be finite"):
        replace(fit, weights=weights).log_likelihood(test)


def test_adam_that_runs_out_of_epochs_warns():
    with pytest.warns(UserWarning, match="max_epochs"):
        fit_glm(
            spike_trains(poisson(4)), replace(SMALL, solver="adam", max_epochs=3), progress=False
        )


def test_adam_learns_from_the_first_part_only():
    matrix = poisson(5)
    changed = matrix.copy()
    changed[2400:] = poisson(6)[2400:]
    config = replace(SMALL, solver="adam", max_epochs=5)
    with pytest.warns(UserWarning):
        a, b = (fit_glm(spike_trains(m), config, progress=False) for m in (matrix, changed))
    np.testing.assert_array_equal(a.weights, b.weights)
    assert not np.array_equal(a.history["validation_loss"], b.history["validation_loss"])


def test_a_spike_in_the_next_bin_is_found_on_a_grid():
    """Half of the spikes of the first neuron are followed by one of the second, a ms later."""
    rng = np.random.default_rng(0)
    leads = np.flatnonzero(rng.random(120_000) < 0.02)
    follows = leads[rng.random(len(leads)) < 0.5] + 1
    ticks, neurons = np.append(leads, follows), np.repeat([0, 1], [len(leads), len(follows)])
    order = np.lexsort([neurons, ticks])
    spikes = SpikeTrains(
        times=ticks[order] / 1000, neurons=neurons[order], n_neurons=2, duration=120.001
    )
    fit = fit_glm(spikes, replace(SMALL, n_basis=5, l2=0.1), progress=False)
    probability = 1 / (1 + np.exp(-(fit.bias[1] + fit.filters()[1, 0, 0])))
    assert probability == pytest.approx(len(follows) / len(leads), abs=0.02)


def test_silent_neurons_get_no_weights_and_disturb_nobody():
    matrix = poisson(7)
    matrix[:, 2] = False
    fit = fit_glm(spike_trains(matrix), SMALL, progress=False)
    np.testing.assert_array_equal(fit.weights[2], 0)
    np.testing.assert_allclose(fit.weights[:, 2], 0, atol=1e-12)
    assert fit.bias[2] == pytest.approx(np.log(0.5 / 2999.5))
    assert np.isnan(fit.objective[2]) and fit.converged.all()
    others = fit_glm(spike_trains(matrix).select(neurons=[0, 1, 3]), SMALL, progress=False)
    kept = np.ix_([0, 1, 3], [0, 1, 3])
    np.testing.assert_allclose(others.weights, fit.weights[kept], atol=1e-4)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_population_without_spikes_raises(solver):
    spikes = SpikeTrains(times=[], neurons=np.empty(0, int), n_neurons=2, duration=1.0)
    with pytest.raises(ValueError, match="nobody"):
        fit_glm(spikes, replace(SMALL, solver=solver), progress=False)


def test_fit_survives_pickling(recovered):
    _, fit, test = recovered
    copy = pickle.loads(pickle.dumps(fit))
    np.testing.assert_array_equal(copy.coupling(), fit.coupling())
    np.testing.assert_array_equal(copy.log_likelihood(test), fit.log_likelihood(test))
    assert copy.config == fit.config
