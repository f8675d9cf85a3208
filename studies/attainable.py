"""Points of the study on how much there is to know of the next spike, and who knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lgl_core.experiment import fit_glm, split_tokens
from lgl_core.networks.network import Network
from lgl_core.simulation.oracle import foresee
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.training import baselines
from studies.fitted import fitted_recording
from studies.original import MANY, PaperRecording
from studies.points import Point, Recording
from studies.rows import labels_of, values_in_rows

__all__ = ["ATTAINABLE", "BINS", "STEPS", "WHO", "WHO_WHEN_TOLD", "Attainable", "attainable"]

# Gains in nats per spike: of all that happens in each step of the simulation, or in each bin of the
# GLM, over constant rates; and of who fires, when told that someone does, or after the last spike,
# over how often each neuron fires.
STEPS, BINS, WHO_WHEN_TOLD, WHO = "steps", "bins", "who, time told", "who"
# The view of the rows.
ATTAINABLE = "attainable"
# Of the grid: with twice as many, gains change by less than 1 %.
_N_CELLS = 151
# Followed before anything counts, in s: until where membranes began is forgotten.
_BEFORE = 1.0


@dataclass(frozen=True, kw_only=True)
class Attainable:
    """What who knows the network knows of held-out spikes, and what the GLM does.

    Parameters
    ----------
    recording : Recording or PaperRecording
    seconds : float
        Of the held-out part that are foreseen, from its start.
    n_next : int
        Spikes of these after which the next neuron is foreseen.
    """

    recording: Recording | PaperRecording
    seconds: float = 10.0
    n_next: int = 1500
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Give gains of who knows the network and of the GLM, and losses that models start from."""
        network, spikes = self.recording.network(), self.recording.spikes()
        tables = [
            self._of_truth(network, spikes).assign(**labels_of("truth")),
            self._of_glm(spikes).assign(**labels_of("glm")),
            self._of_rates(spikes).assign(**labels_of("rates")),
        ]
        return self.recording.labelled(iter(tables), view=ATTAINABLE)

    def _held_out(self, spikes: SpikeTrains, before: float) -> SpikeTrains:
        """Take the first seconds of the held-out part, and what comes before them."""
        start = np.ceil(spikes.duration * self.recording.train_fraction)
        stop = min(start + self.seconds, spikes.duration)
        return spikes.select(start=start - before, stop=float(stop))

    def _of_truth(self, network: Network, spikes: SpikeTrains) -> pd.DataFrame:
        held_out, neurons = self._held_out(spikes, _BEFORE), self.recording.neurons()
        told = foresee(
            network, neurons, held_out, start=_BEFORE, n_cells=_N_CELLS, n_next=self.n_next
        )
        of_who = told.gains_of_next()
        return values_in_rows(
            {
                STEPS: told.gain(),
                BINS: told.gain_in_bins(),
                WHO_WHEN_TOLD: told.gain_of_neuron(),
                WHO: of_who.mean(),
                f"{WHO}, standard error": of_who.std(ddof=1) / np.sqrt(len(of_who)),
            }
        )

    def _of_glm(self, spikes: SpikeTrains) -> pd.DataFrame:
        fit = fit_glm(self.recording.read())
        held_out = self._held_out(spikes, 0.0)
        return values_in_rows({BINS: fit.gain(held_out, rates_of=held_out)})

    def _of_rates(self, spikes: SpikeTrains) -> pd.DataFrame:
        """Losses of the frequencies of neurons and intervals, from which gains are counted."""
        losses = baselines(*split_tokens(spikes, self.recording.train_fraction))
        return values_in_rows({f"held-out {name}": loss for name, loss in losses.items()})


def attainable(seeds: Sequence[int]) -> list[Point]:
    """Name the points of the study: networks of the book, of the paper, and small ones."""
    return [
        Attainable(recording=recording)
        for seed in seeds
        for recording in (
            Recording(seed=seed),
            PaperRecording(seed=seed, n_spikes=MANY),
            fitted_recording(seed),
        )
    ]
