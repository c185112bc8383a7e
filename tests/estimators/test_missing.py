"""Missing values: the likelihood of what was observed is what is climbed, and its maximum is where it should be."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import gmm
from gmm import BayesianGaussianMixture, GaussianMixture, learning

FOUR = ("full", "tied", "diag", "spherical")
ALL = (*FOUR, *learning.FOURTEEN)


def groups(n=150, d=3, seed=0, fraction=0.2):
    """Two correlated groups, complete and with values missing completely at random."""
    rng = np.random.default_rng(seed)
    mix = np.array([[1.0, 0.6, 0.3], [0.0, 1.0, 0.5], [0.0, 0.0, 0.8]])[:d, :d]
    X = rng.normal(size=(n, d)) @ mix + np.array([3.0, 2.0, -1.0])[:d] * rng.integers(0, 2, size=(n, 1))
    gaps = rng.uniform(size=X.shape) < fraction
    return X, np.where(gaps, np.nan, X)


COMPLETE, X = groups()


@pytest.fixture(scope="module", params=ALL)
def converged(request):
    """A fit of each structure whose digits stand still."""
    settings = {"missing": "marginalise", "random_state": 0, "reg_covar": 0.0, "tol": 0.0}
    mixture = GaussianMixture(2, covariance_type=request.param, max_iter=150, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(X)


def total(mixture, weights=None, means=None, covariances=None):
    """Log-likelihood of X, observed values alone, with some parameters replaced; covariances are matrices."""
    weights = mixture.weights_ if weights is None else weights
    means = mixture.means_ if means is None else means
    covariances = mixture._parameters().matrices if covariances is None else covariances
    changed = GaussianMixture.from_parameters(weights, means, covariances, missing="marginalise")
    return changed.score(X) * len(X)


def slope(function, h=1e-4):
    return (function(h) - function(-h)) / (2.0 * h)


def test_the_likelihood_never_falls(converged):
    assert np.diff(converged.lower_bounds_).min() > -1e-13
    assert converged.lower_bounds_[-1] > converged.lower_bounds_[0] + 1e-3


def test_the_gradient_vanishes_at_the_fit(converged):
    """Of the observed likelihood, by differences: means, weights, and the covariances as far as a structure is free."""
    matrices, roots = converged._parameters().matrices, []
    for k in range(2):
        for j in range(3):
            step = np.zeros((2, 3))
            step[k, j] = 1.0
            assert abs(slope(lambda h, s=step: total(converged, means=converged.means_ + h * s))) < 1e-3
    ratio = np.array([1.0, -1.0])
    assert abs(slope(lambda h: total(converged, converged.weights_ + h * ratio))) < 1e-3
    # All covariances larger together stay within each model; so do those of a structure that is free where they move.
    assert abs(slope(lambda h: total(converged, covariances=matrices * np.exp(h)))) < 1e-3
    kind = converged.covariance_type
    if kind in ("full", "VVV", "tied", "EEE"):
        for a in range(3):
            for b in range(a + 1):
                step = np.zeros((2, 3, 3))
                step[0, a, b] = step[0, b, a] = 1.0
                step[1] = step[0] if kind in ("tied", "EEE") else 0.0
                roots.append(slope(lambda h, s=step: total(converged, covariances=matrices + h * s)))
        assert np.abs(roots).max() < 1e-3
    if kind in ("diag", "VVI"):
        for j in range(3):
            step = np.ones((2, 3, 3))
            step[1, j, j] = np.exp(1.0)
            assert abs(slope(lambda h, s=step: total(converged, covariances=matrices * s**h))) < 1e-3


def test_the_gradient_is_not_zero_elsewhere():
    """What the test above measures does see a mixture that is not the maximum."""
    other = GaussianMixture(2, missing="marginalise", random_state=0, max_iter=2, tol=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        other.fit(X)
    assert max(abs(slope(lambda h, j=j: total(other, means=other.means_ + h * np.eye(3)[j]))) for j in range(3)) > 0.05


def test_a_direct_optimiser_finds_no_better_mixture():
    """K = 2, d = 2: SciPy's BFGS on the observed likelihood, written out, ends in the same maximum."""
    _, Y = groups(80, 2, seed=3)
    fitted = GaussianMixture(2, missing="marginalise", random_state=0, reg_covar=0.0, tol=1e-12, max_iter=2000).fit(Y)
    seen = ~np.isnan(Y)

    def cost(v):
        joint = np.empty((len(Y), 2))
        for k in range(2):
            mean, (a, b, c) = v[2 * k : 2 * k + 2], v[4 + 3 * k : 7 + 3 * k]
            s0, s1, g = np.exp(a), np.exp(b), c  # x1 given x0 has the slope g and the deviation s1
            spread1 = np.hypot(s1, g * s0)
            first = norm.logpdf(Y[:, 0], mean[0], s0)
            second = norm.logpdf(Y[:, 1], mean[1] + g * (Y[:, 0] - mean[0]), s1)
            alone = norm.logpdf(Y[:, 1], mean[1], spread1)
            joint[:, k] = np.select([seen.all(axis=1), seen[:, 0], seen[:, 1]], [first + second, first, alone], 0.0)
        joint -= np.logaddexp(0.0, [-v[10], v[10]])  # logarithms of the weights
        return -logsumexp(joint, axis=1).sum()

    far = np.array([-0.5, 0.3, 3.4, 1.6, 0.2, 0.1, 0.2, 0.2, -0.1, 0.1, 0.3])
    found = minimize(cost, far, method="BFGS", options={"gtol": 1e-6})
    assert -found.fun == pytest.approx(fitted.score(Y) * len(Y), abs=1e-6)
    order = np.argsort(fitted.means_[:, 0])
    np.testing.assert_allclose(found.x[:4].reshape(2, 2), fitted.means_[order], atol=1e-3)
    np.testing.assert_allclose(np.exp(2.0 * found.x[[4, 7]]), fitted.covariances_[order, 0, 0], atol=2e-3)


def test_monotone_pattern_has_its_closed_form():
    """One Gaussian, x_1 always observed, x_0 in part: regression on the complete rows (Anderson 1957)."""
    _, Y = groups(120, 2, seed=5)
    Y[:, 1] = groups(120, 2, seed=5)[0][:, 1]
    fitted = GaussianMixture(1, missing="marginalise", random_state=0, reg_covar=0.0, tol=0.0, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(Y)
    whole, x1 = Y[~np.isnan(Y[:, 0])], Y[:, 1]
    gain = np.cov(whole.T, bias=True)[0, 1] / whole[:, 1].var()
    left = (whole[:, 0] - gain * whole[:, 1]).var()
    mean = whole[:, 0].mean() + gain * (x1.mean() - whole[:, 1].mean())
    np.testing.assert_allclose(fitted.means_[0], [mean, x1.mean()], rtol=1e-10)
    expected = [[left + gain**2 * x1.var(), gain * x1.var()], [gain * x1.var(), x1.var()]]
    np.testing.assert_allclose(fitted.covariances_[0], expected, rtol=1e-9)


def test_missing_at_random_is_unbiased_where_deletion_is_not():
    """x_1 is missing where x_0 is large. Means of 25 replicates, measured in their standard errors."""
    truth = GaussianMixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [5.0, 1.0]], [[[1.0, 0.8], [0.8, 1.0]], [[1.0, -0.7], [-0.7, 1.0]]]
    )
    settings = {"means_init": truth.means_, "random_state": 0, "tol": 1e-5}
    errors = {"marginalise": [], "delete": []}
    for seed in range(25):
        rng = np.random.RandomState(seed)
        Y = truth.sample(400, rng)[0]
        within = Y[:, 0] - np.where(Y[:, 0] > 2.5, 5.0, 0.0)
        Y[rng.uniform(size=400) < 1.0 / (1.0 + np.exp(-3.0 * within)), 1] = np.nan
        kept = Y[~np.isnan(Y[:, 1])]
        for name, data, more in (("marginalise", Y, {"missing": "marginalise"}), ("delete", kept, {})):
            found = GaussianMixture(2, max_iter=500, **settings, **more).fit(data)
            errors[name].append((found.means_ - truth.means_).ravel())
    for name, values in errors.items():
        values = np.array(values)
        scores = np.abs(values.mean(axis=0)) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
        if name == "marginalise":
            assert scores.max() < 4.0
        else:
            assert scores.min() > 6.0
            assert np.abs(values.mean(axis=0)).min() > 0.2


# ------------------------------------------------------------------------------------- what changes nothing


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("weights_", "means_", "covariances_")
    )


@pytest.mark.parametrize("kind", ["full", "VEI"])
def test_without_missing_values_the_bits_are_those_of_the_plain_fit(kind):
    settings = {"covariance_type": kind, "random_state": 0, "reg_covar": "auto", "covariance_prior": "default"}
    plain = GaussianMixture(2, **settings).fit(COMPLETE)
    asked = GaussianMixture(2, missing="marginalise", **settings).fit(COMPLETE)
    assert same(plain, asked)
    assert plain.lower_bounds_ == asked.lower_bounds_
    np.testing.assert_array_equal(plain.predict_proba(COMPLETE), asked.predict_proba(COMPLETE))


def test_rows_without_a_value_change_nothing_but_the_count():
    empty = np.isnan(X).all(axis=1)
    less = X[~empty]
    more = np.insert(less, [0, 40, 40, len(less)], np.nan, axis=0)
    weights = np.linspace(0.5, 2.0, len(more))
    kept = ~np.isnan(more).all(axis=1)
    settings = {"missing": "marginalise", "random_state": 0}
    for given in (None, weights):
        one = GaussianMixture(2, **settings).fit(less, sample_weight=None if given is None else given[kept])
        other = GaussianMixture(2, **settings).fit(more, sample_weight=given)
        assert same(one, other)
        assert one.lower_bounds_ == other.lower_bounds_
    np.testing.assert_allclose(other.predict_proba(more)[0], other.weights_, rtol=1e-12)
    np.testing.assert_allclose(other.score_samples(more)[~kept], 0.0, atol=1e-14)
    assert other.bic(more) - other.bic(less) == pytest.approx(
        other.n_parameters_ * np.log(len(more) / len(less)), abs=1e-8
    )


def test_order_and_threads_and_weights():
    settings = {"missing": "marginalise", "means_init": [[0.0, 0.0, 0.0], [3.0, 2.0, -1.0]], "tol": 1e-9}
    settings |= {"weights_init": [0.5, 0.5], "precisions_init": np.array([np.eye(3)] * 2), "max_iter": 500}
    one = GaussianMixture(2, **settings).fit(X)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = GaussianMixture(2, **settings).fit(X[order])
    np.testing.assert_allclose(shuffled.means_, one.means_, atol=1e-11)
    np.testing.assert_allclose(shuffled.covariances_, one.covariances_, atol=1e-11)
    assert same(one, GaussianMixture(2, n_threads=1, **settings).fit(X))
    counts = np.random.default_rng(1).integers(0, 3, size=len(X))
    weighted = GaussianMixture(2, **settings).fit(X, sample_weight=counts)
    repeated = GaussianMixture(2, **settings).fit(np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-10)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_, atol=1e-10)


@pytest.mark.parametrize(("shift", "scale"), [(1e9, 1.0), (0.0, 2.0**400), (0.0, 2.0**-400)])
def test_units_change_nothing(shift, scale):
    settings = {"missing": "marginalise", "random_state": 0, "reg_covar": "auto", "tol": 1e-8, "max_iter": 500}
    settings |= {"init_params": "kmeans_standardised"}
    near, far = GaussianMixture(2, **settings).fit(X), GaussianMixture(2, **settings).fit((X + shift) * scale)
    np.testing.assert_allclose(far.means_ / scale - shift, near.means_, atol=1e-5)
    np.testing.assert_allclose(far.covariances_ / scale / scale, near.covariances_, atol=1e-5)
    filled = far.impute((X + shift) * scale) / scale - shift
    np.testing.assert_allclose(filled, near.impute(X), atol=1e-5)


# ------------------------------------------------------------------------------------- starts, steps, selection


@pytest.mark.parametrize("start", sorted(gmm.estimators._settings.INIT_PARAMS))
def test_every_start_knows_what_to_do(start):
    apart = X + 6.0 * (COMPLETE[:, :1] > 1.5)
    settings = {"missing": "marginalise", "random_state": 0, "tol": 1e-6, "max_iter": 500}
    mixture = GaussianMixture(2, init_params=start, n_init=2, **settings).fit(apart)
    np.testing.assert_allclose(np.sort(mixture.means_[:, 0]), [0.0, 9.0], atol=0.6)
    assert len(mixture.restarts_) == (1 if start == "hierarchical" else 2)


def test_a_prior_fixed_parts_labels_and_a_warm_start():
    settings = {"missing": "marginalise", "random_state": 0, "tol": 1e-7, "max_iter": 1000}
    prior = GaussianMixture(2, covariance_prior="default", **settings).fit(X)
    assert np.diff(prior.lower_bounds_).min() > -1e-13
    held = [[0.0, 0.0, 0.0], [3.0, 2.0, -1.0]]
    fixed = GaussianMixture(2, means_init=held, fixed={"means": True}, **settings).fit(X)
    np.testing.assert_array_equal(fixed.means_, held)
    labels = GaussianMixture(2, resp_init=(COMPLETE[:, 0] > 1.5).astype(int), **settings).fit(X)
    again = clone(labels).set_params(warm_start=True, tol=1e-10)
    again.fit(X).fit(X)
    np.testing.assert_allclose(again.means_, labels.means_, atol=1e-3)
    assert again.n_iter_ <= 3


def test_the_prior_and_the_ridge_come_of_the_observed_values():
    """Not of a draw: they are the same whatever the seed."""
    one, other = (
        GaussianMixture(2, missing="marginalise", reg_covar="auto", random_state=seed).fit(X) for seed in (0, 1)
    )
    np.testing.assert_array_equal(one.reg_covar_, other.reg_covar_)
    np.testing.assert_allclose(one.reg_covar_, 1e-6 * np.nanvar(X, axis=0), rtol=0.2)


def test_selection_finds_the_size():
    found = gmm.select(X, range(1, 4), ["full", "EEE"], missing="marginalise", random_state=0, cv=2, n_jobs=1)
    assert found.best_row_["n_components"] == 2
    assert np.isfinite(found.table["cv"]).all()
    assert found.best_.missing == "marginalise"


@pytest.mark.parametrize("kind", FOUR)
def test_variational_bayes_climbs_its_bound(kind):
    settings = {"n_components": 2, "covariance_type": kind, "random_state": 0, "tol": 1e-3, "max_iter": 500}
    mixture = BayesianGaussianMixture(missing="marginalise", **settings).fit(X)
    assert np.diff(mixture.lower_bounds_).min() > -1e-10
    assert mixture.predict(X).shape == (len(X),)
    assert np.isfinite(mixture.impute(X)).all()
    plain = BayesianGaussianMixture(**settings).fit(COMPLETE)
    assert same(plain, BayesianGaussianMixture(missing="marginalise", **settings).fit(COMPLETE))
    # The bound is one of log p(X observed): with less observed it is less negative.
    assert mixture.lower_bound_ > plain.lower_bound_


# ------------------------------------------------------------------------------------- filling


def test_imputed_values_are_conditional_expectations():
    mixture = GaussianMixture(2, missing="marginalise", random_state=0).fit(X)
    filled, gaps = mixture.impute(X), np.isnan(X)
    np.testing.assert_array_equal(filled[~gaps], X[~gaps])
    rows = np.flatnonzero(gaps[:, 1] & ~gaps[:, 0] & ~gaps[:, 2])
    expected = mixture.conditional_moments([0, 2], X[rows][:, [0, 2]]).mean
    np.testing.assert_allclose(filled[rows, 1:2], expected, rtol=1e-10)
    errors = np.abs(filled - COMPLETE)[gaps]
    assert errors.mean() < np.abs(np.nanmean(X, axis=0) - COMPLETE)[gaps].mean()
    one, other = (mixture.impute(X, how="sample", random_state=5) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert (one[gaps] != filled[gaps]).all()
    np.testing.assert_array_equal(mixture.impute(COMPLETE), COMPLETE)
    np.testing.assert_array_equal(mixture.impute(COMPLETE, how="sample"), COMPLETE)


# ------------------------------------------------------------------------------------- input


def test_all_ways_to_say_missing():
    frame = pd.DataFrame(X, columns=list("abc"))
    objects = frame.astype(object).where(frame.notna(), pd.NA)
    settings = {"missing": "marginalise", "random_state": 0}
    expected = GaussianMixture(2, **settings).fit(X)
    ways = [
        frame, frame.convert_dtypes(), objects, objects.to_numpy(), np.ma.masked_invalid(X), X.astype(object),
        [[None if np.isnan(value) else value for value in row] for row in X], np.asfortranarray(X),
    ]  # fmt: skip
    for way in ways:
        assert same(expected, GaussianMixture(2, **settings).fit(way))
    rounded = X.astype(np.float32)
    assert same(GaussianMixture(2, **settings).fit(rounded), GaussianMixture(2, **settings).fit(rounded.astype(float)))
    assert list(GaussianMixture(2, **settings).fit(frame).feature_names_in_) == ["a", "b", "c"]


@pytest.mark.parametrize("estimator", [GaussianMixture(2), BayesianGaussianMixture(n_components=2)])
def test_missing_values_are_refused_by_name(estimator):
    i, j = np.argwhere(np.isnan(X))[0]
    n = np.isnan(X).sum()
    where = rf"Input X contains NaN\. {n} of {X.size} values are missing: X\[{i}, {j}\]"
    with pytest.raises(ValueError, match=where + r", .*missing='marginalise'"):
        estimator.fit(X)
    assert not hasattr(estimator, "n_features_in_")
    frame = pd.DataFrame(X, columns=list("abc"))
    for data in (frame, frame.convert_dtypes()):
        with pytest.raises(ValueError, match=where + rf" \({'abc'[j]}\), .*missing='marginalise'"):
            estimator.fit(data)
    fitted = clone(estimator).fit(COMPLETE)
    for method in ("predict", "predict_proba", "score_samples", "score"):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            getattr(fitted, method)(X)


def test_what_cannot_be_learnt_or_scored_is_refused():
    mixture = GaussianMixture(2, missing="marginalise", random_state=0)
    for value in (np.inf, -np.inf):
        infinite = X.copy()
        infinite[3, 1] = value
        with pytest.raises(ValueError, match="Input X contains infinity"):
            mixture.fit(infinite)
    nothing = X.copy()
    nothing[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\[:, 1\] has no observed value"):
        mixture.fit(nothing)
    with pytest.raises(ValueError, match=r"X\[:, 1\] \(b\) has no observed value"):
        mixture.fit(pd.DataFrame(nothing, columns=list("abc")))
    with pytest.raises(ValueError, match="1 sample with an observed value"):
        GaussianMixture(1, missing="marginalise").fit([[1.0, 2.0], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="n_samples >= n_components"):
        GaussianMixture(3, missing="marginalise").fit([[1.0, 2.0], [2.0, 3.0], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="'missing' parameter"):
        GaussianMixture(2, missing="ignore").fit(X)
    assert not hasattr(mixture, "n_features_in_")
    mixture.fit(X)
    for call in (mixture.adapt, mixture.summary):
        with pytest.raises(ValueError, match=r"needs complete samples; impute\(X\)"):
            call(X)
    with pytest.raises(ValueError, match="how must be 'mean' or 'sample'; got 'median'"):
        mixture.impute(X, how="median")
    with pytest.raises(ValueError, match="infinity"):
        mixture.impute(infinite)
    with pytest.raises(ValueError, match="3 features"):
        mixture.impute(X[:, :2])


def test_a_collapse_is_told_as_ever():
    data = np.concatenate([X, np.tile([9.0, 9.0, np.nan], (5, 1))])
    start = {"means_init": [[0.0, 0.0, 0.0], [3.0, 2.0, -1.0], [9.0, 9.0, 0.0]], "weights_init": [0.4, 0.4, 0.2]}
    start |= {"precisions_init": np.array([np.eye(3)] * 3), "reg_covar": 0.0, "max_iter": 500}
    with pytest.raises(gmm.CollapsedComponentError, match="Component 2 collapsed"):
        GaussianMixture(3, missing="marginalise", **start).fit(data)


@pytest.mark.parametrize("cls", [GaussianMixture, BayesianGaussianMixture])
def test_files_and_tags(cls, tmp_path):
    fitted = cls(n_components=2, missing="marginalise", random_state=0).fit(X)
    fitted.save(tmp_path / "m.npz")
    loaded = cls.load(tmp_path / "m.npz")
    assert loaded.missing == "marginalise"
    np.testing.assert_array_equal(loaded.score_samples(X), fitted.score_samples(X))
    np.testing.assert_array_equal(
        loaded.impute(X, how="sample", random_state=1), fitted.impute(X, how="sample", random_state=1)
    )
    assert fitted.__sklearn_tags__().input_tags.allow_nan
    assert not cls().__sklearn_tags__().input_tags.allow_nan
