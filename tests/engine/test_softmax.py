"""Responsibilities of a block and the log-likelihood that comes with them."""

import math

import numpy as np
import pytest
from numba import njit
from scipy.special import logsumexp, softmax

from gmm.engine import softmax as engine_softmax
from gmm.engine.simd import WIDE

NO_WEIGHTS = np.empty(0)


@njit
def block_of(log_joint, size, padded, weights, scratch):
    return engine_softmax.responsibilities(log_joint, size, padded, weights, 0, scratch)


def run(log_joint, size, weights=NO_WEIGHTS):
    found = log_joint.copy()
    value = block_of(found, size, log_joint.shape[1], weights, np.empty((2, log_joint.shape[1])))
    return value, found


@pytest.mark.parametrize("K", [300, 2, 1])
@pytest.mark.parametrize("strips", [1, 2, 130, 1030])
def test_any_number_of_evidences_at_their_largest(K, strips):
    """K equal components: every evidence is K, and the product of the whole block's leaves float64's range."""
    padded = strips * WIDE
    size = padded - 3
    value, resp = run(np.full((K, padded), -5.0), size)
    assert value == pytest.approx(size * (math.log(K) - 5.0), rel=1e-13)
    np.testing.assert_allclose(resp[:, :size], 1.0 / K, rtol=1e-15)
    assert not resp[:, size:].any()
    weights = np.linspace(0.0, 2.0, size)
    value, resp = run(np.full((K, padded), -5.0), size, weights)
    assert value == pytest.approx(weights.sum() * (math.log(K) - 5.0), rel=1e-13)
    np.testing.assert_allclose(resp[:, :size], np.broadcast_to(weights / K, (K, size)), rtol=1e-14)


def test_against_scipy():
    rng = np.random.default_rng(0)
    joint = rng.normal(scale=30.0, size=(7, 40 * WIDE))
    size = 40 * WIDE - WIDE // 2
    value, resp = run(joint, size)
    assert value == pytest.approx(logsumexp(joint[:, :size], axis=0).sum(), rel=1e-13)
    np.testing.assert_allclose(resp[:, :size], softmax(joint[:, :size], axis=0), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("K", [1, 2, 3, 4, 255, 256, 2**31])
def test_factors_in_range(K):
    """As many factors of K as may be: none too many, and not half of what the range would hold."""
    most = njit(lambda K: engine_softmax.factors_in_range(K))(K)
    assert most * math.log2(K) < 1024
    assert K == 1 or (2 * most + 2) * math.log2(K) > 1023
