"""The one form between any format and a session."""

import pytest
from hypothesis import given, settings

from lgl_core.recordings._raw import Raw, ends, from_trains, plain_labels, scaled
from tests.recordings.test_session import random_sessions

pytestmark = pytest.mark.filterwarnings("ignore:.*units have no spike")


@settings(max_examples=25)
@given(random_sessions())
def test_trains_are_the_times_of_each_unit(session):
    raw = session._raw()
    trains = raw.trains()
    again = from_trains(trains, session.units, raw.epochs)
    assert again.labels == raw.labels
    for unit, train in enumerate(trains):
        assert train.tolist() == raw.times[raw.units == unit].tolist()
        assert again.times[again.units == unit].tolist() == train.tolist()
        assert again.rows[again.units == unit].tolist() == list(range(len(train)))


def test_no_units_at_all():
    assert from_trains([], []).trains() == []


def test_without_epochs_a_recording_goes_from_zero_to_just_behind_its_last_spike():
    begin, end = ends(from_trains([[1.0], [4.0]], [0, 1]))
    assert begin == 0 and 4 < end < 4 + 1e-12


def test_epochs_are_scaled_with_the_times():
    raw: Raw = scaled(from_trains([[500.0]], ["a"], [(0, 1000)]), 1e-3)
    assert raw.times.tolist() == [0.5] and raw.epochs.tolist() == [[0.0, 1.0]]


def test_labels_become_python_s_own():
    assert plain_labels([b"a", "b"]) == ["a", "b"]
    assert [type(label) for label in plain_labels(range(2))] == [int, int]
