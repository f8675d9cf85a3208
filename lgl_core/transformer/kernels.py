"""What PyTorch does slowly on a processor, done fast: attention with dropout, and dropout itself.

Both are ordinary differentiable functions of tensors. Each runs on the thread that calls it and
leaves Python free meanwhile, so that several threads can work on several sequences. Dropout is
drawn from a counter: whether an element stays depends on the seed and on its place, on nothing
else. On other devices than a processor, PyTorch's own operations do the same
(:mod:`lgl_core.transformer.plain`).

Shapes: ``B`` sequences, ``T`` tokens, ``H`` heads, ``D`` width of a head.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.amp import custom_bwd, custom_fwd

from lgl_core.transformer.plain import plain_attention, plain_dropout

__all__ = [
    "causal_attention",
    "check_finite",
    "counter_dropout",
    "evaluating",
    "not_finite",
    "undivided_operations",
]

# Finite models have neither infinities nor NaN. Sums may be split over the lanes of a vector, in
# an order that is fixed when the kernel is compiled: the same input gives the same bits.
_FAST = {"contract", "reassoc", "nsz", "arcp", "nnan", "ninf"}


def causal_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    strict: bool = False,
    dropout: float = 0.0,
    seed: tuple[int, ...] = (),
) -> Tensor:
    r"""Attend to the past, with dropout on the attention weights.

    .. math:: O = \mathrm{dropout}(\mathrm{softmax}(Q K^\top / \sqrt{D} + M))\, V

    Parameters
    ----------
    query, key, value : Tensor of float32, shape (B, H, T, D)
    strict : bool
        A token attends to earlier ones only, not to itself. The first token then gets zeros.
    dropout : float
        Rate of dropout on the attention weights, at least 0 and below 1.
    seed : tuple of int
        Seed of dropout; with the place of an element it decides whether it stays.

    Returns
    -------
    Tensor, shape (B, H, T, D)

    Raises
    ------
    TypeError
        If the tensors are not of single precision.
    """
    _check(query, key, value)
    if query.device.type != "cpu":
        bits = int(_spread(seed))
        return plain_attention(query, key, value, strict=strict, dropout=dropout, bits=bits)
    return _CausalAttention.apply(query, key, value, strict, dropout, seed)


def counter_dropout(x: Tensor, rate: float, seed: tuple[int, ...]) -> Tensor:
    """Set elements to zero with probability ``rate`` and scale the others by ``1 / (1 - rate)``.

    Parameters
    ----------
    x : Tensor of float32
    rate : float
        At least 0 and below 1.
    seed : tuple of int
        Seed of dropout; with the place of an element it decides whether it stays.

    Returns
    -------
    Tensor of the same shape

    Raises
    ------
    TypeError
        If the tensor is not of single precision.
    """
    _check(x)
    if x.device.type != "cpu":
        return plain_dropout(x, rate, int(_spread(seed)))
    return x if rate == 0 else _Dropout.apply(x, rate, seed)


@contextmanager
def evaluating(*models: torch.nn.Module) -> Iterator[None]:
    """Put models into evaluation mode for a while; each of their parts is left as it was."""
    modes = [(part, part.training) for model in models for part in model.modules()]
    try:
        for model in models:
            model.eval()
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def check_finite(model: torch.nn.Module) -> None:
    """Raise ``ValueError`` if a model has weights of which the kernels would make anything."""
    if names := not_finite(model.state_dict()):
        raise ValueError(
            f"model must have finite weights, but its training diverged: {', '.join(names)}"
        )


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """Name the tensors that hold NaN or an infinity: the kernels are compiled for neither."""
    return [name for name, tensor in tensors.items() if not tensor.isfinite().all()]


@contextmanager
def undivided_operations() -> Iterator[int]:
    """Keep PyTorch from splitting each operation among its threads; say how many it had.

    They would wait for each other after every operation, and for the kernels. Several threads of
    Python that work on sequences of their own do not.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def _check(*tensors: Tensor) -> None:
    for x in tensors:
        # Inside autocast single precision is what the kernels ask for, and get.
        if x.dtype != torch.float32 and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(
                f"the model computes with float32, got {x.dtype}: bring it back with model.float()"
            )


class _CausalAttention(torch.autograd.Function):
    """The products are PyTorch's; the rows between them go through a kernel of ours, once."""

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        strict: bool,
        dropout: float,
        seed: tuple[int, ...],
    ) -> Tensor:
        ctx.shape, ctx.scale = query.shape, 1 / math.sqrt(query.shape[-1])
        query, key, value = (x.detach().flatten(0, 1) for x in (query, key, value))  # (B H, T, D)
        weights = _product(query, key.mT, ctx.scale)  # scores, for now: (B H, T, T)
        kept = torch.empty_like(weights) if dropout else weights
        _softmax(weights.numpy(), kept.numpy(), int(strict), *_threshold(dropout), _spread(seed))
        ctx.save_for_backward(query, key, value, weights, kept)
        return torch.bmm(kept, value).unflatten(0, ctx.shape[:2])

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, kept = ctx.saved_tensors
        gradient = gradient.flatten(0, 1)
        d_scores = torch.bmm(gradient, value.mT)  # gradient of what was kept, for now
        _softmax_backward(weights.numpy(), kept.numpy(), d_scores.numpy())
        gradients = (
            _product(d_scores, key, ctx.scale),
            _product(d_scores.mT, query, ctx.scale),
            torch.bmm(kept.mT, gradient),
        )
        return *(x.unflatten(0, ctx.shape[:2]) for x in gradients), None, None, None


def _product(left: Tensor, right: Tensor, scale: float) -> Tensor:
    out = left.new_empty(left.shape[0], left.shape[1], right.shape[2])
    return torch.baddbmm(out, left, right, beta=0, alpha=scale, out=out)


class _Dropout(torch.autograd.Function):
    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, x: Tensor, rate: float, seed: tuple[int, ...]) -> Tensor:
        ctx.rate, ctx.seed = rate, seed
        return _dropped(x.detach(), rate, seed)

    @staticmethod
    @custom_bwd(device_type="cpu")
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _dropped(gradient, ctx.rate, ctx.seed), None, None


def _dropped(x: Tensor, rate: float, seed: tuple[int, ...]) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    _keep(x.view(-1).numpy(), 0, out.view(-1).numpy(), *_threshold(rate), _spread(seed))
    return out


def _threshold(rate: float) -> tuple[np.uint32, np.float32]:
    """Below which 32 random bits drop an element, and the factor of those that stay."""
    return np.uint32(round(rate * 2**32)), np.float32(1 / (1 - rate))


def _spread(seed: tuple[int, ...]) -> np.uint32:
    """32 bits from a seed, so that neighbouring seeds have nothing in common."""
    return np.uint32(np.random.SeedSequence(seed).generate_state(1)[0])


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _softmax(weights, kept, strict, threshold, scale, seed):
    """Turn scores into weights, in place, and write those that dropout keeps."""
    n_matrices, n_tokens, _ = weights.shape
    for matrix in range(n_matrices):
        for query in range(n_tokens):
            n = query + 1 - strict
            row = weights[matrix, query]
            _softmax_row(row[:n])
            row[n:] = 0
            if threshold > 0:
                place = (matrix * n_tokens + query) * n_tokens
                _keep(row[:n], place, kept[matrix, query, :n], threshold, scale, seed)
                kept[matrix, query, n:] = 0


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _softmax_row(row):
    largest = np.float32(-np.float32(1e38))
    for j in range(len(row)):
        largest = max(largest, row[j])
    total = np.float32(0)
    for j in range(len(row)):
        e = _exp(max(row[j] - largest, np.float32(-87)))
        row[j] = e
        total += e
    factor = np.float32(1) / total
    for j in range(len(row)):
        row[j] *= factor


@njit(inline="always")
def _exp(x):
    """exp(x) for -87 <= x <= 0, by a short series: a call to exp would keep out SIMD.

    Relative error below 1e-6 for x > -20, where it matters.
    """
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693147181)
    p = np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r + np.float32(1)
    p = p * r + np.float32(1)
    return p * np.int32((np.int32(n) + 127) << 23).view(np.float32)  # times 2**n


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _keep(x, place, out, threshold, scale, seed):
    """Dropout of elements whose counters begin at ``place``."""
    for j in range(len(x)):
        stays = _random_bits(np.uint32(place + j), seed) >= threshold
        out[j] = x[j] * scale if stays else np.float32(0)


@njit(inline="always")
def _random_bits(counter, seed):
    """32 random bits from a counter: Wellons' lowbias32, with the seed in both of its rounds."""
    x = counter ^ seed
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15)) ^ seed) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
def _softmax_backward(weights, kept, gradient):
    """Turn the gradient of the kept weights into that of the scores, in place.

    Where dropout struck, ``kept`` is zero and takes the gradient along. Elsewhere it is the weight
    times dropout's factor. So ``kept * gradient`` is weight times gradient of the weight.
    """
    n_matrices, n_tokens, _ = weights.shape
    for matrix in range(n_matrices):
        for query in range(n_tokens):
            row, kept_row = weights[matrix, query], kept[matrix, query]
            d = gradient[matrix, query]
            mean = np.float32(0)
            for j in range(query + 1):
                mean += kept_row[j] * d[j]
            for j in range(query + 1):
                d[j] = kept_row[j] * d[j] - row[j] * mean
            d[query + 1 :] = 0
