"""Fits of the GLM that are too large for its peers: how long they take, and how much memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.glm import DURATION, N_NEURONS, N_SMALL, WIDE, recording
from benchmarks.side_by_side import alone
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm

LONG_DURATION = 500.0
N_LARGE = 1000


def records() -> Iterator[dict[str, Any]]:
    """Report each fit with the memory that its process took."""
    for n_neurons, duration, config in [
        (N_NEURONS, LONG_DURATION, GLMConfig()),
        (N_LARGE, DURATION, WIDE),
    ]:
        run = alone(fit_alone, n_neurons=n_neurons, duration=duration, config=config)
        yield {"job": f"GLM, {n_neurons} neurons, {duration:g} s, alone"} | run.pop("result") | run


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
