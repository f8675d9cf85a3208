"""What the page on silenced neurons shows: who foresees changes, beside who knows weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lgl_core.glm.fit import GLMFit
from lgl_core.glm.generation import generate
from lgl_core.networks.network import Network
from lgl_core.simulation.lif import LIFParams
from studies.evidence.attainable_shown import kinds_of
from studies.evidence.intervals import means_by
from studies.evidence.report import chosen
from studies.names import READING_NAMES
from studies.points import EXCESS_SHARES
from studies.rows import labels_of
from studies.silenced import FORESEEN, GOES_ON, WHO, true_rates, without

__all__ = ["ASKED", "MOST", "changes_live", "over_networks"]

# What a prediction without any fault would get: the changes of a finite run are not quite the true
# ones.
MOST = "the most there is"
_EXCESS_NAME = READING_NAMES[EXCESS_SHARES]
# What is asked, as the rows of a figure: labels that tell it from the others, by name.
ASKED: Mapping[str, Mapping[str, Any]] = {
    "true weights": labels_of("truth", reading="weights"),
    "GLM, going on": labels_of("glm", reading=GOES_ON),
    "GLM, coupling": labels_of("glm", reading="area"),
    "rotary, going on": labels_of("attention", model="rotary", reading=GOES_ON),
    "rotary, influence": labels_of("attention", model="rotary", reading="influence"),
    f"rotary, {_EXCESS_NAME}": labels_of("attention", model="rotary", reading=EXCESS_SHARES),
    "rotary, attention": labels_of("attention", model="rotary"),
    "interval, going on": labels_of("attention", model="interval", reading=GOES_ON),
    "interval, influence": labels_of("attention", model="interval", reading="influence"),
    f"interval, {_EXCESS_NAME}": labels_of("attention", model="interval", reading=EXCESS_SHARES),
    "interval, attention": labels_of("attention", model="interval"),
    "correlogram": labels_of("ccg", reading="1 to 4 ms"),
    "covariance": labels_of("covariance", reading="10 ms"),
    "rates": labels_of("rates", reading="product"),
}


def over_networks(table: pd.DataFrame, view: str = FORESEEN) -> pd.DataFrame:
    """Average scores over networks of a kind, with Student's intervals.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``silenced``.
    view : str
        ``FORESEEN``, ``OF_WEIGHTS``, ``CHECKED`` or ``CUT``.

    Returns
    -------
    DataFrame
        A row for each ``source`` (kind of network), ``name`` and ``what`` (score) that was
        measured, with ``mean``, ``low``, ``high`` and ``n``. Of ``FORESEEN``, ``MOST`` comes first.

    Raises
    ------
    NotMeasured
        If the table has no such view.
    """
    rows = chosen(table, view=view)
    rows = rows.assign(source=kinds_of(rows["network"]))
    parts = {MOST: _ceilings(rows)} if view == FORESEEN else {}
    for name, labels in ASKED.items():
        parts[name] = rows[(rows[list(labels)] == pd.Series(labels)).all(axis=1)]
    named = pd.concat(part.assign(name=name) for name, part in parts.items())
    return means_by(named.assign(what=named["score"]), ["source", "name", "what"])


def _ceilings(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn the correlation of two runs into that of their mean with a mean over endless ones."""
    halves = rows[(rows["reading"] == "half of the runs") & rows["score"].isin(WHO)]
    alike = halves["value"].clip(lower=0)
    return halves.assign(value=np.sqrt(2 * alike / (1 + alike)))


def changes_live(
    network: Network, neurons: LIFParams, fit: GLMFit, silent: int, seconds: float
) -> pd.DataFrame:
    """Silence one neuron in the simulator and in a GLM that goes on without it.

    Parameters
    ----------
    network : Network
    neurons : LIFParams
    fit : GLMFit
        Of a recording of the network.
    silent : int
    seconds : float
        Of each run.

    Returns
    -------
    DataFrame
        A row for each of the other neurons: ``true`` and ``foreseen`` change of its rate in Hz, and
        the ``weight`` of the synapse that the silent neuron makes on it.
    """
    target = np.array([silent])
    after = true_rates(without(network, target), neurons, seconds)
    true = (after - true_rates(network, neurons, seconds)).mean(axis=0)
    runs = [
        [
            generate(fit, duration=seconds, silenced=who, seed=seed, progress=False)[1]
            for who in ([silent], [])
        ]
        for seed in (0, 1)
    ]
    foreseen = np.mean([with_silence - whole for with_silence, whole in runs], axis=0)
    table = {"true": true, "foreseen": foreseen, "weight": network.weights[:, silent]}
    return pd.DataFrame(table).drop(index=silent)
