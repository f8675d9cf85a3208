"""Who foresees changes: means over networks, and what there is to be had."""

import numpy as np
import pandas as pd
import pytest

import lgl_core as lgl
from studies.evidence.attainable_shown import OURS, SMALL, THEIRS, kinds_of
from studies.evidence.silenced_shown import ASKED, MOST, changes_live, over_networks
from studies.rows import labels_of
from studies.silenced import FORESEEN, GOES_ON


def row(network, seed, value, score="hubs", view=FORESEEN, **labels):
    of_graph = labels_of(**({"method": "glm", "reading": GOES_ON} | labels))
    return of_graph | {
        "network": network, "network_seed": seed, "view": view, "score": score, "value": value,
    }  # fmt: skip


def test_kinds_are_told_by_their_labels():
    labels = ["hub_network", "hub_assemblies, 20 ms, 1000000 spikes", "hub_network, n_neurons 60"]
    assert kinds_of(pd.Series(labels)).tolist() == [OURS, THEIRS, SMALL]


def test_networks_of_a_kind_are_averaged_and_others_kept_apart():
    table = pd.DataFrame(
        [
            row("hub_network", 0, 0.4),
            row("hub_network", 1, 0.6),
            row("hub_network, n_neurons 60", 0, 0.9),
            row("hub_network", 0, 0.1, method="attention", model="rotary", reading=GOES_ON),
            row("hub_network", 0, 0.7, view="another"),
        ]
    )
    found = over_networks(table).set_index(["source", "name", "what"])
    assert found.loc[(OURS, "GLM, going on", "hubs"), "mean"] == pytest.approx(0.5)
    assert found.loc[(OURS, "GLM, going on", "hubs"), "n"] == 2
    assert found.loc[(SMALL, "GLM, going on", "hubs"), "mean"] == 0.9
    assert found.loc[(OURS, "rotary, going on", "hubs"), "mean"] == 0.1
    assert len(found) == 3 and MOST not in found.index.get_level_values("name")


def test_the_most_there_is_is_what_endless_runs_would_agree_with():
    """Two runs with noise of their own: what either shares with the truth, found by simulation."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200_000)
    halves = truth + 0.7 * rng.normal(size=(2, len(truth)))
    alike = np.corrcoef(*halves)[0, 1]
    table = pd.DataFrame([row("hub_network", 0, alike, method="truth", reading="half of the runs")])
    (most,) = over_networks(table)["mean"]
    assert most == pytest.approx(np.corrcoef(truth, halves.mean(axis=0))[0, 1], abs=5e-3)


def test_names_tell_methods_apart():
    assert len({tuple(labels.values()) for labels in ASKED.values()}) == len(ASKED)


def test_a_hub_is_silenced_live():
    network, neurons = lgl.hub_network(n_neurons=30, n_hubs=1, seed=0), lgl.LIFParams(mu=9.0)
    spikes = lgl.simulate(network, neurons, duration=30, cache=False)
    fit = lgl.fit_glm(spikes, cache=False)
    hub = int(network.hubs[0])
    changes = changes_live(network, neurons, fit, silent=hub, seconds=15.0)
    assert hub not in changes.index and len(changes) == 29
    targets = changes["weight"] > 0
    for column in ("true", "foreseen"):
        assert changes.loc[targets, column].mean() < changes.loc[~targets, column].mean() - 0.2
