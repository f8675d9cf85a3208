"""What a row of results is: its columns, in their order, and those that name a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pandas as pd

from lgl_core.glm.fit import GLMFit
from lgl_core.spikes import SpikeTrains

__all__ = [
    "COLUMNS",
    "LABELS",
    "NOT_CONVERGED",
    "in_columns",
    "labelled",
    "labels_of",
    "name_of",
    "not_converged",
    "values_in_rows",
    "with_names",
]

# What a graph is of, and how it was read.
_NAMING = ["method", "model", "size", "changes", "n_models", "reading", "quantity", "kept"]
COLUMNS = [
    "network", "network_seed", "model_seed", *_NAMING, "layer", "head", "rows",
    "view", "score", "value", "null", "null_mean", "null_sd", "n_spikes", "seconds",
]  # fmt: skip
_NUMBERS = {"network_seed", "model_seed", "n_models", "value", "null_mean", "null_sd", "n_spikes",
            "seconds"}  # fmt: skip
# Those of text. One that does not apply to a row is an empty string in the files.
LABELS = [column for column in COLUMNS if column not in _NUMBERS]
# Sizes that a name does not tell: those that a kind of model has where nothing else is said.
_USUAL_SIZES = ("", "laptop", "original")

# Of a GLM: neurons whose fit has not converged.
NOT_CONVERGED = "neurons not converged"


def labels_of(
    method: str,
    *,
    model: str = "",
    size: str = "",
    changes: str = "",
    n_models: int = 1,
    reading: str = "",
    quantity: str = "",
    kept: str = "",
) -> dict[str, Any]:
    """Name a graph by all columns that tell one from another: to write its rows, or to choose them.

    Parameters
    ----------
    method : str
        What made it: ``"attention"``, ``"glm"``, ``"ccg"``.
    model : str
        Kind of model, such as the time embedding of a transformer; empty without one.
    size : str
        Preset of that model.
    changes : str
        What differs from the preset and from the usual training, as in ``"width 192"``.
    n_models : int
        Trainings whose graphs were averaged.
    reading : str
        How the graph was read off, as in ``"excess over columns"`` or ``"peak"``; empty for the
        way of the paper.
    quantity : str
        Of a reading that has several: ``"log rate"``, ``"rate"`` or ``"log share"``.
    kept : str
        What was done to the graph afterwards: ``"beyond 2 sd"``, ``"centred"``; empty for nothing.

    Returns
    -------
    dict
        For ``DataFrame.assign`` and for :func:`studies.evidence.report.chosen`.
    """
    return {
        "method": method,
        "model": model,
        "size": size or "laptop" * bool(model),
        "changes": changes,
        "n_models": n_models,
        "reading": reading,
        "quantity": quantity,
        "kept": kept,
    }


def with_names(table: pd.DataFrame) -> pd.DataFrame:
    """Add a column ``name``, which has the :func:`name_of` each row for headings and panels."""
    columns = list(labels_of(""))
    unlike = table[columns].drop_duplicates()
    names = unlike.assign(name=[name_of(row) for row in unlike.to_dict("records")])
    found = table[columns].merge(names, on=columns, how="left")["name"]
    return table.assign(name=found.to_numpy())


def name_of(labels: Mapping[Any, Any]) -> str:
    """Write in one line what :func:`labels_of` has in columns.

    The method, and sizes that go without saying, are not in it, as in
    ``"interval, width 192, rows made equal"``.
    """
    size, n_models = labels["size"], labels["n_models"]
    parts = [labels["model"], size * (size not in _USUAL_SIZES), labels["changes"]]
    parts += [f"mean of {n_models:g}" * (n_models > 1)]
    parts += [labels[column] for column in ("reading", "quantity", "kept")]
    return ", ".join(part for part in parts if part)


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
    score = {"view": "visible", "score": NOT_CONVERGED, "value": float(fit.n_not_converged)}
    return pd.DataFrame([labels_of("glm", reading="fit") | score])


def values_in_rows(values: Mapping[str, float] | pd.Series[Any], **columns: Any) -> pd.DataFrame:
    """Put values in rows: their names in the column ``score``, and what they are in ``value``.

    Further columns, such as ``view``, are the same in all rows.
    """
    table = pd.Series(values, dtype=float).rename_axis("score").reset_index(name="value")
    return table.assign(**columns)
