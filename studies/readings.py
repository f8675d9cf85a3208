"""Points of studies that go beyond the paper: other readings of its model, and another model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from lgl_core.experiment import split_tokens
from lgl_core.extraction.circuits import circuits
from lgl_core.extraction.gradient import linear_influence
from lgl_core.extraction.influence import Change, Influence, influence
from lgl_core.extraction.readings import excess_shares, without_column_median
from lgl_core.extraction.rollout import rollout_connectivity
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.model import AnyModel, Neuroformer
from lgl_core.transformer.tokens import Tokens, Windows
from studies.points import EXCESS_SHARES, Model, Recording, scored
from studies.rows import labels_of

__all__ = ["ALONE", "EARLIER", "UNTOLD", "Changed", "Constrained", "Readings", "Timing"]

Graph = NDArray[np.float64]
# Labels that tell a reading of a model from its others, and the graph, ``[post, pre]``.
Read = tuple[dict[str, str], Graph]

# A graph alone has one weight per pair and lag: it learns with longer steps, whose noise has to
# die down in the end for most weights to be zero.
ALONE = {"epochs": 8, "learning_rate": 3e-3, "decay": True}

# When a synapse does most, and by how much a spike is moved back, in s.
PEAK = (1e-3, 4e-3)
EARLIER = (4e-3, 8e-3, 16e-3)

# Held-out loss of the next neuron, for a model that is not told when it fires.
UNTOLD = "held-out neuron, time untold"


@dataclass(frozen=True, kw_only=True)
class _OfModel:
    """A point that reads one trained model."""

    model: Model

    @property
    def is_ready(self) -> bool:
        """Whether the model has been trained."""
        return self.model.is_ready

    def _model_and_tokens(self) -> tuple[Neuroformer, Tokens]:
        """Read back the trained model, and the tokens that it was trained on."""
        (member,) = self.model.members()
        assert isinstance(member.model, Neuroformer)
        return member.model, split_tokens(self.model.recording.spikes())[0]


@dataclass(frozen=True, kw_only=True)
class Readings(_OfModel):
    """One model of the paper's kind, read by its attention, its weights and its gradient.

    Parameters
    ----------
    model : Model
    n_spikes : int
        Spikes to dim for the gradient.
    """

    n_spikes: int = 100_000

    def estimates(self) -> Iterator[Read]:
        """Yield what tells a reading from the others, and the graph, ``[post, pre]``."""
        model, tokens = self._model_and_tokens()
        attention = self.model.attention().connectivity()
        rollout = rollout_connectivity([model], tokens)
        for method, graph in (("attention", attention), ("rollout", rollout)):
            yield {"method": method}, graph
            yield {"method": method, "reading": EXCESS_SHARES}, excess_shares(graph)
        written = circuits(model, tokens).sum(axis=1)
        yield {"method": "circuits"}, without_column_median(written.sum(axis=0))
        for layer, graph in enumerate(written, start=1):
            yield {"method": "circuits", "layer": str(layer)}, without_column_median(graph)
        gradient = linear_influence(model, tokens, n_spikes=self.n_spikes)
        yield from _quantities(gradient, method="gradient")

    def rows(self) -> pd.DataFrame:
        """Scores of each reading, with its permuted null."""
        return _scored_readings(self.model, self.estimates())


@dataclass(frozen=True, kw_only=True)
class Changed(_OfModel):
    """One model of the paper's kind, read by what it makes of a changed spike.

    Parameters
    ----------
    model : Model
    change : {"removed", "replaced", "moved"}
        As for :func:`lgl_core.extraction.influence.influence`.
    n_spikes : int
        Spikes to change.
    """

    change: Change
    n_spikes: int = 20_000

    def estimates(self) -> Iterator[Read]:
        """Yield what tells a reading from the others, and the graph, ``[post, pre]``."""
        model, tokens = self._model_and_tokens()
        found = influence(model, tokens, n_spikes=self.n_spikes, change=self.change)
        yield from _quantities(found, method="influence", reading=self.change)

    def rows(self) -> pd.DataFrame:
        """Scores of each quantity that changes, with its permuted null."""
        return _scored_readings(self.model, self.estimates())


@dataclass(frozen=True, kw_only=True)
class Timing(_OfModel):
    """One model of the paper's kind, asked whether it knows when the hubs fired.

    Parameters
    ----------
    model : Model
    n_spikes : int
        Spikes to change, of all neurons.
    """

    n_spikes: int = 4_000

    def rows(self) -> pd.DataFrame:
        """Shares of their effect on their targets that spikes of hubs lose if they come earlier.

        ``"lost, 8 ms"`` is what is missing 1 to 4 ms after the spike's old place once it was moved
        back by 8 ms; ``"expected, 8 ms"`` is how much less the spike does 9 to 12 ms after it, as
        removing it shows. A model that knows when a spike was loses what is expected.
        """
        model, tokens = self._model_and_tokens()
        network = self.model.recording.network()
        driven = (network.weights != 0) & np.isin(np.arange(network.n_neurons), network.hubs)

        def effect(change: Change, lags: list[float], **options: Any) -> Graph:
            """Mean change of the log rate of the targets of hubs, for each lag."""
            found = influence(
                model, tokens, n_spikes=self.n_spikes, change=change, lags=lags, **options
            )
            return found.log_rate[:, driven].mean(axis=1)

        later = [lag + earlier for earlier in EARLIER for lag in PEAK]
        _, now, *courses = effect("removed", [0.0, *PEAK, *later], n_after=48)
        found = []
        for earlier, then in zip(EARLIER, courses[1::2], strict=True):
            lags = sorted({0.0, *PEAK, earlier})
            lost = effect("moved", lags, displacement=earlier)[1] / now
            found.append((f"lost, {1e3 * earlier:g} ms", lost))
            found.append((f"expected, {1e3 * earlier:g} ms", 1 - then / now))
        table = pd.DataFrame(found, columns=["score", "value"]).assign(view="timing")
        labels = self.model.labels("influence")
        return self.model.recording.labelled(iter([table]), model_seed=self.model.seed, **labels)


def _scored_readings(model: Model, estimates: Iterator[Read]) -> pd.DataFrame:
    truth = model.recording.network()
    tables = (
        scored(graph, truth).assign(**(model.labels() | labels)) for labels, graph in estimates
    )
    return model.recording.labelled(tables, model_seed=model.seed)


def _quantities(found: Influence, **labels: str) -> Iterator[Read]:
    yield {**labels, "quantity": "log rate"}, found.connectivity("log_rate")
    yield {**labels, "quantity": "rate"}, found.connectivity("rate")
    share = without_column_median(found.connectivity("log_probability"))
    yield {**labels, "quantity": "log share"}, share


@dataclass(frozen=True, kw_only=True)
class Constrained:
    """A model with a graph inside.

    Parameters
    ----------
    recording : Recording
    time_embedding : str
        Of the transformer beside the graph; ``""`` for the graph alone.
    coupling : mapping
        Fields of :class:`lgl_core.transformer.coupling.CouplingConfig`.
    seed : int
        Of the training.
    size : str
        As for :class:`studies.points.Model`.
    training : mapping
        Fields of :class:`lgl_core.transformer.training.TrainConfig` that differ from their
        defaults, or for the graph alone from ``ALONE``.
    n_spikes : int
        Spikes to remove for the influence in graph and transformer together.
    """

    recording: Recording
    time_embedding: str = ""
    size: str = "laptop"
    coupling: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    training: dict[str, Any] = field(default_factory=dict)
    n_spikes: int = 20_000

    def labels(self, **reading: Any) -> dict[str, Any]:
        """Name a graph of this kind of model, as :func:`studies.rows.labels_of` does."""
        changes = self.coupling | self.training
        return labels_of(
            "graph_constrained",
            model=f"with {self.time_embedding}" if self.time_embedding else "alone",
            size=self.size,
            changes=", ".join(f"{name} {value:g}" for name, value in changes.items()),
            **reading,
        )

    @property
    def model(self) -> Model:
        """The same as a model of the other studies."""
        changes: dict[str, Any] = {"coupling": CouplingConfig(**self.coupling)}
        if not self.time_embedding:
            changes |= {"n_layers": 0}
        return Model(
            recording=self.recording,
            seed=self.seed,
            time_embedding=self.time_embedding or "interval",
            size=self.size,
            changes=changes,
            training=self.training if self.time_embedding else ALONE | self.training,
        )

    @property
    def is_ready(self) -> bool:
        """Whether the model has been trained."""
        return self.model.is_ready

    def estimates(self) -> Iterator[Read]:
        """Yield what tells a reading from the others, and the graph, ``[post, pre]``."""
        (member,) = self.model.members()
        for kind in ("area", "peak"):
            yield {"reading": kind}, member.model.coupling.graph(kind)
        # What the graph and the transformer know together.
        if isinstance(member.model, Neuroformer):
            tokens = split_tokens(self.recording.spikes())[0]
            found = influence(member.model, tokens, n_spikes=self.n_spikes)
            yield from _quantities(found, reading="influence")

    def rows(self) -> pd.DataFrame:
        """Scores of each reading, with its permuted null, and the held-out losses.

        ``UNTOLD`` is the loss of the next neuron if every next spike comes after the mean interval:
        what the model would predict if, as the plain one, it were not told when.
        """
        (member,) = self.model.members()
        truth, losses = self.recording.network(), member.history.iloc[-1]
        tables = [
            scored(graph, truth).assign(**self.labels(**reading))
            for reading, graph in self.estimates()
        ]
        visible = [(f"held-out {n}", losses[f"valid_{n}"]) for n in ("neuron", "interval")]
        visible.append((UNTOLD, _loss_untold(member.model, *split_tokens(self.recording.spikes()))))
        losses_table = pd.DataFrame(visible, columns=["score", "value"])
        tables.append(losses_table.assign(view="visible", **self.labels()))
        return self.recording.labelled(
            iter(tables), model_seed=self.seed, seconds=losses["seconds"]
        )


@torch.no_grad()
def _loss_untold(model: AnyModel, train_tokens: Tokens, valid_tokens: Tokens) -> float:
    context, wait = model.config.context, float(train_tokens.intervals.mean())
    windows, losses = Windows(valid_tokens, context + 1), []
    for starts in windows.in_order(1, stride=context):
        neurons, intervals, times, _ = windows[starts]
        past = neurons[:, :-1], intervals[:, :-1], times[:, :-1]
        logits, _ = model(*past, next_times=past[2] + wait)
        losses.append(cross_entropy(logits.flatten(0, 1), neurons[:, 1:].flatten()).item())
    return float(np.mean(losses))
