"""The divergence between two mixtures, against closed forms, quadrature and numerical minimisation."""

import doctest

import numpy as np
import pytest
import sklearn.mixture
from estimator_helpers import matrices_of, random_mixture
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.exceptions import NotFittedError

import gmm
from gmm import GaussianMixture
from gmm.estimators import divergence

STRUCTURES = ("full", "tied", "diag", "spherical")


def textbook(mean, covariance, other_mean, other_covariance):
    """KL(N ‖ N') = (tr Σ'⁻¹Σ + δᵀΣ'⁻¹δ - d + log |Σ'|/|Σ|) / 2."""
    difference = other_mean - mean
    ratio = np.linalg.solve(other_covariance, covariance)
    square = difference @ np.linalg.solve(other_covariance, difference)
    return 0.5 * (np.trace(ratio) + square - len(mean) - np.linalg.slogdet(ratio)[1])


def table(p, q):
    """Divergences between all components of p and q."""
    first, second = (matrices_of(m.covariances_, m.covariance_type, *m.means_.shape) for m in (p, q))
    return np.array([[textbook(*f, *g) for g in zip(q.means_, second)] for f in zip(p.means_, first)])


@given(seed=st.integers(0, 10_000), kinds=st.tuples(*[st.sampled_from(STRUCTURES)] * 2), n_features=st.integers(1, 5))
def test_single_gaussians_have_a_closed_form(seed, kinds, n_features):
    p, q = (random_mixture(seed + i, kind, 1, n_features, spread=1.0) for i, kind in enumerate(kinds))
    expected = table(p, q)[0, 0]
    found = gmm.mixture_kl_divergence(p, q, n_samples=2000, random_state=seed)
    assert found.upper_bound == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert found.approximation == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert abs(found.estimate - expected) < 6 * found.standard_error


def test_small_divergences_of_gaussians_keep_their_digits():
    # KL = (t - 1 - log t) / 2 with t = 1 + h: h²/4 - h³/6 + …
    h = 1e-5
    p = GaussianMixture.from_parameters([1.0], [[3.0]], [[[1.0 + h]]])
    q = GaussianMixture.from_parameters([1.0], [[3.0]], [[[1.0]]])
    found = gmm.mixture_kl_divergence(p, q, n_samples=2)
    assert found.upper_bound == pytest.approx(h**2 / 4 - h**3 / 6, rel=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_mixtures_in_one_dimension_by_quadrature(seed):
    p, q = random_mixture(seed, "full", 3, 1), random_mixture(seed + 100, "diag", 2, 1)
    x = np.linspace(-60.0, 60.0, 200_001)[:, None]  # the trapezoid rule is exact to rounding
    log_p, log_q = p.score_samples(x), q.score_samples(x)
    expected = np.trapezoid(np.exp(log_p) * (log_p - log_q), x[:, 0])
    found = gmm.mixture_kl_divergence(p, q, random_state=seed)
    assert 0 < found.standard_error < 0.2
    assert abs(found.estimate - expected) < 5 * found.standard_error
    assert found.upper_bound >= expected - 1e-9


@given(
    seed=st.integers(0, 10_000),
    kinds=st.tuples(*[st.sampled_from(STRUCTURES)] * 2),
    sizes=st.tuples(*[st.integers(1, 4)] * 2),
    n_features=st.integers(1, 3),
    spread=st.sampled_from([0.3, 1.0, 3.0]),
)
def test_the_bound_is_one_and_the_least_of_its_kind(seed, kinds, sizes, n_features, spread):
    p, q = (random_mixture(seed + i, kinds[i], sizes[i], n_features, spread) for i in range(2))
    found = gmm.mixture_kl_divergence(p, q, n_samples=4000, random_state=seed)
    assert found.upper_bound >= found.estimate - 6 * found.standard_error
    divergences = table(p, q)

    def bound(splits):
        phi, psi = splits.reshape(2, *sizes)
        phi = p.weights_[:, None] * softmax(phi, axis=1)
        psi = q.weights_ * softmax(psi, axis=0)
        return np.sum(phi * (np.log(phi) - np.log(psi) + divergences))

    start = 0.1 * np.random.default_rng(seed).normal(size=2 * sizes[0] * sizes[1])
    best = minimize(bound, start, method="BFGS").fun
    assert found.upper_bound <= best + 1e-5 * (1.0 + abs(best))
    log_pi, log_omega = np.log(p.weights_), np.log(q.weights_)
    numerator, denominator = logsumexp(log_pi - table(p, p), axis=1), logsumexp(log_omega - divergences, axis=1)
    assert found.approximation == pytest.approx(p.weights_ @ (numerator - denominator), rel=1e-9, abs=1e-9)


def test_the_standard_error_is_that_of_the_estimate():
    p, q = random_mixture(1, "full", 2, 2), random_mixture(2, "tied", 3, 2)
    runs = [gmm.mixture_kl_divergence(p, q, n_samples=400, random_state=seed) for seed in range(150)]
    estimates = np.array([run.estimate for run in runs])
    spread = np.std(estimates, ddof=1)
    # The spread of 150 has a relative error of about 1 / √300.
    assert np.mean([run.standard_error for run in runs]) == pytest.approx(spread, rel=5 / np.sqrt(300))


def test_the_standard_error_of_few_draws_is_that_of_their_spread():
    p, q = random_mixture(1, "full", 2, 2), random_mixture(2, "tied", 3, 2)
    found = gmm.mixture_kl_divergence(p, q, n_samples=3, random_state=0)
    X = p.sample(3, random_state=np.random.RandomState(0))[0]
    ratios = p.score_samples(X) - q.score_samples(X)
    assert found.estimate == pytest.approx(ratios.mean(), rel=1e-12)
    assert found.standard_error == pytest.approx(np.std(ratios, ddof=1) / np.sqrt(3), rel=1e-12)


def test_a_mixture_and_itself(covariance_type):
    p = random_mixture(3, covariance_type, 4, 2, spread=1.0)
    order = [2, 0, 3, 1]
    covariances = p.covariances_ if covariance_type == "tied" else p.covariances_[order]
    q = GaussianMixture.from_parameters(p.weights_[order], p.means_[order], covariances, covariance_type)
    found = gmm.mixture_kl_divergence(p, q, n_samples=100, random_state=0)
    assert found.estimate == pytest.approx(0.0, abs=1e-14)
    assert found.standard_error < 1e-14
    assert 0.0 <= found.upper_bound < 1e-6
    assert found.approximation == pytest.approx(0.0, abs=1e-13)


def test_a_component_without_weight_is_not_there():
    p, q = random_mixture(4, "full", 2, 2), random_mixture(5, "full", 2, 2)
    expected = gmm.mixture_kl_divergence(p, q, n_samples=500, random_state=0)

    def with_a_ghost(m):
        parts = ([*m.weights_, 0.0], [*m.means_, [1e200, 0.0]], [*m.covariances_, np.eye(2)])
        return GaussianMixture.from_parameters(*parts)

    found = gmm.mixture_kl_divergence(with_a_ghost(p), with_a_ghost(q), n_samples=500, random_state=0)
    np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-12)
    assert abs(found.estimate - expected.estimate) < 5 * np.hypot(found.standard_error, expected.standard_error)


def test_units_do_not_matter():
    p, q = random_mixture(6, "full", 3, 2), random_mixture(7, "full", 2, 2)
    A, b = np.array([[1e-3, 0.0], [20.0, 1e4]]), np.array([1.0, -1e5])

    def moved(m):
        return GaussianMixture.from_parameters(m.weights_, m.means_ @ A.T + b, A @ m.covariances_ @ A.T)

    expected = gmm.mixture_kl_divergence(p, q, n_samples=2)
    found = gmm.mixture_kl_divergence(moved(p), moved(q), n_samples=2)
    np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-7)


def test_far_apart_is_far_and_not_nan():
    p = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], "spherical")
    q = GaussianMixture.from_parameters([0.5, 0.5], [[1e6], [1e7]], [1.0, 2.0], "spherical")
    found = gmm.mixture_kl_divergence(p, q, n_samples=1000, random_state=0)
    assert found.estimate == pytest.approx(5e11, rel=1e-4)
    assert found.upper_bound == pytest.approx(5e11, rel=1e-4)


def test_mixtures_of_scikit_learn_and_draws_that_repeat(blobs):
    X, _ = blobs
    theirs = sklearn.mixture.GaussianMixture(3, covariance_type="diag", random_state=0).fit(X)
    p = random_mixture(0, "full", 2, 2)
    found = gmm.mixture_kl_divergence(p, theirs, n_samples=300, random_state=3)
    expected = gmm.mixture_kl_divergence(
        p,
        GaussianMixture.from_parameters(theirs.weights_, theirs.means_, theirs.covariances_, "diag"),
        n_samples=300,
        random_state=3,
    )
    assert found == expected
    assert gmm.mixture_kl_divergence(p, theirs, n_samples=300, random_state=4).estimate != found.estimate


def test_what_does_not_fit_is_refused():
    p, q = random_mixture(0, "full"), random_mixture(0, "full", n_features=2)
    with pytest.raises(ValueError, match="p and q must have the same features; p has 3, q has 2"):
        gmm.mixture_kl_divergence(p, q)
    with pytest.raises(TypeError, match="q must be a fitted GaussianMixture; got ndarray"):
        gmm.mixture_kl_divergence(p, p.means_)
    with pytest.raises(NotFittedError):
        gmm.mixture_kl_divergence(p, GaussianMixture())
    with pytest.raises(ValueError, match="n_samples must be >= 2; got 1"):
        gmm.mixture_kl_divergence(p, p, n_samples=1)
    with pytest.raises(TypeError, match=r"n_samples must be an integer; got 10\.0"):
        gmm.mixture_kl_divergence(p, p, n_samples=10.0)
    named, other = random_mixture(0, "full"), random_mixture(1, "full")
    named.feature_names_in_, other.feature_names_in_ = np.array(["a", "b", "c"]), np.array(["a", "c", "b"])
    with pytest.raises(ValueError, match=r"p has \['a', 'b', 'c'\], q has \['a', 'c', 'b'\]"):
        gmm.mixture_kl_divergence(named, other)


def test_the_divergence_of_responsibilities_points_at_that_of_mixtures():
    p = random_mixture(0, "full")
    for arguments in ((p, p), (p, np.log([[1.0]])), (np.array([[1.0]]), p)):
        with pytest.raises(TypeError, match=r"for the divergence between two mixtures call gmm\.mixture_kl_divergence"):
            gmm.kl_divergence(*arguments)


def test_examples_run():
    failed, attempted = doctest.testmod(divergence)
    assert (failed, attempted > 0) == (0, True)
