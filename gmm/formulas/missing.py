"""Missing values and conditioning (chapter 19): what was observed, what it tells of the rest, and EM with gaps.

The features of a sample in the order (o, m), observed first, and the covariance in that order as Σ = L Lᵀ:

    L = [[L_oo, 0], [L_mo, L_mm]],   Σ_oo = L_oo L_ooᵀ,   Σ_mo = L_mo L_ooᵀ,   Σ_mm = L_mo L_moᵀ + L_mm L_mmᵀ.
"""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray, IntArray
from gmm.formulas import _checks as check
from gmm.formulas._primitives import cholesky_kernel, log_sum_exp_kernel
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import LOG_2PI, forward_substitution_kernel, log_determinant_kernel
from gmm.formulas.mixture import mixture_covariance_kernel, mixture_mean_kernel

# So many standard deviations beyond all means there is no probability that float64 can hold.
FAR = 40.0

# ------------------------------------------------------------------------------------- kernels


@kernel
def ordered_cholesky_kernel(covariance, order):
    d = order.shape[0]
    ordered = np.empty((d, d))
    for j in range(d):
        for l in range(d):
            ordered[j, l] = covariance[order[j], order[l]]
    return cholesky_kernel(ordered)


@kernel
def observed_log_density_kernel(x, mean, covariance, order, p):
    L = ordered_cholesky_kernel(covariance, order[:p])
    difference = np.empty(p)
    for j in range(p):
        difference[j] = x[order[j]] - mean[order[j]]
    log_density = -0.5 * (p * LOG_2PI + log_determinant_kernel(L))
    for y in forward_substitution_kernel(L, difference):
        log_density -= 0.5 * y * y
    return log_density


@kernel
def conditional_gaussian_kernel(x, mean, covariance, order, p):
    d = order.shape[0]
    L = ordered_cholesky_kernel(covariance, order)
    difference = np.empty(p)
    for j in range(p):
        difference[j] = x[order[j]] - mean[order[j]]
    y = forward_substitution_kernel(L[:p, :p], difference)
    expected, spread = np.empty(d - p), np.zeros((d - p, d - p))
    for a in range(d - p):
        expected[a] = mean[order[p + a]]
        for j in range(p):
            expected[a] += L[p + a, j] * y[j]
        for b in range(d - p):
            for m in range(min(a, b) + 1):
                spread[a, b] += L[p + a, p + m] * L[p + b, p + m]
    return expected, spread


@kernel
def regression_kernel(covariance, order, p):
    d = order.shape[0]
    L = ordered_cholesky_kernel(covariance, order)
    B = np.empty((d - p, p))
    for a in range(d - p):  # B L_oo = L_mo, from the last column to the first
        for j in range(p - 1, -1, -1):
            rest = L[p + a, j]
            for l in range(j + 1, p):
                rest -= B[a, l] * L[l, j]
            B[a, j] = rest / L[j, j]
    return B


@kernel
def lifted_moments_kernel(count, first, second, covariance, order, p):
    d = order.shape[0]
    L, B = ordered_cholesky_kernel(covariance, order), regression_kernel(covariance, order, p)
    A = np.zeros((d, p))
    for j in range(p):
        A[j, j] = 1.0
        for a in range(d - p):
            A[p + a, j] = B[a, j]
    S1, S2 = np.zeros(d), np.zeros((d, d))
    for j in range(d):
        for m in range(p):
            S1[order[j]] += A[j, m] * first[m]
        for l in range(d):
            for m in range(p):
                for q in range(p):
                    S2[order[j], order[l]] += A[j, m] * second[m, q] * A[l, q]
            for m in range(p, min(j, l) + 1):  # the covariance of what is missing, given the rest
                S2[order[j], order[l]] += count * L[j, m] * L[l, m]
    return S1, S2


@kernel
def observed_first_kernel(x):
    d = x.shape[0]
    order = np.empty(d, dtype=np.int64)
    p = 0
    for j in range(d):
        if not math.isnan(x[j]):
            order[p] = j
            p += 1
    last = p
    for j in range(d):
        if math.isnan(x[j]):
            order[last] = j
            last += 1
    return order, p


@kernel
def observed_joint_kernel(X, weights, means, covariances):
    n, K = X.shape[0], weights.shape[0]
    log_joint = np.empty((n, K))
    for i in range(n):
        order, p = observed_first_kernel(X[i])
        for k in range(K):
            log_density = observed_log_density_kernel(X[i], means[k], covariances[k], order, p)
            log_joint[i, k] = np.log(weights[k]) + log_density
    return log_joint


@kernel
def observed_log_likelihood_kernel(X, weights, means, covariances):
    total = 0.0
    for log_density in log_sum_exp_kernel(observed_joint_kernel(X, weights, means, covariances)):
        total += log_density
    return total


@kernel
def conditional_mixture_kernel(x, weights, means, covariances):
    K, d = means.shape
    order, p = observed_first_kernel(x)
    log_joint = observed_joint_kernel(x.reshape(1, d), weights, means, covariances)
    w = np.exp(log_joint[0] - log_sum_exp_kernel(log_joint)[0])
    m, C = np.empty((K, d - p)), np.empty((K, d - p, d - p))
    for k in range(K):
        m[k], C[k] = conditional_gaussian_kernel(x, means[k], covariances[k], order, p)
    return w, m, C


@kernel
def conditional_mean_kernel(x, weights, means, covariances):
    w, m, _ = conditional_mixture_kernel(x, weights, means, covariances)
    return mixture_mean_kernel(w, m)


@kernel
def conditional_covariance_kernel(x, weights, means, covariances):
    w, m, C = conditional_mixture_kernel(x, weights, means, covariances)
    return mixture_covariance_kernel(w, m, C)


@kernel
def mixture_quantile_kernel(probability, weights, means, variances):
    K = weights.shape[0]
    upper = probability > 0.5  # the smaller tail keeps its digits
    target = 1.0 - probability if upper else probability
    low, high = np.inf, -np.inf
    for k in range(K):
        low = min(low, means[k] - FAR * math.sqrt(variances[k]))
        high = max(high, means[k] + FAR * math.sqrt(variances[k]))
    middle = 0.5 * (low + high)
    while low < middle < high:
        tail = 0.0
        for k in range(K):
            z = (middle - means[k]) / math.sqrt(2.0 * variances[k])
            tail += 0.5 * weights[k] * math.erfc(z if upper else -z)
        if (tail < target) == upper:
            high = middle
        else:
            low = middle
        middle = 0.5 * (low + high)
    return middle


@kernel
def missing_em_step_kernel(X, weights, means, covariances):
    (n, d), K = X.shape, weights.shape[0]
    resp, filled = np.empty((n, K)), np.empty((n, K, d))
    N, new_means, scatter = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    for i in range(n):
        order, p = observed_first_kernel(X[i])
        w, m, C = conditional_mixture_kernel(X[i], weights, means, covariances)
        for k in range(K):
            resp[i, k] = w[k]
            filled[i, k] = X[i]
            for a in range(d - p):
                filled[i, k, order[p + a]] = m[k, a]
                for b in range(d - p):
                    scatter[k, order[p + a], order[p + b]] += w[k] * C[k, a, b]
            N[k] += w[k]
            new_means[k] += w[k] * (filled[i, k] - means[k])
    for k in range(K):
        new_means[k] = means[k] + new_means[k] / N[k]
        for i in range(n):
            z = filled[i, k] - new_means[k]
            for j in range(d):
                for l in range(d):
                    scatter[k, j, l] += resp[i, k] * z[j] * z[l]
        scatter[k] /= N[k]
    return N / n, new_means, scatter


@kernel
def mean_filled_variance_kernel(variance, conditional_variance, missing_share):
    return variance - missing_share * conditional_variance


@kernel
def pooled_variance_kernel(estimates, variances):
    M = estimates.shape[0]
    centre, within = 0.0, 0.0
    for m in range(M):
        centre += (estimates[m] - estimates[0]) / M
        within += variances[m] / M
    between = 0.0
    for m in range(M):
        between += (estimates[m] - estimates[0] - centre) ** 2 / (M - 1)
    return within + (1.0 + 1.0 / M) * between


@kernel
def log_choose_kernel(n, t):
    return math.lgamma(n + 1.0) - math.lgamma(t + 1.0) - math.lgamma(n - t + 1.0)


@kernel
def called_right_p_value_kernel(n_right, n_real, n_generated):
    terms = np.full((1, n_generated + 1), -np.inf)
    for t in range(n_right, n_generated + 1):
        if n_generated - t <= n_real:  # so many real rows are called generated
            terms[0, t] = log_choose_kernel(n_generated, t) + log_choose_kernel(n_real, n_generated - t)
    return min(1.0, math.exp(log_sum_exp_kernel(terms)[0] - log_choose_kernel(n_real + n_generated, n_generated)))


# ------------------------------------------------------------------------------------- public functions


def _ordered(
    x: ArrayLike, mean: ArrayLike, covariance: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, int]:
    """Check a sample with NaN where a value is missing; (x, mean, covariance, order, how many are observed)."""
    x = np.array(x, dtype=np.float64)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"x must have shape (n_features,); got shape {x.shape}")
    if np.isinf(x).any():
        raise ValueError(f"x must be finite, or NaN where a value is missing; x[{int(np.argmax(np.isinf(x)))}] is inf")
    mean = check.mean_vector(mean, x.size, like="x")
    covariance = check.covariance_matrix(covariance, x.size)
    missing = np.isnan(x)
    return x, mean, covariance, np.argsort(missing, kind="stable"), int(x.size - missing.sum())


@equation("eq-observed-density", kernel=observed_log_density_kernel)
def observed_log_density(x: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> float:
    r"""Log-density of the observed values of a sample, all others integrated out, :eq:`eq-observed-density`.

    .. math::

        \log p(x_o) = -\tfrac12 \bigl(|o| \log 2\pi + \log |\Sigma_{oo}| + \Delta_o^2\bigr), \qquad
        \Delta_o^2 = (x_o - \mu_o)^\mathsf{T} \Sigma_{oo}^{-1} (x_o - \mu_o)

    Parameters
    ----------
    x : array_like, shape (n_features,)
        NaN where a value is missing.
    mean : array_like, shape (n_features,)
    covariance : array_like, shape (n_features, n_features)

    Returns
    -------
    float
        Natural logarithm; 0 where nothing is observed.

    Raises
    ------
    ValueError
        If the shapes do not fit, x holds an infinite value, or `covariance` is not symmetric positive definite.

    Notes
    -----
    Costs :math:`|o|^3/6` multiplications.
    """
    return float(observed_log_density_kernel(*_ordered(x, mean, covariance)))


@equation("eq-conditional-gaussian", kernel=conditional_gaussian_kernel)
def conditional_gaussian(x: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    r"""Mean and covariance of the missing values of a sample, given the others, :eq:`eq-conditional-gaussian`.

    .. math::

        \operatorname E[x_m \mid x_o] = \mu_m + L_{mo} L_{oo}^{-1} (x_o - \mu_o), \qquad
        \operatorname{Cov}[x_m \mid x_o] = L_{mm} L_{mm}^\mathsf{T}

    which are :math:`\mu_m + \Sigma_{mo} \Sigma_{oo}^{-1} (x_o - \mu_o)` and
    :math:`\Sigma_{mm} - \Sigma_{mo} \Sigma_{oo}^{-1} \Sigma_{om}`, without an inverse and without the difference.

    Parameters
    ----------
    x, mean, covariance
        As in `observed_log_density`.

    Returns
    -------
    mean : ndarray, shape (n_missing,)
    covariance : ndarray, shape (n_missing, n_missing)
        It does not depend on the observed values. Both in the order of the missing features.

    Raises
    ------
    ValueError
        As `observed_log_density`.
    """
    return conditional_gaussian_kernel(*_ordered(x, mean, covariance))


@equation("eq-lifted-moments", kernel=lifted_moments_kernel)
def lifted_moments(
    count: float, first: ArrayLike, second: ArrayLike, covariance: ArrayLike, observed: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    r"""Expected moments of whole samples from those of their observed features, :eq:`eq-lifted-moments`.

    .. math::

        S_1 = A s_1, \qquad S_2 = A s_2 A^\mathsf{T} + N C, \qquad
        A = \begin{pmatrix} I \\ \Sigma_{mo} \Sigma_{oo}^{-1} \end{pmatrix}, \qquad
        C = \begin{pmatrix} 0 & 0 \\ 0 & \operatorname{Cov}[x_m \mid x_o] \end{pmatrix}

    Parameters
    ----------
    count : float
        :math:`N = \sum_i r_i`, of samples in which the same features are observed.
    first : array_like, shape (n_observed,)
        :math:`s_1 = \sum_i r_i (x_{i,o} - \mu_o)`.
    second : array_like, shape (n_observed, n_observed)
        :math:`s_2 = \sum_i r_i (x_{i,o} - \mu_o)(x_{i,o} - \mu_o)^\mathsf{T}`.
    covariance : array_like, shape (n_features, n_features)
    observed : array_like of bool, shape (n_features,)
        Which features these are.

    Returns
    -------
    first : ndarray, shape (n_features,)
    second : ndarray, shape (n_features, n_features)
        About :math:`\mu`, in the order of the features.

    Raises
    ------
    ValueError
        If the shapes do not fit or `covariance` is not symmetric positive definite.
    """
    covariance = check.covariance_matrix(covariance)
    observed = np.asarray(observed)
    if observed.shape != covariance.shape[:1] or observed.dtype != bool:
        raise ValueError(f"observed must be a mask of shape ({len(covariance)},); got {observed!r}")
    p = int(observed.sum())
    first, second = np.array(first, dtype=np.float64), np.array(second, dtype=np.float64, order="C")
    if first.shape != (p,) or second.shape != (p, p):
        raise ValueError(
            f"first and second must have shapes ({p},) and ({p}, {p}), as {p} features are observed; got "
            f"{first.shape} and {second.shape}"
        )
    order = np.argsort(~observed, kind="stable")
    return lifted_moments_kernel(check.number(count, "count", 0.0), first, second, covariance, order, p)


def _gaps(X: ArrayLike, name: str, shape_text: str) -> FloatArray:
    """Check values with NaN where one is missing: as the kernels take them."""
    array = np.array(X, dtype=np.float64, order="C")
    if array.ndim != shape_text.count("n_") or 0 in array.shape:
        raise ValueError(f"{name} must have shape {shape_text}; got shape {array.shape}")
    if np.isinf(array).any():
        where = [int(axis) for axis in np.argwhere(np.isinf(array))[0]]
        raise ValueError(f"{name} must be finite, or NaN where a value is missing; {name}{where} is infinite")
    return array


def _row(
    x: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Check one sample with gaps and the parameters of a mixture that does not lose it."""
    x = _gaps(x, "x", "(n_features,)")
    arguments = (x, *check.parameters(weights, means, covariances, x.size))
    if not np.isnan(x).any():
        raise ValueError("x must have NaN where a value is asked for; nothing is missing")
    check.reachable(observed_joint_kernel(x[None], *arguments[1:]))
    return arguments


@equation("eq-observed-log-likelihood", kernel=observed_log_likelihood_kernel)
def observed_log_likelihood(X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> float:
    r"""Log-likelihood of the observed values under a mixture, :eq:`eq-observed-log-likelihood`.

    .. math:: \ell_o(\theta) = \sum_i\log\sum_k\pi_k\,\mathcal N(x_{i,o}\mid\mu_{k,o},\Sigma_{k,oo})

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        NaN where a value is missing; a row without values adds nothing.
    weights : array_like, shape (n_components,)
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)

    Returns
    -------
    float
        Total, natural logarithm. Costs O(n K d³).

    Raises
    ------
    ValueError
        If the shapes do not fit, X holds an infinite value, or the parameters are not those of a mixture.
    """
    X = _gaps(X, "X", "(n_samples, n_features)")
    return float(observed_log_likelihood_kernel(X, *check.parameters(weights, means, covariances, X.shape[1])))


@equation("eq-conditional-mixture", kernel=conditional_mixture_kernel)
def conditional_mixture(
    x: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""The mixture of the missing values of a sample, given the observed ones, :eq:`eq-conditional-mixture`.

    .. math:: p(x_m\mid x_o) = \sum_k w_k\,\mathcal N(x_m\mid m_k, C_k),\qquad
        w_k = \frac{\pi_k\,\mathcal N(x_o\mid\mu_{k,o},\Sigma_{k,oo})}{\sum_l\pi_l\,\mathcal
        N(x_o\mid\mu_{l,o},\Sigma_{l,oo})}

    Parameters
    ----------
    x : array_like, shape (n_features,)
        NaN where a value is missing or asked for.
    weights, means, covariances
        As in `observed_log_likelihood`.

    Returns
    -------
    weights : ndarray, shape (n_components,)
        Responsibilities of the components for what was observed.
    means : ndarray, shape (n_components, n_missing)
    covariances : ndarray, shape (n_components, n_missing, n_missing)
        As `conditional_gaussian` of each component. Costs O(K d³).

    Raises
    ------
    ValueError
        If the shapes do not fit, nothing is missing, the parameters are not those of a mixture, or x is so far from
        all components that no density is left.
    """
    return conditional_mixture_kernel(*_row(x, weights, means, covariances))


@equation("eq-conditional-mean", kernel=conditional_mean_kernel)
def conditional_mean(x: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Expected missing values of a sample, given the observed ones, :eq:`eq-conditional-mean`.

    .. math:: \mathbb E[x_m\mid x_o] = \sum_k w_k\,m_k

    Parameters
    ----------
    x, weights, means, covariances
        As in `conditional_mixture`.

    Returns
    -------
    ndarray, shape (n_missing,)

    Raises
    ------
    ValueError
        As `conditional_mixture`.
    """
    return conditional_mean_kernel(*_row(x, weights, means, covariances))


@equation("eq-conditional-covariance", kernel=conditional_covariance_kernel)
def conditional_covariance(x: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> FloatArray:
    r"""Covariance of the missing values of a sample, given the observed ones, :eq:`eq-conditional-covariance`.

    .. math:: \operatorname{Cov}[x_m\mid x_o] = \sum_k w_k\bigl(C_k + (m_k - m)(m_k - m)^\mathsf{T}\bigr),\qquad
        m = \sum_k w_k\,m_k

    Parameters
    ----------
    x, weights, means, covariances
        As in `conditional_mixture`.

    Returns
    -------
    ndarray, shape (n_missing, n_missing)

    Raises
    ------
    ValueError
        As `conditional_mixture`.
    """
    return conditional_covariance_kernel(*_row(x, weights, means, covariances))


@equation("eq-mixture-quantile", kernel=mixture_quantile_kernel)
def mixture_quantile(probability: float, weights: ArrayLike, means: ArrayLike, variances: ArrayLike) -> float:
    r"""Quantile of a mixture of one feature, :eq:`eq-mixture-quantile`.

    The y with

    .. math:: \sum_k w_k\,\Phi\Bigl(\frac{y - m_k}{\sqrt{C_k}}\Bigr) = q

    by bisection, down to neighbouring numbers.

    Parameters
    ----------
    probability : float
        q, between 0 and 1, both excluded.
    weights, means, variances : array_like, shape (n_components,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the probability is not inside (0, 1), the shapes differ, or a variance is not positive.
    """
    probability = check.number(probability, "probability")
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability must lie between 0 and 1, both excluded; got {probability}")
    weights = check.mixing_weights(weights)
    means = check.real_array(means, "means", 1, "(n_components,)")
    variances = check.real_array(variances, "variances", 1, "(n_components,)")
    for name, value in (("means", means), ("variances", variances)):
        if value.shape != weights.shape:
            raise ValueError(f"{name} must have shape {weights.shape}, as weights has; got {value.shape}")
    if (variances <= 0.0).any():
        k = int(np.argmin(variances))
        raise ValueError(f"variances must be positive; variances[{k}] is {variances[k]:g}")
    return float(mixture_quantile_kernel(probability, weights, means, variances))


@equation("eq-missing-em-step", kernel=missing_em_step_kernel)
def missing_em_step(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""One iteration of EM for a mixture and samples with missing values, :eq:`eq-missing-em-step`.

    .. math:: \pi_k = \frac{N_k}n,\quad \mu_k = \frac1{N_k}\sum_i r_{ik}\hat x_{ik},\quad
        \Sigma_k = \frac1{N_k}\sum_i r_{ik}\bigl((\hat x_{ik} - \mu_k)(\hat x_{ik} - \mu_k)^\mathsf{T}
        + \hat C_{ik}\bigr)

    with the sample as component k completes it, and the covariance of what was completed.

    Parameters
    ----------
    X, weights, means, covariances
        As in `observed_log_likelihood`.

    Returns
    -------
    weights : ndarray, shape (n_components,)
    means : ndarray, shape (n_components, n_features)
    covariances : ndarray, shape (n_components, n_features, n_features)

    Raises
    ------
    ValueError
        As `observed_log_likelihood`, if a sample is so far from all components that no density is left, or if a
        component has no sample.

    Notes
    -----
    Costs O(n K d³): each row has its own algebra here. `lifted_moments` does it once for each pattern.
    """
    X = _gaps(X, "X", "(n_samples, n_features)")
    arguments = (X, *check.parameters(weights, means, covariances, X.shape[1]))
    log_joint = observed_joint_kernel(*arguments)
    check.reachable(log_joint)
    check.nonempty_components(np.exp(log_joint - log_sum_exp_kernel(log_joint)[:, None]))
    return missing_em_step_kernel(*arguments)


@equation("eq-mean-filled-variance", kernel=mean_filled_variance_kernel)
def mean_filled_variance(variance: float, conditional_variance: float, missing_share: float) -> float:
    r"""Variance of a feature whose gaps are filled with conditional means, :eq:`eq-mean-filled-variance`.

    .. math:: \operatorname{Var}[\hat x_m] = \operatorname{Var}[x_m] - q\,\mathbb E\operatorname{Var}[x_m\mid x_o]

    Parameters
    ----------
    variance : float
        Of the feature, not negative.
    conditional_variance : float
        What the other features leave of it on average, from 0 to `variance`; all of it where the gaps are filled with
        the feature's own mean.
    missing_share : float
        q, the share of values that are missing completely at random, from 0 to 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a number is outside its range.
    """
    variance = check.number(variance, "variance", 0.0)
    conditional_variance = check.number(conditional_variance, "conditional_variance", 0.0)
    missing_share = check.number(missing_share, "missing_share", 0.0)
    if conditional_variance > variance:
        raise ValueError(f"conditional_variance must be at most variance, {variance:g}; got {conditional_variance:g}")
    if missing_share > 1.0:
        raise ValueError(f"missing_share must be at most 1; got {missing_share:g}")
    return float(mean_filled_variance_kernel(variance, conditional_variance, missing_share))


@equation("eq-pooled-variance", kernel=pooled_variance_kernel)
def pooled_variance(estimates: ArrayLike, variances: ArrayLike) -> float:
    r"""Squared standard error of the mean of estimates from several completions, :eq:`eq-pooled-variance`.

    .. math:: T = \frac1M\sum_m V_m + \Bigl(1 + \frac1M\Bigr)\frac1{M-1}\sum_m(q_m - \bar q)^2

    Parameters
    ----------
    estimates : array_like, shape (n_completions,)
        The same quantity from each completed table; two or more.
    variances : array_like, shape (n_completions,)
        The squared standard error of each, as if its table had been observed.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than two, or a variance is negative.

    References
    ----------
    Rubin, D. B. (1987), Multiple Imputation for Nonresponse in Surveys.
    """
    estimates = check.real_array(estimates, "estimates", 1, "(n_completions,)")
    variances = check.real_array(variances, "variances", 1, "(n_completions,)")
    if len(estimates) < 2:
        raise ValueError("estimates must come from two completions or more; got 1")
    if variances.shape != estimates.shape:
        raise ValueError(f"variances must have shape {estimates.shape}, as estimates has; got {variances.shape}")
    if (variances < 0.0).any():
        raise ValueError(f"variances must not be negative; the smallest is {variances.min():g}")
    return float(pooled_variance_kernel(estimates, variances))


@equation("eq-classifier-test", kernel=called_right_p_value_kernel)
def called_right_p_value(n_right: int, n_real: int, n_generated: int) -> float:
    r"""Probability that so many generated rows are called so, or more, if nothing tells them, :eq:`eq-classifier-test`.

    Of held-out rows the `n_generated` with the highest scores are called generated.

    .. math:: p = \sum_{t\ge a}\binom mt\binom n{m-t}\Big/\binom{n+m}m

    Parameters
    ----------
    n_right : int
        a, from 0 to m.
    n_real, n_generated : int
        n and m, among the held-out rows.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a number is negative, or `n_right` is more than `n_generated`.
    """
    n_real, n_generated = check.count(n_real, "n_real"), check.count(n_generated, "n_generated")
    n_right = check.count(n_right, "n_right", 0)
    if n_right > n_generated:
        raise ValueError(f"n_right must be at most n_generated, {n_generated}; got {n_right}")
    return float(called_right_p_value_kernel(n_right, n_real, n_generated))
