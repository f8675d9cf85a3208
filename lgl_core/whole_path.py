"""The whole path, from a network to a table of scores: what ``lgl run`` walks."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.experiment import DURATION, attention_of, fit_glm, simulate, train_models
from lgl_core.extraction.attention import AttentionConnectivity, Rows
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import GLMFit
from lgl_core.metrics.scores import alignment, tidy
from lgl_core.networks.network import Network, hub_network
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import training_part
from lgl_core.transformer.training import TrainConfig

__all__ = ["GRAPH", "main", "run", "scores"]

# Columns that tell one graph from another.
GRAPH = ["method", "model", "layer", "reading"]


def scores(
    network: Network,
    attention: dict[str, AttentionConnectivity],
    glm: GLMFit,
) -> pd.DataFrame:
    """Score every reading of both models against the truth.

    Parameters
    ----------
    network : Network
    attention : dict
        Connectivity from attention for each time embedding. Scored averaged over all layers and
        heads (layer ``"all"``) and layer by layer (from ``"1"``).
    glm : GLMFit
        Scored by the signed peak of its filters, as in the paper (reading ``"peak"``), and by
        their area (``"area"``).

    Returns
    -------
    DataFrame
        Tidy, with the columns of ``GRAPH`` (method "attention" or "glm"; what does not apply is
        an empty string), ``view``, ``score`` and ``value``.
    """
    estimates: dict[tuple[str, ...], NDArray[np.float64]] = {}
    for model, read in attention.items():
        estimates["attention", model, "all", ""] = read.connectivity()
        for layer in range(len(read.flow)):
            estimates["attention", model, str(layer + 1), ""] = read.connectivity(layer=layer)
    for kind in ("peak", "area"):
        estimates["glm", "", "", kind] = glm.coupling(kind)
    return pd.concat(
        [
            tidy(alignment(graph, network.weights), **dict(zip(GRAPH, labels, strict=True)))
            for labels, graph in estimates.items()
        ],
        ignore_index=True,
    )


def run(
    network: Network,
    *,
    duration: float = DURATION,
    seed: int = 0,
    params: LIFParams | None = None,
    time_embeddings: Sequence[str] = ("interval", "rotary"),
    size: str = "laptop",
    n_models: int = 1,
    train_config: TrainConfig | None = None,
    glm_config: GLMConfig | None = None,
    rows: Rows = "predicted",
) -> pd.DataFrame:
    """Walk the whole path and return the scores.

    Models are trained on the :func:`lgl_core.spikes.training_part` of the recording, and both they
    and the GLM are read from these same spikes.

    Parameters
    ----------
    network : Network
        The truth.
    duration, seed, params
        As for :func:`lgl_core.experiment.simulate`.
    time_embeddings, size, n_models, train_config
        As for :func:`lgl_core.experiment.train_models`.
    glm_config : GLMConfig, optional
        As for :func:`lgl_core.experiment.fit_glm`.
    rows : {"query", "predicted"}
        As for :func:`lgl_core.experiment.attention_of`.

    Returns
    -------
    DataFrame
        As from :func:`scores`, with columns ``n_spikes`` and ``seconds`` (of the whole path;
        stages that come from the cache take next to none).
    """
    started = time.perf_counter()
    spikes = simulate(network, params, duration=duration, seed=seed)
    models = train_models(
        spikes, time_embeddings, size=size, n_models=n_models, config=train_config
    )
    read = training_part(spikes)
    glm = fit_glm(read, glm_config)
    attention = {name: attention_of(members, read, rows) for name, members in models.items()}
    table = scores(network, attention, glm)
    return table.assign(n_spikes=len(spikes), seconds=time.perf_counter() - started)


def main() -> None:
    """Walk the path from the command line, for the default network or another seed of it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of network and noise")
    parser.add_argument("--duration", type=float, default=DURATION, help="seconds to simulate")
    parser.add_argument("--size", default="laptop", help="preset of the transformer")
    arguments = parser.parse_args()
    table = run(
        hub_network(seed=arguments.seed),
        duration=arguments.duration,
        seed=arguments.seed,
        size=arguments.size,
    )
    print(table.pivot_table("value", GRAPH, ["view", "score"]).round(3).to_string())
