"""Points of the study on neurons without synapses: which share of pairs is called connected.

Nothing relates these neurons but, in one kind of recording, a slow rhythm that all of them follow.
Every pair that is called connected is a false alarm, and their share has a nominal value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.experiment import attention, fit_glm, is_trained, train
from lgl_core.extraction.readings import excess_shares
from lgl_core.fields import check_fields
from lgl_core.metrics.scores import off_diagonal
from lgl_core.recordings.chance import beyond_chance, chance_band, jittered
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.training import TrainConfig
from studies.methods import METHODS
from studies.points import EXCESS_SHARES
from studies.rows import labelled, labels_of

__all__ = [
    "ALL_PAIRS",
    "ATTENTION",
    "BY_JITTER",
    "BY_Z",
    "FAST_PAIRS",
    "JITTER",
    "LOCAL",
    "NOMINAL",
    "RATES",
    "RHYTHM",
    "WIDE_JITTER",
    "Unconnected",
    "UnconnectedModel",
    "UnconnectedRecording",
    "shares_called",
    "unconnected",
]

Graph = NDArray[np.float64]
Estimates = dict[tuple[str, str], Callable[[SpikeTrains], Graph]]

# Share of pairs that a decision may call connected where none is, half of them on either side.
NOMINAL = 0.01
# Windows of the jitter that shows a method what chance is, in s, as on the page of a recording; and
# for methods that count in bins as wide as that, to which jitter within a bin is nothing.
JITTER, WIDE_JITTER = 0.01, 0.04
_OF_WIDE_BINS = (("partial covariance", "10 ms"), ("masked model", "10 ms"))

# Kinds of recordings: the lowest and the highest rate in Hz (spread evenly in their logarithms),
# and how deeply a common rhythm modulates all rates.
RATES: dict[str, tuple[float, float, float]] = {
    "independent": (5.0, 5.0, 0.0),
    "common slow rhythm": (5.0, 5.0, 0.8),
    "rates over a decade": (1.5, 15.0, 0.0),
}
RHYTHM = 2.0  # Hz

# How a pair is called connected: by leaving what the jittered spikes give in 99 % of the pairs; or,
# where a graph is of z-scores, by the normal distribution that independent neurons should have.
BY_JITTER, BY_Z = "beyond jitter", "beyond normal"
# Among which pairs: all, or those of two neurons of the faster half.
ALL_PAIRS, FAST_PAIRS = "all pairs", "pairs of fast neurons"

LOCAL = ("ccg", "1 to 4 ms, local baseline")
# What the page of a recording reads beside the methods of the bench.
_OF_THE_RECORDING: Estimates = {
    ("glm", "peak"): lambda spikes: fit_glm(spikes).coupling("peak"),
    LOCAL: partial(correlogram_z, baseline="local"),
}
_Z_SCORES = (("ccg", "1 to 4 ms"), LOCAL)
# Labels of the attention that is read.
ATTENTION: dict[str, Any] = {"method": "attention", "model": "rotary", "reading": EXCESS_SHARES}


@dataclass(frozen=True, kw_only=True)
class UnconnectedRecording:
    """Poisson neurons without synapses.

    Parameters
    ----------
    kind : str
        Key of ``RATES``.
    seed : int
    n_neurons : int
    duration : float
        In s.

    Raises
    ------
    ValueError
        If there is no such kind, a number is not positive, or the seed is negative.
    """

    kind: str = "independent"
    seed: int = 0
    n_neurons: int = 50
    duration: float = 300.0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind not in RATES:
            raise ValueError(f"kind must be one of {', '.join(RATES)}, got {self.kind!r}")
        for name in ("n_neurons", "duration"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")

    @property
    def label(self) -> str:
        """Name of the kind of recording, without its seed."""
        return f"no synapses, {self.kind}"

    def spikes(self) -> SpikeTrains:
        """Draw the spikes: as many as at the highest rate, of which the rhythm keeps a part."""
        slowest, fastest, depth = RATES[self.kind]
        rates = np.geomspace(slowest, fastest, self.n_neurons)
        rng = np.random.default_rng(self.seed)
        counts = rng.poisson(rates * (1 + depth) * self.duration)
        neurons = np.repeat(np.arange(self.n_neurons), counts)
        times = rng.uniform(0, self.duration, len(neurons))
        rhythm = 1 + depth * np.sin(2 * np.pi * RHYTHM * times)
        kept = rng.uniform(0, 1 + depth, len(times)) < rhythm
        order = np.argsort(times[kept])
        return SpikeTrains(
            times=times[kept][order],
            neurons=neurons[kept][order],
            n_neurons=self.n_neurons,
            duration=self.duration,
        )

    labelled = labelled


def shares_called(
    graph: Graph, null: Graph, rates: NDArray[np.float64], *, is_z: bool = False
) -> pd.DataFrame:
    """Count how many pairs are called connected, by each rule that applies.

    Parameters
    ----------
    graph, null : ndarray, shape (n_neurons, n_neurons)
        Of the spikes and of the same spikes jittered, ``[post, pre]``.
    rates : ndarray, shape (n_neurons,)
        Mean firing rates in Hz: which neurons are of the faster half.
    is_z : bool
        Whether the graph's entries are z-scores.

    Returns
    -------
    DataFrame
        ``view`` (the rule), ``score`` (among which pairs) and ``value``, the share of them.
    """
    fast = rates >= np.median(rates)
    both_fast = off_diagonal(np.outer(fast, fast)).astype(bool)
    bands = {BY_JITTER: chance_band(null, NOMINAL)}
    if is_z:
        edge = float(norm.isf(NOMINAL / 2))
        bands[BY_Z] = -edge, edge
    found = []
    for rule, band in bands.items():
        called = off_diagonal(beyond_chance(graph, band)) != 0
        found += [(rule, ALL_PAIRS, called.mean()), (rule, FAST_PAIRS, called[both_fast].mean())]
    return pd.DataFrame(found, columns=["view", "score", "value"])


@dataclass(frozen=True, kw_only=True)
class Unconnected:
    """Neurons without synapses, read by everything that needs no transformer of its own.

    Parameters
    ----------
    recording : UnconnectedRecording
    """

    recording: UnconnectedRecording
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Shares of pairs that each method calls connected."""
        spikes = self.recording.spikes()
        null, wide = (
            jittered(spikes, window, self.recording.seed) for window in (JITTER, WIDE_JITTER)
        )
        tables = []
        for key, graph_of in (METHODS | _OF_THE_RECORDING).items():
            by_chance = graph_of(wide if key in _OF_WIDE_BINS else null)
            method, reading = key
            table = shares_called(graph_of(spikes), by_chance, spikes.rates, is_z=key in _Z_SCORES)
            tables.append(table.assign(**labels_of(method, reading=reading)))
        return self.recording.labelled(iter(tables))


@dataclass(frozen=True, kw_only=True)
class UnconnectedModel:
    """Neurons without synapses, read by a transformer's attention.

    Parameters
    ----------
    recording : UnconnectedRecording
    size : str
        As for :func:`lgl_core.experiment.train_models`.
    epochs : int
        Passes over the spikes.
    """

    recording: UnconnectedRecording
    size: str = "laptop"
    epochs: int = TrainConfig.epochs

    @property
    def _settings(self) -> dict[str, Any]:
        return {"size": self.size, "config": TrainConfig(epochs=self.epochs)}

    @property
    def is_ready(self) -> bool:
        """Whether the model has been trained."""
        return is_trained(self.recording.spikes(), "rotary", **self._settings)

    def rows(self) -> pd.DataFrame:
        """Share of pairs that attention calls connected; the model is not trained on jitter."""
        spikes = self.recording.spikes()
        model = train(spikes, "rotary", n_jobs=1, **self._settings)
        graph, null = (
            excess_shares(attention(model, read))
            for read in (spikes, jittered(spikes, JITTER, self.recording.seed))
        )
        table = shares_called(graph, null, spikes.rates)
        seconds = float(model.history["seconds"].iloc[-1])
        labels = labels_of(**ATTENTION, size=self.size)
        return self.recording.labelled(iter([table]), seconds=seconds, **labels)


def unconnected(seeds: Sequence[int], **changes: Any) -> list[Any]:
    """Name the points of the study.

    Parameters
    ----------
    seeds : sequence of int
        Of the recordings of each kind.
    **changes
        Fields of :class:`UnconnectedRecording` that differ from their defaults.

    Returns
    -------
    list
    """
    recordings = [
        UnconnectedRecording(kind=kind, seed=seed, **changes) for kind in RATES for seed in seeds
    ]
    without = [Unconnected(recording=recording) for recording in recordings]
    return without + [UnconnectedModel(recording=recording) for recording in recordings]
