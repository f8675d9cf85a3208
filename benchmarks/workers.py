"""A sweep on two workers against one, and against two workers that fight for the cores.

Timed: six points of the whole path, from the first to the last result; workers are up and have
imported what they need. Same result: every score of every point.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.side_by_side import compare
from lgl_core.sweep.sweep import Sweep, cluster_of, run_sweep

FIXED = {
    "size": "tiny",
    "duration": 120.0,
    "time_embeddings": ["rotary"],
    "network.n_neurons": 60,
    "network.n_hubs": 2,
    "training.epochs": 6,
}
N_POINTS, N_CORES = 6, 2


def records() -> Iterator[dict]:
    """Yield the records of this file."""
    job = f"sweep of {N_POINTS} points, 2 workers of 1 thread"
    two = partial(swept, n_workers=2, threads=1)
    yield compare(job, "1 worker of 1 thread", two, partial(swept, n_workers=1, threads=1),
                  same_scores, pairs=5)  # fmt: skip
    yield compare(job, f"2 workers of {N_CORES} threads", two,
                  partial(swept, n_workers=2, threads=N_CORES), same_scores, pairs=5)  # fmt: skip


def swept(n_workers: int, threads: int) -> tuple[float, NDArray]:
    """Run the sweep with nothing in its cache."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, LGL_CACHE=str(Path(folder, "cache"))),
    ):
        points = [FIXED | {"seed": seed} for seed in range(N_POINTS)]
        sweep = Sweep(folder=Path(folder, "sweep"), points=points, threads=threads)
        with cluster_of(sweep, n_workers=n_workers) as client:
            client.run(_warm_up)
            started = time.perf_counter()
            table = run_sweep(sweep, client)
            seconds = time.perf_counter() - started
    scores = table.filter(regex="spearman|pearson")
    assert (table["status"] == "done").all() and scores.shape[1] > 0
    return seconds, scores.to_numpy(dtype=float)


def _warm_up() -> None:
    import lgl_core.experiment  # noqa: F401


def same_scores(ours: NDArray, theirs: NDArray) -> str:
    """Every correlation of every point."""
    np.testing.assert_allclose(ours, theirs, atol=1e-6, equal_nan=True)
    return f"the same {ours.shape[1]} scores of {len(ours)} points"
