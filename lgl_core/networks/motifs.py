"""Networks in which direct synapses and common drive can be told apart by construction.

All have the conventions of :func:`lgl_core.networks.network.hub_network`: lognormal sizes in mV,
``weights[post, pre]``, Dale's principle, ids drawn, same seed same network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lgl_core.graphs import checked_ids
from lgl_core.networks.network import Network, _check_sizes, hub_network

__all__ = ["common_drive", "motifs", "subnetwork"]

# Of the logarithms of sizes: that of hub synapses in hub_network.
_LOG_SD = 0.2
# Synapses of a triplet, from the first to the second of each two.
_CHAIN, _FORK, _COLLIDER = ((0, 1), (1, 2)), ((0, 1), (0, 2)), ((0, 2), (1, 2))


def motifs(n_of_each: int = 33, weight: float = 4.0, seed: int = 0) -> Network:
    """Draw a network of triplets that have nothing to do with each other.

    A third of them are chains ``a -> b -> c``, a third forks ``b <- a -> c``, a third colliders
    ``a -> c <- b``.

    Parameters
    ----------
    n_of_each : int
        Triplets of each kind; the network has nine times as many neurons.
    weight : float
        Mean size in mV of the synapses, all of which are excitatory.
    seed : int
        Same seed, same network.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV, no hubs and no inhibitory neurons.

    Raises
    ------
    ValueError
        If ``n_of_each`` is not positive, or ``weight`` is negative or not finite.
    """
    if n_of_each < 1:
        raise ValueError(f"n_of_each must be at least 1, got {n_of_each}")
    _check_sizes(weight=weight)
    rng = np.random.default_rng(seed)
    triplets = rng.permutation(9 * n_of_each).reshape(3, n_of_each, 3)
    weights = np.zeros((9 * n_of_each, 9 * n_of_each))
    for members, synapses in zip(triplets, (_CHAIN, _FORK, _COLLIDER), strict=True):
        for pre, post in synapses:
            weights[members[:, post], members[:, pre]] = weight * _sizes(rng, n_of_each)
    return Network(weights=weights)


def common_drive(
    n_neurons: int = 250,
    n_drivers: int = 25,
    n_driven: int = 20,
    connection_probability: float = 0.04,
    weight: float = 1.5,
    drive_weight: float = 8.0,
    inhibitory_fraction: float = 0.2,
    inhibition_ratio: float = 2.0,
    seed: int = 0,
) -> Network:
    """Draw a random network, and drivers that each excite some of its neurons.

    Whom a driver excites is drawn without a look at the network: whether two neurons are driven
    together and whether they are connected have nothing to do with each other.

    Parameters
    ----------
    n_neurons : int
        Neurons of the network; their ids come first.
    n_drivers : int
        Excitatory neurons that nobody connects to; the last ids, and the network's hubs.
    n_driven : int
        Neurons that each of them excites.
    connection_probability, weight, inhibitory_fraction, inhibition_ratio
        Of the network, as for :func:`lgl_core.networks.network.hub_network`.
    drive_weight : float
        Mean size in mV of a driver's synapses.
    seed : int
        Same seed, same network.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV.

    Raises
    ------
    ValueError
        If a count, probability or weight is out of range.
    """
    if n_drivers < 0 or not 0 <= n_driven <= n_neurons:
        raise ValueError(
            f"n_drivers must be at least 0 and n_driven between 0 and n_neurons = {n_neurons}, "
            f"got {n_drivers} and {n_driven}"
        )
    _check_sizes(drive_weight=drive_weight)
    network = hub_network(
        n_neurons=n_neurons,
        n_hubs=0,
        connection_probability=connection_probability,
        weight=weight,
        inhibitory_fraction=inhibitory_fraction,
        inhibition_ratio=inhibition_ratio,
        seed=seed,
    )
    # A stream of its own: the network is the same for any drivers.
    rng = np.random.default_rng([seed, 1])
    weights = np.zeros((n_neurons + n_drivers, n_neurons + n_drivers))
    weights[:n_neurons, :n_neurons] = network.weights
    drivers = np.arange(n_neurons, n_neurons + n_drivers)
    for driver in drivers:
        driven = rng.choice(n_neurons, n_driven, replace=False)
        weights[driven, driver] = drive_weight * _sizes(rng, n_driven)
    return Network(weights=weights, hubs=drivers, inhibitory=network.inhibitory)


def subnetwork(network: Network, neurons: ArrayLike) -> Network:
    """Keep some neurons and the synapses between them.

    Parameters
    ----------
    network : Network
    neurons : array_like of int
        Ids to keep. They are numbered anew in the order given.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If an id is unknown or given twice, or none is given.
    """
    kept = checked_ids("neurons", neurons, network.n_neurons)
    if not kept.size:
        raise ValueError("neurons must be at least one id, got none")
    pairs = np.ix_(kept, kept)
    return Network(
        weights=network.weights[pairs],
        hubs=np.flatnonzero(np.isin(kept, network.hubs)),
        inhibitory=np.flatnonzero(np.isin(kept, network.inhibitory)),
        delays=None if network.delays is None else network.delays[pairs],
    )


def _sizes(rng: np.random.Generator, n: int) -> np.ndarray:
    # The shift by half a variance keeps the mean of the lognormal at 1.
    return rng.lognormal(-(_LOG_SD**2) / 2, _LOG_SD, n)
