r"""Influence to first order: one forward-mode pass tells what a little less of each spike changes.

A spike is present to the degree :math:`\alpha`: others attend to it that much less, and the next
interval lies that far between the one from it and the one from the spike before. At
:math:`\alpha = 0` it is removed, exactly as in :mod:`lgl_core.extraction.influence`. The derivative
at :math:`\alpha = 1` needs no second run: forward-mode differentiation carries it along.

It is linear in the degrees. So all spikes of a window are dimmed at once, each with a sign drawn
at random; times its own sign, the response holds the effect of a spike in full, and those of all
others with a random sign, which averages out. Of squares it does not: where these are asked for,
a window has one spike that is dimmed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.autograd.forward_ad as fwAD
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lgl_core.extraction._rerun import predicted
from lgl_core.extraction._shared import _drawn_starts
from lgl_core.extraction.influence import (
    LAGS,
    Changes,
    Influence,
    Sums,
    drawn_windows,
    overlaps,
)
from lgl_core.transformer.kernels import evaluating
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = ["gradient_energy", "linear_influence", "state"]


def linear_influence(
    model: Neuroformer,
    tokens: Tokens,
    *,
    n_spikes: int | None = None,
    lags: Sequence[float] = LAGS,
    n_after: int = 24,
    every: int = 1,
    batch_size: int = 8,
    seed: int = 0,
    progress: bool = True,
) -> Influence:
    """Estimate influence from derivatives, of all spikes of a window at once.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
    n_spikes : int, optional
        How many spikes to follow, in windows drawn at random. Default: all.
    lags, n_after
        As for :func:`lgl_core.extraction.influence.influence`.
    every : int
        Dim one in so many spikes of a window: more of them get in each other's way, fewer take
        more passes. Above ``n_after`` each is alone, but for what came long before it.
    batch_size : int
        Windows at once.
    seed : int
        Seed of windows and signs.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        If ``n_spikes`` or ``every`` is not positive, ``lags`` do not ascend, ``n_after`` leaves no
        token of a window before it, the recording is shorter than one window, or the model has a
        coupling or no layers.
    """
    _check_plain(model)
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    rng = np.random.default_rng(seed)
    # Of the spikes of a window one in so many is followed.
    n_spikes = None if n_spikes is None else n_spikes * every
    windows, drawn, followed = drawn_windows(model, tokens, n_spikes, lags, n_after, rng)
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    sums = Sums(tokens.n_neurons, lags)
    bar = tqdm(total=len(drawn), desc="gradient", unit="window", disable=not progress)
    with bar, evaluating(model):
        for first in range(0, len(drawn), batch_size):
            window = windows[drawn[first : first + batch_size]]
            signs = _signs(rng, len(window[0]), model.config.context, every)
            _add(sums, model, window, signs, followed, n_after, centres)
            bar.update(len(signs))
    return sums.means()


def gradient_energy(
    model: Neuroformer,
    tokens: Tokens,
    *,
    n_spikes: int = 20_000,
    lags: Sequence[float] = LAGS,
    n_before: int = 32,
    n_after: int = 24,
    batch_size: int = 32,
    seed: int = 0,
    progress: bool = True,
) -> NDArray[np.float64]:
    r"""Estimate the energy of the score's gradient: mean squares where influence has means.

    .. math:: E\left[\left(\partial_{\alpha_j} \log p(\text{next neuron} = i)\right)^2\right]

    with the presence :math:`\alpha_j` of a spike of j. It is above zero wherever the model uses the
    spike at all, in one direction or the other, and has no sign.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
    n_spikes : int
        How many spikes to dim, drawn at random. If the recording has fewer, all of them.
    lags, n_after
        As for :func:`lgl_core.extraction.influence.influence`.
    n_before : int
        Tokens before each spike that the model is given.
    batch_size : int
        Spikes at once, each in a window of its own.
    seed : int
        Of the draw.
    progress : bool
        Show a progress bar.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, summed over lags, times ms; no entry below 0.

    Raises
    ------
    ValueError
        If the model has a coupling, a number is not positive, tokens before and after are more than
        its context, or the recording is shorter than one window.

    Notes
    -----
    Of arXiv 2601.05647, which asks for an edge whether it is above zero.
    """
    _check_plain(model)
    length, context = n_before + 1 + n_after, model.config.context
    if min(n_spikes, n_before, n_after, batch_size) < 1 or length > context:
        raise ValueError(
            "n_spikes, n_before, n_after and batch_size must be at least 1, and a window hold at "
            f"most {context} tokens, got {n_spikes}, {n_before}, {n_after} and {batch_size}"
        )
    windows = Windows(tokens, length + 1)
    drawn = _drawn_starts(windows, 1, n_spikes, np.random.default_rng(seed))
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    sums, followed = Sums(tokens.n_neurons, lags), torch.tensor([n_before])
    bar = tqdm(total=len(drawn), desc="energy", unit="spike", disable=not progress)
    with bar, evaluating(model):
        for first in range(0, len(drawn), batch_size):
            window = windows[drawn[first : first + batch_size]]
            alone = torch.zeros(len(window[0]), length)
            alone[:, n_before] = 1
            _add(sums, model, window, alone, followed, n_after, centres, power=2)
            bar.update(len(alone))
    return sums.means().connectivity("log_probability")


def _check_plain(model: Neuroformer) -> None:
    if model.config.coupling:
        raise ValueError(
            "model must be a Neuroformer without a coupling; for one with a coupling there is "
            "lgl_core.extraction.influence"
        )


def _signs(rng: np.random.Generator, n_windows: int, n_tokens: int, every: int) -> Tensor:
    """Random signs of one in ``every`` tokens, from a random one on; the others get 0."""
    signs = rng.choice(np.array([-1.0, 1.0], np.float32), (n_windows, n_tokens))
    offset = rng.integers(every, size=(n_windows, 1))
    return torch.from_numpy(np.where((np.arange(n_tokens) - offset) % every == 0, signs, 0))


@torch.no_grad()
def _add(
    sums: Sums,
    model: Neuroformer,
    window: tuple[Tensor, ...],
    signs: Tensor,
    followed: Tensor,
    n_after: int,
    centres: Tensor,
    power: int = 1,
) -> None:
    """Add the responses of a batch of windows (B, T + 1) to dimming by these signs (B, T)."""
    neurons, _, times, _ = window
    slopes = _slopes(model, tuple(column[:, :-1] for column in window[:3]), signs, centres)
    which, token = (signs[:, followed] != 0).nonzero(as_tuple=True)
    spike = followed[token]  # (R,)
    after = spike[:, None] + 1 + torch.arange(n_after)  # (R, L)
    own, rows = signs[which, spike], which[:, None]
    weights = overlaps(
        times[which, spike][:, None], times[rows, after], times[rows, after + 1], sums.lags
    )
    log_probability, log_interval, rate = (slope[rows, after] for slope in slopes)
    changes = Changes(
        own[:, None, None] * log_probability, own[:, None] * log_interval,
        own[:, None, None] * rate,
    )  # fmt: skip
    changes = Changes(*(change**power for change in changes))
    sums.add(neurons[which, spike], weights, changes)


def _slopes(
    model: Neuroformer, tokens: tuple[Tensor, ...], direction: Tensor, centres: Tensor
) -> Changes:
    """Differentiate what is predicted at each token, along a change of presence."""
    with fwAD.dual_level():
        presence = fwAD.make_dual(torch.ones_like(direction), direction)
        dual = predicted(model, state(model, tokens, presence), centres)
        (log_probability, d_probability), (log_interval, d_interval) = map(fwAD.unpack_dual, dual)
    rate = (log_probability - log_interval[..., None]).exp()
    return Changes(d_probability, d_interval, rate * (d_probability - d_interval[..., None]))


def state(model: Neuroformer, tokens: tuple[Tensor, ...], presence: Tensor) -> Tensor:
    """Run a model on tokens that are there to some degree only.

    Parameters
    ----------
    model : Neuroformer
    tokens : tuple of Tensor, each of shape (B, T)
        Neurons, intervals and times.
    presence : Tensor, shape (B, T)
        From 0, as if the token were not there, to 1, in full.

    Returns
    -------
    Tensor, shape (B, T, W)
        State after the last block. That of a token itself does not depend on its own presence.
    """
    neurons, intervals, times = tokens
    before = F.pad(intervals[:, :-1], (1, 0))
    there = F.pad(presence[:, :-1], (1, 0), value=1.0)[..., None]
    x = there * model.embed(neurons, intervals, times) + (1 - there) * model.embed(
        neurons, intervals + before, times
    )
    itself = torch.eye(x.shape[1], dtype=torch.bool)
    dimmed = presence.log()[:, None, None, :].masked_fill(itself, 0.0)  # (B, 1, T, T)
    for step in model.walk(x, times):
        query, key, value = step.project()
        x = step.finish(step.attention.matrix(query, key, added=dimmed) @ value)
    return x
