"""Exercises of chapter 17: density and anomalies."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises._page import Rare

_rng = np.random.default_rng(1717)

# ------------------------------------------------------------------------- predict: a p-value by counting

exercise(
    "ex-anomaly-rank",
    0.2,
    mistakes=[
        (3.0 / 19.0, "the new sample is one of those that are ranked: 1 is added above and below."),
        (3.0 / 20.0, "its own rank counts it, too: add 1 above."),
        (4.0 / 19.0, "with itself there are twenty: add 1 below."),
        (0.8, "count those as low as it, not those above."),
        (0.85, "count those as low as it and itself, not those above."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------- predict: how many must calibrate

exercise(
    "ex-anomaly-needed",
    49,
    mistakes=[
        (50, "with 50 it works, but 49 suffice: the new sample is ranked with them."),
        (48, "the smallest p-value of 48 is 1/49, which is more than 0.02."),
        (98, "only those that calibrate are asked for, not those that fit."),
        (100, "only those that calibrate are asked for, and the new sample is ranked with them."),
        (99, "that is for one per cent."),
    ],
)

# ------------------------------------------------------------------------- compute by hand: base rate

exercise(
    "ex-anomaly-base-rate",
    0.0009 / (0.0009 + 0.00999),
    mistakes=[
        (0.9 / 0.91, "that is for as many odd samples as usual ones: weigh each with its share."),
        (0.9, "that is the share of the odd samples that is flagged; asked is the share of the alarms that is right."),
        (0.00999 / 0.01089, "that is the share of the alarms that is false."),
        (0.001, "that is the share of odd samples before any alarm."),
        (0.0009 / 0.00999, "divide by all alarms, the right ones included."),
    ],
    rtol=6e-3,
)

# ------------------------------------------------------------------------- compute: mean of the folds' p-values


def _mean_p(scores, calibration, folds, *, plus=None, total=None, strict=False, own=True):
    compared = scores[folds] if own else np.full(len(folds), scores.mean())
    count = (calibration < compared).sum() if strict else (calibration <= compared).sum()
    plus = len(scores) if plus is None else plus
    return (plus + count) / (len(calibration) + (len(scores) if total is None else total))


def _unweighted_mean_p(scores, calibration, folds):
    parts = [calibration[folds == k] for k in range(len(scores))]
    return float(np.mean([(1 + (part <= s).sum()) / (len(part) + 1) for s, part in zip(scores, parts, strict=True)]))


def _folds_case(n, K):
    return _rng.normal(size=K).round(1), _rng.normal(size=n).round(1), np.arange(n) % K


exercise(
    "ex-anomaly-mean-p",
    lambda scores, calibration, folds: _mean_p(scores, calibration, folds),
    cases=[
        (np.array([0.0, 1.0]), np.array([-1.0, 0.5, 0.0]), np.array([0, 1, 0])),
        (np.array([-0.5, 0.5]), np.array([0.0, 0.0, 0.0, 1.0, -0.5]), np.array([0, 1, 1, 1, 0])),
        _folds_case(11, 3),
        _folds_case(20, 4),
    ],
    mistakes=[
        (
            lambda s, c, f: _mean_p(s, c, f, plus=1, total=1),
            "that is the cross-conformal one; here K stands for 1.",
        ),
        (lambda s, c, f: _mean_p(s, c, f, strict=True), "an equal score is as low: ≤, not <."),
        (lambda s, c, f: _mean_p(s, c, f, plus=0, total=0), "each fold counts the new sample once."),
        (lambda s, c, f: _mean_p(s, c, f, own=False), "compare each sample under the mixture of its own fold."),
        (lambda s, c, f: 1.0 - _mean_p(s, c, f, plus=0), "count those that are as low, not those above."),
        (_unweighted_mean_p, "the folds have weights, m_k + 1 over n + K: they may differ in size."),
    ],
)

# ------------------------------------------------------------------------- compute: detections at a threshold


def _detection(usual, odd, alpha, *, add=1, shift=0, inclusive=False, high=False):
    j = int(np.floor(alpha * (len(usual) + add) + 1e-9)) + shift
    if j < 1 or j > len(usual):
        return 0.0
    if high:
        return float(np.mean(odd > np.sort(usual)[-j]))
    threshold = np.sort(usual)[j - 1]
    return float(np.mean(odd <= threshold if inclusive else odd < threshold))


def _detection_case(m, n, alpha):
    return _rng.normal(size=m).round(1), (_rng.normal(size=n) - 1.5).round(1), alpha


exercise(
    "ex-anomaly-power",
    lambda usual, odd, alpha: _detection(usual, odd, alpha),
    cases=[
        (np.array([3.0, 1.0, 4.0, 2.0]), np.array([0.0, 1.0, 1.5, 2.0, 2.5, 9.0]), 0.4),
        (np.arange(9.0), np.array([-1.0, 0.0, 0.5, 9.5]), 0.1),
        (np.arange(9.0), np.array([-1.0, 0.5, 3.0]), 0.05),
        _detection_case(49, 30, 0.1),
        _detection_case(19, 30, 0.2),
    ],
    mistakes=[
        (lambda u, o, a: _detection(u, o, a, inclusive=True), "a score equal to the threshold is not flagged."),
        (lambda u, o, a: _detection(u, o, a, add=0), "the rank is of m + 1 scores: the new sample is one of them."),
        (lambda u, o, a: _detection(u, o, a, shift=1), "Python counts from 0: the j-th smallest is at j - 1."),
        (
            lambda u, o, a: float(np.mean(o < np.sort(u)[int(np.floor(a * (len(u) + 1) + 1e-9)) - 1])),
            "where j is 0 nothing is flagged; the index -1 picks the largest score.",
        ),
        (lambda u, o, a: float(np.mean(o < np.quantile(u, a))), "that is a quantile, not the j-th smallest score."),
        (lambda u, o, a: _detection(u, o, a, high=True), "odd samples have low scores."),
    ],
)

# ------------------------------------------------------------------------- compute: surprises, diagonal


def _surprise(x, weights, means, variances, *, constant=True, half=True, share=True, weighted=True):
    factors = -(0.5 if half else 1.0) * (x - means) ** 2 / variances
    if constant:
        factors = factors - 0.5 * np.log(2 * np.pi * variances)
    joint = (np.log(weights) if weighted else 0.0) + factors.sum(axis=1)
    if not share:  # as if the other features did not tell of the component
        return -np.logaddexp.reduce(np.log(weights)[:, None] + factors, axis=0)
    return np.logaddexp.reduce(joint[:, None] - factors, axis=0) - np.logaddexp.reduce(joint)


def _surprise_case(K, d, spread):
    weights = _rng.dirichlet(np.ones(K))
    return spread * _rng.normal(size=d), weights, 2.0 * _rng.normal(size=(K, d)), _rng.uniform(0.3, 2.0, size=(K, d))


def _plain(x, weights, means, variances):
    with np.errstate(all="ignore"):
        densities = np.exp(-0.5 * (x - means) ** 2 / variances) / np.sqrt(2 * np.pi * variances)
        joint = weights * densities.prod(axis=1)
        return np.log((joint[:, None] / densities).sum(axis=0)) - np.log(joint.sum())


exercise(
    "ex-anomaly-diagonal",
    lambda x, weights, means, variances: _surprise(x, weights, means, variances),
    cases=[
        (
            np.array([0.0, 1.0]), np.array([0.5, 0.5]), np.array([[0.0, 0.0], [3.0, 2.0]]),
            np.array([[1.0, 1.0], [2.0, 1.0]]),
        ),
        _surprise_case(3, 4, 2.0),
        _surprise_case(2, 3, 100.0),
    ],
    mistakes=[
        (lambda *a: -_surprise(*a), "a surprise is minus a log-density."),
        (lambda *a: _surprise(*a, share=False), "the others say which component it is: divide by their density."),
        (lambda *a: _surprise(*a, weighted=False), "the weights are missing."),
        (lambda *a: _surprise(*a, constant=False), "the factors' constants differ between the components: keep them."),
        (lambda *a: _surprise(*a, half=False), "the squares stand with the factor one half."),
        (_plain, "far from all components the densities are 0 in floating point: stay with logarithms."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- break: usual alone, odd together

_SHAPE = "hand in two finite numbers: eruption and waiting, in minutes."
_ALONE = "one of the two is outside the middle 80 % of its own marginal: it would be seen alone."
_INSIDE = "that lies in the region which holds 99 %: the two go together well enough."


def _together(sample):
    from gmm import datasets
    from gmm.estimators import GaussianMixture

    try:
        point = np.asarray(sample, dtype=float)
    except (TypeError, ValueError):
        return _SHAPE
    if point.shape != (2,) or not np.isfinite(point).all():
        return _SHAPE
    X = datasets.load_old_faithful().X
    mixture = GaussianMixture(2, n_init=5, tol=1e-8, max_iter=1000, random_state=0).fit(X)
    for j in (0, 1):
        if not 0.1 < mixture.marginal(j).cdf(point[[j], None])[0] < 0.9:
            return _ALONE
    if mixture.score_samples(point[None])[0] >= mixture.density_level(0.99).level:
        return _INSIDE
    return None


exercise(
    "ex-anomaly-together",
    (2.0, 80.0),
    judge=_together,
    page=Rare(
        ("eruption", "waiting"),
        (_SHAPE, _ALONE, _INSIDE),
        low=(1.883881, 51.112352),
        high=(4.707780, 86.057086),
        level=-7.751499,
        weights=(0.355873, 0.644127),
        means=((2.036389, 54.478522), (4.289662, 79.968121)),
        covariances=(((0.069169, 0.435172), (0.435172, 33.697314)), ((0.169969, 0.940602), (0.940602, 36.046124))),
    ),
    mistakes=[
        ((2.0, 95.0), _ALONE),
        ((4.4, 80.0), _INSIDE),
        ((2.0,), _SHAPE),
        ((np.nan, 80.0), _SHAPE),
    ],
)
