import numpy as np
import pytest
from scipy.stats import foldnorm

import gmm
from gmm.exercises import EXERCISES, chapter_10


def test_references_agree_with_other_implementations():
    for case in EXERCISES["ex-kmeans-spherical"].cases:
        np.testing.assert_allclose(
            chapter_10._spherical(*case), gmm.spherical_responsibilities(*case), rtol=1e-9, atol=1e-12
        )
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
