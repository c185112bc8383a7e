import numpy as np
import pytest
from scipy.stats import foldnorm

import gmm
from gmm.exercises import EXERCISES, chapter_10, examine


def test_references_agree_with_other_implementations():
    for X, means, variance in EXERCISES["ex-kmeans-spherical"].cases:
        K = len(means)
        resp = gmm.spherical_responsibilities(X, np.full(K, 1 / K), means, variance)
        new = gmm.update_means(X, resp)
        spread = np.average(gmm.update_spherical_covariances(X, resp, new), weights=gmm.effective_counts(resp))
        found = chapter_10._step(X, means, variance)
        np.testing.assert_allclose(found[0], new, rtol=1e-9, atol=1e-12)
        assert found[1] == pytest.approx(spread, rel=1e-9)
    for X, centres in EXERCISES["ex-kmeans-iteration"].cases:
        np.testing.assert_allclose(
            chapter_10._iteration(X, centres), gmm.lloyd(X, centres, max_iter=1).centres, rtol=1e-12
        )


def test_values_agree_with_scipy_and_with_the_algorithm():
    assert EXERCISES["ex-kmeans-bias"].reference == pytest.approx(foldnorm.mean(1.0, scale=2.0), rel=1e-9)
    corners = np.array([[0.0, 0], [0, 1], [4, 0], [4, 1]])
    run = gmm.lloyd(corners, [[2.0, 0], [2, 1]])
    assert run.converged
    assert run.objectives[-1] == EXERCISES["ex-kmeans-stuck"].reference


def test_no_function_that_the_chapter_shows_is_an_answer():
    def shown(X, means, variance):
        return gmm.spherical_responsibilities(X, np.full(len(means), 1 / len(means)), means, variance)

    assert not examine("ex-kmeans-spherical", shown).right


@pytest.mark.parametrize(
    ("label", "right", "wrong"), [("ex-kmeans-tie", 0.667, 0.668), ("ex-kmeans-bias", 2.333, 2.334)]
)
def test_as_many_digits_are_asked_for_as_the_text_says(label, right, wrong):
    assert examine(label, right).right
    assert not examine(label, wrong).right


def test_a_variance_taken_for_a_deviation_is_named():
    answer = foldnorm.mean(0.5, scale=4.0)  # mean 2, deviation 4
    assert "takes the variance for a standard deviation" in examine("ex-kmeans-bias", round(answer, 3)).text
