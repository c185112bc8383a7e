"""The small matrices: Cholesky factors and the M-steps' arithmetic on K of them. Nothing here depends on n."""

import math

from gmm.engine.compilation import block

LOG_2PI = math.log(2.0 * math.pi)
EPS = 2.220446049250313e-16
# A component with less total responsibility than this has no data left: its moments would be rounding noise.
DEAD = 1e-280


@block
def cholesky(a, lower):
    """lower @ lower.T = a, reading the lower triangle of a. False if a is not (numerically) positive definite.

    A pivot that is not above the rounding error of its own subtraction carries no information: the matrix is
    singular to working precision, and the factor would be noise.
    """
    d = a.shape[0]
    for i in range(d):
        for j in range(i):
            s = a[i, j]
            for m in range(j):
                s -= lower[i, m] * lower[j, m]
            lower[i, j] = s / lower[j, j]
        pivot = a[i, i]
        for m in range(i):
            pivot -= lower[i, m] * lower[i, m]
        if not (pivot > 2.0 * EPS * a[i, i] and pivot < math.inf):
            return False
        lower[i, i] = math.sqrt(pivot)
        for j in range(i + 1, d):
            lower[i, j] = 0.0
    return True


@block
def invert_lower(lower, inverse):
    """inverse @ lower = I for a lower triangular matrix, row by row (contiguous, so that it vectorises)."""
    d = lower.shape[0]
    for i in range(d):
        for c in range(d):
            inverse[i, c] = 0.0
        for j in range(i):
            a = lower[i, j]
            for c in range(j + 1):
                inverse[i, c] -= a * inverse[j, c]
        pivot = lower[i, i]
        for c in range(i):
            inverse[i, c] /= pivot
        inverse[i, i] = 1.0 / pivot


@block
def factorise(covariance, lower, factor):
    """W with W Σ Wᵀ = I, the inverse of the Cholesky factor. Returns log det W, or NaN: Σ is not positive definite."""
    if not cholesky(covariance, lower):
        return math.nan
    invert_lower(lower, factor)
    log_det = 0.0
    for i in range(covariance.shape[0]):
        log_det -= math.log(lower[i, i])
    return log_det


@block
def log_coefficient(weight, d, log_det):
    """log π - d/2 log 2π + log det W: what a component's log joint adds to -|W(x - μ)|²/2. π = 0 gives -inf."""
    log_weight = math.log(weight) if weight > 0.0 else -math.inf
    return log_weight - 0.5 * d * LOG_2PI + log_det


@block
def new_weights(counts, weights):
    """π_k = N_k / Σ N, with N_k = 0 for components without data (eq. of the M-step for the weights)."""
    total = 0.0
    for k in range(counts.size):
        if counts[k] < DEAD:
            counts[k] = 0.0
        total += counts[k]
    for k in range(counts.size):
        weights[k] = counts[k] / total
