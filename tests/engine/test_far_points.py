"""Responsibilities at the ends of float64, with components of weight zero, against extended precision."""

import warnings

import engine_references as references
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm import engine, learning
from gmm.engine.scoring import _far_rows

LD = np.longdouble
DECADES = (0, 1, 5, 100, 150, 154, 200, 300, 307)

STRUCTURES = ("full", "tied", "diag", "spherical")


@st.composite
def mixtures(draw):
    """(parameters, X): any structure, weights of zero among others, means, covariances and samples of any size."""
    covariance_type = draw(st.sampled_from(sorted(STRUCTURES)))
    n_components, d = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.dirichlet(np.ones(n_components)) * np.array(
        draw(st.lists(st.booleans(), min_size=n_components, max_size=n_components).filter(any))
    )
    roots = rng.normal(size=(n_components, d, 2 * d))
    matrices = roots @ np.swapaxes(roots, 1, 2)
    diagonals = np.einsum("kjj->kj", matrices)
    covariances = {"full": matrices, "tied": matrices[0], "diag": diagonals, "spherical": diagonals[:, 0]}
    size = 10.0 ** draw(st.sampled_from([-100, -12, 0, 12, 100]))
    means = rng.normal(size=(n_components, d)) * 10.0 ** rng.choice(DECADES, size=(n_components, 1))
    X = rng.normal(size=(9, d)) * 10.0 ** rng.choice(DECADES, size=(9, d))
    X[:2] = means[0]
    covariances = size * covariances[covariance_type]
    return learning.make_parameters(weights / weights.sum(), means, covariances, covariance_type), X


@given(mixtures())
def test_every_row_is_shared_among_the_components_with_weight(mixture):
    p, X = mixture
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, log_resp = engine.log_responsibilities(X, p.density())
        resp, labels, joint = (
            engine.predict_proba(X, p.density()),
            engine.predict(X, p.density()),
            engine.weighted_log_prob(X, p.density()),
        )
    assert not np.isnan(joint).any()
    assert not np.isnan(scores).any()
    np.testing.assert_array_equal(scores, engine.score_samples(X, p.density()))
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(np.exp(log_resp), resp, atol=1e-13)
    assert not resp[:, p.weights == 0.0].any()
    assert np.isneginf(log_resp[:, p.weights == 0.0]).all()
    assert (p.weights[labels] > 0.0).all()
    rows = np.arange(len(X))
    assert (resp[rows, labels] >= resp.max(axis=1) - 1e-12).all()
    with np.errstate(over="ignore", invalid="ignore"):
        exact = references.log_joint(X, p.weights, p.means, p.covariances, p.covariance_type)
    best = exact.max(axis=1)
    known = np.isfinite(best)  # all rows where long double reaches further than float64
    slack = 1e-9 * (1.0 + np.abs(best[known]))
    assert (exact[rows, labels][known] >= best[known] - slack).all()


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_the_nearest_has_everything_where_even_scaled_distances_would_overflow(covariance_type):
    means = np.array([[1e307, 0.0], [-1e300, 1e300], [0.0, 0.0]])
    ones = {"full": np.array([np.eye(2)] * 3), "tied": np.eye(2), "diag": np.ones((3, 2)), "spherical": np.ones(3)}
    p = learning.make_parameters([0.5, 0.5, 0.0], means, ones[covariance_type], covariance_type)
    X = np.array([[1.0, 1.0], [0.0, 0.0], [1e307, 1e160]])  # the first two lie upon the component without weight
    np.testing.assert_array_equal(engine.predict_proba(X, p.density()), [[0, 1, 0], [0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(engine.predict(X, p.density()), [1, 1, 0])


def test_equal_distances_share_and_small_ones_do_not_vanish():
    p = learning.make_parameters([0.2, 0.5, 0.3], [[-1e200], [1e200], [9e200]], np.ones(3), "spherical")
    np.testing.assert_array_equal(np.exp(_far_rows(np.zeros((1, 1)), [0], p.density())), [[0.5, 0.5, 0.0]])
    # Distances that differ by 300 orders of magnitude, of which the smaller squared is 0 beside the larger.
    p = learning.make_parameters([0.5, 0.5], [[0.0, 1e155], [1e155, 0.0]], [[1e-150, 1.0], [1.0, 1e300]], "diag")
    np.testing.assert_array_equal(engine.predict(np.array([[1e155, 1e10]]), p.density()), [1])


def test_the_difference_itself_may_overflow():
    c = np.array([[2.0, 1.0], [1.0, 2.0]])
    p = learning.make_parameters([0.5, 0.5], [[-1.7e308, 0.0], [1.6e308, 0.0]], [np.eye(2), c], "full")
    X = np.array([[1.7e308, 1.0], [-1.7e308, 1.7e308]])
    np.testing.assert_array_equal(engine.predict_proba(X, p.density()), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(engine.predict(X, p.density()), [1, 0])


@pytest.mark.parametrize("first", [True, False])
def test_a_component_beyond_float64_takes_nothing_from_those_nearby(first):
    # x - μ of the component far away is (inf, inf), and inf - inf stands in its distance.
    far = 1.7e308
    order = [0, 1, 2] if first else [1, 2, 0]
    means = np.array([[-far, -far], [far, far], [far, far]])[order]
    covariances = np.array([[[2.0, 1.0], [1.0, 2.0]], *[1e300 * np.eye(2)] * 2])[order]
    weights = np.array([0.2, 0.3, 0.5])[order]
    p = learning.make_parameters(weights, means, covariances, "full")
    X = np.array([[far, far]])
    near = learning.make_parameters([0.3, 0.5, 0.2], np.full((3, 2), far), np.full(3, 1e300), "spherical")
    expected = engine.weighted_log_prob(X, near.density())[0]
    np.testing.assert_allclose(engine.score_samples(X, p.density()), np.logaddexp(*expected[:2]), rtol=1e-12)
    for resp in (engine.predict_proba(X, p.density()), np.exp(engine.log_responsibilities(X, p.density())[1])):
        np.testing.assert_allclose(resp[0], np.array([0.0, 0.375, 0.625])[order], rtol=1e-12)
    assert engine.predict(X, p.density())[0] == order.index(2)
    assert np.isneginf(engine.weighted_log_prob(X, p.density())[0, order.index(0)])
