"""What the page on signed influence shows: readings of one model, and of those of many networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.extraction.influence import Change, Influence
from lgl_core.extraction.readings import standing_out, without_column_median
from lgl_core.networks.network import Network
from studies.evidence.report import chosen
from studies.evidence.tables import by_network, scores_of
from studies.evidence.verdicts import influence_of
from studies.names import READING_NAMES
from studies.points import EXCESS_SHARES
from studies.rows import labels_of
from studies.standing_out import N_SDS, OF_HUBS, beyond

__all__ = [
    "EMBEDDINGS",
    "KEPT_SCORES",
    "READ_SCORES",
    "along_sds",
    "by_change",
    "by_model_reading",
    "columns_shown",
    "courses_by_kind",
    "distance_from_stored",
    "first_scores",
    "knows_kind",
    "knows_target",
    "timing_shown",
]

Graph = NDArray[np.float64]
Scores = dict[str, pd.Series]

EMBEDDINGS = ("interval", "rotary")
# Scores of the readings, and of what stands out of a column: view and score by the column's name.
READ_SCORES = {
    "edges, Pearson": ("true", "pearson"),
    "edges, Spearman": ("true", "spearman"),
    "edges off hubs, Pearson": ("true_off_hubs", "pearson"),
    "excitatory, AUC": ("excitatory", "auc"),
    "inhibitory, AUC": ("inhibitory", "auc"),
    "co-input, Pearson": ("co_input", "pearson"),
    "co-input, Spearman": ("co_input", "spearman"),
}
KEPT_SCORES = {"hub columns, Pearson": (OF_HUBS, "pearson")} | {
    name: READ_SCORES[name]
    for name in ("co-input, Pearson", "co-input, Spearman", "edges, Pearson",
                 "edges off hubs, Pearson", "inhibitory, AUC")
}  # fmt: skip
# Labels of each reading, beside those of its model.
_READINGS: dict[str, dict[str, Any]] = {
    "attention, as in the paper": {"method": "attention"},
    READING_NAMES[EXCESS_SHARES]: {"method": "attention", "reading": EXCESS_SHARES},
    "rollout": {"method": "rollout"},
    READING_NAMES[f"rollout, {EXCESS_SHARES}"]: {"method": "rollout", "reading": EXCESS_SHARES},
    "circuits": {"method": "circuits"},
    "gradient, log rate": {"method": "gradient", "quantity": "log rate"},
} | {
    name: {"method": "influence", "reading": change, "quantity": quantity}
    for name, change, quantity in (
        ("influence, log share", "removed", "log share"),
        ("influence, log rate", "removed", "log rate"),
        ("influence, rate", "removed", "rate"),
        ("influence of replacing, log rate", "replaced", "log rate"),
    )
}


def _are(ids: NDArray[np.int64], network: Network) -> NDArray[np.bool_]:
    """Tell of each neuron whether it is one of these."""
    return np.isin(np.arange(network.n_neurons), ids)


def _between(network: Network) -> NDArray[np.bool_]:
    return ~np.eye(network.n_neurons, dtype=bool)


# --- one model ----------------------------------------------------------------------------------


def courses_by_kind(found: Influence, network: Network) -> pd.DataFrame:
    """Average what a spike changes over pairs of a kind, by the time since.

    Parameters
    ----------
    found : Influence
    network : Network
        The truth, which tells the kinds apart.

    Returns
    -------
    DataFrame
        As for :func:`lgl_core.figures.influence.change_by_lag`: a ``name`` for each kind of
        presynaptic neuron, to its targets and to others, of the change of the rate and of the
        share.
    """
    hub, inhibitory = (_are(ids, network) for ids in (network.hubs, network.inhibitory))
    synapse = network.weights != 0
    kinds = {
        "hub to its targets": synapse & hub,
        "hub to others": ~synapse & hub,
        "excitatory to its targets": synapse & ~hub & ~inhibitory,
        "inhibitory to its targets": synapse & inhibitory,
        "no synapse, no hub": ~synapse & ~hub,
    }
    middle = (found.lags[1:] + found.lags[:-1]) / 2
    rows = [
        (name, f"change of the {quantity}\n(natural logarithm)", lag, course[pairs].mean())
        for quantity, courses in (("log rate", found.log_rate),
                                  ("log share", found.log_probability))
        for name, pairs in ((name, kind & _between(network)) for name, kind in kinds.items())
        for lag, course in zip(middle, courses, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "quantity", "lag", "value"])


def knows_kind(effect: Graph, network: Network) -> float:
    """Tell how well the mean of a column says whether its neuron inhibits: area under the ROC.

    Parameters
    ----------
    effect : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    network : Network
        The truth. Hubs are left out.
    """
    hub, inhibitory = (_are(ids, network) for ids in (network.hubs, network.inhibitory))
    mean = np.where(_between(network), effect, 0).sum(axis=0)
    lower = mean[inhibitory][:, None] < mean[~inhibitory & ~hub]
    return float(lower.mean())


def knows_target(effect: Graph, network: Network) -> float:
    """Correlate what is left without each column's median with the weights, hubs left out.

    Both are as for :func:`knows_kind`.
    """
    pairs = _between(network) & ~_are(network.hubs, network)
    left = without_column_median(effect)[pairs]
    return float(np.corrcoef(left, network.weights[pairs])[0, 1])


def columns_shown(graph: Graph, network: Network, shown: Mapping[str, int]) -> pd.DataFrame:
    """Say of each entry of a few columns whether there is a synapse, and whether it stands out.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    network : Network
        The truth.
    shown : mapping
        Id of each presynaptic neuron by its name.

    Returns
    -------
    DataFrame
        As for :func:`lgl_core.figures.influence.columns_in_order`, without the column's median.
    """
    columns = [
        pd.DataFrame({
            "name": name,
            "value": without_column_median(graph)[:, pre],
            "synapse": network.weights[:, pre] != 0,
            "kept": standing_out(graph)[:, pre] != 0,
        }).drop(index=pre)
        for name, pre in shown.items()
    ]  # fmt: skip
    return pd.concat(columns)


def first_scores(graphs: Mapping[str, Graph], network: Network) -> pd.DataFrame:
    """Score graphs by edges, edges off the hubs and co-input: a row for each."""
    keys = [("true", "pearson"), ("true_off_hubs", "pearson"), ("co_input", "spearman")]
    return scores_of(graphs, network, {" ".join(key): key for key in keys})


def distance_from_stored(graph: Graph, network: Network, stored: pd.DataFrame) -> float:
    """Tell how far a graph's edges and co-input are from the stored ones; NaN if there are none.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    network : Network
        The truth.
    stored : DataFrame
        Rows of one graph, as from :func:`studies.results.load`.

    Returns
    -------
    float
        The larger of the two differences, without a sign.
    """
    if stored.empty:
        return float("nan")
    here = first_scores({"here": graph}, network).loc["here"]
    there = stored.set_index(["view", "score"])["value"]
    keys = [("true", "pearson"), ("co_input", "spearman")]
    return max(abs(float(here[" ".join(key)] - there[key])) for key in keys)


# --- models of many networks --------------------------------------------------------------------


def by_model_reading(table: pd.DataFrame) -> dict[tuple[str, str], Scores]:
    """Give the ``READ_SCORES`` by network of each model and reading.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``influence``.

    Returns
    -------
    dict
        Rows of :func:`studies.evidence.tables.means_shown`.
    """
    return {
        (model, name): by_network(
            chosen(table, layer="", **labels_of(model=model, **reading)), READ_SCORES
        )
        for model in EMBEDDINGS
        for name, reading in _READINGS.items()
    }


def by_change(table: pd.DataFrame, scores: Sequence[str]) -> dict[tuple[str, str], pd.DataFrame]:
    """Give scores of influence by network, of each model and each change of a spike.

    Parameters
    ----------
    table : DataFrame
        As for :func:`by_model_reading`.
    scores : sequence of str
        Of ``READ_SCORES``.

    Returns
    -------
    dict
        By model and change: a row for each network of which all changes are scored.
    """
    wanted = {name: READ_SCORES[name] for name in scores}
    found: dict[tuple[str, str], pd.DataFrame] = {}
    for model in EMBEDDINGS:
        of_change = {
            name: pd.DataFrame(by_network(
                chosen(table, **influence_of(model, name)), wanted
            ))
            for name in get_args(Change)
        }  # fmt: skip
        both = pd.concat(of_change, axis=1, join="inner")
        found |= {(model, name): both[name] for name in of_change}
    return found


def along_sds(table: pd.DataFrame) -> pd.DataFrame:
    """Say what is known at each value of how far an entry must stand out of its column.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``standing_out``.

    Returns
    -------
    DataFrame
        Spearman correlations of edges and co-input by ``n_sd`` and ``name``: the influence and the
        attention of each model, without nulls.
    """
    read = [influence_of(model) for model in EMBEDDINGS]
    read += [labels_of("attention", model=model) for model in EMBEDDINGS]
    rows = [
        chosen(
            table,
            view=["co_input", "true"],
            score="spearman",
            **(labels | {"kept": beyond(n_sd)}),
        ).assign(name=f"{labels['method']}, {labels['model']}", n_sd=n_sd)
        for labels in read
        for n_sd in N_SDS
    ]
    return pd.concat(rows).drop(columns=["null_mean", "null_sd"])


def timing_shown(table: pd.DataFrame) -> pd.DataFrame:
    """Say what share of its effect a hub's spike loses by coming earlier.

    Parameters
    ----------
    table : DataFrame
        As for :func:`by_model_reading`.

    Returns
    -------
    DataFrame
        As for :func:`lgl_core.figures.influence.effect_lost`; ``name`` tells what is lost from what
        the time course of the effect lets one expect.
    """
    rows = chosen(table, view="timing", model=list(EMBEDDINGS))
    names = {"lost": "lost when moved", "expected": "expected of its time course"}
    return rows.assign(
        name=rows["score"].str.partition(", ")[0].map(names),
        earlier=rows["score"].str.extract(r"([\d.]+) ms")[0].astype(float) / 1e3,
    )
