r"""A graph inside the model: past spikes add to the logits of the next neuron, pair by pair.

.. math:: z_{i} \mathrel{+}= \sum_{k\,:\,t_k < t} \sum_b G_b[i, n_k]\, \kappa_b(t - t_k)

where :math:`t` is the time of the spike that is being predicted, known once its interval is, and
:math:`\kappa_b` are raised cosines on a logarithmic axis of lags. What a GLM calls the coupling
filter of a pair is :math:`\sum_b G_b[i, j]\, \kappa_b`. The same number added for all neurons
leaves the next neuron's share as it was: a column of :math:`G` is known up to a constant. As most
pairs have no synapse, the column's median is taken for the zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lgl_core.fields import check_fields
from lgl_core.transformer.plain import allowed_positions

__all__ = ["Coupling", "CouplingConfig", "filter_bumps"]

# Offset in s before the logarithm of a lag is taken: finer than a synapse's delay.
_STRETCH = 0.5e-3
# Step in s at which filters are looked at to find their peak or sum up their area.
_STEP = 0.05e-3


@dataclass(frozen=True, kw_only=True)
class CouplingConfig:
    """Shape of the coupling filters, and what is known of the graph before it is learned.

    Parameters
    ----------
    n_bumps : int
        Raised cosines per filter.
    first, last : float
        Lags in s at which the first and the last of them peak.
    sparsity : float
        How much a weight must matter to stay: after each step of training it shrinks towards zero
        by this share of the longest step that Adam takes. So it goes to zero unless the mean of
        its gradient is above this share of the gradient's root mean square.
    dale : bool
        Whether all weights of a presynaptic neuron have one sign, whichever most of them have.
    rank : int
        Rank of a second graph that is added to the sparse one, for what many neurons do together;
        0 for none.

    Raises
    ------
    ValueError
        If a number is not in its range.
    """

    n_bumps: int = 5
    first: float = 1e-3
    last: float = 15e-3
    sparsity: float = 0.1
    dale: bool = False
    rank: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.n_bumps < 2:
            raise ValueError(f"n_bumps must be at least 2, got {self.n_bumps}")
        if not 0 < self.first < self.last:
            raise ValueError(
                f"first must be above 0 s and below last, got {self.first} and {self.last} s"
            )
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity must be at least 0 and below 1, got {self.sparsity}")
        if self.rank < 0:
            raise ValueError(f"rank must be at least 0, got {self.rank}")


def filter_bumps(config: CouplingConfig, lags: Tensor) -> Tensor:
    """Evaluate the raised cosines of the filters; neighbours are a quarter of a period apart.

    Parameters
    ----------
    config : CouplingConfig
    lags : Tensor
        In s. At negative ones all are zero.

    Returns
    -------
    Tensor, shape (..., n_bumps)
    """
    low, high = (math.log(lag + _STRETCH) for lag in (config.first, config.last))
    peaks = torch.linspace(low, high, config.n_bumps, device=lags.device, dtype=lags.dtype)
    spacing = (high - low) / (config.n_bumps - 1)
    distance = (lags.clamp(min=0) + _STRETCH).log()[..., None] - peaks
    phase = (distance * (math.pi / 2 / spacing)).clamp(-math.pi, math.pi)
    return (1 + phase.cos()) / 2 * (lags >= 0)[..., None]


class Coupling(nn.Module):
    """The graph and its filters.

    Parameters
    ----------
    config : CouplingConfig
    n_neurons : int
    """

    def __init__(self, config: CouplingConfig, n_neurons: int) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.zeros(n_neurons, config.n_bumps, n_neurons))  # pre first
        if config.rank:
            self.low_pre = nn.Parameter(torch.zeros(n_neurons, config.n_bumps, config.rank))
            # Not zero as well: the gradient of each is the other one.
            self.low_post = nn.Parameter(0.1 * torch.randn(config.rank, n_neurons))

    def forward(self, neurons: Tensor, times: Tensor, next_times: Tensor | None) -> Tensor:
        """Logits that past spikes add to the next neuron's.

        Parameters
        ----------
        neurons : Tensor of int, shape (B, T)
        times, next_times : Tensor, shape (B, T)
            Of each spike and of the one that is predicted from there, in s. Without the latter
            there is a ``ValueError``.

        Returns
        -------
        Tensor, shape (B, T, N)
        """
        if next_times is None:
            raise ValueError("next_times must be given to a model with a coupling, got None")
        lags = next_times[:, :, None] - times[:, None, :]  # (B, T, T)
        past = allowed_positions(lags.shape[1], strict=False, device=lags.device)
        bumps = filter_bumps(self.config, lags.masked_fill(~past, -1.0))  # (B, T, T, K)
        weights = self.total()
        rows = F.embedding(neurons, weights.flatten(1)).unflatten(-1, weights.shape[1:])
        return torch.einsum("bqsk,bskn->bqn", bumps, rows)

    def of_spikes(self, neurons: Tensor, lags: Tensor) -> Tensor:
        """Logits that a spike of each of the neurons (R,) adds at its lags (R, L); (R, L, N)."""
        return filter_bumps(self.config, lags) @ self.total()[neurons]

    def total(self) -> Tensor:
        """Weights ``[pre, bump, post]``, the sparse and the low-rank ones together."""
        return self.weight + self.low_pre @ self.low_post if self.config.rank else self.weight

    @torch.no_grad()
    def shrink(self, learning_rate: float) -> None:
        """Draw weights towards what is known of the graph, after a step of training.

        Parameters
        ----------
        learning_rate : float
            Of the step: the longest that Adam takes in a weight.
        """
        weight, by = self.weight, self.config.sparsity * learning_rate
        weight.copy_(F.softshrink(weight, by))
        if self.config.dale:
            sign = weight.sum((1, 2), keepdim=True).sign()
            # A neuron without a sign yet may take either.
            weight.mul_(weight * sign >= 0)

    @torch.no_grad()
    def graph(
        self, kind: Literal["peak", "area"] = "area", window: float = 8e-3
    ) -> NDArray[np.float64]:
        """Sum each filter up in one signed number.

        Parameters
        ----------
        kind : {"peak", "area"}
            The filter's value of largest magnitude, or its integral over the first lags, as in
            :meth:`lgl_core.glm.fit.GLMFit.coupling`.
        window : float
            Longest lag in s that counts for the area.

        Returns
        -------
        ndarray, shape (n_neurons, n_neurons)
            ``graph[post, pre]``, in logarithms of odds, for the area times s. From each column its
            median is taken off.

        Raises
        ------
        ValueError
            If ``kind`` is unknown or ``window`` is not above 0.
        """
        if kind not in ("peak", "area"):
            raise ValueError(f'kind must be "peak" or "area", got {kind!r}')
        if not window > 0:
            raise ValueError(f"window must be above 0 s, got {window}")
        weights = self.total().cpu()
        others = ~torch.eye(len(weights), dtype=torch.bool)
        usual = torch.stack(
            [weights[n][:, others[n]].median(-1).values for n in range(len(others))]
        )
        weights = weights - usual[..., None]
        last = window if kind == "area" else 2 * self.config.last
        bumps = filter_bumps(self.config, torch.arange(_STEP / 2, last, _STEP))
        if kind == "area":
            return (bumps.sum(0) * _STEP @ weights).T.double().numpy()
        filters = bumps @ weights  # (N, lags, N)
        at = filters.abs().argmax(1, keepdim=True)
        return filters.gather(1, at)[:, 0].T.double().numpy()
