"""The pass over samples with missing values, against integrals and sums written out."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmm import engine, learning
from gmm.engine import Units, missing
from gmm.learning import PatternSource
from gmm.learning.variational import BayesianPrior, Variational

KINDS = ("full", "tied", "diag", "spherical")


def mixture(kind, n_components, d, rng):
    """Random parameters of a structure."""
    a = rng.normal(size=(n_components, d, d))
    matrices = a @ np.swapaxes(a, 1, 2) + 0.3 * np.eye(d)
    covariances = {
        "full": matrices, "tied": matrices[0], "diag": np.einsum("kjj->kj", matrices), "spherical": matrices[:, 0, 0]
    }[kind]  # fmt: skip
    weights = rng.dirichlet(np.full(n_components, 5.0))
    return learning.make_parameters(weights, 2.0 * rng.normal(size=(n_components, d)), covariances, kind)


def with_gaps(n, d, rng, fraction=0.35):
    X = 2.0 * rng.normal(size=(n, d))
    X[rng.uniform(size=X.shape) < fraction] = np.nan
    X[0], X[1] = np.nan, np.arange(d)  # one row without any value, one complete
    return X


def log_joint(x, p):
    """log π_k + log N(x_o | μ_k, Σ_k) with SciPy."""
    seen = ~np.isnan(x)
    result = np.log(p.weights)
    if seen.any():
        pairs = zip(p.means, p.matrices, strict=True)
        result = result + [multivariate_normal.logpdf(x[seen], m[seen], c[np.ix_(seen, seen)]) for m, c in pairs]
    return result


def expected_moments(X, p, weights, centres):
    """Log-likelihood, counts and E[Σ w r (x - c)], E[Σ w r (x - c)(x - c)ᵀ], row by row."""
    n_components, d = p.means.shape
    value, counts = 0.0, np.zeros(n_components)
    first, second = np.zeros((n_components, d)), np.zeros((n_components, d, d))
    for x, w in zip(X, weights, strict=True):
        gone, joint = np.isnan(x), log_joint(x, p)
        value += w * logsumexp(joint)
        for k, r in enumerate(w * np.exp(joint - logsumexp(joint))):
            cov = p.matrices[k]
            gain = np.linalg.solve(cov[np.ix_(~gone, ~gone)], cov[np.ix_(~gone, gone)]).T
            whole, spread = x.copy(), np.zeros((d, d))
            whole[gone] = p.means[k, gone] + gain @ (x - p.means[k])[~gone]
            spread[np.ix_(gone, gone)] = cov[np.ix_(gone, gone)] - gain @ cov[np.ix_(~gone, gone)]
            z = whole - centres[k]
            counts[k] += r
            first[k] += r * z
            second[k] += r * (np.outer(z, z) + spread)
    return value, counts, first, second


@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moved", [False, True])
def test_moments_are_the_expected_ones_of_whole_samples(kind, d, moved):
    rng = np.random.default_rng(d)
    X, p, weights = with_gaps(40, d, rng), mixture(kind, 3, d, rng), rng.uniform(0.2, 3.0, size=40)
    centres = p.means + rng.normal(size=p.means.shape) if moved else p.means
    found = PatternSource(X, weights).statistics(p.density(), centres if moved else None)
    value, counts, first, second = expected_moments(X, p, weights, centres)
    second = {
        "full": second, "tied": second.sum(axis=0), "diag": np.einsum("kjj->kj", second),
        "spherical": np.einsum("kjj->k", second),
    }[kind]  # fmt: skip
    np.testing.assert_allclose(found.log_likelihood, value, rtol=1e-12)
    np.testing.assert_allclose(found.counts, counts, rtol=1e-11)
    np.testing.assert_allclose(found.first, first, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.second, second, rtol=1e-10, atol=1e-10)
    assert found.total_weight == pytest.approx(weights.sum())
    np.testing.assert_array_equal(found.centres, centres)


@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_marginals(kind, d):
    rng = np.random.default_rng(10 + d)
    X, p = with_gaps(60, d, rng), mixture(kind, 3, d, rng)
    joint = np.array([log_joint(x, p) for x in X])
    scores, log_resp = missing.log_responsibilities(X, p.density())
    np.testing.assert_allclose(missing.score_samples(X, p.density()), logsumexp(joint, axis=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scores, logsumexp(joint, axis=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(log_resp, joint - scores[:, None], rtol=1e-10, atol=1e-11)
    resp = missing.predict_proba(X, p.density())
    np.testing.assert_allclose(resp, np.exp(log_resp), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(missing.predict(X, p.density()), joint.argmax(axis=1))
    np.testing.assert_allclose(resp[0], p.weights, rtol=1e-13)  # nothing is observed
    assert abs(scores[0]) < 1e-14


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_integrated_out_of_any_density(kind):
    """Of the unnormalised one of variational Bayes too: the bound's term of a sample is ∫ exp(…) dx_m."""
    rng = np.random.default_rng(3)
    p = mixture(kind, 2, 2, rng)
    scale = {"full": np.eye(2), "tied": np.eye(2), "diag": np.ones(2), "spherical": np.asarray(1.0)}[kind]
    step = Variational(BayesianPrior(0.5, False, np.zeros(2), 1.0, 2.0, scale), 0.01)
    density = step.density(step.start(p, [7.0, 5.0], 0.0), Units(np.zeros(2)))
    x = np.array([[0.7, np.nan]])

    def whole(value):
        return np.exp(engine.score_samples(np.array([[0.7, value]]), density)[0])

    area, _ = quad(whole, -40.0, 40.0, points=sorted(density.centres[:, 1]), limit=200, epsabs=1e-14, epsrel=1e-11)
    assert missing.score_samples(x, density)[0] == pytest.approx(np.log(area), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_complete_samples_have_the_statistics_of_the_plain_pass(kind):
    rng = np.random.default_rng(4)
    X, p = 2.0 * rng.normal(size=(300, 5)), mixture(kind, 3, 5, rng)
    plain, found = learning.ArraySource(X).statistics(p.density()), PatternSource(X).statistics(p.density())
    for name in ("log_likelihood", "counts", "first", "second"):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-10, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_bits_do_not_depend_on_threads_nor_values_on_the_order_of_rows(kind):
    rng = np.random.default_rng(5)
    d = 7
    X, p = with_gaps(20_000, d, rng), mixture(kind, 4, d, rng)
    weights = rng.uniform(size=len(X))
    one = PatternSource(X, weights, 1)
    assert len(one.patterns.chunks(4, 256)[0]) >= 3
    assert one.patterns.chunks(4, 256)[1] > engine.passes.WORTH_A_THREAD
    first = one.statistics(p.density())
    for n_threads in (2, 5):
        found = PatternSource(X, weights, n_threads).statistics(p.density())
        for mine, theirs in zip(found[1:5], first[1:5], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(missing.predict_proba(X, p.density(), 1), missing.predict_proba(X, p.density(), 3))
    order = rng.permutation(len(X))
    shuffled = PatternSource(X[order], weights[order]).statistics(p.density())
    for name in ("log_likelihood", "counts", "first", "second"):
        np.testing.assert_allclose(getattr(shuffled, name), getattr(first, name), rtol=1e-11, atol=1e-8, err_msg=name)
    features = rng.permutation(d)  # which changes the patterns, and their order
    turned = learning.make_parameters(
        p.weights, p.means[:, features],
        p.covariances[..., features, :][..., features] if kind != "diag" else p.covariances[:, features], kind,
    )  # fmt: skip
    found = PatternSource(X[:, features], weights).statistics(turned.density())
    np.testing.assert_allclose(found.log_likelihood, first.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(found.first, first.first[:, features], rtol=1e-10, atol=1e-8)


def test_patterns_hold_each_row_once_and_every_piece(monkeypatch):
    rng = np.random.default_rng(6)
    for d in (1, 3, 9, 70):  # one byte of pattern, two, more than eight
        X = rng.normal(size=(500, d))
        X[rng.uniform(size=X.shape) < 0.1] = np.nan
        patterns = missing.Patterns(X)
        np.testing.assert_array_equal(np.sort(patterns.order), np.arange(500))
        gaps = np.isnan(X[patterns.order])
        np.testing.assert_array_equal(patterns.values, np.where(gaps, 0.0, X[patterns.order]))
        assert len(patterns.observed) == len(np.unique(np.isnan(X), axis=0))
        for p, (features, n_observed) in enumerate(zip(patterns.features, patterns.observed, strict=True)):
            rows = gaps[patterns.starts[p] : patterns.starts[p + 1]]
            assert not rows[:, features[:n_observed]].any()
            assert rows[:, features[n_observed:]].all()
        for size in (64, 4096):  # with which patterns are cut, and not
            monkeypatch.setattr(missing, "PIECE", size)
            pieces = np.concatenate(patterns.chunks(50, 64)[0])
            covered = np.concatenate([np.arange(start, stop) for _, start, stop in pieces])
            np.testing.assert_array_equal(covered, np.arange(500))
            for pattern, start, stop in pieces:
                assert patterns.starts[pattern] <= start < stop <= patterns.starts[pattern + 1]


@pytest.mark.parametrize("kind", KINDS)
def test_far_samples_have_responsibilities_of_the_nearest(kind):
    p = mixture(kind, 3, 3, np.random.default_rng(7))
    X = np.array([[1e200, np.nan, -1e180], [np.nan, 1e200, np.nan], [np.nan, np.nan, np.nan]])
    resp = missing.predict_proba(X, p.density())
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, atol=1e-14)
    np.testing.assert_array_equal(missing.predict(X, p.density()), resp.argmax(axis=1))
    assert (missing.score_samples(X, p.density())[:2] == -np.inf).all()
    nearest = missing.marginal(p.density(), [1])
    np.testing.assert_array_equal(resp[1], engine.predict_proba(X[1:2, 1:2], nearest)[0])


def test_strong_correlations_keep_their_digits():
    """A correlation of 1 - 1e-10 in any order of the features, at 1e6 standard deviations from the origin."""
    shift, scale = 1e6, np.array([[1.0, 1.0 - 1e-10, 0.3], [1.0 - 1e-10, 1.0, 0.3], [0.3, 0.3, 1.0]])
    p = learning.make_parameters([1.0], [[shift, shift, shift]], scale[None], "full")
    for j in range(3):
        X = np.full((1, 3), shift)
        X[0, (j + 1) % 3] += 1.0
        X[0, j] = np.nan
        seen = [i for i in range(3) if i != j]
        lower = np.linalg.cholesky(scale[np.ix_(seen, seen)])
        y = np.linalg.solve(lower, (X[0] - shift)[seen])
        expected = -np.log(2.0 * np.pi) - np.log(np.diag(lower)).sum() - 0.5 * y @ y
        assert missing.score_samples(X, p.density())[0] == pytest.approx(expected, rel=1e-5)
        gain = np.linalg.solve(scale[np.ix_(seen, seen)], scale[seen, j])
        filled = missing.impute(X, p.density())
        assert filled[0, j] - shift == pytest.approx(gain @ (X[0] - shift)[seen], abs=1e-4)


def test_draws_have_the_moments_of_the_conditional_mixture():
    rng = np.random.default_rng(8)
    for kind in ("full", "diag"):
        p = mixture(kind, 3, 4, rng)
        row, n = np.array([0.5, np.nan, -0.3, np.nan]), 20_000
        seen, gone = [0, 2], [1, 3]
        joint = log_joint(row, p)
        r = np.exp(joint - logsumexp(joint))
        gains = [np.linalg.solve(c[np.ix_(seen, seen)], c[np.ix_(seen, gone)]).T for c in p.matrices]
        centres = np.array([m[gone] + g @ (row - m)[seen] for m, g in zip(p.means, gains, strict=True)])
        spreads = [c[np.ix_(gone, gone)] - g @ c[np.ix_(seen, gone)] for c, g in zip(p.matrices, gains, strict=True)]
        mean = r @ centres
        cov = sum(w * (s + np.outer(c - mean, c - mean)) for w, s, c in zip(r, spreads, centres, strict=True))
        np.testing.assert_allclose(missing.impute(row[None], p.density())[0, gone], mean, rtol=1e-11)
        drawn = missing.impute(np.tile(row, (n, 1)), p.density(), rng)
        np.testing.assert_array_equal(drawn[:, seen], np.tile(row[seen], (n, 1)))
        z = drawn[:, gone] - mean
        assert (np.abs(z.mean(axis=0)) < 5.0 * np.sqrt(np.diag(cov) / n)).all()
        products = z[:, :, None] * z[:, None, :]
        assert (np.abs(products.mean(axis=0) - cov) < 5.0 * products.std(axis=0) / np.sqrt(n)).all()


def test_a_draw_depends_on_its_own_row():
    rng = np.random.default_rng(9)
    X, p = with_gaps(30, 4, rng), mixture("full", 2, 4, rng)
    one = missing.impute(X, p.density(), np.random.default_rng(0))
    X[3:9, 2] = np.nan
    other = missing.impute(X, p.density(), np.random.default_rng(0))
    np.testing.assert_array_equal(np.delete(one, np.s_[3:9], axis=0), np.delete(other, np.s_[3:9], axis=0))
