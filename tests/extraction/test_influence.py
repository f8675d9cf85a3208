"""Influence: what a model says after running again without a spike, against doing just that."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgl_core.extraction.influence import (
    Influence,
    drawn_windows,
    influence,
    overlaps,
)
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.tokens import Windows, tokenize

N = 6
LAGS = (0.0, 2e-3, 5e-3)


def recording(n_spikes: int = 400, seed: int = 0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, n_spikes * 0.5e-3, n_spikes))
    return tokenize(
        SpikeTrains(
            times=times, neurons=rng.integers(N, size=n_spikes), n_neurons=N,
            duration=n_spikes * 0.5e-3,
        )
    )  # fmt: skip


def model(tokens, seed: int = 0, scale: float = 8.0, **changes) -> Neuroformer:
    """An untrained model with weights large enough that spikes matter."""
    torch.manual_seed(seed)
    config = {"n_layers": 2, "n_heads": 2, "width": 16, "context": 40} | changes
    made = TransformerConfig(n_neurons=N, n_classes=tokens.vocabulary.n_classes, **config).build()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
        if made.config.coupling:
            made.coupling.weight.normal_()
    return made.eval()


def log_rates(made, tokens, neurons, intervals, times):
    """Logarithms of share and interval at each token of one sequence but the last."""
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    neurons, intervals, times = (
        torch.as_tensor(a)[None] for a in (neurons[:-1], intervals[:-1], times)
    )
    with torch.no_grad():
        logits, classes = made(neurons, intervals, times[:, :-1], (), times[:, 1:])
        share, interval = logits.log_softmax(-1), (classes.softmax(-1) @ centres).log()
        return [a[0].numpy().astype(float) for a in (share, interval)]


def earlier(neurons, intervals, times, k, by, farthest):
    """Take a spike out, and let it pass others until it is where it belongs ``by`` s before."""
    rest, time, at = np.delete(times, k), times[k] - np.float32(by), k
    while at > farthest and rest[at - 1] > time:
        at -= 1
    when = np.insert(rest, at, max(time, rest[at - 1]))
    who = np.insert(np.delete(neurons, k), at, neurons[k])
    return who, np.append(intervals[:1], np.diff(when)), when


def twin(made, tokens, change, n_after, lags, strangers=None, displacement=None):
    """Run every window of the recording again from its first token, spike by spike."""
    n_lags = len(lags) - 1
    share, rate = np.zeros((n_lags, N, N)), np.zeros((n_lags, N, N))
    interval, seconds = np.zeros((n_lags, N)), np.zeros((n_lags, N))
    windows = Windows(tokens, made.config.context + 1)
    rng = np.random.default_rng(0)
    places = drawn_windows(made, tokens, None, lags, n_after, rng)[2].tolist()
    starts = np.concatenate(list(windows.in_order(7, len(places))))
    for start in starts:
        neurons, intervals, times, _ = (a[0].numpy() for a in windows[np.array([start])])
        kept = log_rates(made, tokens, neurons, intervals, times)
        for k in places:
            who, gaps, when = neurons.copy(), intervals.copy(), times.copy()
            if change == "removed":
                gaps[k + 1] += gaps[k]
                who, gaps, when = (np.delete(a, k) for a in (who, gaps, when))
            elif change == "moved":
                who, gaps, when = earlier(who, gaps, when, k, displacement, k - places[0] + 1)
            else:
                who[k] = strangers
            after = log_rates(made, tokens, who, gaps, when)
            for q in range(k + 1, k + 1 + n_after):
                at = q - 1 if change == "removed" else q
                d_share, d_interval = kept[0][q] - after[0][at], kept[1][q] - after[1][at]
                d_rate = np.exp(kept[0][q] - kept[1][q]) - np.exp(after[0][at] - after[1][at])
                for lag in range(n_lags):
                    first = max(times[q] - times[k], lags[lag])
                    last = min(times[q + 1] - times[k], lags[lag + 1])
                    weight = max(last - first, 0)
                    share[lag, :, neurons[k]] += weight * d_share
                    rate[lag, :, neurons[k]] += weight * d_rate
                    interval[lag, neurons[k]] += weight * d_interval
                    seconds[lag, neurons[k]] += weight
    return share / seconds[:, None], interval / seconds, rate / seconds[:, None], seconds


@pytest.mark.slow
@pytest.mark.parametrize("coupling", [None, CouplingConfig()])
@pytest.mark.parametrize("time_embedding", ["interval", "elapsed", "rotary"])
@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize(("change", "displacement"), [("removed", None), ("moved", 3e-3)])
def test_it_is_running_again_with_the_changed_spike(
    time_embedding, mask, coupling, change, displacement
):
    tokens = recording(150)
    made = model(tokens, time_embedding=time_embedding, mask=mask, coupling=coupling)
    found = influence(
        made, tokens, n_spikes=10**6, change=change, displacement=displacement, lags=LAGS,
        n_after=9, progress=False,
    )  # fmt: skip
    share, interval, rate, seconds = twin(made, tokens, change, 9, LAGS, displacement=displacement)
    assert np.abs(share).max() > 0.02, "the spikes matter to this model"
    np.testing.assert_allclose(found.seconds, seconds, rtol=1e-4)
    np.testing.assert_allclose(found.log_probability, share, atol=1e-4)
    np.testing.assert_allclose(found.log_interval, interval, atol=1e-4)
    np.testing.assert_allclose(found.rate, rate, rtol=1e-3, atol=2e-2)


@pytest.mark.slow
@pytest.mark.parametrize("coupling", [None, CouplingConfig()])
def test_replacing_is_running_again_with_another_neuron(monkeypatch, coupling):
    tokens = recording(150)
    made = model(tokens, coupling=coupling)
    draw = np.random.default_rng

    class Stranger:
        def __init__(self, seed):
            self.permutation = draw(seed).permutation
            self.choice = lambda neurons, size: np.full(size, 3)

    monkeypatch.setattr("lgl_core.extraction.influence.np.random.default_rng", Stranger)
    found = influence(
        made, tokens, n_spikes=10**6, change="replaced", lags=LAGS, n_after=9, progress=False
    )
    share, _, rate, _ = twin(made, tokens, "replaced", 9, LAGS, strangers=3)
    np.testing.assert_allclose(found.log_probability, share, atol=1e-4)
    np.testing.assert_allclose(found.rate, rate, rtol=1e-3, atol=2e-2)
    assert np.abs(found.log_probability[:, :, 3]).max() < 1e-6, "replaced by itself"


def test_a_column_is_blind_to_what_concerns_all_until_the_interval_is_known():
    """Shares fall and rise together: a spike that speeds all neurons up alike changes no share."""
    share, faster = np.zeros((1, N, N)), np.zeros((1, N))
    faster[0, 2] = -0.5  # after spikes of neuron 2 the next interval is shorter
    found = Influence(
        lags=np.array([0, 1e-3]), log_probability=share, log_interval=faster, rate=share,
        seconds=np.ones((1, N)),
    )  # fmt: skip
    assert not found.connectivity("log_probability").any()
    graph = found.connectivity("log_rate")
    np.testing.assert_allclose(graph[:, 2], 0.5)
    assert not np.delete(graph, 2, axis=1).any()


@given(
    begin=st.floats(-5e-3, 9e-3), length=st.floats(0, 9e-3),
    cuts=st.lists(st.integers(0, 80), min_size=2, max_size=6, unique=True),
)  # fmt: skip
def test_lags_share_the_time_between_two_spikes(begin, length, cuts):
    lags = np.sort(cuts) * 1e-4
    at = [torch.tensor(t, dtype=torch.float32) for t in (0, begin, begin + length)]
    shares = overlaps(*at, lags).numpy()
    inside = min(begin + length, lags[-1]) - max(begin, lags[0])
    assert (shares >= 0).all() and shares.sum() == pytest.approx(max(inside, 0), abs=1e-6)
    whole = overlaps(*at, lags[[0, -1]]).numpy()
    assert shares.sum() == pytest.approx(whole.sum(), abs=1e-6)


def test_lags_are_summed_up():
    rng = np.random.default_rng(0)
    found = Influence(
        lags=np.array([0, 1e-3, 3e-3]), log_probability=rng.normal(size=(2, N, N)),
        log_interval=rng.normal(size=(2, N)), rate=rng.normal(size=(2, N, N)),
        seconds=np.ones((2, N)),
    )  # fmt: skip
    np.testing.assert_allclose(
        found.connectivity("rate"), 1e-3 * found.rate[0] + 2e-3 * found.rate[1]
    )
    np.testing.assert_allclose(found.connectivity("log_rate", (1e-3, 3e-3)), 2 * found.log_rate[1])
    with pytest.raises(ValueError, match="lags must hold one of"):
        found.connectivity(lags=(0.0, 0.5e-3))
    with pytest.raises(ValueError, match="reading must be .* got 'area'"):
        found.connectivity("area")


def test_the_same_seed_draws_the_same_spikes():
    tokens = recording()
    made = model(tokens)
    one, same, other = (
        influence(made, tokens, n_spikes=30, seed=seed, progress=False) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.rate, same.rate)
    assert (one.seconds != other.seconds).any()


def test_lags_say_where_to_look_and_not_how_far_a_spike_is_moved():
    tokens = recording()
    made = model(tokens)

    def first_lag(lags, **changes):
        found = influence(
            made, tokens, n_spikes=30, change="moved", lags=lags, progress=False, **changes
        )
        return found.log_probability[0]

    np.testing.assert_allclose(first_lag((0, 2e-3)), first_lag((0, 2e-3, 5e-3)), atol=1e-6)
    default, named, other = (first_lag((0, 2e-3), displacement=by) for by in (None, 8e-3, 1e-3))
    np.testing.assert_array_equal(default, named)
    assert np.abs(default - other).max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"change": "moved", "displacement": 0.0}, "displacement must be a positive .* got 0.0"),
        ({"change": "moved", "displacement": np.nan}, "displacement must be a positive"),
        ({"displacement": 1e-3}, "displacement goes with change=\"moved\", got 'removed'"),
        ({"n_spikes": 0}, "n_spikes must be at least 1, got 0"),
        ({"change": "swapped"}, "change must be .* got 'swapped'"),
        ({"lags": (0, 2e-3, 1e-3)}, "lags must ascend"),
        ({"n_after": 39}, "n_after must be at least 1 and at most context - 2 = 38, got 39"),
    ],
)
def test_what_cannot_be_done_is_said(changes, message):
    tokens = recording()
    with pytest.raises(ValueError, match=message):
        influence(model(tokens), tokens, **changes)


def test_a_model_without_layers_is_sent_to_its_graph():
    tokens = recording()
    made = model(tokens, n_layers=0, coupling=CouplingConfig())
    with pytest.raises(ValueError, match=r"model must have layers: .* model.coupling.graph"):
        influence(made, tokens)
