"""From attention between tokens to connectivity between neurons (Section 2.1.1, Appendix B.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from lgl_core.extraction._shared import _BATCHES_PER_TASK, _shared_config, _sum_up
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["AttentionConnectivity", "attention_connectivity", "attention_of_weights"]

Rows = Literal["query", "predicted"]

# Queries side by side in the kernel, one per lane: two AVX-512 registers or four of AVX2.
_LANES = 32
# Infinities and NaN never occur. Sums may be reordered, by the compiler and hence always alike.
_FAST = {"contract", "nsz", "arcp", "nnan", "ninf", "reassoc"}
# Single precision throughout: a bare 1.0 would turn the arithmetic into double.
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_MASKED, _LOWEST = np.float32(-1e30), np.float32(-1e29)  # scores: hidden, and below any seen
_TINY = np.float32(-126)  # 2**-126 is the smallest normal number
# Taylor series of 2**x = exp(x log 2), 1e-7 relative from -1/2 to 1/2.
_SERIES = tuple(np.float32(math.log(2) ** k / math.factorial(k)) for k in range(1, 7))


@dataclass(frozen=True, eq=False)
class AttentionConnectivity:
    """Attention summed up per pair of neurons, for each layer and head.

    Parameters
    ----------
    flow : ndarray, shape (n_layers, n_heads, n_neurons, n_neurons)
        ``flow[layer, head, post, pre]``: attention that tokens of ``post`` paid to tokens of
        ``pre``, summed over sequences and averaged over models.
    pairs : ndarray, shape (n_neurons, n_neurons)
        ``pairs[post, pre]``: how often a token of ``post`` could have attended to one of ``pre``.
    """

    flow: NDArray[np.float64]
    pairs: NDArray[np.float64]

    @property
    def n_unseen(self) -> int:
        """Ordered pairs of different neurons for which no pair of tokens was seen."""
        unseen = self.pairs == 0
        return int(unseen.sum() - np.diagonal(unseen).sum())

    def connectivity(
        self, layer: int | None = None, head: int | None = None
    ) -> NDArray[np.float64]:
        """Mean attention per available pair of tokens, ``C = flow / pairs``.

        Parameters
        ----------
        layer, head : int, optional
            One of them only. Default: the mean over all.

        Returns
        -------
        ndarray, shape (n_neurons, n_neurons)
            ``C[post, pre]``; 0 where no pair was seen (:attr:`n_unseen` says how many).

        Raises
        ------
        IndexError
            If there is no such layer or head.
        """
        flow = self.flow if layer is None else self.flow[[layer]]
        flow = flow if head is None else flow[:, [head]]
        total = flow.mean(axis=(0, 1))
        return np.divide(total, self.pairs, out=np.zeros_like(total), where=self.pairs > 0)


def attention_connectivity(
    models: Sequence[Neuroformer],
    tokens: Tokens,
    *,
    rows: Rows = "predicted",
    stride: int | None = None,
    batch_size: int = 16,
    progress: bool = True,
) -> AttentionConnectivity:
    r"""Sum attention up over the tokens of a recording.

    .. math::

        F = \sum_s S_{row}^\top A\, S, \quad P = \sum_s S_{row}^\top L\, S, \quad C = F \oslash P

    with the incidence :math:`S` of tokens and neurons and the allowed positions :math:`L`.

    Parameters
    ----------
    models : sequence of Neuroformer
        Independently trained models of one architecture.
    tokens : Tokens
    rows : {"query", "predicted"}
        Which neuron receives: the one whose token looks back, or the one whose spike is being
        predicted at that position (the paper's text below its formula).
    stride : int, optional
        Tokens between the starts of two sequences. Default: the context, without overlap.
    batch_size : int
        Sequences at once, in each thread. A few are best: their activations stay in the cache.
    progress : bool
        Show a progress bar.

    Returns
    -------
    AttentionConnectivity

    Raises
    ------
    ValueError
        If there is no model, the models differ in shape, ``rows`` is unknown, or the recording
        is shorter than one sequence or has more neurons than the models.

    Notes
    -----
    Appendix B.4. Memory does not grow with the number of sequences: each attention matrix is made
    a few rows at a time and added up at once. As many threads as PyTorch has
    (``torch.get_num_threads()``) work on sequences of their own; the result does not depend on
    how many there are.
    """
    config = _shared_config(models, tokens, rows)
    stride = stride or config.context
    # One token more than the model reads: the last position predicts it.
    windows = Windows(tokens, config.context + 1)
    tasks = list(windows.in_order(batch_size * _BATCHES_PER_TASK, stride))

    def add_up(starts: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        batches = [starts[i : i + batch_size] for i in range(0, len(starts), batch_size)]
        return _add_up(models, tokens, batches, stride, rows)

    return AttentionConnectivity(*_sum_up(add_up, tasks, models, "sequence", progress))


def attention_of_weights(
    config: TransformerConfig,
    weights: Sequence[dict[str, NDArray[np.float32]]],
    tokens: Tokens,
    *,
    rows: Rows = "predicted",
    stride: int | None = None,
) -> AttentionConnectivity:
    """Do the same for models given by their arrays, which unlike modules can key a cached result.

    Parameters
    ----------
    config : TransformerConfig
    weights : sequence of dict
        One state per model, as arrays.
    tokens, rows, stride
        As for :func:`attention_connectivity`.

    Returns
    -------
    AttentionConnectivity
    """
    models = [Neuroformer(config) for _ in weights]
    for model, arrays in zip(models, weights, strict=True):
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return attention_connectivity(models, tokens, rows=rows, stride=stride)


@torch.inference_mode()
def _add_up(
    models: Sequence[Neuroformer],
    tokens: Tokens,
    batches: list[NDArray[np.int64]],
    stride: int,
    rows: Rows,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Flow, summed over models, and pairs of the sequences with these first tokens."""
    config = models[0].config
    n_neurons, strict = config.n_neurons, config.mask == "strict"
    flow = np.zeros((config.n_layers, config.n_heads, n_neurons, n_neurons), np.float32)
    pairs = np.zeros((n_neurons, n_neurons), np.int64)
    for starts in batches:
        span = slice(starts[0], starts[-1] + config.context + 1)
        ids = sliding_window_view(tokens.neurons[span].astype(np.uint32), config.context + 1)
        keys = ids[::stride, :-1]
        receivers = ids[::stride, 1:] if rows == "predicted" else keys
        _add_pairs(pairs, receivers, keys, strict)
        for model in models:
            _add_flow(flow, model, tokens, starts, stride, receivers, keys)
    return flow, pairs


def _add_flow(
    flow: NDArray[np.float32],
    model: Neuroformer,
    tokens: Tokens,
    starts: NDArray[np.int64],
    stride: int,
    receivers: NDArray[np.uint32],
    keys: NDArray[np.uint32],
) -> None:
    """Run a batch through the model as far as its last attention; add each layer's to ``flow``."""
    context, strict = model.config.context, model.config.mask == "strict"
    _, _, times = inputs = _inputs(model.config, tokens, starts)
    for step in model.walk(model.embed(*inputs), times):
        is_last = step.number == len(flow) - 1  # what it attends to goes nowhere: no values
        parts = step.project(2 if is_last else 3)
        if len(step.x) < len(starts):
            step.x, *parts = (_windows(y, context, stride) for y in (step.x, *parts))
        query, key, *value = (_padded(part) for part in parts)
        # 2**x instead of exp(x), hence the logarithm.
        scale = np.float32(1 / (math.log(2) * math.sqrt(parts[0].shape[-1])))
        arrays = query, key, receivers, keys, scale, strict
        if is_last:
            _attend(flow[step.number], *arrays, None, None)
            return
        attended = step.x.new_empty(*keys.shape, *parts[0].shape[1::2])  # (B, T, H, D)
        _attend(flow[step.number], *arrays, value[0], attended.numpy())
        step.finish(attended.transpose(1, 2))


def _inputs(
    config: TransformerConfig, tokens: Tokens, starts: NDArray[np.int64]
) -> tuple[Tensor, Tensor, Tensor]:
    """Read a batch of windows, (B, T) each; or the tokens that they share just once, (1, M).

    The first layer's queries, keys and values depend on the token alone if its time is that of its
    interval. From there on a token's state depends on what its window holds before it.
    """
    n_shared = int(starts[-1] - starts[0]) + config.context
    if config.time_embedding == "interval" and n_shared < len(starts) * config.context:
        return Windows(tokens, n_shared)[starts[:1]][:3]
    return Windows(tokens, config.context)[starts][:3]


def _windows(x: Tensor, length: int, stride: int) -> Tensor:
    """Cut the one sequence of ``x``, (1, ..., M, D), into windows (B, ..., T, D), not copied."""
    return x.unfold(-2, length, stride).mT.movedim(-3, 0).squeeze(1)


def _padded(x: Tensor) -> NDArray[np.float32]:
    """Fill up tokens and features of (B, H, T, D) with zeros to what the kernel takes at once."""
    n_tokens, depth = -x.shape[2] % _LANES, -x.shape[3] % 4
    return (F.pad(x, (0, depth, 0, n_tokens)) if n_tokens or depth else x).numpy()


@njit(cache=True, nogil=True)
def _add_pairs(pairs, receivers, keys, strict):
    """``pairs += S_row^T L S`` for each sequence."""
    n_sequences, n_tokens = keys.shape
    for sequence in range(n_sequences):
        for query in range(n_tokens):
            row = pairs[receivers[sequence, query]]
            for key in range(query + 1 - strict):
                row[keys[sequence, key]] += 1


@njit(cache=True, nogil=True, fastmath=_FAST)
def _attend(flow, query, key, receivers, keys, scale, strict, value, attended):
    """``flow[head] += S_row^T A S``, and ``attended = A V`` unless it is None, for each sequence.

    Shapes: flow (H, N, N); query, key, value (B, H, T, D), padded; receivers, keys (B, T);
    attended (B, T, H, D). Scores times ``scale`` are exponents of 2.

    Attention of ``_LANES`` queries at a time is kept as ``weights[key, lane]``: sums and maxima
    over keys are sums and maxima of whole rows.
    """
    n_sequences, n_tokens = keys.shape
    _, n_heads, size, depth = query.shape
    queries = np.empty(depth * _LANES, np.float32)
    weights = np.empty(size * _LANES, np.float32)
    outputs = np.empty(depth * _LANES, np.float32)
    share = np.empty(_LANES, np.float32)
    for head in range(n_heads):  # outside, so that its flow stays in the cache
        for sequence in range(n_sequences):
            for first in range(0, n_tokens, _LANES):
                n_lanes = min(_LANES, n_tokens - first)
                n_keys = first + _LANES
                for lane in range(_LANES):
                    for d in range(depth):
                        queries[d * _LANES + lane] = query[sequence, head, first + lane, d] * scale
                weights[: n_keys * _LANES] = _ZERO
                _add_product(weights, key[sequence, head], queries, n_keys, depth)
                _mask(weights, first, strict)
                _softmax(weights, n_keys, share)
                for lane in range(n_lanes):
                    row = flow[head, receivers[sequence, first + lane]]
                    for k in range(first + lane + 1 - strict):
                        row[keys[sequence, k]] += weights[k * _LANES + lane] * share[lane]
                if value is not None:
                    outputs[:] = _ZERO
                    _add_product(outputs, value[sequence, head].T, weights, depth, n_keys)
                    for lane in range(n_lanes):
                        for d in range(attended.shape[3]):
                            attended[sequence, first + lane, head, d] = (
                                outputs[d * _LANES + lane] * share[lane]
                            )


@njit(cache=True, nogil=True, fastmath=_FAST)
def _add_product(out, a, b, n_rows, n_inner):
    """``out[i, lane] += sum_j a[i, j] b[j, lane]``, four rows and four terms at a time."""
    for i in range(0, n_rows, 4):
        # Slices first: the compiler then knows that no index is negative, and vectorises.
        at = i * _LANES
        out0, out1 = out[at : at + _LANES], out[at + _LANES : at + 2 * _LANES]
        out2, out3 = out[at + 2 * _LANES : at + 3 * _LANES], out[at + 3 * _LANES : at + 4 * _LANES]
        for j in range(0, n_inner, 4):
            a00, a01, a02, a03 = a[i, j], a[i, j + 1], a[i, j + 2], a[i, j + 3]
            a10, a11, a12, a13 = a[i + 1, j], a[i + 1, j + 1], a[i + 1, j + 2], a[i + 1, j + 3]
            a20, a21, a22, a23 = a[i + 2, j], a[i + 2, j + 1], a[i + 2, j + 2], a[i + 2, j + 3]
            a30, a31, a32, a33 = a[i + 3, j], a[i + 3, j + 1], a[i + 3, j + 2], a[i + 3, j + 3]
            four = b[j * _LANES : (j + 4) * _LANES]
            for c in range(_LANES):
                b0, b1 = four[c], four[_LANES + c]
                b2, b3 = four[2 * _LANES + c], four[3 * _LANES + c]
                out0[c] += a00 * b0 + a01 * b1 + a02 * b2 + a03 * b3
                out1[c] += a10 * b0 + a11 * b1 + a12 * b2 + a13 * b3
                out2[c] += a20 * b0 + a21 * b1 + a22 * b2 + a23 * b3
                out3[c] += a30 * b0 + a31 * b1 + a32 * b2 + a33 * b3


@njit(cache=True, nogil=True, fastmath=_FAST)
def _mask(weights, first, strict):
    """Hide from the queries ``first, first + 1, ...`` the keys that come after them."""
    for lane in range(_LANES):
        for k in range(first + lane + 1 - strict, first + _LANES):
            weights[k * _LANES + lane] = _MASKED


@njit(cache=True, nogil=True, fastmath=_FAST)
def _softmax(weights, n_keys, share):
    """Turn scores, in units of log 2, into weights; one over their sum goes to ``share``.

    A query without any key gets a share of zero.
    """
    c1, c2, c3, c4, c5, c6 = _SERIES
    top = np.full(_LANES, _LOWEST)
    for k in range(n_keys):
        row = weights[k * _LANES : (k + 1) * _LANES]
        for c in range(_LANES):
            top[c] = max(top[c], row[c])
    total = np.zeros(_LANES, np.float32)
    exponents = np.empty(_LANES, np.int32)
    powers = exponents.view(np.float32)
    for k in range(n_keys):
        row = weights[k * _LANES : (k + 1) * _LANES]
        for c in range(_LANES):
            # 2**x = 2**whole * 2**rest: a short series for the second, since a call to exp would
            # keep the compiler from vectorising; the first is the exponent of a float.
            x = max(row[c] - top[c], _TINY)
            whole = np.rint(x)
            y = x - whole
            row[c] = _ONE + y * (c1 + y * (c2 + y * (c3 + y * (c4 + y * (c5 + y * c6)))))
            exponents[c] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        for c in range(_LANES):
            row[c] *= powers[c]
            total[c] += row[c]
    for c in range(_LANES):
        # The largest score alone gives a weight of one. Without it no key was allowed.
        share[c] = _ONE / total[c] if total[c] > _HALF else _ZERO
