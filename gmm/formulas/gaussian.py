"""The Gaussian density (chapter 2): Cholesky factor, Mahalanobis distance, log-density, maximum likelihood."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._primitives import cholesky_kernel
from gmm.formulas._registry import equation

LOG_2PI = math.log(2.0 * math.pi)


# ------------------------------------------------------------------------------------- kernels


@kernel
def univariate_log_density_kernel(x, mean, variance):
    n = x.shape[0]
    log_density = np.empty(n)
    for i in range(n):
        difference = x[i] - mean
        log_density[i] = -0.5 * (LOG_2PI + math.log(variance) + difference * difference / variance)
    return log_density


@kernel
def log_determinant_kernel(L):
    total = 0.0
    for j in range(L.shape[0]):
        total += math.log(L[j, j])
    return 2.0 * total


@kernel
def forward_substitution_kernel(L, b):
    d = L.shape[0]
    y = np.empty(d)
    for j in range(d):
        rest = b[j]
        for l in range(j):
            rest -= L[j, l] * y[l]
        y[j] = rest / L[j, j]
    return y


@kernel
def mahalanobis_squared_kernel(X, mean, L):
    n, d = X.shape
    squared = np.zeros(n)
    difference = np.empty(d)
    for i in range(n):
        for j in range(d):
            difference[j] = X[i, j] - mean[j]
        y = forward_substitution_kernel(L, difference)
        for j in range(d):
            squared[i] += y[j] * y[j]
    return squared


@kernel
def gaussian_log_density_kernel(X, mean, L):
    n, d = X.shape
    squared = mahalanobis_squared_kernel(X, mean, L)
    log_normaliser = -0.5 * (d * LOG_2PI + log_determinant_kernel(L))
    log_density = np.empty(n)
    for i in range(n):
        log_density[i] = log_normaliser - 0.5 * squared[i]
    return log_density


@kernel
def principal_axes_kernel(eigenvalues, eigenvectors):
    d = eigenvalues.shape[0]
    lengths = np.empty(d)
    axes = np.empty((d, d))
    for j in range(d):  # eigh sorts upwards; the longest axis comes first here
        lengths[j] = math.sqrt(eigenvalues[d - 1 - j])
        for l in range(d):
            axes[j, l] = eigenvectors[l, d - 1 - j]
    return lengths, axes


@kernel
def ellipse_mass_kernel(radius):
    return -math.expm1(-0.5 * radius * radius)


@kernel
def sample_mean_kernel(X):
    n, d = X.shape
    # Summing differences from the first sample keeps the digits of data far from the origin.
    mean = np.zeros(d)
    for i in range(n):
        for j in range(d):
            mean[j] += X[i, j] - X[0, j]
    for j in range(d):
        mean[j] = X[0, j] + mean[j] / n
    return mean


@kernel
def sample_covariance_kernel(X, mean):
    n, d = X.shape
    covariance = np.zeros((d, d))
    for i in range(n):
        for j in range(d):
            for l in range(d):
                covariance[j, l] += (X[i, j] - mean[j]) * (X[i, l] - mean[l]) / n
    return covariance


@kernel
def gaussian_log_likelihood_kernel(X, mean, L):
    log_density = gaussian_log_density_kernel(X, mean, L)
    total = 0.0
    for i in range(X.shape[0]):
        total += log_density[i]
    return total


@kernel
def max_gaussian_log_likelihood_kernel(n, L):
    d = L.shape[0]
    return -0.5 * n * (d * LOG_2PI + log_determinant_kernel(L) + d)


# ------------------------------------------------------------------------------------- public


@equation("eq-univariate-log-density", kernel=univariate_log_density_kernel)
def univariate_log_density(x: ArrayLike, mean: float, variance: float) -> FloatArray:
    r"""Log-density of a Gaussian in one dimension, :eq:`eq-univariate-log-density`.

    .. math::

        \log\mathcal N(x_i\mid\mu,\sigma^2)
            = -\tfrac12\Bigl(\log 2\pi + \log\sigma^2 + \frac{(x_i-\mu)^2}{\sigma^2}\Bigr)

    Parameters
    ----------
    x : array_like, shape (n_samples,)
    mean : float
    variance : float
        The variance :math:`\sigma^2`, not the standard deviation.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithm of the density, one value per sample.

    Raises
    ------
    ValueError
        If `x` is not one-dimensional and finite, or `variance` is not positive.
    """
    x = check.real_array(x, "x", 1, "(n_samples,)")
    mean = check.number(mean, "mean")
    variance = check.number(variance, "variance", minimum=0.0, strict=True)
    return univariate_log_density_kernel(x, mean, variance)


@equation("eq-cholesky", kernel=cholesky_kernel)
def cholesky(covariance: ArrayLike) -> FloatArray:
    r"""Cholesky factor of a covariance matrix, :eq:`eq-cholesky`.

    The lower triangular :math:`L` with positive diagonal and :math:`\Sigma = L L^\top`.

    Parameters
    ----------
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If `covariance` is not square, symmetric and positive definite.

    Notes
    -----
    Costs :math:`d^3/6` multiplications to leading order.
    """
    return cholesky_kernel(check.covariance_matrix(covariance))


@equation("eq-log-determinant", kernel=log_determinant_kernel)
def log_determinant(cholesky_factor: ArrayLike) -> float:
    r"""Log-determinant of :math:`\Sigma = LL^\top` from its Cholesky factor, :eq:`eq-log-determinant`.

    .. math:: \log\lvert\Sigma\rvert = 2\sum_{j} \log L_{jj}

    Parameters
    ----------
    cholesky_factor : array_like, shape (n_features, n_features)
        Lower triangular with a positive diagonal.

    Returns
    -------
    float
        Natural logarithm of the determinant. It neither overflows nor underflows, unlike the determinant.

    Raises
    ------
    ValueError
        If `cholesky_factor` is not lower triangular with a positive diagonal.
    """
    return log_determinant_kernel(check.lower_triangular(cholesky_factor))


@equation("eq-forward-substitution", kernel=forward_substitution_kernel)
def forward_substitution(cholesky_factor: ArrayLike, b: ArrayLike) -> FloatArray:
    r"""Solve the lower triangular system :math:`L y = b` from the top row down, :eq:`eq-forward-substitution`.

    Parameters
    ----------
    cholesky_factor : array_like, shape (n_features, n_features)
        Lower triangular with a positive diagonal.
    b : array_like, shape (n_features,)

    Returns
    -------
    ndarray, shape (n_features,)

    Raises
    ------
    ValueError
        If the shapes do not fit or `cholesky_factor` is not lower triangular with a positive diagonal.

    Notes
    -----
    Costs :math:`d(d+1)/2` multiplications and divisions.
    """
    factor = check.lower_triangular(cholesky_factor)
    b = check.real_array(b, "b", 1, "(n_features,)")
    if b.shape[0] != factor.shape[0]:
        raise ValueError(f"b must have {factor.shape[0]} entries; got {b.shape[0]}")
    return forward_substitution_kernel(factor, b)


@equation("eq-mahalanobis", kernel=mahalanobis_squared_kernel)
def mahalanobis_squared(X: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> FloatArray:
    r"""Squared Mahalanobis distance of each sample from a mean, :eq:`eq-mahalanobis`.

    .. math:: \Delta_i^2 = (x_i-\mu)^\top\Sigma^{-1}(x_i-\mu) = \lVert L^{-1}(x_i-\mu)\rVert^2,\qquad \Sigma = LL^\top

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or `covariance` is not symmetric positive definite.

    Notes
    -----
    Costs :math:`n\,d(d+3)/2` multiplications and divisions. No inverse is formed, and the difference is taken before
    anything is squared, so data far from the origin keep their digits.
    """
    X = check.data(X)
    mean = check.mean_vector(mean, X.shape[1])
    covariance = check.covariance_matrix(covariance, X.shape[1])
    return mahalanobis_squared_kernel(X, mean, cholesky_kernel(covariance))


@equation("eq-gaussian-density", "eq-gaussian-log-density", kernel=gaussian_log_density_kernel)
def gaussian_log_density(X: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> FloatArray:
    r"""Log-density of a multivariate Gaussian, :eq:`eq-gaussian-log-density`.

    .. math:: \log\mathcal N(x_i\mid\mu,\Sigma) = -\tfrac12\bigl(d\log 2\pi + \log\lvert\Sigma\rvert + \Delta_i^2\bigr)

    Its exponential is the density :eq:`eq-gaussian-density`.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithm of the density, one value per sample.

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or `covariance` is not symmetric positive definite.

    Notes
    -----
    Costs :math:`n\,d(d+3)/2` multiplications and divisions, and :math:`d^3/6` for the Cholesky factor.
    """
    X = check.data(X)
    mean = check.mean_vector(mean, X.shape[1])
    covariance = check.covariance_matrix(covariance, X.shape[1])
    return gaussian_log_density_kernel(X, mean, cholesky_kernel(covariance))


@equation("eq-principal-axes", kernel=principal_axes_kernel)
def principal_axes(covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    r"""Half-lengths and directions of the axes of the one-sigma ellipsoid, :eq:`eq-principal-axes`.

    Eigenvectors :math:`u_j` of :math:`\Sigma` give the directions, square roots of the eigenvalues the half-lengths.

    Parameters
    ----------
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    lengths : ndarray, shape (n_features,)
        Half-lengths, longest first, in the units of the data.
    axes : ndarray, shape (n_features, n_features)
        Row j is the unit vector of axis j. Its sign is arbitrary.

    Raises
    ------
    ValueError
        If `covariance` is not square, symmetric and positive definite.
    """
    # The eigenvectors come from NumPy: a call of LAPACK inside the kernel takes Numba four times as long to compile.
    return principal_axes_kernel(*np.linalg.eigh(check.covariance_matrix(covariance)))


@equation("eq-ellipse-mass", kernel=ellipse_mass_kernel)
def ellipse_mass(radius: float) -> float:
    r"""Mass of a two-dimensional Gaussian inside its ellipse of Mahalanobis radius r, :eq:`eq-ellipse-mass`.

    .. math:: \Pr(\Delta \le r) = 1 - e^{-r^2/2}

    Parameters
    ----------
    radius : float
        Mahalanobis radius (the "number of sigmas"), not negative.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `radius` is negative or not finite.
    """
    return ellipse_mass_kernel(check.number(radius, "radius", minimum=0.0))


@equation("eq-gaussian-mle-mean", kernel=sample_mean_kernel)
def sample_mean(X: ArrayLike) -> FloatArray:
    r"""Maximum-likelihood mean of one Gaussian, :eq:`eq-gaussian-mle-mean`.

    .. math:: \hat\mu = \frac1n\sum_{i} x_i

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)

    Returns
    -------
    ndarray, shape (n_features,)

    Raises
    ------
    ValueError
        If `X` is not a finite matrix.
    """
    return sample_mean_kernel(check.data(X))


@equation("eq-gaussian-mle-covariance", kernel=sample_covariance_kernel)
def sample_covariance(X: ArrayLike) -> FloatArray:
    r"""Maximum-likelihood covariance of one Gaussian, :eq:`eq-gaussian-mle-covariance`.

    .. math:: \hat\Sigma = \frac1n\sum_{i} (x_i-\hat\mu)(x_i-\hat\mu)^\top

    The divisor is n, not n - 1: this is the maximum of the likelihood, not the unbiased estimate.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)

    Returns
    -------
    ndarray, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If `X` is not a finite matrix.
    """
    X = check.data(X)
    return sample_covariance_kernel(X, sample_mean_kernel(X))


@equation("eq-gaussian-log-likelihood", kernel=gaussian_log_likelihood_kernel)
def gaussian_log_likelihood(X: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> float:
    r"""Total log-likelihood of one Gaussian, :eq:`eq-gaussian-log-likelihood`.

    .. math:: \ell(\mu,\Sigma) = \sum_i \log\mathcal N(x_i\mid\mu,\Sigma)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    float
        Natural logarithm, total over the samples.

    Raises
    ------
    ValueError
        If the shapes do not fit, an entry is not finite, or `covariance` is not symmetric positive definite.
    """
    X = check.data(X)
    mean = check.mean_vector(mean, X.shape[1])
    covariance = check.covariance_matrix(covariance, X.shape[1])
    return gaussian_log_likelihood_kernel(X, mean, cholesky_kernel(covariance))


@equation("eq-gaussian-max-log-likelihood", kernel=max_gaussian_log_likelihood_kernel)
def max_gaussian_log_likelihood(X: ArrayLike) -> float:
    r"""The largest log-likelihood that one Gaussian can reach on the data, :eq:`eq-gaussian-max-log-likelihood`.

    .. math:: \ell(\hat\mu,\hat\Sigma) = -\frac n2\bigl(d\log 2\pi + \log\lvert\hat\Sigma\rvert + d\bigr)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)

    Returns
    -------
    float
        Natural logarithm, total over the samples.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix, or its sample covariance is singular (fewer than d + 1 samples in general
        position): then the likelihood has no maximum.
    """
    X = check.data(X)
    covariance = sample_covariance_kernel(X, sample_mean_kernel(X))
    check.covariance_matrix(covariance, name="the sample covariance of X")
    return max_gaussian_log_likelihood_kernel(X.shape[0], cholesky_kernel(covariance))
