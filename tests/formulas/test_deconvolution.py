"""Extreme deconvolution against integrals over the true value, SciPy, and the maximum that its M-step should be."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from gmm.formulas.deconvolution import deconvolution_log_density, deconvolution_posterior, deconvolution_update

RNG = np.random.default_rng(4)
WEIGHTS, MEANS = np.array([0.3, 0.7]), RNG.normal(size=(2, 3))
ROOTS = RNG.normal(size=(2, 3, 3))
COVARIANCES = ROOTS @ ROOTS.swapaxes(1, 2) + 0.2 * np.eye(3)
X = RNG.normal(size=(6, 3))
ROOTS = RNG.normal(size=(6, 3, 3))
ERRORS = 0.4 * ROOTS @ ROOTS.swapaxes(1, 2)
ERRORS[0] = 0.0
ERRORS[1] = np.diag([0.5, 0.0, 2.0])


@pytest.mark.equation("eq-deconvolution-density")
def test_density_is_that_of_the_sum():
    found = deconvolution_log_density(X, ERRORS, WEIGHTS, MEANS, COVARIANCES)
    for x, S, value in zip(X, ERRORS, found, strict=True):
        joint = [np.log(p) + multivariate_normal.logpdf(x, m, C + S) for p, m, C in zip(WEIGHTS, MEANS, COVARIANCES)]
        assert value == pytest.approx(logsumexp(joint), rel=1e-12)


@pytest.mark.equation("eq-deconvolution-density", "eq-deconvolution-posterior")
@pytest.mark.parametrize("variance", [1e-6, 0.7, 40.0])
def test_one_feature_by_integrals_over_the_true_value(variance):
    x, mean, size = 1.4, 0.3, 0.9

    # Beyond twelve deviations of either density there is nothing of their product.
    low = max(mean - 12.0 * size**0.5, x - 12.0 * variance**0.5)
    high = min(mean + 12.0 * size**0.5, x + 12.0 * variance**0.5)

    def moment(power, centre=0.0):
        def inside(v):
            return (v - centre) ** power * norm.pdf(v, mean, size**0.5) * norm.pdf(x, v, variance**0.5)

        return quad(inside, low, high, epsabs=1e-15, epsrel=1e-12, limit=200)[0]

    b, B = deconvolution_posterior([x], [[variance]], [mean], [[size]])
    density = moment(0)
    value = deconvolution_log_density([[x]], [[[variance]]], [1.0], [[mean]], [[[size]]])[0]
    assert value == pytest.approx(np.log(density), rel=1e-8)
    assert b[0] == pytest.approx(moment(1) / density, rel=1e-7)
    assert B[0, 0] == pytest.approx(moment(2, b[0]) / density, rel=1e-6)


@pytest.mark.equation("eq-deconvolution-posterior")
@pytest.mark.parametrize("i", range(6))
def test_posterior_is_the_conditional_of_the_joint_of_both(i):
    """(v, x) is Gaussian with the blocks Σ, Σ, Σ + S; regression, and products of densities at a few v."""
    S, mean, C = ERRORS[i], MEANS[1], COVARIANCES[1]
    b, B = deconvolution_posterior(X[i], S, mean, C)
    gain = np.linalg.solve(C + S, C).T
    np.testing.assert_allclose(b, mean + gain @ (X[i] - mean), rtol=1e-11)
    np.testing.assert_allclose(B, C - gain @ C, atol=1e-13)
    np.testing.assert_allclose(B, B.T, atol=1e-14)
    if i > 1:
        v = np.array([0.4, -0.2, 1.0])
        product = multivariate_normal.logpdf(v, mean, C) + multivariate_normal.logpdf(X[i], v, S)
        alone = multivariate_normal.logpdf(X[i], mean, C + S)
        assert product - alone == pytest.approx(multivariate_normal.logpdf(v, b, B), rel=1e-9)


def test_small_errors_keep_their_digits_and_none_leave_nothing():
    b, B = deconvolution_posterior(X[2], 1e-14 * ERRORS[2], MEANS[0], COVARIANCES[0])
    np.testing.assert_allclose(B, 1e-14 * ERRORS[2], rtol=1e-10)
    b, B = deconvolution_posterior(X[0], ERRORS[0], MEANS[0], COVARIANCES[0])
    np.testing.assert_allclose(b, X[0], rtol=1e-12)
    assert not B.any()


@pytest.mark.equation("eq-deconvolution-update")
def test_update_maximises_the_expected_log_density_of_the_true_values():
    """Differences of Q = Σ r (log π + log N(b | μ, Σ) - tr(Σ⁻¹ B)/2), written out, vanish at it."""
    resp = RNG.dirichlet([1.0, 1.0], size=6)
    weights, means, covariances = deconvolution_update(X, ERRORS, resp, MEANS, COVARIANCES)
    posterior = [[deconvolution_posterior(x, S, m, C) for x, S in zip(X, ERRORS)] for m, C in zip(MEANS, COVARIANCES)]

    def q(weights, means, covariances):
        total = 0.0
        for k in range(2):
            for i, (b, B) in enumerate(posterior[k]):
                value = multivariate_normal.logpdf(b, means[k], covariances[k])
                total += resp[i, k] * (np.log(weights[k]) + value - 0.5 * np.trace(np.linalg.solve(covariances[k], B)))
        return total

    def slope(function, h=1e-5):
        return (function(h) - function(-h)) / (2.0 * h)

    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    ratio = np.array([1.0, -1.0])
    assert abs(slope(lambda h: q(weights + h * ratio, means, covariances))) < 1e-7
    for k in range(2):
        for a in range(3):
            step = np.zeros((2, 3))
            step[k, a] = 1.0
            assert abs(slope(lambda h, s=step: q(weights, means + h * s, covariances))) < 1e-7
            for c in range(a + 1):
                step = np.zeros((2, 3, 3))
                step[k, a, c] = step[k, c, a] = 1.0
                assert abs(slope(lambda h, s=step: q(weights, means, covariances + h * s))) < 1e-6


def test_equal_errors_are_subtracted():
    """One component, one S for all: the covariance of the samples less S is a fixed point."""
    Y = RNG.normal(size=(50, 3)) @ np.diag([2.0, 3.0, 1.5])
    S = np.array([[0.3, 0.1, 0.0], [0.1, 0.4, 0.0], [0.0, 0.0, 0.2]])
    mean, covariance = Y.mean(axis=0), np.cov(Y.T, bias=True) - S
    _, means, covariances = deconvolution_update(Y, np.array([S] * 50), np.ones((50, 1)), [mean], [covariance])
    np.testing.assert_allclose(means[0], mean, atol=1e-13)
    np.testing.assert_allclose(covariances[0], covariance, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deconvolution_log_density(X, ERRORS[:2], WEIGHTS, MEANS, COVARIANCES), r"shape \(6, 3, 3\), a matrix"),
        (
            lambda: deconvolution_log_density(X, -ERRORS, WEIGHTS, MEANS, COVARIANCES),
            r"\[1\] must be symmetric and pos",
        ),
        (
            lambda: deconvolution_posterior(X[0], np.eye(2), MEANS[0], COVARIANCES[0]),
            "error_covariance must have shape",
        ),
        (lambda: deconvolution_posterior(X[0], np.eye(3), MEANS[0], -COVARIANCES[0]), "positive definite"),
        (lambda: deconvolution_posterior(X[0], np.triu(np.ones((3, 3))), MEANS[0], COVARIANCES[0]), "symmetric"),
        (lambda: deconvolution_update(X, ERRORS, np.ones((6, 2)), MEANS, COVARIANCES), "sum to 1"),
        (
            lambda: deconvolution_update(X, ERRORS, np.tile([1.0, 0.0], (6, 1)), MEANS, COVARIANCES),
            "component 1 has effective count 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
