"""Which hubs, and which sizes of the model, come nearest to Table 1 of the paper."""

from __future__ import annotations

import pandas as pd

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.report import as_published, chosen, distance_from_paper, with_settings
from studies.evidence.verdicts import ATTENTION, GLM
from studies.names import CORRELATIONS
from studies.plans import DEFAULT_HUBS, DEFAULT_SIZES, STUDIES

__all__ = ["nearest_to_paper", "sizes_and_paper"]

OF_TABLE_1 = [(view, score) for view in ("true", "co_input") for score in CORRELATIONS]


def nearest_to_paper(table: pd.DataFrame, n: int = 4) -> pd.DataFrame:
    """Put the correlations of the settings nearest to the paper's beside the paper's.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.evidence.claims_settings.with_hubs`.
    n : int
        Settings.

    Returns
    -------
    DataFrame
        A row per setting and method, nearest first, the paper last; a column per view and
        correlation. Settings without a transformer are left out.
    """
    apart = distance_from_paper(table, list(DEFAULT_HUBS)).dropna().sort_values("both")
    rows = {}
    for values in apart.head(n)[list(DEFAULT_HUBS)].to_numpy():
        setting = dict(zip(DEFAULT_HUBS, values, strict=True))
        where = "{hub_weight:g} mV, {hub_probability:g}, others {weight:g} mV".format(**setting)
        for name, labels in (("GLM", GLM), ("attention", ATTENTION)):
            rows[where, name] = _of_table_1(chosen(table, **setting, **labels))
    for method, name in (("glm", "GLM"), ("attention", "attention")):
        rows["the paper", name] = _of_table_1(chosen(paper_table_1(), method=method))
    return pd.DataFrame(rows).T


def _of_table_1(rows: pd.DataFrame) -> pd.Series[float]:
    return rows.set_index(["view", "score"])["value"][OF_TABLE_1]


def sizes_and_paper(table: pd.DataFrame) -> pd.DataFrame:
    """Tell how far interval models of several sizes lie from the paper's column.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the studies ``model_size`` and ``hub_strength``
        together.

    Returns
    -------
    DataFrame
        A row for each network that has models of several sizes (``hubs``) and size (``model``);
        the correlations of Table 1, and ``distance`` from the paper's.
    """
    points = [point for name in ("hub_strength", "model_size") for point in STUDIES[name].points()]
    varied = [*DEFAULT_HUBS, *DEFAULT_SIZES]
    rows = as_published(with_settings(table, points, **DEFAULT_HUBS, **DEFAULT_SIZES))
    rows = rows[rows["model"] == "interval"]
    several = rows.groupby(list(DEFAULT_HUBS))["changes"].transform("nunique") > 1
    rows = chosen(rows[several], layer="all", head="all")
    wide = rows.pivot_table("value", varied, ["view", "score"])[OF_TABLE_1]
    wide["distance", ""] = distance_from_paper(rows, varied).set_index(varied)["attention"]
    settings = [dict(zip(varied, place, strict=True)) for place in wide.index]
    hubs = ["{hub_weight:g} mV, {hub_probability:.0%}".format(**setting) for setting in settings]
    changes = [
        [f"{k} {row[k]:g}" for k, usual in DEFAULT_SIZES.items() if row[k] != usual]
        for row in settings
    ]
    sizes = [", ".join(changed) or "as elsewhere" for changed in changes]
    wide.index = pd.MultiIndex.from_arrays([hubs, sizes], names=["hubs", "model"])
    return wide
