import math

import numpy as np
import pytest
from scipy import integrate, linalg, stats

import gmm
from gmm.exercises import EXERCISES, chapter_02
from gmm.exercises._core import examine, verdict


@pytest.mark.parametrize("answer", [0.0111, 0.01111, 1 / 90.017])
def test_four_decimals_are_enough(answer):
    assert verdict(EXERCISES["ex-gaussian-outside"], answer) == "Right."


def test_three_decimals_of_the_log_density_are_enough():
    assert verdict(EXERCISES["ex-gaussian-by-hand"], (6, -8.242)) == "Right."


def test_values_by_other_means():
    outside = integrate.quad(lambda r: r * math.exp(-r * r / 2), 3, np.inf)[0]
    assert EXERCISES["ex-gaussian-outside"].reference == pytest.approx(outside, rel=1e-9)
    covariance = [[4, 2, -2], [2, 10, 5], [-2, 5, 9]]
    expected = 6.0, stats.multivariate_normal(np.zeros(3), covariance).logpdf([2, 7, 5])
    assert EXERCISES["ex-gaussian-by-hand"].reference == pytest.approx(expected, rel=1e-12)
    X = gmm.datasets.load_old_faithful().X
    shift = gmm.max_gaussian_log_likelihood(X * [1, 60]) - gmm.max_gaussian_log_likelihood(X)
    assert EXERCISES["ex-gaussian-units"].reference == pytest.approx(shift, rel=1e-9)


def test_the_likelihood_of_points_on_a_line_rises_as_the_answer_says():
    line = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 6.0]])
    mean, covariance = gmm.sample_mean(line), gmm.sample_covariance(line)
    low, high = (gmm.gaussian_log_likelihood(line, mean, covariance + e * np.eye(2)) for e in (1e-7, 1e-8))
    assert EXERCISES["ex-gaussian-collapse"].reference == pytest.approx(high - low, rel=1e-5)


@pytest.mark.parametrize("case", EXERCISES["ex-gaussian-log-density"].cases, ids=lambda case: str(case[0].shape))
def test_log_density_agrees_with_scipy(case):
    X, means, covariance = case
    expected = stats.multivariate_normal(np.zeros(len(covariance)), covariance).logpdf(X - means)
    np.testing.assert_allclose(chapter_02._log_density(*case), expected, rtol=1e-9)


def test_one_case_underflows_and_one_lies_far_away():
    cases = EXERCISES["ex-gaussian-log-density"].cases
    assert any(np.linalg.det(covariance) == 0 for _, _, covariance in cases)
    assert any((means > 1e7).any() for _, means, _ in cases)


def test_the_function_that_the_chapter_prints_is_no_answer():
    def log_density_numpy(X, mean, covariance):
        L = np.linalg.cholesky(covariance)
        Y = linalg.solve_triangular(L, (X - mean).T, lower=True)
        log_det = 2 * np.log(np.diag(L)).sum()
        return -0.5 * (len(mean) * np.log(2 * np.pi) + log_det + (Y**2).sum(axis=0))

    for passed in (log_density_numpy, gmm.gaussian_log_density):
        assert not examine("ex-gaussian-log-density", passed).right


@pytest.mark.parametrize(("answer", "right"), [(-1113.7, True), (-1113.66, True), (-1114.5, False), (-1112, False)])
def test_one_decimal_of_the_change_of_units_is_enough(answer, right):
    assert examine("ex-gaussian-units", answer).right == right


@pytest.mark.parametrize(("answer", "right"), [(3.45, True), (3.454, True), (3.4, False), (3.5, False)])
def test_two_decimals_of_the_rise_are_enough(answer, right):
    assert examine("ex-gaussian-collapse", answer).right == right


def test_merged_summaries_are_those_of_all_samples():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(9, 3)), 4 + 2 * rng.normal(size=(5, 3))
    parts = [part for X in (first, second) for part in (len(X), gmm.sample_mean(X), gmm.sample_covariance(X))]
    mean, covariance = chapter_02._merge(*parts)
    together = np.vstack([first, second])
    np.testing.assert_allclose(mean, gmm.sample_mean(together), rtol=1e-12)
    np.testing.assert_allclose(covariance, gmm.sample_covariance(together), rtol=1e-12)
