"""Exercises of chapter 4: responsibilities."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

# ------------------------------------------------------------------------- predict: the midpoint

exercise(
    "ex-resp-midpoint",
    0.8,
    mistakes=[
        (0.5, "halfway between the means the Gaussians are equal, but the weights are not."),
        (0.2, "that is the share of the second component."),
        (4.0, "these are the odds, 0.8 to 0.2; a responsibility is a probability."),
        (0.64, "the weight enters once, and the shares must sum to one."),
    ],
)


# ------------------------------------------------------------------------- compute: log-sum-exp


def _log_sum_exp(a):
    top = a.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.exp(a - top).sum(axis=1))


def _against_the_others(a):
    return a[:, 0] - _log_sum_exp(a[:, 1:])


def _naive(a):
    return a[:, 0] - np.log(np.exp(a[:, 1:]).sum(axis=1))


def _by_the_complement(a):
    share = np.exp(a[:, 0] - _log_sum_exp(a))
    return np.log(share / (1 - share))


def _without_maximum(a):
    others = a[:, 1:]
    return a[:, 0] - np.log(np.exp(others - others.max(axis=1, keepdims=True)).sum(axis=1))


def _one_maximum(a):
    top = a[:, 1:].max()
    return a[:, 0] - top - np.log(np.exp(a[:, 1:] - top).sum(axis=1))


def _maximum_of_all(a):
    top = a.max(axis=1)
    return a[:, 0] - top - np.log(np.exp(a[:, 1:] - top[:, None]).sum(axis=1))


def _kept_axis(a):
    top = a[:, 1:].max(axis=1, keepdims=True)
    return a[:, :1] - top - np.log(np.exp(a[:, 1:] - top).sum(axis=1, keepdims=True))


_rng = np.random.default_rng(404)

exercise(
    "ex-log-sum-exp",
    _against_the_others,
    cases=[
        (np.log([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),),
        (_rng.normal(scale=3.0, size=(4, 5)),),
        (_rng.normal(size=(3, 2)),),  # one other component
        (np.array([[0.0, -1.0, -2.0], [-2000.0, -2001.0, -2003.0], [5000.0, 4000.0, 3999.0]]),),
        (np.array([[0.0, -np.inf, -1.0], [0.0, -45.0, -46.0]]),),  # weight zero; a share that rounds to 1
        (1e5 * _rng.normal(size=(6, 3)),),
    ],
    mistakes=[
        (_naive, "this is right on paper, and exp overflows or underflows for some rows. Subtract something first."),
        (
            _by_the_complement,
            "where r rounds to 1, 1 - r loses its digits or is 0. Write 1 - r as the sum of the other shares, and see "
            "what cancels.",
        ),
        (
            lambda a: a[:, 0] - _log_sum_exp(a),
            "that is log r: the first component is in the sum too. The odds are against the others alone.",
        ),
        (
            lambda a: np.exp(a[:, 0] - _log_sum_exp(a)),
            "that is the responsibility r itself; the logarithm of r / (1 - r) is asked for.",
        ),
        (_log_sum_exp, "that is the log-density, the log-sum-exp of the whole row; it cancels from the odds."),
        (
            lambda a: _log_sum_exp(a[:, 1:]),
            "that is the log-sum-exp of the others: half of the way. Compare the first component with it.",
        ),
        (_without_maximum, "you subtracted the maximum and did not add it back after the logarithm."),
        (_one_maximum, "each row needs its own maximum: with one for all, low rows underflow to log 0."),
        (
            _maximum_of_all,
            "the maximum has to be that of the terms in the sum: below a high first component all others underflow.",
        ),
        (_kept_axis, "the values are right, the shape is not: return one number a row, shape (n,)."),
        (
            lambda a: a[:, 0] - a[:, 1:].max(axis=1),
            "that compares with the strongest of the others; the rest of them belongs to the sum too.",
        ),
        (
            lambda a: a[:, 0] - a[:, 1:].sum(axis=1),
            "a sum of logarithms is the logarithm of a product; the logarithm of a sum is asked for.",
        ),
        (
            lambda a: a[:, 0] - np.log(np.exp(np.clip(a[:, 1:], -700, 700)).sum(axis=1)),
            "clipping keeps exp from overflowing and changes the values. Subtract the maximum of each row instead.",
        ),
        (
            lambda a: a[:, 0] - np.log(np.exp(a[:, 1:]).sum(axis=1) + 1e-300),
            "a tiny constant hides log 0 and makes up a value. Subtract the maximum of each row instead.",
        ),
    ],
)


# ------------------------------------------------------------------------- compute: responsibilities on the line


def _softmax(a):
    shares = np.exp(a - a.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _line(x, weights, means, variances):
    squared = (x[:, None] - means) ** 2 / variances
    return _softmax(np.log(weights) - 0.5 * np.log(variances) - 0.5 * squared)


def _line_naive(x, weights, means, variances):
    squared = (x[:, None] - means) ** 2 / variances
    joint = weights * np.exp(-0.5 * squared) / np.sqrt(2 * np.pi * variances)
    return joint / joint.sum(axis=1, keepdims=True)


def _line_without_weights(x, weights, means, variances):
    return _line(x, np.full(len(weights), 1 / len(weights)), means, variances)


def _line_without_normaliser(x, weights, means, variances):
    return _softmax(np.log(weights) - 0.5 * (x[:, None] - means) ** 2 / variances)


def _line_whole_logarithm(x, weights, means, variances):
    return _softmax(np.log(weights) - np.log(variances) - 0.5 * (x[:, None] - means) ** 2 / variances)


def _line_variance_as_deviation(x, weights, means, variances):
    return _line(x, weights, means, variances**2)


def _joint(x, weights, means, variances):
    squared = (x[:, None] - means) ** 2 / variances
    return np.log(weights) - 0.5 * np.log(2 * np.pi * variances) - 0.5 * squared


def _line_wrong_axis(x, weights, means, variances):
    squared = (x[:, None] - means) ** 2 / variances
    return _softmax((np.log(weights) - 0.5 * np.log(variances) - 0.5 * squared).T).T


def _line_logarithms(x, weights, means, variances):
    squared = (x[:, None] - means) ** 2 / variances
    a = np.log(weights) - 0.5 * np.log(variances) - 0.5 * squared
    return a - _log_sum_exp(a)[:, None]


def _line_case(n, n_components, scale):
    means, variances = 3.0 * _rng.normal(size=n_components), _rng.uniform(0.2, 5.0, size=n_components)
    return scale * _rng.normal(size=n), _rng.dirichlet(np.full(n_components, 3.0)), means, variances


exercise(
    "ex-resp-line",
    _line,
    cases=[
        (np.array([1.0, 2.0, 3.0]), np.array([0.7, 0.3]), np.array([1.0, 3.0]), np.array([1.0, 4.0])),
        _line_case(5, 3, 4.0),
        _line_case(4, 1, 2.0),
        _line_case(6, 4, 1000.0),
        (np.array([1e4, -1e4]), np.array([0.5, 0.5]), np.array([0.0, 1e-3]), np.array([1.0, 1.0])),
    ],
    mistakes=[
        (_line_naive, "right near the means, but far away both densities underflow and 0/0 is NaN. Use logarithms."),
        (_line_without_weights, "the weights are missing: they stand before each density."),
        (_line_without_normaliser, "1/sigma differs between the components and does not cancel: -log(variance)/2."),
        (_line_whole_logarithm, "the logarithm of the variance counts half: -log(variance)/2 is -log(sigma)."),
        (_line_variance_as_deviation, "the argument is the variance, not the standard deviation: do not square it."),
        (_line_wrong_axis, "you normalise down the columns; each row, one sample, has to sum to one."),
        (_line_logarithms, "these are the log responsibilities; take the exponential."),
        (
            lambda x, w, m, v: np.eye(len(w))[_line(x, w, m, v).argmax(axis=1)],
            "these are hard labels; responsibilities share a sample out between the components.",
        ),
        (
            lambda x, w, m, v: _line(x, w, m, v) / _line(x, w, m, v).max(axis=1, keepdims=True),
            "the largest entry of each row is one here; the sum of the row should be: divide by it.",
        ),
        (
            lambda x, w, m, v: _joint(x, w, m, v) / _joint(x, w, m, v).sum(axis=1, keepdims=True),
            "logarithms are not shares: take exp of each before you divide by the sum of the row.",
        ),
        (
            lambda x, w, m, v: _softmax(w * (_joint(x, w, m, v) - np.log(w))),
            "the weight multiplies the density: to its logarithm log(weight) is added.",
        ),
        (
            lambda x, w, m, v: (
                (np.exp(_joint(x, w, m, v)) + 1e-300) / (np.exp(_joint(x, w, m, v)) + 1e-300).sum(axis=1, keepdims=True)
            ),
            "a tiny constant hides 0/0 and makes up responsibilities far away. Work with logarithms.",
        ),
    ],
)


# ------------------------------------------------------------------------- compute: the boundary


def _boundary(mean_1, mean_2, variance, weight_1):
    return (mean_1 + mean_2) / 2 + variance / (mean_2 - mean_1) * np.log(weight_1 / (1 - weight_1))


exercise(
    "ex-resp-boundary",
    _boundary,
    cases=[
        (0.0, 4.0, 1.0, 0.5),
        (0.0, 4.0, 2.0, 0.8),
        (3.0, -1.0, 0.5, 0.1),
        (-2.0, -1.0, 9.0, 0.99),
        (1e6, 1e6 + 2.0, 0.3, 0.4),
    ],
    mistakes=[
        (lambda a, b, v, w: (a + b) / 2, "that is the midpoint, right for equal weights only."),
        (
            lambda a, b, v, w: (a + b) / 2 - v / (b - a) * np.log(w / (1 - w)),
            "the shift has the wrong sign: a heavier first component pushes the boundary towards the second mean.",
        ),
        (
            lambda a, b, v, w: (a + b) / 2 + np.sqrt(v) / (b - a) * np.log(w / (1 - w)),
            "the shift is proportional to the variance, not to the standard deviation.",
        ),
        (
            lambda a, b, v, w: (a + b) / 2 + v / abs(b - a) * np.log(w / (1 - w)),
            "without the absolute value it is right in either order of the means.",
        ),
        (
            lambda a, b, v, w: w * a + (1 - w) * b,
            "that is the mean of the mixture; the boundary is where the log-odds vanish.",
        ),
        (
            lambda a, b, v, w: (a + b) / 2 + v / (b - a) * np.log(w),
            "the log-odds hold the ratio of both weights; you used the first alone.",
        ),
        (
            lambda a, b, v, w: (a + b) / 2 + v / (b - a) * np.log10(w / (1 - w)),
            "the logarithm is natural: np.log, not np.log10.",
        ),
        (lambda a, b, v, w: v / (b - a) * np.log(w / (1 - w)), "that is the shift alone; add it to the midpoint."),
        (
            lambda a, b, v, w: (a + b) / 2 + v * np.log(w / (1 - w)),
            "divide the shift by the distance of the means.",
        ),
        (
            lambda a, b, v, w: (a + b) / 2 + v / (b - a) * w / (1 - w),
            "the ratio of the weights enters by its logarithm.",
        ),
    ],
)


# ------------------------------------------------------------------------- break

exercise(
    "ex-resp-underflow",
    39,
    mistakes=[
        (38, "at 38 the density is 1.1e-314: below the normal range, and still not zero. Rounded the wrong way?"),
        (28, "that is the square root of 745 rounded up: the exponent is half the square of the distance."),
        (40, "the density is 0 at 40, and at 39 already: look for the first whole number."),
        (27, "that is the square root of 745 rounded down: the exponent is half the square of the distance."),
        (745, "e^-745 is the limit of the exponential; the exponent is minus half the square of the distance."),
        (746, "e^-746 is zero; the exponent is minus half the square of the distance."),
    ],
)

exercise(
    "ex-resp-nowhere",
    1 / 3,
    mistakes=[
        (0.5, "the narrow component is also the higher one at its mean, by the ratio of the standard deviations."),
        (0.2, "the height goes with 1/sigma, not with 1/sigma^2: the ratio at the mean is 2, not 4."),
        (2 / 3, "that is the weight of the wide component at this point."),
        (1 / 4, "solve 2w/(1 - w) = 1: the other weight depends on w as well."),
        (0.33, "nearly: three decimals, or the exact fraction."),
    ],
    rtol=1.5e-3,
)
