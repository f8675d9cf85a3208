"""Calcium: what is simulated, what is found in it, and the fit, by hand and against peers."""

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import PoissonRegressor

from lgl_core.baselines.calcium import (
    calcium_connectivity,
    calcium_fluorescence,
    spikes_per_frame,
)
from tests.baselines.test_coincidences import driven_trains
from tests.baselines.test_pairwise import poisson, recording
from tests.gapped import gapped_trains

HALF_LIFE = 0.1 / np.log(2)  # with ten frames per s calcium halves from frame to frame


@pytest.fixture(scope="module")
def driven():
    return driven_trains(60.0)


@pytest.fixture(scope="module")
def noisy():
    """Counts of three neurons in frames that come close to spikes but are none."""
    rng = np.random.default_rng(0)
    trains = [poisson(rng, rate, 20.0) for rate in (4, 8, 12)]
    return calcium_fluorescence(recording(*trains, duration=20.0), 20.0, 0.3, noise=0.2)


class TestFluorescence:
    def test_halves_from_frame_to_frame(self):
        spikes = recording([0.15, 0.35, 0.36], [0.45], duration=0.6)
        frames = calcium_fluorescence(spikes, 10.0, HALF_LIFE, noise=0.0)
        expected = [[0, 1, 0.5, 2.25, 1.125, 0.5625], [0, 0, 0, 0, 1, 0.5]]
        np.testing.assert_allclose(frames.T, expected, atol=1e-12)

    def test_starts_at_zero_in_each_epoch(self):
        spikes = gapped_trains(lengths=(1.0, 1.0), gaps=(0.01,), rate=30.0)
        frames = calcium_fluorescence(spikes, 10.0, 5.0, noise=0.0)
        np.testing.assert_array_equal(frames[10], spikes.binned(0.1)[10])

    def test_noise_has_its_size_and_its_seed(self, driven):
        clean, one, same, other = (
            calcium_fluorescence(driven, noise=noise, seed=seed)
            for noise, seed in ((0, 0), (0.3, 1), (0.3, 1), (0.3, 2))
        )
        assert np.std(one - clean) == pytest.approx(0.3, rel=0.02)
        np.testing.assert_array_equal(one, same)
        assert abs(np.corrcoef((one - clean).ravel(), (other - clean).ravel())[0, 1]) < 0.03

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"frame_rate": 0}, "frame_rate must be a positive number of Hz, got 0"),
            ({"decay": -1}, "decay must be a positive number of s, got -1"),
            ({"noise": -0.1}, "noise must be 0 or a positive number, got -0.1"),
            ({"frame_rate": 0.01}, "bin_width must lie between 0 and"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            calcium_fluorescence(driven, **changes)


class TestSpikesPerFrame:
    def test_of_fluorescence_without_noise_are_the_spikes(self, driven):
        frames = calcium_fluorescence(driven, 20.0, 0.5, noise=0.0)
        counts = driven.binned(0.05)
        np.testing.assert_allclose(spikes_per_frame(frames, 20.0, 0.5)[1:], counts[1:], atol=1e-9)

    def test_a_dip_below_the_decay_is_shared_by_the_frames_of_its_pool(self):
        """0, 1, 0 with half kept: the best start is (1 + 0 / 2) / (1 + 1 / 4) = 0.8."""
        found = spikes_per_frame([[0.0], [1.0], [0.0]], 10.0, HALF_LIFE)
        np.testing.assert_allclose(found, [[0], [0.8], [0]], atol=1e-12)

    def test_equals_nonnegative_least_squares(self, noisy):
        kept = np.exp(-1 / (20.0 * 0.3))
        lags = np.subtract.outer(np.arange(len(noisy)), np.arange(len(noisy)))
        decay = np.where(lags >= 0, kept ** np.maximum(lags, 0), 0)
        found = spikes_per_frame(noisy, 20.0, 0.3)
        for neuron in range(3):
            expected = nnls(decay, noisy[:, neuron])[0]
            np.testing.assert_allclose(found[1:, neuron], expected[1:], atol=1e-9)

    @pytest.mark.parametrize("frames", [np.zeros(3), np.full((3, 2), np.nan), np.zeros((0, 2))])
    def test_refuses_what_is_no_finite_matrix(self, frames):
        with pytest.raises(ValueError, match="fluorescence must be finite, frames by neurons"):
            spikes_per_frame(frames)


class TestConnectivity:
    def test_of_least_squares_is_the_difference_of_means(self):
        """In 8 frames pre fires once, post right after it and once by itself.

        After pre's spike post has 1 spike, after its own 0, in the other 5 frames 1: 1 - 1 / 5 more
        than else, with a mean of 2 / 8.
        """
        counts = np.tile(np.eye(8)[:, [1, 2]] + np.outer(np.eye(8)[5], [0, 1]), (50, 1))
        counts = np.concatenate([counts, counts[:1]])
        frames = np.zeros(counts.shape)
        for t, count in enumerate(counts):
            frames[t] = 0.5 * frames[t - 1] * (t > 0) + count
        graph = calcium_connectivity(
            frames, 10.0, HALF_LIFE, ridge=1e-9, same_frame=False, likelihood="quadratic"
        )
        assert graph[1, 0] == pytest.approx((1 - 1 / 5) / (2 / 8), rel=1e-6)

    @pytest.mark.parametrize("same_frame", [False, True])
    def test_equals_scikit_learns_poisson_regression(self, noisy, same_frame):
        found = spikes_per_frame(noisy, 20.0, 0.3)
        before, now = found[:-1], found[1:]
        graph = calcium_connectivity(noisy, 20.0, 0.3, ridge=0.02, same_frame=same_frame)
        for post in range(3):
            others = np.delete(np.arange(3), post)
            design = np.column_stack([before, now[:, others]]) if same_frame else before
            scale = design.std(axis=0)
            peer = PoissonRegressor(alpha=0.02 * now[:, post].mean(), tol=1e-8, max_iter=1000)
            weights = peer.fit((design - design.mean(axis=0)) / scale, now[:, post]).coef_ / scale
            expected = weights[others] + (weights[3:] if same_frame else 0)
            np.testing.assert_allclose(graph[post, others], expected, atol=2e-3)

    def test_without_the_same_frame_only_the_past_explains(self):
        """Two neurons that fire in the same frames, at random: no past tells of them."""
        times = poisson(np.random.default_rng(0), 5, 1000.0)
        frames = calcium_fluorescence(recording(times, times, duration=1000.0), noise=0.05)
        together = calcium_connectivity(frames)
        alone = calcium_connectivity(frames, same_frame=False)
        assert together[0, 1] > 5 * abs(alone[0, 1])

    def test_of_dark_cells_is_zero(self):
        times = poisson(np.random.default_rng(0), 5, 20.0)
        frames = calcium_fluorescence(recording(times, [], [], duration=20.0), noise=0.0)
        assert not calcium_connectivity(frames).any()

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"ridge": 0}, "ridge must be a positive number, got 0"),
            ({"likelihood": "probit"}, "likelihood must be 'poisson' or 'quadratic', got 'probit'"),
            ({"decay": 0}, "decay must be a positive number of s, got 0"),
            ({"fluorescence": np.zeros((2, 3))}, "three frames or more, got 2"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, noisy, changes, message):
        with pytest.raises(ValueError, match=message):
            calcium_connectivity(**{"fluorescence": noisy} | changes)
