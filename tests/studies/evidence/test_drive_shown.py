"""What is shown of common drive: triplets, and how often a kind of pair passes for a synapse."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.pairs import pair_kinds
from lgl_core.networks.motifs import motifs
from studies.drive import PartialRecording
from studies.evidence.drive_shown import (
    DRIVEN,
    HEARD_LABELS,
    METHODS_DRIVEN,
    MODELS_DRIVEN,
    by_kind,
    by_share_heard,
    heard_in_part,
    of_kinds,
    of_triplets,
    shares_shown,
    triplets_in_order,
)
from studies.results import load

TABLE = load("common_drive")
ROWS = by_kind(TABLE[TABLE["model_seed"].isna()], METHODS_DRIVEN)


def test_kinds_of_pairs_are_told_as_shares_of_what_synapses_have():
    kinds = np.array([["", "edge", "chain"], ["reverse", "", "edge"], ["chain", "reverse", ""]])
    graph = np.array([[9.0, -1.0, 2.0], [0.0, 9.0, 3.0], [-4.0, 1.0, 9.0]])
    found = of_triplets(graph, kinds)
    assert found.to_dict() == {
        "synapse": 1.0, "synapse the other way": 0.25, "over a third": 1.5,
    }  # fmt: skip


def test_triplets_come_as_chains_then_forks_then_colliders():
    weights = motifs(n_of_each=6).weights
    neurons = triplets_in_order(weights, n_of_each=2)
    assert len(set(neurons)) == 3 * 3 * 2
    kinds = pair_kinds(weights)
    for number, (middle, *ends) in enumerate(neurons.reshape(-1, 3)):
        one, other = ends
        into = sum(weights[middle, end] != 0 for end in ends)
        out = sum(weights[end, middle] != 0 for end in ends)
        assert (into, out) == [(1, 1), (0, 2), (2, 0)][number // 2]
        between = {kinds[one, other], kinds[other, one]}
        assert between == [{"chain", "neither"}, {"source"}, {"target"}][number // 2]


def test_shares_are_those_of_the_pairs_of_a_kind():
    assert set(ROWS["network"].dropna()) == set(DRIVEN)
    partly = ROWS[ROWS["network"].isna()]
    others = [label for share, label in HEARD_LABELS.items() if share < 1]
    assert set(others) <= set(partly["label"])
    found = of_kinds(ROWS, "shared noise", "GLM", "together")
    by_hand = TABLE[
        (TABLE["network"] == DRIVEN["shared noise"]) & (TABLE["method"] == "glm")
        & (TABLE["reading"] == "area") & (TABLE["score"] == "edge above together")
        & TABLE["model_seed"].isna()
    ].set_index("network_seed")["value"]  # fmt: skip
    assert len(found) == 5 and found.to_dict() == by_hand.to_dict()


def test_the_table_of_shares_has_every_kind_of_a_network():
    shown = shares_shown(ROWS)
    assert list(shown) == [*METHODS_DRIVEN, "networks"]
    networks = shown.index.get_level_values(0)
    assert list(dict.fromkeys(networks)) == list(DRIVEN)
    noise = of_kinds(ROWS, "shared noise", "GLM", "together")
    assert shown.loc[("shared noise", "shared noise"), "GLM"].startswith(f"{noise.mean():.2f} [")
    of_models = shares_shown(by_kind(TABLE[TABLE["model_seed"].notna()], MODELS_DRIVEN))
    assert list(of_models) == [*MODELS_DRIVEN, "networks"]


def test_parts_of_a_network_are_told_by_the_share_that_is_heard():
    scores = heard_in_part(TABLE[TABLE["model_seed"].isna()], METHODS_DRIVEN)
    assert sorted(scores["share"].unique()) == [30, 50, 80, 100]
    half = scores[scores["share"] == 50]
    assert set(half["network"]) == {PartialRecording(fraction=0.5).label}
    assert set(scores["score"]) == {"pearson"}


def test_common_sources_stand_by_how_many_neurons_are_heard():
    shown = by_share_heard(ROWS)
    recordings = list(dict.fromkeys(shown.index.get_level_values("network")))
    assert recordings == [*HEARD_LABELS.values(), "hub_network, hubs hidden"]
    label = HEARD_LABELS[0.3]
    kind = ROWS[(ROWS["label"] == label) & (ROWS["kind"] == "hidden source")]
    mean = kind[kind["name"] == "GLM"]["value"].mean()
    assert shown.loc[(label, "common hidden source"), "GLM"].startswith(f"{mean:.2f} [")


def test_a_made_up_recording_has_no_name():
    row = METHODS_DRIVEN["GLM"] | {"network": "elsewhere", "view": "pairs",
           "score": "edge above chain", "value": 0.5}  # fmt: skip
    found = by_kind(pd.DataFrame([row]), {"GLM": METHODS_DRIVEN["GLM"]})
    assert found["kind"].tolist() == ["chain"] and found["network"].isna().all()
    assert found["label"].tolist() == ["elsewhere"]
    with pytest.raises(ValueError, match="score|view"):
        by_kind(pd.DataFrame([row | {"view": "true"}]), {"GLM": METHODS_DRIVEN["GLM"]})
