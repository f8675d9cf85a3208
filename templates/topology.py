"""A topology of your own: what it is, and where it comes from."""

from __future__ import annotations

import numpy as np

from lgl_core.networks.network import Network

__all__ = ["NAME"]


def NAME(
    n_neurons: int = 300,
    connection_probability: float = 0.1,
    weight: float = 0.6,
    seed: int = 0,
) -> Network:
    """Connect each ordered pair of neurons with one probability, all by excitation.

    Parameters
    ----------
    n_neurons : int
    connection_probability : float
        Of each ordered pair.
    weight : float
        Of each synapse, in mV.
    seed : int
        Same seed, same network.

    Returns
    -------
    Network
        Its weights are indexed ``[post, pre]``.

    Raises
    ------
    ValueError
        If the probability is not between 0 and 1, or there are no two neurons.
    """
    if n_neurons < 2:
        raise ValueError(f"n_neurons must be at least 2, got {n_neurons}")
    if not 0 <= connection_probability <= 1:
        raise ValueError(
            f"connection_probability must lie between 0 and 1, got {connection_probability}"
        )
    rng = np.random.default_rng(seed)
    connected = rng.random((n_neurons, n_neurons)) < connection_probability
    np.fill_diagonal(connected, False)
    return Network(weights=weight * connected)
