"""Samples that come batch by batch: a source that holds one of them at a time, and the order of its sums.

Statistics of parts add, but floating-point sums depend on their order. Here it is that of a fixed binary tree over the
numbers of the batches, so that whoever takes the passes, in whatever order they end, the sum has the same bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm import engine
from gmm._types import AnyArray, FloatArray
from gmm.engine import Tied, passes
from gmm.engine.samples import Samples
from gmm.learning.missing import PatternSource, filled, first_observed, gaussian_of, impute_by
from gmm.learning.sources import ArraySource

if TYPE_CHECKING:
    from gmm.engine import Density, StudentDensity
    from gmm.learning.parameters import Parameters


def tree_sum(parts: Iterable[Any], add: Callable[[Any, Any], Any] = operator.add) -> Any:
    """Sum parts in a fixed binary tree over their numbers 0, 1, …: neighbours first, then neighbours of these sums.

    On each level part 2i is added to part 2i + 1, in this order; one without a neighbour goes up as it is. The tree
    depends on how many parts there are and on nothing else: several workers that each sum one of its branches find the
    same bits.

    Parameters
    ----------
    parts : iterable
        Of whatever adds, such as `Statistics` about the same centres, or arrays. They are taken one after the other,
        and no more than log₂ of their number are held at one time. None stands for a part that is empty.
    add : callable
        ``add(a, b)`` in the place of ``a + b``.

    Returns
    -------
    sum
        None if there is no part but empty ones.

    Examples
    --------
    >>> tree_sum("abcde")  # ((a + b) + (c + d)) + e
    'abcde'
    """
    branches: list[tuple[int, Any]] = []  # (level, sum), of falling levels
    for part in parts:
        level = 0
        while branches and branches[-1][0] == level:
            part, level = merged(branches.pop()[1], part, add), level + 1
        branches.append((level, part))
    total = None
    while branches:
        total = merged(branches.pop()[1], total, add)
    return total


def merged(a, b, add):
    """add(a, b), or the one that is not None."""
    return b if a is None else a if b is None else add(a, b)


def source_of(batch, missing, n_threads, total=None):
    """The source of a batch (X, sample_weight), or None where there is none."""
    if batch is None:
        return None
    return PatternSource(*batch, n_threads) if missing else ArraySource(*batch, n_threads, total)


class _NoScatter:
    """In the place of the total scatter of a batch: that of all samples is added once, to the sum."""

    def __init__(self, reference):
        self.reference = reference

    def of(self, samples, sample_weight):
        return self.reference, np.zeros((len(self.reference), len(self.reference)))


class BatchSource:
    """Samples that can be read batch by batch, as often as there are passes.

    A pass holds one batch and the sums; statistics are those of all samples, added by `tree_sum`.

    Parameters
    ----------
    batches : callable
        Each call begins a pass: it returns an iterable of pairs (X, sample_weight), X (n_samples, n_features) and
        sample_weight (n_samples,) or None, or of None for batches in which nothing takes part. All passes give the
        same. It may have a length, for `watch`.
    n_threads : int, optional
        Within a batch. None stands for `gmm.engine.default_n_threads`; the result is the same to the last bit.
    missing : bool
        Whether values may be NaN, to be integrated out as in `PatternSource`.
    sample : ndarray, optional
        Some of the samples: what starts are drawn from.
    sample_weight : ndarray, optional
        Their weights.
    origin : ndarray of shape (n_features,), optional
        A point near the samples, from which sums are taken: the first value of each feature that is not missing.

    Attributes
    ----------
    watch : callable or None
        ``watch(number, n_batches)`` is called as each batch of a pass begins; they are counted from 1.
    """

    watch = None

    def __init__(
        self,
        batches: Callable[[], Iterable[Any]] | None,
        n_threads: int | None = None,
        missing: bool = False,
        sample: Any = None,
        sample_weight: FloatArray | None = None,
        origin: FloatArray | None = None,
    ) -> None:
        self.batches, self.missing = batches, missing
        self.n_threads = engine.resolve_n_threads(n_threads)
        self.sample, self.sample_weight = sample, sample_weight
        self.total = engine.TotalScatter()  # of `sample`, for the starts
        self._known = {} if origin is None else {"origin": origin}

    def _parts(self, total):
        """A source for each batch, or None where it is empty."""
        for number, batch in enumerate(self.batches(), 1):
            if self.watch is not None:
                self.watch(number, len(self.batches) if hasattr(self.batches, "__len__") else "?")
            yield source_of(batch, self.missing, self.n_threads, total)

    def gather(self, of: Callable[[Any], Any], add: Callable[[Any, Any], Any] = operator.add, total: Any = None) -> Any:
        """Make a pass: of(source) of each batch, added by `tree_sum`.

        Parameters
        ----------
        of : callable
            Of the source of one batch.
        add : callable
        total : optional
            What those sources take for `gmm.engine.TotalScatter`.
        """
        return tree_sum((None if part is None else of(part) for part in self._parts(total)), add)

    def _once(self, name, found):
        """found(), which takes passes, and later what it returned then."""
        if name not in self._known:
            self._known[name] = found()
        return self._known[name]

    @property
    def total_weight(self) -> float:
        """Σ_i w_i, n without weights."""
        return self._once("weight", lambda: float(self.gather(lambda part: part.total_weight)))

    def mean(self) -> FloatArray:
        """Mean of the samples (d,); with missing values that of the one Gaussian that fits what was observed."""
        return self.gaussian.means[0] if self.missing else self._once("mean", self._mean)

    @property
    def origin(self) -> FloatArray:
        """A point near the samples, from which sums are taken (d,)."""
        return self._once("origin", lambda: self.gather(lambda part: first_observed(part.X), filled))

    def _mean(self):
        origin = self.origin
        return origin + self.gather(lambda part: part.total_weight * (part.mean() - origin)) / self.total_weight

    def covariance(self) -> FloatArray:
        """Covariance of the samples (d, d), dividing by the total weight; of missing values as `mean`."""
        if self.missing:
            return self.gaussian.covariances[0]
        return self._once("covariance", lambda: self._total_scatter(self.mean()) / self.total_weight)

    def _total_scatter(self, reference, shift=None, scale=1.0):
        def of(part):
            samples = Samples(part.X, shift, scale)
            return passes.total_scatter(samples, reference, part.sample_weight)

        return self.gather(of)

    @property
    def gaussian(self) -> Parameters:
        """Parameters of the one Gaussian that fits the observed values best, as `PatternSource.gaussian`."""
        return self._once("gaussian", lambda: gaussian_of(self, self.origin))

    def completed(self, rng: Any) -> AnyArray:
        """What starts are drawn from: the sample, what is missing in it drawn as `PatternSource.completed` does."""
        if self.missing and np.isnan(self.sample).any():
            return impute_by(self.gaussian, self.sample, rng, self.n_threads)
        return self.sample

    def statistics(self, density: Density | StudentDensity, centres: FloatArray | None = None) -> Any:
        """Make one pass, as `Source.statistics` says. Cost that of the batches, and K(1 + d + d²) for each of them."""
        about = density.centres if centres is None else np.ascontiguousarray(centres)
        whitened = density.model is Tied and not self.missing and centres is None
        whitened = whitened and isinstance(density, engine.Density) and isinstance(density.compiled(), Tied)
        if not whitened:
            return self.gather(lambda part: part.statistics(density, centres))
        units = density.units
        reference = (self.mean() - units.shift) * units.scale
        key = "scatter", units.scale, units.shift.tobytes()
        scatter = self._once(key, lambda: self._total_scatter(reference, units.shift, units.scale))
        found = self.gather(lambda part: part.statistics(density), total=_NoScatter(reference))
        return found._replace(centres=about, second=scatter + found.second)
