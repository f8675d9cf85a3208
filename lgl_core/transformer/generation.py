"""Spikes that a Neuroformer makes by itself, also without some of its neurons.

Each spike is drawn from what the model expects after those before it, and becomes one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.kernels import check_finite, evaluating, undivided_operations
from lgl_core.transformer.model import AnyModel, Neuroformer
from lgl_core.transformer.tokens import Tokens

__all__ = ["generate"]

# Parts of a window that its first half is of, and how often a neuron that is silenced may be drawn.
_KEPT = 2
_MOST_DRAWS = 1000


def generate(
    model: AnyModel,
    start: Tokens,
    *,
    duration: float,
    before: float = 0.0,
    silenced: Sequence[int] = (),
    n_sequences: int = 128,
    seed: int = 0,
    progress: bool = True,
) -> tuple[SpikeTrains, NDArray[np.float64]]:
    """Let a model go on from spikes of a recording.

    Parameters
    ----------
    model : Neuroformer
        Without a coupling.
    start : Tokens
        Of a recording. The model goes on from places that are spread evenly over it, and draws no
        class of intervals that it does not have: the little that a model expects of classes that it
        has never seen would make long pauses.
    duration : float
        Of all sequences together, in s.
    before : float
        In s, drawn first in each sequence, and thrown away.
    silenced : sequence of int
        Neurons that do not fire: neither what the model is given nor what it draws has a spike of
        them. Where it draws one, that spike does not happen, and time has gone on.
    n_sequences : int
        Sequences that are drawn side by side.
    seed : int
        Of the draws.
    progress : bool
        Show a progress bar.

    Returns
    -------
    spikes : SpikeTrains
        One epoch per sequence.
    rates : ndarray, shape (n_neurons,)
        In Hz, how often each neuron was expected to fire on the way: the mean of the rates of the
        spikes, without the noise of their draw.

    Raises
    ------
    ValueError
        If the model has a coupling or weights that are not finite, ``start`` is shorter than half
        a window, a neuron that is silenced is none of the model's, or a number is not positive.
    RuntimeError
        If the model expects nobody but neurons that are silenced.
    """
    if not isinstance(model, Neuroformer) or model.config.coupling:
        raise ValueError("model must be a Neuroformer without a coupling")
    if duration <= 0 or before < 0 or n_sequences < 1:
        raise ValueError(
            "duration and n_sequences must be above 0 and before no less, got "
            f"{duration} s, {n_sequences} and {before} s"
        )
    check_finite(model)
    allowed = np.ones(model.config.n_neurons)
    if wrong := sorted(set(silenced) - set(range(len(allowed)))):
        raise ValueError(f"silenced must be neurons from 0 to {len(allowed) - 1}, got {wrong[0]}")
    allowed[list(silenced)] = 0
    with torch.inference_mode(), evaluating(model), undivided_operations():
        sequences = _Sequences(
            model, _beginnings(start, allowed, model.config.context, n_sequences)
        )
        sequences.go_on(before, duration / n_sequences, allowed, start, seed, progress)
    return sequences.spikes(), sequences.expected / sequences.recorded


def _beginnings(
    start: Tokens, allowed: NDArray[np.float64], context: int, n: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Take windows out of a recording: neurons, intervals and times, without the silenced ones."""
    heard = np.flatnonzero(allowed[start.neurons])
    length = max(context // _KEPT, 1)
    if len(heard) < length:
        raise ValueError(f"start must have {length} spikes, half a window, got {len(heard)}")
    firsts = np.linspace(0, len(heard) - length, n).astype(np.int64)
    at = heard[firsts[:, None] + np.arange(length)]
    times = start.times[at]
    # Without some spikes the intervals of the others are longer; the first one stays what it was.
    intervals = np.diff(times, axis=1, prepend=times[:, :1])
    intervals[:, 0] = start.intervals[at[:, 0]]
    return start.neurons[at], intervals, times - times[:, :1]


class _Sequences:
    """Sequences that a model draws side by side, each at its own time.

    Keys and values of a window are kept until it is full. Then its second half begins a new one.
    """

    def __init__(self, model: Neuroformer, beginnings: tuple[NDArray, ...]) -> None:
        self.model = model
        self.neurons, self.intervals, self.times = beginnings
        n, self.n_given = self.neurons.shape
        self.clock = np.zeros(n)  # since the beginning of what counts
        self.found: list[tuple[NDArray, NDArray]] = []
        # Spikes of each neuron, and s, as they were expected before each draw.
        self.expected, self.recorded = np.zeros(model.config.n_neurons), 0.0
        self.span = 0.0

    def go_on(
        self,
        before: float,
        span: float,
        allowed: NDArray[np.float64],
        start: Tokens,
        seed: int,
        progress: bool,
    ) -> None:
        """Draw spikes until every sequence has lasted so long, after what comes before."""
        rng, edges = np.random.default_rng(seed), start.vocabulary.edges
        widths = np.append(np.diff(edges), 0.0)
        was_seen = np.bincount(start.classes, minlength=len(edges)) > 0
        self.span, self.clock = span, self.clock - before
        state = self._read_window()
        with tqdm(total=before + span, unit="s", desc="generate", disable=not progress) as bar:
            while self.clock.min() < span:
                who, when = (_shares(logits) for logits in self._heads(state))
                when *= was_seen
                who, stays = who * allowed, np.minimum(who @ allowed, 1)
                if stays.min() < 1 / _MOST_DRAWS:
                    raise RuntimeError(
                        "the model expects nobody but silenced neurons; silence fewer of them"
                    )
                neurons = _drawn(who, rng)
                # A spike of a neuron that is silenced does not happen; the next one is drawn anew.
                n_draws = rng.geometric(stays)
                intervals = np.zeros(len(neurons))
                for draw in range(n_draws.max()):
                    classes = _drawn(when, rng)
                    waited = edges[classes] + widths[classes] * rng.random(len(classes))
                    intervals += waited * (draw < n_draws)
                counts = (self.clock >= 0) & (self.clock < span)
                self.expected += (who[counts] / stays[counts, None]).sum(axis=0)
                earlier, self.clock = self.clock, self.clock + intervals
                waits = when @ start.vocabulary.centres / when.sum(axis=1) / stays
                self.recorded += waits[counts].sum()
                bar.update(min(self.clock.min(), span) - min(earlier.min(), span))
                self.found.append((self.clock, neurons))
                state = self._append(neurons, intervals)

    def spikes(self) -> SpikeTrains:
        """Put the sequences one after the other."""
        n = len(self.clock)
        clocks, neurons = (np.stack(column) for column in zip(*self.found, strict=True))
        inside = (clocks >= 0) & (clocks < self.span)
        order = np.nonzero(inside.T)  # by sequence, then by time
        starts = self.span * np.arange(n)
        times = clocks.T[order] + starts[order[0]]
        # Rounding may put the last spike of a sequence at the start of the next one.
        times = np.minimum(times, np.nextafter(starts + self.span, 0)[order[0]])
        return SpikeTrains(
            times=times,
            neurons=neurons.T[order],
            n_neurons=self.model.config.n_neurons,
            duration=float(self.span * n),
            epochs=np.stack([starts, np.append(starts[1:], self.span * n)], axis=1),
        )

    def _heads(self, state: Tensor) -> tuple[Tensor, Tensor]:
        x = self.model.norm(state)
        return self.model.neuron_head(x), self.model.interval_head(x)

    def _append(self, neurons: NDArray, intervals: NDArray) -> Tensor:
        """Add a token to each window and give the state after it."""
        times = self.times[:, -1] + intervals
        self.neurons = np.column_stack([self.neurons, neurons])
        self.intervals = np.column_stack([self.intervals, intervals])
        self.times = np.column_stack([self.times, times])
        if self.neurons.shape[1] > self.model.config.context:
            half = self.neurons.shape[1] - self.n_given
            self.neurons, self.intervals = self.neurons[:, half:], self.intervals[:, half:]
            self.times = self.times[:, half:] - self.times[:, half : half + 1]
            return self._read_window()
        return self._read_last()

    def _inputs(self, first: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give the tokens of the windows from one on."""
        neurons, *rest = (c[:, first:] for c in (self.neurons, self.intervals, self.times))
        intervals, times = (torch.from_numpy(column.astype(np.float32)) for column in rest)
        return torch.from_numpy(neurons), intervals, times

    def _read_window(self) -> Tensor:
        """Read whole windows; keys and values stay, for the tokens to come."""
        neurons, intervals, times = self._inputs(0)
        context = self.model.config.context
        self.kept = []
        x = self.model.embed(neurons, intervals, times)
        for step in self.model.walk(x, times):
            parts = step.project()
            room = [p.new_empty(*p.shape[:2], context, p.shape[3]) for p in parts[1:]]
            for place, part in zip(room, parts[1:], strict=True):
                place[:, :, : part.shape[2]] = part
            self.kept.append(room)
            x = step.finish(step.attention.read(parts))
        return x[:, -1]

    def _read_last(self) -> Tensor:
        """Read the last token of each window, with what is kept of those before it."""
        last = self.neurons.shape[1] - 1
        neurons, intervals, times = self._inputs(last)
        x = self.model.embed(neurons, intervals, times, first=last)
        for step, (keys, values) in zip(self.model.walk(x, times), self.kept, strict=True):
            query, key, value = step.project()
            keys[:, :, last], values[:, :, last] = key[:, :, 0], value[:, :, 0]
            n_seen = last + (not step.attention.strict)
            matrix = step.attention.matrix(
                query, keys[:, :, :n_seen], torch.ones(1, n_seen, dtype=torch.bool)
            )
            x = step.finish(matrix @ values[:, :, :n_seen])
        return x[:, -1]


def _shares(logits: Tensor) -> NDArray[np.float64]:
    return logits.double().softmax(-1).numpy()


def _drawn(shares: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one of each row, by shares that need not add up to one."""
    sums = np.cumsum(shares, axis=1)
    return (sums > rng.random((len(sums), 1)) * sums[:, -1:]).argmax(axis=1)
