"""Which layer to trust: what can be seen of each layer and head without the true graph.

A recording comes without its truth. What it does come with is the model's own behaviour: how
sharply a layer attends, at which lags, how much its predictions need it, and whether its graph
comes back from another model or another method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lgl_core.extraction.attention import AttentionConnectivity, Rows
from lgl_core.metrics.scores import co_input, spearman
from lgl_core.transformer.kernels import check_finite
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.plain import allowed_positions
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = [
    "ablation_cost",
    "agreement",
    "attention_entropy",
    "attention_lag",
    "visible",
]

View = Literal["true", "co_input"]
Part = Literal["layer", "head"]

# Lags in s at which a spike makes its targets fire: a synapse's delay and what it takes the
# membrane to reach threshold.
SYNAPTIC_LAGS = 1e-3, 5e-3

_SEQUENCES_AT_ONCE = 16


def visible(
    model: Neuroformer,
    tokens: Tokens,
    reference: ArrayLike | None = None,
    connectivity: AttentionConnectivity | None = None,
    *,
    n_sequences: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Tabulate all that is visible of each layer and head without the true graph.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
        Best those held out in training: the ablation costs are then costs of prediction.
    reference : array_like, shape (n_neurons, n_neurons), optional
        A graph ``[post, pre]`` from the same recording by another method, such as the z-scores of
        its cross-correlograms.
    connectivity : AttentionConnectivity, optional
        What was extracted from the model; goes with ``reference``.
    n_sequences, seed
        As for :func:`attention_entropy`.

    Returns
    -------
    DataFrame
        Columns ``layer`` and ``head``, numbered from 1, ``score`` and ``value``. Rows without a
        head (missing) are of the whole layer. Scores: ``entropy`` and ``synaptic_lag``, of a layer
        the mean over its heads; ``ablation_cost``, of a layer the cost of losing all heads at once;
        with a reference also ``agrees_with_reference``, the Spearman correlation of both co-input
        graphs.

    Raises
    ------
    ValueError
        If only one of ``reference`` and ``connectivity`` is given, or as for
        :func:`attention_entropy`.
    """
    if (reference is None) != (connectivity is None):
        missing = "connectivity" if connectivity is None else "reference"
        raise ValueError(f"reference and connectivity must be given together, got no {missing}")
    entropy = attention_entropy(model, tokens, n_sequences=n_sequences, seed=seed)
    lag = attention_lag(model, tokens, n_sequences=n_sequences, seed=seed)
    costs = [
        ablation_cost(model, tokens, part=part, n_sequences=n_sequences, seed=seed)
        for part in ("layer", "head")
    ]
    tables = [
        _table("entropy", entropy.mean(axis=1), entropy),
        _table("synaptic_lag", lag.mean(axis=1), lag),
        _table("ablation_cost", *costs),
    ]
    if reference is not None and connectivity is not None:
        tables.append(_table("agrees_with_reference", *_agreements(connectivity, reference)))
    return pd.concat(tables, ignore_index=True)


def attention_entropy(
    model: Neuroformer, tokens: Tokens, *, n_sequences: int = 200, seed: int = 0
) -> NDArray[np.float64]:
    r"""Measure how evenly each head spreads its attention.

    .. math:: \left\langle -\frac{1}{\log n_q} \sum_k A_{qk} \log A_{qk} \right\rangle_q

    with the number :math:`n_q` of keys that a query may attend to; queries with one key or none
    are left out.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
    n_sequences : int
        Sequences to look at, drawn at random and without overlap; all if there are fewer.
    seed : int
        Seed of the draw.

    Returns
    -------
    ndarray, shape (n_layers, n_heads)
        1: evenly over all keys; 0: on a single one.

    Raises
    ------
    ValueError
        If ``n_sequences`` is not positive, the recording is shorter than one sequence, or no
        query of the model has two keys.
    """
    allowed = _allowed(model)
    n_keys = allowed.sum(-1)
    choosing = n_keys > 1
    if not choosing.any():
        raise ValueError(
            f"context must leave some query two keys, got {model.config.context} tokens "
            f"with a {model.config.mask} mask"
        )
    total, count = np.zeros((model.config.n_layers, model.config.n_heads)), 0
    for neurons, intervals, times, _ in _drawn(model, tokens, n_sequences, seed):
        inputs = neurons[:, :-1], intervals[:, :-1], times[:, :-1]
        for layer, matrix in enumerate(model.attention(*inputs)):  # (B, H, T, T)
            entropy = torch.special.entr(matrix[:, :, choosing]).sum(-1) / n_keys[choosing].log()
            total[layer] += entropy.mean(-1).sum(0).numpy()
        count += len(neurons)
    return total / count


def attention_lag(
    model: Neuroformer,
    tokens: Tokens,
    *,
    lags: tuple[float, float] = SYNAPTIC_LAGS,
    rows: Rows = "predicted",
    n_sequences: int = 200,
    seed: int = 0,
) -> NDArray[np.float64]:
    r"""Measure how far each head prefers keys at the lags of a synapse.

    .. math:: \frac{\sum_q \sum_k A_{qk} I_{qk}}{\sum_q \frac{1}{n_q} \sum_k I_{qk}}

    where :math:`I_{qk}` is 1 if the lag is in the band and 0 otherwise, and the query has
    :math:`n_q` keys.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
    lags : tuple of float
        Band of lags in s, its upper end left out.
    rows : {"query", "predicted"}
        Where a lag ends: at the token that looks back, or at the one that is being predicted, as
        in :func:`lgl_core.extraction.attention.attention_connectivity`.
    n_sequences, seed
        As for :func:`attention_entropy`.

    Returns
    -------
    ndarray, shape (n_layers, n_heads)
        Attention in the band over that of a head that spreads it evenly: 1 if the head does not
        care, 2 if it pays the band twice as much. NaN if no pair of tokens has such a lag.

    Raises
    ------
    ValueError
        If ``lags`` does not ascend, ``rows`` is unknown, or as for :func:`attention_entropy`.
    """
    if not lags[0] < lags[1]:
        raise ValueError(f"lags must ascend, got {lags}")
    if rows not in ("query", "predicted"):
        raise ValueError(f'rows must be "query" or "predicted", got {rows!r}')
    even = _even(_allowed(model))
    paid, expected = np.zeros((model.config.n_layers, model.config.n_heads)), 0.0
    for neurons, intervals, times, _ in _drawn(model, tokens, n_sequences, seed):
        inputs = neurons[:, :-1], intervals[:, :-1], times[:, :-1]
        ends = times[:, 1:] if rows == "predicted" else times[:, :-1]
        lag = ends[:, :, None] - times[:, None, :-1]  # (B, T, T)
        inside = ((lags[0] <= lag) & (lag < lags[1])).float()
        expected += float((even * inside).sum())
        for layer, matrix in enumerate(model.attention(*inputs)):
            paid[layer] += torch.einsum("bhqk,bqk->h", matrix, inside).numpy()
    return paid / expected if expected else np.full_like(paid, np.nan)


@torch.inference_mode()
def ablation_cost(
    model: Neuroformer,
    tokens: Tokens,
    *,
    part: Part = "layer",
    n_sequences: int = 200,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Measure how much worse the next neuron is predicted without a layer's or head's choice.

    Its attention is replaced by one that knows nothing, spread evenly over the keys that it may
    attend to. All else stays: what it reads from them, the other heads, the other layers.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
        Best those held out in training.
    part : {"layer", "head"}
        What loses its attention at a time: all heads of a layer, or a single one.
    n_sequences, seed
        As for :func:`attention_entropy`.

    Returns
    -------
    ndarray, shape (n_layers,) or (n_layers, n_heads)
        Increase of the mean cross-entropy of the next neuron, in nats per spike: 0 if it does not
        matter where the part attends, below 0 if its attention does harm.

    Raises
    ------
    ValueError
        If ``part`` is unknown, ``n_sequences`` is not positive, or the recording is shorter than
        one sequence.

    Notes
    -----
    Heads stand in for each other: their costs need not add up to that of their layer.
    """
    if part not in ("layer", "head"):
        raise ValueError(f'part must be "layer" or "head", got {part!r}')
    n_heads = model.config.n_heads
    groups = [list(range(n_heads))] if part == "layer" else [[head] for head in range(n_heads)]
    total = np.zeros((model.config.n_layers, len(groups)))
    count = 0
    for batch in _drawn(model, tokens, n_sequences, seed):
        total += _costs(model, batch, groups)
        count += batch[0][:, 1:].numel()
    costs = total / count
    return costs[:, 0] if part == "layer" else costs


def agreement(graphs: Sequence[ArrayLike], view: View = "true") -> float:
    """Correlate graphs with each other, such as one layer's from several models.

    Parameters
    ----------
    graphs : sequence of array_like, shape (n_neurons, n_neurons)
        At least two, ``[post, pre]``: from independently trained models, or from the parts of a
        recording.
    view : {"true", "co_input"}
        Compare the graphs themselves or their co-input graphs.

    Returns
    -------
    float
        Mean Spearman correlation over all pairs of graphs, off the diagonal; NaN if a graph is
        constant.

    Raises
    ------
    ValueError
        If there are fewer than two graphs, ``view`` is unknown, or the graphs are not square, of
        one shape and finite.

    Notes
    -----
    Models may agree on what is wrong: firing rates, say, leave their mark on each of them.
    """
    if len(graphs) < 2:
        raise ValueError(f"graphs must hold at least two, got {len(graphs)}")
    if view not in ("true", "co_input"):
        raise ValueError(f'view must be "true" or "co_input", got {view!r}')
    seen = [co_input(graph) for graph in graphs] if view == "co_input" else graphs
    return float(np.mean([spearman(one, other) for one, other in combinations(seen, 2)]))


def _drawn(
    model: Neuroformer, tokens: Tokens, n_sequences: int, seed: int
) -> Iterator[tuple[Tensor, ...]]:
    """Batches of random windows, of one token more than the model reads: the last is predicted."""
    if n_sequences < 1:
        raise ValueError(f"n_sequences must be at least 1, got {n_sequences}")
    check_finite(model)
    windows = Windows(tokens, model.config.context + 1)
    starts = windows.shuffled(n_sequences, model.config.context, [seed])[0]
    for first in range(0, len(starts), _SEQUENCES_AT_ONCE):
        yield windows[starts[first : first + _SEQUENCES_AT_ONCE]]


def _allowed(model: Neuroformer) -> Tensor:
    return allowed_positions(model.config.context, strict=model.config.mask == "strict")


def _even(allowed: Tensor) -> Tensor:
    """Attention that knows nothing: even over the allowed keys, zero if there are none."""
    return allowed / allowed.sum(-1, keepdim=True).clamp(min=1)


def _costs(
    model: Neuroformer, batch: tuple[Tensor, ...], groups: list[list[int]]
) -> NDArray[np.float64]:
    """Cost of each group of heads in each layer, summed over tokens, (n_layers, n_groups)."""
    neurons, intervals, times = batch[0][:, :-1], batch[1][:, :-1], batch[2][:, :-1]
    even, targets = _even(_allowed(model)), batch[0][:, 1:]
    losses = np.empty((model.config.n_layers, len(groups)))
    x = model.embed(neurons, intervals, times)
    for step in model.walk(x, times):
        parts = step.project()
        attended, value = step.attention.read(parts), parts[2]
        for column, heads in enumerate(groups):
            ablated = attended.clone()
            ablated[:, heads] = even @ value[:, heads]
            y = step.finish(ablated)
            for later in model.walk(y, times, first=step.number + 1):
                y = later.finish()
            losses[step.number, column] = _loss(model, y, targets)
        x = step.finish(attended)
    return losses - _loss(model, x, targets)


def _loss(model: Neuroformer, x: Tensor, targets: Tensor) -> float:
    """Cross-entropy of the next neuron in nats, summed over tokens, from the last block's state."""
    logits = model.neuron_head(model.norm(x))
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()


def _agreements(
    connectivity: AttentionConnectivity, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Agreement in co-input with the reference of each layer, and of each layer and head."""
    known = co_input(reference)
    n_layers, n_heads = connectivity.flow.shape[:2]

    def agrees(layer: int, head: int | None = None) -> float:
        return spearman(co_input(connectivity.connectivity(layer, head)), known)

    of_layers = [agrees(layer) for layer in range(n_layers)]
    of_heads = [[agrees(layer, head) for head in range(n_heads)] for layer in range(n_layers)]
    return np.array(of_layers), np.array(of_heads)


def _table(score: str, of_layers: NDArray, of_heads: NDArray) -> pd.DataFrame:
    n_layers, n_heads = of_heads.shape
    head = pd.array([pd.NA, *range(1, n_heads + 1)] * n_layers, dtype="Int64")
    return pd.DataFrame(
        {
            "layer": np.repeat(np.arange(1, n_layers + 1), n_heads + 1),
            "head": head,
            "score": score,
            "value": np.column_stack([of_layers, of_heads]).ravel(),
        }
    )
