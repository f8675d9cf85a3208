"""How the settings of the paper's network were found: neurons whose activity is the figure's.

``lgl calibrate`` repeats the search, some ten minutes a setting. The
figure shows the activity of one network and says nothing of its neurons, so that many settings fit
it: one is found for each membrane time constant and time step that is asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.optimize import Bounds, differential_evolution

from lgl_core.networks.assemblies import hub_assemblies
from lgl_core.simulation.lif import simulate
from studies.original import FIGURE, FIGURE_RATE, Setting, blocks_of_activity

__all__ = ["ASKED_FOR", "CALIBRATION_SEEDS", "calibrate", "misfits"]

# Networks on which settings are found, and no others are read by any study.
CALIBRATION_SEEDS = range(100, 104)
# Membrane time constant and time step, in s.
ASKED_FOR = {
    "10 ms": (10e-3, 0.2e-3),
    "20 ms": (20e-3, 0.2e-3),
    "40 ms": (40e-3, 0.2e-3),
    "20 ms, steps of 1 ms": (20e-3, 1e-3),
}
# Widths of the bins that the figure may have counted in, in s.
_BINS = (0.02, 0.05, 0.1, 0.2, 0.4)
_DURATION = 20.0  # s
# Logarithm of the scale, drive and noise (thresholds).
_BOUNDS = Bounds([np.log(0.2), -0.6, 0.15], [np.log(3), 1.0, 1.0])
# What a factor of e in the rate weighs beside a correlation.
_WEIGHT_OF_RATE = 0.15
_RATES = (0.5, 20.0)  # Hz: beyond, nothing is compared
_LOST = 3.0  # misfit of a network that is silent or runs away


def misfits(setting: Setting, seeds: Sequence[int]) -> tuple[NDArray[np.float64], float]:
    """Tell how far the activity of networks is from the figure's.

    Parameters
    ----------
    setting : Setting
    seeds : sequence of int
        Of the networks and their noise.

    Returns
    -------
    by_bin : ndarray
        Root mean square of the six differences of correlations, averaged over networks, for each
        width of bins that is tried.
    off_rate : float
        Mean of the magnitude of log(rate / the figure's). Infinite where a network is silent or
        runs away.
    """
    correlations, off_rate = [], []
    for seed in seeds:
        network = hub_assemblies(scale=setting.scale, seed=seed)
        try:
            spikes = simulate(
                network, setting.neurons(), duration=_DURATION, seed=seed, max_rate=30.0
            )
        except RuntimeError:
            return np.full(len(_BINS), np.inf), np.inf
        rate = spikes.rates.mean()
        if not _RATES[0] < rate < _RATES[1]:
            return np.full(len(_BINS), np.inf), np.inf
        off_rate.append(abs(np.log(rate / FIGURE_RATE)))
        correlations.append([list(blocks_of_activity(spikes, width).values()) for width in _BINS])
    apart = np.array(correlations) - np.array(list(FIGURE.values()))
    return np.sqrt((apart**2).mean(axis=2)).mean(axis=0), float(np.mean(off_rate))


def calibrate(tau_m: float, dt: float, seeds: Sequence[int] = CALIBRATION_SEEDS) -> Setting:
    """Find the strength of the weights, the drive and the noise that come nearest to the figure.

    Parameters
    ----------
    tau_m, dt : float
        As for :class:`lgl_core.simulation.lif.LIFParams`.
    seeds : sequence of int
        Of the networks that it is fitted on, all by one setting.

    Returns
    -------
    Setting
        By differential evolution; the same for the same arguments.
    """

    def setting(x: NDArray[np.float64], count_bin: float = _BINS[0]) -> Setting:
        scale, mu, sigma = np.exp(x[0]), x[1], x[2]
        return Setting(
            scale=round(float(scale), 4), mu=round(float(mu), 4), sigma=round(float(sigma), 4),
            tau_m=tau_m, dt=dt, count_bin=count_bin,
        )  # fmt: skip

    def distance(x: NDArray[np.float64]) -> float:
        by_bin, off_rate = misfits(setting(x), seeds)
        return float(min(by_bin.min() + _WEIGHT_OF_RATE * off_rate, _LOST))

    found = differential_evolution(
        distance, _BOUNDS, popsize=6, maxiter=11, seed=1, polish=False, tol=0
    ).x
    by_bin, _ = misfits(setting(found), seeds)
    return setting(found, _BINS[int(np.argmin(by_bin))])


def main() -> None:
    """Repeat the search for the settings that are named, or for all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help=f"of {'; '.join(ASKED_FOR)}")
    names = parser.parse_args().names or list(ASKED_FOR)
    unknown = sorted(set(names) - set(ASKED_FOR))
    if unknown:
        parser.error(f"no such setting: {', '.join(unknown)}; there are {'; '.join(ASKED_FOR)}")
    found = Parallel(n_jobs=-1, return_as="generator")(
        delayed(calibrate)(*ASKED_FOR[name]) for name in names
    )
    for name, setting in zip(names, found, strict=True):
        by_bin, off_rate = misfits(setting, CALIBRATION_SEEDS)
        print(f"{name}: {asdict(setting)}, correlations off by {by_bin.min():.3f}, "
              f"log rate by {off_rate:.2f}", flush=True)  # fmt: skip
