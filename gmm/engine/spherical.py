"""Spherical covariances: each component has one variance.

E-step   log_joint[k, b] = c_k - |x_b - μ_k|² / (2 σ_k²) (eq-joint-density)
Moments  S1_k = Σ_b r_bk (x_b - μ_k),  S2_k = Σ_b r_bk |x_b - μ_k|²
M-step   δ = S1 / N,  μ + δ (eq-update-means),  σ² = (S2 / N - |δ|²) / d + ε (eq-update-spherical, eq-ridge)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gmm.engine import operations
from gmm.engine.compilation import block, method
from gmm.engine.flat import parameter_views, statistics_views
from gmm.engine.simd import WIDE, fma, load_wide, mul, store, sub, total, wide
from gmm.engine.small_algebra import NOISE, log_coefficient, new_weights
from gmm.engine.statuses import BAD_COVARIANCE, RUNNING
from gmm.engine.tiles import sums_of_8_features, sums_of_rest


class Spherical(NamedTuple):
    """log coefficients c (K,), centres μ (K, d) and factors 1 / σ (K,)."""

    coefficients: np.ndarray
    centres: np.ndarray
    factors: np.ndarray

    has_second_moments = True

    @classmethod
    def of(cls, *arrays: Any) -> Any:
        """The model of these arrays."""
        return cls(*arrays)

    @staticmethod
    def shape(n_components: int, n_features: int) -> tuple[int, ...]:
        """Of the factors and the second moments."""
        return (n_components,)

    @staticmethod
    def operations(n_components: int, n_features: int) -> int:
        """Floating point operations of a pass for one sample, roughly."""
        return n_components * (4 * n_features + 40)

    @staticmethod
    def longest_block(n_features: int) -> int:
        """Distances are kept beside the responsibilities, twice the rows of diagonal ones: half their length saves a
        fifth of the time.
        """
        return 256

    @staticmethod
    def room_rows(n_features: int, n_components: int) -> int:
        """Rows of the workspace for this structure alone: the squared distances."""
        return n_components


@block
def distances_block(x, padded, centres, distances):
    """distances[k, b] = |x_b - μ_k|², two components at a time, so that a value of x is loaded once for both."""
    n_components, d = centres.shape
    for b in range(0, padded, WIDE):
        k = 0
        while k + 2 <= n_components:
            q0 = wide(0.0)
            q1 = wide(0.0)
            for j in range(d):
                v = load_wide(x, j, b)
                z0 = sub(v, wide(centres[k, j]))
                z1 = sub(v, wide(centres[k + 1, j]))
                q0 = fma(z0, z0, q0)
                q1 = fma(z1, z1, q1)
            store(distances, k, b, q0)
            store(distances, k + 1, b, q1)
            k += 2
        if k < n_components:
            q0 = wide(0.0)
            for j in range(d):
                z0 = sub(load_wide(x, j, b), wide(centres[k, j]))
                q0 = fma(z0, z0, q0)
            store(distances, k, b, q0)


@method(operations.measure, Spherical)
def measure(model, x, padded, room):
    """The squared distances from the centres."""
    distances_block(x, padded, model.centres, room)


@method(operations.log_joint, Spherical)
def log_joint(model, x, padded, room, r):
    """c_k - distances / (2 σ_k²) (eq-joint-density)."""
    coefficients, _, factors = model
    distances = room
    for k in range(factors.size):
        half = wide(-0.5 * factors[k])
        factor = wide(factors[k])
        for b in range(0, padded, WIDE):
            store(
                r,
                k,
                b,
                fma(mul(half, load_wide(distances, k, b)), factor, wide(coefficients[k])),
            )


@block
def first_moments_block(x, padded, r, centres, first):
    """Add Σ_b r_kb (x_b - μ_k) to first[k]; eight features at a time share r, then the rest."""
    d = x.shape[0]
    # Features outside, components inside: rows of x stay in the first-level cache while those of r come past.
    for j in range(0, d - 7, 8):
        for k in range(centres.shape[0]):
            sums_of_8_features(x, r, k, centres, j, padded, first[k], first[k])
    for k in range(centres.shape[0]):
        sums_of_rest(x, r, k, centres, d // 8 * 8, padded, first[k], first[k])


@block
def row_product(a, b_rows, k, padded):
    """Σ_b a[k, b] b_rows[k, b]."""
    s = wide(0.0)
    for b in range(0, padded, WIDE):
        s = fma(load_wide(a, k, b), load_wide(b_rows, k, b), s)
    return total(s)


@method(operations.add_moments, Spherical)
def add_moments(model, x, padded, room, r, negligible, first, second):
    """Add Σ_b r_kb (x_b - μ_k) and Σ_b r_kb |x_b - μ_k|²."""
    for k in range(model.centres.shape[0]):
        second[k] += row_product(r, room, k, padded)
    first_moments_block(x, padded, r, model.centres, first)


@method(operations.update, Spherical)
def update(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step from the moments about the old means (eq-m-step), and the new 1 / σ.

    BAD_COVARIANCE where a variance is nothing but rounding.
    """
    n_components, d = model.centres.shape
    _, counts, first, second = statistics_views(sum_values, n_components, d)
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, covariances, factors, coefficients = parameter_views(new_values, n_components, d)
    new_weights(counts, weights)
    pseudo, pseudo_count = regularisation.scatter, regularisation.count
    ridge = 0.0
    for j in range(d):
        ridge += regularisation.ridge[j]
    ridge /= d
    for k in range(n_components):
        if counts[k] + pseudo_count == 0.0:
            coefficients[k] = -math.inf  # its mean and covariance stay as they are in `new`: those of `old`
            continue
        for_mean = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        inverse = 1.0 / (counts[k] + pseudo_count)
        shift = 0.0
        for j in range(d):
            delta = first[k, j] * for_mean
            means[k, j] = old_means[k, j] + delta
            shift += delta * (first[k, j] * inverse)
        size = (second[k] + pseudo[0]) * inverse / d + ridge
        variance = size - shift / d
        # The test of `gmm.engine.small_algebra` for all features at once.
        if not (variance > NOISE * size and variance < math.inf):
            return BAD_COVARIANCE, k
        covariances[k] = variance
        factors[k] = 1.0 / math.sqrt(variance)
        coefficients[k] = log_coefficient(weights[k], d, d * math.log(factors[k]))
    return RUNNING, -1
