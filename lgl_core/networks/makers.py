"""One table of all that draws a network: whoever takes a topology by its name looks here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lgl_core.networks.assemblies import hub_assemblies
from lgl_core.networks.connectomes import larval_mushroom_body
from lgl_core.networks.motifs import common_drive, motifs
from lgl_core.networks.network import Network, hub_network
from lgl_core.networks.ring import ring
from lgl_core.networks.topologies import c_elegans, erdos_renyi, scale_free, spatial

__all__ = ["MAKERS", "drawn"]

#: Makers by the name of their topology.
MAKERS: dict[str, Callable[..., Network]] = {
    "hub_network": hub_network,
    "hub_assemblies": hub_assemblies,
    "erdos_renyi": erdos_renyi,
    "scale_free": scale_free,
    "spatial": spatial,
    "motifs": motifs,
    "common_drive": common_drive,
    "ring": ring,
    "c_elegans": c_elegans,
    "larval_mushroom_body": larval_mushroom_body,
}


def drawn(topology: str, seed: int = 0, **settings: Any) -> Network:
    """Draw a network by the name of its topology.

    Parameters
    ----------
    topology : str
        Key of ``MAKERS``.
    seed : int
        For makers that draw. The wiring of a real animal has no seed.
    **settings
        Arguments of the maker that differ from its defaults.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If there is no such topology, or its maker has no such argument or does not take the value.
    """
    if topology not in MAKERS:
        raise ValueError(f"topology must be one of {', '.join(MAKERS)}, got {topology!r}")
    maker = MAKERS[topology]
    known = inspect.signature(maker).parameters
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(
            f"settings of {topology} must be among {', '.join(known)}, got {', '.join(unknown)}"
        )
    return maker(**settings, **({"seed": seed} if "seed" in known else {}))
