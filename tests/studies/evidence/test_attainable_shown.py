"""Gains beside those of who knows the network, on tables made by hand."""

import pandas as pd
import pytest

from studies.attainable import ATTAINABLE, BINS, WHO
from studies.evidence.attainable_shown import KNOWN, OURS, THEIRS, gains

PAPER = "hub_assemblies, 20 ms, 1000000 spikes"


def row(network, seed, method, score, value, view=ATTAINABLE, **labels):
    usual = {"model": "", "changes": "", "n_models": 1, "model_seed": 0}
    where = {"network": network, "network_seed": seed, "method": method, "view": view}
    return where | {"score": score, "value": value} | usual | labels


@pytest.fixture
def attainable():
    rows = []
    for network, known in (("hub_network", 0.2), (PAPER, 2.0)):
        for seed in (0, 1):
            rows += [
                row(network, seed, "truth", WHO, known + seed * known),
                row(network, seed, "truth", f"{WHO}, standard error", 0.01),
                row(network, seed, "truth", BINS, 2 * known),
                row(network, seed, "glm", BINS, known),
                row(network, seed, "rates", "held-out neuron", 5.6),
                row(network, seed, "rates", "held-out interval", 3.0),
            ]
    return pd.DataFrame(rows)


def losses(network, seed, model, value, **labels):
    return row(
        network, seed, "attention", "held-out neuron", value, "visible", model=model, **labels
    )


def test_a_loss_becomes_a_share_of_what_can_be_known(attainable):
    models = pd.DataFrame(
        [
            losses("hub_network", 0, "rotary", 5.5),
            losses("hub_network", 0, "rotary", 5.54, model_seed=1),
            losses("hub_network", 1, "rotary", 5.4),
            losses(PAPER, 0, "interval", 4.6),
            losses("hub_network", 0, "rotary", 1.0, n_models=3),  # an ensemble
            losses("hub_network", 0, "rotary", 1.0, changes="width 48"),
            losses("scale_free", 0, "rotary", 1.0),  # nobody knows what can be known there
        ]
    )
    table = gains(attainable, models)
    share = table.set_index(["network", "seed", "name", "what"])["share"]
    assert share[OURS, 0, "rotary", WHO] == pytest.approx(0.08 / 0.2)
    assert share[OURS, 1, "rotary", WHO] == pytest.approx(0.2 / 0.4)
    assert share[THEIRS, 0, "interval", WHO] == pytest.approx(1.0 / 2.0)
    assert share[OURS, 0, "GLM", BINS] == pytest.approx(0.5)
    assert (table[table["name"] == KNOWN]["share"] == 1).all()
    assert len(table) == 8 + 4 + 3
