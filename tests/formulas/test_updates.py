"""Chapter 6: the M-step updates are the maximum of the expected complete log-likelihood."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import gmm

SHAPES = [(1, 1, 1), (7, 1, 3), (9, 2, 2), (12, 3, 2)]  # (n, d, K)


def problem(n, d, K, offset=0.0, sparse=False):
    """Skewed data and responsibilities; `sparse` ones are mostly close to 0 or 1."""
    rng = np.random.default_rng([n, d, K, int(offset), sparse])
    X = offset + rng.exponential(size=(n, d)) @ rng.normal(size=(d, d))
    resp = rng.dirichlet(np.full(K, 0.2 if sparse else 2.0), size=n)
    return X, resp


def updated(X, resp):
    means = gmm.update_means(X, resp)
    return gmm.update_weights(resp), means, gmm.update_covariances(X, resp, means)


# ------------------------------------------------------------------------------------- closed forms


@pytest.mark.equation("eq-effective-counts", "eq-update-weights")
@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 10**6))
def test_effective_counts_sum_to_n_and_weights_to_one(exact, n, K, seed):
    resp = np.random.default_rng(seed).dirichlet(np.full(K, 0.5), size=n)
    counts, weights = gmm.effective_counts(resp), gmm.update_weights(resp)
    for k in range(K):
        expected = mp.fsum(exact.number(r) for r in resp[:, k])
        assert abs(counts[k] - expected) <= 1e-15 * n * expected
        assert abs(weights[k] - expected / n) <= 1e-15 * n * expected
    assert counts.sum() == pytest.approx(n, rel=1e-13)
    assert weights.sum() == pytest.approx(1.0, rel=1e-13)


@pytest.mark.equation("eq-update-means")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), [*SHAPES, (25, 20, 2)])
def test_updated_means_are_weighted_averages_to_twelve_digits(exact, n, d, K, offset, sparse):
    X, resp = problem(n, d, K, offset, sparse)
    means = gmm.update_means(X, resp)
    for k, j in np.ndindex(K, d):
        count = mp.fsum(exact.number(r) for r in resp[:, k])
        expected = mp.fsum(exact.number(resp[i, k]) * exact.number(X[i, j]) for i in range(n)) / count
        # One rounding of the result, and errors in the size of the spread of the data, not of the offset.
        assert abs(means[k, j] - expected) <= np.spacing(abs(means[k, j])) + 1e-13 * np.ptp(X[:, j])


@pytest.mark.equation("eq-update-covariances")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), [*SHAPES, (25, 20, 2)])
def test_updated_covariances_are_weighted_scatter_about_the_given_means(exact, n, d, K, offset, sparse):
    X, resp = problem(n, d, K, offset, sparse)
    means = gmm.update_means(X, resp)
    covariances = gmm.update_covariances(X, resp, means)
    assert_array_equal(covariances, covariances.transpose(0, 2, 1))
    for k in range(K):
        count = mp.fsum(exact.number(r) for r in resp[:, k])
        Y = [[exact.number(x[j]) - exact.number(means[k, j]) for j in range(d)] for x in X]
        for j in range(d):
            for l in range(j + 1):
                expected = mp.fsum(exact.number(resp[i, k]) * Y[i][j] * Y[i][l] for i in range(n)) / count
                scale = math.sqrt(covariances[k, j, j] * covariances[k, l, l])
                assert abs(covariances[k, j, l] - expected) <= 1e-12 * scale


@pytest.mark.equation("eq-update-means", "eq-update-covariances")
def test_updates_with_hard_responsibilities_are_moments_of_the_groups():
    rng = np.random.default_rng(9)
    X, labels = rng.normal(size=(30, 3)), np.arange(30) % 4
    weights, means, covariances = updated(X, np.eye(4)[labels])
    for k in range(4):
        group = X[labels == k]
        assert weights[k] == pytest.approx(len(group) / 30, rel=1e-15)
        assert_allclose(means[k], group.mean(axis=0), rtol=1e-12, atol=1e-14)
        assert_allclose(covariances[k], np.cov(group.T, bias=True), rtol=1e-12, atol=1e-14)


@pytest.mark.equation("eq-update-means", "eq-update-covariances")
def test_updates_with_equal_responsibilities_give_every_component_the_whole_data():
    X, _ = problem(9, 2, 3)
    weights, means, covariances = updated(X, np.full((9, 3), 1 / 3))
    assert_allclose(weights, 1 / 3, rtol=1e-15)
    assert_allclose(means, np.tile(gmm.sample_mean(X), (3, 1)), rtol=1e-13)
    assert_allclose(covariances, np.tile(gmm.sample_covariance(X), (3, 1, 1)), rtol=1e-12)


@pytest.mark.equation("eq-update-means", "eq-update-covariances", "eq-update-weights")
def test_updates_keep_the_mean_and_the_covariance_of_the_data():
    # Total mean and total scatter are preserved by every M-step: within plus between.
    X, resp = problem(12, 3, 2)
    weights, means, covariances = updated(X, resp)
    assert_allclose(gmm.mixture_mean(weights, means), gmm.sample_mean(X), rtol=1e-12)
    assert_allclose(gmm.mixture_covariance(weights, means, covariances), gmm.sample_covariance(X), rtol=1e-11)


@pytest.mark.equation("eq-update-covariances")
def test_covariance_about_another_centre_is_larger_by_the_outer_product_of_the_shift():
    X, resp = problem(9, 2, 2)
    means, shift = gmm.update_means(X, resp), np.array([0.7, -1.2])
    difference = gmm.update_covariances(X, resp, means + shift) - gmm.update_covariances(X, resp, means)
    assert_allclose(difference, np.tile(np.outer(shift, shift), (2, 1, 1)), rtol=1e-10)


# ------------------------------------------------------------------------------------- what they maximise


@pytest.mark.equation("eq-expected-complete-log-likelihood")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_expected_complete_log_likelihood_to_twelve_digits(exact, random_mixture, n, d, K, offset):
    X, resp = problem(n, d, K, offset)
    parameters = random_mixture(np.random.default_rng([n, d]), K, d, offset=offset)
    expected = exact.expected_complete_log_likelihood(X, resp, *parameters)
    scale = sum(abs(a) for x in X for a in exact.joint_log_density(x, *parameters))
    assert abs(gmm.expected_complete_log_likelihood(X, resp, *parameters) - expected) <= 1e-12 * scale


@pytest.mark.equation("eq-expected-complete-log-likelihood")
def test_expected_complete_log_likelihood_is_the_average_over_drawn_labels(random_mixture):
    # Q is an expectation: draw the labels from resp, take the complete-data log-likelihood, average.
    X, resp = problem(9, 2, 2)
    parameters = random_mixture(np.random.default_rng(2), 2, 2)
    log_joint = gmm.joint_log_density(X, *parameters)
    draws = np.random.default_rng(0).random((20_000, 9)) < resp[:, 1]
    complete = np.where(draws, log_joint[:, 1], log_joint[:, 0]).sum(axis=1)
    value = gmm.expected_complete_log_likelihood(X, resp, *parameters)
    assert abs(complete.mean() - value) < 4.5 * complete.std() / math.sqrt(20_000)


@pytest.mark.equation("eq-expected-complete-log-likelihood")
def test_a_component_without_weight_counts_nothing_where_it_has_no_responsibility():
    X, parameters = [[0.0], [1.0]], ([1.0, 0.0], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    one = gmm.gaussian_log_likelihood(X, [0.0], [[1.0]])
    assert gmm.expected_complete_log_likelihood(X, [[1, 0], [1, 0]], *parameters) == pytest.approx(one, rel=1e-15)
    assert gmm.expected_complete_log_likelihood(X, [[1, 0], [0.5, 0.5]], *parameters) == -math.inf


@pytest.mark.equation("eq-update-means", "eq-update-covariances", "eq-update-weights", "eq-m-step")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES[1:])
def test_gradient_of_the_expected_complete_log_likelihood_vanishes_at_the_updates(exact, n, d, K, sparse):
    X, resp = problem(n, d, K, sparse=sparse)
    weights, means, covariances = updated(X, resp)
    size = max(np.abs(np.linalg.inv(covariance)).max() for covariance in covariances)

    def slope(change):
        def moved(t):
            w, m, c = exact.vector(weights), exact.matrix(means), [exact.matrix(S) for S in covariances]
            change(t, w, m, c)
            return exact.expected_complete_log_likelihood(X, resp, list(w), m.tolist(), [S.tolist() for S in c])

        return abs(exact.derivative(moved))

    for k in range(K):
        other = (k + 1) % K

        def weight(t, w, m, c, k=k, other=other):  # along the simplex: what one gains another loses
            w[k] += t
            w[other] -= t

        assert slope(weight) < 1e-12 * n / weights.min()
        for j in range(d):

            def mean(t, w, m, c, k=k, j=j):
                m[k, j] += t

            assert slope(mean) < 1e-13 * n * size
            for l in range(j + 1):

                def covariance(t, w, m, c, k=k, j=j, l=l):  # kept symmetric
                    c[k][j, l] += t
                    if j != l:
                        c[k][l, j] += t

                assert slope(covariance) < 1e-13 * n * size**2


@pytest.mark.equation("eq-update-means", "eq-update-covariances", "eq-update-weights")
def test_finite_differences_of_the_package_function_vanish_at_the_updates():
    rng = np.random.default_rng(4)
    X, resp = rng.normal(size=(40, 2)), rng.dirichlet([2, 2], size=40)
    weights, means, covariances = updated(X, resp)
    step = 1e-4

    def slope(w, m, c):
        up = gmm.expected_complete_log_likelihood(X, resp, weights + w, means + m, covariances + c)
        down = gmm.expected_complete_log_likelihood(X, resp, weights - w, means - m, covariances - c)
        return (up - down) / (2 * step)

    # What remains is the third derivative times step squared, and rounding over step.
    assert abs(slope(step * np.array([1, -1]), 0, 0)) < 2e-5
    for k, j in np.ndindex(2, 2):
        change = np.zeros((2, 2))
        change[k, j] = step
        assert abs(slope(0, change, 0)) < 1e-8  # quadratic in the means: no third derivative
        for l in range(j + 1):
            change = np.zeros((2, 2, 2))
            change[k, j, l] = change[k, l, j] = step
            assert abs(slope(0, 0, change)) < 2e-5


@pytest.mark.equation("eq-update-means", "eq-update-covariances", "eq-update-weights", "eq-m-step")
@pytest.mark.parametrize("reach", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize(("n", "d", "K"), [(12, 3, 2), (30, 2, 4), (20, 1, 3)])
def test_every_other_choice_has_a_smaller_expected_complete_log_likelihood(n, d, K, reach):
    X, resp = problem(n, d, K)
    weights, means, covariances = updated(X, resp)
    best = gmm.expected_complete_log_likelihood(X, resp, weights, means, covariances)
    rng = np.random.default_rng([n, d, K])
    for _ in range(25):
        w = weights * np.exp(reach * rng.normal(size=K))
        m = means + reach * rng.normal(size=(K, d))
        tilt = np.eye(d) + reach * rng.normal(size=(K, d, d)) / d
        c = tilt @ covariances @ tilt.transpose(0, 2, 1)
        c = (c + c.transpose(0, 2, 1)) / 2
        for other in [(w / w.sum(), means, covariances), (weights, m, covariances), (weights, means, c)]:
            assert gmm.expected_complete_log_likelihood(X, resp, *other) < best
