"""The GLM of ten thousand neurons: the penalty it needs, its time, and its memory.

The recording is short for so many inputs: a neuron fires some hundred times and listens to fifty
thousand basis functions. The penalty of the smaller fits would let them explain every spike, so it
is chosen first, on some neurons, by what the fit says of the last fifth of the recording.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
from distributed import Client, LocalCluster

from benchmarks.glm import N_SMALL, WIDE, recording
from benchmarks.glm_large import fit_alone
from benchmarks.side_by_side import alone
from lgl_core.disk.provenance import peak_mb
from lgl_core.glm._blocks import solve
from lgl_core.glm._likelihood import bin_spikes, loss_and_gradient
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.fit import fit_glm

N_HUGE, DURATION = 10_000, 100.0
PENALTIES = [30.0, 300.0, 1000.0, 3000.0]
N_HEARD = 32  # postsynaptic neurons, drawn at random, on which the penalty is chosen
HELD_OUT = 0.2  # of the recording
N_BLOCKS = 80  # tasks of the run on Dask


def records() -> Iterator[dict[str, Any]]:
    """Report the choice of the penalty, the fit in one process, and the fit on Dask."""
    name = f"GLM, {N_HUGE} neurons, {DURATION:g} s"
    run = alone(choose, n_neurons=N_HUGE, duration=DURATION)
    chosen = run.pop("result")
    yield {"job": f"{name}: l2 on {N_HEARD} of them"} | run | chosen
    config = replace(WIDE, l2=chosen["l2"])
    for job, function in (("alone", fit_alone), ("two Dask workers", fit_on_dask)):
        run = alone(function, n_neurons=N_HUGE, duration=DURATION, config=config)
        yield {"job": f"{name}, {job}", "l2": config.l2} | run.pop("result") | run


def choose(n_neurons: int, duration: float) -> tuple[float, dict[str, Any]]:
    """Fit some neurons with each penalty; say which one predicts best, and how well each does.

    What counts is the gain over constant rates on held-out time, in nats per spike.
    """
    parts = recording(n_neurons, duration).split(1 - HELD_OUT)
    train, held_out = (bin_spikes(part, WIDE.bin_width) for part in parts)
    basis = raised_cosine_basis(WIDE.n_basis, WIDE.window, WIDE.bin_width)
    posts = np.random.default_rng(0).choice(n_neurons, N_HEARD, replace=False)
    rates = train.counts[posts] / train.n_bins
    constant = np.zeros((1 + n_neurons * WIDE.n_basis, N_HEARD))
    constant[0] = np.log(rates / (1 - rates))

    def loss(coefficients: Any) -> float:
        found, _ = loss_and_gradient(held_out, basis, coefficients, posts, gradient=False)
        return float(found.sum() / held_out.counts[posts].sum())

    start, gains, steps = time.perf_counter(), [], []
    for l2 in PENALTIES:
        config = replace(WIDE, l2=l2)
        solutions = solve(train, train, basis, constant[0], posts, config, progress=False)
        found = next(solutions)[1]
        gains.append(loss(constant) - loss(found.coefficients))
        steps.append(float(found.n_iterations.mean()))
    best = PENALTIES[int(np.argmax(gains))]
    return time.perf_counter() - start, {
        "l2": best,
        "penalties": PENALTIES,
        "held_out_gains": gains,
        "iterations_of_each": steps,
    }


def fit_on_dask(n_neurons: int, duration: float, config: Any) -> tuple[float, dict[str, Any]]:
    """Fit on two workers of this machine; their memory is in the record, too."""
    spikes = recording(n_neurons, duration)
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            env={"NUMBA_NUM_THREADS": "1"},
        ) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        fit_glm(recording(N_SMALL, 1.0), config, progress=False, n_blocks=2)
        start = time.perf_counter()
        fit = fit_glm(spikes, config, progress=False, n_blocks=N_BLOCKS)
        seconds = time.perf_counter() - start
        of_workers = list(client.run(peak_mb).values())
    return seconds, {
        "blocks": N_BLOCKS,
        "workers_mb": max(of_workers),
        "iterations_mean": float(fit.n_iterations.mean()),
        "converged": int(fit.converged.sum()),
    }
