"""Points beyond the paper: which graphs they read off a model, and how they are labelled."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from lgl_core.experiment import split_tokens
from lgl_core.extraction.influence import Change, influence
from lgl_core.metrics.card import score_card
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.model import Neuroformer, preset
from lgl_core.transformer.training import evaluate
from studies.points import rows
from studies.readings import (
    EARLIER,
    UNTOLD,
    Changed,
    Constrained,
    Readings,
    Timing,
    _loss_untold,
)
from studies.rows import COLUMNS, with_names
from tests.studies.test_results import MODEL, TINY

SHORT = {"epochs": 1, "batch_size": 8}


pytestmark = pytest.mark.usefixtures("cold_cache")


def values(table, **labels):
    for column, label in labels.items():
        table = table[table[column] == label]
    return table.set_index(["view", "score"])["value"]


@pytest.fixture(scope="module")
def read():
    MODEL.members()
    points = [Readings(model=MODEL, n_spikes=200)]
    points += [Changed(model=MODEL, change=name, n_spikes=40) for name in get_args(Change)]
    assert all(point.is_ready for point in points)
    return pd.concat([rows(point) for point in points])


@pytest.mark.slow
def test_every_reading_of_a_model_is_scored(read):
    assert list(read.columns) == COLUMNS
    assert set(read["method"]) == {"attention", "rollout", "circuits", "gradient", "influence"}
    found = {*read[["reading", "quantity", "layer"]].fillna("").itertuples(index=False, name=None)}
    readings = {("", "", ""), ("excess over columns", "", ""), ("", "", "2"),
                ("", "log share", ""), ("replaced", "rate", "")}  # fmt: skip
    readings |= {(change, "log rate", "") for change in get_args(Change)}
    assert readings <= found
    cards = with_names(read.fillna({"layer": ""})).groupby(["method", "name", "layer"]).size()
    assert cards.nunique() == 1, "each by the same scores"
    assert (read["model_seed"] == 0).all() and (read["n_spikes"] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("change", get_args(Change))
def test_influence_is_that_of_the_model_on_what_it_was_trained_on(read, change):
    (member,) = MODEL.members()
    tokens = split_tokens(TINY.spikes())[0]
    found = influence(member.model, tokens, n_spikes=40, change=change, progress=False)
    card = score_card(
        found.connectivity("log_rate"), TINY.network().weights, TINY.network().hubs
    ).set_index(["view", "score"])["value"]
    kept = values(read, **MODEL.labels("influence", reading=change, quantity="log rate"))
    pd.testing.assert_series_equal(kept, card.loc[kept.index], check_names=False)


@pytest.mark.slow
def test_timing_holds_spikes_moved_back_against_the_course_of_their_effect():
    table = rows(Timing(model=MODEL, n_spikes=400))
    assert list(table.columns) == COLUMNS
    found = values(table, **MODEL.labels("influence"))["timing"]
    (member,) = MODEL.members()
    network, tokens = TINY.network(), split_tokens(TINY.spikes())[0]

    def course(change, milliseconds, n_after, displacement=None):
        """Give the effect of hubs on their targets, by the first and last lag in ms."""
        lags = np.array(milliseconds) * 1e-3
        effect = influence(
            member.model, tokens, n_spikes=400, change=change, lags=lags, n_after=n_after,
            displacement=displacement, progress=False,
        )  # fmt: skip
        pairs = [(i, j) for j in network.hubs for i in np.flatnonzero(network.weights[:, j])]
        return {
            ends: np.mean([at_lag[i, j] for i, j in pairs])
            for ends, at_lag in zip(
                zip(milliseconds[:-1], milliseconds[1:], strict=True), effect.log_rate, strict=True
            )
        }

    removed = course("removed", [0, 1, 4, 5, 8, 9, 12, 17, 20], 48)
    for earlier, milliseconds in ((4, [0, 1, 4]), (8, [0, 1, 4, 8]), (16, [0, 1, 4, 16])):
        moved = course("moved", milliseconds, 24, earlier * 1e-3)
        lost, then = moved[1, 4], removed[1 + earlier, 4 + earlier]
        assert found[f"lost, {earlier} ms"] == pytest.approx(lost / removed[1, 4])
        assert found[f"expected, {earlier} ms"] == pytest.approx(1 - then / removed[1, 4])
    assert len(found) == 2 * len(EARLIER)


@pytest.mark.slow
@pytest.mark.parametrize("beside", ["", "rotary"])
def test_a_graph_inside_a_model_is_scored_beside_its_losses(beside):
    point = Constrained(
        recording=TINY, time_embedding=beside, size="tiny", training=SHORT,
        coupling={"sparsity": 0.2}, n_spikes=40,
    )  # fmt: skip
    assert not point.is_ready
    table = rows(point)
    assert point.is_ready and list(table.columns) == COLUMNS
    readings = {"", "area", "peak"}
    if beside:
        readings |= {f"influence, {what}" for what in ("log rate", "rate", "log share")}
    of_reading = with_names(table.assign(model="", size="", changes=""))
    assert set(of_reading["name"]) == readings
    assert set(table["model"]) == {"with rotary" if beside else "alone"}
    assert set(table["changes"]) == {"sparsity 0.2, epochs 1, batch_size 8"}
    assert set(table["method"]) == {"graph_constrained"}
    (member,) = point.model.members()
    losses = values(table, view="visible")
    assert np.isfinite(losses["visible", UNTOLD])
    assert losses["visible", "held-out neuron"] == member.history["valid_neuron"].iloc[-1]
    truth = TINY.network()
    card = score_card(member.model.coupling.graph("peak"), truth.weights, truth.hubs)
    card = card.set_index(["view", "score"])["value"]
    kept = values(table, reading="peak")
    np.testing.assert_array_equal(kept, card.loc[kept.index])


def test_a_model_that_is_not_told_when_loses_what_its_graph_makes_of_it():
    tokens = split_tokens(TINY.spikes())
    n_classes = tokens[0].vocabulary.n_classes
    config = preset("tiny", n_neurons=12, n_classes=n_classes, coupling=CouplingConfig())
    model = Neuroformer(config).eval()
    told, _ = evaluate(model, tokens[1])
    assert _loss_untold(model, *tokens) == pytest.approx(told, rel=1e-5), "no graph, no difference"
    with torch.no_grad():
        model.coupling.weight[0] = torch.linspace(-3, 3, 5)[:, None] * torch.linspace(-1, 1, 12)
    told, _ = evaluate(model, tokens[1])
    assert abs(_loss_untold(model, *tokens) - told) > 1e-3
