"""Chapter 5: the log-likelihood and its derivatives, against exact arithmetic and finite differences."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose, assert_array_equal

import gmm

SHAPES = [(1, 1, 1), (5, 1, 2), (6, 2, 3), (4, 4, 2)]  # (n, d, K)


def problem(random_mixture, n, d, K, offset=0.0):
    rng = np.random.default_rng([n, d, K])
    parameters = random_mixture(rng, K, d, offset=offset)
    return offset + 2.5 * rng.normal(size=(n, d)), *parameters


# ------------------------------------------------------------------------------------- value


@pytest.mark.equation("eq-log-likelihood")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), [*SHAPES, (8, 20, 3)])
def test_log_likelihood_to_twelve_digits(exact, random_mixture, n, d, K, offset):
    X, *parameters = problem(random_mixture, n, d, K, offset)
    expected = exact.log_likelihood(X, *parameters)
    scale = sum(abs(exact.mixture_log_density(x, *parameters)) for x in X)
    assert abs(gmm.log_likelihood(X, *parameters) - expected) <= 1e-12 * scale


@pytest.mark.equation("eq-log-likelihood")
def test_log_likelihood_adds_over_samples_and_counts_duplicates_twice(random_mixture):
    X, *parameters = problem(random_mixture, 7, 3, 2)
    one_by_one = [gmm.log_likelihood(X[i : i + 1], *parameters) for i in range(7)]
    total = gmm.log_likelihood(X, *parameters)
    assert total == pytest.approx(math.fsum(one_by_one), rel=1e-13)
    assert gmm.log_likelihood(np.repeat(X, 2, axis=0), *parameters) == pytest.approx(2 * total, rel=1e-13)


@pytest.mark.equation("eq-log-likelihood")
def test_log_likelihood_is_in_natural_logarithms_and_may_be_positive():
    # One point on the mean of a Gaussian of variance 1 / (2 pi): its density is exactly 1.
    assert gmm.log_likelihood([[3.0]], [1.0], [[3.0]], [[[1 / (2 * math.pi)]]]) == pytest.approx(0.0, abs=1e-15)
    # Density e: variance e^-2 / (2 pi).
    value = gmm.log_likelihood([[3.0]], [1.0], [[3.0]], [[[math.exp(-2) / (2 * math.pi)]]])
    assert value == pytest.approx(1.0, rel=1e-15)


@pytest.mark.equation("eq-mean-log-likelihood")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_mean_log_likelihood_is_per_sample_and_does_not_change_with_repetition(random_mixture, n, d, K):
    X, *parameters = problem(random_mixture, n, d, K)
    mean = gmm.mean_log_likelihood(X, *parameters)
    assert mean == pytest.approx(np.mean([gmm.log_likelihood(x[None], *parameters) for x in X]), rel=1e-13)
    assert gmm.mean_log_likelihood(np.tile(X, (3, 1)), *parameters) == pytest.approx(mean, rel=1e-13)


@pytest.mark.equation("eq-mean-log-likelihood")
def test_mean_log_likelihood_estimates_the_negative_entropy():
    mean, covariance, n = np.zeros(2), np.array([[2.0, 0.5], [0.5, 1.0]]), 20_000
    X = gmm.sample_gaussian(n, mean, covariance, rng=5)
    entropy = scipy.stats.multivariate_normal(mean, covariance).entropy()
    # The variance of log p under a Gaussian in d dimensions is d / 2.
    assert abs(gmm.mean_log_likelihood(X, [1.0], [mean], [covariance]) + entropy) < 4.5 * math.sqrt(1 / n)


@pytest.mark.equation("eq-log-likelihood")
def test_log_likelihood_does_not_depend_on_the_order_of_components_or_samples(random_mixture):
    X, weights, means, covariances = problem(random_mixture, 6, 2, 3)
    value = gmm.log_likelihood(X, weights, means, covariances)
    order = np.array([2, 0, 1])
    assert gmm.log_likelihood(X, weights[order], means[order], covariances[order]) == pytest.approx(value, rel=1e-14)
    assert gmm.log_likelihood(X[::-1], weights, means, covariances) == pytest.approx(value, rel=1e-14)


# ------------------------------------------------------------------------------------- scores


@pytest.mark.equation("eq-score-weights")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_score_of_the_weights_is_the_derivative(exact, random_mixture, n, d, K):
    X, weights, means, covariances = problem(random_mixture, n, d, K)
    score = gmm.score_weights(X, weights, means, covariances)
    assert score.shape == (K,)
    for k in range(K):

        def total(t, k=k):  # one weight alone moves, off the simplex
            moved = [exact.number(w) + (t if l == k else 0) for l, w in enumerate(weights)]
            return exact.log_likelihood(X, moved, means, covariances)

        assert score[k] == pytest.approx(float(exact.derivative(total)), rel=1e-12)


@pytest.mark.equation("eq-score-weights")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_score_of_the_weights_and_the_weights_multiply_to_n(random_mixture, n, d, K):
    X, weights, means, covariances = problem(random_mixture, n, d, K)
    assert weights @ gmm.score_weights(X, weights, means, covariances) == pytest.approx(n, rel=1e-13)


@pytest.mark.equation("eq-score-means")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_score_of_the_means_is_the_gradient(exact, random_mixture, n, d, K, offset):
    X, weights, means, covariances = problem(random_mixture, n, d, K, offset)
    score = gmm.score_means(X, weights, means, covariances)
    assert score.shape == (K, d)
    for k, j in np.ndindex(K, d):

        def total(t, k=k, j=j):
            moved = exact.matrix(means)
            moved[k, j] += t
            return exact.log_likelihood(X, weights, moved.tolist(), covariances)

        assert score[k, j] == pytest.approx(float(exact.derivative(total)), rel=1e-11, abs=1e-12)


@pytest.mark.equation("eq-score-covariances")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_score_of_the_covariances_is_the_gradient(exact, random_mixture, n, d, K):
    X, weights, means, covariances = problem(random_mixture, n, d, K)
    score = gmm.score_covariances(X, weights, means, covariances)
    assert score.shape == (K, d, d)
    rng = np.random.default_rng(0)
    for k in range(K):
        assert_allclose(score[k], score[k].T, rtol=1e-11, atol=1e-12)
        # Each entry alone (the formula then sees a matrix that is not symmetric), and a symmetric direction.
        directions = [np.eye(d)[:, [j]] * np.eye(d)[[l]] for j in range(d) for l in range(d)]
        tilt = rng.normal(size=(d, d))
        for E in [*directions, tilt + tilt.T]:

            def total(t, k=k, E=E):
                moved = [exact.matrix(covariance) for covariance in covariances]
                moved[k] = moved[k] + t * exact.matrix(E)
                return exact.log_likelihood(X, weights, means, [matrix.tolist() for matrix in moved])

            assert (score[k] * E).sum() == pytest.approx(float(exact.derivative(total)), rel=1e-10, abs=1e-11)


@pytest.mark.equation("eq-score-means", "eq-score-covariances", "eq-gaussian-mle-mean", "eq-gaussian-mle-covariance")
@pytest.mark.parametrize("d", [1, 2, 5])
def test_scores_of_one_gaussian_vanish_at_the_sample_moments(d):
    X = np.random.default_rng(d).gamma(1.5, size=(30, d))
    arguments = X, [1.0], [gmm.sample_mean(X)], [gmm.sample_covariance(X)]
    assert_allclose(gmm.score_means(*arguments), 0, atol=1e-10)
    assert_allclose(gmm.score_covariances(*arguments), 0, atol=1e-9)
    assert_array_equal(gmm.score_weights(*arguments), [30.0])


@pytest.mark.equation("eq-score-means")
def test_expected_score_is_zero_under_the_true_parameters(random_mixture):
    parameters = random_mixture(np.random.default_rng(3), 2, 2)
    n = 40_000
    X, _ = gmm.sample_mixture(n, *parameters, rng=1)
    each = np.array([gmm.score_means(X[i : i + 1], *parameters) for i in range(0, 2000)])
    deviation = each.std(axis=0)  # of the score of one sample; its mean is within sampling error of zero
    assert (np.abs(gmm.score_means(X, *parameters)) < 4.5 * deviation * math.sqrt(n)).all()


def test_a_weight_of_zero_has_no_score():
    with pytest.raises(ValueError, match=r"weights must be positive here; weights\[1\] is 0"):
        gmm.score_weights([[0.0]], [1.0, 0.0], [[0.0], [1.0]], [[[1.0]], [[1.0]]])


def test_mpmath_reference_agrees_with_scipy(exact):
    """The yardstick itself: a mixture log-density through SciPy."""
    X = np.array([[0.3, -0.2]])
    weights, means = [0.4, 0.6], np.array([[0.0, 0.0], [1.0, 1.0]])
    covariances = np.array([[[1.0, 0.2], [0.2, 0.5]], np.eye(2)])
    density = sum(w * scipy.stats.multivariate_normal(m, c).pdf(X) for w, m, c in zip(weights, means, covariances))
    assert float(exact.log_likelihood(X, weights, means, covariances)) == pytest.approx(math.log(density), rel=1e-13)
    assert mp.mp.dps == 50
