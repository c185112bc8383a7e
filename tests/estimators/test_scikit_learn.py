"""The estimator among scikit-learn's: its checks, its tools, and the same fits as its own GaussianMixture."""

import copy
import pickle
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import product
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from estimator_helpers import start_for
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as TheirGaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from gmm import GaussianMixture
from gmm.engine import passes

FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def assert_same_mixture(ours, theirs, rtol=1e-6, atol=1e-9):
    """Equal parameters, up to the order of the components."""
    order, their_order = np.lexsort(ours.means_.T), np.lexsort(theirs.means_.T)
    for name in FITTED:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if not (ours.covariance_type == "tied" and "weights" not in name and "means" not in name):
            mine, other = mine[order], other[their_order]
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "settings", [{}, {"covariance_type": "tied"}, {"covariance_type": "diag"}, {"covariance_type": "spherical"}]
)
def test_check_estimator_passes_whole(settings):
    results = check_estimator(GaussianMixture(random_state=0, **settings), on_fail=None, on_skip=None)
    bad = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not bad
    # The one check that needs an environment variable to run.
    assert {r["check_name"] for r in results if r["status"] != "passed"} <= {"check_array_api_input"}
    assert len(results) >= 40


@pytest.mark.parametrize("tol", [1e-3, 1e-8])
def test_same_fit_as_scikit_learn_from_the_same_start(overlapping, covariance_type, tol):
    X, labels = overlapping
    start = start_for(X, np.roll(labels, 7), covariance_type)
    settings = {"covariance_type": covariance_type, "tol": tol, "max_iter": 1000, **start}
    ours, theirs = GaussianMixture(3, **settings).fit(X), TheirGaussianMixture(3, **settings).fit(X)
    assert ours.n_iter_ == theirs.n_iter_ > 3
    assert ours.converged_ is theirs.converged_ is True
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, rel=1e-9)
    if hasattr(theirs, "lower_bounds_"):  # from scikit-learn 1.7 on
        np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-9)
    assert ours.lower_bound_ == ours.lower_bounds_[-1]
    assert_same_mixture(ours, theirs)
    for method in ("predict", "predict_proba", "score_samples", "score", "aic", "bic"):
        np.testing.assert_allclose(getattr(ours, method)(X), getattr(theirs, method)(X), rtol=1e-6, atol=1e-12)


def test_default_fit_agrees_with_scikit_learn(blobs, covariance_type):
    X, _ = blobs
    settings = {"covariance_type": covariance_type, "random_state": 0}
    ours, theirs = GaussianMixture(3, **settings).fit(X), TheirGaussianMixture(3, **settings).fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    assert_same_mixture(ours, theirs)


# Not the tied start from three samples: scikit-learn's mixes the scatter of all samples with the means of those three.
@pytest.mark.parametrize(
    ("covariance_type", "init_params"),
    [*product(["full", "tied", "diag", "spherical"], ["random"]),
     *product(["full", "diag", "spherical"], ["random_from_data"])],
)  # fmt: skip
def test_the_same_seed_draws_the_same_random_start(blobs, covariance_type, init_params):
    X, _ = blobs
    settings = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 3, "max_iter": 500}
    ours, theirs = GaussianMixture(3, **settings).fit(X), TheirGaussianMixture(3, **settings).fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-6)  # in the same order, too


def test_partly_given_starts_are_those_of_scikit_learn(blobs, covariance_type):
    X, labels = blobs
    given = start_for(X, labels, covariance_type)
    for name, value in given.items():
        settings = {name: value, "covariance_type": covariance_type, "init_params": "random", "random_state": 5}
        ours, theirs = (model(3, max_iter=1, **settings) for model in (GaussianMixture, TheirGaussianMixture))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            ours.fit(X), theirs.fit(X)
        np.testing.assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=1e-10, err_msg=name)
        np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-8, err_msg=name)


def test_constructor_is_scikit_learns_and_more():
    ours, theirs = GaussianMixture().get_params(), TheirGaussianMixture().get_params()
    assert {name: ours[name] for name in theirs} == theirs


def test_attributes_are_scikit_learns(blobs):
    frame = pd.DataFrame(blobs[0], columns=["a", "b"])
    ours, theirs = (model(3, random_state=0).fit(frame) for model in (GaussianMixture, TheirGaussianMixture))
    for name, value in vars(theirs).items():
        assert hasattr(ours, name), name
        # Each starts from its own random numbers, and so needs its own number of iterations.
        expected = (ours.n_iter_,) if name == "lower_bounds_" else np.shape(value)
        assert np.shape(getattr(ours, name)) == expected, name
        if name.endswith("_") and name not in ("n_iter_", "lower_bounds_"):
            assert type(getattr(ours, name)) is type(value) or isinstance(getattr(ours, name), float), name


def test_pipeline_and_grid_search(blobs):
    X, labels = blobs
    search = GridSearchCV(
        make_pipeline(StandardScaler(), GaussianMixture(random_state=0)),
        {"gaussianmixture__n_components": [1, 2, 3], "gaussianmixture__covariance_type": ["full", "spherical"]},
    ).fit(np.random.default_rng(0).permutation(X))
    assert search.best_params_["gaussianmixture__n_components"] == 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(zip(labels, search.predict(X)))) == 3


def test_sample_weight_reaches_through_a_pipeline(blobs):
    X, labels = blobs
    weights = (labels == 0).astype(float)
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(random_state=0))
    pipeline.fit(X, gaussianmixture__sample_weight=weights)
    expected = StandardScaler().fit(X).transform(X)[labels == 0].mean(axis=0)
    np.testing.assert_allclose(pipeline[-1].means_[0], expected)


def test_pandas_input_keeps_names_and_warns_of_others(blobs):
    frame = pd.DataFrame(blobs[0], columns=["width", "height"])
    model = GaussianMixture(3, random_state=0).fit(frame)
    assert list(model.feature_names_in_) == ["width", "height"]
    np.testing.assert_array_equal(model.predict(frame), GaussianMixture(3, random_state=0).fit_predict(blobs[0]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"width": "depth"}))


@pytest.mark.parametrize("way", ["clone", "copy", "deepcopy", "pickle"])
def test_copies(blobs, way):
    X, _ = blobs
    model = GaussianMixture(3, covariance_type="tied", random_state=0, record_parameters=True).fit(X)
    if way == "clone":
        again = clone(model)
        assert again.get_params() == model.get_params()
        assert not hasattr(again, "means_")
        again.fit(X)
    else:
        again = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m))}[way](
            model
        )
    np.testing.assert_array_equal(again.means_, model.means_)
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    assert len(again.history_.parameters) == again.n_iter_ + 1


def fitted_means(task):
    seed, X, covariance_type = task
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=seed, init_params="random", max_iter=300)
    return model.fit(X).means_


@pytest.fixture
def every_pass_is_worth_a_thread(monkeypatch):
    monkeypatch.setattr(passes, "WORTH_A_THREAD", 0.0)


def test_fits_in_threads_and_in_spawned_processes(blobs, every_pass_is_worth_a_thread):
    X = np.tile(blobs[0], (55, 1)) + np.random.default_rng(0).normal(size=(16500, 2))
    tasks = [(seed, X, structure) for seed, structure in enumerate(["full", "tied", "diag", "spherical", "full"])]
    expected = [fitted_means(task) for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        for mine, theirs in zip(pool.map(fitted_means, tasks), expected):
            np.testing.assert_array_equal(mine, theirs)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for mine, theirs in zip(pool.map(fitted_means, tasks[:2]), expected):
            np.testing.assert_array_equal(mine, theirs)


def test_the_number_of_threads_changes_no_bit(covariance_type, every_pass_is_worth_a_thread):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 4)) + rng.integers(0, 4, size=(30_000, 1)) * 4.0
    one, three = (
        GaussianMixture(4, covariance_type=covariance_type, random_state=0, n_threads=n).fit(X) for n in (1, 3)
    )
    for name in FITTED:
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
    np.testing.assert_array_equal(one.predict_proba(X), three.predict_proba(X))
    assert one.lower_bounds_ == three.lower_bounds_


@pytest.mark.parametrize(
    "init_params", ["kmeans", "kmeans_whitened", "k-means++", "random", "random_from_data", "random_points"]
)
def test_the_global_random_state_is_neither_advanced_nor_read(blobs, init_params):
    X = np.random.default_rng(0).normal(size=(200, 3))  # no groups: the result depends on the start
    before = np.random.get_state()  # noqa: NPY002
    fits = []
    for _ in range(2):
        np.random.set_state(before)  # noqa: NPY002
        model = GaussianMixture(8, init_params=init_params, max_iter=3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X)
        model.sample(5)
        after = np.random.get_state()  # noqa: NPY002
        np.testing.assert_array_equal(before[1], after[1])
        assert before[2:] == after[2:]
        fits.append(model.means_)
    assert not np.array_equal(*fits)


def test_random_state_of_every_kind(blobs):
    X = blobs[0]
    settings = {"n_components": 5, "init_params": "random", "max_iter": 200}
    seeded = GaussianMixture(random_state=0, **settings).fit(X)
    again = GaussianMixture(random_state=np.random.RandomState(0), **settings).fit(X)
    np.testing.assert_array_equal(seeded.means_, again.means_)
    generators = [GaussianMixture(random_state=np.random.default_rng(0), **settings).fit(X).means_ for _ in range(2)]
    np.testing.assert_array_equal(*generators)
    with pytest.raises(ValueError, match="'random_state' parameter"):
        GaussianMixture(random_state="0").fit(X)


def test_parameters_set_by_hand_are_used():
    # A recipe in wide use: set weights_, means_ and precisions_cholesky_, and predict.
    model = GaussianMixture(2)
    model.weights_ = [0.5, 0.5]
    model.means_ = np.array([[0.0, 0.0], [4.0, 0.0]])
    model.precisions_cholesky_ = np.array([np.eye(2), np.eye(2)])
    np.testing.assert_array_equal(model.predict([[1.0, 0.0], [3.0, 0.0]]), [0, 1])


def test_warm_start_goes_on_where_the_last_fit_stopped(overlapping, covariance_type):
    X, labels = overlapping
    settings = {"covariance_type": covariance_type, "tol": 1e-9, **start_for(X, np.roll(labels, 9), covariance_type)}
    whole = GaussianMixture(3, max_iter=6, **settings)
    parts = GaussianMixture(3, max_iter=2, warm_start=True, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole.fit(X)
        for _ in range(3):
            parts.fit(X)
    np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(parts.lower_bounds_, whole.lower_bounds_[-2:], rtol=1e-12)


def test_warm_start_compares_with_the_last_lower_bound(blobs):
    # With one iteration a fit, convergence can only be seen against the fit before.
    model = GaussianMixture(3, max_iter=1, warm_start=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(50):
            if model.fit(blobs[0]).converged_:
                break
    assert model.converged_


def test_warm_start_refuses_another_shape(blobs):
    model = GaussianMixture(3, warm_start=True, random_state=0).fit(blobs[0])
    with pytest.raises(ValueError, match="warm_start=True goes on from the last fit"):
        model.set_params(n_components=2).fit(blobs[0])
