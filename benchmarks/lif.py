"""The simulator against Brian2 and NEST, on the default network with the same parameters.

Timed is the run alone, from the first step to the last: no building of networks, and for Brian2
(``cpp_standalone``) no code generation and no compiling. Two more comparisons with Brian2, as
it comes and in that mode, are from the start of a process to the spikes of the first run, with
everything that has to be compiled.
Noise differs between the tools, so the same result is the same statistics: mean rate, mean
coefficient of variation of the intervals, and the Fano factor of population counts in 20 ms, each
within four standard errors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.side_by_side import alone, compare
from lgl_core.networks.network import Network, hub_network
from lgl_core.simulation.lif import LIFParams, simulate

__all__ = ["records"]

SECONDS = 100.0
FIRST_SECONDS = 10.0
# Neurons and seconds of runs without a peer, for time and memory.
ALONE = [(300, 10.0), (300, 100.0), (300, 500.0), (3000, 10.0)]
NEST_THREADS = 2

# Statistics are taken in segments of so many seconds, whose scatter gives the standard error.
SEGMENT = 5.0
# Standard deviation of the mean rate in Hz over runs of FIRST_SECONDS.
RATE_SD = 0.14
STATISTICS = ["rate in Hz", "CV", "Fano factor"]


def records() -> Iterator[dict[str, Any]]:
    """Yield one record after another."""
    yield compare(
        f"LIF, 300 neurons, {SECONDS:g} s",
        "Brian2 cpp_standalone, run alone",
        ours,
        brian2,
        same_statistics,
        duration=SECONDS,
    )
    yield compare(
        f"LIF, 300 neurons, {SECONDS:g} s",
        f"NEST, {NEST_THREADS} threads",
        ours,
        nest,
        same_statistics,
        duration=SECONDS,
    )
    for peer, first_run in FIRST_RUNS.items():
        record = compare(
            f"LIF, 300 neurons, {FIRST_SECONDS:g} s, from the start of the process",
            f"{peer}, compiling included",
            our_first_run,
            first_run,
            same_rate,
            duration=FIRST_SECONDS,
        )
        # The memory seen is that of the process that starts the others.
        yield record | {"ours_mb": None, "peer_mb": None}
    for n_neurons, duration in ALONE:
        figures = alone(ours, repeats=3, duration=duration, n_neurons=n_neurons)
        yield {
            "job": f"LIF, {n_neurons} neurons, {duration:g} s, alone",
            "n_neurons": n_neurons,
            "duration": duration,
            "seconds": figures["seconds"],
            "mb": figures["mb"],
            "rate": float(figures["result"][:, 0].mean()),
        }


# --- the network and what is compared ----------------------------------------------------------


@cache
def network(n_neurons: int = 300) -> Network:
    """Return the default network, or one of another size with the same number of inputs."""
    shrink = min(300 / n_neurons, 1.0)
    return hub_network(
        n_neurons, connection_probability=0.1 * shrink, hub_probability=0.4 * shrink, seed=0
    )


def statistics(times: np.ndarray, neurons: np.ndarray, n: int, duration: float) -> np.ndarray:
    """Return rate, CV of intervals and Fano factor of counts, shape (segments, 3)."""
    order = np.argsort(times, kind="stable")
    times, neurons = times[order], neurons[order]
    rows = []
    for start in np.arange(0, duration - SEGMENT / 2, SEGMENT):
        first, last = np.searchsorted(times, [start, start + SEGMENT])
        rows.append(_of_segment(times[first:last] - start, neurons[first:last], n))
    return np.array(rows)


def _of_segment(times: np.ndarray, neurons: np.ndarray, n: int) -> tuple[float, float, float]:
    order = np.lexsort((times, neurons))
    same = np.diff(neurons[order]) == 0
    intervals, owner = np.diff(times[order])[same], neurons[order][1:][same]
    count = np.bincount(owner, minlength=n)
    enough = count >= 10
    mean = np.bincount(owner, intervals, n)[enough] / count[enough]
    square = np.bincount(owner, intervals**2, n)[enough] / count[enough]
    counts = np.histogram(times, bins=round(SEGMENT / 0.02), range=(0, SEGMENT))[0]
    return (
        len(times) / n / SEGMENT,
        float(np.mean(np.sqrt(square - mean**2) / mean)),
        float(counts.var() / counts.mean()),
    )


def same_statistics(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Compare the three statistics: four standard errors, which must be small ones."""
    said = []
    for name, our, their in zip(STATISTICS, ours.T, theirs.T, strict=True):
        error = np.sqrt(our.var(ddof=1) / len(our) + their.var(ddof=1) / len(their))
        figures = f"{name} {our.mean():.3f} and {their.mean():.3f} (standard error {error:.3f})"
        assert error < 0.1 * their.mean(), f"too short to compare: {figures}"
        assert abs(our.mean() - their.mean()) < 4 * error, figures
        said.append(figures)
    return "Same statistics: " + ", ".join(said) + "."


def same_rate(ours: float, theirs: float) -> str:
    """Compare the mean rates of two short runs."""
    assert abs(ours - theirs) < 4 * np.sqrt(2) * RATE_SD, f"rate: {ours} against {theirs} Hz"
    return f"Mean rates agree: {ours:.2f} and {theirs:.2f} Hz."


# --- ours, Brian2, NEST ------------------------------------------------------------------------


def ours(duration: float, n_neurons: int = 300) -> tuple[float, np.ndarray]:
    """Simulate with lgl_core."""
    net = network(n_neurons)
    start = time.perf_counter()
    spikes = simulate(net, duration=duration)
    seconds = time.perf_counter() - start
    return seconds, statistics(spikes.times, spikes.neurons, n_neurons, duration)


def brian2(duration: float) -> tuple[float, np.ndarray]:
    """Run the binary that Brian2 compiled in the first call."""
    import brian2 as b2

    _, monitor = _built_brian2(duration)
    b2.device.run(with_output=False)
    times, neurons = np.asarray(monitor.t / b2.second), np.asarray(monitor.i)
    return b2.device._last_run_time, statistics(times, neurons, network().n_neurons, duration)


@cache
def _built_brian2(duration: float):
    from benchmarks.lif_brian2 import build

    return build(network(), LIFParams(), duration, tempfile.mkdtemp(prefix="brian2-"))


def nest(duration: float) -> tuple[float, np.ndarray]:
    """Simulate with NEST; a generator draws new noise for each neuron in each step."""
    import nest as simulator

    net, params = network(), LIFParams()
    tau, capacitance, dt = params.tau_m * 1e3, 250.0, params.dt * 1e3  # ms, pF, ms
    resistance, decay = tau / capacitance, np.exp(-dt / tau)
    simulator.verbosity = simulator.VerbosityLevel.ERROR
    simulator.ResetKernel()
    simulator.SetKernelStatus({"resolution": dt, "local_num_threads": NEST_THREADS, "rng_seed": 1})
    population = simulator.Create(
        "iaf_psc_delta",
        net.n_neurons,
        params={
            "tau_m": tau,
            "C_m": capacitance,
            "E_L": params.v_rest,
            "V_th": params.v_threshold,
            "V_reset": params.v_reset,
            "t_ref": params.refractory * 1e3,
            "I_e": params.mu / resistance,
        },
    )
    low, high = params.v_reset, params.v_rest + params.mu
    population.V_m = np.random.default_rng(0).uniform(low, high, net.n_neurons)
    # A current that is constant over a step moves the membrane by (1 - decay) * resistance times
    # it; this one gives a free membrane the standard deviation sigma.
    std = params.sigma * np.sqrt(1 - decay**2) / ((1 - decay) * resistance)
    noise = simulator.Create("noise_generator", params={"std": std, "dt": dt})
    simulator.Connect(noise, population)
    post, pre = np.nonzero(net.weights)
    ids = np.array(population.tolist())
    simulator.Connect(
        ids[pre],
        ids[post],
        "one_to_one",
        {"weight": net.weights[post, pre], "delay": np.full(len(pre), params.delay * 1e3)},
    )
    recorder = simulator.Create("spike_recorder")
    simulator.Connect(population, recorder)
    simulator.Prepare()
    start = time.perf_counter()
    simulator.Run(duration * 1e3)
    seconds = time.perf_counter() - start
    simulator.Cleanup()
    # NEST labels a spike with the end of its step.
    times = recorder.events["times"] / 1e3 - params.dt
    neurons = np.searchsorted(ids, recorder.events["senders"])
    return seconds, statistics(times, neurons, net.n_neurons, duration)


# --- from the start of a process ---------------------------------------------------------------

OURS = """
import sys
from lgl_core.simulation.lif import simulate
from lgl_core.networks.network import hub_network
spikes = simulate(hub_network(seed=0), duration=float(sys.argv[1]))
print(spikes.rates.mean())
"""

# The parameters come by the command line, since lgl_core.simulation.lif would load numba. Brian2
# compiles with `make -j`: as many compilers at once as it has files.
BRIAN2 = """
import json, sys, types
from benchmarks.lif_brian2 import build
from lgl_core.networks.network import hub_network
duration, folder, params = float(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
_, monitor = build(hub_network(seed=0), types.SimpleNamespace(**params), duration, folder)
import brian2
brian2.device.run(with_output=False)
print(len(monitor.t) / len(monitor.source) / duration)
"""


AS_IT_COMES = """
import json, sys, types
from benchmarks.lif_brian2 import run_as_it_comes
from lgl_core.networks.network import hub_network
duration, folder, params = float(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
monitor = run_as_it_comes(hub_network(seed=0), types.SimpleNamespace(**params), duration, folder)
print(len(monitor.t) / len(monitor.source) / duration)
"""


def our_first_run(duration: float) -> tuple[float, float]:
    """Start Python, import, compile and simulate, with an empty cache of numba."""
    return _first_run(OURS, duration)


def brian2_first_run(duration: float) -> tuple[float, float]:
    """Start Python, import, generate, compile and simulate, in an empty folder."""
    return _first_run(BRIAN2, duration)


def brian2_first_run_as_it_comes(duration: float) -> tuple[float, float]:
    """Start Python, import, generate, compile with Cython and simulate, in an empty folder."""
    return _first_run(AS_IT_COMES, duration)


FIRST_RUNS = {
    "Brian2 as it comes (Cython)": brian2_first_run_as_it_comes,
    "Brian2 cpp_standalone": brian2_first_run,
}


def _first_run(script: str, duration: float) -> tuple[float, float]:
    params = json.dumps(asdict(LIFParams()))
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        start = time.perf_counter()
        finished = subprocess.run(
            [sys.executable, "-c", script, str(duration), folder, params],
            cwd=Path(__file__).parents[1],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - start
    return seconds, float(finished.stdout.split()[-1])
