"""What `reg_covar` is in numbers, and how much of a fit is made of it.

A likelihood that grows or falls with the ridge tells of the ridge and not of the data: such fits are never compared
with others, and `fit` says so.
"""

from __future__ import annotations

import numpy as np

from gmm import learning
from gmm.engine import Diagonal, Spherical, Tied

AUTO = 1e-6  # 'auto': this part of each feature's variance
LARGE = 1e-3  # a ridge beyond this part of a feature's variance changes what is found
FLAT = 2.0  # a direction with a variance of at most this many ridges is made of the ridge
ALONE = 1.001  # a covariance within this factor of the ridge in all directions holds nothing else
UNUSED = 1e-12  # a component of less weight describes no sample


def in_numbers(reg_covar, X, sample_weight, n_threads=None):
    """Return the ridge that `reg_covar` stands for: a number, or one for each feature (n_features,)."""
    if isinstance(reg_covar, str):
        return AUTO * np.diagonal(learning.ArraySource(X, sample_weight, n_threads).covariance())
    return reg_covar


def called(reg_covar):
    """Return `reg_covar` for a message."""
    return "reg_covar='auto'" if isinstance(reg_covar, str) else f"reg_covar={reg_covar:g}"


def _least(model, matrices, ridge):
    """Smallest variance of each matrix in any direction that the model can see, in units of the ridge: (K,)."""
    ridge = np.broadcast_to(ridge, matrices.shape[-1])
    if model is Spherical:
        return np.einsum("kjj->k", matrices) / ridge.sum()
    if model is Diagonal:
        return (np.einsum("kjj->kj", matrices) / ridge).min(axis=1)
    root = np.sqrt(ridge)
    return np.linalg.eigvalsh(matrices / root[:, None] / root)[:, 0]


def _has_flat_directions(parameters, ridge):
    """Whether there may be a direction made of the ridge; a bound that costs next to nothing.

    The largest eigenvalue of R^½ Σ⁻¹ R^½ is at most its trace, Σ_ij ε_i P_ij².
    """
    factors, ridge = parameters.precisions_cholesky, np.broadcast_to(ridge, parameters.n_features)
    model = parameters.structure.model
    if model is Spherical:
        return bool((factors**2 * ridge.mean()).max() * FLAT >= 1.0)
    if model is Diagonal:
        return bool((factors**2 * ridge).max() * FLAT >= 1.0)
    return bool(np.einsum("...ij,i->...", factors**2, ridge).max() * FLAT >= 1.0)


def flat_components(parameters, ridge):
    """Indices of components that have a direction made of the ridge; [-1] for a shared covariance."""
    if not np.all(ridge) or not _has_flat_directions(parameters, ridge):
        return []
    model = parameters.structure.model
    matrices = parameters.matrices[:1] if model is Tied else parameters.matrices
    flat = _least(model, matrices, ridge) <= FLAT
    if parameters.structure.shared:
        return [-1] if flat[0] else []
    return [int(k) for k in np.flatnonzero(flat & (parameters.weights > UNUSED))]


def overall_covariance(parameters):
    """Covariance of the mixture as a whole, which after an M-step is that of the data and the ridge."""
    weights, offsets = parameters.weights, parameters.means - parameters.weights @ parameters.means
    between = (offsets.T * weights) @ offsets
    return between + np.einsum("k,kij->ij", weights, parameters.matrices)


def data_are_flat(parameters, ridge):
    """Whether the data themselves have a direction made of the ridge: then no component is to blame."""
    return bool(_least(parameters.structure.model, overall_covariance(parameters)[None], ridge)[0] <= FLAT)


def on_ridge(parameters, ridge):
    """Indices of components that the ridge alone keeps regular while the data are wider; [-1] for a shared one."""
    flat = flat_components(parameters, ridge)
    return [] if flat and data_are_flat(parameters, ridge) else flat


def on_one_location(parameters, ridge, components):
    """Whether the first of these components has a covariance that is the ridge and nothing else."""
    matrix = parameters.matrices[max(components[0], 0)]
    return bool(np.mean(np.diagonal(matrix) / ridge) <= ALONE)


def large_beside(parameters, ridge):
    """Features whose variance in the data is not large beside the ridge, and that variance, smallest first.

    Returns (indices, variances) of features; with spherical covariances all features count as one, of index -1.
    """
    if not np.any(ridge):
        return [], []
    variances = np.diagonal(overall_covariance(parameters))
    ridge = np.broadcast_to(ridge, len(variances))
    if parameters.structure.model is Spherical:
        variances, ridge = variances.mean(keepdims=True), ridge.mean(keepdims=True)
    of_data = np.maximum(variances - ridge, 0.0)
    order = np.argsort(of_data, kind="stable")
    small = [int(j) for j in order if ridge[j] > LARGE * of_data[j]]
    if parameters.structure.model is Spherical:
        return ([-1], [float(of_data[0])]) if small else ([], [])
    return small, [float(of_data[j]) for j in small]
