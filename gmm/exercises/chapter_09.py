"""Exercises of chapter 9: where to start."""

from __future__ import annotations

import numpy as np

from gmm.datasets import load_galaxies
from gmm.exercises._core import Refusal, exercise

_rng = np.random.default_rng(808)

# ------------------------------------------------------------------------- predict: how many restarts

exercise(
    "ex-start-restarts",
    17.0,
    mistakes=[
        (16.0, "nearly: 0.75 to the power 16 is 0.01002, still above one per cent. Round up."),
        (4.0, "that is 1/p, the number of starts until the first success on average. It fails 32 times in 100."),
        (4.0 / 0.99, "probabilities of failure multiply: look at 0.75 to the power m."),
        (18.42, "4.6/p is the rule for small p, and 0.25 is not small. Solve 0.75 to the power m = 0.01."),
        (19.0, "4.6/p is the rule for small p, and 0.25 is not small. Solve 0.75 to the power m = 0.01."),
        (3.32, "that solves 0.25 to the power m = 0.01: the starts that fail have probability 0.75."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: the gap that whitening leaves

exercise(
    "ex-start-gap",
    2.5,
    mistakes=[
        (2.0, "that is the bound for two groups of equal size."),
        (np.inf, "whitening divides by a spread that grows with the distance itself: the gap stays bounded."),
        (6.25, "that is the squared distance; take the root."),
        (0.16, "that is the product of the weights; the bound is one over its root."),
        (0.4, "upside down: the bound is one over the root of the product of the weights."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute: the cost of each draw


def _squared(X, centres):
    return ((X[:, None, :] - centres) ** 2).sum(axis=2)


def _nearest(X, centres):
    return _squared(X, centres).min(axis=1)


def _costs(X, centres):
    return np.minimum(_nearest(X, centres), _squared(X, X)).sum(axis=1)


def _guaranteed(X, centres):
    nearest = _nearest(X, centres)
    return nearest.sum() - nearest


def _drawn_alone(X, centres):
    return _squared(X, X).sum(axis=1)


def _gains(X, centres):
    return _nearest(X, centres).sum() - _costs(X, centres)


def _not_squared(X, centres):
    return np.minimum(np.sqrt(_nearest(X, centres)), np.sqrt(_squared(X, X))).sum(axis=1)


def _averages(X, centres):
    return _costs(X, centres) / len(X)


def _shares(X, centres):
    nearest = _nearest(X, centres)
    return nearest / nearest.sum()


def _costs_of_the_last_centre(X, centres):
    return np.minimum(_squared(X, centres)[:, -1], _squared(X, X)).sum(axis=1)


def _expanded(X, centres):
    def squared(A, B):
        return ((A**2).sum(axis=1)[:, None] - 2 * A @ B.T + (B**2).sum(axis=1)).clip(0)

    return np.minimum(squared(X, centres).min(axis=1), squared(X, X)).sum(axis=1)


_exact = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
_cloud = _rng.normal(scale=3.0, size=(8, 2))

exercise(
    "ex-start-plusplus",
    _costs,
    cases=[
        (_exact, np.array([[0.0], [10.0]])),
        (_cloud, _cloud[[2, 5, 6]]),
        (_rng.normal(size=(6, 4)), _rng.normal(size=(1, 4))),  # one centre, not a sample
        (1e6 + _cloud, 1e6 + _cloud[[0, 3]]),  # far from the origin
    ],
    mistakes=[
        (_guaranteed, "that is the bound: other samples near the drawn one gain as well."),
        (_drawn_alone, "a sample stays with its old centre where that is nearer: take the smaller of the two."),
        (_gains, "these are the gains, by how much the cost falls; the cost that is left is asked for."),
        (_not_squared, "the cost is a sum of squared distances."),
        (_averages, "that is the cost per sample; the cost is the sum."),
        (_shares, "these are the probabilities of the draw; the cost that each draw would lead to is asked for."),
        (_costs_of_the_last_centre, "all the centres count, not only the one drawn last."),
        (
            lambda X, c: np.minimum(_nearest(X, c), _squared(X, X)),
            "these are the terms, one for each pair; sum each row over the samples.",
        ),
        (
            _expanded,
            "right near the origin, but expanded squares lose their digits far from it. Take differences first.",
        ),
    ],
)

# ------------------------------------------------------------------------- compute: labels to parameters


def _from_labels(X, labels, K):
    groups = [X[labels == k] for k in range(K)]
    weights = np.array([len(group) / len(X) for group in groups])
    means = np.stack([group.mean(axis=0) for group in groups])
    return weights, means, np.stack([(g - m).T @ (g - m) / len(g) for g, m in zip(groups, means, strict=True)])


def _counts_as_weights(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    return weights * len(X), means, covariances


def _equal_weights(X, labels, K):
    return np.full(K, 1 / K), *_from_labels(X, labels, K)[1:]


def _unbiased(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    counts = weights * len(X)
    return weights, means, covariances * (counts / (counts - 1))[:, None, None]


def _about_overall_mean(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    shift = means - X.mean(axis=0)
    return weights, means, covariances + shift[:, :, None] * shift[:, None, :]


def _divided_by_n(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    return weights, means, covariances * weights[:, None, None]


def _means_over_n(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    return weights, means * weights[:, None], covariances


def _overall(X, labels, K):
    weights, means, _ = _from_labels(X, labels, K)
    return weights, means, np.stack([_from_labels(X, np.zeros(len(X)), 1)[2][0]] * K)


def _scatters(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    return weights, means, covariances * (weights * len(X))[:, None, None]


def _variances(X, labels, K):
    weights, means, covariances = _from_labels(X, labels, K)
    return weights, means, np.diagonal(covariances, axis1=1, axis2=2)


exercise(
    "ex-start-labels",
    _from_labels,
    cases=[
        (np.array([[0.0], [2.0], [10.0], [11.0], [15.0]]), np.array([0, 0, 1, 1, 1]), 2),
        (_rng.normal(scale=2.0, size=(12, 2)), np.array([2, 0, 1, 1, 0, 2, 2, 2, 0, 1, 0, 2]), 3),
        (1e5 + _rng.normal(size=(7, 3)), np.zeros(7, dtype=int), 1),  # one component, far from the origin
    ],
    returns=("weights", "means", "covariances"),
    mistakes=[
        (_counts_as_weights, "the weights are shares: divide the counts by the number of samples."),
        (_equal_weights, "the weights follow from the labels: a group's share of the samples."),
        (_unbiased, "the maximum of the likelihood divides by N_k, not by N_k − 1."),
        (_about_overall_mean, "each covariance is about the mean of its own group."),
        (_divided_by_n, "divide each covariance by the count of its group, not by n."),
        (_means_over_n, "the means are divided by n; divide each sum by the count of its group."),
        (_overall, "these are covariances of all samples; each group has its own."),
        (_scatters, "these are the scatters, sums; divide each by the count of its group."),
        (_variances, "these are the variances of the features, (K, d); each covariance is a matrix, (K, d, d)."),
    ],
    rtol=1e-6,
)

# ------------------------------------------------------------------------- break: far apart, and still poor


def climb(x, start, sigma=1.0, n_iter=500):
    """EM for two means on the line with weights ½ and a known standard deviation; returns the means, sorted."""
    means = np.array(start, dtype=float)
    for _ in range(n_iter):
        exponent = -0.5 * ((x - means[:, None]) / sigma) ** 2
        resp = np.exp(exponent - exponent.max(axis=0))
        resp /= resp.sum(axis=0)
        means = (resp * x).sum(axis=1) / resp.sum(axis=1)
    return np.sort(means)


def ends_poorly(start):
    """Judge a function from velocities to two starting means: far apart, and still at the poorest optimum?

    Parameters
    ----------
    start : callable
        From x to two numbers.

    Returns
    -------
    callable
        From x to two numbers, each 1 for yes and 0 for no: the means start at least 10 apart; EM ends with both
        means between 15 and 25, within the middle group.
    """

    def judge(x):
        answer = start(x)
        if answer is None or answer is ...:
            return None
        try:
            means = np.asarray(answer, dtype=float)
        except (TypeError, ValueError):
            means = np.array([])
        if means.shape != (2,) or not np.isfinite(means).all():
            raise Refusal("return the two starting means, two numbers.")
        end = climb(x, means)
        return float(abs(means[0] - means[1]) >= 10.0), float((end > 15.0).all() and (end < 25.0).all())

    return judge


exercise(
    "ex-start-far-apart",
    lambda x: (1.0, 1.0),
    via=ends_poorly,
    cases=[(load_galaxies().X[:, 0] / 1000.0,)],
    mistakes=[
        (lambda x: (1.0, 0.0), "far enough apart, but EM finds the group at 10. Where does the midpoint have to lie?"),
        (lambda x: (0.0, 1.0), "EM ends poorly, but the two means start less than 10 apart."),
        (lambda x: (0.0, 0.0), "at least 10 apart, please, and EM should end with both means in the middle group."),
    ],
)
