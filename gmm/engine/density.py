"""What a pass over the data knows of a mixture, and the units in which it counts."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from gmm._types import FloatArray
from gmm.engine.full import Full
from gmm.engine.samples import NO_TABLE, shift_of_far_data
from gmm.engine.tied import TOO_FAR, Tied

# Squares of values beyond 2**±256 come near the ends of float64's range.
LARGEST_EXPONENT = 256


class Units(NamedTuple):
    """The kernels' units: x' = (x - shift) * scale. The scale is a power of two, so that it rounds nothing."""

    shift: FloatArray
    scale: float = 1.0
    plain: bool = True  # whether these are X's own units

    @classmethod
    def around(cls, middle: FloatArray, spread: FloatArray) -> Self:
        """Units for data of this spread (d,) around this middle (d,): X's own, unless they are far off or extreme."""
        exponent = math.frexp(float(spread.max()))[1]
        scale = math.ldexp(1.0, -exponent) if abs(exponent) > LARGEST_EXPONENT else 1.0
        shift = shift_of_far_data(middle, spread)
        return cls(shift, scale, scale == 1.0 and not np.count_nonzero(shift))

    @property
    def log_unit(self) -> float:
        """What to add to the log-likelihood of a sample in these units to have it in those of X."""
        return self.shift.size * math.log(self.scale)


class Density(NamedTuple):
    """A mixture as the kernels see it.

    The log joint of sample i and component k is coefficients[k] - |W_k (x_i - c_k)|² / 2: nothing else is added, so
    that a penalised or variational model puts what it needs into coefficients and factors.

    model : Full, Diagonal, Spherical or Tied: which pass is made
    coefficients : (K,), natural logarithm; -inf switches a component off
    centres : (K, d), in `units`
    factors : W, lower triangular (Full (K, d, d), Tied (d, d)), or 1 / σ (Diagonal (K, d), Spherical (K,)), in `units`
    units : what samples are taken to before anything else
    flat_widths : (d,), in units of X: the last component, whose factor is zero, is the constant density of a box with
        edges of these lengths along the features; for samples with missing values, which see a face of it
    """

    model: type[Any]
    coefficients: FloatArray
    centres: FloatArray
    factors: FloatArray
    units: Units
    flat_widths: FloatArray | None = None

    def compiled(self) -> Any:
        """The kernels' model.

        Where the components of a tied one lie so far apart that differences of whitened samples would cancel, it is
        that of full ones, with the factor once per component: K times the work.
        """
        if self.model is not Tied:
            return self.model.of(self.coefficients, self.centres, self.factors)
        in_use = np.isfinite(self.coefficients)
        in_use |= not in_use.any()
        with np.errstate(over="ignore", invalid="ignore"):
            reference = self.centres[in_use].mean(axis=0)
            whitened = np.ascontiguousarray((self.centres - reference) @ self.factors.T)
            # As `tied.far_apart`, but the largest component rather than the average: the counts are unknown.
            close = np.max(np.einsum("kj,kj->k", whitened, whitened)[in_use]) <= TOO_FAR
        if close:
            return Tied(self.coefficients, whitened, self.factors, reference, NO_TABLE)
        return self.each_by_itself()

    def each_by_itself(self) -> Any:
        """A tied model as a full one."""
        factors = np.ascontiguousarray(np.broadcast_to(self.factors, Full.shape(*self.centres.shape)))
        return Full.of(self.coefficients, self.centres, factors)
