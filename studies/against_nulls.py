"""Points of the study on nulls: what a graph would score that does not know who is connected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
from numpy.typing import NDArray

from lgl_core.metrics.card import score_card
from lgl_core.metrics.nulls import null_scores, strengths_only
from lgl_core.networks.network import Network
from studies.points import Model, Recording
from studies.rows import labels_of

__all__ = ["Nulls"]


@dataclass(frozen=True, kw_only=True)
class Nulls:
    """All graphs of a recording against graphs that share less and less with them.

    Parameters
    ----------
    recording : Recording
    models : tuple of Model
        Trained on that recording.
    n : int
        Random graphs per null model.
    """

    recording: Recording
    models: tuple[Model, ...]
    n: int = 100

    @property
    def is_ready(self) -> bool:
        """Whether all models have been trained."""
        return all(model.is_ready for model in self.models)

    def rows(self) -> pd.DataFrame:
        """Scores with both null models, and the score of the strengths of each graph alone."""
        truth = self.recording.network()
        tables = [
            self._against_nulls(graph, truth).assign(**labels_of(method, reading=reading))
            for (method, reading), graph in self.recording.estimates().items()
        ]
        for model in self.models:
            tables += [
                self._against_nulls(graph, truth).assign(
                    layer=layer,
                    head="all",
                    rows="predicted",
                    model_seed=model.seed,
                    **model.labels(),
                )
                for (layer, _), graph in replace(model, in_detail=False).estimates().items()
            ]
        return self.recording.labelled(iter(tables))

    def _against_nulls(self, graph: NDArray, truth: Network) -> pd.DataFrame:
        scores = score_card(graph, truth.weights, truth.hubs, spectral=False)
        tables = []
        for null in ("permuted", "strengths"):
            nulls = null_scores(graph, truth.weights, null, n=self.n, hubs=truth.hubs)
            tables.append(scores.merge(nulls, on=["view", "score"]).assign(null=null))
        alone = score_card(strengths_only(graph), truth.weights, truth.hubs, spectral=False)
        tables.append(alone.assign(null="strengths only"))
        return pd.concat(tables, ignore_index=True)
