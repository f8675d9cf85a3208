"""Points of the study on what else drives neurons: lists of connections with and without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lgl_core.experiment import simulate
from lgl_core.glm.covariates import after_events, slow_baseline
from lgl_core.metrics.decisions import called_graph, decision_scores
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains
from lgl_core.wiring import connections
from studies.points import Recording
from studies.rows import labels_of

__all__ = [
    "AFTER",
    "BASELINE",
    "FASTER_BASELINE",
    "FDR",
    "ITSELF",
    "NETWORK",
    "NO_SYNAPSES",
    "WITHOUT",
    "Driven",
    "DrivenRecording",
    "Source",
    "by_pairs",
    "driven",
    "recorded",
]

Source = Literal["slow drift", "fast drift", "trials"]
Floats = NDArray[np.float64]

# The share of false entries that a list may have.
FDR = 0.05
# What the GLM is told: nothing; a bump every 10 s, or every second; bumps after each trial; or what
# the neurons hear, which of a real recording only someone knows who made the stimulus.
WITHOUT, BASELINE, FASTER_BASELINE = "nothing", "slow baseline", "baseline every second"
AFTER, ITSELF = "time after events", "the drive itself"

# Of spatial networks with strong synapses, so that a list is long enough to have false entries.
NETWORK = {"n_neurons": 50, "weight": 1.0}
NO_SYNAPSES = {"n_neurons": 50, "weight": 0.0}
DURATION = 300.0
MU = 9.0  # mV: neurons fire at about 8 Hz
# Sizes were chosen on networks of other seeds: so large that a GLM that is told nothing is often
# wrong, where one neuron in three hears the common source. Where half of them do, the median of all
# pairs, by which the test divides, holds more of what they have in common.
SIZES: dict[Source, float] = {"slow drift": 5.0, "fast drift": 5.0, "trials": 25.0}  # mV
SMOOTHED = {"slow drift": 5.0, "fast drift": 0.5}  # s, standard deviation of the kernel
STEP = 5e-3  # s
# A trial begins within a fifth of every second; its drive is furthest up after 15 ms.
EVERY, JITTER, RISE = 1.0, 0.2, 15e-3


@dataclass(frozen=True, kw_only=True)
class DrivenRecording(Recording):
    """A recording in which some neurons hear something that is no synapse.

    Parameters
    ----------
    source : {"slow drift", "fast drift", "trials"}
        What they hear: noise that is smooth over 5 s, or over half a second, with a standard
        deviation of 5 mV; or a stimulus every second, a pulse of 25 mV that lasts some tens of ms.
    one_in : int
        One neuron in so many hears it.
    """

    source: Source = "slow drift"
    one_in: int = 3

    @property
    def label(self) -> str:
        """Name of the kind of recording, without its seed."""
        return f"{super().label}, {self.source} to one in {self.one_in}"

    def hearing(self) -> NDArray[np.bool_]:
        """Tell which neurons hear the common source."""
        return np.arange(self.network().n_neurons) % self.one_in == 0

    def events(self) -> Floats:
        """Give the onsets of the trials in s."""
        regular = np.arange(EVERY / 2, self.duration - EVERY, EVERY)
        return regular + np.random.default_rng([self.seed, 1]).uniform(0, JITTER, len(regular))

    def drive(self) -> Floats:
        """Give what those neurons hear in mV, shape (n_steps,)."""
        n_steps = round(self.duration / STEP)
        if self.source == "trials":
            times, events = (np.arange(n_steps) + 0.5) * STEP, self.events()
            latest = np.searchsorted(events, times) - 1
            since = np.where(latest < 0, 0.0, times - events[latest]) / RISE
            return SIZES[self.source] * since * np.exp(1 - since)
        noise = np.random.default_rng([self.seed, 2]).normal(size=n_steps)
        smooth = gaussian_filter1d(noise, SMOOTHED[self.source] / STEP, mode="wrap")
        return SIZES[self.source] * (smooth - smooth.mean()) / smooth.std()

    def spikes(self) -> SpikeTrains:
        """Simulate it, or read it back."""
        return simulate(
            self.network(),
            LIFParams(mu=MU),
            duration=self.duration,
            seed=self.seed,
            drive=self.drive()[:, np.newaxis] * self.hearing(),
        )

    def covariates(self) -> dict[str, Floats | None]:
        """Give what a GLM can be told, by its name."""
        spikes = self.spikes()
        told: dict[str, Floats | None] = {WITHOUT: None, BASELINE: slow_baseline(spikes)}
        if self.source == "fast drift":
            told[FASTER_BASELINE] = slow_baseline(spikes, every=1.0)
        if self.source == "trials":
            told[AFTER] = after_events(spikes, self.events())
        return told | {ITSELF: self.drive()[:, np.newaxis]}


@dataclass(frozen=True, kw_only=True)
class Driven:
    """Lists of connections in a recording: by a GLM that is told more or less, by correlograms.

    Parameters
    ----------
    recording : DrivenRecording
    """

    recording: DrivenRecording
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Scores of each list, in all pairs and in those where both neurons hear the source."""
        truth, hearing = self.recording.network().weights, self.recording.hearing()
        spikes = self.recording.spikes()
        lists = {
            ("glm", name): connections(spikes, fdr=FDR, covariates=told, progress=False)
            for name, told in self.recording.covariates().items()
        }
        lists["ccg", ""] = connections(spikes, fdr=FDR, method="ccg", progress=False)
        tables = []
        for (method, told), found in lists.items():
            called = called_graph(found, len(truth))
            scores = pd.concat([decision_scores(called, truth), by_pairs(called, truth, hearing)])
            table = scores.dropna().rename_axis("score").reset_index(name="value")
            tables.append(table.assign(view="decision", **labels_of(method, reading=told)))
        return self.recording.labelled(iter(tables))


def by_pairs(called: Floats, truth: Floats, hearing: NDArray[np.bool_]) -> pd.Series:
    """Count false entries where both neurons hear the common source, and elsewhere.

    Parameters
    ----------
    called, truth : ndarray, shape (n_neurons, n_neurons)
        As for :func:`lgl_core.metrics.decisions.decision_scores`.
    hearing : ndarray of bool, shape (n_neurons,)
        Who hears it.

    Returns
    -------
    Series
        For the pairs ``together`` and the ``others``: ``fdr``, the share of the listed ones that
        are false, and ``alarms``, the share of those without a synapse that are listed.
    """
    together = np.outer(hearing, hearing)
    found = {}
    for name, pairs in {"together": together, "others": ~together}.items():
        among = pairs & ~np.eye(len(truth), dtype=bool)
        listed, unconnected = among & (called != 0), among & (truth == 0)
        n_false = int((listed & unconnected).sum())
        found[f"fdr, {name}"] = n_false / max(int(listed.sum()), 1)
        found[f"alarms, {name}"] = n_false / max(int(unconnected.sum()), 1)
    return pd.Series(found)


def driven(seeds: Sequence[int]) -> list[Any]:
    """Name the points of the study, for networks of these seeds."""
    sources = get_args(Source)
    kinds = [(NETWORK, source, 3) for source in sources]
    kinds += [(NETWORK, source, 2) for source in ("slow drift", "trials")]
    kinds += [(NO_SYNAPSES, source, 3) for source in sources]
    return [Driven(recording=recorded(*kind, seed=seed)) for kind in kinds for seed in seeds]


def recorded(
    settings: Mapping[str, Any], source: Source, one_in: int = 3, seed: int = 0
) -> DrivenRecording:
    """Name a recording of the study.

    Parameters
    ----------
    settings : mapping
        ``NETWORK`` or ``NO_SYNAPSES``.
    source, one_in, seed
        As for :class:`DrivenRecording`.

    Returns
    -------
    DrivenRecording
    """
    return DrivenRecording(
        topology="spatial",
        seed=seed,
        duration=DURATION,
        settings=settings,
        source=source,
        one_in=one_in,
    )
