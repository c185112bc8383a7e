import numpy as np
import pytest
from scipy import integrate, stats

import gmm
from gmm.exercises import EXERCISES, chapter_18, examine


def test_the_weight_is_the_expected_scale():
    x = np.array([[np.sqrt(20.0), 0.0]])
    assert EXERCISES["ex-tails-weight"].reference == pytest.approx(gmm.expected_scale(x, [0, 0], np.eye(2), 4.0)[0])


def test_noise_by_the_kernel():
    resp = gmm.noise_responsibilities([[3.0]], [0.8, 0.2], [[0.0]], [[[1.0]]], np.log(10.0))
    assert EXERCISES["ex-tails-noise"].reference == pytest.approx(resp[0, 1], rel=1e-12)


def test_far_away_by_scipy():
    x = 1e7
    narrow, wide = (0.5 * stats.t.pdf(x, 3, scale=s) for s in (1.0, 2.0))
    assert EXERCISES["ex-tails-far"].reference == pytest.approx(wide / (narrow + wide), rel=1e-6)


@pytest.mark.parametrize("case", EXERCISES["ex-tails-noise-step"].cases)
def test_the_step_with_noise_is_that_of_weighted_groups(case):
    X, resp = case
    weights, means, covariances = chapter_18._noise_step(X, resp)
    np.testing.assert_allclose(weights, resp.mean(axis=0))
    for k in range(len(means)):
        np.testing.assert_allclose(means[k], np.average(X, axis=0, weights=resp[:, k]))
        expected = np.cov(X.T, aweights=resp[:, k], ddof=0)
        np.testing.assert_allclose(covariances[k], np.reshape(expected, covariances[k].shape))


@pytest.mark.parametrize("case", EXERCISES["ex-tails-pull"].cases)
def test_the_pull_is_a_derivative(case):
    x, mean, variance, dof = case
    h = 1e-6
    up, down = (stats.t.logpdf(x, dof, mean + s * h, np.sqrt(variance)) for s in (1, -1))
    np.testing.assert_allclose(chapter_18._pull(*case), (up - down) / (2 * h), atol=1e-7)


def test_moments_of_a_large_sample():
    """Quantiles of t with 9 degrees of freedom in the place of a sample."""
    p = (np.arange(100_000) + 0.5) / 100_000
    assert chapter_18._moments(stats.t.ppf(p, 9.0)) == pytest.approx(9.0, rel=0.05)


@pytest.mark.parametrize("case", EXERCISES["ex-tails-conditional"].cases)
def test_the_conditional_is_joint_over_marginal(case):
    x, mean, scale, dof = case
    location, variance, more = chapter_18._conditional(*case)
    grid = location + np.array([-3.0, -1.0, 0.0, 0.5, 2.0]) * np.sqrt(variance)
    joint = stats.multivariate_t.logpdf(np.column_stack([grid, np.full(5, x)]), mean, scale, df=dof)
    marginal = stats.t.logpdf(x, dof, mean[1], np.sqrt(scale[1, 1]))
    np.testing.assert_allclose(joint - marginal, stats.t.logpdf(grid, more, location, np.sqrt(variance)), rtol=1e-10)
    mass, _ = integrate.quad(lambda a: stats.multivariate_t.pdf([a, x], mean, scale, df=dof), -np.inf, np.inf)
    assert mass == pytest.approx(np.exp(marginal), rel=1e-7)


def test_small_volumes_swallow_and_large_do_not():
    assert examine("ex-tails-swallow", 0.05).right
    assert not examine("ex-tails-swallow", 500).right
