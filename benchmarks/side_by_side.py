"""Time two ways to do the same job, in turn, each in a process of its own.

A process of its own keeps thread pools, memory and compiled code of the two sides apart, and its
peak memory is that of one side.
"""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tqdm import tqdm

from lgl_core.disk.provenance import peak_mb

__all__ = ["Job", "alone", "compare"]

# Takes the job's arguments, times what it means to time, returns seconds and a small result.
Job = Callable[..., tuple[float, Any]]


def compare(
    job: str,
    peer: str,
    ours: Job,
    theirs: Job,
    same_result: Callable[[Any, Any], str],
    *,
    pairs: int = 5,
    **arguments: Any,
) -> dict[str, Any]:
    """Run both sides in turn, ours, theirs, ours, theirs, ... after a warm-up.

    Parameters
    ----------
    job, peer : str
        What is done, and by whom beside us.
    ours, theirs : callable
        Functions at the top of a module, called as ``function(**arguments)``; they return the
        seconds that they took for what is to be timed, and a small result.
    same_result : callable
        Gets both results of the warm-up, before anything is timed. Raises AssertionError if they
        differ, or says in a sentence what agreed.
    pairs : int
        Timed runs of each side.
    **arguments
        Input of both sides.

    Returns
    -------
    dict
        The record of ``results/benchmarks.json``. A ratio is the peer's time over ours. The
        results of the timed runs are under ``ours_results`` and ``peer_results``.

    Raises
    ------
    AssertionError
        If the two sides do not reach the same result.
    """
    with _process() as our_process, _process() as their_process:
        sides = [(our_process, ours), (their_process, theirs)]
        with tqdm(total=2 * (pairs + 1), desc=f"{job}: {peer}", unit="run") as bar:

            def run(process: ProcessPoolExecutor, function: Job) -> tuple[float, Any]:
                outcome = process.submit(function, **arguments).result()
                bar.update()
                return outcome

            agreed = same_result(*(run(*side)[1] for side in sides))
            outcomes = [[run(*side) for side in sides] for _ in range(pairs)]
        memory = [process.submit(peak_mb).result() for process, _ in sides]
    seconds, results = (
        [[outcome[k] for outcome in side] for side in zip(*outcomes, strict=True)] for k in (0, 1)
    )
    ratios = sorted(their / our for our, their in zip(*seconds, strict=True))
    return {
        "job": job,
        "peer": peer,
        "ratios": ratios,
        "ratio_min": ratios[0],
        "ratio_median": statistics.median(ratios),
        "ratio_max": ratios[-1],
        "ours_s": statistics.median(seconds[0]),
        "peer_s": statistics.median(seconds[1]),
        "ours_mb": memory[0],
        "peer_mb": memory[1],
        "same_result": agreed,
        "ours_results": results[0],
        "peer_results": results[1],
    }


def alone(function: Job, *, repeats: int = 1, **arguments: Any) -> dict[str, Any]:
    """Run one side in a fresh process, after a warm-up if it is to run more than once.

    Parameters
    ----------
    function : callable
        As for :func:`compare`.
    repeats : int
        Timed runs; the fastest counts.
    **arguments
        Its input.

    Returns
    -------
    dict
        ``seconds``, ``mb`` (peak memory of the process) and ``result`` (of the last run).
    """
    with _process() as process:
        n_runs = repeats + (repeats > 1)
        runs = [process.submit(function, **arguments).result() for _ in range(n_runs)]
        return {
            "seconds": min(seconds for seconds, _ in runs[-repeats:]),
            "mb": process.submit(peak_mb).result(),
            "result": runs[-1][1],
        }


def _process() -> ProcessPoolExecutor:
    # Spawned, not forked: a forked process inherits what the other side has loaded.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
