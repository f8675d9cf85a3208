"""Tables with one row per spike: text with any delimiter, Parquet, and DataFrames.

Text has no types. What is a label and what a number is told by the column, a delimiter and a
decimal sign by what fits; what could be read in two ways is refused.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.recordings._raw import Raw, label_order, plain_labels, spans

__all__ = ["from_table", "read_table", "typed_labels", "write_table"]

# An index of this name has the lines of a text, as an editor counts them, blank ones left out.
_LINE = "line"
_DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", " ": "space"}
# A whole number as programs write it, an index or a float; "007" is a name.
_WHOLE = [r"0|-?[1-9]\d*", r"(?:0|-?[1-9]\d*)\.0"]
# What programs write for a number that is missing.
_MISSING = ["", "nan", "NaN", "NAN", "NA", "N/A", "<NA>", "null", "NULL", "None"]


def from_table(table: pd.DataFrame, time: str = "time", unit: str = "unit") -> Raw:
    """Read a table with one row per spike.

    ``table.attrs`` may hold ``epochs`` and ``units``, as :func:`to_table` leaves them. Columns that
    are the same in all rows of a unit say something about it.
    """
    for column in (time, unit):
        if column not in table:
            raise ValueError(
                f"there is no column {column!r} among {', '.join(map(repr, table.columns))}: "
                "name the columns, as in time='t', unit='cluster'"
            )
    found = table[unit]
    if found.isna().any():
        row = int(found.isna().to_numpy().argmax())
        raise ValueError(
            f"{_place(found, row)} of the table has no unit: drop it, or name its unit"
        )
    codes, names = pd.factorize(found)
    seen = pd.Index(plain_labels(names), dtype=object)
    if not seen.is_unique:
        twice = seen[seen.duplicated()][0]
        raise ValueError(f"two units are called {twice!r}, as text and as a number: rename one")
    labels = table.attrs.get("units") or sorted(seen, key=label_order)
    index = pd.Index(labels, dtype=object).get_indexer(seen).astype(np.int64)
    if (index < 0).any():
        raise ValueError(f"unit {seen[index < 0][0]!r} is not among the units")
    about = _constant(table.drop(columns=[time, unit]), codes, seen)
    return Raw(
        times=_numbers(table[time]),
        units=index[codes],
        rows=table.index.to_numpy() if table.index.name == _LINE else np.arange(len(table)),
        row=_LINE if table.index.name == _LINE else "row",
        labels=list(labels),
        epochs=spans(table.attrs.get("epochs")),
        about=about.reindex(labels),
    )


def _place(column: pd.Series, row: int) -> str:
    return f"{_LINE} {column.index[row]}" if column.index.name == _LINE else f"row {row}"


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    """Give the times of a table; text of numbers is one, a date is none."""
    if column.dtype.kind in "mM":
        raise ValueError(
            f"column {column.name!r} holds {column.dtype}, no numbers: give s since the start, as "
            "in (t - t[0]).dt.total_seconds()"
        )
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.isnan(numbers) & column.notna().to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        place = _place(column, row)
        raise ValueError(f"{place} of column {column.name!r} is {column.iloc[row]!r}, no number")
    return numbers


def _constant(table: pd.DataFrame, codes: NDArray[np.intp], rows: pd.Index) -> pd.DataFrame:
    """Keep the columns that say one thing of each unit, a row per unit."""
    firsts = table.iloc[np.unique(codes, return_index=True)[1]]
    repeated = firsts.iloc[codes].set_axis(table.index)
    same = [name for name in table if repeated[name].equals(table[name])]
    return firsts[same].set_axis(rows)


def to_table(raw: Raw) -> pd.DataFrame:
    """Make a table with one row per spike; epochs and units are in its ``attrs``."""
    labels = np.array(raw.labels, dtype=object)
    table = pd.DataFrame({"time": raw.times, "unit": labels[raw.units]}).infer_objects()
    epochs = None if raw.epochs is None else raw.epochs.tolist()
    table.attrs = {"epochs": epochs, "units": raw.labels}
    return table


def read_table(path: Path, time: str = "time", unit: str = "unit") -> pd.DataFrame:
    """Read a text or Parquet file; what a first line of JSON says of it goes into ``attrs``.

    Parameters
    ----------
    path : Path
        ``.parquet``, or text with commas, semicolons, tabs or spaces between columns, in UTF-8 or
        UTF-16; compressed, if it ends in ``.gz``. Lines above the header that begin with ``#`` are
        left out. Without a header, columns are called ``"0"``, ``"1"``, ...
    time, unit : str
        Columns that hold numbers and labels.
    """
    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path, page_checksum_verification=True)
    try:
        with _opened(path) as file:
            return _read_text(file, time, unit)
    except UnicodeError as error:
        raise ValueError(
            f"its encoding is neither UTF-8 nor UTF-16 ({error}): save it as UTF-8, or give the "
            "DataFrame that pd.read_csv(..., encoding='latin-1') makes of it"
        ) from error


def _opened(path: Path) -> TextIO:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    # A comment may be in any encoding: what is not UTF-8 fails only where it matters.
    code = (
        {"encoding": "utf-16"} if wide else {"encoding": "utf-8-sig", "errors": "surrogateescape"}
    )
    return opener(path, "rt", newline="", **code)


def _read_text(file: TextIO, time: str, unit: str) -> pd.DataFrame:
    about: dict[str, Any] = {}
    begin, skipped, comment, line = 0, 0, "", file.readline()
    while line.startswith("#") or line.isspace():
        about = about or _json(line[1:])
        comment = line[1:] if line.startswith("#") else comment
        begin, skipped, line = file.tell(), skipped + 1, file.readline()
    if not line:
        raise ValueError("there is nothing in it but comments")
    own = "units" in about
    delimiter = "," if own else _delimiter(line, file.readline())
    names = _fields(line, delimiter)
    headless = all(map(_is_number, names))
    if headless:
        # NumPy's savetxt has the header in a comment.
        above = _fields(comment, delimiter)
        names = above if {time, unit} <= {*above} else [str(place) for place in range(len(names))]
    file.seek(begin)
    table = pd.read_csv(
        file,
        sep=r"\s+" if delimiter == " " else delimiter,
        header=None if headless else 0,
        names=names,
        index_col=False,
        skipinitialspace=not own,
        dtype={unit: str},
        keep_default_na=False,
        na_values={name: _MISSING for name in names if name != unit},
    )
    first = skipped + (1 if headless else 2)
    table.index = pd.RangeIndex(first, first + len(table), name=_LINE)
    table = _without_blank_end(table)
    if about.get("spikes", len(table)) != len(table):
        raise ValueError(
            f"its first line says that it has {about['spikes']} spikes, but it has {len(table)}: "
            'is it whole? If rows were changed on purpose, take "spikes" out of that line'
        )
    if time in table and table[time].dtype.kind not in "fiu":
        table[time] = _decimal(table[time], delimiter)
    if unit in table:
        table[unit] = typed_labels(table[unit], about.get("units"))
    table.attrs.update(about)
    return table


def _json(line: str) -> dict[str, Any]:
    """Read what :func:`write_table` says of a table; a line of someone else says nothing."""
    try:
        about = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return about if isinstance(about, dict) and about.keys() & {"epochs", "units"} else {}


def _delimiter(header: str, row: str) -> str:
    """Find what gives the header and the first row the same number of columns."""
    sizes = {
        delimiter: {len(_fields(line, delimiter)) for line in (header, row) if line.strip()}
        for delimiter in _DELIMITERS
    }
    for delimiter, counts in sizes.items():
        if len(counts) == 1 and counts != {1}:
            return delimiter
    if all(counts == {1} for counts in sizes.values()):
        return ","
    raise ValueError(
        f"no delimiter ({', '.join(_DELIMITERS.values())}) gives its header {header.strip()!r} and "
        f"its first row {row.strip()!r} the same number of columns: decimal commas need quotes, or "
        "another delimiter"
    )


def _fields(line: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([line.strip(" \r\n")], delimiter=delimiter, skipinitialspace=True), [])
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _without_blank_end(table: pd.DataFrame) -> pd.DataFrame:
    """Cut off rows of nothing but delimiters, as spreadsheets leave them."""
    filled = (table.notna() & (table != "")).any(axis=1).to_numpy()
    return table.iloc[: len(filled) - int(filled[::-1].argmax())] if filled.any() else table


def _decimal(cells: pd.Series, delimiter: str) -> pd.Series:
    """Read decimal commas; what is no number after that, :func:`from_table` refuses."""
    text = cells.astype(str).str.strip()
    commas = text[text.str.contains(",")]
    if delimiter == "," and len(commas) and commas.str.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+").all():
        raise ValueError(
            f"the comma in {commas.iloc[0]!r} of column {cells.name!r} may be a decimal sign or a "
            "mark of thousands: write the decimal sign as a point"
        )
    numbers = pd.to_numeric(text.str.replace(",", ".", regex=False), errors="coerce")
    return numbers if (numbers.isna() == cells.isna()).all() else cells


def typed_labels(cells: pd.Series, declared: list[Any] | None) -> pd.Series:
    """Give labels of text their type: numbers if all of them are written as whole ones."""
    if declared is not None:
        return cells if any(isinstance(label, str) for label in declared) else cells.map(int)
    words = {word: word.strip() for word in cells.dropna().unique()}
    filled = {word for word, bare in words.items() if bare not in _MISSING}
    numeric = bool(filled) and all(_is_number(words[word]) for word in filled)
    if not numeric:  # "NA" is a label among labels, and a missing number among numbers
        filled = {word for word, bare in words.items() if bare}
    whole = numeric and any(
        all(re.fullmatch(pattern, words[word]) for word in filled) for pattern in _WHOLE
    )
    typed = {word: int(words[word].removesuffix(".0")) if whole else word for word in filled}
    return cells.map(typed)


def write_table(raw: Raw, path: Path) -> None:
    """Write a CSV or Parquet file, so that damage shows.

    In a CSV, epochs, units and the number of spikes are a first line of JSON; Parquet has
    checksums.
    """
    table = to_table(raw)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False, write_page_checksum=True)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        # A table that was cut off between two rows looks like any other.
        file.write(f"# {json.dumps(table.attrs | {'spikes': len(table)})}\n")
        table.to_csv(file, index=False)
