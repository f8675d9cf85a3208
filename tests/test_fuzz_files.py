"""Random tables, files and sweeps: a right result, or a sentence."""

from __future__ import annotations

import gzip
import io
import math
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from lgl_core.recordings.session import Session, read
from lgl_core.sweep.sweep import load_sweep
from tests.fuzzing import attempt, examples, odd_numbers
from tests.recordings.test_session import random_sessions, same

pytestmark = pytest.mark.slow

ENDINGS = ".nwb .csv .tsv .txt .dat .csv.gz .parquet .gdf .h5 .hdf5 .mat .npz".split()


def quietly(source, **options) -> Session | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return attempt(read, source, **options)


def assert_proper(session: Session) -> None:
    """What any recording is: ascending within epochs, all units named once, times known."""
    spikes = session.spikes
    assert len(set(session.units)) == len(session.units) == spikes.n_neurons
    assert (np.diff(spikes.times) >= 0).all() and np.isfinite(session.start)
    pairs = list(zip(spikes.times, spikes.neurons, strict=True))
    assert len(set(pairs)) == len(pairs)
    for start, stop in spikes.epochs:
        assert 0 <= start < stop <= spikes.duration < np.inf


# --- tables ------------------------------------------------------------------------------------

labels = st.one_of(
    st.integers(-2, 3), st.sampled_from(["a", "b", "1", "", " ", "NA", "1.0", "é"]), odd_numbers
)
times = st.one_of(
    st.floats(0, 50), st.floats(), odd_numbers, st.sampled_from(["1.5", "1,5", "x", "", None])
)
some_epochs = st.none() | st.lists(
    st.lists(st.floats(0, 60) | odd_numbers, min_size=2, max_size=2), max_size=2
)
options = st.fixed_dictionaries(
    {},
    optional={
        "epochs": some_epochs,
        "repair": st.booleans(),
        "seconds_per_unit": st.sampled_from([1, 1e-3, "1/30000", 0, -1, math.nan, "x", "1/0"]),
        "keep": st.sampled_from([["a"], [1], "unit == 1", "nonsense(", [], [1, 1]]),
    },
)


@examples(250)
@given(st.lists(st.tuples(times, labels), max_size=12), options)
def test_any_table_is_a_recording_or_refused(rows, options):
    table = pd.DataFrame(rows, columns=["time", "unit"])
    before = table.copy(deep=True)
    session = quietly(table, **options)
    assert table.equals(before)
    if session is None:
        return
    assert_proper(session)
    assert len(session.spikes) <= len(rows)
    if not options and all(isinstance(time, float) for time, _ in rows):
        # In the order of time, and each is one of the table's.
        clock = session.spikes.times + session.start
        np.testing.assert_allclose(clock, sorted(table["time"]), rtol=1e-12)


@examples(200)
@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 3)), min_size=1, unique=True),
    st.sampled_from([",", ";", "\t", " "]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from([".csv", ".txt", ".dat", ".csv.gz"]),
    st.booleans(),
)
def test_the_way_a_table_is_written_does_not_matter(
    tmp_path_factory, rows, delimiter, newline, encoding, ending, header
):
    lines = [f"{time / 1e6:.6f}{delimiter}{unit}" for time, unit in sorted(rows)]
    names = {"time": "0", "unit": "1"} if not header else {}
    text = newline.join([*([f"time{delimiter}unit"] if header else []), *lines, ""])
    path = tmp_path_factory.mktemp("table") / f"table{ending}"
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    whole = {"seconds_per_unit": 1, "epochs": [[0, 11]]}
    session = quietly(path, **whole, **names)
    wanted = pd.DataFrame(sorted(rows), columns=["time", "unit"]) / [1e6, 1]
    wanted["unit"] = wanted["unit"].astype(int)
    same(session, quietly(wanted, **whole))


@examples(150)
@given(st.text("0123456789.,;-+eE \t\n\r\"'#ab\x00é{}[]:nainfNAT", max_size=60), st.data())
def test_any_text_is_a_recording_or_refused(tmp_path_factory, text, data):
    ending = data.draw(st.sampled_from([".csv", ".tsv", ".txt", ".dat", ".gdf"]))
    head = data.draw(st.sampled_from(["", "time,unit\n", "time;unit\n", "# time unit\n", '# {"']))
    path = tmp_path_factory.mktemp("text") / f"text{ending}"
    path.write_bytes((head + text).encode())
    session = quietly(path)
    if session is not None:
        assert_proper(session)


# --- bytes -------------------------------------------------------------------------------------


@examples(150)
@given(st.binary(max_size=200), st.sampled_from(ENDINGS), st.booleans())
def test_any_bytes_are_refused_or_a_recording(tmp_path_factory, content, ending, magic):
    begins = {".npz": b"PK\x03\x04", ".h5": b"\x89HDF\r\n\x1a\n", ".parquet": b"PAR1"}
    path = tmp_path_factory.mktemp("bytes") / f"bytes{ending}"
    path.write_bytes(begins.get(ending, b"") * magic + content)
    session = quietly(path)
    if session is not None:
        assert_proper(session)


WHOLE = {"epochs": [[0, 20]], "time": "time", "unit": "unit"}


def write_mat(session: Session, path: Path) -> None:
    savemat(path, {"time": session.spikes.times, "unit": session.spikes.neurons})


def write_npz(session: Session, path: Path) -> None:
    session.to_pynapple().save(path)


WRITERS = {
    **dict.fromkeys([".csv", ".parquet", ".h5", ".nwb"], Session.write),
    ".mat": write_mat,
    ".npz": write_npz,
}


@pytest.fixture(scope="module", params=WRITERS)
def written(request, tmp_path_factory):
    """A recording in a file of a format, and how to read it."""
    rng = np.random.default_rng(0)
    rows = sorted(zip(rng.uniform(0, 20, 60), rng.integers(0, 3, 60), strict=True))
    session = read(pd.DataFrame(rows, columns=["time", "unit"]), epochs=WHOLE["epochs"])
    path = tmp_path_factory.mktemp("whole") / f"whole{request.param}"
    WRITERS[request.param](session, path)
    return session, path, WHOLE if request.param == ".mat" else {}


@pytest.mark.parametrize("written", sorted(set(WRITERS) - {".mat"}), indirect=True)
@examples(60)
@given(st.data())
def test_a_damaged_file_is_refused_or_says_something_a_recording_can_be(written, data):
    check_damage(written, data)


@pytest.mark.parametrize("written", [".mat"], indirect=True)
@examples(10)
@given(st.data())
def test_so_is_a_damaged_matlab_file_each_of_which_takes_a_process(written, data):
    check_damage(written, data)


def check_damage(written, data):
    session, path, options = written
    content = bytearray(path.read_bytes())
    # HDF5 itself never comes back from some heaps of text that hold zeros, as NWB has them.
    kinds = ["cut"] if path.suffix == ".nwb" else ["cut", "zeros", "flip"]
    kind = data.draw(st.sampled_from(kinds))
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        del content[at:]
    elif kind == "zeros":
        content[at : at + 512] = bytes(len(content[at : at + 512]))
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    damaged = path.with_name(f"damaged{path.suffix}")
    damaged.write_bytes(content)
    found = quietly(damaged, **options)
    if found is not None:
        assert_proper(found)
        if kind == "cut" and path.suffix != ".csv":  # what was cut off was only padding
            same(found, session)


def test_what_was_damaged_was_whole(written):
    session, path, options = written
    same(quietly(path, **options), session)


@examples(40)
@given(random_sessions(), st.sampled_from([".csv", ".parquet"]))
def test_what_is_written_is_read_back(tmp_path_factory, session, ending):
    path = tmp_path_factory.mktemp("round") / f"round{ending}"
    session.write(path)
    same(quietly(path), session)


# --- sweeps ------------------------------------------------------------------------------------

names = st.sampled_from(
    ["seed", "duration", "network.n_neurons", "training.epochs", "size", "glm.solver", "nonsense"]
)
scalars = st.one_of(
    *(st.integers(-3, 3), st.floats(), st.booleans(), st.none(), st.text(max_size=5)),
    st.sampled_from(["tiny", "adam", "1/30000", "12:00:00", "off", "1e-3"]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | scalars, inner, max_size=3),
    max_leaves=8,
)
grids = st.dictionaries(names, st.lists(scalars, max_size=3) | scalars, max_size=3)
files = st.one_of(
    anything,
    st.fixed_dictionaries(
        {},
        optional={
            "grid": grids | anything,
            "points": st.lists(st.dictionaries(names, scalars, max_size=3), max_size=3) | anything,
            "fixed": st.dictionaries(names, scalars, max_size=2) | anything,
            "threads": scalars,
            "folder": scalars,
            "target": st.sampled_from(["experiment", "", "nowhere.ipynb", "..", 3]),
            "slurm": st.dictionaries(st.sampled_from(["jobs", "memory"]), scalars, max_size=2),
        },
    ),
)


def written_sweep(folder, text: str | bytes):
    path = folder / "sweep.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        return attempt(load_sweep, path)
    except FileNotFoundError as error:
        assert "no notebook" in str(error)
        return None


@examples(250)
@given(files)
def test_any_sweep_holds_every_combination_or_is_refused(tmp_path_factory, content):
    sweep = written_sweep(tmp_path_factory.mktemp("sweep"), as_yaml(content))
    if sweep is None:
        return
    fixed = content.get("fixed") or {}
    if "grid" in content:
        grid = {n: v if isinstance(v, list) else [v] for n, v in content["grid"].items()}
        wanted = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    else:
        wanted = content["points"]
    wanted = [{**fixed, **point} for point in wanted]
    assert [{**point}.keys() for point in sweep.points] == [point.keys() for point in wanted]
    assert len(set(sweep.keys())) == len(wanted) > 0
    for point, made in zip(wanted, sweep.points, strict=True):
        for name, value in point.items():
            assert made[name] == value or value != value or isinstance(value, str)


@examples(120)
@given(
    st.text("abgridpontsfxe:-[]{}, \n\t#&*!|>'\"%@`0123.~", max_size=60) | st.binary(max_size=40)
)
def test_any_text_is_a_sweep_or_refused(tmp_path_factory, text):
    written_sweep(tmp_path_factory.mktemp("sweep"), text)


def as_yaml(content: object) -> str:
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(content, text)
    return text.getvalue()
