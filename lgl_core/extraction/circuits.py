r"""Circuits: what a head would write into the prediction if it attended to a neuron's token.

A head reads values off the tokens that it attends to and writes them into the residual stream, from
which the output head reads who fires next. The weights alone say what comes of it (Elhage et al.,
2021): with the embedding :math:`e`, the pre-norm of the layer and the final norm :math:`\nu`,

.. math:: C_{h}[post, pre] = \left(W_\mathrm{neuron}\, \nu_\gamma\, W_O^h W_V^h\,
    \mathrm{LN}(e[pre] + \bar u)\right)_{post}

where :math:`\bar u` is the mean time embedding and :math:`\nu_\gamma` the linear part of the final
norm. No spike is needed. Whether the head ever attends there, attention has to say, and what later
layers make of it is left out.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["circuits"]

# Tokens over which the time embedding is averaged.
_N_TOKENS = 10_000


@torch.inference_mode()
def circuits(model: Neuroformer, tokens: Tokens) -> NDArray[np.float32]:
    """Read what each head's values do to the logits of the next neuron.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
        Give the typical time embedding; nothing else is taken from them.

    Returns
    -------
    ndarray, shape (n_layers, n_heads, n_neurons, n_neurons)
        ``[layer, head, post, pre]``, signed. The logits have no zero: what is common to a column
        says nothing, and
        :func:`lgl_core.extraction.readings.without_column_median` takes it off.

    Raises
    ------
    ValueError
        If the model has no layers, or the recording is shorter than one window.
    """
    if not isinstance(model.neuron_head, nn.Linear):
        raise ValueError("n_layers must be at least 1 for a model to have circuits, got 0")
    who = torch.arange(model.config.n_neurons)
    x = model.neuron_embedding(who) + _mean_time_embedding(model, tokens)
    read = model.neuron_head.weight * model.norm.weight
    read = read - read.mean(1, keepdim=True)  # the norm takes off the mean of a state, (N, W)
    found = []
    for step in model.walk(x[None], torch.zeros(1, len(x))):  # each reads x: none is finished
        value = step.attention.project(step.block.norm_attention(step.x), step.times, 2)[0][0]
        write = step.attention.output.weight.unflatten(-1, (len(value), -1))  # (W, H, D)
        found.append(torch.einsum("iw,whd,hjd->hij", read, write, value))
    return torch.stack(found).numpy()


def _mean_time_embedding(model: Neuroformer, tokens: Tokens) -> Tensor:
    """Mean, over windows, of what is added to the neuron's embedding, (W,) or 0."""
    windows = Windows(tokens, model.config.context)
    starts = next(windows.in_order(max(_N_TOKENS // model.config.context, 1), model.config.context))
    neurons, intervals, times, _ = windows[starts]
    added = model.embed(neurons, intervals, times) - model.neuron_embedding(neurons)
    return added.flatten(0, 1).mean(0)
