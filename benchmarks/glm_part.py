"""The GLM of a part of the pairs, given or found, against scikit-learn and NeMoS.

Given: the pairs that may be coupled are drawn; scikit-learn gets the columns of these. Found: a
group lasso sets all weights of a pair to zero together, in NeMoS a group of columns for each other
neuron. NeMoS takes the mean over bins, so its strength is ours divided by their number. Results are
compared, and times taken, as in :mod:`benchmarks.glm`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.glm import (
    L2,
    N_SMALL,
    SMALL_DURATION,
    TOLERANCE,
    WIDE,
    Coefficients,
    fitted,
    recording,
    same_objective,
    same_small,
    single_precision_design,
)
from benchmarks.side_by_side import compare
from lgl_core.glm.config import GLMConfig
from lgl_core.spikes import SpikeTrains

SHARE_ALLOWED = 0.3  # of the pairs, where they are given
# With next to no ridge beside the group lasso, since NeMoS has none there. A neuron that never
# fires right after itself has no finite optimum then: those of ``chain`` know no refractoriness.
SPARSE = GLMConfig(window=50e-3, n_basis=5, l2=1e-5, group_lasso=20.0, tolerance=1e-6)
SPARSE_STEPS = 1000
N_SPARSE = 12


def records() -> Iterator[dict[str, Any]]:
    """Compare where the pairs are given, then where they are found."""
    yield compare(
        f"GLM, {N_SMALL} neurons, {SMALL_DURATION:g} s, {SHARE_ALLOWED:.0%} of the pairs",
        "scikit-learn LogisticRegression",
        ours_in_part,
        scikit_learn_in_part,
        same_small,
        n_neurons=N_SMALL,
        duration=SMALL_DURATION,
    )
    yield compare(
        f"GLM with a group lasso, {N_SPARSE} neurons, {SMALL_DURATION:g} s",
        f"NeMoS GLM, ProximalGradient, at most {SPARSE_STEPS} steps",
        ours_sparse,
        nemos_sparse,
        same_sparse,
        duration=SMALL_DURATION,
    )


def ours_in_part(n_neurons: int, duration: float) -> tuple[float, Coefficients]:
    """Fit with lgl_core a part of the pairs."""
    return fitted(recording(n_neurons, duration), WIDE, allowed(n_neurons))


def scikit_learn_in_part(n_neurons: int, duration: float) -> tuple[float, Coefficients]:
    """Fit with scikit-learn, each neuron with the columns of those that it may hear."""
    from sklearn.linear_model import LogisticRegression

    binary, design = single_precision_design(recording(n_neurons, duration))
    columns = np.repeat(allowed(n_neurons), WIDE.n_basis, axis=1)
    designs = [design[:, heard].astype(float) for heard in columns]
    start = time.perf_counter()
    fits = [
        LogisticRegression(C=1 / L2, tol=TOLERANCE, max_iter=1000).fit(own, spikes)
        for own, spikes in zip(designs, binary.T, strict=True)
    ]
    seconds = time.perf_counter() - start
    weights = np.zeros((len(columns[0]), n_neurons))
    for post, (heard, fit) in enumerate(zip(columns, fits, strict=True)):
        weights[heard, post] = fit.coef_[0]
    return seconds, (weights, np.hstack([fit.intercept_ for fit in fits]))


def ours_sparse(duration: float) -> tuple[float, Coefficients]:
    """Fit with lgl_core and a group lasso."""
    return fitted(chain(duration), SPARSE)


def nemos_sparse(duration: float) -> tuple[float, Coefficients]:
    """Fit with NeMoS, a group of features for each other neuron, one neuron after the other."""
    from nemos.glm import GLM
    from nemos.regularizer import GroupLasso  # type: ignore[import-untyped]

    binary, design = single_precision_design(chain(duration))
    groups = np.repeat(np.eye(N_SPARSE), SPARSE.n_basis, axis=1)
    models = [
        GLM(
            observation_model="Bernoulli",
            regularizer=GroupLasso(mask=np.delete(groups, own, axis=0)),
            regularizer_strength=SPARSE.group_lasso / len(binary),
            solver_name="ProximalGradient",
            solver_kwargs={"maxiter": SPARSE_STEPS, "tol": TOLERANCE},
        )
        for own in range(N_SPARSE)
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The fit did not converge")
        start = time.perf_counter()
        fits = [model.fit(design, spikes) for model, spikes in zip(models, binary.T, strict=True)]
        weights = np.stack([np.asarray(fit.coef_, float) for fit in fits], axis=1)
        seconds = time.perf_counter() - start
    return seconds, (weights, np.array([fit.intercept_.item() for fit in fits], float))


def same_sparse(our_result: Coefficients, their_result: Coefficients) -> str:
    """Compare the objectives of the sparse case, and the pairs that are left."""
    others = ~np.eye(N_SPARSE, dtype=bool)
    left = [
        np.linalg.norm(weights.reshape(N_SPARSE, -1, N_SPARSE), axis=1)[others] > 0
        for weights, _ in (our_result, their_result)
    ]
    agreed = same_objective(chain(SMALL_DURATION), our_result, their_result, SPARSE)
    same, n = int((left[0] == left[1]).sum()), int(others.sum())
    return f"{agreed}; {same} of {n} pairs are zero or not in both, {int(left[0].sum())} are not"


def allowed(n_neurons: int) -> NDArray[np.bool_]:
    """Draw the pairs that may be coupled, [post, pre], with each neuron's own history."""
    drawn = np.random.default_rng(0).random((n_neurons, n_neurons)) < SHARE_ALLOWED
    return drawn | np.eye(n_neurons, dtype=bool)


@cache
def chain(duration: float) -> SpikeTrains:
    """Fire at 20 Hz, and 3 ms after each tenth spike of the neuron before."""
    rng = np.random.default_rng(0)
    matrix = rng.random((round(duration / WIDE.bin_width), N_SPARSE)) < 0.02
    matrix[3:, 1:] |= matrix[:-3, :-1] & (rng.random(matrix[3:, 1:].shape) < 0.1)
    bins, neurons = np.nonzero(matrix)
    times = (bins + 0.5) * WIDE.bin_width
    return SpikeTrains(times=times, neurons=neurons, n_neurons=N_SPARSE, duration=duration)
