"""Ctrl-C as a terminal sends it: to a command and to every process that it has started."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from typing import NamedTuple

import psutil

from tests.house import ROOT


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    said: list[str]  # lines of stderr, without progress bars
    left: list[psutil.Process]  # what it has left running
    printed: str


def interrupted(arguments, begun, times=1, cwd=ROOT, **environment):
    """Start Python, send Ctrl-C once it has begun, and tell how it ended.

    Parameters
    ----------
    arguments : sequence of str
        Of Python.
    begun : callable
        Whether the moment has come, from what was printed so far and from the list of running
        processes.
    times : int
        How often Ctrl-C is pressed, a second apart.
    """
    mark = uuid.uuid4().hex
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MARK": mark,
        "PYTHONWARNINGS": "ignore", **environment,
    }  # fmt: skip
    environment.pop("MAKELEVEL", None)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=cwd, env=environment, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
        try:
            while not begun(_content(out), _running(mark)):
                assert process.poll() is None, f"it had ended: {_content(err)}"
                time.sleep(0.02)
            for _ in range(times):
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(times - 1)
            status = process.wait(timeout=60)
            end = time.monotonic() + 10
            while (left := _running(mark)) and time.monotonic() < end:
                time.sleep(0.05)
        finally:
            for other in _running(mark):
                other.kill()
            process.wait()
        said = [line for line in _content(err).split("\n") if line.strip() and "\r" not in line]
        return Ended(status, said, left, _content(out))


def _content(file):
    return os.pread(file.fileno(), 1_000_000, 0).decode()


def _running(mark):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found
