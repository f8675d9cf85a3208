"""Files that are replaced whole, and what killed processes leave beside them."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lgl_core.files import PARTIAL, put, remove_leftovers, written_aside

WRITER = """
import sys
from pathlib import Path
from lgl_core.files import written_aside
with written_aside(Path(sys.argv[1]), b"new") as partial:
    print(partial, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of a write, and the file that it has not moved yet."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "file"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def age(path, hours):
    os.utime(path, (time.time() - 3600 * hours,) * 2)


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with written_aside(tmp_path / "file", b"new") as partial:
        assert partial.read_bytes() == b"new" and (tmp_path / "file").read_bytes() == b"old"
        put(partial, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_two_that_write_one_file_have_a_name_each(tmp_path):
    with (
        written_aside(tmp_path / "file", b"1") as one,
        written_aside(tmp_path / "file", b"2") as two,
    ):
        put(two, tmp_path / "file")
        assert one.read_bytes() == b"1"


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with (
            pytest.raises(OSError, match=os.strerror(errno.EFBIG)),
            written_aside(tmp_path / "file", bytes(2000)),
        ):
            pytest.fail("written")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_what_a_living_process_writes_stays_and_what_it_leaves_when_killed_goes(tmp_path, writer):
    process, partial = writer
    age(partial, hours=48)
    remove_leftovers(tmp_path, f"*{PARTIAL}")
    assert partial.read_bytes() == b"new"
    process.send_signal(signal.SIGKILL)
    process.wait()
    remove_leftovers(tmp_path, f"*{PARTIAL}")
    assert not list(tmp_path.iterdir())


def test_what_is_young_stays_and_so_does_every_other_file(tmp_path):
    for name, hours in (("young.partial", 23), ("old.partial", 25), ("old.parquet", 99)):
        (tmp_path / name).touch()
        age(tmp_path / name, hours)
    remove_leftovers(tmp_path, f"*{PARTIAL}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.parquet", "young.partial"]
    remove_leftovers(tmp_path / "nowhere", "*")
