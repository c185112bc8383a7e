"""Noise and heavy tails (chapter 18): a component of constant density, and Student's t distribution."""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import LOG_2PI, cholesky_kernel, log_determinant_kernel, mahalanobis_squared_kernel
from gmm.formulas.mixture import joint_log_density_kernel
from gmm.formulas.responsibilities import log_sum_exp_kernel
from gmm.formulas.variational import digamma_kernel

FLAT = 1e-12  # an eigenvalue of the correlation matrix below this is one of rounding

# ------------------------------------------------------------------------------------- kernels


@kernel
def log_hypervolume_kernel(X, axes):
    n, d = X.shape
    log_given, log_principal = 0.0, 0.0
    for j in range(d):
        low, high = np.inf, -np.inf
        low_along, high_along = np.inf, -np.inf
        for i in range(n):
            z = X[i, j] - X[0, j]
            along = 0.0
            for l in range(d):
                along += axes[l, j] * (X[i, l] - X[0, l])
            low, high = min(low, z), max(high, z)
            low_along, high_along = min(low_along, along), max(high_along, along)
        log_given += math.log(high - low)
        log_principal += math.log(high_along - low_along)
    return min(log_given, log_principal)


@kernel
def noise_log_joint_kernel(X, weights, means, covariances, log_volume):
    n, K = X.shape[0], means.shape[0]
    of_groups = joint_log_density_kernel(X, weights[:K], means, covariances)
    log_joint = np.empty((n, K + 1))
    for i in range(n):
        for k in range(K):
            log_joint[i, k] = of_groups[i, k]
        log_joint[i, K] = -np.inf if weights[K] == 0.0 else math.log(weights[K]) - log_volume
    return log_joint


@kernel
def noise_log_density_kernel(X, weights, means, covariances, log_volume):
    return log_sum_exp_kernel(noise_log_joint_kernel(X, weights, means, covariances, log_volume))


@kernel
def noise_responsibilities_kernel(X, weights, means, covariances, log_volume):
    log_joint = noise_log_joint_kernel(X, weights, means, covariances, log_volume)
    log_density = log_sum_exp_kernel(log_joint)
    resp = np.empty(log_joint.shape)
    for i in range(log_joint.shape[0]):
        for k in range(log_joint.shape[1]):
            resp[i, k] = math.exp(log_joint[i, k] - log_density[i])
    return resp


@kernel
def scale_mixture_log_density_kernel(X, u, mean, scale, dof):
    n, d = X.shape
    L = cholesky_kernel(scale)
    log_det = log_determinant_kernel(L)
    squares = mahalanobis_squared_kernel(X, mean, L)
    log_joint = np.empty(n)
    for i in range(n):
        log_normal = 0.5 * (d * math.log(u[i]) - d * LOG_2PI - log_det - u[i] * squares[i])
        log_gamma = 0.5 * dof * math.log(0.5 * dof) - math.lgamma(0.5 * dof)
        log_gamma += (0.5 * dof - 1.0) * math.log(u[i]) - 0.5 * dof * u[i]
        log_joint[i] = log_normal + log_gamma
    return log_joint


@kernel
def student_log_density_kernel(X, mean, scale, dof):
    n, d = X.shape
    L = cholesky_kernel(scale)
    squares = mahalanobis_squared_kernel(X, mean, L)
    constant = math.lgamma(0.5 * (dof + d)) - math.lgamma(0.5 * dof)
    constant -= 0.5 * (d * math.log(dof * math.pi) + log_determinant_kernel(L))
    log_density = np.empty(n)
    for i in range(n):
        log_density[i] = constant - 0.5 * (dof + d) * math.log1p(squares[i] / dof)
    return log_density


@kernel
def expected_scale_kernel(X, mean, scale, dof):
    n, d = X.shape
    squares = mahalanobis_squared_kernel(X, mean, cholesky_kernel(scale))
    expected = np.empty(n)
    for i in range(n):
        expected[i] = (dof + d) / (dof + squares[i])
    return expected


@kernel
def expected_log_scale_kernel(X, mean, scale, dof):
    n, d = X.shape
    squares = mahalanobis_squared_kernel(X, mean, cholesky_kernel(scale))
    expected = np.empty(n)
    for i in range(n):
        expected[i] = digamma_kernel(0.5 * (dof + d)) - math.log(0.5 * (dof + squares[i]))
    return expected


@kernel
def student_responsibilities_kernel(X, weights, means, scales, dof):
    n, K = X.shape[0], means.shape[0]
    log_joint = np.empty((n, K))
    for k in range(K):
        log_weight = -np.inf if weights[k] == 0.0 else math.log(weights[k])
        log_density = student_log_density_kernel(X, means[k], scales[k], dof[k])
        for i in range(n):
            log_joint[i, k] = log_weight + log_density[i]
    log_density = log_sum_exp_kernel(log_joint)
    for i in range(n):
        for k in range(K):
            log_joint[i, k] = math.exp(log_joint[i, k] - log_density[i])
    return log_joint


@kernel
def student_m_step_kernel(X, resp, u):
    n, d = X.shape
    K = resp.shape[1]
    means, scales = np.zeros((K, d)), np.zeros((K, d, d))
    for k in range(K):
        mass, count = 0.0, 0.0
        for i in range(n):
            count += resp[i, k]
            mass += resp[i, k] * u[i, k]
            for j in range(d):
                means[k, j] += resp[i, k] * u[i, k] * X[i, j]
        for j in range(d):
            means[k, j] /= mass
        for i in range(n):
            for j in range(d):
                for l in range(d):
                    z = (X[i, j] - means[k, j]) * (X[i, l] - means[k, l])
                    scales[k, j, l] += resp[i, k] * u[i, k] * z / count
    return means, scales


@kernel
def log_minus_digamma_kernel(x):
    shift = 0.0
    start = x
    while x < 20.0:  # up to where the series has all digits
        shift += 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y / 240.0)))
    return 0.5 / x + series + shift - math.log(x / start)


@kernel
def update_dof_kernel(resp, u, dof, n_features):
    n, K = resp.shape
    new = np.empty(K)
    for k in range(K):
        count, excess = 0.0, 0.0
        for i in range(n):
            count += resp[i, k]
            excess += resp[i, k] * (u[i, k] - math.log(u[i, k]) - 1.0)
        target = excess / count + log_minus_digamma_kernel(0.5 * (dof[k] + n_features))
        low, high = 0.5 / target, 1.0 / target  # 1/(2x) < log x - ψ(x) < 1/x
        for _ in range(200):
            middle = math.sqrt(low * high)
            if log_minus_digamma_kernel(middle) > target:
                low = middle
            else:
                high = middle
        new[k] = 2.0 * math.sqrt(low * high)
    return new


# ------------------------------------------------------------------------------------- public


@equation("eq-hypervolume", kernel=log_hypervolume_kernel)
def log_hypervolume(X: ArrayLike) -> float:
    r"""Log-volume of the smaller box around the data, in given or in principal axes, :eq:`eq-hypervolume`.

    .. math::

        \log V = \min\Bigl(\sum_j\log\operatorname{range}_i x_{ij},\;
        \sum_j\log\operatorname{range}_i \mathbf d_j^\top\mathbf x_i\Bigr)

    with the eigenvectors :math:`\mathbf d_j` of the covariance of the data.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        Not in a plane.

    Returns
    -------
    float
        In the logarithm of the product of the features' units.

    Raises
    ------
    ValueError
        If a feature is constant or depends on others, so that there is no volume.
    """
    X = check.data(X)
    offsets = X - X.mean(axis=0)
    deviations = np.sqrt((offsets**2).mean(axis=0))
    if not (np.ptp(X, axis=0) > 0.0).all():
        raise ValueError(f"X must have no constant feature; feature {int(np.argmin(np.ptp(X, axis=0)))} is constant")
    offsets = offsets / deviations
    correlation = offsets.T @ offsets / len(X)
    if np.linalg.eigvalsh(correlation)[0] <= FLAT:
        raise ValueError("X must not lie in a plane; a feature depends on others, or there are too few samples")
    axes = np.linalg.eigh(correlation * deviations[:, None] * deviations)[1]
    return log_hypervolume_kernel(X, np.ascontiguousarray(axes))


@equation("eq-noise-density", kernel=noise_log_density_kernel)
def noise_log_density(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, log_volume: float
) -> FloatArray:
    r"""Log-density of a Gaussian mixture with a component of constant density, :eq:`eq-noise-density`.

    .. math::

        \log p(\mathbf x) = \log\Bigl(\frac{\pi_0}{V}
        + \sum_{k=1}^K\pi_k\,\mathcal N(\mathbf x\mid\boldsymbol\mu_k,\boldsymbol\Sigma_k)\Bigr)

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components + 1,)
        Not negative, summing to one; the last is that of the noise.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
    log_volume : float
        :math:`\log V`.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithms, per sample.

    Raises
    ------
    ValueError
        If shapes do not fit, weights do not sum to one, or a covariance is not symmetric positive definite.

    Notes
    -----
    Inside the box it is a density; beyond, its constant part counts on.
    """
    return noise_log_density_kernel(*_with_noise(X, weights, means, covariances, log_volume))


@equation("eq-noise-responsibility", kernel=noise_responsibilities_kernel)
def noise_responsibilities(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, log_volume: float
) -> FloatArray:
    r"""Responsibilities of the components and, in the last column, of the noise, :eq:`eq-noise-responsibility`.

    .. math::

        r_{i0} = \frac{\pi_0/V}{p(\mathbf x_i)}, \qquad
        r_{ik} = \frac{\pi_k\,\mathcal N(\mathbf x_i\mid\boldsymbol\mu_k,\boldsymbol\Sigma_k)}{p(\mathbf x_i)}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components + 1,)
        Not negative, summing to one; the last is that of the noise.
    means : array_like, shape (n_components, n_features)
    covariances : array_like, shape (n_components, n_features, n_features)
    log_volume : float
        :math:`\log V`.

    Returns
    -------
    ndarray, shape (n_samples, n_components + 1)
        Rows sum to one.

    Raises
    ------
    ValueError
        If shapes do not fit, weights do not sum to one, or a covariance is not symmetric positive definite.
    """
    arguments = _with_noise(X, weights, means, covariances, log_volume)
    check.reachable(noise_log_joint_kernel(*arguments))
    return noise_responsibilities_kernel(*arguments)


@equation("eq-scale-mixture", kernel=scale_mixture_log_density_kernel)
def scale_mixture_log_density(X: ArrayLike, u: ArrayLike, mean: ArrayLike, scale: ArrayLike, dof: float) -> FloatArray:
    r"""Joint log-density of samples and their scales, :eq:`eq-scale-mixture`.

    .. math::

        \log p(\mathbf x, u) = \log\mathcal N(\mathbf x\mid\boldsymbol\mu,\boldsymbol\Sigma/u)
        + \log\operatorname{Gamma}\bigl(u\mid\tfrac\nu2,\tfrac\nu2\bigr)

    Its integral over u is Student's t density.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    u : array_like, shape (n_samples,)
        Positive.
    mean : array_like, shape (n_features,)
    scale : array_like, shape (n_features, n_features)
        :math:`\boldsymbol\Sigma`, symmetric positive definite.
    dof : float
        Degrees of freedom :math:`\nu`, positive.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithms, per sample.

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or `u` or `dof` is not positive.
    """
    X, mean, scale, dof = _of_component(X, mean, scale, dof)
    u = check.real_array(u, "u", 1, "(n_samples,)")
    if u.shape[0] != X.shape[0]:
        raise ValueError(f"u must have {X.shape[0]} entries, one for each sample; got {u.shape[0]}")
    _check_positive(u, "u")
    return scale_mixture_log_density_kernel(X, u, mean, scale, dof)


@equation("eq-student-density", kernel=student_log_density_kernel)
def student_log_density(X: ArrayLike, mean: ArrayLike, scale: ArrayLike, dof: float) -> FloatArray:
    r"""Log-density of Student's t distribution, :eq:`eq-student-density`.

    .. math::

        \log t_\nu(\mathbf x\mid\boldsymbol\mu,\boldsymbol\Sigma) = \log\frac{\Gamma(\frac{\nu+d}2)}{\Gamma(\frac\nu2)}
        - \tfrac d2\log\nu\pi - \tfrac12\log\lvert\boldsymbol\Sigma\rvert
        - \tfrac{\nu+d}2\log\Bigl(1+\frac q\nu\Bigr)

    with the squared Mahalanobis distance q.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
        The location; the mean where :math:`\nu>1`.
    scale : array_like, shape (n_features, n_features)
        Symmetric positive definite; the covariance is :math:`\nu/(\nu-2)` times it where :math:`\nu>2`.
    dof : float
        Positive.

    Returns
    -------
    ndarray, shape (n_samples,)
        Natural logarithms, per sample.

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or `dof` is not positive.
    """
    return student_log_density_kernel(*_of_component(X, mean, scale, dof))


@equation("eq-expected-scale", kernel=expected_scale_kernel)
def expected_scale(X: ArrayLike, mean: ArrayLike, scale: ArrayLike, dof: float) -> FloatArray:
    r"""Expected scale of each sample given where it lies: its weight in the M-step, :eq:`eq-expected-scale`.

    .. math:: \mathbb E[u\mid\mathbf x] = \frac{\nu+d}{\nu+q}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
    scale : array_like, shape (n_features, n_features)
        Symmetric positive definite.
    dof : float
        Positive.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or `dof` is not positive.
    """
    return expected_scale_kernel(*_of_component(X, mean, scale, dof))


@equation("eq-expected-log-scale", kernel=expected_log_scale_kernel)
def expected_log_scale(X: ArrayLike, mean: ArrayLike, scale: ArrayLike, dof: float) -> FloatArray:
    r"""Expected logarithm of each sample's scale given where it lies, :eq:`eq-expected-log-scale`.

    .. math:: \mathbb E[\log u\mid\mathbf x] = \psi\Bigl(\frac{\nu+d}2\Bigr) - \log\frac{\nu+q}2

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    mean : array_like, shape (n_features,)
    scale : array_like, shape (n_features, n_features)
        Symmetric positive definite.
    dof : float
        Positive.

    Returns
    -------
    ndarray, shape (n_samples,)

    Raises
    ------
    ValueError
        If shapes do not fit, `scale` is not symmetric positive definite, or `dof` is not positive.
    """
    return expected_log_scale_kernel(*_of_component(X, mean, scale, dof))


@equation("eq-student-responsibility", kernel=student_responsibilities_kernel)
def student_responsibilities(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, scales: ArrayLike, dof: ArrayLike
) -> FloatArray:
    r"""Responsibilities in a mixture of t distributions, :eq:`eq-student-responsibility`.

    .. math::

        r_{ik} = \frac{\pi_k\,t_{\nu_k}(\mathbf x_i\mid\boldsymbol\mu_k,\boldsymbol\Sigma_k)}
        {\sum_l\pi_l\,t_{\nu_l}(\mathbf x_i\mid\boldsymbol\mu_l,\boldsymbol\Sigma_l)}

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    weights : array_like, shape (n_components,)
        Not negative, summing to one.
    means : array_like, shape (n_components, n_features)
    scales : array_like, shape (n_components, n_features, n_features)
        Symmetric positive definite.
    dof : array_like, shape (n_components,)
        Positive.

    Returns
    -------
    ndarray, shape (n_samples, n_components)
        Rows sum to one.

    Raises
    ------
    ValueError
        If shapes do not fit, weights do not sum to one, a scale is not symmetric positive definite, or a `dof` is not
        positive.
    """
    X = check.data(X)
    weights, means = check.weights_and_means(weights, means)
    if means.shape[1] != X.shape[1]:
        raise ValueError(f"means must have {X.shape[1]} features, as X has; got {means.shape[1]}")
    K, d = means.shape
    scales = check.real_array(scales, "scales", 3, "(n_components, n_features, n_features)")
    if scales.shape != (K, d, d):
        raise ValueError(f"scales must have shape {(K, d, d)}; got {scales.shape}")
    for k, scale in enumerate(scales):
        check.covariance_matrix(scale, d, f"scales[{k}]")
    return student_responsibilities_kernel(X, weights, means, scales, _dof(dof, K))


@equation("eq-student-m-step", kernel=student_m_step_kernel)
def student_m_step(X: ArrayLike, resp: ArrayLike, u: ArrayLike) -> tuple[FloatArray, FloatArray]:
    r"""Locations and scale matrices from responsibilities and expected scales, :eq:`eq-student-m-step`.

    .. math::

        \boldsymbol\mu_k = \frac{\sum_ir_{ik}u_{ik}\mathbf x_i}{\sum_ir_{ik}u_{ik}}, \qquad
        \boldsymbol\Sigma_k = \frac1{N_k}\sum_ir_{ik}u_{ik}
        (\mathbf x_i-\boldsymbol\mu_k)(\mathbf x_i-\boldsymbol\mu_k)^\top

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one. No component may be empty.
    u : array_like, shape (n_samples, n_components)
        Positive.

    Returns
    -------
    means : ndarray, shape (n_components, n_features)
    scales : ndarray, shape (n_components, n_features, n_features)

    Raises
    ------
    ValueError
        If shapes do not fit, rows of `resp` do not sum to one, a component is empty, or `u` is not positive.
    """
    X = check.data(X)
    resp, u = _weighted(check.responsibilities(resp, n_samples=X.shape[0]), u)
    return student_m_step_kernel(X, resp, u)


@equation("eq-student-dof", kernel=update_dof_kernel)
def update_dof(resp: ArrayLike, u: ArrayLike, dof: ArrayLike, n_features: int) -> FloatArray:
    r"""Degrees of freedom that maximise the expected complete log-likelihood, :eq:`eq-student-dof`.

    The root :math:`\nu_k` of

    .. math::

        \log\frac{\nu_k}2 - \psi\Bigl(\frac{\nu_k}2\Bigr) = \frac1{N_k}\sum_ir_{ik}(u_{ik}-\log u_{ik}-1)
        + \log\frac{\nu_k'+d}2 - \psi\Bigl(\frac{\nu_k'+d}2\Bigr)

    with the old :math:`\nu_k'`. The right side is positive, and the left falls from infinity to 0: there is one.

    Parameters
    ----------
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one. No component may be empty.
    u : array_like, shape (n_samples, n_components)
        Expected scales under the old parameters, positive.
    dof : array_like, shape (n_components,)
        :math:`\nu_k'`, positive.
    n_features : int
        d.

    Returns
    -------
    ndarray, shape (n_components,)

    Raises
    ------
    ValueError
        If shapes do not fit, rows of `resp` do not sum to one, a component is empty, or `u` or `dof` is not positive.
    """
    resp, u = _weighted(check.responsibilities(resp), u)
    return update_dof_kernel(resp, u, _dof(dof, resp.shape[1]), check.count(n_features, "n_features"))


# ------------------------------------------------------------------------------------- input


def _with_noise(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, log_volume: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]:
    X, weights = check.data(X), check.mixing_weights(weights)
    means = check.real_array(means, "means", 2, "(n_components, n_features)")
    if weights.shape[0] != means.shape[0] + 1:
        raise ValueError(f"weights must have shape ({means.shape[0] + 1},), the noise last; got {weights.shape}")
    K = means.shape[0]
    _, means, covariances = check.parameters(np.full(K, 1.0 / K), means, covariances, X.shape[1])
    return X, weights, means, covariances, check.number(log_volume, "log_volume")


def _of_component(
    X: ArrayLike, mean: ArrayLike, scale: ArrayLike, dof: float
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    X = check.data(X)
    mean = check.mean_vector(mean, X.shape[1])
    scale = check.covariance_matrix(scale, X.shape[1], "scale")
    return X, mean, scale, check.number(dof, "dof", minimum=0.0, strict=True)


def _check_positive(array: FloatArray, name: str) -> None:
    if (array <= 0.0).any():
        where = tuple(int(axis) for axis in np.argwhere(array <= 0.0)[0])
        raise ValueError(f"{name} must be positive; {name}{list(where)} is {array[where]:g}")


def _dof(dof: ArrayLike, n_components: int) -> FloatArray:
    dof = check.real_array(dof, "dof", 1, "(n_components,)")
    if dof.shape[0] != n_components:
        raise ValueError(f"dof must have shape ({n_components},), one for each component; got {dof.shape}")
    _check_positive(dof, "dof")
    return dof


def _weighted(resp: FloatArray, u: ArrayLike) -> tuple[FloatArray, FloatArray]:
    check.nonempty_components(resp)
    u = check.real_array(u, "u", 2, "(n_samples, n_components)")
    if u.shape != resp.shape:
        raise ValueError(f"u must have shape {resp.shape}, as resp has; got {u.shape}")
    _check_positive(u, "u")
    return resp, u
