"""Attention and dropout on a device that our kernels do not run on, in PyTorch's own operations.

The same numbers as from :mod:`lgl_core.transformer.kernels`, but for rounding: dropout is drawn
from the same counters, so that a training on a graphics card drops what one on a processor does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["allowed_positions", "plain_attention", "plain_dropout"]

_BITS = 0xFFFFFFFF


def allowed_positions(n_tokens: int, *, strict: bool, device: torch.device | None = None) -> Tensor:
    """Which key a query may attend to, bool, shape (T, T)."""
    return torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=device).tril(-int(strict))


def plain_attention(
    query: Tensor, key: Tensor, value: Tensor, *, strict: bool, dropout: float, bits: int
) -> Tensor:
    """Attend to the past, as :func:`lgl_core.transformer.kernels.causal_attention` does.

    Parameters
    ----------
    query, key, value : Tensor, shape (B, H, T, D)
    strict : bool
        A token attends to earlier ones only.
    dropout : float
        Rate of dropout on the attention weights.
    bits : int
        32 random bits, the seed of dropout.

    Returns
    -------
    Tensor, shape (B, H, T, D)
    """
    allowed = allowed_positions(query.shape[-2], strict=strict, device=query.device)
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    # Not minus infinity: a token without any key would get NaN, which a gradient would spread.
    weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1) * allowed
    return plain_dropout(weights, dropout, bits) @ value


def plain_dropout(x: Tensor, rate: float, bits: int) -> Tensor:
    """Drop elements, as :func:`lgl_core.transformer.kernels.counter_dropout` does.

    Parameters
    ----------
    x : Tensor
    rate : float
        At least 0 and below 1.
    bits : int
        32 random bits, the seed of dropout.

    Returns
    -------
    Tensor of the same shape
    """
    if rate == 0:
        return x
    counters = torch.arange(x.numel(), device=x.device).view(x.shape) & _BITS
    stays = _random_bits(counters, bits) >= round(rate * 2**32)
    return x * stays / (1 - rate)


def _random_bits(counters: Tensor, bits: int) -> Tensor:
    """Wellons' lowbias32, as in the kernels; products wrap around, and their low half is kept."""
    x = counters ^ bits
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _BITS
    x = ((x ^ (x >> 15) ^ bits) * 0x846CA68B) & _BITS
    return x ^ (x >> 16)
