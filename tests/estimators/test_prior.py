"""`covariance_prior`: EM under an inverse-Wishart prior climbs the penalised log-likelihood, and cannot collapse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

import gmm
from gmm import GaussianMixture
from gmm.estimators import CollapsedComponentError

# Many fits here run a given number of iterations.
pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TYPES = ("full", "tied", "diag", "spherical")


def clumps(seed=0, n=60, d=2, offset=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.linspace(0.5, 2.0, d) + 4.0 * rng.integers(0, 3, size=(n, 1)) + offset


def prior_for(d, dof=None):
    root = np.random.default_rng(d).normal(size=(d, d))
    return root @ root.T + 0.3 * np.eye(d), d + 1.5 if dof is None else dof


def full_covariances(model):
    d = model.means_.shape[1]
    return {
        "full": lambda c: c,
        "tied": lambda c: c[None],
        "diag": lambda c: c[:, :, None] * np.eye(d),
        "spherical": lambda c: c[:, None, None] * np.eye(d),
    }[model.covariance_type](model.covariances_)


def penalised(model, X, scale, dof, sample_weight=1.0):
    """Log-likelihood plus SciPy's inverse-Wishart log-densities, total."""
    prior = sum(stats.invwishart.logpdf(covariance, dof, scale) for covariance in full_covariances(model))
    return np.sum(sample_weight * model.score_samples(X)) + prior


def fitted(X, K=3, covariance_type="full", **settings):
    settings = {"tol": 1e-10, "max_iter": 2000, "random_state": 0} | settings
    return GaussianMixture(K, covariance_type=covariance_type, **settings).fit(X)


# ------------------------------------------------------------------------------------- what is climbed


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("d", [1, 2, 4])
def test_lower_bounds_are_the_penalised_log_likelihood_per_sample(covariance_type, d):
    X, prior = clumps(d=d), prior_for(d)
    model = fitted(X, 2, covariance_type, covariance_prior=prior, record_parameters=True, max_iter=6, tol=0.0)
    for value, parameters in zip(model.lower_bounds_, model.history_.parameters[:-1], strict=True):
        state = GaussianMixture.from_parameters(*parameters[1:4], covariance_type)
        assert value == pytest.approx(penalised(state, X, *prior) / len(X), rel=1e-12)


@pytest.mark.parametrize("covariance_type", TYPES)
@given(st.integers(0, 10**6))
def test_lower_bounds_never_fall(covariance_type, seed):
    X = np.round(clumps(seed, n=25))  # ties: maximum likelihood would collapse on them
    model = fitted(X, 4, covariance_type, covariance_prior="default", tol=0.0, max_iter=30, random_state=seed)
    assert np.diff(model.lower_bounds_).min() >= -1e-12


def test_full_covariances_agree_with_the_formulas_of_the_book():
    X = clumps()
    scale, dof = prior_for(2)
    model = fitted(X, covariance_prior=(scale, dof), record_parameters=True, max_iter=5, tol=0.0)
    for before, after in zip(model.history_.parameters[:-1], model.history_.parameters[1:], strict=True):
        resp = np.exp(gmm.e_step(X, before.weights, before.means, before.covariances)[0])
        means = gmm.update_means(X, resp)
        assert_allclose(after.weights, gmm.update_weights(resp), rtol=1e-11)
        assert_allclose(after.means, means, rtol=1e-11)
        assert_allclose(after.covariances, gmm.map_covariances(X, resp, means, scale, dof), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_fit_is_a_stationary_point_of_the_penalised_log_likelihood(covariance_type):
    X, prior = clumps(3), prior_for(2, 7.0)
    model = fitted(X, 2, covariance_type, covariance_prior=prior, tol=1e-14, max_iter=5000)
    shape, means = model.covariances_.shape, model.means_

    def value(change):
        moved = model.covariances_ * (1.0 + np.reshape(change, shape))  # keeps 'full' and 'tied' symmetric below
        if covariance_type in ("full", "tied"):
            moved = (moved + np.swapaxes(moved, -1, -2)) / 2
        state = GaussianMixture.from_parameters(model.weights_, means, moved, covariance_type)
        return penalised(state, X, *prior)

    gradient = optimize.approx_fprime(np.zeros(model.covariances_.size), value, 1e-6)
    assert np.abs(gradient).max() < 1e-3
    there = np.random.default_rng(0).normal(size=(20, model.covariances_.size)) * 0.02
    assert all(value(change) < value(0 * change) for change in there)


# ------------------------------------------------------------------------------------- what it cures


def test_a_fit_that_collapses_without_a_prior_converges_with_it():
    X = gmm.datasets.load_old_faithful().X
    settings = {"tol": 1e-8, "max_iter": 3000, "random_state": 1}
    with pytest.raises(CollapsedComponentError):
        GaussianMixture(12, reg_covar=0.0, **settings).fit(X)
    model = GaussianMixture(12, reg_covar=0.0, covariance_prior="default", **settings).fit(X)
    assert model.converged_
    assert np.linalg.eigvalsh(model.covariances_).min() > 1e-3


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_as_many_components_as_samples_can_be_fitted(covariance_type, init_params):
    X = np.array([[0.0, 0.0], [0.0, 1.0], [3.0, 0.0], [3.0, 2.0], [9.0, 9.5]])
    prior = (np.eye(2), 4.0)
    model = fitted(X, 5, covariance_type, covariance_prior=prior, reg_covar=0.0, init_params=init_params)
    variances = np.linalg.eigvalsh(full_covariances(model))
    assert variances.min() >= 1.0 / (5 + 7) - 1e-12  # the floor: smallest eigenvalue of the scale over n + dof + d + 1
    assert np.isfinite(model.lower_bounds_).all()


def test_a_component_without_samples_keeps_its_mean_and_gets_the_mode():
    X, (scale, dof) = clumps(), prior_for(2)
    means = np.array([[2.0, 2.0], [1e6, 1e6]])
    start = {"weights_init": [0.5, 0.5], "means_init": means, "precisions_init": [np.eye(2)] * 2}
    model = fitted(X, 2, covariance_prior=(scale, dof), **start)
    assert model.weights_[1] == 0.0
    assert_array_equal(model.means_[1], means[1])
    assert_allclose(model.covariances_[1], scale / (dof + 3), rtol=1e-12)


def test_a_weak_prior_is_maximum_likelihood():
    X = clumps(n=400)
    start = fitted(X, 3, reg_covar=0.0)
    values = {
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
    }
    model = fitted(X, 3, covariance_prior=(1e-9 * np.eye(2), 1.0 + 1e-9), tol=1e-13, **values)
    # dof + d + 1 cannot be less than 2 d: what is left of the prior is that many pseudo-observations.
    assert_allclose(model.means_, start.means_, atol=0.02)
    ratio = np.linalg.det(model.covariances_) / np.linalg.det(start.covariances_)
    counts = 400 * start.weights_
    assert_allclose(ratio, (counts / (counts + 4)) ** 2, rtol=0.02)


# ------------------------------------------------------------------------------------- the default


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_default_is_fraley_and_rafterys(covariance_type, offset):
    X = clumps(d=3, offset=offset)
    given_prior = (np.cov(X.T, bias=True) / 4 ** (2 / 3), 5.0)
    default = fitted(X, 4, covariance_type, covariance_prior="default")
    by_hand = fitted(X, 4, covariance_type, covariance_prior=given_prior)
    assert_allclose(default.means_, by_hand.means_, rtol=1e-6)
    assert default.lower_bound_ == pytest.approx(by_hand.lower_bound_, rel=1e-8)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_default_follows_a_change_of_units(covariance_type):
    X, units = clumps(), np.array([1024.0, 1.0 / 64.0])
    start = fitted(X, 3, covariance_type, max_iter=3, tol=0.0, covariance_prior="default")
    factor = {"full": np.outer(units, units), "tied": np.outer(units, units), "diag": units**2}[covariance_type]
    there = {"weights_init": start.weights_, "means_init": start.means_ * units}
    there["precisions_init"] = start.precisions_ / factor
    here = there | {"means_init": start.means_, "precisions_init": start.precisions_}
    one = fitted(X, 3, covariance_type, covariance_prior="default", **here)
    other = fitted(X * units, 3, covariance_type, covariance_prior="default", **there)
    assert_allclose(other.means_, one.means_ * units, rtol=1e-6)
    assert_allclose(other.covariances_, one.covariances_ * factor, rtol=1e-5)


def test_default_refuses_constant_features():
    X = np.column_stack([np.arange(9.0), np.ones(9)])
    with pytest.raises(ValueError, match=r"features \[1\] of X are constant"):
        GaussianMixture(2, covariance_prior="default").fit(X)


@pytest.mark.parametrize("case", ["dependent", "few"])
def test_default_takes_the_variances_where_the_covariance_is_singular(case):
    X = clumps(n=4, d=5) if case == "few" else np.tile(clumps(n=40, d=1), (1, 2)) * [1.0, 3.0]
    n_features = X.shape[1]
    by_hand = (np.diag(X.var(axis=0)) / 2 ** (2 / n_features), n_features + 2)
    default, given_prior = (fitted(X, 2, covariance_prior=prior) for prior in ("default", by_hand))
    assert default.lower_bound_ == pytest.approx(given_prior.lower_bound_, rel=1e-9)


# ------------------------------------------------------------------------------------- weights, threads, types


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("covariance_prior", ["default", (np.diag([2.0, 0.5]), 6.0)])
def test_a_weight_of_two_is_a_sample_that_stands_there_twice(covariance_type, covariance_prior):
    X = clumps(n=40)
    sample_weight = np.random.default_rng(1).integers(0, 4, size=40)
    start = {"weights_init": [0.3, 0.7], "means_init": X[:2], "tol": 1e-11}
    start["precisions_init"] = {
        "full": [np.eye(2)] * 2,
        "tied": np.eye(2),
        "diag": np.ones((2, 2)),
        "spherical": np.ones(2),
    }[covariance_type]
    model = GaussianMixture(
        2, covariance_type=covariance_type, covariance_prior=covariance_prior, max_iter=3000, **start
    )
    weighted, repeated = (
        clone(model).fit(X, sample_weight=sample_weight),
        model.fit(np.repeat(X, sample_weight, axis=0)),
    )
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, rel=1e-9)
    assert_allclose(weighted.covariances_, repeated.covariances_, rtol=1e-5)
    if covariance_prior != "default":
        total = penalised(weighted, X, *covariance_prior, sample_weight)
        assert weighted.lower_bound_ == pytest.approx(total / sample_weight.sum(), rel=1e-8)


def test_the_result_does_not_depend_on_threads_or_layout(monkeypatch):
    monkeypatch.setattr("gmm.engine.passes.WORTH_A_THREAD", 0.0)
    X = np.random.default_rng(0).normal(size=(20_000, 5)).astype(np.float32)
    one = fitted(X, 3, covariance_prior="default", n_threads=1, max_iter=4, tol=0.0)
    two = fitted(np.asfortranarray(X), 3, covariance_prior="default", n_threads=2, max_iter=4, tol=0.0)
    assert_array_equal(one.covariances_, two.covariances_)
    assert one.lower_bounds_ == two.lower_bounds_


def test_far_from_the_origin_nothing_is_lost():
    X = np.round(clumps(), 3)
    near, far = (
        fitted(X + offset, 3, covariance_prior=prior_for(2), max_iter=20, tol=0.0) for offset in (0.0, 2.0**30)
    )
    assert_allclose(far.covariances_, near.covariances_, rtol=1e-4)
    assert far.lower_bound_ == pytest.approx(near.lower_bound_, rel=1e-5)


# ------------------------------------------------------------------------------------- as an estimator


def test_warm_start_goes_on_climbing():
    X = clumps()
    model = GaussianMixture(3, covariance_prior="default", warm_start=True, max_iter=4, tol=0.0, random_state=0).fit(X)
    first = model.lower_bounds_
    second = model.fit(X).lower_bounds_
    straight = clone(model).set_params(max_iter=8).fit(X).lower_bounds_
    assert_allclose(first + second, straight, rtol=1e-13)


def test_restarts_keep_the_largest_penalised_log_likelihood():
    X = clumps(5)
    settings = {"covariance_prior": "default", "init_params": "random_from_data"}
    rng = np.random.RandomState(0)
    single = [fitted(X, 4, random_state=rng, **settings).lower_bound_ for _ in range(5)]
    best = fitted(X, 4, random_state=np.random.RandomState(0), n_init=5, **settings)
    assert best.lower_bound_ == max(single)


def test_a_callback_sees_the_penalised_values_and_can_stop():
    seen = []

    def callback(iteration, value, parameters):
        seen.append((iteration, value, parameters.n_components))
        return iteration == 3

    model = fitted(clumps(), 2, covariance_prior="default", callback=callback, tol=0.0)
    assert [iteration for iteration, _, _ in seen] == [1, 2, 3]
    assert [value for _, value, _ in seen] == model.lower_bounds_
    assert model.n_iter_ == 3


@pytest.mark.parametrize("covariance_prior", [None, "default", (np.diag([2.0, 0.5]), 6.0)])
def test_a_saved_mixture_keeps_its_prior(tmp_path, covariance_prior):
    model = fitted(clumps(), 2, covariance_prior=covariance_prior)
    model.save(tmp_path / "mixture.npz")
    loaded = GaussianMixture.load(tmp_path / "mixture.npz")
    assert_array_equal(loaded.covariances_, model.covariances_)
    if isinstance(covariance_prior, tuple):
        assert_array_equal(loaded.covariance_prior[0], covariance_prior[0])
        assert loaded.covariance_prior[1] == covariance_prior[1]
    else:
        assert loaded.covariance_prior == covariance_prior


def test_select_takes_a_prior():
    X = gmm.datasets.load_old_faithful().X
    found = gmm.select(X, (2, 10), ("full",), random_state=0, n_init=1, covariance_prior="default", n_jobs=1)
    assert list(found.table["status"]) == ["ok", "ok"]
    assert found.best_row_["n_components"] == 2


def test_scikit_learns_checks_pass_with_a_prior():
    check_estimator(GaussianMixture(covariance_prior="default", random_state=0))


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("covariance_prior", "error", "message"),
    [
        ("jeffreys", ValueError, "covariance_prior"),
        (3.0, ValueError, "covariance_prior"),
        ((np.eye(2),), ValueError, "pair"),
        ((np.eye(3), 4.0), ValueError, r"shape \(2, 2\)"),
        ((1.0, 4.0), ValueError, r"shape \(2, 2\)"),
        (("wide", 4.0), ValueError, "matrix of real numbers"),
        ((np.array([[1.0, np.nan], [np.nan, 1.0]]), 4.0), ValueError, "finite"),
        ((np.array([[1.0, 0.5], [0.1, 1.0]]), 4.0), ValueError, "symmetric"),
        ((np.array([[1.0, 2.0], [2.0, 1.0]]), 4.0), ValueError, "positive definite"),
        ((np.eye(2), 1.0), ValueError, r"dof .* > n_features - 1 = 1"),
        ((np.eye(2), np.inf), ValueError, "dof"),
        ((np.eye(2), "many"), TypeError, "dof"),
        ((np.eye(2), True), TypeError, "dof"),
    ],
)
def test_bad_priors_are_refused_before_any_work(covariance_prior, error, message):
    model = GaussianMixture(2, covariance_prior=covariance_prior)
    with pytest.raises(error, match=message):
        model.fit(clumps())
    assert not hasattr(model, "n_features_in_")
