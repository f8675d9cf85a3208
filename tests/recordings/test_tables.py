"""Tables as people write them: no unit is merged or lost, what can be read in two ways is not."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lgl_core.recordings.session import read

few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(tmp_path, content: str | bytes, name: str = "a.csv"):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path / name


class TestLabelsOfDataFrames:
    @pytest.mark.parametrize(
        ("labels", "units"),
        [
            (np.array([2.0, 1.0]), (1, 2)),
            (np.array([12.1, 12.0]), ("12.0", "12.1")),
            (np.array([2, 1], dtype=object), (1, 2)),
            (np.array([True, False]), ("False", "True")),
            (np.array(["7", "007"]), ("007", "7")),
            (np.array([2**63, 1], dtype=np.uint64), ("1", str(2**63))),
            (pd.Categorical(["b", "a"]), ("a", "b")),
            (pd.array([2, 1], dtype="Int64"), (1, 2)),
            ([b"b", b"a"], ("a", "b")),
        ],
        ids=lambda value: repr(value) if isinstance(value, tuple) else "",
    )
    def test_however_they_are_stored(self, labels, units):
        session = read(pd.DataFrame({"time": [0.1, 0.2], "unit": labels}))
        assert session.units == units
        assert session.spikes.neurons.tolist() == [1, 0]

    def test_a_number_and_its_text_are_two_units_of_one_name(self):
        table = pd.DataFrame({"time": [0.1, 0.2], "unit": np.array([1, "1"], dtype=object)})
        with pytest.raises(ValueError, match="two units are called '1', as text and as a number"):
            read(table)


class TestLabelsOfText:
    @pytest.mark.parametrize(
        ("labels", "units"),
        [
            (["unit #4", "unit #3"], ("unit #3", "unit #4")),
            (["#2", "#1"], ("#1", "#2")),
            (["7", "007"], ("007", "7")),
            (["10", "9"], (9, 10)),
            (["10.0", "9.0"], (9, 10)),
            (["12.10", "12.1"], ("12.1", "12.10")),
            (["1e1", "10"], ("10", "1e1")),
            (["VPL", "NA"], ("NA", "VPL")),
            (["nan", "None"], ("None", "nan")),
            ([str(2**70 + 1), str(2**70)], (str(2**70), str(2**70 + 1))),
            (["-1", "-2"], (-2, -1)),
            ([str(2**60 + 1), str(2**60)], (2**60, 2**60 + 1)),
            (['"b, left"', '"a, left"'], ("a, left", "b, left")),
        ],
        ids=lambda value: ",".join(map(str, value)),
    )
    def test_two_units_stay_two(self, labels, units, tmp_path):
        rows = "".join(f"{k / 8},{label}\n" for k, label in enumerate(labels, 1))
        session = read(written(tmp_path, f"time,unit\n{rows}"))
        assert session.units == units
        assert session.spikes.neurons.tolist() == [1, 0]

    @pytest.mark.parametrize("gap", ["", "NA", "nan"])
    @pytest.mark.parametrize("labels", [("1", "2"), ("12.1", "12.2")])
    def test_a_gap_among_numbers_is_no_label(self, gap, labels, tmp_path):
        path = written(tmp_path, f"time,unit\n0.1,{labels[0]}\n0.2,{gap}\n0.3,{labels[1]}\n")
        with pytest.raises(ValueError, match="line 3 of the table has no unit"):
            read(path)


class TestDialects:
    @pytest.mark.slow
    @few
    @given(
        delimiter=st.sampled_from([",", ";", "\t", " "]),
        decimal=st.sampled_from([".", ","]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
        ending=st.sampled_from(["csv", "tsv", "txt", "dat", "CSV", "csv.gz", "txt.gz"]),
        comment=st.sampled_from(["", "# München, 3; 4\n", "# two\n#\n\n"]),
        end=st.sampled_from(["\n", "\r\n"]),
        times=st.lists(st.integers(1, 10**7), min_size=1, max_size=8, unique=True).map(sorted),
        labels=st.sampled_from([["Größe #1", "b c"], ["007", "7"], [12, 3]]),
    )
    def test_what_pandas_writes(
        self, delimiter, decimal, encoding, ending, comment, end, times, labels, tmp_path
    ):
        table = pd.DataFrame({"unit": (labels * 4)[: len(times)], "time": np.array(times) / 1e4})
        table["quality"] = "good"
        text = table.to_csv(sep=delimiter, decimal=decimal, index=False, lineterminator=end)
        content = (("\ufeff" if encoding == "utf-16-le" else "") + comment + text).encode(encoding)
        content = gzip.compress(content) if ending.endswith("gz") else content
        found = read(written(tmp_path, content, f"a.{ending}"), seconds_per_unit=1)
        wanted = read(table, seconds_per_unit=1)
        assert found.units == wanted.units
        assert found.spikes.times.tolist() == wanted.spikes.times.tolist()
        assert found.spikes.neurons.tolist() == wanted.spikes.neurons.tolist()

    @pytest.mark.parametrize(
        "content",
        [
            b"# M\xfcnchen\ntime,unit\n0.125,a\n0.25,b\n",
            "time, unit\n0.125, a\n0.25, b\n",
            "time,unit\n0.125,a\n0.25,b\n,\n,\n",
            'time,unit\n"0,125",a\n"0,25",b\n',
            "time   unit\n 0.125  a\n0.25   b\n",
            "# time,unit\n0.125,1\n0.25,2\n",
            '# {"lab": 3}\ntime,unit\n0.125,a\n0.25,b\n',
            "# {not JSON}\ntime,unit\n0.125,a\n0.25,b\n",
        ],
    )
    def test_what_others_write(self, content, tmp_path):
        session = read(written(tmp_path, content))
        assert session.spikes.times.tolist() == [0.125, 0.25]
        assert session.units in [("a", "b"), (1, 2)]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "a.csv: it is empty"),
            ("# a comment\n", "a.csv: there is nothing in it but comments"),
            ("time,unit\n0,125,1\n", "a.csv: no delimiter .* 'time,unit' .*decimal commas need"),
            ('time,unit\n"1,250",1\n"2,375",2\n', "'1,250' of column 'time' may be a decimal"),
            (b"time,unit\n0.1,\xfc\n", "a.csv: its encoding is neither UTF-8 .*encoding='latin-1'"),
            ("time,unit\n0.1,a\n0.2 s,b\n", "line 3 of column 'time' is '0.2 s', no number"),
            (
                "# two\n\n# time unit\n0.1 1\nsoon 2\n",
                "line 5 of column 'time' is 'soon', no number",
            ),
            ("time,unit\n0.1,a\n0.2,b,c\n", "a.csv: .*Expected 2 fields in line 3, saw 3"),
            ("time,unit\n0.1,a\n,\n0.2,b\n", "line 3 of the table has no unit"),
            ("Time (s),Channel\n0.1,1\n", r"no column 'time' among 'Time \(s\)', 'Channel': name"),
            ("time\n0.1\n", "no column 'unit' among 'time'"),
        ],
    )
    def test_what_can_be_read_in_two_ways_or_none(self, content, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            read(written(tmp_path, content))

    def test_a_table_without_header_has_numbered_columns(self, tmp_path):
        path = written(tmp_path, "0.1 3\n0.2 1\n", "a.txt")
        with pytest.raises(ValueError, match="no column 'time' among '0', '1': name the columns"):
            read(path)
        session = read(path, time="0", unit="1")
        assert session.units == (1, 3) and session.spikes.times.tolist() == [0.1, 0.2]

    def test_nan_is_a_time_that_is_missing(self, tmp_path):
        path = written(tmp_path, "time,unit\n0.1,a\nNA,b\n0.3,b\n")
        with pytest.raises(ValueError, match=r"line 3 \(unit 'b'\) is at nan"):
            read(path)

    def test_epochs_in_a_first_line_by_hand(self, tmp_path):
        path = written(tmp_path, '# {"epochs": [[0, 2]]}\ntime;unit\n0,5;#1\n1,5;#2\n')
        session = read(path)
        assert session.units == ("#1", "#2") and session.spikes.duration == 2


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "holds datetime64.*total_seconds"),
        (pd.to_timedelta([1, 2], unit="s"), "holds timedelta64.*total_seconds"),
        (["0.1", "soon"], "row 1 of column 'time' is 'soon', no number"),
    ],
)
def test_times_that_are_no_numbers(times, message):
    with pytest.raises(ValueError, match=message):
        read(pd.DataFrame({"time": times, "unit": ["a", "b"]}))


def test_times_may_be_text_of_numbers():
    table = pd.DataFrame({"time": ["0.125", "0.25"], "unit": ["a", "b"]})
    assert read(table).spikes.times.tolist() == [0.125, 0.25]


class TestKeep:
    table = pd.DataFrame(
        {
            "time": [0.5, 1.0, 1.5, 2.0],
            "unit": ["a", "b", "c", "a"],
            "quality": ["good", "noise", None, "good"],
            "depth": [10, 20, 30, 10],
            "amplitude": [1, 2, 3, 4],
        }
    )

    @pytest.mark.parametrize(
        ("keep", "units"),
        [
            ("quality == 'good'", ("a",)),
            ("depth > 15", ("b", "c")),
            ("unit != 'b'", ("a", "c")),
            ("depth < depth.mean() or unit == 'c'", ("a", "c")),
            (["c", "a"], ("a", "c")),
            (np.array(["b"]), ("b",)),
        ],
    )
    def test_by_a_question_or_by_labels(self, keep, units, tmp_path):
        session = read(self.table, keep=keep)
        assert session.units == units
        wanted = self.table[self.table["unit"].isin(units)]
        assert session.spikes.times.tolist() == wanted["time"].tolist()
        assert [units[k] for k in session.spikes.neurons] == wanted["unit"].tolist()
        self.table.to_csv(tmp_path / "a.csv", index=False)
        assert read(tmp_path / "a.csv", keep=keep).units == units

    def test_what_is_left_out_is_not_checked(self):
        table = pd.DataFrame({"time": [0.5, 0.5, 1.0], "unit": [1, 1, 2]})
        assert read(table, keep=[2]).units == (2,)
        with pytest.raises(ValueError, match="second time"):
            read(table)

    @pytest.mark.parametrize(
        ("keep", "message"),
        [
            (["d"], "there is no unit 'd' among 'a', 'b', 'c'"),
            ([1], "there is no unit 1 among 'a'"),
            ([], r"keep=\[\] leaves none of the units 'a', 'b', 'c'"),
            ("depth > 99", "keep='depth > 99' leaves none of the units"),
            ("amplitude > 1", "'amplitude' is not defined.* ask for 'unit', 'quality', 'depth'"),
            ("a", r"name 'a' is not defined. Give labels, as in keep=\['a'\]"),
            ("quality ==", "keep='quality ==': .*Give labels"),
            ("depth + 1", "it does not say yes or no of each unit"),
        ],
    )
    def test_what_is_not_there(self, keep, message):
        with pytest.raises(ValueError, match=message):
            read(self.table, keep=keep)
