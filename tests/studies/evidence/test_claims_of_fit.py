"""Claims on what models know and foresee: each with numbers for it, and against it."""

import pandas as pd
import pytest

from studies.attainable import ATTAINABLE, BINS, WHO
from studies.evidence.claims_of_fit import CLAIMS_OF_FIT
from studies.evidence.recurrent_shown import GRAPH_SCORES, NAMES
from studies.fitted import GAIN
from studies.points import EXCESS_SHARES
from studies.recurrent import STRENGTHS, recorded
from studies.results import load
from studies.rows import labels_of
from studies.silenced import FORESEEN, GOES_ON

HUBS, STRIPES = "hub_network", "hub_assemblies, 20 ms, 1000000 spikes"
SMALL = "hub_network, n_neurons 60, 2400 s"
TEST = {claim.test.__name__.strip("_"): claim.test for claim in CLAIMS_OF_FIT}


def row(network, seed, score, value, view, **labels):
    return labels_of(**labels) | {
        "network": network, "network_seed": seed, "model_seed": 0, "view": view, "score": score,
        "value": value, "null_mean": 0.0,
    }  # fmt: skip


def attainable():
    rows = []
    for network in (HUBS, STRIPES, SMALL):
        for seed in range(3):
            rows += [
                row(network, seed, WHO, 1.0, ATTAINABLE, method="truth"),
                row(network, seed, BINS, 1.0, ATTAINABLE, method="truth"),
                row(network, seed, BINS, 0.7, ATTAINABLE, method="glm"),
                row(network, seed, "held-out neuron", 5.0, ATTAINABLE, method="rates"),
            ]
    return pd.DataFrame(rows)


def losses(network, share):
    return pd.DataFrame(
        row(
            network, seed, "held-out neuron", 5.0 - share - 0.01 * seed, "visible",
            method="attention", model=model,
        )
        for seed in range(3)
        for model in ("interval", "rotary")
    )  # fmt: skip


@pytest.mark.parametrize(
    "ours, theirs, word",
    [(0.7, 0.8, "holds"), (0.3, 0.8, "holds in part"), (0.1, 0.2, "does not hold")],
)
def test_most_is_more_than_half_in_every_network(ours, theirs, word):
    tables = {
        "attainable": attainable(),
        "seeds": losses(HUBS, ours),
        "original_network": losses(STRIPES, theirs),
    }
    found = TEST["knows_most"](tables.__getitem__)
    assert found.verdict.startswith(f"**{word}**")
    assert f"interval {ours + 0.01:.2f}" in found.measured and "GLM 0.70" in found.measured


@pytest.mark.parametrize(
    "last, word", [(0.9, "holds"), (0.1, "does not hold"), (None, "holds in part")]
)
def test_a_reading_rises_if_it_does_for_every_model_and_reading(last, word):
    rows = []
    for model in ("interval", "rotary"):
        for seed in range(3):
            for changes, gain in (("little", 0.2), ("much", 0.8)):
                labels = {"method": "attention", "model": model, "changes": changes}
                rows.append(row(SMALL, seed, GAIN, gain, "visible", **labels))
                for reading in ("", EXCESS_SHARES, "influence", "relevance"):
                    rises = 0.9 if reading == "influence" else 0.1
                    end = rises if last is None else last
                    value = (0.1 if changes == "little" else end) + 0.01 * seed
                    rows.append(
                        row(
                            SMALL,
                            seed,
                            "pearson",
                            value,
                            "true_off_hubs",
                            reading=reading,
                            **labels,
                        )
                    )
    tables = {"attainable": attainable(), "fitted": pd.DataFrame(rows)}
    found = TEST["read_once_fitted"](tables.__getitem__)
    assert found.verdict.startswith(f"**{word}**")
    assert "rotary, knowing 20% to 80%" in found.measured


@pytest.mark.parametrize("glm, rotary, word", [(0.9, 0.8, "holds"), (0.9, 0.1, "holds in part")])
def test_who_goes_on_is_asked_where_it_was_measured(glm, rotary, word):
    asked = [
        (HUBS, "glm", "", glm),
        (STRIPES, "glm", "", glm),
        (SMALL, "attention", "rotary", rotary),
    ]
    rows = [
        row(network, seed, "hubs", value, FORESEEN, method=method, model=model, reading=GOES_ON)
        for network, method, model, value in asked
        for seed in range(3)
    ]
    found = TEST["foresees_hubs"](lambda name: pd.DataFrame(rows))
    assert found.verdict.startswith(f"**{word}**")
    assert f"rotary, going on {rotary:.2f}" in found.measured


@pytest.mark.parametrize(
    "failing, word", [(7, "holds"), (6, "holds in part"), (0, "does not hold")]
)
def test_a_method_fails_if_a_pattern_gives_it_more_false_synapses(failing, word):
    rows = []
    for number, (method, reading) in enumerate(NAMES):
        for strength in STRENGTHS:
            rises = number < failing and strength == STRENGTHS[-1]
            for seed in range(3):
                for score, kept in GRAPH_SCORES:
                    value = (0.5 if rises else 0.1) + 0.01 * seed
                    label = recorded(strength).label
                    labels = {"method": method, "reading": reading, "kept": kept}
                    rows.append(row(label, seed, score, value, "decision", **labels))
    found = TEST["correlation_misleads"](lambda name: pd.DataFrame(rows))
    assert found.verdict.startswith(f"**{word}**")
    assert ("GLM 11% to 51%" in found.measured) == bool(failing)


@pytest.mark.parametrize(
    "attention, granger, word",
    [(0.9, 0.7, "holds"), (0.9, 0.95, "holds in part"), (0.5, 0.9, "does not hold")],
)
def test_attention_on_voltages_is_held_against_chance_and_against_a_regression(
    attention, granger, word
):
    table = load("voltages")
    mine = table["score"].eq("auc") & table["network"].str.startswith("izhikevich")
    spread = 0.01 * table["network_seed"] % 0.05
    of_voltages = (table["model"] == "voltages") & (table["reading"] == "")
    of_granger = (table["method"] == "granger") & (table["reading"] == "voltages")
    for which, value in ((of_voltages, attention), (of_granger, granger)):
        table["value"] = table["value"].mask(mine & which, value + spread - 0.02)
    found = TEST["attention_of_voltages"](lambda name: table)
    assert found.verdict.startswith(f"**{word}**")


@pytest.mark.parametrize(
    "energy, attention, word",
    [(0.9, 0.6, "holds"), (0.7, 0.8, "holds in part"), (0.4, 0.6, "does not hold")],
)
def test_gradient_energy_is_held_against_chance_and_against_attention(energy, attention, word):
    rows = []
    for seed in range(3):
        labels = {"method": "attention", "model": "rotary", "changes": "2400 s, 8 epochs"}
        rows.append(row(SMALL, seed, GAIN, 0.8, "visible", **labels))
        for reading, value in (("gradient energy", energy), ("", attention)):
            value += 0.01 * seed
            rows.append(row(SMALL, seed, "auc", value, "abs", **labels, reading=reading))
    tables = {"attainable": attainable(), "fitted": pd.DataFrame(rows)}
    found = TEST["energy_shows_it"](tables.__getitem__)
    assert found.verdict.startswith(f"**{word}**")
