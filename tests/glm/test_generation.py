"""What a GLM makes by itself, against a slow twin and against what it was told."""

from dataclasses import replace

import numpy as np
import pytest

import lgl_core as lgl
from lgl_core.glm.fit import fit_glm
from lgl_core.glm.generation import generate


@pytest.fixture(scope="module")
def fit():
    spikes = lgl.simulate(lgl.hub_network(n_neurons=8, n_hubs=1), duration=60, cache=False)
    return fit_glm(spikes, lgl.GLMConfig(l2=1.0), progress=False)


def drawn_slowly(fit, n_bins, silenced, seed):
    """Sum up the filters of all spikes so far, bin by bin."""
    draws = np.random.default_rng(seed).random((n_bins, len(fit.bias)))
    filters, fired = fit.filters(), np.zeros((n_bins, len(fit.bias)))
    for t in range(n_bins):
        heard = fired[max(t - filters.shape[2], 0) : t][::-1]  # lag 1 first
        odds = fit.bias + np.einsum("lj,ijl->i", heard, filters[:, :, : len(heard)])
        fired[t] = draws[t] < 1 / (1 + np.exp(-odds))
        fired[t, silenced] = 0
    return fired


@pytest.mark.parametrize("silenced", [[], [0, 3]])
def test_spikes_are_those_of_the_slow_twin(fit, silenced):
    spikes, _ = generate(fit, duration=3.0, before=0.0, silenced=silenced, seed=3, progress=False)
    # The draws of each second come one after the other.
    expected = drawn_slowly(fit, 3000, silenced, seed=3)
    assert expected.sum() > 50
    np.testing.assert_array_equal(spikes.binned(fit.config.bin_width), expected)


def test_without_couplings_neurons_fire_as_their_bias_says(fit):
    alone = replace(fit, weights=np.zeros_like(fit.weights))
    spikes, rates = generate(alone, duration=200.0, progress=False)
    chance = 1 / (1 + np.exp(-fit.bias))
    np.testing.assert_allclose(rates, chance / 1e-3)
    assert len(spikes) == pytest.approx(200e3 * chance.sum(), abs=5 * np.sqrt(200e3 * chance.sum()))


def test_a_fit_makes_spikes_like_those_it_was_fitted_to_and_expects_their_rates(fit):
    spikes, rates = generate(fit, duration=100.0, progress=False)
    again = lgl.simulate(lgl.hub_network(n_neurons=8, n_hubs=1), duration=60, cache=False).rates
    np.testing.assert_allclose(rates, again, rtol=0.2)
    np.testing.assert_allclose(rates, spikes.rates, atol=5 * np.sqrt(spikes.rates.max() / 100))


def test_what_is_drawn_before_is_thrown_away(fit):
    spikes, _ = generate(fit, duration=2.0, before=1.0, seed=1, progress=False)
    longer, _ = generate(fit, duration=3.0, before=0.0, seed=1, progress=False)
    later = longer.select(start=1.0)
    np.testing.assert_allclose(spikes.times, later.times)
    np.testing.assert_array_equal(spikes.neurons, later.neurons)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"duration": 0.0}, "at least a bin"),
        ({"before": -1.0}, "no less than 0 s"),
        ({"silenced": [8]}, "silenced must be neurons from 0 to 7, got 8"),
    ],
)
def test_what_makes_no_sense_is_refused(fit, given, told):
    with pytest.raises(ValueError, match=told):
        generate(fit, **({"duration": 1.0, "progress": False} | given))


def test_a_fit_with_covariates_or_that_runs_away_is_refused(fit):
    told = fit_glm(
        lgl.simulate(lgl.hub_network(n_neurons=8, n_hubs=1), duration=5, cache=False),
        covariates=np.random.default_rng(0).normal(size=(50, 1)),
        progress=False,
    )
    with pytest.raises(ValueError, match="without covariates"):
        generate(told, duration=1.0, progress=False)
    wild = replace(fit, weights=fit.weights + 5.0)
    with pytest.raises(RuntimeError, match="runs away.*larger l2"):
        generate(wild, duration=5.0, progress=False)
