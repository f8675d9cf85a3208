"""The field's formats of spikes, read into one form and written from it.

That form is :class:`lgl_core.recordings_raw.Raw`. Only what a format itself needs is imported, and
only when it is used: the extra ``[data]`` has it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.recordings_raw import (
    Keep,
    Label,
    Raw,
    are_whole,
    chosen,
    ends,
    from_trains,
    needed,
    plain_labels,
    spans,
)

__all__ = [
    "from_neo",
    "from_nwb",
    "from_pynapple",
    "from_spikeinterface",
    "from_temporaldata",
    "to_neo",
    "to_pynapple",
    "to_temporaldata",
    "write_nwb",
    "write_temporaldata",
]

# Segments of a SpikeInterface sorting carry no clock: they are laid out one after another.
_BETWEEN_SEGMENTS = 1.0  # s


# --- NWB ---------------------------------------------------------------------------------------


def from_nwb(
    source: Any, epochs: str | None = None, unit: str | None = None, keep: Keep = None
) -> Raw:
    """Read the units of an NWB file, given as a path, an open file or an ``NWBFile``.

    Labels are in the column ``unit``, by default ``unit_name`` if there is one, else the ids.
    What was recorded is the table of intervals called ``epochs``, by default what the units say
    of their own observation.
    """
    if hasattr(source, "units"):
        return _units_of(source, epochs, unit, keep)
    pynwb, h5py = needed("pynwb"), needed("h5py")
    with h5py.File(source, "r") as file, pynwb.NWBHDF5IO(file=file, mode="r") as io:
        return _units_of(io.read(), epochs, unit, keep)


def _units_of(nwb: Any, epochs: str | None, unit: str | None, keep: Keep) -> Raw:
    units = nwb.units
    if units is None or "spike_times" not in units.colnames:
        raise ValueError("the NWB file has no table of units with spike times")
    if unit is not None and unit not in units.colnames:
        raise ValueError(f"unit must be one of {', '.join(units.colnames)}, got {unit!r}")
    column = unit or ("unit_name" if "unit_name" in units.colnames else None)
    labels = plain_labels(units[column][:] if column else units.id[:])
    # Whatever is left out says nothing of when the others were observed.
    rows = chosen(labels, _about(units) if isinstance(keep, str) else None, keep)
    labels = [labels[row] for row in rows]
    trains = [units["spike_times"][row] for row in rows]
    if epochs is not None:
        return from_trains(trains, labels, _interval_table(nwb, epochs))
    observed = None
    if "obs_intervals" in units.colnames:
        observed = _common([spans(units["obs_intervals"][row]) for row in rows])
    return from_trains(trains, labels, observed)


def _about(units: Any) -> pd.DataFrame:
    """Take the columns that have one value per unit."""
    ragged = {name for name in units.colnames if hasattr(units[name], "target")}
    return units.to_dataframe(exclude=ragged, index=True).reset_index()


def _interval_table(nwb: Any, name: str) -> NDArray[np.float64]:
    tables = dict(nwb.intervals or {}) | {"trials": nwb.trials, "epochs": nwb.epochs}
    tables = {key: table for key, table in tables.items() if table is not None}
    if name not in tables:
        raise ValueError(f"epochs must be one of the file's {sorted(tables)}, got {name!r}")
    return np.stack([tables[name]["start_time"][:], tables[name]["stop_time"][:]], axis=1)


def _common(observed: list[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    """Find the spans in which all units were observed."""
    known = [part for part in observed if part is not None and len(part)]
    if not known:
        return None
    borders = np.unique(np.concatenate([part.ravel() for part in known]))
    pieces = [
        (begin, end)
        for begin, end in pairwise(borders)
        if all(((part[:, 0] <= begin) & (end <= part[:, 1])).any() for part in known)
    ]
    return _joined(np.array(pieces).reshape(-1, 2))


def _joined(pieces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join pieces that touch."""
    apart = np.flatnonzero(pieces[1:, 0] > pieces[:-1, 1])
    firsts, lasts = np.append(0, apart + 1), np.append(apart, len(pieces) - 1)
    return np.stack([pieces[firsts, 0], pieces[lasts, 1]], axis=1) if len(pieces) else pieces


def write_nwb(raw: Raw, path: Path) -> None:
    """Write an NWB file with a table of units."""
    pynwb = needed("pynwb")
    nwb = pynwb.NWBFile(
        session_description="spike trains",
        identifier=path.stem,
        session_start_time=datetime(1970, 1, 1, tzinfo=UTC),
    )
    named = not are_whole(raw.labels)
    if named:
        nwb.add_unit_column("unit_name", "label of the unit")
    for row, (label, train) in enumerate(zip(raw.labels, raw.trains(), strict=True)):
        known: dict[str, Any] = {"unit_name": str(label), "id": row} if named else {"id": label}
        if raw.epochs is not None:
            known["obs_intervals"] = raw.epochs
        nwb.add_unit(spike_times=train, **known)
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwb)


# --- pynapple, neo, temporaldata, SpikeInterface ------------------------------------------------


def from_pynapple(group: Any, unit: str | None = None) -> Raw:
    """Read a ``TsGroup``; labels are its metadata called ``unit``, by default ``label``."""
    if unit is not None and unit not in group.metadata_columns:
        raise ValueError(f"unit must be one of {list(group.metadata_columns)}, got {unit!r}")
    column = unit or ("label" if "label" in group.metadata_columns else None)
    labels = list(group.index) if column is None else list(group[column])
    trains = [group[key].index.values for key in group.index]
    about = pd.DataFrame(group.metadata)
    return from_trains(trains, labels, group.time_support.values, about)


def to_pynapple(raw: Raw) -> Any:
    """Make a ``TsGroup``; labels that cannot be its keys are in its metadata ``label``."""
    nap = needed("pynapple")
    support = None if raw.epochs is None else nap.IntervalSet(*raw.epochs.T)
    # Keys are whole numbers in ascending order: labels that are not go into the metadata.
    are_keys = are_whole(raw.labels) and raw.labels == sorted(raw.labels)
    keys = raw.labels if are_keys else range(len(raw.labels))
    trains = {
        key: nap.Ts(train, time_support=support)
        for key, train in zip(keys, raw.trains(), strict=True)
    }
    metadata = {} if are_keys else {"label": raw.labels}
    return nap.TsGroup(trains, time_support=support, metadata=metadata)


def from_neo(trains: Sequence[Any], keep: Keep = None) -> Raw:
    """Read a list of ``SpikeTrain``; the span that those to keep share is what was recorded."""
    if not trains:
        raise ValueError("the list of spike trains is empty")
    names = [train.annotations.get("label", train.name or None) for train in trains]
    known = len(set(names)) == len(names) and None not in names
    labels = plain_labels(names if known else range(len(trains)))
    about = pd.DataFrame([dict(train.annotations) for train in trains])
    rows = chosen(labels, about, keep)
    labels, trains = [labels[row] for row in rows], [trains[row] for row in rows]
    begin = max(float(train.t_start.rescale("s")) for train in trains)
    end = min(float(train.t_stop.rescale("s")) for train in trains)
    seconds = [train.rescale("s").magnitude for train in trains]
    return from_trains(seconds, labels, [(begin, end)])


def to_neo(raw: Raw) -> list[Any]:
    """Make a list of ``SpikeTrain``, each from the first epoch's start to the last one's end."""
    neo = needed("neo")
    begin, end = ends(raw)
    return [
        neo.SpikeTrain(train, units="s", t_start=begin, t_stop=end, name=str(label), label=label)
        for label, train in zip(raw.labels, raw.trains(), strict=True)
    ]


def from_temporaldata(data: Any) -> Raw:
    """Read a ``temporaldata.Data`` with ``spikes`` and ``units``, as torch_brain has them."""
    for name in ("spikes", "units"):
        if not hasattr(data, name):
            raise ValueError(f"the temporaldata object has no {name!r}, only {list(data.keys())}")
    spikes, domain = data.spikes, data.spikes.domain
    labels = plain_labels(data.units.id)
    columns = {key: np.asarray(getattr(data.units, key)) for key in data.units.keys()}
    index = np.asarray(spikes.unit_index, dtype=np.int64)
    return Raw(
        times=np.asarray(spikes.timestamps, dtype=np.float64),
        units=index,
        rows=np.arange(len(index)),
        labels=labels,
        epochs=spans(np.stack([domain.start, domain.end], axis=1)),
        about=pd.DataFrame({key: array for key, array in columns.items() if array.ndim == 1}),
    )


def to_temporaldata(raw: Raw) -> Any:
    """Make a ``temporaldata.Data`` with ``spikes`` and ``units``."""
    td = needed("temporaldata")
    epochs = np.array([ends(raw)]) if raw.epochs is None else raw.epochs
    domain = td.Interval(start=epochs[:, 0].copy(), end=epochs[:, 1].copy())
    return td.Data(
        spikes=td.IrregularTimeSeries(timestamps=raw.times, unit_index=raw.units, domain=domain),
        units=td.ArrayDict(id=np.array(raw.labels)),
        domain=domain,
    )


def write_temporaldata(raw: Raw, path: Path) -> None:
    """Write an HDF5 file of temporaldata."""
    h5py, data = needed("h5py"), to_temporaldata(raw)
    if data.units.id.dtype.kind == "U":
        # temporaldata itself writes text in ASCII alone.
        data.units.id = np.char.encode(data.units.id, "utf-8")
    with h5py.File(path, "w") as file:
        data.to_hdf5(file)


def from_spikeinterface(path: Path) -> Raw:
    """Read a sorting that SpikeInterface has saved as a folder or as npz, without SpikeInterface.

    Its segments have no common clock: they follow each other, one second apart, each from its
    time zero to its last spike.
    """
    segments, labels, rate = _sorting_folder(path) if path.is_dir() else _sorting_npz(path)
    times, epochs, begin = [], [], 0.0
    for samples, _ in segments:
        seconds = samples / rate + begin
        times.append(seconds)
        epochs.append((begin, float(np.nextafter(seconds.max(initial=begin), np.inf))))
        begin = epochs[-1][1] + _BETWEEN_SEGMENTS
    units = np.concatenate([units for _, units in segments]).astype(np.int64)
    spikes = np.concatenate(times)
    return Raw(spikes, units, np.arange(len(spikes)), labels, spans(epochs))


_Segments = list[tuple[NDArray[Any], NDArray[np.int64]]]


def _sorting_folder(path: Path) -> tuple[_Segments, list[Label], float]:
    if (path / "sorting_cached.npz").exists():
        return _sorting_npz(path / "sorting_cached.npz")
    about = json.loads((path / "numpysorting_info.json").read_text())
    spikes = np.load(path / "spikes.npy")
    segments = [
        (part["sample_index"], part["unit_index"])
        for part in (spikes[spikes["segment_index"] == k] for k in range(about["num_segments"]))
    ]
    return segments, plain_labels(about["unit_ids"]), float(about["sampling_frequency"])


def _sorting_npz(path: Path) -> tuple[_Segments, list[Label], float]:
    with np.load(path) as file:
        if "unit_ids" not in file.files or "sampling_frequency" not in file.files:
            raise ValueError(f"it is no sorting of SpikeInterface: it holds {file.files}")
        labels, segments = file["unit_ids"], []
        for k in range(int(file["num_segment"][0])):
            units = pd.Index(labels).get_indexer(pd.Index(file[f"spike_labels_seg{k}"]))
            segments.append((file[f"spike_indexes_seg{k}"], units))
        return segments, plain_labels(labels), float(file["sampling_frequency"][0])
