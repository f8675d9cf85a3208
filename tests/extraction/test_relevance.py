"""How the score of a spike is shared out: what must hold for the shares, whatever the model."""

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from lgl_core.extraction.gradient import state
from lgl_core.extraction.relevance import _shares, _walked, relevance
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.tokens import Windows
from tests.extraction.test_influence import N, model, recording


def first_windows(made, tokens, n=5):
    return Windows(tokens, made.config.context + 1)[np.arange(n)][:3]


@pytest.mark.parametrize("embedding", ["interval", "elapsed", "rotary", "position"])
@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize("constant", [True, False])
def test_holding_factors_constant_leaves_what_the_model_says(embedding, mask, constant):
    tokens = recording(100)
    made = model(tokens, time_embedding=embedding, mask=mask)
    neurons, intervals, times = (a[:, :-1] for a in first_windows(made, tokens))
    with torch.no_grad():
        state = _walked(made, made.embed(neurons, intervals, times), times, constant)
        expected, _ = made(neurons, intervals, times)
    np.testing.assert_allclose(made.neuron_head(state).detach(), expected, atol=2e-4)


@pytest.mark.parametrize("embedding", ["interval", "rotary"])
def test_the_gradient_is_that_of_the_model(embedding):
    """Against differences of scores when an input is made a little larger, in double precision."""
    tokens = recording(100)
    made = model(tokens, time_embedding=embedding).double()
    neurons, intervals, times = first_windows(made, tokens, n=1)
    intervals, times = intervals.double(), times.double()
    found = _shares(made, neurons, intervals, times, "gradient")[0]
    past = neurons[:, :-1], intervals[:, :-1], times[:, :-1]
    embed, expected = made.embed, []
    with torch.no_grad():
        for token in range(len(found)):
            both = []
            for change in (1 + 1e-5, 1 - 1e-5):
                scaled = torch.ones(1, len(found), 1, dtype=torch.float64)
                scaled[0, token] = change
                made.embed = lambda *a, scaled=scaled: embed(*a) * scaled
                x = made.norm(state(made, past, torch.ones(1, len(found), dtype=torch.float64)))
                both.append(made.neuron_head(x)[0, -1].log_softmax(-1)[neurons[0, -1]])
            expected.append(float(both[0] - both[1]) / 2e-5)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def handed_back(made, neurons, intervals, times):
    """Hand a score back rule by rule, result by result, through a model of one layer and head."""
    (block,) = made.blocks
    heads_to_stream, widen, narrow = (
        block.attention.output, block.perceptron[0], block.perceptron[2]
    )  # fmt: skip

    def array(x):
        return x.detach().numpy()

    def through(linear, x):
        return x @ array(linear.weight).T + array(linear.bias)

    def shared(x, weight, result, part):
        """Each input's part of a weighted sum, bias included: what a linear layer hands back."""
        return x * ((part / result) @ weight)

    def normed(norm, x):
        """A norm as the linear layer that it is for this x."""
        n = x.shape[-1]
        spread = np.sqrt(x.var(-1, keepdims=True) + norm.eps)
        maps = (np.eye(n) - 1 / n) * array(norm.weight)[:, None] / spread[..., None]
        return np.einsum("tij,tj->ti", maps, x) + array(norm.bias), maps

    def shared_by_norm(x, maps, result, part):
        return x * np.einsum("ti,tij->tj", part / result, maps)

    # There
    x = array(made.embed(neurons[:, :-1], intervals[:, :-1], times[:, :-1]))[0]
    y, y_maps = normed(block.norm_attention, x)
    weight = array(block.attention.query_key_value.weight)
    qkv = y @ weight.T + array(block.attention.query_key_value.bias)
    query, key, value = np.split(qkv, 3, axis=1)
    scores = query[-1] @ key.T / np.sqrt(key.shape[1])
    attention = np.exp(scores - scores.max())
    attention /= attention.sum()
    read = attention @ value
    written = through(heads_to_stream, read)
    middle = x[-1] + written
    z, z_maps = normed(block.norm_perceptron, middle[None])
    wide = through(widen, z)
    active = wide * ndtr(wide)
    narrowed = through(narrow, active)[0]
    last = middle + narrowed
    out, out_maps = normed(made.norm, last[None])
    logits = through(made.neuron_head, out)[0]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    # and back
    part = logits * ((np.arange(N) == int(neurons[0, -1])) - shares)
    part = shared(out[0], array(made.neuron_head.weight), logits, part)
    part = shared_by_norm(last[None], out_maps, out, part[None])[0]
    of_middle, of_narrowed = part * middle / last, part * narrowed / last
    of_wide = shared(active[0], array(narrow.weight), narrowed, of_narrowed)  # and through GELU
    of_z = shared(z[0], array(widen.weight), wide[0], of_wide)
    of_middle = of_middle + shared_by_norm(middle[None], z_maps, z, of_z[None])[0]
    found = np.zeros_like(x)
    found[-1] += of_middle * x[-1] / middle
    of_read = shared(read, array(heads_to_stream.weight), written, of_middle * written / middle)
    products = attention[:, None] * value * (of_read / read)
    of_value, of_attention = products / 2, products.sum(1) / 2  # half each
    slope = of_attention - attention * of_attention.sum()  # of the softmax, by its score
    each = query[-1] * key / np.sqrt(key.shape[1]) * slope[:, None] / 2
    of_query = np.zeros_like(query)
    of_query[-1] = each.sum(0)
    of_qkv = np.concatenate([of_query, each, of_value], axis=1)
    of_y = shared(y, weight, qkv, of_qkv)
    return (found + shared_by_norm(x, y_maps, y, of_y)).sum(1)


def test_relevance_is_handed_back_by_the_rules():
    tokens = recording(100)
    made = model(tokens, scale=3.0, n_layers=1, n_heads=1, context=12).double()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.3)
    for start in range(4):
        neurons, intervals, times, _ = Windows(tokens, 13)[np.array([start])]
        intervals, times = intervals.double(), times.double()
        expected = handed_back(made, neurons, intervals, times)
        assert np.abs(expected).max() > 0.01
        found = _shares(made, neurons, intervals, times, "relevance")[0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", ["relevance", "gradient"])
def test_pairs_get_the_mean_of_their_shares(rule):
    tokens, n_before, longest = recording(80), 10, 3e-3
    made = model(tokens)
    mean, square = relevance(
        made, tokens, rule=rule, n_before=n_before, longest=longest, batch_size=7, progress=False
    )
    found = {(i, j): [] for i in range(N) for j in range(N)}
    windows = Windows(tokens, n_before + 1)
    for start in range(80 - n_before):
        neurons, intervals, times, _ = windows[np.array([start])]
        (shares,) = _shares(made, neurons, intervals, times, rule)
        for k in range(n_before):
            if times[0, -1] - times[0, k] <= longest:
                found[int(neurons[0, -1]), int(neurons[0, k])].append(float(shares[k]))
    for (post, pre), values in found.items():
        expected = np.mean(values) if values else 0.0
        assert mean[post, pre] == pytest.approx(expected, rel=1e-4, abs=1e-6)
        expected = np.mean(np.square(values)) if values else 0.0
        assert square[post, pre] == pytest.approx(expected, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"rule": "attention"}, 'rule must be "relevance" or "gradient"'),
        ({"n_spikes": 0}, "above 0, got 0"),
        ({"longest": 0.0}, "above 0"),
        ({"n_before": 41}, "between 1 and the context of 40, got 41"),
    ],
)
def test_what_makes_no_sense_is_refused(given, told):
    tokens = recording(100)
    with pytest.raises(ValueError, match=told):
        relevance(model(tokens), tokens, **({"n_before": 10} | given))


def test_a_graph_inside_is_refused():
    tokens = recording(100)
    with pytest.raises(ValueError, match="without a coupling"):
        relevance(model(tokens, coupling=CouplingConfig()), tokens, n_before=10)
