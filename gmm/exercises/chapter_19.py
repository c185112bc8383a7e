"""Exercises of chapter 19: generating, conditioning, missing values."""

from __future__ import annotations

import math

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises._page import Choices, Pieces

_rng = np.random.default_rng(1919)


def _mixture(K, d):
    """Weights, means and covariances of K components of d features."""
    roots = _rng.normal(size=(K, d, d))
    return (
        _rng.dirichlet(np.full(K, 3.0)),
        2.0 * _rng.normal(size=(K, d)),
        roots @ roots.swapaxes(1, 2) + 0.3 * np.eye(d),
    )


_PAIR = np.array([0.5, 0.5]), np.array([[0.0, 0.0], [4.0, 8.0]]), np.array([[[1.0, 0.5], [0.5, 1.0]]] * 2)

# ------------------------------------------------------------------------- predict: what is to be expected

exercise(
    "ex-given-mean",
    1.5,
    mistakes=[
        (3.0, "the components are equally near to what is known, but not equally heavy."),
        (4.5, "the weight of one quarter belongs to the component that expects 6."),
        (0.0, "the heavier component is more probable, not certain: take the mean over both."),
        (6.0, "the lighter component is possible, not certain: take the mean over both."),
        (2.0, "x₂ does not follow the line through the two means: each component expects its own mean."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: how sure of it

exercise(
    "ex-given-variance",
    7.75,
    mistakes=[
        (1.0, "that is the variance within the components; their means differ as well."),
        (6.75, "that is the variance between the means; the one within is added."),
        (10.0, "that adds the mean square of the means: take them about 1.5."),
        (np.sqrt(7.75), "that is the standard deviation."),
        (4.375, "that weighs the squared differences the other way round."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: a slope after filling

exercise(
    "ex-given-slope",
    1.5,
    mistakes=[
        (2.0, "that would be so if gaps were filled by the regression on x. The mean knows nothing of x."),
        (0.5, "that is what the lost ones had; the others keep their covariance."),
        (8.0 / 3.0, "the variance of x has not changed: the covariance falls, and the slope with it."),
        (2.0 * np.sqrt(0.75), "that is what becomes of a correlation: its denominator shrinks as well."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: at random or not

_NUMBERS = "hand in a list of numbers from 1 to 5."
_ONLY_COMPLETELY = "at random allows more than chance: gaps may depend on what stands in the table."
_ITSELF = "in one of those the missing value itself decides, and nothing else tells of it."
_MORE = "one more: what decides there stands in the table."


def _random(numbers):
    try:
        chosen = set(np.asarray(numbers).ravel().tolist())
    except (TypeError, ValueError):
        return _NUMBERS
    if not chosen or not chosen <= {1, 2, 3, 4, 5}:
        return _NUMBERS
    if chosen & {1, 4}:
        return _ITSELF
    if chosen == {2}:
        return _ONLY_COMPLETELY
    return None if chosen == {2, 3, 5} else _MORE


exercise(
    "ex-given-random",
    [2, 3, 5],
    judge=_random,
    page=Choices(
        ("1: the scales", "2: the lost forms", "3: age", "4: income", "5: the costly measurement"), several=True
    ),
    mistakes=[([2], _ONLY_COMPLETELY), ([2, 3, 4, 5], _ITSELF), ([2, 3], _MORE), ([0, 2], _NUMBERS)],
)

# ------------------------------------------------------------------------- compute: the density of what is there


def _observed(x, weights, means, variances, *, fill=None, weighted=True, constants=True, half=True, best=False):
    seen = ~np.isnan(x)
    whole = x if fill is None else np.where(seen, x, fill(means, weights))
    seen = seen if fill is None else np.ones_like(seen)
    z = (whole - means)[:, seen] ** 2 / variances[:, seen]
    logs = -(0.5 if half else 1.0) * z
    logs = logs - (0.5 * np.log(2.0 * np.pi * variances[:, seen]) if constants else 0.0)
    joint = logs.sum(axis=1) + (np.log(weights) if weighted else 0.0)
    return joint.max() if best else np.logaddexp.reduce(joint)


def _diagonal(K, d, gaps, far=1.0):
    x = far * _rng.normal(size=d)
    x[gaps] = np.nan
    return x, _rng.dirichlet(np.ones(K)), 2.0 * _rng.normal(size=(K, d)), _rng.uniform(0.3, 2.0, size=(K, d))


def _observed_plain(x, weights, means, variances):
    with np.errstate(all="ignore"):
        seen = ~np.isnan(x)
        z = (x - means)[:, seen] ** 2 / variances[:, seen]
        return np.log(weights @ (np.exp(-0.5 * z) / np.sqrt(2.0 * np.pi * variances[:, seen])).prod(axis=1))


exercise(
    "ex-given-observed",
    lambda x, weights, means, variances: _observed(x, weights, means, variances),
    cases=[
        (np.array([1.0, np.nan]), np.array([0.5, 0.5]), np.array([[0.0, 0.0], [3.0, 2.0]]), np.ones((2, 2))),
        _diagonal(3, 4, [0, 2]),
        _diagonal(2, 3, [1], far=60.0),
        _diagonal(2, 2, [0, 1]),
    ],
    mistakes=[
        (
            lambda *a: _observed(*a, fill=lambda means, weights: 0.0),
            "a missing value is not zero: leave its feature out.",
        ),
        (
            lambda *a: _observed(*a, fill=lambda means, weights: weights @ means),
            "a missing value is not the mean: leave its feature out.",
        ),
        (lambda *a: _observed(*a, weighted=False), "the weights are missing."),
        (lambda *a: _observed(*a, constants=False), "the constants differ between components: keep them."),
        (lambda *a: _observed(*a, half=False), "the squares stand with the factor one half."),
        (lambda *a: _observed(*a, best=True), "all components add up, not the likeliest alone."),
        (_observed_plain, "far from all components the densities are 0 in floating point: stay with logarithms."),
    ],
)

# ------------------------------------------------------------------------- compute: the density of an answer


def _log_normal(x, mean, variance):
    return -0.5 * (np.log(2.0 * np.pi * variance) + (x - mean) ** 2 / variance)


def _answer(x, y, weights, means, covariances, *, told=True, divided=True, moved=True, narrowed=True, reversed_=False):
    if reversed_:
        x, y, means, covariances = y, x, means[:, ::-1], covariances[:, ::-1, ::-1]
    variances, slopes = covariances[:, 0, 0], covariances[:, 0, 1] / covariances[:, 0, 0]
    given = np.log(weights) + (_log_normal(x, means[:, 0], variances) if told else 0.0)
    centres = means[:, 1] + (slopes * (x - means[:, 0]) if moved else 0.0)
    spreads = covariances[:, 1, 1] - (slopes * covariances[:, 0, 1] if narrowed else 0.0)
    joint = np.logaddexp.reduce(given + _log_normal(y, centres, spreads))
    return joint - (np.logaddexp.reduce(given) if divided else 0.0)


exercise(
    "ex-given-answer",
    lambda x, y, weights, means, covariances: _answer(x, y, weights, means, covariances),
    cases=[(2.0, 1.0, *_PAIR), (0.7, -1.2, *_mixture(3, 2)), (-40.0, 3.0, *_mixture(2, 2))],
    mistakes=[
        (lambda *a: _answer(*a, divided=False), "that is the joint density: divide by that of x."),
        (lambda *a: _answer(*a, told=False), "x tells which component it is: the weights change."),
        (lambda *a: _answer(*a, moved=False), "within a component, x moves what is expected of y."),
        (lambda *a: _answer(*a, narrowed=False), "given x, a component's variance of y is smaller."),
        (lambda *a: _answer(*a, reversed_=True), "that is the density of x, given y."),
    ],
)

# ------------------------------------------------------------------------- compute: a draw into a gap


def _draw(x1, u, z, weights, means, covariances, *, told=True, root=True, moved=True, narrowed=True, shift=0):
    variances = covariances[:, 0, 0]
    logs = np.log(weights) + (_log_normal(x1, means[:, 0], variances) if told else 0.0)
    w = np.exp(logs - np.logaddexp.reduce(logs))
    k = min(int(np.argmax(np.cumsum(w) > u)) + shift, len(w) - 1)
    slope = covariances[k, 0, 1] / variances[k]
    spread = covariances[k, 1, 1] - (slope * covariances[k, 0, 1] if narrowed else 0.0)
    centre = means[k, 1] + (slope * (x1 - means[k, 0]) if moved else 0.0)
    return centre + (np.sqrt(spread) if root else spread) * z


def _draw_mean(x1, u, z, weights, means, covariances):
    variances = covariances[:, 0, 0]
    logs = np.log(weights) + _log_normal(x1, means[:, 0], variances)
    slopes = covariances[:, 0, 1] / variances
    return np.exp(logs - np.logaddexp.reduce(logs)) @ (means[:, 1] + slopes * (x1 - means[:, 0]))


exercise(
    "ex-given-draw",
    lambda x1, u, z, weights, means, covariances: _draw(x1, u, z, weights, means, covariances),
    cases=[
        (1.0, 0.6, 1.0, *_PAIR),
        (3.0, 0.4, -0.5, *_PAIR),
        (0.5, 0.2, 1.7, *_mixture(3, 2)),
        (-30.0, 0.9, 0.4, *_mixture(2, 2)),
    ],
    mistakes=[
        (lambda *a: _draw(*a, told=False), "the component is drawn with the weights given x₁."),
        (lambda *a: _draw(*a, root=False), "z is multiplied with the standard deviation, not the variance."),
        (lambda *a: _draw(*a, moved=False), "x₁ moves the mean of the component that was drawn."),
        (lambda *a: _draw(*a, narrowed=False), "given x₁, the variance of x₂ is smaller."),
        (
            lambda *a: _draw(*a, shift=1),
            "that is one component too far: take the first whose cumulated weight is above u.",
        ),
        (_draw_mean, "that is the conditional mean; draw a component first, then a value of it."),
    ],
)

# ------------------------------------------------------------------------- compute: nearer to whom


def _share(new, seen, unseen, *, swap=False, average=False, columns=None, ties=False):
    def distance(part):
        squares = ((new[:, None] - part) ** 2)[:, :, :columns].sum(axis=2)
        return np.sqrt(squares).mean(axis=1) if average else squares.min(axis=1)

    near, far = (distance(unseen), distance(seen)) if swap else (distance(seen), distance(unseen))
    return np.mean(near <= far) if ties else np.mean(near < far)


def _tables(n, m, d):
    return _rng.normal(size=(n, d)), _rng.normal(size=(m, d)), _rng.normal(size=(m + 2, d))


exercise(
    "ex-given-nearest",
    lambda new, seen, unseen: _share(new, seen, unseen),
    cases=[
        (
            np.array([[0.0, 0.0], [5.0, 5.0], [0.0, 3.0], [2.0, 1.0]]),
            np.array([[0.0, 1.0], [9.0, 9.0], [1.0, 1.0]]),
            np.array([[5.0, 6.0], [3.0, 1.0], [2.0, 4.0]]),
        ),
        _tables(25, 10, 3),
        _tables(30, 12, 2),
    ],
    mistakes=[
        (lambda *a: _share(*a, swap=True), "count those that are nearer to `seen`."),
        (lambda *a: _share(*a, average=True), "the nearest row counts, not the mean over all."),
        (lambda *a: _share(*a, columns=1), "all columns belong to the distance."),
        (lambda *a: _share(*a, ties=True), "a tie does not count."),
    ],
)

# ------------------------------------------------------------------------- compute: a step through the gaps


def _step(x, y, mean, covariance, *, extra=True, every=False, old=False, column=False, total=False, share=True):
    slope = covariance[0, 1] / covariance[0, 0]
    gaps = np.isnan(y)
    guess = np.nanmean(y) if column else mean[1] + slope * (x - mean[0])
    whole = np.column_stack([x, np.where(gaps, guess, y)])
    if every:
        whole = whole[~gaps]
    new = whole.mean(axis=0)
    z = whole - (mean if old else new)
    result = z.T @ z / len(whole)
    left = covariance[1, 1] if total else covariance[1, 1] - slope * covariance[0, 1]
    if extra and not every:
        result[1, 1] += (gaps.mean() if share else 1.0) * left
    return new, result


def _column(n, gaps):
    x = _rng.normal(size=n)
    y = x + _rng.normal(size=n)
    y[gaps] = np.nan
    root = _rng.normal(size=(2, 2))
    return x, y, _rng.normal(size=2), root @ root.T + 0.5 * np.eye(2)


exercise(
    "ex-given-step",
    lambda x, y, mean, covariance: _step(x, y, mean, covariance),
    cases=[
        (np.array([0.0, 1.0, 2.0, 5.0]), np.array([1.0, np.nan, 0.0, np.nan]), np.zeros(2), _PAIR[2][0]),
        _column(8, [1, 2, 6]),
        _column(9, [0]),
    ],
    returns=("mean", "covariance"),
    mistakes=[
        (lambda *a: _step(*a, extra=False), "a guess varies less than a value: its conditional variance is missing."),
        (lambda *a: _step(*a, every=True), "that leaves out the rows with gaps: their x counts."),
        (lambda *a: _step(*a, old=True), "the covariance is taken about the new mean."),
        (lambda *a: _step(*a, column=True), "the expected y depends on x: fill by the regression."),
        (lambda *a: _step(*a, total=True), "of a gap the *conditional* variance is added, given x."),
        (lambda *a: _step(*a, share=False), "the conditional variance is added for the gaps alone: times their share."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- break: a forecast that never comes true

_WAIT = "hand in one number of minutes, from 40 to 100."
_PEAK = "there the mean is near a peak: one component is nearly certain. Go where both are possible."
_SLOPE = "there both are possible, but one is favoured, and the mean is on the slope of its peak. Go on."


def _valley(wait):
    from gmm import datasets, mixture_mean
    from gmm.estimators import GaussianMixture

    if np.ndim(wait) or np.asarray(wait).dtype.kind not in "iuf" or not 40 <= wait <= 100:
        return _WAIT
    X = datasets.load_old_faithful().X
    fit = GaussianMixture(2, n_init=5, tol=1e-8, max_iter=1000, random_state=0).fit(X)
    answer = fit.conditional(1, float(wait))
    mean = mixture_mean(answer.weights_, answer.means_)
    grid = np.linspace(1.0, 6.0, 1001)[:, None]
    below = answer.score_samples(grid).max() - answer.score_samples(mean[None])[0]
    return None if below > np.log(5.0) else _SLOPE if below > np.log(1.2) else _PEAK


exercise(
    "ex-given-valley",
    66.0,
    judge=_valley,
    page=Pieces(
        _WAIT,
        [
            (math.nextafter(40.0, 0.0), _WAIT),
            (63.050931, _PEAK),
            (64.825673, _SLOPE),
            (66.850623, None),
            (68.843597, _SLOPE),
            (100.0, _PEAK),
            (math.inf, _WAIT),
        ],
    ),
    mistakes=[(80.0, _PEAK), (68.0, _SLOPE), (300.0, _WAIT), ((66.0, 67.0), _WAIT)],
)

# ------------------------------------------------------------------------- break: two tests passed, the third not

_TABLE = "hand in an array of finite numbers of shape (1000, 2)."
_COLUMN = "a column does not look standard normal: a Kolmogorov–Smirnov test notices."
_CORRELATED = "the columns are correlated by 0.1 or more: the second test notices."
_INDEPENDENT = "the absolute values are hardly correlated: the table may be right."


def _cross(table):
    from scipy.stats import kstest

    try:
        table = np.asarray(table, dtype=float)
    except (TypeError, ValueError):
        return _TABLE
    if table.shape != (1000, 2) or not np.isfinite(table).all():
        return _TABLE
    if min(kstest(column, "norm").pvalue for column in table.T) < 0.01:
        return _COLUMN
    if abs(np.corrcoef(table.T)[0, 1]) >= 0.1:
        return _CORRELATED
    return None if np.corrcoef(np.abs(table).T)[0, 1] > 0.5 else _INDEPENDENT


_normal = np.random.default_rng(2).normal(size=(1000, 2))
_signs = np.random.default_rng(3).choice([-1.0, 1.0], size=1000)

exercise(
    "ex-given-cross",
    np.column_stack([_normal[:, 0], _signs * _normal[:, 0]]),
    judge=_cross,
    mistakes=[
        (_normal, _INDEPENDENT),
        (_normal[:, [0, 0]], _CORRELATED),
        (_normal + 1.0, _COLUMN),
        (_normal[:10], _TABLE),
    ],
)
