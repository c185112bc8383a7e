"""Mixtures to and from dicts, scikit-learn and mclust: the same numbers there and back, and nothing else let in."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
from estimator_helpers import random_mixture
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma
from scipy.stats import multivariate_normal, multivariate_t
from sklearn import mixture as theirs
from sklearn.exceptions import NotFittedError

import gmm
from gmm import BayesianGaussianMixture, GaussianMixture, StudentMixture
from gmm.learning import FOURTEEN

STRUCTURES = ("full", "tied", "diag", "spherical")
TYPES = ("dirichlet_process", "dirichlet_distribution")
STORED = Path(__file__).parent / "stored"
X = gmm.datasets.load_iris().X[::2]


def fitted(covariance_type, **options):
    return theirs.GaussianMixture(3, covariance_type=covariance_type, random_state=0, **options).fit(X)


def through_json(model):
    """What comes of a mixture that was written as JSON by strict rules."""
    return type(model).from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))


def assert_same(one, other, *, leave_out=()):
    """Every attribute has the same bits and type."""
    assert set(vars(one)) - set(leave_out) == set(vars(other)) - set(leave_out)
    for name in set(vars(one)) - {"history_", *leave_out}:
        mine, its = getattr(one, name), getattr(other, name)
        assert type(mine) is type(its), name
        np.testing.assert_array_equal(mine, its, err_msg=name)


class TestScikitLearn:
    @pytest.mark.parametrize("covariance_type", STRUCTURES)
    def test_a_fit_of_theirs_scores_here_as_there(self, covariance_type):
        model = fitted(covariance_type)
        mixture = GaussianMixture.from_sklearn(model)
        np.testing.assert_allclose(mixture.score_samples(X), model.score_samples(X), rtol=0, atol=1e-12)
        np.testing.assert_allclose(mixture.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(mixture.predict(X), model.predict(X))
        assert mixture.bic(X) == pytest.approx(model.bic(X), rel=1e-13)
        assert mixture.get_params()["random_state"] == 0
        assert (mixture.n_iter_, mixture.converged_, mixture.lower_bound_) == (
            model.n_iter_, model.converged_, model.lower_bound_,
        )  # fmt: skip
        again = mixture.to_sklearn()
        assert_same(again, model, leave_out=("lower_bound_", "lower_bounds_"))  # theirs are NumPy's floats
        assert again.lower_bound_ == model.lower_bound_
        np.testing.assert_array_equal(again.sample(5)[0], model.sample(5)[0])
        assert_same(through_json(mixture), mixture)

    @pytest.mark.parametrize("covariance_type", STRUCTURES)
    def test_a_fit_of_ours_does_all_there(self, covariance_type):
        mixture = GaussianMixture(
            3, covariance_type=covariance_type, random_state=np.random.default_rng(0), reg_covar="auto",
            init_params="kmeans_whitened", missing="marginalise",
        ).fit(X)  # fmt: skip
        model = mixture.to_sklearn()
        np.testing.assert_allclose(model.score_samples(X), mixture.score_samples(X), rtol=0, atol=1e-12)
        assert model.bic(X) == pytest.approx(mixture.bic(X), rel=1e-13)
        assert model.sample(7)[0].shape == (7, 4)
        np.testing.assert_allclose(
            model.precisions_ @ model.covariances_ if covariance_type in ("full", "tied") else
            model.precisions_ * model.covariances_,
            np.broadcast_to(np.eye(4) if covariance_type in ("full", "tied") else 1.0, model.precisions_.shape),
            atol=1e-9,
        )  # fmt: skip
        model.set_params(warm_start=True, max_iter=2000).fit(X)  # its settings are such as scikit-learn takes
        assert model.lower_bound_ >= mixture.lower_bound_ - 1e-6

    def test_nothing_is_shared(self):
        mixture = random_mixture(0, "full")
        before = mixture.means_.copy(), mixture.weights_.copy(), mixture.precisions_cholesky_.copy()
        model = mixture.to_sklearn()
        for name in ("means_", "weights_", "covariances_", "precisions_cholesky_", "precisions_"):
            getattr(model, name).fill(7.0)
        theirs_ = fitted("full")
        again = GaussianMixture.from_sklearn(theirs_)
        for name in ("means_", "weights_", "covariances_", "precisions_cholesky_"):
            getattr(again, name).fill(7.0)
            assert (getattr(theirs_, name) != 7.0).all(), name
        for name, value in zip(("means_", "weights_", "precisions_cholesky_"), before, strict=True):
            np.testing.assert_array_equal(getattr(mixture, name), value)

    def test_a_start_of_another_shape_stays_behind(self):
        start = {"means_init": X[[0, 60]], "weights_init": [0.5, 0.5], "precisions_init": [np.eye(4)] * 2}
        mixture = GaussianMixture(2, covariance_type="EEE", **start).fit(X)
        model = mixture.to_sklearn()
        assert model.precisions_init is None
        model.fit(X)
        assert model.means_init is not None

    def test_names_of_features_go_along(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(X, columns=list("abcd"))
        mixture = GaussianMixture.from_sklearn(theirs.GaussianMixture(2, random_state=0).fit(frame))
        assert list(mixture.feature_names_in_) == list("abcd")
        assert mixture.marginal("b").n_features_in_ == 1
        model = mixture.to_sklearn()
        np.testing.assert_allclose(model.score_samples(frame), mixture.score_samples(frame), atol=1e-12)

    @pytest.mark.parametrize("covariance_type", STRUCTURES)
    def test_a_fit_to_float32(self, covariance_type):
        model = theirs.GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X.astype(np.float32))
        mixture = GaussianMixture.from_sklearn(model)
        assert mixture.means_.dtype == mixture.precisions_cholesky_.dtype == np.float64
        assert abs(mixture.weights_.sum() - 1.0) < 1e-15
        np.testing.assert_allclose(mixture.score_samples(X), model.score_samples(X), rtol=1e-3, atol=1e-3)
        through_json(mixture)

    def test_versions_that_keep_no_course(self):
        model = fitted("full")
        vars(model).pop("lower_bounds_", None)
        mixture = GaussianMixture.from_sklearn(model)
        assert (mixture.n_iter_, mixture.lower_bound_) == (model.n_iter_, model.lower_bound_)
        assert len(mixture.lower_bounds_) == model.n_iter_
        assert math.isnan(mixture.lower_bounds_[0])
        assert_same(through_json(mixture), mixture)

    @pytest.mark.parametrize("name", ["VVV", "EEE", "VVI", "VII"])
    def test_models_of_mclust_that_are_theirs(self, name):
        mixture = GaussianMixture(2, covariance_type=name, random_state=0).fit(X)
        model = mixture.to_sklearn()
        np.testing.assert_allclose(model.score_samples(X), mixture.score_samples(X), rtol=0, atol=1e-12)
        assert model.bic(X) == pytest.approx(mixture.bic(X), rel=1e-13)

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [("VEV", "full"), ("EEI", "diag"), ("EEI", "tied"), ("VEI", "diag"), ("EII", "spherical"), ("EII", "tied")],
    )
    def test_models_that_they_have_not(self, name, wanted):
        mixture = GaussianMixture(2, covariance_type=name, random_state=0).fit(X)
        with pytest.raises(ValueError, match=rf"no covariance_type like '{name}'.*to_sklearn\('full'\)"):
            mixture.to_sklearn()
        model = mixture.to_sklearn(wanted)
        assert model.covariance_type == wanted
        np.testing.assert_allclose(model.score_samples(X), mixture.score_samples(X), rtol=0, atol=1e-12)

    def test_structures_that_cannot_hold_a_model(self):
        mixture = GaussianMixture(2, covariance_type="VEV", random_state=0).fit(X)
        for wanted in ("tied", "diag", "spherical"):
            with pytest.raises(ValueError, match=f"'{wanted}' cannot hold the covariances of 'VEV'"):
                mixture.to_sklearn(wanted)
        with pytest.raises(ValueError, match="covariance_type must be None or one of"):
            mixture.to_sklearn("VVV")
        full = random_mixture(0, "full").to_sklearn("full")
        assert full.covariances_.shape == (3, 3, 3)

    def test_noise_has_no_place_there(self):
        noisy = GaussianMixture(2, noise=True, random_state=0).fit(X)
        with pytest.raises(ValueError, match="without_noise"):
            noisy.to_sklearn()
        noisy.without_noise().to_sklearn()

    def test_what_is_no_mixture_of_theirs(self):
        with pytest.raises(TypeError, match=r"must be a fitted sklearn\.mixture\.GaussianMixture; got str"):
            GaussianMixture.from_sklearn("model")
        with pytest.raises(TypeError, match="got BayesianGaussianMixture"):
            GaussianMixture.from_sklearn(theirs.BayesianGaussianMixture())
        with pytest.raises(NotFittedError):
            GaussianMixture.from_sklearn(theirs.GaussianMixture())
        with pytest.raises(NotFittedError):
            GaussianMixture().to_sklearn()

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("weights_", lambda a: a * 0.5, "should be normalized"),
            ("means_", lambda a: a * np.nan, "NaN"),
            ("covariances_", lambda a: -a, "positive"),
            ("covariances_", lambda a: 2.0 * a, "precisions_cholesky_ contradicts"),
            ("precisions_cholesky_", lambda a: a[:1], "precisions_cholesky_ has shape"),
        ],
    )
    def test_attributes_that_contradict_each_other(self, name, change, message):
        model = fitted("full")
        setattr(model, name, change(getattr(model, name)))
        with pytest.raises(ValueError, match=message):
            GaussianMixture.from_sklearn(model)


class TestBayesian:
    @pytest.mark.parametrize("covariance_type", STRUCTURES)
    @pytest.mark.parametrize("kind", TYPES)
    def test_the_posterior_comes_and_goes(self, covariance_type, kind):
        model = theirs.BayesianGaussianMixture(
            n_components=3, covariance_type=covariance_type, weight_concentration_prior_type=kind, random_state=0,
            max_iter=300, mean_prior=X.mean(axis=0) + 0.1,
        ).fit(X)  # fmt: skip
        mixture = BayesianGaussianMixture.from_sklearn(model)
        again = mixture.to_sklearn()
        for name in set(vars(model)) - {"lower_bounds_", "lower_bound_"}:
            mine, its = getattr(again, name), getattr(model, name)
            if isinstance(its, (np.ndarray, tuple, float)):
                np.testing.assert_allclose(mine, its, rtol=1e-12, err_msg=name)
            else:
                assert mine is its or np.array_equal(mine, its), name
        assert_same(through_json(mixture), mixture)
        # Their expected log-determinant is of another distribution but for 'full': a number for each component.
        d, K, nu = 4, 3, np.broadcast_to(model.degrees_of_freedom_, 3)

        def wishart(nu, size):
            return digamma(0.5 * (nu[:, None] - np.arange(size))).sum(axis=1) - size * np.log(0.5 * nu)

        ours = {
            "full": wishart(nu, d), "tied": wishart(K * nu, d), "diag": d * wishart(nu, 1),
            "spherical": d * wishart(d * nu, 1),
        }[covariance_type]  # fmt: skip
        shift = 0.5 * (ours - wishart(nu, d))
        log_joint = model.score_samples(X)[:, None] + np.log(model.predict_proba(X)) + shift
        np.testing.assert_allclose(mixture.score_samples(X), np.logaddexp.reduce(log_joint, axis=1), rtol=0, atol=1e-12)
        if covariance_type in ("full", "tied"):
            np.testing.assert_allclose(mixture.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12)
        if covariance_type == "full":
            np.testing.assert_allclose(mixture.score_samples(X), model.score_samples(X), rtol=0, atol=1e-12)
            assert again.predict(X).tolist() == mixture.predict(X).tolist()

    def test_the_ridge_that_their_scores_leave_out(self):
        mixture = BayesianGaussianMixture(n_components=2, reg_covar=0.01, random_state=0).fit(X)
        theirs_ = mixture.to_sklearn()
        log_joint = mixture.score_samples(X)[:, None] + np.log(mixture.predict_proba(X))
        log_joint += 0.5 * 0.01 * np.trace(mixture.precisions_, axis1=1, axis2=2)
        np.testing.assert_allclose(theirs_.score_samples(X), np.logaddexp.reduce(log_joint, axis=1), atol=1e-12)
        mean = mixture.mean_mixture()
        np.testing.assert_allclose(mean.to_sklearn().score_samples(X), mean.score_samples(X), rtol=0, atol=1e-12)
        again = BayesianGaussianMixture.from_sklearn(theirs_)
        assert again.reg_covar_ == 0.0
        np.testing.assert_allclose(again.predict_proba(X), theirs_.predict_proba(X), rtol=0, atol=1e-12)

    def test_what_is_no_posterior(self):
        model = theirs.BayesianGaussianMixture(n_components=2, random_state=0).fit(X)
        with pytest.raises(TypeError, match=r"sklearn\.mixture\.BayesianGaussianMixture; got GaussianMixture"):
            BayesianGaussianMixture.from_sklearn(fitted("full"))
        other = copy.deepcopy(model)
        other.mean_precision_ = other.mean_precision_ * 2.0
        with pytest.raises(ValueError, match="contradicts mean_precision_"):
            BayesianGaussianMixture.from_sklearn(other)
        other.mean_precision_ = np.zeros(2)
        with pytest.raises(ValueError, match="at least mean_precision_prior_"):
            BayesianGaussianMixture.from_sklearn(other)
        with pytest.raises(NotFittedError):
            BayesianGaussianMixture().to_sklearn()


# ---- dicts


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=2),
    st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=2),
    st.floats(0.0, 1.0),
)
def test_every_bit_is_kept(means, variances, weight):
    mixture = GaussianMixture.from_parameters(
        [weight, 1.0 - weight], np.array(means)[:, None], variances, "spherical", tol=weight
    )
    assert_same(through_json(mixture), mixture)


def with_prior():
    model = GaussianMixture(
        2, covariance_prior=(np.eye(4) / 3.0, 7.1), covariance_type="VEV", random_state=0,
        fixed={"means": [True, False]}, means_init=X[[0, 60]], record_parameters="restarts", on_collapse="restart",
    )  # fmt: skip
    return model.fit(X)


KINDS = {
    "prior": with_prior,
    "noise": lambda: GaussianMixture(2, noise=True, missing="marginalise", reg_covar="auto", random_state=0).fit(X),
    "student": lambda: StudentMixture(2, dof=[3.5, 8.0], covariance_type="tied", random_state=0).fit(X),
    "unfitted course": lambda: random_mixture(0, "diag"),
    "bayesian": lambda: BayesianGaussianMixture(
        n_components=3, mean_prior=X[0], covariance_prior=np.eye(4), random_state=0
    ).fit(X),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_and_settings(kind):
    model = KINDS[kind]()
    again = through_json(model)
    assert type(again) is type(model)
    np.testing.assert_array_equal(
        again.score_samples(X[:, : model.n_features_in_]), model.score_samples(X[:, : model.n_features_in_])
    )
    assert str(again.get_params()) == str(model.get_params()) or kind in ("prior", "student")
    assert again.to_dict() == model.to_dict()


def test_numbers_without_a_name_in_json_and_integers_from_elsewhere():
    description = random_mixture(0, "full").to_dict()
    assert description["arrays"]["lower_bound_"] == "-inf"
    description["arrays"]["means_"] = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert GaussianMixture.from_dict(description).means_.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
    assert all(isinstance(name, str) for name in description)


def deep(n):
    found = []
    for _ in range(n):
        found = [found]
    return found


def _set(part, name, value):
    def change(description):
        (description[part] if part else description)[name] = value

    return change


HOSTILE = [
    (_set(None, "format", "gmm.StudentMixture"), "its format is 'gmm.StudentMixture', not 'gmm.GaussianMixture'"),
    (_set(None, "version", 2), "version 2; this version of gmm reads 1"),
    (_set(None, "version", True), "version True"),
    (_set(None, "version", "1"), "version '1'"),
    (_set(None, "extra", 1), r"unknown keys \['extra'\]"),
    (lambda d: d.pop("settings"), "settings missing"),
    (_set(None, "arrays", []), "arrays is list, not a dict"),
    (_set(None, "arrays", {}), "weights_, means_"),
    (_set("arrays", "colour", [1.0]), r"unknown arrays \['colour'\]"),
    (_set("settings", "colour", 1.0), r"unknown settings \['colour'\]"),
    (_set("settings", "tol", -1.0), "'tol' parameter"),
    (_set("settings", "tol", deep(100_000)), "nested too deeply"),
    (_set("settings", "n_components", 10**12), "n_components is 1000000000000"),
    (_set("settings", "n_threads", 10**9), "n_threads is 1000000000, more than"),
    (_set("arrays", "means_", deep(100_000)), "means_ has more than 3 axes"),
    (_set("arrays", "means_", [[1.0], [2.0, 3.0], [4.0]]), "means_ is ragged"),
    (_set("arrays", "means_", [[1.0, 2.0, [3.0]]] * 3), "means_ holds"),
    (_set("arrays", "means_", "means"), "means_ holds 'means', where numbers belong"),
    (_set("arrays", "means_", [[True] * 3] * 3), "means_ holds True"),
    (_set("arrays", "means_", [[None] * 3] * 3), "means_ holds None"),
    (_set("arrays", "means_", [[10**400] * 3] * 3), "means_ holds an integer of 1329 bits"),
    (_set("arrays", "means_", [["nan"] * 3] * 3), "means_ is not finite"),
    (_set("arrays", "means_", [[math.inf] * 3] * 3), "means_ is not finite"),
    (_set("arrays", "means_", []), "n_components is 3, means_ has shape"),
    (_set("arrays", "means_", [[]] * 3), "weights_|shape|sample"),
    (_set("arrays", "weights_", [0.7, 0.7, 0.7]), "should be normalized"),
    (_set("arrays", "weights_", [1.5, -0.5, 0.0]), r"should be in the range \[0, 1\]"),
    (_set("arrays", "covariances_", [[[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]] * 3), "positive-definite"),
    (_set("arrays", "covariances_", [[[1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]] * 3), "not symmetric"),
    (_set("arrays", "precisions_cholesky_", [np.eye(3).tolist()] * 3), "precisions_cholesky_ contradicts"),
    (_set(None, "restarts_", {}), "restarts_ is dict, not a list"),
    (_set(None, "restarts_", [{"status": "<img src=x>"}]), "restarts_ has a row"),
    (_set(None, "n_iter_", -1), "n_iter_ is -1"),
    (_set(None, "feature_names_in_", ["a"]), "1 feature names for 3 features"),
    (_set(None, "converged_", 1), "converged_ is 1"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), HOSTILE, ids=[message for _, message in HOSTILE])
def test_what_is_no_description_of_a_mixture(change, message):
    description = random_mixture(0, "full").to_dict()
    change(description)
    with pytest.raises(ValueError, match=message) as error:
        GaussianMixture.from_dict(description)
    assert len(str(error.value)) < 700
    assert "description" in str(error.value)


def test_a_number_of_components_that_no_memory_holds():
    description = StudentMixture.from_parameters([1.0], [[0.0]], [[[1.0]]], 5.0).to_dict()
    description["settings"]["n_components"] = 10**15
    with pytest.raises(ValueError, match="n_components is 1000000000000000"):
        StudentMixture.from_dict(description)


def test_what_is_no_dict():
    text = json.dumps(random_mixture(0, "full").to_dict())
    with pytest.raises(TypeError, match="must be a dict; got str; json"):
        GaussianMixture.from_dict(text)
    with pytest.raises(TypeError, match="must be a dict; got NoneType"):
        GaussianMixture.from_dict(None)
    with pytest.raises(NotFittedError):
        GaussianMixture().to_dict()
    broken = random_mixture(0, "full")
    broken.precisions_cholesky_ = broken.precisions_cholesky_ * 2.0
    with pytest.raises(ValueError, match="contradicts covariances_"):
        broken.to_dict()


# ---- mclust

# The names that em() and mvn() of mclust give the variance of each model, from the source of its version 6.1.3.
NAMES = {
    "EII": "sigma Sigma sigmasq scale", "VII": "sigma sigmasq scale", "EEI": "sigma Sigma scale shape",
    "VEI": "sigma scale shape", "EVI": "sigma scale shape", "VVI": "sigma scale shape",
    "EEE": "sigma Sigma cholSigma", "VEE": "sigma scale shape orientation", "EVE": "sigma scale shape orientation",
    "VVE": "sigma scale shape orientation", "EEV": "sigma scale shape orientation",
    "VEV": "sigma scale shape orientation", "EVV": "sigma scale shape orientation", "VVV": "sigma cholsigma",
    "XXX": "sigma Sigma cholSigma cholsigma", "XXI": "sigma Sigma scale shape", "XII": "sigma Sigma sigmasq scale",
    "E": "sigmasq", "V": "sigmasq", "X": "sigmasq",
}  # fmt: skip


@pytest.fixture(scope="module")
def mclust_lists():
    """(mixture, its list) of each model, through JSON."""
    found = {}
    for name in FOURTEEN:
        mixture = GaussianMixture(2, covariance_type=name, random_state=0).fit(X)
        found[name] = mixture, json.loads(json.dumps(mixture.to_mclust(), default=np.ndarray.tolist))
    return found


@pytest.mark.parametrize("name", FOURTEEN)
def test_a_list_has_the_parts_that_mclust_gives_it(mclust_lists, name):
    mixture, parameters = mclust_lists[name]
    variance = {key: np.asarray(value) for key, value in parameters["variance"].items()}
    assert set(variance) == {"modelName", "d", "G", *NAMES[name].split()}
    assert np.shape(parameters["mean"]) == (4, 2)
    for k in range(2):
        sigma = variance["sigma"][:, :, k]
        np.testing.assert_array_equal(sigma, mixture.covariances_[k])
        for key in {"cholsigma", "cholSigma"} & set(variance):  # upper triangular R with RᵀR
            R = variance[key] if key == "cholSigma" else variance[key][:, :, k]
            np.testing.assert_allclose(R.T @ R, sigma, rtol=1e-12, atol=1e-12)
            assert not np.tril(R, -1).any()
        if "shape" in variance:
            scale = variance["scale"] if variance["scale"].ndim == 0 else variance["scale"][k]
            shape = variance["shape"] if variance["shape"].ndim == 1 else variance["shape"][:, k]
            axes = variance.get("orientation", np.eye(4))
            axes = axes if axes.ndim == 2 else axes[:, :, k]
            assert np.prod(shape) == pytest.approx(1.0, rel=1e-10)
            np.testing.assert_allclose(axes @ np.diag(scale * shape) @ axes.T, sigma, rtol=1e-9, atol=1e-10)
            assert scale == pytest.approx(np.linalg.det(sigma) ** 0.25, rel=1e-9)
            letters = {"scale": 0, "shape": 1, "orientation": 2}
            for part, place in letters.items():
                if part in variance:
                    assert (variance[part].ndim > place) == (name[place] == "V"), part
        if "sigmasq" in variance:
            np.testing.assert_allclose(np.diag(sigma), np.broadcast_to(variance["sigmasq"], 2)[k], rtol=1e-14)


@pytest.mark.parametrize("name", FOURTEEN)
def test_a_mixture_comes_back_of_each_part_that_says_its_covariances(mclust_lists, name):
    mixture, parameters = mclust_lists[name]
    again = GaussianMixture.from_mclust({"parameters": parameters, "loglik": 1.0}, random_state=3)
    assert (again.covariance_type, again.random_state) == (name, 3)
    np.testing.assert_array_equal(again.covariances_, mixture.covariances_)
    np.testing.assert_array_equal(again.means_, mixture.means_)
    matrices = {"sigma", "Sigma", "cholsigma", "cholSigma", "sigmasq"} & set(parameters["variance"])
    ways = [{key} for key in matrices] + [{"scale", "shape", "orientation"}] * ("shape" in parameters["variance"])
    for way in ways:
        variance = {key: parameters["variance"][key] for key in parameters["variance"] if key in way}
        found = GaussianMixture.from_mclust(parameters | {"variance": {"modelName": [name], "G": [2], **variance}})
        np.testing.assert_allclose(found.score_samples(X), mixture.score_samples(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "name"), [("full", "XXX"), ("tied", "XXX"), ("diag", "XXI"), ("EVI", "XXI"), ("spherical", "XII")]
)
def test_one_component(kind, name):
    mixture = GaussianMixture(1, covariance_type=kind).fit(X)
    parameters = mixture.to_mclust()
    assert set(parameters["variance"]) == {"modelName", "d", "G", *NAMES[name].split()}
    assert parameters["variance"]["modelName"] == name
    again = GaussianMixture.from_mclust(parameters)
    np.testing.assert_allclose(again.score_samples(X), mixture.score_samples(X), rtol=1e-12)
    assert again.n_parameters_ == mixture.n_parameters_


@pytest.mark.parametrize(
    ("kind", "n", "name"),
    [
        ("tied", 2, "E"),
        ("E", 2, "E"),
        ("full", 2, "V"),
        ("diag", 2, "V"),
        ("V", 2, "V"),
        ("full", 1, "X"),
        ("tied", 1, "X"),
    ],
)
def test_one_feature(kind, n, name):
    mixture = GaussianMixture(n, covariance_type=kind, random_state=0).fit(X[:, 2:3])
    parameters = mixture.to_mclust()
    assert parameters["variance"]["modelName"] == name
    assert parameters["mean"].shape == (n,)
    assert np.shape(parameters["variance"]["sigmasq"]) == ((n,) if name == "V" else ())
    again = GaussianMixture.from_mclust(parameters)
    np.testing.assert_allclose(again.score_samples(X[:, 2:3]), mixture.score_samples(X[:, 2:3]), rtol=1e-12)
    assert again.n_parameters_ == mixture.n_parameters_


def test_noise_goes_there_and_does_not_come_back():
    mixture = GaussianMixture(2, noise=True, random_state=0).fit(X)
    parameters = mixture.to_mclust()
    assert parameters["pro"].shape == (3,)
    assert parameters["pro"].sum() == pytest.approx(1.0)
    assert parameters["Vinv"] == pytest.approx(1.0 / mixture.noise_volume_)
    with pytest.raises(ValueError, match="parameters have noise"):
        GaussianMixture.from_mclust(parameters)


def test_equal_weights_where_mclust_leaves_them_out():
    parameters = random_mixture(0, "full").to_mclust()
    del parameters["pro"]
    parameters["Vinv"] = {}  # R's NULL, by way of jsonlite
    np.testing.assert_allclose(GaussianMixture.from_mclust(parameters).weights_, 1.0 / 3.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.update(colour=1), r"parameters has unknown parts \['colour'\]"),
        (lambda p: p["variance"].update(colour=1), r"variance has unknown parts \['colour'\]"),
        (lambda p: p.update(variance=7), "variance must be a dict; got int"),
        (lambda p: p["variance"].update(modelName="full"), "must be the name of a model of mclust; got 'full'"),
        (lambda p: p["variance"].update(modelName=["VVV", "EEE"]), "must be the name of a model of mclust"),
        (lambda p: p["variance"].update(modelName="XXX"), "'XXX' is of one component, and mean has 3"),
        (lambda p: p["variance"].update(modelName="EEE"), "covariances are not those of|EEE"),
        (lambda p: p["variance"].update(modelName="V"), "is for one feature"),
        (lambda p: p["variance"].update(d=2), "variance\\['d'\\] is 2, and mean says 3"),
        (lambda p: p["variance"].update(G=[10**9]), "mean says 3"),
        (lambda p: p.pop("mean"), "mean missing"),
        (lambda p: p.update(mean="far"), "mean holds 'far'"),
        (lambda p: p.update(mean=np.array([["a"]])), "mean must hold numbers"),
        (lambda p: p.update(mean=np.full((3, 3), np.nan)), "mean must be finite"),
        (lambda p: p.update(mean=np.zeros((3, 3, 3))), "mean must have shape"),
        (lambda p: p.update(mean=np.zeros((30_000, 1))), "variance\\['d'\\]"),
        (lambda p: p.update(pro=[0.5, 0.5]), "should have the shape of"),
        (lambda p: p.update(pro=[0.5, 0.5, 0.5]), "should be normalized"),
        (lambda p: p["variance"].update(sigma=np.eye(3)[:2]), "sigma must have shape"),
        (lambda p: p["variance"]["cholsigma"].__imul__(2.0), "cholsigma gives other covariances than sigma"),
        (lambda p: p["variance"].update(cholsigma=np.ones((3, 3, 3))), "must be upper triangular"),
        (lambda p: p["variance"].update(sigma=-p["variance"]["sigma"], cholsigma=None), "positive-definite"),
        (lambda p: p["variance"].update(sigma=None, cholsigma=[]), "variance has neither sigma"),
        (lambda p: p["variance"].update(shape=np.ones(3)), "scale missing"),
        (lambda p: p["variance"].update(shape=np.ones(2), scale=1.0), "shape must have shape"),
        (lambda p: p["variance"].update(sigmasq=[1.0, 2.0]), "sigmasq must be a number or 3 of them"),
        (lambda p: p["variance"].update(shape=np.ones(3), scale=1.0, orientation=np.eye(2)), "orientation must have"),
    ],
)  # fmt: skip
def test_lists_that_are_no_mixture(change, message):
    parameters = random_mixture(0, "full").to_mclust()
    change(parameters)
    with pytest.raises(ValueError, match=message):
        GaussianMixture.from_mclust(parameters)


def test_lists_of_sizes_that_no_memory_holds():
    huge = {"mean": np.zeros((20_000, 1)), "variance": {"modelName": "EII", "sigmasq": 1.0}}
    with pytest.raises(ValueError, match="too many"):
        GaussianMixture.from_mclust(huge)
    with pytest.raises(TypeError, match="must be a dict; got list"):
        GaussianMixture.from_mclust([1.0])


# ---- files of this version, which every later one reads


def _stored_gaussian():
    covariances = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 4.0]]])
    return [0.25, 0.75], [[0.0, 1.0], [3.0, -1.0]], covariances


def _log_density(kind, points):
    """Of the stored mixtures, by SciPy."""
    weights, means, covariances = _stored_gaussian()
    if kind == "fourteen":
        covariances = np.array([np.diag([2.0, 0.5]), np.diag([0.5, 2.0])])
    if kind == "student":
        terms = [
            multivariate_t(m, c, df=v).logpdf(points) for m, c, v in zip(means, covariances, (3.0, 8.0), strict=True)
        ]
    else:
        terms = [multivariate_normal(m, c).logpdf(points) for m, c in zip(means, covariances, strict=True)]
    found = np.logaddexp(terms[0] + np.log(weights[0]), terms[1] + np.log(weights[1]))
    return np.logaddexp(np.log(0.8) + found, np.log(0.2 / 40.0)) if kind == "noise" else found


@pytest.mark.parametrize("form", ["gmm", "json"])
@pytest.mark.parametrize("kind", ["gaussian", "fourteen", "noise", "student"])
def test_files_of_version_1_are_read(kind, form):
    cls = StudentMixture if kind == "student" else GaussianMixture
    path = STORED / f"{kind}_1.{form}"
    model = cls.load(path) if form == "gmm" else cls.from_dict(json.loads(path.read_text()))
    points = np.array([[0.0, 0.0], [1.5, 2.0], [3.0, -1.0], [-7.0, 5.0]])
    np.testing.assert_allclose(model.score_samples(points), _log_density(kind, points), rtol=1e-12)
    assert (model.tol, model.random_state, model.converged_) == (0.125, 7, False)


@pytest.mark.parametrize("form", ["gmm", "json"])
def test_a_bayesian_file_of_version_1_is_read(form):
    path, cls = STORED / f"bayesian_1.{form}", BayesianGaussianMixture
    model = cls.load(path) if form == "gmm" else cls.from_dict(json.loads(path.read_text()))
    assert (model.mean_precision_prior_, model.degrees_of_freedom_prior_) == (1.5, 3.0)
    np.testing.assert_allclose(model.counts_, [20.0, 30.0])
    np.testing.assert_allclose(model.weight_concentration_, [20.5, 30.5])
    np.testing.assert_allclose(model.mean_prior_, [1.0, 2.0])
    log_weights = digamma([20.5, 30.5]) - digamma(51.0)
    points = np.array([[0.0, 0.0], [3.0, -2.0]])
    terms = []
    for k, (mean, covariance) in enumerate(zip(*_stored_gaussian()[1:], strict=True)):
        nu, beta = 3.0 + (20.0, 30.0)[k], 1.5 + (20.0, 30.0)[k]
        log_det = digamma(0.5 * nu) + digamma(0.5 * (nu - 1.0)) - 2.0 * math.log(0.5 * nu)
        terms.append(multivariate_normal(mean, covariance).logpdf(points) + 0.5 * log_det - 1.0 / beta + log_weights[k])
    np.testing.assert_allclose(model.score_samples(points), np.logaddexp(*terms), rtol=1e-12)


def write_stored():
    """Write the stored files; called by hand, once for each version of the format."""
    STORED.mkdir(exist_ok=True)
    settings = {"tol": 0.125, "random_state": 7}
    weights, means, covariances = _stored_gaussian()
    gaussian = GaussianMixture.from_parameters(weights, means, covariances, **settings)
    diagonals = [np.diag([2.0, 0.5]), np.diag([0.5, 2.0])]
    noise = GaussianMixture.from_parameters(weights, means, covariances, **settings, noise=True)
    noise.weights_ = 0.8 * noise.weights_
    noise.noise_weight_, noise.noise_box_ = 0.2, gmm.learning.Box(np.zeros(2), np.eye(2), np.array([5.0, 8.0]))
    bayesian = theirs.BayesianGaussianMixture(
        n_components=2, weight_concentration_prior_type="dirichlet_distribution", mean_precision_prior=1.5,
        degrees_of_freedom_prior=3.0, mean_prior=[1.0, 2.0], covariance_prior=np.eye(2), tol=0.125, random_state=7,
    )  # fmt: skip
    factors = gaussian.precisions_cholesky_
    vars(bayesian).update(
        weights_=np.array([20.5, 30.5]) / 51.0, means_=gaussian.means_, covariances_=covariances,
        precisions_cholesky_=factors,
        precisions_=gaussian.precisions_, weight_concentration_prior_=0.5, weight_concentration_=np.array([20.5, 30.5]),
        mean_precision_prior_=1.5, mean_precision_=np.array([21.5, 31.5]), mean_prior_=np.array([1.0, 2.0]),
        degrees_of_freedom_prior_=3.0, degrees_of_freedom_=np.array([23.0, 33.0]), covariance_prior_=np.eye(2),
        converged_=False, n_iter_=0, lower_bound_=-np.inf, lower_bounds_=[],
    )  # fmt: skip
    models = {
        "gaussian": gaussian,
        "fourteen": GaussianMixture.from_parameters(weights, means, diagonals, "EVI", **settings),
        "noise": noise,
        "student": StudentMixture.from_parameters(weights, means, covariances, [3.0, 8.0], **settings),
        "bayesian": BayesianGaussianMixture.from_sklearn(bayesian),
    }
    for name, model in models.items():
        model.save(STORED / f"{name}_1.gmm")
        (STORED / f"{name}_1.json").write_text(json.dumps(model.to_dict(), indent=1) + "\n")


def test_sigmasq_beside_a_shape_is_the_volume():
    """R's Mclust writes VVI with sigmasq = scale, which no other diagonal model has."""
    covariances = [np.diag([4.0, 1.0]), np.diag([0.5, 8.0])]
    given = GaussianMixture.from_parameters([0.3, 0.7], [[0.0, 1.0], [5.0, 2.0]], covariances, "VVI").to_mclust()
    given["variance"]["sigmasq"] = given["variance"]["scale"]
    again = GaussianMixture.from_mclust(given)
    np.testing.assert_allclose(again._parameters().matrices, covariances, rtol=1e-14)
    given["variance"]["sigmasq"] = given["variance"]["scale"] * 1.01
    with pytest.raises(ValueError, match="contradicts itself"):
        GaussianMixture.from_mclust(given)
