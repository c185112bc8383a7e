"""Where samples come from. A source makes one pass over them and returns `Statistics`: that is all it has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gmm import engine
from gmm._types import AnyArray, FloatArray
from gmm.engine import Density, Full, StudentDensity, Tied, passes
from gmm.engine.samples import NO_WEIGHTS, Samples, as_sample_weight
from gmm.engine.student import Student
from gmm.learning.statistics import Statistics, StudentStatistics

if TYPE_CHECKING:
    from gmm.engine import TotalScatter, Units


class Source(Protocol):
    """Samples, wherever they are."""

    def statistics(self, density: Density | StudentDensity, centres: FloatArray | None = None) -> Statistics:
        """Make one pass.

        Parameters
        ----------
        density : gmm.engine.Density or gmm.engine.StudentDensity
            The mixture, and the units in which it is given. The latter asks for `StudentStatistics`.
        centres : ndarray of shape (n_components, n_features), optional
            What the moments are to be about, in the same units; those of the density if not given. Where the centres
            of the density are far off, moments about new ones lose no digits, at the price of a second pass.
        """


class ArraySource:
    """An array in memory, or mapped into it: read in place whatever its type and layout, by several threads.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Numeric.
    sample_weight : array of shape (n_samples,), optional
        Not negative.
    n_threads : int, optional
        None stands for `gmm.engine.default_n_threads`; the result is the same to the last bit.
    total : gmm.engine.TotalScatter, optional
        That of the same weighted samples, to save work where there are several sources of them.
    """

    def __init__(
        self,
        X: AnyArray,
        sample_weight: FloatArray | None = None,
        n_threads: int | None = None,
        total: TotalScatter | None = None,
    ) -> None:
        self.X = X
        self.sample_weight = NO_WEIGHTS if sample_weight is None else as_sample_weight(sample_weight, len(X))
        self.n_threads = engine.resolve_n_threads(n_threads)
        self.total = engine.TotalScatter() if total is None else total

    @property
    def total_weight(self) -> float:
        """Σ_i w_i, n without weights."""
        return float(self.sample_weight.sum()) if self.sample_weight.size else float(np.shape(self.X)[0])

    def samples(self, units: Units, model: type[Any]) -> Samples:
        """Return the samples as the kernels read them."""
        samples = Samples(self.X, units.shift, units.scale, model)
        if samples.n_features != len(units.shift):
            raise ValueError(f"X has {samples.n_features} features, but the parameters have {len(units.shift)}.")
        return samples

    def mean(self) -> FloatArray:
        """Mean of the samples (d,)."""
        return passes.mean_of(Samples(self.X), self.sample_weight)

    def covariance(self) -> FloatArray:
        """Covariance of the samples about their mean, dividing by the total weight: (d, d). Slab by slab, in NumPy."""
        samples = Samples(self.X)
        mean = passes.mean_of(samples, self.sample_weight)
        return passes.total_scatter(samples, mean, self.sample_weight) / self.total_weight

    def statistics(self, density: Density | StudentDensity, centres: FloatArray | None = None) -> Any:
        """Make one pass, as `Source.statistics` says.

        Cost: n K d² (full), n d (d + K) (tied), n K d (diag, spherical); memory independent of n. Tied components that
        lie far apart cost as much as full ones.
        """
        samples = self.samples(density.units, density.model)
        density = density._replace(centres=passes.check_centres(samples, density.centres))
        options = {"sample_weight": self.sample_weight, "n_threads": self.n_threads}
        weight = self.total_weight
        if isinstance(density, StudentDensity):
            return self._of_student(samples, density, centres, weight, options)
        if centres is not None:
            return self._about(samples, density, np.ascontiguousarray(centres), weight, options)
        model = density.compiled()
        value, counts, first, *second = passes.raw_pass(samples, model, **options)
        about = Statistics(density.model, density.centres, float(value), weight, counts, first, *second or (None,))
        if second and second[0].ndim == 3:
            second = passes.symmetric(second[0])
            return about._replace(second=second if density.model is Full else second.sum(axis=0))
        return self._unwhitened(samples, density, model, about) if isinstance(model, Tied) else about

    def _unwhitened(self, samples, density, model, found):
        """A tied pass gives whitened first moments; the second are the total scatter's: x - c = (x - x₀) - (c - x₀)."""
        reference, scatter = self.total.of(samples, self.sample_weight)
        first = np.linalg.solve(density.factors, found.first.T).T
        offsets = density.centres - reference
        cross = first.T @ offsets
        second = scatter - cross - cross.T - (offsets.T * found.counts) @ offsets
        return found._replace(first=first, second=second)

    def _about(self, samples, density, centres, weight, options):
        """Moments about other centres, with nothing that cancels: each component's own, tied ones too."""
        one = engine.Density(*density[:2], centres, *density[3:])
        model = one.each_by_itself() if density.model is Tied else one.compiled()

        def given(low, high):
            return engine.predict_proba(samples.X[low:high], density, 1)

        counts, first, second = self._moments(samples, model, density, given, options)
        value = engine.log_likelihood(
            self.X, density, self.sample_weight if self.sample_weight.size else None, self.n_threads
        )
        return Statistics(density.model, centres, value, weight, counts, first, second)

    @staticmethod
    def _moments(samples, model, density, given, options):
        """(counts, first, second) of given responsibilities, in the shape of the density's model."""
        _, counts, first, second = passes.raw_pass(samples, model, given=given, **options)
        if second.ndim == 3:
            second = passes.symmetric(second)
            second = second.sum(axis=0) if density.model is Tied else second
        return counts, first, second

    def _of_student(self, samples, density, centres, weight, options):
        """A pass of the t family; tied components each by itself. Moments about other centres take a second pass."""
        single = density.each_by_itself() if density.model is Tied else density
        shapes = Student.statistics_shapes(single.model, *density.centres.shape)
        value, counts, first, second, (masses, tails) = passes.raw_pass(
            samples, single.compiled(), shapes=shapes, **options
        )
        if centres is None:
            centres = density.centres
            if second.ndim == 3:
                second = passes.symmetric(second)
                second = second.sum(axis=0) if density.model is Tied else second
        else:
            centres = np.ascontiguousarray(centres)
            # Of log coefficients of zero the log joint is -q/2.
            flat = Density(density.model, np.zeros(len(centres)), density.centres, density.factors, density.units)
            dof, d = density.dof, centres.shape[1]

            def given(low, high):
                rows = samples.X[low:high]
                squares = -2.0 * engine.weighted_log_prob(rows, flat, 1)
                return engine.predict_proba(rows, density, 1) * (dof + d) / (dof + squares)

            model = Density(single.model, flat.coefficients, centres, single.factors, density.units).compiled()
            masses, first, second = self._moments(samples, model, density, given, options)
        moments = Statistics(density.model, centres, float(value), weight, masses, first, second)
        return StudentStatistics(moments, counts, tails)
