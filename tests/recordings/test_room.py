"""Files that are damaged or lie about their size: a sentence that names them, and no room made."""

import gzip
import io
import resource
import warnings
import zipfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.lib import format as npy
from scipy.io import savemat

from lgl_core.recordings import _room as recordings_room
from lgl_core.recordings._room import check_room, free_memory
from lgl_core.recordings.public import coculture
from lgl_core.recordings.readout import Readout
from lgl_core.recordings.session import Session, read
from lgl_core.spikes import SpikeTrains

N = 400
RNG = np.random.default_rng(0)
SPIKES = SpikeTrains(
    times=np.sort(RNG.uniform(0, 20, N)), neurons=RNG.integers(0, 3, N), n_neurons=3, duration=20.0
)
SESSION = Session(spikes=SPIKES, units=("a", "b", "c"))


def written(ending, folder):
    path = folder / f"a.{ending}"
    if ending == "npz":
        samples = np.unique((30_000 * SPIKES.times).astype(int))
        np.savez_compressed(
            path, unit_ids=np.arange(3), num_segment=[1], sampling_frequency=[30_000.0],
            spike_indexes_seg0=samples, spike_labels_seg0=SPIKES.neurons[: len(samples)],
        )  # fmt: skip
    elif ending == "csv.gz":
        SESSION.write(folder / "a.csv")
        path.write_bytes(gzip.compress((folder / "a.csv").read_bytes()))
    else:
        SESSION.write(path)
    return path


def outcome(path):
    """Give what a file is read as; None if it is refused by name. Nothing else may happen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            session = read(path)
        except ValueError as refused:
            assert str(path) in str(refused)
            return None
    return session.units, session.spikes.neurons.tolist(), session.spikes.times.tolist()


@pytest.mark.parametrize("ending", ["nwb", "h5", "csv", "csv.gz", "parquet", "npz"])
def test_half_of_a_file_is_refused_and_so_is_any_other_part(ending, tmp_path):
    path = written(ending, tmp_path)
    whole, content = outcome(path), path.read_bytes()
    assert whole is not None
    for size in RNG.integers(0, len(content) - 1, 8):
        path.write_bytes(content[:size])
        assert outcome(path) is None, f"{size} of {len(content)} bytes"


@pytest.mark.parametrize("ending", ["nwb", "h5", "csv", "csv.gz", "parquet", "npz"])
def test_flipped_bits_end_in_a_sentence_or_in_a_recording(ending, tmp_path):
    path = written(ending, tmp_path)
    whole, content = outcome(path), path.read_bytes()
    found = []
    for n_flips, place in zip([1, 8] * 4, RNG.random((8, 8)), strict=True):
        damaged = bytearray(content)
        for share in place[:n_flips]:
            damaged[int(share * len(content))] ^= 1 << RNG.integers(8)
        path.write_bytes(damaged)
        found.append(outcome(path))
    assert None in found
    if ending in ("csv.gz", "npz"):  # with checksums over all that matters
        assert all(one in (None, whole) for one in found)


def test_a_flipped_bit_among_the_values_of_a_parquet_is_seen(tmp_path):
    path = written("parquet", tmp_path)
    about = pq.read_metadata(path).row_group(0).column(0)
    content = bytearray(path.read_bytes())
    start = about.dictionary_page_offset or about.data_page_offset
    content[start + about.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*a\.parquet.*could not verify page"):
        read(path)


def test_a_table_that_was_cut_between_two_rows_is_seen(tmp_path):
    path = written("csv", tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-100]))
    with pytest.raises(ValueError, match=r"a\.csv: .*says that it has 400 spikes, but it has 300"):
        read(path)
    lines[0] = lines[0].replace(', "spikes": 400', "")
    path.write_text("".join(lines[:-100]))
    assert len(read(path).spikes) == 300


def test_what_is_wrong_with_the_spikes_names_the_file_too(tmp_path):
    pd.DataFrame({"time": [0.125, -1.0], "unit": 1}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=r"cannot read .*a\.csv: line 3 \(unit 1\) is at -1 s"):
        read(tmp_path / "a.csv")


def test_other_files_of_arrays_are_named(tmp_path):
    units = np.ones((2, 2))
    origin = {"made": "by hand", "n_spikes": 3}
    nothing: dict = {"surrogates": {}, "strengths": {}, "null_strengths": {}}
    made = Readout(units=(1, 2), graphs={"GLM": units}, origin=origin, **nothing)
    made.save(tmp_path / "culture")
    for name, load in {
        "culture.json": lambda: Readout.load(tmp_path / "culture"),
        "culture.npz": lambda: Readout.load(tmp_path / "culture"),
        "coculture_div18.npz": lambda: coculture(folder=tmp_path),
    }.items():
        path = tmp_path / name
        path.write_bytes((path.read_bytes() if path.exists() else b"PK\x03\x04")[:20])
        with pytest.raises(ValueError, match=f"cannot read .*{name}"):
            load()
    with pytest.raises(FileNotFoundError):
        Readout.load(tmp_path / "nothing")


# --- files that declare more than there is -----------------------------------------------------

HUGE = 10**12


def lying_npz(path):
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (HUGE,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("unit_ids.npy", header.getvalue() + b"\0" * 8)
        archive.writestr("sampling_frequency.npy", b"")


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("unit_ids.npy", b"\0" * 2**26)


def sonata(path):
    with h5py.File(path, "w") as file:
        for name in ("timestamps", "node_ids"):
            file.create_dataset(f"spikes/v1/{name}", (HUGE,), "f8", chunks=(2**20,))


def units_of_nwb(path):
    SESSION.write(path)
    with h5py.File(path, "a") as file:
        del file["units/spike_times"]
        file.create_dataset("units/spike_times", (HUGE,), "f8", chunks=(2**20,))


def matlab_7_3(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["units"] = [1.0]
        file.create_dataset("times", (HUGE,), "f8", chunks=(2**20,))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def equal_rows(path):
    rows = {"time": pa.array(np.zeros(2**22)), "unit": pa.array(np.zeros(2**22, int))}
    pq.write_table(pa.table(rows), path)


def text(path):
    path.write_bytes(gzip.compress(b"time,unit\n" + b"0.5,1\n" * 2**23, compresslevel=1))


def matlab(path):
    savemat(path, {"times": np.zeros(2**23)}, do_compression=True)


LIARS = {
    "a.npz": lying_npz, "b.npz": bomb, "a.h5": sonata, "a.nwb": units_of_nwb, "b.mat": matlab_7_3,
    "a.parquet": equal_rows, "a.csv.gz": text, "a.mat": matlab,
}  # fmt: skip


@pytest.mark.parametrize("name", LIARS)
def test_a_small_file_that_declares_much_is_refused_before_room_is_made(
    name, tmp_path, monkeypatch
):
    path = tmp_path / name
    LIARS[name](path)
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(recordings_room, "free_memory", lambda: 2**28)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=f"{name}: it declares .* than an eighth of the 256 MiB"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**15  # KiB


@pytest.mark.parametrize("ending", ["nwb", "h5", "csv", "csv.gz", "parquet", "npz"])
def test_what_a_true_file_declares_is_about_what_it_holds(ending, tmp_path, monkeypatch):
    path = written(ending, tmp_path)
    monkeypatch.setattr(recordings_room, "free_memory", lambda: 8 * 7 * N)
    with pytest.raises(ValueError, match="more than an eighth"):
        check_room(path)
    monkeypatch.setattr(recordings_room, "free_memory", lambda: 8 * 100 * N)
    check_room(path)


def test_raw_data_beside_the_spikes_do_not_count(tmp_path):
    SESSION.write(tmp_path / "a.nwb")
    with h5py.File(tmp_path / "a.nwb", "a") as file:
        file.create_dataset("acquisition/raw/data", (HUGE, 384), "i2", chunks=(2**10, 384))
    check_room(tmp_path / "a.nwb")


def test_the_free_memory_is_that_of_the_machine_or_of_what_confines_us(tmp_path, monkeypatch):
    assert 2**24 < free_memory() < 2**50
    said = {"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   5 kB\n"}
    monkeypatch.setattr(recordings_room.Path, "read_text", lambda path: said[str(path)])
    said |= dict.fromkeys([f"/sys/fs/cgroup/memory.{name}" for name in ("max", "current")], "max\n")
    assert free_memory() == 5 * 1024
    said |= {"/sys/fs/cgroup/memory.max": "4096\n", "/sys/fs/cgroup/memory.current": "1096\n"}
    assert free_memory() == 3000
