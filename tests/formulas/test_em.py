"""Chapter 7: the evidence lower bound and EM, whose properties hold on every data set."""

from __future__ import annotations

import math
import pickle
from itertools import islice, pairwise

import mpmath as mp
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import gmm

THREE_POINTS = np.array([[1.0], [2.0], [3.0]])
THREE_POINTS_START = np.array([0.5, 0.5]), np.array([[1.0], [3.0]]), np.array([[[1.0]], [[1.0]]])


def problem(random_mixture, n, d, K, offset=0.0):
    rng = np.random.default_rng([n, d, K])
    parameters = random_mixture(rng, K, d, offset=offset)
    return offset + 2 * rng.normal(size=(n, d)), *parameters


def states(X, weights, means, covariances, count, **options):
    return list(islice(gmm.em_steps(X, weights, means, covariances, **options), count))


# ------------------------------------------------------------------------------------- the bound


@pytest.mark.equation("eq-elbo")
@given(st.integers(1, 8), st.integers(1, 3), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from([0.05, 1, 30]))
def test_bound_never_exceeds_the_log_likelihood(random_mixture, n, d, K, seed, concentration):
    rng = np.random.default_rng(seed)
    X, parameters = 3 * rng.normal(size=(n, d)), random_mixture(rng, K, d)
    resp = rng.dirichlet(np.full(K, concentration), size=n)  # at 0.05 mostly zeros and ones
    log_likelihood = gmm.log_likelihood(X, *parameters)
    bound = gmm.elbo(X, resp, *parameters)
    assert bound <= log_likelihood + 1e-12 * (1 + abs(log_likelihood))
    # The gap is the divergence from the posterior, so the bound is tight there and only there.
    gap = gmm.kl_divergence(resp, gmm.log_responsibilities(X, *parameters))
    assert log_likelihood - bound == pytest.approx(gap, rel=1e-9, abs=1e-11 * (1 + abs(log_likelihood)))
    tight = gmm.elbo(X, gmm.responsibilities(X, *parameters), *parameters)
    assert tight == pytest.approx(log_likelihood, rel=1e-13, abs=1e-12)


@pytest.mark.equation("eq-elbo")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), [(1, 1, 1), (5, 2, 3), (4, 20, 2)])
def test_bound_to_twelve_digits(exact, random_mixture, n, d, K, offset):
    X, *parameters = problem(random_mixture, n, d, K, offset)
    resp = np.random.default_rng(0).dirichlet(np.ones(K), size=n)
    entropy = -mp.fsum(exact.number(r) * mp.log(exact.number(r)) for r in resp.flat)
    expected = exact.expected_complete_log_likelihood(X, resp, *parameters) + entropy
    scale = sum(abs(a) for x in X for a in exact.joint_log_density(x, *parameters))
    assert abs(gmm.elbo(X, resp, *parameters) - expected) <= 1e-12 * scale


@pytest.mark.equation("eq-elbo", "eq-expected-complete-log-likelihood", "eq-responsibility-entropy")
def test_bound_is_expected_complete_log_likelihood_plus_entropy(random_mixture):
    X, *parameters = problem(random_mixture, 9, 2, 3)
    resp = np.random.default_rng(1).dirichlet([0.3, 1, 2], size=9)
    parts = gmm.expected_complete_log_likelihood(X, resp, *parameters) + gmm.responsibility_entropy(resp).sum()
    assert gmm.elbo(X, resp, *parameters) == pytest.approx(parts, rel=1e-13)


@pytest.mark.equation("eq-elbo")
def test_bound_with_hard_labels_and_with_an_impossible_component():
    X, parameters = [[0.0], [1.0]], ([1.0, 0.0], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    assert gmm.elbo(X, [[1, 0], [1, 0]], *parameters) == pytest.approx(gmm.log_likelihood(X, *parameters), rel=1e-15)
    assert gmm.elbo(X, [[1, 0], [0.5, 0.5]], *parameters) == -math.inf


@pytest.mark.equation("eq-kl-divergence")
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 10**6))
def test_kl_divergence_against_scipy_is_positive_and_not_symmetric(n, K, seed):
    rng = np.random.default_rng(seed)
    q, p = rng.dirichlet(np.full(K, 0.5), size=n), rng.dirichlet(np.full(K, 5.0), size=n)
    value = gmm.kl_divergence(q, np.log(p))
    assert value == pytest.approx(scipy.stats.entropy(q, p, axis=1).sum(), rel=1e-10, abs=1e-14)
    assert value >= -1e-14
    assert abs(gmm.kl_divergence(p, np.log(p))) < 1e-14
    if K > 1:
        assert gmm.kl_divergence([[0.9, 0.1]], np.log([[0.5, 0.5]])) != pytest.approx(
            gmm.kl_divergence([[0.5, 0.5]], np.log([[0.9, 0.1]])), rel=0.1
        )


@pytest.mark.equation("eq-kl-divergence")
def test_kl_divergence_with_zeros():
    assert gmm.kl_divergence([[1.0, 0.0]], [[0.0, -np.inf]]) == 0
    assert gmm.kl_divergence([[1.0, 0.0]], np.log([[0.25, 0.75]])) == pytest.approx(math.log(4), rel=1e-15)
    assert gmm.kl_divergence([[0.5, 0.5]], [[0.0, -np.inf]]) == math.inf


# ------------------------------------------------------------------------------------- the two steps


@pytest.mark.equation("eq-e-step")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("n", "d", "K"), [(1, 1, 1), (6, 2, 3), (5, 20, 2)])
def test_e_step_is_bayes_rule_and_the_log_likelihood(exact, random_mixture, n, d, K, offset):
    X, *parameters = problem(random_mixture, n, d, K, offset)
    log_resp, log_likelihood = gmm.e_step(X, *parameters)
    assert log_resp.shape == (n, K)
    scale = 0
    for i, x in enumerate(X):
        joint = exact.joint_log_density(x, *parameters)
        scale += max(abs(a) for a in joint)
        for mine, its in zip(log_resp[i], exact.log_responsibilities(x, *parameters), strict=True):
            assert abs(mine - its) <= 1e-12 * max(abs(a) for a in joint)
    assert abs(log_likelihood - exact.log_likelihood(X, *parameters)) <= 1e-12 * scale


@pytest.mark.equation("eq-e-step", "eq-elbo")
def test_e_step_maximises_the_bound_over_the_responsibilities(random_mixture):
    X, *parameters = problem(random_mixture, 8, 2, 3)
    log_resp, log_likelihood = gmm.e_step(X, *parameters)
    assert gmm.elbo(X, np.exp(log_resp), *parameters) == pytest.approx(log_likelihood, rel=1e-13)
    rng = np.random.default_rng(0)
    for reach in (1e-3, 0.1, 1):
        other = gmm.softmax(log_resp + reach * rng.normal(size=log_resp.shape))
        assert gmm.elbo(X, other, *parameters) < log_likelihood


@pytest.mark.equation("eq-m-step")
@pytest.mark.parametrize("reg_covar", [0.0, 0.25])
def test_m_step_is_the_three_updates_plus_the_regularisation(reg_covar):
    rng = np.random.default_rng(5)
    X, resp = rng.normal(size=(20, 3)), rng.dirichlet(np.ones(4), size=20)
    weights, means, covariances = gmm.m_step(X, resp, reg_covar)
    counts = resp.sum(axis=0)
    assert_allclose(weights, counts / 20, rtol=1e-13)
    assert_allclose(means, resp.T @ X / counts[:, None], rtol=1e-12, atol=1e-14)
    for k in range(4):
        expected = np.cov(X.T, aweights=resp[:, k], bias=True) + reg_covar * np.eye(3)
        assert_allclose(covariances[k], expected, rtol=1e-12, atol=1e-14)


# ------------------------------------------------------------------------------------- the three-point example


@pytest.mark.equation("eq-em")
def test_three_points_by_hand():
    # l(0) = 2 log[(phi(0) + phi(2)) / 2] + log phi(1), with phi the standard normal density.
    phi = scipy.stats.norm.pdf
    start = 2 * math.log((phi(0) + phi(2)) / 2) + math.log(phi(1))
    found = [state.log_likelihood for state in states(THREE_POINTS, *THREE_POINTS_START, 3)]
    assert found[0] == pytest.approx(start, rel=1e-14)
    assert [f"{value:.3f}" for value in found] == ["-4.389", "-3.549", "-3.487"]


@pytest.mark.equation("eq-em")
def test_three_points_with_a_variance_where_a_standard_deviation_belongs():
    """A well-known slip: `norm.pdf(x, mean, variance)`.

    SciPy's third argument is the standard deviation. Whoever passes the variance evaluates a Gaussian whose variance is
    the square of the one that the M-step estimated. At the start, with variance 1, nothing shows; after that the
    log-likelihood falls, which EM never does. This is what an EM with that slip prints.
    """
    weights, means, variances = THREE_POINTS_START
    found = []
    for _ in range(3):
        log_resp, log_likelihood = gmm.e_step(THREE_POINTS, weights, means, variances**2)
        found.append(log_likelihood)
        weights, means, variances = gmm.m_step(THREE_POINTS, np.exp(log_resp))
    assert [f"{value:.3f}" for value in found] == ["-4.389", "-3.676", "-6.195"]
    assert found[2] < found[1]


@pytest.mark.equation("eq-em", "eq-e-step", "eq-m-step")
def test_first_iteration_on_three_points_in_exact_arithmetic(exact):
    # Responsibilities of the first component: 1 / (1 + e^{2 (x - 2)}), so a, 1/2 and 1 - a with a = 1 / (1 + e^-2).
    a = 1 / (1 + mp.exp(-2))
    count = a + mp.mpf(1) / 2 + (1 - a)  # 3/2: by symmetry both components keep the weight 1/2
    mean = (a + 1 + 3 * (1 - a)) / count
    variance = (a * (1 - mean) ** 2 + (2 - mean) ** 2 / 2 + (1 - a) * (3 - mean) ** 2) / count
    state = states(THREE_POINTS, *THREE_POINTS_START, 2)[1]
    assert_allclose(state.weights, 0.5, rtol=1e-15)
    assert_allclose(state.means[:, 0], [float(mean), float(4 - mean)], rtol=1e-14)
    assert_allclose(state.covariances[:, 0, 0], float(variance), rtol=1e-14)


# ------------------------------------------------------------------------------------- properties of EM


@st.composite
def data_sets(draw):
    """Data of many kinds and a start on them: clusters, heavy tails, duplicated points, rounded values."""
    rng = np.random.default_rng(draw(st.integers(0, 10**9)))
    d, K = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    n = draw(st.integers(K, 40))
    kind = draw(st.sampled_from(["normal", "clusters", "heavy", "rounded", "duplicated"]))
    X = rng.normal(size=(n, d))
    if kind == "clusters":
        X = X + 6 * rng.normal(size=(3, d))[rng.integers(3, size=n)]
    elif kind == "heavy":
        X = rng.standard_t(1.5, size=(n, d))
    elif kind == "rounded":
        X = np.round(X)
    elif kind == "duplicated":
        X = X[rng.integers(max(1, n // 3), size=n)]
    X = X * 10.0 ** draw(st.integers(-3, 3)) + draw(st.sampled_from([0.0, 1e4]))
    spread = X.std(axis=0)
    spread[spread == 0] = 1.0
    covariances = np.array([np.diag(spread**2)] * K) * draw(st.sampled_from([0.05, 1.0]))
    return X, np.full(K, 1 / K), X[rng.choice(n, K, replace=False)], covariances


@pytest.mark.equation("eq-em")
@settings(max_examples=300)
@given(data_sets())
def test_em_never_lowers_the_log_likelihood(data_set):
    X = data_set[0]
    log_likelihoods = []
    try:
        for state in islice(gmm.em_steps(*data_set), 30):
            # Where a component has all but collapsed, the rounding of its mean is as large as its width, and the
            # log-likelihood itself loses its digits. Up to there it must not fall.
            widths = np.sqrt([np.linalg.eigvalsh(covariance)[0].clip(0) for covariance in state.covariances])
            if widths.min() < 1e-5 * np.abs(X - X[0]).max() + 1e-9 * np.abs(X).max():
                break
            log_likelihoods.append(state.log_likelihood)
    except gmm.SingularCovarianceError:
        pass
    assume(len(log_likelihoods) > 1)
    for before, after in pairwise(log_likelihoods):
        assert math.isfinite(after)
        assert after >= before - 1e-9 * (1 + abs(before))


@pytest.mark.equation("eq-em")
@settings(max_examples=100)
@given(data_sets())
@example((np.zeros((1, 1)), np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))))
def test_em_ends_in_a_valid_mixture_or_names_the_collapsed_component(data_set):
    X, weights = data_set[:2]
    result, collapse = None, None
    try:
        result = gmm.em(*data_set, max_iter=100)
    except gmm.SingularCovarianceError as error:
        collapse = error
    if collapse:
        assert 0 <= collapse.component < len(weights)
        assert 1 <= collapse.iteration <= 100
        return
    assert result.weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert (result.weights >= 0).all()
    for values in (result.means, result.covariances, result.log_likelihoods):
        assert np.isfinite(values).all()
    for covariance in result.covariances:
        assert_array_equal(covariance, covariance.T)
        gmm.cholesky(covariance)
    assert len(result.log_likelihoods) == result.n_iter + 1
    # Moments: every M-step reproduces the mean and the covariance of the data.
    if result.n_iter:
        size = np.abs(X).max() + 1e-300
        assert_allclose(gmm.mixture_mean(result.weights, result.means), X.mean(axis=0), rtol=0, atol=1e-9 * size)


@pytest.mark.equation("eq-em")
@settings(max_examples=100)
@given(data_sets(), st.randoms(use_true_random=False))
def test_permuting_the_components_permutes_the_result(data_set, random):
    X, weights, means, covariances = data_set
    order = list(range(len(weights)))
    random.shuffle(order)
    weights = weights * np.linspace(1, 2, len(weights))  # tell the components apart
    weights /= weights.sum()
    try:
        plain = states(X, weights, means, covariances, 4)
        moved = states(X, weights[order], means[order], covariances[order], 4)
    except gmm.SingularCovarianceError:
        assume(False)
    size, spread = np.abs(X).max(), np.abs(X - X[0]).max()
    smallest = min(np.linalg.eigvalsh(covariance)[0] for state in plain for covariance in state.covariances)
    assume(smallest > 1e-6 * spread**2)
    for before, after in zip(plain, moved, strict=True):
        assert after.log_likelihood == pytest.approx(before.log_likelihood, rel=1e-8, abs=1e-8)
        assert_allclose(after.weights, before.weights[order], rtol=1e-6, atol=1e-9)
        assert_allclose(after.means, before.means[order], rtol=0, atol=1e-7 * size)
        assert_allclose(after.covariances, before.covariances[order], rtol=0, atol=1e-7 * spread**2)
        assert_allclose(after.resp, before.resp[:, order], rtol=0, atol=1e-7)


@pytest.mark.equation("eq-em", "eq-log-likelihood")
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
def test_em_is_equivariant_under_affine_maps(random_mixture, d, K, seed):
    rng = np.random.default_rng(seed)
    parameters = random_mixture(rng, K, d)
    X, _ = gmm.sample_mixture(40 * K * d, *parameters, rng=rng)  # enough of them that no component collapses
    A, b = rng.normal(size=(d, d)) + 2 * np.eye(d), 10 * rng.normal(size=d)
    assume(np.linalg.cond(A) < 50)

    def mapped(means, covariances):
        covariances = A @ covariances @ A.T
        return means @ A.T + b, (covariances + covariances.transpose(0, 2, 1)) / 2

    plain = states(X, *parameters, 6)
    moved = states(X @ A.T + b, parameters[0], *mapped(*parameters[1:]), 6)
    jacobian = len(X) * math.log(abs(np.linalg.det(A)))
    for before, after in zip(plain, moved, strict=True):
        assert after.log_likelihood == pytest.approx(before.log_likelihood - jacobian, rel=1e-9, abs=1e-8)
        means, covariances = mapped(before.means, before.covariances)
        assert_allclose(after.resp, before.resp, rtol=0, atol=1e-8)
        assert_allclose(after.weights, before.weights, rtol=1e-8)
        assert_allclose(after.means, means, rtol=0, atol=1e-7 * np.abs(means).max())
        assert_allclose(after.covariances, covariances, rtol=0, atol=1e-7 * np.abs(covariances).max())


@pytest.mark.equation("eq-em")
def test_em_at_an_offset_of_1e8_is_em_at_the_origin(random_mixture):
    # Quarters are exact at 1e8, so both runs see the same differences.
    X = np.round(4 * np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[-5, 0], [5, 3]], 30, axis=0)) / 4
    start = np.array([0.5, 0.5]), X[[0, 59]], np.array([np.eye(2)] * 2)
    near = gmm.em(X, *start, tol=0, max_iter=15)
    far = gmm.em(X + 1e8, start[0], start[1] + 1e8, start[2], tol=0, max_iter=15)
    # The stored means are rounded to 1.5e-8 out there, and only that is lost.
    assert_allclose(far.log_likelihoods, near.log_likelihoods, rtol=1e-9)
    assert_allclose(far.means - 1e8, near.means, rtol=0, atol=5e-8)
    assert_allclose(far.covariances, near.covariances, rtol=0, atol=2e-7)


@pytest.mark.equation("eq-em", "eq-score-weights", "eq-score-means", "eq-score-covariances")
def test_all_scores_vanish_where_em_stops():
    X = gmm.datasets.load_old_faithful().X
    start = [0.5, 0.5], [[2.0, 55.0], [4.0, 80.0]], [np.diag([1.0, 100.0])] * 2
    result = gmm.em(X, *start, tol=1e-15, max_iter=2000)
    found = result.weights, result.means, result.covariances
    # On the simplex the score of each weight equals the Lagrange multiplier n.
    assert_allclose(gmm.score_weights(X, *found), 272, rtol=1e-6)
    # The scores in the units of the standard deviations, against n.
    deviations = np.sqrt(np.diagonal(result.covariances, axis1=1, axis2=2))
    assert np.abs(gmm.score_means(X, *found) * deviations).max() < 1e-4
    products = deviations[:, :, None] * deviations[:, None, :]
    assert np.abs(gmm.score_covariances(X, *found) * products).max() < 1e-3
    # A fixed point: another iteration changes nothing.
    log_resp, _ = gmm.e_step(X, *found)
    assert gmm.parameter_change(found, gmm.m_step(X, np.exp(log_resp))) < 1e-5


@pytest.mark.equation("eq-em")
def test_em_takes_the_same_path_as_scikit_learn():
    from sklearn.mixture import GaussianMixture

    X = gmm.datasets.load_old_faithful().X
    start = np.array([0.5, 0.5]), np.array([[2.0, 55.0], [4.0, 80.0]]), np.array([np.diag([1.0, 100.0])] * 2)
    result = gmm.em(X, *start, tol=0, max_iter=40)
    with pytest.warns(UserWarning, match="did not converge"):
        model = GaussianMixture(
            2,
            tol=0,
            reg_covar=0,
            max_iter=40,
            weights_init=start[0],
            means_init=start[1],
            precisions_init=np.linalg.inv(start[2]),
        ).fit(X)
    assert_allclose(result.weights, model.weights_, rtol=1e-9)
    assert_allclose(result.means, model.means_, rtol=1e-9)
    assert_allclose(result.covariances, model.covariances_, rtol=1e-8)
    assert gmm.mean_log_likelihood(X, result.weights, result.means, result.covariances) == pytest.approx(
        model.score(X), rel=1e-11
    )


@pytest.mark.equation("eq-em", "eq-gaussian-max-log-likelihood")
@pytest.mark.parametrize("d", [1, 3])
def test_one_component_needs_one_iteration_to_the_closed_form(d):
    X = np.random.default_rng(d).normal(size=(30, d)) ** 3
    result = gmm.em(X, [1.0], np.zeros((1, d)), [np.eye(d)])
    assert_allclose(result.means[0], gmm.sample_mean(X), rtol=1e-12)
    assert_allclose(result.covariances[0], gmm.sample_covariance(X), rtol=1e-11)
    assert result.log_likelihood == pytest.approx(gmm.max_gaussian_log_likelihood(X), rel=1e-12)
    assert (result.n_iter, result.converged) == (2, True)  # the second finds no change


# ------------------------------------------------------------------------------------- stopping, history, options


@pytest.mark.equation("eq-em", "eq-log-likelihood-change")
def test_em_stops_at_the_first_small_change_per_sample(random_mixture):
    X, *start = problem(random_mixture, 60, 2, 2)
    result = gmm.em(X, *start, tol=1e-3)
    changes = np.abs(np.diff(result.log_likelihoods)) / 60
    assert result.converged
    assert changes[-1] < 1e-3
    assert (changes[:-1] >= 1e-3).all()
    assert result.n_iter == len(changes)
    short = gmm.em(X, *start, tol=0, max_iter=3)
    assert (short.n_iter, short.converged, len(short.log_likelihoods)) == (3, False, 4)
    none = gmm.em(X, *start, max_iter=0)
    assert (none.n_iter, none.converged) == (0, False)
    assert_array_equal(none.means, start[1])
    assert_array_equal(none.log_likelihoods, [gmm.log_likelihood(X, *start)])
    assert not np.shares_memory(none.means, start[1])


def test_em_and_em_steps_take_the_same_path(random_mixture):
    X, *start = problem(random_mixture, 40, 3, 2)
    result = gmm.em(X, *start, tol=0, max_iter=7, reg_covar=1e-3)
    path = states(X, *start, 8, reg_covar=1e-3)
    assert [state.iteration for state in path] == list(range(8))
    # Compiled into one loop, an exponential may round its last digit differently.
    assert_allclose([state.log_likelihood for state in path], result.log_likelihoods, rtol=1e-12)
    for name in ("weights", "means", "covariances"):
        assert_allclose(getattr(path[-1], name), getattr(result, name), rtol=1e-10, atol=1e-12)
    for state in path:
        expected = gmm.responsibilities(X, state.weights, state.means, state.covariances)
        assert_allclose(state.resp, expected, rtol=1e-11, atol=1e-300)


def test_regularisation_keeps_every_variance_above_it():
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], 10, axis=0)
    start = [0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2)] * 2
    with pytest.raises(gmm.SingularCovarianceError):
        gmm.em(X, *start)
    result = gmm.em(X, *start, reg_covar=1e-2)
    assert_allclose(result.covariances, np.array([1e-2 * np.eye(2)] * 2), rtol=1e-8)


@pytest.mark.equation("eq-random-start")
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 10**6))
def test_random_start_has_samples_as_means_identities_and_equal_weights(d, K, seed):
    X = np.arange(10 * d, dtype=float).reshape(10, d)
    weights, means, covariances = gmm.random_start(X, K, rng=seed)
    assert_array_equal(weights, np.full(K, 1 / K))
    assert_array_equal(covariances, np.array([np.eye(d)] * K))
    chosen = (means[:, 0] / d).astype(int)
    assert_array_equal(means, X[chosen])
    assert len(set(chosen)) == K  # without replacement


@pytest.mark.equation("eq-random-start")
def test_random_start_chooses_every_sample_equally_often():
    X = np.arange(8.0)[:, None]
    rng = np.random.default_rng(3)
    counts = sum(np.bincount(gmm.random_start(X, 2, rng=rng)[1][:, 0].astype(int), minlength=8) for _ in range(2000))
    assert scipy.stats.chisquare(counts).pvalue > 0.01


# ------------------------------------------------------------------------------------- collapse


@pytest.mark.parametrize("component", [0, 1])
def test_collapse_names_the_component_and_the_iteration(component):
    # Two equal points far from the rest: the component on them has variance zero after the first M-step.
    X = [[0.0], [0.0], [100.0], [101.0]]
    means = [[0.0], [100.5]] if component == 0 else [[100.5], [0.0]]
    with pytest.raises(gmm.SingularCovarianceError) as caught:
        gmm.em(X, [0.5, 0.5], means, [[[1.0]], [[1.0]]])
    assert (caught.value.component, caught.value.iteration) == (component, 1)
    assert f"component {component} is not positive definite after iteration 1" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_collapse_in_a_later_iteration_is_found_by_both_loops():
    # From the neighbours the first component keeps a trace of responsibility: it needs a second iteration.
    start = [0.5, 0.5], [[0.0], [10.5]], [[[1.0]], [[1.0]]]
    X = [[0.0], [0.0], [10.0], [11.0]]
    with pytest.raises(gmm.SingularCovarianceError) as caught:
        gmm.em(X, *start)
    assert (caught.value.component, caught.value.iteration) == (0, 2)
    seen = []
    with pytest.raises(gmm.SingularCovarianceError, match=r"component 0 .* iteration 2"):
        seen.extend(step.iteration for step in gmm.em_steps(X, *start))
    assert seen == [0, 1]


@pytest.mark.parametrize("d", [2, 3])
def test_points_on_a_line_have_no_covariance_of_full_rank(d):
    X = np.outer(np.arange(6.0), np.ones(d))
    with pytest.raises(gmm.SingularCovarianceError, match="component 0"):
        gmm.em(X, [1.0], [np.zeros(d)], [np.eye(d)])


def test_a_single_sample_collapses_and_an_abandoned_component_is_named():
    with pytest.raises(gmm.SingularCovarianceError, match="component 0"):
        gmm.em([[3.0]], [1.0], [[0.0]], [[[1.0]]])
    # No sample ever has responsibility in a component of weight zero, or in one that is out of reach.
    X = np.linspace(-1, 1, 9)[:, None]
    for start in (([1.0, 0.0], [[0.0], [0.5]]), ([0.5, 0.5], [[0.0], [1e6]])):
        with pytest.raises(gmm.SingularCovarianceError, match=r"component 1 .* iteration 1"):
            gmm.em(X, *start, [[[1.0]], [[1.0]]])


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(gmm.SingularCovarianceError(2, 17)))
    assert type(error) is gmm.SingularCovarianceError
    assert (error.component, error.iteration) == (2, 17)
    assert str(error) == str(gmm.SingularCovarianceError(2, 17))
