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

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.special import ndtr

from lgl_core.networks.network import Network
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains

__all__ = ["Foresight", "foresee"]

# Standard deviations of the membrane that the grid reaches to either side, and of a step's noise.
_REACH, _REACH_OF_STEP = 5.0, 4.0
# Neurons whose probabilities at all spikes are kept at once.
_TOGETHER = 32


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
    """

    own: NDArray[np.float64]
    anyone: NDArray[np.float64]
    silence: NDArray[np.float64]
    neurons: NDArray[np.int64]
    n_steps: int

    def gain(self) -> float:
        """Gain of who knows the network over constant rates, in nats per spike.

        Both predict, in every step, whether each neuron fires. The rates are those of the spikes
        themselves.
        """
        counts = np.bincount(self.neurons, minlength=len(self.silence))
        fired = counts[counts > 0]
        constant = fired * np.log(fired / self.n_steps)
        constant += (self.n_steps - fired) * np.log1p(-fired / self.n_steps)
        return float((np.log(self.own).sum() + self.silence.sum() - constant.sum()) / len(self.own))

    def gain_of_neuron(self) -> float:
        """Gain in saying who fires, when told that someone does, in nats per spike.

        Over the model that names each neuron as often as it fires.
        """
        counts = np.bincount(self.neurons, minlength=len(self.silence))
        share = counts[self.neurons] / len(self.neurons)
        return float(np.mean(np.log(self.own / self.anyone) - np.log(share)))


def foresee(
    network: Network,
    params: LIFParams,
    spikes: SpikeTrains,
    start: float = 1.0,
    n_cells: int = 201,
) -> Foresight:
    """Follow what every membrane may do, given the spikes so far.

    Parameters
    ----------
    network : Network
        That was simulated.
    params : LIFParams
        With which it was simulated; its noise must be private.
    spikes : SpikeTrains
        That came out.
    start : float
        In s. Before it membranes are followed, but nothing is counted: where they began is not
        known.
    n_cells : int
        Of the grid, odd. Twice as many cells take four times as long.

    Returns
    -------
    Foresight
        From ``start`` on.

    Raises
    ------
    ValueError
        If the noise is shared or absent, ``n_cells`` is even, ``start`` leaves no spike, or a spike
        comes while its neuron is refractory, as in spikes of another network.
    """
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
    anyone, own = np.zeros(len(steps) - counted), np.zeros(len(steps) - counted)
    silence = np.zeros(network.n_neurons)
    for begin in range(0, network.n_neurons, _TOGETHER):
        posts = np.arange(begin, min(begin + _TOGETHER, network.n_neurons))
        found, silence[posts], refractory = _follow(
            posts,
            steps,
            spikes.neurons,
            network.weights,
            delay_steps,
            kernel,
            lowest,
            2 * _REACH * params.sigma / n_cells,
            np.exp(-params.dt / params.tau_m),
            params.v_rest + params.mu,
            params.v_threshold,
            params.v_reset,
            max(round(params.refractory / params.dt), 1),
            first,
            n_steps,
            counted,
        )
        if refractory:
            raise ValueError(
                "spikes must be those of this network and these params, got one of a neuron that "
                "was refractory"
            )
        anyone += found.sum(axis=0)
        mine = np.isin(spikes.neurons[counted:], posts)
        own[mine] = found[spikes.neurons[counted:][mine] - begin, np.flatnonzero(mine)]
    return Foresight(
        own=own,
        anyone=anyone,
        silence=silence,
        neurons=spikes.neurons[counted:],
        n_steps=n_steps - first,
    )


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


@njit(parallel=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _follow(
    posts, steps, neurons, weights, delay_steps, kernel, lowest, width, decay, target, threshold,
    reset, refractory_steps, first, n_steps, counted,
):  # fmt: skip
    """Follow some neurons, one per parallel task: their probabilities at all counted spikes."""
    found = np.zeros((len(posts), len(steps) - counted))
    silence, wrong = np.zeros(len(posts)), np.zeros(len(posts), np.bool_)
    for p in prange(len(posts)):
        silence[p], wrong[p] = _follow_one(
            posts[p], steps, neurons, weights[posts[p]], delay_steps[posts[p]], kernel, lowest,
            width, decay, target, threshold, reset, refractory_steps, first, n_steps, counted,
            found[p],
        )  # fmt: skip
    return found, silence, wrong.any()


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _follow_one(
    post, steps, neurons, weights, delay_steps, kernel, lowest, width, decay, target, threshold,
    reset, refractory_steps, first, n_steps, counted, found,
):  # fmt: skip
    """Go through all steps: noise, threshold, input, as the simulator does."""
    n_cells, n_taps = kernel.shape
    centre = n_cells // 2
    ring = delay_steps.max() + 1
    arriving = np.zeros(ring)
    noise, moved = np.zeros(n_cells), np.zeros(n_cells)
    noise[centre] = 1.0
    low, high = centre, centre + 1  # cells that hold anything
    mean, ready, silence, next_spike = reset, 0, 0.0, 0
    for step in range(n_steps):
        now = step % ring
        received, arriving[now] = arriving[now], 0.0
        chance = 0.0
        active = ready <= step
        if active:
            mean = target + (mean - target) * decay
            # The cell that holds the threshold, and how much of it lies below.
            place = (threshold - mean) / width + centre + 0.5
            limit = min(max(int(np.floor(place)), 0), n_cells)
            below = place - limit if limit < n_cells else 0.0
            for i in range(lowest[low], lowest[high - 1] + n_taps):
                moved[i] = 0.0
            for i in range(low, high):
                mass, to = noise[i], moved[lowest[i] : lowest[i] + n_taps]
                for k in range(n_taps):
                    to[k] += mass * kernel[i, k]
            low, high = lowest[low], lowest[high - 1] + n_taps
            for i in range(limit, high):
                part = max(below, 0.0) if i == limit else 0.0
                chance += moved[i] * (1.0 - part)
                moved[i] *= part
            high = min(high, limit + 1)
            left = 1.0 - chance
            for i in range(low, high):
                noise[i] = moved[i] / left
            while low < high - 1 and noise[low] < 1e-12:
                low += 1
            while high > low + 1 and noise[high - 1] < 1e-12:
                high -= 1
            mean += received
        fired = False
        spike = next_spike
        while spike < len(steps) and steps[spike] == step:
            if spike >= counted:
                found[spike - counted] = chance
            fired |= neurons[spike] == post
            weight = weights[neurons[spike]]
            if weight != 0.0:
                arriving[(step + delay_steps[neurons[spike]]) % ring] += weight
            spike += 1
        next_spike = spike
        if fired:
            if not active:
                return 0.0, True
            for i in range(low, high):
                noise[i] = 0.0
            noise[centre] = 1.0
            low, high, mean, ready = centre, centre + 1, reset, step + refractory_steps
        elif step >= first:
            silence += np.log1p(-chance)
    return silence, False
