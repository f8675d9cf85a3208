"""Points of the study on lists of connections: how many are false, and how many are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.metrics.decisions import called_graph, decision_scores
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains
from lgl_core.wiring import Method, connections
from studies.points import Recording
from studies.rows import labels_of, values_in_rows

__all__ = [
    "LENGTHS",
    "N_NEURONS",
    "RATES_ASKED",
    "WIRINGS",
    "Listed",
    "at_rate",
    "listed",
    "listed_rows",
]

# False discovery rates at which lists are scored; the first one also by how late connections are.
RATES_ASKED = (0.05, 0.01, 0.1, 0.2)

# What is recorded, how long in s, and of how many neurons.
WIRINGS = ("hub_network", "erdos_renyi", "spatial")
LENGTHS = (60.0, 180.0, 600.0)
N_NEURONS = 80


def at_rate(fdr: float) -> str:
    """Name a list of connections by its rate, for the column ``kept``."""
    return f"listed at {fdr:.0%}"


def listed_rows(
    spikes: SpikeTrains, truth: NDArray[np.float64], method: Method = "glm"
) -> pd.DataFrame:
    """Score a method's list of connections at the first of ``RATES_ASKED``, in rows of a study."""
    rate = RATES_ASKED[0]
    found = connections(spikes, fdr=rate, method=method, progress=False)
    scores = decision_scores(called_graph(found, len(truth)), truth).dropna()
    labels = labels_of(method, reading="connections", kept=at_rate(rate))
    return values_in_rows(scores, view="decision", **labels)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A recording of which every spike is read, and the pairs that are called connected.

    Parameters
    ----------
    recording : Recording
    method : {"glm", "ccg"}
        As for :func:`lgl_core.wiring.connections`.
    """

    recording: Recording
    method: Method = "glm"
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Scores of the list at each rate, and how much later than they are connections seem."""
        truth = self.recording.network().weights
        pairs = connections(
            self.recording.spikes(), method=self.method, every_pair=True, progress=False
        )
        tables = []
        for fdr in RATES_ASKED:
            found = pairs[pairs["q"] <= fdr]
            scores = decision_scores(called_graph(found, len(truth)), truth)
            if fdr == RATES_ASKED[0]:
                hits = found[truth[found["post"], found["pre"]] != 0]
                scores["latency error"] = (hits["latency"] - LIFParams.delay).median()
            labels = labels_of(self.method, reading="connections", kept=at_rate(fdr))
            tables.append(values_in_rows(scores, view="decision", **labels))
        return self.recording.labelled(iter(tables))


def listed(seeds: Sequence[int]) -> list[Any]:
    """Name the points of the study, for networks of these seeds."""
    recordings = [
        Recording(topology=name, seed=seed, duration=length, settings={"n_neurons": N_NEURONS})
        for name in WIRINGS
        for length in LENGTHS
        for seed in seeds
    ]
    return [
        Listed(recording=one, method=method) for one in recordings for method in get_args(Method)
    ]
