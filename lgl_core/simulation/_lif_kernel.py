"""The inner loops of the simulator: Gaussian noise from a counter, and the membranes.

Both are written so that the compiler turns them into instructions that treat several neurons at
once: no branch that depends on a neuron, no call, single precision where that is enough. They
use additions, products, roots and shifts alone, whose results are the same on every processor;
so the same key gives the same bits everywhere. Each is one long function, since a chain of
small ones takes numba four times as long to compile.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy import float32, int32, uint32

__all__ = ["LANES", "advance", "fill_normals"]

# Arrays of neurons are padded to whole groups of so many: one register of 16 pairs.
LANES = 32
# Neurons searched for the one that fired, when one did.
_GROUP = 512

# Minimax polynomials: -2 log(1 + f) / f for 1 + f from sqrt(1/2) to sqrt(2), and sin(pi t) / t
# and cos(pi t), in t**2, for t up to 1/2. Their errors are below 5e-7 and 5e-8.
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (
    float32(c)
    for c in (-2.0000065, 1.0000393, -0.66606596, 0.49762681, -0.41209354, 0.3780395, -0.23654925)
)
_S0, _S1, _S2, _S3, _S4 = (
    float32(c) for c in (3.14159255, -5.16770491, 2.5499995, -0.5978577, 0.0768582)
)
_C0, _C1, _C2, _C3, _C4 = (
    float32(c) for c in (1.0, -4.93479304, 4.05841451, -1.33189402, 0.21972142)
)
_MINUS_2_LOG_2 = float32(-2 * np.log(2))
_ROOT_HALF_BITS = int32(0x3F3504F3)  # sqrt(1/2) as a float32, read as an integer
_HALF, _ONE, _TWO = float32(0.5), float32(1), float32(2)
_TO_UNIT, _TO_TURN = float32(2.0**-31), float32(2.0**-32)
_PARITY = uint32(0x1BD11BDA)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_normals(first_step, key0, key1, normals):
    """Draw one standard normal number for each step and neuron.

    Threefry-2x32 with 13 rounds turns the counter (pair of neurons, step) and the key into two
    random words; the method of Box and Muller turns these into two normal numbers, for neurons
    ``2 * pair`` and ``2 * pair + 1``. A number depends on key, step and neuron alone, so it does
    not matter who draws it when.

    Parameters
    ----------
    first_step : int
        Step of the first row. Steps are counted modulo 2**32: 119 hours at a step of 0.1 ms.
    key0, key1 : uint32
        Made from the seed.
    normals : ndarray of float32, shape (n_steps, n_neurons)
        Filled. ``n_neurons`` is a multiple of ``LANES``. The largest possible size is 6.7.

    Notes
    -----
    Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    key2 = uint32(key0 ^ key1 ^ _PARITY)
    for row in range(len(normals)):
        step, out = uint32(first_step + row), normals[row]
        for pair in range(len(out) // 2):
            x = uint32(pair + key0)
            y = uint32(step + key1)
            # A round: add, rotate, exclusive or. After every fourth the key comes in again.
            x = uint32(x + y)
            y = uint32((y << 13) | (y >> 19)) ^ x
            x = uint32(x + y)
            y = uint32((y << 15) | (y >> 17)) ^ x
            x = uint32(x + y)
            y = uint32((y << 26) | (y >> 6)) ^ x
            x = uint32(x + y)
            y = uint32((y << 6) | (y >> 26)) ^ x
            x = uint32(x + key1)
            y = uint32(y + key2 + 1)
            x = uint32(x + y)
            y = uint32((y << 17) | (y >> 15)) ^ x
            x = uint32(x + y)
            y = uint32((y << 29) | (y >> 3)) ^ x
            x = uint32(x + y)
            y = uint32((y << 16) | (y >> 16)) ^ x
            x = uint32(x + y)
            y = uint32((y << 24) | (y >> 8)) ^ x
            x = uint32(x + key2)
            y = uint32(y + key0 + 2)
            x = uint32(x + y)
            y = uint32((y << 13) | (y >> 19)) ^ x
            x = uint32(x + y)
            y = uint32((y << 15) | (y >> 17)) ^ x
            x = uint32(x + y)
            y = uint32((y << 26) | (y >> 6)) ^ x
            x = uint32(x + y)
            y = uint32((y << 6) | (y >> 26)) ^ x
            x = uint32(x + key0)
            y = uint32(y + key1 + 3)
            x = uint32(x + y)
            y = uint32((y << 17) | (y >> 15)) ^ x

            # radius**2 = -2 log(uniform), uniform = 2**exponent * (1 + f), above 0, at most 1
            uniform = (float32(int32(x >> 1)) + _HALF) * _TO_UNIT
            bits = np.float32(uniform).view(np.int32)
            exponent = int32((bits - _ROOT_HALF_BITS) >> 23)
            f = np.int32(bits - int32(exponent << 23)).view(np.float32) - _ONE
            series = _L3 + f * (_L4 + f * (_L5 + f * _L6))
            square = f * (_L0 + f * (_L1 + f * (_L2 + f * series)))
            radius = np.sqrt(square + float32(exponent) * _MINUS_2_LOG_2)

            # Sine and cosine of half the angle, which is a turn from -1/2 to 1/2.
            turn = float32(int32(y)) * _TO_TURN
            t = turn * turn
            sine = turn * (_S0 + t * (_S1 + t * (_S2 + t * (_S3 + t * _S4))))
            cosine = _C0 + t * (_C1 + t * (_C2 + t * (_C3 + t * _C4)))
            out[2 * pair] = radius * (_ONE - _TWO * sine * sine)
            out[2 * pair + 1] = radius * (_TWO * sine * cosine)


@njit(cache=True, nogil=True, error_model="numpy")
def advance(
    membrane,
    ready_at,
    arriving,
    normals,
    first_step,
    decay,
    target,
    noise,
    threshold,
    reset,
    refractory_steps,
    synapse_first,
    synapse_targets,
    synapse_weights,
    synapse_delays,
    out_steps,
    out_neurons,
    n_spikes,
):
    """Advance all neurons by as many steps as there are rows of noise.

    Within a step: integrate, spike and reset, then receive (the order of Brian2). Stops when the
    room for spikes is used up.

    Parameters
    ----------
    membrane : ndarray of float64, shape (n_neurons,)
        Potentials in mV; ``n_neurons`` is a multiple of ``LANES``. Double precision, since
        half a million small steps add up in it. Changed.
    ready_at : ndarray of int64, shape (n_neurons,)
        Step from which a neuron is no longer refractory. Changed.
    arriving : ndarray of float64, shape (longest delay + 1, n_neurons)
        Ring of the input in mV of this step and the coming ones. Changed.
    normals : ndarray of float32, shape (n_steps, n_neurons)
        From :func:`fill_normals`.
    first_step : int
        Step of the first row.
    decay, target, noise, threshold, reset : float
        What a step leaves of the distance to ``target`` (mV), the standard deviation it adds
        (mV), and where a neuron spikes and goes (mV).
    refractory_steps : int
        At least 1.
    synapse_first, synapse_targets, synapse_weights, synapse_delays : ndarray
        Outgoing synapses of neuron i: from ``synapse_first[i]`` to ``synapse_first[i + 1]``.
    out_steps, out_neurons : ndarray of int, shape (room,)
        Filled from ``n_spikes`` on, by step, then by neuron.
    n_spikes : int
        Spikes that are there already.

    Returns
    -------
    int
        Spikes that are there now.
    """
    ring, n_neurons = arriving.shape
    for row in range(len(normals)):
        step, noise_of_step = first_step + row, normals[row]
        now = step % ring
        input_of_step = arriving[now]
        first_of_step = n_spikes
        for start in range(0, n_neurons, _GROUP):
            v, ready = membrane[start : start + _GROUP], ready_at[start : start + _GROUP]
            normal = noise_of_step[start : start + _GROUP]
            received = input_of_step[start : start + _GROUP]
            n_fired = 0
            for i in range(len(v)):
                moved = target + (v[i] - target) * decay + noise * normal[i]
                active = ready[i] <= step
                fired = active & (moved >= threshold)
                # Who fires is marked by an infinite potential, and looked for below.
                v[i] = (np.inf if fired else moved + received[i]) if active else v[i]
                received[i] = 0.0
                n_fired += fired
            if n_fired == 0:
                continue
            for i in range(len(v)):
                if v[i] == np.inf:
                    if n_spikes == len(out_steps):
                        return n_spikes
                    out_steps[n_spikes] = step
                    out_neurons[n_spikes] = start + i
                    n_spikes += 1
                    v[i] = reset
                    ready[i] = step + refractory_steps
        for spike in range(first_of_step, n_spikes):
            neuron = out_neurons[spike]
            for synapse in range(synapse_first[neuron], synapse_first[neuron + 1]):
                when = now + synapse_delays[synapse]
                when = when - ring if when >= ring else when
                arriving[when, synapse_targets[synapse]] += synapse_weights[synapse]
    return n_spikes
