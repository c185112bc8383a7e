"""Marginal and conditional distributions of a mixture: mixtures again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm._types import FloatArray
from gmm.engine import Full, Tied
from gmm.engine.student import tail_constants
from gmm.learning import StudentParameters, structure_of

BLOCK = 2**18  # numbers held at one time for many rows


def feature_indices(features, n_features, feature_names, name="features"):
    """Return the indices that `features` (an index, a name, or a sequence of either) stands for."""
    if isinstance(features, (str, int, np.integer)):
        features = [features]
    try:
        features = list(features)
    except TypeError:
        raise TypeError(f"{name} must be an index, a name, or a sequence of these; got {features!r}") from None
    indices = []
    for feature in features:
        if isinstance(feature, str):
            if feature_names is None:
                raise ValueError(f"{name} names {feature!r}, but the mixture has no feature names; give indices")
            found = np.flatnonzero(np.asarray(feature_names) == feature)
            if found.size == 0:
                raise ValueError(f"{name} names {feature!r}, which is none of {list(map(str, feature_names))}")
            indices.append(int(found[0]))
        elif isinstance(feature, (int, np.integer)) and not isinstance(feature, (bool, np.bool_)):
            if not -n_features <= feature < n_features:
                raise ValueError(f"{name} has index {feature}, but the mixture has {n_features} features")
            indices.append(int(feature) % n_features)
        else:
            raise TypeError(f"{name} must hold feature indices or names; got {feature!r}")
    if not indices:
        raise ValueError(f"{name} must not be empty")
    if len(set(indices)) < len(indices):
        raise ValueError(f"{name} must not repeat a feature; got {list(features)}")
    return indices


def marginal(parameters, features):
    """Weights, means, covariances and covariance_type of the distribution of some features.

    A marginal of a Gaussian takes the entries of μ and Σ that belong to the features, and integrating a mixture
    integrates each component: p(x_a) = Σ_k π_k N(x_a | μ_ka, Σ_kaa). Cost O(K |a|²).
    """
    kind, covariances = parameters.structure.marginal(parameters.covariances, parameters.n_components, features)
    return parameters.weights, parameters.means[:, features], covariances, kind


class Conditional:
    """p(x_a | x_b) of a mixture as a function of x_b (features `given`); what does not depend on x_b is done once.

    The joint density of component k factorises as N(x_b | μ_b, Σ_bb) N(x_a | μ_a + Σ_ab Σ_bb⁻¹ (x_b - μ_b), Σ_aa - Σ_ab
    Σ_bb⁻¹ Σ_ba). Divided by p(x_b), the first factor goes into the weights: π_k N(x_b | μ_kb, Σ_kbb) / Σ_l ….

    Nothing is inverted or subtracted. With the features in the order (b, a), Σ = L Lᵀ has the blocks

        L = [[L_bb, 0], [L_ab, L_aa]],   Σ_bb = L_bb L_bbᵀ,   Σ_ab = L_ab L_bbᵀ,   Σ_aa = L_ab L_abᵀ + L_aa L_aaᵀ

    so that with z = L_bb⁻¹ (x_b - μ_b), one forward substitution,

        Σ_ab Σ_bb⁻¹ (x_b - μ_b) = L_ab z,   Σ_aa - Σ_ab Σ_bb⁻¹ Σ_ba = L_aa L_aaᵀ,
        log N(x_b | μ_b, Σ_bb) = -|z|²/2 - Σ_j log (L_bb)_jj + constant.

    Cost O(K d³) once and O(K d²) for each x_b; O(K d) for 'diag' and 'spherical', whose features are independent
    within a component: there only the weights change.

    Attributes
    ----------
    covariances : ndarray
        Those of the components of p(x_a | x_b), whatever x_b, in the structure's shape.
    """

    def __init__(self, parameters, given, free):
        structure, n_components = parameters.structure, parameters.n_components
        self.given_means, self.free_means = parameters.means[:, given], parameters.means[:, free]
        self.coupled = structure.model in (Full, Tied)
        if self.coupled:
            n_given, order = len(given), [*given, *free]
            shared = structure.model is Tied
            joint = parameters.matrices[:1] if shared else parameters.matrices
            factors = np.linalg.cholesky(joint[:, order][:, :, order])
            last = factors[:, n_given:, n_given:]
            self.covariance_type = "tied" if shared else "full"
            self.covariances = last @ np.swapaxes(last, 1, 2)
            if shared:
                self.covariances = self.covariances[0]
            factors = np.broadcast_to(factors, (n_components, *factors.shape[1:]))
            self.scales, self.gains = factors[:, :n_given, :n_given], factors[:, n_given:, :n_given]
            log_scales = np.log(np.einsum("kjj->kj", self.scales)).sum(axis=1)
        else:
            self.covariance_type, self.covariances = structure.marginal(parameters.covariances, n_components, free)
            variances = structure.variances(parameters.covariances, n_components)
            self.scales = np.sqrt(np.broadcast_to(variances, parameters.means.shape)[:, given])
            log_scales = np.log(self.scales).sum(axis=1)
        with np.errstate(divide="ignore"):
            self.coefficients = np.log(parameters.weights) - log_scales

    def log_at(self, values):
        """Log-weights (n, K), up to a constant a row, and means (n, K, d_a) of the components of p(x_a | x_b).

        `values` (n, d_b) has a row for each x_b; the third array are their squared distances |z|² (n, K). The weights
        of a row are all -inf, or nan, where x_b is so far from every component that no log-density is finite.
        """
        (n_rows, _), n_components = values.shape, self.free_means.shape[0]
        columns = np.ascontiguousarray(values.T)
        squares = np.empty((n_rows, n_components))
        means = np.empty((n_rows, n_components, self.free_means.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(n_components):
                z = columns - self.given_means[k][:, None]
                means[:, k] = self.free_means[k]
                if self.coupled:
                    lower = self.scales[k]
                    for j in range(len(lower)):  # forward substitution, for all rows at once
                        z[j] = (z[j] - lower[j, :j] @ z[:j]) / lower[j, j]
                    means[:, k] += (self.gains[k] @ z).T
                else:
                    z /= self.scales[k][:, None]
                squares[:, k] = np.einsum("ji,ji->i", z, z)
            return self.coefficients + self.log_kernel(squares), means, squares

    def log_kernel(self, squares):
        """What the log-density has of the squared distances."""
        return -0.5 * squares

    def at(self, values):
        """Weights (n, K) and means (n, K, d_a) of the components of p(x_a | x_b) for each row x_b of `values` (n, d_b).

        The third array are their squared distances (n, K). The weights of a row are nan where x_b is so far from every
        component that no log-density is finite.
        """
        log_weights, means, squares = self.log_at(values)
        with np.errstate(over="ignore", invalid="ignore"):
            weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
            return weights / weights.sum(axis=1, keepdims=True), means, squares

    def check_covariances(self, otherwise):
        """Raise ValueError where a component has no covariance, and say what to do; Gaussian ones have."""

    def spread(self, squares):
        """What the components' `covariances` have to be multiplied with, for each row: (n, K), or 1."""
        return 1.0


class StudentConditional(Conditional):
    """The same of t distributions, whose components have other degrees of freedom and scales for each x_b.

    p(x_a, x_b) = ∫ p(u) N(x_b | μ_b, Σ_bb / u) N(x_a | m, C / u) du with m and C as for Gaussians. Given x_b, the scale
    u is Gamma((ν + d_b)/2, (ν + |z|²)/2) (eq-expected-scale is its mean), so that integrating it out leaves a t
    distribution with

        ν + d_b degrees of freedom,   location m,   scale matrix (ν + |z|²) / (ν + d_b) C,

    and the weights have the t densities of x_b (Ding, P. (2016), On the conditional distribution of the multivariate t
    distribution, The American Statistician 70, 293-295).

    Attributes
    ----------
    dof : ndarray of shape (n_components,)
        ν + d_b.
    """

    def __init__(self, parameters, given, free):
        super().__init__(parameters.gaussian, given, free)
        old = np.ascontiguousarray(parameters.dof)
        constants = np.empty(len(old))
        tail_constants(old, len(given), constants)
        self.coefficients = self.coefficients + constants
        self.old, self.dof = old, old + len(given)

    def log_kernel(self, squares):
        return -0.5 * self.dof * np.log1p(squares / self.old)

    def stretch(self, squares):
        """(ν + |z|²) / (ν + d_b): the scale matrices are so many times `covariances`."""
        return (self.old + squares) / self.dof

    def check_covariances(self, otherwise):
        if (self.dof <= 2.0).any():
            k = int(np.argmax(self.dof <= 2.0))
            raise ValueError(
                f"component {k} has {self.dof[k]:g} degrees of freedom given these features, and a t distribution with "
                f"2 or fewer has no covariance; {otherwise}"
            )

    def spread(self, squares):
        """Covariances are ν' / (ν' - 2) times the scale matrices, with ν' = ν + d_b."""
        return (self.old + squares) / (self.dof - 2.0)


def of(parameters, given, free):
    """The conditional distribution of a mixture with these parameters."""
    kind = StudentConditional if isinstance(parameters, StudentParameters) else Conditional
    return kind(parameters, given, free)


class ConditionalMoments(NamedTuple):
    """Moments of p(x_a | x_b), row by row of the given values.

    Attributes
    ----------
    mean : ndarray of shape (n_samples, n_free)
        E[x_a | x_b].
    covariance : ndarray of shape (n_samples, n_free, n_free), or None
        Cov[x_a | x_b]: the components' own and the spread of their means. None if it was not asked for.
    weights : ndarray of shape (n_samples, n_components)
        Of the components, p(component k | x_b).
    """

    mean: FloatArray
    covariance: FloatArray | None
    weights: FloatArray


def conditional_moments(conditional, values, return_cov):
    """Mean, covariance and weights of a `Conditional` for each row of `values`, in blocks of rows.

    E[x_a | x_b] = Σ_k w_k m_k and Cov[x_a | x_b] = Σ_k w_k (C_k + (m_k - E)(m_k - E)ᵀ), both sums of terms that cannot
    cancel in the covariance.
    """
    n_rows, (n_components, n_free) = len(values), conditional.free_means.shape
    if return_cov:
        conditional.check_covariances("return_cov=False gives the mean")
    result = ConditionalMoments(
        np.empty((n_rows, n_free)),
        np.empty((n_rows, n_free, n_free)) if return_cov else None,
        np.empty((n_rows, n_components)),
    )
    within = structure_of(conditional.covariance_type).matrices(conditional.covariances, n_components, n_free)
    block = max(64, BLOCK // (n_free * max(n_free, n_components)))
    for low in range(0, n_rows, block):
        rows = slice(low, low + block)
        weights, means, squares = conditional.at(values[rows])
        lost = ~np.isfinite(weights).all(axis=1)
        if lost.any():
            i = int(np.argmax(lost))
            raise ValueError(
                f"values[{low + i}] is so far from every component that its log-density leaves the range of float64; "
                f"got {values[low + i]}"
            )
        result.weights[rows] = weights
        result.mean[rows] = mean = np.einsum("ik,ikj->ij", weights, means)
        if return_cov:
            covariance = result.covariance[rows]
            with np.errstate(over="ignore", invalid="ignore"):  # a weight of 0 may meet an infinite square
                shares = np.where(weights > 0.0, weights * conditional.spread(squares), 0.0)
            covariance[:] = np.tensordot(shares, within, axes=1)
            # The root goes in before the product: where a weight is 0 the square of a difference may be infinite.
            offsets = np.sqrt(weights)[:, :, None] * (means - mean[:, None])
            for k in range(n_components):
                covariance += offsets[:, k, :, None] * offsets[:, k, None, :]
    return result
