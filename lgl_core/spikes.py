"""Spike trains of a population: the one form in which spikes travel through the library."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lgl_core.fields import check_fields
from lgl_core.graphs import checked_ids

__all__ = ["ROUNDING", "TRAIN_FRACTION", "SpikeTrains", "training_part"]

TRAIN_FRACTION = 0.8  # chronological split of the paper (Appendix B.5)
# A millionth of a bin forgives that 0.3 / 0.1 is not quite 3.
_HAIR = 1e-6
# Distances of two doubles by which a time on a grid and the border that it lies on may differ.
ROUNDING = 6


@dataclass(frozen=True, eq=False, kw_only=True)
class SpikeTrains:
    """Spikes of a population in the order of time.

    Arrays are copied on construction and made read-only.

    Parameters
    ----------
    times : array_like of float, shape (n_spikes,)
        Spike times in s, ascending, within ``[0, duration)``.
    neurons : array_like of int, shape (n_spikes,)
        Which neuron fired, between 0 and ``n_neurons - 1``.
    n_neurons : int
        Size of the population, silent neurons included.
    duration : float
        Length of the recording in s, gaps included.
    epochs : array_like of float, shape (n_epochs, 2), optional
        Start and end of each span that was recorded, in s and in order. Nothing is known of the
        gaps between them: they are no silence. Default: one, from 0 to ``duration``.
    resolution : float, optional
        How finely the times are known, in s. One that lies by less than that before the border of a
        bin, of an epoch or of a split is at the border: on a grid of 1 ms, 0.3 s is the beginning
        of bin 300 although ``0.3 / 0.001`` is below 300. Default: that of doubles at ``duration``,
        six times the distance of two of them, 7e-13 s at ten minutes.

    Raises
    ------
    ValueError
        If the arrays differ in length, times are NaN, descending, outside the recording or in a
        gap, an id is outside the population, epochs are not in order within the recording, or
        ``resolution`` is negative.

    Notes
    -----
    Whoever takes the origin of a clock off gives the resolution of that clock:
    ``6 * numpy.spacing(last_time_on_the_clock)``. A multiple of a step is rounded by up to one and
    a half distances of doubles, its sum with the origin by half of one more, and so is the start of
    its epoch; a border that is a multiple of the width of a bin by one and a half.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> lgl.SpikeTrains(times=[0.1, 0.4], neurons=[0, 0], n_neurons=2, duration=0.5).rates
    array([4., 0.])
    """

    times: NDArray[np.float64]
    neurons: NDArray[np.int64]
    n_neurons: int
    duration: float
    epochs: NDArray[np.float64] = None  # type: ignore[assignment]  # never None once made
    resolution: float = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_fields(self)
        times, neurons = _flat("times", self.times, np.float64), _ids(self.neurons)
        if times.shape != neurons.shape:
            raise ValueError(
                f"times and neurons must have one entry per spike, got {len(times)} times "
                f"and {len(neurons)} neurons"
            )
        if self.duration <= 0:
            raise ValueError(f"duration must be a positive number of s, got {self.duration}")
        if self.n_neurons < 1:
            raise ValueError(f"n_neurons must be at least 1, got {self.n_neurons}")
        finest = ROUNDING * np.spacing(self.duration)
        resolution = finest if self.resolution is None else self.resolution
        if resolution < 0:
            raise ValueError(f"resolution must be a number of s from 0 up, got {resolution}")
        epochs = _checked_epochs(self.epochs, self.duration)
        times = _at_borders(times, epochs[:, 0], resolution)
        if times.size:
            _check_times(times, self.duration)
            if neurons.min() < 0 or neurons.max() >= self.n_neurons:
                raise ValueError(
                    f"neurons must be ids between 0 and {self.n_neurons - 1}, "
                    f"got {neurons.min()} to {neurons.max()}"
                )
        _check_gaps(times, epochs)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "neurons", neurons)
        object.__setattr__(self, "epochs", epochs)
        object.__setattr__(self, "resolution", float(resolution))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Unpickled arrays can be written to: check and seal them again.
        self.__dict__.update(state)
        self.__post_init__()

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return (
            f"SpikeTrains({len(self):,} spikes of {self.n_neurons} neurons in "
            f"{self.duration:g} s, mean rate {self.rates.mean():.2f} Hz)"
        )

    @property
    def recorded(self) -> float:
        """How long was recorded in s, gaps left out."""
        return float((self.epochs[:, 1] - self.epochs[:, 0]).sum())

    @property
    def rates(self) -> NDArray[np.float64]:
        """Mean firing rate of each neuron in Hz, shape (n_neurons,)."""
        return np.bincount(self.neurons, minlength=self.n_neurons) / self.recorded

    def bounds(self) -> NDArray[np.int64]:
        """First spike of each epoch, and behind the last one; shape (n_epochs + 1,)."""
        return np.append(np.searchsorted(self.times, self.epochs[:, 0]), len(self))

    def binned(self, bin_width: float) -> NDArray[np.uint8]:
        """Count spikes in bins of equal width.

        Parameters
        ----------
        bin_width : float
            Width of a bin in s. The last, incomplete bin of each epoch is left out.

        Returns
        -------
        ndarray of uint8, shape (n_bins, n_neurons)
            Spikes per bin; at most 255 are counted.

        Raises
        ------
        ValueError
            If ``bin_width`` is longer than the recording or too short to number its bins.
        """
        cells, n_bins = self.cells(bin_width)
        # Few bins have a spike: count those, and leave the others as the zeros they are.
        occupied, counts = np.unique(cells, return_counts=True)
        binned = np.zeros(n_bins * self.n_neurons, np.uint8)
        binned[occupied] = np.minimum(counts, 255)
        return binned.reshape(n_bins, self.n_neurons)

    def cells(self, bin_width: float) -> tuple[NDArray[np.int64], int]:
        """Find the cell of the matrix of :meth:`binned` that each spike falls into.

        Parameters
        ----------
        bin_width : float
            As for :meth:`binned`.

        Returns
        -------
        cells : ndarray of int
            ``bin * n_neurons + neuron``, one per spike within complete bins, in order of time.
        n_bins : int
            Number of complete bins.

        Raises
        ------
        ValueError
            As :meth:`binned`.
        """
        if not self.duration * 2.0**-53 <= bin_width * (1 - _HAIR) <= self.duration:
            raise ValueError(
                f"bin_width must lie between 0 and the duration of {self.duration} s, "
                f"got {bin_width}"
            )
        cells, borders = [], self.bin_borders(bin_width)
        if not borders[-1]:
            raise ValueError(f"bin_width must fit into an epoch, got {bin_width}")
        spans = zip(self.epochs, *_pairs(borders), *_pairs(self.bounds()), strict=True)
        for (start, stop), first_bin, end_bin, first, last in spans:
            since = self.times[first:last] - start + self.resolution
            bins = first_bin + (since / bin_width).astype(np.int64)
            left = (stop - start) / bin_width - (end_bin - first_bin)
            if left < max(_HAIR, self.resolution / bin_width) and first_bin < end_bin:
                bins = np.minimum(bins, end_bin - 1)  # the epoch ends with this bin
            inside = bins < end_bin
            cells.append(bins[inside] * self.n_neurons + self.neurons[first:last][inside])
        return np.concatenate(cells), int(borders[-1])

    def bin_borders(self, bin_width: float) -> NDArray[np.int64]:
        """Count the bins through all epochs, the last, incomplete one of each left out.

        Parameters
        ----------
        bin_width : float
            As for :meth:`binned`.

        Returns
        -------
        ndarray of int, shape (n_epochs + 1,)
            First bin of each epoch, and the number of bins.
        """
        lengths = self.epochs[:, 1] - self.epochs[:, 0]
        hair = max(_HAIR, self.resolution / bin_width)
        return np.append(0, np.cumsum((lengths / bin_width + hair).astype(np.int64)))

    def split(self, fraction: float = TRAIN_FRACTION) -> tuple[SpikeTrains, SpikeTrains]:
        """Split chronologically, as the paper does (80/20, Appendix B.5 and C.5).

        Parameters
        ----------
        fraction : float
            Share of the *time recorded* that goes into the first part, between 0 and 1.

        Returns
        -------
        first, second : SpikeTrains
            The second one starts at time 0 again.

        Raises
        ------
        ValueError
            If ``fraction`` is not strictly between 0 and 1.
        """
        if not 0 < fraction < 1:
            raise ValueError(f"fraction must lie strictly between 0 and 1, got {fraction}")
        lengths = self.epochs[:, 1] - self.epochs[:, 0]
        before = np.cumsum(lengths) - lengths
        wanted = fraction * self.recorded
        epoch = int(np.searchsorted(before, wanted, side="right")) - 1
        cut = float(self.epochs[epoch, 0] + (wanted - before[epoch]))
        return self.select(stop=cut), self.select(start=cut)

    def select(
        self,
        neurons: ArrayLike | None = None,
        start: float = 0.0,
        stop: float | None = None,
    ) -> SpikeTrains:
        """Keep some neurons, some of the time, or both.

        Parameters
        ----------
        neurons : array_like of int, optional
            Ids to keep. They are numbered anew in the order given. Default: all.
        start, stop : float, optional
            Keep ``start <= t < stop`` in s; times are counted from ``start``. Default: all.

        Returns
        -------
        SpikeTrains
            With the parts of the epochs that lie in this span.

        Raises
        ------
        ValueError
            If the span is empty, outside the recording or within a gap, or an id is unknown or
            given twice.
        """
        stop = self.duration if stop is None else stop
        if not 0 <= start < stop <= self.duration:
            raise ValueError(
                f"start and stop must satisfy 0 <= start < stop <= {self.duration} s, "
                f"got {start} and {stop}"
            )
        kept_spikes = slice(self._n_before(start), self._n_before(stop))
        times, ids = np.maximum(self.times[kept_spikes] - start, 0), self.neurons[kept_spikes]
        n_neurons, duration = self.n_neurons, stop - start
        epochs = np.clip(self.epochs - start, 0, duration)
        epochs = epochs[epochs[:, 1] - epochs[:, 0] > self.resolution]
        if not len(epochs):
            raise ValueError(f"nothing was recorded between {start} and {stop} s: it is a gap")
        if neurons is not None:
            kept = checked_ids("neurons", neurons, n_neurons)
            new_id = np.full(n_neurons, -1)
            new_id[kept] = np.arange(len(kept))
            ids, n_neurons = new_id[ids], len(kept)
            times, ids = times[ids >= 0], ids[ids >= 0]
        # The difference of two floats may round up to the end of an epoch itself.
        epoch = np.searchsorted(epochs[:, 0], times, side="right") - 1
        times = np.minimum(times, np.nextafter(epochs[np.maximum(epoch, 0), 1], 0))
        return SpikeTrains(
            times=times,
            neurons=ids,
            n_neurons=n_neurons,
            duration=duration,
            epochs=epochs,
            resolution=self.resolution,
        )

    def _n_before(self, cut: float) -> int:
        """Count the spikes before a time; one that is within the resolution of it comes after."""
        near = np.abs(self.epochs - cut) <= self.resolution
        # Where an epoch ends and none begins there is nothing to come after.
        side = 1 if near[:, 1].any() and not near[:, 0].any() else -1
        return int(np.searchsorted(self.times, cut + side * self.resolution))

    def moved(self, times: ArrayLike) -> SpikeTrains:
        """Let the same spikes happen at other times.

        Parameters
        ----------
        times : array_like, shape (n_spikes,)
            New time of each spike in s, in the order of the old ones.

        Returns
        -------
        SpikeTrains
            In the order of the new times, with the same neurons, duration and epochs.

        Raises
        ------
        ValueError
            If there is not one time for each spike, or one is outside of the epochs.
        """
        times = _flat("times", times, np.float64)
        if len(times) != len(self):
            raise ValueError(f"times must have one entry for each spike, got {len(times)}")
        order = np.argsort(times, kind="stable")
        return replace(self, times=times[order], neurons=self.neurons[order])


def training_part(spikes: SpikeTrains, train_fraction: float = TRAIN_FRACTION) -> SpikeTrains:
    """Take the part of a recording that models train on: the first 80 %, or another share.

    Whoever compares a model with another method gives the method the same part.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> spikes = lgl.SpikeTrains(times=[1.0, 9.0], neurons=[0, 0], n_neurons=1, duration=10.0)
    >>> lgl.training_part(spikes).duration
    8.0
    """
    return spikes.split(train_fraction)[0]


def _checked_epochs(epochs: ArrayLike | None, duration: float) -> NDArray[np.float64]:
    array = np.array([[0.0, duration]] if epochs is None else epochs, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"epochs must be pairs of start and end, got shape {array.shape}")
    borders = array.ravel()
    inside = borders[0] >= 0 and borders[-1] <= duration
    if not inside or (np.diff(borders) < 0).any() or (array[:, 1] <= array[:, 0]).any():
        raise ValueError(
            f"epochs must follow each other between 0 and {duration} s, got {array.tolist()}"
        )
    array.setflags(write=False)
    return array


def _at_borders(
    times: NDArray[np.float64], borders: NDArray[np.float64], resolution: float
) -> NDArray[np.float64]:
    """Put times that are less than the resolution before a border on it."""
    firsts, lasts = (np.searchsorted(times, borders - shift) for shift in (resolution, 0.0))
    near = np.flatnonzero(firsts < lasts)
    if near.size:
        times = times.copy()
        for border in near:
            times[firsts[border] : lasts[border]] = borders[border]
        times.setflags(write=False)
    return times


def _check_gaps(times: NDArray[np.float64], epochs: NDArray[np.float64]) -> None:
    epoch = np.searchsorted(epochs[:, 0], times, side="right") - 1
    outside = (epoch < 0) | (times >= epochs[np.maximum(epoch, 0), 1])
    if outside.any():
        spike = int(outside.argmax())
        raise ValueError(
            f"times must lie in an epoch, but spike {spike} is at {times[spike]} s, in a gap"
        )


def _pairs(borders: NDArray) -> tuple[NDArray, NDArray]:
    return borders[:-1], borders[1:]


def _flat(name: str, values: ArrayLike, dtype: type) -> NDArray:
    array: NDArray = np.array(values, dtype=dtype)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a flat array, got shape {array.shape}")
    array.setflags(write=False)
    return array


def _ids(values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"neurons must be whole numbers, got an array of {array.dtype}")
    return _flat("neurons", array, np.int64)


def _check_times(times: NDArray, duration: float) -> None:
    if np.isnan(times).any():
        raise ValueError(f"times must not be NaN, but spike {np.isnan(times).argmax()} is")
    descending = np.flatnonzero(np.diff(times) < 0)
    if descending.size:
        raise ValueError(
            f"times must ascend, but spike {descending[0] + 1} is earlier than the one before; "
            "sort times and neurons together"
        )
    if times[0] < 0 or times[-1] >= duration:
        raise ValueError(
            f"times must lie in [0, {duration}) s, got {times[0]} to {times[-1]}; are they in s?"
        )
