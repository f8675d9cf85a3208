"""The read-out of the original hub study, each of its choices by itself.

Its attention is not quite that of Appendix B.4. It looks at the last row of each window, counts of
each neuron the latest token, names a row by the token that looks back, and reads each layer off the
raw embedding. Here each of the four is a switch, so that one can see which of them matters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from lgl_core.extraction._shared import _BATCHES_PER_TASK, _shared_config, _sum_up
from lgl_core.extraction.attention import AttentionConnectivity, Rows
from lgl_core.transformer.model import Neuroformer, Step
from lgl_core.transformer.plain import allowed_positions
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["selected_attention"]

Positions = Literal["all", "last"]
Occurrences = Literal["every", "latest"]


def selected_attention(
    models: Sequence[Neuroformer],
    tokens: Tokens,
    *,
    rows: Rows = "query",
    positions: Positions = "last",
    occurrences: Occurrences = "latest",
    chained: bool = False,
    stride: int | None = None,
    batch_size: int = 64,
    progress: bool = True,
) -> AttentionConnectivity:
    r"""Sum up a selection of the attention over the tokens of a recording.

    .. math::

        F = \sum_s S_{row}^\top (A \odot K)\, S, \quad P = \sum_s S_{row}^\top K\, S

    with the incidence :math:`S` of tokens and neurons and, for each window, the rows and keys
    :math:`K` that count.

    Parameters
    ----------
    models : sequence of Neuroformer
        Independently trained models of one architecture.
    tokens : Tokens
    rows : {"query", "predicted"}
        Which neuron receives: the one whose token looks back, or the one whose spike is being
        predicted at that position.
    positions : {"last", "all"}
        Rows of each window that count: the last one, which has the full context before it, or all.
    occurrences : {"latest", "every"}
        Tokens of a presynaptic neuron that count: the latest of those that the row may attend to,
        or every one. Attention to the others is left out, and nothing makes up for it.
    chained : bool
        Whether a layer reads what the layers below it made of the window, behind its layer norm,
        as the model computes. If not, each layer attends over the embedding of the tokens as it
        is, without layer norm.
    stride : int, optional
        Tokens between the starts of two windows. Default: 1 for the last position; for all of them
        the context, without overlap.
    batch_size : int
        Windows at once, in each thread.
    progress : bool
        Show a progress bar.

    Returns
    -------
    AttentionConnectivity
        Indexed ``[post, pre]``, layers and heads apart. The diagonal, a neuron's attention to its
        own tokens, is kept. Windows have one token more than the context whatever ``rows`` is, so
        that both see the same ones.

    Raises
    ------
    ValueError
        If there is no model, the models differ in shape or have weights that are not finite, an
        option is unknown, ``stride`` is below 1, or the recording is shorter than one window or
        has more neurons than the models.

    Notes
    -----
    The defaults are what the public code of the hub study does (repository
    ``a-antoniades/NeuroGPT``, commit 0067155); that code keeps one head of two, which is
    ``connectivity(head=1)``. The other side of each switch is Appendix B.4, and with all of them
    there this is :func:`lgl_core.extraction.attention.attention_connectivity` up to rounding.

    As many threads as PyTorch has work on windows of their own; the result does not depend on how
    many there are.
    """
    config = _shared_config(models, tokens, rows)
    _check_option("positions", positions, get_args(Positions))
    _check_option("occurrences", occurrences, get_args(Occurrences))
    if stride is None:
        stride = 1 if positions == "last" else config.context
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    n_rows = 1 if positions == "last" else config.context
    flow_shape = config.n_layers, config.n_heads, config.n_neurons, config.n_neurons
    windows = Windows(tokens, config.context + 1)
    tasks = list(windows.in_order(batch_size * _BATCHES_PER_TASK, stride))

    def add_up(starts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        part, part_pairs = np.zeros(flow_shape), np.zeros((1, *flow_shape[2:]))
        for i in range(0, len(starts), batch_size):
            batch = windows[starts[i : i + batch_size]]
            inputs = [column[:, :-1] for column in batch[:3]]
            keys, next_ids = inputs[0].numpy(), batch[0][:, 1:].numpy()
            receivers = (next_ids if rows == "predicted" else keys)[:, -n_rows:]
            counted = _counted(
                keys, n_rows, config.n_neurons, config.mask == "strict", occurrences == "latest"
            )
            arrays = counted, receivers, keys
            _add(part_pairs, counted[:, None], *arrays)
            for model in models:
                for layer, attention in enumerate(_attention(model, inputs, n_rows, chained)):
                    _add(part[layer], attention.numpy(), *arrays)
        return part, part_pairs[0]

    return AttentionConnectivity(*_sum_up(add_up, tasks, models, "window", progress))


def _check_option(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f'{name} must be "{allowed[0]}" or "{allowed[1]}", got {value!r}')


@torch.inference_mode()
def _attention(
    model: Neuroformer, inputs: Sequence[Tensor], n_rows: int, chained: bool
) -> Iterator[Tensor]:
    """Give the last rows of each layer's attention, (B, H, n_rows, T)."""
    neurons, intervals, times = inputs
    for step in model.walk(model.embed(neurons, intervals, times), times):
        if not chained or step.number == model.config.n_layers - 1:
            read = step.block.norm_attention(step.x) if chained else step.x
            yield _last_rows(step, read, n_rows)
        else:
            query, key, value = step.project()
            matrix = step.attention.matrix(query, key)
            yield matrix[:, :, -n_rows:]
            step.finish(matrix @ value)


def _last_rows(step: Step, x: Tensor, n_rows: int) -> Tensor:
    """Compute the last rows of the attention over ``x``, (B, T, W), alone: (B, H, n_rows, T)."""
    attention, times = step.attention, step.times
    (query,) = attention.project(x[:, -n_rows:], times[:, -n_rows:], 0, 1)
    if attention.rotary:
        (key,) = attention.project(x, times, 1, 2)
        scores = query @ key.mT
    else:
        # q (W x + b) = (q W) x + q b: no key has to be made, and q b is the same for all of them.
        weight = attention.query_key_value.weight.chunk(3)[1].unflatten(0, (attention.n_heads, -1))
        probes = query @ weight  # (B, H, n_rows, W)
        scores = (probes.flatten(1, 2) @ x.mT).unflatten(1, probes.shape[1:3])
    scores /= math.sqrt(query.shape[-1])
    allowed = allowed_positions(x.shape[1], strict=attention.strict)[-n_rows:]
    matrix = scores.masked_fill_(~allowed, -torch.inf).softmax(-1)
    return matrix.nan_to_num_(0.0) if attention.strict else matrix  # a first row has no key


@njit(cache=True, nogil=True)
def _counted(keys, n_rows, n_neurons, strict, latest):
    """Tell which keys count for each of the last rows, bool, (B, n_rows, T)."""
    n_windows, n_tokens = keys.shape
    counted = np.zeros((n_windows, n_rows, n_tokens), np.bool_)
    seen = np.full(n_neurons, -1)  # the last row that met a token of the neuron
    for window in range(n_windows):
        for row in range(n_rows):
            this = window * n_rows + row
            for key in range(n_tokens - n_rows + row - strict, -1, -1):  # the newest first
                neuron = keys[window, key]
                counted[window, row, key] = not latest or seen[neuron] != this
                seen[neuron] = this
    return counted


@njit(cache=True, nogil=True)
def _add(sums, values, counted, receivers, keys):
    """``sums[head] += S_row^T (values[head] * counted) S`` for each window.

    Shapes: sums (H, N, N), values (B, H, n_rows, T), counted (B, n_rows, T), receivers
    (B, n_rows), keys (B, T).
    """
    n_windows, n_rows, n_tokens = counted.shape
    for head in range(len(sums)):
        for window in range(n_windows):
            for row in range(n_rows):
                into = sums[head, receivers[window, row]]
                for key in range(n_tokens):
                    if counted[window, row, key]:
                        into[keys[window, key]] += values[window, head, row, key]
