"""Conditional surprises: how odd each feature of a sample is, given the others."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm._types import FloatArray
from gmm.estimators._conditional import Conditional
from gmm.learning import structure_of

BLOCK = 2**18  # numbers held at one time for many rows
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
# Gauss–Hermite rule for expectations under the standard Gaussian; exact for one component, of quadratic logarithm.
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


class Explanation(NamedTuple):
    """Why samples are odd, feature by feature; arrays of shape (n_samples, n_features).

    Attributes
    ----------
    surprise : ndarray
        -log p(x_j | the other features) less its expectation given the other features, in nats. Near 0 for what is
        usual; large where feature j does not go with the rest.
    mean : ndarray
        Expectation of feature j given the others, in its unit.
    deviation : ndarray
        Standard deviation of feature j given the others, in its unit.
    """

    surprise: FloatArray
    mean: FloatArray
    deviation: FloatArray


def log_sum_exp(a):
    """Over the last axis; -inf where all terms are."""
    top = a.max(axis=-1)
    with np.errstate(divide="ignore"):
        shift = np.where(np.isfinite(top), top, 0.0)
        return shift + np.log(np.exp(a - shift[..., None]).sum(axis=-1))


def explain(parameters, X):
    """`Explanation` of the rows of X under the mixture with these `learning.Parameters`."""
    X = np.asarray(X, dtype=np.float64)
    (n_samples, n_features), n_components = X.shape, parameters.n_components
    found = Explanation(*(np.empty((n_samples, n_features)) for _ in Explanation._fields))
    block = max(1, BLOCK // (n_components**2 * len(NODES)))
    for j in range(n_features):
        rest = [feature for feature in range(n_features) if feature != j]
        conditional = Conditional(parameters, rest, [j])
        kind, covariances = conditional.covariance_type, conditional.covariances
        scales = np.sqrt(structure_of(kind).matrices(covariances, n_components, 1)[:, 0, 0])
        for low in range(0, n_samples, block):
            rows = slice(low, low + block)
            log_weights, means, _ = conditional.log_at(X[rows][:, rest])
            with np.errstate(invalid="ignore"):
                log_weights -= log_sum_exp(log_weights)[:, None]
            lost = np.isnan(log_weights).any(axis=1)
            if lost.any():
                i = low + int(np.argmax(lost))
                raise ValueError(
                    f"X[{i}] is so far from every component that its log-density leaves the range of float64; "
                    f"got {X[i]}"
                )
            _explain(found, rows, j, X[rows, j], log_weights, means[:, :, 0], scales)
    return found


def _explain(found, rows, j, x, log_weights, means, scales):
    """Fill in feature j of some rows from the weights, means and standard deviations of p(x_j | rest)."""
    constants = log_weights - np.log(scales) - HALF_LOG_2PI

    def surprise(t):  # (n, ...) points for each row
        axes = (slice(None), *(None,) * (t.ndim - 1))
        z = (t[..., None] - means[axes]) / scales
        return -log_sum_exp(constants[axes] - 0.5 * z * z)

    weights = np.exp(log_weights)
    points = means[:, :, None] + scales[:, None] * NODES  # (n, K, nodes)
    expected = np.einsum("ik,ikq,q->i", weights, surprise(points), NODE_WEIGHTS)
    with np.errstate(over="ignore"):
        found.surprise[rows, j] = surprise(x) - expected
    found.mean[rows, j] = mean = np.einsum("ik,ik->i", weights, means)
    spread = np.einsum("ik,ik->i", weights, scales**2 + (means - mean[:, None]) ** 2)
    found.deviation[rows, j] = np.sqrt(spread)
