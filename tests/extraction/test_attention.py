"""Attention to connectivity, against the obvious triple loop."""

import weakref

import numpy as np
import pytest
import torch

from lgl_core.extraction.attention import _LANES, _MASKED, _softmax, attention_connectivity
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.tokens import Windows, tokenize
from tests.gapped import gapped_trains, pieces

N, T = 6, 10


def model(seed=0, **changes):
    torch.manual_seed(seed)
    config = TransformerConfig(
        **{"n_neurons": N, "n_classes": 63, "n_layers": 2, "n_heads": 2, "width": 16, "context": T}
        | changes
    )
    neuroformer = Neuroformer(config).eval()
    with torch.no_grad():
        for parameter in neuroformer.parameters():
            parameter.mul_(8)
    return neuroformer


def recording(n_spikes=75, n_active=N - 1, seed=0):
    rng = np.random.default_rng(seed)
    spikes = SpikeTrains(
        times=np.sort(rng.random(n_spikes)),
        neurons=rng.integers(0, n_active, n_spikes),
        n_neurons=N,
        duration=1.0,
    )
    return tokenize(spikes)


def slow_twin(models, tokens, rows, strict, stride):
    """Sum attention and allowed pairs over sequences, queries and keys, one entry at a time."""
    flow, pairs = np.zeros((2, 2, N, N)), np.zeros((N, N))
    for start in range(0, len(tokens) - T, stride):
        span = slice(start, start + T)
        times = tokens.times[span] - tokens.times[start]
        inputs = [
            torch.tensor(np.array([values]), dtype=dtype)
            for values, dtype in (
                (tokens.neurons[span], torch.int64),
                (tokens.intervals[span], torch.float32),
                (times, torch.float32),
            )
        ]
        attentions = [m.attention(*inputs) for m in models]
        for query in range(T):
            post = tokens.neurons[start + query + (rows == "predicted")]
            for key in range(query if strict else query + 1):
                pre = tokens.neurons[start + key]
                pairs[post, pre] += 1
                for layer in range(2):
                    for head in range(2):
                        flow[layer, head, post, pre] += np.mean(
                            [a[layer][0, head, query, key].item() for a in attentions]
                        )
    return flow, pairs


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["query", "predicted"])
@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize("stride", [None, 3])
def test_agrees_with_the_triple_loop(rows, mask, stride):
    models, tokens = [model(0, mask=mask), model(1, mask=mask)], recording()
    result = attention_connectivity(
        models, tokens, rows=rows, stride=stride, batch_size=4, progress=False
    )
    flow, pairs = slow_twin(models, tokens, rows, mask == "strict", stride or T)
    np.testing.assert_array_equal(result.pairs, pairs)
    # Attention is in single precision, and a batch of four rounds otherwise than four of one.
    np.testing.assert_allclose(result.flow, flow, rtol=1e-5, atol=1e-5)
    seen = pairs > 0
    connectivity = np.zeros((N, N))
    connectivity[seen] = flow.mean((0, 1))[seen] / pairs[seen]
    np.testing.assert_allclose(result.connectivity(), connectivity, atol=1e-6)
    one = result.connectivity(layer=1, head=0)
    np.testing.assert_allclose(one[seen], flow[1, 0][seen] / pairs[seen], atol=1e-6)


def test_flow_of_each_row_adds_up_to_the_number_of_queries():
    """Each query hands out attention of one in all, so the flow into a neuron counts its tokens."""
    tokens = recording(T * 7 + 1)
    result = attention_connectivity([model()], tokens, rows="query", progress=False)
    queries = np.bincount(tokens.neurons[: T * 7], minlength=N)
    np.testing.assert_allclose(result.flow.sum(-1), np.tile(queries, (2, 2, 1)), rtol=1e-5)


def test_says_how_many_pairs_were_never_seen():
    result = attention_connectivity([model()], recording(), progress=False)
    # The last neuron is silent: its row and its column, without the diagonal.
    assert result.n_unseen == 2 * (N - 1)
    assert np.isfinite(result.connectivity()).all()
    assert not result.connectivity()[N - 1].any() and not result.connectivity()[:, N - 1].any()


def test_layers_and_heads_average_to_the_whole():
    result = attention_connectivity([model()], recording(), progress=False)
    parts = [result.connectivity(layer=i, head=j) for i in range(2) for j in range(2)]
    np.testing.assert_allclose(np.mean(parts, axis=0), result.connectivity())
    with pytest.raises(IndexError):
        result.connectivity(layer=2)


def test_memory_does_not_grow_with_the_number_of_sequences():
    """Few batches are alive at once: one per thread, and what Python has not let go of yet."""
    neuroformer, tokens, alive, sizes = model(), recording(3_001), [], []
    embed = neuroformer.embed

    def watched(*batch):
        alive[:] = [reference for reference in alive if reference() is not None]
        assert len(alive) <= 2 * torch.get_num_threads()
        states = embed(*batch)
        alive.append(weakref.ref(states))
        sizes.append(len(batch[0]))
        return states

    neuroformer.embed = watched
    n_threads = torch.get_num_threads()
    attention_connectivity([neuroformer], tokens, batch_size=8, progress=False)
    assert sum(sizes) == 300 and max(sizes) == 8
    assert torch.get_num_threads() == n_threads  # put back


@pytest.mark.slow
@pytest.mark.parametrize("time_embedding", ["interval", "elapsed", "rotary"])
@pytest.mark.parametrize("stride", [3, 10, 17])
def test_agrees_with_the_matrices_of_the_model(time_embedding, stride):
    """A context of two kernel blocks and a bit, heads of 6 features, several tasks and threads."""
    neuroformer = model(time_embedding=time_embedding, context=70, width=24, n_heads=4, n_layers=3)
    tokens = recording(500)
    result = attention_connectivity(
        [neuroformer], tokens, stride=stride, batch_size=2, progress=False
    )
    flow = np.zeros_like(result.flow)
    windows = Windows(tokens, 71)
    for starts in windows.in_order(1, stride):
        neurons, intervals, times, _ = windows[starts]
        layers = neuroformer.attention(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
        for layer, matrices in enumerate(layers):
            incidence = np.eye(N)[neurons[0].numpy()]
            flow[layer] += incidence[1:].T @ matrices[0].double().numpy() @ incidence[:-1]
    np.testing.assert_allclose(result.flow, flow, rtol=1e-5, atol=1e-5 * flow.max())


@pytest.mark.slow
def test_the_number_of_threads_does_not_change_a_bit():
    n_threads, results = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            results.append(
                attention_connectivity(
                    [model()], recording(1_000), stride=3, batch_size=2, progress=False
                )
            )
    finally:
        torch.set_num_threads(n_threads)
    for other in results[1:]:
        np.testing.assert_array_equal(other.flow, results[0].flow)
        np.testing.assert_array_equal(other.pairs, results[0].pairs)


def test_softmax_is_that_of_large_and_of_hidden_scores():
    """Softmax of columns against NumPy in double precision; a column without keys gives zero."""
    rng = np.random.default_rng(0)
    scores = (rng.standard_normal((64, _LANES)) * np.geomspace(1e-3, 300, _LANES)).astype("f4")
    scores[5:, 0] = _MASKED
    scores[:, 1] = _MASKED
    weights, share = scores.ravel().copy(), np.empty(_LANES, np.float32)
    _softmax(weights, 64, share)
    exact = np.exp2((scores - scores.max(0)).astype(float))  # differences in single precision
    exact /= exact.sum(0)
    exact[:, 1] = 0
    np.testing.assert_allclose(weights.reshape(64, -1) * share, exact, rtol=1e-6, atol=1e-37)


def test_bad_values_are_named():
    tokens = recording()
    with pytest.raises(ValueError, match="rows must be"):
        attention_connectivity([model()], tokens, rows="key")
    with pytest.raises(ValueError, match="at least one"):
        attention_connectivity([], tokens)
    with pytest.raises(ValueError, match="share one configuration"):
        attention_connectivity([model(), model(mask="strict")], tokens)
    with pytest.raises(ValueError, match="a window takes"):
        attention_connectivity([model()], recording(T))
    with pytest.raises(ValueError, match=f"at most the model's {N - 1} neurons, got {N}"):
        attention_connectivity([model(n_neurons=N - 1)], tokens)


@pytest.mark.parametrize("time_embedding", ["interval", "rotary"])
@pytest.mark.parametrize("stride", [None, 3])
def test_a_recording_with_gaps_is_the_sum_of_its_pieces(time_embedding, stride):
    spikes = gapped_trains(lengths=(1.0, 0.1, 0.8), gaps=(0.5, 2.0), n_neurons=N, rate=9.0)
    neuroformer = model(time_embedding=time_embedding)
    found = attention_connectivity([neuroformer], tokenize(spikes), stride=stride, progress=False)
    parts = [
        attention_connectivity([neuroformer], tokenize(piece), stride=stride, progress=False)
        for piece in pieces(spikes)
        if len(piece) > T
    ]
    assert len(parts) == 2, "one epoch is too short for a window"
    np.testing.assert_array_equal(found.pairs, sum(part.pairs for part in parts))
    np.testing.assert_allclose(found.flow, sum(part.flow for part in parts), rtol=1e-5, atol=1e-6)
