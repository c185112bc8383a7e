"""Checks of the exercises of chapter 3."""

from __future__ import annotations

import numpy as np

from gmm.exercises._core import exercise

# ------------------------------------------------------------------------------------- variance of a mixture

exercise(
    "ex-mixture-variance",
    10.0,
    mistakes=[
        (1.0, "this is the variance within each component; the means differ too."),
        (9.0, "this is the variance between the means; each component has a width of its own."),
        (0.5, "this is the variance of the average of two independent variables, not of the mixture."),
        (37.0, "the distance to the overall mean is 3, not 6."),
        (np.sqrt(10.0), "this is the standard deviation; the variance is asked for."),
    ],
    rtol=1e-3,
)

# ------------------------------------------------------------------------------------- log-density


def _bells(x, weights, means, variances):
    return np.log(weights[1:]) - 0.5 * (np.log(2 * np.pi * variances) + (x[:, None] - means) ** 2 / variances)


def _terms(x, weights, means, variances, low, high):
    inside = (x >= low) & (x <= high)
    floor = np.where(inside, np.log(weights[0]) - np.log(high - low), -np.inf)
    return np.column_stack([floor, _bells(x, weights, means, variances)])


def _log_sum_exp(a):
    top = a.max(axis=1)
    return top + np.log(np.exp(a - top[:, None]).sum(axis=1))


def _log_density(x, weights, means, variances, low, high):
    return _log_sum_exp(_terms(x, weights, means, variances, low, high))


def _log_density_underflows(x, weights, means, variances, low, high):
    return np.log(np.exp(_terms(x, weights, means, variances, low, high)).sum(axis=1))


def _log_density_deviation(x, weights, means, variances, low, high):
    return _log_density(x, weights, means, variances**2, low, high)


def _log_density_without_weights(x, weights, means, variances, low, high):
    return _log_density(x, np.ones_like(weights), means, variances, low, high)


def _everywhere(x, weights, means, variances, low, high):
    floor = np.full(len(x), np.log(weights[0]) - np.log(high - low))
    return _log_sum_exp(np.column_stack([floor, _bells(x, weights, means, variances)]))


def _floor_of_height_one(x, weights, means, variances, low, high):
    a = _terms(x, weights, means, variances, low, high)
    a[:, 0] += np.log(high - low)
    return _log_sum_exp(a)


def _without_floor(x, weights, means, variances, low, high):
    return _log_sum_exp(_bells(x, weights, means, variances))


def _floor_last(x, weights, means, variances, low, high):
    return _log_density(x, np.roll(weights, 1), means, variances, low, high)


def _log_density_cases():
    rng = np.random.default_rng(301)
    pair = np.array([0.2, 0.2, 0.6]), np.array([0.0, 3.0]), np.array([1.0, 1.0]), -5.0, 5.0
    cases = [(np.array([1.0, -2.0]), *pair), (np.array([-5.0, 5.0, 5.5, -9.0]), *pair)]
    for n, K in ((5, 1), (6, 3), (4, 7)):
        weights = rng.dirichlet(np.full(K + 1, 3.0))
        cases.append((rng.normal(size=n) * 4, weights, rng.normal(size=K) * 4, rng.uniform(0.2, 3.0, K), -4.0, 7.0))
    far = np.array([-60.0, 60.0, 400.0])  # every density underflows here, and the first is inside of the interval
    weights, means = np.array([0.1, 0.4, 0.3, 0.2]), np.array([0.0, 1.0, -1.0])
    cases.append((far, weights, means, np.array([1.0, 0.5, 2.0]), -100.0, 20.0))
    return cases


exercise(
    "ex-mixture-log-density",
    _log_density,
    cases=_log_density_cases(),
    mistakes=[
        (_log_density_underflows, "far from the bells every density is 0 in float64, and its logarithm -inf."),
        (_log_density_deviation, "the variances are variances already: do not square them again."),
        (_log_density_without_weights, "the weights are missing: add log(weights) to each component's log-density."),
        (_everywhere, "outside of the interval the background has the density 0, logarithm -inf."),
        (_floor_of_height_one, "the uniform density is 1/(high - low), so that its area is one."),
        (_without_floor, "the background is missing: the first weight belongs to it."),
        (_floor_last, "the first weight belongs to the background, the others to the bells in their order."),
        (
            lambda *case: np.exp(_log_density(*case)),
            "this is the density; its logarithm is asked for.",
        ),
        (
            lambda *case: _log_density(*case) - _terms(*case).max(axis=1),
            "you subtracted the maximum before exp and did not add it back after the logarithm.",
        ),
        (
            lambda *case: _terms(*case).max(axis=1),
            "that is the largest component alone; the others belong to the sum as well.",
        ),
        (
            lambda *case: np.log(np.exp(_terms(*case)).sum(axis=1) + 1e-300),
            "a tiny constant hides the underflow: far away it is all that is left. Use log-sum-exp.",
        ),
        (
            lambda *case: _log_density(*case).sum(),
            "one number for each sample, please; this is their sum, the log-likelihood.",
        ),
    ],
)

# ------------------------------------------------------------------------------------- labels


def _labels(u, weights):
    last = np.flatnonzero(weights)[-1]
    return np.minimum(np.searchsorted(np.cumsum(weights), u, side="right"), last)


def _labels_left(u, weights):
    return np.minimum(np.searchsorted(np.cumsum(weights), u, side="left"), np.flatnonzero(weights)[-1])


def _labels_beyond_the_last(u, weights):
    return np.searchsorted(np.cumsum(weights), u, side="right")


def _labels_against_weights(u, weights):
    return (u[:, None] < weights).argmax(axis=1)


def _labels_from_one(u, weights):
    return _labels(u, weights) + 1


def _label_cases():
    rng = np.random.default_rng(302)
    return [
        (np.array([0.2, 0.6, 0.9]), np.array([0.25, 0.5, 0.25])),
        (np.array([0.0, 0.25, 0.75]), np.array([0.25, 0.5, 0.25])),  # on the edges
        (np.array([0.0, 0.3, 0.999]), np.array([0.0, 0.4, 0.6, 0.0])),  # weights of zero first and last
        (np.array([0.5]), np.array([1.0])),
        (rng.random(40), rng.dirichlet(np.ones(6))),
        (np.array([0.05, np.nextafter(1.0, 0.0)]), np.full(10, 0.1)),  # the sum of these rounds below one
        (np.array([0.05, np.nextafter(1.0, 0.0)]), np.append(np.full(10, 0.1), 0.0)),  # and a weight of zero follows
    ]


exercise(
    "ex-mixture-labels",
    _labels,
    cases=_label_cases(),
    mistakes=[
        (_labels_left, "at u = 0 a component of weight zero was chosen: the condition is u < sum, strictly."),
        (
            lambda u, w: np.minimum(np.searchsorted(np.cumsum(w), u, side="right"), len(w) - 1),
            "a component of weight zero was chosen: it is the last, and the sum of the others rounds below one.",
        ),
        (_labels_beyond_the_last, "ten weights of 0.1 add up to a little less than 1, and a u above gave label 10."),
        (_labels_against_weights, "compare u with the cumulative sums of the weights, not with the weights."),
        (_labels_from_one, "labels count from 0 in code."),
        (
            lambda u, w: (u[:, None] < np.cumsum(w)).argmax(axis=1),
            "ten weights of 0.1 add up to a little less than 1; for a u above, argmax finds no True and gives 0.",
        ),
        (lambda u, w: np.floor(u * len(w)), "these labels are equally likely; the weights are not used."),
    ],
)

# ------------------------------------------------------------------------------------- draws from a Gaussian


def _draws(z, mean, covariance):
    return mean + z @ np.linalg.cholesky(covariance).T


def _draws_transposed(z, mean, covariance):
    return mean + z @ np.linalg.cholesky(covariance)


def _draws_covariance(z, mean, covariance):
    return mean + z @ covariance


def _draws_uncorrelated(z, mean, covariance):
    return mean + z * np.sqrt(np.diag(covariance))


def _draws_without_mean(z, mean, covariance):
    return _draws(z, np.zeros_like(mean), covariance)


def _draws_symmetric_root(z, mean, covariance):
    values, vectors = np.linalg.eigh(covariance)
    return mean + z @ (vectors * np.sqrt(values)) @ vectors.T


def _draw_cases():
    rng = np.random.default_rng(303)
    cases = [(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([5.0, -5.0]), np.array([[4.0, 2.0], [2.0, 5.0]]))]
    for n, d in ((4, 1), (3, 3), (6, 5)):
        root = rng.normal(size=(d, d))
        cases.append((rng.normal(size=(n, d)), rng.normal(size=d), root @ root.T + np.eye(d)))
    return cases


exercise(
    "ex-mixture-draws",
    _draws,
    cases=_draw_cases(),
    mistakes=[
        (_draws_transposed, "each row needs L z, which for rows is z @ L.T; this multiplies by the transpose of L."),
        (_draws_covariance, "this multiplies by the covariance itself; its Cholesky factor is wanted."),
        (_draws_uncorrelated, "standard deviations alone leave the features uncorrelated."),
        (
            lambda z, mean, covariance: mean + np.linalg.cholesky(covariance) @ z,
            "L @ z is for one column; with a sample in each row it is z @ L.T.",
        ),
        (_draws_without_mean, "the mean is missing."),
        (_draws_symmetric_root, "a symmetric root has the right distribution too, but L of Cholesky is asked for."),
    ],
)

# ------------------------------------------------------------------------------------- another set of parameters


def _split(weights, means, variances, share):
    new = np.append(weights, (1 - share) * weights[0])
    new[0] = share * weights[0]
    return new, np.append(means, means[0]), np.append(variances, variances[0])


def _split_doubled(weights, means, variances, share):
    return np.append(weights, weights[0]), np.append(means, means[0]), np.append(variances, variances[0])


def _split_variance(weights, means, variances, share):
    new, means, variances = _split(weights, means, variances, share)
    variances = variances.copy()
    variances[0], variances[-1] = share * variances[0], (1 - share) * variances[0]
    return new, means, variances


def _split_of_one(weights, means, variances, share):
    new, means, variances = _split(weights, means, variances, share)
    new[0], new[-1] = share, 1 - share
    return new, means, variances


def _split_swapped(weights, means, variances, share):
    return _split(weights, means, variances, 1 - share)


def _split_cases():
    rng = np.random.default_rng(304)
    cases = [(np.array([0.25, 0.75]), np.array([0.0, 3.0]), np.array([1.0, 2.0]), 0.4)]
    for K in (1, 4):
        cases.append((rng.dirichlet(np.ones(K)), rng.normal(size=K), rng.uniform(0.5, 2.0, K), rng.random()))
    return cases


exercise(
    "ex-mixture-split",
    _split,
    cases=_split_cases(),
    returns=("weights", "means", "variances"),
    mistakes=[
        (_split_doubled, "the weights sum to more than one: the copy must share the old weight, not repeat it."),
        (_split_variance, "the variances must stay: half of a bell of half the width is another density."),
        (_split_of_one, "the two weights must add up to the old weight of component 0, not to one."),
        (_split_swapped, "component 0 keeps the share, and the copy at the end gets the rest."),
    ],
)

# ------------------------------------------------------------------------------------- the critical weight


def _critical_weight(delta):
    s = np.sqrt(delta**2 - 1)
    log_odds = 2 * delta * s - 2 * np.log(delta + s)
    return 1 / (1 + np.exp(-log_odds))


exercise(
    "ex-mixture-critical-weight",
    _critical_weight(1.5),
    mistakes=[
        (1 - _critical_weight(1.5), "this is the weight of the lighter component; the heavier one is asked for."),
        (_critical_weight(3.0), "half the distance between the means enters, in standard deviations: 1.5, not 3."),
        (0.5, "with equal weights and means 3 standard deviations apart there are two modes."),
        (2 * 1.5 * np.sqrt(1.25) - 2 * np.log(1.5 + np.sqrt(1.25)), "these are the logarithmic odds of the weight."),
    ],
    rtol=2e-4,  # three decimals: 0.807
)
