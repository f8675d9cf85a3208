"""Which files a recording is read from, and how.

``FORMATS`` has them all. Each is read by the library that its field has for it, or by NumPy.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor
from numpy.typing import NDArray
from scipy.io import loadmat

from lgl_core.recordings import _formats as formats
from lgl_core.recordings._raw import (
    Keep,
    Raw,
    from_trains,
    label_order,
    needed,
    plain_labels,
)
from lgl_core.recordings._room import check_room, naming
from lgl_core.recordings._tables import from_table, read_table, typed_labels

__all__ = ["FORMATS", "Asked", "raw_of_file"]


class Asked(NamedTuple):
    """What a caller of ``read`` says of a source."""

    time: str = "time"
    unit: str | None = None
    epochs: str | None = None
    keep: Keep = None
    seconds_per_unit: float | str | None = None


def raw_of_file(path: Path, asked: Asked) -> Raw:
    """Read a file or a folder, and name it in all that is wrong with it."""
    if not path.exists():
        raise FileNotFoundError(f"there is no recording at {path.absolute()}")
    ending = _ending(path)
    if ending not in FORMATS:
        known = ", ".join(end for end in FORMATS if end != "folder")
        raise ValueError(f"path must end in {known}, or be a folder of spikes, got {str(path)!r}")
    what, reader = FORMATS[ending]
    with naming(path, what):
        if ending != "folder":
            _refuse_what_stands_for_a_file(path)
        check_room(path)
        return reader(path, asked)


def _ending(path: Path) -> str:
    if path.is_dir():
        return "folder"
    name = path.name.lower()
    plain = Path(name.removesuffix(".gz")).suffix
    return plain if plain in _TEXT else Path(name).suffix


def _refuse_what_stands_for_a_file(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(1000).lstrip().lower()
    if not head:
        raise ValueError("it is empty")
    if head.startswith(b"version https://git-lfs"):
        raise ValueError("it is a pointer of Git LFS, not the data: git lfs pull fetches them")
    if head.startswith((b"<!doctype html", b"<html")):
        raise ValueError("it is a web page, not the data: download the file itself")


# --- files -------------------------------------------------------------------------------------


def _nwb(path: Path, asked: Asked) -> Raw:
    return formats.from_nwb(path, asked.epochs, asked.unit, isinstance(asked.keep, str))


def _table(path: Path, asked: Asked) -> Raw:
    time, unit = asked.time, asked.unit or "unit"
    table = read_table(path, time, unit)
    if time not in table and {"sender", "time_ms"} <= {*table}:  # NEST 3
        time, unit = "time_ms", "sender"
    return replace(from_table(table, time, unit), seconds=1e-3 if time == "time_ms" else None)


def _gdf(path: Path, asked: Asked) -> Raw:
    """Read what NEST 2 writes: a unit and a time, without header."""
    if asked.seconds_per_unit is None:
        raise ValueError(
            "it does not say whether its times are in ms or in steps: give seconds_per_unit=1e-3 "
            "for ms, else what a step lasts in s"
        )
    time, unit = "1" if asked.time == "time" else asked.time, asked.unit or "0"
    return from_table(read_table(path, time, unit), time, unit)


def _hdf5(path: Path, asked: Asked) -> Raw:
    with needed("h5py").File(path, "r") as file:
        if "object" in file.attrs:
            return formats.read_temporaldata(path, asked.unit)
        if "nwb_version" in file.attrs:
            raise ValueError("it is NWB: let its name end in .nwb")
        if "spikes" in file:
            return _sonata(file["spikes"], asked)
        raise ValueError(f"it holds {list(file)}, neither temporaldata nor spikes of SONATA")


def _sonata(spikes: Any, asked: Asked) -> Raw:
    """Read populations of spikes; where there are several, labels begin with their names."""
    found = {"": spikes} if "timestamps" in spikes else dict(spikes.items())
    tables, said = [], set()
    for name, part in found.items():
        times, ids = part["timestamps"], part["node_ids" if "node_ids" in part else "gids"][:]
        labels = ids if len(found) == 1 else f"{name}:" + pd.Series(ids).astype(str)
        tables.append(pd.DataFrame({"time": times[:], "unit": labels, "population": name}))
        said.add(np.asarray(times.attrs.get("units", "")).astype(str).item())
    seconds = {"ms": 1e-3, "milliseconds": 1e-3, "s": 1.0, "seconds": 1.0}.get("".join(said))
    if seconds is None and asked.seconds_per_unit is None:
        raise ValueError(
            f"its timestamps are in {sorted(said)} (attribute units), not in 'ms' or 's': give "
            "seconds_per_unit, such as 1e-3 for ms"
        )
    return replace(from_table(pd.concat(tables, ignore_index=True)), seconds=seconds)


def _npz(path: Path, asked: Asked) -> Raw:
    with np.load(path) as file:
        if "unit_ids" in file.files:
            return formats.from_spikeinterface(path)
        if "type" not in file.files:
            return _of_variables(dict(file), asked)
        if str(file["type"][0]) != "TsGroup":
            raise ValueError(f"it holds a {file['type'][0]} of pynapple, not a TsGroup")
        if asked.unit is not None or isinstance(asked.keep, str):
            return formats.from_pynapple(needed("pynapple").load_file(str(path)), asked.unit)
        if "_metadata" in file.files:
            warnings.warn(
                f"{path}: what it says of its units is a pickle, which can run code, and is not "
                "read. If you trust the file, unit='label' or keep='rate > 0' reads it",
                stacklevel=5,
            )
        table = pd.DataFrame({"time": file["t"], "unit": file["index"]})
        epochs = np.stack([file["start"], file["end"]], axis=1).tolist()
        table.attrs = {"units": plain_labels(file["keys"]), "epochs": epochs}
        return from_table(table)


# --- MATLAB ------------------------------------------------------------------------------------


def _matlab(path: Path, asked: Asked) -> Raw:
    """Read a cell array with the times of each unit, or one vector of times and one of units."""
    try:
        found = {key: value for key, value in _loaded(path).items() if not key.startswith("__")}
    except NotImplementedError:  # version 7.3 is HDF5
        with needed("h5py").File(path, "r") as file:
            found = {key: _of_hdf5(file, file[key]) for key in file if not key.startswith("#")}
    return _of_variables(found, asked)


def _of_variables(found: dict[str, Any], asked: Asked) -> Raw:
    """Find times and units among variables, by what was asked for or by their names."""
    variables = dict(_variables("", found))
    cells = {name: value for name, value in variables.items() if isinstance(value, list)}
    vectors = {name: value for name, value in variables.items() if not isinstance(value, list)}
    word = "time" if asked.time == "time" else None
    cell = _one(cells, asked.time, word) or (next(iter(cells)) if word and len(cells) == 1 else "")
    time = _one(vectors, asked.time, word)
    others = [name for name in vectors if time and len(vectors[name]) == len(vectors[time])]
    unit = _one(
        [name for name in others if name != time], asked.unit, None if asked.unit else _UNIT
    )
    if unit and not cell:
        return from_table(pd.DataFrame({"time": vectors[time], "unit": vectors[unit]}))
    if cell and not unit and (asked.unit is None or asked.unit in vectors):
        trains = cells[cell]
        # MATLAB counts from one.
        labels = vectors[asked.unit] if asked.unit else range(1, len(trains) + 1)
        about = {
            name.rpartition(".")[2]: vector
            for name, vector in vectors.items()
            if len(vector) == len(trains)
        }
        return from_trains(trains, labels, about=pd.DataFrame(about, index=range(len(trains))))
    held = [
        f"{name!r} ({'cell array' if name in cells else 'vector'} of {len(value)})"
        for name, value in variables.items()
    ]
    raise ValueError(
        f"it holds {', '.join(held) or 'neither cell arrays nor vectors'}: name two vectors of one "
        "length, as in time='spike_times', unit='spike_clusters', or a cell array of MATLAB with "
        "the spike times of each unit, as in time='spikes'"
    )


def _loaded(path: Path) -> dict[str, Any]:
    """Let SciPy read a file in a process of its own, which some damaged files end."""
    with ProcessPoolExecutor(1) as process:
        try:
            found: dict[str, Any] = process.submit(loadmat, path).result()
        except BrokenProcessPool as error:
            raise ValueError("it ended the process that read it: it is damaged") from error
    return found


_UNIT = "unit|cluster|neuron|electrode|channel"


def _one(names: Collection[str], said: str | None, words: str | None) -> str:
    """Find the name that was said, else the only one with one of the words in it."""
    if said is not None and said in names:
        return said
    if words is None:
        return ""
    fitting = [name for name in names if re.search(words, name.lower())]
    return fitting[0] if len(fitting) == 1 else ""


def _of_hdf5(file: Any, item: Any) -> Any:
    """Make what ``loadmat`` would make of a variable."""
    if hasattr(item, "items"):
        return {key: _of_hdf5(file, part) for key, part in item.items()}
    if item.dtype.kind == "O":
        cell = np.empty(item.size, dtype=object)
        for k, reference in enumerate(item[()].ravel()):
            cell[k] = _of_hdf5(file, file[reference])
        return cell
    is_text = item.attrs.get("MATLAB_class") == b"char"
    if item.attrs.get("MATLAB_empty"):
        return np.array([""] if is_text else [])
    return np.array(["".join(map(chr, item[()].ravel()))]) if is_text else item[()]


def _variables(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give vectors and lists of text as arrays, cell arrays of vectors as lists; open structs."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        value = {
            key: value[key].item() if value.size == 1 else value[key] for key in value.dtype.names
        }
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _variables(f"{name}.{key}" if name else key, part)
    elif _is_vector(value):
        yield name, value.ravel()
    elif isinstance(value, np.ndarray) and value.dtype == object:
        parts = list(value.ravel())
        if all(isinstance(part, np.ndarray) and part.dtype.kind == "U" for part in parts):
            yield name, np.array(["".join(part.ravel()) for part in parts])
        elif all(_is_vector(part) for part in parts):
            yield name, parts


def _is_vector(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind in "iufU"
        and value.size == max(value.shape, default=0)
    )


# --- folders -----------------------------------------------------------------------------------


_ITSELF = ": if one file holds all units, give the file itself"


def _folder(path: Path, asked: Asked) -> Raw:
    if (path / "spike_times.npy").exists():
        return _phy(path, asked)
    if any((path / name).exists() for name in ("numpysorting_info.json", "sorting_cached.npz")):
        return formats.from_spikeinterface(path)
    texts = [file for file in sorted(path.iterdir()) if file.suffix in (".txt", ".csv", ".dat")]
    if not texts:
        raise ValueError(
            "it holds neither spike_times.npy (Phy, Kilosort) nor numpysorting_info.json nor "
            "sorting_cached.npz (SpikeInterface: sorting.save(folder=..., format='numpy_folder')), "
            f"nor a text file per electrode{_ITSELF}"
        )
    labels = typed_labels(pd.Series([file.stem for file in texts]), None)
    files = sorted(zip(labels, texts, strict=True), key=lambda named: label_order(named[0]))
    return from_trains([_one_column(file) for _, file in files], [label for label, _ in files])


def _one_column(path: Path) -> NDArray[np.float64]:
    try:
        times = np.loadtxt(path, ndmin=2) if path.stat().st_size else np.empty((0, 1))
    except ValueError as error:
        raise ValueError(f"{path.name} is no column of spike times ({error}){_ITSELF}") from error
    if times.shape[1] != 1:
        raise ValueError(f"{path.name} has {times.shape[1]} columns, not one of times{_ITSELF}")
    return times[:, 0]


def _phy(folder: Path, asked: Asked) -> Raw:
    """Read what Kilosort writes and Phy curates: samples, clusters, and tables about clusters."""
    clusters = np.load(folder / "spike_clusters.npy").ravel()
    samples = np.load(folder / "spike_times.npy").ravel()
    raw = from_table(pd.DataFrame({"time": samples, "unit": clusters}))
    about = pd.DataFrame()
    for path in [*sorted(folder.glob("cluster_*.tsv")), *folder.glob("cluster_groups.csv")]:
        about = about.combine_first(pd.read_csv(path, sep="\t", index_col=0))
    rate = _sample_rate(folder / "params.py")
    if rate is None and asked.seconds_per_unit is None:
        raise ValueError(
            "no params.py says sample_rate = ...: give seconds_per_unit, as in '1/30000' for 30 kHz"
        )
    return replace(raw, seconds=rate and 1 / rate, about=about.reindex(raw.labels))


def _sample_rate(path: Path) -> float | None:
    """Look the rate up in a file of Python, without running it."""
    text = path.read_text(errors="replace") if path.exists() else ""
    found = re.search(r"^\s*sample_rate\s*=\s*([\d_.]+(?:e\+?\d+)?)\s*(?:#.*)?$", text, re.M | re.I)
    return float(found[1]) or None if found else None


# Texts may be compressed.
_TEXT = {".csv", ".tsv", ".txt", ".dat", ".gdf"}
# What is read, by the ending of its name: what it is, and by what.
FORMATS: dict[str, tuple[str, Callable[[Path, Asked], Raw]]] = {
    ".nwb": ("NWB", _nwb),
    **dict.fromkeys([".csv", ".tsv", ".txt", ".parquet"], ("a table", _table)),
    ".dat": ("a table, or spikes of NEST 3", _table),
    ".gdf": ("spikes of NEST 2", _gdf),
    **dict.fromkeys([".h5", ".hdf5"], ("temporaldata or SONATA", _hdf5)),
    ".mat": ("spikes of MATLAB", _matlab),
    ".npz": ("a sorting of SpikeInterface, a TsGroup of pynapple, or times and units", _npz),
    "folder": ("Phy, Kilosort, SpikeInterface, or a text file per electrode", _folder),
}
