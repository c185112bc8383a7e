"""What is learnt from the statistics of a pass. A step makes the next state of a fit from them: the M-step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from gmm._types import BoolArray, FloatArray
from gmm.engine import Bouts, Full, Tied
from gmm.engine.small_algebra import DEAD
from gmm.learning.parameters import Parameters
from gmm.learning.sources import ArraySource, Source
from gmm.learning.structures import scatter_of

if TYPE_CHECKING:
    from gmm.engine import Density, StudentDensity, Units
    from gmm.learning.structures import Structure


class Step(Protocol):
    """A way to learn."""

    def density(self, state: Any, units: Units) -> Density | StudentDensity:
        """Return the `gmm.engine.Density` that the pass needs."""

    def update(self, state: Any, statistics: Any) -> Any:
        """Return the next state; raises CovarianceError where a covariance becomes singular."""

    def penalty(self, state: Any) -> float:
        """Return what is added to the log-likelihood to have the value that never falls; natural logarithm, total."""

    def means(self, state: Any, statistics: Any) -> FloatArray:
        """Return the means that `update` would give: what a second look takes its moments about."""

    def in_units(self, units: Units) -> Step:
        """Return the same step for samples in the kernels' units, x' = (x - shift) scale."""

    def bouts(self, source: Source, state: Any, units: Units) -> Bouts | None:
        """Return compiled iterations of this step, or None where there are none for this source."""


class MaximumLikelihood:
    """The M-step of a Gaussian mixture (eq-m-step), with a ridge on the diagonals (eq-ridge).

    States are `Parameters`.

    Parameters
    ----------
    reg_covar : float or ndarray of shape (n_features,)
        ε, in squared units of the data: one number, or one for each feature.
    """

    def __init__(self, reg_covar: float | FloatArray = 1e-6) -> None:
        self.reg_covar = reg_covar

    def in_units(self, units: Units) -> MaximumLikelihood:
        return self if units.plain else MaximumLikelihood(np.asarray(self.reg_covar) * units.scale * units.scale)

    def density(self, state: Any, units: Units) -> Density | StudentDensity:
        return state.density(units)

    def penalty(self, state: Any) -> float:
        return 0.0

    def pseudo(self, structure: Structure, n_components: int) -> tuple[Any, float]:
        """Scatter (in the shape of one component's second moments) and count of the pseudo-observations."""
        return 0.0, 0.0

    def weights(self, state: Any, statistics: Any) -> FloatArray:
        """π_k = N_k / N (eq-update-weights)."""
        counts = _counts(statistics)
        return counts / counts.sum()

    def means(self, state: Any, statistics: Any) -> FloatArray:
        """μ_k = c_k + S1_k / N_k (eq-update-means); a component without data keeps its own."""
        counts = _counts(statistics)[:, None]
        return statistics.centres + np.divide(
            statistics.first, counts, where=counts > 0.0, out=np.zeros_like(statistics.first)
        )

    def covariances(self, state: Any, statistics: Any, means: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the covariances about these means, and the sizes that their rounding is measured by."""
        structure, n_features, counts = state.structure, state.n_features, _counts(statistics)
        ridge = np.broadcast_to(self.reg_covar, n_features)
        scatter, count = self.pseudo(structure, state.n_components)
        with np.errstate(divide="ignore", invalid="ignore"):
            covariances, sizes = structure.maximised(
                statistics.about(means).second + scatter, statistics.second + scatter, counts, n_features, count, ridge,
                state.covariances,
            )  # fmt: skip
        return self.keep(state, (counts == 0.0) & (count == 0.0), covariances, sizes)

    def keep(
        self, state: Any, kept: BoolArray, covariances: FloatArray, sizes: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Leave these components' covariances as they are in the state; where they share something, if all are kept."""
        if kept.any():
            which: Any = kept
            if len(covariances) != len(kept) or state.structure.coupled:
                which = ... if kept.all() else []
            covariances[which], sizes[which] = state.covariances[which], 0.0
        return covariances, sizes

    def update(self, state: Any, statistics: Any) -> Any:
        structure = state.structure
        weights, means = self.weights(state, statistics), self.means(state, statistics)
        covariances, sizes = self.covariances(state, statistics, means)
        factors = structure.transposed(structure.factors(covariances, state.n_components, sizes))
        factors = structure.unpack(factors, *means.shape)
        return Parameters(structure.name, weights, means, covariances, factors)

    def state(self, parameters: Parameters) -> Any:
        """Return the state that the parameters of compiled iterations stand for."""
        return parameters

    def put(self, state: Any, bouts: Bouts, units: Units) -> None:
        """Make compiled iterations go on from this state."""
        bouts.set(
            state.weights, self.density(state, units), state.structure.expand(state.covariances, state.n_components)
        )

    def bouts(self, source: Source, state: Any, units: Units) -> Bouts | None:
        """Return compiled iterations of this step, or None where there are none for this source and structure."""
        structure = state.structure
        if not (isinstance(source, ArraySource) and structure.compiled):
            return None
        return Bouts(
            source.samples(units, structure.model), self.density(state, units), state.weights,
            structure.expand(state.covariances, state.n_components),
            self.regularisation(structure, state.n_components, state.n_features), sample_weight=source.sample_weight,
            n_threads=source.n_threads, total=source.total,
        )  # fmt: skip

    def regularisation(self, structure: Structure, n_components: int, n_features: int) -> Any:
        """Return what the compiled M-step adds to the data."""
        ridge = np.full(n_features, self.reg_covar, dtype=np.float64)
        return structure.regularisation(ridge, np.zeros(math.prod(structure.model.shape(1, n_features))), 0.0)


def _counts(statistics):
    """N_k, 0 for a component whose moments would be rounding noise."""
    return np.where(statistics.counts < DEAD, 0.0, statistics.counts)


class Prior(NamedTuple):
    """Inverse-Wishart density of every covariance, or of the one that is shared.

    A covariance of the structures 'diag' and 'spherical' has the density of the matrix it stands for.

    Attributes
    ----------
    scale : ndarray of shape (n_features, n_features)
        Ψ, in squared units of the data.
    dof : float
        ν.
    unit : float
        What one sample counts: the sample weights that a fit works with are a power of two times those that were given.
    """

    scale: FloatArray
    dof: float
    unit: float = 1.0

    @property
    def count(self) -> float:  # type: ignore[override]
        """Pseudo-observations of each covariance, ν + d + 1."""
        return self.dof + self.scale.shape[0] + 1

    @property
    def typical_variance(self) -> float:
        """Mean variance of a feature at the mode, Ψ / (ν + d + 1)."""
        return float(np.trace(self.scale)) / (self.scale.shape[0] * self.count)

    @property
    def log_constant(self) -> float:
        """What the log-density has beside -(ν + d + 1)/2 log det Σ - tr(Ψ Σ⁻¹)/2 (eq-inverse-wishart)."""
        d, dof = len(self.scale), self.dof
        half_log_det = np.log(np.diag(np.linalg.cholesky(self.scale))).sum()
        log_gamma = 0.25 * d * (d - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * (dof - j)) for j in range(d))
        return dof * half_log_det - 0.5 * dof * d * math.log(2.0) - log_gamma


class MaximumAPosteriori(MaximumLikelihood):
    """The M-step under an inverse-Wishart prior on every covariance (eq-map-covariance).

    The prior adds ν + d + 1 to the effective count and Ψ, or its part in the structure, to the scatter. A component
    without data keeps its mean, with weight 0 and the prior's mode as covariance.

    Parameters
    ----------
    prior : Prior
    """

    def __init__(self, prior: Prior, log_scale: float = 0.0) -> None:
        super().__init__(0.0)
        self.prior = prior
        d = len(prior.scale)
        # Densities stay those of covariances in X's units: log |dΣ'/dΣ| = d (d + 1) log scale.
        self.constant = prior.unit * (prior.log_constant + d * (d + 1) * log_scale)

    def in_units(self, units: Units) -> MaximumAPosteriori:
        if units.plain:
            return self
        prior = self.prior._replace(scale=self.prior.scale * units.scale * units.scale)
        return MaximumAPosteriori(prior, math.log(units.scale))

    def pseudo(self, structure: Structure, n_components: int) -> tuple[Any, float]:
        amount = self.prior.unit * structure.prior_share(n_components)
        return amount * scatter_of(structure.model, self.prior.scale), amount * self.prior.count

    def penalty(self, state: Any) -> float:
        """Σ_k log p(Σ_k), one term if they are tied, times what one sample counts."""
        structure, (n_components, d) = state.structure, state.means.shape
        factors = structure.pack(state.precisions_cholesky)  # P, with tr(Ψ P Pᵀ) = tr(Ψ Σ⁻¹)
        scatter, count = self.pseudo(structure, n_components)
        if factors.ndim >= 2 and factors.shape[-2:] == (d, d) and structure.model in (Full, Tied):
            traces = np.einsum("ij,...jm,...im->...", scatter, factors, factors)
        else:
            traces = (scatter * factors**2).reshape(n_components, -1).sum(axis=1)
        constant = self.constant * structure.prior_share(n_components)
        return float(np.sum(constant + count * structure.log_det(factors, d) - 0.5 * traces))

    def regularisation(self, structure: Structure, n_components: int, n_features: int) -> Any:
        scatter, count = self.pseudo(structure, n_components)
        flat = np.array(scatter, dtype=np.float64).ravel()
        constant = self.constant * structure.prior_share(n_components)
        return structure.regularisation(np.zeros(n_features), flat, float(count), float(constant))


class Fixed(MaximumLikelihood):
    """Another step with some parameters held where they are.

    Each M-step is then a conditional one: weights first, then means given the old covariances, then covariances given
    the new means. The likelihood never falls.

    Parameters
    ----------
    step : MaximumLikelihood or MaximumAPosteriori
    weights : ndarray of bool, shape (n_components,)
        The others share what these leave.
    means : ndarray of bool, shape (n_components, n_features)
    covariances : ndarray of bool, shape (n_components,)
        All or none where the covariance is shared.
    """

    def __init__(self, step: Any, weights: BoolArray, means: BoolArray, covariances: BoolArray) -> None:
        super().__init__(step.reg_covar)
        self.step, self.fixed = step, (weights, means, covariances)

    def in_units(self, units: Units) -> Fixed:
        return self if units.plain else Fixed(self.step.in_units(units), *self.fixed)

    def penalty(self, state: Any) -> float:
        return self.step.penalty(state)

    def weights(self, state: Any, statistics: Any) -> FloatArray:
        held = self.fixed[0]
        counts = np.where(held, 0.0, _counts(statistics))
        if not counts.any():
            return state.weights
        return np.where(held, state.weights, (1.0 - state.weights[held].sum()) * counts / counts.sum())

    def means(self, state: Any, statistics: Any) -> FloatArray:
        """Where some features f of μ_k are free and others o are held: μ_f = m_f + Λ_ff⁻¹ Λ_fo (m_o - μ_o).

        m is the mean without the hold, Λ the old precision: the maximum of -(m - μ)ᵀ Λ (m - μ) over μ_f.
        """
        held = self.fixed[1]
        means = np.where(held, state.means, self.step.means(state, statistics))
        if state.structure.model in (Full, Tied):
            unheld = self.step.means(state, statistics)
            for k in np.flatnonzero(held.any(axis=1) & ~held.all(axis=1)):
                factors = state.precisions_cholesky
                factor = factors if factors.ndim == 2 else factors[k]
                free, rows = ~held[k], factor[~held[k]]
                pull = rows @ (factor[held[k]].T @ (unheld[k] - means[k])[held[k]])
                means[k, free] += np.linalg.solve(rows @ rows.T, pull)
        return means

    def covariances(self, state: Any, statistics: Any, means: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.keep(state, self.fixed[2], *self.step.covariances(state, statistics, means))

    def bouts(self, source: Source, state: Any, units: Units) -> Bouts | None:
        return None
