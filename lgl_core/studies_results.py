"""The small files under results/: a table of scores or a few graphs per study, as Parquet.

Zstandard and columns of their own type make them a tenth of what they were as CSV, with the same
digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

__all__ = ["read_graphs", "read_table", "rounded", "sha256", "write_graphs", "write_table"]

# Bits behind the point of a graph's entry: four and a half decimal digits. The next ones change
# no score that is shown, and would be half of the file.
_BITS = 14


def write_table(
    table: pd.DataFrame, path: Path, labels: Collection[str] = (), digits: int = 5
) -> None:
    """Write a table, its numbers rounded.

    Parameters
    ----------
    table : DataFrame
    labels : collection of str
        Columns of text; where one is missing in a row, it becomes an empty string.
    path : Path
        Ends in ``.parquet``.
    digits : int
        Significant ones of every real number.
    """
    columns: dict[Any, Any] = {}
    for name, column in table.items():
        if name in labels:
            columns[name] = column.astype(object).where(column.notna(), "").astype("str")
        elif pd.api.types.is_float_dtype(column):
            columns[name] = rounded(column, digits)
        else:
            columns[name] = column
    real = [str(name) for name, column in columns.items() if column.dtype == np.float64]
    _write(pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False), path, real)


def read_table(path: Path) -> pd.DataFrame:
    """Read what :func:`write_table` has written."""
    return pd.read_parquet(path)


def write_graphs(graphs: Mapping[str, ArrayLike], path: Path) -> None:
    """Write graphs of one size, ``[post, pre]``, in half of single precision.

    Parameters
    ----------
    graphs : mapping
        Of a name to a graph, shape (n_neurons, n_neurons).
    path : Path
        Ends in ``.parquet``; a column per graph, its entries row by row.
    """
    columns = {name: _shortened(np.asarray(graph)).ravel() for name, graph in graphs.items()}
    _write(pa.table(columns), path, list(columns))


def read_graphs(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read what :func:`write_graphs` has written."""
    columns = pq.read_table(path).to_pandas()
    n_neurons = round(len(columns) ** 0.5)
    return {
        str(name): column.to_numpy().reshape(n_neurons, n_neurons)
        for name, column in columns.items()
    }


def rounded(values: ArrayLike, digits: int) -> NDArray[np.float64]:
    """Round to significant digits, to the number that is written with them."""
    return np.array([float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=float)])


def sha256(path: Path) -> str:
    """Hash a file: its record keeps it, so that the two are known to belong together."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _shortened(graph: NDArray) -> NDArray[np.float32]:
    """Round to ``_BITS`` bits behind the point: zeros, which cost next to nothing, are left."""
    fraction, exponent = np.frexp(graph.astype(np.float64))
    scale = 2.0 ** (_BITS + 1)
    return np.ldexp(np.round(fraction * scale) / scale, exponent).astype(np.float32)


def _write(table: pa.Table, path: Path, real: list[str]) -> None:
    partial = path.with_suffix(".partial")
    pq.write_table(
        table,
        partial,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.column_names if name not in real],
        use_byte_stream_split=real,
    )
    partial.replace(path)
