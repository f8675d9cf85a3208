"""Does the wiring of the worm tell who answers whom? The scores, and their files under results/.

``lgl worm`` computes them from the measured atlas, which it fetches
if it is not there. Graphs are ``[post, pre]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.disk.cache import source_hash
from lgl_core.disk.provenance import commit, machine
from lgl_core.networks.topologies import c_elegans_neurons
from studies._files import read_results, read_table, table_content, write_results
from studies.rows import in_columns
from studies.worm_atlas_data import (
    SOURCE,
    WormAtlas,
    c_elegans_gap_junctions,
    c_elegans_synapses,
    worm_atlas,
)
from studies.worm_atlas_scores import FINDS_FUNCTION, auc_where_measured, mutual_scores

__all__ = [
    "COMMAND",
    "GROUPS",
    "RESULTS",
    "areas",
    "load",
    "main",
    "origin",
    "pairs",
    "provenance",
    "run",
    "scores",
    "single_areas",
    "twins",
]

RESULTS = Path(__file__).resolve().parents[1] / "results"
COMMAND = "lgl worm"

# Those of the other studies that apply here.
COLUMNS = [
    "study", "network", "method", "variant", "view", "score", "value", "null", "null_mean",
    "null_sd",
]  # fmt: skip
_STUDY = "worm_atlas"
_BELOW = 0.05  # false discovery rate under which a pair responds; the article's
_N_NULLS, _SEED = 200, 0
_SMALLEST_Q = 1e-12
_NULLS: tuple[Literal["permuted", "degrees"], ...] = ("permuted", "degrees")
# Connections from one to the other: least and most of a group.
GROUPS = {"none": (0, 0), "1": (1, 1), "2": (2, 2), "3 to 5": (3, 5), "6 and more": (6, np.inf)}


def scores(atlas: WormAtlas, n_nulls: int = _N_NULLS) -> pd.DataFrame:
    """Score wiring and measured responses against each other, and count pairs.

    Parameters
    ----------
    atlas : WormAtlas
    n_nulls : int
        Null graphs per score.

    Returns
    -------
    DataFrame
        Columns ``COLUMNS``. By ``method``: ``"anatomy"`` has the areas of
        :func:`studies.worm_atlas_scores.mutual_scores` by kind of connection (``variant``) and
        question (``view``), with the three nulls; ``"one graph"`` how well another graph finds the
        pairs that respond; ``"pairs"`` how many were measured (``view`` ``"measured"``) and respond
        (``"responding"``) in a group of pairs, ``variant`` being the kind and the group.
    """
    tables = [_anatomy(atlas, n_nulls), _one_graph(atlas), _pairs(atlas)]
    table = pd.concat(tables, ignore_index=True)
    return in_columns(table.assign(study=_STUDY, network="c_elegans"), COLUMNS)


def run(folder: str | Path | None = None, results: Path = RESULTS) -> pd.DataFrame:
    """Compute the scores and write their files.

    Parameters
    ----------
    folder : str or Path, optional
        As for :func:`studies.worm_atlas_data.worm_atlas`.
    results : Path
        Where ``worm_atlas.parquet`` (the scores) and ``worm_atlas.json`` (where they come from) go.

    Returns
    -------
    DataFrame
        As from :func:`load`.
    """
    table = scores(worm_atlas(folder))
    packages = ("lgl_core", "numpy", "scipy", "pandas", "h5py")
    record = {
        "study": _STUDY,
        "question": "Does the wiring of the worm tell who answers whom?",
        "command": COMMAND,
        "source": source_hash(f"studies.{Path(__file__).stem}"),
        "machine": machine(packages),
        **commit(Path(__file__).parent),
        "data": SOURCE,
        "configuration": {
            "responds_below": _BELOW,
            "smallest_q": _SMALLEST_Q,
            "nulls": list(_NULLS),
            "n_nulls": _N_NULLS,
            "seed": _SEED,
        },
    }
    content = table_content(table, labels=["null"], digits=6)
    write_results(results, _STUDY, record, {"table": content})
    return load(results)


def load(results: Path = RESULTS) -> pd.DataFrame:
    """Read the scores; columns and rows as from :func:`scores`, blanks as empty strings.

    Raises
    ------
    FileNotFoundError
        If they have not been computed.
    ValueError
        If their record is of another table.
    """
    return read_table(read_results(results, _STUDY, "table", COMMAND)[1])


def provenance(results: Path = RESULTS) -> dict[str, Any]:
    """Read where the scores come from: data, configuration, versions, machine, date."""
    return read_results(results, _STUDY, "table", COMMAND)[0]


def origin(results: Path = RESULTS) -> str:
    """Tell a reader in two lines what is asked, and what made the scores."""
    found = provenance(results)
    return (
        f"{_STUDY}: {found['question']}\n  made on {found['machine']['date']} by {found['command']}"
    )


def areas(table: pd.DataFrame) -> pd.DataFrame:
    """Take the areas of anatomy and function from the scores, for their figure.

    Parameters
    ----------
    table : DataFrame
        As from :func:`scores` or :func:`load`.

    Returns
    -------
    DataFrame
        As from :func:`studies.worm_atlas_scores.mutual_scores`, with the kind of connection as
        ``name``.
    """
    rows = table[table["method"] == "anatomy"].rename(
        columns={"variant": "name", "view": "question"}
    )
    alone = rows[rows["null"] == "strengths only"].rename(columns={"value": "strengths_only"})
    rows = rows[rows["null"] != "strengths only"]
    columns = ["name", "question", "value", "null", "null_mean", "null_sd"]
    keys = ["name", "question"]
    return rows[columns].merge(alone[[*keys, "strengths_only"]], on=keys, how="left")


def single_areas(table: pd.DataFrame) -> pd.Series[float]:
    """Take the areas of the other graphs, by name, from a table as for :func:`areas`."""
    return table[table["method"] == "one graph"].set_index("variant")["value"]


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Take the counts of pairs from a table as for :func:`areas`.

    Returns
    -------
    DataFrame
        One row per group of pairs: ``name`` (the kind), ``connections`` (the group), ``n_pairs``
        (those measured) and ``n_responding``.
    """
    counts = table[table["method"] == "pairs"]
    wide = counts.pivot_table("value", "variant", "view", sort=False).astype(int)
    wide = wide.rename(columns={"measured": "n_pairs", "responding": "n_responding"})
    labels = (
        wide.index.to_series()
        .str.split(": ", expand=True)
        .set_axis(["name", "connections"], axis=1)
    )
    return pd.concat([labels, wide], axis=1).reset_index(drop=True).rename_axis(columns=None)


def twins() -> NDArray[np.bool_]:
    """Tell which pairs are the left and the right neuron of one name.

    Returns
    -------
    ndarray of bool, shape (279, 279)
        Symmetric, False on the diagonal.
    """
    names = np.array(c_elegans_neurons())
    mirrored = np.array([name[:-1] + {"L": "R", "R": "L"}.get(name[-1], "-") for name in names])
    return names[:, None] == mirrored


def _kinds() -> dict[str, NDArray[np.float64]]:
    return {"synapses": c_elegans_synapses(), "gap junctions": c_elegans_gap_junctions()}


def _both(kinds: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.sum(list(kinds.values()), axis=0)


def _anatomy(atlas: WormAtlas, n_nulls: int) -> pd.DataFrame:
    """Score each kind of connection, and both, against the responses, and the other way round."""
    kinds, responds = _kinds(), atlas.responds(_BELOW)
    sure = np.where(atlas.measured, -np.log10(np.maximum(atlas.q, _SMALLEST_Q)), np.nan)
    tables: list[pd.DataFrame] = []
    for name, counts in (kinds | {"both": _both(kinds)}).items():
        found = pd.concat(
            [mutual_scores(counts, sure, responds, null, n_nulls, _SEED) for null in _NULLS]
        )
        alone = found.dropna(subset="strengths_only").drop_duplicates("question")
        alone = alone[["question", "strengths_only"]].set_axis(["question", "value"], axis=1)
        found = found.drop(columns="strengths_only")  # they are rows of their own
        tables.append(pd.concat([found, alone.assign(null="strengths only")]).assign(variant=name))
    table = pd.concat(tables).rename(columns={"question": "view"})
    return table.assign(method="anatomy", score="auc")


def _one_graph(atlas: WormAtlas) -> pd.DataFrame:
    """Find the pairs that respond by what is no wiring, or not the right one."""
    kinds, responds, measured = _kinds(), atlas.responds(_BELOW), atlas.measured
    both = _both(kinds)
    graphs = {
        "synapses, turned round": (kinds["synapses"].T, measured),
        "both, the twins left out": (both, measured & ~twins()),
        "how often it was measured": (atlas.trials, measured),
        "strongest senders": (np.broadcast_to(responds.sum(axis=0), responds.shape), measured),
        "readiest receivers": (
            np.broadcast_to(responds.sum(axis=1)[:, None], responds.shape),
            measured,
        ),
    }
    return pd.DataFrame(
        {
            "method": "one graph",
            "variant": list(graphs),
            "view": FINDS_FUNCTION,
            "score": "auc",
            "value": [auc_where_measured(g, responds, where) for g, where in graphs.values()],
        }
    )


def _pairs(atlas: WormAtlas) -> pd.DataFrame:
    """Count the pairs that were measured, and those that respond, in groups."""
    kinds, mirrored = _kinds(), twins()
    groups = {
        f"{name}: {group}": (counts >= least) & (counts <= most)
        for name, counts in kinds.items()
        for group, (least, most) in GROUPS.items()
    }
    groups |= {f"{name}: any": counts > 0 for name, counts in kinds.items()}
    groups |= {
        "all: any or none": np.ones_like(mirrored),
        "all: none": _both(kinds) == 0,
        "twins: any or none": mirrored,
        "twins: gap junctions": mirrored & (kinds["gap junctions"] > 0),
    }
    views = {"measured": atlas.measured, "responding": atlas.responds(_BELOW)}
    rows = [
        (name, view, np.count_nonzero(group & which))
        for name, group in groups.items()
        for view, which in views.items()
    ]
    table = pd.DataFrame(rows, columns=["variant", "view", "value"])
    return table.assign(method="pairs", score="count")


def main() -> None:
    """Compute the scores of the worm's wiring and measured responses, into results/."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", help="where funatlas.h5 is, or goes to")
    table = run(parser.parse_args().folder)
    print(f"{RESULTS / _STUDY}.parquet: {len(table)} scores")
