import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import gmm
from gmm import datasets
from gmm.exercises import EXERCISES, chapter_05, examine


@pytest.fixture(scope="module")
def waiting():
    return datasets.load_old_faithful().X[:, 1]


def plain(x, weights, means, variances):
    return logsumexp(np.log(weights) + norm.logpdf(x[:, None], means, np.sqrt(variances)), axis=1).sum()


@pytest.mark.parametrize("case", EXERCISES["ex-loglik-line"].cases)
def test_the_log_likelihood_of_a_table_is_that_of_its_samples(case):
    values, counts, *parameters = case
    assert chapter_05._total(*case) == pytest.approx(plain(np.repeat(values, counts), *parameters), rel=1e-12)


def test_no_function_of_the_chapter_answers_for_the_table():
    """A function that takes the samples one by one does not know what to do with counts."""
    for function in (gmm.log_likelihood, plain):
        assert not examine("ex-loglik-line", function).right


@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_the_score_is_the_slope_of_the_log_likelihood(n_components):
    rng = np.random.default_rng(n_components)
    x, weights = rng.normal(size=7), rng.dirichlet(np.ones(n_components))
    means, variances = rng.normal(size=n_components), rng.uniform(0.5, 2.0, size=n_components)
    log_joint = chapter_05._log_joint(x, weights, means, variances)
    resp = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    step = 1e-6 * np.eye(n_components)
    slopes = [(plain(x, weights, means + h, variances) - plain(x, weights, means - h, variances)) / 2e-6 for h in step]
    np.testing.assert_allclose(chapter_05._score(x, resp, means, variances), slopes, rtol=1e-6, atol=1e-7)


def test_the_answer_in_seconds_is_what_the_data_give():
    X = datasets.load_old_faithful().X
    shift = norm.logpdf(60 * X, 60 * 3.0, 60.0).sum() - norm.logpdf(X, 3.0, 1.0).sum()
    assert EXERCISES["ex-loglik-units"].reference == pytest.approx(-1130.264 + shift, abs=0.05)


def test_splitting_pays_only_below_the_spread_of_the_data(waiting):
    answer = EXERCISES["ex-loglik-saddle"].reference
    for width, pays in [(answer - 0.02, True), (answer + 0.02, False)]:
        half, variances = np.array([0.5, 0.5]), np.full(2, width**2)
        apart = waiting.mean() + np.array([-0.2, 0.2])
        together = np.full(2, waiting.mean())
        assert (plain(waiting, half, apart, variances) > plain(waiting, half, together, variances)) == pays


def test_the_spike_rises_by_log_ten_for_each_of_the_ties(waiting):
    values = [
        plain(waiting, np.array([0.1, 0.9]), np.array([79.0, 71.0]), np.array([width**2, 180.0]))
        for width in (1e-6, 1e-7)
    ]
    assert EXERCISES["ex-loglik-spike"].reference == pytest.approx(values[1] - values[0], abs=5e-4)
