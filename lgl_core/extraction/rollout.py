r"""Attention rollout: attention followed through all layers (Abnar and Zuidema, 2020).

A layer's attention is over states that have already mixed what came before them. Rollout multiplies
the layers' matrices up, each averaged over heads and with the residual stream beside it,

.. math:: R = \prod_l \tfrac12 (A_l + I),

so that :math:`R` says from which tokens a prediction draws, through whatever tokens between.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lgl_core.extraction._shared import _shared_config
from lgl_core.extraction.attention import Rows
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.plain import allowed_positions
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["rollout", "rollout_connectivity"]


def rollout(matrices: Sequence[Tensor]) -> Tensor:
    """Multiply attention up, from the first layer to the last.

    Parameters
    ----------
    matrices : sequence of Tensor, shape (B, H, T, T)
        ``A[query, key]`` of each layer, as from
        :meth:`lgl_core.transformer.model.Neuroformer.attention`.

    Returns
    -------
    Tensor, shape (B, T, T)
        ``[query, key]``. Rows sum to 1 if those of the attention do.
    """
    n_tokens = matrices[0].shape[-1]
    total = torch.eye(n_tokens).expand(len(matrices[0]), -1, -1)
    for matrix in matrices:
        total = (matrix.mean(1) + torch.eye(n_tokens)) / 2 @ total
    return total


def rollout_connectivity(
    models: Sequence[Neuroformer],
    tokens: Tokens,
    *,
    rows: Rows = "predicted",
    stride: int | None = None,
    batch_size: int = 16,
    progress: bool = True,
) -> NDArray[np.float64]:
    """Sum rollout up over the tokens of a recording, as attention is.

    Parameters
    ----------
    models, tokens, rows, stride, batch_size, progress
        As for :func:`lgl_core.extraction.attention.attention_connectivity`.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        Mean rollout per available pair of tokens, ``[post, pre]``; 0 where no pair was seen.

    Raises
    ------
    ValueError
        If there is no model, the models differ in shape, ``rows`` is unknown, or the recording is
        shorter than one sequence or has more neurons than the models.
    """
    config = _shared_config(models, tokens, rows)
    flow, pairs = torch.zeros(2, tokens.n_neurons, tokens.n_neurons, dtype=torch.float64)
    windows = Windows(tokens, config.context + 1)
    batches = list(windows.in_order(batch_size, stride or config.context))
    allowed = allowed_positions(config.context, strict=config.mask == "strict").float()
    for starts in tqdm(batches, desc="rollout", unit="batch", disable=not progress):
        neurons, intervals, times, _ = windows[starts]
        keys = neurons[:, :-1]
        receivers = neurons[:, 1:] if rows == "predicted" else keys
        # (B, T, N): which token is one of which neuron.
        key, row = (_incidence(ids, tokens.n_neurons) for ids in (keys, receivers))
        for model in models:
            inputs = keys, intervals[:, :-1], times[:, :-1]
            matrix = rollout(model.attention(*inputs)) * allowed
            flow += (row.mT @ matrix @ key).sum(0)
        pairs += (row.mT @ (allowed @ key)).sum(0)
    graph = torch.where(pairs > 0, flow / len(models) / pairs.clamp(min=1), 0.0)
    return graph.numpy()


def _incidence(ids: Tensor, n_neurons: int) -> Tensor:
    return torch.nn.functional.one_hot(ids, n_neurons).float()
