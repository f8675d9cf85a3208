"""Products with the design without the design, and the directions that stand out of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.glm._likelihood import bin_spikes
from lgl_core.glm._modes import extreme_directions, gram_product
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.covariates import drive_of
from tests.gapped import random_gapped_trains
from tests.glm_twin import dense_design

BASIS = raised_cosine_basis(2, 6e-3, 1e-3)


def dense_product(spikes, drive, explained, weights):
    """Gram matrix of the spikes' columns, less what others explain, times weights."""
    matrix, borders = spikes.binned(1e-3) > 0, spikes.bin_borders(1e-3)
    parts = np.split(np.arange(len(matrix)), borders[1:-1])
    design = np.vstack([dense_design(matrix[part], BASIS) for part in parts])
    others = design[:, :1]
    if drive is not None:
        others = np.hstack([others, drive.values[drive.step_of_bin]])
    return design[:, 1:].T @ (design[:, 1:] @ weights - others @ (explained @ weights))


@settings(max_examples=15, deadline=None)
@given(spikes=random_gapped_trains(), seed=st.integers(0, 1000), with_drive=st.booleans())
def test_product_is_that_of_the_dense_design_within_single_precision(spikes, seed, with_drive):
    rng = np.random.default_rng(seed)
    drive = drive_of(rng.normal(size=(20, 1)), spikes, 1e-3) if with_drive else None
    explained = rng.normal(size=(1 + with_drive, 2 * spikes.n_neurons))
    weights = rng.normal(size=(2 * spikes.n_neurons, 3))
    found = gram_product(bin_spikes(spikes, 1e-3), BASIS, explained, drive)(weights)
    expected = dense_product(spikes, drive, explained, weights)
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("size", [3, 400])
def test_directions_that_stand_out_are_found_above_and_below(size):
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.normal(size=(size, 3)))[0]
    values = np.array([40.0, 6.0, 0.1])
    noise = rng.normal(scale=1e-3, size=(size, size))
    matrix = np.eye(size) + (vectors * (values - 1)) @ vectors.T + noise + noise.T
    found, directions = extreme_directions(lambda columns: matrix @ columns, size)
    outside = np.argsort(-np.abs(found - 1))[:3]
    np.testing.assert_allclose(np.sort(found[outside]), np.sort(values), rtol=0.02)
    for value, vector in zip(found[outside], directions[:, outside].T, strict=True):
        own = vectors[:, np.argmin(np.abs(values - value))]
        assert abs(own @ vector) > 0.99
