"""How sure a coupling is: against a dense twin, and against what spikes without synapses give."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2, false_discovery_control, kstest

from lgl_core.glm import inference
from lgl_core.glm._likelihood import bin_spikes, sums_after
from lgl_core.glm._pairs import gram_matrix
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.glm.inference import coupling_test
from lgl_core.networks.ring import ring
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.spikes import SpikeTrains
from tests.glm.test_fit import planted
from tests.glm_twin import spike_trains

FREE = GLMConfig(l2=1e-3)


def independent(seed, n_neurons=20, rate=0.005, n_bins=100_000):
    return spike_trains(np.random.default_rng(seed).random((n_bins, n_neurons)) < rate)


def dense_probabilities(fit, spikes):
    matrix, n_neurons = spikes.binned(1e-3).astype(float), len(fit.bias)
    columns = [
        np.convolve(matrix[:, pre], [0.0, *bump])[: len(matrix)]
        for pre in range(n_neurons)
        for bump in fit.basis.T
    ]
    design = np.column_stack([np.ones(len(matrix)), *columns])
    coefficients = np.vstack([fit.bias, fit.weights.reshape(n_neurons, -1).T])
    return design, coefficients, 1 / (1 + np.exp(-design @ coefficients))


@pytest.fixture(scope="module")
def tested():
    truth, spikes = planted(n_bins=40_000)
    fit = fit_glm(spikes, FREE, progress=False)
    return truth, spikes, fit, coupling_test(fit, spikes)


@pytest.mark.parametrize("of_variances", [True, False])
def test_variances_and_residuals_are_summed_after_the_spikes_of_each_neuron(of_variances):
    _, spikes = planted(n_bins=3000)
    fit = fit_glm(spikes, FREE, progress=False)
    _, coefficients, p = dense_probabilities(fit, spikes)
    posts = np.array([4, 0, 1])
    matrix = spikes.binned(1e-3).astype(float)
    summed_up = (p * (1 - p) if of_variances else p - matrix)[:, posts]
    of_posts = np.ascontiguousarray(coefficients[:, posts])
    found = sums_after(bin_spikes(spikes, 1e-3), fit.basis, of_posts, posts, variances=of_variances)
    for lag in range(1, 21):
        np.testing.assert_allclose(
            found[:, :, lag - 1], summed_up[lag:].T @ matrix[:-lag], rtol=1e-9, atol=1e-12
        )


def test_the_covariance_is_the_inverse_of_the_fisher_information(tested):
    _, spikes, fit, found = tested
    design, _, p = dense_probabilities(fit, spikes)
    errors = []
    for post in range(6):
        exact = np.linalg.inv((design.T * (p * (1 - p))[:, post]) @ design)
        expected = np.diag(exact)[1:].reshape(6, -1)
        errors.append(np.diagonal(found.covariance[post], axis1=1, axis2=2) / expected)
    ratio = np.sqrt(errors)
    # What others take away is that of an average neuron: couplings as strong as these show it.
    assert np.abs(np.median(ratio) - 1) < 0.02
    assert ratio.min() > 0.8 and ratio.max() < 1.2


def test_the_pull_of_the_penalty_is_taken_off(tested):
    _, spikes, free, _ = tested
    pulled = fit_glm(spikes, replace(FREE, l2=30.0), progress=False)
    found = coupling_test(pulled, spikes)
    off = ~np.eye(6, dtype=bool)
    before, after = (
        np.abs(weights - free.weights)[off].mean() for weights in (pulled.weights, found.weights)
    )
    assert after < before / 3


def test_couplings_are_sure_where_they_are(tested):
    truth, _, _, found = tested
    p = found.p_values()
    assert (p[truth != 0] < 1e-6).all() and (np.diag(p) == 1).all()
    area, se = found.area()
    assert (np.sign(area[truth != 0]) == np.sign(truth[truth != 0])).all()
    assert (np.abs(area[truth != 0]) > 5 * se[truth != 0]).all()
    # Its shape peaks at the third lag.
    assert set(found.latency()[truth != 0].round(4)) <= {0.001, 0.002, 0.003, 0.004}


def _uniform_or_larger(p):
    """Since a lack at the first lag does not count, p-values are a little large: 0.03 to 0.10."""
    assert kstest(p, "uniform", alternative="greater").statistic < 0.03
    assert kstest(p, "uniform").statistic < 0.12


@pytest.mark.slow
@pytest.mark.parametrize("l2", [1.0, 30.0])
def test_p_values_are_uniform_where_there_is_no_coupling(l2):
    found = []
    for seed in range(5):
        spikes = independent(seed)
        one = coupling_test(fit_glm(spikes, GLMConfig(l2=l2), progress=False), spikes)
        found.append(chi2.sf(one.statistic[~np.eye(20, dtype=bool)], 4))
        assert one.p_values()[~np.eye(20, dtype=bool)].mean() > 0.45  # inflation never helps
    p = np.concatenate(found)
    _uniform_or_larger(p)
    for level in (0.05, 0.01):
        expected, n = level * len(p), len(p)
        assert np.sum(p < level) < expected + 4 * np.sqrt(n * level * (1 - level))


@pytest.mark.slow
def test_a_standard_error_is_how_far_estimates_scatter():
    areas, errors = [], []
    for seed in range(30):
        spikes = independent(seed, n_neurons=5, n_bins=40_000, rate=0.01)
        area, se = coupling_test(fit_glm(spikes, FREE, progress=False), spikes).area()
        areas.append(area)
        errors.append(se)
    off = ~np.eye(5, dtype=bool)
    scatter = np.std(areas, axis=0, ddof=1)[off].mean()
    assert scatter == pytest.approx(np.mean(errors, axis=0)[off].mean(), rel=0.15)


def test_who_is_silent_tells_nothing():
    matrix = np.random.default_rng(0).random((5000, 4)) < 0.02
    matrix[:, 2] = False
    spikes = spike_trains(matrix)
    found = coupling_test(fit_glm(spikes, FREE, progress=False), spikes)
    p = found.p_values()
    assert (p[2] == 1).all() and (p[:, 2] == 1).all()
    assert np.isnan(found.covariance[0, 2]).all() and np.isfinite(found.weights).all()
    others = np.ix_([0, 1, 3], [0, 1, 3])
    assert np.isfinite(found.statistic[others]).all() and (found.inflation >= 1).all()


def test_memory_may_be_short(tested, monkeypatch):
    _, spikes, fit, found = tested
    monkeypatch.setattr(inference, "_BYTES", 1)
    again = coupling_test(fit, spikes)
    np.testing.assert_allclose(again.statistic, found.statistic, rtol=1e-9)


def test_what_cannot_be_is_refused(tested):
    _, _, fit, found = tested
    one = SpikeTrains(times=[0.1], neurons=[0], n_neurons=1, duration=1.0)
    with pytest.raises(ValueError, match="spikes must have the 6 neurons of the fit, got 1"):
        coupling_test(fit, one)
    with pytest.raises(ValueError, match="window must lie between"):
        found.area(0.5)


def test_neurons_that_fire_all_the_time_for_half_a_second_are_tested():
    """What the Gram matrix counts beyond the end is more than its smallest eigenvalue there."""
    rng = np.random.default_rng(0)
    spikes = spike_trains(rng.random((400, 6)) < np.linspace(0.3, 0.9, 6))
    fit = fit_glm(spikes, GLMConfig(), progress=False)
    binned = fit.binned(spikes)
    assert np.linalg.eigvalsh(gram_matrix(binned, fit.basis))[0] < -1e-6, "or this tries nothing"
    design, *_ = dense_probabilities(fit, spikes)
    gram, n_basis = design.T @ design, fit.basis.shape[1]
    inverse = np.linalg.inv(gram)
    for pre, lost in enumerate(inference._lost_to_others(binned, fit)):
        own = slice(1 + n_basis * pre, 1 + n_basis * (pre + 1))
        each_alone = binned.counts[pre] * fit.basis.T @ fit.basis
        grown = np.trace(inverse[own, own] @ each_alone)
        assert np.trace(lost) == pytest.approx(grown, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("chance", [0.05, 0.5, 0.8])
def test_p_values_hold_for_neurons_that_fire_often(chance):
    n_neurons, p = 12, []
    for seed in range(8):
        fires = np.random.default_rng(seed).random((20_000, n_neurons)) < chance
        spikes = spike_trains(fires)
        found = coupling_test(fit_glm(spikes, progress=False), spikes)
        p.append(chi2.sf(found.statistic[~np.eye(n_neurons, dtype=bool)], 4))
    _uniform_or_larger(np.concatenate(p))


@pytest.mark.slow
def test_few_are_false_where_strong_recurrence_makes_patterns():
    """Neurons of different bumps fire together, at up to 300 Hz, without a synapse."""
    network = ring(strength=20.0)
    spikes = simulate(network, LIFParams(mu=15.0), duration=120.0, seed=1)
    found = coupling_test(fit_glm(spikes, progress=False), spikes)
    pairs = ~np.eye(80, dtype=bool)
    called = false_discovery_control(found.p_values()[pairs]) <= 0.05
    connected = network.weights[pairs] != 0
    assert (called & ~connected).sum() <= 0.05 * called.sum()
    assert called[connected].mean() > 0.9


def answers(seed, n_answering=6, n_others=14, delay=1.5e-3, duration=600.0):
    """Spikes of one neuron, which some answer after the same delay, each by itself."""
    rng = np.random.default_rng(seed)
    driver = np.sort(rng.uniform(0, duration, round(8 * duration)))
    trains = [driver]
    for number in range(n_answering + n_others):
        own = rng.uniform(0, duration, round(2 * duration))
        answered = rng.random(len(driver)) < (0.3 if number < n_answering else 0)
        trains.append(np.concatenate([own, driver[answered] + delay]))
    times, ids = np.concatenate(trains), np.repeat(np.arange(len(trains)), [*map(len, trains)])
    order = np.argsort(times)
    kept = order[times[order] < duration]
    return SpikeTrains(
        times=times[kept], neurons=ids[kept], n_neurons=len(trains), duration=duration
    )


@pytest.mark.slow
def test_neurons_that_answer_a_third_at_once_are_not_taken_for_connected():
    spikes = answers(seed=0)
    test = coupling_test(fit_glm(spikes, progress=False), spikes)
    answering = range(1, 7)
    among = np.zeros((21, 21), dtype=bool)
    among[np.ix_(answering, answering)] = ~np.eye(6, dtype=bool)
    # Their filters begin as those of inhibition do,
    assert np.median((test.weights @ test.fit.basis[0])[among]) < -0.3
    # which is no evidence: a bin does not tell who was first.
    p = test.p_values()
    assert np.median(p[among]) > 0.01  # below 1e-7 for all of them, if it were
    assert (p[1:7, 0] < 1e-6).all()
