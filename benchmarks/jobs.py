"""``lgl bench [job ...]``: run all jobs, or those named, and keep what they measured.

Each job is a file of this folder with a function ``records``. A job's records replace its earlier
ones in ``results/benchmarks.json`` when it has come to its end; the others stay.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

from lgl_core.disk.atomic import replacing
from lgl_core.disk.provenance import machine

RESULTS = Path(__file__).resolve().parents[1] / "results" / "benchmarks.json"
PACKAGES = [
    "lgl_core", "numpy", "numba", "torch", "brian2", "nest-simulator", "nemos", "jax",
    "scikit-learn", "elephant",
]  # fmt: skip
JOBS = [
    "lif", "glm", "glm_large", "glm_huge", "glm_part",
    "training", "extraction", "binning", "workers", "growth",
]  # fmt: skip


def main() -> None:
    """Run the jobs named on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("jobs", nargs="*", metavar="job", help=f"of {', '.join(JOBS)}")
    jobs = parser.parse_args().jobs or JOBS
    unknown = sorted(set(jobs) - set(JOBS))
    if unknown:
        parser.error(f"no such job: {', '.join(unknown)}; there are {', '.join(JOBS)}")
    for name in jobs:
        new = []
        for record in import_module(f"benchmarks.{name}").records():
            print(summary(record))
            new.append({"file": name} | record)
        keep(name, new)


def keep(name: str, new: list[dict]) -> None:
    """Replace one job's records on disk; each record says where and with what it was measured."""
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    records = [record for record in old if record["file"] != name]
    here = machine(PACKAGES)
    too_large = {"ours_results", "peer_results"}
    for record in new:
        small = {key: value for key, value in record.items() if key not in too_large}
        records.append(small | {"machine": here})
    records.sort(key=lambda record: JOBS.index(record["file"]))
    RESULTS.parent.mkdir(exist_ok=True)
    # A line per record, so that the history shows which ones were measured anew.
    with replacing(RESULTS) as unfinished:  # Ctrl-C costs no measurement that is in it
        unfinished.write_text("[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n")


def summary(record: dict) -> str:
    """One line per record, for the terminal."""
    if "ratios" not in record:
        return f"{record['job']}: {record.get('seconds', float('nan')):.2f} s"
    return (
        f"{record['job']}: {record['ratio_median']:.1f} times faster than {record['peer']} "
        f"({record['ratio_min']:.1f} to {record['ratio_max']:.1f}); {record['same_result']}"
    )
