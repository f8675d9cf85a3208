"""One training step in parts: the gradient of the whole batch, whoever computes it."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from lgl_core.transformer import step as training_step
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.step import gradient_step, losses, mean_losses, threads

N, C, T, B = 7, 5, 12, 10


def model(dropout=0.0, **changes):
    torch.manual_seed(0)
    sizes = {"n_neurons": N, "n_classes": C, "n_layers": 2, "n_heads": 2, "width": 16, "context": T}
    return Neuroformer(TransformerConfig(**sizes, dropout=dropout, **changes)).train()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    intervals = 1e-3 * torch.rand(B, T + 1, generator=generator)
    return (
        torch.randint(N, (B, T + 1), generator=generator),
        intervals,
        intervals.cumsum(1) - intervals[:, :1],
        torch.randint(C, (B, T + 1), generator=generator),
    )


@pytest.fixture(autouse=True)
def three_sequences_at_a_time(monkeypatch):
    monkeypatch.setattr(training_step, "_TOKENS_AT_ONCE", 3 * T + 1)


def gradients(of):
    return [parameter.grad for parameter in of.parameters()]


@pytest.mark.parametrize("embedding", ["interval", "elapsed", "rotary"])
def test_parts_add_up_to_the_gradient_of_the_whole_batch(batch, embedding):
    plain, ours = (model(time_embedding=embedding, interval_weight=0.3) for _ in range(2))
    neurons, intervals, times, classes = batch
    outputs = plain(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
    neuron, interval = (
        cross_entropy(logits.transpose(1, 2), target[:, 1:])
        for logits, target in zip(outputs, (neurons, classes), strict=True)
    )
    (neuron + 0.3 * interval).backward()
    values = gradient_step(ours, batch, seed=(0,))
    assert values == pytest.approx([neuron.item(), interval.item()], rel=1e-6)
    assert mean_losses(ours, batch) == pytest.approx(values, rel=1e-6)
    assert [loss.item() for loss in losses(ours, batch)] == pytest.approx(values, rel=1e-6)
    for a, b in zip(gradients(plain), gradients(ours), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(batch, n_threads):
    alone, together = model(dropout=0.3), model(dropout=0.3)
    for seed in range(3):
        with threads(1) as ordered_map:
            values = gradient_step(alone, batch, (seed,), ordered_map)
        with threads(n_threads) as ordered_map:
            assert (gradient_step(together, batch, (seed,), ordered_map) == values).all()
        for a, b in zip(gradients(alone), gradients(together), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("embedding", ["interval", "rotary"])
def test_half_the_bits_give_the_same_gradient_but_for_rounding(batch, embedding):
    """bfloat16 keeps 8 bits: 0.4 % per product, less in their sums."""
    full, half = (model(time_embedding=embedding, dropout=0.1) for _ in range(2))
    expected = gradient_step(full, batch, (0,))
    values = gradient_step(half, batch, (0,), precision="bfloat16")
    assert (values != expected).all()
    assert values == pytest.approx(expected, rel=1e-3)
    for a, b in zip(gradients(full), gradients(half), strict=True):
        assert b.dtype == torch.float32
        assert (a - b).norm() < 0.02 * a.norm()


def test_half_the_bits_do_not_depend_on_the_number_of_threads_either(batch):
    alone, together = model(), model()
    with threads(1) as ordered_map:
        values = gradient_step(alone, batch, (0,), ordered_map, "bfloat16")
    with threads(3) as ordered_map:
        assert (gradient_step(together, batch, (0,), ordered_map, "bfloat16") == values).all()
    for a, b in zip(gradients(alone), gradients(together), strict=True):
        assert torch.equal(a, b)


def test_the_seed_decides_what_is_dropped(batch):
    trained = model(dropout=0.3)
    first, again, other = (gradient_step(trained, batch, (seed,)) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).all()


def test_pytorch_gets_its_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)  # one would be what it has inside
    try:
        with pytest.raises(KeyboardInterrupt), threads(2) as ordered_map:
            assert list(ordered_map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
            raise KeyboardInterrupt
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
