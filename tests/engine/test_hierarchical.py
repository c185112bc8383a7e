"""Agglomerative clustering by the classification likelihood: against its definition, and against mclust's trees."""

from __future__ import annotations

import itertools
import math
import threading

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mclust_trees import SAMPLES, TREES, partitions

import gmm
from gmm.engine import hierarchical, threads
from gmm.estimators.hierarchical import HierarchicalClustering, clustered, scaled

MODELS = ("EII", "VII", "EEE", "VVV")
SCALINGS = ("svd", "standardise", None)


def scatter(X, weights):
    centred = X - weights @ X / weights.sum()
    return (weights[:, None] * centred).T @ centred


def log_det(matrix):
    size = np.sqrt(np.diag(matrix))
    if not size.all() or np.linalg.matrix_rank(matrix / size[:, None] / size) < len(matrix):
        return -math.inf
    return np.linalg.slogdet(matrix / size[:, None] / size)[1] + 2.0 * np.log(size).sum()


def criterion(model, X, weights, groups, alpha, beta, final=False):
    """What is to grow as little as it can, of a partition (lists of row numbers)."""
    d, total = X.shape[1], weights.sum()
    variance = np.trace(scatter(X, weights)) / (total * d)
    parts = [(weights[g].sum(), scatter(X[g], weights[g])) for g in groups]
    if model == "EII":
        return sum(np.trace(W) for _, W in parts)
    if model == "VII":
        return sum(n * math.log((np.trace(W) + alpha * variance) / n) for n, W in parts)
    if model == "VVV":
        regular = [math.log(beta * (np.trace(W) + alpha * variance) / n) for n, W in parts]
        return sum(
            n * (np.logaddexp(log_det(W / n), r) if n > d else r) for (n, W), r in zip(parts, regular, strict=True)
        )
    W = sum(W for _, W in parts) / total
    return np.linalg.det(W) + (0.0 if final else np.trace(W))


def plain(model, X, weights, alpha=1.0, beta=1.0):
    """The tree by its definition, every criterion anew: [(a, b, cost)]."""
    groups, found, final = [[i] for i in range(len(X))], [], False
    threshold = np.trace(scatter(X, weights)) / (weights.sum() * X.shape[1])
    while len(groups) > 1:
        before = criterion(model, X, weights, groups, alpha, beta, final)

        def after(pair, final=final, groups=groups):
            a, b = pair
            united = [g for k, g in enumerate(groups) if k not in pair] + [groups[a] + groups[b]]
            return criterion(model, X, weights, united, alpha, beta, final)

        pairs = list(itertools.combinations(range(len(groups)), 2))
        a, b = min(pairs, key=after)
        if model == "EEE":
            best = min(pairs, key=lambda pair: after(pair, final=True))
            if after(best, final=True) >= threshold:
                (a, b), final = best, True
            final = final or after((a, b), final=True) >= threshold
        heads = sorted((min(groups[a]), min(groups[b])))
        found.append((*heads, after((a, b)) - before))
        groups = [g for k, g in enumerate(groups) if k not in (a, b)] + [groups[a] + groups[b]]
    return found


class TestDefinition:
    @pytest.mark.parametrize("model", MODELS)
    @given(
        seed=st.integers(0, 2**31), d=st.integers(1, 4), scale=st.sampled_from([0.05, 1.0, 8.0]), weighted=st.booleans()
    )
    @settings(max_examples=5)
    @example(seed=1, d=3, scale=8.0, weighted=False)
    @example(seed=2, d=2, scale=8.0, weighted=True)
    def test_the_tree_is_the_one_of_its_definition(self, model, seed, d, scale, weighted):
        rng = np.random.default_rng(seed)
        X = scale * (rng.normal(size=(11, d)) + 3.0 * rng.integers(0, 2, size=(11, 1)))
        weights = rng.integers(1, 4, size=11).astype(float) if weighted else np.ones(11)
        alpha, beta = rng.uniform(0.5, 2.0, size=2)
        expected = plain(model, X, weights, alpha, beta)
        found = hierarchical.agglomerate(X, weights, model, alpha=alpha, beta=beta)
        assert found.pairs.tolist() == [[a, b] for a, b, _ in expected]
        if model != "EEE":
            np.testing.assert_allclose(found.costs, [cost for *_, cost in expected], rtol=1e-9, atol=1e-10)

    def test_the_costs_of_eee_are_those_of_the_determinant(self):
        X, one = SAMPLES["three"][:40], np.ones(40)
        found = hierarchical.agglomerate(X, one, "EEE")
        tree = HierarchicalClustering("EEE", None, *found)
        for size in (1, 2, 5, 20):
            log_dets = [
                log_det(sum(scatter(X[labels == k], one[labels == k]) for k in range(labels.max() + 1)))
                for labels in (tree.labels(size + 1), tree.labels(size))
            ]
            np.testing.assert_allclose(found.costs[-size], 40 * (log_dets[1] - log_dets[0]), rtol=1e-9)

    @pytest.mark.parametrize("model", ["EII", "VII", "VVV"])
    def test_determinants_beyond_float64_are_taken_by_their_logarithms(self, model):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(90, 40)) * 10.0 ** rng.choice([-8.0, 8.0], size=40)
        one = np.ones(90)
        for size in (1e-6, 1.0, 1e6):
            found = hierarchical.agglomerate(size * X, one, model)
            assert np.isfinite(found.costs).all()
        tree = HierarchicalClustering(model, None, *found)
        groups = [[np.flatnonzero(tree.labels(K) == k) for k in range(K)] for K in (2, 1)]
        values = [criterion(model, 1e6 * X, one, parts, 1.0, 1.0) for parts in groups]
        np.testing.assert_allclose(found.costs[-1], values[1] - values[0], rtol=1e-6)

    @pytest.mark.parametrize(
        ("model", "later"), [("EII", "12 01 04"), ("VII", "24 01 02"), ("EEE", "24 01 02"), ("VVV", "24 01 02")]
    )
    def test_ties_are_settled_as_in_mclust(self, model, later):
        # Four pairs of one distance, 8 apart from each other, exactly so in binary numbers. Unions of mclust 6.0.0.
        X = np.array([[0, 1], [8, 1], [16, 1], [0, -1], [24, 1], [8, -1], [16, -1], [24, -1.0]])
        expected = [[int(number) for number in pair] for pair in f"47 26 15 03 {later}".split()]
        assert hierarchical.agglomerate(X, np.ones(8), model).pairs.tolist() == expected

    @pytest.mark.parametrize("model", MODELS)
    def test_of_two_neighbours_as_near_the_last_is_taken(self, model):
        X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 64.0]])  # mclust 6.0.0 begins with 2 and 3, from 1
        assert hierarchical.agglomerate(X, np.ones(4), model).pairs[0].tolist() == [1, 2]

    @pytest.mark.parametrize("model", MODELS)
    def test_the_number_of_bouts_changes_nothing(self, model, monkeypatch):
        X, one = SAMPLES["five"], np.ones(120)
        whole = hierarchical.agglomerate(X, one, model)
        monkeypatch.setattr(hierarchical, "BOUT", 1e5)
        parts = hierarchical.agglomerate(X, one, model)
        for array, other in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(array, other)

    @pytest.mark.parametrize("model", MODELS)
    def test_a_flag_ends_it_between_two_bouts(self, model, monkeypatch):
        monkeypatch.setattr(hierarchical, "BOUT", 1e4)
        flag, ended = threads.new_flag(), []
        flag.fill(1)

        def work():
            threads.obey(flag)
            try:
                hierarchical.agglomerate(SAMPLES["five"], np.ones(120), model)
            except KeyboardInterrupt:
                ended.append(True)

        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        assert ended == [True]


class TestLikeMclust:
    @pytest.mark.parametrize("name", TREES)
    def test_partitions(self, name):
        sample, model, scaling = name.split()
        tree = gmm.hierarchical_clustering(SAMPLES[sample], model, None if scaling == "None" else scaling)
        for size, labels in enumerate(partitions(name), start=1):
            np.testing.assert_array_equal(tree.labels(size), labels, err_msg=f"{size} clusters")

    def test_all_models_and_scalings_are_compared(self):
        assert {tuple(name.split()[1:]) for name in TREES} == {
            (model, str(scaling)) for model in MODELS for scaling in SCALINGS
        } - {("VVV", "None")}


class TestTree:
    TREE = gmm.hierarchical_clustering(SAMPLES["two"])

    def test_partitions_are_nested_and_numbered_by_their_first_samples(self):
        coarser = np.zeros(150, dtype=int)
        for size in range(1, 151):
            labels = self.TREE.labels(size)
            first = np.unique(labels, return_index=True)[1]
            assert len(first) == size
            assert (np.diff(first) > 0).all()
            assert len(np.unique(np.stack([labels, coarser]), axis=1).T) == size  # each lies in one of the coarser
            coarser = labels

    def test_merges_name_clusters_by_their_first_samples(self):
        merges = self.TREE.merges
        assert merges.shape == (149, 2)
        assert (merges[:, 0] < merges[:, 1]).all()
        assert sorted(merges[:, 1]) == list(range(1, 150))  # each but the first is joined to another once
        labels = self.TREE.labels(9)
        a, b = merges[-9]
        assert labels[a] == labels[b]
        assert self.TREE.labels(10)[a] != self.TREE.labels(10)[b]

    @pytest.mark.parametrize("wrong", [0, 151, -1])
    def test_a_size_that_is_not_there(self, wrong):
        with pytest.raises(ValueError, match=rf"n_clusters must be between 1 and .*150; got {wrong}"):
            self.TREE.labels(wrong)

    @pytest.mark.parametrize("wrong", [2.0, "2", True, None])
    def test_a_size_that_is_no_number(self, wrong):
        with pytest.raises(TypeError, match="n_clusters must be an integer"):
            self.TREE.labels(wrong)

    def test_what_it_is(self):
        assert repr(self.TREE) == "HierarchicalClustering(150 samples; model='VVV', scaling='svd')"


class TestScaling:
    def test_svd_gives_the_left_vectors_times_the_roots_of_the_values(self):
        X = SAMPLES["five"]
        Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
        U, values, _ = np.linalg.svd(Z, full_matrices=False)
        found = scaled(X, "svd", np.ones(len(X)))
        np.testing.assert_allclose(np.abs(found), np.abs(U * np.sqrt(values)), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(scaled(X, "standardise", np.ones(len(X))), Z, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("scaling", ["svd", "standardise"])
    @pytest.mark.parametrize("factor", [1e-250, 1e-3, 1e250])
    def test_units_and_constant_or_dependent_features_change_nothing(self, scaling, factor):
        X = SAMPLES["three"]
        expected = gmm.hierarchical_clustering(X, scaling=scaling).labels(5)
        units = X * [factor, 1.0, 7.0] + [0.0, 50.0, 0.0]
        np.testing.assert_array_equal(gmm.hierarchical_clustering(units, scaling=scaling).labels(5), expected)
        constant = np.column_stack([X, np.full(len(X), 3.0)])
        np.testing.assert_array_equal(gmm.hierarchical_clustering(constant, scaling=scaling).labels(5), expected)

    def test_a_direction_of_rounding_errors_is_left_out(self):
        X = SAMPLES["two"]
        assert scaled(np.column_stack([X, X.sum(axis=1)]), "svd", np.ones(150)).shape == (150, 2)


class TestInput:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("scaling", SCALINGS)
    @pytest.mark.parametrize(
        "X",
        [
            np.zeros((5, 2)),
            np.array([[1.0, 2.0]]),
            np.arange(6).reshape(3, 2),
            np.repeat([[1.0, 2.0], [3.0, 5.0]], 4, axis=0),
            np.ones((6, 3)) * np.arange(6.0)[:, None],  # a line
            np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32),
        ],
        ids=["one point", "one sample", "integers", "two points", "a line", "more features than samples"],
    )
    def test_flat_and_small_data(self, X, scaling, model):
        tree = gmm.hierarchical_clustering(X, model, scaling)
        assert tree.n_samples == len(X)
        for size in range(1, len(X) + 1):
            assert len(np.unique(tree.labels(size))) == size

    @pytest.mark.parametrize("model", MODELS)
    def test_a_common_factor_of_the_weights_changes_nothing(self, model):
        X, counts = SAMPLES["three"][:40], np.random.default_rng(0).integers(1, 4, size=40)
        trees = [
            gmm.hierarchical_clustering(X, model, sample_weight=w) for w in (counts, 0.125 * counts, 1e-300 * counts)
        ]
        for tree in trees[1:]:
            np.testing.assert_array_equal(tree.labels(6), trees[0].labels(6))
        assert (trees[0].labels(6) != gmm.hierarchical_clustering(X, model).labels(6)).any()

    @pytest.mark.parametrize("model", ["EII", "EEE"])
    def test_weights_are_repeats_where_these_join_first(self, model):
        X, counts = SAMPLES["three"][:40], np.random.default_rng(0).integers(1, 4, size=40)
        weighted = gmm.hierarchical_clustering(X, model, sample_weight=counts)
        repeated = gmm.hierarchical_clustering(np.repeat(X, counts, axis=0), model)
        for size in range(1, 10):
            np.testing.assert_array_equal(np.repeat(weighted.labels(size), counts), repeated.labels(size))

    @pytest.mark.parametrize("model", MODELS)
    def test_far_from_the_origin_no_digit_is_lost(self, model):
        X = np.round(SAMPLES["three"] * 64) / 64
        near = gmm.hierarchical_clustering(X + np.pi * 1e-3, model, None)
        far = gmm.hierarchical_clustering(X + 2.0**36, model, None)
        for size in (2, 5, 9):
            np.testing.assert_array_equal(near.labels(size), far.labels(size))

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"model": "VEV"}, ValueError, r"model must be one of 'EII', 'VII', 'EEE', 'VVV'; got 'VEV'"),
            ({"scaling": "pca"}, ValueError, r"scaling must be one of 'svd', 'standardise', None; got 'pca'"),
            ({"alpha": 0.0}, ValueError, r"alpha must be positive and finite; got 0\.0"),
            ({"beta": math.inf}, ValueError, "beta must be positive and finite; got inf"),
            ({"beta": "1"}, TypeError, "beta must be a real number; got '1'"),
            ({"sample_weight": np.arange(150)}, ValueError, "sample_weight must be positive"),
            ({"sample_weight": np.ones(3)}, ValueError, "sample_weight"),
            ({"X": np.full((4, 2), np.nan)}, ValueError, "NaN"),
            ({"X": [[1.0], [1e200]], "scaling": None}, ValueError, r"leave the range of float64"),
            ({"X": [["a"], ["b"]]}, ValueError, "numeric|could not convert"),
        ],
    )
    def test_what_cannot_be_clustered(self, arguments, error, message):
        with pytest.raises(error, match=message):
            gmm.hierarchical_clustering(**{"X": SAMPLES["two"], **arguments})

    def test_the_result_does_not_depend_on_the_layout(self):
        X = SAMPLES["five"]
        expected = clustered(X, "VVV", "svd").merges
        for other in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], np.repeat(X, 2, axis=1)[:, ::2]):
            np.testing.assert_array_equal(clustered(other, "VVV", "svd").merges, expected)
