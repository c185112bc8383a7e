"""Bad input: scikit-learn's words, the argument named, before any work, and the estimator left as it was."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.mixture import GaussianMixture as TheirGaussianMixture

from gmm import GaussianMixture, engine, learning

GOOD = np.random.default_rng(0).normal(size=(30, 2))
WITH_NAN, WITH_INF = GOOD.copy(), GOOD.copy()
WITH_NAN[3, 1], WITH_INF[4, 0] = np.nan, -np.inf

BAD_X = {
    "NaN": (WITH_NAN, ValueError, "Input X contains NaN"),
    "inf": (WITH_INF, ValueError, "Input X contains infinity or a value too large"),
    "empty": (np.empty((0, 2)), ValueError, r"Found array with 0 sample\(s\)"),
    "no features": (np.empty((5, 0)), ValueError, r"Found array with 0 feature\(s\)"),
    "one sample": (GOOD[:1], ValueError, "minimum of 2 is required by GaussianMixture"),
    "1-D": (GOOD[:, 0], ValueError, "Expected 2D array, got 1D array instead"),
    "scalar": (1.0, ValueError, "Expected 2D array, got scalar array instead"),
    "3-D": (GOOD.reshape(15, 2, 2), ValueError, "Found array with dim 3"),
    "words": (np.array([["a", "b"], ["c", "d"]]), ValueError, "could not convert|numeric"),
    "words as objects": (np.array([["a", 1], ["c", 2]], dtype=object), ValueError, "could not convert string to float"),
    "objects": (np.array([[object(), 1], [2, 3]], dtype=object), TypeError, "float.. argument must be a string or a"),
    "None": (None, ValueError, "Expected 2D array, got scalar array instead|NoneType"),
    "sparse": (sparse.csr_array(GOOD), TypeError, "Sparse data was passed for X, but dense data is required"),
    "complex": (GOOD + 1j, ValueError, "Complex data not supported"),
    "dates": (
        np.array([["2020-01-01"], ["2020-01-02"]], dtype="M8[D]"),
        TypeError,
        "X must hold real numbers; got dtype",
    ),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "inhomogeneous"),
    "missing": (pd.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}), ValueError, "Input X contains NaN"),
}
# Where scikit-learn says the same. The others: its message for None names NoneType; it takes dates for numbers.
SAME_WORDS = set(BAD_X) - {"None", "dates", "words"}

PRECISIONS_3 = np.array([np.eye(2), np.eye(2), [[1.0, 2.0], [2.0, 1.0]]])
BAD_SETTINGS = {
    "n_components 0": (
        {"n_components": 0},
        "The 'n_components' parameter of GaussianMixture must be an int in the range",
    ),
    "n_components 1.5": ({"n_components": 1.5}, "The 'n_components' parameter .* Got 1.5 instead"),
    "covariance_type": ({"covariance_type": "banana"}, "The 'covariance_type' parameter .* Got 'banana' instead"),
    "tol": ({"tol": -1e-3}, "The 'tol' parameter .* Got -0.001 instead"),
    "tol NaN": ({"tol": np.nan}, "The 'tol' parameter .* Got nan instead"),
    "tol text": ({"tol": "small"}, "The 'tol' parameter .* Got 'small' instead"),
    "reg_covar": ({"reg_covar": -1.0}, "The 'reg_covar' parameter .* Got -1.0 instead"),
    "max_iter": ({"max_iter": -1}, "The 'max_iter' parameter .* Got -1 instead"),
    "max_iter 2.5": ({"max_iter": 2.5}, "The 'max_iter' parameter .* Got 2.5 instead"),
    "n_init": ({"n_init": 0}, "The 'n_init' parameter .* Got 0 instead"),
    "init_params": ({"init_params": "k-medoids"}, "The 'init_params' parameter .* Got 'k-medoids' instead"),
    "random_state": ({"random_state": -1}, "The 'random_state' parameter .* Got -1 instead"),
    "warm_start": ({"warm_start": "yes"}, "The 'warm_start' parameter .* Got 'yes' instead"),
    "verbose": ({"verbose": -1}, "The 'verbose' parameter .* Got -1 instead"),
    "verbose_interval": ({"verbose_interval": 0}, "The 'verbose_interval' parameter .* Got 0 instead"),
    "weights_init shape": (
        {"n_components": 3, "weights_init": [0.5, 0.5]},
        r"The parameter 'weights' should have the shape of \(3,\), but got \(2,\)",
    ),
    "weights_init negative": (
        {"n_components": 2, "weights_init": [-0.5, 1.5]},
        r"The parameter 'weights' should be in the range \[0, 1\]",
    ),
    "weights_init sum": (
        {"n_components": 2, "weights_init": [0.5, 0.6]},
        "The parameter 'weights' should be normalized",
    ),
    "weights_init NaN": ({"n_components": 2, "weights_init": [np.nan, 1.0]}, "contains NaN"),
    "means_init shape": (
        {"n_components": 2, "means_init": np.zeros((2, 3))},
        r"The parameter 'means' should have the shape of \(2, 2\), but got \(2, 3\)",
    ),
    "means_init inf": ({"n_components": 2, "means_init": [[np.inf, 0], [0, 0]]}, "contains infinity"),
    "precisions_init shape": (
        {"n_components": 3, "precisions_init": np.eye(2)},
        r"The parameter 'full precision' should have the shape of \(3, 2, 2\), but got \(2, 2\)",
    ),
    "precisions_init indefinite": (
        {"n_components": 3, "precisions_init": PRECISIONS_3},
        "'full precision' should be symmetric, positive-definite",
    ),
    "precisions_init asymmetric": (
        {"covariance_type": "tied", "precisions_init": [[1.0, 0.5], [0.0, 1.0]]},
        "'tied precision' should be symmetric, positive-definite",
    ),
    "precisions_init zero": (
        {"covariance_type": "diag", "precisions_init": [[1.0, 0.0]]},
        "'diag precision' should be positive",
    ),
    "precisions_init negative": (
        {"covariance_type": "spherical", "precisions_init": [-1.0]},
        "'spherical precision' should be positive",
    ),
    "too few samples": (
        {"n_components": 31},
        "Expected n_samples >= n_components but got n_components = 31, n_samples = 30",
    ),
}
OUR_SETTINGS = {
    "on_collapse": ({"on_collapse": "ignore"}, "The 'on_collapse' parameter .* Got 'ignore' instead"),
    "callback": ({"callback": "print"}, "The 'callback' parameter .* Got 'print' instead"),
    "record_parameters": ({"record_parameters": "all"}, "The 'record_parameters' parameter .* Got 'all' instead"),
    "n_threads": ({"n_threads": 0}, "The 'n_threads' parameter .* Got 0 instead"),
    "which precision": (
        {"n_components": 3, "precisions_init": PRECISIONS_3},
        r"precisions_init\[2\] has an eigenvalue of -1",
    ),
    "which weight": ({"n_components": 2, "weights_init": [-0.5, 1.5]}, r"weights_init\[0\] is -0.5"),
    "which weights": ({"n_components": 2, "weights_init": [0.5, 0.6]}, "weights_init must sum to 1"),
    "which variance": ({"covariance_type": "diag", "precisions_init": [[1.0, 0.0]]}, r"precisions_init\[0, 1\] is 0"),
    "which mean": ({"n_components": 2, "means_init": [[np.inf, 0], [0, 0]]}, "means_init contains infinity"),
}


@pytest.fixture
def no_work(monkeypatch):
    """Fail when the engine is asked for anything that costs."""

    def refuse(*arguments, **options):
        raise AssertionError("the engine was called")

    for name in ("kmeans", "kmeans_plusplus", "score_samples", "predict"):
        monkeypatch.setattr(engine, name, refuse)
    for name in ("climb", "parameters_from_kmeans", "parameters_from_responsibilities", "make_parameters"):
        monkeypatch.setattr(learning, name, refuse)


@pytest.mark.parametrize("case", BAD_X)
def test_bad_data_are_refused_before_any_work(case, no_work):
    X, error, message = BAD_X[case]
    model = GaussianMixture()
    with pytest.raises(error, match=message):
        model.fit(X)
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("case", sorted(SAME_WORDS))
def test_scikit_learn_says_the_same_of_data(case):
    X, error, message = BAD_X[case]
    with pytest.raises(error, match=message):
        TheirGaussianMixture().fit(X)


@pytest.mark.parametrize("case", [*BAD_SETTINGS, *OUR_SETTINGS])
def test_bad_settings_are_refused_before_any_work(case, no_work):
    settings, message = {**BAD_SETTINGS, **OUR_SETTINGS}[case]
    model = GaussianMixture(**settings)
    with pytest.raises(ValueError, match=message):
        model.fit(GOOD)
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_scikit_learn_says_the_same_of_settings(case):
    settings, message = BAD_SETTINGS[case]
    with pytest.raises(ValueError, match=message):
        TheirGaussianMixture(**settings).fit(GOOD)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "score", "aic", "bic"])
@pytest.mark.parametrize("case", ["NaN", "inf", "empty", "1-D", "sparse", "words as objects", "complex"])
def test_bad_data_are_refused_by_every_method(method, case):
    X, error, message = BAD_X[case]
    with pytest.raises(error, match=message):
        getattr(GaussianMixture().fit(GOOD), method)(X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "score", "aic", "bic"])
def test_another_number_of_features_is_refused(method):
    with pytest.raises(ValueError, match="X has 3 features, but GaussianMixture is expecting 2 features as input"):
        getattr(GaussianMixture().fit(GOOD), method)(np.ones((4, 3)))


def test_a_failing_fit_leaves_the_last_one_whole():
    frame = pd.DataFrame(GOOD, columns=["a", "b"])
    model = GaussianMixture(2, random_state=0).fit(frame)
    before = dict(vars(model))
    wider = pd.DataFrame(np.repeat(GOOD, 2, axis=1), columns=list("abcd"))
    wider.iloc[0, 0] = np.nan
    for attempt in (
        lambda: model.fit(wider),
        lambda: model.fit(np.zeros((30, 4)), sample_weight=-np.ones(30)),
        lambda: model.fit(wider.iloc[1:2]),
    ):
        with pytest.raises(ValueError):
            attempt()
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())
    model.set_params(reg_covar=0.0)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="collapsed"):  # far into the work
        model.fit(np.zeros((30, 4)))
    assert all(vars(model)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(model.predict(frame).shape, (30,))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_fit_changes_nothing(stop):
    def interrupt(iteration, log_likelihood, parameters):
        raise stop

    model = GaussianMixture(2, callback=interrupt, random_state=0)
    with pytest.raises(stop):
        model.fit(GOOD)
    assert set(vars(model)) == set(model.get_params())


def test_arguments_are_not_changed():
    weights, means, precisions = np.array([0.5, 0.5]), np.array([[0, 0], [1, 1]]), np.array([np.eye(2), np.eye(2)])
    X, sample_weight = GOOD.copy(), np.full(30, 2.0)
    model = GaussianMixture(2, weights_init=weights, means_init=means, precisions_init=precisions)
    model.fit(X, sample_weight=sample_weight)
    assert model.weights_init is weights
    assert model.means_init is means
    assert model.precisions_init is precisions
    np.testing.assert_array_equal(means, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(X, GOOD)
    np.testing.assert_array_equal(sample_weight, 2.0)
    assert not any(
        np.shares_memory(given, found) for given, found in ((weights, model.weights_), (precisions, model.precisions_))
    )


@pytest.mark.parametrize("missing", ["raise", "marginalise"])
@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.array([["S1", "0.3"], ["2", "x"]]), r"No number: X\[0, 0\] is 'S1', X\[1, 1\] is 'x'\."),
        (np.array([["1", "0.3"], ["2", "4"]]), r"numbers as text: X\.astype\(float\)"),
        (pd.DataFrame({"y": [1.0, 2.0], "site": ["a", "b"]}), r"No number: X\[0, 1\] \(site\) is 'a'"),
        (pd.DataFrame({"y": [1.0, 2.0], "s": pd.Categorical(["a", "b"])}), r"No number: X\[0, 1\] \(s\) is 'a'"),
        (np.array([[None, "a"], ["b", "c"], ["d", 2.0], ["e", "f"]], dtype=object),
         r"X\[0, 1\] is 'a', X\[1, 0\] is 'b', X\[1, 1\] is 'c'\.?$"),
    ],
    ids=["text", "numbers as text", "column of text", "categories", "objects"],
)  # fmt: skip
def test_text_among_the_data_is_named(X, said, missing):
    with pytest.raises((ValueError, TypeError), match=said):
        GaussianMixture(1, missing=missing).fit(X)
