"""Spherical covariances: each component has one variance.

E-step   log_joint[k, b] = c_k - |x_b - μ_k|² / (2 σ_k²) (eq-joint-density)
Moments  S1_k = Σ_b r_bk (x_b - μ_k),  S2_k = Σ_b r_bk |x_b - μ_k|²
M-step   δ = S1 / N,  μ + δ (eq-update-means),  σ² = (S2 / N - |δ|²) / d + ε (eq-update-spherical, eq-ridge)
"""

import math

from gmm.engine.blocks import load_block, load_responsibilities
from gmm.engine.compilation import block, entry
from gmm.engine.flat import parameter_views, statistics_views
from gmm.engine.simd import WIDE, fma, load_wide, mul, store, sub, total, wide
from gmm.engine.small_algebra import NOISE, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, RUNNING
from gmm.engine.team import ADD, LEAD, draw_ticket, hand_in, open_pass
from gmm.engine.tiles import sums_of_8_features


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


@block
def log_joint_block(padded, coefficients, factors, distances, log_joint):
    """log_joint = c_k - distances / (2 σ_k²), with factors[k] = 1 / σ_k."""
    for k in range(factors.size):
        half = wide(-0.5 * factors[k])
        factor = wide(factors[k])
        for b in range(0, padded, WIDE):
            store(
                log_joint,
                k,
                b,
                fma(mul(half, load_wide(distances, k, b)), factor, wide(coefficients[k])),
            )


@block
def first_moments_block(x, padded, r, centres, first):
    """Add Σ_b r_kb (x_b - μ_k) to first[k]; eight features at a time share r and keep the processor's units busy."""
    d = x.shape[0]
    for k in range(centres.shape[0]):
        for j in range(0, d - 7, 8):
            sums_of_8_features(x, r, k, centres, j, padded, first[k], first[k])
        j = d // 8 * 8
        while j + 2 <= d:
            s0 = wide(0.0)
            s1 = wide(0.0)
            for b in range(0, padded, WIDE):
                weight = load_wide(r, k, b)
                s0 = fma(weight, sub(load_wide(x, j, b), wide(centres[k, j])), s0)
                s1 = fma(weight, sub(load_wide(x, j + 1, b), wide(centres[k, j + 1])), s1)
            first[k, j] += total(s0)
            first[k, j + 1] += total(s1)
            j += 2
        if j < d:
            s0 = wide(0.0)
            for b in range(0, padded, WIDE):
                s0 = fma(load_wide(r, k, b), sub(load_wide(x, j, b), wide(centres[k, j])), s0)
            first[k, j] += total(s0)


@block
def row_product(a, b_rows, k, padded):
    """Σ_b a[k, b] b_rows[k, b]."""
    s = wide(0.0)
    for b in range(0, padded, WIDE):
        s = fma(load_wide(a, k, b), load_wide(b_rows, k, b), s)
    return total(s)


# ---------------------------------------------------------------------------------------------------------------------
# The pass over the data, the M-step and the loop


@block
def update(sum_values, reg_covar, old_values, new_values, n_components, d):
    """The M-step from the moments about the old means (eq-m-step), and the new 1 / σ.

    The new parameters are a copy of the old ones at first (for the layouts see `gmm.engine.flat`). Returns
    -1, or the component whose variance is nothing but rounding.
    """
    _, counts, first, second = statistics_views(sum_values, n_components, d)
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, covariances, factors, coefficients = parameter_views(new_values, n_components, d)
    new_weights(counts, weights)
    for k in range(n_components):
        if counts[k] == 0.0:
            coefficients[k] = -math.inf  # its mean and covariance stay as they are in `new`: those of `old`
            continue
        inverse = 1.0 / counts[k]
        shift = 0.0
        for j in range(d):
            delta = first[k, j] * inverse
            means[k, j] = old_means[k, j] + delta
            shift += delta * delta
        size = second[k] * inverse / d + reg_covar
        variance = size - shift / d
        # The test of `gmm.engine.small_algebra` for all features at once.
        if not (variance > NOISE * size and variance < math.inf):
            return k
        covariances[k] = variance
        factors[k] = 1.0 / math.sqrt(variance)
        coefficients[k] = log_coefficient(weights[k], d, d * math.log(factors[k]))
    return -1


def work_rows(n_features, n_components):
    """Rows of `run`'s workspace."""
    return n_features + 2 + 2 * n_components


@block
def add_samples(X, sample_weight, given, start, stop, layout, work, coefficients, centres, factors, slot):
    """Add the statistics of samples start … stop - 1 to the slot: E-step and moments, block by block.

    The rows of r are the responsibilities, and their sums the effective counts (eq-e-step, eq-effective-counts).
    """
    length, _, shift, scale = layout
    n_components, d = centres.shape
    log_likelihood, counts, first, second = statistics_views(slot, n_components, d)
    x, scratch, r = work[:d], work[d : d + 2], work[d + 2 : d + 2 + n_components]
    distances = work[d + 2 + n_components : d + 2 + 2 * n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        distances_block(x, padded, centres, distances)
        if given.size:
            load_responsibilities(given, sample_weight, low, size, padded, r)
        else:
            log_joint_block(padded, coefficients, factors, distances, r)
            log_likelihood[0] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[k] += row_total(r, k, padded)
            second[k] += row_product(r, distances, k, padded)
        first_moments_block(x, padded, r, centres, first)


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
    x, scratch, log_joint = work[:d], work[d : d + 2], work[d + 2 : d + 2 + n_components]
    distances = work[d + 2 + n_components : d + 2 + 2 * n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        distances_block(x, padded, centres, distances)
        log_joint_block(padded, coefficients, factors, distances, log_joint)
        emit(log_joint, size, padded, low, what, scratch, outputs)
