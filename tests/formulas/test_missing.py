"""Marginals, conditionals and lifted moments against integrals, SciPy and sums over single samples."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from gmm.formulas.missing import conditional_gaussian, lifted_moments, observed_log_density

MEAN = np.array([0.3, -1.0, 0.5])
COVARIANCE = np.array([[2.0, 0.8, -0.5], [0.8, 1.0, 0.2], [-0.5, 0.2, 1.5]])
JOINT = multivariate_normal(MEAN, COVARIANCE)


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_one_missing_value_is_integrated_out(gap):
    """Density, conditional mean and variance are the integrals that define them."""
    x = np.array([1.1, -0.4, 0.9])

    def moment(power, centre=0.0):
        def inside(value):
            return (value - centre) ** power * JOINT.pdf(np.where(np.arange(3) == gap, value, x))

        return quad(inside, -15.0, 15.0, epsabs=1e-14, epsrel=1e-12, points=[0.0])[0]

    seen = np.where(np.arange(3) == gap, np.nan, x)
    mean, covariance = conditional_gaussian(seen, MEAN, COVARIANCE)
    density = moment(0)
    assert observed_log_density(seen, MEAN, COVARIANCE) == pytest.approx(np.log(density), rel=1e-10)
    assert mean[0] == pytest.approx(moment(1) / density, rel=1e-9)
    assert covariance[0, 0] == pytest.approx(moment(2, mean[0]) / density, rel=1e-9)


@pytest.mark.parametrize("seen", [[], [0], [2], [0, 2], [1, 3], [0, 2, 3], [0, 1, 2, 3]])
def test_a_joint_density_is_the_marginal_times_the_conditional(seen):
    rng = np.random.default_rng(len(seen))
    a = rng.normal(size=(4, 4))
    mean, covariance = rng.normal(size=4), a @ a.T + 0.1 * np.eye(4)
    gone, whole = np.setdiff1d(np.arange(4), seen), rng.normal(size=4)
    x = whole.copy()
    x[gone] = np.nan
    centre, spread = conditional_gaussian(x, mean, covariance)
    rest = multivariate_normal.logpdf(whole[gone], centre, spread) if len(gone) else 0.0
    total = observed_log_density(x, mean, covariance) + rest
    assert total == pytest.approx(multivariate_normal.logpdf(whole, mean, covariance), rel=1e-11)
    if not seen:
        assert observed_log_density(x, mean, covariance) == 0.0
        np.testing.assert_allclose(spread, covariance, rtol=1e-12)


def test_lifted_moments_are_sums_over_the_samples():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(4, 4))
    mean, covariance = rng.normal(size=4), a @ a.T + 0.1 * np.eye(4)
    observed = np.array([False, True, False, True])
    X, r = rng.normal(size=(7, 4)), rng.uniform(size=7)
    X[:, ~observed] = np.nan
    first, second = np.zeros(4), np.zeros((4, 4))
    for x, weight in zip(X, r, strict=True):
        expected, spread = conditional_gaussian(x, mean, covariance)
        z = np.where(observed, x, 0.0) - mean
        z[~observed] = expected - mean[~observed]
        first += weight * z
        second += weight * np.outer(z, z)
        second[np.ix_(~observed, ~observed)] += weight * spread
    z = (X - mean)[:, observed]
    found = lifted_moments(r.sum(), r @ z, (z.T * r) @ z, covariance, observed)
    np.testing.assert_allclose(found[0], first, rtol=1e-12)
    np.testing.assert_allclose(found[1], second, rtol=1e-12)


def test_the_true_covariance_stays_where_it_is():
    """Where the observed block has the covariance of the model, so has the whole: a fixed point of EM."""
    for observed in ([True, False, True], [False, True, False], [False, False, False]):
        mask = np.array(observed)
        block = COVARIANCE[np.ix_(mask, mask)]
        first, second = lifted_moments(5.0, np.zeros(mask.sum()), 5.0 * block, COVARIANCE, mask)
        np.testing.assert_allclose(second, 5.0 * COVARIANCE, rtol=1e-13)
        assert not first.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: observed_log_density([1.0, np.inf, np.nan], MEAN, COVARIANCE), r"x\[1\] is inf"),
        (lambda: observed_log_density([[1.0]], MEAN, COVARIANCE), r"x must have shape \(n_features,\)"),
        (lambda: conditional_gaussian([1.0, np.nan, 2.0], MEAN[:2], COVARIANCE), "mean must have 3 features"),
        (lambda: conditional_gaussian([1.0, np.nan, 2.0], MEAN, -COVARIANCE), "positive definite"),
        (lambda: lifted_moments(1.0, [0.0], [[1.0]], COVARIANCE, [1, 0, 0]), "observed must be a mask"),
        (lambda: lifted_moments(1.0, [0.0, 0.0], [[1.0]], COVARIANCE, [True, False, False]), "first and second must"),
        (lambda: lifted_moments(-1.0, [0.0], [[1.0]], COVARIANCE, [True, False, False]), "count must be >= 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
