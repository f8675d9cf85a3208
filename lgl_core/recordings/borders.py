"""A border between two tissues: whether it shows in a graph, and whether where it should.

Graphs are ``[post, pre]``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.metrics.detection import chance_above
from lgl_core.metrics.nulls import permuted
from lgl_core.metrics.scores import off_diagonal

__all__ = ["score_borders", "within_wins"]

AXES = ("columns", "rows")


def within_wins(graph: ArrayLike, places: ArrayLike, groups: ArrayLike) -> float:
    """Tell how often a pair within a group has the larger entry than one as far apart between.

    Parameters
    ----------
    graph : array_like, shape (n_units, n_units)
        ``[post, pre]``. Its diagonal is ignored.
    places : array_like, shape (n_units, n_dimensions)
        Where the units are.
    groups : array_like, shape (n_units,)
        Which part of the preparation each belongs to.

    Returns
    -------
    float
        The area under the ROC curve of telling pairs within from pairs between, at each distance
        (rounded to a whole number) by itself, averaged with the numbers of pairs between as
        weights. 0.5: groups make no difference.

    Raises
    ------
    ValueError
        If there is not one place and one group for each unit, or no distance has pairs of both
        kinds.
    """
    graph = np.asarray(graph, dtype=np.float64)
    return _score(graph, _strata(len(graph), places, groups))


def score_borders(
    graphs: Mapping[str, ArrayLike],
    places: ArrayLike,
    fewest: int = 20,
    n: int = 30,
    seed: int = 0,
) -> pd.DataFrame:
    """Score graphs by every straight border across the places, beside relabelled graphs.

    Parameters
    ----------
    graphs : mapping of str to array_like, each of shape (n_units, n_units)
        ``[post, pre]`` by method.
    places : array_like of int, shape (n_units, 2)
        Column and row of each unit.
    fewest : int
        A border is scored if it leaves so many units on either side.
    n : int
        Relabelled graphs for the null of each border, at least 2.
    seed : int
        Same seed, same graphs.

    Returns
    -------
    DataFrame
        ``name``, ``axis`` (``"columns"``: the border runs between two columns; ``"rows"``),
        ``position`` (the last column or row before it), ``value`` (as from :func:`within_wins`),
        and ``null_mean`` and ``null_sd`` over graphs whose units are relabelled.

    Raises
    ------
    ValueError
        As for :func:`within_wins`, or if ``n`` is too small or no border leaves enough units.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    places = np.asarray(places)
    found = []
    for axis, along in zip(AXES, np.transpose(places), strict=True):
        for position in np.unique(along)[:-1]:
            side = along <= position
            if min(side.sum(), (~side).sum()) >= fewest:
                found.append((axis, int(position), _strata(len(places), places, side)))
    if not found:
        raise ValueError(f"fewest must leave a border to score, got {fewest}")
    rows = []
    for name, given in graphs.items():
        graph, rng = np.asarray(given, dtype=np.float64), np.random.default_rng(seed)
        relabelled = [permuted(graph, rng) for _ in range(n)]
        for axis, position, strata in found:
            nulls = [_score(other, strata) for other in relabelled]
            null = np.mean(nulls), np.std(nulls, ddof=1)
            rows.append((name, axis, position, _score(graph, strata), *null))
    columns = ["name", "axis", "position", "value", "null_mean", "null_sd"]
    return pd.DataFrame(rows, columns=columns)


# Indices of pairs within and between, one entry for each distance that has both.
_Strata = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


def _strata(n_units: int, places: ArrayLike, groups: ArrayLike) -> _Strata:
    places, groups = np.asarray(places, dtype=np.float64), np.asarray(groups)
    for name, given in (("places", places), ("groups", groups)):
        if len(given) != n_units:
            raise ValueError(f"{name} must have an entry for each of {n_units}, got {len(given)}")
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    distance = np.rint(off_diagonal(apart))
    within = off_diagonal(groups[:, None] == groups[None]).astype(bool)
    strata = []
    for step in np.unique(distance):
        inside, across = (np.flatnonzero((distance == step) & side) for side in (within, ~within))
        if len(inside) and len(across):
            strata.append((inside, across))
    if not strata:
        raise ValueError("groups must have pairs both within and between at some distance")
    return strata


def _score(graph: NDArray, strata: _Strata) -> float:
    entries = off_diagonal(graph)
    areas, weights = [], []
    for inside, across in strata:
        areas.append(chance_above(entries[inside], entries[across]))
        weights.append(len(across))
    return float(np.average(areas, weights=weights))
