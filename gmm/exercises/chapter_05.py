"""Exercises of chapter 5: the log-likelihood."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

# ------------------------------------------------------------------------- predict: units

_IN_MINUTES, _N = -1130.264, 272


def _in_seconds(factor):
    return round(float(_IN_MINUTES + factor * np.log(60.0)), 1)


exercise(
    "ex-loglik-units",
    _in_seconds(-_N * 2),
    mistakes=[
        (_in_seconds(-_N), "both features are rescaled: d is 2."),
        (_in_seconds(-1), "every one of the 272 eruptions loses log c, and for each of its two features."),
        (_in_seconds(-2), "every one of the 272 eruptions loses d log c."),
        (_in_seconds(_N * 2), "the sign: numbers 60 times as large are spread thinner, the density falls."),
        (
            round(float(_IN_MINUTES - _N * 2 * np.log10(60.0)), 1),
            "take the natural logarithm, as the log-likelihood does.",
        ),
        (_IN_MINUTES, "the responsibilities stay the same in other units; the density does not."),
    ],
    rtol=1.5e-5,
)


# ------------------------------------------------------------------------- compute: log-likelihood of a table


def _log_joint(values, weights, means, variances):
    squared = (values[:, None] - means) ** 2 / variances
    return np.log(weights) - 0.5 * (np.log(2 * np.pi * variances) + squared)


def _per_value(values, weights, means, variances):
    a = _log_joint(values, weights, means, variances)
    top = a.max(axis=1)
    return top + np.log(np.exp(a - top[:, None]).sum(axis=1))


def _total(values, counts, weights, means, variances):
    return counts @ _per_value(values, weights, means, variances)


def _by_product(values, counts, weights, means, variances):
    return np.log(np.prod(np.exp(_log_joint(values, weights, means, variances)).sum(axis=1) ** counts))


def _naive_sum(values, counts, weights, means, variances):
    return counts @ np.log(np.exp(_log_joint(values, weights, means, variances)).sum(axis=1))


def _sum_of_logs(values, counts, weights, means, variances):
    return counts @ (weights * _log_joint(values, np.ones(len(weights)), means, variances)).sum(axis=1)


def _expected_joint(log_joint):
    resp = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return (resp / resp.sum(axis=1, keepdims=True) * log_joint).sum(axis=1)


def _table_case(m, n_components, scale, most):
    means, variances = 3.0 * _rng.normal(size=n_components), _rng.uniform(0.2, 5.0, size=n_components)
    weights = _rng.dirichlet(np.full(n_components, 3.0))
    return scale * _rng.normal(size=m), _rng.integers(1, most, size=m, endpoint=True), weights, means, variances


_rng = np.random.default_rng(505)

exercise(
    "ex-loglik-line",
    _total,
    cases=[
        (
            np.array([1.0, 2.0, 3.0]),
            np.array([2, 1, 5]),
            np.array([0.7, 0.3]),
            np.array([1.0, 3.0]),
            np.array([1.0, 4.0]),
        ),
        _table_case(6, 3, 3.0, 4),
        _table_case(5, 1, 2.0, 9),
        _table_case(30, 2, 4.0, 90),  # the product of all densities underflows
        _table_case(4, 3, 1000.0, 3),  # each density underflows
    ],
    mistakes=[
        (
            lambda x, c, w, m, v: _per_value(x, w, m, v).sum(),
            "every value counts once here; `counts` says how many samples have it.",
        ),
        (
            lambda x, c, w, m, v: (np.log(c) + _per_value(x, w, m, v)).sum(),
            "c equal samples multiply the density c times: the count stands before the logarithm, not inside.",
        ),
        (_by_product, "the product of the densities underflows to 0 for many samples: sum the logarithms."),
        (_naive_sum, "far from all components every density underflows, and log 0 is -inf: use log-sum-exp."),
        (lambda x, c, *a: _total(x, c, *a) / c.sum(), "that is the mean per sample; the total is asked for."),
        (lambda x, c, *a: _total(x, c, *a) / len(x), "the total is asked for: do not divide."),
        (
            lambda x, c, w, m, v: c * _per_value(x, w, m, v),
            "these are the terms of the values, shape (m,); sum them.",
        ),
        (
            lambda x, c, w, m, v: np.logaddexp.reduce(_log_joint(x, w, m, v), axis=None),
            "that is one log-sum-exp over everything; take it for each value, axis=1.",
        ),
        (_sum_of_logs, "the logarithm stands outside the sum over components, not inside."),
        (
            lambda x, c, w, m, v: c @ _log_joint(x, w, m, v).sum(axis=1),
            "you summed the log joint over the components; first take the log of the sum of exponentials.",
        ),
        (
            lambda x, c, w, m, v: _total(x, c, np.full(len(w), 1 / len(w)), m, v),
            "the weights are missing: log(weight) belongs to each component.",
        ),
        (lambda x, c, w, m, v: _total(x, c, w, m, v**2), "the argument is the variance: do not square it."),
        (
            lambda x, c, w, m, v: _total(x, c, w, m, v) + 0.5 * c.sum() * np.log(2 * np.pi),
            "here the constant -log(2 pi)/2 counts; only responsibilities may drop it.",
        ),
        (
            lambda x, c, w, m, v: c @ _log_joint(x, w, m, v).max(axis=1),
            "that counts the largest component of each value alone; the others belong to the sum as well.",
        ),
        (
            lambda x, c, w, m, v: c @ np.log(np.exp(_log_joint(x, w, m, v)).sum(axis=1) + 1e-300),
            "a tiny constant hides the underflow: far away it is all that is left. Use log-sum-exp.",
        ),
        (
            lambda x, c, w, m, v: c @ np.logaddexp.reduce(w * _log_joint(x, np.ones(len(w)), m, v), axis=1),
            "the weight multiplies the density: to its logarithm log(weight) is added.",
        ),
        (
            lambda x, c, w, m, v: c @ _expected_joint(_log_joint(x, w, m, v)),
            "that is the sum weighted by the responsibilities; log p(x) is a log-sum-exp.",
        ),
        (
            lambda x, c, w, m, v: np.logaddexp.reduce(c[:, None] * _log_joint(x, w, m, v), axis=1).sum(),
            "the count multiplies the logarithm of the whole density, after the log-sum-exp.",
        ),
    ],
)


# ------------------------------------------------------------------------- compute: the score of the means


def _score(x, resp, means, variances):
    return (resp * (x[:, None] - means)).sum(axis=0) / variances


def _score_case(n, n_components):
    x = 3.0 * _rng.normal(size=n)
    resp = _rng.dirichlet(np.ones(n_components), size=n)
    return x, resp, _rng.normal(size=n_components), _rng.uniform(0.2, 5.0, size=n_components)


exercise(
    "ex-loglik-score",
    _score,
    cases=[
        (np.array([1.0, 2.0]), np.array([[0.9, 0.1], [0.25, 0.75]]), np.array([1.0, 4.0]), np.array([2.0, 0.5])),
        _score_case(6, 3),
        _score_case(5, 1),
        _score_case(1, 4),
    ],
    mistakes=[
        (lambda x, r, m, v: -_score(x, r, m, v), "the sign: a sample to the right of the mean pulls it to the right."),
        (lambda x, r, m, v: _score(x, r, m, np.ones(len(v))), "the division by the variance is missing."),
        (lambda x, r, m, v: _score(x, r, m, np.sqrt(v)), "divide by the variance, not by the standard deviation."),
        (
            lambda x, r, m, v: (r * (x[:, None] - m)).sum(axis=1) / v,
            "the sum runs over the samples, axis 0; yours runs over the components.",
        ),
        (
            lambda x, r, m, v: (r * (x - m)).sum(axis=0) / v,
            "x - means pairs sample i with mean i: write x[:, None] - means for all pairs, shape (n, K).",
        ),
        (lambda x, r, m, v: _score(x, np.ones_like(r), m, v), "each sample counts with its responsibility."),
        (
            lambda x, r, m, v: _score(x, r, m, v) / r.sum(axis=0),
            "you divided by the effective count; the score is a sum, not an average.",
        ),
        (lambda x, r, m, v: _score(x, r, m, v) / len(x), "that is the gradient of the mean log-likelihood."),
        (
            lambda x, r, m, v: (r * (x[:, None] - m) ** 2).sum(axis=0) / v,
            "the difference enters once: the square is that of the density, before the derivative.",
        ),
        (
            lambda x, r, m, v: (r.T @ x - m) / v,
            "the mean has to be subtracted from each sample: in the sum it comes with the factor N_k.",
        ),
        (lambda x, r, m, v: _score(x, r, m, v**2), "divide by the variance once; the argument is the variance."),
        (
            lambda x, r, m, v: (r * x[:, None]).sum(axis=0) / r.sum(axis=0),
            "that is the weighted mean, where the score vanishes if r were fixed; the score itself is asked for.",
        ),
    ],
)


# ------------------------------------------------------------------------- predict and break

exercise(
    "ex-loglik-saddle",
    13.57,
    mistakes=[
        (13.59, "here s divides by n, not by n - 1."),
        (13.6, "nearly: to two decimals, please, and s divides by n, not by n - 1."),
        (184.14, "that is the variance; the width is its square root."),
        (6.0, "at 6 minutes it is a saddle: the data are more spread out than that."),
        (5.87, "that is the width of the fitted components, not where splitting stops to pay."),
    ],
    rtol=1e-4,
)

exercise(
    "ex-loglik-spike",
    23.026,
    mistakes=[
        (2.303, "right for one sample. How many waits are exactly 79?"),
        (23.0, "nearly: three decimals."),
        (1.0, "with the natural logarithm a factor of 10 in width is log 10, and look for ties in the data."),
        (10.0, "ten samples, yes; each brings log 10 in natural logarithms."),
        (-23.026, "a narrower spike is a higher one: it rises."),
    ],
    rtol=1e-4,
)
