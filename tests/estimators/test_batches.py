"""Fits of data that come batch by batch: those of `fit`, whatever the batches are, and errors where they change."""

import itertools
import os
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.exceptions import ConvergenceWarning

from gmm import BayesianGaussianMixture, GaussianMixture, StudentMixture
from gmm.estimators import _batches, _progress
from gmm.estimators._batches import Reservoir

CUTS = [1, 90, 90, 211]
LABELS = np.repeat([0, 1, 2], [120, 80, 100])
X = np.array([[0.0, 0.0], [3.0, 1.0], [-1.0, 3.0]])[LABELS] + np.random.default_rng(2).normal(size=(300, 2)) * [1, 0.7]
WEIGHTS = np.random.default_rng(3).uniform(0.1, 3.0, size=300) * (np.arange(300) % 7 > 0)
GAPS = np.where(np.random.default_rng(4).random(X.shape) < 0.2, np.nan, X)
PARTS = np.split(X, CUTS)
FITTED = ("weights_", "means_", "covariances_", "lower_bound_", "lower_bounds_")
SETTINGS = {"random_state": 0, "tol": 1e-7, "max_iter": 1000}


def assert_same_fit(mine, theirs, tolerance=1e-12):
    assert mine.n_iter_ == theirs.n_iter_
    assert mine.converged_ is theirs.converged_ is True
    assert mine.n_features_in_ == theirs.n_features_in_
    for name in (*FITTED, *(("scales_", "dof_") if hasattr(mine, "dof_") else ())):
        expected = np.asarray(getattr(theirs, name))
        scale = np.abs(expected[np.isfinite(expected)]).max()
        np.testing.assert_allclose(getattr(mine, name), expected, rtol=0, atol=tolerance * scale, err_msg=name)
    np.testing.assert_allclose(mine.history_.log_likelihoods, theirs.history_.log_likelihoods, rtol=tolerance)
    assert [row["n_iter"] for row in mine.restarts_] == [row["n_iter"] for row in theirs.restarts_]


def same_bits(mine, theirs):
    return all(np.array_equal(getattr(mine, name), getattr(theirs, name)) for name in FITTED)


# ------------------------------------------------------------------------------------ the fit is that of `fit`

CASES = {
    "full": {},
    "tied": {"covariance_type": "tied"},
    "diag": {"covariance_type": "diag"},
    "spherical": {"covariance_type": "spherical"},
    "VEE": {"covariance_type": "VEE"},
    "EVI": {"covariance_type": "EVI"},
    "EVE": {"covariance_type": "EVE"},
    "a prior": {"covariance_type": "tied", "covariance_prior": "default"},
    "a given prior": {"covariance_prior": (np.eye(2), 4.0)},
    "auto": {"covariance_type": "diag", "reg_covar": "auto"},
    "noise": {"noise": True},
    "tied with noise": {"noise": True, "covariance_type": "tied"},
    "fixed": {
        "means_init": [[0.0, 0.0], [3.0, 1.0], [-1.0, 3.0]],
        "fixed": {"means": [[True, False], [True] * 2, [False] * 2]},
    },
    "restarts": {"n_init": 3, "init_params": "random_from_data"},
    "whitened": {"init_params": "kmeans_whitened"},
    "hierarchical": {"init_params": "hierarchical"},
    "recorded": {"record_parameters": True},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_fit_is_that_of_all_of_them(case):
    settings = SETTINGS | CASES[case]
    whole = GaussianMixture(3, **settings).fit(X, sample_weight=WEIGHTS)
    assert whole.n_iter_ > 10
    mine = GaussianMixture(3, **settings).fit_batches(PARTS, sample_weight=WEIGHTS)
    assert_same_fit(mine, whole)
    if case == "recorded":
        assert len(mine.history_.parameters) == whole.n_iter_ + 1
    if "noise" in case:
        assert mine.noise_weight_ == pytest.approx(whole.noise_weight_, rel=1e-12)
        assert mine.noise_volume_ == pytest.approx(whole.noise_volume_, rel=1e-12)
    np.testing.assert_allclose(mine.reg_covar_, whole.reg_covar_, rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"covariance_type": "tied"}, {"noise": True}, {"reg_covar": "auto"}])
def test_missing_values(settings):
    settings = SETTINGS | settings | {"missing": "marginalise"}
    whole = GaussianMixture(3, **settings).fit(GAPS, sample_weight=WEIGHTS)
    mine = GaussianMixture(3, **settings).fit_batches(np.split(GAPS, CUTS), sample_weight=WEIGHTS)
    assert_same_fit(mine, whole, 1e-10)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_student_mixtures(covariance_type):
    settings = SETTINGS | {"covariance_type": covariance_type, "dof": 4.0}
    assert_same_fit(StudentMixture(3, **settings).fit_batches(PARTS), StudentMixture(3, **settings).fit(X))


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_bayesian_mixtures(covariance_type):
    settings = SETTINGS | {"covariance_type": covariance_type, "n_components": 4, "tol": 1e-3}
    whole = BayesianGaussianMixture(**settings).fit(X, sample_weight=WEIGHTS)
    mine = BayesianGaussianMixture(**settings).fit_batches(PARTS, sample_weight=WEIGHTS)
    assert_same_fit(mine, whole)
    np.testing.assert_allclose(mine.counts_, whole.counts_, rtol=1e-11)


def test_far_from_the_origin():
    far = 1e7 + X
    whole = GaussianMixture(3, **SETTINGS).fit(far)
    assert_same_fit(GaussianMixture(3, **SETTINGS).fit_batches(np.split(far, CUTS)), whole, 1e-9)


def test_a_warm_start_goes_on():
    model = GaussianMixture(3, warm_start=True, random_state=0, tol=0.0, max_iter=5)
    with pytest.warns(ConvergenceWarning):
        model.fit_batches(PARTS)
    first = model.lower_bounds_
    with pytest.warns(ConvergenceWarning):
        model.fit_batches(PARTS)
    both = GaussianMixture(3, random_state=0, tol=0.0, max_iter=10)
    with pytest.warns(ConvergenceWarning):
        both.fit(X)
    np.testing.assert_allclose(first + model.lower_bounds_, both.lower_bounds_, rtol=1e-13)


def test_a_weight_of_two_is_a_row_that_stands_there_twice():
    start = {
        "means_init": [[0, 0], [3, 1], [-1, 3]],
        "weights_init": [0.4, 0.3, 0.3],
        "precisions_init": [np.eye(2)] * 3,
    }
    settings = SETTINGS | start
    twice = GaussianMixture(3, **settings).fit_batches([X, X[:100]])
    weighted = GaussianMixture(3, **settings).fit_batches([(X[:100], np.full(100, 2.0)), X[100:]])
    assert_same_fit(weighted, twice)


@pytest.mark.parametrize("place", [0, 3])
def test_weights_count_in_the_unit_of_the_largest_wherever_it_is(place):
    weights = np.linspace(0.5, 1.5, len(X))
    weights[place * (len(X) // 4)] = 1000.0
    found = _batches.Batches(GaussianMixture(3), np.array_split(X, 4), weights)
    assert found.unit == 2.0**-10
    settings = {"n_components": 3, "random_state": 0, "tol": 0.0, "max_iter": 3}
    huge = GaussianMixture(**settings).fit_batches(np.array_split(X, 4), sample_weight=2.0**1013 * weights)
    assert same_bits(huge, GaussianMixture(**settings).fit_batches(np.array_split(X, 4), sample_weight=weights))


def test_the_result_does_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40_000, 4)) + 4 * rng.integers(4, size=(40_000, 1))
    fits = [
        GaussianMixture(8, max_iter=3, tol=0.0, init_params="random_from_data", random_state=0, n_threads=n_threads)
        for n_threads in (1, 2, 3)
    ]
    for model in fits:
        with pytest.warns(ConvergenceWarning):
            model.fit_batches(np.split(rows, [15_000]))
    assert same_bits(fits[0], fits[1])
    assert same_bits(fits[0], fits[2])


# ------------------------------------------------------------------------------------ what batches may be


class Stored:
    """An array as Zarr and HDF5 have it: sliced by whole chunks, no NumPy array itself."""

    def __init__(self, array, chunks):
        self._array, self.chunks, self.read = array, chunks, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        self.read.append((rows.start, rows.stop))
        return self._array[rows]


class ArrowBatch:
    """What is read of a batch of Arrow's."""

    def __init__(self, array, names):
        self.schema, self.num_rows, self.columns = SimpleNamespace(names=names), len(array), list(array.T)
        self._array = array

    def column(self, j):
        return SimpleNamespace(to_numpy=lambda zero_copy_only: np.array(self._array[:, j]))


def sources(folder):
    """The same batches in every guise."""
    for i, part in enumerate(PARTS):
        np.save(folder / f"{i}.npy", part)
    np.save(folder / "fortran.npy", np.asfortranarray(PARTS[4]))
    paths = [folder / f"{i}.npy" for i in range(len(PARTS))]
    arrow = [ArrowBatch(part, ["a", "b"]) for part in PARTS]
    yield "tuple", tuple(PARTS)
    yield "generator function", lambda: (part.copy() for part in PARTS)
    yield "function that returns a list", lambda: PARTS
    yield "paths", paths
    yield "text and a Fortran file", [*map(str, paths[:4]), folder / "fortran.npy"]
    yield "memory maps", [np.load(path, mmap_mode="r") for path in paths]
    yield "frames", [pd.DataFrame(part, columns=["a", "b"]) for part in PARTS]
    yield "lists of rows", [part.tolist() for part in PARTS if len(part)]
    yield "Arrow data set", SimpleNamespace(to_batches=lambda: iter(arrow))
    yield "Parquet file", SimpleNamespace(iter_batches=lambda: iter(arrow))
    yield "pairs", [(part, np.ones(len(part))) for part in PARTS]
    yield "pairs without weights", [(part, None) for part in PARTS]
    yield "arrays on disk", [Stored(part, (50, 2)) for part in PARTS]


def test_batches_may_come_as(tmp_path):
    expected = GaussianMixture(3, **SETTINGS).fit_batches(PARTS)
    for name, batches in sources(tmp_path):
        # Without the empty batch the tree is another one, and weights of 1 are scaled to 1/2.
        exact = name not in ("lists of rows", "pairs")
        found = GaussianMixture(3, **SETTINGS).fit_batches(batches)
        assert same_bits(found, expected) or not exact, name
        assert_same_fit(found, expected)
        named = name in ("frames", "Arrow data set", "Parquet file")
        assert getattr(found, "feature_names_in_", np.array([])).tolist() == ["a", "b"][: 2 * named], name


@pytest.mark.parametrize("kind", ["array", "file", "memory map", "view of a map", "stored", "pair"])
def test_one_array_is_read_in_slabs(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(_batches, "SLAB", 128)  # 64 rows
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "longer.npy", np.concatenate([X[::-1][:10], X]))
    mapped, weights = np.load(tmp_path / "X.npy", mmap_mode="r"), None
    stored = Stored(X, (25, 2))
    view = np.load(tmp_path / "longer.npy", mmap_mode="r")[10:]
    batches = {
        "array": X, "file": tmp_path / "X.npy", "memory map": mapped, "view of a map": view, "stored": stored,
        "pair": [(tmp_path / "X.npy", WEIGHTS)],
    }[kind]  # fmt: skip
    if kind == "pair":
        weights = WEIGHTS
    cuts = np.arange(50, 300, 50) if kind == "stored" else np.arange(64, 300, 64)
    found = GaussianMixture(3, **SETTINGS).fit_batches(batches)
    expected = GaussianMixture(3, **SETTINGS).fit_batches(np.split(X, cuts), sample_weight=weights)
    assert same_bits(found, expected)
    if kind == "stored":
        assert set(stored.read) == {(low, min(low + 50, 300)) for low in range(0, 300, 50)}


def test_types_and_layouts_give_the_float64_answer():
    rounded = np.round(4 * X)
    expected = GaussianMixture(3, **SETTINGS).fit(rounded)
    for mixed in (
        [rounded[:100].astype(np.float32), rounded[100:].astype(np.int16)],
        [np.asfortranarray(rounded[:100]), np.repeat(rounded[100:], 2, axis=0)[::2]],
    ):
        assert_same_fit(GaussianMixture(3, **SETTINGS).fit_batches(mixed), expected)


def test_one_batch_is_held_at_a_time():
    def batches():
        for seed in range(30):
            yield np.random.default_rng(seed).normal(size=(20_000, 4))

    model = GaussianMixture(3, max_iter=2, tol=10.0, random_state=0, init_params="random_from_data")
    model.fit_batches(batches)  # compiled before it is measured
    tracemalloc.start()
    try:
        model.fit_batches(batches)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    batch = 20_000 * 4 * 8
    assert peak < 6 * batch  # the old one, the new one, the reservoir and how it is renewed


# ---------------------------------------------------------------------------------------------------- the start


class TestReservoir:
    @staticmethod
    def drawn(seed, n, size, cuts):
        reservoir, rows = Reservoir(size, seed), np.arange(n, dtype=float)[:, None]
        for low, high in itertools.pairwise([0, *cuts, n]):
            reservoir.add(rows[low:high], None, np.arange(low, high))
        X, weights, numbers = reservoir.rows()
        np.testing.assert_array_equal(X[:, 0], numbers)
        np.testing.assert_array_equal(weights, 1.0)
        assert (np.diff(numbers) > 0).all()
        return numbers

    def test_all_rows_are_kept_as_long_as_they_fit(self):
        np.testing.assert_array_equal(self.drawn(0, 50, 50, [7, 20]), np.arange(50))

    @pytest.mark.parametrize("size", [1, 7, 49])
    def test_the_cuts_do_not_matter_and_the_seed_does(self, size):
        first = self.drawn(3, 50, size, [])
        assert len(first) == size
        for cuts in ([1], [size], [5, 5, 6, 30], range(1, 50)):
            np.testing.assert_array_equal(self.drawn(3, 50, size, cuts), first)
        assert not np.array_equal(self.drawn(4, 50, size, []), first)

    def test_each_row_and_each_pair_of_rows_is_as_likely(self):
        n, size, draws = 12, 4, 1000
        inside = np.zeros((draws, n))
        for seed in range(draws):
            inside[seed, self.drawn(seed, n, size, [3, 9])] = 1
        pairs = (inside.T @ inside)[np.triu_indices(n, 1)]
        for counts, share in ((inside.sum(axis=0), size / n), (pairs, size * (size - 1) / (n * (n - 1)))):
            expected = draws * share
            # Counts of drawing without replacement vary less than independent ones would: the test is a careful one.
            assert ((counts - expected) ** 2 / (expected * (1 - share))).sum() < chi2.ppf(0.999, len(counts))


def test_starts_are_drawn_from_a_sample(monkeypatch):
    monkeypatch.setattr(_batches, "RESERVOIR", 60)
    monkeypatch.setattr(_batches, "EACH", 10)
    settings = SETTINGS | {"n_init": 2, "record_parameters": "restarts"}
    first = GaussianMixture(3, **settings).fit_batches(PARTS)
    numbers = Reservoir(60, 0)
    numbers.add(X, None, np.arange(300))
    kept = X[numbers.rows()[2]]
    of_sample = GaussianMixture(3, **settings).fit(kept)
    for mine, theirs in zip(first.restarts_["start"], of_sample.restarts_["start"]):
        np.testing.assert_array_equal(mine.means, theirs.means)  # and EM then sees all
    assert same_bits(first, GaussianMixture(3, **settings).fit_batches(np.split(X, [250])[:2])) is False
    np.testing.assert_allclose(
        first.means_, GaussianMixture(3, **settings).fit_batches(np.split(X, [250])).means_, rtol=1e-9
    )
    assert first.score(X) == pytest.approx(first.lower_bound_, abs=1e-6)
    for generator in (np.random.default_rng, np.random.RandomState):
        pair = [GaussianMixture(3, **settings | {"random_state": generator(7)}).fit_batches(PARTS) for _ in range(2)]
        assert same_bits(*pair)


# ---------------------------------------------------------------------------------------------------- errors


@pytest.fixture
def fitted():
    """A fitted mixture, and whether it is still what it was."""
    model = GaussianMixture(2, random_state=0).fit(pd.DataFrame(X, columns=["a", "b"]))
    before = dict(vars(model))
    return (
        model,
        lambda: (
            vars(model).keys() == before.keys() and all(vars(model)[name] is value for name, value in before.items())
        ),
    )


def with_value(value, batch=3, row=5):
    parts = [part.copy() for part in PARTS]
    parts[batch][row, 1] = value
    return parts


REFUSED = {
    "an iterator": (iter(PARTS), TypeError, "batches can be iterated only once .list_iter.* give a list, or"),
    "a generator": ((part for part in PARTS), TypeError, "batches can be iterated only once .generator"),
    "the same iterator again": ((lambda it: lambda: it)(iter(PARTS)), TypeError, "must make a new iterator at each"),
    "a number": (3, TypeError, "batches must be a list of arrays, files .* got int"),
    "a function of something else": (lambda: 3, TypeError, r"batches\(\) must return an iterable of batches; got int"),
    "nothing": ([], ValueError, r"batches hold no samples \(0 of them were read\)"),
    "nothing in them": ([X[:0], X[:0]], ValueError, r"batches hold no samples \(2 of them were read\)"),
    "one row": ([X[:1], X[:0]], ValueError, "Expected n_samples >= 2 .* batches have 1 samples that take part, of 1"),
    "NaN": (with_value(np.nan), ValueError, r"^batch 3 of batches, row 5 \(feature 1\): Input X contains NaN"),
    "infinity": (with_value(np.inf, 4, 8), ValueError, r"^batch 4 of batches, row 8 \(feature 1\): Input X .* inf"),
    "words": ([X, [["a", "b"]]], ValueError, "^batch 1 of batches: "),
    "complex numbers": ([X, X * 1j], ValueError, "^batch 1 of batches: Complex data not supported"),
    "rows for batches": ([[1.0, 2.0], [3.0, 4.0]], ValueError, "^batch 0 of batches must have the shape .* 1 dim"),
    "a pair in its place": ((X, np.ones(300)), ValueError, "^batch 1 of batches must have the shape .* beside sam"),
    "cells": ([X[None]], ValueError, "^batch 0 of batches must have the shape .* 3 dim"),
    "other columns": ([X, X[:, :1]], ValueError, "^batch 1 of batches has 1 features, and the first one has 2"),
    "other names": (
        [pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(X, columns=["b", "a"])], ValueError,
        r"^batch 1 of batches has the columns \['b', 'a'\], and the first one has \['a', 'b'\]",
    ),
    "weights of another length": ([X, (X, np.ones(3))], ValueError, r"^batch 1 of batches: its weights must have"),
    "negative weights": ([(X, -np.ones(300))], ValueError, "^batch 0 of batches: weights must be finite and not n"),
    "no weight": ([(X, np.zeros(300))], ValueError, "batches have 0 samples that take part, of 300"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_batches_are_refused_before_any_work(case, fitted, monkeypatch):
    batches, error, message = REFUSED[case]
    model, unchanged = fitted
    monkeypatch.setattr(GaussianMixture, "_fit_batches", lambda *_: pytest.fail("the fit has begun"))
    if case == "the same iterator again":  # which the second pass finds
        monkeypatch.undo()
    with pytest.raises(error, match=message):
        model.fit_batches(batches)
    assert unchanged()


def test_rows_of_one_array_are_counted_from_its_beginning(monkeypatch):
    monkeypatch.setattr(_batches, "SLAB", 128)
    rows = X.copy()
    rows[211, 1] = np.nan
    with pytest.raises(ValueError, match=r"^batches, row 211 \(feature 1\): Input X contains NaN"):
        GaussianMixture(2).fit_batches(rows)


def test_bad_arguments_beside_the_batches(fitted):
    model, unchanged = fitted
    for weights, message in (
        (np.ones(299), "sample_weight has 299 weights, and batches have 300 rows or more"),
        (np.ones(301), "sample_weight has 301 weights, and batches have 300 rows"),
        (np.ones((300, 1)), r"sample_weight must have shape \(n_samples,\)"),
        (np.full(300, np.nan), "weights must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit_batches(PARTS, sample_weight=weights)
    with pytest.raises(ValueError, match=r"is a pair .* and sample_weight is given"):
        model.fit_batches([(X, np.ones(300))], sample_weight=np.ones(300))
    with pytest.raises(ValueError, match="feature 1 has no observed value in batches"):
        model.set_params(missing="marginalise").fit_batches([X * [1.0, np.nan]] * 2)
    with pytest.raises(ValueError, match=r"resp_init .* fit_batches needs None"):
        model.set_params(resp_init=LABELS).fit_batches(PARTS)
    model.set_params(resp_init=None, missing="raise")
    assert unchanged()


CHANGES = {
    "fewer rows": (
        lambda: [*PARTS[:4], PARTS[4][:-1]],
        r"batch 4 of batches has shape \(88, 2\) where it had \(89, ",
    ),
    "none at all": (lambda: [], "there were 5, now there are 0"),
    "fewer batches": (lambda: PARTS[:4], "there were 5, now there are 4"),
    "more batches": (lambda: [*PARTS, X], "there were 5, now there are more"),
    "other columns": (lambda: [PARTS[0][:, :1], *PARTS[1:]], "batch 0 of batches has 1 features"),
    "another type": (lambda: [*PARTS[:4], PARTS[4].astype("f")], "batch 4 of batches has dtype <f4 where it had <f8"),
    "other values": (
        lambda: [*PARTS[:4], PARTS[4][::-1]],
        "batch 4 of batches holds other values. Each pass must",
    ),
    "NaN": (lambda: with_value(np.nan), r"batch 3 of batches, row 5 \(feature 1\): Input X contains NaN"),
}


@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("which", [2, 4])
def test_batches_that_change_between_passes_are_noticed(case, which, fitted):
    changed, message = CHANGES[case]
    model, unchanged = fitted
    passes = itertools.count(1)
    with pytest.raises(ValueError, match=message):
        model.fit_batches(lambda: PARTS if next(passes) < which else changed())
    assert next(passes) == which + 1
    assert unchanged()


@pytest.mark.parametrize("row", [0, 150, 299])
def test_a_change_of_the_first_the_middle_or_the_last_row_is_noticed(row):
    passes = itertools.count(1)
    changed = np.where(np.arange(300)[:, None] == row, X + 1.0, X)
    with pytest.raises(ValueError, match="batch 0 of batches holds other values"):
        GaussianMixture(2).fit_batches(lambda: [X if next(passes) < 2 else changed])


def test_changed_weights_are_noticed(fitted):
    model, unchanged = fitted
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="batch 0 of batches holds other values"):
        model.fit_batches(lambda: [(X, rng.random(300))])
    assert unchanged()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_batches_raise_goes_through_and_nothing_has_changed(error, fitted):
    model, unchanged = fitted
    passes = itertools.count(1)

    def batches():
        yield X
        if next(passes) == 3:
            raise error
        yield X

    with pytest.raises(error):
        model.fit_batches(batches)
    assert unchanged()


class TestFiles:
    def test_a_file_cut_short_is_refused_before_any_work(self, tmp_path, fitted):
        model, unchanged = fitted
        np.save(tmp_path / "a.npy", X)
        np.save(tmp_path / "b.npy", X)
        os.truncate(tmp_path / "b.npy", 1000)
        with pytest.raises(ValueError, match=r"^batch 1 of batches, '.*b.npy': '.*b.npy' is cut short: .* needs 4928"):
            model.fit_batches([tmp_path / "a.npy", tmp_path / "b.npy"])
        assert unchanged()

    def test_a_file_that_is_cut_short_during_the_fit(self, tmp_path, fitted):
        model, unchanged = fitted
        path = tmp_path / "a.npy"
        np.save(path, X)
        mapped = np.load(path, mmap_mode="r")

        def cut(iteration, *_):
            if iteration == 1:
                os.truncate(path, 1000)

        model.set_params(callback=cut)
        with pytest.raises(ValueError, match=r"^batch 0 of batches: '.*a.npy' ends within row 54 of 300"):
            model.fit_batches([mapped])
        model.set_params(callback=None)
        assert unchanged()

    def test_other_files(self, tmp_path, fitted):
        model, unchanged = fitted
        (tmp_path / "a.npy").write_bytes(b"no array at all")
        np.save(tmp_path / "vector.npy", X[:, 0])
        np.save(tmp_path / "objects.npy", X.astype(object), allow_pickle=True)
        for name, error, message in (
            ("a.npy", ValueError, "a.npy' is no array"),
            ("missing.npy", FileNotFoundError, "missing.npy"),
            ("a.csv", ValueError, "a.csv' is no .npy file; give a function that reads it"),
            ("vector.npy", ValueError, "must have the shape"),
            ("objects.npy", ValueError, "allow_pickle=False"),
        ):
            with pytest.raises(error, match=message):
                model.fit_batches([tmp_path / name])
        assert unchanged()


def test_a_collapse_names_rows_of_all_batches():
    rows = np.concatenate([X, np.full((30, 2), 50.0)])
    start = {
        "means_init": [[0.0, 0.0], [50.0, 50.0]], "weights_init": [0.9, 0.1], "precisions_init": [np.eye(2)] * 2
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"Component 1 collapsed .* its 30 samples \[300, 301") as caught:
        GaussianMixture(2, reg_covar=0.0, **start).fit_batches(np.split(rows, [7, 310]))
    np.testing.assert_array_equal(caught.value.samples, np.arange(300, 330))
    weights = np.where(np.arange(330) < 5, 0.0, 1.0)  # rows that take no part are counted
    with pytest.raises(ValueError, match="Component 1 collapsed") as caught:
        GaussianMixture(2, reg_covar=0.0, **start).fit_batches(np.split(rows, [7, 310]), sample_weight=weights)
    np.testing.assert_array_equal(caught.value.samples, np.arange(300, 330))


# ---------------------------------------------------------------------------------------------------- progress


def test_lines_tell_of_batches(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "BATCH_LINES", 0.0)
    GaussianMixture(1, verbose=2, verbose_interval=1).fit_batches(PARTS)
    lines, batches = capsys.readouterr().out.splitlines(), [f"  Batch {i} of 5" for i in range(1, 6)]
    assert lines[0].startswith("First pass")
    assert lines[1:12] == [*batches, "Initialization 0", *batches]
    assert lines[12].startswith("  Iteration 1")


def test_the_bar_tells_of_batches(monkeypatch):
    monkeypatch.setattr(_progress, "BATCH_TEXTS", 0.0)
    told = []
    bar = SimpleNamespace(set_postfix=lambda *a, **k: told.append({**dict(*a), **k}), update=lambda: 0, close=lambda: 0)
    monkeypatch.setattr("gmm.estimators._fitting.progress", lambda *_: _progress.Bar(lambda **_: bar, 1, 1))
    GaussianMixture(1, verbose=1).fit_batches(PARTS)
    assert [entry.get("batch") for entry in told[:5]] == [f"{i}/5" for i in range(1, 6)]
    assert told[6] == {"iteration": 1, "change": "inf", "batch": "1/5"}


class FakeBar:
    def __init__(self):
        self.made, self.n, self.closed = None, 0, False

    def __call__(self, **made):
        self.made = made
        return self

    def update(self):
        self.n += 1

    def close(self):
        self.closed = True


@pytest.mark.parametrize("kind", ["list", "files", "one file", "generator", "a frame"])
def test_the_first_pass_has_a_bar_over_its_batches(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(_batches, "SLAB", 128)  # 64 rows
    np.save(tmp_path / "X.npy", X)
    given, n, known = {
        "list": (PARTS, 5, 5), "files": ([tmp_path / "X.npy", X[:70]], 6, 6), "one file": (tmp_path / "X.npy", 5, 5),
        "generator": (lambda: iter(PARTS), 5, None), "a frame": (pd.DataFrame(X), 1, 1),
    }[kind]  # fmt: skip
    bar = FakeBar()
    monkeypatch.setattr(_batches, "first_pass", lambda verbose, n: _progress.FirstBar(bar, n) if verbose else None)
    monkeypatch.setattr("gmm.estimators._fitting.progress", lambda *_: _progress.Silent())
    GaussianMixture(1, verbose=1).fit_batches(given)
    assert bar.made == {"total": known, "desc": "First pass", "unit": "batch"}
    assert (bar.n, bar.closed) == (n, True)
    bar.closed = False
    with pytest.raises(ValueError, match="NaN"):
        GaussianMixture(1, verbose=1).fit_batches(with_value(np.nan))
    assert bar.closed


def test_files_that_are_missing_are_found_before_any_is_read(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", X)
    monkeypatch.setattr(_batches.FileRows, "__getitem__", lambda *_: pytest.fail("a file was read"))
    with pytest.raises(FileNotFoundError, match=r"b\.npy"):
        GaussianMixture(2).fit_batches([tmp_path / "a.npy", tmp_path / "b.npy"])
