"""The models that come with the book: which they are, and how they were trained.

``python -m lgl_core.studies_models`` (``make models``) trains those that are missing under
results/models/. With ``--retrain`` it trains all of them on this machine and says how far each is
from the one that is shipped; with ``--replace`` as well, the new ones are kept instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lgl_core.experiment import DURATION, architecture, attended, simulated, trained
from lgl_core.metrics import co_input, pearson
from lgl_core.networks import hub_network
from lgl_core.spikes import SpikeTrains
from lgl_core.training import TrainConfig, TrainedModel
from lgl_core.training_shipped import MODELS, ship, shipped

__all__ = ["PAGE_MODELS", "PageModel", "apart", "main"]


@dataclass(frozen=True, kw_only=True)
class PageModel:
    """A model that a page of the book shows.

    Parameters
    ----------
    time_embedding : {"interval", "elapsed", "rotary"}
    size : {"tiny", "laptop", "paper"}
        Preset of the transformer.
    seed : int
        Of the network and of its noise.
    duration : float
        Of the recording, in s.
    network, training : mapping
        Arguments of :func:`lgl_core.networks.hub_network` and
        :class:`lgl_core.training.TrainConfig` that differ from their defaults.
    """

    time_embedding: str
    size: str = "laptop"
    seed: int = 0
    duration: float = DURATION
    network: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> TrainConfig:
        """How it is trained."""
        return TrainConfig(**self.training)

    def spikes(self) -> SpikeTrains:
        """Simulate what it was trained on, or read it back."""
        network = hub_network(**self.network, seed=self.seed)
        return simulated(network, duration=self.duration, seed=self.seed)

    def model(self, use_shipped: bool = True) -> TrainedModel:
        """Give the model that is shipped, or train it here."""
        (model,) = trained(
            self.spikes(),
            [self.time_embedding],
            size=self.size,
            config=self.config,
            use_shipped=use_shipped,
        )[self.time_embedding]
        return model

    def ship(self, model: TrainedModel, name: str, folder: Path = MODELS) -> Path:
        """Write a model of this kind for others to read."""
        made_by = {
            "network": "hub_network",
            "settings": dict(self.network),
            "seed": self.seed,
            "duration": self.duration,
        }
        return ship(model, self.spikes(), self.config, name=name, made_by=made_by, folder=folder)


# By the names of their files. Page 00 shows the first, the others are the book's default.
PAGE_MODELS = {
    "small_rotary": PageModel(
        time_embedding="rotary",
        size="tiny",
        duration=200.0,
        network={"n_neurons": 40, "n_hubs": 2},
        training={"epochs": 15, "batch_size": 16, "learning_rate": 3e-3},
    ),
    "interval": PageModel(time_embedding="interval"),
    "rotary": PageModel(time_embedding="rotary"),
}


def apart(model: TrainedModel, other: TrainedModel, spikes: SpikeTrains) -> pd.Series:
    """Tell how far two trainings of one configuration are from each other.

    Parameters
    ----------
    model, other : TrainedModel
    spikes : SpikeTrains
        The recording that both were trained on.

    Returns
    -------
    Series
        ``first steps``, the largest difference of losses in the first 20 steps, and ``held-out
        loss``, that of the next neuron at the end, both in nats; ``weights``, the largest
        difference of a weight; then correlations (Pearson) of what is read from the attention:
        ``attention`` and ``co-input`` over all layers, and ``co-input, layer N``.
    """
    first = (model.steps.iloc[:20] - other.steps.iloc[:20]).abs().to_numpy().max()
    held_out = [trained.history["valid_neuron"].iloc[-1] for trained in (model, other)]
    states = [trained.model.state_dict() for trained in (model, other)]
    weights = max(float((states[0][key] - states[1][key]).abs().max()) for key in states[0])
    found = {
        "first steps": float(first),
        "held-out loss": abs(held_out[0] - held_out[1]),
        "weights": weights,
    }
    graphs = [attended([trained], spikes) for trained in (model, other)]
    whole = [graph.connectivity() for graph in graphs]
    found |= {"attention": pearson(*whole), "co-input": pearson(*map(co_input, whole))}
    for layer in range(len(graphs[0].flow)):
        layers = [co_input(graph.connectivity(layer=layer)) for graph in graphs]
        found[f"co-input, layer {layer + 1}"] = pearson(*layers)
    return pd.Series(found)


def main(arguments: list[str] | None = None) -> None:
    """Train the models that the book ships and that are missing, or all of them anew."""
    parser = argparse.ArgumentParser(
        prog="python -m lgl_core.studies_models", description=main.__doc__
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PAGE_MODELS)}; default: all")
    parser.add_argument("--retrain", action="store_true", help="train all anew and compare")
    parser.add_argument("--replace", action="store_true", help="keep what was trained anew")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(PAGE_MODELS))
    if unknown:
        parser.error(f"no such model: {', '.join(unknown)}; there are {', '.join(PAGE_MODELS)}")
    if options.replace and not options.retrain:
        parser.error("--replace keeps what --retrain has trained: give both")
    for name in options.names or PAGE_MODELS:
        _provide(name, PAGE_MODELS[name], options.retrain, options.replace)


def _provide(name: str, wanted: PageModel, retrain: bool, replace: bool) -> None:
    spikes = wanted.spikes()
    there = shipped(spikes, architecture(spikes, wanted.time_embedding, wanted.size), wanted.config)
    if there is not None and not retrain:
        print(f"{name}: shipped, as {MODELS.name}/{name}.safetensors")
        return
    new = wanted.model(use_shipped=False)
    if there is not None:
        print(f"{name}: trained here, against what is shipped")
        with pd.option_context("display.float_format", "{:.2g}".format):
            print(apart(new, there, spikes).to_string())
    if there is None or replace:
        print(f"{name}: written to {wanted.ship(new, name)}")


if __name__ == "__main__":
    main()
