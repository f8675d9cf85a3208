"""Points of the study on voltages: who finds the wiring in them, and who in the spikes alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.baselines.granger import granger_causality
from lgl_core.baselines.pairwise import correlogram_z, covariance
from lgl_core.baselines.voltages import (
    VoltageConfig,
    VoltageModel,
    train_on_voltages,
    variance_explained,
    voltage_attention,
    voltage_gradient_energy,
)
from lgl_core.experiment import TRAIN_FRACTION, attention_of, fit_glm, train
from lgl_core.extraction.gradient import gradient_energy
from lgl_core.extraction.influence import influence
from lgl_core.fields import check_fields
from lgl_core.metrics.detection import auc
from lgl_core.networks.network import Network
from lgl_core.networks.topologies import erdos_renyi
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains, training_part
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig
from studies.points import Point
from studies.public_networks import SHARES, WITH_VOLTAGES, KnownNetwork, public_voltages
from studies.rows import in_columns, labels_of, values_in_rows

__all__ = ["ENERGY", "LEARNED", "N_MODELS", "Voltages", "potentials", "recorded_lif", "voltages"]

Graph = NDArray[np.float64]

# Of a kind of graph: its labels, but for how many trainings it is a mean of; one per training.
Read = tuple[Callable[..., dict[str, Any]], list[Graph]]

# Trainings whose graphs are averaged. The authors of the model average ten.
N_MODELS = 3
ENERGY = "gradient energy"
# Score of a model: the share of the variance of the next voltage that it explains, on the last
# fifth, which it has not seen.
LEARNED = "variance explained"
DURATION, STEP = 5.0, 1e-3  # s, as the public ones have them
SPIKE = 30.0  # mV, where a spike is cut off, or drawn in
# Of our neurons: percent of pairs that are connected; a drive in mV with which they fire about as
# often as Izhikevich's there, 37 to 54 Hz against 46 Hz; and synapses in mV, inhibition twice as
# strong. Drive and synapses were chosen on seeds 0 to 2.
LIF_SHARE, MU = 40, 25.0
SYNAPSES: dict[str, Any] = {"weight": 3.0, "inhibition_ratio": 2.0}
# Tenths of the pairs that are connected in the public networks that are read, by size: networks of
# ten neurons take minutes each, and of twenty ten minutes.
_SHARES_READ = {5: SHARES, 10: SHARES[::2], 20: SHARES[:1]}
# Spikes that are dimmed or removed, and steps whose predictions are asked for a gradient.
N_SPIKES, N_STEPS = 1_000, 256

# What spikes teach most of the next spike, of eight ways of training on two networks that are not
# read here: by held-out losses, with no look at the wiring.
_IN_SPIKES: dict[str, Any] = {
    "epochs": 30, "batch_size": 16, "learning_rate": 1e-3, "decay": True, "stride": 8,
}  # fmt: skip
EMBEDDING = "rotary"
_ON_VOLTAGES = partial(labels_of, "attention", model="voltages", size="small")
_ON_SPIKES = partial(labels_of, "attention", model=EMBEDDING, size="tiny")


@dataclass(frozen=True, kw_only=True)
class Voltages:
    """A network whose membrane potentials are known, read from them and from its spikes alone.

    Parameters
    ----------
    simulator : {"izhikevich", "lif"}
        Networks of :func:`studies.public_networks.public_voltages`, or :func:`recorded_lif`.
    n_neurons : int
    share : int
        Of the pairs that are connected, in percent.
    number : int
        Of the network of this kind; of LIF networks their seed.
    n_models : int
        Trainings of each transformer.
    epochs : int
        Of the transformer on voltages.
    """

    simulator: Literal["izhikevich", "lif"]
    n_neurons: int
    share: int
    number: int = 0
    n_models: int = N_MODELS
    epochs: int = VoltageConfig.epochs
    is_ready = True

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def kind(self) -> str:
        """Name of the networks that are alike but for their number."""
        return f"{self.n_neurons} neurons, {self.share} % connected"

    def rows(self) -> pd.DataFrame:
        """Area under ROC of each graph off the diagonal, and what each transformer has learned."""
        network, series = (
            public_voltages(self.kind, self.number)
            if self.simulator == "izhikevich"
            else recorded_lif(self.n_neurons, self.share, self.number)
        )
        known, held_out = np.split(series, [round(TRAIN_FRACTION * len(series))])
        members = self._trained(known)
        learned = np.mean([variance_explained(member, held_out) for member in members])
        size = {"synapses": float(np.count_nonzero(network.weights)), "duration": DURATION}
        tables = [
            values_in_rows(size).assign(view="recording", **labels_of("")),
            values_in_rows({LEARNED: float(learned)}).assign(
                view="visible", **_ON_VOLTAGES(n_models=self.n_models)
            ),
        ]
        for labels, graphs in (
            *_of_voltages(known, members),
            *self._of_transformers(network.spikes),
            *_of_spikes(training_part(network.spikes)),
        ):
            scores = [auc(graph, network.weights) for graph in graphs]
            tables += [
                values_in_rows({"auc": score}).assign(model_seed=seed, **labels())
                for seed, score in enumerate(scores)
            ]
            if len(graphs) > 1:
                mean = {"auc": auc(np.mean(graphs, axis=0), network.weights)}
                tables.append(values_in_rows(mean).assign(**labels(n_models=len(graphs))))
        table = pd.concat(tables, ignore_index=True).fillna({"view": "detection"})
        return in_columns(
            table.assign(
                network=f"{self.simulator}, {self.kind}",
                network_seed=self.number,
                n_spikes=len(network.spikes),
            )
        )

    def _trained(self, known: Graph) -> list[VoltageModel]:
        return [
            train_on_voltages(known, VoltageConfig(epochs=self.epochs, seed=seed), progress=False)
            for seed in range(self.n_models)
        ]

    def _of_transformers(self, spikes: SpikeTrains) -> list[Read]:
        """Train on the first part of the spikes, and read the members as those on voltages are."""
        trainings = [TrainConfig(**_IN_SPIKES, seed=seed) for seed in range(self.n_models)]
        members = [
            train(spikes, EMBEDDING, size="tiny", config=each, n_jobs=1) for each in trainings
        ]
        read = training_part(spikes)
        tokens = tokenize(read)
        quiet: dict[str, Any] = {"n_spikes": N_SPIKES, "progress": False}
        models: list[Any] = [member.model for member in members]
        attention = [attention_of([member], read).connectivity() for member in members]
        changes = [influence(model, tokens, **quiet).connectivity("log_rate") for model in models]
        energies = [gradient_energy(model, tokens, **quiet) for model in models]
        return [
            (_ON_SPIKES, attention),
            (partial(_ON_SPIKES, reading=ENERGY), energies),
            (partial(_ON_SPIKES, reading="influence"), changes),
        ]


def _of_voltages(known: Graph, members: list[VoltageModel]) -> list[Read]:
    attention = [voltage_attention(member, known) for member in members]
    energies = [voltage_gradient_energy(member, known[:N_STEPS]) for member in members]
    cut = np.minimum(known, SPIKE)
    return [
        (_ON_VOLTAGES, attention),
        (partial(_ON_VOLTAGES, reading=ENERGY), energies),
        (partial(labels_of, "granger", reading="voltages"), [granger_causality(cut)]),
    ]


def _of_spikes(read: SpikeTrains) -> list[Read]:
    counts = read.binned(STEP)
    return [
        (partial(labels_of, "granger", reading="counts"), [granger_causality(counts)]),
        (partial(labels_of, "glm", reading="area"), [fit_glm(read).coupling("area")]),
        (partial(labels_of, "ccg", reading="1 to 4 ms"), [correlogram_z(read)]),
        (partial(labels_of, "covariance", reading="10 ms"), [covariance(read)]),
    ]


def recorded_lif(
    n_neurons: int, share: int, seed: int, duration: float = DURATION
) -> tuple[KnownNetwork, Graph]:
    """Draw a network of integrate-and-fire neurons and record their membrane potentials.

    Parameters
    ----------
    n_neurons : int
    share : int
        Of the pairs that are connected, in percent.
    seed : int
        Of the network and of its noise.
    duration : float
        In s.

    Returns
    -------
    network : KnownNetwork
    voltages : ndarray, shape (n_steps, n_neurons)
        In mV, at the end of each ms. The model has no spike; as a recording would show one, a
        sample is 30 mV where its neuron fired since the one before.
    """
    network = erdos_renyi(n_neurons, share / 100, **SYNAPSES, seed=seed)
    neurons, rng = LIFParams(mu=MU), np.random.default_rng(seed)
    decay = np.exp(-neurons.dt / neurons.tau_m)
    noise = neurons.sigma * np.sqrt(1 - decay**2)
    jumps = noise * rng.standard_normal((round(duration / neurons.dt), n_neurons))
    membranes, fired = potentials(network, neurons, jumps)
    steps, ids = np.nonzero(fired)
    times = (steps + rng.random(len(steps))) * neurons.dt  # ties are broken at random
    order = np.argsort(times)
    spikes = SpikeTrains(
        times=times[order], neurons=ids[order], n_neurons=n_neurons, duration=duration
    )
    every = round(STEP / neurons.dt)
    voltages = membranes[every - 1 :: every].copy()
    voltages[fired.reshape(-1, every, n_neurons).any(axis=1)] = SPIKE
    return KnownNetwork(spikes=spikes, weights=network.weights, signed=True), voltages


def potentials(
    network: Network, neurons: LIFParams, jumps: ArrayLike
) -> tuple[Graph, NDArray[np.bool_]]:
    """Follow the membranes of a network through given noise: slow, and keeping all of it.

    Parameters
    ----------
    network : Network
        Without delays of its own.
    neurons : LIFParams
        Its ``sigma`` is not used.
    jumps : array_like, shape (n_steps, n_neurons)
        What noise adds in each step, in mV.

    Returns
    -------
    membranes : ndarray, shape (n_steps, n_neurons)
        Potentials in mV at the end of each step; all start at rest.
    fired : ndarray of bool, shape (n_steps, n_neurons)

    Notes
    -----
    The steps of :func:`lgl_core.simulation.lif.simulate`, which keeps no potentials.
    """
    given = np.asarray(jumps, dtype=np.float64)
    n_steps, n = given.shape
    decay, target = np.exp(-neurons.dt / neurons.tau_m), neurons.v_rest + neurons.mu
    refractory, delay = (
        max(round(time / neurons.dt), 1) for time in (neurons.refractory, neurons.delay)
    )
    arriving = np.zeros((n_steps + delay, n))
    membranes, fired = np.empty((n_steps, n)), np.zeros((n_steps, n), dtype=bool)
    membrane, ready_at = np.full(n, neurons.v_rest), np.zeros(n, dtype=np.int64)
    for step in range(n_steps):
        moved, ready = target + (membrane - target) * decay + given[step], ready_at <= step
        fires = fired[step] = ready & (moved >= neurons.v_threshold)
        membrane = np.where(ready, moved + arriving[step], membrane)
        membrane[fires], ready_at[fires] = neurons.v_reset, step + refractory
        arriving[step + delay] += network.weights @ fires
        membranes[step] = membrane
    return membranes, fired


def voltages(seeds: Sequence[int]) -> list[Point]:
    """Name the points of the study: the public networks, and ours of these seeds."""
    points: list[Point] = []
    for n, shares in _SHARES_READ.items():
        points += [
            Voltages(simulator="izhikevich", n_neurons=n, share=10 * tenths, number=number)
            for tenths in shares
            for number in WITH_VOLTAGES[n]
        ]
        if n < max(_SHARES_READ):
            points += [
                Voltages(simulator="lif", n_neurons=n, share=LIF_SHARE, number=seed)
                for seed in seeds
            ]
    return points
