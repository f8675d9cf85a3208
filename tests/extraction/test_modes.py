"""Whoever reads a model leaves it in the mode it was in, in all of its parts, also on an error."""

import numpy as np
import pytest
import torch

from lgl_core.extraction.attention import attention_connectivity
from lgl_core.extraction.gradient import linear_influence
from lgl_core.extraction.influence import influence
from lgl_core.extraction.layers import visible
from lgl_core.extraction.rollout import rollout_connectivity
from lgl_core.extraction.selected import selected_attention
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.step import evaluate
from lgl_core.transformer.tokens import tokenize

READERS = {
    "attention": lambda model, tokens: attention_connectivity([model], tokens, progress=False).flow,
    "selected": lambda model, tokens: selected_attention([model], tokens, progress=False).flow,
    "rollout": lambda model, tokens: rollout_connectivity([model], tokens, progress=False),
    "influence": lambda model, tokens: influence(model, tokens, n_spikes=9, progress=False).rate,
    "gradient": lambda model, tokens: linear_influence(model, tokens, progress=False).rate,
    "visible": lambda model, tokens: visible(model, tokens)["value"],
    "losses": evaluate,
}


@pytest.fixture
def tokens():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 0.1, 100))
    neurons = rng.integers(4, size=100)
    return tokenize(SpikeTrains(times=times, neurons=neurons, n_neurons=4, duration=0.1))


def model(tokens):
    torch.manual_seed(0)
    return Neuroformer(
        TransformerConfig(
            n_neurons=4, n_classes=tokens.vocabulary.n_classes, n_layers=2, n_heads=2, width=8,
            context=40, dropout=0.5,
        )
    )  # fmt: skip


def modes(of):
    return [part.training for part in of.modules()]


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_left_as_it_was(tokens, read, training):
    seen = model(tokens).train(training)
    seen.blocks[0].train(not training)  # someone may have frozen a part of it
    before = modes(seen)
    with_dropout = read(seen, tokens)
    assert modes(seen) == before
    np.testing.assert_array_equal(with_dropout, read(model(tokens).eval(), tokens))


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_also_when_reading_fails(tokens, read, monkeypatch):
    seen = model(tokens).train()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Neuroformer, "embed", fail)
    before = modes(seen)
    with pytest.raises(KeyboardInterrupt):
        read(seen, tokens)
    assert modes(seen) == before


@pytest.mark.parametrize("read", sorted(set(READERS) - {"losses"}))
def test_a_model_whose_training_diverged_has_no_graph(tokens, read):
    """The kernels are compiled for finite numbers and made a graph of it that looked like any."""
    broken = model(tokens)
    with torch.no_grad():
        broken.blocks[1].attention.query_key_value.weight[0, 0] = torch.nan
    with pytest.raises(
        ValueError, match="finite weights, .* blocks.1.attention.query_key_value.weight"
    ):
        READERS[read](broken, tokens)
