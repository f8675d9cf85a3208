"""What the page on other topologies shows: the networks, and what methods know of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.metrics.detection import spearman_ceiling
from lgl_core.metrics.scores import co_input, spearman
from studies.evidence.report import chosen
from studies.evidence.verdicts import z_values
from studies.names import CORRELATIONS, NETWORK_NAMES
from studies.points import Recording

__all__ = ["network_facts", "ranges_elsewhere", "scores_and_z"]

_WITH_HUBS = Recording().label
_COUNTS = ("neurons", "synapses", "spikes")


def network_facts(recordings: Sequence[Recording]) -> pd.DataFrame:
    """Tell how many neurons and synapses networks have, and how unequal their neurons are.

    Parameters
    ----------
    recordings : sequence of Recording
        One of each topology.

    Returns
    -------
    DataFrame
        A row per topology, by the name that readers see. ``top three, weight`` is the share of all
        synaptic weight that the three strongest neurons send, and ``top three, co-input`` what
        their columns alone score against the true co-input graph (Spearman).
    """
    rows = {}
    for recording in recordings:
        spikes, weights = recording.spikes(), recording.network().weights
        linked = weights[~np.eye(len(weights), dtype=bool)] != 0
        top = _strongest_columns(weights)
        rows[NETWORK_NAMES[recording.topology]] = {
            "neurons": len(weights),
            "synapses": int(linked.sum()),
            "share of pairs": linked.mean(),
            "both ways": ((weights != 0) & (weights.T != 0)).sum() / linked.sum(),
            "top three, weight": np.abs(top).sum() / np.abs(weights).sum(),
            "top three, co-input": spearman(co_input(top), co_input(weights)),
            "ceiling, edges": spearman_ceiling(weights),
            "Hz": spikes.rates.mean(),
            "spikes": len(spikes),
        }
    return pd.DataFrame(rows).T.astype(dict.fromkeys(_COUNTS, int))


def _strongest_columns(weights: NDArray[np.float64], n: int = 3) -> NDArray[np.float64]:
    """Keep the columns that send most."""
    strongest = np.argsort(np.abs(weights).sum(axis=0))[-n:]
    kept = np.zeros_like(weights)
    kept[:, strongest] = weights[:, strongest]
    return kept


def scores_and_z(scored: pd.DataFrame) -> pd.DataFrame:
    """Put both correlations of each method beside how far the Spearman one is from its null.

    Parameters
    ----------
    scored : DataFrame
        As from :func:`studies.evidence.report.named`.

    Returns
    -------
    DataFrame
        A row per ``network`` and ``name``, a column per view and score (as in ``"true pearson"``)
        and per z-value of a view (``"z, true"``).
    """
    rows = ["network", "name"]
    pairs = chosen(scored, score=CORRELATIONS)
    values = pairs.pivot_table("value", rows, ["view", "score"], sort=False)
    values.columns = [" ".join(column) for column in values.columns]
    ranked = chosen(scored, score="spearman")
    z = ranked.assign(z=z_values(ranked))
    return values.join(z.pivot_table("z", rows, "view", sort=False).add_prefix("z, "))


def ranges_elsewhere(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the score of each method with planted hubs, and between what scores it has elsewhere.

    Parameters
    ----------
    rows : DataFrame
        ``network``, ``name``, ``view``, ``value`` and ``null_sd``, of one score.

    Returns
    -------
    DataFrame
        A row per ``name`` and ``view``: ``hub``, the score in the hub network; ``low`` and
        ``high``, the least and the most in the others; ``known`` and ``opposed``, in how many of
        these it is two standard deviations of the null above zero, and as far below.
    """
    by = ["name", "view"]
    is_home = rows["network"] == _WITH_HUBS
    reach = 2 * rows["null_sd"]
    beyond = rows.assign(known=rows["value"] > reach, opposed=rows["value"] < -reach)
    elsewhere = beyond[~is_home].groupby(by, sort=False)
    found = elsewhere.agg(
        low=("value", "min"), high=("value", "max"), known=("known", "sum"),
        opposed=("opposed", "sum"),
    )  # fmt: skip
    return found.assign(hub=rows[is_home].set_index(by)["value"])
