"""Who helps to predict whom by least squares: conditional Granger causality.

Samples have a row per time step, such as voltages or counts; graphs are ``[post, pre]``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["granger_causality", "standardised"]


def granger_causality(samples: ArrayLike, n_lags: int = 5) -> NDArray[np.float64]:
    """Ask by how much the past of each neuron improves the linear prediction of each other one.

    Parameters
    ----------
    samples : array_like, shape (n_steps, n_neurons)
        Voltages or counts, in any unit.
    n_lags : int
        Past steps in the regression.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: logarithm of the variance of post's residuals without the past of pre over
        that with it, where the past of all others is known both times.

    Raises
    ------
    ValueError
        If samples are not finite, do not vary, or are too few for the regression.

    Notes
    -----
    Conditional Granger causality of a fixed order, by ordinary least squares. What the squares grow
    by without a neuron follows from the regression with all of them.
    """
    series = standardised(samples)
    n_steps, n = series.shape
    most = (n_steps - 1) // (n + 1)
    if not 1 <= n_lags <= most:
        raise ValueError(f"n_lags must lie in 1 to {most} with {n_steps} steps, got {n_lags}")
    lagged = [series[n_lags - lag : n_steps - lag] for lag in range(1, n_lags + 1)]
    past, now = np.stack(lagged, axis=2).reshape(n_steps - n_lags, n * n_lags), series[n_lags:]
    past, now = past - past.mean(axis=0), now - now.mean(axis=0)
    spread = np.linalg.pinv(past.T @ past)
    slopes = spread @ past.T @ now
    residual = np.square(now - past @ slopes).sum(axis=0)
    graph = np.zeros((n, n))
    for pre in range(n):
        own = slice(pre * n_lags, (pre + 1) * n_lags)
        grows = np.sum(slopes[own] * np.linalg.solve(spread[own, own], slopes[own]), axis=0)
        graph[:, pre] = np.log1p(grows / residual)
    np.fill_diagonal(graph, 0)
    return graph


def standardised(samples: ArrayLike) -> NDArray[np.float64]:
    """Give each neuron, a column, a mean of zero and a standard deviation of one.

    Raises
    ------
    ValueError
        If samples are not of shape (n_steps, n_neurons) and finite, or a neuron's do not vary.
    """
    series = np.asarray(samples, dtype=np.float64)
    if series.ndim != 2 or not np.isfinite(series).all():
        shape = f"of shape (n_steps, n_neurons), got shape {series.shape}"
        raise ValueError(f"samples must be finite, {shape}")
    spread = series.std(axis=0)
    if not spread.all():
        raise ValueError(f"samples must vary: neuron {np.argmin(spread)} has one value throughout")
    return np.asarray((series - series.mean(axis=0)) / spread)
