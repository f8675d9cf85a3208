"""Each format gives back what was written, and what other tools wrote."""

import json
import sys
from pathlib import Path

import h5py
import neo
import numpy as np
import pandas as pd
import pynapple as nap
import pynwb
import pytest
from hypothesis import HealthCheck, given, settings

from lgl_core.recordings.session import Session, read
from lgl_core.spikes import SpikeTrains
from tests.disk.test_atomic import full_disk
from tests.recordings.test_session import empty_nwb, random_sessions, same

few = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
pytestmark = pytest.mark.filterwarnings("ignore:.*units have no spike")


def two_units(**changes) -> Session:
    fields = {
        "spikes": SpikeTrains(times=[0.5, 1.0, 2.5], neurons=[1, 0, 1], n_neurons=2, duration=3.0),
        "units": ("left", "right"),
    }
    return Session(**fields | changes)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet", "nwb", "h5"])
def test_a_full_disk_leaves_the_older_recording(tmp_path, ending):
    path = tmp_path / f"day.1.{ending}"
    two_units().write(path)
    before = path.read_bytes()
    with pytest.raises((OSError, RuntimeError)), full_disk(20):
        two_units(start=7.0).write(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


class TestRoundTrips:
    @pytest.mark.slow
    @pytest.mark.parametrize("ending", ["nwb", "csv", "parquet"])
    @few
    @given(session=random_sessions())
    def test_a_file_gives_back_what_was_written(self, session, ending, tmp_path):
        session.write(tmp_path / f"session.{ending}")
        same(read(tmp_path / f"session.{ending}", seconds_per_unit=1), session)

    # temporaldata itself writes labels in ASCII alone.
    @few
    @given(session=random_sessions(letters="abXY01-"))
    def test_a_file_of_temporaldata(self, session, tmp_path):
        session.write(tmp_path / "session.h5")
        same(read(tmp_path / "session.h5", seconds_per_unit=1), session)

    @pytest.mark.parametrize("kind", ["pynapple", "temporaldata"])
    @few
    @given(session=random_sessions())
    def test_an_object_gives_back_what_was_put_in(self, session, kind):
        there = getattr(session, f"to_{kind}")()
        same(read(there, seconds_per_unit=1), session)

    @few
    @given(session=random_sessions(n_epochs=1))
    def test_neo_has_one_span_and_gives_back_the_rest(self, session):
        same(read(session.to_neo(), seconds_per_unit=1), session)

    def test_the_simulator_s_spikes(self, tmp_path):
        from lgl_core.networks.network import hub_network
        from lgl_core.simulation.lif import simulate

        spikes = simulate(hub_network(n_neurons=30, n_hubs=2, seed=0), duration=5.0, seed=0)
        session = Session(spikes=spikes, units=tuple(range(30)))
        session.write(tmp_path / "simulated.nwb")
        same(read(tmp_path / "simulated.nwb"), session)


class TestNWB:
    def test_pynapple_reads_what_we_write(self, tmp_path):
        two_units().write(tmp_path / "a.nwb")
        units = nap.load_file(str(tmp_path / "a.nwb"))["units"]
        assert units[0].index.values.tolist() == [1.0]
        assert units[1].index.values.tolist() == [0.5, 2.5]
        assert list(units["unit_name"]) == ["left", "right"]

    def test_an_open_file_and_an_object_are_read_too(self, tmp_path):
        two_units().write(tmp_path / "a.nwb")
        with (tmp_path / "a.nwb").open("rb") as file:
            same(read(file), two_units())
        with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
            same(read(io.read()), two_units())

    def test_units_observed_at_different_times_leave_what_they_share(self, tmp_path):
        nwb = empty_nwb()
        nwb.add_unit(spike_times=[1.0, 6.0], obs_intervals=[[0.0, 4.0], [5.0, 10.0]])
        nwb.add_unit(spike_times=[3.0], obs_intervals=[[2.0, 8.0]])
        with pytest.warns(UserWarning, match=r"row 0 \(unit 0\) lies in no epoch \(1 of 3"):
            session = read(nwb)
        assert session.start == 2.0
        assert (session.spikes.epochs + 2).tolist() == [[2.0, 4.0], [5.0, 8.0]]
        assert (session.spikes.times + 2).tolist() == [3.0, 6.0]

    def test_units_never_observed_together(self):
        nwb = empty_nwb()
        nwb.add_unit(spike_times=[1.0], obs_intervals=[[0.0, 2.0]])
        nwb.add_unit(spike_times=[3.0], obs_intervals=[[2.0, 4.0]])
        with pytest.raises(ValueError, match="observed together for 0 s; without unit 1 it is 2 s"):
            read(nwb)

    def test_trials_can_be_the_epochs(self):
        nwb = empty_nwb()
        nwb.add_unit(spike_times=[1.0, 2.5, 5.5], id=7)
        for begin in (1.0, 5.0):
            nwb.add_trial(start_time=begin, stop_time=begin + 2)
        session = read(nwb, epochs="trials")
        assert session.units == (7,)
        assert session.spikes.epochs.tolist() == [[0.0, 2.0], [4.0, 6.0]]
        with pytest.raises(ValueError, match=r"epochs must be one of .*\['trials'\], got 'runs'"):
            read(nwb, epochs="runs")

    def test_a_column_of_labels(self):
        nwb = empty_nwb()
        nwb.add_unit_column("cell", "label")
        nwb.add_unit(spike_times=[1.0], cell="PV")
        assert read(nwb, unit="cell").units == ("PV",)
        with pytest.raises(ValueError, match="unit must be one of .*cell.*, got 'area'"):
            read(nwb, unit="area")

    def test_a_file_without_units(self):
        with pytest.raises(ValueError, match="no table of units with spike times"):
            read(empty_nwb())


class TestTables:
    def test_columns_have_names_of_the_reader_s_choice(self):
        table = pd.DataFrame({"t": [0.1, 0.2, 0.25], "cluster": ["b", "a", "b"]})
        session = read(table, time="t", unit="cluster")
        assert session.units == ("a", "b")
        assert session.spikes.neurons.tolist() == [1, 0, 1]

    def test_a_missing_column_is_named_with_those_that_are_there(self):
        with pytest.raises(ValueError, match="no column 'time' among 't', 'unit': name the"):
            read(pd.DataFrame({"t": [0.1], "unit": [1]}))

    def test_a_spike_without_unit(self):
        table = pd.DataFrame({"time": [0.1, 0.2], "unit": ["a", None]})
        with pytest.raises(ValueError, match="row 1 of the table has no unit"):
            read(table)

    def test_a_spike_of_a_unit_that_the_first_line_does_not_name(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text('# {"units": ["a"]}\ntime,unit\n0.1,a\n0.2,c\n')
        with pytest.raises(ValueError, match="unit 'c' is not among the units"):
            read(path)

    def test_a_plain_file_of_someone_else(self, tmp_path):
        (tmp_path / "a.csv").write_text("# exported on a Monday\ntime,unit\n0.1,12\n0.2,3\n")
        session = read(tmp_path / "a.csv")
        assert session.units == (3, 12)
        assert session.spikes.epochs.tolist() == [[0.0, np.nextafter(0.2, 1)]]

    def test_labels_that_look_like_numbers_stay_text(self, tmp_path):
        session = two_units(units=("01", "1"))
        session.write(tmp_path / "a.csv")
        assert read(tmp_path / "a.csv").units == ("01", "1")


class TestPynapple:
    def test_labels_from_metadata(self):
        support = nap.IntervalSet(0, 2)
        group = nap.TsGroup(
            {4: nap.Ts([0.5]), 9: nap.Ts([1.0])},
            time_support=support,
            metadata={"area": ["CA1", "CA3"]},
        )
        assert read(group).units == (4, 9)
        assert read(group, unit="area").units == ("CA1", "CA3")
        with pytest.raises(ValueError, match="unit must be one of .*area.*, got 'layer'"):
            read(group, unit="layer")


class TestNeo:
    def test_other_units_of_time_and_the_span_that_all_share(self):
        trains = [
            neo.SpikeTrain([500.0, 1500.0], units="ms", t_start=0, t_stop=2000),
            neo.SpikeTrain([1.0], units="s", t_start=0.75, t_stop=3.0),
        ]
        with pytest.warns(UserWarning, match="lies in no epoch"):
            session = read(trains)
        assert session.start == 0.75 and session.spikes.duration == 1.25
        assert (session.spikes.times + 0.75).tolist() == [1.0, 1.5]
        assert session.units == (0, 1)

    def test_an_empty_list(self):
        with pytest.raises(ValueError, match="list of spike trains is empty"):
            read([])


class TestTemporaldata:
    def test_a_file_of_torch_brain_s_kind(self, tmp_path):
        import temporaldata as td

        data = td.Data(
            spikes=td.IrregularTimeSeries(
                timestamps=np.array([0.1, 0.2, 2.1]),
                unit_index=np.array([0, 1, 0]),
                domain=td.Interval(start=np.array([0.0, 2.0]), end=np.array([1.0, 3.0])),
            ),
            units=td.ArrayDict(id=np.array(["unit_0", "unit_1"])),
            domain=td.Interval(0.0, 3.0),
        )
        with h5py.File(tmp_path / "a.h5", "w") as file:
            data.to_hdf5(file)
        session = read(tmp_path / "a.h5")
        assert session.units == ("unit_0", "unit_1")
        assert session.spikes.epochs.tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert session.spikes.times.tolist() == [0.1, 0.2, 2.1]

    def test_an_object_without_units(self):
        import temporaldata as td

        data = td.Data(domain=td.Interval(0.0, 3.0), spikes=td.Interval(0.0, 1.0))
        with pytest.raises(ValueError, match="has no 'units'"):
            read(data)


# What SpikeInterface 0.105 wrote for a sorting of two segments at 1 kHz, entry by entry.
SEGMENTS = [[(10, "a"), (15, "b"), (20, "a"), (3000, "a")], [(5, "a"), (7, "b"), (9, "b")]]


def numpy_folder(path: Path) -> Path:
    about = {"sampling_frequency": 1000.0, "unit_ids": ["a", "b", "c"], "num_segments": 2}
    path.mkdir()
    (path / "numpysorting_info.json").write_text(json.dumps(about))
    kind = [("sample_index", "int64"), ("unit_index", "int64"), ("segment_index", "int64")]
    spikes = [(t, "abc".index(u), k) for k, part in enumerate(SEGMENTS) for t, u in part]
    np.save(path / "spikes.npy", np.array(spikes, dtype=kind))
    return path


def npz_file(path: Path) -> Path:
    parts = {}
    for k, part in enumerate(SEGMENTS):
        parts[f"spike_indexes_seg{k}"] = np.array([t for t, _ in part])
        parts[f"spike_labels_seg{k}"] = np.array([u for _, u in part], dtype="<U32")
    about = {"unit_ids": np.array(list("abc")), "num_segment": np.array([2])}
    np.savez(path, sampling_frequency=np.array([1000.0]), **about, **parts)
    return path


class TestSpikeInterface:
    @pytest.mark.parametrize(
        "saved",
        [
            lambda path: numpy_folder(path / "sorting"),
            lambda path: npz_file(path / "sorting.npz"),
            lambda path: npz_file(path / "sorting_cached.npz").parent,
        ],
        ids=["numpy folder", "npz", "npz folder"],
    )
    def test_segments_follow_each_other(self, saved, tmp_path):
        session = read(saved(tmp_path))
        assert session.units == ("a", "b", "c")
        assert session.spikes.neurons.tolist() == [0, 1, 0, 0, 0, 1, 1]
        begin = session.spikes.epochs[1, 0]
        assert begin == pytest.approx(4.0)
        within = [0.010, 0.015, 0.020, 3.0, begin + 0.005, begin + 0.007, begin + 0.009]
        np.testing.assert_allclose(session.spikes.times, within, atol=1e-12)

    def test_a_folder_of_something_else(self, tmp_path):
        with pytest.raises(ValueError, match="holds neither .* nor numpysorting_info.json nor"):
            read(tmp_path)

    def test_a_folder_with_an_npz_of_something_else(self, tmp_path):
        np.savez(tmp_path / "sorting_cached.npz", spikes=[1, 2])
        with pytest.raises(ValueError, match="unit_ids.*is it what its name says"):
            read(tmp_path)


@pytest.mark.parametrize("package", ["pynwb", "pynapple", "neo", "temporaldata"])
def test_a_package_that_is_not_there(package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    write = {
        "pynwb": lambda: two_units().write(tmp_path / "a.nwb"),
        "pynapple": two_units().to_pynapple,
        "neo": two_units().to_neo,
        "temporaldata": two_units().to_temporaldata,
    }[package]
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'lgl_core\[data\]'"):
        write()
