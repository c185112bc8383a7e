"""Input checks of the public formulas: name the argument, say what came and what was expected."""

from __future__ import annotations

from numbers import Real

import numpy as np

from gmm._types import ArrayLike, FloatArray, IntArray, Rng
from gmm.formulas._primitives import cholesky_kernel

# How far a sum of weights or responsibilities may be from one, and a covariance from its transpose (relative).
SUM_TOLERANCE = 1e-8
SYMMETRY_TOLERANCE = 1e-8


def real_array(value: ArrayLike, name: str, ndim: int, shape_text: str) -> FloatArray:
    """Return `value` as a C-contiguous float64 array with `ndim` axes and only finite entries."""
    array = _as_array(value, name, shape_text)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    if array.ndim != ndim:
        hint = ""
        if name == "X" and array.ndim == 1:
            hint = ". For one feature pass X[:, None], for one sample X[None, :]"
        raise ValueError(f"{name} must have shape {shape_text}; got shape {array.shape}{hint}")
    if 0 in array.shape:
        raise ValueError(f"{name} must not be empty; got shape {array.shape}")
    array = _for_kernel(array)
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(axis) for axis in np.argwhere(~finite)[0])
        raise ValueError(f"{name} must be finite; {name}{list(where)} is {array[where]}")
    return array


def _as_array(value, name, shape_text):
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} is a masked array with masked entries; missing values are not supported")
    try:
        return np.asarray(value)
    except ValueError:  # nested lists of different lengths
        raise ValueError(f"{name} must have shape {shape_text}; got rows of different lengths") from None


def _for_kernel(array):
    """Return `array` in the one layout that the kernels are compiled for; a copy only where it has another."""
    return np.require(array, np.float64, ["C_CONTIGUOUS", "ALIGNED", "WRITEABLE"])


def number(value: float, name: str, minimum: float | None = None, strict: bool = False) -> float:
    """Return `value` as a finite float, at least (or, if `strict`, above) `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number; got {value!r}")
    value = float(value)
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite; got {value}")
    if minimum is not None and (value <= minimum if strict else value < minimum):
        raise ValueError(f"{name} must be {'>' if strict else '>='} {minimum:g}; got {value}")
    return value


def count(value: int, name: str, minimum: int = 1) -> int:
    """Return `value` as an int that is at least `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer; got {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be >= {minimum}; got {value}")
    return int(value)


def generator(rng: Rng) -> np.random.Generator:
    """Return a NumPy Generator for `rng`, which is a Generator, a seed or None."""
    if isinstance(rng, (np.random.RandomState, str)):
        raise TypeError(f"rng must be a numpy.random.Generator, a seed or None; got {rng!r}")
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        message = f"rng must be a numpy.random.Generator, a seed (an integer >= 0) or None; got {rng!r}"
        raise type(error)(message) from None


def data(X: ArrayLike) -> FloatArray:
    """Check a data matrix, shape (n_samples, n_features)."""
    return real_array(X, "X", 2, "(n_samples, n_features)")


def logarithms(value: ArrayLike, name: str) -> FloatArray:
    """Check a matrix of logarithms: minus infinity is the logarithm of zero and allowed."""
    array = _as_array(value, name, "(n_samples, n_components)")
    without_infinities = np.where(np.isneginf(array), 0.0, array) if array.dtype.kind == "f" else array
    real_array(without_infinities, name, 2, "(n_samples, n_components)")
    return _for_kernel(array)


def mean_vector(mean: ArrayLike, n_features: int, like: str = "X") -> FloatArray:
    """Check one mean, shape (n_features,)."""
    mean = real_array(mean, "mean", 1, "(n_features,)")
    if mean.shape[0] != n_features:
        raise ValueError(f"mean must have {n_features} features, as {like} has; got {mean.shape[0]}")
    return mean


def covariance_matrix(covariance: ArrayLike, n_features: int | None = None, name: str = "covariance") -> FloatArray:
    """Check one covariance: square, symmetric, positive definite."""
    covariance = real_array(covariance, name.split("[")[0], 2, "(n_features, n_features)")
    if covariance.shape[0] != covariance.shape[1]:
        raise ValueError(f"{name} must be square; got shape {covariance.shape}")
    if n_features is not None and covariance.shape[0] != n_features:
        raise ValueError(
            f"{name} must have shape ({n_features}, {n_features}), as X has {n_features} features; "
            f"got {covariance.shape}"
        )
    _check_positive_definite(covariance, name)
    return covariance


def _check_symmetric(covariance, name):
    # As correlations, so that features of very different scales are judged alike.
    scale = np.sqrt(np.abs(np.diag(covariance)))
    asymmetry = np.abs(covariance - covariance.T)
    if (asymmetry > SYMMETRY_TOLERANCE * np.outer(scale, scale)).any():
        raise ValueError(f"{name} must be symmetric; it differs from its transpose by {asymmetry.max():.3g}")


def _check_positive_definite(covariance, name):
    _check_symmetric(covariance, name)
    # The kernel that will be used decides, not another routine that may round differently.
    if not (np.diag(cholesky_kernel(covariance)) > 0).all():
        smallest = np.linalg.eigvalsh(covariance)[0]
        raise ValueError(f"{name} must be positive definite; its smallest eigenvalue is {smallest:.3g}")


def lower_triangular(cholesky_factor: ArrayLike, name: str = "cholesky_factor") -> FloatArray:
    """Check a Cholesky factor: square, lower triangular, positive diagonal."""
    factor = real_array(cholesky_factor, name, 2, "(n_features, n_features)")
    if factor.shape[0] != factor.shape[1]:
        raise ValueError(f"{name} must be square; got shape {factor.shape}")
    if np.triu(factor, 1).any():
        raise ValueError(f"{name} must be lower triangular; it has entries above the diagonal")
    if (np.diag(factor) <= 0).any():
        raise ValueError(f"{name} must have a positive diagonal; got {np.diag(factor)}")
    return factor


def mixing_weights(weights: ArrayLike) -> FloatArray:
    """Check mixing weights, shape (n_components,): not negative, summing to one."""
    weights = real_array(weights, "weights", 1, "(n_components,)")
    if (weights < 0).any():
        k = int(np.argmin(weights))
        raise ValueError(f"weights must not be negative; weights[{k}] is {weights[k]:g}")
    if abs(weights.sum() - 1.0) > SUM_TOLERANCE:
        raise ValueError(f"weights must sum to 1; they sum to {weights.sum():.10g}")
    return weights


def weights_and_means(weights: ArrayLike, means: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check mixing weights and means together: shapes (K,) and (K, d)."""
    weights = mixing_weights(weights)
    means = real_array(means, "means", 2, "(n_components, n_features)")
    if means.shape[0] != weights.shape[0]:
        raise ValueError(f"means must have one row for each of the {weights.shape[0]} weights; got shape {means.shape}")
    return weights, means


def parameters(
    weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, n_features: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Check the parameters of a mixture: shapes (K,), (K, d), (K, d, d)."""
    weights, means = weights_and_means(weights, means)
    if n_features is not None and means.shape[1] != n_features:
        raise ValueError(f"means must have {n_features} features, as X has; got {means.shape[1]}")
    covariances = real_array(covariances, "covariances", 3, "(n_components, n_features, n_features)")
    expected = (means.shape[0], means.shape[1], means.shape[1])
    if covariances.shape != expected:
        raise ValueError(f"covariances must have shape {expected}; got {covariances.shape}")
    for k, covariance in enumerate(covariances):
        _check_positive_definite(covariance, f"covariances[{k}]")
    return weights, means, covariances


def data_and_parameters(
    X: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Check a data matrix together with the parameters of a mixture."""
    X = data(X)
    return (X, *parameters(weights, means, covariances, X.shape[1]))


def responsibilities(
    resp: ArrayLike, n_samples: int | None = None, n_components: int | None = None, name: str = "resp"
) -> FloatArray:
    """Check responsibilities, shape (n_samples, n_components): not negative, rows summing to one."""
    resp = real_array(resp, name, 2, "(n_samples, n_components)")
    if n_samples is not None and resp.shape[0] != n_samples:
        raise ValueError(f"{name} must have {n_samples} rows, one for each sample; got {resp.shape[0]}")
    if n_components is not None and resp.shape[1] != n_components:
        raise ValueError(f"{name} must have {n_components} columns, one for each component; got {resp.shape[1]}")
    if (resp < 0).any():
        i, k = (int(axis) for axis in np.argwhere(resp < 0)[0])
        raise ValueError(f"{name} must not be negative; {name}[{i}, {k}] is {resp[i, k]:g}")
    sums = resp.sum(axis=1)
    worst = int(np.abs(sums - 1.0).argmax())
    if abs(sums[worst] - 1.0) > SUM_TOLERANCE:
        raise ValueError(f"each row of {name} must sum to 1; row {worst} sums to {sums[worst]:.10g}")
    return resp


def nonempty_components(resp: FloatArray) -> None:
    """Refuse responsibilities that leave a component without any sample: its mean would be 0/0."""
    counts = resp.sum(axis=0)
    if (counts <= 0).any():
        k = int(np.argmin(counts))
        raise ValueError(f"component {k} has effective count 0: no sample has any responsibility in it")


def reachable(log_joint: FloatArray) -> None:
    """Refuse samples whose log-density is minus infinity under every component."""
    lost = np.isneginf(log_joint).all(axis=1)
    if lost.any():
        raise ValueError(
            f"the log-density of sample {int(lost.argmax())} is below the range of float64 under every "
            "component: rescale the data or look for an outlier"
        )


def labels(value: ArrayLike, n_labels: int, n_samples: int | None = None) -> IntArray:
    """Check hard labels: integers from 0 to `n_labels` - 1, one for each sample."""
    array = _as_array(value, "labels", "(n_samples,)")
    if array.ndim != 1 or array.shape[0] == 0:
        raise ValueError(f"labels must have shape (n_samples,); got shape {array.shape}")
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers; got dtype {array.dtype}")
    if n_samples is not None and array.shape[0] != n_samples:
        raise ValueError(f"labels must have {n_samples} entries, one for each sample; got {array.shape[0]}")
    outside = (array < 0) | (array >= n_labels)
    if outside.any():
        i = int(outside.argmax())
        raise ValueError(f"labels must lie between 0 and {n_labels - 1}; labels[{i}] is {array[i]}")
    return np.require(array, np.int64, ["C_CONTIGUOUS", "ALIGNED", "WRITEABLE"])


def centres(value: ArrayLike, n_features: int, name: str = "centres") -> FloatArray:
    """Check centres, shape (n_centres, n_features)."""
    array = real_array(value, name, 2, "(n_centres, n_features)")
    if array.shape[1] != n_features:
        raise ValueError(f"{name} must have {n_features} features, as X has; got {array.shape[1]}")
    return array


def data_resp_means(
    X: ArrayLike, resp: ArrayLike, means: ArrayLike, may_be_empty: bool = False
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Check data, responsibilities and updated means together."""
    X = data(X)
    resp = responsibilities(resp, n_samples=X.shape[0])
    if not may_be_empty:
        nonempty_components(resp)
    means = real_array(means, "means", 2, "(n_components, n_features)")
    if means.shape != (resp.shape[1], X.shape[1]):
        raise ValueError(f"means must have shape {(resp.shape[1], X.shape[1])}; got {means.shape}")
    return X, resp, means


def symmetric_matrix(value: ArrayLike, name: str = "covariance") -> FloatArray:
    """Check a symmetric matrix, which may be singular."""
    array = real_array(value, name, 2, "(n_features, n_features)")
    if array.shape[0] != array.shape[1]:
        raise ValueError(f"{name} must be square; got shape {array.shape}")
    _check_symmetric(array, name)
    return array


def prior(scale: ArrayLike, dof: float, n_features: int) -> tuple[FloatArray, float]:
    """Check the scale matrix and the degrees of freedom of an inverse-Wishart prior."""
    scale = covariance_matrix(scale, name="scale")
    if scale.shape[0] != n_features:
        raise ValueError(f"scale must have shape {(n_features, n_features)}; got {scale.shape}")
    return scale, number(dof, "dof", minimum=n_features - 1.0, strict=True)
