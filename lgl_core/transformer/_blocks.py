"""The blocks of a Neuroformer, and a step through one of them that can be looked into.

Shapes: ``B`` sequences, ``T`` tokens each, ``H`` heads, ``D`` width of a head, ``W = H * D``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgl_core.transformer.embeddings import rotate
from lgl_core.transformer.kernels import causal_attention, counter_dropout
from lgl_core.transformer.plain import allowed_positions

__all__ = ["Block", "CausalSelfAttention", "Seed", "Step"]

Seed = tuple[int, ...]  # of dropout, each part adds its own number; an empty one drops nothing


class CausalSelfAttention(nn.Module):
    r"""Multi-head attention of each token to the past.

    .. math:: A = \mathrm{softmax}(Q K^\top / \sqrt{D} + M), \quad O = A V
    """

    def __init__(
        self, width: int, n_heads: int, dropout: float, rotary: bool, strict: bool
    ) -> None:
        super().__init__()
        self.n_heads, self.dropout, self.rotary, self.strict = n_heads, dropout, rotary, strict
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, times: Tensor, seed: Seed = ()) -> Tensor:
        """Attend, with dropout by its seed in training; (B, T, W), (B, T) -> (B, T, W)."""
        return self.write(self.read(self.project(x, times), seed))

    def project(self, x: Tensor, times: Tensor, first: int = 0, stop: int = 3) -> list[Tensor]:
        """Compute queries, keys and values, or the parts ``first:stop`` of them: (B, H, T, D)."""
        rows = slice(first * x.shape[-1], stop * x.shape[-1])
        projected = F.linear(x, self.query_key_value.weight[rows], self.query_key_value.bias[rows])
        # (B, T, parts, H, D) -> parts x (B, H, T, D)
        parts = projected.unflatten(-1, (-1, self.n_heads, x.shape[-1] // self.n_heads))
        parts = parts.permute(2, 0, 3, 1, 4)
        n_rotated = 2 if self.rotary else 0
        return [rotate(y, times) if k < n_rotated else y for k, y in enumerate(parts, first)]

    def read(self, parts: list[Tensor], seed: Seed = ()) -> Tensor:
        """Compute what the heads read, with dropout by its seed in training; (B, H, T, D)."""
        rate = self.dropout if self.training and seed else 0.0
        return causal_attention(*parts, strict=self.strict, dropout=rate, seed=seed)

    def matrix(
        self, query: Tensor, key: Tensor, allowed: Tensor | None = None, added: Tensor | None = None
    ) -> Tensor:
        """Write out the attention ``A[query, key]``, (B, H, queries, keys), without dropout.

        The mask says which keys are allowed, unless ``allowed`` does, and a strict one may leave
        rows without any: they are zero. ``added`` is added to the scores.
        """
        scores = query @ key.mT / math.sqrt(query.shape[-1])
        scores = scores if added is None else scores + added
        if allowed is None:
            allowed = allowed_positions(query.shape[2], strict=self.strict, device=query.device)
        # Not minus infinity: a row without any key would get NaN, and a derivative spread it.
        matrix = scores.masked_fill_(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
        return matrix * allowed if self.strict else matrix

    def write(self, heads: Tensor) -> Tensor:
        """Write what the heads have read into the stream, (B, H, T, D) -> (B, T, W)."""
        return self.output(heads.transpose(1, 2).flatten(2))


class _GELU(nn.GELU):
    def forward(self, x: Tensor) -> Tensor:
        # In place if no derivative may ask for x: fresh memory costs more than the function does.
        in_place = torch.is_inference_mode_enabled()
        return torch.ops.aten.gelu_(x) if in_place else super().forward(x)


class Block(nn.Module):
    """Pre-norm transformer block: attention, then a two-layer perceptron."""

    def __init__(
        self, width: int, n_heads: int, dropout: float, rotary: bool, strict: bool
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, n_heads, dropout, rotary, strict)
        self.norm_perceptron = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), _GELU(), nn.Linear(4 * width, width)
        )

    def forward(
        self, x: Tensor, times: Tensor, seed: Seed = (), heads: Tensor | None = None
    ) -> Tensor:
        """Transform, with dropout by its seed in training; (B, T, W), (B, T) -> (B, T, W).

        Where ``heads`` (B, H, T, D) are given, they stand for what its own would have read.
        """
        rate = self.attention.dropout if self.training and seed else 0.0
        if heads is None:
            attended = self.attention(self.norm_attention(x), times, seed and (*seed, 0))
        else:
            attended = self.attention.write(heads)
        x = x + (counter_dropout(attended, rate, (*seed, 1)) if rate else attended)
        transformed = self.perceptron(self.norm_perceptron(x))
        return x + (counter_dropout(transformed, rate, (*seed, 2)) if rate else transformed)


class Step:
    """A block that is reached but not passed yet, on a walk through a model.

    ``number`` is the block's, from 0; ``x`` the state that it gets, (B, T, W); ``times`` those of
    the tokens in s, (B, T); ``output`` the state that the next block gets.
    """

    def __init__(self, number: int, block: Block, x: Tensor, times: Tensor, seed: Seed) -> None:
        self.number, self.block, self.x, self.times, self.output = number, block, x, times, x
        self.attention, self._seed = block.attention, seed

    def project(self, stop: int = 3) -> list[Tensor]:
        """Compute queries, keys and values, or those of them before ``stop``: (B, H, T, D)."""
        return self.attention.project(self.block.norm_attention(self.x), self.times, 0, stop)

    def finish(self, heads: Tensor | None = None) -> Tensor:
        """Pass the block, if given with ``heads`` (B, H, T, D) as what they read; (B, T, W)."""
        self.output = self.block(self.x, self.times, self._seed, heads)
        return self.output
