import mpmath
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import gmm
from gmm.exercises import EXERCISES, chapter_04, examine


def log_odds_in_exact_arithmetic(row):
    with mpmath.workdps(60):
        first, *others = (mpmath.exp(mpmath.mpf(float(value))) for value in row)
        return float(mpmath.log(first / mpmath.fsum(others)))


def test_references_agree_with_other_implementations():
    for (a,) in EXERCISES["ex-log-sum-exp"].cases:
        np.testing.assert_allclose(chapter_04._log_sum_exp(a), logsumexp(a, axis=1), rtol=1e-13, atol=1e-15)
        exact = [log_odds_in_exact_arithmetic(row) for row in a]
        np.testing.assert_allclose(chapter_04._against_the_others(a), exact, rtol=1e-12)
    for x, weights, means, variances in EXERCISES["ex-resp-line"].cases:
        log_joint = np.log(weights) + norm.logpdf(x[:, None], means, np.sqrt(variances))
        expected = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
        np.testing.assert_allclose(chapter_04._line(x, weights, means, variances), expected, rtol=1e-8, atol=1e-12)
    assert norm.pdf(38) > 0 == norm.pdf(39)


@pytest.mark.parametrize(
    "function",
    [
        gmm.log_sum_exp,
        gmm.softmax,
        gmm.hard_labels,
        gmm.responsibility_entropy,
        lambda a: logsumexp(a, axis=1),
        lambda a: np.logaddexp.reduce(a, axis=1),
    ],
)
def test_no_function_of_one_array_answers_for_the_log_odds(function):
    assert not examine("ex-log-sum-exp", function).right


@pytest.mark.parametrize("case", EXERCISES["ex-resp-boundary"].cases)
def test_at_the_boundary_both_components_are_equally_dense(case):
    mean_1, mean_2, variance, weight_1 = case
    x = chapter_04._boundary(*case)
    first = np.log(weight_1) + norm.logpdf(x, mean_1, np.sqrt(variance))
    second = np.log1p(-weight_1) + norm.logpdf(x, mean_2, np.sqrt(variance))
    assert first == pytest.approx(second, abs=1e-8)


def test_the_narrow_component_wins_nowhere_up_to_one_third():
    x = np.linspace(-5, 5, 1001)
    for w, wins in [(1 / 3 - 1e-9, False), (1 / 3 + 1e-9, True)]:
        gain = np.log(w / (1 - w)) + norm.logpdf(x, 0, 1) - norm.logpdf(x, 0, 2)
        assert (gain > 0).any() == wins
