"""The small matrices: Cholesky factors and the M-steps' arithmetic on K of them. Nothing here depends on n.

When is a covariance singular? The M-step knows Σ_ij up to the rounding of the sums behind it, eps s_i s_j with
s_j² = S2_jj / N + ε the second moment of feature j about the old mean. Row i of W = L⁻¹ holds the combination
y_i = Σ_j W_ij (x_j - μ_j) of variance 1; the rounding of Σ puts an error of about eps Σ_j (W_ij s_j)² on that 1. Where
the error reaches the 1 itself, the variance is nothing but rounding, and the matrix is called singular. So the test is

    NOISE Σ_j (W_ij s_j)² < 1 for every row i.

It does not change with the units of any feature. A correlation of 1 - 1e-12 passes: it is resolved to about 1e-3. One
of 1 - 1e-15 does not, and a column that is the sum of others never does, wherever EM began. With ε > 0 a dependent
column passes as long as ε is more than rounding beside the features' variances, some 1e-15 of them.
"""

import math

from gmm.engine.compilation import block

LOG_2PI = math.log(2.0 * math.pi)
EPS = 2.220446049250313e-16
# Exactly dependent features left variances of up to 5 EPS in some thousand trials (n to 10⁶, d to 100).
NOISE = 16.0 * EPS
# A component with less total responsibility than this has no data left: its moments would be rounding noise.
DEAD = 1e-280


@block
def cholesky(a, lower):
    """lower @ lower.T = a (eq-cholesky), reading the lower triangle of a.

    Returns log det lower (eq-log-determinant), or NaN if a is not positive definite.
    """
    d = a.shape[0]
    log_det = 0.0
    for i in range(d):
        for j in range(i):
            s = a[i, j]
            for m in range(j):
                s -= lower[i, m] * lower[j, m]
            lower[i, j] = s / lower[j, j]
        pivot = a[i, i]
        for m in range(i):
            pivot -= lower[i, m] * lower[i, m]
        if not (pivot > 0.0 and pivot < math.inf):
            return math.nan
        lower[i, i] = math.sqrt(pivot)
        log_det += math.log(lower[i, i])
        for j in range(i + 1, d):
            lower[i, j] = 0.0
    return log_det


@block
def invert_lower(lower):
    """Put the inverse of a lower triangular matrix in its place: eq-forward-substitution for all unit vectors at once.

    Row by row, which is contiguous and vectorises. With the inverse, a sample's distance is a product: no division.
    """
    for i in range(lower.shape[0]):
        for j in range(i):
            # What is right of column j is still to be read, what is left of it is the inverse in the making.
            a = lower[i, j]
            lower[i, j] = 0.0
            for c in range(j + 1):
                lower[i, c] -= a * lower[j, c]
        pivot = lower[i, i]
        for c in range(i):
            lower[i, c] /= pivot
        lower[i, i] = 1.0 / pivot


@block
def factorise(covariance, sizes, factor):
    """W with W Σ Wᵀ = I, the inverse of the Cholesky factor.

    Returns log det W (eq-log-determinant), or NaN: Σ is singular.

    sizes[j] is s_j above.
    """
    log_det = -cholesky(covariance, factor)
    if math.isnan(log_det):
        return math.nan
    invert_lower(factor)
    for i in range(covariance.shape[0]):
        error = 0.0
        for j in range(i + 1):
            error += (factor[i, j] * sizes[j]) * (factor[i, j] * sizes[j])
        if not NOISE * error < 1.0:
            return math.nan
    return log_det


@block
def log_coefficient(weight, d, log_det):
    """log π - d/2 log 2π + log det W: what a component's log joint (eq-joint-density) adds to -|W(x - μ)|²/2.

    π = 0 gives -inf.
    """
    log_weight = math.log(weight) if weight > 0.0 else -math.inf
    return log_weight - 0.5 * d * LOG_2PI + log_det


@block
def new_weights(counts, weights):
    """π_k = N_k / Σ N, with N_k = 0 for components without data (eq-update-weights)."""
    total = 0.0
    for k in range(counts.size):
        if counts[k] < DEAD:
            counts[k] = 0.0
        total += counts[k]
    for k in range(counts.size):
        weights[k] = counts[k] / total
