"""What the explorer page needs beside its text: its data, plotly's script, and scores in words.

The data are the graphs of the study ``explorer``, as one JavaScript file; a browser loads a script
from a disk, where it would refuse to fetch a file. Both scripts are loaded by that page alone.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from lgl_core.metrics.decisions import decision_scores
from studies.explorer import BEYOND_USUAL, METHODS, NETWORKS, beyond_usual, connected, n_listed
from studies.recurrent import strongest
from studies.results import graphs, load

# What a reader chooses among, and one sentence that says what it is.
NETWORKS_IN_WORDS = {
    "hubs": (
        "Three hubs (the book's network)",
        "Three neurons excite many others; of the other pairs one in ten is connected.",
    ),
    "stripes": (
        "Stripes (the paper's network, small)",
        "Three stripes of neighbours each excite a third of the network. Every pair has a weight, "
        "most of them tiny: the largest tenth counts as connected.",
    ),
    "random": ("Random", "Any neuron may connect to any other, one pair in ten does."),
    "ring": (
        "Ring with strong recurrence",
        "Neighbours excite each other, and inhibit those further away, so strongly that bumps of "
        "activity stand on the ring: neurons of different bumps fire together without a synapse.",
    ),
    "common drive": (
        "Common drive from hidden neurons",
        "Six neurons that nobody records each excite fifteen of those that are shown.",
    ),
}
METHODS_IN_WORDS = {
    "attention": "Attention of a transformer",
    "influence": "Influence in the transformer",
    "glm": "GLM: peak of the coupling",
    "glm test": "GLM: how sure it is",
    "ccg": "Cross-correlogram, 1 to 4 ms",
    "covariance": "Covariance of counts",
    "partial covariance": "Partial covariance",
    "rates": "Product of the two rates",
}
UNITS = {"stripes": "thresholds"}  # of weights; mV elsewhere

Graph = NDArray[np.float64]


def setup(app: Any) -> dict[str, bool]:
    """Connect it with Sphinx."""
    app.connect("config-inited", in_words)
    app.connect("build-finished", beside_the_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def page_data() -> dict[str, Any]:
    """Collect what the page's script reads: the graphs as float32, row by row, in base64."""
    kept = graphs("explorer")
    networks = []
    for name in NETWORKS:
        weights = kept[f"{name}, truth"].astype(float)
        counts = connected(weights)
        methods = {
            method: {
                "plain": _encoded(graph := kept[f"{name}, {method}"].astype(float)),
                "standing out": _encoded(beyond_usual(graph)),
            }
            for method in METHODS
        }
        title, about = NETWORKS_IN_WORDS[name]
        networks.append(
            {
                "key": name,
                "title": title,
                "about": about,
                "unit": UNITS.get(name, "mV"),
                "truth": _encoded(weights),
                "smallest": float(np.abs(counts[counts != 0]).min()),
                "listed": n_listed(kept[f"{name}, glm test"]),
                "methods": methods,
            }
        )
    return {"networks": networks, "methods": METHODS_IN_WORDS}


def _encoded(graph: Graph) -> str:
    return base64.b64encode(graph.astype("<f4").tobytes()).decode()


def in_words(app: Any, config: Any) -> None:
    """Give the page's text its numbers, and the table for those who run no script."""
    config.myst_substitutions |= numbers()


def numbers() -> dict[str, Any]:
    """Give the scores of the study by score, network and method, and all of them in a table."""
    table = load("explorer")
    found: dict[str, Any] = {}
    for name, score, reading in (
        ("auc", "auc", ""),
        ("precision", "precision", ""),
        ("auc_standing_out", "auc", BEYOND_USUAL),
    ):
        rows = table[(table["score"] == score) & (table["reading"] == reading)]
        labels = dict(zip(rows["network"].unique(), NETWORKS, strict=True))
        found[name] = {_key(network): {} for network in NETWORKS}
        for label, method, value in zip(
            rows["network"], rows["method"], rows["value"], strict=True
        ):
            written = _percent(value) if score == "precision" else f"{value:.2f}"
            found[name][_key(labels[label])][_key(method)] = written
    return found | {"false_in_list": _false_in_list(), "explorer_table": _table(found)}


def _false_in_list() -> dict[str, str]:
    """Give the share of false entries of the GLM's list on each network."""
    kept, found = graphs("explorer"), {}
    for name in NETWORKS:
        sure = kept[f"{name}, glm test"]
        called = strongest(sure, n_listed(sure))
        false = decision_scores(called, connected(kept[f"{name}, truth"]))["fdr"]
        found[_key(name)] = _percent(false)
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _key(name: str) -> str:
    """Name a network or a method as the page's text does, which takes no spaces."""
    return name.replace(" ", "_")


def _table(found: dict[str, Any]) -> str:
    """Write area under ROC and precision of each network (columns) and method (rows) in HTML."""
    columns = {
        NETWORKS_IN_WORDS[network][0].partition(" (")[0]: [
            f"{found['auc'][_key(network)][method]}, {found['precision'][_key(network)][method]}"
            for method in map(_key, METHODS)
        ]
        for network in NETWORKS
    }
    return pd.DataFrame(columns, index=[*METHODS_IN_WORDS.values()]).to_html(border=0)


def beside_the_page(app: Any, exception: Exception | None) -> None:
    """Write the two scripts into the folder of static files."""
    if exception is None and app.builder.format == "html":
        static = Path(app.outdir) / "_static"
        (static / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
        data = json.dumps(page_data(), separators=(",", ":"))
        (static / "explorer_data.js").write_text(f"window.explorerData = {data};\n")
