"""The questions that the paper leaves open, as claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from studies.drive import EDGE_ABOVE, PartialRecording
from studies.evidence.report import chosen, mean_shown, paired
from studies.evidence.verdicts import (
    ATTENTION,
    BOTH_READ,
    CCG,
    GLM_AREA,
    GRAPH_INSIDE,
    ROTARY,
    Claim,
    Finding,
    Tables,
    beyond_null,
    influence_of,
    null_of,
    verdict_of,
)
from studies.names import CORRELATIONS
from studies.outside import MUSHROOM_BODY, OutsideRecording
from studies.plans import DRIVERS, NETWORK_SEEDS, NOISE, OUTSIDE_DURATION, STRONGER
from studies.points import Recording
from studies.rows import labels_of
from studies.standing_out import FIRST_TRIAL, READ, beyond

__all__ = [
    "BY_WHAT_STANDS_OUT",
    "CLAIMS_BEYOND",
    "COUPLED",
    "DRIVEN",
    "EXPECTED",
    "LOST",
    "OTHER_READINGS",
    "OUTSIDE",
    "TELLING",
]

# Of a spike that is removed on the rates that both heads predict together.
ROTARY_INFLUENCE = influence_of("rotary")
# Recordings that neither the paper's wiring nor its neurons made, and what they are.
OUTSIDE = {
    OutsideRecording(topology=MUSHROOM_BODY).label: "a fly's mushroom body",
    OutsideRecording(simulator="izhikevich", duration=OUTSIDE_DURATION).label: "other neurons",
}
# Networks in which a graph was built into the model.
COUPLED = {
    Recording().label: "default",
    Recording(settings=STRONGER).label: "stronger synapses",
}
# Other readings of trained models on the default networks: the study, and its labels.
OTHER_READINGS = {
    "influence of a spike, interval": ("influence", influence_of("interval")),
    "influence of a spike, rotary": ("influence", ROTARY_INFLUENCE),
    "a graph inside the model, alone": (
        "graph_constrained",
        GRAPH_INSIDE | {"network": Recording().label},
    ),
    "graph and transformer together, influence": (
        "graph_constrained",
        BOTH_READ | {"network": Recording().label},
    ),
}
# The same graphs and others, by what stands out of their columns: labels in that study.
STANDING_OUT = {"kept": beyond(READ["standing out"]), "layer": ""}
BY_WHAT_STANDS_OUT: dict[str, dict[str, Any]] = {
    name: labels
    | STANDING_OUT
    | {"network": Recording().label, "network_seed": list(NETWORK_SEEDS)}
    for name, labels in (
        ("attention", ATTENTION),
        ("attention, rotary", ROTARY),
        *((name, labels) for name, (_, labels) in OTHER_READINGS.items()),
        ("GLM, area", GLM_AREA),
        ("cross-correlogram", CCG),
    )
}
# Kinds of pairs that are only driven together, and where; and who is to tell them from synapses.
DRIVEN = {
    PartialRecording(topology="common_drive", **DRIVERS).label: ("hidden source", "hidden drivers"),
    PartialRecording().label: ("source", "hubs that are heard"),
    PartialRecording(hubs_hidden=True).label: ("hidden source", "hidden hubs"),
    PartialRecording(topology="common_drive", **NOISE).label: ("together", "shared noise"),
}
TELLING = {
    "GLM": GLM_AREA,
    "correlogram": CCG,
    "graph in the model": GRAPH_INSIDE,
}
# What a model without a graph in it knows; models of fewer networks.
TELLING_PLAIN = {
    "attention": labels_of("attention", model="rotary"),
    "influence": ROTARY_INFLUENCE,
}
# Share of synapses that are ranked above such a pair, and what it is if the pair is taken for one.
TOLD, CHANCE = 0.75, 0.5
# What a hub's spike loses of its effect by coming 8 ms earlier, and should by its time course.
LOST, EXPECTED = "lost, 8 ms", "expected, 8 ms"
# A correlation with single synapses from which they could be read off.
READABLE = 0.5


def _graph_inside_helps(tables: Tables) -> Finding:
    """Open question 1: the graph alone against the plain model's attention, on the same tokens."""
    # The plain models of the default networks are those of the study of seeds.
    table = pd.concat([tables("seeds"), tables("graph_constrained")])
    checks, measured, apart = [], [], []
    for label, place in COUPLED.items():
        here = chosen(table, network=label)
        plain = chosen(here, **ROTARY, model_seed=0)
        graph = chosen(here, **GRAPH_INSIDE)
        alone = chosen(here, **(GRAPH_INSIDE | {"reading": ""}))
        parts = []
        for name, view, score, mine, better in (
            ("edges (Pearson)", "true", "pearson", graph, "ahead"),
            ("co-input (Spearman)", "co_input", "spearman", graph, "ahead"),
            ("held-out loss", "visible", "held-out neuron", alone, "behind"),
        ):
            own, other = (chosen(rows, view=view, score=score) for rows in (mine, plain))
            apart.append(paired(own, other))
            checks.append(apart[-1].verdict == better)
            parts.append(f"{name} {mean_shown(own)} against {mean_shown(other)}")
        measured.append(f"{place}: {', '.join(parts)}")
    condition = "the graph alone against the attention and the loss of the plain model, in each"
    return Finding(
        "; ".join(measured),
        null_of(chosen(table, **GRAPH_INSIDE, view="true", score="pearson")),
        verdict_of(checks, condition),
        tuple(apart),
    )


def _edges_are_read(tables: Tables) -> Finding:
    """Open question 3: direct edges, off the columns of the hubs, which are easy."""
    table = chosen(tables("influence"), score="pearson", view="true_off_hubs")
    checks, measured = [], []
    for name in ("interval", "rotary"):
        mine = chosen(table, **influence_of(name))
        plain = chosen(table, **labels_of("attention", model=name))
        checks += [
            bool(beyond_null(mine).all()),
            bool(mine["value"].mean() >= READABLE),
        ]
        measured.append(f"{name}: {mean_shown(mine)}, its attention {mean_shown(plain)}")
    condition = f"edges off the hubs above the null, and at r = {READABLE} or more, in each model"
    return Finding(
        f"edges off the hubs, Pearson, by influence, {'; '.join(measured)}",
        null_of(chosen(table, method="influence")),
        verdict_of(checks, condition),
    )


def _hubs_are_read(tables: Tables) -> Finding:
    """Open question 3: whom hubs reach, and common inputs, against what was asked beforehand."""
    table = chosen(tables("standing_out"), network=Recording().label, method="influence")
    checks, measured = [], []
    for name in ("interval", "rotary"):
        mine = chosen(table, **(influence_of(name) | STANDING_OUT))
        known = [chosen(mine, view=view, score=score) for view, score in FIRST_TRIAL]
        means = [rows["value"].mean() for rows in known]
        checks += [bool(a >= b) for a, b in zip(means, FIRST_TRIAL.values(), strict=True)]
        of_hubs, *co_input = map(mean_shown, known)
        measured.append(f"{name}: columns of hubs {of_hubs}, co-input {' / '.join(co_input)}")
    of_hubs, *co_input = (f"{bar:.2f}" for bar in FIRST_TRIAL.values())
    condition = f"{of_hubs} and {' / '.join(co_input)}, a first trial's, or more, in each model"
    return Finding(
        f"influence, by what stands out of its columns, {'; '.join(measured)}",
        null_of(chosen(table, view="co_input", score=CORRELATIONS)),
        verdict_of(checks, condition),
    )


def _knows_when(tables: Tables) -> Finding:
    """Whether a spike that comes earlier loses what its effect loses in that time."""
    table = chosen(tables("influence"), method="influence", view="timing")
    checks, measured = [], []
    for name in ("interval", "rotary"):
        mine = chosen(table, model=name)
        lost, expected = (chosen(mine, score=score) for score in (LOST, EXPECTED))
        checks.append(bool(lost["value"].mean() >= expected["value"].mean()))
        measured.append(f"{name} {mean_shown(lost)}, expected {mean_shown(expected)}")
    return Finding(
        f"effect on its targets that a hub's spike loses 8 ms earlier: {'; '.join(measured)}",
        "0",
        verdict_of(checks, "no less than its time course has us expect, in each model"),
    )


def _told_from_common_drive(tables: Tables) -> Finding:
    """Open question 3: whether what is read as an edge is one, or only driven together."""
    return _told(tables, TELLING)


def _told_by_plain_model(tables: Tables) -> Finding:
    """Open question 3: the same of what a transformer without a graph in it has learnt."""
    return _told(tables, TELLING_PLAIN)


def _told(tables: Tables, telling: Mapping[str, Mapping[str, str]]) -> Finding:
    """Tell whether each method ranks synapses above pairs that are driven together."""
    table = chosen(tables("common_drive"), view="pairs")
    checks, measured = [], []
    for label, (kind, place) in DRIVEN.items():
        here = chosen(table, network=label, score=EDGE_ABOVE + kind)
        told = {name: chosen(here, **labels) for name, labels in telling.items()}
        checks += [bool(mine["value"].mean() >= TOLD) for mine in told.values()]
        shares = ", ".join(f"{name} {mean_shown(mine)}" for name, mine in told.items())
        measured.append(f"{place}: {shares}")
    return Finding(
        f"synapses ranked above such pairs (share), {'; '.join(measured)}",
        f"{CHANCE:.2f}",
        verdict_of(checks, f"at least {TOLD} of them, in each, by each"),
    )


def _holds_outside(tables: Tables) -> Finding:
    """Open question 2: co-input by attention, where neither wiring nor neurons are the paper's."""
    table = chosen(tables("outside"), score="spearman", view="co_input")
    checks, measured = [], []
    for label, place in OUTSIDE.items():
        here = chosen(table, network=label)
        alone = chosen(here, method="truth", reading="strengths only")["value"].mean()
        reached = []
        for name, labels in (("interval", ATTENTION), ("rotary", ROTARY)):
            mine = chosen(here, **labels)
            value = mine["value"].mean()
            checks += [bool(beyond_null(mine).all()), bool(value > alone)]
            reached.append(f"{name} {value:.2f}")
        measured.append(f"{place}: {', '.join(reached)}, true strengths alone {alone:.2f}")
    return Finding(
        f"co-input, Spearman, {'; '.join(measured)}",
        null_of(chosen(table, method="attention")),
        verdict_of(checks, "above the null, and above the true strengths alone, in each"),
    )


CLAIMS_BEYOND = [
    Claim(
        "open question 1",
        "A graph inside the model knows more than attention, and predicts better",
        "graph-constrained-scores",
        _graph_inside_helps,
    ),
    Claim(
        "open question 2",
        "Attention's co-input generalises beyond the simulated network",
        "real-models",
        _holds_outside,
    ),
    Claim(
        "open question 3",
        "Direct edges can be read out of the trained model, with their signs",
        "influence-compare",
        _edges_are_read,
    ),
    Claim(
        "open question 3",
        "Whom hubs reach, and common inputs, can be read out of the trained model",
        "influence-standing-out",
        _hubs_are_read,
    ),
    Claim(
        "ours",
        "The model knows when a spike was, and not only that it was",
        "influence-timing",
        _knows_when,
    ),
    Claim(
        "open question 3",
        "Synapses are told from pairs that are only driven together",
        "common-drive-kinds",
        _told_from_common_drive,
    ),
    Claim(
        "open question 3",
        "A transformer without a graph in it tells synapses from such pairs",
        "common-drive-models",
        _told_by_plain_model,
    ),
]
