"""sorted: the same mixture, its components in another order."""

import numpy as np
import pandas as pd
import pytest
from estimator_helpers import random_mixture
from hypothesis import given
from hypothesis import strategies as st

from gmm import GaussianMixture

STRUCTURES = ("full", "tied", "diag", "spherical")
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


@given(
    seed=st.integers(0, 10_000),
    covariance_type=st.sampled_from(STRUCTURES),
    n_components=st.integers(1, 5),
    data=st.data(),
)
def test_labels_follow_and_the_density_stays(seed, covariance_type, n_components, data):
    model = random_mixture(seed, covariance_type, n_components, 2)
    order = np.array(data.draw(st.permutations(range(n_components))))
    new = model.sorted(order)
    X = model.sample(50, random_state=seed)[0]
    np.testing.assert_array_equal(order[new.predict(X)], model.predict(X))
    np.testing.assert_allclose(new.predict_proba(X), model.predict_proba(X)[:, order], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(new.score_samples(X), model.score_samples(X), rtol=1e-13)
    np.testing.assert_array_equal(new.conditional(0, 0.5).means_, model.conditional(0, 0.5).means_[order])
    back = new.sorted(np.argsort(order))
    for name in FITTED:
        np.testing.assert_array_equal(getattr(back, name), getattr(model, name))


def test_by_weight_by_feature_and_by_name(blobs):
    frame = pd.DataFrame(blobs[0], columns=["length", "width"])
    model = GaussianMixture(3, random_state=0).fit(frame)
    assert np.diff(model.sorted().weights_).max() < 0
    assert np.diff(model.sorted(by=1).means_[:, 1]).min() > 0
    assert np.diff(model.sorted("length").means_[:, 0]).min() > 0
    np.testing.assert_array_equal(model.sorted("width").means_, model.sorted(-1).means_)
    assert model.sorted("width").feature_names_in_.tolist() == ["length", "width"]


def test_equals_keep_their_order():
    model = GaussianMixture.from_parameters([0.25, 0.5, 0.25], [[1.0], [0.0], [1.0]], [1.0, 2.0, 3.0], "spherical")
    assert model.sorted().covariances_.tolist() == [2.0, 1.0, 3.0]
    assert model.sorted(by=0).covariances_.tolist() == [2.0, 1.0, 3.0]


def test_the_course_of_the_fit_follows(overlapping, covariance_type, tmp_path):
    settings = {"n_init": 2, "random_state": 0, "record_parameters": True, "max_iter": 500}
    model = GaussianMixture(3, covariance_type=covariance_type, **settings).fit(overlapping[0])
    order = [2, 0, 1]
    new = model.sorted(order)
    assert new.get_params() == model.get_params()
    assert (new.n_iter_, new.converged_, new.lower_bounds_) == (model.n_iter_, True, model.lower_bounds_)
    for state, other in zip(new.history_.parameters, model.history_.parameters, strict=True):
        np.testing.assert_array_equal(state.means, other.means[order])
    np.testing.assert_array_equal(new.history_.parameters[-1].weights, new.weights_)
    for name in ("covariances", "precisions_cholesky"):
        np.testing.assert_array_equal(getattr(new.history_.parameters[-1], name), getattr(new, f"{name}_"))
    for row, other in zip(new.restarts_, model.restarts_, strict=True):
        expected = other["parameters"].means[order] if row["best"] else other["parameters"].means
        np.testing.assert_array_equal(row["parameters"].means, expected)
        assert row["lower_bound"] == other["lower_bound"]
    new.save(tmp_path / "m")
    np.testing.assert_array_equal(GaussianMixture.load(tmp_path / "m").means_, new.means_)
    np.testing.assert_allclose(new.set_params(warm_start=True).fit(overlapping[0]).means_, new.means_, atol=0.1)


def test_the_original_is_left_alone(covariance_type):
    model = random_mixture(0, covariance_type)
    before = {name: getattr(model, name).copy() for name in FITTED}
    new = model.sorted([1, 2, 0])
    for name in FITTED:
        getattr(new, name)[...] = 0.0
        np.testing.assert_array_equal(getattr(model, name), before[name])
    new.lower_bounds_.append(0.0)
    assert model.lower_bounds_ == []


@pytest.mark.parametrize("by", [[0, 1], [0, 1, 1], [0, 1, 3], [0.0, 1.0, 2.0], True, None, "weights", [[0, 1, 2]], 3])
def test_other_orders_are_refused(by):
    model = random_mixture(0, "full")
    model.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)
    with pytest.raises(ValueError, match=r"by (must be 'weight', one feature, or the numbers 0 to 2|has|names)"):
        model.sorted(by)


def test_a_feature_called_weight_has_to_be_told_apart():
    model = random_mixture(0, "full")
    model.feature_names_in_ = np.array(["weight", "b", "c"], dtype=object)
    with pytest.raises(ValueError, match="by='weight' could be the mixing weights or the feature of that name"):
        model.sorted()
    assert np.diff(model.sorted(0).means_[:, 0]).min() > 0
