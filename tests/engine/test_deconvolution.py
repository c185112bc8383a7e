"""Statistics and scores of samples with measurement errors, against regression on the joint of true and measured."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmm import engine, learning
from gmm.engine import deconvolution

KINDS = ("full", "tied", "diag", "spherical")


def mixture(kind, K, d, rng):
    root = rng.normal(size=(K, d, d))
    full = root @ root.swapaxes(1, 2) + 0.2 * np.eye(d)
    covariances = {"full": full, "tied": full[0], "diag": full.diagonal(0, 1, 2), "spherical": full[:, 0, 0]}[kind]
    return learning.make_parameters(rng.dirichlet(np.ones(K)), rng.normal(size=(K, d)), covariances, kind)


def errors_of(name, n, d, rng):
    root = rng.normal(size=(n, d, d))
    matrices = 0.5 * root @ root.swapaxes(1, 2)
    matrices[::3] *= 1e-3
    variances = matrices.diagonal(0, 1, 2).copy()
    return {"variances": variances, "matrices": matrices, "one": variances[1:2], "one matrix": matrices[1:2]}[name]


def by_hand(X, errors, p, weight, centres):
    """Every row and component by itself: (log p, r, counts, first, second) with second (K, d, d)."""
    n, d, K = *X.shape, p.n_components
    log_joint, first, second = np.empty((n, K)), np.zeros((K, d)), np.zeros((K, d, d))
    posterior = {}
    for i in range(n):
        o = np.flatnonzero(~np.isnan(X[i]))
        S = errors[i % len(errors)]
        S = np.diag(S) if S.ndim == 1 else S
        for k, C in enumerate(p.matrices):
            T = (C + S)[np.ix_(o, o)]
            value = multivariate_normal.logpdf(X[i, o], p.means[k, o], T) if len(o) else 0.0
            log_joint[i, k] = np.log(p.weights[k]) + value
            gain = np.linalg.solve(T, C[o]).T
            posterior[i, k] = p.means[k] + gain @ (X[i] - p.means[k])[o], C - gain @ C[o]
    log_p = logsumexp(log_joint, axis=1)
    r = np.exp(log_joint - log_p[:, None])
    for (i, k), (b, B) in posterior.items():
        first[k] += weight[i] * r[i, k] * (b - centres[k])
        second[k] += weight[i] * r[i, k] * (np.outer(b - centres[k], b - centres[k]) + B)
    return log_p, r, weight @ r, first, second


@pytest.mark.parametrize("name", ["variances", "matrices", "one", "one matrix"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_is_what_it_says(kind, name):
    rng = np.random.default_rng([KINDS.index(kind), len(name)])
    n, d, K = 23, 3, 2
    X, errors, p = 2.0 * rng.normal(size=(n, d)), errors_of(name, 23, d, rng), mixture(kind, K, d, rng)
    X[rng.uniform(size=(n, d)) < 0.3] = np.nan
    X[4] = np.nan
    weight, centres = rng.uniform(0.5, 2.0, n), rng.normal(size=(K, d))
    log_p, r, counts, first, second = by_hand(X, errors, p, weight, centres)
    if p.structure.model is engine.Tied:
        second = second.sum(axis=0)
    elif p.structure.model is not engine.Full:
        second = second.diagonal(0, 1, 2)
        second = second if p.structure.model is engine.Diagonal else second.sum(axis=1)
    source = learning.DeconvolutionSource(X, errors, weight)
    found = source.statistics(p.density(), centres)
    assert found.log_likelihood == pytest.approx(weight @ log_p, rel=1e-12)
    assert found.total_weight == pytest.approx(weight.sum())
    np.testing.assert_allclose(found.counts, counts, rtol=1e-12)
    np.testing.assert_allclose(found.first, first, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(found.second, second, rtol=1e-10, atol=1e-11)
    about = source.statistics(p.density()).about(centres)
    np.testing.assert_allclose(found.second, about.second, rtol=1e-10, atol=1e-10)
    scores, log_resp = deconvolution.log_responsibilities(X, errors, p.density())
    np.testing.assert_allclose(scores, log_p, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(np.exp(log_resp), r, atol=1e-13)
    # In other units the same, errors too.
    units = engine.Units(np.array([3.0, -2.0, 1.0]), 0.25, False)
    there = source.statistics(p.in_units(units).density(units), (centres - units.shift) * units.scale)
    np.testing.assert_allclose(there.first, 0.25 * first, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(there.second, 0.0625 * second, rtol=1e-10, atol=1e-11)
    assert there.log_likelihood == pytest.approx(
        found.log_likelihood - weight @ (~np.isnan(X)).sum(axis=1) * np.log(0.25), rel=1e-11
    )


@pytest.mark.parametrize("name", ["matrices", "one"])
def test_threads_give_the_same_bits(name):
    rng = np.random.default_rng(2)
    X, errors, p = rng.normal(size=(4000, 4)), errors_of(name, 4000, 4, rng), mixture("full", 3, 4, rng)
    one, four = (learning.DeconvolutionSource(X, errors, None, n).statistics(p.density()) for n in (1, 4))
    for mine, theirs in zip(one[1:], four[1:], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_without_errors_it_is_the_plain_pass():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(50, 3))
    for kind in KINDS:
        p = mixture(kind, 2, 3, rng)
        plain = learning.ArraySource(X).statistics(p.density())
        for zeros in (np.zeros((50, 3)), np.zeros((1, 3, 3))):
            found = learning.DeconvolutionSource(X, zeros).statistics(p.density())
            for mine, theirs in zip(found[2:], plain[2:], strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)
