"""Measurement errors of known covariance: the fit is that of the true values."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from sklearn.exceptions import ConvergenceWarning

import gmm
from gmm import GaussianMixture
from gmm.estimators import _summary
from gmm.estimators.selection import _folds

ONES = {"full": [np.eye(2)] * 2, "tied": np.eye(2), "diag": np.ones((2, 2)), "spherical": np.ones(2)}
KINDS = tuple(ONES)
TRUTH = GaussianMixture.from_parameters(
    [0.4, 0.6], [[0.0, 0.0], [4.0, 1.0]], [[[1.0, 0.6], [0.6, 1.0]], [[0.6, -0.3], [-0.3, 1.2]]]
)


def measured(n, seed):
    """(X, matrices of their errors): true values of TRUTH, errors of very different sizes and orientations."""
    rng = np.random.RandomState(seed)
    true, _ = TRUTH.sample(n, rng)
    root = rng.normal(size=(n, 2, 2)) * rng.uniform(0.2, 1.2, size=(n, 1, 1))
    return true + np.einsum("iab,ib->ia", root, rng.normal(size=(n, 2))), root @ root.swapaxes(1, 2)


X, S = measured(150, 0)


@pytest.fixture(scope="module", params=KINDS)
def converged(request):
    """A fit of each structure whose digits stand still."""
    start = {"weights_init": [0.5, 0.5], "means_init": TRUTH.means_, "precisions_init": ONES[request.param]}
    settings = {"tol": 1e-13, "max_iter": 5000, "reg_covar": 0.0}
    return GaussianMixture(2, covariance_type=request.param, **start, **settings).fit(X, error_covariances=S)


def total(mixture, weights=None, means=None, covariances=None):
    """Log-likelihood of X by SciPy, with some parameters replaced; covariances are matrices."""
    weights = mixture.weights_ if weights is None else weights
    means = mixture.means_ if means is None else means
    covariances = mixture._parameters().matrices if covariances is None else covariances
    joint = np.empty((len(X), 2))
    for k in range(2):
        lower = np.linalg.cholesky(covariances[k] + S)
        y = np.linalg.solve(lower, (X - means[k])[:, :, None])[:, :, 0]
        log_det = np.log(lower[:, 0, 0] * lower[:, 1, 1])
        joint[:, k] = np.log(weights[k]) - np.log(2.0 * np.pi) - log_det - 0.5 * (y**2).sum(axis=1)
    return logsumexp(joint, axis=1).sum()


def slope(function, h=1e-4):
    return (function(h) - function(-h)) / (2.0 * h)


def test_scores_are_those_of_scipy(converged):
    joint = np.array(
        [
            [
                np.log(p) + multivariate_normal.logpdf(x, m, C + E)
                for p, m, C in zip(converged.weights_, converged.means_, converged._parameters().matrices)
            ]
            for x, E in zip(X, S)
        ]
    )
    log_p = logsumexp(joint, axis=1)
    np.testing.assert_allclose(converged.score_samples(X, error_covariances=S), log_p, rtol=1e-11)
    resp = converged.predict_proba(X, error_covariances=S)
    np.testing.assert_allclose(resp, np.exp(joint - log_p[:, None]), atol=1e-12)
    np.testing.assert_array_equal(converged.predict(X, error_covariances=S), joint.argmax(axis=1))
    p = converged.n_parameters_
    assert converged.score(X, error_covariances=S) == pytest.approx(log_p.mean())
    assert converged.lower_bound_ == pytest.approx(log_p.mean(), abs=1e-10)
    assert converged.bic(X, error_covariances=S) == pytest.approx(-2.0 * log_p.sum() + p * np.log(150))
    assert converged.aic(X, error_covariances=S) == pytest.approx(-2.0 * log_p.sum() + 2.0 * p)
    entropy = -np.sum(resp * np.log(resp))
    assert converged.icl(X, error_covariances=S) - converged.bic(X, error_covariances=S) == pytest.approx(2.0 * entropy)


def test_the_likelihood_never_falls_and_its_gradient_vanishes(converged):
    assert np.diff(converged.lower_bounds_).min() > -1e-13
    assert converged.lower_bounds_[-1] > converged.lower_bounds_[0] + 1e-2
    matrices, roots = converged._parameters().matrices, []
    for k in range(2):
        for step in np.eye(2):
            steps = np.zeros((2, 2))
            steps[k] = step
            roots.append(slope(lambda h, s=steps: total(converged, means=converged.means_ + h * s)))
    roots.append(slope(lambda h: total(converged, converged.weights_ + h * np.array([1.0, -1.0]))))
    roots.append(slope(lambda h: total(converged, covariances=matrices * np.exp(h))))
    kind = converged.covariance_type
    free = {"full": [[1, 0], [0, 1]], "tied": [[1, 1]], "diag": [[1, 0], [0, 1]], "spherical": [[1, 0], [0, 1]]}
    bases = {"spherical": [np.eye(2)], "diag": [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]}
    all_three = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])]
    for share in free.get(kind, []):
        for base in bases.get(kind, all_three):
            step = np.array(share)[:, None, None] * base
            roots.append(slope(lambda h, s=step: total(converged, covariances=matrices + h * s)))
    assert np.abs(roots).max() < 2e-4
    assert abs(total(converged, means=converged.means_ + 0.05) - total(converged)) > 0.05


def test_a_direct_optimiser_finds_no_better_mixture():
    """One feature, two components: SciPy's BFGS on the likelihood, written out, ends in the same maximum."""
    x, s = X[:, 0], S[:, 0, 0]
    fitted = GaussianMixture(2, means_init=[[0.0], [4.0]], random_state=0, tol=1e-14, max_iter=5000, reg_covar=0.0)
    fitted.fit(x[:, None], error_covariances=s[:, None])

    def cost(v):
        logs = -np.logaddexp(0.0, [-v[0], v[0]])
        joint = [
            log + norm.logpdf(x, mean, np.sqrt(np.exp(a) + s)) for log, mean, a in zip(logs, v[1:3], v[3:], strict=True)
        ]
        return -logsumexp(joint, axis=0).sum()

    found = minimize(cost, [0.0, 0.5, 3.5, 0.3, 0.3], method="BFGS", options={"gtol": 1e-6})
    assert -found.fun == pytest.approx(fitted.lower_bound_ * len(x), abs=1e-7)
    np.testing.assert_allclose(found.x[1:3], fitted.means_[:, 0], atol=1e-3)
    np.testing.assert_allclose(np.exp(found.x[3:]), fitted.covariances_[:, 0, 0], atol=2e-3)


def test_it_recovers_what_the_plain_fit_makes_too_wide():
    """Mean errors of 20 replicates in their standard errors; the plain fit adds the mean of all S to each Σ."""
    errors = {"known": [], "ignored": []}
    start = {"means_init": TRUTH.means_, "tol": 1e-7, "max_iter": 2000}
    for seed in range(20):
        Y, E = measured(500, 100 + seed)
        for name, given in (("known", E), ("ignored", None)):
            found = GaussianMixture(2, **start).fit(Y, error_covariances=given)
            errors[name].append(np.diagonal(found.covariances_ - TRUTH.covariances_, axis1=1, axis2=2).ravel())
    for name, values in errors.items():
        values = np.array(values)
        scores = values.mean(axis=0) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
        if name == "known":
            assert np.abs(scores).max() < 4.0
        else:
            assert scores.min() > 4.5
            assert values.mean(axis=0).min() > 0.3


# ------------------------------------------------------------------------------------- what changes nothing


@pytest.mark.parametrize("kind", [*KINDS, "VEE"])
def test_no_errors_give_the_plain_fit(kind):
    settings = {"covariance_type": kind, "random_state": 0, "tol": 0.0, "max_iter": 15}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain = GaussianMixture(2, **settings).fit(X)
        zero = GaussianMixture(2, **settings).fit(X, error_covariances=np.zeros_like(X))
    np.testing.assert_allclose(zero.means_, plain.means_, rtol=1e-9)
    np.testing.assert_allclose(zero.covariances_, plain.covariances_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(zero.lower_bounds_, plain.lower_bounds_, rtol=1e-10)
    np.testing.assert_allclose(zero.score_samples(X, error_covariances=[0.0, 0.0]), plain.score_samples(X), rtol=1e-9)


def test_one_component_and_one_error_have_a_closed_form():
    """Covariance of the samples less S, while that is positive definite."""
    E = np.array([[0.5, 0.1], [0.1, 0.3]])
    fitted = GaussianMixture(tol=0.0, max_iter=400, reg_covar=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(X, error_covariances=E)
    np.testing.assert_allclose(fitted.means_[0], X.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(fitted.covariances_[0], np.cov(X.T, bias=True) - E, rtol=1e-9)


def test_order_weights_shapes_and_units():
    start = {"weights_init": [0.5, 0.5], "means_init": TRUTH.means_, "precisions_init": np.array([np.eye(2)] * 2)}
    start |= {"tol": 1e-9, "max_iter": 2000, "reg_covar": 0.0}
    one = GaussianMixture(2, **start).fit(X, error_covariances=S)
    order = np.random.default_rng(0).permutation(len(X))
    other = GaussianMixture(2, **start).fit(X[order], error_covariances=S[order])
    np.testing.assert_allclose(other.covariances_, one.covariances_, atol=1e-10)
    counts = np.random.default_rng(1).integers(0, 3, size=len(X))
    weighted = GaussianMixture(2, **start).fit(X, sample_weight=counts, error_covariances=S)
    rows = np.repeat(np.arange(len(X)), counts)
    repeated = GaussianMixture(2, **start).fit(X[rows], error_covariances=S[rows])
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, atol=1e-9)
    variances = S.diagonal(0, 1, 2)
    pairs = [(variances, variances[:, :, None] * np.eye(2)), (variances[3], np.tile(variances[3], (len(X), 1)))]
    pairs.append((S[5], np.tile(S[5], (len(X), 1, 1))))
    for short, long in pairs:
        a, b = (
            GaussianMixture(2, **start | {"max_iter": 20, "tol": 1e-2}).fit(X, error_covariances=e)
            for e in (short, long)
        )
        np.testing.assert_allclose(a.covariances_, b.covariances_, rtol=1e-10)
    del start["precisions_init"], start["means_init"]
    near = GaussianMixture(2, random_state=0, **start).fit(X, error_covariances=S)
    for shift, scale in ((1e6, 1.0), (0.0, 2.0**300), (0.0, 2.0**-300)):
        far = GaussianMixture(2, random_state=0, **start).fit((X + shift) * scale, error_covariances=S * scale * scale)
        np.testing.assert_allclose(far.covariances_ / scale / scale, near.covariances_, rtol=1e-4)


def test_a_missing_value_is_one_of_infinite_variance():
    """Missing and an error of variance 1e10: the same mixture, and densities that differ by that of the error."""
    gaps = np.random.default_rng(2).uniform(size=X.shape) < 0.2
    gaps[gaps.all(axis=1)] = False
    holes, wide = np.where(gaps, np.nan, X), S.copy()
    wide[gaps] = 0.0
    wide.swapaxes(1, 2)[gaps] = 0.0
    wide[gaps[:, :, None] & np.eye(2, dtype=bool)] = 1e10
    start = {"means_init": TRUTH.means_, "weights_init": [0.5, 0.5], "precisions_init": ONES["full"]}
    start |= {"tol": 1e-10, "max_iter": 2000}
    one = GaussianMixture(2, missing="marginalise", **start).fit(holes, error_covariances=S)
    other = GaussianMixture(2, **start).fit(X, error_covariances=wide)
    np.testing.assert_allclose(one.means_, other.means_, atol=1e-5)
    np.testing.assert_allclose(one.covariances_, other.covariances_, atol=1e-5)
    assert np.diff(one.lower_bounds_).min() > -1e-13
    unknown = np.where(gaps[:, :, None] | gaps[:, None, :], np.nan, S)  # not looked at
    again = GaussianMixture(2, missing="marginalise", **start).fit(holes, error_covariances=unknown)
    np.testing.assert_array_equal(again.means_, one.means_)
    scores = one.score_samples(holes, error_covariances=S)
    less = one.score_samples(X, error_covariances=wide) + 0.5 * gaps.sum(axis=1) * np.log(2.0 * np.pi * 1e10)
    np.testing.assert_allclose(scores, less, atol=1e-6)


# ------------------------------------------------------------------------------------- steps, selection, input


def test_a_prior_and_fixed_parts():
    settings = {"random_state": 0, "tol": 1e-8, "max_iter": 2000}
    prior = GaussianMixture(2, covariance_prior="default", **settings).fit(X, error_covariances=S)
    assert np.diff(prior.lower_bounds_).min() > -1e-13
    fixed = GaussianMixture(2, means_init=TRUTH.means_, fixed={"means": True}, **settings).fit(X, error_covariances=S)
    np.testing.assert_array_equal(fixed.means_, TRUTH.means_)
    assert np.diff(fixed.lower_bounds_).min() > -1e-13
    shape = GaussianMixture(2, covariance_type="VEE", random_state=0, tol=1e-4).fit(X, error_covariances=S)
    assert np.diff(shape.lower_bounds_).min() > -1e-13
    labels = GaussianMixture(2, **settings).fit_predict(X, error_covariances=S)
    fitted = GaussianMixture(2, **settings).fit(X, error_covariances=S)
    np.testing.assert_array_equal(labels, fitted.predict(X, error_covariances=S))


def test_selection_knows_of_the_errors(monkeypatch):
    Y, E = measured(300, 7)
    settings = {"n_init": 1, "random_state": 0, "n_jobs": 1}
    found = gmm.select(Y, (1, 2), ("full",), cv=2, error_covariances=E, **settings)
    best = found.best_
    assert best.n_components == 2
    assert found.best_row_["bic"] == pytest.approx(best.bic(Y, error_covariances=E))
    assert found.best_row_["icl"] == pytest.approx(best.icl(Y, error_covariances=E))
    monkeypatch.setattr(_summary, "BLOCK", 70)  # samples are looked at in blocks, each with errors of its own
    assert found.best_row_["icl"] == pytest.approx(best.icl(Y, error_covariances=E))
    held_out = 0.0
    one = GaussianMixture(1, tol=1e-8, max_iter=1000)
    for part in _folds(300, 2, 0):
        rest = np.delete(np.arange(300), part)
        one.fit(Y[rest], error_covariances=E[rest])
        held_out += one.score_samples(Y[part], error_covariances=E[part]).sum()
    assert found.table[0]["cv"] == pytest.approx(held_out / 300, abs=1e-4)
    common = gmm.select(Y, (2,), ("full",), error_covariances=[0.3, 0.2], **settings)
    assert common.best_row_["bic"] == pytest.approx(common.best_.bic(Y, error_covariances=[0.3, 0.2]))


def test_errors_that_explain_all_of_the_spread():
    """Then the maximum has a variance of 0: a finite likelihood, of Gaussians as wide as the errors."""
    x, s = X[:40, :1], np.full((40, 1), 60.0)
    fitted = GaussianMixture(tol=0.0, max_iter=400, reg_covar=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(x, error_covariances=s)
    limit = norm.logpdf(x, x.mean(), np.sqrt(60.0)).mean()
    assert np.diff(fitted.lower_bounds_).min() > -1e-13
    assert limit - 0.05 < fitted.lower_bound_ < limit
    assert fitted.covariances_[0, 0, 0] < 0.5


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (np.ones((3, 2)), r"must have shape \(150, 2\), variances, or \(150, 2, 2\), matrices.*; got \(3, 2\)"),
        (np.where(np.eye(150, 2), -1.0, 1.0), r"negative variances; error_covariances\[0, 0\] is -1"),
        ([1.0, np.inf], r"must be finite; error_covariances\[1\] is inf"),
        (np.where(np.arange(150)[:, None, None] == 7, [[1.0, 2.0], [2.0, 1.0]], S), r"\[7\] must be positive semi-def"),
        ([[1.0, 2.0], [2.0, 1.0]], "error_covariances must be positive semi-definite.*eigenvalue of -1"),
        (np.where(np.arange(150)[:, None, None] == 7, [[1.0, 0.5], [0.0, 1.0]], S), r"\[7\] is not symmetric"),
        (np.ma.masked_less(np.ones((150, 2)), 2.0), "error_covariances is a masked array"),
    ],
)
def test_errors_that_are_none_are_refused(errors, message):
    mixture = GaussianMixture(2)
    with pytest.raises(ValueError, match=message):
        mixture.fit(X, error_covariances=errors)
    assert not hasattr(mixture, "n_features_in_")
    with pytest.raises(ValueError, match=message):
        TRUTH.predict(X, error_covariances=errors)


def test_other_input_that_is_refused():
    with pytest.raises(TypeError, match="error_covariances must hold real numbers"):
        GaussianMixture(2).fit(X, error_covariances=np.full((150, 2), "a"))
    with pytest.raises(ValueError, match="need noise=False"):
        GaussianMixture(2, noise=True).fit(X, error_covariances=S)
    noisy = GaussianMixture(2, noise=True, random_state=0).fit(X)
    with pytest.raises(ValueError, match="has noise"):
        noisy.predict(X, error_covariances=S)
    square = np.array([[0.2, 0.1], [0.1, 0.3]])
    with pytest.raises(ValueError, match=r"may be the variances of each of 2 samples .* give the shape \(2, 2, 2\)"):
        TRUTH.predict(X[:2], error_covariances=square)
    rows = np.array([[0.2, 0.1], [0.4, 0.3]])
    expected = TRUTH.score_samples(X[:2], error_covariances=rows[:, :, None] * np.eye(2))
    np.testing.assert_allclose(TRUTH.score_samples(X[:2], error_covariances=rows), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"X\[1\] is so far from every component"):
        TRUTH.score_samples([[0.0, 0.0], [1e200, 0.0]], error_covariances=rows)
