"""Many runs at once, on Dask: a grid of parameters over the whole path or over a notebook.

``lgl sweep sweep.yml`` runs them on this machine, with ``--scheduler`` on any
running cluster, and with a section ``slurm`` in the file through SLURM. What is finished is in the
journal of the sweep: interrupt it, start it again, and only what is missing runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partialmethod
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from tqdm import tqdm

from lgl_core.disk.atomic import replacing
from lgl_core.disk.cache import source_hash
from lgl_core.fields import check_fields
from lgl_core.sweep import _journal as sweep_journal
from lgl_core.sweep._yaml import check_points, points_of, sections
from lgl_core.sweep.parameters import check_names, checked
from lgl_core.sweep.points import (
    EXPERIMENT,
    absolute,
    attempt,
    contents,
    notebook_text,
    parameter_types,
)

__all__ = ["Sweep", "cluster_of", "load_sweep", "main", "results", "run_sweep"]

# One thread per worker: libraries that start as many as there are cores would fight over them.
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)

# What is known of a point beside its parameters and what came out.
_ABOUT = ("status", "seconds", "error", "traceback", "notebook")

# Options of SLURM that may look like something else.
_SLURM = dict.fromkeys(("account", "memory", "project", "queue", "walltime"), "str")
_SLURM |= {"jobs": "int"}


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What to run, with which parameters, and where its results go.

    Parameters
    ----------
    folder : Path
        Of the results: ``results.parquet``, ``journal.jsonl`` and, for a notebook, the executed
        ones.
    points : sequence of mapping
        Parameters of each point. Paths are made absolute.
    target : str
        ``"experiment"``, the whole path, or the path of a notebook (``.ipynb``).
    slurm : mapping, optional
        Arguments of ``dask_jobqueue.SLURMCluster``, and ``jobs``, how many of them.
    threads : int
        Of each worker.

    Raises
    ------
    ValueError
        If there are no points, two are the same, a parameter is unknown or of another type, or
        an option of SLURM that is text is a number.
    FileNotFoundError
        If there is no such notebook.
    """

    folder: Path
    points: Sequence[Mapping[str, Any]]
    target: str = EXPERIMENT
    slurm: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1

    def __post_init__(self) -> None:
        check_fields(self)
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
        if not self.points:
            raise ValueError("points must hold at least one point, got none")
        check_points(self.points)
        checked(self.slurm, _SLURM)
        topologies = [str(point.get("topology", "hub_network")) for point in self.points]
        known = {name: parameter_types(self.target, name) for name in dict.fromkeys(topologies)}
        points = []
        for point, topology in zip(self.points, topologies, strict=True):
            types, of = known[topology], f" of {topology}" if "topology" in point else ""
            check_names(f"{self.target}{of}", point, types)
            points.append(absolute(checked(point, types), types, Path.cwd()))
        object.__setattr__(self, "points", points)
        seen: set[str] = set()
        for point, key in zip(self.points, self.keys(), strict=True):
            if key in seen:
                raise ValueError(f"points must differ, got {dict(point)} twice")
            seen.add(key)

    def keys(self) -> list[str]:
        """Name each point by its parameters, the files they name, its target and its source."""
        of_all = [self.target, self.notebook(), source_hash(attempt.__module__)]
        types = parameter_types(self.target)
        return [
            str(joblib.hash([*of_all, sorted(point.items()), contents(point, types)]))
            for point in self.points
        ]

    def notebook(self) -> str:
        """Text of the notebook; empty for the whole path."""
        return "" if self.target == EXPERIMENT else notebook_text(self.target)


def load_sweep(path: str | Path) -> Sweep:
    """Read a sweep from a YAML file.

    Parameters
    ----------
    path : str or Path
        With ``grid`` (each parameter's list of values; every combination is a point) or
        ``points`` (a list of parameters), and, if wanted, ``target`` (a notebook, as seen from
        the file), ``fixed`` (parameters of all points), ``folder`` (of the results; default: the
        file's own name without its ending), ``slurm`` and ``threads``. Paths among the parameters
        are as seen from the file, too.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If it is no YAML, a section is unknown or of another kind, or not exactly one of ``grid``
        and ``points`` is there, and as from :class:`Sweep`.
    """
    path = Path(path)
    content = sections(path)
    target = content.get("target", EXPERIMENT)
    target = target if target == EXPERIMENT else str(path.parent / target)
    points = [{**content.get("fixed", {}), **point} for point in points_of(content)]
    types = parameter_types(target)
    return Sweep(
        folder=path.parent / content.get("folder", path.stem),
        points=[absolute(point, types, path.parent.resolve()) for point in points],
        target=target,
        slurm=content.get("slurm", {}),
        threads=content.get("threads", 1),
    )


def run_sweep(sweep: Sweep, client: Any, most: int | None = None) -> pd.DataFrame:
    """Run what is missing of a sweep on a Dask cluster.

    Parameters
    ----------
    sweep : Sweep
    client : distributed.Client
    most : int, optional
        Points to run, the first of those missing. Default: all.

    Returns
    -------
    DataFrame
        As from :func:`results`, which is also written to ``results.parquet``.

    Notes
    -----
    Dask runs a point again if its worker is lost. A point that raises is recorded and the rest go
    on; it is tried again when the sweep is started again. Each result is in the journal before
    the next one is waited for, and Ctrl-C leaves them there.
    """
    from distributed import as_completed

    sweep.folder.mkdir(parents=True, exist_ok=True)
    points = dict(zip(sweep.keys(), sweep.points, strict=True))
    records, notebook = sweep_journal.read(_journal(sweep)), sweep.notebook()
    missing = [key for key in points if records.get(key, {}).get("status") != "done"]
    # Not under a name of its own on the cluster: what failed there before would be remembered.
    futures = {
        client.submit(attempt, sweep.target, dict(points[key]), notebook, pure=False): key
        for key in missing[:most]
    }
    n_failed = 0
    bar = tqdm(total=len(points), initial=len(points) - len(missing), desc="sweep", unit="point")
    try:
        with bar:
            for future in as_completed(futures):
                record = _gathered(future) | {"key": futures[future]}
                n_failed += record["status"] == "failed"
                _keep(sweep, record)
                bar.set_postfix(failed=n_failed)
                bar.update()
    finally:
        client.cancel(list(futures))
        table = results(sweep)
        with replacing(sweep.folder / "results.parquet") as unfinished:
            table.to_parquet(unfinished, index=False)
    return table


def results(sweep: Sweep) -> pd.DataFrame:
    """Read what a sweep has so far.

    Parameters
    ----------
    sweep : Sweep

    Returns
    -------
    DataFrame
        One row per point, in the order of ``sweep.points``: its parameters, ``status`` (``done``,
        ``failed`` or ``missing``), ``seconds``, ``error``, ``traceback``, ``notebook`` (the
        executed one, in the folder), and what came out.
    """
    records, rows = sweep_journal.read(_journal(sweep)), []
    for key, point in zip(sweep.keys(), sweep.points, strict=True):
        record = records.get(key, {"status": "missing", "row": {}})
        about = {name: record.get(name) for name in _ABOUT}
        rows.append(
            {**{name: _cell(value) for name, value in point.items()}, **about, **record["row"]}
        )
    return pd.DataFrame(rows)


@contextmanager
def cluster_of(sweep: Sweep, scheduler: str = "", n_workers: int = 0) -> Iterator[Any]:
    """Connect to a cluster, or start one.

    Parameters
    ----------
    sweep : Sweep
    scheduler : str
        Address of a running one, as in ``"tcp://10.0.0.5:8786"``. Default: SLURM if the sweep has
        a section for it, else this machine.
    n_workers : int
        Processes on this machine; default: as many as there are cores for ``sweep.threads``.

    Yields
    ------
    distributed.Client
    """
    import dask
    from distributed import Client, LocalCluster, Nanny

    if scheduler:
        with Client(scheduler) as client:
            yield client
        return
    environment = {name: str(sweep.threads) for name in _THREADS}
    if sweep.slurm:
        with slurm_cluster(sweep, environment) as cluster, Client(cluster) as client:
            yield client
        return

    class Patient(Nanny):  # a worker on a busy machine takes its time to end
        close = partialmethod(Nanny.close, timeout=60.0)

    n_workers = n_workers or max((os.cpu_count() or 1) // sweep.threads, 1)
    # Before a worker imports NumPy: afterwards its libraries have started their threads.
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": environment}),
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            worker_class=Patient,
            dashboard_address=None,
        ) as local,
        Client(local) as client,
    ):
        yield client


def slurm_cluster(sweep: Sweep, environment: Mapping[str, str]) -> Any:
    """Ask SLURM for workers, as the section ``slurm`` of the sweep says.

    Jobs that end before the sweep does, by a time limit or with their node, are submitted again.

    Raises
    ------
    ValueError
        If SLURM refuses such a job.
    FileNotFoundError
        If there is no SLURM here.
    """
    from dask_jobqueue import SLURMCluster

    # Dask takes a core of a job for room for one more point; a point's own threads are SLURM's.
    options: dict[str, Any] = {"cores": 1, "processes": 1, "job_cpu": sweep.threads}
    options["log_directory"] = str(sweep.folder / "jobs")
    options |= {name: value for name, value in sweep.slurm.items() if name != "jobs"}
    prologue = [f"export {name}={value}" for name, value in environment.items()]
    prologue += options.pop("job_script_prologue", [])
    cluster = SLURMCluster(**options, job_script_prologue=prologue)
    jobs = int(sweep.slurm.get("jobs", 1))
    if jobs:
        _check_job(cluster.job_script())
        # Not scale(), which submits each job once and never again.
        cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
    return cluster


def _check_job(script: str) -> None:
    """Have SLURM look at a job: what it refuses later, nobody would see while waiting."""
    if shutil.which("sbatch") is None:
        raise FileNotFoundError(
            "the sweep has a section slurm, but there is no sbatch here: start it on a node of the "
            "cluster, or leave the section out"
        )
    said = subprocess.run(["sbatch", "--test-only"], input=script, text=True, capture_output=True)
    if said.returncode:
        raise ValueError(f"SLURM refuses a job of the section slurm: {said.stderr.strip()}")


def _gathered(future: Any) -> dict[str, Any]:
    try:
        record: dict[str, Any] = future.result()
    except Exception as error:  # its worker was lost again and again, or the cluster is gone
        record = {"status": "failed", "row": {}, "error": f"{type(error).__name__}: {error}"}
    return record


def _keep(sweep: Sweep, record: dict[str, Any]) -> None:
    """Write a result where no interruption takes it away again."""
    if record.get("notebook"):
        name = f"{record['key'][:12]}.ipynb"
        with replacing(sweep.folder / name) as unfinished:
            unfinished.write_text(record["notebook"])
        record["notebook"] = name
    sweep_journal.append(_journal(sweep), record)


def _journal(sweep: Sweep) -> Path:
    return sweep.folder / "journal.jsonl"


def _cell(value: Any) -> Any:
    """Keep what a table's cell can hold; lists as text."""
    return value if isinstance(value, str | int | float | bool | None) else json.dumps(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sweep from a YAML file; the exit status is 1 if the file is wrong or a point failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path, help="the sweep, in YAML")
    parser.add_argument("--scheduler", default="", help="address of a running Dask scheduler")
    parser.add_argument("--workers", type=int, default=0, help="processes on this machine")
    dry = "show what would run, and run the first missing point alone to see how long it takes"
    parser.add_argument("--dry-run", action="store_true", help=dry)
    options = parser.parse_args(arguments)
    try:
        sweep = load_sweep(options.file)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    if options.dry_run:
        _show_missing(sweep)
    with cluster_of(sweep, options.scheduler, options.workers) as client:
        table = run_sweep(sweep, client, most=1 if options.dry_run else None)
    return _report(sweep, table)


def _show_missing(sweep: Sweep) -> None:
    table = results(sweep)
    missing = table.loc[table["status"] != "done", list(sweep.points[0])]
    print(missing.to_string())
    print(f"{len(missing)} of {len(table)} points would run; now the first of them does")


def _report(sweep: Sweep, table: pd.DataFrame) -> int:
    status = table["status"].value_counts()
    for row in table[table["status"] == "failed"].to_dict("records"):
        print("failed:", {name: row[name] for name in sweep.points[0]}, row["traceback"], sep="\n")
    print(", ".join(f"{count} {name}" for name, count in status.items()), end="; ")
    print(f"a point took {table['seconds'].mean():.1f} s; {sweep.folder / 'results.parquet'}")
    return int("failed" in status)
