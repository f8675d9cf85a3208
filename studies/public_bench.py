"""Points of the study on networks that others made: each method's graph, and its list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.metrics.decisions import called_graph, decision_scores
from lgl_core.metrics.detection import auc, average_precision, sign_agreement
from lgl_core.wiring import connections
from studies.listed import at_rate
from studies.methods import METHODS
from studies.public_networks import KINDS, KnownNetwork, Source, public_network
from studies.rows import in_columns, labels_of, values_in_rows

__all__ = ["RATE", "OthersNetwork", "others", "rows_of_network", "without_list"]

Name = tuple[str, str]

# Share of each list that may be false.
RATE = 0.05
# Methods that have p-values of their own; all others are held against jittered spikes.
_TESTED = ("glm", "ccg")
# Fifty-one graphs by these, of each network, would take longer than all other methods together: one
# by the masked model takes 12 to 23 s, by event space up to 0.2 s, or 20 s on an hour of spikes.
_SLOW = ("masked model", "event space")
# On an hour of spikes, those that take 2 to 20 s.
_SLOW_ON_AN_HOUR = ("firing rates", "calcium", "event timing")
_NOT_SO_SLOW = (("calcium", "30 Hz, least squares"),)  # 1 s
# The masked model is trained on the first network of these kinds alone.
_WITH_MASKED = ("10 neurons, 40 % connected", "20 neurons, 40 % connected", "woUU, 1500 steps")


def without_list(source: str, name: Name) -> bool:
    """Tell whether a method is too slow for a list on the networks of a source.

    Parameters
    ----------
    source : str
        Key of ``KINDS``.
    name : tuple of str
        Key of ``METHODS``.
    """
    on_an_hour = name[0] in _SLOW_ON_AN_HOUR and name not in _NOT_SO_SLOW
    return name[0] in _SLOW or (source == "spycon" and on_an_hour)


@dataclass(frozen=True, kw_only=True)
class OthersNetwork:
    """A network that others made, read by all methods at their defaults.

    Parameters
    ----------
    source, kind, number
        As for :func:`studies.public_networks.public_network`.

    Notes
    -----
    The masked model takes so long that it is trained on three networks alone, and on none of an
    hour.
    """

    source: Source
    kind: str
    number: int = 0
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Size of the recording, and scores of each method's graph and of its list."""
        network = public_network(self.source, self.kind, self.number)
        with_masked = self.number == 0 and self.kind in _WITH_MASKED
        graphs = [name for name in METHODS if with_masked or name[0] != "masked model"]
        lists = [name for name in METHODS if not without_list(self.source, name)]
        return rows_of_network(network, graphs, lists).assign(
            network=f"{self.source}, {self.kind}", network_seed=self.number
        )


def rows_of_network(network: KnownNetwork, graphs: list[Name], lists: list[Name]) -> pd.DataFrame:
    """Score graphs and lists of connections of one network.

    Parameters
    ----------
    network : KnownNetwork
    graphs, lists : list of tuple
        Keys of ``METHODS``: whose graph is scored, and whose list.

    Returns
    -------
    DataFrame
        Columns as in ``studies.rows.COLUMNS``. The view ``recording`` has ``neurons``,
        ``duration`` (s) and ``synapses``; ``detection`` has ``auc``, ``average precision`` and, of
        signed networks, ``sign`` (the share of synapses whose sign the graph has); ``decision`` has
        the scores of :func:`lgl_core.metrics.decisions.decision_scores`.
    """
    spikes, truth = network.spikes, network.weights
    size: dict[str, float] = {
        "neurons": spikes.n_neurons,
        "duration": spikes.recorded,
        "synapses": float(np.count_nonzero(truth)),
    }
    tables = [values_in_rows(size, view="recording", **labels_of(""))]
    for name in graphs:
        graph = METHODS[name](spikes)
        scores: dict[Any, Any] = {
            "auc": auc(graph, truth),
            "average precision": average_precision(graph, truth),
        }
        if network.signed:
            scores["sign"] = sign_agreement(graph, truth)
        labels = labels_of(name[0], reading=name[1])
        tables.append(values_in_rows(scores, view="detection", **labels))
    for name, called in _called(network, lists):
        decided = decision_scores(called, truth).drop(["precision", "synapses"])
        if not network.signed:
            decided = decided.drop("right_sign")
        labels = labels_of(name[0], reading=name[1], kept=at_rate(RATE))
        tables.append(values_in_rows(decided, view="decision", **labels))
    return in_columns(pd.concat(tables, ignore_index=True).assign(n_spikes=len(spikes)))


def _called(network: KnownNetwork, names: list[Name]) -> Iterator[tuple[Name, NDArray[np.float64]]]:
    """Decide which pairs are connected, by each method: 1 and -1 for the signs, ``[post, pre]``."""
    for name in names:
        method: Any = name[0] if name[0] in _TESTED else METHODS[name]
        found = connections(network.spikes, fdr=RATE, method=method, progress=False)
        yield name, called_graph(found, len(network.weights))


def others(at_most: int) -> list[Any]:
    """Name the points of the study: the first networks of each kind of each source."""
    return [
        OthersNetwork(source=source, kind=kind, number=number)  # type: ignore[arg-type]
        for source, kinds in KINDS.items()
        for kind, n in kinds.items()
        for number in range(min(n, at_most))
    ]
