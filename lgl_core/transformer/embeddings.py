"""What tells a token its time: features of intervals, rotations by spike time, or a position."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["fourier_features", "position_features", "rotate"]

# Shortest and longest period in s of the Fourier features, from a typical interval of the
# population to far beyond any, so that sums of intervals can be read off nearly linear ones.
FOURIER_PERIODS = 0.5e-3, 0.5
# The same of the rotary phases: from the lag of a synapse to the length of a window.
ROTARY_PERIODS = 1e-3, 0.1
# Wavelengths of the sinusoids of a position, in tokens over 2 pi (Vaswani et al., 2017).
LONGEST_WAVE = 10_000.0


def fourier_features(times: Tensor, n_features: int) -> Tensor:
    """Sines and cosines of times (s) at log-spaced periods, shape (..., n_features)."""
    angles = times[..., None] * angular_frequencies(FOURIER_PERIODS, n_features // 2, times.device)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def angular_frequencies(periods: tuple[float, float], n: int, device: torch.device) -> Tensor:
    """Angular frequencies in 1/s of ``n`` log-spaced periods (s), shape (n,)."""
    high, low = (math.log(2 * math.pi / period) for period in periods)
    return torch.linspace(low, high, n, device=device).exp()


def position_features(n_positions: int, n_features: int, device: torch.device) -> Tensor:
    """Sines and cosines of the position in a window, in turn, shape (n_positions, n_features)."""
    waves = LONGEST_WAVE ** (torch.arange(0, n_features, 2, device=device) / n_features)
    angles = torch.arange(n_positions, device=device)[:, None] / waves
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def rotate(x: Tensor, times: Tensor) -> Tensor:
    """Rotate pairs of features by spike time, so that products depend on lags only.

    Parameters
    ----------
    x : Tensor, shape (B, H, T, D)
    times : Tensor, shape (B, T)
        Spike times in s.
    """
    even, odd = x.chunk(2, dim=-1)  # (B, H, T, D/2) each
    frequencies = angular_frequencies(ROTARY_PERIODS, even.shape[-1], x.device)
    angles = times[:, None, :, None] * frequencies
    cos, sin = angles.cos(), angles.sin()  # (B, 1, T, D/2)
    return torch.cat([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
