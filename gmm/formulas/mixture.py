"""The mixture density (chapter 3): joint and marginal log-density, moments, ancestral sampling."""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray, IntArray, Rng
from gmm.formulas import _checks as check
from gmm.formulas._primitives import log_sum_exp_kernel
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import cholesky_kernel, gaussian_log_density_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def joint_log_density_kernel(X, weights, means, covariances):
    n = X.shape[0]
    K = weights.shape[0]
    log_joint = np.empty((n, K))
    for k in range(K):
        L = cholesky_kernel(covariances[k])
        log_density = gaussian_log_density_kernel(X, means[k], L)
        for i in range(n):
            log_joint[i, k] = np.log(weights[k]) + log_density[i]
    return log_joint


@kernel
def mixture_log_density_kernel(X, weights, means, covariances):
    log_joint = joint_log_density_kernel(X, weights, means, covariances)
    return log_sum_exp_kernel(log_joint)


@kernel
def mixture_mean_kernel(weights, means):
    K, d = means.shape
    mean = np.zeros(d)
    for k in range(K):
        for j in range(d):
            mean[j] += weights[k] * (means[k, j] - means[0, j])
    for j in range(d):
        mean[j] += means[0, j]
    return mean


@kernel
def mixture_covariance_kernel(weights, means, covariances):
    K, d = means.shape
    centre = mixture_mean_kernel(weights, means)
    covariance = np.zeros((d, d))
    for k in range(K):
        for j in range(d):
            for l in range(d):
                between = (means[k, j] - centre[j]) * (means[k, l] - centre[l])
                covariance[j, l] += weights[k] * (covariances[k, j, l] + between)
    return covariance


@kernel
def gaussian_sample_kernel(z, mean, L):
    n, d = z.shape
    X = np.empty((n, d))
    for i in range(n):
        for j in range(d):
            X[i, j] = mean[j]
            for l in range(j + 1):
                X[i, j] += L[j, l] * z[i, l]
    return X


@kernel
def categorical_sample_kernel(u, weights):
    n = u.shape[0]
    K = weights.shape[0]
    last = K - 1
    while weights[last] == 0.0:
        last -= 1
    labels = np.empty(n, dtype=np.int64)
    for i in range(n):
        k = 0
        cumulative = weights[0]
        while u[i] >= cumulative and k < last:  # last: sums may round below one
            k += 1
            cumulative += weights[k]
        labels[i] = k
    return labels


@kernel
def ancestral_sample_kernel(u, z, weights, means, covariances):
    n, d = z.shape
    K = weights.shape[0]
    labels = categorical_sample_kernel(u, weights)
    X = np.empty((n, d))
    for k in range(K):
        L = cholesky_kernel(covariances[k])
        for i in range(n):
            if labels[i] == k:
                for j in range(d):
                    X[i, j] = means[k, j]
                    for l in range(j + 1):
                        X[i, j] += L[j, l] * z[i, l]
    return X, labels


# ------------------------------------------------------------------------------------- public


@equation("eq-joint-density", kernel=joint_log_density_kernel)
def joint_log_density(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Joint log-density of a sample and its component, :eq:`eq-joint-density`.

    .. math:: \log p(x_i, z_i = k) = \log\pi_k + \log\mathcal N(x_i\mid\mu_k,\Sigma_k)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one. A weight of zero gives minus infinity in its column.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_samples, n_components)
        Natural logarithms.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, or a covariance is not
        symmetric positive definite (the message names the component).

    Notes
    -----
    Costs :math:`nK\,d(d+3)/2` multiplications and divisions, and :math:`K d^3/6` for the Cholesky factors.
    """
    return joint_log_density_kernel(*check.data_and_parameters(X, weights, means, covariances))


@equation("eq-mixture-density", "eq-mixture-log-density", kernel=mixture_log_density_kernel)
def mixture_log_density(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Log-density of a Gaussian mixture, :eq:`eq-mixture-log-density`.

    .. math:: \log p(x_i) = \log\sum_k \pi_k\,\mathcal N(x_i\mid\mu_k,\Sigma_k)

    Its exponential is the density :eq:`eq-mixture-density`. The sum is taken by log-sum-exp, so densities far
    below the smallest float64 are right too.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithm of the density, one value per sample.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, or a covariance is not
        symmetric positive definite (the message names the component).
    """
    return mixture_log_density_kernel(*check.data_and_parameters(X, weights, means, covariances))


@equation("eq-mixture-mean", kernel=mixture_mean_kernel)
def mixture_mean(weights: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""Mean of a mixture, :eq:`eq-mixture-mean`.

    .. math:: \bar\mu = \sum_k \pi_k\mu_k

    Parameters
    ----------
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)

    Returns
    -------
    ndarray, shape (n_features,)

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or the weights do not sum to one.
    """
    return mixture_mean_kernel(*check.weights_and_means(weights, means))


@equation("eq-mixture-covariance", kernel=mixture_covariance_kernel)
def mixture_covariance(weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Covariance of a mixture: within plus between, :eq:`eq-mixture-covariance`.

    .. math:: \operatorname{Cov}(x) = \sum_k \pi_k\bigl(\Sigma_k + (\mu_k-\bar\mu)(\mu_k-\bar\mu)^\top\bigr)

    Parameters
    ----------
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, or a covariance is not
        symmetric positive definite (the message names the component).
    """
    return mixture_covariance_kernel(*check.parameters(weights, means, covariances))


@equation("eq-gaussian-sample", kernel=gaussian_sample_kernel)
def sample_gaussian(n_samples: int, mean: ArrayLike, covariance: ArrayLike, rng: Rng = None) -> FloatArray:
    r"""Draw from one Gaussian, :eq:`eq-gaussian-sample`.

    .. math:: x = \mu + L z,\qquad z\sim\mathcal N(0, I),\qquad \Sigma = LL^\top

    Parameters
    ----------
    n_samples : int
    mean : array_like, shape (n_features,)
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.
    rng : numpy.random.Generator, int or None
        Source of randomness; NumPy's global state is never touched.

    Returns
    -------
    ndarray, shape (n_samples, n_features)

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, or `covariance` is not symmetric positive definite.
    """
    n_samples = check.count(n_samples, "n_samples")
    covariance = check.covariance_matrix(covariance)
    mean = check.mean_vector(mean, covariance.shape[0], like="covariance")
    z = check.generator(rng).standard_normal((n_samples, mean.shape[0]))
    return gaussian_sample_kernel(z, mean, cholesky_kernel(covariance))


@equation("eq-categorical-sample", kernel=categorical_sample_kernel)
def sample_labels(n_samples: int, weights: ArrayLike, rng: Rng = None) -> IntArray:
    r"""Draw component labels with the given probabilities, :eq:`eq-categorical-sample`.

    The label is the smallest k with :math:`u < \pi_0 + \dots + \pi_k` for a uniform :math:`u\in[0,1)`.

    Parameters
    ----------
    n_samples : int
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    rng : numpy.random.Generator, int or None
        Source of randomness; NumPy's global state is never touched.

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Raises
    ------
    ValueError
        If the weights are negative or do not sum to one.
    """
    n_samples = check.count(n_samples, "n_samples")
    weights = check.mixing_weights(weights)
    return categorical_sample_kernel(check.generator(rng).random(n_samples), weights)


@equation("eq-ancestral-sampling", kernel=ancestral_sample_kernel)
def sample_mixture(
    n_samples: int, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, rng: Rng = None
) -> tuple[FloatArray, IntArray]:
    r"""Draw from a mixture: first the component, then the sample, :eq:`eq-ancestral-sampling`.

    Parameters
    ----------
    n_samples : int
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.
    rng : numpy.random.Generator, int or None
        Source of randomness; NumPy's global state is never touched.

    Returns
    -------
    X : ndarray, shape (n_samples, n_features)
    labels : ndarray of int, shape (n_samples,)
        The component that each sample came from.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, or a covariance is not
        symmetric positive definite (the message names the component).
    """
    n_samples = check.count(n_samples, "n_samples")
    weights, means, covariances = check.parameters(weights, means, covariances)
    rng = check.generator(rng)
    u = rng.random(n_samples)
    z = rng.standard_normal((n_samples, means.shape[1]))
    return ancestral_sample_kernel(u, z, weights, means, covariances)
