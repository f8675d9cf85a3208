"""Fits of the GLM that are too large for its peers: how long they take, and how much memory.

Of the largest population one part is fitted, as many neurons as are fitted together: parts follow
one another, and each takes the same memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.glm import DURATION, N_NEURONS, N_SMALL, WIDE, recording
from benchmarks.side_by_side import alone
from lgl_core.glm._blocks import solve
from lgl_core.glm._likelihood import bin_spikes
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm

LONG_DURATION = 500.0
N_LARGE = 1000
N_LARGEST, LARGEST_DURATION = 10_000, 100.0


def records() -> Iterator[dict[str, Any]]:
    """Report each fit with the memory that its process took."""
    for n_neurons, duration, config in [
        (N_NEURONS, LONG_DURATION, GLMConfig()),
        (N_LARGE, DURATION, WIDE),
    ]:
        run = alone(fit_alone, n_neurons=n_neurons, duration=duration, config=config)
        yield {"job": f"GLM, {n_neurons} neurons, {duration:g} s, alone"} | run.pop("result") | run
    run = alone(first_part, n_neurons=N_LARGEST, duration=LARGEST_DURATION)
    job = f"GLM, first part of {N_LARGEST} neurons, {LARGEST_DURATION:g} s, alone"
    yield {"job": job} | run.pop("result") | run


def fit_alone(
    n_neurons: int, duration: float, config: GLMConfig
) -> tuple[float, dict[str, float | int]]:
    """Fit once, after a small fit that loads the compiled code."""
    fit_glm(recording(N_SMALL, 1.0), config, progress=False)
    spikes = recording(n_neurons, duration)
    start = time.perf_counter()
    fit = fit_glm(spikes, config, progress=False)
    seconds = time.perf_counter() - start
    return seconds, {
        "spikes": len(spikes),
        "lags": len(fit.basis),
        "bases": config.n_basis,
        "iterations": int(fit.n_iterations.max()),
        "iterations_mean": float(fit.n_iterations.mean()),
        "converged": int(fit.converged.sum()),
    }


def first_part(n_neurons: int, duration: float) -> tuple[float, dict[str, float | int]]:
    """Fit the first of the parts that :func:`lgl_core.glm.fit.fit_glm` goes through."""
    config = GLMConfig()
    spikes = recording(n_neurons, duration)
    basis = raised_cosine_basis(config.n_basis, config.window, config.bin_width)
    start = time.perf_counter()
    binned = bin_spikes(spikes, config.bin_width)
    posts = np.flatnonzero(binned.counts)
    rates = binned.counts[posts] / binned.n_bins
    bias = np.log(rates / (1 - rates))
    part, solution = next(solve(binned, binned, basis, bias, posts, config, progress=False))
    return time.perf_counter() - start, {
        "spikes": len(spikes),
        "lags": len(basis),
        "bases": config.n_basis,
        "iterations": int(solution.n_iterations.max()),
        "iterations_mean": float(solution.n_iterations.mean()),
        "fitted": len(part),
        "converged": int(solution.converged.sum()),
        "parts": -(-len(posts) // len(part)),
    }
