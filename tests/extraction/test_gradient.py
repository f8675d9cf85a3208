"""Influence to first order, against small changes, single spikes and the exact one."""

import numpy as np
import pytest
import torch

from lgl_core.extraction._rerun import predicted
from lgl_core.extraction.gradient import (
    _signs,
    _slopes,
    gradient_energy,
    linear_influence,
    state,
)
from lgl_core.extraction.influence import overlaps
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.tokens import Windows
from tests.extraction.test_influence import LAGS, N, log_rates, model, recording


def first_window(made, tokens):
    return tuple(a[:, :-1] for a in Windows(tokens, made.config.context + 1)[np.array([0])][:3])


@pytest.mark.parametrize("time_embedding", ["interval", "elapsed", "rotary"])
@pytest.mark.parametrize("mask", ["causal", "strict"])
def test_presence_goes_from_without_the_spike_to_with_it(time_embedding, mask):
    tokens = recording(100)
    made = model(tokens, time_embedding=time_embedding, mask=mask)
    neurons, intervals, times = window = first_window(made, tokens)
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    presence = torch.ones(1, made.config.context)
    with torch.no_grad():
        full = predicted(made, state(made, window, presence), centres)[0][0]
        presence[0, 7] = 0
        without = predicted(made, state(made, window, presence), centres)[0][0]
    whole = log_rates(made, tokens, *(a[0].numpy() for a in window))[0]
    np.testing.assert_allclose(full[:-1], whole, atol=1e-4)
    gaps = intervals[0].numpy().copy()
    gaps[8] += gaps[7]
    rest = [np.delete(a, 7) for a in (neurons[0].numpy(), gaps, times[0].numpy())]
    np.testing.assert_allclose(without[8:-1], log_rates(made, tokens, *rest)[0][7:], atol=1e-4)


def only(k: int, n_tokens: int = 40, sign: float = 1.0) -> torch.Tensor:
    direction = torch.zeros(1, n_tokens)
    direction[0, k] = sign
    return direction


@pytest.mark.parametrize("time_embedding", ["interval", "rotary"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_spike_alone_gets_its_slope_at_full_presence(monkeypatch, time_embedding, sign):
    """Against finite differences in double precision, whatever sign the spike was dimmed with."""
    tokens = recording(41)  # a single window
    made, k, n_after = model(tokens, time_embedding=time_embedding), 25, 9
    monkeypatch.setattr("lgl_core.extraction.gradient._signs", lambda *_: only(k, sign=sign))
    found = linear_influence(made, tokens, lags=LAGS, n_after=n_after, progress=False)

    window = tuple(a.double() if a.is_floating_point() else a for a in first_window(made, tokens))
    made, centres = made.double(), torch.from_numpy(tokens.vocabulary.centres)
    both = []
    with torch.no_grad():
        for presence in (1 + 1e-3 * only(k).double(), 1 - 1e-3 * only(k).double()):
            log_p, log_i = predicted(made, state(made, window, presence), centres)
            both.append((log_p[0] - log_i[0, :, None]).numpy())
    slope = (both[0] - both[1])[k + 1 : k + 1 + n_after] / 2e-3
    at = tokens.times - tokens.times[k]
    weights = np.array([
        [max(min(at[q + 1], last) - max(at[q], first), 0) for q in range(k + 1, k + 1 + n_after)]
        for first, last in zip(LAGS, LAGS[1:], strict=False)
    ])  # fmt: skip
    pre = tokens.neurons[k]
    expected = weights @ slope / weights.sum(1, keepdims=True)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(found.log_rate[:, :, pre], expected, atol=1e-4)
    assert not np.delete(found.seconds, pre, axis=1).any()


@pytest.mark.parametrize("time_embedding", ["interval", "rotary"])
def test_energy_is_the_mean_square_of_the_derivative_of_a_spike_alone(time_embedding):
    """Against the derivative of every single score, by differentiation in reverse."""
    tokens, n_before, n_after = recording(100), 12, 6
    made = model(tokens, context=20, time_embedding=time_embedding)
    found = gradient_energy(
        made, tokens, lags=LAGS, n_before=n_before, n_after=n_after, batch_size=7, progress=False
    )
    windows, length = Windows(tokens, n_before + n_after + 2), n_before + 1 + n_after
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    squares, seconds = np.zeros((2, len(LAGS) - 1, N, N))
    for start in range(len(tokens) - length):
        *columns, _ = windows[np.array([start])]
        window = tuple(column[:, :-1] for column in columns)

        def scores(presence, window=window):
            return predicted(made, state(made, window, presence), centres)[0][0]

        slope = torch.autograd.functional.jacobian(scores, torch.ones(1, length))[:, :, 0]
        pre, times = columns[0][0, n_before], columns[2][0]
        for q in range(n_before + 1, length):
            shares = overlaps(times[n_before], times[q], times[q + 1], LAGS).numpy()[:, None]
            squares[:, :, pre] += shares * slope[q, :, n_before].numpy() ** 2
            seconds[:, :, pre] += shares
    expected = np.einsum("l,lij->ij", np.diff(LAGS) * 1e3, squares / np.maximum(seconds, 1e-12))
    assert (expected > 0).all()
    np.testing.assert_allclose(found, expected, rtol=2e-3)


@pytest.mark.parametrize(
    "given", [{"n_spikes": 0}, {"n_before": 0}, {"n_before": 30, "n_after": 10}]
)
def test_energy_that_makes_no_sense_is_refused(given):
    tokens = recording(100)
    with pytest.raises(ValueError, match="at least 1, and a window hold at most 40 tokens"):
        gradient_energy(model(tokens), tokens, **({"n_before": 10, "n_after": 6} | given))


@torch.no_grad()
def slopes(made, tokens, direction):
    centres = torch.from_numpy(tokens.vocabulary.centres).float()
    return _slopes(made, first_window(made, tokens), direction, centres)


def test_first_order_is_exact_where_the_change_is_small():
    """Heads that listen to everyone alike: a spike more or less is then a small change."""
    tokens = recording(41)

    def both(scale):
        made = model(tokens, time_embedding="rotary")
        centres = torch.from_numpy(tokens.vocabulary.centres).float()
        with torch.no_grad():
            for block in made.blocks:
                block.attention.query_key_value.weight[:32].mul_(scale)
            window = first_window(made, tokens)
            full, without = (
                predicted(made, state(made, window, presence), centres)[0]
                for presence in (torch.ones(1, 40), 1 - only(20))
            )
        later = slice(21, None)
        linear = slopes(made, tokens, only(20)).log_probability
        return (full - without)[0, later], linear[0, later]

    def off(scale):
        exact, linear = both(scale)
        return float((exact - linear).norm() / exact.norm())

    assert off(0.02) < 0.1, "one key in twenty"
    assert off(4.0) > 0.5, "a key that takes it all"


@pytest.mark.slow
def test_spikes_dimmed_together_answer_as_the_sum_of_each_alone():
    """So the others average out, as soon as their signs are drawn independently."""
    tokens = recording(41)
    made = model(tokens)
    signs = _signs(np.random.default_rng(0), 1, 40, 1)
    together = slopes(made, tokens, signs)
    alone = [slopes(made, tokens, only(k, sign=float(signs[0, k]))) for k in range(40)]
    for k, one in enumerate(together):
        np.testing.assert_allclose(one, sum(each[k] for each in alone), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("every", [1, 3])
def test_signs_are_drawn_independently(every):
    signs = _signs(np.random.default_rng(0), 4000, 12, every).numpy()
    assert set(np.unique(signs)) == {-1, 1} | ({0} if every > 1 else set())
    assert (np.abs(signs).sum(1) == 12 / every).all()
    products = signs.T @ signs / len(signs)
    np.testing.assert_allclose(products, np.eye(12) / every, atol=0.06)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_spikes": 0}, "n_spikes must be at least 1, got 0"),
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"lags": (1e-3,)}, "lags must ascend and be at least two"),
    ],
)
def test_what_cannot_be_done_is_said(changes, message):
    tokens = recording()
    with pytest.raises(ValueError, match=message):
        linear_influence(model(tokens), tokens, **changes)


def test_a_model_with_a_coupling_is_sent_to_the_exact_one():
    tokens = recording()
    with pytest.raises(ValueError, match=r"without a coupling; .* lgl_core.extraction.influence"):
        linear_influence(model(tokens, coupling=CouplingConfig()), tokens)


@pytest.mark.slow
def test_every_neuron_is_followed():
    tokens = recording()
    found = linear_influence(model(tokens), tokens, progress=False)
    assert found.log_rate.shape == (8, N, N)
    assert (found.seconds.sum(0) > 0).all() and np.isfinite(found.log_rate).all()
