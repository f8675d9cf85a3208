"""Figures of anatomy beside function: every mark at its place, every axis named."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from studies.figures import measured as figures_measured
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

AREAS = pd.DataFrame(
    [
        (name, question, 0.5 + 0.03 * k, null, 0.5, 0.01, 0.52 if "function" in question else None)
        for k, name in enumerate(("synapses", "gap junctions"))
        for question in ("finds function", "finds anatomy")
        for null in ("permuted", "degrees")
    ],
    columns=["name", "question", "value", "null", "null_mean", "null_sd", "strengths_only"],
)
SHARES = pd.DataFrame(
    [(name, group, hits, 40) for name in ("synapses", "gap junctions")
     for hits, group in enumerate(("none", "1 or 2", "more"))],
    columns=["name", "connections", "n_responding", "n_pairs"],
)  # fmt: skip
ALARMS = pd.DataFrame(
    [(f"method number {n} of the bench", kind, share, max(share - 0.004, 0), share + 0.01)
     for n, share in enumerate((0.0, 0.008, 0.012, 0.3))
     for kind in ("independent", "common slow rhythm", "rates over a decade")],
    columns=["name", "kind", "mean", "low", "high"],
)  # fmt: skip
RATES = pd.DataFrame(
    [
        (what, name, duration, 0.1 * number)
        for what in ("false", "found")
        for name in ("one", "other")
        for number, duration in enumerate((60.0, 600.0, 600.0))
    ],
    columns=["what", "name", "duration", "value"],
)
SCORES = pd.DataFrame(
    [(what, f"method number {n} of the bench", source, 0.4 + 0.1 * n, 0.3, 0.9)
     for what in ("area", "false") for n in range(4) for source in ("one", "other")],
    columns=["what", "name", "source", "mean", "low", "high"],
)  # fmt: skip
BY_SHARE = pd.DataFrame(
    [
        (model, name, share, mean, mean - 0.1, mean + 0.1)
        for model in ("interval", "rotary")
        for name, start in (("attention", 0.1), ("influence", 0.2))
        for share, mean in ((0.8, start + 0.4), (0.2, start))
    ],
    columns=["model", "name", "share", "mean", "low", "high"],
)
BY_STRENGTH = pd.DataFrame(
    [
        (what, name, strength, mean, mean - 0.1, mean + 0.1)
        for what, names in (("area under ROC", ("one", "other")), ("false ones", ("other",)))
        for name in names
        for strength, mean in ((12.0, 0.7), (2.0, 0.9))
    ],
    columns=["what", "name", "strength", "mean", "low", "high"],
)
FIGURES = {
    "methods_by_score": (
        lambda: figures_measured.methods_by_score(SCORES, {"false": 0.05}),
        ["area", "false"],
    ),
    "areas_beside_nulls": (lambda: figures_measured.areas_beside_nulls(AREAS), ["area under ROC"]),
    "responses_by_connections": (
        lambda: figures_measured.responses_by_connections(SHARES),
        ["connections from one to the other", "pairs that respond (%)"],
    ),
    "false_alarms": (lambda: figures_measured.false_alarms(ALARMS, 0.01), []),
    "scores_by_share": (
        lambda: figures_measured.scores_by_share(BY_SHARE, "correlation"),
        ["correlation", "share of what can be known"],
    ),
    "scores_by_strength": (
        lambda: figures_measured.scores_by_strength(BY_STRENGTH, {"false ones": 0.05}),
        ["area under ROC", "false ones", "strength of coupling (mV)"],
    ),
    "rates_of_lists": (
        lambda: figures_measured.rates_of_lists(RATES, 0.05),
        ["false (%)", "length of the recording (minutes)"],
    ),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_figure_is_here():
    assert set(figures_measured.__all__) == set(FIGURES)


@pytest.mark.parametrize(("draw", "names"), FIGURES.values(), ids=list(FIGURES))
def test_is_fit_to_print(draw, names):
    figure = drawn_without_warning(draw)
    names_its_axes(figure, names)
    is_large_enough(figure)
    nothing_is_clipped(figure)


def test_areas_stand_beside_both_nulls():
    first, second = FIGURES["areas_beside_nulls"][0]().axes[:2]
    assert first.get_title() == "finds function"
    measured, alone, _ = first.lines
    np.testing.assert_allclose(measured.get_xdata(), [0.5, 0.53])
    np.testing.assert_allclose(alone.get_xdata(), 0.52)
    assert len(second.lines) == 2, "no strengths for the second question"
    assert len(first.patches) == 4
    for bar in first.patches:
        assert bar.get_x() == pytest.approx(0.48) and bar.get_width() == pytest.approx(0.04)


def test_shares_lie_within_their_intervals():
    (axes,) = FIGURES["responses_by_connections"][0]().axes
    for number, line in enumerate(axes.lines):
        np.testing.assert_allclose(line.get_ydata(), [0, 2.5, 5])
        for share, (low, high) in zip(
            line.get_ydata(),
            (s[:, 1] for s in axes.collections[number].get_segments()),
            strict=True,
        ):
            assert low <= share < high
    # Clopper and Pearson, none of 40: 1 - 0.025 ** (1 / 40).
    high = axes.collections[0].get_segments()[0][1, 1]
    assert high == pytest.approx(100 * (1 - 0.025 ** (1 / 40)))


def test_wrong_tables_are_named():
    with pytest.raises(ValueError, match="null in table must be one of"):
        figures_measured.areas_beside_nulls(AREAS.assign(null="none"))
    with pytest.raises(ValueError, match="n_responding in table must not be above n_pairs"):
        figures_measured.responses_by_connections(SHARES.assign(n_pairs=1))
    with pytest.raises(ValueError, match="table .*n_pairs"):
        figures_measured.responses_by_connections(SHARES.drop(columns="n_pairs"))


def test_false_alarms_stand_beside_the_nominal_share():
    figure = figures_measured.false_alarms(ALARMS, 0.01)
    assert figure.get_supxlabel() == "pairs called connected (%)"
    for panel, kind in zip(figure.axes, ALARMS["kind"].unique(), strict=True):
        marks, nominal = panel.lines
        expected = 100 * ALARMS.loc[ALARMS["kind"] == kind, "mean"]
        np.testing.assert_allclose(marks.get_xdata(), expected)
        assert nominal.get_xdata()[0] == 1.0
    named = figures_measured.false_alarms(ALARMS, 0.01, label="entries that are false (%)")
    assert named.get_supxlabel() == "entries that are false (%)"
    with pytest.raises(ValueError, match="nominal"):
        figures_measured.false_alarms(ALARMS, 1.0)


def test_rates_of_lists_stand_beside_what_was_asked_for():
    figure = figures_measured.rates_of_lists(RATES, 0.05)
    first, second = figure.axes
    assert (first.get_ylabel(), second.get_ylabel()) == ("false (%)", "found (%)")
    np.testing.assert_allclose(first.lines[0].get_ydata(), [0, 15])  # means, in %
    level = [line for line in first.lines if line.get_label() == "the rate asked for"]
    assert level[0].get_ydata()[0] == 5 and len(second.lines) == len(first.lines) - 1
    with pytest.raises(ValueError, match="duration"):
        figures_measured.rates_of_lists(RATES.drop(columns="duration"), 0.05)


def test_scores_of_methods_stand_in_rows():
    area, false = FIGURES["methods_by_score"][0]().axes
    assert [line.get_label() for line in area.lines] == ["one", "other"]
    np.testing.assert_allclose(area.lines[0].get_xdata(), [0.4, 0.5, 0.6, 0.7])
    assert (np.diff(area.lines[0].get_ydata()) < 0).all(), "the first method stands at the top"
    assert false.lines[-1].get_xdata()[0] == 0.05 and len(area.lines) == 2
    # A source may be missing from a panel.
    one = SCORES["what"] == SCORES["what"].iloc[0]
    figures_measured.methods_by_score(
        SCORES[one | (SCORES["source"] == SCORES["source"].iloc[0])], {}
    )
    with pytest.raises(ValueError, match="table .*source"):
        figures_measured.methods_by_score(SCORES.drop(columns="source"), {})


def test_readings_are_lines_by_what_their_models_know():
    figure = figures_measured.scores_by_share(BY_SHARE, "correlation")
    first, second = figure.axes
    assert [panel.get_title() for panel in (first, second)] == ["interval", "rotary"]
    np.testing.assert_allclose(first.lines[0].get_xdata(), [0.2, 0.8])
    np.testing.assert_allclose(first.lines[1].get_ydata(), [0.2, 0.6])
    other = figures_measured.scores_by_share(BY_SHARE, "correlation", "pairs (%)").axes[1]
    assert other.get_xlabel() == "pairs (%)"
    with pytest.raises(ValueError, match="table .*share"):
        figures_measured.scores_by_share(BY_SHARE.drop(columns="share"), "correlation")


def test_methods_are_lines_by_strength_and_look_the_same_in_every_panel():
    first, second = FIGURES["scores_by_strength"][0]().axes
    np.testing.assert_allclose(first.lines[1].get_xdata(), [2, 12])
    np.testing.assert_allclose(first.lines[1].get_ydata(), [0.9, 0.7])
    assert first.lines[1].get_color() == second.lines[0].get_color()
    assert len(first.lines) == 2 and second.lines[-1].get_ydata()[0] == 0.05
    with pytest.raises(ValueError, match="table .*strength"):
        figures_measured.scores_by_strength(BY_STRENGTH.drop(columns="strength"), {})
