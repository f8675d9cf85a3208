"""A ring of neurons that excite their neighbours and inhibit those around: a pattern generator."""

from __future__ import annotations

import numpy as np

from lgl_core.networks.network import Network, _check_sizes

__all__ = ["ring"]


def ring(
    n_neurons: int = 80,
    strength: float = 6.0,
    excitation_sd: float = 3.0,
    inhibition_sd: float = 8.0,
    inhibition: float = 0.55,
    reach: int = 12,
) -> Network:
    r"""Put neurons on a ring, with local excitation and broad inhibition.

    .. math:: A_{ij} = s\left[e^{-d^2 / 2 a^2} - g\, e^{-d^2 / 2 b^2}\right]
        \quad\text{if}\quad 0 < d \le r

    for target i and source j, with d the shorter way between them along the ring. When coupling is
    weak, neurons do little but follow their own noise. When it is strong, activity gathers in bumps
    that stand evenly on the ring and wander together, so that neurons of different bumps fire
    together without any synapse between them.

    Parameters
    ----------
    n_neurons : int
        Number of neurons. Neighbours in id are neighbours on the ring; the last is one of the
        first.
    strength : float
        What all weights are multiplied with, s, in mV.
    excitation_sd, inhibition_sd : float
        How far excitation (a) and inhibition (b) reach, in neurons.
    inhibition : float
        Inhibition over excitation at no distance: g.
    reach : int
        Largest distance in neurons at which there are synapses, r.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in mV and ``dale=False``: each column has both signs. There is
        nothing random in it.

    Raises
    ------
    ValueError
        If a strength is negative, a width is not positive, or ``reach`` leaves no synapse, or no
        pair without one.

    Notes
    -----
    After Das and Fiete, Systematic errors in connectivity inferred from activity in strongly
    recurrent networks (Nature Neuroscience, 2020), who infer the wiring of such a ring from weak to
    strong coupling. The difference of two Gaussians and its numbers are ours; pairs that are
    farther apart than ``reach`` have no synapse at all, so that a false connection can be told.

    Examples
    --------
    >>> from lgl_core.networks.ring import ring
    >>> network = ring(n_neurons=40, strength=2.0)
    >>> int(network.in_degree.max()), network.dale
    (24, False)
    """
    _check_sizes(strength=strength, inhibition=inhibition)
    for name, width in (("excitation_sd", excitation_sd), ("inhibition_sd", inhibition_sd)):
        if not 0 < width < np.inf:
            raise ValueError(f"{name} must be a finite number above 0 neurons, got {width}")
    if not 1 <= reach <= n_neurons / 2 - 1:
        raise ValueError(
            f"reach must be at least 1 and at most n_neurons / 2 - 1 = {n_neurons / 2 - 1:g}, so "
            f"that some pairs have no synapse, got {reach}"
        )
    apart = np.abs(np.subtract.outer(np.arange(n_neurons), np.arange(n_neurons)))
    distance = np.minimum(apart, n_neurons - apart)
    excited = np.exp(-((distance / excitation_sd) ** 2) / 2)
    inhibited = inhibition * np.exp(-((distance / inhibition_sd) ** 2) / 2)
    connected = (distance > 0) & (distance <= reach)
    return Network(weights=np.where(connected, strength * (excited - inhibited), 0), dale=False)
