"""What is shown of influence: what one model makes of kinds of pairs, and scores over networks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lgl_core.extraction.influence import LAGS, Influence
from lgl_core.metrics.card import score_card
from lgl_core.networks.network import hub_network
from studies.evidence.influence_shown import (
    KEPT_SCORES,
    READ_SCORES,
    along_sds,
    by_change,
    by_model_reading,
    columns_shown,
    courses_by_kind,
    distance_from_stored,
    first_scores,
    knows_kind,
    knows_target,
    timing_shown,
)
from studies.results import load
from studies.standing_out import FIRST_TRIAL, N_SDS

NETWORK = hub_network(n_neurons=40, n_hubs=2)
N = NETWORK.n_neurons
NOISE = np.random.default_rng(0).normal(size=(N, N))
INHIBITORY = np.isin(np.arange(N), NETWORK.inhibitory)
HUB = np.isin(np.arange(N), NETWORK.hubs)
TABLE = load("influence")


def test_the_course_of_a_kind_is_the_mean_over_its_pairs():
    n_lags = len(LAGS) - 1
    change = np.random.default_rng(1).normal(size=(n_lags, N, N))
    interval = np.ones((n_lags, N))
    found = Influence(lags=np.array(LAGS), log_probability=change, log_interval=interval,
                      rate=change, seconds=interval)  # fmt: skip
    lines = courses_by_kind(found, NETWORK).set_index(["quantity", "name", "lag"])["value"]
    assert len(lines) == 2 * 5 * n_lags
    pairs = [(post, pre) for post in range(N) for pre in NETWORK.hubs
             if NETWORK.weights[post, pre] != 0]  # fmt: skip
    by_hand = np.mean([change[2, post, pre] for post, pre in pairs])
    rest = "\n(natural logarithm)"
    at = ("hub to its targets", 2.5e-3)
    assert lines["change of the log share" + rest][at] == pytest.approx(by_hand)
    assert lines["change of the log rate" + rest][at] == pytest.approx(by_hand - 1)
    others = ~(NETWORK.weights != 0) & ~HUB & ~np.eye(N, dtype=bool)
    none = lines["change of the log share" + rest]["no synapse, no hub", 0.5e-3]
    assert none == pytest.approx(change[0][others].mean())


def test_the_kind_is_told_by_the_means_of_columns_off_the_hubs():
    effect = NOISE - 0.2 * INHIBITORY + 5 * HUB
    off = effect - np.diag(np.diag(effect))
    by_hand = roc_auc_score(INHIBITORY[~HUB], -off.sum(axis=0)[~HUB])
    assert knows_kind(effect, NETWORK) == pytest.approx(by_hand)
    assert knows_kind(-1.0 * INHIBITORY + 0 * NOISE, NETWORK) == 1


def test_whom_a_neuron_reaches_is_told_within_columns():
    assert knows_target(NETWORK.weights + 3 * INHIBITORY, NETWORK) == pytest.approx(1.0)
    assert abs(knows_target(NOISE, NETWORK)) < 0.15
    of_hubs = NOISE + 100 * HUB * (NETWORK.weights != 0)
    assert knows_target(of_hubs, NETWORK) == knows_target(NOISE, NETWORK)


def test_entries_of_a_column_say_whether_there_is_a_synapse_and_what_stands_out():
    hub = int(NETWORK.hubs[0])
    graph = 0.1 * NOISE + np.where(HUB, NETWORK.weights, 0)
    table = columns_shown(graph, NETWORK, {"a hub": hub, "another": 3})
    assert table.groupby("name", sort=False).size().to_dict() == {"a hub": N - 1, "another": N - 1}
    of_hub = table[table["name"] == "a hub"]
    assert list(of_hub.index) == [post for post in range(N) if post != hub]
    assert of_hub["synapse"].tolist() == [NETWORK.weights[post, hub] != 0 for post in of_hub.index]
    assert abs(of_hub["value"].median()) < 1e-12
    assert (of_hub["kept"] & of_hub["synapse"]).sum() > 0.8 * of_hub["synapse"].sum()


def test_scores_of_graphs_are_those_of_their_cards():
    card = score_card(NOISE, NETWORK.weights, NETWORK.hubs).set_index(["view", "score"])["value"]
    found = first_scores({"noise": NOISE, "truth": NETWORK.weights}, NETWORK)
    assert found.loc["noise", "true_off_hubs pearson"] == card["true_off_hubs", "pearson"]
    assert found.loc["truth"].tolist() == pytest.approx([1, 1, 1])


def test_a_graph_is_held_against_the_stored_scores_of_edges_and_co_input():
    card = score_card(NOISE, NETWORK.weights, NETWORK.hubs)
    assert distance_from_stored(NOISE, NETWORK, card) == 0
    moved = {("true", "pearson"): 0.1, ("co_input", "spearman"): -0.3, ("true", "auc"): 9.0}
    by = [moved.get(key, 0.0) for key in zip(card["view"], card["score"], strict=True)]
    stored = card.assign(value=card["value"] + by)
    assert distance_from_stored(NOISE, NETWORK, stored) == pytest.approx(0.3)
    assert np.isnan(distance_from_stored(NOISE, NETWORK, card[:0]))


def value(table, **labels):
    """Look a number up, slowly."""
    for column, label in labels.items():
        table = table[table[column] == label]
    return table["value"].item()


def test_every_model_and_reading_has_all_scores_of_each_network():
    found = by_model_reading(TABLE)
    assert len(found) == 20 and all(set(scores) == set(READ_SCORES) for scores in found.values())
    score = found["rotary", "influence, rate"]["inhibitory, AUC"]
    assert score[3] == value(TABLE, method="influence", model="rotary", reading="removed",
                             quantity="rate", view="inhibitory", score="auc",
                             network_seed=3)  # fmt: skip


def test_changes_are_compared_on_networks_that_have_all_of_them():
    missing = (TABLE["model"] == "rotary") & (TABLE["reading"] == "moved")
    missing &= TABLE["network_seed"] == 0
    found = by_change(TABLE[~missing], ["edges, Pearson", "inhibitory, AUC"])
    networks = {key: sorted(scores.index) for key, scores in found.items()}
    every = sorted(TABLE["network_seed"].unique())
    for change in ("removed", "replaced", "moved"):
        assert networks["interval", change] == every and networks["rotary", change] == every[1:]
    assert list(found["rotary", "moved"]) == ["edges, Pearson", "inhibitory, AUC"]


def test_what_stands_out_is_followed_over_all_thresholds():
    table = load("standing_out")
    default = table[table["network"] == "hub_network"]
    along = along_sds(default)
    names = {f"{what}, {model}" for what in ("influence", "attention")
             for model in ("interval", "rotary")}  # fmt: skip
    assert set(along["name"]) == names and set(along["n_sd"]) == set(N_SDS)
    found = value(along, name="influence, rotary", n_sd=1.5, view="true", network_seed=1)
    assert found == value(
        default, method="influence", model="rotary", kept="beyond 1.5 sd",
        view="true", score="spearman", network_seed=1,
    )  # fmt: skip
    assert set(FIRST_TRIAL) <= set(KEPT_SCORES.values())


def test_what_a_moved_spike_loses_stands_beside_what_is_expected():
    rows = [("lost, 8 ms", 0.25), ("expected, 8 ms", 0.75), ("lost, 16 ms", 0.5)]
    made = pd.DataFrame(rows, columns=["score", "value"]).assign(view="timing")
    made = pd.concat([made.assign(model=model) for model in ("interval", "rotary")])
    shown = timing_shown(made)
    assert shown["model"].tolist() == ["interval"] * 3 + ["rotary"] * 3
    assert shown["earlier"].tolist() == [0.008, 0.008, 0.016] * 2
    lost, expected = "lost when moved", "expected of its time course"
    assert shown["name"].tolist() == [lost, expected, lost] * 2
