"""What the page on strong recurrence shows, from rows that are made up and from the study's."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.networks.ring import ring
from studies.evidence.intervals import interval
from studies.evidence.recurrent_shown import (
    GRAPH_SCORES,
    LIST_SCORES,
    NAMES,
    by_distance,
    patterns,
    scores_of_graphs,
    scores_of_lists,
)
from studies.evidence.report import NotMeasured
from studies.recurrent import FAR, SHARE, STRENGTHS, recorded
from studies.results import load

KINDS = [
    *((*key, *score) for key in NAMES for score in GRAPH_SCORES),
    *((method, "connections", *score) for method in ("glm", "ccg") for score in LIST_SCORES),
    *(("spikes", "50 ms", score, "") for score in (FAR, SHARE)),
]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            (recorded(strength).label, seed, *kind, rng.random())
            for strength in STRENGTHS
            for seed in range(3)
            for kind in KINDS
        ],
        columns=["network", "network_seed", "method", "reading", "score", "kept", "value"],
    )


def test_means_are_over_the_runs_of_one_strength(table):
    found = scores_of_graphs(table)
    assert list(found.columns) == ["name", "what", "strength", "mean", "low", "high", "n"]
    assert len(found) == len(NAMES) * len(GRAPH_SCORES) * len(STRENGTHS)
    mine = found[
        (found["name"] == "covariance") & (found["what"] == GRAPH_SCORES["auc", ""])
        & (found["strength"] == 8)
    ].iloc[0]  # fmt: skip
    values = table.loc[
        (table["network"] == recorded(8.0).label) & (table["method"] == "covariance")
        & (table["score"] == "auc"), "value",
    ]  # fmt: skip
    assert mine["mean"] == pytest.approx(values.mean()) and mine["n"] == 3
    assert (mine["low"], mine["high"]) == pytest.approx(interval(values))


def test_lists_and_patterns_are_apart_from_graphs(table):
    lists, activity = scores_of_lists(table), patterns(table)
    assert set(lists["what"]) == set(LIST_SCORES.values())
    assert set(lists["name"]) == {"GLM", "cross-correlogram"}
    assert set(activity["what"]) == {FAR, SHARE} and len(activity) == 2 * len(STRENGTHS)


def test_order_is_that_of_the_names(table):
    found = scores_of_graphs(table.sample(frac=1, random_state=0))
    assert list(dict.fromkeys(found["name"])) == list(NAMES.values())
    assert list(dict.fromkeys(found["what"])) == list(GRAPH_SCORES.values())


def test_strengths_that_were_not_run_are_left_out_and_methods_are_missed(table):
    some = table[table["network"] == recorded(STRENGTHS[0]).label]
    assert set(scores_of_graphs(some)["strength"]) == {STRENGTHS[0]}
    with pytest.raises(NotMeasured, match="method"):
        scores_of_graphs(table[table["method"] != "tspe"])


def test_pairs_equally_far_apart_are_averaged():
    weights = ring(n_neurons=30, reach=8).weights
    rng = np.random.default_rng(0)
    noisy = weights + rng.normal(scale=0.1, size=weights.shape)
    found = by_distance({"true": 3 * weights, "noisy": noisy}).set_index(["name", "distance"])
    means = found["mean"]
    np.testing.assert_allclose(means["true"], weights[1:16, 0] / weights[1, 0])
    gap = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    of = [noisy[np.minimum(gap, 30 - gap) == far].mean() for far in (4, 1)]
    assert means["noisy", 4] == pytest.approx(of[0] / of[1])


def test_in_a_pattern_covariance_fails_and_the_glm_and_its_list_do_not():
    study = load("recurrence")
    far = patterns(study).set_index(["what", "strength"])["mean"][FAR]
    assert (np.diff(far) > 0).all() and far[2] < 0.02 and far[20] > 0.3
    graphs = scores_of_graphs(study).set_index(["what", "name", "strength"])
    assert (graphs["n"] == 5).all()
    false = graphs["mean"][GRAPH_SCORES["fdr", "as many as synapses"]]
    assert false["covariance", 20] > 0.4 > 0.1 > false["GLM", 20]
    assert false["GLM", 12] < false["GLM", 4] and false["covariance", 12] > false["covariance", 4]
    lists = scores_of_lists(study).set_index(["what", "name", "strength"])["mean"]
    of_lists = lists[LIST_SCORES["fdr", "listed at 5%"]]
    assert of_lists["GLM"].max() < 0.05
    named = lists[LIST_SCORES["recall", "listed at 5%"]]["GLM"]
    assert (np.diff(named) > 0).all() and named[20] > 0.9
    assert of_lists["cross-correlogram"].max() < 0.05
