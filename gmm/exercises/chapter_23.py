"""Exercises of chapter 23: from here to other tools."""

from __future__ import annotations

import math

import numpy as np

from gmm.exercises._core import exercise
from gmm.exercises._page import Numbers, Pieces

_rng = np.random.default_rng(2323)

# ------------------------------------------------------------------------- predict: a sign

exercise(
    "ex-tools-sign",
    2322.192,
    mistakes=[
        (-2322.192, "in scikit-learn the lower BIC is the better, in mclust the higher: the sign turns."),
        (2260.528, "that is the deviance -2ℓ: the penalty is missing."),
        (1161.096, "no factor of one half: both are on the scale of 2ℓ."),
        (-1130.264, "that is the log-likelihood."),
    ],
    rtol=1e-6,
)

# ------------------------------------------------------------------------- predict: a tolerance

exercise(
    "ex-tools-tolerance",
    200.0,
    mistakes=[
        (0.001, "gmm counts the change of the mean, Spark that of the sum."),
        (2000.0, "that starts from Spark's default 0.01; gmm's is 0.001."),
        (5e-9, "the change of a sum is larger than that of a mean."),
    ],
    rtol=1e-6,
)

# ------------------------------------------------------------------------- predict: nats and bits

exercise(
    "ex-tools-bits",
    1.4 / math.log(2.0),
    mistakes=[
        (-1.4 / math.log(2.0), "a cost is positive: bits are -log₂ p."),
        (1.4 * math.log(2.0), "one bit is log 2 = 0.69 nats, so that there are more bits than nats."),
        (1.4 / math.log(10.0), "that is in decimal digits: divide by log 2."),
        (1.4, "that is in nats: divide by log 2."),
    ],
    rtol=5e-3,
)

# ------------------------------------------------------------------------- compute: covariances from mclust's parts


def _covariances(scale, shape, orientation, *, power=1.0, transposed=False):
    axes = orientation.transpose(1, 0, 2) if transposed else orientation
    return np.einsum("ijk,k,jk,ljk->kil", axes, scale**power, shape, axes)


def _parts(K, d):
    """Scales, shapes of product one, and orientations, with R's axes."""
    shape = np.exp(_rng.normal(size=(d, K)))
    shape /= np.exp(np.log(shape).mean(axis=0))
    axes = np.stack([np.linalg.qr(_rng.normal(size=(d, d)))[0] for _ in range(K)], axis=-1)
    return np.exp(_rng.normal(size=K)), shape, axes


_QUARTER = np.array([[0.6, -0.8], [0.8, 0.6]])

exercise(
    "ex-tools-layout",
    lambda scale, shape, orientation: _covariances(scale, shape, orientation),
    cases=[(np.array([2.0]), np.array([[4.0], [0.25]]), _QUARTER[:, :, None]), _parts(2, 3), _parts(3, 3),
           _parts(4, 2)],
    mistakes=[
        (
            lambda scale, shape, orientation: _covariances(scale, shape, orientation, transposed=True),
            "the columns of the orientation are the axes: D A Dᵀ, not Dᵀ A D.",
        ),
        (
            lambda scale, shape, orientation: _covariances(scale, shape, orientation, power=2.0),
            "the scale is λ itself, the d-th root of the determinant, not its square root.",
        ),
        (
            lambda scale, shape, orientation: _covariances(np.ones_like(scale), shape, orientation),
            "the scale is missing: the shape alone has determinant one.",
        ),
        (
            lambda scale, shape, orientation: np.moveaxis(_covariances(scale, shape, orientation), 0, -1),
            "gmm has the components first: shape (K, d, d).",
        ),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- compute: from one factor to another


def _factor(R):
    return np.linalg.solve(R, np.eye(len(R)))


def _upper(d, spread=1.0):
    R = np.triu(_rng.normal(size=(d, d)), 1)
    return R + np.diag(np.exp(spread * _rng.normal(size=d)))


exercise(
    "ex-tools-factor",
    _factor,
    cases=[(np.array([[2.0, 1.0], [0.0, 2.0]]),), (_upper(3),), (_upper(4, 2.0),), (np.array([[0.5]]),)],
    mistakes=[
        (lambda R: _factor(R).T, "that is lower triangular: P is the inverse of R itself, not of its transpose."),
        (lambda R: np.linalg.cholesky(_factor(R.T @ R)),
         "that is lower triangular: it has the right product, and is another factor."),
        (lambda R: R.T, "that is a factor of the covariance, not of the precision."),
        (lambda R: _factor(R.T @ R), "that is the precision itself, not its factor."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- compute: where a relative rule stops


def _stop(values, tol, *, one=1.0, per=None, last=0):
    for t in range(1, len(values)):
        size = one + abs(values[t]) if per is None else per(values)
        if abs(values[t] - values[t - 1]) < tol * size:
            return t + last
    return len(values) - 1


_COURSE = -200.0 - 50.0 * 0.6 ** np.arange(40.0)

exercise(
    "ex-tools-stop",
    lambda values, tol: _stop(values, tol),
    cases=[
        (np.array([-10.0, -4.0, -3.5, -3.49]), 0.2),
        (_COURSE, 3e-5),
        (_COURSE + 200.3, 3e-5),  # near zero the one decides
        (-1e-3 * _COURSE, 2e-5),
        (_COURSE[:6], 1e-9),
    ],
    mistakes=[
        (lambda values, tol: _stop(values, tol, per=lambda v: 1.0), "the change is divided by 1 + |ℓ|."),
        (lambda values, tol: _stop(values, tol, one=0.0), "the one in 1 + |ℓ| decides where ℓ is near zero."),
        (
            lambda values, tol: _stop(values, tol, per=len),
            "that is the change by the number of values; mclust's is relative to the log-likelihood.",
        ),
        (lambda values, tol: _stop(values, tol, last=-1), "the values count from 0: return the later one of the two."),
    ],
)

# ------------------------------------------------------------------------- compute: a unit that takes the size away

exercise(
    "ex-tools-unit",
    lambda log_likelihood, n, d: math.exp(log_likelihood / (n * d)),
    cases=[(-20.0, 10, 2), (-1119.214, 272, 2), (350.0, 150, 4), (-7.0, 100, 1)],
    mistakes=[
        (lambda log_likelihood, n, d: math.exp(-log_likelihood / (n * d)),
         "the other way round: larger numbers in X make ℓ smaller."),
        (lambda log_likelihood, n, d: math.exp(log_likelihood / n),
         "every feature is rescaled: its number d belongs into the exponent."),
        (lambda log_likelihood, n, d: math.exp(log_likelihood / d),
         "every sample adds: their number n belongs into the exponent."),
        (lambda log_likelihood, n, d: log_likelihood / (n * d), "that is the logarithm of the factor."),
    ],
)  # fmt: skip

# ------------------------------------------------------------------------- break: raw moments


_NUMBER = "hand in one finite number."
_TOO_FAR = "so far away float64 does not even hold the values themselves; a smaller shift will do."
_DIGITS = "there the difference of moments still has the first digit."


def _shift(shift):
    try:
        shift = float(shift)
    except (TypeError, ValueError):
        return _NUMBER
    if not math.isfinite(shift):
        return _NUMBER
    if abs(shift) > 1e12:
        return _TOO_FAR
    x = np.arange(10.0) + shift
    wrong = abs((x * x).mean() - x.mean() * x.mean() - 8.25)  # products: powers are rounded as each library likes
    return None if wrong > 0.825 else _DIGITS


exercise(
    "ex-tools-shift",
    1e9,
    judge=_shift,
    page=Numbers("shift", (_NUMBER, _TOO_FAR, _DIGITS)),
    mistakes=[
        (10.0, _DIGITS),
        (1e13, _TOO_FAR),
        (math.inf, _NUMBER),
    ],
)

# ------------------------------------------------------------------------- break: a floor under densities


_OTHER_SIDE = "there the first component is not right any more: go to its other side."
_NEAR = "there the floor is still far below the density of the first component: go further."


def _floor(x):
    try:
        x = float(x)
    except (TypeError, ValueError):
        return _NUMBER
    if not math.isfinite(x):
        return _NUMBER
    logs = -0.5 * np.array([x, x - 4.0]) ** 2 - 0.5 * math.log(2.0 * math.pi) - math.log(2.0)
    truth = math.exp(logs[0] - np.logaddexp(*logs))
    floored = np.exp(logs) + np.finfo(float).eps
    found = floored[0] / floored.sum()
    if truth < 0.999:
        return _OTHER_SIDE
    return None if found < 0.6 else _NEAR


exercise(
    "ex-tools-floor",
    -10.0,
    judge=_floor,
    page=Pieces(_NUMBER, [(-8.381493, None), (0.273311, _NEAR), (math.inf, _OTHER_SIDE)]),
    mistakes=[
        (10.0, _OTHER_SIDE),
        (-3.0, _NEAR),
        (math.nan, _NUMBER),
    ],
)
