"""Networks of stochastic leaky integrate-and-fire neurons (Appendix A)."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from lgl_core.fields import check_fields
from lgl_core.networks.network import Network
from lgl_core.simulation._lif_kernel import LANES, advance, fill_normals
from lgl_core.simulation._steps import count_steps
from lgl_core.spikes import SpikeTrains

__all__ = ["LIFParams", "simulate", "threshold_units"]

Ties = Literal["random", "by_id"]

# Normal numbers drawn at once: 4 MB, twice.
_BLOCK_SIZE = 2**20


@dataclass(frozen=True, kw_only=True)
class LIFParams:
    r"""Parameters of the neurons, the same for all of them.

    .. math:: \tau_m\, dV = -(V - V_{rest})\,dt + \mu\,dt + \sigma\sqrt{2\tau_m}\,dW

    At threshold a neuron spikes, is reset, and stays at the reset for the refractory period,
    during which synaptic input is lost. A spike of ``pre`` adds ``weights[post, pre]`` to each
    target after the synaptic delay.

    Parameters
    ----------
    tau_m : float
        Membrane time constant in s.
    v_rest, v_threshold, v_reset : float
        Resting potential, threshold and reset in mV.
    refractory : float
        Refractory period in s.
    mu : float
        Constant drive in mV: where a membrane without noise, threshold and input would settle,
        above rest.
    sigma : float
        Noise in mV: the stationary standard deviation of a membrane without threshold and input.
    delay : float
        Synaptic delay in s, for networks that bring no delays of their own.
    dt : float
        Time step in s.
    noise_correlation : float
        Correlation of the noise of two neurons of one group, at least 0 and at most 1.
    noise_groups : int
        Into how many groups the neurons are dealt, by their ids in turn: ``id % noise_groups``.

    Raises
    ------
    ValueError
        If a time is not positive, sigma is negative, the reset is not below the threshold, or the
        correlation or the number of groups is out of range.

    Notes
    -----
    Appendix A. The paper does not publish its values; these are ours and give a mean rate of
    about 6 Hz on :func:`lgl_core.networks.network.hub_network`.

    Examples
    --------
    >>> import lgl_core as lgl
    >>> quiet = lgl.LIFParams(sigma=0.0)
    >>> spikes = lgl.simulate(lgl.hub_network(n_neurons=20), quiet, duration=1, cache=False)
    >>> len(spikes)
    0
    """

    tau_m: float = 20e-3
    v_rest: float = -70.0
    v_threshold: float = -50.0
    v_reset: float = -70.0
    refractory: float = 2e-3
    mu: float = 6.0
    sigma: float = 7.0
    delay: float = 1.5e-3
    dt: float = 0.1e-3
    noise_correlation: float = 0.0
    noise_groups: int = 1

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("tau_m", "refractory", "delay", "dt"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0 s, got {getattr(self, name)}")
        if self.sigma < 0:
            raise ValueError(f"sigma must be at least 0 mV, got {self.sigma}")
        if self.v_reset >= self.v_threshold:
            raise ValueError(
                f"v_reset must be below v_threshold = {self.v_threshold} mV, got {self.v_reset}"
            )
        if self.delay < self.dt:
            raise ValueError(f"delay must be at least one dt = {self.dt} s, got {self.delay}")
        if not 0 <= self.noise_correlation <= 1:
            raise ValueError(
                f"noise_correlation must be between 0 and 1, got {self.noise_correlation}"
            )
        if self.noise_groups < 1:
            raise ValueError(f"noise_groups must be at least 1, got {self.noise_groups}")


def threshold_units(**changes: Any) -> LIFParams:
    """Give neurons whose potentials are counted in thresholds: rest and reset 0, threshold 1.

    Their network has its weights in thresholds, too (:mod:`lgl_core.networks.assemblies`).

    Parameters
    ----------
    **changes
        Fields of :class:`LIFParams`; those that are given in mV there are in thresholds here.

    Returns
    -------
    LIFParams
    """
    return LIFParams(**({"v_rest": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changes))


def simulate(
    network: Network,
    params: LIFParams | None = None,
    *,
    duration: float,
    seed: int = 0,
    ties: Ties = "random",
    initial: ArrayLike | None = None,
    drive: ArrayLike | None = None,
    max_rate: float = 200.0,
    progress: bool = False,
) -> SpikeTrains:
    """Simulate a network and return its spikes.

    The membrane is integrated exactly between spikes. By default each spike gets a random time
    inside its time step: spikes of one step would otherwise come out sorted by neuron id, and a
    model that predicts the next spike would learn that order instead of the network.

    Parameters
    ----------
    network : Network
        ``weights[post, pre]`` in mV, and delays if it has its own.
    params : LIFParams, optional
        Default: ``LIFParams()``.
    duration : float
        Time to simulate in s.
    seed : int
        Same seed, same spikes.
    ties : {"random", "by_id"}
        Order of the spikes of one time step: each at a random time inside it, or all at its start,
        listed by neuron id, as in the data of the paper.
    initial : array_like, shape (n_neurons,), optional
        Membrane potentials at the start in mV. Default: drawn evenly between the reset and where
        the drive alone takes the membrane, threshold at most.
    drive : array_like, shape (n_steps, n_neurons), optional
        What is added to ``mu`` over time, in mV, such as a stimulus: rows spread evenly over the
        duration, each of which holds until the next.
    max_rate : float
        Highest mean rate in Hz, over any second, that is taken for a working network.
    progress : bool
        Show a progress bar.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    ValueError
        If ``duration`` is shorter than a time step, ``max_rate`` is not positive, ``ties`` is
        unknown, or ``initial`` or ``drive`` has the wrong shape or is not finite.
    RuntimeError
        If the network runs away, that is, fires above ``max_rate``.

    Notes
    -----
    Appendix A. A delay is rounded to whole time steps. A duration that is no whole number of them
    is that of the same simulation, run to the end of a step and cut.
    """
    params = params or LIFParams()
    n_steps = count_steps(duration, params.dt)
    if not max_rate > 0:
        raise ValueError(f"max_rate must be above 0 Hz, got {max_rate}")
    if ties not in ("random", "by_id"):
        raise ValueError(f'ties must be "random" or "by_id", got {ties!r}')
    rng = np.random.default_rng(seed)
    key = rng.integers(2**32, size=2, dtype=np.uint32)
    synapses = _Synapses(network, params)
    n_padded = -(-network.n_neurons // LANES) * LANES
    membrane = np.full(n_padded, params.v_reset)
    membrane[: network.n_neurons] = _initial_membrane(network, params, initial, rng)
    ready_at = np.full(n_padded, np.iinfo(np.int64).max)  # what pads never fires
    ready_at[: network.n_neurons] = 0
    arriving = np.zeros((synapses.delay_steps.max(initial=1) + 1, n_padded))
    decay = np.exp(-params.dt / params.tau_m)
    noise = params.sigma * np.sqrt(1 - decay**2)
    driven = None
    if drive is not None:
        driven = _Drive(drive, network.n_neurons, n_padded, params.dt / duration, decay, noise)

    steps_per_second = max(round(1 / params.dt), 1)
    room = int(max_rate * network.n_neurons) + 1
    steps, neurons = np.empty(room, np.int64), np.empty(room, np.int32)
    times_of_chunks, neurons_of_chunks = [], []
    blocks = _blocks(n_steps, steps_per_second, max(_BLOCK_SIZE // n_padded, 1))
    with (
        tqdm(
            total=n_steps, unit_scale=params.dt, unit="s", desc="LIF", disable=not progress
        ) as bar,
        closing(_normals_ahead(blocks, n_padded, key, params, driven)) as normals_of_blocks,
    ):
        n_spikes = 0
        for (first, last), normals in zip(blocks, normals_of_blocks, strict=True):
            n_spikes = advance(
                membrane,
                ready_at,
                arriving,
                normals,
                first,
                decay,
                params.v_rest + params.mu,
                noise if driven is None else 1.0,
                params.v_threshold,
                params.v_reset,
                max(round(params.refractory / params.dt), 1),
                synapses.first,
                synapses.targets,
                synapses.weights,
                synapses.delay_steps,
                steps,
                neurons,
                n_spikes,
            )
            if n_spikes == room:
                second = first // steps_per_second * steps_per_second
                raise RuntimeError(
                    f"the network runs away: above max_rate = {max_rate} Hz per neuron between "
                    f"{second * params.dt:g} and "
                    f"{min(second + steps_per_second, n_steps) * params.dt:g} s; lower weight, "
                    "hub_weight or mu, raise inhibition_ratio, or raise max_rate if this is meant"
                )
            bar.update(last - first)
            if last % steps_per_second and last < n_steps:
                continue
            # Order within a step is drawn here, which also breaks all ties; the kernel's is by id.
            within = rng.random(n_spikes) if ties == "random" else 0.0
            times = (steps[:n_spikes] + within) * params.dt
            order = np.argsort(times, kind="stable")
            times_of_chunks.append(times[order])
            neurons_of_chunks.append(neurons[:n_spikes][order])
            n_spikes = 0
    times = np.concatenate(times_of_chunks)
    inside = slice(np.searchsorted(times, duration))  # the last step may go on beyond the end
    return SpikeTrains(
        times=times[inside],
        neurons=np.concatenate(neurons_of_chunks, dtype=np.int64)[inside],
        n_neurons=network.n_neurons,
        duration=duration,
    )


def _blocks(n_steps: int, steps_per_second: int, longest: int) -> list[tuple[int, int]]:
    """Cut the steps into blocks; the end of a second is the end of a block."""
    seconds = range(0, n_steps, steps_per_second)
    return [
        (first, min(first + longest, second + steps_per_second, n_steps))
        for second in seconds
        for first in range(second, min(second + steps_per_second, n_steps), longest)
    ]


def _normals_ahead(
    blocks: list[tuple[int, int]],
    n_neurons: int,
    key: NDArray[np.uint32],
    params: LIFParams,
    driven: _Drive | None = None,
) -> Generator[NDArray[np.float32]]:
    """Yield the noise of each block; a second core draws the next one meanwhile.

    A number is a function of key, step and neuron, so the result is that of one core.
    """
    longest = max(last - first for first, last in blocks)
    buffers = [np.zeros((longest, n_neurons), np.float32) for _ in range(2)]
    n_groups = -(-params.noise_groups // LANES) * LANES
    of_groups = np.zeros((longest, n_groups if params.noise_correlation else 0), np.float32)
    group = np.arange(n_neurons) % params.noise_groups
    own, shared = np.sqrt([1 - params.noise_correlation, params.noise_correlation], dtype="f4")

    def draw(block: int) -> NDArray[np.float32]:
        first, last = blocks[block]
        normals = buffers[block % 2][: last - first]
        if params.sigma:
            fill_normals(first, key[0], key[1], normals)
        if params.sigma and params.noise_correlation:
            common = of_groups[: last - first]
            fill_normals(first, ~key[0], key[1], common)  # another key, other numbers
            normals *= own
            normals += shared * common[:, group]
        if driven is not None:
            driven.add(first, normals)
        return normals

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(draw, 0)
        for block in range(len(blocks)):
            normals = coming.result()
            if block + 1 < len(blocks):
                coming = pool.submit(draw, block + 1)
            yield normals


class _Drive:
    """A drive over time, which reaches the membranes in mV together with the noise of each step.

    So the loop over membranes is the same with a drive and without one.
    """

    def __init__(
        self,
        drive: ArrayLike,
        n_neurons: int,
        n_padded: int,
        step: float,
        decay: float,
        noise: float,
    ) -> None:
        given = np.asarray(drive, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != n_neurons or not len(given):
            raise ValueError(
                f"drive must have the shape (n_steps, {n_neurons}), a column for each neuron, "
                f"got {given.shape}"
            )
        if not np.isfinite(given).all():
            raise ValueError("drive must be finite, got NaN or an infinity")
        # A step takes a membrane so far of the way to where the drive alone would take it.
        self.rows = np.zeros((len(given), n_padded), np.float32)
        self.rows[:, :n_neurons] = (1 - decay) * given
        self.rows_per_step = len(given) * step  # a step is given as a share of the duration
        self.noise = np.float32(noise)

    def add(self, first: int, normals: NDArray[np.float32]) -> None:
        """Turn the noise of the steps from the first one on into mV, and add the drive."""
        middles = np.arange(first, first + len(normals)) + 0.5
        rows = np.minimum((middles * self.rows_per_step).astype(np.int64), len(self.rows) - 1)
        if self.noise:
            normals *= self.noise
            normals += self.rows[rows]
        else:
            normals[:] = self.rows[rows]


class _Synapses:
    """Outgoing synapses of each neuron, one after the other (compressed columns)."""

    def __init__(self, network: Network, params: LIFParams) -> None:
        presynaptic, self.targets = np.nonzero(network.weights.T)
        self.first = np.searchsorted(presynaptic, np.arange(network.n_neurons + 1))
        self.weights = network.weights[self.targets, presynaptic]
        delays = (
            np.full(len(self.targets), params.delay)
            if network.delays is None
            else network.delays[self.targets, presynaptic]
        )
        self.delay_steps = np.maximum(np.rint(delays / params.dt).astype(np.int64), 1)


def _initial_membrane(
    network: Network, params: LIFParams, initial: ArrayLike | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    if initial is None:
        # Up to threshold itself, noise would make everybody fire at once at the start.
        driven = min(params.v_rest + params.mu, params.v_threshold)
        low, high = sorted((params.v_reset, driven))
        return rng.uniform(low, high, network.n_neurons)
    membrane = np.array(initial, dtype=np.float64)
    if membrane.shape != (network.n_neurons,) or not np.isfinite(membrane).all():
        raise ValueError(
            f"initial must hold one potential in mV for each of {network.n_neurons} neurons, "
            f"got shape {membrane.shape}"
        )
    return membrane
