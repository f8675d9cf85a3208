"""A damaged journal costs what is damaged, is told, and costs nothing else."""

import json
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from lgl_core.sweep._journal import append, read
from lgl_core.sweep.sweep import Sweep, results

# Writes a record of each of so many points, one after the other, until it is stopped.
WRITER = """
import sys
from lgl_core.sweep._journal import append
path, name, n, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for x in range(n):
    append(path, {"status": "done", "row": {"x": x}, "traceback": "." * size, "key": f"{name}{x}"})
"""
# A process that outgrows a limit for files writes what fits, and dies at its next write: signal
# XFSZ, which Python ignores by itself.
CUT_SHORT = """
import os, resource, signal, sys
from lgl_core.sweep._journal import append
if sys.argv[2] == "killed":
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
limit = os.path.getsize(sys.argv[1]) + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
append(sys.argv[1], {"status": "done", "row": {"x": 2.5}, "key": "cut short"})
"""


def record(key, status="done", **row):
    return {"status": status, "row": row, "error": "", "key": key}


def written(path, keys):
    for key in keys:
        append(path, record(key, x=key))
    return path.read_bytes()


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True
    )


def read_quietly(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(path)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "journal.jsonl"
    assert read(path) == {}
    records = [record("a", x=np.float32(0.5), y=float("nan"), z=1e-300), record("ü", "failed")]
    for each in records:
        append(path, each)
    with warnings.catch_warnings(action="error"):
        found = read(path)
    assert found["a"]["row"]["x"] == 0.5 and np.isnan(found["a"]["row"]["y"])
    assert found["ü"] == records[1]


def test_the_last_word_counts_and_what_is_done_stays_done(tmp_path):
    path = tmp_path / "journal.jsonl"
    for status in ("failed", "done", "failed"):
        append(path, record("a", status))
        append(path, record("b", "failed", n=status))
    assert read(path)["a"]["status"] == "done" and read(path)["b"]["row"] == {"n": "failed"}


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits for files")
@pytest.mark.parametrize("n_bytes", [1, 30, 60])
@pytest.mark.parametrize("how", ["killed", "full"])
@pytest.mark.slow
def test_a_process_that_is_cut_short_costs_the_point_it_was_writing(how, n_bytes, tmp_path):
    path = tmp_path / "journal.jsonl"
    before = written(path, "ab")
    ended = run(CUT_SHORT, path, how, n_bytes)
    if how == "killed":
        assert ended.returncode == -signal.SIGXFSZ
    else:
        assert "The point is not in" in ended.stderr and "runs again" in ended.stderr
    assert len(path.read_bytes()) == len(before) + n_bytes, "it was not cut short"
    with pytest.warns(UserWarning, match="journal.jsonl is damaged in line 3, .*runs again"):
        assert set(read(path)) == set("ab")
    append(path, record("c"))
    append(path, record("cut short"))
    with pytest.warns(UserWarning, match="damaged in line 3,"):
        assert set(read(path)) == {*"abc", "cut short"}


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_what_it_had_written(tmp_path):
    """At any moment: whatever it was at, each earlier point is there and the next one goes in."""
    path = tmp_path / "journal.jsonl"
    for number in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"{number}-", "100000", "300000"]
        ) as process:
            while f"{number}-3" not in read_quietly(path):
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(0.003 * number)
            process.kill()
        found = read_quietly(path)
        n = sum(key.startswith(f"{number}-") for key in found)
        assert n > 3 and {f"{number}-{x}" for x in range(n)} <= set(found)
        append(path, record(f"after {number}"))
        assert set(read_quietly(path)) == {*found, f"after {number}"}


@pytest.mark.slow
def test_several_processes_append_at_the_same_time(tmp_path):
    """Short records and such as no buffer holds; nothing is mixed."""
    path, n = tmp_path / "journal.jsonl", 40
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(n), size])
        for name, size in (("a", "10"), ("b", "100000"), ("c", "9000"))
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    with warnings.catch_warnings(action="error"):
        assert set(read(path)) == {f"{name}{x}" for name in "abc" for x in range(n)}


@pytest.mark.slow
def test_a_file_that_ends_anywhere(tmp_path):
    path = tmp_path / "journal.jsonl"
    first, whole = len(written(path, "a")), written(path, "b")
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        kept = {"a"} if end >= first - 1 else set()
        kept |= {"b"} if end >= len(whole) - 1 else set()
        assert set(read_quietly(path)) == kept
        append(path, record("c"))
        assert set(read_quietly(path)) == kept | {"c"}


@pytest.mark.slow
def test_random_bytes_anywhere(tmp_path):
    """Every record that is not touched is read, none that is changed is believed."""
    path, rng = tmp_path / "journal.jsonl", np.random.default_rng(0)
    whole = written(path, "abcdef")
    truth, lines = read(path), whole.splitlines(keepends=True)
    borders = np.cumsum([0, *map(len, lines)])
    for _ in range(300):
        start, n_bytes = rng.integers(len(whole) - 1), rng.integers(1, 60)
        stop = min(start + n_bytes, len(whole) - 1)
        path.write_bytes(whole[:start] + rng.bytes(stop - start) + whole[stop:])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = read(path)
        touched = {
            key for key, a, b in zip("abcdef", borders, borders[1:], strict=False)
            if start < b - 1 and stop > a
        }  # fmt: skip
        assert set(truth) - touched <= set(found)
        assert all(found[key]["row"] == truth[key]["row"] for key in found)
        assert told or found.keys() == truth.keys()


@pytest.mark.parametrize(
    "junk",
    [b"\0" * 4096, b"\xff\xfe\x00", b"3", b"[]", b"{}", b'{"key": "a"}', b'{"key": [], "row": 1}',
     b'{"status": "done", "row": [], "key": "a"}', b"\x85\xe2\x80\xa8", b'{"a":' * 5000],
    ids=range(10),
)  # fmt: skip
def test_junk_is_told_and_skipped(junk, tmp_path):
    path = tmp_path / "journal.jsonl"
    written(path, "a")
    with path.open("ab") as journal:
        journal.write(junk + b"\n")
    written(path, "b")
    with pytest.warns(UserWarning, match="damaged in line 2, .* delete such lines then"):
        found = read(path)
    assert set(found) == {"a", "b"} and found["a"] == record("a", x="a")


def test_a_point_that_half_a_line_had_swallowed_is_found_again(tmp_path):
    """As earlier versions wrote them: without a checksum, and on behind half a line."""
    path = tmp_path / "journal.jsonl"
    half = '{"status": "done", "row": {"x": 1}, "err'
    inner = '{"status": "done", "row": {}, "key": "no point"}'
    path.write_text(half + json.dumps(record("b", text=inner)) + "\n")
    with pytest.warns(UserWarning, match="damaged in line 1"):
        assert read(path) == {"b": record("b", text=inner)}


def test_results_of_a_damaged_journal(tmp_path):
    sweep = Sweep(folder=tmp_path, points=[{"seed": 0}, {"seed": 1}, {"seed": 2}])
    path, (first, second, _) = tmp_path / "journal.jsonl", sweep.keys()
    append(path, record(first, score=0.5))
    append(path, record(second, score=0.25))
    path.write_bytes(path.read_bytes()[:-20] + b"\xff\x00{}[]")
    with pytest.warns(UserWarning, match="damaged in line 2"):
        table = results(sweep)
    assert table["status"].tolist() == ["done", "missing", "missing"] and table["score"][0] == 0.5
