"""The answers of chapter 14 against independent ones."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, norm
from sklearn.mixture import GaussianMixture

import gmm
from gmm.exercises import chapter_14, examine
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


def test_the_bic_by_hand():
    assert gmm.bic(-1130.264, gmm.n_parameters(2, 2, "full"), 272) == pytest.approx(
        EXERCISES["ex-select-by-hand"].reference, abs=5e-3
    )


def test_icl_of_a_component_of_weight_zero_is_not_nan():
    def unguarded(log_joint, p):
        resp = softmax(log_joint, axis=1)
        with np.errstate(invalid="ignore"):
            return -2 * (resp * log_joint).sum() + p * math.log(len(log_joint))

    assert unguarded(np.log([[0.3, 0.1]]), 5) == pytest.approx(chapter_14._icl(np.log([[0.3, 0.1]]), 5))
    found = examine("ex-select-icl", unguarded)
    assert not found.right
    assert "0 · (−∞)" in found.text
    without = chapter_14._icl(np.array([[0.0, -1.0], [-2.0, -3.0]]), 8)
    assert EXERCISES["ex-select-icl"].results(chapter_14._icl)[-1] == pytest.approx(without, rel=1e-14)


def test_the_low_bic_is_that_of_the_package_and_other_spikes_pass_too():
    X = gmm.datasets.load_old_faithful().X.copy()
    X[:, 0] = np.round(2 * X[:, 0]) / 2
    for variance in (0.1, 1e-12):
        weights, means, variances = chapter_14._two_parts(X, 4.5, variance)
        total = gmm.log_likelihood(X, weights, means, np.array([np.diag(row) for row in variances]))
        expected = gmm.bic(total, gmm.n_parameters(2, 2, "diag"), 272)
        assert chapter_14._bic_of(X, weights, means, variances) == pytest.approx(expected, rel=1e-10)
    on = X[:, 0] == 2.0
    variances = [X[~on].var(axis=0), [1e-80, X[on, 1].var()]]
    answer = ([0.5, 0.5], [X[~on].mean(axis=0), [2.0, X[on, 1].mean()]], variances)
    assert examine("ex-select-rounding", answer).right
    for wrong in (3.0, "text", (1, 2), ([0.5, 0.5], np.zeros((2, 2)), np.full((2, 2), np.nan))):
        assert not examine("ex-select-rounding", wrong).right


def test_the_one_standard_error_rule():
    behind = np.array([0.310, 0.016, 0.000, 0.004, 0.021])
    error = np.array([0.040, 0.018, 0.000, 0.009, 0.012])
    assert 1 + (behind <= error).argmax() == EXERCISES["ex-select-one-error"].reference
