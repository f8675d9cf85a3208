"""Changed stretches of a window, against the whole window changed by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lgl_core.extraction._rerun import Spikes, moved, removed, replaced, with_and_without
from lgl_core.transformer.tokens import Windows
from tests.extraction.test_influence import N, earlier, model, recording

N_TOKENS, N_AFTER = 30, 4


def window(seed: int) -> Spikes:
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, 12, N_TOKENS)  # of 0.1 ms: some spikes at the same time
    times = np.cumsum(steps * 1e-4).astype(np.float32)
    return Spikes(
        torch.from_numpy(rng.integers(N, size=N_TOKENS)),
        torch.from_numpy((steps * 1e-4).astype(np.float32)),
        torch.from_numpy(times - times[0]),
    )


def whole(altered, row: int, spikes: Spikes) -> list[np.ndarray]:
    """The window with a changed stretch put in, as far as that goes."""
    begin = int(altered.begin[row])
    return [
        np.append(old[:begin].numpy(), new[row].numpy())
        for old, new in zip(spikes, altered.tokens, strict=True)
    ]


def compare(found, expected):
    who, gaps, when = found
    np.testing.assert_array_equal(who, expected[0][: len(who)])
    np.testing.assert_allclose(gaps, expected[1][: len(who)], atol=1e-6)
    np.testing.assert_array_equal(when, expected[2][: len(who)])


@pytest.mark.slow
@given(seed=st.integers(0, 1000), first=st.integers(1, 20), by=st.floats(1e-4, 20e-3))
def test_a_moved_spike_is_put_where_it_belongs(seed, first, by):
    spikes = window(seed)
    positions = torch.arange(first, N_TOKENS - N_AFTER)
    altered = moved(spikes, positions, N_AFTER, by)
    for row, k in enumerate(positions.tolist()):
        expected = earlier(*(a.numpy() for a in spikes), k, by, farthest=k - first + 1)
        found = whole(altered, row, spikes)
        assert len(found[0]) == k + N_AFTER + 1
        compare(found, expected)
        neuron, time = (column[row].item() for column in altered.instead)
        assert neuron == spikes.neurons[k] and time in expected[2]


@pytest.mark.slow
@given(seed=st.integers(0, 1000), first=st.integers(1, 20))
def test_others_close_the_gap_of_a_removed_spike(seed, first):
    spikes = window(seed)
    positions = torch.arange(first, N_TOKENS - N_AFTER)
    altered = removed(spikes, positions, N_AFTER)
    assert altered.instead is None
    for row, k in enumerate(positions.tolist()):
        who, gaps, when = (a.numpy().copy() for a in spikes)
        gaps[k + 1] += gaps[k]
        compare(whole(altered, row, spikes), [np.delete(a, k) for a in (who, gaps, when)])


@pytest.mark.slow
@given(seed=st.integers(0, 1000), first=st.integers(1, 20), stranger=st.integers(0, N - 1))
def test_a_replaced_spike_is_another_neurons(seed, first, stranger):
    spikes = window(seed)
    positions = torch.arange(first, N_TOKENS - N_AFTER)
    strangers = torch.full_like(positions, stranger)
    altered = replaced(spikes, positions, N_AFTER, strangers)
    for row, k in enumerate(positions.tolist()):
        who = spikes.neurons.numpy().copy()
        who[k] = stranger
        compare(whole(altered, row, spikes), [who, *(a.numpy() for a in spikes[1:])])


@pytest.mark.slow
def test_a_spike_that_is_moved_by_nothing_changes_nothing():
    """Nor does one that is replaced by itself: all is run again, and comes out as it was."""
    tokens = recording(150)
    made = model(tokens)
    length = made.config.context + 1
    spikes = Spikes(*(column[0] for column in Windows(tokens, length)[np.array([0])][:3]))
    positions = torch.arange(10, length - 1 - N_AFTER)
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    same = replaced(spikes, positions, N_AFTER, spikes.neurons[positions])
    for altered in (same, moved(spikes, positions, N_AFTER, 0.0)):
        with torch.no_grad():
            kept, again = with_and_without(made, spikes, positions, N_AFTER, altered, centres)
        for before, after in zip(kept, again, strict=True):
            torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-3)
