"""Files that are there whole or not at all, and what killed processes have left beside them."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["PARTIAL", "in_use", "put", "read_whole", "remove_abandoned", "replacing", "scratch"]

# How the name of a file ends while it is written, as a pattern.
PARTIAL = f".{'[0-9a-f]' * 16}.partial"
_DAY = 86_400.0  # in s


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file aside, and put it in place in one step once it is whole.

    Parameters
    ----------
    path : str or Path
        The file to make or to replace, in a folder that exists. A link is followed.

    Yields
    ------
    Path
        An empty file beside it to write to, of a name that no other process has.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk. ``path`` is then what it was before.
    """
    path = Path(os.path.realpath(path))
    remove_abandoned(path.parent, f"{glob.escape(path.name)}{PARTIAL}")
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}.partial")
    try:
        try:
            partial.touch(exist_ok=False)
            with in_use(partial) as descriptor:
                yield partial
                os.fsync(descriptor)
            put(partial, path)
        finally:
            with suppress(OSError):  # on a file system that is gone, this would hide why
                partial.unlink(missing_ok=True)
    except OSError as error:
        error.add_note(f"{path} could not be written, and is what it was before.")
        raise


def put(partial: Path, path: Path) -> None:
    """Move a file to its place, and have the disk know that before anything else is moved."""
    partial.replace(path)
    if sys.platform != "win32":
        with suppress(OSError), in_use(path.parent) as folder:
            os.fsync(folder)  # some file systems cannot, and have no order to keep


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder for a while; those of this prefix that killed processes have left go.

    Parameters
    ----------
    parent : Path
        A folder that exists.
    prefix : str
        Of the name, by which a later process knows what was left. Nobody else may use it.

    Yields
    ------
    Path
    """
    remove_abandoned(parent, f"{glob.escape(prefix)}*")
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as name, in_use(Path(name)):
        yield Path(name)


def read_whole(path: Path) -> bytes:
    """Read a file; an error says that it is left alone.

    Raises
    ------
    OSError
        If it cannot be read now, for want of permission, say, or with too many open files.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        error.add_note(
            f"{path} could not be read, which does not prove that it is damaged: it is left as it "
            "is. Mend what hinders and start again; or move the file away, and do without it."
        )
        raise


@contextmanager
def in_use(path: Path) -> Iterator[int]:
    """Keep :func:`remove_abandoned` of other processes off a file or folder; yield its descriptor.

    The operating system ends this with the process, however that ends.
    """
    # To synchronise a file, some systems want it open for writing.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        with suppress(OSError):  # a file system without locks: there, age alone protects
            _lock(descriptor, shared=True)
        yield descriptor
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path, pattern: str) -> None:
    """Remove what processes that were killed have left.

    Parameters
    ----------
    folder : Path
    pattern : str
        Of the names of files and folders in it that nobody needs once their process has ended.
        Those that have changed within a day, or that a process has :func:`in_use`, stay.
    """
    with suppress(OSError):
        for path in list(folder.glob(pattern)):
            with suppress(OSError):  # it is gone, or another user's
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    inside = path.rglob("*") if path.is_dir() else ()
    if time.time() - max(part.lstat().st_mtime for part in (path, *inside)) < _DAY:
        return
    with in_use(path) as descriptor:
        _lock(descriptor, shared=False)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _lock(descriptor: int, *, shared: bool) -> None:
    if sys.platform != "win32":
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
