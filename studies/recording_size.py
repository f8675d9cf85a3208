"""Points of the study of how much a recording of so many units and spikes says of its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.experiment import fit_glm
from lgl_core.metrics.card import score_card
from studies.listed import listed_rows
from studies.points import Recording
from studies.rows import labels_of, not_converged

__all__ = ["WholeRecording", "sized", "sizes"]

# With strong hubs, and with none.
_WIRINGS = ("hub_network", "erdos_renyi")
# Neurons, networks of that many, and lengths in s: what a laboratory's recording is looked up in.
_SIZES = {20: range(5), 50: range(5), 100: range(5), 300: range(3)}
_LENGTHS = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
_MOST = 300 * 600.0  # neurons times s: a GLM of half an hour of 300 takes another half


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
        """Scores of the GLM, its list of connections and the correlogram, without any null."""
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
        tables += [listed_rows(spikes, truth.weights), not_converged(fit)]
        return self.recording.labelled(iter(tables))


def sized() -> list[Any]:
    """Name the points of the study."""
    return [
        WholeRecording(
            recording=Recording(
                topology=wiring, seed=seed, duration=duration, settings={"n_neurons": n_neurons}
            )
        )
        for wiring in _WIRINGS
        for n_neurons, seeds in _SIZES.items()
        if n_neurons < max(_SIZES) or wiring == _WIRINGS[0]  # those take minutes each
        for duration in _LENGTHS
        if n_neurons * duration <= _MOST
        for seed in seeds
    ]


def sizes() -> pd.DataFrame:
    """Tell the recordings of the study apart: a row per ``network``, the label of its rows.

    Columns are ``topology``, ``n_neurons`` and ``duration`` in s.
    """
    recordings = [point.recording for point in sized()]
    rows = [
        (one.label, one.topology, one.settings["n_neurons"], one.duration) for one in recordings
    ]
    columns = ["network", "topology", "n_neurons", "duration"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates()
