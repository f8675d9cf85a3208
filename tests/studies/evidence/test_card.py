"""The report card: verdicts that follow the numbers, and a page that is up to date."""

import ast
import inspect
import re
import sys

import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.scores import paper_table_1
from studies.evidence import card as studies_card
from studies.evidence.card import PAGE, page
from studies.evidence.claims_beyond import (
    CLAIMS_BEYOND,
    COUPLED,
    DRIVEN,
    EXPECTED,
    LOST,
    OUTSIDE,
    TELLING,
)
from studies.evidence.claims_of_fit import CLAIMS_OF_FIT
from studies.evidence.claims_paper import CLAIMS
from studies.evidence.claims_settings import CLAIMS_OF_SETTINGS
from studies.evidence.report import NotMeasured
from studies.evidence.rules import OBSERVABLES
from studies.evidence.verdicts import (
    ATTENTION,
    BOTH_READ,
    CCG,
    GLM,
    GRAPH_INSIDE,
    ROTARY,
    influence_of,
)
from studies.names import CORRELATIONS
from studies.plans import SIZES
from studies.points import EQUAL_ROWS, EXCESS_SHARES
from studies.results import load
from studies.rows import COLUMNS, labels_of
from tests.house import ROOT

N_NETWORKS, N_TRAININGS = 3, 3
NULL_SD = 0.1

METHODS = {"GLM": GLM, "attention": ATTENTION, "rotary": ROTARY, "ccg": CCG}
BOTH_MODELS = ("attention", "rotary")
METHODS |= {
    f"{name} {word}": METHODS[name] | {"reading": reading}
    for name in BOTH_MODELS
    for word, reading in (("equal", EQUAL_ROWS), ("excess", EXCESS_SHARES))
}
METHODS |= {
    f"{name}{reading} {layer}": METHODS[name + reading] | {"layer": layer}
    for name in BOTH_MODELS
    for reading in ("", " equal")
    for layer in "123"
}
for name in BOTH_MODELS:
    model = METHODS[name]["model"]
    METHODS[f"{name} influence"] = influence_of(model)
    METHODS[f"{name} standing"] = influence_of(model) | {"kept": "beyond 2 sd"}
    METHODS[f"{name} timing"] = labels_of("influence", model=model)
METHODS |= {"graph": GRAPH_INSIDE, "graph alone": GRAPH_INSIDE | {"reading": ""}}
METHODS["both"] = BOTH_READ
METHODS["GLM area"] = TELLING["GLM"]
METHODS["true strengths"] = labels_of("truth", reading="strengths only")
THREE = ("GLM", "attention", "rotary")


def name(claim):
    return claim.test.__name__.strip("_")


each_claim = pytest.mark.parametrize(
    "claim", [claim for claim in CLAIMS if claim not in CLAIMS_OF_FIT], ids=name
)


def study(numbers):
    """Build a study from numbers by (method, view[, score[, null]]).

    A number stands for all networks and trainings, a list has one for each training, an array one
    for each network and training. Without a score, it stands for both correlations. Numbers by
    network and kind of its models have one training each.
    """
    if all(isinstance(key, str) for key in numbers):
        return pd.concat(of_setting(setting, own) for setting, own in numbers.items())
    rows = []
    for (method, view, *rest), number in numbers.items():
        score, null = [*rest, *[None, "permuted"][len(rest) :]]
        labels = METHODS[method] | {"network": "hub_network", "view": view, "null": null}
        labels |= {"null_mean": 0.0, "null_sd": NULL_SD, "head": "all", "rows": "predicted"}
        values = np.broadcast_to(number, (N_NETWORKS, N_TRAININGS))
        for (network, training), value in np.ndenumerate(values):
            row = labels | {"network_seed": network, "model_seed": training, "value": value}
            rows += [row | {"score": one} for one in ([score] if score else CORRELATIONS)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"layer": object}).fillna({"layer": ""})


def of_setting(setting, numbers):
    """Build what a study holds of one setting: a network, and what its models differ in, after >.

    The models differ in those columns. A star after the name of the network stands for all its
    draws instead of one.
    """
    network, _, changes = setting.partition(">")
    once = study(numbers).query("model_seed == 0")
    if network.endswith("*"):
        network = network.removesuffix("*")
    else:
        once = once.query("network_seed == 0")
    attention = once["method"] == "attention"
    for column, _, value in (part.partition("=") for part in changes.split(",") if part):
        value = int(value) if column == "n_models" else value
        once[column] = once[column].where(~attention, value)
    return once.assign(network=network)


def found(claim, numbers):
    return claim.test(lambda name: study(numbers))


def word(finding):
    return re.match(r"\*\*(.+?)\*\*", finding.verdict)[1]


def edges_and_co_input(edges, co_input):
    return {
        (method, view): value
        for view, values in (("true", edges), ("co_input", co_input))
        for method, value in values.items()
    }


def strengths(full, alone):
    """Co-input of three graphs, and of their strengths alone."""
    values = {"strengths": full, "strengths only": alone}
    return {(m, "co_input", "spearman", null): values[null] for m in THREE for null in values}


def layers(edges, co_input):
    """Scores of layers 1 to 3, for both time embeddings."""
    return {
        (f"{method} {layer}", view): value
        for method in ("attention", "rotary")
        for view, values in (("true", edges), ("co_input", co_input))
        for layer, value in enumerate(values, start=1)
    }


def losses(co_input, loss):
    return {("attention", "co_input"): co_input, ("attention", "visible", "held-out neuron"): loss}


def both(view, glm, attention):
    return {("GLM", view): glm, ("attention", view): attention}


def trainings(co_input):
    return {("attention", "co_input"): co_input, ("attention equal", "co_input"): 0.5}


def rule(lag):
    """Layers of which the third one is aligned, and what is visible of them."""
    seen = {"synaptic_lag": lag} | dict.fromkeys(set(OBSERVABLES) - {"synaptic_lag"}, [1, 1, 1])
    numbers = {}
    for method in ("attention", "rotary"):
        numbers[method, "co_input"] = 0.3
        for layer, co_input in enumerate([0.1, 0.2, 0.5], start=1):
            numbers[f"{method} {layer}", "co_input"] = co_input
            for score, values in seen.items():
                numbers[f"{method} {layer}", "visible", score] = values[layer - 1]
    return numbers


def rows_equal(lowest):
    """Layers as attention gives them, and with rows made equal."""
    numbers = {}
    for name in BOTH_MODELS:
        for reading, first in ((name, -0.5), (f"{name} equal", lowest)):
            numbers[reading, "co_input"] = 0.4
            for layer, value in enumerate([first, 0.3, 0.7], start=1):
                numbers[f"{reading} {layer}", "co_input"] = value
    return numbers


def settings(view, values):
    """Give all methods the same score in one view, by setting."""
    methods = ("GLM", "attention", "rotary", "ccg", "attention excess", "rotary excess")
    return {
        setting: {(method, view): value for method in methods} for setting, value in values.items()
    }


def hub_line(setting, values):
    """Co-input by a setting of the hubs."""
    return settings("co_input", {f"hub_network, {setting} {x:g}": y for x, y in values.items()})


def near_paper(by):
    """Table 1, moved by so much, at another setting of the hubs, and far away at the default."""
    paper = paper_table_1().set_index(["method", "view", "score"])["value"]
    sides = {"GLM": "glm", "attention": "attention"}
    values = {
        (name, view, score): paper[method, view, score]
        for name, method in sides.items()
        for view in ("true", "co_input")
        for score in CORRELATIONS
    }
    return {
        "hub_network, hub_weight 7": {key: value + 0.5 for key, value in values.items()},
        "hub_network, hub_weight 4": {key: value + by for key, value in values.items()},
    }


def lengths(usual, longest):
    names = {"hub_network": usual, "hub_network, 1200 s": longest}
    return settings("true", names)


def model_sizes(smallest, default, largest):
    """Co-input of small and large models, in each of their sizes."""
    sizes = {name: {min(values): smallest, max(values): largest} for name, values in SIZES.items()}
    changed = {
        f"hub_network>changes={name} {value}": number
        for name, values in sizes.items()
        for value, number in values.items()
    }
    return settings("co_input", {"hub_network": default} | changed)


def published(mean):
    of_all = {("attention", view): 0.5 for view in ("true", "co_input")}
    numbers = {("attention", "co_input", "spearman"): mean, ("attention", "true"): 0.1}
    numbers["attention", "co_input", "pearson"] = mean
    return {"hub_network>size=paper": of_all, "hub_network>size=paper,n_models=3": numbers}


def off_hubs(glm, attention, excess):
    """Co-input off the hubs of the GLM and of both readings of both models."""
    values = {"GLM": glm} | {name: attention for name in BOTH_MODELS}
    values |= {f"{name} excess": excess for name in BOTH_MODELS}
    return {(name, "co_input_off_hubs"): value for name, value in values.items()}


def excess(edges, co_input):
    """Edges and co-input of both models, as the paper reads them and in excess attention."""
    one = {
        (name + reading, view): value
        for name in BOTH_MODELS
        for view, values in (("true", edges), ("co_input", co_input))
        for reading, value in zip(("", " excess"), values, strict=True)
    }
    return {"spatial": one, "erdos_renyi": one}


def outside(models, strengths):
    """Co-input outside the simulation, of both models and of the strengths of the truth."""
    numbers = {(name, "co_input"): models for name in BOTH_MODELS}
    return dict.fromkeys(OUTSIDE, numbers | {("true strengths", "co_input"): strengths})


def influences(off_hubs):
    """Edges off the hubs of both models, by influence and by attention."""
    values = {name: 0.1 for name in BOTH_MODELS}
    values |= {f"{name} influence": off_hubs for name in BOTH_MODELS}
    return {(name, "true_off_hubs", "pearson"): value for name, value in values.items()}


def standing(of_hubs, co_input):
    """Columns of hubs, and co-input, of both models by what stands out of their influence."""
    views = {"true_of_hubs": of_hubs, "co_input": co_input}
    return {(f"{m} standing", view): value for m in BOTH_MODELS for view, value in views.items()}


def timing(interval, rotary):
    """Effects of hubs that are lost when their spikes come earlier; 0.7 should be."""
    lost = {"attention": interval, "rotary": rotary}
    return {(f"{name} timing", "timing", LOST): value for name, value in lost.items()} | {
        (f"{name} timing", "timing", EXPECTED): 0.7 for name in lost
    }


def graphs_inside(knows, loss, kinds=COUPLED):
    """A graph inside the model, and the plain model of {edges, co-input} 0.6 and loss 5.5."""
    numbers = {(name, view): value
               for name, value in (("graph", knows), ("rotary", 0.6))
               for view in ("true", "co_input")}  # fmt: skip
    numbers["graph alone", "visible", "held-out neuron"] = loss
    numbers["rotary", "visible", "held-out neuron"] = 5.5
    return dict.fromkeys((f"{kind}*" for kind in kinds), numbers)


def told(shares):
    """Shares of synapses that methods rank above pairs that are driven together."""
    return {
        label: {(method, "pairs", f"edge above {kind}"): share for method, share in shares.items()}
        for label, (kind, _) in DRIVEN.items()
    }


# For each claim numbers that bear it out, and numbers that do not.
EXAMPLES = {
    "modest_edges": (both("true", 0.3, 0.2), both("true", 0.9, 0.8)),
    "glm_ahead_on_edges": (both("true", 0.3, 0.2), both("true", 0.2, 0.3)),
    "co_input_above_edges": (
        both("true", 0.2, 0.1) | both("co_input", 0.6, 0.5),
        both("true", 0.6, 0.5) | both("co_input", 0.2, 0.1),
    ),
    "attention_ahead_on_co_input": (
        both("co_input", 0.5, 0.7) | {("rotary", "co_input"): 0.6},
        both("co_input", 0.7, 0.5) | {("rotary", "co_input"): 0.6},
    ),
    "magnitudes_poor": (
        both("true", 0.3, 0.2) | both("abs", 0.1, 0.1),
        both("true", 0.1, 0.1) | both("abs", 0.3, 0.2),
    ),
    "strong_co_input": (
        trainings(0.9),
        trainings([0.9, 0.4, 1.9 * NULL_SD]),
    ),
    "beyond_strengths": (strengths(full=0.6, alone=0.3), strengths(full=0.3, alone=0.6)),
    "off_the_hubs": (off_hubs(0, 0.6, 0.6), off_hubs(0.6, 0, 0)),
    "signs": tuple(
        {("GLM", "true", "sign_agreement"): x, ("attention", "true", "sign_agreement"): y}
        for x, y in ((0.9, 0.8), (0.8, 0.9))
    ),
    "hubs_found": tuple({(m, "hubs", "found"): x for m in THREE} for x in (1, [1, 1, 2 / 3])),
    "simple_method": tuple(
        {(m, v): x for v in ("true", "co_input") for m, x in (("attention", a), ("ccg", c))}
        for a, c in ((0.7, 0.3), (0.3, 0.7))
    ),
    "layers_differ": (
        layers(edges=[0.3, 0.1, 0.0], co_input=[0.1, 0.2, 0.5]),
        layers(edges=[0.0, 0.1, 0.3], co_input=[0.5, 0.2, 0.1]),
    ),
    "loss_tells": (
        losses(co_input=[0.2, 0.5, 0.8], loss=[5.6, 5.5, 5.4]),
        losses(co_input=[0.2, 0.5, 0.8], loss=[5.4, 5.6, 5.4]),
    ),
    "rows_made_equal": (rows_equal(lowest=0.2), rows_equal(lowest=-0.4)),
    "hubs_carry_it": (
        hub_line("hub_weight", {0: 1.9 * NULL_SD, 7: 0.8}),
        hub_line("hub_weight", {0: 0.6, 7: 0.8}),
    ),
    "reach_matters": (
        hub_line("hub_probability", {0.05: 2.1 * NULL_SD, 0.4: 0.8}),
        hub_line("hub_probability", {0.05: 1.9 * NULL_SD, 0.4: 0.8}),
    ),
    "table_is_met": (near_paper(0.05), near_paper(0.2)),
    "other_topologies": tuple(
        settings("co_input", {"erdos_renyi": x, "spatial": x}) for x in (0.5, 0.1)
    ),
    "edges_do_not_lack_data": (lengths(0.2, 0.21), lengths(0.2, 0.3)),
    "larger_models": (model_sizes(0.1, 0.2, 0.3), model_sizes(0.3, 0.2, 0.1)),
    "published_size": (published(0.7), published(0.6)),
    "excess_shows": (
        excess(edges=(0.1, 0.3), co_input=(0.1, 0.5)),
        excess(edges=(0.3, 0.1), co_input=(0.0, 1.9 * NULL_SD)),
    ),
    "edges_are_read": (influences(0.6), influences(1.9 * NULL_SD)),
    "hubs_are_read": (standing(0.99, 0.92), standing(0.97, 0.81)),
    "knows_when": (timing(0.8, 0.9), timing(0.2, 0.3)),
    "holds_outside": (outside(0.6, 0.3), outside(1.9 * NULL_SD, 0.3)),
    "graph_inside_helps": (graphs_inside(0.8, 5.4), graphs_inside(0.5, 5.6)),
    "told_from_common_drive": (
        told({"GLM area": 0.9, "ccg": 0.8, "graph": 0.8}),
        told({"GLM area": 0.7, "ccg": 0.4, "graph": 0.7}),
    ),
    "told_by_plain_model": (
        told({"rotary": 0.8, "rotary influence": 0.9}),
        told({"rotary": 0.4, "rotary influence": 0.7}),
    ),
    "rule_tells": (rule(lag=[1, 1, 2]), rule(lag=[2, 1, 1])),
}


# --- verdicts ----------------------------------------------------------------------------------


@pytest.mark.slow
@each_claim
def test_the_verdict_turns_with_the_numbers(claim):
    supporting, contradicting = (found(claim, numbers) for numbers in EXAMPLES[name(claim)])
    assert word(supporting) == "holds"
    assert word(contradicting) == "does not hold"
    assert supporting.measured != contradicting.measured


CLAIM = {name(claim): claim for claim in CLAIMS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("modest_edges", both("true", 0.9, 0.2)),
        ("co_input_above_edges", both("true", 0.5, 0.5) | both("co_input", 0.6, 0.4)),
        ("strong_co_input", trainings([0.9, 0.4, 2.1 * NULL_SD])),
        ("strong_co_input", trainings([0.9, 0.9, 0.66])),
        ("off_the_hubs", off_hubs(0, 0, 0.6)),
        ("edges_are_read", influences(0.3)),
        ("hubs_are_read", standing(0.99, 0.85)),
        ("knows_when", timing(0.2, 0.9)),
        ("holds_outside", outside(0.6, 0.9)),
        ("graph_inside_helps", graphs_inside(0.8, 5.6)),
        ("told_from_common_drive", told({"GLM area": 0.9, "ccg": 0.4, "graph": 0.9})),
        ("told_by_plain_model", told({"rotary": 0.4, "rotary influence": 0.9})),
        ("excess_shows", excess(edges=(0.1, 0.3), co_input=(0.1, 0.05))),
        ("other_topologies", settings("co_input", {"erdos_renyi": 0.5, "spatial": 0.1})),
        ("hubs_found", {(m, "hubs", "found"): 1 - (m == "rotary") / 3 for m in THREE}),
    ],
)
def test_a_claim_of_which_a_part_is_borne_out_holds_in_part(claim, numbers):
    assert word(found(CLAIM[claim], numbers)) == "holds in part"


UNEVEN = np.array([[0.9], [0.1], [0.3]])  # more than 0.2 on average, but not in each network


@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("glm_ahead_on_edges", both("true", UNEVEN, 0.2)),
        ("co_input_above_edges", both("true", 0.2, 0.2) | both("co_input", UNEVEN, UNEVEN)),
        ("magnitudes_poor", both("true", UNEVEN, UNEVEN) | both("abs", 0.2, 0.2)),
    ],
)
def test_being_ahead_on_average_is_not_enough_if_networks_disagree(claim, numbers):
    assert word(found(CLAIM[claim], numbers)) == "does not hold"


def test_one_size_of_the_model_says_nothing_of_larger_ones_nor_do_other_readings():
    readings = {("attention", "co_input"): 0.1, ("attention excess", "co_input"): 0.7}
    with pytest.raises(NotMeasured):
        found(CLAIM["larger_models"], {"hub_network": readings})


def test_losses_are_compared_on_the_same_network_only():
    network = np.arange(N_NETWORKS)[:, None]
    numbers = losses(0.3 * network + [0.0, 0.1, 0.2], network + [5.5, 5.4, 5.3])
    assert np.corrcoef(*(x.ravel() for x in numbers.values()))[0, 1] > 0.5
    assert word(found(CLAIM["loss_tells"], numbers)) == "holds"


def test_one_training_per_network_says_nothing_of_losses():
    once = study(losses(0.5, 5.5)).query("model_seed == 0")
    assert word(CLAIM["loss_tells"].test(lambda name: once)) == "open"


def test_what_the_figures_of_the_strengths_are():
    finding = found(CLAIM["beyond_strengths"], strengths(full=0.6, alone=0.3))
    assert "GLM 0.60, alone 0.30" in finding.measured
    assert "GLM 0.00, z 6" in finding.null  # 0.6 above a mean of zero, in units of NULL_SD


# --- the page ----------------------------------------------------------------------------------


def missing(study_name):
    raise FileNotFoundError(study_name)


def folded(text, title):
    """Read what is folded below a title."""
    return re.search(rf"^:{{5}}{{dropdown}} {title}\n(.*?)^:{{5}}$", text, flags=re.S | re.M)[1]


def list_table(text):
    """Read the widths of the page's table and its rows, each a list of cells."""
    claims = text.partition("## Claim by claim")[2]
    table = re.search(r"^```\{list-table\}\n(.*?)^```", claims, flags=re.DOTALL | re.MULTILINE)[1]
    options, *rows = re.split(r"^\* - ", table, flags=re.MULTILINE)
    return re.search(r":widths: (.*)", options)[1].split(), [row.split("\n  - ") for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("tables", [load, missing])
def test_each_row_of_the_table_has_as_many_cells_as_the_head(tables):
    widths, (head, *rows) = list_table(page(tables))
    assert len(rows) == len(CLAIMS)
    assert {len(row) for row in [widths, *rows]} == {len(head)}
    assert all("\n" not in cell.strip() for row in rows for cell in row[1:])
    for first, *_ in rows:  # all that is folded belongs to the first cell
        below = first.split("\n")[1:]
        assert all(line.startswith("    ") or not line for line in below)
        assert sum(":::" in line for line in below) == 2


@pytest.mark.slow
def test_the_page_is_read_in_five_minutes_and_counts_its_verdicts():
    text = page(load)
    _, (_, *rows) = list_table(text)
    for word, count in re.findall(r"(\d+) (hold in part|hold|do not)", text)[:3]:
        sign = {"hold": "✓", "hold in part": "◐", "do not": "✗"}[count]
        assert sum(sign in row[1] for row in rows) == int(word)
    unfolded = re.sub(r"^ *(:{3,}|```){dropdown}.*?^ *(:{3,}|```)$", "", text, flags=re.S | re.M)
    assert len(re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>|{[^}]*}", "", unfolded))) <= 700


def test_without_any_study_every_claim_is_open():
    _, (_, *rows) = list_table(page(missing))
    assert {row[1].strip() for row in rows} == {"{bdg-secondary}`? open`"}
    assert {row[2].strip() for row in rows} == {""}


@pytest.mark.slow
def test_a_missing_study_leaves_only_its_own_claims_open():
    examples = (supporting for supporting, _ in EXAMPLES.values())
    numbers = {
        key: x for example in examples for key, x in example.items() if isinstance(key, tuple)
    }
    seeds = study(numbers).query("null == 'permuted'")
    _, (_, *rows) = list_table(page(lambda name: seeds if name == "seeds" else missing(name)))
    is_open = {name(claim) for claim, row in zip(CLAIMS, rows, strict=True) if "open" in row[1]}
    needing = {"beyond_strengths", "excess_shows"}
    elsewhere = [*CLAIMS_OF_SETTINGS, *CLAIMS_BEYOND, *CLAIMS_OF_FIT]
    assert is_open == needing | {name(claim) for claim in elsewhere}


@pytest.mark.slow
def test_the_first_table_shows_the_methods_that_were_run_and_no_others():
    views = ("true", "co_input", "true_off_hubs", "co_input_off_hubs")
    glm = study(
        {("GLM", view): value for view, value in zip(views, (0.3, 0.6, 0.2, 0.1), strict=True)}
    )
    first = folded(page(lambda name: glm), "Who knows what")
    row = re.search(r"^\* - GLM, peak.*\n((?:  - .*\n)+)", first, flags=re.MULTILINE)[1]
    cells = [cell.removeprefix("  - ") for cell in row.splitlines()]
    cells = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells]
    of_each = [f"{x:.2f} [{x:.2f}, {x:.2f}]" for x in (0.3, 0.6, 0.2, 0.1)]
    assert cells == [*of_each, str(N_NETWORKS)]
    assert "cross-correlogram" not in first
    assert "the paper's GLM" in first


@pytest.mark.slow
def test_the_page_opens_with_answers_and_they_are_the_figures_of_the_studies():
    views = ("true", "co_input", "true_off_hubs", "co_input_off_hubs")
    methods = ("attention", "attention equal", "rotary", "GLM", "ccg")
    methods += ("attention excess", "rotary excess")
    seeds = study(
        {(m, v): 0.1 * i + 0.01 * j for i, m in enumerate(methods) for j, v in enumerate(views)}
    )
    plain = study(settings("co_input", {"erdos_renyi": 0.66}) | settings("true", {"spatial": 0.55}))
    tables = {"seeds": seeds, "topologies": plain}
    text = page(lambda name: tables[name] if name in tables else missing(name))
    opening = text.partition("## Claim by claim")[0]
    of_edges, of_co_input = ([f"{0.1 * i + 0.01 * j:.2f}" for i in (0, 4, 3)] for j in (0, 1))
    left = [f"{0.1 * i + 0.03:.2f}" for i in (0, 3)]
    assert re.findall(r"-?\d\.\d\d", opening) == [*of_edges, of_co_input[0], *left]
    table = folded(text, "In which networks")
    row = re.search(r"^\* - Erdős.*\n((?:  - .*\n)+)", table, flags=re.MULTILINE)[1]
    assert row.count("– / 0.66") == 6  # co-input of all methods; edges were not measured


@pytest.mark.slow
def test_other_readings_of_a_model_stand_between_its_attention_and_the_methods_without_one():
    views = ("true", "co_input", "true_off_hubs", "co_input_off_hubs")
    names = ("attention", "attention influence", "rotary influence", "graph", "both", "GLM")
    numbers = {(m, v): 0.1 * i + 0.01 * j for i, m in enumerate(names) for j, v in enumerate(views)}
    asked = ("seeds", "influence", "graph_constrained")
    text = page(lambda name: study(numbers) if name in asked else missing(name))
    table = folded(text, "Who knows what")
    firsts = re.findall(r"^\* - .*\n  - (\d\.\d\d)", table, flags=re.MULTILINE)
    assert firsts[: len(names)] == [f"{0.1 * i:.2f}" for i in range(len(names))]


def test_every_claim_links_to_a_section_of_the_book():
    pages = [*ROOT.glob("notebooks/*.md"), *ROOT.glob("book/*.md")]
    labels = {
        label
        for path in pages
        for label in re.findall(r"^\(([\w-]+)\)=$", path.read_text(), flags=re.MULTILINE)
    }
    assert {claim.shown_in for claim in CLAIMS} - labels == set()


@pytest.mark.slow
def test_the_committed_page_is_what_python_m_lgl_core_studies_card_writes_today():
    assert PAGE.read_text() == page(), "run: lgl card"


@pytest.mark.weekly
def test_main_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(studies_card, "PAGE", tmp_path / "report_card.md")
    monkeypatch.setattr(sys, "argv", ["card"])  # pytest's own are no arguments of it
    studies_card.main()
    assert (tmp_path / "report_card.md").read_text() == page()


# --- no figure is typed ------------------------------------------------------------------------


@each_claim
def test_no_figure_is_typed_into_a_finding(claim):
    texts = [
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(claim.test)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    figure = r"(?<![.\d])\d+(\.\d| ?%)"  # not the .0% of a format
    assert [text for text in texts if re.search(figure, text)] == []


@each_claim
def test_a_figure_in_the_text_of_a_claim_is_the_papers(claim):
    printed = {f"{value:.2f}" for value in paper_table_1()["value"]}
    assert set(re.findall(r"\d+\.\d+", claim.text)) <= printed


def test_the_wording_takes_its_figures_from_the_papers_table(monkeypatch):
    paper = paper_table_1()
    halved = paper.assign(value=paper["value"] / 2)
    monkeypatch.setattr(studies_card, "paper_table_1", lambda: halved)
    r = halved.set_index(["method", "view", "score"])["value"]["attention", "co_input", "spearman"]
    wording = folded(page(missing), "Wording")
    assert f"{r:.2f} as a rank\n" in wording
    assert f"r² of {r**2:.2f}" in wording
