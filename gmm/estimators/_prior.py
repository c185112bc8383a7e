"""MAP estimation: EM under an inverse-Wishart prior on every covariance.

The engine's pass over the data is that of maximum likelihood; what the prior changes is the M-step of the covariances
and the value that is climbed. Derived in chapter 11 of the book.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple

import numpy as np

from gmm import engine
from gmm.estimators._validation import SYMMETRY_TOLERANCE


class Prior(NamedTuple):
    """Inverse-Wishart density of every covariance.

    A covariance of the structures 'diag' and 'spherical' has the density of the matrix it stands for.

    Attributes
    ----------
    scale : ndarray of shape (n_features, n_features)
        Ψ, in squared units of the data.
    dof : float
        ν.
    unit : float
        What one sample counts: the sample weights that a fit works with are a power of two times those that were given.
    """

    scale: np.ndarray
    dof: float
    unit: float = 1.0

    @property
    def count(self):
        """Pseudo-observations of each covariance, ν + d + 1."""
        return self.dof + self.scale.shape[0] + 1

    @property
    def typical_variance(self):
        """Mean variance of a feature at the mode, Ψ / (ν + d + 1)."""
        return float(np.trace(self.scale)) / (self.scale.shape[0] * self.count)


# ------------------------------------------------------------------------------------- what was asked for


def make_prior(value, X, sample_weight, n_components, unit=1.0, n_threads=None):
    """Return the Prior that `covariance_prior` stands for.

    Raises
    ------
    ValueError, TypeError
        If a given pair (scale, dof) is no prior for X, or X has constant features and 'default' was asked for.
    """
    n_features = X.shape[1]
    if isinstance(value, str):
        covariance = data_covariance(X, sample_weight, n_threads)
        constant = np.flatnonzero(~(np.diag(covariance) > 0.0))
        if constant.size:
            raise ValueError(
                "covariance_prior='default' takes its scale from the covariance of X; features "
                f"{constant.tolist()} of X are constant. Leave them out, or give (scale, dof)"
            )
        if not _is_positive_definite(covariance):  # dependent features, or fewer samples than features
            covariance = np.diag(np.diag(covariance))
        return Prior(covariance / n_components ** (2.0 / n_features), n_features + 2.0, unit)
    if len(value) != 2:
        raise ValueError(f"covariance_prior must be 'default' or a pair (scale, dof); got {len(value)} values")
    scale, dof = value
    scale = _scale_matrix(scale, n_features)
    if isinstance(dof, bool) or not isinstance(dof, Real):
        raise TypeError(f"dof in covariance_prior must be a real number; got {dof!r}")
    if not (math.isfinite(dof) and dof > n_features - 1):
        raise ValueError(f"dof in covariance_prior must be finite and > n_features - 1 = {n_features - 1}; got {dof}")
    return Prior(scale, float(dof), unit)


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
        engine.make_parameters(np.ones(1), np.zeros((1, len(matrix))), matrix[None], "full")
    except engine.CovarianceError:
        return False
    return True


def data_covariance(X, sample_weight, n_threads):
    """Covariance of X, dividing by the total weight: moments about the mean, in a second pass."""
    n_features = X.shape[1]
    centre = np.array(X[:1], dtype=np.float64)
    everything = np.zeros(1), np.zeros((1, n_features, n_features))  # one component, at distance 0 from all samples
    for _ in range(2):
        moments = engine.one_pass(
            X, everything[0], centre, everything[1], "full", sample_weight=sample_weight, n_threads=n_threads
        )
        _, centre, covariances = engine.m_step(moments, centre, "full")
    return covariances[0]


# ------------------------------------------------------------------------------------- the mathematics


def log_prior(prior, parameters):
    """Sum of the inverse-Wishart log-densities of the covariances (one term if they are tied); natural logarithm."""
    d, dof = parameters.n_features, prior.dof
    root = np.linalg.cholesky(prior.scale)
    factors = _matrices(parameters.precisions_cholesky, parameters.covariance_type, d)
    log_det_covariances = -2.0 * np.log(np.einsum("kjj->kj", factors)).sum(axis=1)
    traces = np.square(root.T @ factors).sum(axis=(1, 2))  # tr(Ψ P Pᵀ)
    constant = dof * np.log(np.diag(root)).sum() - 0.5 * dof * d * math.log(2.0) - _log_multivariate_gamma(0.5 * dof, d)
    return float(np.sum(constant - 0.5 * (dof + d + 1) * log_det_covariances - 0.5 * traces))


def _matrices(factors, covariance_type, d):
    """Return the factors of any structure as triangular matrices, one for each prior."""
    if covariance_type == "full":
        return factors
    if covariance_type == "tied":
        return factors[None]
    diagonals = factors if covariance_type == "diag" else np.repeat(factors[:, None], d, axis=1)
    return diagonals[:, :, None] * np.eye(d)


def _log_multivariate_gamma(a, d):
    return 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(a - 0.5 * j) for j in range(d))


def m_step(prior, moments, centres, covariance_type):
    """Weights, means and covariances that maximise Q plus the log prior.

    In each structure the prior adds ν + d + 1 to the effective count and Ψ, or its part in the structure, to the
    scatter. A component without data keeps its mean, with the weight 0 and the prior's mode as covariance.
    """
    weights, means, covariances = engine.m_step(moments, centres, covariance_type)
    d = means.shape[1]
    scale, count = prior.unit * prior.scale, prior.unit * prior.count
    if covariance_type == "tied":
        total = moments.counts.sum()
        return weights, means, (scale + total * covariances) / (count + total)
    scale = {
        "full": scale,
        "diag": np.diag(scale),
        "spherical": np.trace(scale) / d,
    }[covariance_type]
    counts = moments.counts.reshape(-1, *[1] * np.ndim(scale))
    scatter = np.where(counts > 0.0, counts * covariances, 0.0)
    return weights, means, (scale + scatter) / (count + counts)


def fit_map(
    X,
    parameters,
    prior,
    *,
    tol,
    max_iter,
    sample_weight,
    n_threads,
    callback,
    record_parameters,
    previous_log_likelihood,
):
    """Fit by EM under `prior`: `gmm.engine.fit_em` with another M-step, climbing another value.

    ``log_likelihoods`` of the result are the penalised log-likelihood divided by the total weight, (ℓ + log prior) / n.
    """
    values, history = [], []
    previous, converged, stopped, failure = previous_log_likelihood, False, False, None
    while len(values) < max_iter and not (converged or stopped):
        moments = engine.statistics(X, parameters, sample_weight=sample_weight, n_threads=n_threads)
        values.append((moments.log_likelihood + prior.unit * log_prior(prior, parameters)) / moments.total_weight)
        iteration = len(values)
        if not math.isfinite(values[-1]):
            failure = engine.Failure("log_likelihood", -1, iteration, "The penalised log-likelihood is not finite.")
            break
        found = m_step(prior, moments, parameters.means, parameters.covariance_type)
        try:
            parameters = engine.make_parameters(*found, parameters.covariance_type)
        except engine.CovarianceError as error:
            failure = engine.Failure("covariance", error.component, iteration, str(error))
            break
        converged = abs(values[-1] - previous) < tol
        previous = values[-1]
        if record_parameters:
            history.append(parameters)
        if callback is not None:
            stopped = bool(callback(iteration, previous, parameters))
    return engine.EMResult(
        parameters, np.array(values), len(values), converged, failure, history if record_parameters else None, stopped
    )
