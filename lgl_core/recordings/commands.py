"""What a command line says of recordings: ``lgl read``, and the options that others share."""

from __future__ import annotations

import argparse
import re
import warnings
from ast import literal_eval
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from lgl_core.recordings._raw import Label
from lgl_core.recordings.session import Session, read

__all__ = ["add_options", "main", "said_as_typed", "with_counts"]

_FEW = 100  # spikes of a unit that is named, since a list of connections will hardly hold it
# An argument of ``lgl.read`` as messages name it, and the list that may be its value.
_ARGUMENT = re.compile(r"\b(time|unit|epochs|keep|seconds_per_unit)=(\[+[^]]*]+)?")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the source of a recording, and how it is read, to a command: what ``lgl.read`` takes."""
    parser.add_argument("source", help="a file, or a folder of a spike sorter")
    parser.add_argument("--time", default="time", help="column or variable of times")
    parser.add_argument("--unit", help="column or variable of the labels of units")
    spans = 'table of intervals in an NWB file, or starts and ends in s, as in "[[0, 60]]"'
    parser.add_argument("--epochs", type=_list_or_text, help=spans)
    units = (
        "units to read, as in \"['a', 'b']\", or of which so much is true, as in \"unit != 'a'\""
    )
    parser.add_argument("--keep", type=_list_or_text, help=units)
    parser.add_argument("--seconds-per-unit", help="of the times: 1e-3 for ms, 1/30000 for samples")
    parser.add_argument("--repair", action="store_true", help="mend what can mean one thing only")


def _list_or_text(text: str) -> Any:
    """Take a list, as Python writes it, for a list; all else is the text that it is."""
    if not text.lstrip().startswith("["):
        return text
    try:
        return literal_eval(text)
    except (SyntaxError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list, such as [[0, 60]] or ['a', 'b']"
        ) from None


@contextmanager
def said_as_typed(parser: argparse.ArgumentParser) -> Iterator[None]:
    """Say warnings and errors of ``lgl.read`` as a command: with its options, and no code."""

    def typed(message: object) -> str:
        text = str(message).replace("repair=True", "--repair")
        return _ARGUMENT.sub(
            lambda of: f"--{of[1].replace('_', '-')} " + (f'"{of[2]}"' if of[2] else ""), text
        )

    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *place, **more: f"{typed(message)}\n"
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        parser.exit(1, f"{typed(error)}\n")
    finally:
        warnings.formatwarning = before


def with_counts(session: Session, chosen: Callable[[Label, int], bool]) -> list[str]:
    """Name the units that are chosen, by label and number of spikes, each with that number."""
    counts = np.bincount(session.spikes.neurons, minlength=len(session.units))
    units = zip(session.units, counts, strict=True)
    return [f"{unit} ({n:,})" for unit, n in units if chosen(unit, n)]


def main() -> None:
    """Read a recording, say what is in it, and write it in another format if asked to."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    add_options(parser)
    parser.add_argument("--to", help="ends in .nwb, .csv, .parquet or .h5 (temporaldata)")
    options = vars(parser.parse_args())
    target = options.pop("to")
    with said_as_typed(parser):
        session = read(options.pop("source"), **options)
        print(session)
        rates = pd.Series(session.spikes.rates).describe()[["min", "25%", "50%", "75%", "max"]]
        print("rates of its units (Hz):", rates.round(2).to_string(), sep="\n")
        if few := ", ".join(with_counts(session, lambda unit, n: n < _FEW)):
            print(f"fewer than {_FEW} spikes, which tell little of a connection: {few}")
        if target:
            session.write(target)
            print(f"written to {target}")
