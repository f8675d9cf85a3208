"""Figures of graphs: the truth and what was recovered of it.

Every graph is an array ``[post, pre]``; the diagonal, a neuron to itself, is never shown or scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist

from lgl_core.figures.style import (
    HUB,
    MARKERS,
    SEQUENTIAL,
    SIGNED,
    checked_flat,
    checked_square,
    in_style,
    mark_columns,
    panels,
    shared_legend,
)
from lgl_core.graphs import checked_ids
from lgl_core.metrics.scores import pearson, spearman

__all__ = [
    "co_input_matrices",
    "connectivity_matrices",
    "edge_scatter",
    "hub_ranking",
    "singular_values",
]


@in_style
def connectivity_matrices(
    graphs: Mapping[str, ArrayLike],
    hubs: ArrayLike | None = None,
    order: ArrayLike | None = None,
    columns: ArrayLike | None = None,
    labels: Mapping[str, str] | None = None,
    percentile: float = 90.0,
) -> Figure:
    """Show graphs side by side, each with a colour scale of its own.

    A graph with negative entries gets a scale around zero, in which darker than the middle means
    inhibition and lighter means excitation; any other graph one from its low to its high values.

    Parameters
    ----------
    graphs : mapping of str to array_like, each of shape (n_neurons, n_neurons)
        ``[post, pre]`` by title.
    hubs : array_like of int, optional
        Ids of hubs; their columns get a triangle.
    order : array_like of int, shape (n_neurons,), optional
        All ids in the order of rows and columns. Default: ascending.
    columns : array_like of int, optional
        Presynaptic neurons to show, for a closer look at a few columns. Default: all, in `order`.
    labels : mapping of str to str, optional
        What the colours mean, with the unit, by title.
    percentile : float
        The scale ends at this percentile of the sizes of the off-diagonal entries that are not
        zero, so that a few hub columns do not hide all else. Entries beyond share the last colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the graphs are not square matrices of one size or an id is unknown.

    Notes
    -----
    Figure 1 of the paper.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.hub_network(n_neurons=20)
    >>> figure = lgl.connectivity_matrices({"truth": network.weights}, hubs=network.hubs)
    """
    matrices = checked_square(graphs)
    n_neurons = len(next(iter(matrices.values())))
    hubs = checked_ids("hubs", hubs, n_neurons)
    rows = _checked_order(order, n_neurons)
    shown = rows if columns is None else checked_ids("columns", columns, n_neurons)

    figure, axes = _matrix_panels(len(matrices))
    for panel, (name, matrix) in zip(axes, matrices.items(), strict=True):
        label = (labels or {}).get(name, "weight (arbitrary units)")
        _matrix_panel(panel, matrix, rows, shown, label, percentile)
        panel.set_title(name, pad=18 if hubs.size else 6)
        panel.set(xlabel="presynaptic neuron", ylabel="postsynaptic neuron")
        marked = np.flatnonzero(np.isin(shown, hubs))
        if marked.size:
            mark_columns(panel, marked)
    return figure


@in_style
def co_input_matrices(
    co_inputs: Mapping[str, ArrayLike],
    order_by: str | None = None,
    labels: Mapping[str, str] | None = None,
    percentile: float = 99.0,
) -> Figure:
    """Show co-input matrices side by side: which neurons hear the same presynaptic neurons.

    Parameters
    ----------
    co_inputs : mapping of str to array_like, each of shape (n_neurons, n_neurons)
        The symmetric matrices ``B = A A^T`` by title.
    order_by : str, optional
        Title of a matrix, the truth as a rule, whose clusters order the neurons in all panels, so
        that neurons with much shared input stand together. Default: ascending ids.
    labels : mapping of str to str, optional
        What the colours mean, with the unit, by title.
    percentile : float
        The scale ends at this percentile of the off-diagonal entries.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the matrices are not symmetric and of one size, or ``order_by`` is none of them.

    Notes
    -----
    Appendix D of the paper.
    """
    matrices = checked_square(co_inputs)
    for name, matrix in matrices.items():
        if not np.allclose(matrix, matrix.T):
            raise ValueError(f"{name} must be symmetric (B = A A^T); is it the graph itself?")
    if order_by is not None and order_by not in matrices:
        raise ValueError(f"order_by must be one of {list(matrices)}, got {order_by!r}")
    rows = np.arange(len(next(iter(matrices.values()))))
    if order_by is not None:
        rows = _clustered(matrices[order_by])

    figure, axes = _matrix_panels(len(matrices))
    for panel, (name, matrix) in zip(axes, matrices.items(), strict=True):
        label = (labels or {}).get(name, "co-input (squared units)")
        _matrix_panel(panel, matrix, rows, rows, label, percentile)
        axis_label = "neuron" if order_by is None else "neuron (clustered)"
        panel.set(title=name, xlabel=axis_label, ylabel=axis_label)
    return figure


@in_style
def edge_scatter(
    truth: ArrayLike,
    estimates: Mapping[str, ArrayLike],
    hubs: ArrayLike | None = None,
    truth_label: str = "true weight (mV)",
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Show estimated against true weights, one point per ordered pair of neurons.

    Parameters
    ----------
    truth : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]`` in mV.
    estimates : mapping of str to array_like, each of the shape of the truth
        ``[post, pre]`` by method.
    hubs : array_like of int, optional
        Ids of hubs; their outgoing pairs get a look of their own.
    truth_label : str
        Name and unit of the true weights.
    labels : mapping of str to str, optional
        Name and unit of the estimates by method.

    Returns
    -------
    Figure
        The title of a panel tells Pearson's and Spearman's correlation over all off-diagonal pairs.

    Raises
    ------
    ValueError
        If the matrices are not square and of one size, or a hub is unknown.
    """
    if not estimates:
        raise ValueError("estimates must hold at least one graph, got none")
    true = checked_square({"truth": truth})["truth"]
    matrices = checked_square({"truth": true, **estimates})
    from_hub = np.zeros(true.shape, dtype=bool)
    from_hub[:, checked_ids("hubs", hubs, len(true))] = True
    off_diagonal = ~np.eye(len(true), dtype=bool)

    figure, axes = panels(len(estimates), height=4.0)
    for panel, name in zip(axes, estimates, strict=True):
        for kind, pairs, look in (
            ("other pairs", ~from_hub, {"color": "0.4", "marker": ".", "ms": 3}),
            ("pairs from a hub", from_hub, {**HUB, "ms": 5, "mfc": "none"}),
        ):
            chosen = pairs & off_diagonal
            if chosen.any():
                panel.plot(
                    true[chosen],
                    matrices[name][chosen],
                    ls="none",
                    rasterized=True,
                    label=kind,
                    **look,
                )
        scores = pearson(matrices[name], true), spearman(matrices[name], true)
        panel.set_title("{}\nPearson {:.2f}\nSpearman {:.2f}".format(name, *scores))
        panel.set(xlabel=truth_label, ylabel=(labels or {}).get(name, "estimate (arbitrary units)"))
    shared_legend(figure)
    return figure


@in_style
def singular_values(spectra: Mapping[str, ArrayLike], floor: float = 1e-3) -> Figure:
    """Show the spectra whose distance is the spectral divergence.

    Parameters
    ----------
    spectra : mapping of str to array_like of float, each of shape (n_values,)
        Singular values of the centred graphs over the largest one, descending, by name.
    floor : float
        Lower end of the logarithmic axis; smaller values are not seen.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a spectrum is not flat, ascends, or is not normalised.

    Notes
    -----
    Appendix E of the paper.
    """
    if not spectra:
        raise ValueError("spectra must hold at least one spectrum, got none")
    values = {name: checked_flat(name, spectrum) for name, spectrum in spectra.items()}
    for name, spectrum in values.items():
        descending = (np.diff(spectrum) <= 0).all() and spectrum[-1] >= 0
        if not descending or not np.isclose(spectrum[0], 1):
            raise ValueError(f"{name} must descend from 1 to no less than 0, got {spectrum}")

    figure, (axes,) = panels(1, height=4)
    for number, (name, spectrum) in enumerate(values.items()):
        axes.plot(
            1 + np.arange(len(spectrum)),
            spectrum,
            marker=MARKERS[number % len(MARKERS)],
            markevery=0.08,
            label=name,
        )
    axes.set(xscale="log", xlabel="rank", yscale="log", ylim=(floor, 1.2))
    axes.set(ylabel="singular value / largest (no unit)")
    axes.legend()
    return figure


@in_style
def hub_ranking(
    strength: Mapping[str, ArrayLike],
    hubs: ArrayLike,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Show the neurons sorted by outgoing strength and where the hubs rank among them.

    Parameters
    ----------
    strength : mapping of str to array_like of float, each of shape (n_neurons,)
        Outgoing strength of every neuron (a summary of its column of the graph) by method.
    hubs : array_like of int
        Ids of the hubs.
    labels : mapping of str to str, optional
        Name and unit of the strengths by method.

    Returns
    -------
    Figure
        The title of a panel tells the ranks of the hubs.

    Raises
    ------
    ValueError
        If the arrays differ in length, there is no hub, or one is unknown.
    """
    if not strength:
        raise ValueError("strength must hold at least one method, got none")
    n_neurons = np.size(next(iter(strength.values())))
    values = {name: checked_flat(name, array, n_neurons) for name, array in strength.items()}
    hubs = checked_ids("hubs", hubs, n_neurons)
    if not hubs.size:
        raise ValueError("hubs must name at least one neuron, got none")

    figure, axes = panels(len(values), height=3.9)
    for panel, (name, array) in zip(axes, values.items(), strict=True):
        order = np.argsort(-array, kind="stable")
        ranks = 1 + np.flatnonzero(np.isin(order, hubs))
        panel.plot(1 + np.arange(n_neurons), array[order], "-", color="0.5", label="all neurons")
        panel.plot(ranks, array[order][ranks - 1], ls="none", ms=9, mec="black", label="hub", **HUB)
        panel.set_title(f"{name}\nhub ranks: {', '.join(map(str, ranks))}")
        panel.set(
            xscale="log",
            xlabel="rank of the neuron",
            ylabel=(labels or {}).get(name, "outgoing strength (arb. units)"),
        )
    shared_legend(figure)
    return figure


def _checked_order(order: ArrayLike | None, n_neurons: int) -> NDArray[np.int64]:
    if order is None:
        return np.arange(n_neurons)
    ids = checked_ids("order", order, n_neurons)
    if len(ids) != n_neurons:
        raise ValueError(f"order must hold all {n_neurons} neurons, got {len(ids)}")
    return ids


def _matrix_panels(n_panels: int) -> tuple[Figure, list[Axes]]:
    """Open panels for square matrices, with room for a title above and a scale below each."""
    width = 6.0 if n_panels == 1 else 9.0
    return panels(n_panels, height=1.2 * width / min(n_panels, 3) + 0.5, width=width)


def _matrix_panel(
    axes: Axes,
    matrix: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    label: str,
    percentile: float,
) -> None:
    diagonal = np.eye(len(matrix), dtype=bool)
    off_diagonal = matrix[~diagonal]
    scale, extend = colour_scale(off_diagonal, percentile)
    whole = len(columns) == len(rows)
    image = axes.imshow(
        np.ma.masked_array(matrix, diagonal)[np.ix_(rows, columns)],
        aspect="equal" if whole else "auto",
        # A few wide columns would otherwise be smoothed into each other.
        interpolation="auto" if whole else "nearest",
        **scale,
    )
    bar = axes.figure.colorbar(
        image, ax=axes, orientation="horizontal", label=label, extend=extend, shrink=0.95
    )
    # More numbers as wide as 0.0025 would touch each other.
    bar.set_ticks(MaxNLocator(3, steps=[1, 2, 4, 5, 10]))
    if len(columns) <= 12:
        axes.set_xticks(range(len(columns)), [str(neuron) for neuron in columns])


def colour_scale(values: NDArray[np.float64], percentile: float) -> tuple[dict[str, Any], str]:
    """Colour map and limits of a matrix, and at which ends of the scale values lie beyond it."""
    if not values.size:
        return {"cmap": SEQUENTIAL, "vmin": 0.0, "vmax": 1.0}, "neither"
    size = np.abs(values[values != 0])
    limit = np.percentile(size, percentile) if size.size else 1.0
    low, high = -limit, limit
    if values.min() >= 0:
        low = np.percentile(values, 100 - percentile)
        high = limit if limit > low else low + 1
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(values.min() < low), bool(values.max() > high)), "neither")
    return {"cmap": SIGNED if low < 0 else SEQUENTIAL, "vmin": low, "vmax": high}, extend


def _clustered(co_input: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order of the neurons in which those that share much input are neighbours."""
    # The diagonal, a neuron's own total input, says nothing about sharing.
    rows = co_input.copy()
    np.fill_diagonal(rows, 0)
    if len(rows) < 3:
        return np.arange(len(rows))
    return leaves_list(linkage(pdist(rows), method="ward", optimal_ordering=True)).astype(np.int64)
