"""The engine against extended precision, mpmath, scikit-learn, and its own contracts."""

import json
import math
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import engine_references as references
import mpmath
import numpy as np
import pytest
from engine_references import problem, relative
from sklearn import cluster, mixture

from gmm import engine, learning
from gmm.engine import passes, simd

STRUCTURES = ("full", "tied", "diag", "spherical")
# Around every boundary of the kernels: d below, at and above tiles and registers; n below a block, a block, several
# chunks.
SHAPES = [(1, 1, 1), (3, 2, 1), (7, 1, 3), (40, 3, 2), (300, 2, 3), (513, 4, 5), (1000, 5, 1), (257, 6, 3), (600, 7, 4)]
SHAPES += [(2100, 8, 2), (700, 9, 20), (4500, 10, 3), (900, 17, 5), (1200, 33, 4), (640, 64, 2), (800, 130, 2)]


def start(rng, n, d, n_components, covariance_type):
    X, *parameters = problem(rng, n, d, n_components, covariance_type)
    return X, learning.make_parameters(*parameters, covariance_type)


def regularisation(n, d):
    return 1e-6 if n > 30 * d else 1.0


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize(("n", "d", "n_components"), SHAPES)
def test_em_agrees_with_extended_precision(covariance_type, n, d, n_components):
    rng = np.random.default_rng([n, d, n_components])
    X, p = start(rng, n, d, n_components, covariance_type)
    reg_covar = regularisation(n, d)
    result = references.fit_em(X, p, tol=0, max_iter=3, reg_covar=reg_covar)
    weights, means, covariances, values = references.em(X, *p[1:4], covariance_type, reg_covar, 3)
    assert result.failure is None
    assert result.n_iter == 3
    assert relative(result.parameters.weights, weights) < 1e-11
    assert relative(result.parameters.means, means) < 1e-11
    assert relative(result.parameters.covariances, covariances) < 1e-10
    np.testing.assert_allclose(result.log_likelihoods, values.astype(float), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_em_agrees_with_scikit_learn(covariance_type):
    X, p = start(np.random.default_rng(3), 3000, 6, 4, covariance_type)
    peer = mixture.GaussianMixture(
        4, covariance_type=covariance_type, tol=1e-4, max_iter=200, weights_init=p.weights, means_init=p.means,
        precisions_init=learning.precisions(p), init_params="random_from_data", random_state=0,
    ).fit(X)  # fmt: skip
    result = references.fit_em(X, p, tol=1e-4, max_iter=200)
    assert result.converged
    assert result.n_iter == peer.n_iter_
    assert result.log_likelihoods[-1] == pytest.approx(peer.lower_bound_, rel=1e-12)
    if hasattr(peer, "lower_bounds_"):  # from scikit-learn 1.7 on
        np.testing.assert_allclose(result.log_likelihoods, peer.lower_bounds_, rtol=1e-12)
    q = result.parameters
    assert relative(q.covariances, peer.covariances_) < 1e-10
    assert relative(q.precisions_cholesky, peer.precisions_cholesky_) < 1e-10
    np.testing.assert_allclose(engine.score_samples(X, q.density()), peer.score_samples(X), rtol=1e-10)
    np.testing.assert_allclose(engine.predict_proba(X, q.density()), peer.predict_proba(X), atol=1e-10)
    np.testing.assert_array_equal(engine.predict(X, q.density()), peer.predict(X))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_log_likelihood_never_falls(covariance_type):
    X, p = start(np.random.default_rng(11), 400, 3, 3, covariance_type)
    values = references.fit_em(X, p, tol=0, max_iter=60, reg_covar=0).log_likelihoods
    assert np.all(np.diff(values) > -1e-12)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_sample_weights_are_repetitions(covariance_type):
    rng = np.random.default_rng(5)
    X, p = start(rng, 700, 3, 3, covariance_type)
    counts = rng.integers(0, 4, size=len(X))
    repeated = references.fit_em(np.repeat(X, counts, axis=0), p, tol=0, max_iter=4)
    weighted = references.fit_em(X, p, tol=0, max_iter=4, sample_weight=counts)
    scaled = references.fit_em(X, p, tol=0, max_iter=4, sample_weight=counts * 0.125)
    for result in (weighted, scaled):
        assert relative(result.parameters.covariances, repeated.parameters.covariances) < 1e-11
        assert relative(result.parameters.weights, repeated.parameters.weights) < 1e-12
        np.testing.assert_allclose(result.log_likelihoods, repeated.log_likelihoods, rtol=1e-12)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_threads_layouts_and_types_give_the_same_bits(covariance_type, every_pass_is_worth_a_thread):
    rng = np.random.default_rng(8)
    X, p = start(rng, 30_000, 5, 6, covariance_type)  # enough work for threads, and X too large for a whole copy
    X = X.astype(np.float32)
    reference = references.fit_em(X.astype(np.float64), p, tol=0, max_iter=3, n_threads=1)
    strided = np.zeros((2 * len(X), 10))
    strided[::2, ::2] = X
    frozen = X.astype(np.float64)
    frozen.flags.writeable = False
    variants = [X, np.asfortranarray(X.astype(np.float64)), strided[::2, ::2], frozen, X.astype(">f8")]
    weight = np.ones(len(X))
    for variant in variants:
        for n_threads in (1, 2, 3):
            result = references.fit_em(variant, p, tol=0, max_iter=3, n_threads=n_threads)
            for a, b in zip(result.parameters[1:5], reference.parameters[1:5], strict=True):
                np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(result.log_likelihoods, reference.log_likelihoods)
        np.testing.assert_array_equal(
            engine.score_samples(variant, p.density(), n_threads=2),
            engine.score_samples(X.astype(np.float64), p.density(), n_threads=1),
        )
    assert references.fit_em(X, p, tol=0, max_iter=1, sample_weight=weight).failure is None


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_integers_score_as_floats(covariance_type):
    X, p = start(np.random.default_rng(4), 50, 2, 2, covariance_type)
    whole = np.round(X * 3).astype(np.int32)
    np.testing.assert_array_equal(
        engine.score_samples(whole, p.density()), engine.score_samples(whole.astype(float), p.density())
    )


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize(("n", "d", "n_components"), [(1, 1, 1), (333, 3, 2), (900, 12, 7), (2100, 40, 3)])
def test_one_pass_moments(covariance_type, n, d, n_components):
    rng = np.random.default_rng(n)
    X, p = start(rng, n, d, n_components, covariance_type)
    w = rng.uniform(0, 2, size=n)
    s = learning.ArraySource(X, w).statistics(p.density())
    joint = references.log_joint(X, *p[1:4], covariance_type)
    evidence = references.log_sum_exp(joint)
    resp = np.exp(joint - evidence[:, None]) * w[:, None]
    z = X[:, None, :].astype(np.longdouble) - p.means
    second = np.einsum("nk,nki,nkj->kij", resp, z, z)
    second = {
        "full": second,
        "tied": second.sum(axis=0),
        "diag": np.einsum("kjj->kj", second),
        "spherical": np.einsum("kjj->k", second),
    }[covariance_type]
    assert s.total_weight == pytest.approx(w.sum(), rel=1e-14)
    assert s.log_likelihood == pytest.approx(float(w @ evidence), rel=1e-12)
    assert relative(s.counts, resp.sum(axis=0)) < 1e-11
    assert relative(s.first, np.einsum("nk,nki->ki", resp, z)) < 1e-10
    assert relative(s.second, second) < 1e-10
    parts = [slice(n // 2 + 1), slice(n // 2 + 1, n)] if n > 1 else [slice(n)]
    halves = sum(learning.ArraySource(X[part], w[part]).statistics(p.density()) for part in parts)
    assert relative(halves.second, s.second) < 1e-12
    _, weights, means, covariances = learning.MaximumLikelihood(0.5).update(p, s)[:4]
    expected = references.fit_em(X, p, tol=0, max_iter=1, reg_covar=0.5, sample_weight=w).parameters
    assert relative(weights, expected.weights) < 1e-12
    assert relative(means, expected.means) < 1e-11
    assert relative(covariances, expected.covariances) < 1e-11


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_log_densities_against_mpmath(covariance_type, offset):
    rng = np.random.default_rng(2)
    X, weights, means, covariances = problem(rng, 4, 3, 2, covariance_type)
    X, means = X + offset, means + offset
    p = learning.make_parameters(weights, means, covariances, covariance_type)
    matrices = references.dense(covariances, covariance_type, 2, 3)
    with mpmath.workdps(50):
        for x, value in zip(X, engine.score_samples(X, p.density()), strict=True):
            density = mpmath.mpf(0)
            for weight, mean, matrix in zip(weights, means, matrices, strict=True):
                a = mpmath.matrix(matrix.tolist())
                z = mpmath.matrix([mpmath.mpf(float(u)) - mpmath.mpf(float(v)) for u, v in zip(x, mean, strict=True)])
                q = (z.T * mpmath.lu_solve(a, z))[0]
                density += (
                    mpmath.mpf(float(weight)) * mpmath.exp(-q / 2) / mpmath.sqrt((2 * mpmath.pi) ** 3 * mpmath.det(a))
                )
            expected = mpmath.log(density)
            assert abs((mpmath.mpf(float(value)) - expected) / expected) < 1e-12


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_fit_far_from_the_origin(covariance_type):
    rng = np.random.default_rng(9)
    X, weights, means, covariances = problem(rng, 900, 3, 3, covariance_type)
    # Data and means that lose nothing when 1e8 is added.
    X, means = np.round(X * 2**20) / 2**20, np.round(means * 2**20) / 2**20
    near = references.fit_em(X, weights, means, covariances, covariance_type, tol=0, max_iter=10)
    far = references.fit_em(X + 1e8, weights, means + 1e8, covariances, covariance_type, tol=0, max_iter=10)
    assert far.failure is None
    assert relative(far.parameters.covariances, near.parameters.covariances) < 1e-12
    np.testing.assert_allclose(far.parameters.means - 1e8, near.parameters.means, atol=3e-8)
    np.testing.assert_allclose(far.log_likelihoods, near.log_likelihoods, rtol=1e-13)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("exponent", [-498, -300, 300, 498])
def test_scales(covariance_type, exponent):
    unit = 2.0**exponent  # 1e-150 to 1e150
    X, weights, means, covariances = problem(np.random.default_rng(6), 500, 3, 2, covariance_type)
    one = references.fit_em(X, weights, means, covariances, covariance_type, tol=0, max_iter=5, reg_covar=0)
    scaled = references.fit_em(
        X * unit, weights, means * unit, covariances * unit * unit, covariance_type, tol=0, max_iter=5, reg_covar=0
    )
    assert scaled.failure is None
    assert relative(scaled.parameters.means / unit, one.parameters.means) < 1e-12
    assert relative(scaled.parameters.covariances / unit / unit, one.parameters.covariances) < 1e-12
    np.testing.assert_allclose(
        scaled.log_likelihoods + 3 * exponent * np.log(2.0), one.log_likelihoods, rtol=1e-12, atol=1e-12 * abs(exponent)
    )
    resp = engine.predict_proba(X * unit, scaled.parameters.density())
    np.testing.assert_allclose(resp, engine.predict_proba(X, one.parameters.density()), atol=1e-10)


@pytest.mark.parametrize("exponent", [-530, -258, -200, 0, 200, 257, 530])
def test_units_of_extreme_data_are_a_power_of_two_near_their_spread(exponent):
    spread = 1.5 * 2.0**exponent * np.array([1.0, 2.0**-3])
    units = engine.Units.around(np.zeros(2), spread)
    if abs(exponent) > 256:
        assert 0.5 <= spread[0] * units.scale < 1.0
        assert math.frexp(units.scale)[0] == 0.5
        assert not units.plain
        assert units.log_unit == pytest.approx(2 * math.log(units.scale), rel=1e-15)
    else:
        assert (units.scale, units.plain, units.log_unit) == (1.0, True, 0.0)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("distance", [1e3, 1e100, 1e160, 1e300])
def test_rows_sum_to_one_however_far(covariance_type, distance):
    _, p = start(np.random.default_rng(7), 20, 3, 4, covariance_type)
    X = np.array([[distance, 0, 0], [-distance, distance, 1], [0, 0, 0]])
    resp = engine.predict_proba(X, p.density())
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    scores, log_resp = engine.log_responsibilities(X, p.density())
    assert not np.any(np.isnan(scores))
    np.testing.assert_allclose(np.exp(log_resp), resp, atol=1e-14)
    np.testing.assert_array_equal(engine.predict(X, p.density()), resp.argmax(axis=1))


def scores_of_far(X, p, units=None):
    """Responsibilities in each of the three ways to ask for them, which agree; every density underflows."""
    density = p.density() if units is None else p.in_units(units).density(units)
    scores, log_resp = engine.log_responsibilities(X, density)
    assert np.all(np.isneginf(scores))
    resp = engine.predict_proba(X, density)
    np.testing.assert_allclose(np.exp(log_resp), resp, atol=1e-15)
    np.testing.assert_array_equal(engine.predict(X, density), resp.argmax(axis=1))
    return resp


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_far_samples_go_to_the_component_of_that_direction(covariance_type):
    """Where squares overflow, the nearest is the one that is nearest at a distance that float64 can still square."""
    rng = np.random.default_rng(17)
    directions = rng.normal(size=(60, 3))
    _, p = start(rng, 20, 3, 4, covariance_type)
    near = references.log_joint(1e11 * directions, p.weights, 1e10 * p.means, p.covariances, covariance_type)
    expected = np.eye(4)[near.argmax(axis=1)]
    assert np.count_nonzero(expected.any(axis=0)) > 1
    p = p._replace(means=1e199 * p.means)
    np.testing.assert_array_equal(scores_of_far(1e200 * directions, p), expected)
    shift = np.array([3e200, -1e200, 2e200])
    moved, units = p._replace(means=p.means + shift), engine.Units(shift, 2.0**-5, False)
    np.testing.assert_array_equal(scores_of_far(1e200 * directions + shift, moved, units), expected)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_far_samples_are_shared_by_equals_that_have_weight(covariance_type):
    """Four components of one covariance: as far from here, all are in one place; the last has no weight."""
    covariances = learning.STRUCTURES[covariance_type].common(np.array([[2.0, 0.3], [0.3, 1.0]]), 4)
    means = [[0.0, 1.0], [0.0, -1.0], [5.0, 0.0], [0.0, 0.0]]
    p = learning.make_parameters([0.6, 0.3, 0.1, 0.0], means, covariances, covariance_type)
    X = np.array([[1e200, 0.0], [-1e200, 1e200]])
    np.testing.assert_allclose(scores_of_far(X, p), [[1 / 3, 1 / 3, 1 / 3, 0.0]] * 2, rtol=1e-15)
    if covariance_type != "tied":  # the last is by far the nearest, and another wider by a trifle
        covariances = covariances * np.array([1.0, 1.0 + 1e-9, 1.0, 9.0]).reshape(-1, *[1] * (covariances.ndim - 1))
        p = learning.make_parameters(p.weights, means, covariances, covariance_type)
        np.testing.assert_array_equal(scores_of_far(X, p), [[0.0, 1.0, 0.0, 0.0]] * 2)


@pytest.mark.parametrize("separation", [1e2, 1e4, 1e7])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_tied_scatter_does_not_cancel(separation, n_threads, every_pass_is_worth_a_thread):
    rng = np.random.default_rng(1)
    n, d, n_components = 3000, 3, 3
    centres = rng.normal(size=(n_components, d)) * separation
    labels = rng.integers(n_components, size=n)
    X = centres[labels] + rng.normal(size=(n, d))
    start_at = (np.full(3, 1 / 3), centres + 0.1 * rng.normal(size=centres.shape), np.eye(d), "tied")
    result = references.fit_em(X, *start_at, tol=0, max_iter=2, reg_covar=0, n_threads=n_threads)
    expected = references.em(X, *start_at, 0.0, 2)
    assert relative(result.parameters.covariances, expected[2]) < 1e-12 * max(1.0, 1e4 / separation)
    density = engine.Density(engine.Tied, np.zeros(3), centres, np.eye(d), engine.Units(np.zeros(d)))
    s = learning.ArraySource(X).statistics(density)
    z = X - centres[labels]
    assert relative(s.second, z.T @ z) < 1e-10


def test_collapse_is_named():
    X = np.array([[0.0, 0.0], [0.1, 0.2], [0.3, 0.1], [50.0, 50.0]])
    for covariance_type, shape in (
        ("full", np.tile(np.eye(2), (2, 1, 1))),
        ("diag", np.ones((2, 2))),
        ("spherical", np.ones(2)),
    ):
        result = references.fit_em(X, [0.75, 0.25], [[0.1, 0.1], [50, 50]], shape, covariance_type, reg_covar=0)
        assert result.failure.kind == "covariance"
        assert result.failure.component == 1
        assert result.failure.iteration == result.n_iter == 1
        assert "component 1" in result.failure.message
        np.testing.assert_array_equal(result.parameters.means[1], [50, 50])  # the last good parameters
    line = np.outer(np.arange(20.0), [1.0, 1.0])
    result = references.fit_em(line, [1.0], [[0.0, 1.0]], np.eye(2), "tied", reg_covar=0)
    assert (result.failure.kind, result.failure.component) == ("covariance", -1)
    X[0, 0] = np.nan
    result = references.fit_em(X, [0.5, 0.5], [[0, 0], [50, 50]], np.ones(2), "spherical")
    assert result.failure.kind == "log_likelihood"
    assert np.all(np.isfinite(result.parameters.means))
    with pytest.raises(learning.CovarianceError, match="component 1") as caught:
        learning.make_parameters([0.5, 0.5], [[0, 0], [1, 1]], [np.eye(2), np.ones((2, 2))], "full")
    assert caught.value.component == 1


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_component_without_data_keeps_its_shape(covariance_type):
    X, p = start(np.random.default_rng(0), 100, 2, 2, covariance_type)
    means = np.array([[0.0, 0.0], [1e6, 1e6]])
    result = references.fit_em(X, p.weights, means, p.covariances, covariance_type, tol=0, max_iter=3)
    assert result.failure is None
    np.testing.assert_array_equal(result.parameters.weights, [1.0, 0.0])
    np.testing.assert_array_equal(result.parameters.means[1], means[1])
    assert np.all(np.isfinite(result.parameters.covariances))
    assert np.all(engine.predict_proba(X, result.parameters.density())[:, 1] == 0.0)


def test_callback_history_and_stop():
    X, p = start(np.random.default_rng(1), 300, 2, 3, "full")
    seen = []
    result = references.fit_em(
        X, p, tol=0, max_iter=20, record_states=True, callback=lambda *a: seen.append(a) or a[0] == 5
    )
    assert result.stopped
    assert result.n_iter == len(result.history) == 5
    assert [s[0] for s in seen] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal([s[1] for s in seen], result.log_likelihoods)
    whole = references.fit_em(X, p, tol=0, max_iter=5)
    np.testing.assert_array_equal(whole.parameters.covariances, result.history[-1].covariances)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_starts(covariance_type):
    rng = np.random.default_rng(12)
    X, *_ = problem(rng, 900, 4, 3, covariance_type)
    resp = rng.dirichlet(np.ones(3), size=len(X))
    p = learning.parameters_from_responsibilities(X + 1e6, resp, covariance_type)
    weights, means, covariances = references.m_step(X, resp.astype(np.longdouble), covariance_type, 1e-6)
    assert relative(p.weights, weights) < 1e-13
    assert relative(p.means - 1e6, means) < 1e-8
    assert relative(p.covariances, covariances) < 1e-9
    centres = X[:3]
    labels = engine.kmeans_labels(X, centres)
    np.testing.assert_array_equal(labels, np.argmin(((X[:, None] - centres) ** 2).sum(axis=2), axis=1))
    a = learning.parameters_from_labels(X, labels, 3, covariance_type)
    b = learning.parameters_from_centres(X, centres, covariance_type)
    np.testing.assert_allclose(a.covariances, b.covariances, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("weighted", [False, True])
def test_starts_of_small_data_take_a_short_cut_to_the_same_place(covariance_type, weighted, monkeypatch):
    rng = np.random.default_rng(13)
    X, *_ = problem(rng, 700, 3, 4, covariance_type)
    X += 1e5
    labels = rng.integers(4, size=len(X))
    w = rng.uniform(0.1, 2.0, size=len(X)) if weighted else None
    short = learning.parameters_from_labels(X, labels, 4, covariance_type, sample_weight=w)
    empty = learning.parameters_from_labels(X, labels, 5, covariance_type, sample_weight=w)  # nobody in the last one
    np.testing.assert_array_equal(np.isfinite(empty.means), True)
    monkeypatch.setattr("gmm.engine.passes.fits_a_slab", lambda *_: False)
    long = learning.parameters_from_labels(X, labels, 4, covariance_type, sample_weight=w)
    for a, b in zip(short[1:5], long[1:5], strict=True):
        assert relative(a, b) < 1e-12
    monkeypatch.undo()
    X[labels == 2] = X[0]  # one component on a single point, or all of them
    X = X[0] + 0 * X if covariance_type == "tied" else X
    with pytest.raises(learning.CovarianceError) as caught:
        learning.parameters_from_labels(X, labels, 4, covariance_type, reg_covar=0.0, sample_weight=w)
    assert caught.value.component == (-1 if covariance_type == "tied" else 2)


@pytest.mark.parametrize("n", [500, 40_000])  # in one kernel call; in several passes
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_starts_from_responsibilities_that_do_not_sum_to_one(covariance_type, n):
    """They are weights of their own: the M-step divides by their sums."""
    rng = np.random.default_rng(14)
    X, *_ = problem(rng, n, 3, 2, covariance_type)
    resp = rng.uniform(0.1, 3.0, size=(n, 2))
    p = learning.parameters_from_responsibilities(X, resp, covariance_type, reg_covar=1e-3)
    _, means, covariances = references.m_step(X, resp.astype(np.longdouble), covariance_type, 1e-3)
    assert relative(p.weights, resp.sum(axis=0) / resp.sum()) < 1e-13
    assert relative(p.means, means) < 1e-12
    assert relative(p.covariances, covariances) < 1e-11
    w = rng.uniform(0.1, 2.0, size=n)
    weighted = learning.parameters_from_responsibilities(X, resp, covariance_type, sample_weight=w)
    product = learning.parameters_from_responsibilities(X, resp * w[:, None], covariance_type)
    for a, b in zip(weighted[1:5], product[1:5], strict=True):
        assert relative(a, b) < 1e-11


@pytest.mark.parametrize("n", [500, 40_000])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_total_scatter_of_one_data_set_serves_all_tied_fits(n, offset, weighted, monkeypatch):
    rng = np.random.default_rng(15)
    X, *_ = problem(rng, n, 3, 4, "tied")
    X += offset
    w = rng.uniform(0.5, 2.0, size=n) if weighted else None
    taken = []

    def counted(*arguments, total_scatter=passes.total_scatter):
        taken.append(arguments)
        return total_scatter(*arguments)

    monkeypatch.setattr(passes, "total_scatter", counted)
    shared, fits = learning.TotalScatter(), []
    for seed in range(3):
        centres = engine.kmeans(X, 4, np.random.default_rng(seed), sample_weight=w, max_iter=2).centres
        for total in (shared, None):
            start = learning.parameters_from_centres(X, centres, "tied", sample_weight=w, total_scatter=total)
            fits.append(references.fit_em(X, start, max_iter=5, tol=0, sample_weight=w, total=total))
    for a, b in zip(fits[::2], fits[1::2], strict=True):
        np.testing.assert_allclose(a.log_likelihoods, b.log_likelihoods, rtol=1e-10)
        for mine, other in zip(a.parameters[1:5], b.parameters[1:5], strict=True):
            assert relative(mine, other) < 1e-9
    # Two for each of the fits by themselves; the others take one in all, but for data far from the origin, where a
    # start and a fit count from different points.
    assert len(taken) == (12 if offset else 7)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_precisions_round_trip(covariance_type):
    _, p = start(np.random.default_rng(12), 10, 4, 3, covariance_type)
    q = learning.parameters_from_precisions(p.weights, p.means, learning.precisions(p), covariance_type)
    assert relative(q.covariances, p.covariances) < 1e-12
    assert relative(q.precisions_cholesky, p.precisions_cholesky) < 1e-12


def test_kmeans_agrees_with_scikit_learn(every_pass_is_worth_a_thread):
    rng = np.random.default_rng(3)
    X, *_ = problem(rng, 3000, 5, 6, "full")
    first = X[:6]
    w = rng.uniform(0.5, 2, size=len(X))
    peer = cluster.KMeans(6, init=first, n_init=1, tol=1e-10, max_iter=500).fit(X, sample_weight=w)
    for n_threads in (1, 2):
        ours = engine.kmeans(X, 6, rng, init=first, tol=1e-10, sample_weight=w, n_threads=n_threads)
        np.testing.assert_allclose(ours.centres, peer.cluster_centers_, rtol=1e-9)
        assert ours.inertia == pytest.approx(peer.inertia_, rel=1e-9)
    np.testing.assert_array_equal(engine.kmeans_labels(X, ours.centres), peer.labels_)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_kmeans_stops_when_the_squared_moves_are_within_the_tolerance(offset):
    """Squared moves of plain Lloyd iterations, in mean variances of a feature: just below one, it stops there."""
    X, *_ = problem(np.random.default_rng(3), 900, 3, 5, "full", spread=0.5)
    X[:, 1] *= 4.0
    centres, moves = X[:5].copy(), []
    while len(moves) < 12:
        nearest = np.argmin(((X[:, None] - centres) ** 2).sum(axis=2), axis=1)
        new = np.array([X[nearest == k].mean(axis=0) for k in range(5)])
        moves.append(((new - centres) ** 2).sum() / X.var(axis=0).mean())
        centres = new
    first = [min(move for move in moves[: t + 1]) for t in range(len(moves))]
    assert len(set(first)) > 6
    for t, smallest in enumerate(first):
        stop = first.index(smallest)
        options = {"init": X[:5] + offset, "max_iter": 500}
        found = engine.kmeans(X + offset, 5, np.random.default_rng(0), tol=smallest * (1 + 1e-6), **options)
        assert (found.n_iter, found.converged) == (stop + 1, True), t
        found = engine.kmeans(X + offset, 5, np.random.default_rng(0), tol=smallest * (1 - 1e-6), **options)
        assert found.n_iter > stop + 1, t


def test_kmeans_is_reproducible_and_leaves_global_state_alone(every_pass_is_worth_a_thread):
    X, *_ = problem(np.random.default_rng(3), 50_000, 4, 5, "full")  # large enough for the subsample
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a = engine.kmeans(X, 5, np.random.default_rng(1), n_threads=1)
    b = engine.kmeans(np.asfortranarray(X), 5, np.random.default_rng(1), n_threads=2)
    np.testing.assert_array_equal(a.centres, b.centres)
    engine.kmeans(X, 5, np.random.RandomState(0))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("settings", [{}, {"max_iter": 1}, {"init": "random", "max_iter": 2}, {"init": "rows"}])
def test_kmeans_assigns_small_data_to_its_final_centres(weighted, offset, settings):
    rng = np.random.default_rng(3)
    X, *_ = problem(rng, 1100, 3, 5, "full")
    X += offset
    w = rng.uniform(0.5, 2.0, size=len(X)) if weighted else None
    settings = settings | ({"init": X[:5]} if settings.get("init") == "rows" else {})
    plain = engine.kmeans(X, 5, np.random.default_rng(1), sample_weight=w, **settings)
    found = engine.kmeans(X, 5, np.random.default_rng(1), sample_weight=w, assign=True, **settings)
    assert plain.assignment is None
    np.testing.assert_array_equal(found.centres, plain.centres)
    assert (found.n_iter, found.converged) == (plain.n_iter, plain.converged)
    shift, centres, labels, counts, first = found.assignment
    assert shift.any() == (offset > 0.0)
    np.testing.assert_array_equal(centres + shift, found.centres)
    z = X - shift
    nearest = np.argmin(((z[:, None] - centres) ** 2).sum(axis=2), axis=1)
    np.testing.assert_array_equal(labels, nearest)
    onehot = (nearest[:, None] == np.arange(5)) * (1.0 if w is None else w[:, None])
    np.testing.assert_allclose(counts, onehot.sum(axis=0), rtol=1e-13)
    expected = np.array([(onehot[:, k, None] * (z - centres[k])).sum(axis=0) for k in range(5)])
    np.testing.assert_allclose(first, expected, atol=1e-11)
    squares = (onehot * ((z[:, None] - centres) ** 2).sum(axis=2)).sum()
    assert found.inertia == pytest.approx(squares, rel=1e-12)
    assert found.inertia <= plain.inertia * (1.0 + 1e-12)
    for covariance_type in STRUCTURES:
        short = learning.parameters_from_kmeans(X, found, covariance_type, sample_weight=w)
        long = learning.parameters_from_kmeans(X, plain, covariance_type, sample_weight=w)
        for a, b in zip(short[1:5], long[1:5], strict=True):
            # Centres that were put out to 1e6 and taken back are rounded there.
            assert relative(a, b) < (1e-8 if offset else 1e-13)
    for other in (X[:-1], X[:, :2]):
        with pytest.raises(ValueError, match=r"data of shape \(1100, 3\), X has"):
            learning.parameters_from_kmeans(other, found, "full")


def test_kmeans_assigns_nothing_where_that_would_cost_or_round():
    rng = np.random.default_rng(3)
    X, *_ = problem(rng, 9000, 2, 4, "full")
    assert engine.kmeans(X, 4, rng, assign=True).assignment is None  # more labels than are kept
    X = X[:300]
    assert engine.kmeans(X, 4, rng, assign=True).assignment is not None
    assert engine.kmeans(X, 4, rng, assign=True, n_init=2).assignment is None
    assert engine.kmeans(X * 2.0**400, 4, rng, assign=True).assignment is None  # assigned in other units
    few = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0)
    found = engine.kmeans(few, 4, rng, assign=True)  # an empty cluster ends the iterations
    assert found.assignment is None


def test_kmeans_of_few_distinct_points_and_extreme_scales():
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0)
    result = engine.kmeans(X, 4, rng)
    assert np.all(np.isfinite(result.centres))
    assert result.inertia == 0.0
    X, *_ = problem(rng, 400, 3, 3, "full", spread=20.0)
    one = engine.kmeans(X, 3, np.random.default_rng(5))
    for unit in (2.0**-498, 2.0**498):
        scaled = engine.kmeans(X * unit, 3, np.random.default_rng(5))
        np.testing.assert_allclose(scaled.centres / unit, one.centres, rtol=1e-12)
    centres, rows = engine.kmeans_plusplus(X, 3, np.random.default_rng(5))
    np.testing.assert_array_equal(centres, X[rows])
    with pytest.raises(ValueError, match="n_clusters"):
        engine.kmeans(X, 401, rng)


def test_seeding_probabilities():
    """D² weighting draws points at squared distances 1 and 3 as 1 : 3 (either leaves the same potential: no greed)."""
    X = np.array([[0.0], [1.0], [np.sqrt(3.0)]])
    rng = np.random.default_rng(0)
    weight = np.array([1.0, 1e-12, 1e-12])  # the first seed is point 0
    drawn = [engine.kmeans_plusplus(X, 2, rng, sample_weight=weight)[1][1] for _ in range(3000)]
    assert np.mean(np.array(drawn) == 2) == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 3000))


def test_exp():
    from gmm.engine.exp import exp_rows
    from gmm.engine.simd import WIDE

    x = np.concatenate([-np.geomspace(1e-300, 707.9, 60 * WIDE - 2), [0.0, -np.inf]]).reshape(-1, WIDE)
    y = x.copy()
    exp_rows(y)
    expected = np.exp(x.astype(np.longdouble))
    normal = x > -708
    error = np.abs(y - expected)[normal] / np.spacing(expected[normal].astype(float))
    assert error.max() < 1.2
    assert y[-1, -2] == 1.0
    assert y[-1, -1] == 0.0


def test_bad_arguments_are_named():
    X, p = start(np.random.default_rng(0), 20, 2, 2, "diag")
    cases = [
        (lambda: references.fit_em(X[:, :1], p), "features"),
        (lambda: references.fit_em(X[0], p), "two dimensions"),
        (lambda: references.fit_em(X[:0], p), "at least one sample"),
        (lambda: references.fit_em(X, p, sample_weight=np.ones(3)), "sample_weight"),
        (lambda: references.fit_em(X, p, sample_weight=-np.ones(20)), "sample_weight"),
        (lambda: references.fit_em(X, p, n_threads=0), "n_threads"),
        (lambda: learning.make_parameters([1.0], p.means, p.covariances, "diag"), "weights"),
        (lambda: learning.make_parameters(p.weights, p.means, p.covariances, "full"), "covariances"),
        (lambda: learning.make_parameters(p.weights, p.means, p.covariances, "round"), "covariance_type"),
        (lambda: learning.parameters_from_labels(X, np.full(20, 7), 2, "diag"), "labels"),
        (lambda: learning.parameters_from_labels(X, np.full(20, -1), 2, "diag"), "labels"),
        (lambda: learning.parameters_from_labels(X, np.full(20, np.nan), 2, "diag"), "labels"),
    ]
    for call, match in cases:
        with pytest.raises(ValueError, match=match):
            call()
    with pytest.raises(TypeError, match="numeric"):
        references.fit_em(X.astype(str), p)


@pytest.mark.parametrize(("n", "d", "n_components"), [(60, 2, 3), (300, 5, 4)])
def test_em_agrees_with_the_books_kernels(n, d, n_components):
    from gmm.formulas import em

    X, p = start(np.random.default_rng(n), n, d, n_components, "full")
    weights, means, covariances = p[1:4]
    result = references.fit_em(X, p, tol=0, max_iter=4, reg_covar=1e-3)
    for value in result.log_likelihoods:
        log_resp, log_likelihood = em.e_step(X, weights, means, covariances)
        assert value * n == pytest.approx(log_likelihood, rel=1e-12)
        weights, means, covariances = em.m_step(X, np.exp(log_resp), 1e-3)
    assert relative(result.parameters.weights, weights) < 1e-11
    assert relative(result.parameters.means, means) < 1e-11
    assert relative(result.parameters.covariances, covariances) < 1e-10


CACHE_PROGRAM = """
import json, numpy as np
from gmm import engine, learning
X = np.random.default_rng(0).normal(size=(100, 2))
p = learning.make_parameters([0.5, 0.5], X[:2], np.ones(2), "spherical")
learning.climb(learning.ArraySource(X), learning.MaximumLikelihood(), p)
from gmm.engine import loop
import sys
stats = loop.run.stats
print(json.dumps([len(stats.cache_hits), len(stats.cache_misses), "sklearn" in sys.modules]))
"""


@pytest.mark.slow
def test_second_process_hits_the_disk_cache(tmp_path):
    environment = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path))
    answers = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", CACHE_PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        answers.append(json.loads(run.stdout))
    assert answers[0] == [0, 1, False]
    assert answers[1] == [1, 0, False]


NARROWER_PROGRAM = """
import sys, pytest
from gmm.engine import simd
assert simd.NARROW == int(sys.argv[1]), simd.NARROW
chosen = "extended_precision or one_pass_moments or test_exp or kmeans_agrees"
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-k", chosen, sys.argv[2]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("lanes", "processor", "features"), [(2, "generic", ""), (4, "haswell", "+avx,+avx2,+fma")])
def test_processors_with_narrower_registers(lanes, processor, features, tmp_path):
    if lanes >= simd.NARROW:
        pytest.skip("this processor's registers are no wider: they are what all other tests run on")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}
    run = subprocess.run(
        [sys.executable, "-c", NARROWER_PROGRAM, str(lanes), __file__], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\d+ passed", run.stdout)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memory_does_not_grow_with_the_data(covariance_type, dtype):
    """Python's and NumPy's allocations beside X during a whole fit; float32 data are converted slab by slab."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(200_000, 8)) + 9.0 * rng.integers(4, size=(200_000, 1))).astype(dtype)

    def fit(X):
        centres = engine.kmeans(X, 4, np.random.default_rng(0), n_threads=2, max_iter=2).centres
        p = learning.parameters_from_centres(X, centres, covariance_type, n_threads=2)
        return references.fit_em(X, p, tol=0, max_iter=2, n_threads=2)

    fit(X[:20_000])  # compiled from here on
    tracemalloc.start()
    fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6  # a copy in float64 would be 13 MB, the responsibilities 6 MB


def test_every_formula_of_em_can_be_found_by_its_label():
    """The labels in the engine's docstrings are equations of the book, and no step of an iteration lacks its own."""
    from gmm.formulas import EQUATIONS

    sources = "".join(path.read_text() for path in Path(engine.__file__).parent.glob("*.py"))
    labels = set(re.findall(r"\beq-[a-z]+(?:-[a-z]+)*", sources))
    assert labels <= set(EQUATIONS)
    steps = "joint-density mahalanobis cholesky log-determinant responsibility log-likelihood effective-counts"
    steps += " update-weights update-means update-covariances update-tied update-diagonal update-spherical ridge"
    steps += " nearest-centre update-centres kmeans-plusplus mixture-log-density hard-labels"
    assert {f"eq-{step}" for step in steps.split()} <= labels
