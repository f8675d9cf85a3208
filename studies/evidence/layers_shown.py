"""What layers and heads know, in which of them, and what an average over them hides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.experiment import split_tokens
from lgl_core.extraction.layers import visible
from lgl_core.extraction.readings import excess_shares, row_shares
from lgl_core.metrics.card import score_card
from lgl_core.metrics.nulls import strengths_only
from lgl_core.metrics.scores import alignment
from lgl_core.networks.network import Network
from lgl_core.spikes import training_part
from lgl_core.transformer.model import Neuroformer
from studies.evidence.report import as_published, chosen, summary
from studies.evidence.rules import ALL_LAYERS, ORACLE, picks, rules
from studies.names import READING_NAMES
from studies.points import EXCESS_SHARES, Model
from studies.rows import with_names

__all__ = [
    "best_by_truth",
    "excess_by_pair",
    "head_ranges",
    "hub_shares",
    "layer_means",
    "layers_scored",
    "lost_by_averaging",
    "opposed_layers",
    "rows_compared",
    "trainings_agree",
]

OPPOSED = 0.1  # a correlation further below zero than this is no accident
Graph = NDArray[np.float64]
Graphs = Mapping[tuple[str, str], Graph]


def head_ranges(heads: pd.DataFrame) -> pd.DataFrame:
    """Tell how far the heads of a layer lie apart.

    The table has one row per head: ``name``, ``layer`` and ``value``. What comes back has one per
    layer: ``min``, ``max``, and whether heads ``contradict`` each other, one above 0.1 and another
    below -0.1.
    """
    ranges = heads.groupby(["name", "layer"], sort=False)["value"].agg(["min", "max"])
    return ranges.assign(contradict=(ranges["min"] < -OPPOSED) & (ranges["max"] > OPPOSED))


def rows_compared(table: pd.DataFrame) -> pd.DataFrame:
    """Compare both readings of rows, layer by layer.

    Parameters
    ----------
    table : DataFrame
        Of one score, as from :func:`studies.results.load`.

    Returns
    -------
    DataFrame
        One row per ``name``, ``model_seed``, ``layer`` and ``view``: ``predicted`` and
        ``query``, how far they lie apart (``change``), and whether their signs differ
        (``turned``).
    """
    labels = ["name", "model_seed", "layer", "view"]
    both = with_names(table).pivot_table("value", labels, "rows")
    return both.assign(
        change=(both["query"] - both["predicted"]).abs(),
        turned=np.sign(both["query"]) != np.sign(both["predicted"]),
    )


def layer_means(
    table: pd.DataFrame, names: Sequence[str], views: Sequence[str], score: str = "spearman"
) -> pd.DataFrame:
    """Average each layer over networks.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    names, views : sequence of str
        Readings are called as in ``READING_NAMES`` of :mod:`studies.names`.
    score : str

    Returns
    -------
    DataFrame
        One row per name and layer, a column per view.
    """
    rows = chosen(table, method="attention", head="all", rows="predicted", score=score)
    rows = with_names(rows)
    shown = rows["name"].str.replace(EXCESS_SHARES, READING_NAMES[EXCESS_SHARES])
    rows = chosen(rows.assign(name=shown), name=list(names), view=list(views))
    means = summary(rows, ["name", "layer", "view"])
    return means.pivot(index=["name", "layer"], columns="view", values="mean")[list(views)]


def best_by_truth(table: pd.DataFrame, view: str) -> pd.Series[int]:
    """Give the layer of each model whose graph is best in Spearman correlation.

    The table is as for :func:`studies.evidence.rules.layer_table`; layers are by ``name``,
    ``network_seed`` and ``model_seed``.
    """
    best = chosen(picks(table, view), rule=ORACLE)
    return best.set_index(["name", "network_seed", "model_seed"])["layer"].astype(int)


def lost_by_averaging(tables: Mapping[str, pd.DataFrame], views: Mapping[str, str]) -> pd.DataFrame:
    """Compare the mean over layers with the best of them.

    Parameters
    ----------
    tables : mapping
        As for :func:`studies.evidence.rules.rules`, by name.
    views : mapping
        Name of each view.

    Returns
    -------
    DataFrame
        One row per ``name`` and ``view``: ``mean of layers`` and ``best layer`` (means over
        networks), ``lost on average`` (over models) and ``lost at worst``.
    """
    rows = {}
    for model, mine in tables.items():
        for view, name in views.items():
            reached = rules(mine, view).set_index("rule")["reached"]
            regret = chosen(picks(mine, view), rule=ALL_LAYERS)["regret"]
            rows[model, name] = {
                "mean of layers": reached[ALL_LAYERS],
                "best layer": reached[ORACLE],
                "lost on average": regret.mean(),
                "lost at worst": regret.max(),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["name", "view"])


def trainings_agree(table: pd.DataFrame) -> pd.DataFrame:
    """Put how far trainings on the same spikes agree beside the score of their average.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, with ensembles.

    Returns
    -------
    DataFrame
        One row per ``name``, ``network_seed`` and ``layer``: ``trainings agree, co-input``,
        ``trainings agree, edges`` (Spearman, see :func:`lgl_core.extraction.layers.agreement`) and
        ``score of the mean`` (co-input Spearman with the truth).
    """
    layer = ["name", "network_seed", "layer"]
    names = {
        "trainings_agree_co_input": "trainings agree, co-input",
        "trainings_agree_true": "trainings agree, edges",
    }
    several = with_names(as_published(table[table["n_models"] > 1]))
    agree = chosen(several, view="visible", score=list(names))
    agree = agree.pivot(index=layer, columns="score", values="value").rename(columns=names)
    reached = chosen(several, view="co_input", score="spearman", head="all")
    return agree.assign(**{"score of the mean": reached.set_index(layer)["value"]})


def opposed_layers(graphs: Graphs, truth: Network) -> pd.DataFrame:
    """Take apart what makes a layer aligned with the truth, or opposed to it.

    Parameters
    ----------
    graphs : mapping
        Attention, ``[post, pre]``, by model and layer.
    truth : Network
        With hubs.

    Returns
    -------
    DataFrame
        One row per ``model`` and ``layer``, Spearman correlations: ``co-input``, that of its
        ``strengths alone`` and with its ``rows made equal``; ``edges`` and ``edges, rows equal``;
        and ``targets``: how much more attention hubs get from neurons that they reach.
    """
    off = ~np.eye(truth.n_neurons, dtype=bool)
    reached = truth.weights[:, truth.hubs] > 0
    found = {}
    for key, whole in graphs.items():
        graph = whole * off
        to_hubs = graph[:, truth.hubs]
        others = to_hubs[~reached & off[:, truth.hubs]]
        plain, strengths, equal = (
            alignment(one, truth.weights).loc["spearman"]
            for one in (graph, strengths_only(graph), row_shares(graph))
        )
        found[key] = {
            "co-input": plain["co_input"],
            "strengths alone": strengths["co_input"],
            "rows made equal": equal["co_input"],
            "targets": to_hubs[reached].mean() / others.mean(),
            "edges": plain["true"],
            "edges, rows equal": equal["true"],
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis(["model", "layer"])


def hub_shares(pairs: NDArray[np.float64], truth: Network) -> pd.Series[float]:
    """Tell how many of the spikes that a neuron may attend to are of hubs.

    Parameters
    ----------
    pairs : ndarray, shape (n_neurons, n_neurons)
        Of :class:`lgl_core.extraction.attention.AttentionConnectivity`.
    truth : Network

    Returns
    -------
    Series of float
        Mean share, by the number of hubs that a neuron hears.
    """
    heard = (truth.weights[:, truth.hubs] > 0).sum(axis=1)
    share = pairs[:, truth.hubs].sum(axis=1) / pairs.sum(axis=1)
    return pd.Series(share).groupby(heard).mean()


def excess_by_pair(graphs: Graphs, truth: Network) -> pd.DataFrame:
    """Average excess attention by what connects a pair.

    Parameters
    ----------
    graphs : mapping
        Attention, ``[post, pre]``, by model and layer.
    truth : Network

    Returns
    -------
    DataFrame
        One row per graph; columns ``a hub's synapse``, ``excitatory`` (any other), ``no synapse``
        and ``inhibitory``, in units of an even share.
    """
    off = ~np.eye(truth.n_neurons, dtype=bool)
    of_hubs = np.isin(np.arange(truth.n_neurons), truth.hubs)[np.newaxis, :]
    kinds = {
        "a hub's synapse": (truth.weights > 0) & of_hubs,
        "excitatory": (truth.weights > 0) & ~of_hubs,
        "no synapse": (truth.weights == 0) & off,
        "inhibitory": truth.weights < 0,
    }
    found = {}
    for key, graph in graphs.items():
        shares = excess_shares(graph) * truth.n_neurons
        found[key] = {kind: shares[pairs].mean() for kind, pairs in kinds.items()}
    return pd.DataFrame(found).T


def layers_scored(model: Model) -> pd.DataFrame:
    """Score each layer of one model, and tell what is visible of it, without any null.

    Parameters
    ----------
    model : Model
        No ensemble.

    Returns
    -------
    DataFrame
        ``layer``, ``view`` ("visible" for what is seen without the truth), ``score``, ``value``.
    """
    (member,) = model.members()
    assert isinstance(member.model, Neuroformer)  # with layers to show
    truth, spikes = model.recording.network(), model.recording.spikes()
    scored = [
        score_card(graph, truth.weights, truth.hubs, spectral=False).assign(layer=layer)
        for (layer, head), graph in model.estimates().items()
        if head == "all"
    ]
    seen = visible(
        member.model,
        split_tokens(spikes)[1],
        reference=correlogram_z(training_part(spikes)),
        connectivity=model.attention(),
    )
    seen = seen[seen["head"].isna()].assign(view="visible", layer=seen["layer"].astype(str))
    return pd.concat([*scored, seen])[["layer", "view", "score", "value"]]
