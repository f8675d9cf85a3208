"""The models that come with the book: which they are, and how they were trained.

``lgl models`` (``make models``) trains those that are missing under
results/models/. With ``--retrain`` it trains all of them on this machine and says how far each is
from the one that is shipped; with ``--replace`` as well, the new ones are kept instead.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from lgl_core.experiment import architecture, attention_of, train
from lgl_core.metrics.scores import co_input, pearson
from lgl_core.spikes import SpikeTrains, training_part
from lgl_core.transformer.shipped import ship, shipped
from lgl_core.transformer.training import TrainConfig, TrainedModel
from studies.points import Model, Recording
from studies.readings import Constrained
from studies.small import SMALL_NETWORK, SMALL_TRAINING

__all__ = ["PAGE_MODELS", "apart", "main", "the_shipped", "written"]

# By the names of their files. Page 00 shows the first, page 14 the fourth and page 17 the last; the
# others are the book's default. Parameters are those of the pages.
PAGE_MODELS = {
    "small_rotary": Model(
        recording=Recording(settings=SMALL_NETWORK, duration=200.0),
        time_embedding="rotary",
        size="tiny",
        training={"epochs": 15, "batch_size": 16, "learning_rate": 3e-3},
    ),
    "interval": Model(recording=Recording(), time_embedding="interval"),
    "rotary": Model(recording=Recording(), time_embedding="rotary"),
    "recording_rotary": Model(
        recording=Recording(settings={"n_neurons": 100}, duration=300.0),
        time_embedding="rotary",
        training={"epochs": 44},
    ),
    "small_graph": Constrained(
        recording=Recording(settings=SMALL_NETWORK), training=SMALL_TRAINING
    ).model,
}


def the_shipped(wanted: Model) -> TrainedModel | None:
    """Give the model that comes with the book, if it is there."""
    spikes = wanted.recording.spikes()
    built = architecture(spikes, wanted.time_embedding, wanted.size, **wanted.changes)
    return shipped(spikes, built, TrainConfig(**wanted.training, seed=wanted.seed))


def train_here(wanted: Model) -> TrainedModel:
    """Train the model on this machine, or read back an earlier training of it here."""
    return train(
        wanted.recording.spikes(),
        wanted.time_embedding,
        size=wanted.size,
        config=TrainConfig(**wanted.training, seed=wanted.seed),
        use_shipped=False,
        **wanted.changes,
    )


def written(model: TrainedModel, wanted: Model, name: str, folder: Path | None = None) -> Path:
    """Write a trained model for others to read; return its record."""
    config = TrainConfig(**wanted.training, seed=wanted.seed)
    made_by, spikes = asdict(wanted.recording), wanted.recording.spikes()
    return ship(model, spikes, config, name=name, made_by=made_by, folder=folder)


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
        ``attention`` and ``co-input`` over all layers, and ``co-input, layer N``; left out where a
        model has none.
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
    if not model.model.config.n_layers:  # a graph alone attends to nothing
        return pd.Series(found)
    graphs = [attention_of([trained], training_part(spikes)) for trained in (model, other)]
    whole = [graph.connectivity() for graph in graphs]
    found |= {"attention": pearson(*whole), "co-input": pearson(*map(co_input, whole))}
    for layer in range(len(graphs[0].flow)):
        layers = [co_input(graph.connectivity(layer=layer)) for graph in graphs]
        found[f"co-input, layer {layer + 1}"] = pearson(*layers)
    return pd.Series(found)


def main(arguments: list[str] | None = None) -> None:
    """Train the models that the book ships and that are missing, or all of them anew."""
    parser = argparse.ArgumentParser(description=main.__doc__)
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


def _provide(name: str, wanted: Model, retrain: bool, replace: bool) -> None:
    there = the_shipped(wanted)
    if there is not None and not retrain:
        print(f"{name}: shipped, as results/models/{name}.safetensors")
        return
    new = train_here(wanted)
    if there is not None:
        print(f"{name}: trained here, against what is shipped")
        with pd.option_context("display.float_format", "{:.2g}".format):
            print(apart(new, there, wanted.recording.spikes()).to_string())
    if there is None or replace:
        print(f"{name}: written to {written(new, wanted, name)}")
