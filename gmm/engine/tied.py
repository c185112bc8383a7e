"""One covariance matrix shared by all components.

E-step   y = W (x - x₀) once per sample, with W the inverse of the Cholesky factor of Σ and x₀ the mean of the centres;
         then log_joint[k, b] = c_k - |y_b - ν_k|² / 2, ν_k = W (μ_k - x₀): a spherical model of the whitened data
         (eq-joint-density)
Moments  S1_k = Σ_b r_bk (y_b - ν_k); and, once for all iterations, T = Σ_i w_i (x_i - x₀)(x_i - x₀)ᵀ
M-step   δ_k = L S1_k / N_k,  μ_k + δ_k (eq-update-means),
         Σ = (T - Σ_k N_k (μ_k - x₀)(μ_k - x₀)ᵀ) / N + ε I  with the new means (eq-update-tied, eq-ridge)

The last line subtracts the scatter between the components from the total. Where they lie far apart (against Σ) the
two nearly cancel, and (separation / σ)² units in the last place are lost. `far_apart` measures that; beyond `TOO_FAR`
the caller takes the moments from `full` with the shared factor instead: differences from each component's own
mean, which never cancel, for K times the work.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import operations
from gmm.engine.compilation import block, entry, exact, method
from gmm.engine.flat import parameter_views, rows_of, shaped, statistics_views
from gmm.engine.simd import WIDE, fma, load_wide, store, sub, wide
from gmm.engine.small_algebra import cholesky, factorise, log_coefficient, new_weights
from gmm.engine.spherical import distances_block, first_moments_block
from gmm.engine.statuses import FAR_APART, RUNNING
from gmm.engine.tiles import product_of_1_row, product_of_2_rows, product_of_4_rows

# Between over within scatter. At this ratio the subtraction loses at most four of float64's sixteen digits.
TOO_FAR = 1e4


class Tied(NamedTuple):
    """log coefficients c (K,), centres ν (K, d), whitened, the factor W (d, d) and the reference x₀ (d,).

    The total scatter T (d, d) about x₀ is needed for the M-step only, and empty without one.
    """

    coefficients: np.ndarray
    centres: np.ndarray
    factor: np.ndarray
    reference: np.ndarray
    scatter: np.ndarray

    has_second_moments = False

    @staticmethod
    def shape(n_components: int, n_features: int) -> tuple[int, ...]:
        """Of the factor, and of the second moments that `scatter` and the first ones stand for."""
        return n_features, n_features

    @staticmethod
    def operations(n_components: int, n_features: int) -> int:
        """Floating point operations of a pass for one sample, roughly."""
        return n_features * (n_features + 1) + n_components * (4 * n_features + 40)

    @staticmethod
    def longest_block(n_features: int) -> int:
        """Samples in a block at most."""
        return 512 if n_features <= 4 else 256

    @staticmethod
    def room_rows(n_features: int, n_components: int) -> int:
        """Rows of the workspace for this structure alone: y, z and the squared distances."""
        return 2 * n_features + n_components


@block
def whiten_block(x, padded, reference, factor, z, y):
    """y = W (x - x₀) for the block x (d, padded): four rows of W at a time. z (d, WIDE) is a workspace."""
    d = x.shape[0]
    for b in range(0, padded, WIDE):
        for j in range(d):
            store(z, j, 0, sub(load_wide(x, j, b), wide(reference[j])))
        for i in range(0, d - 3, 4):
            product_of_4_rows(factor, z, i, y, b)
        i = d // 4 * 4
        if d & 2:
            product_of_2_rows(factor, z, i, y, b)
            i += 2
        if d & 1:
            product_of_1_row(factor, z, i, y, b)


@method(operations.measure, Tied)
def measure(model, x, padded, room):
    """The whitened samples, and their squared distances from the whitened centres."""
    d = x.shape[0]
    y, z, distances = rows_of(room, 0, d), rows_of(room, d, d), rows_of(room, 2 * d, model.centres.shape[0])
    whiten_block(x, padded, model.reference, model.factor, z, y)
    distances_block(y, padded, model.centres, distances)


@method(operations.log_joint, Tied)
def log_joint(model, x, padded, room, r):
    """c_k - distances / 2 (eq-joint-density)."""
    n_components, d = model.centres.shape
    distances = rows_of(room, 2 * d, n_components)
    for k in range(n_components):
        for b in range(0, padded, WIDE):
            store(r, k, b, fma(wide(-0.5), load_wide(distances, k, b), wide(model.coefficients[k])))


@method(operations.add_moments, Tied)
def add_moments(model, x, padded, room, r, negligible, first, second):
    """Add Σ_b r_kb (y_b - ν_k). There are no second moments: T serves all iterations."""
    first_moments_block(rows_of(room, 0, x.shape[0]), padded, r, model.centres, first)


@exact
def whiten_centres(means, reference, factor, centres):
    """ν_k = W (μ_k - x₀)."""
    n_components, d = means.shape
    for k in range(n_components):
        for i in range(d):
            s = 0.0
            for j in range(i + 1):
                s += factor[i, j] * (means[k, j] - reference[j])
            centres[k, i] = s


@exact
def far_apart(weights, centres):
    """Σ_k π_k |ν_k|²: the scatter between the components in units of the scatter within them."""
    ratio = 0.0
    for k in range(weights.size):
        for j in range(centres.shape[1]):
            ratio += weights[k] * centres[k, j] * centres[k, j]
    return ratio


@method(operations.prepare, Tied)
def prepare(model, values):
    """Whiten the centres, and see whether they are far apart."""
    n_components, d = model.centres.shape
    weights, means, _, factor, _ = parameter_views(values, n_components, d)
    whiten_centres(means, model.reference, shaped(factor, 0, (d, d)), model.centres)
    return FAR_APART if far_apart(weights, model.centres) > TOO_FAR else RUNNING


@entry
def prepare_model(model, values):
    """`prepare` for callers in Python."""
    return operations.prepare(model, values)


@method(operations.update, Tied)
def update(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step from the whitened moments and the total scatter T about x₀ (eq-m-step).

    The model's centres are lost: `prepare` whitens the new ones. FAR_APART also where the new covariance is singular,
    in case that comes of cancellation: the other M-step will tell.
    """
    n_components, d = model.centres.shape
    reference, scatter = model.reference, model.scatter
    _, counts, first, _ = statistics_views(sum_values, n_components, d)
    _, old_means, old_covariance, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factor, coefficients = parameter_views(new_values, n_components, d)
    covariance, factor = shaped(flat, 0, (d, d)), shaped(flat_factor, 0, (d, d))
    new_weights(counts, weights)
    lower, offsets, sizes = factor, model.centres, shaped(room, 0, (d,))  # before they get what they are for
    cholesky(shaped(old_covariance, 0, (d, d)), lower)
    ridge, pseudo = regularisation.ridge, regularisation.scatter
    n_effective = regularisation.count
    for k in range(n_components):
        n_effective += counts[k]
        for i in range(d):
            delta = 0.0
            if counts[k] > 0.0:
                for j in range(i + 1):
                    delta += lower[i, j] * first[k, j]
                delta /= counts[k]
            means[k, i] = old_means[k, i] + delta
            offsets[k, i] = means[k, i] - reference[i]
    for i in range(d):
        for j in range(i + 1):
            between = 0.0
            for k in range(n_components):
                between += counts[k] * offsets[k, i] * offsets[k, j]
            value = (scatter[i, j] - between + pseudo[i * d + j]) / n_effective
            covariance[i, j] = value
            covariance[j, i] = value
        covariance[i, i] += ridge[i]
        sizes[i] = math.sqrt((scatter[i, i] + pseudo[i * d + i]) / n_effective + ridge[i])
    log_det = factorise(covariance, sizes, factor)
    if math.isnan(log_det):
        return FAR_APART, -1
    for k in range(n_components):
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return RUNNING, -1
