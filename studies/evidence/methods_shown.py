"""Methods beside each other: between regular and noisy neurons, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.metrics.scores import pearson
from lgl_core.networks.topologies import erdos_renyi
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.spikes import SpikeTrains
from studies.evidence.report import chosen
from studies.methods import PEAK

__all__ = ["costs", "from_clocks_to_noise"]

# As a share of the noise of the other networks; without noise a drive makes every neuron fire.
_NOISES = (0.0, 0.03, 0.1, 0.2, 0.4, 0.7, 1.0)


def from_clocks_to_noise(
    methods: Mapping[str, Callable[[SpikeTrains], NDArray[np.float64]]], duration: float, seed: int
) -> pd.DataFrame:
    """Read a small random network of weak synapses at every level of noise.

    Parameters
    ----------
    methods : mapping
        From spikes to a graph, ``[post, pre]``, by name.
    duration : float
        Of each recording, in s.
    seed : int
        Of network and noise.

    Returns
    -------
    DataFrame
        A row for each method and level: ``noise`` (as a share of that of the other networks),
        ``irregularity`` (the mean coefficient of variation of the intervals, in two digits),
        ``name``, and the ``value`` of the score that ``view`` and ``score`` name.
    """
    network = erdos_renyi(n_neurons=60, weight=0.3, seed=seed)
    rows = []
    for noise in _NOISES:
        params = LIFParams(mu=24 - 18 * noise, sigma=7 * noise)
        spikes = simulate(network, params, duration=duration, seed=seed, progress=False)
        irregular = float(f"{_irregularity(spikes):.2g}")
        for name, method in methods.items():
            rows.append((noise, irregular, name, pearson(method(spikes), network.weights)))
    found = pd.DataFrame(rows, columns=["noise", "irregularity", "name", "value"])
    return found.assign(view="true", score="pearson")


def _irregularity(spikes: SpikeTrains) -> float:
    """Average the coefficient of variation of the intervals over neurons that have several."""
    of_each = [np.diff(spikes.times[spikes.neurons == n]) for n in range(spikes.n_neurons)]
    return float(np.mean([waits.std() / waits.mean() for waits in of_each if len(waits) > 1]))


def costs(runs: pd.DataFrame, trainings: pd.DataFrame) -> pd.DataFrame:
    """Tell what each method takes: the median over its runs, the shortest of its trainings.

    Parameters
    ----------
    runs, trainings : DataFrame
        As from :func:`studies.evidence.report.named`, of the study ``methods``, and of models.

    Returns
    -------
    DataFrame
        ``seconds`` and, of runs, ``memory (MB)``: what is added to a process that has the spikes.
    """
    memory = chosen(runs, view="cost", score=PEAK)
    of_runs = {
        "seconds": runs.groupby("name", sort=False)["seconds"].median(),
        "memory (MB)": memory.groupby("name", sort=False)["value"].median(),
    }
    of_trainings = trainings.groupby("name", sort=False)["seconds"].min()
    return pd.concat([pd.DataFrame(of_runs), of_trainings.to_frame()])
