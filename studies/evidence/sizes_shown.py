"""What the page on data and model size shows: where scores saturate, and the published size."""

from __future__ import annotations

import pandas as pd

from lgl_core.metrics.scores import paper_table_1
from lgl_core.transformer.model import Neuroformer, preset
from lgl_core.transformer.tokens import IntervalVocabulary
from studies.evidence.report import as_published, chosen, with_settings
from studies.evidence.rules import BY_CORRELOGRAM, picks
from studies.names import CORRELATIONS, READING_NAMES
from studies.plans import DEFAULT_SIZES, STUDIES
from studies.points import EQUAL_ROWS, EXCESS_SHARES, Recording
from studies.rows import labels_of, with_names

__all__ = [
    "LARGE",
    "LARGE_MEAN",
    "along_size",
    "by_model_size",
    "ends_along",
    "layers_taken",
    "n_weights",
    "of_published_size",
    "published_beside_laptop",
    "saturation",
]

# Labels of the published size: one model, and the mean of three.
LARGE = labels_of("attention", model="interval", size="paper")
LARGE_MEAN = LARGE | {"n_models": 3}

_NEARLY = 0.02  # a gain below is none


def saturation(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Tell from which size on nothing more is gained.

    Parameters
    ----------
    rows : DataFrame
        ``view``, ``name``, ``value`` and ``x``, of one score.
    x : str
        Column of the size.

    Returns
    -------
    DataFrame
        A row per view and name, with the mean score at each size and ``enough from``: the
        smallest size from which on no larger one has 0.02 more, or why there is none.
    """
    wide = rows.pivot_table("value", ["view", "name"], x, sort=False)
    wide = wide.sort_index(axis=1)
    return wide.assign(**{"enough from": wide.apply(_enough_from, axis=1)})


def _enough_from(line: pd.Series) -> str:
    line = line.dropna().sort_index()
    if len(line) < 3:
        return "too few sizes"
    if line.iloc[-1] - line.iloc[-2] >= _NEARLY:
        return "not seen"
    still_to_gain = line[::-1].cummax()[::-1] - line
    return f"{still_to_gain.index[still_to_gain < _NEARLY][0]:g}"


def ends_along(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Give the mean score of each view and name at the smallest and at the largest ``x``."""
    means = rows.dropna(subset="value").groupby(["view", "name", x])["value"].mean()
    lines = means.groupby(level=["view", "name"])
    return pd.DataFrame({"smallest": lines.first(), "largest": lines.last()})


def by_model_size(table: pd.DataFrame) -> pd.DataFrame:
    """Say of each model on the default network how large it is, and of each graph how it is read.

    Parameters
    ----------
    table : DataFrame
        As from :func:`studies.results.load`, of the study ``model_size``.

    Returns
    -------
    DataFrame
        With a column for each of ``DEFAULT_SIZES`` (:mod:`studies.plans`) and ``name``, the time
        embedding and the reading. Graphs whose rows were made equal are left out.
    """
    found = with_settings(table, STUDIES["model_size"].points(), **DEFAULT_SIZES)
    found = chosen(found, network=Recording().label)
    found = found[found["reading"] != EQUAL_ROWS]
    # What differs from the usual size is shown along an axis, not in the name.
    names = with_names(found.assign(changes=""))["name"]
    return found.assign(name=names.str.replace(EXCESS_SHARES, READING_NAMES[EXCESS_SHARES]))


def along_size(models: pd.DataFrame, x: str, view: list[str]) -> pd.DataFrame:
    """Keep the models of which one size alone varies, and what they know averaged over layers.

    The models are as from :func:`by_model_size`; all of ``DEFAULT_SIZES`` but ``x`` have their
    defaults. What is kept are Spearman correlations of these views.
    """
    others = {name: value for name, value in DEFAULT_SIZES.items() if name != x}
    return chosen(models, view=view, score="spearman", layer="all", head="all", **others)


def layers_taken(models: pd.DataFrame) -> pd.DataFrame:
    """Put the loss of each model beside the layer that is most like the cross-correlogram.

    Parameters
    ----------
    models : DataFrame
        As from :func:`by_model_size`.

    Returns
    -------
    DataFrame
        By name: ``held-out loss`` in nats per spike, ``layer taken`` and its ``co-input``
        (Spearman), as the paper reads attention.
    """
    loss = with_names(chosen(models, view="visible", score="held-out neuron", layer="all"))
    taken = chosen(picks(as_published(models)), rule=BY_CORRELOGRAM)
    beside = loss.merge(taken, on="name", suffixes=("_loss", "")).set_index("name")
    return beside[["value_loss", "layer", "value"]].rename(
        columns={"value_loss": "held-out loss", "layer": "layer taken", "value": "co-input"}
    )


def n_weights(size: str) -> int:
    """Count the weights of a model for the default network; ``size`` is that of a preset."""
    vocabularies = {
        "n_neurons": Recording().network().n_neurons,
        "n_classes": IntervalVocabulary().n_classes,
    }
    return sum(part.numel() for part in Neuroformer(preset(size, **vocabularies)).parameters())


def of_published_size(model_size: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Stack the laptop's model and those of the published size, read as in the paper."""
    usual = chosen(model_size, **labels_of("attention", model="interval"))
    return as_published(pd.concat([usual, published]))


def published_beside_laptop(models: pd.DataFrame) -> pd.DataFrame:
    """Put models of the published size beside the laptop's and Table 1 of the paper.

    Parameters
    ----------
    models : DataFrame
        As from :func:`of_published_size`.

    Returns
    -------
    DataFrame
        By ``name`` and ``model_seed``: both correlations of edges and co-input, averaged over
        layers, and the held-out loss. The last row is the paper's.
    """
    values = {"view": ["true", "co_input"], "score": CORRELATIONS}
    models = with_names(models)
    whole = chosen(models, layer="all", head="all", rows="predicted", **values)
    found = whole.pivot_table("value", ["name", "model_seed"], ["view", "score"], sort=False)
    losses = chosen(models, view="visible", score="held-out neuron", layer="all")
    found["held-out loss", ""] = losses.set_index(["name", "model_seed"])["value"]
    paper = chosen(paper_table_1(), method="attention", **values)
    found.loc[("Table 1 of the paper", ""), :] = paper.set_index(["view", "score"])["value"]
    return found
