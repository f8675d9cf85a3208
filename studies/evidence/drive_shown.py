"""What the page on common drive shows: which kinds of pairs are taken for synapses, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studies.drive import EDGE_ABOVE, PartialRecording
from studies.evidence.intervals import mean_interval, with_interval
from studies.evidence.report import chosen, named
from studies.evidence.tables import means_shown
from studies.evidence.verdicts import CCG, GLM_AREA, GRAPH_INSIDE, influence_of
from studies.names import KIND_NAMES, READING_NAMES
from studies.plans import DRIVERS, HEARD, NOISE
from studies.points import EXCESS_SHARES
from studies.rows import labels_of

__all__ = [
    "DRIVEN",
    "HEARD_LABELS",
    "METHODS_DRIVEN",
    "MODELS_DRIVEN",
    "by_kind",
    "by_share_heard",
    "heard_in_part",
    "of_kinds",
    "of_triplets",
    "shares_shown",
    "triplets_in_order",
]

# Labels of the recordings, by the name that readers see; and of those of a share of the neurons.
DRIVEN = {
    "motifs": PartialRecording(topology="motifs").label,
    "hidden drivers": PartialRecording(topology="common_drive", **DRIVERS).label,
    "shared noise": PartialRecording(topology="common_drive", **NOISE).label,
    "hub network": PartialRecording().label,
    "hub network, hubs hidden": PartialRecording(hubs_hidden=True).label,
}
HEARD_LABELS = {share: PartialRecording(fraction=share).label for share in HEARD}
METHODS_DRIVEN = {
    "covariance": labels_of("covariance", reading="10 ms"),
    "partial covariance": labels_of("partial covariance", reading="10 ms"),
    "correlogram": CCG,
    "GLM": GLM_AREA,
}
MODELS_DRIVEN = {
    "attention": labels_of("attention", model="rotary"),
    READING_NAMES[EXCESS_SHARES]: labels_of("attention", model="rotary", reading=EXCESS_SHARES),
    "influence": influence_of("rotary"),
    "graph in the model": GRAPH_INSIDE,
    "GLM": METHODS_DRIVEN["GLM"],
}

Series = Mapping[str, Mapping[str, Any]]


# --- triplets -----------------------------------------------------------------------------------


def of_triplets(graph: NDArray[np.float64], kinds: NDArray[np.str_]) -> pd.Series:
    """Average the magnitude of each kind of pair, as a share of what synapses have.

    Parameters
    ----------
    graph : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``.
    kinds : ndarray of str, shape (n_neurons, n_neurons)
        From :func:`lgl_core.metrics.pairs.pair_kinds`.

    Returns
    -------
    Series
        By the name that readers see, those kinds alone that occur.
    """
    size = np.abs(graph)
    means = {
        name: size[kinds == kind].mean()
        for kind, name in KIND_NAMES.items()
        if (kinds == kind).any()
    }
    return pd.Series(means) / means[KIND_NAMES["edge"]]


def triplets_in_order(weights: NDArray[np.float64], n_of_each: int = 4) -> NDArray[np.int64]:
    """List the neurons of a few chains, then of as many forks, then of colliders.

    Parameters
    ----------
    weights : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, of :func:`lgl_core.networks.motifs.motifs`.
    n_of_each : int
        Triplets of each kind.

    Returns
    -------
    ndarray of int
        Ids, three of each triplet; the first is the one in the middle, which alone has two
        partners.
    """
    synapse = weights != 0
    linked = synapse | synapse.T
    middles = np.flatnonzero(linked.sum(axis=1) == 2)
    # What the middle sends tells the kind: one synapse in a chain, two in a fork, else none.
    sent = synapse.sum(axis=0)[middles]
    shown = np.concatenate([middles[sent == number][:n_of_each] for number in (1, 2, 0)])
    triplets = [[middle, *np.flatnonzero(linked[middle])] for middle in shown]
    return np.concatenate(triplets)


# --- what is taken for a synapse ----------------------------------------------------------------


def by_kind(table: pd.DataFrame, series: Series) -> pd.DataFrame:
    """Give the shares of synapses that methods rank above pairs of each kind.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``common_drive``.
    series : mapping
        As for :func:`studies.evidence.report.named`.

    Returns
    -------
    DataFrame
        With ``kind``, ``label``, that of the recording, and ``network``: its name in ``DRIVEN``,
        missing for recordings in part.
    """
    rows = named(table, series, view="pairs")
    rows = rows[rows["score"].str.startswith(EDGE_ABOVE)]
    names = {label: name for name, label in DRIVEN.items()}
    return rows.assign(
        kind=rows["score"].str.removeprefix(EDGE_ABOVE),
        label=rows["network"],
        network=rows["network"].map(names),
    )


def of_kinds(rows: pd.DataFrame, network: str, name: str, kind: str) -> pd.Series:
    """Give the shares of one method and kind, by the seed of the network.

    The rows are as from :func:`by_kind`.
    """
    found = chosen(rows, network=network, name=name, kind=kind)
    return found.set_index("network_seed")["value"]


def shares_shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Write the mean share and its interval of each network and kind, a column for each method.

    The rows are as from :func:`by_kind`.
    """
    names = list(dict.fromkeys(rows["name"]))
    return means_shown({
        (network, KIND_NAMES[kind]): {name: of_kinds(rows, network, name, kind) for name in names}
        for network in DRIVEN
        for kind in dict.fromkeys(chosen(rows, network=network)["kind"])
    })  # fmt: skip


# --- networks of which a part is heard ----------------------------------------------------------


def heard_in_part(table: pd.DataFrame, series: Series) -> pd.DataFrame:
    """Give scores (Pearson) at each share of the neurons that is heard, ``share`` in percent.

    Both are as for :func:`by_kind`.
    """
    parts = [
        chosen(table, network=label).assign(share=100 * share)
        for share, label in HEARD_LABELS.items()
    ]
    views = ["true", "true_off_hubs", "co_input"]
    return named(pd.concat(parts), series, view=views, score="pearson")


def by_share_heard(rows: pd.DataFrame) -> pd.DataFrame:
    """Write how often common sources are told from synapses, the fewer neurons are heard.

    Parameters
    ----------
    rows : DataFrame
        As from :func:`by_kind`.

    Returns
    -------
    DataFrame
        A row per recording and pair, a column per method: the mean over networks, its interval.
    """
    recordings = [*HEARD_LABELS.values(), DRIVEN["hub network, hubs hidden"]]
    rows = chosen(rows, label=recordings, kind=["hidden source", "source"])
    rows = rows.assign(network=rows["label"], pair=rows["kind"].map(KIND_NAMES))
    names = list(dict.fromkeys(rows["name"]))
    found = rows.pivot_table(
        "value", ["network", "pair"], "name", sort=False,
        aggfunc=lambda values: with_interval(*mean_interval(values)),
    )  # fmt: skip
    return found.reindex(recordings, level=0)[names]
