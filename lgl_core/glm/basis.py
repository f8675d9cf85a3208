"""The functions of which coupling filters are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["raised_cosine_basis"]


def raised_cosine_basis(
    n_basis: int, window: float, bin_width: float, stretch: float = 1e-3
) -> NDArray[np.float64]:
    """Bumps that are narrow at short lags and wide at long ones.

    Each is a raised cosine on the axis log(lag + stretch). The first one peaks at a lag of one
    bin; neighbours are a quarter of a period apart, and the last one reaches zero one bin after
    the window. Where four bumps overlap they sum to 2.

    Parameters
    ----------
    n_basis : int
        Number of functions.
    window : float
        Longest lag in s; must be a whole number of bins.
    bin_width : float
        Width of a bin in s.
    stretch : float
        Offset in s before the logarithm is taken. The larger it is, the more alike the bumps.

    Returns
    -------
    ndarray, shape (n_lags, n_basis)
        Row 0 is a lag of one bin: a spike never explains itself.

    Raises
    ------
    ValueError
        If a value is not positive, the window is no whole number of bins or of more than
        10,000, or it has fewer bins than there are functions.

    Notes
    -----
    Appendix C.2; the form is that of Pillow et al. (2008).
    """
    for name, value in (("window", window), ("bin_width", bin_width), ("stretch", stretch)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number of s, got {value}")
    n_lags = round(min(window / bin_width, 10_000))
    if abs(n_lags * bin_width - window) > 1e-6 * window:
        whole = f"a whole number of bins of {bin_width} s, and of 10,000 at most"
        raise ValueError(f"window must be {whole}, got {window} s")
    if not 1 <= n_basis <= n_lags:
        raise ValueError(
            f"n_basis must lie between 1 and the {n_lags} lags of the window, got {n_basis}"
        )
    lags = bin_width * np.arange(1, n_lags + 2)
    stretched = np.log(lags + stretch)
    spacing = (stretched[-1] - stretched[0]) / (n_basis + 1)
    peaks = stretched[0] + spacing * np.arange(n_basis)
    phase = np.pi / 2 * (stretched[:-1, None] - peaks) / spacing
    return (1 + np.cos(np.clip(phase, -np.pi, np.pi))) / 2
