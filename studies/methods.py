"""Points of the study that puts published methods side by side: scores, time and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from joblib.externals.loky import ProcessPoolExecutor
from numpy.typing import NDArray

from lgl_core.baselines.calcium import calcium_connectivity, calcium_fluorescence
from lgl_core.baselines.coincidences import transfer_entropy, tspe
from lgl_core.baselines.dynamics import event_space, event_timing, firing_rate_dynamics
from lgl_core.baselines.masked import masked_connectivity, train_masked
from lgl_core.baselines.pairwise import correlogram_z, partial_covariance
from lgl_core.disk.provenance import peak_mb
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.spikes import SpikeTrains, training_part
from studies.points import Point, Recording, scored
from studies.rows import labels_of

__all__ = ["METHODS", "PEAK", "Method", "Run", "bench", "measured"]

Graph = NDArray[np.float64]

# Score of a method's cost: how far the memory of its process rises above that of the spikes, MB.
PEAK = "peak_mb"
# Seconds of spikes on which a method runs first, so that compiling it is not timed.
_WARM_UP = 5.0


def _glm(spikes: SpikeTrains) -> Graph:
    """Fit the GLM of the other pages."""
    return fit_glm(spikes, GLMConfig()).coupling("area")


def _calcium(spikes: SpikeTrains, frame_rate: float, **settings: str | bool) -> Graph:
    """Film the spikes and read the film."""
    frames = calcium_fluorescence(spikes, frame_rate)
    return calcium_connectivity(frames, frame_rate, **settings)  # type: ignore[arg-type]


def _masked(spikes: SpikeTrains) -> Graph:
    """Train a masked model and ask it who matters to whom."""
    return masked_connectivity(train_masked(spikes, progress=False), spikes)


# What is compared, by method and reading. All take spikes and give a graph, [post, pre].
METHODS: dict[tuple[str, str], Callable[[SpikeTrains], Graph]] = {
    ("ccg", "1 to 4 ms"): correlogram_z,
    ("partial covariance", "10 ms"): partial_covariance,
    ("glm", "area"): _glm,
    ("transfer entropy", "signed"): transfer_entropy,
    ("transfer entropy", "unsigned"): partial(transfer_entropy, signed=False),
    ("transfer entropy", "signed, sum of delays"): partial(transfer_entropy, over="sum"),
    ("tspe", "up to 25 ms"): tspe,
    ("tspe", "up to 10 ms"): partial(tspe, max_delay=0.01),
    ("event space", "500 events"): event_space,
    ("event timing", "from the clock"): event_timing,
    ("firing rates", "linear"): partial(firing_rate_dynamics, gain="linear"),
    ("firing rates", "logistic"): firing_rate_dynamics,
    ("firing rates", "exponential"): partial(firing_rate_dynamics, gain="exponential"),
    ("calcium", "60 Hz"): partial(_calcium, frame_rate=60.0),
    ("calcium", "60 Hz, least squares"): partial(_calcium, frame_rate=60.0, likelihood="quadratic"),
    ("calcium", "60 Hz, least squares, past frames"): partial(
        _calcium, frame_rate=60.0, likelihood="quadratic", same_frame=False
    ),
    ("calcium", "30 Hz, least squares"): partial(_calcium, frame_rate=30.0, likelihood="quadratic"),
    ("masked model", "10 ms"): _masked,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A graph and what it cost.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    seconds : float
        Time taken, compilation left out.
    peak_mb : float
        How far the memory of the process rose above what it was with the spikes in it, in MB.
    """

    graph: Graph
    seconds: float
    peak_mb: float


@dataclass(frozen=True, kw_only=True)
class Method:
    """A recording, read by one of ``METHODS``.

    Parameters
    ----------
    recording : Recording
    method, reading : str
        Key of ``METHODS``.
    """

    recording: Recording
    method: str
    reading: str
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Scores of the method, with its permuted null, its seconds and its memory."""
        # The part that models are trained on: the same spikes for all that is compared.
        spikes = training_part(self.recording.spikes())
        run = measured(self.method, self.reading, spikes)
        cost = pd.DataFrame({"view": ["cost"], "score": [PEAK], "value": [run.peak_mb]})
        labels = labels_of(self.method, reading=self.reading)
        tables = iter([scored(run.graph, self.recording.network()), cost])
        return self.recording.labelled(tables, seconds=run.seconds, **labels)


def measured(method: str, reading: str, spikes: SpikeTrains) -> Run:
    """Run a method in a process of its own and see what it takes.

    Parameters
    ----------
    method, reading : str
        Key of ``METHODS``.
    spikes : SpikeTrains

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If there is no such method.

    Notes
    -----
    The process is a new one, so that nothing that ran before has raised its memory. How many
    threads linear algebra uses is up to the environment, as always. Memory that the process had
    taken before, when it read the spikes, and has given back, some tens of MB, is not counted when
    it is taken again: what is told of a frugal method is too little.
    """
    if (method, reading) not in METHODS:
        raise ValueError(
            f"method and reading must be one of {', '.join(map(str, METHODS))}, "
            f"got {(method, reading)}"
        )
    # Studies run points in joblib's processes, from which only joblib's own can start others.
    with ProcessPoolExecutor(1) as process:
        run: Run = process.submit(_timed, method, reading, spikes).result()
    return run


def _timed(method: str, reading: str, spikes: SpikeTrains) -> Run:
    graph_of = METHODS[method, reading]
    graph_of(spikes.select(stop=min(_WARM_UP, spikes.duration)))
    before, started = peak_mb(), time.perf_counter()
    graph = graph_of(spikes)
    return Run(graph=graph, seconds=time.perf_counter() - started, peak_mb=peak_mb() - before)


def bench(seeds: Sequence[int]) -> list[Point]:
    """Name the points of the study: every method on every network."""
    return [
        Method(recording=Recording(seed=seed), method=method, reading=reading)
        for seed in seeds
        for method, reading in METHODS
    ]
