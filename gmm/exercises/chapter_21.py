"""Chapter 21: exercises on statistics that add, on forgetting, and on samples of a table."""

from __future__ import annotations

import math

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises._page import Choices, Pieces

_rng = np.random.default_rng(2121)

# ------------------------------------------------------------------------- predict: what a block sends

exercise(
    "ex-memory-bytes",
    33.68,
    mistakes=[
        (4.21, "that is how many thousand numbers; each float64 has 8 bytes."),
        (3.368, "that is one component; there are ten."),
        (32.0, "counts and first moments are sent too."),
        (33680.0, "that is in bytes; asked for are kilobytes."),
        (18.48, "so few would do, for the matrices are symmetric; but all d² entries are counted here."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: what a constant step remembers

exercise(
    "ex-memory-remembered",
    0.025,
    mistakes=[
        (1.0 / 79.0, "1/γ batches are the time in which a share falls to a third; the effective number is larger."),
        (2.0 / 39501.0, "those are samples; first count the batches, of 500 samples each."),
        (1.0 / math.sqrt(79.0), "more than 1/γ batches, but not that many: 1/Σw², and not 1/γ²."),
    ],
    rtol=2e-3,
)

# ------------------------------------------------------------------------- predict: half the standard error

exercise(
    "ex-memory-quarter",
    20000.0,
    mistakes=[
        (40000.0, "that would be right with replacement; of 40,000 rows drawn without, nothing is left to chance."),
        (40000.0 / 3.0, "that halves the variance; half the standard error is a quarter of the variance."),
        (30000.0, "the correction is 1 - m/n of the variance S²/m, not of S²/10,000: m stands in both places."),
        (0.5, "that is the part of the table; asked for are rows."),
    ],
    rtol=2e-3,
)

# ------------------------------------------------------------------------- predict: how many workers

exercise(
    "ex-memory-workers",
    400.0,
    mistakes=[
        (1600.0, "the best number goes with the root of a n/τ."),
        (100.0, "both changes make more workers worth having: arithmetic is shared, handing out is not."),
        (200.0, "one of the changes alone; the other doubles it once more."),
        (25.0, "turn it over: the more arithmetic for each block, the more workers."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: what can be read again

_NUMBERS = "hand in a list of numbers from 1 to 6."
_TWICE = "one of those can be read as often as one likes."
_MORE = "one more: what Python calls an iterator is empty after one pass."


def _once(numbers):
    try:
        chosen = set(np.asarray(numbers).ravel().tolist())
    except (TypeError, ValueError):
        return _NUMBERS
    if not chosen or not chosen <= {1, 2, 3, 4, 5, 6}:
        return _NUMBERS
    if chosen - {3, 5}:
        return _TWICE
    return None if chosen == {3, 5} else _MORE


exercise(
    "ex-memory-once",
    [3, 5],
    judge=_once,
    page=Choices(
        (
            "1: a list of paths",
            "2: a generator function",
            "3: its generator",
            "4: a memory map",
            "5: zip",
            "6: a tuple",
        ),
        several=True,
    ),
    mistakes=[([3], _MORE), ([2, 3], _TWICE), ([3, 4, 5], _TWICE), ([0], _NUMBERS)],
)

# ------------------------------------------------------------------------- compute: two groups become one


def _merged(
    n_a, mean_a, covariance_a, n_b, mean_b, covariance_b, *, between=True, half=False, weighted=True, share=True
):
    n = n_a + n_b
    a, b = (n_a / n, n_b / n) if weighted else (0.5, 0.5)
    gap = mean_b - mean_a
    factor = a * b if share else 1.0
    mean = 0.5 * (mean_a + mean_b) if half else a * mean_a + b * mean_b
    covariance = a * covariance_a + b * covariance_b
    return n, mean, covariance + factor * np.outer(gap, gap) if between else covariance


def _group(n, d, shift=0.0, scale=1.0):
    rows = shift + scale * _rng.normal(size=(n, d))
    return float(n), rows.mean(axis=0), np.atleast_2d(np.cov(rows.T, bias=True))


def _expanded(n_a, mean_a, covariance_a, n_b, mean_b, covariance_b):
    n, mean, _ = _merged(n_a, mean_a, covariance_a, n_b, mean_b, covariance_b)
    second = n_a * (covariance_a + np.outer(mean_a, mean_a)) + n_b * (covariance_b + np.outer(mean_b, mean_b))
    return n, mean, second / n - np.outer(mean, mean)


exercise(
    "ex-memory-merge",
    lambda n_a, mean_a, covariance_a, n_b, mean_b, covariance_b: _merged(
        n_a, mean_a, covariance_a, n_b, mean_b, covariance_b
    ),
    cases=[
        (2.0, np.array([1.0]), np.array([[1.0]]), 2.0, np.array([5.0]), np.array([[0.0]])),
        (*_group(7, 2), *_group(23, 2, shift=3.0)),
        (*_group(12, 3, shift=1e7), *_group(30, 3, shift=1e7 + 2.0)),
    ],
    returns=("n", "mean", "covariance"),
    mistakes=[
        (lambda *a: _merged(*a, between=False), "two tight groups far apart are one wide one: the means differ too."),
        (lambda *a: _merged(*a, weighted=False), "a group counts with its number of samples."),
        (lambda *a: _merged(*a, half=True), "the mean lies nearer to the larger group."),
        (lambda *a: _merged(*a, share=False), "the squared gap of the means counts with both shares."),
        (_expanded, "far from zero the large squares cancel: take the difference of the means before you square it."),
    ],
)

# ------------------------------------------------------------------------- compute: a sum by neighbours


def _by_neighbours(values, *, lone=True, halves=False):
    level = [float(value) for value in values]
    while len(level) > 1:
        if halves:
            middle = len(level) // 2
            return _by_neighbours(level[:middle], halves=True) + _by_neighbours(level[middle:], halves=True)
        pairs = [level[j] + level[j + 1] for j in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if lone and len(level) % 2 else [])
    return level[0]


def _in_order(values):
    total = 0.0
    for value in values:
        total += float(value)
    return total


exercise(
    "ex-memory-tree",
    lambda values: _by_neighbours(values),
    cases=[
        (np.array([1.0, 2.0, 4.0]),),
        (np.array([1.0, 1e16, -1e16, 1.0]),),
        (np.array([1e16, 1.0, -1e16, 3.0, 5.0]),),
        (np.array([1e16, -1e16, 1e16, 2.0, -1e16, 7.0]),),
    ],
    mistakes=[
        (_in_order, "that adds one after the other. Add the first to the second, the third to the fourth, and so on."),
        (lambda values: _by_neighbours(values, lone=False), "one without a neighbour goes up as it is; it is lost."),
        (lambda values: _by_neighbours(values, halves=True), "neighbours come first, not the two halves."),
        (math.fsum, "that is the exact sum. Asked for is the one of the tree, with its roundings."),
    ],
)

# ------------------------------------------------------------------------- compute: a reservoir


def _reservoir(u, size, *, offset=1, always=False, first=False, early=False):
    kept = list(range(size))
    for i in range(size, len(u)):
        place = int(u[i] * (size if always else i + offset))
        if early:
            place = int(u[i - size] * (i + 1))
        if place < size and not first:
            kept[place] = i
    return np.array(kept)


exercise(
    "ex-memory-reservoir",
    lambda u, size: _reservoir(u, size),
    cases=[
        (np.array([0.0, 0.0, 0.1, 0.6, 0.2, 0.9]), 2),
        (np.array([0.9, 0.34, 0.99, 0.2, 0.05]), 1),
        (_rng.random(60), 5),
        (_rng.random(3), 3),
        (_rng.random(200), 7),
    ],
    mistakes=[
        (lambda u, size: _reservoir(u, size, offset=0), "with row i there are i + 1 rows: each must be as likely."),
        (lambda u, size: _reservoir(u, size, always=True), "each new row is kept; late ones would be preferred."),
        (lambda u, size: _reservoir(u, size, first=True), "these are the first rows, which a sorted file makes alike."),
        (lambda u, size: _reservoir(u, size, early=True), "row i takes u[i]; the first rows have theirs too."),
    ],
)

# ------------------------------------------------------------------------- break: a start that is never forgotten

_POSITIVE = "the exponent is to be one positive number, so that all steps are below 1."
_QUICK = "larger steps forget the start sooner. The other way."
_FORGOTTEN = "these steps add up to infinity, and the start's share goes to zero."


def _kept(alpha):
    if np.ndim(alpha) or np.asarray(alpha).dtype.kind not in "iuf" or not 0 < alpha < np.inf:
        return _POSITIVE
    return None if alpha > 1 else _FORGOTTEN if alpha > 0.5 else _QUICK


exercise(
    "ex-memory-exponent",
    2.0,
    judge=_kept,
    page=Pieces(_POSITIVE, [(0.0, _POSITIVE), (0.5, _QUICK), (1.0, _FORGOTTEN), (math.inf, None)]),
    mistakes=[(1.0, _FORGOTTEN), (0.6, _FORGOTTEN), (0.4, _QUICK), (-1.0, _POSITIVE), ((2.0, 2.0), _POSITIVE)],
)
