"""How each stage's time and memory grow with the network and with the recording.

Two rows of points: networks from 100 to 1,000 neurons over 60 s, and recordings from 50 to 500 s
of 300 neurons. An ordinary neuron has 30 presynaptic partners in all of them, so rates stay alike.
Each point runs in a fresh process, after a short run that loads the compiled code; a quick stage
runs four times, and the fastest of the last three counts. Stages:

- simulation: :func:`lgl_core.simulation.lif.simulate`
- training: one epoch of the ``laptop`` preset, with held-out losses before and after it
- extraction: attention of an untrained ``laptop`` model, windows side by side
- GLM: the default fit, to convergence
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.side_by_side import alone
from lgl_core.extraction.attention import attention_connectivity
from lgl_core.glm.fit import fit_glm
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import Neuroformer, TransformerConfig, preset
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, train

PARTNERS = 30
BY_NEURONS = [(n_neurons, 60.0) for n_neurons in (100, 200, 300, 500, 1000)]
BY_DURATION = [(300, duration) for duration in (50.0, 100.0, 200.0, 500.0)]

Stage = Callable[[SpikeTrains], object]


def records() -> Iterator[dict]:
    """Yield one record per stage and point."""
    for row, points in (("neurons", BY_NEURONS), ("duration", BY_DURATION)):
        for n_neurons, duration in points:
            for stage, repeats in ((simulation, 3), (training, 1), (extraction, 3), (glm, 1)):
                run = alone(stage, repeats=repeats, n_neurons=n_neurons, duration=duration)
                yield {
                    "job": f"{stage.__name__}, {n_neurons} neurons, {duration:g} s",
                    "row": row,
                    "stage": stage.__name__,
                    "n_neurons": n_neurons,
                    "duration": duration,
                    "n_spikes": run.pop("result"),
                } | run


def simulation(n_neurons: int, duration: float) -> tuple[float, int]:
    """Time a simulation."""
    _simulated(n_neurons, 0.5)
    started = time.perf_counter()
    spikes = _simulated(n_neurons, duration)
    return time.perf_counter() - started, len(spikes)


def training(n_neurons: int, duration: float) -> tuple[float, int]:
    """Time an epoch."""
    return _timed(_train_one_epoch, n_neurons, duration)


def extraction(n_neurons: int, duration: float) -> tuple[float, int]:
    """Time the extraction of attention."""
    return _timed(_extract, n_neurons, duration)


def glm(n_neurons: int, duration: float) -> tuple[float, int]:
    """Time a fit."""
    return _timed(lambda spikes: fit_glm(spikes, progress=False), n_neurons, duration)


def _timed(stage: Stage, n_neurons: int, duration: float) -> tuple[float, int]:
    stage(_simulated(100, 4.0))
    spikes = _simulated(n_neurons, duration)
    started = time.perf_counter()
    stage(spikes)
    return time.perf_counter() - started, len(spikes)


def _simulated(n_neurons: int, duration: float) -> SpikeTrains:
    network = hub_network(n_neurons, connection_probability=PARTNERS / n_neurons)
    return simulate(network, duration=duration)


def _train_one_epoch(spikes: SpikeTrains) -> None:
    tokens = [tokenize(part) for part in spikes.split(0.8)]
    config = _laptop(spikes.n_neurons, tokens[0].vocabulary.n_classes)
    with TemporaryDirectory() as directory:
        train(*tokens, config, TrainConfig(epochs=1), directory=Path(directory), progress=False)


def _extract(spikes: SpikeTrains) -> None:
    tokens = tokenize(spikes)
    torch.manual_seed(0)
    model = Neuroformer(_laptop(spikes.n_neurons, tokens.vocabulary.n_classes))
    attention_connectivity([model], tokens, progress=False)


def _laptop(n_neurons: int, n_classes: int) -> TransformerConfig:
    return preset("laptop", n_neurons=n_neurons, n_classes=n_classes)
