"""One covariance matrix shared by all components.

E-step   y = W (x - x₀) once per sample, with W the inverse of the Cholesky factor of Σ and x₀ the mean of the centres;
         then log_joint[k, b] = c_k - |y_b - ν_k|² / 2, ν_k = W (μ_k - x₀): a spherical model of the whitened data
         (eq-joint-density)
Moments  S1_k = Σ_b r_bk (y_b - ν_k); and, once for all iterations, T = Σ_i w_i (x_i - x₀)(x_i - x₀)ᵀ
M-step   δ_k = L S1_k / N_k,  μ_k + δ_k (eq-update-means),
         Σ = (T - Σ_k N_k (μ_k - x₀)(μ_k - x₀)ᵀ) / N + ε I  with the new means (eq-update-tied, eq-ridge)

The last line subtracts the scatter between the components from the total. Where they lie far apart (against Σ) the
two nearly cancel, and (separation / σ)² units in the last place are lost. `far_apart` measures that; beyond `TOO_FAR`
the caller takes the moments from `full.run` with the shared factor instead: differences from each component's own
mean, which never cancel, for K times the work.
"""

import math

import numpy as np

from gmm.engine.blocks import load_block, load_responsibilities
from gmm.engine.compilation import block, entry, exact
from gmm.engine.flat import parameter_views, statistics_views
from gmm.engine.simd import WIDE, fma, load_wide, store, sub, wide
from gmm.engine.small_algebra import cholesky, factorise, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.spherical import distances_block, first_moments_block
from gmm.engine.statuses import BAD_LIKELIHOOD, CONVERGED, FAR_APART, RUNNING
from gmm.engine.team import ADD, LEAD, draw_ticket, hand_in, open_pass
from gmm.engine.tiles import product_of_1_row, product_of_2_rows, product_of_4_rows

# Between over within scatter. At this ratio the subtraction loses at most four of float64's sixteen digits.
TOO_FAR = 1e4


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


@block
def log_joint_block(padded, coefficients, distances, log_joint):
    """log_joint = c_k - distances / 2."""
    for k in range(coefficients.size):
        for b in range(0, padded, WIDE):
            store(log_joint, k, b, fma(wide(-0.5), load_wide(distances, k, b), wide(coefficients[k])))


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


@entry
def prepare(weights, means, reference, factor, centres):
    """Fill `centres` with ν and return `far_apart`, for callers in Python."""
    whiten_centres(means, reference, factor, centres)
    return far_apart(weights, centres)


@block
def update(sum_values, scatter, reference, reg_covar, old_values, new_values, n_components, d):
    """The M-step from the whitened moments and the total scatter T about x₀ (eq-m-step).

    For the layouts see `gmm.engine.flat`. Returns -1, or 0 if the new covariance is
    singular.
    """
    _, counts, first, _ = statistics_views(sum_values, n_components, d)
    _, old_means, old_covariance, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factor, coefficients = parameter_views(new_values, n_components, d)
    covariance, factor = flat.reshape((d, d)), flat_factor.reshape((d, d))
    new_weights(counts, weights)
    lower = np.empty((d, d))
    sizes = np.empty(d)
    cholesky(old_covariance.reshape((d, d)), lower)
    offsets = np.empty((n_components, d))
    n_effective = 0.0
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
            value = (scatter[i, j] - between) / n_effective
            covariance[i, j] = value
            covariance[j, i] = value
        covariance[i, i] += reg_covar
        sizes[i] = math.sqrt(scatter[i, i] / n_effective + reg_covar)
    log_det = factorise(covariance, sizes, lower, factor)
    if math.isnan(log_det):
        return 0
    for k in range(n_components):
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


@block
def update_pooled(counts, first, second, reg_covar, old, new):
    """The M-step from each component's own moments (of `full.run`): Σ = Σ_k (S2_k - N_k δ_k δ_kᵀ) / N + ε I."""
    old_means = old[1]
    weights, means, covariance, factor, coefficients = new
    n_components, d = means.shape
    new_weights(counts, weights)
    lower = np.empty((d, d))
    sizes = np.zeros(d)
    for i in range(covariance.size):
        covariance.flat[i] = 0.0
    n_effective = 0.0
    for k in range(n_components):
        n_effective += counts[k]
        inverse = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        for i in range(d):
            delta = first[k, i] * inverse
            means[k, i] = old_means[k, i] + delta
            for j in range(i + 1):
                covariance[i, j] += second[k, i, j] - delta * first[k, j]
            sizes[i] += second[k, i, i]
    for i in range(d):
        for j in range(i + 1):
            covariance[i, j] /= n_effective
            covariance[j, i] = covariance[i, j]
        covariance[i, i] += reg_covar
        sizes[i] = math.sqrt(sizes[i] / n_effective + reg_covar)
    log_det = factorise(covariance, sizes, lower, factor)
    if math.isnan(log_det):
        return 0
    for k in range(n_components):
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


@entry
def step_pooled(counts, first, second, reg_covar, old, new):
    """`update_pooled` for callers in Python."""
    return update_pooled(counts, first, second, reg_covar, old, new)


def work_rows(n_features, n_components):
    """Rows of `run`'s workspace."""
    return 3 * n_features + 2 + 2 * n_components


@block
def add_samples(X, sample_weight, given, start, stop, layout, work, coefficients, centres, factor, reference, slot):
    """Add the statistics of samples start … stop - 1 to the slot: E-step and moments, block by block.

    The rows of r are the responsibilities, and their sums the effective counts (eq-e-step, eq-effective-counts).
    """
    length, _, shift, scale = layout
    n_components, d = centres.shape
    log_likelihood, counts, first, _ = statistics_views(slot, n_components, d)
    x, y, z = work[:d], work[d : 2 * d], work[2 * d : 3 * d]
    scratch = work[3 * d : 3 * d + 2]
    r = work[3 * d + 2 : 3 * d + 2 + n_components]
    distances = work[3 * d + 2 + n_components : 3 * d + 2 + 2 * n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        whiten_block(x, padded, reference, factor, z, y)
        distances_block(y, padded, centres, distances)
        if given.size:
            load_responsibilities(given, sample_weight, low, size, padded, r)
        else:
            log_joint_block(padded, coefficients, distances, r)
            log_likelihood[0] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[k] += row_total(r, k, padded)
        first_moments_block(y, padded, r, centres, first)


@entry
def run(
    X,
    sample_weight,
    given,
    start,
    stop,
    layout,
    work,
    coefficients,
    centres,
    factor,
    reference,
    slot,
    loop,
    team,
):
    """One pass over samples start … stop - 1, or EM iterations over them; see `full.run`.

    `centres` and `first` are whitened. The last element of `loop` is T (d, d), which only the M-step needs.
    FAR_APART ends the loop with the parameters from before the iteration that it stopped.
    """
    chunk = layout[1]
    history, sum_values, old_values, new_values, total_weight, reg_covar, tol, previous, scatter = loop
    state, places, role = team
    n_components, d = centres.shape
    n_chunks = -(-(stop - start) // chunk)
    iteration = 0
    while True:
        if role == LEAD and history.size:
            old = parameter_views(old_values, n_components, d)
            whiten_centres(old[1], reference, factor, centres)
            if far_apart(old[0], centres) > TOO_FAR:
                return iteration, FAR_APART, -1
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
                factor,
                reference,
                slot,
            )
            if role == ADD:
                return 0, RUNNING, -1
            hand_in(state, places, ticket, slot, sum_values)
        if role != LEAD or history.size == 0:
            return iteration, RUNNING, -1
        mean = sum_values[0] / total_weight
        history[iteration] = mean
        if not math.isfinite(mean):
            return iteration + 1, BAD_LIKELIHOOD, -1
        for p in range(new_values.size):
            new_values[p] = old_values[p]
        failed = update(sum_values, scatter, reference, reg_covar, old_values, new_values, n_components, d)
        new = parameter_views(new_values, n_components, d)
        if failed < 0:
            whiten_centres(new[1], reference, new[3].reshape((d, d)), centres)
        if failed >= 0 or far_apart(new[0], centres) > TOO_FAR:
            return iteration, FAR_APART, -1  # cancellation, or a singular matrix: the other M-step will tell
        for p in range(new_values.size):
            old_values[p] = new_values[p]
        iteration += 1
        if abs(mean - previous) < tol:
            return iteration, CONVERGED, -1
        if iteration == history.size:
            return iteration, RUNNING, -1
        previous = mean


@entry
def run_scores(X, start, stop, layout, coefficients, centres, factor, reference, what, work, outputs):
    """Write what `gmm.engine.softmax.emit` makes of the log joints of samples start … stop - 1."""
    length, _, shift, scale = layout
    n_components, d = centres.shape
    x, y, z = work[:d], work[d : 2 * d], work[2 * d : 3 * d]
    scratch = work[3 * d : 3 * d + 2]
    log_joint = work[3 * d + 2 : 3 * d + 2 + n_components]
    distances = work[3 * d + 2 + n_components : 3 * d + 2 + 2 * n_components]
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        whiten_block(x, padded, reference, factor, z, y)
        distances_block(y, padded, centres, distances)
        log_joint_block(padded, coefficients, distances, log_joint)
        emit(log_joint, size, padded, low, what, scratch, outputs)
