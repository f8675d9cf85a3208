"""What the page on networks that others made shows: who finds them, and whether a rate is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_glm
from lgl_core.glm.inference import coupling_test
from lgl_core.spikes import SpikeTrains
from studies.evidence.intervals import mean_interval, means_by, with_interval
from studies.public_bench import RATE

__all__ = [
    "AUC",
    "FALSE",
    "FOUND",
    "LISTED",
    "MCC",
    "PRECISION",
    "by_method",
    "by_share",
    "in_words",
    "p_without_connections",
    "scores_shown",
    "signs",
    "sizes",
]

AUC, PRECISION = "area under ROC", "average precision"
MCC, FALSE, FOUND = "Matthews' correlation", "false among the listed", "connections that are listed"
LISTED = "listed"
_SCORES = {
    AUC: "auc",
    PRECISION: "average precision",
    MCC: "mcc",
    FALSE: "fdr",
    FOUND: "recall",
    LISTED: "called",
}


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Tell source and kind apart, and name methods by both their columns."""
    parts = table["network"].str.split(", ", n=1)
    name = (table["method"] + ", " + table["reading"]).str.strip(", ")
    return table.assign(source=parts.str[0], kind=parts.str[1], name=name)


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Tell how large the recordings are.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``public_networks``.

    Returns
    -------
    DataFrame
        A row per source and kind: ``networks``, ``neurons``, ``seconds``, and the fewest and most
        ``spikes`` and ``connections``, with the ``pairs`` that could be connected.
    """
    rows = _named(table[table["view"] == "recording"])
    found = []
    for (source, kind), mine in rows.groupby(["source", "kind"], sort=False):
        wide = mine.pivot_table(index="network_seed", columns="score", values="value")
        n, spikes = int(wide["neurons"].iloc[0]), mine.groupby("network_seed")["n_spikes"].first()
        found.append(
            {
                "source": source, "kind": kind, "networks": len(wide), "neurons": n,
                "seconds": wide["duration"].iloc[0], "spikes": _from_to(spikes),
                "connections": _from_to(wide["synapses"]), "pairs": n * (n - 1),
            }
        )  # fmt: skip
    return pd.DataFrame(found)


def _from_to(values: ArrayLike) -> str:
    low, high = int(np.min(values)), int(np.max(values))
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def scores_shown(table: pd.DataFrame) -> pd.DataFrame:
    """Give each score of each method and network.

    Returns
    -------
    DataFrame
        ``source``, ``kind``, ``network_seed``, ``name`` (of the method), ``what`` and ``value``.
        Matthews' correlation of an empty list, which has none, is 0: it tells nothing.
    """
    rows = _named(table)
    # What has no p-value has no list; an empty one has a row whose correlation is missing.
    empty = (rows["score"] == "mcc") & rows["value"].isna()
    rows.loc[empty, "value"] = 0.0
    whats = rows["score"].map({score: what for what, score in _SCORES.items()})
    rows = rows.assign(what=whats).dropna(subset=["what", "value"])
    return rows[["source", "kind", "network_seed", "name", "what", "value"]]


def by_method(scores: pd.DataFrame, source: str) -> pd.DataFrame:
    """Average the scores of each method over the networks of a source.

    Parameters
    ----------
    scores : DataFrame
        As from :func:`scores_shown`.
    source : str

    Returns
    -------
    DataFrame
        A row per method and score: ``source``, ``name``, ``what``, ``mean``, ``low``, ``high`` and
        ``n`` networks. Those of one seed and size are one: they share neurons, noise and the random
        numbers that their wiring is drawn by, whatever share of pairs is connected.
    """
    mine = scores[scores["source"] == source]
    size = mine["kind"].str.split(", ").str[0]
    mine = mine.assign(drawn=size + " " + mine["network_seed"].astype(str))
    return means_by(mine, ["source", "name", "what"], one=["drawn"])


def in_words(means: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Write means and intervals as texts: a table per source, a row per method.

    Parameters
    ----------
    means : DataFrame
        As from :func:`by_method`, of one source or more.
    """
    ends = means[["mean", "low", "high"]].to_numpy(dtype=float)
    texts = [with_interval(*row) for row in ends]
    written = means.assign(text=texts)
    return {
        str(source): rows.pivot(index="name", columns="what", values="text")
        .reindex(index=rows["name"].unique(), columns=rows["what"].unique())
        .fillna("")
        .rename_axis(index="", columns="")
        for source, rows in written.groupby("source", sort=False)
    }


def signs(table: pd.DataFrame) -> pd.DataFrame:
    """Tell what methods know of networks in which every pair is connected.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``public_networks``.

    Returns
    -------
    DataFrame
        A row per method, means over the networks of the point process: the share of pairs whose
        ``sign`` the graph has, of pairs that are ``listed``, and of the listed ones with the
        ``right sign``; and the number ``n`` of networks.
    """
    rows = _named(table)
    rows = rows[rows["source"] == "point process"]
    names = {"sign": "sign", "recall": "listed", "right_sign": "right sign"}
    rows = rows[rows["score"].isin(names)]
    means = rows.pivot_table(index="name", columns="score", values="value", sort=False)
    counted = rows[rows["score"] == "sign"].groupby("name")["value"].size()
    means = means[list(names)].rename(columns=names).rename_axis(index="", columns="")
    return means.assign(n=counted.reindex(means.index))


def by_share(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Put the false ones of a method's lists beside the share of pairs that are not connected.

    Returns
    -------
    DataFrame
        A row per kind of Izhikevich network: ``kind``, ``not connected`` (share of pairs, what a
        random list has), mean, ends and networks of the share of ``false`` ones, ``found``, how
        many pairs were ``listed`` in all networks together and how many ``false ones`` are among
        them, and whether the rate is ``kept``: not below the interval.
    """
    mine = scores[(scores["source"] == "izhikevich") & (scores["name"] == name)]
    found = []
    for kind, rows in mine.groupby("kind", sort=False):
        wide = rows.pivot(index="network_seed", columns="what", values="value")
        false = mean_interval(wide[FALSE])
        found.append(
            {
                "kind": kind,
                "not connected": 1 - float(str(kind).split()[2]) / 100,
                "false": false.mean,
                "low": false.low,
                "high": false.high,
                "n": false.n,
                "found": wide[FOUND].mean(),
                "listed": int(wide[LISTED].sum()),
                "false ones": round((wide[FALSE] * wide[LISTED]).sum()),
                # Lists without a false entry have an interval without width.
                "kept": bool(false.mean <= RATE or false.low <= RATE),
            }
        )
    return pd.DataFrame(found)


def p_without_connections(
    n_recordings: int, n_steps: int = 1500, seed: int = 0, penalties: Sequence[float] = (30.0, 1.0)
) -> pd.DataFrame:
    """Test six neurons of which none is connected, and which fire in most of their steps.

    Parameters
    ----------
    n_recordings : int
    n_steps : int
        Length of a recording in steps of 1 ms.
    seed : int
    penalties : sequence of float
        Of the GLM.

    Returns
    -------
    DataFrame
        A row per penalty: the share of p-values of the GLM that are ``below`` each of 5, 1 and
        0.1 %, and the median ``inflation`` of its statistics, 1 where the test fits.
    """
    rng, pairs, rows = np.random.default_rng(seed), ~np.eye(6, dtype=bool), []
    for _ in range(n_recordings):
        steps, neurons = np.nonzero(rng.random((n_steps, 6)) < np.linspace(0.3, 0.9, 6))
        spikes = SpikeTrains(
            times=np.asarray((steps + 0.5) * 1e-3, dtype=np.float64),
            neurons=neurons,
            n_neurons=6,
            duration=n_steps * 1e-3,
        )
        for penalty in penalties:
            fit = fit_glm(spikes, GLMConfig(l2=penalty), progress=False)
            test = coupling_test(fit, spikes)
            p = test.p_values()[pairs]
            below = {f"below {level:g}": float((p < level).mean()) for level in (0.05, 0.01, 0.001)}
            rows.append(
                {"penalty": penalty} | below | {"inflation": float(np.median(test.inflation))}
            )
    return pd.DataFrame(rows).groupby("penalty").mean()
