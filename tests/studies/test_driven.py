"""Points of the study on what else drives neurons."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from lgl_core.metrics.decisions import decision_scores
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.wiring import connections
from studies.driven import (
    AFTER,
    BASELINE,
    FASTER_BASELINE,
    ITSELF,
    MU,
    WITHOUT,
    Driven,
    DrivenRecording,
    Source,
    by_pairs,
    driven,
)
from studies.evidence.report import chosen
from studies.rows import COLUMNS

TINY = DrivenRecording(
    topology="spatial", duration=40.0, settings={"n_neurons": 12, "connection_probability": 0.2}
)

pytestmark = pytest.mark.usefixtures("cold_cache")


@pytest.mark.parametrize("source", get_args(Source))
def test_who_hears_the_source_fires_with_it_and_nobody_else_does(source):
    recording = replace(TINY, source=source, settings={"n_neurons": 12, "weight": 0.0})
    spikes, drive = recording.spikes(), recording.drive()
    steps = np.minimum((spikes.times / recording.duration * len(drive)).astype(int), len(drive) - 1)
    heard = [drive[steps[spikes.neurons == neuron]].mean() for neuron in range(12)]
    spread = drive.std() / np.sqrt(np.bincount(spikes.neurons).min())
    hearing = recording.hearing()
    assert hearing.sum() == 4
    for neuron in range(12):
        beyond = (heard[neuron] - drive.mean()) / spread
        assert beyond > 5 if hearing[neuron] else abs(beyond) < 4
    assert recording.label.endswith(f", {source} to one in 3")
    assert replace(recording, one_in=2).hearing().sum() == 6


def test_the_drive_is_all_that_differs_from_another_recording():
    spikes = simulate(
        TINY.network(), LIFParams(mu=MU), duration=40.0, seed=0,
        drive=TINY.drive()[:, np.newaxis] * TINY.hearing(),
    )  # fmt: skip
    np.testing.assert_array_equal(TINY.spikes().times, spikes.times)


def test_a_trial_a_second_each_with_the_same_response():
    recording = replace(TINY, source="trials")
    events, drive = recording.events(), recording.drive()
    assert len(events) == 39 and np.ptp(np.diff(events)) > 0.1
    times = (np.arange(len(drive)) + 0.5) * recording.duration / len(drive)
    assert not drive[times < events[0]].any()
    for event in events:
        mine = drive[(times >= event) & (times < event + 0.1)]
        assert mine.max() > 22 and 10e-3 <= 5e-3 * mine.argmax() <= 20e-3


@pytest.mark.parametrize("source", get_args(Source))
def test_every_list_is_scored_in_all_pairs_and_in_those_that_hear_the_source(source):
    point = Driven(recording=replace(TINY, source=source))
    table = point.rows()
    assert point.is_ready and list(table.columns) == COLUMNS
    own = {"slow drift": set(), "fast drift": {FASTER_BASELINE}, "trials": {AFTER}}[source]
    told = chosen(table, method="glm")["reading"]
    assert set(told) == {WITHOUT, BASELINE, ITSELF} | own
    truth, spikes = point.recording.network().weights, point.recording.spikes()
    found = connections(spikes, covariates=point.recording.drive(), progress=False)
    called = np.zeros_like(truth)
    called[found["post"], found["pre"]] = found["sign"]
    mine = chosen(table, method="glm", reading=ITSELF).set_index("score")["value"]
    expected = decision_scores(called, truth).dropna()
    np.testing.assert_allclose(mine[expected.index], expected)


def test_false_entries_are_counted_pair_by_pair():
    rng = np.random.default_rng(0)
    truth, called = (rng.integers(-1, 2, (20, 20)) for _ in range(2))
    hearing = np.arange(20) % 3 == 0
    found = by_pairs(called, truth, hearing)
    for name, wanted in (("together", True), ("others", False)):
        pairs = [
            (post, pre)
            for post in range(20)
            for pre in range(20)
            if post != pre and (hearing[post] and hearing[pre]) == wanted
        ]
        listed = [pair for pair in pairs if called[pair]]
        without = [pair for pair in pairs if not truth[pair]]
        assert found[f"fdr, {name}"] == np.mean([not truth[pair] for pair in listed])
        assert found[f"alarms, {name}"] == np.mean([called[pair] != 0 for pair in without])
    nothing = by_pairs(np.zeros((20, 20)), truth, hearing)
    assert (nothing == 0).all()


def test_the_plan_has_each_source_with_synapses_and_without():
    points = driven([3, 4])
    assert len(points) == 2 * (2 * len(get_args(Source)) + 2) == len(set(map(str, points)))
    silent = [point for point in points if not point.recording.network().weights.any()]
    assert len(silent) == 2 * len(get_args(Source))
    assert sum(point.recording.one_in == 2 for point in points) == 2 * 2
