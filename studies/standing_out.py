"""Points of the study that keeps of each graph what stands out of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.extraction.readings import standing_out
from lgl_core.metrics.card import pearson_of_hubs, score_card
from lgl_core.networks.network import Network
from lgl_core.spikes import training_part
from studies.methods import METHODS
from studies.names import CORRELATIONS
from studies.points import Model, Recording, scored
from studies.readings import Changed, Constrained
from studies.rows import labels_of

__all__ = [
    "FIRST_TRIAL",
    "N_SDS",
    "OF_HUBS",
    "READ",
    "TRIED",
    "StandingOut",
    "beyond",
]

Graph = NDArray[np.float64]

# How far an entry must stand out of its column to be kept, in standard deviations; and what the
# book reads. Only that has nulls beside it, which take longer than all the rest.
N_SDS = (1.0, 1.5, 2.0, 2.5, 3.0)
READ = {"as it is": None, "standing out": 2.0}
# Of the other values only correlations are kept, in these views.
TRIED = ("true", "co_input", "true_off_hubs", "co_input_off_hubs")
# View of the entries in the columns of the hubs alone.
OF_HUBS = "true_of_hubs"
# What the influence in one small model reached in a first trial: the bar that was set beforehand.
FIRST_TRIAL = {
    (OF_HUBS, "pearson"): 0.98,
    ("co_input", "pearson"): 0.91,
    ("co_input", "spearman"): 0.82,
}

# What needs no transformer: those that each recording has anyway, and two that take seconds.
FITTED = (("glm", "area"), ("ccg", "1 to 4 ms"), ("partial covariance", "10 ms"))
REGRESSIONS = (("firing rates", "exponential"), ("event timing", "from the clock"))
# Of a model with a graph inside, what is read.
INSIDE = ({"reading": "area"}, {"reading": "influence", "quantity": "log rate"})


def beyond(n_sd: float | None) -> str:
    """Name what is kept, for the column ``kept``; nothing for graphs as they are."""
    return "" if n_sd is None else f"beyond {n_sd:g} sd"


@dataclass(frozen=True, kw_only=True)
class StandingOut:
    """The graphs of a recording or of a model, as they are and by what stands out of their columns.

    Parameters
    ----------
    of : Recording, Model or Constrained
        Of a recording, graphs that need no transformer; of a model, its attention and what it
        makes of a spike that is removed; of one with a graph inside, that graph and the same.
    n_sds : tuple of float
        As for :func:`lgl_core.extraction.readings.standing_out`.
    n_spikes : int
        Spikes to remove from the past of a model.
    """

    of: Recording | Model | Constrained
    n_sds: tuple[float, ...] = N_SDS
    n_spikes: int = 20_000

    @property
    def recording(self) -> Recording:
        """What was listened to."""
        return self.of if isinstance(self.of, Recording) else self.of.recording

    @property
    def is_ready(self) -> bool:
        """Whether the model has been trained, if there is one."""
        return self.of.is_ready

    def estimates(self) -> Iterator[tuple[dict[str, Any], Graph]]:
        """Yield labels and graph, ``[post, pre]``, as they are."""
        match self.of:
            case Recording():
                yield from _without_model(self.of)
            case Model():
                yield self.of.labels(), self.of.attention().connectivity()
                changed = Changed(model=self.of, change="removed", n_spikes=self.n_spikes)
                for reading, graph in changed.estimates():
                    if reading["quantity"] == "log rate":
                        yield self.of.labels() | reading, graph
            case Constrained():
                for reading, graph in self.of.estimates():
                    if reading in INSIDE:
                        yield self.of.labels(**reading), graph

    def rows(self) -> pd.DataFrame:
        """Scores of each graph and of what stands out; all of them, with nulls, of ``READ``."""
        truth = self.recording.network()
        tables = (
            _scores(graph, n_sd, truth).assign(**(labels | {"kept": beyond(n_sd)}))
            for labels, graph in self.estimates()
            for n_sd in (None, *self.n_sds)
        )
        seed = {} if isinstance(self.of, Recording) else {"model_seed": self.of.seed}
        return self.recording.labelled(tables, **seed)


def _without_model(recording: Recording) -> Iterator[tuple[dict[str, Any], Graph]]:
    estimates = recording.estimates()
    for method, reading in FITTED:
        yield labels_of(method, reading=reading), estimates[method, reading]
    spikes = training_part(recording.spikes())
    for method, reading in REGRESSIONS:
        yield labels_of(method, reading=reading), METHODS[method, reading](spikes)


def _scores(graph: Graph, n_sd: float | None, truth: Network) -> pd.DataFrame:
    kept = graph if n_sd is None else standing_out(graph, n_sd)
    if n_sd in READ.values():
        card = scored(kept, truth, spectral=False)
    else:
        card = score_card(kept, truth.weights, truth.hubs, spectral=False)
        card = card[card["view"].isin(TRIED) & card["score"].isin(CORRELATIONS)]
    of_hubs = pearson_of_hubs(kept, truth.weights, truth.hubs)
    row = pd.DataFrame({"view": [OF_HUBS], "score": ["pearson"], "value": [of_hubs]})
    return pd.concat([card, row], ignore_index=True) if truth.hubs.size else card
