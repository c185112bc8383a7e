"""Where EM starts: the M-step of responsibilities that are given instead of computed.

It takes two passes: the means first, then the moments about these new means, so that no digit is lost however far the
first guess was away.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gmm._types import AnyArray, FloatArray, IntArray
from gmm.engine import Full, Spherical, Tied, Units, passes, single_m_step
from gmm.engine.flat import flat_views, parameter_shapes
from gmm.engine.kmeans import assignments, labels_of
from gmm.engine.statuses import RUNNING
from gmm.engine.tied import TOO_FAR
from gmm.learning.parameters import Parameters
from gmm.learning.sources import ArraySource
from gmm.learning.statistics import Statistics
from gmm.learning.structures import structure_of

if TYPE_CHECKING:
    from gmm.engine import KMeansResult, TotalScatter

# scikit-learn's guard: a component without data gets a tiny weight instead of a division by zero.
SMALLEST_COUNT = 10 * np.finfo(np.float64).eps


class _Start:
    """An M-step from given responsibilities, in units near the data.

    Parameters
    ----------
    samples : Samples
    source : ArraySource
        Of the same samples.
    structure : Structure
    given : callable
        ``given(low, high)`` returns the responsibilities of these samples, or the numbers of their components.
    one_each : bool
        Whether every sample has one component: then the total scatter is that of the samples.
    """

    def __init__(self, samples, source, structure, given, one_each):
        self.samples, self.source, self.structure, self.given, self.one_each = (
            samples, source, structure, given, one_each,
        )  # fmt: skip
        self.options = {"sample_weight": source.sample_weight, "n_threads": source.n_threads}

    def moments(self, model, centres):
        """(counts, first, second) about `centres`. No E-step is taken: the factors do not matter."""
        options, none = dict(self.options), np.empty(0)
        if model is self.structure.model:
            options["regularisation"] = self.structure.regularisation(none, none, 0.0)
        model = model.of(np.zeros(len(centres)), centres, np.zeros(model.shape(*centres.shape)))
        return passes.raw_pass(self.samples, model, given=self.given, **options)[1:]

    def total(self, counts, means):
        """(x₀, T) about the mean of the data, or a point that is as good.

        Responsibilities that a caller has given may sum to anything; samples with one component each share their total.
        """
        if self.one_each:
            return self.source.total.of(self.samples, self.source.sample_weight)
        reference = counts @ means / counts.sum()
        return reference, passes.total_scatter(
            self.samples, reference, self.source.sample_weight, self.given, len(means)
        )

    def statistics(self, counts, means):
        """Statistics about the new means."""
        model = self.structure.model
        if model is not Tied:
            second = self.moments(model, means)[2]
            second = passes.symmetric(second) if model is Full else second
            sizes = second
        else:
            # Total minus between scatter, unless they cancel.
            reference, sizes = self.total(counts, means)
            offsets = means - reference
            between = (offsets.T * counts) @ offsets
            second = sizes - between
            if not np.all(np.diagonal(between) <= TOO_FAR * np.diagonal(second)):
                second = sizes = passes.symmetric(self.moments(Full, means)[2].sum(axis=0))
        return Statistics(model, means, 0.0, 0.0, counts, np.zeros_like(means), second), sizes

    def parameters(self, counts, means, reg_covar):
        """Parameters in the units of X; raises CovarianceError if a covariance is singular."""
        structure, samples = self.structure, self.samples
        ridge = np.full(samples.n_features, reg_covar, dtype=np.float64)
        small = samples.native and passes.fits_a_slab(samples, len(means)) and counts.min() > 1e6 * SMALLEST_COUNT
        found = self.in_one_call(counts, means, ridge) if small and structure.compiled else None
        if found is None:
            statistics, sizes = self.statistics(counts, means)
            n_features = samples.n_features
            with np.errstate(divide="ignore", invalid="ignore"):
                covariances, sizes = structure.maximised(statistics.second, sizes, counts, n_features, 0.0, ridge)
            found = counts / counts.sum(), means, covariances, structure.factors(covariances, len(means), sizes)
        weights, means, covariances, factors = found
        factors = structure.unpack(structure.transposed(factors), *means.shape).copy()
        return Parameters(structure.name, weights, means + samples.shift, covariances, factors)

    def in_one_call(self, counts, means, ridge):
        """The same in one call of a kernel instead of twenty of NumPy's, which take longer for small data.

        None of the components may be empty. Returns None where a covariance is singular or hard to tell from it: that
        is for the other way to judge.
        """
        kind, samples = self.structure.model, self.samples
        values, arrays = flat_views(parameter_shapes(kind, *means.shape))
        weights, centres, covariances, factors, coefficients = arrays
        centres[...] = means
        if kind is Tied:
            reference, scatter = self.total(counts, means)
            # Any whitening will do that can be undone; with this one the components are not far apart.
            size = math.sqrt(scatter.trace() / samples.n_samples) or 1.0
            covariances.flat[:: means.shape[1] + 1] = size * size
            factors.flat[:: means.shape[1] + 1] = 1.0 / size
            model = Tied(coefficients, np.empty_like(means), factors, reference, scatter)
        else:
            model = kind.of(coefficients, means, factors)
        regularisation = self.structure.regularisation(ridge, np.zeros(math.prod(kind.shape(1, means.shape[1]))), 0.0)
        status = single_m_step(
            samples, model, values, regularisation, self.source.sample_weight, self.given(0, samples.n_samples)
        )
        covariances = self.structure.contract(covariances, *means.shape)
        return (weights, centres, covariances, factors) if status == RUNNING else None


def _prepared(X, covariance_type, sample_weight, n_threads, total):
    structure = structure_of(covariance_type)
    source = ArraySource(X, sample_weight, n_threads, total)
    samples = source.samples(Units(np.zeros(np.shape(X)[-1] if np.ndim(X) else 0)), structure.model)
    samples.shift = samples.shift_near_the_data()
    return structure, source, samples


def _from_table(X, given, n_components, covariance_type, reg_covar, sample_weight, n_threads, total, one_each):
    structure, source, samples = _prepared(X, covariance_type, sample_weight, n_threads, total)
    start = _Start(samples, source, structure, given, one_each)
    origin = (np.asarray(samples.X[0], dtype=np.float64) - samples.shift) * samples.scale
    centres = np.tile(origin, (n_components, 1))
    # For the means any structure will do; the tied one does not take moments about its centres.
    counts, first, _ = start.moments(Spherical if structure.model is Tied else structure.model, centres)
    counts = counts + SMALLEST_COUNT
    return start.parameters(counts, centres + first / counts[:, None], reg_covar)


def parameters_from_responsibilities(
    X: AnyArray,
    resp: FloatArray,
    covariance_type: str,
    reg_covar: float | FloatArray = 1e-6,
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
) -> Parameters:
    """The M-step (eq-m-step) of responsibilities resp (n, K). Raises CovarianceError if a covariance is singular."""
    resp = np.asarray(resp)
    if resp.ndim != 2 or resp.shape[0] != np.shape(X)[0]:
        raise ValueError(f"resp must have shape ({np.shape(X)[0]}, K), got {resp.shape}.")

    def given(low, high):
        return np.ascontiguousarray(resp[low:high], dtype=np.float64)

    return _from_table(X, given, resp.shape[1], covariance_type, reg_covar, sample_weight, n_threads, None, False)


def parameters_from_labels(
    X: AnyArray,
    labels: IntArray,
    n_components: int,
    covariance_type: str,
    reg_covar: float | FloatArray = 1e-6,
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
    total_scatter: TotalScatter | None = None,
) -> Parameters:
    """The M-step of one-hot responsibilities (eq-one-hot): component labels[i] has all of sample i. Raises as above.

    `total_scatter`, the `gmm.engine.TotalScatter` of the same weighted samples, saves work where there is more than one
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

    return _from_table(
        X, given, n_components, covariance_type, reg_covar, sample_weight, n_threads, total_scatter, True
    )


def parameters_from_centres(
    X: AnyArray,
    centres: FloatArray,
    covariance_type: str,
    reg_covar: float | FloatArray = 1e-6,
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
    total_scatter: TotalScatter | None = None,
) -> Parameters:
    """The M-step of k-means' clusters: a sample goes to its nearest centre. No labels are stored. Raises as above."""
    structure, source, samples = _prepared(X, covariance_type, sample_weight, n_threads, total_scatter)
    centres = (passes.check_centres(samples, centres) - samples.shift) * samples.scale
    # The labels of small data are kept; those of large data are found again, slab by slab.
    labels = np.empty(samples.n_samples if samples.native and passes.fits_a_slab(samples, len(centres)) else 0)
    counts, first = assignments(
        samples, centres, sample_weight=source.sample_weight, n_threads=source.n_threads, labels=labels
    )
    return _from_clusters(structure, source, samples, centres, labels, counts, first, reg_covar)


def parameters_from_kmeans(
    X: AnyArray,
    found: KMeansResult,
    covariance_type: str,
    reg_covar: float | FloatArray = 1e-6,
    sample_weight: FloatArray | None = None,
    n_threads: int | None = None,
    total_scatter: TotalScatter | None = None,
) -> Parameters:
    """The same for what `kmeans` has found in X, whose assignment of small data is used if it was asked for.

    Raises ValueError if that is one of other data.
    """
    if found.assignment is None:
        centres = found.centres
        return parameters_from_centres(X, centres, covariance_type, reg_covar, sample_weight, n_threads, total_scatter)
    structure = structure_of(covariance_type)
    shift, *clusters = found.assignment
    labels = found.assignment.labels
    if np.shape(X) != (labels.size, shift.size):  # the kernels take the labels for those of X as they are
        raise ValueError(f"found is the assignment of data of shape {(labels.size, shift.size)}, X has {np.shape(X)}.")
    source = ArraySource(X, sample_weight, n_threads, total_scatter)
    return _from_clusters(structure, source, source.samples(Units(shift), structure.model), *[*clusters, reg_covar])


def _from_clusters(structure, source, samples, centres, labels, counts, first, reg_covar):
    counts = counts + SMALLEST_COUNT
    means = centres + first / counts[:, None]

    def given(low, high):
        found = labels[low:high] if labels.size else labels_of(samples, low, high, centres)
        return passes.as_given(found, len(centres))

    return _Start(samples, source, structure, given, True).parameters(counts, means, reg_covar)
