"""M-steps of the covariances that components share a part of (Celeux & Govaert 1995).

Σ_k = λ_k D_k A_k D_kᵀ with volume λ_k = |Σ_k|^(1/d), shape A_k (diagonal, |A_k| = 1) and orientation D_k (orthogonal),
of which each is Equal for all components, Variable, or the Identity. All that such an M-step needs are the K scatter
matrices W_k and counts N_k; it minimises

    Σ_k N_k log|Σ_k| + tr(Σ_k⁻¹ W_k).

With Ω_k the eigenvalues of W_k in decreasing order, W = Σ_k W_k and n = Σ_k N_k:

====  =====================================================================================================
EII   λ = tr W / (n d)
EEI   Σ = diag W / n
VEI   in turn: B = diag(Σ_k W_k / λ_k), |B| = 1; λ_k = tr(B⁻¹ W_k) / (d N_k)
EVI   Σ_k = λ diag W_k / |diag W_k|^(1/d), λ = Σ_k |diag W_k|^(1/d) / n
VEE   in turn: C = Σ_k W_k / λ_k, |C| = 1; λ_k = tr(C⁻¹ W_k) / (d N_k)
EVE   given D, diag(Dᵀ W_k D) is to Σ_k as in EVI; D minimises Σ_k |diag(Dᵀ W_k D)|^(1/d)
VVE   given D, Λ_k = diag(Dᵀ W_k D) / N_k; D minimises Σ_k N_k log|diag(Dᵀ W_k D)|
EEV   W_k = D_k Ω_k D_kᵀ; the eigenvalues of Σ_k are Σ_l Ω_l / n
VEV   W_k = D_k Ω_k D_kᵀ; the eigenvalues of Σ_k are those of VEI from Ω_k
EVV   Σ_k = λ W_k / |W_k|^(1/d), λ = Σ_k |W_k|^(1/d) / n
====  =====================================================================================================

VEI, VEV and VEE are convex in log λ (and log B; along geodesics in C), so that taking both sides in turn finds the
optimum from anywhere. EVE and VVE turn D in one plane after the other, as Flury & Gautschi (1986) do for common
principal components. Every turn lowers the criterion, and D starts where it was: no M-step can raise it.

References
----------
Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models, Pattern Recognition 28.
Flury, B. N. and Gautschi, W. (1986), An algorithm for simultaneous orthogonal transformation of several positive
definite symmetric matrices to nearly diagonal form, SIAM Journal on Scientific and Statistical Computing 7.
Browne, R. P. and McNicholas, P. D. (2014), Estimating common principal components in high dimensions, Advances in
Data Analysis and Classification 8.
"""

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import operations
from gmm.engine.compilation import block, entry, inlined, method
from gmm.engine.diag import Diagonal
from gmm.engine.flat import parameter_views, shaped, statistics_views
from gmm.engine.full import Full, SmallFull
from gmm.engine.small_algebra import EPS, NOISE, cholesky, factorise, invert_lower, log_coefficient, new_weights
from gmm.engine.statuses import BAD_COVARIANCE, RUNNING

EII, EEI, VEI, EVI, VEE, EVE, VVE, EVV, EEV, VEV = range(10)
CODES = {"EII": EII, "EEI": EEI, "VEI": VEI, "EVI": EVI, "VEE": VEE, "EVE": EVE, "VVE": VVE, "EEV": EEV, "VEV": VEV,
         "EVV": EVV}  # fmt: skip

# Where volumes change by less than this part of them, what is left to gain is the square of it.
SAME_VOLUME = 1e-10
MOST_TURNS = 10_000
# Sweeps over all planes end where one gains less than this, a sample.
NO_GAIN = 1e-15
MOST_SWEEPS = 1000
# What stands for the scatter of a component without data: a sample of this weight with the covariance that it had.
NOTHING = 1e-100
# What M-steps return: the number of a component whose covariance is singular, or
FINE = -2


@block
def turn_columns(a, p, q, cosine, sine):
    """a[:, p], a[:, q] = cosine a[:, p] + sine a[:, q], cosine a[:, q] - sine a[:, p]."""
    for i in range(a.shape[0]):
        left, right = a[i, p], a[i, q]
        a[i, p] = cosine * left + sine * right
        a[i, q] = cosine * right - sine * left


@block
def turn_symmetric(a, p, q, cosine, sine):
    """Rᵀ a R of a symmetric matrix, R what `turn_columns` multiplies by: its rows are then its columns."""
    turn_columns(a, p, q, cosine, sine)
    corners = (
        cosine * a[p, p] + sine * a[q, p], cosine * a[p, q] + sine * a[q, q], cosine * a[q, q] - sine * a[p, q],
    )  # fmt: skip
    for j in range(a.shape[0]):
        a[p, j] = a[j, p]
        a[q, j] = a[j, q]
    a[p, p], a[p, q], a[q, q] = corners
    a[q, p] = a[p, q]


@block
def set_identity(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = 1.0 if i == j else 0.0


@block
def eigen(a, vectors):
    """Jacobi's method: a symmetric matrix becomes diagonal in place, its eigenvalues in decreasing order.

    The columns of `vectors` receive the eigenvectors.
    """
    d = a.shape[0]
    set_identity(vectors)
    for _ in range(60):
        turned = False
        for p in range(d - 1):
            for q in range(p + 1, d):
                size = math.sqrt(abs(a[p, p])) * math.sqrt(abs(a[q, q]))
                if abs(a[p, q]) <= EPS * max(size, EPS * (abs(a[p, p]) + abs(a[q, q]))):
                    continue
                turned = True
                # tan 2θ = 2 a_pq / (a_pp - a_qq), of which the smaller θ.
                sign = 1.0 if a[p, p] >= a[q, q] else -1.0
                twice = math.atan2(2.0 * sign * a[p, q], abs(a[p, p] - a[q, q]))
                cosine, sine = math.cos(0.5 * twice), math.sin(0.5 * twice)
                turn_symmetric(a, p, q, cosine, sine)
                a[p, q] = 0.0
                a[q, p] = 0.0
                turn_columns(vectors, p, q, cosine, sine)
        if not turned:
            break
    for i in range(d - 1):
        largest = i
        for j in range(i + 1, d):
            if a[j, j] > a[largest, largest]:
                largest = j
        if largest != i:
            a[i, i], a[largest, largest] = a[largest, largest], a[i, i]
            for j in range(d):
                vectors[j, i], vectors[j, largest] = vectors[j, largest], vectors[j, i]


@block
def compose(vectors, values, k, covariance):
    """D diag(values[k]) Dᵀ."""
    d = vectors.shape[0]
    for i in range(d):
        for j in range(i + 1):
            total = 0.0
            for m in range(d):
                total += vectors[i, m] * values[k, m] * vectors[j, m]
            covariance[i, j] = total
            covariance[j, i] = total


# ------------------------------------------------------------------------------------- eigenvalues, or diagonals


@block
def own_shapes(values, counts, volumes):
    """EVI, of the rows of `values` (K, d): they become those of the covariances."""
    n_components, d = values.shape
    n, total = 0.0, 0.0
    for k in range(n_components):
        log_volume = 0.0
        for j in range(d):
            if not values[k, j] > 0.0:
                return k
            log_volume += math.log(values[k, j])
        volumes[k] = math.exp(log_volume / d)
        n += counts[k]
        total += volumes[k]
    for k in range(n_components):
        # As a power, so that nothing is multiplied before it is divided: scatter may be near float64's end.
        share = math.exp(math.log(total / n) - math.log(volumes[k]))
        for j in range(d):
            values[k, j] *= share
    return FINE


@block
def own_volumes(values, counts, volumes, shape):
    """VEI, of the rows of `values` (K, d): they become those of the covariances.

    `volumes` (K,) are where to begin, if they are positive; `shape` (d,) is a workspace.
    """
    n_components, d = values.shape
    for k in range(n_components):
        if not (volumes[k] > 0.0 and volumes[k] < math.inf):
            total = 0.0
            for j in range(d):
                total += values[k, j]
            volumes[k] = total / (d * counts[k])
            if not volumes[k] > 0.0:
                return k
    for _ in range(MOST_TURNS):
        log_volume = 0.0
        for j in range(d):
            shape[j] = 0.0
            for k in range(n_components):
                shape[j] += values[k, j] / volumes[k]
            log_volume += math.log(shape[j])
        size = math.exp(log_volume / d)
        for j in range(d):
            shape[j] /= size
        change = 0.0
        for k in range(n_components):
            total = 0.0
            for j in range(d):
                total += values[k, j] / shape[j]
            total /= d * counts[k]
            if not (total > 0.0 and total < math.inf):
                return k
            change = max(change, abs(total / volumes[k] - 1.0))
            volumes[k] = total
        if change <= SAME_VOLUME:
            break
    for k in range(n_components):
        for j in range(d):
            values[k, j] = volumes[k] * shape[j]
    return FINE


@block
def pooled(values, counts):
    """EEI, of the rows of `values` (K, d): they become those of the covariances."""
    n_components, d = values.shape
    n = 0.0
    for k in range(n_components):
        n += counts[k]
    for j in range(d):
        total = 0.0
        for k in range(n_components):
            total += values[k, j]
        for k in range(n_components):
            values[k, j] = total / n
    return FINE


@block
def constrain_diagonals(code, values, counts, volumes, shape):
    """EII, EEI, VEI and EVI: the scatter `values` (K, d) become the variances.

    `volumes` (K,) are where to begin; `shape` (d,) is a workspace. Returns FINE or the number of a component.
    """
    n_components, d = values.shape
    if code == EII:
        for k in range(n_components):
            total = 0.0
            for j in range(d):
                total += values[k, j]
            for j in range(d):
                values[k, j] = total / d
    if code <= EEI:
        return pooled(values, counts)
    if code == VEI:
        return own_volumes(values, counts, volumes, shape)
    return own_shapes(values, counts, volumes)


# ------------------------------------------------------------------------------------- matrices


@block
def one_form(scatter, counts, volumes, covariances, factor):
    """VEE. `volumes` (K,) are where to begin, if they are positive; `factor` (d, d) is a workspace."""
    n_components, d = volumes.size, factor.shape[0]
    form = covariances[0]
    for k in range(n_components):
        if not (volumes[k] > 0.0 and volumes[k] < math.inf):
            total = 0.0
            for j in range(d):
                total += scatter[k, j, j]
            volumes[k] = total / (d * counts[k])
            if not volumes[k] > 0.0:
                return k
    for _ in range(MOST_TURNS):
        for i in range(d):
            for j in range(i + 1):
                total = 0.0
                for k in range(n_components):
                    total += scatter[k, i, j] / volumes[k]
                form[i, j] = total
                form[j, i] = total
        log_det = cholesky(form, factor)
        if math.isnan(log_det):
            return -1
        size = math.exp(2.0 * log_det / d)
        invert_lower(factor)
        change = 0.0
        for k in range(n_components):
            trace = 0.0
            for i in range(d):
                for j in range(i + 1):
                    product = 0.0
                    for m in range(i + 1):
                        product += scatter[k, j, m] * factor[i, m]
                    trace += factor[i, j] * product
            volume = size * trace / (d * counts[k])
            if not (volume > 0.0 and volume < math.inf):
                return k
            change = max(change, abs(volume / volumes[k] - 1.0))
            volumes[k] = volume
        if change <= SAME_VOLUME:
            break
    for k in range(n_components - 1, -1, -1):  # the first one, which is C itself, last
        for i in range(d):
            for j in range(d):
                covariances[k, i, j] = form[i, j] / size * volumes[k]
    return FINE


@inlined
def change_of_product(matrix, p, q, cosine, sine):
    """P(ψ)/P(0) - 1, P the product of the diagonal entries p and q after a turn of ψ/4; given cos and sin of ψ/2.

    P(ψ) - P(0) = 2 sin(ψ/2) (x sin(ψ/2) - y cos(ψ/2)), see `best_turn`: small turns lose no digits.
    """
    a, b, c = matrix[p, p], matrix[p, q], matrix[q, q]
    half = 0.5 * (a - c)
    return sine * ((half * half - b * b) * sine - 2.0 * half * b * cosine) / (a * c)


@block
def gain(matrices, weights, p, q, power, psi):
    """By how much a turn of ψ/4 in the plane (p, q) lowers the criterion of `common_axes`."""
    total, cosine, sine = 0.0, math.cos(0.5 * psi), math.sin(0.5 * psi)
    for k in range(weights.size):
        change = change_of_product(matrices[k], p, q, cosine, sine)
        if not change > -1.0:
            return -math.inf
        ratio = math.log1p(change)
        total -= weights[k] * (ratio if power == 0.0 else math.expm1(power * ratio))
    return total


@block
def at_most(matrices, weights, p, q, power, cosine, sine):
    """A bound on `gain` from above without a logarithm, a tight one; `cosine` and `sine` are those of ψ/2.

    log r >= 2 (r - 1) / (r + 1) for r >= 1 and (r - 1) / sqrt(r) for r < 1, and expm1(x) >= x.
    """
    total = 0.0
    for k in range(weights.size):
        change = change_of_product(matrices[k], p, q, cosine, sine)
        if not change > -1.0:
            return math.inf
        total -= weights[k] * (2.0 * change / (2.0 + change) if change >= 0.0 else change / math.sqrt(1.0 + change))
    return total if power == 0.0 else total * power


# cos and sin of ψ/2 where a wide search begins: ψ = π/4, 2π/4 … 7π/4.
COSINES = tuple(math.cos(0.125 * math.pi * step) for step in range(8))
SINES = tuple(math.sin(0.125 * math.pi * step) for step in range(8))


@block
def best_turn(matrices, weights, p, q, power, wide, least):
    """(ψ, gain) of the turn by ψ/4 in the plane (p, q) that lowers the criterion of `common_axes`; else 0, 0.

    With a, b, c the entries of the plane, u = (a + c)/2 and v = (a - c)/2, the product of both diagonal entries after a
    turn of ψ/4 is P_k(ψ) = u² - (v² + b²)/2 - x_k cos ψ - y_k sin ψ, x_k = (v² - b²)/2, y_k = v b. The criterion is a
    sum of concave functions of the P_k: with their slopes held, tan ψ = Σ g_k y_k / Σ g_k x_k is the minimum of a
    majorant. A turn that would gain less than `least`, by Newton's parabola, is none.
    """
    psi, best = 0.0, 0.0
    if wide:  # there may be more than one minimum
        for step in range(1, 8):
            if at_most(matrices, weights, p, q, power, COSINES[step], SINES[step]) > best:
                there = gain(matrices, weights, p, q, power, 0.25 * math.pi * step)
                if there > best:
                    psi, best = 0.25 * math.pi * step, there
    for _ in range(4 if wide else 1):
        cosine, sine, half_sine = math.cos(psi), math.sin(psi), math.sin(0.5 * psi)
        x, y, slope, curvature, scale = 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(weights.size):
            a, b, c = matrices[k, p, p], matrices[k, p, q], matrices[k, q, q]
            middle, half = 0.5 * (a + c), 0.5 * (a - c)
            x_k, y_k = 0.5 * (half * half - b * b), half * b
            product = a * c + 2.0 * x_k * half_sine * half_sine - y_k * sine
            if not product > 0.0:
                return 0.0, 0.0
            g = weights[k] / product
            if power != 0.0:
                g *= power
                if psi != 0.0:
                    g *= (product / (a * c)) ** power
            across = x_k * sine - y_k * cosine
            x += g * x_k
            y += g * y_k
            slope += g * across
            curvature += g * (power - 1.0) / product * across * across
            scale += g * middle * middle
        curvature += x * cosine + y * sine
        if curvature > 0.0 and slope * slope <= 2.0 * curvature * least:
            return psi, best
        if math.hypot(x, y) <= 16.0 * EPS * scale:  # circles: every turn is as good
            return psi, best
        next_psi = math.atan2(y, x)
        there = gain(matrices, weights, p, q, power, next_psi)
        if curvature > 0.0 and abs(slope) < 0.5 * curvature:
            newton = psi - slope / curvature
            better = gain(matrices, weights, p, q, power, newton)
            if better >= best and better >= there:
                next_psi, there = newton, better
        if not there > best:
            return psi, best
        psi, best = next_psi, there
    return psi, best


@block
def common_axes(matrices, counts, power, weights, axes):
    """Turn matrices W_k (K, d, d) to Dᵀ W_k D and `axes` to axes D, so that

        Σ_k N_k log|diag(Dᵀ W_k D)| (power 0)  or  Σ_k |diag(Dᵀ W_k D)|^(1/d) (power 1/d)

    is a minimum. `weights` (K,) is a workspace. Returns FINE or the number of a component.
    """
    n_components, d = weights.size, axes.shape[0]
    for sweep in range(MOST_SWEEPS):
        size, gained = 0.0, 0.0
        for k in range(n_components):
            log_volume = 0.0
            for j in range(d):
                if not (matrices[k, j, j] > 0.0 and matrices[k, j, j] < math.inf):
                    return k
                log_volume += math.log(matrices[k, j, j])
            weights[k] = counts[k] if power == 0.0 else math.exp(log_volume * power)
            size += weights[k]
        least = NO_GAIN * size / (d * d)  # all planes together less than what ends the search
        for p in range(d - 1):
            for q in range(p + 1, d):
                psi, less = best_turn(matrices, weights, p, q, power, sweep == 0, least)
                if psi == 0.0:
                    continue
                gained += less
                cosine, sine = math.cos(0.25 * psi), math.sin(0.25 * psi)
                for k in range(n_components):
                    before = matrices[k, p, p] * matrices[k, q, q]
                    turn_symmetric(matrices[k], p, q, cosine, sine)
                    if power != 0.0:
                        weights[k] *= (matrices[k, p, p] * matrices[k, q, q] / before) ** power
                turn_columns(axes, p, q, cosine, sine)
        if not gained > NO_GAIN * size:
            break
    return FINE


@block
def set_orthonormal(axes):
    """Make columns that are orthonormal but for rounding orthonormal (Gram & Schmidt); zeros become the identity."""
    d = axes.shape[0]
    for j in range(d):
        square = 0.0
        for m in range(j):
            product = 0.0
            for i in range(d):
                product += axes[i, m] * axes[i, j]
            for i in range(d):
                axes[i, j] -= product * axes[i, m]
        for i in range(d):
            square += axes[i, j] * axes[i, j]
        if square == 0.0:
            set_identity(axes)
            return
        for i in range(d):
            axes[i, j] /= math.sqrt(square)


@block
def copy_turned(axes, a, work, turned):
    """turned = axesᵀ a axes; `work` (d, d) is a workspace."""
    d = axes.shape[0]
    for i in range(d):
        for j in range(d):
            total = 0.0
            for m in range(d):
                total += a[i, m] * axes[m, j]
            work[i, j] = total
    for i in range(d):
        for j in range(i + 1):
            total = 0.0
            for m in range(d):
                total += axes[m, i] * work[m, j]
            turned[i, j] = total
            turned[j, i] = total


@block
def axes_from(scatter, counts, power, weights, axes, work, turned):
    """`common_axes` of scatter matrices from these axes on: `turned` (K, d, d), which may be `scatter`, are Dᵀ W_k D.

    `work` (d, d) and `weights` (K,) are workspaces.
    """
    for k in range(counts.size):
        copy_turned(axes, scatter[k], work, turned[k])
    return common_axes(turned, counts, power, weights, axes)


@block
def criterion(turned, counts, power):
    """What `common_axes` makes as small as it can."""
    value = 0.0
    for k in range(counts.size):
        log_volume = 0.0
        for j in range(turned.shape[1]):
            log_volume += math.log(turned[k, j, j])
        value += counts[k] * log_volume if power == 0.0 else math.exp(power * log_volume)
    return value


@block
def constrain(code, scatter, counts, volumes, values, axes, covariances, factors):
    """VEE, EVE, VVE, EEV, VEV and EVV: the covariances (K, d, d) of the scatter matrices (K, d, d).

    At first `covariances` are those of the state before, or zeros, and `volumes` (K,) theirs; `axes` (d, d) are the
    common ones of these covariances, any others or zeros, and at last, in EVE and VVE, those of the new ones; `values`
    (K, d) and `factors` (K, d, d) are workspaces, and the scatter matrices are lost. Returns FINE, the number of a
    component whose covariance is singular, or -1 where it is that of all.
    """
    n_components, d = values.shape
    if code == VEE:
        return one_form(scatter, counts, volumes, covariances, axes)
    if code == EVV:
        n, total = 0.0, 0.0
        for k in range(n_components):
            log_det = cholesky(scatter[k], axes)
            if math.isnan(log_det):
                return k
            volumes[k] = math.exp(2.0 * log_det / d)
            n += counts[k]
            total += volumes[k]
        for k in range(n_components):
            share = math.exp(math.log(total / n) - math.log(volumes[k]))
            for i in range(d):
                for j in range(d):
                    covariances[k, i, j] = scatter[k, i, j] * share
        return FINE
    if code >= EEV:
        for k in range(n_components):
            eigen(scatter[k], factors[k])
            for j in range(d):
                values[k, j] = max(scatter[k, j, j], 0.0)
        shape = shaped(axes, 0, (d,))
        found = pooled(values, counts) if code == EEV else own_volumes(values, counts, volumes, shape)
        if found == FINE:
            for k in range(n_components):
                compose(factors[k], values, k, covariances[k])
        return found
    # EVE and VVE: the old axes are where to begin; without any, those of the pooled scatter and of each component's.
    power = 1.0 / d if code == EVE else 0.0
    if covariances[0, 0, 0] > 0.0:
        set_orthonormal(axes)  # rounding has no time to gather over many M-steps
        axes_from(covariances, counts, 0.0, volumes, axes, factors[0], covariances)
        found = axes_from(scatter, counts, power, volumes, axes, factors[0], covariances)
    else:
        best, kept, failed = math.inf, factors[n_components - 1], FINE
        for first in range(-1, n_components if n_components > 1 else 0):
            pool = covariances[0]
            for i in range(d):
                for j in range(d):
                    total = 0.0
                    for k in range(n_components):
                        if first in (-1, k):
                            total += scatter[k, i, j]
                    pool[i, j] = total
            eigen(pool, axes)
            found = axes_from(scatter, counts, power, volumes, axes, factors[0], covariances)
            if found != FINE:
                failed = found
                continue
            value = criterion(covariances, counts, power)
            if value < best:
                best = value
                for i in range(d):
                    for j in range(d):
                        kept[i, j] = axes[i, j]
        if best == math.inf:
            return failed
        for i in range(d):
            for j in range(d):
                axes[i, j] = kept[i, j]
        found = axes_from(scatter, counts, power, volumes, axes, factors[0], covariances)
    if found != FINE:
        return found
    for k in range(n_components):
        for j in range(d):
            values[k, j] = covariances[k, j, j]
    if code == EVE:
        found = own_shapes(values, counts, volumes)
    else:
        for k in range(n_components):
            for j in range(d):
                values[k, j] /= counts[k]
    for k in range(n_components):
        compose(axes, values, k, covariances[k])
    return found


# ------------------------------------------------------------------------------------- in the EM loop


class Constraint(NamedTuple):
    """What `gmm.engine.regularisation` has for the other models, and which of the models here it is.

    The ridge goes into the scatter matrices, W_k + N_k diag ε. Maximum likelihood has count 0; under a prior `scatter`,
    `count` and `constant` are those of `Conjugate`. `axes` (d, d), a workspace of zeros at first, is where an M-step of
    EVE or VVE leaves the common axes for the next one of the same fit, which need not find them in the covariances.
    """

    ridge: np.ndarray
    scatter: np.ndarray
    count: float
    constant: float
    code: int
    axes: np.ndarray


@method(operations.penalty, Constraint)
def penalty(regularisation, model):
    """Σ_k log p(Σ_k) under a prior."""
    if regularisation.count == 0.0:
        return 0.0
    return operations.log_prior(model, regularisation)


@method(operations.update, Diagonal, under=Constraint)
def update_diagonals(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step of EII, EEI, VEI and EVI. BAD_COVARIANCE where a variance is nothing but rounding."""
    n_components, d = model.centres.shape
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    scatter = shaped(flat_second, 0, (n_components, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = shaped(flat, 0, (n_components, d)), shaped(flat_factors, 0, (n_components, d))
    new_weights(counts, weights)
    effective, volumes = shaped(room, 0, (n_components,)), shaped(room, n_components, (n_components,))
    ridge, pseudo, pseudo_count = regularisation.ridge, regularisation.scatter, regularisation.count
    for k in range(n_components):
        n, own, log_det = counts[k] + pseudo_count, 0.0, 0.0
        for_mean = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        effective[k] = n if n > 0.0 else NOTHING
        for j in range(d):
            log_det += math.log(factors[k, j])
            delta = first[k, j] * for_mean
            means[k, j] = old_means[k, j] + delta
            scatter[k, j] += pseudo[j] - delta * first[k, j] + n * ridge[j]
            first[k, j] *= delta / effective[k]  # by how much the variance is smaller for the move of the mean
            if n == 0.0:
                scatter[k, j] = NOTHING * covariances[k, j]
                first[k, j] = 0.0
            own += scatter[k, j]
        volumes[k] = math.exp(-2.0 * log_det / d)
        coefficients[k] = own / effective[k]
    found = constrain_diagonals(regularisation.code, scatter, effective, volumes, shaped(room, 2 * n_components, (d,)))
    if found != FINE:
        return BAD_COVARIANCE, found if regularisation.code > EEI else -1
    common = shaped(room, 2 * n_components, (d,))
    pool_moves(scatter, effective, volumes, first, common)
    for k in range(n_components):
        stretched = max(1.0, volumes[k] / coefficients[k]) if regularisation.code == EVI else 1.0
        log_det = 0.0
        for j in range(d):
            variance = scatter[k, j]
            size = variance + stretched * first[k, j] + volumes[k] * common[j]
            if not (variance > NOISE * size and variance < math.inf):
                return BAD_COVARIANCE, k if regularisation.code > EEI else -1
            covariances[k, j] = variance
            factors[k, j] = 1.0 / math.sqrt(variance)
            log_det += math.log(factors[k, j])
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return RUNNING, -1


@block
def pool_moves(variances, counts, traces, moved, common):
    """Traces (K,) of the covariances, and Σ_k N_k moved_kj / trace_k / Σ_k N_k.

    Where covariances have something in common, what the moves of all means have taken from it: that times a trace, like
    a component's own, is a part of the s² of `gmm.engine.small_algebra`.
    """
    n_components, d = moved.shape
    n = 0.0
    for j in range(d):
        common[j] = 0.0
    for k in range(n_components):
        n += counts[k]
        traces[k] = 0.0
        for j in range(d):
            traces[k] += variances[k, j]
        for j in range(d):
            common[j] += counts[k] * moved[k, j] / traces[k]
    for j in range(d):
        common[j] /= n


@method(operations.update, Full, SmallFull, under=Constraint)
def update_matrices(model, sum_values, regularisation, old_values, new_values, room):
    """The M-step of VEE, EVE, VVE, EEV, VEV and EVV. BAD_COVARIANCE where a matrix is singular."""
    n_components, d = model.centres.shape
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    scatter = shaped(flat_second, 0, (n_components, d, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = shaped(flat, 0, (n_components, d, d)), shaped(flat_factors, 0, (n_components, d, d))
    new_weights(counts, weights)
    effective, volumes = shaped(room, 0, (n_components,)), shaped(room, n_components, (n_components,))
    values = shaped(room, 2 * n_components, (n_components, d))
    axes = regularisation.axes
    ridge, pseudo, pseudo_count = regularisation.ridge, regularisation.scatter, regularisation.count
    for k in range(n_components):
        n, own, log_det = counts[k] + pseudo_count, 0.0, 0.0
        for_mean = 1.0 / counts[k] if counts[k] > 0.0 else 0.0
        effective[k] = n if n > 0.0 else NOTHING
        for i in range(d):
            log_det += math.log(factors[k, i, i])
            delta = first[k, i] * for_mean
            means[k, i] = old_means[k, i] + delta
            for j in range(i + 1):
                value = scatter[k, i, j] + pseudo[i * d + j] - delta * first[k, j]
                if i == j:
                    value += n * ridge[i]
                if n == 0.0:
                    value = NOTHING * covariances[k, i, j]
                scatter[k, i, j] = value
                scatter[k, j, i] = value
            own += scatter[k, i, i]
        for i in range(d):
            first[k, i] *= first[k, i] * for_mean / effective[k] if n > 0.0 else 0.0
        volumes[k] = math.exp(-2.0 * log_det / d)
        coefficients[k] = own / effective[k]
    code = regularisation.code
    found = constrain(code, scatter, effective, volumes, values, axes, covariances, factors)
    if found != FINE:
        return BAD_COVARIANCE, found
    common, sizes = shaped(room, (2 + d) * n_components, (d,)), shaped(scatter, 0, (d,))
    for k in range(n_components):
        for j in range(d):
            values[k, j] = covariances[k, j, j]
    pool_moves(values, effective, volumes, first, common)
    for k in range(n_components):
        stretched = max(1.0, volumes[k] / coefficients[k]) if VEE < code < EEV else 1.0
        for j in range(d):
            sizes[j] = math.sqrt(values[k, j] + stretched * first[k, j] + volumes[k] * common[j])
        log_det = factorise(covariances[k], sizes, factors[k])
        if math.isnan(log_det):
            return BAD_COVARIANCE, k
        coefficients[k] = log_coefficient(weights[k], d, log_det)
    return RUNNING, -1


# ------------------------------------------------------------------------------------- for callers in Python


@entry
def m_step_of_diagonals(code, values, counts, volumes, shape):
    """`constrain_diagonals`."""
    return constrain_diagonals(code, values, counts, volumes, shape)


@entry
def m_step_of_matrices(code, scatter, counts, volumes, values, axes, covariances, factors):
    """`constrain`."""
    return constrain(code, scatter, counts, volumes, values, axes, covariances, factors)
