"""Training: it learns, it resumes bit for bit after a kill, it trusts no broken file."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from lgl_core.lif import simulate
from lgl_core.networks import Network
from lgl_core.spikes import SpikeTrains
from lgl_core.tokens import IntervalVocabulary, tokenize
from lgl_core.training import (
    TrainConfig,
    baselines,
    evaluate,
    first_steps,
    train,
    train_ensemble,
)
from lgl_core.transformer import TransformerConfig

VOCABULARY = IntervalVocabulary(fine_width=1e-3, n_fine=8, n_coarse=4)


def chain_spikes(n_spikes=6000, seed=0):
    """Five neurons in which k is mostly followed by k + 1, sooner after even ids than odd ones."""
    rng = np.random.default_rng(seed)
    neurons = np.zeros(n_spikes, int)
    for k in range(1, n_spikes):
        neurons[k] = (neurons[k - 1] + 1) % 5 if rng.random() < 0.9 else rng.integers(5)
    intervals = rng.exponential(np.where(np.roll(neurons, 1) % 2 == 0, 1e-3, 20e-3))
    times = np.cumsum(intervals)
    return SpikeTrains(times=times, neurons=neurons, n_neurons=5, duration=times[-1] + 1)


def split_tokens(spikes):
    return [tokenize(part, VOCABULARY) for part in spikes.split(0.8)]


def config(**changes):
    return TransformerConfig(
        **{"n_neurons": 5, "n_classes": 12, "n_layers": 1, "n_heads": 2, "width": 16}
        | {"context": 16, "interval_weight": 1.0}
        | changes
    )


QUICK = TrainConfig(epochs=3, batch_size=32, learning_rate=3e-3)


@pytest.fixture(scope="module")
def tokens():
    return split_tokens(chain_spikes())


@pytest.mark.slow
def test_learns_a_chain_far_beyond_both_baselines(tokens, tmp_path):
    trained = train(*tokens, config(), QUICK, directory=tmp_path, progress=False)
    last, without_history = trained.history.iloc[-1], baselines(*tokens)
    assert last.valid_neuron < without_history["neuron"] - 0.5
    assert last.valid_interval < without_history["interval"] - 0.1
    # The chain's own entropy is the floor: nobody can do better, up to sampling error.
    p = 0.9 + 0.1 / 5
    entropy = -p * np.log(p) - 4 * 0.02 * np.log(0.02)
    assert last.valid_neuron > entropy - 0.05
    assert list(trained.history.epoch) == [0, 1, 2, 3]
    per_epoch = len(trained.steps) // 3
    np.testing.assert_allclose(
        trained.steps.iloc[:per_epoch].mean(),
        trained.history.loc[1, ["train_neuron", "train_interval"]].to_numpy(float),
    )
    np.testing.assert_allclose(
        evaluate(trained.model, tokens[1], 32), (last.valid_neuron, last.valid_interval), rtol=1e-6
    )


@pytest.mark.slow
def test_beats_both_baselines_on_a_simulated_network(tmp_path):
    weights = np.zeros((20, 20))
    weights[1:, 0] = 12.0
    spikes = simulate(Network(weights=weights, hubs=[0]), duration=60.0, seed=0)
    tokens = split_tokens(spikes)
    trained = train(
        *tokens,
        config(n_neurons=20),
        TrainConfig(epochs=6, batch_size=16, learning_rate=3e-3),
        directory=tmp_path,
        progress=False,
    )
    last, without_history = trained.history.iloc[-1], baselines(*tokens)
    assert last.valid_neuron < without_history["neuron"]
    assert last.valid_interval < without_history["interval"]


@pytest.mark.slow
def test_the_first_steps_of_a_training_can_be_repeated(tokens, tmp_path):
    trained = train(*tokens, config(dropout=0.2), QUICK, directory=tmp_path, progress=False)
    again = first_steps(tokens[0], config(dropout=0.2), QUICK, n_steps=5)
    pd.testing.assert_frame_equal(again, trained.steps[:5], atol=1e-6)
    whole = first_steps(tokens[0], config(dropout=0.2), QUICK, n_steps=10_000)
    pd.testing.assert_frame_equal(whole, trained.steps, atol=1e-5)
    with pytest.raises(ValueError, match="n_steps must be at least 1, got 0"):
        first_steps(tokens[0], config(), QUICK, n_steps=0)


@pytest.mark.slow
def test_baselines_are_cross_entropies_of_smoothed_frequencies(tokens):
    train_tokens, valid_tokens = tokens
    total = 0.0
    for neuron in valid_tokens.neurons:
        count = sum(train_tokens.neurons == neuron) + 1
        total -= np.log(count / (len(train_tokens) + 5))
    expected = total / len(valid_tokens)
    assert baselines(*tokens)["neuron"] == pytest.approx(expected)


@pytest.mark.slow
def test_same_seed_same_weights_and_the_global_generator_is_left_alone(tokens, tmp_path):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    runs = [
        train(
            *tokens,
            config(),
            TrainConfig(epochs=1, batch_size=32, seed=seed),
            directory=tmp_path / str(k),
            progress=False,
        )
        for k, seed in enumerate([0, 0, 1])
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert same_weights(runs[0], runs[1])
    assert not same_weights(runs[0], runs[2])


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit(tokens, tmp_path):
    runs = [
        train(
            *tokens,
            config(dropout=0.2, context=128),
            TrainConfig(epochs=1, batch_size=32),
            directory=tmp_path / str(n_threads),
            n_threads=n_threads,
            progress=False,
        )
        for n_threads in (1, 2)
    ]
    assert same_weights(*runs)


def same_weights(first, second):
    a, b = first.model.state_dict(), second.model.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import *
print("ready", flush=True)
train(*split_tokens(chain_spikes()), config(dropout=0.2), TrainConfig(epochs=4, batch_size=32),
      directory=Path({directory!r}), checkpoint_every=1, progress=False)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_for_bit(tokens, tmp_path):
    """SIGKILL twice at arbitrary moments, start again, compare with a run left alone."""
    arguments = (*tokens, config(dropout=0.2), TrainConfig(epochs=4, batch_size=32))
    undisturbed = train(*arguments, directory=tmp_path / "undisturbed", progress=False)
    directory = tmp_path / "killed"
    script = SCRIPT.format(tests=os.path.dirname(__file__), directory=str(directory))
    for steps in (1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        wait_for_checkpoints(directory / "checkpoint.safetensors", steps)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (directory / "model.safetensors").exists()
    resumed = train(*arguments, directory=directory, progress=False)
    assert same_weights(undisturbed, resumed)
    columns = ["train_neuron", "train_interval", "valid_neuron", "valid_interval"]
    np.testing.assert_array_equal(undisturbed.history[columns], resumed.history[columns])
    np.testing.assert_array_equal(undisturbed.steps, resumed.steps)
    assert not list(directory.glob("*.partial")) and not list(directory.glob("checkpoint*"))


def wait_for_checkpoints(path, n):
    """Wait until the checkpoint has been written ``n`` times more."""
    seen, last, deadline = 0, path.stat().st_mtime_ns if path.exists() else None, time.time() + 60
    while seen < n:
        assert time.time() < deadline, "no checkpoint appeared"
        now = path.stat().st_mtime_ns if path.exists() else None
        if now != last:
            seen, last = seen + 1, now
        time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [False, True])
def test_an_interrupted_run_loses_at_most_the_steps_since_its_checkpoint(
    tokens, tmp_path, monkeypatch, decay
):
    from lgl_core import training_run

    quick = replace(QUICK, decay=decay)

    step, calls = training_run.Run.step, []

    def interrupted(run, *batch):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        step(run, *batch)

    monkeypatch.setattr(training_run.Run, "step", interrupted)
    arguments = dict(directory=tmp_path, checkpoint_every=3, progress=False)
    with pytest.raises(KeyboardInterrupt):
        train(*tokens, config(), quick, **arguments)
    assert (tmp_path / "checkpoint.safetensors").exists()
    calls.clear()
    monkeypatch.setattr(training_run.Run, "step", lambda *a: (calls.append(1), step(*a)))
    resumed = train(*tokens, config(), quick, **arguments)
    n_steps = len(calls) + 6
    calls.clear()
    whole = train(*tokens, config(), quick, directory=tmp_path / "whole", progress=False)
    assert n_steps == len(calls)
    assert same_weights(whole, resumed)


@pytest.mark.slow
def test_a_decaying_learning_rate_ends_at_zero_and_moves_nothing_there(tokens, tmp_path):
    decaying = replace(QUICK, decay=True)
    rates = [decaying.learning_rate_at(done) for done in np.linspace(0, 3, 61)]
    assert rates[0] == 3e-3 and rates[-1] == 0 and np.all(np.diff(rates) < 0)
    assert decaying.learning_rate_at(1.5) == pytest.approx(1.5e-3), "half of it in the middle"
    assert {QUICK.learning_rate_at(done) for done in (0, 1.5, 3)} == {3e-3}
    steady, fell = (
        train(*tokens, config(), quick, directory=tmp_path / str(quick.decay), progress=False)
        for quick in (QUICK, decaying)
    )
    moved = [abs(np.diff(m.history["valid_neuron"]))[-1] for m in (steady, fell)]
    assert moved[1] < moved[0], "the last epoch changes less"


def test_a_finished_run_is_read_back_not_trained_again(tokens, tmp_path):
    first = train(*tokens, config(), QUICK, directory=tmp_path, progress=False)
    written = (tmp_path / "model.safetensors").stat().st_mtime_ns
    again = train(*tokens, config(), QUICK, directory=tmp_path, progress=False)
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == written
    assert same_weights(first, again)
    np.testing.assert_allclose(first.history.to_numpy(), again.history.to_numpy())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.safetensors", "model.json", "history.csv", "steps.csv"}
    pd.testing.assert_frame_equal(first.steps, again.steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "model.safetensors"])
def test_a_truncated_file_is_said_and_done_again(tokens, tmp_path, name):
    whole = train(*tokens, config(), QUICK, directory=tmp_path / "a", progress=False)
    data = (tmp_path / "a" / "model.safetensors").read_bytes()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / name).write_bytes(data[: len(data) // 2])
    (tmp_path / "b" / "model.json").write_text((tmp_path / "a" / "model.json").read_text())
    with pytest.warns(UserWarning, match="unreadable"):
        again = train(*tokens, config(), QUICK, directory=tmp_path / "b", progress=False)
    assert same_weights(whole, again)


@pytest.mark.slow
def test_an_ensemble_equals_its_models_trained_alone(tokens, tmp_path):
    configs = [config(), config(time_embedding="rotary"), config()]
    quick = TrainConfig(epochs=1, batch_size=32, seed=4)
    directories = [tmp_path / str(m) for m in range(3)]
    ensemble = train_ensemble(
        *tokens, configs, quick, directories=directories, n_jobs=2, progress=False
    )
    assert [trained.model.config for trained in ensemble] == configs
    assert not same_weights(ensemble[0], ensemble[2])
    alone = train(
        *tokens,
        config(),
        TrainConfig(epochs=1, batch_size=32, seed=5),
        directory=tmp_path / "alone",
        progress=False,
    )
    assert same_weights(alone, ensemble[2])


def test_bad_values_are_named(tokens, tmp_path):
    with pytest.raises(ValueError, match="n_neurons of the model must be that of the tokens, 5"):
        train(*tokens, config(n_neurons=6), directory=tmp_path)
    with pytest.raises(ValueError, match="a window takes"):
        train(*tokens, config(context=10_000), directory=tmp_path)
    bad = {"epochs": 0, "learning_rate": 0.0, "seed": -1, "batch_size": 0, "precision": "float16"}
    for field, value in bad.items():
        with pytest.raises(ValueError, match=field):
            TrainConfig(**{field: value})
