"""Singularities and regularisation (chapter 13): ridge, prior, penalised log-likelihood, conditioning."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import LOG_2PI, cholesky_kernel, forward_substitution_kernel, log_determinant_kernel
from gmm.formulas.likelihood import log_likelihood_kernel
from gmm.formulas.updates import effective_counts_kernel, update_covariances_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def collapse_log_likelihood_kernel(x, centre, weight, mean, variance, sigma):
    total = 0.0
    for i in range(x.shape[0]):
        spike = (x[i] - centre) / sigma
        broad = x[i] - mean
        log_spike = math.log(weight) - math.log(sigma) - 0.5 * spike * spike
        log_broad = math.log(1.0 - weight) - 0.5 * (math.log(variance) + broad * broad / variance)
        top = max(log_spike, log_broad)
        total += top + math.log(math.exp(log_spike - top) + math.exp(log_broad - top)) - 0.5 * LOG_2PI
    return total


@kernel
def ridge_kernel(covariance, amount):
    ridged = covariance.copy()
    for j in range(covariance.shape[0]):
        ridged[j, j] += amount
    return ridged


@kernel
def condition_number_kernel(eigenvalues):
    return eigenvalues[-1] / eigenvalues[0]  # eigvalsh sorts upwards


@kernel
def log_multivariate_gamma_kernel(a, d):
    total = 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(d):
        total += math.lgamma(a - 0.5 * j)
    return total


@kernel
def inverse_wishart_log_density_kernel(covariance, scale, dof):
    d = covariance.shape[0]
    L = cholesky_kernel(covariance)
    root = cholesky_kernel(scale)
    trace = 0.0  # tr(scale covariance^-1) = |L^-1 root|^2, column by column
    for j in range(d):
        y = forward_substitution_kernel(L, root[:, j].copy())
        for l in range(d):
            trace += y[l] * y[l]
    log_constant = 0.5 * dof * log_determinant_kernel(root) - 0.5 * dof * d * math.log(2.0)
    log_constant -= log_multivariate_gamma_kernel(0.5 * dof, d)
    return log_constant - 0.5 * (dof + d + 1) * log_determinant_kernel(L) - 0.5 * trace


@kernel
def map_covariances_kernel(X, resp, means, scale, dof):
    d = X.shape[1]
    counts = effective_counts_kernel(resp)
    covariances = update_covariances_kernel(X, resp, means)
    for k in range(counts.shape[0]):
        for j in range(d):
            for l in range(d):
                scatter = counts[k] * covariances[k, j, l]
                covariances[k, j, l] = (scatter + scale[j, l]) / (counts[k] + dof + d + 1)
    return covariances


@kernel
def penalised_log_likelihood_kernel(X, weights, means, covariances, scale, dof):
    total = log_likelihood_kernel(X, weights, means, covariances)
    for k in range(covariances.shape[0]):
        total += inverse_wishart_log_density_kernel(covariances[k], scale, dof)
    return total


# ------------------------------------------------------------------------------------- public


@equation("eq-collapse", kernel=collapse_log_likelihood_kernel)
def collapse_log_likelihood(
    x: ArrayLike,
    centre: float,
    sigma: float,
    *,
    weight: float = 0.5,
    mean: float | None = None,
    variance: float | None = None,
) -> float:
    r"""Log-likelihood of a broad component and a spike of standard deviation sigma on one point, :eq:`eq-collapse`.

    .. math::

        \ell(\sigma) = \sum_i\log\bigl(\pi\,\mathcal N(x_i\mid c,\sigma^2) + (1-\pi)\,\mathcal N(x_i\mid m, v)\bigr)

    Parameters
    ----------
    x : array_like, shape (n_samples,)
    centre : float
        Where the spike sits. On a sample, the log-likelihood grows without bound as `sigma` falls.
    sigma : float
        Standard deviation of the spike, positive.
    weight : float
        Weight of the spike, between 0 and 1.
    mean, variance : float, optional
        Of the broad component; by default those of the data.

    Returns
    -------
    float
        Natural logarithm, total over the samples.

    Raises
    ------
    ValueError
        If `x` is not a finite vector, `sigma` or `variance` is not positive, or `weight` is not between 0 and 1.
    """
    x = check.real_array(x, "x", 1, "(n_samples,)")
    centre = check.number(centre, "centre")
    sigma = check.number(sigma, "sigma", minimum=0.0, strict=True)
    weight = check.number(weight, "weight", minimum=0.0, strict=True)
    if weight >= 1.0:
        raise ValueError(f"weight must be < 1; got {weight}")
    mean = float(x.mean()) if mean is None else check.number(mean, "mean")
    variance = float(x.var()) if variance is None else variance
    variance = check.number(variance, "variance", minimum=0.0, strict=True)
    return collapse_log_likelihood_kernel(x, centre, weight, mean, variance, sigma)


@equation("eq-ridge", kernel=ridge_kernel)
def ridge(covariance: ArrayLike, amount: float) -> FloatArray:
    r"""Add a constant to the diagonal of a covariance, :eq:`eq-ridge`.

    .. math:: \Sigma + \varepsilon I

    Every eigenvalue grows by :math:`\varepsilon`, so that a singular matrix becomes positive definite.

    Parameters
    ----------
    covariance : array_like, shape (n_features, n_features)
        Symmetric; it may be singular.
    amount : float
        :math:`\varepsilon`, in squared units of the data, not negative.

    Returns
    -------
    ndarray, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If `covariance` is not square and symmetric, or `amount` is negative.
    """
    covariance = check.symmetric_matrix(covariance)
    return ridge_kernel(covariance, check.number(amount, "amount", minimum=0.0))


@equation("eq-condition-number", kernel=condition_number_kernel)
def condition_number(covariance: ArrayLike) -> float:
    r"""Ratio of the largest to the smallest eigenvalue of a covariance, :eq:`eq-condition-number`.

    .. math:: \kappa(\Sigma) = \frac{\lambda_{\max}}{\lambda_{\min}} \ge 1

    Parameters
    ----------
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `covariance` is not square, symmetric and positive definite.
    """
    return condition_number_kernel(np.linalg.eigvalsh(check.covariance_matrix(covariance)))


@equation("eq-inverse-wishart", kernel=inverse_wishart_log_density_kernel)
def inverse_wishart_log_density(covariance: ArrayLike, scale: ArrayLike, dof: float) -> float:
    r"""Log-density of the inverse-Wishart distribution, :eq:`eq-inverse-wishart`.

    .. math::

        \log p(\Sigma\mid\Psi,\nu) = \tfrac\nu2\log\lvert\Psi\rvert - \tfrac{\nu d}2\log 2 - \log\Gamma_d(\tfrac\nu2)
        - \tfrac{\nu+d+1}2\log\lvert\Sigma\rvert - \tfrac12\operatorname{tr}(\Psi\Sigma^{-1})

    Parameters
    ----------
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi`, symmetric positive definite, in squared units of the data.
    dof : float
        :math:`\nu`, degrees of freedom, greater than ``n_features - 1``.

    Returns
    -------
    float
        Natural logarithm.

    Raises
    ------
    ValueError
        If a matrix is not symmetric positive definite, the shapes differ, or `dof` is too small.
    """
    covariance = check.covariance_matrix(covariance)
    scale, dof = check.prior(scale, dof, covariance.shape[0])
    return inverse_wishart_log_density_kernel(covariance, scale, dof)


@equation("eq-map-covariance", kernel=map_covariances_kernel)
def map_covariances(X: ArrayLike, resp: ArrayLike, means: ArrayLike, scale: ArrayLike, dof: float) -> FloatArray:
    r"""M-step of the covariances under an inverse-Wishart prior, :eq:`eq-map-covariance`.

    .. math:: \Sigma_k = \frac{\Psi + \sum_i r_{ik}(x_i-\mu_k)(x_i-\mu_k)^\top}{\nu + d + 1 + N_k}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    means : array_like, shape (n_components, n_features)
        The updated means.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi`, symmetric positive definite, in squared units of the data.
    dof : float
        :math:`\nu`, degrees of freedom, greater than ``n_features - 1``.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        Positive definite, whatever the responsibilities.

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, `dof` is too small, or a component has no
        responsibility at all (the message names it).
    """
    X, resp, means = check.data_resp_means(X, resp, means)
    scale, dof = check.prior(scale, dof, X.shape[1])
    return map_covariances_kernel(X, resp, means, scale, dof)


@equation("eq-penalised-log-likelihood", kernel=penalised_log_likelihood_kernel)
def penalised_log_likelihood(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, scale: ArrayLike, dof: float
) -> float:
    r"""Log-likelihood plus the log prior of every covariance, :eq:`eq-penalised-log-likelihood`.

    .. math:: \ell_{\text{pen}}(\theta) = \ell(\theta) + \sum_k \log p(\Sigma_k\mid\Psi,\nu)

    EM with :func:`map_covariances` never lowers it, and it is bounded above.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi`, symmetric positive definite, in squared units of the data.
    dof : float
        :math:`\nu`, degrees of freedom, greater than ``n_features - 1``.

    Returns
    -------
    float
        Natural logarithm, total over the samples.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, a covariance or `scale` is not
        symmetric positive definite, or `dof` is too small.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    scale, dof = check.prior(scale, dof, X.shape[1])
    return penalised_log_likelihood_kernel(X, weights, means, covariances, scale, dof)
