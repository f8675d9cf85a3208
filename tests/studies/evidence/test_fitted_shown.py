"""Scores of readings by how much their models know."""

import pandas as pd
import pytest

from studies.attainable import ATTAINABLE, WHO
from studies.evidence.attainable_shown import THEIRS
from studies.evidence.fitted_shown import readings_by_share, without_transformer
from studies.fitted import GAIN
from studies.rows import labels_of

NETWORK = "hub_network, n_neurons 60, 2400 s"


def known(seed, gain, network=NETWORK):
    return labels_of("truth") | {
        "network": network, "network_seed": seed, "view": ATTAINABLE, "score": WHO, "value": gain,
    }  # fmt: skip


SMALL_LABEL, PAPERS = "hub_network, n_neurons 60", "hub_assemblies, 20 ms, 1000000 spikes"


def fitted_rows(seed, changes, gain, scores, model="rotary", network=SMALL_LABEL):
    for reading, value in scores.items():
        yield labels_of("attention", model=model, changes=changes, reading=reading) | {
            "network": network, "network_seed": seed, "view": "true",
            "score": "pearson", "value": value, "null_mean": 0.01,
        }  # fmt: skip
    yield labels_of("attention", model=model, changes=changes) | {
        "network": network, "network_seed": seed, "view": "visible",
        "score": GAIN, "value": gain, "null_mean": float("nan"),
    }  # fmt: skip


def test_each_network_counts_by_its_own_share():
    attainable = pd.DataFrame([known(0, 0.2), known(1, 0.4), known(0, 9.0, "hub_network")])
    fitted = pd.DataFrame(
        [
            *fitted_rows(0, "much", 0.16, {"": 0.3, "influence": 0.8}),
            *fitted_rows(1, "much", 0.36, {"": 0.5, "influence": 0.6}),
            *fitted_rows(0, "little", 0.02, {"": 0.1}),
            *fitted_rows(1, "little", 0.08, {"": 0.1}),
        ]
    )
    table = readings_by_share(fitted, attainable, "pearson")
    assert table["changes"].tolist() == ["little", "much", "much"]
    assert table["share"].tolist() == pytest.approx([0.15, 0.85, 0.85])
    found = table.set_index(["name", "changes"])["mean"]
    assert found["attention", "much"] == pytest.approx(0.4)
    assert found["influence", "much"] == pytest.approx(0.7)
    assert (table["n"] == 2).all() and (table["null_mean"] == 0.01).all()


def test_the_papers_network_has_its_own_axis():
    attainable = pd.DataFrame([known(0, 0.2), known(0, 1.5, PAPERS)])
    of_both = [
        *fitted_rows(0, "much", 0.1, {"": 0.3}),
        *fitted_rows(0, "much", 0.6, {"": 0.7}, network=PAPERS),
    ]
    table = readings_by_share(pd.DataFrame(of_both), attainable, "pearson", kind=THEIRS)
    assert table["share"].item() == pytest.approx(0.4) and table["mean"].item() == 0.7


def test_methods_without_a_transformer_stand_by_recording():
    rows = [
        labels_of("glm", reading=reading)
        | {"network": f"{length} s", "view": "true", "score": "pearson", "value": value}
        for length, reading, value in (
            (150, "area", 0.2), (150, "area", 0.4), (600, "area", 0.7), (600, "peak", 0.9),
        )
    ]  # fmt: skip
    table = without_transformer(pd.DataFrame(rows), "pearson").set_index(["network", "name"])
    assert table.loc[("150 s", "GLM"), "mean"] == pytest.approx(0.3)
    assert table.loc[("600 s", "GLM"), "mean"] == 0.7 and len(table) == 2
