"""What a mixture and a selection draw of themselves: which features, which labels, which words."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from estimator_helpers import random_mixture
from matplotlib.figure import Figure

from gmm import plot


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture(autouse=True)
def _no_window():
    backend = plt.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


def test_two_of_many_features_are_the_marginal_with_labels_from_all(covariance_type, ax):
    model = random_mixture(0, covariance_type, n_features=4, spread=1.0)
    X = model.sample(200, random_state=0)[0]
    assert model.plot(X, [3, 1], ax=ax) is ax
    expected = plot.ellipses(model.marginal([3, 1]), ax=Figure().add_subplot())
    found = [(*patch.center, patch.width, patch.height, patch.angle) for patch in ax.patches]
    assert found == [(*patch.center, patch.width, patch.height, patch.angle) for patch in expected.patches]
    labels = model.predict(X)
    assert (labels != model.marginal([3, 1]).predict(X[:, [3, 1]])).any()
    for k, group in enumerate(ax.collections):
        np.testing.assert_array_equal(group.get_offsets(), X[labels == k][:, [3, 1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 3", "feature 1")


def test_without_a_choice_the_first_two_features_or_the_only_one_are_drawn():
    model = random_mixture(1, "diag", n_features=3)
    ax = model.plot()
    assert ax is plt.gca()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 1")
    plt.figure()
    assert random_mixture(1, "diag", n_features=1).plot([[0.0], [1.0]]).get_ylabel() == "density"


def test_names_of_features_and_labels_of_axes(ax):
    model = random_mixture(1, "full", n_features=3)
    model.feature_names_in_ = np.array(["a", "b", "c"], dtype=object)
    frame = pd.DataFrame(model.sample(30, random_state=0)[0], columns=["a", "b", "c"])
    model.plot(frame, "c", ax=ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("c", "density")
    model.plot(frame, ["c", "a"], ax=ax, axis_labels=("C (m)", "A (s)"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("C (m)", "A (s)")


def test_three_features_are_one_too_many():
    model = random_mixture(1, "full", n_features=3)
    with pytest.raises(ValueError, match="features must be one feature or two; got 3"):
        model.plot(features=[0, 1, 2])
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        model.plot(np.ones((4, 2)), [0, 1])
