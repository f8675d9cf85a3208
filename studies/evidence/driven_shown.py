"""What the page on lists shows of neurons that hear something else than synapses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pandas as pd

from studies.driven import (
    AFTER,
    BASELINE,
    FASTER_BASELINE,
    ITSELF,
    NETWORK,
    WITHOUT,
    Source,
    recorded,
)
from studies.evidence.report import chosen

__all__ = ["NAMES", "lists_of"]

# By method and by what it was told, in the order of the figure.
NAMES = {
    ("glm", WITHOUT): "GLM, told nothing",
    ("glm", BASELINE): "GLM, slow baseline",
    ("glm", FASTER_BASELINE): "GLM, baseline every second",
    ("glm", AFTER): "GLM, time after events",
    ("glm", ITSELF): "GLM, the drive itself",
    ("ccg", ""): "cross-correlogram",
}


def lists_of(
    table: pd.DataFrame, score: str, settings: Mapping[str, Any] = NETWORK, one_in: int = 3
) -> pd.DataFrame:
    """Give one score of each list, by what the neurons heard and what the method was told.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``driven``.
    score : str
        Of :func:`lgl_core.metrics.decisions.decision_scores` or
        :func:`studies.driven.by_pairs`.
    settings, one_in
        As for :func:`studies.driven.recorded`.

    Returns
    -------
    DataFrame
        The rows of the table with ``name``, what the list was made by, in the order of ``NAMES``,
        and ``kind``, what was heard.

    Raises
    ------
    NotMeasured
        If there is no such recording or score.
    """
    kinds = {recorded(settings, kind, one_in).label: kind for kind in get_args(Source)}
    rows = chosen(table, network=list(kinds), score=score)
    named = [NAMES[key] for key in zip(rows["method"], rows["reading"], strict=True)]
    rows = rows.assign(name=named, kind=rows["network"].map(kinds))
    order = {name: place for place, name in enumerate([*NAMES.values(), *kinds.values()])}
    return rows.sort_values(["name", "kind"], key=lambda column: column.map(order), kind="stable")
