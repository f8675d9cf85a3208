"""Graphs from membrane potentials, by a small transformer that predicts them.

Graphs are ``[post, pre]`` with a zero diagonal; voltages have a row per time step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from lgl_core.baselines.granger import standardised
from lgl_core.fields import check_fields
from lgl_core.transformer.kernels import not_finite, undivided_operations

__all__ = [
    "VoltageConfig",
    "VoltageModel",
    "train_on_voltages",
    "variance_explained",
    "voltage_attention",
    "voltage_gradient_energy",
]

Graph = NDArray[np.float64]

# Windows that are read at once, however many are trained on in a step.
_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class VoltageConfig:
    """Size and training of a transformer on voltages.

    Parameters
    ----------
    context : int
        Time steps that it sees of each neuron; it predicts the next one.
    width, n_heads : int
        Of its tokens and of each attention; ``n_heads`` divides ``width``.
    epochs, batch_size : int
        Passes through the windows, and windows per step.
    learning_rate : float
        Largest rate of AdamW, which rises and falls in one cycle.
    peak : float
        Where voltages are cut off, in mV: of a spike only its time tells.
    seed : int
        Of the weights and of the order of windows.

    Raises
    ------
    ValueError
        If a number is not positive or not whole where it has to be, or ``n_heads`` does not divide
        ``width``.
    """

    context: int = 10
    width: int = 32
    n_heads: int = 8
    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 5e-3
    peak: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("context", "width", "n_heads", "epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.width % self.n_heads:
            raise ValueError(f"n_heads must divide width = {self.width}, got {self.n_heads}")


class VoltageModel(nn.Module):
    """The past voltages of all neurons in, the next one of each out; a token is a neuron at a time.

    Parameters
    ----------
    config : VoltageConfig
    n_neurons : int

    Notes
    -----
    After Lu et al., Attention for Causal Relationship Discovery from Biological Neural Dynamics
    (2023), and the code of its authors. A token is the sum of a voltage, a place in the window and
    a neuron. Each neuron's tokens attend to each other; a query per neuron then attends to those of
    its own neuron, and last to those of all neurons. This last attention is read as the graph.
    Tokens are normalised over the batch before each block.

    What differs was found on networks of five neurons with their wiring in view: fewer dimensions
    and hidden units (100 and 400 there), which takes a tenth of the time; a higher rate that falls
    at last, where they stop by held-out data; no dropout; and a last attention that is even at
    first, since whom random weights look at is noise in the graph. Tokens do not know the time
    since the recording began.
    """

    def __init__(self, config: VoltageConfig, n_neurons: int) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.value = nn.Linear(1, width)
        self.place = nn.Parameter(0.5 * torch.randn(config.context + 1, width))
        self.neuron = nn.Parameter(torch.randn(n_neurons, width))
        self.within, self.own, self.all = (
            nn.MultiheadAttention(width, config.n_heads, batch_first=True) for _ in range(3)
        )
        nn.init.zeros_(self.all.in_proj_weight[:width])  # queries
        self.encoded, self.decoded = (
            nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(5))
        self.readout = nn.Linear(width, 1)

    def _normed(self, block: int, tokens: Tensor) -> Tensor:
        normed: Tensor = self.norms[block](tokens.flatten(0, -2)).view_as(tokens)
        return normed

    def forward(self, voltages: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from normalised voltages, (windows, context, n_neurons).

        Returns
        -------
        predicted : Tensor, shape (windows, n_neurons)
        attention : Tensor, shape (windows, n_neurons, n_neurons)
            ``[post, pre]``: mean over heads, sum over the steps of pre; each row sums to one.
        """
        n_windows, context, n = voltages.shape
        values = self.value(voltages.transpose(1, 2)[..., None]) + self.place[:context]
        tokens = (values + self.neuron[:, None]).flatten(0, 1)
        normed = self._normed(0, tokens)
        tokens = tokens + self.within(normed, normed, normed, need_weights=False)[0]
        tokens = tokens + self.encoded(self._normed(1, tokens))

        queries = (self.value.bias + self.place[-1] + self.neuron).expand(n_windows, n, -1)
        normed = self._normed(2, queries).flatten(0, 1)[:, None]
        queries = queries + self.own(normed, tokens, tokens, need_weights=False)[0].view_as(queries)
        everyone = tokens.view(n_windows, n * context, -1)
        found, weights = self.all(self._normed(3, queries), everyone, everyone)
        queries = queries + found
        queries = queries + self.decoded(self._normed(4, queries))
        return self.readout(queries)[..., 0], weights.unflatten(2, (n, context)).sum(dim=-1)


def train_on_voltages(
    voltages: ArrayLike, config: VoltageConfig | None = None, *, progress: bool = True
) -> VoltageModel:
    """Train a model to predict the next voltage of each neuron, by its squared error.

    Parameters
    ----------
    voltages : array_like, shape (n_steps, n_neurons)
        In mV, at equal steps in time.
    config : VoltageConfig, optional
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If voltages are not finite, do not vary, or are fewer than a window and the next.
    FloatingPointError
        If the training diverges.
    """
    config = config or VoltageConfig()
    windows, targets = _windows(voltages, config)
    with torch.random.fork_rng(devices=[]), undivided_operations():
        torch.manual_seed(config.seed)
        model = VoltageModel(config, targets.shape[1])
        optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-3, fused=True)
        n_steps = config.epochs * -(-len(windows) // config.batch_size)
        schedule = OneCycleLR(optimiser, config.learning_rate, n_steps)
        for _ in tqdm(range(config.epochs), desc="voltages", unit="epoch", disable=not progress):
            for part in torch.randperm(len(windows)).split(config.batch_size):
                loss = (model(windows[part])[0] - targets[part]).square().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            if not_finite(model.state_dict()):
                rate = f"{config.learning_rate:g}"
                raise FloatingPointError(f"training diverged: lower the learning_rate of {rate}")
    return model.eval()


def voltage_attention(model: VoltageModel, voltages: ArrayLike) -> Graph:
    """Average the shares of each neuron's attention over all windows and heads: ``[post, pre]``.

    Voltages are as for :func:`train_on_voltages`, as in the next two functions.
    """
    windows = _windows(voltages, model.config)[0]
    with torch.no_grad(), undivided_operations():
        sums = [model(part)[1].double().sum(dim=0) for part in windows.split(_AT_ONCE)]
    return _graph(np.sum([each.numpy() for each in sums], axis=0) / len(windows))


def voltage_gradient_energy(model: VoltageModel, voltages: ArrayLike) -> Graph:
    """Ask how strongly each prediction changes with the past voltages of each neuron.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: square of the derivative of post's prediction by each voltage of pre in
        the window, both in standard deviations; summed over steps, a mean over windows.
    """
    windows = _windows(voltages, model.config)[0]
    energy = np.zeros((windows.shape[2],) * 2)
    with undivided_operations():
        for part in windows.split(_AT_ONCE):
            seen = part.clone().requires_grad_()
            predicted = model(seen)[0].sum(dim=0)
            for post in range(len(energy)):
                (slopes,) = torch.autograd.grad(predicted[post], seen, retain_graph=True)
                energy[post] += slopes.square().sum(dim=(0, 1)).double().numpy()
    return _graph(energy / len(windows))


def variance_explained(model: VoltageModel, voltages: ArrayLike) -> float:
    """Give the share of the variance of next voltages that is predicted, such as of new ones."""
    windows, targets = _windows(voltages, model.config)
    with torch.no_grad(), undivided_operations():
        errors = torch.cat([model(part)[0] for part in windows.split(_AT_ONCE)]) - targets
    return 1 - float(errors.square().mean() / targets.var(dim=0).mean())


def _windows(voltages: ArrayLike, config: VoltageConfig) -> tuple[Tensor, Tensor]:
    """Cut normalised voltages into all windows, and what follows each."""
    series = torch.from_numpy(standardised(np.minimum(voltages, config.peak))).float()
    n, context = len(series), config.context
    if n <= context:
        raise ValueError(f"voltages must have more steps than a context of {context}, got {n}")
    return series.unfold(0, context, 1)[:-1].transpose(1, 2), series[context:]


def _graph(values: NDArray[np.float64]) -> Graph:
    np.fill_diagonal(values, 0)
    return values
