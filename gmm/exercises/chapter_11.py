"""Exercises of chapter 11: covariance structures."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

_rng = np.random.default_rng(1010)

# ------------------------------------------------------------------------- predict: count

exercise(
    "ex-structures-count",
    109,
    mistakes=[
        (110, "the five weights sum to one, so one of them is not free."),
        (329, "that is the full model, with a matrix for each component; here all share one."),
        (154, "a symmetric matrix has 55 free entries, not 100: those above the diagonal are copies."),
        (55, "that is the covariance matrix alone; add the weights and the means."),
        (99, "the diagonal of the covariance matrix is free as well: 10 entries beside the 45 below it."),
        (105, "the weights are missing: four of the five are free."),
    ],
)


# ------------------------------------------------------------------------- compute: one diagonal for all


def _squares(X, resp, means):
    """Weighted squares of the differences, for each component and feature."""
    return (resp[:, :, None] * (X[:, None, :] - means) ** 2).sum(axis=0)


def _diagonal(X, resp, means):
    return _squares(X, resp, means).sum(axis=0) / len(X)


def _diagonal_of_each(X, resp, means):
    return _squares(X, resp, means) / resp.sum(axis=0)[:, None]


def _diagonal_average(X, resp, means):
    return _diagonal_of_each(X, resp, means).mean(axis=0)


def _diagonal_unweighted(X, resp, means):
    return ((X[:, None, :] - means) ** 2).mean(axis=(0, 1))


def _diagonal_over_n_k(X, resp, means):
    return _diagonal_of_each(X, resp, means).sum(axis=0)


def _diagonal_expanded(X, resp, means):
    return (X**2).mean(axis=0) - resp.mean(axis=0) @ means**2


def _diagonal_squared_shares(X, resp, means):
    return ((resp[:, :, None] * (X[:, None, :] - means)) ** 2).sum(axis=(0, 1)) / len(X)


def _diagonal_full(X, resp, means):
    apart = X[:, None, :] - means
    return np.einsum("ik,ikj,ikl->jl", resp, apart, apart) / len(X)


def _data(n, d, K, offset=0.0, concentration=1.0):
    X = offset + 2.0 * _rng.normal(size=(n, d))
    resp = _rng.dirichlet(np.full(K, concentration), size=n)
    return X, resp, X[0] + resp.T @ (X - X[0]) / resp.sum(axis=0)[:, None]


_SIX = np.array([[2.0, 1.0], [-2.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [9.0, 2.0], [11.0, -2.0]])

exercise(
    "ex-structures-diagonal",
    _diagonal,
    cases=[
        (_SIX, np.repeat(np.eye(2), [4, 2], axis=0), np.array([[0.0, 0.0], [10.0, 0.0]])),
        _data(12, 3, 2),
        _data(9, 1, 3, concentration=0.3),
        _data(8, 4, 1),
        _data(10, 2, 2, offset=1e8),
    ],
    mistakes=[
        (_diagonal_of_each, "these are the variances of each component, (K, d); EEI has one set for all, (d,)."),
        (_diagonal_average, "components do not count equally: each with its share of the samples."),
        (
            _diagonal_over_n_k,
            "that adds up the components' variances; their average with the shares N_k/n is asked for.",
        ),
        (lambda X, resp, means: _diagonal(X, resp, means) * len(X), "that is the weighted sum; divide it by n."),
        (
            lambda X, resp, means: _diagonal(X, resp, means) / means.shape[0],
            "the responsibilities of a sample sum to one already: do not divide by K.",
        ),
        (
            lambda X, resp, means: np.sqrt(_diagonal(X, resp, means)),
            "these are standard deviations; the update is their square, the variance.",
        ),
        (_diagonal_unweighted, "every sample counts fully here; weigh the squares by the responsibilities."),
        (_diagonal_expanded, "right on paper, but far from the origin two large numbers cancel. Subtract first."),
        (_diagonal_squared_shares, "the responsibility stands outside of the square: r times the squared difference."),
        (
            lambda X, resp, means: X.var(axis=0),
            "take the differences from each component's own mean, not from the mean of all data.",
        ),
        (_diagonal_full, "that is the tied covariance, (d, d); EEI keeps its diagonal alone."),
        (
            lambda X, resp, means: np.diag(_diagonal(X, resp, means)),
            "that is a diagonal matrix, (d, d); the variances alone, (d,), are asked for.",
        ),
        (
            lambda X, resp, means: _diagonal(X, resp, means).mean(),
            "that is EII, one variance for all features; EEI has one for each.",
        ),
    ],
)


# ------------------------------------------------------------------------- compute: from full to tied


def _pooled(resp, covariances):
    return np.tensordot(resp.mean(axis=0), covariances, axes=1)


def _pooled_unbiased(resp, covariances):
    n, K = resp.shape
    return _pooled(resp, covariances) * n / (n - K)


def _pool_case(n, d, K, concentration=1.0):
    factor = _rng.normal(size=(K, d, d))
    return _rng.dirichlet(np.full(K, concentration), size=n), factor @ factor.transpose(0, 2, 1)


exercise(
    "ex-structures-pool",
    _pooled,
    cases=[
        (np.repeat(np.eye(2), [4, 2], axis=0), np.array([[[2.5, 0.5], [0.5, 1.0]], [[1.0, -2.0], [-2.0, 4.0]]])),
        _pool_case(10, 3, 2),
        _pool_case(7, 1, 4, concentration=0.3),
        _pool_case(9, 2, 1),
    ],
    mistakes=[
        (lambda resp, C: C.mean(axis=0), "components do not count equally: each with its share of the samples."),
        (lambda resp, C: C.sum(axis=0), "that is the sum; the tied covariance is an average with the shares N_k/n."),
        (
            lambda resp, C: np.tensordot(resp.sum(axis=0), C, axes=1),
            "you weigh by the counts; divide by the number of samples as well.",
        ),
        (_pooled_unbiased, "maximum likelihood divides by n, not by n - K."),
        (
            lambda resp, C: resp.mean(axis=0)[:, None, None] * C,
            "these are the addends; sum them over the components.",
        ),
    ],
)


# ------------------------------------------------------------------------- compute: the fourteen counts


def _count(name, K, d, orientation=None):
    sizes = (1, d - 1, d * (d - 1) // 2 if orientation is None else orientation(d))
    times = {"E": 1, "V": K, "I": 0}
    return sum(times[letter] * size for letter, size in zip(name, sizes, strict=True))


def _count_whole_mixture(name, K, d):
    return K - 1 + K * d + _count(name, K, d)


def _count_shape_d(name, K, d):
    return _count(name, K, d) + {"E": 1, "V": K, "I": 0}[name[1]]


def _count_full_orientation(name, K, d):
    return _count(name, K, d, lambda d: d * (d + 1) // 2)


def _count_square_orientation(name, K, d):
    return _count(name, K, d, lambda d: d * d)


def _count_identity_as_one(name, K, d):
    sizes = (1, d - 1, d * (d - 1) // 2)
    return sum((K if letter == "V" else 1) * size for letter, size in zip(name, sizes, strict=True))


_NAMES = ("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV")

exercise(
    "ex-structures-family",
    _count,
    cases=[*((name, 3, 4) for name in _NAMES), ("VVV", 1, 1), ("EVI", 5, 2), ("VEV", 2, 13)],
    mistakes=[
        (_count_whole_mixture, "the covariances alone are asked for, without weights and means."),
        (_count_shape_d, "a shape has product one, so that d - 1 of its d entries are free."),
        (_count_full_orientation, "d(d+1)/2 is a whole symmetric matrix; an orientation has d(d-1)/2 parameters."),
        (_count_square_orientation, "the columns of an orientation are orthonormal: d(d-1)/2 are free, not all d^2."),
        (_count_identity_as_one, "I stands for the identity, which has no parameters; E counts once."),
        (
            lambda name, K, d: _count(name.translate(str.maketrans("EV", "VE")), K, d),
            "the other way round: E is equal for all components and counts once, V varies and counts K times.",
        ),
        (
            lambda name, K, d: _count(name[::-1], K, d),
            "the order of the letters is volume, shape, orientation.",
        ),
    ],
)


# ------------------------------------------------------------------------- break: few samples

exercise(
    "ex-structures-few",
    15,
    mistakes=[
        (28, "that is for full covariances: 14 samples for each component. Tied ones pool their samples."),
        (14, "that would do for one Gaussian; each further mean takes away another dimension."),
        (13, "the differences from a mean sum to zero: each component loses one dimension."),
        (26, "each component's own matrix may be singular: their sum has to be regular, and ranks add up."),
        (16, "one less is enough: two means take away two dimensions."),
    ],
)
