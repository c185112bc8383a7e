"""One covariance matrix shared by all components.

E-step   y = W (x - x₀) once per sample, with W the inverse of the Cholesky factor of Σ and x₀ the mean of the centres;
         then log_joint[k, b] = c_k - |y_b - ν_k|² / 2 with ν_k = W (μ_k - x₀): a spherical model of the whitened data
Moments  S1_k = Σ_b r_bk (y_b - ν_k), and T = Σ_b w_b (x_b - x₀)(x_b - x₀)ᵀ, which does not depend on the parameters
M-step   δ_k = L S1_k / N_k,  μ_k + δ_k,  Σ = (T - Σ_k N_k (μ_k - x₀)(μ_k - x₀)ᵀ) / N + ε I  with the new means

The last line subtracts the scatter between the components from the total. Where they lie far apart (against Σ) the two
nearly cancel, and (separation / σ)² units in the last place are lost. `far_apart` measures that; beyond `TOO_FAR` the caller
takes the moments from `full.run_pass` with the shared factor instead: differences from each component's own mean, which
never cancel, for K times the work.
"""

import math

import numpy as np

from gmm.engine import full
from gmm.engine.blocks import load_block, load_responsibilities, workspace
from gmm.engine.compilation import block, entry
from gmm.engine.simd import WIDE, fma, load_wide, store, sub, wide
from gmm.engine.small_algebra import cholesky, factorise, log_coefficient, new_weights
from gmm.engine.softmax import emit, responsibilities, row_total
from gmm.engine.spherical import distances_block, first_moments_block
from gmm.engine.statuses import BAD_LIKELIHOOD, CONVERGED, FAR_APART, RUNNING

# Between over within scatter. At this ratio the subtraction loses at most four of float64's sixteen digits.
TOO_FAR = 1e4


@block
def whiten_block(x, padded, reference, factor, z, y):
    """y = W (x - x₀) for the block x (d, padded): four rows of W at a time. z (d, WIDE) is a workspace."""
    d = x.shape[0]
    for b in range(0, padded, WIDE):
        for j in range(d):
            store(z, j, 0, sub(load_wide(x, j, b), wide(reference[j])))
        i = 0
        while i + 4 <= d:
            y0 = wide(0.0)
            y1 = wide(0.0)
            y2 = wide(0.0)
            y3 = wide(0.0)
            for j in range(i + 4):  # W is zero above its diagonal
                v = load_wide(z, j, 0)
                y0 = fma(wide(factor[i, j]), v, y0)
                y1 = fma(wide(factor[i + 1, j]), v, y1)
                y2 = fma(wide(factor[i + 2, j]), v, y2)
                y3 = fma(wide(factor[i + 3, j]), v, y3)
            store(y, i, b, y0)
            store(y, i + 1, b, y1)
            store(y, i + 2, b, y2)
            store(y, i + 3, b, y3)
            i += 4
        while i < d:
            y0 = wide(0.0)
            for j in range(i + 1):
                y0 = fma(wide(factor[i, j]), load_wide(z, j, 0), y0)
            store(y, i, b, y0)
            i += 1


@block
def log_joint_block(padded, coefficients, distances, log_joint):
    """log_joint = c_k - distances / 2."""
    for k in range(coefficients.size):
        for b in range(0, padded, WIDE):
            store(
                log_joint, k, b, fma(wide(-0.5), load_wide(distances, k, b), wide(coefficients[k]))
            )


@block
def whiten_centres(means, reference, factor, centres):
    """ν_k = W (μ_k - x₀)."""
    n_components, d = means.shape
    for k in range(n_components):
        for i in range(d):
            s = 0.0
            for j in range(i + 1):
                s += factor[i, j] * (means[k, j] - reference[j])
            centres[k, i] = s


@block
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
    factor,
    reference,
    log_likelihood,
    counts,
    first,
    scatter,
):
    """Add the statistics of samples start … stop - 1 to the slots; `centres` and `first` are whitened.

    scatter (slots, d, d) receives the lower triangle of T; a first axis of length 0 leaves it out.
    """
    d = X.shape[1]
    n_components = centres.shape[0]
    with_scatter = scatter.shape[0] > 0
    x = workspace(d, length)
    y = workspace(d, length)
    strip = workspace(d, WIDE)
    u = workspace(4, length)
    scratch = workspace(2, length)
    r = workspace(n_components, length)
    distances = workspace(n_components, length)
    ignored = np.empty(d)
    for low in range(start, stop, length):
        slot = (low - start) // chunk
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        whiten_block(x, padded, reference, factor, strip, y)
        distances_block(y, padded, centres, distances)
        if given.size:
            load_responsibilities(given, low, size, padded, sample_weight, r)
        else:
            log_joint_block(padded, coefficients, distances, r)
            log_likelihood[slot] += responsibilities(r, size, padded, sample_weight, low, scratch)
        for k in range(n_components):
            counts[slot, k] += row_total(r, k, padded)
            first_moments_block(y, padded, r, k, centres[k], first[slot, k])
        if with_scatter:
            for b in range(padded):
                scratch[0, b] = 0.0
                for k in range(n_components):
                    scratch[0, b] += r[k, b]
            full.moments_block(x, padded, scratch, 0, reference, y, u, ignored, scatter[slot])


@block
def update(counts, first, scatter, reference, reg_covar, old, new):
    """The M-step from the whitened moments and the total scatter T about x₀.

    `old` and `new` are (weights, means, covariance, factor, coefficients). Returns -1, or 0 if the new covariance is
    not positive definite.
    """
    old_weights, old_means, old_covariance, old_factor, old_coefficients = old
    weights, means, covariance, factor, coefficients = new
    n_components, d = means.shape
    new_weights(counts, weights)
    lower = np.empty((d, d))
    cholesky(old_covariance, lower)
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
    log_det = factorise(covariance, lower, factor)
    if math.isnan(log_det):
        return 0
    for k in range(n_components):
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


@entry
def step(counts, first, scatter, reference, reg_covar, old, new):
    """`update` for callers in Python; also 0 where total minus between scatter cancels too much to be trusted."""
    failed = update(counts, first, scatter, reference, reg_covar, old, new)
    if failed < 0:
        centres = np.empty_like(new[1])
        whiten_centres(new[1], reference, new[3], centres)
        if far_apart(new[0], centres) > TOO_FAR:
            return 0
    return failed


@block
def update_pooled(counts, first, second, reg_covar, old, new):
    """The M-step from each component's own moments (of `full.run_pass`): Σ = Σ_k (S2_k - N_k δ_k δ_kᵀ) / N + ε I."""
    old_weights, old_means, old_covariance, old_factor, old_coefficients = old
    weights, means, covariance, factor, coefficients = new
    n_components, d = means.shape
    new_weights(counts, weights)
    lower = np.empty((d, d))
    covariance[:] = 0.0
    n_effective = 0.0
    for k in range(n_components):
        n_effective += counts[k]
        inverse = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        for i in range(d):
            delta = first[k, i] * inverse
            means[k, i] = old_means[k, i] + delta
            for j in range(i + 1):
                covariance[i, j] += second[k, i, j] - delta * first[k, j]
    for i in range(d):
        for j in range(i + 1):
            covariance[i, j] /= n_effective
            covariance[j, i] = covariance[i, j]
        covariance[i, i] += reg_covar
    log_det = factorise(covariance, lower, factor)
    if math.isnan(log_det):
        return 0
    for k in range(n_components):
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return -1


@entry
def step_pooled(counts, first, second, reg_covar, old, new):
    """`update_pooled` for callers in Python."""
    return update_pooled(counts, first, second, reg_covar, old, new)


@entry
def fit(
    X, sample_weight, total_weight, chunk, length, shift, scale, reg_covar, tol, parameters, previous, history,
    reference, scatter, scatter_known,
):  # fmt: skip
    """Up to history.size iterations of EM, in place. Returns (iterations, status, component); see `gmm.engine.em`.

    scatter (1, d, d) is filled by the first iteration unless `scatter_known`. FAR_APART ends the bout with
    the parameters from before the iteration that it stopped.
    """
    weights, means, covariance, factor, coefficients = parameters
    n_components, d = means.shape
    new = (
        np.empty_like(weights),
        np.empty_like(means),
        np.empty_like(covariance),
        np.empty_like(factor),
        np.empty_like(coefficients),
    )
    given = np.empty((0, 0))
    n_samples = X.shape[0]
    centres = np.empty_like(means)
    log_likelihood = np.empty(1)
    counts, first = np.empty((1, n_components)), np.empty((1, n_components, d))
    sum_counts, sum_first = np.empty_like(counts), np.empty_like(first)
    chunk_scatter = np.empty((1, d, d))
    for iteration in range(history.size):
        whiten_centres(means, reference, factor, centres)
        if far_apart(weights, centres) > TOO_FAR:
            return iteration, FAR_APART, -1
        total = 0.0
        sum_counts[:] = 0.0
        sum_first[:] = 0.0
        if not scatter_known:
            scatter[:] = 0.0
        for low in range(0, n_samples, chunk):
            log_likelihood[0] = 0.0
            counts[:] = 0.0
            first[:] = 0.0
            chunk_scatter[:] = 0.0
            run_pass(
                X, sample_weight, given, low, min(low + chunk, n_samples), chunk, length, shift, scale,
                coefficients, centres, factor, reference, log_likelihood, counts, first,
                chunk_scatter[: 0 if scatter_known else 1],
            )  # fmt: skip
            total += log_likelihood[0]
            sum_counts += counts
            sum_first += first
            if not scatter_known:
                scatter += chunk_scatter
        scatter_known = True
        mean = total / total_weight
        history[iteration] = mean
        if not math.isfinite(mean):
            return iteration + 1, BAD_LIKELIHOOD, -1
        failed = update(
            sum_counts[0], sum_first[0], scatter[0], reference, reg_covar, parameters, new
        )
        if failed < 0:
            whiten_centres(new[1], reference, new[3], centres)
        if failed >= 0 or far_apart(new[0], centres) > TOO_FAR:
            return (
                iteration,
                FAR_APART,
                -1,
            )  # cancellation, or a singular matrix: the other M-step will tell
        weights[:] = new[0]
        means[:] = new[1]
        covariance[:] = new[2]
        factor[:] = new[3]
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
    factor,
    reference,
    what,
    scores,
    table,
    labels,
):
    """Write what `gmm.engine.softmax.emit` makes of the log joints of samples start … stop - 1."""
    n_components, d = centres.shape
    x = workspace(d, length)
    y = workspace(d, length)
    strip = workspace(d, WIDE)
    distances = workspace(n_components, length)
    log_joint = workspace(n_components, length)
    scratch = workspace(2, WIDE)
    for low in range(start, stop, length):
        size = min(length, stop - low)
        padded = -(-size // WIDE) * WIDE
        load_block(X, low, size, padded, shift, scale, x)
        whiten_block(x, padded, reference, factor, strip, y)
        distances_block(y, padded, centres, distances)
        log_joint_block(padded, coefficients, distances, log_joint)
        emit(log_joint, size, padded, low, what, scratch, scores, table, labels)
