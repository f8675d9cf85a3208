"""Other neurons for the same networks: Izhikevich's, with conductances, simulated by Brian2.

:mod:`lgl_core.simulation.lif` is ours from the model to the code. Here both are not, so that a
conclusion can be seen to depend on them or not.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from tqdm import tqdm

from lgl_core.fields import check_fields
from lgl_core.networks.network import Network
from lgl_core.simulation._steps import count_steps
from lgl_core.spikes import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["IzhikevichParams", "conductances", "simulate_izhikevich"]

# Quadratic right-hand side of the membrane, as Izhikevich fitted it: per mV ms, per ms, mV per ms.
_SQUARE, _LINEAR, _CONSTANT = 0.04, 5.0, 140.0
_PEAK = 30.0  # mV, where a spike is cut off
# Between two looks at the rate, in s. Each run of Brian2 begins with some tenths of a second of
# generating code, so that chunks of a second would double the time.
_CHUNK = 20.0

_EQUATIONS = """
dv/dt = (0.04*v**2 + 5*v + 140 - u + drive + g_e*(e_e - v) + g_i*(e_i - v))/ms
        + noise*xi/ms**0.5 : 1
du/dt = (sensitivity*v - u)/(tau_recovery*second) : 1
dg_e/dt = -g_e/(tau_e*second) : 1
dg_i/dt = -g_i/(tau_i*second) : 1
"""


@dataclass(frozen=True, kw_only=True)
class IzhikevichParams:
    r"""Parameters of the neurons and of their synapses, the same for all.

    .. math::

        \dot v &= 0.04 v^2 + 5 v + 140 - u + I + g_e (E_e - v) + g_i (E_i - v) + \text{noise} \\
        \dot u &= (b v - u) / \tau_u

    with v in mV and time in ms. At 30 mV a neuron spikes: v is reset, u is raised. A spike of an
    excitatory neuron raises :math:`g_e` of its targets after the synaptic delay, one of an
    inhibitory neuron :math:`g_i`; both decay exponentially.

    Parameters
    ----------
    tau_recovery : float
        Time constant of the recovery variable u in s: 1 / a.
    sensitivity : float
        How strongly u follows v, per ms: b.
    v_reset : float
        In mV: c.
    recovery_step : float
        What a spike adds to u, in mV per ms: d.
    drive : float
        Constant current I, in mV per ms.
    noise : float
        Standard deviation of what white noise adds to v in a millisecond, in mV.
    tau_excitatory, tau_inhibitory : float
        Time constants of the conductances in s.
    e_excitatory, e_inhibitory : float
        Their reversal potentials in mV.
    delay : float
        Synaptic delay in s, for networks that bring no delays of their own.
    dt : float
        Time step in s.

    Raises
    ------
    ValueError
        If a value is not finite, a time is not positive, the noise is negative, a neuron would
        fire without noise and input, or rest is not between the reversal potentials.

    Notes
    -----
    Izhikevich (2003), his regular spiking cortical neuron. Noise, synapses and delay are ours and
    give a mean rate of about 5 Hz on :func:`lgl_core.networks.network.hub_network`. The model rests
    at -70 mV and runs away above -50 mV, as :class:`lgl_core.simulation.lif.LIFParams` has it, but
    there the likeness ends: this membrane has a time constant of 2 ms at rest and none elsewhere,
    its input lasts, inhibition depends on v, and each spike makes the next one less likely for 50
    ms.
    """

    tau_recovery: float = 50e-3
    sensitivity: float = 0.2
    v_reset: float = -65.0
    recovery_step: float = 8.0
    drive: float = 0.0
    noise: float = 4.5
    tau_excitatory: float = 3e-3
    tau_inhibitory: float = 6e-3
    e_excitatory: float = 0.0
    e_inhibitory: float = -90.0
    delay: float = 1.5e-3
    dt: float = 0.25e-3

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("tau_recovery", "tau_excitatory", "tau_inhibitory", "delay", "dt"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0 s, got {getattr(self, name)}")
        if self.noise < 0:
            raise ValueError(f"noise must be at least 0 mV, got {self.noise}")
        if self.delay < self.dt:
            raise ValueError(f"delay must be at least one dt = {self.dt} s, got {self.delay}")
        if not abs(self.sensitivity) < 1e100:  # its square is needed
            raise ValueError(f"sensitivity must be below 1e100 per ms, got {self.sensitivity}")
        if not self._discriminant() > 0:
            highest = (_LINEAR - self.sensitivity) ** 2 / (4 * _SQUARE) - _CONSTANT
            raise ValueError(
                f"drive must be below {highest:g} mV/ms, where a neuron would fire without noise "
                f"and input, got {self.drive}"
            )
        if not self.e_inhibitory < self.rest < self.e_excitatory:
            raise ValueError(
                f"e_inhibitory and e_excitatory must lie on either side of rest at "
                f"{self.rest:.1f} mV, got {self.e_inhibitory} and {self.e_excitatory}"
            )

    def _discriminant(self) -> float:
        return (_LINEAR - self.sensitivity) ** 2 - 4 * _SQUARE * (_CONSTANT + self.drive)

    @property
    def rest(self) -> float:
        """Where a neuron stays without noise and input, in mV."""
        return float(
            (-(_LINEAR - self.sensitivity) - np.sqrt(self._discriminant())) / (2 * _SQUARE)
        )


def conductances(network: Network, params: IzhikevichParams | None = None) -> NDArray[np.float64]:
    """Translate the weights of a network into conductances.

    Parameters
    ----------
    network : Network
        ``weights[post, pre]`` in mV.
    params : IzhikevichParams, optional
        Default: ``IzhikevichParams()``.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``, per ms, never negative: what a spike adds to the conductance.

    Notes
    -----
    Proportional to the weight, with one factor for each sign: a weak synapse moves a resting
    membrane by its weight at the peak. The peak is that of the linearised model. A strong
    excitatory synapse moves the membrane by more than its weight, since the membrane is unstable
    further up; a strong inhibitory one by less, since no potential goes below the reversal.
    """
    params = params or IzhikevichParams()
    weights = network.weights
    up = 1 / _peak_of_unit(params, params.tau_excitatory, params.e_excitatory)
    down = 1 / _peak_of_unit(params, params.tau_inhibitory, params.e_inhibitory)
    return np.where(weights > 0, up * weights, down * weights)


def _peak_of_unit(params: IzhikevichParams, tau: float, reversal: float) -> float:
    """Give the peak in mV of the linearised potential after a conductance of 1 per ms."""
    rate = 1e-3 / params.tau_recovery
    slope = 2 * _SQUARE * params.rest + _LINEAR
    flow = np.array(  # of v, u and the conductance, per ms
        [
            [slope, -1.0, reversal - params.rest],
            [rate * params.sensitivity, -rate, 0.0],
            [0.0, 0.0, -1e-3 / tau],
        ]
    )
    step, state, peak = expm(0.01 * flow), np.array([0.0, 0.0, 1.0]), 0.0
    # The first bump alone: the swing back of u is slower and smaller.
    while True:
        state = step @ state
        if abs(state[0]) < abs(peak):
            return peak
        peak = state[0]


def simulate_izhikevich(
    network: Network,
    params: IzhikevichParams | None = None,
    *,
    duration: float,
    seed: int = 0,
    max_rate: float = 200.0,
    progress: bool = False,
) -> SpikeTrains:
    """Simulate a network of Izhikevich's neurons with conductances in Brian2.

    Parameters
    ----------
    network : Network
        ``weights[post, pre]`` in mV, turned into :func:`conductances`, and delays if it has its
        own.
    params : IzhikevichParams, optional
        Default: ``IzhikevichParams()``.
    duration : float
        Time to simulate in s.
    seed : int
        Same seed, same spikes.
    max_rate : float
        Highest mean rate in Hz, over any 20 s, that is taken for a working network.
    progress : bool
        Show a progress bar.

    Returns
    -------
    SpikeTrains
        Each spike has a random time inside its time step, as in
        :func:`lgl_core.simulation.lif.simulate`, so that spikes of one step do not come out sorted
        by neuron id.

    Raises
    ------
    ImportError
        If Brian2 is not installed.
    ValueError
        If ``duration`` is shorter than a time step or ``max_rate`` is not positive.
    RuntimeError
        If the network fires above ``max_rate``.

    Notes
    -----
    All neurons start at rest. Euler's method; delays are rounded to whole steps. Brian2 runs its
    NumPy code, which needs no compiler and draws the same noise everywhere: 0.4 s for a second of
    the default network on one core. Its settings and NumPy's global random numbers are put back
    as they were.
    """
    params = params or IzhikevichParams()
    n_steps = count_steps(duration, params.dt)
    if not max_rate > 0:
        raise ValueError(f"max_rate must be above 0 Hz, got {max_rate}")
    b2 = _brian2()
    rng = np.random.default_rng(seed)
    noise_seed = int(rng.integers(2**32))
    with (
        _own_settings(b2),
        tqdm(total=n_steps, unit="step", desc="Brian2", disable=not progress) as bar,
    ):
        b2.seed(noise_seed)
        whole, _, monitor = _built(b2, network, params)
        done = n_before = 0
        while done < n_steps:
            steps = min(round(_CHUNK / params.dt), n_steps - done)
            whole.run(steps * params.dt * b2.second, namespace={})
            done += steps
            bar.update(steps)
            rate = (monitor.num_spikes - n_before) / (network.n_neurons * steps * params.dt)
            n_before = monitor.num_spikes
            if rate > max_rate:
                raise RuntimeError(
                    f"the network runs away: {rate:.0f} Hz per neuron, above max_rate = {max_rate} "
                    f"Hz, before {done * params.dt:g} s; lower weight, hub_weight or drive, raise "
                    "inhibition_ratio, or raise max_rate if this is meant"
                )
        fired = np.rint(np.asarray(monitor.t) / params.dt)
        neurons = np.array(monitor.i, dtype=np.int64)
    # Order within a step is drawn here, which also breaks all ties.
    times = (fired + rng.random(len(fired))) * params.dt
    order = np.argsort(times)
    order = order[times[order] < duration]  # the last step may go on beyond the end
    return SpikeTrains(
        times=times[order],
        neurons=neurons[order],
        n_neurons=network.n_neurons,
        duration=duration,
    )


def _brian2() -> ModuleType:
    try:
        import brian2
    except ImportError as error:
        raise ImportError(
            "Brian2 is needed for this simulation: install the extra with it by "
            "pip install 'lgl_core[test]'"
        ) from error
    module: ModuleType = brian2
    return module


@contextmanager
def _own_settings(b2: ModuleType) -> Iterator[None]:
    """Let Brian2 run its NumPy code, which draws from NumPy's global generator; undo both."""
    target, state = b2.prefs.codegen.target, np.random.get_state()  # noqa: NPY002
    b2.prefs.codegen.target = "numpy"
    try:
        yield
    finally:
        b2.prefs.codegen.target = target
        np.random.set_state(state)  # noqa: NPY002


def _built(b2: ModuleType, network: Network, params: IzhikevichParams) -> tuple[Any, Any, Any]:
    """Write the network down in Brian2: all of it, its neurons, and what records their spikes."""
    constants = {
        "drive": params.drive,
        "noise": params.noise,
        "sensitivity": params.sensitivity,
        "tau_recovery": params.tau_recovery,
        "tau_e": params.tau_excitatory,
        "tau_i": params.tau_inhibitory,
        "e_e": params.e_excitatory,
        "e_i": params.e_inhibitory,
        "v_reset": params.v_reset,
        "recovery_step": params.recovery_step,
        "peak": _PEAK,
        "ms": b2.ms,
        "second": b2.second,
    }
    dt = params.dt * b2.second
    neurons = b2.NeuronGroup(
        network.n_neurons,
        _EQUATIONS,
        threshold="v >= peak",
        reset="v = v_reset; u += recovery_step",
        method="euler",
        dt=dt,
        namespace=constants,
    )
    neurons.v, neurons.u = params.rest, params.sensitivity * params.rest
    monitor = b2.SpikeMonitor(neurons)
    parts = [neurons, monitor]
    post, pre = np.nonzero(network.weights)
    if len(pre):
        # One path for both signs: half as much to do in each step.
        synapses = b2.Synapses(
            neurons,
            neurons,
            "to_e : 1\nto_i : 1",
            on_pre="g_e_post += to_e; g_i_post += to_i",
            dt=dt,
            namespace={},
        )
        synapses.connect(i=pre, j=post)
        size = conductances(network, params)[post, pre]
        excites = network.weights[post, pre] > 0
        synapses.to_e, synapses.to_i = np.where(excites, size, 0), np.where(excites, 0, size)
        delays = params.delay if network.delays is None else network.delays[post, pre]
        synapses.delay = np.maximum(delays, params.dt) * b2.second
        parts.append(synapses)
    return b2.Network(*parts), neurons, monitor
