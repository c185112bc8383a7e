"""Chapter 10: k-means as the limit of spherical components, and Lloyd's algorithm."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans

import gmm

SHAPES = [(1, 1, 1), (7, 1, 3), (9, 2, 2), (12, 3, 4)]  # (n, d, K)


def problem(n, d, K, offset=0.0):
    rng = np.random.default_rng([n, d, K, int(offset)])
    X = offset + rng.exponential(size=(n, d))
    return X, X[rng.choice(n, size=K)] + 0.3 * rng.normal(size=(K, d)), rng.dirichlet(np.full(K, 2.0))


def squared_distance(x, centre):
    return mp.fsum((mp.mpf(a) - mp.mpf(b)) ** 2 for a, b in zip(x, centre, strict=True))


# ------------------------------------------------------------------------------------- responsibilities and their limit


@pytest.mark.equation("eq-spherical-responsibility")
@pytest.mark.parametrize("variance", [100.0, 1.0, 1e-2, 1e-6])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_spherical_responsibilities_in_exact_arithmetic(n, d, K, offset, variance):
    X, means, weights = problem(n, d, K, offset)
    resp = gmm.spherical_responsibilities(X, weights, means, variance)
    with mp.workdps(60):
        for x, row in zip(X, resp, strict=True):
            squared = [squared_distance(x, mean) for mean in means]
            joint = [mp.mpf(w) * mp.exp(-s / (2 * mp.mpf(variance))) for w, s in zip(weights, squared, strict=True)]
            # A relative error of the squared distances is an absolute one of the exponent.
            error = 1e-14 * (1 + float(max(squared)) / variance)
            for k in range(K):
                assert abs(row[k] - joint[k] / mp.fsum(joint)) <= min(error, 1.0) * max(row[k], 1e-300) + 1e-300


@pytest.mark.equation("eq-spherical-responsibility")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_spherical_responsibilities_are_those_of_spherical_covariances(n, d, K):
    X, means, weights = problem(n, d, K)
    covariances = np.tile(0.7 * np.eye(d), (K, 1, 1))
    expected = gmm.responsibilities(X, weights, means, covariances)
    assert_allclose(gmm.spherical_responsibilities(X, weights, means, 0.7), expected, rtol=1e-12)


@pytest.mark.equation("eq-spherical-responsibility", "eq-nearest-centre")
def test_the_limit_is_the_nearest_centre_and_a_tie_is_split_by_weight():
    X, means, weights = problem(12, 3, 4)
    hard = np.eye(4)[gmm.nearest_centre(X, means)]
    gaps = [np.abs(gmm.spherical_responsibilities(X, weights, means, v) - hard).max() for v in (1, 0.1, 1e-2, 1e-9)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0.0 < gaps[0]
    # Exact to the last digits at any variance: the weights are not rounded away beside huge exponents.
    for variance in (1.0, 1e-9, 1e-300):
        r = gmm.spherical_responsibilities([[1.5]], [0.6, 0.3, 0.1], [[0.0], [3.0], [500.0]], variance)
        assert_allclose(r, [[2 / 3, 1 / 3, 0.0]], rtol=1e-14)


@pytest.mark.equation("eq-spherical-responsibility")
def test_a_component_without_weight_gets_nothing_however_near():
    r = gmm.spherical_responsibilities([[0.0]], [0.0, 0.4, 0.6], [[0.0], [1.0], [1.0]], 1e-320)
    assert_allclose(r, [[0.0, 0.4, 0.6]], rtol=1e-14)


# ------------------------------------------------------------------------------------- the two steps


@pytest.mark.equation("eq-nearest-centre")
@given(st.integers(1, 15), st.integers(1, 3), st.integers(1, 5), st.integers(0, 10**6))
def test_no_other_centre_is_nearer_and_ties_go_to_the_smaller_index(n, d, K, seed):
    rng = np.random.default_rng(seed)
    X, centres = rng.integers(-3, 4, size=(n, d)), rng.integers(-3, 4, size=(K, d))  # small integers: many ties
    squared = ((X[:, None, :] - centres) ** 2).sum(axis=2).tolist()
    assert gmm.nearest_centre(X, centres).tolist() == [row.index(min(row)) for row in squared]


@pytest.mark.equation("eq-kmeans-objective")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_objective_in_exact_arithmetic_and_by_pairs(n, d, K, offset):
    X, centres, _ = problem(n, d, K, offset)
    labels = np.arange(n) % K
    with mp.workdps(50):
        expected = mp.fsum(squared_distance(x, centres[k]) for x, k in zip(X, labels, strict=True))
    assert gmm.kmeans_objective(X, labels, centres) == pytest.approx(float(expected), rel=1e-13)
    # About the group means it is the sum over pairs, divided by twice the group's size: no centres needed.
    groups = [X[labels == k] for k in range(K) if (labels == k).any()]
    pairs = sum(((g[:, None] - g) ** 2).sum() / (2 * len(g)) for g in groups)
    fitted = gmm.update_centres(X, labels, centres)
    assert gmm.kmeans_objective(X, labels, fitted) == pytest.approx(pairs, rel=1e-6 if offset else 1e-12, abs=1e-12)


@pytest.mark.equation("eq-kmeans-objective", "eq-spherical-responsibility")
def test_scaled_expected_log_likelihood_tends_to_the_objective():
    X, means, weights = problem(12, 3, 4)
    objective = gmm.kmeans_objective(X, gmm.nearest_centre(X, means), means)
    gaps = []
    for variance in (1e-3, 1e-5, 1e-7):
        covariances = np.tile(variance * np.eye(3), (4, 1, 1))
        resp = gmm.spherical_responsibilities(X, weights, means, variance)
        Q = gmm.expected_complete_log_likelihood(X, resp, weights, means, covariances)
        gaps.append(abs(-2 * variance * Q - objective))
        bound = 12 * variance * (3 * abs(np.log(2 * np.pi * variance)) - 2 * np.log(weights.min()))
        assert gaps[-1] <= bound + 1e-9
        ell = gmm.log_likelihood(X, weights, means, covariances)
        assert abs(-2 * variance * ell - objective) <= bound + 1e-9
    assert gaps == sorted(gaps, reverse=True)


@pytest.mark.equation("eq-update-centres")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_updated_centres_are_exact_means_and_empty_ones_stay(n, d, K, offset):
    X, centres, _ = problem(n, d, K + 1, offset)
    labels, before = np.arange(n) % K, centres.copy()  # the last centre has no samples
    updated = gmm.update_centres(X, labels, centres)
    assert_array_equal(centres, before)
    assert_array_equal(updated[K], before[K])
    for k in range(min(n, K)):
        group = X[labels == k]
        with mp.workdps(50):
            expected = [float(mp.fsum(map(mp.mpf, column)) / len(group)) for column in group.T]
        assert_allclose(updated[k], expected, rtol=4e-16, atol=1e-14)


@pytest.mark.equation("eq-update-centres")
def test_moving_a_centre_off_its_mean_costs_the_squared_shift_for_each_sample():
    X, centres, _ = problem(12, 3, 4)
    labels, shift = np.arange(12) % 4, np.array([0.4, -0.1, 0.7])
    fitted = gmm.update_centres(X, labels, centres)
    rise = gmm.kmeans_objective(X, labels, fitted + shift) - gmm.kmeans_objective(X, labels, fitted)
    assert rise == pytest.approx(12 * (shift**2).sum(), rel=1e-12)


# ------------------------------------------------------------------------------------- the algorithm


@pytest.mark.equation("eq-lloyd")
@given(st.integers(1, 30), st.integers(1, 3), st.integers(1, 5), st.integers(0, 10**6))
def test_lloyd_never_rises_and_ends_where_nothing_moves(n, d, K, seed):
    rng = np.random.default_rng(seed)
    X, centres = rng.integers(-9, 10, size=(n, d)), rng.integers(-9, 10, size=(K, d))
    run = gmm.lloyd(X, centres)
    assert run.converged
    assert len(run.objectives) == run.n_iter + 1
    assert (np.diff(run.objectives) <= 1e-12 * run.objectives[0]).all()
    assert_array_equal(run.labels, gmm.nearest_centre(X, run.centres))
    assert_allclose(run.centres, gmm.update_centres(X, run.labels, run.centres), rtol=1e-12, atol=1e-12)
    assert run.objectives[-1] == pytest.approx(gmm.kmeans_objective(X, run.labels, run.centres), rel=1e-12)


@pytest.mark.equation("eq-lloyd")
@pytest.mark.parametrize(("n", "d", "K"), [(60, 1, 3), (90, 2, 4), (120, 4, 3)])
def test_lloyd_against_scikit_learn(n, d, K):
    rng = np.random.default_rng([n, d, K])
    X = rng.normal(size=(n, d))
    for _ in range(4):
        start = X[rng.choice(n, size=K, replace=False)]
        mine = gmm.lloyd(X, start)
        theirs = KMeans(K, init=start, n_init=1, tol=0, algorithm="lloyd").fit(X)
        assert mine.objectives[-1] == pytest.approx(theirs.inertia_, rel=1e-10)
        assert_allclose(mine.centres, theirs.cluster_centers_, rtol=1e-8, atol=1e-10)
        assert_array_equal(mine.labels, theirs.labels_)


@pytest.mark.equation("eq-lloyd")
def test_lloyd_is_never_below_the_best_of_all_partitions_and_one_start_reaches_it():
    X = np.random.default_rng(5).normal(size=(7, 2))
    best = min(gmm.kmeans_objective(X, z, gmm.update_centres(X, z, X[:2])) for z in itertools.product((0, 1), repeat=7))
    found = [gmm.lloyd(X, X[list(pair)]).objectives[-1] for pair in itertools.combinations(range(7), 2)]
    assert min(found) == pytest.approx(best, rel=1e-12)


@pytest.mark.equation("eq-lloyd")
def test_lloyd_stops_when_told_to():
    X = np.random.default_rng(1).normal(size=(50, 2))
    run = gmm.lloyd(X, X[:4], max_iter=1)
    assert (run.n_iter, run.converged, len(run.objectives)) == (1, False, 2)
    none = gmm.lloyd(X, X[:4], max_iter=0)
    assert_array_equal(none.centres, X[:4])
    assert (none.n_iter, none.converged) == (0, False)


# ------------------------------------------------------------------------------------- bad input

X4, C2 = [[0.0, 1.0], [2.0, 0.5], [1.0, 1.0], [3.0, 2.0]], [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gmm.nearest_centre(X4, [[0.0], [1.0]]), ValueError, "centres must have 2 features, as X has; got 1"),
        (lambda: gmm.nearest_centre([[np.nan, 1.0]], C2), ValueError, "X must be finite"),
        (lambda: gmm.kmeans_objective(X4, [0, 1, 2, 0], C2), ValueError, "labels must lie between 0 and 1"),
        (lambda: gmm.kmeans_objective(X4, [0, 1, 1], C2), ValueError, "labels must have 4 entries"),
        (lambda: gmm.update_centres(X4, [0.0, 1.0, 1.0, 0.0], C2), TypeError, "labels must be integers"),
        (lambda: gmm.update_centres(X4, [0, -1, 1, 0], C2), ValueError, "labels must lie between 0 and 1"),
        (lambda: gmm.lloyd(X4, C2, max_iter=-1), ValueError, "max_iter"),
        (lambda: gmm.lloyd(X4, [[np.inf, 0.0]]), ValueError, "centres must be finite"),
        (lambda: gmm.spherical_responsibilities(X4, [0.5, 0.5], C2, 0.0), ValueError, "variance must be"),
        (lambda: gmm.spherical_responsibilities(X4, [0.5, 0.4], C2, 1.0), ValueError, "weights must sum to 1"),
        (lambda: gmm.spherical_responsibilities(X4, [0.5, 0.5], [[0.0], [1.0]], 1.0), ValueError, "means must have 2"),
        (lambda: gmm.spherical_responsibilities([[1e200, 0.0]], [0.5, 0.5], C2, 1.0), ValueError, "sample 0 is below"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.equation("eq-spherical-responsibility")
def test_the_nearest_mean_counts_only_if_its_component_has_weight():
    resp = gmm.spherical_responsibilities([[0.0]], [0.0, 0.5, 0.5], [[0.0], [1.0], [2.0]], 1e-309)
    assert_array_equal(resp, [[0.0, 1.0, 0.0]])
