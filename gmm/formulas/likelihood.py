"""The log-likelihood (chapter 5): total and mean, and its derivatives, the score."""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import cholesky_kernel, forward_substitution_kernel
from gmm.formulas.mixture import joint_log_density_kernel
from gmm.formulas.responsibilities import log_sum_exp_kernel, softmax_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def log_likelihood_kernel(X, weights, means, covariances):
    log_density = log_sum_exp_kernel(joint_log_density_kernel(X, weights, means, covariances))
    total = 0.0
    for i in range(X.shape[0]):
        total += log_density[i]
    return total


@kernel
def mean_log_likelihood_kernel(log_likelihood, n):
    return log_likelihood / n


@kernel
def backward_substitution_kernel(L, y):
    d = L.shape[0]
    x = np.empty(d)
    for j in range(d - 1, -1, -1):
        rest = y[j]
        for l in range(j + 1, d):
            rest -= L[l, j] * x[l]  # row j of L transposed
        x[j] = rest / L[j, j]
    return x


@kernel
def cholesky_solve_kernel(L, b):
    return backward_substitution_kernel(L, forward_substitution_kernel(L, b))


@kernel
def score_weights_kernel(resp, weights):
    n, K = resp.shape
    score = np.zeros(K)
    for i in range(n):
        for k in range(K):
            score[k] += resp[i, k] / weights[k]
    return score


@kernel
def score_means_kernel(X, resp, means, covariances):
    n, d = X.shape
    K = means.shape[0]
    score = np.empty((K, d))
    for k in range(K):
        pull = np.zeros(d)
        for i in range(n):
            for j in range(d):
                pull[j] += resp[i, k] * (X[i, j] - means[k, j])
        solved = cholesky_solve_kernel(cholesky_kernel(covariances[k]), pull)
        for j in range(d):  # entry by entry: to assign slices takes Numba 2 s more to compile
            score[k, j] = solved[j]
    return score


@kernel
def score_covariances_kernel(X, resp, means, covariances):
    n, d = X.shape
    K = means.shape[0]
    score = np.empty((K, d, d))
    column = np.empty(d)
    for k in range(K):
        excess = np.zeros((d, d))
        for i in range(n):
            for j in range(d):
                for l in range(d):
                    product = (X[i, j] - means[k, j]) * (X[i, l] - means[k, l])
                    excess[j, l] += resp[i, k] * (product - covariances[k, j, l])
        L = cholesky_kernel(covariances[k])
        for j in range(d):  # from the left: solve with each column
            for l in range(d):
                column[l] = excess[l, j]
            solved = cholesky_solve_kernel(L, column)
            for l in range(d):
                excess[l, j] = solved[l]
        for j in range(d):  # from the right: solve with each row
            solved = cholesky_solve_kernel(L, excess[j])
            for l in range(d):
                score[k, j, l] = 0.5 * solved[l]
    return score


# ------------------------------------------------------------------------------------- public


@equation("eq-log-likelihood", kernel=log_likelihood_kernel)
def log_likelihood(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> float:
    r"""Total log-likelihood of a Gaussian mixture, :eq:`eq-log-likelihood`.

    .. math:: \ell(\theta) = \sum_i \log\sum_k \pi_k\,\mathcal N(x_i\mid\mu_k,\Sigma_k)

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
    float
        Natural logarithm, total over the samples. Positive values are legal: a density may exceed one.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, or a covariance is not
        symmetric positive definite (the message names the component).
    """
    return log_likelihood_kernel(*check.data_and_parameters(X, weights, means, covariances))


@equation("eq-mean-log-likelihood", kernel=mean_log_likelihood_kernel)
def mean_log_likelihood(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> float:
    r"""Log-likelihood per sample, :eq:`eq-mean-log-likelihood`.

    What scikit-learn calls ``score``: the total divided by n, so that data sets of different sizes compare.

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
    float
        Natural logarithm, mean over the samples.

    Raises
    ------
    ValueError
        As for :func:`log_likelihood`.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    return mean_log_likelihood_kernel(log_likelihood_kernel(X, weights, means, covariances), X.shape[0])


@equation("eq-score-weights", kernel=score_weights_kernel)
def score_weights(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Derivative of the log-likelihood in each weight, the other weights held, :eq:`eq-score-weights`.

    .. math:: \frac{\partial\ell}{\partial\pi_k} = \sum_i \frac{r_{ik}}{\pi_k} = \frac{N_k}{\pi_k}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Positive, summing to one.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
        Each symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_components,)
        Derivative of the total log-likelihood.

    Raises
    ------
    ValueError
        As for :func:`log_likelihood`, or if a weight is zero.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    if (weights == 0).any():
        raise ValueError(f"weights must be positive here; weights[{int(weights.argmin())}] is 0")
    return score_weights_kernel(_resp(X, weights, means, covariances), weights)


@equation("eq-score-means", kernel=score_means_kernel)
def score_means(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Gradient of the log-likelihood in each mean, :eq:`eq-score-means`.

    .. math:: \frac{\partial\ell}{\partial\mu_k} = \Sigma_k^{-1}\sum_i r_{ik}\,(x_i-\mu_k)

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
    ndarray, shape (n_components, n_features)
        Gradient of the total log-likelihood.

    Raises
    ------
    ValueError
        As for :func:`log_likelihood`.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    return score_means_kernel(X, _resp(X, weights, means, covariances), means, covariances)


@equation("eq-score-covariances", kernel=score_covariances_kernel)
def score_covariances(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Gradient of the log-likelihood in each covariance, :eq:`eq-score-covariances`.

    .. math:: \frac{\partial\ell}{\partial\Sigma_k} =
        \tfrac12\,\Sigma_k^{-1}\Bigl(\sum_i r_{ik}\bigl[(x_i-\mu_k)(x_i-\mu_k)^\top - \Sigma_k\bigr]\Bigr)\Sigma_k^{-1}

    Each entry of the matrix counts as a variable of its own: for a symmetric change E of the covariance the
    log-likelihood changes by the sum of the products of the entries of this gradient and of E.

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
    ndarray, shape (n_components, n_features, n_features)
        Gradient of the total log-likelihood; each matrix is symmetric.

    Raises
    ------
    ValueError
        As for :func:`log_likelihood`.
    """
    X, weights, means, covariances = check.data_and_parameters(X, weights, means, covariances)
    return score_covariances_kernel(X, _resp(X, weights, means, covariances), means, covariances)


def _resp(X: FloatArray, weights: FloatArray, means: FloatArray, covariances: FloatArray) -> FloatArray:
    log_joint = joint_log_density_kernel(X, weights, means, covariances)
    check.reachable(log_joint)
    return softmax_kernel(log_joint)
