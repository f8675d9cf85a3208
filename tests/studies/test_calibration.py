"""The search for settings that have the figure's activity."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from lgl_core.networks.assemblies import hub_assemblies
from lgl_core.simulation.lif import simulate
from studies import calibration
from studies.calibration import ASKED_FOR, CALIBRATION_SEEDS, calibrate, misfits
from studies.original import FIGURE, FIGURE_RATE, SETTINGS, blocks_of_activity
from studies.plans import NETWORK_SEEDS

pytestmark = pytest.mark.slow


def test_settings_are_found_on_networks_that_no_study_reads():
    assert not set(CALIBRATION_SEEDS) & set(NETWORK_SEEDS)
    assert set(ASKED_FOR) == set(SETTINGS)
    for name, (tau_m, dt) in ASKED_FOR.items():
        assert (SETTINGS[name].tau_m, SETTINGS[name].dt) == (tau_m, dt)


def test_the_misfit_is_that_of_a_recording_by_hand(monkeypatch):
    monkeypatch.setattr(calibration, "_DURATION", 4.0)
    monkeypatch.setattr(calibration, "_BINS", (0.1,))
    setting = SETTINGS["20 ms"]
    network = hub_assemblies(scale=setting.scale, seed=100)
    spikes = simulate(network, setting.neurons(), duration=4.0, seed=100)
    found = blocks_of_activity(spikes, 0.1)
    by_hand = np.sqrt(np.mean([(found[name] - FIGURE[name]) ** 2 for name in FIGURE]))
    by_bin, off_rate = misfits(setting, [100])
    assert by_bin == pytest.approx([by_hand])
    assert off_rate == pytest.approx(abs(np.log(spikes.rates.mean() / FIGURE_RATE)))


@pytest.mark.parametrize("changes", [{"mu": -3.0, "sigma": 0.1}, {"mu": 3.0}])
def test_a_silent_or_a_racing_network_fits_nothing(changes, monkeypatch):
    monkeypatch.setattr(calibration, "_DURATION", 2.0)
    by_bin, off_rate = misfits(replace(SETTINGS["20 ms"], **changes), [100])
    assert np.isinf(by_bin).all() and np.isinf(off_rate)


@pytest.mark.weekly
@pytest.mark.parametrize("name", ASKED_FOR)
def test_the_search_finds_the_settings_of_the_study(name):
    assert asdict(calibrate(*ASKED_FOR[name])) == pytest.approx(asdict(SETTINGS[name]))
