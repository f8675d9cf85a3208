"""What a claim is, how figures become a verdict, and the readings that are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from studies.evidence.intervals import Difference, with_spread
from studies.evidence.report import chosen, per_network
from studies.names import CORRELATIONS, READING_NAMES
from studies.points import EQUAL_ROWS, EXCESS_SHARES
from studies.rows import labels_of

__all__ = [
    "ATTENTION",
    "BOTH_READ",
    "CCG",
    "CHANCE_BEYOND",
    "EQUAL",
    "EXCESS",
    "GLM",
    "GLM_AREA",
    "GRAPH_INSIDE",
    "LAST_LAYER",
    "ROTARY",
    "ROTARY_EXCESS",
    "SERIES",
    "Claim",
    "Finding",
    "Tables",
    "above_null",
    "beyond_null",
    "influence_of",
    "means_of",
    "null_of",
    "null_spread",
    "verdict_of",
    "z_values",
]

# The readings that claims and pages compare: those of the paper, a rotary model's, and one line.
GLM = labels_of("glm", reading="peak")
GLM_AREA = GLM | {"reading": "area"}
CCG = labels_of("ccg", reading="1 to 4 ms")
ATTENTION = labels_of("attention", model="interval") | {"layer": "all"}
ROTARY = ATTENTION | {"model": "rotary"}
EQUAL = ATTENTION | {"reading": EQUAL_ROWS}
EXCESS = ATTENTION | {"reading": EXCESS_SHARES}
ROTARY_EXCESS = ROTARY | {"reading": EXCESS_SHARES}
LAST_LAYER = ROTARY | {"layer": "3"}
GRAPH_INSIDE = labels_of("graph_constrained", model="alone", reading="area")
BOTH_READ = labels_of(
    "graph_constrained", model="with rotary", reading="influence", quantity="log rate"
)
# What figures call them.
SERIES = {
    "GLM, peak": GLM,
    "cross-correlogram": CCG,
    "Neuroformer, interval": ATTENTION,
    f"interval, {READING_NAMES[EXCESS_SHARES]}": EXCESS,
    "Neuroformer, rotary": ROTARY,
    f"rotary, {READING_NAMES[EXCESS_SHARES]}": ROTARY_EXCESS,
}

# Of graphs that know nothing, the share that lies two standard deviations above its null.
CHANCE_BEYOND = float(norm.sf(2))

Tables = Callable[[str], pd.DataFrame]


class Finding(NamedTuple):
    """What the studies say about a claim.

    Parameters
    ----------
    measured, null : str
        The figures, and what a graph scores that does not know who is connected.
    verdict : str
        ``"holds"``, ``"holds in part"`` or ``"does not hold"``, with the condition.
    differences : tuple of Difference
        Those that the verdict rests on: many claims that are tested at once have many chances.
    """

    measured: str
    null: str
    verdict: str
    differences: tuple[Difference, ...] = ()


class Claim(NamedTuple):
    """A claim, and how it is tested.

    Parameters
    ----------
    source : str
        Where it stands.
    text : str
        What is claimed.
    shown_in : str
        Label of the section that shows the figures.
    test : callable
        From the tables of the studies (by name) to a :class:`Finding`.
    """

    source: str
    text: str
    shown_in: str
    test: Callable[[Tables], Finding]


def influence_of(model: str, change: str = "removed", quantity: str = "log rate") -> dict[str, Any]:
    """Give the labels of influence: of what is done to a spike, on what, in which model."""
    return labels_of("influence", model=model, reading=change, quantity=quantity)


def verdict_of(checks: Iterable[bool], condition: str = "") -> str:
    """Say whether a claim holds.

    Parameters
    ----------
    checks : iterable of bool
        Whether each part of the claim is borne out.
    condition : str
        What was tested, where the claim alone does not tell.

    Returns
    -------
    str
        ``"**holds**"`` if all parts are borne out, ``"**holds in part**"`` if some are,
        ``"**does not hold**"`` if none is; and the condition.
    """
    found = list(checks)
    word = "holds" if all(found) else "holds in part" if any(found) else "does not hold"
    return f"**{word}**" + f" (tested: {condition})" * bool(condition)


def z_values(rows: pd.DataFrame) -> pd.Series[float]:
    """Tell by how many standard deviations of its null each score lies above the null's mean."""
    return (rows["value"] - rows["null_mean"]) / rows["null_sd"]


def beyond_null(rows: pd.DataFrame, side: int = 1) -> pd.Series[bool]:
    """Tell of each score whether it lies beyond its null: two standard deviations off its mean.

    Parameters
    ----------
    rows : DataFrame
        As from :func:`studies.results.load`, with one kind of null. Graphs that are relabelled
        score zero on average; those that keep who sends and receives much do not.
    side : {1, -1}
        Above it, or below.

    Returns
    -------
    Series of bool
        Of graphs that know nothing ``CHANCE_BEYOND`` lie there.

    Raises
    ------
    ValueError
        If the rows have several kinds of null, or none: which one is meant has to be chosen.
    """
    _one_null(rows)
    return side * (rows["value"] - rows["null_mean"]) > 2 * rows["null_sd"]


def _one_null(rows: pd.DataFrame) -> None:
    nulls = sorted(set(rows["null"]))
    if len(nulls) != 1 or not nulls[0]:
        raise ValueError(f"rows must have one kind of null, got {nulls}: choose one, as null=...")


def null_of(table: pd.DataFrame) -> str:
    """Write the mean of the null and two standard deviations, averaged over the rows that have one.

    Raises
    ------
    ValueError
        As for :func:`beyond_null`.
    """
    table = table[table["null"] != ""]
    _one_null(table)
    return with_spread(table["null_mean"].mean(), table["null_sd"].mean())


def null_spread(table: pd.DataFrame, **labels: object) -> str:
    """Write the null of both correlations, averaged over networks.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    **labels
        As for :func:`studies.evidence.report.chosen`.
    """
    return " / ".join(null_of(chosen(table, score=score, **labels)) for score in CORRELATIONS)


def above_null(table: pd.DataFrame, **labels: object) -> list[bool]:
    """Tell whether each correlation lies above its null, both averaged over networks.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    **labels
        As for :func:`studies.evidence.report.chosen`.

    Raises
    ------
    ValueError
        As for :func:`beyond_null`.
    """
    rows = chosen(table, score=CORRELATIONS, **labels)
    _one_null(rows)
    nulls = rows.groupby("score")[["null_mean", "null_sd"]].mean().loc[list(CORRELATIONS)]
    lead = means_of(table, **labels) - nulls["null_mean"].to_numpy()
    return [bool(known) for known in lead > 2 * nulls["null_sd"].to_numpy()]


def means_of(table: pd.DataFrame, **labels: object) -> NDArray[np.float64]:
    """Average each correlation over networks.

    The labels are as for :func:`studies.evidence.report.chosen`.
    """
    rows = per_network(chosen(table, score=CORRELATIONS, **labels), ["score"])
    return rows.groupby("score")["value"].mean().loc[list(CORRELATIONS)].to_numpy()
