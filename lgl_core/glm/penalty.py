"""Which penalty a recording asks for: the one whose fit says most of spikes it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from lgl_core.glm.config import GLMConfig
from lgl_core.glm.fit import fit_quietly
from lgl_core.spikes import SpikeTrains

__all__ = ["CANDIDATES", "ChosenPenalty", "choose_l2", "choose_penalty"]

CANDIDATES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class ChosenPenalty(NamedTuple):
    """A penalty, and what speaks for it.

    Parameters
    ----------
    config : GLMConfig
        With the chosen penalty.
    table : DataFrame
        A row per candidate: the penalty by its name (``l2`` or ``group_lasso``), the held-out
        log-likelihood in nats per spike relative to the model of constant rates (``gain``), and its
        standard error over the blocks (``se``).
    """

    config: GLMConfig
    table: pd.DataFrame


def choose_l2(
    spikes: SpikeTrains,
    config: GLMConfig | None = None,
    *,
    candidates: Sequence[float] = CANDIDATES,
    n_blocks: int = 5,
    progress: bool = True,
) -> ChosenPenalty:
    """Choose the ``l2`` of a GLM by blocked cross-validation.

    Parameters
    ----------
    spikes : SpikeTrains
    config : GLMConfig, optional
        Everything but the penalty.
    candidates : sequence of float
        Penalties to try.
    n_blocks, progress
        As for :func:`choose_penalty`.

    Returns
    -------
    ChosenPenalty

    Raises
    ------
    ValueError
        As from :func:`choose_penalty`.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> from lgl_core.glm.penalty import choose_l2
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), duration=20, cache=False)
    >>> chosen = choose_l2(spikes, candidates=(1.0, 30.0), n_blocks=2, progress=False)
    >>> chosen.config.l2 in (1.0, 30.0)
    True
    """
    return choose_penalty(
        spikes, "l2", config, candidates=candidates, n_blocks=n_blocks, progress=progress
    )


def choose_penalty(
    spikes: SpikeTrains,
    name: Literal["l2", "group_lasso"],
    config: GLMConfig | None = None,
    *,
    candidates: Sequence[float],
    n_blocks: int = 5,
    progress: bool = True,
) -> ChosenPenalty:
    """Choose one penalty of a GLM by blocked cross-validation, beside the other as it is.

    Parameters
    ----------
    spikes : SpikeTrains
    name : {"l2", "group_lasso"}
        Field of the configuration.
    config : GLMConfig, optional
        Everything but the penalty.
    candidates : sequence of float
        Penalties to try.
    n_blocks : int
        Parts of the recording, one after another; each is held out once.
    progress : bool
        Show a progress bar, of fits.

    Returns
    -------
    ChosenPenalty
        The one whose fits to the other blocks give the spikes of a held-out block the highest
        likelihood, averaged over blocks.

    Raises
    ------
    ValueError
        If ``name`` is of no penalty, there is no candidate, one is negative, there are fewer than
        two blocks, or a block holds no spike.

    Notes
    -----
    Blocks are contiguous: bins that follow each other are alike, and bins drawn at random would be
    held out beside their neighbours. Each candidate is fitted ``n_blocks`` times.

    The lasso that predicts best keeps variables that are not in the model, however long the
    recording (Meinshausen and Bühlmann 2006): pairs that a chosen ``group_lasso`` leaves above zero
    are not all connected.
    """
    config = config or GLMConfig()
    if name not in ("l2", "group_lasso"):
        raise ValueError(f'name must be "l2" or "group_lasso", got {name!r}')
    if not len(candidates):
        raise ValueError("candidates must hold at least one penalty, got none")
    if n_blocks < 2:
        raise ValueError(f"n_blocks must be at least 2, got {n_blocks}")
    borders = np.linspace(0, spikes.duration, n_blocks + 1)
    gains = np.zeros((len(candidates), n_blocks))
    with tqdm(total=gains.size, desc="penalties", unit="fit", disable=not progress) as bar:
        for block, (start, stop) in enumerate(zip(borders[:-1], borders[1:], strict=True)):
            held_out, others = spikes.select(start=start, stop=stop), _without(spikes, start, stop)
            if not len(held_out) or not len(others):
                raise ValueError(
                    f"each block must hold spikes, got none from {start:g} to {stop:g} s: "
                    "take fewer blocks"
                )
            for number, candidate in enumerate(candidates):
                fit = fit_quietly(others, _with(config, name, candidate), progress=False)
                gains[number, block] = fit.gain(held_out, rates_of=others)
                bar.update()
    table = pd.DataFrame(
        {
            name: candidates,
            "gain": gains.mean(axis=1),
            "se": gains.std(axis=1, ddof=1) / np.sqrt(n_blocks),
        }
    )
    best = float(candidates[gains.mean(axis=1).argmax()])
    return ChosenPenalty(_with(config, name, best), table)


def _with(config: GLMConfig, name: str, value: float) -> GLMConfig:
    changes: dict[str, Any] = {name: value}
    return replace(config, **changes)


def _without(spikes: SpikeTrains, start: float, stop: float) -> SpikeTrains:
    """Leave out a part of a recording: no filter reaches from before it to after it."""
    kept = (spikes.times < start) | (spikes.times >= stop)
    before = np.clip(spikes.epochs, None, start)
    after = np.clip(spikes.epochs, stop, None)
    epochs = np.concatenate([before, after])
    epochs = epochs[epochs[:, 1] - epochs[:, 0] > spikes.resolution]
    return SpikeTrains(
        times=spikes.times[kept],
        neurons=spikes.neurons[kept],
        n_neurons=spikes.n_neurons,
        duration=spikes.duration,
        epochs=epochs,
        resolution=spikes.resolution,
    )
