"""What the paper concludes from its Table 1, asked of the scores of a single network."""

from __future__ import annotations

import pandas as pd

from studies.evidence.report import chosen
from studies.names import CORRELATIONS

__all__ = ["MODEST", "TABLE_1", "claims"]

MODEST = 0.5  # correlations below are called modest here; the paper gives no bound


Entry = tuple[str, str]  # a model, and the view in which its graph is scored

_GLM, _ATTENTION = "GLM", "Neuroformer"
_LABELS = {
    _GLM: {"method": "glm", "reading": "peak"},
    _ATTENTION: {"method": "attention", "model": "interval", "layer": "all"},
}
_VIEWS = {"true": "edges", "co_input": "co-input", "abs": "magnitudes"}
# Each claim of Section 3.2, and which entries of the table are to be ahead of which.
TABLE_1: dict[str, list[tuple[Entry, Entry]]] = {
    "Both models recover edges modestly": [],
    "The GLM is ahead on edges": [((_GLM, "true"), (_ATTENTION, "true"))],
    "Both align better in co-input than in edges": [
        ((model, "co_input"), (model, "true")) for model in _LABELS
    ],
    "Neuroformer is ahead of the GLM on co-input": [((_ATTENTION, "co_input"), (_GLM, "co_input"))],
    "Both do worse on magnitudes than on signed edges": [
        ((model, "true"), (model, "abs")) for model in _LABELS
    ],
}


def claims(table: pd.DataFrame) -> pd.DataFrame:
    """Check what the paper concludes from Table 1 against the scores of another network.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.whole_path.scores`: of the GLM's peaks and of the ``interval``
        model over all layers, as in the paper.

    Returns
    -------
    DataFrame
        One row per claim: ``claim``, ``measured`` (Pearson / Spearman) and ``holds``. An entry is
        ahead of another if both correlations say so. On one network that is no more than what is
        seen there: how far it can be trusted takes several of them, as on the report card.
    """
    values = {
        model: chosen(table, **labels).set_index(["view", "score"])["value"]
        for model, labels in _LABELS.items()
    }

    def pair(entry: Entry) -> list[float]:
        model, view = entry
        return [values[model][view, score] for score in CORRELATIONS]

    def shown(entry: Entry) -> str:
        model, view = entry
        return f"{model} {_VIEWS[view]} " + " / ".join(f"{x:.2f}" for x in pair(entry))

    def ahead(one: Entry, other: Entry) -> bool:
        return all(a > b for a, b in zip(pair(one), pair(other), strict=True))

    rows = []
    for claim, compared in TABLE_1.items():
        measured = [f"{shown(one)} against {shown(other)}" for one, other in compared]
        holds = all(ahead(one, other) for one, other in compared)
        if not compared:
            edges: list[Entry] = [(model, "true") for model in _LABELS]
            measured = list(map(shown, edges))
            holds = all(0 < number < MODEST for entry in edges for number in pair(entry))
        rows.append((claim, "; ".join(measured), holds))
    return pd.DataFrame(rows, columns=["claim", "measured", "holds"])
