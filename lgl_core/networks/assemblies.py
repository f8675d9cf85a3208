"""Hubs that are stripes of neighbouring neurons: the network that the paper's data come from.

The structure is that of a published figure, on which weights are shown and no numbers are given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgl_core.networks.network import Network

__all__ = ["assembly_of", "block_means", "hub_assemblies"]


def hub_assemblies(
    n_neurons: int = 300,
    hub_weight: ArrayLike = (0.40, 0.46, 0.35),
    source_sd: ArrayLike = (4.0, 3.5, 4.0),
    target_sd: ArrayLike = (40.0, 36.0, 44.0),
    background: float = 0.2,
    background_power: float = 3.0,
    scale: float = 1.0,
    seed: int = 0,
) -> Network:
    r"""Draw a dense network of neighbours in which each hub drives a part of its own.

    .. math:: A_{ij} = s\left[\sum_h w_h\,
        e^{-(i - c_h)^2 / 2 a_h^2}\, e^{-(j - c_h)^2 / 2 b_h^2}\; 2 u_{ij} - g\, v_{ij}^p\right]

    for target i and source j, with :math:`u` and :math:`v` even between 0 and 1. A hub is a stripe:
    some ten neighbouring neurons, all of which reach the same part of the network. Everybody
    inhibits everybody else weakly, so that the columns of hubs have both signs (no Dale's
    principle) and there are no inhibitory neurons.

    Parameters
    ----------
    n_neurons : int
        Number of neurons. Ids are not shuffled: neighbours in id are neighbours in wiring.
    hub_weight : array_like of float, shape (n_hubs,)
        Mean weight of each hub at the centre of its stripe, above the background: w, in thresholds
        before ``scale``. The hubs stand evenly in the network, in the middle of their parts.
    source_sd, target_sd : array_like of float, shape (n_hubs,) or ()
        How far the stripe of a hub reaches, in neurons: over its sources (b) and its targets (a).
    background : float
        Largest weight of the inhibition, g, in thresholds before ``scale``.
    background_power : float
        How rare strong inhibition is: p.
    scale : float
        What all weights are multiplied with, s: thresholds per unit of the figure's colour bar,
        which does not say what it is.
    seed : int
        Same seed, same network.

    Returns
    -------
    Network
        With ``weights[post, pre]`` in thresholds, ``dale=False``, and ``hubs`` of ``hub_groups``:
        the neurons whose stripe has at least half of its height.

    Raises
    ------
    ValueError
        If there are fewer than two neurons per hub, a width or a power is not positive, a weight is
        negative, or widths and weights differ in number.

    Notes
    -----
    Read off the panel of true weights in Antoniades et al., Neuroformer (ICLR 2024), with 300
    neurons: widths and heights of the three stripes, and the mean of the background. The law of
    the background is not settled: a cube renders best of fifty that were tried.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.hub_assemblies(seed=0)
    >>> network.n_neurons, network.dale
    (300, False)
    """
    weight = np.atleast_1d(np.asarray(hub_weight, dtype=float))
    n_hubs = len(weight)
    if weight.ndim != 1 or n_neurons < 2 * n_hubs:
        raise ValueError(
            f"n_neurons must be at least two for each of the {n_hubs} hubs of hub_weight, "
            f"got {n_neurons}"
        )
    source, target = (
        _one_per_hub(name, value, n_hubs)
        for name, value in (("source_sd", source_sd), ("target_sd", target_sd))
    )
    for name, values in (("hub_weight", weight), ("background", np.array([background]))):
        if not (np.isfinite(values).all() and values.min() >= 0):
            raise ValueError(f"{name} must be 0 or more, got {values.tolist()}")
    for name, value in (("background_power", background_power), ("scale", scale)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be above 0, got {value}")

    rng = np.random.default_rng(seed)
    ids, centres = np.arange(n_neurons), _centres(n_neurons, n_hubs)
    along_sources = np.exp(-(((ids - centres[:, None]) / source[:, None]) ** 2) / 2)
    along_targets = np.exp(-(((ids - centres[:, None]) / target[:, None]) ** 2) / 2)
    envelope = np.einsum("h,hi,hj->ij", weight, along_targets, along_sources)
    excited = envelope * rng.uniform(0, 2, envelope.shape)
    inhibited = background * rng.random(envelope.shape) ** background_power
    weights = scale * (excited - inhibited)
    np.fill_diagonal(weights, 0)
    hub, member = np.nonzero(along_sources >= 0.5)
    return Network(weights=weights, hubs=member, hub_groups=hub, dale=False)


def assembly_of(n_neurons: int, n_assemblies: int = 3) -> NDArray[np.int64]:
    """Tell to which part of the network each neuron belongs: equal spans of ids.

    Parameters
    ----------
    n_neurons, n_assemblies : int

    Returns
    -------
    ndarray of int, shape (n_neurons,)
        From 0 to ``n_assemblies - 1``.
    """
    return np.arange(n_neurons) * n_assemblies // n_neurons


def block_means(matrix: ArrayLike, groups: ArrayLike) -> NDArray[np.float64]:
    """Average a matrix over the pairs of each two groups of neurons, its diagonal left out.

    Parameters
    ----------
    matrix : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``, or symmetric.
    groups : array_like of int, shape (n_neurons,)
        Group of each neuron, from 0 up.

    Returns
    -------
    ndarray, shape (n_groups, n_groups)
        Of pairs of group ``[of post, of pre]``; NaN where there is no such pair.
    """
    matrix, belongs = np.asarray(matrix, dtype=float), np.asarray(groups)
    indicator = np.eye(belongs.max() + 1)[belongs]
    between = ~np.eye(len(matrix), dtype=bool)
    pairs = indicator.T @ between @ indicator
    sums = indicator.T @ np.where(between, matrix, 0) @ indicator
    return np.divide(sums, pairs, out=np.full_like(sums, np.nan), where=pairs > 0)


def _centres(n_neurons: int, n_hubs: int) -> NDArray[np.float64]:
    """Find the middle of each part, counted from 0: 49, 149 and 249 of 300."""
    return (np.arange(n_hubs) + 0.5) * n_neurons / n_hubs - 1


def _one_per_hub(name: str, value: ArrayLike, n_hubs: int) -> NDArray[np.float64]:
    widths = np.asarray(value, dtype=float)
    if widths.ndim == 0:
        widths = np.full(n_hubs, widths)
    if widths.shape != (n_hubs,):
        raise ValueError(
            f"{name} must be one number, or one for each of the {n_hubs} hubs of hub_weight, "
            f"got {value!r}"
        )
    if not (np.isfinite(widths).all() and widths.min() > 0):
        raise ValueError(f"{name} must be above 0 neurons, got {value!r}")
    return widths
