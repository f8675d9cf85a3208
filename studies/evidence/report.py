"""From the files of the studies to what they say: means, intervals, differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.intervals import Difference, Mean, mean_interval, means_by, with_interval
from studies.names import CORRELATIONS
from studies.points import READINGS, Model, Point, Recording
from studies.rows import LABELS

__all__ = [
    "NotMeasured",
    "as_published",
    "both",
    "checked_again",
    "chosen",
    "difference",
    "distance_from_paper",
    "mean_over_networks",
    "mean_shown",
    "named",
    "paired",
    "per_network",
    "repeated",
    "series_means",
    "shown",
    "summary",
    "with_settings",
]


class NotMeasured(ValueError):
    """What is asked for is not in the table; a study may have been run in part."""


def chosen(table: pd.DataFrame, **labels: Any) -> pd.DataFrame:
    """Keep the rows that carry these labels.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    **labels
        Column and label; a list or tuple of labels keeps them all.

    Returns
    -------
    DataFrame

    Raises
    ------
    NotMeasured
        If nothing is left, which names the label that left nothing.
    """
    for column, label in labels.items():
        wanted = label if isinstance(label, list | tuple) else [label]
        kept = table[table[column].isin(wanted)]
        if kept.empty:
            raise NotMeasured(
                f"{column} must be one of {sorted(map(str, table[column].unique()))}, got {label!r}"
            )
        table = kept
    return table


def as_published(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the graphs that are read as in the paper, and all that is no attention."""
    return table[~table["reading"].isin(list(READINGS))]


def named(
    table: pd.DataFrame,
    series: Mapping[str, Mapping[str, Any]],
    column: str = "name",
    **labels: Any,
) -> pd.DataFrame:
    """Keep the rows of several series, such as methods, and name them for a figure.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    series : mapping
        Labels of each series, as for :func:`chosen`, by its name.
    column : str
        Where the names go. It may be there already, as ``network`` is.
    **labels
        Labels that all rows have to carry.

    Returns
    -------
    DataFrame
        Series after series, with that column.

    Raises
    ------
    NotMeasured
        As for :func:`chosen`.
    """
    table = chosen(table, **labels)
    return pd.concat(
        [chosen(table, **own).assign(**{column: name}) for name, own in series.items()]
    )


def per_network(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Average over trainings, so that each network counts once.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    by : sequence of str
        Columns that tell one measurement from another, beside ``network`` and ``network_seed``.

    Returns
    -------
    DataFrame
        ``by``, ``network``, ``network_seed`` and the mean ``value``.
    """
    keys = list(dict.fromkeys([*by, "network", "network_seed"]))
    return table.groupby(keys, sort=False)["value"].mean().reset_index()


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Average over networks, with a 95 % interval.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    by : sequence of str
        Columns that tell one measurement from another; one row each.

    Returns
    -------
    DataFrame
        ``by``, ``mean``, ``low`` and ``high`` (:func:`studies.evidence.intervals.interval`), and
        ``n_networks``.
    """
    return means_by(per_network(table, by), by).rename(columns={"n": "n_networks"})


def series_means(
    table: pd.DataFrame, series: Mapping[str, Mapping[str, Any]], **labels: Any
) -> pd.DataFrame:
    """Average several series over networks, as a figure shows them.

    Parameters
    ----------
    table, series, **labels
        As for :func:`named`.

    Returns
    -------
    DataFrame
        As from :func:`summary`, by ``name``, ``view`` and ``score``.
    """
    return summary(named(table, series, **labels), ["name", "view", "score"])


def shown(table: pd.DataFrame, **labels: Any) -> str:
    """Write the mean and interval of each correlation of one measurement.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    **labels
        As for :func:`chosen`.

    Returns
    -------
    str
        Pearson, then Spearman, as in ``0.81 [0.79, 0.83] / 0.42 [0.40, 0.44] (n = 5)``; no brackets
        for a single network.
    """
    rows = per_network(chosen(table, score=CORRELATIONS, **labels), ["score"])
    of_score = rows.groupby("score")["value"]
    return both({score: mean_interval(of_score.get_group(score)) for score in CORRELATIONS})


def mean_shown(table: pd.DataFrame) -> str:
    """Write the mean over networks, its interval and their number, of one measurement."""
    return str(mean_over_networks(table))


def mean_over_networks(table: pd.DataFrame) -> Mean:
    """Average the one measurement in a table over networks, each counting once."""
    return mean_interval(per_network(table, [])["value"])


def both(pair: Mapping[str, Mean]) -> str:
    """Write a measurement in both correlations, Pearson first; the networks once if they agree."""
    pearson, spearman = (pair[score] for score in CORRELATIONS)
    if pearson.n == spearman.n:
        return f"{with_interval(*pearson[:3])} / {spearman}"
    return f"{pearson} / {spearman}"


def difference(
    table: pd.DataFrame, one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Difference]:
    """Compare two measurements network by network.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    one, other : mapping
        Labels of the two, as for :func:`chosen`.

    Returns
    -------
    dict
        A :class:`studies.evidence.intervals.Difference`, one minus the other, for each correlation.

    Raises
    ------
    NotMeasured
        If no network has both. Networks with only one of the two are left out.
    """
    differences = {}
    for score in CORRELATIONS:
        sides = [chosen(table, score=score, **labels) for labels in (one, other)]
        try:
            differences[score] = paired(*sides)
        except NotMeasured as error:
            raise NotMeasured(f"{error} {dict(one)} and {dict(other)}") from None
    return differences


def paired(own: pd.DataFrame, other: pd.DataFrame) -> Difference:
    """Compare two measurements network by network, each the rows of one score.

    Parameters
    ----------
    own, other : DataFrame
        As from :func:`chosen`.

    Returns
    -------
    Difference
        The first minus the second. Networks with only one of the two are left out.

    Raises
    ------
    NotMeasured
        If no network has both.
    """
    sides = [
        per_network(rows, []).set_index(["network", "network_seed"])["value"]
        for rows in (own, other)
    ]
    apart = (sides[0] - sides[1]).dropna()
    if apart.empty:
        raise NotMeasured("table has no network with both")
    return Difference(*mean_interval(apart))


def repeated(fresh: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Put scores that were computed anew beside those of a file.

    Parameters
    ----------
    fresh : DataFrame
        As from :func:`studies.points.rows`, or scores without a null.
    stored : DataFrame
        As from :func:`studies.results.load`.

    Returns
    -------
    DataFrame
        One row per score that both have: its labels, ``value``, ``value_stored`` and
        ``difference`` (without a sign). Empty if the file has no such network.
    """
    # The value of a score is the same whatever its null.
    texts = [label for label in LABELS if label != "null" or fresh["null"].notna().any()]
    labels = [*texts, "network_seed", "model_seed", "n_models"]
    blanks = dict.fromkeys(texts, "")
    fresh = fresh.astype(dict.fromkeys(texts, object)).fillna(blanks).astype({"model_seed": float})
    pair = fresh.merge(stored, on=labels, suffixes=("", "_stored"))
    pair["difference"] = (pair["value"] - pair["value_stored"]).abs()
    return pair[[*labels, "value", "value_stored", "difference"]]


def checked_again(fresh: pd.DataFrame, stored: pd.DataFrame) -> str:
    """Hold scores that were computed anew against those of a file, and say how far they are off.

    Parameters
    ----------
    fresh, stored : DataFrame
        As for :func:`repeated`; the fresh ones of one recording. Average precision is left out: it
        hangs on the order of nearly equal entries.

    Returns
    -------
    str
        Whether they agree, or nothing is committed.

    Raises
    ------
    ValueError
        If they do not agree.
    """
    again = repeated(fresh, stored)
    again = again[again["score"].isin([*CORRELATIONS, "auc"])]
    worst = again["difference"].max()
    verdict = "nothing committed" if again.empty else "passed" if worst < 1e-3 else "FAILED"
    found = (
        f"{verdict}: {fresh['network'].iloc[0]}, {len(again)} scores, "
        f"largest difference {worst:.0e}, allowed 1e-3"
    )
    if verdict == "FAILED":
        raise ValueError(f"{found}\n{again.nlargest(3, 'difference').to_string(index=False)}")
    return found


def with_settings(table: pd.DataFrame, points: Iterable[Point], **defaults: Any) -> pd.DataFrame:
    """Add a column for each setting that a study varies, so that it can be plotted against.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    points : iterable of Point
        Those of the study.
    **defaults
        Name of a setting of the network or of a change of the model, or ``duration``, and the
        value of it where a point says nothing.

    Returns
    -------
    DataFrame
        The rows of the recordings and models among the points, with the new columns. Rows that
        are of no recording of the study are left out. Graphs that need no transformer have the
        defaults of what only models vary.
    """
    of_recordings: dict[str, Mapping[str, Any]] = {}
    of_models: dict[tuple[str, str], Mapping[str, Any]] = {}
    for point in points:
        if isinstance(point, Recording | Model):
            recording = point if isinstance(point, Recording) else point.recording
            settings = {"duration": recording.duration, **recording.settings}
            of_recordings[recording.label] = settings
        if isinstance(point, Model):
            labels = point.labels()
            of_models[labels["model"], labels["changes"]] = point.changes
    table = table[table["network"].isin(list(of_recordings))]
    for name, default in defaults.items():
        table = table.assign(
            **{
                name: [
                    of_models.get((model, changes), {}).get(
                        name, of_recordings[network].get(name, default)
                    )
                    for network, model, changes in table[["network", "model", "changes"]].to_numpy()
                ]
            }
        )
    return table


def distance_from_paper(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Tell how far scores lie from Table 1 of the paper.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`.
    by : sequence of str
        Columns that tell one setting from another.

    Returns
    -------
    DataFrame
        One row per setting: ``by``, then ``glm`` and ``attention``: the root mean square of what
        lies between ours and the paper's correlations (Pearson and Spearman, of edges and of
        co-input), for the readings of the paper; then ``both``, the same over the two columns of
        the table. NaN where a setting has no such model. Models of several sizes are one setting
        unless ``by`` tells them apart.
    """
    views = ["true", "co_input"]
    paper = chosen(paper_table_1(), view=views, score=CORRELATIONS)
    ours = as_published(table)
    ours = ours[
        ours["view"].isin(views)
        & ours["score"].isin(CORRELATIONS)
        & ours["head"].isin(["", "all"])
        & ours["layer"].isin(["", "all"])
        & ours["rows"].isin(["", "predicted"])
        & ((ours["reading"] == "peak") | (ours["model"] == "interval"))
    ]
    apart = ours.merge(paper, on=["method", "view", "score"], suffixes=("", "_paper"))
    apart["squared"] = (apart["value"] - apart["value_paper"]) ** 2
    means = apart.groupby([*by, "method"], sort=False)["squared"].mean().unstack()
    means = means.reindex(columns=["glm", "attention"])
    means["both"] = means.mean(axis=1, skipna=False)
    return (means**0.5).reset_index().rename_axis(columns=None)
