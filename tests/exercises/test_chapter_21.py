import itertools
from fractions import Fraction

import numpy as np
import pytest

import gmm
from gmm.estimators import _batches
from gmm.exercises import EXERCISES, chapter_21, examine


def right(label):
    return EXERCISES[label].reference


def test_what_a_block_sends_is_what_statistics_hold():
    mixture = gmm.GaussianMixture.from_parameters(np.full(10, 0.1), np.zeros((10, 20)), np.array([np.eye(20)] * 10))
    found = mixture.statistics(np.zeros((3, 20)))
    assert 1000 * right("ex-memory-bytes") == found.counts.nbytes + found.first.nbytes + found.second.nbytes


def test_values_are_those_of_the_formulas():
    assert 500 * gmm.remembered_batches(right("ex-memory-remembered")) == pytest.approx(39_500)
    rows = int(right("ex-memory-quarter"))
    assert gmm.sampling_factor(rows, 40_000) / rows == pytest.approx(0.25 / 10_000)


def test_no_other_number_of_workers_is_faster():
    def best(arithmetic, block):
        times = {workers: arithmetic / workers + block * workers for workers in range(1, 1000)}
        return min(times, key=times.get)

    assert best(50.0, 0.005) == 100
    assert best(4 * 50.0, 0.005 / 4) == right("ex-memory-workers")


def test_what_is_empty_the_second_time():
    def rows():
        yield np.zeros((1, 1))

    parts = [np.zeros((1, 1))]
    sources = [["a.npy"], rows, rows(), np.zeros((2, 2)), zip(parts, parts, strict=True), (parts[0],)]
    refused = []
    for number, source in enumerate(sources, 1):
        try:
            _batches.opened(source)
        except TypeError:
            refused.append(number)
    assert refused == right("ex-memory-once")


@pytest.mark.parametrize("case", EXERCISES["ex-memory-merge"].cases)
def test_merged_moments_are_those_of_exact_arithmetic(case):
    n_a, mean_a, covariance_a, n_b, mean_b, covariance_b = case

    def exact(a):
        return [[Fraction(float(x)) for x in row] for row in np.atleast_2d(a)]

    (ma,), (mb,), Ca, Cb = map(exact, (mean_a, mean_b, covariance_a, covariance_b))
    a, b = Fraction(n_a) / Fraction(n_a + n_b), Fraction(n_b) / Fraction(n_a + n_b)
    mean = [a * x + b * y for x, y in zip(ma, mb, strict=True)]
    n, found_mean, found = chapter_21._merged(*case)
    assert n == n_a + n_b
    np.testing.assert_allclose(found_mean, np.array(mean, dtype=float), rtol=1e-12)
    for i, j in itertools.product(range(len(mean)), repeat=2):
        second = a * (Ca[i][j] + ma[i] * ma[j]) + b * (Cb[i][j] + mb[i] * mb[j])
        assert found[i, j] == pytest.approx(float(second - mean[i] * mean[j]), rel=1e-8)


@pytest.mark.parametrize("case", EXERCISES["ex-memory-tree"].cases)
def test_the_sum_by_neighbours_is_the_kernels(case):
    assert chapter_21._by_neighbours(*case) == gmm.tree_sum(*case)


def test_the_reservoir_prefers_no_row():
    # All equally spaced u of three rows after the first: each pair of four rows is kept as often.
    grid = (np.arange(12) + 0.5) / 12
    kept = [tuple(sorted(chapter_21._reservoir(np.array([0.5, 0.5, a, b]), 2))) for a in grid for b in grid]
    counts = {pair: kept.count(pair) for pair in itertools.combinations(range(4), 2)}
    assert set(counts.values()) == {len(grid) ** 2 // 6}


@pytest.mark.parametrize(("alpha", "forgotten"), [(0.6, True), (1.0, True), (1.5, False), (2.0, False)])
def test_a_start_is_forgotten_or_not(alpha, forgotten):
    t = np.arange(1, 2_000_001)
    share = np.exp(np.log1p(-((t + 1.0) ** -alpha)).cumsum()[[20_000, -1]])
    assert (share[1] < share[0] / 10) == forgotten
    assert examine("ex-memory-exponent", alpha).right != forgotten


def test_shares_and_the_start_add_up_to_one():
    steps = np.random.default_rng(0).uniform(0.01, 0.9, size=30)
    assert gmm.batch_shares(steps).sum() + np.prod(1.0 - steps) == pytest.approx(1.0, rel=1e-13)


def test_the_lag_of_a_constant_step():
    m, step, speed = 7.0, 0.1, 0.02
    for t in range(500):
        m = (1.0 - step) * m + step * speed * t
    assert speed * 499 - m == pytest.approx(speed * (1.0 - step) / step, rel=1e-12)


def test_functions_of_the_package_answer_nothing_else():
    assert not examine("ex-memory-reservoir", lambda u, size: np.sort(np.argsort(u)[-size:])).right
