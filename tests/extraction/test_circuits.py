"""Circuits: what heads write, against the model's own steps, and what a column cannot know."""

import numpy as np
import pytest
import torch

from lgl_core.extraction.circuits import circuits
from tests.extraction.test_influence import N, model, recording


def mean_time_embedding(made, tokens):
    """Mean over the recording's windows of what is added to the embedding of the neuron."""
    shape = -1, made.config.context
    neurons = torch.from_numpy(tokens.neurons.reshape(shape))
    times = tokens.times.reshape(shape)
    clocks = tokens.intervals.reshape(shape), times - times[:, :1]
    clocks = (torch.from_numpy(clock.astype(np.float32)) for clock in clocks)
    return (made.embed(neurons, *clocks) - made.neuron_embedding(neurons)).mean((0, 1))


@pytest.mark.parametrize("time_embedding", ["interval", "elapsed", "rotary"])
@torch.no_grad()
def test_logits_move_by_the_circuit_when_a_head_reads_a_token(time_embedding):
    """What a head writes moves the logits, by a little of it written into some state."""
    tokens = recording(800)
    made = model(tokens, time_embedding=time_embedding, n_layers=1)
    torch.manual_seed(1)
    for norm in (made.norm, made.blocks[0].norm_attention):
        norm.weight.normal_()
        norm.bias.normal_()
    found, clock = circuits(made, tokens), mean_time_embedding(made, tokens)
    attention = made.blocks[0].attention
    for pre in range(N):
        x = made.neuron_embedding(torch.tensor(pre)) + clock
        normed = made.blocks[0].norm_attention(x)[None, None]
        value = attention.project(normed, torch.zeros(1, 1))[2]
        for head in range(2):
            of_head = torch.zeros_like(value)
            of_head[:, head] = value[:, head]
            written = (of_head.transpose(1, 2).flatten(2) @ attention.output.weight.T)[0, 0]
            state = torch.randn(made.config.width)
            _, moved = torch.func.jvp(
                lambda x: made.neuron_head(made.norm(x)), (state,), (written,)
            )
            # The norm divides by the state's length, which what is written along it changes.
            length = state.std(correction=0)
            along = (state - state.mean()) / length
            along = (written @ along) / len(state) * along
            expected = moved * length + made.neuron_head.weight @ (made.norm.weight * along)
            np.testing.assert_allclose(found[0, head, :, pre], expected, rtol=1e-3, atol=1e-4)


def test_nothing_is_attended_to_hence_no_order_of_tokens_matters():
    tokens = recording(4000)
    made = model(tokens)
    found = circuits(made, tokens)
    assert found.shape == (2, 2, N, N) and np.isfinite(found).all()
    with torch.no_grad():
        made.blocks[0].attention.query_key_value.weight[: 2 * made.config.width].normal_()
    np.testing.assert_array_equal(circuits(made, tokens), found)
