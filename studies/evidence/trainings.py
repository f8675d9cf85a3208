"""What differs between trainings of one model: their scores, their best layers, their losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from studies.evidence.report import chosen
from studies.rows import with_names

__all__ = [
    "averages_beside_members",
    "best_layers",
    "losses_and_scores",
    "told_by_loss",
    "training_spread",
]

TRAINING = ["name", "network_seed", "model_seed"]
NETWORK = TRAINING[:2]


def training_spread(trainings: pd.DataFrame) -> pd.DataFrame:
    """Tell how far trainings lie apart, between networks and within one.

    Parameters
    ----------
    trainings : DataFrame
        One row per training: ``name``, ``network_seed`` and ``value``.

    Returns
    -------
    DataFrame
        One row per name: ``count``, ``min``, ``max``, ``sd between networks`` (of their means)
        and ``sd between trainings`` (on one network, the root of the mean variance).
    """
    spread = trainings.groupby("name")["value"].agg(["count", "min", "max"])
    of_network = trainings.groupby(NETWORK)["value"]
    spread["sd between networks"] = of_network.mean().groupby("name").std()
    spread["sd between trainings"] = np.sqrt(of_network.var().groupby("name").mean())
    return spread


def best_layers(layers: pd.DataFrame) -> pd.DataFrame:
    """Count in how many trainings each layer is the best one, and in how many one is opposed.

    Parameters
    ----------
    layers : DataFrame
        Of one score, one row per layer of a training: ``name``, ``network_seed``,
        ``model_seed``, ``layer`` and ``value``. The mean over layers, "all", is left out.

    Returns
    -------
    DataFrame
        One row per name: ``best: layer 1`` and so on, ``some layer below zero``, and
        ``lowest best``, the least score that a best layer has.
    """
    single = layers[layers["layer"] != "all"].pivot_table("value", TRAINING, "layer")
    best = single.idxmax(axis=1).groupby("name").value_counts().unstack(fill_value=0)
    best = best.sort_index(axis=1).add_prefix("best: layer ")
    best["some layer below zero"] = (single < 0).any(axis=1).groupby("name").sum()
    best["lowest best"] = single.max(axis=1).groupby("name").min()
    return best


def losses_and_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Put the held-out loss of each training beside its alignment in co-input.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`. Ensembles, which have no loss, are left out.

    Returns
    -------
    DataFrame
        One row per training: ``name``, ``network_seed``, ``model_seed``, ``loss`` (of the next
        neuron, in nats per spike) and ``co_input`` (Spearman, of the mean over all layers).
    """
    whole = with_names(chosen(table, method="attention", layer="all", head="all"))
    losses = chosen(whole, view="visible", score="held-out neuron")
    scores = chosen(whole, view="co_input", score="spearman")
    values = {"value_loss": "loss", "value": "co_input"}
    both = losses.merge(scores, on=TRAINING, suffixes=("_loss", "")).rename(columns=values)
    return both[[*TRAINING, *values.values()]]


def told_by_loss(trainings: pd.DataFrame) -> pd.DataFrame:
    """Tell whether a lower loss goes with a better graph.

    Parameters
    ----------
    trainings : DataFrame
        As from :func:`losses_and_scores`.

    Returns
    -------
    DataFrame
        One row per name: ``trainings``; the losses, ``losses from`` and ``to``; the
        ``rank correlation`` of loss and score over all trainings, and ``within networks``, each
        taken from the mean of its network (NaN where no network has two); ``networks`` with
        several trainings, in how many of them the lowest loss has the highest score, ``told
        right``, and in how many a guess would find it, ``guessed right``.
    """
    return pd.DataFrame(
        {str(name): _told(rows) for name, rows in trainings.groupby("name", sort=False)}
    ).T.astype({"trainings": int, "networks": int, "told right": int})


def _told(rows: pd.DataFrame) -> dict[str, float]:
    numbers = rows[["loss", "co_input"]]
    within = numbers - numbers.groupby(rows["network_seed"]).transform("mean")
    several = [part for _, part in rows.groupby("network_seed") if len(part) > 1]
    inner = within.corr("spearman").loc["loss", "co_input"] if several else float("nan")
    return {
        "trainings": len(rows),
        "losses from": rows["loss"].min(),
        "to": rows["loss"].max(),
        "rank correlation": numbers.corr("spearman").loc["loss", "co_input"],
        "within networks": inner,
        "networks": len(several),
        "told right": sum(part["loss"].idxmin() == part["co_input"].idxmax() for part in several),
        "guessed right": sum(1 / len(part) for part in several),
    }


def averages_beside_members(
    table: pd.DataFrame, names: Sequence[str], n_models: int = 3
) -> pd.DataFrame:
    """Put the score of an average over trainings beside the scores of its members.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    names : sequence of str
        Of the members.
    n_models : int
        Members of an ensemble.

    Returns
    -------
    DataFrame
        One row per name and network that have both: co-input Spearman over all layers,
        ``average of 3``, ``mean of members``, ``lowest`` and ``highest``.
    """
    rows = chosen(table, method="attention", layer="all", head="all")
    rows = chosen(rows, view="co_input", score="spearman")
    # An ensemble is called after its members.
    averages, single = (
        chosen(with_names(chosen(rows, n_models=n).assign(n_models=1)), name=list(names))
        for n in (n_models, 1)
    )
    average = averages.set_index(NETWORK)["value"].rename(f"average of {n_models}")
    of_network = single.groupby(NETWORK)["value"]
    members = of_network.agg(["mean", "min", "max"])
    members.columns = pd.Index(["mean of members", "lowest", "highest"])
    return pd.concat([average, members], axis=1, join="inner").sort_index()
