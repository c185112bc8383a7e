"""A mixture's parameters with their factors, and the ways to come by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from gmm._types import FloatArray
from gmm.engine import Density, Full, Tied, Units
from gmm.engine.small_algebra import LOG_2PI
from gmm.learning.structures import CovarianceError, structure_of

if TYPE_CHECKING:
    from gmm.learning.structures import Structure


class Noise(NamedTuple):
    """A component of constant density beside the Gaussian ones (see `gmm.learning.noise`).

    weight : its mixing weight π₀
    log_density : -log V, natural logarithm, per sample
    n_parameters : free parameters: its weight, and its volume where that comes from the data
    widths : (d,), in units of X: the edges of its box where these lie along the features, for missing values
    """

    weight: float
    log_density: float
    n_parameters: int = 1
    widths: FloatArray | None = None


class Parameters(NamedTuple):
    """Weights (K,), means (K, d), covariances in the structure's shape and precisions_cholesky in its `factor_shape`.

    precisions_cholesky follows scikit-learn: P upper triangular with Σ⁻¹ = P Pᵀ, or 1 / σ (diag, spherical). With
    `noise` the weights sum to one less its weight.
    """

    covariance_type: str
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    precisions_cholesky: FloatArray
    noise: Noise | None = None

    @property
    def structure(self) -> Structure:
        return structure_of(self.covariance_type)

    @property
    def n_components(self) -> int:
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        return self.means.shape[1]

    @property
    def matrices(self) -> FloatArray:
        """The covariance matrix of each component, (K, d, d)."""
        return self.structure.matrices(self.covariances, *self.means.shape)

    @property
    def n_parameters(self) -> int:
        """The number of free parameters p (eq-parameter-count)."""
        n_components, n_features = self.means.shape
        more = 0 if self.noise is None else self.noise.n_parameters
        return self.structure.n_parameters(*self.means.shape) + n_components * n_features + n_components - 1 + more

    def density(self, units: Units | None = None) -> Density:
        """Return the mixture as the engine takes it: log coefficients log π_k - d/2 log 2π + log det W_k.

        The parameters are in these units already; None stands for those of X. Noise is the last component.
        """
        structure, n_features = self.structure, self.n_features
        factors = structure.transposed(structure.pack(self.precisions_cholesky))
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        coefficients = log_weights - 0.5 * n_features * LOG_2PI + structure.log_det(factors, n_features)
        units = Units(np.zeros(n_features)) if units is None else units
        density = Density(structure.model, coefficients, np.ascontiguousarray(self.means), factors, units)
        return density if self.noise is None else self._with_noise(density)

    def _with_noise(self, density):
        """One component more: log π₀ - log V and a factor of zero, about the origin, where no difference overflows.

        A shared factor cannot be zero for one component, so that tied covariances are taken as full ones.
        """
        shared = density.model is Tied
        factors = np.repeat(density.factors[None], self.n_components, axis=0) if shared else density.factors
        with np.errstate(divide="ignore"):
            coefficient = np.log(self.noise.weight) + self.noise.log_density
        return density._replace(
            model=Full if shared else density.model,
            coefficients=np.append(density.coefficients, coefficient),
            centres=np.concatenate([density.centres, np.zeros((1, self.n_features))]),
            factors=np.concatenate([factors, np.zeros((1, *factors.shape[1:]))]),
            flat_widths=self.noise.widths,
        )

    def without_noise(self) -> Self:
        """Return the Gaussian components alone, their weights scaled to sum to one."""
        if self.noise is None:
            return self
        total = self.weights.sum()
        weights = self.weights / total if total > 0.0 else np.full(self.n_components, 1.0 / self.n_components)
        return self._replace(weights=weights, noise=None)

    def components(self, chosen: Any) -> Self:
        """Return the parameters of these components, in this order; the weights as they are."""
        structure = self.structure
        factors = self.precisions_cholesky
        return self._replace(
            weights=self.weights[chosen],
            means=self.means[chosen],
            covariances=self.covariances[chosen] if structure.separate else self.covariances.copy(),
            precisions_cholesky=factors.copy() if factors.ndim == 2 and structure.model is Tied else factors[chosen],
        )

    def units(self) -> Units:
        """Return units in which neither means nor squares lose digits."""
        variances = self.structure.variances(self.covariances, self.n_components)
        with np.errstate(over="ignore"):
            middle = self.without_noise().weights @ self.means
            widths = np.sqrt(variances if variances.ndim == 1 else np.maximum.reduce(variances))
            return Units.around(middle, np.maximum.reduce(np.abs(self.means - middle)) + widths)

    def in_units(self, units: Units) -> Self:
        """Return the same mixture in the kernels' units."""
        if units.plain:
            return self
        covariances = self.covariances * units.scale * units.scale
        return self._replace(
            noise=self._noise_times(-units.log_unit),
            means=(self.means - units.shift) * units.scale,
            covariances=covariances,
            precisions_cholesky=self.precisions_cholesky / units.scale,
        )

    def from_units(self, units: Units) -> Self:
        """Return it in the units of X again."""
        if units.plain:
            return self
        return self._replace(
            noise=self._noise_times(units.log_unit),
            means=self.means / units.scale + units.shift,
            covariances=self.covariances / units.scale / units.scale,
            precisions_cholesky=self.precisions_cholesky * units.scale,
        )

    def _noise_times(self, log_factor):
        """The noise with its density multiplied: a volume of one in these units is another in those."""
        if self.noise is None:
            return None
        return self.noise._replace(log_density=self.noise.log_density + log_factor)


def _checked(weights, means, matrices, covariance_type, name, shape_of):
    means = np.array(means, dtype=np.float64, order="C")
    if means.ndim != 2 or means.size == 0:
        raise ValueError(f"means must have shape (K, d), got {means.shape}.")
    weights = np.array(weights, dtype=np.float64)
    if weights.shape != (means.shape[0],):
        raise ValueError(f"weights must have shape ({means.shape[0]},), got {weights.shape}.")
    matrices = np.array(matrices, dtype=np.float64, order="C")
    shape = shape_of(*means.shape)
    if matrices.shape != shape:
        raise ValueError(f"{name} must have shape {shape} for {covariance_type!r}, got {matrices.shape}.")
    return weights, means, matrices


def make_parameters(
    weights: FloatArray, means: FloatArray, covariances: FloatArray, covariance_type: str
) -> Parameters:
    """Parameters from covariances, copied and factorised.

    Raises ValueError for shapes that do not fit, CovarianceError for a matrix that is not positive definite. Cost O(K
    d³).
    """
    structure = structure_of(covariance_type)
    weights, means, covariances = _checked(weights, means, covariances, covariance_type, "covariances", structure.shape)
    structure.check(covariances, "covariances")
    factors = structure.transposed(structure.factors(covariances, len(weights)))
    return Parameters(covariance_type, weights, means, covariances, structure.unpack(factors, *means.shape).copy())


def parameters_from_precisions(
    weights: FloatArray, means: FloatArray, precisions: FloatArray, covariance_type: str
) -> Parameters:
    """Parameters from precision matrices Σ⁻¹, shaped as `precisions_cholesky`; raises as `make_parameters`.

    Λ = P Pᵀ with P upper triangular: the ordinary Cholesky factor of Λ with its rows and columns in reverse order.
    """
    structure = structure_of(covariance_type)
    model = structure.model
    weights, means, precisions = _checked(
        weights, means, precisions, covariance_type, "precisions", structure.factor_shape
    )
    structure.check(precisions, "precisions")
    precisions = structure.pack(precisions)
    if model not in (Full, Tied):
        bad = ~((precisions > 0.0) & np.isfinite(precisions))
        if bad.any():
            component = int(np.argmax(bad.any(axis=1) if bad.ndim == 2 else bad))
            raise CovarianceError(f"The precision of component {component} is not positive.", component)
        return _kept(structure, weights, means, 1.0 / precisions, np.sqrt(precisions))
    matrices = precisions if model is Full else precisions[None]
    factors = np.empty_like(matrices)
    covariances = np.empty_like(matrices)
    for k, matrix in enumerate(matrices):
        try:
            upper = np.linalg.cholesky(matrix[::-1, ::-1])[::-1, ::-1]
        except np.linalg.LinAlgError:
            component = -1 if model is Tied else k
            raise CovarianceError(
                f"The precision matrix of component {component} is not positive definite.", component
            ) from None
        factors[k] = upper
        inverse = np.linalg.solve(upper, np.eye(len(upper)))
        covariances[k] = inverse.T @ inverse
    if model is Tied:
        factors, covariances = factors[0], covariances[0]
    return _kept(structure, weights, means, covariances, factors)


def _kept(structure, weights, means, expanded, factors):
    """Parameters of covariances in the shape of the model's factors, which need not be that of the structure."""
    covariances = structure.contract(expanded, *means.shape)
    if covariances.shape == structure.shape(*means.shape):
        return Parameters(structure.name, weights, means, covariances, structure.unpack(factors, *means.shape))
    covariances = structure.m_step(expanded, np.ones(len(weights)), means.shape[1])
    return make_parameters(weights, means, covariances, structure.name)


def precisions(parameters: Parameters) -> FloatArray:
    """Σ⁻¹ in the shape of `precisions_cholesky`: P Pᵀ."""
    factor = parameters.precisions_cholesky
    if parameters.structure.holds_matrices:
        return factor @ np.swapaxes(factor, -1, -2)
    return factor**2
