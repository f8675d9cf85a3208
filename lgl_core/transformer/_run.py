"""One run of a training: its configuration, its steps, and the checkpoints it goes on from."""

from __future__ import annotations

import json
import math
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils import get_total_norm
from tqdm import tqdm

from lgl_core.fields import check_fields
from lgl_core.transformer._devices import is_first
from lgl_core.transformer.files import DamagedWeights, read_tensors, write_tensors
from lgl_core.transformer.kernels import not_finite
from lgl_core.transformer.model import GraphModel, TransformerConfig
from lgl_core.transformer.step import (
    OrderedMap,
    Precision,
    evaluate,
    gradient_step,
    start_from_frequencies,
)
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["CHECKPOINTS", "Run", "TrainConfig", "set_aside"]

CHECKPOINTS = ("checkpoint.safetensors", "checkpoint.previous.safetensors")


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
    stride : int, optional
        Tokens between the starts of two sequences; 1 in the code of the original hub study, where
        each token is seen as often as a sequence is long. Default: the model's context.
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

    Examples
    --------
    >>> import lgl_core as lgl
    >>> lgl.TrainConfig(epochs=3).epochs
    3
    """

    epochs: int = 11
    batch_size: int = 64
    learning_rate: float = 1e-3
    decay: bool = False
    seed: int = 0
    stride: int | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")
        if self.stride is not None and self.stride < 1:
            raise ValueError(f"stride must be at least 1 token, got {self.stride}")

    def learning_rate_at(self, epochs_done: float) -> float:
        """Learning rate of the step that begins when so many epochs are done."""
        share = (1 + math.cos(math.pi * epochs_done / self.epochs)) / 2 if self.decay else 1.0
        return self.learning_rate * share


class Run:
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
        self.config, self.stride = config, config.stride or model_config.context
        self.ordered_map = ordered_map
        self.data = Windows(train_tokens, model_config.context + 1)
        self.valid_tokens = valid_tokens
        # The latest, and the one before it, for when the latest turns out to be damaged.
        self.checkpoints = [directory / name for name in CHECKPOINTS] if directory else []
        # Initial weights come from PyTorch's global generator: borrow it and give it back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = model_config.build()
        if isinstance(self.model, GraphModel):
            start_from_frequencies(self.model, train_tokens)
        self.model = self.model.to(place)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=config.learning_rate, fused=True
        )
        self.settings = json.dumps([asdict(model_config), asdict(config)])
        self.epoch, self.batch, self.seconds = 0, 0, 0.0
        self.sums = [0.0, 0.0]  # of the training losses of this epoch
        self.history: list[dict[str, float]] = []
        self.steps: list[tuple[float, float]] = []  # losses of each
        self._restore()

    def losses(self) -> pd.DataFrame:
        """Both losses of every step so far."""
        return pd.DataFrame(self.steps, columns=["neuron", "interval"], dtype=np.float64)

    def go(self, checkpoint_every: int, progress: bool, position: int) -> None:
        """Do what is left of the training."""
        if not self.history:
            self._report(epoch=0, train=(np.nan, np.nan))
        n_batches = len(self.batches(0))
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
                batches = self.batches(self.epoch)
                for starts in batches[self.batch :]:
                    self.step(starts, self.epoch + self.batch / len(batches))
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

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """First tokens of the sequences of each step of an epoch."""
        # Windows start elsewhere in every epoch, by less than a window: the count may differ by
        # one batch, which only the progress bar sees.
        return self.data.shuffled(self.config.batch_size, self.stride, [self.config.seed, epoch])

    def step(self, starts: NDArray[np.int64], epochs_done: float) -> None:
        """Do one step on the sequences with these first tokens."""
        self.model.train()
        learning_rate = self.config.learning_rate_at(epochs_done)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        # Each step has its own dropout, wherever a run was interrupted.
        seed = (self.config.seed, self.epoch, self.batch)
        values = gradient_step(
            self.model, self.data[starts], seed, self.ordered_map, self.config.precision
        )
        self._check(values, learning_rate)
        self.optimizer.step()
        if self.model.config.coupling:
            self.model.coupling.shrink(learning_rate)
        self.batch += 1
        neuron, interval = (float(value) for value in values)
        self.steps.append((neuron, interval))
        self.sums = [self.sums[0] + neuron, self.sums[1] + interval]

    def _check(self, losses: NDArray[np.float64], learning_rate: float) -> None:
        """Stop before numbers that are not finite reach the weights, or a file."""
        gradient = [p.grad for p in self.model.parameters() if p.grad is not None]
        if not (np.isfinite(losses).all() and get_total_norm(gradient).isfinite()):
            self._stop(f"losses of {losses[0]:g} and {losses[1]:g} nats", learning_rate)

    def _stop(self, what: str, learning_rate: float) -> NoReturn:
        raise FloatingPointError(
            f"the training diverged at step {len(self.steps) + 1}, in epoch {self.epoch + 1} of "
            f"{self.config.epochs}, at a learning rate of {learning_rate:g}: {what}, or a gradient "
            "or weight that is not finite. Nothing is saved as finished. Train with a lower "
            f"learning_rate than {self.config.learning_rate:g}, in a directory of its own"
        )

    def _report(self, epoch: int, train: tuple[float, float]) -> None:
        neuron, interval = evaluate(
            self.model, self.valid_tokens, self.config.batch_size, self.ordered_map
        )
        if not np.isfinite([neuron, interval]).all() or not_finite(self.model.state_dict()):
            self._stop(
                f"held-out losses of {neuron:g} and {interval:g} nats",
                self.optimizer.param_groups[0]["lr"],
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
        if not is_first() or not self.checkpoints:
            return
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in state.items()}
        names = ("epoch", "batch", "seconds", "sums", "history", "steps")
        progress = {name: getattr(self, name) for name in names}
        latest, previous = self.checkpoints
        with suppress(FileNotFoundError):  # the first one, or another process was faster
            latest.replace(previous)
        write_tensors(tensors, json.dumps([self.settings, progress]), latest)

    def _restore(self) -> None:
        """Go on from the latest checkpoint that is whole, if there is one."""
        for path in self.checkpoints:
            try:
                tensors, about = read_tensors(path)
                if names := not_finite(tensors):
                    raise DamagedWeights(f"{path} is damaged: not finite are {', '.join(names)}")
            except FileNotFoundError:
                continue
            except DamagedWeights as error:
                set_aside(path, error)
                continue
            if about is None:
                raise ValueError(
                    f"{path} has no checksum: it is no checkpoint, or one of an earlier version, "
                    "with which you can go on; or move it away to train from the start"
                )
            settings, progress = json.loads(about)
            if settings != self.settings:
                raise ValueError(
                    f"{path} is of a training with other settings, {settings}: go on with those, "
                    "or train in a directory of its own"
                )
            self._take(tensors, progress)
            return

    def _take(self, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
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


def set_aside(path: Path, why: object) -> None:
    """Rename a file that is damaged, so that it can be made again; nothing trained is deleted."""
    names = (f"{path.name}.damaged{number or ''}" for number in count())
    aside = next(aside for name in names if not (aside := path.with_name(name)).exists())
    with suppress(FileNotFoundError):  # another process that trains this model was faster
        path.rename(aside)
    warnings.warn(
        f"{why}; it is kept as {aside.name}, and the training goes on from the last checkpoint "
        "before it that is whole, or starts over",
        stacklevel=3,
    )
