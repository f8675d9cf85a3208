"""Neurons without synapses: nothing relates them, and every pair that is called is counted."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from lgl_core.baselines.pairwise import correlogram_z
from lgl_core.recordings.chance import jittered
from studies.evidence.report import chosen
from studies.methods import METHODS
from studies.rows import COLUMNS
from studies.unconnected import (
    _OF_WIDE_BINS,
    ALL_PAIRS,
    ATTENTION,
    BY_JITTER,
    BY_Z,
    FAST_PAIRS,
    JITTER,
    LOCAL,
    NOMINAL,
    RATES,
    RHYTHM,
    WIDE_JITTER,
    Unconnected,
    UnconnectedModel,
    UnconnectedRecording,
    shares_called,
    unconnected,
)

pytestmark = pytest.mark.usefixtures("cold_cache")

SHORT = {"n_neurons": 8, "duration": 20.0}


@pytest.mark.parametrize("kind", RATES)
def test_rates_are_those_of_the_kind(kind):
    recording = UnconnectedRecording(kind=kind, n_neurons=20, duration=400.0, seed=3)
    slowest, fastest, _ = RATES[kind]
    expected = np.geomspace(slowest, fastest, 20) * 400.0
    counts = recording.spikes().rates * 400.0
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(0.9999, 20)
    assert abs(counts.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())


@pytest.mark.parametrize("kind", RATES)
def test_only_the_rhythm_moves_the_rate(kind):
    spikes = UnconnectedRecording(kind=kind, n_neurons=20, duration=400.0).spikes()
    phase = 2 * np.pi * RHYTHM * spikes.times
    # The mean of sin times 1 + d sin is d / 2.
    assert abs(np.sin(phase).mean() - RATES[kind][2] / 2) < 4 / np.sqrt(2 * len(spikes))
    assert abs(np.cos(phase).mean()) < 4 / np.sqrt(2 * len(spikes))


def test_without_a_rhythm_z_scores_are_normal_numbers():
    called = []
    for seed in range(4):
        spikes = UnconnectedRecording(n_neurons=30, duration=400.0, seed=seed).spikes()
        z = correlogram_z(spikes)
        table = shares_called(z, z, spikes.rates, is_z=True).set_index(["view", "score"])["value"]
        called.append(table[BY_Z, ALL_PAIRS])
    # 4 times 870 pairs at 1 %: a little more than a binomial's spread, as counts are few.
    assert abs(np.mean(called) - NOMINAL) < 5 * np.sqrt(NOMINAL / (4 * 870))


def test_another_seed_draws_other_spikes_and_the_same_seed_the_same():
    one, again, other = (UnconnectedRecording(**SHORT, seed=seed).spikes() for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.times, again.times)
    assert len(one) != len(other) or (one.times != other.times).any()


def test_shares_are_counted_as_by_hand():
    rng = np.random.default_rng(0)
    graph, null = rng.normal(size=(2, 9, 9))
    rates = rng.permutation(9.0 + np.arange(9))
    outside = [[], []]
    band = np.quantile([null[i, j] for i in range(9) for j in range(9) if i != j], [0.005, 0.995])
    for post in range(9):
        for pre in range(9):
            if post != pre:
                called = not band[0] <= graph[post, pre] <= band[1]
                outside[0].append(called)
                if min(rates[post], rates[pre]) >= np.median(rates):
                    outside[1].append(called)
    table = shares_called(graph, null, rates).set_index(["view", "score"])["value"]
    assert table[BY_JITTER, ALL_PAIRS] == np.mean(outside[0])
    assert table[BY_JITTER, FAST_PAIRS] == np.mean(outside[1])
    assert BY_Z not in table.index.get_level_values("view")


def test_pairs_that_are_connected_are_called():
    recording = UnconnectedRecording(**SHORT)
    spikes = recording.spikes()
    graph = correlogram_z(spikes)
    graph[1, 0] = 50.0
    table = shares_called(graph, correlogram_z(jittered(spikes, 0.01)), spikes.rates, is_z=True)
    assert (table.loc[table["score"] == ALL_PAIRS, "value"] >= 1 / 56).all()
    assert norm.sf(50.0) < NOMINAL


@pytest.mark.slow
def test_every_method_of_both_pages_is_asked(monkeypatch):
    monkeypatch.setitem(METHODS, ("masked model", "10 ms"), correlogram_z)  # minutes
    table = Unconnected(recording=UnconnectedRecording(**SHORT)).rows()
    assert list(table.columns) == COLUMNS
    asked = set(zip(table["method"], table["reading"], strict=True))
    assert asked == {*METHODS, ("glm", "peak"), LOCAL}
    by_z = table[table["view"] == BY_Z]
    assert set(by_z["method"]) == {"ccg"} and len(by_z) == 4
    assert table["value"].between(0, 1).all()


@pytest.mark.slow
def test_a_model_is_trained_on_them_and_read():
    model = UnconnectedModel(recording=UnconnectedRecording(**SHORT), size="tiny", epochs=1)
    assert not model.is_ready
    table = model.rows()
    assert model.is_ready
    assert len(chosen(table, **ATTENTION, size="tiny")) == len(table)
    assert table["value"].between(0, 1).all()


def test_the_plan_has_each_kind_and_seed_twice():
    points = unconnected([0, 1], **SHORT)
    assert len(points) == 2 * 2 * len(RATES) == len({repr(point) for point in points})
    assert {point.recording.n_neurons for point in points} == {8}


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match=r"common slow rhythm.*'fast'"):
        UnconnectedRecording(kind="fast")


def test_jitter_moves_what_each_method_counts():
    # Where it does not, the share that is called would be that of the band itself, whatever is so.
    spikes = UnconnectedRecording(**SHORT).spikes()
    for key in _OF_WIDE_BINS:
        bins = float(key[1].removesuffix(" ms")) / 1000
        assert (jittered(spikes, JITTER).binned(bins) == spikes.binned(bins)).all()
        assert (jittered(spikes, WIDE_JITTER).binned(bins) != spikes.binned(bins)).any()
