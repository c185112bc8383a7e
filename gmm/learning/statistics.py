"""What one pass over the data returns: the sums from which every M-step is made."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from gmm._types import FloatArray
from gmm.engine import Tied

if TYPE_CHECKING:
    from gmm.engine import Units


class Statistics(NamedTuple):
    """Log-likelihood, counts and moments of samples under a mixture; everything is weighted by the sample weights.

    Statistics of parts of the data, about the same centres, add: ``a + b``; ``0.9 * a`` forgets a tenth of them.

    Attributes
    ----------
    model : type
        The engine's model whose pass they come from; it says what shape `second` has.
    centres : ndarray of shape (n_components, n_features)
        What the moments are about, c_k.
    log_likelihood : float
        Σ_i w_i log Σ_k exp(log joint), natural logarithm, total.
    total_weight : float
        Σ_i w_i, the number of samples where they have no weights.
    counts : ndarray of shape (n_components,)
        N_k = Σ_i w_i r_ik.
    first : ndarray of shape (n_components, n_features)
        Σ_i w_i r_ik (x_i - c_k).
    second : ndarray
        Full: (K, d, d), Σ_i w_i r_ik (x_i - c_k)(x_i - c_k)ᵀ. Tied: (d, d), the same summed over k. Diagonal: (K, d),
        Σ_i w_i r_ik (x_ij - c_kj)². Spherical: (K,), Σ_i w_i r_ik |x_i - c_k|².
    """

    model: type[Any]
    centres: FloatArray
    log_likelihood: float
    total_weight: float
    counts: FloatArray
    first: FloatArray
    second: FloatArray

    def __add__(self, other: Any) -> Statistics:
        if not isinstance(other, Statistics):
            return NotImplemented
        if self.model is not other.model or not np.array_equal(self.centres, other.centres):
            raise ValueError(
                "statistics about different centres do not add: move one of them to the other's with "
                "`about(other.centres)`"
            )
        sums = map(operator.add, self[2:], other[2:])
        return Statistics(*self[:2], *sums)

    def __radd__(self, other: Any) -> Statistics:  # sum() begins with 0
        return self if other == 0 else NotImplemented

    def __rmul__(self, factor: Any) -> Statistics:
        return Statistics(*self[:2], *(factor * mine for mine in self[2:]))

    def __mul__(self, factor: Any) -> Statistics:
        return factor * self

    def about(self, centres: FloatArray) -> Self:
        """Return the statistics with their moments about other centres (K, d).

        With e = c' - c: S1' = S1 - N e and S2' = S2 - S1 eᵀ - e S1ᵀ + N e eᵀ. For e = S1 / N, the step to the new
        means, S2' is the scatter about these. Cost O(K d²), or O(K d) where `second` has no matrices.
        """
        step = centres - self.centres
        counts, first = self.counts[:, None], self.first
        moved = first - counts * step
        # -S1 eᵀ - e (S1 - N e)ᵀ: the second half vanishes where the first moments do.
        if self.model is Tied:
            second = self.second - first.T @ step - step.T @ moved
        elif self.second.ndim == 3:
            second = self.second - first[:, :, None] * step[:, None, :] - step[:, :, None] * moved[:, None, :]
        else:
            change = (first + moved) * step
            second = self.second - (change if self.second.ndim == 2 else change.sum(axis=1))
        return self._replace(centres=centres, first=moved, second=second)

    def in_units(self, units: Units) -> Self:
        """Return the statistics of the same samples in the kernels' units, x' = (x - shift) scale."""
        if units.plain:
            return self
        centres = (self.centres - units.shift) * units.scale
        return self._scaled(centres, units.scale, -units.log_unit)

    def from_units(self, units: Units) -> Self:
        """Return them in the units of X again."""
        if units.plain:
            return self
        return self._scaled(self.centres / units.scale + units.shift, 1.0 / units.scale, units.log_unit)

    def _scaled(self, centres, scale, log_unit):
        return self._replace(
            centres=centres, log_likelihood=self.log_likelihood + log_unit * self.total_weight,
            first=self.first * scale, second=self.second * scale * scale,
        )  # fmt: skip

    def components(self, chosen: Any) -> Self:
        """Return the statistics of these components, in this order; what they share stays."""
        second = self.second if self.model is Tied else self.second[chosen]
        return self._replace(
            centres=self.centres[chosen], counts=self.counts[chosen], first=self.first[chosen], second=second
        )

    def averaged(self, new: Statistics, step: float) -> Statistics:
        """Return (1 - γ) of these and γ of new ones, each a sample as sums of samples again.

        How many these are worth is the effective size of a weighted mean: with γ_t = 1/t of batches of n samples it is
        their number t n; with a constant γ it tends to n (2 - γ) / γ.

        Parameters
        ----------
        new : Statistics
            About other centres, perhaps: the result is about these.
        step : float
            γ, from 0 to 1.
        """
        old, n, n_new = self.about(new.centres), self.total_weight, new.total_weight
        size = 1.0 / ((1.0 - step) ** 2 / n + step**2 / n_new)
        return (size * (1.0 - step) / n) * old + (size * step / n_new) * new


class StudentStatistics(NamedTuple):
    """What one pass of the t family returns; everything is weighted by the sample weights.

    Attributes
    ----------
    moments : Statistics
        With the weights r_ik u_ik: `counts` are M_k = Σ_i w_i r_ik u_ik, and so are the moments.
    counts : ndarray of shape (n_components,)
        N_k = Σ_i w_i r_ik.
    tails : ndarray of shape (n_components,)
        Σ_i w_i r_ik log(1 + q_ik / ν_k); of samples with missing values the sum with which the equation for ν has d in
        the place of the number of their observed features.
    """

    moments: Statistics
    counts: FloatArray
    tails: FloatArray

    @property
    def log_likelihood(self) -> float:
        return self.moments.log_likelihood

    @property
    def total_weight(self) -> float:
        return self.moments.total_weight

    def __add__(self, other: Any) -> StudentStatistics:
        if not isinstance(other, StudentStatistics):
            return NotImplemented
        return StudentStatistics(*map(operator.add, self, other))

    def __radd__(self, other: int) -> StudentStatistics:  # sum() begins with 0
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def gaussian(self) -> Statistics:
        """Return the statistics of which a Gaussian M-step makes that of the t mixture (eq-student-m-step).

        With S1 N / M it takes the step S1 / M, and of S2 + (N - M) δ δᵀ it takes N δ δᵀ away.
        """
        moments, shape = self.moments, self.moments.first.shape
        ratio = np.divide(self.counts, moments.counts, where=moments.counts > 0.0, out=np.zeros(shape[0]))
        first = moments.first * ratio[:, None]
        steps = np.divide(first, self.counts[:, None], where=self.counts[:, None] > 0.0, out=np.zeros(shape))
        excess = self.counts - moments.counts
        if moments.model is Tied:
            more = (steps.T * excess) @ steps
        elif moments.second.ndim == 3:
            more = excess[:, None, None] * steps[:, :, None] * steps[:, None, :]
        else:
            more = excess[:, None] * steps**2
            more = more if moments.second.ndim == 2 else more.sum(axis=1)
        return moments._replace(counts=self.counts, first=first, second=moments.second + more)
