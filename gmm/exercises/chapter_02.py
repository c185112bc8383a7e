"""Exercises of chapter 2: the Gaussian density."""

from __future__ import annotations

import math

import numpy as np

from gmm.exercises._core import exercise

# ------------------------------------------------------------------------------------- values

# The tolerance lets an answer of four decimals pass and keeps the usual wrong ones apart.
exercise(
    "ex-gaussian-outside",
    math.exp(-4.5),
    rtol=1e-4,
    mistakes=[
        (0.0027, "0.0027 is the fraction outside three sigmas on the line. In the plane it is larger."),
        (1 - math.exp(-4.5), "that is the fraction inside the ellipse; the question asks for the rest."),
        (1 - 0.9973**2, "that is the fraction outside a square of six by six sigmas, not outside the ellipse."),
        (math.exp(-9), "the exponent is half of the squared radius: -9/2."),
        (math.exp(-1.5), "the radius enters squared: the exponent is -3²/2."),
    ],
)


def _by_hand():
    # L has the diagonal 2, 3, 2, and y = (1, 2, 1).
    return 6.0, -0.5 * (3 * math.log(2 * math.pi) + 2 * math.log(12) + 6)


exercise(
    "ex-gaussian-by-hand",
    _by_hand(),
    rtol=1e-3 / 8,
    returns=("the squared distance", "the log-density"),
    mistakes=[
        (
            (6.0, -0.5 * (3 * math.log(2 * math.pi) + math.log(12) + 6)),
            "the squared distance is right. The determinant of the covariance is 12 squared, not 12.",
        ),
        (
            (6.0, -0.5 * (math.log(2 * math.pi) + 2 * math.log(12) + 6)),
            "the squared distance is right. The term log 2π comes once for each of the three dimensions.",
        ),
        (
            (6.0, -(3 * math.log(2 * math.pi) + 2 * math.log(12) + 6)),
            "the squared distance is right. The factor ½ in front of the bracket is missing.",
        ),
        (
            (math.sqrt(6), _by_hand()[1]),
            "the log-density is right. The first number should be the squared distance, without the root.",
        ),
    ],
)

exercise(
    "ex-gaussian-units",
    -272 * math.log(60),
    rtol=1e-4,
    mistakes=[
        (272 * math.log(60), "the size is right, the sign is not: in seconds the density is spread over more units."),
        (-math.log(60), "that is the change for one sample; the log-likelihood is the sum over 272."),
        (-2 * 272 * math.log(60), "the log-determinant enters with a factor ½."),
        (-136 * math.log(60), "the determinant grows by 60 squared: variances scale with the square of the unit."),
        (0.0, "the two fits are the same Gaussian, but a density has a unit: one over minutes squared."),
    ],
)

exercise(
    "ex-gaussian-collapse",
    1.5 * math.log(10),
    rtol=1e-3,
    mistakes=[
        (math.log(10), "that is the fall of one log-eigenvalue; it enters the log-likelihood with the factor n/2."),
        (3 * math.log(10), "the log-determinant enters with a factor ½: n/2, not n."),
        (-1.5 * math.log(10), "the size is right; a smaller ε makes the likelihood larger, not smaller."),
        (0.0, "there are more points than dimensions, but they lie on one line: the likelihood is not bounded."),
        (1.5, "the growth is that times the natural logarithm of ten."),
    ],
)

# ------------------------------------------------------------------------------------- functions


def _problem(rng, n, d, offset=0.0, scale=1.0):
    root = np.tril(rng.normal(size=(d, d)), -1) / d + np.diag(rng.uniform(0.5, 1.5, size=d))
    means = offset + rng.normal(size=(n, d))
    X = means + scale * rng.normal(size=(n, d)) @ root.T
    covariance = scale**2 * root @ root.T
    return X, means, (covariance + covariance.T) / 2


def _terms(X, means, covariance):
    """Constant, log-determinant and squared distances."""
    L = np.linalg.cholesky(covariance)
    Y = np.zeros_like((X - means).T)
    for j, b in enumerate((X - means).T):
        Y[j] = (b - L[j, :j] @ Y[:j]) / L[j, j]
    return X.shape[1] * math.log(2 * math.pi), 2 * np.log(np.diag(L)).sum(), (Y**2).sum(axis=0)


def _log_density(X, means, covariance):
    constant, log_det, squared = _terms(X, means, covariance)
    return -0.5 * (constant + log_det + squared)


def _half_log_det(X, means, covariance):
    constant, log_det, squared = _terms(X, means, covariance)
    return -0.5 * (constant + log_det / 2 + squared)


def _constant_without_d(X, means, covariance):
    _, log_det, squared = _terms(X, means, covariance)
    return -0.5 * (math.log(2 * math.pi) + log_det + squared)


def _distance_not_squared(X, means, covariance):
    constant, log_det, squared = _terms(X, means, covariance)
    return -0.5 * (constant + log_det + np.sqrt(squared))


def _no_half(X, means, covariance):
    return 2 * _log_density(X, means, covariance)


def _transposed_factor(X, means, covariance):
    constant, log_det, _ = _terms(X, means, covariance)
    Y = np.linalg.solve(np.linalg.cholesky(covariance).T, (X - means).T)
    return -0.5 * (constant + log_det + (Y**2).sum(axis=0))


def _by_determinant(X, means, covariance):
    constant, _, squared = _terms(X, means, covariance)
    return -0.5 * (constant + np.log(np.linalg.det(covariance)) + squared)


def _first_mean(X, means, covariance):
    return _log_density(X, np.broadcast_to(means[0], X.shape), covariance)


def _common_mean(X, means, covariance):
    return _log_density(X, np.broadcast_to(means.mean(axis=0), X.shape), covariance)


def _sum_over_samples(X, means, covariance):
    return _log_density(X, means, covariance).sum()


_rng = np.random.default_rng(202)
exercise(
    "ex-gaussian-log-density",
    _log_density,
    cases=[
        (np.array([[3.0, 4.0]]), np.ones((1, 2)), np.array([[4.0, 2.0], [2.0, 5.0]])),
        _problem(_rng, 4, 1),
        _problem(_rng, 5, 3),
        _problem(_rng, 4, 2, offset=1e8),
        _problem(_rng, 2, 200, scale=0.01),  # here the determinant underflows
    ],
    mistakes=[
        (_half_log_det, "the log-determinant is twice the sum of the logarithms of the factor's diagonal."),
        (_constant_without_d, "log 2π comes once for each dimension: d log 2π."),
        (_distance_not_squared, "the distance enters squared: sum the squares of y and take no root."),
        (_no_half, "the factor ½ in front of the bracket is missing."),
        (_transposed_factor, "solve with the lower triangular factor L itself, not with its transpose."),
        (
            _by_determinant,
            "right in low dimensions, but for d = 200 the determinant underflows to zero. Sum logarithms instead.",
        ),
        (_first_mean, "every sample was compared with the first mean; row i of means belongs to row i of X."),
        (_common_mean, "the means were averaged; row i of means belongs to row i of X."),
        (_sum_over_samples, "return one value for each sample; do not add them up."),
    ],
)


def _merge(n_1, mean_1, cov_1, n_2, mean_2, cov_2, between=1.0, power=1.0):
    w_1 = n_1**power / (n_1**power + n_2**power)
    mean = w_1 * mean_1 + (1 - w_1) * mean_2
    spread = w_1 * np.outer(mean_1 - mean, mean_1 - mean) + (1 - w_1) * np.outer(mean_2 - mean, mean_2 - mean)
    return mean, w_1 * cov_1 + (1 - w_1) * cov_2 + between * spread


def _within(n_1, cov_1, n_2, cov_2):
    return (n_1 * cov_1 + n_2 * cov_2) / (n_1 + n_2)


def _merge_within_only(*summaries):
    return _merge(*summaries, between=0.0)


def _merge_unweighted(*summaries):
    return _merge(*summaries, power=0.0)


def _merge_unbiased(n_1, mean_1, cov_1, n_2, mean_2, cov_2):
    mean, covariance = _merge(n_1, mean_1, cov_1, n_2, mean_2, cov_2)
    return mean, covariance * (n_1 + n_2) / (n_1 + n_2 - 1)


def _merge_sum(n_1, mean_1, cov_1, n_2, mean_2, cov_2):
    mean, covariance = _merge(n_1, mean_1, cov_1, n_2, mean_2, cov_2)
    return mean, covariance * (n_1 + n_2)


def _summaries(rng, n_1, n_2, d, offset=0.0):
    parts = []
    for n in (n_1, n_2):
        X = rng.normal(size=(n, d)) * rng.uniform(0.5, 2) + 2 * rng.normal(size=d)
        centred = X - X.mean(axis=0)
        parts += [n, X.mean(axis=0) + offset, centred.T @ centred / n]
    return tuple(parts)


exercise(
    "ex-gaussian-merge",
    _merge,
    cases=[
        (1, np.array([0.0]), np.array([[0.0]]), 3, np.array([4.0]), np.array([[2.0]])),
        _summaries(_rng, 10, 30, 2),
        _summaries(_rng, 7, 5, 4),
        _summaries(_rng, 3, 50, 2, offset=1e6),
    ],
    returns=("mean", "covariance"),
    mistakes=[
        (_merge_within_only, "the mean is right; the covariance lacks the part between the two means."),
        (_merge_unweighted, "the two files count equally here; weigh them by their numbers of samples."),
        (_merge_unbiased, "the divisor is n₁ + n₂: a maximum-likelihood covariance, without the minus one."),
        (_merge_sum, "that is the scatter, a sum; divide it by n₁ + n₂."),
        (
            lambda n, m, S, N, M, T: ((m + M) / 2, (S + T) / 2),
            "these are plain averages: weigh by the numbers of samples, and add the part between the means.",
        ),
        (
            lambda n, m, S, N, M, T: (_merge(n, m, S, N, M, T)[0], _within(n, S, N, T) + np.outer(m - M, m - M)),
            "the mean is right; the part between the means has the factor n₁n₂/(n₁ + n₂)².",
        ),
        (
            lambda n, m, S, N, M, T: (
                _merge(n, m, S, N, M, T)[0],
                ((n - 1) * S + (N - 1) * T + n * N / (n + N) * np.outer(m - M, m - M)) / (n + N - 1),
            ),
            "the mean is right; this is the formula for divisors n − 1, and here all covariances divide by n.",
        ),
        (
            lambda n, m, S, N, M, T: (
                _merge(n, m, S, N, M, T)[0],
                _within(n, S, N, T) + n * N / (n + N) ** 2 * (m - M) ** 2,
            ),
            "the mean is right; the part between the means is a matrix, an outer product, not a vector of squares.",
        ),
    ],
)
