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


# ------------------------------------------------------------------------- compute: one shared covariance


def _scatters(X, resp, means):
    D = X - means[:, None]
    return np.einsum("ik,kij,kil->kjl", resp, D, D)


def _shared(X, resp, means, scale, dof):
    return (scale + _scatters(X, resp, means).sum(axis=0)) / (dof + X.shape[1] + 1 + len(X))


def _shared_case(n, d, K, dead=None):
    X = 3.0 * _rng.normal(size=(n, d)) + 10.0
    resp = _rng.random((n, K)) + 0.1
    if dead is not None:
        resp[:, dead] = 0.0
    resp /= resp.sum(axis=1, keepdims=True)
    root = _rng.normal(size=(d, d))
    return X, resp, X[:K] + 0.3, root @ root.T + np.eye(d), d + 2.5


def _each_its_own(X, resp, means, scale, dof):
    divisor = dof + X.shape[1] + 1 + resp.sum(axis=0)
    return (scale + _scatters(X, resp, means)) / divisor[:, None, None]


exercise(
    "ex-singular-map",
    _shared,
    cases=[
        (
            np.array([[1.0], [3.0]]),
            np.array([[0.75, 0.25], [0.5, 0.5]]),
            np.array([[2.0], [3.5]]),
            np.array([[0.5]]),
            3.0,
        ),
        _shared_case(8, 2, 2),
        _shared_case(6, 3, 4),
        _shared_case(5, 2, 3, dead=1),  # a component without samples
    ],
    mistakes=[
        (
            lambda X, R, m, S, v: _scatters(X, R, m).sum(axis=0) / len(X),
            "that is the maximum-likelihood covariance; the prior is missing.",
        ),
        (_each_its_own, "that is a covariance for each component; here all share one matrix (d, d)."),
        (
            lambda X, R, m, S, v: (
                (len(m) * S + _scatters(X, R, m).sum(axis=0)) / (len(m) * (v + X.shape[1] + 1) + len(X))
            ),
            "that has a prior for each component; there is one covariance, so the prior counts once.",
        ),
        (
            lambda X, R, m, S, v: (len(m) * S + _scatters(X, R, m).sum(axis=0)) / (v + X.shape[1] + 1 + len(X)),
            "the scale is added once, not for each component: one matrix has one prior.",
        ),
        (
            lambda X, R, m, S, v: np.einsum("k,kjl->jl", R.sum(axis=0) / len(X), _each_its_own(X, R, m, S, v)),
            "that averages covariances that each have a prior; put one prior on the shared matrix, and maximise anew.",
        ),
        (
            lambda X, R, m, S, v: (S + _scatters(X, R, m).sum(axis=0)) / (v + len(X)),
            "the divisor is dof + d + 1 + n: the determinant's exponent in the density has d + 1 as well.",
        ),
        (
            lambda X, R, m, S, v: (S + _scatters(X, R, m).sum(axis=0)) / len(X),
            "the divisor lacks the pseudo-observations, dof + d + 1.",
        ),
        (
            lambda X, R, m, S, v: (S + _scatters(X, R, m).sum(axis=0)) / (v - X.shape[1] - 1 + len(X)),
            "that is the mean of the posterior, with dof - d - 1; its mode has dof + d + 1.",
        ),
        (
            lambda X, R, m, S, v: S + _scatters(X, R, m).sum(axis=0) / (v + X.shape[1] + 1 + len(X)),
            "the scale is divided, too: brackets around scale + scatter.",
        ),
        (
            lambda X, R, m, S, v: (S + _scatters(X, np.ones(R.shape), m).sum(axis=0)) / (v + X.shape[1] + 1 + len(X)),
            "each sample counts in a component's scatter with its responsibility.",
        ),
        (
            lambda X, R, m, S, v: (v * S + _scatters(X, R, m).sum(axis=0)) / (v + X.shape[1] + 1 + len(X)),
            "the scale enters as it is, not times dof.",
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
