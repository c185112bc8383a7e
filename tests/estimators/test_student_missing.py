"""Mixtures of t distributions with missing values: marginals of SciPy, and the maximum of what was observed."""

import numpy as np
import pytest
from scipy.special import digamma, logsumexp
from scipy.stats import kstest, multivariate_t, t

from gmm import GaussianMixture, StudentMixture, learning

MODES = {"full": "each", "tied": "shared", "diag": "each", "spherical": "fixed"}


def heavy(n=160, seed=1):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n // 2)
    scale = np.array([[1.0, 0.5, 0.2], [0.0, 1.0, 0.4], [0.0, 0.0, 0.8]])
    z = rng.normal(size=(n, 3)) @ scale / np.sqrt(rng.chisquare(3.0, n) / 3.0)[:, None]
    return z + 7.0 * labels[:, None] * [1.0, 0.5, -0.5], rng.uniform(size=(n, 3)) < 0.25


COMPLETE, GAPS = heavy()
X = np.where(GAPS, np.nan, COMPLETE)
LABELS = np.repeat([0, 1], 80)


@pytest.fixture(scope="module", params=MODES)
def converged(request):
    """A fit of each structure, with each way to have degrees of freedom, whose digits stand still."""
    dof = {"fixed": [3.0, 5.0]}.get(MODES[request.param], MODES[request.param])
    settings = {"dof": dof, "dof_init": 4.0, "resp_init": LABELS, "reg_covar": 0.0, "tol": 1e-13, "max_iter": 4000}
    settings["random_state"] = 0
    return StudentMixture(2, covariance_type=request.param, missing="marginalise", **settings).fit(X)


def log_joint(X, weights, means, scales, dof):
    """By SciPy, row by row; a row without a value has the density 1."""
    joint = np.tile(np.log(weights), (len(X), 1))
    for i, x in enumerate(X):
        o = np.flatnonzero(~np.isnan(x))
        if len(o):
            for k in range(len(weights)):
                joint[i, k] += multivariate_t.logpdf(x[o], means[k, o], scales[k][np.ix_(o, o)], df=dof[k])
    return joint


def slope(function, h=1e-4):
    return (function(h) - function(-h)) / (2.0 * h)


def total(mixture, **changes):
    found = {"weights": mixture.weights_, "means": mixture.means_, "scales": mixture._parameters().matrices}
    found |= {"dof": mixture.dof_} | changes
    changed = StudentMixture.from_parameters(**found, missing="marginalise")
    return changed.score(X) * len(X)


def test_scores_are_those_of_scipy(converged):
    scales = converged._parameters().matrices
    joint = log_joint(X, converged.weights_, converged.means_, scales, converged.dof_)
    log_p = logsumexp(joint, axis=1)
    np.testing.assert_allclose(converged.score_samples(X), log_p, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(converged.predict_proba(X), np.exp(joint - log_p[:, None]), atol=1e-11)
    np.testing.assert_array_equal(converged.predict(X), joint.argmax(axis=1))
    seen = ~np.isnan(X).all(axis=1)
    assert converged.lower_bound_ == pytest.approx(log_p[seen].mean(), abs=1e-9)


def test_the_likelihood_never_falls_and_its_gradient_vanishes(converged):
    assert np.diff(converged.lower_bounds_).min() > -1e-13
    kind, scales, roots = converged.covariance_type, converged._parameters().matrices, []
    for k in range(2):
        for j in range(3):
            step = np.zeros((2, 3))
            step[k, j] = 1.0
            roots.append(slope(lambda h, s=step: total(converged, means=converged.means_ + h * s)))
    ratio = np.array([1.0, -1.0])
    roots.append(slope(lambda h: total(converged, weights=converged.weights_ + h * ratio)))
    roots.append(slope(lambda h: total(converged, scales=scales * np.exp(h))))
    for a in range(3):
        for c in range(a + 1 if kind in ("full", "tied") else 0):
            step = np.zeros((2, 3, 3))
            step[0, a, c] = step[0, c, a] = 1.0
            step[1] = step[0] if kind == "tied" else 0.0
            roots.append(slope(lambda h, s=step: total(converged, scales=scales + h * s)))
    if MODES[kind] == "each":
        for factor in ([1.0, 0.0], [0.0, 1.0]):
            roots.append(slope(lambda h, f=factor: total(converged, dof=converged.dof_ * np.exp(h * np.array(f)))))
    if MODES[kind] == "shared":
        assert converged.dof_[0] == converged.dof_[1]
        roots.append(slope(lambda h: total(converged, dof=converged.dof_ * np.exp(h))))
    assert np.abs(roots).max() < 1e-3
    assert abs(slope(lambda h: total(converged, dof=2.0 * converged.dof_ * np.exp(h)))) > 0.3


@pytest.mark.parametrize("kind", MODES)
def test_a_pass_is_what_it_says(kind):
    """Against expectations over u and the missing values, row by row; moments about other centres."""
    rng = np.random.default_rng(5)
    covariances = {"full": [[[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 1.5]], np.diag([1.0, 2.0, 0.5])]}
    covariances |= {"tied": covariances["full"][0], "diag": [[2.0, 1.0, 1.5], [1.0, 2.0, 0.5]], "spherical": [2.0, 0.7]}
    gaussian = learning.make_parameters([0.3, 0.7], rng.normal(size=(2, 3)), covariances[kind], kind)
    p = learning.StudentParameters(gaussian, np.array([2.5, 9.0]))
    Y, w, centres = X[:40], rng.uniform(0.5, 2.0, 40), rng.normal(size=(2, 3))
    joint = log_joint(Y, p.weights, p.means, gaussian.matrices, p.dof)
    r = w[:, None] * np.exp(joint - logsumexp(joint, axis=1)[:, None])
    masses, logs, first, second = np.zeros(2), np.zeros(2), np.zeros((2, 3)), np.zeros((2, 3, 3))
    for i, x in enumerate(Y):
        o = np.flatnonzero(~np.isnan(x))
        for k, (mean, C, nu) in enumerate(zip(p.means, gaussian.matrices, p.dof, strict=True)):
            gain = np.linalg.solve(C[np.ix_(o, o)], C[o]).T
            z = (x - mean)[o]
            q = z @ np.linalg.solve(C[np.ix_(o, o)], z)
            u = (nu + len(o)) / (nu + q)
            e = mean + gain @ z - centres[k]
            masses[k] += r[i, k] * u
            logs[k] += r[i, k] * (digamma(0.5 * (nu + len(o))) - np.log(0.5 * (nu + q)))
            first[k] += r[i, k] * u * e
            second[k] += r[i, k] * (u * np.outer(e, e) + C - gain @ C[o])
    if kind != "full":
        second = second.sum(axis=0) if kind == "tied" else second.diagonal(0, 1, 2)
        second = second.sum(axis=1) if kind == "spherical" else second
    found = learning.PatternSource(Y, w).statistics(p.density(), centres)
    assert found.log_likelihood == pytest.approx(w @ logsumexp(joint, axis=1), rel=1e-11)
    np.testing.assert_allclose(found.counts, r.sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(found.moments.counts, masses, rtol=1e-11)
    np.testing.assert_allclose(found.moments.first, first, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.moments.second, second, rtol=1e-10, atol=1e-10)
    # With d in the place of the number of observed features `tails` gives the sum of E[log u].
    half = 0.5 * (p.dof + 3.0)
    expected = found.counts * (digamma(half) - np.log(half) + np.log1p(3.0 / p.dof)) - found.tails
    np.testing.assert_allclose(expected, logs, rtol=1e-10)


# ------------------------------------------------------------------------------------- what changes nothing


def same(one, other):
    names = ("weights_", "means_", "scales_", "dof_")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def test_cases_of_it():
    settings = {"resp_init": LABELS, "random_state": 0, "max_iter": 20, "tol": 1e-3}  # gaps are drawn at the start
    plain = StudentMixture(2, **settings).fit(COMPLETE)
    assert same(plain, StudentMixture(2, missing="marginalise", **settings).fit(COMPLETE))
    settings |= {"tol": 1e-10, "max_iter": 1000, "missing": "marginalise"}
    gaussian = GaussianMixture(2, **settings).fit(X)
    limit = StudentMixture(2, dof=1e9, **settings).fit(X)
    np.testing.assert_allclose(limit.scales_, gaussian.covariances_, rtol=1e-5)
    np.testing.assert_allclose(limit.score_samples(X), gaussian.score_samples(X), rtol=1e-5, atol=1e-6)


def test_empty_rows_order_threads_and_weights():
    settings = {"missing": "marginalise", "resp_init": LABELS, "random_state": 0, "tol": 1e-12, "dof": "shared"}
    settings["max_iter"] = 500
    one = StudentMixture(2, **settings).fit(X)
    more, labels = np.insert(X, [0, 50], np.nan, axis=0), np.insert(LABELS, [0, 50], 0)
    other = StudentMixture(2, **settings | {"resp_init": labels}).fit(more)
    assert same(one, other)
    assert other.score_samples(more)[0] == pytest.approx(0.0, abs=1e-13)
    assert same(one, StudentMixture(2, n_threads=1, **settings).fit(X))
    counts = np.random.default_rng(0).integers(0, 3, len(X))
    rows = np.repeat(np.arange(len(X)), counts)
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    weighted = StudentMixture(2, **settings).fit(X, sample_weight=counts)
    repeated = StudentMixture(2, **settings | {"resp_init": LABELS[rows]}).fit(X[rows])
    np.testing.assert_allclose(weighted.scales_, repeated.scales_, rtol=1e-6)
    np.testing.assert_allclose(weighted.dof_, repeated.dof_, rtol=1e-6)


def test_a_density_of_some_features_is_that_of_the_marginal(converged):
    rows = np.array([[0.5, np.nan, -0.3], [np.nan, 2.0, np.nan]])
    for row, seen in zip(rows, ([0, 2], [1]), strict=True):
        expected = converged.marginal(seen).score_samples(row[None, seen])
        assert converged.score_samples(row[None])[0] == pytest.approx(expected[0], rel=1e-11)


# ------------------------------------------------------------------------------------- what it is for


def test_missing_at_random_is_unbiased_where_deletion_is_not():
    """x_1 is missing where x_0 is large. Means of 25 replicates, measured in their standard errors."""
    found = {"marginalise": [], "delete": []}
    for seed in range(25):
        rng = np.random.default_rng(seed)
        Y = rng.normal(size=(300, 2)) @ [[1.0, 0.8], [0.0, 0.6]] / np.sqrt(rng.chisquare(4.0, 300) / 4.0)[:, None]
        Y[rng.uniform(size=300) < 1.0 / (1.0 + np.exp(-3.0 * Y[:, 0])), 1] = np.nan
        for name, data in (("marginalise", Y), ("delete", Y[~np.isnan(Y[:, 1])])):
            fitted = StudentMixture(1, missing="marginalise", dof_init=4.0, tol=1e-6, max_iter=500).fit(data)
            found[name].append([*fitted.means_[0], *np.log(np.diag(fitted.scales_[0])), np.log(fitted.dof_[0] / 4.0)])
    for name, values in found.items():
        values = np.array(values)
        scores = np.abs(values.mean(axis=0)) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
        assert scores.max() < 4.0 if name == "marginalise" else scores[:2].min() > 8.0


def test_imputation():
    mixture = StudentMixture(2, missing="marginalise", resp_init=LABELS, random_state=0, dof=[3.0, 5.0]).fit(X)
    filled = mixture.impute(X)
    np.testing.assert_array_equal(filled[~GAPS], X[~GAPS])
    rows = np.flatnonzero(GAPS[:, 1] & ~GAPS[:, 0] & ~GAPS[:, 2])
    expected = mixture.conditional_moments([0, 2], X[rows][:, [0, 2]]).mean
    np.testing.assert_allclose(filled[rows, 1:2], expected, rtol=1e-9)
    drawn = mixture.impute(X, how="sample", random_state=0)
    other = X.copy()
    other[:5] = np.nan
    np.testing.assert_array_equal(mixture.impute(other, how="sample", random_state=0)[5:], drawn[5:])


@pytest.mark.parametrize("row", [[2.5, np.nan, np.nan], [np.nan] * 3])
def test_draws_have_the_conditional_t_distribution(row):
    """Single features by their distribution functions, and the distance in both by its own (one component)."""
    scale = np.array([[2.0, 0.7, 0.2], [0.7, 1.0, 0.4], [0.2, 0.4, 1.5]])
    mixture = StudentMixture.from_parameters([1.0], [[0.0, 1.0, -1.0]], [scale], 3.0)
    row = np.array(row)
    drawn = mixture.impute(np.tile(row, (4000, 1)), how="sample", random_state=1)
    if np.isnan(row).all():
        for j in range(3):
            assert kstest(drawn[:, j], t(3.0, mixture.means_[0, j], np.sqrt(scale[j, j])).cdf).pvalue > 1e-3
        return
    given = mixture.conditional(0, 2.5)
    for j in range(2):
        law = t(given.dof_[0], given.means_[0, j], np.sqrt(given.scales_[0, j, j]))
        assert kstest(drawn[:, 1 + j], law.cdf).pvalue > 1e-3
    z = np.linalg.solve(np.linalg.cholesky(given.scales_[0]), (drawn[:, 1:] - given.means_[0]).T)
    nearer = np.mean((z**2).sum(axis=0) < 2.0)  # 2 F(2, ν) has the closed distribution 1 - (1 + q/ν)^(-ν/2)
    expected = 1.0 - (1.0 + 2.0 / given.dof_[0]) ** (-0.5 * given.dof_[0])
    assert abs(nearer - expected) < 4.0 * np.sqrt(expected * (1.0 - expected) / 4000)


def test_files_tags_and_input(tmp_path):
    fitted = StudentMixture(2, missing="marginalise", resp_init=LABELS, random_state=0).fit(X)
    fitted.save(tmp_path / "m.npz")
    loaded = StudentMixture.load(tmp_path / "m.npz")
    assert loaded.missing == "marginalise"
    np.testing.assert_array_equal(loaded.score_samples(X), fitted.score_samples(X))
    assert fitted.__sklearn_tags__().input_tags.allow_nan
    assert not StudentMixture().__sklearn_tags__().input_tags.allow_nan
    with pytest.raises(ValueError, match=r"Input X contains NaN\..*missing='marginalise'"):
        StudentMixture(2).fit(X)
    nothing = X.copy()
    nothing[:, 2] = np.nan
    with pytest.raises(ValueError, match=r"X\[:, 2\] has no observed value"):
        StudentMixture(2, missing="marginalise").fit(nothing)
    with pytest.raises(ValueError, match="'missing' parameter"):
        StudentMixture(2, missing="ignore").fit(X)
