"""Files that others read while they are replaced: they see the old one or the new one, whole.

A process that is killed, or a disk that is full, leaves the old file as it was, and at worst a file
beside it that ends in ``.partial``.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

__all__ = ["PARTIAL", "put", "remove_leftovers", "written_aside"]

PARTIAL = ".partial"
_LEFT_AFTER = 24 * 3600.0  # seconds


@contextmanager
def written_aside(path: Path, content: bytes) -> Iterator[Path]:
    """Write a file beside its place, under a name that no other process uses.

    Parameters
    ----------
    path : Path
        Where the file shall be. Its folder must exist.
    content : bytes

    Yields
    ------
    Path
        The file, all of it on the disk, to be moved to ``path``. What has not been moved is removed
        in the end.

    Raises
    ------
    OSError
        If there is no room for it, or the folder cannot be written to.
    """
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        with partial.open("xb") as file:
            _lock(file)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":  # there an open file cannot be moved
                file.close()
            yield partial
    finally:
        partial.unlink(missing_ok=True)


def put(partial: Path, path: Path) -> None:
    """Move a file to its place, and have the disk know that before anything else is moved."""
    partial.replace(path)
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems cannot, and have no order to keep
                os.fsync(folder)
        finally:
            os.close(folder)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove files that killed processes have left, once they are a day old.

    Parameters
    ----------
    folder : Path
        It need not exist.
    pattern : str
        Of the names of the files, as for ``Path.glob``. What a living process writes stays, however
        old it is.
    """
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process was faster, or the file is someone else's
            if time.time() - path.stat().st_mtime > _LEFT_AFTER:
                with path.open("rb+") as file:
                    _lock(file)
                    if sys.platform == "win32":  # nor can it be removed
                        file.close()
                    path.unlink()


def _lock(file: BinaryIO) -> None:
    """Lock a file until it is closed or its process ends; another process that tries it fails."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # this file system has no locks: age alone must do
        pass
