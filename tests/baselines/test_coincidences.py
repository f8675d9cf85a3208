"""Methods that count coincidences: by hand, against slow twins, and against Elephant."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from lgl_core.baselines.calcium import calcium_connectivity, calcium_fluorescence
from lgl_core.baselines.coincidences import transfer_entropy, tspe
from lgl_core.baselines.dynamics import event_space, event_timing, firing_rate_dynamics
from lgl_core.spikes import SpikeTrains
from tests.baselines.test_pairwise import DRIVEN, DRIVER, INHIBITED, EveryGraph, poisson, recording
from tests.gapped import random_gapped_trains

few = settings(max_examples=40)
WINDOWS = {"surrounding": (2, 3), "observed": (1, 2, 4), "crossover": (0, 1)}


def at_bins(*bins, n_bins: int) -> SpikeTrains:
    """Put spikes in the middle of bins of 1 ms, one list of bins per neuron."""
    return recording(*((np.array(b) + 0.5) / 1000 for b in bins), duration=n_bins / 1000)


def driven_trains(duration: float = 300.0) -> SpikeTrains:
    """Neuron 0 drives 1 at a lag of 2 ms and silences 2 for 5 ms; 3 is alone and 4 is silent."""
    rng = np.random.default_rng(5)
    driver = poisson(rng, 10, duration - 0.01)
    heard = driver[rng.random(len(driver)) < 0.3]
    driven = np.concatenate([poisson(rng, 8, duration), heard + rng.normal(2e-3, 2e-4, len(heard))])
    inhibited = poisson(rng, 20, duration)
    before = np.searchsorted(driver, inhibited) - 1
    since = np.where(before < 0, np.inf, inhibited - driver[np.maximum(before, 0)])
    return recording(
        driver, driven, inhibited[since > 5e-3], poisson(rng, 10, duration), [], duration=duration
    )


@pytest.fixture(scope="module")
def driven() -> SpikeTrains:
    return driven_trains()


def calcium(likelihood):
    def graph_of(spikes):
        frames = calcium_fluorescence(spikes, frame_rate=100.0, noise=0.0)
        return calcium_connectivity(frames, frame_rate=100.0, likelihood=likelihood)

    return graph_of


GRAPHS = {
    "transfer entropy": transfer_entropy,
    "transfer entropy, sum": lambda spikes: transfer_entropy(spikes, over="sum"),
    "tspe": lambda spikes: tspe(spikes, max_delay=0.01),
    "event timing": event_timing,
    "event space": event_space,
    "firing rates": firing_rate_dynamics,
    "firing rates, exponential": lambda spikes: firing_rate_dynamics(spikes, gain="exponential"),
    "calcium": calcium("poisson"),
    "calcium, quadratic": calcium("quadratic"),
}
# Event space wants neurons that fire regularly: see its notes.
READS = [name for name in GRAPHS if name != "event space"]


@pytest.mark.parametrize(
    "graph_of",
    [
        pytest.param(graph_of, id=name, marks=[pytest.mark.slow] if name == "event space" else [])
        for name, graph_of in GRAPHS.items()
    ],
)
class TestEveryGraph(EveryGraph):
    rtol = 1e-6


@pytest.mark.parametrize("name", READS)
def test_who_drives_and_who_inhibits_is_found_with_the_sign(name, driven):
    graph = GRAPHS[name](driven)
    excited, inhibited = graph[DRIVEN, DRIVER], graph[INHIBITED, DRIVER]
    # The opposite direction is not for all of them to tell: a filter has flanks, a frame is long.
    for post in (DRIVEN, INHIBITED):
        graph[post, DRIVER] = graph[DRIVER, post] = 0
    assert excited > 3 * np.abs(graph).max() and -inhibited > 1.5 * np.abs(graph).max()


# --- transfer entropy --------------------------------------------------------------------------


def slow_transfer_entropy(spikes, bin_width, n_delays, signed, over):
    """Loop over pairs, delays and the eight cases of dense bins."""
    dense, borders = spikes.binned(bin_width) > 0, spikes.bin_borders(bin_width)
    n = spikes.n_neurons
    graph = np.zeros((n, n))
    for post, pre in np.argwhere(~np.eye(n, dtype=bool)):
        values, excess = [], []
        for delay in range(1, n_delays + 1):
            triples = [
                (dense[t + 1, post], dense[t, post], dense[t + 1 - delay, pre])
                for start, stop in zip(borders[:-1], borders[1:], strict=True)
                for t in range(start + delay - 1, stop - 1)
            ]
            a, b, c = np.array(triples).T
            bits = 0.0
            for later, now, source in product((False, True), repeat=3):
                here = np.mean((a == later) & (b == now) & (c == source))
                if here:
                    known = here / np.mean((b == now) & (c == source))
                    alone = np.mean((a == later) & (b == now)) / np.mean(b == now)
                    bits += here * np.log2(known / alone)
            values.append(bits)
            excess.append(np.sum(a & c) - a.sum() * c.sum() / len(a))
        best = int(np.argmax(values))
        value, beyond = (
            (sum(values), sum(excess)) if over == "sum" else (values[best], excess[best])
        )
        graph[post, pre] = value * np.sign(beyond) if signed else value
    return graph


class TestTransferEntropy:
    @pytest.mark.parametrize("sign", [1, -1])
    def test_is_one_bit_where_pre_decides_and_the_own_past_says_nothing(self, sign):
        """Bins of pre go 0 0 1 1; post does the same, or the opposite, one bin later."""
        steps = np.arange(401)
        pre = steps % 4 >= 2
        post = ((steps - 1) % 4 >= 2) == (sign > 0)
        spikes = at_bins(steps[pre], steps[post], n_bins=401)
        assert transfer_entropy(spikes, max_delay=0.001)[1, 0] == pytest.approx(sign)
        assert transfer_entropy(spikes, max_delay=0.001, signed=False)[1, 0] == pytest.approx(1)

    def test_is_the_entropy_of_post_if_pre_decides_two_bins_ahead(self):
        rng = np.random.default_rng(1)
        pre = np.flatnonzero(rng.random(50_000) < 0.1)
        spikes = at_bins(pre, pre[pre < 49_998] + 2, n_bins=50_000)
        entropy = -0.1 * np.log2(0.1) - 0.9 * np.log2(0.9)
        assert transfer_entropy(spikes, max_delay=0.003)[1, 0] == pytest.approx(entropy, rel=0.03)
        assert abs(transfer_entropy(spikes, max_delay=0.001)[1, 0]) < 1e-3
        assert abs(transfer_entropy(spikes, max_delay=0.003)[0, 1]) < 1e-3

    @few
    @given(random_gapped_trains())
    @pytest.mark.parametrize(("signed", "over"), [(False, "max"), (True, "sum")])
    def test_equals_the_loop_over_dense_bins(self, signed, over, spikes):
        found = transfer_entropy(spikes, 0.05, 0.15, over, signed)
        slow = slow_transfer_entropy(spikes, 0.05, 3, signed, over)
        np.testing.assert_allclose(found, slow, atol=1e-10)

    def test_a_bin_with_two_spikes_is_one(self):
        rng = np.random.default_rng(0)
        bins = [np.flatnonzero(rng.random(1000) < 0.2) for _ in range(2)]
        twice = at_bins(np.repeat(bins[0], 2), bins[1], n_bins=1000)
        once = at_bins(*bins, n_bins=1000)
        np.testing.assert_array_equal(transfer_entropy(twice), transfer_entropy(once))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"over": "mean"}, "over must be 'max' or 'sum', got 'mean'"),
            ({"bin_width": 0}, "bin_width .* got 0"),
            ({"max_delay": 0.0004}, "max_delay must be at least one bin of 0.001 s, got 0.0004"),
            ({"max_delay": np.nan}, "max_delay must be at least one bin"),
            ({"max_delay": 301.0}, "max_delay must be shorter than an epoch, got 301"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            transfer_entropy(driven, **changes)


# --- total spiking probability edges -----------------------------------------------------------


def slow_tspe(spikes, n_delays, surrounding, observed, crossover):
    """Convolve the correlogram of dense bins with each filter in turn."""
    counts = spikes.binned(0.001).astype(float)
    n_bins, n = counts.shape
    deviations = counts.std(axis=0, ddof=1)
    graph = np.zeros((n, n))
    for post, pre in np.argwhere(~np.eye(n, dtype=bool)):
        if not deviations[post] * deviations[pre]:
            continue
        total = np.zeros(n_delays)
        for a, b, c in product(surrounding, observed, crossover):
            side, gap = [-1 / a] * a, [0.0] * c
            edge = [*side, *gap, *[2 / b] * b, *gap, *side]
            lags = range(-a - c, n_delays + a + c)
            correlogram = [
                sum(counts[max(0, lag) : n_bins + min(0, lag), post]
                    * counts[max(0, -lag) : n_bins - max(0, lag), pre])
                for lag in lags
            ]  # fmt: skip
            total += np.convolve(np.convolve(correlogram, edge, "valid"), np.ones(b))
        total /= n_bins * deviations[post] * deviations[pre]
        graph[post, pre] = total[np.abs(total).argmax()]
    return graph


class TestTspe:
    def test_of_one_coincidence_is_the_filters_peak(self):
        """One spike each, so that both deviations are 1 / sqrt(n_bins); the filter is -1 2 -1."""
        spikes = at_bins([20], [24], n_bins=100)
        one = {"surrounding": (1,), "observed": (1,)}
        assert tspe(spikes, max_delay=0.01, **one) == pytest.approx(np.array([[0, 0], [2, 0]]))
        # Its flank is all that a shorter longest delay leaves.
        assert tspe(spikes, max_delay=0.004, **one)[1, 0] == pytest.approx(-1)
        assert tspe(spikes, max_delay=0.003, **one)[1, 0] == 0

    def test_of_a_gap_in_the_correlogram_is_negative(self):
        pre = np.arange(50, 2000, 50)
        post = np.concatenate([pre + lag for lag in range(1, 30) if lag not in (9, 10)])
        graph = tspe(at_bins(pre, post, n_bins=2100), surrounding=(3,), observed=(2,))
        assert graph[1, 0] < 0

    @pytest.mark.slow
    @pytest.mark.parametrize("windows", [{}, WINDOWS], ids=["default", "others"])
    def test_equals_convolutions_one_by_one(self, windows):
        rng = np.random.default_rng(3)
        spikes = recording(*(poisson(rng, rate, 3.0) for rate in (20, 150, 0.1, 60)), duration=3.0)
        complete = {
            "surrounding": (3, 4, 5, 6, 7, 8), "observed": (2, 3, 4, 5, 6), "crossover": (0,),
        } | windows  # fmt: skip
        slow = slow_tspe(spikes, 12, **complete)
        np.testing.assert_allclose(tspe(spikes, max_delay=0.012, **windows), slow, atol=1e-10)

    @pytest.mark.parametrize("windows", [{}, WINDOWS], ids=["default", "others"])
    def test_equals_elephants(self, windows):
        connectivity = pytest.importorskip("elephant.functional_connectivity")
        from elephant.conversion import BinnedSpikeTrain

        rng = np.random.default_rng(4)
        spikes = recording(*(poisson(rng, rate, 5.0) for rate in (20, 150, 60)), duration=5.0)
        binned = BinnedSpikeTrain(spikes_of_elephant(spikes), bin_size=0.001 * second())
        names = {f"{name}_window_sizes": list(sizes) for name, sizes in windows.items()}
        peer, _ = connectivity.total_spiking_probability_edges(binned, **names)
        np.fill_diagonal(peer, 0)
        np.testing.assert_allclose(tspe(spikes, **windows), peer, atol=1e-9)

    def test_lags_are_counted_within_epochs(self):
        together = {"times": [0.5, 1.0031], "neurons": [0, 1], "n_neurons": 2, "duration": 2.0}
        apart = {"epochs": [[0, 0.6], [1, 2]]}
        small = {"max_delay": 0.5, "surrounding": (1,), "observed": (1,)}
        bins = (503, 103)  # what lies between them with the gap, and without
        for lag, epochs in zip(bins, ({}, apart), strict=True):
            spikes = SpikeTrains(**together, **epochs)
            found = tspe(spikes, **small | {"max_delay": (lag + 2) / 1000})[1, 0]
            assert (found == 0) == bool(epochs)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"surrounding": (3, 0)}, r"surrounding must be whole numbers from 1 up, got \(3, 0\)"),
            ({"observed": ()}, r"observed must be whole numbers from 1 up, got \(\)"),
            ({"crossover": (0.5,)}, r"crossover must be whole numbers from 0 up, got \(0.5,\)"),
            ({"max_delay": 0.005}, "room for the longest observed part of 6 bins, got 0.005 s"),
            ({"bin_width": -1}, "bin_width"),
        ],
    )
    def test_refuses_what_has_no_meaning(self, driven, changes, message):
        with pytest.raises(ValueError, match=message):
            tspe(driven, **changes)


def second():
    import quantities

    return quantities.s


def spikes_of_elephant(spikes):
    import neo

    return [
        neo.SpikeTrain(
            spikes.times[spikes.neurons == neuron] * second(), t_stop=spikes.duration * second()
        )
        for neuron in range(spikes.n_neurons)
    ]
