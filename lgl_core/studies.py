"""Studies: which runs the evidence of this book rests on, and their small files under results/.

``python -m lgl_core.studies [study ...]`` (``make results``) runs them. What was finished before
an interruption comes from the cache.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.cache import source_hash
from lgl_core.experiment import TRAIN_FRACTION
from lgl_core.glm import GLMConfig
from lgl_core.lif import LIFParams
from lgl_core.provenance import machine
from lgl_core.studies_plans import NETWORK_SEEDS, STUDIES, Study
from lgl_core.studies_points import COLUMNS, Model, Point, Recording, rows
from lgl_core.training import TrainConfig

__all__ = [
    "RESULTS",
    "described",
    "graphs",
    "load",
    "main",
    "origin",
    "provenance",
    "run",
]

RESULTS = Path(__file__).resolve().parents[1] / "results"

KEPT = ("glm", "ccg")  # methods whose graphs are worth keeping without a model


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
        "source": " ".join(sorted({source_hash(type(point).__module__) for point in points})),
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
    point : Point

    Returns
    -------
    dict
        Its ``kind`` and its fields.
    """
    return {"kind": type(point).__name__} | asdict(cast(Any, point))


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
