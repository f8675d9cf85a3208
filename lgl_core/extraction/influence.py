r"""Influence: what a spike changes in the rates that a model predicts next.

Attention says where a model looks, influence what it concludes. A spike is taken out of the
model's past (or given to another neuron, or moved back in time), the model is run again, and what
it then predicts is compared with what it had predicted, for every neuron and over the milliseconds
that follow. All other spikes stay where they are, so that the change is the direct one.

The head for the next neuron knows shares only: a hub that makes everybody fire changes none of
them. Both heads together give rates, the conditional intensity of each neuron,

.. math:: \lambda_i = \frac{p(\text{next neuron} = i)}{E[\text{next interval}]}
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from tqdm import tqdm

from lgl_core.extraction._rerun import Spikes, moved, removed, replaced, with_and_without
from lgl_core.extraction._shared import _drawn_starts
from lgl_core.transformer.kernels import check_finite, evaluating
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = [
    "LAGS",
    "Change",
    "Changes",
    "Influence",
    "Sums",
    "drawn_windows",
    "influence",
    "overlaps",
]

Change = Literal["removed", "replaced", "moved"]
Reading = Literal["log_rate", "rate", "log_probability"]

# Edges in s of the lags that are told apart: a synapse's delay, and the time it takes the membrane
# to reach threshold and to forget.
LAGS = tuple(np.arange(9) * 1e-3)
# By how much a moved spike comes earlier, in s: past all of these lags.
_DISPLACEMENT = 8e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Influence:
    """What a spike of ``pre`` changes in the predictions for ``post``, by the time since.

    Parameters
    ----------
    lags : ndarray, shape (n_lags + 1,)
        Edges of the lags in s.
    log_probability : ndarray, shape (n_lags, n_neurons, n_neurons)
        ``[lag, post, pre]``: mean change of the logarithm of the probability that the next spike
        is one of ``post``, present minus absent.
    log_interval : ndarray, shape (n_lags, n_neurons)
        ``[lag, pre]``: the same of the expected time to the next spike.
    rate : ndarray, shape (n_lags, n_neurons, n_neurons)
        ``[lag, post, pre]``: mean change of the rate of ``post`` in Hz.
    seconds : ndarray, shape (n_lags, n_neurons)
        ``[lag, pre]``: how much time after spikes of ``pre`` the means are over.
    """

    lags: NDArray[np.float64]
    log_probability: NDArray[np.float64]
    log_interval: NDArray[np.float64]
    rate: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @property
    def log_rate(self) -> NDArray[np.float64]:
        """Mean change of the logarithm of the rate, ``[lag, post, pre]``."""
        return self.log_probability - self.log_interval[:, None, :]

    def connectivity(
        self, reading: Reading = "log_rate", lags: tuple[float, float] | None = None
    ) -> NDArray[np.float64]:
        """Sum the change up over lags, as a GLM's filter is summed up to its area.

        Parameters
        ----------
        reading : {"log_rate", "rate", "log_probability"}
            Change of the logarithm of the rate, which a synapse of the same weight changes alike
            in neurons of high and of low rate; change of the rate; or change of the logarithm of
            the share, blind to what concerns all neurons.
        lags : tuple of float, optional
            First and last lag in s. Default: all.

        Returns
        -------
        ndarray, shape (n_neurons, n_neurons)
            ``[post, pre]``, signed. For ``"rate"`` the number of spikes of ``post`` that a spike
            of ``pre`` adds; for the others that of a logarithm, times ms.

        Raises
        ------
        ValueError
            If ``reading`` is unknown or no whole lag lies in the range.
        """
        if reading not in ("log_rate", "rate", "log_probability"):
            raise ValueError(
                f'reading must be "log_rate", "rate" or "log_probability", got {reading!r}'
            )
        first, last = lags or (self.lags[0], self.lags[-1])
        inside = (self.lags[:-1] >= first - 1e-9) & (self.lags[1:] <= last + 1e-9)
        if not inside.any():
            raise ValueError(f"lags must hold one of {self.lags} s and the next, got {lags}")
        width = np.diff(self.lags)[inside] * (1.0 if reading == "rate" else 1e3)
        return np.einsum("l,lij->ij", width, getattr(self, reading)[inside])


def influence(
    model: Neuroformer,
    tokens: Tokens,
    *,
    n_spikes: int = 100_000,
    change: Change = "removed",
    displacement: float | None = None,
    lags: Sequence[float] = LAGS,
    n_after: int = 24,
    seed: int = 0,
    progress: bool = True,
) -> Influence:
    """Change one spike at a time, run the model again, and compare what it predicts.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
        The recording that the spikes are drawn from.
    n_spikes : int
        How many to change: runs of neighbours in windows drawn at random. If the recording has
        fewer, all of them.
    change : {"removed", "replaced", "moved"}
        Take the spike away; or give it to another neuron, drawn by its share of all spikes: what
        then differs is not that there was a spike but whose it was; or let it come earlier by
        ``displacement``: what differs is when it was, and no neuron fires less.
    displacement : float, optional
        How much earlier a moved spike comes, in s; it is not moved past more than half a window.
        Default: 8 ms. Goes with ``change="moved"`` alone.
    lags : sequence of float
        Edges in s of the lags to tell apart.
    n_after : int
        Tokens after the changed one that are run again. In bursts they may end before the lags do.
    seed : int
        Seed of the draws.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        If ``n_spikes`` is not positive, ``change`` is unknown, ``displacement`` is not positive or
        given for another change, ``lags`` do not ascend, ``n_after`` leaves no token of a window
        before it, or the recording is shorter than one window.

    Notes
    -----
    The result is that of running the whole window again; ``extraction._rerun`` does
    less.
    """
    if change not in ("removed", "replaced", "moved"):
        raise ValueError(f'change must be "removed", "replaced" or "moved", got {change!r}')
    if displacement is not None and change != "moved":
        raise ValueError(f'displacement goes with change="moved", got {change!r}')
    displacement = _DISPLACEMENT if displacement is None else displacement
    if not 0 < displacement < math.inf:
        raise ValueError(f"displacement must be a positive number of s, got {displacement}")
    rng = np.random.default_rng(seed)
    windows, drawn, changed = drawn_windows(model, tokens, n_spikes, lags, n_after, rng)
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    sums = Sums(tokens.n_neurons, lags)
    with evaluating(model), torch.inference_mode():
        for start in tqdm(drawn, desc="influence", unit="window", disable=not progress):
            window = windows[np.array([start])]
            here = Spikes(*(column[0] for column in window[:3]))
            if change == "removed":
                altered = removed(here, changed, n_after)
            elif change == "replaced":
                strangers = torch.from_numpy(rng.choice(tokens.neurons, len(changed)))
                altered = replaced(here, changed, n_after, strangers)
            else:
                altered = moved(here, changed, n_after, displacement)
            both = with_and_without(model, here, changed, n_after, altered, centres)
            after = changed[:, None] + 1 + torch.arange(n_after)  # (R, L)
            spike, begin, end = (here.times[at] for at in (changed[:, None], after, after + 1))
            sums.add(here.neurons[changed], overlaps(spike, begin, end, lags), _difference(*both))
    return sums.means()


def drawn_windows(
    model: Neuroformer,
    tokens: Tokens,
    n_spikes: int | None,
    lags: Sequence[float],
    n_after: int,
    rng: np.random.Generator,
) -> tuple[Windows, NDArray[np.int64], Tensor]:
    """Draw the windows in which spikes are changed.

    Parameters
    ----------
    model : Neuroformer
    tokens : Tokens
    n_spikes : int, optional
        How many spikes the windows must hold where they are changed. Default: all windows.
    lags, n_after
        As for :func:`influence`.
    rng : numpy.random.Generator

    Returns
    -------
    windows : Windows
        Of one token more than the model reads.
    drawn : ndarray of int
        Their first tokens, in the order of time.
    positions : Tensor of int
        Where in a window spikes are changed: half of it is before, or what ``n_after`` leaves.

    Raises
    ------
    ValueError
        If ``n_spikes`` is not positive, ``lags`` do not ascend, ``n_after`` leaves no token of a
        window before it, the recording is shorter than one window, or the model has no layers.
    """
    _check(model, n_spikes, lags, n_after)
    context = model.config.context
    windows, last = Windows(tokens, context + 1), context - n_after
    positions = torch.arange(max(min(context // 2, last - 1), 1), last)
    n_windows = None if n_spikes is None else math.ceil(n_spikes / len(positions))
    return windows, _drawn_starts(windows, len(positions), n_windows, rng), positions


def _check(model: Neuroformer, n_spikes: int | None, lags: Sequence[float], n_after: int) -> None:
    if not model.config.n_layers:
        raise ValueError(
            "model must have layers: one without shows all it knows by model.coupling.graph()"
        )
    check_finite(model)
    if n_spikes is not None and n_spikes < 1:
        raise ValueError(f"n_spikes must be at least 1, got {n_spikes}")
    if len(lags) < 2 or np.any(np.diff(lags) <= 0):
        raise ValueError(f"lags must ascend and be at least two, got {lags}")
    if not 1 <= n_after <= model.config.context - 2:
        raise ValueError(
            f"n_after must be at least 1 and at most context - 2 = {model.config.context - 2}, "
            f"got {n_after}"
        )


def overlaps(spike: Tensor, begin: Tensor, end: Tensor, lags: ArrayLike) -> Tensor:
    """Time in s that each stretch between two spikes spends at each lag, shape (..., n_lags).

    Parameters
    ----------
    spike, begin, end : Tensor
        Times in s of the spike that lags count from, and of both ends; of shapes that go together.
    lags : array_like
        Edges in s.
    """
    edges = torch.from_numpy(np.asarray(lags, np.float32))
    first = torch.maximum((begin - spike)[..., None], edges[:-1])
    last = torch.minimum((end - spike)[..., None], edges[1:])
    return (last - first).clamp(min=0)


class Changes(NamedTuple):
    """What changed spikes changed: (R, L, N), (R, L) and (R, L, N)."""

    log_probability: Tensor
    log_interval: Tensor
    rate: Tensor


class Sums:
    """Changes added up by the neuron whose spike was changed."""

    def __init__(self, n_neurons: int, lags: Sequence[float]) -> None:
        n_lags = len(lags) - 1
        self.lags = np.array(lags, dtype=float)
        # By pre first: what is added at once then lies side by side.
        self.log_probability = torch.zeros(n_neurons, n_lags, n_neurons, dtype=torch.float64)
        self.rate = torch.zeros_like(self.log_probability)
        self.log_interval = torch.zeros(n_neurons, n_lags, dtype=torch.float64)
        self.seconds = torch.zeros_like(self.log_interval)

    def add(self, pre: Tensor, weights: Tensor, change: Changes) -> None:
        """Add what spikes of ``pre`` (R,) changed, weighted by (R, L, n_lags)."""
        by_lag = weights.mT  # (R, n_lags, L)
        self.log_probability.index_add_(0, pre, (by_lag @ change.log_probability).double())
        self.rate.index_add_(0, pre, (by_lag @ change.rate).double())
        log_interval = (by_lag @ change.log_interval[..., None])[..., 0]
        self.log_interval.index_add_(0, pre, log_interval.double())
        self.seconds.index_add_(0, pre, weights.sum(1).double())

    def means(self) -> Influence:
        """Divide by the time that was looked at; 0 where there was none."""
        seconds = self.seconds.clamp(min=1e-12)
        return Influence(
            lags=self.lags,
            log_probability=(self.log_probability / seconds[..., None]).permute(1, 2, 0).numpy(),
            log_interval=(self.log_interval / seconds).T.numpy(),
            rate=(self.rate / seconds[..., None]).permute(1, 2, 0).numpy(),
            seconds=self.seconds.T.numpy(),
        )


def _difference(kept: tuple[Tensor, Tensor], changed: tuple[Tensor, Tensor]) -> Changes:
    rate = (kept[0] - kept[1][..., None]).exp() - (changed[0] - changed[1][..., None]).exp()
    return Changes(kept[0] - changed[0], kept[1] - changed[1], rate)
