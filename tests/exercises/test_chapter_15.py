import itertools

import numpy as np
import pytest
from scipy import integrate, stats

import gmm
from gmm.exercises import EXERCISES, chapter_15, examine


def test_the_empty_component_keeps_its_share_of_the_prior():
    resp = np.repeat(np.eye(3), [3, 1, 0], axis=0)
    alpha = gmm.variational_m_step(np.zeros((4, 1)), resp, 2.0, [0.0], 1.0, [[1.0]], 1.0).concentration
    assert EXERCISES["ex-vb-counts"].reference == pytest.approx(alpha[2] / alpha.sum(), rel=1e-12)


def test_the_product_closest_to_a_gaussian_has_the_width_of_the_answer():
    covariance = np.array([[4.0, -0.6 * 2 * 3], [-0.6 * 2 * 3, 9.0]])
    precision = np.linalg.inv(covariance)
    trials = np.linspace(1.0, 2.5, 1501)
    divergence = 0.5 * precision[0, 0] * trials**2 - np.log(trials)  # of the product, in its first deviation
    assert trials[divergence.argmin()] == pytest.approx(EXERCISES["ex-vb-width"].reference, abs=1e-3)


def test_the_posterior_by_hand_is_that_of_quadrature():
    x = np.array([2.0, 4.0, 6.0])

    def posterior(mean, precision):
        # Wishart(2, 1) on the line is exponential with rate one half; four Gaussian factors
        squares = mean**2 + ((x - mean) ** 2).sum()
        return np.exp(-0.5 * precision) * precision**2 * np.exp(-0.5 * precision * squares)

    t, v = np.linspace(-30.0, 30.0, 121), np.linspace(-12.0, 2.0, 120)
    precisions = np.exp(v)
    weights = np.array([[posterior(3.0 + s / p**0.5, p) for s in t] for p in precisions]) * precisions[:, None] ** 0.5
    expected = (weights.sum(axis=1) * precisions).sum() / weights.sum()
    assert EXERCISES["ex-vb-by-hand"].reference == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("case", EXERCISES["ex-vb-diagonal"].cases)
def test_diagonal_responsibilities_come_from_one_feature_at_a_time(case):
    X, alpha, m, beta, Psi, nu = case
    a = np.zeros((len(X), len(alpha)))
    for j in range(X.shape[1]):
        # for each feature by itself, less the weights that it counts again
        joint = gmm.variational_log_joint(X[:, [j]], alpha, m[:, [j]], beta, Psi[:, [j], None], nu)
        a += joint - gmm.expected_log_weights(alpha)
    a += gmm.expected_log_weights(alpha)
    np.testing.assert_allclose(chapter_15._diagonal(*case), gmm.softmax(a), rtol=1e-10)


@pytest.mark.parametrize("case", EXERCISES["ex-vb-tied"].cases)
def test_with_hard_labels_the_shared_posterior_is_prior_times_likelihood(case):
    X, resp, m0, beta0, Psi0, nu0 = case
    labels = np.eye(resp.shape[1])[resp.argmax(axis=1)]
    nu, Psi = chapter_15._shared(X, labels, m0, beta0, Psi0, nu0)
    d, rng, differences = X.shape[1], np.random.default_rng(0), []
    for _ in range(6):
        root = rng.normal(size=(d, d))
        precision = root @ root.T + 0.5 * np.eye(d)
        total = stats.wishart.logpdf(precision, nu0, np.linalg.inv(Psi0))
        for group in (X[labels[:, k] == 1] for k in range(resp.shape[1])):
            # samples of a group are jointly Gaussian when its mean is integrated out
            n = len(group)
            if n:
                joint = np.kron(np.eye(n) + np.ones((n, n)) / beta0, np.linalg.inv(precision))
                total += stats.multivariate_normal(np.tile(m0, n), joint).logpdf(group.ravel())
        differences.append(total - stats.wishart.logpdf(precision, nu, np.linalg.inv(Psi)))
    assert np.ptp(differences) < 1e-9


def test_probabilities_of_all_labels_sum_to_one():
    total = sum(np.exp(chapter_15._labels(np.array(z), 3, 0.4)) for z in itertools.product(range(3), repeat=5))
    assert total == pytest.approx(1.0, rel=1e-12)


def test_probability_of_labels_by_quadrature():
    beta = stats.beta(2.5, 2.5)
    expected, _ = integrate.quad(lambda w: w**3 * (1 - w) * beta.pdf(w), 0, 1)
    assert chapter_15._labels(np.array([0, 0, 1, 0]), 2, 2.5) == pytest.approx(np.log(expected), rel=1e-9)


def test_functions_of_the_package_answer_nothing():
    for label, function in [("ex-vb-diagonal", gmm.variational_log_joint), ("ex-vb-tied", gmm.variational_m_step)]:
        assert not examine(label, function).right
