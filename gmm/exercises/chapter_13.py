"""Exercises of chapter 13: singularities and regularisation."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

_rng = np.random.default_rng(1111)

# ------------------------------------------------------------------------- predict: the floor in hours

exercise(
    "ex-singular-floor",
    3.6,
    mistakes=[
        (0.0036, "1e-6 is a variance; the standard deviation is its square root."),
        (0.001, "that is the standard deviation in hours; in seconds, please."),
        (0.06, "an hour has 3600 seconds, not 60."),
        (12.96, "that is the variance in square seconds."),
    ],
)


# ------------------------------------------------------------------------- compute: covariance under the prior


def _scatter(X, r, mean):
    D = X - mean
    return (r[:, None] * D).T @ D


def _map_covariance(X, r, mean, scale, dof):
    return (scale + _scatter(X, r, mean)) / (dof + X.shape[1] + 1 + r.sum())


def _map_case(n, d, total=None):
    X = 3.0 * _rng.normal(size=(n, d)) + 10.0
    r = _rng.random(n) if total is None else np.full(n, total / n)
    root = _rng.normal(size=(d, d))
    return X, r, X.mean(axis=0) + 0.3, root @ root.T + np.eye(d), d + 2.5


exercise(
    "ex-singular-map",
    _map_covariance,
    cases=[
        (np.array([[1.0], [3.0]]), np.array([1.0, 0.5]), np.array([2.0]), np.array([[0.5]]), 3.0),
        _map_case(8, 2),
        _map_case(6, 3),
        _map_case(5, 2, total=0.0),  # a component without samples
    ],
    mistakes=[
        (
            lambda X, r, m, S, v: _scatter(X, r, m) / r.sum(),
            "that is the maximum-likelihood covariance; the prior is missing.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, r, m) / r.sum()) / (v + X.shape[1] + 1 + r.sum()),
            "the scatter is divided twice: leave it a sum, and divide scale + scatter once.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, r, m)) / (v + r.sum()),
            "the divisor is dof + d + 1 + N_k: the determinant's exponent in the density has d + 1 as well.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, r, m)) / r.sum(),
            "the divisor lacks the pseudo-observations, dof + d + 1.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, r, m)) / (v + X.shape[1] + 1 + len(X)),
            "divide by the effective count r.sum(), not by the number of samples.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, np.ones(len(X)), m)) / (v + X.shape[1] + 1 + len(X)),
            "each sample counts with its responsibility.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, r, m)) / (v - X.shape[1] - 1 + r.sum()),
            "that is the mean of the posterior, with dof - d - 1; its mode has dof + d + 1.",
        ),
        (
            lambda X, r, m, S, v: S + _scatter(X, r, m) / (v + X.shape[1] + 1 + r.sum()),
            "the scale is divided, too: brackets around scale + scatter.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, np.ones(len(X)), m)) / (v + X.shape[1] + 1 + r.sum()),
            "the divisor is right; in the scatter each sample counts with its responsibility.",
        ),
        (
            lambda X, r, m, S, v: (v * S + _scatter(X, r, m)) / (v + X.shape[1] + 1 + r.sum()),
            "the scale enters as it is, not times dof.",
        ),
        (
            lambda X, r, m, S, v: S + _scatter(X, r, m) / r.sum(),
            "this adds the scale to the maximum-likelihood covariance, like a ridge; divide scale + scatter once.",
        ),
        (
            lambda X, r, m, S, v: (S + _scatter(X, r, m)) / (v + len(X) + 1 + r.sum()),
            "d is the number of features, X.shape[1], not the number of samples.",
        ),
    ],
)


# ------------------------------------------------------------------------- compute: the default prior


def _covariance(X, ddof=0):
    return np.atleast_2d(np.cov(X.T, ddof=ddof))


def _default_prior(X, K):
    d = X.shape[1]
    return _covariance(X) / K ** (2 / d), d + 2


exercise(
    "ex-singular-prior",
    _default_prior,
    cases=[
        (np.array([[1.0], [2.0], [6.0]]), 2),
        (_rng.normal(size=(9, 2)) @ np.array([[2.0, 1.0], [0.0, 0.5]]), 5),
        (_rng.normal(size=(12, 4)), 3),
        (_rng.normal(size=(7, 3)), 1),
    ],
    returns=("scale", "dof"),
    mistakes=[
        (
            lambda X, K: (_covariance(X) / K, X.shape[1] + 2),
            "a variance scales with the square of a length: K ** (2 / d), which is K only for d = 2.",
        ),
        (
            lambda X, K: (_covariance(X) / K ** (1 / X.shape[1]), X.shape[1] + 2),
            "K ** (1 / d) is the factor of a length; a covariance has its square.",
        ),
        (
            lambda X, K: (_covariance(X, ddof=1) / K ** (2 / X.shape[1]), X.shape[1] + 2),
            "the covariance divides by n here: bias=True.",
        ),
        (
            lambda X, K: (_covariance(X) / K ** (2 / X.shape[1]), X.shape[1] + 1),
            "dof is d + 2; with d + 1 the prior has no mean.",
        ),
        (
            lambda X, K: (_covariance(X) / K ** (2 / X.shape[1]), K + 2),
            "dof is d + 2, with d the number of features.",
        ),
        (
            lambda X, K: (_covariance(X), X.shape[1] + 2),
            "that is the covariance of all the data; each of K components takes a share of the volume.",
        ),
        (
            lambda X, K: (np.diag(X.var(axis=0)) / K ** (2 / X.shape[1]), X.shape[1] + 2),
            "the scale is the whole covariance of the data; its entries off the diagonal are missing.",
        ),
        (
            lambda X, K: (_covariance(X) * K ** (2 / X.shape[1]), X.shape[1] + 2),
            "divide by K ** (2 / d): each component is to be smaller than all the data.",
        ),
    ],
)


# ------------------------------------------------------------------------- break: the watershed

exercise(
    "ex-singular-watershed",
    0.292,
    mistakes=[
        (0.29, "from 0.29 it still collapses; three decimals, please."),
        (0.3, "from 0.3 it escapes; three decimals, please."),
        (4.129, "that is the sensible maximum; look for the bottom of the dip."),
    ],
    rtol=4e-4,
)
