"""Exercises of chapter 18: noise and heavy tails."""

from __future__ import annotations

import math

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises._page import Pieces

_rng = np.random.default_rng(1818)

# ------------------------------------------------------------------------- predict: the weight of a far sample

exercise(
    "ex-tails-weight",
    0.25,
    mistakes=[
        (0.2, "that is ν / q; both have something added: d above, ν below."),
        (4.0 / 24.0, "the numerator has the number of features as well: ν + d."),
        (5.0 / 24.0, "the sample has two features, not one."),
        (1.0, "that is a Gaussian's weight; a t distribution's falls with the distance."),
        (4.0, "that is the inverse: far samples weigh less than one."),
        (6.0 / 20.0, "the denominator is ν + q."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: how surely noise

_AT_THREE = np.exp(-4.5) / np.sqrt(2.0 * np.pi)

exercise(
    "ex-tails-noise",
    0.02 / (0.02 + 0.8 * _AT_THREE),
    mistakes=[
        (0.2 / (0.2 + 0.8 * _AT_THREE), "the density of the noise is one over the length of the interval."),
        (0.1 / (0.1 + _AT_THREE), "the weights are missing: they stand before each density."),
        (0.8 * _AT_THREE / (0.02 + 0.8 * _AT_THREE), "that is the responsibility of the group."),
        (0.2, "that is the weight, before the sample is seen."),
        (0.02 / (0.02 + 0.8 * np.exp(-4.5)), "the Gaussian density lacks its constant, 1/√(2π)."),
        (0.02 / 0.8 / _AT_THREE, "that is the odds; divide by the sum of both."),
    ],
    rtol=2e-3,
)

# ------------------------------------------------------------------------- predict: responsibilities far away

exercise(
    "ex-tails-far",
    8.0 / 9.0,
    mistakes=[
        (1.0, "that is what Gaussian tails do. These fall as powers, both as the same."),
        (0.5, "the weights are equal; the tails are not: the wide one is higher by a factor."),
        (2.0 / 3.0, "that would be σ itself; the tail of t is proportional to σ to the power ν."),
        (16.0 / 17.0, "the power is ν: ν + 1 from the distance, less one from the constant."),
        (0.8, "that would be σ²; the power is ν."),
        (1.0 / 9.0, "that is the narrow one."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute: an M-step with noise


def _noise_step(X, resp, *, share=None, divisor=None, everything=False, about_mean=False, noise_first=False):
    groups = resp[:, 1:] if noise_first else resp[:, :-1]
    counts = groups.sum(axis=0)
    weights = resp.sum(axis=0) / (len(X) if share is None else share(groups))
    used = groups / groups.sum(axis=1, keepdims=True) if everything else groups
    means = used.T @ X / used.sum(axis=0)[:, None]
    centres = np.broadcast_to(X.mean(axis=0), means.shape) if about_mean else means
    offsets = X[:, None] - centres
    scatter = np.einsum("ik,ikj,ikl->kjl", used, offsets, offsets)
    size = counts if divisor is None else np.full(len(counts), divisor(X))
    return weights, means, scatter / (used.sum(axis=0) if everything else size)[:, None, None]


def _noise_case(n, d, K):
    return _rng.normal(size=(n, d)) + 2.0, _rng.dirichlet(np.ones(K + 1), size=n)


exercise(
    "ex-tails-noise-step",
    lambda X, resp: _noise_step(X, resp),
    cases=[
        (np.array([[0.0], [1.0], [8.0]]), np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 1.0]]) * 0.5 + 0.25),
        _noise_case(6, 2, 2),
        _noise_case(7, 3, 1),
    ],
    returns=("weights", "means", "covariances"),
    mistakes=[
        (lambda *a: _noise_step(*a, share=np.sum), "the weights are shares of all samples, noise among them."),
        (lambda *a: _noise_step(*a, divisor=len), "a covariance is divided by the group's own count, not by n."),
        (
            lambda *a: _noise_step(*a, everything=True),
            "rows of the groups' responsibilities are not to be scaled: what the noise has is lost to them.",
        ),
        (lambda *a: _noise_step(*a, about_mean=True), "each covariance is taken about the group's own mean."),
        (lambda *a: _noise_step(*a, noise_first=True), "the last column is the noise, not the first."),
    ],
)

# ------------------------------------------------------------------------- compute: the pull on a location


def _pull(x, mean, variance, dof):
    z = x - mean
    return (dof + 1.0) * z / (dof * variance + z**2)


exercise(
    "ex-tails-pull",
    _pull,
    cases=[
        (np.array([0.0, 1.0, 10.0]), 0.0, 1.0, 3.0),
        (_rng.normal(size=5), 0.5, 2.0, 1.0),
        (10.0 * _rng.normal(size=4), -1.0, 0.3, 40.0),
    ],
    mistakes=[
        (lambda x, m, v, n: (x - m) / v, "that is a Gaussian's: the expected scale is missing."),
        (lambda x, m, v, n: n * (x - m) / (n * v + (x - m) ** 2), "the exponent of the density is (ν + 1)/2."),
        (lambda x, m, v, n: (n + 1) * (x - m) / (n + (x - m) ** 2), "the square is measured in units of σ²."),
        (lambda x, m, v, n: 0.5 * _pull(x, m, v, n), "the derivative of the square brings a factor of two."),
        (lambda x, m, v, n: (n + 1) * (x - m) / (n * v + np.abs(x - m)), "the distance enters squared."),
    ],
)

# ------------------------------------------------------------------------- compute: degrees of freedom from moments


def _moments(x, *, centred=True, power=4, six=6.0, add=4.0, excess=3.0, sample=False):
    z = x - x.mean() if centred else x
    m2 = (z**2).sum() / (len(x) - 1) if sample else np.mean(z**2)
    kurtosis = np.mean(np.abs(z) ** power) / m2 ** (power / 2)
    return add + six / (kurtosis - excess)


_HEAVY = [np.sort(np.random.default_rng(seed).standard_t(5, size=60)) * 2.0 + 3.0 for seed in (3, 8)]

exercise(
    "ex-tails-moments",
    _moments,
    cases=[(np.array([-3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.5]),), *((x,) for x in _HEAVY)],
    mistakes=[
        (lambda x: _moments(x, centred=False), "moments are taken about the mean."),
        (lambda x: _moments(x, excess=0.0), "a Gaussian has the kurtosis 3: subtract it."),
        (lambda x: _moments(x, add=0.0), "solve 6 / (ν - 4) for ν: four is added at the end."),
        (lambda x: _moments(x, six=1.0), "the excess kurtosis is 6 / (ν - 4)."),
        (lambda x: 1.0 / _moments(x), "that is one over ν."),
        (lambda x: _moments(x, sample=True), "the variance that belongs to this kurtosis divides by n."),
    ],
)

# ------------------------------------------------------------------------- compute: a conditional of t


def _conditional(x, mean, scale, dof, *, stretch=True, more=1.0, below=1.0, variance=False, slope=None):
    b = scale[0, 1] / (scale[1, 1] if slope is None else slope(scale))
    q = (x - mean[1]) ** 2 / scale[1, 1]
    left = scale[0, 0] - (0.0 if variance else scale[0, 1] ** 2 / scale[1, 1])
    factor = (dof + q) / (dof + below) if stretch else 1.0
    return mean[0] + b * (x - mean[1]), factor * left, dof + more


def _pair(rho, dof):
    root = _rng.normal(size=(2, 2))
    return float(_rng.normal()), _rng.normal(size=2), root @ root.T + np.array([[1.0, rho], [rho, 0.7]]), dof


exercise(
    "ex-tails-conditional",
    lambda x, mean, scale, dof: _conditional(x, mean, scale, dof),
    cases=[
        (2.0, np.array([0.0, 1.0]), np.array([[2.0, 0.6], [0.6, 0.5]]), 3.0),
        _pair(0.3, 1.5),
        _pair(-0.4, 9.0),
    ],
    returns=("location", "scale", "dof"),
    mistakes=[
        (lambda *a: _conditional(*a, stretch=False), "the value that is given tells of u: far out, the scale grows."),
        (lambda *a: _conditional(*a, more=0.0), "one feature has been seen: it adds one degree of freedom."),
        (lambda *a: _conditional(*a, below=0.0), "the scale has ν + 1 below: the new degrees of freedom."),
        (lambda *a: _conditional(*a, variance=True), "what the given feature explains is taken off the scale."),
        (
            lambda *a: _conditional(*a, slope=lambda S: S[0, 0]),
            "the slope is divided by the scale of the given feature, the second.",
        ),
    ],
)

# ------------------------------------------------------------------------- break: noise that swallows everything

_POSITIVE = "the volume is to be one positive number."
_THIN = "the noise is thinner than the groups: they keep their samples. Which volume makes 1/V large?"
_PART = "the noise has taken the rim of the groups, and their middles are denser still. Go on in that direction."


def _swallowed(volume):
    from gmm import datasets
    from gmm.estimators import GaussianMixture

    if np.ndim(volume) or np.asarray(volume).dtype.kind not in "iuf" or not 0 < volume < np.inf:
        return _POSITIVE
    X = datasets.load_old_faithful().X
    model = GaussianMixture(2, noise=True, noise_volume=float(volume), random_state=0, tol=1e-6, max_iter=2000)
    weight = model.fit(X).noise_weight_
    return None if weight > 0.99 else _PART if weight > 0.1 else _THIN


exercise(
    "ex-tails-swallow",
    0.1,
    judge=_swallowed,
    page=Pieces(_POSITIVE, [(0.0, _POSITIVE), (8.311426, None), (128.48123, _PART), (math.inf, _THIN)]),
    mistakes=[(1e6, _THIN), (50.0, _PART), (-0.1, _POSITIVE), ((0.1, 0.1), _POSITIVE)],
)
