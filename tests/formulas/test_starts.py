"""Chapter 9: random responsibilities, hard labels, k-means++, standardised and whitened data."""

from __future__ import annotations

from fractions import Fraction
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import dblquad
from scipy.spatial.distance import cdist, pdist

import gmm
from gmm.formulas import starts


def cloud(n, d, offset=0.0, seed=0):
    """Skewed, correlated samples."""
    rng = np.random.default_rng([n, d, seed])
    return offset + rng.exponential(size=(n, d)) @ rng.normal(size=(d, d))


# ------------------------------------------------------------------------------------- random responsibilities


@pytest.mark.equation("eq-random-responsibilities")
@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 10**6))
def test_random_responsibilities_are_positive_and_rows_sum_to_one(n, K, seed):
    resp = starts.random_responsibilities(n, K, seed)
    assert resp.shape == (n, K)
    assert (resp > 0).all()
    assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    assert_array_equal(resp, starts.random_responsibilities(n, K, np.random.default_rng(seed)))


@pytest.mark.equation("eq-random-responsibilities")
def test_random_responsibilities_of_two_components_have_the_derived_variance():
    exact = 0.75 - log(2)
    by_quadrature = dblquad(lambda v, u: (u / (u + v) - 0.5) ** 2, 0, 1, 0, 1)[0]
    assert by_quadrature == pytest.approx(exact, abs=1e-7)
    r = starts.random_responsibilities(400_000, 2, 1)[:, 0]
    # Four standard errors of the mean square.
    assert ((r - 0.5) ** 2).mean() == pytest.approx(exact, abs=4 * ((r - 0.5) ** 2).std() / 400_000**0.5)
    assert r.mean() == pytest.approx(0.5, abs=4 * (exact / 400_000) ** 0.5)


@pytest.mark.equation("eq-random-responsibilities")
@pytest.mark.parametrize("K", [2, 4])
def test_means_of_random_responsibilities_concentrate_as_derived(K):
    X, rng = cloud(400, 2), np.random.default_rng(K)
    v = starts.random_responsibilities(200_000, K, rng)[:, 0].var()
    means = np.array([gmm.update_means(X, starts.random_responsibilities(400, K, rng))[0] for _ in range(2000)])
    expected = K**2 * v / 400 * gmm.sample_covariance(X)
    root = np.linalg.inv(np.linalg.cholesky(expected))
    assert_allclose(root @ np.cov(means.T) @ root.T, np.eye(2), atol=0.15)  # 2000 draws: 4 standard errors and 1/n


def test_a_draw_of_zeros_does_not_divide_by_zero():
    class Zeros(np.random.Generator):
        def random(self, size=None):
            return np.zeros(size)

    assert_array_equal(starts.random_responsibilities(3, 2, Zeros(np.random.PCG64(0))), np.full((3, 2), 0.5))


@pytest.mark.parametrize("sizes", [(0, 2), (3, 0), (-1, 2)])
def test_random_responsibilities_refuse_sizes_below_one(sizes):
    with pytest.raises(ValueError, match=r"n_(samples|components)"):
        starts.random_responsibilities(*sizes)


def test_random_responsibilities_refuse_other_types():
    with pytest.raises(TypeError, match="n_samples"):
        starts.random_responsibilities(2.5, 2)
    with pytest.raises(TypeError, match="rng"):
        starts.random_responsibilities(3, 2, rng="seed")


# ------------------------------------------------------------------------------------- one-hot


@pytest.mark.equation("eq-one-hot")
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_one_hot_rows_hold_a_single_one_at_the_label(labels):
    resp = starts.one_hot(labels, 5)
    assert_array_equal(resp.argmax(axis=1), labels)
    assert_array_equal(np.sort(resp, axis=1), np.tile([0.0, 0.0, 0.0, 0.0, 1.0], (len(labels), 1)))


@pytest.mark.equation("eq-one-hot")
def test_one_hot_rows_give_the_moments_of_the_groups():
    X, labels = cloud(40, 3), np.arange(40) % 3
    weights, means, covariances = gmm.m_step(X, starts.one_hot(labels, 3))
    for k in range(3):
        group = X[labels == k]
        assert weights[k] == pytest.approx(len(group) / 40)
        assert_allclose(means[k], group.mean(axis=0), rtol=1e-12)
        assert_allclose(covariances[k], np.cov(group.T, bias=True), rtol=1e-11)


@pytest.mark.parametrize(
    ("labels", "error"), [([0, 3], ValueError), ([-1, 0], ValueError), ([[0, 1]], ValueError), ([0.5, 1.0], TypeError)]
)
def test_one_hot_refuses_labels_that_are_none(labels, error):
    with pytest.raises(error, match="labels"):
        starts.one_hot(labels, 3)


# ------------------------------------------------------------------------------------- k-means++


@pytest.mark.equation("eq-kmeans-plusplus")
def test_probabilities_are_exact_fractions_on_five_points():
    points, centres = [0, 1, 2, 10, 11], [0, 7]
    squares = [min((x - c) ** 2 for c in centres) for x in points]
    expected = [float(Fraction(s, sum(squares))) for s in squares]
    X = np.array(points, dtype=float)[:, None]
    assert_allclose(starts.kmeans_plusplus_probabilities(X, [[0.0], [7.0]]), expected, rtol=1e-15)


@pytest.mark.equation("eq-kmeans-plusplus")
@pytest.mark.parametrize("offset", [0.0, 1e7])
@pytest.mark.parametrize(("n", "d", "m"), [(5, 1, 1), (20, 3, 4), (30, 8, 2)])
def test_probabilities_against_scipys_distances(n, d, m, offset):
    X = cloud(n, d, offset)
    nearest = cdist(X, X[:m], "sqeuclidean").min(axis=1)
    p = starts.kmeans_plusplus_probabilities(X, X[:m])
    assert_allclose(p, nearest / nearest.sum(), rtol=1e-12)
    assert p.sum() == pytest.approx(1.0, rel=1e-14)
    assert_array_equal(p[:m], 0.0)


@pytest.mark.equation("eq-kmeans-plusplus")
def test_each_sample_gains_at_least_its_squared_distance():
    X = cloud(25, 2)
    D2 = cdist(X, X[:3], "sqeuclidean").min(axis=1)
    new_cost = np.array([np.minimum(D2, ((X - x) ** 2).sum(axis=1)).sum() for x in X])
    assert (D2.sum() - new_cost >= D2 * (1 - 1e-12)).all()
    gain = starts.kmeans_plusplus_probabilities(X, X[:3]) @ D2
    assert gain > D2.mean()


@pytest.mark.equation("eq-kmeans-plusplus")
@given(st.integers(2, 12), st.floats(0.0, 20.0), st.integers(0, 10**6))
def test_weighted_draw_costs_at_most_eight_times_the_best(n, distance, seed):
    # The whole expectation, not a sample of it. The other centre lies outside of the group.
    A = np.random.default_rng(seed).standard_cauchy(size=(n, 2)).clip(-50, 50)
    other = A[:1] + distance
    p = starts.kmeans_plusplus_probabilities(A, other)
    D2 = ((A - other) ** 2).sum(axis=1)
    costs = np.array([np.minimum(D2, ((A - a) ** 2).sum(axis=1)).sum() for a in A])
    assert p @ costs <= 8 * ((A - A.mean(axis=0)) ** 2).sum()


def test_kmeans_plusplus_draws_as_often_as_the_probabilities_say():
    X = np.array([[0.0], [1.0], [3.0]])
    rng, counts = np.random.default_rng(3), np.zeros((3, 3))
    for _ in range(6000):
        first, second = starts.kmeans_plusplus(X, 2, rng)[:, 0]
        counts[[0, 1, 3].index(first), [0, 1, 3].index(second)] += 1
    expected = np.array([[0, 1 / 10, 9 / 10], [1 / 5, 0, 4 / 5], [9 / 13, 4 / 13, 0]]) / 3
    assert_allclose(counts / 6000, expected, atol=4 * (0.25 / 6000) ** 0.5)
    assert_array_equal(counts[expected == 0], 0)


def test_kmeans_plusplus_chooses_different_points_among_duplicates():
    X = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]], 20, axis=0)
    for seed in range(10):
        assert len(np.unique(starts.kmeans_plusplus(X, 3, seed), axis=0)) == 3
    with pytest.raises(ValueError, match="n_components must be <= 3"):
        starts.kmeans_plusplus(X, 4)


def test_probabilities_refuse_what_cannot_be_drawn():
    X = np.array([[0.0], [1.0]])
    with pytest.raises(ValueError, match="coincides"):
        starts.kmeans_plusplus_probabilities(X, X)
    with pytest.raises(ValueError, match="centres"):
        starts.kmeans_plusplus_probabilities(X, [[0.0, 1.0]])
    with pytest.raises(ValueError, match="X"):
        starts.kmeans_plusplus_probabilities([[np.nan], [1.0]], [[0.0]])


# ------------------------------------------------------------------------------------- standardise, whiten


@pytest.mark.equation("eq-standardise")
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize(("n", "d"), [(4, 1), (30, 3)])
def test_standardised_features_have_mean_zero_and_variance_one(n, d, offset):
    X = cloud(n, d, offset)
    Z = starts.standardise(X)
    assert_allclose(Z.mean(axis=0), 0.0, atol=1e-8)
    assert_allclose(Z.var(axis=0), 1.0, rtol=1e-8)
    assert_allclose(np.corrcoef(Z.T), np.corrcoef(X.T), atol=1e-8)  # correlations stay


@pytest.mark.equation("eq-standardise")
def test_standardising_forgets_the_units_but_not_the_sign():
    X = cloud(20, 3)
    factors = np.array([60.0, -0.01, 1e5])
    assert_allclose(starts.standardise(X * factors + 7.0), starts.standardise(X) * np.sign(factors), atol=1e-9)


def test_standardise_names_the_constant_feature():
    with pytest.raises(ValueError, match="feature 1 of X is constant"):
        starts.standardise([[1.0, 2.0], [3.0, 2.0]])


@pytest.mark.equation("eq-whitening")
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize(("n", "d"), [(5, 1), (30, 2), (60, 5)])
def test_whitened_data_have_identity_covariance(n, d, offset):
    Z = starts.whiten(cloud(n, d, offset))
    assert_allclose(Z.mean(axis=0), 0.0, atol=1e-7)
    assert_allclose(np.cov(Z.T, bias=True).reshape(d, d), np.eye(d), atol=1e-6)


@pytest.mark.equation("eq-whitening")
def test_whitened_distances_are_mahalanobis_distances():
    X = cloud(25, 3)
    precision = np.linalg.inv(np.cov(X.T, bias=True))
    assert_allclose(pdist(starts.whiten(X)), pdist(X, "mahalanobis", VI=precision), rtol=1e-10)
    A = np.random.default_rng(5).normal(size=(3, 3))
    assert_allclose(pdist(starts.whiten(X @ A.T - 4.0)), pdist(starts.whiten(X)), rtol=1e-8)


@pytest.mark.equation("eq-whitening")
def test_whitening_bounds_the_gap_between_two_groups():
    side, noise = np.repeat([0, 1], 50), cloud(50, 2)
    group = np.vstack([noise, noise])  # the same covariance within
    W = np.cov(noise.T, bias=True)
    for gap in (1.0, 10.0, 1000.0):
        delta = np.array([gap, 0.3 * gap])
        Z = starts.whiten(group + side[:, None] * delta)
        distance = np.linalg.norm(Z[side == 1].mean(axis=0) - Z[side == 0].mean(axis=0))
        within = delta @ np.linalg.solve(W, delta)
        assert distance**2 == pytest.approx(within / (1 + within / 4), rel=1e-8)
        assert distance < 2


def test_whiten_refuses_a_singular_covariance():
    with pytest.raises(ValueError, match="sample covariance of X"):
        starts.whiten([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    with pytest.raises(ValueError, match="X"):
        starts.whiten([1.0, 2.0])
