"""Words for networks, scores, readings and kinds of pairs, and their order, wherever shown."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "CORRELATIONS",
    "KIND_NAMES",
    "NETWORK_NAMES",
    "NO_KNOWLEDGE",
    "READING_NAMES",
    "networks_shown",
]

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

# What a reader knows a reading of a model by, where that is not what the results call it.
READING_NAMES = {
    "": "attention",
    "excess over columns": "excess attention",
    "rollout, excess over columns": "excess of rollout",
    "influence": "influence",
    "gradient": "gradient, signed",
    "gradient energy": "gradient energy",
    "relevance": "relevance",
    "relevance, squared": "relevance, squared",
}

# Kinds of :data:`lgl_core.metrics.pairs.KINDS`, as a reader knows them.
KIND_NAMES = {
    "edge": "synapse",
    "reverse": "synapse the other way",
    "hidden source": "common hidden source",
    "source": "common source",
    "together": "shared noise",
    "chain": "over a third",
    "target": "common target",
    "neither": "nothing in common",
}


def networks_shown(numbers: Iterable[int]) -> str:
    """Write how many networks several means are over: one number, or from which to which."""
    found = sorted(set(numbers))
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"
