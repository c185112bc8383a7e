"""Responsibilities (chapter 4): log-sum-exp, softmax, Bayes' rule in the log domain, hard labels."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray, IntArray
from gmm.formulas import _checks as check
from gmm.formulas._primitives import log_sum_exp_kernel
from gmm.formulas._registry import equation
from gmm.formulas.mixture import joint_log_density

# ------------------------------------------------------------------------------------- kernels


@kernel
def softmax_kernel(a):
    n, K = a.shape
    result = np.empty((n, K))
    for i in range(n):
        top = a[i, 0]
        for k in range(1, K):
            top = max(top, a[i, k])
        total = 0.0
        for k in range(K):
            result[i, k] = math.exp(a[i, k] - top)
            total += result[i, k]
        for k in range(K):
            result[i, k] /= total
    return result


@kernel
def log_responsibilities_kernel(log_joint):
    n, K = log_joint.shape
    log_resp = np.empty((n, K))
    for i in range(n):
        top = log_joint[i, 0]
        for k in range(1, K):
            top = max(top, log_joint[i, k])
        total = 0.0
        for k in range(K):
            total += math.exp(log_joint[i, k] - top)
        for k in range(K):  # top first: top + log(total) would round far from the components
            log_resp[i, k] = (log_joint[i, k] - top) - math.log(total)
    return log_resp


@kernel
def hard_labels_kernel(resp):
    n, K = resp.shape
    labels = np.empty(n, dtype=np.int64)
    for i in range(n):
        labels[i] = 0
        for k in range(1, K):
            if resp[i, k] > resp[i, labels[i]]:
                labels[i] = k
    return labels


@kernel
def responsibility_entropy_kernel(resp):
    n, K = resp.shape
    entropy = np.zeros(n)
    for i in range(n):
        for k in range(K):
            if resp[i, k] > 0.0:  # r log r tends to 0 with r
                entropy[i] -= resp[i, k] * math.log(resp[i, k])
    return entropy


# ------------------------------------------------------------------------------------- public


@equation("eq-log-sum-exp", kernel=log_sum_exp_kernel)
def log_sum_exp(a: ArrayLike) -> FloatArray:
    r"""Logarithm of a sum of exponentials, row by row, :eq:`eq-log-sum-exp`.

    .. math:: \operatorname{lse}(a) = m + \log\sum_k e^{a_k - m},\qquad m = \max_k a_k

    Parameters
    ----------
    a : array_like, shape (n_samples, n_components)
        Logarithms. Minus infinity stands for a term of zero.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithms; minus infinity where every term of the row is.

    Raises
    ------
    ValueError
        If `a` is not a matrix, or holds NaN or plus infinity.
    """
    return log_sum_exp_kernel(check.logarithms(a, "a"))


@equation("eq-softmax", kernel=softmax_kernel)
def softmax(a: ArrayLike) -> FloatArray:
    r"""Softmax, row by row: the gradient of log-sum-exp, :eq:`eq-softmax`.

    .. math:: \operatorname{softmax}(a)_k = \frac{e^{a_k - m}}{\sum_l e^{a_l - m}},\qquad m = \max_l a_l

    Parameters
    ----------
    a : array_like, shape (n_samples, n_components)
        Logarithms. Minus infinity stands for a term of zero.

    Returns
    -------
    ndarray, shape (n_samples, n_components)
        Rows that sum to one.

    Raises
    ------
    ValueError
        If `a` is not a matrix, holds NaN or plus infinity, or has a row of minus infinities.
    """
    a = check.logarithms(a, "a")
    check.reachable(a)
    return softmax_kernel(a)


@equation("eq-log-responsibility", kernel=log_responsibilities_kernel)
def log_responsibilities(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Logarithms of the responsibilities, :eq:`eq-log-responsibility`.

    .. math:: \log r_{ik} = \log\pi_k + \log\mathcal N(x_i\mid\mu_k,\Sigma_k) - \log p(x_i)

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
    ndarray, shape (n_samples, n_components)
        Natural logarithms. They stay finite where the responsibility itself is below the smallest float64.

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, a covariance is not symmetric
        positive definite (the message names the component), or a sample is so far from every component that its
        log-density leaves the range of float64.
    """
    return log_responsibilities_kernel(_log_joint(X, weights, means, covariances))


@equation("eq-responsibility", kernel=softmax_kernel)
def responsibilities(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Responsibility of each component for each sample, :eq:`eq-responsibility`.

    .. math:: r_{ik} = \frac{\pi_k\,\mathcal N(x_i\mid\mu_k,\Sigma_k)}{\sum_l \pi_l\,\mathcal N(x_i\mid\mu_l,\Sigma_l)}

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
    ndarray, shape (n_samples, n_components)
        Probabilities; each row sums to one however far the sample lies from the components.

    Raises
    ------
    ValueError
        As for :func:`log_responsibilities`.
    """
    return softmax_kernel(_log_joint(X, weights, means, covariances))


@equation("eq-hard-labels", kernel=hard_labels_kernel)
def hard_labels(resp: ArrayLike) -> IntArray:
    r"""The component with the largest responsibility, :eq:`eq-hard-labels`.

    .. math:: \hat z_i = \operatorname*{arg\,max}_k\ r_{ik}

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        A tie goes to the smaller index.

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities.
    """
    return hard_labels_kernel(check.responsibilities(resp))


@equation("eq-responsibility-entropy", kernel=responsibility_entropy_kernel)
def responsibility_entropy(resp: ArrayLike) -> FloatArray:
    r"""Entropy of each row of responsibilities: how undecided the assignment is, :eq:`eq-responsibility-entropy`.

    .. math:: H_i = -\sum_k r_{ik}\log r_{ik},\qquad 0 \le H_i \le \log K

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.

    Returns
    -------
    ndarray, shape (n_samples,)
        In nats (natural logarithm), one value per sample.

    Raises
    ------
    ValueError
        If `resp` is not a matrix of responsibilities.
    """
    return responsibility_entropy_kernel(check.responsibilities(resp))


def _log_joint(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    """Checked joint log-densities, with every sample inside the range of float64 for some component."""
    log_joint = joint_log_density(X, weights, means, covariances)
    check.reachable(log_joint)
    return log_joint
