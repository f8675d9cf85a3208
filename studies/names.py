"""Words for networks, views and scores, and their order, wherever a study shows them."""

from __future__ import annotations

from collections.abc import Iterable

from lgl_core.metrics.scores import SCORES, VIEWS

__all__ = [
    "CORRELATIONS",
    "NETWORK_NAMES",
    "NO_KNOWLEDGE",
    "SCORE_NAMES",
    "VIEW_NAMES",
    "networks_shown",
]

VIEW_NAMES = VIEWS | {
    "true_of_hubs": "True, columns of hubs",
    "true_off_hubs": "True, off the hubs",
    "co_input_off_hubs": "Co-Input, off the hubs",
    "co_input_diagonal": "Co-Input with diagonal",
    "excitatory": "Excitatory synapses",
    "inhibitory": "Inhibitory synapses",
    "hubs": "Hubs",
}
SCORE_NAMES = SCORES | {
    "auc": "Area under ROC",
    "ap": "Average precision",
    "sign_agreement": "Share of right signs",
    "found": "Share of hubs found",
    "rank": "Rank of the last hub",
}
NETWORK_NAMES = {
    "hub_network": "hub network",
    "erdos_renyi": "Erdős–Rényi",
    "scale_free": "scale-free",
    "spatial": "spatial",
    "c_elegans": "C. elegans",
    "larval_mushroom_body": "mushroom body",
}
# What an estimate scores that knows nothing, where that is the same for every graph.
NO_KNOWLEDGE = {"pearson": 0.0, "spearman": 0.0, "auc": 0.5}
CORRELATIONS = ("pearson", "spearman")


def networks_shown(numbers: Iterable[int]) -> str:
    """Write how many networks several means are over: one number, or from which to which."""
    found = sorted(set(numbers))
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"
