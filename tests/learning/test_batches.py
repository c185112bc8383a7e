"""Samples that come batch by batch: the tree in which sums are made, and the sums themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm import learning
from gmm.engine import Units
from gmm.learning import ArraySource, BatchSource, PatternSource, tree_sum


def by_levels(parts):
    """The tree as a cluster makes it: all pairs of neighbours, then all pairs of what these gave."""
    while len(parts) > 1:
        pairs = [f"({a}{b})" if a and b else a or b for a, b in zip(parts[::2], parts[1::2])]
        parts = pairs + parts[len(parts) - len(parts) % 2 :]
    return parts[0]


class Tree(str):
    """A string that writes down how it was made."""

    def __add__(self, other):
        return Tree(f"({self!s}{other!s})")


class TestTree:
    @given(st.lists(st.booleans(), min_size=1, max_size=70))
    def test_it_is_that_of_neighbours_level_by_level(self, empty):
        names = [None if gone else Tree(chr(0x4E00 + i)) for i, gone in enumerate(empty)]
        found = tree_sum(iter(names))
        assert (found or "") == by_levels([name or "" for name in names])

    def test_nothing_but_empty_parts(self):
        assert tree_sum([]) is None
        assert tree_sum([None, None, None]) is None

    def test_few_sums_are_held_at_a_time(self):
        class Sum(float):
            alive, most = 0, 0

            def __init__(self, value):
                Sum.alive += 1
                Sum.most = max(Sum.most, Sum.alive)

            def __del__(self):
                Sum.alive -= 1

            def __add__(self, other):
                return Sum(float(self) + float(other))

        assert tree_sum(Sum(i) for i in range(1000)) == 499_500
        assert Sum.most <= 13  # log₂ 1000, and those at hand

    def test_workers_that_sum_branches_find_the_same_bits(self):
        values = list(np.random.default_rng(0).lognormal(sigma=5.0, size=1001))
        branches = [tree_sum(values[low : low + 64]) for low in range(0, 1001, 64)]
        assert tree_sum(branches) == tree_sum(values)
        assert tree_sum(values) != sum(values)


MODELS = ("full", "tied", "diag", "spherical")


def mixture(covariance_type, far=0.0, d=3, spread=3.0):
    rng = np.random.default_rng(5)
    K = 3
    means = far + spread * rng.normal(size=(K, d))
    root = rng.normal(size=(d, 2 * d))
    covariances = learning.structure_of(covariance_type).common(root @ root.T / d, K)
    return learning.make_parameters(np.full(K, 1 / K), means, covariances, covariance_type)


def source_of(X, weights, cuts, **options):
    parts = list(zip(np.split(X, cuts), [None] * (len(cuts) + 1) if weights is None else np.split(weights, cuts)))
    return BatchSource(lambda: (part if len(part[0]) else None for part in parts), **options)


CUTS = [1, 40, 40, 41, 200, 333]


@pytest.mark.parametrize("covariance_type", MODELS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("far", [0.0, 1e7])
def test_statistics_are_those_of_the_whole(covariance_type, weighted, far):
    rng = np.random.default_rng(1)
    X = far + 4 * rng.normal(size=(400, 3))
    weights = rng.uniform(0.1, 2.0, size=400) if weighted else None
    parameters = mixture(covariance_type, far)
    units = parameters.units()
    density = parameters.in_units(units).density(units)
    parts, whole = source_of(X, weights, CUTS), ArraySource(X, weights)
    for centres in (None, density.centres + 0.1):
        mine, theirs = (source.statistics(density, centres) for source in (parts, whole))
        assert mine.model is theirs.model
        for name in ("centres", "total_weight", "log_likelihood", "counts"):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), rtol=1e-13, err_msg=name)
        for name, power in (("first", 1), ("second", 2)):
            scale = 10.0**power * theirs.total_weight
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), atol=1e-14 * scale, err_msg=name)
    expected = np.average(X - far, axis=0, weights=weights)
    np.testing.assert_allclose(parts.mean() - far, expected, atol=1e-13 + 2e-16 * far)
    np.testing.assert_allclose(parts.covariance(), np.cov(X.T, bias=True, aweights=weights), rtol=1e-12, atol=1e-12)


def test_tied_components_far_apart():
    """There the whitened pass would lose digits, and the moments are those of each component."""
    X = np.random.default_rng(1).normal(size=(400, 3)) + np.repeat([0.0, 1e6], 200)[:, None]
    parameters = learning.make_parameters([0.5, 0.5], [[0.0] * 3, [1e6] * 3], np.eye(3), "tied")
    density = parameters.density()
    mine, theirs = (source.statistics(density) for source in (source_of(X, None, CUTS), ArraySource(X)))
    np.testing.assert_allclose(mine.second, theirs.second, rtol=1e-12)
    offsets = X - parameters.means[np.repeat([0, 1], 200)]
    np.testing.assert_allclose(mine.second, offsets.T @ offsets, rtol=1e-9)


def test_one_source_serves_fits_in_different_units():
    """Its total scatter is kept, but for each of the units that it was asked in."""
    X = 1e7 + np.random.default_rng(1).normal(size=(400, 3))
    source, whole, parameters = source_of(X, None, CUTS), ArraySource(X), mixture("tied", 1e7)
    shifted = parameters.units()
    for units in (shifted, Units(np.full(3, 1e7 + 1.0), 0.5, False), shifted):
        density = parameters.in_units(units).density(units)
        mine, theirs = source.statistics(density), whole.statistics(density)
        np.testing.assert_allclose(mine.second, theirs.second, rtol=1e-9)


@pytest.mark.parametrize("covariance_type", MODELS)
def test_missing_values(covariance_type):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 3)) @ [[1.0, 0.5, 0.2], [0.0, 1.0, 0.4], [0.0, 0.0, 0.8]] + 20.0
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:45, 1] = np.nan  # the first batches do not know of it
    X = X[~np.isnan(X).all(axis=1)]
    parts, whole = source_of(X, None, CUTS, missing=True, sample=X), PatternSource(X)
    np.testing.assert_array_equal(parts.origin, [column[~np.isnan(column)][0] for column in X.T])
    density = mixture(covariance_type, 20.0).density()
    for mine, theirs in zip(parts.statistics(density)[1:], whole.statistics(density)[1:]):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(parts.mean(), whole.mean(), rtol=1e-12)
    np.testing.assert_allclose(parts.covariance(), whole.covariance(), rtol=1e-10)
    assert np.array_equal(parts.completed(np.random.default_rng(0))[~np.isnan(X)], X[~np.isnan(X)])


def test_a_watcher_hears_of_each_batch():
    heard = []
    source = source_of(np.ones((5, 3)), None, [2, 2])
    source.watch = lambda *batch: heard.append(batch)
    assert source.total_weight == 5.0
    assert heard == [(1, "?"), (2, "?"), (3, "?")]
