"""Blocks of neurons are fitted as all of them at once are."""

import joblib
import numpy as np
import pytest

from lgl_core.glm._blocks import joined
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate

CONFIG = GLMConfig(n_basis=4, window=0.02)


@pytest.fixture(scope="module")
def spikes():
    return simulate(hub_network(12, n_hubs=1), duration=60.0)


@pytest.fixture(scope="module")
def whole(spikes):
    return fit_glm(spikes, CONFIG, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("n_blocks", [2, 5, 50])
def test_the_fit_does_not_depend_on_the_blocks(spikes, whole, n_blocks):
    with joblib.parallel_config("threading"):
        fit = fit_glm(spikes, CONFIG, progress=False, n_blocks=n_blocks)
    np.testing.assert_allclose(fit.weights, whole.weights, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.bias, whole.bias, rtol=1e-8)
    assert fit.n_iterations.tolist() == whole.n_iterations.tolist()
    for name, rtol in {"objective": 1e-9, "gradient_norm": 1e-3, "n_converged": 0}.items():
        np.testing.assert_allclose(fit.history[name], whole.history[name], rtol=rtol)


@pytest.mark.parametrize("progress", [False, True])
def test_neurons_that_are_too_many_are_fitted_one_part_after_another(
    spikes, whole, progress, monkeypatch, capsys
):
    monkeypatch.setattr("lgl_core.glm._blocks._TOGETHER", 5)
    fit = fit_glm(spikes, CONFIG, progress=progress)
    np.testing.assert_allclose(fit.weights, whole.weights, rtol=1e-6, atol=1e-8)
    assert fit.n_iterations.tolist() == whole.n_iterations.tolist()
    assert ("12/12" in capsys.readouterr().err) is progress


@pytest.mark.slow
def test_other_processes_fit_the_same(spikes, whole):
    fit = fit_glm(spikes, CONFIG, progress=False, n_blocks=2)
    np.testing.assert_allclose(fit.weights, whole.weights, rtol=1e-6, atol=1e-8)


def test_who_is_ready_early_stays_where_it_ended():
    def history(steps: int, value: float) -> dict[str, np.ndarray]:
        return {
            "objective": value + np.arange(steps)[::-1],
            "gradient_norm": value / np.arange(1.0, steps + 1),
            "n_converged": np.arange(steps) == steps - 1,
        }

    both = joined([history(2, 10.0), history(4, 1.0)])
    assert both["objective"].tolist() == [11 + 4, 10 + 3, 10 + 2, 10 + 1]
    assert both["gradient_norm"].tolist() == [10, 5, 5, 5]
    assert both["n_converged"].tolist() == [0, 1, 1, 2]


def test_what_does_not_go(spikes):
    with pytest.raises(ValueError, match="n_blocks must be at least 1, got 0"):
        fit_glm(spikes, CONFIG, progress=False, n_blocks=0)
    with pytest.raises(ValueError, match='n_blocks must be 1 with solver="adam", got 2'):
        fit_glm(spikes, GLMConfig(solver="adam"), progress=False, n_blocks=2)
