"""Full covariances: each component has its own matrix.

E-step   log_joint[k, b] = c_k - |W_k (x_b - μ_k)|² / 2, with W_k the inverse of the Cholesky factor of Σ_k
         (eq-joint-density, eq-mahalanobis)
Moments  S1_k = Σ_b r_bk (x_b - μ_k),  S2_k = Σ_b r_bk (x_b - μ_k)(x_b - μ_k)ᵀ
M-step   δ = S1_k / N_k,  μ_k + δ (eq-update-means),  Σ_k = S2_k / N_k - δ δᵀ + ε I (eq-update-covariances, eq-ridge)

The book takes the new means first and then the squares about them, in two passes over the data; here one pass takes
both about the old means, and - δ δᵀ moves the squares to the new ones.

Both halves are triangular matrix products, and run in register tiles (see `gmm.engine.tiles`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gmm._types import FloatArray
from gmm.engine import operations
from gmm.engine.blocks import FIRST_LEVEL_CACHE
from gmm.engine.compilation import block, inlined, method
from gmm.engine.flat import parameter_views, rows_of, shaped, statistics_views
from gmm.engine.simd import NARROW, WIDE, count_from, fma, load_wide, store, wide
from gmm.engine.small_algebra import factorise, log_coefficient, new_weights
from gmm.engine.softmax import row_total
from gmm.engine.statuses import BAD_COVARIANCE, RUNNING
from gmm.engine.tiles import (
    small_moments_1,
    small_moments_2,
    small_moments_3,
    small_moments_4,
    small_moments_5,
    small_squares_1,
    small_squares_2,
    small_squares_3,
    small_squares_4,
    small_squares_5,
    squares_of_1_row,
    squares_of_2_rows,
    squares_of_4_rows,
    strip_1,
    strip_2,
    strip_4,
    tile_1_by_2,
    tile_1_by_4,
    tile_2_by_4,
    tile_4_by_4,
)

# Up to so many features the products are written out.
SMALL = 5
# From so many features on the samples that count for a component are brought together where they are few: measured.
GATHERED = 32
SMALLEST = 5e-324  # the smallest positive number


class Full(NamedTuple):
    """log coefficients c (K,), centres μ (K, d) and factors W (K, d, d), lower triangular."""

    coefficients: np.ndarray
    centres: np.ndarray
    factors: np.ndarray

    has_second_moments = True

    @staticmethod
    def shape(n_components: int, n_features: int) -> tuple[int, ...]:
        """Of the factors and the second moments."""
        return n_components, n_features, n_features

    @staticmethod
    def operations(n_components: int, n_features: int) -> int:
        """Floating point operations of a pass for one sample, roughly."""
        return n_components * (2 * n_features * (n_features + 1) + 40)

    @staticmethod
    def longest_block(n_features: int) -> int:
        """The tiles run over a block and its differences from a mean again and again.

        Those 2 d + 5 rows should fit the first-level cache while d is small enough; measured, that is worth up to a
        factor of two.
        """
        if n_features <= 4:
            return 512
        if n_features > 40:
            return 256
        return min(max(FIRST_LEVEL_CACHE // (8 * (2 * n_features + 5)), 96), 256) // WIDE * WIDE

    @staticmethod
    def room_rows(n_features: int, n_components: int) -> int:
        """Rows of the workspace for this structure alone: z (d), u (16), and of samples that count 1 + d."""
        return 2 * n_features + 17

    @staticmethod
    def of(coefficients: FloatArray, centres: FloatArray, factors: FloatArray) -> Any:
        """The model for as many features as the centres have."""
        return (SmallFull if centres.shape[1] <= SMALL else Full)(coefficients, centres, factors)


class SmallFull(NamedTuple):
    """The same for d <= SMALL, whose products are written out: a first fit compiles one of the two kinds."""

    coefficients: np.ndarray
    centres: np.ndarray
    factors: np.ndarray

    has_second_moments = True
    shape = staticmethod(Full.shape)
    operations = staticmethod(Full.operations)
    longest_block = staticmethod(Full.longest_block)

    @staticmethod
    def room_rows(n_features, n_components):
        """Rows of the workspace for this structure alone."""
        return 0


@inlined
def squared_distances(x, k, centres, factor, padded, z, r):
    """r[k, b] = |W (x_b - μ_k)|² (eq-mahalanobis), for d > SMALL; z (d, padded) is a workspace.

    Four rows of W at a time, then two, one; each time for all samples of the block: the tiles' loops then run equally
    long from strip to strip, which at d = 10 saves a third of the E-step's products.
    """
    d = x.shape[0]
    for b in range(0, padded, WIDE):
        store(r, k, b, wide(0.0))
    for i in range(0, d - 3, 4):
        squares_of_4_rows(x, k, centres, factor, i, padded, z, r)
    i = d // 4 * 4
    if d & 2:
        squares_of_2_rows(x, k, centres, factor, i, padded, z, r)
        i += 2
    if d & 1:
        squares_of_1_row(x, k, centres, factor, i, padded, z, r)


@method(operations.log_joint, Full)
def log_joint(model, x, padded, room, r):
    """eq-joint-density, one component after the other."""
    z, centres = room, model.centres
    for k in range(centres.shape[0]):
        squared_distances(x, k, centres, model.factors[k], padded, z, r)
        for b in range(0, padded, WIDE):
            store(r, k, b, fma(wide(-0.5), load_wide(r, k, b), wide(model.coefficients[k])))


@method(operations.log_joint, SmallFull)
def small_log_joint(model, x, padded, room, r):
    """The same for d <= SMALL."""
    d = x.shape[0]
    centres = model.centres
    for k in range(centres.shape[0]):
        factor = model.factors[k]
        for b in range(0, padded, WIDE):
            if d == 1:
                q = small_squares_1(x, b, centres, k, factor)
            elif d == 2:
                q = small_squares_2(x, b, centres, k, factor)
            elif d == 3:
                q = small_squares_3(x, b, centres, k, factor)
            elif d == 4:
                q = small_squares_4(x, b, centres, k, factor)
            else:
                q = small_squares_5(x, b, centres, k, factor)
            store(r, k, b, fma(wide(-0.5), q, wide(model.coefficients[k])))


@inlined
def tiled_moments(x, padded, r, k, centres, z, u, first, second):
    """`add_moments` of one component for d > SMALL; z (d, padded) and u (16, padded) are workspaces."""
    d = x.shape[0]
    # While z fits the first-level cache, rows are taken four at a time. Beyond, sixteen rows of u stay there while
    # the rows of z come past.
    group = 4 if d <= 40 else 16
    i = 0
    while i + 4 <= d:
        if i + group > d:
            group = 4
        for a in range(0, group, 4):
            strip_4(x, r, k, centres, i + a, padded, z, u, a, first, second)
        for j in range(0, i + group - 4, 4):
            a = max(0, j + 4 - i)  # below the diagonal; the strips have taken what is on it
            while a < group:
                tile_4_by_4(u, a, z, i + a, j, padded, second)
                a += 4
        i += group
    if d & 2:
        strip_2(x, r, k, centres, i, padded, z, u, 0, first, second)
        for j in range(0, i, 4):
            tile_2_by_4(u, 0, z, i, j, padded, second)
        i += 2
    if d & 1:
        strip_1(x, r, k, centres, i, padded, z, u, 0, first, second)
        for j in range(0, i - 3, 4):
            tile_1_by_4(u, 0, z, i, j, padded, second)
        if d & 2:
            tile_1_by_2(u, 0, z, i, i - 2, padded, second)


@block
def gather(x, r, k, padded, negligible, numbers, packed):
    """Bring the samples that count for component k together, in `packed` and r[k], and return how many there are.

    Rounded up to whole registers, with weights of zero. Where they are not few enough to be worth it, nothing is done
    and the answer is `padded`.
    """
    d = x.shape[0]
    least = max(negligible * row_total(r, k, padded) / padded, SMALLEST)
    n = 0
    for b in range(0, padded, WIDE):
        n += count_from(load_wide(r, k, b), wide(least))
    if 2 * n > padded:
        return padded
    n = 0
    for b in range(padded):
        numbers[0, n] = b
        n += 1 if r[k, b] >= least else 0
    end = -(-n // NARROW) * NARROW
    for a in range(n, end):
        numbers[0, a] = numbers[0, 0]
    for j in range(d):
        for a in range(end):
            packed[j, a] = x[j, int(numbers[0, a])]
    for a in range(n):
        r[k, a] = r[k, int(numbers[0, a])]
    for a in range(n, end):
        r[k, a] = 0.0
    return end


@method(operations.add_moments, Full)
def add_moments(model, x, padded, room, r, negligible, first, second):
    """Add Σ_b r_kb (x_b - μ_k) to first[k], and the lower triangle of Σ_b r_kb (x_b - μ_k)(x_b - μ_k)ᵀ to `second`."""
    d = x.shape[0]
    centres = model.centres
    second = shaped(second, 0, (centres.shape[0], d, d))
    z, u = rows_of(room, 0, d), rows_of(room, d, 16)
    numbers, packed = rows_of(room, d + 16, 1), rows_of(room, d + 17, d)
    for k in range(centres.shape[0]):
        size = gather(x, r, k, padded, negligible, numbers, packed) if d >= GATHERED else padded
        if size > 0:
            tiled_moments(x if size == padded else packed, size, r, k, centres, z, u, first[k], second[k])


@method(operations.add_moments, SmallFull)
def small_add_moments(model, x, padded, room, r, negligible, first, second):
    """The same for d <= SMALL."""
    d = x.shape[0]
    centres = model.centres
    second = shaped(second, 0, (centres.shape[0], d, d))
    for k in range(centres.shape[0]):
        if d == 1:
            small_moments_1(x, padded, r, k, centres, first[k], second[k])
        elif d == 2:
            small_moments_2(x, padded, r, k, centres, first[k], second[k])
        elif d == 3:
            small_moments_3(x, padded, r, k, centres, first[k], second[k])
        elif d == 4:
            small_moments_4(x, padded, r, k, centres, first[k], second[k])
        else:
            small_moments_5(x, padded, r, k, centres, first[k], second[k])


@method(operations.update, Full, SmallFull)
def update(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step from the moments about the old means (eq-m-step), and the factors of the new covariances.

    BAD_COVARIANCE where one of these is singular (see `gmm.engine.small_algebra`).
    """
    n_components, d = model.centres.shape
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    second = shaped(flat_second, 0, (n_components, d, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = shaped(flat, 0, (n_components, d, d)), shaped(flat_factors, 0, (n_components, d, d))
    new_weights(counts, weights)
    sizes = shaped(room, 0, (d,))
    ridge, pseudo, pseudo_count = regularisation.ridge, regularisation.scatter, regularisation.count
    for k in range(n_components):
        if counts[k] + pseudo_count == 0.0:
            coefficients[k] = -math.inf  # its mean and covariance stay as they are in `new`: those of `old`
            continue
        for_mean = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        inverse = 1.0 / (counts[k] + pseudo_count)
        for i in range(d):
            delta = first[k, i] * for_mean
            means[k, i] = old_means[k, i] + delta
            for j in range(i + 1):
                value = (second[k, i, j] + pseudo[i * d + j]) * inverse - delta * (first[k, j] * inverse)
                covariances[k, i, j] = value
                covariances[k, j, i] = value
            covariances[k, i, i] += ridge[i]
            sizes[i] = math.sqrt((second[k, i, i] + pseudo[i * d + i]) * inverse + ridge[i])
        log_det = factorise(covariances[k], sizes, factors[k])
        if math.isnan(log_det):
            return BAD_COVARIANCE, k
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return RUNNING, -1
