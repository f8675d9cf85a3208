"""Readings of models that know more and more."""

from dataclasses import replace

import numpy as np
import pytest

from lgl_core.experiment import split_tokens
from lgl_core.transformer.training import baselines
from studies.fitted import BUDGETS, GAIN, LONGEST, PAPER_BUDGETS, Fitted, fitted
from studies.original import MANY, TRAIN_PART, PaperRecording
from studies.points import Recording
from studies.small import SMALL_NETWORK

pytestmark = pytest.mark.usefixtures("cold_cache")

RECORDING = Recording(settings=SMALL_NETWORK, duration=60.0)
QUICK = {"size": "tiny", "n_spikes": 50, "longest": 80.0}


def test_each_reading_is_scored_and_the_gain_is_that_of_unseen_spikes():
    point = Fitted(recording=RECORDING, epochs=1, **QUICK)
    assert not point.is_ready
    rows = point.rows()
    assert point.is_ready
    readings = set(rows.loc[rows["view"] == "true", "reading"])
    assert {"", "influence", "rollout", "gradient", "gradient energy", "relevance"} <= readings
    assert set(rows["changes"]) == {"60 s, 1 epochs"}
    (gain,) = rows.loc[rows["score"] == GAIN, "value"]
    # The loss of a model that has just begun is about that of frequencies.
    assert -0.5 < gain < 0.5
    assert np.isfinite(rows.loc[rows["view"] == "true", "value"]).all()


def test_the_gain_counts_from_frequencies_on_the_end_of_the_longest_recording():
    point = Fitted(recording=RECORDING, epochs=1, **QUICK)
    (member,) = point.members()
    longest = Recording(settings=SMALL_NETWORK, duration=80.0)
    start = baselines(*split_tokens(longest.spikes()))["neuron"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("studies.fitted.evaluate", lambda model, tokens: (start - 0.25, 0.0))
        assert point._gain(member) == pytest.approx(0.25)


def test_several_trainings_are_averaged_before_they_are_scored():
    point = Fitted(recording=RECORDING, epochs=1, n_models=2, **QUICK)
    rows = point.rows()
    assert set(rows["n_models"]) == {2}
    assert set(rows.loc[rows["view"] == "true", "reading"]) == {
        "", "excess over columns", "influence",
    }  # fmt: skip


def test_budgets_grow_and_all_models_are_tried_on_the_same_spikes():
    tokens_seen = [duration * epochs for duration, epochs in BUDGETS]
    assert tokens_seen == sorted(tokens_seen) and BUDGETS[-1][0] == LONGEST
    points = [point for point in fitted(range(2)) if isinstance(point, Fitted)]
    assert {point.longest for point in points} == {LONGEST}
    assert {point.recording.seed for point in points} == {0, 1}


def test_models_of_the_papers_network_are_tried_at_the_end_of_its_longest_recording():
    recording = PaperRecording(seed=1, n_spikes=2_000)
    point = Fitted(recording=recording, epochs=1, **QUICK)
    spikes = recording.spikes()
    (member,) = point.members()
    assert member.spikes.duration == pytest.approx(TRAIN_PART * spikes.duration, rel=1e-3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("studies.fitted.MANY", 4_000)
        longest = replace(recording, n_spikes=4_000).spikes()
        start = baselines(*split_tokens(longest, TRAIN_PART))["neuron"]
        patch.setattr("studies.fitted.evaluate", lambda model, tokens: (start - 0.25, 0.0))
        assert point._gain(member) == pytest.approx(0.25)
        assert set(point.rows()["changes"]) == {"2000 spikes, 1 epochs"}


def test_budgets_of_the_papers_network_grow_to_its_longest_recording():
    tokens_seen = [n_spikes * epochs for n_spikes, epochs in PAPER_BUDGETS]
    assert tokens_seen == sorted(tokens_seen) and PAPER_BUDGETS[-1][0] == MANY
