"""What the studies are: a question each, and the points that answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from typing import Any, get_args

from lgl_core.experiment import DURATION
from lgl_core.extraction.influence import Change
from lgl_core.networks.network import hub_network
from lgl_core.transformer.model import preset
from lgl_core.transformer.training import TrainConfig
from studies.against_nulls import Nulls
from studies.attainable import attainable
from studies.drive import Confusions, PartialRecording
from studies.driven import driven
from studies.explorer import explored
from studies.fitted import fitted
from studies.listed import listed
from studies.methods import bench
from studies.original_models import original_network
from studies.outside import MUSHROOM_BODY, OutsideModel, OutsideRecording
from studies.points import Model, Point, Recording, both_embeddings
from studies.public_bench import others
from studies.readings import ALONE, Changed, Constrained, Readings, Timing
from studies.recording_size import sized
from studies.recurrent import recurrent
from studies.silenced import silenced
from studies.small import SMALL_NETWORK, SMALL_TRAINING, small
from studies.standing_out import StandingOut
from studies.unconnected import unconnected
from studies.voltages import voltages
from studies.worm_atlas import WormWiring

__all__ = [
    "DEFAULT_HUBS",
    "DEFAULT_SIZES",
    "DURATIONS",
    "FRESH_SEEDS",
    "HEARD",
    "NETWORK_SEEDS",
    "NO_HUBS",
    "SIZES",
    "STRONGER",
    "STUDIES",
    "TOPOLOGIES",
    "WIDE_HUBS",
    "Study",
]

NETWORK_SEEDS = range(5)
FRESH_SEEDS = range(5, 7)  # of networks on which nothing was ever chosen
LISTED_SEEDS = range(40, 45)  # the same, when lists of connections were made
DRIVEN_SEEDS = range(50, 55)  # and when the size of a common drive was chosen
RING_SEEDS = range(60, 65)  # and when the strengths of a ring were
VOLTAGE_SEEDS = range(70, 75)  # and when drive and synapses of small networks were
N_OTHERS = 5  # networks of a kind that others made: with all ten it would take half an hour
MODEL_SEEDS = range(3)
# What the hub network has by default: weights in mV, and the share of the network that hubs reach.
DEFAULT_HUBS = {
    name: signature(hub_network).parameters[name].default
    for name in ("weight", "hub_weight", "hub_probability")
}
HUB_WEIGHTS = (0.0, 2.0, 4.0, 7.0, 10.0, 14.0)
HUB_REACHES = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
# Hubs with which a first trial came near the scores of the paper.
NEAR_PAPER = {"hub_weight": 5.0, "hub_probability": 0.25}
# Where the GLM comes nearest: other synapses of a sixth of the default, and hubs of a quarter.
WEAK_WEIGHT = 0.1  # mV
WEAK_HUB_WEIGHTS, WEAK_HUB_REACHES = (1.5, 2.0, 3.0), (0.4, 0.6, 0.8)
WEAK_WITH_MODELS = ((1.5, 0.8), (2.0, 0.6))
# The stronger-coupled network of the first trials: mV, and no unit.
STRONGER = {"weight": 1.0, "inhibition_ratio": 5.0}
# What else may be known of a graph inside a model, or not be known.
PRIORS = ({"sparsity": 0.0}, {"sparsity": 0.3}, {"dale": True}, {"rank": 8})
# Common drive of neurons nobody listens to; noise shared by groups, with nobody hidden; shares of
# the neurons that are listened to.
DRIVERS: dict[str, Any] = {"hubs_hidden": True}
NOISE: dict[str, Any] = {
    "settings": {"n_drivers": 0}, "noise_correlation": 0.3, "noise_groups": 10,
}  # fmt: skip
SMALL_MOTIFS = {"n_of_each": 10}  # what a page can simulate while it is read
HEARD = (0.3, 0.5, 0.8, 1.0)
TOPOLOGIES = ("erdos_renyi", "scale_free", "spatial", "c_elegans")
# Where there are no hubs, and where the median of a hub's column is that of its targets.
NO_HUBS = {"hub_weight": 0.0}
WIDE_HUBS = tuple({"hub_probability": reach} for reach in (0.6, 0.8))
DURATIONS = (60.0, 150.0, 300.0, 600.0, 1200.0)  # s
OUTSIDE_DURATION = 300.0  # s: two minutes of the other simulator
SIZES: dict[str, Sequence[int]] = {
    "n_layers": (1, 2, 5), "width": (48, 192), "context": (32, 64, 256),
}  # fmt: skip
LONG_CONTEXT = {"context": 256}  # tried near the paper's scores, too
HALF_THE_BITS = {"precision": "bfloat16"}  # the published size takes hours
# What the laptop preset has of each, whatever the network.
DEFAULT_SIZES = {name: getattr(preset("laptop", n_neurons=1, n_classes=1), name) for name in SIZES}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question, and the points that answer it.

    Parameters
    ----------
    question : str
        What is asked, in a sentence.
    points : callable
        Makes the list of points.
    keeps_graphs : bool
        Whether the graphs of ensembles of the first network, averaged over layers, are kept beside
        their scores; of the explorer, those of every method.
    """

    question: str
    points: Callable[[], list[Point]]
    keeps_graphs: bool = False


def _seeds() -> list[Point]:
    points: list[Point] = []
    for network_seed in NETWORK_SEEDS:
        recording = Recording(seed=network_seed)
        models = [
            Model(recording=recording, seed=seed, time_embedding=time_embedding)
            for time_embedding in ("interval", "rotary")
            for seed in MODEL_SEEDS
        ]
        means = [replace(m, n_models=len(MODEL_SEEDS)) for m in models if m.seed == 0]
        points += [recording, *models, *means]
    return points


def _nulls() -> list[Point]:
    points: list[Point] = []
    for seed in NETWORK_SEEDS:
        recording = Recording(seed=seed)
        points.append(Nulls(recording=recording, models=tuple(both_embeddings(recording))))
    for seed in NETWORK_SEEDS[:2]:
        shifted = Recording(seed=seed, shifted=True)
        points += [shifted, *both_embeddings(shifted)]
    return points


def _layers() -> list[Point]:
    recording = Recording()
    models = [
        Model(recording=recording, seed=seed, time_embedding=name, in_detail=True)
        for name in ("interval", "elapsed", "rotary")
        for seed in MODEL_SEEDS
    ]
    strict = [replace(m, changes={"mask": "strict"}) for m in models if m.seed == 0]
    return [*models, *strict]


def _hub_strength() -> list[Point]:
    lines = [Recording(settings={"hub_weight": weight}) for weight in HUB_WEIGHTS]
    lines += [Recording(settings={"hub_probability": reach}) for reach in HUB_REACHES]
    lines += [Recording(settings=NEAR_PAPER)]
    grid = [
        Recording(settings={"hub_weight": weight, "hub_probability": reach})
        for weight in HUB_WEIGHTS
        for reach in HUB_REACHES
    ]
    weak = {
        (weight, reach): Recording(
            settings={"weight": WEAK_WEIGHT, "hub_weight": weight, "hub_probability": reach}
        )
        for weight in WEAK_HUB_WEIGHTS
        for reach in WEAK_HUB_REACHES
    }
    models = [model for line in lines for model in both_embeddings(line)]
    models += [Model(recording=weak[hubs]) for hubs in WEAK_WITH_MODELS]
    return [*lines, *models, *grid, *weak.values()]


def _topologies() -> list[Point]:
    recordings = [Recording(topology=name) for name in TOPOLOGIES]
    return [
        *recordings,
        *(model for recording in recordings for model in both_embeddings(recording)),
    ]


def _data_size() -> list[Point]:
    points: list[Point] = []
    for duration in DURATIONS:
        recording = Recording(duration=duration)
        # Equally many steps of training for all, or little data would merely train less.
        epochs = round(TrainConfig.epochs * DURATION / duration)
        points += [recording, *both_embeddings(recording, training={"epochs": epochs})]
    return points


def _model_size() -> list[Point]:
    changed = [
        model
        for name, values in SIZES.items()
        for value in values
        for model in both_embeddings(Recording(), changes={name: value})
    ]
    changed += both_embeddings(Recording(settings=NEAR_PAPER), changes=LONG_CONTEXT)
    return [*both_embeddings(Recording()), *changed]


def _paper_size() -> list[Point]:
    models = [
        Model(recording=Recording(), seed=seed, size="paper", training=HALF_THE_BITS)
        for seed in MODEL_SEEDS
    ]
    return [*models, replace(models[0], n_models=len(MODEL_SEEDS))]


def _influence() -> list[Point]:
    points: list[Point] = []
    for model in (
        model for seed in NETWORK_SEEDS for model in both_embeddings(Recording(seed=seed))
    ):
        points.append(Readings(model=model))
        points += [Changed(model=model, change=change) for change in get_args(Change)]
        points.append(Timing(model=model))
    return points


def _graph_constrained() -> list[Point]:
    # Beside the default networks stand the models and fits of `seeds`.
    stronger = [Recording(seed=seed, settings=STRONGER) for seed in NETWORK_SEEDS]
    points: list[Point] = [
        *stronger,
        *(Model(recording=r, time_embedding="rotary") for r in stronger),
    ]
    for recording in (*(Recording(seed=seed) for seed in NETWORK_SEEDS), *stronger):
        points += [
            Constrained(recording=recording, time_embedding=beside) for beside in ("", "rotary")
        ]
    first = Recording()
    points += [Constrained(recording=first, coupling=prior) for prior in PRIORS]
    small = Recording(settings=SMALL_NETWORK)  # what a page can train while it is read
    points += [small, Constrained(recording=small, training=SMALL_TRAINING)]
    # Is it the training that makes the difference?
    as_plain = {name: getattr(TrainConfig, name) for name in ALONE}
    return [*points, Constrained(recording=first, training=as_plain)]


def _standing_out() -> list[Point]:
    default = [Recording(seed=seed) for seed in NETWORK_SEEDS]
    fresh = [Recording(seed=seed) for seed in FRESH_SEEDS]
    stronger = [Recording(seed=seed, settings=STRONGER) for seed in NETWORK_SEEDS]
    others = [Recording(settings=settings) for settings in (NO_HUBS, *WIDE_HUBS)]
    others += [Recording(topology=name) for name in TOPOLOGIES]
    read: list[Recording | Model | Constrained] = [*default, *fresh, *stronger, *others]
    read += [model for recording in (*default, *fresh) for model in both_embeddings(recording)]
    read += [
        Constrained(recording=recording, time_embedding=beside)
        for recording in (*default, *stronger)
        for beside in ("", "rotary")
    ]
    return [StandingOut(of=of) for of in read]


def _common_drive() -> list[Point]:
    # Each kind, and of how many of its networks: transformers take minutes each.
    kinds = [
        (PartialRecording(topology="motifs"), 1),
        (PartialRecording(topology="common_drive", **DRIVERS), 2),
        (PartialRecording(topology="common_drive", **NOISE), 2),
        *((PartialRecording(fraction=share), 2 if share == 1 else 1) for share in HEARD),
        (PartialRecording(hubs_hidden=True), 2),
    ]
    small = PartialRecording(topology="motifs", settings=SMALL_MOTIFS, duration=300.0)
    points: list[Point] = [Confusions(recording=small)]
    for kind, n_with_models in kinds:
        for number, seed in enumerate(NETWORK_SEEDS):
            recording = replace(kind, seed=seed)
            points.append(Confusions(recording=recording))
            if number < n_with_models:
                points.append(Confusions(recording=recording, with_models=True))
    return points


def _outside() -> list[Point]:
    points: list[Point] = []
    for recording in (
        OutsideRecording(topology=MUSHROOM_BODY),
        OutsideRecording(simulator="izhikevich", duration=OUTSIDE_DURATION),
    ):
        # Equally many steps of training as elsewhere, as in the study of data.
        epochs = round(TrainConfig.epochs * DURATION / recording.duration)
        training = {} if epochs == TrainConfig.epochs else {"epochs": epochs}
        points.append(recording)
        points += [
            OutsideModel(recording=recording, time_embedding=name, training=training)
            for name in ("interval", "rotary")
        ]
    return points


STUDIES = {
    "small": Study(
        question="Does the whole machinery give today what it gave when the results were made?",
        points=small,
    ),
    "seeds": Study(
        question="How far do the scores of Table 1 move between networks and trainings?",
        points=_seeds,
        keeps_graphs=True,
    ),
    "nulls": Study(
        question="What would a graph score that does not know who is connected?", points=_nulls
    ),
    "layers": Study(question="Which layers and heads know the wiring?", points=_layers),
    "hub_strength": Study(
        question="How do the scores depend on how strong the hubs are and how far they reach?",
        points=_hub_strength,
    ),
    "topologies": Study(question="Do the scores hold in other networks?", points=_topologies),
    "data_size": Study(question="How much data do the methods need?", points=_data_size),
    "model_size": Study(question="Does a larger transformer know more?", points=_model_size),
    "influence": Study(
        question="What do other readings of the same models know of single synapses?",
        points=_influence,
    ),
    "graph_constrained": Study(
        question="Does it help to build the graph into the model?", points=_graph_constrained
    ),
    "standing_out": Study(
        question="What does each graph know once only what stands out of its columns is kept?",
        points=_standing_out,
    ),
    "common_drive": Study(
        question="Are two neurons that are driven together taken for connected ones?",
        points=_common_drive,
    ),
    "outside": Study(
        question="Do the scores hold in the wiring of a fly, and with other neurons?",
        points=_outside,
    ),
    "methods": Study(
        question="What do other published methods know, and what do they cost?",
        points=partial(bench, NETWORK_SEEDS),
    ),
    "original_network": Study(
        question="What does it take, on the paper's own network, to get the paper's Table 1?",
        points=partial(original_network, NETWORK_SEEDS),
    ),
    "unconnected": Study(
        question="How many pairs does each method call connected where none is?",
        points=partial(unconnected, NETWORK_SEEDS),
    ),
    "recording_size": Study(
        question="How much do recordings of few or many units, short or long, say of their edges?",
        points=sized,
    ),
    "connections": Study(
        question="Of the pairs that are called connected, how many are not, and who is missed?",
        points=partial(listed, LISTED_SEEDS),
    ),
    "fitted": Study(
        question="Is the wiring read the better, the more a model knows of what can be known?",
        points=partial(fitted, NETWORK_SEEDS),
    ),
    "silenced": Study(
        question="Who foresees what happens when a neuron falls silent or synapses are cut?",
        points=partial(silenced, NETWORK_SEEDS),
    ),
    "attainable": Study(
        question="How much is there to know of the next spike, and who knows it?",
        points=partial(attainable, NETWORK_SEEDS),
    ),
    "driven": Study(
        question="Are neurons that hear the same thing called connected, also if the GLM is told?",
        points=partial(driven, DRIVEN_SEEDS),
    ),
    "recurrence": Study(
        question="Who takes correlation for connection, as weak coupling becomes a pattern?",
        points=partial(recurrent, RING_SEEDS),
    ),
    "public_networks": Study(
        question="Is the rate kept, and who finds the wiring, on networks that others made?",
        points=partial(others, N_OTHERS),
    ),
    "explorer": Study(
        question="In networks small enough to see every pair, what does each method see?",
        points=lambda: [*explored()],
        keeps_graphs=True,
    ),
    "voltages": Study(
        question="Who finds the wiring in voltages, and who in the spikes of the same networks?",
        points=partial(voltages, VOLTAGE_SEEDS),
    ),
    "paper_size": Study(
        question="What do three models of the published size know?",
        points=_paper_size,
        keeps_graphs=True,
    ),
    "worm_atlas": Study(
        question="Does the wiring of the worm tell who answers whom?", points=lambda: [WormWiring()]
    ),
}
