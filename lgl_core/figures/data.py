"""Figures of the data and of the models: each function draws in the style of the book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from lgl_core.figures.style import (
    HUB,
    INHIBITORY,
    MARKERS,
    ORDINARY,
    SEQUENTIAL,
    checked_flat,
    checked_square,
    in_style,
    mark_columns,
    panels,
)
from lgl_core.graphs import checked_ids
from lgl_core.networks.network import Network
from lgl_core.spikes import SpikeTrains

__all__ = [
    "attention_example",
    "basis",
    "coupling_filters",
    "interval_histogram",
    "network_degrees",
    "raster",
    "weight_distribution",
]


@in_style
def raster(
    spikes: SpikeTrains,
    start: float = 0.0,
    stop: float = 2.0,
    network: Network | None = None,
    bin_width: float = 0.01,
) -> Figure:
    """Show spikes over time, the population's rate below them and the neurons' rates beside them.

    Parameters
    ----------
    spikes : SpikeTrains
        The recording.
    start, stop : float
        Span of the raster in s. The histogram of rates takes the whole recording.
    network : Network, optional
        If given, the spikes and rates of its hubs are marked.
    bin_width : float
        Bin of the population's rate in s.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the span lies outside the recording, or network and spikes differ in size.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=5, cache=False)
    >>> figure = lgl.raster(spikes, stop=2.0)
    """
    if network is not None and network.n_neurons != spikes.n_neurons:
        raise ValueError(
            f"network must have the {spikes.n_neurons} neurons of the spikes, "
            f"got {network.n_neurons}"
        )
    window = spikes.select(start=start, stop=stop)
    counts = window.binned(bin_width).sum(axis=1)
    hubs = checked_ids("hubs", None if network is None else network.hubs, spikes.n_neurons)

    figure, axes = plt.subplot_mosaic(
        [["spikes", "rates"], ["population", "rates"]],
        figsize=(9, 5.5),
        width_ratios=[3, 1],
        height_ratios=[3, 1],
    )
    axes["population"].sharex(axes["spikes"])
    _spike_panel(axes["spikes"], window, start, hubs)
    axes["population"].stairs(
        counts / (bin_width * spikes.n_neurons),
        start + bin_width * np.arange(len(counts) + 1),
        baseline=None,
        color="black",
    )
    axes["population"].set(
        xlabel="time (s)", ylabel="mean rate\n(Hz)", xlim=(start, stop), ylim=(0, None)
    )
    _rate_panel(axes["rates"], spikes.rates, hubs)
    return figure


@in_style
def network_degrees(network: Network) -> Figure:
    """Show how many partners each neuron has and how strong its outgoing synapses are together.

    Parameters
    ----------
    network : Network
        The ground truth.

    Returns
    -------
    Figure
        Left the degrees of every neuron, right the neurons sorted by the summed size of their
        outgoing synapses in mV; those without any have no place on its logarithmic axis.
    """
    strength = np.abs(network.weights).sum(axis=0)
    rank = rankdata(-strength, method="ordinal")

    figure, (degrees, strengths) = panels(2, height=4)
    for name, ids, look in _kinds(network):
        degrees.plot(network.in_degree[ids], network.out_degree[ids], ls="none", label=name, **look)
        shown = ids[strength[ids] > 0]
        strengths.plot(rank[shown], strength[shown], ls="none", label=name, **look)
    degrees.set(xlabel="in-degree (synapses)", ylabel="out-degree (synapses)", ylim=(0, None))
    strengths.set(xscale="log", xlabel="rank of the neuron", ylabel="outgoing strength (mV)")
    if strength.any():
        strengths.set_yscale("log")
    degrees.legend(loc="best")
    return figure


@in_style
def weight_distribution(network: Network) -> Figure:
    """Show the sizes of synapses by kind of presynaptic neuron.

    Parameters
    ----------
    network : Network
        The ground truth.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the network has no synapse.
    """
    weights = network.weights[network.weights != 0]
    if not weights.size:
        raise ValueError(f"network must have synapses, got {network}")
    edges = np.linspace(min(weights.min(), 0), max(weights.max(), 0), 81).tolist()

    figure, (axes,) = panels(1, height=3.8)
    hatches = {"other": "", "inhibitory": "////", "hub": "\\\\\\\\"}
    for name, ids, look in _kinds(network):
        columns = network.weights[:, ids]
        axes.hist(
            columns[columns != 0],
            edges,
            histtype="stepfilled",
            facecolor="0.85" if name == "other" else "none",
            edgecolor=look["color"],
            hatch=hatches[name],
            label=f"{name} ({np.count_nonzero(columns):,} synapses)",
        )
    axes.set(xlabel="synaptic weight (mV)", ylabel="synapses", yscale="log")
    axes.legend()
    return figure


@in_style
def interval_histogram(intervals: ArrayLike, edges: ArrayLike) -> Figure:
    """Show the distribution of inter-spike intervals and the classes they are sorted into.

    Parameters
    ----------
    intervals : array_like of float, shape (n_intervals,)
        Intervals in s, at least one above zero. The logarithmic axis spans 99.8 % or more of those
        above zero; the title counts the others.
    edges : array_like of float, shape (n_edges,)
        Borders of the classes in s, ascending. Those within the axis are drawn.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If an interval is negative, all are zero or the edges do not ascend.

    Notes
    -----
    Appendix B.1 of the paper: the interval is half of each token.
    """
    intervals = checked_flat("intervals", intervals)
    edges = np.asarray(edges, dtype=float)
    if intervals.min() < 0 or not intervals.any():
        raise ValueError(
            f"intervals must be >= 0 and not all 0 s, got {intervals.min()} to {intervals.max()}"
        )
    if edges.ndim != 1 or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges must be a flat, ascending array, got {edges}")
    positive = intervals[intervals > 0]
    low, high = np.percentile(positive, [0.1, 99.9]) * [0.8, 1.25]
    bins = np.geomspace(low, high, 61)
    counts = np.histogram(positive, bins)[0]

    figure, (axes,) = panels(1, height=3.8)
    axes.stairs(counts / len(intervals), bins * 1e3, fill=True, color="0.6", label="intervals")
    drawn = edges[(edges >= low) & (edges <= high)]
    look: dict[str, Any] = {"colors": "black", "linestyles": ":", "linewidths": 1}
    full_height = axes.get_xaxis_transform()
    axes.vlines(drawn * 1e3, 0, 1, transform=full_height, label="class edges", **look)
    axes.set(xscale="log", xlabel="inter-spike interval (ms)")
    axes.set(ylabel="share of intervals", ylim=(0, None))
    outside = len(intervals) - counts.sum()
    axes.set_title(f"{len(intervals):,} intervals, {outside:,} of them outside the axis")
    axes.legend(loc="upper left")
    return figure


@in_style
def basis(lags: ArrayLike, values: ArrayLike) -> Figure:
    """Show the basis functions that every coupling filter of the GLM is built from.

    Parameters
    ----------
    lags : array_like of float, shape (n_lags,)
        Time since the presynaptic spike in s.
    values : array_like of float, shape (n_lags, n_basis)
        One basis function per column.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Appendix C.2 of the paper.
    """
    lags = checked_flat("lags", lags)
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or len(values) != len(lags):
        raise ValueError(
            f"values must have shape (n_lags, n_basis) with {len(lags)} lags, got {values.shape}"
        )
    figure, (axes,) = panels(1, height=3.5)
    for number, function in enumerate(values.T):
        axes.plot(lags * 1e3, function, label=f"{number + 1}")
    axes.set(xlabel="lag (ms)", ylabel="value of the basis function")
    figure.legend(title="function", loc="outside right center")
    return figure


@in_style
def coupling_filters(
    lags: ArrayLike, filters: ArrayLike, pairs: Mapping[str, tuple[int, int]]
) -> Figure:
    """Show the coupling filters of some pairs of neurons.

    Parameters
    ----------
    lags : array_like of float, shape (n_lags,)
        Time since the presynaptic spike in s.
    filters : array_like of float, shape (n_neurons, n_neurons, n_lags)
        ``filters[post, pre, lag]``: change of the log-odds of a spike.
    pairs : mapping of str to (post, pre)
        Which pairs to draw, by the label they get.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the shapes do not fit or a pair names an unknown neuron.

    Notes
    -----
    Appendix C.4 of the paper.
    """
    lags = checked_flat("lags", lags)
    filters = np.asarray(filters, dtype=float)
    if filters.ndim != 3 or filters.shape[0] != filters.shape[1] or filters.shape[2] != len(lags):
        raise ValueError(
            f"filters must have shape [post, pre, lag] with {len(lags)} lags, got {filters.shape}"
        )
    if not pairs:
        raise ValueError("pairs must name at least one (post, pre), got none")
    for label, pair in pairs.items():
        if len(pair) != 2 or not all(0 <= neuron < len(filters) for neuron in pair):
            raise ValueError(
                f"pairs[{label!r}] must be (post, pre) with ids between 0 and "
                f"{len(filters) - 1}, got {pair}"
            )
    figure, (axes,) = panels(1, height=4)
    axes.axhline(0, color="0.6", ls="-", lw=1)
    for number, (label, (post, pre)) in enumerate(pairs.items()):
        axes.plot(
            lags * 1e3,
            filters[post, pre],
            marker=MARKERS[number % len(MARKERS)],
            markevery=max(1, len(lags) // 10),
            label=f"{label}: {pre} → {post}",
        )
    axes.set(xlabel="lag (ms)", ylabel="coupling filter (log-odds)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@in_style
def attention_example(
    attention: ArrayLike, neurons: ArrayLike, times: ArrayLike, hubs: ArrayLike | None = None
) -> Figure:
    """Show one attention matrix over the tokens of one window.

    Parameters
    ----------
    attention : array_like of float, shape (n_tokens, n_tokens)
        ``attention[query, key]``, the weight that a token gives to an earlier one. Later keys,
        which a causal model never sees, are left blank.
    neurons : array_like of int, shape (n_tokens,)
        The neuron of each token.
    times : array_like of float, shape (n_tokens,)
        The spike time of each token in s; shown from the first one on.
    hubs : array_like of int, optional
        Ids of hubs; keys that are spikes of a hub get a triangle above their column.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the shapes do not fit or a query attends to a later key.
    """
    matrix = checked_square({"attention": attention})["attention"]
    ids = checked_flat("neurons", neurons, len(matrix)).astype(np.int64)
    since_first = checked_flat("times", times, len(matrix)) * 1e3
    since_first = since_first - since_first[0]
    later = np.triu(np.ones(matrix.shape, dtype=bool), 1)
    if matrix[later].any():
        raise ValueError("attention[query, key] must be zero for later keys; is it transposed?")

    figure, axes = plt.subplots(figsize=(8, 7))
    # The first queries have few keys to share their attention among and would set the scale alone.
    limit = np.percentile(matrix[~later], 99) or 1.0
    image = axes.imshow(
        np.ma.masked_array(matrix, later), cmap=SEQUENTIAL, vmin=0, vmax=limit, aspect="equal"
    )
    beyond = "max" if matrix.max() > limit else "neither"
    figure.colorbar(image, ax=axes, label="attention weight", shrink=0.8, extend=beyond)
    # More than about 24 labels on an axis would touch each other.
    shown = np.arange(0, len(ids), -(-len(ids) // 24))
    names = [f"{ids[token]} @ {since_first[token]:.1f}" for token in shown]
    axes.set_xticks(shown, names, rotation=90)
    axes.set_yticks(shown, names)
    axes.set(
        xlabel="key: neuron @ time since first token (ms)",
        ylabel="query: neuron @ time since first token (ms)",
    )
    from_hub = np.flatnonzero(np.isin(ids, np.asarray([] if hubs is None else hubs)))
    if from_hub.size:
        mark_columns(axes, from_hub)
        axes.set_title("triangles: spikes of hubs", pad=24)
    return figure


def _kinds(network: Network) -> list[tuple[str, NDArray[np.int64], dict[str, Any]]]:
    """Name, ids and look of each kind of neuron that the network has, hubs last and so on top."""
    special = np.concatenate([network.hubs, network.inhibitory])
    ordinary = np.setdiff1d(np.arange(network.n_neurons), special)
    kinds = [
        ("other", ordinary, ORDINARY),
        ("inhibitory", network.inhibitory, INHIBITORY),
        ("hub", network.hubs, HUB),
    ]
    return [kind for kind in kinds if kind[1].size]


def _spike_panel(axes: Axes, window: SpikeTrains, start: float, hubs: NDArray[np.int64]) -> None:
    times, ids = start + window.times, window.neurons
    from_hub = np.isin(ids, hubs)
    axes.plot(times[~from_hub], ids[~from_hub], "|", color="0.35", ms=3, mew=0.8)
    if hubs.size:
        axes.plot(times[from_hub], ids[from_hub], "|", color=HUB["color"], ms=11, mew=1.8)
        axes.hlines(hubs, start, start + window.duration, HUB["color"], linewidth=0.6, zorder=0)
        axes.set_title("long orange ticks: hubs")
    axes.set(ylabel="neuron", ylim=(-1, window.n_neurons))
    axes.tick_params(labelbottom=False)


def _rate_panel(axes: Axes, rates: NDArray[np.float64], hubs: NDArray[np.int64]) -> None:
    axes.hist(rates, bins=20, color="0.75", edgecolor="0.35")
    axes.set(xlabel="rate (Hz)", ylabel="neurons")
    if hubs.size:
        # On the axis itself, where no bar can hide them.
        at_zero = np.zeros(len(hubs))
        axes.plot(rates[hubs], at_zero, ls="none", ms=9, clip_on=False, label="hub", **HUB)
        axes.legend()
