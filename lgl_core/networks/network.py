"""Ground-truth networks: who connects to whom, how strongly, and who the hubs are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgl_core.fields import check_fields
from lgl_core.graphs import checked_graph, checked_ids

__all__ = ["Network", "hub_network"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """A directed, weighted, signed graph of neurons; the truth every estimate is held against.

    Arrays are copied on construction and made read-only.

    Parameters
    ----------
    weights : array_like, shape (n_neurons, n_neurons)
        ``weights[post, pre]`` in mV: the jump of the membrane of ``post`` when ``pre`` spikes.
        Zero means no synapse. The diagonal must be zero. (:mod:`lgl_core.networks.assemblies` gives
        them in thresholds.)
    hubs : array_like of int, optional
        Ids of the hub neurons, which must not be inhibitory.
    hub_groups : array_like of int, shape (n_hubs,), optional
        To which group each of ``hubs`` belongs, from 0 up: neighbours that drive the same targets
        and act as one hub. Default: each is a hub by itself.
    inhibitory : array_like of int, optional
        Ids of the inhibitory neurons. By Dale's principle their column is never positive and
        every other column is never negative.
    dale : bool
        Whether Dale's principle holds. Without it a column may have both signs.
    delays : array_like, shape (n_neurons, n_neurons), optional
        ``delays[post, pre]`` in s. Without it every synapse has the delay of the neuron model
        (:class:`lgl_core.simulation.lif.LIFParams`).

    Raises
    ------
    ValueError
        If an array has the wrong shape, holds NaN or breaks one of the rules above.

    Notes
    -----
    Appendix A of the paper: a recurrent network with three hubs of strong outgoing synapses.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.Network(weights=[[0, 1.5], [0, 0]])  # neuron 1 excites neuron 0
    >>> network.n_neurons
    2
    """

    weights: NDArray[np.float64]
    hubs: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    inhibitory: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    delays: NDArray[np.float64] | None = None
    hub_groups: NDArray[np.int64] | None = None
    dale: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        remedy = "replace them by 0 for no synapse"
        weights = _read_only(checked_graph("weights", self.weights, remedy=remedy), np.float64)
        if np.diagonal(weights).any():
            raise ValueError("weights must have a zero diagonal: no neuron connects to itself")
        object.__setattr__(self, "weights", weights)
        for name in ("hubs", "inhibitory"):
            ids = checked_ids(name, getattr(self, name), len(weights))
            object.__setattr__(self, name, _read_only(ids, np.int64))
        if self.hub_groups is not None:
            object.__setattr__(self, "hub_groups", _checked_groups(self.hub_groups, len(self.hubs)))
        self._check_signs()
        if self.delays is not None:
            object.__setattr__(self, "delays", _checked_delays(self.delays, weights))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Unpickled arrays can be written to: check and seal them again.
        self.__dict__.update(state)
        self.__post_init__()

    def _check_signs(self) -> None:
        if np.intersect1d(self.hubs, self.inhibitory).size:
            raise ValueError("hubs must be excitatory: some ids are in both hubs and inhibitory")
        if not self.dale:
            return
        sign = np.ones(self.n_neurons)
        sign[self.inhibitory] = -1
        wrong = np.flatnonzero((self.weights * sign < 0).any(axis=0))
        if wrong.size:
            raise ValueError(
                "weights break Dale's principle: the outgoing synapses (column) of neuron "
                f"{wrong[0]} do not all have its sign; list inhibitory neurons in `inhibitory`, or "
                "say dale=False if columns of both signs are meant"
            )

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.weights)

    @property
    def group_of_hub(self) -> NDArray[np.int64]:
        """Group of each of the hubs, from 0 up, shape (n_hubs,)."""
        return np.arange(len(self.hubs)) if self.hub_groups is None else self.hub_groups

    @property
    def n_hub_groups(self) -> int:
        """Number of hubs, those that act as one counted once."""
        return _count(self.group_of_hub)

    @property
    def in_degree(self) -> NDArray[np.int64]:
        """Number of presynaptic partners of each neuron, shape (n_neurons,)."""
        return np.count_nonzero(self.weights, axis=1)

    @property
    def out_degree(self) -> NDArray[np.int64]:
        """Number of postsynaptic targets of each neuron, shape (n_neurons,)."""
        return np.count_nonzero(self.weights, axis=0)

    def __repr__(self) -> str:
        return (
            f"Network(n_neurons={self.n_neurons}, synapses={np.count_nonzero(self.weights)}, "
            f"hubs={self.hubs.tolist()}, inhibitory={len(self.inhibitory)} neurons"
            f"{'' if self.dale else ', dale=False'})"
        )


def hub_network(
    n_neurons: int = 300,
    n_hubs: int = 3,
    connection_probability: float = 0.1,
    hub_probability: float = 0.4,
    weight: float = 0.6,
    hub_weight: float = 7.0,
    inhibitory_fraction: float = 0.2,
    inhibition_ratio: float = 4.0,
    seed: int = 0,
) -> Network:
    """Draw a sparse random network in which a few excitatory hubs drive many neurons hard.

    Parameters
    ----------
    n_neurons, n_hubs : int
        Number of neurons, and how many of them are hubs. Ids are drawn, so that neither hubs nor
        inhibitory neurons stand in a block.
    connection_probability : float
        Chance of a synapse from an ordinary neuron to any other one.
    hub_probability : float
        Share of the other neurons that a hub reaches; the same for every hub, up to rounding, so
        that networks of different seeds are equally hard.
    weight, hub_weight : float
        Mean size in mV of ordinary excitatory synapses and of hub synapses. Sizes are lognormal:
        ordinary ones with a standard deviation of 0.5 in the logarithm, hub ones with 0.2.
    inhibitory_fraction : float
        Share of inhibitory neurons, between 0 and 1.
    inhibition_ratio : float
        Mean size of an inhibitory synapse over that of an ordinary excitatory one.
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

    Notes
    -----
    Appendix A says that three hubs have disproportionately strong outgoing synapses and gives no
    numbers; the defaults are ours (``book/notation.md``).

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.hub_network(n_neurons=50, n_hubs=2, seed=0)
    >>> network.weights.shape, len(network.hubs)
    ((50, 50), 2)
    """
    for name, value in (
        ("connection_probability", connection_probability),
        ("hub_probability", hub_probability),
        ("inhibitory_fraction", inhibitory_fraction),
    ):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}")
    _check_sizes(weight=weight, hub_weight=hub_weight, inhibition_ratio=inhibition_ratio)
    n_inhibitory = round(inhibitory_fraction * n_neurons)
    if n_neurons < 2 or n_hubs < 0 or n_hubs + n_inhibitory > n_neurons:
        raise ValueError(
            f"n_hubs must lie between 0 and n_neurons - inhibitory = {n_neurons - n_inhibitory} "
            f"(and n_neurons be at least 2), got n_hubs={n_hubs}, n_neurons={n_neurons}"
        )

    rng = np.random.default_rng(seed)
    ids = rng.permutation(n_neurons)
    hubs, inhibitory = ids[:n_hubs], ids[n_hubs : n_hubs + n_inhibitory]

    mean_weight = np.full(n_neurons, weight)
    mean_weight[hubs] = hub_weight
    mean_weight[inhibitory] = -inhibition_ratio * weight
    log_sd = np.full(n_neurons, 0.5)
    log_sd[hubs] = 0.2

    connected = rng.random((n_neurons, n_neurons)) < connection_probability
    for hub in hubs:
        others = np.delete(np.arange(n_neurons), hub)
        connected[:, hub] = False
        connected[rng.permutation(others)[: round(hub_probability * len(others))], hub] = True
    np.fill_diagonal(connected, False)
    # The shift by half a variance keeps the mean of the lognormal at 1.
    size = np.exp(log_sd * rng.standard_normal((n_neurons, n_neurons)) - log_sd**2 / 2)
    return Network(
        weights=connected * mean_weight * size + 0.0,  # + 0.0 turns -0.0 into 0.0
        hubs=np.sort(hubs),
        inhibitory=np.sort(inhibitory),
    )


def _check_sizes(**sizes: float) -> None:
    for name, size in sizes.items():
        if not 0 <= size < np.inf:
            raise ValueError(f"{name} must be a finite number >= 0, got {size}")


def _read_only(values: ArrayLike, dtype: type) -> NDArray:
    array: NDArray = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


def _checked_groups(groups: ArrayLike, n_hubs: int) -> NDArray[np.int64]:
    array = _read_only(groups, np.int64)
    if array.shape != (n_hubs,) or not np.array_equal(np.unique(array), np.arange(_count(array))):
        raise ValueError(
            f"hub_groups must give each of the {n_hubs} hubs a group, numbered from 0 without a "
            f"gap, got {groups!r}"
        )
    return array


def _count(groups: NDArray[np.int64]) -> int:
    return int(groups.max(initial=-1)) + 1


def _checked_delays(delays: ArrayLike, weights: NDArray) -> NDArray[np.float64]:
    array = _read_only(delays, np.float64)
    if array.shape != weights.shape:
        raise ValueError(
            f"delays must have the shape of weights, {weights.shape}, got {array.shape}"
        )
    on_synapses = array[weights != 0]
    if not np.all((on_synapses > 0) & np.isfinite(on_synapses)):
        raise ValueError("delays must be finite and above 0 s on every synapse")
    return array
