"""Tables for a reader, on made-up scores."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.studies_report import NotMeasured
from lgl_core.studies_tables import NOTHING, by_network, means_shown, null_shown


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


def test_a_table_of_means_has_a_row_for_each_key_and_a_column_for_each_score():
    glm = {"edges": [0.79, 0.83], "co-input": pd.Series([0.5], index=[3])}
    attention = pd.DataFrame({"edges": [0.4, 0.44], "co-input": [0.25, 0.75]})
    table = means_shown({("default", "GLM"): glm, ("default", "attention"): attention})
    space = "\N{NO-BREAK SPACE}"
    assert list(table.index) == [("default", "GLM"), ("default", "attention")]
    assert table["edges"].tolist() == [f"0.81 [0.79,{space}0.83]", f"0.42 [0.40,{space}0.44]"]
    assert table["co-input"].tolist() == ["0.50", f"0.50 [0.25,{space}0.75]"]


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
