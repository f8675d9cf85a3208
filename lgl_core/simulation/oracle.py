"""What can be known of the spikes of a network by someone who knows the network.

Neurons with private noise have nothing in common but their spikes. So who has seen all spikes, and
knows weights, delays and membranes, knows of each neuron where its membrane would be without noise,
and how the noise is distributed that has not yet taken it to threshold: a Markov chain of one
dimension, followed here on a grid. The probability that the neuron fires in the next step is what
of that distribution the step takes across the threshold. No model that is given the same spikes
can expect to predict them better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from lgl_core.networks.network import Network
from lgl_core.simulation._oracle_kernel import follow
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains

__all__ = ["Foresight", "foresee"]

# Standard deviations of the membrane that the grid reaches to either side, and of a step's noise.
_REACH, _REACH_OF_STEP = 5.0, 4.0
# Neurons whose probabilities at all spikes are kept at once.
_TOGETHER = 32
# Share of the cases that are still silent when the next spike is no longer waited for.
_SILENT = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Foresight:
    """Probabilities of what happened, given everything before it and the network.

    Parameters
    ----------
    own : ndarray, shape (n_spikes,)
        Of each spike: that its neuron fires in that step.
    anyone : ndarray, shape (n_spikes,)
        How many spikes were to be expected in that step: the sum over all neurons.
    silence : ndarray, shape (n_neurons,)
        Log-probability of all steps in which a neuron did not fire, summed.
    neurons : ndarray of int, shape (n_spikes,)
        Who fired.
    n_steps : int
        Steps that were foreseen.
    in_bins : ndarray, shape (n_neurons,)
        Log-probability of all bins with and without a spike of each neuron, summed, each of them
        given what came before the bin.
    bins_with_spikes : ndarray of int, shape (n_neurons,)
        How many of them have a spike of each neuron.
    n_bins : int
        Bins that were foreseen.
    next_neurons : ndarray of int, shape (n_next,)
        Who fired next, after some of the spikes.
    next_chances : ndarray, shape (n_next,)
        What was to be expected of that by who is not told at what time somebody fires.
    """

    own: NDArray[np.float64]
    anyone: NDArray[np.float64]
    silence: NDArray[np.float64]
    neurons: NDArray[np.int64]
    n_steps: int
    in_bins: NDArray[np.float64]
    bins_with_spikes: NDArray[np.int64]
    n_bins: int
    next_neurons: NDArray[np.int64]
    next_chances: NDArray[np.float64]

    def gain(self) -> float:
        """Gain of who knows the network over constant rates, in nats per spike.

        Both predict, in every step, whether each neuron fires. The rates are those of the spikes
        themselves.
        """
        counts = np.bincount(self.neurons, minlength=len(self.silence))
        known = np.log(self.own).sum() + self.silence.sum()
        return float((known - _constant(counts, self.n_steps)) / len(self.own))

    def gain_in_bins(self) -> float:
        """Gain over constant rates of who predicts whole bins, in nats per spike.

        What a model of bins can be held against: within a bin, much more can be known.
        """
        constant = _constant(self.bins_with_spikes, self.n_bins)
        return float((self.in_bins.sum() - constant) / self.bins_with_spikes.sum())

    def gain_of_neuron(self) -> float:
        """Gain in saying who fires, when told that someone does, in nats per spike.

        Over the model that names each neuron as often as it fires.
        """
        known = np.log(self.own / self.anyone)
        return float(np.mean(known - np.log(self._shares()[self.neurons])))

    def gains_of_next(self) -> NDArray[np.float64]:
        """Gains in saying who fires next, when not told at what time, in nats: one per case.

        Over the same model. This is what a model of tokens is asked.
        """
        return np.log(self.next_chances) - np.log(self._shares()[self.next_neurons])

    def _shares(self) -> NDArray[np.float64]:
        """Share of the spikes that each neuron fires."""
        return np.bincount(self.neurons, minlength=len(self.silence)) / len(self.neurons)


def _constant(counts: NDArray[np.int64], n: int) -> float:
    """Log-likelihood of rates that never change: of so many spikes of each neuron in n steps."""
    fired = counts[counts > 0]
    return float((fired * np.log(fired / n) + (n - fired) * np.log1p(-fired / n)).sum())


def foresee(
    network: Network,
    params: LIFParams,
    spikes: SpikeTrains,
    start: float = 1.0,
    n_cells: int = 201,
    bin_width: float = 1e-3,
    n_next: int = 0,
    seed: int = 0,
) -> Foresight:
    """Say how likely each spike and each silence was for someone who knows the network.

    Parameters
    ----------
    network : Network
        That was simulated.
    params : LIFParams
        With which it was simulated, without a drive over time; its noise must be private.
    spikes : SpikeTrains
        That came out.
    start : float
        In s. Before it membranes are followed, but nothing is counted: where they began is not
        known.
    n_cells : int
        Of the grid, odd. Twice as many cells take four times as long.
    bin_width : float
        In s, of the bins that are predicted as a whole; a number of steps, and no longer than any
        delay: what others do in a bin then says nothing of the same bin.
    n_next : int
        Spikes after which it is foreseen who fires next, drawn at random among the last ones of
        their steps (within a step order means nothing), or all of these if there are fewer.
        Membranes are followed on from there as if nobody fired, until somebody surely has.
    seed : int
        Of that draw.

    Returns
    -------
    Foresight
        From ``start`` on.

    Raises
    ------
    ValueError
        If the noise is shared or absent, ``n_cells`` is even, ``start`` leaves no spike,
        ``bin_width`` is no number of steps or longer than a delay, or a spike comes while its
        neuron is refractory, as in spikes of another network.
    """
    told = _Told(network, params, spikes, start, n_cells)
    n_in_bin = told.steps_of(bin_width)
    counted = told.counted
    after, n_ahead = told.some_spikes(n_next, seed)
    ahead = np.zeros((network.n_neurons, len(after), n_ahead), np.float32)
    neurons = spikes.neurons[counted:]
    anyone, own = np.zeros(len(neurons)), np.zeros(len(neurons))
    silence, in_bins = np.zeros(network.n_neurons), np.zeros(network.n_neurons)
    with_spikes = np.zeros(network.n_neurons, np.int64)
    for posts in told.parts():
        found, silence[posts], in_bins[posts], with_spikes[posts], ahead[posts] = told.follow(
            posts, n_in_bin, after, n_ahead
        )
        anyone += found.sum(axis=0)
        mine = np.isin(neurons, posts)
        own[mine] = found[neurons[mine] - posts[0], np.flatnonzero(mine)]
    return Foresight(
        own=own,
        anyone=anyone,
        silence=silence,
        neurons=neurons,
        n_steps=told.n_steps - told.first,
        in_bins=in_bins,
        bins_with_spikes=with_spikes,
        n_bins=(told.n_steps - told.first) // n_in_bin,
        next_neurons=spikes.neurons[after + 1],
        next_chances=_next(ahead, spikes.neurons[after + 1]),
    )


def _next(ahead: NDArray[np.float32], who: NDArray[np.int64]) -> NDArray[np.float64]:
    """Chances that these neurons are the next to fire, from all chances in the steps to come."""
    found = np.zeros(len(who))
    for case, neuron in enumerate(who):
        chances = np.minimum(ahead[:, case], 1 - 1e-6)  # what is certain is so within rounding
        silent = np.cumsum(np.log1p(-chances).sum(axis=0, dtype=np.float64))
        of_neurons = chances @ np.exp(np.append(0.0, silent[:-1]))
        found[case] = of_neurons[neuron] / of_neurons.sum()
    return found


class _Told:
    """A network and its spikes, as the loops below take them; or a reason why they cannot."""

    def __init__(
        self, network: Network, params: LIFParams, spikes: SpikeTrains, start: float, n_cells: int
    ) -> None:
        if params.noise_correlation > 0 or params.sigma == 0:
            raise ValueError(
                "params must have private noise, noise_correlation = 0 and sigma > 0, got "
                f"{params.noise_correlation} and {params.sigma}"
            )
        if n_cells % 2 == 0:
            raise ValueError(f"n_cells must be odd, got {n_cells}")
        steps = np.floor(spikes.times / params.dt + 1e-6).astype(np.int64)
        n_steps = round(spikes.duration / params.dt)
        first = round(start / params.dt)
        counted = np.searchsorted(steps, first)
        if counted == len(steps):
            raise ValueError(f"start must leave spikes to foresee, got {start} s")
        kernel, lowest = _step_of_noise(params, n_cells)
        delays = network.delays if network.delays is not None else params.delay
        delay_steps = np.maximum(np.round(np.asarray(delays) / params.dt), 1).astype(np.int64)
        delay_steps = np.broadcast_to(delay_steps, network.weights.shape)
        self.dt = params.dt
        self.steps, self.neurons, self.counted = steps, spikes.neurons, int(counted)
        self.first, self.n_steps, self.n_neurons = first, n_steps, network.n_neurons
        self.wiring = network.weights, delay_steps
        self.grid = kernel, lowest, 2 * _REACH * params.sigma / n_cells
        self.membrane = (
            np.exp(-params.dt / params.tau_m),
            params.v_rest + params.mu,
            params.v_threshold,
            params.v_reset,
            max(round(params.refractory / params.dt), 1),
        )

    def parts(self) -> list[NDArray[np.int64]]:
        """Give the ids of the neurons, some at a time."""
        return np.array_split(np.arange(self.n_neurons), -(-self.n_neurons // _TOGETHER))

    def steps_of(self, bin_width: float) -> int:
        """Give the number of steps of a bin."""
        n, rest = divmod(round(bin_width / self.dt * 1e6), 10**6)
        shortest = self.wiring[1].min()
        if rest or not 1 <= n <= shortest:
            raise ValueError(
                f"bin_width must be a number of steps of {self.dt} s, and at most {shortest} of "
                f"them, the shortest delay, got {bin_width}"
            )
        return int(n)

    def some_spikes(self, n: int, seed: int) -> tuple[NDArray[np.int64], int]:
        """Draw spikes after which somebody fires next, and say for how many steps to wait."""
        counted = self.steps[self.counted :]
        candidates = self.counted + np.flatnonzero(np.diff(counted))
        n = min(n, len(candidates))
        after = np.sort(np.random.default_rng(seed).choice(candidates, n, replace=False))
        rate = len(counted) / (self.n_steps - self.first)
        # As long as there is hope, and as it took: pauses are longer where neurons fire in bursts.
        waited = (self.steps[after + 1] - self.steps[after]).max(initial=0)
        return after, max(int(np.ceil(-np.log(_SILENT) / rate)), int(waited))

    def follow(
        self,
        posts: NDArray[np.int64],
        n_in_bin: int,
        after: NDArray[np.int64],
        n_ahead: int,
    ) -> tuple[NDArray[Any], ...]:
        """Go through all steps for some neurons.

        Gives chances at all counted spikes, silence, log-chances of bins, bins with spikes, and
        chances in the steps after some spikes.
        """
        weights, delay_steps = self.wiring
        *found, wrong = follow(
            posts,
            self.steps,
            self.neurons,
            weights,
            delay_steps,
            *self.grid,
            *self.membrane,
            self.first,
            self.n_steps,
            self.counted,
            n_in_bin,
            after,
            n_ahead,
        )
        if wrong:
            raise ValueError(
                "spikes must be those of this network and these params, got one of a neuron that "
                "was refractory"
            )
        return tuple(found)


def _step_of_noise(
    params: LIFParams, n_cells: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Say where a step takes the noise of each cell: shares, and the lowest cell that gets one."""
    width = 2 * _REACH * params.sigma / n_cells
    centres = (np.arange(n_cells) - n_cells // 2) * width
    decay = np.exp(-params.dt / params.tau_m)
    spread = params.sigma * np.sqrt(1 - decay**2)
    n_taps = min(2 * int(np.ceil(_REACH_OF_STEP * spread / width)) + 3, n_cells)
    nearest = np.round(centres * decay / width).astype(np.int64) + n_cells // 2
    lowest = np.clip(nearest - n_taps // 2, 0, n_cells - n_taps)
    edges = centres[lowest][:, None] + (np.arange(n_taps + 1) - 0.5) * width
    shares = np.diff(ndtr((edges - decay * centres[:, None]) / spread), axis=1)
    return shares / shares.sum(axis=1, keepdims=True), lowest
