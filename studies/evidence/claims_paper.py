"""The claims of the paper and of its summary, and what the studies say of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.claims_beyond import CLAIMS_BEYOND
from studies.evidence.claims_of_fit import CLAIMS_OF_FIT
from studies.evidence.claims_settings import CLAIMS_OF_SETTINGS
from studies.evidence.claims_table_1 import MODEST, TABLE_1
from studies.evidence.intervals import Difference, mean_interval
from studies.evidence.report import both, chosen, difference, mean_shown, per_network, shown
from studies.evidence.rules import ALL_LAYERS, BY_CORRELOGRAM, BY_LAG, ORACLE, rules
from studies.evidence.verdicts import (
    ATTENTION,
    CCG,
    EQUAL,
    EXCESS,
    GLM,
    GLM_AREA,
    LAST_LAYER,
    ROTARY,
    ROTARY_EXCESS,
    Claim,
    Finding,
    Tables,
    above_null,
    beyond_null,
    means_of,
    null_of,
    null_spread,
    verdict_of,
    z_values,
)
from studies.names import NETWORK_NAMES, READING_NAMES
from studies.points import EQUAL_ROWS, Recording
from studies.rows import labels_of

__all__ = ["CLAIMS", "OF_ATTENTION", "WITHOUT_MODEL"]

_EXCESS_NAME = READING_NAMES[EXCESS["reading"]]
# Rows of the report card's first table, all from the study of seeds.
OF_ATTENTION: dict[str, dict[str, Any]] = {
    "attention, as the paper reads it": ATTENTION,
    "the same, rows made equal": EQUAL,
    _EXCESS_NAME: EXCESS,
    "attention, rotary": ROTARY,
    f"{_EXCESS_NAME} of rotary": ROTARY_EXCESS,
    "attention, rotary, first layer": ROTARY | {"layer": "1"},
    "attention, rotary, last layer": LAST_LAYER,
}
WITHOUT_MODEL: dict[str, dict[str, Any]] = {
    "GLM, peak of the filters (the paper's)": GLM,
    "GLM, area of the filters": GLM_AREA,
    "cross-correlogram at 1 to 4 ms": CCG,
    "product of the mean rates": {"method": "rates"},
    "the truth, its strengths alone": labels_of("truth", reading="strengths only"),
}


# --- claims of the paper -----------------------------------------------------------------------


def _modest_edges(tables: Tables) -> Finding:
    table = tables("seeds")
    measured = [f"{name} {shown(table, view='true', **labels)}" for name, labels in _BOTH]
    means = [means_of(table, view="true", **labels) for _, labels in _BOTH]
    return Finding(
        "; ".join(measured),
        f"{null_spread(table, view='true', **GLM)}",
        verdict_of(
            [bool(((m > 0) & (m < MODEST)).all()) for m in means],
            f"correlations between 0 and {MODEST}",
        ),
    )


def _glm_ahead_on_edges(tables: Tables) -> Finding:
    return _comparison(tables("seeds"), GLM | {"view": "true"}, ATTENTION | {"view": "true"})


def _co_input_above_edges(tables: Tables) -> Finding:
    table = tables("seeds")
    found = {
        name: difference(table, labels | {"view": "co_input"}, labels | {"view": "true"})
        for name, labels in _BOTH
    }
    measured = "; ".join(f"{name} {both(pair)}" for name, pair in found.items())
    apart = tuple(d for pair in found.values() for d in pair.values())
    verdict = verdict_of(d.verdict == "ahead" for d in apart)
    return Finding(f"co-input minus edges: {measured}", "0", verdict, apart)


def _attention_ahead_on_co_input(tables: Tables) -> Finding:
    table = tables("seeds")
    finding = _comparison(table, ATTENTION | {"view": "co_input"}, GLM | {"view": "co_input"})
    rotary = difference(table, ROTARY | {"view": "co_input"}, GLM | {"view": "co_input"})
    return finding._replace(measured=f"{finding.measured}; rotary instead {both(rotary)}")


def _magnitudes_poor(tables: Tables) -> Finding:
    table = tables("seeds")
    apart: list[Difference] = []
    measured = []
    for name, labels in _BOTH:
        pair = difference(table, labels | {"view": "abs"}, labels | {"view": "true"})
        measured.append(f"{name} {both(pair)}")
        apart += pair.values()
    text = "magnitudes minus signed edges: " + "; ".join(measured)
    return Finding(text, "0", verdict_of(d.verdict == "behind" for d in apart), tuple(apart))


def _strong_co_input(tables: Tables) -> Finding:
    """Whether every training reaches the paper's Spearman, or at least beats the null."""
    rows = chosen(tables("seeds"), view="co_input", score="spearman", **ATTENTION)
    (paper,) = chosen(paper_table_1(), method="attention", view="co_input", score="spearman")[
        "value"
    ]
    values, known = rows["value"].to_numpy(), beyond_null(rows)
    reach = values >= paper
    measured = (
        f"Spearman of {len(values)} trainings: {values.min():.2f} to {values.max():.2f}, "
        f"mean {values.mean():.2f}; {known.sum()} above the null, {reach.sum()} reach {paper:.2f}"
    )
    equal = chosen(tables("seeds"), view="co_input", score="spearman", **EQUAL)
    measured += (
        f"; each row divided by its sum: {equal['value'].min():.2f} to {equal['value'].max():.2f}"
    )
    null = null_of(rows)
    return Finding(measured, null, verdict_of([bool(reach.all()), bool(known.all())]))


def _beyond_strengths(tables: Tables) -> Finding:
    """Take away from co-input what the strengths of the same graph explain."""
    table = chosen(tables("nulls"), view="co_input", network="hub_network", score="spearman")
    random, checks, measured = [], [], []
    for name, labels in (("attention", ATTENTION), ("rotary", ROTARY), ("GLM", GLM)):
        full, alone = (
            chosen(table, null=null, **labels).set_index("network_seed")
            for null in ("strengths", "strengths only")
        )
        z = z_values(full)
        measured.append(f"{name} {full['value'].mean():.2f}, alone {alone['value'].mean():.2f}")
        random.append(f"{name} {full['null_mean'].mean():.2f}, z {z.mean():.0f}")
        # A graph that knows nothing is at zero: strengths that point the wrong way are no merit.
        gain = full["value"] - alone["value"].clip(lower=0)
        by_more = mean_interval(gain).low > 2 * full["null_sd"].mean()
        checks.append(by_more and bool(beyond_null(full).all()))
    verdict = verdict_of(
        checks,
        "above graphs of the same strengths in each network, and above the strengths alone, or "
        "zero, by more than the null spreads",
    )
    return Finding(
        f"Spearman, and that of a graph's own strengths: {'; '.join(measured)}",
        f"strengths kept: {'; '.join(random)}",
        verdict,
    )


def _off_the_hubs(tables: Tables) -> Finding:
    table = chosen(tables("seeds"), view="co_input_off_hubs")
    labels = {"attention": ATTENTION, "rotary": ROTARY, _EXCESS_NAME: EXCESS}
    labels |= {f"{_EXCESS_NAME} of rotary": ROTARY_EXCESS, "GLM": GLM}
    measured = "; ".join(f"{name} {shown(table, **x)}" for name, x in labels.items())
    known = [all(above_null(table, **x)) for x in (ATTENTION, ROTARY, EXCESS, ROTARY_EXCESS)]
    return Finding(
        f"hubs' columns removed: {measured}",
        null_spread(table, **ATTENTION),
        verdict_of(known, "attention above its null off the hubs, in each reading"),
    )


def _signs(tables: Tables) -> Finding:
    rows = chosen(tables("seeds"), view="true", score="sign_agreement")
    means = [per_network(chosen(rows, **x), ["method"])["value"] for x in (GLM, ATTENTION)]
    glm, attention = map(mean_interval, means)
    return Finding(
        f"right sign at {glm.mean:.0%} of the synapses for the GLM, {attention.mean:.0%} for "
        f"attention (n = {glm.n} and {attention.n})",
        f"{attention.mean:.0%}, the share of excitatory synapses: attention knows no other sign",
        verdict_of([glm.low > attention.high], "the GLM's interval above attention's"),
    )


def _hubs_found(tables: Tables) -> Finding:
    rows = chosen(tables("seeds"), view="hubs", score="found")
    shares = {n: chosen(rows, **x)["value"].mean() for n, x in (*_BOTH, ("rotary", ROTARY))}
    network = Recording().network()
    measured = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return Finding(
        f"hubs among the {len(network.hubs)} strongest columns: {measured}",
        f"{len(network.hubs) / network.n_neurons:.0%}",
        verdict_of(share == 1 for share in shares.values()),
    )


def _simple_method(tables: Tables) -> Finding:
    table = tables("seeds")
    edges = difference(table, ATTENTION | {"view": "true"}, CCG | {"view": "true"})
    inputs = difference(table, ATTENTION | {"view": "co_input"}, CCG | {"view": "co_input"})
    own = f"{shown(table, view='true', **CCG)}, co-input {shown(table, view='co_input', **CCG)}"
    apart = (*edges.values(), *inputs.values())
    return Finding(
        f"cross-correlogram: edges {own}; attention minus it: edges {both(edges)}, "
        f"co-input {both(inputs)}",
        "0",
        verdict_of(d.verdict == "ahead" for d in apart),
        apart,
    )


# --- claims of the summary ---------------------------------------------------------------------


def _layers_differ(tables: Tables) -> Finding:
    """First experiment of the summary: early layers for edges, late ones for higher order."""
    table, checks, measured = tables("seeds"), [], []
    for name, labels in (("interval", ATTENTION), ("rotary", ROTARY)):
        best = {}
        for view in ("true", "co_input"):
            rows = chosen(
                table, view=view, score="spearman", **(labels | {"layer": ["1", "2", "3"]})
            )
            means = per_network(rows, ["layer"]).groupby("layer")["value"].mean()
            best[view] = str(means.idxmax())
            text = ", ".join(f"{value:.2f}" for value in means)
            measured.append(f"{name}, {_VIEWS[view]}, layers 1 to 3: {text}")
        checks.append(best["true"] < best["co_input"])
    return Finding("Spearman: " + "; ".join(measured), "0", verdict_of(checks))


def _loss_tells(tables: Tables) -> Finding:
    """Whether a low co-input score is a sign of a model that failed to learn."""
    table = tables("seeds")
    keys = ["network_seed", "model_seed"]
    co_input = chosen(table, view="co_input", score="spearman", **ATTENTION).set_index(keys)
    loss = chosen(table, view="visible", score="held-out neuron", **ATTENTION).set_index(keys)
    pair = pd.concat([co_input["value"], loss["value"]], axis=1, keys=["co_input", "loss"])
    # Each network has a loss of its own: only trainings on the same spikes can be compared.
    pair = pair.groupby("network_seed").filter(lambda trainings: len(trainings) > 1)
    if pair.empty:
        return Finding("needs a second training on a network", "", "**open**")
    within = pair - pair.groupby("network_seed").transform("mean")
    rho = float(within["loss"].corr(within["co_input"], method="spearman"))
    failed = int((pair["co_input"] < np.sqrt(_LOW)).sum())
    measured = (
        f"{failed} of {len(pair)} trainings fall below r² = {_LOW}; on the same spikes their "
        f"held-out losses lie within {within['loss'].abs().max():.3f} nats of the mean, and "
        f"correlate with co-input at {rho:.2f}"
    )
    condition = f"a correlation below -{_CLEAR}: lower loss, more co-input"
    return Finding(measured, "0", verdict_of([rho < -_CLEAR], condition))


def _rule_tells(tables: Tables) -> Finding:
    table, checks, measured = tables("seeds"), [], []
    for model in ("interval", "rotary"):
        found = rules(chosen(table, **labels_of("attention", model=model))).set_index("rule")
        reached = found["reached"]
        measured.append(
            f"{model}: by synaptic lags {reached[BY_LAG]:.2f}, by the cross-correlogram "
            f"{reached[BY_CORRELOGRAM]:.2f}, mean of all layers {reached[ALL_LAYERS]:.2f}, best "
            f"layer {reached[ORACLE]:.2f}"
        )
        checks.append(bool(found["regret"][BY_LAG] < _CLOSE))
    verdict = verdict_of(
        checks, f"the layer with most attention at lags of a synapse costs < {_CLOSE}"
    )
    return Finding("co-input Spearman, " + "; ".join(measured), "0", verdict)


def _rows_made_equal(tables: Tables) -> Finding:
    """Count layers opposed to the truth, read as the paper does and with rows made equal."""
    table = chosen(tables("seeds"), method="attention", view="co_input", score="spearman")
    measured, checks = [], []
    for model in ("interval", "rotary"):
        texts = []
        for reading in ("", EQUAL_ROWS):
            mine = chosen(table, **labels_of("attention", model=model, reading=reading))
            rows = chosen(mine, layer=["1", "2", "3"])
            opposed = beyond_null(rows, side=-1)
            mean = mean_shown(chosen(mine, layer="all"))
            texts.append(f"{opposed.sum()} of {len(rows)} layers opposed, mean over layers {mean}")
        checks.append(not opposed.any())
        measured.append(f"{model}: {texts[0]}; rows made equal: {texts[1]}")
    null = null_of(table)
    verdict = verdict_of(checks, "no layer below its null once rows are equal")
    return Finding("; ".join(measured), null, verdict)


def _excess_shows(tables: Tables) -> Finding:
    """Compare the paper's reading with excess attention, with and without hubs."""
    table = chosen(tables("seeds"), score="spearman")
    kinds = chosen(tables("topologies"), score="spearman", view="co_input")
    measured, checks, apart = [], [], []
    for name, plain, excess in (
        ("interval", ATTENTION, EXCESS),
        ("rotary", ROTARY, ROTARY_EXCESS),
    ):
        texts = []
        for view, text in _VIEWS.items():
            one, other = (mean_shown(chosen(table, view=view, **x)) for x in (plain, excess))
            texts.append(f"{text} {one} → {other}")
        gained = difference(tables("seeds"), excess | {"view": "true"}, plain | {"view": "true"})
        checks.append(gained["spearman"].verdict == "ahead")
        apart.append(gained["spearman"])
        for network, mine in kinds.groupby("network", sort=False):
            (before,), (after,) = (chosen(mine, **x)["value"] for x in (plain, excess))
            kind = NETWORK_NAMES[str(network)]
            texts.append(f"co-input, {kind} {before:.2f} → {after:.2f}")
            known = bool(beyond_null(chosen(mine, **excess)).all())
            checks.append(bool(after > before) and known)
        measured.append(f"{name}: {', '.join(texts)}")
    null = null_of(kinds)
    condition = "edges gain; co-input of each other network gains and is above its null"
    verdict = verdict_of(checks, condition)
    return Finding(f"Spearman, {'; '.join(measured)}", null, verdict, tuple(apart))


_BOTH = (("GLM", GLM), ("attention", ATTENTION))
_VIEWS = {"true": "edges", "co_input": "co-input"}
_LOW = 0.3  # the summary's mark of failure
_CLOSE = 0.05  # a layer whose score falls short by less is as good as the best
_CLEAR = 0.5  # correlations of this size are called clear


def _comparison(table: pd.DataFrame, one: dict, other: dict) -> Finding:
    found = difference(table, one, other)
    text = f"{shown(table, **one)} against {shown(table, **other)}; difference {both(found)}"
    apart = tuple(found.values())
    return Finding(text, "0", verdict_of(d.verdict == "ahead" for d in apart), apart)


CLAIMS = [
    *(Claim("3.2", text, "intervals-table", test) for text, test in zip(TABLE_1, (
        _modest_edges, _glm_ahead_on_edges, _co_input_above_edges, _attention_ahead_on_co_input,
        _magnitudes_poor,
    ), strict=True)),
    Claim("4", "Attention aligns consistently, at a Spearman of 0.67", "intervals-trainings",
          _strong_co_input),
    Claim(
        "4", "Co-input alignment is more than who sends and receives much", "nulls-strengths",
        _beyond_strengths,
    ),
    Claim("4", "Attention holds higher-order structure of the network", "nulls-hubs",
          _off_the_hubs),
    Claim("3.1", "The GLM recovers signs more clearly", "intervals-more", _signs),
    Claim("A", "The hubs are found", "intervals-more", _hubs_found),
    Claim("1", "A trained model is needed: attention beats a one-line method", "nulls-one-line",
          _simple_method),
    Claim(
        "summary, experiment 2", "Early layers hold edges, later ones higher-order structure",
        "layers-seeds", _layers_differ,
    ),
    Claim(
        "summary, failure signatures", "A low co-input score means that the model failed",
        "layers-trust", _loss_tells,
    ),
    *CLAIMS_OF_SETTINGS,
    Claim("ours", "Layers opposed to the truth are an effect of weak rows, and can be set right",
          "layers-opposed", _rows_made_equal),
    Claim("ours", "Attention knows more than it shows: take off what is common to each column",
          "topologies-excess", _excess_shows),
    Claim("ours", "Which layer to trust can be told without the truth", "layers-trust",
          _rule_tells),
    *CLAIMS_BEYOND,
    *CLAIMS_OF_FIT,
]  # fmt: skip
