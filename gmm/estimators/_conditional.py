"""Marginal and conditional distributions of a mixture: mixtures again."""

from __future__ import annotations

import numpy as np

from gmm.engine import Diagonal, Spherical, Tied


def feature_indices(features, n_features, feature_names, name="features"):
    """Return the indices that `features` (an index, a name, or a sequence of either) stands for."""
    if isinstance(features, (str, int, np.integer)):
        features = [features]
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


def conditional(parameters, given, free, values):
    """Weights, means, covariances and covariance_type of x_a (features `free`) given x_b = `values` (features `given`).

    The joint density of component k factorises as N(x_b | μ_b, Σ_bb) N(x_a | μ_a + Σ_ab Σ_bb⁻¹ (x_b - μ_b), Σ_aa - Σ_ab
    Σ_bb⁻¹ Σ_ba). Divided by p(x_b), the first factor goes into the weights: π_k N(x_b | μ_kb, Σ_kbb) / Σ_l ….

    Nothing is inverted or subtracted. With the features in the order (b, a), Σ = L Lᵀ has the blocks

        L = [[L_bb, 0], [L_ab, L_aa]],   Σ_bb = L_bb L_bbᵀ,   Σ_ab = L_ab L_bbᵀ,   Σ_aa = L_ab L_abᵀ + L_aa L_aaᵀ

    so that with z = L_bb⁻¹ (x_b - μ_b), one forward substitution,

        Σ_ab Σ_bb⁻¹ (x_b - μ_b) = L_ab z,   Σ_aa - Σ_ab Σ_bb⁻¹ Σ_ba = L_aa L_aaᵀ,
        log N(x_b | μ_b, Σ_bb) = -|z|²/2 - Σ_j log (L_bb)_jj + constant.

    Cost O(K d³); O(K d) for 'diag' and 'spherical', whose features are independent within a component: there only the
    weights change.
    """
    structure = parameters.structure
    n_components, n_given = parameters.n_components, len(given)
    differences = values - parameters.means[:, given]
    means = parameters.means[:, free].copy()
    if structure.model in (Diagonal, Spherical):
        covariance_type, covariances = structure.marginal(parameters.covariances, n_components, free)
        scales = np.sqrt(np.einsum("kjj->kj", parameters.matrices)[:, given])
        z = differences / scales
        log_scales = np.log(scales).sum(axis=1)
    else:
        from scipy.linalg import solve_triangular

        order = [*given, *free]
        shared = structure.model is Tied
        covariance_type = "tied" if shared else "full"
        joint = parameters.matrices[:1] if shared else parameters.matrices
        factors = np.linalg.cholesky(joint[:, order][:, :, order])
        covariances = factors[:, n_given:, n_given:] @ np.swapaxes(factors[:, n_given:, n_given:], 1, 2)
        covariances = covariances[0] if shared else covariances
        z = np.empty_like(differences)
        log_scales = np.empty(n_components)
        for k, factor in enumerate(np.broadcast_to(factors, (n_components, *factors.shape[1:]))):
            z[k] = solve_triangular(factor[:n_given, :n_given], differences[k], lower=True)
            means[k] += factor[n_given:, :n_given] @ z[k]
            log_scales[k] = np.log(np.diag(factor)[:n_given]).sum()
    with np.errstate(divide="ignore", over="ignore"):
        log_weights = np.log(parameters.weights) - 0.5 * np.sum(z**2, axis=1) - log_scales
    largest = log_weights.max()
    if not np.isfinite(largest):
        raise ValueError(
            f"values are so far from every component that their log-density leaves the range of float64; got {values}"
        )
    weights = np.exp(log_weights - largest)
    return weights / weights.sum(), means, covariances, covariance_type
