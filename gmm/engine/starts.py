"""Starting parameters: one M-step from responsibilities that are given instead of computed."""

import numpy as np

from gmm.engine import passes, threads
from gmm.engine.kmeans import kmeans_labels
from gmm.engine.parameters import Parameters, cholesky_factors, log_coefficients
from gmm.engine.samples import Samples, as_sample_weight
from gmm.engine.structures import KERNELS, check_structure, precisions_cholesky_from

# scikit-learn's guard: a component without data gets a tiny weight instead of a division by zero.
SMALLEST_COUNT = 10 * np.finfo(np.float64).eps


def statistics(X, parameters, sample_weight=None, n_threads=None):
    """`one_pass` with the mixture's own coefficients, centres and factors."""
    p = parameters
    return passes.one_pass(
        X, log_coefficients(p), p.means, p.precisions_cholesky, p.covariance_type,
        sample_weight=sample_weight, n_threads=n_threads,
    )  # fmt: skip


def _from_given(X, given, n_components, covariance_type, reg_covar, sample_weight, n_threads):
    """The M-step in two passes: means first, then moments about them, so that no scatter cancels."""
    check_structure(covariance_type)
    samples = Samples(X, tiled=covariance_type == "full")
    weights = as_sample_weight(sample_weight, samples.n_samples)
    d = samples.n_features
    options = {
        "sample_weight": weights,
        "given": given,
        "n_threads": threads.resolve_n_threads(n_threads),
    }
    origin = np.array(samples.X[0], dtype=np.float64)
    none, ones = np.zeros(n_components), np.ones(n_components)
    start = np.ascontiguousarray(np.broadcast_to(origin, (n_components, d)))
    _, counts, first, _ = passes.raw_pass(samples, "spherical", none, start, ones, **options)
    counts = counts + SMALLEST_COUNT
    means = np.ascontiguousarray(origin + first / counts[:, None])
    if covariance_type == "tied":
        second = _pooled(samples, means, counts, options)
    else:
        factors = {
            "full": np.zeros((n_components, d, d)),
            "diag": np.ones((n_components, d)),
            "spherical": ones,
        }
        second = passes.raw_pass(samples, covariance_type, none, means, factors[covariance_type], **options)[3]
        second = passes.symmetric(second) if covariance_type == "full" else second
    moments = passes.Statistics(0.0, 0.0, counts, np.zeros((n_components, d)), second)
    parameter_weights, means, covariances = passes.m_step(moments, means, covariance_type, reg_covar)
    factors = cholesky_factors(covariances, covariance_type)
    return Parameters(
        covariance_type,
        parameter_weights,
        means,
        covariances,
        precisions_cholesky_from(factors, covariance_type).copy(),
    )


def _pooled(samples, means, counts, options):
    """Σ_k Σ_i r_ik (x_i - μ_k)(x_i - μ_k)ᵀ: total minus between scatter unless they cancel."""
    n_components, d = means.shape
    reference = counts @ means / counts.sum()
    centres = means - reference
    between = (centres.T * counts) @ centres
    within = passes.total_scatter(samples, reference, options["sample_weight"], options["given"]) - between
    diagonal = np.diagonal(within)
    if np.all(np.diagonal(between) <= KERNELS["tied"].TOO_FAR * diagonal):
        return within
    factors = np.zeros((n_components, d, d))
    second = passes.raw_pass(samples, "full", np.zeros(n_components), means, factors, **options)[3]
    return passes.symmetric(second.sum(axis=0))


def parameters_from_responsibilities(X, resp, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None):
    """The M-step of responsibilities resp (n, K). Raises CovarianceError if a covariance is not positive definite."""
    resp = np.asarray(resp)
    if resp.ndim != 2 or resp.shape[0] != np.shape(X)[0]:
        raise ValueError(f"resp must have shape ({np.shape(X)[0]}, K), got {resp.shape}.")

    def given(low, high):
        return np.array(resp[low:high], dtype=np.float64, order="C")

    return _from_given(X, given, resp.shape[1], covariance_type, reg_covar, sample_weight, n_threads)


def parameters_from_labels(
    X, labels, n_components, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None
):
    """The M-step of one-hot responsibilities: component labels[i] has all of sample i. Raises as above."""
    labels = np.asarray(labels)
    if labels.shape != (np.shape(X)[0],):
        raise ValueError(f"labels must have shape ({np.shape(X)[0]},), got {labels.shape}.")
    if labels.size and (labels.min() < 0 or labels.max() >= n_components):
        raise ValueError(f"labels must lie in 0 … {n_components - 1}.")

    def given(low, high):
        table = np.zeros((high - low, n_components))
        table[np.arange(high - low), labels[low:high]] = 1.0
        return table

    return _from_given(X, given, n_components, covariance_type, reg_covar, sample_weight, n_threads)


def parameters_from_centres(X, centres, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None):
    """The M-step of k-means' clusters: a sample goes to its nearest centre. No labels are stored. Raises as above."""
    X = np.asarray(X)
    centres = np.asarray(centres, dtype=np.float64)

    def given(low, high):
        table = np.zeros((high - low, len(centres)))
        table[np.arange(high - low), kmeans_labels(X[low:high], centres, 1)] = 1.0
        return table

    return _from_given(X, given, len(centres), covariance_type, reg_covar, sample_weight, n_threads)
