"""Regression with a mixture: moments of some features given others, for many rows at once."""

import doctest

import numpy as np
import pandas as pd
import pytest
from estimator_helpers import matrices_of, random_mixture
from hypothesis import given
from hypothesis import strategies as st

from gmm import GaussianMixture
from gmm.estimators import _conditional, gaussian_mixture

STRUCTURES = ("full", "tied", "diag", "spherical")


@given(
    seed=st.integers(0, 10_000),
    covariance_type=st.sampled_from(STRUCTURES),
    n_features=st.integers(2, 6),
    n_components=st.integers(1, 4),
    data=st.data(),
)
def test_each_row_is_what_conditional_gives_for_it(seed, covariance_type, n_features, n_components, data):
    model = random_mixture(seed, covariance_type, n_components, n_features)
    order = data.draw(st.permutations(range(n_features)))
    features = order[: data.draw(st.integers(1, n_features - 1))]
    values = 3.0 * np.random.default_rng(seed).normal(size=(7, len(features)))
    moments = model.conditional_moments(features, values)
    n_free = n_features - len(features)
    for i, row in enumerate(values):
        one = model.conditional(features, row)
        np.testing.assert_allclose(moments.weights[i], one.weights_, rtol=1e-12, atol=1e-300)
        mean = one.weights_ @ one.means_
        np.testing.assert_allclose(moments.mean[i], mean, rtol=1e-12, atol=1e-12)
        matrices = matrices_of(one.covariances_, covariance_type, n_components, n_free)
        second = sum(w * (C + np.outer(m, m)) for w, m, C in zip(one.weights_, one.means_, matrices, strict=True))
        np.testing.assert_allclose(moments.covariance[i], second - np.outer(mean, mean), rtol=1e-9, atol=1e-10)


def test_moments_are_integrals_of_the_joint_density(covariance_type):
    model = random_mixture(6, covariance_type, n_components=3, n_features=3)
    given_values = np.array([[-2.0], [0.3], [4.0]])
    moments = model.conditional_moments([1], given_values)
    axis = np.linspace(-25.0, 25.0, 401)
    first, second = np.meshgrid(axis, axis, indexing="ij")
    for value, mean, covariance in zip(given_values[:, 0], moments.mean, moments.covariance, strict=True):
        points = np.column_stack([first.ravel(), np.full(first.size, value), second.ravel()])
        density = np.exp(model.score_samples(points))  # the trapezoid rule is exact to rounding here: a plain sum
        density /= density.sum()
        free = points[:, [0, 2]]
        np.testing.assert_allclose(mean, density @ free, rtol=1e-10)
        centred = free - density @ free
        np.testing.assert_allclose(covariance, (density[:, None] * centred).T @ centred, rtol=1e-9, atol=1e-9)


def test_one_component_is_linear_regression():
    model = random_mixture(3, "full", n_components=1, n_features=4)
    values = np.random.default_rng(0).normal(size=(50, 2))
    moments = model.conditional_moments([3, 0], values)
    matrix, mean = model.covariances_[0], model.means_[0]
    a, b = [1, 2], [3, 0]
    slopes = np.linalg.solve(matrix[np.ix_(b, b)], matrix[np.ix_(b, a)])
    np.testing.assert_allclose(moments.mean, mean[a] + (values - mean[b]) @ slopes, rtol=1e-11)
    expected = matrix[np.ix_(a, a)] - matrix[np.ix_(a, b)] @ slopes
    np.testing.assert_allclose(moments.covariance, np.broadcast_to(expected, (50, 2, 2)), rtol=1e-10)
    np.testing.assert_array_equal(moments.weights, 1.0)


def test_weights_are_the_responsibilities_of_the_marginal(covariance_type):
    model = random_mixture(1, covariance_type, n_components=4, n_features=3)
    values = 4.0 * np.random.default_rng(2).normal(size=(100, 2))
    weights = model.conditional_moments([2, 0], values).weights
    np.testing.assert_allclose(weights, model.marginal([2, 0]).predict_proba(values), rtol=1e-9, atol=1e-14)


def test_rows_in_blocks_and_without_covariances(monkeypatch):
    model = random_mixture(2, "full", n_components=3, n_features=4)
    values = np.random.default_rng(0).normal(size=(300, 1))
    whole = model.conditional_moments(0, values)
    assert whole.mean.shape == (300, 3)
    assert whole.covariance.shape == (300, 3, 3)
    monkeypatch.setattr(_conditional, "BLOCK", 1)  # 64 rows each
    parts = model.conditional_moments(0, values.tolist())
    for name in ("mean", "covariance", "weights"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-13)
    bare = model.conditional_moments(0, values, return_cov=False)
    assert bare.covariance is None
    np.testing.assert_array_equal(bare.mean, parts.mean)


def test_far_rows_work_in_the_log_domain_until_float64_ends():
    model = random_mixture(8, "full", n_features=2)
    moments = model.conditional_moments(0, [[1e6], [-1e100]])  # every density underflows
    np.testing.assert_array_equal(moments.weights.max(axis=1), 1.0)
    for array in moments:
        assert np.isfinite(array).all()
    with pytest.raises(ValueError, match=r"values\[1\] is so far from every component.*1\.e\+300"):
        model.conditional_moments([0], [[0.0], [1e300]])


def test_a_component_that_has_no_weight_is_left_out_however_far_it_is():
    # The mean of the second component has a square beyond float64, and its weight is 0.
    model = GaussianMixture.from_parameters([1.0, 0.0], [[0.0, 0.0], [0.0, 1e200]], [np.eye(2), np.eye(2)])
    moments = model.conditional_moments(0, [[0.5]])
    np.testing.assert_array_equal(moments.mean, [[0.0]])
    np.testing.assert_array_equal(moments.covariance, [[[1.0]]])


def test_the_variance_does_not_cancel_far_from_the_origin():
    model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0, 1e8], [0.0, 1e8 + 2.0]], np.full((2, 2), 1e-6), "diag")
    moments = model.conditional_moments(0, [[0.0]])
    assert moments.covariance[0, 0, 0] == pytest.approx(1.0 + 1e-6, rel=1e-12)


def test_names_and_frames():
    model = random_mixture(4, "full", n_features=3)
    model.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)
    frame = pd.DataFrame({"c": [0.5, 1.0], "a": [0.0, -1.0]})
    moments = model.conditional_moments(["c", "a"], frame)
    np.testing.assert_array_equal(moments.mean, model.conditional_moments([2, 0], frame.to_numpy()).mean)
    with pytest.raises(ValueError, match=r"values must have the columns \['c', 'a'\], as features; got \['a', 'c'\]"):
        model.conditional_moments(["c", "a"], frame[["a", "c"]])


@pytest.mark.parametrize(
    ("features", "values", "message"),
    [
        ([0], [0.0, 1.0], "Expected 2D array, got 1D array instead"),
        ([0], [[0.0, 1.0]], r"values must have shape \(n_samples, 1\), one column a feature; got \(1, 2\)"),
        ([0], [[np.nan]], "Input values contains NaN"),
        ([0], np.empty((0, 1)), r"Found array with 0 sample\(s\)"),
        ([0, 1, 2], [[0.0, 1.0, 2.0]], "features must leave at least one feature free"),
        ([3], [[0.0]], "features has index 3, but the mixture has 3 features"),
    ],
)
def test_what_does_not_fit_is_refused(features, values, message):
    with pytest.raises(ValueError, match=message):
        random_mixture(0, "full").conditional_moments(features, values)


def test_conditional_points_at_the_way_for_many_rows():
    with pytest.raises(ValueError, match=r"values must have shape \(1,\).*conditional_moments takes many rows at once"):
        random_mixture(0, "full").conditional([0], [[0.0], [1.0]])


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(gaussian_mixture)
    assert failed == 0
    assert attempted > 0
