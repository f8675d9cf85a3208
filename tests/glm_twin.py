"""The GLM of Appendix C written out with a dense design: slow and obvious."""

import numpy as np

from lgl_core.spikes import SpikeTrains


def dense_design(matrix, basis):
    """Design (n_bins, 1 + n_neurons * n_basis) of a binary matrix (n_bins, n_neurons)."""
    n_bins, n_neurons = matrix.shape
    n_lags, n_basis = basis.shape
    design = np.zeros((n_bins, 1 + n_neurons * n_basis))
    design[:, 0] = 1
    for n in range(n_neurons):
        for k in range(n_basis):
            for t in range(n_bins):
                for lag in range(1, min(n_lags, t) + 1):
                    design[t, 1 + n * n_basis + k] += basis[lag - 1, k] * matrix[t - lag, n]
    return design


def dense_loss_and_gradient(matrix, basis, coefficients, posts):
    design = dense_design(matrix, basis)
    eta, spikes = design @ coefficients, matrix[:, posts]
    loss = (np.logaddexp(0, eta) - spikes * eta).sum(axis=0)
    return loss, design.T @ (1 / (1 + np.exp(-eta)) - spikes)


def spike_trains(matrix, bin_width=1e-3):
    bins, neurons = np.nonzero(matrix)
    return SpikeTrains(
        times=(bins + 0.5) * bin_width,
        neurons=neurons,
        n_neurons=matrix.shape[1],
        duration=len(matrix) * bin_width,
    )
