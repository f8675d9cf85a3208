"""The figure of the first page: truth, attention, GLM and plain correlation, on both networks.

``python -m studies.front_page`` draws it into ``book/_static/front.png``. Matrices are of the first
network of each kind, scores are means over all networks in results/.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import correlation
from lgl_core.experiment import attention_of, train
from studies.evidence.original import ORIGINAL_GLM, SHORT
from studies.evidence.report import chosen, mean_over_networks
from studies.evidence.verdicts import ATTENTION, GLM, Tables
from studies.figures.front_page import matrices_by_network
from studies.original import PaperRecording
from studies.original_models import ORIGINAL, PaperModel
from studies.original_models import attention_of as original_attention
from studies.original_scores import CoupledGLM
from studies.points import Recording
from studies.results import load
from studies.rows import labels_of

__all__ = ["FIGURE", "SHOWN", "front_graphs", "front_scores", "main"]

Graph = NDArray[np.float64]

FIGURE = Path(__file__).resolve().parents[1] / "book" / "_static" / "front.png"

OURS, THEIRS = "our network", "the paper's network"
SHOWN = ("attention", "GLM", "plain correlation")
# Of each network: the study, what it is called there, and the rows of each method.
_MEASURED = {
    OURS: (
        "seeds",
        {"network": "hub_network"},
        (ATTENTION, GLM, labels_of("covariance", reading="10 ms")),
    ),
    THEIRS: (
        "original_network",
        SHORT,
        (original_attention(), ORIGINAL_GLM, labels_of("correlation", reading="10 ms")),
    ),
}


def front_scores(tables: Tables = load) -> dict[str, dict[str, float]]:
    """Give rank correlations with the true weights, pair by pair: means over networks.

    Parameters
    ----------
    tables : callable
        From the name of a study to its scores.

    Returns
    -------
    dict
        By network and method, as in ``SHOWN``.
    """
    found = {}
    for network, (study, where, methods) in _MEASURED.items():
        rows = chosen(tables(study), **where, view="true", score="spearman")
        found[network] = {
            name: mean_over_networks(chosen(rows, **labels).drop_duplicates()).mean
            for name, labels in zip(SHOWN, methods, strict=True)
        }
    return found


def front_graphs() -> dict[str, dict[str, Graph]]:
    """Compute the graphs that are shown, ``[post, pre]``, by network and method."""
    ours, theirs = Recording(), PaperRecording()
    spikes = ours.spikes()
    attention = attention_of([train(spikes, "interval", n_jobs=1)], ours.read())
    model = PaperModel(recording=theirs)
    graphs = {
        OURS: (
            ours.network().weights,
            attention.connectivity(),
            ours.fit().coupling("peak"),
            correlation(ours.read()),
        ),
        THEIRS: (
            theirs.network().weights,
            model.attention(ORIGINAL).connectivity(head=ORIGINAL.head),
            CoupledGLM(recording=theirs).fit().coupling("peak"),
            correlation(theirs.read()),
        ),
    }
    names = ("truth", *SHOWN)
    return {network: dict(zip(names, of_one, strict=True)) for network, of_one in graphs.items()}


def main() -> None:
    """Draw the figure of the first page."""
    figure = matrices_by_network(front_graphs(), front_scores())
    figure.savefig(FIGURE, dpi=160, bbox_inches="tight")


if __name__ == "__main__":
    main()
