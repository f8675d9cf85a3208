"""What page 24 shows of voltages and spikes: areas by how many pairs are connected, and by size."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from studies.evidence.intervals import Mean, mean_interval, means_by
from studies.evidence.report import chosen
from studies.voltages import EMBEDDING, ENERGY, LEARNED, N_MODELS

__all__ = [
    "MEAN_ATTENTION",
    "PUBLISHED",
    "ahead",
    "areas",
    "beside_published",
    "by_size",
    "learned",
    "means",
]

MEAN_ATTENTION = f"attention, mean of {N_MODELS}"
# By method, model, reading and trainings: what was read, and the name on the page, in its order.
_NAMES = {
    ("attention", "voltages", "", N_MODELS): ("voltages", MEAN_ATTENTION),
    ("attention", "voltages", "", 1): ("voltages", "attention, one training"),
    ("attention", "voltages", ENERGY, N_MODELS): ("voltages", ENERGY),
    ("granger", "", "voltages", 1): ("voltages", "Granger causality"),
    ("attention", EMBEDDING, "", N_MODELS): ("spikes", MEAN_ATTENTION),
    ("attention", EMBEDDING, "", 1): ("spikes", "attention, one training"),
    ("attention", EMBEDDING, ENERGY, N_MODELS): ("spikes", ENERGY),
    ("attention", EMBEDDING, "influence", N_MODELS): ("spikes", "influence"),
    ("granger", "", "counts", 1): ("spikes", "Granger causality"),
    ("glm", "", "area", 1): ("spikes", "GLM"),
    ("ccg", "", "1 to 4 ms", 1): ("spikes", "cross-correlogram"),
    ("covariance", "", "10 ms", 1): ("spikes", "covariance"),
}
# What tells one draw of a network from another.
_DRAWN = ["simulator", "neurons", "network_seed"]
# Areas of Lu et al. (2023), means over ten networks of each kind, by neurons and share of connected
# pairs (%): computed from the areas of each network in their repository and its wiring. There, as
# in print, each neuron and itself are among the unconnected pairs; here they are taken out, at the
# bottom of the ranks, where they stand.
_PUBLISHED = {
    5: ((0.931, 0.939, 0.955, 0.942), (0.835, 0.864, 0.841, 0.846), (0.935, 0.964, 0.951, 0.945)),
    10: ((0.962, 0.969, 0.958, 0.936), (0.853, 0.865, 0.858, 0.831), (0.949, 0.942, 0.922, 0.910)),
    20: ((0.970, 0.974, 0.956, 0.935), (0.865, 0.868, 0.850, 0.843), (0.929, 0.903, 0.829, 0.760)),
    40: ((0.948, 0.924, 0.878, 0.727), (0.817, 0.806, 0.764, 0.661), (0.877, 0.779, 0.672, 0.560)),
}
_AS_PUBLISHED = ("attention, mean of 10", "attention, one training", "Granger causality")
PUBLISHED = pd.concat(
    {
        n: pd.DataFrame(dict(zip(_AS_PUBLISHED, values, strict=True)), index=[20, 40, 60, 80])
        for n, values in _PUBLISHED.items()
    },
    names=["neurons", "share"],
)


def areas(table: pd.DataFrame) -> pd.DataFrame:
    """Give the area under ROC of each reading of each network, off the diagonal.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``voltages``.

    Returns
    -------
    DataFrame
        ``simulator``, ``neurons``, ``share`` (% of pairs that are connected), ``network_seed``,
        ``source`` (voltages or spikes), ``name`` (of the reading) and ``value``, a mean over
        trainings where each has its own.

    Raises
    ------
    NotMeasured
        If a reading is not in the table.
    """
    rows = chosen(table, score="auc", view="detection").dropna(subset="value")
    found = []
    for (method, model, reading, n_models), (source, name) in _NAMES.items():
        labels = {"method": method, "model": model, "reading": reading, "n_models": n_models}
        mine = chosen(rows, **labels).groupby(["network", "network_seed"], sort=False)["value"]
        found.append(mine.mean().reset_index().assign(source=source, name=name))
    every = pd.concat(found, ignore_index=True)
    kind = every["network"].str.extract(r"(\w+), (\d+) neurons, (\d+) %")
    return every.drop(columns="network").assign(
        simulator=kind[0], neurons=kind[1].astype(int), share=kind[2].astype(int)
    )


def means(areas: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Average areas over networks, with Student's intervals.

    Parameters
    ----------
    areas : DataFrame
        As from :func:`areas`.
    by : sequence of str
        Columns beside ``source`` and ``name`` that tell one mean from another.

    Returns
    -------
    DataFrame
        ``source``, ``name``, ``by``, ``mean``, ``low``, ``high`` and ``n``. Networks of one
        simulator, size and seed are one: they share the random numbers of neurons and noise.
    """
    return means_by(areas, ["source", "name", *by], one=_DRAWN)


def by_size(areas: pd.DataFrame) -> pd.DataFrame:
    """Average areas by size and simulator, for a figure with a panel per size.

    Returns
    -------
    DataFrame
        ``name`` (with what was read), ``what`` (as in ``5 neurons``), ``source`` (the simulator),
        ``mean``, ``low``, ``high`` and ``n``.
    """
    found = means(areas, ["neurons", "simulator"]).sort_values("neurons", kind="stable")
    name = found["source"] + ", " + found["name"]
    what = found["neurons"].astype(str) + " neurons"
    return found.assign(name=name, what=what, source=found["simulator"])


def ahead(
    areas: pd.DataFrame, one: tuple[str, str], other: tuple[str, str], simulator: str = "izhikevich"
) -> Mean:
    """Tell how far one reading is ahead of another one on the same networks.

    Parameters
    ----------
    areas : DataFrame
        As from :func:`areas`.
    one, other : tuple of str
        ``source`` and ``name``.
    simulator : str

    Returns
    -------
    Mean
        Of the difference between their areas, over draws of networks as in :func:`means`.
    """
    mine = areas[areas["simulator"] == simulator]
    wide = mine.pivot_table(index=[*_DRAWN, "share"], columns=["source", "name"], values="value")
    return mean_interval((wide[one] - wide[other]).groupby(level=_DRAWN).mean())


def beside_published(areas: pd.DataFrame) -> pd.DataFrame:
    """Put means over our Izhikevich networks of each kind beside the published ones.

    Returns
    -------
    DataFrame
        A row per ``neurons`` and ``share``; the columns of ``PUBLISHED`` under ``published``, and
        the same readings under ``here``.
    """
    mine = chosen(areas, simulator="izhikevich", source="voltages")
    here = mine.pivot_table(index=["neurons", "share"], columns="name", values="value")
    both = {"published": PUBLISHED, "here": here[[MEAN_ATTENTION, *_AS_PUBLISHED[1:]]]}
    return pd.concat(both, axis=1, join="inner")


def learned(table: pd.DataFrame) -> pd.Series[float]:
    """Give the share of variance that the transformers on voltages explain, by simulator."""
    rows = chosen(table, score=LEARNED)
    return (
        rows.assign(simulator=rows["network"].str.extract(r"(\w+),")[0])
        .groupby("simulator")["value"]
        .mean()
    )
