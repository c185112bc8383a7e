"""Marginals, conditionals, EM with gaps and their uses, against integrals, SciPy and sums over single samples."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

import gmm
from gmm.formulas.missing import conditional_gaussian, lifted_moments, observed_log_density

MEAN = np.array([0.3, -1.0, 0.5])
COVARIANCE = np.array([[2.0, 0.8, -0.5], [0.8, 1.0, 0.2], [-0.5, 0.2, 1.5]])
JOINT = multivariate_normal(MEAN, COVARIANCE)
OTHER = np.array([[1.0, -0.6, 0.1], [-0.6, 2.0, 0.4], [0.1, 0.4, 0.5]])
MIXTURE = np.array([0.3, 0.7]), np.array([MEAN, [2.0, 1.0, -1.0]]), np.array([COVARIANCE, OTHER])


@pytest.fixture(scope="module")
def gappy():
    """Samples with every pattern of gaps, among them whole rows and empty ones."""
    rng = np.random.default_rng(19)
    X = rng.normal(size=(150, 3)) + 3.0 * rng.integers(2, size=(150, 1))
    X[rng.random(X.shape) < 0.25] = np.nan
    assert len(np.unique(np.isnan(X), axis=0)) == 8
    return X


@pytest.mark.equation("eq-observed-density", "eq-conditional-gaussian")
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


@pytest.mark.equation("eq-lifted-moments")
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


@pytest.mark.equation("eq-observed-log-likelihood")
def test_the_observed_likelihood_is_an_integral_over_what_is_missing():
    X = np.array([[0.4, np.nan, 1.0], [np.nan, np.nan, np.nan], [1.0, 2.0, 0.5]])
    parts = [multivariate_normal(mean, covariance) for mean, covariance in zip(*MIXTURE[1:], strict=True)]

    def density(x):
        return sum(w * part.pdf(x) for w, part in zip(MIXTURE[0], parts, strict=True))

    first = quad(lambda y: density([0.4, y, 1.0]), -15.0, 15.0, points=[0.0], epsabs=1e-14, epsrel=1e-12)[0]
    expected = np.log(first) + np.log(density(X[2]))
    assert gmm.observed_log_likelihood(X, *MIXTURE) == pytest.approx(expected, rel=1e-10)


@pytest.mark.equation("eq-conditional-mixture", "eq-conditional-mean", "eq-conditional-covariance")
def test_a_conditional_mixture_is_the_joint_by_the_marginal():
    """Its density at any values is the quotient, and its moments are integrals of it."""
    parts = [multivariate_normal(mean, covariance) for mean, covariance in zip(*MIXTURE[1:], strict=True)]

    def joint(y):
        return sum(w * part.pdf([y, 0.7, -0.5]) for w, part in zip(MIXTURE[0], parts, strict=True))

    def moment(power, centre=0.0):
        return quad(lambda y: (y - centre) ** power * joint(y), -20.0, 20.0, points=[0.0], epsabs=1e-15)[0]

    x, marginal = np.array([np.nan, 0.7, -0.5]), moment(0)
    weights, means, covariances = gmm.conditional_mixture(x, *MIXTURE)
    for y in (-2.0, 0.3, 3.0):
        found = np.exp(gmm.mixture_log_density([[y]], weights, means, covariances)[0])
        assert found == pytest.approx(joint(y) / marginal, rel=1e-9)
    mean = gmm.conditional_mean(x, *MIXTURE)
    assert mean[0] == pytest.approx(moment(1) / marginal, rel=1e-9)
    variance = gmm.conditional_covariance(x, *MIXTURE)
    assert variance[0, 0] == pytest.approx(moment(2, mean[0]) / marginal, rel=1e-9)


@pytest.mark.equation("eq-conditional-mean", "eq-conditional-covariance")
def test_conditional_moments_average_to_those_of_the_mixture():
    """E E[y|x] = E y and E Var[y|x] + Var E[y|x] = Var y, over x by Gauss-Hermite quadrature of its marginal."""
    weights, means, covariances = (part[..., :2] if part.ndim == 2 else part for part in MIXTURE)
    covariances = covariances[:, :2, :2]
    nodes, shares = np.polynomial.hermite_e.hermegauss(60)
    first, within, second = 0.0, 0.0, 0.0
    for w, mean, covariance in zip(weights, means, covariances, strict=True):
        for node, share in zip(nodes, w * shares / shares.sum(), strict=True):
            x = [mean[0] + np.sqrt(covariance[0, 0]) * node, np.nan]
            answer = gmm.conditional_mean(x, weights, means, covariances)[0]
            first += share * answer
            second += share * answer**2
            within += share * gmm.conditional_covariance(x, weights, means, covariances)[0, 0]
    assert first == pytest.approx(gmm.mixture_mean(weights, means)[1], rel=1e-7)
    total = gmm.mixture_covariance(weights, means, covariances)[1, 1]
    assert within + second - first**2 == pytest.approx(total, rel=1e-7)


@pytest.mark.equation("eq-mixture-quantile")
@pytest.mark.parametrize("probability", [1e-200, 1e-9, 0.05, 0.5, 0.83, 1 - 1e-9])
def test_a_quantile_has_its_probability_below(probability):
    weights, means, variances = np.array([0.2, 0.0, 0.8]), np.array([-3.0, 50.0, 2.0]), np.array([0.5, 1.0, 4.0])
    y = gmm.mixture_quantile(probability, weights, means, variances)
    with mp.workdps(40):
        below = sum(
            mp.mpf(w) * mp.erfc(-(mp.mpf(y) - mp.mpf(m)) / mp.sqrt(2 * mp.mpf(v))) / 2
            for w, m, v in zip(weights, means, variances, strict=True)
        )
        tail = min(probability, 1 - probability)
        assert abs(below - mp.mpf(probability)) <= 1e-11 * tail + (1e-16 if probability > 0.5 else 0.0)
    one = gmm.mixture_quantile(probability, [1.0], [2.0], [4.0])
    assert one == pytest.approx(stats.norm(2.0, 2.0).ppf(probability), rel=1e-10)


@pytest.mark.equation("eq-missing-em-step")
def test_a_step_with_gaps_climbs_and_stops_where_the_gradient_vanishes(gappy):
    theta, values = MIXTURE, []
    for _ in range(500):
        values.append(gmm.observed_log_likelihood(gappy, *theta))
        theta = gmm.missing_em_step(gappy, *theta)
    assert (np.diff(values) > -1e-10 * np.abs(values[:-1])).all()
    assert values[1] > values[0] + 1.0
    weights, means, covariances = theta

    def at(free):
        lower = np.linalg.cholesky(covariances)
        lower[:, *np.tril_indices(3)] += free[7:].reshape(2, 6)
        share = np.array([weights[0] + free[0], weights[1] - free[0]])
        moved = means + free[1:7].reshape(2, 3)
        return gmm.observed_log_likelihood(gappy, share, moved, lower @ np.swapaxes(lower, 1, 2))

    gradient = approx_fprime(np.zeros(19), at, 1e-6)
    assert np.abs(gradient).max() < 2e-3
    means = means + 0.1
    assert np.abs(approx_fprime(np.zeros(19), at, 1e-6)).max() > 1.0  # what it looks like elsewhere


@pytest.mark.equation("eq-missing-em-step")
def test_a_step_is_the_lifted_moments_of_each_pattern(gappy):
    _, means, covariances = MIXTURE
    resp = np.array([gmm.conditional_mixture([*x, np.nan], *_wider(MIXTURE))[0] for x in gappy])
    found = gmm.missing_em_step(gappy, *MIXTURE)
    counts = resp.sum(axis=0)
    np.testing.assert_allclose(found[0], counts / len(gappy), rtol=1e-12)
    for k in range(2):
        first, second = np.zeros(3), np.zeros((3, 3))
        for pattern in np.unique(~np.isnan(gappy), axis=0):
            rows = (np.isnan(gappy) != pattern).all(axis=1)
            z, r = gappy[rows][:, pattern] - means[k, pattern], resp[rows, k]
            lifted = gmm.lifted_moments(r.sum(), r @ z, (z.T * r) @ z, covariances[k], pattern)
            first, second = first + lifted[0], second + lifted[1]
        shift = first / counts[k]
        np.testing.assert_allclose(found[1][k], means[k] + shift, rtol=1e-11)
        np.testing.assert_allclose(found[2][k], second / counts[k] - np.outer(shift, shift), rtol=1e-10, atol=1e-12)


def _wider(parameters):
    """The same mixture with one more feature, which nobody observes."""
    weights, means, covariances = parameters
    wide = np.tile(np.eye(4), (2, 1, 1))
    wide[:, :3, :3] = covariances
    return weights, np.column_stack([means, [0.0, 0.0]]), wide


@pytest.mark.equation("eq-missing-em-step")
def test_without_gaps_it_is_the_step_of_chapter_7(gappy):
    X = np.nan_to_num(gappy)
    expected = gmm.m_step(X, gmm.responsibilities(X, *MIXTURE))
    for ours, theirs in zip(gmm.missing_em_step(X, *MIXTURE), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11)


@pytest.mark.equation("eq-mean-filled-variance")
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_filling_with_means_takes_the_conditional_variance_away(share):
    """The filled feature is a mixture of the observed one and of regressions, with the same mean."""
    gain = COVARIANCE[2, :2] @ np.linalg.inv(COVARIANCE[:2, :2])
    explained = gain @ COVARIANCE[:2, 2]
    found = gmm.mean_filled_variance(COVARIANCE[2, 2], COVARIANCE[2, 2] - explained, share)
    assert found == pytest.approx((1.0 - share) * COVARIANCE[2, 2] + share * explained, rel=1e-12)
    assert gmm.mean_filled_variance(4.0, 4.0, share) == pytest.approx(4.0 * (1.0 - share), rel=1e-15)


@pytest.mark.equation("eq-pooled-variance")
def test_pooled_variance_is_that_of_the_truth_about_the_mean_of_few_completions():
    """Of a truth N(q, w + b) and a mean of M completions N(q, b / M): its difference has the variance w + b + b/M."""
    rng, M, w, b = np.random.default_rng(4), 3, 0.5, 2.0
    completions = 1e3 + np.sqrt(b) * rng.normal(size=(4000, M))
    pooled = np.array([gmm.pooled_variance(row, np.full(M, w)) for row in completions])
    assert pooled.mean() == pytest.approx(w + b + b / M, abs=4.0 * pooled.std() / np.sqrt(len(pooled)))
    truths = 1e3 + np.sqrt(w + b) * rng.normal(size=4000)
    differences = (truths - completions.mean(axis=1)) ** 2
    assert pooled.mean() == pytest.approx(differences.mean(), abs=4.0 * differences.std() / np.sqrt(4000))
    assert gmm.pooled_variance([1.0, 3.0], [0.5, 1.5]) == pytest.approx(1.0 + 1.5 * 2.0, rel=1e-15)


@pytest.mark.equation("eq-classifier-test")
@pytest.mark.parametrize(
    ("right", "n", "m"), [(0, 2, 3), (2, 2, 3), (3, 5, 3), (4, 3, 6), (30, 50, 40), (160, 150, 180)]
)
def test_rows_that_cannot_be_told_are_called_right_by_chance(right, n, m):
    """The upper tail of a hypergeometric distribution, and for few rows the share of all orders."""
    found = gmm.called_right_p_value(right, n, m)
    assert found == pytest.approx(stats.hypergeom(n + m, m, m).sf(right - 1), rel=1e-9)
    if n + m < 10:
        called = list(itertools.combinations(range(n + m), m))  # of rows, the first m of which are generated
        assert found == pytest.approx(np.mean([sum(i < m for i in rows) >= right for rows in called]), rel=1e-12)


def test_a_sample_beyond_all_components_has_no_conditional():
    with pytest.raises(ValueError, match="below the range of float64"):
        gmm.conditional_mean([1e200, 0.0, np.nan], *MIXTURE)
    with pytest.raises(ValueError, match="sample 1 is below the range of float64"):
        gmm.missing_em_step([[0.0, 0.0, 1.0], [1e200, np.nan, 0.0]], *MIXTURE)
    with pytest.raises(ValueError, match="component 1 has effective count 0"):
        gmm.missing_em_step([[0.0, np.nan]], [1.0, 0.0], np.zeros((2, 2)), np.tile(np.eye(2), (2, 1, 1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: observed_log_density([1.0, np.inf, np.nan], MEAN, COVARIANCE), r"x\[1\] is inf"),
        (lambda: observed_log_density([[1.0]], MEAN, COVARIANCE), r"x must have shape \(n_features,\)"),
        (lambda: conditional_gaussian([1.0, np.nan, 2.0], MEAN[:2], COVARIANCE), "mean must have 3 features"),
        (lambda: conditional_gaussian([1.0, np.nan, 2.0], MEAN, -COVARIANCE), "positive definite"),
        (lambda: lifted_moments(1.0, [0.0], [[1.0]], COVARIANCE, [1, 0, 0]), "observed must be a mask"),
        (lambda: lifted_moments(1.0, [0.0, 0.0], [[1.0]], COVARIANCE, [True, False, False]), "first and second must"),
        (lambda: gmm.observed_log_likelihood([1.0], *MIXTURE), r"X must have shape \(n_samples, n_features\)"),
        (lambda: gmm.observed_log_likelihood([[1.0, np.inf, 0.0]], *MIXTURE), r"X\[0, 1\] is infinite"),
        (lambda: gmm.missing_em_step([[1.0, np.nan]], *MIXTURE), "means must have 2 features, as X has; got 3"),
        (lambda: gmm.conditional_mixture([1.0, 2.0, 3.0], *MIXTURE), "nothing is missing"),
        (lambda: gmm.conditional_mean([[1.0, 2.0, np.nan]], *MIXTURE), r"x must have shape \(n_features,\)"),
        (lambda: gmm.conditional_covariance([1.0, np.inf, np.nan], *MIXTURE), r"x\[1\] is infinite"),
        (lambda: gmm.mixture_quantile(0.0, [1.0], [0.0], [1.0]), "probability must lie between 0 and 1"),
        (lambda: gmm.mixture_quantile(0.5, [1.0], [0.0, 1.0], [1.0]), r"means must have shape \(1,\)"),
        (lambda: gmm.mixture_quantile(0.5, [1.0], [0.0], [0.0]), "variances must be positive"),
        (lambda: gmm.mean_filled_variance(1.0, 2.0, 0.5), "conditional_variance must be at most variance"),
        (lambda: gmm.mean_filled_variance(1.0, 0.5, 1.5), "missing_share must be at most 1"),
        (lambda: gmm.pooled_variance([1.0], [1.0]), "two completions or more"),
        (lambda: gmm.pooled_variance([1.0, 2.0], [1.0]), r"variances must have shape \(2,\)"),
        (lambda: gmm.pooled_variance([1.0, 2.0], [1.0, -1.0]), "variances must not be negative"),
        (lambda: gmm.called_right_p_value(6, 9, 5), "n_right must be at most n_generated, 5; got 6"),
        (lambda: lifted_moments(-1.0, [0.0], [[1.0]], COVARIANCE, [True, False, False]), "count must be >= 0"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
