"""Exercises of chapter 10: k-means is a limit."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

# ------------------------------------------------------------------------- predict: a tie

exercise(
    "ex-kmeans-tie",
    2 / 3,
    mistakes=[
        (0.5, "a tie is not split evenly: the weights of the tied components decide."),
        (0.6, "the third component drops out of the sum, so what is left has to be rescaled."),
        (1.0, "the first is not nearer than the second, and stays one of two winners."),
        (1 / 3, "that is the share of the second component."),
    ],
    rtol=7.5e-4,  # three digits
)


# ------------------------------------------------------------------------- compute: one step of the mixture


def _squared(X, means):
    return ((X[:, None, :] - means) ** 2).sum(axis=2)


def _shares(exponent):
    shares = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _after(X, resp, old=None):
    """New means, and the variance about them or about the old ones."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = resp.T @ X / resp.sum(axis=0)[:, None]
    return means, (resp * _squared(X, means if old is None else old)).sum() / X.size


def _resp(X, means, variance):
    return _shares(-_squared(X, means) / (2 * variance))


def _step(X, means, variance):
    return _after(X, _resp(X, means, variance))


def _naive(X, means, variance):
    joint = np.exp(-_squared(X, means) / (2 * variance))
    with np.errstate(invalid="ignore"):
        return _after(X, joint / joint.sum(axis=1, keepdims=True))


def _hard(X, means, variance):
    return _after(X, np.eye(len(means))[_squared(X, means).argmin(axis=1)])


def _distance_not_squared(X, means, variance):
    return _after(X, _shares(-np.sqrt(_squared(X, means)) / (2 * variance)))


def _columns_sum_to_one(X, means, variance):
    resp = _resp(X, means, variance)
    return _after(X, resp / resp.sum(axis=0))


def _then(change):
    def wrong(X, means, variance):
        new, spread = _step(X, means, variance)
        return new, change(X, spread, len(means))

    return wrong


_rng = np.random.default_rng(909)
_pair = np.array([[0.0], [3.0]])

exercise(
    "ex-kmeans-spherical",
    _step,
    cases=[
        (np.array([[1.0], [1.5], [2.5]]), _pair, 2.0),
        (_rng.normal(size=(6, 2)), _rng.normal(size=(3, 2)), 0.5),
        (_rng.normal(size=(4, 4)), _rng.normal(size=(1, 4)), 1.5),  # one component
        (np.array([[1.0], [1.5], [2.5]]), _pair, 1e-9),  # the second is a tie
    ],
    returns=("means", "variance"),
    mistakes=[
        (_naive, "right on paper; for a tiny variance all exponentials are 0, and 0/0 is NaN. Factor out the nearest."),
        (lambda X, m, v: _step(X, m, v / 2), "the exponent is minus the squared distance over twice the variance."),
        (lambda X, m, v: _step(X, m, v**2), "the argument is the variance already: do not square it."),
        (_hard, "these are hard assignments, Lloyd's step; responsibilities share a sample out between the means."),
        (_distance_not_squared, "the exponent holds the squared distance; you took its root."),
        (_columns_sum_to_one, "you normalise down the columns; each row, one sample, has to sum to one."),
        (
            lambda X, m, v: _after(X, _resp(X, m, v), m),
            "the distances in the variance are those to the new means; yours are to the old ones.",
        ),
        (_then(lambda X, v, K: v * X.shape[1]), "divide by d as well: the variance is that of one feature."),
        (_then(lambda X, v, K: v * len(X)), "divide by n as well: the variance is an average over the samples."),
        (_then(lambda X, v, K: v * X.size), "that is the weighted sum of squares; divide it by n d."),
        (_then(lambda X, v, K: np.sqrt(v)), "that is the standard deviation; the variance is asked for."),
        (_then(lambda X, v, K: v / K), "the responsibilities of a sample sum to one already: do not divide by K."),
    ],
)


# ------------------------------------------------------------------------- compute: one iteration


def _moved(X, labels, centres, empty):
    moved = centres.copy()
    for k in range(len(centres)):
        moved[k] = X[labels == k].mean(axis=0) if (labels == k).any() else empty(centres[k])
    return moved


def _iteration(X, centres):
    return _moved(X, _squared(X, centres).argmin(axis=1), centres, lambda centre: centre)


def _empty_is_nan(X, centres):
    return _moved(X, _squared(X, centres).argmin(axis=1), centres, lambda centre: np.nan * centre)


def _empty_is_zero(X, centres):
    return _moved(X, _squared(X, centres).argmin(axis=1), centres, np.zeros_like)


def _farthest(X, centres):
    return _moved(X, _squared(X, centres).argmax(axis=1), centres, lambda centre: centre)


def _median(X, centres):
    labels = _squared(X, centres).argmin(axis=1)
    groups = [X[labels == k] for k in range(len(centres))]
    return np.array([np.median(g, axis=0) if len(g) else c for g, c in zip(groups, centres, strict=True)])


def _only_assigned(X, centres):
    return _squared(X, centres).argmin(axis=1)


def _converged(X, centres):
    for _ in range(100):
        centres = _iteration(X, centres)
    return centres


exercise(
    "ex-kmeans-iteration",
    _iteration,
    cases=[
        (np.array([[0.0], [1.0], [5.0], [9.0], [10.0]]), np.array([[0.0], [6.0]])),
        (_rng.normal(size=(30, 2)), _rng.normal(size=(3, 2))),
        (_rng.normal(size=(6, 3)), np.ones((1, 3))),  # one centre
        (np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 0.5], [50.0, 50.0]])),  # an empty one
    ],
    mistakes=[
        (_empty_is_nan, "the mean of no samples is NaN; a centre without samples has to stay where it is."),
        (_empty_is_zero, "a centre without samples stays where it is; yours went to the origin."),
        (_farthest, "each sample goes to the nearest centre: argmin, not argmax."),
        (_median, "the minimiser of squared distances is the mean, not the median."),
        (_only_assigned, "these are the labels; the update that follows is missing."),
        (_converged, "one iteration is asked for; this goes on until nothing changes."),
    ],
)

# ------------------------------------------------------------------------- compute and break: values

exercise(
    "ex-kmeans-bias",
    2.3332618823507450,
    mistakes=[
        (2.0, "that is the true mean; hard assignment moves the centre outwards."),
        (2.1666, "the bias is twice sigma times the bracket, with sigma = 2."),
        (1.1666, "that is the answer for mean 1 and variance 1; here everything is twice as large."),
        (1.6667, "the sign: the centre moves away from the border."),
        (2.7911, "the standard deviation is 2, not 4."),
        (3.5825, "that takes the variance for a standard deviation, which is 2."),
    ],
    rtol=2.1e-4,  # three decimals
)

exercise(
    "ex-kmeans-stuck",
    16,
    mistakes=[
        (1, "that is the best inertia; from these centres the algorithm does not get there."),
        (8, "the distances are squared: each sample contributes 2² = 4."),
        (4, "that is the contribution of one sample; there are four."),
        (17, "each centre lies on its edge of the rectangle, so the height adds nothing."),
    ],
)
