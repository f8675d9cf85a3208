"""What page 24 shows of voltages and spikes, from rows that are made up."""

import numpy as np
import pandas as pd
import pytest

from studies.evidence.intervals import interval
from studies.evidence.report import NotMeasured
from studies.evidence.voltages_shown import (
    _NAMES,
    PUBLISHED,
    ahead,
    areas,
    beside_published,
    by_size,
    learned,
    means,
)
from studies.voltages import LEARNED, N_MODELS

NETWORKS = [
    (f"izhikevich, {n} neurons, {share} % connected", seed)
    for n in (5, 10)
    for share in (20, 40, 60, 80)
    for seed in range(3)
] + [("lif, 5 neurons, 40 % connected", seed) for seed in range(3)]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    rows = [
        (network, seed, *key, "detection", "auc", rng.random())
        for network, seed in NETWORKS
        for key in _NAMES
        for _ in range(N_MODELS if key[-1] == 1 and key[0] == "attention" else 1)
    ]
    rows += [
        (network, seed, "attention", "voltages", "", N_MODELS, "visible", LEARNED, rng.random())
        for network, seed in NETWORKS
    ]
    labels = ["method", "model", "reading", "n_models", "view", "score", "value"]
    return pd.DataFrame(rows, columns=["network", "network_seed", *labels])


@pytest.fixture(scope="module")
def found(table):
    return areas(table)


def test_each_reading_of_each_network_counts_once(table, found):
    assert len(found) == len(NETWORKS) * len(_NAMES)
    key = ["network_seed", "source", "name", "simulator", "neurons", "share"]
    assert not found.duplicated(key).any() and set(found["simulator"]) == {"izhikevich", "lif"}
    mine = found[(found["name"] == "attention, one training") & (found["source"] == "voltages")]
    alone = table[(table["model"] == "voltages") & (table["n_models"] == 1)]
    first = alone[(alone["network"] == NETWORKS[0][0]) & (alone["network_seed"] == 0)]
    assert len(first) == N_MODELS
    assert mine["value"].iloc[0] == pytest.approx(first["value"].mean())
    with pytest.raises(NotMeasured, match="method must be one of"):
        areas(table[table["method"] != "glm"])


def test_networks_of_one_size_and_seed_are_one(found):
    mine = found[(found["simulator"] == "izhikevich") & (found["neurons"] == 5)]
    (glm,) = means(mine[mine["name"] == "GLM"], ["neurons"]).to_dict("records")
    values = mine[mine["name"] == "GLM"].groupby("network_seed")["value"].mean()
    assert glm["n"] == 3 and (glm["low"], glm["high"]) == pytest.approx(interval(values))
    by_share = means(found[found["simulator"] == "izhikevich"], ["share"])
    assert (by_share["n"] == 6).all() and len(by_share) == 4 * len(_NAMES)
    assert list(by_share["source"].unique()) == ["voltages", "spikes"]


def test_a_panel_per_size_has_both_simulators(found):
    sized = by_size(found)
    assert list(sized["what"].unique()) == ["5 neurons", "10 neurons"] and len(sized) == 3 * len(
        _NAMES
    )
    both = sized[(sized["what"] == "5 neurons") & (sized["name"] == "spikes, GLM")]
    assert list(both["source"]) == ["izhikevich", "lif"] and (both["n"] == 3).all()


def test_readings_are_compared_on_the_same_networks(found):
    pair = ("voltages", "Granger causality"), ("spikes", "GLM")
    difference = ahead(found, *pair)
    mine = found[found["simulator"] == "izhikevich"].set_index(["source", "name"])
    assert difference.n == 6
    assert difference.mean == pytest.approx(
        mine.loc[[pair[0]], "value"].mean() - mine.loc[[pair[1]], "value"].mean()
    )
    assert ahead(found, *pair, simulator="lif").n == 3


def test_published_areas_stand_beside_those_of_the_same_networks(found):
    table = beside_published(found)
    assert list(table.index) == [(n, share) for n in (5, 10) for share in (20, 40, 60, 80)]
    pd.testing.assert_frame_equal(table["published"], PUBLISHED.loc[[5, 10]])
    mine = found[(found["simulator"] == "izhikevich") & (found["share"] == 40)]
    mine = mine[(mine["source"] == "voltages") & (mine["name"] == "Granger causality")]
    expected = mine.groupby("neurons")["value"].mean()
    here = table["here"]["Granger causality"].xs(40, level="share")
    np.testing.assert_allclose(here, expected)


def test_what_was_learned_is_told_by_simulator(table):
    assert list(learned(table).index) == ["izhikevich", "lif"]
    with pytest.raises(NotMeasured):
        learned(table[table["score"] != LEARNED])
