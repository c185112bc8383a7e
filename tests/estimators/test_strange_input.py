"""What comes of strange input to all that reads, judges and strengthens a fit: a clear error or a finite answer.

Several arguments are strange at a time, and so are the samples. GMM_STRANGE says how many examples are tried.
"""

import os
import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gmm
from gmm import GaussianMixture, StudentMixture

EXAMPLES = int(os.environ.get("GMM_STRANGE", "60"))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 2)) + np.repeat([[0.0, 0.0], [5.0, 1.0]], 12, axis=0)
SETTINGS = {"random_state": 0, "tol": 1e-4, "max_iter": 30}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    PLAIN = GaussianMixture(2, **SETTINGS).fit(X)
    NOISY = GaussianMixture(2, noise=True, **SETTINGS).fit(X)
    ONE = GaussianMixture(1, noise=True, **SETTINGS).fit(X)
    TAILS = StudentMixture(2, covariance_type="tied", **SETTINGS).fit(X)
    HEAVY = StudentMixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.3], [0.3, 1.0]]], 0.05, random_state=0)
MIXTURES = (PLAIN, NOISY, ONE, TAILS, HEAVY)
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.just(10**30), st.complex_numbers(),
    st.text(max_size=2), st.lists(st.floats(), max_size=3),
    st.sampled_from([np.float32(0.5), np.int64(2), {}, object(), np.array(3.0)]),
    st.sampled_from(["weighted", "parametric", "cross", "each", "shared", "auto", "default", "VEV", "tied", "scores"]),
    st.sampled_from([X, X[:3], X[:0], X[:, :1], X.astype(object), np.full((24, 2), np.inf)]),
    st.sampled_from([np.ones(24), np.arange(24), GaussianMixture(), GaussianMixture, PLAIN, TAILS, NOISY]),
)  # fmt: skip


@st.composite
def samples(draw):
    """Tables from ordinary to absurd: few, tied, constant, collinear, far off, huge and tiny."""
    n, d = draw(st.integers(1, 14)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kind = draw(st.sampled_from(["normal", "ties", "cauchy", "constant", "collinear", "outlier"]))
    table = rng.standard_cauchy(size=(n, d)) if kind == "cauchy" else rng.normal(size=(n, d))
    if kind == "ties":
        table = rng.integers(0, 2, size=(n, d)).astype(float)
    elif kind == "constant":
        table[:, 0] = 1.0
    elif kind == "collinear":
        table[:] = table[:, :1]
    elif kind == "outlier":
        table[0] = 1e12
    return table * draw(st.sampled_from([1.0, 1e-160, 1e150, 1e-300])) + draw(st.sampled_from([0.0, 1e9]))


@st.composite
def arguments(draw, good):
    """These arguments, of which any number may be replaced by junk."""
    found = dict(good)
    for name in good:
        if draw(st.integers(0, 3)) == 0:
            found[name] = draw(JUNK)
    return found


FIT = {"tol": 1e-3, "max_iter": 5, "random_state": 0, "reg_covar": 1e-6, "n_init": 1}
CALLS = {
    "merge_components": {"mixture": PLAIN, "X": X, "sample_weight": None},
    "bootstrap": {
        "mixture": PLAIN, "X": X, "kind": "plain", "n": 2, "sample_weight": None, "random_state": 0, "n_jobs": 1,
        "tol": 1e-3, "max_iter": 3,
    },
    "standard_errors": {"mixture": PLAIN, "X": X, "kind": "scores"},
    "likelihood_ratio_test": {
        "X": X[:12], "n_components": 1, "covariance_type": "spherical", "n": 1, "n_init": 1, "random_state": 0,
        "n_jobs": 1, "tol": 1e-2, "max_iter": 3, "reg_covar": "auto",
    },
    "AnomalyDetector": {
        "mixture": None, "false_alarm": 0.2, "calibration": "split", "calibration_size": 0.5, "n_folds": 3,
        "random_state": 0,
    },
    "GaussianMixture": {"n_components": 2, "noise": True, "noise_volume": None, "resp_init": None, **FIT},
    "StudentMixture": {
        "n_components": 2, "dof": "each", "dof_init": 2.0, "covariance_type": "full", "resp_init": None,
        "covariance_prior": None, **FIT,
    },
}  # fmt: skip
METHODS = {
    "density_level": {"coverage": 0.5, "n_samples": 500, "random_state": 0},
    "conditional": {"features": [0], "values": [0.5]},
    "conditional_moments": {"features": [0], "values": [[0.5]], "return_cov": True},
    "marginal": {"features": [1]},
    "cdf": {"X": [[0.0]], "upper": False},
    "impute": {"X": X, "how": "mean", "random_state": 0},
    "sorted": {"by": "weight"},
    "summary": {"X": X},
    "sample": {"n_samples": 3, "random_state": 0},
    "score_samples": {"X": X},
    "bic": {"X": X, "sample_weight": None},
    "icl": {"X": X, "sample_weight": None},
}


def state_of(model):
    return {name: np.array(value) for name, value in vars(model).items() if isinstance(value, (np.ndarray, float))}


# Words of Python's and NumPy's own errors: they name no argument of ours.
PYTHON = ("unexpected keyword", "unpack", "broadcast", "subscriptable", "not iterable", "ufunc", "has no len")
STATES = [state_of(mixture) for mixture in MIXTURES]


def numbers_of(found):
    """Everything in an answer that must be a number."""
    if isinstance(found, gmm.ComponentHierarchy):
        return [found.entropies, found.predict_proba(1)]
    if isinstance(found, gmm.Bootstrap):
        return [*found.standard_errors, *found.intervals(0.5)]
    if isinstance(found, gmm.LikelihoodRatioTest):
        return [found.statistic, found.p_value, found.replicates]
    if isinstance(found, (GaussianMixture, StudentMixture)):
        scale = getattr(found, "scales_", None)
        return [found.weights_, found.means_, found.covariances_ if scale is None else scale]
    if isinstance(found, tuple):
        return [part for part in found if part is not None]
    if hasattr(found, "heading"):  # a summary
        assert "nan" not in repr(found)
        return []
    return [found]


def judged(call, *others):
    """The answer of a call, or None and the words of its refusal; whatever it says, nothing else may change."""
    given, found, refusal = X.copy(), None, None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = call()
    except (TypeError, ValueError) as error:
        refusal = str(error)
    if refusal is not None:
        assert len(refusal) > 15, refusal
        assert not any(words in refusal for words in PYTHON), refusal
    np.testing.assert_array_equal(X, given)
    for mixture, before in zip(MIXTURES, STATES, strict=True):
        after = state_of(mixture)
        assert after.keys() == before.keys()
        for name, value in before.items():
            np.testing.assert_array_equal(after[name], value)
    return found


STRANGE = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@STRANGE
@given(st.data())
def test_functions(data):
    name = data.draw(st.sampled_from(["merge_components", "bootstrap", "standard_errors", "likelihood_ratio_test"]))
    given = data.draw(arguments(CALLS[name]))
    if "mixture" in given and data.draw(st.booleans()):
        given["mixture"] = data.draw(st.sampled_from(MIXTURES))
    found = judged(lambda: getattr(gmm, name)(**given))
    for part in [] if found is None else numbers_of(found):
        assert np.isfinite(part).all()


@STRANGE
@given(st.sampled_from(["AnomalyDetector", "GaussianMixture", "StudentMixture"]), st.data())
def test_estimators(kind, data):
    settings, table = data.draw(arguments(CALLS[kind])), data.draw(st.one_of(st.just(X), samples(), JUNK))
    weights = data.draw(st.sampled_from([None, np.ones(24), np.arange(24.0), np.zeros(24), -np.ones(24), "a"]))
    model = getattr(gmm, kind)(**settings)
    names = set(vars(model))
    more = {} if kind == "AnomalyDetector" else {"sample_weight": weights}
    if judged(lambda: model.fit(table, **more)) is None:
        assert set(vars(model)) == names
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if kind == "AnomalyDetector":
            p = model.p_values(table)
            assert ((p > 0.0) & (p <= 1.0)).all()
            assert not np.isnan(model.decision_function(table)).any()
            return
        for part in numbers_of(model):
            assert np.isfinite(part).all()
        assert np.isfinite(model.score(table))
        np.testing.assert_allclose(model.predict_proba(table).sum(axis=1), 1.0, atol=1e-12)


@STRANGE
@given(st.sampled_from(MIXTURES), st.sampled_from(list(METHODS)), st.data())
def test_methods(mixture, name, data):
    given = data.draw(arguments(METHODS[name]))
    found = judged(lambda: getattr(mixture, name)(**given))
    for part in [] if found is None else numbers_of(found):
        assert not np.isnan(np.asarray(part, dtype=float)).any()
