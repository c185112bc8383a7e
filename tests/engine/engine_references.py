"""Slow, plain, extended-precision EM to hold the engine against."""

import math

import numpy as np

from gmm import learning

LD = np.longdouble


def dense(covariances, covariance_type, n_components, n_features):
    """Any structure as (K, d, d)."""
    eye = np.eye(n_features)
    if covariance_type == "full":
        return np.asarray(covariances)
    if covariance_type == "tied":
        return np.broadcast_to(covariances, (n_components, n_features, n_features))
    if covariance_type == "diag":
        return np.asarray(covariances)[:, :, None] * eye
    return np.asarray(covariances)[:, None, None] * eye


def cholesky(a):
    lower = np.zeros(a.shape, LD)
    for i in range(len(a)):
        for j in range(i + 1):
            s = a[i, j] - lower[i, :j] @ lower[j, :j]
            lower[i, j] = np.sqrt(s) if i == j else s / lower[j, j]
    return lower


def log_joint(X, weights, means, covariances, covariance_type):
    """(n, K) in extended precision."""
    X = np.asarray(X).astype(LD)
    n_components, d = np.shape(means)
    matrices = dense(covariances, covariance_type, n_components, d)
    out = np.empty((len(X), n_components), LD)
    for k in range(n_components):
        lower = cholesky(matrices[k].astype(LD))
        z = (X - np.asarray(means[k]).astype(LD)).T
        y = np.zeros_like(z)
        for i in range(d):
            y[i] = (z[i] - lower[i, :i] @ y[:i]) / lower[i, i]
        log_det = np.log(np.diagonal(lower)).sum()
        constant = -LD(d) / 2 * np.log(2 * LD(np.pi)) - log_det
        with np.errstate(divide="ignore"):
            out[:, k] = np.log(LD(weights[k])) + constant - (y * y).sum(axis=0) / 2
    return out


def log_sum_exp(a):
    top = a.max(axis=1, keepdims=True)
    return (top + np.log(np.exp(a - top).sum(axis=1, keepdims=True)))[:, 0]


def m_step(X, resp, covariance_type, reg_covar):
    X = np.asarray(X).astype(LD)
    d = X.shape[1]
    counts = resp.sum(axis=0)
    means = (resp.T @ X) / counts[:, None]
    scatters = np.array([(resp[:, k, None] * (X - means[k])).T @ (X - means[k]) for k in range(len(counts))])
    eye = np.eye(d, dtype=LD)
    if covariance_type == "tied":
        covariances = scatters.sum(axis=0) / counts.sum() + reg_covar * eye
    else:
        covariances = scatters / counts[:, None, None] + reg_covar * eye
        if covariance_type != "full":
            covariances = np.einsum("kjj->kj", covariances)
        if covariance_type == "spherical":
            covariances = covariances.mean(axis=1)
    return counts / counts.sum(), means, covariances


def em(X, weights, means, covariances, covariance_type, reg_covar, iterations, sample_weight=None):
    """(weights, means, covariances, mean log-likelihood of each E-step)."""
    w = np.ones(len(X), LD) if sample_weight is None else np.asarray(sample_weight).astype(LD)
    values = []
    for _ in range(iterations):
        joint = log_joint(X, weights, means, covariances, covariance_type)
        evidence = log_sum_exp(joint)
        values.append((w @ evidence) / w.sum())
        resp = np.exp(joint - evidence[:, None]) * w[:, None]
        weights, means, covariances = m_step(X, resp, covariance_type, reg_covar)
    return weights, means, covariances, np.array(values)


def problem(rng, n, d, n_components, covariance_type, spread=3.0):
    """Data of n_components groups and starting parameters beside the truth."""
    centres = rng.normal(size=(n_components, d)) * spread
    X = centres[rng.integers(n_components, size=n)] + rng.normal(size=(n, d)) @ (
        np.eye(d) + 0.3 * rng.normal(size=(d, d)) / np.sqrt(d)
    )
    means = centres + 0.3 * rng.normal(size=centres.shape)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    a = rng.normal(size=(n_components, d, 2 * d))
    full = a @ np.swapaxes(a, 1, 2) / d
    covariances = {
        "full": full,
        "tied": full[0],
        "diag": np.einsum("kjj->kj", full),
        "spherical": np.einsum("kjj->kj", full).mean(axis=1),
    }[covariance_type]
    return X, weights, means, covariances


def relative(a, b):
    return float(np.max(np.abs(np.asarray(a) - b)) / np.max(np.abs(b)))


def fit_em(
    X, parameters, means=None, covariances=None, covariance_type=None, *, reg_covar=1e-6, tol=1e-3, max_iter=100,
    sample_weight=None, n_threads=None, callback=None, record_states=False, previous=-math.inf, total=None,
):  # fmt: skip
    """Maximum likelihood of an array by the engine."""
    if means is not None:
        parameters = learning.make_parameters(parameters, means, covariances, covariance_type)
    source = learning.ArraySource(X, sample_weight, n_threads, total)
    return learning.climb(
        source, learning.MaximumLikelihood(reg_covar), parameters, tol=tol, max_iter=max_iter, callback=callback,
        record_states=record_states, previous=previous,
    )  # fmt: skip
