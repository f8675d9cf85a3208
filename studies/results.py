"""Studies: which runs the evidence of this book rests on, and their small files under results/.

``lgl study [study ...]`` (``make results``) runs them. What was finished before
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
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.disk.cache import source_hash
from lgl_core.disk.provenance import commit, machine
from lgl_core.glm.config import GLMConfig
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import TRAIN_FRACTION
from lgl_core.transformer.training import TrainConfig
from studies._files import (
    graphs_content,
    read_graphs,
    read_results,
    read_table,
    table_content,
    write_results,
)
from studies.explorer import Explored
from studies.plans import NETWORK_SEEDS, STUDIES, Study
from studies.points import Model, Point, rows
from studies.rows import COLUMNS, LABELS, in_columns, name_of

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
        If there is no such study, no point of it is ready, or its files are to be kept and do not
        belong together or do not say which rows belong to which point.
    OSError
        If the files cannot be written. Those that stood there stand, and what the new ones would
        hold comes from the cache when the study is run again.
    """
    planned = {_key(described(point)): point for point in _study(name).points()}
    before = _standing(name, results) if keep else {}
    keeps_graphs = STUDIES[name].keeps_graphs
    graphs_before = graphs(name, results) if before and keeps_graphs else {}
    new = {
        key: point
        for key, point in planned.items()
        if key not in before and (not only_ready or point.is_ready)
    }
    made_by = {
        "source": _source(new.values()),
        "machine": machine(),
        **commit(Path(__file__).parent),
    }
    tables = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(rows)(p) for p in new.values())
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
    table = pd.concat([parts[key].table for key in done]).assign(study=name)
    contents = {"table": table_content(table[["study", *COLUMNS]], LABELS)}
    if keeps_graphs:
        contents["graphs"] = graphs_content({**graphs_before, **_kept_graphs(new.values())})
    record = _record(name, list(done.values()), [parts[key] for key in done], len(planned))
    write_results(results, name, record, contents)
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
    try:
        record, table = _read(name, "table", results)
    except FileNotFoundError:
        return {}
    rows_of_all = read_table(table)[COLUMNS]
    if "n_rows" not in record:
        raise ValueError(
            f"{results / name}.json does not say which rows belong to which point: run "
            f"{_command(name)} without --keep"
        )
    borders = np.cumsum([0, *record["n_rows"]])
    return {
        _key(point): _Part(rows_of_all.iloc[start:stop], record["runs"][number])
        for point, start, stop, number in zip(
            record["points"], borders[:-1], borders[1:], record["run_of_point"], strict=True
        )
    }


def _code_of(run: dict[str, Any]) -> str:
    """Say which commit made the points of a run."""
    if run.get("commit") is None:
        return "of a commit that was not recorded"
    return f"commit {run['commit'][:8]}" + " with changes" * (not run["clean"])


def _kept_graphs(points: Iterable[Point]) -> dict[str, NDArray[np.float64]]:
    """Collect the graphs of the first network that take trainings, and those that a page shows."""
    kept: dict[str, NDArray[np.float64]] = {}
    for point in points:
        if isinstance(point, Explored):
            kept |= point.kept()
        if isinstance(point, Model) and point.recording.seed == NETWORK_SEEDS[0]:
            if point.n_models > 1:
                name = f"attention, {name_of(point.labels())}"
                kept[name] = point.estimates()["all", "all"]
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
        Graphs, ``[post, pre]``, shape (n_neurons, n_neurons): of ensembles by method and name, as
        in ``"attention, interval, mean of 3"``, of the explorer by network and method.

    Raises
    ------
    ValueError
        If there is no such study, it keeps no graphs, or they are not those of its record.
    FileNotFoundError
        If it has not been run.
    """
    if not _study(name).keeps_graphs:
        keeping = [study for study in STUDIES if STUDIES[study].keeps_graphs]
        raise ValueError(f"name must be one of {', '.join(keeping)}, got {name!r}")
    return read_graphs(_read(name, "graphs", results)[1])


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
        ``model_seed``, the columns of :func:`studies.rows.labels_of`, ``layer``, ``head``,
        ``rows``), ``view``, ``score``, ``value``, the null model and its mean and standard
        deviation (``null``, ``null_mean``, ``null_sd``), ``n_spikes`` and the ``seconds`` of the
        training. Labels that do not apply are empty strings.

    Raises
    ------
    ValueError
        If there is no such study, or its two files do not belong together.
    FileNotFoundError
        If it has not been run.
    """
    _study(name)
    return read_table(_read(name, "table", results)[1])


def provenance(name: str, results: Path = RESULTS) -> dict[str, Any]:
    """Read where the scores of a study come from: configuration, versions, machine, date.

    Raises
    ------
    ValueError, FileNotFoundError
        As from :func:`load`.
    """
    _study(name)
    return _read(name, "table", results)[0]


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


def _read(name: str, kind: str, results: Path) -> tuple[dict[str, Any], bytes]:
    return read_results(results, name, kind, _command(name))


def _command(name: str) -> str:
    return f"lgl study {name}"


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
        "command": _command(name),
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
    parser = argparse.ArgumentParser(description=main.__doc__)
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
