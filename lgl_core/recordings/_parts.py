"""Parts of a recording, and whether each of them holds enough spikes for a model."""

from __future__ import annotations

import warnings

import numpy as np

from lgl_core.spikes import SpikeTrains

__all__ = ["blocks", "check_context"]

# Share of the spikes that a model must be able to learn from.
_LEAST_SHARE = 0.5


def blocks(spikes: SpikeTrains, n: int) -> list[SpikeTrains]:
    """Cut a recording into parts with equally much recorded time.

    Parameters
    ----------
    spikes : SpikeTrains
    n : int
        At least 2.

    Returns
    -------
    list of SpikeTrains
        Each starts at time 0.

    Raises
    ------
    ValueError
        If ``n`` is below 2.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    parts, rest = [], spikes
    for left in range(n, 1, -1):
        part, rest = rest.split(1 / left)
        parts.append(part)
    return [*parts, rest]


def check_context(spikes: SpikeTrains, context: int, n_blocks: int | None) -> None:
    """Refuse a recording into which contexts do not fit.

    Parameters
    ----------
    spikes, context, n_blocks
        As for :meth:`lgl_core.recordings.session.Session.check`.
    """
    if n_blocks is not None and n_blocks < 2:
        raise ValueError(f"n_blocks must be at least 2, or None for no parts, got {n_blocks}")
    counts = np.diff(spikes.bounds())
    if counts.max() <= context:
        raise ValueError(
            f"context must be below {counts.max()}, the spikes of the fullest epoch, got "
            f"{context}: choose a shorter context, or record longer"
        )
    first, last = spikes.split()
    parts = {"the first 80 %, for training": first, "the last 20 %, held out": last}
    if n_blocks is not None:
        cut = blocks(spikes, n_blocks)
        parts |= {f"part {k} of {n_blocks}": part for k, part in enumerate(cut, start=1)}
    for name, part in parts.items():
        most = int(np.diff(part.bounds()).max())
        if most <= context:
            fewer = ", or cut it into fewer parts (n_blocks)" if name.startswith("part") else ""
            raise ValueError(
                f"context must be below {most}, the most spikes in one epoch of {name}, got "
                f"{context}: choose a shorter context, or record longer{fewer}"
            )
    share = counts[counts > context].sum() / counts.sum()
    text = (
        f"{(counts <= context).sum()} of {len(counts)} epochs hold no more than a context of "
        f"{context} spikes, so that a model can learn from {share:.0%} of the spikes"
    )
    if share < _LEAST_SHARE:
        raise ValueError(f"{text}: choose a shorter context, or give longer epochs")
    if share < 1:
        warnings.warn(text, stacklevel=3)
