import numpy as np
import pytest

from gmm.datasets import load_old_faithful
from gmm.exercises import EXERCISES, chapter_08, examine
from gmm.exercises._core import verdict
from gmm.formulas.em import em


def _start(low, middle, high):
    def start(X):
        ends = {"low": X[X[:, 0].argmin()], "high": X[X[:, 0].argmax()], "middle": X.mean(axis=0)}
        overall = np.cov(X.T, bias=True)
        return np.array([0.25, 0.25, 0.5]), np.stack([ends[low], ends[middle], ends[high]]), np.stack([overall] * 3)

    return start


def test_twins_are_caught_and_others_are_not():
    task = EXERCISES["ex-em-stuck"]
    assert verdict(task, chapter_08.trapped(_start("low", "low", "high"))).startswith("Right")
    assert "all means equal" in verdict(task, chapter_08.trapped(_start("low", "low", "low")))
    X = load_old_faithful().X
    assert chapter_08.trapped(_start("low", "middle", "high"))(X) == (1.0, 1.0, 0.0)


def test_two_components_are_not_taken_for_three():
    def two(X):
        _, means, covariances = _start("low", "low", "high")(X)
        return np.array([0.5, 0.5]), means[1:], covariances[1:]

    verdict_of_two = verdict(EXERCISES["ex-em-stuck"], chapter_08.trapped(two))
    assert "three are asked for" in verdict_of_two


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda X: 3, "return a start of three parts: weights, means and covariances."),
        (lambda X: (np.ones(3) / 3, X[:3]), "return a start of three parts: weights, means and covariances."),
        (
            lambda X: (np.ones(3), X[:3], np.stack([np.eye(2)] * 3)),
            "EM cannot run from this start: weights must sum to 1; they sum to 3",
        ),
    ],
)
def test_a_start_that_cannot_be_judged_is_refused_in_words(start, message):
    assert examine("ex-em-stuck", start).text == f"Not yet: {message}"


def test_the_wait_is_the_first_iteration_whose_rest_is_small_enough():
    for first, second, third, gap in EXERCISES["ex-converge-wait"].cases:
        ratio = (third - second) / (second - first)
        rests = (third - second) * np.cumprod(np.full(4000, ratio)) / (1 - ratio)
        wait = chapter_08._wait(first, second, third, gap)
        assert wait == np.argmax(rests < gap)
        # No case hangs on rounding.
        assert abs(rests / gap - 1).min() > 1e-4


def _nearly_twins(distance):
    def start(X):
        weights, means, covariances = _start("low", "low", "high")(X)
        means[1] += distance
        return weights, means, covariances

    return start


def _halves(X):
    """Two components on the halves of the short eruptions, nearly alike; a tolerance takes them for one."""
    short = X[X[:, 0] < 3.0]
    overall = np.cov(X.T, bias=True)
    centre = short.mean(axis=0)
    means = np.stack([centre - 1e-9, centre + 1e-9, X[X[:, 0].argmax()]])
    return np.array([0.25, 0.25, 0.5]), means, np.stack([overall] * 3)


@pytest.mark.parametrize("start", [_nearly_twins(1e-9), _nearly_twins(1e-7), _halves])
def test_what_only_rests_is_not_caught(start):
    assert chapter_08.trapped(start)(load_old_faithful().X) == (1.0, 1.0, 0.0)
    assert not examine("ex-em-stuck", start).right


def test_nearly_twins_do_leave_in_the_end():
    X = load_old_faithful().X
    near = em(X, *_nearly_twins(1e-9)(X), tol=0.0, max_iter=3000).log_likelihood
    exact = em(X, *_start("low", "low", "high")(X), tol=0.0, max_iter=3000).log_likelihood
    assert near > exact + 1.0
