import numba
import numpy as np
import pytest
from scipy.optimize import minimize

from lgl_core.glm import _likelihood, _preconditioner
from lgl_core.glm._likelihood import bin_spikes, loss_and_gradient
from lgl_core.glm._solvers import adam, lbfgs
from lgl_core.glm.basis import raised_cosine_basis
from tests.glm_twin import dense_design, dense_loss_and_gradient, spike_trains

BASIS = raised_cosine_basis(2, 6e-3, 1e-3)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Spare problems this small the barrier between threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture(autouse=True, scope="module", params=[3000, 0], ids=["matrix", "blocks"])
def most_together(request):
    """Factorise the Gram matrix, or take it apart as for thousands of neurons."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_preconditioner, "_MOST_TOGETHER", request.param)
        yield


SCHEDULE = dict(
    learning_rate=1e-2,
    max_epochs=50,
    learning_rate_factor=0.1,
    plateau_patience=20,
    min_learning_rate=1e-4,
    stopping_patience=50,
    min_improvement=0.0,
    progress=False,
)


def random_matrix(seed, n_bins=800, n_neurons=3, rate=0.06):
    """Binary spikes in which neuron 0 drives neuron 1 two bins later."""
    matrix = np.random.default_rng(seed).random((n_bins, n_neurons)) < rate
    matrix[2:, 1] |= matrix[:-2, 0]
    return matrix


def binned(matrix):
    return bin_spikes(spike_trains(matrix), 1e-3)


def start_of(matrix, basis=BASIS):
    start = np.zeros((1 + matrix.shape[1] * basis.shape[1], matrix.shape[1]))
    start[0] = np.log(matrix.mean(axis=0) / (1 - matrix.mean(axis=0)))
    return start


def solve(matrix, l2=1.0, tolerance=1e-7, max_iterations=200, start=None):
    posts = np.arange(matrix.shape[1])
    start = start_of(matrix) if start is None else start
    return lbfgs(binned(matrix), BASIS, start, posts, l2, max_iterations, tolerance, progress=False)


@pytest.mark.parametrize("l2", [0.1, 1.0, 100.0])
def test_lbfgs_finds_the_optimum_that_scipy_finds_neuron_by_neuron(l2):
    matrix = random_matrix(0)
    solution = solve(matrix, l2)
    design = dense_design(matrix, BASIS)

    def objective(x, post):
        eta, penalty = design @ x, l2 * np.concatenate([[0], x[1:]])
        loss = (np.logaddexp(0, eta) - matrix[:, post] * eta).sum()
        gradient = design.T @ (1 / (1 + np.exp(-eta)) - matrix[:, post])
        return loss + penalty @ x / 2, gradient + penalty

    assert solution.converged.all()
    for post in range(3):
        peer = minimize(objective, np.zeros(7), (post,), "BFGS", jac=True, options={"gtol": 1e-6})
        np.testing.assert_allclose(solution.coefficients[:, post], peer.x, atol=1e-5)
        assert solution.objective[post] == pytest.approx(peer.fun, rel=1e-10)


def test_reported_gradient_and_objective_are_those_of_the_coefficients():
    matrix, l2 = random_matrix(1), 2.0
    start = start_of(matrix)
    solution = solve(matrix, l2, tolerance=1e-12, max_iterations=4)

    def gradient_at(x):
        loss, gradient = dense_loss_and_gradient(matrix, BASIS, x, range(3))
        gradient[1:] += l2 * x[1:]
        return loss + l2 / 2 * (x[1:] ** 2).sum(axis=0), np.linalg.norm(gradient, axis=0)

    objective, norm = gradient_at(solution.coefficients)
    np.testing.assert_allclose(solution.objective, objective, rtol=1e-10)
    np.testing.assert_allclose(solution.gradient_norm, norm / gradient_at(start)[1], rtol=1e-6)
    assert not solution.converged.any()
    np.testing.assert_array_equal(solution.n_iterations, 4)


def test_objective_never_rises():
    history = solve(random_matrix(2), tolerance=1e-9).history
    rise = np.diff(history["objective"])
    assert (rise <= 1e-9).all()
    assert len(history["objective"]) == len(history["gradient_norm"])
    assert history["n_converged"][-1] == 3


def test_a_neuron_driven_far_from_the_shared_curvature_still_converges():
    # Neuron 1 fires after each spike of neuron 0: p(1-p) there is nothing like its mean, and the
    # undamped step of the shared Hessian overshoots.
    matrix = random_matrix(3, n_bins=3000, rate=0.01)
    solution = solve(matrix, l2=0.1)
    assert solution.converged.all()
    filters = solution.coefficients[1:3, 1] @ BASIS.T
    assert filters.argmax() == 1 and filters.max() > 4


def test_single_precision_finds_the_optimum_of_double(monkeypatch):
    matrix = random_matrix(6, n_bins=4000)
    expected = solve(matrix, tolerance=1e-4)
    monkeypatch.setattr(_likelihood, "_MANY", 0)  # filter bins, in single precision
    found = solve(matrix, tolerance=1e-4)
    assert found.converged.all()
    np.testing.assert_allclose(found.objective, expected.objective, rtol=1e-6)
    np.testing.assert_allclose(found.coefficients, expected.coefficients, atol=1e-3)
    # Where more digits are asked for than single precision has, it is not used.
    exact = solve(matrix, tolerance=1e-9)
    assert exact.converged.all() and (exact.gradient_norm < 1e-9).all()


def test_neurons_do_not_influence_each_other():
    # Each has its own step length and leaves when it has converged.
    matrix = random_matrix(4, n_neurons=5)
    together = solve(matrix)
    for post in range(5):
        alone = lbfgs(
            binned(matrix),
            BASIS,
            start_of(matrix)[:, [post]],
            np.array([post]),
            1.0,
            200,
            1e-7,
            progress=False,
        )
        assert alone.n_iterations[0] == together.n_iterations[post]
        np.testing.assert_allclose(
            alone.coefficients[:, 0], together.coefficients[:, post], atol=1e-7
        )


def test_a_silent_presynaptic_neuron_without_penalty_is_no_division_by_zero():
    matrix = random_matrix(5)
    matrix[:, 2] = False
    start = start_of(matrix[:, :2], BASIS)
    start = np.vstack([start, np.zeros((2, 2))])
    solution = lbfgs(binned(matrix), BASIS, start, np.arange(2), 0.0, 200, 1e-6, progress=False)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.coefficients[5:], 0, atol=1e-12)


def test_two_neurons_that_fire_together_without_penalty_still_have_an_optimum():
    # Nothing tells their weights apart: a direction without curvature across two blocks.
    matrix = random_matrix(7, n_bins=1500)
    twins = np.hstack([matrix, matrix[:, :1]])
    start = np.vstack([start_of(matrix), np.zeros((2, 3))])
    posts = np.arange(1, 3)
    solution = lbfgs(binned(twins), BASIS, start[:, 1:], posts, 0.0, 200, 1e-6, progress=False)
    alone = solve(matrix, l2=0.0)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.objective, alone.objective[1:], rtol=1e-7)


def test_weights_of_a_silent_presynaptic_neuron_shrink_from_wherever_they_start():
    matrix = random_matrix(14)
    matrix[:, 2] = False
    start = np.vstack([start_of(matrix[:, :2]), np.ones((2, 2))])
    solution = lbfgs(binned(matrix), BASIS, start, np.arange(2), 3.0, 200, 1e-7, progress=False)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.coefficients[5:], 0, atol=1e-6)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-10])
def test_single_precision_of_directions_does_not_limit_the_optimum(tolerance):
    matrix = random_matrix(15, n_bins=3000, rate=0.01)
    solution = solve(matrix, l2=0.1, tolerance=tolerance)
    _, gradient = dense_loss_and_gradient(matrix, BASIS, solution.coefficients, range(3))
    gradient[1:] += 0.1 * solution.coefficients[1:]
    _, at_start = dense_loss_and_gradient(matrix, BASIS, start_of(matrix), range(3))
    relative = np.linalg.norm(gradient, axis=0) / np.linalg.norm(at_start, axis=0)
    assert (relative <= 1.01 * tolerance).all()


def test_adam_equals_its_equations_written_out():
    train, validation, l2 = random_matrix(6), random_matrix(7, n_bins=200), 0.5
    start = start_of(train)
    schedule = SCHEDULE | {"min_improvement": -np.inf}  # the last epoch is the best
    solution = adam(binned(train), binned(validation), BASIS, start, np.arange(3), l2, **schedule)

    design = dense_design(train, BASIS)
    x, m, v = start.copy(), 0, 0
    for epoch in range(1, 51):
        g = design.T @ (1 / (1 + np.exp(-design @ x)) - train)
        g[1:] += l2 * x[1:]
        g = g / len(train)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        # The form of TensorFlow: epsilon beside the uncorrected second moment.
        rate = 1e-2 * np.sqrt(1 - 0.999**epoch) / (1 - 0.9**epoch)
        x = x - rate * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(solution.coefficients, x, atol=1e-9)


def run_adam(train, validation, **changes):
    return adam(
        binned(train),
        binned(validation),
        BASIS,
        start_of(train),
        np.arange(train.shape[1]),
        0.1,
        **(SCHEDULE | changes),
    )


def test_adam_drops_the_rate_at_a_plateau_and_stops():
    # No improvement is large enough after the first epoch, which is compared with infinity.
    matrix = random_matrix(8)
    solution = run_adam(
        matrix, matrix, min_improvement=1e3, plateau_patience=3, stopping_patience=11
    )
    expected = [1e-2] * 4 + [1e-3] * 3 + [1e-4] * 5  # 1e-4 is the floor
    np.testing.assert_allclose(solution.history["learning_rate"], expected)
    assert solution.converged.all()
    np.testing.assert_array_equal(solution.n_iterations, 12)


def test_adam_restores_the_best_weights():
    # In the validation part the coupling is gone: training on makes it worse after a while.
    train, validation = random_matrix(9), random_matrix(10)
    validation[:, 1] = np.random.default_rng(0).random(len(validation)) < train[:, 1].mean()
    solution = run_adam(train, validation, learning_rate=0.1, max_epochs=100, stopping_patience=10)
    losses = solution.history["validation_loss"]
    assert 0 < losses.argmin() + 1 < len(losses)
    loss, _ = loss_and_gradient(
        binned(validation), BASIS, solution.coefficients, np.arange(3), gradient=False
    )
    assert loss.sum() / validation.size == pytest.approx(losses.min(), rel=1e-12)


def test_adam_that_runs_out_of_epochs_has_not_converged():
    matrix = random_matrix(11)
    solution = run_adam(matrix, matrix, max_epochs=5)
    assert not solution.converged.any()
    assert (solution.gradient_norm > 1e-3).all()


def test_adam_approaches_the_optimum_of_lbfgs():
    matrix = random_matrix(12)
    solution = run_adam(matrix, matrix, learning_rate=0.05, max_epochs=600, stopping_patience=600)
    optimum = solve(matrix, l2=0.1)
    assert (solution.objective >= optimum.objective - 1e-9).all()
    np.testing.assert_allclose(solution.objective, optimum.objective, rtol=1e-3)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_progress_bar_appears_only_when_asked_for(solver, capsys):
    matrix = random_matrix(13)
    posts = np.arange(3)
    for progress in (False, True):
        if solver == "lbfgs":
            lbfgs(binned(matrix), BASIS, start_of(matrix), posts, 1.0, 3, 1e-9, progress=progress)
        else:
            adam(
                binned(matrix),
                binned(matrix),
                BASIS,
                start_of(matrix),
                posts,
                1.0,
                **(SCHEDULE | {"max_epochs": 3, "progress": progress}),
            )
        assert ("GLM" in capsys.readouterr().err) == progress
