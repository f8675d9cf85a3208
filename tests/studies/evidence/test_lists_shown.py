"""What the page on lists of connections shows, from the committed study."""

import pytest

from studies.evidence.lists_shown import FALSE, FOUND, along_length, rates_kept
from studies.listed import LENGTHS, RATES_ASKED
from studies.results import load

TABLE = load("connections")


@pytest.mark.parametrize(("what", "score"), [(FALSE, "fdr"), (FOUND, "recall")])
def test_shares_are_those_of_the_study(what, score):
    found = along_length(TABLE, "glm", 0.05)
    mine = found[(found["what"] == what) & (found["name"] == "spatial")]
    rows = TABLE[
        (TABLE["method"] == "glm") & (TABLE["kept"] == "listed at 5%") & (TABLE["score"] == score)
        & TABLE["network"].str.startswith("spatial")
    ]  # fmt: skip
    assert sorted(mine["value"]) == sorted(rows["value"])
    assert set(mine["duration"]) == set(LENGTHS)


def test_a_rate_is_kept_if_it_is_not_below_its_interval():
    found = rates_kept(TABLE, "ccg")
    assert len(found) == 3 * len(RATES_ASKED) and (found["n_networks"] == 5).all()
    assert (found["kept"] == (found["low"] <= found["asked"])).all()
    hub = found[found["network"] == "hub network"]
    assert not hub["kept"].any(), "common input is taken for synapses"
    assert rates_kept(TABLE, "glm")["kept"].mean() > 0.7
