"""Spikes as tokens ``(neuron, interval)`` and back, and windows of them (Appendix B.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lgl_core.fields import check_fields
from lgl_core.spikes import SpikeTrains

__all__ = ["IntervalVocabulary", "Tokens", "Windows", "detokenize", "tokenize"]

IntervalKind = Literal["population", "neuron"]


@dataclass(frozen=True, kw_only=True)
class IntervalVocabulary:
    """Classes of intervals: even and fine near zero, ever coarser above.

    Class ``c`` holds the intervals in ``[edges[c], edges[c + 1])``; the last one is open above.

    Parameters
    ----------
    fine_width : float
        Width in s of the even classes.
    n_fine : int
        Number of even classes.
    n_coarse : int
        Number of further classes, whose widths grow by a constant factor.
    longest : float
        Where the last, open class begins, in s.

    Raises
    ------
    ValueError
        If a number is not positive or ``longest`` is not above the even classes.

    Notes
    -----
    Appendix B.1 and B.3. A population of 300 neurons at 6 Hz has two spikes per ms, hence the
    default of 0.05 ms.
    """

    fine_width: float = 0.05e-3
    n_fine: int = 40
    n_coarse: int = 23
    longest: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("fine_width", "n_fine", "n_coarse"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.fine_width * self.n_fine >= self.longest:
            raise ValueError(
                f"longest must be above fine_width * n_fine = {self.fine_width * self.n_fine} s, "
                f"got {self.longest}"
            )

    @property
    def edges(self) -> NDArray[np.float64]:
        """Lower edges of the classes in s, shape (n_classes,)."""
        fine = self.fine_width * np.arange(self.n_fine)
        coarse = np.geomspace(self.fine_width * self.n_fine, float(self.longest), self.n_coarse)
        return np.concatenate([fine, coarse])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.n_fine + self.n_coarse

    @property
    def centres(self) -> NDArray[np.float64]:
        """A typical interval of each class in s, shape (n_classes,); the edge for the open one."""
        edges = self.edges
        return np.append((edges[:-1] + edges[1:]) / 2, edges[-1])

    def encode(self, intervals: NDArray[np.float64]) -> NDArray[np.int64]:
        """Class of each interval (s).

        Raises
        ------
        ValueError
            If an interval is negative or NaN.
        """
        if intervals.size and not intervals.min() >= 0:
            raise ValueError(f"intervals must be at least 0 s, got {intervals.min()}")
        return np.searchsorted(self.edges, intervals, side="right") - 1

    def decode(self, classes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the typical interval (s) of each class."""
        return self.centres[classes]


@dataclass(frozen=True, eq=False, kw_only=True)
class Tokens:
    """A recording as a sequence of tokens, one per spike.

    Parameters
    ----------
    neurons : ndarray of int, shape (n_tokens,)
        Which neuron fired.
    intervals : ndarray of float, shape (n_tokens,)
        Time in s since the previous spike of the population, or of the same neuron.
    classes : ndarray of int, shape (n_tokens,)
        Class of the interval in ``vocabulary``.
    times : ndarray of float, shape (n_tokens,)
        Spike times in s.
    n_neurons : int
        Size of the population.
    vocabulary : IntervalVocabulary
    bounds : ndarray of int, shape (n_epochs + 1,)
        First token of each epoch of the recording, and behind the last one: no window crosses it.
    """

    neurons: NDArray[np.int64]
    intervals: NDArray[np.float64]
    classes: NDArray[np.int64]
    times: NDArray[np.float64]
    n_neurons: int
    vocabulary: IntervalVocabulary
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.neurons)


def tokenize(
    spikes: SpikeTrains,
    vocabulary: IntervalVocabulary | None = None,
    interval: IntervalKind = "population",
) -> Tokens:
    """Turn spikes into tokens.

    Parameters
    ----------
    spikes : SpikeTrains
    vocabulary : IntervalVocabulary, optional
        Default: ``IntervalVocabulary()``.
    interval : {"population", "neuron"}
        The paper speaks of an "inter- or cross-spike interval": count from the population's
        previous spike, or from the same neuron's. The first one of an epoch counts from its start.

    Returns
    -------
    Tokens

    Raises
    ------
    ValueError
        If ``interval`` is neither of the two.

    Notes
    -----
    Appendix B.1.
    """
    vocabulary = vocabulary or IntervalVocabulary()
    if interval == "population":
        intervals = np.diff(spikes.times, prepend=0.0)
        first = spikes.bounds()[:-1]
        begun = first < np.append(first[1:], len(spikes))  # epochs with a spike
        intervals[first[begun]] = spikes.times[first[begun]] - spikes.epochs[begun, 0]
    elif interval == "neuron":
        intervals = _since_own_spike(spikes)
    else:
        raise ValueError(f'interval must be "population" or "neuron", got {interval!r}')
    return Tokens(
        neurons=spikes.neurons,
        intervals=intervals,
        # An interval on the edge of a class may come out a little below it.
        classes=vocabulary.encode(intervals + spikes.resolution),
        times=spikes.times,
        n_neurons=spikes.n_neurons,
        vocabulary=vocabulary,
        bounds=spikes.bounds(),
    )


def _since_own_spike(spikes: SpikeTrains) -> NDArray[np.float64]:
    epoch = np.searchsorted(spikes.epochs[:, 0], spikes.times, side="right") - 1
    by_neuron = np.lexsort([epoch, spikes.neurons])
    grouped = np.diff(spikes.times[by_neuron], prepend=0.0)
    first = np.diff(spikes.neurons[by_neuron], prepend=-1) != 0
    first |= np.diff(epoch[by_neuron], prepend=-1) != 0
    grouped[first] = (spikes.times - spikes.epochs[epoch, 0])[by_neuron][first]
    intervals = np.empty_like(grouped)
    intervals[by_neuron] = grouped
    return intervals


def detokenize(
    tokens: Tokens,
    duration: float,
    interval: IntervalKind = "population",
    epochs: ArrayLike | None = None,
) -> SpikeTrains:
    """Turn tokens back into spikes, by summing up their intervals.

    Parameters
    ----------
    tokens : Tokens
    duration : float
        Length of the recording in s.
    interval : {"population", "neuron"}
        What the intervals count from, as in :func:`tokenize`.
    epochs : array_like of float, shape (n_epochs, 2), optional
        Those of the recording. Default: one, from 0 to ``duration``.

    Returns
    -------
    SpikeTrains
        The spikes that were tokenized; times agree up to rounding.

    Raises
    ------
    ValueError
        If ``interval`` is neither of the two, the tokens are of another number of epochs, or
        spikes end up outside of them.
    """
    if interval not in ("population", "neuron"):
        raise ValueError(f'interval must be "population" or "neuron", got {interval!r}')
    spans = np.array([[0.0, duration]] if epochs is None else epochs, dtype=np.float64)
    if len(spans) != len(tokens.bounds) - 1:
        raise ValueError(
            f"epochs must be the {len(tokens.bounds) - 1} of the recording, got {len(spans)}"
        )
    times = np.empty(len(tokens))
    for (start, _), first, last in zip(spans, tokens.bounds, tokens.bounds[1:], strict=False):
        here = slice(first, last)
        own = tokens.neurons[here] if interval == "neuron" else np.zeros(last - first)
        times[here] = start + _summed_by(own, tokens.intervals[here])
    order = np.argsort(times, kind="stable")
    return SpikeTrains(
        times=times[order],
        neurons=tokens.neurons[order],
        n_neurons=tokens.n_neurons,
        duration=duration,
        epochs=spans,
    )


def _summed_by(group: NDArray, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum values up within each group, in their order."""
    sums = np.empty(len(values))
    for one in np.unique(group):
        sums[group == one] = np.cumsum(values[group == one])
    return sums


class Windows:
    """Tokens cut into windows, served as batches of tensors.

    Parameters
    ----------
    tokens : Tokens
    length : int
        Tokens per window.

    Raises
    ------
    ValueError
        If a window holds no token, or not a single one fits.
    """

    def __init__(self, tokens: Tokens, length: int) -> None:
        if length < 1:
            raise ValueError(f"length must be at least one token, got {length}; raise `context`")
        firsts, lasts = tokens.bounds[:-1], tokens.bounds[1:] - length
        self.length = length
        # First and last start of each epoch that holds a window: none crosses a gap.
        self._spans = [(a, b) for a, b in zip(firsts, lasts, strict=True) if a <= b]
        if not self._spans:
            most = int(np.diff(tokens.bounds).max(initial=0))
            raise ValueError(
                f"a window takes {length} tokens but the recording has {most} in one piece; "
                "lower `context` or record longer"
            )
        self._columns = [
            sliding_window_view(column, length)
            for column in (tokens.neurons, tokens.intervals, tokens.times, tokens.classes)
        ]

    def __getitem__(self, starts: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Neurons, intervals (s), times since the window's start (s), classes; each (B, length)."""
        neurons, intervals, times, classes = (column[starts] for column in self._columns)
        # Subtract in float64: single precision cannot hold 0.1 ms at the end of a recording.
        elapsed = (times - times[:, :1]).astype(np.float32)
        return (
            torch.from_numpy(neurons),
            torch.from_numpy(intervals.astype(np.float32)),
            torch.from_numpy(elapsed),
            torch.from_numpy(classes),
        )

    def in_order(self, batch_size: int, stride: int) -> Iterator[NDArray[np.int64]]:
        """Give the starts of all windows in the order of time, batch by batch.

        The windows of a batch are of one epoch.
        """
        for first, last in self._spans:
            starts = np.arange(first, last + 1, stride)
            for batch in range(0, len(starts), batch_size):
                yield starts[batch : batch + batch_size]

    def shuffled(self, batch_size: int, stride: int, seed: list[int]) -> list[NDArray[np.int64]]:
        """Draw the starts of all windows, from a random first token on, as full batches."""
        rng = np.random.default_rng(seed)
        starts = [
            np.arange(first + rng.integers(min(stride, last + 1 - first)), last + 1, stride)
            for first, last in self._spans
        ]
        drawn = rng.permutation(np.concatenate(starts))
        n_batches = max(len(drawn) // batch_size, 1)
        return [drawn[i * batch_size : (i + 1) * batch_size] for i in range(n_batches)]
