"""The answers of chapter 14 against independent ones."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, norm
from sklearn.mixture import GaussianMixture

import gmm
from gmm.exercises import chapter_14
from gmm.exercises._core import EXERCISES


def test_references_agree_with_other_implementations():
    for log_likelihood, n, K, d, structure in EXERCISES["ex-select-bic"].cases:
        theirs = GaussianMixture(K, covariance_type=structure)
        theirs.means_ = np.empty((K, d))
        expected = -2 * log_likelihood + theirs._n_parameters() * math.log(n)
        assert chapter_14._bic(log_likelihood, n, K, d, structure) == pytest.approx(expected, rel=1e-14)
    for log_joint, p in EXERCISES["ex-select-icl"].cases:
        log_density = np.logaddexp.reduce(log_joint, axis=1).sum()
        doubt = entropy(softmax(log_joint, axis=1), axis=1).sum()
        expected = -2 * log_density + p * math.log(len(log_joint)) + 2 * doubt
        assert chapter_14._icl(log_joint, p) == pytest.approx(expected, rel=1e-12)
    x, k = EXERCISES["ex-select-cv"].cases[0]
    rest = [(x[2:], x[:2]), (x[[0, 1, 4, 5]], x[2:4]), (x[:4], x[4:])]
    expected = np.mean([norm.logpdf(out, kept.mean(), kept.std()) for kept, out in rest])
    assert chapter_14._cv(x, k) == pytest.approx(expected, rel=1e-12)


def test_values_of_the_predictions():
    assert math.log(8) > 2 > math.log(7)
    galaxies = gmm.datasets.load_galaxies().X
    found = gmm.select(galaxies / 1000, [3], "full", random_state=0)
    assert found.best_row_["bic"] == pytest.approx(EXERCISES["ex-select-units"].reference, abs=5e-3)
    assert found.best_row_["bic"] + 2 * 82 * math.log(1000) == pytest.approx(1574.48, abs=5e-3)


def test_the_bic_by_hand_and_the_rounded_durations():
    assert gmm.bic(-1130.264, gmm.n_parameters(2, 2, "full"), 272) == pytest.approx(
        EXERCISES["ex-select-by-hand"].reference, abs=5e-3
    )
    durations = gmm.datasets.load_old_faithful().X[:, 0]
    assert len({round(2 * duration) for duration in durations}) == EXERCISES["ex-select-rounding"].reference
