"""Chapter 11: each update is the maximum within its structure; counts are dimensions; volume, shape, orientation."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import gmm
from gmm.formulas.structures import STRUCTURES

SHAPES = [(1, 1, 1), (7, 1, 3), (9, 2, 2), (12, 3, 2), (25, 10, 2)]  # (n, d, K)
UPDATES = {
    "spherical": gmm.update_spherical_covariances,
    "diag": gmm.update_diagonal_covariances,
    "tied": gmm.update_tied_covariance,
    "full": gmm.update_covariances,
}
OURS = STRUCTURES[:3]  # the full update belongs to chapter 6


def problem(n, d, K, offset=0.0, sparse=False):
    """Skewed data and responsibilities; `sparse` ones are mostly close to 0 or 1."""
    rng = np.random.default_rng([n, d, K, int(offset), sparse])
    X = offset + rng.exponential(size=(n, d)) @ rng.normal(size=(d, d))
    resp = rng.dirichlet(np.full(K, 0.2 if sparse else 2.0), size=n)
    return X, resp, gmm.update_means(X, resp)


def spread(parameters, structure, K, d):
    """Parameters of a structure as matrices, shape (K, d, d)."""
    if structure == "spherical":
        return parameters[:, None, None] * np.eye(d)
    if structure == "diag":
        return parameters[:, :, None] * np.eye(d)
    return np.broadcast_to(parameters, (K, d, d))


def directions(parameters, structure):
    """Unit steps along the free parameters of the covariances; matrices stay symmetric."""
    for index in np.ndindex(parameters.shape):
        step = np.zeros(parameters.shape)
        step[index] = 1.0
        if structure in ("tied", "full"):
            if index[-2] < index[-1]:
                continue
            step = np.maximum(step, np.swapaxes(step, -1, -2))
        yield step


# ------------------------------------------------------------------------------------- closed forms


@pytest.mark.equation("eq-update-tied", "eq-update-diagonal", "eq-update-spherical")
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_updates_to_twelve_digits(exact, n, d, K, offset, sparse):
    X, resp, means = problem(n, d, K, offset, sparse)
    counts = [mp.fsum(exact.number(r) for r in column) for column in resp.T]
    # Sums of squares and products of component k, about the means as given.
    D = [[[exact.number(a) - exact.number(m) for a, m in zip(x, mean, strict=True)] for x in X] for mean in means]
    sums = np.array(
        [
            [
                [mp.fsum(exact.number(resp[i, k]) * D[k][i][j] * D[k][i][l] for i in range(n)) for l in range(d)]
                for j in range(d)
            ]
            for k in range(K)
        ]
    )
    tied = gmm.update_tied_covariance(X, resp, means)
    diagonal = gmm.update_diagonal_covariances(X, resp, means)
    spherical = gmm.update_spherical_covariances(X, resp, means)
    for j, l in np.ndindex(d, d):
        assert abs(tied[j, l] - sums[:, j, l].sum() / n) <= 1e-12 * math.sqrt(tied[j, j] * tied[l, l])
    for k in range(K):
        for j in range(d):
            assert abs(diagonal[k, j] - sums[k, j, j] / counts[k]) <= 1e-12 * diagonal[k, j]
        trace = mp.fsum(sums[k, j, j] for j in range(d))
        assert abs(spherical[k] - trace / (d * counts[k])) <= 1e-12 * spherical[k]


@pytest.mark.equation("eq-update-tied", "eq-update-diagonal", "eq-update-spherical")
@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 4), st.integers(0, 10**6))
def test_structures_are_averages_of_the_full_update(n, d, K, seed):
    rng = np.random.default_rng(seed)
    X, resp = rng.normal(size=(n, d)), rng.dirichlet(np.ones(K), size=n)
    means = gmm.update_means(X, resp)
    full = gmm.update_covariances(X, resp, means)
    diagonals = np.diagonal(full, axis1=1, axis2=2)
    assert_allclose(gmm.update_diagonal_covariances(X, resp, means), diagonals, rtol=1e-11, atol=1e-14)
    assert_allclose(gmm.update_spherical_covariances(X, resp, means), diagonals.mean(axis=1), rtol=1e-11, atol=1e-14)
    pooled = np.average(full, axis=0, weights=resp.sum(axis=0))
    assert_allclose(gmm.update_tied_covariance(X, resp, means), pooled, rtol=1e-10, atol=1e-13)


@pytest.mark.equation("eq-update-tied")
def test_tied_is_total_minus_between():
    X, resp, means = problem(40, 3, 4)
    shift = means - X.mean(axis=0)
    between = (shift.T * resp.mean(axis=0)) @ shift
    expected = np.cov(X.T, bias=True) - between
    assert_allclose(gmm.update_tied_covariance(X, resp, means), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("eq-update-tied")
def test_tied_allows_a_component_without_samples_and_the_others_name_it():
    X, one_hot = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0], [0.5, 0.2]]), np.eye(3)[[0, 2, 2, 0]]
    means = np.array([X[[0, 3]].mean(axis=0), [99.0, -99.0], X[[1, 2]].mean(axis=0)])
    without = gmm.update_tied_covariance(X, one_hot[:, [0, 2]], means[[0, 2]])
    assert_allclose(gmm.update_tied_covariance(X, one_hot, means), without, rtol=1e-15)
    for update in (gmm.update_diagonal_covariances, gmm.update_spherical_covariances):
        with pytest.raises(ValueError, match="component 1 has effective count 0"):
            update(X, one_hot, means)


@pytest.mark.equation("eq-update-spherical")
def test_spherical_does_not_change_under_rotation_and_diagonal_scales_with_each_feature():
    X, resp, means = problem(30, 3, 2)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    spherical = gmm.update_spherical_covariances(X, resp, means)
    assert_allclose(gmm.update_spherical_covariances(X @ turn, resp, means @ turn), spherical, rtol=1e-12)
    scale = np.array([1e-3, 1.0, 60.0])
    diagonal = gmm.update_diagonal_covariances(X, resp, means)
    assert_allclose(gmm.update_diagonal_covariances(X * scale, resp, means * scale), diagonal * scale**2, rtol=1e-12)


# ------------------------------------------------------------------------------------- what they maximise


@pytest.mark.equation("eq-update-tied", "eq-update-diagonal", "eq-update-spherical")
@pytest.mark.parametrize("structure", OURS)
@pytest.mark.parametrize(("n", "d", "K"), [(9, 2, 2), (12, 3, 2), (8, 1, 2)])
def test_slope_along_every_free_parameter_vanishes(exact, structure, n, d, K):
    X, resp, means = problem(n, d, K)
    weights, best = gmm.update_weights(resp), UPDATES[structure](X, resp, means)
    size = np.abs(np.linalg.inv(spread(best, structure, K, d))).max()
    for step in directions(best, structure):

        def moved(t, step=step):
            value = np.array([exact.number(a) + t * exact.number(s) for a, s in zip(best.flat, step.flat, strict=True)])
            parameters = value.reshape(best.shape)
            covariances = [exact.matrix(C).tolist() for C in spread(parameters, structure, K, d)]
            return exact.expected_complete_log_likelihood(X, resp, list(weights), means.tolist(), covariances)

        assert abs(exact.derivative(moved)) < 1e-12 * n * size**2


@pytest.mark.equation("eq-update-tied", "eq-update-diagonal", "eq-update-spherical")
@pytest.mark.parametrize("reach", [1e-3, 0.1, 1.0])
@pytest.mark.parametrize("structure", OURS)
@pytest.mark.parametrize(("n", "d", "K"), [(12, 3, 2), (30, 2, 4), (20, 1, 3)])
def test_every_other_member_of_the_structure_is_worse(structure, n, d, K, reach):
    X, resp, means = problem(n, d, K)
    weights, best = gmm.update_weights(resp), UPDATES[structure](X, resp, means)

    def Q(parameters):
        covariances = spread(parameters, structure, K, d)
        return gmm.expected_complete_log_likelihood(X, resp, weights, means, covariances)

    top, rng = Q(best), np.random.default_rng([n, d, K])
    for _ in range(25):
        if structure == "tied":
            tilt = np.eye(d) + reach * rng.normal(size=(d, d)) / d
            other = tilt @ best @ tilt.T
            other = (other + other.T) / 2
        else:
            other = best * np.exp(reach * rng.normal(size=best.shape))
        assert Q(other) < top


@pytest.mark.equation("eq-update-tied", "eq-update-diagonal", "eq-update-spherical")
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_larger_structures_reach_a_larger_expected_log_likelihood(seed, d, K):
    rng = np.random.default_rng(seed)
    X, resp = rng.normal(size=(10 * K + 10 * d, d)), None
    resp = rng.dirichlet(np.ones(K), size=len(X))
    weights, means = gmm.update_weights(resp), gmm.update_means(X, resp)
    Q = {}
    for structure, update in UPDATES.items():
        covariances = spread(update(X, resp, means), structure, K, d)
        Q[structure] = gmm.expected_complete_log_likelihood(X, resp, weights, means, covariances)
        # The trace term is n d / 2 for all of them: only the volumes differ.
        volumes = resp.sum(axis=0) @ np.linalg.slogdet(covariances)[1]
        rest = (resp.sum(axis=0) * np.log(weights)).sum() - len(X) * d * (1 + math.log(2 * math.pi)) / 2
        assert Q[structure] == pytest.approx(rest - volumes / 2, rel=1e-10)
    slack = 1e-10 * abs(Q["full"])
    assert Q["spherical"] <= Q["diag"] + slack
    assert max(Q["diag"], Q["tied"]) <= Q["full"] + slack


# ------------------------------------------------------------------------------------- counts


@pytest.mark.equation("eq-parameter-count")
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("K", "d"), [(1, 1), (2, 1), (1, 3), (3, 2), (2, 4), (4, 3)])
def test_parameters_are_the_dimension_of_the_space_of_mixtures(structure, K, d):
    # Rank of the derivatives of (weights, means, covariances) by unconstrained coordinates: a softmax for the weights,
    # and a matrix B with covariance B B' + I, cut down to what the structure keeps.
    n_free = K + K * d + K * d * d
    rng = np.random.default_rng([K, d])
    at = rng.normal(size=n_free)

    def mixture(coordinates):
        weights = np.exp(coordinates[:K]) / np.exp(coordinates[:K]).sum()
        means = coordinates[K : K + K * d]
        B = coordinates[K + K * d :].reshape(K, d, d)
        C = B @ B.transpose(0, 2, 1) + np.eye(d)
        if structure == "tied":
            C = np.broadcast_to(C[0], C.shape)
        elif structure == "diag":
            C = C * np.eye(d)
        elif structure == "spherical":
            C = C[:, :1, :1] * np.eye(d)
        return np.concatenate([weights, means, C.ravel()])

    h = 1e-5
    jacobian = np.array([mixture(at + h * e) - mixture(at - h * e) for e in np.eye(n_free)]) / (2 * h)
    assert gmm.n_parameters(K, d, structure) == np.linalg.matrix_rank(jacobian, tol=1e-6)


@pytest.mark.equation("eq-parameter-count")
def test_parameters_are_those_of_published_fits():
    assert gmm.n_parameters(3, 2, "tied") == 11  # mclust's best model of Old Faithful, EEE with 3 components
    assert gmm.n_parameters(2, 4) == 29  # VVV with 2 components, iris
    assert gmm.n_parameters(5, 7) == gmm.n_parameters(5, 7, "full")


@pytest.mark.equation("eq-parameter-count")
def test_parameters_coincide_where_the_structures_do():
    for size in (1, 2, 5):
        assert gmm.n_parameters(1, size, "tied") == gmm.n_parameters(1, size, "full")
        assert len({gmm.n_parameters(size, 1, s) for s in ("spherical", "diag", "full")}) == 1


@pytest.mark.parametrize("structure", ["round", "EEE", None, 3, ["full"]])
def test_an_unknown_structure_is_refused(structure):
    with pytest.raises(ValueError, match="covariance_type must be one of"):
        gmm.n_parameters(2, 2, structure)


# ------------------------------------------------------------------------------------- volume, shape, orientation


def covariance_of(d, seed, spread_of_scales=1.0):
    rng = np.random.default_rng([d, seed])
    D = np.linalg.qr(rng.normal(size=(d, d)))[0]
    C = D @ np.diag(np.exp(spread_of_scales * rng.normal(size=d))) @ D.T
    return (C + C.T) / 2


@pytest.mark.equation("eq-volume-shape-orientation")
@given(st.integers(1, 8), st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 2.0]))
def test_the_parts_make_the_covariance_again(d, seed, spread_of_scales):
    covariance = covariance_of(d, seed, spread_of_scales)
    volume, shape, orientation = gmm.volume_shape_orientation(covariance)
    assert_allclose(volume * (orientation * shape) @ orientation.T, covariance, rtol=0, atol=1e-12 * volume * shape[0])
    assert_allclose(orientation.T @ orientation, np.eye(d), atol=1e-13)
    assert (np.diff(shape) <= 0).all()
    assert np.log(shape).sum() == pytest.approx(0.0, abs=1e-12)
    assert d * math.log(volume) == pytest.approx(np.linalg.slogdet(covariance)[1], abs=1e-11)


@pytest.mark.equation("eq-volume-shape-orientation")
def test_parts_that_were_put_in_come_out():
    D = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    A = np.array([4.0, 0.5, 0.5 * 1.0])
    A = A / np.prod(A) ** (1 / 3)
    A[1], A[2] = A[1] * 1.25, A[2] / 1.25
    covariance = 7.0 * (D * A) @ D.T
    volume, shape, orientation = gmm.volume_shape_orientation((covariance + covariance.T) / 2)
    assert volume == pytest.approx(7.0, rel=1e-12)
    assert_allclose(shape, A, rtol=1e-12)
    assert_allclose(np.abs(np.sum(orientation * D, axis=0)), 1.0, rtol=1e-12)  # the same axes, up to their signs


@pytest.mark.equation("eq-volume-shape-orientation")
def test_volume_keeps_its_digits_where_the_determinant_leaves_the_range():
    volume, shape, _ = gmm.volume_shape_orientation(np.diag(np.full(400, 1e-3)))
    assert volume == pytest.approx(1e-3, rel=1e-12)  # the determinant is 1e-1200
    assert_allclose(shape, 1.0, rtol=1e-12)


@pytest.mark.equation("eq-volume-shape-orientation")
def test_the_one_sigma_ellipse_has_area_pi_times_the_volume():
    covariance = np.array([[2.0, 0.7], [0.7, 0.5]])
    volume = gmm.volume_shape_orientation(covariance)[0]
    points = np.random.default_rng(1).uniform(-2, 2, size=(400_000, 2))
    inside = (gmm.mahalanobis_squared(points, [0.0, 0.0], covariance) <= 1).mean()
    assert abs(16 * inside - math.pi * volume) < 4.5 * 16 * math.sqrt(inside * (1 - inside) / 400_000)


# ------------------------------------------------------------------------------------- bad input

X = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0]])
RESP = np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]])
BAD = [
    ({"X": X[:, 0]}, r"X must have shape \(n_samples, n_features\)"),
    ({"X": X * np.nan}, "X must be finite"),
    ({"resp": RESP[:2]}, "resp must have 3 rows, one for each sample; got 2"),
    ({"resp": 2 * RESP}, "each row of resp must sum to 1; row 0 sums to 2"),
    ({"means": np.zeros((3, 2))}, r"means must have shape \(2, 2\); got \(3, 2\)"),
    ({"means": np.full((2, 2), np.inf)}, "means must be finite"),
]


@pytest.mark.parametrize("structure", OURS)
@pytest.mark.parametrize(("change", "message"), BAD)
def test_updates_refuse_what_does_not_fit(structure, change, message):
    with pytest.raises(ValueError, match=message):
        UPDATES[structure](**({"X": X, "resp": RESP, "means": np.zeros((2, 2))} | change))


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.ones((2, 3)), "covariance must be square"),
        ([[1.0, 2.0], [2.0, 1.0]], "covariance must be positive definite"),
        ([[1.0, 0.5], [0.2, 1.0]], "covariance must be symmetric"),
        ([[1.0, np.nan], [np.nan, 1.0]], "covariance must be finite"),
    ],
)
def test_volume_shape_orientation_refuses_what_is_no_covariance(covariance, message):
    with pytest.raises(ValueError, match=message):
        gmm.volume_shape_orientation(covariance)


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), ("2", TypeError)])
def test_sizes_must_be_counts(size, error):
    with pytest.raises(error, match="n_components must be"):
        gmm.n_parameters(size, 2)
    with pytest.raises(error, match="n_features must be"):
        gmm.n_parameters(2, size)
