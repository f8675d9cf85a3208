"""Scores beside what they are held against, on made-up tables and small networks."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.extraction.readings import excess_shares
from lgl_core.metrics.detection import spearman_ceiling
from lgl_core.metrics.nulls import strengths_only
from lgl_core.metrics.scores import spearman
from lgl_core.networks.network import hub_network
from studies.evidence.nulls_shown import (
    beside_paper,
    beyond_strengths,
    differences,
    edge_ceilings,
    excess_and_strengths,
    known_beyond_null,
    scores_and_z,
    signs_and_hubs,
    strengths_compared,
    synapse_shares,
)
from studies.evidence.report import difference
from studies.names import CORRELATIONS

SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def network():
    return hub_network(n_neurons=30, n_hubs=2, seed=3)


def scores(values, null="permuted", null_mean=0.0, null_sd=0.1, **labels):
    """Build a table of one series, a value per network."""
    usual = {
        "name": "GLM",
        "network": "hub_network",
        "model_seed": np.nan,
        "view": "co_input",
        "score": "spearman",
        "null": null,
        "null_mean": null_mean,
        "null_sd": null_sd,
    }
    rows = pd.DataFrame({"network_seed": range(len(values)), "value": values})
    return rows.assign(**usual | labels)


def test_the_paper_stands_beside_what_it_measured_and_gaps_stay_empty():
    means = pd.DataFrame(
        [
            ("one", "true", "pearson", 0.5, 0.4, 0.6),
            ("another", "true", "pearson", 0.25, 0.25, 0.25),
            ("another", "abs", "pearson", 0.1, 0.0, 0.2),
        ],
        columns=["name", "view", "score", "mean", "low", "high"],
    )
    paper = pd.DataFrame([("one", "true", "pearson", 0.7)], columns=[*means.columns[:3], "value"])
    found = beside_paper(means, paper)
    assert list(found) == ["one", "another", "one (paper)"]
    texts = [f"0.50 [0.40,{SPACE}0.60]", f"0.25 [0.25,{SPACE}0.25]"]
    assert found.loc[("true", "pearson")].tolist() == [*texts, 0.7]
    assert found.loc[("abs", "pearson")].isna().tolist() == [True, False, True]


def test_differences_are_written_with_their_verdicts():
    one, other = [0.5, 0.6, 0.7], [0.1, 0.3, 0.2]
    table = pd.concat(
        [
            scores(values, score=score, method=method, view=view)
            for method, values in (("glm", one), ("ccg", other))
            for score in CORRELATIONS
            for view in ("true", "co_input")
        ]
    )
    series = {"GLM": {"method": "glm"}, "line": {"method": "ccg"}}
    pairs = [(("GLM", "true"), ("line", "co_input")), (("line", "true"), ("GLM", "true"))]
    found = differences(table, series, pairs)
    assert found.index.get_level_values("this").tolist() == ["GLM (true)", "line (true)"]
    assert found.index.get_level_values("minus this").tolist() == ["line (co_input)", "GLM (true)"]
    assert [text.split()[0] for text in found["spearman"]] == ["ahead", "behind"]
    ahead = difference(table, {"method": "glm", "view": "true"}, {"method": "ccg", "view": "true"})
    assert found["pearson"].iloc[0] == f"ahead {ahead['pearson']}"


def test_shares_and_ceilings_are_of_each_network(network):
    shares = synapse_shares({7: network}).loc[7]
    counts = {kind: np.count_nonzero(found) for kind, found in (
        ("any", network.weights), ("excitatory", network.weights > 0),
        ("inhibitory", network.weights < 0))}  # fmt: skip
    assert shares.to_dict() == pytest.approx({kind: n / (30 * 29) for kind, n in counts.items()})
    ceilings = edge_ceilings({7: network}).loc[7]
    assert ceilings["signed estimate"] == spearman_ceiling(network.weights)
    assert ceilings["magnitudes only"] < ceilings["signed estimate"]


def test_the_worst_network_shows_in_signs_and_hubs():
    rows = pd.concat(
        [
            scores([0.8, 0.9], score="sign_agreement", view="true"),
            scores([1.0, 0.5], score="found", view="hubs"),
            scores([3, 9], score="rank", view="hubs"),
        ]
    )
    rows = pd.concat([rows, rows.assign(name="another", value=1.0)])
    found = signs_and_hubs(rows)
    assert found.index.tolist() == ["GLM", "another"]
    assert found.loc["GLM"].tolist() == pytest.approx([0.85, 0.75, 0.5, 9])


def test_z_is_that_of_the_network_in_which_it_is_smallest():
    rows = pd.concat(
        [
            scores([0.4, 0.8], null, mean, score=score)
            for null, mean in (("permuted", 0.0), ("strengths", 0.2))
            for score in CORRELATIONS
        ]
    )
    found = scores_and_z(rows)
    columns = ["mean", "z, permuted", "z, strengths"]
    assert list(found) == [(score, column) for score in CORRELATIONS for column in columns]
    assert found.loc["GLM", "spearman"].tolist() == [0.6, 4, 2]


class TestStrengths:
    ROWS = pd.concat(
        [
            scores([0.5, 0.6], "strengths", 0.3),
            scores([0.2, 0.7], "strengths only", np.nan, np.nan),
        ]
    )

    def test_a_graph_is_compared_with_its_own_strengths(self):
        gain = beyond_strengths(self.ROWS)
        assert gain["beyond"].tolist() == pytest.approx([0.3, -0.1])
        assert gain["z"].tolist() == pytest.approx([2, 3])

    def test_means_and_the_networks_above(self):
        (row,) = strengths_compared(beyond_strengths(self.ROWS)).to_dict("records")
        assert row.pop("networks above alone") == "1 of 2"
        expected = {"full": 0.55, "alone": 0.45, "kept, mean": 0.3, "kept, z": 2.5}
        assert row == pytest.approx(expected)

    def test_excess_over_columns_is_compared_with_what_is_left_of_its_strengths(self, network):
        rng = np.random.default_rng(0)
        graph = np.abs(network.weights) + rng.uniform(size=network.weights.shape)
        found = excess_and_strengths({"attention": graph}, network.weights, n=5)
        assert found.index.tolist() == [("attention", "true"), ("attention", "co_input")]
        excess = excess_shares(graph)
        row = found.loc[("attention", "true")]
        assert row["full"] == pytest.approx(spearman(excess, network.weights))
        assert row["alone"] == pytest.approx(spearman(strengths_only(excess), network.weights))
        assert row["kept, z"] * (row["full"] - row["kept, mean"]) > 0


def test_scores_above_their_null_are_counted_by_view_and_method():
    rows = pd.concat([scores([0.1, 0.3, 0.5]), scores([0.0], view="true")])
    found = known_beyond_null(rows)
    means = found.loc[("co_input", "GLM"), ["mean", "null_sd"]].tolist()
    assert means == pytest.approx([0.3, 0.1])
    assert found["above its null"].tolist() == ["2 of 3", "0 of 1"]
