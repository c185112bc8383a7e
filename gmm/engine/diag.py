"""Diagonal covariances: each component has a variance per feature.

E-step   log_joint[k, b] = c_k - Σ_j ((x_jb - μ_kj) / σ_kj)² / 2
Moments  S1_kj = Σ_b r_bk (x_jb - μ_kj),  S2_kj = Σ_b r_bk (x_jb - μ_kj)²
M-step   δ = S1 / N,  μ + δ,  σ² = S2 / N - δ² + ε
"""

import math

import numpy as np

from gmm.engine.blocks import load_block, load_responsibilities, workspace
from gmm.engine.compilation import block, entry
from gmm.engine.simd import WIDE, add, fma, load_wide, mul, store, sub, total, wide
from gmm.engine.small_algebra import EPS, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, RUNNING


@block
def log_joint_block(x, padded, coefficients, centres, factors, log_joint):
    """Fill log_joint (K, padded) for the block x (d, padded); factors[k, j] = 1 / σ_kj."""
    for b in range(0, padded, WIDE):
        for k in range(centres.shape[0]):
            q = wide(0.0)
            for j in range(x.shape[0]):
                y = mul(sub(load_wide(x, j, b), wide(centres[k, j])), wide(factors[k, j]))
                q = fma(y, y, q)
            store(log_joint, k, b, fma(wide(-0.5), q, wide(coefficients[k])))


@block
def moments_block(x, padded, r, k, centre, first, second):
    """Add Σ_b r_kb (x_b - μ) to `first` and Σ_b r_kb (x_b - μ)² to `second`."""
    for j in range(x.shape[0]):
        s1 = wide(0.0)
        s2 = wide(0.0)
        for b in range(0, padded, WIDE):
            z = sub(load_wide(x, j, b), wide(centre[j]))
            u = mul(load_wide(r, k, b), z)
            s1 = add(s1, u)
            s2 = fma(u, z, s2)
        first[j] += total(s1)
        second[j] += total(s2)


# ---------------------------------------------------------------------------------------------------------------------
# The pass over the data, the M-step and the loop


@entry
def run_pass(
    X,
    sample_weight,
    given,
    start,
    stop,
    chunk,
    length,
    shift,
    scale,
    coefficients,
    centres,
    factors,
    log_likelihood,
    counts,
    first,
    second,
):
    """Add the statistics of samples start … stop - 1 to the slots, one slot a chunk (see `gmm.engine.passes`)."""
    d = X.shape[1]
    n_components = centres.shape[0]
    x = workspace(d, length)
    scratch = workspace(2, length)
    r = workspace(n_components, length)
    for low in range(start, stop, length):
        slot = (low - start) // chunk
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        if given.size:
            load_responsibilities(given, low, size, padded, sample_weight, r)
        else:
            log_joint_block(x, padded, coefficients, centres, factors, r)
            log_likelihood[slot] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[slot, k] += row_total(r, k, padded)
            moments_block(x, padded, r, k, centres[k], first[slot, k], second[slot, k])


@block
def update(counts, first, second, reg_covar, old, new):
    """The M-step from the moments about the old means, and the new 1 / σ.

    `old` and `new` are (weights, means, covariances, factors, coefficients). Returns -1, or the component that has
    lost a variance.
    """
    old_weights, old_means, old_covariances, old_factors, old_coefficients = old
    weights, means, covariances, factors, coefficients = new
    n_components, d = means.shape
    new_weights(counts, weights)
    for k in range(n_components):
        if counts[k] == 0.0:
            means[k] = old_means[k]
            covariances[k] = old_covariances[k]
            factors[k] = old_factors[k]
            coefficients[k] = -math.inf
            continue
        inverse = 1.0 / counts[k]
        log_det = 0.0
        for j in range(d):
            delta = first[k, j] * inverse
            means[k, j] = old_means[k, j] + delta
            variance = second[k, j] * inverse - delta * delta
            if variance <= 2.0 * EPS * second[k, j] * inverse:
                variance = 0.0  # nothing but the rounding error of the subtraction is left
            variance += reg_covar
            if not (variance > 0.0 and variance < math.inf):
                return k
            covariances[k, j] = variance
            factors[k, j] = 1.0 / math.sqrt(variance)
            log_det += math.log(factors[k, j])
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


@entry
def step(counts, first, second, reg_covar, old, new):
    """`update` for callers in Python."""
    return update(counts, first, second, reg_covar, old, new)


@entry
def fit(
    X,
    sample_weight,
    total_weight,
    chunk,
    length,
    shift,
    scale,
    reg_covar,
    tol,
    parameters,
    previous,
    history,
):
    """Up to history.size iterations of EM, in place. Returns (iterations, status, component); see `gmm.engine.em`."""
    weights, means, covariances, factors, coefficients = parameters
    n_components, d = means.shape
    new = (
        np.empty_like(weights),
        np.empty_like(means),
        np.empty_like(covariances),
        np.empty_like(factors),
        np.empty_like(coefficients),
    )
    given = np.empty((0, 0))
    n_samples = X.shape[0]
    log_likelihood = np.empty(1)
    counts, first, second = (
        np.empty((1, n_components)),
        np.empty((1, n_components, d)),
        np.empty((1, n_components, d)),
    )
    sum_counts, sum_first, sum_second = (
        np.empty_like(counts),
        np.empty_like(first),
        np.empty_like(second),
    )
    for iteration in range(history.size):
        total = 0.0
        sum_counts[:] = 0.0
        sum_first[:] = 0.0
        sum_second[:] = 0.0
        for low in range(0, n_samples, chunk):
            log_likelihood[0] = 0.0
            counts[:] = 0.0
            first[:] = 0.0
            second[:] = 0.0
            run_pass(
                X, sample_weight, given, low, min(low + chunk, n_samples), chunk, length, shift, scale,
                coefficients, means, factors, log_likelihood, counts, first, second,
            )  # fmt: skip
            total += log_likelihood[0]
            sum_counts += counts
            sum_first += first
            sum_second += second
        mean = total / total_weight
        history[iteration] = mean
        if not math.isfinite(mean):
            return iteration + 1, BAD_LIKELIHOOD, -1
        failed = update(sum_counts[0], sum_first[0], sum_second[0], reg_covar, parameters, new)
        if failed >= 0:
            return iteration + 1, BAD_COVARIANCE, failed
        weights[:] = new[0]
        means[:] = new[1]
        covariances[:] = new[2]
        factors[:] = new[3]
        coefficients[:] = new[4]
        if abs(mean - previous) < tol:
            return iteration + 1, CONVERGED, -1
        previous = mean
    return history.size, RUNNING, -1


@entry
def run_scores(
    X,
    start,
    stop,
    length,
    shift,
    scale,
    coefficients,
    centres,
    factors,
    what,
    scores,
    table,
    labels,
):
    """Write what `gmm.engine.softmax.emit` makes of the log joints of samples start … stop - 1."""
    x = workspace(X.shape[1], length)
    log_joint = workspace(centres.shape[0], length)
    scratch = workspace(2, WIDE)
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        log_joint_block(x, padded, coefficients, centres, factors, log_joint)
        emit(log_joint, size, padded, low, what, scratch, scores, table, labels)
