"""Outside the simulation: borders in a culture's graphs, and when neurons answer a spike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import lag_counts
from lgl_core.networks.network import Network
from lgl_core.recordings.borders import score_borders
from lgl_core.recordings.readout import Readout
from lgl_core.spikes import SpikeTrains
from studies.evidence.report import chosen
from studies.evidence.verdicts import z_values

__all__ = ["border_table", "change_of_rates", "culture_borders"]

_COLUMNS = "ABCDEFGHJKLM"  # of the electrodes, whose labels are such as "F7"
_BIN = 1e-3  # s
_LAGS = 20  # bins


def culture_borders(culture: Readout) -> pd.DataFrame:
    """Score every straight border through an array by its graphs, and by those of jittered spikes.

    Parameters
    ----------
    culture : Readout
        Its units are labelled by their electrodes: a letter for the column, a number for the row.

    Returns
    -------
    DataFrame
        As from :func:`lgl_core.recordings.borders.score_borders`, with ``spikes`` (``""``, or
        ``", jittered"``) and ``series``, such as ``"between columns, jittered"``.
    """
    units = map(str, culture.units)
    places = np.array([(1 + _COLUMNS.index(unit[0]), int(unit[1:])) for unit in units])
    kinds = {"": culture.graphs, ", jittered": culture.surrogates}
    borders = pd.concat(
        [score_borders(graphs, places).assign(spikes=kind) for kind, graphs in kinds.items()]
    )
    return borders.assign(series="between " + borders["axis"] + borders["spikes"])


def border_table(borders: pd.DataFrame, supposed: int) -> pd.DataFrame:
    """Put what graphs know of the supposed border beside the border at which they do best.

    Parameters
    ----------
    borders : DataFrame
        As from :func:`culture_borders`.
    supposed : int
        The column after which the border is supposed to be.

    Returns
    -------
    DataFrame
        A row for each graph: its score there, the spread of its null, how many of these it lies
        above the null's mean (``z``), the score of the jittered spikes, and ``best border``, such
        as ``"rows, 4"``, with its score.
    """
    there = chosen(borders, axis="columns", position=supposed)
    whole, jittered = (chosen(there, spikes=kind).set_index("name") for kind in ("", ", jittered"))
    ranked = chosen(borders, spikes="").sort_values("value")
    best = ranked.groupby("name", sort=False).last().loc[whole.index]
    return pd.DataFrame(
        {
            "supposed border": whole["value"],
            "its null, sd": whole["null_sd"],
            "z": z_values(whole),
            "the same, jittered": jittered["value"].loc[whole.index],
            "best border": best["axis"] + ", " + best["position"].astype(str),
            "at the best": best["value"],
        }
    )


def change_of_rates(network: Network, spikes: Mapping[str, SpikeTrains]) -> pd.DataFrame:
    """Tell how much more neurons fire after a spike than by chance, by kind of pair and lag.

    Parameters
    ----------
    network : Network
    spikes : mapping of str to SpikeTrains
        Recordings of this network, such as of two simulators, by name.

    Returns
    -------
    DataFrame
        ``name`` (the kind of pair), ``quantity`` (which recording, and that it is a change in %),
        ``lag`` (the middle of a bin of 1 ms, in s) and ``value``.
    """
    kinds, rows = _kinds_of_pairs(network), []
    for recording, found in spikes.items():
        quantity = f"{recording}:\nchange of the rate (%)"
        expected = np.outer(found.rates, found.rates) * _BIN * found.duration
        for lag in np.arange(_LAGS) * _BIN:
            counts = lag_counts(found, lag, lag + _BIN)
            for kind, pairs in kinds.items():
                change = 100 * (counts[pairs].sum() / expected[pairs].sum() - 1)
                rows.append((kind, quantity, lag + _BIN / 2, change))
    return pd.DataFrame(rows, columns=["name", "quantity", "lag", "value"])


def _kinds_of_pairs(network: Network) -> dict[str, NDArray[np.bool_]]:
    weights, neurons = network.weights, np.arange(network.n_neurons)
    hub, themselves = np.isin(neurons, network.hubs), np.eye(network.n_neurons, dtype=bool)
    return {
        "hub to its targets": (weights > 0) & hub,
        "excitatory to its targets": (weights > 0) & ~hub,
        "inhibitory to its targets": weights < 0,
        "no synapse, no hub": (weights == 0) & ~hub & ~themselves,
    }
