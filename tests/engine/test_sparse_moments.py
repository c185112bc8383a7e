"""Moments without the samples that do not count: exactly those that may be left out, and no more than is harmless."""

import engine_references as references
import numpy as np
import pytest
from numba import njit

from gmm import learning
from gmm.engine import full, operations
from gmm.engine.loop import NEAR, NEGLIGIBLE
from gmm.engine.simd import NARROW, WIDE

D = full.GATHERED + 1
PADDED = 3 * WIDE


@njit
def moments(model, x, padded, room, r, negligible, first, second):
    operations.add_moments(model, x, padded, room, r, negligible, first, second)


def block(rng, d, responsibilities):
    """Whole numbers, of which all sums are exact, in a workspace that tells where it was not meant to be touched."""
    K, padded = responsibilities.shape
    centres = rng.integers(-9, 10, size=(K, d)).astype(float)
    x = rng.integers(-9, 10, size=(d, padded)).astype(float)
    room = np.full((full.Full.room_rows(d, K) + 1, padded), np.nan)
    room[-1] = 7.0
    first, second = rng.integers(-9, 10, size=(K, d)).astype(float), np.zeros(K * d * d)
    model = full.Full(np.zeros(K), centres, np.zeros((K, d, d)))
    z = x - centres[:, :, None]
    return model, x, z, room, first, second


@pytest.mark.parametrize("d", [full.GATHERED - 1, full.GATHERED, D])
def test_samples_are_left_out_exactly_where_few_count(d):
    """Below the share, where at most half of the block is not: which of them does not matter, nor how many."""
    rng, padded = np.random.default_rng(d), PADDED
    half = padded // 2
    numbers = [0, 1, NARROW - 1, NARROW, NARROW + 1, half - 1, half, half + 1, padded]
    r = np.full((len(numbers), padded), 2.0**-20)
    for k, n in enumerate(numbers):
        r[k, rng.permutation(padded)[:n]] = 2.0 ** rng.integers(-3, 3, size=n)
    r[1] = 2.0**-20
    r[1, -1] = 1.0  # the last sample alone
    r[2, 0] = r[3, -1] = 1.0
    r[5, :half] = 0.0  # nothing is less than that
    r *= 2.0 ** np.array([[0], [0], [-40], [30], [0], [0], [-9], [9], [0]])
    share = 2.0**-5
    # Exactly at the share a sample counts: of these rows the mean is 32, and half of the block and one more are at 1.
    for n in (half, half + 1):
        row = np.full(padded, 2.0**-10)
        row[1:n] = 1.0
        row[0] = 32.0 * padded - row[1:].sum()
        r = np.vstack([r, row])
    model, x, z, room, first, second = block(rng, d, r)
    counted = r >= share * r.mean(axis=1, keepdims=True)
    few = 2 * counted.sum(axis=1, keepdims=True) <= padded
    assert few.any()
    assert not few.all()
    left = np.where(counted | ~few, r, 0.0) if d >= full.GATHERED else r
    expected = first + np.einsum("kb,kjb->kj", left, z)
    squares = np.tril(np.einsum("kb,kib,kjb->kij", left, z, z))
    moments(model, x, padded, room, r.copy(), share, first, second)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(np.tril(second.reshape(squares.shape)), squares)
    assert (room[-1] == 7.0).all()


def test_without_a_share_only_zeros_are_left_out():
    rng = np.random.default_rng(0)
    r = np.zeros((3, PADDED))
    r[0, 5] = 5e-324
    r[1, :3] = 1.0
    model, x, _, room, first, second = block(rng, D, r)
    x[:, 5] = 2.0**537
    first[0] = 0.0
    expected = first + np.einsum("kb,kjb->kj", r, x - model.centres[:, :, None])
    moments(model, x, PADDED, room, r.copy(), 0.0, first, second)
    np.testing.assert_array_equal(first, expected)
    assert (first[0] > 0.0).all()
    assert second[0] == 1.0  # 2**-1074 times 2**1074


def mixture_of(means, weights=None, covariances=None):
    K, d = means.shape
    weights = np.full(K, 1 / K) if weights is None else weights
    covariances = np.tile(np.eye(d), (K, 1, 1)) if covariances is None else covariances
    return learning.make_parameters(np.asarray(weights), means, covariances, "full")


def lost(X, p, weights=None):
    """Largest difference of the second moments from those of all samples in extended precision.

    In units of what the component's old covariance and effective count make of them.
    """
    found = learning.ArraySource(X, weights).statistics(p.density())
    joint = references.log_joint(X, *p[1:4], "full")
    resp = np.exp(joint - references.log_sum_exp(joint)[:, None])
    resp = resp if weights is None else resp * weights[:, None]
    z = X.astype(np.longdouble)[:, None, :] - p.means
    worst = 0.0
    for k, covariance in enumerate(p.covariances):
        u = resp[:, k, None] * z[:, k]
        root = np.linalg.inv(np.linalg.cholesky(covariance)) / np.sqrt(float(resp[:, k].sum()))
        difference = (found.second[k] - (u.T @ z[:, k])).astype(float)
        worst = max(worst, np.abs(np.linalg.eigvalsh(root @ difference @ root.T)).max())
        assert found.counts[k] == pytest.approx(float(resp[:, k].sum()), rel=1e-13)
        np.testing.assert_allclose(
            root @ (found.first[k] - u.sum(axis=0).astype(float)) / np.sqrt(found.counts[k]), 0.0, atol=1e-13
        )
    return worst


@pytest.mark.parametrize("apart", [0.5, 4.0, 9.0, 13.0, 40.0])
def test_no_second_moment_loses_more_than_a_rounding(apart):
    """Touching groups, far ones, and those whose responsibilities are about the share that may be left out."""
    rng = np.random.default_rng(3)
    roots = np.eye(D) + 0.1 * rng.normal(size=(4, D, D))
    means = apart * np.eye(4, D) / np.sqrt(2)
    X = means[rng.integers(4, size=700)] + rng.normal(size=(700, D))
    assert lost(X, mixture_of(means, covariances=roots @ roots.swapaxes(1, 2))) < 2e-13


def test_the_share_is_harmless_where_it_is_worst():
    """Most of a block a little below the share and in one direction: what is left out then is a thousandth of a ulp."""
    means = np.zeros((2, D))
    means[1, 0] = apart = 2.0 * np.sqrt(-np.log(NEGLIGIBLE))  # in the middle between the means r would be ½
    X = np.zeros((512, D))
    X[:, 0] = np.where(np.arange(512) % 4 == 0, apart, 0.24 * apart)
    X[:, 1] = np.arange(512) % 3 - 1.0
    log_resp = -0.5 * apart**2 * (1.0 - 2.0 * 0.24)
    assert np.log(NEGLIGIBLE / 4.0) - 2.0 < log_resp < np.log(NEGLIGIBLE / 4.0)
    assert lost(X, mixture_of(means)) < 1e-14


def test_what_the_share_can_cost():
    """Chapter 20: at most 2 η (C + log 1/r), with C <= NEAR, and r = 0 below e^-708 (and another 1/K)."""
    assert 2.0 * NEGLIGIBLE * (NEAR + 708.0 + np.log(1e6)) < 2.0**-58


def far_away(distance):
    """One sample is so far off that even a responsibility of e^-58 makes it count; both components are as near."""
    X = np.zeros((96, D))
    X[:, 0] = np.where(np.arange(96) % 2, 1.0, -1.0)
    X[1::2, 2] = 40.0
    X[::3, 1], X[1::3, 1] = 1.0, -1.0
    X[-1] = 0.0
    X[-1, 1] = distance
    means = np.zeros((2, D))
    means[1, 2] = 40.0
    return X, means


def test_where_a_sample_is_far_from_all_nothing_is_left_out():
    X, means = far_away(2.0**23)
    weights = np.array([1.0 - np.exp(-30.0), np.exp(-30.0)])
    X[-1, 2] = 20.0 - 28.0 / 40.0  # e^-28 more
    p = mixture_of(means, weights)
    found = learning.ArraySource(X).statistics(p.density())
    mass = np.exp(-58.0) * 2.0**46 / found.counts[1]
    assert mass > 1e-14  # it would be seen,
    assert np.exp(-58.0) < NEGLIGIBLE * found.counts[1] / 96  # and its responsibility is below the share
    near = X.copy()
    near[-1, 1] = 0.0
    without = learning.ArraySource(near).statistics(p.density())
    gain = (found.second[1, 1, 1] - without.second[1, 1, 1]) / found.counts[1]
    assert gain == pytest.approx(mass, rel=0.05, abs=0.0)


def test_a_far_sample_of_little_weight_counts():
    """By symmetry its responsibilities are one half: that its *weight* is below the share says nothing."""
    X, means = far_away(2.0**35)
    X[-1, 2] = 20.0
    w = np.ones(96)
    w[-1] = 2.0**-90
    found = learning.ArraySource(X, w).statistics(mixture_of(means).density())
    w[-1] = 0.0
    without = learning.ArraySource(X, w).statistics(mixture_of(means).density())
    gain = found.second[:, 1, 1] - without.second[:, 1, 1]
    np.testing.assert_allclose(gain, 2.0**-91 * 2.0**70, rtol=1e-6, atol=0.0)


def test_given_responsibilities_all_count():
    """They say nothing about how far away a sample is."""
    X, _ = far_away(2.0**53)
    resp = np.zeros((96, 2))
    resp[::2, 0] = resp[1::2, 1] = 1.0
    resp[-1] = 0.5, 2.0**-90
    p = learning.parameters_from_responsibilities(X, resp, "full", reg_covar=1.0)
    _, _, covariances = references.m_step(X, resp.astype(np.longdouble), "full", 1.0)
    assert covariances[1, 1, 1] > 1000.0
    assert references.relative(p.covariances[1], covariances[1]) < 1e-11


def test_threads_give_the_same_bits(every_pass_is_worth_a_thread):
    rng = np.random.default_rng(5)
    means = 20.0 * np.eye(3, D)
    X = means[rng.integers(3, size=9000)] + rng.normal(size=(9000, D))
    p = mixture_of(means + rng.normal(size=means.shape))
    fits = [references.fit_em(X, p, tol=0, max_iter=3, n_threads=n).parameters for n in (1, 2, 5)]
    for fit in fits[1:]:
        for a, b in zip(fits[0][1:5], fit[1:5], strict=True):
            np.testing.assert_array_equal(a, b)
