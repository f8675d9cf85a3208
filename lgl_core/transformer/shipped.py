"""Trained weights that come with the book, so that every reader sees the same pages.

A training rounds otherwise on another processor, and its layers may then turn the other way. Each
model has two files: the weights, and a record of what they were trained on, by which commit on
which machine, with the losses of every step. :func:`lgl_core.transformer.training.first_steps`
repeats the beginning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load, save

from lgl_core.disk.atomic import read_whole, replacing
from lgl_core.disk.cache import source_hash
from lgl_core.disk.provenance import commit, machine
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import TransformerConfig
from lgl_core.transformer.training import TrainConfig, TrainedModel, train

__all__ = ["MODELS", "fingerprint", "record_of", "ship", "shipped"]

MODELS = Path(__file__).resolve().parents[2] / "results" / "models"
_DIGITS = 6  # behind the point, of a loss in nats
_CHECKSUM = "record_sha256"
_REMEDY = (
    "get both files again (git checkout results/models), or move them away: the model is then "
    "trained on this machine"
)


def shipped(
    spikes: SpikeTrains,
    architecture: TransformerConfig,
    config: TrainConfig,
    folder: Path | None = None,
) -> TrainedModel | None:
    """Find the model that was trained in just this way on just these spikes.

    Parameters
    ----------
    spikes : SpikeTrains
        The whole recording, of which training has seen the first part.
    architecture : TransformerConfig
    config : TrainConfig
    folder : Path, optional
        Where to look. Default: ``MODELS``.

    Returns
    -------
    TrainedModel or None
        None if there is none, or if a single spike or setting is another one.

    Raises
    ------
    ValueError
        If a record is damaged, or the weights are not those that their record describes.
    OSError
        If a file cannot be read now.

    Notes
    -----
    A record holds the checksum of the weights (``weights_sha256``) and, unless it is an old one, of
    itself (``record_sha256``).
    """
    folder = folder or MODELS
    wanted = _settings(architecture, config)
    records = {path: record_of(path) for path in sorted(folder.glob("*.json"))}
    found = {path: record for path, record in records.items() if _has(record, wanted)}
    if not found:
        return None
    print_of_spikes = fingerprint(spikes)
    for path, record in found.items():
        if record["recording"]["sha256"] == print_of_spikes:
            return _read(path.with_suffix(".safetensors"), architecture, record)
    return None


def ship(
    trained: TrainedModel,
    spikes: SpikeTrains,
    config: TrainConfig,
    *,
    name: str,
    made_by: Mapping[str, Any],
    folder: Path | None = None,
) -> Path:
    """Write a trained model for others to read.

    Parameters
    ----------
    trained : TrainedModel
    spikes : SpikeTrains
        The whole recording, of which training has seen the first part.
    config : TrainConfig
    name : str
        Of the two files, without ending.
    made_by : mapping
        What makes the recording, in words and numbers that JSON can hold.
    folder : Path, optional
        Default: ``MODELS``.

    Returns
    -------
    Path
        The record, ``NAME.json``; the weights are in ``NAME.safetensors`` beside it.
    """
    folder = folder or MODELS
    folder.mkdir(parents=True, exist_ok=True)
    weights = save(trained.model.state_dict())
    record = {
        "recording": {
            **made_by,
            "n_spikes": len(spikes),
            "sha256": fingerprint(spikes),
        },
        **_settings(trained.model.config, config),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "source": source_hash(train.__module__),
        **commit(),
        "machine": machine(),
        "history": _lists(trained.history),
        "steps": _lists(trained.steps),
    }
    path = folder / f"{name}.json"
    text = _one_line_a_list(record | {_CHECKSUM: _checksum(record)}) + "\n"
    # The record last: weights without one are not looked at. Both are whole before either is there.
    with replacing(path) as new_record, replacing(path.with_suffix(".safetensors")) as new_weights:
        new_record.write_text(text)
        new_weights.write_bytes(weights)
    return path


def record_of(path: Path) -> dict[str, Any]:
    """Read the record of a shipped model: recording, settings, commit, machine, losses.

    Raises
    ------
    ValueError
        If it does not match its checksum; old records have none.
    OSError
        If it cannot be read now.
    """
    try:
        record: dict[str, Any] = json.loads(read_whole(path))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): {_REMEDY}") from error
    if record.get(_CHECKSUM, _checksum(record)) != _checksum(record):
        raise ValueError(f"{path} is damaged, it does not match its checksum: {_REMEDY}")
    return record


def fingerprint(spikes: SpikeTrains) -> str:
    """Hash a recording: every spike time to the last bit, who fired, and what was recorded.

    Parameters
    ----------
    spikes : SpikeTrains

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{spikes.n_neurons} {float(spikes.duration)!r}\n".encode())
    for array, kind in ((spikes.times, "<f8"), (spikes.neurons, "<i8"), (spikes.epochs, "<f8")):
        digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
    return digest.hexdigest()


def _checksum(record: Mapping[str, Any]) -> str:
    """Hash all that a record says, however it is laid out."""
    said = {name: value for name, value in record.items() if name != _CHECKSUM}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _settings(architecture: TransformerConfig, config: TrainConfig) -> dict[str, Any]:
    """Spell both configurations out as they come back from JSON."""
    spelled = {"architecture": asdict(architecture), "training": asdict(config)}
    result: dict[str, Any] = json.loads(json.dumps(spelled))
    return result


def _has(record: dict[str, Any], settings: dict[str, Any]) -> bool:
    # A field that came later has its default in what was made before.
    before = {"architecture": {}, "training": asdict(TrainConfig())}
    return {name: before[name] | record[name] for name in settings} == settings


def _read(path: Path, architecture: TransformerConfig, record: dict[str, Any]) -> TrainedModel:
    if not path.exists():
        raise ValueError(f"{path} is missing beside its record: {_REMEDY}")
    weights = read_whole(path)
    if hashlib.sha256(weights).hexdigest() != record["weights_sha256"]:
        raise ValueError(f"{path} is not what {path.stem}.json describes: {_REMEDY}")
    with torch.random.fork_rng(devices=[]):  # initial weights, which are thrown away
        model = architecture.build()
    model.load_state_dict(load(weights))
    history, steps = (pd.DataFrame(record[name], dtype=float) for name in ("history", "steps"))
    return TrainedModel(model.eval(), history, steps)


def _lists(table: pd.DataFrame) -> dict[str, list[float | None]]:
    """Columns of numbers as JSON has them: it knows no NaN."""
    return {
        str(name): [None if np.isnan(value) else round(value, _DIGITS) for value in column.tolist()]
        for name, column in table.astype(float).items()
    }


def _one_line_a_list(record: dict[str, Any]) -> str:
    """Write JSON that a person can read: indented, but thousands of losses on a line."""
    lists: list[str] = []

    def put_aside(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: put_aside(part) for key, part in value.items()}
        if isinstance(value, list):
            lists.append(json.dumps(value))
            return f"list {len(lists) - 1}"
        return value

    text = json.dumps(put_aside(record), indent=1)
    for number, inside in enumerate(lists):
        text = text.replace(f'"list {number}"', inside, 1)
    return text
