"""Exercises of chapter 6: the M-step."""

from __future__ import annotations

import numpy as np

from gmm.datasets import load_old_faithful
from gmm.exercises._core import exercise

# ------------------------------------------------------------------------------------- values

exercise(
    "ex-mstep-equal",
    (0.5, 2.0, 2 / 3),
    rtol=1e-3,
    returns=("the weight", "the mean", "the variance"),
    mistakes=[
        (
            (0.5, 2.0, 1.0),
            "weight and mean are right. The variance is divided by the effective count, not by it less a half.",
        ),
        ((0.5, 1.0, 2 / 3), "the weighted sum, 3, is divided by the effective count 1.5, not by n."),
        ((1.5, 2.0, 2 / 3), "1.5 is the effective count; the weight is its share of n = 3."),
        ((0.5, 2.0, 1 / 3), "the weighted squares, 1, are divided by the effective count 1.5, not by n."),
        ((0.5, 1.5, 0.25), "every sample counts half for each component: no component gets only some of them."),
    ],
)

exercise(
    "ex-mstep-by-hand",
    (0.5, 3.0, 2.0),
    rtol=1e-3,
    returns=("the weight", "the mean", "the variance"),
    mistakes=[
        ((0.5, 1.5, 1.0), "you divided the weighted sums by n = 3; divide them by the effective count 1.5."),
        ((0.5, 4.0, 0.0), "that gives each sample to its best component. The middle sample counts half."),
        ((0.5, 2.5, 2.25), "that is the plain average of the last two samples; the middle one counts only half."),
        ((1.5, 3.0, 2.0), "mean and variance are right; the weight is the effective count divided by n."),
        ((0.5, 3.0, 3.0), "mean and weight are right; divide the weighted squares by the effective count."),
        ((0.5, 3.0, 1.0), "mean and weight are right; the weighted squares, 3, are divided by 1.5, not by n."),
    ],
)

exercise(
    "ex-mstep-points",
    6,
    mistakes=[
        (5, "five differences from their own mean add up to zero, so they span only four dimensions."),
        (1, "one sample is its own mean: the scatter about it is the zero matrix."),
        (2, "two samples and their mean lie on one line."),
        (4, "four differences that add up to zero span three dimensions."),
    ],
)


def _first_step():
    """Old and new means of the first M-step of the chapter, without a kernel: loading this module compiles nothing."""
    X = load_old_faithful().X
    means = np.array([[2.5, 62.0], [4.0, 72.0]])
    squared = ((X[:, None, :] - means) ** 2 / [0.5, 60.0]).sum(axis=2)
    second = 1 / (1 + np.exp((squared[:, 1] - squared[:, 0]) / 2))
    resp = np.stack([1 - second, second], axis=1)
    return means, resp.T @ X / resp.sum(axis=0)[:, None]


_old, _new = _first_step()
_move = _new - _old
exercise(
    "ex-mstep-old-mean",
    float(_move[1, 1] ** 2),
    rtol=1e-3,  # 66.3 is right to one decimal
    mistakes=[
        (float(_move[1, 1]), "that is the move of the mean; the variance grows by its square."),
        (float(_move[0, 1] ** 2), "that is the other component: components count from 0 in code."),
        (float(_move[1, 0] ** 2), "that is the variance of the eruption time; the waiting time is feature 1."),
        (float(_move[1, 0] * _move[1, 1]), "that is the covariance of the two features; the variance is asked for."),
        (float((_move[1] ** 2).sum()), "that adds both features; only the waiting time is asked for."),
        (-float(_move[1, 1] ** 2), "the size is right; about any other centre the scatter is larger, not smaller."),
    ],
)

# ------------------------------------------------------------------------------------- functions


def _weighted(X, resp, sample_weight):
    shares = resp * sample_weight[:, None]
    counts = shares.sum(axis=0)
    means = X[0] + shares.T @ (X - X[0]) / counts[:, None]
    D = X[:, None, :] - means
    covariances = np.einsum("ik,ikj,ikl->kjl", shares, D, D) / counts[:, None, None]
    return counts / sample_weight.sum(), means, covariances


def _m_step(X, resp):
    return _weighted(X, resp, np.ones(len(X)))


def _divided_by_n(X, resp):
    weights, means, _ = _m_step(X, resp)
    means = means * weights[:, None]
    D = X[:, None, :] - means
    return weights, means, np.einsum("ik,ikj,ikl->kjl", resp, D, D) / len(X)


def _covariances_divided_by_n(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights, means, covariances * weights[:, None, None]


def _counts_as_weights(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights * len(X), means, covariances


def _equal_weights(X, resp):
    _, means, covariances = _m_step(X, resp)
    return np.full(resp.shape[1], 1 / resp.shape[1]), means, covariances


def _hard(X, resp):
    return _m_step(X, np.eye(resp.shape[1])[resp.argmax(axis=1)])


def _about_the_overall_mean(X, resp):
    weights, means, _ = _m_step(X, resp)
    D = X - X.mean(axis=0)
    counts = resp.sum(axis=0)
    return weights, means, np.einsum("ik,ij,il->kjl", resp, D, D) / counts[:, None, None]


def _less_one(X, resp):
    weights, means, covariances = _m_step(X, resp)
    counts = resp.sum(axis=0)[:, None, None]
    return weights, means, covariances * counts / (counts - 1)


def _variances(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights, means, np.diagonal(covariances, axis1=1, axis2=2)


def _diagonal_only(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights, means, covariances * np.eye(X.shape[1])


def _resp_squared(X, resp):
    counts = resp.sum(axis=0)
    weights, means, _ = _m_step(X, resp)
    D = resp[:, :, None] * (X[:, None, :] - means)
    return weights, means, np.einsum("ikj,ikl->kjl", D, D) / counts[:, None, None]


def _means_not_divided(X, resp):
    counts = resp.sum(axis=0)
    means = resp.T @ X
    D = X[:, None, :] - means
    return counts / len(X), means, np.einsum("ik,ikj,ikl->kjl", resp, D, D) / counts[:, None, None]


def _scatters(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights, means, covariances * resp.sum(axis=0)[:, None, None]


def _responsibilities_left_out(X, resp):
    weights, means, _ = _m_step(X, resp)
    D = X[:, None, :] - means
    return weights, means, np.einsum("ikj,ikl->kjl", D, D) / resp.sum(axis=0)[:, None, None]


def _expanded(X, resp, sample_weight=1.0):
    shares = resp * np.reshape(sample_weight, (-1, 1))
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    second = np.einsum("ik,ij,il->kjl", shares, X, X) / counts[:, None, None]
    return counts / counts.sum(), means, second - means[:, :, None] * means[:, None, :]


def _case(rng, n, d, K, offset=0.0):
    X = offset + rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    return X, rng.dirichlet(np.ones(K), size=n)


_rng = np.random.default_rng(606)
_SMALL = np.array([[0.0], [1.0], [4.0]]), np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])


def _without_last(m_step):
    """The same M-step where the last component is a background: only its weight is fitted."""

    def with_background(X, resp):
        weights, means, covariances = m_step(X, resp)
        return weights, means[:-1], covariances[:-1]

    return with_background


def _background(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights, means[:-1], covariances[:-1]


def _background_left_out(X, resp):
    weights, means, covariances = _background(X, resp)
    return weights[:-1], means, covariances


def _background_shared_out(X, resp):
    weights, means, covariances = _background(X, resp)
    return weights[:-1] / weights[:-1].sum(), means, covariances


def _first_is_background(X, resp):
    weights, means, covariances = _m_step(X, resp)
    return weights, means[1:], covariances[1:]


def _renormalised(X, resp):
    own = resp[:, :-1] / np.maximum(resp[:, :-1].sum(axis=1, keepdims=True), 1e-300)
    _, means, covariances = _m_step(X, own)
    return resp.mean(axis=0), means, covariances


_MISTAKES = [
    (_divided_by_n, "the means are divided by n; divide by the effective count of each component."),
    (
        _covariances_divided_by_n,
        "weights and means are right; divide the covariances by the effective counts, not n.",
    ),
    (_counts_as_weights, "the first result holds the effective counts; divide them by n."),
    (_equal_weights, "means and covariances are right; the weights are the effective counts divided by n."),
    (_hard, "every sample goes wholly to its best component here; weigh it by its responsibilities."),
    (_about_the_overall_mean, "weights and means are right; take the scatter about each component's own new mean."),
    (_less_one, "weights and means are right; the divisor of the covariances is the count, without minus one."),
    (_variances, "these are the variances of the features, (K, d); each covariance is a matrix, (K, d, d)."),
    (_diagonal_only, "the variances are right; the covariances between features are missing."),
    (_resp_squared, "the responsibility enters each covariance term once; here it is squared."),
    (_expanded, "right near the origin, but E[xx] − μμ loses its digits far from it. Take differences first."),
    (_means_not_divided, "the means are weighted sums here; divide each by the effective count of its component."),
    (_scatters, "weights and means are right; divide each scatter by the effective count of its component."),
    (
        _responsibilities_left_out,
        "weights and means are right; each sample enters the covariance with its responsibility.",
    ),
    (
        lambda X, resp: (*_m_step(X, resp)[:2], np.sqrt(np.abs(_m_step(X, resp)[2]))),
        "weights and means are right; these look like standard deviations, where variances are asked for.",
    ),
]

exercise(
    "ex-mstep-code",
    _background,
    cases=[
        _SMALL,
        _case(_rng, 8, 2, 3),
        _case(_rng, 12, 3, 2),
        _case(_rng, 30, 4, 4),
        _case(_rng, 10, 2, 3, offset=1e6),
    ],
    returns=("weights", "means", "covariances"),
    mistakes=[
        (_m_step, "the last component has no mean and no covariance to fit: leave its row out of both."),
        (_background_left_out, "means and covariances are right; the background has a weight too."),
        (_background_shared_out, "the background keeps its share of the weights: return all K of them."),
        (_first_is_background, "the background is the last component, not the first."),
        (_renormalised, "the responsibilities stay as they are: what the background takes, the others do not have."),
        *((_without_last(wrong), message) for wrong, message in _MISTAKES),
    ],
)


def _over_rows(X, resp, sample_weight):
    _, means, covariances = _weighted(X, resp, sample_weight)
    return (resp * sample_weight[:, None]).sum(axis=0) / len(X), means, covariances


def _ignored(X, resp, sample_weight):
    return _m_step(X, resp)


def _weights_only(X, resp, sample_weight):
    weights, _, _ = _weighted(X, resp, sample_weight)
    return weights, *_m_step(X, resp)[1:]


def _unweighted_counts(X, resp, sample_weight):
    weights, means, _ = _weighted(X, resp, sample_weight)
    ratio = (resp * sample_weight[:, None]).sum(axis=0) / resp.sum(axis=0)
    means = means * ratio[:, None]
    D = X[:, None, :] - means
    shares = resp * sample_weight[:, None]
    return weights, means, np.einsum("ik,ikj,ikl->kjl", shares, D, D) / resp.sum(axis=0)[:, None, None]


def _less_total_one(X, resp, sample_weight):
    weights, means, covariances = _weighted(X, resp, sample_weight)
    counts = (resp * sample_weight[:, None]).sum(axis=0)[:, None, None]
    return weights, means, covariances * counts / (counts - 1)


def _twice(X, resp, sample_weight):
    return _weighted(X, resp, sample_weight**2)


def _weighted_case(rng, *sizes, **options):
    X, resp = _case(rng, *sizes, **options)
    return X, resp, rng.uniform(0.2, 5.0, size=len(X))


exercise(
    "ex-mstep-sample-weights",
    _weighted,
    cases=[
        (*_SMALL, np.array([2.0, 4.0, 1.0])),
        _weighted_case(_rng, 9, 2, 3),
        _weighted_case(_rng, 12, 3, 1),
        _weighted_case(_rng, 15, 2, 2, offset=1e6),
    ],
    returns=("weights", "means", "covariances"),
    mistakes=[
        (_ignored, "the sample weights are not used."),
        (
            _over_rows,
            "means and covariances are right; the weights must sum to one: divide by the total sample weight.",
        ),
        (_weights_only, "the mixing weights are right; means and covariances need the sample weights too."),
        (_unweighted_counts, "the divisor must hold the sample weights as the sum above it does."),
        (_twice, "each sample weight enters once; here it is squared."),
        (
            _less_total_one,
            "weights and means are right; the divisor of the covariances is the count, without minus one.",
        ),
        (
            lambda X, resp, w: _expanded(X, resp, w),
            "right near the origin, but E[xx] − μμ loses its digits far from it. Take differences first.",
        ),
    ],
)
