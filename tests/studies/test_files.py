"""Files of results: what is read back is what was written, rounded as promised, and of one run."""

import errno
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import cache, partial
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies._files import (
    graphs_content,
    read_graphs,
    read_results,
    read_table,
    rounded,
    table_content,
    write_results,
)
from studies.results import RESULTS

finite = st.floats(-1e300, 1e300)


@given(finite, st.integers(1, 10))
def test_a_rounded_number_is_the_one_that_is_written(value, digits):
    (number,) = rounded([value], digits)
    assert f"{number:.{digits}g}" == f"{value:.{digits}g}"
    assert rounded([number], digits)[0] == number


def test_a_table_comes_back_with_its_types_and_its_blanks():
    table = pd.DataFrame(
        {
            "method": ["glm", None, "ccg"],
            "layer": [np.nan, np.nan, np.nan],
            "n_spikes": [1, 20, 300],
            "value": [0.123456789, np.nan, -1e-9],
        }
    )
    found = read_table(table_content(table, labels=["method", "layer"]))
    assert found["method"].tolist() == ["glm", "", "ccg"]
    assert found["layer"].tolist() == ["", "", ""]
    assert found["n_spikes"].tolist() == [1, 20, 300]
    np.testing.assert_array_equal(found["value"], [0.12346, np.nan, -1e-9])


def test_what_was_read_can_be_written_again_and_is_the_same():
    table = read_table((RESULTS / "small.parquet").read_bytes())
    pd.testing.assert_frame_equal(read_table(table_content(table)), table)


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 1.0, 1e12])
def test_graphs_keep_four_digits_their_sign_and_their_zeros(scale):
    rng = np.random.default_rng(0)
    graph = scale * rng.normal(size=(20, 20)) * (rng.random((20, 20)) < 0.5)
    found = read_graphs(graphs_content({"glm, peak": graph, "its transpose": graph.T}))
    assert list(found) == ["glm, peak", "its transpose"]
    np.testing.assert_allclose(found["glm, peak"], graph, rtol=2**-15)
    np.testing.assert_array_equal(found["glm, peak"].T, found["its transpose"])
    assert (np.sign(found["glm, peak"]) == np.sign(graph)).all()


# --- files that belong together ----------------------------------------------------------------


@cache
def contents(run: int) -> dict[str, bytes]:
    """Make files, each of which says which run it is of."""
    table = pd.DataFrame({"run": [run] * 100, "value": np.random.default_rng(run).normal(size=100)})
    graphs = {"a": np.full((9, 9), float(run))}
    return {"table": table_content(table), "graphs": graphs_content(graphs)}


def write(folder: Path, run: int) -> None:
    write_results(folder, "study", {"run": run, "text": "x" * 9000}, contents(run))


def runs_read(folder: Path) -> tuple[int, int, int, int]:
    """Say of which runs are the table, the graphs, and the record of each."""
    record, table = read_results(folder, "study", "table", "make it")
    other, graphs = read_results(folder, "study", "graphs", "make it")
    (of_table,) = set(read_table(table)["run"])
    return of_table, int(read_graphs(graphs)["a"][0, 0]), record["run"], other["run"]


def in_a_process(do: Callable[[], None]) -> int:
    """Do something in a process of its own, and give what waiting for it gives."""
    if not (child := os.fork()):
        try:
            do()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_before(step: int, do: Callable[[], None]) -> bool:
    """Do something in a process that is killed before a step that changes files."""

    def with_a_kill() -> None:
        steps = count()

        def look(event: str, arguments: tuple[object, ...]) -> None:
            changes = event in ("os.rename", "os.remove") or (
                event == "open" and arguments[1] == "xb"
            )
            if changes and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        do()

    return os.WIFSIGNALED(in_a_process(with_a_kill))


def test_a_stop_anywhere_leaves_files_of_one_run_and_the_next_run_replaces_them(tmp_path):
    after_one, after_two = [], []
    for step in count():
        folder = tmp_path / str(step)
        write(folder, 1)
        killed = killed_before(step, partial(write, folder, 2))
        after_one.append(set(runs_read(folder)))
        killed_before(step, partial(write, folder, 3))  # it first finishes what the other began
        after_two.append(set(runs_read(folder)))
        write(folder, 4)
        assert set(runs_read(folder)) == {4} and not list(folder.glob("*.next"))
        if not killed:
            break
    assert len(after_one) == 10  # three files: each is opened, moved aside, moved to its place
    # From one step on the new files count.
    assert after_one == [{1}] * after_one.count({1}) + [{2}] * after_one.count({2})
    assert {1} in after_two and {2} in after_two and after_two[-1] == {3}
    assert all(len(runs) == 1 for runs in after_two)


@pytest.mark.parametrize("file", ["graphs", "table", "record"])
def test_a_full_disk_leaves_the_old_files(tmp_path, file):
    write(tmp_path, 1)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    sizes = {"graphs": 400, "table": 900, "record": 5000}

    def on_a_full_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[file], sizes[file]))
        write(tmp_path, 2)

    assert os.waitstatus_to_exitcode(in_a_process(on_a_full_disk)) == errno.EFBIG
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(runs_read(tmp_path)) == {1}


@pytest.mark.parametrize("kind", ["table", "graphs"])
@pytest.mark.parametrize("damage", ["another run", "a bit", "cut record", "no record", "no hash"])
def test_files_that_do_not_belong_together_are_refused(tmp_path, kind, damage):
    write(tmp_path / "other", 2)
    write(tmp_path, 1)
    record = tmp_path / "study.json"
    path = tmp_path / {"table": "study.parquet", "graphs": "study_graphs.parquet"}[kind]
    content = path.read_bytes()
    if damage == "another run":
        path.write_bytes((tmp_path / "other" / path.name).read_bytes())
    elif damage == "a bit":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif damage == "cut record":
        record.write_text(record.read_text()[:4096])
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text(json.dumps({"run": 1}))
    with pytest.raises(ValueError, match=f"does not describe .*{path.name}.*git checkout.*make it"):
        read_results(tmp_path, "study", kind, "make it")


def test_files_that_are_not_there_name_what_makes_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"study\.parquet is not there: run make it"):
        read_results(tmp_path, "study", "table", "make it")


def test_whoever_reads_while_files_are_replaced_reads_files_of_one_run(tmp_path):
    write(tmp_path, 0)
    if not (child := os.fork()):
        for run in range(1, 1000):
            write(tmp_path, run)
        os._exit(0)
    try:
        for _ in range(300):
            of_table, _, of_its_record, _ = runs_read(tmp_path)
            assert of_table == of_its_record
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert len(set(runs_read(tmp_path))) == 1 and runs_read(tmp_path)[0] > 0
