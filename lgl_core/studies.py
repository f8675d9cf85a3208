"""Studies: which runs the evidence of this book rests on, and their small files under results/.

``python -m lgl_core.studies [study ...]`` (``make results``) runs them. What was finished before
an interruption comes from the cache; with ``--keep``, what stands in results/ is left as it is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from lgl_core.cache import source_hash
from lgl_core.experiment import TRAIN_FRACTION
from lgl_core.glm import GLMConfig
from lgl_core.lif import LIFParams
from lgl_core.provenance import commit, machine
from lgl_core.studies_plans import NETWORK_SEEDS, STUDIES, Study
from lgl_core.studies_points import Model, Point, Recording, rows
from lgl_core.studies_results import read_graphs, read_table, sha256, write_graphs, write_table
from lgl_core.studies_rows import COLUMNS, LABELS, in_columns
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
    name: str,
    *,
    n_jobs: int = -1,
    only_ready: bool = False,
    keep: bool = False,
    results: Path = RESULTS,
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
    keep : bool
        Leave the points that stand in the files as they are, whatever machine and version made
        them, and add those that are missing.
    results : Path
        Where ``NAME.parquet`` (the scores) and ``NAME.json`` (where they come from) go.

    Returns
    -------
    DataFrame
        As from :func:`load`. A study that keeps graphs also writes ``NAME_graphs.parquet``.

    Raises
    ------
    ValueError
        If there is no such study, no point of it is ready, or its files do not say which rows
        belong to which point and are to be kept.
    """
    planned = {_key(described(point)): point for point in _study(name).points()}
    before = _standing(name, results) if keep else {}
    new = {
        key: point
        for key, point in planned.items()
        if key not in before and (not only_ready or point.is_ready)
    }
    tables = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(rows)(p) for p in new.values())
    made_by = {"source": _source(new.values()), "machine": machine(), **commit()}
    if before:
        made = sorted(
            {f"{p.made_by['machine']['date']}, {_code_of(p.made_by)}" for p in before.values()}
        )
        print(f"{name}: {len(before)} points are kept ({'; '.join(made)}), {len(new)} are new")
    shown = tqdm(tables, total=len(new), desc=name, unit="point")
    parts = before | {
        key: _Part(in_columns(table), made_by) for key, table in zip(new, shown, strict=True)
    }
    done = {key: point for key, point in planned.items() if key in parts}
    if not done:
        raise ValueError(f"{name}: no model is trained yet, run it without --ready")
    _write(name, list(done.values()), [parts[key] for key in done], len(planned), results)
    if STUDIES[name].keeps_graphs:
        path = _graphs_file(name, results)
        kept: dict[str, ArrayLike] = {}
        kept |= graphs(name, results) if keep and path.exists() else {}
        write_graphs(kept | _kept_graphs(new.values()), path)
    return load(name, results)


@dataclass(frozen=True)
class _Part:
    """The rows of a point, and what made them."""

    table: pd.DataFrame
    made_by: dict[str, Any]


def _key(description: dict[str, Any]) -> str:
    return json.dumps(description, sort_keys=True)


def _source(points: Iterable[Point]) -> str:
    return " ".join(sorted({source_hash(type(point).__module__) for point in points}))


def _standing(name: str, results: Path) -> dict[str, _Part]:
    """Read what stands in the files of a study, by point."""
    if not _table_file(name, results).exists():
        return {}
    table, record = load(name, results)[COLUMNS], provenance(name, results)
    if "n_rows" not in record:
        raise ValueError(
            f"{results / name}.json does not say which rows belong to which point: run "
            f"python -m lgl_core.studies {name} without --keep"
        )
    borders = np.cumsum([0, *record["n_rows"]])
    return {
        _key(point): _Part(table.iloc[start:stop], record["runs"][number])
        for point, start, stop, number in zip(
            record["points"], borders[:-1], borders[1:], record["run_of_point"], strict=True
        )
    }


def _write(
    name: str, points: Sequence[Point], parts: Sequence[_Part], n_planned: int, results: Path
) -> None:
    results.mkdir(exist_ok=True)
    table = pd.concat([part.table for part in parts]).assign(study=name)
    path = _table_file(name, results)
    write_table(table[["study", *COLUMNS]], path, LABELS)
    record = _record(name, points, parts, n_planned) | {"table_sha256": sha256(path)}
    (results / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def _code_of(run: dict[str, Any]) -> str:
    """Say which commit made the points of a run."""
    if run.get("commit") is None:
        return "of a commit that was not recorded"
    return f"commit {run['commit'][:8]}" + " with changes" * (not run["clean"])


def _kept_graphs(points: Iterable[Point]) -> dict[str, NDArray[np.float64]]:
    """Collect the graphs of the first network."""
    kept: dict[str, NDArray[np.float64]] = {}
    for point in points:
        if isinstance(point, Recording) and point.seed == NETWORK_SEEDS[0]:
            kept |= {f"{m}, {v}": g for (m, v), g in point.estimates().items() if m in KEPT}
        if isinstance(point, Model) and point.recording.seed == NETWORK_SEEDS[0]:
            if point.n_models > 1:
                kept[f"attention, {point.variant}"] = point.estimates()["all", "all"]
    return kept


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
    return read_graphs(_existing(_graphs_file(name, results), name))


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
    return read_table(_existing(_table_file(name, results), name))


def provenance(name: str, results: Path = RESULTS) -> dict[str, Any]:
    """Read where the scores of a study come from: configuration, versions, machine, date."""
    _study(name)
    record: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return record


def origin(name: str, results: Path = RESULTS) -> str:
    """Tell a reader in two lines what a study asks, how much of it is in, and what made it."""
    found = provenance(name, results)
    codes = list(dict.fromkeys(map(_code_of, found["runs"])))
    mixed = f", in {len(found['runs'])} runs" * (len(found["runs"]) > 1)
    return (
        f"{name}: {found['question']}\n"
        f"  {len(found['points'])} of {found['planned_points']} planned points are in, "
        f"made on {found['machine']['date']}{mixed} by {found['command']} ({'; '.join(codes)})"
    )


def _study(name: str) -> Study:
    if name not in STUDIES:
        raise ValueError(f"name must be one of {', '.join(STUDIES)}, got {name!r}")
    return STUDIES[name]


def _table_file(name: str, results: Path) -> Path:
    return results / f"{name}.parquet"


def _graphs_file(name: str, results: Path) -> Path:
    return results / f"{name}_graphs.parquet"


def _existing(path: Path, name: str) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run python -m lgl_core.studies {name}")
    return path


def _record(
    name: str, points: Sequence[Point], parts: Sequence[_Part], n_planned: int
) -> dict[str, Any]:
    runs: list[dict[str, Any]] = []
    for part in parts:
        runs += [part.made_by] * (part.made_by not in runs)
    runs.sort(key=lambda run: run["machine"]["date"])
    return {
        "study": name,
        "question": STUDIES[name].question,
        "command": f"python -m lgl_core.studies {name}",
        **runs[-1],  # of the last one
        "train_fraction": TRAIN_FRACTION,
        "neurons": asdict(LIFParams()),
        "training": asdict(TrainConfig()),
        "glm": asdict(GLMConfig()),
        "planned_points": n_planned,
        "points": [described(point) for point in points],
        "n_rows": [len(part.table) for part in parts],
        "runs": runs,
        "run_of_point": [runs.index(part.made_by) for part in parts],
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
    parser.add_argument("--keep", action="store_true", help="only points that results/ lacks")
    arguments = parser.parse_args()
    names = arguments.studies or list(STUDIES)
    unknown = sorted(set(names) - set(STUDIES))
    if unknown:
        parser.error(f"no such study: {', '.join(unknown)}; there are {', '.join(STUDIES)}")
    for name in names:
        run(name, n_jobs=arguments.jobs, only_ready=arguments.ready, keep=arguments.keep)


if __name__ == "__main__":
    main()
