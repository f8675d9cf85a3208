"""What a recording says beside its spikes is heard, and what is missing in it is named."""

import re
import warnings

import neo
import numpy as np
import pandas as pd
import pynapple as nap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.experiment import split_tokens
from lgl_core.recordings._parts import blocks
from lgl_core.recordings.session import Session, read
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.tokens import Windows, tokenize
from tests.recordings.test_session import empty_nwb

pytestmark = pytest.mark.filterwarnings("ignore:.*units have no spike")
few = settings(max_examples=50)


def poisson(rate: float, stop: float, start: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(start, stop, int(rate * (stop - start))))


def table(**trains) -> pd.DataFrame:
    parts = [pd.DataFrame({"time": train, "unit": unit}) for unit, train in trains.items()]
    return pd.concat(parts, ignore_index=True)


def nwb(units, **changes):
    """Make a file of units, each a train, or a train and its obs_intervals."""
    file = empty_nwb()
    for row, unit in enumerate(units):
        train, observed = unit if isinstance(unit, tuple) else (unit, None)
        about = {} if observed is None else {"obs_intervals": observed}
        file.add_unit(spike_times=train, id=changes.get("ids", range(999))[row], **about)
    return file


def quoted(error, name: str) -> list:
    """Read the values of a keyword that a message advises."""
    return [eval(found) for found in re.findall(rf"{name}=(\[\[.*?\]\]|\[.*?\])", str(error.value))]


class TestRepairs:
    def test_a_placeholder_is_no_spike(self):
        trains = {f"u{k}": poisson(5, 60, seed=k) for k in range(3)}
        for train in trains.values():
            train[[10, 20]] = -1
        spikes = table(**trains)
        with pytest.raises(
            ValueError, match=r"row 10 \(unit 'u0'\) is at -1, like 6 of 900"
        ) as why:
            read(spikes, repair=True)
        with pytest.warns(UserWarning, match=r"lies in no epoch \(6 of 900 spikes\)"):
            session = read(spikes, epochs=quoted(why, "epochs")[0])
        assert session.start == 0 and len(session.spikes) == 894

    @pytest.mark.parametrize(("padding", "shown"), [(0.0, "0"), (1e9, r"1e\+09"), (-999.0, "-999")])
    def test_padding_is_no_spike(self, padding, shown):
        trains = {"a": poisson(5, 60), "b": np.append(poisson(4, 60), np.full(60, padding))}
        with pytest.raises(ValueError, match=f"unit 'b'.* is at {shown}, like 60 of 600") as why:
            read(table(**trains), repair=True)
        with pytest.warns(UserWarning, match="60 of 600 spikes"):
            session = read(table(**trains), epochs=quoted(why, "epochs")[0])
        assert len(session.spikes) == 540 and session.spikes.duration == pytest.approx(60, abs=1)

    def test_time_before_zero_has_two_meanings(self):
        spikes = table(a=[-0.25, 0.25, 1.5], b=[0.1])
        message = r"row 0 \(unit 'a'\) is at -0.25 s, before time zero \(1 of 4 spikes\)"
        with pytest.raises(ValueError, match=message) as why:
            read(spikes, repair=True)
        kept, left_out = quoted(why, "epochs")
        assert len(read(spikes, epochs=kept).spikes) == 4
        with pytest.warns(UserWarning, match="lies in no epoch"):
            assert len(read(spikes, epochs=left_out).spikes) == 3

    def test_times_that_start_over_are_not_sorted_into_each_other(self):
        trials = np.concatenate([poisson(10, 2, seed=trial) for trial in range(8)])
        with pytest.raises(ValueError, match=r"unit 'a'.* where times start over \(7 times\)"):
            read(table(a=trials), repair=True)

    def test_spikes_that_are_shuffled_are_sorted(self):
        times = np.random.default_rng(0).permutation(poisson(10, 20))
        with pytest.warns(UserWarning, match="sort the spikes of each unit: mended"):
            session = read(table(a=times), repair=True)
        assert session.spikes.times.tolist() == np.sort(times).tolist()

    @pytest.mark.parametrize(
        ("epochs", "message"),
        [
            ([[5, 5]], "epoch 0 ends at 5 s, not after its start, and none is longer"),
            (
                [[0, 3], [5, 5], [8, 8]],
                "epoch 1 ends at 5 s, .*: leave it out; repair=True does it",
            ),
            ([[3, 0]], "epoch 0 ends at 0 s, before its start at 3 s"),
            ([[0, 2], [1, 1], [1.5, 3]], "repair=True does it, but then epoch 1 begins before"),
        ],
    )
    def test_epochs_without_length(self, epochs, message):
        with pytest.raises(ValueError, match=message):
            read(table(a=[1.0, 2.0]), epochs=epochs)

    @pytest.mark.slow
    @few
    @given(
        st.lists(
            st.tuples(
                st.integers(-2_000, 60_000).map(lambda ms: ms / 1e3)
                | st.sampled_from([np.nan, np.inf, -1.0, 0.0]),
                st.sampled_from(["a", "b"]),
            ),
            max_size=12,
        ),
        st.none() | st.lists(st.tuples(*[st.integers(0, 60)] * 2), max_size=3),
    )
    def test_an_advised_repair_is_all_that_is_needed(self, spikes, epochs):
        spikes = pd.DataFrame(spikes, columns=["time", "unit"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read(spikes, epochs=epochs)
            except ValueError as error:
                if str(error).endswith("repair=True does it"):
                    assert len(read(spikes, epochs=epochs, repair=True).spikes)
                else:
                    with pytest.raises(ValueError, match="^((?!repair=True).)*$"):
                        read(spikes, epochs=epochs, repair=True)

    @pytest.mark.parametrize("repair", ["false", "True", 1, None])
    def test_repair_is_said_plainly(self, repair):
        with pytest.raises(ValueError, match=f"repair must be True or False, got {repair!r}"):
            read(table(a=[0.5]), repair=repair)


class TestIntervals:
    """Spikes in ms beside intervals in s, which the standard of NWB wants."""

    def file(self, observed, spikes=None):
        spikes = 1e3 * poisson(4, 600) if spikes is None else spikes
        file = nwb([(spikes, observed), (spikes[:-7] + 5, observed)])
        for begin in range(0, 600, 12):
            file.add_trial(start_time=float(begin), stop_time=begin + 8.0)
        return file

    def test_only_spike_times_are_scaled(self):
        session = read(self.file([[0.0, 600.0]]), seconds_per_unit=1e-3)
        assert session.spikes.epochs.tolist() == [[0.0, 600.0]]
        assert len(session.spikes) == 4793

    def test_so_are_trials(self):
        with pytest.warns(UserWarning, match="lies in no epoch"):
            session = read(self.file([[0.0, 600.0]]), epochs="trials", seconds_per_unit="1/1000")
        assert session.spikes.recorded == 400
        assert len(session.spikes) == pytest.approx(4800 * 2 / 3, rel=0.05)

    def test_intervals_in_ms_are_refused_and_the_remedy_works(self):
        file = self.file([[0.0, 600_000.0]])
        with pytest.raises(ValueError, match="600000 s were recorded .* within 59.* intervals are"):
            read(file, seconds_per_unit=1e-3)
        session = read(file, seconds_per_unit=1e-3, epochs=[[0, 600]])
        assert session.spikes.duration == 600

    def test_a_group_is_on_one_clock(self):
        group = nap.TsGroup({0: nap.Ts([500.0, 900.0])}, time_support=nap.IntervalSet(0, 1000))
        session = read(group, seconds_per_unit=1e-3)
        assert session.spikes.duration == 1 and session.spikes.times.tolist() == [0.5, 0.9]

    def test_what_neo_says_of_its_unit_cannot_be_said_otherwise(self):
        trains = [neo.SpikeTrain([500.0, 900.0], units="ms", t_stop=1000)]
        for lasts in (None, 1e-3, "1/1000"):
            session = read(trains, seconds_per_unit=lasts)
            assert session.spikes.duration == 1 and session.spikes.times.tolist() == [0.5, 0.9]
        with pytest.raises(ValueError, match="is 1, but one unit of the source lasts 0.001 s"):
            read(trains, seconds_per_unit=1)
        # Seconds are what trains are in if nobody said otherwise.
        trains = [neo.SpikeTrain([500.0, 900.0], units="s", t_stop=1000)]
        assert read(trains, seconds_per_unit=1e-3).spikes.duration == 1

    def test_a_table_of_epochs_that_only_nwb_has(self):
        with pytest.raises(ValueError, match="epochs='trials' names a table of an NWB file: give"):
            read(table(a=[0.5, 1.0]), epochs="trials")


class TestInvalidTimes:
    train = np.concatenate([poisson(5, 40), poisson(100, 60, 40.0), poisson(5, 100, 60.0)])

    @pytest.mark.parametrize("observed", [None, [[0.0, 100.0]]])
    @pytest.mark.parametrize("epochs", [None, "trials", [[0.0, 100.0]]])
    def test_they_are_cut_out_of_whatever_was_recorded(self, observed, epochs):
        file = nwb([(self.train, observed) if observed else self.train])
        file.add_trial(start_time=0.0, stop_time=100.0)
        file.add_invalid_time_interval(start_time=40.0, stop_time=60.0)
        with pytest.warns(UserWarning, match="20 of .* s are invalid times .* from 40 to 60 s"):
            session = read(file, epochs=epochs)
        assert session.spikes.epochs[:, 0].tolist() == [0.0, 60.0]
        assert session.spikes.recorded == pytest.approx(80, abs=0.5)
        assert len(session.spikes) == 400

    def test_beside_what_was_recorded_they_do_nothing(self):
        file = nwb([(self.train, [[0.0, 100.0]])])
        file.add_invalid_time_interval(start_time=100.0, stop_time=160.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            assert len(read(file).spikes) == 2400

    def test_one_without_an_end_is_refused(self):
        file = nwb([(self.train, [[0.0, 100.0]])])
        file.add_invalid_time_interval(start_time=40.0, stop_time=np.nan)
        with pytest.raises(ValueError, match=r"invalid times are \[\[40.0, nan\]\], which are no"):
            read(file)

    def test_nothing_is_left(self):
        file = nwb([(self.train, [[0.0, 100.0]])])
        file.add_invalid_time_interval(start_time=0.0, stop_time=160.0)
        with pytest.raises(ValueError, match="are invalid times .*: nothing is left"):
            read(file)


class TestLifetimes:
    def test_who_was_seen_for_a_short_time_is_named(self):
        units = [(poisson(5, 600, seed=k), [[0.0, 600.0]]) for k in range(5)]
        units.append((poisson(5, 600, 590.0), [[590.0, 600.0]]))
        message = r"6 units were observed together for 10 s; without unit 77 it is 600 s of 5 units"
        with pytest.warns(UserWarning, match=message + r".*\[77\]"):
            session = read(nwb(units, ids=[0, 1, 2, 3, 4, 77]))
        assert session.spikes.duration == 10

    def test_units_never_observed_together_are_named_and_so_who_was(self):
        units = [(poisson(5, 300, seed=k), [[0.0, 300.0]]) for k in range(3)]
        units += [(poisson(5, 600, 310.0), [[310.0, 600.0]])]
        with pytest.raises(ValueError, match="together for 0 s; without unit 3 it is 300 s of 3"):
            read(nwb(units))

    def test_small_differences_need_no_word(self):
        units = [(poisson(5, 600, 5.0, seed=k), [[float(k), 600.0]]) for k in range(4)]
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            assert read(nwb(units)).start == 3

    @pytest.mark.parametrize("epochs", ["trials", [[0.0, 100.0], [200.0, 300.0]]])
    def test_epochs_beyond_the_observation_are_no_silence(self, epochs):
        file = nwb([(poisson(5, 250), [[0.0, 250.0]]), (poisson(5, 250), [[0.0, 250.0]])])
        for begin in (0.0, 200.0):
            file.add_trial(start_time=begin, stop_time=begin + 100)
        with pytest.warns(UserWarning, match="together for 150 s of 200 s in the epochs"):
            session = read(file, epochs=epochs)
        assert session.spikes.epochs.tolist() == [[0, 100], [200, 250]]

    def test_an_observation_that_is_none(self):
        with pytest.raises(ValueError, match="unit 1 was observed in .*nan.*no spans of time"):
            read(nwb([([1.0], [[0.0, 2.0]]), ([1.0], [[0.0, np.nan]])]))

    def test_trains_of_different_segments(self):
        trains = [
            neo.SpikeTrain(poisson(5, k + 10, k), units="s", t_start=k, t_stop=k + 10, name=name)
            for k, name in ((0, "a"), (0, "b"), (20, "c"))
        ]
        message = "3 units were observed together for 0 s; without unit c it is 10 s of 2 units"
        for repair in (False, True):
            with pytest.raises(ValueError, match=message):
                read(trains, repair=repair)
        assert read(trains[:2]).spikes.duration == 10


class TestNothingThere:
    @pytest.mark.parametrize("repair", [False, True])
    @pytest.mark.parametrize(
        ("source", "epochs", "message"),
        [
            (lambda: nwb([[], []]), None, r"none of the 2 units \(0, 1\) has a spike"),
            (lambda: table(a=[1.0], b=[2.0]), [[100, 200]], "epochs go from 100 to 200 s, spikes"),
            (lambda: table(a=[]), None, "there is no unit: look at the rows of the table"),
            (lambda: table(a=[np.nan]), None, r"none of the 1 units \(a\) has a spike"),
        ],
    )
    def test_is_refused(self, source, epochs, message, repair):
        with (
            warnings.catch_warnings(action="ignore"),
            pytest.raises(ValueError, match=message),
        ):
            read(source(), epochs=epochs, repair=repair)


class TestLabelsThatRepeat:
    def test_over_two_probes(self):
        file = empty_nwb()
        file.add_unit_column("unit_name", "number on its probe")
        for k in range(4):
            file.add_unit(spike_times=[0.1 + k, 0.2 + k], unit_name=str(k % 2), id=10 + k)
        with pytest.raises(ValueError, match="'0' stands for 2 of 4: unit='id' takes the ids of"):
            read(file)
        assert read(file, unit="id").units == (10, 11, 12, 13)

    def test_in_the_metadata_of_a_group(self):
        trains = {3: nap.Ts([0.5]), 8: nap.Ts([1.0])}
        support = nap.IntervalSet(0, 2)
        group = nap.TsGroup(trains, time_support=support, metadata={"label": ["a", "a"]})
        with pytest.raises(ValueError, match="the keys of a TsGroup"):
            read(group)
        assert read(group, unit="id").units == (3, 8)

    def test_of_trains(self):
        trains = [neo.SpikeTrain([0.5, 1.0], units="s", t_stop=2, name="a") for _ in range(2)]
        with pytest.raises(ValueError, match="the places in a list of neo trains"):
            read(trains)
        assert read(trains, unit="id").units == (0, 1)
        trains[1].name = None
        with pytest.raises(ValueError, match="train 1 of the list has no label"):
            read(trains)

    def test_temporaldata_has_other_columns(self):
        import temporaldata as td

        data = td.Data(
            spikes=td.IrregularTimeSeries(
                timestamps=np.array([0.1, 0.2]), unit_index=np.array([0, 1]), domain="auto"
            ),
            units=td.ArrayDict(id=np.array(["1", "1"]), place=np.array(["CA1", "CA3"])),
            domain="auto",
        )
        with pytest.raises(ValueError, match="unit= names another column"):
            read(data)
        assert read(data, unit="place").units == ("CA1", "CA3")
        with pytest.raises(ValueError, match=r"unit must be one of \['id', 'place'\], got 'area'"):
            read(data, unit="area")
        data.spikes.unit_index[1] = 7
        with pytest.raises(ValueError, match="unit_index must lie between 0 and 1, got 0 to 7"):
            read(data, unit="place")


def session(counts, n_units: int = 3) -> Session:
    """A recording with so many spikes in each of its epochs of 1 s, which lie 1 s apart."""
    starts = 2.0 * np.arange(len(counts))
    times = np.concatenate(
        [s + np.linspace(0, 0.9999, n) for s, n in zip(starts, counts, strict=True)]
    )
    spikes = SpikeTrains(
        times=times,
        neurons=np.arange(len(times)) % n_units,
        n_neurons=n_units,
        duration=2.0 * len(counts) - 1,
        epochs=np.stack([starts, starts + 1], axis=1),
    )
    return Session(spikes=spikes, units=tuple(range(n_units)))


class TestCheck:
    def test_epochs_that_hold_no_context_are_counted(self):
        with pytest.warns(UserWarning, match="4 of 10 epochs .* context of 9 .* learn from 86% of"):
            session([20, 5, 20, 20, 5, 20, 20, 5, 20, 5]).check(context=9, n_blocks=None)
        with pytest.raises(
            ValueError, match="8 of 10 epochs .* learn from 33% of .* longer epochs"
        ):
            session([20, 10, 10, 10, 10, 10, 10, 10, 10, 20]).check(context=10, n_blocks=None)

    def test_each_part_must_hold_a_context(self):
        whole = session([900])
        with pytest.raises(ValueError, match=r"below 1\d\d, the most spikes in one epoch of part"):
            whole.check(context=128)
        whole.check(context=128, n_blocks=2)
        with pytest.raises(ValueError, match="n_blocks must be at least 2, or None .*, got 1"):
            whole.check(context=128, n_blocks=1)
        with pytest.raises(ValueError, match=r"below 1\d\d, .* of the last 20 %, held out"):
            whole.check(context=200, n_blocks=None)

    def test_a_part_in_which_nobody_fires(self):
        paused = session([200, 200, 200, 0, 200, 200, 200, 200])
        with pytest.raises(ValueError, match="must be below 0, .* of part 4 of 8"):
            paused.check(context=64)

    @pytest.mark.slow
    @settings(max_examples=25)
    @given(
        st.lists(st.integers(0, 60), min_size=1, max_size=12),
        st.integers(1, 30),
        st.none() | st.integers(2, 8),
    )
    def test_what_is_let_through_can_be_trained_and_read(self, counts, context, n_blocks):
        if not sum(counts):
            return
        checked = session(counts)
        parts = blocks(checked.spikes, n_blocks) if n_blocks else [checked.spikes]
        needed = [*split_tokens(checked.spikes), *map(tokenize, parts)]
        try:
            with warnings.catch_warnings(action="ignore"):
                checked.check(context=context, n_blocks=n_blocks)
        except ValueError as error:
            if "longer epochs" not in str(error):
                with pytest.raises(ValueError, match="a window takes"):
                    [Windows(tokens, context + 1) for tokens in needed]
        else:
            assert all(Windows(tokens, context + 1) for tokens in needed)

    def test_one_unit_makes_no_graph_and_hubs_are_fewer_than_units(self):
        with pytest.raises(ValueError, match="a graph needs two units or more, got 1"):
            session([900], n_units=1).check(context=5, n_hubs=3)
        session([900]).check(context=5, n_hubs=2)
        for n_hubs in (0, 3):
            with pytest.raises(ValueError, match=f"below 3, the number of units, got {n_hubs}"):
                session([900]).check(context=5, n_hubs=n_hubs)


@pytest.mark.parametrize("origin", [0.0, 7_200.0, 1.6e9])
@pytest.mark.parametrize("step", [1e-3, 1e-4])
def test_times_on_a_grid_keep_their_bins_whatever_the_clock(origin, step):
    """Also where the clock leaves a fraction of a step to each number."""
    rng = np.random.default_rng(0)
    steps = np.sort(rng.choice(60_000, 4_000, replace=False))
    table = pd.DataFrame({"time": origin + steps * step, "unit": steps % 3})
    epochs = [[origin, origin + 30_000 * step], [origin + 30_000 * step, origin + 60_000 * step]]
    if np.spacing(origin) * 6 > step / 2:
        pytest.skip("such a clock cannot tell two steps apart")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = read(table, epochs=epochs, seconds_per_unit=1)
    assert len(session.spikes) == len(steps)
    assert np.diff(session.spikes.bounds()).tolist() == [
        (steps < 30_000).sum(),
        (steps >= 30_000).sum(),
    ]
    whole = read(table, epochs=[[origin, origin + 60_000 * step]], seconds_per_unit=1)
    cells = whole.spikes.cells(step)[0] // 3
    np.testing.assert_array_equal(np.sort(cells), steps)
