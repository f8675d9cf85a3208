"""Rollout: paths through all layers, against a walk over every one of them."""

from itertools import product

import numpy as np
import pytest
import torch

from lgl_core.extraction.attention import attention_connectivity
from lgl_core.extraction.rollout import rollout, rollout_connectivity
from lgl_core.transformer.tokens import Windows
from tests.extraction.test_influence import N, model, recording


def random_attention(n_layers, n_tokens=5, seed=0):
    torch.manual_seed(seed)
    scores = torch.randn(n_layers, 2, 3, n_tokens, n_tokens)
    mask = torch.ones(n_tokens, n_tokens).tril().bool()
    return list(scores.masked_fill(~mask, -torch.inf).softmax(-1))


def test_rollout_sums_over_all_paths():
    """From a query down the layers to a key: at each one stay, or follow the mean attention."""
    matrices = random_attention(3)
    found = rollout(matrices).numpy()
    steps = [(m.mean(1).numpy() + np.eye(5)) / 2 for m in matrices]
    for b, query, key in product(range(2), range(5), range(5)):
        paths = sum(
            steps[2][b, query, i] * steps[1][b, i, j] * steps[0][b, j, key]
            for i, j in product(range(5), range(5))
        )
        assert found[b, query, key] == pytest.approx(paths, abs=1e-6)


def test_rows_stay_shares_and_no_path_leads_into_the_future():
    found = rollout(random_attention(4))
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 5))
    assert not found.triu(1).any()


@pytest.mark.parametrize("mask", ["causal", "strict"])
@pytest.mark.parametrize("rows", ["query", "predicted"])
def test_connectivity_is_the_mean_over_pairs_of_tokens(rows, mask):
    tokens = recording(130)
    made = model(tokens, mask=mask)
    found = rollout_connectivity([made], tokens, rows=rows, batch_size=2, progress=False)
    windows = Windows(tokens, made.config.context + 1)
    total, pairs = np.zeros((2, N, N))
    for starts in windows.in_order(1, made.config.context):
        neurons, intervals, times, _ = windows[starts]
        matrix = rollout(made.attention(neurons[:, :-1], intervals[:, :-1], times[:, :-1]))[0]
        ids = neurons[0].tolist()
        for query in range(made.config.context):
            post = ids[query + 1] if rows == "predicted" else ids[query]
            for key in range(query + 1 - (mask == "strict")):
                total[post, ids[key]] += matrix[query, key]
                pairs[post, ids[key]] += 1
    np.testing.assert_allclose(found, total / np.maximum(pairs, 1), atol=1e-5)


def test_one_layer_is_half_its_attention():
    """Between neurons; the other half is each token's own."""
    tokens = recording(400)
    made = model(tokens, n_layers=1)
    found = rollout_connectivity([made], tokens, rows="query", progress=False)
    attention = attention_connectivity([made], tokens, rows="query", progress=False)
    off = ~np.eye(N, dtype=bool)
    np.testing.assert_allclose(found[off], attention.connectivity()[off] / 2, atol=1e-5)


def test_models_are_averaged():
    tokens = recording(200)
    both = [model(tokens, seed=seed) for seed in (0, 1)]
    each = [rollout_connectivity([one], tokens, progress=False) for one in both]
    np.testing.assert_allclose(
        rollout_connectivity(both, tokens, progress=False), np.mean(each, 0), atol=1e-6
    )


@pytest.mark.parametrize(
    ("models", "rows", "message"), [(0, "query", "at least one"), (1, "key", "got 'key'")]
)
def test_what_cannot_be_done_is_said(models, rows, message):
    tokens = recording()
    with pytest.raises(ValueError, match=message):
        rollout_connectivity([model(tokens)] * models, tokens, rows=rows)
