"""Chapter 14: information criteria, and Laplace's method that BIC comes from."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad
from scipy.special import betaln
from scipy.stats import entropy
from sklearn.mixture import GaussianMixture

import gmm
from gmm.formulas.criteria import aic, bic, bic_maximised, icl, laplace_log_integral

LIKELIHOODS = st.floats(-1e6, 1e6)
COUNTS = st.integers(1, 10**6)


# ------------------------------------------------------------------------------------- the criteria


@pytest.mark.equation("eq-aic", "eq-bic", "eq-bic-maximised")
@given(LIKELIHOODS, COUNTS, COUNTS)
def test_criteria_in_exact_arithmetic(exact, log_likelihood, p, n):
    ell = exact.number(log_likelihood)
    scale = 2 * abs(log_likelihood) + p * math.log(n) + 2 * p
    assert abs(aic(log_likelihood, p) - (2 * p - 2 * ell)) <= 1e-15 * scale
    assert abs(bic(log_likelihood, p, n) - (p * mp.log(n) - 2 * ell)) <= 1e-15 * scale
    assert bic_maximised(log_likelihood, p, n) == -bic(log_likelihood, p, n)


@pytest.mark.equation("eq-aic", "eq-bic")
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_criteria_of_fitted_mixtures_against_scikit_learn(covariance_type):
    X = gmm.datasets.load_old_faithful().X
    theirs = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    p = theirs._n_parameters()
    log_likelihood = theirs.score_samples(X).sum()
    assert aic(log_likelihood, p) == pytest.approx(theirs.aic(X), rel=1e-12)
    assert bic(log_likelihood, p, len(X)) == pytest.approx(theirs.bic(X), rel=1e-12)


@pytest.mark.equation("eq-bic", "eq-bic-maximised")
def test_bic_published_for_old_faithful():
    # mclust: EEE with 3 components, log-likelihood -1126.326, 272 samples, 11 parameters, BIC -2314.316.
    assert bic_maximised(-1126.326, 11, 272) == pytest.approx(-2314.316, abs=1.5e-3)
    assert bic(-1126.326, 11, 272) == pytest.approx(2314.316, abs=1.5e-3)


@pytest.mark.equation("eq-aic")
def test_aic_corrects_the_optimism_of_the_maximum():
    # Mean of a Gaussian with known covariance in p dimensions: the log-likelihood of the sample at the estimate exceeds
    # that of another sample of the same size by p on average, exactly.
    rng = np.random.default_rng(0)
    n, p, repetitions = 20, 3, 20_000
    means = rng.normal(size=(repetitions, p)) / math.sqrt(n)
    # Sum over the sample of |x - mean|²: chi-squared with (n - 1) p degrees of freedom, independent of the mean.
    scatter = rng.chisquare((n - 1) * p, size=repetitions)
    constant = -0.5 * n * p * math.log(2 * math.pi)
    training = constant - 0.5 * scatter
    expected_of_new = constant - 0.5 * n * (p + (means**2).sum(axis=1))
    gap = training - expected_of_new
    assert gap.mean() == pytest.approx(p, abs=5 * gap.std() / math.sqrt(repetitions))
    corrected = np.array([aic(ell, p) for ell in training[:2000]]) / -2
    assert corrected.mean() == pytest.approx(training[:2000].mean() - p, rel=1e-12)


@pytest.mark.equation("eq-bic")
@pytest.mark.parametrize("n", [10, 1000, 100_000])
def test_bic_is_twice_the_log_evidence_up_to_a_constant(n):
    # Bernoulli trials with a uniform prior: the evidence is a beta function.
    successes = 3 * n // 10
    p_hat = successes / n
    log_likelihood = successes * math.log(p_hat) + (n - successes) * math.log1p(-p_hat)
    evidence = betaln(successes + 1, n - successes + 1)
    # What BIC leaves out: log prior + log(2 pi) / 2 - log(average information) / 2.
    left_out = 0.5 * math.log(2 * math.pi) + 0.5 * math.log(p_hat * (1 - p_hat))
    assert -2 * (evidence - left_out) == pytest.approx(bic(log_likelihood, 1, n), abs=3 / n)


# ------------------------------------------------------------------------------------- ICL


def responsibilities_of(n, K, seed, concentration=0.3):
    return np.random.default_rng(seed).dirichlet(np.full(K, concentration), size=n)


@pytest.mark.equation("eq-icl")
@given(LIKELIHOODS, st.integers(1, 100), st.integers(1, 30), st.integers(1, 5), st.integers(0, 10**6))
def test_icl_is_bic_plus_twice_the_entropy(log_likelihood, p, n, K, seed):
    resp = responsibilities_of(n, K, seed)
    expected = -2 * log_likelihood + p * math.log(n) + 2 * entropy(resp, axis=1).sum()
    assert icl(log_likelihood, p, resp) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@pytest.mark.equation("eq-icl")
def test_icl_is_bic_of_the_expected_complete_log_likelihood(random_mixture):
    weights, means, covariances = random_mixture(np.random.default_rng(3), 3, 2)
    X, _ = gmm.sample_mixture(50, weights, means, covariances, rng=4)
    resp = gmm.responsibilities(X, weights, means, covariances)
    complete = gmm.expected_complete_log_likelihood(X, resp, weights, means, covariances)
    log_likelihood = gmm.log_likelihood(X, weights, means, covariances)
    assert icl(log_likelihood, 17, resp) == pytest.approx(bic(complete, 17, 50), rel=1e-12)


@pytest.mark.equation("eq-icl")
def test_icl_of_hard_assignments_is_bic_and_of_equal_shares_the_largest():
    hard = np.eye(3)[np.arange(12) % 3]
    assert icl(-10.0, 4, hard) == bic(-10.0, 4, 12)
    even = np.full((12, 3), 1 / 3)
    assert icl(-10.0, 4, even) == pytest.approx(bic(-10.0, 4, 12) + 24 * math.log(3), rel=1e-14)


# ------------------------------------------------------------------------------------- Laplace's method


@pytest.mark.equation("eq-laplace")
@given(st.integers(1, 5), st.integers(0, 10**6), st.floats(-50, 50))
def test_laplace_is_exact_for_a_quadratic(d, seed, log_peak):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d, d))
    curvature = root @ root.T + np.eye(d)
    expected = log_peak + 0.5 * d * math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(curvature)[1]
    assert laplace_log_integral(log_peak, curvature) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@pytest.mark.equation("eq-laplace")
def test_laplace_against_quadrature_of_a_quadratic_in_two_dimensions():
    H = np.array([[2.0, 0.7], [0.7, 1.5]])

    def integrand(y, x):
        return math.exp(0.3 - 0.5 * (H[0, 0] * x * x + 2 * H[0, 1] * x * y + H[1, 1] * y * y))

    value, _ = dblquad(integrand, -12, 12, -12, 12, epsabs=1e-10)
    assert laplace_log_integral(0.3, H) == pytest.approx(math.log(value), abs=1e-8)


@pytest.mark.equation("eq-laplace")
def test_laplace_gives_stirlings_formula():
    # n! is the integral of exp(n log t - t), whose peak is t = n and whose curvature there is 1 / n.
    for n in (5, 50, 500):
        approximation = laplace_log_integral(n * math.log(n) - n, [[1 / n]])
        assert math.lgamma(n + 1) - approximation == pytest.approx(1 / (12 * n), rel=0.01)


@pytest.mark.equation("eq-laplace")
def test_the_error_of_laplace_falls_as_one_over_n():
    # The weight of two known components, under a uniform prior.
    rng = np.random.default_rng(7)
    ratio = np.exp(rng.normal(scale=2.0, size=40))
    errors = []
    for copies in (4, 16, 64):

        def f(w, copies=copies):
            return copies * float(np.log1p(w * (ratio - 1)).sum())

        grid = np.linspace(0.001, 0.999, 99_801)
        peak = grid[np.argmax([np.log1p(w * (ratio - 1)).sum() for w in grid[::100]]) * 100]
        for _ in range(30):  # Newton's method
            slope = (ratio - 1) / (1 + peak * (ratio - 1))
            peak += slope.sum() / (slope**2).sum()
        curvature = copies * (((ratio - 1) / (1 + peak * (ratio - 1))) ** 2).sum()
        value, _ = quad(lambda w: math.exp(f(w) - f(peak)), 0, 1, points=[peak], epsabs=1e-13)  # noqa: B023
        errors.append(abs(laplace_log_integral(f(peak), [[curvature]]) - f(peak) - math.log(value)))
    assert errors[1] / errors[0] == pytest.approx(0.25, abs=0.1)
    assert errors[2] / errors[1] == pytest.approx(0.25, abs=0.05)


# ------------------------------------------------------------------------------------- bad input

RESP = [[0.5, 0.5], [1.0, 0.0]]
BAD = [
    (lambda: aic(np.nan, 3), ValueError, "log_likelihood must be finite"),
    (lambda: aic("-3", 3), TypeError, "log_likelihood must be a real number"),
    (lambda: aic(-3.0, 0), ValueError, "n_parameters must be >= 1"),
    (lambda: aic(-3.0, 2.0), TypeError, "n_parameters must be an integer"),
    (lambda: bic(-np.inf, 3, 10), ValueError, "log_likelihood must be finite"),
    (lambda: bic(-3.0, 3, 0), ValueError, "n_samples must be >= 1"),
    (lambda: bic(-3.0, 3, 10.0), TypeError, "n_samples must be an integer"),
    (lambda: bic_maximised(-3.0, -1, 10), ValueError, "n_parameters must be >= 1"),
    (lambda: bic_maximised(-3.0, 3, True), TypeError, "n_samples must be an integer"),
    (lambda: icl(-3.0, 3, [[0.5, 0.4]]), ValueError, "row 0 sums to 0.9"),
    (lambda: icl(-3.0, 3, [0.5, 0.5]), ValueError, r"resp must have shape \(n_samples, n_components\)"),
    (lambda: icl(-3.0, 0, RESP), ValueError, "n_parameters must be >= 1"),
    (lambda: laplace_log_integral(np.inf, [[1.0]]), ValueError, "log_peak must be finite"),
    (lambda: laplace_log_integral(0.0, [[0.0]]), ValueError, "curvature must be positive definite"),
    (lambda: laplace_log_integral(0.0, [[1.0, 2.0]]), ValueError, "curvature must be square"),
    (lambda: laplace_log_integral(0.0, [[1.0, 0.5], [0.2, 1.0]]), ValueError, "curvature must be symmetric"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
