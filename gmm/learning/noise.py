"""A component of constant density for samples that belong to no group (Banfield & Raftery 1993).

Its density is 1 / V with V the volume of a box around the data. It has no parameter but its weight, so that EM with it
is EM without it on samples whose responsibilities sum to less than one: `Noisy` makes any step of a Gaussian mixture
one with noise. In the pass it is one more component with a factor of zero, whose log joint is its coefficient.

References
----------
Banfield, J. D. and Raftery, A. E. (1993), Model-based Gaussian and non-Gaussian clustering, Biometrics 49.
Fraley, C. and Raftery, A. E. (2002), Model-based clustering, discriminant analysis, and density estimation, Journal of
the American Statistical Association 97.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gmm._types import AnyArray, FloatArray
from gmm.engine import Tied
from gmm.engine.samples import SLAB_VALUES
from gmm.learning.missing import first_observed
from gmm.learning.steps import MaximumLikelihood, _counts

if TYPE_CHECKING:
    from gmm.engine import Bouts, Units
    from gmm.learning.batches import BatchSource
    from gmm.learning.parameters import Parameters
    from gmm.learning.sources import Source
    from gmm.learning.statistics import Statistics

FLAT = 1e-12  # an eigenvalue of the correlation matrix below this is one of rounding
CLOSER = 1e-12  # the principal axes are taken where their box is smaller by more than this, relative


class Box(NamedTuple):
    """Where noise is: all x = centre + axes @ t with ``|t_j| ≤ widths_j / 2``.

    Attributes
    ----------
    centre : ndarray of shape (n_features,)
    axes : ndarray of shape (n_features, n_features)
        Orthogonal; its columns are the directions of the edges.
    widths : ndarray of shape (n_features,)
        Lengths of the edges, in the units of the data.
    """

    centre: FloatArray
    axes: FloatArray
    widths: FloatArray

    @property
    def log_volume(self) -> float:
        """log V, natural logarithm; -inf for a box without a width."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.widths).sum())

    def with_log_volume(self, log_volume: float) -> Box:
        """Return the box of this volume with the same centre and shape."""
        return self._replace(widths=self.widths * math.exp((log_volume - self.log_volume) / len(self.widths)))

    def sample(self, n_samples: int, rng: Any) -> FloatArray:
        """Draw points uniformly from the box: (n_samples, n_features)."""
        t = rng.uniform(-0.5, 0.5, size=(n_samples, len(self.widths)))
        return self.centre + (t * self.widths) @ self.axes.T


def _extent(X, origin, axes=None):
    """Smallest and largest coordinates of the samples about `origin`, slab by slab; NaN is passed over."""
    if hasattr(X, "gather"):
        return X.gather(lambda part: _extent(part.X, origin, axes), _around_both)
    low, high = np.full(len(origin), np.inf), np.full(len(origin), -np.inf)
    step = max(1, SLAB_VALUES // len(origin))
    for start in range(0, X.shape[0], step):
        rows = X[start : start + step] - origin
        rows = rows if axes is None else rows @ axes
        low, high = np.fmin(low, np.fmin.reduce(rows)), np.fmax(high, np.fmax.reduce(rows))
    return low, high


def _around_both(a, b):
    return np.fmin(a[0], b[0]), np.fmax(a[1], b[1])


def _origin(X):
    """A point that is not far from the samples of an array or of a `BatchSource`."""
    return X.origin if hasattr(X, "origin") else first_observed(X)


def box_along_features(X: AnyArray | BatchSource) -> Box:
    """The box of the observed values (n_samples, n_features), NaN where one is missing, in given axes.

    Of its uniform density the marginals are uniform too; in other axes they are not.
    """
    origin = _origin(X)
    low, high = _extent(X, origin)
    return Box(origin + 0.5 * (low + high), np.eye(len(origin)), high - low)


def bounding_boxes(X: AnyArray | BatchSource, covariance: FloatArray) -> list[Box]:
    """The boxes of the samples in given and in principal axes, the smaller first (eq-hypervolume).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), or gmm.learning.BatchSource
    covariance : ndarray of shape (n_features, n_features)
        Of the samples: its eigenvectors are the principal axes.

    Returns
    -------
    list of Box
        The first alone where the data lie in a plane or a feature is constant: the other has no volume but rounding.
    """
    origin = _origin(X)
    low, high = _extent(X, origin)
    boxes = [Box(origin + 0.5 * (low + high), np.eye(len(origin)), high - low)]
    deviations = np.sqrt(np.diagonal(covariance))
    if len(origin) == 1 or not (np.isfinite(covariance).all() and (deviations > 0.0).all()):
        return boxes
    if np.linalg.eigvalsh(covariance / deviations[:, None] / deviations)[0] <= FLAT:
        return boxes
    axes = np.linalg.eigh(covariance)[1]
    low, high = _extent(X, origin, axes)
    principal = Box(origin + axes @ (0.5 * (low + high)), axes, high - low)
    first = principal.log_volume < boxes[0].log_volume - CLOSER
    return [principal, *boxes] if first else [*boxes, principal]


class Noisy(MaximumLikelihood):
    """Another step for a mixture with a noise component: π₀ = N₀ / N, the others share the rest.

    States are `Parameters` with `noise`. Statistics have one component more, the last, whose moments mean nothing.

    Parameters
    ----------
    step : MaximumLikelihood or another step on `Parameters`
        Its weights must be free.
    """

    def __init__(self, step: Any) -> None:
        super().__init__(step.reg_covar)
        self.step = step

    def in_units(self, units: Units) -> Noisy:
        return self if units.plain else Noisy(self.step.in_units(units))

    def penalty(self, state: Any) -> float:
        return self.step.penalty(state)

    def means(self, state: Any, statistics: Any) -> FloatArray:
        """The means, and as the last row the centre of the noise, from which nothing is measured."""
        return np.concatenate([self.step.means(state, self.of_groups(state, statistics)), statistics.centres[-1:]])

    @staticmethod
    def of_groups(state: Parameters, statistics: Statistics) -> Statistics:
        """Return the statistics without the noise component, in the shape of the structure's own pass."""
        second = statistics.second[:-1]
        model = state.structure.model
        return statistics._replace(
            model=model, centres=statistics.centres[:-1], counts=statistics.counts[:-1], first=statistics.first[:-1],
            second=second.sum(axis=0) if model is Tied else second,
        )  # fmt: skip

    def update(self, state: Any, statistics: Any) -> Any:
        counts = _counts(statistics)
        share = float(counts[-1] / counts.sum())
        noise = state.noise._replace(weight=share)
        if not counts[:-1].any():  # no sample belongs to any group
            return state._replace(weights=np.zeros_like(state.weights), noise=noise)
        new = self.step.update(state, self.of_groups(state, statistics))
        return new._replace(weights=counts[:-1] / counts.sum(), noise=noise)

    def bouts(self, source: Source, state: Any, units: Units) -> Bouts | None:
        return None
