"""Training steps against the same architecture written plainly in eager PyTorch.

Timed: forward pass, backward pass and Adam's step on one batch of 64 sequences of 128 tokens, for
the presets ``laptop`` and ``paper``, on all cores. Same result: from the same weights, without
dropout, both have the same losses over three steps, and end with weights of the same norm; the
timed steps have dropout. Beside the ratio: tokens per second, and the share of what this machine
reaches in one large float32 matrix product, measured in the same process right before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.side_by_side import compare
from lgl_core.transformer.embeddings import fourier_features
from lgl_core.transformer.model import Neuroformer, TransformerConfig, preset
from lgl_core.transformer.step import gradient_step, threads

N_NEURONS, N_CLASSES, BATCH = 300, 64, 64
STEPS = {"laptop": 10, "paper": 2}  # per timed run
LEARNING_RATE = 1e-3


class PlainBlock(nn.Module):
    """A pre-norm block as any tutorial has it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.n_heads, self.rate = config.n_heads, config.dropout
        self.norm_attention = nn.LayerNorm(config.width)
        self.attention = nn.ModuleDict(
            {
                "query_key_value": nn.Linear(config.width, 3 * config.width),
                "output": nn.Linear(config.width, config.width),
            }
        )
        self.norm_perceptron = nn.LayerNorm(config.width)
        self.perceptron = nn.Sequential(
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(),
            nn.Linear(4 * config.width, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens, (B, T, W) -> (B, T, W)."""
        projected = self.attention["query_key_value"](self.norm_attention(x))
        query, key, value = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for part in projected.chunk(3, dim=-1)
        )
        attended = F.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=self.rate if self.training else 0.0
        )
        x = x + self.dropout(self.attention["output"](attended.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.perceptron(self.norm_perceptron(x)))


class PlainNeuroformer(nn.Module):
    """The same architecture and the same names of weights, without any kernel of ours."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.neuron_embedding = nn.Embedding(config.n_neurons, config.width)
        self.time_embedding = nn.Linear(config.width, config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(PlainBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.width)
        self.neuron_head = nn.Linear(config.width, config.n_neurons)
        self.interval_head = nn.Linear(config.width, config.n_classes)

    def forward(self, neurons: Tensor, intervals: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the next neuron and of its interval's class."""
        x = self.neuron_embedding(neurons)
        x = self.dropout(x + self.time_embedding(fourier_features(intervals, self.config.width)))
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.neuron_head(x), self.interval_head(x)


class OurTraining:
    """Steps as :func:`lgl_core.transformer.training.train` takes them."""

    def __init__(self, config: TransformerConfig) -> None:
        torch.manual_seed(0)
        self.model = Neuroformer(config).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True)

    def steps(self, n: int) -> list[list[float]]:
        """Take n steps; losses of each."""
        values = []
        with threads(os.cpu_count() or 1) as ordered_map:
            for step in range(n):
                values.append(gradient_step(self.model, batch(), (step,), ordered_map).tolist())
                self.optimizer.step()
        return values


class PlainTraining:
    """Steps as any tutorial has them."""

    def __init__(self, config: TransformerConfig) -> None:
        self.model = PlainNeuroformer(config).train()
        torch.manual_seed(0)
        self.model.load_state_dict(Neuroformer(config).state_dict())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)

    def steps(self, n: int) -> list[list[float]]:
        """Take n steps; losses of each."""
        values = []
        for _ in range(n):
            neurons, intervals, _, classes = batch()
            neuron_logits, interval_logits = self.model(neurons[:, :-1], intervals[:, :-1])
            neuron = F.cross_entropy(neuron_logits.flatten(0, 1), neurons[:, 1:].flatten())
            interval = F.cross_entropy(interval_logits.flatten(0, 1), classes[:, 1:].flatten())
            self.optimizer.zero_grad()
            (neuron + self.model.config.interval_weight * interval).backward()
            self.optimizer.step()
            values.append([neuron.item(), interval.item()])
        return values


@cache  # one per process: a run goes on where the one before left off
def training(side: type, size: str, dropout: float) -> Any:
    """Build a model and its optimiser."""
    torch.set_num_threads(os.cpu_count() or 1)
    return side(preset(size, n_neurons=N_NEURONS, n_classes=N_CLASSES, dropout=dropout))


@cache
def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random tokens: what a step costs does not depend on them."""
    generator = torch.Generator().manual_seed(1)
    shape = (BATCH, 129)
    intervals = 2e-3 * torch.rand(shape, generator=generator)
    return (
        torch.randint(N_NEURONS, shape, generator=generator),
        intervals,
        intervals.cumsum(1) - intervals[:, :1],
        torch.randint(N_CLASSES, shape, generator=generator),
    )


def ours(size: str) -> tuple[float, dict]:
    """Our steps, and this machine's peak beside them."""
    return _run(OurTraining, size)


def plain(size: str) -> tuple[float, dict]:
    """Plain PyTorch's steps."""
    return _run(PlainTraining, size)


def _run(side: type, size: str) -> tuple[float, dict]:
    checked = training(side, size, 0.0).steps(3)
    model = training(side, size, 0.0).model
    norm = float(sum(parameter.detach().square().sum() for parameter in model.parameters()) ** 0.5)
    timed = training(side, size, 0.1)
    timed.steps(1)
    peak = matmul_peak()
    started = time.perf_counter()
    timed.steps(STEPS[size])
    seconds = time.perf_counter() - started
    tokens_per_second = STEPS[size] * BATCH * 128 / seconds
    return seconds, {
        "losses": checked,
        "norm": norm,
        "tokens_per_second": tokens_per_second,
        "share_of_peak": tokens_per_second * flop_per_token(model.config) / peak,
        "peak_gflops": peak / 1e9,
    }


def matmul_peak(size: int = 2048, repeats: int = 5) -> float:
    """Operations per second of a large float32 matrix product on all cores."""
    a, b = torch.randn(2, size, size)
    a @ b
    fastest = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        a @ b
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * size**3 / fastest


def flop_per_token(config: TransformerConfig) -> float:
    """Operations of the matrix products of one training step, for one token.

    Two per weight and pass, with three passes (forward, gradient by input, gradient by weight);
    attention counts the half that the mask leaves, though the masked half is computed as well.
    """
    width = config.width
    weights = 12 * config.n_layers * width**2
    weights += width * (width + config.n_neurons + config.n_classes)
    attention = 2 * config.n_layers * width * (config.context + 1) / 2
    return 6 * (weights + attention)


def same_result(ours: dict, plain: dict) -> str:
    """Both descended along the same losses to the same weights."""
    np.testing.assert_allclose(ours["losses"], plain["losses"], rtol=1e-4)
    np.testing.assert_allclose(ours["norm"], plain["norm"], rtol=1e-5)
    difference = np.max(np.abs(np.array(ours["losses"]) / np.array(plain["losses"]) - 1))
    return f"same losses over three steps without dropout, to {difference:.0e}"


def records() -> Iterator[dict]:
    """Yield the records of this file."""
    for size in STEPS:
        record = compare(
            f"training, {size} preset", "plain PyTorch, eager", ours, plain, same_result, size=size
        )
        for side in ("ours", "peer"):
            results = record.pop(f"{side}_results")
            for name in ("tokens_per_second", "share_of_peak", "peak_gflops"):
                record[f"{side}_{name}"] = float(np.median([result[name] for result in results]))
        yield record
