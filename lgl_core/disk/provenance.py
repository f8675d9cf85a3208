"""Where a result comes from: machine, versions, date; and what memory it took."""

from __future__ import annotations

import multiprocessing
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["commit", "machine", "peak_mb"]


def machine(
    packages: Sequence[str] = ("lgl_core", "numpy", "scipy", "pandas", "numba", "torch"),
) -> dict[str, Any]:
    """Say where, when and with what something is computed.

    Parameters
    ----------
    packages : sequence of str
        Distributions whose versions to name.

    Returns
    -------
    dict
        ``date``, ``processor``, ``cores``, ``system``, ``python`` and ``versions``, all of which
        JSON can hold. A package that is not there has the version ``"not installed"``.
    """
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": multiprocessing.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def commit(*also: Path) -> dict[str, Any]:
    """Say which commit of the checkout this library runs from.

    Parameters
    ----------
    *also : Path
        Other folders of source whose changes count, as that of a study does for its results.

    Returns
    -------
    dict
        ``commit``, its full name or None outside a checkout, and ``clean``, whether the library
        is as it was then. What lies beside it, such as results that were written a minute ago, does
        not count.
    """
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "clean": not git("status", "--porcelain", "--", *map(str, [package, *also])),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": False}


def peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    # What getrusage says begins, on Linux, with the memory of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    import resource  # not everywhere

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
