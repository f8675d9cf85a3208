"""The journal of a sweep: a line per point that has ended, safe from what befalls the others."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

__all__ = ["append", "read"]

_DECODER = json.JSONDecoder()


def append(path: str | Path, record: dict[str, Any]) -> None:
    """Write a record where no interruption takes it away again.

    Parameters
    ----------
    path : str or Path
        The journal; made if it is not there. Several processes may append to it at the same time,
        on a file system where one ``write`` at the end of a file is one piece. NFS is none.
    record : dict
        With ``key`` (of the point), ``status`` (``"done"`` or ``"failed"``), ``row`` (a dict) and
        whatever else JSON can hold; other numbers become floats.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk. What is in the journal is kept.
    """
    line = _line(record)
    with Path(path).open("a+b", buffering=0) as journal:
        if _ends_in_half_a_line(journal):
            line = b"\n" + line  # which must not take ours along
        try:
            while line:
                line = line[journal.write(line) :]
            os.fsync(journal.fileno())
        except OSError as error:
            error.add_note(
                f"The point is not in {path}, and runs again when the sweep is started again; all "
                "that is there is kept."
            )
            raise


def read(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read what each point came to: done, if it ever was, else the last that was said of it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Records as given to :func:`append`, by their ``key``; none if there is no journal.

    Warns
    -----
    UserWarning
        With the numbers of the lines that hold more than whole records, or none. Records that are
        whole are read from such a line, too.
    """
    path = Path(path)
    content = path.read_bytes() if path.exists() else b""
    records: dict[str, dict[str, Any]] = {}
    damaged = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        # JSON is written in ASCII: what is not becomes a mark that no record holds.
        text = line.decode("ascii", errors="replace").strip()
        n_read = 0
        for record, length in _whole(text):
            n_read += length
            known = records.get(record["key"], record)
            if record["status"] == "done" or known["status"] != "done":
                records[record["key"]] = record
        if n_read < len(text):
            damaged.append(str(number))
    if damaged:
        warnings.warn(
            f"{path} is damaged in line {', '.join(damaged)}, where a process was cut short or "
            "something else has written: what is no whole record is skipped. A point that is lost "
            "runs again when the sweep is started again; to end this warning, delete such lines "
            "then",
            stacklevel=3,
        )
    return records


def _line(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, default=float)
    return f'{text[:-1]}, "crc32": {crc32(text.encode())}}}\n'.encode()


def _ends_in_half_a_line(journal: BinaryIO) -> bool:
    if not journal.seek(0, os.SEEK_END):
        return False
    journal.seek(-1, os.SEEK_END)
    return journal.read(1) != b"\n"


def _whole(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the whole records within a line, and the length of each.

    A record within another, or within a text of it, cannot be taken for one: quotes in a text are
    escaped, and what begins within a whole record is passed over together with it.
    """
    start = text.find('{"')
    while start >= 0:
        try:
            record, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if "\ufffd" not in text[start:end] and _is_record(record):
                yield record, end - start
        start = text.find('{"', end)


def _is_record(record: dict[str, Any]) -> bool:
    """Tell whether a record is as it was written; older ones have no checksum."""
    checksum = record.pop("crc32", None)
    return (
        isinstance(record.get("key"), str)
        and record.get("status") in ("done", "failed")
        and isinstance(record.get("row"), dict)
        and checksum in (None, crc32(json.dumps(record).encode()))
    )
