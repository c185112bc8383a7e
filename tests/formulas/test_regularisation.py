"""Chapter 13: collapse, ridge, prior and penalised log-likelihood against SciPy, quadrature and what they maximise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats
from scipy.special import logsumexp

import gmm

SHAPES = [(6, 1, 1), (9, 1, 2), (12, 2, 3), (15, 4, 2)]  # (n, d, K)


def positive_definite(d, seed, smallest=0.1):
    rng = np.random.default_rng([d, seed])
    root = rng.normal(size=(d, d))
    return root @ root.T + smallest * np.eye(d)


def problem(n, d, K, seed=0):
    """Data, a valid mixture, responsibilities and a prior."""
    rng = np.random.default_rng([n, d, K, seed])
    X = rng.normal(size=(n, d)) * rng.uniform(0.3, 3.0, size=d) + 5.0
    weights, means = rng.dirichlet(np.full(K, 3.0)), X[rng.choice(n, size=K, replace=False)]
    covariances = np.array([positive_definite(d, k + seed) for k in range(K)])
    resp = rng.dirichlet(np.full(K, 0.7), size=n)
    return X, (weights, means, covariances), resp, positive_definite(d, 99 + seed), d + 1.5


def plain_log_likelihood(X, weights, means, covariances):
    parts = [
        np.log(w) + stats.multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(weights, means, covariances, strict=True)
    ]
    return logsumexp(np.reshape(parts, (len(weights), -1)), axis=0).sum()


# ------------------------------------------------------------------------------------- collapse


@pytest.mark.equation("eq-collapse")
@pytest.mark.parametrize("sigma", [1e3, 1.0, 0.05, 1e-6, 1e-150])
@pytest.mark.parametrize("weight", [0.02, 0.5])
def test_collapse_log_likelihood_agrees_with_scipy(sigma, weight):
    x = np.random.default_rng(1).normal(size=20)
    parts = np.log(weight) + stats.norm.logpdf(x, x[3], sigma), np.log(1 - weight) + stats.norm.logpdf(x, 0.2, 1.5)
    got = gmm.collapse_log_likelihood(x, x[3], sigma, weight=weight, mean=0.2, variance=2.25)
    assert got == pytest.approx(np.logaddexp(*parts).sum(), rel=1e-12)


@pytest.mark.equation("eq-collapse")
def test_collapse_takes_the_broad_component_from_the_data():
    x = np.random.default_rng(2).normal(size=15)
    explicit = gmm.collapse_log_likelihood(x, 0.0, 0.3, mean=x.mean(), variance=x.var())
    assert gmm.collapse_log_likelihood(x, 0.0, 0.3) == pytest.approx(explicit, rel=1e-14)


@pytest.mark.equation("eq-collapse")
@pytest.mark.parametrize("ties", [1, 2, 5])
def test_collapse_rises_by_the_number_of_ties(ties):
    x = np.concatenate([np.full(ties, 1.0), np.linspace(2.0, 4.0, 7)])
    rise = gmm.collapse_log_likelihood(x, 1.0, 1e-9) - gmm.collapse_log_likelihood(x, 1.0, 1e-8)
    assert rise == pytest.approx(ties * math.log(10.0), abs=1e-6)
    beside = gmm.collapse_log_likelihood(x, 1.5, 1e-9) - gmm.collapse_log_likelihood(x, 1.5, 1e-8)
    assert beside == pytest.approx(0.0, abs=1e-9)  # on no sample nothing is gained


@pytest.mark.equation("eq-collapse")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [[1.0]]}, ValueError, "x must have shape"),
        ({"x": [1.0, np.nan]}, ValueError, "x must be finite"),
        ({"centre": np.inf}, ValueError, "centre must be finite"),
        ({"sigma": 0.0}, ValueError, "sigma must be > 0"),
        ({"weight": 0.0}, ValueError, "weight must be > 0"),
        ({"weight": 1.0}, ValueError, "weight must be < 1"),
        ({"variance": -1.0}, ValueError, "variance must be > 0"),
        ({"x": [2.0, 2.0]}, ValueError, "variance must be > 0"),  # no spread to take it from
        ({"sigma": "wide"}, TypeError, "sigma must be a real number"),
    ],
)
def test_collapse_refuses_bad_input(change, error, message):
    arguments = {"x": [1.0, 2.0, 3.0], "centre": 2.0, "sigma": 0.5} | change
    with pytest.raises(error, match=message):
        gmm.collapse_log_likelihood(**arguments)


# ------------------------------------------------------------------------------------- ridge, condition number


@pytest.mark.equation("eq-ridge")
@given(st.integers(1, 6), st.integers(0, 1000), st.floats(0.0, 10.0))
def test_ridge_shifts_every_eigenvalue(d, seed, amount):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, max(1, d - 1)))
    singular = root @ root.T
    before = singular.copy()
    ridged = gmm.ridge(singular, amount)
    size = 1.0 + np.abs(before).max()
    assert_allclose(np.linalg.eigvalsh(ridged), np.linalg.eigvalsh(before) + amount, atol=1e-12 * size)
    assert_array_equal(singular, before)
    assert_array_equal(ridged - np.diag(np.diag(ridged)), before - np.diag(np.diag(before)))


@pytest.mark.equation("eq-ridge")
@pytest.mark.parametrize(
    ("covariance", "amount", "message"),
    [
        ([[1.0, 0.0]], 0.1, "square"),
        ([[1.0, 0.5], [0.0, 1.0]], 0.1, "symmetric"),
        ([[1.0]], -0.1, "amount must be >= 0"),
        ([[np.nan]], 0.1, "finite"),
    ],
)
def test_ridge_refuses_bad_input(covariance, amount, message):
    with pytest.raises(ValueError, match=message):
        gmm.ridge(covariance, amount)


@pytest.mark.equation("eq-condition-number")
@pytest.mark.parametrize("eigenvalues", [[1.0], [3.0, 3.0], [0.5, 2.0, 8.0], [1e-9, 1.0], [1e-200, 1e-198]])
def test_condition_number_of_known_eigenvalues(eigenvalues):
    d = len(eigenvalues)
    Q = stats.ortho_group.rvs(d, random_state=4) if d > 1 and min(eigenvalues) > 1e-8 else np.eye(d)
    covariance = (Q * eigenvalues) @ Q.T
    expected = max(eigenvalues) / min(eigenvalues)
    assert gmm.condition_number((covariance + covariance.T) / 2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.equation("eq-condition-number")
def test_condition_number_knows_no_scale_but_the_ridge_lowers_it():
    covariance = positive_definite(3, 7, smallest=1e-4)
    kappa = gmm.condition_number(covariance)
    assert gmm.condition_number(3600.0 * covariance) == pytest.approx(kappa, rel=1e-9)
    values = np.linalg.eigvalsh(covariance) + 0.01
    assert gmm.condition_number(gmm.ridge(covariance, 0.01)) == pytest.approx(values[-1] / values[0], rel=1e-9)


@pytest.mark.equation("eq-condition-number")
@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ([[1.0, 1.0], [1.0, 1.0]], "positive definite"),
        ([[1.0, 0.0]], "square"),
        ([[1.0, 0.1], [0.3, 1.0]], "symmetric"),
    ],
)
def test_condition_number_refuses_what_is_no_covariance(covariance, message):
    with pytest.raises(ValueError, match=message):
        gmm.condition_number(covariance)


# ------------------------------------------------------------------------------------- inverse-Wishart


@pytest.mark.equation("eq-inverse-wishart")
@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("excess", [0.01, 1.0, 30.0])
def test_inverse_wishart_agrees_with_scipy(d, excess):
    covariance, scale, dof = positive_definite(d, 1), positive_definite(d, 2), d - 1 + excess
    # SciPy refuses dof below d, so that the density there is taken by its other definition, of the precision.
    expected = (
        stats.invwishart.logpdf(covariance, dof, scale)
        if dof >= d
        else precision_log_density(*(covariance, scale, dof))
    )
    assert gmm.inverse_wishart_log_density(covariance, scale, dof) == pytest.approx(expected, rel=1e-11)


def precision_log_density(covariance, scale, dof):
    """The Wishart density of the precision times the Jacobian |Sigma|^-(d+1), written with determinants."""
    d = len(scale)
    precision = np.linalg.inv(covariance)
    log_gamma = d * (d - 1) / 4 * math.log(math.pi) + sum(math.lgamma((dof - j) / 2) for j in range(d))
    wishart = (
        (dof - d - 1) / 2 * np.linalg.slogdet(precision)[1]
        - np.trace(scale @ precision) / 2
        - dof * d / 2 * math.log(2)
        + dof / 2 * np.linalg.slogdet(scale)[1]
        - log_gamma
    )
    return wishart - (d + 1) * np.linalg.slogdet(covariance)[1]


@pytest.mark.equation("eq-inverse-wishart")
@pytest.mark.parametrize(("psi", "dof"), [(1.0, 3.0), (0.2, 0.7), (50.0, 12.0)])
def test_inverse_wishart_integrates_to_one_on_the_line(psi, dof):
    def density(log_variance):
        variance = math.exp(log_variance)
        return math.exp(gmm.inverse_wishart_log_density([[variance]], [[psi]], dof)) * variance

    mass, _ = integrate.quad(density, -12.0, 80.0, limit=400, points=[math.log(psi / (dof + 2))])
    assert mass == pytest.approx(1.0, rel=1e-7)


@pytest.mark.equation("eq-inverse-wishart")
@pytest.mark.parametrize("d", [1, 2, 4])
def test_mode_of_the_inverse_wishart_is_the_scale_over_dof_plus_d_plus_one(d):
    scale, dof = positive_definite(d, 3), d + 2.0
    mode, rng = scale / (dof + d + 1), np.random.default_rng(0)
    height, root = gmm.inverse_wishart_log_density(mode, scale, dof), np.linalg.cholesky(mode)
    for _ in range(50):
        other = root @ (np.eye(d) + 0.05 * rng.normal(size=(d, d)))
        assert gmm.inverse_wishart_log_density(other @ other.T, scale, dof) < height


PRIOR_ERRORS = [
    ({"scale": [[1.0, 0.0]]}, "scale must be square|scale must have shape"),
    ({"scale": [[1.0]]}, "scale must have shape"),
    ({"scale": [[1.0, 0.5], [0.1, 1.0]]}, "scale must be symmetric"),
    ({"scale": [[1.0, 2.0], [2.0, 1.0]]}, "scale must be positive definite"),
    ({"dof": 1.0}, "dof must be > 1"),
    ({"dof": np.nan}, "dof must be finite"),
]


@pytest.mark.equation("eq-inverse-wishart", "eq-map-covariance", "eq-penalised-log-likelihood")
@pytest.mark.parametrize(("change", "message"), PRIOR_ERRORS)
def test_a_bad_prior_is_refused_by_all_three(change, message):
    X, theta, resp, scale, dof = problem(8, 2, 2)
    prior = {"scale": scale, "dof": dof} | change
    for call in (
        lambda: gmm.inverse_wishart_log_density(np.eye(2), **prior),
        lambda: gmm.map_covariances(X, resp, theta[1], **prior),
        lambda: gmm.penalised_log_likelihood(X, *theta, **prior),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# ------------------------------------------------------------------------------------- M-step


@pytest.mark.equation("eq-map-covariance")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_map_covariances_maximise_the_penalised_expectation(n, d, K):
    X, _, resp, scale, dof = problem(n, d, K)
    means = gmm.update_means(X, resp)
    covariances = gmm.map_covariances(X, resp, means, scale, dof)

    def target(k, covariance):
        log_density = stats.multivariate_normal(means[k], covariance).logpdf(X)
        return resp[:, k] @ log_density + precision_log_density(covariance, scale, dof)

    rng, step = np.random.default_rng(5), 1e-5
    for k in range(K):
        direction = rng.normal(size=(d, d))
        direction = np.linalg.norm(covariances[k]) * (direction + direction.T) / 2
        ends = [target(k, covariances[k] + h * direction) for h in (step, -step)]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert abs(slope) < 1e-5 * (n + dof)
        assert max(ends) < target(k, covariances[k])


@pytest.mark.equation("eq-map-covariance")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_map_covariances_are_those_of_data_with_pseudo_observations(n, d, K):
    # dof + d + 1 pseudo-observations about each mean, whose scatter is the scale: plain moments with weights.
    X, _, resp, scale, dof = problem(n, d, K)
    means = gmm.update_means(X, resp)
    covariances = gmm.map_covariances(X, resp, means, scale, dof)
    root = np.linalg.cholesky(scale)
    share = (dof + d + 1) / (2 * d)
    for k in range(K):
        pseudo = np.concatenate([root.T, -root.T]) * math.sqrt(0.5 / share) + means[k]
        rows, counts = np.concatenate([X, pseudo]), np.concatenate([resp[:, k], np.full(2 * d, share)])
        expected = np.cov(rows.T, aweights=counts, ddof=0)
        assert_allclose(covariances[k], np.atleast_2d(expected), rtol=1e-10, atol=1e-12)


@pytest.mark.equation("eq-map-covariance")
def test_map_covariances_of_a_spike_keep_the_floor_of_the_prior():
    X, _, _, scale, dof = problem(12, 2, 3)
    resp = np.zeros((12, 2))
    resp[0, 0] = resp[1:, 1] = 1.0  # the first component has one sample
    means = gmm.update_means(X, resp)
    covariances = gmm.map_covariances(X, resp, means, scale, dof)
    assert_allclose(covariances[0], scale / (1 + dof + 3), rtol=1e-12)
    floor = np.linalg.eigvalsh(scale)[0] / (12 + dof + 3)
    assert np.linalg.eigvalsh(covariances).min() >= floor


@pytest.mark.equation("eq-map-covariance")
def test_map_covariances_follow_a_change_of_units():
    X, _, resp, scale, dof = problem(12, 2, 3)
    T = np.array([[60.0, 0.0], [3.0, 1e-3]])
    means = gmm.update_means(X, resp)
    expected = T @ gmm.map_covariances(X, resp, means, scale, dof) @ T.T
    assert_allclose(gmm.map_covariances(X @ T.T, resp, means @ T.T, T @ scale @ T.T, dof), expected, rtol=1e-9)


@pytest.mark.equation("eq-map-covariance")
def test_map_covariances_name_a_component_without_responsibility():
    X, _, _, scale, dof = problem(8, 2, 2)
    resp = np.column_stack([np.ones(8), np.zeros(8)])
    with pytest.raises(ValueError, match="component 1"):
        gmm.map_covariances(X, resp, X[:2], scale, dof)


# ------------------------------------------------------------------------------------- penalised log-likelihood


@pytest.mark.equation("eq-penalised-log-likelihood")
@pytest.mark.parametrize(("n", "d", "K"), SHAPES)
def test_penalised_log_likelihood_agrees_with_scipy(n, d, K):
    X, theta, _, scale, dof = problem(n, d, K)
    prior = sum(stats.invwishart.logpdf(covariance, dof, scale) for covariance in theta[2])
    expected = plain_log_likelihood(X, *theta) + prior
    assert gmm.penalised_log_likelihood(X, *theta, scale, dof) == pytest.approx(expected, rel=1e-12)


def map_step(X, theta, scale, dof):
    resp = np.exp(gmm.e_step(X, *theta)[0])
    means = gmm.update_means(X, resp)
    return gmm.update_weights(resp), means, gmm.map_covariances(X, resp, means, scale, dof)


@pytest.mark.equation("eq-penalised-log-likelihood", "eq-map-covariance")
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 10**6))
def test_em_with_the_prior_never_lowers_the_penalised_log_likelihood(d, K, seed):
    X, theta, _, scale, dof = problem(10, d, K, seed)
    X = np.round(X)  # ties: maximum likelihood would collapse on them
    value = gmm.penalised_log_likelihood(X, *theta, scale, dof)
    for _ in range(8):
        theta = map_step(X, theta, scale, dof)
        new = gmm.penalised_log_likelihood(X, *theta, scale, dof)
        assert new >= value - 1e-9 * (1 + abs(value))
        value = new


@pytest.mark.equation("eq-penalised-log-likelihood")
def test_penalised_log_likelihood_of_a_spike_falls_where_the_log_likelihood_rises():
    X, (weights, means, covariances), _, scale, dof = problem(9, 1, 2)
    means[0] = X[4]
    plain, penalised = [], []
    for width in (1e-3, 1e-5, 1e-7):
        covariances[0] = width**2
        plain.append(gmm.log_likelihood(X, weights, means, covariances))
        penalised.append(gmm.penalised_log_likelihood(X, weights, means, covariances, scale, dof))
    assert np.all(np.diff(plain) > 4.0)
    assert np.all(np.diff(penalised) < -1e3)


@pytest.mark.equation("eq-penalised-log-likelihood")
@given(st.integers(0, 10**6), st.floats(-12.0, 4.0))
def test_penalised_log_likelihood_stays_below_its_bound(seed, log_width):
    n, d, K = 8, 2, 3
    X, (weights, means, covariances), _, scale, dof = problem(n, d, K, seed)
    covariances[0] *= 10.0 ** (2 * log_width)
    means[0] = X[0]

    def highest(M):  # of -M/2 log|S| - tr(scale S^-1)/2 over all S
        return -M / 2 * np.linalg.slogdet(scale / M)[1] - M * d / 2

    a = dof + d + 1
    constant = precision_log_density(scale, scale, dof) + a / 2 * np.linalg.slogdet(scale)[1] + d / 2
    bound = -n * d / 2 * math.log(2 * math.pi) + K * constant + highest(n + a) + (K - 1) * highest(a)
    assert gmm.penalised_log_likelihood(X, weights, means, covariances, scale, dof) <= bound


@pytest.mark.equation("eq-penalised-log-likelihood")
def test_penalised_log_likelihood_refuses_what_is_no_mixture():
    X, (weights, means, covariances), _, scale, dof = problem(9, 2, 3)
    with pytest.raises(ValueError, match="weights"):
        gmm.penalised_log_likelihood(X, 2 * weights, means, covariances, scale, dof)
    covariances[1] = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"covariances\[1\]"):
        gmm.penalised_log_likelihood(X, weights, means, covariances, scale, dof)
