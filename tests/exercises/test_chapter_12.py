"""Exercises of chapter 12: the references are right and each usual mistake is recognised."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, norm
from sklearn.mixture import GaussianMixture

import gmm
from gmm.exercises import chapter_12
from gmm.exercises._core import EXERCISES, verdict

FUNCTIONS = ["ex-select-bic", "ex-select-icl", "ex-select-cv"]
VALUES = ["ex-select-sample-size", "ex-select-units"]
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
    for log_likelihood, n, K, d, structure in EXERCISES["ex-select-bic"].cases:
        theirs = GaussianMixture(K, covariance_type=structure)
        theirs.means_ = np.empty((K, d))
        expected = -2 * log_likelihood + theirs._n_parameters() * math.log(n)
        assert chapter_12._bic(log_likelihood, n, K, d, structure) == pytest.approx(expected, rel=1e-14)
    for log_joint, p in EXERCISES["ex-select-icl"].cases:
        log_density = np.logaddexp.reduce(log_joint, axis=1).sum()
        doubt = entropy(softmax(log_joint, axis=1), axis=1).sum()
        expected = -2 * log_density + p * math.log(len(log_joint)) + 2 * doubt
        assert chapter_12._icl(log_joint, p) == pytest.approx(expected, rel=1e-12)
    x, k = EXERCISES["ex-select-cv"].cases[0]
    rest = [(x[2:], x[:2]), (x[[0, 1, 4, 5]], x[2:4]), (x[:4], x[4:])]
    expected = np.mean([norm.logpdf(out, kept.mean(), kept.std()) for kept, out in rest])
    assert chapter_12._cv(x, k) == pytest.approx(expected, rel=1e-12)


def test_values_of_the_predictions():
    assert math.log(8) > 2 > math.log(7)
    galaxies = gmm.datasets.load_galaxies().X
    found = gmm.select(galaxies / 1000, [3], "full", random_state=0)
    assert found.best_row_["bic"] == pytest.approx(EXERCISES["ex-select-units"].reference, abs=5e-3)
    assert found.best_row_["bic"] + 2 * 82 * math.log(1000) == pytest.approx(1574.48, abs=5e-3)
