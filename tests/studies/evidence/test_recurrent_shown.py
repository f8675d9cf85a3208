"""What the page on strong recurrence shows, from rows that are made up and from the study's."""

import numpy as np
import pandas as pd
import pytest

from studies.evidence.intervals import interval
from studies.evidence.recurrent_shown import (
    GRAPH_SCORES,
    LIST_SCORES,
    NAMES,
    patterns,
    scores_of_graphs,
    scores_of_lists,
)
from studies.evidence.report import NotMeasured
from studies.recurrent import FAR, SHARE, STRENGTHS, recorded

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
