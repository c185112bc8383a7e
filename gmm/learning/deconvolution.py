"""Samples with measurement errors of known covariance: a source whose moments are those of the true values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gmm import engine
from gmm._types import AnyArray, FloatArray
from gmm.engine.deconvolution import statistics
from gmm.learning.missing import PatternSource
from gmm.learning.sources import ArraySource
from gmm.learning.statistics import Statistics

if TYPE_CHECKING:
    from gmm.engine import Density


class DeconvolutionSource:
    """An array in memory and, for each sample, the covariance of its measurement error.

    The log-likelihood is that of the measured values, Σ_i w_i log Σ_k π_k N(x_i | μ_k, Σ_k + S_i), and the moments are
    the expected ones of the true values given these (eq-deconvolution-density, eq-deconvolution-posterior). An M-step
    wants no more, of whatever structure, prior or fixed part it is: every step climbs this likelihood. Values that are
    missing are integrated out as in `PatternSource`.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        A float64 copy is taken unless it is a C-ordered one; NaN where a value is missing.
    error_covariances : array of shape (n_samples or 1, n_features) or (n_samples or 1, n_features, n_features)
        Variances or symmetric positive semi-definite matrices, of each sample or of all, in squared units of X.
    sample_weight : array of shape (n_samples,), optional
        Not negative.
    n_threads : int, optional
        None stands for `gmm.engine.default_n_threads`; the result is the same to the last bit.

    Notes
    -----
    A pass costs n K d³, or n K d² where all errors have one covariance and n K d where neither these nor the mixture
    have covariances other than variances.

    References
    ----------
    Bovy, J., Hogg, D. W. and Roweis, S. T. (2011), Extreme deconvolution: inferring complete distribution functions
    from noisy, heterogeneous and incomplete observations, Annals of Applied Statistics 5.
    """

    def __init__(
        self,
        X: AnyArray,
        error_covariances: FloatArray,
        sample_weight: FloatArray | None = None,
        n_threads: int | None = None,
    ) -> None:
        gaps = np.isnan(X).any()
        self.measured = (PatternSource if gaps else ArraySource)(X, sample_weight, n_threads)
        self.X = np.ascontiguousarray(X, dtype=np.float64)
        self.errors = np.ascontiguousarray(error_covariances, dtype=np.float64)
        self.sample_weight, self.total = self.measured.sample_weight, self.measured.total
        self.n_threads = engine.resolve_n_threads(n_threads)

    @property
    def total_weight(self) -> float:
        """Σ_i w_i, n without weights."""
        return self.measured.total_weight

    def statistics(self, density: Density, centres: FloatArray | None = None) -> Statistics:
        """Make one pass, as `Source.statistics` says."""
        density = density._replace(centres=np.ascontiguousarray(density.centres))
        about = density.centres if centres is None else np.ascontiguousarray(centres)
        found = statistics(self.X, self.errors, density, self.sample_weight, about, self.n_threads)
        return Statistics(density.model, about, found[0], self.total_weight, *found[1:])

    def mean(self) -> FloatArray:
        """Mean of the measured values."""
        return self.measured.mean()

    def covariance(self) -> FloatArray:
        """Covariance of the measured values, errors included."""
        return self.measured.covariance()

    def completed(self, rng: Any) -> AnyArray:
        """The measured values, as `PatternSource.completed` completes them where some are missing."""
        return self.measured.completed(rng) if isinstance(self.measured, PatternSource) else self.measured.X
