"""On any device the same numbers: our kernels on a processor are the judge."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.transformer.kernels import _spread, causal_attention, counter_dropout
from lgl_core.transformer.plain import plain_attention, plain_dropout

few = settings(max_examples=20)


@few
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_the_same_elements_are_dropped(seed, rate):
    x = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(seed))
    ours = counter_dropout(x, rate, (seed, 3))
    np.testing.assert_allclose(plain_dropout(x, rate, int(_spread((seed, 3)))), ours, rtol=1e-6)


@few
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.0, 0.2]))
def test_attention_and_its_gradient_are_the_same(seed, strict, dropout):
    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randn(2, 3, 9, 4, generator=generator) for _ in range(3)]
    mirror = torch.randn(2, 3, 9, 4, generator=generator)

    def outcome(attend):
        leaves = [x.clone().requires_grad_() for x in inputs]
        attended = attend(*leaves)
        return [attended.detach(), *torch.autograd.grad((attended * mirror).sum(), leaves)]

    ours = outcome(
        lambda *qkv: causal_attention(*qkv, strict=strict, dropout=dropout, seed=(seed,))
    )
    bits = int(_spread((seed,)))
    plain = outcome(lambda *qkv: plain_attention(*qkv, strict=strict, dropout=dropout, bits=bits))
    for mine, theirs in zip(ours, plain, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-6)


@pytest.mark.parametrize("strict", [False, True])
def test_other_devices_take_this_way(strict):
    """The meta device computes nothing, but it is no processor: shapes go through."""
    x = torch.empty(2, 3, 9, 4, device="meta")
    attended = causal_attention(x, x, x, strict=strict, dropout=0.1, seed=(1,))
    assert attended.shape == x.shape and attended.device.type == "meta"
    assert counter_dropout(x, 0.1, (1,)).device.type == "meta"
