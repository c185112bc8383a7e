"""The formulas once more, in 50-digit arithmetic, as the text states them: with inverse, determinant and plain sums.

Nothing here shares a line or a trick with the package, so an agreement means something.
"""

from __future__ import annotations

from functools import lru_cache

import mpmath as mp
import numba
import pytest


@pytest.fixture
def engine():
    """Skip a test that fits with the engine, whose loops exist as compiled code alone."""
    if numba.config.DISABLE_JIT:
        pytest.skip("without compilation there is no engine")


@lru_cache(maxsize=64)
def _inverse_and_log_determinant(rows):
    matrix = mp.matrix([list(row) for row in rows])
    return mp.inverse(matrix), mp.log(mp.det(matrix))


class Exact:
    """Plain, slow and exact. Arrays of floats are taken at their exact values; results are mpf."""

    @staticmethod
    def number(value):
        return value if isinstance(value, mp.mpf) else mp.mpf(float(value))

    def vector(self, values):
        return mp.matrix([self.number(value) for value in values])

    def matrix(self, rows):
        return mp.matrix([[self.number(value) for value in row] for row in rows])

    def inverse_and_log_determinant(self, covariance):
        return _inverse_and_log_determinant(tuple(tuple(self.number(value) for value in row) for row in covariance))

    def mahalanobis_squared(self, x, mean, covariance):
        inverse, _ = self.inverse_and_log_determinant(covariance)
        difference = self.vector(x) - self.vector(mean)
        return (difference.T * inverse * difference)[0]

    def gaussian_terms(self, x, mean, covariance):
        """The three terms of -2 log N: d log 2 pi, log determinant, squared Mahalanobis distance."""
        _, log_determinant = self.inverse_and_log_determinant(covariance)
        return len(mean) * mp.log(2 * mp.pi), log_determinant, self.mahalanobis_squared(x, mean, covariance)

    def gaussian_log_density(self, x, mean, covariance):
        return -sum(self.gaussian_terms(x, mean, covariance)) / 2

    def joint_log_density(self, x, weights, means, covariances):
        return [
            mp.log(self.number(weight)) + self.gaussian_log_density(x, mean, covariance)
            for weight, mean, covariance in zip(weights, means, covariances, strict=True)
        ]

    def mixture_log_density(self, x, weights, means, covariances):
        return mp.log(mp.fsum(mp.exp(a) for a in self.joint_log_density(x, weights, means, covariances)))

    def log_responsibilities(self, x, weights, means, covariances):
        joint = self.joint_log_density(x, weights, means, covariances)
        total = mp.log(mp.fsum(mp.exp(a) for a in joint))
        return [a - total for a in joint]

    def log_likelihood(self, X, weights, means, covariances):
        return mp.fsum(self.mixture_log_density(x, weights, means, covariances) for x in X)

    def expected_complete_log_likelihood(self, X, resp, weights, means, covariances):
        total = mp.mpf(0)
        for x, row in zip(X, resp, strict=True):
            joint = self.joint_log_density(x, weights, means, covariances)
            total += mp.fsum(self.number(r) * a for r, a in zip(row, joint, strict=True))
        return total

    @staticmethod
    def derivative(function, step="1e-15"):
        """Central difference of a function of one number at zero; its error is of the order of step squared."""
        step = mp.mpf(step)
        return (function(step) - function(-step)) / (2 * step)


@pytest.fixture(scope="session")
def exact():
    with mp.workdps(50):
        yield Exact()
