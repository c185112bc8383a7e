import itertools
import math

import numpy as np
import pytest
from scipy import stats

import gmm
from gmm.exercises import EXERCISES, chapter_16, examine


def test_ten_even_doubts_are_lost_at_once():
    resp = np.tile([0.5, 0.5, 0.0], (10, 1))
    assert EXERCISES["ex-read-even"].reference == pytest.approx(gmm.merge_entropy_losses(resp)[0, 1], rel=1e-12)


def test_three_of_nineteen_are_as_large():
    replicates = np.repeat([5.0, 1.0], [3, 16])
    assert EXERCISES["ex-read-rank"].reference == pytest.approx(gmm.bootstrap_p_value(4.0, replicates))


def test_the_standard_error_by_hand():
    found = gmm.bootstrap_standard_error([[2.0], [4.0], [9.0]])[0]
    assert EXERCISES["ex-read-by-hand"].reference == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-read-entropy"].cases)
def test_entropy_of_clusters_is_that_of_labels_that_forget_the_component(case):
    resp, groups = case
    total = 0.0
    for row in resp:
        for g in set(groups.tolist()):
            p = sum(row[k] for k in range(len(groups)) if groups[k] == g)
            total -= p * math.log(p) if p > 0 else 0.0
    assert chapter_16._entropy(resp, groups) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("case", EXERCISES["ex-read-order"].cases)
def test_the_order_is_the_closest_of_all_by_a_margin(case):
    resp, reference = case
    distances = sorted(
        (((reference - resp[:, list(order)]) ** 2).sum(), order)
        for order in itertools.permutations(range(resp.shape[1]))
    )
    assert chapter_16._order(resp, reference).tolist() == list(distances[0][1])
    assert distances[1][0] > distances[0][0] + 1e-3


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p = rng.binomial(400, 0.05, size=20_000) / 400
    p = p[p > 0]
    low, high = chapter_16._interval(p, np.sqrt(p * (1 - p) / 400), stats.norm.ppf(0.95))
    assert np.mean((low < 0.05) & (high > 0.05)) == pytest.approx(0.9, abs=0.03)
    assert low.min() > 0.0
    assert high.max() < 1.0


def test_the_error_of_a_difference_has_the_covariance_in_it():
    replicates = EXERCISES["ex-read-difference"].cases[1][0]
    C = np.cov(replicates.T)
    expected = math.sqrt(C[2, 2] + C[0, 0] - 2 * C[0, 2])
    assert chapter_16._difference(replicates, 2, 0) == pytest.approx(expected, rel=1e-12)


def test_functions_of_the_package_answer_nothing():
    for label, function in [("ex-read-entropy", gmm.merge_entropy_losses), ("ex-read-order", gmm.alignment_costs)]:
        assert not examine(label, function).right
