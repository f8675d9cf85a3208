"""What a model makes by itself, against a model that reads every window anew."""

import numpy as np
import pytest
import torch

import lgl_core as lgl
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.generation import generate
from lgl_core.transformer.model import preset
from lgl_core.transformer.tokens import tokenize

N = 6


@pytest.fixture(scope="module")
def tokens():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 20, 2000))
    spikes = lgl.SpikeTrains(
        times=times, neurons=rng.integers(N, size=2000), n_neurons=N, duration=20.0
    )
    return tokenize(spikes)


def model_of(tokens, **changes):
    torch.manual_seed(0)
    settings = {"context": 8, "n_neurons": N, "n_classes": tokens.vocabulary.n_classes} | changes
    model = preset("tiny", **settings).build().eval()
    for parameter in model.parameters():  # far enough from the start for the past to matter
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def drawn_anew(model, tokens, n_sequences, span, silenced, seed):
    """Draw as ``generate`` does, but run the model on whole windows for every token."""
    rng, edges = np.random.default_rng(seed), tokens.vocabulary.edges
    context, half = model.config.context, max(model.config.context // 2, 1)
    heard = np.flatnonzero(~np.isin(tokens.neurons, silenced))
    widths = np.append(np.diff(edges), 0)
    windows = []
    for first in np.linspace(0, len(heard) - half, n_sequences).astype(int):
        at = heard[first : first + half]
        times = tokens.times[at]
        intervals = [tokens.intervals[at[0]], *np.diff(times)]
        windows.append([[*row] for row in zip(tokens.neurons[at], intervals, times, strict=True)])
    clock, found = np.zeros(n_sequences), [[] for _ in range(n_sequences)]
    while clock.min() < span:
        who, when = [], []
        for window in windows:
            if len(window) > context:
                del window[: len(window) - half]
            neurons, intervals, times = map(np.array, zip(*window, strict=True))
            with torch.no_grad():
                heads = model(
                    torch.tensor(neurons[None]),
                    torch.tensor(intervals[None], dtype=torch.float32),
                    torch.tensor((times - times[0])[None], dtype=torch.float32),
                )
            for shares, logits in zip((who, when), heads, strict=True):
                shares.append(logits[0, -1].double().softmax(-1).numpy())
        who, when = np.stack(who), np.stack(when)
        when[:, np.bincount(tokens.classes, minlength=when.shape[1]) == 0] = 0
        who[:, silenced] = 0

        def draw(shares):
            edges_of = np.cumsum(shares, axis=1)
            u = rng.random(len(shares)) * edges_of[:, -1]
            return np.array(
                [np.searchsorted(e, x, "right") for e, x in zip(edges_of, u, strict=True)]
            )

        neurons = draw(who)
        n_draws = rng.geometric(np.minimum(who.sum(axis=1), 1))
        waited = np.zeros(n_sequences)
        for k in range(n_draws.max()):
            classes = draw(when)
            each = edges[classes] + widths[classes] * rng.random(n_sequences)
            waited += np.where(k < n_draws, each, 0)
        clock = clock + waited
        for s, window in enumerate(windows):
            window.append([neurons[s], waited[s], window[-1][2] + waited[s]])
            if clock[s] < span:
                found[s].append((s * span + clock[s], neurons[s]))
    return [spike for sequence in found for spike in sequence]


@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize("embedding", ["interval", "elapsed", "rotary", "position"])
def test_windows_that_are_kept_are_those_that_are_read_anew(tokens, embedding, mask):
    model = model_of(tokens, time_embedding=embedding, mask=mask)
    spikes, _ = generate(
        model, tokens, duration=1.2, n_sequences=4, silenced=[2], seed=1, progress=False
    )
    expected = drawn_anew(model, tokens, 4, 0.3, [2], seed=1)
    assert len(expected) > 40, "several windows"
    assert [n for _, n in expected] == spikes.neurons.tolist()
    np.testing.assert_allclose([t for t, _ in expected], spikes.times, rtol=1e-9)


def memoryless(tokens, shares):
    """A model that has learned how often each neuron fires, and nothing else."""
    model = model_of(tokens, context=16)
    for head, values in (
        (model.neuron_head, shares),
        (model.interval_head, np.bincount(tokens.classes, minlength=63) + 1e-9),
    ):
        head.weight.data.zero_()
        head.bias.data = torch.tensor(np.log(values), dtype=torch.float32)
    return model


def test_a_model_without_memory_fires_as_often_as_it_was_told(tokens):
    shares = np.array([0.4, 0.2, 0.2, 0.1, 0.05, 0.05])
    model = memoryless(tokens, shares)
    spikes, rates = generate(model, tokens, duration=60.0, progress=False)
    total = len(tokens) / 20.0
    np.testing.assert_allclose(rates, total * shares, rtol=0.05)
    assert len(spikes) == pytest.approx(60 * total, abs=5 * np.sqrt(60 * total))
    assert spikes.duration == pytest.approx(60.0)
    # Without one of them nothing changes for the others: their spikes come when they came.
    without, rates_without = generate(model, tokens, duration=60.0, silenced=[0], progress=False)
    assert not (without.neurons == 0).any() and rates_without[0] == 0
    np.testing.assert_allclose(rates_without[1:], total * shares[1:], rtol=0.05)


def test_expected_rates_are_those_of_the_spikes_with_less_noise(tokens):
    model = model_of(tokens, context=16)
    settings = {
        "duration": 20.0,
        "n_sequences": 2,
        "progress": False,
    }  # long ones, with long pauses
    runs = [generate(model, tokens, seed=s, **settings) for s in range(6)]
    counted, expected = (np.stack(c) for c in zip(*((s.rates, r) for s, r in runs), strict=True))
    error = counted.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert (np.abs(counted.mean(axis=0) - expected.mean(axis=0)) < 5 * error).all()
    assert expected.std(axis=0).mean() < counted.std(axis=0).mean()


def test_what_is_drawn_before_is_thrown_away(tokens):
    model = model_of(tokens)
    settings = {"n_sequences": 3, "seed": 2, "progress": False}
    whole, _ = generate(model, tokens, duration=1.5, **settings)
    later, rates = generate(model, tokens, duration=0.9, before=0.2, **settings)
    for k in range(3):
        mine = whole.select(start=0.5 * k + 0.2, stop=0.5 * (k + 1))
        there = later.select(start=0.3 * k, stop=0.3 * (k + 1))
        np.testing.assert_array_equal(mine.neurons, there.neurons)
        np.testing.assert_allclose(mine.times, there.times, atol=1e-9)
    assert rates.sum() > 0


@pytest.mark.parametrize(
    "given, told",
    [
        ({"duration": 0.0}, "no less, got 0"),
        ({"before": -1.0}, "no less, got 1.0 s, 128 and -1.0 s"),
        ({"n_sequences": 0}, "no less, got 1.0 s, 0"),
        ({"silenced": [N]}, f"silenced must be neurons from 0 to {N - 1}, got {N}"),
        ({"silenced": [-1]}, "silenced must be neurons"),
    ],
)
def test_what_makes_no_sense_is_refused(tokens, given, told):
    with pytest.raises(ValueError, match=told):
        generate(model_of(tokens), tokens, **({"duration": 1.0, "progress": False} | given))


def test_too_short_a_beginning_and_a_graph_inside_are_refused(tokens):
    with pytest.raises(ValueError, match="half a window, got"):
        short = lgl.SpikeTrains(times=[0.1], neurons=[0], n_neurons=N, duration=1.0)
        generate(model_of(tokens), tokenize(short), duration=1.0, progress=False)
    inside = model_of(tokens, coupling=CouplingConfig())
    with pytest.raises(ValueError, match="without a coupling"):
        generate(inside, tokens, duration=1.0, progress=False)


def test_a_model_that_expects_only_the_silenced_says_so(tokens):
    model = memoryless(tokens, np.array([1.0, *[1e-6] * (N - 1)]))
    with pytest.raises(RuntimeError, match="nobody but silenced"):
        generate(model, tokens, duration=1.0, silenced=[0], progress=False)
