"""The variational M-step in compiled code: what `gmm.learning.variational` says, for whole bouts of iterations.

The parameters of a bout are means m_k, Σ̂_k = Ψ_k / ν_k, its factors and the log coefficients of the next pass; in the
place of the weights stand the shares N_k / Σ N of the samples, from which all else follows: β_k = β₀ + N_k,
ν_k = ν₀ + N_k, and the concentrations. `update` also leaves behind what is to be added to the next pass's
log-likelihood to have the bound (eq-vb-bound): less the divergences of the posterior from the prior.
"""

import math
from typing import NamedTuple

import numpy as np

from gmm.engine import operations
from gmm.engine.compilation import block, entry, method
from gmm.engine.diag import Diagonal
from gmm.engine.flat import parameter_views, shaped, statistics_views
from gmm.engine.full import Full, SmallFull
from gmm.engine.small_algebra import LOG_2PI, cholesky, factorise, new_weights
from gmm.engine.spherical import Spherical
from gmm.engine.statuses import BAD_COVARIANCE, FAR_APART, RUNNING
from gmm.engine.tied import Tied

LOG_2 = math.log(2.0)
# From here on the asymptotic series of the digamma function has all digits.
ASYMPTOTIC = 10.0


class Bayes(NamedTuple):
    """The prior, as the M-step takes it.

    `scatter` and `count` are Ψ₀ and ν₀ of the Wishart distributions, with the shares of tied and spherical ones;
    `log_det` is log|Ψ₀|, `log_gamma` Σ_j log Γ((ν₀ - j) / 2) of one of them; `log_beta` the logarithm of the Beta
    functions of the weights' prior. `penalty` (1,) is written by `update`.
    """

    ridge: np.ndarray
    scatter: np.ndarray
    count: float
    mean: np.ndarray
    mean_precision: float
    concentration: float
    process: bool
    log_det: float
    log_gamma: float
    log_beta: float
    penalty: np.ndarray


@block
def gamma_logs(x):
    """ψ(x) = d log Γ(x) / dx and log Γ(x), x > 0, which share a logarithm and a division.

    From Γ(x) = Γ(x + n) / (x (x + 1) … (x + n - 1)), with n such that Stirling's series holds.
    """
    product, slope = 1.0, 0.0  # of the factors, and its derivative
    while x < ASYMPTOTIC:
        slope = slope * x + product
        product *= x
        x += 1.0
    log_x, inverse = math.log(x), 1.0 / x
    y = inverse * inverse
    series = 1.0 / 132.0 - y * (691.0 / 32760.0 - y * (1.0 / 12.0))
    series = 1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * series)))
    of_log = 1.0 / 1188.0 - y * (691.0 / 360360.0 - y * (1.0 / 156.0))
    of_log = 1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y * of_log)))
    digamma = log_x - 0.5 * inverse - y * series
    log_gamma = (x - 0.5) * log_x - x + 0.5 * LOG_2PI + inverse * of_log
    if slope > 0.0:
        digamma -= slope / product
        log_gamma -= math.log(product)
    return digamma, log_gamma


@entry
def gamma_logs_of(values, digammas, log_gammas):
    """`gamma_logs` for callers in Python."""
    for i in range(values.size):
        digammas[i], log_gammas[i] = gamma_logs(values[i])


@block
def weights_part(counts, prior, coefficients):
    """Put E log π_k into the coefficients; returns the divergence of q(π) from the prior."""
    n_components, alpha = counts.size, prior.concentration
    divergence = prior.log_beta
    if prior.process:
        later = 0.0
        for k in range(n_components - 1, -1, -1):
            one, rest = 1.0 + counts[k], alpha + later
            taken, log_gamma_one = gamma_logs(one)
            passed, log_gamma_rest = gamma_logs(rest)
            both, log_gamma_both = gamma_logs(one + rest)
            taken, passed = taken - both, passed - both
            coefficients[k] = taken
            for m in range(k + 1, n_components):
                coefficients[m] += passed
            divergence += counts[k] * taken + later * passed + log_gamma_both - log_gamma_one - log_gamma_rest
            later += counts[k]
        return divergence
    total = n_components * alpha
    for k in range(n_components):
        total += counts[k]
    of_total, log_gamma = gamma_logs(total)
    divergence += log_gamma
    for k in range(n_components):
        value, log_gamma = gamma_logs(alpha + counts[k])
        coefficients[k] = value - of_total
        divergence += counts[k] * coefficients[k] - log_gamma
    return divergence


@block
def gammas(dof, size):
    """Σ_j ψ((ν - j) / 2) and Σ_j log Γ((ν - j) / 2), j < size."""
    digammas, log_gammas = 0.0, 0.0
    for j in range(size):
        digamma, log_gamma = gamma_logs(0.5 * (dof - j))
        digammas += digamma
        log_gammas += log_gamma
    return digammas, log_gammas


@block
def of_mean(d, before, now, square):
    """The divergence of N(m, (β Λ)⁻¹) from N(m₀, (β₀ Λ)⁻¹), given E (m - m₀)ᵀ Λ (m - m₀)."""
    return 0.5 * (d * math.log(now / before) - d + d * before / now + before * square)


@block
def of_precision(prior, dof, size, log_det, expected, log_gammas, trace):
    """The divergence of Wishart(ν, Ψ⁻¹) from the prior; `log_det` is log|Ψ|, `trace` tr Ψ₀ Σ̂⁻¹."""
    more = dof - prior.count
    divergence = 0.5 * (dof * log_det - prior.count * prior.log_det) - 0.5 * more * size * LOG_2
    return divergence - log_gammas + prior.log_gamma + 0.5 * (more * expected - size * dof + trace)


@block
def traces(factor, prior, means, d):
    """(tr Ψ₀ Σ̂⁻¹, Σ_j ε_j (Σ̂⁻¹)_jj, log det W) of Σ̂⁻¹ = Wᵀ W."""
    trace, noise, log_det = 0.0, 0.0, 0.0
    for m in range(d):
        log_det += math.log(factor[m, m])
        for i in range(m + 1):
            product = 0.0
            for j in range(m + 1):
                product += prior.scatter[i * d + j] * factor[m, j]
            trace += factor[m, i] * product
            noise += prior.ridge[i] * factor[m, i] * factor[m, i]
    return trace, noise, log_det


@block
def square_from_prior(factor, prior, mean, d):
    """|W (m - m₀)|²."""
    square = 0.0
    for m in range(d):
        y = 0.0
        for j in range(m + 1):
            y += factor[m, j] * (mean[j] - prior.mean[j])
        square += y * y
    return square


@method(operations.penalty, Bayes)
def penalty(regularisation, model):
    """What `update` has left."""
    return regularisation.penalty[0]


@method(operations.update, Full, SmallFull, under=Bayes)
def update_full(model, sum_values, regularisation, old_values, new_values, room):
    """eq-vb-m-step, and what the next pass needs (eq-vb-e-step)."""
    prior = regularisation
    n_components, d = model.centres.shape
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    second = shaped(flat_second, 0, (n_components, d, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = shaped(flat, 0, (n_components, d, d)), shaped(flat_factors, 0, (n_components, d, d))
    new_weights(counts, weights)
    divergence = weights_part(counts, prior, coefficients)
    delta, sizes = shaped(room, 0, (d,)), shaped(room, d, (d,))
    before = prior.mean_precision
    for k in range(n_components):
        n = counts[k]
        now, dof = before + n, prior.count + n
        for i in range(d):
            delta[i] = (before * (prior.mean[i] - old_means[k, i]) + first[k, i]) / now
            means[k, i] = old_means[k, i] + delta[i]
            sizes[i] = 0.0  # Ψ₀ keeps Ψ from being singular
            for j in range(i + 1):
                value = second[k, i, j] - first[k, i] * delta[j] - delta[i] * (first[k, j] - n * delta[j])
                value += prior.scatter[i * d + j]
                value += before * (means[k, i] - prior.mean[i]) * (means[k, j] - prior.mean[j])
                if i == j:
                    value += n * prior.ridge[i]
                covariances[k, i, j] = value / dof
                covariances[k, j, i] = value / dof
        if math.isnan(factorise(covariances[k], sizes, factors[k])):
            return BAD_COVARIANCE, k
        trace, noise, log_det = traces(factors[k], prior, means, d)
        digammas, log_gammas = gammas(dof, d)
        log_dof = math.log(dof)
        expected = 2.0 * log_det + digammas - d * (log_dof - LOG_2)
        coefficients[k] += 0.5 * (expected - d / now - noise - d * LOG_2PI)
        divergence += of_mean(d, before, now, square_from_prior(factors[k], prior, means[k], d))
        divergence += of_precision(prior, dof, d, d * log_dof - 2.0 * log_det, expected, log_gammas, trace)
    prior.penalty[0] = -divergence
    return RUNNING, -1


@method(operations.update, Tied, under=Bayes)
def update_tied(model, sum_values, regularisation, old_values, new_values, room):
    """The same where one Λ serves all, from whitened first moments and the total scatter T about x₀."""
    prior = regularisation
    n_components, d = model.centres.shape
    reference, scatter = model.reference, model.scatter
    _, counts, first, _ = statistics_views(sum_values, n_components, d)
    _, old_means, old_covariance, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factor, coefficients = parameter_views(new_values, n_components, d)
    covariance, factor = shaped(flat, 0, (d, d)), shaped(flat_factor, 0, (d, d))
    new_weights(counts, weights)
    divergence = weights_part(counts, prior, coefficients)
    lower, sums, sizes = factor, model.centres, shaped(room, 0, (d,))  # before they get what they are for
    cholesky(shaped(old_covariance, 0, (d, d)), lower)
    before, dof = prior.mean_precision, prior.count
    for k in range(n_components):
        n = counts[k]
        dof += n
        for i in range(d):
            moment = 0.0
            for j in range(i + 1):
                moment += lower[i, j] * first[k, j]
            change = (before * (prior.mean[i] - old_means[k, i]) + moment) / (before + n)
            means[k, i] = old_means[k, i] + change
            sums[k, i] = moment + n * (old_means[k, i] - reference[i])
    for i in range(d):
        sizes[i] = 0.0
        for j in range(i + 1):
            value = scatter[i, j] + prior.scatter[i * d + j]
            for k in range(n_components):
                n, a, b = counts[k], means[k, i] - reference[i], means[k, j] - reference[j]
                value -= sums[k, i] * b + a * (sums[k, j] - n * b)
                value += before * (means[k, i] - prior.mean[i]) * (means[k, j] - prior.mean[j])
                if i == j:
                    value += n * prior.ridge[i]
            covariance[i, j] = value / dof
            covariance[j, i] = value / dof
    if math.isnan(factorise(covariance, sizes, factor)):
        return FAR_APART, -1
    trace, noise, log_det = traces(factor, prior, means, d)
    digammas, log_gammas = gammas(dof, d)
    log_dof = math.log(dof)
    expected = 2.0 * log_det + digammas - d * (log_dof - LOG_2)
    divergence += of_precision(prior, dof, d, d * log_dof - 2.0 * log_det, expected, log_gammas, trace)
    for k in range(n_components):
        now = before + counts[k]
        coefficients[k] += 0.5 * (expected - d / now - noise - d * LOG_2PI)
        divergence += of_mean(d, before, now, square_from_prior(factor, prior, means[k], d))
    prior.penalty[0] = -divergence
    return RUNNING, -1


@method(operations.update, Diagonal, under=Bayes)
def update_diagonal(model, sum_values, regularisation, old_values, new_values, room):
    """The same where each feature has a precision of its own."""
    prior = regularisation
    n_components, d = model.centres.shape
    _, counts, first, flat_second = statistics_views(sum_values, n_components, d)
    second = shaped(flat_second, 0, (n_components, d))
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, flat, flat_factors, coefficients = parameter_views(new_values, n_components, d)
    covariances, factors = shaped(flat, 0, (n_components, d)), shaped(flat_factors, 0, (n_components, d))
    new_weights(counts, weights)
    divergence = weights_part(counts, prior, coefficients)
    before = prior.mean_precision
    for k in range(n_components):
        n = counts[k]
        now, dof = before + n, prior.count + n
        digammas, log_gammas = gammas(dof, 1)
        trace, noise, log_det, square = 0.0, 0.0, 0.0, 0.0
        for j in range(d):
            delta = (before * (prior.mean[j] - old_means[k, j]) + first[k, j]) / now
            means[k, j] = old_means[k, j] + delta
            offset = means[k, j] - prior.mean[j]
            value = second[k, j] - delta * (2.0 * first[k, j] - n * delta)
            variance = (value + prior.scatter[j] + before * offset * offset + n * prior.ridge[j]) / dof
            if not (variance > 0.0 and variance < math.inf):
                return BAD_COVARIANCE, k
            covariances[k, j] = variance
            factor = 1.0 / math.sqrt(variance)
            factors[k, j] = factor
            log_det += math.log(factor)
            trace += prior.scatter[j] * factor * factor
            noise += prior.ridge[j] * factor * factor
            square += offset * factor * offset * factor
        # d distributions with the same degrees of freedom.
        log_dof = math.log(dof)
        expected = 2.0 * log_det + d * (digammas - log_dof + LOG_2)
        coefficients[k] += 0.5 * (expected - d / now - noise - d * LOG_2PI)
        divergence += of_mean(d, before, now, square)
        divergence += of_precision(prior, dof, d, d * log_dof - 2.0 * log_det, expected, d * log_gammas, trace)
    prior.penalty[0] = -divergence
    return RUNNING, -1


@method(operations.update, Spherical, under=Bayes)
def update_spherical(model, sum_values, regularisation, old_values, new_values, room):
    """The same where all features have one precision."""
    prior = regularisation
    n_components, d = model.centres.shape
    _, counts, first, second = statistics_views(sum_values, n_components, d)
    _, old_means, _, _, _ = parameter_views(old_values, n_components, d)
    weights, means, covariances, factors, coefficients = parameter_views(new_values, n_components, d)
    new_weights(counts, weights)
    divergence = weights_part(counts, prior, coefficients)
    before, ridge = prior.mean_precision, 0.0
    for j in range(d):
        ridge += prior.ridge[j]
    for k in range(n_components):
        n = counts[k]
        now, dof = before + n, prior.count + d * n
        value, square = second[k], 0.0
        for j in range(d):
            delta = (before * (prior.mean[j] - old_means[k, j]) + first[k, j]) / now
            means[k, j] = old_means[k, j] + delta
            offset = means[k, j] - prior.mean[j]
            value -= delta * (2.0 * first[k, j] - n * delta)
            square += offset * offset
        variance = (value + prior.scatter[0] + before * square + n * ridge) / dof
        if not (variance > 0.0 and variance < math.inf):
            return BAD_COVARIANCE, k
        factor = 1.0 / math.sqrt(variance)
        covariances[k], factors[k] = variance, factor
        digammas, log_gammas = gammas(dof, 1)
        log_dof, log_variance = math.log(dof), math.log(variance)
        expected = digammas - log_variance - log_dof + LOG_2
        coefficients[k] += 0.5 * (d * expected - d / now - ridge * factor * factor - d * LOG_2PI)
        divergence += of_mean(d, before, now, square * factor * factor)
        divergence += of_precision(
            prior, dof, 1, log_dof + log_variance, expected, log_gammas, prior.scatter[0] * factor * factor
        )
    prior.penalty[0] = -divergence
    return RUNNING, -1
