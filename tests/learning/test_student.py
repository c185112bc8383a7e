"""Mixtures of t distributions: the compiled iterations against an EM algorithm written with SciPy."""

import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import digamma, logsumexp
from scipy.stats import multivariate_t

from gmm import engine, learning
from gmm.engine import student
from gmm.learning import (
    ArraySource,
    MaximumAPosteriori,
    MaximumLikelihood,
    Prior,
    StudentParameters,
    StudentStep,
    climb,
)

STRUCTURES = ("full", "tied", "diag", "spherical")
MODES = ("each", "shared", "fixed")


def covariances(scatter, counts, name):
    """The M-step of scatter matrices (K, d, d), as matrices."""
    K, d, _ = scatter.shape
    if name == "tied":
        return np.repeat(scatter.sum(axis=0)[None] / counts.sum(), K, axis=0)
    found = scatter / counts[:, None, None]
    if name == "diag":
        return found * np.eye(d)
    return found if name == "full" else np.einsum("kjj->k", found)[:, None, None] / d * np.eye(d)


def em(X, weights, parameters, name, mode, n_iter):
    """Weights, means, scale matrices, degrees of freedom, and the mean log-likelihood before each iteration."""
    pi, means, scales, dof = parameters
    K, d = means.shape
    values = []
    for _ in range(n_iter):
        joint = np.stack(
            [np.log(pi[k]) + multivariate_t.logpdf(X, means[k], scales[k], df=dof[k]) for k in range(K)], axis=1
        )
        values.append(weights @ logsumexp(joint, axis=1) / weights.sum())
        resp = weights[:, None] * np.exp(joint - logsumexp(joint, axis=1)[:, None])
        squares = np.stack(
            [((X - means[k]) * np.linalg.solve(scales[k], (X - means[k]).T).T).sum(axis=1) for k in range(K)], axis=1
        )
        u = (dof + d) / (dof + squares)
        counts, ru = resp.sum(axis=0), resp * u
        pi, means = counts / counts.sum(), ru.T @ X / ru.sum(axis=0)[:, None]
        scatter = np.stack([(X - means[k]).T * ru[:, k] @ (X - means[k]) for k in range(K)])
        scales = covariances(scatter, counts, name)
        excess = (resp * (u - np.log(u) - 1.0)).sum(axis=0)

        def root(mean_excess, old):
            target = mean_excess + np.log((old + d) / 2) - digamma((old + d) / 2)
            return brentq(lambda v: np.log(v / 2) - digamma(v / 2) - target, 1e-2, 1e6, xtol=1e-13, rtol=1e-14)

        if mode == "each":
            dof = np.array([root(excess[k] / counts[k], dof[k]) for k in range(K)])
        elif mode == "shared":
            dof = np.full(K, root(excess.sum() / counts.sum(), dof[0]))
    return pi, means, scales, dof, values


def example(n_features):
    rng = np.random.default_rng(n_features)
    d = n_features
    X = np.concatenate([rng.standard_t(3, size=(60, d)), 1.5 * rng.standard_t(8, size=(70, d)) + 4.0])
    return X, rng.uniform(0.5, 2.0, size=130), np.repeat([0, 1], [60, 70])


def start(X, labels, name, dof=(10.0, 10.0)):
    return StudentParameters(learning.parameters_from_labels(X, labels, 2, name, reg_covar=0.0), np.array(dof))


class InPython(StudentStep):
    """Without the compiled iterations."""

    def bouts(self, source, state, units):
        return None


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("d", [2, 7])
def test_the_iterations_of_em(name, d):
    X, weights, labels = example(d)
    begin = start(X, labels, name)
    for mode in MODES:
        p = begin.gaussian
        expected = em(X, weights, (p.weights, p.means, p.matrices, begin.dof), name, mode, 12)
        for kind in (StudentStep, InPython):
            found = climb(ArraySource(X, weights), kind(MaximumLikelihood(0.0), mode), begin, tol=0.0, max_iter=12)
            state = found.state
            np.testing.assert_allclose(found.log_likelihoods, expected[4], rtol=1e-11)
            np.testing.assert_allclose(state.weights, expected[0], rtol=1e-9)
            np.testing.assert_allclose(state.means, expected[1], rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(state.matrices, expected[2], rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(state.dof, expected[3], rtol=1e-7)
            assert np.diff(found.log_likelihoods).min() > -1e-13


@pytest.mark.parametrize("name", STRUCTURES)
def test_any_number_of_threads_and_any_layout_give_the_same_bits(name):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.standard_t(4, size=(20_000, 3)), rng.normal(size=(20_000, 3)) + 6]).astype(np.float32)
    X = X.astype(np.float64)
    begin = start(X, np.repeat([0, 1], 20_000), name)
    found = [
        climb(ArraySource(data, None, n), StudentStep(MaximumLikelihood(1e-6), "each"), begin, tol=0.0, max_iter=3)
        for data, n in ((X, 1), (X, 2), (X, 5), (X.astype(np.float32), 2), (np.asfortranarray(X), 1))
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other.state.covariances, found[0].state.covariances)
        np.testing.assert_array_equal(other.state.dof, found[0].state.dof)
        np.testing.assert_array_equal(other.log_likelihoods, found[0].log_likelihoods)


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_gradient_vanishes_at_the_maximum(name):
    """Central differences of SciPy's log-likelihood in every direction: weights, means, scales, degrees of freedom."""
    X, _, labels = example(2)
    step = StudentStep(MaximumLikelihood(0.0), "each")
    fitted = climb(ArraySource(X), step, start(X, labels, name), tol=0.0, max_iter=3000).state
    d, K = 2, 2
    rows, columns = np.tril_indices(d)
    roots = np.linalg.cholesky(fitted.matrices)
    free = {"full": 3, "tied": 3, "diag": 2, "spherical": 1}[name]
    per = 1 if name == "tied" else K

    def value(h):
        pi = fitted.weights * np.exp([h[0], 0.0])
        pi /= pi.sum()
        means = fitted.means + h[1:5].reshape(K, d)
        dof = fitted.dof * np.exp(h[5:7])
        moves = h[7:].reshape(per, free)
        factors = roots.copy()
        for k in range(K):
            move = moves[min(k, per - 1)]
            if free == 3:
                factors[k][rows, columns] += move
            else:
                factors[k] *= np.exp(np.broadcast_to(move, d))[:, None]
        log_p = [
            np.log(pi[k]) + multivariate_t.logpdf(X, means[k], factors[k] @ factors[k].T, df=dof[k]) for k in range(K)
        ]
        return logsumexp(log_p, axis=0).mean()

    gradient = [(value(h) - value(-h)) / 2e-5 for h in 1e-5 * np.eye(7 + per * free)]
    assert np.abs(gradient).max() < 3e-7
    assert 1.5 < fitted.dof[0] < 8.0


@pytest.mark.parametrize("name", STRUCTURES)
def test_many_degrees_of_freedom_are_a_gaussian_fit(name):
    X, weights, labels = example(3)
    options = {"tol": 0.0, "max_iter": 20}
    source = ArraySource(X, weights)
    gaussian = climb(source, MaximumLikelihood(1e-6), start(X, labels, name).gaussian, **options)
    gaps = []
    for dof in (1e4, 1e8):
        step = StudentStep(MaximumLikelihood(1e-6), "fixed")
        found = climb(source, step, start(X, labels, name, (dof, dof)), **options)
        gaps.append(np.abs(found.state.covariances - gaussian.state.covariances).max())
        assert found.log_likelihoods[-1] == pytest.approx(gaussian.log_likelihoods[-1], abs=300.0 / dof)
    assert gaps[1] < 1e-6
    assert gaps[0] / gaps[1] == pytest.approx(1e4, rel=0.2)  # the difference is of order 1/ν


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_prior_on_the_scales(name):
    """The penalised likelihood never falls, and with few samples the scales tend to the prior's mode."""
    X, weights, labels = example(2)
    prior = Prior(np.array([[2.0, 0.3], [0.3, 1.0]]), 5.0)
    step = StudentStep(MaximumAPosteriori(prior), "each")
    found = climb(ArraySource(X, weights), step, start(X, labels, name), tol=0.0, max_iter=60)
    assert np.diff(found.log_likelihoods).min() > -1e-13
    other = climb(
        ArraySource(X, weights), InPython(MaximumAPosteriori(prior), "each"), start(X, labels, name), tol=0.0,
        max_iter=60,
    )  # fmt: skip
    np.testing.assert_allclose(found.state.covariances, other.state.covariances, rtol=1e-9)
    np.testing.assert_allclose(found.log_likelihoods, other.log_likelihoods, rtol=1e-11)
    light = climb(ArraySource(X, 1e-9 * weights), step, start(X, labels, name), tol=0.0, max_iter=3).state
    mode = prior.scale / prior.count
    expected = {"full": mode, "tied": mode, "diag": np.diag(np.diag(mode)), "spherical": np.eye(2) * np.trace(mode) / 2}
    np.testing.assert_allclose(light.matrices[0], expected[name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", STRUCTURES)
def test_moments_about_other_centres(name):
    X, weights, labels = example(5)
    density, source = start(X, labels, name, (3.0, 8.0)).density(), ArraySource(X, weights)
    one, centres = source.statistics(density), density.centres + 0.3
    other = source.statistics(density, centres)
    moved = one.moments.about(centres)
    np.testing.assert_allclose(other.moments.second, moved.second, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(other.moments.first, moved.first, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(other.moments.counts, one.moments.counts, rtol=1e-12)
    np.testing.assert_array_equal(other.counts, one.counts)
    halves = [ArraySource(X[i::2], weights[i::2]).statistics(density) for i in (0, 1)]
    both = sum(halves)
    np.testing.assert_allclose(both.counts, one.counts, rtol=1e-12)
    np.testing.assert_allclose(both.tails, one.tails, rtol=1e-12)
    np.testing.assert_allclose(both.moments.second, one.moments.second, rtol=1e-11, atol=1e-10)


def test_tied_components_far_apart_lose_no_digits():
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.standard_t(5, size=(80, 2)), rng.standard_t(5, size=(80, 2)) + 2.0**24])
    labels = np.repeat([0, 1], 80)
    step = StudentStep(MaximumLikelihood(0.0), "shared")
    far = climb(ArraySource(X), step, start(X, labels, "tied"), tol=0.0, max_iter=30).state
    near = X.copy()
    near[80:] -= 2.0**24 - 64.0
    close = climb(ArraySource(near), step, start(near, labels, "tied"), tol=0.0, max_iter=30).state
    np.testing.assert_allclose(far.covariances, close.covariances, rtol=1e-4)
    assert far.dof[0] == pytest.approx(close.dof[0], rel=1e-3)


class TestFunctions:
    def test_logarithm(self):
        rng = np.random.default_rng(0)
        t = rng.uniform(0.5, 2.0, size=(76, 64)) * 10.0 ** np.arange(-19, 57)[:, None]
        t[0] = 0.0
        t[1, :32] = np.linspace(0.40, 0.43, 32)  # about √2
        logarithms, inverses = t.copy(), np.empty_like(t)
        student.log1p_rows(logarithms, inverses)
        np.testing.assert_allclose(logarithms, np.log1p(t), rtol=1e-15, atol=0)
        np.testing.assert_allclose(inverses, 1.0 / (1.0 + t), rtol=1e-15, atol=0)

    def test_constant_against_mpmath(self):
        mpmath.mp.dps = 60
        dof = np.array([0.01, 0.5, 1.0, 3.7, 19.0, 39.9, 40.0, 41.0, 300.0, 1e5, 1e8, 1e12])
        for d in (1, 2, 9, 100):
            found = np.empty(len(dof))
            student.tail_constants(dof, d, found)
            for v, value in zip(dof, found, strict=True):
                v = mpmath.mpf(float(v))
                expected = mpmath.loggamma((v + d) / 2) - mpmath.loggamma(v / 2) - mpmath.mpf(d) / 2 * mpmath.log(v / 2)
                assert value == pytest.approx(float(expected), rel=1e-13, abs=2e-14 * d)

    @pytest.mark.parametrize("dof", [0.02, 0.3, 1.0, 5.0, 38.0, 42.0, 1e3, 1e6])
    def test_the_equation_for_dof_is_solved(self, dof):
        """Sums are chosen so that its root is `dof`; mpmath says what they have to be."""
        mpmath.mp.dps = 50
        old, d, n = 4.0, 3, 50.0

        def g(x):
            return mpmath.log(x) - mpmath.digamma(x)

        excess = g(mpmath.mpf(dof) / 2) - g(mpmath.mpf(old + d) / 2)
        masses = n * (1.0 + float(excess)) + n * np.log1p(d / old) - 7.0
        found = np.empty(1)
        arguments = np.array([n]), np.array([masses]), np.array([7.0]), np.array([old]), d
        student.new_dof(*arguments, student.EACH, found)
        # Of the target g(ν/2) some 1e-15 are rounding.
        assert found[0] == pytest.approx(dof, rel=1e-12 + 1e-14 * max(1.0, dof))
        student.new_dof(*arguments, student.SHARED, found)
        assert found[0] == pytest.approx(dof, rel=1e-12 + 1e-14 * max(1.0, dof))
        student.new_dof(*arguments, student.HELD, found)
        assert found[0] == old

    def test_its_bounds(self):
        for excess, expected in ((-0.3, student.MOST_DOF), (1e9, student.LEAST_DOF)):
            found = np.empty(1)
            n, d, old = 10.0, 2, 3.0
            masses = n * (1.0 + excess + np.log1p(d / old))
            student.new_dof(np.array([n]), np.array([masses]), np.zeros(1), np.array([old]), d, student.EACH, found)
            assert found[0] == expected


def test_points_as_far_as_float64_reaches():
    gaussian = learning.make_parameters([0.5, 0.5], [[0.0, 0.0], [3.0, 0.0]], np.stack([np.eye(2)] * 2), "full")
    density = StudentParameters(gaussian, np.array([1.0, 5.0])).density()
    X = np.array([[1e150, 0.0], [1e200, 1e200], [-1e300, 3.0], [1.7e308, -1.7e308]])
    assert not np.isnan(engine.score_samples(X, density)).any()
    resp = engine.predict_proba(X, density)
    np.testing.assert_allclose(resp.sum(axis=1), 1.0)
    assert (resp[:2, 0] > 0.999).all()  # the heavier tail
