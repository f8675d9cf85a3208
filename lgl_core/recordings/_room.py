"""Files that cannot be trusted: what is wrong is said of a file, and no room is made for a lie.

A few kilobytes can declare more than any memory holds. What a file says of its size is in its
headers, and is read before its data are.
"""

from __future__ import annotations

import gzip
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow.parquet as pq
from numpy.lib import format as npy
from scipy.io import whosmat

from lgl_core.recordings._raw import needed

__all__ = ["check_room", "free_memory", "naming", "opened_npz"]

# Share of the free memory that the data of a file may take as they are declared: reading, sorting
# and checking them takes five times as much.
_SHARE = 1 / 8
# A row of a text is shorter than the numbers that it becomes.
_TEXT_GROWS = 2
# What is read of an HDF5 file, if it has one of these; a recording may hold raw data beside it.
_GROUPS, _NOT_READ = {"spikes", "units", "domain", "intervals"}, "waveform"


@contextmanager
def naming(path: Path, what: str) -> Iterator[None]:
    """Let whatever is raised inside be a ``ValueError`` that names the file, if it is there.

    Parameters
    ----------
    path : Path
        The file, or folder, that is read inside.
    what : str
        What it should be.
    """
    try:
        yield
    except ImportError:
        raise
    except ValueError as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    except Exception as error:  # the library of a format may raise anything
        if not path.exists():
            raise
        raise ValueError(
            f"cannot read {path} as {what} ({type(error).__name__}: {error}): is it whole, and is "
            "it what its name says?"
        ) from error


@contextmanager
def opened_npz(path: Path) -> Iterator[Any]:
    """Open an archive of NumPy arrays, if there is room for what it declares."""
    check_room(path)
    with np.load(path) as file:
        yield file


def check_room(path: Path) -> None:
    """Refuse a file that declares more than an eighth of the free memory.

    Parameters
    ----------
    path : Path
        By its ending: ``.npz``, ``.parquet``, HDF5 (``.nwb``, ``.h5``, ``.hdf5``) or ``.mat``;
        anything else is taken for text. A folder is not looked at.

    Raises
    ------
    ValueError
        If there is no room for it.
    Exception
        What the library of the format raises, if the file is damaged.
    """
    if path.is_dir():
        return
    declared, free = _DECLARED.get(path.suffix.lower(), _of_text)(path), free_memory()
    if declared > _SHARE * free:
        raise ValueError(
            f"it declares {declared / 2**20:,.0f} MiB of data, more than an eighth of the "
            f"{free / 2**20:,.0f} MiB of memory that are free: is it whole, and is it what its "
            "name says? If so, cut it into parts, or read it where there is more memory"
        )


def free_memory() -> int:
    """Count the bytes of memory that are free, here or in what this process is confined to.

    Where the system does not say what is free, half of what is there counts.
    """
    free = _number("/proc/meminfo", "MemAvailable:", 1024)
    if free is None:
        names = getattr(os, "sysconf_names", {})
        pages = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in names else 2**20
        free = pages * (os.sysconf("SC_PAGE_SIZE") if names else 4096) // 2
    limit, used = (_number(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    return free if limit is None else min(free, max(limit - (used or 0), 0))


def _number(path: str, name: str = "", unit: int = 1) -> int | None:
    """Read a number that the system keeps in a file; None if it does not."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    words = [line.removeprefix(name).split() for line in lines if line.startswith(name)]
    return int(words[0][0]) * unit if words and words[0][0].isdigit() else None


# --- what each format declares, in bytes --------------------------------------------------------


def _of_npz(path: Path) -> int:
    declared = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                declared += max(member.file_size, _of_array(file))
    return declared


def _of_array(file: IO[bytes]) -> int:
    """Read the header of an array; what is none declares nothing."""
    try:
        version = npy.read_magic(file)
    except ValueError:
        return 0
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return math.prod(shape) * dtype.itemsize


def _of_parquet(path: Path) -> int:
    about = pq.read_metadata(path)
    held = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
    # Equal values take no room in the file, and as much as any in memory.
    return max(held, 8 * about.num_rows * about.num_columns)


def _of_hdf5(path: Path) -> int:
    sizes: list[int] = []

    def count(name: str, item: Any) -> None:
        if (not some or name.partition("/")[0] in some) and _NOT_READ not in name:
            sizes.append(math.prod(getattr(item, "shape", None) or (0,)) * _item_size(item))

    with needed("h5py").File(path, "r") as file:
        # Of MATLAB, all variables are read.
        some = set() if path.suffix.lower() == ".mat" else _GROUPS & set(file)
        file.visititems(count)
    return sum(sizes)


def _item_size(item: Any) -> int:
    return item.dtype.itemsize if hasattr(item, "dtype") else 0


def _of_matlab(path: Path) -> int:
    try:
        return sum(8 * math.prod(shape) for _, shape, _ in whosmat(path))
    except NotImplementedError:  # version 7.3 is HDF5
        return _of_hdf5(path)


def _of_text(path: Path) -> int:
    """Count what gzip unpacks, a piece at a time, until it is too much: its end may lie."""
    if path.suffix.lower() != ".gz":
        return _TEXT_GROWS * path.stat().st_size
    size, most = 0, _SHARE * free_memory()
    with gzip.open(path, "rb") as file:
        while (piece := file.read(2**20)) and _TEXT_GROWS * size <= most:
            size += len(piece)
    return _TEXT_GROWS * size


_DECLARED: dict[str, Callable[[Path], int]] = {
    ".npz": _of_npz,
    ".parquet": _of_parquet,
    **dict.fromkeys([".nwb", ".h5", ".hdf5"], _of_hdf5),
    ".mat": _of_matlab,
}
