"""Scores beside their nulls: what lies beyond, and which null is meant."""

import numpy as np
import pandas as pd
import pytest

from studies.evidence import card
from studies.evidence.report import difference
from studies.evidence.verdicts import (
    CHANCE_BEYOND,
    Claim,
    Finding,
    above_null,
    beyond_null,
    null_of,
)
from studies.names import CORRELATIONS


def scores(values, null_mean, null_sd=0.1, null="permuted"):
    """Build a table of both correlations, one network each for the values."""
    return pd.DataFrame(
        [
            {"method": "glm", "network": "hub_network", "network_seed": seed, "score": score,
             "value": value, "null": null, "null_mean": null_mean, "null_sd": null_sd}
            for seed, value in enumerate(values)
            for score in CORRELATIONS
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "above", "below"), [(0.55, False, False), (0.65, True, False), (0.15, False, True)]
)
def test_a_score_is_held_against_the_mean_of_its_null(value, above, below):
    """Graphs that keep who sends much score 0.4 here: 0.55 is no more than they have."""
    table = scores([value, value], null_mean=0.4, null="strengths")
    assert beyond_null(table).tolist() == [above] * 4
    assert beyond_null(table, side=-1).tolist() == [below] * 4
    assert above_null(table, method="glm") == [above, above]


def test_the_null_is_written_with_its_mean():
    assert null_of(scores([0.5], null_mean=-0.19, null_sd=0.03)) == "-0.19 ± 0.06"
    assert null_of(scores([0.5], null_mean=-0.001)) == "0.00 ± 0.20"


@pytest.mark.parametrize("ask", [beyond_null, null_of, above_null])
def test_two_kinds_of_null_are_not_averaged(ask):
    table = pd.concat([scores([0.5], 0.0), scores([0.5], 0.4, null="strengths")])
    with pytest.raises(ValueError, match=r"one kind of null, got \['permuted', 'strengths'\]"):
        ask(table)


def test_scores_without_a_null_are_beyond_none():
    with pytest.raises(ValueError, match=r"one kind of null, got \[''\]"):
        beyond_null(scores([0.5], np.nan, np.nan, null=""))


def test_of_graphs_that_know_nothing_as_many_lie_beyond_as_is_said():
    values = np.random.default_rng(0).normal(0.4, 0.1, size=20_000)
    found = beyond_null(scores(values, null_mean=0.4)).mean()
    assert abs(found - CHANCE_BEYOND) < 4 * np.sqrt(CHANCE_BEYOND / len(values))


def finding_of(apart):
    """Build a finding from what lies between two methods in each network."""
    table = pd.concat([scores(apart, 0.0), scores([0.0] * len(apart), 0.0).assign(method="ccg")])
    found = difference(table, {"method": "glm"}, {"method": "ccg"})
    return Finding("", "0", "", tuple(found.values()))


def test_the_card_names_what_does_not_stand_among_many():
    clear, faint = finding_of([0.5, 0.51, 0.49, 0.5]), finding_of([0.1, 0.03, 0.07, 0.04])
    nothing = finding_of([0.1, -0.1, 0.05, -0.06])
    claims = {Claim("", f"claim {k}", "", None): nothing for k in range(8)}
    text = card._all_at_once(
        {Claim("", "clear", "", None): clear, Claim("", "faint", "", None): faint} | claims
    )
    assert "rest, among others, on 20 differences" in text and "; 4 are." in text
    assert "2 of these stand" in text
    assert text.count("- faint: ") == 2 and "- clear" not in text
