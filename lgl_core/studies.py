"""Studies: which runs the evidence of this book rests on, and their small files under results/.

``python -m lgl_core.studies [study ...]`` (``make results``) runs them. What was finished before
an interruption comes from the cache.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.cache import source_hash
from lgl_core.experiment import DURATION, TRAIN_FRACTION
from lgl_core.glm import GLMConfig
from lgl_core.lif import LIFParams
from lgl_core.networks import hub_network
from lgl_core.provenance import machine
from lgl_core.studies_points import COLUMNS, Model, Nulls, Point, Recording, rows
from lgl_core.training import TrainConfig
from lgl_core.transformer import preset

__all__ = [
    "DEFAULT_HUBS",
    "DEFAULT_SIZES",
    "DURATIONS",
    "RESULTS",
    "SIZES",
    "STUDIES",
    "TOPOLOGIES",
    "Study",
    "described",
    "graphs",
    "load",
    "main",
    "origin",
    "provenance",
    "run",
]

RESULTS = Path(__file__).resolve().parents[1] / "results"

NETWORK_SEEDS = range(5)
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
TOPOLOGIES = ("erdos_renyi", "scale_free", "spatial", "c_elegans")
DURATIONS = (60.0, 150.0, 300.0, 600.0, 1200.0)  # s
KEPT = ("glm", "ccg")  # methods whose graphs are worth keeping without a model
SIZES: dict[str, Sequence[int]] = {
    "n_layers": (1, 2, 5), "width": (48, 192), "context": (32, 64, 256),
}  # fmt: skip
LONG_CONTEXT = {"context": 256}  # tried near the paper's scores, too
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
        Whether the graphs of the first network are kept, beside their scores: those of the
        recording, and those of ensembles, averaged over layers.
    """

    question: str
    points: Callable[[], list[Point]]
    keeps_graphs: bool = False


def _models(recording: Recording, **changes: Any) -> list[Model]:
    """Name one model of each of the two time embeddings that the book compares."""
    return [
        Model(recording=recording, time_embedding=time_embedding, **changes)
        for time_embedding in ("interval", "rotary")
    ]


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
        points.append(Nulls(recording=recording, models=tuple(_models(recording))))
    for seed in NETWORK_SEEDS[:2]:
        shifted = Recording(seed=seed, shifted=True)
        points += [shifted, *_models(shifted)]
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
    models = [model for line in lines for model in _models(line)]
    models += [Model(recording=weak[hubs]) for hubs in WEAK_WITH_MODELS]
    return [*lines, *models, *grid, *weak.values()]


def _topologies() -> list[Point]:
    recordings = [Recording(topology=name) for name in TOPOLOGIES]
    return [*recordings, *(model for recording in recordings for model in _models(recording))]


def _data_size() -> list[Point]:
    points: list[Point] = []
    for duration in DURATIONS:
        recording = Recording(duration=duration)
        # Equally many steps of training for all, or little data would merely train less.
        epochs = round(TrainConfig.epochs * DURATION / duration)
        points += [recording, *_models(recording, training={"epochs": epochs})]
    return points


def _model_size() -> list[Point]:
    changed = [
        model
        for name, values in SIZES.items()
        for value in values
        for model in _models(Recording(), changes={name: value})
    ]
    changed += _models(Recording(settings=NEAR_PAPER), changes=LONG_CONTEXT)
    return [*_models(Recording()), *changed]


def _paper_size() -> list[Point]:
    models = [Model(recording=Recording(), seed=seed, size="paper") for seed in MODEL_SEEDS]
    return [*models, replace(models[0], n_models=len(MODEL_SEEDS))]


def _small() -> list[Point]:
    recording = Recording(settings={"n_neurons": 40, "n_hubs": 2}, duration=200.0)
    training = {"epochs": 15, "batch_size": 16, "learning_rate": 3e-3}
    return [recording, *_models(recording, size="tiny", training=training)]


STUDIES = {
    "small": Study(
        question="Does the whole machinery give today what it gave when the results were made?",
        points=_small,
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
    "paper_size": Study(
        question="What do three models of the published size know?",
        points=_paper_size,
        keeps_graphs=True,
    ),
}


def run(
    name: str, *, n_jobs: int = -1, only_ready: bool = False, results: Path = RESULTS
) -> pd.DataFrame:
    """Run a study and write its files.

    Parameters
    ----------
    name : str
        One of ``STUDIES``.
    n_jobs : int
        Points at once, one core each; -1 for as many as there are cores.
    only_ready : bool
        Leave out the points whose models have not been trained yet.
    results : Path
        Where ``NAME.csv`` (the scores) and ``NAME.json`` (where they come from) go.

    Returns
    -------
    DataFrame
        As from :func:`load`. A study that keeps graphs also writes ``NAME.npz``.

    Raises
    ------
    ValueError
        If there is no such study.
    """
    planned = _study(name).points()
    points = [point for point in planned if point.is_ready or not only_ready]
    tables = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(rows)(p) for p in points)
    table = pd.concat(list(tqdm(tables, total=len(points), desc=name, unit="point")))
    table = table.reindex(columns=COLUMNS).assign(study=name)[["study", *COLUMNS]]
    results.mkdir(exist_ok=True)
    table.to_csv(results / f"{name}.csv", index=False, float_format="%.5g")
    record = json.dumps(_record(name, points, len(planned)), indent=1)
    (results / f"{name}.json").write_text(record + "\n")
    if STUDIES[name].keeps_graphs:
        np.savez_compressed(results / f"{name}.npz", allow_pickle=False, **_kept_graphs(points))
    return load(name, results)


def _kept_graphs(points: Sequence[Point]) -> dict[str, NDArray[np.float32]]:
    """Collect the graphs of the first network, as small as they are still of use."""
    kept: dict[str, NDArray[np.float64]] = {}
    for point in points:
        if isinstance(point, Recording) and point.seed == NETWORK_SEEDS[0]:
            kept |= {f"{m}, {v}": g for (m, v), g in point.estimates().items() if m in KEPT}
        if isinstance(point, Model) and point.recording.seed == NETWORK_SEEDS[0]:
            if point.n_models > 1:
                kept[f"attention, {point.variant}"] = point.estimates()["all", "all"]
    return {name: graph.astype(np.float32) for name, graph in kept.items()}


def graphs(name: str, results: Path = RESULTS) -> dict[str, NDArray[np.float32]]:
    """Read the graphs that a study has kept, of the first network of the study.

    Parameters
    ----------
    name : str
        One of ``STUDIES`` that keeps graphs.
    results : Path
        The folder of results.

    Returns
    -------
    dict
        Graphs, ``[post, pre]``, shape (n_neurons, n_neurons), by method and variant, as in
        ``"glm, peak"`` and ``"attention, interval, mean of 3"``.

    Raises
    ------
    ValueError
        If there is no such study, or it keeps no graphs.
    FileNotFoundError
        If it has not been run.
    """
    if not _study(name).keeps_graphs:
        keeping = [study for study in STUDIES if STUDIES[study].keeps_graphs]
        raise ValueError(f"name must be one of {', '.join(keeping)}, got {name!r}")
    with np.load(_existing(results / f"{name}.npz", name)) as file:
        return {key: file[key] for key in file.files}


def load(name: str, results: Path = RESULTS) -> pd.DataFrame:
    """Read the scores of a study.

    Parameters
    ----------
    name : str
        One of ``STUDIES``.
    results : Path
        The folder of results.

    Returns
    -------
    DataFrame
        One row per score: ``study``, then what was scored (``network``, ``network_seed``,
        ``model_seed``, ``method``, ``variant``, ``layer``, ``head``, ``rows``), ``view``,
        ``score``, ``value``, the null model and its mean and standard deviation (``null``,
        ``null_mean``, ``null_sd``), ``n_spikes`` and the ``seconds`` of the training. Labels that
        do not apply are empty strings.

    Raises
    ------
    ValueError
        If there is no such study.
    FileNotFoundError
        If it has not been run.
    """
    _study(name)
    path = _existing(results / f"{name}.csv", name)
    labels = ["network", "method", "variant", "layer", "head", "rows", "view", "score", "null"]
    return pd.read_csv(path, dtype=dict.fromkeys(labels, str)).fillna(dict.fromkeys(labels, ""))


def provenance(name: str, results: Path = RESULTS) -> dict[str, Any]:
    """Read where the scores of a study come from: configuration, versions, machine, date."""
    _study(name)
    record: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return record


def origin(name: str, results: Path = RESULTS) -> str:
    """Tell a reader in two lines what a study asks, how much of it is in, and what made it."""
    found = provenance(name, results)
    return (
        f"{name}: {found['question']}\n"
        f"  {len(found['points'])} of {found['planned_points']} planned points are in, "
        f"made on {found['machine']['date']} by {found['command']}"
    )


def _study(name: str) -> Study:
    if name not in STUDIES:
        raise ValueError(f"name must be one of {', '.join(STUDIES)}, got {name!r}")
    return STUDIES[name]


def _existing(path: Path, name: str) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run python -m lgl_core.studies {name}")
    return path


def _record(name: str, points: Sequence[Point], n_planned: int) -> dict[str, Any]:
    return {
        "study": name,
        "question": STUDIES[name].question,
        "command": f"python -m lgl_core.studies {name}",
        "source": source_hash(rows.__module__),
        "machine": machine(),
        "train_fraction": TRAIN_FRACTION,
        "neurons": asdict(LIFParams()),
        "training": asdict(TrainConfig()),
        "glm": asdict(GLMConfig()),
        "planned_points": n_planned,
        "points": [described(point) for point in points],
    }


def described(point: Point) -> dict[str, Any]:
    """Spell a point out, as the files of results do.

    Parameters
    ----------
    point : Recording, Model or Nulls

    Returns
    -------
    dict
        Its ``kind`` and its fields.
    """
    return {"kind": type(point).__name__} | asdict(point)


def main() -> None:
    """Run the studies named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m lgl_core.studies", description=main.__doc__)
    parser.add_argument("studies", nargs="*", metavar="study", help=f"of {', '.join(STUDIES)}")
    parser.add_argument("--jobs", type=int, default=-1, help="points at once, one core each")
    parser.add_argument("--ready", action="store_true", help="only points with trained models")
    arguments = parser.parse_args()
    names = arguments.studies or list(STUDIES)
    unknown = sorted(set(names) - set(STUDIES))
    if unknown:
        parser.error(f"no such study: {', '.join(unknown)}; there are {', '.join(STUDIES)}")
    for name in names:
        run(name, n_jobs=arguments.jobs, only_ready=arguments.ready)


if __name__ == "__main__":
    main()
