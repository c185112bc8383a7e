"""Diagonal covariances: each component has a variance per feature.

E-step   log_joint[k, b] = c_k - Σ_j ((x_jb - μ_kj) / σ_kj)² / 2 (eq-joint-density)
Moments  S1_kj = Σ_b r_bk (x_jb - μ_kj),  S2_kj = Σ_b r_bk (x_jb - μ_kj)²
M-step   δ = S1 / N,  μ + δ (eq-update-means),  σ² = S2 / N - δ² + ε (eq-update-diagonal, eq-ridge)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gmm.engine import operations
from gmm.engine.compilation import method
from gmm.engine.flat import parameter_views, shaped, statistics_views
from gmm.engine.simd import WIDE, store, wide
from gmm.engine.small_algebra import NOISE, log_coefficient, new_weights
from gmm.engine.statuses import BAD_COVARIANCE, RUNNING
from gmm.engine.tiles import REST, joints_of_4_features, joints_of_rest, moments_of_4_features, moments_of_rest


class Diagonal(NamedTuple):
    """log coefficients c (K,), centres μ (K, d) and factors 1 / σ (K, d)."""

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
        return n_components, n_features

    @staticmethod
    def operations(n_components: int, n_features: int) -> int:
        """Floating point operations of a pass for one sample, roughly."""
        return n_components * (7 * n_features + 40)

    @staticmethod
    def longest_block(n_features: int) -> int:
        """Samples in a block at most."""
        return 512 if n_features <= 4 else 256

    @staticmethod
    def room_rows(n_features: int, n_components: int) -> int:
        """Rows of the workspace for this structure alone."""
        return 0


@method(operations.log_joint, Diagonal)
def log_joint(model, x, padded, room, r):
    """eq-joint-density, one component after the other; r holds twice the log joints until all features are in."""
    coefficients, centres, factors = model
    d = x.shape[0]
    for k in range(centres.shape[0]):
        twice = 2.0 * coefficients[k]
        i = 0
        if d > REST:
            for b in range(0, padded, WIDE):
                store(r, k, b, wide(twice))
        while d - i > REST:
            joints_of_4_features(x, k, centres, factors, i, padded, r)
            i += 4
        joints_of_rest(x, k, centres, factors, i, padded, twice, r)


@method(operations.add_moments, Diagonal)
def add_moments(model, x, padded, room, r, negligible, first, second):
    """Add Σ_b r_kb (x_b - μ_k) and Σ_b r_kb (x_b - μ_k)²; several features at a time share r."""
    d = x.shape[0]
    centres = model.centres
    second = shaped(second, 0, centres.shape)
    # Sixteen features outside, components inside: rows of x stay in the first-level cache while those of r come past.
    low = 0
    while low < d:
        high = low + 16 if d - low > 16 + REST else d
        for k in range(centres.shape[0]):
            i = low
            while i < high and d - i > REST:
                moments_of_4_features(x, r, k, centres, i, padded, first[k], second[k])
                i += 4
            if high == d:
                moments_of_rest(x, r, k, centres, i, padded, first[k], second[k])
        low = high


@method(operations.update, Diagonal)
def update(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step from the moments about the old means (eq-m-step), and the new 1 / σ.

    BAD_COVARIANCE where a variance is nothing but rounding.
    """
    n_components, d = model.centres.shape
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    second = shaped(flat_second, 0, (n_components, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = shaped(flat, 0, (n_components, d)), shaped(flat_factors, 0, (n_components, d))
    new_weights(counts, weights)
    ridge, pseudo, pseudo_count = regularisation.ridge, regularisation.scatter, regularisation.count
    for k in range(n_components):
        if counts[k] + pseudo_count == 0.0:
            coefficients[k] = -math.inf  # its mean and covariance stay as they are in `new`: those of `old`
            continue
        for_mean = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        inverse = 1.0 / (counts[k] + pseudo_count)
        log_det = 0.0
        for j in range(d):
            delta = first[k, j] * for_mean
            means[k, j] = old_means[k, j] + delta
            size = (second[k, j] + pseudo[j]) * inverse + ridge[j]
            variance = size - delta * (first[k, j] * inverse)
            # The test of `gmm.engine.small_algebra` for one feature by itself.
            if not (variance > NOISE * size and variance < math.inf):
                return BAD_COVARIANCE, k
            covariances[k, j] = variance
            factors[k, j] = 1.0 / math.sqrt(variance)
            log_det += math.log(factors[k, j])
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return RUNNING, -1
