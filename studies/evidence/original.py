"""What the study on the paper's own network says: Table 1 there, how near, and what matters."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.report import chosen, paired, per_network, summary
from studies.names import CORRELATIONS
from studies.original import FITTED, PaperRecording
from studies.original_models import (
    ENSEMBLE,
    READOUTS,
    attention_of,
)
from studies.original_scores import PERMUTED
from studies.rows import labels_of, with_names

__all__ = [
    "ORIGINAL_ATTENTION",
    "ORIGINAL_CENTRED",
    "ORIGINAL_GLM",
    "SHORT",
    "changes_by_switch",
    "distances",
    "once",
    "table_1",
]

# The recording that was chosen before any score was looked at: of the setting that comes nearest
# to the activity of the figure, with as many spikes as the original has.
SHORT = {"network": PaperRecording(setting=FITTED).label}


# What the paper did, as far as is known: the converged GLM by its peak, ten models, their read-out.
ORIGINAL_GLM = labels_of("glm", reading="peak")
ORIGINAL_ATTENTION = attention_of(n_models=ENSEMBLE)
ORIGINAL_CENTRED = attention_of(n_models=ENSEMBLE, centred=True)


def once(table: pd.DataFrame) -> pd.DataFrame:
    """Keep one row of each score: those with nulls stand there once for each kind of null."""
    return table[table["null"].isin(["", PERMUTED])]


def table_1(table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Average the scores of Table 1 over networks.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of one kind of recording.
    columns : mapping
        Labels of each method by its name, as for :func:`studies.evidence.report.chosen`.

    Returns
    -------
    DataFrame
        ``method`` (the name), ``view``, ``score`` and ``value``, as in
        :func:`lgl_core.metrics.scores.paper_table_1`.
    """
    rows = once(table)
    rows = rows[rows["view"].isin(["true", "co_input", "abs"])]
    rows = rows[rows["score"].isin([*CORRELATIONS, "spectral"])]
    means = [
        summary(chosen(rows, **labels), ["view", "score"]).assign(method=name)
        for name, labels in columns.items()
    ]
    table = pd.concat(means, ignore_index=True).rename(columns={"mean": "value"})
    return table[["method", "view", "score", "value"]]


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """Tell how far each pair of a GLM and an attention lies from the correlations of Table 1.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.

    Returns
    -------
    DataFrame
        One row per recording, GLM and attention: ``network``, ``glm``, ``attention`` (names) and
        the root mean square ``distance`` of means over networks to the eleven correlations that the
        paper gives, nearest first.
    """
    paper = paper_table_1().dropna(subset="value")
    paper = paper[paper["score"].isin(CORRELATIONS)]
    both = once(with_names(table))
    both = both[both["score"].isin(CORRELATIONS) & both["method"].isin(["glm", "attention"])]
    of_each = per_network(both, ["method", "name", "view", "score"])
    means = of_each.groupby(["network", "method", "name", "view", "score"])["value"].mean()
    apart = means.reset_index().merge(
        paper, on=["method", "view", "score"], suffixes=("", "_paper")
    )
    apart["squared"] = (apart["value"] - apart["value_paper"]) ** 2
    keys = ["network", "method", "name"]
    sums = apart.groupby(keys, as_index=False)[["squared"]].sum()
    found = []
    for network, rows in sums.groupby("network"):
        glms, attentions = (
            list(zip(one["name"], one["squared"], strict=True))
            for one in (rows[rows["method"] == method] for method in ("glm", "attention"))
        )
        for (glm, of_glm), (attention, of_attention) in product(glms, attentions):
            distance = float(np.sqrt((of_glm + of_attention) / len(paper)))
            found.append((network, glm, attention, distance))
    columns = ["network", "glm", "attention", "distance"]
    return pd.DataFrame(found, columns=columns).sort_values("distance", ignore_index=True)


def changes_by_switch(table: pd.DataFrame) -> pd.DataFrame:
    """Tell what each switch of the original read-out changes, turned by itself.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of one kind of recording.

    Returns
    -------
    DataFrame
        ``name`` (what is turned, centring among them), ``view`` (true, co_input, abs), ``mean``,
        ``low``, ``high`` and ``n_networks`` of the change of the Spearman correlation, network by
        network.
    """
    rows, before = once(table), attention_of()
    turned = {
        name.removeprefix("original but "): attention_of(readout=name)
        for name in READOUTS
        if name.startswith("original but ")
    }
    turned["centred before co-input"] = attention_of(centred=True)
    found = []
    for name, after in turned.items():
        for view in ("true", "co_input", "abs"):
            labels = {"view": view, "score": "spearman"}
            change = paired(chosen(rows, **after, **labels), chosen(rows, **before, **labels))
            found.append((name, view, change.mean, change.low, change.high, change.n))
    return pd.DataFrame(found, columns=["name", "view", "mean", "low", "high", "n_networks"])
