import numpy as np
import pytest

import gmm
from gmm.datasets import load_galaxies
from gmm.exercises import EXERCISES, chapter_09, examine
from gmm.exercises._core import verdict


def test_references_agree_with_the_kernels():
    for X, centres in EXERCISES["ex-start-plusplus"].cases:
        more = [np.vstack([centres, x]) for x in X]
        expected = [gmm.kmeans_objective(X, gmm.nearest_centre(X, c), c) for c in more]
        np.testing.assert_allclose(chapter_09._costs(X, centres), expected, rtol=1e-12)
    for X, labels, K in EXERCISES["ex-start-labels"].cases:
        expected = gmm.m_step(X, gmm.one_hot(labels, K))
        for mine, kernel in zip(chapter_09._from_labels(X, labels, K), expected, strict=True):
            np.testing.assert_allclose(mine, kernel, rtol=1e-9, atol=1e-9)


def test_seventeen_restarts_are_enough_and_sixteen_are_not():
    assert 0.75**17 <= 0.01 < 0.75**16


def test_the_gap_is_approached_and_never_passed():
    weights, gaps = np.array([0.2, 0.8]), []
    for distance in (10.0, 100.0, 1000.0):
        means, covariances = np.array([[0.0], [distance]]), np.ones((2, 1, 1))
        total = gmm.mixture_covariance(weights, means, covariances)
        gaps.append(distance / np.sqrt(total[0, 0]))
    assert gaps == sorted(gaps)
    assert gaps[-1] < EXERCISES["ex-start-gap"].reference == pytest.approx(gaps[-1], rel=1e-5)


def test_the_climb_ends_where_the_slope_vanishes():
    x = load_galaxies().X[:, 0] / 1000.0
    means = chapter_09.climb(x, (8.0, 30.0))
    slope = gmm.score_means(x[:, None], [0.5, 0.5], means[:, None], np.ones((2, 1, 1)))
    np.testing.assert_allclose(slope, 0.0, atol=1e-7)


def test_far_starts_are_judged():
    task = EXERCISES["ex-start-far-apart"]
    assert verdict(task, chapter_09.ends_poorly(lambda x: (20.0, 34.0))).startswith("Right")
    assert "finds the group at 10" in verdict(task, chapter_09.ends_poorly(lambda x: (10.0, 22.0)))
    assert "less than 10 apart" in verdict(task, chapter_09.ends_poorly(lambda x: (18.0, 24.0)))


@pytest.mark.parametrize("start", [20.0, (20.0, 34.0, 1.0), ("a", "b"), (np.nan, 3.0)])
def test_a_start_that_is_not_two_numbers_is_refused_in_words(start):
    assert examine("ex-start-far-apart", lambda x: start).text == "Not yet: return the two starting means, two numbers."
    assert examine("ex-start-far-apart", lambda x: (20.0, 34.0)).right


def test_no_function_that_the_chapter_shows_is_an_answer():
    assert "probabilities of the draw" in examine("ex-start-plusplus", gmm.kmeans_plusplus_probabilities).text
