"""A graph inside the model: its filters, pairs that show what they are, and what else is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from lgl_core.networks.network import Network
from lgl_core.transformer.coupling import Coupling
from lgl_core.transformer.training import TrainConfig
from studies.evidence.report import chosen
from studies.plans import PRIORS
from studies.points import Recording
from studies.readings import ALONE, Constrained

__all__ = ["coupling_by_lag", "prior_scores", "telling_pairs"]


@torch.no_grad()
def coupling_by_lag(coupling: Coupling, lags: ArrayLike) -> NDArray[np.float32]:
    """Give what a spike adds to the logit of each neuron to be the next one.

    Parameters
    ----------
    coupling : Coupling
    lags : array_like, shape (n_lags,)
        Time since the spike in s.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons, n_lags)
        ``[post, pre, lag]``, as it is: a column is known up to a constant.
    """
    everyone = torch.arange(len(coupling.weight))
    since = torch.tensor(np.asarray(lags), dtype=torch.float32).expand(len(everyone), -1)
    return coupling.of_spikes(everyone, since).permute(2, 0, 1).numpy()


def telling_pairs(network: Network) -> dict[str, tuple[int, int]]:
    """Choose a pair of each kind that a filter should tell apart, ``(post, pre)`` by name."""
    weights, (hub, *_) = network.weights, network.hubs
    of_hubs = np.isin(np.arange(network.n_neurons), network.hubs)
    ordinary = np.where(of_hubs, 0, weights)
    unconnected = (weights == 0) & ~np.eye(network.n_neurons, dtype=bool) & ~of_hubs
    pairs = {
        "from a hub": (weights[:, hub].argmax(), hub),
        "not connected": np.argwhere(unconnected)[0],
        "strongest ordinary": np.unravel_index(ordinary.argmax(), ordinary.shape),
        "strongest inhibitory": np.unravel_index(ordinary.argmin(), ordinary.shape),
    }
    return {name: (int(post), int(pre)) for name, (post, pre) in pairs.items()}


def prior_scores(table: pd.DataFrame, scores: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Score the graph alone by what else was known of it, on the first default network.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``graph_constrained``.
    scores : mapping
        As for :func:`studies.evidence.tables.by_network`.

    Returns
    -------
    DataFrame
        A row for the graph as it is elsewhere, for each of ``PRIORS`` in :mod:`studies.plans` and
        for the training of the plain model, as far as they are in; a column for each score, and
        ``held-out loss`` in nats per spike.
    """
    priors: dict[str, dict[str, Any]] = {
        "as above": {},
        **{", ".join(f"{k} {v:g}" for k, v in prior.items()): {"coupling": prior}
           for prior in PRIORS},
        "trained like the plain model": {
            "training": {name: getattr(TrainConfig, name) for name in ALONE}
        },
    }  # fmt: skip
    first = Recording()
    own = chosen(table, network=first.label, network_seed=first.seed, method="graph_constrained")
    rows = {}
    for name, changes in priors.items():
        labels = Constrained(recording=first, **changes).labels()
        mine = own[(own["model"] == labels["model"]) & (own["changes"] == labels["changes"])]
        card = mine[mine["reading"] == "area"].set_index(["view", "score"])["value"]
        loss = mine[mine["score"] == "held-out neuron"]["value"]
        if not card.empty:
            rows[name] = {short: card[key] for short, key in scores.items()}
            rows[name]["held-out loss"] = loss.iloc[0]
    return pd.DataFrame(rows).T
