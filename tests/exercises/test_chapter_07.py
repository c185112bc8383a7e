import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from gmm.exercises import EXERCISES, chapter_07
from gmm.formulas.em import elbo, em_steps


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
    for X, weights, means, covariances in EXERCISES["ex-em-e-step"].cases:
        joint = np.stack([multivariate_normal(m, S).logpdf(X) for m, S in zip(means, covariances)], axis=1)
        joint = joint.reshape(len(X), -1) + np.log(weights)
        total = logsumexp(joint, axis=1)
        log_resp, log_likelihood = chapter_07._e_step(X, weights, means, covariances)
        np.testing.assert_allclose(log_resp, joint - total[:, None], rtol=1e-9, atol=1e-9)
        assert log_likelihood == pytest.approx(total.sum())
    for X, resp in EXERCISES["ex-em-m-step"].cases:
        weights, means, covariances = chapter_07._m_step(X, resp)
        for k in range(resp.shape[1]):
            np.testing.assert_allclose(means[k], np.average(X, axis=0, weights=resp[:, k]))
            expected = np.atleast_2d(np.cov(X.T, aweights=resp[:, k], bias=True))
            np.testing.assert_allclose(covariances[k], expected, rtol=1e-6)
        np.testing.assert_allclose(weights, resp.mean(axis=0))


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
