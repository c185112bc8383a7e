import numpy as np
import pytest
from scipy import optimize, stats

import gmm
from gmm import datasets
from gmm.exercises import EXERCISES, chapter_13, examine


@pytest.mark.parametrize("case", EXERCISES["ex-singular-map"].cases)
def test_no_other_shared_covariance_has_a_higher_posterior(case):
    X, resp, means, scale, dof = case
    answer = chapter_13._shared(*case)

    def target(covariance):
        total = stats.invwishart.logpdf(covariance, dof, scale)
        for r, mean in zip(resp.T, means, strict=True):
            total += r @ np.atleast_1d(stats.multivariate_normal(mean, covariance).logpdf(X))
        return total

    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(answer)
    for _ in range(50):
        other = root @ (np.eye(means.shape[1]) + 0.1 * rng.normal(size=root.shape))
        assert target(other @ other.T) < target(answer)


def test_the_tied_estimator_makes_the_same_step():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 2))
    start = gmm.GaussianMixture(2, covariance_type="tied", covariance_prior=(np.eye(2), 4.0), random_state=0)
    start.set_params(tol=1e-12, max_iter=5000).fit(X)
    resp = start.predict_proba(X)
    step = chapter_13._shared(X, resp, gmm.update_means(X, resp), np.eye(2), 4.0)
    np.testing.assert_allclose(step, start.covariances_, rtol=1e-4)


def test_a_function_of_the_package_is_not_the_answer():
    case = EXERCISES["ex-singular-map"].cases[1]
    assert gmm.map_covariances(*case).shape != chapter_13._shared(*case).shape
    assert not examine("ex-singular-map", gmm.map_covariances).right


@pytest.mark.parametrize("case", EXERCISES["ex-singular-prior"].cases)
def test_the_prior_expects_one_share_of_the_volume_of_the_data(case):
    X, K = case
    scale, dof = chapter_13._default_prior(X, K)
    volume = np.sqrt(np.linalg.det(np.atleast_2d(np.cov(X.T, bias=True))))
    expected = stats.invwishart(dof, scale).mean()
    assert np.sqrt(np.linalg.det(np.atleast_2d(expected))) == pytest.approx(volume / K, rel=1e-9)


def test_the_floor_is_the_root_of_the_ridge_in_seconds():
    spread = np.sqrt(np.linalg.eigvalsh(np.zeros((2, 2)) + 1e-6 * np.eye(2))[0])
    assert EXERCISES["ex-singular-floor"].reference == pytest.approx(spread * 3600)


def test_the_watershed_is_the_bottom_of_the_dip():
    waits = datasets.load_old_faithful().X[:, 1]

    def log_likelihood(sigma):
        broad = stats.norm.pdf(waits, waits.mean(), waits.std())
        return np.log(0.3 * stats.norm.pdf(waits, 78.0, sigma) + 0.7 * broad).sum()

    bottom = optimize.minimize_scalar(log_likelihood, bounds=(0.1, 1.0), method="bounded", options={"xatol": 1e-8}).x
    assert EXERCISES["ex-singular-watershed"].reference == pytest.approx(bottom, abs=5e-4)
