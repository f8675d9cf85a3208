"""The default network in Brian2: compiled as a whole (C++ standalone), or as it comes.

A file of its own, which loads nothing that Brian2 does not need: it is timed from the start of
the process as well.
"""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from numpy.typing import NDArray

from lgl_core.networks.network import Network

__all__ = ["brian2_network", "build", "run_as_it_comes"]


def build(network: Network, params: Any, duration: float, folder: str) -> tuple[Any, Any]:
    """Generate and compile the simulation; ``brian2.device.run()`` then runs it.

    Parameters
    ----------
    network : Network
        Without delays of its own.
    params : LIFParams
        Or anything with the same attributes.
    duration : float
        In s.
    folder : str
        Where to build.

    Returns
    -------
    network : brian2.Network
        To be kept, since its objects hold each other by weak references.
    monitor : brian2.SpikeMonitor
        Holds the spikes after a run.
    """
    b2.set_device("cpp_standalone", build_on_run=False, directory=folder)
    whole, monitor = brian2_network(network, params)
    whole.run(duration * b2.second)
    b2.device.build(directory=folder, compile=True, run=False, with_output=False)
    return whole, monitor


def run_as_it_comes(network: Network, params: Any, duration: float, folder: str) -> Any:
    """Run in Brian2's default mode, which compiles each step's code as a Cython module.

    Parameters
    ----------
    network, params, duration
        As for :func:`build`.
    folder : str
        Where the modules go; an empty one makes it a first run.

    Returns
    -------
    monitor : brian2.SpikeMonitor
    """
    b2.prefs.codegen.runtime.cython.cache_dir = folder
    whole, monitor = brian2_network(network, params)
    whole.run(duration * b2.second)
    return monitor


def brian2_network(
    network: Network, params: Any, initial: NDArray[np.float64] | None = None
) -> tuple[Any, Any]:
    """Write the simulation of :func:`lgl_core.simulation.lif.simulate` down in Brian2.

    Parameters
    ----------
    network, params
        As for :func:`build`.
    initial : ndarray, shape (n_neurons,), optional
        Membrane potentials at the start in mV. Default: drawn evenly up to where the drive leads.

    Returns
    -------
    network : brian2.Network
    monitor : brian2.SpikeMonitor
    """
    b2.BrianLogger.suppress_name("method_choice")
    b2.defaultclock.dt = params.dt * b2.second
    noise = " + sigma * sqrt(2 / tau) * xi" if params.sigma else ""
    group = b2.NeuronGroup(
        network.n_neurons,
        f"dv/dt = (v_inf - v) / tau{noise} : volt (unless refractory)",
        threshold="v >= threshold",
        reset="v = v_reset",
        refractory=params.refractory * b2.second,
        method="euler" if params.sigma else "exact",
        namespace={
            "tau": params.tau_m * b2.second,
            "v_inf": (params.v_rest + params.mu) * b2.mV,
            "sigma": params.sigma * b2.mV,
            "threshold": params.v_threshold * b2.mV,
            "v_reset": params.v_reset * b2.mV,
        },
    )
    if initial is None:
        low, high = params.v_reset, params.v_rest + params.mu
        initial = np.random.default_rng(0).uniform(low, high, network.n_neurons)
    group.v = initial * b2.mV
    synapses = b2.Synapses(
        group, group, "w : volt", on_pre="v_post += w", delay=params.delay * b2.second
    )
    post, pre = np.nonzero(network.weights)
    synapses.connect(i=pre, j=post)
    synapses.w = network.weights[post, pre] * b2.mV
    monitor = b2.SpikeMonitor(group)
    return b2.Network(group, synapses, monitor), monitor
