"""The topology NAME: its make-up by counting, and what it refuses."""

import numpy as np
import pytest
from lgl_core.networks.NAME import NAME

from lgl_core.networks.makers import MAKERS


def test_the_share_of_connected_pairs_is_the_probability():
    weights = NAME(n_neurons=200, connection_probability=0.2, seed=0).weights
    pairs = 200 * 199
    deviation = np.sqrt(0.2 * 0.8 / pairs)
    assert abs(np.count_nonzero(weights) / pairs - 0.2) < 5 * deviation


def test_the_same_seed_gives_the_same_network_and_another_one_does_not():
    first, again, other = (NAME(n_neurons=50, seed=seed).weights for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(("name", "value"), [("n_neurons", 1), ("connection_probability", 1.5)])
def test_a_value_that_is_not_allowed_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} .* got {value}"):
        NAME(**{name: value})


def test_sweeps_and_studies_find_it_by_its_name():
    assert MAKERS["NAME"] is NAME
