"""Missing values: the marginal of what was observed, what it tells of the rest, and the moments lifted by that.

The features of a sample in the order (o, m), observed first, and the covariance in that order as Σ = L Lᵀ:

    L = [[L_oo, 0], [L_mo, L_mm]],   Σ_oo = L_oo L_ooᵀ,   Σ_mo = L_mo L_ooᵀ,   Σ_mm = L_mo L_moᵀ + L_mm L_mmᵀ.
"""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm.formulas import _checks as check
from gmm.formulas._primitives import cholesky_kernel
from gmm.formulas.gaussian import LOG_2PI, forward_substitution_kernel, log_determinant_kernel

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


# ------------------------------------------------------------------------------------- public functions


def _ordered(x, mean, covariance):
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


def observed_log_density(x, mean, covariance):
    r"""Log-density of the observed values of a sample, all others integrated out.

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


def conditional_gaussian(x, mean, covariance):
    r"""Mean and covariance of the missing values of a sample, given the observed ones.

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


def lifted_moments(count, first, second, covariance, observed):
    r"""Expected moments of whole samples from those of their observed features.

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
