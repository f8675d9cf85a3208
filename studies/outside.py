"""Points of the study outside the simulation of the other studies: real wiring, other neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.disk.cache import cached
from lgl_core.fields import check_fields
from lgl_core.simulation.izhikevich import simulate_izhikevich
from lgl_core.spikes import SpikeTrains, training_part
from studies.points import Model, Recording

__all__ = ["OutsideModel", "OutsideRecording"]

MUSHROOM_BODY = "larval_mushroom_body"
SIMULATORS = ("lif", "izhikevich")


@dataclass(frozen=True, kw_only=True)
class OutsideRecording(Recording):
    """A network and how long we listen to it, of more networks and of more neurons.

    Parameters
    ----------
    simulator : {"lif", "izhikevich"}
        Neurons: those of :func:`lgl_core.simulation.lif.simulate` or of
        :func:`lgl_core.simulation.izhikevich.simulate_izhikevich`, each with their default
        parameters.
    topology, seed, duration, shifted, settings
        As for :class:`studies.points.Recording`. With ``shifted`` the simulator must be
        ``"lif"``.

    Raises
    ------
    ValueError
        If there is no such simulator, or it cannot be had shifted.

    Notes
    -----
    A class of its own, since a new field of ``Recording`` would be part of the key under which
    every result of the other studies is kept.
    """

    simulator: str = "lif"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.simulator not in SIMULATORS:
            raise ValueError(
                f"simulator must be one of {', '.join(SIMULATORS)}, got {self.simulator!r}"
            )
        if self.shifted and self.simulator != "lif":
            raise ValueError(f"shifted must be False with simulator {self.simulator!r}, got True")

    @property
    def label(self) -> str:
        """Name of the kind of recording, without its seed."""
        return super().label + f", {self.simulator}" * (self.simulator != "lif")

    def spikes(self) -> SpikeTrains:
        """Simulate it, or read it back."""
        if self.simulator == "lif":
            return super().spikes()
        return cached(simulate_izhikevich)(self.network(), duration=self.duration, seed=self.seed)

    def counted(self) -> dict[tuple[str, str], NDArray[np.float64]]:
        """Graphs that are counted, not fitted, ``[post, pre]``, by method and reading.

        Those of all recordings, and a correlogram of later lags: Izhikevich's neurons answer a
        synapse after the lags that suit the integrate-and-fire neurons.
        """
        spikes = training_part(self.spikes())
        later = {("ccg", "4 to 12 ms"): correlogram_z(spikes, 4e-3, 12e-3)}
        return super().counted() | later


@dataclass(frozen=True, kw_only=True)
class OutsideModel(Model):
    """A Neuroformer trained on such a recording.

    The same as a :class:`studies.points.Model`. It has a class of its own since the key
    of a result has the source of the class in it, and this one reaches the other simulator.
    """
