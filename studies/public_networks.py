"""Networks that others made, with their spikes and who is connected to whom.

Nothing of this project was chosen on them, and nothing may be. Graphs are ``[post, pre]``, times in
seconds. ``data/public_networks.md`` tells sources and licences.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lgl_core.spikes import SpikeTrains
from studies._public_files import FOLDER_VARIABLE, checker, fetched, unpickled

__all__ = [
    "FOLDER_VARIABLE",
    "KINDS",
    "N_IZHIKEVICH",
    "SHARES",
    "WITH_VOLTAGES",
    "KnownNetwork",
    "Source",
    "public_network",
    "public_voltages",
    "read_izhikevich",
    "read_point_process",
    "read_spycon",
    "read_voltages",
]

Source = Literal["spycon", "izhikevich", "point process"]

# Neurons of the Izhikevich networks, and tenths of the pairs that are connected.
N_IZHIKEVICH, SHARES = (5, 10, 20), (2, 4, 6, 8)
# Numbers of the Izhikevich networks whose potentials are listed, by how many neurons they have. How
# the transformer on voltages is trained was tried on the first four of five neurons.
WITH_VOLTAGES = {5: range(5, 10), 10: range(5), 20: range(5)}
# Kinds of each source, and how many networks there are of each kind.
KINDS: dict[str, dict[str, int]] = {
    "spycon": {"20 of 300 neurons": 1},
    "izhikevich": {
        f"{n} neurons, {10 * share} % connected": 10 for n in N_IZHIKEVICH for share in SHARES
    },
    "point process": {"woUU, 1500 steps": 5, "wUU, 1500 steps": 5, "wUU, 500 steps": 5},
}

_SPYCON = "data/gt_data/ren_simulation_1917_Cell1Block1_long_340_20_ei5_example.npz"
_STEP = 1e-3  # s, of the Izhikevich networks; taken for a step of the point process, too
_IZHIKEVICH_STEPS = 5000
_PEAK = 30.0  # mV, from which on a neuron fires


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownNetwork:
    """Spikes, and the connections that made them.

    Parameters
    ----------
    spikes : SpikeTrains
    weights : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, in the unit of the source; 0 where there is no connection, and on the
        diagonal.
    signed : bool
        Whether the source tells excitation from inhibition.
    """

    spikes: SpikeTrains
    weights: NDArray[np.float64]
    signed: bool


def public_network(source: Source, kind: str, number: int) -> KnownNetwork:
    """Fetch a network and read it; what is on this machine already is not fetched again.

    Parameters
    ----------
    source : {"spycon", "izhikevich", "point process"}
    kind : str
        Key of ``KINDS[source]``.
    number : int
        Of the network of this kind, from 0 up.

    Returns
    -------
    KnownNetwork

    Raises
    ------
    ValueError
        If there is no such network, or a file is not the one that was published.
    OSError
        If a file is not there and cannot be fetched: the environment variable
        ``LGL_PUBLIC_NETWORKS`` names the folder that holds it.
    """
    if source not in get_args(Source):
        raise ValueError(f"source must be one of {', '.join(get_args(Source))}, got {source!r}")
    if kind not in KINDS[source]:
        raise ValueError(f"kind must be one of {', '.join(KINDS[source])}, got {kind!r}")
    if not 0 <= number < KINDS[source][kind]:
        raise ValueError(f"number must lie in 0 to {KINDS[source][kind] - 1}, got {number}")
    if source == "spycon":
        return read_spycon(fetched("christiando/spycon", _SPYCON))
    if source == "point process":
        flag, length = kind.removesuffix(" steps").split(", ")
        path = f"data/neuronSpikeSim_{flag}_C_6_K_{length}_exp_{number}.p"
        return read_point_process(fetched("gaurav71531/spikeNetwork", path))
    firings, wiring = (
        _of_izhikevich(kind, number, name) for name in ("firings.txt", "connectivity.txt")
    )
    return read_izhikevich(firings, wiring)


def public_voltages(kind: str, number: int) -> tuple[KnownNetwork, NDArray[np.float64]]:
    """Fetch an Izhikevich network with the membrane potentials of its neurons.

    Parameters
    ----------
    kind, number
        As for :func:`public_network`; potentials are listed of the numbers in ``WITH_VOLTAGES``.

    Returns
    -------
    network : KnownNetwork
    voltages : ndarray, shape (n_steps, n_neurons)
        As from :func:`read_voltages`.

    Raises
    ------
    ValueError, OSError
        As for :func:`public_network`.
    """
    network = public_network("izhikevich", kind, number)
    return network, read_voltages(_of_izhikevich(kind, number, "v_alltimes.txt"), network.spikes)


def _of_izhikevich(kind: str, number: int, name: str) -> Path:
    n, share = int(kind.split()[0]), int(kind.split()[2])
    folder = (
        f"izhikevich_data/exc{n * 4 // 5}_inh{n // 5}_nodiag_withinp_rand/p{share // 10}/"
        f"inpvar5_S5_t{_IZHIKEVICH_STEPS}/seed{number}/"
    )
    return fetched("ziyulu-uw/causalformer", folder + name)


def read_spycon(path: Path) -> KnownNetwork:
    """Read a test of spycon: ``times`` (s), ``ids``, ``nodes`` and ``marked_edges``.

    A row of the edges is from whom, to whom and how strongly, without a sign; the step of the times
    is 0.05 ms. The recording is taken to end with the second of the last spike.

    Raises
    ------
    ValueError
        If a field is missing or does not fit the others; it is named.
    """
    check = checker(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            fields = {name: file[name] for name in file.files}
    except (ValueError, BadZipFile, EOFError) as error:
        raise ValueError(f"{path} must be a file of arrays: {error}") from error
    for name in ("times", "ids", "nodes", "marked_edges"):
        check(name in fields, f"it must have {name}")
    times, ids, nodes, edges = (fields[k] for k in ("times", "ids", "nodes", "marked_edges"))
    check(times.ndim == 1 and times.size, f"times must be flat, got shape {times.shape}")
    check(ids.shape == times.shape, f"ids must be one per spike, got shape {ids.shape}")
    check(np.isfinite(times).all() and times.min() >= 0, "times must be seconds from 0 up")
    n = len(nodes)
    check(np.array_equal(nodes, np.arange(n)), f"nodes must count from 0 up, got {nodes}")
    check(np.isin(ids, nodes).all(), "ids must be among nodes")
    check(edges.shape == (n * n, 3), f"marked_edges must have {n * n} rows of 3, got {edges.shape}")
    pre, post = edges[:, 0].astype(int), edges[:, 1].astype(int)
    pairs = np.sort(pre * n + post)
    check(np.array_equal(pairs, np.arange(n * n)), "marked_edges must have each pair once")
    weights = np.zeros((n, n))
    weights[post, pre] = edges[:, 2]
    check(np.isnan(np.diagonal(weights)).all(), "marked_edges must be NaN from a neuron to itself")
    np.fill_diagonal(weights, 0)
    check((weights >= 0).all(), "marked_edges must have strengths from 0 up")
    return KnownNetwork(
        spikes=_sorted(times, ids.astype(int), n, float(np.floor(times.max()) + 1)),
        weights=weights,
        signed=False,
    )


def read_izhikevich(firings: Path, wiring: Path) -> KnownNetwork:
    """Read a network of causalformer: who fired at which step of 1 ms, and the wiring.

    Both are text, ``step,neuron`` from 1 up, and a matrix, ``[post, pre]``. A spike stands in the
    middle of its step. 5 s were simulated, with a delay of one step and an input to each neuron
    that is drawn anew at each step.

    Raises
    ------
    ValueError
        If a file does not hold that; file and field are named.
    """
    fired, weights = _numbers(firings), _numbers(wiring)
    check, n = checker(wiring), len(weights)
    check(weights.shape == (n, n), f"the matrix must be square, got shape {weights.shape}")
    check(not np.diagonal(weights).any(), "the diagonal must be zero")
    signs = np.sign(weights)
    check((signs.max(axis=0) * signs.min(axis=0) >= 0).all(), "a column must be of one sign")
    check = checker(firings)
    check(fired.shape[1] == 2, f"there must be two columns, got {fired.shape[1]}")
    check((fired % 1 == 0).all(), "steps and neurons must be whole numbers")
    steps, neurons = fired.astype(int).T - 1
    inside = steps.min() >= 0 and steps.max() < _IZHIKEVICH_STEPS
    check(inside, f"steps must lie in 1 to {_IZHIKEVICH_STEPS}")
    check(neurons.min() >= 0 and neurons.max() < n, f"neurons must lie in 1 to {n}")
    check(len(np.unique(steps * n + neurons)) == len(steps), "a neuron fires twice in a step")
    spikes = _sorted(_middle(steps), neurons, n, _IZHIKEVICH_STEPS * _STEP)
    return KnownNetwork(spikes=spikes, weights=weights, signed=True)


def read_voltages(path: Path, spikes: SpikeTrains) -> NDArray[np.float64]:
    """Read the membrane potentials of a network of causalformer, in mV.

    The text has a row per neuron, and a column for the start and for the end of each step of 1 ms.

    Parameters
    ----------
    path : Path
    spikes : SpikeTrains
        Of the same network: who fires in a step starts it at 30 mV or above.

    Returns
    -------
    ndarray, shape (n_steps, n_neurons)
        At the start of each step, so that its rows are those of spikes in bins of 1 ms. A spike is
        not cut off.

    Raises
    ------
    ValueError
        If the file does not hold that, or does not fit the spikes.
    """
    table, check = _numbers(path), checker(path)
    expected = (spikes.n_neurons, _IZHIKEVICH_STEPS + 1)
    check(table.shape == expected, f"its shape must be {expected}, got {table.shape}")
    voltages = table[:, :-1].T
    fit = (voltages >= _PEAK) == spikes.binned(_STEP).astype(bool)
    neuron = int(np.argmin(fit.all(axis=0)))
    check(
        fit.all(),
        f"voltages must reach {_PEAK:g} mV where there is a spike and nowhere else, got "
        f"{np.count_nonzero(~fit[:, neuron])} other steps of neuron {neuron}: take the file of the "
        "same network",
    )
    return voltages


def read_point_process(path: Path) -> KnownNetwork:
    """Read a network of spikeNetwork: ``dN`` and ``beta`` in a pickle, read as data alone.

    ``dN`` has a row of zeros and ones per neuron, ``beta`` the coupling, ``[pre, post, lag]``. Its
    steps have no unit: **one is taken as 1 ms**, and a spike stands in its middle. The weight of a
    pair is the sum over lags, which has the sign of ``pos_beta``.

    Raises
    ------
    ValueError
        If the file does not hold that; the field is named.
    """
    check, fields = checker(path), unpickled(path)
    check(isinstance(fields, dict), "it must be a dictionary")
    for name in ("dN", "beta", "pos_beta"):
        check(isinstance(fields.get(name), np.ndarray), f"it must have an array {name}")
    fired, beta, sign = (fields[name] for name in ("dN", "beta", "pos_beta"))
    check(fired.ndim == 2 and np.isin(fired, (0, 1)).all(), "dN must be rows of 0 and 1")
    n, n_steps = fired.shape
    check(beta.ndim == 3 and beta.shape[:2] == (n, n), f"beta must be of {n} x {n} pairs")
    weights = beta.sum(axis=2).T.astype(float)
    check(np.isfinite(weights).all(), "beta must be finite")
    check(not np.diagonal(weights).any(), "beta must be zero from a neuron to itself")
    check(np.array_equal(np.sign(weights), sign.T), "pos_beta must have the signs of beta")
    steps, neurons = np.nonzero(fired.T)
    spikes = _sorted(_middle(steps), neurons, n, n_steps * _STEP)
    return KnownNetwork(spikes=spikes, weights=weights, signed=True)


def _middle(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((steps + 0.5) * _STEP, dtype=np.float64)


def _sorted(times: Any, neurons: Any, n_neurons: int, duration: float) -> SpikeTrains:
    """Put spikes in order; those of one time in a random one, so that it says nothing of ids."""
    order = np.lexsort([np.random.default_rng(0).random(len(times)), times])
    return SpikeTrains(
        times=times[order], neurons=neurons[order], n_neurons=n_neurons, duration=duration
    )


def _numbers(path: Path) -> NDArray[np.float64]:
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path} must be numbers between commas: {error}") from error
    checker(path)(table.size and np.isfinite(table).all(), "it must hold finite numbers")
    return np.asarray(table, dtype=np.float64)
