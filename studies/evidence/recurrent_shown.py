"""What the page on strong recurrence shows: scores and patterns, over runs of one ring."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from studies.evidence.intervals import means_by
from studies.evidence.report import named
from studies.listed import RATES_ASKED, at_rate
from studies.recurrent import FAR, PATTERN, SHARE, STRENGTHS, STRONGEST, recorded

__all__ = [
    "GRAPH_SCORES",
    "LIST_SCORES",
    "NAMES",
    "by_distance",
    "patterns",
    "scores_of_graphs",
    "scores_of_lists",
]

# By method and reading, in the order of the figures.
NAMES = {
    ("glm", "area"): "GLM",
    ("covariance", "10 ms"): "covariance",
    ("partial covariance", "10 ms"): "partial covariance",
    ("ccg", "1 to 4 ms"): "cross-correlogram",
    ("ccg", "beyond 20 to 50 ms"): "cross-correlogram, beyond its flanks",
    ("transfer entropy", "signed"): "transfer entropy",
    ("tspe", "up to 10 ms"): "TSPE",
}
_LISTED = {("glm", "connections"): "GLM", ("ccg", "connections"): "cross-correlogram"}
# What is shown, by score and by what was kept of the graph.
GRAPH_SCORES = {
    ("auc", ""): "area under ROC",
    ("pearson", ""): "correlation with the weights",
    ("fdr", STRONGEST): "false ones, of as many as there are synapses",
}
LIST_SCORES = {
    ("fdr", at_rate(RATES_ASKED[0])): "false ones in the list",
    ("recall", at_rate(RATES_ASKED[0])): "synapses that are listed",
}
_PATTERNS = {(FAR, ""): FAR, (SHARE, ""): SHARE}


def scores_of_graphs(table: pd.DataFrame) -> pd.DataFrame:
    """Average scores of graphs over runs, with Student's intervals.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``recurrence``.

    Returns
    -------
    DataFrame
        A row per method, score and strength: ``name``, ``what``, ``strength`` in mV, ``mean``,
        ``low``, ``high`` and ``n``, in the order of ``NAMES`` and ``GRAPH_SCORES``.

    Raises
    ------
    NotMeasured
        If a method or a score is not in the table.
    """
    return _over_runs(table, NAMES, GRAPH_SCORES)


def scores_of_lists(table: pd.DataFrame) -> pd.DataFrame:
    """Average scores of the lists of connections, as :func:`scores_of_graphs` does of graphs."""
    return _over_runs(table, _LISTED, LIST_SCORES)


def patterns(table: pd.DataFrame) -> pd.DataFrame:
    """Average how much of a pattern the activity has, as :func:`scores_of_graphs` does scores."""
    return _over_runs(table, {("spikes", "50 ms"): PATTERN}, _PATTERNS)


def by_distance(graphs: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Average graphs of a ring over all pairs that are equally far apart.

    Parameters
    ----------
    graphs : mapping of str to array_like, each of shape (n_neurons, n_neurons)
        ``[post, pre]`` by name; neighbours in id are neighbours on the ring.

    Returns
    -------
    DataFrame
        A row per name and distance, from 1 to half the ring: ``name``, ``distance`` and ``mean``,
        in units of the mean between neighbours.
    """
    found = []
    for name, graph in graphs.items():
        entries = np.asarray(graph, dtype=float)
        n = len(entries)
        distances, ids = np.arange(1, n // 2 + 1), np.arange(n)
        means = [
            (entries[(ids + far) % n, ids].mean() + entries[ids, (ids + far) % n].mean()) / 2
            for far in distances
        ]
        found.append(pd.DataFrame({"name": name, "distance": distances, "mean": means / means[0]}))
    return pd.concat(found, ignore_index=True)


def _over_runs(
    table: pd.DataFrame,
    names: Mapping[tuple[str, str], str],
    scores: Mapping[tuple[str, str], str],
) -> pd.DataFrame:
    strengths = {recorded(strength).label: strength for strength in STRENGTHS}
    series = {
        name: {"method": method, "reading": reading} for (method, reading), name in names.items()
    }
    rows = pd.concat(
        named(table, series, score=score, kept=kept).assign(what=what)
        for (score, kept), what in scores.items()
    )
    rows = rows.assign(strength=rows["network"].map(strengths))
    return means_by(rows.dropna(subset="strength"), ["name", "what", "strength"])
