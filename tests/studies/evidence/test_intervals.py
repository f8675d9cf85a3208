"""Student's intervals and the differences that are told by them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from studies.evidence.intervals import (
    Difference,
    interval,
    mean_interval,
    means_by,
    with_interval,
)

SKEWED = np.random.default_rng(0).lognormal(size=12)
eighths = st.integers(-80, 80).map(lambda n: n / 8)


class TestInterval:
    @pytest.mark.slow
    @pytest.mark.parametrize("n", [2, 3, 5])
    def test_holds_the_mean_of_all_networks_as_often_as_it_says(self, n):
        """A percentile bootstrap does so in half, three quarters and 83 % of the cases."""
        draws = np.random.default_rng(n).normal(0.3, 0.1, size=(2000, n))
        ends = np.array([interval(values) for values in draws])
        covered = ((ends[:, 0] <= 0.3) & (0.3 <= ends[:, 1])).mean()
        assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / len(draws))

    @pytest.mark.parametrize("level", [0.5, 0.95])
    def test_equals_that_of_a_t_test(self, level):
        expected = ttest_1samp(SKEWED, 0).confidence_interval(level)
        np.testing.assert_allclose(interval(SKEWED, level), expected)

    @settings(max_examples=25)
    @given(st.lists(eighths, min_size=2, max_size=8))
    def test_has_the_mean_in_its_middle(self, values):
        low, high = interval(values)
        assert low <= np.mean(values) <= high
        assert (low + high) / 2 == pytest.approx(np.mean(values), abs=1e-12)

    @pytest.mark.parametrize("values", [[], [0.5]])
    def test_nothing_is_known_of_the_spread_of_fewer_than_two(self, values):
        assert np.isnan(interval(values)).all()

    def test_more_values_narrow_it(self):
        widths = [np.diff(interval(np.tile(SKEWED, n)))[0] for n in (1, 4, 16)]
        assert widths[0] > widths[1] > widths[2] > 0

    def test_a_lower_level_narrows_it(self):
        assert np.diff(interval(SKEWED, 0.5)) < np.diff(interval(SKEWED))

    def test_the_same_values_give_the_same_interval(self):
        assert interval(SKEWED) == interval(SKEWED)
        assert mean_interval(SKEWED) == (SKEWED.mean(), *interval(SKEWED), len(SKEWED))


@pytest.mark.parametrize(
    ("digits", "written"),
    [(1, "0.0 [0.0,\N{NO-BREAK SPACE}0.1]"), (3, "0.026 [0.019,\N{NO-BREAK SPACE}0.052]")],
)
def test_an_interval_is_written_with_as_many_digits_as_are_asked_for(digits, written):
    assert with_interval(0.0262, 0.0191, 0.0519, digits=digits) == written
    assert with_interval(0.0262, np.nan, np.nan, digits=digits) == written.split(" ")[0]
    counted = with_interval(0.0262, 0.0191, 0.0519, 5, digits)
    assert counted == written + " (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}5)"


class TestDifference:
    @pytest.mark.slow
    def test_no_difference_is_called_one_as_seldom_as_it_says(self):
        draws = np.random.default_rng(0).normal(size=(2000, 5))
        called = [Difference(*mean_interval(apart)).verdict != "undecided" for apart in draws]
        assert abs(np.mean(called) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(draws))

    def test_its_p_value_is_that_of_a_t_test(self):
        found = Difference(*mean_interval(SKEWED))
        assert found.p == pytest.approx(ttest_1samp(SKEWED, 0).pvalue)
        assert np.isnan(Difference(*mean_interval([0.5])).p)
        assert Difference(*mean_interval([0.5, 0.5])).p == 0

    def test_text(self):
        counted = "(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"
        written = f"0.13 [-0.00,\N{NO-BREAK SPACE}0.20] {counted}5)"
        assert str(Difference(0.126, -0.004, 0.2, 5)) == written
        assert str(Difference(0.126, np.nan, np.nan, 1)) == f"0.13 {counted}1)"


class TestMeansBy:
    TABLE = pd.DataFrame(
        [("b", 0, 1.0), ("b", 0, 3.0), ("b", 1, 6.0), ("a", 0, 5.0)],
        columns=["name", "network", "value"],
    )

    def test_each_group_has_the_mean_and_interval_of_its_values(self):
        found = means_by(self.TABLE, ["name"]).set_index("name")
        assert list(found.index) == ["b", "a"]  # as they come up
        assert tuple(found.loc["b"]) == pytest.approx(tuple(mean_interval([1.0, 3.0, 6.0])))
        assert found.loc["a", "n"] == 1 and np.isnan(found.loc["a", "low"])

    def test_rows_of_one_network_count_once(self):
        found = means_by(self.TABLE, ["name"], one=["network"]).set_index("name")
        assert tuple(found.loc["b"]) == pytest.approx(tuple(mean_interval([2.0, 6.0])))

    def test_nothing_has_no_means(self):
        found = means_by(self.TABLE.iloc[:0], ["name"])
        assert found.empty and list(found) == ["name", "mean", "low", "high", "n"]
