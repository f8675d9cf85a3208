"""The coupled GLM against NeMoS and scikit-learn, with all pairs.

Timed is the fit alone: from spikes to weights on our side, from a finished design matrix to
weights on the peer's. Building the design, which only the peers need, is not counted. All sides
minimise the negative log-likelihood summed over bins plus ``L2 / 2`` times the sum of squared
weights, with free biases. NeMoS takes the mean over bins and the sum over neurons, so its Ridge
has strength ``L2 / n_bins``; scikit-learn has ``C = 1 / L2``.

The same result: one function in plain NumPy, with a dense design in double precision, evaluates
what both sides found. Ours must not lie above the peer's by more than one part in a million.

NeMoS runs in its default single precision with a tolerance of ``TOLERANCE``, and stops after
``NEMOS_STEPS`` steps of L-BFGS if it has not converged by then. One more of its fits, with half the
steps, shows where it stands on the way. Each of its fits traces and compiles anew, as it does for a
user.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from benchmarks.side_by_side import alone, compare
from lgl_core.glm.basis import raised_cosine_basis
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.spikes import SpikeTrains

L2 = 30.0
WIDE = GLMConfig(window=50e-3, n_basis=5, l2=L2)
N_NEURONS, DURATION = 300, 60.0  # against NeMoS
NEMOS_STEPS = 100
N_SMALL, SMALL_DURATION = 30, 20.0  # against scikit-learn
TOLERANCE = 1e-6  # of both peers; scikit-learn's default of 1e-4 ends 5e-4 above the optimum

Coefficients = tuple[NDArray[np.float64], NDArray[np.float64]]  # weights [feature, post], bias


def records() -> Iterator[dict[str, Any]]:
    """Compare with both peers."""
    yield compare(
        f"GLM, {N_SMALL} neurons, {SMALL_DURATION:g} s",
        "scikit-learn LogisticRegression",
        ours,
        scikit_learn,
        same_small,
        n_neurons=N_SMALL,
        duration=SMALL_DURATION,
    )
    yield compare(
        f"GLM, {N_NEURONS} neurons, {DURATION:g} s",
        f"NeMoS PopulationGLM, LBFGS, at most {NEMOS_STEPS} steps",
        ours,
        nemos,
        same_population,
        n_neurons=N_NEURONS,
        duration=DURATION,
    )
    half = alone(nemos, n_neurons=N_NEURONS, duration=DURATION, steps=NEMOS_STEPS // 2)
    value = objective(recording(N_NEURONS, DURATION), *half.pop("result"))
    yield {"job": f"NeMoS alone, at most {NEMOS_STEPS // 2} steps", "objective": value} | half


def ours(n_neurons: int, duration: float) -> tuple[float, Coefficients]:
    """Fit with lgl_core."""
    return fitted(recording(n_neurons, duration))


def fitted(
    spikes: SpikeTrains, config: GLMConfig = WIDE, pairs: NDArray[np.bool_] | None = None
) -> tuple[float, Coefficients]:
    """Fit with lgl_core."""
    start = time.perf_counter()
    fit = fit_glm(spikes, config, progress=False, allowed=pairs)
    seconds = time.perf_counter() - start
    return seconds, (fit.weights.reshape(spikes.n_neurons, -1).T, fit.bias)


def nemos(n_neurons: int, duration: float, steps: int = NEMOS_STEPS) -> tuple[float, Coefficients]:
    """Fit with NeMoS, whole population at once."""
    from nemos.glm import PopulationGLM  # type: ignore[import-untyped]

    binary, design = single_precision_design(recording(n_neurons, duration))
    model = PopulationGLM(
        observation_model="Bernoulli",
        regularizer="Ridge",
        regularizer_strength=L2 / len(binary),
        solver_name="LBFGS",
        solver_kwargs={"maxiter": steps, "tol": TOLERANCE},
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The fit did not converge")
        start = time.perf_counter()
        model.fit(design, binary)
        weights, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
        seconds = time.perf_counter() - start
    return seconds, (weights.astype(float), bias.astype(float))


def scikit_learn(n_neurons: int, duration: float) -> tuple[float, Coefficients]:
    """Fit with scikit-learn, one neuron after the other."""
    from sklearn.linear_model import LogisticRegression

    binary, design = single_precision_design(recording(n_neurons, duration))
    design = design.astype(float)
    start = time.perf_counter()
    fits = [
        LogisticRegression(C=1 / L2, tol=TOLERANCE, max_iter=1000).fit(design, spikes)
        for spikes in binary.T
    ]
    seconds = time.perf_counter() - start
    return seconds, (np.hstack([f.coef_.T for f in fits]), np.hstack([f.intercept_ for f in fits]))


def same_small(our_result: Coefficients, their_result: Coefficients) -> str:
    """Compare the objectives of the small case."""
    return same_objective(recording(N_SMALL, SMALL_DURATION), our_result, their_result)


def same_population(our_result: Coefficients, their_result: Coefficients) -> str:
    """Compare the objectives of the large case."""
    return same_objective(recording(N_NEURONS, DURATION), our_result, their_result)


def same_objective(
    spikes: SpikeTrains,
    our_result: Coefficients,
    their_result: Coefficients,
    config: GLMConfig = WIDE,
) -> str:
    """Check that ours is not above theirs by more than one part in a million; say both."""
    our_value, their_value = (
        objective(spikes, *found, config) for found in (our_result, their_result)
    )
    assert our_value <= their_value * (1 + 1e-6), (our_value, their_value)
    return (
        f"same penalised objective in nats, ours {our_value:.2f}, "
        f"theirs {their_value:.2f} ({their_value / our_value - 1:+.1e})"
    )


def objective(
    spikes: SpikeTrains,
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    config: GLMConfig = WIDE,
    chunk: int = 4000,
) -> float:
    """Evaluate the penalised objective of all neurons with a dense design, chunk by chunk.

    Parameters
    ----------
    spikes : SpikeTrains
        The recording.
    weights : ndarray, shape (n_neurons * n_basis, n_neurons)
        ``weights[pre * n_basis + k, post]``.
    bias : ndarray, shape (n_neurons,)
        Log-odds.
    config : GLMConfig
        Its penalties count.
    chunk : int
        Bins at a time.

    Returns
    -------
    float
        In nats.
    """
    binary = (spikes.binned(WIDE.bin_width) > 0).astype(float)
    basis = raised_cosine_basis(WIDE.n_basis, WIDE.window, WIDE.bin_width)
    n_lags = len(basis)
    padded = np.vstack([np.zeros((n_lags, binary.shape[1])), binary])
    total = config.l2 / 2 * float((weights**2).sum())
    norms = np.linalg.norm(weights.reshape(-1, config.n_basis, weights.shape[1]), axis=1)
    np.fill_diagonal(norms, 0)  # a neuron's own history is free of the group lasso
    total += config.group_lasso * np.sqrt(config.n_basis) * float(norms.sum())
    for first in range(0, len(binary), chunk):
        observed = binary[first : first + chunk]
        design = np.zeros((*observed.shape, WIDE.n_basis))
        for lag in range(1, n_lags + 1):
            past = padded[n_lags + first - lag :][: len(observed)]
            design += past[:, :, None] * basis[lag - 1]
        predictor = design.reshape(len(observed), -1) @ weights + bias
        total += float((np.logaddexp(0, predictor) - observed * predictor).sum())
    return total


@cache
def recording(n_neurons: int, duration: float) -> SpikeTrains:
    """Simulate a network whose neurons have the in-degree of the default one, or a part of it."""
    size = max(n_neurons, N_NEURONS)
    network = hub_network(size, connection_probability=0.1 * (N_NEURONS - 1) / (size - 1))
    return simulate(network, duration=duration).select(neurons=range(n_neurons))


@cache
def single_precision_design(
    spikes: SpikeTrains,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Binary spikes (bins, neurons) and what the peers need: the whole design (bins, features)."""
    binary = (spikes.binned(WIDE.bin_width) > 0).astype(np.float32)
    basis = raised_cosine_basis(WIDE.n_basis, WIDE.window, WIDE.bin_width)
    design = np.empty((len(binary), spikes.n_neurons * WIDE.n_basis), np.float32)
    for k, bump in enumerate(np.vstack([np.zeros(WIDE.n_basis), basis]).T.astype(np.float32)):
        design[:, k :: WIDE.n_basis] = lfilter(bump, np.ones(1, np.float32), binary, axis=0)
    return binary, design
