"""What the paper concludes from Table 1, asked of the scores of another network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studies.evidence.report import chosen
from studies.names import CORRELATIONS

__all__ = ["claims"]


def claims(table: pd.DataFrame, glm: str = "peak", attention: str = "interval") -> pd.DataFrame:
    """Check what the paper concludes from Table 1 against the scores of another network.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.whole_path.scores`.
    glm, attention : str
        Reading and model that stand for the two; the defaults are the paper's choices.

    Returns
    -------
    DataFrame
        One row per claim of Section 3.2: ``claim``, ``measured`` (Pearson / Spearman) and
        ``holds``. A model is ahead, or a view better, if both correlations say so.
    """
    rows_of = {
        glm: chosen(table, method="glm", reading=glm),
        attention: chosen(table, method="attention", model=attention, layer="all"),
    }
    value = {key: rows.set_index(["view", "score"])["value"] for key, rows in rows_of.items()}

    def pair(key: str, view: str) -> NDArray[np.float64]:
        return value[key][view][list(CORRELATIONS)].to_numpy()

    def show(key: str, view: str) -> str:
        return " / ".join(f"{number:.2f}" for number in pair(key, view))

    def ahead(key: str, view: str, other: str, other_view: str) -> bool:
        return bool((pair(key, view) > pair(other, other_view)).all())

    both = (("GLM", glm), ("Neuroformer", attention))
    modest = [pair(key, "true") for _, key in both]
    rows = [
        (
            "both models recover edges modestly (correlations above 0 and below 0.5)",
            ", ".join(f"{name} {show(key, 'true')}" for name, key in both),
            all(bool(((0 < numbers) & (numbers < 0.5)).all()) for numbers in modest),
        )
    ]
    for name, key in both:
        rows.append(
            (
                f"{name} aligns better in co-input than in edges",
                f"edges {show(key, 'true')}, co-input {show(key, 'co_input')}",
                ahead(key, "co_input", key, "true"),
            )
        )
    rows += [
        (
            "the GLM is ahead of Neuroformer on edges",
            f"GLM {show(glm, 'true')}, Neuroformer {show(attention, 'true')}",
            ahead(glm, "true", attention, "true"),
        ),
        (
            "Neuroformer is ahead of the GLM on co-input",
            f"Neuroformer {show(attention, 'co_input')}, GLM {show(glm, 'co_input')}",
            ahead(attention, "co_input", glm, "co_input"),
        ),
        (
            "both do worse on magnitudes than on signed edges",
            ", ".join(
                f"{name} {show(key, 'abs')} against {show(key, 'true')}" for name, key in both
            ),
            all(ahead(key, "true", key, "abs") for _, key in both),
        ),
    ]
    return pd.DataFrame(rows, columns=["claim", "measured", "holds"])
