"""The penalty that cross-validation chooses, and pairs that may not be coupled."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.glm.inference import coupling_test
from lgl_core.glm.penalty import CANDIDATES, _without, choose_l2, choose_penalty
from tests.glm.test_fit import planted
from tests.glm.test_inference import dense_probabilities, independent

CONFIG = GLMConfig(l2=2.0, tolerance=1e-6)


@pytest.fixture(scope="module")
def recording():
    truth, spikes = planted(n_bins=20_000)
    return truth, spikes


class TestAllowedPairs:
    ALLOWED = np.random.default_rng(1).random((6, 6)) < 0.5

    def test_it_is_the_fit_of_a_design_without_the_other_columns(self, recording):
        _, spikes = recording
        fit = fit_glm(spikes, CONFIG, progress=False, allowed=self.ALLOWED)
        design, _, _ = dense_probabilities(fit, spikes)
        matrix, n_basis = spikes.binned(1e-3), fit.basis.shape[1]
        for post in (0, 4):
            pres = np.flatnonzero(self.ALLOWED[post] | (np.arange(6) == post))
            columns = (1 + n_basis * pres[:, np.newaxis] + np.arange(n_basis)).ravel()
            peer = LogisticRegression(C=1 / CONFIG.l2, tol=1e-10, max_iter=5000)
            peer.fit(design[:, columns], matrix[:, post])
            np.testing.assert_allclose(
                fit.weights[post, pres].ravel(), peer.coef_[0], rtol=1e-3, atol=1e-3
            )
        others = ~self.ALLOWED & ~np.eye(6, dtype=bool)
        assert (fit.weights[others] == 0).all() and fit.converged.all()

    def test_all_pairs_are_the_usual_fit_and_blocks_change_nothing(self, recording):
        _, spikes = recording
        usual = fit_glm(spikes, CONFIG, progress=False)
        every = fit_glm(spikes, CONFIG, progress=False, allowed=np.ones((6, 6)))
        np.testing.assert_allclose(every.weights, usual.weights, atol=1e-6)
        one, two = (
            fit_glm(spikes, CONFIG, progress=False, n_blocks=n, allowed=self.ALLOWED)
            for n in (1, 2)
        )
        np.testing.assert_allclose(one.weights, two.weights, atol=1e-3)

    def test_a_pair_that_may_not_be_is_not_tested(self, recording):
        _, spikes = recording
        fit = fit_glm(spikes, CONFIG, progress=False, allowed=self.ALLOWED)
        p = coupling_test(fit, spikes).p_values()
        others = ~self.ALLOWED & ~np.eye(6, dtype=bool)
        assert (p[others] == 1).all() and (p[self.ALLOWED & ~np.eye(6, dtype=bool)] < 1).all()

    @pytest.mark.parametrize(
        ("allowed", "config", "message"),
        [
            (np.ones((5, 6)), CONFIG, r"allowed must have the shape \(6, 6\)"),
            (np.ones((6, 6)), GLMConfig(solver="adam"), "allowed must be None with"),
        ],
    )
    def test_what_cannot_be_is_refused(self, recording, allowed, config, message):
        with pytest.raises(ValueError, match=message):
            fit_glm(recording[1], config, progress=False, allowed=allowed)


class TestChooseL2:
    def test_spikes_without_couplings_want_the_most_of_it(self):
        chosen = choose_l2(independent(0, n_neurons=8, n_bins=20_000), progress=False, n_blocks=3)
        assert chosen.config.l2 == max(CANDIDATES)
        assert (chosen.table["gain"] < 0.02).all()

    def test_strong_couplings_want_little_of_it(self, recording):
        chosen = choose_l2(recording[1], candidates=(1.0, 1e4), progress=False)
        assert chosen.config.l2 == 1.0
        gains = chosen.table.set_index("l2")["gain"]
        assert gains[1.0] > gains[1e4] and gains[1.0] > 0
        assert list(chosen.table) == ["l2", "gain", "se"] and (chosen.table["se"] > 0).all()

    def test_a_gain_is_that_of_a_fit_by_hand(self, recording):
        spikes = recording[1]
        table = choose_l2(spikes, CONFIG, candidates=(2.0,), n_blocks=2, progress=False).table
        halves = spikes.split(0.5)
        by_hand = []
        for train, test in (halves, halves[::-1]):
            fit = fit_glm(train, CONFIG, progress=False)
            rates = train.rates * 1e-3
            spiked = test.binned(1e-3).sum(axis=0)
            n_bins = round(test.duration / 1e-3)
            constant = spiked * np.log(rates) + (n_bins - spiked) * np.log(1 - rates)
            gain = (fit.log_likelihood(test) * n_bins - constant).sum() / len(test)
            by_hand.append(gain)
        assert table["gain"].item() == pytest.approx(np.mean(by_hand), rel=1e-3)

    def test_no_filter_reaches_across_what_is_held_out(self, recording):
        spikes = recording[1]
        rest = _without(spikes, 5.0, 10.0)
        np.testing.assert_allclose(rest.epochs, [[0, 5], [10, 20]])
        assert not ((rest.times >= 5) & (rest.times < 10)).any()
        assert len(rest) + len(spikes.select(start=5.0, stop=10.0)) == len(spikes)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"candidates": ()}, "at least one penalty"),
            ({"n_blocks": 1}, "n_blocks must be at least 2, got 1"),
            ({"candidates": (-1.0,)}, "l2 must be a number >= 0"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, recording, options, message):
        with pytest.raises(ValueError, match=message):
            choose_l2(recording[1], progress=False, **options)

    def test_a_group_lasso_is_chosen_by_the_same_blocks(self, recording):
        spikes, options = recording[1], {"n_blocks": 2, "progress": False}
        chosen = choose_penalty(spikes, "group_lasso", CONFIG, candidates=(0.0, 1e4), **options)
        assert chosen.config.group_lasso == 0.0 and chosen.config.l2 == CONFIG.l2
        gains = chosen.table.set_index("group_lasso")["gain"]
        same = choose_l2(spikes, CONFIG, candidates=(CONFIG.l2,), **options).table["gain"].item()
        assert gains[0.0] == same and gains[1e4] < same
        with pytest.raises(ValueError, match='name must be "l2" or "group_lasso", got'):
            choose_penalty(spikes, "lasso", candidates=(1.0,))

    def test_the_fit_with_it_is_one_call(self, recording):
        chosen = choose_l2(recording[1], candidates=(1.0, 10.0), n_blocks=2, progress=False)
        fit = fit_glm(recording[1], chosen.config, progress=False)
        assert isinstance(chosen.table, pd.DataFrame) and fit.config.l2 == chosen.config.l2
