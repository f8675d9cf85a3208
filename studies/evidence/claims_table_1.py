"""What the paper concludes from Table 1, asked of the scores of another network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["claims"]


def claims(table: pd.DataFrame, glm: str = "peak", attention: str = "interval") -> pd.DataFrame:
    """Check what the paper concludes from Table 1 against the scores of another network.

    Parameters
    ----------
    table : DataFrame
        As from :func:`lgl_core.whole_path.scores`.
    glm, attention : str
        Variants that stand for the two models; the defaults are the paper's choices.

    Returns
    -------
    DataFrame
        One row per claim of Section 3.2: ``claim``, ``measured`` (Pearson / Spearman) and
        ``holds``. A model is ahead, or a view better, if both correlations say so.
    """
    value = table.set_index(["variant", "view", "score"])["value"].sort_index()

    def pair(variant: str, view: str) -> NDArray[np.float64]:
        return value[variant, view][["pearson", "spearman"]].to_numpy()

    def show(variant: str, view: str) -> str:
        return " / ".join(f"{number:.2f}" for number in pair(variant, view))

    def ahead(variant: str, view: str, other: str, other_view: str) -> bool:
        return bool((pair(variant, view) > pair(other, other_view)).all())

    both = (("GLM", glm), ("Neuroformer", attention))
    modest = [pair(variant, "true") for _, variant in both]
    rows = [
        (
            "both models recover edges modestly (correlations above 0 and below 0.5)",
            ", ".join(f"{name} {show(variant, 'true')}" for name, variant in both),
            all(bool(((0 < numbers) & (numbers < 0.5)).all()) for numbers in modest),
        )
    ]
    for name, variant in both:
        rows.append(
            (
                f"{name} aligns better in co-input than in edges",
                f"edges {show(variant, 'true')}, co-input {show(variant, 'co_input')}",
                ahead(variant, "co_input", variant, "true"),
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
                f"{name} {show(variant, 'abs')} against {show(variant, 'true')}"
                for name, variant in both
            ),
            all(ahead(variant, "true", variant, "abs") for _, variant in both),
        ),
    ]
    return pd.DataFrame(rows, columns=["claim", "measured", "holds"])
