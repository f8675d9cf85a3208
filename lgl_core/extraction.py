"""From attention between tokens to connectivity between neurons (Section 2.1.1, Appendix B.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.tokens import Tokens, Windows
from lgl_core.transformer import Neuroformer, allowed_positions

__all__ = ["AttentionConnectivity", "attention_connectivity"]

Rows = Literal["query", "predicted"]


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
    batch_size: int = 32,
    progress: bool = True,
) -> AttentionConnectivity:
    r"""Sum attention up over the tokens of a recording.

    .. math::

        F = \sum_s S_{row}^\top A\, S, \quad P = \sum_s S_{row}^\top L\, S, \quad C = F \oslash P

    with the incidence :math:`S` of tokens and neurons and the allowed positions :math:`L`.
    Sequences are read one batch at a time: memory does not grow with their number.

    Parameters
    ----------
    models : sequence of Neuroformer
        Independently trained models of one architecture.
    tokens : Tokens
    rows : {"query", "predicted"}
        Which neuron receives: the one whose token looks back, or the one whose spike is being
        predicted at that position (as in Neuroformer's own analysis).
    stride : int, optional
        Tokens between the starts of two sequences. Default: the context, without overlap.
    batch_size : int
        Sequences at once.
    progress : bool
        Show a progress bar.

    Returns
    -------
    AttentionConnectivity

    Raises
    ------
    ValueError
        If there is no model, the models differ in shape, ``rows`` is unknown, or the recording
        is shorter than one sequence.
    """
    if rows not in ("query", "predicted"):
        raise ValueError(f'rows must be "query" or "predicted", got {rows!r}')
    if not models:
        raise ValueError("models must hold at least one Neuroformer, got none")
    config = models[0].config
    if any(model.config != config for model in models):
        raise ValueError("models must share one configuration; extract them one by one")
    # One token more than the model reads: the last position predicts it.
    data = Windows(tokens, config.context + 1)
    flow = np.zeros((config.n_layers, config.n_heads, config.n_neurons, config.n_neurons))
    pairs = np.zeros((config.n_neurons, config.n_neurons))
    allowed = allowed_positions(config.context, strict=config.mask == "strict").numpy()
    batches = list(data.in_order(batch_size, stride or config.context))
    for model in models:
        model.eval()
    for starts in tqdm(batches, desc="attention", unit="batch", disable=not progress):
        neurons, intervals, times, _ = data[starts]
        keys = neurons[:, :-1].numpy()
        receivers = neurons[:, 1:].numpy() if rows == "predicted" else keys
        _add_pairs(pairs, allowed, receivers, keys)
        for model in models:
            layers = model.attention(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
            for layer, attention in enumerate(layers):
                _add_flow(flow[layer], attention.numpy(), receivers, keys)
    return AttentionConnectivity(flow / len(models), pairs)


@njit(cache=True, parallel=True)
def _add_flow(flow, attention, receivers, keys):
    """``flow[head] += S_row^T A S`` for each sequence; one thread per head, so sums keep order."""
    n_sequences, n_heads, n_tokens, _ = attention.shape
    for head in prange(n_heads):
        for sequence in range(n_sequences):
            for query in range(n_tokens):
                row = flow[head, receivers[sequence, query]]
                for key in range(query + 1):
                    row[keys[sequence, key]] += attention[sequence, head, query, key]


@njit(cache=True)
def _add_pairs(pairs, allowed, receivers, keys):
    """``pairs += S_row^T L S`` for each sequence."""
    n_sequences, n_tokens = keys.shape
    for sequence in range(n_sequences):
        for query in range(n_tokens):
            row = pairs[receivers[sequence, query]]
            for key in range(query + 1):
                if allowed[query, key]:
                    row[keys[sequence, key]] += 1
