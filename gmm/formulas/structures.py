"""Covariance structures (chapter 11): constrained M-steps, parameter counts, volume, shape and orientation."""

from __future__ import annotations

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray, OrdinaryCovarianceType
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.updates import effective_counts_kernel

#: The structures by scikit-learn's names, from the fewest parameters to the most.
STRUCTURES = ("spherical", "diag", "tied", "full")

# ------------------------------------------------------------------------------------- kernels


@kernel
def update_tied_covariance_kernel(X, resp, means):
    n, d = X.shape
    K = resp.shape[1]
    covariance = np.zeros((d, d))
    for k in range(K):
        for i in range(n):
            for j in range(d):
                for l in range(d):
                    product = (X[i, j] - means[k, j]) * (X[i, l] - means[k, l])
                    covariance[j, l] += resp[i, k] * product
    for j in range(d):
        for l in range(d):
            covariance[j, l] /= n
    return covariance


@kernel
def update_diagonal_covariances_kernel(X, resp, means):
    n, d = X.shape
    K = resp.shape[1]
    counts = effective_counts_kernel(resp)
    variances = np.zeros((K, d))
    for k in range(K):
        for i in range(n):
            for j in range(d):
                difference = X[i, j] - means[k, j]
                variances[k, j] += resp[i, k] * difference * difference
        for j in range(d):
            variances[k, j] /= counts[k]
    return variances


@kernel
def update_spherical_covariances_kernel(X, resp, means):
    n, d = X.shape
    K = resp.shape[1]
    counts = effective_counts_kernel(resp)
    variances = np.zeros(K)
    for k in range(K):
        for i in range(n):
            for j in range(d):
                difference = X[i, j] - means[k, j]
                variances[k] += resp[i, k] * difference * difference
        variances[k] /= d * counts[k]
    return variances


@kernel
def n_parameters_kernel(K, d, structure):
    weights = K - 1
    means = K * d
    if structure == 0:  # spherical
        return weights + means + K
    if structure == 1:  # diag
        return weights + means + K * d
    if structure == 2:  # tied
        return weights + means + d * (d + 1) // 2
    return weights + means + K * d * (d + 1) // 2


@kernel
def volume_shape_orientation_kernel(eigenvalues, eigenvectors):
    d = eigenvalues.shape[0]
    log_volume = 0.0
    for j in range(d):
        log_volume += np.log(eigenvalues[j]) / d  # geometric mean: the determinant's d-th root
    volume = np.exp(log_volume)
    shape = np.empty(d)
    orientation = np.empty((d, d))
    for j in range(d):  # eigh sorts upwards; the longest axis comes first here
        shape[j] = np.exp(np.log(eigenvalues[d - 1 - j]) - log_volume)
        for l in range(d):
            orientation[l, j] = eigenvectors[l, d - 1 - j]
    return volume, shape, orientation


# ------------------------------------------------------------------------------------- public


@equation("eq-update-tied", kernel=update_tied_covariance_kernel)
def update_tied_covariance(X: ArrayLike, resp: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""M-step of one covariance that all components share, :eq:`eq-update-tied`.

    .. math:: \Sigma = \frac1n\sum_k\sum_i r_{ik}\,(x_i-\mu_k)(x_i-\mu_k)^\top = \sum_k \frac{N_k}{n}\,\Sigma_k

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    means : array_like, shape (n_components, n_features)
        The updated means.

    Returns
    -------
    ndarray, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If shapes do not fit or `resp` is not a matrix of responsibilities.
    """
    return update_tied_covariance_kernel(*check.data_resp_means(X, resp, means, may_be_empty=True))


@equation("eq-update-diagonal", kernel=update_diagonal_covariances_kernel)
def update_diagonal_covariances(X: ArrayLike, resp: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""M-step of diagonal covariances: a weighted variance for each feature, :eq:`eq-update-diagonal`.

    .. math:: \sigma_{kj}^2 = \frac1{N_k}\sum_i r_{ik}\,(x_{ij}-\mu_{kj})^2

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    means : array_like, shape (n_components, n_features)
        The updated means.

    Returns
    -------
    ndarray, shape (n_components, n_features)
        Variances: the diagonals.

    Raises
    ------
    ValueError
        If shapes do not fit, or a component has no responsibility at all (the message names it).
    """
    return update_diagonal_covariances_kernel(*check.data_resp_means(X, resp, means))


@equation("eq-update-spherical", kernel=update_spherical_covariances_kernel)
def update_spherical_covariances(X: ArrayLike, resp: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""M-step of spherical covariances: one variance a component, :eq:`eq-update-spherical`.

    .. math:: \sigma_k^2 = \frac1{d\,N_k}\sum_i r_{ik}\,\lVert x_i-\mu_k\rVert^2

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    means : array_like, shape (n_components, n_features)
        The updated means.

    Returns
    -------
    ndarray, shape (n_components,)
        Variances: :math:`\Sigma_k = \sigma_k^2 I`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a component has no responsibility at all (the message names it).
    """
    return update_spherical_covariances_kernel(*check.data_resp_means(X, resp, means))


@equation("eq-parameter-count", kernel=n_parameters_kernel)
def n_parameters(n_components: int, n_features: int, covariance_type: OrdinaryCovarianceType = "full") -> int:
    r"""Number of free parameters of a mixture, :eq:`eq-parameter-count`.

    :math:`K-1` weights and :math:`Kd` means, and for the covariances :math:`K` (spherical), :math:`Kd` (diag),
    :math:`d(d+1)/2` (tied) or :math:`Kd(d+1)/2` (full).

    Parameters
    ----------
    n_components, n_features : int
    covariance_type : {"full", "tied", "diag", "spherical"}

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a size is less than one or there is no such structure.
    """
    n_components = check.count(n_components, "n_components")
    n_features = check.count(n_features, "n_features")
    if covariance_type not in STRUCTURES:
        raise ValueError(f"covariance_type must be one of {STRUCTURES}; got {covariance_type!r}")
    return n_parameters_kernel(n_components, n_features, STRUCTURES.index(covariance_type))


@equation("eq-volume-shape-orientation", kernel=volume_shape_orientation_kernel)
def volume_shape_orientation(covariance: ArrayLike) -> tuple[float, FloatArray, FloatArray]:
    r"""Split a covariance into volume, shape and orientation, :eq:`eq-volume-shape-orientation`.

    .. math::

        \Sigma = \lambda\,D A D^\top,\qquad \lambda = \lvert\Sigma\rvert^{1/d},\ \lvert A\rvert = 1,\ D^\top D = I

    Parameters
    ----------
    covariance : array_like, shape (n_features, n_features)
        Symmetric positive definite.

    Returns
    -------
    volume : float
        :math:`\lambda`, the geometric mean of the eigenvalues.
    shape : ndarray, shape (n_features,)
        The diagonal of :math:`A`, largest first; its product is one.
    orientation : ndarray, shape (n_features, n_features)
        :math:`D`: column j is the unit vector of axis j. Its sign is arbitrary.

    Raises
    ------
    ValueError
        If `covariance` is not square, symmetric and positive definite.

    References
    ----------
    Banfield and Raftery (1993); Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    return volume_shape_orientation_kernel(*np.linalg.eigh(check.covariance_matrix(covariance)))
