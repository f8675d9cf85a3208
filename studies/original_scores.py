"""Points on the paper's own network that need no transformer, and how all are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import correlation, correlogram_z, partial_covariance, rate_product
from lgl_core.disk.cache import cached
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import GLMFit, fit_quietly
from lgl_core.metrics.card import score_card
from lgl_core.metrics.detection import hub_groups_found
from lgl_core.metrics.nulls import Null, null_scores
from lgl_core.networks.assemblies import assembly_of, block_means
from lgl_core.networks.network import Network
from studies.original import PaperRecording
from studies.rows import labels_of, not_converged

__all__ = [
    "GLM_EPOCHS",
    "IN_THIRDS",
    "PERMUTED",
    "SHUFFLED",
    "Counted",
    "CoupledGLM",
    "judged",
]

Graph = NDArray[np.float64]

# Nulls: neurons relabelled; relabelled within their third; entries shuffled within each block of
# two thirds. Of each: how graphs are drawn, whether within thirds, and how many.
PERMUTED, IN_THIRDS, SHUFFLED = "permuted", "permuted in thirds", "shuffled in thirds"
_NULLS: dict[str, tuple[Null, bool, int]] = {
    PERMUTED: ("permuted", False, 50),
    IN_THIRDS: ("permuted", True, 50),
    SHUFFLED: ("blocks", True, 10),
}
# What is kept of a card: detection of edges means nothing where every pair is connected.
_VIEWS = ("true", "co_input", "abs", "true_off_hubs", "co_input_off_hubs")
_SCORES = ("pearson", "spearman", "spectral")
_BEYOND = ("true", "co_input")


def judged(graph: Graph, truth: Network, nulls: bool = True) -> pd.DataFrame:
    """Score a graph, and beside it graphs that know less and less of who is where.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    truth : Network
    nulls : bool
        Whether nulls are drawn, which takes some seconds.

    Returns
    -------
    DataFrame
        One row for each score, and each null if there are some.
    """
    card = score_card(graph, truth.weights, truth.hubs)
    card = card[card["view"].isin(_VIEWS) & card["score"].isin(_SCORES)]
    found = hub_groups_found(graph, truth.hubs, truth.group_of_hub)
    hubs = pd.DataFrame({"view": ["hubs"], "score": ["groups found"], "value": [found]})
    if not nulls:
        return pd.concat([card, hubs], ignore_index=True)
    thirds = assembly_of(truth.n_neurons)
    tables = [hubs]
    for name, (null, within, n) in _NULLS.items():
        drawn = null_scores(
            graph,
            truth.weights,
            null,
            n=n,
            hubs=truth.hubs,
            groups=thirds if within else None,
        )
        # What is known beyond the thirds is asked of edges and co-input.
        asked = card[(not within) | (card["view"].isin(_BEYOND) & (card["score"] != "spectral"))]
        tables.append(asked.merge(drawn, on=["view", "score"], how="left").assign(null=name))
    return pd.concat(tables, ignore_index=True)


# --- what needs no transformer ------------------------------------------------------------------

COUNT_BINS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # s


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Graphs that are counted, not fitted, and graphs that know a part of the truth.

    Parameters
    ----------
    recording : PaperRecording
    """

    recording: PaperRecording
    is_ready = True

    def estimates(self) -> dict[tuple[str, str], Graph]:
        """Graphs, ``[post, pre]``, by method and reading."""
        spikes = self.recording.read()
        return {
            **{
                ("correlation", f"{1000 * width:g} ms"): correlation(spikes, width)
                for width in COUNT_BINS
            },
            ("partial correlation", "10 ms"): partial_covariance(spikes, 0.01),
            ("partial correlation", "100 ms"): partial_covariance(spikes, 0.1),
            ("ccg", "1 to 4 ms"): correlogram_z(spikes),
            ("rates", "product"): rate_product(spikes),
        }

    def references(self) -> dict[tuple[str, str], Graph]:
        """Graphs that know the thirds and nothing else, by method and reading."""
        truth = self.recording.network()
        thirds = assembly_of(truth.n_neurons)
        same = (thirds[:, None] == thirds).astype(float)
        means = block_means(truth.weights, thirds)[np.ix_(thirds, thirds)]
        return {("truth", "block means"): means, ("truth", "same third"): same}

    def rows(self) -> pd.DataFrame:
        """Scores with nulls; of what knows the thirds alone, nulls within thirds are itself."""
        truth = self.recording.network()
        tables = [
            judged(graph, truth).assign(**labels_of(method, reading=reading))
            for (method, reading), graph in self.estimates().items()
        ]
        tables += [
            judged(graph, truth, nulls=False).assign(**labels_of(method, reading=reading))
            for (method, reading), graph in self.references().items()
        ]
        return self.recording.labelled(iter(tables))


# Epochs after which the GLM's training by Adam is stopped: how much of it gives the paper's scores?
GLM_EPOCHS = (3, 10, 30, 100, 300, 1000)


@dataclass(frozen=True, kw_only=True)
class CoupledGLM:
    """A GLM of a recording.

    Parameters
    ----------
    recording : PaperRecording
    epochs : int
        Steps of the paper's Adam after which it is stopped; 0 for the optimum.
    """

    recording: PaperRecording
    epochs: int = 0
    is_ready = True

    def labels(self, kind: str) -> dict[str, Any]:
        """Name a coupling of this fit, as :func:`studies.rows.labels_of` does."""
        stopped = f"Adam, {self.epochs} epochs" * bool(self.epochs)
        return labels_of("glm", changes=stopped, reading=kind)

    def fit(self) -> GLMFit:
        """Fit, or read back."""
        config = GLMConfig(solver="adam", max_epochs=self.epochs) if self.epochs else GLMConfig()
        return cached(fit_quietly)(self.recording.read(), config, progress=False)

    def rows(self) -> pd.DataFrame:
        """Scores of the signed peak, the paper's, and of the area; nulls at the optimum."""
        fit, truth = self.fit(), self.recording.network()
        tables = [
            judged(fit.coupling(kind), truth, nulls=not self.epochs).assign(**self.labels(kind))
            for kind in ("peak", "area")
        ]
        if not self.epochs:
            tables.append(not_converged(fit))
        return self.recording.labelled(iter(tables))
