"""Figures of pages that run no code: the first page and the report card.

``python -m studies.still_figures`` draws them into ``book/_static/``. Matrices are of the first
network of each kind, scores are of all networks in results/. A figure holds the scores that it
shows, in its metadata, so that a test can tell whether they are still those of results/.
"""

from __future__ import annotations

import argparse
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lgl_core.baselines.pairwise import correlation
from lgl_core.experiment import attention_of, train
from lgl_core.metrics.scores import paper_table_1
from studies.evidence.original import ORIGINAL_GLM, SHORT, once
from studies.evidence.report import chosen, difference, mean_over_networks
from studies.evidence.verdicts import ATTENTION, CCG, GLM, Tables
from studies.figures.still import differences_by_network, matrices_by_network
from studies.original import PaperRecording
from studies.original_models import ORIGINAL, PaperModel
from studies.original_models import attention_of as original_attention
from studies.original_scores import CoupledGLM
from studies.palette import few_colours
from studies.points import Recording
from studies.results import load
from studies.rows import labels_of

__all__ = [
    "CARD_FIGURE",
    "FRONT_FIGURE",
    "SHOWN",
    "card_differences",
    "front_scores",
    "main",
]

Graph = NDArray[np.float64]

_FOLDER = Path(__file__).resolve().parents[1] / "book" / "_static"
FRONT_FIGURE, CARD_FIGURE = _FOLDER / "front.png", _FOLDER / "report_card.png"

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
        rows = chosen(once(tables(study)), **where, view="true", score="spearman")
        found[network] = {
            name: mean_over_networks(chosen(rows, **labels)).mean
            for name, labels in zip(SHOWN, methods, strict=True)
        }
    return found


def _front_graphs() -> dict[str, dict[str, Graph]]:
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


# Claims of Section 3.2, and that a model is needed, as differences: what is to be ahead of what, by
# role and view. Of the paper's network attention is centred where its co-input is asked.
_Side = tuple[str, str]
_COMPARED: dict[str, tuple[_Side, _Side]] = {
    "GLM ahead of attention on edges": (("glm", "true"), ("attention", "true")),
    "co-input above edges, GLM": (("glm", "co_input"), ("glm", "true")),
    "co-input above edges, attention": (("attention", "co_input"), ("attention", "true")),
    "attention ahead of the GLM on co-input": (("attention", "co_input"), ("glm", "co_input")),
    "signed edges above magnitudes, GLM": (("glm", "true"), ("glm", "abs")),
    "signed edges above magnitudes, attention": (("attention", "true"), ("attention", "abs")),
    "attention ahead of one line of code on edges": (("attention", "true"), ("ccg", "true")),
    "the same on co-input": (("attention", "co_input"), ("ccg", "co_input")),
}


def card_differences(tables: Tables = load) -> pd.DataFrame:
    """Compare what the paper's claims compare, on both networks, beside the paper's own table.

    Parameters
    ----------
    tables : callable
        From the name of a study to its scores.

    Returns
    -------
    DataFrame
        A row for each claim (``name``) and ``source``: the ``mean`` difference of rank
        correlations, the ends ``low`` and ``high`` of its interval of 95 % over networks, and
        what is ``published``, NaN where the paper has no such number.
    """
    paper = chosen(paper_table_1(), score="spearman").set_index(["method", "view"])["value"]
    # By network: its scores, the labels of each method, and of attention where co-input is asked.
    sources = {
        OURS: (tables("seeds"), {"glm": GLM, "attention": ATTENTION, "ccg": CCG}, ATTENTION),
        THEIRS: (
            chosen(tables("original_network"), **SHORT),
            {"glm": ORIGINAL_GLM, "attention": original_attention(), "ccg": CCG},
            original_attention(centred=True),
        ),
    }
    rows = []
    for source, (table, labels, in_co_input) in sources.items():
        of_side = {side: labels[side[0]] for pair in _COMPARED.values() for side in pair}
        of_side["attention", "co_input"] = in_co_input
        for name, sides in _COMPARED.items():
            asked = ({**of_side[side], "view": side[1]} for side in sides)
            mean, low, high, _ = difference(once(table), *asked)["spearman"]
            published = paper.get(sides[0], np.nan) - paper.get(sides[1], np.nan)
            rows.append((name, source, published, mean, low, high))
    return pd.DataFrame(rows, columns=["name", "source", "published", "mean", "low", "high"])


def main() -> None:
    """Draw the figures of the first page and of the report card from the results of the studies."""
    argparse.ArgumentParser(description=main.__doc__).parse_args()
    scores, differences = front_scores(), card_differences()
    # Rounded, since the last digits differ from machine to machine.
    rounded = pd.DataFrame(scores).round(4).to_dict()
    _save(matrices_by_network(_front_graphs(), scores), FRONT_FIGURE, rounded)
    _save(differences_by_network(differences), CARD_FIGURE, differences.round(4).to_dict("list"))


def _save(figure: Any, path: Path, shown: Any) -> None:
    drawn, metadata = BytesIO(), PngInfo()
    figure.savefig(drawn, dpi=160, bbox_inches="tight")
    metadata.add_text("Description", json.dumps(shown))
    few_colours(Image.open(drawn)).save(path, optimize=True, pnginfo=metadata)


if __name__ == "__main__":
    main()
