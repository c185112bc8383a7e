"""Diagonal covariances: each component has a variance per feature.

E-step   log_joint[k, b] = c_k - Σ_j ((x_jb - μ_kj) / σ_kj)² / 2 (eq-joint-density)
Moments  S1_kj = Σ_b r_bk (x_jb - μ_kj),  S2_kj = Σ_b r_bk (x_jb - μ_kj)²
M-step   δ = S1 / N,  μ + δ (eq-update-means),  σ² = S2 / N - δ² + ε (eq-update-diagonal, eq-ridge)
"""

import math

from gmm.engine.blocks import load_block, load_responsibilities
from gmm.engine.compilation import block, entry
from gmm.engine.flat import parameter_views, statistics_views
from gmm.engine.simd import WIDE, add, fma, load_wide, mul, store, sub, total, wide
from gmm.engine.small_algebra import NOISE, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.statuses import BAD_COVARIANCE, BAD_LIKELIHOOD, CONVERGED, RUNNING
from gmm.engine.team import ADD, LEAD, draw_ticket, hand_in, open_pass
from gmm.engine.tiles import moments_of_4_features


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
def moments_block(x, padded, r, centres, first, second):
    """Add Σ_b r_kb (x_b - μ_k) to first[k] and Σ_b r_kb (x_b - μ_k)² to second[k]; four features at a time share r."""
    d = x.shape[0]
    for k in range(centres.shape[0]):
        for j in range(0, d - 3, 4):
            moments_of_4_features(x, r, k, centres, j, padded, first[k], second[k])
        for j in range(d // 4 * 4, d):
            s1 = wide(0.0)
            s2 = wide(0.0)
            for b in range(0, padded, WIDE):
                z = sub(load_wide(x, j, b), wide(centres[k, j]))
                u = mul(load_wide(r, k, b), z)
                s1 = add(s1, u)
                s2 = fma(u, z, s2)
            first[k, j] += total(s1)
            second[k, j] += total(s2)


@block
def update(sum_values, reg_covar, old_values, new_values, n_components, d):
    """The M-step from the moments about the old means (eq-m-step), and the new 1 / σ.

    The new parameters are a copy of the old ones at first (for the layouts see `gmm.engine.flat`). Returns
    -1, or the component one of whose variances is nothing but rounding.
    """
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    second = flat_second.reshape((n_components, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = flat.reshape((n_components, d)), flat_factors.reshape((n_components, d))
    new_weights(counts, weights)
    for k in range(n_components):
        if counts[k] == 0.0:
            coefficients[k] = -math.inf  # its mean and covariance stay as they are in `new`: those of `old`
            continue
        inverse = 1.0 / counts[k]
        log_det = 0.0
        for j in range(d):
            delta = first[k, j] * inverse
            means[k, j] = old_means[k, j] + delta
            size = second[k, j] * inverse + reg_covar
            variance = size - delta * delta
            # The test of `gmm.engine.small_algebra` for one feature by itself.
            if not (variance > NOISE * size and variance < math.inf):
                return k
            covariances[k, j] = variance
            factors[k, j] = 1.0 / math.sqrt(variance)
            log_det += math.log(factors[k, j])
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


def work_rows(n_features, n_components):
    """Rows of `run`'s workspace."""
    return n_features + 2 + n_components


@block
def add_samples(X, sample_weight, given, start, stop, layout, work, coefficients, centres, factors, slot):
    """Add the statistics of samples start … stop - 1 to the slot: E-step and moments, block by block.

    The rows of r are the responsibilities, and their sums the effective counts (eq-e-step, eq-effective-counts).
    """
    length, _, shift, scale = layout
    n_components, d = centres.shape
    log_likelihood, counts, first, flat = statistics_views(slot, n_components, d)
    second = flat.reshape((n_components, d))
    x, scratch, r = work[:d], work[d : d + 2], work[d + 2 : d + 2 + n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        if given.size:
            load_responsibilities(given, sample_weight, low, size, padded, r)
        else:
            log_joint_block(x, padded, coefficients, centres, factors, r)
            log_likelihood[0] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[k] += row_total(r, k, padded)
        moments_block(x, padded, r, centres, first, second)


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
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        log_joint_block(x, padded, coefficients, centres, factors, log_joint)
        emit(log_joint, size, padded, low, what, scratch, outputs)
