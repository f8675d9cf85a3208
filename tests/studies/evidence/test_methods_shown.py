"""Methods beside each other: what noise does to intervals, and what a method takes."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.networks.topologies import erdos_renyi
from lgl_core.simulation.lif import LIFParams, simulate
from studies.evidence.methods_shown import costs, from_clocks_to_noise
from studies.methods import PEAK


def test_noise_makes_intervals_irregular_and_a_method_is_scored_by_the_truth():
    truth = erdos_renyi(n_neurons=60, weight=0.3, seed=2).weights
    methods = {"truth": lambda spikes: truth, "turned": lambda spikes: -truth}
    found = from_clocks_to_noise(methods, duration=2.0, seed=2)
    assert found.groupby("name")["value"].unique().map(np.ravel).to_dict() == {
        "truth": pytest.approx([1]), "turned": pytest.approx([-1]),
    }  # fmt: skip
    irregularity = found.groupby("noise")["irregularity"].first()
    assert irregularity.iloc[0] < 0.1 < 0.4 < irregularity.iloc[-1] and len(irregularity) == 7
    # At the full noise the neurons are those of the other networks.
    spikes = simulate(
        erdos_renyi(n_neurons=60, weight=0.3, seed=2), LIFParams(mu=6.0, sigma=7.0),
        duration=2.0, seed=2, progress=False,
    )  # fmt: skip
    ratios = []
    for neuron in range(60):
        waits = np.diff(np.sort(spikes.times[spikes.neurons == neuron]))
        if len(waits) > 1:
            ratios.append(np.std(waits) / np.mean(waits))
    assert irregularity[1.0] == pytest.approx(np.mean(ratios), rel=0.05)


def test_a_method_costs_what_its_usual_run_takes_and_a_model_its_fastest_training():
    runs = [("TSPE", 3.0, PEAK, 100.0), ("TSPE", 1.0, PEAK, 300.0), ("TSPE", 2.0, PEAK, 200.0),
            ("GLM", 9.0, PEAK, 50.0), ("GLM", 9.0, "auc", 0.5)]  # fmt: skip
    table = pd.DataFrame(runs, columns=["name", "seconds", "score", "value"])
    table["view"] = np.where(table["score"] == PEAK, "cost", "true")
    trainings = pd.DataFrame({"name": ["model", "model"], "seconds": [60.0, 80.0]})
    found = costs(table, trainings)
    assert found["seconds"].to_dict() == {"TSPE": 2, "GLM": 9, "model": 60}
    assert found["memory (MB)"].dropna().to_dict() == {"TSPE": 200, "GLM": 50}
