"""What `reg_covar` is in numbers, and how much of a fit is made of it.

A likelihood that grows or falls with the ridge tells of the ridge and not of the data: such fits are never compared
with others, and `fit` says so.
"""

from __future__ import annotations

import numpy as np

from gmm.engine import Diagonal, Spherical, Tied

AUTO = 1e-6  # 'auto': this part of each feature's variance
LARGE = 3e-3  # a ridge beyond this part of a feature's variance changes what is found
FLAT = 2.0  # a direction with a variance of at most this many ridges is made of the ridge
ALONE = 1.001  # a covariance within this factor of the ridge in all directions holds nothing else
UNUSED = 1e-12  # a component of less weight describes no sample


def in_numbers(reg_covar, source):
    """Return the ridge that `reg_covar` stands for: a number, or one for each feature (n_features,)."""
    if isinstance(reg_covar, str):
        return AUTO * np.diagonal(source.covariance())
    return reg_covar


def called(reg_covar):
    """Return `reg_covar` for a message."""
    return "reg_covar='auto'" if isinstance(reg_covar, str) else f"reg_covar={reg_covar:g}"


def _variances(model, matrices, ridge):
    """Variances of each matrix in units of the ridge, in the directions the model can see: (K, d), spherical (K, 1)."""
    ridge = np.broadcast_to(ridge, matrices.shape[-1])
    if model is Spherical:
        return np.einsum("kjj->k", matrices)[:, None] / ridge.sum()
    if model is Diagonal:
        return np.einsum("kjj->kj", matrices) / ridge
    root = np.sqrt(ridge)
    return np.linalg.eigvalsh(matrices / root[:, None] / root)


def _least(model, matrices, ridge):
    """Smallest variance of each matrix in any direction that the model can see, in units of the ridge: (K,)."""
    return _variances(model, matrices, ridge).min(axis=1)


def _at_most(parameters, ridge):
    """A bound of ridge / variance for every component and direction that costs next to nothing.

    The largest eigenvalue of Σ⁻¹ is at most its trace, Σ_ij P_ij², and so is that of any component at most their sum.
    """
    factors = parameters.precisions_cholesky.ravel()
    return (ridge if isinstance(ridge, float) else float(np.max(ridge))) * float(factors @ factors)


def _may_be_flat(parameters, ridge):
    """Whether there may be a direction made of the ridge: a closer bound, with Σ_ij ε_i P_ij² for R^½ Σ⁻¹ R^½."""
    if FLAT * _at_most(parameters, ridge) < 1.0:
        return False
    model = parameters.structure.model
    if model is Spherical or np.ndim(ridge) == 0:
        return True
    factors = parameters.structure.pack(parameters.precisions_cholesky)
    return FLAT * (factors**2 * (ridge if model is Diagonal else ridge[:, None])).sum() >= 1.0


def flat_components(parameters, ridge):
    """Indices of components that have a direction made of the ridge; [-1] for a shared covariance."""
    if not _may_be_flat(parameters, ridge) or not np.all(ridge):
        return []
    model = parameters.structure.model
    matrices = parameters.matrices[:1] if model is Tied else parameters.matrices
    flat = _least(model, matrices, ridge) <= FLAT
    if parameters.structure.shared:
        return [-1] if flat[0] else []
    return [int(k) for k in np.flatnonzero(flat & (parameters.weights > UNUSED))]


def flat_directions_of_data(parameters, ridge):
    """In how many directions the data themselves are made of the ridge: if in any, no component is to blame."""
    weights, offsets = parameters.weights, parameters.means - parameters.weights @ parameters.means
    # The covariance of the mixture as a whole, which after an M-step is that of the data and the ridge.
    covariance = (offsets.T * weights) @ offsets + np.einsum("k,kij->ij", weights, parameters.matrices)
    return _count_flat(parameters.structure.model, covariance, ridge)


def on_one_location(parameters, ridge, components):
    """Whether the first of these components has a covariance that is the ridge and nothing else."""
    matrix = parameters.matrices[max(components[0], 0)]
    return bool(np.mean(np.diagonal(matrix) / ridge) <= ALONE)


def flat_directions(parameters, ridge, components):
    """In how many directions the covariance of the first of these components is made of the ridge."""
    return _count_flat(parameters.structure.model, parameters.matrices[max(components[0], 0)], ridge)


def _count_flat(model, matrix, ridge):
    flat = int((_variances(model, matrix[None], ridge) <= FLAT).sum())
    return flat * len(matrix) if model is Spherical else flat  # its one variance is that of all directions


def in_directions(count, n_features):
    """Say in how many directions something holds."""
    if count == n_features > 1:
        return "in all directions"
    return "in one direction" if count == 1 else f"in {count} directions"


def large_beside(parameters, ridge):
    """Features whose variance in the data is not large beside the ridge, and that variance, smallest first.

    Returns (indices, variances) of features; with spherical covariances all features count as one, of index -1.
    """
    if (1.0 + LARGE) * _at_most(parameters, ridge) < LARGE:  # variances within components are part of the whole
        return [], []
    structure, weights = parameters.structure, parameters.weights
    offsets = parameters.means - weights @ parameters.means
    # The variances of the mixture as a whole, which after an M-step are those of the data and the ridge.
    variances = weights @ (offsets**2 + structure.variances(parameters.covariances, parameters.n_components))
    if structure.model is Spherical:
        variances, ridge = np.mean(variances, keepdims=True), np.mean(ridge)
    of_data = variances - ridge
    small = ridge > LARGE * of_data
    if not small.any():
        return [], []
    order = [int(j) for j in np.argsort(of_data, kind="stable") if small[j]]
    return [-1] if structure.model is Spherical else order, [max(float(of_data[j]), 0.0) for j in order]
