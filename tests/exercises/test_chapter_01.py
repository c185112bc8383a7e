"""The answers of chapter 1 against independent ones."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

import gmm
from gmm import datasets
from gmm.exercises import EXERCISES
from gmm.exercises._core import verdict


def old_faithful_groups(scale):
    """The two groups of k-means with features in other units, the group of short waits first."""
    X = datasets.load_old_faithful().X
    labels = KMeans(2, n_init=10, random_state=0).fit_predict(X / scale)
    return labels if X[labels == 0, 1].mean() < X[labels == 1, 1].mean() else 1 - labels


def test_value_of_ex_why_hours_is_what_k_means_gives():
    changed = (old_faithful_groups([1, 1]) != old_faithful_groups([1, 60])).sum()
    assert changed == EXERCISES["ex-why-hours"].reference


def test_value_of_ex_why_share_is_that_of_the_centres_found():
    X = datasets.load_old_faithful().X
    labels = old_faithful_groups([1, 1])
    gap = X[labels == 1].mean(axis=0) - X[labels == 0].mean(axis=0)
    assert EXERCISES["ex-why-share"].reference == pytest.approx(gap[1] ** 2 / (gap @ gap), abs=1e-3)


def test_nearest_agrees_with_k_means_of_scikit_learn():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 3))
    fitted = KMeans(4, n_init=1, random_state=0).fit(X)
    np.testing.assert_array_equal(EXERCISES["ex-why-nearest"].reference(X, fitted.cluster_centers_), fitted.labels_)


@pytest.mark.parametrize("case", EXERCISES["ex-why-border"].cases)
def test_both_components_have_the_same_share_at_the_border(case):
    weights, means, variances = case
    border = EXERCISES["ex-why-border"].reference(*case)
    resp = gmm.responsibilities([[border]], weights, np.array(means)[:, None], np.reshape(variances, (2, 1, 1)))
    np.testing.assert_allclose(resp, 0.5, rtol=1e-9)
    assert min(means) < border < max(means)


@pytest.mark.parametrize("case", EXERCISES["ex-why-border"].cases)
def test_each_component_has_the_larger_share_at_its_own_mean(case):
    weights, means, variances = case
    resp = gmm.responsibilities(
        np.array(means)[:, None], weights, np.array(means)[:, None], np.reshape(variances, (2, 1, 1))
    )
    np.testing.assert_array_equal(resp.argmax(axis=1), [0, 1])


@pytest.mark.parametrize("answer", [0.9963, 0.99, 0.992, 0.994, 1.0])
def test_a_share_that_is_not_right_to_three_decimals_is_refused(answer):
    assert verdict(EXERCISES["ex-why-share"], answer) != "Right."


@pytest.mark.parametrize("answer", [0.993, 0.9925, 0.9926])
def test_a_share_of_three_decimals_is_enough(answer):
    assert verdict(EXERCISES["ex-why-share"], answer) == "Right."


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (2, 3), (4, 5)])
def test_parameters_are_counted_by_listing_them(n_components, n_features):
    free = [f"weight {k}" for k in range(1, n_components)]
    for k in range(n_components):
        free += [f"mean {k} {j}" for j in range(n_features)]
        free += [f"covariance {k} {j} {l}" for j in range(n_features) for l in range(j + 1)]
    assert EXERCISES["ex-why-parameters"].reference(n_components, n_features) == len(free)
