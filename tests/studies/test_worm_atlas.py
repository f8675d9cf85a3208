"""The scores of the worm: what they are made of, and that they can be had again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lgl_core.networks.topologies import c_elegans_neurons
from studies import results
from studies import worm_atlas as studies_worm_atlas
from studies.rows import COLUMNS
from studies.worm_atlas import WormWiring, areas, pairs, scores, twins
from studies.worm_atlas_data import (
    FOLDER_VARIABLE,
    SOURCE,
    WormAtlas,
    c_elegans_gap_junctions,
    c_elegans_synapses,
    worm_atlas_file,
)
from studies.worm_atlas_scores import FINDS_ANATOMY, FINDS_FUNCTION, mutual_scores

NAMES = c_elegans_neurons()


@pytest.fixture(scope="module")
def made_up():
    """An atlas in which pairs with a gap junction respond, and few others."""
    rng = np.random.default_rng(0)
    shape = (len(NAMES), len(NAMES))
    measured = (rng.random(shape) < 0.3) & ~np.eye(len(NAMES), dtype=bool)
    answers = (c_elegans_gap_junctions() > 0) | (rng.random(shape) < 0.02)
    q = np.where(answers, 0.001, 0.5) * rng.uniform(0.9, 1.1, shape)
    return WormAtlas(
        response=np.where(measured, 0.1, np.nan),
        q=np.where(measured, q, np.nan),
        trials=np.where(measured, rng.integers(1, 9, shape), 0),
    )


@pytest.fixture(scope="module")
def table(made_up):
    return scores(made_up, n_nulls=5)


@pytest.mark.slow
def test_scores_are_in_the_form_of_the_other_studies(table):
    assert list(table) == COLUMNS
    assert not table.duplicated(["method", "reading", "kept", "view", "score", "null"]).any()
    assert table["value"].notna().all()


@pytest.mark.slow
def test_areas_are_those_of_the_scores_called_by_hand(table, made_up):
    found = areas(table).set_index(["name", "question", "null"])
    counts = {"synapses": c_elegans_synapses(), "gap junctions": c_elegans_gap_junctions()}
    counts["both"] = counts["synapses"] + counts["gap junctions"]
    assert len(found) == 12
    for name, anatomy in counts.items():
        sure = -np.log10(made_up.q)
        for null in ("permuted", "degrees"):
            for row in mutual_scores(anatomy, sure, made_up.responds(), null, 5).itertuples():
                mine = found.loc[(name, row.question, null)]
                assert mine["value"] == row.value and mine["null_mean"] == row.null_mean
                assert mine["null_sd"] == row.null_sd
                np.testing.assert_equal(mine["strengths_only"], row.strengths_only)
    junctions = found.loc["gap junctions"]["value"]
    assert junctions[FINDS_ANATOMY, "degrees"] > 0.9 > junctions[FINDS_FUNCTION, "degrees"] > 0.6


def test_other_graphs_are_scored_on_the_same_question(table):
    single = studies_worm_atlas.single_areas(table)
    assert len(single) == 5
    assert single["strongest senders"] > 0.5 < single["readiest receivers"]
    assert abs(single["how often it was measured"] - 0.5) < 0.03  # drawn at random here


def test_groups_of_pairs_add_up(table, made_up):
    counts = pairs(table).set_index(["name", "connections"])
    assert list(counts) == ["n_pairs", "n_responding"]
    everyone = counts.loc[("all", "any or none")]
    assert everyone.tolist() == [made_up.measured.sum(), made_up.responds().sum()]
    for kind in ("synapses", "gap junctions"):
        groups = counts.loc[kind]
        assert groups.drop("any").sum().tolist() == everyone.tolist()
        some = groups.drop(["any", "none"]).sum()
        assert some.tolist() == groups.loc["any"].tolist()
    assert (counts["n_responding"] <= counts["n_pairs"]).all()
    joined = counts.loc[("twins", "gap junctions")]
    assert joined["n_pairs"] == joined["n_responding"]


def test_twins_are_left_and_right_of_one_name():
    found = twins()
    np.testing.assert_array_equal(found, found.T)
    assert not np.diagonal(found).any() and found.sum(axis=0).max() == 1
    assert found[NAMES.index("AVAL"), NAMES.index("AVAR")]
    assert not found[:, NAMES.index("AVL")].any()  # a single neuron; its L is no side


def test_the_point_is_ready_where_the_atlas_is_and_reads_it(made_up, table, monkeypatch):
    monkeypatch.setattr(studies_worm_atlas, "worm_atlas_file", lambda: None)
    assert not WormWiring().is_ready
    monkeypatch.setattr(studies_worm_atlas, "worm_atlas_file", lambda: Path("funatlas.h5"))
    monkeypatch.setattr(studies_worm_atlas, "worm_atlas", lambda: made_up)
    point = WormWiring(n_nulls=5)
    assert point.is_ready
    pd.testing.assert_frame_equal(point.rows(), table)


# --- what is committed -------------------------------------------------------------------------


def test_committed_scores_say_where_they_come_from():
    record = results.provenance("worm_atlas")
    assert record["points"] == [results.described(WormWiring())]
    assert record["points"][0]["data"] == SOURCE["sha256"]


def test_committed_scores_have_no_pair_of_the_atlas_in_them():
    texts = results.load("worm_atlas").select_dtypes(exclude="number").to_numpy().astype(str)
    words = {word for text in texts.ravel() for word in text.replace(":", " ").split()}
    assert words & set(NAMES) == set()


@pytest.mark.skipif(
    worm_atlas_file() is None,
    reason=f"neither the environment variable {FOLDER_VARIABLE} nor the user's cache has the atlas",
)
def test_the_atlas_gives_what_is_committed():
    committed, again = results.load("worm_atlas"), WormWiring().rows()
    labels = ["method", "reading", "kept", "view", "score", "null"]
    pd.testing.assert_frame_equal(again[labels].fillna(""), committed[labels])
    np.testing.assert_allclose(again["value"], committed["value"], rtol=1e-4)
    for name in ("null_mean", "null_sd"):  # random numbers drawn anew, the same on one machine
        np.testing.assert_allclose(again[name], committed[name], atol=3e-3)
