"""Files as other programs leave them, and every label back from every format that is written."""

import h5py
import neo
import numpy as np
import pandas as pd
import pynapple as nap
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from lgl_core.recordings._files import FORMATS
from lgl_core.recordings.session import Session, read
from lgl_core.spikes import SpikeTrains
from tests.recordings.test_session import empty_nwb, same

pytestmark = pytest.mark.filterwarnings("ignore:.*units have no spike")


# --- labels ------------------------------------------------------------------------------------

ODD = ["007", "7", "7.0", "nan", "NA", "None", "", " ", " 7", "#3", "a,b", '"a"', "a;b", "a\tb"]
words = st.sampled_from([*ODD, "é", "a\nb", "1e3", "True", str(2**64)]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=4
)
labels = st.lists(words, min_size=1, max_size=5, unique=True) | st.lists(
    st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5, unique=True
)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet", "nwb", "h5"])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(units=labels)
@example(units=ODD)
def test_every_label_comes_back(ending, units, tmp_path):
    n = len(units)
    spikes = SpikeTrains(
        times=np.arange(1, 2 * n + 1) / 8,
        neurons=np.arange(2 * n) % n,
        n_neurons=n,
        duration=n / 4 + 1,
    )
    session = Session(spikes=spikes, units=tuple(units))
    session.write(tmp_path / f"a.{ending}")
    same(read(tmp_path / f"a.{ending}", seconds_per_unit=1), session)


def test_labels_are_of_one_kind():
    spikes = SpikeTrains(times=[0.1, 0.2], neurons=[0, 1], n_neurons=2, duration=1.0)
    assert Session(spikes=spikes, units=(np.int64(3), 4.0)).units == (3, 4)
    assert Session(spikes=spikes, units=(3, "a")).units == ("3", "a")
    with pytest.raises(ValueError, match="different labels, got '1' twice"):
        Session(spikes=spikes, units=(1, "1"))


@pytest.mark.parametrize("label", ["a\0", "a\rb"])
def test_a_label_that_no_file_can_hold(label, tmp_path):
    spikes = SpikeTrains(times=[0.1], neurons=[0], n_neurons=1, duration=1.0)
    with pytest.raises(ValueError, match="holds a NUL or a carriage return: rename it"):
        Session(spikes=spikes, units=(label,)).write(tmp_path / "a.nwb")


# --- folders -----------------------------------------------------------------------------------


def phy(folder, params="sample_rate = 30000.0\n"):
    samples = np.array([[3000], [6000], [6300], [9000]], dtype=np.uint64)
    np.save(folder / "spike_times.npy", samples)
    np.save(folder / "spike_clusters.npy", np.array([7, 2, 7, 10], dtype=np.int32))
    (folder / "params.py").write_text(params)
    (folder / "cluster_group.tsv").write_text("cluster_id\tgroup\n2\tnoise\n7\tgood\n99\tgood\n")
    pd.DataFrame({"cluster_id": [2, 7, 10], "depth": [20.0, 70, 100]}).to_csv(
        folder / "cluster_info.tsv", sep="\t", index=False
    )
    return folder


class TestPhy:
    def test_clusters_are_units_and_samples_become_seconds(self, tmp_path):
        session = read(phy(tmp_path))
        assert session.units == (2, 7, 10)
        assert session.spikes.neurons.tolist() == [1, 0, 1, 2]
        np.testing.assert_allclose(session.spikes.times, [0.1, 0.2, 0.21, 0.3], rtol=1e-12)

    @pytest.mark.parametrize(
        ("keep", "units"),
        [("group == 'good'", (7,)), ("depth > 50", (7, 10)), ("group != 'noise'", (7, 10))],
    )
    def test_what_its_tables_say_can_be_asked_for(self, keep, units, tmp_path):
        assert read(phy(tmp_path), keep=keep).units == units

    def test_an_unknown_column_is_named_with_those_that_are_there(self, tmp_path):
        with pytest.raises(
            ValueError, match="'quality' is not defined.* ask for 'unit', 'group', 'depth'"
        ):
            read(phy(tmp_path), keep="quality == 'good'")

    def test_params_are_not_run(self, tmp_path):
        trap = f"open({str(tmp_path / 'ran')!r}, 'w')\nsample_rate = 25_000.  # Hz\n"
        assert read(phy(tmp_path, trap)).spikes.times[0] == pytest.approx(3000 / 25_000)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("params", ["", "sample_rate = rate\n", "sample_rate = 0\n"])
    def test_without_a_rate_it_has_to_be_said(self, params, tmp_path):
        with pytest.raises(ValueError, match="no params.py says sample_rate.*seconds_per_unit"):
            read(phy(tmp_path, params))
        session = read(phy(tmp_path, params), seconds_per_unit=1 / 10_000)
        assert session.spikes.times[0] == pytest.approx(0.3)


class TestElectrodes:
    def test_the_name_of_a_file_is_the_label(self, tmp_path):
        for name, times in {"10": [0.1, 0.2], "9": [0.15], "11": []}.items():
            np.savetxt(tmp_path / f"{name}.txt", times)
        session = read(tmp_path)
        assert session.units == (9, 10, 11)
        assert session.spikes.times.tolist() == [0.1, 0.15, 0.2]
        assert session.spikes.neurons.tolist() == [1, 0, 1]
        assert read(tmp_path, keep=[9, 11]).units == (9, 11)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("some words\n", "b.txt is no column of spike times .*give the file itself$"),
            ("1 2\n", "b.txt has 2 columns, .*give the file itself$"),
        ],
    )
    def test_another_file_among_them(self, content, message, tmp_path):
        (tmp_path / "a.txt").write_text("0.1\n")
        (tmp_path / "b.txt").write_text(content)
        with pytest.raises(ValueError, match=message):
            read(tmp_path)


# --- MATLAB ------------------------------------------------------------------------------------

TRAINS = [np.array([0.1, 0.2]), np.array([]), np.array([0.15])]


def cell(parts):
    array = np.empty(len(parts), dtype=object)
    for k, part in enumerate(parts):
        array[k] = part
    return array


def save_v73(path, variables):
    """Write what MATLAB writes with -v7.3: HDF5, with references in place of a cell's parts."""

    def put(group, name, value):
        if isinstance(value, dict):
            for key, part in value.items():
                put(group.require_group(name), key, part)
        elif isinstance(value, str):
            group[name] = np.array([[ord(letter)] for letter in value], dtype=np.uint16)
            group[name].attrs["MATLAB_class"] = np.bytes_("char")
        elif value.dtype == object:
            refs = group.file.require_group("#refs#")
            places = [f"{name}{k}" for k in range(len(value))]
            for place, part in zip(places, value, strict=True):
                put(refs, place, part)
            handles = np.array([[refs[place].ref] for place in places], dtype=h5py.ref_dtype)
            group.create_dataset(name, data=handles)
        elif value.size == 0:
            group[name] = np.array([0, 0], dtype=np.uint64)
            group[name].attrs["MATLAB_empty"] = 1
        else:
            group[name] = np.atleast_2d(value)

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            put(file, name, value)
    with path.open("r+b") as file:
        header = b"MATLAB 7.3 MAT-file".ljust(124)
        file.write(header + b"\x00\x02IM")


@pytest.mark.parametrize("save", [savemat, save_v73], ids=["v5", "v7.3"])
class TestMatlab:
    @pytest.mark.parametrize(
        ("variables", "asked", "units"),
        [
            ({"spikes": cell(TRAINS), "fs": np.array([30_000.0])}, {}, (1, 2, 3)),
            ({"s": {"times": cell(TRAINS), "ts": cell(TRAINS)}}, {}, (1, 2, 3)),
            ({"a": cell(TRAINS), "b": cell(TRAINS[:2])}, {"time": "a"}, (1, 2, 3)),
            (
                {"spikes": cell(TRAINS), "name": cell(["x", "y", "z"])},
                {"unit": "name"},
                ("x", "y", "z"),
            ),
            ({"spikes": cell(TRAINS), "id": np.array([4.0, 5.0, 6.0])}, {"unit": "id"}, (4, 5, 6)),
        ],
        ids=["one cell array", "a struct", "one of two", "names", "ids"],
    )
    def test_a_cell_array_with_a_train_per_unit(self, save, variables, asked, units, tmp_path):
        save(tmp_path / "a.mat", variables)
        session = read(tmp_path / "a.mat", **asked)
        assert session.units == units
        assert session.spikes.times.tolist() == [0.1, 0.15, 0.2]
        assert session.spikes.neurons.tolist() == [0, 2, 0]

    @pytest.mark.parametrize(
        ("names", "asked"),
        [
            (("spike_times", "clusterID"), {}),
            (("time", "unit"), {}),
            (("t", "id"), {"time": "t", "unit": "id"}),
        ],
    )
    def test_a_vector_of_times_and_one_of_units(self, save, names, asked, tmp_path):
        variables = dict(zip(names, [np.array([0.1, 0.15, 0.2]), np.array([7, 3, 7])], strict=True))
        save(tmp_path / "a.mat", variables | {"other": np.array([1.0, 2.0])})
        session = read(tmp_path / "a.mat", **asked)
        assert session.units == (3, 7)
        assert session.spikes.neurons.tolist() == [1, 0, 1]

    @pytest.mark.parametrize(
        ("variables", "asked"),
        [
            ({"a": cell(TRAINS), "b": cell(TRAINS)}, {}),
            ({"a": np.array([0.1, 0.2]), "b": np.array([1, 2])}, {}),
            ({"a": cell(TRAINS), "b": np.array([1, 2])}, {"time": "c"}),
            ({"a": cell(TRAINS), "b": np.array([1, 2])}, {"unit": "c"}),
        ],
    )
    def test_what_is_not_clear_is_refused_with_what_is_there(
        self, save, variables, asked, tmp_path
    ):
        save(tmp_path / "a.mat", variables)
        with pytest.raises(ValueError, match=r"a.mat: it holds 'a' \(.* of \d\), 'b' .*time='sp"):
            read(tmp_path / "a.mat", **asked)

    def test_what_the_file_says_of_units_can_be_asked_for(self, save, tmp_path):
        variables = {"times": cell(TRAINS), "region": cell(["CA1", "CA3", "CA1"])}
        save(tmp_path / "a.mat", {"spikes": variables})
        assert read(tmp_path / "a.mat", keep="region == 'CA1'").units == (1, 3)


# --- NumPy -------------------------------------------------------------------------------------


class TestArrays:
    @pytest.mark.parametrize(
        ("names", "asked"),
        [
            (("spike_times", "spike_clusters"), {"time": "spike_times", "unit": "spike_clusters"}),
            (("spike_times", "spike_clusters"), {}),
            (("t", "id"), {"time": "t", "unit": "id"}),
        ],
    )
    def test_one_of_times_and_one_of_units(self, names, asked, tmp_path):
        arrays = dict(zip(names, [[[0.1], [0.15], [0.2]], [7, 3, 7]], strict=True))
        np.savez(tmp_path / "a.npz", **arrays, rate=30_000.0)
        session = read(tmp_path / "a.npz", **asked)
        assert session.units == (3, 7) and session.spikes.times.tolist() == [0.1, 0.15, 0.2]
        assert session.spikes.neurons.tolist() == [1, 0, 1]

    @pytest.mark.parametrize("asked", [{}, {"time": "t"}, {"time": "t", "unit": "of"}])
    def test_what_is_not_clear_is_refused_with_what_is_there(self, asked, tmp_path):
        np.savez(tmp_path / "a.npz", t=[0.1, 0.2], id=[1, 2], of=[1])
        with pytest.raises(ValueError, match=r"it holds 't' \(vector of 2\), .*time='spike_times'"):
            read(tmp_path / "a.npz", **asked)

    def test_no_pickle_is_opened(self, tmp_path):
        np.savez(tmp_path / "a.npz", time=cell(TRAINS))
        with pytest.raises(ValueError, match="allow_pickle=False"):
            read(tmp_path / "a.npz")


# --- simulators --------------------------------------------------------------------------------


class TestNest:
    def test_version_3_says_that_its_times_are_in_ms(self, tmp_path):
        head = "# NEST version: 3.8\n# RecordingBackendASCII version: 2\nsender\ttime_ms\n"
        (tmp_path / "a.dat").write_text(head + "12\t100.0\n3\t150.0\n12\t200.0\n")
        session = read(tmp_path / "a.dat")
        assert session.units == (3, 12)
        assert session.spikes.times.tolist() == pytest.approx([0.1, 0.15, 0.2])
        with pytest.raises(ValueError, match="seconds_per_unit is 1, but .* lasts 0.001 s"):
            read(tmp_path / "a.dat", seconds_per_unit=1)

    def test_version_2_does_not(self, tmp_path):
        (tmp_path / "a.gdf").write_text("12\t1000\n3\t1500\n12\t2000\n")
        with pytest.raises(ValueError, match="a.gdf: .*ms or in steps: give seconds_per_unit=1e-3"):
            read(tmp_path / "a.gdf")
        session = read(tmp_path / "a.gdf", seconds_per_unit=1e-4)
        assert session.units == (3, 12)
        assert session.spikes.times.tolist() == pytest.approx([0.1, 0.15, 0.2])


class TestSonata:
    def save(self, path, populations, units="milliseconds"):
        with h5py.File(path, "w") as file:
            for name, (times, ids) in populations.items():
                file[f"spikes/{name}/timestamps"] = times
                file[f"spikes/{name}/node_ids"] = np.array(ids, dtype=np.uint64)
                if units:
                    file[f"spikes/{name}/timestamps"].attrs["units"] = units

    @pytest.mark.parametrize("units", ["milliseconds", np.bytes_("ms")])
    def test_one_population(self, units, tmp_path):
        self.save(tmp_path / "a.h5", {"v1": ([100.0, 200.0], [3, 0])}, units)
        session = read(tmp_path / "a.h5")
        assert session.units == (0, 3)
        assert session.spikes.times.tolist() == pytest.approx([0.1, 0.2])

    def test_the_same_ids_of_two_populations_are_two_units(self, tmp_path):
        self.save(tmp_path / "a.h5", {"lgn": ([50.0], [0]), "v1": ([100.0, 200.0], [3, 0])})
        session = read(tmp_path / "a.h5")
        assert session.units == ("lgn:0", "v1:0", "v1:3")
        assert session.spikes.neurons.tolist() == [0, 2, 1]
        assert read(tmp_path / "a.h5", keep="population == 'v1'").units == ("v1:0", "v1:3")

    def test_without_a_unit_of_time_it_has_to_be_said(self, tmp_path):
        self.save(tmp_path / "a.h5", {"v1": ([100.0, 200.0], [3, 0])}, None)
        with pytest.raises(ValueError, match=r"a.h5: its timestamps are in \[''\] .*seconds_per_u"):
            read(tmp_path / "a.h5")
        assert read(tmp_path / "a.h5", seconds_per_unit=1e-3).spikes.times[0] == 0.1

    def test_files_of_old_have_no_populations(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["spikes/timestamps"], file["spikes/gids"] = [100.0, 200.0], [3, 0]
        assert read(tmp_path / "a.h5", seconds_per_unit=1e-3).units == (0, 3)


# --- pynapple ----------------------------------------------------------------------------------


@pytest.fixture
def group():
    return nap.TsGroup(
        {4: nap.Ts([0.5, 1.5]), 9: nap.Ts([1.0, 1.25])},
        time_support=nap.IntervalSet([0, 1.2], [1.1, 2]),
        metadata={"area": ["CA1", "CA3"]},
    )


class TestPynapple:
    def test_a_saved_group_gives_what_the_group_gives(self, group, tmp_path):
        group.save(str(tmp_path / "a.npz"))
        with pytest.warns(UserWarning, match="pickle.*If you trust the file, unit='label'"):
            same(read(tmp_path / "a.npz"), read(group))

    def test_its_metadata_are_read_where_they_are_asked_for(self, group, tmp_path):
        group.save(str(tmp_path / "a.npz"))
        for source in (group, tmp_path / "a.npz"):
            assert read(source, unit="area").units == ("CA1", "CA3")
            assert read(source, keep="area == 'CA3'").units == (9,)

    def test_spikes_of_nobody(self, tmp_path):
        nap.Ts([0.5, 1.5]).save(str(tmp_path / "a.npz"))
        with pytest.raises(ValueError, match="a.npz: it holds a Ts of pynapple, not a TsGroup"):
            read(tmp_path / "a.npz")


# --- units of choice ---------------------------------------------------------------------------


class TestKeep:
    def nwb(self):
        nwb = empty_nwb()
        nwb.add_unit_column("quality", "of the sorting")
        nwb.add_unit(spike_times=[1.0, 6.0], obs_intervals=[[0.0, 10.0]], quality="good")
        nwb.add_unit(spike_times=[3.0], obs_intervals=[[2.0, 4.0]], quality="noise")
        nwb.add_unit(spike_times=[7.0], obs_intervals=[[0.0, 9.0]], quality="good")
        return nwb

    @pytest.mark.parametrize("keep", ["quality == 'good'", [0, 2], "id != 1"])
    def test_a_unit_of_nwb_that_is_left_out_was_not_observed(self, keep):
        session = read(self.nwb(), keep=keep)
        assert session.units == (0, 2)
        assert session.spikes.epochs.tolist() == [[0.0, 9.0]]
        assert session.spikes.times.tolist() == [1.0, 6.0, 7.0]

    def test_an_unknown_column_of_nwb(self):
        with pytest.raises(ValueError, match="'area' is not defined.*'quality'"):
            read(self.nwb(), keep="area == 'CA1'")

    def test_a_train_of_neo_that_is_left_out_does_not_shorten_the_others(self):
        trains = [
            neo.SpikeTrain([0.5, 2.5], units="s", t_stop=3.0, name="a", area="CA1"),
            neo.SpikeTrain([0.5], units="s", t_stop=1.0, name="b", area="CA3"),
        ]
        for keep in (["a"], "area == 'CA1'"):
            session = read(trains, keep=keep)
            assert session.units == ("a",) and session.spikes.duration == 3.0

    @pytest.mark.parametrize("ending", ["csv", "parquet", "nwb", "h5"])
    def test_of_every_format(self, ending, tmp_path):
        spikes = SpikeTrains(times=[0.1, 0.2, 0.3], neurons=[0, 1, 0], n_neurons=2, duration=1.0)
        Session(spikes=spikes, units=("a", "b")).write(tmp_path / f"a.{ending}")
        session = read(tmp_path / f"a.{ending}", keep=["a"])
        assert session.units == ("a",) and session.spikes.times.tolist() == [0.1, 0.3]

    def test_columns_of_temporaldata(self):
        spikes = SpikeTrains(times=[0.1, 0.2], neurons=[0, 1], n_neurons=2, duration=1.0)
        data = Session(spikes=spikes, units=("a", "b")).to_temporaldata()
        data.units.area = np.array(["CA1", "CA3"])
        assert read(data, keep="area == 'CA3'").units == ("b",)


# --- what is no recording ----------------------------------------------------------------------


@pytest.mark.parametrize("ending", [end for end in FORMATS if end != "folder"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n", "git lfs pull fetches"),
        (b"\n<!DOCTYPE html>\n<html><body>Not found", "it is a web page.*download the file itself"),
        (b"\x89\x50junk\xff" * 20, ""),
    ],
    ids=["empty", "Git LFS", "a web page", "junk"],
)
def test_a_file_of_something_else_is_named(ending, content, message, tmp_path):
    (tmp_path / f"a{ending}").write_bytes(content)
    with pytest.raises(ValueError, match=rf"cannot read .*a{ending}.*{message}"):
        read(tmp_path / f"a{ending}", seconds_per_unit=1)


@pytest.mark.parametrize("ending", ["nwb", "h5", "parquet", "npz", "csv.gz", "mat"])
def test_half_a_download_is_named(ending, tmp_path, group):
    path, spikes = tmp_path / f"a.{ending}", np.arange(1, 2000) / 8
    trains = SpikeTrains(times=spikes, neurons=spikes.astype(int) * 0, n_neurons=1, duration=300.0)
    if ending == "npz":
        group.save(str(path))
    elif ending == "mat":
        savemat(path, {"spikes": cell([spikes, spikes])})
    elif ending == "csv.gz":
        pd.DataFrame({"time": spikes, "unit": 1}).to_csv(path, index=False)
    else:
        Session(spikes=trains, units=("a",)).write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"cannot read .*a.{ending}.*(is it whole|is corrupted)"):
        read(path)


def test_hdf5_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["lfp"] = [1.0]
    with pytest.raises(ValueError, match=r"a.h5: it holds \['lfp'\], neither temporaldata nor"):
        read(tmp_path / "a.h5")


def test_nwb_of_another_name(tmp_path):
    spikes = SpikeTrains(times=[0.1], neurons=[0], n_neurons=1, duration=1.0)
    Session(spikes=spikes, units=(1,)).write(tmp_path / "a.nwb")
    (tmp_path / "a.nwb").rename(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="a.h5: it is NWB: let its name end in .nwb"):
        read(tmp_path / "a.h5")


def test_a_table_of_intervals_that_only_nwb_has(tmp_path):
    table = pd.DataFrame({"time": [0.1], "unit": ["a"]})
    table.to_csv(tmp_path / "a.csv", index=False)
    for source in (table, tmp_path / "a.csv"):
        with pytest.raises(ValueError, match="epochs='trials' names a table of an NWB file"):
            read(source, epochs="trials")


def test_the_docstring_names_every_ending():
    assert [ending for ending in FORMATS if ending not in str(read.__doc__)] == []


@pytest.mark.parametrize(("at", "flipped"), [(145, 8), (172, 32), (184, 1)])
def test_a_damaged_matlab_file_does_not_end_the_process(at, flipped, tmp_path):
    # Each of these makes SciPy read beyond its memory: it crashes, or what it finds there makes no
    # sense, or it does by chance.
    path = tmp_path / "damaged.mat"
    savemat(path, {"times": np.array([0.5, 1.5, 2.5]), "unit": np.array([0, 1, 1])})
    content = bytearray(path.read_bytes())
    content[at] ^= flipped
    path.write_bytes(content)
    try:
        found = read(path, time="times")
    except ValueError as error:
        assert "damaged.mat" in str(error)
    else:
        assert isinstance(found, Session)
