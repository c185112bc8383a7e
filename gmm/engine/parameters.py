"""A mixture's parameters with their factors, and the ways to come by them."""

from typing import NamedTuple

import numpy as np

from gmm.engine.small_algebra import EPS, LOG_2PI, NOISE
from gmm.engine.structures import check_structure, covariance_shape


class CovarianceError(ValueError):
    """A covariance (or precision) matrix is not positive definite; `component` says which (-1: the tied one)."""

    def __init__(self, message, component):
        super().__init__(message)
        self.component = component


class Parameters(NamedTuple):
    """Weights (K,), means (K, d), covariances and precisions_cholesky in the structure's shape.

    precisions_cholesky follows scikit-learn: P upper triangular with Σ⁻¹ = P Pᵀ (full, tied), 1 / σ (diag, spherical).
    """

    covariance_type: str
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    precisions_cholesky: np.ndarray

    @property
    def n_components(self):
        return self.means.shape[0]

    @property
    def n_features(self):
        return self.means.shape[1]


def _factorise(matrices, sizes):
    """(factors, number of the first matrix that is singular, or -1): `small_algebra.factorise` with NumPy.

    Without `sizes` the matrices are taken as exact, and only the rounding of the factorisation itself counts.
    """
    try:
        lower = np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return matrices, 0
        one_by_one = (
            _factorise(matrices[k : k + 1], sizes if sizes is None else sizes[k : k + 1])[1]
            for k in range(len(matrices))
        )
        return matrices, next(k for k, failed in enumerate(one_by_one) if failed == 0)
    with np.errstate(all="ignore"):
        if sizes is None:
            good = np.einsum("kii->ki", lower) ** 2 > 2.0 * EPS * np.einsum("kii->ki", matrices)
            good &= np.isfinite(np.einsum("kii->ki", lower))
            factors = np.tril(np.linalg.inv(lower)) if good.all() else lower
        else:
            factors = np.tril(np.linalg.inv(lower))
            good = NOISE * np.sum((factors * sizes[:, None, :]) ** 2, axis=2) < 1.0
    return factors, -1 if good.all() else int(np.argmin(good.all(axis=1)))


def _name(covariance_type, component):
    return "The tied covariance" if covariance_type == "tied" else f"The covariance of component {component}"


def cholesky_factors(covariances, covariance_type, sizes=None):
    """The kernels' factors: W (lower triangular, W Σ Wᵀ = I) for full and tied, 1 / σ for diag and spherical.

    `sizes` are the s of `gmm.engine.small_algebra`, shaped like 1 / σ or the diagonals; None for covariances that do
    not come from data. Raises CovarianceError if one is singular.
    """
    covariances = np.ascontiguousarray(covariances, dtype=np.float64)
    if covariance_type in ("full", "tied"):
        matrices = covariances if covariance_type == "full" else covariances[None]
        factors, failed = _factorise(matrices, sizes if sizes is None else sizes.reshape(len(matrices), -1))
        factors = factors if covariance_type == "full" else factors[0]
    else:
        bad = ~((covariances > (0.0 if sizes is None else NOISE * sizes**2)) & np.isfinite(covariances))
        bad = bad.any(axis=1) if bad.ndim == 2 else bad
        failed = int(np.argmax(bad)) if bad.any() else -1
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = 1.0 / np.sqrt(covariances)
    if failed >= 0:
        component = -1 if covariance_type == "tied" else failed
        raise CovarianceError(f"{_name(covariance_type, failed)} is not positive definite.", component)
    return factors


def log_det_factors(factors, covariance_type, n_features):
    """log det W per component (a scalar for tied)."""
    if covariance_type in ("full", "tied"):
        return np.log(np.einsum("...ii->...i", factors)).sum(axis=-1)
    if covariance_type == "diag":
        return np.log(factors).sum(axis=1)
    return n_features * np.log(factors)


def coefficients_from(weights, factors, covariance_type, n_features):
    """log π_k - d/2 log 2π + log det W_k."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    return log_weights - 0.5 * n_features * LOG_2PI + log_det_factors(factors, covariance_type, n_features)


def log_coefficients(parameters):
    """log π_k - d/2 log 2π + log det P_k (K,): a log joint less its squared distance's share."""
    return coefficients_from(
        parameters.weights,
        parameters.precisions_cholesky,
        parameters.covariance_type,
        parameters.n_features,
    )


def _checked(weights, means, matrices, covariance_type, name):
    check_structure(covariance_type)
    means = np.array(means, dtype=np.float64, order="C")
    if means.ndim != 2 or means.size == 0:
        raise ValueError(f"means must have shape (K, d), got {means.shape}.")
    weights = np.array(weights, dtype=np.float64)
    if weights.shape != (means.shape[0],):
        raise ValueError(f"weights must have shape ({means.shape[0]},), got {weights.shape}.")
    matrices = np.array(matrices, dtype=np.float64, order="C")
    shape = covariance_shape(covariance_type, *means.shape)
    if matrices.shape != shape:
        raise ValueError(f"{name} must have shape {shape} for {covariance_type!r}, got {matrices.shape}.")
    return weights, means, matrices


def make_parameters(weights, means, covariances, covariance_type):
    """Parameters from covariances, copied and factorised.

    Raises ValueError for shapes that do not fit, CovarianceError for a matrix that is not positive definite. Cost O(K
    d³).
    """
    weights, means, covariances = _checked(weights, means, covariances, covariance_type, "covariances")
    factors = cholesky_factors(covariances, covariance_type)
    return Parameters(covariance_type, weights, means, covariances, _transposed(factors, covariance_type))


def parameters_from_precisions(weights, means, precisions, covariance_type):
    """Parameters from precision matrices Σ⁻¹; raises as `make_parameters`.

    Λ = P Pᵀ with P upper triangular: the ordinary Cholesky factor of Λ with its rows and columns in reverse order.
    """
    weights, means, precisions = _checked(weights, means, precisions, covariance_type, "precisions")
    if covariance_type in ("diag", "spherical"):
        if not np.all((precisions > 0.0) & np.isfinite(precisions)):
            bad = ~((precisions > 0.0) & np.isfinite(precisions))
            component = int(np.argmax(bad.any(axis=1) if bad.ndim == 2 else bad))
            raise CovarianceError(f"The precision of component {component} is not positive.", component)
        return Parameters(covariance_type, weights, means, 1.0 / precisions, np.sqrt(precisions))
    # Λ = P Pᵀ with P upper triangular: reverse both axes, take the ordinary factor, reverse back.
    matrices = precisions if covariance_type == "full" else precisions[None]
    factors = np.empty_like(matrices)
    covariances = np.empty_like(matrices)
    for k, matrix in enumerate(matrices):
        try:
            upper = np.linalg.cholesky(matrix[::-1, ::-1])[::-1, ::-1]
        except np.linalg.LinAlgError:
            component = -1 if covariance_type == "tied" else k
            raise CovarianceError(
                f"The precision matrix of component {component} is not positive definite.",
                component,
            ) from None
        factors[k] = upper
        inverse = np.linalg.solve(upper, np.eye(len(upper)))
        covariances[k] = inverse.T @ inverse
    if covariance_type == "tied":
        factors, covariances = factors[0], covariances[0]
    return Parameters(covariance_type, weights, means, covariances, factors)


def _transposed(factors, covariance_type):
    if covariance_type in ("full", "tied"):
        return np.ascontiguousarray(np.swapaxes(factors, -1, -2))
    return np.array(factors)


def precisions(parameters):
    """Σ⁻¹ in the structure's shape: P Pᵀ."""
    factor = parameters.precisions_cholesky
    if parameters.covariance_type in ("full", "tied"):
        return factor @ np.swapaxes(factor, -1, -2)
    return factor**2
