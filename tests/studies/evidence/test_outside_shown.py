"""Outside the simulation: planted borders, and answers at a known lag."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.networks.network import Network
from lgl_core.recordings.readout import Readout
from lgl_core.spikes import SpikeTrains
from studies.evidence.outside_shown import border_table, change_of_rates, culture_borders


@pytest.fixture(scope="module")
def borders():
    """Score a graph with a border after column H, the eighth, and one with a border after row 5."""
    units = [f"{letter}{row}" for letter in "GHJKL" for row in range(1, 11)]
    left = np.array([unit[0] in "GH" for unit in units])
    above = np.array([int(unit[1:]) <= 5 for unit in units])
    noise = np.random.default_rng(0).normal(size=(2, len(units), len(units)))
    graphs = {
        name: 0.2 * noise[number] + (group[:, None] == group)
        for number, (name, group) in enumerate({"columns": left, "rows": above}.items())
    }
    jittered = {"columns": noise[0], "rows": noise[1]}
    culture = Readout(
        units=tuple(units), graphs=graphs, surrogates=jittered, strengths={}, null_strengths={}
    )
    return culture_borders(culture)


@pytest.mark.slow
def test_no_electrode_is_in_column_i(borders):
    whole = borders[(borders["spikes"] == "") & (borders["name"] == "columns")]
    best = whole.loc[whole["value"].idxmax()]
    assert (best["series"], best["position"]) == ("between columns", 8)
    jittered = borders[borders["spikes"] != ""]
    assert set(jittered["series"]) == {"between columns, jittered", "between rows, jittered"}
    assert (jittered["value"] - 0.5).abs().max() < 0.1


@pytest.mark.slow
def test_a_supposed_border_stands_beside_the_best(borders):
    table = border_table(borders, supposed=8)
    assert list(table.index) == ["columns", "rows"]
    assert table["best border"].tolist() == ["columns, 8", "rows, 5"]
    assert table.loc["columns", "supposed border"] == table.loc["columns", "at the best"] > 0.95
    assert table.loc["rows", "supposed border"] < 0.7 < table.loc["rows", "at the best"]
    assert table.loc["columns", "z"] > 5


def test_each_number_of_the_table_of_borders_is_of_its_own_border():
    rows = [
        ("GLM", "columns", 6, 0.7, 0.5, 0.1, ""), ("GLM", "rows", 4, 0.8, 0.5, 0.2, ""),
        ("GLM", "columns", 6, 0.6, 0.5, 0.3, ", jittered"),
        ("GLM", "rows", 4, 0.9, 0.5, 0.3, ", jittered"),
    ]  # fmt: skip
    columns = ["name", "axis", "position", "value", "null_mean", "null_sd", "spikes"]
    table = border_table(pd.DataFrame(rows, columns=columns), supposed=6)
    assert table.loc["GLM"].tolist() == [0.7, 0.1, pytest.approx(2), 0.6, "rows, 4", 0.8]


def test_neurons_fire_more_at_the_lag_at_which_they_answer():
    weights = np.zeros((4, 4))
    weights[1, 0], weights[2, 1], weights[1, 3] = 5, 1, -1  # a hub, an ordinary neuron, inhibition
    network = Network(weights=weights, hubs=[0], inhibitory=[3])
    beats = np.arange(1, 51) / 10  # s: of the hub; neuron 1 answers, the others fire far from it
    times = np.concatenate([beats, beats + 2.5e-3, beats + 40e-3, beats + 65e-3])
    order = np.argsort(times)
    neurons = np.repeat(np.arange(4), len(beats))[order]
    spikes = SpikeTrains(times=times[order], neurons=neurons, n_neurons=4, duration=6.0)
    found = change_of_rates(network, {"beats": spikes})
    assert set(found["quantity"]) == {"beats:\nchange of the rate (%)"}
    assert found["lag"].min() == 0.5e-3 and found["lag"].max() == pytest.approx(19.5e-3)
    of_hub = found[found["name"] == "hub to its targets"].set_index("lag")["value"]
    expected = (50 / 6) ** 2 * 1e-3 * 6  # pairs of spikes that chance makes in a bin
    assert of_hub.max() == pytest.approx(100 * (50 / expected - 1))
    assert of_hub.idxmax() == pytest.approx(2.5e-3)
    others = found[(found["name"] != "hub to its targets") | (found["value"] < of_hub.max())]
    assert (others["value"] == -100).all(), "nobody else fires within 20 ms"
    assert set(found["name"]) == {
        "hub to its targets", "excitatory to its targets", "inhibitory to its targets",
        "no synapse, no hub",
    }  # fmt: skip
