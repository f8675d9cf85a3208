"""Points of the study on readings of models that know ever more of what can be known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.experiment import attention_of, is_trained, split_tokens, train
from lgl_core.extraction.gradient import gradient_energy, linear_influence
from lgl_core.extraction.influence import influence
from lgl_core.extraction.readings import excess_shares
from lgl_core.extraction.relevance import relevance
from lgl_core.extraction.rollout import rollout_connectivity
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, TrainedModel, baselines, evaluate
from studies.original import MANY, N_SPIKES, PaperRecording
from studies.points import EXCESS_SHARES, Point, Recording, scored
from studies.rows import labels_of

__all__ = [
    "BETWEEN",
    "BUDGETS",
    "GAIN",
    "LONGEST",
    "PAPER_BUDGETS",
    "WELL_FITTED",
    "Fitted",
    "fitted",
    "fitted_recording",
]

Graph = NDArray[np.float64]

# Of small networks, whose pairs are so few that each of them is seen often.
SMALL_HUBS = {"n_neurons": 60}
# What a model is given, from little to much: a recording of so many s, and epochs.
BUDGETS = ((150.0, 4), (600.0, 3), (600.0, 10), (2400.0, 8))
LONGEST = 2400.0
# Between the second and the third, where a rotary model begins to know more than rates.
BETWEEN = (600.0, 5)
# As many passes again as the most, for a model that knows nearly all.
_TWICE_THE_MOST = (2400.0, 16)
# The same of the paper's network: so many spikes, and epochs.
PAPER_BUDGETS = ((N_SPIKES, 20), (100_000, 10), (MANY, 6))
# Three times as many passes, which only rotary models are given.
_THRICE_THE_MOST = (MANY, 18)
# The training that comes nearest to what can be known.
WELL_FITTED = {"epochs": 8, "decay": True}
# Trainings whose readings are averaged, of the budgets that take a minute at most.
ENSEMBLE = 10
# Score of a model on spikes that none has seen: nats per spike over how often each neuron fires.
GAIN = "gain"


def fitted_recording(seed: int, duration: float = LONGEST) -> Recording:
    """Name a recording of a small network."""
    return Recording(seed=seed, settings=SMALL_HUBS, duration=duration)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A transformer, or several that are averaged, and how they are read.

    Parameters
    ----------
    recording : Recording or PaperRecording
        What it is trained on: its first 80 %, of the paper's network its first 60 %.
    epochs : int
        Passes over it, with a rate that falls to zero.
    time_embedding, size : str
        As for :func:`lgl_core.experiment.train`.
    n_models : int
        Trainings whose readings are averaged.
    n_spikes : int
        Spikes that are removed or dimmed; twice as many are explained, for relevance.
    longest : float
        Length in s of the recording of the same network at whose end all are tried; of the
        paper's network, that has ``MANY`` spikes.
    looked_at : float
        How much of the recording, in s, attention and rollout are averaged over.
    """

    recording: Recording | PaperRecording
    epochs: int
    time_embedding: str = "rotary"
    size: str = "laptop"
    n_models: int = 1
    n_spikes: int = 3_000
    longest: float = LONGEST
    looked_at: float = 480.0

    def _settings(self) -> list[dict[str, Any]]:
        trainings = (
            TrainConfig(epochs=self.epochs, decay=True, seed=seed) for seed in range(self.n_models)
        )
        part = self.recording.train_fraction
        return [
            {"size": self.size, "config": training, "train_fraction": part}
            for training in trainings
        ]

    @property
    def is_ready(self) -> bool:
        """Whether all models have been trained."""
        spikes, embedding = self.recording.spikes(), self.time_embedding
        return all(is_trained(spikes, embedding, **each) for each in self._settings())

    def members(self) -> list[TrainedModel]:
        """Train on one core, or read back."""
        spikes, embedding = self.recording.spikes(), self.time_embedding
        return [train(spikes, embedding, n_jobs=1, **each) for each in self._settings()]

    def _readings(self, member: TrainedModel) -> Iterator[tuple[str, Graph]]:
        """Yield the name of each reading and its graph, ``[post, pre]``."""
        model, spikes = member.model, self.recording.read()
        assert isinstance(model, Neuroformer)
        spikes = spikes.select(stop=min(self.looked_at, spikes.duration))
        tokens = tokenize(spikes)
        attention = attention_of([member], spikes).connectivity()
        yield "", attention
        yield EXCESS_SHARES, excess_shares(attention)
        quiet: dict[str, Any] = {"n_spikes": self.n_spikes, "progress": False}
        removed = influence(model, tokens, **quiet)
        yield "influence", removed.connectivity("log_rate")
        if self.n_models > 1:
            return
        followed = rollout_connectivity([model], tokens, progress=False)
        yield "rollout", followed
        yield f"rollout, {EXCESS_SHARES}", excess_shares(followed)
        slopes = linear_influence(model, tokens, **quiet)
        yield "gradient", slopes.connectivity("log_rate")
        yield "gradient energy", gradient_energy(model, tokens, **quiet)
        mean, square = relevance(model, tokens, n_spikes=2 * self.n_spikes, progress=False)
        yield "relevance", mean
        yield "relevance, squared", square

    def rows(self) -> pd.DataFrame:
        """Scores of each reading with its permuted null, and what the models know."""
        members, truth = self.members(), self.recording.network()
        labels: dict[str, Any] = {
            "model": self.time_embedding,
            "size": self.size,
            "changes": f"{self._length()}, {self.epochs} epochs",
            "n_models": self.n_models,
        }
        readings = [dict(self._readings(member)) for member in members]
        tables = [
            scored(np.mean([each[reading] for each in readings], axis=0), truth).assign(
                **labels_of("attention", reading=reading, **labels)
            )
            for reading in readings[0]
        ]
        gain = pd.DataFrame({"score": [GAIN], "value": [np.mean([*map(self._gain, members)])]})
        tables.append(gain.assign(view="visible", **labels_of("attention", **labels)))
        seconds = sum(member.history["seconds"].iloc[-1] for member in members)
        return self.recording.labelled(iter(tables), model_seed=0, seconds=seconds)

    def _gain(self, member: TrainedModel) -> float:
        """Gain at the end of the longest recording, which no model has seen."""
        longest = self._longest()
        known, held_out = split_tokens(longest.spikes(), longest.train_fraction)
        return baselines(known, held_out)["neuron"] - evaluate(member.model, held_out)[0]

    def _longest(self) -> Recording | PaperRecording:
        if isinstance(self.recording, PaperRecording):
            return replace(self.recording, n_spikes=MANY)
        return replace(self.recording, duration=self.longest)

    def _length(self) -> str:
        if isinstance(self.recording, PaperRecording):
            return f"{self.recording.n_spikes} spikes"
        return f"{self.recording.duration:g} s"


def fitted(seeds: Sequence[int]) -> list[Point]:
    """Name the points of the study: each budget and embedding, and what needs no transformer.

    What needs none on the paper's network stands in the study of that network.
    """
    points: list[Point] = []
    for seed in seeds:
        durations = dict.fromkeys(duration for duration, _ in BUDGETS)
        points += [fitted_recording(seed, duration) for duration in durations]
        points += [
            Fitted(recording=fitted_recording(seed, duration), epochs=epochs, time_embedding=name)
            for name in ("interval", "rotary")
            for duration, epochs in (*BUDGETS, _TWICE_THE_MOST)
        ]
        points += [
            Fitted(recording=fitted_recording(seed, duration), epochs=epochs, n_models=ENSEMBLE)
            for duration, epochs in BUDGETS[:2]
        ]
        duration, epochs = BETWEEN
        points += [Fitted(recording=fitted_recording(seed, duration), epochs=epochs)]
        points += [
            Fitted(
                recording=PaperRecording(seed=seed, n_spikes=n_spikes),
                epochs=epochs,
                time_embedding=name,
            )
            for name in ("interval", "rotary")
            for n_spikes, epochs in PAPER_BUDGETS
        ]
        n_spikes, epochs = _THRICE_THE_MOST
        points += [Fitted(recording=PaperRecording(seed=seed, n_spikes=n_spikes), epochs=epochs)]
    return points
