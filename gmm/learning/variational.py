"""Variational Bayes: a step whose states are distributions of the parameters.

The model has a prior on everything: weights from a Dirichlet distribution or from stick-breaking (a Dirichlet process,
cut off at K), means given precisions N(m₀, (β₀ Λ_k)⁻¹), precisions from a Wishart distribution with ν₀ degrees of
freedom and scale Ψ₀⁻¹. The posterior is approximated by a product q(z) q(π) Π_k q(μ_k, Λ_k), whose factors are of the
same kinds (mean field). With it, F = E_q log p(X, z, θ) - E_q log q(z, θ) is a lower bound of log p(X). Each iteration
maximises it over q(z) by a pass over the data, then over the rest; it never falls.

The pass is that of maximum likelihood with other coefficients. With Σ̂_k = Ψ_k / ν_k, the inverse of E Λ_k,

    log joint = E log π_k - d/2 log 2π + ½ E log|Λ_k| - d / (2 β_k) - ½ ε tr E Λ_k - ½ (x - m_k)ᵀ Σ̂_k⁻¹ (x - m_k),

its responsibilities are q(z), and F is its log-likelihood less the divergences of q(π) and q(μ_k, Λ_k) from the prior.

========== ==========================================================================================================
full       Λ_k ~ Wishart(ν₀, Ψ₀⁻¹): ν_k = ν₀ + N_k
tied       one Λ ~ Wishart(K ν₀, (K Ψ₀)⁻¹), each component bringing its share: ν = K ν₀ + N
diag       Λ_kj ~ Wishart(ν₀, 1 / Ψ₀_j) for each feature: Gamma distributions
spherical  λ_k ~ Wishart(d ν₀, 1 / (d Ψ₀)): a Gamma distribution, d numbers of each sample telling of it
========== ==========================================================================================================

References
----------
Attias, H. (2000), A variational Bayesian framework for graphical models, Advances in Neural Information Processing
Systems 12. Bishop, C. M. (2006), Pattern Recognition and Machine Learning, section 10.2. Blei, D. M. and Jordan, M. I.
(2006), Variational inference for Dirichlet process mixtures, Bayesian Analysis 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import betaln, digamma, gammaln, multigammaln

from gmm.engine import Bouts, Density, Diagonal, Full, Spherical, Tied
from gmm.engine.small_algebra import LOG_2PI
from gmm.engine.variational import Bayes
from gmm.learning.parameters import Parameters
from gmm.learning.sources import ArraySource
from gmm.learning.statistics import Statistics


class BayesianPrior(NamedTuple):
    """The prior of a Bayesian mixture.

    Attributes
    ----------
    concentration : float
        α₀, of each component's weight, or of the process.
    process : bool
        Whether the weights come of stick-breaking, a Dirichlet process, and not of a Dirichlet distribution.
    mean : ndarray of shape (n_features,)
        m₀.
    mean_precision : float
        β₀, in samples.
    dof : float
        ν₀ > d - 1.
    scale : ndarray
        Ψ₀, in squared units of the data: (d, d) for full and tied, (d,) for diag, () for spherical.
    """

    concentration: float
    process: bool
    mean: np.ndarray
    mean_precision: float
    dof: float
    scale: np.ndarray

    def in_units(self, units):
        """Return the same prior in the kernels' units."""
        mean = (self.mean - units.shift) * units.scale
        return self._replace(mean=mean, scale=self.scale * units.scale * units.scale)


class Posterior(NamedTuple):
    """The distribution q of a mixture's parameters.

    Attributes
    ----------
    centre : Parameters
        Weights E π_k, means m_k, covariances Σ̂_k = (E Λ_k)⁻¹ and their factors.
    counts : ndarray of shape (n_components,)
        N_k, expected numbers of samples.
    concentration : ndarray
        α_k of the Dirichlet distribution, (K,); or the two parameters of each stick's Beta distribution, (2, K).
    mean_precision : ndarray of shape (n_components,)
        β_k.
    dof : ndarray of shape (n_components,), or (1,) for tied
        Degrees of freedom of the Wishart distributions: ν_k; d ν_k for spherical.
    """

    centre: Parameters
    counts: np.ndarray
    concentration: np.ndarray
    mean_precision: np.ndarray
    dof: np.ndarray

    @property
    def structure(self):
        return self.centre.structure

    @property
    def n_components(self):
        return self.centre.n_components

    @property
    def n_features(self):
        return self.centre.n_features

    def units(self):
        return self.centre.units()

    def in_units(self, units):
        return self._replace(centre=self.centre.in_units(units))

    def from_units(self, units):
        return self._replace(centre=self.centre.from_units(units))


def expected_log_weights(concentration):
    """E log π_k under the Dirichlet distribution (K,) or the sticks (2, K) (eq-vb-expected-log-weights)."""
    if concentration.ndim == 1:
        return digamma(concentration) - digamma(concentration.sum())
    one, rest = concentration
    both = digamma(one + rest)
    passed = np.cumsum(digamma(rest) - both)
    return digamma(one) - both + np.concatenate([[0.0], passed[:-1]])


def expected_weights(concentration):
    """E π_k; what the sticks leave over is left out, so that the sum is below one."""
    if concentration.ndim == 1:
        return concentration / concentration.sum()
    one, rest = concentration
    passed = np.cumprod(rest / (one + rest))
    return one / (one + rest) * np.concatenate([[1.0], passed[:-1]])


def weights_divergence(concentration, prior):
    """Kullback-Leibler divergence of q(π) from the prior, or of q(v) of the sticks."""
    if concentration.ndim == 1:
        K, a = len(concentration), prior.concentration
        total = concentration.sum()
        return float(
            gammaln(total) - gammaln(concentration).sum() - gammaln(K * a) + K * gammaln(a)
            + (concentration - a) @ (digamma(concentration) - digamma(total))
        )  # fmt: skip
    one, rest = concentration
    both = digamma(one + rest)
    return float(
        np.sum(
            betaln(1.0, prior.concentration) - betaln(one, rest)
            + (one - 1.0) * (digamma(one) - both) + (rest - prior.concentration) * (digamma(rest) - both)
        )
    )  # fmt: skip


def _wisharts(structure, n_components, n_features):
    """(size of a Wishart matrix, how many of it stand side by side in a component, factor of ν₀ and Ψ₀)."""
    if structure.model is Full:
        return n_features, 1, 1.0
    if structure.model is Tied:
        return n_features, 1, float(n_components)
    return (1, n_features, 1.0) if structure.model is Diagonal else (1, 1, float(n_features))


class Variational:
    """The variational step (eq-vb-m-step). States are `Posterior`.

    Parameters
    ----------
    prior : BayesianPrior
    reg_covar : float or ndarray of shape (n_features,)
        ε: as if each sample were seen with noise of this variance. The value that is climbed is then
        F - ½ ε Σ_k N_k tr E Λ_k, which is a lower bound of log p(X) too.
    """

    def __init__(self, prior, reg_covar=0.0):
        self.prior, self.reg_covar = prior, reg_covar

    def in_units(self, units):
        if units.plain:
            return self
        return Variational(self.prior.in_units(units), np.asarray(self.reg_covar) * units.scale * units.scale)

    def expected_log_det(self, state):
        """E log|Λ_k|, (K,), or a number where it is shared."""
        structure, d = state.structure, state.n_features
        size, together, _ = _wisharts(structure, state.n_components, d)
        log_det = 2.0 * structure.log_det(structure.transposed(state.centre.precisions_cholesky), d)
        nu = state.dof
        # A spherical λ tells of d features, whose log determinant is d log λ.
        features = d if structure.model is Spherical else together
        correction = digamma(0.5 * (nu[:, None] - np.arange(size))).sum(axis=1) - size * np.log(0.5 * nu)
        return log_det + features * (correction if structure.model is not Tied else correction[0])

    def precision_trace(self, state):
        """ε tr E Λ_k, with an ε for each feature: (K,)."""
        structure, d = state.structure, state.n_features
        ridge = np.broadcast_to(self.reg_covar, d)
        factors = state.centre.precisions_cholesky
        if structure.model in (Full, Tied):
            return np.einsum("i,...im->...", ridge, factors**2)
        return factors**2 @ ridge if structure.model is Diagonal else factors**2 * ridge.sum()

    def density(self, state, units):
        structure, d = state.structure, state.n_features
        coefficients = expected_log_weights(state.concentration) - 0.5 * d * LOG_2PI
        coefficients += 0.5 * self.expected_log_det(state) - 0.5 * d / state.mean_precision
        coefficients -= 0.5 * self.precision_trace(state)
        factors = structure.transposed(state.centre.precisions_cholesky)
        return Density(structure.model, coefficients, np.ascontiguousarray(state.centre.means), factors, units)

    def means(self, state, statistics):
        """m_k = c_k + (β₀ (m₀ - c_k) + S1_k) / (β₀ + N_k)."""
        b, centres = self.prior.mean_precision, statistics.centres
        return centres + (b * (self.prior.mean - centres) + statistics.first) / (b + statistics.counts)[:, None]

    def update(self, state, statistics):
        return self.posterior(state.structure, self.means(state, statistics), statistics)

    def posterior(self, structure, means, statistics):
        """q(π) and q(μ_k, Λ_k) from the statistics (eq-vb-m-step); `means` are those of `means`.

        About m_k the scatter is Ψ₀ + S2_k + β₀ (m_k - m₀)(m_k - m₀)ᵀ, whatever N_k is.
        """
        prior, counts = self.prior, statistics.counts
        K, d = means.shape
        ridge = np.broadcast_to(self.reg_covar, d)
        offsets = means - prior.mean
        scatter, b = statistics.about(means).second, prior.mean_precision
        dof = self.dof(structure, counts, d)
        if structure.model is Full:
            scatter = prior.scale + scatter + b * offsets[:, :, None] * offsets[:, None, :]
            np.einsum("kjj->kj", scatter)[...] += counts[:, None] * ridge
            covariances = scatter / dof[:, None, None]
        elif structure.model is Tied:
            scatter = K * prior.scale + scatter + b * offsets.T @ offsets + counts.sum() * np.diag(ridge)
            covariances = scatter / dof
        elif structure.model is Diagonal:
            covariances = (prior.scale + scatter + b * offsets**2 + counts[:, None] * ridge) / dof[:, None]
        else:
            covariances = (d * prior.scale + scatter + b * (offsets**2).sum(axis=1) + counts * ridge.sum()) / dof
        factors = structure.transposed(structure.factors(covariances, K))
        return self.completed(Parameters(structure.name, counts, means, covariances, factors))

    def completed(self, centre):
        """Return the posterior with these means and covariances; in the place of the weights stand the counts N_k."""
        prior, counts, d = self.prior, centre.weights, centre.means.shape[1]
        if prior.process:
            later = np.concatenate([np.cumsum(counts[::-1])[-2::-1], [0.0]])
            concentration = np.stack([1.0 + counts, prior.concentration + later])
        else:
            concentration = prior.concentration + counts
        centre = centre._replace(weights=expected_weights(concentration))
        dof = self.dof(centre.structure, counts, d)
        return Posterior(centre, counts, concentration, prior.mean_precision + counts, dof)

    def dof(self, structure, counts, n_features):
        """Degrees of freedom of the Wishart distributions: (K,), (1,) for tied."""
        if structure.model is Tied:
            return np.array([len(counts) * self.prior.dof + counts.sum()])
        return (n_features if structure.model is Spherical else 1) * (self.prior.dof + counts)

    def start(self, parameters, counts, ridge):
        """The posterior of a start: `parameters` of groups of these sizes, of which the ridge is taken away again."""
        structure, (K, d) = parameters.structure, parameters.means.shape
        counts = np.asarray(counts, dtype=np.float64)
        covariances = structure.with_ridge(parameters.covariances.copy(), -np.broadcast_to(ridge, d))
        if structure.model is Tied:
            second = counts.sum() * covariances
        elif structure.model is Spherical:
            second = d * counts * covariances
        else:
            second = counts.reshape(K, *[1] * (covariances.ndim - 1)) * covariances
        statistics = Statistics(
            structure.model, parameters.means, 0.0, float(counts.sum()), counts, np.zeros((K, d)), second
        )
        return self.posterior(structure, self.means(None, statistics), statistics)

    def penalty(self, state):
        """Less the divergences of q(π) and q(μ_k, Λ_k) from the prior (eq-vb-bound)."""
        return -weights_divergence(state.concentration, self.prior) - self.components_divergence(state)

    def components_divergence(self, state):
        """Σ_k KL(q(μ_k, Λ_k) ‖ p), with one Wishart distribution where it is shared."""
        prior, structure, (K, d) = self.prior, state.structure, state.centre.means.shape
        size, together, share = _wisharts(structure, K, d)
        factors = state.centre.precisions_cholesky
        offsets = state.centre.means - prior.mean
        b0, b, nu = prior.mean_precision, state.mean_precision, state.dof
        if structure.model in (Full, Tied):
            squares = (
                np.einsum("kj,...jm->km" if structure.model is Tied else "kj,kjm->km", offsets, factors) ** 2
            ).sum(axis=1)
            traces = np.einsum("ij,...im,...jm->...", prior.scale, factors, factors)
        elif structure.model is Diagonal:
            squares, traces = ((offsets * factors) ** 2).sum(axis=1), factors**2 @ np.broadcast_to(prior.scale, d)
        else:
            squares, traces = (offsets**2).sum(axis=1) * factors**2, prior.scale * factors**2
        of_means = 0.5 * np.sum(d * np.log(b / b0) - d + d * b0 / b + b0 * squares)
        # KL of Wishart(ν, Ψ⁻¹) from Wishart(ν₀, Ψ₀⁻¹), both of `size`, with Ψ = ν Σ̂.
        nu0 = share * prior.dof
        log_det = 2.0 * structure.log_det(structure.transposed(factors), d)  # -log|Σ̂|
        if structure.model is Spherical:
            log_det = log_det / d
        prior_log_det = self.prior_log_det(structure, K, d)
        scale_log_det = together * size * np.log(nu) - log_det  # log|Ψ|
        expected = self.expected_log_det(state)
        if structure.model is Spherical:
            expected = expected / d
        of_precisions = (
            0.5 * nu * scale_log_det - 0.5 * nu0 * prior_log_det
            - 0.5 * (nu - nu0) * together * size * math.log(2.0)
            - together * (multigammaln_each(0.5 * nu, size) - multigammaln(0.5 * nu0, size))
            + 0.5 * (nu - nu0) * expected - 0.5 * together * size * nu + 0.5 * share * traces
        )  # fmt: skip
        return float(of_means + np.sum(of_precisions))

    def prior_log_det(self, structure, n_components, n_features):
        """log|Ψ₀| of one component's Wishart distributions, with the shares of tied and spherical ones."""
        size, together, share = _wisharts(structure, n_components, n_features)
        if self.prior.scale.ndim == 2:
            return 2.0 * np.log(np.diag(np.linalg.cholesky(self.prior.scale))).sum() + size * math.log(share)
        return np.log(np.broadcast_to(self.prior.scale, together)).sum() + math.log(share)

    def state(self, parameters):
        """Return the posterior from the shares N_k / Σ N, means and covariances of compiled iterations."""
        return self.completed(parameters._replace(weights=parameters.weights * self.total))

    def bouts(self, source, state, units):
        """Return compiled iterations, or None for a source that has none."""
        if not isinstance(source, ArraySource):
            return None
        structure, (K, d) = state.structure, state.centre.means.shape
        size, together, share = _wisharts(structure, K, d)
        alpha = self.prior.concentration
        self.total = source.total_weight
        regularisation = Bayes(
            np.full(d, self.reg_covar, dtype=np.float64),
            np.array(share * self.prior.scale, dtype=np.float64).ravel(),
            float(share * self.prior.dof),
            np.array(self.prior.mean, dtype=np.float64),
            float(self.prior.mean_precision),
            float(alpha),
            bool(self.prior.process),
            float(self.prior_log_det(structure, K, d)),
            float(together * gammaln(0.5 * (share * self.prior.dof - np.arange(size))).sum()),
            float(-K * math.log(alpha) if self.prior.process else K * gammaln(alpha) - gammaln(K * alpha)),
            np.array([self.penalty(state)]),
        )
        bouts = Bouts(
            source.samples(units, structure.model), self.density(state, units), state.counts / self.total,
            state.centre.covariances, regularisation, sample_weight=source.sample_weight, n_threads=source.n_threads,
            total=source.total,
        )  # fmt: skip
        return bouts

    def put(self, state, bouts, units):
        """Make compiled iterations go on from this state."""
        bouts.regularisation.penalty[0] = self.penalty(state)
        bouts.set(state.counts / self.total, self.density(state, units), state.centre.covariances)


def multigammaln_each(a, size):
    """log Γ_size of each a: SciPy's function, which wants a number."""
    return 0.25 * size * (size - 1) * math.log(math.pi) + gammaln(a[:, None] - 0.5 * np.arange(size)).sum(axis=1)
