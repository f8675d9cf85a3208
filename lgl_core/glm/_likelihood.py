"""Likelihood of the GLM and its gradient for millions of spikes, without a design matrix.

The design of Appendix C has one row per bin and one column per presynaptic neuron and basis
function. It is never built: the spikes are few, so each one adds its coupling filters to the
linear predictor of the bins that follow it, and collects the residuals of the same bins for the
gradient. All postsynaptic neurons share the design and are evaluated side by side.

Coefficients are one array of shape (1 + n_neurons * n_basis, n_posts): the bias first, then the
weight of basis k of presynaptic neuron n in row ``1 + n * n_basis + k``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lgl_core.glm._kernel import BLOCK, evaluate, sum_after_spikes
from lgl_core.glm._kernel_bins import evaluate_bins
from lgl_core.glm.covariates import Drive
from lgl_core.spikes import SpikeTrains

__all__ = [
    "BinnedSpikes",
    "bin_spikes",
    "filters_bins",
    "loss_and_gradient",
    "sums_after",
    "total_bytes",
]

Floats = NDArray[np.float64]

# Lags that the spikes of a bin reach, from which on it is faster to filter the bins.
_MANY = 60


@dataclass(frozen=True, eq=False, kw_only=True)
class BinnedSpikes:
    """A binary spike matrix, stored as the list of its ones.

    Parameters
    ----------
    bins, neurons : ndarray of int, shape (n_ones,)
        Bin and neuron of each one, bins ascending, no pair twice.
    n_bins, n_neurons : int
        Shape of the matrix.
    borders : ndarray of int, shape (n_epochs + 1,)
        First bin of each epoch of the recording, and ``n_bins``: no spike reaches across.
    """

    bins: NDArray[np.int64]
    neurons: NDArray[np.int64]
    n_bins: int
    n_neurons: int
    borders: NDArray[np.int64]

    def __sizeof__(self) -> int:
        return total_bytes(self)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Bins with a spike for each neuron, shape (n_neurons,)."""
        return np.bincount(self.neurons, minlength=self.n_neurons)


def total_bytes(of: Any) -> int:
    """Add up the arrays of an object: Dask sends what says that it is large only once."""
    return sum(value.nbytes for value in vars(of).values() if isinstance(value, np.ndarray))


def bin_spikes(spikes: SpikeTrains, bin_width: float) -> BinnedSpikes:
    """Put spikes into bins; several spikes of a neuron in one bin count once.

    Parameters
    ----------
    spikes : SpikeTrains
        The recording.
    bin_width : float
        Width of a bin in s. The last, incomplete bin of each epoch is left out.

    Returns
    -------
    BinnedSpikes
        The non-zero entries of ``spikes.binned(bin_width)``, without the matrix.

    Raises
    ------
    ValueError
        If ``bin_width`` is not positive or longer than the recording.
    """
    cells, n_bins = spikes.cells(bin_width)
    bins, neurons = np.divmod(np.unique(cells), spikes.n_neurons)
    return BinnedSpikes(
        bins=bins,
        neurons=neurons,
        n_bins=n_bins,
        n_neurons=spikes.n_neurons,
        borders=spikes.bin_borders(bin_width),
    )


def loss_and_gradient(
    binned: BinnedSpikes,
    basis: Floats,
    coefficients: Floats,
    posts: NDArray[np.int64],
    gradient: bool = True,
    drive: Drive | None = None,
    single: bool = False,
) -> tuple[Floats, Floats]:
    """Negative log-likelihood of a Bernoulli GLM and its gradient, without penalty.

    Parameters
    ----------
    binned : BinnedSpikes
        Spikes of the population. Before the first bin of an epoch there were none.
    basis : ndarray, shape (n_lags, n_basis)
        Basis functions; row 0 is a lag of one bin.
    coefficients : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Bias and weights of the postsynaptic neurons.
    posts : ndarray of int, shape (n_posts,)
        Id of the postsynaptic neuron of each column.
    gradient : bool
        Without it only the biases' entries are filled, at two thirds of the time.
    drive : Drive, optional
        Covariates. Their weights are the last rows of the coefficients.
    single : bool
        Let the predictor and the residuals be single where bins are filtered: loss and gradient
        then hold six digits.

    Returns
    -------
    loss : ndarray, shape (n_posts,)
        Summed over bins, in nats.
    gradient : ndarray, shape (1 + n_neurons * n_basis, n_posts)
        Derivative of each neuron's loss by its coefficients.

    Raises
    ------
    ValueError
        If ``coefficients`` or ``basis`` are not finite: the loops are compiled as if there were no
        such numbers, and would return any others.

    Notes
    -----
    Appendix C.3. Costs two times ``n_lags * n_posts`` additions per spike, or, where many spikes
    fall into a bin, ``n_basis * n_posts`` of them and a filter per bin, and one exponential per bin
    and neuron; memory does not grow with the length of the recording.
    """
    for name, given in (("coefficients", coefficients), ("basis", basis)):
        if not np.isfinite(given).all():
            raise ValueError(
                f"{name} must be finite, got NaN or an infinity; if a fit made them, it diverged: "
                "lower its learning_rate or raise its l2"
            )
    single = single and filters_bins(binned, basis)
    taps = basis.astype(np.float32 if single else np.float64)
    model = _for_kernel(binned, taps, coefficients, drive)
    loop = evaluate_bins if filters_bins(binned, basis) else evaluate
    loss, of_spikes, of_steps = loop(*model, posts, gradient)
    if drive is None:
        return loss, of_spikes
    return loss, np.vstack([of_spikes, drive.values.T @ of_steps])


def filters_bins(binned: BinnedSpikes, basis: Floats) -> bool:
    """Say whether so many spikes come together that bins are filtered, instead of each spike."""
    return len(binned.bins) * len(basis) > _MANY * binned.n_bins


def _for_kernel(
    binned: BinnedSpikes, basis: NDArray[Any], coefficients: Floats, drive: Drive | None
) -> tuple[Any, ...]:
    """Spikes, filters and offsets as both compiled loops take them, in their order."""
    n_spiking = 1 + binned.n_neurons * basis.shape[1]
    return (
        binned.bins,
        binned.neurons,
        binned.borders,
        binned.n_neurons,
        np.ascontiguousarray(basis),
        np.ascontiguousarray(coefficients[:n_spiking]),
        *_offsets(drive, coefficients[n_spiking:]),
    )


def _offsets(drive: Drive | None, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Give what covariates add to each neuron's predictor, by step, and the step of each bin."""
    if drive is None:
        return np.zeros((0, weights.shape[1])), np.zeros(0, np.int64)
    return drive.values @ weights, drive.step_of_bin


def sums_after(
    binned: BinnedSpikes,
    basis: Floats,
    coefficients: Floats,
    posts: NDArray[np.int64],
    drive: Drive | None = None,
    *,
    variances: bool,
) -> Floats:
    """Sum, over the spikes of each neuron, what is expected of others at each lag after them.

    Parameters
    ----------
    binned, basis, coefficients, posts, drive
        As for :func:`loss_and_gradient`.
    variances : bool
        Whether to sum p (1 - p) of ``post``, which is what a bin tells of its linear predictor (the
        Fisher information), or by how much more spikes are expected than come.

    Returns
    -------
    ndarray, shape (n_posts, n_neurons, n_lags)
        ``[post, pre, lag]``: the sum at that lag after the spikes of ``pre``.

    Notes
    -----
    Costs as much as one gradient.
    """
    arguments = *_for_kernel(binned, basis, coefficients, drive), posts
    summed = sum_after_spikes(*arguments, variances)
    shape = len(summed), binned.n_neurons, len(basis), BLOCK
    blocks = summed.reshape(shape).transpose(0, 3, 1, 2)
    return blocks.reshape(-1, binned.n_neurons, len(basis))[: len(posts)]
