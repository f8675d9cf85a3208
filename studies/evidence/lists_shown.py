"""What the page on lists of connections shows: rates that were asked for, and those that came."""

from __future__ import annotations

import numpy as np
import pandas as pd

from studies.evidence.intervals import means_by
from studies.evidence.report import chosen
from studies.listed import LENGTHS, N_NEURONS, RATES_ASKED, WIRINGS, at_rate
from studies.names import NETWORK_NAMES
from studies.points import Recording
from studies.recording_size import sizes

__all__ = [
    "FALSE",
    "FOUND",
    "along_length",
    "by_size",
    "found_by_size",
    "power_near",
    "rates_kept",
]

FALSE, FOUND = "false among the listed", "synapses that are listed"
_SCORES = {FALSE: "fdr", FOUND: "recall"}


def _lists(table: pd.DataFrame, method: str, fdr: float) -> pd.DataFrame:
    """Keep the lists of a method at a rate, with what was recorded, how long."""
    recordings = [
        (
            Recording(topology=name, duration=length, settings={"n_neurons": N_NEURONS}).label,
            NETWORK_NAMES[name],
            length,
        )
        for name in WIRINGS
        for length in LENGTHS
    ]
    named = pd.DataFrame(recordings, columns=["network", "name", "duration"])
    rows = chosen(table, method=method, view="decision", kept=at_rate(fdr))
    return rows.merge(named, on="network")


def along_length(table: pd.DataFrame, method: str, fdr: float) -> pd.DataFrame:
    """Give the share of false ones and of synapses found, by the length of the recording.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``connections``.
    method : str
        ``"glm"`` or ``"ccg"``.
    fdr : float
        One of the rates that were asked for.

    Returns
    -------
    DataFrame
        As for :func:`studies.figures.measured.rates_of_lists`.
    """
    rows = _lists(table, method, fdr)
    return pd.concat(chosen(rows, score=score).assign(what=what) for what, score in _SCORES.items())


def rates_kept(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Put the share of false ones beside each rate, averaged over networks.

    Returns
    -------
    DataFrame
        A row per rate and kind of network: ``asked``, ``network``, ``came`` (mean over recordings
        of all lengths and networks), ``low`` and ``high`` of its interval over networks,
        ``n_networks``, and whether the rate is ``kept``: not below the interval.
    """
    rates = sorted(RATES_ASKED)
    rows = pd.concat(
        chosen(_lists(table, method, rate), score="fdr").assign(asked=rate) for rate in rates
    )
    means = means_by(rows, ["asked", "name"], one=["network_seed"])
    means["kept"] = means["low"] <= means["asked"]
    return means.rename(columns={"name": "network", "mean": "came", "n": "n_networks"})


def power_near(table: pd.DataFrame, duration: float, fdr: float) -> pd.DataFrame:
    """Say which share of all synapses the GLM lists in recordings about as long as this one.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``connections``.
    duration : float
        Of a recording, in s.
    fdr : float
        Rate that is asked for; the nearest of those of the study counts.

    Returns
    -------
    DataFrame
        A row per kind of network: ``network``, ``seconds`` (the length that was tried and is
        nearest in proportion), ``asked``, and ``found`` with ``low`` and ``high`` over
        ``n_networks``.
    """
    seconds = min(LENGTHS, key=lambda length: abs(np.log(length / duration)))
    asked = min(RATES_ASKED, key=lambda rate: abs(np.log(rate / fdr)))
    rows = chosen(_lists(table, "glm", asked), score="recall", duration=seconds)
    columns = {"name": "network", "mean": "found", "n": "n_networks"}
    means = means_by(rows, ["name"], one=["network_seed"]).rename(columns=columns)
    return means.assign(seconds=seconds, asked=asked)


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Give the share of false ones and of synapses found, by size and length of a recording.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``recording_size``.

    Returns
    -------
    DataFrame
        As for :func:`studies.figures.measured.rates_of_lists`, with a row per recording, the
        ``wiring`` of its network and ``n_neurons``. False ones are of all wirings together.
    """
    rows = chosen(table, method="glm", view="decision", kept=at_rate(RATES_ASKED[0]))
    rows = rows.merge(sizes(), on="network")
    rows = rows.assign(
        name=rows["n_neurons"].map("{} neurons".format), wiring=rows["topology"].map(NETWORK_NAMES)
    )
    false = chosen(rows, score="fdr").assign(what=FALSE)
    found = chosen(rows, score="recall")
    return pd.concat([false, found.assign(what=f"{FOUND}, " + found["wiring"])])


def found_by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the share of synapses that a list names, in %: the mean over networks.

    Parameters
    ----------
    table : DataFrame
        As for :func:`by_size`.

    Returns
    -------
    DataFrame
        A row per wiring and number of neurons, a column per length in minutes.
    """
    rows = by_size(table)
    found = rows[rows["what"] != FALSE].assign(minutes=lambda t: t["duration"] / 60)
    return (100 * found.groupby(["wiring", "n_neurons", "minutes"])["value"].mean()).unstack()
