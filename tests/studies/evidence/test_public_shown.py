"""What the page on networks of others shows, from a table by hand and the committed study."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from studies.evidence.public_shown import (
    AUC,
    FALSE,
    FOUND,
    MCC,
    by_method,
    by_share,
    in_words,
    p_without_connections,
    scores_shown,
    signs,
    sizes,
)
from studies.public_networks import KINDS
from studies.results import load


def by_hand():
    """Two seeds of two shares; one list is empty."""
    rows = []
    for share in (20, 80):
        for seed in (0, 1):
            empty = (share, seed) == (20, 1)
            where = {
                "network": f"izhikevich, 5 neurons, {share} % connected",
                "network_seed": seed,
                "n_spikes": 100 + seed,
            }
            scores = {
                ("recording", "neurons"): 5.0,
                ("recording", "duration"): 5.0,
                ("recording", "synapses"): share / 5,
                ("detection", "auc"): 0.5 + share / 400 + seed / 10,
                ("decision", "fdr"): 0.0 if empty else 0.1 * (share == 80),
                ("decision", "recall"): 0.0 if empty else 0.5,
                ("decision", "mcc"): np.nan if empty else 0.4,
                ("decision", "called"): 0.0 if empty else 10.0,
            }
            for (view, score), value in scores.items():
                method = ("", "") if view == "recording" else ("glm", "area")
                rows.append(
                    where
                    | {"method": method[0], "reading": method[1]}
                    | {"view": view, "score": score, "value": value}
                )
    return pd.DataFrame(rows)


def test_an_empty_list_tells_nothing():
    scores = scores_shown(by_hand())
    mcc = scores[scores["what"] == MCC]
    assert sorted(mcc["value"]) == [0.0, 0.4, 0.4, 0.4] and set(mcc["name"]) == {"glm, area"}


def test_networks_of_one_seed_are_one():
    """They share neurons and noise: n = 2, however many shares of pairs are connected."""
    means = by_method(scores_shown(by_hand()), "izhikevich").set_index("what")
    assert (means["n"] == 2).all()
    of_each = np.array([0.625, 0.725])
    assert means.loc[AUC, "mean"] == pytest.approx(of_each.mean())
    reach = stats.t.ppf(0.975, 1) * stats.sem(of_each)
    assert means.loc[AUC, "high"] == pytest.approx(of_each.mean() + reach)
    assert means.loc[FALSE, "mean"] == pytest.approx(0.05)


def test_the_rate_stands_beside_that_of_a_random_list():
    found = by_share(scores_shown(by_hand()), "glm, area").set_index("not connected")
    assert found["false"].to_list() == pytest.approx([0.0, 0.1])
    assert found["kept"].to_list() == [True, False]
    assert found["found"].to_list() == [0.25, 0.5]
    assert found["listed"].to_list() == [10, 20] and found["false ones"].to_list() == [0, 2]


def test_means_are_written_with_their_intervals():
    means = by_method(scores_shown(by_hand()), "izhikevich")
    written = in_words(means)["izhikevich"]
    assert written.loc["glm, area", MCC].startswith("0.30 [")
    assert written.loc["glm, area", AUC] == "0.68 [0.04,\N{NO-BREAK SPACE}1.31]"


def test_signs_are_of_networks_in_which_every_pair_is_connected():
    table = by_hand()
    table["network"] = "point process, " + table["network"].str.split(", ").str[1]
    table = table.replace({"score": {"auc": "sign", "mcc": "right_sign"}})
    found = signs(table)
    assert found.loc["glm, area", "sign"] == pytest.approx(0.675)
    assert found.loc["glm, area", "right sign"] == pytest.approx(0.4), "of lists that hold any"
    assert found.loc["glm, area", "n"] == 4


def test_sizes_are_counted():
    found = sizes(by_hand())
    assert found["spikes"].to_list() == ["100 to 101"] * 2
    assert found["connections"].to_list() == ["4", "16"] and (found["pairs"] == 20).all()


def test_p_values_hold_where_spikes_are_as_likely_as_none():
    """What the page says of it; by chance 480 pairs have up to 37 below 5 % and 12 below 1 %."""
    found = p_without_connections(16)
    assert found.index.to_list() == [1.0, 30.0] and (found["inflation"] < 1.5).all()
    assert (found["below 0.05"] < 37 / 480).all() and (found["below 0.01"] < 12 / 480).all()


def test_the_committed_study_has_every_kind():
    table = load("public_networks")
    shown = sizes(table)
    assert shown["networks"].sum() == len(table[["network", "network_seed"]].drop_duplicates())
    assert set(shown["kind"]) == {kind for kinds in KINDS.values() for kind in kinds}
    scores = scores_shown(table)
    assert np.isfinite(scores["value"]).all()
    glm = by_method(scores, "spycon").set_index(["name", "what"]).loc["glm, area"]
    assert glm["low"].isna().all(), "one network has no interval"
    one = table[(table["method"] == "glm") & table["network"].str.startswith("spycon")]
    recall = one.loc[one["score"] == "recall", "value"].item()
    assert glm.loc[FOUND, "mean"] == pytest.approx(recall)
