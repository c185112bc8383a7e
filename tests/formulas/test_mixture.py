"""Chapter 3: the mixture density, its moments and sampling, against exact arithmetic, quadrature and statistics."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose, assert_array_equal

import gmm

SHAPES = [(1, 1), (1, 3), (2, 3), (5, 2), (20, 2)]  # (d, K)
WEIGHTS, MEANS = np.array([0.2, 0.5, 0.3]), np.array([[-2.0, 0.0], [1.0, 1.0], [3.0, -2.0]])
COVARIANCES = np.array([[[1.0, 0.6], [0.6, 0.8]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -0.9], [-0.9, 1.0]]])


def problem(random_mixture, d, K, offset, ill_scaled, n=4):
    rng = np.random.default_rng([d, K, int(offset), ill_scaled])
    scales = 10.0 ** np.linspace(-6, 6, d) if ill_scaled else np.ones(d)
    parameters = random_mixture(rng, K, d, offset=offset, scales=scales)
    X = parameters[1][rng.integers(K, size=n)] + 2 * scales * rng.normal(size=(n, d))
    return X, *parameters


def grid_of(box, m):
    axes = [np.linspace(low, high, m) for low, high in box]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    return grid, np.prod([axis[1] - axis[0] for axis in axes])


# ------------------------------------------------------------------------------------- densities


@pytest.mark.equation("eq-joint-density")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("d", "K"), SHAPES)
def test_joint_log_density_to_twelve_digits(exact, random_mixture, d, K, offset, ill_scaled):
    X, weights, means, covariances = problem(random_mixture, d, K, offset, ill_scaled)
    log_joint = gmm.joint_log_density(X, weights, means, covariances)
    for i, k in np.ndindex(log_joint.shape):
        terms = exact.gaussian_terms(X[i], means[k], covariances[k])
        expected = mp.log(exact.number(weights[k])) - sum(terms) / 2
        assert abs(log_joint[i, k] - expected) <= 1e-12 * sum(map(abs, terms)) / 2


@pytest.mark.equation("eq-joint-density")
def test_joint_density_sums_and_integrates_to_one_with_the_weights_as_shares():
    grid, cell = grid_of([(-12, 13), (-12, 12)], 260)
    joint = np.exp(gmm.joint_log_density(grid, WEIGHTS, MEANS, COVARIANCES))
    assert_allclose(cell * joint.sum(axis=0), WEIGHTS, rtol=1e-10)


@pytest.mark.equation("eq-joint-density")
def test_a_weight_of_zero_gives_a_joint_density_of_zero():
    log_joint = gmm.joint_log_density([[0.0], [5.0]], [0.0, 1.0], [[0.0], [1.0]], [[[1.0]], [[2.0]]])
    assert_array_equal(log_joint[:, 0], -np.inf)
    assert_allclose(log_joint[:, 1], scipy.stats.norm.logpdf([0, 5], 1, math.sqrt(2)), rtol=1e-14)


@pytest.mark.equation("eq-mixture-log-density")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("d", "K"), SHAPES)
def test_mixture_log_density_to_twelve_digits(exact, random_mixture, d, K, offset, ill_scaled):
    X, weights, means, covariances = problem(random_mixture, d, K, offset, ill_scaled)
    for value, x in zip(gmm.mixture_log_density(X, weights, means, covariances), X, strict=True):
        expected = exact.mixture_log_density(x, weights, means, covariances)
        joint = exact.joint_log_density(x, weights, means, covariances)
        k = joint.index(max(joint))
        scale = sum(map(abs, exact.gaussian_terms(x, means[k], covariances[k])))
        assert abs(value - expected) <= 1e-12 * scale


@pytest.mark.equation("eq-mixture-density")
@pytest.mark.parametrize(("d", "K"), [(1, 1), (2, 3), (4, 2)])
def test_mixture_density_is_the_weighted_sum_of_scipy_densities(random_mixture, d, K):
    X, weights, means, covariances = problem(random_mixture, d, K, 0.0, False, n=30)
    density = sum(
        weight * scipy.stats.multivariate_normal(mean, covariance).pdf(X)
        for weight, mean, covariance in zip(weights, means, covariances, strict=True)
    )
    assert_allclose(np.exp(gmm.mixture_log_density(X, weights, means, covariances)), density, rtol=1e-11)


@pytest.mark.equation("eq-mixture-density")
def test_mixture_density_integrates_to_one_in_one_dimension():
    parameters = [0.3, 0.6, 0.1], [[-3.0], [0.0], [4.0]], [[[0.5]], [[2.0]], [[0.01]]]

    def density(x):
        return math.exp(gmm.mixture_log_density([[x]], *parameters)[0])

    total, _ = scipy.integrate.quad(density, -25, 25, points=[-3, 0, 3.9, 4, 4.1], epsabs=1e-12, limit=200)
    assert total == pytest.approx(1.0, abs=1e-10)


@pytest.mark.equation("eq-mixture-density", "eq-mixture-mean", "eq-mixture-covariance")
def test_mixture_density_integrates_to_one_with_its_mean_and_covariance_in_two_dimensions():
    grid, cell = grid_of([(-12, 13), (-12, 12)], 260)
    mass = cell * np.exp(gmm.mixture_log_density(grid, WEIGHTS, MEANS, COVARIANCES))
    assert mass.sum() == pytest.approx(1.0, abs=1e-10)
    mean = gmm.mixture_mean(WEIGHTS, MEANS)
    assert_allclose(mass @ grid, mean, rtol=1e-10, atol=1e-10)
    covariance = (grid - mean).T @ ((grid - mean) * mass[:, None])
    assert_allclose(gmm.mixture_covariance(WEIGHTS, MEANS, COVARIANCES), covariance, rtol=1e-9)


@pytest.mark.equation("eq-mixture-log-density")
def test_log_density_far_below_the_smallest_float():
    x = 1e5  # the density is about exp(-5e9)
    value = gmm.mixture_log_density([[x]], [0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]])[0]
    assert value == pytest.approx(math.log(0.5) + scipy.stats.norm.logpdf(x, 1, 1), rel=1e-14)


@pytest.mark.equation("eq-mixture-log-density")
def test_equal_components_are_one_component(random_covariance):
    rng = np.random.default_rng(4)
    X, mean, covariance = rng.normal(size=(9, 3)), rng.normal(size=3), random_covariance(rng, 3)
    mixture = gmm.mixture_log_density(X, [0.1, 0.2, 0.7], [mean] * 3, [covariance] * 3)
    assert_allclose(mixture, gmm.gaussian_log_density(X, mean, covariance), rtol=1e-13)


# ------------------------------------------------------------------------------------- moments


@pytest.mark.equation("eq-mixture-mean")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("d", "K"), SHAPES)
def test_mixture_mean_against_exact_sums(exact, random_mixture, d, K, offset):
    weights, means, _ = random_mixture(np.random.default_rng([d, K]), K, d, offset=offset)
    share = mp.fsum(exact.number(weight) for weight in weights)  # one, but for rounding
    for j, value in enumerate(gmm.mixture_mean(weights, means)):
        expected = mp.fsum(exact.number(weights[k]) * exact.number(means[k, j]) for k in range(K)) / share
        assert abs(value - expected) <= np.spacing(abs(value)) + 1e-14


@pytest.mark.equation("eq-mixture-covariance")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("d", "K"), SHAPES)
def test_mixture_covariance_is_second_moment_minus_squared_mean(exact, random_mixture, d, K, offset):
    weights, means, covariances = random_mixture(np.random.default_rng([d, K]), K, d, offset=offset)
    share = mp.fsum(exact.number(weight) for weight in weights)
    pi = [exact.number(weight) / share for weight in weights]
    mean = [mp.fsum(pi[k] * exact.number(means[k, j]) for k in range(K)) for j in range(d)]
    covariance = gmm.mixture_covariance(weights, means, covariances)
    assert_array_equal(covariance, covariance.T)
    for j in range(d):
        for l in range(j + 1):
            second = mp.fsum(
                pi[k] * (exact.number(covariances[k, j, l]) + exact.number(means[k, j]) * exact.number(means[k, l]))
                for k in range(K)
            )
            # The stored centre is rounded at an offset of 1e8; its square is what can be lost.
            assert abs(covariance[j, l] - (second - mean[j] * mean[l])) <= 1e-12 + np.spacing(offset) ** 2


@pytest.mark.equation("eq-mixture-covariance")
def test_mixture_covariance_by_hand():
    # Two unit Gaussians at -2 and 2: within 1, between 4.
    assert_array_equal(gmm.mixture_covariance([0.5, 0.5], [[-2], [2]], [[[1]], [[1]]]), [[5.0]])


# ------------------------------------------------------------------------------------- sampling


@pytest.mark.equation("eq-gaussian-sample")
@pytest.mark.parametrize("d", [1, 2, 6])
def test_gaussian_samples_have_the_right_distribution(random_covariance, d):
    rng = np.random.default_rng(d)
    mean, covariance, n = rng.normal(size=d), random_covariance(rng, d, np.geomspace(0.1, 10, d)), 20_000
    X = gmm.sample_gaussian(n, mean, covariance, rng=11)
    assert X.shape == (n, d)
    deviations = np.sqrt(np.diag(covariance))
    assert (np.abs(X.mean(axis=0) - mean) < 4.5 * deviations / math.sqrt(n)).all()
    # Var of a sample covariance entry: (S_jj S_ll + S_jl^2) / n.
    errors = np.sqrt((np.outer(deviations, deviations) ** 2 + covariance**2) / n)
    assert (np.abs(gmm.sample_covariance(X) - covariance) < 4.5 * errors).all()
    distances = gmm.mahalanobis_squared(X, mean, covariance)
    assert scipy.stats.kstest(distances, scipy.stats.chi2(d).cdf).pvalue > 0.01
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (X - mean).T)
    for coordinate in whitened:
        assert scipy.stats.kstest(coordinate, scipy.stats.norm.cdf).pvalue > 0.001


@pytest.mark.equation("eq-gaussian-sample")
def test_gaussian_sample_is_mean_plus_factor_times_noise(random_covariance):
    rng = np.random.default_rng(6)
    mean, covariance = rng.normal(size=4), random_covariance(rng, 4)
    X = gmm.sample_gaussian(7, mean, covariance, rng=np.random.default_rng(5))
    noise = np.random.default_rng(5).standard_normal((7, 4))
    assert_allclose(X, mean + noise @ np.linalg.cholesky(covariance).T, rtol=1e-12, atol=1e-13)


@pytest.mark.equation("eq-categorical-sample")
@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.5], [0.05, 0.15, 0.6, 0.2], np.full(7, 1 / 7)])
def test_labels_appear_in_proportion_to_the_weights(weights):
    labels = gmm.sample_labels(30_000, weights, rng=2)
    counts = np.bincount(labels, minlength=len(weights))
    assert counts.size == len(weights)
    assert scipy.stats.chisquare(counts, 30_000 * np.asarray(weights)).pvalue > 0.01 or len(weights) == 1
    # Independent draws: neighbours agree as often as chance has it.
    agree, chance = (labels[1:] == labels[:-1]).sum(), np.square(weights).sum()
    assert abs(agree - 29_999 * chance) <= 4.5 * math.sqrt(29_999 * chance * (1 - chance)) + 1e-9


@pytest.mark.equation("eq-categorical-sample")
def test_labels_at_the_edges_of_the_intervals():
    kernel = gmm.sample_labels.kernel
    u = np.array([0.0, np.nextafter(0.25, 0), 0.25, 0.5, np.nextafter(0.75, 0), 0.75, np.nextafter(1, 0)])
    assert_array_equal(kernel(u, np.array([0.25, 0.5, 0.25])), [0, 0, 1, 1, 1, 2, 2])
    # A weight of zero is an empty interval, in front, between and at the end.
    assert_array_equal(kernel(u, np.array([0, 0.25, 0, 0.75, 0])), [1, 1, 3, 3, 3, 3, 3])
    # Ten times 0.1 falls short of one: the last number below one must still get the last label of positive weight.
    tenths = np.array([0.1] * 10 + [0.0])
    assert np.cumsum(tenths)[-1] < 1
    assert_array_equal(kernel(np.array([np.nextafter(1, 0)]), tenths), [9])


@pytest.mark.equation("eq-ancestral-sampling")
def test_mixture_samples_have_the_right_distribution():
    n = 30_000
    X, labels = gmm.sample_mixture(n, WEIGHTS, MEANS, COVARIANCES, rng=7)
    assert X.shape == (n, 2)
    counts = np.bincount(labels, minlength=3)
    assert scipy.stats.chisquare(counts, n * WEIGHTS).pvalue > 0.01
    for k in range(3):  # given its label, a sample follows that component
        distances = gmm.mahalanobis_squared(X[labels == k], MEANS[k], COVARIANCES[k])
        assert scipy.stats.kstest(distances, scipy.stats.chi2(2).cdf).pvalue > 0.01
    covariance = gmm.mixture_covariance(WEIGHTS, MEANS, COVARIANCES)
    errors = np.sqrt(np.diag(covariance) / n)
    assert (np.abs(X.mean(axis=0) - gmm.mixture_mean(WEIGHTS, MEANS)) < 4.5 * errors).all()
    assert_allclose(gmm.sample_covariance(X), covariance, rtol=0.06)


@pytest.mark.equation("eq-ancestral-sampling")
def test_marginal_of_mixture_samples_follows_the_mixture_distribution_function():
    weights, means, variances = np.array([0.3, 0.7]), np.array([-1.0, 2.0]), np.array([0.25, 4.0])
    X, _ = gmm.sample_mixture(20_000, weights, means[:, None], variances[:, None, None], rng=3)

    def distribution(x):
        return scipy.stats.norm.cdf(np.asarray(x)[:, None], means, np.sqrt(variances)) @ weights

    assert scipy.stats.kstest(X[:, 0], distribution).pvalue > 0.01


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: gmm.sample_gaussian(5, MEANS[0], COVARIANCES[0], rng=rng),
        lambda rng: gmm.sample_labels(5, WEIGHTS, rng=rng),
        lambda rng: gmm.sample_mixture(5, WEIGHTS, MEANS, COVARIANCES, rng=rng)[0],
        lambda rng: gmm.random_start(np.arange(40.0)[:, None], 5, rng=rng)[1],
    ],
    ids=["sample_gaussian", "sample_labels", "sample_mixture", "random_start"],
)
def test_randomness_comes_from_rng_alone(draw):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert_array_equal(draw(4), draw(np.random.default_rng(4)))
    assert not np.array_equal(draw(np.random.default_rng(1)), draw(np.random.default_rng(2)))
    rng = np.random.default_rng(4)
    assert not np.array_equal(draw(rng), draw(rng))  # a generator moves on
    draw(None)
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
