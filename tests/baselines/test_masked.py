"""The masked model: what it may see, what it learns of simple trains, and how it is asked."""

import numpy as np
import pytest
import torch

from lgl_core.baselines.masked import (
    MaskedConfig,
    MaskedModel,
    _windows,
    masked_connectivity,
    train_masked,
)
from tests.baselines.test_pairwise import poisson, recording
from tests.gapped import gapped_trains

SMALL = {"context": 8, "width": 16, "n_heads": 2, "epochs": 20, "batch_size": 16}


def pair(lag_in_bins: int):
    """Neuron 1 repeats 0 so many bins of 10 ms later; 2 is alone."""
    rng = np.random.default_rng(0)
    bins = np.flatnonzero(rng.random(12_000) < 0.2)
    first = bins / 100 + 0.005
    return recording(first, first[:-5] + lag_in_bins / 100, poisson(rng, 20, 120.0), duration=120.0)


@pytest.fixture(scope="module")
def at_once():
    return pair(0)


@pytest.fixture(scope="module")
def model(at_once):
    return train_masked(at_once, MaskedConfig(**SMALL))


class TestTraining:
    def test_starts_from_the_mean_rates(self, at_once):
        means = at_once.binned(0.01).mean(axis=0)
        fresh = MaskedModel(MaskedConfig(**SMALL), means)
        predicted = fresh(torch.zeros(1, 8, 3)).exp().mean(dim=(0, 1)).detach().numpy()
        np.testing.assert_allclose(predicted, means, rtol=0.3)

    @pytest.mark.slow
    def test_predicts_hidden_counts_better_than_the_means(self, at_once, model):
        counts = _windows(at_once, model.config).float()
        hidden = torch.zeros(counts.shape, dtype=torch.bool)
        hidden[:, 3, 1] = True
        with torch.no_grad():
            predicted = model(counts.masked_fill(hidden, 0.0))[hidden]
        fired = counts[hidden] > 0
        assert predicted[fired].mean() > predicted[~fired].mean() + 2

    def test_same_seed_same_weights_and_the_callers_randomness_is_left_alone(self, at_once):
        short = at_once.select(stop=5.0)
        before = torch.get_rng_state()
        one, same, other = (
            train_masked(short, MaskedConfig(**SMALL | {"epochs": 1}, seed=seed))
            for seed in (1, 1, 2)
        )
        assert torch.equal(before, torch.get_rng_state())
        assert torch.equal(one.readout.weight, same.readout.weight)
        assert not torch.equal(one.readout.weight, other.readout.weight)

    @pytest.mark.parametrize("rate", [1e3, 1e30])
    def test_a_training_that_diverges_is_no_model(self, at_once, rate):
        config = MaskedConfig(**SMALL | {"epochs": 2}, learning_rate=rate)
        with pytest.raises(FloatingPointError, match="lower learning_rate than"):
            train_masked(at_once.select(stop=5.0), config, progress=False)

    def test_a_batch_of_which_nothing_is_hidden_teaches_nothing(self, at_once):
        config = MaskedConfig(**SMALL | {"epochs": 30, "batch_size": 1}, hidden=0.01)
        few = train_masked(at_once.select(stop=0.2), config, progress=False)
        assert all(weight.isfinite().all() for weight in few.parameters())

    def test_windows_stay_within_epochs(self):
        spikes = gapped_trains(lengths=(0.85, 0.35, 0.5), gaps=(0.1, 0.1))
        counts, borders = spikes.binned(0.01), spikes.bin_borders(0.01)
        windows = _windows(spikes, MaskedConfig(context=20)).numpy()
        starts = [0, 20, 40, 60, borders[1], borders[2], borders[2] + 20]
        assert len(windows) == len(starts)
        for window, start in zip(windows, starts, strict=True):
            np.testing.assert_array_equal(window, counts[start : start + 20])


class TestConnectivity:
    @pytest.mark.slow
    def test_who_fires_together_matters_to_each_other(self, at_once, model):
        graph = masked_connectivity(model, at_once, n_lags=0)
        assert graph[1, 0] > 1 and graph[0, 1] > 1
        assert np.abs(graph[2]).max() < 0.5 > np.abs(graph[:, 2]).max()

    @pytest.mark.slow
    def test_who_fires_a_bin_earlier_matters_a_bin_later(self):
        spikes = pair(1)
        model = train_masked(spikes, MaskedConfig(**SMALL))
        now, earlier = (masked_connectivity(model, spikes, n_lags=n)[1] for n in (0, 1))
        # How steep a trained model gets differs between processors; what it tells apart does not.
        assert earlier[0] > 0 and abs(now[0]) < 0.3 * earlier[0]
        assert abs(earlier[2]) < 0.3 * earlier[0], "the third neuron is alone"

    @pytest.mark.slow
    def test_is_the_slope_of_predictions(self, at_once, model):
        """Against differences of two predictions, in double precision."""
        double = MaskedModel(model.config, np.ones(3)).double().eval()
        double.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
        counts = _windows(at_once, model.config).double()
        counts[:, 4, 1] = 0
        expected = 0.0
        for lag in (0, 1, 2):
            moved = [counts.clone(), counts.clone()]
            for part, change in zip(moved, (1e-5, -1e-5), strict=True):
                part[:, 4 - lag, 0] += change
            with torch.no_grad():
                high, low = (double(part)[:, 4, 1].mean().item() for part in moved)
            expected += (high - low) / 2e-5
        graph = masked_connectivity(model, at_once, n_windows=10**6, n_lags=2)
        assert graph[1, 0] == pytest.approx(expected, rel=1e-3)

    @pytest.mark.slow
    def test_follows_the_neurons_when_these_are_numbered_anew(self, at_once, model):
        order = [2, 0, 1]
        renamed = MaskedModel(model.config, np.ones(3)).eval()
        state = dict(model.state_dict())
        state["embed.weight"] = state["embed.weight"][:, order]
        for name in ("readout.weight", "readout.bias"):
            state[name] = state[name][order]
        renamed.load_state_dict(state)
        expected = masked_connectivity(model, at_once)[np.ix_(order, order)]
        found = masked_connectivity(renamed, at_once.select(order))
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert not np.diagonal(found).any()

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"n_windows": 0}, "n_windows must be at least 1, got 0"),
            ({"n_lags": -1}, "n_lags must lie between 0 and 4, got -1"),
            ({"n_lags": 5}, "n_lags must lie between 0 and 4, got 5"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, at_once, model, changes, message):
        with pytest.raises(ValueError, match=message):
            masked_connectivity(model, at_once, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context": 0}, "context must be at least 1, got 0"),
        ({"epochs": 1.5}, "MaskedConfig.epochs must be a whole number, got 1.5"),
        ({"bin_width": -1}, "bin_width must be a positive number, got -1"),
        ({"hidden": 1.0}, "hidden must lie strictly between 0 and 1, got 1.0"),
        ({"n_heads": 3}, "n_heads must divide width = 128, got 3"),
    ],
)
def test_a_configuration_refuses_what_has_no_meaning(changes, message):
    with pytest.raises(ValueError, match=message):
        MaskedConfig(**changes)


def test_a_recording_shorter_than_a_window_is_refused(at_once):
    with pytest.raises(ValueError, match="context of 32 bins must fit into an epoch"):
        train_masked(at_once.select(stop=0.3))
