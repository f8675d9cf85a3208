"""What a study is made of: recordings and models, each with the rows it adds to the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import (
    correlogram_z,
    covariance,
    partial_covariance,
    rate_product,
    shifted_in_time,
)
from lgl_core.disk.cache import cached
from lgl_core.experiment import (
    DURATION,
    TRAIN_FRACTION,
    attention_of,
    fit_glm,
    is_trained,
    simulate,
    split_tokens,
    train,
)
from lgl_core.extraction.attention import AttentionConnectivity, Rows
from lgl_core.extraction.layers import View, agreement, visible
from lgl_core.extraction.readings import excess_shares, row_shares
from lgl_core.glm.fit import GLMFit
from lgl_core.metrics.card import score_card
from lgl_core.metrics.nulls import null_scores, strengths_only
from lgl_core.networks.makers import drawn
from lgl_core.networks.network import Network
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains, training_part
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.training import TrainConfig, TrainedModel
from studies.rows import labelled, labels_of, not_converged

__all__ = [
    "EQUAL_ROWS",
    "EXCESS_SHARES",
    "READINGS",
    "Model",
    "Point",
    "Recording",
    "both_embeddings",
    "rows",
    "scored",
]

Graph = NDArray[np.float64]

# Relabelled graphs per score: enough for a z-value that is right to about 7 %.
N_PERMUTED = 100

# How attention is read in another way than the paper's.
EQUAL_ROWS, EXCESS_SHARES = "rows made equal", "excess over columns"
READINGS: dict[str, Callable[[Graph], Graph]] = {
    EQUAL_ROWS: row_shares,
    EXCESS_SHARES: excess_shares,
}

# How trainings on the same spikes are compared: by their graphs and by their co-input graphs.
AGREEMENTS: tuple[View, ...] = ("true", "co_input")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A network and how long we listen to it.

    Parameters
    ----------
    topology : str
        Key of :data:`lgl_core.networks.makers.MAKERS`.
    seed : int
        Seed of the network and of its noise.
    duration : float
        Length in s.
    shifted : bool
        Whether each neuron's spikes are shifted in time by an offset of its own, which leaves no
        trace of the wiring in them.
    settings : mapping
        Arguments of the maker that differ from its defaults.
    """

    topology: str = "hub_network"
    seed: int = 0
    duration: float = DURATION
    shifted: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_ready = True
    train_fraction = TRAIN_FRACTION

    @property
    def label(self) -> str:
        """Name of the kind of recording, without its seed."""
        parts = [self.topology, *(f"{name} {value:g}" for name, value in self.settings.items())]
        parts += [f"{self.duration:g} s"] * (self.duration != DURATION)
        return ", ".join(parts + ["shifted in time"] * self.shifted)

    def network(self) -> Network:
        """Draw the truth."""
        return drawn(self.topology, self.seed, **self.settings)

    def spikes(self) -> SpikeTrains:
        """Simulate it, or read it back."""
        spikes = simulate(self.network(), duration=self.duration, seed=self.seed)
        return shifted_in_time(spikes, self.seed) if self.shifted else spikes

    def neurons(self) -> LIFParams:
        """Give the parameters with which it is simulated."""
        return LIFParams()

    def read(self) -> SpikeTrains:
        """Take what models are trained on, and what all methods read."""
        return training_part(self.spikes(), self.train_fraction)

    def estimates(self) -> dict[tuple[str, str], Graph]:
        """Graphs that need no transformer, ``[post, pre]``, by method and reading."""
        fit = self.fit()
        of_glm = {
            ("glm", "peak"): fit.coupling("peak"),
            ("glm", "area"): fit.coupling("area"),
            ("glm", "area, 5 ms"): fit.coupling("area", 5e-3),
            ("glm", "area, 10 ms"): fit.coupling("area", 10e-3),
        }
        return of_glm | self.counted()

    def fit(self) -> GLMFit:
        """Fit the GLM, or read it back."""
        return fit_glm(self.read())

    def counted(self) -> dict[tuple[str, str], Graph]:
        """Those of them that are counted, not fitted, and take a second."""
        spikes = self.read()
        return {
            ("ccg", "1 to 4 ms"): correlogram_z(spikes),
            ("covariance", "10 ms"): covariance(spikes),
            ("partial covariance", "10 ms"): partial_covariance(spikes),
            ("rates", "product"): rate_product(spikes),
        }

    def references(self) -> dict[tuple[str, str], Graph]:
        """Graphs that know a part of the truth, by method and reading: what that part is worth."""
        truth = self.network()
        known = {("truth", "strengths only"): strengths_only(truth.weights)}
        if truth.hubs.size:
            hubs_only = np.zeros_like(truth.weights)
            hubs_only[:, truth.hubs] = truth.weights[:, truth.hubs]
            known["truth", "hubs only"] = hubs_only
        return known

    def rows(self) -> pd.DataFrame:
        """Scores of all graphs that need no transformer, each with its permuted null.

        One more row says of how many neurons the fit of the GLM has not converged.
        """
        truth, estimates = self.network(), self.estimates() | self.references()
        tables = [
            scored(graph, truth).assign(**labels_of(method, reading=reading))
            for (method, reading), graph in estimates.items()
        ]
        return self.labelled(iter([*tables, not_converged(self.fit())]))

    def counted_rows(self) -> pd.DataFrame:
        """Scores of what is counted and of what knows a part of the truth, without any null."""
        truth, estimates = self.network(), self.counted() | self.references()
        return self.labelled(
            score_card(graph, truth.weights, truth.hubs).assign(
                **labels_of(method, reading=reading)
            )
            for (method, reading), graph in estimates.items()
        )

    labelled = labelled


@dataclass(frozen=True, kw_only=True)
class Model:
    """A Neuroformer, or an ensemble of them, trained on a recording.

    Parameters
    ----------
    recording : Recording
    seed : int
        Seed of the training; of the first one in an ensemble.
    n_models : int
        Models whose attention is averaged, with seeds ``seed``, ``seed + 1``, ...
    time_embedding, size, changes
        As for :func:`lgl_core.experiment.train_models`.
    training : mapping
        Fields of :class:`lgl_core.transformer.training.TrainConfig` that differ from their
        defaults.
    in_detail : bool
        Whether single heads and the other reading of rows are scored, too.
    """

    recording: Recording
    seed: int = 0
    n_models: int = 1
    time_embedding: str = "interval"
    size: str = "laptop"
    changes: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    in_detail: bool = False

    def labels(self, method: str = "attention", **reading: Any) -> dict[str, Any]:
        """Name a graph of this kind of model, as :func:`studies.rows.labels_of` does."""
        return labels_of(
            method,
            model=self.time_embedding,
            size=self.size,
            changes=", ".join(f"{name} {value}" for name, value in self.changes.items()),
            n_models=self.n_models,
            **reading,
        )

    def members(self) -> list[TrainedModel]:
        """Train on one core, or read back."""
        spikes = self.recording.spikes()
        return [
            train(spikes, self.time_embedding, n_jobs=1, **training)
            for training in self._trainings()
        ]

    @property
    def is_ready(self) -> bool:
        """Whether all members have been trained."""
        spikes = self.recording.spikes()
        return all(is_trained(spikes, self.time_embedding, **t) for t in self._trainings())

    def _trainings(self) -> list[dict[str, Any]]:
        return [
            {
                "size": self.size,
                "config": TrainConfig(**self.training, seed=seed),
                **self.changes,
            }
            for seed in range(self.seed, self.seed + self.n_models)
        ]

    def attention(self, rows: Rows = "predicted") -> AttentionConnectivity:
        """Average the connectivity from attention over the members."""
        parts = self._attention_of_members(rows)
        flow = np.mean([part.flow for part in parts], axis=0)
        return AttentionConnectivity(flow, parts[0].pairs)

    def _attention_of_members(self, rows: Rows = "predicted") -> list[AttentionConnectivity]:
        spikes = self.recording.read()
        return [attention_of([member], spikes, rows) for member in self.members()]

    def estimates(self, rows: Rows = "predicted") -> dict[tuple[str, str], Graph]:
        """Graphs, ``[post, pre]``, by layer and head (``"all"`` or a number from 1)."""
        attention = self.attention(rows)
        n_layers, n_heads = attention.flow.shape[:2]
        graphs = {("all", "all"): attention.connectivity()}
        for layer in range(n_layers):
            graphs[str(layer + 1), "all"] = attention.connectivity(layer=layer)
            for head in range(n_heads) if self.in_detail else ():
                key = str(layer + 1), str(head + 1)
                graphs[key] = attention.connectivity(layer=layer, head=head)
        return graphs

    def whole_rows(self) -> pd.DataFrame:
        """Scores of the mean over all layers and heads, with its permuted null."""
        graph = self.estimates()["all", "all"]
        table = scored(graph, self.recording.network()).assign(
            layer="all", head="all", rows="predicted", **self.labels()
        )
        return self.recording.labelled(iter([table]), model_seed=self.seed)

    def rows(self) -> pd.DataFrame:
        """Scores per layer and reading, each with its permuted null, and what is visible."""
        truth = self.recording.network()
        readings: tuple[Rows, ...] = ("predicted", "query") if self.in_detail else ("predicted",)
        estimates = {rows: self.estimates(rows) for rows in readings}
        tables = [
            scored(graph, truth, spectral=head == "all").assign(layer=layer, head=head, rows=rows)
            for rows in readings
            for (layer, head), graph in estimates[rows].items()
        ]
        tables.append(self._visible() if self.n_models == 1 else self._agreement())
        tables = [table.assign(**self.labels()) for table in tables]
        tables += [
            scored(read(graph), truth).assign(
                layer=layer, head=head, rows="predicted", **self.labels(reading=reading)
            )
            for reading, read in READINGS.items()
            for (layer, head), graph in estimates["predicted"].items()
            if head == "all"
        ]
        seconds = sum(member.history["seconds"].iloc[-1] for member in self.members())
        return self.recording.labelled(iter(tables), model_seed=self.seed, seconds=seconds)

    def _visible(self) -> pd.DataFrame:
        """Tell what can be seen without the truth: held-out losses, and of each layer and head."""
        (member,) = self.members()
        assert isinstance(member.model, Neuroformer)
        losses = member.history.iloc[-1]
        rows = [
            ("all", "all", f"held-out {n}", losses[f"valid_{n}"]) for n in ("neuron", "interval")
        ]
        whole = pd.DataFrame(rows, columns=["layer", "head", "score", "value"])
        held_out = split_tokens(self.recording.spikes())[1]
        seen = visible(
            member.model,
            held_out,
            reference=correlogram_z(self.recording.read()),
            connectivity=self.attention("predicted"),
        )
        seen["layer"] = [str(layer) for layer in seen["layer"]]
        seen["head"] = ["all" if pd.isna(head) else str(head) for head in seen["head"]]
        return pd.concat([whole, seen], ignore_index=True).assign(view="visible")

    def _agreement(self) -> pd.DataFrame:
        """Tell how much the members agree with each other: that, too, is seen without the truth."""
        parts = self._attention_of_members()
        layers: list[int | None] = [None, *range(len(parts[0].flow))]
        found = [
            (
                "all" if layer is None else str(layer + 1),
                f"trainings_agree_{view}",
                agreement([part.connectivity(layer=layer) for part in parts], view),
            )
            for layer in layers
            for view in AGREEMENTS
        ]
        table = pd.DataFrame(found, columns=["layer", "score", "value"])
        return table.assign(head="all", view="visible")


def both_embeddings(recording: Recording, **changes: Any) -> list[Model]:
    """Name one model of each of the two time embeddings that the book compares.

    Parameters
    ----------
    recording : Recording
    **changes
        Fields of :class:`Model`.

    Returns
    -------
    list of Model
    """
    return [
        Model(recording=recording, time_embedding=time_embedding, **changes)
        for time_embedding in ("interval", "rotary")
    ]


class Point(Protocol):
    """What a study is made of."""

    @property
    def is_ready(self) -> bool:
        """Whether all models it needs have been trained."""

    def rows(self) -> pd.DataFrame:
        """Scores, with columns of ``COLUMNS``."""


def rows(point: Point) -> pd.DataFrame:
    """Compute the rows of one point, or read them back; columns as in ``COLUMNS``."""
    return cached(_rows, also=[type(point).__module__])(point)


def _rows(point: Point) -> pd.DataFrame:
    return point.rows()


def scored(graph: Graph, truth: Network, spectral: bool = True) -> pd.DataFrame:
    """Score a graph, and relabelled copies of it beside.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    truth : Network
    spectral : bool
        As for :func:`lgl_core.metrics.card.score_card`.

    Returns
    -------
    DataFrame
        As from :func:`lgl_core.metrics.card.score_card`, with ``null``, ``null_mean`` and
        ``null_sd``.
    """
    scores = score_card(graph, truth.weights, truth.hubs, spectral=spectral)
    nulls = null_scores(graph, truth.weights, n=N_PERMUTED, hubs=truth.hubs)
    return scores.merge(nulls, on=["view", "score"], how="left").assign(null="permuted")
