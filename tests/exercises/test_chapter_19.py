import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.spatial import cKDTree

import gmm
from gmm.exercises import EXERCISES, chapter_19, examine


def test_expectation_and_variance_of_the_pencil_by_quadrature():
    def density(y):
        near = stats.norm.pdf(1.0) * stats.norm.pdf(y), stats.norm.pdf(1.0, 2.0) * stats.norm.pdf(y, 6.0)
        return 0.75 * near[0] + 0.25 * near[1]

    total, first = (quad(lambda y, p=p: y**p * density(y), -20, 30)[0] for p in (0, 1))
    mean = first / total
    assert EXERCISES["ex-given-mean"].reference == pytest.approx(mean, rel=1e-7)
    variance = quad(lambda y: (y - mean) ** 2 * density(y), -20, 30)[0] / total
    assert EXERCISES["ex-given-variance"].reference == pytest.approx(variance, rel=1e-7)


def test_a_quarter_filled_with_means_takes_a_quarter_of_the_slope():
    rng = np.random.default_rng(5)
    x = rng.normal(size=300_000)
    y = 2.0 * x + rng.normal(size=len(x))
    gone = rng.random(len(x)) < 0.25
    filled = np.where(gone, y[~gone].mean(), y)
    assert EXERCISES["ex-given-slope"].reference == pytest.approx(np.polyfit(x, filled, 1)[0], abs=0.02)


@pytest.mark.parametrize("case", EXERCISES["ex-given-observed"].cases)
def test_what_is_observed_has_the_density_of_full_matrices(case):
    x, weights, means, variances = case
    full = np.array([np.diag(row) for row in variances])
    expected = gmm.observed_log_likelihood(x[None], weights, means, full)
    assert chapter_19._observed(*case) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-given-answer"].cases)
def test_an_answer_has_the_density_of_the_conditional_mixture(case):
    x, y, *mixture = case
    expected = gmm.mixture_log_density([[y]], *gmm.conditional_mixture([x, np.nan], *mixture))[0]
    assert chapter_19._answer(*case) == pytest.approx(expected, rel=1e-9)


def test_draws_into_a_gap_have_the_moments_of_the_conditional():
    mixture = EXERCISES["ex-given-draw"].cases[0][3:]
    rng = np.random.default_rng(6)
    draws = np.array([chapter_19._draw(1.8, rng.random(), rng.normal(), *mixture) for _ in range(20_000)])
    variance = gmm.conditional_covariance([1.8, np.nan], *mixture)[0, 0]
    assert draws.mean() == pytest.approx(
        gmm.conditional_mean([1.8, np.nan], *mixture)[0], abs=4 * np.sqrt(variance / 2e4)
    )
    assert draws.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("case", EXERCISES["ex-given-nearest"].cases)
def test_the_share_is_that_of_trees(case):
    new, seen, unseen = case
    near, far = (cKDTree(part).query(new)[0] for part in (seen, unseen))
    assert chapter_19._share(*case) == np.mean(near < far - 1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-given-step"].cases)
def test_a_step_is_that_of_the_package(case):
    x, y, mean, covariance = case
    expected = gmm.missing_em_step(np.column_stack([x, y]), [1.0], mean[None], covariance[None])
    found = chapter_19._step(*case)
    np.testing.assert_allclose(found[0], expected[1][0], rtol=1e-10)
    np.testing.assert_allclose(found[1], expected[2][0], rtol=1e-10)


def test_the_answer_lies_in_the_valley_with_room_to_spare():
    assert all(chapter_19._valley(wait) is None for wait in (65.5, 66.0, 66.5))


def test_the_table_that_passes_two_tests_fails_the_third():
    table = np.asarray(EXERCISES["ex-given-cross"].reference)
    independent = np.random.default_rng(8).normal(size=(400, 2))
    found = gmm.two_sample_test(independent, table[:400], random_state=0)
    assert found.marginals["p_value"].min() > 0.01
    assert abs(found.correlations.largest) < 0.2
    assert found.p_value < 1e-6


def test_a_row_without_values_changes_no_fixed_point():
    # What the proof says, at a maximum found without it.
    rng = np.random.default_rng(9)
    X = rng.normal(size=(60, 2))
    X[::3, 1] = np.nan
    theta = np.ones(1), np.zeros((1, 2)), np.eye(2)[None]
    for _ in range(300):
        theta = gmm.missing_em_step(X, *theta)
    more = np.vstack([X, np.full(2, np.nan)])
    for before, after in zip(theta, gmm.missing_em_step(more, *theta), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-10, atol=1e-12)


def test_quantiles_lie_between():
    weights, means, deviations = np.array([0.2, 0.5, 0.3]), np.array([-2.0, 0.5, 3.0]), np.array([0.5, 2.0, 1.0])
    for q, k in itertools.product((0.01, 0.4, 0.99), range(3)):
        own = stats.norm(means, deviations).ppf(q)
        found = gmm.mixture_quantile(q, np.roll(weights, k), np.roll(means, k), np.roll(deviations, k) ** 2)
        assert own.min() < found < own.max()


def test_functions_of_the_package_answer_nothing():
    for label, function in [
        ("ex-given-observed", gmm.observed_log_likelihood),
        ("ex-given-answer", gmm.mixture_log_density),
        ("ex-given-step", gmm.missing_em_step),
    ]:
        assert not examine(label, function).right
