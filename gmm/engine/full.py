"""Full covariances: each component has its own matrix.

E-step   log_joint[k, b] = c_k - |W_k (x_b - μ_k)|² / 2, with W_k the inverse of the Cholesky factor of Σ_k
         (eq-joint-density, eq-mahalanobis)
Moments  S1_k = Σ_b r_bk (x_b - μ_k),  S2_k = Σ_b r_bk (x_b - μ_k)(x_b - μ_k)ᵀ
M-step   δ = S1_k / N_k,  μ_k + δ (eq-update-means),  Σ_k = S2_k / N_k - δ δᵀ + ε I (eq-update-covariances, eq-ridge)

The book takes the new means first and then the squares about them, in two passes over the data; here one pass takes
both about the old means, and - δ δᵀ moves the squares to the new ones.

Both halves are triangular matrix products, and run in register tiles (see `gmm.engine.tiles`).
"""

import math

import numpy as np

from gmm.engine.blocks import load_block, load_responsibilities
from gmm.engine.compilation import block, entry, inlined
from gmm.engine.flat import parameter_views, statistics_views
from gmm.engine.simd import WIDE, fma, load_wide, store, sub, wide
from gmm.engine.small_algebra import factorise, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, RUNNING
from gmm.engine.team import ADD, LEAD, draw_ticket, hand_in, open_pass
from gmm.engine.tiles import (
    small_moments_1,
    small_moments_2,
    small_moments_3,
    small_moments_4,
    small_squares_1,
    small_squares_2,
    small_squares_3,
    small_squares_4,
    squares_of_1_row,
    squares_of_2_rows,
    squares_of_4_rows,
    strip_1,
    strip_2,
    strip_4,
    tile_1_by_1,
    tile_2_by_4,
    tile_4_by_4,
)


@inlined
def squared_distances(factor, z):
    """|W z|² for one strip z (d, WIDE) of differences (eq-mahalanobis): four rows of W at a time, then two, one."""
    d = factor.shape[0]
    q = wide(0.0)
    for i in range(0, d - 3, 4):
        q = squares_of_4_rows(factor, z, i, q)
    i = d // 4 * 4
    if d & 2:
        q = squares_of_2_rows(factor, z, i, q)
        i += 2
    if d & 1:
        q = squares_of_1_row(factor, z, i, q)
    return q


@block
def log_joint_block(x, padded, coefficients, centres, factors, log_joint, z):
    """Fill log_joint (K, padded) for the block x (d, padded): eq-joint-density. `z` is a (d, WIDE) workspace."""
    d = x.shape[0]
    for k in range(centres.shape[0]):
        factor = factors[k]
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
                for j in range(d):
                    store(z, j, 0, sub(load_wide(x, j, b), wide(centres[k, j])))
                q = squared_distances(factor, z)
            store(log_joint, k, b, fma(wide(-0.5), q, wide(coefficients[k])))


@inlined
def tiled_moments(x, padded, r, k, centres, z, u, first, second):
    """`moments_block` of one component for d > 4."""
    d = x.shape[0]
    # While z fits the first-level cache, rows are taken four at a time. Beyond, sixteen rows of u stay there while
    # the rows of z come past.
    group = 4 if d <= 40 else 16
    for i in range(0, d - group + 1, group):
        for a in range(0, group, 4):
            strip_4(x, r, k, centres, i + a, padded, z, u, a, first, second)
            for j in range(i, i + a, 4):
                tile_4_by_4(u, a, z, i + a, j, padded, second)
        for j in range(0, i, 4):
            for a in range(0, group, 4):
                tile_4_by_4(u, a, z, i + a, j, padded, second)
    for i in range(d // group * group, d - 3, 4):
        strip_4(x, r, k, centres, i, padded, z, u, 0, first, second)
        for j in range(0, i, 4):
            tile_4_by_4(u, 0, z, i, j, padded, second)
    i = d // 4 * 4
    if d & 2:
        strip_2(x, r, k, centres, i, padded, z, u, 0, first, second)
        for j in range(0, i, 4):
            tile_2_by_4(u, 0, z, i, j, padded, second)
        i += 2
    if d & 1:
        strip_1(x, r, k, centres, i, padded, z, u, 0, first, second)
        for j in range(i):
            tile_1_by_1(u, 0, z, i, j, padded, second)


@block
def moments_block(x, padded, r, centres, z, u, first, second):
    """Add Σ_b r_kb (x_b - μ_k) to first[k] and the lower triangle of Σ_b r_kb (x_b - μ_k)(x_b - μ_k)ᵀ to second[k].

    z (d, padded) and u (16, padded) are workspaces.
    """
    d = x.shape[0]
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
            tiled_moments(x, padded, r, k, centres, z, u, first[k], second[k])


@block
def update(sum_values, reg_covar, old_values, new_values, n_components, d):
    """The M-step from the moments about the old means (eq-m-step), and the factors of the new covariances.

    The new parameters are a copy of the old ones at first (for the layouts see `gmm.engine.flat`). Returns
    -1, or the component whose new covariance is singular (see `gmm.engine.small_algebra`).
    """
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    second = flat_second.reshape((n_components, d, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = flat.reshape((n_components, d, d)), flat_factors.reshape((n_components, d, d))
    new_weights(counts, weights)
    lower = np.empty((d, d))
    sizes = np.empty(d)
    for k in range(n_components):
        if counts[k] == 0.0:
            coefficients[k] = -math.inf  # its mean and covariance stay as they are in `new`: those of `old`
            continue
        inverse = 1.0 / counts[k]
        for i in range(d):
            delta = first[k, i] * inverse
            means[k, i] = old_means[k, i] + delta
            for j in range(i + 1):
                value = second[k, i, j] * inverse - delta * (first[k, j] * inverse)
                covariances[k, i, j] = value
                covariances[k, j, i] = value
            covariances[k, i, i] += reg_covar
            sizes[i] = math.sqrt(second[k, i, i] * inverse + reg_covar)
        log_det = factorise(covariances[k], sizes, lower, factors[k])
        if math.isnan(log_det):
            return k
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


def work_rows(n_features, n_components):
    """Rows of `run`'s workspace."""
    return 2 * n_features + 18 + n_components


@block
def add_samples(X, sample_weight, given, start, stop, layout, work, coefficients, centres, factors, slot):
    """Add the statistics of samples start … stop - 1 to the slot: E-step and moments, block by block.

    The rows of r are the responsibilities, and their sums the effective counts (eq-e-step, eq-effective-counts).
    """
    length, _, shift, scale = layout
    n_components, d = centres.shape
    log_likelihood, counts, first, flat = statistics_views(slot, n_components, d)
    second = flat.reshape((n_components, d, d))
    x, z = work[:d], work[d : 2 * d]
    u, scratch = work[2 * d : 2 * d + 16], work[2 * d + 16 : 2 * d + 18]
    r = work[2 * d + 18 : 2 * d + 18 + n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        if given.size:
            load_responsibilities(given, sample_weight, low, size, padded, r)
        else:
            log_joint_block(x, padded, coefficients, centres, factors, r, z)
            log_likelihood[0] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[k] += row_total(r, k, padded)
        moments_block(x, padded, r, centres, z, u, first, second)


@entry
def run(X, sample_weight, given, start, stop, layout, work, coefficients, centres, factors, slot, loop, team):
    """One pass over all samples from `start` to `stop`, or EM iterations; see `gmm.engine.passes` and `gmm.engine.em`.

    What to do depends on the caller's role in the `team` (see `gmm.engine.team`). ADD: add the samples' statistics to
    the slot, no more. LEAD: make a pass, whose statistics are then the loop's sums; or, where there is a ``history`` to
    fill, up to history.size iterations, in place (where start = stop, the sums are given and an M-step is all that is
    left to do). FOLLOW: take part in the leader's passes. Returns (iterations, status, component).
    One function does it all, because each function that Python can call costs a second of compilation.
    """
    chunk = layout[1]
    history, sum_values, old_values, new_values, total_weight, reg_covar, tol, previous = loop
    state, places, role = team
    n_components, d = centres.shape
    n_chunks = -(-(stop - start) // chunk)
    iteration = 0
    while True:
        if role == LEAD and n_chunks:
            open_pass(state, n_chunks, sum_values)
        while True:
            low, high, ticket = start, stop, 0
            if role != ADD:
                ticket = draw_ticket(state, role)
                if ticket < 0:
                    break
                low = start + ticket % n_chunks * chunk
                high = min(low + chunk, stop)
                for p in range(slot.size):
                    slot[p] = 0.0
            add_samples(
                X,
                sample_weight,
                given,
                low,
                high,
                layout,
                work,
                coefficients,
                centres,
                factors,
                slot,
            )
            if role == ADD:
                return 0, RUNNING, -1
            hand_in(state, places, ticket, slot, sum_values)
        if role != LEAD or history.size == 0:
            return iteration, RUNNING, -1
        mean = sum_values[0] / total_weight
        history[iteration] = mean
        iteration += 1
        if not math.isfinite(mean):
            return iteration, BAD_LIKELIHOOD, -1
        for p in range(new_values.size):
            new_values[p] = old_values[p]
        failed = update(sum_values, reg_covar, old_values, new_values, n_components, d)
        if failed >= 0:
            return iteration, BAD_COVARIANCE, failed
        for p in range(new_values.size):
            old_values[p] = new_values[p]
        if abs(mean - previous) < tol:
            return iteration, CONVERGED, -1
        if iteration == history.size:
            return iteration, RUNNING, -1
        previous = mean


@entry
def run_scores(X, start, stop, layout, coefficients, centres, factors, what, work, outputs):
    """Write what `gmm.engine.softmax.emit` makes of the log joints of samples start … stop - 1."""
    length, _, shift, scale = layout
    n_components, d = centres.shape
    x, z = work[:d], work[d : 2 * d]
    scratch = work[2 * d + 16 : 2 * d + 18]
    log_joint = work[2 * d + 18 : 2 * d + 18 + n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        log_joint_block(x, padded, coefficients, centres, factors, log_joint, z)
        emit(log_joint, size, padded, low, what, scratch, outputs)
