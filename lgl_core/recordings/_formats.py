"""The field's formats of spikes, read into one form and written from it.

That form is ``recordings._raw.Raw``. Only what a format itself needs is imported, and
only when it is used: the extra ``[data]`` has it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.recordings._raw import (
    Label,
    Raw,
    are_whole,
    ends,
    from_trains,
    needed,
    plain_labels,
    spans,
)
from lgl_core.recordings._room import opened_npz

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
    source: Any, epochs: str | None = None, unit: str | None = None, about: bool = False
) -> Raw:
    """Read the units of an NWB file, given as a path, an open file or an ``NWBFile``.

    Labels are in the column ``unit``, by default ``unit_name`` if there is one, else the ids,
    which ``"id"`` asks for. What was recorded is the table of intervals called ``epochs``, what
    the units say of their own observation, and nothing of the invalid times. Intervals are in s,
    as the standard has them, even where spike times are not. Columns of the units are read if
    something is asked ``about`` them.
    """
    if hasattr(source, "units"):
        return _units_of(source, epochs, unit, about)
    pynwb, h5py = needed("pynwb"), needed("h5py")
    with h5py.File(source, "r") as file, pynwb.NWBHDF5IO(file=file, mode="r") as io:
        return _units_of(io.read(), epochs, unit, about)


def _units_of(nwb: Any, epochs: str | None, unit: str | None, about: bool) -> Raw:
    units = nwb.units
    if units is None or "spike_times" not in units.colnames:
        raise ValueError("the NWB file has no table of units with spike times")
    if unit not in (None, "id", *units.colnames):
        raise ValueError(f"unit must be one of id, {', '.join(units.colnames)}, got {unit!r}")
    column = unit or ("unit_name" if "unit_name" in units.colnames else "id")
    labels = units[column][:] if column in units.colnames else units.id[:]
    rows = range(len(units))
    raw = from_trains([units["spike_times"][row] for row in rows], labels)
    observed = None
    if "obs_intervals" in units.colnames:
        observed = [np.reshape(units["obs_intervals"][row], (-1, 2)) for row in rows]
    return replace(
        raw,
        epochs=None if epochs is None else _interval_table(nwb, epochs),
        observed=observed,
        invalid=None if nwb.invalid_times is None else _intervals(nwb.invalid_times),
        spans_in_s=True,
        about=_about(units) if about else None,
    )


def _about(units: Any) -> pd.DataFrame:
    """Take the columns that have one value per unit."""
    ragged = {name for name in units.colnames if hasattr(units[name], "target")}
    return units.to_dataframe(exclude=ragged, index=True).reset_index()


def _interval_table(nwb: Any, name: str) -> NDArray[np.float64]:
    tables = dict(nwb.intervals or {}) | {"trials": nwb.trials, "epochs": nwb.epochs}
    tables = {key: table for key, table in tables.items() if table is not None}
    if name not in tables:
        raise ValueError(f"epochs must be one of the file's {sorted(tables)}, got {name!r}")
    return _intervals(tables[name])


def _intervals(table: Any) -> NDArray[np.float64]:
    return np.stack([table["start_time"][:], table["stop_time"][:]], axis=1).astype(np.float64)


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
    """Read a ``TsGroup``; labels are its metadata called ``unit``, by default ``label``.

    Without that metadata they are its keys, which ``"id"`` asks for.
    """
    known = list(group.metadata_columns)
    if unit not in (None, "id", *known):
        raise ValueError(f"unit must be one of {['id', *known]}, got {unit!r}")
    column = unit or "label"
    labels = list(group[column]) if column in known else list(group.index)
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


def from_neo(trains: Sequence[Any], unit: str | None = None) -> Raw:
    """Read a list of ``SpikeTrain``, each observed from its start to its stop.

    Labels are their annotation ``unit``, by default ``label`` or else their names; without those
    they are places in the list, which ``"id"`` asks for.
    """
    if not trains:
        raise ValueError("the list of spike trains is empty")
    names = [train.annotations.get(unit or "label", train.name or None) for train in trains]
    if unit == "id" or not any(names):
        names = list(range(len(trains)))
    if None in names:
        raise ValueError(
            f"train {names.index(None)} of the list has no label: name all of them or none, or "
            "give unit='id' to number them"
        )
    of_time = trains[0].units
    raw = from_trains([train.rescale(of_time).magnitude for train in trains], names)
    observed = [
        np.array([[float(end.rescale(of_time)) for end in (train.t_start, train.t_stop)]])
        for train in trains
    ]
    about = pd.DataFrame([dict(train.annotations) for train in trains])
    seconds = float(of_time.rescale("s"))
    return replace(raw, observed=observed, seconds=seconds, about=about)


def to_neo(raw: Raw) -> list[Any]:
    """Make a list of ``SpikeTrain``, each from the first epoch's start to the last one's end."""
    neo = needed("neo")
    begin, end = ends(raw)
    return [
        neo.SpikeTrain(train, units="s", t_start=begin, t_stop=end, name=str(label), label=label)
        for label, train in zip(raw.labels, raw.trains(), strict=True)
    ]


def from_temporaldata(data: Any, unit: str | None = None) -> Raw:
    """Read a ``temporaldata.Data`` with ``spikes`` and ``units``, as torch_brain has them.

    Labels are what its units say of ``unit``, by default of ``id``.
    """
    for name in ("spikes", "units"):
        if not hasattr(data, name):
            raise ValueError(f"the temporaldata object has no {name!r}, only {list(data.keys())}")
    spikes, domain = data.spikes, data.spikes.domain
    columns = {key: np.asarray(getattr(data.units, key)) for key in data.units.keys()}
    if (unit or "id") not in columns:
        raise ValueError(f"unit must be one of {list(columns)}, got {unit or 'id'!r}")
    labels = plain_labels(columns[unit or "id"])
    index = np.asarray(spikes.unit_index, dtype=np.int64)
    if index.size and not 0 <= index.min() <= index.max() < len(labels):
        raise ValueError(
            f"unit_index must lie between 0 and {len(labels) - 1}, got {index.min()} to "
            f"{index.max()}"
        )
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


def read_temporaldata(path: Path, unit: str | None = None) -> Raw:
    """Read an HDF5 file of temporaldata; ``unit`` as for :func:`from_temporaldata`."""
    td, h5py = needed("temporaldata"), needed("h5py")
    with h5py.File(path, "r") as file:
        return from_temporaldata(td.Data.from_hdf5(file), unit)


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
        times.append(samples + begin)
        epochs.append((begin, float(np.nextafter(times[-1].max(initial=begin), np.inf))))
        begin = epochs[-1][1] + _BETWEEN_SEGMENTS * rate
    units = np.concatenate([units for _, units in segments]).astype(np.int64)
    spikes = np.concatenate(times).astype(np.float64)
    return Raw(
        times=spikes,
        units=units,
        rows=np.arange(len(spikes)),
        labels=labels,
        # One segment says no more than when its spikes are.
        epochs=spans(epochs) if len(segments) > 1 else None,
        seconds=1 / rate,
    )


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
    with opened_npz(path) as file:
        labels, segments = file["unit_ids"], []
        for k in range(int(file["num_segment"][0])):
            units = pd.Index(labels).get_indexer(pd.Index(file[f"spike_labels_seg{k}"]))
            segments.append((file[f"spike_indexes_seg{k}"], units))
        return segments, plain_labels(labels), float(file["sampling_frequency"][0])
