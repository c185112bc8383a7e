"""Fourteen models (chapter 12): M-steps by volume, shape and orientation, and what a merge of two groups costs.

The M-step sees the data through the scatter matrices W_k and the counts N_k alone. Every covariance is
lambda_k D_k A_k D_k'; in its own axes D_k a scatter matrix enters by its *squares*, w_kj = d_kj' W_k d_kj.
"""

from __future__ import annotations

import math

import numpy as np

from gmm._compile import kernel
from gmm._types import ArrayLike, CovarianceType, FloatArray
from gmm.formulas import _checks as check
from gmm.formulas._primitives import cholesky_kernel
from gmm.formulas._registry import equation
from gmm.formulas.gaussian import forward_substitution_kernel, gaussian_log_density_kernel, log_determinant_kernel

#: mclust's names: volume, shape, orientation; E is equal for all components, V its own for each, I the identity.
MODELS = ("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV")

# ------------------------------------------------------------------------------------- kernels


@kernel
def scatter_matrices_kernel(X, resp, means):
    n, d = X.shape
    K = resp.shape[1]
    scatters = np.zeros((K, d, d))
    for k in range(K):
        for i in range(n):
            for j in range(d):
                for l in range(d):
                    product = (X[i, j] - means[k, j]) * (X[i, l] - means[k, l])
                    scatters[k, j, l] += resp[i, k] * product
    return scatters


@kernel
def compose_covariances_kernel(volume, shape, orientation):
    K, d = shape.shape
    covariances = np.zeros((K, d, d))
    for k in range(K):
        for j in range(d):
            for l in range(d):
                for m in range(d):
                    product = orientation[k, j, m] * shape[k, m] * orientation[k, l, m]
                    covariances[k, j, l] += volume[k] * product
    return covariances


@kernel
def n_covariance_parameters_kernel(K, d, volume, shape, orientation):
    # Each letter says how many copies there are: 0 for I, 1 for E, K for V.
    return volume + shape * (d - 1) + orientation * (d * (d - 1) // 2)


@kernel
def geometric_mean_kernel(values):
    total = 0.0
    for j in range(values.shape[0]):
        total += math.log(values[j])
    return math.exp(total / values.shape[0])


@kernel
def squared_length_kernel(y):
    total = 0.0
    for j in range(y.shape[0]):
        total += y[j] * y[j]
    return total


@kernel
def update_eii_kernel(squares, counts):
    K, d = squares.shape
    volume = 0.0
    for k in range(K):
        for j in range(d):
            volume += squares[k, j] / (counts.sum() * d)
    return volume


@kernel
def equal_axes_kernel(squares, counts):
    K, d = squares.shape
    axes = np.zeros((K, d))
    for k in range(K):
        for j in range(d):
            for m in range(K):
                axes[k, j] += squares[m, j] / counts.sum()
    return axes


@kernel
def variable_volumes_kernel(squares, counts, tol, max_iter):
    K, d = squares.shape
    volume, shape = np.empty(K), np.ones(d)
    for k in range(K):
        volume[k] = squares[k].sum() / (d * counts[k])
    for _ in range(max_iter):
        for j in range(d):
            shape[j] = (squares[:, j] / volume).sum()
        shape /= geometric_mean_kernel(shape)
        gain = 0.0
        for k in range(K):
            before, volume[k] = volume[k], (squares[k] / shape).sum() / (d * counts[k])
            gain += 0.5 * d * counts[k] * math.log(before / volume[k])
        if gain <= tol * counts.sum():
            break
    return volume, shape


@kernel
def variable_shapes_kernel(squares, counts):
    K, d = squares.shape
    volume, shape = 0.0, np.empty((K, d))
    for k in range(K):
        size = geometric_mean_kernel(squares[k])
        volume += size / counts.sum()
        for j in range(d):
            shape[k, j] = squares[k, j] / size
    return volume, shape


@kernel
def shared_matrix_kernel(scatters, volume):
    K, d, _ = scatters.shape
    matrix = np.zeros((d, d))
    for k in range(K):
        for j in range(d):
            for l in range(d):
                matrix[j, l] += scatters[k, j, l] / volume[k]
    size = math.exp(log_determinant_kernel(cholesky_kernel(matrix)) / d)
    for j in range(d):
        for l in range(d):
            matrix[j, l] /= size
    return matrix


@kernel
def trace_kernel(L, root):
    total = 0.0  # tr(C^-1 W) = |L^-1 root|^2 for C = L L' and W = root root', column by column
    for j in range(L.shape[0]):
        y = forward_substitution_kernel(L, root[:, j].copy())
        total += squared_length_kernel(y)
    return total


@kernel
def update_vee_kernel(scatters, counts, tol, max_iter):
    K, d, _ = scatters.shape
    volume, matrix = np.empty(K), np.eye(d)
    for k in range(K):
        volume[k] = np.trace(scatters[k]) / (d * counts[k])
    for _ in range(max_iter):
        matrix = shared_matrix_kernel(scatters, volume)
        L, gain = cholesky_kernel(matrix), 0.0
        for k in range(K):
            trace = trace_kernel(L, cholesky_kernel(scatters[k]))
            before, volume[k] = volume[k], trace / (d * counts[k])
            gain += 0.5 * d * counts[k] * math.log(before / volume[k])
        if gain <= tol * counts.sum():
            break
    return volume, matrix


@kernel
def product_kernel(scatter, orientation, j, l):
    total = 0.0
    for a in range(scatter.shape[0]):
        for b in range(scatter.shape[0]):
            total += orientation[a, j] * scatter[a, b] * orientation[b, l]
    return total


@kernel
def squares_kernel(scatters, orientation):
    K, d, _ = scatters.shape
    squares = np.empty((K, d))
    for k in range(K):
        for j in range(d):
            squares[k, j] = product_kernel(scatters[k], orientation, j, j)
    return squares


@kernel
def rotate_axes_kernel(scatters, axes, orientation):
    K, d = axes.shape
    D = orientation.copy()
    for j in range(d):
        for l in range(j + 1, d):
            cosine, sine = 0.0, 0.0
            for k in range(K):
                apart = 1.0 / axes[k, j] - 1.0 / axes[k, l]
                square_j = product_kernel(scatters[k], D, j, j)
                square_l = product_kernel(scatters[k], D, l, l)
                cosine -= 0.5 * apart * (square_j - square_l)
                sine -= apart * product_kernel(scatters[k], D, j, l)
            angle = 0.5 * math.atan2(sine, cosine)
            c, s = math.cos(angle), math.sin(angle)
            for m in range(d):
                D[m, j], D[m, l] = c * D[m, j] + s * D[m, l], c * D[m, l] - s * D[m, j]
    return D


@kernel
def update_eve_kernel(scatters, counts, orientation, tol, max_iter):
    n, d = counts.sum(), scatters.shape[1]
    volume, shape = variable_shapes_kernel(squares_kernel(scatters, orientation), counts)
    for _ in range(max_iter):
        orientation = rotate_axes_kernel(scatters, volume * shape, orientation)
        before = volume
        volume, shape = variable_shapes_kernel(squares_kernel(scatters, orientation), counts)
        if 0.5 * n * d * math.log(before / volume) <= tol * n:
            break
    return volume, shape, orientation


@kernel
def update_vve_kernel(scatters, counts, orientation, tol, max_iter):
    axes = squares_kernel(scatters, orientation) / counts.reshape(-1, 1)
    for _ in range(max_iter):
        orientation = rotate_axes_kernel(scatters, axes, orientation)
        before, axes = axes, squares_kernel(scatters, orientation) / counts.reshape(-1, 1)
        gain = 0.0
        for k in range(axes.shape[0]):
            for j in range(axes.shape[1]):
                gain += 0.5 * counts[k] * math.log(before[k, j] / axes[k, j])
        if gain <= tol * counts.sum():
            break
    return axes, orientation


@kernel
def classification_log_likelihood_kernel(X, labels, means, covariances):
    n = X.shape[0]
    total = 0.0
    for k in range(means.shape[0]):
        L = cholesky_kernel(covariances[k])
        for i in range(n):
            if labels[i] == k:
                total += gaussian_log_density_kernel(X[i : i + 1], means[k], L)[0]
    return total


@kernel
def merged_scatter_kernel(count_a, mean_a, scatter_a, count_b, mean_b, scatter_b):
    d = mean_a.shape[0]
    scatter = scatter_a + scatter_b
    for j in range(d):
        for l in range(d):
            product = (mean_a[j] - mean_b[j]) * (mean_a[l] - mean_b[l])
            scatter[j, l] += count_a * count_b / (count_a + count_b) * product
    return scatter


@kernel
def merge_costs_eii_kernel(counts, means):
    K, d = means.shape
    costs = np.full((K, K), math.inf)
    for a in range(K):
        for b in range(K):
            if a != b:
                costs[a, b] = 0.0
                for j in range(d):
                    apart = means[a, j] - means[b, j]
                    costs[a, b] += counts[a] * counts[b] / (counts[a] + counts[b]) * apart * apart
    return costs


@kernel
def group_cost_vii_kernel(count, scatter, alpha):
    d = scatter.shape[0]
    return 0.5 * count * d * math.log((np.trace(scatter) + alpha) / (count * d))


@kernel
def group_cost_vvv_kernel(count, scatter, alpha, beta):
    spread = beta * (np.trace(scatter) + alpha) / count
    L = cholesky_kernel(scatter / count)
    log_determinant = -math.inf
    if L[-1, -1] > 0.0:  # not so (NaN or zero) where the group is flat
        log_determinant = log_determinant_kernel(L)
    if spread > 0.0:
        log_determinant = np.logaddexp(log_determinant, math.log(spread))
    return 0.5 * count * log_determinant


@kernel
def merge_costs_vii_kernel(counts, means, scatters, alpha):
    K = counts.shape[0]
    costs = np.full((K, K), math.inf)
    for a in range(K):
        for b in range(K):
            if a != b:
                both = merged_scatter_kernel(counts[a], means[a], scatters[a], counts[b], means[b], scatters[b])
                costs[a, b] = group_cost_vii_kernel(counts[a] + counts[b], both, alpha)
                costs[a, b] -= group_cost_vii_kernel(counts[a], scatters[a], alpha)
                costs[a, b] -= group_cost_vii_kernel(counts[b], scatters[b], alpha)
    return costs


@kernel
def merge_costs_eee_kernel(counts, means, scatters):
    K = counts.shape[0]
    L = cholesky_kernel(scatters.sum(axis=0))
    costs = np.full((K, K), math.inf)
    for a in range(K):
        for b in range(K):
            if a != b:
                y = forward_substitution_kernel(L, means[a] - means[b])
                ward = counts[a] * counts[b] / (counts[a] + counts[b]) * squared_length_kernel(y)
                costs[a, b] = 0.5 * counts.sum() * math.log1p(ward)
    return costs


@kernel
def merge_costs_vvv_kernel(counts, means, scatters, alpha, beta):
    K = counts.shape[0]
    costs = np.full((K, K), math.inf)
    for a in range(K):
        for b in range(K):
            if a != b:
                both = merged_scatter_kernel(counts[a], means[a], scatters[a], counts[b], means[b], scatters[b])
                costs[a, b] = group_cost_vvv_kernel(counts[a] + counts[b], both, alpha, beta)
                costs[a, b] -= group_cost_vvv_kernel(counts[a], scatters[a], alpha, beta)
                costs[a, b] -= group_cost_vvv_kernel(counts[b], scatters[b], alpha, beta)
    return costs


# ------------------------------------------------------------------------------------- checks


def _scatters_and_counts(scatters: ArrayLike, counts: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check scatter matrices (K, d, d) and counts (K,)."""
    counts = check.real_array(counts, "counts", 1, "(n_components,)")
    if (counts <= 0).any():
        raise ValueError(f"counts must be positive; counts[{int(np.argmin(counts))}] is {counts.min():g}")
    scatters = check.real_array(scatters, "scatters", 3, "(n_components, n_features, n_features)")
    K, d = scatters.shape[:2]
    if scatters.shape != (counts.shape[0], d, d):
        expected = (counts.shape[0], d, d)
        raise ValueError(f"scatters must have shape {expected}, one matrix for each count; got {scatters.shape}")
    for k in range(K):
        check.symmetric_matrix(scatters[k], f"scatters[{k}]")
    return scatters, counts


def _positive(values: FloatArray, what: str) -> None:
    """Refuse a variance that is zero: the log-likelihood has no maximum then."""
    values = np.asarray(values)
    if not (values > 0).all():
        where = tuple(int(i) for i in np.argwhere(~(values > 0))[0])
        at = f"scatters[{where[0]}]" if values.ndim > 1 else "the sum of scatters"
        raise ValueError(
            f"{at} has {what} that is not positive, so that there is no maximum: use fewer free parameters"
        )


def _diagonals(scatters: ArrayLike, counts: ArrayLike, each: bool = True) -> tuple[FloatArray, FloatArray]:
    scatters, counts = _scatters_and_counts(scatters, counts)
    squares = np.ascontiguousarray(np.diagonal(scatters, axis1=1, axis2=2))
    _positive(squares if each else squares.sum(axis=0), "a diagonal entry")
    return squares, counts


def _own_axes(scatters: ArrayLike, counts: ArrayLike, each: bool = True) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Eigenvalues (K, d), the largest first, the eigenvectors (K, d, d) in columns, and the counts."""
    scatters, counts = _scatters_and_counts(scatters, counts)
    eigenvalues, eigenvectors = np.linalg.eigh(scatters)
    squares = np.ascontiguousarray(eigenvalues[:, ::-1])
    _positive(squares if each else squares.sum(axis=0), "an eigenvalue")
    return squares, np.ascontiguousarray(eigenvectors[:, :, ::-1]), counts


def _positive_definite(scatters: ArrayLike, counts: ArrayLike) -> tuple[FloatArray, FloatArray]:
    scatters, counts = _scatters_and_counts(scatters, counts)
    for k in range(len(counts)):
        check.covariance_matrix(scatters[k], name=f"scatters[{k}]")
    return scatters, counts


def _stopping(tol: float, max_iter: int) -> tuple[float, int]:
    return check.number(tol, "tol", minimum=0.0), check.count(max_iter, "max_iter", minimum=0)


def _orientation(orientation: ArrayLike | None, scatters: FloatArray) -> FloatArray:
    """The start of a shared orientation: that of the sum of the scatters, the longest axis first."""
    if orientation is None:
        return np.ascontiguousarray(np.linalg.eigh(scatters.sum(axis=0))[1][:, ::-1])
    d = scatters.shape[1]
    orientation = check.real_array(orientation, "orientation", 2, "(n_features, n_features)")
    if orientation.shape != (d, d) or np.abs(orientation.T @ orientation - np.eye(d)).max() > 1e-8:
        raise ValueError(f"orientation must be an orthogonal matrix of shape {(d, d)}; got {orientation.shape}")
    return orientation


def _compose(volume: float | FloatArray, shape: FloatArray, orientation: FloatArray | None = None) -> FloatArray:
    """Covariances from parts that may be shared: (), (1,) or (K,); (d,) or (K, d); (d, d) or (K, d, d)."""
    shape = np.atleast_2d(shape)
    volume = np.atleast_1d(volume)
    d = shape.shape[1]
    orientation = np.eye(d)[None] if orientation is None else orientation.reshape(-1, d, d)
    K = max(len(volume), len(shape), len(orientation))
    parts = (np.broadcast_to(volume, K), np.broadcast_to(shape, (K, d)), np.broadcast_to(orientation, (K, d, d)))
    return compose_covariances_kernel(*(np.require(part, float, ["C_CONTIGUOUS", "WRITEABLE"]) for part in parts))


# ------------------------------------------------------------------------------------- public: parts and counts


@equation("eq-scatter-matrices", kernel=scatter_matrices_kernel)
def scatter_matrices(X: ArrayLike, resp: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""Scatter matrix of each component about its mean, not divided by its count, :eq:`eq-scatter-matrices`.

    .. math:: \mathbf W_k = \sum_i r_{ik}\,(\mathbf x_i-\boldsymbol\mu_k)(\mathbf x_i-\boldsymbol\mu_k)^\top

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    resp : array_like, shape (n_samples, n_components)
        Responsibilities: not negative, rows summing to one.
    means : array_like, shape (n_components, n_features)
        The updated means.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        In squared units of the features, times samples.

    Raises
    ------
    ValueError
        If shapes do not fit or `resp` is not a matrix of responsibilities.
    """
    return scatter_matrices_kernel(*check.data_resp_means(X, resp, means, may_be_empty=True))


@equation("eq-compose-covariances", kernel=compose_covariances_kernel)
def compose_covariances(volume: ArrayLike, shape: ArrayLike, orientation: ArrayLike | None = None) -> FloatArray:
    r"""Covariances from volumes, shapes and orientations, each one's own or shared, :eq:`eq-compose-covariances`.

    .. math:: \boldsymbol\Sigma_k = \lambda_k\,\mathbf D_k\mathbf A_k\mathbf D_k^\top

    :func:`gmm.volume_shape_orientation` is the way back, for one covariance.

    Parameters
    ----------
    volume : float or array_like, shape (n_components,)
        :math:`\lambda_k`; one number is shared by all components.
    shape : array_like, shape (n_components, n_features) or (n_features,)
        The diagonal of :math:`\mathbf A_k`: positive, with product one.
    orientation : array_like, shape (n_components, n_features, n_features) or (n_features, n_features), optional
        :math:`\mathbf D_k`, orthogonal: column j is the direction of axis j. Without it the axes are those of the
        coordinates.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        One matrix if everything is shared.

    Raises
    ------
    ValueError
        If a volume or an entry of a shape is not positive, the product of a shape is not one, an orientation is not
        orthogonal, or the numbers of components differ.
    """
    volume = check.real_array(np.atleast_1d(volume), "volume", 1, "(n_components,)")
    shape = check.real_array(np.atleast_2d(shape), "shape", 2, "(n_components, n_features)")
    d = shape.shape[1]
    if (volume <= 0).any():
        raise ValueError(f"volume must be positive; got {volume.min():g}")
    if (shape <= 0).any() or np.abs(np.log(shape).sum(axis=1)).max() > 1e-8:
        raise ValueError("each shape must consist of positive numbers with product one")
    sizes = {"volume": len(volume), "shape": len(shape)}
    if orientation is not None:
        orientation = np.asarray(orientation)
        orientation = orientation[None] if orientation.ndim == 2 else orientation
        orientation = check.real_array(orientation, "orientation", 3, "(n_components, n_features, n_features)")
        if orientation.shape[1:] != (d, d):
            raise ValueError(f"orientation must be made of matrices of shape {(d, d)}; got {orientation.shape[1:]}")
        if np.abs(orientation.transpose(0, 2, 1) @ orientation - np.eye(d)).max() > 1e-8:
            raise ValueError("each orientation must be an orthogonal matrix")
        sizes["orientation"] = len(orientation)
    own = {name: size for name, size in sizes.items() if size > 1}
    if len(set(own.values())) > 1:
        raise ValueError(f"volume, shape and orientation must have one entry for each component or one for all: {own}")
    return _compose(volume, shape, orientation)


@equation("eq-covariance-parameter-count", kernel=n_covariance_parameters_kernel)
def n_covariance_parameters(n_components: int, n_features: int, model: CovarianceType) -> int:
    r"""Number of free parameters of the covariances of one of the fourteen models, :eq:`eq-covariance-parameter-count`.

    .. math:: p_\Sigma = c_1 + c_2\,(d-1) + c_3\,\tfrac{d(d-1)}2

    with :math:`c=1` for a letter E, :math:`K` for V and 0 for I.

    Parameters
    ----------
    n_components, n_features : int
    model : str
        One of the fourteen names, such as "VEV".

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a size is less than one or there is no such model.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models, table 1.
    """
    K, d = check.count(n_components, "n_components"), check.count(n_features, "n_features")
    if model not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {model!r}")
    copies = {"I": 0, "E": 1, "V": K}
    return n_covariance_parameters_kernel(K, d, *(copies[letter] for letter in model))


# ------------------------------------------------------------------------------------- public: M-steps


# ------------------------------------------------------------------------------------- public: M-steps


@equation("eq-update-eii", kernel=update_eii_kernel)
def update_eii(scatters: ArrayLike, counts: ArrayLike) -> FloatArray:
    r"""M-step of EII: one ball for all, :eq:`eq-update-eii`.

    .. math:: \lambda = \frac1{nd}\sum_k\operatorname{tr}\mathbf W_k

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or the scatters add up to zero:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, counts = _diagonals(scatters, counts, each=False)
    volume = update_eii_kernel(squares, counts)
    return _compose(volume, np.ones(squares.shape))


@equation("eq-update-eei", kernel=equal_axes_kernel)
def update_eei(scatters: ArrayLike, counts: ArrayLike) -> FloatArray:
    r"""M-step of EEI: one diagonal for all, :eq:`eq-update-eei`.

    .. math:: \lambda a_j = \frac1n\sum_k w_{kj},\qquad w_{kj}=(\mathbf W_k)_{jj}

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a diagonal entry of the sum of the scatters is zero:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, counts = _diagonals(scatters, counts, each=False)
    return _compose(1.0, equal_axes_kernel(squares, counts))


@equation("eq-update-vei", kernel=variable_volumes_kernel)
def update_vei(scatters: ArrayLike, counts: ArrayLike, tol: float = 1e-12, max_iter: int = 1000) -> FloatArray:
    r"""M-step of VEI: diagonals of one shape, each with its volume, :eq:`eq-update-vei`.

    .. math::

        \lambda_k = \frac1{dN_k}\sum_j\frac{w_{kj}}{a_j},\qquad
            a_j\propto\sum_k\frac{w_{kj}}{\lambda_k},\qquad\prod_ja_j=1

    The two are computed in turn, from a ball, until Q gains no more: volumes last.

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.
    tol : float
        Stop when an iteration gains no more than this in Q, in nats per unit of count.
    max_iter : int
        Stop after so many iterations in any case. None of them lowers Q.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a diagonal entry of a scatter is zero:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, counts = _diagonals(scatters, counts)
    return _compose(*variable_volumes_kernel(squares, counts, *_stopping(tol, max_iter)))


@equation("eq-update-evi", kernel=variable_shapes_kernel)
def update_evi(scatters: ArrayLike, counts: ArrayLike) -> FloatArray:
    r"""M-step of EVI: diagonals of one volume, each with its shape, :eq:`eq-update-evi`.

    .. math::

        a_{kj} = w_{kj}\Bigl/\Bigl(\prod_lw_{kl}\Bigr)^{1/d},\qquad
            \lambda = \frac1n\sum_k\Bigl(\prod_jw_{kj}\Bigr)^{1/d}

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a diagonal entry of a scatter is zero:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, counts = _diagonals(scatters, counts)
    return _compose(*variable_shapes_kernel(squares, counts))


@equation("eq-update-vee", kernel=update_vee_kernel)
def update_vee(scatters: ArrayLike, counts: ArrayLike, tol: float = 1e-12, max_iter: int = 1000) -> FloatArray:
    r"""M-step of VEE: ellipsoids of one shape and orientation, each with its volume, :eq:`eq-update-vee`.

    .. math::

        \lambda_k = \frac{\operatorname{tr}(\mathbf C^{-1}\mathbf W_k)}{dN_k},\qquad
            \mathbf C\propto\sum_k\frac{\mathbf W_k}{\lambda_k},\qquad|\mathbf C|=1

    The two are computed in turn, from a ball, until Q gains no more: volumes last.

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.
    tol : float
        Stop when an iteration gains no more than this in Q, in nats per unit of count.
    max_iter : int
        Stop after so many iterations in any case. None of them lowers Q.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a scatter is not positive definite:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    scatters, counts = _positive_definite(scatters, counts)
    volume, matrix = update_vee_kernel(scatters, counts, *_stopping(tol, max_iter))
    return volume[:, None, None] * matrix


@equation("eq-update-eve", kernel=update_eve_kernel)
def update_eve(
    scatters: ArrayLike,
    counts: ArrayLike,
    orientation: ArrayLike | None = None,
    tol: float = 1e-12,
    max_iter: int = 1000,
) -> FloatArray:
    r"""M-step of EVE: shared axes and volume, shapes of their own, :eq:`eq-update-eve`.

    .. math::

        w_{kj}=\mathbf d_j^\top\mathbf W_k\mathbf d_j,\qquad
            a_{kj} = w_{kj}\Bigl/\Bigl(\prod_lw_{kl}\Bigr)^{1/d}, \qquad
            \lambda = \frac1n\sum_k\Bigl(\prod_jw_{kj}\Bigr)^{1/d}

    Sweeps of :func:`gmm.rotate_axes` in turn with volume and shapes. The maximum that is found can be a local one.

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.
    orientation : array_like, shape (n_features, n_features), optional
        Where the search for the shared axes begins: an orthogonal matrix, axes in columns. Without it, the axes of the
        sum of the scatters.
    tol : float
        Stop when an iteration gains no more than this in Q, in nats per unit of count.
    max_iter : int
        Stop after so many iterations in any case. None of them lowers Q.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a scatter is not positive definite:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    Flury, B. N. and Gautschi, W. (1986), An algorithm for simultaneous orthogonal transformation.
    Browne, R. P. and McNicholas, P. D. (2014), Estimating common principal components in high dimensions.
    """
    scatters, counts = _positive_definite(scatters, counts)
    start = _orientation(orientation, scatters)
    return _compose(*update_eve_kernel(scatters, counts, start, *_stopping(tol, max_iter)))


@equation("eq-update-vve", kernel=update_vve_kernel)
def update_vve(
    scatters: ArrayLike,
    counts: ArrayLike,
    orientation: ArrayLike | None = None,
    tol: float = 1e-12,
    max_iter: int = 1000,
) -> FloatArray:
    r"""M-step of VVE: shared axes alone, :eq:`eq-update-vve`.

    .. math:: \lambda_ka_{kj} = \frac{w_{kj}}{N_k},\qquad w_{kj}=\mathbf d_j^\top\mathbf W_k\mathbf d_j

    Sweeps of :func:`gmm.rotate_axes` in turn with the axes' lengths: common principal components. The maximum that is
    found can be a local one.

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.
    orientation : array_like, shape (n_features, n_features), optional
        Where the search for the shared axes begins: an orthogonal matrix, axes in columns. Without it, the axes of the
        sum of the scatters.
    tol : float
        Stop when an iteration gains no more than this in Q, in nats per unit of count.
    max_iter : int
        Stop after so many iterations in any case. None of them lowers Q.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a scatter is not positive definite:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    Flury, B. N. and Gautschi, W. (1986), An algorithm for simultaneous orthogonal transformation.
    Browne, R. P. and McNicholas, P. D. (2014), Estimating common principal components in high dimensions.
    """
    scatters, counts = _positive_definite(scatters, counts)
    start = _orientation(orientation, scatters)
    axes, common = update_vve_kernel(scatters, counts, start, *_stopping(tol, max_iter))
    return _compose(1.0, axes, common)


@equation("eq-update-eev", kernel=equal_axes_kernel)
def update_eev(scatters: ArrayLike, counts: ArrayLike) -> FloatArray:
    r"""M-step of EEV: equal lengths of the axes, each with its orientation, :eq:`eq-update-eev`.

    .. math::

        \lambda a_j = \frac1n\sum_k\omega_{kj},\qquad
            \mathbf W_k=\mathbf D_k\operatorname{diag}(\omega_{k1}\ge\dots\ge\omega_{kd})\,\mathbf D_k^\top

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or the smallest eigenvalues of all scatters are zero:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, orientations, counts = _own_axes(scatters, counts, each=False)
    return _compose(1.0, equal_axes_kernel(squares, counts), orientations)


@equation("eq-update-vev", kernel=variable_volumes_kernel)
def update_vev(scatters: ArrayLike, counts: ArrayLike, tol: float = 1e-12, max_iter: int = 1000) -> FloatArray:
    r"""M-step of VEV: one shape, volumes and orientations of their own, :eq:`eq-update-vev`.

    .. math::

        \lambda_k = \frac1{dN_k}\sum_j\frac{\omega_{kj}}{a_j},\qquad
            a_j\propto\sum_k\frac{\omega_{kj}}{\lambda_k},\qquad\prod_ja_j=1

    As VEI, with the eigenvalues :math:`\omega_{kj}` of the scatters in the place of their diagonals.

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.
    tol : float
        Stop when an iteration gains no more than this in Q, in nats per unit of count.
    max_iter : int
        Stop after so many iterations in any case. None of them lowers Q.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a scatter is not positive definite:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, orientations, counts = _own_axes(scatters, counts)
    volume, shape = variable_volumes_kernel(squares, counts, *_stopping(tol, max_iter))
    return _compose(volume, shape, orientations)


@equation("eq-update-evv", kernel=variable_shapes_kernel)
def update_evv(scatters: ArrayLike, counts: ArrayLike) -> FloatArray:
    r"""M-step of EVV: one volume, all else free, :eq:`eq-update-evv`.

    .. math::

        \boldsymbol\Sigma_k = \lambda\,\frac{\mathbf W_k}{|\mathbf W_k|^{1/d}},\qquad
            \lambda = \frac1n\sum_k|\mathbf W_k|^{1/d}

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        :func:`gmm.scatter_matrices`: symmetric, about the updated means, not divided by the counts.
    counts : array_like, shape (n_components,)
        :func:`gmm.effective_counts`: positive.

    Returns
    -------
    ndarray, shape (n_components, n_features, n_features)
        The covariances.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a scatter is not positive definite:
        there need be no maximum then.

    References
    ----------
    Celeux, G. and Govaert, G. (1995), Gaussian parsimonious clustering models.
    """
    squares, orientations, counts = _own_axes(scatters, counts)
    volumes, shapes = variable_shapes_kernel(squares, counts)
    return _compose(volumes, shapes, orientations)


@equation("eq-plane-rotation", kernel=rotate_axes_kernel)
def rotate_axes(scatters: ArrayLike, axes: ArrayLike, orientation: ArrayLike) -> FloatArray:
    r"""Turn shared axes by the best angle in each plane of two of them, one after the other, :eq:`eq-plane-rotation`.

    .. math::

        2\varphi = \operatorname{atan2}\Bigl(-\sum_ku_k\,\mathbf d_j^\top\mathbf W_k\mathbf d_l,\;
            -\tfrac12\sum_ku_k\,(\mathbf d_j^\top\mathbf W_k\mathbf d_j-\mathbf d_l^\top\mathbf W_k\mathbf d_l)\Bigr),
            \qquad u_k=\frac1{v_{kj}}-\frac1{v_{kl}}

    Each turn minimises :math:`\sum_{k,j}\mathbf d_j^\top\mathbf W_k\mathbf d_j/v_{kj}` over its angle.

    Parameters
    ----------
    scatters : array_like, shape (n_components, n_features, n_features)
        Symmetric.
    axes : array_like, shape (n_components, n_features)
        The variances :math:`v_{kj}=\lambda_ka_{kj}` along the axes: positive.
    orientation : array_like, shape (n_features, n_features)
        Orthogonal, axes in columns.

    Returns
    -------
    ndarray, shape (n_features, n_features)
        The orientation after a sweep over all pairs of axes.

    Raises
    ------
    ValueError
        If shapes do not fit, a variance is not positive, or `orientation` is not orthogonal.

    References
    ----------
    Flury, B. N. and Gautschi, W. (1986), An algorithm for simultaneous orthogonal transformation.
    """
    axes = check.real_array(axes, "axes", 2, "(n_components, n_features)")
    scatters, _ = _scatters_and_counts(scatters, np.ones(len(axes)))
    if axes.shape != scatters.shape[:2] or (axes <= 0).any():
        raise ValueError(f"axes must be positive and have shape {scatters.shape[:2]}; got {axes.shape}")
    return rotate_axes_kernel(scatters, axes, _orientation(orientation, scatters))


# ------------------------------------------------------------------------------------- public: hierarchical starts


def _groups(counts: ArrayLike, means: ArrayLike, scatters: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    scatters, counts = _scatters_and_counts(scatters, counts)
    means = check.real_array(means, "means", 2, "(n_groups, n_features)")
    if means.shape != scatters.shape[:2]:
        raise ValueError(f"means must have shape {scatters.shape[:2]}, as counts and scatters say; got {means.shape}")
    return counts, means, scatters


@equation("eq-classification-log-likelihood", kernel=classification_log_likelihood_kernel)
def classification_log_likelihood(X: ArrayLike, labels: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> float:
    r"""Log-likelihood of samples whose components are known, without weights, :eq:`eq-classification-log-likelihood`.

    .. math:: \ell_C = \sum_i\log\mathcal N(\mathbf x_i\mid\boldsymbol\mu_{z_i},\boldsymbol\Sigma_{z_i})

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
    labels : array_like of int, shape (n_samples,)
        The group :math:`z_i` of each sample, from 0.
    means : array_like, shape (n_groups, n_features)
    covariances : array_like, shape (n_groups, n_features, n_features)

    Returns
    -------
    float
        In nats, total.

    Raises
    ------
    ValueError
        If shapes do not fit, a label has no group, or a covariance is not positive definite.

    References
    ----------
    Banfield, J. D. and Raftery, A. E. (1993), Model-based Gaussian and non-Gaussian clustering.
    """
    X = check.data(X)
    means = check.centres(means, X.shape[1], "means")
    equal = np.full(len(means), 1.0 / len(means))
    _, means, covariances = check.parameters(equal, means, covariances)
    labels = check.labels(labels, len(means), len(X))
    return classification_log_likelihood_kernel(X, labels, means, covariances)


@equation("eq-merged-scatter", kernel=merged_scatter_kernel)
def merged_scatter(counts: ArrayLike, means: ArrayLike, scatters: ArrayLike) -> FloatArray:
    r"""Scatter matrix of two groups taken together, :eq:`eq-merged-scatter`.

    .. math::

        \mathbf W_{ab} = \mathbf W_a+\mathbf W_b+\frac{n_an_b}{n_a+n_b}\,
            (\boldsymbol\mu_a-\boldsymbol\mu_b)(\boldsymbol\mu_a-\boldsymbol\mu_b)^\top

    Parameters
    ----------
    counts : array_like, shape (2,)
        Positive.
    means : array_like, shape (2, n_features)
    scatters : array_like, shape (2, n_features, n_features)

    Returns
    -------
    ndarray, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If there are not two groups or shapes do not fit.
    """
    counts, means, scatters = _groups(counts, means, scatters)
    if len(counts) != 2:
        raise ValueError(f"counts must be those of two groups; got {len(counts)}")
    return merged_scatter_kernel(counts[0], means[0], scatters[0], counts[1], means[1], scatters[1])


@equation("eq-merge-eii", kernel=merge_costs_eii_kernel)
def merge_costs_eii(counts: ArrayLike, means: ArrayLike) -> FloatArray:
    r"""By how much each merge of two groups would increase the sum of squares, :eq:`eq-merge-eii`.

    .. math:: \Delta_{ab} = \frac{n_an_b}{n_a+n_b}\,\lVert\boldsymbol\mu_a-\boldsymbol\mu_b\rVert^2

    Under EII a merge costs :math:`\frac{nd}2\log(1+\Delta_{ab}/\operatorname{tr}\mathbf W)` of the classification
    log-likelihood, which ranks pairs as this does. It is Ward's criterion.

    Parameters
    ----------
    counts : array_like, shape (n_groups,)
        Positive.
    means : array_like, shape (n_groups, n_features)

    Returns
    -------
    ndarray, shape (n_groups, n_groups)
        Symmetric; the diagonal is infinite, so that the smallest entry is the cheapest merge.

    Raises
    ------
    ValueError
        If shapes do not fit or a count is not positive.

    References
    ----------
    Ward, J. H. (1963), Hierarchical grouping to optimize an objective function.
    """
    means = check.real_array(means, "means", 2, "(n_groups, n_features)")
    counts = check.real_array(counts, "counts", 1, "(n_groups,)")
    if len(counts) != len(means):
        raise ValueError(f"counts must have {len(means)} entries, one for each mean; got {len(counts)}")
    counts, means, _ = _groups(counts, means, np.zeros((len(means), means.shape[1], means.shape[1])))
    return merge_costs_eii_kernel(counts, means)


@equation("eq-merge-vii", kernel=merge_costs_vii_kernel)
def merge_costs_vii(counts: ArrayLike, means: ArrayLike, scatters: ArrayLike, alpha: float = 0.0) -> FloatArray:
    r"""What each merge of two groups costs under VII, balls of their own size, :eq:`eq-merge-vii`.

    .. math::

        g_{ab}-g_a-g_b,\qquad g=\tfrac12\,nd\log\frac{\operatorname{tr}\mathbf W+\alpha}{nd}

    Parameters
    ----------
    counts : array_like, shape (n_groups,)
        Positive.
    means : array_like, shape (n_groups, n_features)
    scatters : array_like, shape (n_groups, n_features, n_features)
        About the means, not divided by the counts.
    alpha : float
        Added to each trace, so that a group of one sample has a cost. With zero, such a group is refused.

    Returns
    -------
    ndarray, shape (n_groups, n_groups)
        In nats of the classification log-likelihood; symmetric, infinite on the diagonal.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or `alpha` is zero and a group has no extent.

    References
    ----------
    Fraley, C. (1998), Algorithms for model-based Gaussian hierarchical clustering.
    """
    counts, means, scatters = _groups(counts, means, scatters)
    alpha = check.number(alpha, "alpha", minimum=0.0)
    if alpha == 0.0:
        _positive(np.trace(scatters, axis1=1, axis2=2)[:, None], "a trace")
    return merge_costs_vii_kernel(counts, means, scatters, alpha)


@equation("eq-merge-eee", kernel=merge_costs_eee_kernel)
def merge_costs_eee(counts: ArrayLike, means: ArrayLike, scatters: ArrayLike) -> FloatArray:
    r"""What each merge of two groups costs under EEE, one ellipsoid for all, :eq:`eq-merge-eee`.

    .. math::

        \frac n2\log\Bigl(1+\frac{n_an_b}{n_a+n_b}\,
            (\boldsymbol\mu_a-\boldsymbol\mu_b)^\top\mathbf W^{-1}(\boldsymbol\mu_a-\boldsymbol\mu_b)\Bigr)

    Parameters
    ----------
    counts : array_like, shape (n_groups,)
        Positive.
    means : array_like, shape (n_groups, n_features)
    scatters : array_like, shape (n_groups, n_features, n_features)
        About the means, not divided by the counts. Their sum :math:`\mathbf W` is to be positive definite.

    Returns
    -------
    ndarray, shape (n_groups, n_groups)
        In nats of the classification log-likelihood; symmetric, infinite on the diagonal.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or the sum of the scatters is not positive definite.

    References
    ----------
    Fraley, C. (1998), Algorithms for model-based Gaussian hierarchical clustering.
    """
    counts, means, scatters = _groups(counts, means, scatters)
    check.covariance_matrix(scatters.sum(axis=0), name="the sum of scatters")
    return merge_costs_eee_kernel(counts, means, scatters)


@equation("eq-merge-vvv", kernel=merge_costs_vvv_kernel)
def merge_costs_vvv(
    counts: ArrayLike, means: ArrayLike, scatters: ArrayLike, alpha: float = 0.0, beta: float = 0.0
) -> FloatArray:
    r"""What each merge of two groups costs under VVV, ellipsoids of their own, :eq:`eq-merge-vvv`.

    .. math::

        g_{ab}-g_a-g_b,\qquad g=\tfrac12\,n\log\Bigl(\Bigl|\frac{\mathbf W}n\Bigr|
            +\beta\,\frac{\operatorname{tr}\mathbf W+\alpha}n\Bigr)

    Parameters
    ----------
    counts : array_like, shape (n_groups,)
        Positive.
    means : array_like, shape (n_groups, n_features)
    scatters : array_like, shape (n_groups, n_features, n_features)
        About the means, not divided by the counts.
    alpha, beta : float
        With zeros, the cost is that of the classification log-likelihood and each scatter is to be positive definite.
        mclust takes :math:`\beta=1` and for :math:`\alpha` the mean variance of the features, after scaling them.

    Returns
    -------
    ndarray, shape (n_groups, n_groups)
        In nats of the classification log-likelihood; symmetric, infinite on the diagonal.

    Raises
    ------
    ValueError
        If shapes do not fit, a count is not positive, or a group is flat and `alpha` and `beta` do not help.

    References
    ----------
    Fraley, C. (1998), Algorithms for model-based Gaussian hierarchical clustering.
    """
    counts, means, scatters = _groups(counts, means, scatters)
    alpha, beta = check.number(alpha, "alpha", minimum=0.0), check.number(beta, "beta", minimum=0.0)
    if beta == 0.0:
        _positive_definite(scatters, counts)
    elif alpha == 0.0:
        _positive(np.trace(scatters, axis1=1, axis2=2)[:, None], "a trace")
    return merge_costs_vvv_kernel(counts, means, scatters, alpha, beta)
