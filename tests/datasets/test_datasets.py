"""The data sets: sizes, known moments, units, and copies that are the caller's own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from gmm import datasets

# Loader -> samples, features, known groups.
SIZES = {
    "load_old_faithful": (272, 2, 0),
    "load_galaxies": (82, 1, 0),
    "load_iris": (150, 4, 3),
    "load_wine": (178, 13, 3),
    "load_breast_cancer": (569, 30, 2),
    "load_digits": (1797, 64, 10),
    "load_sample_image": (427 * 640, 3, 0),
}


def test_every_loader_is_here():
    assert set(SIZES) == {name for name in datasets.__all__ if name.startswith("load_")}


@pytest.mark.parametrize("loader", SIZES)
def test_shape_names_units_and_source(loader):
    data = getattr(datasets, loader)()
    n, d, groups = SIZES[loader]
    assert data.X.shape == (n, d) == (data.n_samples, data.n_features)
    assert data.X.dtype == np.float64
    assert data.X.flags.c_contiguous
    assert np.isfinite(data.X).all()
    assert len(data.feature_names) == len(data.units) == len(data.labels()) == d
    assert all(data.feature_names)
    assert data.citation
    assert data.description
    assert repr(data) == f"Dataset({data.name}: {n} samples, {d} features)"
    if groups:
        assert data.target.shape == (n,)
        assert_array_equal(np.unique(data.target), np.arange(groups))
        assert len(data.target_names) == groups
    else:
        assert data.target is None
        assert data.target_names == ()


@pytest.mark.parametrize("loader", SIZES)
def test_each_call_returns_fresh_arrays(loader):
    first = getattr(datasets, loader)()
    kept = first.X.copy()
    first.X[...] = -1.0
    if first.target is not None:
        first.target[...] = -1
    second = getattr(datasets, loader)()
    assert_array_equal(second.X, kept)
    assert second.target is None or second.target.min() == 0


def test_a_data_set_cannot_be_rebound():
    with pytest.raises(dataclasses.FrozenInstanceError):
        datasets.load_old_faithful().X = None


@pytest.mark.exact_data
def test_old_faithful_is_the_published_set():
    data = datasets.load_old_faithful()
    assert_allclose(data.X.mean(axis=0), [3.4877830882352936, 70.8970588235294], rtol=1e-14)
    # The covariance (divisor n - 1) that R prints for `faithful`.
    assert_allclose(np.cov(data.X.T), [[1.302728, 13.977808], [13.977808, 184.823312]], rtol=1e-6)
    assert_array_equal(data.X[0], [3.6, 79])
    assert_array_equal(data.X[-1], [4.467, 74])
    assert_array_equal(data.X.min(axis=0), [1.6, 43])
    assert_array_equal(data.X.max(axis=0), [5.1, 96])
    assert data.labels() == ("eruptions (min)", "waiting (min)")


@pytest.mark.exact_data
def test_galaxies_are_the_published_set_without_its_misprint():
    data = datasets.load_galaxies()
    assert data.X.sum() == 1707910 + 270
    assert data.X[77, 0] == 26960
    assert_array_equal(np.diff(data.X[:, 0]) >= 0, True)  # the rows rise, with the misprint too
    assert (data.X.min(), data.X.max()) == (9172, 34279)
    assert data.labels() == ("velocity (km/s)",)
    misprinted = datasets.load_galaxies(corrected=False)
    assert misprinted.X.sum() == 1707910
    assert misprinted.X[77, 0] == 26690
    assert_array_equal(np.flatnonzero(misprinted.X[:, 0] != data.X[:, 0]), [77])
    assert datasets.load_galaxies().X[77, 0] == 26960


def test_iris_carries_its_unit_beside_the_name():
    data = datasets.load_iris()
    assert data.labels()[0] == "sepal length (cm)"
    assert data.feature_names[0] == "sepal length"
    assert_allclose(data.X.mean(axis=0), [5.843333, 3.057333, 3.758, 1.199333], rtol=1e-6)
    assert_array_equal(np.bincount(data.target), [50, 50, 50])
    assert data.target_names == ("setosa", "versicolor", "virginica")


@pytest.mark.exact_data
@pytest.mark.parametrize("name", ["load_iris", "load_wine", "load_breast_cancer", "load_digits"])
def test_the_rows_are_those_of_scikit_learn(name):
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, name)()
    data = getattr(datasets, name)()
    assert_array_equal(data.X, bunch.data)
    assert_array_equal(data.target, bunch.target)


def test_a_feature_without_a_unit_has_a_bare_label():
    assert datasets.load_wine().labels()[0] == "alcohol"


@pytest.mark.exact_data
@pytest.mark.parametrize("name", ["china", "flower"])
def test_the_pixels_of_an_image_stand_row_by_row(name):
    import sklearn.datasets

    image = sklearn.datasets.load_sample_image(f"{name}.jpg")
    data = datasets.load_sample_image(name)
    assert_array_equal(data.X.reshape(image.shape), image)
    assert data.feature_names == ("red", "green", "blue")


def test_bad_arguments_are_refused_by_name():
    with pytest.raises(ValueError, match="name must be 'china' or 'flower'; got 'moon'"):
        datasets.load_sample_image("moon")
    for value in (1, "yes", None):
        with pytest.raises(TypeError, match=f"corrected must be True or False; got {value!r}"):
            datasets.load_galaxies(corrected=value)
