"""Where to start (chapter 9): random responsibilities, k-means++, standardised and whitened data."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray, Rng
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import (
    cholesky_kernel,
    forward_substitution_kernel,
    sample_covariance_kernel,
    sample_mean_kernel,
)

# ------------------------------------------------------------------------------------- kernels


@kernel
def normalise_rows_kernel(u):
    n, K = u.shape
    resp = np.empty((n, K))
    for i in range(n):
        total = 0.0
        for k in range(K):
            total += u[i, k]
        for k in range(K):
            resp[i, k] = u[i, k] / total
    return resp


@kernel
def one_hot_kernel(labels, K):
    n = labels.shape[0]
    resp = np.zeros((n, K))
    for i in range(n):
        resp[i, labels[i]] = 1.0
    return resp


@kernel
def kmeans_plusplus_probabilities_kernel(X, centres):
    n, d = X.shape
    nearest = np.full(n, np.inf)
    total = 0.0
    for i in range(n):
        for k in range(centres.shape[0]):
            squared = 0.0
            for j in range(d):
                difference = X[i, j] - centres[k, j]
                squared += difference * difference
            nearest[i] = min(nearest[i], squared)
        total += nearest[i]
    for i in range(n):
        nearest[i] /= total
    return nearest


@kernel
def standardise_kernel(X, mean, covariance):
    n, d = X.shape
    Z = np.empty((n, d))
    for i in range(n):
        for j in range(d):
            Z[i, j] = (X[i, j] - mean[j]) / math.sqrt(covariance[j, j])
    return Z


@kernel
def whiten_kernel(X, mean, L):
    n, d = X.shape
    Z = np.empty((n, d))
    difference = np.empty(d)
    for i in range(n):
        for j in range(d):
            difference[j] = X[i, j] - mean[j]
        z = forward_substitution_kernel(L, difference)
        for j in range(d):
            Z[i, j] = z[j]
    return Z


# ------------------------------------------------------------------------------------- public


@equation("eq-random-responsibilities", kernel=normalise_rows_kernel)
def random_responsibilities(n_samples: int, n_components: int, rng: Rng = None) -> FloatArray:
    r"""Random responsibilities: uniform numbers, rows scaled to one, :eq:`eq-random-responsibilities`.

    .. math:: r_{ik} = \frac{u_{ik}}{\sum_l u_{il}},\qquad u_{ik}\sim\mathcal U(0, 1)

    Parameters
    ----------
    n_samples, n_components : int
    rng : numpy.random.Generator, int or None
        Source of randomness; NumPy's global state is never touched.

    Returns
    -------
    ndarray, shape (n_samples, n_components)
        Rows that sum to one.

    Raises
    ------
    TypeError
        If a size is not an integer, or `rng` is neither a Generator nor a seed.
    ValueError
        If a size is less than one.
    """
    shape = check.count(n_samples, "n_samples"), check.count(n_components, "n_components")
    return normalise_rows_kernel(1.0 - check.generator(rng).random(shape))  # in (0, 1]: no row of zeros


@equation("eq-one-hot", kernel=one_hot_kernel)
def one_hot(labels: ArrayLike, n_components: int) -> FloatArray:
    r"""Hard labels written as responsibilities, :eq:`eq-one-hot`.

    .. math:: r_{ik} = \begin{cases}1 & k = z_i\\ 0 & \text{otherwise}\end{cases}

    Parameters
    ----------
    labels : array_like of int, shape (n_samples,)
        From 0 to `n_components` - 1.
    n_components : int

    Returns
    -------
    ndarray, shape (n_samples, n_components)

    Raises
    ------
    TypeError
        If the labels or `n_components` are not integers.
    ValueError
        If `labels` is not a vector, or a label is out of range.
    """
    n_components = check.count(n_components, "n_components")
    return one_hot_kernel(check.labels(labels, n_components), n_components)


@equation("eq-kmeans-plusplus", kernel=kmeans_plusplus_probabilities_kernel)
def kmeans_plusplus_probabilities(X: ArrayLike, centres: ArrayLike) -> FloatArray:
    r"""Probability of each sample to become the next centre of k-means++, :eq:`eq-kmeans-plusplus`.

    .. math:: p_i = \frac{D_i^2}{\sum_j D_j^2},\qquad D_i = \min_k \lVert x_i - c_k\rVert

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    centres : array_like, shape (n_centres, n_features)
        The centres chosen so far, at least one.

    Returns
    -------
    ndarray, shape (n_samples,)
        Probabilities that sum to one.

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or every sample coincides with a centre.
    """
    X = check.data(X)
    centres = check.centres(centres, X.shape[1])
    if (X[:, None, :] == centres[None, :, :]).all(axis=2).any(axis=1).all():
        raise ValueError("every sample of X coincides with a centre: no sample can be chosen next")
    return kmeans_plusplus_probabilities_kernel(X, centres)


def kmeans_plusplus(X: ArrayLike, n_components: int, rng: Rng = None) -> FloatArray:
    """Choose centres by k-means++: the first at random, each further one with probability
    :func:`kmeans_plusplus_probabilities`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    n_components : int
    rng : numpy.random.Generator, int or None
        Source of randomness; NumPy's global state is never touched.

    Returns
    -------
    ndarray, shape (n_components, n_features)
        Different points of `X`.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix or has fewer distinct samples than `n_components`.

    References
    ----------
    Arthur, D. and Vassilvitskii, S. (2007), k-means++: the advantages of careful seeding.
    """
    X = check.data(X)
    n_components = check.count(n_components, "n_components")
    distinct = np.unique(X, axis=0).shape[0]
    if n_components > distinct:
        raise ValueError(f"n_components must be <= {distinct}, the number of distinct samples; got {n_components}")
    rng = check.generator(rng)
    chosen = [int(rng.integers(X.shape[0]))]
    while len(chosen) < n_components:
        probabilities = kmeans_plusplus_probabilities_kernel(X, X[chosen])
        chosen.append(int(rng.choice(X.shape[0], p=probabilities)))
    return X[chosen]


@equation("eq-standardise", kernel=standardise_kernel)
def standardise(X: ArrayLike) -> FloatArray:
    r"""Centre each feature and divide it by its standard deviation, :eq:`eq-standardise`.

    .. math:: z_{ij} = \frac{x_{ij} - \hat\mu_j}{\sqrt{\hat\Sigma_{jj}}}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)

    Returns
    -------
    ndarray, shape (n_samples, n_features)
        Each feature with mean 0 and variance 1 (divisor n). Correlations stay.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix, or a feature is constant (the message names it).
    """
    X = check.data(X)
    mean = sample_mean_kernel(X)
    covariance = sample_covariance_kernel(X, mean)
    constant = np.flatnonzero(~(np.diag(covariance) > 0.0))
    if constant.size:
        raise ValueError(f"feature {int(constant[0])} of X is constant: it has no standard deviation to divide by")
    return standardise_kernel(X, mean, covariance)


@equation("eq-whitening", kernel=whiten_kernel)
def whiten(X: ArrayLike) -> FloatArray:
    r"""Map the data so that their covariance becomes the identity, :eq:`eq-whitening`.

    .. math:: z_i = L^{-1}(x_i - \hat\mu),\qquad \hat\Sigma = LL^\top

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)

    Returns
    -------
    ndarray, shape (n_samples, n_features)
        Mean 0 and covariance I (divisor n). The Euclidean distance of two rows is the Mahalanobis distance of the
        samples under the covariance of all data.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix, or its sample covariance is singular.
    """
    X = check.data(X)
    mean = sample_mean_kernel(X)
    covariance = sample_covariance_kernel(X, mean)
    check.covariance_matrix(covariance, name="the sample covariance of X")
    return whiten_kernel(X, mean, cholesky_kernel(covariance))
