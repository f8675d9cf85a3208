"""Attention to connectivity: flow and pairs of one model over overlapping windows of tokens.

Timed is everything from tokens and model to flow and pairs. The peer is what one would write first
in PyTorch: one sequence at a time, attention of all layers written out, incidence matrices, and the
formula as one einsum, on all of PyTorch's threads. A second peer writes the einsum as two matrix
products. A third does 32 sequences at once and adds attention up by its index, without incidence
matrices. Same result: the same pairs, and flow that differs by rounding (single precision in the
model) relative to its largest entry per layer and head. Weights are larger than at random
initialisation, so that attention is not flat.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.side_by_side import alone, compare
from lgl_core.extraction.attention import attention_connectivity
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.transformer.model import Neuroformer, preset
from lgl_core.transformer.plain import allowed_positions
from lgl_core.transformer.tokens import Tokens, Windows, tokenize

DURATION = 30.0  # s, about 50,000 tokens
WEIGHT_SCALE = 3.0
BATCH = 32  # sequences at once of the second peer
TOLERANCE = 1e-5

Result = tuple[NDArray[np.float64], NDArray[np.float64]]


def records() -> Iterator[dict[str, Any]]:
    """Compare with both peers; then the memory of each at one and four times the sequences."""
    job = "extraction, laptop preset"
    for peer, theirs in (
        ("PyTorch, one sequence at a time, einsum", one_by_one_einsum),
        ("PyTorch, one sequence at a time, matrix products", one_by_one),
        (f"PyTorch, {BATCH} sequences at a time", batched),
    ):
        record = compare(job, peer, ours, theirs, same_result, duration=DURATION)
        del record["ours_results"], record["peer_results"]  # too large to keep
        yield record
    record = {"job": "extraction, peak memory"}
    for name, function in (("ours", ours), ("peer", one_by_one)):
        for times in (1, 4):
            measured = alone(function, duration=DURATION / 4 * times)
            record[f"{name}_mb_{times}x"] = measured["mb"]
            record[f"{name}_seconds_{times}x"] = measured["seconds"]
    yield record | {"seconds": record["ours_seconds_4x"]}


def ours(duration: float) -> tuple[float, Result]:
    """``attention_connectivity`` as the book calls it, windows overlapping by three quarters."""
    model, tokens = problem(duration)
    start = time.perf_counter()
    result = attention_connectivity(
        [model], tokens, stride=model.config.context // 4, progress=False
    )
    return time.perf_counter() - start, (result.flow, result.pairs)


def one_by_one_einsum(duration: float) -> tuple[float, Result]:
    """``F += S_row^T A S`` as one sum over both positions."""
    return _one_by_one(duration, lambda rows, a, s: torch.einsum("qi,lhqk,kj->lhij", rows, a, s))


def one_by_one(duration: float) -> tuple[float, Result]:
    """``F += S_row^T A S`` as two products."""
    return _one_by_one(duration, lambda rows, a, s: rows.T @ a @ s)


@torch.no_grad()
def _one_by_one(duration: float, flow_of: Callable[..., Tensor]) -> tuple[float, Result]:
    model, tokens = problem(duration)
    config = model.config
    start = time.perf_counter()
    flow = torch.zeros(config.n_layers, config.n_heads, config.n_neurons, config.n_neurons)
    pairs = torch.zeros(config.n_neurons, config.n_neurons)
    allowed = allowed_positions(config.context, strict=False).float()
    windows = Windows(tokens, config.context + 1)
    for starts in windows.in_order(1, config.context // 4):
        neurons, intervals, times, _ = windows[starts]
        layers = model.attention(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
        attention = torch.cat(layers)  # (L, H, T, T)
        incidence = F.one_hot(neurons[0], config.n_neurons).float()  # (T + 1, N)
        senders, receivers = incidence[:-1], incidence[1:]
        flow += flow_of(receivers, attention, senders)
        pairs += receivers.T @ allowed @ senders
    return time.perf_counter() - start, (flow.double().numpy(), pairs.double().numpy())


@torch.no_grad()
def batched(duration: float) -> tuple[float, Result]:
    """Add attention of many sequences up at the index of its pair of neurons."""
    model, tokens = problem(duration)
    config = model.config
    start = time.perf_counter()
    n = config.n_neurons
    flow = torch.zeros(config.n_layers, config.n_heads, n * n)
    pairs = torch.zeros(n * n)
    rows, columns = allowed_positions(config.context, strict=False).nonzero(as_tuple=True)
    windows = Windows(tokens, config.context + 1)
    for starts in windows.in_order(BATCH, config.context // 4):
        neurons, intervals, times, _ = windows[starts]
        index = (neurons[:, 1:][:, rows] * n + neurons[:, :-1][:, columns]).flatten()
        layers = model.attention(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
        for layer, attention in enumerate(layers):
            values = attention[:, :, rows, columns].transpose(0, 1).flatten(1)
            flow[layer].index_add_(1, index, values)
        pairs += torch.bincount(index, minlength=n * n)
    shape = (config.n_layers, config.n_heads, n, n)
    return time.perf_counter() - start, (
        flow.view(shape).double().numpy(),
        pairs.view(n, n).double().numpy(),
    )


def same_result(our_result: Result, their_result: Result) -> str:
    """Pairs are equal and flow agrees up to rounding."""
    (our_flow, our_pairs), (their_flow, their_pairs) = our_result, their_result
    assert np.array_equal(our_pairs, their_pairs), "pairs differ"
    difference = np.abs(our_flow - their_flow).max((2, 3)) / their_flow.max((2, 3))
    assert difference.max() < TOLERANCE, f"flow differs by {difference.max():.1e}"
    return (
        f"pairs are equal; flow differs by at most {difference.max():.0e} of the largest entry "
        "of its layer and head"
    )


@cache
def problem(duration: float) -> tuple[Neuroformer, Tokens]:
    """Make a laptop model and the tokens of the default network; not part of what is timed."""
    tokens = tokenize(simulate(hub_network(seed=0), LIFParams(), duration=duration, seed=0))
    torch.manual_seed(0)
    n_classes = tokens.vocabulary.n_classes
    model = Neuroformer(preset("laptop", n_neurons=tokens.n_neurons, n_classes=n_classes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(WEIGHT_SCALE)
    return model, tokens
