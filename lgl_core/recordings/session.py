"""Recordings from the field's formats: spikes in, checked before an hour is lost, and out again.

:func:`read` takes NWB, pynapple, neo, temporaldata, SpikeInterface and plain tables; a
:class:`Session` holds what they say beside the spikes: labels of units, and the spans of time that
were recorded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lgl_core.disk.atomic import scratch
from lgl_core.fields import check_fields
from lgl_core.recordings import _formats as formats
from lgl_core.recordings._checks import checked
from lgl_core.recordings._files import Asked, raw_of_file
from lgl_core.recordings._parts import check_context
from lgl_core.recordings._raw import Keep, Label, Raw, ends, kept, plain_labels, scaled, some
from lgl_core.recordings._room import naming
from lgl_core.recordings._tables import from_table, write_table
from lgl_core.spikes import ROUNDING, SpikeTrains

__all__ = ["Session", "read"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Session:
    """Spikes of a recording, with the labels of its units and the spans that were recorded.

    Parameters
    ----------
    spikes : SpikeTrains
        Times in s from the start of the first epoch; neuron ``k`` is the unit ``units[k]``.
        ``spikes.epochs`` are the spans that were recorded.
    units : tuple of str or int
        What the source calls each unit: whole numbers, or text if one of them is not.
    start : float
        When the first epoch begins on the clock of the source, in s.

    Raises
    ------
    ValueError
        If there is not one label for each neuron, or two are the same.
    """

    spikes: SpikeTrains
    units: tuple[Label, ...]
    start: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "units", tuple(plain_labels(self.units)))
        if len(self.units) != self.spikes.n_neurons:
            raise ValueError(
                f"units must have one label for each of {self.spikes.n_neurons} neurons, "
                f"got {len(self.units)}"
            )
        if len(set(self.units)) < len(self.units):
            twice = next(label for label in self.units if self.units.count(label) > 1)
            raise ValueError(f"units must have different labels, got {twice!r} twice")

    def __repr__(self) -> str:
        return (
            f"Session({self.spikes!r}, epochs: {len(self.spikes.epochs)}, "
            f"units: {some(self.units, 3)})"
        )

    def check(
        self,
        *,
        context: int | None = None,
        n_neurons: int | None = None,
        n_blocks: int | None = 8,
        n_hubs: int | None = None,
    ) -> None:
        """Refuse what a model cannot take, or the page of a recording, before it is trained.

        Parameters
        ----------
        context : int, optional
            Spikes in the context of the transformer: one is to be trained on the first 80 % of
            the recording, and graphs are to be read.
        n_neurons : int, optional
            Size of the vocabulary of a model that exists.
        n_blocks : int, optional
            Parts of the recording from which graphs are to be read, too
            (``recordings._parts.blocks``); None if it stays whole. Only looked at
            if ``context`` is given.
        n_hubs : int, optional
            How many of the units are to be called hubs.

        Raises
        ------
        ValueError
            If there are more units than the vocabulary has, too few for a graph or for hubs, or
            a context does not fit: into the first 80 % of the recording, the rest, one of the
            parts, or the epochs that hold most spikes.

        Warns
        -----
        UserWarning
            For spikes in epochs that hold no context, which cannot be learned from.
        """
        n_units = len(self.units)
        if n_neurons is not None and n_units > n_neurons:
            raise ValueError(
                f"the model knows {n_neurons} neurons, but the recording has {n_units} "
                f"units: keep {n_neurons}, or train a model of its own; the first too many is "
                f"{self.units[n_neurons]!r}"
            )
        if context is not None and n_units < 2:
            raise ValueError(f"a graph needs two units or more, got {n_units}")
        if n_hubs is not None and not 1 <= n_hubs < n_units:
            raise ValueError(
                f"n_hubs must be at least 1 and below {n_units}, the number of units, got {n_hubs}"
            )
        if context is not None:
            check_context(self.spikes, context, n_blocks)

    # --- out again ---------------------------------------------------------------------------

    def write(self, path: str | Path) -> None:
        """Write the recording to a file.

        Parameters
        ----------
        path : str or Path
            ``.nwb``, ``.csv``, ``.parquet`` or ``.h5`` (temporaldata). An existing file is
            replaced once the new one is whole.

        Raises
        ------
        ValueError
            If the ending is none of these, or a label holds what no file can.
        ImportError
            If the format needs a package that is not there.
        OSError
            If it cannot be written, as on a full disk. An older file stays then.
        """
        path = Path(path)
        writers = {
            ".nwb": formats.write_nwb,
            ".csv": write_table,
            ".parquet": write_table,
            ".h5": formats.write_temporaldata,
        }
        if path.suffix not in writers:
            raise ValueError(f"path must end in {', '.join(writers)}, got {str(path)!r}")
        odd = [label for label in self.units if {"\0", "\r"} & {*str(label)}]
        if odd:
            raise ValueError(f"unit {odd[0]!r} holds a NUL or a carriage return: rename it")
        target = Path(os.path.realpath(path))
        # Not a file aside: some writers go by the ending, and HDF5 has locks of its own.
        with scratch(target.parent, f".{target.name}.writing-") as folder:
            writers[path.suffix](self._raw(), folder / path.name)
            (folder / path.name).replace(target)

    def to_pynapple(self) -> Any:
        """Make a pynapple ``TsGroup``; labels that cannot be its keys are in its metadata."""
        return formats.to_pynapple(self._raw())

    def to_neo(self) -> list[Any]:
        """Make a list of neo ``SpikeTrain``; it spans the gaps between epochs."""
        return formats.to_neo(self._raw())

    def to_temporaldata(self) -> Any:
        """Make a ``temporaldata.Data`` with ``spikes`` and ``units``."""
        return formats.to_temporaldata(self._raw())

    def _raw(self) -> Raw:
        return Raw(
            times=self.spikes.times + self.start,
            units=self.spikes.neurons,
            rows=np.arange(len(self.spikes)),
            labels=list(self.units),
            epochs=self.spikes.epochs + self.start,
        )


def read(
    source: Any,
    *,
    time: str = "time",
    unit: str | None = None,
    epochs: str | ArrayLike | None = None,
    keep: Keep = None,
    seconds_per_unit: float | str | None = None,
    repair: bool = False,
) -> Session:
    """Read a recording in any of the field's formats, and check it.

    Parameters
    ----------
    source : path or object
        A path to an NWB file (``.nwb``), a table (``.csv``, ``.tsv``, ``.txt``, ``.dat``, also
        with ``.gz``, or ``.parquet``), spikes of NEST (``.gdf``, ``.dat``), temporaldata or SONATA
        (``.h5``, ``.hdf5``), MATLAB (``.mat``), a SpikeInterface sorting, a ``TsGroup`` or two
        arrays (``.npz``), or a folder of Phy, Kilosort, SpikeInterface, or with a text file per
        electrode; an open NWB file; or a pynapple ``TsGroup``, a list of neo ``SpikeTrain``, a
        ``temporaldata.Data``, an ``NWBFile`` or a DataFrame.
    time : str
        Column of a table, variable of MATLAB or array of NumPy that holds times. Columns of text
        without a header are called ``"0"``, ``"1"``, and so on.
    unit : str, optional
        What holds the labels of units: a column of a table (default ``"unit"``), of the units of
        an NWB file (default ``"unit_name"``, or their ids) or of temporaldata (default ``"id"``),
        of the metadata of a ``TsGroup``, or among the annotations of neo trains; or a variable of
        MATLAB or array of NumPy. ``"id"``: the ids of an NWB file, the keys of a ``TsGroup``, the
        places in a list of neo trains.
    epochs : str or array_like of shape (n_epochs, 2), optional
        What was recorded: the name of a table of intervals in an NWB file, such as ``"trials"``,
        or starts and ends in s. Default: what the source says; else from 0 to the last spike,
        unless they tell of a later start or a pause, which is refused. In either case, what is no
        observation of all units, or an invalid time of an NWB file, is cut out.
    keep : str or sequence of str or int, optional
        Which units to read: their labels, or a question to what the source says of each, as in
        ``"quality == 'good'"``: columns of the units of an NWB file, tables of Phy, metadata of a
        ``TsGroup``, annotations of neo, columns of a table that never change within a unit, and
        ``unit``, the label. The others are left out before anything is checked. Default: all.
    seconds_per_unit : float or str, optional
        What one unit of the source's spike times lasts: ``1e-3`` for ms, ``1 / 30_000`` or
        ``"1/30000"`` for samples at 30 kHz. Default: what the source says, else 1,
        unless the times look otherwise, which is refused. Intervals of an NWB file, and
        ``epochs`` given here, are in s whatever this is; what a table, a ``TsGroup`` or
        temporaldata says of its own epochs is on the clock of its spikes.
    repair : bool
        Mend what can mean one thing only, with a warning for each, instead of refusing it: leave
        out spikes without a finite time, the second of two equal ones, and empty epochs; sort.

    Returns
    -------
    Session

    Raises
    ------
    ValueError
        If the source is of no known format, or for the first thing that is wrong with it: labels
        that repeat, NaN, placeholders, times in another unit, descending or doubled times within
        a unit, times before zero, a clock that starts late, epochs that overlap, units that were
        never observed together, nothing left to read.
    FileNotFoundError
        If there is no such file.
    ImportError
        If the format needs a package that is not there.

    Warns
    -----
    UserWarning
        For what was mended, for silent units, for units whose short observation costs the others
        theirs, for invalid times and for spikes outside the epochs, which are left out.

    Examples
    --------
    >>> import lgl_core as lgl, pandas as pd
    >>> table = pd.DataFrame({"t": [12.0, 31.5, 47.25], "cell": ["a", "b", "a"]})
    >>> lgl.read(table, time="t", unit="cell", seconds_per_unit=1e-3, epochs=[[0, 0.1]])
    Session(SpikeTrains(3 spikes of 2 neurons in 0.1 s, mean rate 15.00 Hz), epochs: 1, units: a, b)
    """
    if not isinstance(repair, bool | np.bool_):
        raise ValueError(f"repair must be True or False, got {repair!r}")
    named = epochs if isinstance(epochs, str) else None
    given = None if epochs is None or named else _pairs(epochs)
    raw = _raw_of(source, Asked(time, unit, named, keep, seconds_per_unit))
    if named and not raw.spans_in_s:
        raise ValueError(
            f"epochs={named!r} names a table of an NWB file: give starts and ends in s, as in "
            "epochs=[[0, 60]]"
        )
    is_file = isinstance(source, str | os.PathLike)
    with naming(Path(source), "a recording") if is_file else nullcontext():
        raw = scaled(kept(raw, keep), _seconds(seconds_per_unit, raw.seconds))
        if given is not None:
            raw = replace(raw, epochs=given, spans_in_s=False)
        return _session(checked(raw, bool(repair), in_seconds=seconds_per_unit is not None))


def _pairs(epochs: ArrayLike) -> NDArray[np.float64]:
    """Take starts and ends as they were given, or one of each; nothing is put into pairs."""
    try:
        pairs = np.atleast_2d(np.asarray(epochs, dtype=np.float64))
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(
            f"epochs must be pairs of start and end in s, as in epochs=[[0, 60]], got {epochs!r}"
        )
    return pairs


def _seconds(given: float | str | None, said: float | None) -> float:
    """Decide what one unit of time lasts: as given, which must not contradict the source."""
    if given is None:
        return 1.0 if said is None else said
    try:
        seconds = float(Fraction(given.replace(" ", "")) if isinstance(given, str) else given)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f"seconds_per_unit must be a number of s or a fraction such as '1/30000', got {given!r}"
        ) from None
    if said in (None, 1.0):
        return seconds
    if abs(seconds / said - 1) > 1e-4:
        raise ValueError(
            f"seconds_per_unit is {seconds:g}, but one unit of the source lasts {said:g} s, as it "
            "says itself: leave seconds_per_unit out, or correct the source"
        )
    return said


def _raw_of(source: Any, asked: Asked) -> Raw:
    """Tell the format of a source; what is read from the file alone needs none of the packages."""
    if isinstance(source, str | os.PathLike):
        return raw_of_file(Path(source), asked)
    kind = type(source).__module__.partition(".")[0]
    if isinstance(source, pd.DataFrame):
        return from_table(source, asked.time, asked.unit or "unit")
    if kind == "pynapple":
        return formats.from_pynapple(source, asked.unit)
    if kind == "temporaldata":
        return formats.from_temporaldata(source, asked.unit)
    if kind == "pynwb" or hasattr(source, "read"):
        return formats.from_nwb(source, asked.epochs, asked.unit, isinstance(asked.keep, str))
    if isinstance(source, Sequence) and all(hasattr(train, "t_stop") for train in source):
        return formats.from_neo(source, asked.unit)
    raise ValueError(
        f"cannot read a recording from a {type(source).__name__}: give a path, a DataFrame, an "
        "open NWB file, a pynapple TsGroup, a list of neo SpikeTrains or a temporaldata.Data"
    )


def _session(raw: Raw) -> Session:
    begin, end = ends(raw)
    resolution = ROUNDING * np.spacing(max(abs(begin), abs(end)))  # of the source's clock
    # Spikes of one time stand in the order of units, whatever that of the source.
    order = np.lexsort([raw.units, raw.times])
    # A spike at the very end of an epoch is inside: spans of NWB hold both of their ends.
    epochs = (np.array([[begin, end]]) if raw.epochs is None else raw.epochs) - begin
    times = raw.times[order] - begin
    # Nor is one outside that rounding puts just before the start of an epoch.
    epoch = np.maximum(np.searchsorted(epochs[:, 0] - resolution, times, side="right") - 1, 0)
    spikes = SpikeTrains(
        times=np.clip(times, epochs[epoch, 0], np.nextafter(epochs[epoch, 1], 0)),
        neurons=raw.units[order],
        n_neurons=len(raw.labels),
        duration=end - begin,
        epochs=epochs,
        resolution=resolution,
    )
    return Session(spikes=spikes, units=tuple(raw.labels), start=begin)
