"""The prior that `covariance_prior` asks for. What it does to EM stands in `gmm.learning.MaximumAPosteriori`."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from gmm import learning
from gmm.estimators._validation import SYMMETRY_TOLERANCE


def make_prior(value, source, n_features, n_components, unit=1.0):
    """Return the Prior that `covariance_prior` stands for; `source` is that of the samples.

    Raises
    ------
    ValueError, TypeError
        If a given pair (scale, dof) is no prior for X, or X has constant features and 'default' was asked for.
    """
    if isinstance(value, str):
        covariance = source.covariance()
        constant = np.flatnonzero(~(np.diag(covariance) > 0.0))
        if constant.size:
            raise ValueError(
                "covariance_prior='default' takes its scale from the covariance of X; features "
                f"{constant.tolist()} of X are constant. Leave them out, or give (scale, dof)"
            )
        if not _is_positive_definite(covariance):  # dependent features, or fewer samples than features
            covariance = np.diag(np.diag(covariance))
        return learning.Prior(covariance / n_components ** (2.0 / n_features), n_features + 2.0, unit)
    if len(value) != 2:
        raise ValueError(f"covariance_prior must be 'default' or a pair (scale, dof); got {len(value)} values")
    scale, dof = value
    scale = _scale_matrix(scale, n_features)
    if isinstance(dof, bool) or not isinstance(dof, Real):
        raise TypeError(f"dof in covariance_prior must be a real number; got {dof!r}")
    if not (math.isfinite(dof) and dof > n_features - 1):
        raise ValueError(f"dof in covariance_prior must be finite and > n_features - 1 = {n_features - 1}; got {dof}")
    return learning.Prior(scale, float(dof), unit)


def _scale_matrix(scale, n_features):
    name = "scale in covariance_prior"
    try:
        scale = np.array(scale, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a matrix of real numbers; got {scale!r}") from None
    if scale.shape != (n_features, n_features):
        raise ValueError(
            f"{name} must have shape {(n_features, n_features)}, as X has {n_features} features; got {scale.shape}"
        )
    if not np.isfinite(scale).all():
        raise ValueError(f"{name} must be finite")
    size = np.sqrt(np.abs(np.diag(scale)))
    if (np.abs(scale - scale.T) > SYMMETRY_TOLERANCE * size[:, None] * size).any():
        raise ValueError(f"{name} must be symmetric")
    if not _is_positive_definite(scale):
        smallest = np.linalg.eigvalsh(scale)[0]
        raise ValueError(f"{name} must be positive definite; its smallest eigenvalue is {smallest:.3g}")
    return scale


def _is_positive_definite(matrix):
    """Whether the engine can factorise the matrix, with its tolerance for rounding."""
    try:
        learning.make_parameters(np.ones(1), np.zeros((1, len(matrix))), matrix[None], "full")
    except learning.CovarianceError:
        return False
    return True
