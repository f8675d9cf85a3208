"""Networks beside the one with hubs: random, scale-free, spatial, from a table, and a real one.

All have the conventions of :func:`lgl_core.networks.network.hub_network`: lognormal sizes in mV,
``weights[post, pre]``, Dale's principle, ids drawn, same seed same network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.networks.network import Network, _check_sizes, hub_network

__all__ = [
    "C_ELEGANS",
    "c_elegans",
    "c_elegans_neurons",
    "erdos_renyi",
    "from_edges",
    "scale_free",
    "spatial",
    "spatial_positions",
]

# Source, licence and making of this table: data/c_elegans.md.
C_ELEGANS = Path(__file__).parent / "data" / "c_elegans.csv"
# DD1 to 6, VD1 to 13, RMED, RMEL, RMER, RMEV, AVL, DVB and RIS.
_GABA = r"(?:[DV]D\d+|RME[DLRV]|AVL|DVB|RIS)"


def erdos_renyi(
    n_neurons: int = 300,
    connection_probability: float = 0.1,
    weight: float = 0.6,
    inhibitory_fraction: float = 0.2,
    inhibition_ratio: float = 4.0,
    seed: int = 0,
) -> Network:
    """Draw a network in which every ordered pair of neurons is as likely to be connected.

    Parameters
    ----------
    n_neurons : int
        Number of neurons.
    connection_probability : float
        Chance of a synapse from any neuron to any other one.
    weight : float
        Mean size in mV of the excitatory synapses.
    inhibitory_fraction : float
        Share of inhibitory neurons, between 0 and 1.
    inhibition_ratio : float
        Mean size of an inhibitory synapse over that of an excitatory one.
    seed : int
        Same seed, same network.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV and no hubs.

    Raises
    ------
    ValueError
        If a count, probability or weight is out of range.

    Notes
    -----
    The network of :func:`lgl_core.networks.network.hub_network` without hubs: in-degrees and
    out-degrees are binomial.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.erdos_renyi(n_neurons=50, seed=0)
    >>> len(network.hubs)
    0
    """
    return hub_network(
        n_neurons=n_neurons,
        n_hubs=0,
        connection_probability=connection_probability,
        weight=weight,
        inhibitory_fraction=inhibitory_fraction,
        inhibition_ratio=inhibition_ratio,
        seed=seed,
    )


def scale_free(
    n_neurons: int = 300,
    n_hubs: int = 3,
    connection_probability: float = 0.1,
    exponent: float = 3.0,
    weight: float = 0.6,
    inhibitory_fraction: float = 0.2,
    inhibition_ratio: float = 4.0,
    seed: int = 0,
) -> Network:
    r"""Draw a network in which the number of targets of a neuron follows a power law.

    Parameters
    ----------
    n_neurons : int
        Number of neurons.
    n_hubs : int
        How many neurons to call hubs: the excitatory ones with the largest summed outgoing
        weight. It changes nothing in the wiring.
    connection_probability : float
        Mean chance of a synapse over all ordered pairs of neurons.
    exponent : float
        Exponent :math:`\gamma` of the power law, above 2; infinity gives every neuron the same
        chance, as in :func:`erdos_renyi`.
    weight, inhibitory_fraction, inhibition_ratio, seed
        As in :func:`erdos_renyi`.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV.

    Raises
    ------
    ValueError
        If a count, probability, weight or the exponent is out of range.

    Notes
    -----
    The static model of Goh, Kahng and Kim (2001), directed, with fitness on the sending side
    alone: the neuron of rank :math:`r` has fitness :math:`r^{-1/(\gamma - 1)}`, and its synapses
    are drawn with a probability proportional to it, cut at 1. Ranks are dealt at random, to
    inhibitory neurons too. In-degrees stay near their mean. With the default exponent, that of
    Barabási and Albert, nothing is cut: the first of 300 neurons reaches nine tenths of the
    others, half of the neurons less than 8 %.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> lgl.scale_free(n_neurons=50, n_hubs=2, seed=0).weights.shape
    (50, 50)
    """
    if not exponent > 2:
        raise ValueError(f"exponent must be above 2, got {exponent}")
    full = erdos_renyi(n_neurons, 1.0, weight, inhibitory_fraction, inhibition_ratio, seed)
    rng = _wiring_rng(seed)
    rank = 1 + rng.permutation(n_neurons)
    fitness = np.broadcast_to(rank ** (-1 / (exponent - 1)), full.weights.shape)
    network = _thinned(full, _probabilities(fitness, connection_probability), rng)
    return replace(network, hubs=_strongest(network, n_hubs))


def spatial(
    n_neurons: int = 300,
    connection_probability: float = 0.1,
    length_scale: float = 0.15,
    weight: float = 0.6,
    inhibitory_fraction: float = 0.2,
    inhibition_ratio: float = 4.0,
    delay: float = 0.0015,
    delay_per_distance: float | None = None,
    seed: int = 0,
) -> Network:
    r"""Draw a network in which near neurons are more likely to be connected.

    Neurons lie at random in a square of side 1 whose opposite edges are joined, so that none is
    at a border. The chance of a synapse falls with distance as :math:`\exp(-d^2 / 2\ell^2)`.

    Parameters
    ----------
    n_neurons : int
        Number of neurons.
    connection_probability : float
        Mean chance of a synapse over all ordered pairs of neurons.
    length_scale : float
        :math:`\ell`, in sides of the square.
    weight, inhibitory_fraction, inhibition_ratio
        As in :func:`erdos_renyi`. Sizes do not depend on distance.
    delay, delay_per_distance : float
        A synapse has the delay ``delay + delay_per_distance * distance``, in s. Without
        ``delay_per_distance`` the network brings no delays and ``delay`` is not used.
    seed : int
        Same seed, same network; :func:`spatial_positions` gives its positions.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV and no hubs.

    Raises
    ------
    ValueError
        If a count, probability, weight, length or delay is out of range, or if synapses this
        short cannot reach the mean chance asked for.

    Notes
    -----
    The probability is scaled to the mean asked for over the positions drawn, and cut at 1. With
    the defaults it is about 0.7 next to a neuron, and half of its targets lie nearer than 0.18.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> lgl.spatial(n_neurons=50, seed=0).weights.shape
    (50, 50)
    """
    for name, value in (("length_scale", length_scale), ("delay", delay)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a finite number above 0, got {value}")
    if delay_per_distance is not None and not 0 <= delay_per_distance < np.inf:
        raise ValueError(
            f"delay_per_distance must be None or a finite number >= 0, got {delay_per_distance}"
        )
    full = erdos_renyi(n_neurons, 1.0, weight, inhibitory_fraction, inhibition_ratio, seed)
    rng = _wiring_rng(seed)
    distance = _torus_distances(rng.random((n_neurons, 2)))
    nearness = np.exp(-((distance / length_scale) ** 2) / 2)
    network = _thinned(full, _probabilities(nearness, connection_probability), rng)
    if delay_per_distance is None:
        return network
    return replace(network, delays=delay + delay_per_distance * distance)


def spatial_positions(n_neurons: int = 300, seed: int = 0) -> NDArray[np.float64]:
    """Give the positions of the neurons of :func:`spatial` with this number and seed.

    Parameters
    ----------
    n_neurons, seed : int
        As given to :func:`spatial`.

    Returns
    -------
    ndarray, shape (n_neurons, 2)
        Coordinates between 0 and 1, in sides of the square.
    """
    return _wiring_rng(seed).random((n_neurons, 2))


def from_edges(
    edges: pd.DataFrame | Sequence[tuple], neurons: Sequence[int] | Sequence[str] | None = None
) -> Network:
    """Build a network from a table of its synapses.

    Parameters
    ----------
    edges : DataFrame or sequence of tuple
        One synapse a row: columns ``pre``, ``post`` and ``weight`` (others are ignored), or
        tuples in this order. Weights are in mV; inhibitory synapses have negative ones.
    neurons : sequence of int or str, optional
        All neurons as the table calls them, in the order of their ids; those without synapses
        too. Without it, whole numbers are the ids themselves, from 0 to the largest in the
        table, and names get ids in alphabetical order.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV, no hubs, and the neurons that send negative weights as
        inhibitory ones.

    Raises
    ------
    ValueError
        If a column is missing, a neuron is not in ``neurons``, connects to itself or sends both
        signs, or a pair stands in two rows.
    """
    columns = ["pre", "post", "weight"]
    table = edges if isinstance(edges, pd.DataFrame) else pd.DataFrame(edges, columns=columns)
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"edges must have the columns {columns}, {missing} are missing")
    names = pd.Index(_all_neurons(table) if neurons is None else neurons)
    if names.empty or not names.is_unique:
        raise ValueError(f"neurons must be at least one, each listed once, got {list(names)}")
    pre, post = (names.get_indexer(pd.Index(table[side])) for side in ("pre", "post"))
    _check_edges(table, pre, post)

    weight = table["weight"].to_numpy(np.float64)
    mixed = np.intersect1d(pre[weight < 0], pre[weight > 0])
    if mixed.size:
        raise ValueError(f"edges break Dale's principle: {names[mixed[0]]} sends both signs")
    weights = np.zeros((len(names), len(names)))
    weights[post, pre] = weight
    return Network(weights=weights, inhibitory=np.unique(pre[weight < 0]))


def c_elegans(weight: float = 0.6, inhibition_ratio: float = 4.0, n_hubs: int = 3) -> Network:
    """Build the network of the nematode *Caenorhabditis elegans* from its chemical synapses.

    Parameters
    ----------
    weight : float
        Mean size in mV of the excitatory connections.
    inhibition_ratio : float
        Mean size of an inhibitory connection over that of an excitatory one.
    n_hubs : int
        How many neurons to call hubs: the excitatory ones with the largest summed outgoing
        weight.

    Returns
    -------
    Network
        279 neurons, with ``weights[post, pre]`` in mV; :func:`c_elegans_neurons` names them.

    Raises
    ------
    ValueError
        If a weight or count is out of range.

    Notes
    -----
    The adult hermaphrodite without its pharynx, by Varshney et al. (2011). Connections consist of
    1 to 37 synapses; their size is proportional to that number, for each sign on its own.
    Inhibitory are the 26 neurons in which McIntire et al. (1993) found GABA; 18 of them synapse
    onto other neurons, the rest onto muscles alone.

    This is the wiring of a worm, not its physiology. Gap junctions are left out, since a
    jump of the membrane is no model of them; glutamate and acetylcholine, which inhibit through
    some receptors, count as excitatory; and most of the worm's neurons do not fire spikes.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> lgl.c_elegans().n_neurons
    279
    """
    _check_sizes(weight=weight, inhibition_ratio=inhibition_ratio)
    table = pd.read_csv(C_ELEGANS)
    gaba = table["pre"].str.fullmatch(_GABA)
    mean_count = table.groupby(gaba)["synapses"].transform("mean")
    mean_weight = np.where(gaba, -inhibition_ratio * weight, weight)
    table["weight"] = mean_weight * table["synapses"] / mean_count
    neurons = c_elegans_neurons()
    network = replace(
        from_edges(table, neurons),
        inhibitory=np.flatnonzero(pd.Series(neurons).str.fullmatch(_GABA)),
    )
    return replace(network, hubs=_strongest(network, n_hubs))


def c_elegans_neurons() -> list[str]:
    """Name the neurons of :func:`c_elegans` in the order of their ids, which is alphabetical."""
    return _all_neurons(pd.read_csv(C_ELEGANS))


def _wiring_rng(seed: int) -> np.random.Generator:
    # A stream of its own: `hub_network` draws signs and sizes from that of the seed alone.
    return np.random.default_rng([seed, 1])


def _thinned(full: Network, probability: NDArray, rng: np.random.Generator) -> Network:
    """Keep each synapse of a network that connects all pairs with its probability."""
    kept = rng.random(full.weights.shape) < probability
    return replace(full, weights=np.where(kept, full.weights, 0.0))


def _probabilities(affinity: NDArray, mean: float) -> NDArray[np.float64]:
    """Scale affinities to probabilities of a given mean over the ordered pairs, cut at 1.

    What is cut from some pairs goes to the others, in proportion.
    """
    if not 0 <= mean <= 1:
        raise ValueError(f"connection_probability must lie between 0 and 1, got {mean}")
    pairs = ~np.eye(len(affinity), dtype=bool)
    wanted = mean * np.count_nonzero(pairs)
    values = np.where(affinity > 1e-100, affinity, 0.0)[pairs]  # smaller ones would overflow
    if np.count_nonzero(values) < wanted:
        raise ValueError(
            f"connection_probability {mean} is out of reach with so short a length_scale"
        )
    scaled = _scaled_to_sum(values, wanted)
    while scaled.max() > 1:
        cut = scaled >= 1
        scaled[cut] = 1
        scaled[~cut] = _scaled_to_sum(values[~cut], wanted - np.count_nonzero(cut))
    probability = np.zeros(affinity.shape)
    probability[pairs] = scaled
    return probability


def _scaled_to_sum(values: NDArray, total: float) -> NDArray[np.float64]:
    return values * (total / values.sum()) if values.any() else values


def _torus_distances(positions: NDArray) -> NDArray[np.float64]:
    step = np.abs(positions[:, None] - positions)
    return np.linalg.norm(np.minimum(step, 1 - step), axis=2)


def _strongest(network: Network, n_hubs: int) -> NDArray[np.int64]:
    """Find the excitatory neurons with the largest out-strength."""
    excitatory = np.setdiff1d(np.arange(network.n_neurons), network.inhibitory)
    if not 0 <= n_hubs <= len(excitatory):
        raise ValueError(f"n_hubs must lie between 0 and {len(excitatory)}, got {n_hubs}")
    strength = network.weights[:, excitatory].sum(axis=0)
    return np.sort(excitatory[np.argsort(-strength, kind="stable")[:n_hubs]])


def _all_neurons(table: pd.DataFrame) -> list:
    """List the neurons of a table of synapses in the order of their ids."""
    named = {*table["pre"], *table["post"]}
    if all(isinstance(name, str) for name in named):
        return sorted(named)
    if not all(isinstance(name, int | np.integer) and name >= 0 for name in named):
        raise ValueError("pre and post must be names, or ids that are whole numbers >= 0")
    return list(range(int(max(named)) + 1))


def _check_edges(table: pd.DataFrame, pre: NDArray, post: NDArray) -> None:
    for wrong, rule in (
        ((pre < 0) | (post < 0), "join neurons that are in neurons"),
        (pre == post, "join two different neurons"),
        (table.duplicated(["pre", "post"]).to_numpy(), "name each pair once"),
    ):
        if wrong.any():
            row = table.iloc[int(np.flatnonzero(wrong)[0])]
            raise ValueError(f"edges must {rule}, got {row['pre']} -> {row['post']}")
