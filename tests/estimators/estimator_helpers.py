"""Random mixtures, and starts for fits, for the tests of the estimators."""

import numpy as np

from gmm import GaussianMixture


def covariances_of(rng, covariance_type, n_components, n_features, scale=1.0):
    """Random, well-conditioned covariances in the structure's shape."""
    roots = rng.normal(size=(n_components, n_features, 2 * n_features))
    matrices = scale**2 * roots @ np.swapaxes(roots, 1, 2) / (2 * n_features)
    diagonals = np.einsum("kjj->kj", matrices)
    return {
        "full": matrices,
        "tied": matrices.mean(axis=0),
        "diag": diagonals,
        "spherical": diagonals.mean(axis=1),
    }[covariance_type]


def matrices_of(covariances, covariance_type, n_components, n_features):
    """The same covariances as full matrices, shape (K, d, d)."""
    if covariance_type == "full":
        return covariances
    if covariance_type == "tied":
        return np.repeat(covariances[None], n_components, axis=0)
    if covariance_type == "diag":
        return np.array([np.diag(row) for row in covariances])
    return np.array([value * np.eye(n_features) for value in covariances])


def random_mixture(seed, covariance_type, n_components=3, n_features=3, spread=3.0, **settings):
    """A random mixture."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    means = spread * rng.normal(size=(n_components, n_features))
    covariances = covariances_of(rng, covariance_type, n_components, n_features)
    return GaussianMixture.from_parameters(weights, means, covariances, covariance_type, **settings)


def start_for(X, labels, covariance_type):
    """weights_init, means_init and precisions_init from labelled data: a start without any chance in it."""
    labels = np.asarray(labels)
    n_components = labels.max() + 1
    weights = np.bincount(labels) / len(labels)
    weights[-1] = 1.0 - weights[:-1].sum()
    means = np.array([X[labels == k].mean(axis=0) for k in range(n_components)])
    matrices = np.array([np.cov(X[labels == k].T, bias=True) for k in range(n_components)])
    matrices = matrices.reshape(n_components, X.shape[1], X.shape[1])
    pooled = np.einsum("k,kij->ij", weights, matrices)
    diagonals = np.einsum("kjj->kj", matrices)
    precisions = {
        "full": np.linalg.inv(matrices),
        "tied": np.linalg.inv(pooled),
        "diag": 1.0 / diagonals,
        "spherical": 1.0 / diagonals.mean(axis=1),
    }[covariance_type]
    if covariance_type in ("full", "tied"):
        precisions = (precisions + np.swapaxes(precisions, -1, -2)) / 2
    return {"weights_init": weights, "means_init": means, "precisions_init": precisions}
