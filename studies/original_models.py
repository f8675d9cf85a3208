"""Points of the study on the paper's own network: its transformer, and how attention is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core import experiment
from lgl_core.experiment import is_trained, split_tokens, train
from lgl_core.extraction.attention import AttentionConnectivity, Rows
from lgl_core.extraction.readings import centred
from lgl_core.extraction.selected import Occurrences, Positions, selected_attention
from lgl_core.metrics.scores import off_diagonal
from lgl_core.networks.assemblies import assembly_of
from lgl_core.networks.network import Network
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, TrainedModel, baselines
from studies.original import (
    COARSE_STEPS,
    MANY,
    N_SPIKES,
    SETTINGS,
    TRAIN_PART,
    Activity,
    PaperRecording,
)
from studies.original_scores import GLM_EPOCHS, Counted, CoupledGLM, judged
from studies.rows import labels_of, values_in_rows

__all__ = [
    "BOOK",
    "CENTRED",
    "ENSEMBLE",
    "EVERY_WINDOW",
    "KINDS",
    "OF_THE_BOOK",
    "OF_THE_ORIGINAL",
    "ORIGINAL",
    "ORIGINAL_MODEL",
    "READOUTS",
    "PaperModel",
    "ReadOut",
    "attention_of",
    "original_network",
    "panel",
]

Graph = NDArray[np.float64]

# Models that are averaged, as the original code declares.
ENSEMBLE = 10


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """How attention is read: the switches in which the original code and this book differ.

    Parameters
    ----------
    rows, positions, occurrences, chained
        As for :func:`lgl_core.extraction.selected.selected_attention`.
    head : int or None
        The only head that counts, from 0; None for all.
    unseen : {"mean", "zero"}
        What stands for a pair of neurons of which no tokens were seen: the mean of the others,
        which says nothing, or zero, as elsewhere in this book. (In the original it is undefined.)
    """

    rows: Rows
    positions: Positions
    occurrences: Occurrences
    chained: bool
    head: int | None
    unseen: Literal["mean", "zero"]


ORIGINAL = ReadOut(
    rows="query", positions="last", occurrences="latest", chained=False, head=1, unseen="mean"
)
BOOK = ReadOut(
    rows="predicted", positions="all", occurrences="every", chained=True, head=None, unseen="zero"
)
# The original's, each of its switches turned by itself, and the book's.
OF_THE_ORIGINAL, OF_THE_BOOK = "original read-out", "read-out of the book"
READOUTS = {
    OF_THE_ORIGINAL: ORIGINAL,
    "original but predicted rows": replace(ORIGINAL, rows="predicted"),
    "original but all rows": replace(ORIGINAL, positions="all"),
    "original but every token": replace(ORIGINAL, occurrences="every"),
    "original but both heads": replace(ORIGINAL, head=None),
    "original but chained layers": replace(ORIGINAL, chained=True),
    "original but zero for unseen pairs": replace(ORIGINAL, unseen="zero"),
    OF_THE_BOOK: BOOK,
}
# What is kept of a graph whose mean was taken off: the seventh switch.
CENTRED = "centred"

# Tokens from one window of the original model to the next, in training and in reading. In a long
# recording one window in ten: they overlap by all but that, and a tenth of the hours is enough to
# see each token in ten of them.
_STRIDE, _STRIDE_OF_MANY = 1, 10
# Passes of the book's models over a short recording: where the held-out loss was lowest, to thirty
# epochs, on a network on which the settings were calibrated.
SHORT_EPOCHS = 90
# Products of matrices in bfloat16 shorten the long trainings of the book's models; on the short
# recordings one model shows what that changes.
_HALF = "bfloat16"

# Models: the original's, the original's with one thing of the book's, and the book's.
_AS_ORIGINAL: dict[str, Any] = {"size": "original", "time_embedding": "position"}
ORIGINAL_MODEL = "original model"
EVERY_WINDOW = "original model but every window"
KINDS: dict[str, dict[str, Any]] = {
    ORIGINAL_MODEL: _AS_ORIGINAL,
    EVERY_WINDOW: _AS_ORIGINAL | {"training": {"epochs": 1, "stride": _STRIDE}},
    "original model but times": _AS_ORIGINAL | {"time_embedding": "interval"},
    "original model but rotary": _AS_ORIGINAL | {"time_embedding": "rotary"},
    "original model but both losses": _AS_ORIGINAL | {"changes": {"interval_weight": 0.3}},
    "interval": {"size": "laptop", "time_embedding": "interval"},
    "rotary": {"size": "laptop", "time_embedding": "rotary"},
    "rotary but bfloat16": {
        "size": "laptop",
        "time_embedding": "rotary",
        "training": {"epochs": SHORT_EPOCHS, "precision": _HALF},
    },
}


def attention_of(
    kind: str = ORIGINAL_MODEL,
    readout: str = OF_THE_ORIGINAL,
    n_models: int = 1,
    centred: bool = False,
) -> dict[str, Any]:
    """Name a model or an ensemble, and how its attention is read: :func:`studies.rows.labels_of`.

    Kind and read-out are keys of ``KINDS`` and ``READOUTS``; the latter is empty for what is not
    read from attention.
    """
    return labels_of(
        "attention",
        model=kind,
        size=KINDS[kind]["size"],
        n_models=n_models,
        reading=readout,
        kept=CENTRED * centred,
    )


@dataclass(frozen=True, kw_only=True)
class PaperModel:
    """A Neuroformer, or an ensemble of them, trained on a recording of the paper's network.

    Parameters
    ----------
    recording : PaperRecording
    kind : str
        Key of ``KINDS``.
    seed, n_models : int
        As for :class:`studies.points.Model`.
    """

    recording: PaperRecording
    kind: str = ORIGINAL_MODEL
    seed: int = 0
    n_models: int = 1

    @property
    def _is_original(self) -> bool:
        return KINDS[self.kind]["size"] == "original"

    @property
    def _stride(self) -> int:
        return _STRIDE_OF_MANY if self.recording.n_spikes >= MANY else _STRIDE

    @property
    def _training(self) -> dict[str, Any]:
        if self._is_original:
            return {"epochs": 1, "stride": self._stride}
        if self.recording.n_spikes >= MANY:
            return {"epochs": TrainConfig.epochs, "precision": _HALF}
        return {"epochs": SHORT_EPOCHS}

    def _settings(self, seed: int) -> dict[str, Any]:
        kind = KINDS[self.kind]
        return {
            "size": kind["size"],
            "config": TrainConfig(**kind.get("training", self._training), seed=seed),
            "train_fraction": TRAIN_PART,
            **kind.get("changes", {}),
        }

    @property
    def is_ready(self) -> bool:
        """Whether all members have been trained."""
        spikes, embedding = self.recording.spikes(), KINDS[self.kind]["time_embedding"]
        return all(is_trained(spikes, embedding, **self._settings(s)) for s in self._seeds())

    def _seeds(self) -> range:
        return range(self.seed, self.seed + self.n_models)

    def members(self) -> list[TrainedModel]:
        """Train on one core, or read back."""
        spikes, embedding = self.recording.spikes(), KINDS[self.kind]["time_embedding"]
        return [
            train(spikes, embedding, n_jobs=1, **self._settings(seed)) for seed in self._seeds()
        ]

    def attention(self, readout: ReadOut) -> AttentionConnectivity:
        """Read the attention of all members together."""
        return self._attention(self.members(), self.recording.read(), readout)

    def attentions(self) -> dict[str, AttentionConnectivity]:
        """Read it in all ways, by name; those that differ only afterwards share one."""
        members, spikes = self.members(), self.recording.read()
        read: dict[ReadOut, AttentionConnectivity] = {}
        by_name = {}
        for name in READOUTS if self._is_original else (OF_THE_BOOK,):
            before = replace(READOUTS[name], head=None, unseen="zero")
            if before not in read:
                read[before] = self._attention(members, spikes, before)
            by_name[name] = read[before]
        return by_name

    def _attention(
        self, members: Sequence[TrainedModel], spikes: SpikeTrains, readout: ReadOut
    ) -> AttentionConnectivity:
        if not self._is_original:
            return experiment.attention_of(members, spikes)
        context = members[0].model.config.context
        return selected_attention(
            [cast(Neuroformer, member.model) for member in members],
            tokenize(spikes),
            rows=readout.rows,
            positions=readout.positions,
            occurrences=readout.occurrences,
            chained=readout.chained,
            stride=self._stride if readout.positions == "last" else context // 4,
            progress=False,
        )

    def estimates(self) -> dict[str, Graph]:
        """Graphs, ``[post, pre]``, by read-out."""
        return _graphs(self.attentions())

    def rows(self) -> pd.DataFrame:
        """Scores of each read-out, as it is and centred, with nulls of the two main ones."""
        truth, tables = self.recording.network(), []
        attentions = self.attentions()
        for name, graph in _graphs(attentions).items():
            with_nulls = READOUTS[name] in (ORIGINAL, BOOK)
            as_it_is, without_mean = (
                attention_of(self.kind, name, self.n_models, centred=taken_off)
                for taken_off in (False, True)
            )
            tables += [
                judged(graph, truth, with_nulls).assign(**as_it_is),
                judged(centred(graph), truth, with_nulls).assign(**without_mean),
                panel(graph, truth).assign(**as_it_is),
            ]
        last = [member.history.iloc[-1] for member in self.members()]
        visible = self._visible([epoch["valid_neuron"] for epoch in last], attentions)
        tables.append(visible.assign(**attention_of(self.kind, "", self.n_models)))
        seconds = sum(epoch["seconds"] for epoch in last)
        return self.recording.labelled(iter(tables), model_seed=self.seed, seconds=seconds)

    def _visible(
        self, losses: Sequence[float], attentions: dict[str, AttentionConnectivity]
    ) -> pd.DataFrame:
        """Held-out loss of the next neuron, that of frequencies alone, and pairs never seen."""
        unigram = baselines(*split_tokens(self.recording.spikes(), TRAIN_PART))["neuron"]
        values = {"held-out neuron": float(np.mean(losses)), "unigram": unigram}
        if self._is_original:
            values["pairs unseen"] = attentions[OF_THE_ORIGINAL].n_unseen
        table = values_in_rows(values)
        return table.assign(view="visible")


def _graphs(attentions: dict[str, AttentionConnectivity]) -> dict[str, Graph]:
    """Take the graph that each read-out takes from its attention."""
    return {name: _graph(attention, READOUTS[name]) for name, attention in attentions.items()}


def _graph(attention: AttentionConnectivity, readout: ReadOut) -> Graph:
    graph = attention.connectivity(head=readout.head)
    seen = (attention.pairs > 0) & ~np.eye(len(graph), dtype=bool)
    if readout.unseen == "mean":
        graph[attention.pairs == 0] = graph[seen].mean()
    return graph


def panel(graph: Graph, truth: Network) -> pd.DataFrame:
    """Give the numbers that can be read off the published panel of attention.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        Attention, ``[post, pre]``.
    truth : Network

    Returns
    -------
    DataFrame
        Of the view ``panel``: the ``mean`` and ``median`` attention, its mean in hub columns on
        their own third (``hubs``), and the ``edge``: how much more is paid to a neuron of the same
        third with a lower id than to one with a higher id.
    """
    n_neurons = truth.n_neurons
    ids, thirds = np.arange(n_neurons), assembly_of(n_neurons)
    same, is_hub = thirds[:, None] == thirds, np.isin(ids, truth.hubs)
    lower, higher = same & (ids < ids[:, None]), same & (ids > ids[:, None])
    values = {
        "mean": off_diagonal(graph).mean(),
        "median": np.median(off_diagonal(graph)),
        "hubs": graph[(lower | higher) & is_hub].mean(),
        "edge": graph[lower].mean() - graph[higher].mean(),
    }
    return values_in_rows(values).assign(view="panel")


def original_network(seeds: Sequence[int]) -> list[Any]:
    """Name the points of the study, for networks of these seeds.

    Parameters
    ----------
    seeds : sequence of int

    Returns
    -------
    list
        Points of all settings: what needs no transformer of short and long recordings, and the
        original model of short ones. Of the setting that fits best everything else.
    """
    points: list[Any] = []
    for seed in seeds:
        for setting in SETTINGS:
            for n_spikes in (N_SPIKES, MANY):
                recording = PaperRecording(setting=setting, seed=seed, n_spikes=n_spikes)
                points += [
                    Activity(recording=recording),
                    Counted(recording=recording),
                    CoupledGLM(recording=recording),
                ]
            points.append(PaperModel(recording=PaperRecording(setting=setting, seed=seed)))
        points += _on_the_fitted_setting(seed)
        by_id = PaperRecording(setting=COARSE_STEPS, seed=seed, ties="by_id")
        points += [
            Counted(recording=by_id),
            CoupledGLM(recording=by_id),
            PaperModel(recording=by_id),
        ]
    return points


def _on_the_fitted_setting(seed: int) -> list[Any]:
    few, many = (PaperRecording(seed=seed, n_spikes=n) for n in (N_SPIKES, MANY))
    points: list[Any] = [CoupledGLM(recording=few, epochs=epochs) for epochs in GLM_EPOCHS]
    points += [
        PaperModel(recording=few, kind=kind)
        for kind in KINDS
        if kind not in (ORIGINAL_MODEL, EVERY_WINDOW)
    ]
    points.append(PaperModel(recording=few, n_models=ENSEMBLE))
    points += [PaperModel(recording=many, kind=kind) for kind in KINDS if " but " not in kind]
    if seed == 0:  # an hour, of one network: what the windows that are left out are worth
        points.append(PaperModel(recording=many, kind=EVERY_WINDOW))
    return points
