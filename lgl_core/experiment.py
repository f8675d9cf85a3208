"""The whole path: network, spikes, both models, both graphs, scores.

Each stage is a function that looks in the cache first; :mod:`lgl_core.whole_path` walks them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lgl_core.disk.cache import cached, keyed_directory
from lgl_core.extraction.attention import AttentionConnectivity, Rows, attention_of_weights
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import GLMFit, fit_quietly
from lgl_core.networks.network import Network
from lgl_core.simulation import lif
from lgl_core.simulation.lif import LIFParams, Ties
from lgl_core.spikes import TRAIN_FRACTION, SpikeTrains, training_part
from lgl_core.transformer import training
from lgl_core.transformer.model import TransformerConfig, preset
from lgl_core.transformer.shipped import shipped
from lgl_core.transformer.tokens import IntervalVocabulary, Tokens, tokenize
from lgl_core.transformer.training import TrainConfig, TrainedModel, train_ensemble

__all__ = [
    "DURATION",
    "architecture",
    "attention",
    "attention_of",
    "fit_glm",
    "is_trained",
    "simulate",
    "split_tokens",
    "train",
    "train_models",
]

# About a million spikes of the default network, as in the paper.
DURATION = 600.0


def simulate(
    network: Network,
    params: LIFParams | None = None,
    *,
    duration: float = DURATION,
    seed: int = 0,
    ties: Ties = "random",
    drive: NDArray[np.float64] | None = None,
    cache: bool = True,
) -> SpikeTrains:
    """Simulate leaky integrate-and-fire neurons, or read the spikes of an earlier run.

    Parameters
    ----------
    network, params, duration, seed, ties, drive
        As for :func:`lgl_core.simulation.lif.simulate`.
    cache : bool
        Whether to look for an earlier run, and to keep this one.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    ValueError
        As from :func:`lgl_core.simulation.lif.simulate`.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.hub_network(n_neurons=20, weight=0.0, seed=0)
    >>> spikes = lgl.simulate(network, duration=2, cache=False)
    >>> spikes.n_neurons
    20
    """
    step = cached(lif.simulate) if cache else lif.simulate
    options: dict[str, Any] = {"duration": duration, "seed": seed, "ties": ties, "drive": drive}
    return step(network, params or LIFParams(), **options, progress=True)


def split_tokens(
    spikes: SpikeTrains, train_fraction: float = TRAIN_FRACTION
) -> tuple[Tokens, Tokens]:
    """Tokens of the first 80 % of a recording, for training, and of the rest, held out."""
    first, second = spikes.split(train_fraction)
    return tokenize(first), tokenize(second)


def architecture(
    spikes: SpikeTrains, time_embedding: str, size: str = "laptop", **changes: object
) -> TransformerConfig:
    """Configure the Neuroformer that :func:`train_models` would train on a recording.

    Parameters
    ----------
    spikes : SpikeTrains
    time_embedding, size, **changes
        As for :func:`train_models`.

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


def train_models(
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
    """Train several Neuroformers on the first 80 % of a recording, or read them back.

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
    part = training_part(spikes, train_fraction)
    models = {number: replace(model, spikes=part) for number, model in models.items()}
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
    """Tell whether :func:`train_models` would find this model."""
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
        training.train,
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


def train(
    spikes: SpikeTrains,
    time_embedding: str = "interval",
    *,
    size: str = "laptop",
    config: TrainConfig | None = None,
    **changes: Any,
) -> TrainedModel:
    """Train a Neuroformer on the first 80 % of a recording, or read it back.

    A training that was interrupted goes on from its last checkpoint.

    Parameters
    ----------
    spikes : SpikeTrains
    time_embedding : {"interval", "elapsed", "rotary", "position"}
        How time enters the model.
    size, config, **changes
        As for :func:`train_models`, which trains several.

    Returns
    -------
    TrainedModel
        ``spikes`` are those that it was trained on.

    Raises
    ------
    ValueError
        If the recording is too short for the context, or a setting is not allowed.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=20)
    >>> model = lgl.train(spikes, size="tiny", config=lgl.TrainConfig(epochs=1))
    >>> model.spikes.duration
    16.0
    """
    models = train_models(spikes, [time_embedding], size=size, config=config, **changes)
    (model,) = models[time_embedding]
    return model


def attention(
    model: TrainedModel,
    spikes: SpikeTrains | None = None,
    *,
    layer: int | None = None,
    head: int | None = None,
) -> NDArray[np.float64]:
    """Read the graph in the attention of a model: where its layers look, on average over pairs.

    Parameters
    ----------
    model : TrainedModel
    spikes : SpikeTrains, optional
        What the model looks at. Default: what it was trained on.
    layer, head : int, optional
        One of them only, from 0. Default: the mean over all.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, no entry below 0.

    Raises
    ------
    ValueError
        If no spikes are given and the model does not say which it was trained on.
    IndexError
        If there is no such layer or head.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=20)
    >>> model = lgl.train(spikes, size="tiny", config=lgl.TrainConfig(epochs=1))
    >>> lgl.attention(model).shape
    (20, 20)
    """
    if spikes is None:
        spikes = model.spikes
    if spikes is None:
        raise ValueError("spikes must be given for a model that was not trained by lgl_core.train")
    return attention_of([model], spikes).connectivity(layer, head)


def attention_of(
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
        What the models look at, such as their :func:`lgl_core.spikes.training_part`.
    rows : {"query", "predicted"}
        As for :func:`lgl_core.extraction.attention.attention_connectivity`.
    overlap : bool
        Whether each window of the model overlaps the next one by three quarters. Without, it takes
        a quarter of the time and is less exact: in the models of the book single layers
        moved by up to 0.2 of a Spearman correlation, the mean over layers by up to 0.02.

    Returns
    -------
    AttentionConnectivity

    Raises
    ------
    ValueError
        If the models have no layers, but a graph alone.
    """
    weights = [
        {name: value.numpy() for name, value in trained.model.state_dict().items()}
        for trained in models
    ]
    config = models[0].model.config
    if not config.n_layers:
        raise ValueError("models must have layers that attend, got n_layers=0: read its coupling")
    # Windows that overlap by three quarters: the first tokens of a window have few keys to spread
    # their attention over, and weigh less when every pair is also seen further down a window.
    stride = max(config.context // 4, 1) if overlap else config.context
    return cached(attention_of_weights)(config, weights, tokenize(spikes), rows=rows, stride=stride)


def fit_glm(
    spikes: SpikeTrains,
    config: GLMConfig | None = None,
    *,
    allowed: NDArray[np.bool_] | None = None,
    covariates: Any = None,
    cache: bool = True,
) -> GLMFit:
    """Fit the GLM to all spikes that are given, or read an earlier fit.

    Parameters
    ----------
    spikes : SpikeTrains
        Beside a model, its :func:`lgl_core.spikes.training_part`.
    config : GLMConfig, optional
    allowed, covariates, cache
        The first two as for :func:`lgl_core.glm.fit.fit_glm`, the last as for :func:`simulate`.

    Returns
    -------
    GLMFit
        ``coupling()`` is a graph, ``[post, pre]``.

    Raises
    ------
    ValueError
        As from :func:`lgl_core.glm.fit.fit_glm`.

    Warns
    -----
    UserWarning
        If the fit of a neuron has not converged, also when it was made earlier.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=20, cache=False)
    >>> lgl.fit_glm(spikes, cache=False).coupling().shape
    (20, 20)
    """
    fit = cached(fit_quietly) if cache else fit_quietly
    return fit(spikes, config or GLMConfig(), allowed=allowed, covariates=covariates).checked()
