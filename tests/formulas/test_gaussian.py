"""Chapter 2: the Gaussian density, against 50-digit arithmetic, SciPy, quadrature and closed forms."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
from numpy.testing import assert_allclose, assert_array_equal

import gmm

DIMENSIONS = (1, 2, 3, 7, 20)
OFFSETS = (0.0, 1e8)


def scales_of(d, ill_scaled):
    """Units of the features: all alike, or spread over twelve orders of magnitude."""
    return 10.0 ** np.linspace(-6, 6, d) if ill_scaled else np.ones(d)


def problem(random_covariance, d, offset, ill_scaled, n=4):
    rng = np.random.default_rng([d, int(offset), ill_scaled])
    scales = scales_of(d, ill_scaled)
    covariance = random_covariance(rng, d, scales)
    mean = offset + scales * rng.normal(size=d)
    X = mean + 3 * scales * rng.normal(size=(n, d))
    return X, mean, covariance


# ------------------------------------------------------------------------------------- one dimension


@pytest.mark.equation("eq-univariate-log-density")
@pytest.mark.parametrize(
    ("mean", "variance"), [(0.0, 1.0), (-3.5, 0.04), (1e8, 2.5), (1e8, 1e-12), (0.0, 1e300), (0.0, 1e-300)]
)
def test_univariate_log_density_against_exact_arithmetic_and_scipy(exact, mean, variance):
    x = mean + math.sqrt(variance) * np.array([-37.0, -2.0, -0.3, 0.0, 1.0, 8.0])
    log_density = gmm.univariate_log_density(x, mean, variance)
    for value, point in zip(log_density, x, strict=True):
        terms = exact.gaussian_terms([point], [mean], [[variance]])
        assert abs(value - exact.gaussian_log_density([point], [mean], [[variance]])) <= 1e-15 * sum(map(abs, terms))
    assert_allclose(log_density, scipy.stats.norm.logpdf(x, mean, np.sqrt(variance)), rtol=1e-12)


@pytest.mark.equation("eq-univariate-log-density")
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.0, 9.0), (-1.0, 0.01)])
def test_univariate_density_integrates_to_one_and_its_third_argument_is_the_variance(mean, variance):
    def moment(power):
        def integrand(x):
            return (x - mean) ** power * math.exp(gmm.univariate_log_density([x], mean, variance)[0])

        reach = 12 * math.sqrt(variance)
        return scipy.integrate.quad(integrand, mean - reach, mean + reach, points=[mean], epsabs=1e-13)[0]

    assert moment(0) == pytest.approx(1.0, abs=1e-12)
    assert moment(1) == pytest.approx(0.0, abs=1e-12)
    assert moment(2) == pytest.approx(variance, rel=1e-11)


def test_a_density_may_exceed_one():
    assert gmm.univariate_log_density([0.0], 0.0, 1e-4)[0] > 0


# ------------------------------------------------------------------------------------- Cholesky and its uses


@pytest.mark.equation("eq-cholesky")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_cholesky_factor_multiplies_back_to_the_covariance(exact, random_covariance, d, ill_scaled):
    _, _, covariance = problem(random_covariance, d, 0.0, ill_scaled)
    L = gmm.cholesky(covariance)
    assert_array_equal(np.triu(L, 1), 0)
    assert (np.diag(L) > 0).all()
    factor = exact.matrix(L)
    product = factor * factor.T
    for j in range(d):
        for l in range(d):
            scale = math.sqrt(covariance[j, j] * covariance[l, l])
            assert abs(product[j, l] - exact.number(covariance[j, l])) <= 1e-14 * scale


@pytest.mark.equation("eq-cholesky")
def test_cholesky_of_an_integer_example_by_hand():
    L = np.array([[2.0, 0, 0], [6, 1, 0], [-8, 5, 3]])
    assert_array_equal(gmm.cholesky(L @ L.T), L)


@pytest.mark.equation("eq-cholesky")
def test_cholesky_survives_a_badly_conditioned_matrix_and_reads_the_lower_triangle():
    hilbert = scipy.linalg.hilbert(9)  # condition number 5e11
    L = gmm.cholesky(hilbert)
    assert_allclose(L @ L.T, hilbert, rtol=0, atol=1e-15)
    assert_allclose(L, np.linalg.cholesky(hilbert), rtol=1e-4, atol=1e-12)


@pytest.mark.equation("eq-log-determinant")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_log_determinant_against_exact_arithmetic(exact, random_covariance, d, ill_scaled):
    _, _, covariance = problem(random_covariance, d, 0.0, ill_scaled)
    expected = mp.log(mp.det(exact.matrix(covariance)))
    value = gmm.log_determinant(gmm.cholesky(covariance))
    # The terms of the sum are as large as log(10^6) and may cancel; they set the scale.
    assert abs(value - expected) <= 1e-12 * (1 + abs(expected))


@pytest.mark.equation("eq-log-determinant")
def test_log_determinant_where_the_determinant_itself_underflows():
    d, rho, variance = 300, 0.7, 1e-6
    lags = np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    covariance = variance * rho**lags  # closed form: variance^d (1 - rho^2)^(d - 1)
    assert np.linalg.det(covariance) == 0
    expected = d * math.log(variance) + (d - 1) * math.log1p(-rho * rho)
    assert gmm.log_determinant(gmm.cholesky(covariance)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.equation("eq-forward-substitution")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_forward_substitution_solves_the_triangular_system(exact, random_covariance, d, ill_scaled):
    X, mean, covariance = problem(random_covariance, d, 0.0, ill_scaled, n=1)
    L, b = gmm.cholesky(covariance), X[0] - mean
    y = gmm.forward_substitution(L, b)
    solution = mp.lu_solve(exact.matrix(L), exact.vector(b))
    size = max(abs(value) for value in solution)
    assert max(abs(exact.number(mine) - its) for mine, its in zip(y, solution, strict=True)) <= 1e-12 * size
    assert_allclose(y, scipy.linalg.solve_triangular(L, b, lower=True), rtol=1e-10, atol=1e-12 * float(size))


@pytest.mark.equation("eq-forward-substitution")
def test_forward_substitution_of_an_integer_example_by_hand():
    # 2 y1 = 4, y1 + 3 y2 = 11, -y1 + 2 y2 + 5 y3 = 19
    assert_array_equal(gmm.forward_substitution([[2, 0, 0], [1, 3, 0], [-1, 2, 5]], [4, 11, 19]), [2, 3, 3])


@pytest.mark.equation("eq-mahalanobis")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("d", DIMENSIONS)
def test_mahalanobis_distance_to_twelve_digits(exact, random_covariance, d, offset, ill_scaled):
    X, mean, covariance = problem(random_covariance, d, offset, ill_scaled)
    expected = [exact.mahalanobis_squared(x, mean, covariance) for x in X]
    for mine, its in zip(gmm.mahalanobis_squared(X, mean, covariance), expected, strict=True):
        assert abs(mine - its) <= 1e-12 * its


@pytest.mark.equation("eq-mahalanobis")
def test_mahalanobis_distance_is_euclidean_for_the_identity_and_unchanged_by_affine_maps(random_covariance):
    rng = np.random.default_rng(1)
    X, mean, covariance = problem(random_covariance, 4, 0.0, False, n=10)
    assert_allclose(gmm.mahalanobis_squared(X, mean, np.eye(4)), ((X - mean) ** 2).sum(axis=1), rtol=1e-14)
    A, b = rng.normal(size=(4, 4)), rng.normal(size=4)
    moved = A @ covariance @ A.T
    assert_allclose(
        gmm.mahalanobis_squared(X @ A.T + b, A @ mean + b, (moved + moved.T) / 2),
        gmm.mahalanobis_squared(X, mean, covariance),
        rtol=1e-10,
    )


@pytest.mark.equation("eq-mahalanobis", "eq-gaussian-mle-mean", "eq-gaussian-mle-covariance")
@pytest.mark.parametrize("d", [1, 3, 6])
def test_squared_distances_about_the_maximum_likelihood_fit_sum_to_n_times_d(d):
    X = np.random.default_rng(d).gamma(2.0, size=(25, d))
    distances = gmm.mahalanobis_squared(X, gmm.sample_mean(X), gmm.sample_covariance(X))
    assert distances.sum() == pytest.approx(25 * d, rel=1e-12)  # the trace of n times the identity


# ------------------------------------------------------------------------------------- the density


@pytest.mark.equation("eq-gaussian-log-density")
@pytest.mark.parametrize("ill_scaled", [False, True])
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("d", DIMENSIONS)
def test_log_density_to_twelve_digits(exact, random_covariance, d, offset, ill_scaled):
    X, mean, covariance = problem(random_covariance, d, offset, ill_scaled)
    for value, x in zip(gmm.gaussian_log_density(X, mean, covariance), X, strict=True):
        terms = exact.gaussian_terms(x, mean, covariance)
        assert abs(value + sum(terms) / 2) <= 1e-12 * sum(map(abs, terms)) / 2


@pytest.mark.equation("eq-gaussian-log-density")
@pytest.mark.parametrize("d", DIMENSIONS)
def test_log_density_against_scipy(random_covariance, d):
    X, mean, covariance = problem(random_covariance, d, 0.0, False, n=50)
    expected = scipy.stats.multivariate_normal(mean, covariance).logpdf(X)
    assert_allclose(gmm.gaussian_log_density(X, mean, covariance), expected, rtol=1e-11)


@pytest.mark.equation("eq-gaussian-log-density", "eq-univariate-log-density")
def test_diagonal_covariance_gives_the_product_of_univariate_densities():
    rng = np.random.default_rng(3)
    X, mean, variances = rng.normal(size=(20, 3)), rng.normal(size=3), rng.uniform(0.1, 5, size=3)
    one_by_one = sum(gmm.univariate_log_density(X[:, j], mean[j], variances[j]) for j in range(3))
    assert_allclose(gmm.gaussian_log_density(X, mean, np.diag(variances)), one_by_one, rtol=1e-13)


@pytest.mark.equation("eq-gaussian-density")
@pytest.mark.parametrize("d", [1, 2, 3])
def test_density_integrates_to_one_with_its_mean_and_covariance(random_covariance, d):
    # The trapezoidal rule converges faster than any power of the step for a function that decays like this one.
    covariance = random_covariance(np.random.default_rng(d + 10), d)
    mean = np.arange(1.0, d + 1)
    widths = np.sqrt(np.diag(covariance))
    m = {1: 201, 2: 121, 3: 61}[d]
    axes = [np.linspace(c - 9 * w, c + 9 * w, m) for c, w in zip(mean, widths, strict=True)]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    mass = cell * np.exp(gmm.gaussian_log_density(grid, mean, covariance))
    assert mass.sum() == pytest.approx(1.0, abs=1e-9)
    assert_allclose(mass @ grid, mean, rtol=1e-8)
    assert_allclose((grid - mean).T @ ((grid - mean) * mass[:, None]), covariance, rtol=1e-7, atol=1e-8)


@pytest.mark.equation("eq-gaussian-density")
def test_density_changes_with_the_volume_under_a_linear_map(random_covariance):
    rng = np.random.default_rng(8)
    X, mean, covariance = problem(random_covariance, 3, 0.0, False, n=6)
    A = rng.normal(size=(3, 3))
    moved = A @ covariance @ A.T
    shift = gmm.gaussian_log_density(X @ A.T, A @ mean, (moved + moved.T) / 2) - gmm.gaussian_log_density(
        X, mean, covariance
    )
    assert_allclose(shift, -np.log(abs(np.linalg.det(A))), rtol=1e-10)


# ------------------------------------------------------------------------------------- ellipses


@pytest.mark.equation("eq-principal-axes")
@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_principal_axes_are_eigenvectors_with_square_roots_of_eigenvalues(exact, random_covariance, d):
    _, mean, covariance = problem(random_covariance, d, 0.0, False)
    lengths, axes = gmm.principal_axes(covariance)
    assert (np.diff(lengths) <= 0).all()
    assert_allclose(axes @ axes.T, np.eye(d), rtol=0, atol=1e-13)
    assert_allclose(covariance @ axes.T, axes.T * lengths**2, rtol=0, atol=1e-13 * lengths[0] ** 2)
    assert_allclose((axes.T * lengths**2) @ axes, covariance, rtol=0, atol=1e-13 * lengths[0] ** 2)
    # The ends of the axes lie on the one-sigma ellipsoid.
    ends = mean + lengths[:, None] * axes
    assert_allclose(gmm.mahalanobis_squared(ends, mean, covariance), 1.0, rtol=1e-11)
    eigenvalues = sorted(mp.eigsy(exact.matrix(covariance), eigvals_only=True), reverse=True)
    assert_allclose(lengths, [float(mp.sqrt(value)) for value in eigenvalues], rtol=1e-12)


@pytest.mark.equation("eq-principal-axes")
def test_principal_axes_of_a_known_ellipse():
    lengths, axes = gmm.principal_axes([[5, 3], [3, 5]])  # eigenvalues 8 and 2 along the diagonals
    assert_allclose(lengths, [math.sqrt(8), math.sqrt(2)], rtol=1e-14)
    assert_allclose(np.abs(axes), np.full((2, 2), math.sqrt(0.5)), rtol=1e-14)
    assert axes[0, 0] * axes[0, 1] > 0 > axes[1, 0] * axes[1, 1]


@pytest.mark.equation("eq-ellipse-mass")
@pytest.mark.parametrize("radius", [0.0, 1e-9, 0.5, 1.0, 2.0, 3.0, 8.0])
def test_mass_of_an_ellipse_is_the_chi_square_distribution_with_two_degrees(radius):
    # For small radii about r^2 / 2, to all digits: 1 - exp(-r^2 / 2) as written would give 0.
    assert_allclose(gmm.ellipse_mass(radius), scipy.stats.chi2.cdf(radius**2, 2), rtol=1e-13)
    with mp.workdps(50):
        assert_allclose(gmm.ellipse_mass(radius), float(1 - mp.exp(-(mp.mpf(radius) ** 2) / 2)), rtol=1e-15)


@pytest.mark.equation("eq-ellipse-mass")
def test_mass_of_an_ellipse_is_the_integral_of_the_density_over_it(random_covariance):
    covariance, mean, radius = random_covariance(np.random.default_rng(2), 2), np.array([3.0, -1.0]), 1.5
    lengths, axes = gmm.principal_axes(covariance)

    def ring(r):  # points x = mean + r (cos t, sin t) in units of the half-lengths; the area element carries lengths
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        points = mean + r * (np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths) @ axes
        density = np.exp(gmm.gaussian_log_density(points, mean, covariance))
        return 2 * np.pi * density.mean() * r * lengths.prod()

    assert gmm.ellipse_mass(radius) == pytest.approx(scipy.integrate.quad(ring, 0, radius)[0], rel=1e-12)


# ------------------------------------------------------------------------------------- maximum likelihood


@pytest.mark.equation("eq-gaussian-mle-mean")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 3), (40, 2), (30, 20)])
def test_sample_mean_against_exact_sums(exact, n, d, offset):
    X = offset + np.random.default_rng([n, d]).normal(size=(n, d))
    for j, value in enumerate(gmm.sample_mean(X)):
        expected = mp.fsum(exact.number(x) for x in X[:, j]) / n
        # One rounding of the result, and errors in the size of the differences.
        assert abs(value - expected) <= np.spacing(abs(value)) + 1e-14


@pytest.mark.equation("eq-gaussian-mle-covariance")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize(("n", "d"), [(1, 2), (2, 1), (40, 2), (30, 20)])
def test_sample_covariance_against_exact_sums_divides_by_n(exact, n, d, offset):
    X = offset + np.random.default_rng([n, d]).normal(size=(n, d))
    centre = [mp.fsum(exact.number(x) for x in X[:, j]) / n for j in range(d)]
    covariance = gmm.sample_covariance(X)
    assert_array_equal(covariance, covariance.T)
    # At an offset of 1e8 the stored mean is rounded by up to 7e-9; its square is what the covariance can lose.
    lost = (np.spacing(offset) if offset else 0.0) ** 2
    for j in range(d):
        for l in range(j + 1):
            products = ((exact.number(x[j]) - centre[j]) * (exact.number(x[l]) - centre[l]) for x in X)
            assert abs(covariance[j, l] - mp.fsum(products) / n) <= 1e-13 + lost
    if n > 1:
        assert_allclose(covariance, np.cov(X.T, bias=True).reshape(d, d), rtol=1e-7, atol=1e-7)


@pytest.mark.equation("eq-gaussian-mle-mean", "eq-gaussian-mle-covariance")
@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradient_of_the_log_likelihood_vanishes_at_the_sample_moments(exact, d):
    rng = np.random.default_rng(d)
    X = rng.exponential(size=(8, d)) @ rng.normal(size=(d, d))
    mean, covariance = gmm.sample_mean(X), gmm.sample_covariance(X)

    def total(mean, covariance):
        return mp.fsum(exact.gaussian_log_density(x, mean, covariance) for x in X)

    for j in range(d):
        unit = mp.matrix([1 if j == l else 0 for l in range(d)])
        slope = exact.derivative(lambda t, unit=unit: total(exact.vector(mean) + t * unit, covariance))
        assert abs(slope) < 1e-11
        for l in range(j + 1):
            change = mp.zeros(d)
            change[j, l] = change[l, j] = 1
            slope = exact.derivative(
                lambda t, change=change: total(mean, (exact.matrix(covariance) + t * change).tolist())
            )
            assert abs(slope) < 1e-10


@pytest.mark.equation("eq-gaussian-log-likelihood")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("d", [1, 3, 20])
def test_gaussian_log_likelihood_is_the_sum_over_the_samples(exact, random_covariance, d, offset):
    X, mean, covariance = problem(random_covariance, d, offset, True, n=6)
    terms = [exact.gaussian_terms(x, mean, covariance) for x in X]
    scale = sum(abs(term) for row in terms for term in row)
    value = gmm.gaussian_log_likelihood(X, mean, covariance)
    assert abs(value + mp.fsum(term for row in terms for term in row) / 2) <= 1e-12 * scale
    parts = gmm.gaussian_log_likelihood(X[:2], mean, covariance) + gmm.gaussian_log_likelihood(X[2:], mean, covariance)
    assert value == pytest.approx(parts, rel=1e-12)


@pytest.mark.equation("eq-gaussian-max-log-likelihood")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize(("n", "d"), [(2, 1), (10, 2), (40, 6)])
def test_largest_log_likelihood_is_reached_at_the_sample_moments_and_nowhere_exceeded(n, d, offset):
    rng = np.random.default_rng([n, d])
    X = offset + rng.standard_t(4, size=(n, d))
    mean, covariance = gmm.sample_mean(X), gmm.sample_covariance(X)
    largest = gmm.max_gaussian_log_likelihood(X)
    assert gmm.gaussian_log_likelihood(X, mean, covariance) == pytest.approx(largest, rel=1e-12)
    for _ in range(30):
        moved = mean + 0.1 * rng.normal(size=d)
        tilt = np.eye(d) + 0.1 * rng.normal(size=(d, d))
        other = tilt @ covariance @ tilt.T
        assert gmm.gaussian_log_likelihood(X, moved, (other + other.T) / 2) < largest


@pytest.mark.equation("eq-gaussian-max-log-likelihood")
def test_largest_log_likelihood_of_two_points_by_hand():
    # The points -1 and 1: mean 0, variance 1, so two terms of -(log 2 pi + 1) / 2.
    assert gmm.max_gaussian_log_likelihood([[-1.0], [1.0]]) == pytest.approx(-math.log(2 * math.pi) - 1, rel=1e-15)


@pytest.mark.equation("eq-gaussian-max-log-likelihood")
@pytest.mark.parametrize("X", [[[1.0, 2.0]], [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], [[3.0], [3.0], [3.0]]])
def test_no_largest_log_likelihood_for_a_singular_sample_covariance(X):
    with pytest.raises(ValueError, match="the sample covariance of X must be positive definite"):
        gmm.max_gaussian_log_likelihood(X)
