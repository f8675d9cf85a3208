"""The loops of the oracle: membranes of known neurons, followed through all steps on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

__all__ = ["follow"]

# Shares of a cell that are left out.
_NOTHING = 1e-12
# What is certain is so within rounding.
_CERTAIN = 1 - 1e-9
_FAST: dict[str, Any] = {
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},
}


@njit(parallel=True, **_FAST)
def follow(
    posts, steps, neurons, weights, delay_steps, kernel, lowest, width, decay, target, threshold,
    reset, refractory_steps, first, n_steps, counted, n_in_bin, after,
    n_ahead,
):  # fmt: skip
    """Follow some neurons, one per parallel task: their chances at all counted spikes."""
    found = np.zeros((len(posts), len(steps) - counted))
    ahead = np.zeros((len(posts), len(after), n_ahead), np.float32)
    silence, in_bins = np.zeros(len(posts)), np.zeros(len(posts))
    with_spikes, wrong = np.zeros(len(posts), np.int64), np.zeros(len(posts), np.bool_)
    for p in prange(len(posts)):
        silence[p], in_bins[p], with_spikes[p], wrong[p] = _follow_one(
            posts[p], steps, neurons, weights[posts[p]], delay_steps[posts[p]], kernel, lowest,
            width, decay, target, threshold, reset, refractory_steps, first, n_steps, counted,
            n_in_bin, after, found[p], ahead[p],
        )  # fmt: skip
    return found, silence, in_bins, with_spikes, ahead, wrong.any()


@njit(**_FAST)
def _follow_one(
    post, steps, neurons, weights, delay_steps, kernel, lowest, width, decay, target, threshold,
    reset, refractory_steps, first, n_steps, counted, n_in_bin, after, found,
    ahead,
):  # fmt: skip
    """Go through all steps: noise, threshold, input, as the simulator does."""
    n_cells, centre = len(kernel), len(kernel) // 2
    arriving = np.zeros(delay_steps.max() + 1)
    ring = len(arriving)
    # Of the membrane without noise, ``mean``, and what noise has added to it: shares of the cells
    # from ``low`` to ``high``, which are those that hold anything.
    noise, moved = np.zeros(n_cells), np.zeros(n_cells)
    imagined, rest_of_bin = np.zeros(n_cells), np.zeros(n_in_bin)
    noise[centre] = 1.0
    low, high, mean, ready = centre, centre + 1, reset, 0
    silence, spike, asked = 0.0, 0, 0
    # Of the bin: log-chance that it stays without a spike, and whether it did.
    in_bins, with_spikes, quiet, is_quiet = 0.0, 0, 0.0, True
    for step in range(n_steps):
        received, arriving[step % ring] = arriving[step % ring], 0.0
        chance, active = 0.0, ready <= step
        if active:
            mean = target + (mean - target) * decay
            chance, low, high = _one_step(
                noise, moved, low, high, kernel, lowest, (threshold - mean) / width
            )
            mean += received
        fired = False
        while spike < len(steps) and steps[spike] == step:
            if spike >= counted:
                found[spike - counted] = chance
            fired |= neurons[spike] == post
            arriving[(step + delay_steps[neurons[spike]]) % ring] += weights[neurons[spike]]
            spike += 1
        if fired:
            if not active:
                return 0.0, 0.0, 0, True
            if is_quiet:  # what would have been the rest of the bin
                rest = rest_of_bin[: n_in_bin - 1 - (step - first) % n_in_bin]
                _go_on(
                    rest, step, ready, noise, imagined, moved, low, high, kernel, lowest, mean,
                    arriving, width, decay, target, threshold,
                )  # fmt: skip
                quiet += np.log1p(-min(chance, _CERTAIN))
                for of_step in rest:
                    quiet += np.log1p(-min(of_step, _CERTAIN))
                is_quiet = False
            noise[low:high] = 0.0
            noise[centre] = 1.0
            low, high, mean, ready = centre, centre + 1, reset, step + refractory_steps
        else:
            of_step = np.log1p(-min(chance, _CERTAIN))
            silence += of_step if step >= first else 0.0
            quiet += of_step if is_quiet else 0.0
        if (step - first) % n_in_bin == n_in_bin - 1:
            if step >= first:
                in_bins += quiet if is_quiet else np.log(-np.expm1(quiet))
                with_spikes += not is_quiet
            quiet, is_quiet = 0.0, True
        if asked < len(after) and after[asked] < spike:
            _go_on(
                ahead[asked], step, ready, noise, imagined, moved, low, high, kernel, lowest, mean,
                arriving, width, decay, target, threshold,
            )  # fmt: skip
            asked += 1
    return silence, in_bins, with_spikes, False


@njit(**_FAST)
def _go_on(
    chances, step, ready, noise, imagined, moved, low, high, kernel, lowest, mean, arriving, width,
    decay, target, threshold,
):  # fmt: skip
    """Fill in the chances of the steps after this one, as if nobody fired any more."""
    imagined[:] = noise
    for k in range(len(chances)):
        later = step + 1 + k
        chances[k] = 0.0
        if ready > later:
            continue
        mean = target + (mean - target) * decay
        chances[k], low, high = _one_step(
            imagined, moved, low, high, kernel, lowest, (threshold - mean) / width
        )
        if later < step + len(arriving):
            mean += arriving[later % len(arriving)]


@njit(**_FAST)
def _one_step(noise, moved, low, high, kernel, lowest, limit):
    """Spread what noise may have added; take off and return what is beyond the threshold.

    The threshold is ``limit`` cells above the middle of the grid's middle cell.
    """
    n_cells, n_taps = kernel.shape
    place = limit + n_cells // 2 + 0.5
    last = min(max(int(np.floor(place)), 0), n_cells)  # the cell that holds the threshold
    below = min(max(place - last, 0.0), 1.0)
    begin, end = lowest[low], lowest[high - 1] + n_taps
    moved[begin:end] = 0.0
    for i in range(low, high):
        share, to = noise[i], moved[lowest[i] : lowest[i] + n_taps]
        for k in range(n_taps):
            to[k] += share * kernel[i, k]
    noise[low:high] = 0.0
    chance = 0.0
    for i in range(last, end):
        part = below if i == last else 0.0
        chance += moved[i] * (1.0 - part)
        moved[i] *= part
    end = min(end, last + 1)
    left = max(1.0 - chance, 1e-300)  # nothing is left where the next spike is certain
    for i in range(begin, end):
        noise[i] = moved[i] / left
    while begin < end - 1 and noise[begin] < _NOTHING:
        begin += 1
    while end > begin + 1 and noise[end - 1] < _NOTHING:
        end -= 1
    return chance, begin, end
