"""Neither the ridge nor the units decide silently; what is compared is comparable."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gmm import GaussianMixture, RegularisationWarning, datasets, learning, select
from gmm.estimators._ridge import flat_components
from gmm.estimators.selection import _fit, _folds

TYPES = ("full", "tied", "diag", "spherical")


@pytest.fixture(scope="module")
def groups():
    """Three groups ten deviations apart in four features."""
    rng = np.random.default_rng(5)
    centres = 10.0 * np.array([[0, 0, 0, 0], [1, 0, 0, 1], [0, 1, 1, 0]])
    return np.concatenate([centre + rng.normal(size=(60, 4)) for centre in centres])


def answer(X, **settings):
    found = select(X, range(1, 5), random_state=0, **settings)
    return found.best_row_["covariance_type"], found.best_row_["n_components"], found


@pytest.mark.parametrize("unit", [1e3, 1e-3, 1e-6, 2.0**40])
def test_select_answers_the_same_in_any_unit(groups, unit):
    kind, size, found = answer(groups)
    again_kind, again_size, again = answer(groups * unit)
    assert (again_kind, again_size) == (kind, size)
    n, d = groups.shape
    # The whole table: a change of units moves every log-likelihood by n d log unit.
    moved = again.table["log_likelihood"] + n * d * np.log(unit)
    np.testing.assert_allclose(moved, found.table["log_likelihood"], rtol=1e-9)
    assert again.table["status"].tolist() == found.table["status"].tolist()


@pytest.mark.parametrize("unit", [1e3, 1e-3])
@pytest.mark.parametrize("feature", [0, 3])
def test_select_answers_the_same_with_one_feature_in_other_units(groups, feature, unit):
    units = np.ones(4)
    units[feature] = unit
    types = ["full", "tied", "diag"]
    kind, size, found = answer(groups, covariance_types=types)
    again_kind, again_size, again = answer(groups * units, covariance_types=types)
    assert (again_kind, again_size) == (kind, size)
    moved = again.table["log_likelihood"] + len(groups) * np.log(unit)
    np.testing.assert_allclose(moved, found.table["log_likelihood"], rtol=1e-9)


def test_real_data_in_other_units():
    for X in (datasets.load_old_faithful().X, datasets.load_iris().X):
        kind, size, _ = answer(X)
        for unit in (1e3, 1e-3):
            assert answer(X * unit)[:2] == (kind, size)


@pytest.mark.parametrize("reg_covar", [1e-3, 1e-6, 1e-9, "auto"])
@pytest.mark.parametrize("unit", [1e-2, 1.0, 1e4])
def test_a_likelihood_made_of_the_ridge_is_not_compared(reg_covar, unit):
    """40 samples of one round group in 50 features: no full or tied covariance can be had from them."""
    X = np.random.default_rng(0).normal(size=(40, 50))
    found = select(
        unit * X, [1, 2, 3], reg_covar=reg_covar if reg_covar == "auto" else reg_covar * unit**2, random_state=0
    )
    assert (found.best_row_["covariance_type"], found.best_row_["n_components"]) == ("spherical", 1)
    for row in found.table:
        if row["covariance_type"] in ("full", "tied"):
            assert row["status"] == "collapsed"
            assert np.isnan(row["bic"])
            # 40 samples span 39 dimensions; whatever the number of components, it is the data that are flat.
            assert "X is flat: in 11 directions its variance is reg_covar" in row["reason"]


def test_a_ridge_beyond_the_data_leaves_nothing_to_compare(groups):
    """Three groups in metres, deviations of 1e-4: with a ridge of 1e-6 all likelihoods are the ridge's."""
    found = select(groups * 1e-4, [1, 2, 3], reg_covar=1e-6, random_state=0)
    rows = [row for row in found.table if row["n_components"] == 3]
    assert {row["status"] for row in rows} == {"collapsed"}
    assert select(groups * 1e-4, [1, 2, 3, 4], random_state=0).best_row_["n_components"] == 3


@pytest.mark.parametrize("columns", [lambda X: np.c_[X, np.full(len(X), 7.0)], lambda X: np.c_[X, X[:, 0] - X[:, 1]]])
@pytest.mark.parametrize("reg_covar", [1e-6, "auto"])
def test_features_without_variance_of_their_own_are_told(groups, columns, reg_covar):
    X = columns(groups)
    found = select(X, [3], ["full", "tied"], reg_covar=reg_covar, random_state=0)
    assert found.table["status"].tolist() == ["collapsed", "collapsed"]
    with pytest.raises(ValueError, match="no model of the grid has a bic"):
        found.best_  # noqa: B018


@pytest.mark.parametrize("reg_covar", [1e-6, 1e-9])
def test_too_few_samples_for_a_covariance_are_no_likelihood(reg_covar):
    """A component of 1.6 samples, which the fringe of the other keeps regular: not the ridge, yet no variance."""
    X = np.concatenate([np.random.default_rng(3).normal(size=(100, 1)), [[2.99]]])
    start = {"weights_init": [0.97, 0.03], "means_init": [[0.0], [3.0]], "precisions_init": [[[1.0]], [[4.0]]]}
    model = GaussianMixture(2, tol=1e-8, max_iter=2000, reg_covar=reg_covar, **start)
    criteria, reason = _fit(model, X, X, None)
    counts = model.predict_proba(X).sum(axis=0)
    assert counts[1] < 2.0
    assert model.covariances_[1, 0, 0] > 10 * reg_covar
    assert criteria is None
    assert reason.startswith(f"Component 1 has {counts[1]:.1f} samples, a covariance of this structure needs 2")


@pytest.mark.parametrize("covariance_type", TYPES)
def test_fit_says_when_the_ridge_is_not_small_beside_the_data(groups, covariance_type):
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(groups)
    with pytest.warns(RegularisationWarning, match="reg_covar=1e-06 is not small beside the variances of"):
        model.fit(groups * 1e-4)
    model.set_params(reg_covar="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(groups * 1e-4)
    assert sorted(np.round(model.weights_ * len(groups))) == [60, 60, 60]


def test_fit_names_the_features(groups):
    units = np.array([1.0, 1e-5, 1.0, 1e-4])
    with pytest.warns(RegularisationWarning, match=r"features \[1, 3\], of which the smallest is 2"):
        GaussianMixture(3, random_state=0).fit(groups * units)
    with pytest.warns(RegularisationWarning, match=r"In features \[4\] X is constant"):
        GaussianMixture(3, random_state=0).fit(np.c_[groups, np.ones(len(groups))])
    with pytest.warns(RegularisationWarning, match="In some direction X varies by no more than reg_covar=1e-06"):
        GaussianMixture(3, random_state=0).fit(np.c_[groups, groups.sum(axis=1)])


def test_the_ridge_that_follows_the_units(groups):
    """'auto' adds a millionth of each feature's (weighted) variance: the fit is equivariant under any units."""
    units = np.array([1e3, 1e-3, 1.0, 50.0])
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(groups))
    settings = {"reg_covar": "auto", "init_params": "kmeans_standardised", "tol": 0.0, "max_iter": 30}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = GaussianMixture(3, random_state=0, **settings).fit(groups, sample_weight=weight)
        other = GaussianMixture(3, random_state=0, **settings).fit(groups * units, sample_weight=weight)
        plain = GaussianMixture(1, reg_covar="auto").fit(groups, sample_weight=weight)
        bare = GaussianMixture(1, reg_covar=0.0).fit(groups, sample_weight=weight)
    np.testing.assert_allclose(other.means_, one.means_ * units, rtol=1e-9)
    np.testing.assert_allclose(other.covariances_, one.covariances_ * units[:, None] * units, rtol=1e-8)
    added = np.diag(plain.covariances_[0] - bare.covariances_[0])
    mean = np.average(groups, axis=0, weights=weight)
    np.testing.assert_allclose(added, 1e-6 * np.average((groups - mean) ** 2, axis=0, weights=weight), rtol=1e-6)


def test_criteria_of_weighted_fits_are_those_of_repeated_rows(groups):
    counts = np.random.default_rng(2).integers(1, 4, size=len(groups))
    repeated = np.repeat(groups, counts, axis=0)
    weighted = select(groups, [1, 3], sample_weight=counts, random_state=0, tol=1e-10)
    plain = select(repeated, [1, 3], random_state=0, tol=1e-10)
    for name in ("log_likelihood", "aic", "bic", "icl"):
        np.testing.assert_allclose(weighted.table[name], plain.table[name], rtol=1e-7)
    model = plain.best_
    for criterion in ("aic", "bic", "icl"):
        ours = getattr(model, criterion)
        assert ours(groups, sample_weight=counts) == pytest.approx(ours(repeated), rel=1e-12)
        assert ours(groups) != pytest.approx(ours(repeated), rel=1e-3)


def test_what_a_callback_hears_is_in_the_units_of_the_data():
    """Squares of these values leave float64's range, and the kernels count in other units."""
    X = 1e90 * np.random.default_rng(0).normal(size=(60, 2))
    heard = []
    model = GaussianMixture(2, reg_covar=0, max_iter=4, tol=0, random_state=0)
    model.set_params(callback=lambda iteration, value, parameters: heard.append(value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    assert heard == model.lower_bounds_
    assert heard[-1] < -2 * math.log(1e90)


@pytest.mark.parametrize(("ridges", "flat"), [(1.5, [1]), (2.5, []), (5.0, [])])
@pytest.mark.parametrize("units", [(1.0, 1.0), (1e6, 1.0), (1.0, 1e6)])
def test_flat_is_a_direction_of_at_most_two_ridges(ridges, flat, units):
    """Across the diagonal the second component has so many ridges of variance; the ridge is in each feature's units."""
    ridge = 1e-6 * np.square(units)
    along, across = np.array([1.0, 1.0]) / math.sqrt(2), np.array([1.0, -1.0]) / math.sqrt(2)
    covariance = np.outer(along, along) + 1e-6 * ridges * np.outer(across, across)
    covariances = np.array([np.eye(2), covariance]) * np.outer(units, units)
    parameters = learning.make_parameters([0.5, 0.5], np.zeros((2, 2)), covariances, "full")
    assert flat_components(parameters, ridge) == flat


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize(("part", "large"), [(2e-3, False), (4e-3, True)])
def test_a_ridge_is_large_from_three_thousandths_of_a_variance(covariance_type, part, large):
    X = np.random.default_rng(6).normal(size=(400, 2))
    X -= X.mean(axis=0)
    X /= X.std(axis=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GaussianMixture(1, covariance_type=covariance_type, reg_covar=part).fit(X)
    assert [warning.category for warning in caught] == [RegularisationWarning] * large


def test_held_out_log_likelihood_is_the_mean_over_all_samples_each_left_out_once(groups):
    X = groups[:83]
    found = select(X, [1], "full", criterion="cv", cv=4, random_state=7, reg_covar=0)
    total = 0.0
    for part in _folds(len(X), 4, 7):
        kept = np.delete(X, part, axis=0)
        total += multivariate_normal(kept.mean(axis=0), np.cov(kept.T, bias=True)).logpdf(X[part]).sum()
    assert found.table[0]["cv"] == pytest.approx(total / len(X), rel=1e-12)


@pytest.mark.parametrize("criterion", ["aic", "bic", "icl"])
def test_a_weight_of_two_is_a_sample_twice_to_each_criterion(groups, criterion):
    model = GaussianMixture(3, random_state=0).fit(groups)
    value = getattr(model, criterion)
    assert value(groups, np.full(len(groups), 2.0)) == pytest.approx(value(np.vstack([groups, groups])), rel=1e-13)
