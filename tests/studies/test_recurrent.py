"""Points of the study on strong recurrence."""

from dataclasses import replace

import numpy as np
import pytest

from lgl_core.experiment import fit_glm
from lgl_core.metrics.decisions import called_graph, decision_scores
from lgl_core.metrics.detection import auc
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.wiring import connections
from studies.evidence.report import chosen
from studies.recurrent import (
    FAR,
    MU,
    PATTERN,
    SHARE,
    STRENGTHS,
    STRONGEST,
    Recurrent,
    RingRecording,
    pattern,
    recurrent,
    strongest,
)
from studies.rows import COLUMNS

TINY = RingRecording(duration=20.0, settings={"n_neurons": 16, "strength": 8.0, "reach": 4})

pytestmark = pytest.mark.usefixtures("cold_cache")


def waves(frequency, n_neurons=16, n_bins=400):
    """Spikes of bumps that stand at another place in every bin of 50 ms."""
    rng = np.random.default_rng(0)
    turn = rng.uniform(0, 2 * np.pi, (n_bins, 1))
    angles = 2 * np.pi * frequency * np.arange(n_neurons) / n_neurons
    bins, neurons = np.nonzero(np.cos(angles + turn) > 0)
    times = (bins + 0.5) * 0.05
    return SpikeTrains(times=times, neurons=neurons, n_neurons=n_neurons, duration=n_bins * 0.05)


def test_neurons_are_driven_more_than_elsewhere():
    spikes = simulate(TINY.network(), LIFParams(mu=MU), duration=20.0, seed=0)
    np.testing.assert_array_equal(TINY.spikes().times, spikes.times)
    assert TINY.neurons() == LIFParams(mu=MU) and TINY.label.startswith("ring, n_neurons 16")
    other = replace(TINY, seed=1)
    np.testing.assert_array_equal(other.network().weights, TINY.network().weights)
    assert len(other.spikes()) != len(TINY.spikes())


def test_graphs_and_lists_are_of_the_same_spikes():
    point = Recurrent(recording=TINY)
    table = point.rows()
    assert point.is_ready and list(table.columns) == COLUMNS
    truth, spikes = TINY.network().weights, TINY.read()
    graph = fit_glm(spikes).coupling("area")
    mine = chosen(table, method="glm", reading="area").set_index("score")["value"]
    assert mine["auc"] == auc(graph, truth)
    between = ~np.eye(16, dtype=bool)
    assert mine["pearson"] == pytest.approx(np.corrcoef(graph[between], truth[between])[0, 1])
    sizes = np.sort(np.abs(graph[between]))[::-1]
    listed = between & (np.abs(graph) >= sizes[np.count_nonzero(truth) - 1])
    assert mine["fdr"] == pytest.approx(np.mean(truth[listed] == 0))
    for method in ("glm", "ccg"):
        found = connections(spikes, method=method, progress=False)
        expected = decision_scores(called_graph(found, 16), truth).dropna()
        rows = chosen(table, method=method, kept="listed at 5%").set_index("score")["value"]
        np.testing.assert_allclose(rows[expected.index], expected)
    methods = {"glm", "ccg", "covariance", "partial covariance", "rates", "transfer entropy"}
    assert set(chosen(table, kept=STRONGEST)["method"]) == methods | {"tspe"}
    activity = chosen(table, view=PATTERN).set_index("score")["value"]
    assert activity.to_dict() == pattern(spikes, truth)


@pytest.mark.parametrize("frequency", [1, 3])
def test_bumps_that_wander_are_one_frequency_and_correlate_what_is_far(frequency):
    weights = TINY.network().weights
    found = pattern(waves(frequency), weights)
    # So much of a square wave is in its first frequency.
    assert found[SHARE] == pytest.approx(8 / np.pi**2, abs=0.04) and found[FAR] > 0.4
    independent = replace(TINY, duration=60.0, settings=TINY.settings | {"strength": 0.0})
    nothing = pattern(independent.spikes(), weights)
    assert nothing[SHARE] < 0.2 and nothing[FAR] < 0.05


def test_a_wave_without_edges_is_all_of_its_frequency():
    counts = np.round(100 + 100 * np.cos(np.pi * np.arange(8) / 4 + np.arange(40)[:, None]))
    bins, neurons = np.indices(counts.shape)
    each = counts.astype(int).ravel()
    times = np.repeat((bins.ravel() + 0.5) * 0.05, each)
    order = np.argsort(times, kind="stable")
    spikes = SpikeTrains(
        times=times[order], neurons=np.repeat(neurons.ravel(), each)[order],
        n_neurons=8, duration=2.0,
    )  # fmt: skip
    assert pattern(spikes, np.zeros((8, 8)))[SHARE] == pytest.approx(1, abs=1e-3)


def test_the_strongest_entries_are_marked_and_never_the_diagonal():
    graph = np.array([[9.0, -3, 1], [2, 9, 0], [0, 0.5, 9]])
    assert np.argwhere(strongest(graph, 2)).tolist() == [[0, 1], [1, 0]]
    assert graph[0, 0] == 9, "the graph is left as it is"
    assert strongest(graph, 0).sum() == 0 and strongest(graph, 6).sum() == 6


def test_the_plan_has_each_strength_on_each_seed():
    points = recurrent([3, 4])
    assert len(points) == 2 * len(STRENGTHS) == len(set(map(str, points)))
    assert {point.recording.settings["strength"] for point in points} == set(STRENGTHS)
    assert {point.recording.seed for point in points} == {3, 4}
