"""The penalty that takes all basis functions of a pair to zero together."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.glm._group_lasso import _shrunk, group_lasso
from lgl_core.glm._likelihood import loss_and_gradient
from lgl_core.glm._solvers import L2_OF_COVARIATES, lbfgs
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.glm.inference import coupling_test
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.wiring import connections
from tests.glm.test_solvers import BASIS, binned, random_matrix, start_of
from tests.glm_twin import dense_design, dense_loss_and_gradient, spike_trains

N_BASIS = BASIS.shape[1]
ROOT = np.sqrt(N_BASIS)
CONFIG = GLMConfig(window=6e-3, n_basis=N_BASIS, l2=1.0, tolerance=1e-7)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Spare problems this small the barrier between threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def solve(matrix, strength, l2=1.0, tolerance=1e-7, max_iterations=500, posts=None, **options):
    posts = np.arange(matrix.shape[1]) if posts is None else np.array(posts)
    start = start_of(matrix)[:, posts]
    return group_lasso(
        binned(matrix), BASIS, start, posts, l2, strength, max_iterations, tolerance,
        progress=False, **options,
    )  # fmt: skip


def twin(design, spikes, ridge, pulls, n_iterations=100_000):
    """Plain proximal gradient steps, all of the length that is safe for any coefficients.

    ``pulls`` maps the first row of each group to what its norm costs.
    """
    length = 1 / (np.linalg.eigvalsh(design.T @ design)[-1] / 4 + ridge.max())
    x = np.zeros(design.shape[1])
    for _ in range(n_iterations):
        before = x
        x = x - length * (design.T @ (1 / (1 + np.exp(-design @ x)) - spikes) + ridge * x)
        for first, pull in pulls.items():
            group = slice(first, first + N_BASIS)
            norm = np.linalg.norm(x[group])
            x[group] *= max(0.0, 1 - length * pull / norm) if norm else 0.0
        if np.abs(x - before).max() < 1e-11:
            break
    return x


def objective(design, spikes, ridge, pulls, x):
    eta = design @ x
    costs = sum(pull * np.linalg.norm(x[j : j + N_BASIS]) for j, pull in pulls.items())
    return (np.logaddexp(0, eta) - spikes * eta).sum() + ridge @ x**2 / 2 + costs


def pulls_of(n_neurons, post, strength):
    return {1 + N_BASIS * j: strength * ROOT for j in range(n_neurons) if j != post}


def pairs_of(solution, n_neurons):
    """Weights as ``[post, pre, k]``."""
    return solution.coefficients[1 : 1 + N_BASIS * n_neurons].T.reshape(-1, n_neurons, N_BASIS)


def departure(matrix, coefficients, strength, l2):
    """How far the conditions of Karush, Kuhn and Tucker are from being met, per neuron."""
    n_neurons = matrix.shape[1]
    _, gradient = dense_loss_and_gradient(matrix, BASIS, coefficients, range(n_neurons))
    gradient[1:] += l2 * coefficients[1:]
    slopes = gradient[1:].T.reshape(n_neurons, n_neurons, N_BASIS)
    weights = coefficients[1:].T.reshape(n_neurons, n_neurons, N_BASIS)
    missed = np.abs(gradient[0])
    for post, pre in np.ndindex(n_neurons, n_neurons):
        pull = strength * ROOT * (post != pre)
        w, slope = weights[post, pre], slopes[post, pre]
        if w.any():
            apart = np.linalg.norm(slope + pull * w / np.linalg.norm(w))
        else:
            apart = max(0.0, np.linalg.norm(slope) - pull)
        missed[post] = max(missed[post], apart)
    return missed


class TestOptimum:
    @pytest.mark.parametrize("l2", [0.1, 5.0])
    @pytest.mark.parametrize("strength", [0.5, 2.0, 5.0])
    def test_it_is_that_of_plain_proximal_steps_on_the_dense_design(self, strength, l2):
        matrix = random_matrix(0)
        solution = solve(matrix, strength, l2)
        assert solution.converged.all()
        design, ridge = dense_design(matrix, BASIS), np.r_[0.0, np.full(6, l2)]
        for post in range(3):
            pulls, found = pulls_of(3, post, strength), solution.coefficients[:, post]
            problem = design, matrix[:, post], ridge, pulls
            slow = twin(*problem)
            assert solution.objective[post] == pytest.approx(objective(*problem, slow), rel=1e-8)
            assert solution.objective[post] == pytest.approx(objective(*problem, found), rel=1e-10)
            np.testing.assert_allclose(found, slow, atol=1e-4)
            np.testing.assert_array_equal(found == 0, np.abs(slow) < 1e-9)

    @settings(max_examples=15, deadline=None)
    @given(
        seed=st.integers(0, 10**6),
        strength=st.floats(0.01, 20),
        l2=st.floats(0.1, 50),
        rate=st.floats(0.01, 0.3),
    )
    def test_conditions_of_the_optimum_hold_on_random_spikes(self, seed, strength, l2, rate):
        matrix = random_matrix(seed, n_bins=400, n_neurons=4, rate=rate)
        matrix[:2] = [[True] * 4, [False] * 4]  # nobody is silent
        solution = solve(matrix, strength, l2)
        assert solution.converged.all()
        assert (departure(matrix, solution.coefficients, strength, l2) < 1e-3).all()
        together = pairs_of(solution, 4) == 0
        np.testing.assert_array_equal(together.all(axis=2), together.any(axis=2))

    def test_without_strength_it_is_that_of_lbfgs(self):
        matrix = random_matrix(1)
        mine = solve(matrix, 0.0, tolerance=1e-8)
        peer = lbfgs(
            binned(matrix), BASIS, start_of(matrix), np.arange(3), 1.0, 200, 1e-8, progress=False
        )
        np.testing.assert_allclose(mine.coefficients, peer.coefficients, atol=1e-6)
        np.testing.assert_allclose(mine.objective, peer.objective, rtol=1e-10)
        assert mine.history.keys() == peer.history.keys()

    def test_a_pair_leaves_zero_where_the_strength_falls_below_its_slope(self):
        # Where no pair is coupled, only bias and own history are fitted: the largest slope of a
        # pair there is the strength from which on all are zero.
        matrix = random_matrix(2)
        alone = solve(matrix, 1e6, tolerance=1e-10)
        _, gradient = loss_and_gradient(binned(matrix), BASIS, alone.coefficients, np.arange(3))
        slopes = np.linalg.norm(gradient[1:].T.reshape(3, 3, N_BASIS), axis=2) / ROOT
        np.fill_diagonal(slopes, 0)
        most = slopes.max(axis=1)
        for post in range(3):
            above, below = (solve(matrix, most[post] * x, posts=[post]) for x in (1.01, 0.99))
            others = np.arange(3) != post
            assert not pairs_of(above, 3)[0, others].any()
            coupled = pairs_of(below, 3)[0].any(axis=1) & others
            np.testing.assert_array_equal(np.flatnonzero(coupled), slopes[post].argmax())


@given(
    seed=st.integers(0, 10**6),
    pull=st.floats(0, 10),
    spread=st.floats(0, 6),
    size=st.floats(-3, 3),
)
@settings(max_examples=50, deadline=None)
def test_a_group_shrinks_to_the_least_of_its_parabola_and_its_pull(seed, pull, spread, size):
    rng = np.random.default_rng(seed)
    at = rng.normal(size=(5, 4)) * 10.0**size
    curvature = 10.0 ** rng.uniform(-spread / 2, spread / 2, size=(5, 4))
    found = _shrunk(at, curvature, np.full(5, pull))
    for w, a, c in zip(found, at, curvature, strict=True):
        if w.any():
            slope = c * w + pull * w / np.linalg.norm(w)
            np.testing.assert_allclose(slope, a, atol=1e-9 * np.linalg.norm(a))
        else:
            assert np.linalg.norm(a) <= pull


class TestCourse:
    def test_neurons_do_not_influence_each_other(self):
        matrix = random_matrix(4, n_neurons=5)
        together = solve(matrix, 1.0)
        for post in range(5):
            alone = solve(matrix, 1.0, posts=[post])
            assert alone.n_iterations[0] == together.n_iterations[post]
            np.testing.assert_allclose(
                alone.coefficients[:, 0], together.coefficients[:, post], atol=1e-7
            )

    def test_reported_norm_is_that_of_the_conditions(self):
        matrix = random_matrix(3)
        solution = solve(matrix, 1.0, max_iterations=3, tolerance=1e-12)
        assert not solution.converged.any() and (solution.n_iterations == 3).all()
        start = start_of(matrix)
        _, slope = dense_loss_and_gradient(matrix, BASIS, start, range(3))
        parts = slope[1:].T.reshape(3, 3, N_BASIS)
        pulls = ROOT * (1 - np.eye(3))
        norms = np.maximum(np.linalg.norm(parts, axis=2) - pulls, 0)
        at_start = np.sqrt((norms**2).sum(axis=1) + slope[0] ** 2)
        worst = departure(matrix, solution.coefficients, 1.0, 1.0)
        norm = solution.gradient_norm * at_start
        # The norm of all pairs lies between the largest of them and the root of their number.
        assert (norm >= worst * (1 - 1e-6)).all() and (norm <= worst * np.sqrt(4 + 1e-6)).all()

    def test_a_neuron_driven_far_from_its_mean_rate_converges(self):
        solution = solve(random_matrix(3, n_bins=3000, rate=0.01), 0.5, l2=0.1)
        assert solution.converged.all()
        filters = pairs_of(solution, 3)[1, 0] @ BASIS.T
        assert filters.argmax() == 1 and filters.max() > 4

    def test_a_silent_presynaptic_neuron_is_no_division_by_zero(self):
        matrix = random_matrix(5)
        matrix[:, 2] = False
        start = np.vstack([start_of(matrix[:, :2]), np.zeros((2, 2))])
        for l2 in (0.0, 1.0):
            solution = group_lasso(
                binned(matrix), BASIS, start, np.arange(2), l2, 1.0, 200, 1e-6, progress=False
            )
            assert solution.converged.all() and (solution.coefficients[5:] == 0).all()

    def test_progress_bar_appears_only_when_asked_for(self, capsys):
        matrix = random_matrix(13)
        for progress in (False, True):
            group_lasso(
                binned(matrix), BASIS, start_of(matrix), np.arange(3), 1.0, 1.0, 3, 1e-9,
                progress=progress,
            )  # fmt: skip
            assert ("group lasso" in capsys.readouterr().err) == progress


class TestFit:
    def test_a_huge_strength_leaves_the_own_history_alone(self):
        spikes = spike_trains(random_matrix(6))
        config = GLMConfig(window=6e-3, n_basis=2, l2=1.0, tolerance=1e-7, group_lasso=1e6)
        fit = fit_glm(spikes, config, progress=False)
        alone = fit_glm(spikes, CONFIG, progress=False, allowed=np.eye(3))
        assert (fit.weights[~np.eye(3, dtype=bool)] == 0).all()
        assert fit.weights[np.eye(3, dtype=bool)].all()
        np.testing.assert_allclose(fit.weights, alone.weights, atol=1e-5)
        np.testing.assert_allclose(fit.bias, alone.bias, atol=1e-5)

    def test_allowed_pairs_and_covariates_hold_beside_it(self):
        matrix, strength = random_matrix(7), 0.5
        rng = np.random.default_rng(0)
        told = np.repeat(rng.normal(size=(40, 1)), 20, axis=0)
        matrix[:, 2] |= rng.random(800) < 0.3 * (told[:, 0] > 0)
        allowed = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool)
        config = GLMConfig(window=6e-3, n_basis=2, l2=1.0, tolerance=1e-7, group_lasso=strength)
        fit = fit_glm(
            spike_trains(matrix), config, progress=False, allowed=allowed, covariates=told
        )
        assert fit.converged.all() and (fit.weights[~allowed] == 0).all()
        columns = fit.drive.values[fit.drive.step_of_bin]
        full = np.column_stack([dense_design(matrix, BASIS), columns])
        for post in range(3):
            kept = np.r_[True, np.repeat(allowed[post], N_BASIS), True]
            design = full * kept
            ridge = np.r_[0.0, np.full(6, config.l2), L2_OF_COVARIATES]
            slow = twin(design, matrix[:, post], ridge, pulls_of(3, post, strength))
            np.testing.assert_allclose(fit.coefficients[:, post], slow, atol=1e-4)
        assert fit.covariate_weights[2, 0] > 0.3

    def test_blocks_change_nothing(self):
        spikes = spike_trains(random_matrix(8, n_neurons=4))
        config = GLMConfig(window=6e-3, n_basis=2, tolerance=1e-6, l2=1.0, group_lasso=1.0)
        one, two = (fit_glm(spikes, config, progress=False, n_blocks=n) for n in (1, 2))
        np.testing.assert_allclose(one.weights, two.weights, atol=1e-6)
        np.testing.assert_array_equal(one.weights == 0, two.weights == 0)

    def test_true_edges_of_a_hub_network_survive_more_often_than_other_pairs(self):
        network = hub_network(n_neurons=20)
        spikes = simulate(network, duration=60.0)
        fit = fit_glm(spikes, GLMConfig(group_lasso=3.0), progress=False)
        assert fit.converged.all() and fit.n_iterations.max() < 30
        zero = fit.weights == 0
        np.testing.assert_array_equal(zero.all(axis=2), zero.any(axis=2))
        others = ~np.eye(20, dtype=bool)
        survived, edges = fit.weights.any(axis=2)[others], (network.weights != 0)[others]
        assert survived[edges].mean() > 0.6 and survived[~edges].mean() < 0.4
        more = fit_glm(spikes, GLMConfig(group_lasso=10.0), progress=False)
        assert more.weights.any(axis=2)[others][~edges].mean() < 0.05

    def test_a_fit_that_runs_out_of_iterations_says_so(self):
        config = GLMConfig(window=6e-3, n_basis=2, max_iterations=2, group_lasso=1.0)
        with pytest.warns(UserWarning, match="3 of 3 neurons have not converged"):
            fit_glm(spike_trains(random_matrix(9)), config, progress=False)


class TestRefusals:
    def test_adam_has_no_group_lasso(self):
        with pytest.raises(ValueError, match=r'group_lasso must be 0 with solver="adam", got 2.0'):
            GLMConfig(solver="adam", group_lasso=2.0)
        with pytest.raises(ValueError, match="group_lasso must be a number >= 0, got -1"):
            GLMConfig(group_lasso=-1.0)

    def test_estimates_at_zero_have_no_test(self):
        spikes = spike_trains(random_matrix(10))
        config = GLMConfig(window=6e-3, n_basis=2, l2=1.0, group_lasso=1.0)
        message = "group_lasso of the fit must be 0, got 1.0: .* fit without group_lasso to test"
        with pytest.raises(ValueError, match=message):
            coupling_test(fit_glm(spikes, config, progress=False), spikes)
        with pytest.raises(ValueError, match="group_lasso must be 0 for a list, got 1.0"):
            connections(spikes, config=config, progress=False, cache=False)
