"""What of a graph is beyond chance, where there is no truth to compare with.

Graphs are ``[post, pre]``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.metrics.scores import off_diagonal
from lgl_core.spikes import SpikeTrains

__all__ = [
    "beyond_chance",
    "chance_band",
    "found_and_expected",
    "jittered",
    "marks_by_distance",
    "within_and_between",
]


def jittered(spikes: SpikeTrains, window: float, seed: int = 0) -> SpikeTrains:
    """Move every spike to a random place within its window: what is slow stays, what is fast goes.

    Parameters
    ----------
    spikes : SpikeTrains
    window : float
        In s. Each epoch is cut into windows of this length; counts within each stay.
    seed : int
        Same seed, same places.

    Returns
    -------
    SpikeTrains
        Of the same neurons, counts and duration. Units still fire in the same bursts, but none
        drives another within less than a window.

    Raises
    ------
    ValueError
        If ``window`` is not positive, or longer than the recording.

    Notes
    -----
    Interval jitter: Amarasingham, Harrison, Hatsopoulos and Geman, Conditional modeling and the
    jitter method of spike resampling (2012). Refractory periods are not kept.
    """
    if not 0 < window <= spikes.duration:
        raise ValueError(
            f"window must be above 0 and at most {spikes.duration} s, the recording, got {window}"
        )
    begins, ends = np.repeat(spikes.epochs, np.diff(spikes.bounds()), axis=0).T
    starts = begins + np.floor((spikes.times - begins + spikes.resolution) / window) * window
    lengths = np.minimum(window, ends - starts)
    times = starts + np.random.default_rng(seed).uniform(0, 1, len(spikes)) * lengths
    # Rounding may lift a place to the very end of an epoch, which is outside of it.
    times = np.minimum(times, np.nextafter(ends, 0))
    return spikes.moved(times)


def chance_band(null: ArrayLike, share: float = 0.01) -> tuple[float, float]:
    """Find the band that holds nearly all entries of a graph made from spikes without relations.

    Parameters
    ----------
    null : array_like, shape (n_neurons, n_neurons)
        The graph of the same method, from spikes that are jittered (:func:`jittered`) or shifted
        in time (:func:`lgl_core.baselines.pairwise.shifted_in_time`). Its diagonal is ignored.
    share : float
        Share of entries outside of the band, half of them on either side.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If ``share`` is not strictly between 0 and 1 or ``null`` is not square and finite.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie strictly between 0 and 1, got {share}")
    low, high = np.quantile(off_diagonal(null), [share / 2, 1 - share / 2])
    return float(low), float(high)


def beyond_chance(graph: ArrayLike, band: tuple[float, float]) -> NDArray[np.int64]:
    """Mark the connections that chance does not make.

    Parameters
    ----------
    graph : array_like, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    band : tuple of float
        As from :func:`chance_band`.

    Returns
    -------
    ndarray of int, shape (n_neurons, n_neurons)
        1 above the band, -1 below it, 0 within and on the diagonal.
    """
    graph = np.asarray(graph, dtype=np.float64)
    marks = (graph > band[1]).astype(np.int64) - (graph < band[0])
    np.fill_diagonal(marks, 0)
    return marks


def found_and_expected(marks: Mapping[str, ArrayLike], share: float = 0.01) -> pd.DataFrame:
    """Count the pairs beyond chance, beside how many chance alone puts there.

    Parameters
    ----------
    marks : mapping of str to array_like, each of shape (n_neurons, n_neurons)
        By method, as from :func:`beyond_chance`.
    share : float
        Of pairs outside of the band by chance, as for :func:`chance_band`.

    Returns
    -------
    DataFrame
        Indexed by method: pairs found ``above`` and ``below``, how many are ``expected on each
        side`` among all pairs, and all ``pairs``.

    Notes
    -----
    A band can be no surer than its null is large: of ``n`` entries the one expected beyond the
    largest of ``n`` others, and the border lies between two of these, by rank.
    """
    counts = {name: off_diagonal(found) for name, found in marks.items()}
    rows = {
        name: {
            "above": int((found > 0).sum()),
            "below": int((found < 0).sum()),
            "expected on each side": _beyond_border(found.size, share / 2),
            "pairs": found.size,
        }
        for name, found in counts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _beyond_border(n: int, tail: float) -> float:
    """Expect as many of n entries beyond a quantile of n others of the same distribution."""
    return n * (n - (n - 1) * (1 - tail)) / (n + 1)


def marks_by_distance(
    marks: Mapping[str, ArrayLike], places: ArrayLike, groups: ArrayLike
) -> pd.DataFrame:
    """Count connections by how far apart units are, within groups of them and between.

    Parameters
    ----------
    marks : mapping of str to array_like, each of shape (n_units, n_units)
        By method, as from :func:`beyond_chance`.
    places : array_like, shape (n_units, n_dimensions)
        Where the units are.
    groups : array_like, shape (n_units,)
        Which part of the preparation each belongs to.

    Returns
    -------
    DataFrame
        ``name`` of the method, ``distance`` (rounded to a whole number, in the unit of
        ``places``), ``group`` (``"within"`` or ``"between"``), ``value`` (the share of pairs that
        are marked above chance) and ``n_pairs``.

    Raises
    ------
    ValueError
        If there is not one place and one group for each unit.
    """
    places, groups = np.asarray(places, dtype=np.float64), np.asarray(groups)
    for name, given in (("places", places), ("groups", groups)):
        lengths = {np.shape(found)[0] for found in marks.values()} | {len(given)}
        if len(lengths) > 1:
            raise ValueError(f"{name} must have an entry for each unit, got {len(given)}")
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    pairs = pd.DataFrame(
        {
            "distance": off_diagonal(distances).round().astype(int),
            "group": np.where(off_diagonal(groups[:, None] == groups[None]), "within", "between"),
        }
    )
    tables = [
        pairs.assign(name=name, value=off_diagonal(found) > 0) for name, found in marks.items()
    ]
    grouped = pd.concat(tables).groupby(["name", "distance", "group"], sort=False)["value"]
    return grouped.agg(value="mean", n_pairs="size").reset_index()


def within_and_between(table: pd.DataFrame) -> pd.DataFrame:
    """Compare how often units are connected within groups and between, at equal distance.

    Parameters
    ----------
    table : DataFrame
        As from :func:`marks_by_distance`.

    Returns
    -------
    DataFrame
        Indexed by the names of methods: ``within`` and ``between``, shares of pairs. At each
        distance pairs within a group weigh as much as there are pairs between groups, so that a
        border is not found where there is only distance. Distances at which one kind has no pairs
        are left out.

    Raises
    ------
    ValueError
        If no distance has pairs of both kinds.
    """
    sides = table.pivot(index=["name", "distance"], columns="group", values=["value", "n_pairs"])
    if not {"within", "between"} <= set(table["group"]) or (sides := sides.dropna()).empty:
        raise ValueError("table must have a distance with pairs both within and between groups")
    weights = sides["n_pairs", "between"]
    means = {
        group: (sides["value", group] * weights).groupby("name", sort=False).sum()
        / weights.groupby("name", sort=False).sum()
        for group in ("within", "between")
    }
    return pd.DataFrame(means)
