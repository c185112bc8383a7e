"""Chapter 4: log-sum-exp, softmax, Bayes' rule in the log domain, hard labels, entropy."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_allclose, assert_array_equal

import gmm

matrices = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.floats(-1e5, 1e5, allow_subnormal=False) | st.just(-np.inf),
)


# ------------------------------------------------------------------------------------- log-sum-exp and softmax


@pytest.mark.equation("eq-log-sum-exp")
@given(matrices)
def test_log_sum_exp_against_exact_arithmetic(exact, a):
    for value, row in zip(gmm.log_sum_exp(a), a, strict=True):
        terms = [mp.exp(exact.number(entry)) for entry in row if entry > -np.inf]
        if not terms:
            assert value == -np.inf
        else:
            expected = mp.log(mp.fsum(terms))
            # The result may cancel to near zero, as log(e^-0.7 + e^-0.7) does; the largest term sets the scale.
            assert abs(value - expected) <= 4e-16 * (1 + abs(exact.number(row.max()))) * len(row)


@pytest.mark.equation("eq-log-sum-exp")
@pytest.mark.parametrize("level", [0.0, 1e5, -1e5, 700.0, -745.0, 1e300, -1e300])
def test_log_sum_exp_neither_overflows_nor_underflows(level):
    a = np.array([[level, level, level, level], [level, -np.inf, level, -np.inf]])
    assert_allclose(gmm.log_sum_exp(a), level + np.log([4.0, 2.0]), rtol=1e-15)


@pytest.mark.equation("eq-log-sum-exp")
def test_log_sum_exp_of_terms_that_differ_beyond_all_digits():
    a = [[1e5, -1e5], [0.0, -800.0], [-1e5, -np.inf], [-np.inf, -np.inf]]
    assert_array_equal(gmm.log_sum_exp(a), [1e5, 0.0, -1e5, -np.inf])


@pytest.mark.equation("eq-log-sum-exp")
@given(matrices, st.floats(-1e4, 1e4))
def test_log_sum_exp_moves_with_a_shift_and_lies_between_max_and_max_plus_log_K(a, shift):
    value, top = gmm.log_sum_exp(a), a.max(axis=1)
    assert_allclose(gmm.log_sum_exp(a + shift), value + shift, rtol=1e-13, atol=1e-10)
    assert (value >= top).all()
    finite = np.isfinite(top)
    rounding = 4e-15 * np.maximum(np.abs(top[finite]), 1)
    assert (value[finite] <= top[finite] + math.log(a.shape[1]) + rounding).all()
    assert_array_equal(value[~finite], -np.inf)


@pytest.mark.equation("eq-softmax")
@pytest.mark.parametrize("level", [0.0, 1e5, -1e5])
def test_softmax_is_the_gradient_of_log_sum_exp(exact, level):
    a = level + np.random.default_rng(0).normal(scale=2, size=(6, 4))
    weights = gmm.softmax(a)
    for i, k in np.ndindex(a.shape):
        row = [exact.number(entry) for entry in a[i]]

        def lse(t, row=row, k=k):
            return mp.log(mp.fsum(mp.exp(entry + (t if l == k else 0)) for l, entry in enumerate(row)))

        assert_allclose(weights[i, k], float(exact.derivative(lse)), rtol=1e-13)
    step = 1e-6  # and of the function of the package itself
    if level == 0:
        for k in range(4):
            up, down = a.copy(), a.copy()
            up[:, k] += step
            down[:, k] -= step
            slope = (gmm.log_sum_exp(up) - gmm.log_sum_exp(down)) / (2 * step)
            assert_allclose(weights[:, k], slope, rtol=0, atol=1e-9)


@pytest.mark.equation("eq-softmax")
@given(matrices)
def test_softmax_rows_are_probabilities_unchanged_by_a_shift(a):
    a = a[~np.isneginf(a).all(axis=1)]
    if not len(a):
        return
    weights = gmm.softmax(a)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert_allclose(weights.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    assert_array_equal(weights[np.isneginf(a)], 0.0)
    assert_allclose(gmm.softmax(a + 3.0), weights, rtol=1e-9, atol=1e-300)
    assert_allclose(weights, scipy.special.softmax(a, axis=1), rtol=1e-14)


@pytest.mark.equation("eq-softmax")
def test_softmax_of_a_row_of_zeros_is_refused():
    with pytest.raises(ValueError, match="sample 1 is below the range of float64"):
        gmm.softmax([[0.0, -np.inf], [-np.inf, -np.inf]])


# ------------------------------------------------------------------------------------- Bayes' rule


@pytest.mark.equation("eq-log-responsibility", "eq-responsibility")
@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize(("d", "K"), [(1, 1), (1, 3), (2, 3), (6, 4), (20, 2)])
def test_responsibilities_are_bayes_rule_in_exact_arithmetic(exact, random_mixture, d, K, offset):
    rng = np.random.default_rng([d, K])
    weights, means, covariances = random_mixture(rng, K, d, offset=offset)
    X = offset + 3 * rng.normal(size=(5, d))
    resp = gmm.responsibilities(X, weights, means, covariances)
    log_resp = gmm.log_responsibilities(X, weights, means, covariances)
    for i in range(5):
        expected = exact.log_responsibilities(X[i], weights, means, covariances)
        joint = exact.joint_log_density(X[i], weights, means, covariances)
        for k in range(K):
            # A difference of joint log-densities: its error is relative to their size.
            error = 1e-13 * (1 + abs(joint[k]) + abs(max(joint)))
            assert abs(log_resp[i, k] - expected[k]) <= error
            assert abs(resp[i, k] - mp.exp(expected[k])) <= 4 * error * mp.exp(expected[k])


@pytest.mark.equation("eq-responsibility")
def test_responsibilities_by_hand_for_two_unit_gaussians(exact):
    # Equal unit Gaussians at 1 and 3: the log odds of the second are 2 (x - 2).
    x = np.array([1.0, 2.0, 3.0, -40.0, 300.0])
    resp = gmm.responsibilities(x[:, None], [0.5, 0.5], [[1], [3]], [[[1]], [[1]]])
    assert_allclose(resp[:, 1], scipy.special.expit(2 * (x - 2)), rtol=1e-13)
    assert_allclose(resp[:, 0], scipy.special.expit(-2 * (x - 2)), rtol=1e-13)
    skewed = gmm.responsibilities([[2.0]], [0.2, 0.8], [[1], [3]], [[[1]], [[1]]])
    assert_allclose(skewed, [[0.2, 0.8]], rtol=1e-15)  # midway, the data say nothing: the weights remain


@pytest.mark.equation("eq-responsibility")
def test_responsibilities_are_the_share_of_samples_that_came_from_each_component():
    weights, means, covariances = [0.4, 0.6], [[0.0], [2.0]], [[[1.0]], [[1.5]]]
    X, labels = gmm.sample_mixture(40_000, weights, means, covariances, rng=12)
    resp = gmm.responsibilities(X, weights, means, covariances)[:, 1]
    for low in np.arange(0, 1, 0.1):  # calibrated: among samples with r near p, a share p has label 1
        inside = (resp >= low) & (resp < low + 0.1)
        expected, n = resp[inside].mean(), inside.sum()
        assert abs(labels[inside].mean() - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n)


@pytest.mark.equation("eq-responsibility", "eq-log-responsibility")
@pytest.mark.parametrize("far", [0.0, 1e3, 1e8, 1e100, -1e150])
def test_rows_sum_to_one_however_far_the_point_lies(far):
    rng = np.random.default_rng(1)
    X = far * np.array([[1.0, 1.0], [1.0, -0.5], [0.3, 0.0]])
    weights = np.array([0.2, 0.3, 0.5])
    means, covariances = rng.normal(size=(3, 2)), np.array([np.eye(2), [[2, 0.5], [0.5, 1]], 3 * np.eye(2)])
    resp = gmm.responsibilities(X, weights, means, covariances)
    log_resp = gmm.log_responsibilities(X, weights, means, covariances)
    assert_allclose(resp.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    assert_allclose(np.exp(log_resp).sum(axis=1), 1.0, rtol=0, atol=1e-14)
    assert np.isfinite(log_resp).all()
    if abs(far) > 1e3:  # far out the widest component takes all
        assert_array_equal(resp, [[0, 0, 1]] * 3)


@pytest.mark.equation("eq-responsibility", "eq-log-responsibility")
@pytest.mark.parametrize("far", [1.0, 1e8, 1e100])
def test_two_components_share_a_point_far_out_on_their_axis_of_symmetry(far):
    # The joint log-densities are equal and about -far^2 / 2: a log 2 added to them would be rounded away.
    arguments = [[0.0, far]], [0.25, 0.75], [[-0.5, 0.0], [0.5, 0.0]], [np.eye(2), np.eye(2)]
    if far < 1e8:
        assert_allclose(gmm.responsibilities(*arguments), [[0.25, 0.75]], rtol=1e-14)
    equal = arguments[0], [0.5, 0.5], *arguments[2:]
    assert_allclose(gmm.responsibilities(*equal), [[0.5, 0.5]], rtol=1e-15)
    assert_allclose(gmm.log_responsibilities(*equal), -math.log(2), rtol=1e-15)


@pytest.mark.equation("eq-log-responsibility")
def test_log_responsibilities_where_the_responsibility_underflows():
    log_resp = gmm.log_responsibilities([[100.0]], [0.5, 0.5], [[0.0], [100.0]], [[[1.0]], [[1.0]]])
    assert_allclose(log_resp, [[-5000.0, 0.0]], rtol=1e-15)
    assert gmm.responsibilities([[100.0]], [0.5, 0.5], [[0.0], [100.0]], [[[1.0]], [[1.0]]])[0, 0] == 0


@pytest.mark.equation("eq-responsibility")
def test_permuting_the_components_permutes_the_responsibilities(random_mixture):
    rng = np.random.default_rng(5)
    weights, means, covariances = random_mixture(rng, 4, 3)
    X, order = rng.normal(size=(10, 3)), np.array([2, 0, 3, 1])
    resp = gmm.responsibilities(X, weights, means, covariances)
    permuted = gmm.responsibilities(X, weights[order], means[order], covariances[order])
    assert_allclose(permuted, resp[:, order], rtol=1e-13)


def test_a_sample_beyond_the_range_of_float64_is_refused():
    arguments = [[0.0], [1e200]], [1.0], [[0.0]], [[[1.0]]]
    assert gmm.mixture_log_density(*arguments)[1] == -np.inf
    for function in (gmm.responsibilities, gmm.log_responsibilities, gmm.e_step, gmm.score_means, gmm.em):
        with pytest.raises(ValueError, match="log-density of sample 1 is below the range of float64"):
            function(*arguments)


# ------------------------------------------------------------------------------------- labels and entropy


@pytest.mark.equation("eq-hard-labels")
def test_hard_labels_take_the_largest_and_a_tie_goes_to_the_smaller_index():
    resp = [[1, 0, 0], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.1, 0.45, 0.45], [1 / 3, 1 / 3, 1 / 3]]
    labels = gmm.hard_labels(resp)
    assert_array_equal(labels, [0, 2, 0, 1, 0])
    assert labels.dtype == np.int64


@pytest.mark.equation("eq-hard-labels")
def test_hard_labels_have_the_smallest_expected_error(random_mixture):
    # Bayes' classifier: no other rule errs less often. The nearest mean, for one, errs more.
    weights, means, covariances = random_mixture(np.random.default_rng(21), 3, 2)
    X, truth = gmm.sample_mixture(20_000, weights, means, covariances, rng=8)
    resp = gmm.responsibilities(X, weights, means, covariances)
    errors = (gmm.hard_labels(resp) != truth).mean()
    nearest = ((X[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert errors < (nearest != truth).mean()
    expected = 1 - resp.max(axis=1).mean()
    assert abs(errors - expected) < 4.5 * math.sqrt(expected / 20_000)


@pytest.mark.equation("eq-responsibility-entropy")
def test_entropy_against_scipy_and_at_its_bounds():
    resp = np.random.default_rng(2).dirichlet(np.full(5, 0.4), size=40)
    assert_allclose(gmm.responsibility_entropy(resp), scipy.stats.entropy(resp, axis=1), rtol=1e-13, atol=1e-15)
    for K in (1, 2, 7):
        assert gmm.responsibility_entropy(np.full((1, K), 1 / K))[0] == pytest.approx(math.log(K), rel=1e-14, abs=1e-15)
        assert gmm.responsibility_entropy(np.eye(K))[0] == 0
    assert gmm.responsibility_entropy([[0.5, 0.25, 0.25]])[0] == pytest.approx(1.5 * math.log(2), rel=1e-15)
