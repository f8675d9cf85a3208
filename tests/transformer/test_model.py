"""The transformer: causality, both attention paths, masks, time, files."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.embeddings import position_features, rotate
from lgl_core.transformer.files import DamagedWeights, read_tensors, write_tensors
from lgl_core.transformer.model import (
    PRESETS,
    Neuroformer,
    TransformerConfig,
    load_model,
    preset,
    save_model,
)
from lgl_core.transformer.plain import allowed_positions

EMBEDDINGS = ["interval", "elapsed", "rotary"]
MASKS = ["causal", "strict"]
N, C, T, B = 7, 5, 12, 3


def small(**changes):
    torch.manual_seed(0)
    config = TransformerConfig(
        **{"n_neurons": N, "n_classes": C, "n_layers": 2, "n_heads": 2, "width": 16, "context": T}
        | changes
    )
    model = Neuroformer(config).eval()
    with torch.no_grad():  # larger than at initialisation, so that attention is far from even
        for parameter in model.parameters():
            parameter.mul_(4).add_(0.1 * torch.randn_like(parameter))
    return model


def batch(seed=1):
    generator = torch.Generator().manual_seed(seed)
    neurons = torch.randint(N, (B, T), generator=generator)
    intervals = 1e-3 * torch.rand(B, T, generator=generator)
    return neurons, intervals, intervals.cumsum(1) - intervals[:, :1]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_a_future_token_changes_no_earlier_output(embedding, mask):
    model, (neurons, intervals, times) = small(time_embedding=embedding, mask=mask), batch()
    before = model(neurons, intervals, times)
    for changed in (1, T // 2, T - 1):
        n, i, t = neurons.clone(), intervals.clone(), times.clone()
        n[:, changed] = (n[:, changed] + 1) % N
        i[:, changed] += 2e-3
        t[:, changed:] += 2e-3
        for old, new in zip(before, model(n, i, t), strict=True):
            torch.testing.assert_close(old[:, :changed], new[:, :changed], rtol=0, atol=1e-6)
            assert not torch.allclose(old[:, changed:], new[:, changed:], atol=1e-4)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_fused_and_explicit_attention_agree(embedding, mask):
    model, (neurons, intervals, times) = small(time_embedding=embedding, mask=mask), batch()
    x = model.embed(neurons, intervals, times)
    attention = model.blocks[0].attention
    query, key, value = attention.project(x, times)
    matrix = attention.matrix(query, key)
    assert matrix.shape == (B, 2, T, T)
    explicit = attention.write(matrix @ value)
    torch.testing.assert_close(attention(x, times), explicit, rtol=0, atol=1e-5)


@pytest.mark.parametrize("coupling", [None, CouplingConfig()])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("embedding", [*EMBEDDINGS, "position"])
def test_a_walk_is_the_forward_pass_however_each_block_is_finished(embedding, mask, coupling):
    model = small(time_embedding=embedding, mask=mask, coupling=coupling)
    neurons, intervals, times = batch()
    expected = model(neurons, intervals, times, next_times=times + 1e-3)
    added = model.coupling(neurons, times, times + 1e-3) if coupling else 0.0

    def with_matrix(step):
        query, key, value = step.project()
        return step.attention.matrix(query, key) @ value

    ways = [
        (lambda step: None, 0.0),
        (lambda step: step.attention.read(step.project()), 0.0),
        (with_matrix, 1e-5),
    ]
    for heads, tolerance in ways:
        x, numbers = model.embed(neurons, intervals, times), []
        for step in model.walk(x, times):
            assert step.x is x and step.output is x
            x = step.finish(heads(step))
            numbers.append(step.number)
        assert numbers == [0, 1]
        x = model.norm(x)
        found = model.neuron_head(x) + added, model.interval_head(x)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def test_the_parts_that_a_step_projects_are_those_of_the_whole():
    model, (neurons, intervals, times) = small(time_embedding="rotary"), batch()
    step = next(model.walk(model.embed(neurons, intervals, times), times))
    whole, normed = step.project(), step.block.norm_attention(step.x)
    torch.testing.assert_close(step.project(2), whole[:2])
    for k in range(3):
        (part,) = step.attention.project(normed, times, k, k + 1)
        torch.testing.assert_close(part, whole[k])


def test_a_walk_goes_on_from_what_was_finished_last():
    model, (neurons, intervals, times) = small(n_layers=3), batch()
    x = model.embed(neurons, intervals, times)
    for step in model.walk(x, times):
        if step.number != 1:  # left out
            step.finish(torch.zeros(B, 2, T, 8))
            last = step.finish()
    expected = model.blocks[2](model.blocks[0](x, times), times)
    assert torch.equal(last, expected)
    (later,) = model.walk(model.blocks[0](x, times), times, first=2)
    assert later.number == 2 and torch.equal(later.finish(), expected)


def test_a_walk_drops_with_a_seed_in_training_only():
    """Whoever looks into a model in training sees it without dropout."""
    model, (neurons, intervals, times) = small(dropout=0.5), batch()
    x = model.embed(neurons, intervals, times)

    def last(seed):
        for step in model.walk(x, times, seed=seed):
            state = step.finish()
        return state

    still = last((1,))
    model.train()
    assert torch.equal(last(()), still)
    assert not torch.equal(last((1,)), still)
    assert torch.equal(last((1,)), last((1,))) and not torch.equal(last((1,)), last((2,)))


def test_without_a_gradient_numbers_are_the_same_to_the_last_bit():
    model, inputs = small(), batch()
    with_gradient = model(*inputs)
    with torch.inference_mode():
        without = model(*inputs)
    assert with_gradient[0].requires_grad
    assert all(torch.equal(*pair) for pair in zip(with_gradient, without, strict=True))


@pytest.mark.parametrize("mask", MASKS)
def test_attention_of_each_layer_is_that_of_the_forward_pass(mask):
    """Walking through the layers with written-out attention does not drift off the fused path."""
    model, (neurons, intervals, times) = small(mask=mask), batch()
    x = model.embed(neurons, intervals, times)
    for block, matrix in zip(model.blocks, model.attention(neurons, intervals, times), strict=True):
        query, key, _ = block.attention.project(block.norm_attention(x), times)
        expected = block.attention.matrix(query, key)
        torch.testing.assert_close(matrix, expected, rtol=0, atol=1e-5)
        x = block(x, times)


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_rows_of_attention_sum_to_one(embedding):
    for matrix in small(time_embedding=embedding).attention(*batch()):
        assert matrix.shape == (B, 2, T, T)
        torch.testing.assert_close(matrix.sum(-1), torch.ones(B, 2, T))
        assert matrix.triu(1).abs().max() == 0


def test_strict_mask_gives_zeros_in_the_first_row_and_no_nan():
    model = small(mask="strict")
    for matrix in model.attention(*batch()):
        assert torch.isfinite(matrix).all()
        assert matrix.triu().abs().max() == 0
        assert matrix[:, :, 0].abs().max() == 0
        torch.testing.assert_close(matrix[:, :, 1:].sum(-1), torch.ones(B, 2, T - 1))
    outputs = model.train()(*batch())
    sum(output.sum() for output in outputs).backward()
    assert all(torch.isfinite(output).all() for output in outputs)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_allowed_positions():
    assert allowed_positions(3, strict=False).int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert allowed_positions(3, strict=True).int().tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]


def test_rotary_attention_sees_lags_only():
    """Shifting all times leaves attention as it was; stretching them does not."""
    model, (neurons, intervals, times) = small(time_embedding="rotary"), batch()
    here = model.attention(neurons, intervals, times)[0]
    # By a ms: single precision holds the fastest phase, 2 pi per 0.5 ms, that far to 1e-6.
    shifted = model.attention(neurons, intervals, times + 1e-3)[0]
    stretched = model.attention(neurons, intervals, times * 3)[0]
    torch.testing.assert_close(here, shifted, rtol=0, atol=1e-5)
    assert (here - stretched).abs().max() > 1e-3


def test_rotation_keeps_lengths():
    x, times = torch.randn(2, 3, 5, 8), torch.rand(2, 5)
    torch.testing.assert_close(rotate(x, times).norm(dim=-1), x.norm(dim=-1))


@pytest.mark.parametrize(
    ("embedding", "sees_intervals", "sees_times"),
    [
        ("interval", True, False),
        ("elapsed", False, True),
        ("rotary", False, True),
        ("position", False, False),
    ],
)
def test_each_embedding_reads_its_own_clock(embedding, sees_intervals, sees_times):
    model, (neurons, intervals, times) = small(time_embedding=embedding), batch()
    output = model(neurons, intervals, times)[0]
    other_intervals = model(neurons, intervals * 2, times)[0]
    other_times = model(neurons, intervals, times * 2)[0]
    assert torch.equal(output, other_intervals) != sees_intervals
    assert torch.equal(output, other_times) != sees_times


def test_positions_are_the_sinusoids_of_the_first_transformer():
    """Pairs of sine and cosine, one wavelength after the other, entry by entry."""
    found = position_features(5, 8, torch.device("cpu"))
    for position in range(5):
        for pair in range(4):
            angle = position / 10_000 ** (2 * pair / 8)
            assert found[position, 2 * pair] == pytest.approx(math.sin(angle), abs=1e-6)
            assert found[position, 2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_a_position_tells_places_in_the_window_apart():
    """The same neuron is another token at another place, whatever its time."""
    model = small(time_embedding="position")
    neurons = torch.zeros(1, T, dtype=torch.long)
    states = model.embed(neurons, torch.zeros(1, T), torch.zeros(1, T))[0]
    assert len(torch.unique(states, dim=0)) == T
    places = position_features(T, 16, states.device)
    torch.testing.assert_close(states - states[0], places - places[0])


def test_the_original_model_has_the_size_of_the_published_code():
    """473,600 parameters; ours has a bias of the neurons and a head of the intervals besides."""
    config = preset("original", n_neurons=300, n_classes=63)
    assert config.time_embedding == "position" and config.interval_weight == 0
    sizes = {name: p.numel() for name, p in Neuroformer(config).named_parameters()}
    ours = sizes["neuron_head.bias"] + sum(n for name, n in sizes.items() if "interval" in name)
    assert sum(sizes.values()) - ours == 473_600


@pytest.mark.parametrize("mask", MASKS)
def test_attention_is_the_formula_of_the_paper_head_by_head(mask):
    """From the module's own weights, one query and one key at a time, in double precision."""
    attention = small(mask=mask, n_heads=4).blocks[0].attention
    x = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(3))
    expected, heads = np.zeros((4, 6, 6)), np.zeros((6, 4, 4))
    weight, bias = (p.detach().double().numpy() for p in attention.query_key_value.parameters())
    projected = x[0].double().numpy() @ weight.T + bias
    for head in range(4):
        query, key, value = (projected[:, part * 16 + head * 4 :][:, :4] for part in range(3))
        for q in range(6):
            keys = [k for k in range(6) if k < q or (k == q and mask == "causal")]
            scores = np.exp([query[q] @ key[k] / math.sqrt(4) for k in keys])
            for k, score in zip(keys, scores, strict=True):
                expected[head, q, k] = score / scores.sum()
                heads[q, head] += expected[head, q, k] * value[k]
    weight, bias = (p.detach().double().numpy() for p in attention.output.parameters())
    output = heads.reshape(6, 16) @ weight.T + bias
    query, key, value = attention.project(x, torch.zeros(1, 6))
    matrix = attention.matrix(query, key)
    written_out = attention.write(matrix @ value)
    np.testing.assert_allclose(matrix[0].detach(), expected, atol=1e-5)
    for found in (written_out, attention(x, torch.zeros(1, 6))):
        np.testing.assert_allclose(found[0].detach(), output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_a_saved_model_comes_back_bit_for_bit(tmp_path, embedding):
    model, path = small(time_embedding=embedding), tmp_path / "model.safetensors"
    save_model(model, path)
    back = load_model(path)
    assert back.config == model.config
    assert not back.training
    for name, value in model.state_dict().items():
        assert torch.equal(back.state_dict()[name], value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "model.safetensors"]
    # Neither file is a pickle: who reads them runs nothing of theirs.
    assert json.loads((tmp_path / "model.json").read_text())["time_embedding"] == embedding
    assert set(load(path.read_bytes())) == set(model.state_dict())


def test_dots_belong_to_the_name_of_saved_weights(tmp_path):
    for day in ("mouse.2024-01-01", "mouse.2024-01-02"):
        for ending in ("", ".safetensors"):
            save_model(small(), tmp_path / f"{day}{ending}")
            assert (tmp_path / f"{day}.json").exists()
            load_model(tmp_path / f"{day}{ending}")


def test_weights_of_before_checksums_are_read(tmp_path):
    model, path = small(), tmp_path / "model.safetensors"
    save_model(model, path)
    path.write_bytes(save(model.state_dict()))
    back = load_model(path)
    assert all(torch.equal(back.state_dict()[n], value) for n, value in model.state_dict().items())


def test_no_bit_of_a_file_of_tensors_can_be_another_one_unnoticed(tmp_path):
    """In each byte a bit is flipped, and the file is cut at many places."""
    path, empty = tmp_path / "some", torch.zeros(0, 3)
    tensors = {"a": torch.randn(2, 3), "b": torch.ones((), dtype=torch.bfloat16), "c": empty}
    write_tensors(tensors, "all of them", path)
    read, about = read_tensors(path)
    assert about == "all of them" and set(read) == set(tensors)
    assert all(torch.equal(read[name], value) for name, value in tensors.items())
    whole = path.read_bytes()
    flips = (
        whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]
        for place in range(len(whole))
    )
    for damaged in [*flips, *(whole[:n] for n in range(0, len(whole), 7))]:
        path.write_bytes(damaged)
        with pytest.raises(DamagedWeights, match="some is damaged: "):
            read_tensors(path)


def test_presets():
    laptop = preset("laptop", n_neurons=300, n_classes=64)
    assert (laptop.n_layers, laptop.n_heads, laptop.width, laptop.context) == (3, 4, 96, 128)
    paper = preset("paper", n_neurons=300, n_classes=64, mask="strict")
    assert (paper.n_layers, paper.n_heads, paper.width, paper.mask) == (8, 8, 256, "strict")
    assert laptop.time_embedding == "interval"
    with pytest.raises(ValueError, match="preset must be one of"):
        preset("desktop", n_neurons=300, n_classes=64)
    assert set(PRESETS) == {"tiny", "laptop", "paper", "original"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("n_layers", 0), ("width", 18), ("dropout", 1.0), ("time_embedding", "absolute")]
    + [("mask", "none"), ("interval_weight", -1.0), ("n_neurons", 0)],
)
def test_bad_configurations_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        TransformerConfig(**{"n_neurons": N, "n_classes": C, "n_heads": 4} | {field: value})
