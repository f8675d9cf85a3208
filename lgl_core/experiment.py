"""The whole path: network, spikes, both models, both graphs, scores.

Each stage is a function that looks in the cache first. ``lgl run`` walks the path from
end to end and prints the scores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.disk.cache import cached, keyed_directory
from lgl_core.extraction.attention import AttentionConnectivity, Rows, attention_of_weights
from lgl_core.glm.fit import GLMConfig, GLMFit, fit_quietly
from lgl_core.metrics.compare import compare, tidy
from lgl_core.networks.network import Network, hub_network
from lgl_core.simulate.lif import LIFParams, Ties, simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import TransformerConfig, preset
from lgl_core.transformer.shipped import shipped
from lgl_core.transformer.tokens import IntervalVocabulary, Tokens, tokenize
from lgl_core.transformer.training import TrainConfig, TrainedModel, train, train_ensemble

__all__ = [
    "DURATION",
    "TRAIN_FRACTION",
    "architecture",
    "attended",
    "fitted",
    "is_trained",
    "main",
    "run",
    "scores",
    "simulated",
    "split_tokens",
    "trained",
    "training_part",
]

# About a million spikes of the default network, as in the paper.
DURATION = 600.0
# Chronological split of the paper (Appendix B.5).
TRAIN_FRACTION = 0.8


def simulated(
    network: Network,
    params: LIFParams | None = None,
    *,
    duration: float = DURATION,
    seed: int = 0,
    ties: Ties = "random",
) -> SpikeTrains:
    """Simulate, or read the spikes of an earlier run.

    Parameters
    ----------
    network, params, duration, seed, ties
        As for :func:`lgl_core.simulate.lif.simulate`.

    Returns
    -------
    SpikeTrains
    """
    return cached(simulate)(
        network, params or LIFParams(), duration=duration, seed=seed, ties=ties, progress=True
    )


def training_part(spikes: SpikeTrains, train_fraction: float = TRAIN_FRACTION) -> SpikeTrains:
    """Take the first 80 % of a recording, or another part, which :func:`trained` trains on.

    Whoever compares a model with another method gives the method the same part.
    """
    return spikes.split(train_fraction)[0]


def split_tokens(
    spikes: SpikeTrains, train_fraction: float = TRAIN_FRACTION
) -> tuple[Tokens, Tokens]:
    """Tokens of the first 80 % of a recording, for training, and of the rest, held out."""
    first, second = spikes.split(train_fraction)
    return tokenize(first), tokenize(second)


def architecture(
    spikes: SpikeTrains, time_embedding: str, size: str = "laptop", **changes: object
) -> TransformerConfig:
    """Configure the Neuroformer that :func:`trained` would train on a recording.

    Parameters
    ----------
    spikes : SpikeTrains
    time_embedding, size, **changes
        As for :func:`trained`.

    Returns
    -------
    TransformerConfig
    """
    return preset(
        size,
        n_neurons=spikes.n_neurons,
        n_classes=IntervalVocabulary().n_classes,
        time_embedding=time_embedding,
        **changes,
    )


def trained(
    spikes: SpikeTrains,
    time_embeddings: Sequence[str] = ("interval",),
    *,
    size: str = "laptop",
    n_models: int = 1,
    config: TrainConfig | None = None,
    n_jobs: int = -1,
    use_shipped: bool = True,
    train_fraction: float = TRAIN_FRACTION,
    **changes: object,
) -> dict[str, list[TrainedModel]]:
    """Train Neuroformers on the first 80 % of a recording, or read them back.

    The models of the book's pages come with it (:mod:`lgl_core.transformer.shipped`): whoever asks
    for one of them, with the same spikes and settings to the last bit, gets the same weights on
    every machine. All others that are not there yet train side by side, one per core.

    Parameters
    ----------
    spikes : SpikeTrains
    time_embeddings : sequence of {"interval", "elapsed", "rotary", "position"}
        One architecture each.
    size : {"tiny", "laptop", "paper", "original"}
        Preset of :func:`lgl_core.transformer.model.preset`.
    n_models : int
        Independent models per architecture, with seeds ``config.seed``, ``config.seed + 1``, ...
    config : TrainConfig, optional
        Default: ``TrainConfig()``.
    n_jobs : int
        Cores to train on, -1 for all. With 1 there is no progress bar: the caller, who runs
        several trainings at once, has one.
    use_shipped : bool
        ``False`` trains here what comes with the book, too.
    train_fraction : float
        How much of the recording is trained on; the rest is held out. With another one than the
        default, no shipped model is looked for.
    **changes
        Further fields of :class:`lgl_core.transformer.model.TransformerConfig`.

    Returns
    -------
    dict
        The list of models for each time embedding.
    """
    config = config or TrainConfig()
    members = [
        _training(spikes, time_embedding, size, config, member, changes, train_fraction)
        for time_embedding in time_embeddings
        for member in range(n_models)
    ]
    models = {
        number: model
        for number, member in enumerate(members)
        if use_shipped and (model := _shipped(spikes, member, train_fraction)) is not None
    }
    missing = [number for number in range(len(members)) if number not in models]
    if missing:
        new = train_ensemble(
            *split_tokens(spikes, train_fraction),
            [members[number].architecture for number in missing],
            config,
            directories=[members[number].directory for number in missing],
            seeds=[members[number].config.seed for number in missing],
            n_jobs=n_jobs,
            progress=n_jobs != 1,
        )
        models |= dict(zip(missing, new, strict=True))
    return {
        time_embedding: [models[k * n_models + member] for member in range(n_models)]
        for k, time_embedding in enumerate(time_embeddings)
    }


def is_trained(
    spikes: SpikeTrains,
    time_embedding: str,
    *,
    size: str = "laptop",
    config: TrainConfig | None = None,
    train_fraction: float = TRAIN_FRACTION,
    **changes: object,
) -> bool:
    """Tell whether :func:`trained` would find this model."""
    settings = config or TrainConfig()
    member = _training(spikes, time_embedding, size, settings, 0, changes, train_fraction)
    if _shipped(spikes, member, train_fraction) is not None:
        return True
    return (member.directory / "model.safetensors").exists()


class _Training(NamedTuple):
    """What makes a model, and where its training keeps its files."""

    architecture: TransformerConfig
    config: TrainConfig
    directory: Path


def _training(
    spikes: SpikeTrains,
    time_embedding: str,
    size: str,
    config: TrainConfig,
    member: int,
    changes: dict[str, object],
    train_fraction: float,
) -> _Training:
    model = architecture(spikes, time_embedding, size, **changes)
    directory = keyed_directory(
        train,
        spikes=spikes,
        architecture=model,
        config=config,
        member=member,
        train_fraction=train_fraction,
    )
    return _Training(model, replace(config, seed=config.seed + member), directory)


def _shipped(spikes: SpikeTrains, member: _Training, train_fraction: float) -> TrainedModel | None:
    """Find a model that comes with the book, all of which are trained on the usual part."""
    if train_fraction != TRAIN_FRACTION:
        return None
    return shipped(spikes, member.architecture, member.config)


def attended(
    models: Sequence[TrainedModel],
    spikes: SpikeTrains,
    rows: Rows = "predicted",
    *,
    overlap: bool = True,
) -> AttentionConnectivity:
    """Extract connectivity from the attention of models over all spikes that are given.

    Parameters
    ----------
    models : sequence of TrainedModel
    spikes : SpikeTrains
        What the models look at, such as their :func:`training_part`.
    rows : {"query", "predicted"}
        As for :func:`lgl_core.extraction.attention.attention_connectivity`.
    overlap : bool
        Whether each window of the model overlaps the next one by three quarters. Without, it takes
        a quarter of the time and is less exact: in the models of the book single layers
        moved by up to 0.2 of a Spearman correlation, the mean over layers by up to 0.02.

    Returns
    -------
    AttentionConnectivity
    """
    weights = [
        {name: value.numpy() for name, value in trained.model.state_dict().items()}
        for trained in models
    ]
    config = models[0].model.config
    # Windows that overlap by three quarters: the first tokens of a window have few keys to spread
    # their attention over, and weigh less when every pair is also seen further down a window.
    stride = max(config.context // 4, 1) if overlap else config.context
    return cached(attention_of_weights)(config, weights, tokenize(spikes), rows=rows, stride=stride)


def fitted(spikes: SpikeTrains, config: GLMConfig | None = None) -> GLMFit:
    """Fit the GLM to all spikes that are given, or read an earlier fit.

    Parameters
    ----------
    spikes : SpikeTrains
        Beside a model, its :func:`training_part`.
    config : GLMConfig, optional
        Default: ``GLMConfig()``.

    Returns
    -------
    GLMFit

    Warns
    -----
    UserWarning
        If the fit of a neuron has not converged, also when it was made earlier.
    """
    return cached(fit_quietly)(spikes, config or GLMConfig()).checked()


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
        heads (variant ``"interval"``) and layer by layer (``"interval, layer 1"``, from 1).
    glm : GLMFit
        Scored by the signed peak of its filters, as in the paper (variant ``"peak"``), and by
        their area (``"area"``).

    Returns
    -------
    DataFrame
        Tidy, with columns ``method`` ("attention" or "glm"), ``variant``, ``view``, ``score``
        and ``value``.
    """
    estimates: list[tuple[str, str, NDArray[np.float64]]] = []
    for name, connectivity in attention.items():
        estimates.append(("attention", name, connectivity.connectivity()))
        for layer in range(len(connectivity.flow)):
            variant = f"{name}, layer {layer + 1}"
            estimates.append(("attention", variant, connectivity.connectivity(layer=layer)))
    estimates += [("glm", kind, glm.coupling(kind)) for kind in ("peak", "area")]
    return pd.concat(
        [
            tidy(compare(estimate, network.weights), method=method, variant=variant)
            for method, variant, estimate in estimates
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

    Models are trained on the :func:`training_part` of the recording, and both they and the GLM are
    read from these same spikes.

    Parameters
    ----------
    network : Network
        The truth.
    duration, seed, params
        As for :func:`simulated`.
    time_embeddings, size, n_models, train_config
        As for :func:`trained`.
    glm_config : GLMConfig, optional
        As for :func:`fitted`.
    rows : {"query", "predicted"}
        As for :func:`attended`.

    Returns
    -------
    DataFrame
        As from :func:`scores`, with columns ``n_spikes`` and ``seconds`` (of the whole path;
        stages that come from the cache take next to none).
    """
    started = time.perf_counter()
    spikes = simulated(network, params, duration=duration, seed=seed)
    models = trained(spikes, time_embeddings, size=size, n_models=n_models, config=train_config)
    read = training_part(spikes)
    glm = fitted(read, glm_config)
    attention = {name: attended(members, read, rows) for name, members in models.items()}
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
    print(table.pivot_table("value", ["method", "variant"], ["view", "score"]).round(3).to_string())
