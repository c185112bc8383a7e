import numpy as np
import pytest
from scipy.stats import foldnorm

import gmm
from gmm.exercises import EXERCISES, chapter_09
from gmm.exercises._core import verdict

FUNCTIONS = ["ex-kmeans-spherical", "ex-kmeans-iteration"]
VALUES = ["ex-kmeans-tie", "ex-kmeans-bias", "ex-kmeans-stuck"]
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
    for case in EXERCISES["ex-kmeans-spherical"].cases:
        np.testing.assert_allclose(
            chapter_09._spherical(*case), gmm.spherical_responsibilities(*case), rtol=1e-9, atol=1e-12
        )
    for X, centres in EXERCISES["ex-kmeans-iteration"].cases:
        np.testing.assert_allclose(
            chapter_09._iteration(X, centres), gmm.lloyd(X, centres, max_iter=1).centres, rtol=1e-12
        )


def test_values_agree_with_scipy_and_with_the_algorithm():
    assert EXERCISES["ex-kmeans-bias"].reference == pytest.approx(foldnorm.mean(1.0, scale=2.0), rel=1e-9)
    corners = np.array([[0.0, 0], [0, 1], [4, 0], [4, 1]])
    run = gmm.lloyd(corners, [[2.0, 0], [2, 1]])
    assert run.converged
    assert run.objectives[-1] == EXERCISES["ex-kmeans-stuck"].reference
