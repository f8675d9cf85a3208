"""The scores of the worm: what they are made of, their files, and that they can be had again."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from lgl_core.disk.cache import source_hash
from lgl_core.networks.topologies import c_elegans_neurons
from studies import results
from studies import worm_atlas as studies_worm_atlas
from studies.rows import COLUMNS
from studies.worm_atlas import areas, load, origin, pairs, provenance, run, scores, twins
from studies.worm_atlas_data import (
    FOLDER_VARIABLE,
    SOURCE,
    WormAtlas,
    c_elegans_gap_junctions,
    c_elegans_synapses,
    worm_atlas,
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
    assert list(table) == studies_worm_atlas.COLUMNS
    assert [name for name in ["study", *COLUMNS] if name in set(table)] == list(table)
    assert not table.duplicated(["method", "variant", "view", "score", "null"]).any()
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


@pytest.mark.slow
def test_what_is_written_can_be_read_back(made_up, table, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        studies_worm_atlas, "worm_atlas", lambda folder: asked.append(folder) or made_up
    )
    monkeypatch.setattr(studies_worm_atlas, "_N_NULLS", 5)
    monkeypatch.setattr(studies_worm_atlas, "scores", lambda atlas: scores(atlas, 5))
    written = run("there", tmp_path)
    assert asked == ["there"]
    pd.testing.assert_frame_equal(written, load(tmp_path))
    blanks = table.fillna({"null": ""})
    pd.testing.assert_frame_equal(written, blanks, rtol=1e-5, check_dtype=False)
    record = provenance(tmp_path)
    assert record["source"] == source_hash("studies.worm_atlas")
    assert record["machine"]["versions"]["numpy"] == np.__version__
    assert record["configuration"]["n_nulls"] == 5
    assert origin(tmp_path).splitlines()[1].endswith("by lgl worm")


def test_scores_that_are_not_there_name_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="run lgl worm"):
        load(tmp_path)


# --- what is committed -------------------------------------------------------------------------


def test_committed_scores_say_where_they_come_from():
    record = provenance()
    assert studies_worm_atlas.RESULTS == results.RESULTS
    assert record["command"] in ("lgl worm", "python -m lgl_core.studies_worm_atlas")
    assert record["data"] == json.loads(json.dumps(SOURCE))
    assert set(record["machine"]) == {"date", "processor", "cores", "system", "python", "versions"}
    path = results.RESULTS / "worm_atlas.parquet"
    assert record["table_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(load()["study"]) == {"worm_atlas"}


def test_committed_scores_have_no_pair_of_the_atlas_in_them():
    texts = load().select_dtypes(exclude="number").to_numpy().astype(str)
    words = {word for text in texts.ravel() for word in text.replace(":", " ").split()}
    assert words & set(NAMES) == set()


@pytest.mark.skipif(
    worm_atlas_file() is None,
    reason=f"neither the environment variable {FOLDER_VARIABLE} nor the user's cache has the atlas",
)
def test_the_atlas_gives_what_is_committed():
    committed, again = load(), scores(worm_atlas())
    labels = ["method", "variant", "view", "score", "null"]
    pd.testing.assert_frame_equal(again[labels].fillna(""), committed[labels])
    np.testing.assert_allclose(again["value"], committed["value"], rtol=1e-4)
    for name in ("null_mean", "null_sd"):  # random numbers drawn anew, the same on one machine
        np.testing.assert_allclose(again[name], committed[name], atol=3e-3)
