"""Variational Bayes (chapter 15): priors, expectations under their posteriors, the two updates, and the bound."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import (
    LOG_2PI,
    cholesky_kernel,
    forward_substitution_kernel,
    log_determinant_kernel,
    mahalanobis_squared_kernel,
)
from gmm.formulas.regularisation import log_multivariate_gamma_kernel
from gmm.formulas.responsibilities import log_sum_exp_kernel
from gmm.formulas.updates import effective_counts_kernel


class MixturePrior(NamedTuple):
    """The prior of a mixture's parameters, the same for each component.

    Attributes
    ----------
    concentration : float
        Of each weight in a Dirichlet distribution.
    mean : ndarray, shape (n_features,)
    mean_precision : float
        How many samples the prior mean is worth.
    scale : ndarray, shape (n_features, n_features)
    dof : float
    """

    concentration: float
    mean: FloatArray
    mean_precision: float
    scale: FloatArray
    dof: float


class MixturePosterior(NamedTuple):
    """A Dirichlet distribution of the weights and a normal-Wishart distribution of each mean and precision.

    Attributes
    ----------
    concentration : ndarray, shape (n_components,)
    means : ndarray, shape (n_components, n_features)
    mean_precision : ndarray, shape (n_components,)
    scales : ndarray, shape (n_components, n_features, n_features)
    dof : ndarray, shape (n_components,)
    """

    concentration: FloatArray
    means: FloatArray
    mean_precision: FloatArray
    scales: FloatArray
    dof: FloatArray


# ------------------------------------------------------------------------------------- kernels


@kernel
def digamma_kernel(x):
    total = 0.0
    while x < 10.0:  # up to where the series has all digits
        total -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = 1.0 / 240.0 - y * (1.0 / 132.0 - y * (691.0 / 32760.0 - y / 12.0))
    series = y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * series)))
    return total + math.log(x) - 0.5 / x - series


@kernel
def dirichlet_log_density_kernel(weights, concentration):
    total, log_density = 0.0, 0.0
    for k in range(weights.shape[0]):
        total += concentration[k]
        log_density += (concentration[k] - 1.0) * math.log(weights[k]) - math.lgamma(concentration[k])
    return log_density + math.lgamma(total)


@kernel
def normal_wishart_log_density_kernel(mean, L, location, mean_precision, root, dof):
    d = mean.shape[0]  # L is the factor of the precision, root that of the scale
    square, trace = 0.0, 0.0
    for j in range(d):
        y = 0.0
        for l in range(d):
            y += L[l, j] * (mean[l] - location[l])
            z = 0.0
            for m in range(d):
                z += L[m, j] * root[m, l]
            trace += z * z
        square += y * y
    log_normal = 0.5 * (d * math.log(mean_precision) - d * LOG_2PI + log_determinant_kernel(L))
    log_normal -= 0.5 * mean_precision * square
    log_constant = 0.5 * dof * log_determinant_kernel(root) - 0.5 * dof * d * math.log(2.0)
    log_constant -= log_multivariate_gamma_kernel(0.5 * dof, d)
    return log_normal + log_constant + 0.5 * (dof - d - 1) * log_determinant_kernel(L) - 0.5 * trace


@kernel
def expected_log_weights_kernel(concentration):
    K = concentration.shape[0]
    of_total = digamma_kernel(concentration.sum())
    expected = np.empty(K)
    for k in range(K):
        expected[k] = digamma_kernel(concentration[k]) - of_total
    return expected


@kernel
def expected_log_determinant_kernel(root, dof):
    d = root.shape[0]
    expected = d * math.log(2.0) - log_determinant_kernel(root)
    for j in range(d):
        expected += digamma_kernel(0.5 * (dof - j))
    return expected


@kernel
def expected_mahalanobis_squared_kernel(X, mean, mean_precision, root, dof):
    n, d = X.shape
    squared = mahalanobis_squared_kernel(X, mean, root)
    for i in range(n):
        squared[i] = dof * squared[i] + d / mean_precision
    return squared


@kernel
def variational_log_joint_kernel(X, concentration, means, mean_precision, scales, dof):
    n, d = X.shape
    K = means.shape[0]
    log_weights = expected_log_weights_kernel(concentration)
    log_joint = np.empty((n, K))
    for k in range(K):
        root = cholesky_kernel(scales[k])
        log_det = expected_log_determinant_kernel(root, dof[k])
        squared = expected_mahalanobis_squared_kernel(X, means[k], mean_precision[k], root, dof[k])
        for i in range(n):
            log_joint[i, k] = log_weights[k] + 0.5 * (log_det - d * LOG_2PI - squared[i])
    return log_joint


@kernel
def variational_m_step_kernel(X, resp, concentration, mean, mean_precision, scale, dof):
    n, d = X.shape
    counts = effective_counts_kernel(resp)
    K = counts.shape[0]
    means, scales = np.empty((K, d)), np.empty((K, d, d))
    for k in range(K):
        for j in range(d):  # entry by entry: to assign slices takes Numba longer to compile
            means[k, j] = mean[j]
        for i in range(n):
            for j in range(d):
                means[k, j] += resp[i, k] * (X[i, j] - mean[j]) / (mean_precision + counts[k])
        for j in range(d):
            for l in range(d):
                pull = mean_precision * (means[k, j] - mean[j]) * (means[k, l] - mean[l])
                scales[k, j, l] = scale[j, l] + pull
                for i in range(n):
                    scales[k, j, l] += resp[i, k] * (X[i, j] - means[k, j]) * (X[i, l] - means[k, l])
    return concentration + counts, means, mean_precision + counts, scales, dof + counts


@kernel
def dirichlet_divergence_kernel(concentration, prior_concentration):
    K = concentration.shape[0]
    log_weights = expected_log_weights_kernel(concentration)
    divergence = math.lgamma(concentration.sum()) - math.lgamma(K * prior_concentration)
    for k in range(K):
        divergence += math.lgamma(prior_concentration) - math.lgamma(concentration[k])
        divergence += (concentration[k] - prior_concentration) * log_weights[k]
    return divergence


@kernel
def normal_wishart_divergence_kernel(mean, mean_precision, root, dof, prior_mean, prior_precision, prior_root, nu):
    d = mean.shape[0]
    square = 0.0  # (m - m0)' E[precision] (m - m0)
    y = forward_substitution_kernel(root, mean - prior_mean)
    trace = 0.0  # tr(prior scale E[precision])
    for j in range(d):
        square += dof * y[j] * y[j]
        z = forward_substitution_kernel(root, prior_root[:, j].copy())
        for l in range(d):
            trace += dof * z[l] * z[l]
    ratio = prior_precision / mean_precision
    of_mean = 0.5 * (d * (ratio - 1.0 - math.log(ratio)) + prior_precision * square)
    log_det = expected_log_determinant_kernel(root, dof)
    of_precision = 0.5 * (dof * log_determinant_kernel(root) - nu * log_determinant_kernel(prior_root))
    of_precision += log_multivariate_gamma_kernel(0.5 * nu, d) - log_multivariate_gamma_kernel(0.5 * dof, d)
    of_precision += 0.5 * ((dof - nu) * (log_det - d * math.log(2.0)) + trace - dof * d)
    return of_mean + of_precision


@kernel
def variational_bound_kernel(X, resp, concentration, means, mean_precision, scales, dof, a0, mean, b0, scale, nu):
    n, K = resp.shape
    log_joint = variational_log_joint_kernel(X, concentration, means, mean_precision, scales, dof)
    bound = -dirichlet_divergence_kernel(concentration, a0)
    prior_root = cholesky_kernel(scale)
    for k in range(K):
        root = cholesky_kernel(scales[k])
        bound -= normal_wishart_divergence_kernel(means[k], mean_precision[k], root, dof[k], mean, b0, prior_root, nu)
        for i in range(n):
            if resp[i, k] > 0.0:
                bound += resp[i, k] * (log_joint[i, k] - math.log(resp[i, k]))
    return bound


@kernel
def gaussian_log_evidence_kernel(X, mean, mean_precision, scale, dof):
    n, d = X.shape
    everything = np.ones((n, 1))
    _, _, precision, scales, after = variational_m_step_kernel(X, everything, 1.0, mean, mean_precision, scale, dof)
    log_evidence = -0.5 * n * d * math.log(math.pi) + 0.5 * d * math.log(mean_precision / precision[0])
    log_evidence += log_multivariate_gamma_kernel(0.5 * after[0], d) - log_multivariate_gamma_kernel(0.5 * dof, d)
    log_evidence += 0.5 * dof * log_determinant_kernel(cholesky_kernel(scale))
    return log_evidence - 0.5 * after[0] * log_determinant_kernel(cholesky_kernel(scales[0]))


@kernel
def variational_predictive_kernel(X, concentration, means, mean_precision, scales, dof):
    n, d = X.shape
    K = means.shape[0]
    log_joint = np.empty((n, K))
    for k in range(K):
        nu = dof[k] + 1.0 - d
        stretch = (1.0 + mean_precision[k]) / mean_precision[k]  # of the scale matrix, times nu
        root = cholesky_kernel(scales[k])
        squared = mahalanobis_squared_kernel(X, means[k], root)
        constant = math.lgamma(0.5 * (nu + d)) - math.lgamma(0.5 * nu) - 0.5 * d * math.log(math.pi * stretch)
        constant += math.log(concentration[k] / concentration.sum()) - 0.5 * log_determinant_kernel(root)
        for i in range(n):
            log_joint[i, k] = constant - 0.5 * (nu + d) * math.log1p(squared[i] / stretch)
    return log_sum_exp_kernel(log_joint)


@kernel
def stick_breaking_weights_kernel(shares):
    K = shares.shape[0]
    weights = np.empty(K)
    left = 1.0
    for k in range(K):
        weights[k] = shares[k] * left
        left *= 1.0 - shares[k]
    return weights


@kernel
def update_sticks_kernel(counts, concentration):
    K = counts.shape[0]
    first, rest = np.empty(K), np.empty(K)
    later = 0.0
    for k in range(K - 1, -1, -1):
        first[k] = 1.0 + counts[k]
        rest[k] = concentration + later
        later += counts[k]
    return first, rest


@kernel
def expected_log_stick_weights_kernel(first, rest):
    K = first.shape[0]
    expected = np.empty(K)
    passed = 0.0
    for k in range(K):
        both = digamma_kernel(first[k] + rest[k])
        expected[k] = digamma_kernel(first[k]) - both + passed
        passed += digamma_kernel(rest[k]) - both
    return expected


@kernel
def stick_divergence_kernel(first, rest, concentration):
    divergence = 0.0
    for k in range(first.shape[0]):
        both = digamma_kernel(first[k] + rest[k])
        divergence += math.lgamma(first[k] + rest[k]) - math.lgamma(first[k]) - math.lgamma(rest[k])
        divergence -= math.log(concentration)  # log B(1, a) = -log a
        divergence += (first[k] - 1.0) * (digamma_kernel(first[k]) - both)
        divergence += (rest[k] - concentration) * (digamma_kernel(rest[k]) - both)
    return divergence


# ------------------------------------------------------------------------------------- checks


def _positive(
    value: ArrayLike, name: str, shape_text: str = "(n_components,)", length: int | None = None
) -> FloatArray:
    array = check.real_array(value, name, 1, shape_text)
    if not (array > 0).all():
        raise ValueError(f"{name} must be positive; {name}[{int(np.argmin(array))}] is {array.min():g}")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} must have {length} entries; got {len(array)}")
    return array


def _normal_wishart(
    mean: ArrayLike, mean_precision: float, scale: ArrayLike, dof: float, name: str = "mean"
) -> tuple[FloatArray, float, FloatArray, float]:
    mean = check.real_array(mean, name, 1, "(n_features,)")
    mean_precision = check.number(mean_precision, "mean_precision", minimum=0.0, strict=True)
    return (mean, mean_precision, *check.prior(scale, dof, len(mean)))


def _of_data(
    X: ArrayLike, mean: ArrayLike, mean_precision: float, scale: ArrayLike, dof: float
) -> tuple[FloatArray, FloatArray, float, FloatArray, float]:
    X = check.data(X)
    distribution = _normal_wishart(mean, mean_precision, scale, dof)
    if len(distribution[0]) != X.shape[1]:
        raise ValueError(f"mean must have {X.shape[1]} entries, as X has features; got {len(distribution[0])}")
    return (X, *distribution)


def _posterior(
    X: ArrayLike,
    concentration: ArrayLike,
    means: ArrayLike,
    mean_precision: ArrayLike,
    scales: ArrayLike,
    dof: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    X = check.data(X)
    concentration = _positive(concentration, "concentration")
    K, d = len(concentration), X.shape[1]
    means = check.real_array(means, "means", 2, "(n_components, n_features)")
    if means.shape != (K, d):
        raise ValueError(f"means must have shape {(K, d)}; got {means.shape}")
    mean_precision, dof = _positive(mean_precision, "mean_precision", length=K), _positive(dof, "dof", length=K)
    scales = check.real_array(scales, "scales", 3, "(n_components, n_features, n_features)")
    if scales.shape != (K, d, d):
        raise ValueError(f"scales must have shape {(K, d, d)}; got {scales.shape}")
    for k in range(K):
        check.prior(scales[k], float(dof[k]), d)
    return X, concentration, means, mean_precision, scales, dof


def _sticks(first: ArrayLike, rest: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first = _positive(first, "first")
    return first, _positive(rest, "rest", length=len(first))


# ------------------------------------------------------------------------------------- public


@equation("eq-digamma", kernel=digamma_kernel)
def digamma(x: float) -> float:
    r"""Derivative of the logarithm of the gamma function, :eq:`eq-digamma`.

    .. math:: \psi(x) = \psi(x+1) - \frac1x, \quad \psi(x) \approx \log x - \frac1{2x} - \frac1{12x^2} + \dots

    The first formula carries x up to ten, where the second has all digits.

    Parameters
    ----------
    x : float
        Positive.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `x` is not positive and finite.

    Examples
    --------
    >>> round(digamma(1.0), 6)  # minus Euler's constant
    -0.577216
    """
    return digamma_kernel(check.number(x, "x", minimum=0.0, strict=True))


@equation("eq-vb-dirichlet", kernel=dirichlet_log_density_kernel)
def dirichlet_log_density(weights: ArrayLike, concentration: ArrayLike) -> float:
    r"""Log-density of the Dirichlet distribution, :eq:`eq-vb-dirichlet`.

    .. math:: \log p(\pi) = \log\Gamma\bigl(\textstyle\sum_k\alpha_k\bigr) + \sum_k\bigl[(\alpha_k-1)\log\pi_k
        - \log\Gamma(\alpha_k)\bigr]

    A density of the first :math:`K-1` weights; the last is what they leave.

    Parameters
    ----------
    weights : array_like, shape (n_components,)
        Positive, summing to one.
    concentration : array_like, shape (n_components,)
        :math:`\alpha_k`, positive.

    Returns
    -------
    float
        Natural logarithm.

    Raises
    ------
    ValueError
        If the weights are not positive and sum to one, or `concentration` is not positive and of their shape.
    """
    weights = check.mixing_weights(_positive(weights, "weights"))
    return dirichlet_log_density_kernel(weights, _positive(concentration, "concentration", length=len(weights)))


@equation("eq-vb-normal-wishart", kernel=normal_wishart_log_density_kernel)
def normal_wishart_log_density(
    mean: ArrayLike, precision: ArrayLike, location: ArrayLike, mean_precision: float, scale: ArrayLike, dof: float
) -> float:
    r"""Log-density of the normal-Wishart distribution, :eq:`eq-vb-normal-wishart`.

    .. math::

        \mu\mid\Lambda\sim\mathcal N\bigl(m,(\beta\Lambda)^{-1}\bigr),\quad
        \Lambda\sim\operatorname{Wishart}(\nu,\Psi^{-1})

    Parameters
    ----------
    mean : array_like, shape (n_features,)
        :math:`\mu`.
    precision : array_like, shape (n_features, n_features)
        :math:`\Lambda`, symmetric positive definite.
    location : array_like, shape (n_features,)
        :math:`m`, where the mean is expected.
    mean_precision : float
        :math:`\beta`, in samples, positive.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi`, symmetric positive definite, in squared units of the data.
    dof : float
        :math:`\nu`, degrees of freedom, greater than ``n_features - 1``.

    Returns
    -------
    float
        Natural logarithm.

    Raises
    ------
    ValueError
        If a matrix is not symmetric positive definite, shapes differ, or a number is too small.
    """
    location, mean_precision, scale, dof = _normal_wishart(location, mean_precision, scale, dof, "location")
    mean = check.real_array(mean, "mean", 1, "(n_features,)")
    precision = check.covariance_matrix(precision, name="precision")
    d = len(location)
    if mean.shape != (d,) or precision.shape != (d, d):
        raise ValueError(f"mean and precision must have {d} features; got shapes {mean.shape}, {precision.shape}")
    L, root = cholesky_kernel(precision), cholesky_kernel(scale)
    return normal_wishart_log_density_kernel(mean, L, location, mean_precision, root, dof)


@equation("eq-vb-expected-log-weights", kernel=expected_log_weights_kernel)
def expected_log_weights(concentration: ArrayLike) -> FloatArray:
    r"""Expected logarithms of weights with a Dirichlet distribution, :eq:`eq-vb-expected-log-weights`.

    .. math:: \mathbb E\log\pi_k = \psi(\alpha_k) - \psi\bigl(\textstyle\sum_l\alpha_l\bigr)

    Parameters
    ----------
    concentration : array_like, shape (n_components,)
        :math:`\alpha_k`, positive.

    Returns
    -------
    ndarray, shape (n_components,)

    Raises
    ------
    ValueError
        If `concentration` is not a vector of positive numbers.
    """
    return expected_log_weights_kernel(_positive(concentration, "concentration"))


@equation("eq-vb-expected-log-det", kernel=expected_log_determinant_kernel)
def expected_log_determinant(scale: ArrayLike, dof: float) -> float:
    r"""Expected log determinant of a precision with a Wishart distribution, :eq:`eq-vb-expected-log-det`.

    .. math:: \mathbb E\log\lvert\Lambda\rvert = \sum_{j=1}^d\psi\Bigl(\frac{\nu+1-j}2\Bigr) + d\log2
        - \log\lvert\Psi\rvert

    Parameters
    ----------
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi`, symmetric positive definite.
    dof : float
        :math:`\nu`, greater than ``n_features - 1``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `scale` is not symmetric positive definite or `dof` is too small.
    """
    scale = check.covariance_matrix(scale, name="scale")
    scale, dof = check.prior(scale, dof, len(scale))
    return expected_log_determinant_kernel(cholesky_kernel(scale), dof)


@equation("eq-vb-expected-square", kernel=expected_mahalanobis_squared_kernel)
def expected_mahalanobis_squared(
    X: ArrayLike, mean: ArrayLike, mean_precision: float, scale: ArrayLike, dof: float
) -> FloatArray:
    r"""Expected squared Mahalanobis distance under a normal-Wishart distribution, :eq:`eq-vb-expected-square`.

    .. math:: \mathbb E\,(x-\mu)^\top\Lambda(x-\mu) = \nu\,(x-m)^\top\Psi^{-1}(x-m) + \frac d\beta

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
        :math:`m`.
    mean_precision : float
        :math:`\beta`, positive.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi`, symmetric positive definite.
    dof : float
        :math:`\nu`, greater than ``n_features - 1``.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or a number is too small.
    """
    X, mean, mean_precision, scale, dof = _of_data(X, mean, mean_precision, scale, dof)
    return expected_mahalanobis_squared_kernel(X, mean, mean_precision, cholesky_kernel(scale), dof)


@equation("eq-vb-e-step", kernel=variational_log_joint_kernel)
def variational_log_joint(
    X: ArrayLike,
    concentration: ArrayLike,
    means: ArrayLike,
    mean_precision: ArrayLike,
    scales: ArrayLike,
    dof: ArrayLike,
) -> FloatArray:
    r"""Expected log joint density of sample and component, the E-step's logarithms, :eq:`eq-vb-e-step`.

    .. math::

        a_{ik} = \mathbb E\log\pi_k + \tfrac12\mathbb E\log\lvert\Lambda_k\rvert - \tfrac d2\log2\pi
        - \tfrac12\mathbb E\,(x_i-\mu_k)^\top\Lambda_k(x_i-\mu_k)

    Its softmax over the components is q(z).

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    concentration : array_like, shape (n_components,)
    means : array_like, shape (n_components, n_features)
    mean_precision : array_like, shape (n_components,)
    scales : array_like, shape (n_components, n_features, n_features)
    dof : array_like, shape (n_components,)
        These five are a :class:`MixturePosterior`.

    Returns
    -------
    ndarray, shape (n_samples, n_components)
        Natural logarithms.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not symmetric positive definite, or a number is too small.
    """
    return variational_log_joint_kernel(*_posterior(X, concentration, means, mean_precision, scales, dof))


@equation("eq-vb-m-step", kernel=variational_m_step_kernel)
def variational_m_step(
    X: ArrayLike,
    resp: ArrayLike,
    concentration: float,
    mean: ArrayLike,
    mean_precision: float,
    scale: ArrayLike,
    dof: float,
) -> MixturePosterior:
    r"""Best distributions of weights, means and precisions for given responsibilities, :eq:`eq-vb-m-step`.

    .. math::

        \begin{aligned}
        \alpha_k &= \alpha_0 + N_k,\quad \beta_k = \beta_0 + N_k,\quad \nu_k = \nu_0 + N_k,\\
        m_k &= \frac{\beta_0m_0 + \sum_ir_{ik}x_i}{\beta_k},\\
        \Psi_k &= \Psi_0 + \sum_ir_{ik}(x_i-m_k)(x_i-m_k)^\top + \beta_0(m_k-m_0)(m_k-m_0)^\top
        \end{aligned}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one. A component may be empty; it keeps its prior.
    concentration : float
        :math:`\alpha_0`, positive.
    mean : array_like, shape (n_features,)
        :math:`m_0`.
    mean_precision : float
        :math:`\beta_0`, positive.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi_0`, symmetric positive definite.
    dof : float
        :math:`\nu_0`, greater than ``n_features - 1``. These five are a :class:`MixturePrior`.

    Returns
    -------
    MixturePosterior

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or a number is too small.
    """
    X, mean, mean_precision, scale, dof = _of_data(X, mean, mean_precision, scale, dof)
    resp = check.responsibilities(resp, n_samples=len(X))
    concentration = check.number(concentration, "concentration", minimum=0.0, strict=True)
    return MixturePosterior(*variational_m_step_kernel(X, resp, concentration, mean, mean_precision, scale, dof))


@equation("eq-vb-kl-dirichlet", kernel=dirichlet_divergence_kernel)
def dirichlet_divergence(concentration: ArrayLike, prior_concentration: float) -> float:
    r"""Divergence of a Dirichlet distribution from a symmetric one, :eq:`eq-vb-kl-dirichlet`.

    .. math::

        \log\frac{\Gamma(\sum_k\alpha_k)}{\Gamma(K\alpha_0)} + \sum_k\Bigl[\log\frac{\Gamma(\alpha_0)}{\Gamma(\alpha_k)}
        + (\alpha_k-\alpha_0)\,\mathbb E\log\pi_k\Bigr]

    Parameters
    ----------
    concentration : array_like, shape (n_components,)
        :math:`\alpha_k`, positive.
    prior_concentration : float
        :math:`\alpha_0`, positive.

    Returns
    -------
    float
        In nats, not negative.

    Raises
    ------
    ValueError
        If a concentration is not positive.
    """
    concentration = _positive(concentration, "concentration")
    prior_concentration = check.number(prior_concentration, "prior_concentration", minimum=0.0, strict=True)
    return dirichlet_divergence_kernel(concentration, prior_concentration)


@equation("eq-vb-kl-normal-wishart", kernel=normal_wishart_divergence_kernel)
def normal_wishart_divergence(
    mean: ArrayLike,
    mean_precision: float,
    scale: ArrayLike,
    dof: float,
    prior: tuple[ArrayLike, float, ArrayLike, float],
) -> float:
    r"""Divergence of a normal-Wishart distribution from another, :eq:`eq-vb-kl-normal-wishart`.

    .. math::

        \begin{aligned}
        &\tfrac12\bigl[d\bigl(\tfrac{\beta_0}\beta-1-\log\tfrac{\beta_0}\beta\bigr)
        + \beta_0\nu\,(m-m_0)^\top\Psi^{-1}(m-m_0)\bigr]\\
        &+ \tfrac\nu2\log\lvert\Psi\rvert - \tfrac{\nu_0}2\log\lvert\Psi_0\rvert
        + \log\tfrac{\Gamma_d(\nu_0/2)}{\Gamma_d(\nu/2)}
        + \tfrac{\nu-\nu_0}2\bigl(\mathbb E\log\lvert\Lambda\rvert-d\log2\bigr)
        + \tfrac\nu2\operatorname{tr}(\Psi_0\Psi^{-1}) - \tfrac{\nu d}2
        \end{aligned}

    Parameters
    ----------
    mean : array_like, shape (n_features,)
    mean_precision : float
    scale : array_like, shape (n_features, n_features)
    dof : float
    prior : tuple
        (mean, mean_precision, scale, dof) of the other.

    Returns
    -------
    float
        In nats, not negative.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not symmetric positive definite, or a number is too small.
    """
    mean, mean_precision, scale, dof = _normal_wishart(mean, mean_precision, scale, dof)
    m0, b0, scale0, nu0 = _normal_wishart(*prior, name="mean of the prior")
    if m0.shape != mean.shape:
        raise ValueError(f"prior must have {len(mean)} features; got {len(m0)}")
    roots = cholesky_kernel(scale), cholesky_kernel(scale0)
    return normal_wishart_divergence_kernel(mean, mean_precision, roots[0], dof, m0, b0, roots[1], nu0)


@equation("eq-vb-bound", kernel=variational_bound_kernel)
def variational_bound(X: ArrayLike, resp: ArrayLike, posterior: MixturePosterior, prior: MixturePrior) -> float:
    r"""Lower bound of the log-evidence, for any responsibilities and any posterior, :eq:`eq-vb-bound`.

    .. math::

        F = \sum_{i,k}r_{ik}(a_{ik}-\log r_{ik}) - \operatorname{KL}\bigl(q(\pi)\Vert p(\pi)\bigr)
        - \sum_k\operatorname{KL}\bigl(q(\mu_k,\Lambda_k)\Vert p(\mu_k,\Lambda_k)\bigr)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Not negative, rows summing to one.
    posterior : MixturePosterior
        Or five arrays in this order.
    prior : MixturePrior
        Or its five parts in this order.

    Returns
    -------
    float
        Natural logarithm, total, all constants included.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not symmetric positive definite, or a number is too small.
    """
    X, *parameters = _posterior(X, *posterior)
    resp = check.responsibilities(resp, len(X), len(parameters[0]))
    concentration = check.number(prior[0], "concentration of the prior", minimum=0.0, strict=True)
    _, *others = _of_data(X, *prior[1:])
    return variational_bound_kernel(X, resp, *[*parameters, concentration, *others])


@equation("eq-vb-evidence", kernel=gaussian_log_evidence_kernel)
def gaussian_log_evidence(X: ArrayLike, mean: ArrayLike, mean_precision: float, scale: ArrayLike, dof: float) -> float:
    r"""Log-evidence of one Gaussian with a normal-Wishart prior, :eq:`eq-vb-evidence`.

    .. math::

        \log p(X) = -\tfrac{nd}2\log\pi + \log\tfrac{\Gamma_d(\nu/2)}{\Gamma_d(\nu_0/2)}
        + \tfrac{\nu_0}2\log\lvert\Psi_0\rvert - \tfrac\nu2\log\lvert\Psi\rvert + \tfrac d2\log\tfrac{\beta_0}\beta

    with the parameters of the posterior after all n samples.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
        :math:`m_0`.
    mean_precision : float
        :math:`\beta_0`, positive.
    scale : array_like, shape (n_features, n_features)
        :math:`\Psi_0`, symmetric positive definite.
    dof : float
        :math:`\nu_0`, greater than ``n_features - 1``.

    Returns
    -------
    float
        Natural logarithm, total.

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or a number is too small.
    """
    return gaussian_log_evidence_kernel(*_of_data(X, mean, mean_precision, scale, dof))


@equation("eq-vb-predictive", kernel=variational_predictive_kernel)
def variational_predictive_log_density(
    X: ArrayLike,
    concentration: ArrayLike,
    means: ArrayLike,
    mean_precision: ArrayLike,
    scales: ArrayLike,
    dof: ArrayLike,
) -> FloatArray:
    r"""Log-density of the next sample, all parameters averaged over the posterior, :eq:`eq-vb-predictive`.

    .. math::

        p(x\mid X) \approx \sum_k\frac{\alpha_k}{\sum_l\alpha_l}\operatorname{St}\Bigl(x\Bigm|m_k,
        \frac{1+\beta_k}{\beta_k(\nu_k+1-d)}\Psi_k,\;\nu_k+1-d\Bigr)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    concentration : array_like, shape (n_components,)
    means : array_like, shape (n_components, n_features)
    mean_precision : array_like, shape (n_components,)
    scales : array_like, shape (n_components, n_features, n_features)
    dof : array_like, shape (n_components,)
        These five are a :class:`MixturePosterior`.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithms.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not symmetric positive definite, or a number is too small.
    """
    return variational_predictive_kernel(*_posterior(X, concentration, means, mean_precision, scales, dof))


@equation("eq-vb-sticks", kernel=stick_breaking_weights_kernel)
def stick_breaking_weights(shares: ArrayLike) -> FloatArray:
    r"""Weights from the shares that are broken off a stick, one after another, :eq:`eq-vb-sticks`.

    .. math:: \pi_k = v_k\prod_{l<k}(1-v_l)

    Parameters
    ----------
    shares : array_like, shape (n_components,)
        :math:`v_k`, from 0 to 1, each of what the ones before have left.

    Returns
    -------
    ndarray, shape (n_components,)
        They sum to one only if some share is one.

    Raises
    ------
    ValueError
        If `shares` is not a vector of numbers from 0 to 1.
    """
    shares = check.real_array(shares, "shares", 1, "(n_components,)")
    if (shares < 0).any() or (shares > 1).any():
        raise ValueError(f"shares must lie between 0 and 1; got {shares.min():g} to {shares.max():g}")
    return stick_breaking_weights_kernel(shares)


@equation("eq-vb-stick-update", kernel=update_sticks_kernel)
def update_sticks(counts: ArrayLike, concentration: float) -> tuple[FloatArray, FloatArray]:
    r"""Best Beta distributions of the sticks' shares, :eq:`eq-vb-stick-update`.

    .. math:: q(v_k) = \operatorname{Beta}\Bigl(1+N_k,\;\alpha_0+\sum_{l>k}N_l\Bigr)

    Parameters
    ----------
    counts : array_like, shape (n_components,)
        Effective counts, not negative.
    concentration : float
        :math:`\alpha_0` of the prior :math:`\operatorname{Beta}(1,\alpha_0)`, positive.

    Returns
    -------
    first, rest : ndarray, shape (n_components,)
        The two parameters of each Beta distribution.

    Raises
    ------
    ValueError
        If a count is negative or `concentration` is not positive.
    """
    counts = check.real_array(counts, "counts", 1, "(n_components,)")
    if (counts < 0).any():
        raise ValueError(f"counts must not be negative; got {counts.min():g}")
    return update_sticks_kernel(counts, check.number(concentration, "concentration", minimum=0.0, strict=True))


@equation("eq-vb-stick-log-weights", kernel=expected_log_stick_weights_kernel)
def expected_log_stick_weights(first: ArrayLike, rest: ArrayLike) -> FloatArray:
    r"""Expected logarithms of weights by stick-breaking, :eq:`eq-vb-stick-log-weights`.

    .. math:: \mathbb E\log\pi_k = \mathbb E\log v_k + \sum_{l<k}\mathbb E\log(1-v_l)

    Parameters
    ----------
    first : array_like, shape (n_components,)
    rest : array_like, shape (n_components,)
        The two parameters of each share's Beta distribution, positive.

    Returns
    -------
    ndarray, shape (n_components,)

    Raises
    ------
    ValueError
        If the parameters are not positive or their shapes differ.
    """
    return expected_log_stick_weights_kernel(*_sticks(first, rest))


@equation("eq-vb-kl-sticks", kernel=stick_divergence_kernel)
def stick_divergence(first: ArrayLike, rest: ArrayLike, concentration: float) -> float:
    r"""Divergence of the sticks' Beta distributions from their prior, :eq:`eq-vb-kl-sticks`.

    .. math::

        \sum_k\operatorname{KL}\bigl(\operatorname{Beta}(a_k,b_k)\,\Vert\,\operatorname{Beta}(1,\alpha_0)\bigr)

    Parameters
    ----------
    first : array_like, shape (n_components,)
    rest : array_like, shape (n_components,)
        :math:`a_k` and :math:`b_k`, positive.
    concentration : float
        :math:`\alpha_0`, positive.

    Returns
    -------
    float
        In nats, not negative.

    Raises
    ------
    ValueError
        If a parameter is not positive or the shapes differ.
    """
    concentration = check.number(concentration, "concentration", minimum=0.0, strict=True)
    return stick_divergence_kernel(*_sticks(first, rest), concentration)
