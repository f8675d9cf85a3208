"""The transformer on voltages: what it may see, what it learns, how it is read."""

import numpy as np
import pytest
import torch

from lgl_core.baselines.voltages import (
    VoltageConfig,
    VoltageModel,
    _windows,
    train_on_voltages,
    variance_explained,
    voltage_attention,
    voltage_gradient_energy,
)

SMALL = {"context": 4, "width": 16, "n_heads": 4, "epochs": 4}


def driven(n_steps=1200, seed=0):
    """Neuron 1 follows the last step of 0, and 2 is alone; in mV."""
    noise = np.random.default_rng(seed).normal(size=(n_steps, 3))
    voltages = noise.copy()
    for step in range(1, n_steps):
        voltages[step] += 0.3 * voltages[step - 1]
        voltages[step, 1] += 1.5 * voltages[step - 1, 0]
    return 5 * voltages - 60


@pytest.fixture(scope="module")
def model():
    return train_on_voltages(driven(), VoltageConfig(**SMALL), progress=False)


def untrained(n_neurons=4, **changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VoltageModel(VoltageConfig(**SMALL | changes), n_neurons).eval()
        torch.nn.init.normal_(model.all.in_proj_weight, std=0.5)
    return model


class TestModel:
    def test_attention_is_even_at_first_and_shares_sum_to_one(self):
        windows = torch.randn(5, 4, 3)
        config = VoltageConfig(**SMALL)
        predicted, attention = VoltageModel(config, 3).eval()(windows)
        assert predicted.shape == (5, 3)
        torch.testing.assert_close(attention, torch.full((5, 3, 3), 1 / 3))
        _, attention = untrained(3)(windows)
        assert attention.std() > 0.01
        torch.testing.assert_close(attention.sum(dim=2), torch.ones(5, 3))

    def test_neurons_in_another_order_are_the_same_neurons(self):
        model, windows, order = untrained(), torch.randn(3, 4, 4), [2, 0, 3, 1]
        predicted, attention = model(windows)
        model.neuron.data = model.neuron.data[order]
        again, turned = model(windows[..., order])
        torch.testing.assert_close(again, predicted[:, order])
        torch.testing.assert_close(turned, attention[:, order][:, :, order])

    def test_a_window_is_read_without_the_others(self):
        model, windows = untrained(), torch.randn(6, 4, 4)
        for part in (slice(2, 3), slice(4, 6)):
            torch.testing.assert_close(model(windows[part])[0], model(windows)[0][part])

    def test_the_neurons_of_others_reach_a_prediction_by_the_last_attention_alone(self):
        model, windows = untrained(), torch.randn(2, 4, 4)
        torch.nn.init.zeros_(model.all.out_proj.weight)
        changed = windows.clone()
        changed[..., 3] += 1
        same, other = model(windows)[0], model(changed)[0]
        torch.testing.assert_close(same[:, :3], other[:, :3])
        assert not torch.allclose(same[:, 3], other[:, 3])


class TestTraining:
    def test_windows_are_followed_by_their_targets(self):
        voltages = driven(50)
        windows, targets = _windows(voltages, VoltageConfig(**SMALL))
        normed = (voltages - voltages.mean(axis=0)) / voltages.std(axis=0)
        assert windows.shape == (46, 4, 3)
        np.testing.assert_allclose(windows[7], normed[7:11], rtol=1e-5)
        np.testing.assert_allclose(targets[7], normed[11], rtol=1e-5)

    def test_a_spike_is_cut_off(self):
        voltages = driven(50)
        voltages[10] = 25.0
        high = voltages.copy()
        high[10, 0] = 500.0
        low = np.minimum(high, 20.0)
        first, second = (_windows(v, VoltageConfig(**SMALL, peak=20.0))[0] for v in (high, low))
        torch.testing.assert_close(first, second)

    def test_it_predicts_what_can_be_predicted_and_looks_at_who_drives(self, model):
        # Of neuron 1 about three quarters can be known, of the others a tenth.
        assert 0.2 < variance_explained(model, driven(seed=1)) < 0.5
        attention, energy = (
            read(model, driven()) for read in (voltage_attention, voltage_gradient_energy)
        )
        for graph in (attention, energy):
            assert not np.diagonal(graph).any() and (graph >= 0).all()
        assert energy[1, 0] > 5 * np.delete(energy.ravel(), 3).max()
        assert attention[1, 0] > attention[1, 2]

    def test_same_seed_same_weights_and_the_callers_randomness_is_left_alone(self):
        before = torch.get_rng_state()
        one, same, other = (
            train_on_voltages(
                driven(100), VoltageConfig(**SMALL | {"epochs": 1}, seed=seed), progress=False
            )
            for seed in (1, 1, 2)
        )
        assert torch.equal(before, torch.get_rng_state())
        assert torch.equal(one.readout.weight, same.readout.weight)
        assert not torch.equal(one.readout.weight, other.readout.weight)

    def test_a_training_that_diverges_is_no_model(self):
        config = VoltageConfig(**SMALL, learning_rate=1e30)
        with pytest.raises(FloatingPointError, match="lower the learning_rate of"):
            train_on_voltages(driven(200), config, progress=False)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"context": 0}, "context must be above 0, got 0"),
            ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
            ({"n_heads": 3}, "n_heads must divide width = 16, got 3"),
            ({"peak": float("nan")}, "peak must be a finite number"),
        ],
    )
    def test_a_bad_setting_is_named(self, changes, message):
        with pytest.raises(ValueError, match=message):
            VoltageConfig(**SMALL | changes)

    @pytest.mark.parametrize(
        ("voltages", "message"),
        [
            (np.zeros(5), r"samples must be finite, of shape \(n_steps, n_neurons\)"),
            (np.full((50, 2), np.nan), "samples must be finite"),
            (np.zeros((50, 2)), "samples must vary: neuron 0 has one value throughout"),
            (driven(4), "voltages must have more steps than a context of 4, got 4"),
        ],
    )
    def test_bad_voltages_are_named(self, voltages, message):
        with pytest.raises(ValueError, match=message):
            train_on_voltages(voltages, VoltageConfig(**SMALL))


class TestReadings:
    def test_attention_is_a_mean_over_windows(self):
        model, voltages = untrained(3), driven(700)
        with torch.no_grad():
            expected = model(_windows(voltages, model.config)[0])[1].mean(dim=0).numpy()
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(voltage_attention(model, voltages), expected, atol=1e-6)

    def test_energy_is_the_square_of_finite_differences(self):
        model, voltages = untrained(3).double(), driven(12)
        windows = _windows(voltages, model.config)[0].double()
        expected, step = np.zeros((3, 3)), 1e-5
        with torch.no_grad():
            for pre in range(3):
                for place in range(4):
                    up, down = windows.clone(), windows.clone()
                    up[:, place, pre] += step
                    down[:, place, pre] -= step
                    slopes = (model(up)[0] - model(down)[0]) / (2 * step)
                    expected[:, pre] += slopes.square().mean(dim=0).numpy()
        np.fill_diagonal(expected, 0)
        energy = voltage_gradient_energy(model.float(), voltages)
        np.testing.assert_allclose(energy, expected, rtol=1e-3)
