"""What can be wrong with a recording is said before an hour is lost, and mended on request."""

import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings._checks import checked
from lgl_core.recordings._raw import Raw
from lgl_core.recordings.session import _session, read

few = settings(max_examples=50)
pytestmark = pytest.mark.filterwarnings("ignore:.*units have no spike")


def table(*spikes: tuple[float, str]) -> pd.DataFrame:
    return pd.DataFrame(spikes, columns=["time", "unit"])


WRONG = {
    "NaN": (
        table((0.1, "a"), (np.nan, "b"), (0.3, "a")),
        r"row 1 \(unit 'b'\) is at nan \(1 of 3 spikes\): leave such spikes out",
        [0.1, 0.3],
    ),
    "infinite": (
        table((0.1, "a"), (np.inf, "b"), (0.3, "b")),
        r"row 1 \(unit 'b'\) is at inf",
        [0.1, 0.3],
    ),
    "unsorted": (
        table((0.5, "b"), (0.4, "a"), (0.3, "a"), (0.6, "b")),
        r"row 2 \(unit 'a'\) is at 0.3, before the spike above it \(1 of 4 spikes\): sort",
        [0.3, 0.4, 0.5, 0.6],
    ),
    "twice": (
        table((0.1, "a"), (0.1, "b"), (0.2, "a"), (0.2, "a")),
        r"row 3 \(unit 'a'\) is at 0.2 for the second time \(1 of 4 spikes\): leave one",
        [0.1, 0.1, 0.2],
    ),
}


@pytest.mark.parametrize(("spikes", "message", "mended"), WRONG.values(), ids=list(WRONG))
def test_what_can_be_mended(spikes, message, mended):
    with pytest.raises(ValueError, match=f"{message}.*; repair=True does it"):
        read(spikes)
    with pytest.warns(UserWarning, match=f"{message}.*: mended"):
        session = read(spikes, repair=True)
    np.testing.assert_allclose(session.spikes.times, mended, atol=1e-12)


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ([[0, 1], [0.5, 2]], "epoch 1 begins before epoch 0 ends: give epochs in order"),
        ([[0, np.nan]], "epochs must be pairs of finite times"),
        (np.empty((0, 2)), "epochs must be pairs of finite times"),
    ],
)
def test_epochs_that_are_none(epochs, message):
    with pytest.raises(ValueError, match=message):
        read(table((0.5, "a")), epochs=epochs, repair=True)


def test_an_empty_epoch_can_be_left_out():
    spikes = table((0.5, "a"), (2.5, "a"))
    with pytest.raises(ValueError, match="epoch 1 ends at 1 s, not after its start: leave it out"):
        read(spikes, epochs=[[0, 1], [1, 1], [2, 3]])
    with pytest.warns(UserWarning, match="mended"):
        session = read(spikes, epochs=[[0, 1], [1, 1], [2, 3]], repair=True)
    assert session.spikes.epochs.tolist() == [[0, 1], [2, 3]]


def test_spikes_outside_the_epochs_are_left_out():
    with pytest.warns(UserWarning, match=r"row 1 \(unit 'b'\) lies in no epoch \(2 of 4 spikes"):
        session = read(
            table((0.5, "a"), (1.5, "b"), (2.5, "b"), (3.5, "a")), epochs=[[0, 1], [2, 3]]
        )
    assert session.spikes.times.tolist() == [0.5, 2.5]


def test_silent_units_are_named():
    spikes = table((0.5, "a"))
    spikes.attrs = {"units": ["a", "b", "c"]}
    with pytest.warns(UserWarning, match=r"2 of 3 units have no spike \(b, c\)"):
        assert read(spikes).spikes.n_neurons == 3


@pytest.mark.slow
@few
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60_000).map(lambda ms: ms / 1e3) | st.just(np.nan),
            st.sampled_from(["a", "b"]),
        ),
        min_size=2,
        max_size=15,
    )
)
def test_a_repair_leaves_nothing_to_mend(spikes):
    """What comes out of a repair is a recording, with the good spikes all in it."""
    spikes = table(*spikes)
    good = spikes.dropna().drop_duplicates()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            session = read(spikes, repair=True, seconds_per_unit=1)
        except ValueError as error:  # placeholders, a late clock, or nothing there
            assert "repair=True" not in str(error)
            return
    labels = np.array(session.units)[session.spikes.neurons]
    again = pd.DataFrame({"time": session.spikes.times, "unit": labels})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(again, seconds_per_unit=1).spikes) == len(good)
    np.testing.assert_allclose(
        session.spikes.times + session.start, np.sort(good["time"]), atol=1e-12
    )


borders = st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 5.0, 7.0, 10.0, -1.0, np.nan, np.inf])
spans = st.lists(st.tuples(borders, borders).map(sorted), max_size=3).map(
    lambda pairs: np.array(sorted(pairs), dtype=float).reshape(-1, 2)
)
any_times = st.lists(st.sampled_from([0.3, 1.1, 2.7, 4.9, 4.9, 6.2, 9.3, np.nan, -1.0]), max_size=8)


@settings(max_examples=200)
@given(
    times=any_times,
    epochs=st.none() | spans,
    observed=st.none() | st.lists(spans, min_size=2, max_size=2),
    invalid=st.none() | spans,
)
def test_a_recording_is_read_or_refused_and_advice_can_be_followed(
    times, epochs, observed, invalid
):
    raw = Raw(
        times=np.array(times),
        units=np.arange(len(times)) % 2,
        rows=np.arange(len(times)),
        labels=[0, 1],
        epochs=epochs,
        observed=observed,
        invalid=invalid,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            spikes = _session(checked(raw, repair=False, in_seconds=True)).spikes
        except ValueError as refused:
            if not str(refused).endswith("; repair=True does it"):
                with contextlib.suppress(ValueError):  # and nothing else
                    _session(checked(raw, repair=True, in_seconds=True))
                return
            spikes = _session(checked(raw, repair=True, in_seconds=True)).spikes
    assert len(spikes) and spikes.recorded > 0
