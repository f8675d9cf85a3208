"""Scores of a decision: which pairs were called connected, and which of them are.

Graphs are ``[post, pre]``. A neuron's connection to itself, the diagonal, stays out of every score.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.metrics.scores import off_diagonal

__all__ = ["called_graph", "decision_scores"]


def called_graph(found: pd.DataFrame, n_neurons: int) -> NDArray[np.float64]:
    """Make a graph of a list of connections between numbered neurons.

    Parameters
    ----------
    found : DataFrame
        ``pre``, ``post`` and ``sign``, as from :func:`lgl_core.wiring.connections`.
    n_neurons : int

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: the sign of each pair that is listed, 0 elsewhere.
    """
    called = np.zeros((n_neurons, n_neurons))
    called[found["post"], found["pre"]] = found["sign"]
    return called


def decision_scores(called: ArrayLike, truth: ArrayLike) -> pd.Series:
    """Score which pairs were called connected.

    Parameters
    ----------
    called : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``: 1 and -1 (or True) where a pair was called connected, 0 elsewhere.
    truth : array_like, shape (n_neurons, n_neurons)
        The true weights, ``[post, pre]``; 0 where there is no synapse.

    Returns
    -------
    Series
        ``called`` and ``synapses`` (how many); ``precision``, the share of the called pairs that
        have a synapse, and ``fdr``, the share that have none; ``recall`` (power), the share of the
        synapses that were called; ``f1``, the harmonic mean of precision and recall; ``mcc``,
        Matthews' correlation; and ``right_sign``, of the called pairs with a synapse. Without a
        called pair there is no false one: ``fdr`` is 0 then, and precision NaN.

    Raises
    ------
    ValueError
        If the graphs are not square, of one shape and finite.
    """
    marks, weights = off_diagonal(called), off_diagonal(truth)
    if marks.shape != weights.shape:
        raise ValueError(f"called must be as large as truth, got {np.shape(called)}")
    is_called, is_synapse = marks != 0, weights != 0
    hits, n_called, n_synapses = (
        int(np.count_nonzero(some)) for some in (is_called & is_synapse, is_called, is_synapse)
    )
    of_called, of_synapses = hits / n_called if n_called else np.nan, np.nan
    if n_synapses:
        of_synapses = hits / n_synapses
    both = n_called + n_synapses
    spread = np.sqrt(
        float(n_called) * n_synapses * (len(marks) - n_called) * (len(marks) - n_synapses)
    )
    same_sign = np.sign(marks) == np.sign(weights)
    return pd.Series(
        {
            "called": n_called,
            "synapses": n_synapses,
            "precision": of_called,
            "fdr": 1 - of_called if n_called else 0.0,
            "recall": of_synapses,
            "f1": 2 * hits / both if both else np.nan,
            "mcc": (hits * len(marks) - n_called * n_synapses) / spread if spread else np.nan,
            "right_sign": same_sign[is_called & is_synapse].mean() if hits else np.nan,
        }
    )
