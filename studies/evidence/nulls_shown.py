"""Scores beside what they are held against: the paper, other methods, graphs that know less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.extraction.readings import excess_shares
from lgl_core.metrics.detection import spearman_ceiling
from lgl_core.metrics.nulls import null_scores, strengths_only
from lgl_core.metrics.scores import alignment
from lgl_core.networks.network import Network
from studies.evidence.intervals import with_interval
from studies.evidence.report import difference
from studies.evidence.verdicts import beyond_null, z_values
from studies.names import CORRELATIONS

__all__ = [
    "beside_paper",
    "beyond_strengths",
    "differences",
    "edge_ceilings",
    "excess_and_strengths",
    "known_beyond_null",
    "scores_and_z",
    "signs_and_hubs",
    "strengths_compared",
    "synapse_shares",
]


def beside_paper(means: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Write means and intervals of several methods beside the values of the paper.

    Parameters
    ----------
    means : DataFrame
        As from :func:`studies.evidence.report.series_means`.
    paper : DataFrame
        ``name``, ``view``, ``score`` and ``value``.

    Returns
    -------
    DataFrame
        A row per view and score; a column per method, in their order, then those of the paper.
    """
    keys, names = ["view", "score"], list(dict.fromkeys(means["name"]))
    texts = [with_interval(*mean) for mean in means[["mean", "low", "high"]].to_numpy()]
    measured = means.assign(text=texts).pivot(index=keys, columns="name", values="text")[names]
    published = paper.pivot(index=keys, columns="name", values="value").add_suffix(" (paper)")
    return measured.join(published)


def differences(
    table: pd.DataFrame,
    series: Mapping[str, Mapping[str, Any]],
    pairs: Iterable[tuple[tuple[str, str], tuple[str, str]]],
) -> pd.DataFrame:
    """Write the differences of several measurements, network by network, with a verdict each.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    series : mapping
        As for :func:`studies.evidence.report.named`.
    pairs : iterable
        Of two measurements, each a name of ``series`` and a view.

    Returns
    -------
    DataFrame
        A row per pair, a column per correlation, as in ``ahead 0.21 [0.18, 0.24] (n = 5)``.
    """
    rows = {}
    for pair in pairs:
        one, other = ({**series[name], "view": view} for name, view in pair)
        rows[tuple(f"{name} ({view})" for name, view in pair)] = {
            score: f"{found.verdict} {found}"
            for score, found in difference(table, one, other).items()
        }
    return pd.DataFrame(rows).T.rename_axis(["this", "minus this"])


def synapse_shares(networks: Mapping[int, Network]) -> pd.DataFrame:
    """Tell which share of all pairs has a synapse, of any kind and of each.

    Parameters
    ----------
    networks : mapping
        By seed.

    Returns
    -------
    DataFrame
        A row per network: ``any``, ``excitatory`` and ``inhibitory``.
    """
    pairs = {seed: n.weights[~np.eye(n.n_neurons, dtype=bool)] for seed, n in networks.items()}
    shares = {
        seed: {
            "any": (weights != 0).mean(),
            "excitatory": (weights > 0).mean(),
            "inhibitory": (weights < 0).mean(),
        }
        for seed, weights in pairs.items()
    }
    return pd.DataFrame.from_dict(shares, orient="index").rename_axis("network")


def edge_ceilings(networks: Mapping[int, Network]) -> pd.DataFrame:
    """Give the highest Spearman correlation with the edges of each network.

    Parameters
    ----------
    networks : mapping
        By seed.

    Returns
    -------
    DataFrame
        A row per network: of a ``signed estimate`` and of ``magnitudes only``
        (:func:`lgl_core.metrics.detection.spearman_ceiling`).
    """
    ceilings = {
        seed: {
            "signed estimate": spearman_ceiling(network.weights),
            "magnitudes only": spearman_ceiling(network.weights, signed=False),
        }
        for seed, network in networks.items()
    }
    return pd.DataFrame.from_dict(ceilings, orient="index").rename_axis("network")


def signs_and_hubs(rows: pd.DataFrame) -> pd.DataFrame:
    """Tell at what share of the synapses signs are right, and whether hubs are found.

    Parameters
    ----------
    rows : DataFrame
        As from :func:`studies.evidence.report.named`: the scores ``sign_agreement``, ``found`` and
        ``rank`` over networks and trainings.

    Returns
    -------
    DataFrame
        A row per method, in their order.
    """
    of_score = rows.groupby(["name", "score"], sort=False)["value"]
    wide = of_score.agg(["mean", "min", "max"]).unstack()
    found = {
        "right signs": wide["mean", "sign_agreement"],
        "hubs found": wide["mean", "found"],
        "worst: hubs found": wide["min", "found"],
        "worst: rank of the last hub": wide["max", "rank"],
    }
    return pd.DataFrame(found).loc[list(dict.fromkeys(rows["name"]))]


def scores_and_z(rows: pd.DataFrame) -> pd.DataFrame:
    """Give mean scores and, for each null, the smallest z-value in any network.

    Parameters
    ----------
    rows : DataFrame
        Of one view, as from :func:`studies.evidence.report.named`, with several kinds of null.

    Returns
    -------
    DataFrame
        A row per method, in their order; for each correlation ``mean``, and ``z`` of each null: by
        how many of its standard deviations a score lies above its mean, rounded.
    """
    rows = rows.assign(z=z_values(rows))
    columns = {}
    for score in CORRELATIONS:
        of_score = rows[rows["score"] == score]
        columns[score, "mean"] = of_score.groupby("name", sort=False)["value"].mean().round(2)
        for null, mine in of_score.groupby("null", sort=False):
            smallest = mine.groupby("name", sort=False)["z"].min()
            columns[score, f"z, {null}"] = smallest.round().astype(int)
    return pd.DataFrame(columns)


def beyond_strengths(rows: pd.DataFrame) -> pd.DataFrame:
    """Put each score beside that of the strengths of its graph alone.

    Parameters
    ----------
    rows : DataFrame
        Of one view, as from :func:`studies.evidence.report.named`, with the nulls ``strengths`` and
        ``strengths only``.

    Returns
    -------
    DataFrame
        The rows with the null ``strengths``, and ``value_alone``, ``beyond`` (the score minus that)
        and ``z`` (against graphs with the same strengths).
    """
    keys = ["name", "network_seed", "model_seed", "score"]
    full, alone = (rows[rows["null"] == null] for null in ("strengths", "strengths only"))
    gain = full.merge(alone[[*keys, "value"]], on=keys, suffixes=("", "_alone"))
    return gain.assign(
        beyond=gain["value"] - gain["value_alone"],
        z=z_values(gain),
    )


def strengths_compared(gain: pd.DataFrame) -> pd.DataFrame:
    """Average over networks what graphs score, and what their strengths do.

    Parameters
    ----------
    gain : DataFrame
        Of one score, as from :func:`beyond_strengths`.

    Returns
    -------
    DataFrame
        A row per method: ``full``, strengths ``alone``, strengths ``kept`` (mean and z-value), and
        in how many networks the whole lies above the strengths alone.
    """
    of_name = gain.groupby("name", sort=False)
    shown = of_name[["value", "value_alone", "null_mean", "z"]].mean()
    shown.columns = ["full", "alone", "kept, mean", "kept, z"]
    return shown.assign(**{"networks above alone": of_name["beyond"].agg(_counted)})


def _counted(values: pd.Series[Any]) -> str:
    """Write how many are above zero, or true."""
    return f"{(values > 0).sum()} of {len(values)}"


def excess_and_strengths(
    graphs: Mapping[str, NDArray[np.float64]], weights: NDArray[np.float64], n: int = 20
) -> pd.DataFrame:
    """Tell how much of the score of excess attention is the strengths that it leaves.

    Parameters
    ----------
    graphs : mapping
        Attention, ``[post, pre]``, by name.
    weights : ndarray, shape (n_neurons, n_neurons)
        The truth.
    n : int
        Random graphs of the null.

    Returns
    -------
    DataFrame
        A row per graph and view (edges and co-input), Spearman correlations: ``full``, of the
        strengths ``alone``, and of graphs with these strengths kept, mean and z-value.
    """
    found = {}
    for name, graph in graphs.items():
        excess = excess_shares(graph)
        nulls = null_scores(excess, weights, "strengths", n=n).set_index(["view", "score"])
        full, alone = (
            alignment(one, weights).loc["spearman"] for one in (excess, strengths_only(excess))
        )
        for view in ("true", "co_input"):
            mean, sd = nulls.loc[(view, "spearman"), ["null_mean", "null_sd"]].to_numpy(dtype=float)
            z = (full[view] - mean) / sd
            found[name, view] = [full[view], alone[view], mean, z]
    return pd.DataFrame(found, index=["full", "alone", "kept, mean", "kept, z"]).T


def known_beyond_null(rows: pd.DataFrame) -> pd.DataFrame:
    """Average scores over networks and trainings, and count those above their null.

    Parameters
    ----------
    rows : DataFrame
        Of one score and one kind of null, as from :func:`studies.evidence.report.named`.

    Returns
    -------
    DataFrame
        A row per view and method: ``mean``, ``null_sd`` and ``above its null``.
    """
    groups = rows.assign(above=beyond_null(rows)).groupby(["view", "name"], sort=False)
    known = groups.agg(mean=("value", "mean"), null_sd=("null_sd", "mean"))
    return known.assign(**{"above its null": groups["above"].agg(_counted)})
