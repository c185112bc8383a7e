"""Full covariances: each component has its own matrix.

E-step   log_joint[k, b] = c_k - |W_k (x_b - μ_k)|² / 2, with W_k the inverse of the Cholesky factor of Σ_k
Moments  S1_k = Σ_b r_bk (x_b - μ_k),  S2_k = Σ_b r_bk (x_b - μ_k)(x_b - μ_k)ᵀ
M-step   δ = S1_k / N_k,  μ_k + δ,  Σ_k = S2_k / N_k - δ δᵀ + ε I

Both halves are triangular matrix products. They run in *tiles*: a tile keeps a square of results in registers while
it walks along the third direction, so that each value loaded from memory serves several multiply-adds.
"""

import math

import numpy as np

from gmm.engine.blocks import load_block, load_responsibilities, workspace
from gmm.engine.compilation import block, entry
from gmm.engine.simd import (
    NARROW,
    WIDE,
    add,
    fma,
    load_narrow,
    load_wide,
    mul,
    narrow,
    store,
    sub,
    total,
    wide,
)
from gmm.engine.small_algebra import factorise, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, RUNNING


@block
def whiten_strip(factor, z, q_start):
    """|W z|² + q_start for one strip z (d, WIDE) of differences: rows of W four at a time, then two, then one."""
    d = factor.shape[0]
    q = q_start
    i = 0
    while i + 4 <= d:
        y0 = wide(0.0)
        y1 = wide(0.0)
        y2 = wide(0.0)
        y3 = wide(0.0)
        for j in range(i):
            v = load_wide(z, j, 0)
            y0 = fma(wide(factor[i, j]), v, y0)
            y1 = fma(wide(factor[i + 1, j]), v, y1)
            y2 = fma(wide(factor[i + 2, j]), v, y2)
            y3 = fma(wide(factor[i + 3, j]), v, y3)
        # The triangle on the diagonal: ten multiply-adds, not sixteen.
        v = load_wide(z, i, 0)
        y0 = fma(wide(factor[i, i]), v, y0)
        y1 = fma(wide(factor[i + 1, i]), v, y1)
        y2 = fma(wide(factor[i + 2, i]), v, y2)
        y3 = fma(wide(factor[i + 3, i]), v, y3)
        q = fma(y0, y0, q)
        v = load_wide(z, i + 1, 0)
        y1 = fma(wide(factor[i + 1, i + 1]), v, y1)
        y2 = fma(wide(factor[i + 2, i + 1]), v, y2)
        y3 = fma(wide(factor[i + 3, i + 1]), v, y3)
        q = fma(y1, y1, q)
        v = load_wide(z, i + 2, 0)
        y2 = fma(wide(factor[i + 2, i + 2]), v, y2)
        y3 = fma(wide(factor[i + 3, i + 2]), v, y3)
        q = fma(y2, y2, q)
        y3 = fma(wide(factor[i + 3, i + 3]), load_wide(z, i + 3, 0), y3)
        q = fma(y3, y3, q)
        i += 4
    if i + 2 <= d:
        y0 = wide(0.0)
        y1 = wide(0.0)
        for j in range(i + 1):
            v = load_wide(z, j, 0)
            y0 = fma(wide(factor[i, j]), v, y0)
            y1 = fma(wide(factor[i + 1, j]), v, y1)
        y1 = fma(wide(factor[i + 1, i + 1]), load_wide(z, i + 1, 0), y1)
        q = fma(y0, y0, q)
        q = fma(y1, y1, q)
        i += 2
    if i < d:
        y0 = wide(0.0)
        for j in range(d):
            y0 = fma(wide(factor[i, j]), load_wide(z, j, 0), y0)
        q = fma(y0, y0, q)
    return q


@block
def log_joint_block(x, padded, coefficients, centres, factors, log_joint, z):
    """Fill log_joint (K, padded) for the block x (d, padded). `z` is a (d, WIDE) workspace."""
    for k in range(centres.shape[0]):
        for b in range(0, padded, WIDE):
            for j in range(x.shape[0]):
                store(z, j, 0, sub(load_wide(x, j, b), wide(centres[k, j])))
            q = whiten_strip(factors[k], z, wide(0.0))
            store(log_joint, k, b, fma(wide(-0.5), q, wide(coefficients[k])))


@block
def _tile_4_by_4(u, z, i, j, padded, second):
    """second[i:i+4, j:j+4] += Σ_b u[0:4, b] z[j:j+4, b]: sixteen sums stay in registers, eight loads feed sixteen FMAs."""
    s00 = narrow(0.0)
    s01 = narrow(0.0)
    s02 = narrow(0.0)
    s03 = narrow(0.0)
    s10 = narrow(0.0)
    s11 = narrow(0.0)
    s12 = narrow(0.0)
    s13 = narrow(0.0)
    s20 = narrow(0.0)
    s21 = narrow(0.0)
    s22 = narrow(0.0)
    s23 = narrow(0.0)
    s30 = narrow(0.0)
    s31 = narrow(0.0)
    s32 = narrow(0.0)
    s33 = narrow(0.0)
    for b in range(0, padded, NARROW):
        u0 = load_narrow(u, 0, b)
        u1 = load_narrow(u, 1, b)
        u2 = load_narrow(u, 2, b)
        u3 = load_narrow(u, 3, b)
        v = load_narrow(z, j, b)
        s00 = fma(u0, v, s00)
        s10 = fma(u1, v, s10)
        s20 = fma(u2, v, s20)
        s30 = fma(u3, v, s30)
        v = load_narrow(z, j + 1, b)
        s01 = fma(u0, v, s01)
        s11 = fma(u1, v, s11)
        s21 = fma(u2, v, s21)
        s31 = fma(u3, v, s31)
        v = load_narrow(z, j + 2, b)
        s02 = fma(u0, v, s02)
        s12 = fma(u1, v, s12)
        s22 = fma(u2, v, s22)
        s32 = fma(u3, v, s32)
        v = load_narrow(z, j + 3, b)
        s03 = fma(u0, v, s03)
        s13 = fma(u1, v, s13)
        s23 = fma(u2, v, s23)
        s33 = fma(u3, v, s33)
    second[i, j] += total(s00)
    second[i, j + 1] += total(s01)
    second[i, j + 2] += total(s02)
    second[i, j + 3] += total(s03)
    second[i + 1, j] += total(s10)
    second[i + 1, j + 1] += total(s11)
    second[i + 1, j + 2] += total(s12)
    second[i + 1, j + 3] += total(s13)
    second[i + 2, j] += total(s20)
    second[i + 2, j + 1] += total(s21)
    second[i + 2, j + 2] += total(s22)
    second[i + 2, j + 3] += total(s23)
    second[i + 3, j] += total(s30)
    second[i + 3, j + 1] += total(s31)
    second[i + 3, j + 2] += total(s32)
    second[i + 3, j + 3] += total(s33)


@block
def _triangle_4(u, z, i, padded, second):
    """The tile on the diagonal: its lower triangle only."""
    s00 = narrow(0.0)
    s10 = narrow(0.0)
    s11 = narrow(0.0)
    s20 = narrow(0.0)
    s21 = narrow(0.0)
    s22 = narrow(0.0)
    s30 = narrow(0.0)
    s31 = narrow(0.0)
    s32 = narrow(0.0)
    s33 = narrow(0.0)
    for b in range(0, padded, NARROW):
        u1 = load_narrow(u, 1, b)
        u2 = load_narrow(u, 2, b)
        u3 = load_narrow(u, 3, b)
        v = load_narrow(z, i, b)
        s00 = fma(load_narrow(u, 0, b), v, s00)
        s10 = fma(u1, v, s10)
        s20 = fma(u2, v, s20)
        s30 = fma(u3, v, s30)
        v = load_narrow(z, i + 1, b)
        s11 = fma(u1, v, s11)
        s21 = fma(u2, v, s21)
        s31 = fma(u3, v, s31)
        v = load_narrow(z, i + 2, b)
        s22 = fma(u2, v, s22)
        s32 = fma(u3, v, s32)
        s33 = fma(u3, load_narrow(z, i + 3, b), s33)
    second[i, i] += total(s00)
    second[i + 1, i] += total(s10)
    second[i + 1, i + 1] += total(s11)
    second[i + 2, i] += total(s20)
    second[i + 2, i + 1] += total(s21)
    second[i + 2, i + 2] += total(s22)
    second[i + 3, i] += total(s30)
    second[i + 3, i + 1] += total(s31)
    second[i + 3, i + 2] += total(s32)
    second[i + 3, i + 3] += total(s33)


@block
def _rows_4(r, k, z, i, padded, u, first):
    """u[0:4] = r_k z[i:i+4], and their sums."""
    t0 = narrow(0.0)
    t1 = narrow(0.0)
    t2 = narrow(0.0)
    t3 = narrow(0.0)
    for b in range(0, padded, NARROW):
        weight = load_narrow(r, k, b)
        v = mul(weight, load_narrow(z, i, b))
        store(u, 0, b, v)
        t0 = add(t0, v)
        v = mul(weight, load_narrow(z, i + 1, b))
        store(u, 1, b, v)
        t1 = add(t1, v)
        v = mul(weight, load_narrow(z, i + 2, b))
        store(u, 2, b, v)
        t2 = add(t2, v)
        v = mul(weight, load_narrow(z, i + 3, b))
        store(u, 3, b, v)
        t3 = add(t3, v)
    first[i] += total(t0)
    first[i + 1] += total(t1)
    first[i + 2] += total(t2)
    first[i + 3] += total(t3)


@block
def _pair(r, k, z, i, padded, u, first, second):
    """Rows i and i + 1 where fewer than four are left: their sums, and the tile on the diagonal."""
    t0 = narrow(0.0)
    t1 = narrow(0.0)
    s00 = narrow(0.0)
    s10 = narrow(0.0)
    s11 = narrow(0.0)
    for b in range(0, padded, NARROW):
        weight = load_narrow(r, k, b)
        z0 = load_narrow(z, i, b)
        z1 = load_narrow(z, i + 1, b)
        u0 = mul(weight, z0)
        u1 = mul(weight, z1)
        store(u, 0, b, u0)
        store(u, 1, b, u1)
        t0 = add(t0, u0)
        t1 = add(t1, u1)
        s00 = fma(u0, z0, s00)
        s10 = fma(u1, z0, s10)
        s11 = fma(u1, z1, s11)
    first[i] += total(t0)
    first[i + 1] += total(t1)
    second[i, i] += total(s00)
    second[i + 1, i] += total(s10)
    second[i + 1, i + 1] += total(s11)


@block
def _tile_2_by_4(u, z, i, j, padded, second):
    s00 = narrow(0.0)
    s01 = narrow(0.0)
    s02 = narrow(0.0)
    s03 = narrow(0.0)
    s10 = narrow(0.0)
    s11 = narrow(0.0)
    s12 = narrow(0.0)
    s13 = narrow(0.0)
    for b in range(0, padded, NARROW):
        u0 = load_narrow(u, 0, b)
        u1 = load_narrow(u, 1, b)
        v = load_narrow(z, j, b)
        s00 = fma(u0, v, s00)
        s10 = fma(u1, v, s10)
        v = load_narrow(z, j + 1, b)
        s01 = fma(u0, v, s01)
        s11 = fma(u1, v, s11)
        v = load_narrow(z, j + 2, b)
        s02 = fma(u0, v, s02)
        s12 = fma(u1, v, s12)
        v = load_narrow(z, j + 3, b)
        s03 = fma(u0, v, s03)
        s13 = fma(u1, v, s13)
    second[i, j] += total(s00)
    second[i, j + 1] += total(s01)
    second[i, j + 2] += total(s02)
    second[i, j + 3] += total(s03)
    second[i + 1, j] += total(s10)
    second[i + 1, j + 1] += total(s11)
    second[i + 1, j + 2] += total(s12)
    second[i + 1, j + 3] += total(s13)


@block
def _last_row(r, k, z, i, padded, u, first, second):
    """Row i of an odd d, one product at a time."""
    t = wide(0.0)
    for b in range(0, padded, WIDE):
        v = mul(load_wide(r, k, b), load_wide(z, i, b))
        store(u, 0, b, v)
        t = add(t, v)
    first[i] += total(t)
    for j in range(i + 1):
        s = wide(0.0)
        for b in range(0, padded, WIDE):
            s = fma(load_wide(u, 0, b), load_wide(z, j, b), s)
        second[i, j] += total(s)


@block
def moments_block(x, padded, r, k, centre, z, u, first, second):
    """Add Σ_b r_kb (x_b - μ) to `first` and the lower triangle of Σ_b r_kb (x_b - μ)(x_b - μ)ᵀ to `second`.

    z (d, padded) and u (4, padded) are workspaces.
    """
    d = x.shape[0]
    for j in range(d):
        for b in range(0, padded, WIDE):
            store(z, j, b, sub(load_wide(x, j, b), wide(centre[j])))
    i = 0
    while i + 4 <= d:
        _rows_4(r, k, z, i, padded, u, first)
        for j in range(0, i, 4):
            _tile_4_by_4(u, z, i, j, padded, second)
        _triangle_4(u, z, i, padded, second)
        i += 4
    if i + 2 <= d:
        _pair(r, k, z, i, padded, u, first, second)
        for j in range(0, i, 4):
            _tile_2_by_4(u, z, i, j, padded, second)
        i += 2
    if i < d:
        _last_row(r, k, z, i, padded, u, first, second)


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
    z = workspace(d, length)
    strip = workspace(d, WIDE)
    u = workspace(4, length)
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
            log_joint_block(x, padded, coefficients, centres, factors, r, strip)
            log_likelihood[slot] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[slot, k] += row_total(r, k, padded)
            moments_block(x, padded, r, k, centres[k], z, u, first[slot, k], second[slot, k])


@block
def update(counts, first, second, reg_covar, old, new):
    """The M-step from the moments about the old means, and the factors of the new covariances.

    `old` and `new` are (weights, means, covariances, factors, coefficients). Returns -1, or the component whose new
    covariance is not positive definite.
    """
    old_weights, old_means, old_covariances, old_factors, old_coefficients = old
    weights, means, covariances, factors, coefficients = new
    n_components, d = means.shape
    new_weights(counts, weights)
    lower = np.empty((d, d))
    for k in range(n_components):
        if counts[k] == 0.0:
            means[k] = old_means[k]
            covariances[k] = old_covariances[k]
            factors[k] = old_factors[k]
            coefficients[k] = -math.inf
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
        log_det = factorise(covariances[k], lower, factors[k])
        if math.isnan(log_det):
            return k
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
        np.empty((1, n_components, d, d)),
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
    strip = workspace(X.shape[1], WIDE)
    log_joint = workspace(centres.shape[0], length)
    scratch = workspace(2, WIDE)
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        log_joint_block(x, padded, coefficients, centres, factors, log_joint, strip)
        emit(log_joint, size, padded, low, what, scratch, scores, table, labels)
