"""Means, intervals and differences of the studies, on made-up tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.metrics.scores import paper_table_1
from studies.against_nulls import Nulls
from studies.evidence.intervals import interval
from studies.evidence.report import (
    as_published,
    checked_again,
    chosen,
    difference,
    distance_from_paper,
    named,
    per_network,
    repeated,
    series_means,
    shown,
    summary,
    with_settings,
)
from studies.names import CORRELATIONS
from studies.points import EQUAL_ROWS, Model, Recording
from studies.rows import labels_of

SKEWED = np.random.default_rng(0).lognormal(size=12)
eighths = st.integers(-80, 80).map(lambda n: n / 8)


def table_of(method="glm", **numbers):
    """Build a table from the numbers of each score, one per network."""
    rows = [
        {"network": "hub_network", "network_seed": seed, "method": method, "score": s, "value": v}
        for s, values in numbers.items()
        for seed, v in enumerate(values)
    ]
    return pd.DataFrame(rows)


def pair_of(glm, attention):
    """Build a table of two methods, each with the same numbers for both correlations."""
    numbers = {"glm": glm, "attention": attention}
    sides = [table_of(name, pearson=x, spearman=x) for name, x in numbers.items()]
    return pd.concat(sides, ignore_index=True)


def glm_minus_attention(table):
    return difference(table, {"method": "glm"}, {"method": "attention"})


class TestChosen:
    TABLE = pd.DataFrame(
        {"method": ["glm", "glm", "ccg"], "layer": ["", "1", "2"], "value": [1.0, 2.0, 3.0]}
    )

    def test_all_labels_must_fit(self):
        assert chosen(self.TABLE, method="glm")["value"].tolist() == [1, 2]
        assert chosen(self.TABLE, method="glm", layer="")["value"].tolist() == [1]

    @pytest.mark.parametrize("labels", [["1", "2", "3"], ("1", "2", "3")])
    def test_several_labels_keep_them_all(self, labels):
        assert chosen(self.TABLE, layer=labels)["value"].tolist() == [2, 3]

    def test_no_labels_keep_everything(self):
        pd.testing.assert_frame_equal(chosen(self.TABLE), self.TABLE)

    def test_the_error_names_the_label_that_left_nothing_and_what_was_there(self):
        with pytest.raises(ValueError, match=r"layer must be one of \['', '1'\], got '2'"):
            chosen(self.TABLE, method="glm", layer="2")


class TestPerNetwork:
    def test_a_network_with_three_trainings_counts_once(self):
        table = table_of(pearson=[0.0, 1.0])
        thrice = pd.concat([table, table.iloc[[0, 0]]]).assign(model_seed=range(4))
        assert per_network(thrice, ["score"])["value"].tolist() == [0, 1]
        assert summary(thrice, ["score"])[["mean", "n_networks"]].values.tolist() == [[0.5, 2]]

    def test_networks_of_one_seed_and_two_kinds_stay_apart(self):
        one = table_of(pearson=[0.0])
        table = pd.concat([one, one.assign(network="erdos_renyi", value=1.0)])
        assert per_network(table, ["score"])["value"].tolist() == [0, 1]

    def test_a_measurement_may_be_told_by_its_network(self):
        found = per_network(table_of(pearson=[0.5]), ["network", "score"])
        assert list(found) == ["network", "score", "network_seed", "value"]


labels = {
    "method": st.sampled_from(["glm", "attention"]),
    "layer": st.sampled_from(["", "1"]),
    "network": st.sampled_from(["hub_network", "spatial"]),
    "network_seed": st.integers(0, 2),
}
measurements = st.lists(st.fixed_dictionaries(labels | {"value": eighths}), min_size=1, max_size=20)


def slow_summary(rows, by):
    trainings = {}
    for row in rows:
        networks = trainings.setdefault(tuple(row[name] for name in by), {})
        networks.setdefault((row["network"], row["network_seed"]), []).append(row["value"])
    found = []
    for key, networks in trainings.items():
        means = [sum(values) / len(values) for values in networks.values()]
        found.append((*key, sum(means) / len(means), *interval(means), len(means)))
    return pd.DataFrame(found, columns=[*by, "mean", "low", "high", "n_networks"])


class TestSummary:
    @pytest.mark.slow
    @settings(max_examples=25)
    @given(measurements, st.sampled_from([["method"], ["layer", "method"], ["network", "layer"]]))
    def test_equals_the_slow_loop(self, rows, by):
        pd.testing.assert_frame_equal(
            summary(pd.DataFrame(rows), by), slow_summary(rows, by), rtol=1e-9, atol=1e-9
        )


class TestShown:
    TABLE = table_of(spearman=[0.40, 0.44], pearson=[0.79, 0.83])

    def test_means_and_intervals(self):
        space = "\N{NO-BREAK SPACE}"
        # Of two networks, the interval is 12.7 times as wide as their distance.
        intervals = f"0.81 [0.56,{space}1.06] / 0.42 [0.17,{space}0.67]"
        assert shown(self.TABLE) == f"{intervals} (n{space}={space}2)"

    def test_no_brackets_for_a_single_network(self):
        assert shown(self.TABLE, network_seed=1).replace("\N{NO-BREAK SPACE}", " ") == (
            "0.83 / 0.44 (n = 1)"
        )

    def test_only_the_measurement_asked_for(self):
        table = pd.concat([self.TABLE, table_of("ccg", pearson=[0.1], spearman=[-0.2])])
        assert shown(table, method="ccg").startswith("0.10 / -0.20 (n")
        assert shown(table, method="glm") == shown(self.TABLE)


class TestDifference:
    SCORES = np.array([0.125, 0.5, 0.75, 0.25])

    @pytest.mark.parametrize(("offset", "verdict"), [(0.25, "ahead"), (-0.25, "behind")])
    def test_the_same_offset_in_each_network_leaves_no_doubt(self, offset, verdict):
        found = glm_minus_attention(pair_of(self.SCORES + offset, self.SCORES))
        assert list(found) == list(CORRELATIONS)
        for score in CORRELATIONS:
            assert found[score] == (offset, offset, offset, 4)
            assert found[score].verdict == verdict

    @pytest.mark.parametrize("sign", [1, -1])
    def test_networks_that_disagree_decide_nothing(self, sign):
        offsets = sign * np.array([0.5, -0.25, 0.5, -0.25])
        (found, _) = glm_minus_attention(pair_of(self.SCORES + offsets, self.SCORES)).values()
        assert found == (offsets.mean(), *interval(offsets), 4)
        assert found.verdict == "undecided"

    def test_no_difference_and_a_single_network_decide_nothing(self):
        for glm, attention in ((self.SCORES, self.SCORES), ([0.9], [0.1])):
            found = glm_minus_attention(pair_of(glm, attention))
            assert {one.verdict for one in found.values()} == {"undecided"}

    def test_each_correlation_is_compared_with_itself(self):
        glm = table_of("glm", pearson=[0.75, 0.75], spearman=[0.25, 0.25])
        attention = table_of("attention", pearson=[0.5, 0.5], spearman=[0.5, 0.5])
        found = glm_minus_attention(pd.concat([glm, attention]))
        assert [found[score].mean for score in CORRELATIONS] == [0.25, -0.25]

    def test_networks_with_one_side_only_are_left_out(self):
        found = glm_minus_attention(pair_of(self.SCORES[:2], self.SCORES))
        assert found["pearson"] == (0, 0, 0, 2)

    def test_networks_are_paired_by_name_and_not_by_place(self):
        table = pair_of(self.SCORES + 0.25, self.SCORES)
        found = glm_minus_attention(table.sample(frac=1, random_state=0))
        assert found["pearson"] == (0.25, 0.25, 0.25, 4)

    def test_trainings_are_averaged_before_they_are_compared(self):
        more = table_of("attention", pearson=[1.0], spearman=[1.0])
        found = glm_minus_attention(pd.concat([pair_of([0.5, 0.5], [0.0, 0.5]), more]))
        assert found["pearson"].mean == 0 and found["pearson"].n == 2

    def test_two_methods_without_a_common_network_are_refused(self):
        table = pair_of([0.5], [0.5])
        table.loc[table["method"] == "glm", "network_seed"] = 7
        with pytest.raises(ValueError, match="no network with both .*glm.*attention"):
            glm_minus_attention(table)


def test_other_readings_are_not_as_published():
    readings = ["peak", "", "original read-out", "rows made equal", "excess over columns"]
    table = pd.DataFrame({"reading": readings})
    assert as_published(table)["reading"].tolist() == readings[:3]


class TestNamed:
    TABLE = pair_of([0.5], [0.25])

    def test_series_stand_in_the_order_in_which_they_are_named(self):
        series = {"Neuroformer": {"method": "attention"}, "GLM": {"method": "glm"}}
        found = named(self.TABLE, series, score="pearson")
        assert found[["name", "value"]].values.tolist() == [["Neuroformer", 0.25], ["GLM", 0.5]]

    def test_names_go_into_the_column_that_is_asked_for(self):
        first, *_ = self.TABLE["method"]
        found = named(self.TABLE, {"mine": {"method": first}}, column="method")
        assert set(found["method"]) == {"mine"} and "name" not in found

    def test_a_series_that_was_not_measured_is_named(self):
        with pytest.raises(ValueError, match="method must be one of .* got 'ccg'"):
            named(self.TABLE, {"line of code": {"method": "ccg"}})


def test_means_of_series_are_by_name_view_and_score():
    table = pair_of([0.5, 0.7], [0.25, 0.35]).assign(view="true")
    found = series_means(table, {"GLM": {"method": "glm"}}, score="pearson")
    (row,) = found.drop(columns=["low", "high"]).to_dict("records")
    assert row.pop("mean") == pytest.approx(0.6)
    assert row == {"name": "GLM", "view": "true", "score": "pearson", "n_networks": 2}


PEAK = labels_of("glm", reading="peak")


class TestWithSettings:
    STRONG = Recording(settings={"hub_weight": 14.0})
    LONG = Recording(duration=1200.0)
    WIDE = Model(recording=LONG, changes={"width": 192})
    POINTS = (STRONG, LONG, WIDE, Nulls(recording=Recording(seed=1), models=()))

    def table(self, *rows):
        return pd.DataFrame(
            [{"network": network, **labels, "value": 0.5} for network, labels in rows]
        )

    def test_settings_of_networks_and_models_become_columns(self):
        table = self.table(
            (self.STRONG.label, PEAK),
            (self.LONG.label, self.WIDE.labels()),
            (self.LONG.label, self.WIDE.labels(reading=EQUAL_ROWS)),
        )
        found = with_settings(table, self.POINTS, hub_weight=7.0, width=96, duration=None)
        columns = ["hub_weight", "width", "duration"]
        assert found[columns].values.tolist() == [[14, 96, 600], [7, 192, 1200], [7, 192, 1200]]
        assert list(table) == ["network", *PEAK, "value"], "the caller's table is untouched"

    def test_networks_of_another_study_are_left_out(self):
        table = self.table((self.LONG.label, PEAK), ("erdos_renyi", PEAK))
        assert with_settings(table, self.POINTS)["network"].tolist() == [self.LONG.label]


class TestDistanceFromPaper:
    def published(self, **changes):
        table = paper_table_1().assign(layer="", head="", rows="", setting="a", changes="")
        table["reading"] = table["method"].map({"glm": "peak", "attention": ""})
        table["model"] = table["method"].map({"glm": "", "attention": "interval"})
        return table.assign(**changes)

    def test_the_paper_is_at_no_distance_from_itself(self):
        found = distance_from_paper(self.published(), ["setting"])
        assert found.values.tolist() == [["a", 0, 0, 0]]

    def test_it_is_the_root_of_the_mean_square(self):
        table = self.published()
        table.loc[table["method"] == "glm", "value"] += 0.3
        table.loc[table["method"] == "attention", "value"] -= 0.4
        (found,) = distance_from_paper(table, ["setting"]).to_dict("records")
        assert found["glm"] == pytest.approx(0.3)
        assert found["attention"] == pytest.approx(0.4)
        assert found["both"] == pytest.approx(np.hypot(0.3, 0.4) / np.sqrt(2))

    def test_a_setting_without_a_model_has_no_distance_of_both(self):
        table = self.published()
        found = distance_from_paper(table[table["method"] == "glm"], ["setting"])
        assert found["glm"].tolist() == [0]
        assert found[["attention", "both"]].isna().all(axis=None)

    def test_models_of_other_sizes_count_if_they_are_told_apart(self):
        table = self.published()
        large = table[table["method"] == "attention"].assign(changes="width 192")
        large["value"] += 0.2
        found = distance_from_paper(pd.concat([table, large]), ["changes"]).set_index("changes")
        assert found["attention"][""] == 0
        assert found["attention"]["width 192"] == pytest.approx(0.2)

    @pytest.mark.parametrize(
        "other",
        [
            {"reading": "area", "model": ""},
            {"reading": "rows made equal"},
            {"layer": "1"},
            {"head": "2"},
            {"rows": "query"},
        ],
    )
    def test_other_readings_do_not_count(self, other):
        table = pd.concat([self.published(), self.published(value=9.0, **other)])
        found = distance_from_paper(table, ["setting"])
        assert found["both"].tolist() == [0]


class TestRepeated:
    LABELS = {"network": "hub_network", "method": "glm", "view": "true", "score": "pearson"}
    BLANK = dict.fromkeys(["layer", "head", "rows", "null"])

    def fresh(self, value, **labels):
        """Build the row of one score, with blanks as they are before a file is written."""
        numbers = {"network_seed": 0, "model_seed": np.nan, "value": value}
        return pd.DataFrame([PEAK | self.LABELS | self.BLANK | numbers | labels])

    def stored(self, value, **labels):
        return self.fresh(value, **dict.fromkeys(self.BLANK, "") | labels)

    @pytest.mark.parametrize("labels", [{}, {"model_seed": 1, "layer": "all"}])
    def test_scores_are_paired_by_their_labels(self, labels):
        others = [{"reading": "area"}, {"network_seed": 1}, {"model_seed": 2}, {"layer": "3"}]
        others.append({"n_models": 3})
        stored = [self.stored(9.0, **labels | other) for other in others]
        stored = pd.concat([*stored, self.stored(0.5, **labels)])
        found = repeated(self.fresh(0.25, **labels), stored)
        assert found[["value", "value_stored", "difference"]].values.tolist() == [[0.25, 0.5, 0.25]]

    def test_another_network_has_nothing_to_compare(self):
        assert repeated(self.fresh(0.25), self.stored(0.5, network="spatial")).empty

    def test_the_verdict_tells_how_far_off_the_worst_score_is(self):
        both = [
            pd.concat([one(0.5), one(0.5 + apart, score="auc"), one(off, score="ap")])
            for one, apart, off in ((self.fresh, 1e-5, 0.0), (self.stored, 0.0, 1.0))
        ]
        said = "passed: hub_network, 2 scores, largest difference 1e-05, allowed 1e-3"
        assert checked_again(*both) == said
        elsewhere = self.stored(0.5, network="spatial")
        assert checked_again(self.fresh(0.5), elsewhere).startswith(
            "nothing committed: hub_network"
        )

    def test_scores_that_do_not_agree_are_named(self):
        with pytest.raises(ValueError, match=r"FAILED: .* difference 5e-01(.|\n)*pearson"):
            checked_again(self.fresh(0.5), self.stored(0.0))
