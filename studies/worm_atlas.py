"""Points of the study that asks whether the wiring of the worm tells who answers whom.

Its point is computed from the measured atlas, which is fetched if it is not there. Graphs are
``[post, pre]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.networks.topologies import c_elegans_neurons
from studies.rows import in_columns, labels_of
from studies.worm_atlas_data import (
    SOURCE,
    WormAtlas,
    c_elegans_gap_junctions,
    c_elegans_synapses,
    worm_atlas,
    worm_atlas_file,
)
from studies.worm_atlas_scores import FINDS_FUNCTION, auc_where_measured, mutual_scores

__all__ = ["GROUPS", "WormWiring", "areas", "pairs", "scores", "single_areas", "twins"]

_BELOW = 0.05  # false discovery rate under which a pair responds; the article's
_SEED = 0
_SMALLEST_Q = 1e-12
_NULLS: tuple[Literal["permuted", "degrees"], ...] = ("permuted", "degrees")
# Connections from one to the other: least and most of a group.
GROUPS = {"none": (0, 0), "1": (1, 1), "2": (2, 2), "3 to 5": (3, 5), "6 and more": (6, np.inf)}


@dataclass(frozen=True, kw_only=True)
class WormWiring:
    """The wiring of the worm beside its measured responses.

    Parameters
    ----------
    n_nulls : int
        Null graphs per score.
    data : str
        SHA-256 of the file of the atlas.
    """

    n_nulls: int = 200
    data: str = SOURCE["sha256"]

    @property
    def is_ready(self) -> bool:
        """Whether the atlas is on this machine."""
        return worm_atlas_file() is not None

    def rows(self) -> pd.DataFrame:
        """Scores of wiring and responses against each other, and counts of pairs."""
        return scores(worm_atlas(), self.n_nulls)


def scores(atlas: WormAtlas, n_nulls: int) -> pd.DataFrame:
    """Score wiring and measured responses against each other, and count pairs.

    Parameters
    ----------
    atlas : WormAtlas
    n_nulls : int
        Null graphs per score.

    Returns
    -------
    DataFrame
        Columns as in the other studies. By ``method``: ``"anatomy"`` has the areas of
        :func:`studies.worm_atlas_scores.mutual_scores` by kind of connection (``reading``) and
        question (``view``), with the three nulls; ``"one graph"`` how well another graph finds the
        pairs that respond; ``"pairs"`` how many were measured (``view`` ``"measured"``) and respond
        (``"responding"``), by the kind and the group of them that is ``kept``.
    """
    tables = [_anatomy(atlas, n_nulls), _one_graph(atlas), _pairs(atlas)]
    return in_columns(pd.concat(tables, ignore_index=True).assign(network="c_elegans"))


def areas(table: pd.DataFrame) -> pd.DataFrame:
    """Take the areas of anatomy and function from the scores, for their figure.

    Parameters
    ----------
    table : DataFrame
        As from :func:`scores`.

    Returns
    -------
    DataFrame
        As from :func:`studies.worm_atlas_scores.mutual_scores`, with the kind of connection as
        ``name``.
    """
    rows = table[table["method"] == "anatomy"].rename(
        columns={"reading": "name", "view": "question"}
    )
    alone = rows[rows["null"] == "strengths only"].rename(columns={"value": "strengths_only"})
    rows = rows[rows["null"] != "strengths only"]
    columns = ["name", "question", "value", "null", "null_mean", "null_sd"]
    keys = ["name", "question"]
    return rows[columns].merge(alone[[*keys, "strengths_only"]], on=keys, how="left")


def single_areas(table: pd.DataFrame) -> pd.Series[float]:
    """Take the areas of the other graphs, by name, from a table as for :func:`areas`."""
    return table[table["method"] == "one graph"].set_index("reading")["value"]


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Take the counts of pairs from a table as for :func:`areas`.

    Returns
    -------
    DataFrame
        One row per group of pairs: ``name`` (the kind), ``connections`` (the group), ``n_pairs``
        (those measured) and ``n_responding``.
    """
    counts = table[table["method"] == "pairs"]
    counts = counts.rename(columns={"reading": "name", "kept": "connections"})
    found = [
        counts[counts["view"] == view]
        .set_index(["name", "connections"])["value"]
        .astype(int)
        .rename(name)
        for view, name in (("measured", "n_pairs"), ("responding", "n_responding"))
    ]
    return pd.concat(found, axis=1).reset_index()


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
        found = pd.concat([found, alone.assign(null="strengths only")])
        tables.append(found.assign(**labels_of("anatomy", reading=name)))
    return pd.concat(tables).rename(columns={"question": "view"}).assign(score="auc")


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
    rows = [
        labels_of("one graph", reading=name) | {"value": auc_where_measured(graph, responds, where)}
        for name, (graph, where) in graphs.items()
    ]
    return pd.DataFrame(rows).assign(view=FINDS_FUNCTION, score="auc")


def _pairs(atlas: WormAtlas) -> pd.DataFrame:
    """Count the pairs that were measured, and those that respond, in groups."""
    kinds, mirrored = _kinds(), twins()
    groups = {
        (name, group): (counts >= least) & (counts <= most)
        for name, counts in kinds.items()
        for group, (least, most) in GROUPS.items()
    }
    groups |= {(name, "any"): counts > 0 for name, counts in kinds.items()}
    groups |= {
        ("all", "any or none"): np.ones_like(mirrored),
        ("all", "none"): _both(kinds) == 0,
        ("twins", "any or none"): mirrored,
        ("twins", "gap junctions"): mirrored & (kinds["gap junctions"] > 0),
    }
    views = {"measured": atlas.measured, "responding": atlas.responds(_BELOW)}
    rows = [
        labels_of("pairs", reading=name, kept=group)
        | {"view": view, "value": np.count_nonzero(pairs & which)}
        for (name, group), pairs in groups.items()
        for view, which in views.items()
    ]
    return pd.DataFrame(rows).assign(score="count")
