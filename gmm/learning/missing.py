"""Samples with missing values: a source that integrates them out, and the one Gaussian that fits what was observed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm import engine
from gmm._types import AnyArray, FloatArray
from gmm.engine import StudentDensity, Units
from gmm.engine.missing import Patterns, impute, statistics
from gmm.engine.samples import NO_WEIGHTS, as_sample_weight
from gmm.learning.climb import climb
from gmm.learning.parameters import make_parameters
from gmm.learning.statistics import Statistics, StudentStatistics
from gmm.learning.steps import MaximumLikelihood

if TYPE_CHECKING:
    from gmm.engine import Density
    from gmm.learning.parameters import Parameters

# Of the one Gaussian: what is added to each variance, as a part of it, and when its EM ends.
RIDGE, TOL, MAX_ITER = 1e-6, 1e-6, 200


class PatternSource:
    """An array in memory with NaN where a value is missing. What is missing is integrated out.

    The log-likelihood is that of the observed values, Σ_i w_i log p(x_i,o), and the moments are the expected ones of
    whole samples given these, so that every step climbs the likelihood of what was observed. That supposes values to be
    *missing at random*: whether a value is missing may depend on what was observed, not on the value itself.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        A float64 copy is taken, ordered by pattern.
    sample_weight : array of shape (n_samples,), optional
        Not negative.
    n_threads : int, optional
        None stands for `gmm.engine.default_n_threads`; the result is the same to the last bit.
    """

    def __init__(self, X: AnyArray, sample_weight: FloatArray | None = None, n_threads: int | None = None) -> None:
        self.X = X
        self.patterns = Patterns(X)
        weights = NO_WEIGHTS if sample_weight is None else as_sample_weight(sample_weight, len(X))
        self.sample_weight = weights
        self._ordered_weight = weights[self.patterns.order] if weights.size else weights
        self.n_threads = engine.resolve_n_threads(n_threads)
        self.total = engine.TotalScatter()  # of completed samples, for the starts

    @property
    def total_weight(self) -> float:
        """Σ_i w_i, n without weights."""
        return float(self.sample_weight.sum()) if self.sample_weight.size else float(self.patterns.n_samples)

    def statistics(self, density: Density | StudentDensity, centres: FloatArray | None = None) -> Any:
        """Make one pass, as `Source.statistics` says.

        Cost: that of complete samples, and K d³ for each pattern (full; d³ tied, K d diag and spherical). The moments
        of shared covariances are gathered for each component.
        """
        n_features = density.centres.shape[1]
        if n_features != self.patterns.values.shape[1]:
            raise ValueError(f"X has {self.patterns.values.shape[1]} features, but the parameters have {n_features}.")
        density = density._replace(centres=np.ascontiguousarray(density.centres))
        about = density.centres if centres is None else np.ascontiguousarray(centres)
        value, counts, *moments = statistics(self.patterns, density, self._ordered_weight, about, self.n_threads)
        if isinstance(density, StudentDensity):
            first, second, (masses, tails) = moments
            of_scales = Statistics(density.model, about, value, self.total_weight, masses, first, second)
            return StudentStatistics(of_scales, counts, tails)
        return Statistics(density.model, about, value, self.total_weight, counts, *moments)

    @cached_property
    def gaussian(self) -> Parameters:
        """Parameters of the one Gaussian that fits the observed values best, with a millionth of each variance added.

        Features that are never observed together stay uncorrelated given the others: of them the likelihood does not
        tell.
        """
        return gaussian_of(self, first_observed(self.X))

    def gather(self, of: Callable[[Any], Any], add: Callable[[Any, Any], Any] | None = None) -> Any:
        """of(self): samples that are one part, as `BatchSource.gather` has many."""
        return of(self)

    def mean(self) -> FloatArray:
        """Mean of the samples, that of `gaussian`."""
        return self.gaussian.means[0]

    def covariance(self) -> FloatArray:
        """Covariance of the samples, that of `gaussian`."""
        return self.gaussian.covariances[0]

    def completed(self, rng: Any) -> AnyArray:
        """The samples (n, d) with what is missing drawn from its distribution under `gaussian`, given the rest.

        This is where starts are taken from. Each row counts by its observed values alone, a correlated feature tells of
        one that is missing, and the completed data have the covariance of `gaussian`: filled with means they would be
        flat where much is missing.
        """
        return impute_by(self.gaussian, self.X, rng, self.n_threads)


def impute_by(gaussian, X, rng, n_threads):
    """X with what is missing drawn from its distribution under one Gaussian, given the rest."""
    return impute(X, gaussian.density(Units(np.zeros(gaussian.n_features))), rng, n_threads)


def gaussian_of(source, origin):
    """The one Gaussian that fits the observed values of a source best, with a millionth of each variance added.

    EM from the mean and the variance of the observed values of each feature, as differences from `origin`.
    """
    counts, first = source.gather(lambda part: _observed_sums(part, origin, 1))
    middle = origin + first / counts
    variances = source.gather(lambda part: _observed_sums(part, middle, 2))[1] / counts
    largest = variances.max()
    ridge = RIDGE * np.where(variances > 0.0, variances, largest if largest > 0.0 else 1.0)
    start = make_parameters(np.ones(1), middle[None], np.diag(variances + ridge)[None], "full")
    return climb(source, MaximumLikelihood(ridge), start, tol=TOL, max_iter=MAX_ITER).state


def first_observed(X: AnyArray) -> FloatArray:
    """The first value of each feature that is not missing (d,), NaN where all are."""
    rows = np.asarray(X)
    first = rows[0].astype(np.float64)
    if not np.isnan(first).any():
        return first
    at = np.argmin(np.isnan(rows), axis=0)
    return rows[at, np.arange(rows.shape[1])].astype(np.float64)


def filled(values: AnyArray, others: AnyArray) -> AnyArray:
    """`values` (d,), those of `others` where they are NaN."""
    return np.where(np.isnan(values), others, values)


def _observed_sums(part, about, power):
    """(Σ w, Σ w (x - about)^power) over the observed values of each feature, (2, d)."""
    differences, weights = np.asarray(part.X, dtype=np.float64) - about, part.sample_weight
    seen = ~np.isnan(differences)
    powers = np.where(seen, differences, 0.0) ** power
    return np.array((weights @ seen, weights @ powers) if weights.size else (seen.sum(axis=0), powers.sum(axis=0)))
