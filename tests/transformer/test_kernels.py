"""Attention and dropout against plain PyTorch in double precision, mask by mask."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from lgl_core.transformer.kernels import causal_attention, counter_dropout


def random_bits(counters, seed):
    """Lowbias32 as published, seeded, in plain unsigned arithmetic."""
    seed = np.random.SeedSequence(seed).generate_state(1)[0]
    x = counters.astype(np.uint32) ^ seed
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15)) ^ seed) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def kept_places(shape, rate, seed):
    """Which elements dropout leaves: those whose bits reach the share ``rate`` of all values."""
    counters = np.arange(math.prod(shape)).reshape(shape)
    return torch.from_numpy(random_bits(counters, seed) >= round(rate * 2**32))


def attention_twin(query, key, value, strict, rate, seed):
    """The equation, every matrix written out."""
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(-int(strict))
    # A first row without any key is even over all of them before the mask empties it.
    weights = scores.masked_fill(~allowed, -1e9).softmax(-1) * allowed
    return (weights * kept_places(weights.shape, rate, seed) / (1 - rate)) @ value


def heads(n_sequences, n_heads, n_tokens, width, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n_sequences, n_tokens, 3, n_heads, width)
    projected = scale * torch.randn(shape, generator=generator)
    # Strides as they come out of the projection.
    return [x.requires_grad_() for x in projected.permute(2, 0, 3, 1, 4)]


@settings(max_examples=30)
@given(
    shape=st.tuples(*(st.integers(1, n) for n in (3, 3, 40, 9))),
    strict=st.booleans(),
    rate=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 2**40),
)
def test_attention_and_its_gradient_agree_with_the_equation(shape, strict, rate, seed):
    inputs = heads(*shape, seed=seed)
    doubles = [x.detach().double().requires_grad_() for x in inputs]
    output = causal_attention(*inputs, strict=strict, dropout=rate, seed=(seed, 1))
    expected = attention_twin(*doubles, strict, rate, (seed, 1))
    upstream = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad(output, inputs, upstream)
    expected_gradients = torch.autograd.grad(expected, doubles, upstream.double())
    for ours, plain in zip((output, *gradients), (expected, *expected_gradients), strict=True):
        torch.testing.assert_close(ours.double(), plain, rtol=1e-4, atol=2e-5)


def test_attention_without_dropout_is_that_of_pytorch():
    inputs = heads(4, 4, 128, 24)
    torch.testing.assert_close(
        causal_attention(*inputs), scaled_dot_product_attention(*inputs, is_causal=True)
    )


@pytest.mark.parametrize("scale", [1e-4, 10.0, 100.0])
def test_scores_of_any_size_give_weights_that_sum_to_one(scale):
    query, key, _ = heads(1, 1, 64, 8, scale=scale)
    output = causal_attention(query, key, torch.ones(1, 1, 64, 8))
    torch.testing.assert_close(output, torch.ones_like(output))


def test_strict_attention_gives_the_first_token_nothing():
    output = causal_attention(*heads(2, 2, 9, 4), strict=True, dropout=0.1, seed=(3,))
    assert output[:, :, 0].abs().max() == 0
    assert output[:, :, 1:].abs().min() > 0


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.6])
def test_dropout_scales_what_it_leaves_and_treats_gradients_alike(rate):
    x = torch.randn(7, 33).T.requires_grad_()  # not contiguous
    expected = kept_places(x.shape, rate, (5,)) / (1 - rate)
    output = counter_dropout(x, rate, (5,))
    torch.testing.assert_close(output, (x * expected).float())
    (gradient,) = torch.autograd.grad(output.sum(), x)
    torch.testing.assert_close(gradient, expected.float())


def test_dropout_strikes_at_its_rate_independently_of_place_and_seed():
    n, rate = 1_000_000, 0.1
    masks = np.stack([counter_dropout(torch.ones(n), rate, (0, k)).numpy() == 0 for k in range(4)])
    error = math.sqrt(rate * (1 - rate) / n)  # of a mean over n independent draws
    np.testing.assert_allclose(masks.mean(axis=1), rate, atol=4 * error)
    centred = (masks - rate) / math.sqrt(rate * (1 - rate))
    for lag in (1, 2, 3, 96, 128, 4096):
        assert abs((centred[:, lag:] * centred[:, :-lag]).mean(axis=1)).max() < 4.5 / math.sqrt(n)
    between = centred @ centred.T / n - np.eye(4)
    assert abs(between[np.triu_indices(4, 1)]).max() < 4.5 / math.sqrt(n)


def test_double_precision_is_refused_with_the_remedy():
    inputs = [x.double() for x in heads(1, 1, 4, 2)]
    with pytest.raises(TypeError, match=r"float32.*float64.*model.float"):
        causal_attention(*inputs)
    with pytest.raises(TypeError, match="float32"):
        counter_dropout(inputs[0], 0.1, ())
