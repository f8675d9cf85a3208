"""Training of Neuroformers: held-out losses, checkpoints, resume, ensembles (Appendix B.5)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed, effective_n_jobs

from lgl_core.disk.atomic import read_whole, remove_abandoned, replacing
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer._devices import device_named, is_first, join, launched, wait
from lgl_core.transformer._run import CHECKPOINTS, Run, TrainConfig, set_aside
from lgl_core.transformer.files import DamagedWeights
from lgl_core.transformer.model import AnyModel, TransformerConfig, load_model, save_model
from lgl_core.transformer.step import baselines, check_vocabularies, evaluate, threads
from lgl_core.transformer.tokens import Tokens

__all__ = [
    "TrainConfig",
    "TrainedModel",
    "baselines",
    "evaluate",
    "first_steps",
    "train",
    "train_ensemble",
]

_LOSSES = ["train_neuron", "train_interval", "valid_neuron", "valid_interval"]
_COLUMNS = {"history": ["epoch", *_LOSSES, "seconds"], "steps": ["neuron", "interval"]}


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model and its way there.

    Parameters
    ----------
    model : Neuroformer or GraphModel
        In evaluation mode.
    history : DataFrame
        One row per epoch, the first before training: ``epoch``, then mean cross-entropies in nats
        per spike ``train_neuron``, ``train_interval``, ``valid_neuron``, ``valid_interval``, and
        ``seconds`` since the start.
    steps : DataFrame
        One row per step of the optimiser: the losses of its batch, ``neuron`` and ``interval``.
    spikes : SpikeTrains, optional
        What it was trained on, where :mod:`lgl_core.experiment` has trained it.
    """

    model: AnyModel
    history: pd.DataFrame = field(repr=False)
    steps: pd.DataFrame = field(repr=False)
    spikes: SpikeTrains | None = field(default=None, repr=False)


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
        Where the last two checkpoints, the weights (``model.safetensors`` with ``model.json``),
        the history (``history.csv``) and the losses of every step (``steps.csv``) go. A finished
        run is read back from there. Weights or a checkpoint that do not match their checksum are
        kept, as ``*.damaged``, and the training goes on from the checkpoint before.
        What killed processes have left there is removed after a day.
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
        differ, there is no such device, or ``directory`` has a training with other settings.
    FloatingPointError
        If the training diverges: a loss, gradient or weight is not finite.
    OSError
        If a file cannot be read or written now: too many are open, the disk is full, or they are
        another user's. What was there is left as it is.

    Warns
    -----
    UserWarning
        If a file of an earlier run is damaged: weights and checkpoint are made again; without the
        history of a finished run, its table is empty.

    Notes
    -----
    In processes that ``torchrun`` has started, all train this model together: each takes a share
    of every batch, and the first one writes the files, which all must see.
    """
    config = config or TrainConfig()
    place = device_named(device)
    check_vocabularies(train_tokens, model_config)
    directory.mkdir(parents=True, exist_ok=True)
    remove_abandoned(directory, "*.partial")
    finished = _read_finished(directory)
    if finished is not None:
        remove_abandoned(directory, "checkpoint*.safetensors")
        if finished.model.config != model_config:
            raise ValueError(
                f"{directory} holds a finished model of another architecture, "
                f"{finished.model.config}: read it with that, or train in a directory of its own"
            )
        return finished
    n = effective_n_jobs(n_threads) // launched() if place.type == "cpu" else 1
    join(place)
    with threads(max(n, 1)) as ordered_map:
        run = Run(train_tokens, valid_tokens, model_config, config, directory, ordered_map, place)
        wait()  # before the first one writes what the others may still be reading
        run.go(checkpoint_every, progress and is_first(), position)
        trained = TrainedModel(run.model.cpu().eval(), pd.DataFrame(run.history), run.losses())
        if is_first():
            for name in _COLUMNS:
                with replacing(directory / f"{name}.csv") as partial:
                    getattr(trained, name).to_csv(partial, index=False)
            # Last: its presence says finished.
            save_model(trained.model, directory / "model.safetensors")
            for name in CHECKPOINTS:
                (directory / name).unlink(missing_ok=True)
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
        At least 1; a shorter training is repeated whole.

    Returns
    -------
    DataFrame
        The losses of these steps, as in :class:`TrainedModel`.

    Raises
    ------
    ValueError
        If ``n_steps`` is below 1.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, got {n_steps}")
    place = torch.device("cpu")
    with threads(max(effective_n_jobs(n_threads), 1)) as ordered_map:
        run = Run(train_tokens, train_tokens, model_config, config, None, ordered_map, place)
        while run.epoch < config.epochs and len(run.steps) < n_steps:
            batches = run.batches(run.epoch)
            for starts in batches[: n_steps - len(run.steps)]:
                run.step(starts, run.epoch + run.batch / len(batches))
            run.epoch, run.batch = run.epoch + 1, 0
    return run.losses()


def train_ensemble(
    train_tokens: Tokens,
    valid_tokens: Tokens,
    model_configs: list[TransformerConfig],
    config: TrainConfig | None = None,
    *,
    directories: list[Path],
    seeds: list[int] | None = None,
    n_jobs: int = -1,
    progress: bool = True,
) -> list[TrainedModel]:
    """Train independent models side by side, each in a process of its own.

    Parameters
    ----------
    train_tokens, valid_tokens, config, progress
        As for :func:`train`.
    model_configs, directories : list
        One per model.
    seeds : list of int, optional
        One per model. Default: the first model of each configuration has the seed
        ``config.seed``, the second one ``config.seed + 1``, and so on.
    n_jobs : int
        Cores to use, -1 for all: so many models at once, or several threads for each.

    Returns
    -------
    list of TrainedModel
    """
    config = config or TrainConfig()
    if seeds is None:
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


def _read_finished(directory: Path) -> TrainedModel | None:
    path = directory / "model.safetensors"
    if not path.exists():
        return None
    try:
        model = load_model(path)
    except DamagedWeights as error:
        set_aside(path, error)
        return None
    except FileNotFoundError:
        if path.exists():  # it is the configuration beside it that is lost
            raise
        return None  # another process that found it damaged was faster
    history, steps = (_table(directory / f"{name}.csv") for name in _COLUMNS)
    return TrainedModel(model, history, steps)


def _table(path: Path) -> pd.DataFrame:
    """Read what was noted beside the weights, which are worth no less without it."""
    try:
        return pd.read_csv(BytesIO(read_whole(path)))
    except (FileNotFoundError, ValueError) as error:
        warnings.warn(f"{path} is missing or damaged ({error}): it is left out", stacklevel=4)
        return pd.DataFrame(columns=_COLUMNS[path.stem], dtype=np.float64)
