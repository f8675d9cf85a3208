"""Which layer to take when the truth is not known: rules, and what following them gains.

A rule looks at what :func:`lgl_core.extraction.layers.visible` sees of each layer, or at nothing
but the layer's place. The truth then tells what the rule was worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from studies.evidence.intervals import Difference, mean_interval
from studies.evidence.report import chosen, per_network
from studies.rows import with_names

__all__ = [
    "ALL_LAYERS",
    "BY_CORRELOGRAM",
    "BY_LAG",
    "OBSERVABLES",
    "ORACLE",
    "gain",
    "layer_table",
    "picks",
    "rules",
]

BY_LAG, BY_CORRELOGRAM = "most attention at synaptic lags", "most like the cross-correlogram"
ALL_LAYERS = "mean of all layers"
# Rules that look, in the order of tables: what they look at, and whether they take the layer with
# the most of it (1) or the least (-1).
LOOKING = {
    BY_LAG: ("synaptic_lag", 1),
    BY_CORRELOGRAM: ("agrees_with_reference", 1),
    "costliest to lose": ("ablation_cost", 1),
    "lowest entropy": ("entropy", -1),
}
ORACLE = "best layer, by the truth"  # no rule, but what rules are held against
OBSERVABLES = [observable for observable, _ in LOOKING.values()]

MODEL = ["name", "network", "network_seed", "model_seed"]
NETWORK = ["network", "network_seed"]
LOWER_IS_BETTER = ("spectral", "rank")


def layer_table(
    table: pd.DataFrame, view: str = "co_input", score: str = "spearman"
) -> pd.DataFrame:
    """Put the score of each layer beside what is visible of it without the truth.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`. Ensembles, of which nothing is visible, are left out.
    view, score : str
        What is scored, in the reading of rows by the predicted neuron.

    Returns
    -------
    DataFrame
        One row per layer of a model: ``name``, ``network``, ``network_seed``, ``model_seed``,
        ``layer``, ``value`` (the score) and a column for each of ``OBSERVABLES``. The mean over
        all layers has a row, too, ``layer`` "all", of which nothing is visible.

    Raises
    ------
    ValueError
        If there is no such score, several of one layer, or a layer of which something is not known.
    """
    layer = [*MODEL, "layer"]
    attention = with_names(chosen(table, method="attention", head="all"))
    scored = chosen(attention, rows="predicted", view=view, score=score)
    seen = chosen(attention, view="visible", score=OBSERVABLES)
    if scored.duplicated(layer).any() or seen.duplicated([*layer, "score"]).any():
        raise ValueError("table must have one row per score of a layer: choose one study and null")
    seen = seen.pivot(index=layer, columns="score", values="value").reset_index()
    found = scored[[*layer, "value"]].merge(seen[MODEL].drop_duplicates(), on=MODEL)
    found = found.merge(seen, on=layer, how="left").reindex(columns=[*layer, "value", *OBSERVABLES])
    for observable in OBSERVABLES:
        blank = found[found[observable].isna() & (found["layer"] != "all")]
        if len(blank):
            name = ", ".join(f"{column} {blank.iloc[0][column]}" for column in layer)
            raise ValueError(f"{observable} must be known of each layer, got none of {name}")
    return found


def picks(table: pd.DataFrame, view: str = "co_input", score: str = "spearman") -> pd.DataFrame:
    """Follow each rule in each model.

    Parameters
    ----------
    table, view, score
        As for :func:`layer_table`. The score must be one of which more is better.

    Returns
    -------
    DataFrame
        One row per model and rule, ``ORACLE`` among them: ``name``, ``network``,
        ``network_seed``, ``model_seed``, ``rule``, ``layer`` (the one taken; empty if drawn),
        ``value`` (its score), ``regret`` (the score of the best layer minus that) and
        ``picks_best`` (1 if it is the best layer, 0 if not, between them if drawn; missing for the
        mean of all layers, which is none).

    Raises
    ------
    ValueError
        If less of the score is better, or as for :func:`layer_table`.

    Notes
    -----
    The mean of all layers may do better than each of them: its regret is then below zero. Of
    layers of which the same is seen, the first is taken.
    """
    if score in LOWER_IS_BETTER:
        raise ValueError(f"score must be one of which more is better, got {score!r}")
    found = layer_table(table, view, score)
    parts = [
        layers[MODEL].head(1).merge(_picks(layers), how="cross")
        for _, layers in found.groupby(MODEL, sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def _picks(layers: pd.DataFrame) -> pd.DataFrame:
    """Follow each rule in one model."""
    by_layer = layers.set_index("layer")
    single = by_layer.drop(index="all")
    single = single.loc[sorted(single.index, key=int)]
    taken = {
        rule: str((sign * single[observable]).idxmax())
        for rule, (observable, sign) in LOOKING.items()
    }
    taken |= {"first layer": single.index[0], "last layer": single.index[-1]}
    taken |= {ALL_LAYERS: "all", ORACLE: str(single["value"].idxmax())}
    best = single["value"].max()
    is_best = (single["value"] == best).astype(float)
    rows = [
        (rule, layer, by_layer.loc[layer, "value"], is_best.get(layer))
        for rule, layer in taken.items()
    ]
    rows.append(("a layer at random", "", single["value"].mean(), is_best.mean()))
    followed = pd.DataFrame(rows, columns=["rule", "layer", "value", "picks_best"])
    followed["regret"] = best - followed["value"]
    return followed[["rule", "layer", "value", "regret", "picks_best"]]


def rules(table: pd.DataFrame, view: str = "co_input", score: str = "spearman") -> pd.DataFrame:
    """Tell how good the layer is that each rule takes.

    Parameters
    ----------
    table, view, score
        As for :func:`picks`. All models in the table count: choose a kind beforehand with
        :func:`studies.evidence.report.chosen`, or pool them all.

    Returns
    -------
    DataFrame
        One row per rule: ``rule``, ``reached`` (the score of the layer taken, mean over networks),
        ``low`` and ``high`` (see :func:`studies.evidence.intervals.interval`), ``n_networks``,
        ``regret`` and ``picks_best`` (means over networks; see :func:`picks`) and ``n_models``.
        Each network counts once, however many models were trained on it.

    Raises
    ------
    ValueError
        As for :func:`picks`.
    """
    followed = picks(table, view, score)
    rows = []
    for rule, mine in followed.groupby("rule", sort=False):
        means = mine.groupby(NETWORK)[["value", "regret", "picks_best"]].mean()
        reached = mean_interval(means["value"])
        rows.append((rule, *reached, means["regret"].mean(), means["picks_best"].mean(), len(mine)))
    columns = ["rule", "reached", "low", "high", "n_networks", "regret", "picks_best", "n_models"]
    return pd.DataFrame(rows, columns=columns)


def gain(
    table: pd.DataFrame, over: Mapping[str, Any], view: str = "co_input", score: str = "spearman"
) -> pd.DataFrame:
    """Compare the layer that each rule takes with another method, network by network.

    Parameters
    ----------
    table, view, score
        As for :func:`rules`.
    over : mapping
        Labels of the other method, as for :func:`studies.evidence.report.chosen`.

    Returns
    -------
    DataFrame
        One row per rule: ``rule``, ``mean``, ``low``, ``high`` (the layer's score minus the other
        method's, with its interval over networks), ``n_networks`` and ``verdict`` ("ahead",
        "behind" or "undecided"). Networks without the other method are left out.

    Raises
    ------
    ValueError
        If the other method has no such score in any of the networks, or as for :func:`picks`.
    """
    other = per_network(chosen(table, view=view, score=score, **over), []).set_index(NETWORK)
    rows = []
    for rule, mine in picks(table, view, score).groupby("rule", sort=False):
        paired = (mine.groupby(NETWORK)["value"].mean() - other["value"]).dropna()
        if paired.empty:
            raise ValueError(f"table has no network with both attention and {dict(over)}")
        found = Difference(*mean_interval(paired))
        rows.append((rule, *found, found.verdict))
    return pd.DataFrame(rows, columns=["rule", "mean", "low", "high", "n_networks", "verdict"])
