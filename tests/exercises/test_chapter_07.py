import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from gmm.exercises import EXERCISES, chapter_07, examine
from gmm.formulas.em import e_step, elbo, em_steps, m_step
from gmm.formulas.updates import expected_complete_log_likelihood


def test_the_bound_agrees_with_the_kernel(random_mixture):
    X, weights, means, covariances, resp = random_mixture
    joint = np.stack([multivariate_normal(m, S).logpdf(X) for m, S in zip(means, covariances)], axis=1)
    expected = elbo(X, resp, weights, means, covariances)
    assert chapter_07._elbo(resp, joint + np.log(weights)) == pytest.approx(expected, rel=1e-10)


@pytest.fixture
def random_mixture():
    rng = np.random.default_rng(5)
    A = rng.normal(size=(3, 2, 2))
    covariances = A @ A.transpose(0, 2, 1) + np.eye(2)
    resp = rng.dirichlet(np.ones(3), size=20)
    return rng.normal(size=(20, 2)), np.array([0.2, 0.3, 0.5]), rng.normal(size=(3, 2)), covariances, resp


def test_the_steps_agree_with_scipy_and_numpy():
    for X, weights, means, covariances, labels in EXERCISES["ex-em-e-step"].cases:
        joint = np.stack([multivariate_normal(m, S).logpdf(X) for m, S in zip(means, covariances)], axis=1)
        joint = joint.reshape(len(X), -1) + np.log(weights)
        joint[(labels[:, None] >= 0) & (np.arange(len(weights)) != labels[:, None])] = -np.inf
        total = logsumexp(joint, axis=1)
        resp, log_likelihood = chapter_07._e_step(X, weights, means, covariances, labels)
        np.testing.assert_allclose(resp, np.exp(joint - total[:, None]), rtol=1e-9, atol=1e-12)
        assert log_likelihood == pytest.approx(total.sum())
    for X, resp, known in EXERCISES["ex-em-m-step"].cases:
        weights, means, covariances = chapter_07._m_step_known(X, resp, known)
        np.testing.assert_array_equal(means[0], known)
        np.testing.assert_allclose(weights, resp.mean(axis=0))
        for k in range(resp.shape[1]):
            average = np.average(X, axis=0, weights=resp[:, k])
            if k:
                np.testing.assert_allclose(means[k], average)
            expected = np.atleast_2d(np.cov(X.T, aweights=resp[:, k], bias=True))
            expected = expected + np.outer(average - means[k], average - means[k])
            np.testing.assert_allclose(covariances[k], expected, rtol=1e-6)


def test_the_scatter_about_the_known_mean_is_the_best():
    X, resp, known = EXERCISES["ex-em-m-step"].cases[1]
    weights, means, covariances = chapter_07._m_step_known(X, resp, known)
    best = expected_complete_log_likelihood(X, resp, weights, means, covariances)
    rng = np.random.default_rng(1)
    for _ in range(20):
        A = np.eye(2) + 0.1 * rng.normal(size=(2, 2))
        assert expected_complete_log_likelihood(X, resp, weights, means, A @ covariances @ A.T) < best


def test_functions_of_the_package_are_no_answers():
    assert not examine("ex-em-e-step", e_step).right
    assert not examine("ex-em-m-step", m_step).right


@pytest.mark.parametrize(
    "bound",
    [
        lambda q, a: np.nansum(q * (np.nan_to_num(a) - np.log(q))),
        lambda q, a: np.sum((q * (a - np.log(np.where(q > 0, q, 1.0))))[np.isfinite(a)]),
    ],
)
def test_a_share_in_what_is_impossible_makes_the_bound_infinite(bound):
    assert not examine("ex-em-bound", bound).right


def test_one_iteration_takes_the_path_of_the_package():
    for x, weights, means, variances in EXERCISES["ex-em-variance-bug"].cases:
        first, second = (
            step for step, _ in zip(em_steps(x[:, None], weights, means[:, None], variances[:, None, None]), range(2))
        )
        log_likelihood, weights, means, variances = chapter_07._iteration(x, weights, means, variances)
        assert log_likelihood == pytest.approx(first.log_likelihood)
        np.testing.assert_allclose(weights, second.weights)
        np.testing.assert_allclose(means, second.means[:, 0])
        np.testing.assert_allclose(variances, second.covariances[:, 0, 0])


def test_the_bug_cannot_show_in_the_first_case_and_shows_in_the_second():
    bug = EXERCISES["ex-em-variance-bug"].mistakes[0].wrong
    first, second, *_ = EXERCISES["ex-em-variance-bug"].cases
    assert bug(*first)[0] == chapter_07._iteration(*first)[0]
    assert abs(bug(*second)[0] - chapter_07._iteration(*second)[0]) > 0.01
    x, weights, means, variances = second
    joint = np.log(weights) + norm.logpdf(x[:, None], means, np.sqrt(variances))
    assert chapter_07._iteration(*second)[0] == pytest.approx(logsumexp(joint, axis=1).sum())
