"""Measurement errors of known covariance (chapter 19): the mixture of the true values, not of the measured ones.

With x = v + e, the true value v from a Gaussian (μ, Σ) and the error e from a Gaussian (0, S), and T = Σ + S = L Lᵀ,

    y = L⁻¹ (x - μ),   G = L⁻¹ Σ,   H = L⁻¹ S   give   Σ T⁻¹ (x - μ) = Gᵀ y,   Σ - Σ T⁻¹ Σ = Σ T⁻¹ S = Gᵀ H.

The last form has no difference: small errors keep their digits, and without any nothing is left to be uncertain of.
"""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._primitives import cholesky_kernel, log_sum_exp_kernel
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import LOG_2PI, forward_substitution_kernel, log_determinant_kernel

# ------------------------------------------------------------------------------------- kernels


@kernel
def deconvolution_log_density_kernel(X, errors, weights, means, covariances):
    n, d = X.shape
    K = weights.shape[0]
    log_joint = np.empty((n, K))
    for i in range(n):
        for k in range(K):
            L = cholesky_kernel(covariances[k] + errors[i])
            log_joint[i, k] = np.log(weights[k]) - 0.5 * (d * LOG_2PI + log_determinant_kernel(L))
            for y in forward_substitution_kernel(L, X[i] - means[k]):
                log_joint[i, k] -= 0.5 * y * y
    return log_sum_exp_kernel(log_joint)


@kernel
def deconvolution_posterior_kernel(x, error, mean, covariance):
    d = x.shape[0]
    L = cholesky_kernel(covariance + error)
    y = forward_substitution_kernel(L, x - mean)
    G, H = np.empty((d, d)), np.empty((d, d))
    for j in range(d):
        G[:, j] = forward_substitution_kernel(L, covariance[:, j])
        H[:, j] = forward_substitution_kernel(L, error[:, j])
    b, B = mean.copy(), np.zeros((d, d))
    for j in range(d):
        for m in range(d):
            b[j] += G[m, j] * y[m]
            for l in range(d):
                B[j, l] += G[m, j] * H[m, l]
    return b, B


@kernel
def deconvolution_update_kernel(X, errors, resp, means, covariances):
    n, d = X.shape
    K = resp.shape[1]
    weights, new_means, new_covariances = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    for k in range(K):
        count, b, B = 0.0, np.empty((n, d)), np.empty((n, d, d))
        for i in range(n):
            b[i], B[i] = deconvolution_posterior_kernel(X[i], errors[i], means[k], covariances[k])
            count += resp[i, k]
            new_means[k] += resp[i, k] * b[i]
        new_means[k] /= count
        for i in range(n):
            u = b[i] - new_means[k]
            for j in range(d):
                for l in range(d):
                    new_covariances[k, j, l] += resp[i, k] / count * (u[j] * u[l] + B[i, j, l])
        weights[k] = count / n
    return weights, new_means, new_covariances


# ------------------------------------------------------------------------------------- public functions


def _errors(error_covariances: ArrayLike, n_samples: int, n_features: int) -> FloatArray:
    """Check the covariance of each sample's error: symmetric, no negative eigenvalue beyond rounding."""
    errors = check.real_array(error_covariances, "error_covariances", 3, "(n_samples, n_features, n_features)")
    shape = (n_samples, n_features, n_features)
    if errors.shape != shape:
        raise ValueError(f"error_covariances must have shape {shape}, a matrix for each sample; got {errors.shape}")
    sizes = np.sqrt(np.abs(np.einsum("ijj->ij", errors)))
    products = sizes[:, :, None] * sizes[:, None, :]
    skew = np.abs(errors - errors.swapaxes(1, 2)) > check.SYMMETRY_TOLERANCE * products
    scaled = np.divide(errors, products, where=products > 0.0, out=errors.copy())
    wrong = skew.any(axis=(1, 2)) | (np.linalg.eigvalsh(scaled)[:, 0] < -check.SYMMETRY_TOLERANCE)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(f"error_covariances[{i}] must be symmetric and positive semi-definite; got {errors[i]}")
    return errors


@equation("eq-deconvolution-density", kernel=deconvolution_log_density_kernel)
def deconvolution_log_density(
    X: ArrayLike, error_covariances: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> FloatArray:
    r"""Log-density of samples measured with errors of known covariance, :eq:`eq-deconvolution-density`.

    .. math::

        \log p(x_i) = \log \sum_k \pi_k \, \mathcal N(x_i \mid \mu_k, T_{ik}), \qquad T_{ik} = \Sigma_k + S_i

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Measured values.
    error_covariances : array_like, shape (n_samples, n_features, n_features)
        :math:`S_i`, in the squared units of the features: symmetric, positive semi-definite.
    weights, means, covariances : array_like, shapes (K,), (K, n_features), (K, n_features, n_features)
        The mixture of the true values.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithm, per sample.

    Raises
    ------
    ValueError
        If the shapes do not fit, a value is not finite, or a matrix is not what it should be.

    Notes
    -----
    Costs :math:`n K d^3 / 6` multiplications: each sample has a factor of its own under each component.

    References
    ----------
    Bovy, J., Hogg, D. W. and Roweis, S. T. (2011), Extreme deconvolution: inferring complete distribution functions
    from noisy, heterogeneous and incomplete observations, Annals of Applied Statistics 5.
    """
    X = check.data(X)
    errors = _errors(error_covariances, *X.shape)
    parameters = check.parameters(weights, means, covariances, X.shape[1])
    return deconvolution_log_density_kernel(X, errors, *parameters)


@equation("eq-deconvolution-posterior", kernel=deconvolution_posterior_kernel)
def deconvolution_posterior(
    x: ArrayLike, error_covariance: ArrayLike, mean: ArrayLike, covariance: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    r"""Mean and covariance of the true value behind a measured one, :eq:`eq-deconvolution-posterior`.

    Under one component.

    .. math::

        b = \mu + \Sigma T^{-1} (x - \mu), \qquad B = \Sigma - \Sigma T^{-1} \Sigma = \Sigma T^{-1} S, \qquad
        T = \Sigma + S

    Parameters
    ----------
    x : array_like, shape (n_features,)
        The measured value.
    error_covariance : array_like, shape (n_features, n_features)
        :math:`S`: symmetric, positive semi-definite.
    mean, covariance : array_like, shapes (n_features,), (n_features, n_features)
        Of the component.

    Returns
    -------
    mean : ndarray, shape (n_features,)
        :math:`b`, between the measured value and the mean.
    covariance : ndarray, shape (n_features, n_features)
        :math:`B`, smaller than both :math:`\Sigma` and :math:`S`; it does not depend on x.

    Raises
    ------
    ValueError
        As `deconvolution_log_density`.
    """
    x = check.real_array(x, "x", 1, "(n_features,)")
    error = check.real_array(error_covariance, "error_covariance", 2, "(n_features, n_features)")
    if error.shape != (x.size, x.size):
        raise ValueError(f"error_covariance must have shape ({x.size}, {x.size}), as x has; got {error.shape}")
    error = _errors(error[None], 1, x.size)[0]
    mean = check.mean_vector(mean, x.size, like="x")
    return deconvolution_posterior_kernel(x, error, mean, check.covariance_matrix(covariance, x.size))


@equation("eq-deconvolution-update", kernel=deconvolution_update_kernel)
def deconvolution_update(
    X: ArrayLike, error_covariances: ArrayLike, resp: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""M-step of extreme deconvolution: parameters of the true values, :eq:`eq-deconvolution-update`.

    .. math::

        \pi_k' = \frac{N_k}{n}, \qquad \mu_k' = \frac1{N_k} \sum_i r_{ik} b_{ik}, \qquad
        \Sigma_k' = \frac1{N_k} \sum_i r_{ik} \bigl((b_{ik} - \mu_k')(b_{ik} - \mu_k')^\mathsf{T} + B_{ik}\bigr)

    Parameters
    ----------
    X, error_covariances
        As in `deconvolution_log_density`.
    resp : array_like, shape (n_samples, K)
        :math:`r_{ik}`, by the densities :math:`\mathcal N(x_i \mid \mu_k, T_{ik})`; rows sum to 1.
    means, covariances : array_like, shapes (K, n_features), (K, n_features, n_features)
        The old parameters, from which :math:`b_{ik}` and :math:`B_{ik}` come.

    Returns
    -------
    weights, means, covariances : ndarray, shapes (K,), (K, n_features), (K, n_features, n_features)

    Raises
    ------
    ValueError
        As `deconvolution_log_density`, or if a component has no responsibility for any sample.
    """
    X = check.data(X)
    errors = _errors(error_covariances, *X.shape)
    resp = check.responsibilities(resp, n_samples=X.shape[0])
    check.nonempty_components(resp)
    K = resp.shape[1]
    _, means, covariances = check.parameters(np.full(K, 1.0 / K), means, covariances, X.shape[1])
    return deconvolution_update_kernel(X, errors, resp, means, covariances)
