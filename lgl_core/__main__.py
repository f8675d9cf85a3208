"""The command ``lgl``: each of its parts is the ``main`` of a file, loaded when it is named.

``python -m lgl_core`` is the same command, for where the environment is not active.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from lgl_core import command

__all__ = ["COMMANDS", "main"]


class Part(NamedTuple):
    """A command, and what Ctrl-C does not cost there (:func:`lgl_core.command.run`)."""

    module: str
    what: str
    kept: str


_STEPS = "Finished steps are in the cache, a training in its last checkpoint"
_POINTS = "Finished points are in the cache, a training in its last checkpoint"
_AT_THE_END = "What it writes is written at the end"

# The last ones come with the book, not with the library: they are named here, never imported.
COMMANDS = {
    "run": Part(
        "lgl_core.whole_path", "walk the whole path, from a network to a scored graph", _STEPS
    ),
    "read": Part(
        "lgl_core.recordings.commands",
        "say what is in a recording, and convert it",
        _AT_THE_END,
    ),
    "connections": Part(
        "lgl_core.wiring",
        "list the connections in a recording, at a rate of false ones",
        _AT_THE_END,
    ),
    "culture": Part(
        "lgl_core.recordings.public", "fetch a public recording of a culture", _AT_THE_END
    ),
    "sweep": Part(
        "lgl_core.sweep.sweep",
        "run a notebook, or the path, for many parameters",
        "Finished points are in the journal of the sweep",
    ),
    "bench": Part(
        "benchmarks.jobs",
        "time the library beside other tools",
        "Finished jobs are in results/benchmarks.json and need not be named again",
    ),
    "study": Part("studies.results", "run the studies behind the report card", _POINTS),
    "card": Part("studies.evidence.card", "write the report card from their results", _AT_THE_END),
    "models": Part(
        "studies.models",
        "train the models that come with the book",
        "Finished models are written, a training goes on from its last checkpoint",
    ),
    "calibrate": Part(
        "studies.calibration",
        "find neurons as active as those of the paper",
        "Settings that are printed are found and need not be named again",
    ),
}
_OF_THE_BOOK = ("benchmarks", "studies")


def main() -> None:
    """Latent graphs in neural signals, from the command line."""
    listed = "\n".join(f"  {name:<10} {part.what}" for name, part in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="lgl",
        description=main.__doc__,
        epilog=f"commands:\n{listed}\n\nlgl COMMAND --help says what a command takes",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    # What follows is for the command itself.
    name = parser.parse_args(sys.argv[1:2]).command
    module, _, kept = COMMANDS[name]
    sys.path.append(str(Path(__file__).parents[1]))  # of the checkout, if it is one
    try:
        part = import_module(module).main
    except ModuleNotFoundError as error:
        if error.name not in _OF_THE_BOOK:
            raise
        parser.exit(2, f"lgl {name} comes with the book: run it in a checkout of the project\n")
    sys.argv = [f"lgl {name}", *sys.argv[2:]]
    command.run(part, kept)


if __name__ == "__main__":
    main()
