r"""Relevance: how the score of a spike that came is shared out among the spikes before it.

Layer-wise relevance propagation hands the score of the next neuron back through the model, from
each result to what it was made of. With the rules of AttnLRP (Achtibat et al., 2024) that is input
times gradient, where some factors count as constants: the spread that a norm divides by, and what a
nonlinearity multiplies its input with; the two factors of a product get half each. (The authors'
library, lxt, knows these rules for language models that it patches, and not for this one.)
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.special import ndtr
from tqdm import tqdm

from lgl_core.extraction._shared import _drawn_starts
from lgl_core.transformer.kernels import check_finite, evaluating
from lgl_core.transformer.model import AnyModel, Neuroformer
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["relevance"]

Rule = Literal["relevance", "gradient"]


def relevance(
    model: AnyModel,
    tokens: Tokens,
    *,
    rule: Rule = "relevance",
    n_spikes: int = 20_000,
    longest: float = 8e-3,
    n_before: int = 48,
    batch_size: int = 64,
    seed: int = 0,
    progress: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share the scores of spikes out among those before them, and average over pairs of neurons.

    Parameters
    ----------
    model : Neuroformer
        Without a coupling.
    tokens : Tokens
    rule : {"relevance", "gradient"}
        ``"gradient"`` is input times gradient, with nothing held constant.
    n_spikes : int
        How many spikes to explain, drawn at random. If the recording has fewer, all of them.
    longest : float
        Longest lag in s at which a spike counts as one before.
    n_before : int
        Tokens that the model is given before each, at most its context.
    batch_size : int
        Spikes at once.
    seed : int
        Of the draw.
    progress : bool
        Show a progress bar.

    Returns
    -------
    mean, square : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: what a spike of ``pre`` within ``longest`` before a spike of ``post``
        contributes to the logarithm of that one's probability, in nats, on average, and its mean
        square. 0 where there was none.

    Raises
    ------
    ValueError
        If the model has a coupling or no layers, ``rule`` is unknown, a number is not positive,
        ``n_before`` is beyond the context, or the recording is shorter than one window.
    """
    if not isinstance(model, Neuroformer) or model.config.coupling:
        raise ValueError("model must be a Neuroformer without a coupling")
    if rule not in ("relevance", "gradient"):
        raise ValueError(f'rule must be "relevance" or "gradient", got {rule!r}')
    if n_spikes < 1 or longest <= 0 or batch_size < 1:
        raise ValueError(
            f"n_spikes, longest and batch_size must be above 0, got {n_spikes}, {longest} s and "
            f"{batch_size}"
        )
    if not 1 <= n_before <= model.config.context:
        raise ValueError(
            f"n_before must lie between 1 and the context of {model.config.context}, got {n_before}"
        )
    check_finite(model)
    windows = Windows(tokens, n_before + 1)
    drawn = _drawn_starts(windows, 1, n_spikes, np.random.default_rng(seed))
    n = tokens.n_neurons
    sums, squares, counts = (np.zeros((n, n)) for _ in range(3))
    bar = tqdm(total=len(drawn), desc=rule, unit="spike", disable=not progress)
    with bar, evaluating(model):
        for first in range(0, len(drawn), batch_size):
            neurons, intervals, times, _ = windows[drawn[first : first + batch_size]]
            shares = _shares(model, neurons, intervals, times, rule).numpy()
            near = (times[:, -1:] - times[:, :-1] <= longest).numpy()
            which, token = np.nonzero(near)
            pairs = neurons[which, -1].numpy(), neurons[which, token].numpy()
            for total, values in ((sums, shares), (squares, shares**2), (counts, near)):
                np.add.at(total, pairs, values[which, token])
            bar.update(len(neurons))
    seen = np.maximum(counts, 1)
    return sums / seen, squares / seen


def _shares(
    model: Neuroformer, neurons: Tensor, intervals: Tensor, times: Tensor, rule: Rule
) -> Tensor:
    """Share out the log-probability of the last token of each window among those before, (B, T)."""
    with torch.enable_grad():
        x = model.embed(neurons[:, :-1], intervals[:, :-1], times[:, :-1]).detach()
        x.requires_grad_()
        state = _walked(model, x, times[:, :-1], constant=rule == "relevance")
        scores = model.neuron_head(state[:, -1]).log_softmax(-1)
        score = scores.gather(1, neurons[:, -1:]).sum()
        (gradient,) = torch.autograd.grad(score, x)
    return (x * gradient).sum(-1).detach()


def _walked(model: Neuroformer, x: Tensor, times: Tensor, constant: bool) -> Tensor:
    """Go through a model, to the state that its heads read; with some factors held constant."""
    for step in model.walk(x, times):
        block = step.block
        before = _normed(block.norm_attention, x, constant)
        query, key, value = block.attention.project(before, times)
        matrix = block.attention.matrix(_half(query, constant), _half(key, constant))
        x = x + block.attention.write(_half(matrix @ value, constant))
        widen, _, narrow = block.perceptron  # between them GELU: x times the normal ogive of x
        wide = widen(_normed(block.norm_perceptron, x, constant))
        x = x + narrow(wide * ndtr(wide).detach() if constant else wide * ndtr(wide))
    return _normed(model.norm, x, constant)


def _normed(norm: torch.nn.Module, x: Tensor, constant: bool) -> Tensor:
    """Apply a layer's norm; what it divides by may count as constant."""
    if not constant:
        return norm(x)
    assert isinstance(norm, torch.nn.LayerNorm)
    spread = (x.var(-1, keepdim=True, unbiased=False) + norm.eps).sqrt().detach()
    return (x - x.mean(-1, keepdim=True)) / spread * norm.weight + norm.bias


def _half(x: Tensor, constant: bool) -> Tensor:
    """Give the same value, of which half may count as constant."""
    return 0.5 * x + 0.5 * x.detach() if constant else x
