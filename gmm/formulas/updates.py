"""The M-step (chapter 6): effective counts, the updates of weights, means and covariances, and what they maximise."""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.mixture import joint_log_density_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def effective_counts_kernel(resp):
    n, K = resp.shape
    counts = np.zeros(K)
    for i in range(n):
        for k in range(K):
            counts[k] += resp[i, k]
    return counts


@kernel
def update_weights_kernel(resp):
    weights = effective_counts_kernel(resp)
    for k in range(weights.shape[0]):
        weights[k] /= resp.shape[0]
    return weights


@kernel
def update_means_kernel(X, resp):
    n, d = X.shape
    K = resp.shape[1]
    counts = effective_counts_kernel(resp)
    means = np.zeros((K, d))
    for k in range(K):
        for i in range(n):
            for j in range(d):  # differences keep the digits of data far from the origin
                means[k, j] += resp[i, k] * (X[i, j] - X[0, j])
        for j in range(d):
            means[k, j] = X[0, j] + means[k, j] / counts[k]
    return means


@kernel
def update_covariances_kernel(X, resp, means):
    n, d = X.shape
    K = resp.shape[1]
    counts = effective_counts_kernel(resp)
    covariances = np.zeros((K, d, d))
    for k in range(K):
        for i in range(n):
            for j in range(d):
                for l in range(d):
                    product = (X[i, j] - means[k, j]) * (X[i, l] - means[k, l])
                    covariances[k, j, l] += resp[i, k] * product
        for j in range(d):
            for l in range(d):
                covariances[k, j, l] /= counts[k]
    return covariances


@kernel
def expected_complete_log_likelihood_kernel(resp, log_joint):
    n, K = resp.shape
    total = 0.0
    for i in range(n):
        for k in range(K):
            if resp[i, k] > 0.0:  # a term with r = 0 is 0, also where the logarithm is minus infinity
                total += resp[i, k] * log_joint[i, k]
    return total


# ------------------------------------------------------------------------------------- public


@equation("eq-effective-counts", kernel=effective_counts_kernel)
def effective_counts(resp: ArrayLike) -> FloatArray:
    r"""Effective number of samples in each component, :eq:`eq-effective-counts`.

    .. math:: N_k = \sum_i r_{ik},\qquad \sum_k N_k = n

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.

    Returns
    -------
    ndarray, shape (n_components,)

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities.
    """
    return effective_counts_kernel(check.responsibilities(resp))


@equation("eq-update-weights", kernel=update_weights_kernel)
def update_weights(resp: ArrayLike) -> FloatArray:
    r"""M-step of the weights, :eq:`eq-update-weights`.

    .. math:: \pi_k = \frac{N_k}{n}

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.

    Returns
    -------
    ndarray, shape (n_components,)

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities.
    """
    return update_weights_kernel(check.responsibilities(resp))


@equation("eq-update-means", kernel=update_means_kernel)
def update_means(X: ArrayLike, resp: ArrayLike) -> FloatArray:
    r"""M-step of the means: responsibility-weighted averages, :eq:`eq-update-means`.

    .. math:: \mu_k = \frac1{N_k}\sum_i r_{ik}\,x_i

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.

    Returns
    -------
    ndarray, shape (n_components, n_features)

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities for `X`, or a component has no responsibility at all (the
        message names it).

    Notes
    -----
    Costs :math:`nKd` multiplications.
    """
    X = check.data(X)
    resp = check.responsibilities(resp, n_samples=X.shape[0])
    check.nonempty_components(resp)
    return update_means_kernel(X, resp)


@equation("eq-update-covariances", kernel=update_covariances_kernel)
def update_covariances(X: ArrayLike, resp: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""M-step of the covariances, about the *new* means, :eq:`eq-update-covariances`.

    .. math:: \Sigma_k = \frac1{N_k}\sum_i r_{ik}\,(x_i-\mu_k)(x_i-\mu_k)^\top

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    means : array_like, shape (n_components, n_features)
        The updated means, from :func:`update_means` with the same responsibilities.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        Symmetric and positive semi-definite; singular when a component rests on too few samples.

    Raises
    ------
    ValueError
        If shapes do not fit, or a component has no responsibility at all (the message names it).

    Notes
    -----
    Costs :math:`2nKd^2` multiplications as written; half of it would do, for the result is symmetric.
    """
    X = check.data(X)
    resp = check.responsibilities(resp, n_samples=X.shape[0])
    check.nonempty_components(resp)
    means = check.real_array(means, "means", 2, "(n_components, n_features)")
    if means.shape != (resp.shape[1], X.shape[1]):
        raise ValueError(f"means must have shape {(resp.shape[1], X.shape[1])}; got {means.shape}")
    return update_covariances_kernel(X, resp, means)


@equation("eq-expected-complete-log-likelihood", kernel=expected_complete_log_likelihood_kernel)
def expected_complete_log_likelihood(
    X: ArrayLike, resp: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> float:
    r"""Expected complete-data log-likelihood, the function that the M-step maximises,
    :eq:`eq-expected-complete-log-likelihood`.

    .. math:: Q(\theta) = \sum_i\sum_k r_{ik}\bigl(\log\pi_k + \log\mathcal N(x_i\mid\mu_k,\Sigma_k)\bigr)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities, held fixed: not negative, rows summing to one.
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    float
        Natural logarithm, total over the samples.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, weights or rows of `resp` do not sum to one, or a covariance is
        not symmetric positive definite (the message names the component).
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    resp = check.responsibilities(resp, X.shape[0], weights.shape[0])
    log_joint = joint_log_density_kernel(X, weights, means, covariances)
    return expected_complete_log_likelihood_kernel(resp, log_joint)
