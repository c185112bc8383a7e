"""What tells the four covariance structures apart, for the code that treats them alike."""

import functools

import numpy as np

from gmm.engine.diag import Diagonal
from gmm.engine.full import Full
from gmm.engine.spherical import Spherical
from gmm.engine.tied import Tied

MODELS = {"full": Full, "tied": Tied, "diag": Diagonal, "spherical": Spherical}
STRUCTURES = tuple(MODELS)


def check_structure(covariance_type):
    if covariance_type not in STRUCTURES:
        raise ValueError(f"covariance_type must be one of {', '.join(STRUCTURES)}, got {covariance_type!r}.")


def covariance_shape(covariance_type, n_components, n_features):
    return {
        "full": (n_components, n_features, n_features),
        "tied": (n_features, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components,),
    }[covariance_type]


def factors_from(precisions_cholesky, covariance_type):
    """The kernels' W: lower triangular, y = W (x - μ). scikit-learn's factor P is its transpose: y = (x - μ) P."""
    if covariance_type in ("full", "tied"):
        return np.ascontiguousarray(np.swapaxes(precisions_cholesky, -1, -2), dtype=np.float64)
    return np.ascontiguousarray(precisions_cholesky, dtype=np.float64)


precisions_cholesky_from = factors_from  # the transpose of the transpose


def pass_cost(covariance_type, n_samples, n_features, n_components):
    """Floating point operations of one pass, roughly: to choose between one thread and several."""
    d, k = n_features, n_components
    per_sample = {
        "full": k * (2 * d * (d + 1) + 40),
        "tied": d * (d + 1) + k * (4 * d + 40),
        "diag": k * (7 * d + 40),
        "spherical": k * (4 * d + 40),
    }[covariance_type]
    return n_samples * per_sample


@functools.cache
def statistics_shapes(covariance_type, n_components, n_features):
    """Shapes of a slot's log-likelihood, counts, first and (but for tied) second moments."""
    shapes = ((1,), (n_components,), (n_components, n_features))
    if covariance_type == "tied":
        return shapes
    return (*shapes, covariance_shape(covariance_type, n_components, n_features))


@functools.cache
def parameter_shapes(covariance_type, n_components, n_features):
    """Shapes of weights, means, covariances, factors and log coefficients."""
    covariances = covariance_shape(covariance_type, n_components, n_features)
    return (n_components,), (n_components, n_features), covariances, covariances, (n_components,)
