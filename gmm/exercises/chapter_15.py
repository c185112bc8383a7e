"""Exercises of chapter 15: variational Bayes."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import digamma, gammaln, logsumexp

from gmm.exercises._core import exercise
from gmm.exercises._page import Pieces

_rng = np.random.default_rng(1515)

# ------------------------------------------------------------------------- predict: an empty component's weight

exercise(
    "ex-vb-counts",
    0.2,
    mistakes=[
        (0.0, "the prior stays: an empty component has α₀ samples seen before."),
        (0.5, "the concentrations sum to more: the prior of each component counts in the sum as well."),
        (2.0, "that is α₃; a weight is its share of the sum."),
        (1.0 / 3.0, "that is the weight expected before any sample."),
        (0.25, "the second and third do not have all: the sum runs over all three."),
    ],
    rtol=2e-3,
)

# ------------------------------------------------------------------------- predict: the width of a product

exercise(
    "ex-vb-width",
    1.6,
    mistakes=[
        (1.28, "1 - ϱ² is the factor of the variance; you are asked for a standard deviation."),
        (2.56, "that is the variance; take its root."),
        (2.0, "that is the true width; mean field loses what the correlation adds."),
        (0.8, "that is the factor; the deviation was 2."),
        (1.2, "the factor of the deviation is the root of 1 - ϱ², not |ϱ|."),
        (2.5, "the product is too narrow, not too wide: multiply by the root of 1 - ϱ²."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute by hand: a posterior

exercise(
    "ex-vb-by-hand",
    5.0 / 21.0,
    mistakes=[
        (5.0 / 12.0, "the prior mean pulls: β₀ (m - m₀)² belongs to Ψ."),
        (5.0 / 20.0, "Ψ₀ = 1 is missing from Ψ."),
        (3.0 / 21.0, "ν grows by the number of samples and starts at ν₀."),
        (21.0 / 5.0, "that is the variance, Ψ / ν; the expected precision is its inverse."),
        (5.0 / 25.0, "squares are taken about the posterior mean m, which is not the mean of the samples."),
        (5.0 / 9.0, "squares are taken about m = 3, and the pull towards m₀ = 0 is added."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute: diagonal E-step


def _softmax(a):
    return np.exp(a - logsumexp(a, axis=1, keepdims=True))


def _diagonal(X, alpha, m, beta, Psi, nu):
    log_det = (digamma(nu / 2)[:, None] + np.log(2 / Psi)).sum(axis=1)
    square = (nu[:, None] * (X[:, None] - m) ** 2 / Psi).sum(axis=2) + X.shape[1] / beta
    return _softmax(digamma(alpha) + (log_det - square) / 2)


def _diagonal_with(weights=digamma, half=True, doubt=True, per_feature=True, nu_factor=True, det=True, wishart=False):
    def wrong(X, alpha, m, beta, Psi, nu):
        d = X.shape[1]
        psi = digamma(nu / 2)[:, None]
        if wishart:
            psi = digamma((nu[:, None] - np.arange(d)) / 2)
        log_det = (psi + np.log(2 / Psi)).sum(axis=1) if det else -np.log(Psi).sum(axis=1) + d * np.log(nu)
        squares = (X[:, None] - m) ** 2 / Psi * (nu[:, None] if nu_factor else 1.0)
        square = squares.sum(axis=2) + (d if per_feature else 1) / beta * doubt
        return _softmax(weights(alpha) + (log_det - square) * (0.5 if half else 1.0))

    return wrong


def _diagonal_case(n, d, K):
    return (
        _rng.normal(size=(n, d)), _rng.uniform(0.5, 4.0, K), _rng.normal(size=(K, d)), _rng.uniform(0.3, 3.0, K),
        _rng.uniform(0.5, 3.0, (K, d)), d + _rng.uniform(0.5, 4.0, K),
    )  # fmt: skip


exercise(
    "ex-vb-diagonal",
    _diagonal,
    cases=[
        (np.array([[0.0], [1.0]]), np.array([1.0, 3.0]), np.array([[0.0], [2.0]]), np.array([1.0, 4.0]),
         np.array([[1.0], [2.0]]), np.array([2.0, 5.0])),
        _diagonal_case(4, 2, 3),
        _diagonal_case(3, 4, 2),
    ],
    mistakes=[
        (_diagonal_with(weights=np.log), "the E-step has E log π, by the digamma function, not the log of a mean."),
        (_diagonal_with(doubt=False), "the doubt about the means is missing: 1 / β for each feature."),
        (_diagonal_with(per_feature=False), "the doubt about the means counts once for each feature."),
        (_diagonal_with(half=False), "the log determinant and the square stand with the factor one half."),
        (_diagonal_with(nu_factor=False), "the expected precision is ν / Ψ: the square lacks ν."),
        (_diagonal_with(det=False), "that is the logarithm of the expected precision; take the expected logarithm."),
        (_diagonal_with(wishart=True), "each feature has a precision of its own: ψ(ν / 2) for all of them."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- compute: one precision for all


def _shared(X, resp, m0, beta0, Psi0, nu0, *, prior=1, pull=True, about_mean=False, count=None):
    N = resp.sum(axis=0)
    m = (beta0 * m0 + resp.T @ X) / (beta0 + N)[:, None]
    centre = (resp.T @ X) / N[:, None] if about_mean else m
    D, e = X - centre[:, None], m - m0
    Psi = prior * Psi0 + np.einsum("ik,kij,kil->jl", resp, D, D) + pull * beta0 * e.T @ e
    return nu0 + (len(X) if count is None else count(len(X), resp)), Psi


def _shared_case(n, d, K):
    root = _rng.normal(size=(d, d))
    resp = _rng.dirichlet(np.ones(K), size=n)
    return _rng.normal(size=(n, d)) + 1.0, resp, _rng.normal(size=d), 0.7, root @ root.T + np.eye(d), d + 1.5


exercise(
    "ex-vb-tied",
    lambda X, resp, m0, beta0, Psi0, nu0: _shared(X, resp, m0, beta0, Psi0, nu0),
    cases=[
        (np.array([[1.0], [3.0]]), np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0.0]), 1.0, np.array([[2.0]]), 1.0),
        _shared_case(6, 2, 3),
        _shared_case(5, 3, 2),
    ],
    returns=("nu", "Psi"),
    mistakes=[
        (lambda *a: _shared(*a, prior=a[1].shape[1]), "one matrix has one prior: Ψ₀ is added once."),
        (lambda *a: _shared(*a, pull=False), "the pull of each mean towards m₀ belongs to the scatter."),
        (lambda *a: _shared(*a, about_mean=True), "scatter is taken about the posterior means, if the pull is added."),
        (
            lambda *a: _shared(*a, count=lambda n, R: R.shape[1] * n),
            "each sample counts once: its responsibilities sum to one.",
        ),
        (lambda *a: _shared(*a, count=lambda n, R: n + R.shape[1]), "the means' own factors use up what they bring."),
        (lambda *a: _shared(*a, prior=0), "Ψ₀ is missing."),
    ],
)

# ------------------------------------------------------------------------- compute: probability of labels


def _labels(labels, K, alpha0):
    N = np.bincount(labels, minlength=K)
    value = gammaln(K * alpha0) - gammaln(K * alpha0 + len(labels))
    return value + (gammaln(alpha0 + N) - gammaln(alpha0)).sum()


def _labels_of_used(labels, K, alpha0):
    return _labels(labels, len(np.unique(labels)), alpha0) if labels.max() < len(np.unique(labels)) else -1.0


def _at_mean(labels, K, alpha0):
    alpha = alpha0 + np.bincount(labels, minlength=K)
    return float(np.bincount(labels, minlength=K) @ np.log(alpha / alpha.sum()))


def _expected(labels, K, alpha0):
    alpha = alpha0 + np.bincount(labels, minlength=K)
    return float(np.bincount(labels, minlength=K) @ (digamma(alpha) - digamma(alpha.sum())))


exercise(
    "ex-vb-labels",
    _labels,
    cases=[
        (np.array([0]), 2, 1.0),
        (np.array([0, 0, 1]), 2, 0.5),
        (np.array([0, 1, 1, 0, 0]), 4, 0.1),
        (_rng.integers(3, size=40), 3, 2.5),
    ],
    mistakes=[
        (lambda z, K, a: _labels(z, K, a / K), "α₀ is the concentration of each component, not of all together."),
        (
            lambda z, K, a: _labels(z, K, a) - gammaln(K * a) + gammaln(a),
            "the prior's constant has Γ(K α₀), the sum of all concentrations.",
        ),
        (
            lambda z, K, a: _labels(z, K, a) + gammaln(len(z) + 1) - gammaln(np.bincount(z, minlength=K) + 1).sum(),
            "that is the probability of the counts; these labels are one of many with such counts.",
        ),
        (_at_mean, "that puts in the mean of the weights; integrate over them."),
        (_expected, "that is the expected logarithm; you are asked for the logarithm of the integral."),
        (lambda z, K, a: -len(z) * np.log(K), "that is for equal weights that are known."),
    ],
)

# ------------------------------------------------------------------------- break: keep more than two

_POSITIVE = "the factor is to be one positive number: a covariance times it is the prior's scale."
_FEW = "two components are in use. Which scale makes a narrow component cheap?"
_WIDE = "that prior expects components wider than the data, and makes narrow ones expensive."


def _kept(factor):
    from gmm import datasets
    from gmm.estimators import BayesianGaussianMixture

    if np.ndim(factor) or np.asarray(factor).dtype.kind not in "iuf" or not 0 < factor < np.inf:
        return _POSITIVE
    X = datasets.load_old_faithful().X
    model = BayesianGaussianMixture(
        n_components=6, weight_concentration_prior=0.01, covariance_prior=factor * np.cov(X.T), random_state=0,
        weight_concentration_prior_type="dirichlet_distribution", max_iter=5000,
    )  # fmt: skip
    if model.fit(X).n_components_ >= 3:
        return None
    return _WIDE if factor > 1 else _FEW


exercise(
    "ex-vb-keep",
    0.1,
    judge=_kept,
    page=Pieces(_POSITIVE, [(0.0, _POSITIVE), (0.220174, None), (1.0, _FEW), (math.inf, _WIDE)]),
    mistakes=[(1.0, _FEW), (20.0, _WIDE), (-0.1, _POSITIVE), ((0.1, 0.1), _POSITIVE)],
)
