"""The read-out of the hub study and each of its switches, against plain loops."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from lgl_core.extraction.attention import attention_connectivity
from lgl_core.extraction.selected import selected_attention
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.embeddings import rotate
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.tokens import tokenize
from tests.gapped import gapped_trains, pieces

N, T = 4, 7
ALL_BUT_CHAINED = [
    {"rows": rows, "positions": positions, "occurrences": occurrences}
    for rows, positions, occurrences in product(
        ("query", "predicted"), ("all", "last"), ("every", "latest")
    )
]
OF_THE_PAPER = {"rows": "predicted", "positions": "all", "occurrences": "every", "chained": True}


def model(seed=0, **changes):
    """Make one with sharp attention, so that no two keys are alike."""
    torch.manual_seed(seed)
    sizes = {"n_layers": 2, "n_heads": 2, "width": 8, "context": T, "time_embedding": "elapsed"}
    config = TransformerConfig(**{"n_neurons": N, "n_classes": 63} | sizes | changes)
    neuroformer = Neuroformer(config).eval()
    with torch.no_grad():
        for parameter in neuroformer.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.6)
    return neuroformer


def recording(n_spikes=18, neurons=None, seed=0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.random(n_spikes)) * 0.02
    drawn = rng.integers(0, N, n_spikes)
    return tokenize(
        SpikeTrains(
            times=times,
            neurons=drawn if neurons is None else np.array(neurons),
            n_neurons=N,
            duration=1.0,
        )
    )


def select(models, tokens, **options):
    return selected_attention(models, tokens, progress=False, **options)


def matrices_slowly(neuroformer, inputs, chained):
    """Attention of one window as lists ``[layer][head][query][key]``."""
    if chained:
        return [layer[0].tolist() for layer in neuroformer.attention(*inputs)]
    config, layers = neuroformer.config, []
    width = config.width // config.n_heads
    for block in neuroformer.blocks:
        read = neuroformer.embed(*inputs)
        both = block.attention.query_key_value(read).detach()[..., : 2 * config.width]
        parts = both.unflatten(-1, (2, config.n_heads, width)).permute(2, 0, 3, 1, 4)
        if config.time_embedding == "rotary":
            parts = [rotate(part, inputs[2]) for part in parts]
        queries, keys = (part[0].double().numpy() for part in parts)
        heads = []
        for head in range(config.n_heads):
            matrix = np.zeros((T, T))
            for query in range(T):
                seen = range(query + (config.mask == "causal"))
                scores = [queries[head, query] @ keys[head, key] for key in seen]
                weights = [math.exp(score / math.sqrt(width)) for score in scores]
                for key in seen:
                    matrix[query, key] = weights[key] / sum(weights)
            heads.append(matrix)
        layers.append(heads)
    return layers


def selected_slowly(neuroformer, tokens, rows, positions, occurrences, chained, stride):
    """Sum attention and pairs up, one window, row and key at a time."""
    strict = neuroformer.config.mask == "strict"
    flow, pairs = np.zeros((2, 2, N, N)), np.zeros((N, N))
    for start in range(0, len(tokens) - T, stride):
        span = slice(start, start + T)
        neurons = tokens.neurons[span]
        inputs = (
            torch.tensor(neurons[None]),
            torch.tensor(tokens.intervals[span][None], dtype=torch.float32),
            torch.tensor((tokens.times[span] - tokens.times[start])[None], dtype=torch.float32),
        )
        attention = matrices_slowly(neuroformer, inputs, chained)
        for query in [T - 1] if positions == "last" else range(T):
            post = tokens.neurons[start + query + (rows == "predicted")]
            keys = list(range(query if strict else query + 1))
            for key in keys:
                pre = neurons[key]
                if occurrences == "latest" and pre in neurons[key + 1 : len(keys)]:
                    continue
                pairs[post, pre] += 1
                for layer, head in product(range(2), range(2)):
                    flow[layer, head, post, pre] += attention[layer][head][query][key]
    return flow, pairs


def assert_agrees(found, flow, pairs):
    np.testing.assert_array_equal(found.pairs, pairs)
    np.testing.assert_allclose(found.flow, flow, rtol=1e-4, atol=1e-5)  # single precision


@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("options", ALL_BUT_CHAINED, ids=lambda options: "-".join(options.values()))
def test_each_combination_is_that_of_plain_loops(options, chained, mask):
    neuroformer, tokens = model(mask=mask), recording()
    found = select([neuroformer], tokens, stride=2, batch_size=4, chained=chained, **options)
    slow = selected_slowly(neuroformer, tokens, chained=chained, stride=2, **options)
    assert_agrees(found, *slow)


@pytest.mark.parametrize("time_embedding", ["interval", "rotary"])
@pytest.mark.parametrize("options", [ALL_BUT_CHAINED[0], ALL_BUT_CHAINED[3]], ids=["all", "last"])
def test_so_is_each_way_to_know_the_time(options, time_embedding):
    neuroformer, tokens = model(time_embedding=time_embedding), recording()
    found = select([neuroformer], tokens, stride=2, **options)
    slow = selected_slowly(neuroformer, tokens, chained=False, stride=2, **options)
    assert_agrees(found, *slow)


@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize("time_embedding", ["interval", "elapsed", "rotary"])
@pytest.mark.parametrize("stride", [None, 3])
def test_the_switches_of_the_paper_give_attention_connectivity(mask, time_embedding, stride):
    models = [model(seed, mask=mask, time_embedding=time_embedding) for seed in (0, 1)]
    tokens = recording(60)
    found = select(models, tokens, stride=stride, **OF_THE_PAPER)
    expected = attention_connectivity(models, tokens, stride=stride, progress=False)
    assert_agrees(found, expected.flow, expected.pairs)


def test_of_each_neuron_the_latest_token_counts():
    tokens = recording(T + 1, neurons=[0, 1, 0, 1, 1, 0, 2, 3])
    found = select([model()], tokens)
    expected = np.zeros((N, N))
    expected[2, [0, 1, 2]] = 1  # the row is the last token that the model reads
    np.testing.assert_array_equal(found.pairs, expected)
    predicted = select([model()], tokens, rows="predicted")
    np.testing.assert_array_equal(predicted.flow[:, :, 3], found.flow[:, :, 2])
    before = select([model(mask="strict")], tokens)
    assert before.pairs[2, 2] == 0 and not before.flow[..., 2, 2].any()


def test_a_row_hands_out_one_in_all_over_every_token_and_less_over_the_latest():
    tokens = recording()
    every = select([model()], tokens, occurrences="every").flow.sum(-1)
    rows = np.bincount(tokens.neurons[T - 1 : -1], minlength=N)
    np.testing.assert_allclose(every, np.tile(rows, (2, 2, 1)), rtol=1e-5)
    latest = select([model()], tokens).flow.sum(-1)
    assert (latest < every).all() and (latest > 0).all()


def test_default_strides():
    tokens = recording(40)
    assert select([model()], tokens, occurrences="every").pairs.sum() == (40 - T) * T
    found = select([model()], tokens, positions="all", occurrences="every")
    assert found.pairs.sum() == (39 // T) * T * (T + 1) / 2


def test_both_kinds_of_rows_see_the_same_windows():
    tokens = recording(30)
    pairs = [select([model()], tokens, rows=rows).pairs for rows in ("query", "predicted")]
    np.testing.assert_array_equal(pairs[0].sum(0), pairs[1].sum(0))


def test_a_first_token_that_may_see_only_the_past_sees_nothing():
    found = select([model(mask="strict", context=1)], recording())
    assert not found.flow.any() and not found.pairs.any()


@pytest.mark.parametrize("chained", [False, True])
def test_flow_of_several_models_is_their_mean_and_pairs_count_once(chained):
    models, tokens = [model(0), model(1), model(2)], recording()
    found = select(models, tokens, chained=chained)
    alone = [select([one], tokens, chained=chained) for one in models]
    np.testing.assert_allclose(found.flow, np.mean([one.flow for one in alone], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(found.pairs, alone[0].pairs)


@pytest.mark.parametrize("positions", ["all", "last"])
def test_no_window_crosses_a_gap(positions):
    spikes = gapped_trains(lengths=(1.0, 0.1, 0.8), gaps=(0.5, 2.0), n_neurons=N, rate=12.0)
    neuroformer = model()
    found = select([neuroformer], tokenize(spikes), positions=positions)
    parts = [
        select([neuroformer], tokenize(piece), positions=positions)
        for piece in pieces(spikes)
        if len(piece) > T
    ]
    assert len(parts) == 2, "one epoch is too short for a window"
    assert_agrees(found, sum(part.flow for part in parts), sum(part.pairs for part in parts))


def test_the_number_of_threads_does_not_change_a_bit():
    n_threads, results = torch.get_num_threads(), []
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            results.append(select([model()], recording(100), batch_size=2).flow)
    finally:
        torch.set_num_threads(n_threads)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": "key"}, 'rows must be "query" or "predicted", got \'key\''),
        ({"positions": "first"}, 'positions must be "all" or "last", got \'first\''),
        ({"occurrences": "all"}, 'occurrences must be "every" or "latest", got \'all\''),
        ({"stride": 0}, "stride must be at least 1, got 0"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        select([model()], recording(), **options)


def test_models_and_recordings_are_checked():
    with pytest.raises(ValueError, match="at least one"):
        select([], recording())
    with pytest.raises(ValueError, match="share one configuration"):
        select([model(), model(mask="strict")], recording())
    with pytest.raises(ValueError, match="a window takes"):
        select([model()], recording(T))
    with pytest.raises(ValueError, match="at most the model's 3 neurons, got 4"):
        select([model(n_neurons=3)], recording())
