import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from gmm.exercises import EXERCISES, chapter_04
from gmm.exercises._core import verdict

FUNCTIONS = ["ex-log-sum-exp", "ex-resp-line", "ex-resp-boundary"]
VALUES = ["ex-resp-midpoint", "ex-resp-underflow", "ex-resp-nowhere"]
MISTAKES = [(label, m) for label in FUNCTIONS + VALUES for m in EXERCISES[label].mistakes]


@pytest.mark.parametrize("label", FUNCTIONS + VALUES)
def test_the_reference_is_right(label):
    assert verdict(EXERCISES[label], EXERCISES[label].reference).startswith("Right")


@pytest.mark.parametrize(("label", "mistake"), MISTAKES)
def test_each_usual_mistake_is_named(label, mistake):
    assert verdict(EXERCISES[label], mistake.wrong) == f"Not yet: {mistake.message}"


@pytest.mark.parametrize("label", FUNCTIONS)
def test_another_wrong_answer_shows_the_input_that_fails(label):
    reference = EXERCISES[label].reference
    text = verdict(EXERCISES[label], lambda *a: 1.5 * reference(*a) + 0.25)
    assert "expected" in text
    assert "got" in text


@pytest.mark.parametrize("label", VALUES)
def test_another_wrong_value_is_refused(label):
    assert "is not the answer" in verdict(EXERCISES[label], 0.123)


@pytest.mark.parametrize("label", FUNCTIONS + VALUES)
def test_the_stub_of_the_notebook_is_not_yet_an_answer(label):
    stub = (lambda *a: ...) if label in FUNCTIONS else ...
    assert verdict(EXERCISES[label], stub).startswith("Not yet")


def test_references_agree_with_other_implementations():
    for (a,) in EXERCISES["ex-log-sum-exp"].cases:
        np.testing.assert_allclose(chapter_04._log_sum_exp(a), logsumexp(a, axis=1), rtol=1e-13)
    for x, weights, means, variances in EXERCISES["ex-resp-line"].cases:
        log_joint = np.log(weights) + norm.logpdf(x[:, None], means, np.sqrt(variances))
        expected = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
        np.testing.assert_allclose(chapter_04._line(x, weights, means, variances), expected, rtol=1e-8, atol=1e-12)
    assert norm.pdf(38) > 0 == norm.pdf(39)


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
