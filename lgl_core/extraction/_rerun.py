"""Running a model again with one spike changed: only what may differ is computed anew.

What comes before the changed spike is the same in both runs. Its keys and values are computed once
per window, for all spikes that are changed in it, and what comes after attends to them. The result
is that of running the whole window again.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.plain import allowed_positions

__all__ = [
    "Altered",
    "Spikes",
    "moved",
    "predicted",
    "removed",
    "replaced",
    "with_and_without",
]


class Spikes(NamedTuple):
    """Tokens of a window, or of a stretch of it per changed spike."""

    neurons: Tensor
    intervals: Tensor  # s, since the spike before
    times: Tensor  # s

    def at(self, places: Tensor) -> Spikes:
        """Copy those at some places of the window."""
        return Spikes(*(column[places] for column in self))


class Altered(NamedTuple):
    """What is run again for each of R changed spikes."""

    begin: Tensor  # (R,): before this place nothing differs
    tokens: Spikes  # (R, L): from there on
    instead: tuple[Tensor, Tensor] | None  # of the changed spike: neurons (R,) and times (R,)


def removed(window: Spikes, positions: Tensor, n_after: int) -> Altered:
    """Take spikes away, one at a time.

    Parameters
    ----------
    window : Spikes
        Of shape (T + 1,).
    positions : Tensor of int, shape (R,)
        Places of the spikes, in ascending order.
    n_after : int
        Tokens after each that are run again.

    Returns
    -------
    Altered
    """
    rerun = window.at(positions[:, None] + 1 + torch.arange(n_after))
    # The next interval counts from the spike before the one removed.
    rerun.intervals[:, 0] += window.intervals[positions]
    return Altered(positions, rerun, None)


def replaced(window: Spikes, positions: Tensor, n_after: int, strangers: Tensor) -> Altered:
    """Give spikes to other neurons, ``strangers`` (R,); the rest as for :func:`removed`."""
    rerun = window.at(positions[:, None] + torch.arange(1 + n_after))
    rerun.neurons[:, 0] = strangers
    return Altered(positions, rerun, (strangers, window.times[positions]))


def moved(window: Spikes, positions: Tensor, n_after: int, by: float) -> Altered:
    """Let spikes come earlier by ``by`` s; those that they pass keep their times.

    At most as many are passed as the first of ``positions`` has before it, less one; the rest as
    for :func:`removed`.
    """
    reach = int(positions[0]) - 1
    wanted = window.times[positions] - by
    to = torch.searchsorted(window.times, wanted, right=True)
    to = to.clamp(positions - reach, positions)
    times = torch.maximum(wanted, window.times[to - 1])
    begin = positions - (positions - to).max()  # all rows are run again from as far back
    places = begin[:, None] + torch.arange(int((positions - begin)[0]) + 1 + n_after)
    to, old = to[:, None], positions[:, None]
    came_from = places - ((places > to) & (places <= old)).long()
    rerun = window.at(torch.where(places == to, old, came_from))
    rerun = rerun._replace(times=torch.where(places == to, times[:, None], rerun.times))
    since = rerun.times.diff(dim=1, prepend=window.times[begin - 1, None])
    touched = (places == to) | (places == to + 1) | (places == old + 1)
    rerun = rerun._replace(intervals=torch.where(touched, since, rerun.intervals))
    return Altered(begin, rerun, (window.neurons[positions], times))


def predicted(
    model: Neuroformer, x: Tensor, centres: Tensor, coupled: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """Read both heads: logarithms of each neuron's share and of the expected interval in s.

    Parameters
    ----------
    model : Neuroformer
    x : Tensor, shape (..., W)
        State after the last block.
    centres : Tensor, shape (C,)
        A typical interval of each class in s.
    coupled : Tensor, shape (..., N)
        Logits that a graph inside the model adds for the next neuron.

    Returns
    -------
    log_probability : Tensor, shape (..., N)
    log_interval : Tensor, shape (...)
    """
    x = model.norm(x)
    expected = model.interval_head(x).softmax(-1) @ centres
    return (model.neuron_head(x) + coupled).log_softmax(-1), expected.log()


def with_and_without(
    model: Neuroformer,
    window: Spikes,
    positions: Tensor,
    n_after: int,
    altered: Altered,
    centres: Tensor,
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Predict from the tokens that follow each changed spike, with it and without.

    Parameters
    ----------
    model : Neuroformer
    window : Spikes
        Of shape (T + 1,).
    positions : Tensor of int, shape (R,)
        Places of the changed spikes.
    n_after : int
        Tokens after each to predict from.
    altered : Altered
    centres : Tensor, shape (C,)
        A typical interval of each class in s.

    Returns
    -------
    kept, changed : tuple of Tensor
        As from :func:`predicted`, of shapes (R, n_after, N) and (R, n_after).
    """
    read = Spikes(*(column[None, :-1] for column in window))
    past, x = _past(model, read)
    after = positions[:, None] + 1 + torch.arange(n_after)  # (R, L)
    coupled = torch.zeros(1)
    if model.config.coupling:
        coupled = model.coupling(read.neurons, read.times, window.times[None, 1:])[0]
    log_probability, log_interval = predicted(model, x[0], centres, coupled)
    kept = log_probability[after], log_interval[after]

    x = _rerun(model, past, altered.begin, altered.tokens)[:, -n_after:]
    if model.config.coupling:
        ends = window.times[after + 1]
        lags = ends - window.times[positions, None]
        coupled = coupled[after] - model.coupling.of_spikes(window.neurons[positions], lags)
        if altered.instead:
            neurons, times = altered.instead
            coupled = coupled + model.coupling.of_spikes(neurons, ends - times[:, None])
    return kept, predicted(model, x, centres, coupled)


def _past(model: Neuroformer, tokens: Spikes) -> tuple[list[list[Tensor]], Tensor]:
    """Keys and values of each layer, (1, H, T, D), and the state after the last, (1, T, W)."""
    x, past = model.embed(*tokens), []
    for step in model.walk(x, tokens.times):
        _, *key_value = parts = step.project()
        past.append(key_value)
        x = step.finish(step.attention.read(parts))
    return past, x


def _rerun(
    model: Neuroformer,
    past: list[list[Tensor]],
    begin: Tensor,
    tokens: Spikes,
) -> Tensor:
    """Run tokens (R, L) that follow what came before each of ``begin`` (R,); (R, L, W)."""
    n_run, n_before = tokens.times.shape[1], past[0][0].shape[2]
    before = torch.arange(n_before) < begin[:, None, None]  # (R, 1, T)
    among = allowed_positions(n_run, strict=model.config.mask == "strict")
    allowed = torch.cat([before.expand(-1, n_run, -1), among.expand(len(begin), -1, -1)], -1)[
        :, None
    ]  # (R, 1, L, T + L)
    x = model.embed(*tokens)
    for step, (key_before, value_before) in zip(model.walk(x, tokens.times), past, strict=True):
        query, key, value = step.project()
        keys = torch.cat([key_before.expand(len(x), -1, -1, -1), key], 2)
        values = torch.cat([value_before.expand(len(x), -1, -1, -1), value], 2)
        x = step.finish(step.attention.matrix(query, keys, allowed) @ values)
    return x
