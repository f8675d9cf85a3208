"""Points of the study on voltages, and the membranes of our own neurons."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from lgl_core.baselines.granger import granger_causality
from lgl_core.glm.fit import fit_glm
from lgl_core.metrics.detection import auc
from lgl_core.networks.topologies import erdos_renyi
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.spikes import training_part
from studies.evidence.report import chosen
from studies.plans import STUDIES, VOLTAGE_SEEDS
from studies.public_networks import WITH_VOLTAGES
from studies.rows import COLUMNS
from studies.voltages import (
    ENERGY,
    LEARNED,
    MU,
    SPIKE,
    SYNAPSES,
    Voltages,
    potentials,
    recorded_lif,
    voltages,
)

TINY = Voltages(simulator="lif", n_neurons=5, share=40, number=70, n_models=2, epochs=1)

pytestmark = pytest.mark.usefixtures("cold_cache")


def test_membranes_are_those_of_the_simulator():
    """Given the same noise, as a drive of neurons without noise of their own."""
    network = erdos_renyi(12, 0.4, **SYNAPSES, seed=0)
    neurons = LIFParams(mu=MU, sigma=0.0)
    jumps = np.random.default_rng(0).normal(0, 0.7, (20_000, 12)).astype(np.float32)
    membranes, fired = potentials(network, neurons, jumps)
    spikes = simulate(
        network,
        neurons,
        duration=2.0,
        drive=jumps / (1 - np.exp(-neurons.dt / neurons.tau_m)),
        initial=np.full(12, neurons.v_rest),
        ties="by_id",
    )
    steps, ids = np.nonzero(fired)
    assert len(spikes) > 500
    np.testing.assert_array_equal(spikes.neurons, ids)
    np.testing.assert_allclose(spikes.times, steps * neurons.dt, atol=1e-9)
    assert (membranes[fired] == neurons.v_reset).all()
    assert membranes.max() < neurons.v_threshold + 20 and membranes.shape == fired.shape


def test_a_recording_shows_its_spikes():
    network, series = recorded_lif(10, 40, seed=3, duration=1.0)
    assert series.shape == (1000, 10) and network.signed
    np.testing.assert_array_equal(series == SPIKE, network.spikes.binned(1e-3) > 0)
    assert series[series < SPIKE].max() < LIFParams().v_threshold + 20
    again = recorded_lif(10, 40, seed=3, duration=1.0)
    np.testing.assert_array_equal(again[1], series)
    assert 20 < len(network.spikes) / 10 < 80, "about as often as the public ones"


@pytest.mark.slow
def test_a_point_scores_every_reading_of_one_network():
    table = TINY.rows()
    assert TINY.is_ready and list(table.columns) == COLUMNS
    assert set(table["network"]) == {"lif, 5 neurons, 40 % connected"}
    network, series = recorded_lif(5, 40, 70)
    truth, read = network.weights, training_part(network.spikes)
    scores = chosen(table, view="detection", score="auc")
    # By method, model and reading: alone and as a mean.
    alone = chosen(scores, n_models=1)
    named = alone.fillna("").groupby(["method", "model", "reading"]).size().to_dict()
    assert named == {
        ("attention", "voltages", ""): 2,
        ("attention", "voltages", ENERGY): 2,
        ("attention", "rotary", ""): 2,
        ("attention", "rotary", ENERGY): 2,
        ("attention", "rotary", "influence"): 2,
        ("granger", "", "voltages"): 1,
        ("granger", "", "counts"): 1,
        ("glm", "", "area"): 1,
        ("ccg", "", "1 to 4 ms"): 1,
        ("covariance", "", "10 ms"): 1,
    }
    assert len(chosen(scores, n_models=2)) == 5
    value = chosen(scores, method="granger", reading="voltages")["value"].item()
    assert value == auc(granger_causality(series[:4000]), truth)
    value = chosen(scores, method="glm")["value"].item()
    assert value == pytest.approx(auc(fit_glm(read, progress=False).coupling("area"), truth))
    assert len(chosen(table, view="visible", score=LEARNED, model="voltages")) == 1
    size = chosen(table, view="recording").set_index("score")["value"]
    assert size["synapses"] == np.count_nonzero(truth)


def test_no_network_is_read_on_which_the_training_was_tried():
    points = STUDIES["voltages"].points()
    assert set(points) <= set(voltages(VOLTAGE_SEEDS)) and len(set(points)) == len(points)
    per_kind = Counter((p.simulator, p.n_neurons, p.share) for p in points)
    assert set(per_kind.values()) == {5}, "intervals are over five networks"
    of_five = [p for p in points if p.simulator == "izhikevich" and p.n_neurons == 5]
    assert of_five and not {p.number for p in of_five} & set(range(5))
    for point in points:
        seeds = VOLTAGE_SEEDS if point.simulator == "lif" else WITH_VOLTAGES[point.n_neurons]
        assert point.number in seeds


def test_fields_are_checked():
    with pytest.raises(ValueError, match="simulator must be .* got 'hodgkin'"):
        replace(TINY, simulator="hodgkin")
