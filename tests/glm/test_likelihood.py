import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.glm import _likelihood
from lgl_core.glm._likelihood import BinnedSpikes, bin_spikes, loss_and_gradient
from lgl_core.glm._pairs import beyond_ends, gram_blocks, gram_matrix
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.spikes import SpikeTrains
from tests.gapped import pieces, random_gapped_trains
from tests.glm_twin import dense_design, dense_loss_and_gradient, spike_trains

CHUNK = 256  # bins that the kernel takes at a time

few = settings(max_examples=25)


@pytest.fixture(autouse=True, scope="module", params=[np.inf, 0], ids=["spikes", "bins"])
def filtered(request):
    """Filter spikes, or bins: what comes out is the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_likelihood, "_MANY", request.param)
        yield


def binned(matrix):
    return bin_spikes(spike_trains(matrix), 1e-3)


def problem(seed, n_bins, n_neurons, n_lags, n_basis, rate=0.05):
    rng = np.random.default_rng(seed)
    matrix = rng.random((n_bins, n_neurons)) < rate
    basis = rng.normal(size=(n_lags, n_basis))
    coefficients = rng.normal(scale=0.5, size=(1 + n_neurons * n_basis, n_neurons))
    return matrix, basis, coefficients


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    n_bins=st.integers(1, 3 * CHUNK),
    n_neurons=st.integers(1, 5),
    n_lags=st.integers(1, 12),
)
def test_loss_and_gradient_equal_the_dense_twin(seed, n_bins, n_neurons, n_lags):
    matrix, basis, coefficients = problem(seed, n_bins, n_neurons, n_lags, n_basis=2)
    posts = np.arange(n_neurons)
    loss, gradient = loss_and_gradient(binned(matrix), basis, coefficients, posts)
    twin_loss, twin_gradient = dense_loss_and_gradient(matrix, basis, coefficients, posts)
    np.testing.assert_allclose(loss, twin_loss, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gradient, twin_gradient, rtol=1e-10, atol=1e-10)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), n_bins=st.integers(1, 2000), n_neurons=st.integers(1, 20))
def test_single_precision_holds_six_digits(seed, n_bins, n_neurons):
    matrix, basis, coefficients = problem(seed, n_bins, n_neurons, n_lags=8, n_basis=2)
    posts = np.arange(n_neurons)
    exact = loss_and_gradient(binned(matrix), basis, coefficients, posts)
    single = loss_and_gradient(binned(matrix), basis, coefficients, posts, single=True)
    for ours, twin in zip(single, exact, strict=True):
        np.testing.assert_allclose(ours, twin, atol=2e-6 * max(1, np.abs(twin).max()))


@pytest.mark.parametrize("n_bins", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
def test_spikes_at_the_borders_of_recording_and_chunks_reach_across(n_bins):
    _, basis, coefficients = problem(0, 1, 3, n_lags=20, n_basis=2)
    matrix = np.zeros((n_bins, 3), bool)
    for border in (0, CHUNK - 21, CHUNK - 20, CHUNK - 1, CHUNK, 2 * CHUNK - 1, n_bins - 1):
        if border < n_bins:
            matrix[border, border % 3] = True
    posts = np.arange(3)
    ours = loss_and_gradient(binned(matrix), basis, coefficients, posts)
    twin = dense_loss_and_gradient(matrix, basis, coefficients, posts)
    for a, b in zip(ours, twin, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_filters_may_be_longer_than_a_chunk():
    matrix, basis, coefficients = problem(1, 2 * CHUNK + 50, 2, CHUNK + 30, n_basis=1, rate=0.02)
    posts = np.arange(2)
    ours = loss_and_gradient(binned(matrix), basis, coefficients, posts)
    twin = dense_loss_and_gradient(matrix, basis, coefficients, posts)
    for a, b in zip(ours, twin, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-9)


def test_columns_may_be_any_neurons_in_any_order_and_more_than_one_block():
    matrix, basis, coefficients = problem(2, 300, 20, 5, n_basis=2)
    posts = np.random.default_rng(0).permutation(20)[:18]
    loss, gradient = loss_and_gradient(binned(matrix), basis, coefficients[:, posts], posts)
    twin_loss, twin_gradient = dense_loss_and_gradient(matrix, basis, coefficients[:, posts], posts)
    np.testing.assert_allclose(loss, twin_loss, rtol=1e-11)
    np.testing.assert_allclose(gradient, twin_gradient, rtol=1e-9, atol=1e-10)


def test_gradient_equals_finite_differences():
    matrix, basis, coefficients = problem(3, 400, 3, 8, n_basis=2)
    spikes, posts, step = binned(matrix), np.arange(3), 1e-5
    _, gradient = loss_and_gradient(spikes, basis, coefficients, posts)
    for row in range(len(coefficients)):
        nudge = np.zeros_like(coefficients)
        nudge[row] = step
        above, _ = loss_and_gradient(spikes, basis, coefficients + nudge, posts)
        below, _ = loss_and_gradient(spikes, basis, coefficients - nudge, posts)
        np.testing.assert_allclose(
            (above - below) / (2 * step), gradient[row], rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("bias", [-200.0, -39.0, -1e-9, 0.0, 35.0, 200.0])
def test_extreme_predictors_stay_exact(bias):
    # At |x| > 40 the probability of the rarer outcome stops at exp(-40), 4e-18 per bin.
    matrix = np.array([[1], [0], [0], [1]], bool)
    coefficients = np.array([[bias], [0.0]])
    posts = np.array([0])
    loss, gradient = loss_and_gradient(binned(matrix), np.ones((1, 1)), coefficients, posts)
    with np.errstate(over="ignore"):
        twin = dense_loss_and_gradient(matrix, np.ones((1, 1)), coefficients, posts)
    np.testing.assert_allclose(loss, twin[0], rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(gradient, twin[1], rtol=1e-12, atol=1e-13)  # a sum of ones


def test_loss_without_gradient_is_the_same_loss():
    matrix, basis, coefficients = problem(4, 600, 4, 6, n_basis=2)
    posts = np.arange(4)
    with_gradient, _ = loss_and_gradient(binned(matrix), basis, coefficients, posts)
    alone, _ = loss_and_gradient(binned(matrix), basis, coefficients, posts, gradient=False)
    np.testing.assert_array_equal(with_gradient, alone)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_result_does_not_depend_on_the_number_of_threads():
    matrix, basis, coefficients = problem(5, 2000, 50, 10, n_basis=3)
    spikes, posts = binned(matrix), np.arange(50)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = loss_and_gradient(spikes, basis, coefficients, posts)
        numba.set_num_threads(2)
        two = loss_and_gradient(spikes, basis, coefficients, posts)
    finally:
        numba.set_num_threads(before)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), n_bins=st.integers(1, 200), n_lags=st.integers(1, 10))
def test_gram_matrix_equals_the_dense_one_of_a_recording_that_goes_on(seed, n_bins, n_lags):
    matrix, basis, _ = problem(seed, n_bins, 3, n_lags, n_basis=2, rate=0.2)
    silence = np.zeros((n_lags, 3), bool)
    design = dense_design(np.vstack([matrix, silence]), basis)
    expected = design.T @ design
    expected[0, 0] = n_bins
    np.testing.assert_allclose(gram_matrix(binned(matrix), basis), expected, atol=1e-9)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), n_bins=st.integers(1, 60), n_lags=st.integers(1, 10))
def test_gram_matrix_without_what_is_beyond_the_end_is_the_dense_one(seed, n_bins, n_lags):
    matrix, basis, _ = problem(seed, n_bins, 3, n_lags, n_basis=2, rate=0.6)
    design, spikes = dense_design(matrix, basis), binned(matrix)
    found = gram_matrix(spikes, basis) - beyond_ends(spikes, basis)
    np.testing.assert_allclose(found, design.T @ design, atol=1e-9)


@pytest.mark.parametrize("n_lags", [3, 9])
def test_blocks_of_the_gram_matrix_are_those_of_the_whole(n_lags):
    matrix = np.random.default_rng(7).random((400, 5)) < 0.2
    basis = raised_cosine_basis(2, n_lags * 1e-3, 1e-3)
    gram = gram_matrix(binned(matrix), basis)
    common, beside, own = gram_blocks(binned(matrix), basis)
    np.testing.assert_allclose(common, gram[:1, :1])
    np.testing.assert_allclose(beside, gram[:1, 1:])
    for neuron, block in enumerate(own):
        place = slice(1 + 2 * neuron, 3 + 2 * neuron)
        np.testing.assert_allclose(block, gram[place, place], atol=1e-9)


def test_gram_matrix_of_more_neurons_than_are_taken_at_a_time():
    matrix, basis, _ = problem(6, 60, 70, 3, n_basis=2, rate=0.1)
    silence = np.zeros((3, 70), bool)
    design = dense_design(np.vstack([matrix, silence]), basis)
    expected = design.T @ design
    expected[0, 0] = 60
    np.testing.assert_allclose(gram_matrix(binned(matrix), basis), expected, atol=1e-9)


@given(
    cells=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 3)), max_size=60),
    bin_width=st.sampled_from([1e-3, 0.01, 0.03, 0.1, 1.0]),
)
def test_binning_keeps_one_spike_per_bin_of_the_binned_matrix(cells, bin_width):
    cells = sorted(cells)
    spikes = SpikeTrains(
        times=[t for t, _ in cells],
        neurons=np.array([n for _, n in cells], int),
        n_neurons=4,
        duration=1.0,
    )
    matrix = spikes.binned(bin_width) > 0
    ones = bin_spikes(spikes, bin_width)
    assert (ones.n_bins, ones.n_neurons) == matrix.shape
    np.testing.assert_array_equal(np.column_stack([ones.bins, ones.neurons]), np.argwhere(matrix))
    np.testing.assert_array_equal(ones.counts, matrix.sum(axis=0))


@pytest.mark.parametrize("bin_width", [0.0, -1e-3, 2.0])
def test_bad_bin_width_raises(bin_width):
    spikes = SpikeTrains(times=[0.5], neurons=np.array([0]), n_neurons=1, duration=1.0)
    with pytest.raises(ValueError, match="bin_width"):
        bin_spikes(spikes, bin_width)


def test_no_spikes_at_all_leave_the_bias_alone():
    nothing = np.empty(0, np.int64)
    spikes = BinnedSpikes(
        bins=nothing, neurons=nothing, n_bins=10, n_neurons=2, borders=np.array([0, 10])
    )
    coefficients = np.zeros((3, 2))
    loss, gradient = loss_and_gradient(spikes, np.ones((4, 1)), coefficients, np.arange(2))
    np.testing.assert_allclose(loss, 10 * np.log(2))
    np.testing.assert_array_equal(gradient, [[5, 5], [0, 0], [0, 0]])


class TestGaps:
    """A recording with gaps is the sum of its pieces: no history crosses a gap."""

    @few
    @given(random_gapped_trains(), st.sampled_from([1e-3, 5e-3]))
    def test_loss_gradient_and_gram_matrix_are_sums_over_pieces(self, spikes, bin_width):
        rng = np.random.default_rng(0)
        basis = rng.uniform(size=(12, 2))
        n = spikes.n_neurons
        coefficients = rng.normal(scale=0.5, size=(1 + 2 * n, n))
        posts = np.arange(n)

        def evaluated(part):
            binned = bin_spikes(part, bin_width)
            return (*loss_and_gradient(binned, basis, coefficients, posts),
                    gram_matrix(binned, basis), beyond_ends(binned, basis))  # fmt: skip

        found = evaluated(spikes)
        parts = [evaluated(piece) for piece in pieces(spikes)]
        for ours, of_pieces in zip(found, zip(*parts, strict=True), strict=True):
            np.testing.assert_allclose(ours, sum(of_pieces), rtol=1e-9, atol=1e-9)
