import itertools

import numpy as np
import pytest
from scipy import integrate, stats

import gmm
from gmm.exercises import EXERCISES, chapter_17, examine


def test_the_p_value_is_that_of_the_package():
    calibration = np.arange(19.0)
    assert EXERCISES["ex-anomaly-rank"].reference == gmm.conformal_p_values([2.5], calibration)[0]


def test_one_sample_less_cannot_flag():
    needed = EXERCISES["ex-anomaly-needed"].reference
    assert gmm.conformal_threshold(np.arange(float(needed)), 0.02) == 0.0
    assert gmm.conformal_threshold(np.arange(needed - 1.0), 0.02) == -np.inf


def test_the_share_of_right_alarms_by_counting_a_million():
    truth, flagged = np.zeros(10**6, dtype=bool), np.zeros(10**6, dtype=bool)
    truth[:1000], flagged[:900], flagged[1000:10_990] = True, True, True
    assert EXERCISES["ex-anomaly-base-rate"].reference == pytest.approx(truth[flagged].mean(), rel=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-anomaly-mean-p"].cases)
def test_the_mean_of_the_folds_is_weighted_by_their_sizes(case):
    scores, calibration, folds = case
    sizes = np.bincount(folds, minlength=len(scores))
    parts = [gmm.conformal_p_values([s], calibration[folds == k])[0] for k, s in enumerate(scores)]
    expected = np.average(parts, weights=sizes + 1)
    assert chapter_17._mean_p(*case) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-anomaly-power"].cases)
def test_detections_are_those_of_the_p_values(case):
    usual, odd, alpha = case
    ranks = np.rint(gmm.conformal_p_values(odd, usual) * (len(usual) + 1))
    assert chapter_17._detection(*case) == np.mean(ranks <= alpha * (len(usual) + 1) + 1e-9)


@pytest.mark.parametrize("case", EXERCISES["ex-anomaly-diagonal"].cases)
def test_diagonal_surprises_are_those_of_full_matrices(case):
    x, weights, means, variances = case
    full = np.array([np.diag(row) for row in variances])
    np.testing.assert_allclose(
        chapter_17._surprise(*case), gmm.conditional_surprise(x[None], weights, means, full)[0], rtol=1e-9
    )


def test_the_answer_is_odd_only_together():
    X = gmm.datasets.load_old_faithful().X
    mixture = gmm.GaussianMixture(2, n_init=5, tol=1e-8, max_iter=1000, random_state=0).fit(X)
    point = np.array(EXERCISES["ex-anomaly-together"].reference)
    level = mixture.density_level(0.99)
    assert mixture.score_samples(point[None])[0] < level.level - 10.0 * level.standard_error
    for j in (0, 1):
        line = np.linspace(point[j] - 60.0, point[j], 60_001)
        density = np.exp(mixture.marginal(j).score_samples(line[:, None]))
        below = integrate.simpson(density, x=line)
        assert 0.11 < below < 0.89


def test_with_ties_the_promise_holds_over_all_orders():
    # What the proof says, for values with ties, by each order once.
    values = [1.0, 1.0, 2.0, 2.0, 3.0]
    p = [gmm.conformal_p_values(order[:1], order[1:])[0] for order in itertools.permutations(values)]
    assert all(np.mean(np.array(p) <= alpha + 1e-12) <= alpha + 1e-12 for alpha in (0.2, 0.4, 0.6, 0.8))


def test_a_region_of_highest_density_is_shorter_than_the_central_one():
    # What the proof says, for a skewed density: both hold one half.
    grid = np.linspace(0.0, 20.0, 200_001)
    density = stats.gamma(2.0).pdf(grid)
    level = np.sort(density)[::-1][np.searchsorted(np.cumsum(np.sort(density)[::-1]) * 1e-4, 0.5)]
    smallest = (density >= level).sum() * 1e-4
    assert smallest < np.subtract(*stats.gamma(2.0).ppf([0.75, 0.25])) - 0.1


def test_functions_of_the_package_answer_nothing():
    for label, function in [
        ("ex-anomaly-mean-p", gmm.cross_conformal_p_values),
        ("ex-anomaly-power", gmm.conformal_threshold),
        ("ex-anomaly-diagonal", gmm.conditional_surprise),
    ]:
        assert not examine(label, function).right
