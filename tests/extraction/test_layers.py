"""What is visible of a layer without the truth, against plain loops and against training's loss."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from lgl_core.extraction.attention import AttentionConnectivity, attention_connectivity
from lgl_core.extraction.layers import (
    _costs,
    _loss,
    ablation_cost,
    agreement,
    attention_entropy,
    attention_lag,
    visible,
)
from lgl_core.metrics.scores import co_input, off_diagonal
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.step import mean_losses
from lgl_core.transformer.tokens import Windows, tokenize
from lgl_core.transformer.training import evaluate

N, T, LAYERS, HEADS = 6, 10, 3, 2

each_mask = pytest.mark.parametrize("mask", ["causal", "strict"])
each_embedding = pytest.mark.parametrize("time_embedding", ["interval", "elapsed", "rotary"])
each_part = pytest.mark.parametrize("part", ["layer", "head"])


def model(seed=0, **changes):
    """Make a model whose weights are large enough for its attention to differ between keys."""
    sizes = {"n_neurons": N, "n_classes": 63, "n_layers": LAYERS, "n_heads": HEADS, "width": 16}
    torch.manual_seed(seed)
    neuroformer = Neuroformer(TransformerConfig(**sizes | {"context": T} | changes)).eval()
    with torch.no_grad():
        for parameter in neuroformer.parameters():
            parameter.mul_(8)
    return neuroformer


def recording(n_spikes=205, seed=0):
    """Draw spikes at random, ten per 10 ms: a window spans lags below and above a synapse's."""
    rng = np.random.default_rng(seed)
    spikes = SpikeTrains(
        times=np.sort(rng.random(n_spikes)) * n_spikes * 1e-3,
        neurons=rng.integers(0, N, n_spikes),
        n_neurons=N,
        duration=n_spikes * 1e-3,
    )
    return tokenize(spikes)


def attend_evenly(neuroformer, layer):
    """Take away what queries and keys of a layer are made of: all scores are zero."""
    projection = neuroformer.blocks[layer].attention.query_key_value
    with torch.no_grad():
        n = 2 * neuroformer.config.width
        projection.weight[:n] = 0
        projection.bias[:n] = 0


def drawn(tokens, n_sequences=1000, seed=0):
    windows = Windows(tokens, T + 1)
    return windows[windows.shuffled(n_sequences, T, [seed])[0]]


def rows_of_attention(neuroformer, tokens, n_sequences=1000):
    """Yield layer, head, times of the window, query and its attention to each allowed key."""
    neurons, intervals, times, _ = drawn(tokens, n_sequences)
    matrices = neuroformer.attention(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
    is_strict = neuroformer.config.mask == "strict"
    for layer in range(LAYERS):
        for sequence, head, query in np.ndindex(len(neurons), HEADS, T):
            keys = range(query if is_strict else query + 1)
            row = [matrices[layer][sequence, head, query, key].item() for key in keys]
            yield layer, head, times[sequence].tolist(), query, row


# --- entropy -----------------------------------------------------------------------------------


@each_mask
@each_embedding
def test_entropy_agrees_with_a_plain_loop(mask, time_embedding):
    neuroformer, tokens = model(mask=mask, time_embedding=time_embedding), recording()
    values = {(layer, head): [] for layer in range(LAYERS) for head in range(HEADS)}
    for layer, head, _, _, row in rows_of_attention(neuroformer, tokens):
        if len(row) > 1:
            entropy = -sum(a * math.log(a) for a in row if a > 0)
            values[layer, head].append(entropy / math.log(len(row)))
    expected = np.reshape([np.mean(v) for v in values.values()], (LAYERS, HEADS))
    assert np.ptp(expected) > 0.01  # the heads differ: the twin can tell them apart
    np.testing.assert_allclose(attention_entropy(neuroformer, tokens), expected, rtol=1e-5)


@each_mask
def test_even_attention_has_entropy_one_and_no_lag(mask):
    neuroformer, tokens = model(mask=mask), recording()
    attend_evenly(neuroformer, layer=1)
    entropy, lag = attention_entropy(neuroformer, tokens), attention_lag(neuroformer, tokens)
    np.testing.assert_allclose(entropy[1], 1, rtol=1e-6)
    np.testing.assert_allclose(lag[1], 1, rtol=1e-6)
    assert (entropy[[0, 2]] < 0.999).all()


def test_attention_to_a_single_key_has_no_entropy():
    neuroformer = model()
    with torch.no_grad():
        for block in neuroformer.blocks:
            block.attention.query_key_value.weight.mul_(1000)
    entropy = attention_entropy(neuroformer, recording())
    assert (entropy >= 0).all() and (entropy < 0.01).all()


def test_entropy_needs_a_choice_of_keys():
    with pytest.raises(ValueError, match="context must leave .* got 2 tokens with a strict mask"):
        attention_entropy(model(context=2, mask="strict"), recording())
    assert np.isfinite(attention_entropy(model(context=2), recording())).all()


# --- lag ---------------------------------------------------------------------------------------


@each_mask
@pytest.mark.parametrize("rows", ["query", "predicted"])
@pytest.mark.parametrize("time_embedding", ["interval", "rotary"])
def test_lag_agrees_with_a_plain_loop(mask, rows, time_embedding):
    neuroformer, tokens = model(mask=mask, time_embedding=time_embedding), recording()
    paid, even = np.zeros((LAYERS, HEADS)), np.zeros((LAYERS, HEADS))
    for layer, head, times, query, row in rows_of_attention(neuroformer, tokens):
        end = times[query + (rows == "predicted")]
        for key, attention in enumerate(row):
            if 1e-3 <= end - times[key] < 5e-3:
                paid[layer, head] += attention
                even[layer, head] += 1 / len(row)
    result = attention_lag(neuroformer, tokens, rows=rows)
    assert np.abs(paid / even - 1).max() > 0.01
    np.testing.assert_allclose(result, paid / even, rtol=1e-5)


def test_all_lags_together_get_all_attention():
    result = attention_lag(model(), recording(), lags=(0, math.inf))
    np.testing.assert_allclose(result, 1, rtol=1e-6)


def test_bands_share_out_the_attention():
    """Where one band gets more than its even share, the others get less."""
    neuroformer, tokens = model(time_embedding="rotary"), recording()
    edges = [0, 1e-3, 5e-3, math.inf]
    ratios = np.array([attention_lag(neuroformer, tokens, lags=band) for band in pairwise(edges)])
    assert (ratios.min(axis=0) < 1).all() and (ratios.max(axis=0) > 1).all()


def test_lag_is_undefined_where_no_pair_has_it():
    assert np.isnan(attention_lag(model(), recording(), lags=(50.0, 60.0))).all()


# --- ablation ----------------------------------------------------------------------------------


def running_mean(value, strict):
    """Average the values of the allowed keys, one query at a time."""
    even = torch.zeros_like(value)
    for query in range(value.shape[2]):
        n_keys = query if strict else query + 1
        if n_keys:
            even[:, :, query] = value[:, :, :n_keys].mean(dim=2)
    return even


def ablated_forward(attention, heads):
    """Make a ``forward`` in which some heads average over the past."""

    def forward(x, times, seed=()):
        query, key, value = attention.project(x, times)
        attended = attention.matrix(query, key) @ value
        attended[:, heads] = running_mean(value, attention.strict)[:, heads]
        return attention.output(attended.transpose(1, 2).flatten(2))

    return forward


@each_part
@each_mask
@each_embedding
def test_cost_agrees_with_a_model_whose_attention_is_replaced(
    part, mask, time_embedding, monkeypatch
):
    neuroformer, tokens = model(mask=mask, time_embedding=time_embedding), recording(505)
    batch = drawn(tokens, n_sequences=30)
    intact = mean_losses(neuroformer, batch)[0]
    groups = [[0, 1]] if part == "layer" else [[0], [1]]
    expected = np.empty((LAYERS, len(groups)))
    for layer, block in enumerate(neuroformer.blocks):
        for column, heads in enumerate(groups):
            with monkeypatch.context() as patch:
                patch.setattr(block.attention, "forward", ablated_forward(block.attention, heads))
                expected[layer, column] = mean_losses(neuroformer, batch)[0] - intact
    costs = ablation_cost(neuroformer, tokens, part=part, n_sequences=30)
    assert costs.shape == ((LAYERS,) if part == "layer" else (LAYERS, HEADS))
    assert np.abs(expected).min() > 1e-4
    np.testing.assert_allclose(costs.reshape(expected.shape), expected, rtol=1e-3, atol=1e-5)


@each_mask
@each_part
def test_attention_that_is_even_already_costs_nothing(mask, part):
    neuroformer = model(mask=mask)
    attend_evenly(neuroformer, layer=1)
    costs = ablation_cost(neuroformer, recording(), part=part)
    np.testing.assert_allclose(costs[1], 0, atol=1e-5)
    assert np.abs(costs[[0, 2]]).min() > 1e-4


def test_attention_whose_values_go_nowhere_costs_nothing():
    neuroformer = model()
    with torch.no_grad():
        neuroformer.blocks[2].attention.output.weight.zero_()
    costs = ablation_cost(neuroformer, recording())
    assert costs[2] == 0 != costs[0]


@each_mask
@each_embedding
def test_without_ablation_the_loss_is_that_of_evaluation(mask, time_embedding):
    neuroformer, tokens = model(mask=mask, time_embedding=time_embedding), recording()
    windows = Windows(tokens, T + 1)
    (starts,) = windows.in_order(batch_size=1000, stride=T)
    neurons, intervals, times, _ = windows[starts]
    x = neuroformer.embed(neurons[:, :-1], intervals[:, :-1], times[:, :-1])
    for step in neuroformer.walk(x, times[:, :-1]):
        x = step.finish(step.attention.read(step.project()))
    loss = _loss(neuroformer, x, neurons[:, 1:]) / neurons[:, 1:].numel()
    assert loss == pytest.approx(evaluate(neuroformer, tokens)[0], rel=1e-6)
    with torch.inference_mode():
        assert not _costs(neuroformer, windows[starts], [[]]).any()  # no head is ablated


def test_a_model_in_training_is_seen_without_dropout():
    neuroformer, tokens = model(dropout=0.5), recording()
    expected = visible(neuroformer, tokens)
    pd.testing.assert_frame_equal(visible(neuroformer.train(), tokens), expected)
    assert neuroformer.training


# --- agreement ---------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["true", "co_input"])
def test_agreement_is_the_mean_rank_correlation_of_scipy(view):
    graphs = np.random.default_rng(0).normal(size=(3, 8, 8))
    seen = [co_input(graph) for graph in graphs] if view == "co_input" else graphs
    matrix = spearmanr(np.column_stack([off_diagonal(graph) for graph in seen])).statistic
    expected = np.mean([matrix[0, 1], matrix[0, 2], matrix[1, 2]])
    assert agreement(list(graphs), view=view) == pytest.approx(expected)


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.floats(0.1, 10), st.floats(-5, 5))
def test_agreement_sees_neither_scale_nor_offset(seed, scale, offset):
    one, other = np.random.default_rng(seed).normal(size=(2, 6, 6))
    value = agreement([one, other])
    assert agreement([other, one]) == pytest.approx(value)
    assert agreement([one, scale * other + offset]) == pytest.approx(value)
    assert agreement([one, scale * one + offset, one]) == pytest.approx(1)
    assert agreement([one, -one]) == pytest.approx(-1)


def test_agreement_with_a_graph_that_says_nothing_is_undefined():
    graph = np.random.default_rng(0).normal(size=(5, 5))
    assert math.isnan(agreement([graph, np.ones((5, 5)), graph]))


# --- the table ---------------------------------------------------------------------------------


def test_visible_gathers_all_scores():
    neuroformer, tokens = model(), recording()
    table = visible(neuroformer, tokens, n_sequences=10, seed=3)
    assert list(table.columns) == ["layer", "head", "score", "value"]
    assert len(table) == 3 * LAYERS * (1 + HEADS)

    def values(score, whole):
        rows = table[(table["score"] == score) & (table["head"].isna() == whole)]
        return rows.sort_values(["layer", "head"])["value"].to_numpy().reshape(LAYERS, -1)

    draw = {"n_sequences": 10, "seed": 3}
    entropy = attention_entropy(neuroformer, tokens, **draw)
    lag = attention_lag(neuroformer, tokens, **draw)
    np.testing.assert_array_equal(values("entropy", whole=False), entropy)
    np.testing.assert_array_equal(values("entropy", whole=True)[:, 0], entropy.mean(axis=1))
    np.testing.assert_array_equal(values("synaptic_lag", whole=False), lag)
    np.testing.assert_array_equal(values("synaptic_lag", whole=True)[:, 0], lag.mean(axis=1))
    for part, whole in (("layer", True), ("head", False)):
        costs = ablation_cost(neuroformer, tokens, part=part, **draw)
        np.testing.assert_array_equal(
            values("ablation_cost", whole), costs.reshape(values("ablation_cost", whole).shape)
        )
    assert sorted(table["layer"].unique()) == [1, 2, 3]
    assert sorted(table["head"].dropna().unique()) == [1, 2]


def test_visible_compares_layers_and_heads_with_a_reference():
    """A reference made of one head's own graph agrees with that head perfectly, and only there."""
    neuroformer, tokens = model(), recording()
    connectivity = attention_connectivity([neuroformer], tokens, progress=False)
    reference = connectivity.connectivity(layer=1, head=0)
    table = visible(neuroformer, tokens, reference, connectivity).query(
        "score == 'agrees_with_reference'"
    )
    of_heads = table.dropna().set_index(["layer", "head"])["value"]
    assert of_heads.loc[(2, 1)] == pytest.approx(1)
    assert (of_heads.drop((2, 1)) < 0.999).all()
    of_layers = table[table["head"].isna()].set_index("layer")["value"]
    for layer in range(LAYERS):
        expected = agreement([connectivity.connectivity(layer), reference], view="co_input")
        assert of_layers[layer + 1] == pytest.approx(expected)


# --- what is refused ---------------------------------------------------------------------------


def test_the_draw_depends_on_its_seed_alone():
    neuroformer, tokens = model(), recording()
    one, again, other = (
        attention_entropy(neuroformer, tokens, n_sequences=3, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).all()


@pytest.mark.parametrize("observable", [attention_entropy, attention_lag, ablation_cost, visible])
def test_refuses_draws_that_cannot_be(observable):
    with pytest.raises(ValueError, match="n_sequences must be at least 1, got 0"):
        observable(model(), recording(), n_sequences=0)
    with pytest.raises(ValueError, match="a window takes 11 tokens but the recording has 10"):
        observable(model(), recording(10))


def test_refuses_unknown_options():
    neuroformer, tokens = model(), recording()
    with pytest.raises(ValueError, match="lags must ascend"):
        attention_lag(neuroformer, tokens, lags=(5e-3, 1e-3))
    with pytest.raises(ValueError, match="rows must be"):
        attention_lag(neuroformer, tokens, rows="key")
    with pytest.raises(ValueError, match="part must be"):
        ablation_cost(neuroformer, tokens, part="block")
    with pytest.raises(ValueError, match="at least two, got 1"):
        agreement([np.eye(3)])
    with pytest.raises(ValueError, match="view must be"):
        agreement([np.eye(3)] * 2, view="abs")


def test_visible_needs_both_graphs_to_compare():
    empty = AttentionConnectivity(np.zeros((LAYERS, HEADS, N, N)), np.zeros((N, N)))
    with pytest.raises(ValueError, match="got no connectivity"):
        visible(model(), recording(), reference=np.eye(N))
    with pytest.raises(ValueError, match="got no reference"):
        visible(model(), recording(), connectivity=empty)
