"""What models know of what can be known, and foresee of what is changed, as claims."""

from __future__ import annotations

from typing import Any

import pandas as pd

from studies.attainable import BINS, WHO
from studies.evidence.attainable_shown import OURS, SMALL, THEIRS, gains
from studies.evidence.fitted_shown import readings_by_share
from studies.evidence.intervals import Mean, means_by
from studies.evidence.recurrent_shown import GRAPH_SCORES, scores_of_graphs
from studies.evidence.report import chosen
from studies.evidence.silenced_shown import over_networks
from studies.evidence.verdicts import Claim, Finding, Tables, verdict_of
from studies.evidence.voltages_shown import MEAN_ATTENTION, ahead, areas
from studies.evidence.voltages_shown import means as means_of_areas
from studies.recurrent import STRONGEST

__all__ = ["CLAIMS_OF_FIT"]

# More than this is most of what can be known.
_MOST_OF_IT = 0.5
_MODELS = ("interval", "rotary")


def _mean_of(table: pd.DataFrame, *key: Any) -> Mean:
    """Take a mean over networks out of a table."""
    row = table.loc[key]
    return Mean(float(row["mean"]), float(row["low"]), float(row["high"]), int(row["n"]))


def _knows_most(tables: Tables) -> Finding:
    """Whether transformers know most of who fires next, on both networks."""
    table = gains(tables("attainable"), tables("seeds"), tables("original_network"))
    group = ["network", "name", "what"]
    shares = means_by(table, group, "share").set_index(group)
    checks, measured = [], []
    for network in (OURS, THEIRS):
        parts = []
        for name, what in (*((model, WHO) for model in _MODELS), ("GLM", BINS)):
            mean = _mean_of(shares, network, name, what)
            parts.append(f"{name} {mean}")
            if name != "GLM":
                checks.append(bool(mean.low > _MOST_OF_IT))
        measured.append(f"{network}: {', '.join(parts)}")
    return Finding(
        f"share of what can be known of the next spike, {'; '.join(measured)}",
        "0",
        verdict_of(checks, f"intervals of both transformers above {_MOST_OF_IT}, on each"),
    )


def _read_once_fitted(tables: Tables) -> Finding:
    """Whether readings rise with what a model knows: of edges off the hubs, which are hard."""
    table = readings_by_share(tables("fitted"), tables("attainable"), "pearson", "true_off_hubs")
    checks, measured = [], []
    for model, rows in table.groupby("model", sort=False):
        parts = []
        for name in ("attention", "excess attention", "influence", "relevance"):
            mine = rows[rows["name"] == name].sort_values("share")
            first, last = mine.iloc[0], mine.iloc[-1]
            checks.append(bool(last["low"] > first["high"]))
            parts.append(f"{name} {first['mean']:.2f} to {last['mean']:.2f}")
        least, most = (
            round(share, 2) + 0.0 for share in (rows["share"].min(), rows["share"].max())
        )
        measured.append(f"{model}, knowing {least:.0%} to {most:.0%}: {', '.join(parts)}")
    return Finding(
        f"edges off the hubs of small networks, Pearson, {'; '.join(measured)}",
        f"{table['null_mean'].mean():.2f}",
        verdict_of(checks, "intervals of least and most fitted models apart, each reading"),
    )


def _foresees_hubs(tables: Tables) -> Finding:
    """Whether models that go on foresee what happens when a hub falls silent."""
    table = over_networks(tables("silenced"))
    table = table[table["what"] == "hubs"].set_index(["source", "name"])
    checks, measured = [], []
    for source in (OURS, THEIRS, SMALL):
        parts = []
        for name in ("GLM, going on", *(f"{model}, going on" for model in _MODELS)):
            if (source, name) not in table.index:
                continue
            mean = _mean_of(table, source, name)
            checks.append(bool(mean.mean > _MOST_OF_IT))
            parts.append(f"{name} {mean}")
        measured.append(f"{source}: {', '.join(parts)}")
    return Finding(
        f"correlation with the true changes of all rates, {'; '.join(measured)}",
        "0",
        verdict_of(checks, f"above {_MOST_OF_IT}, each model on each network it was asked on"),
    )


def _correlation_misleads(tables: Tables) -> Finding:
    """Whether each method lists more false synapses in a pattern than at weaker coupling."""
    scores = scores_of_graphs(tables("recurrence"))
    false = scores[scores["what"] == GRAPH_SCORES["fdr", STRONGEST]]
    checks, measured = [], []
    for name, rows in false.groupby("name", sort=False):
        by_strength = rows.sort_values("strength")
        best, last = by_strength.iloc[by_strength["mean"].argmin()], by_strength.iloc[-1]
        checks.append(bool(last["low"] > best["high"] and last["mean"] >= 2 * best["mean"]))
        measured.append(f"{name} {best['mean']:.0%} to {last['mean']:.0%}")
    return Finding(
        "false ones of as many pairs as there are synapses, from the strength at which they are "
        f"fewest to the strongest: {', '.join(measured)}",
        "0",
        verdict_of(checks, "twice as many in the strongest pattern, intervals apart, each method"),
    )


def _attention_of_voltages(tables: Tables) -> Finding:
    """Whether attention finds the wiring in voltages, and better than a regression does."""
    found = areas(tables("voltages"))
    attention, granger = ("voltages", MEAN_ATTENTION), ("voltages", "Granger causality")
    public = chosen(found, simulator="izhikevich")
    means = means_of_areas(public, []).set_index(["source", "name"])
    known, beside = _mean_of(means, *attention), ahead(found, attention, granger)
    return Finding(
        f"area under ROC, attention on voltages {known}, ahead of Granger causality by {beside}",
        "0.50; 0",
        verdict_of([known.low > 0.5, beside.low > 0], "above chance, and ahead of it"),
    )


def _energy_shows_it(tables: Tables) -> Finding:
    """Whether the energy of gradients tells who is connected, and better than attention does."""
    table = readings_by_share(tables("fitted"), tables("attainable"), "auc", "abs")
    mine = chosen(table, model="rotary").set_index(["model", "name"])
    most = mine[mine["share"] == mine["share"].max()]
    energy, attention = (_mean_of(most, "rotary", n) for n in ("gradient energy", "attention"))
    checks = [energy.low > 0.5, energy.low > attention.high]
    return Finding(
        f"area under ROC, in the models that know most: gradient energy {energy}, attention "
        f"{attention}",
        "0.50",
        verdict_of(checks, "above chance; intervals apart"),
    )


CLAIMS_OF_FIT = [
    Claim(
        "ours",
        "Transformers know most of what can be known of the next spike",
        "known-share",
        _knows_most,
    ),
    Claim(
        "ours",
        "Readings show more of the wiring, the more a model knows",
        "known-read",
        _read_once_fitted,
    ),
    Claim(
        "ours",
        "A model that goes on foresees what happens when a hub falls silent",
        "silent-methods",
        _foresees_hubs,
    ),
    Claim(
        "Das and Fiete, 2020",
        "Where recurrence is strong, methods take correlation for connection",
        "ring-graphs",
        _correlation_misleads,
    ),
    Claim(
        "Lu et al., 2023",
        "Attention finds the wiring in voltages, better than Granger causality",
        "others-voltages",
        _attention_of_voltages,
    ),
    Claim(
        "Wang et al., 2026",
        "The energy of gradients shows the wiring where attention misleads",
        "known-read",
        _energy_shows_it,
    ),
]
