"""The graph inside the model: what it adds, what it cannot know, and that it is found."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.coupling import Coupling, CouplingConfig, filter_bumps
from lgl_core.transformer.model import (
    GraphModel,
    Neuroformer,
    TransformerConfig,
    load_model,
    save_model,
)
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, train

N = 5


def coupling(seed: int = 0, **changes) -> Coupling:
    torch.manual_seed(seed)
    made = Coupling(CouplingConfig(**changes), N)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def spikes(n_tokens: int = 30, seed: int = 0):
    rng = np.random.default_rng(seed)
    times = torch.from_numpy(np.sort(rng.uniform(0, 0.03, (2, n_tokens + 1)))).float()
    return torch.from_numpy(rng.integers(N, size=(2, n_tokens))), times[:, :-1], times[:, 1:]


@pytest.mark.parametrize("rank", [0, 2])
def test_every_past_spike_adds_its_filter_at_its_lag(rank):
    made = coupling(rank=rank)
    neurons, times, next_times = spikes()
    found = made(neurons, times, next_times).detach().numpy()
    weights = made.total().detach().numpy()  # [pre, bump, post]
    for b in range(2):
        for q in range(30):
            expected = np.zeros(N)
            for k in range(q + 1):
                at = filter_bumps(made.config, next_times[b, q] - times[b, k]).numpy()
                expected += at @ weights[neurons[b, k]]
            np.testing.assert_allclose(found[b, q], expected, rtol=1e-4, atol=1e-4)


def test_bumps_tile_the_logarithm_of_the_lag():
    config = CouplingConfig(n_bumps=6)
    lags = torch.linspace(config.first, config.last, 500, dtype=torch.float64)
    bumps = filter_bumps(config, lags)
    assert bumps.min() >= 0 and bumps.max() <= 1
    assert bumps[0, 0] == pytest.approx(1) and bumps[-1, -1] == pytest.approx(1)
    inner = (bumps[:, 0] == 0) & (bumps[:, -1] == 0)
    # Where four of them overlap they sum to 2, as those of the GLM do.
    torch.testing.assert_close(bumps[inner].sum(-1), torch.full_like(lags[inner], 2.0))
    assert not filter_bumps(config, torch.tensor([-1e-3])).any()


def test_what_is_common_to_a_column_changes_neither_shares_nor_the_graph():
    made = coupling()
    neurons, times, next_times = spikes()
    shares, graphs = [], []
    for _ in range(2):
        shares.append(made(neurons, times, next_times).softmax(-1).detach())
        graphs.append([made.graph("peak"), made.graph("area")])
        with torch.no_grad():
            made.weight += torch.randn(N, made.config.n_bumps, 1)
    torch.testing.assert_close(*shares, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(graphs[0], graphs[1], atol=1e-4)


@pytest.mark.slow
def test_area_and_peak_are_those_of_the_filter():
    made = coupling()
    weights = made.weight.detach().double()
    for pre in range(N):
        others = [post for post in range(N) if post != pre]
        # The lower of two medians, as torch has it; any will do as a zero.
        usual = weights[pre][:, others].median(-1).values[:, None]
        column = weights[pre] - usual

        def filters(lag, column=column):
            return (filter_bumps(made.config, torch.tensor(lag).double()) @ column).numpy()

        area = [quad(lambda t, i=i: filters(t)[i], 0, 8e-3, limit=200)[0] for i in range(N)]
        np.testing.assert_allclose(made.graph("area")[:, pre], area, rtol=1e-3, atol=1e-6)
        seen = np.array([filters(t) for t in np.arange(0.5e-4, 30e-3, 1e-4)])
        peak = seen[np.abs(seen).argmax(0), np.arange(N)]
        np.testing.assert_allclose(made.graph("peak")[:, pre], peak, rtol=1e-2, atol=1e-3)


def test_shrinking_takes_small_weights_to_zero_and_no_further():
    made = coupling(sparsity=0.5)
    before = made.weight.detach().clone()
    made.shrink(learning_rate=0.4)
    after = made.weight.detach()
    assert (after[before.abs() <= 0.2] == 0).all()
    far = before.abs() > 0.2
    torch.testing.assert_close(after[far], before[far] - 0.2 * before[far].sign())


def test_dale_leaves_one_sign_to_a_presynaptic_neuron_which_may_change():
    made = coupling(dale=True, sparsity=0.0)
    with torch.no_grad():
        made.weight[3] = 0
    total = made.weight.detach().sum((1, 2)).sign()
    made.shrink(1e-3)
    for pre in range(N):
        signs = made.weight[pre].detach().sign().unique().tolist()
        assert set(signs) <= {0.0, total[pre].item()}
    with torch.no_grad():
        made.weight[3] = -1.0
    made.shrink(1e-3)
    assert (made.weight[3] == -1).all(), "a neuron that had no weights takes the sign of its first"


def config(n_layers: int = 1, **changes) -> TransformerConfig:
    return TransformerConfig(
        n_neurons=N, n_classes=63, n_layers=n_layers, n_heads=2, width=16, context=30, dropout=0.0,
        coupling=CouplingConfig(**changes),
    )  # fmt: skip


def test_without_weights_it_is_the_plain_model():
    made = config()
    torch.manual_seed(0)
    plain = Neuroformer(replace(made, coupling=None))
    torch.manual_seed(0)
    model = Neuroformer(made)
    neurons, times, next_times = spikes()
    gaps = torch.rand(2, 30) * 1e-3
    ours, theirs = model(neurons, gaps, times, (0,), next_times), plain(neurons, gaps, times, (0,))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    with pytest.raises(ValueError, match="next_times must be given"):
        model(neurons, gaps, times)


def test_without_layers_nothing_but_the_graph_knows_the_past():
    model = GraphModel(config(n_layers=0))
    with torch.no_grad():
        model.neuron_head.bias.normal_()
    neurons, times, next_times = spikes()
    gaps = torch.rand(2, 30)
    logits, intervals = model(neurons, gaps, times, (), next_times)
    assert (logits == model.neuron_head.bias).all() and not intervals.any()
    with torch.no_grad():
        model.coupling.weight.normal_()
    assert model(neurons, gaps, times, (), next_times)[0].std(1).min() > 0


def test_a_saved_model_comes_back(tmp_path):
    for n_layers in (0, 1):
        model = config(n_layers, rank=2).build()
        save_model(model, tmp_path / "model.safetensors")
        again = load_model(tmp_path / "model.safetensors")
        assert again.config == model.config
        assert type(again) is (Neuroformer if n_layers else GraphModel)
        torch.testing.assert_close(again.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_either_kind_of_model_takes_its_own_configurations():
    with pytest.raises(ValueError, match="n_layers must be at least 1, or the model a GraphModel"):
        Neuroformer(config(n_layers=0))
    for other in (config(), replace(config(), coupling=None)):
        with pytest.raises(ValueError, match="n_layers must be 0 beside a coupling, got 1"):
            GraphModel(other)
    neurons, times, _ = spikes()
    with pytest.raises(ValueError, match="next_times must be given"):
        GraphModel(config(n_layers=0))(neurons, times, times)


def test_files_of_a_graph_hold_what_they_always_held():
    """The names, and their order, which Adam's state in a checkpoint goes by."""
    made = GraphModel(config(n_layers=0, rank=2))
    names = ["neuron_head.bias", "interval_head.bias", "coupling.weight"]
    assert list(made.state_dict()) == [*names, "coupling.low_pre", "coupling.low_post"]
    assert [name for name, _ in made.named_parameters()] == list(made.state_dict())


@pytest.mark.slow
def test_a_planted_graph_is_found(tmp_path):
    """Neuron 0 makes 1 and 2 fire after 3 ms, neuron 3 keeps 4 from firing for 5 ms."""
    rng = np.random.default_rng(0)
    trains = [np.sort(rng.uniform(0, 300, 300 * 10)) for _ in range(N)]
    for post in (1, 2):
        caused = trains[0][rng.random(len(trains[0])) < 0.4]
        trains[post] = np.append(trains[post], caused + 3e-3 + 0.3e-3 * rng.random(len(caused)))
    since = trains[4] - trains[3][np.searchsorted(trains[3], trains[4]).clip(1) - 1]
    trains[4] = trains[4][(since > 5e-3) | (since < 0)]
    times = np.concatenate(trains)
    order = np.argsort(times)
    neurons = np.repeat(np.arange(N), [len(train) for train in trains])[order]
    recording = SpikeTrains(times=times[order], neurons=neurons, n_neurons=N, duration=301.0)
    tokens = [tokenize(part) for part in recording.split()]
    found = train(
        *tokens, config(n_layers=0), TrainConfig(epochs=12, batch_size=16, learning_rate=1e-2),
        directory=tmp_path, progress=False,
    )  # fmt: skip
    graph = found.model.coupling.graph()
    off = np.abs(graph[~np.eye(N, dtype=bool)])
    assert graph[1, 0] > 0 and graph[2, 0] > 0 and graph[4, 3] < 0
    assert sorted(np.abs([graph[1, 0], graph[2, 0], graph[4, 3]])) == sorted(off)[-3:]
    assert found.history["valid_neuron"].iloc[-1] < found.history["valid_neuron"].iloc[0] - 0.02


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_bumps": 1}, "n_bumps must be at least 2, got 1"),
        ({"first": 0.02}, "first must be above 0 s and below last, got 0.02 and 0.015 s"),
        ({"sparsity": 1.0}, "sparsity must be at least 0 and below 1, got 1.0"),
        ({"rank": -1}, "rank must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_is_said(changes, message):
    with pytest.raises(ValueError, match=message):
        CouplingConfig(**changes)


def test_a_graph_is_read_in_two_ways_only():
    with pytest.raises(ValueError, match='kind must be "peak" or "area"'):
        coupling().graph("mean")
    with pytest.raises(ValueError, match="window must be above 0 s"):
        coupling().graph(window=0.0)
