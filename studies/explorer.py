"""Networks of sixty neurons and what each method sees in them: what the explorer page shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from lgl_core.baselines.pairwise import (
    correlogram_z,
    covariance,
    partial_covariance,
    rate_product,
)
from lgl_core.disk.cache import cached
from lgl_core.experiment import attention_of, fit_glm
from lgl_core.extraction.influence import influence
from lgl_core.extraction.readings import excess_shares, without_column_median
from lgl_core.metrics.decisions import decision_scores
from lgl_core.metrics.detection import auc
from lgl_core.metrics.scores import off_diagonal, pearson, spearman
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import tokenize
from lgl_core.wiring import connections
from studies.drive import PartialRecording
from studies.fitted import BETWEEN, SMALL_HUBS, Fitted, fitted_recording
from studies.listed import RATES_ASKED
from studies.original import PaperRecording
from studies.points import Recording
from studies.recurrent import STRONGEST, RingRecording, strongest
from studies.rows import labels_of, values_in_rows

__all__ = [
    "BEYOND_USUAL",
    "METHODS",
    "NETWORKS",
    "Explored",
    "beyond_usual",
    "connected",
    "explored",
    "n_listed",
]

Graph = NDArray[np.float64]

BEYOND_USUAL = "beyond what is usual"
# Where every pair has a weight, so large a share of them counts as connected: the largest.
_COUNTED = 0.1
_LEAST_P = 1e-300
_DURATION, _EPOCHS = BETWEEN

# All of one size, so that their graphs fit into one file. The stripes of the paper's network have
# a few neurons each and reach a part of the network, as in the large one; the patterns of the ring
# last, as in the strongest one of the study of recurrence.
_STRIPES = SMALL_HUBS | {"source_sd": 1.5, "target_sd": 8.0}
_RING = SMALL_HUBS | {"strength": 32.0, "excitation_sd": 2.0, "inhibition_sd": 5.3, "reach": 8}
_DRIVEN = SMALL_HUBS | {"n_drivers": 6, "n_driven": 15, "connection_probability": 0.06}
_RECORDINGS: dict[str, Recording | PaperRecording] = {
    "hubs": fitted_recording(0, _DURATION),
    "stripes": PaperRecording(n_spikes=200_000, changes=_STRIPES),
    "random": Recording(
        topology="erdos_renyi", settings=SMALL_HUBS | {"weight": 1.0}, duration=_DURATION
    ),
    "ring": RingRecording(settings=_RING, duration=_DURATION / 4),
    "common drive": PartialRecording(
        topology="common_drive", settings=_DRIVEN, hubs_hidden=True, duration=_DURATION
    ),
}
#: Transformers whose attention is read, each with its recording, by the name of the network.
NETWORKS = {name: Fitted(recording=one, epochs=_EPOCHS) for name, one in _RECORDINGS.items()}
#: Methods in the order of the page.
METHODS = (
    "attention", "influence", "glm", "glm test", "ccg", "covariance", "partial covariance", "rates",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Explored:
    """A network of the explorer, and its graph by each method.

    Parameters
    ----------
    name : str
        Key of ``NETWORKS``.
    of : Fitted
        The transformer, and the recording that all methods read.
    """

    name: str
    of: Fitted

    @property
    def is_ready(self) -> bool:
        """Whether its transformer has been trained."""
        return self.of.is_ready

    def graphs(self) -> dict[str, Graph]:
        """Compute the graph of each method, ``[post, pre]``, or read them back."""
        return cached(_graphs)(self.of)

    def kept(self) -> dict[str, Graph]:
        """Name the graphs as in the file of results, the true weights among them."""
        graphs = {"truth": self.of.recording.network().weights} | self.graphs()
        return {f"{self.name}, {method}": graph for method, graph in graphs.items()}

    def rows(self) -> pd.DataFrame:
        """Scores of each graph as it stands, and of what stands out of it."""
        truth = self.of.recording.network().weights
        synapses = connected(truth)
        tables = []
        for method, graph in self.graphs().items():
            for reading, read in {"": graph, BEYOND_USUAL: beyond_usual(graph)}.items():
                model = self.of.time_embedding * (method in METHODS[:2])
                named = labels_of(method, model=model, reading=reading)
                alike = {"pearson": pearson(read, truth), "spearman": spearman(read, truth)}
                tables.append(values_in_rows(alike, view="true", **named))
                tables.append(values_in_rows({"auc": auc(read, synapses)}, view="abs", **named))
                called = strongest(read, int(np.count_nonzero(synapses)))
                decided = decision_scores(called, synapses)[["precision"]]
                tables.append(
                    values_in_rows(decided, view="decision", **(named | {"kept": STRONGEST}))
                )
        return self.of.recording.labelled(iter(tables), model_seed=0)


def _graphs(of: Fitted) -> dict[str, Graph]:
    spikes, (member,) = of.recording.read(), of.members()
    assert isinstance(member.model, Neuroformer)
    removed = influence(member.model, tokenize(spikes), n_spikes=of.n_spikes, progress=False)
    pairs = connections(spikes, every_pair=True, progress=False)
    sure = np.zeros((spikes.n_neurons, spikes.n_neurons))
    sure[pairs["post"], pairs["pre"]] = pairs["sign"] * -np.log10(pairs["p"].clip(_LEAST_P))
    return {
        "attention": attention_of([member], spikes).connectivity(),
        "influence": removed.connectivity("log_rate"),
        "glm": fit_glm(spikes).coupling("peak"),
        "glm test": sure,
        "ccg": correlogram_z(spikes),
        "covariance": covariance(spikes),
        "partial covariance": partial_covariance(spikes),
        "rates": rate_product(spikes),
    }


def connected(weights: Graph) -> Graph:
    """Keep the weights of the pairs that count as connected.

    Parameters
    ----------
    weights : ndarray, shape (n_neurons, n_neurons)
        The true ones, ``[post, pre]``.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        All weights; where most pairs have one, the largest tenth by size, and zero elsewhere.
    """
    sizes = np.abs(off_diagonal(weights))
    if np.count_nonzero(sizes) <= sizes.size / 2:
        return weights
    return np.where(strongest(weights, round(_COUNTED * sizes.size)), weights, 0.0)


def beyond_usual(graph: Graph) -> Graph:
    """Read off a graph what stands out of its row and column, or of its column.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Of a graph without negative entries, such as attention, its
        :func:`lgl_core.extraction.readings.excess_shares`; of others, whose rows cannot be shared
        out, what :func:`lgl_core.extraction.readings.without_column_median` gives.
    """
    return excess_shares(graph) if graph.min() >= 0 else without_column_median(graph)


def n_listed(sure: Graph) -> int:
    """Count the pairs that are listed as connected, at ``RATES_ASKED[0]`` false ones.

    Parameters
    ----------
    sure : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: minus the logarithm of p to the base 10, with the sign of the connection.
    """
    p = 10.0 ** -np.abs(off_diagonal(sure))
    return int(np.count_nonzero(false_discovery_control(p) <= RATES_ASKED[0]))


def explored() -> list[Explored]:
    """Name the points of the study, one for each network."""
    return [Explored(name=name, of=of) for name, of in NETWORKS.items()]
