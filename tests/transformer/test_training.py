"""Training: it learns, it resumes bit for bit after a kill, it trusts no broken file."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load, save

from lgl_core.networks.network import Network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer import _run as training_run
from lgl_core.transformer import training
from lgl_core.transformer._run import CHECKPOINTS, Run, set_aside
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.model import TransformerConfig
from lgl_core.transformer.tokens import IntervalVocabulary, tokenize
from lgl_core.transformer.training import (
    TrainConfig,
    baselines,
    evaluate,
    first_steps,
    train,
    train_ensemble,
)
from tests.disk.test_atomic import full_disk, make_old, python
from tests.house import ROOT

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
sys.path.insert(0, {root!r})
from tests.transformer.test_training import *
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
    script = SCRIPT.format(root=str(ROOT), directory=str(directory))
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
    seen, last, deadline = 0, written_at(path), time.time() + 60
    while seen < n:
        assert time.time() < deadline, "no checkpoint appeared"
        now = written_at(path)
        if now not in (None, last):
            seen, last = seen + 1, now
        time.sleep(0.001)


def written_at(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # it makes room for the next one
        return None


@pytest.mark.slow
@pytest.mark.parametrize("decay", [False, True])
def test_an_interrupted_run_loses_at_most_the_steps_since_its_checkpoint(
    tokens, tmp_path, monkeypatch, decay
):
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


def test_a_stride_of_one_shows_a_token_as_often_as_a_sequence_is_long(tokens, tmp_path):
    """The original code's epoch: every window, each once, in full batches."""
    architecture, every = config(), replace(QUICK, stride=1, epochs=1)
    run = Run(tokens[0], tokens[1], architecture, every, None, map, torch.device("cpu"))
    starts = np.concatenate(run.batches(0))
    n_windows = len(tokens[0]) - architecture.context
    assert len(starts) == n_windows // QUICK.batch_size * QUICK.batch_size
    assert len(np.unique(starts)) == len(starts) and starts.max() < n_windows
    with pytest.raises(ValueError, match="stride must be at least 1"):
        replace(QUICK, stride=0)


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


def spoilt(weights, how):
    """Give the content of a file of weights that nobody can use."""
    if how == "not finite":
        tensors = load(weights)
        tensors["neuron_head.bias"][0] = torch.nan
        return save(tensors)
    return {"truncated": weights[: len(weights) // 2], "empty": b"", "something else": b"PK" * 99}[
        how
    ]


@pytest.fixture(scope="module")
def finished(tokens, tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished")
    train(*tokens, config(), QUICK, directory=directory, progress=False)
    return directory


@pytest.fixture
def directory(finished, tmp_path):
    """A copy of a finished training."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["truncated", "empty", "something else", "not finite"])
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "model.safetensors"])
def test_a_damaged_file_is_kept_said_and_made_again(tokens, directory, name, how):
    weights = (directory / "model.safetensors").read_bytes()
    damaged = spoilt(weights, how)
    (directory / "model.safetensors").unlink()
    (directory / name).write_bytes(damaged)
    (directory / f"{name}.damaged").write_bytes(b"of an earlier time")
    with pytest.warns(UserWarning, match=f"{name} is damaged: .* kept as {name}.damaged1"):
        train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert (directory / "model.safetensors").read_bytes() == weights
    assert (directory / f"{name}.damaged1").read_bytes() == damaged
    assert (directory / f"{name}.damaged").read_bytes() == b"of an earlier time"


def test_what_is_damaged_never_takes_the_name_of_what_was(directory):
    for name in ("a", "a.damaged", "a.damaged2"):
        (directory / name).write_text(name)
    with pytest.warns(UserWarning, match="because; it is kept as a.damaged1"):
        set_aside(directory / "a", "because")
    for name in ("a.damaged", "a.damaged2"):
        assert (directory / name).read_text() == name


@pytest.fixture(scope="module")
def stopped(tokens, tmp_path_factory):
    """A training that was stopped at its eighth step of 27, and has noted each before."""
    directory, step, calls = tmp_path_factory.mktemp("stopped"), training_run.Run.step, []

    def interrupted(run, *batch):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        step(run, *batch)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training_run.Run, "step", interrupted)
        train(*tokens, config(), QUICK, directory=directory, checkpoint_every=1, progress=False)
    assert {path.name for path in directory.iterdir()} == set(CHECKPOINTS)
    return directory


@pytest.mark.slow
@pytest.mark.parametrize(("damaged", "n_before"), [((), 7), ((0,), 6), ((1,), 7), ((0, 1), 0)])
def test_a_bit_that_flips_in_a_checkpoint_costs_the_steps_since_the_one_before(
    tokens, stopped, finished, tmp_path, monkeypatch, damaged, n_before
):
    directory, step, calls = Path(shutil.copytree(stopped, tmp_path / "copy")), Run.step, []
    for number in damaged:
        path = directory / CHECKPOINTS[number]
        path.write_bytes(flipped(path.read_bytes(), -5))
    monkeypatch.setattr(training_run.Run, "step", lambda *a: (calls.append(1), step(*a)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        resumed = train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert len(calls) == len(resumed.steps) - n_before
    assert same_file(directory, finished, "model.safetensors")
    read = damaged if 0 in damaged else ()  # the one before is read where it is needed
    for number, warning in zip(read, said, strict=True):
        assert f"it is kept as {CHECKPOINTS[number]}.damaged, and" in str(warning.message)
    assert len(list(directory.glob("*.damaged"))) == len(read)


def flipped(content, place, bit=3):
    content = bytearray(content)
    content[place] ^= 1 << bit
    return bytes(content)


def same_file(directory, other, name):
    return (directory / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.slow
def test_a_bit_that_flips_in_finished_weights_costs_the_training_not_the_truth(
    tokens, directory, finished
):
    path = directory / "model.safetensors"
    damaged = flipped(path.read_bytes(), -5, bit=0)  # of a mantissa: another finite weight
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match="does not match its checksum; it is kept as model.safe"):
        train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert same_file(directory, finished, "model.safetensors")
    assert (directory / "model.safetensors.damaged").read_bytes() == damaged


def test_a_checkpoint_without_a_checksum_is_left_alone(tokens, directory):
    """Nothing proves it damaged, and nothing proves it whole."""
    weights = load((directory / "model.safetensors").read_bytes())
    (directory / "model.safetensors").unlink()
    old = save(weights, metadata={"progress": "{}", "settings": "[]"})
    (directory / "checkpoint.safetensors").write_bytes(old)
    before = contents(directory)
    with pytest.raises(ValueError, match="checkpoint.safetensors has no checksum: .*move it away"):
        train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert contents(directory) == before


@contextmanager
def no_more_open_files():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("model.safetensors", (training, "_read_finished")),
        ("checkpoint.safetensors", (training_run.Run, "_restore")),
    ],
)
def test_what_cannot_be_opened_now_is_raised_and_left_alone(
    tokens, directory, monkeypatch, name, reader
):
    os.rename(directory / "model.safetensors", directory / name)
    before = contents(directory)
    read = getattr(*reader)

    def hindered(*given):
        with no_more_open_files():
            return read(*given)

    monkeypatch.setattr(*reader, hindered)
    with pytest.raises(OSError, match=f"Too many open files: .*{name}") as raised:
        train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert f"{name} could not be read, which does not prove" in raised.value.__notes__[0]
    assert contents(directory) == before


@pytest.mark.parametrize("most", [1_000, 5_000, 20_000])
def test_a_full_disk_stops_a_training_that_goes_on_once_there_is_room(
    tokens, tmp_path, finished, most
):
    """The limits let through no file at all, the weights but no checkpoint, some checkpoints."""
    given = dict(directory=tmp_path, checkpoint_every=5, progress=False)
    with full_disk(most), pytest.raises(OSError, match="File too large") as raised:
        train(*tokens, config(), QUICK, **given)
    assert "could not be written, and is what it was before" in raised.value.__notes__[0]
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob("model*"))
    train(*tokens, config(), QUICK, **given)
    assert same_file(tmp_path, finished, "model.safetensors")


def test_a_full_disk_does_not_cost_the_last_checkpoint(tokens, stopped, finished, tmp_path):
    directory = Path(shutil.copytree(stopped, tmp_path / "copy"))
    with full_disk(), pytest.raises(OSError, match="File too large"):
        train(*tokens, config(), QUICK, directory=directory, checkpoint_every=1, progress=False)
    (latest,) = contents(directory).values()
    assert latest == (stopped / CHECKPOINTS[0]).read_bytes()
    train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert same_file(directory, finished, "model.safetensors")


def test_remains_of_a_finished_training_go_a_day_later(tokens, directory, stopped):
    names = [*CHECKPOINTS, "model.partial", "checkpoint.safetensors.0123456789abcdef.partial"]
    for name in names:
        shutil.copy(stopped / CHECKPOINTS[0], directory / name)
    (directory / "checkpoint.safetensors.damaged").touch()
    before = set(contents(directory))
    train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert set(contents(directory)) == before, "another process may have written them right now"
    make_old(*directory.iterdir())
    train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert set(contents(directory)) == before - set(names)


def test_checkpoints_of_a_training_that_is_not_finished_stay_however_old(
    tokens, stopped, tmp_path, monkeypatch
):
    directory, steps = Path(shutil.copytree(stopped, tmp_path / "copy")), []
    make_old(*directory.iterdir())
    monkeypatch.setattr(training_run.Run, "go", lambda run, *_: steps.extend(run.steps) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(*tokens, config(), QUICK, directory=directory, progress=False)
    assert len(steps) == 7


AT_ONCE = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.transformer.test_training import *
tokens = split_tokens(chain_spikes())
for line in sys.stdin:
    train(*tokens, config(), QUICK, directory=Path(line.strip()), checkpoint_every=1,
          n_threads=1, progress=False)
    print("done", flush=True)
"""


@pytest.mark.slow
def test_two_processes_that_train_one_model_both_end_with_it(tokens, finished, tmp_path):
    other = python(AT_ONCE.format(root=str(ROOT)))
    for number in range(4):  # the first time, the other one comes late
        directory = tmp_path / str(number)
        other.stdin.write(f"{directory}\n"), other.stdin.flush()
        mine = train(
            *tokens, config(), QUICK, directory=directory, checkpoint_every=1, progress=False
        )
        assert other.stdout.readline() == "done\n"
        assert same_file(directory, finished, "model.safetensors")
        assert same_weights(mine, train(*tokens, config(), QUICK, directory=directory))
        assert set(contents(directory)) == set(contents(finished))
    other.communicate()
    assert other.returncode == 0


@pytest.mark.parametrize(
    ("architecture", "training_config"),
    [(config(width=20), QUICK), (config(), replace(QUICK, learning_rate=1e-4))],
)
def test_a_directory_is_of_one_training(
    tokens, tmp_path, monkeypatch, architecture, training_config
):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training, "save_model", interrupted)
        train(*tokens, config(), QUICK, directory=tmp_path, progress=False)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="other settings, .*a directory of its own"):
        train(*tokens, architecture, training_config, directory=tmp_path, progress=False)
    assert contents(tmp_path) == before
    train(*tokens, config(), QUICK, directory=tmp_path, progress=False)


def test_a_finished_model_is_read_as_what_it_is(tokens, directory):
    with pytest.raises(ValueError, match="another architecture, .*width=16"):
        train(*tokens, config(width=20), QUICK, directory=directory, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("wild", [{"learning_rate": 1e10}, {"learning_rate": 1e38}])
@pytest.mark.parametrize("checkpoint_every", [1, 50])
def test_a_training_that_diverges_stops_and_is_never_finished(
    tokens, tmp_path, wild, checkpoint_every
):
    given = dict(directory=tmp_path, checkpoint_every=checkpoint_every, progress=False)
    rate = f"{wild['learning_rate']:g}"
    for _ in range(2):  # again from what is left there
        with pytest.raises(FloatingPointError) as stopped, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a checkpoint that is set aside
            train(*tokens, config(), replace(QUICK, **wild), **given)
        said = re.escape(f"of 3, at a learning rate of {rate}: ") + ".*lower learning_rate than"
        assert re.search(r"diverged at step \d+, in epoch 1 " + said, str(stopped.value))
        assert not list(tmp_path.glob("model*"))
    train(*tokens, config(), QUICK, directory=tmp_path / "its own", progress=False)


@pytest.mark.parametrize("part", ["coupling.weight", "neuron_head.bias", "interval_head.bias"])
def test_a_gradient_or_a_weight_that_is_nan_stops_it_as_a_loss_does(
    tokens, tmp_path, monkeypatch, part
):
    coupled = config(n_layers=0, coupling=CouplingConfig())
    step = training_run.gradient_step

    def broken(model, *given):
        losses = step(model, *given)
        dict(model.named_parameters())[part].grad.view(-1)[0] = torch.nan
        return losses

    monkeypatch.setattr(training_run, "gradient_step", broken)
    with pytest.raises(FloatingPointError, match="diverged at step 1, .* losses of [0-9.]+ and"):
        train(*tokens, coupled, QUICK, directory=tmp_path, progress=False)
    monkeypatch.setattr(training_run, "gradient_step", step)

    def broken_too(run, *given):
        with torch.no_grad():
            dict(run.model.named_parameters())[part].view(-1)[0] = torch.inf

    monkeypatch.setattr(training_run.Run, "_check", broken_too)
    with pytest.raises(FloatingPointError, match="diverged"):
        train(*tokens, coupled, QUICK, directory=tmp_path / "weight", progress=False)
    assert not list(tmp_path.rglob("model*"))


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
