"""Granger causality by one regression, against two of them."""

import numpy as np
import pytest

from lgl_core.baselines.granger import granger_causality, standardised
from tests.baselines.test_voltages import driven


def test_it_is_what_two_regressions_say():
    samples, n_lags = driven(300), 2
    graph = granger_causality(samples, n_lags)
    past = np.stack([samples[n_lags - lag : -lag] for lag in range(1, n_lags + 1)], axis=2)

    def error(post, known):
        columns = [past[:, known].reshape(len(past), -1), np.ones((len(past), 1))]
        design, now = np.hstack(columns), samples[n_lags:, post]
        return np.square(now - design @ np.linalg.lstsq(design, now)[0]).mean()

    for post, pre in ((1, 0), (0, 1), (1, 2), (2, 0)):
        without = [neuron for neuron in range(3) if neuron != pre]
        expected = np.log(error(post, without) / error(post, [0, 1, 2]))
        assert graph[post, pre] == pytest.approx(expected, rel=1e-6)
    assert graph[1, 0] > 20 * graph[0, 1] and not np.diagonal(graph).any()


@pytest.mark.parametrize("n_lags", [0, 10])
def test_lags_that_do_not_fit_are_named(n_lags):
    with pytest.raises(ValueError, match=rf"n_lags must lie in 1 to 9 .*got {n_lags}"):
        granger_causality(driven(40), n_lags)


def test_standard_samples_have_neither_mean_nor_size():
    once = standardised(driven(50))
    np.testing.assert_allclose([once.mean(axis=0), once.std(axis=0)], [[0] * 3, [1] * 3], atol=1e-9)
    np.testing.assert_allclose(standardised(7 * once + 3), once)
