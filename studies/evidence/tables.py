"""Tables for a reader: scores by network, their means over networks, and what knows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from lgl_core.metrics.card import score_card
from lgl_core.networks.network import Network
from studies.evidence.intervals import mean_interval, with_interval, with_spread
from studies.evidence.report import chosen, named
from studies.names import NO_KNOWLEDGE, networks_shown
from studies.recording_size import sizes
from studies.standing_out import READ, beyond

__all__ = [
    "NOTHING",
    "by_name",
    "by_network",
    "by_reading",
    "list_table",
    "means_in_rows",
    "means_shown",
    "null_shown",
    "recording_sizes",
    "scores_of",
]

NOTHING = "a graph that knows nothing"
NETWORKS = "networks"
_SIZED = {"GLM": {"method": "glm"}, "cross-correlogram": {"method": "ccg"}}


def by_network(table: pd.DataFrame, scores: Mapping[str, tuple[str, str]]) -> dict[str, pd.Series]:
    """Give the values of each named (view, score) of one method, by the seed of the network.

    What comes out is a row of :func:`means_shown`.
    """
    return {
        name: chosen(table, view=view, score=score).set_index("network_seed")["value"]
        for name, (view, score) in scores.items()
    }


def by_name(
    table: pd.DataFrame, scores: Mapping[str, tuple[str, str]], by: Any = "name"
) -> dict[Any, dict[str, pd.Series]]:
    """Give :func:`by_network` of the rows of each name; of several columns, of each tuple of names.

    The rows are as from :func:`studies.evidence.report.named`.
    """
    return {name: by_network(rows, scores) for name, rows in table.groupby(by, sort=False)}


def by_reading(
    table: pd.DataFrame,
    methods: Mapping[Any, Mapping[str, Any]],
    scores: Mapping[str, tuple[str, str]],
    by: str | None = None,
) -> dict[tuple[Any, ...], dict[str, pd.Series]]:
    """Give scores by network of methods, each as it is and by what stands out.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``standing_out``.
    methods : mapping
        Labels of each method by its name, with nothing ``kept`` apart.
    scores : mapping
        As for :func:`by_network`.
    by : str, optional
        Column that tells kinds of networks apart.

    Returns
    -------
    dict
        By kind, if any, name and reading, a key of ``READ`` in :mod:`studies.standing_out`: rows
        of :func:`means_shown`.

    Raises
    ------
    NotMeasured
        As for :func:`studies.evidence.report.chosen`.
    """
    if by is not None:
        return {
            (kind, *key): values
            for kind, rows in table.groupby(by, sort=False)
            for key, values in by_reading(rows, methods, scores).items()
        }
    return {
        (name, reading): by_network(chosen(table, **{**labels, "kept": beyond(n_sd)}), scores)
        for name, labels in methods.items()
        for reading, n_sd in READ.items()
    }


def scores_of(
    graphs: Mapping[Any, ArrayLike], truth: Network, scores: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """Score graphs by the network behind them: a row for each graph, a column for each score.

    Parameters
    ----------
    graphs : mapping
        ``[post, pre]``, by name.
    truth : Network
    scores : mapping
        The (view, score) of :func:`lgl_core.metrics.card.score_card` under each name.

    Returns
    -------
    DataFrame
    """
    rows = {}
    for name, graph in graphs.items():
        card = score_card(graph, truth.weights, truth.hubs, spectral=False)
        values = card.set_index(["view", "score"])["value"]
        rows[name] = {score: values[key] for score, key in scores.items()}
    return pd.DataFrame(rows).T


def means_shown(
    scores: Mapping[Any, Mapping[str, ArrayLike]], null: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Write means and intervals of scores over networks, as a table.

    Parameters
    ----------
    scores : mapping
        A row for each key, with a column for each score: its values, one of each network.
    null : mapping, optional
        A last row, as from :func:`null_shown`.

    Returns
    -------
    DataFrame
        With a last column ``networks``: over how many of them the row's means are.
    """
    means = {
        key: {name: mean_interval(values) for name, values in of_key.items()}
        for key, of_key in scores.items()
    }
    rows: dict[Any, Mapping[str, str]] = {
        key: {name: with_interval(*mean[:3]) for name, mean in of_key.items()}
        | {NETWORKS: networks_shown(mean.n for mean in of_key.values())}
        for key, of_key in means.items()
    }
    if null is not None:
        levels = [len(key) for key in rows if isinstance(key, tuple)]
        rows[(NOTHING, *[""] * (levels[0] - 1)) if levels else NOTHING] = {NETWORKS: "", **null}
    return pd.DataFrame(rows).T


def means_in_rows(
    scores: Mapping[tuple[str, str], Mapping[str, ArrayLike]], what: Sequence[str]
) -> pd.DataFrame:
    """Put means and intervals of some of these scores in rows, for a figure beside the table.

    Parameters
    ----------
    scores : mapping
        As for :func:`means_shown`, by ``source`` and ``name``.
    what : sequence of str
        Names of the scores, in their order.

    Returns
    -------
    DataFrame
        As :func:`studies.figures.measured.methods_by_score` takes it.
    """
    return pd.DataFrame(
        {"what": one, "source": source, "name": name} | mean_interval(of[one])._asdict()
        for one in what
        for (source, name), of in scores.items()
    )


def null_shown(table: pd.DataFrame, scores: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Write what graphs score that know nothing: those of a table, their neurons relabelled.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    scores : mapping
        As for :func:`by_network`.

    Returns
    -------
    dict
        For each name the mean of the null, and two of its standard deviations, both averaged over
        the rows of that score, as in ``0.00 ± 0.04``. Of a score without a null, what it is for any
        graph that knows nothing, such as ``0.50`` for an area under the ROC curve.

    Raises
    ------
    NotMeasured
        As for :func:`studies.evidence.report.chosen`.
    """
    found = {}
    for name, (view, score) in scores.items():
        nulls = chosen(table, view=view, score=score)[["null_mean", "null_sd"]].mean()
        if np.isnan(nulls["null_sd"]):
            found[name] = f"{NO_KNOWLEDGE[score]:.2f}" if score in NO_KNOWLEDGE else ""
        else:
            found[name] = with_spread(nulls["null_mean"], nulls["null_sd"])
    return found


def recording_sizes(table: pd.DataFrame, view: str = "true_off_hubs") -> pd.DataFrame:
    """Tell what methods know of edges in recordings of each measured size.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``recording_size``; its networks with
        hubs count.
    view : str
        Of which entries the Spearman correlation is; by default those off the hubs.

    Returns
    -------
    DataFrame
        One row per method and network: ``name``, ``n_neurons``, ``duration`` in s,
        ``spikes_per_unit`` (the mean over all networks of that size), ``network_seed`` and
        ``value``.
    """
    found = named(table, _SIZED, view=view, score="spearman").merge(
        chosen(sizes(), topology="hub_network"), on="network"
    )
    of_each = found["n_spikes"] / found["n_neurons"]
    found["spikes_per_unit"] = of_each.groupby(found["network"]).transform("mean")
    columns = ["name", "n_neurons", "duration", "spikes_per_unit", "network_seed", "value"]
    return found[columns].reset_index(drop=True)


def list_table(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    """Write a table of texts as MyST has it, its first row on top.

    Parameters
    ----------
    rows : sequence of sequence of str
    widths : sequence of int
        Of the columns, relative to each other.

    Returns
    -------
    str
        MyST Markdown.
    """
    cells = ["\n".join("  - " + cell for cell in row).replace("  - ", "* - ", 1) for row in rows]
    options = f":header-rows: 1\n:widths: {' '.join(map(str, widths))}\n"
    return "```{list-table}\n" + options + "\n" + "\n".join(cells) + "\n```"
