"""What the page on lists of connections shows, from the committed study."""

import pytest

from studies.evidence.lists_shown import (
    FALSE,
    FOUND,
    along_length,
    by_size,
    found_by_size,
    power_near,
    rates_kept,
)
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


@pytest.mark.parametrize(("duration", "seconds"), [(20, 60), (100, 60), (110, 180), (7200, 600)])
def test_power_is_that_of_the_length_that_is_nearest_in_proportion(duration, seconds):
    found = power_near(TABLE, duration, 0.04).set_index("network")
    assert (found["seconds"] == seconds).all() and (found["asked"] == 0.05).all()
    shares = along_length(TABLE, "glm", 0.05)
    mine = shares[(shares["what"] == FOUND) & (shares["duration"] == seconds)]
    for name, values in mine.groupby("name")["value"]:
        assert found.loc[name, "found"] == pytest.approx(values.mean())
    assert (found["low"] <= found["found"]).all() and (found["found"] <= found["high"]).all()


def test_sizes_are_tabulated_by_wiring_neurons_and_minutes():
    table = load("recording_size")
    rows, found = by_size(table), found_by_size(table)
    assert set(rows["what"]) == {
        FALSE,
        *(f"{FOUND}, {name}" for name in ("hub network", "Erdős–Rényi")),
    }
    assert set(found.loc["hub network"].index) == {20, 50, 100, 300}
    mine = table[
        (table["network"] == "hub_network, n_neurons 50, 60 s") & (table["score"] == "recall")
    ]
    assert found.loc[("hub network", 50), 1.0] == pytest.approx(100 * mine["value"].mean())
    ordered = found.T.ffill().iloc[-1]
    assert (ordered > found[0.5]).all(), "more of a recording names more synapses"
