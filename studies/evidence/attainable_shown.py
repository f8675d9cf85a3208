"""What the page on how much can be known shows: gains, beside those of who knows the network."""

from __future__ import annotations

import pandas as pd

from studies.attainable import ATTAINABLE, BINS, STEPS, WHO, WHO_WHEN_TOLD
from studies.evidence.report import chosen

__all__ = ["KNOWN", "OURS", "SMALL", "THEIRS", "gains", "kinds_of"]

OURS, THEIRS, SMALL = "the book's network", "the paper's network", "a small network"
# Who knows the network.
KNOWN = "who knows the network"


def kinds_of(networks: pd.Series) -> pd.Series:
    """Say of which kind networks are, by the labels of their recordings.

    Parameters
    ----------
    networks : Series of str

    Returns
    -------
    Series of str
    """
    theirs = networks.str.startswith("hub_assemblies")
    return theirs.map({True: THEIRS, False: OURS}).mask(networks.str.contains("n_neurons"), SMALL)


def gains(attainable: pd.DataFrame, *models: pd.DataFrame) -> pd.DataFrame:
    """Place models on the axis of what can be known.

    Parameters
    ----------
    attainable : DataFrame
        As from :func:`studies.results.load`, of the study ``attainable``.
    *models : DataFrame
        Of studies with transformers on the same recordings: their losses of the next neuron.

    Returns
    -------
    DataFrame
        A row per network and name, with ``network``, ``seed``, ``name``, ``what`` (``BINS``,
        ``WHO`` and so on), ``gain`` in nats per spike, and ``share`` of the gain of who knows the
        network. Trainings of one model on one network are averaged.

    Raises
    ------
    NotMeasured
        If the table is of another study.
    """
    rows = chosen(attainable, view=ATTAINABLE)
    known = rows[rows["method"] == "truth"].assign(name=KNOWN)
    known = known[known["score"].isin([STEPS, BINS, WHO_WHEN_TOLD, WHO])]
    coupled = rows[(rows["method"] == "glm") & (rows["score"] == BINS)].assign(name="GLM")
    found = pd.concat([known, coupled])[["network", "network_seed", "name", "score", "value"]]
    of_rates = rows[(rows["method"] == "rates") & (rows["score"] == "held-out neuron")]
    start = of_rates[["network", "network_seed", "value"]].rename(columns={"value": "start"})
    losses = pd.concat(models)
    losses = losses[(losses["score"] == "held-out neuron") & (losses["method"] == "attention")]
    losses = losses[(losses["n_models"] == 1) & (losses["changes"] == "")]
    means = losses.groupby(["network", "network_seed", "model"])["value"].mean().reset_index()
    of_models = means.merge(start, on=["network", "network_seed"])  # on the same recordings
    of_models["value"] = of_models["start"] - of_models["value"]
    of_models = of_models.rename(columns={"model": "name"}).assign(score=WHO)
    table = pd.concat([found, of_models[found.columns]], ignore_index=True)
    table = table.rename(columns={"network_seed": "seed", "score": "what", "value": "gain"})
    most = table[table["name"] == KNOWN].set_index(["network", "seed", "what"])["gain"]
    places = pd.MultiIndex.from_frame(table[["network", "seed", "what"]])
    table["share"] = table["gain"] / most.loc[places].to_numpy()
    return table.assign(network=kinds_of(table["network"]))
