"""Points of studies of common drive: what a method takes for a synapse, and what it cannot hear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.experiment import simulate, split_tokens
from lgl_core.extraction.influence import influence
from lgl_core.extraction.readings import excess_shares
from lgl_core.metrics.pairs import confusion, pair_kinds
from lgl_core.networks.motifs import subnetwork
from lgl_core.networks.network import Network
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import Neuroformer
from studies.points import EXCESS_SHARES, Model, Recording, scored
from studies.readings import Constrained
from studies.rows import labels_of

__all__ = ["EDGE_ABOVE", "STRONG", "Confusions", "PartialRecording"]

Graph = NDArray[np.float64]

# Synapses of at least this size in mV count as a common source: those of hubs and drivers. By the
# others nearly every two neurons of a random network have one in common.
STRONG = 3.0
# Begins the name of the score of a kind of pairs: the chance that a synapse has a larger estimate.
EDGE_ABOVE = "edge above "


@dataclass(frozen=True, kw_only=True)
class PartialRecording(Recording):
    """A recording of some neurons of a network, or of one with shared noise.

    Parameters
    ----------
    fraction : float
        Share of the neurons that are listened to, drawn at random.
    hubs_hidden : bool
        Whether hubs, or drivers, are not listened to.
    noise_correlation, noise_groups
        As for :class:`lgl_core.simulation.lif.LIFParams`.
    """

    fraction: float = 1.0
    hubs_hidden: bool = False
    noise_correlation: float = 0.0
    noise_groups: int = 1

    @property
    def label(self) -> str:
        """Name of the kind of recording, without its seed."""
        parts = [super().label]
        parts += [f"{self.fraction:.0%} of neurons"] * (self.fraction < 1)
        parts += ["hubs hidden"] * self.hubs_hidden
        if self.noise_correlation:
            parts.append(f"noise shared by {self.noise_correlation:g}")
        return ", ".join(parts)

    def whole(self) -> Network:
        """Draw the network with those of its neurons that nobody listens to."""
        return super().network()

    def observed(self) -> NDArray[np.int64]:
        """Ids of the neurons that are listened to."""
        whole = self.whole()
        ids = np.random.default_rng([self.seed, 1]).permutation(whole.n_neurons)
        kept = np.sort(ids[: round(self.fraction * whole.n_neurons)])
        return np.setdiff1d(kept, whole.hubs) if self.hubs_hidden else kept

    def network(self) -> Network:
        """Draw the truth about the neurons that are listened to."""
        return subnetwork(self.whole(), self.observed())

    def spikes(self) -> SpikeTrains:
        """Simulate the whole network, and keep the spikes that are heard."""
        noise = LIFParams(noise_correlation=self.noise_correlation, noise_groups=self.noise_groups)
        spikes = simulate(self.whole(), noise, duration=self.duration, seed=self.seed)
        return spikes.select(self.observed())

    def kinds(self) -> NDArray[np.str_]:
        """Say of each pair that is heard what could make it fire together."""
        group = self.observed() % self.noise_groups
        together = (group[:, None] == group) & (self.noise_correlation > 0)
        return pair_kinds(self.whole().weights, self.observed(), together=together, at_least=STRONG)


@dataclass(frozen=True, kw_only=True)
class Confusions:
    """What each method takes for a synapse in a recording.

    Parameters
    ----------
    recording : PartialRecording
    with_models : bool
        Whether a transformer and a graph inside a model are among the methods.
    n_spikes : int
        Spikes to remove for the influence in the transformer.
    """

    recording: PartialRecording
    with_models: bool = False
    n_spikes: int = 20_000

    @property
    def models(self) -> tuple[Model, Constrained]:
        """The models that are trained on the recording, if any are."""
        return (
            Model(recording=self.recording, time_embedding="rotary"),
            Constrained(recording=self.recording),
        )

    @property
    def is_ready(self) -> bool:
        """Whether all models it needs have been trained."""
        return not self.with_models or all(model.is_ready for model in self.models)

    def estimates(self) -> Iterator[tuple[dict[str, Any], Graph]]:
        """Yield labels and graph, ``[post, pre]``."""
        for (method, reading), graph in self.recording.estimates().items():
            yield labels_of(method, reading=reading), graph
        if not self.with_models:
            return
        plain, constrained = self.models
        attention = plain.attention().connectivity()
        yield plain.labels(), attention
        yield plain.labels(reading=EXCESS_SHARES), excess_shares(attention)
        (member,), tokens = plain.members(), split_tokens(self.recording.spikes())[0]
        assert isinstance(member.model, Neuroformer)
        found = influence(member.model, tokens, n_spikes=self.n_spikes)
        read_by = {"reading": "removed", "quantity": "log rate"}
        yield plain.labels("influence", **read_by), found.connectivity()
        for read_by, graph in constrained.estimates():
            yield constrained.labels(**read_by), graph

    def rows(self) -> pd.DataFrame:
        """Scores of all methods with their permuted nulls, and what each takes for a synapse.

        The latter have the view ``"pairs"``: the score ``"edge above KIND"`` is the chance that a
        synapse has a larger estimate than a pair of this kind, ``"KIND above neither"`` that such a
        pair has a larger one than a pair with nothing in common.
        """
        truth, kinds = self.recording.network(), self.recording.kinds()
        tables = []
        for labels, graph in self.estimates():
            scores = pd.concat([scored(graph, truth), _as_scores(confusion(graph, kinds))])
            tables.append(scores.assign(**labels))
        seed = {"model_seed": 0} if self.with_models else {}
        return self.recording.labelled(iter(tables), **seed)


def _as_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Turn a table of confusions into rows of a score each."""
    against = table.assign(score=EDGE_ABOVE + table["kind"], value=table["edge_above"])
    over = table.assign(score=table["kind"] + " above neither", value=table["above_neither"])
    counted = table.assign(score="n " + table["kind"], value=table["n"].astype(float))
    others = ~table["kind"].isin(["edge", "neither"])
    rows = pd.concat([against[table["kind"] != "edge"], over[others], counted], ignore_index=True)
    return rows[["score", "value"]].assign(view="pairs").dropna()
