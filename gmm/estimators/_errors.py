"""Measurement errors of known covariance: the check of `error_covariances`, and what scores samples that have some."""

from __future__ import annotations

import numpy as np

from gmm.engine import deconvolution
from gmm.engine.samples import as_sample_weight
from gmm.engine.threads import resolve_n_threads
from gmm.estimators._validation import SYMMETRY_TOLERANCE, unmasked

NEGATIVE = -1e-10  # of a matrix of correlations: an eigenvalue below this is not one of rounding


def check_errors(error_covariances, X):
    """Check the covariances of the errors of the checked X.

    Returns
    -------
    ndarray of shape (n_samples or 1, n_features) or (n_samples or 1, n_features, n_features)
        Variances or matrices, of each sample or of all; 0 where a value of X is missing.
    """
    n, d = X.shape
    name = "error_covariances"
    errors = np.asarray(unmasked(error_covariances, name))
    if errors.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers; got dtype {errors.dtype}")
    shapes = {(d,): (1, d), (d, d): (1, d, d), (1, d): (1, d), (1, d, d): (1, d, d), (n, d, d): (n, d, d)}
    shapes[n, d] = (n, d)
    if errors.shape not in shapes:
        raise ValueError(
            f"{name} must have shape {(n, d)}, variances, or {(n, d, d)}, matrices, one for each sample, or {(d,)} or "
            f"{(d, d)} for all; got {errors.shape}"
        )
    if n == d > 1 and errors.ndim == 2 and np.array_equal(errors, errors.T, equal_nan=True):
        raise ValueError(
            f"{name} of shape {(d, d)} may be the variances of each of {n} samples or one matrix for all: give the "
            f"shape {(n, d, d)}"
        )
    errors = errors.astype(np.float64).reshape(shapes[errors.shape])
    gaps = np.isnan(X) if X.dtype.kind == "f" else np.zeros((n, d), dtype=bool)
    if gaps.any() and len(errors) == n:
        errors[gaps] = 0.0
        if errors.ndim == 3:
            errors.swapaxes(1, 2)[gaps] = 0.0
    if not np.isfinite(errors).all():
        where = np.argwhere(~np.isfinite(errors))[0][len(errors) < n :]
        raise ValueError(f"{name} must be finite; {_place(where)} is {errors[~np.isfinite(errors)][0]}")
    variances = errors if errors.ndim == 2 else np.einsum("ijj->ij", errors)
    if (variances < 0.0).any():
        where = np.argwhere(variances < 0.0)[0]
        value = variances[tuple(where)]
        where = np.append(where, where[1:] if errors.ndim == 3 else [])[len(errors) < n :].astype(int)
        raise ValueError(f"{name} must not have negative variances; {_place(where)} is {value:g}")
    if errors.ndim == 3:
        _check_matrices(errors, np.sqrt(variances), single=len(errors) < n)
    return errors


def _place(where):
    return f"error_covariances[{', '.join(map(str, where))}]" if len(where) else "error_covariances"


def _check_matrices(errors, deviations, single):
    """Refuse the first matrix that is not symmetric or has a negative eigenvalue, both judged as correlations."""
    products = deviations[:, :, None] * deviations[:, None, :]
    wrong = (np.abs(errors - errors.swapaxes(1, 2)) > SYMMETRY_TOLERANCE * products).any(axis=(1, 2))
    if wrong.any():
        place = _place([] if single else [int(np.argmax(wrong))])
        raise ValueError(f"{place} is not symmetric")
    try:
        np.linalg.cholesky(errors)
    except np.linalg.LinAlgError:  # one of them is not positive definite, but they need not be
        scaled = np.divide(errors, products, where=products > 0.0, out=errors.copy())
        least = np.linalg.eigvalsh(scaled)[:, 0]
        if least.min() < NEGATIVE:
            place = _place([] if single else [int(np.argmin(least))])
            raise ValueError(
                f"{place} must be positive semi-definite; as a matrix of correlations it has an eigenvalue of "
                f"{least.min():.3g}"
            ) from None


def errors_of(errors, row_numbers):
    """The checked errors of these samples; `row_numbers` None stands for all."""
    return errors if errors is None or row_numbers is None or len(errors) == 1 else errors[row_numbers]


class Measured:
    """Scores samples whose errors have these covariances, as `gmm.engine` does those without."""

    def __init__(self, errors):
        self.errors = errors

    def of(self, rows):
        """The same for some of the samples."""
        return Measured(errors_of(self.errors, rows))

    def log_responsibilities(self, X, density, n_threads=None):
        X = np.ascontiguousarray(X, dtype=np.float64)
        found = deconvolution.log_responsibilities(X, self.errors, density, resolve_n_threads(n_threads))
        lost = np.isnan(found[0])
        if lost.any():
            raise ValueError(
                f"X[{int(np.argmax(lost))}] is so far from every component that its log-density leaves the range of "
                "float64"
            )
        return found

    def score_samples(self, X, density, n_threads=None):
        return self.log_responsibilities(X, density, n_threads)[0]

    def log_likelihood(self, X, density, sample_weight=None, n_threads=None):
        scores, weights = self.score_samples(X, density, n_threads), as_sample_weight(sample_weight, X.shape[0])
        return float(scores @ weights) if weights.size else float(scores.sum())

    def predict_proba(self, X, density, n_threads=None):
        return np.exp(self.log_responsibilities(X, density, n_threads)[1])

    def predict(self, X, density, n_threads=None):
        return self.log_responsibilities(X, density, n_threads)[1].argmax(axis=1)
