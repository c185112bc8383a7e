"""The M-step of responsibilities that are given instead of computed: where EM starts, and where it looks again.

It takes two passes: the means first, then the moments about these new means, so that no digit is lost however far the
old means were away.
"""

import math

import numpy as np

from gmm.engine import kmeans, loop, passes, threads
from gmm.engine.flat import flat_views
from gmm.engine.parameters import Parameters, cholesky_factors, log_coefficients
from gmm.engine.samples import Samples, as_sample_weight
from gmm.engine.small_algebra import DEAD
from gmm.engine.statuses import RUNNING
from gmm.engine.structures import (
    MODELS,
    check_structure,
    covariance_shape,
    parameter_shapes,
    precisions_cholesky_from,
    statistics_shapes,
)
from gmm.engine.tied import TOO_FAR, Tied

# scikit-learn's guard: a component without data gets a tiny weight instead of a division by zero.
SMALLEST_COUNT = 10 * np.finfo(np.float64).eps


def statistics(X, parameters, sample_weight=None, n_threads=None):
    """`one_pass` with the mixture's own coefficients, centres and factors."""
    p = parameters
    return passes.one_pass(
        X, log_coefficients(p), p.means, p.precisions_cholesky, p.covariance_type,
        sample_weight=sample_weight, n_threads=n_threads,
    )  # fmt: skip


def moments_of_given(samples, covariance_type, given, centres, options):
    """(counts, first, second) about `centres`. No E-step is taken: the factors do not matter."""
    n_components = len(centres)
    factors = np.zeros(covariance_shape(covariance_type, n_components, samples.n_features))
    model = MODELS[covariance_type](np.zeros(n_components), centres, factors)
    return passes.raw_pass(samples, model, given=given, **options)[1:]


def m_step_about_new_means(samples, given, counts, means, covariance_type, reg_covar, options, old=None, total=None):
    """The M-step from given responsibilities, with all moments taken about the new means.

    Everything is in the samples' units. `total` is the TotalScatter, where each sample has one component. A component
    without data keeps its mean and covariance of `old`. Raises CovarianceError if a covariance is singular.
    """
    n_components, d = means.shape
    if covariance_type == "tied":
        first = np.zeros((n_components, d))
        second, squares = _pooled(samples, means, counts, given, options, total)
        squares = squares / counts.sum()
    else:
        _, first, second = moments_of_given(samples, covariance_type, given, means, options)
        with np.errstate(divide="ignore", invalid="ignore"):
            if covariance_type == "full":
                second = passes.symmetric(second)
                squares = np.einsum("kjj->kj", second) / counts[:, None]
            else:
                squares = second / (counts[:, None] if covariance_type == "diag" else counts * d)
    moments = passes.Statistics(0.0, 0.0, counts, first, second)
    weights, means, covariances = passes.m_step(moments, means, covariance_type, reg_covar)
    if old is not None and covariance_type != "tied":
        dead = counts < DEAD
        covariances[dead], squares[dead] = old[dead], 0.0
    factors = cholesky_factors(covariances, covariance_type, np.sqrt(squares + reg_covar))
    return weights, means, covariances, factors


def _total(samples, given, counts, means, sample_weight, total):
    """(x₀, T) about the mean of the data, or a point that is as good.

    Responsibilities that a caller has given may sum to anything; samples with one component each share their `total`.
    """
    reference = counts @ means / counts.sum()
    if total is not None:
        return total.about(samples, reference, sample_weight)
    return reference, passes.total_scatter(samples, reference, sample_weight, given, len(means))


def _pooled(samples, means, counts, given, options, total):
    """Σ_k Σ_i r_ik (x_i - μ_k)(x_i - μ_k)ᵀ, and the sums of squares whose rounding it carries.

    Total minus between scatter, unless they cancel.
    """
    reference, scatter = _total(samples, given, counts, means, options["sample_weight"], total)
    centres = means - reference
    between = (centres.T * counts) @ centres
    within = scatter - between
    if np.all(np.diagonal(between) <= TOO_FAR * np.diagonal(within)):
        return within, np.diagonal(scatter)
    second = moments_of_given(samples, "full", given, means, options)[2]
    within = passes.symmetric(second.sum(axis=0))
    return within, np.diagonal(within)


def _compiled_m_step(samples, given, counts, means, covariance_type, reg_covar, sample_weight, total):
    """`m_step_about_new_means` in one call of a kernel instead of twenty of NumPy's, which take longer for small data.

    None of the components may be empty. Returns None where a covariance is singular or hard to tell from it: that is
    for the other function to judge.
    """
    n_components, d = means.shape
    old_values, old = flat_views(parameter_shapes(covariance_type, n_components, d))
    weights, centres, covariances, factors, coefficients = old
    centres[...] = means
    if covariance_type == "tied":
        reference, scatter = _total(samples, given, counts, means, sample_weight, total)
        # Any whitening will do that can be undone; with this one the components are not far apart.
        size = math.sqrt(scatter.trace() / samples.n_samples) or 1.0
        covariances.flat[:: d + 1] = size * size
        factors.flat[:: d + 1] = 1.0 / size
        model = Tied(coefficients, np.empty_like(means), factors, reference, scatter)
    else:
        model = MODELS[covariance_type](coefficients, means, factors)
    sum_values = flat_views(statistics_shapes(covariance_type, n_components, d))[0]
    numbers = (1.0, reg_covar, 0.0, -math.inf)
    arguments = (passes.loop_arguments(sum_values, np.empty(1), old_values, numbers),)
    status = passes.run_team(
        samples, loop.run, loop.work_rows(model), model, sum_values.size, arguments, sample_weight=sample_weight,
        table=given(0, samples.n_samples),
    )[1]  # fmt: skip
    return (weights, centres, covariances, factors) if status == RUNNING else None


def _parameters(samples, given, counts, means, covariance_type, reg_covar, options, total):
    """Parameters in the units of X."""
    found = None
    if samples.native and passes.fits_a_slab(samples, len(means)) and counts.min() > 1e6 * SMALLEST_COUNT:
        found = _compiled_m_step(
            samples, given, counts, means, covariance_type, reg_covar, options["sample_weight"], total
        )
    if found is None:
        found = m_step_about_new_means(samples, given, counts, means, covariance_type, reg_covar, options, total=total)
    weights, means, covariances, factors = found
    factors = precisions_cholesky_from(factors, covariance_type).copy()
    return Parameters(covariance_type, weights, means + samples.shift, covariances, factors)


def _prepared(X, covariance_type, sample_weight, n_threads):
    check_structure(covariance_type)
    samples = Samples(X, covariance_type=covariance_type)
    samples.shift = samples.shift_near_the_data()
    weights = as_sample_weight(sample_weight, samples.n_samples)
    return samples, {"sample_weight": weights, "n_threads": threads.resolve_n_threads(n_threads)}


def _from_table(X, given, n_components, covariance_type, reg_covar, sample_weight, n_threads, total):
    samples, options = _prepared(X, covariance_type, sample_weight, n_threads)
    origin = (np.asarray(samples.X[0], dtype=np.float64) - samples.shift) * samples.scale
    centres = np.tile(origin, (n_components, 1))
    # For the means any structure will do; the tied one does not take moments about its centres.
    structure = "spherical" if covariance_type == "tied" else covariance_type
    counts, first, _ = moments_of_given(samples, structure, given, centres, options)
    counts = counts + SMALLEST_COUNT
    means = centres + first / counts[:, None]
    return _parameters(samples, given, counts, means, covariance_type, reg_covar, options, total)


def parameters_from_responsibilities(X, resp, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None):
    """The M-step (eq-m-step) of responsibilities resp (n, K). Raises CovarianceError if a covariance is singular."""
    resp = np.asarray(resp)
    if resp.ndim != 2 or resp.shape[0] != np.shape(X)[0]:
        raise ValueError(f"resp must have shape ({np.shape(X)[0]}, K), got {resp.shape}.")

    def given(low, high):
        return np.ascontiguousarray(resp[low:high], dtype=np.float64)

    return _from_table(X, given, resp.shape[1], covariance_type, reg_covar, sample_weight, n_threads, None)


def parameters_from_labels(
    X, labels, n_components, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None, total_scatter=None
):
    """The M-step of one-hot responsibilities (eq-one-hot): component labels[i] has all of sample i. Raises as above.

    `total_scatter`, the `passes.TotalScatter` of the same weighted samples, saves work where there is more than one
    start or fit.
    """
    labels = np.asarray(labels)
    if labels.shape != (np.shape(X)[0],):
        raise ValueError(f"labels must have shape ({np.shape(X)[0]},), got {labels.shape}.")
    # The kernel takes them for row numbers as they are.
    if labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() < n_components):
        raise ValueError(f"labels must be whole numbers in 0 … {n_components - 1}.")

    def given(low, high):
        return passes.as_given(labels[low:high], n_components)

    total = total_scatter or passes.TotalScatter()
    return _from_table(X, given, n_components, covariance_type, reg_covar, sample_weight, n_threads, total)


def parameters_from_centres(
    X, centres, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None, total_scatter=None
):
    """The M-step of k-means' clusters: a sample goes to its nearest centre. No labels are stored. Raises as above."""
    samples, options = _prepared(X, covariance_type, sample_weight, n_threads)
    centres = (passes.check_centres(samples, centres) - samples.shift) * samples.scale
    # The labels of small data are kept; those of large data are found again, slab by slab.
    labels = np.empty(samples.n_samples if samples.native and passes.fits_a_slab(samples, len(centres)) else 0)
    counts, first = kmeans.assignments(samples, centres, **options, labels=labels)
    return _from_clusters(samples, centres, labels, counts, first, covariance_type, reg_covar, options, total_scatter)


def parameters_from_kmeans(
    X, found, covariance_type, reg_covar=1e-6, sample_weight=None, n_threads=None, total_scatter=None
):
    """The same for what `kmeans` has found in X, whose assignment of small data is used if it was asked for.

    Raises ValueError if that is one of other data.
    """
    if found.assignment is None:
        centres = found.centres
        return parameters_from_centres(X, centres, covariance_type, reg_covar, sample_weight, n_threads, total_scatter)
    check_structure(covariance_type)
    shift, *clusters = found.assignment
    labels = found.assignment.labels
    if np.shape(X) != (labels.size, shift.size):  # the kernels take the labels for those of X as they are
        raise ValueError(f"found is the assignment of data of shape {(labels.size, shift.size)}, X has {np.shape(X)}.")
    samples = Samples(X, shift, covariance_type=covariance_type)
    weights = as_sample_weight(sample_weight, samples.n_samples)
    options = {"sample_weight": weights, "n_threads": threads.resolve_n_threads(n_threads)}
    return _from_clusters(samples, *clusters, covariance_type, reg_covar, options, total_scatter)


def _from_clusters(samples, centres, labels, counts, first, covariance_type, reg_covar, options, total_scatter):
    counts = counts + SMALLEST_COUNT
    means = centres + first / counts[:, None]

    def given(low, high):
        found = labels[low:high] if labels.size else kmeans.labels_of(samples, low, high, centres)
        return passes.as_given(found, len(centres))

    total = total_scatter or passes.TotalScatter()
    return _parameters(samples, given, counts, means, covariance_type, reg_covar, options, total)
