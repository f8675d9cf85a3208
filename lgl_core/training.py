"""Training of Neuroformers: held-out losses, checkpoints, resume, ensembles (Appendix B.5)."""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from lgl_core.tokens import Tokens, Windows
from lgl_core.training_devices import device_named, is_first, join, launched, wait
from lgl_core.training_step import (
    OrderedMap,
    Precision,
    baselines,
    check_vocabularies,
    evaluate,
    gradient_step,
    start_from_frequencies,
    threads,
)
from lgl_core.transformer import Neuroformer, TransformerConfig, load_model, save_model

__all__ = [
    "TrainConfig",
    "TrainedModel",
    "baselines",
    "evaluate",
    "first_steps",
    "train",
    "train_ensemble",
]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train.

    Parameters
    ----------
    epochs : int
        Passes over the training tokens.
    batch_size : int
        Sequences per step; 64 in the paper.
    learning_rate : float
        Learning rate of Adam.
    decay : bool
        Whether it falls to zero along half a cosine, or stays what it is, as in the paper.
    seed : int
        Seed of the initial weights, the order of the windows and dropout.
    precision : {"float32", "bfloat16"}
        Of the products of matrices outside attention. Half the bits make wide models much faster
        where the processor knows them; weights, sums and held-out losses stay in single precision.

    Raises
    ------
    ValueError
        If a number is not positive, the seed is negative, or there is no such precision.

    Notes
    -----
    Appendix B.5: Adam, fixed learning rate, batches of 64 sequences. The number of epochs and the
    learning rate are ours.
    """

    epochs: int = 11
    batch_size: int = 64
    learning_rate: float = 1e-3
    decay: bool = False
    seed: int = 0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f'precision must be "float32" or "bfloat16", got {self.precision!r}')

    def learning_rate_at(self, epochs_done: float) -> float:
        """Learning rate of the step that begins when so many epochs are done."""
        share = (1 + math.cos(math.pi * epochs_done / self.epochs)) / 2 if self.decay else 1.0
        return self.learning_rate * share


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model and its way there.

    Parameters
    ----------
    model : Neuroformer
        In evaluation mode.
    history : DataFrame
        One row per epoch, the first before training: ``epoch``, then mean cross-entropies in nats
        per spike ``train_neuron``, ``train_interval``, ``valid_neuron``, ``valid_interval``, and
        ``seconds`` since the start.
    steps : DataFrame
        One row per step of the optimiser: the losses of its batch, ``neuron`` and ``interval``.
    """

    model: Neuroformer
    history: pd.DataFrame = field(repr=False)
    steps: pd.DataFrame = field(repr=False)


def train(
    train_tokens: Tokens,
    valid_tokens: Tokens,
    model_config: TransformerConfig,
    config: TrainConfig | None = None,
    *,
    directory: Path,
    checkpoint_every: int = 50,
    n_threads: int = -1,
    progress: bool = True,
    position: int = 0,
    device: str = "auto",
) -> TrainedModel:
    """Train one model, or go on where a run that was stopped left off.

    A run that is killed at any moment and started again with the same arguments ends with the
    same weights, bit for bit, as one that was not.

    Parameters
    ----------
    train_tokens, valid_tokens : Tokens
        The chronological split. The second serves only to report held-out losses.
    model_config : TransformerConfig
    config : TrainConfig, optional
        Default: ``TrainConfig()``.
    directory : Path
        Where the checkpoint, the weights (``model.safetensors`` with ``model.json``), the history
        (``history.csv``) and the losses of every step (``steps.csv``) go. A finished run is read
        back from there.
    checkpoint_every : int
        Steps between checkpoints.
    n_threads : int
        Threads to compute on; -1 for as many as there are cores. The weights do not depend on it,
        not even in their last bits.
    progress : bool
        Show a progress bar.
    position : int
        Line of the progress bar, when several models train at once.
    device : str
        Where to train, as PyTorch names it; ``"auto"`` takes an accelerator where there is one.

    Returns
    -------
    TrainedModel
        In the processor's memory.

    Raises
    ------
    ValueError
        If not one window of ``context + 1`` tokens fits, the vocabularies of tokens and model
        differ, or there is no such device.

    Notes
    -----
    In processes that ``torchrun`` has started, all train this model together: each takes a share
    of every batch, and the first one writes the files, which all must see.
    """
    config = config or TrainConfig()
    place = device_named(device)
    check_vocabularies(train_tokens, model_config)
    directory.mkdir(parents=True, exist_ok=True)
    finished = _read_finished(directory)
    if finished is not None:
        return finished
    n = effective_n_jobs(n_threads) // launched() if place.type == "cpu" else 1
    join(place)
    with threads(max(n, 1)) as ordered_map:
        run = _Run(train_tokens, valid_tokens, model_config, config, directory, ordered_map, place)
        wait()  # before the first one writes what the others may still be reading
        run.go(checkpoint_every, progress and is_first(), position)
        trained = TrainedModel(run.model.cpu().eval(), pd.DataFrame(run.history), _frame(run.steps))
        if is_first():
            trained.history.to_csv(directory / "history.csv", index=False)
            trained.steps.to_csv(directory / "steps.csv", index=False)
            # Last: its presence says finished.
            save_model(trained.model, directory / "model.safetensors")
            (directory / "checkpoint.safetensors").unlink(missing_ok=True)
        wait()
    return trained


def first_steps(
    train_tokens: Tokens,
    model_config: TransformerConfig,
    config: TrainConfig,
    *,
    n_steps: int,
    n_threads: int = -1,
) -> pd.DataFrame:
    """Repeat the first steps of a training, for comparison with what it has recorded.

    Parameters
    ----------
    train_tokens, model_config, config, n_threads
        As for :func:`train`, which trains on the processor where there is no accelerator.
    n_steps : int
        At most so many as there are in an epoch.

    Returns
    -------
    DataFrame
        The losses of these steps, as in :class:`TrainedModel`.

    Raises
    ------
    ValueError
        If an epoch has fewer steps.
    """
    place = torch.device("cpu")
    with threads(max(effective_n_jobs(n_threads), 1)) as ordered_map:
        run = _Run(train_tokens, train_tokens, model_config, config, None, ordered_map, place)
        batches = run._batches(0)
        if not 0 < n_steps <= len(batches):
            raise ValueError(f"n_steps must be from 1 to {len(batches)}, got {n_steps}")
        for starts in batches[:n_steps]:
            run._step(starts, run.batch / len(batches))
    return _frame(run.steps)


def _frame(steps: list[tuple[float, float]]) -> pd.DataFrame:
    return pd.DataFrame(steps, columns=["neuron", "interval"], dtype=np.float64)


def train_ensemble(
    train_tokens: Tokens,
    valid_tokens: Tokens,
    model_configs: list[TransformerConfig],
    config: TrainConfig | None = None,
    *,
    directories: list[Path],
    n_jobs: int = -1,
    progress: bool = True,
) -> list[TrainedModel]:
    """Train independent models side by side, each in a process of its own.

    Parameters
    ----------
    train_tokens, valid_tokens, config, progress
        As for :func:`train`.
    model_configs, directories : list
        One per model. The first model of each configuration has the seed ``config.seed``, the
        second one ``config.seed + 1``, and so on.
    n_jobs : int
        Cores to use, -1 for all: so many models at once, or several threads for each.

    Returns
    -------
    list of TrainedModel
    """
    config = config or TrainConfig()
    seeds = [config.seed + model_configs[:m].count(c) for m, c in enumerate(model_configs)]
    members = [
        (model_config, replace(config, seed=seed), directory)
        for model_config, seed, directory in zip(model_configs, seeds, directories, strict=True)
    ]
    unfinished = [member for member in members if _read_finished(member[2]) is None]
    n_cores = effective_n_jobs(n_jobs)
    # Processes of torchrun train one model after the other, all of them together.
    n_processes = min(n_cores, max(len(unfinished), 1)) if launched() == 1 else 1
    # The models come back through their files: weights are never pickled. A single one trains
    # right here, which saves the start of a process.
    Parallel(n_jobs=n_processes)(
        delayed(_train_quietly)(
            train_tokens,
            valid_tokens,
            *member[:2],
            directory=member[2],
            n_threads=n_cores // n_processes,
            progress=progress,
            position=position,
        )
        for position, member in enumerate(unfinished)
    )
    return [
        train(train_tokens, valid_tokens, *member[:2], directory=member[2]) for member in members
    ]


def _train_quietly(*args: Any, **kwargs: Any) -> None:
    train(*args, **kwargs)


class _Run:
    """State of one training run: all that a checkpoint must hold."""

    def __init__(
        self,
        train_tokens: Tokens,
        valid_tokens: Tokens,
        model_config: TransformerConfig,
        config: TrainConfig,
        directory: Path | None,
        ordered_map: OrderedMap,
        place: torch.device,
    ) -> None:
        self.config, self.stride = config, model_config.context
        self.ordered_map = ordered_map
        self.data = Windows(train_tokens, model_config.context + 1)
        self.valid_tokens = valid_tokens
        self.path = directory and directory / "checkpoint.safetensors"
        # Initial weights come from PyTorch's global generator: borrow it and give it back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = Neuroformer(model_config)
        if not model_config.n_layers:
            start_from_frequencies(self.model, train_tokens)
        self.model = self.model.to(place)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=config.learning_rate, fused=True
        )
        self.epoch, self.batch, self.seconds = 0, 0, 0.0
        self.sums = [0.0, 0.0]  # of the training losses of this epoch
        self.history: list[dict[str, float]] = []
        self.steps: list[tuple[float, float]] = []  # losses of each
        self._restore()

    def go(self, checkpoint_every: int, progress: bool, position: int) -> None:
        if not self.history:
            self._report(epoch=0, train=(np.nan, np.nan))
        n_batches = len(self._batches(0))
        started = time.perf_counter() - self.seconds
        with tqdm(
            total=self.config.epochs * n_batches,
            initial=self.epoch * n_batches + self.batch,
            desc=f"Neuroformer, {self.model.config.time_embedding}",
            unit="step",
            position=position,
            mininterval=1.0,
            disable=not progress,
        ) as bar:
            while self.epoch < self.config.epochs:
                batches = self._batches(self.epoch)
                for starts in batches[self.batch :]:
                    self._step(starts, self.epoch + self.batch / len(batches))
                    bar.update()
                    self.seconds = time.perf_counter() - started
                    if self.batch % checkpoint_every == 0:
                        self._checkpoint()
                self.epoch, n_steps, self.batch = self.epoch + 1, self.batch, 0
                mean = self.sums[0] / n_steps, self.sums[1] / n_steps
                self.sums = [0.0, 0.0]
                self._report(epoch=self.epoch, train=mean)
                self._checkpoint()
                bar.set_postfix(valid=f"{self.history[-1]['valid_neuron']:.3f}")

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        # Windows start elsewhere in every epoch, by less than a window: the count may differ by
        # one batch, which only the progress bar sees.
        return self.data.shuffled(self.config.batch_size, self.stride, [self.config.seed, epoch])

    def _step(self, starts: NDArray[np.int64], epochs_done: float) -> None:
        self.model.train()
        learning_rate = self.config.learning_rate_at(epochs_done)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        # Each step has its own dropout, wherever a run was interrupted.
        seed = (self.config.seed, self.epoch, self.batch)
        values = gradient_step(
            self.model, self.data[starts], seed, self.ordered_map, self.config.precision
        )
        self.optimizer.step()
        if self.model.config.coupling:
            self.model.coupling.shrink(learning_rate)
        self.batch += 1
        neuron, interval = (float(value) for value in values)
        self.steps.append((neuron, interval))
        self.sums = [self.sums[0] + neuron, self.sums[1] + interval]

    def _report(self, epoch: int, train: tuple[float, float]) -> None:
        neuron, interval = evaluate(
            self.model, self.valid_tokens, self.config.batch_size, self.ordered_map
        )
        self.history.append(
            {
                "epoch": epoch,
                "train_neuron": train[0],
                "train_interval": train[1],
                "valid_neuron": neuron,
                "valid_interval": interval,
                "seconds": self.seconds,
            }
        )

    def _checkpoint(self) -> None:
        if not is_first() or self.path is None:
            return
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in state.items()}
        names = ("epoch", "batch", "seconds", "sums", "history", "steps")
        progress = json.dumps({name: getattr(self, name) for name in names})
        partial = self.path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"progress": progress})
        partial.replace(self.path)

    def _restore(self) -> None:
        if self.path is None or not self.path.exists():
            return
        try:
            with safe_open(self.path, framework="pt") as file:
                progress = json.loads(file.metadata()["progress"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError) as error:
            warnings.warn(
                f"unreadable checkpoint {self.path} ({error}): starting over", stacklevel=2
            )
            return
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = value
        self.model.load_state_dict(
            {n.removeprefix("model."): v for n, v in tensors.items() if n.startswith("model.")}
        )
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        for name, value in progress.items():
            setattr(self, name, value)


def _read_finished(directory: Path) -> TrainedModel | None:
    path = directory / "model.safetensors"
    if not path.exists():
        return None
    try:
        tables = (pd.read_csv(directory / f"{name}.csv") for name in ("history", "steps"))
        return TrainedModel(load_model(path), *tables)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        warnings.warn(f"unreadable model {path} ({error}): training it again", stacklevel=3)
        path.unlink()
        return None
