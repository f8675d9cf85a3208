"""The larval mushroom body against what is published of it, and against the shared conventions."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest

from lgl_core.networks.connectomes import larval_mushroom_body, larval_mushroom_body_neurons
from lgl_core.simulation.lif import simulate
from tests.house import ROOT

NAMES = np.array(larval_mushroom_body_neurons())
KINDS = np.array([name.rstrip("0123456789") for name in NAMES])


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    return pd.read_csv(ROOT / "lgl_core" / "networks" / "data" / "larval_mushroom_body.csv")


def between(pre: str, post: str) -> int:
    """Number of connections from one kind to another."""
    weights = larval_mushroom_body().weights
    return np.count_nonzero(weights[np.ix_(post == KINDS, pre == KINDS)])


def test_as_many_neurons_of_each_kind_as_in_the_source():
    assert larval_mushroom_body().n_neurons == len(NAMES) == 209
    counted = {kind: int((kind == KINDS).sum()) for kind in set(KINDS)}
    assert counted == {"KC": 101, "MBIN": 21, "MBON": 29, "PN": 58}
    assert NAMES.tolist() == sorted(set(NAMES))


def test_it_is_wired_the_way_a_mushroom_body_is():
    # Odours come in by projection neurons, go through Kenyon cells and out by output neurons.
    assert between("PN", "KC") > 300 and between("KC", "MBON") > 1000
    assert between("KC", "PN") == between("MBON", "KC") == between("PN", "MBON") == 0
    # What the article found: Kenyon cells among themselves, and both ways with input neurons.
    assert between("KC", "KC") > 3000
    assert between("KC", "MBIN") > 500 and between("MBIN", "KC") > 500


def test_kenyon_cells_hear_few_projection_neurons_and_some_a_single_one():
    # Eichler et al. (2017): claws of one to six; here single synapses count as connections, too.
    weights = larval_mushroom_body().weights
    heard = np.count_nonzero(weights[np.ix_(KINDS == "KC", KINDS == "PN")], axis=1)
    assert 2 <= np.median(heard[heard > 0]) <= 6
    assert (heard == 1).sum() > 10


def test_sizes_are_proportional_to_the_number_of_synapses(counts):
    network = larval_mushroom_body(weight=2.0, inhibition_ratio=3.0)
    position = {name: i for i, name in enumerate(NAMES)}
    post, pre = (counts[side].map(position).to_numpy() for side in ("post", "pre"))
    sizes = network.weights[post, pre]
    inhibits = np.isin(KINDS[pre], ["MBIN", "MBON"])
    assert np.count_nonzero(network.weights) == len(counts)
    for group, mean in ((~inhibits, 2.0), (inhibits, -6.0)):
        assert sizes[group].mean() == pytest.approx(mean)
        ratio = sizes[group] / counts["synapses"][group]
        np.testing.assert_allclose(ratio, ratio.iloc[0])


@pytest.mark.parametrize("kinds", [("MBIN", "MBON"), ("MBIN",), "MBON", ()])
def test_the_caller_chooses_who_inhibits(kinds):
    network = larval_mushroom_body(inhibitory_kinds=kinds)
    wanted = np.isin(KINDS, [kinds] if isinstance(kinds, str) else list(kinds))
    np.testing.assert_array_equal(network.inhibitory, np.flatnonzero(wanted))
    assert (network.weights[:, wanted] <= 0).all() and (network.weights[:, ~wanted] >= 0).all()


def test_hubs_are_the_strongest_excitatory_neurons():
    network = larval_mushroom_body(n_hubs=5)
    sent = network.weights.sum(axis=0)
    others = np.setdiff1d(np.arange(209), network.hubs)
    assert len(network.hubs) == 5 and sent[network.hubs].min() >= sent[others].max()
    assert not larval_mushroom_body(n_hubs=0).hubs.size


def test_fires_at_a_few_hz_and_without_bursts():
    spikes = simulate(larval_mushroom_body(), duration=5.0, seed=0)
    assert 2 < spikes.rates.mean() < 10
    counted, _ = np.histogram(spikes.times, bins=np.arange(0.5, 5.0, 0.005))
    assert counted.var() / counted.mean() < 2.5  # 1 for independent neurons


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["weight", "inhibition_ratio"])
def test_a_negative_or_endless_weight(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number >= 0, got {value}"):
        larval_mushroom_body(**{name: value})


def test_a_kind_or_a_number_of_hubs_that_there_is_not():
    with pytest.raises(ValueError, match=r"inhibitory_kinds must be of KC.*got \['APL'\]"):
        larval_mushroom_body(inhibitory_kinds=["APL", "MBON"])
    with pytest.raises(ValueError, match="n_hubs must lie between 0 and 159, got 160"):
        larval_mushroom_body(n_hubs=160)


def test_the_table_says_where_it_comes_from_and_is_shipped(counts):
    text = (ROOT / "lgl_core" / "networks" / "data" / "larval_mushroom_body.md").read_text()
    neurons = len({*counts["pre"], *counts["post"]})
    totals = f"{neurons} neurons, {len(counts)} connections, {counts['synapses'].sum()} syn"
    assert totals in " ".join(text.split())
    for needed in ("10.1038/nature23455", "MIT License", "## How it was made", "## Signs"):
        assert needed in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["lgl_core.networks"]
    for name in ("larval_mushroom_body.csv", "larval_mushroom_body.md"):
        assert any(fnmatch(f"data/{name}", pattern) for pattern in patterns)
