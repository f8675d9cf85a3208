"""Spans of time: what several have in common, and what is left of them.

Spans are arrays of shape (n, 2), start and end in s, in order and without overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Company", "best_company", "common", "joined", "length", "without"]

Spans = NDArray[np.float64]


def joined(spans: ArrayLike) -> Spans:
    """Put spans in order, and join those that touch or overlap; an empty one is none."""
    pieces = np.asarray(spans, dtype=np.float64).reshape(-1, 2)
    pieces = pieces[pieces[:, 0] != pieces[:, 1]]
    pieces = pieces[np.argsort(pieces[:, 0], kind="stable")]
    reached = np.maximum.accumulate(pieces[:, 1])
    firsts = np.flatnonzero(np.append(True, pieces[1:, 0] > reached[:-1])[: len(pieces)])
    lasts = np.append(firsts[1:], len(pieces))[: len(firsts)] - 1
    return np.stack([pieces[firsts, 0], reached[lasts]], axis=1)


def length(spans: Spans) -> float:
    """Add up how long spans are."""
    return float((spans[:, 1] - spans[:, 0]).sum())


def common(spans: Sequence[Spans]) -> Spans:
    """Find the time that lies in all of several spans."""
    return reduce(_both, [joined(part) for part in spans])


def without(spans: Spans, cut: Spans) -> Spans:
    """Cut spans out of others."""
    borders = np.concatenate([[-np.inf], joined(cut).ravel(), [np.inf]])
    return _both(joined(spans), borders.reshape(-1, 2))


def _both(one: Spans, other: Spans) -> Spans:
    borders = np.unique(np.concatenate([one.ravel(), other.ravel()]))
    pieces = np.stack([borders[:-1], borders[1:]], axis=1)
    return joined(pieces[_covers(one, pieces) & _covers(other, pieces)])


def _covers(spans: Spans, pieces: Spans) -> NDArray[np.bool_]:
    """Tell which pieces lie in spans; none of them crosses a border."""
    if not len(spans):
        return np.zeros(len(pieces), dtype=bool)
    at = np.searchsorted(spans[:, 0], pieces[:, 0], side="right") - 1
    return (at >= 0) & (pieces[:, 1] <= spans[np.maximum(at, 0), 1])


class Company(NamedTuple):
    """Units that were observed together, and for how long."""

    kept: NDArray[np.bool_]
    seconds: float


def best_company(observed: Sequence[Spans]) -> Company:
    """Find the units to keep for the most time, summed over units, in which all are observed.

    Considered are, for each unit, those that were observed whenever it was.
    """
    parts = [joined(part) for part in observed]
    keys, which = np.unique([part.tobytes().hex() for part in parts], return_inverse=True)
    distinct = [parts[int((which == key).argmax())] for key in range(len(keys))]
    borders = np.unique(np.concatenate([part.ravel() for part in distinct]))
    pieces = np.stack([borders[:-1], borders[1:]], axis=1)
    seen = np.array([_covers(part, pieces) for part in distinct])
    missed = seen.astype(np.float64) @ (~seen).T.astype(np.float64)
    company = (missed == 0)[:, which]
    seconds = seen @ (pieces[:, 1] - pieces[:, 0])
    best = int((company.sum(axis=1) * seconds).argmax())
    return Company(company[best], float(seconds[best]))
