"""Networks of whole pieces of real nervous systems, beside the worm of ``networks.topologies``.

All have the conventions of :func:`lgl_core.networks.network.hub_network`: sizes in mV,
``weights[post, pre]``, Dale's principle.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lgl_core.networks.network import Network, _check_sizes
from lgl_core.networks.topologies import _all_neurons, _strongest, from_edges

__all__ = ["larval_mushroom_body", "larval_mushroom_body_neurons"]

# Source, licence and making of this table: larval_mushroom_body.md beside it.
_MUSHROOM_BODY = Path(__file__).parent / "data" / "larval_mushroom_body.csv"
_KINDS = ("KC", "MBIN", "MBON", "PN")


def larval_mushroom_body(
    weight: float = 0.6,
    inhibition_ratio: float = 4.0,
    inhibitory_kinds: Collection[str] = ("MBIN", "MBON"),
    n_hubs: int = 3,
) -> Network:
    """Build the network of the left mushroom body of a larva of the fruit fly *Drosophila*.

    Parameters
    ----------
    weight : float
        Mean size in mV of the excitatory connections.
    inhibition_ratio : float
        Mean size of an inhibitory connection over that of an excitatory one.
    inhibitory_kinds : collection of str
        Which kinds of neurons inhibit, out of ``"KC"`` (Kenyon cells), ``"MBIN"`` (input neurons
        of the mushroom body, most of them modulatory), ``"MBON"`` (its output neurons) and
        ``"PN"`` (projection neurons, which bring the odours). Anatomy does not say; see Notes.
    n_hubs : int
        How many neurons to call hubs: the excitatory ones with the largest summed outgoing
        weight.

    Returns
    -------
    Network
        209 neurons, with ``weights[post, pre]`` in mV; :func:`larval_mushroom_body_neurons` names
        them. It has no seed: there is one such table.

    Raises
    ------
    ValueError
        If a weight or count is out of range or a kind is unknown.

    Notes
    -----
    Reconstructed by Eichler et al. (2017) from electron micrographs. Connections consist of 1 to
    63 synapses; their size is proportional to that number, for each sign on its own.

    **The signs are a guess, by kind.** Kenyon cells and nearly all projection neurons release
    acetylcholine, which excites in insects. Output neurons release acetylcholine, glutamate or
    GABA; one of the input neurons, the APL, releases GABA, and the others dopamine or octopamine,
    which make no fast potential at all. The table does not tell which of them is which, so by
    default both kinds inhibit as a whole. The wiring is of a fly, the physiology is not.
    """
    _check_sizes(weight=weight, inhibition_ratio=inhibition_ratio)
    chosen = [inhibitory_kinds] if isinstance(inhibitory_kinds, str) else list(inhibitory_kinds)
    unknown = sorted(set(chosen) - set(_KINDS))
    if unknown:
        raise ValueError(f"inhibitory_kinds must be of {', '.join(_KINDS)}, got {unknown}")

    table, neurons = pd.read_csv(_MUSHROOM_BODY), larval_mushroom_body_neurons()
    inhibits = _kind(table["pre"]).isin(chosen)
    mean_count = table.groupby(inhibits)["synapses"].transform("mean")
    mean_weight = np.where(inhibits, -inhibition_ratio * weight, weight)
    table["weight"] = mean_weight * table["synapses"] / mean_count
    network = replace(
        from_edges(table, neurons),
        inhibitory=np.flatnonzero(_kind(pd.Series(neurons)).isin(chosen)),
    )
    return replace(network, hubs=_strongest(network, n_hubs))


def larval_mushroom_body_neurons() -> list[str]:
    """Name the neurons of :func:`larval_mushroom_body` in the order of their ids.

    A name is a kind and a number, as in ``"MBON07"``; numbers follow the rows of the source,
    which has no names. The order is alphabetical.
    """
    return _all_neurons(pd.read_csv(_MUSHROOM_BODY))


def _kind(neurons: pd.Series) -> pd.Series:
    return neurons.str.rstrip("0123456789")
