"""k-means as a limit of the mixture (chapter 10): objective, the two steps of Lloyd's algorithm, the loop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gmm._compile import in_python, kernel
from gmm._types import ArrayLike, FloatArray, IntArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.responsibilities import softmax_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def squared_distances_kernel(X, centres):
    n, d = X.shape
    K = centres.shape[0]
    squared = np.zeros((n, K))
    for i in range(n):
        for k in range(K):
            for j in range(d):
                difference = X[i, j] - centres[k, j]
                squared[i, k] += difference * difference
    return squared


@kernel
def nearest_centre_kernel(X, centres):
    squared = squared_distances_kernel(X, centres)
    labels = np.zeros(X.shape[0], dtype=np.int64)
    for i in range(X.shape[0]):
        for k in range(1, centres.shape[0]):
            if squared[i, k] < squared[i, labels[i]]:
                labels[i] = k
    return labels


@kernel
def kmeans_objective_kernel(X, labels, centres):
    total = 0.0
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            difference = X[i, j] - centres[labels[i], j]
            total += difference * difference
    return total


@kernel
def update_centres_kernel(X, labels, centres):
    n, d = X.shape
    K = centres.shape[0]
    counts = np.zeros(K)
    shifts = np.zeros((K, d))
    for i in range(n):
        k = labels[i]
        counts[k] += 1.0
        for j in range(d):
            shifts[k, j] += X[i, j] - centres[k, j]
    updated = centres.copy()
    for k in range(K):
        for j in range(d):
            if counts[k] > 0.0:  # a centre without samples stays where it is
                updated[k, j] += shifts[k, j] / counts[k]
    return updated


@kernel
def lloyd_kernel(X, centres, max_iter):
    objective = np.empty(max_iter + 1)
    labels = nearest_centre_kernel(X, centres)
    objective[0] = kmeans_objective_kernel(X, labels, centres)
    n_iter, converged = 0, False
    while n_iter < max_iter and not converged:
        centres = update_centres_kernel(X, labels, centres)
        moved = nearest_centre_kernel(X, centres)
        converged = np.array_equal(moved, labels)
        labels = moved
        n_iter += 1
        objective[n_iter] = kmeans_objective_kernel(X, labels, centres)
    return centres, labels, objective[: n_iter + 1], n_iter, converged


@kernel
def spherical_responsibilities_kernel(X, weights, means, variance):
    squared = squared_distances_kernel(X, means)
    log_joint = np.full(squared.shape, -math.inf)
    for i in range(X.shape[0]):
        nearest = math.inf
        for k in range(means.shape[0]):
            if weights[k] > 0.0:
                nearest = min(nearest, squared[i, k])
        for k in range(means.shape[0]):
            if weights[k] > 0.0:  # the nearest mean factored out first: its weight is not rounded away
                log_joint[i, k] = np.log(weights[k]) - 0.5 * (squared[i, k] - nearest) / variance
    return softmax_kernel(log_joint)


# ------------------------------------------------------------------------------------- public


@dataclass(frozen=True)
class LloydResult:
    """What :func:`lloyd` found.

    Attributes
    ----------
    centres : ndarray, shape (n_centres, n_features)
    labels : ndarray of int, shape (n_samples,)
        The nearest centre of each sample.
    objectives : ndarray, shape (n_iter + 1,)
        Sum of squared distances at the start and after each iteration.
    n_iter : int
    converged : bool
        Whether the labels stopped changing before `max_iter` iterations were done.
    """

    centres: FloatArray
    labels: IntArray
    objectives: FloatArray
    n_iter: int
    converged: bool


@equation("eq-nearest-centre", kernel=nearest_centre_kernel)
def nearest_centre(X: ArrayLike, centres: ArrayLike) -> IntArray:
    r"""The assignment step of k-means, :eq:`eq-nearest-centre`.

    .. math:: z_i = \operatorname*{arg\,min}_k \lVert x_i - c_k\rVert^2

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    centres : array_like, shape (n_centres, n_features)

    Returns
    -------
    ndarray of int, shape (n_samples,)
        A tie goes to the smaller index.

    Raises
    ------
    ValueError
        If the shapes do not fit or an entry is not finite.
    """
    X = check.data(X)
    return nearest_centre_kernel(X, check.centres(centres, X.shape[1]))


@equation("eq-kmeans-objective", kernel=kmeans_objective_kernel)
def kmeans_objective(X: ArrayLike, labels: ArrayLike, centres: ArrayLike) -> float:
    r"""What k-means minimises: the sum of squared distances to the assigned centres, :eq:`eq-kmeans-objective`.

    .. math:: J(z, c) = \sum_i \lVert x_i - c_{z_i}\rVert^2

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    labels : array_like of int, shape (n_samples,)
        From 0 to ``n_centres - 1``.
    centres : array_like, shape (n_centres, n_features)

    Returns
    -------
    float
        In squared units of the data; scikit-learn calls it ``inertia_``.

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or a label is out of range.
    """
    X = check.data(X)
    centres = check.centres(centres, X.shape[1])
    return kmeans_objective_kernel(X, check.labels(labels, centres.shape[0], X.shape[0]), centres)


@equation("eq-update-centres", kernel=update_centres_kernel)
def update_centres(X: ArrayLike, labels: ArrayLike, centres: ArrayLike) -> FloatArray:
    r"""The update step of k-means: each centre moves to the mean of its samples, :eq:`eq-update-centres`.

    .. math:: c_k = \frac1{n_k}\sum_{i:\,z_i = k} x_i

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    labels : array_like of int, shape (n_samples,)
        From 0 to ``n_centres - 1``.
    centres : array_like, shape (n_centres, n_features)
        The centres before the step. A centre without samples stays where it is.

    Returns
    -------
    ndarray, shape (n_centres, n_features)

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or a label is out of range.
    """
    X = check.data(X)
    centres = check.centres(centres, X.shape[1])
    return update_centres_kernel(X, check.labels(labels, centres.shape[0], X.shape[0]), centres)


@equation("eq-lloyd", kernel=lloyd_kernel)
def lloyd(X: ArrayLike, centres: ArrayLike, *, max_iter: int = 300) -> LloydResult:
    r"""Lloyd's algorithm from given centres: assign, update, until no label changes, :eq:`eq-lloyd`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    centres : array_like, shape (n_centres, n_features)
        Start.
    max_iter : int
        The largest number of iterations.

    Returns
    -------
    LloydResult

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or `max_iter` is negative.

    Notes
    -----
    Costs :math:`nKd` multiplications an iteration for the assignment.
    """
    X = check.data(X)
    centres = check.centres(centres, X.shape[1])
    return LloydResult(*in_python(lloyd_kernel)(X, centres, check.count(max_iter, "max_iter", minimum=0)))


@equation("eq-spherical-responsibility", kernel=spherical_responsibilities_kernel)
def spherical_responsibilities(X: ArrayLike, weights: ArrayLike, means: ArrayLike, variance: float) -> FloatArray:
    r"""Responsibilities of spherical components that share one variance, :eq:`eq-spherical-responsibility`.

    .. math:: r_{ik} = \frac{\pi_k\exp(-\lVert x_i-\mu_k\rVert^2 / 2\sigma^2)}
        {\sum_l \pi_l\exp(-\lVert x_i-\mu_l\rVert^2 / 2\sigma^2)}

    As :math:`\sigma^2\to 0` each row tends to one for the nearest mean and zero elsewhere: the assignment of k-means.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    variance : float
        The shared variance, positive.

    Returns
    -------
    ndarray, shape (n_samples, n_components)

    Raises
    ------
    ValueError
        If shapes do not fit, an entry is not finite, the weights do not sum to one, `variance` is not positive, or the
        squared distances of a sample leave the range of float64.
    """
    X = check.data(X)
    weights, means = check.weights_and_means(weights, means)
    means = check.centres(means, X.shape[1], name="means")
    variance = check.number(variance, "variance", minimum=0.0, strict=True)
    check.reachable(np.where(weights > 0.0, -squared_distances_kernel(X, means), -np.inf))
    return spherical_responsibilities_kernel(X, weights, means, variance)
