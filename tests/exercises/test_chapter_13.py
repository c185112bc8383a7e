import numpy as np
import pytest
from scipy import optimize, stats

from gmm import datasets
from gmm.exercises import EXERCISES, chapter_13


@pytest.mark.parametrize("case", EXERCISES["ex-singular-map"].cases[:3])
def test_no_other_covariance_has_a_higher_posterior(case):
    X, r, mean, scale, dof = case
    answer = chapter_13._map_covariance(*case)

    def target(covariance):
        log_density = stats.multivariate_normal(mean, covariance).logpdf(X)
        return r @ np.atleast_1d(log_density) + stats.invwishart.logpdf(covariance, dof, scale)

    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(answer)
    for _ in range(50):
        other = root @ (np.eye(len(mean)) + 0.1 * rng.normal(size=root.shape))
        assert target(other @ other.T) < target(answer)


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
