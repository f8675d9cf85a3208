"""Tables for a reader, on made-up scores."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.detection import auc
from lgl_core.networks.network import hub_network
from studies.evidence.report import NotMeasured, named
from studies.evidence.tables import (
    NOTHING,
    by_name,
    by_network,
    by_reading,
    means_in_rows,
    means_shown,
    null_shown,
    scores_of,
)


def test_scores_of_a_method_are_taken_apart_by_network():
    rows = [("true", "auc", 1, 0.5), ("true", "auc", 0, 0.25), ("abs", "auc", 0, 0.75)]
    table = pd.DataFrame(rows, columns=["view", "score", "network_seed", "value"])
    found = by_network(table, {"edges": ("true", "auc"), "any": ("abs", "auc")})
    assert {name: values.to_dict() for name, values in found.items()} == {
        "edges": {1: 0.5, 0: 0.25},
        "any": {0: 0.75},
    }
    with pytest.raises(NotMeasured, match="auc"):
        by_network(table, {"rank": ("true", "spearman")})


def test_scores_are_taken_apart_by_names_of_one_column_or_of_two():
    rows = [("glm", "weak", 0, 1.0), ("ccg", "weak", 0, 2.0), ("glm", "strong", 3, 4.0)]
    table = pd.DataFrame(rows, columns=["name", "kind", "network_seed", "value"])
    table = table.assign(view="true", score="auc")
    edges = {"edges": ("true", "auc")}

    def seen(by):
        found = by_name(table, edges, by)
        return {key: of_key["edges"].to_dict() for key, of_key in found.items()}

    assert seen("name") == {"glm": {0: 1, 3: 4}, "ccg": {0: 2}}
    both = {("weak", "glm"): {0: 1}, ("weak", "ccg"): {0: 2}, ("strong", "glm"): {3: 4}}
    assert seen(["kind", "name"]) == both


def test_graphs_are_scored_by_the_network_behind_them():
    truth = hub_network(n_neurons=20, seed=1)
    noisy = truth.weights + np.random.default_rng(0).normal(size=truth.weights.shape)
    scores = {"edges": ("true", "pearson"), "any": ("abs", "auc")}
    table = scores_of({("GLM", "peak"): noisy, ("the", "truth"): truth.weights}, truth, scores)
    assert list(table.index) == [("GLM", "peak"), ("the", "truth")]
    assert table.loc[("the", "truth")].tolist() == [pytest.approx(1), 1]
    assert table.loc[("GLM", "peak"), "any"] == auc(noisy, truth.weights)


def test_scores_are_taken_apart_by_method_and_reading():
    table = pd.DataFrame(
        [
            ("glm", "area", kept, network, "true", "pearson", 10 * number + network)
            for number, kept in enumerate(("", "beyond 2 sd", "beyond 3 sd"))
            for network in range(2)
        ],
        columns=["method", "reading", "kept", "network_seed", "view", "score", "value"],
    )
    methods = {"GLM": {"method": "glm", "reading": "area"}}
    found = by_reading(table, methods, {"edges": ("true", "pearson")})
    assert {key: scores["edges"].to_dict() for key, scores in found.items()} == {
        ("GLM", "as it is"): {0: 0, 1: 1},
        ("GLM", "standing out"): {0: 10, 1: 11},
    }
    kinds = {"first": {"network_seed": 0}, "second": {"network_seed": 1}}
    of_kinds = by_reading(
        named(table, kinds, column="kind"), methods, {"edges": ("true", "pearson")}, by="kind"
    )
    assert {key: scores["edges"].to_dict() for key, scores in of_kinds.items()} == {
        ("first", "GLM", "as it is"): {0: 0},
        ("first", "GLM", "standing out"): {0: 10},
        ("second", "GLM", "as it is"): {1: 1},
        ("second", "GLM", "standing out"): {1: 11},
    }
    with pytest.raises(NotMeasured, match="peak"):
        by_reading(table, {"GLM": {"reading": "peak"}}, {"edges": ("true", "pearson")})


def test_a_table_of_means_has_a_row_for_each_key_and_a_column_for_each_score():
    glm = {"edges": [0.79, 0.83], "co-input": pd.Series([0.5], index=[3])}
    attention = pd.DataFrame({"edges": [0.4, 0.44], "co-input": [0.25, 0.75]})
    table = means_shown({("default", "GLM"): glm, ("default", "attention"): attention})
    space = "\N{NO-BREAK SPACE}"
    assert list(table.index) == [("default", "GLM"), ("default", "attention")]
    assert table["edges"].tolist() == [f"0.81 [0.56,{space}1.06]", f"0.42 [0.17,{space}0.67]"]
    assert table["co-input"].tolist() == ["0.50", f"0.50 [-2.68,{space}3.68]"]
    assert table["networks"].tolist() == ["1 to 2", "2"]


def test_a_figure_gets_the_means_of_the_table_score_by_score():
    glm, attention = {"edges": [0.79, 0.83], "co-input": [0.5]}, {"edges": [0.4], "co-input": [0.2]}
    rows = means_in_rows({("default", "GLM"): glm, ("other", "attention"): attention}, ["edges"])
    assert rows[["what", "source", "name"]].to_numpy().tolist() == [
        ["edges", "default", "GLM"],
        ["edges", "other", "attention"],
    ]
    assert rows["mean"].tolist() == [pytest.approx(0.81), 0.4] and rows["n"].tolist() == [2, 1]
    assert rows["low"].isna().tolist() == [False, True], "one network has no interval"


@pytest.mark.parametrize(("key", "last"), [("GLM", NOTHING), (("default", "GLM"), (NOTHING, ""))])
def test_what_knows_nothing_stands_in_the_last_row(key, last):
    table = means_shown({key: {"edges": [0.5], "AUC": [0.9]}}, {"edges": "0.00 ± 0.04"})
    assert list(table.index) == [key, last]
    assert table.loc[last, "edges"] == "0.00 ± 0.04"


def test_the_null_of_each_score_is_the_mean_of_its_rows():
    rows = [
        ("true", "pearson", -0.004, 0.01), ("true", "pearson", 0.0, 0.03),
        ("abs", "auc", np.nan, np.nan), ("hubs", "rank", np.nan, np.nan),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["view", "score", "null_mean", "null_sd"])
    scores = {"edges": ("true", "pearson"), "any": ("abs", "auc"), "hubs": ("hubs", "rank")}
    assert null_shown(table, scores) == {"edges": "0.00 ± 0.04", "any": "0.50", "hubs": ""}
    with pytest.raises(NotMeasured, match="spearman"):
        null_shown(table, {"rank": ("true", "spearman")})
