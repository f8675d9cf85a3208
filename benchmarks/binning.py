"""Spike counts per bin against Elephant.

Timed: from spike times to the matrix of counts in bins of 1 ms, as a GLM with a dense design or a
correlation would need it. Elephant's own spike trains are made before. Same result: every count.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import compare
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains

N_NEURONS, DURATION, BIN_WIDTH = 300, 60.0, 1e-3


def records() -> Iterator[dict]:
    """Yield the record of this file."""
    yield compare(
        f"binning, {N_NEURONS} neurons, {DURATION:g} s",
        "Elephant BinnedSpikeTrain",
        ours,
        elephant,
        same_counts,
    )


@cache
def recording() -> SpikeTrains:
    """Simulate the recording, with times on a grid so that no spike lies on the edge of a bin."""
    spikes = simulate(hub_network(N_NEURONS), duration=DURATION)
    times = (np.floor(spikes.times / 1e-4) + 0.5) * 1e-4
    order = np.argsort(times, kind="stable")
    return SpikeTrains(
        times=times[order],
        neurons=spikes.neurons[order],
        n_neurons=N_NEURONS,
        duration=DURATION,
    )


def ours() -> tuple[float, NDArray]:
    """Count with lgl_core."""
    spikes = recording()
    started = time.perf_counter()
    counts = spikes.binned(BIN_WIDTH)
    return time.perf_counter() - started, _digest(counts)


@cache
def elephant_trains() -> list:
    """Hand the recording to neo."""
    import neo
    import quantities as pq

    spikes = recording()
    return [
        neo.SpikeTrain(spikes.times[spikes.neurons == n] * pq.s, t_stop=DURATION * pq.s)
        for n in range(N_NEURONS)
    ]


def elephant() -> tuple[float, NDArray]:
    """Count with Elephant."""
    import quantities as pq
    from elephant.conversion import BinnedSpikeTrain

    trains = elephant_trains()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        counts = BinnedSpikeTrain(trains, bin_size=BIN_WIDTH * pq.s).to_array()
        seconds = time.perf_counter() - started
    return seconds, _digest(counts.T)


def _digest(counts: NDArray) -> NDArray[np.int64]:
    """Place and count of every bin with a spike: small, and different as soon as one count is."""
    bins, neurons = np.nonzero(counts)
    return np.stack([bins, neurons, counts[bins, neurons].astype(np.int64)])


def same_counts(ours: NDArray, elephant: NDArray) -> str:
    """Every count of every bin."""
    np.testing.assert_array_equal(ours, elephant)
    return f"the same {ours.shape[1]:,} bins with a spike, the same counts"
