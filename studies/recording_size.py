"""Points of the study of how much a recording of so many units and spikes says of its edges."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.experiment import fit_glm
from lgl_core.metrics.card import score_card
from studies.points import Recording
from studies.rows import labels_of, not_converged

__all__ = ["WholeRecording"]


@dataclass(frozen=True, kw_only=True)
class WholeRecording:
    """A recording of which two methods read every spike, as the page on your own recording does.

    Parameters
    ----------
    recording : Recording
    """

    recording: Recording
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Scores of the GLM and of the correlogram, without any null."""
        spikes, truth = self.recording.spikes(), self.recording.network()
        fit = fit_glm(spikes)
        estimates = {
            ("glm", "peak"): fit.coupling("peak"),
            ("ccg", "1 to 4 ms, local baseline"): correlogram_z(spikes, baseline="local"),
        }
        tables = [
            score_card(graph, truth.weights, truth.hubs, spectral=False).assign(
                **labels_of(method, reading=reading)
            )
            for (method, reading), graph in estimates.items()
        ]
        return self.recording.labelled(iter([*tables, not_converged(fit)]))
