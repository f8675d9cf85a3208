"""What methods read in a recording that has no truth beside it, and which units are hubs for sure.

Graphs are ``[post, pre]``: what a unit sends stands in its column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from lgl_core.metrics import out_strengths
from lgl_core.provenance import machine
from lgl_core.recordings import Session
from lgl_core.recordings_chance import beyond_chance, chance_band, jittered
from lgl_core.recordings_parts import blocks
from lgl_core.recordings_raw import plain_labels
from lgl_core.spikes import SpikeTrains

__all__ = [
    "Readout",
    "hub_confidence",
    "read_out",
    "spikes_per_pair",
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
    strengths : dict of str to ndarray, each of shape (n_blocks, n_units)
        By method, what each unit sends in each part of the recording.
    origin : dict
        Where all this comes from; JSON can hold it.
    """

    units: tuple[str | int, ...]
    graphs: dict[str, NDArray[Any]]
    surrogates: dict[str, NDArray[Any]]
    strengths: dict[str, NDArray[Any]]
    origin: dict[str, Any] = field(default_factory=dict)

    def bands(self, share: float = 0.01) -> dict[str, tuple[float, float]]:
        """Give :func:`lgl_core.recordings_chance.chance_band` of each method."""
        return {name: chance_band(null, share) for name, null in self.surrogates.items()}

    def marks(self, share: float = 0.01) -> dict[str, NDArray[np.int64]]:
        """Mark the connections of each method that chance does not make."""
        bands = self.bands(share)
        return {name: beyond_chance(graph, bands[name]) for name, graph in self.graphs.items()}

    def save(self, stem: str | Path) -> None:
        """Write ``stem.npz`` (in single precision) and ``stem.json`` (the origin)."""
        stem = Path(stem)
        stem.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{kind}/{name}": array.astype(np.float32)
            for kind in _KINDS
            for name, array in getattr(self, kind).items()
        }
        np.savez_compressed(
            stem.with_suffix(".npz"), allow_pickle=False, units=np.array(self.units), **arrays
        )
        stem.with_suffix(".json").write_text(json.dumps(self.origin, indent=1) + "\n")

    @classmethod
    def load(cls, stem: str | Path) -> Readout:
        """Read what :meth:`save` has written."""
        stem = Path(stem)
        kinds: dict[str, dict[str, NDArray[Any]]] = {kind: {} for kind in _KINDS}
        with np.load(stem.with_suffix(".npz")) as file:
            units = tuple(plain_labels(file["units"]))
            for key in file.files:
                kind, _, name = key.partition("/")
                if name:  # all but the units
                    kinds[kind][name] = file[key]
        origin = json.loads(stem.with_suffix(".json").read_text())
        return cls(units=units, origin=origin, **kinds)


_KINDS = ("graphs", "surrogates", "strengths")


def read_out(
    session: Session,
    methods: Mapping[str, Method],
    *,
    n_blocks: int = 8,
    jitter: float = 0.01,
    seed: int = 0,
) -> Readout:
    """Let methods read a recording, its jittered surrogate, and its parts.

    Parameters
    ----------
    session : Session
    methods : mapping of str to callable
        Each makes a graph, ``[post, pre]``, from spikes.
    n_blocks : int
        Parts of the recording, for :func:`hub_confidence`.
    jitter : float
        Window of the surrogate, in s (:func:`lgl_core.recordings_chance.jittered`).
    seed : int
        Of the surrogate.

    Returns
    -------
    Readout
        Its origin holds the arguments, the size of the recording, and the machine.

    Raises
    ------
    ValueError
        As from :func:`lgl_core.recordings_chance.jittered` and
        :func:`lgl_core.recordings_parts.blocks`.
    """
    spikes = session.spikes
    inputs = [spikes, jittered(spikes, jitter, seed), *blocks(spikes, n_blocks)]
    graphs: dict[str, list[NDArray[np.float64]]] = {name: [] for name in methods}
    pairs = [(name, part) for name in methods for part in inputs]
    for name, part in tqdm(pairs, desc="reading", unit="graph"):
        graphs[name].append(methods[name](part))
    return Readout(
        units=session.units,
        graphs={name: found[0] for name, found in graphs.items()},
        surrogates={name: found[1] for name, found in graphs.items()},
        strengths={
            name: np.stack([out_strengths(graph) for graph in found[2:]])
            for name, found in graphs.items()
        },
        origin={
            "n_spikes": len(spikes),
            "duration": spikes.duration,
            "n_blocks": n_blocks,
            "jitter": jitter,
            "seed": seed,
            "machine": machine(),
        },
    )


def spikes_per_pair(spikes: SpikeTrains) -> float:
    """Divide the spikes of a recording by the ordered pairs of its neurons.

    Parameters
    ----------
    spikes : SpikeTrains

    Returns
    -------
    float
        How many spikes there are to learn each possible connection from; infinite for one neuron.
    """
    n_pairs = spikes.n_neurons * (spikes.n_neurons - 1)
    return len(spikes) / n_pairs if n_pairs else float("inf")


def hub_confidence(
    strengths: ArrayLike, n_hubs: int = 3, n_draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Tell how surely each unit is among the strongest senders.

    Parameters
    ----------
    strengths : array_like, shape (n_parts, n_neurons)
        What each sends by one method (:func:`lgl_core.metrics.out_strengths`), in parts of the
        recording (:func:`lgl_core.recordings_parts.blocks`).
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
