"""Files are whole whatever happens to the process that writes them, and its remains go away."""

import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from lgl_core.disk.atomic import PARTIAL, in_use, read_whole, remove_abandoned, replacing


@contextmanager
def full_disk(most=1000):
    """Let no file grow beyond so many bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def make_old(*paths):
    for path in paths:
        os.utime(path, (time.time() - 90_000,) * 2)


def python(source, *arguments):
    """Start a process that ends, at the latest, with this one: it may wait for its input."""
    command = [sys.executable, "-c", source, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)


def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path):
    for content in ("old", "new"):
        with replacing(tmp_path / "a.b.txt") as partial:
            partial.write_text(content)
            assert partial.parent == tmp_path
        assert [path.name for path in tmp_path.iterdir()] == ["a.b.txt"]
    assert (tmp_path / "a.b.txt").read_text() == "new"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    with replacing(tmp_path / "link") as partial:
        partial.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "new"


def test_a_full_disk_leaves_the_older_file_and_says_which(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="File too large") as raised, full_disk():
        with replacing(path) as partial:
            partial.write_bytes(bytes(5000))
    assert str(path) in raised.value.__notes__[0]
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_an_interruption_leaves_the_older_file(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "file") as partial:
        partial.write_text("ne")
        raise KeyboardInterrupt
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


WRITE = """
import sys
from lgl_core.disk.atomic import replacing
for _ in range(40):
    with replacing(sys.argv[1]) as partial:
        partial.write_bytes(sys.argv[2].encode() * 100_000)
"""


def test_processes_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "file"
    writers = [python(WRITE, path, letter) for letter in "abcd"]
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes() if path.exists() else b"a" * 100_000
        assert len(content) == 100_000 and len(set(content)) == 1
    assert [writer.wait() for writer in writers] == [0] * 4
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


HOLD = """
import sys
from lgl_core.disk.atomic import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("half")
    print(partial, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_goes_with_the_next_one_a_day_later(tmp_path):
    path, other = tmp_path / "file", tmp_path / "another"
    holders = [python(HOLD, name) for name in (path, path, other)]
    killed, alive, of_another = [holder.stdout.readline().strip() for holder in holders]
    holders[0].kill(), holders[2].kill()
    holders[0].wait(), holders[2].wait()
    try:
        with replacing(path) as partial:
            partial.write_text("whole")
        assert os.path.exists(killed), "it may be one of a computer that shares the folder"
        make_old(killed, alive, of_another)
        with replacing(path) as partial:
            partial.write_text("whole")
        assert not os.path.exists(killed)
        assert os.path.exists(alive), "its process is slow, but lives"
        assert os.path.exists(of_another)
    finally:
        holders[1].kill(), holders[1].wait()
    remove_abandoned(tmp_path, f"*{PARTIAL}")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_abandoned_once_nothing_in_it_is_new_and_nobody_uses_it(tmp_path):
    folder = tmp_path / "scratch"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").touch()
    make_old(folder / "inner", folder)
    remove_abandoned(tmp_path, "scratch")
    assert folder.exists(), "a file in it is new"
    make_old(folder / "inner" / "file")
    with in_use(folder):
        remove_abandoned(tmp_path, "scratch")
        assert folder.exists()
    remove_abandoned(tmp_path, "scratch")
    assert not folder.exists()


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(IsADirectoryError) as raised:
        read_whole(tmp_path)
    assert f"{tmp_path} could not be read, which does not prove" in raised.value.__notes__[0]
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "missing")
