"""Recordings with gaps, and the same as pieces without: what every file must treat alike."""

import numpy as np
from hypothesis import strategies as st

from lgl_core.spikes import SpikeTrains


def gapped_trains(
    lengths=(2.0, 0.7, 1.3), gaps=(0.4, 5.0), n_neurons=3, rate=20.0, seed=0, lead=0.0
) -> SpikeTrains:
    """Poisson trains in epochs of these lengths (s), with these gaps between them."""
    rng = np.random.default_rng(seed)
    starts = lead + np.cumsum([0.0, *(np.array(lengths[:-1]) + gaps)])
    times = [
        start + np.sort(rng.uniform(0, length, rng.poisson(rate * n_neurons * length)))
        for start, length in zip(starts, lengths, strict=True)
    ]
    times = np.concatenate(times)
    return SpikeTrains(
        times=times,
        neurons=rng.integers(0, n_neurons, len(times)),
        n_neurons=n_neurons,
        duration=float(starts[-1] + lengths[-1]),
        epochs=np.stack([starts, starts + lengths], axis=1),
    )


@st.composite
def random_gapped_trains(draw) -> SpikeTrains:
    n = draw(st.integers(1, 4))
    length = st.floats(0.2, 2.0)
    return gapped_trains(
        lengths=draw(st.lists(length, min_size=n, max_size=n)),
        gaps=draw(st.lists(st.floats(1e-3, 3.0), min_size=n - 1, max_size=n - 1)),
        n_neurons=draw(st.integers(1, 4)),
        rate=draw(st.sampled_from([0.5, 10.0, 60.0])),
        seed=draw(st.integers(0, 1000)),
        lead=draw(st.sampled_from([0.0, 0.25])),
    )


def pieces(spikes: SpikeTrains) -> list[SpikeTrains]:
    """One recording without a gap for each epoch."""
    return [spikes.select(start=start, stop=stop) for start, stop in spikes.epochs]
