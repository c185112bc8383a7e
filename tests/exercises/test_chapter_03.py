"""The answers of chapter 3 against independent ones."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm, uniform

import gmm
from gmm.exercises import EXERCISES
from gmm.exercises._core import examine


def test_variance_is_that_of_the_density():
    x = np.linspace(-15, 15, 30001)
    density = 0.5 * norm.pdf(x, -3) + 0.5 * norm.pdf(x, 3)
    assert EXERCISES["ex-mixture-variance"].reference == pytest.approx((x**2 * density).sum() * (x[1] - x[0]))


@pytest.mark.parametrize("case", EXERCISES["ex-mixture-log-density"].cases)
def test_log_density_is_that_of_scipy(case):
    x, weights, means, variances, low, high = case
    background = uniform.logpdf(x, low, high - low)
    terms = np.log(weights) + np.column_stack([background, norm.logpdf(x[:, None], means, np.sqrt(variances))])
    np.testing.assert_allclose(EXERCISES["ex-mixture-log-density"].reference(*case), logsumexp(terms, axis=1))


def test_a_clipped_search_that_chooses_a_weight_of_zero_is_refused():
    found = examine(
        "ex-mixture-labels",
        lambda u, weights: np.minimum(np.searchsorted(np.cumsum(weights), u, side="right"), len(weights) - 1),
    )
    assert not found.right
    assert "weight zero was chosen" in found.text


@pytest.mark.parametrize(
    ("answer", "right"), [(0.807, True), (0.8068, True), (0.805, False), (0.806, False), (0.8, False)]
)
def test_three_decimals_of_the_critical_weight_are_asked_for(answer, right):
    assert examine("ex-mixture-critical-weight", answer).right == right


@pytest.mark.parametrize("case", EXERCISES["ex-mixture-labels"].cases)
def test_labels_are_the_first_interval_that_holds_u(case):
    u, weights = case
    for number, label in zip(u, EXERCISES["ex-mixture-labels"].reference(u, weights), strict=True):
        assert weights[label] > 0
        assert weights[:label].sum() <= number + 1e-12
        assert number <= weights[: label + 1].sum() + 1e-12


def test_draws_have_the_covariance_asked_for():
    rng = np.random.default_rng(5)
    mean, covariance = np.array([1.0, -2.0]), np.array([[4.0, 2.0], [2.0, 5.0]])
    draws = EXERCISES["ex-mixture-draws"].reference(rng.standard_normal((400_000, 2)), mean, covariance)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.06)


@pytest.mark.parametrize("case", EXERCISES["ex-mixture-split"].cases)
def test_splitting_changes_the_parameters_and_not_the_density(case):
    weights, means, variances = EXERCISES["ex-mixture-split"].reference(*case)
    assert len(weights) == len(case[0]) + 1
    x = np.linspace(-6, 6, 50)[:, None]

    def log_density(w, m, v):
        return gmm.mixture_log_density(x, w, m[:, None], v[:, None, None])

    np.testing.assert_allclose(log_density(weights, means, variances), log_density(*case[:3]), rtol=1e-12)


def modes(weight, delta):
    """The number of zeros of the derivative of the density with a change from plus to minus, on a fine grid."""
    x = mp.linspace(-delta - 2, delta + 2, 4001)
    slope = [
        -weight * (t + delta) * mp.exp(-((t + delta) ** 2) / 2)
        - (1 - weight) * (t - delta) * mp.exp(-((t - delta) ** 2) / 2)
        for t in x
    ]
    return sum(left > 0 >= right for left, right in itertools.pairwise(slope))


@pytest.mark.parametrize(("step", "expected"), [(-2e-3, 2), (2e-3, 1)])
def test_the_second_mode_vanishes_at_the_critical_weight(step, expected):
    weight = EXERCISES["ex-mixture-critical-weight"].reference + step
    assert modes(mp.mpf(weight), mp.mpf("1.5")) == expected
