"""What methods read in a recording that has no truth beside it, and which units are hubs for sure.

Graphs are ``[post, pre]``: what a unit sends stands in its column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from lgl_core.disk.atomic import replacing
from lgl_core.disk.provenance import commit, machine
from lgl_core.metrics.scores import out_strengths
from lgl_core.recordings._parts import blocks
from lgl_core.recordings._raw import plain_labels
from lgl_core.recordings._room import naming, opened_npz
from lgl_core.recordings.chance import beyond_chance, chance_band, jittered
from lgl_core.recordings.session import Session
from lgl_core.spikes import SpikeTrains

__all__ = [
    "Readout",
    "beyond_jitter",
    "hub_confidence",
    "read_out",
]

Method = Callable[[SpikeTrains], NDArray[np.float64]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Readout:
    """What methods read in a recording, and in what is left of it without fast relations.

    Parameters
    ----------
    units : tuple of str or int
        Labels, in the order of rows and columns.
    graphs, surrogates : dict of str to ndarray, each of shape (n_units, n_units)
        ``[post, pre]`` by method: of the recording, and of the same spikes jittered.
    strengths, null_strengths : dict of str to ndarray, each of shape (n_blocks, n_units)
        By method, what each unit sends in each part of the recording, and in that part jittered.
    origin : dict
        Where all this comes from; JSON can hold it.
    """

    units: tuple[str | int, ...]
    graphs: dict[str, NDArray[Any]]
    surrogates: dict[str, NDArray[Any]]
    strengths: dict[str, NDArray[Any]]
    null_strengths: dict[str, NDArray[Any]]
    origin: dict[str, Any] = field(default_factory=dict)

    def bands(self, share: float = 0.01) -> dict[str, tuple[float, float]]:
        """Give :func:`lgl_core.recordings.chance.chance_band` of each method."""
        return {name: chance_band(null, share) for name, null in self.surrogates.items()}

    def marks(self, share: float = 0.01) -> dict[str, NDArray[np.int64]]:
        """Mark the connections of each method that chance does not make."""
        bands = self.bands(share)
        return {name: beyond_chance(graph, bands[name]) for name, graph in self.graphs.items()}

    def hubs(self, n_hubs: int = 3, level: float = 0.05) -> dict[str, pd.DataFrame]:
        """Tell of each method which units are the strongest senders, and which are so for sure.

        Parameters
        ----------
        n_hubs : int
            How many of the strongest count as hubs.
        level : float
            Share of recordings without any fast relation in which a unit, of whatever method, may
            be called a hub for sure. The methods share it equally.

        Returns
        -------
        dict of str to DataFrame
            As from :func:`hub_confidence`, with ``p`` (:func:`beyond_jitter`) and ``sure``: in
            nine draws of ten among the strongest, and beyond what is jittered.
        """
        tables = {}
        for name, sent in self.strengths.items():
            table = hub_confidence(sent, n_hubs)
            table["p"] = beyond_jitter(sent, self.null_strengths[name])[table["neuron"]]
            likely = table["p"] <= level / len(self.strengths)
            tables[name] = table.assign(sure=likely & (table["confidence"] >= SURE))
        return tables

    def save(self, stem: str | Path) -> None:
        """Write ``stem.npz`` (in single precision) and ``stem.json`` (the origin).

        Parameters
        ----------
        stem : str or Path
            Folder and name. Dots belong to the name; an ending ``.npz`` may be given or left out.

        Raises
        ------
        OSError
            If a file cannot be written, as on a full disk. Older ones of that name stay then.
        """
        numbers, origin = _files(stem)
        numbers.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{kind}/{name}": array.astype(np.float32)
            for kind in _KINDS
            for name, array in getattr(self, kind).items()
        }
        # Both are whole before either takes its place.
        with replacing(origin) as new_origin, replacing(numbers) as new_numbers:
            with new_numbers.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, units=np.array(self.units), **arrays)
            new_origin.write_text(json.dumps(self.origin, indent=1) + "\n")

    @classmethod
    def load(cls, stem: str | Path) -> Readout:
        """Read what :meth:`save` has written.

        Raises
        ------
        ValueError
            If a file is damaged, or too large for the free memory.
        FileNotFoundError
            If one is not there.
        """
        numbers, about = _files(stem)
        kinds: dict[str, dict[str, NDArray[Any]]] = {kind: {} for kind in _KINDS}
        with naming(numbers, "a read-out"), opened_npz(numbers) as file:
            units = tuple(plain_labels(file["units"]))
            for key in file.files:
                kind, _, name = key.partition("/")
                if name:  # all but the units
                    kinds[kind][name] = file[key]
        with naming(about, "the origin of a read-out"):
            origin = json.loads(about.read_text())
        return cls(units=units, origin=origin, **kinds)


def _files(stem: str | Path) -> tuple[Path, Path]:
    """Name the files of numbers and of their origin."""
    stem = Path(stem)
    name = stem.name.removesuffix(".npz")
    return stem.with_name(f"{name}.npz"), stem.with_name(f"{name}.json")


_KINDS = ("graphs", "surrogates", "strengths", "null_strengths")

# Share of draws among the strongest senders from which on a unit may be a hub for sure.
SURE = 0.9
# Swaps of parts with their jittered copies: all there are, or as many at random.
_MOST_SWAPS = 4096


def read_out(
    session: Session,
    methods: Mapping[str, Method],
    *,
    n_blocks: int = 8,
    jitter: float = 0.01,
    seed: int = 0,
) -> Readout:
    """Let methods read a recording and its parts, each as it is and jittered.

    Parameters
    ----------
    session : Session
    methods : mapping of str to callable
        Each makes a graph, ``[post, pre]``, from spikes.
    n_blocks : int
        Parts of the recording, for :func:`hub_confidence`.
    jitter : float
        Window of the surrogates, in s (:func:`lgl_core.recordings.chance.jittered`).
    seed : int
        Of the surrogates.

    Returns
    -------
    Readout
        Its origin holds the arguments, the size of the recording, the machine and the commit.

    Raises
    ------
    ValueError
        As from :func:`lgl_core.recordings.chance.jittered` and
        ``recordings._parts.blocks``.
    """
    spikes = session.spikes
    parts = blocks(spikes, n_blocks)
    inputs = [spikes, jittered(spikes, jitter, seed), *parts]
    inputs += [jittered(part, jitter, seed + k) for k, part in enumerate(parts, 1)]
    graphs: dict[str, list[NDArray[np.float64]]] = {name: [] for name in methods}
    pairs = [(name, part) for name in methods for part in inputs]
    for name, part in tqdm(pairs, desc="reading", unit="graph"):
        graphs[name].append(methods[name](part))
    return Readout(
        units=session.units,
        graphs={name: found[0] for name, found in graphs.items()},
        surrogates={name: found[1] for name, found in graphs.items()},
        strengths=_sent(graphs, slice(2, 2 + n_blocks)),
        null_strengths=_sent(graphs, slice(2 + n_blocks, None)),
        origin={
            "n_spikes": len(spikes),
            "duration": spikes.duration,
            "n_blocks": n_blocks,
            "jitter": jitter,
            "seed": seed,
            "machine": machine(),
            **commit(),
        },
    )


def _sent(
    graphs: Mapping[str, list[NDArray[np.float64]]], which: slice
) -> dict[str, NDArray[np.float64]]:
    return {name: np.stack(list(map(out_strengths, g[which]))) for name, g in graphs.items()}


def hub_confidence(
    strengths: ArrayLike, n_hubs: int = 3, n_draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Tell how surely each unit is among the strongest senders.

    Parameters
    ----------
    strengths : array_like, shape (n_parts, n_neurons)
        What each sends by one method (:func:`lgl_core.metrics.scores.out_strengths`), in parts of
        the recording (``recordings._parts.blocks``).
    n_hubs : int
        How many of the strongest count as hubs.
    n_draws : int
        Bootstrap draws of as many parts as there are, with replacement.
    seed : int
        Same seed, same draws.

    Returns
    -------
    DataFrame
        One row per neuron, the strongest first: ``neuron``, ``strength`` (the mean over the
        parts), ``low`` and ``high`` (the middle 95 % of the draws) and ``confidence``, the share
        of draws in which it is among the ``n_hubs`` strongest.

    Raises
    ------
    ValueError
        If ``strengths`` are not those of two parts or more, or ``n_hubs`` is not between 1 and
        the number of neurons.

    Notes
    -----
    Parts of a recording are not quite independent, and an interval says nothing of what is wrong
    in all of them alike.
    """
    strengths = np.asarray(strengths, dtype=np.float64)
    if strengths.ndim != 2 or len(strengths) < 2:
        raise ValueError(
            f"strengths must have the shape (n_parts, n_neurons) with two parts or more, "
            f"got {strengths.shape}"
        )
    n_parts, n_neurons = strengths.shape
    if not 1 <= n_hubs <= n_neurons:
        raise ValueError(f"n_hubs must lie between 1 and {n_neurons}, got {n_hubs}")
    counts = np.random.default_rng(seed).multinomial(
        n_parts, np.full(n_parts, 1 / n_parts), size=n_draws
    )
    drawn = counts @ strengths / n_parts
    # The n_hubs-th strongest of each draw; a tie counts for all who share it.
    bar = np.partition(drawn, n_neurons - n_hubs, axis=1)[:, n_neurons - n_hubs]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    table = pd.DataFrame(
        {
            "neuron": np.arange(n_neurons),
            "strength": strengths.mean(axis=0),
            "low": low,
            "high": high,
            "confidence": (drawn >= bar[:, None]).mean(axis=0),
        }
    )
    return table.sort_values("strength", ascending=False, kind="stable", ignore_index=True)


def beyond_jitter(strengths: ArrayLike, null_strengths: ArrayLike, seed: int = 0) -> NDArray[Any]:
    """Tell how likely any unit is to send as much as each does, if nothing were fast.

    Parameters
    ----------
    strengths, null_strengths : array_like, each of shape (n_parts, n_neurons)
        What each sends by one method in parts of the recording, and in the same parts jittered.
    seed : int
        Of the swaps, where there are too many to try all.

    Returns
    -------
    ndarray, shape (n_neurons,)
        P-values, adjusted for all units at once. With five parts none is below 1 / 32.

    Raises
    ------
    ValueError
        If the two are not of one shape.

    Notes
    -----
    Without fast relations a part and its jittered copy could as well be swapped, whatever the rates
    of the units. Each swap gives a largest mean difference of a unit, in units of how far that
    unit's differences spread over the parts; a p-value is the share of swaps with as large a one
    (Westfall and Young, Resampling-based multiple testing, 1993).
    """
    strengths, nulls = np.asarray(strengths, np.float64), np.asarray(null_strengths, np.float64)
    if strengths.shape != nulls.shape or strengths.ndim != 2:
        raise ValueError(
            f"strengths and null_strengths must have one shape (n_parts, n_neurons), "
            f"got {strengths.shape} and {nulls.shape}"
        )
    differences = strengths - nulls
    # Scaled so, a sum over the parts rises with Student's t, and no swap changes the scale.
    scale = np.sqrt((differences**2).sum(axis=0) * len(differences))
    scaled = differences / np.where(scale > 0, scale, 1)
    swaps = _swaps(len(differences), seed)
    largest = (swaps @ scaled).max(axis=1)
    # Equal sums in another order differ in their last bits.
    reached: NDArray[Any] = largest[:, None] >= scaled.sum(axis=0) - 1e-9
    return reached.mean(axis=0)


def _swaps(n_parts: int, seed: int) -> NDArray[np.int64]:
    """List signs of the parts, -1 where swapped; the first row swaps none."""
    if 2**n_parts <= _MOST_SWAPS:
        return np.array(list(product((1, -1), repeat=n_parts)))
    swaps = np.random.default_rng(seed).choice((1, -1), (_MOST_SWAPS, n_parts))
    swaps[0] = 1
    return swaps
