"""What the page on lists shows of common drive, from the committed study."""

import pytest

from studies.driven import BASELINE, ITSELF, NO_SYNAPSES, WITHOUT
from studies.evidence.driven_shown import NAMES, lists_of
from studies.evidence.report import NotMeasured
from studies.results import load

TABLE = load("driven")


@pytest.mark.parametrize(("told", "score"), [(WITHOUT, "fdr"), (BASELINE, "recall")])
def test_scores_are_those_of_the_study(told, score):
    found = lists_of(TABLE, score)
    mine = found[(found["name"] == NAMES["glm", told]) & (found["kind"] == "trials")]
    rows = TABLE[
        (TABLE["reading"] == told) & (TABLE["score"] == score)
        & (TABLE["network"] == "spatial, n_neurons 50, weight 1, 300 s, trials to one in 3")
    ]  # fmt: skip
    assert sorted(mine["value"]) == sorted(rows["value"]) and len(mine) == 5


def test_lists_stand_in_the_order_of_their_names_and_of_what_was_heard():
    found = lists_of(TABLE, "fdr")
    assert list(dict.fromkeys(found["name"])) == list(NAMES.values())
    assert list(dict.fromkeys(found["kind"])) == ["slow drift", "fast drift", "trials"]


def test_networks_without_synapses_and_those_where_half_hear_it_are_apart():
    silent, half = lists_of(TABLE, "called", NO_SYNAPSES), lists_of(TABLE, "called", one_in=2)
    assert set(silent["network"]).isdisjoint(half["network"])
    assert set(half["kind"]) == {"slow drift", "trials"}
    with pytest.raises(NotMeasured):
        lists_of(TABLE, "recall", NO_SYNAPSES)


def test_whoever_is_told_the_drive_keeps_the_rate_and_whoever_is_not_breaks_it():
    means = lists_of(TABLE, "fdr").groupby(["name", "kind"])["value"].mean().unstack()
    assert (means.loc[NAMES["glm", WITHOUT]] > 0.3).all()
    assert (means.loc[NAMES["glm", ITSELF]] < 0.1).all()
