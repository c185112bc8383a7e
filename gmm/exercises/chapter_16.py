"""Exercises of chapter 16: reading a fit."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from gmm.exercises._core import exercise
from gmm.exercises._page import Numbers

_rng = np.random.default_rng(1616)

# ------------------------------------------------------------------------- predict: an even doubt

exercise(
    "ex-read-even",
    10.0 * np.log(2.0),
    mistakes=[
        (10.0, "that is in bits; entropies here are in nats."),
        (5.0 * np.log(2.0), "each of the ten samples is in doubt by log 2, whatever the two shares are called."),
        (20.0 * np.log(2.0), "-r log r of both halves together is log 2, not of each."),
        (0.0, "that is the entropy that is left; you are asked for what the merge takes away."),
        (10.0 * np.log(3.0), "the third component has no share in these samples."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: a p-value

exercise(
    "ex-read-rank",
    0.2,
    mistakes=[
        (3.0 / 19.0, "the data count as one of the samples, above and below the fraction line."),
        (0.15, "the data themselves are as large as T, too."),
        (4.0 / 19.0, "with the data there are twenty samples."),
        (0.8, "count those that are as large, not those that are smaller."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute by hand: a standard error

exercise(
    "ex-read-by-hand",
    np.sqrt(13.0),
    mistakes=[
        (13.0, "that is the variance; take its root."),
        (np.sqrt(26.0 / 3.0), "divide by the number of replicates less one."),
        (np.sqrt(13.0 / 3.0), "the replicates scatter as the estimate does; do not divide by their number again."),
        (np.sqrt(26.0), "divide the sum of squares by two before you take the root."),
        (7.0, "that is the range."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- compute: entropy after merging


def _entropy(resp, groups):
    merged = resp @ (groups[:, None] == np.arange(groups.max() + 1))
    return entr(merged).sum()


def _entropy_of_means(resp, groups):
    member = (groups[:, None] == np.arange(groups.max() + 1)).astype(float)
    return entr(resp @ (member / member.sum(axis=0))).sum()


def _entropy_within(resp, groups):
    return entr(resp).sum() - _entropy(resp, groups)


def _entropy_of_shares(resp, groups):
    return entr((resp @ (groups[:, None] == np.arange(groups.max() + 1))).mean(axis=0)).sum()


def _entropy_of_largest(resp, groups):
    merged = np.array([resp[:, groups == g].max(axis=1) for g in range(groups.max() + 1)]).T
    return entr(merged).sum()


exercise(
    "ex-read-entropy",
    _entropy,
    cases=[
        (np.array([[0.5, 0.25, 0.25]]), np.array([0, 1, 1])),
        (_rng.dirichlet([0.5, 0.5, 0.5], size=5), np.array([0, 1, 0])),
        (np.vstack([np.eye(4), _rng.dirichlet(np.ones(4), size=3)]), np.array([1, 0, 1, 0])),
    ],
    mistakes=[
        (lambda resp, groups: entr(resp).sum(), "that is the entropy of the components; add up each cluster's first."),
        (_entropy_of_means, "the probability of a cluster is the sum over its components, not their mean."),
        (_entropy_within, "that is what the merges took away; you are asked for what is left."),
        (_entropy_of_shares, "that is the entropy of the clusters' sizes; take that of each sample, and add."),
        (
            _entropy_of_largest,
            "a sample may belong to any component of the cluster: add them, do not take the largest.",
        ),
    ],
)

# ------------------------------------------------------------------------- compute: an order


def _costs(resp, reference):
    return ((reference[:, :, None] - resp[:, None, :]) ** 2).sum(axis=0)


def _order(resp, reference):
    return linear_sum_assignment(_costs(resp, reference))[1]


def _by_size(resp, reference):
    order = np.empty(resp.shape[1], dtype=int)
    order[np.argsort(-reference.sum(axis=0), kind="stable")] = np.argsort(-resp.sum(axis=0), kind="stable")
    return order


def _order_case(n, order, noise):
    reference = _rng.dirichlet(np.full(len(order), 0.2), size=n)
    mixed = (1.0 - noise) * reference + noise * _rng.dirichlet(np.full(len(order), 0.5), size=n)
    return mixed[:, order], reference


exercise(
    "ex-read-order",
    _order,
    cases=[
        (np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([[1.0, 0.0], [0.0, 1.0]])),
        _order_case(8, [2, 0, 1], 0.2),
        _order_case(6, [1, 3, 0, 2], 0.3),
        # The first two components are nearest to the same column.
        (np.array([[0.0, 1.0], [0.5, 0.5], [0.6, 0.4]]), np.array([[0.0, 1.0], [0.4, 0.6], [0.0, 1.0]])[:, ::-1]),
        (
            np.array([[0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.7, 0.2, 0.1]]),
            np.array([[0.5, 0.4, 0.1], [0.4, 0.4, 0.2], [0.5, 0.4, 0.1]]),
        ),
    ],
    mistakes=[
        (lambda resp, reference: np.argsort(_order(resp, reference)), "that is the inverse: where each column goes."),
        (
            lambda resp, reference: _costs(resp, reference).argmin(axis=1),
            "each column may be taken once: the nearest one may be another's, too.",
        ),
        (
            lambda resp, reference: linear_sum_assignment(-_costs(resp, reference))[1],
            "that is the order with the largest distance.",
        ),
        (_by_size, "sizes need not tell components apart: compare the samples' responsibilities."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- compute: an interval for a weight


def _interval(weight, error, z):
    centre, width = np.log(weight / (1.0 - weight)), z * error / (weight * (1.0 - weight))
    return 1.0 / (1.0 + np.exp(width - centre)), 1.0 / (1.0 + np.exp(-width - centre))


def _interval_with(scale, link=lambda w: np.log(w / (1.0 - w)), back=lambda t: 1.0 / (1.0 + np.exp(-t))):
    def wrong(weight, error, z):
        width = z * error * scale(weight)
        return back(link(weight) - width), back(link(weight) + width)

    return wrong


exercise(
    "ex-read-interval",
    _interval,
    cases=[(0.5, 0.1, 1.0), (0.1, 0.08, 1.96), (0.97, 0.02, 1.645), (0.36, 0.03, 2.5)],
    returns=("low", "high"),
    mistakes=[
        (lambda weight, error, z: (weight - z * error, weight + z * error), "that one leaves 0 to 1; take log-odds."),
        (_interval_with(lambda w: 1.0), "the log-odds has another standard error: multiply by its derivative."),
        (_interval_with(lambda w: w * (1.0 - w)), "the derivative of the log-odds is 1 / (π (1 - π)): divide."),
        (_interval_with(lambda w: 1.0 / (w * (1.0 - w)), back=lambda t: t), "turn the ends back into weights."),
        (_interval_with(lambda w: 1.0 / w, np.log, np.exp), "a logarithm keeps it above 0; log-odds below 1, too."),
        (lambda weight, error, z: _interval(weight, error, z)[::-1], "the lower end comes first."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- compute: the error of a difference


def _difference(replicates, j, k):
    return np.std(replicates[:, j] - replicates[:, k], ddof=1)


exercise(
    "ex-read-difference",
    _difference,
    cases=[
        (np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 3.0]]), 0, 1),
        (_rng.multivariate_normal(np.zeros(3), np.eye(3) + 0.8, size=12), 2, 0),
        (_rng.normal(size=(30, 2)) + 1e4, 1, 0),
    ],
    mistakes=[
        (
            lambda replicates, j, k: np.hypot(*(np.std(replicates[:, m], ddof=1) for m in (j, k))),
            "that holds for independent estimates; these come from the same samples.",
        ),
        (
            lambda replicates, j, k: abs(np.subtract(*(np.std(replicates[:, m], ddof=1) for m in (j, k)))),
            "take the difference of the replicates first, then their standard deviation.",
        ),
        (lambda replicates, j, k: np.std(replicates[:, j] - replicates[:, k]), "divide by the replicates less one."),
        (
            lambda replicates, j, k: np.std(replicates[:, j] + replicates[:, k], ddof=1),
            "that is the error of the sum.",
        ),
        (
            lambda replicates, j, k: _difference(replicates, j, k) / np.sqrt(len(replicates)),
            "more replicates do not make the estimate surer: leave out the root of their number.",
        ),
    ],
)

# ------------------------------------------------------------------------- break: greedy matching

_MATRIX = "hand in a table of two by two costs, finite and not negative."
_BEST = "taking the smallest cost first is the best assignment there, or as good: make what is left very dear."
_TIE = "the smallest cost stands there twice, so that greedy matching has a choice: let it be the only one."


def _greedy_fails(costs):
    costs = np.asarray(costs)
    if costs.shape != (2, 2) or costs.dtype.kind not in "iuf" or not np.isfinite(costs).all() or (costs < 0).any():
        return _MATRIX
    if np.count_nonzero(costs == costs.min()) > 1:
        return _TIE
    i, j = divmod(int(costs.argmin()), 2)
    greedy = costs[i, j] + costs[1 - i, 1 - j]
    return None if greedy > costs[i, 1 - j] + costs[1 - i, j] else _BEST


exercise(
    "ex-read-greedy",
    np.array([[1.0, 2.0], [3.0, 10.0]]),
    judge=_greedy_fails,
    page=Numbers(
        "costs",
        (_MATRIX, _TIE, _BEST),
        ("row 1, column 1", "row 1, column 2", "row 2, column 1", "row 2, column 2"),
    ),
    mistakes=[
        (np.array([[1.0, 2.0], [3.0, 3.5]]), _BEST),
        (np.array([[1.0, 1.0], [1.0, 9.0]]), _TIE),
        (np.array([[-1.0, 2.0], [3.0, 10.0]]), _MATRIX),
        (np.eye(3), _MATRIX),
    ],
)
