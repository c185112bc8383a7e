"""Chapter 15: quadrature on the line, Monte Carlo in the plane, finite differences, and all assignments one by one."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, stats
from scipy.special import gammaln, logsumexp

import gmm

DRAWS = 40_000


def positive_definite(d, seed, smallest=0.3):
    root = np.random.default_rng([d, seed]).normal(size=(d, d))
    return root @ root.T + smallest * np.eye(d)


def a_prior(d, seed=0, concentration=0.6):
    rng = np.random.default_rng([7, d, seed])
    return gmm.MixturePrior(concentration, rng.normal(size=d), 0.7, positive_definite(d, seed), d + 0.8)


def problem(n, d, K, seed=0):
    """Data, responsibilities, and any posterior: not the best one."""
    rng = np.random.default_rng([n, d, K, seed])
    X = rng.normal(size=(n, d)) + 2.0 * rng.integers(2, size=(n, 1))
    resp = rng.dirichlet(np.full(K, 0.7), size=n)
    posterior = gmm.MixturePosterior(
        rng.uniform(0.3, 6.0, K), rng.normal(size=(K, d)), rng.uniform(0.5, 4.0, K),
        np.array([positive_definite(d, seed + k + 1) for k in range(K)]), d + rng.uniform(0.2, 5.0, K),
    )  # fmt: skip
    return X, resp, posterior


def draws(mean, mean_precision, scale, dof, size=DRAWS, seed=0):
    """Means and precisions from a normal-Wishart distribution, by SciPy."""
    rng = np.random.default_rng(seed)
    d = len(mean)
    precisions = stats.wishart.rvs(dof, np.linalg.inv(scale), size=size, random_state=rng).reshape(size, d, d)
    roots = np.linalg.cholesky(np.linalg.inv(precisions) / mean_precision)
    return mean + np.einsum("nij,nj->ni", roots, rng.normal(size=(size, d))), precisions


def scipy_normal_wishart(mean, precision, location, mean_precision, scale, dof):
    normal = stats.multivariate_normal(location, np.linalg.inv(mean_precision * precision)).logpdf(mean)
    return normal + stats.wishart.logpdf(precision, dof, np.linalg.inv(scale))


def plane_integral(function, first, second, nodes=70):
    """The trapezoidal rule, which has all digits for smooth functions that vanish at both ends."""
    u, v = np.linspace(*first, nodes), np.linspace(*second, nodes)
    return sum(function(a, b) for a in u for b in v) * (u[1] - u[0]) * (v[1] - v[0])


def close_to_mean(values, expected):
    """Within five standard errors of the mean of draws."""
    assert abs(np.mean(values) - expected) < 5.0 * np.std(values) / np.sqrt(len(values))


# ------------------------------------------------------------------------------------- distributions


@pytest.mark.equation("eq-digamma")
@given(st.floats(1e-6, 1e8))
def test_digamma_has_nearly_all_digits(x):
    exact = float(mp.digamma(x))
    assert gmm.digamma(x) == pytest.approx(exact, rel=1e-13, abs=1e-14)


@pytest.mark.equation("eq-vb-dirichlet")
def test_dirichlet_density_is_scipys_and_has_mass_one():
    alpha = np.array([0.7, 2.0, 4.5])
    weights = np.array([0.2, 0.3, 0.5])
    assert gmm.dirichlet_log_density(weights, alpha) == pytest.approx(stats.dirichlet.logpdf(weights, alpha), rel=1e-13)
    mass, _ = integrate.quad(lambda w: np.exp(gmm.dirichlet_log_density([w, 1.0 - w], [1.5, 2.5])), 0, 1)
    assert mass == pytest.approx(1.0, abs=1e-7)


@pytest.mark.equation("eq-vb-normal-wishart")
@pytest.mark.parametrize("d", [1, 2, 4])
def test_normal_wishart_density_is_the_product_of_scipys(d):
    rng = np.random.default_rng(d)
    mean, location = rng.normal(size=(2, d))
    arguments = location, 1.7, positive_definite(d, 3), d + 1.3
    precision = positive_definite(d, 4)
    got = gmm.normal_wishart_log_density(mean, precision, *arguments)
    assert got == pytest.approx(scipy_normal_wishart(mean, precision, *arguments), rel=1e-12)


@pytest.mark.equation("eq-vb-normal-wishart")
def test_on_the_line_the_normal_wishart_density_has_mass_one():
    def density(t, log_precision):
        precision = np.exp(log_precision)
        mean = 1.0 + t / np.sqrt(precision)  # dμ = dt / √λ, dλ = λ d log λ
        return np.exp(gmm.normal_wishart_log_density([mean], [[precision]], [1.0], 2.0, [[3.0]], 4.0)) * precision**0.5

    assert plane_integral(density, (-8.0, 8.0), (-16.0, 4.0)) == pytest.approx(1.0, abs=1e-6)


# ------------------------------------------------------------------------------------- expectations


@pytest.mark.equation("eq-vb-expected-log-weights")
def test_expected_log_weights_by_quadrature_and_by_draws():
    for a, b in [(0.4, 1.3), (3.0, 0.8), (25.0, 4.0)]:
        beta = stats.beta(a, b)
        # with w = t⁵ the integrand is smooth at zero
        by_quadrature, _ = integrate.quad(lambda t, p=beta: 5 * t**4 * np.log(t**5) * p.pdf(t**5), 0, 1, limit=500)
        assert gmm.expected_log_weights([a, b])[0] == pytest.approx(by_quadrature, rel=1e-5)
    alpha = np.array([0.8, 2.0, 5.0])
    logs = np.log(np.random.default_rng(0).dirichlet(alpha, size=DRAWS))
    for k, expected in enumerate(gmm.expected_log_weights(alpha)):
        close_to_mean(logs[:, k], expected)


@pytest.mark.equation("eq-vb-expected-log-det")
def test_expected_log_determinant_by_quadrature_and_by_draws():
    psi, nu = 1.7, 2.4
    s = np.linspace(-60.0, 6.0, 3000)  # log λ
    density = stats.gamma(0.5 * nu, scale=2.0 / psi).pdf(np.exp(s)) * np.exp(s)
    by_quadrature = (s * density).sum() * (s[1] - s[0])
    assert gmm.expected_log_determinant([[psi]], nu) == pytest.approx(by_quadrature, rel=1e-7)
    scale = positive_definite(2, 5)
    _, precisions = draws(np.zeros(2), 1.0, scale, 3.3)
    close_to_mean(np.linalg.slogdet(precisions)[1], gmm.expected_log_determinant(scale, 3.3))


@pytest.mark.equation("eq-vb-expected-square")
def test_expected_square_by_quadrature_and_by_draws():
    x, m, beta, psi, nu = 2.0, 0.5, 0.8, 1.7, 3.4
    log_precision = np.linspace(-25.0, 5.0, 400)[:, None]
    t, precision = np.linspace(-9.0, 9.0, 300), np.exp(log_precision)
    mean = m + t / np.sqrt(beta * precision)
    density = stats.norm.pdf(t) * stats.gamma(0.5 * nu, scale=2.0 / psi).pdf(precision) * precision
    cell = (t[1] - t[0]) * (log_precision[1, 0] - log_precision[0, 0])
    by_quadrature = (precision * (x - mean) ** 2 * density).sum() * cell
    assert gmm.expected_mahalanobis_squared([[x]], [m], beta, [[psi]], nu)[0] == pytest.approx(by_quadrature, rel=1e-6)
    mean, scale, point = np.array([0.3, -1.0]), positive_definite(2, 6), np.array([[1.0, 0.5]])
    means, precisions = draws(mean, 1.4, scale, 4.2)
    squares = np.einsum("ni,nij,nj->n", point - means, precisions, point - means)
    close_to_mean(squares, gmm.expected_mahalanobis_squared(point, mean, 1.4, scale, 4.2)[0])


@pytest.mark.equation("eq-vb-e-step")
def test_log_joint_is_the_mean_of_the_log_joint_density_over_draws():
    X, _, posterior = problem(3, 2, 2)
    posterior = posterior._replace(dof=posterior.dof + 2.0)
    log_joint = gmm.variational_log_joint(X, *posterior)
    log_weights = np.log(np.random.default_rng(1).dirichlet(posterior.concentration, size=DRAWS))
    for k in range(2):
        means, precisions = draws(*(part[k] for part in list(posterior)[1:]), seed=k)
        log_det = np.linalg.slogdet(precisions)[1]
        for i, x in enumerate(X):
            squares = np.einsum("ni,nij,nj->n", x - means, precisions, x - means)
            close_to_mean(log_weights[:, k] + 0.5 * (log_det - squares) - np.log(2 * np.pi), log_joint[i, k])


# ------------------------------------------------------------------------------------- the updates and the bound


def flat(posterior):
    """A posterior as free numbers: logarithms, and Cholesky factors of the scales."""
    d = posterior.means.shape[1]
    lower = np.tril_indices(d)
    parts = [np.log(posterior.concentration), posterior.means.ravel(), np.log(posterior.mean_precision)]
    parts += [np.linalg.cholesky(scale)[lower] for scale in posterior.scales]
    return np.concatenate([*parts, np.log(posterior.dof - d + 1.0)])


def unflat(numbers, K, d):
    lower = np.tril_indices(d)
    sizes = np.cumsum([K, K * d, K, K * len(lower[0])])
    alpha, means, beta, roots, dof = np.split(numbers, sizes)
    L = np.zeros((K, d, d))
    for k, entries in enumerate(roots.reshape(K, -1)):
        L[k][lower] = entries
    return gmm.MixturePosterior(
        np.exp(alpha), means.reshape(K, d), np.exp(beta), L @ L.transpose(0, 2, 1), np.exp(dof) + d - 1.0
    )


@pytest.mark.equation("eq-vb-m-step", "eq-vb-bound")
@pytest.mark.parametrize(("n", "d", "K"), [(6, 1, 1), (9, 1, 2), (12, 2, 3), (15, 3, 2)])
def test_after_the_m_step_the_bound_is_level_and_elsewhere_not(n, d, K):
    X, resp, elsewhere = problem(n, d, K)
    prior = a_prior(d)
    best = gmm.variational_m_step(X, resp, *prior)

    def gradient(posterior):
        at = flat(posterior)
        steps = 1e-5 * np.eye(len(at))
        values = [
            gmm.variational_bound(X, resp, unflat(at + step, K, d), prior)
            - gmm.variational_bound(X, resp, unflat(at - step, K, d), prior)
            for step in steps
        ]
        return np.array(values) / 2e-5

    assert np.abs(gradient(best)).max() < 1e-6
    assert np.abs(gradient(elsewhere))[K == 1 :].min() > 1e-6  # one component has the weight one
    top = gmm.variational_bound(X, resp, best, prior)
    rng = np.random.default_rng(0)
    for size in (0.3, 0.03):
        for _ in range(20):
            other = unflat(flat(best) + size * rng.normal(size=flat(best).shape), K, d)
            assert gmm.variational_bound(X, resp, other, prior) < top


@pytest.mark.equation("eq-vb-m-step")
def test_m_step_is_the_textbooks_with_the_mean_of_the_samples():
    X, resp, _ = problem(20, 3, 2)
    prior = a_prior(3)
    posterior = gmm.variational_m_step(X, resp, *prior)
    counts, means = resp.sum(axis=0), gmm.update_means(X, resp)
    scatter = gmm.update_covariances(X, resp, means) * counts[:, None, None]
    offset = means - prior.mean
    shrink = prior.mean_precision * counts / (prior.mean_precision + counts)
    scales = prior.scale + scatter + shrink[:, None, None] * offset[:, :, None] * offset[:, None, :]
    assert_allclose(posterior.scales, scales, rtol=1e-12)
    assert_allclose(posterior.concentration, prior.concentration + counts, rtol=1e-13)
    assert_allclose(posterior.dof, prior.dof + counts, rtol=1e-13)


@pytest.mark.equation("eq-vb-m-step")
def test_an_empty_component_keeps_its_prior():
    X, _, _ = problem(8, 2, 2)
    prior = a_prior(2)
    posterior = gmm.variational_m_step(X, np.column_stack([np.ones(8), np.zeros(8)]), *prior)
    for got, expected in zip(posterior, prior, strict=True):
        assert_allclose(got[1], expected, rtol=1e-13)


@pytest.mark.equation("eq-vb-m-step", "eq-vb-normal-wishart")
def test_on_the_line_posterior_is_prior_times_likelihood_up_to_one_constant():
    x, prior = np.array([[1.0], [3.0], [0.2]]), a_prior(1)
    posterior = gmm.variational_m_step(x, np.ones((3, 1)), *prior)
    after = [part[0] for part in posterior][1:]
    differences = []
    for mean, precision in itertools.product([-1.0, 0.4, 2.0], [0.2, 1.0, 3.0]):
        likelihood = stats.norm(mean, precision**-0.5).logpdf(x).sum()
        before = gmm.normal_wishart_log_density([mean], [[precision]], *prior[1:])
        differences.append(before + likelihood - gmm.normal_wishart_log_density([mean], [[precision]], *after))
    assert np.ptp(differences) < 1e-12
    assert differences[0] == pytest.approx(gmm.gaussian_log_evidence(x, *prior[1:]), rel=1e-12)


@pytest.mark.equation("eq-vb-kl-dirichlet")
def test_dirichlet_divergence_by_quadrature_and_by_draws():
    p, q = stats.beta(0.6, 0.6), stats.beta(2.5, 4.0)
    by_quadrature, _ = integrate.quad(lambda w: q.pdf(w) * (q.logpdf(w) - p.logpdf(w)), 0, 1)
    assert gmm.dirichlet_divergence([2.5, 4.0], 0.6) == pytest.approx(by_quadrature, rel=1e-8)
    alpha = np.array([0.8, 3.0, 2.0])
    weights = np.random.default_rng(2).dirichlet(alpha, size=DRAWS).T
    logs = stats.dirichlet.logpdf(weights, alpha) - stats.dirichlet.logpdf(weights, np.full(3, 0.4))
    close_to_mean(logs, gmm.dirichlet_divergence(alpha, 0.4))
    assert gmm.dirichlet_divergence(np.full(4, 0.7), 0.7) == pytest.approx(0.0, abs=1e-13)


@pytest.mark.equation("eq-vb-kl-normal-wishart")
def test_normal_wishart_divergence_on_the_line_by_quadrature():
    q, p = (0.5, 3.0, 2.0, 6.0), (-0.2, 0.7, 1.5, 1.8)

    def parts(distribution, precision):
        m, beta, psi, nu = distribution
        return stats.gamma(0.5 * nu, scale=2.0 / psi).logpdf(precision), m, 1.0 / (beta * precision)

    def integrand(log_precision):
        precision = np.exp(log_precision)
        (log_q, m, v), (log_p, m0, v0) = parts(q, precision), parts(p, precision)
        of_mean = 0.5 * (v / v0 - 1.0 - np.log(v / v0) + (m - m0) ** 2 / v0)
        return np.exp(log_q) * precision * (log_q - log_p + of_mean)

    by_quadrature, _ = integrate.quad(integrand, -30, 5, limit=300)
    prior = [[p[0]], p[1], [[p[2]]], p[3]]
    assert gmm.normal_wishart_divergence([q[0]], q[1], [[q[2]]], q[3], prior) == pytest.approx(by_quadrature, rel=1e-8)


@pytest.mark.equation("eq-vb-kl-normal-wishart")
def test_normal_wishart_divergence_in_the_plane_by_draws():
    q = np.array([0.5, 1.0]), 2.0, positive_definite(2, 1), 5.5
    p = np.array([0.0, 0.4]), 0.7, positive_definite(2, 2), 2.8
    means, precisions = draws(*q, size=3_000)
    logs = [
        gmm.normal_wishart_log_density(m, (P + P.T) / 2, *q) - gmm.normal_wishart_log_density(m, (P + P.T) / 2, *p)
        for m, P in zip(means, precisions, strict=True)
    ]
    close_to_mean(logs, gmm.normal_wishart_divergence(*q, p))
    assert gmm.normal_wishart_divergence(*q, q) == pytest.approx(0.0, abs=1e-13)


@pytest.mark.equation("eq-vb-evidence")
@pytest.mark.parametrize("n", [1, 4])
def test_evidence_on_the_line_by_quadrature(n):
    x, prior = np.array([[1.0], [2.5], [0.3], [1.4]])[:n], ([0.5], 0.8, [[1.5]], 2.5)

    def integrand(t, log_precision):
        precision = np.exp(log_precision)
        mean = 1.0 + t / np.sqrt(precision)
        log = gmm.normal_wishart_log_density([mean], [[precision]], *prior)
        log += 0.5 * n * (log_precision - np.log(2 * np.pi)) - 0.5 * precision * ((x - mean) ** 2).sum()
        return np.exp(log) * precision**0.5

    evidence = plane_integral(integrand, (-12.0, 12.0), (-24.0, 6.0))
    assert gmm.gaussian_log_evidence(x, *prior) == pytest.approx(np.log(evidence), abs=1e-6)


@pytest.mark.equation("eq-vb-evidence")
def test_evidence_is_the_product_of_predictive_densities_one_sample_after_another():
    X, _, _ = problem(7, 2, 1)
    prior = a_prior(2)
    total = 0.0
    for i in range(len(X)):
        m, beta, psi, nu = prior[1:]
        degrees = nu + 1 - 2
        total += stats.multivariate_t(m, psi * (1 + beta) / (beta * degrees), degrees).logpdf(X[i])
        after = gmm.variational_m_step(X[i : i + 1], [[1.0]], *prior)
        prior = gmm.MixturePrior(0.6, *(part[0] for part in after[1:]))
    assert gmm.gaussian_log_evidence(X, *a_prior(2)[1:]) == pytest.approx(total, rel=1e-12)


@pytest.mark.equation("eq-vb-bound", "eq-vb-evidence")
def test_for_one_component_the_bound_is_the_evidence():
    X, _, _ = problem(9, 3, 1)
    prior, resp = a_prior(3), np.ones((9, 1))
    bound = gmm.variational_bound(X, resp, gmm.variational_m_step(X, resp, *prior), prior)
    assert bound == pytest.approx(gmm.gaussian_log_evidence(X, *prior[1:]), rel=1e-12)


def log_evidence_by_enumeration(X, K, prior):
    """log p(X): every assignment of samples to components, each in closed form."""
    terms = []
    for z in itertools.product(range(K), repeat=len(X)):
        z = np.array(z)
        counts = np.bincount(z, minlength=K)
        a = prior.concentration
        term = gammaln(K * a) - gammaln(K * a + len(X)) + (gammaln(a + counts) - gammaln(a)).sum()
        term += sum(gmm.gaussian_log_evidence(X[z == k], *prior[1:]) for k in range(K) if counts[k])
        terms.append(term)
    return logsumexp(terms)


def climb(X, resp, prior, iterations=120):
    values = []
    for _ in range(iterations):
        posterior = gmm.variational_m_step(X, resp, *prior)
        log_joint = gmm.variational_log_joint(X, *posterior)
        resp = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
        values.append(gmm.variational_bound(X, resp, posterior, prior))
    return np.array(values), resp, posterior


@pytest.mark.equation("eq-vb-bound", "eq-vb-e-step", "eq-vb-m-step")
@pytest.mark.parametrize(("n", "d", "K"), [(8, 1, 2), (7, 2, 2), (6, 1, 3)])
def test_the_bound_stays_below_the_evidence_of_all_assignments_and_comes_close(n, d, K):
    prior = a_prior(d, concentration=1.0)
    X, resp, elsewhere = problem(n, d, K)
    exact = log_evidence_by_enumeration(X, K, prior)
    ends = []
    for seed in range(3):
        start = np.random.default_rng(seed).dirichlet(np.full(K, 0.5), size=n)
        values, _, _ = climb(X, start, prior)
        assert np.diff(values).min() > -1e-11
        ends.append(values[-1])
    assert max(ends) < exact
    assert max(ends) > exact - gammaln(K + 1) - 1.5  # which of K! labellings, and some more
    assert gmm.variational_bound(X, resp, elsewhere, prior) < exact  # any q at all


@pytest.mark.equation("eq-vb-bound")
def test_far_groups_leave_the_bound_below_the_evidence_by_the_number_of_labellings_alone():
    # With two distant groups the only doubt that mean field cannot hold is which group is called the first: log 2.
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-200.0, 1.0, 4), rng.normal(200.0, 1.0, 4)])[:, None]
    prior = gmm.MixturePrior(1.0, np.zeros(1), 1e-4, np.eye(1), 2.0)
    start = np.repeat(np.eye(2), 4, axis=0)
    values, _, _ = climb(X, start, prior)
    assert log_evidence_by_enumeration(X, 2, prior) - values[-1] == pytest.approx(np.log(2.0), abs=1e-6)


@pytest.mark.equation("eq-vb-e-step", "eq-vb-bound")
def test_no_other_responsibilities_have_a_higher_bound():
    X, resp, posterior = problem(10, 2, 3)
    prior = a_prior(2)
    log_joint = gmm.variational_log_joint(X, *posterior)
    best = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    top = gmm.variational_bound(X, best, posterior, prior)
    for share in (1.0, 0.1, 0.01):
        assert gmm.variational_bound(X, (1 - share) * best + share * resp, posterior, prior) < top


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 4))
def test_the_bound_never_falls(seed, d, K):
    X, resp, _ = problem(15, d, K, seed)
    values, _, _ = climb(X, resp, a_prior(d, seed), 30)
    assert np.diff(values).min(initial=0.0) > -1e-10 * max(1.0, np.abs(values).max())


# ------------------------------------------------------------------------------------- predictive, sticks


@pytest.mark.equation("eq-vb-predictive")
def test_predictive_density_by_draws_and_by_scipys_student_t():
    X, _, posterior = problem(4, 2, 3)
    weights = posterior.concentration / posterior.concentration.sum()
    parts = []
    for k, (m, beta, psi, nu) in enumerate(zip(*posterior[1:], strict=True)):
        shape = psi * (1 + beta) / (beta * (nu - 1))
        parts.append(np.log(weights[k]) + stats.multivariate_t(m, shape, nu - 1).logpdf(X))
    got = gmm.variational_predictive_log_density(X, *posterior)
    assert_allclose(got, logsumexp(parts, axis=0), rtol=1e-12)
    means, precisions = draws(*(part[0] for part in posterior[1:]), size=DRAWS)
    squares = np.einsum("ni,nij,nj->n", X[0] - means, precisions, X[0] - means)
    densities = np.exp(0.5 * (np.linalg.slogdet(precisions)[1] - squares)) / (2 * np.pi)
    one = gmm.variational_predictive_log_density(X[:1], *(part[:1] for part in posterior))
    close_to_mean(densities, np.exp(one[0]))


@pytest.mark.equation("eq-vb-sticks", "eq-vb-stick-log-weights")
def test_sticks_by_draws():
    first, rest = np.array([2.0, 1.5, 4.0]), np.array([3.0, 0.8, 1.2])
    rng = np.random.default_rng(3)
    shares = rng.beta(first, rest, size=(8_000, 3))
    weights = np.array([gmm.stick_breaking_weights(v) for v in shares])
    left = 1.0 - weights.sum(axis=1)
    assert_allclose(left, np.prod(1.0 - shares, axis=1), rtol=1e-9, atol=1e-12)
    for k, expected in enumerate(gmm.expected_log_stick_weights(first, rest)):
        close_to_mean(np.log(weights[:, k]), expected)


@pytest.mark.equation("eq-vb-stick-update", "eq-vb-kl-sticks")
def test_stick_update_maximises_and_divergence_agrees_with_quadrature():
    counts, alpha = np.array([5.0, 0.3, 2.2]), 0.8
    first, rest = gmm.update_sticks(counts, alpha)
    by_quadrature = 0.0
    for a, b in zip(first, rest, strict=True):
        q, p = stats.beta(a, b), stats.beta(1.0, alpha)
        # with 1 - v = t⁵ the integrand is smooth where it was not
        by_quadrature += integrate.quad(
            lambda t, q=q, p=p: 5 * t**4 * q.pdf(1 - t**5) * (q.logpdf(1 - t**5) - p.logpdf(1 - t**5)), 0, 1
        )[0]
    assert gmm.stick_divergence(first, rest, alpha) == pytest.approx(by_quadrature, rel=1e-6)

    def target(numbers):
        a, b = np.exp(numbers.reshape(2, 3))
        return counts @ gmm.expected_log_stick_weights(a, b) - gmm.stick_divergence(a, b, alpha)

    at = np.log(np.concatenate([first, rest]))
    gradient = [(target(at + step) - target(at - step)) / 2e-5 for step in 1e-5 * np.eye(6)]
    assert np.abs(gradient).max() < 1e-8
    away = at + 0.2
    gradient = [(target(away + step) - target(away - step)) / 2e-5 for step in 1e-5 * np.eye(6)]
    assert np.abs(gradient).min() > 1e-3


# ------------------------------------------------------------------------------------- the package


@pytest.mark.equation("eq-vb-bound", "eq-vb-e-step", "eq-vb-m-step", "eq-vb-predictive")
@pytest.mark.usefixtures("engine")
def test_the_estimator_stops_where_these_formulas_stop():
    X = gmm.datasets.load_old_faithful().X
    options = {"weight_concentration_prior_type": "dirichlet_distribution", "weight_concentration_prior": 0.5}
    model = gmm.BayesianGaussianMixture(
        n_components=4, random_state=0, reg_covar=0, tol=1e-10, max_iter=5000, **options
    ).fit(X)
    prior = gmm.MixturePrior(
        0.5, model.mean_prior_, model.mean_precision_prior_, model.covariance_prior_, model.degrees_of_freedom_prior_
    )
    scales = model.covariances_ * model.degrees_of_freedom_[:, None, None]
    posterior = gmm.MixturePosterior(
        model.weight_concentration_, model.means_, model.mean_precision_, scales, model.degrees_of_freedom_
    )
    log_joint = gmm.variational_log_joint(X, *posterior)
    resp = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    assert_allclose(resp, model.predict_proba(X), atol=1e-9)
    assert gmm.variational_bound(X, resp, posterior, prior) == pytest.approx(model.lower_bound_, rel=1e-9)
    again = gmm.variational_m_step(X, resp, *prior)
    for mine, other in zip(again, posterior, strict=True):
        assert_allclose(mine, other, rtol=1e-3, atol=1e-3)
    assert_allclose(gmm.variational_predictive_log_density(X, *posterior), model.predictive_log_density(X), rtol=1e-10)


@pytest.mark.equation("eq-vb-stick-update", "eq-vb-stick-log-weights", "eq-vb-kl-sticks")
@pytest.mark.usefixtures("engine")
def test_the_estimators_sticks_are_these():
    from gmm.learning import variational as learned

    X = gmm.datasets.load_old_faithful().X
    model = gmm.BayesianGaussianMixture(n_components=5, random_state=0).fit(X)
    sticks = gmm.update_sticks(model.counts_, model.weight_concentration_prior_)
    assert_allclose(sticks, model.weight_concentration_, rtol=1e-12)
    assert_allclose(gmm.expected_log_stick_weights(*sticks), learned.expected_log_weights(np.stack(sticks)), rtol=1e-12)
    prior = model._step().prior
    expected = learned.weights_divergence(np.stack(sticks), prior)
    assert gmm.stick_divergence(*sticks, prior.concentration) == pytest.approx(expected, rel=1e-12)


# ------------------------------------------------------------------------------------- bad input

POSTERIOR = ([1.0, 2.0], [[0.0], [1.0]], [1.0, 1.0], [[[1.0]], [[1.0]]], [2.0, 2.0])
X1, PRIOR = [[0.0], [1.0]], (1.0, [0.0], 1.0, [[1.0]], 2.0)


def replaced(values, place, value):
    return [*values[:place], value, *values[place + 1 :]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gmm.digamma(0.0), "x must be > 0"),
        (lambda: gmm.dirichlet_log_density([0.0, 1.0], [1.0, 1.0]), "weights must be positive"),
        (lambda: gmm.dirichlet_log_density([0.5, 0.5], [1.0, 1.0, 1.0]), "concentration must have 2 entries"),
        (lambda: gmm.expected_log_weights([1.0, -1.0]), "concentration must be positive"),
        (lambda: gmm.expected_log_determinant(np.eye(2), 1.0), "dof must be > 1"),
        (lambda: gmm.normal_wishart_log_density([0.0], np.eye(2), [0.0], 1.0, [[1.0]], 1.0), "must have 1 features"),
        (lambda: gmm.expected_mahalanobis_squared(X1, [0.0, 0.0], 1.0, np.eye(2), 2.0), "mean must have 1 entries"),
        (lambda: gmm.variational_log_joint(X1, *replaced(POSTERIOR, 1, [[0.0]])), "means must have shape"),
        (lambda: gmm.variational_log_joint(X1, *replaced(POSTERIOR, 3, [[[1.0]]])), "scales must have shape"),
        (lambda: gmm.variational_log_joint(X1, *replaced(POSTERIOR, 4, [2.0])), "dof must have 2 entries"),
        (lambda: gmm.variational_m_step(X1, [[1.0], [0.5]], *PRIOR), "must sum to 1"),
        (lambda: gmm.variational_m_step(X1, [[1.0], [1.0]], *replaced(PRIOR, 0, 0.0)), "concentration must be > 0"),
        (lambda: gmm.variational_bound(X1, [[1.0], [1.0]], POSTERIOR, PRIOR), "resp must have 2 columns"),
        (lambda: gmm.dirichlet_divergence([1.0], 0.0), "prior_concentration must be > 0"),
        (lambda: gmm.normal_wishart_divergence([0.0], 1.0, [[1.0]], 1.0, ([0.0, 0.0], 1.0, np.eye(2), 2.0)), "prior"),
        (lambda: gmm.gaussian_log_evidence(X1, [0.0], 0.0, [[1.0]], 1.0), "mean_precision must be > 0"),
        (lambda: gmm.stick_breaking_weights([0.5, 1.5]), "shares must lie between 0 and 1"),
        (lambda: gmm.update_sticks([1.0, -1.0], 1.0), "counts must not be negative"),
        (lambda: gmm.expected_log_stick_weights([1.0], [1.0, 2.0]), "rest must have 1 entries"),
        (lambda: gmm.stick_divergence([1.0], [1.0], -1.0), "concentration must be > 0"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
