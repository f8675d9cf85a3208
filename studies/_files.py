"""The small files under results/: a table of scores, maybe a few graphs, and their record.

Tables and graphs are Parquet: Zstandard and columns of their own type make them a tenth of what
they were as CSV, with the same digits. The record is JSON and knows the hash of the others, so that
rows are never read under the points of another run.

All files of a study change together, whenever the writing is stopped. The new ones are first
written in full beside the old ones, under names that end in ``.next``, the record last. From then
on it counts, with whatever files have its hashes, moved to their places or not yet; until then the
old ones do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from lgl_core.disk.atomic import PARTIAL, put, remove_abandoned, replacing

__all__ = [
    "graphs_content",
    "read_graphs",
    "read_results",
    "read_table",
    "rounded",
    "table_content",
    "write_results",
]

# What may stand beside a record, and what its file is called after the study.
_ENDINGS = {"table": ".parquet", "graphs": "_graphs.parquet"}

# Bits behind the point of a graph's entry: four and a half decimal digits. The next ones change
# no score that is shown, and would be half of the file.
_BITS = 14


def write_results(
    folder: Path, name: str, record: Mapping[str, Any], contents: Mapping[str, bytes]
) -> None:
    """Write the files of a study: all of them, or none.

    Parameters
    ----------
    folder : Path
    name : str
        Of the study.
    record : mapping
        What JSON can hold; the hashes of the other files are added, as in ``"table_sha256"``.
    contents : mapping
        Of ``"table"``, and of ``"graphs"`` if there are any, from :func:`table_content` and
        :func:`graphs_content`.

    Raises
    ------
    OSError
        If the disk is full, say. What stood there before stands.
    """
    folder.mkdir(exist_ok=True)
    remove_abandoned(folder, f"*{PARTIAL}")
    _finish(folder, name)
    hashes = {f"{kind}_sha256": _sha256(content) for kind, content in contents.items()}
    text = json.dumps({**record, **hashes}, indent=1) + "\n"
    files = {_path(folder, name, kind): content for kind, content in contents.items()}
    files[folder / f"{name}.json"] = text.encode()
    try:
        for path, content in files.items():
            with replacing(_next(path)) as partial:
                partial.write_bytes(content)
    except BaseException:
        for path in reversed(files):  # the record first: without it the others do not count
            _next(path).unlink(missing_ok=True)
        raise
    _finish(folder, name)


def read_results(folder: Path, name: str, kind: str, command: str) -> tuple[dict[str, Any], bytes]:
    """Read a file of a study, and the record that describes it.

    Parameters
    ----------
    folder : Path
    name : str
        Of the study.
    kind : {"table", "graphs"}
    command : str
        What makes the files, for the message if they are not there.

    Returns
    -------
    record : dict
    content : bytes
        For :func:`read_table` or :func:`read_graphs`.

    Raises
    ------
    ValueError
        If the record does not have the hash of the file: they do not belong together.
    FileNotFoundError
        If there is no such file.
    """
    path, described_by = _path(folder, name, kind), folder / f"{name}.json"
    # Once more, if another process replaces them between two steps of this one.
    for record_path in (_next(described_by), described_by) * 2:
        record = _record(record_path)
        content = _having(path, record.get(f"{kind}_sha256"))
        if content is not None:
            return record, content
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run {command}")
    raise ValueError(
        f"{described_by} does not describe {path}: they are not of one run, or one of them is "
        f"damaged. Get back the two that belong together (git checkout -- {described_by} {path}), "
        f"or make both anew: {command}; what the cache holds of it is not computed again"
    )


def _finish(folder: Path, name: str) -> None:
    """Move new files to their places, also those of a run that was stopped while it did so."""
    described_by = folder / f"{name}.json"
    record = _record(_next(described_by))
    paths = {_path(folder, name, kind): record.get(f"{kind}_sha256") for kind in _ENDINGS}
    described = {path: digest for path, digest in paths.items() if digest is not None}
    if not described or any(_having(path, digest) is None for path, digest in described.items()):
        return  # the old files count, and files of a run that was stopped earlier are no use
    for path, digest in described.items():
        with suppress(FileNotFoundError):  # it was moved before the stop
            if _sha256(_next(path).read_bytes()) == digest:
                put(_next(path), path)
    put(_next(described_by), described_by)


def _path(folder: Path, name: str, kind: str) -> Path:
    return folder / f"{name}{_ENDINGS[kind]}"


def _next(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _record(path: Path) -> dict[str, Any]:
    """Read a record; one that is not there, or is cut, describes nothing."""
    with suppress(FileNotFoundError, ValueError):
        record = json.loads(path.read_text())
        return record if isinstance(record, dict) else {}
    return {}


def _having(path: Path, digest: str | None) -> bytes | None:
    """Read the file with a hash, whether it has been moved to its place or not yet."""
    for candidate in (_next(path), path):  # a file that is moved meanwhile is met once
        with suppress(FileNotFoundError):
            content = candidate.read_bytes()
            if _sha256(content) == digest:
                return content
    return None


def table_content(table: pd.DataFrame, labels: Collection[str] = (), digits: int = 5) -> bytes:
    """Make the content of a file of a table, its numbers rounded.

    Parameters
    ----------
    table : DataFrame
    labels : collection of str
        Columns of text; where one is missing in a row, it becomes an empty string.
    digits : int
        Significant ones of every real number.

    Returns
    -------
    bytes
        Parquet.
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
    return _parquet(pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False), real)


def read_table(content: bytes) -> pd.DataFrame:
    """Read what :func:`table_content` has made."""
    return pd.read_parquet(BytesIO(content))


def graphs_content(graphs: Mapping[str, ArrayLike]) -> bytes:
    """Make the content of a file of graphs, ``[post, pre]``, in half of single precision.

    Parameters
    ----------
    graphs : mapping
        Of a name to a graph, shape (n_neurons, n_neurons); all of one size.

    Returns
    -------
    bytes
        Parquet; a column per graph, its entries row by row.
    """
    columns = {name: _shortened(np.asarray(graph)).ravel() for name, graph in graphs.items()}
    return _parquet(pa.table(columns), list(columns))


def read_graphs(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Read what :func:`graphs_content` has made."""
    columns = pq.read_table(BytesIO(content)).to_pandas()
    n_neurons = round(len(columns) ** 0.5)
    return {
        str(name): column.to_numpy().reshape(n_neurons, n_neurons)
        for name, column in columns.items()
    }


def rounded(values: ArrayLike, digits: int) -> NDArray[np.float64]:
    """Round to significant digits, to the number that is written with them."""
    return np.array([float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=float)])


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _shortened(graph: NDArray) -> NDArray[np.float32]:
    """Round to ``_BITS`` bits behind the point: zeros, which cost next to nothing, are left."""
    fraction, exponent = np.frexp(graph.astype(np.float64))
    scale = 2.0 ** (_BITS + 1)
    return np.ldexp(np.round(fraction * scale) / scale, exponent).astype(np.float32)


def _parquet(table: pa.Table, real: list[str]) -> bytes:
    content = BytesIO()
    pq.write_table(
        table,
        content,
        compression="zstd",
        compression_level=19,
        write_statistics=False,  # kilobytes in each small file, for queries that nobody makes
        use_dictionary=[name for name in table.column_names if name not in real],
        use_byte_stream_split=real,
    )
    return content.getvalue()
