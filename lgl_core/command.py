"""Ctrl-C at a command line: one line that says how to go on, status 130, no process left behind.

A command listens from its first import on and calls its ``main`` by :func:`run`. In Python and in a
notebook none of this is in force: there Ctrl-C raises KeyboardInterrupt, as everywhere.
"""

from __future__ import annotations

import atexit
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["listen", "run"]

_STATUS = 130  # what a shell shows of a command that Ctrl-C has ended
_PATIENCE = 20.0  # s that a command has to put its things away


class _Now:
    """What the thread that listens has to know of the command."""

    listening = False
    stderr = 2
    kept = "Nothing had begun"
    at_work = False
    interrupted = False


def listen() -> None:
    """Take Ctrl-C from now on, before there is anything to put away.

    Notes
    -----
    A terminal sends Ctrl-C to a command and to all processes that it has started, each of which
    would print a traceback of its own. So the signal is blocked, here and thereby in all threads
    and processes to come, and one thread waits for it. It wakes the main thread by another signal.

    Nothing is done where Ctrl-C is ignored, as behind ``nohup``, and on Windows, which blocks no
    signals.
    """
    if not hasattr(signal, "pthread_sigmask"):
        return
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    _Now.listening = True
    _Now.stderr = os.dup(2)  # a command may hold back what is said on the other one
    signal.signal(signal.SIGUSR1, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    atexit.register(_leave_nobody)  # the first that is registered is the last that is called
    threading.Thread(target=_wait_for_interrupt, daemon=True).start()


def run(main: Callable[[], int | None], kept: str) -> NoReturn:
    """Run a command, and end the process with its status.

    Parameters
    ----------
    main : callable
        Returns the exit status; None is 0.
    kept : str
        What is not lost when it is interrupted, a sentence without its full stop. The command that
        was typed follows, since it goes on from there.

    Raises
    ------
    SystemExit
        With the status of ``main``, or 130 after Ctrl-C.
    """
    status: int | None = None
    try:
        _start_trackers()
        _Now.kept, _Now.at_work = kept, True
        if _Now.interrupted:  # since before that, and the end is under way
            raise KeyboardInterrupt
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        if not _Now.interrupted:
            _Now.interrupted = True
            _say()
    except Exception:
        if not _Now.interrupted:  # else it is about processes that have ended
            raise
    finally:
        _Now.at_work = False
    if _Now.interrupted:
        _hush()
        status = _STATUS
    sys.exit(status)


def _start_trackers() -> None:
    """Start what tidies up after shared memory now: a later start would let the signal through.

    They say what leaks, as it does after Ctrl-C, and where nobody hears it.
    """
    if not _Now.listening:
        return
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as joblibs_tracker

    _hush()
    for tracker in (resource_tracker, joblibs_tracker):
        tracker.ensure_running()
    os.dup2(_Now.stderr, 2)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _wait_for_interrupt() -> None:
    signal.sigwait({signal.SIGINT})
    _Now.interrupted = True  # before the next line, so that no work begins unseen
    at_work = _Now.at_work
    _say()
    if at_work:
        main = threading.main_thread().ident or 0
        signal.pthread_kill(main, signal.SIGUSR1)
        _leave_nobody()
        # Whoever cannot wait interrupts once more; and a main thread may be deep in something.
        at_last = threading.Timer(_PATIENCE, os.kill, (os.getpid(), signal.SIGINT))
        at_last.daemon = True
        at_last.start()
        signal.sigwait({signal.SIGINT})
    _leave_nobody()
    os._exit(_STATUS)


def _say() -> None:
    """Tell how to go on, and nothing after that."""
    again = "make, as before" if "MAKELEVEL" in os.environ else shlex.join(_typed())
    with suppress(OSError):  # nobody may be there to read it
        os.write(_Now.stderr, f"\nInterrupted. {_Now.kept}; go on with: {again}\n".encode())
    _hush()


def _typed() -> list[str]:
    """Give the command as it was typed: the shell found ``lgl`` by itself."""
    typed = sys.orig_argv
    return ["lgl", *typed[2:]] if Path(typed[1] if typed[1:] else "").stem == "lgl" else typed


def _hush() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _leave_nobody() -> None:
    """End the processes of an interrupted command, and theirs.

    Trackers of shared memory stay: they tidy up after the others, and end.
    """
    if not _Now.interrupted:
        return
    import psutil

    # All are halted before the first one ends: who runs may start another, and leave it to nobody.
    halted: list[psutil.Process] = []
    while running := [p for p in psutil.Process().children(recursive=True) if p not in halted]:
        halted += running
        for process in running:
            with suppress(psutil.Error):
                if not _is_tracker(process):
                    _halt(process)
    for process in halted:
        with suppress(psutil.Error):
            if not _is_tracker(process):
                process.kill()


def _halt(process: Any) -> None:
    """Suspend a process, and wait until it has noticed: until then it may start others."""
    process.suspend()
    end = time.monotonic() + 1.0
    while process.status() not in ("stopped", "zombie") and time.monotonic() < end:
        time.sleep(0.002)


def _is_tracker(process: Any) -> bool:
    return "resource_tracker" in " ".join(process.cmdline())
