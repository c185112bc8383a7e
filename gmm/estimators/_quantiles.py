"""Quantiles of mixtures in one dimension, many at a time."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, log_ndtr, ndtri, stdtr, stdtrit

from gmm.estimators._surprises import log_sum_exp

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
NOTHING = 45.0  # a weight e^-45 times the probability changes no digit of it
STEPS = 300
EPS = np.finfo(np.float64).eps


class Gaussian:
    """The standard Gaussian distribution."""

    log_cdf = staticmethod(log_ndtr)
    quantile = staticmethod(ndtri)

    @staticmethod
    def log_density(z):
        return -0.5 * z * z - HALF_LOG_2PI


class Student:
    """Standard t distributions, one for each component."""

    def __init__(self, dof):
        self.dof = dof
        self.constants = gammaln(0.5 * (dof + 1.0)) - gammaln(0.5 * dof) - 0.5 * np.log(dof * np.pi)

    def log_cdf(self, z):
        with np.errstate(divide="ignore"):
            return np.log(stdtr(self.dof, z))

    def quantile(self, p):
        return stdtrit(self.dof, p)

    def log_density(self, z):
        return self.constants - 0.5 * (self.dof + 1.0) * np.log1p(z * z / self.dof)


def quantiles(log_weights, means, scales, p, standard, upper=False):
    """The points below which mixtures have the probability p, or with `upper` above which they have it.

    Newton's method on log F(q) - log p, kept in a bracket: the quantile lies between the least and the largest quantile
    of the components. Where log F is concave, as that of one Gaussian is, Newton's method rises from the least one and
    cannot overshoot; elsewhere a step that leaves the bracket is replaced by bisection. A small p keeps its digits.

    Parameters
    ----------
    log_weights, means, scales : ndarray of shape (n, n_components)
        Of n mixtures; the weights sum to 1.
    p : float
        Between 0 and 1.
    standard : Gaussian or Student
        The distribution of (x - mean) / scale.
    upper : bool

    Returns
    -------
    ndarray of shape (n,)
    """
    if upper:
        return -quantiles(log_weights, -means, scales, p, standard)
    log_p = math.log(p)
    used = log_weights > log_p - NOTHING
    log_weights = np.where(used, log_weights, -np.inf)
    means, scales = np.where(used, means, 0.0), np.where(used, scales, 1.0)  # where nothing is left they may overflow
    of_components = means + scales * standard.quantile(p)
    low = np.where(used, of_components, np.inf).min(axis=1)
    high = np.where(used, of_components, -np.inf).max(axis=1)
    least = np.where(used, scales, np.inf).min(axis=1)
    found = low.copy()
    rows = np.flatnonzero(high > low)
    for _ in range(STEPS):
        if not rows.size:
            break
        q = found[rows]
        z = (q[:, None] - means[rows]) / scales[rows]
        log_cdf = log_sum_exp(log_weights[rows] + standard.log_cdf(z))
        log_density = log_sum_exp(log_weights[rows] - np.log(scales[rows]) + standard.log_density(z))
        gap = log_cdf - log_p
        low[rows], high[rows] = np.where(gap < 0.0, q, low[rows]), np.where(gap < 0.0, high[rows], q)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            step = -gap * np.exp(log_cdf - log_density)
        inside = (q + step > low[rows]) & (q + step < high[rows])
        middle = low[rows] + 0.5 * (high[rows] - low[rows])
        found[rows] = np.where(gap == 0.0, q, np.where(inside, q + step, middle))
        rows = rows[np.abs(found[rows] - q) > 2.0 * EPS * np.maximum(np.abs(q), least[rows])]
    return found
