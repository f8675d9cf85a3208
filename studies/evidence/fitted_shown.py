"""What the page on how much can be known shows of readings: scores by how much a model knows."""

from __future__ import annotations

import pandas as pd

from studies.attainable import WHO
from studies.evidence.attainable_shown import SMALL, kinds_of
from studies.evidence.intervals import means_by
from studies.evidence.report import chosen
from studies.fitted import GAIN
from studies.names import READING_NAMES

__all__ = ["readings_by_share", "without_transformer"]


def readings_by_share(
    fitted: pd.DataFrame,
    attainable: pd.DataFrame,
    score: str,
    view: str = "true",
    n_models: int = 1,
    kind: str = SMALL,
) -> pd.DataFrame:
    """Put the scores of readings beside the share of what can be known that their models know.

    Parameters
    ----------
    fitted, attainable : DataFrame
        As from :func:`studies.results.load`, of the studies of these names.
    score, view : str
        Such as ``"pearson"`` of ``"true"``, or of ``"true_off_hubs"``.
    n_models : int
        Trainings whose readings were averaged.
    kind : str
        Of networks: ``SMALL`` or ``THEIRS`` of :mod:`studies.evidence.attainable_shown`.

    Returns
    -------
    DataFrame
        A row for each ``model`` (time embedding), budget (``changes``) and reading (``name``), with
        ``share``, ``mean``, ``low``, ``high``, the null's ``null_mean``, and ``n`` networks.

    Raises
    ------
    NotMeasured
        If the second table is of another study.
    """
    rows = chosen(attainable, method="truth", score=WHO)
    rows = rows[kinds_of(rows["network"]) == kind]
    known = rows.set_index("network_seed")["value"]
    ours = fitted[(fitted["method"] == "attention") & (fitted["n_models"] == n_models)]
    ours = ours[kinds_of(ours["network"]) == kind]
    keys = ["model", "changes", "network_seed"]
    of_models = ours[ours["score"] == GAIN].set_index(keys)["value"]
    share = of_models / known.reindex(of_models.index.get_level_values("network_seed")).to_numpy()
    rows = ours[(ours["view"] == view) & (ours["score"] == score)]
    rows = rows[rows["reading"].isin(READING_NAMES)].merge(
        share.rename("share").reset_index(), on=keys, how="left"
    )
    named = rows.assign(name=rows["reading"].map(READING_NAMES))
    group = ["model", "changes", "name"]
    beside = named.groupby(group, sort=False)[["share", "null_mean"]].mean().reset_index()
    found = beside.merge(means_by(named, group), on=group)
    found = found.sort_values("name", key=lambda names: names.map([*READING_NAMES.values()].index))
    return found.sort_values(["model", "share"], kind="stable", ignore_index=True)


def without_transformer(fitted: pd.DataFrame, score: str, view: str = "true") -> pd.DataFrame:
    """Give the scores of the GLM and of the correlogram on the same recordings.

    Parameters
    ----------
    fitted : DataFrame
        As for :func:`readings_by_share`.
    score, view : str
        As there.

    Returns
    -------
    DataFrame
        A row for each ``network`` (its label has the length of the recording) and ``name``, with
        ``mean``, ``low``, ``high`` and ``n``.
    """
    rows = fitted[(fitted["view"] == view) & (fitted["score"] == score)]
    names = {"glm, area": "GLM", "ccg, 1 to 4 ms": "correlogram"}
    rows = rows.assign(name=(rows["method"] + ", " + rows["reading"]).map(names))
    return means_by(rows.dropna(subset="name"), ["network", "name"])
