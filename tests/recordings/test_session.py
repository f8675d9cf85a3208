"""Sessions, and the door through which recordings come in."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pynwb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings.session import Session, read
from lgl_core.spikes import SpikeTrains

few = settings(max_examples=25)
pytestmark = pytest.mark.filterwarnings("ignore:.*units have no spike")


@st.composite
def random_sessions(draw, n_epochs: int | None = None, letters: str = "abXY01-é") -> Session:
    """Recordings with gaps, silent units, an odd clock, and labels of both kinds."""
    n_units = draw(st.integers(1, 5))
    numbers, words = st.integers(0, 1000), st.text(letters, min_size=1, max_size=6)
    labels = st.lists(
        draw(st.sampled_from([numbers, words])), min_size=n_units, max_size=n_units, unique=True
    )
    n_epochs = n_epochs or draw(st.integers(1, 3))
    # In whole µs: two times that differ in the last digit only may be one on another clock.
    steps = st.lists(
        st.integers(500_000, 20_000_000), min_size=2 * n_epochs - 1, max_size=2 * n_epochs - 1
    )
    borders = np.cumsum([0, *draw(steps)])
    inside = st.sampled_from(range(n_epochs)).flatmap(
        lambda epoch: st.integers(borders[2 * epoch], borders[2 * epoch + 1] - 1)
    )
    placed = draw(
        st.lists(
            st.tuples(inside, st.integers(0, n_units - 1)), min_size=1, max_size=30, unique=True
        )
    )
    spikes = SpikeTrains(
        times=[time / 1e6 for time, _ in sorted(placed)],
        neurons=np.array([unit for _, unit in sorted(placed)], dtype=int),
        n_neurons=n_units,
        duration=float(borders[-1] / 1e6),
        epochs=borders.reshape(-1, 2) / 1e6,
    )
    start = draw(st.sampled_from([0.0, 12.5, 98_765.4321]))
    return Session(spikes=spikes, units=tuple(draw(labels)), start=start)


def same(got: Session, wanted: Session) -> None:
    """A round trip loses nothing: ids, times to a nanosecond, duration, labels, epochs."""
    assert got.units == wanted.units
    assert got.spikes.neurons.tolist() == wanted.spikes.neurons.tolist()
    close = {"rtol": 0, "atol": 1e-9}
    np.testing.assert_allclose(got.spikes.times, wanted.spikes.times, **close)
    np.testing.assert_allclose(got.spikes.epochs, wanted.spikes.epochs, **close)
    np.testing.assert_allclose(got.spikes.duration, wanted.spikes.duration, **close)
    assert got.start == wanted.start


def empty_nwb() -> pynwb.NWBFile:
    return pynwb.NWBFile("a test", "test", datetime(2020, 1, 1, tzinfo=UTC))


def spikes(times=(0.5, 1.0), neurons=(1, 0), duration=3.0, epochs=None) -> SpikeTrains:
    return SpikeTrains(
        times=times, neurons=list(neurons), n_neurons=2, duration=duration, epochs=epochs
    )


class TestSession:
    def test_without_epochs_all_of_it_was_recorded(self):
        session = Session(spikes=spikes(), units=("a", "b"))
        assert session.spikes.epochs.tolist() == [[0.0, 3.0]]
        assert repr(session).endswith("epochs: 1, units: a, b)")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"units": ("a",)}, "one label for each of 2 neurons, got 1"),
            ({"units": ("a", "a")}, "units must have different labels, got 'a' twice"),
        ],
    )
    def test_what_does_not_fit(self, changes, message):
        with pytest.raises(ValueError, match=message):
            Session(**{"spikes": spikes(), "units": ("a", "b")} | changes)

    def test_an_ending_of_no_format(self, tmp_path):
        with pytest.raises(ValueError, match=r"path must end in .nwb, .csv, .* got '.*a.mat'"):
            Session(spikes=spikes(), units=(0, 1)).write(tmp_path / "a.mat")

    def test_more_units_than_the_vocabulary(self):
        session = Session(spikes=spikes(), units=("a", "b"))
        session.check(n_neurons=2)
        with pytest.raises(ValueError, match="knows 1 neurons, but .* 2 units.* first .* 'b'"):
            session.check(n_neurons=1)

    def test_no_epoch_fills_a_context(self):
        session = Session(
            spikes=spikes([0.1, 0.2, 0.3, 2.0, 2.5], [0, 1, 0, 1, 0], epochs=[[0, 1], [1.5, 3]]),
            units=("a", "b"),
        )
        with pytest.raises(ValueError, match="context must be below 3, the spikes of the fullest"):
            session.check(context=3)


class TestRead:
    @few
    @given(random_sessions(), st.randoms())
    def test_the_order_of_a_table_does_not_matter_between_units(self, session, random):
        raw = session._raw()
        shuffled = raw.units.tolist()
        random.shuffle(shuffled)
        # Each unit's own spikes stay in the order of time.
        queues = {unit: iter(np.flatnonzero(raw.units == unit)) for unit in set(shuffled)}
        order = np.array([next(queues[unit]) for unit in shuffled], dtype=int)
        labels = np.array(session.units, dtype=object)
        table = pd.DataFrame({"time": raw.times[order], "unit": labels[raw.units[order]]})
        table.attrs = {"units": list(session.units), "epochs": raw.epochs.tolist()}
        same(read(table, seconds_per_unit=1), session)

    @few
    @given(random_sessions(n_epochs=1), st.sampled_from([1e-3, 1 / 30_000, 60.0]))
    def test_times_in_another_unit(self, session, seconds):
        raw = session._raw()
        labels = np.array(session.units, dtype=object)
        table = pd.DataFrame({"time": raw.times / seconds, "unit": labels[raw.units]})
        table.attrs = {"units": list(session.units)}
        found = read(table, seconds_per_unit=seconds, epochs=raw.epochs)
        np.testing.assert_allclose(found.spikes.times, session.spikes.times, rtol=0, atol=1e-9)

    def test_epochs_given_by_hand(self):
        table = pd.DataFrame({"time": [101.0, 103.5], "unit": ["a", "a"]})
        session = read(table, epochs=[[100, 102], [103, 105]])
        assert session.start == 100 and session.spikes.duration == 5
        assert session.spikes.epochs.tolist() == [[0, 2], [3, 5]]
        assert session.spikes.times.tolist() == [1.0, 3.5]

    @pytest.mark.parametrize("epochs", [[0, 30, 60], [[0, 30, 60], [70, 80, 90]], [], [["a", "b"]]])
    def test_epochs_that_are_no_pairs_are_not_put_into_pairs(self, epochs):
        table = pd.DataFrame({"time": [1.0, 2.5], "unit": [0, 1]})
        with pytest.raises(ValueError, match="epochs must be pairs of start and end in s"):
            read(table, epochs=epochs)
        assert read(table, epochs=[0, 60]).spikes.duration == 60

    def test_a_spike_at_the_very_end_is_inside(self):
        table = pd.DataFrame({"time": [1.0, 2.0], "unit": ["a", "a"]})
        assert len(read(table, epochs=[[0, 2]], seconds_per_unit=1).spikes) == 2

    def test_no_file(self, tmp_path, monkeypatch):
        with pytest.raises(FileNotFoundError, match="there is no recording at .*none.nwb"):
            read(tmp_path / "none.nwb")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileNotFoundError) as refused:
            read("none.nwb")
        assert str(refused.value).endswith(str(tmp_path / "none.nwb"))

    def test_a_file_of_no_format(self, tmp_path):
        (tmp_path / "a.doc").write_text("")
        with pytest.raises(ValueError, match="path must end in .nwb, .* got '.*a.doc'"):
            read(str(tmp_path / "a.doc"))

    def test_an_object_of_no_format(self):
        with pytest.raises(ValueError, match="cannot read a recording from a dict: give a path"):
            read({"a": [0.1]})

    @pytest.mark.parametrize("seconds", [0, -1, np.nan, np.inf])
    def test_a_unit_of_time_that_is_none(self, seconds):
        table = pd.DataFrame({"time": [1.0], "unit": ["a"]})
        with pytest.raises(ValueError, match="seconds_per_unit must be a positive number"):
            read(table, seconds_per_unit=seconds)
