"""Checks of the exercises of chapter 1."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

# ------------------------------------------------------------------------------------- what waiting weighs

# The centres that k-means finds in Old Faithful, in minutes, rounded.
_ERUPTIONS, _WAITING = 4.30 - 2.09, 80.28 - 54.75

exercise(
    "ex-why-share",
    _WAITING**2 / (_ERUPTIONS**2 + _WAITING**2),
    mistakes=[
        (_WAITING / (_ERUPTIONS + _WAITING), "these are shares of the distances; k-means adds up their squares."),
        (_ERUPTIONS**2 / (_ERUPTIONS**2 + _WAITING**2), "this is the share of the eruptions; waiting is asked for."),
        (0.5, "two features do not weigh the same: compare the squares of the two differences."),
        (_WAITING**2, "this is the square itself; divide it by the sum of both squares."),
        (
            _WAITING / np.hypot(_ERUPTIONS, _WAITING),
            "this is the share of the distances, whose root was taken; k-means adds up the squares.",
        ),
    ],
    rtol=2.4e-4,  # three decimals; .9963, the root, stays apart
)

# ------------------------------------------------------------------------------------- the nearest centre


def _nearest(X, centres):
    differences = X[:, None, :] - centres[None, :, :]
    return (differences**2).sum(axis=2).argmin(axis=1)


def _farthest(X, centres):
    return ((X[:, None, :] - centres) ** 2).sum(axis=2).argmax(axis=1)


def _signed_sum(X, centres):
    return (X[:, None, :] - centres).sum(axis=2).argmin(axis=1)


def _distances(X, centres):
    return ((X[:, None, :] - centres) ** 2).sum(axis=2).min(axis=1)


def _down_the_samples(X, centres):
    return ((X[:, None, :] - centres) ** 2).sum(axis=2).argmin(axis=0)


def _first_feature(X, centres):
    return ((X[:, None, 0] - centres[:, 0]) ** 2).argmin(axis=1)


def _from_one(X, centres):
    return _nearest(X, centres) + 1


def _nearest_cases():
    rng = np.random.default_rng(101)
    cases = [(np.array([[0.0, 0.0], [3.0, 1.0], [0.4, 9.0]]), np.array([[0.0, 1.0], [4.0, 0.0]]))]
    # the nearest by squares, and not by absolute differences
    cases.append((np.array([[0.0, 0.0], [6.0, 6.0]]), np.array([[2.0, 2.0], [0.0, 3.5]])))
    for n, d, n_centres in ((6, 1, 2), (5, 3, 4), (4, 2, 1), (50, 5, 3)):
        cases.append((rng.normal(size=(n, d)) * 3, rng.normal(size=(n_centres, d)) * 3))
    cases.append((1e6 + rng.normal(size=(8, 2)), 1e6 + rng.normal(size=(3, 2))))
    return cases


def _manhattan(X, centres):
    return np.abs(X[:, None, :] - centres).sum(axis=2).argmin(axis=1)


def _all_squares(X, centres):
    return ((X[:, None, :] - centres) ** 2).sum(axis=2)


def _nearest_centres(X, centres):
    return centres[_nearest(X, centres)]


exercise(
    "ex-why-nearest",
    _nearest,
    cases=_nearest_cases(),
    mistakes=[
        (_farthest, "this is the farthest centre: the smallest squared distance wins, so argmin."),
        (_signed_sum, "differences of opposite sign cancel: square them before you add."),
        (_distances, "these are the squared distances to the nearest centre; its index is asked for: argmin."),
        (_down_the_samples, "this is the nearest sample of each centre; take argmin over the centres, axis 1."),
        (_first_feature, "only the first feature counts here: sum the squares over all features."),
        (_from_one, "labels count from 0 in code, as argmin gives them."),
        (_manhattan, "these are sums of absolute differences: square the differences before you add them."),
        (_all_squares, "these are the squared distances to all centres; the index of the smallest is asked for."),
        (_nearest_centres, "these are the nearest centres themselves; their indices are asked for."),
    ],
)

# ------------------------------------------------------------------------------------- parameters


def _count_parameters(n_components, n_features):
    one = n_features + n_features * (n_features + 1) // 2
    return n_components * one + n_components - 1


def _count_all_weights(n_components, n_features):
    return _count_parameters(n_components, n_features) + 1


def _count_square_covariance(n_components, n_features):
    return n_components * (n_features + n_features**2) + n_components - 1


def _count_without_weights(n_components, n_features):
    return _count_parameters(n_components, n_features) - (n_components - 1)


def _count_without_diagonal(n_components, n_features):
    return n_components * (n_features + n_features * (n_features - 1) // 2) + n_components - 1


exercise(
    "ex-why-parameters",
    _count_parameters,
    cases=[(2, 2), (1, 1), (3, 1), (1, 4), (3, 13), (10, 64)],
    mistakes=[
        (_count_all_weights, "the last weight is not free: the weights sum to one."),
        (_count_square_covariance, "a covariance is symmetric: only d(d + 1)/2 of its entries are free."),
        (_count_without_weights, "the weights are missing: K - 1 of them are free."),
        (_count_without_diagonal, "K times d numbers are missing: the means, or the diagonals of the covariances."),
        (
            lambda K, d: K - 1 + d + d * (d + 1) // 2,
            "every component has a mean and a covariance of its own: both count K times.",
        ),
        (lambda K, d: K - 1 + K * d + d * (d + 1) // 2, "every component has a covariance of its own: K times."),
        (lambda K, d: K - 1 + 2 * K * d, "these are the variances alone; a covariance has entries off the diagonal."),
        (lambda K, d: _count_parameters(d, K), "the order is (n_components, n_features); yours seems to be reversed."),
        (
            lambda K, d: K * (d + d // 2 * (d + 1)) + K - 1,
            "for odd d, d // 2 loses a half: multiply d by d + 1 first, and halve after that.",
        ),
    ],
)

# ------------------------------------------------------------------------------------- the border


def _log_odds(x, weights, means, variances, constant=True):
    a = [
        np.log(w) - constant * 0.5 * np.log(v) - (x - m) ** 2 / (2 * v)
        for w, m, v in zip(weights, means, variances, strict=True)
    ]
    return a[0] - a[1]


def _border(weights, means, variances, log_odds=_log_odds):
    low, high = means
    for _ in range(100):
        x = (low + high) / 2
        if log_odds(x, weights, means, variances) > 0:
            low = x
        else:
            high = x
    return x


def _border_midpoint(weights, means, variances):
    return (means[0] + means[1]) / 2


def _border_common(weights, means, variances):
    variance = weights[0] * variances[0] + weights[1] * variances[1]
    return _border_midpoint(weights, means, variances) + variance / (means[1] - means[0]) * np.log(
        weights[0] / weights[1]
    )


def _border_by_deviations(weights, means, variances):
    reach = np.sqrt(variances)
    return (means[0] * reach[1] + means[1] * reach[0]) / reach.sum()


exercise(
    "ex-why-border",
    _border,
    cases=[
        ([0.5, 0.5], [0.0, 4.0], [1.0, 1.0]),
        ([0.75, 0.25], [0.0, 4.0], [1.0, 1.0]),
        ([0.5, 0.5], [0.0, 4.0], [0.25, 2.0]),
        ([0.2, 0.8], [-1.0, 3.0], [0.5, 1.5]),
        ([0.3, 0.7], [5.0, -5.0], [2.0, 3.0]),  # the first component on the right
    ],
    mistakes=[
        (_border_midpoint, "this is the border of k-means, the midpoint; weights and variances move it."),
        (
            lambda w, m, v: _border(w, m, v, lambda *args: _log_odds(*args, constant=False)),
            "the height of a bell is divided by its standard deviation; with different variances that does not cancel.",
        ),
        (lambda w, m, v: _border([0.5, 0.5], m, v), "the weights are missing: they multiply the two bells."),
        (lambda w, m, v: _border(w[::-1], m, v), "the border moves the wrong way: the heavier component gains ground."),
        (lambda w, m, v: _border(w, m, np.square(v)), "the last argument holds variances: do not square them again."),
        (lambda w, m, v: _border(w, m, np.sqrt(v)), "the last argument holds variances already: no square root."),
        (_border_common, "this is right for a common variance only; here each component has its own."),
        (
            _border_by_deviations,
            "this is where the distances in standard deviations are equal; compare the weighted bells instead.",
        ),
        (lambda w, m, v: w[0] * m[0] + w[1] * m[1], "that is the mean of the mixture, not the border."),
    ],
    rtol=1e-6,
)

# ------------------------------------------------------------------------------------- hours


def _faithful_in_hours():
    """How many of the 272 labels of k-means change when waiting is measured in hours."""
    return 6


exercise(
    "ex-why-hours",
    _faithful_in_hours(),
    mistakes=[
        (272 - _faithful_in_hours(), "the two runs number their groups in opposite order: match them first."),
        (0, "no change: the waiting time alone has to shrink. Here it grew, or both features shrank alike."),
        (4, "this compares minutes with standardised data; divide the waiting time by 60 instead."),
    ],
)
