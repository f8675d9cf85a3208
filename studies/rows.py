"""What a row of results is: its columns, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pandas as pd

from lgl_core.glm.fit import GLMFit
from lgl_core.spikes import SpikeTrains

__all__ = ["COLUMNS", "LABELS", "NOT_CONVERGED", "in_columns", "labelled", "not_converged"]

COLUMNS = [
    "network", "network_seed", "model_seed", "method", "variant", "layer", "head", "rows",
    "view", "score", "value", "null", "null_mean", "null_sd", "n_spikes", "seconds",
]  # fmt: skip
# Those of text. One that does not apply to a row is an empty string in the files.
LABELS = ["network", "method", "variant", "layer", "head", "rows", "view", "score", "null"]

# Of a GLM: neurons whose fit has not converged.
NOT_CONVERGED = "neurons not converged"


def in_columns(table: pd.DataFrame, columns: list[str] = COLUMNS) -> pd.DataFrame:
    """Put columns in their order; those that are missing are empty.

    Raises
    ------
    ValueError
        If there is a column of another name, which would be lost.
    """
    unknown = sorted(set(map(str, table)) - set(columns))
    if unknown:
        raise ValueError(f"table must have columns of {', '.join(columns)}, got {unknown[0]!r}")
    return table.reindex(columns=columns)


class _Recording(Protocol):
    @property
    def label(self) -> str: ...
    @property
    def seed(self) -> int: ...
    def spikes(self) -> SpikeTrains: ...


def labelled(recording: _Recording, tables: Iterator[pd.DataFrame], **labels: Any) -> pd.DataFrame:
    """Stack tables of scores and say of which recording they are."""
    labels |= {"network": recording.label, "network_seed": recording.seed}
    table = pd.concat(tables, ignore_index=True)
    return in_columns(table.assign(n_spikes=len(recording.spikes()), **labels))


def not_converged(fit: GLMFit) -> pd.DataFrame:
    """Make the row that says of how many neurons a fit has not converged."""
    labels = {"method": "glm", "variant": "fit", "view": "visible", "score": NOT_CONVERGED}
    return pd.DataFrame([labels | {"value": float(fit.n_not_converged)}])
