"""A second generative model: hide some spike counts, predict them from all others, read a graph.

Graphs are ``[post, pre]`` with a zero diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from lgl_core.fields import check_fields
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.kernels import not_finite

__all__ = ["MaskedConfig", "MaskedModel", "masked_connectivity", "train_masked"]

Graph = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MaskedConfig:
    """Size and training of a masked model.

    Parameters
    ----------
    bin_width : float
        Width of the bins in s in which spikes are counted.
    context : int
        Bins in a window.
    width, n_layers, n_heads : int
        Of the transformer; ``n_heads`` divides ``width``.
    hidden : float
        Share of the counts that are hidden, between 0 and 1.
    epochs, batch_size : int
        Passes through the windows, and windows per step.
    learning_rate : float
        Of Adam.
    seed : int
        Of the weights, the order of windows and what is hidden.

    Raises
    ------
    ValueError
        If a number is not positive or not whole where it has to be, ``hidden`` is not between 0
        and 1, or ``n_heads`` does not divide ``width``.
    """

    bin_width: float = 0.01
    context: int = 32
    width: int = 128
    n_layers: int = 1
    n_heads: int = 2
    hidden: float = 0.25
    epochs: int = 24
    batch_size: int = 32
    learning_rate: float = 4e-3
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("context", "width", "n_layers", "n_heads", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("bin_width", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 < self.hidden < 1:
            raise ValueError(f"hidden must lie strictly between 0 and 1, got {self.hidden}")
        if self.width % self.n_heads:
            raise ValueError(f"n_heads must divide width = {self.width}, got {self.n_heads}")


class MaskedModel(nn.Module):
    """Counts of all neurons in, logarithms of expected counts out; time bins are the tokens.

    Parameters
    ----------
    config : MaskedConfig
    means : ndarray, shape (n_neurons,)
        Mean counts per bin, from which the predictions start.

    Notes
    -----
    After Ye and Pandarinath, Representation learning for neural population activity with Neural
    Data Transformers (2021): an encoder that sees past and future, trained with
    ``exp(o) - n o`` per hidden count ``n`` with prediction ``o``. Hidden counts are set to zero;
    none is replaced by a wrong one, nothing is dropped out, and the schedule is constant.
    """

    def __init__(self, config: MaskedConfig, means: NDArray[np.float64]) -> None:
        super().__init__()
        self.config = config
        n_neurons = len(means)
        self.embed = nn.Linear(n_neurons, config.width)
        self.position = nn.Parameter(0.02 * torch.randn(config.context, config.width))
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.n_heads,
            2 * config.width,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.n_layers, enable_nested_tensor=False)
        self.readout = nn.Linear(config.width, n_neurons)
        with torch.no_grad():
            self.readout.weight.mul_(0.1)
            floor = 1e-6  # for the silent
            self.readout.bias.copy_(torch.from_numpy(np.log(np.maximum(means, floor))))

    def forward(self, counts: Tensor) -> Tensor:
        """Predict from counts, (windows, context, n_neurons) in and out."""
        return self.readout(self.encoder(self.embed(counts) + self.position))


def train_masked(
    spikes: SpikeTrains, config: MaskedConfig | None = None, *, progress: bool = True
) -> MaskedModel:
    """Train a model to predict hidden spike counts.

    Parameters
    ----------
    spikes : SpikeTrains
    config : MaskedConfig, optional
    progress : bool
        Show a progress bar.

    Returns
    -------
    MaskedModel

    Raises
    ------
    ValueError
        If no epoch is as long as a window.
    FloatingPointError
        If the training diverges: weights are not finite.
    """
    config = config or MaskedConfig()
    windows = _windows(spikes, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = MaskedModel(config, windows.double().mean(dim=(0, 1)).numpy())
        optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
        for epoch in tqdm(
            range(config.epochs), desc="masked model", unit="epoch", disable=not progress
        ):
            for part in torch.randperm(len(windows)).split(config.batch_size):
                counts = windows[part].float()
                hidden = torch.rand_like(counts) < config.hidden
                if not hidden.any():
                    continue
                predicted = model(counts.masked_fill(hidden, 0.0))
                losses = predicted.exp() - counts * predicted
                loss = losses[hidden].mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            # A loss or gradient that is not finite leaves no weights that are.
            if not_finite(model.state_dict()):
                raise FloatingPointError(
                    f"the training diverged in epoch {epoch + 1} of {config.epochs}: train with a "
                    f"lower learning_rate than {config.learning_rate:g}"
                )
    return model.eval()


def masked_connectivity(
    model: MaskedModel, spikes: SpikeTrains, n_windows: int = 64, n_lags: int = 1, seed: int = 0
) -> Graph:
    """Ask how the prediction of a neuron's count changes with the counts of the others.

    Parameters
    ----------
    model : MaskedModel
    spikes : SpikeTrains
        As in training, or others of the same neurons.
    n_windows : int
        Windows that are averaged over, drawn at random; all, if there are fewer.
    n_lags : int
        How many bins before the predicted one count, beside that bin itself.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: derivative of the logarithm of post's expected count by the count of pre,
        summed over lags, a mean over windows. Attention is not looked at.

    Raises
    ------
    ValueError
        If there is no window, ``n_windows`` is not positive, or ``n_lags`` bins do not fit before
        the middle of a window.

    Notes
    -----
    The predicted bin is the one in the middle of the window, where post's own count is hidden.
    """
    middle = model.config.context // 2
    if n_windows < 1:
        raise ValueError(f"n_windows must be at least 1, got {n_windows}")
    if not 0 <= n_lags <= middle:
        raise ValueError(f"n_lags must lie between 0 and {middle}, got {n_lags}")
    windows = _windows(spikes, model.config)
    drawn = np.random.default_rng(seed).permutation(len(windows))[:n_windows]
    counts = windows[torch.from_numpy(drawn)].float()
    graph = np.zeros((spikes.n_neurons, spikes.n_neurons))
    for post in range(spikes.n_neurons):
        seen = counts.clone()
        seen[:, middle, post] = 0
        seen.requires_grad_()
        predicted = model(seen)[:, middle, post].sum()
        (slopes,) = torch.autograd.grad(predicted, seen)
        graph[post] = slopes[:, middle - n_lags : middle + 1].sum(dim=(0, 1)).numpy() / len(drawn)
    np.fill_diagonal(graph, 0)
    return graph


def _windows(spikes: SpikeTrains, config: MaskedConfig) -> Tensor:
    """Cut each epoch into windows, (windows, context, n_neurons); what is left over is left out."""
    counts, borders = spikes.binned(config.bin_width), spikes.bin_borders(config.bin_width)
    parts = []
    for start, stop in zip(borders[:-1], borders[1:], strict=True):
        n = (stop - start) // config.context
        part = counts[start : start + n * config.context]
        parts.append(part.reshape(n, config.context, spikes.n_neurons))
    windows = np.concatenate(parts)
    if not len(windows):
        raise ValueError(f"context of {config.context} bins must fit into an epoch, got none")
    return torch.from_numpy(windows)
