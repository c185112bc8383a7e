"""mclust's models in the estimator: all that a mixture can do, they can."""

import re

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import gmm
from gmm import GaussianMixture, learning
from gmm.learning import FOURTEEN, ONE_FEATURE


@pytest.fixture(scope="module")
def iris():
    return gmm.datasets.load_iris().X


@pytest.fixture(scope="module")
def fits(iris):
    settings = {"random_state": 0, "tol": 1e-9, "max_iter": 2000, "reg_covar": 1e-6}
    return {name: GaussianMixture(2, covariance_type=name, **settings).fit(iris) for name in FOURTEEN}


def test_bic_is_that_of_mclust(iris):
    """Fraley & Raftery's choice for the irises and mclust's for Old Faithful: -561.728 and -2314.316 in its sign."""
    settings = {"random_state": 0, "tol": 1e-10, "max_iter": 2000, "reg_covar": 0.0}
    vev = GaussianMixture(2, covariance_type="VEV", **settings).fit(iris)
    assert vev.bic(iris) == pytest.approx(561.7285, abs=1e-4)
    assert vev.n_parameters_ == 26
    X = gmm.datasets.load_old_faithful().X
    eee = GaussianMixture(3, covariance_type="EEE", init_params="kmeans_standardised", **settings).fit(X)
    assert eee.bic(X) == pytest.approx(2314.316, abs=0.03)  # mclust stops when ℓ changes by less than a 1e-5th
    assert eee.n_parameters_ == 11


@pytest.mark.parametrize("name", FOURTEEN)
def test_what_covariances_are_made_of(fits, name):
    mixture = fits[name]
    assert mixture.covariances_.shape == mixture.precisions_.shape == mixture.precisions_cholesky_.shape == (2, 4, 4)
    assert (mixture.volume_.shape, mixture.shape_.shape, mixture.orientation_.shape) == ((2,), (2, 4), (2, 4, 4))
    made = np.einsum("k,kij,kj,klj->kil", mixture.volume_, mixture.orientation_, mixture.shape_, mixture.orientation_)
    np.testing.assert_allclose(made, mixture.covariances_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(mixture.shape_.prod(axis=1), 1.0)
    assert np.allclose(*mixture.volume_) == (name[0] == "E")
    assert np.allclose(*mixture.shape_, rtol=1e-6) == (name[1] != "V")
    assert np.allclose(*np.abs(mixture.orientation_), atol=1e-4) == (name[2] != "V")
    if name[2] == "I":
        np.testing.assert_array_equal(mixture.orientation_[0], np.eye(4))
    P = mixture.precisions_cholesky_
    np.testing.assert_allclose(
        P @ np.swapaxes(P, 1, 2) @ mixture.covariances_, np.tile(np.eye(4), (2, 1, 1)), atol=1e-9
    )
    assert not np.tril(P, -1).any()
    counted = {"EII": 1, "VII": 2, "EEI": 4, "VEI": 5, "EVI": 7, "VVI": 8, "EEE": 10, "VEE": 11, "EVE": 13, "VVE": 14,
               "EEV": 16, "VEV": 17, "EVV": 19, "VVV": 20}  # fmt: skip
    assert mixture.n_parameters_ == counted[name] + 8 + 1


def test_the_four_have_them_too(iris):
    for name, other in (("VVV", "full"), ("EEE", "tied"), ("VVI", "diag"), ("VII", "spherical")):
        ours, theirs = (GaussianMixture(2, covariance_type=kind, random_state=0).fit(iris) for kind in (name, other))
        np.testing.assert_allclose(ours.volume_, theirs.volume_, rtol=1e-12)
        np.testing.assert_allclose(ours.shape_, theirs.shape_, rtol=1e-12)
        np.testing.assert_allclose(ours.orientation_, theirs.orientation_, atol=1e-9)
        np.testing.assert_array_equal(ours.score_samples(iris), theirs.score_samples(iris))
    with pytest.raises(NotFittedError):
        _ = GaussianMixture().volume_


@pytest.mark.parametrize("name", FOURTEEN)
def test_they_do_what_mixtures_do(fits, name, iris, tmp_path):
    mixture = fits[name]
    full = GaussianMixture.from_parameters(mixture.weights_, mixture.means_, mixture.covariances_)
    np.testing.assert_allclose(mixture.score_samples(iris), full.score_samples(iris), rtol=1e-8)
    X, labels = mixture.sample(20_000, random_state=1)
    for k in range(2):
        scale = np.sqrt(np.diag(mixture.covariances_[k]))
        difference = np.cov(X[labels == k].T) - mixture.covariances_[k]
        assert np.abs(difference / scale / scale[:, None]).max() < 0.08
    mixture.save(tmp_path / "mixture.npz")
    loaded = GaussianMixture.load(tmp_path / "mixture.npz")
    np.testing.assert_array_equal(loaded.precisions_cholesky_, mixture.precisions_cholesky_)
    np.testing.assert_array_equal(loaded.predict_proba(iris), mixture.predict_proba(iris))
    for way in ("marginal", "conditional"):
        given = ([0, 2],) if way == "marginal" else ([1, 3], [3.0, 1.0])
        ours, theirs = (getattr(one, way)(*given) for one in (mixture, full))
        np.testing.assert_allclose(
            ours.score_samples(iris[:, [0, 2]]), theirs.score_samples(iris[:, [0, 2]]), rtol=1e-7
        )
    np.testing.assert_allclose(
        mixture.conditional_moments(0, iris[:, :1]).mean, full.conditional_moments(0, iris[:, :1]).mean
    )
    divergence = gmm.mixture_kl_divergence(mixture, full, n_samples=100, random_state=0)
    assert abs(divergence.estimate) < 1e-8
    ordered = mixture.sorted(by=0)
    np.testing.assert_array_equal(ordered.covariances_, mixture.covariances_[np.argsort(mixture.means_[:, 0])])
    assert repr(name) in repr(mixture.summary(iris))
    assert mixture.icl(iris) >= mixture.bic(iris)
    moved = mixture.adapt(iris + 0.1)
    assert moved.covariance_type == name
    again = GaussianMixture(
        2, covariance_type=name, weights_init=mixture.weights_, means_init=mixture.means_,
        precisions_init=mixture.precisions_, tol=1e-9,
    ).fit(iris)  # fmt: skip
    assert again.n_iter_ <= 3
    assert again.lower_bound_ == pytest.approx(mixture.lower_bound_, abs=1e-8)


def test_ellipses_are_drawn_of_them(iris):
    from gmm import plot

    mixture = GaussianMixture(2, covariance_type="VEV", random_state=0).fit(iris[:, :2])
    ax = plot.ellipses(mixture)
    assert len(ax.patches) == 4
    plot.ellipses(mixture.means_, mixture.covariances_, covariance_type="VEV", ax=ax)
    assert len(ax.patches) == 8
    mixture.plot(iris[:, :2])


@pytest.mark.parametrize("name", FOURTEEN)
def test_priors_weights_warm_starts_and_fixed_parameters(name, iris):
    weights = np.random.default_rng(0).integers(1, 3, size=len(iris))
    settings = {
        "covariance_type": name,
        "covariance_prior": "default",
        "random_state": 0,
        "tol": 1e-8,
        "max_iter": 1000,
    }
    weighted = GaussianMixture(3, **settings).fit(iris, sample_weight=weights)
    assert np.diff(weighted.lower_bounds_).min() > -1e-12
    once = GaussianMixture(2, covariance_type=name, random_state=0, warm_start=True).fit(iris)
    with pytest.warns(ConvergenceWarning):
        once.set_params(max_iter=1, tol=0.0).fit(iris)
    assert once.lower_bound_ >= GaussianMixture(2, covariance_type=name, random_state=0).fit(iris).lower_bound_
    fixed = GaussianMixture(
        2, covariance_type=name, fixed={"covariances": True}, weights_init=once.weights_, means_init=once.means_ + 0.1,
        precisions_init=once.precisions_,
    ).fit(iris)  # fmt: skip
    np.testing.assert_allclose(fixed.covariances_, once.covariances_, rtol=1e-9, atol=1e-12)
    free = GaussianMixture(
        2, covariance_type=name, fixed={"means": True}, weights_init=once.weights_, means_init=once.means_ + 0.1,
        precisions_init=once.precisions_, reg_covar=0.0,
    ).fit(iris)  # fmt: skip
    np.testing.assert_array_equal(free.means_, once.means_ + 0.1)
    assert np.diff(free.lower_bounds_).min() > -1e-12
    if "E" in name:
        with pytest.raises(ValueError, match=r"fixed\['covariances'\] must be all or none where the components share"):
            fixed.set_params(fixed={"covariances": [True, False]}).fit(iris)
    else:
        fixed.set_params(fixed={"covariances": [True, False]}).fit(iris)
        np.testing.assert_allclose(fixed.covariances_[0], once.covariances_[0], rtol=1e-9, atol=1e-12)


def test_starts_of_all_kinds(iris):
    for name in ("EII", "VEI", "EEE", "VEE", "EVE", "VEV"):
        for init_params in ("kmeans_standardised", "k-means++", "random_points", "random_from_data", "random"):
            with np.errstate(all="raise", under="ignore"):
                mixture = GaussianMixture(
                    2, covariance_type=name, init_params=init_params, random_state=0, max_iter=500
                ).fit(iris)
            assert np.diff(mixture.lower_bounds_).min() > -1e-9
            learning.structure_of(name).check(mixture.covariances_, "covariances")


def test_names_for_another_number_of_features_are_refused(iris):
    for name in FOURTEEN:
        with pytest.raises(ValueError, match=f"covariance_type='{name}' is for two features or more.*take 'E'.*or 'V'"):
            GaussianMixture(2, covariance_type=name).fit(iris[:, :1])
    for name in ONE_FEATURE:
        with pytest.raises(ValueError, match=f"covariance_type='{name}' is for one feature, and there are 4"):
            GaussianMixture(2, covariance_type=name).fit(iris)
        with pytest.raises(ValueError, match="is for one feature"):
            gmm.select(iris, [1], ["full", name])
        with pytest.raises(ValueError, match="is for one feature"):
            GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], np.eye(2)[None], name)
        mixture = GaussianMixture(2, covariance_type=name, random_state=0, reg_covar=0.0, tol=1e-9).fit(iris[:, 2:3])
        other = GaussianMixture(
            2, covariance_type={"E": "tied", "V": "full"}[name], random_state=0, reg_covar=0.0, tol=1e-9
        )
        np.testing.assert_array_equal(mixture.lower_bounds_, other.fit(iris[:, 2:3]).lower_bounds_)
        assert mixture.covariances_.shape == (2, 1, 1)
        np.testing.assert_allclose(mixture.volume_, mixture.covariances_[:, 0, 0])
        x = np.linspace(1, 7, 5)[:, None]
        np.testing.assert_allclose(mixture.cdf(x) + mixture.cdf(x, upper=True), 1.0)
        np.testing.assert_allclose(mixture.cdf(x), other.cdf(x))


def test_parameters_outside_the_model_are_refused(iris, fits):
    free = fits["VVV"]
    with pytest.raises(
        ValueError, match="covariances are not those of a mixture with covariance_type='VEV': their shapes"
    ):
        GaussianMixture.from_parameters(free.weights_, free.means_, free.covariances_, "VEV")
    with pytest.raises(ValueError, match=r"precisions_init are not those of a mixture .*'EVV': their volumes differ"):
        GaussianMixture(2, covariance_type="EVV", precisions_init=free.precisions_).fit(iris)
    with pytest.raises(ValueError, match=re.escape("should have the shape of (2, 4, 4), but got (2, 4)")):
        GaussianMixture(2, covariance_type="VVI", precisions_init=np.ones((2, 4))).fit(iris)


def test_select_takes_all_names(iris):
    found = gmm.select(iris, [2, 3], "fourteen", random_state=0, n_init=2)
    assert found.covariance_types == FOURTEEN
    assert (found.best_row_["covariance_type"], found.best_row_["n_components"]) == ("VEV", 2)
    assert found.best_row_["bic"] == pytest.approx(561.73, abs=0.05)
    counted = dict(zip(zip(found.table["covariance_type"], found.table["n_components"]), found.table["n_parameters"]))
    assert counted["VEV", 2] == 26
    assert counted["EVE", 3] == 30
    line = gmm.select(iris[:, 2:3], [1, 2], "fourteen", random_state=0, n_init=1)
    assert line.covariance_types == ("E", "V")
    mixed = gmm.select(iris, [2], ["full", "VVV", "EEE"], random_state=0, n_init=1, sample_weight=np.ones(len(iris)))
    assert mixed.table["bic"][0] == mixed.table["bic"][1]
    with pytest.raises(ValueError, match=r"covariance_types must be 'fourteen' or among .*'VVV'.*; got 'XYZ'"):
        gmm.select(iris, [2], ["VVV", "XYZ"])
    with pytest.raises(ValueError, match="got 'fourteen'"):
        gmm.select(iris, [2], ["full", "fourteen"])


def test_a_likelihood_of_too_few_samples_is_never_ranked():
    """Of a pair of samples ten structures make a component with a regular covariance, four do not."""
    rng = np.random.default_rng(0)
    pair = np.array([[30.0, 30.0, 30.0], [30.5, 29.0, 30.2]])
    X = np.concatenate([rng.normal(size=(80, 3)), pair])
    means = np.array([np.zeros(3), pair.mean(axis=0)])
    start = {"weights_init": [80 / 82, 2 / 82], "means_init": means, "tol": 1e-8}
    needed = {name: learning.structure_of(name).samples_needed(3) for name in FOURTEEN}
    assert {name for name in FOURTEEN if needed[name] == 1} == {"EII", "EEI", "EEE", "EEV"}
    assert {name for name in FOURTEEN if needed[name] == 4} == {"EVE", "VVE", "EVV", "VVV"}
    for name in FOURTEEN:
        try:
            mixture = GaussianMixture(2, covariance_type=name, reg_covar=0.0, random_state=0, **start).fit(X)
            regular = bool(np.linalg.cond(mixture.covariances_).max() < 1e8)
        except gmm.CollapsedComponentError:
            regular = False
        if name not in ("EVE", "VVE"):  # whose axes need not find the direction without variance
            assert regular == (needed[name] <= 2), name
    table = gmm.select(X, [2], "fourteen", random_state=0, n_init=3).table
    for row in table:
        assert (row["status"] == "ok") == (needed[row["covariance_type"]] <= 2)
        assert np.isnan(row["bic"]) == bool(row["reason"])


def test_a_callback_and_a_history_see_the_parameters(iris):
    seen = []
    mixture = GaussianMixture(
        2, covariance_type="VEE", random_state=0, record_parameters=True,
        callback=lambda iteration, value, parameters: seen.append(parameters.covariances.shape),
    ).fit(iris)  # fmt: skip
    assert set(seen) == {(2, 4, 4)}
    assert mixture.history_.parameters[0].covariances.shape == (2, 4, 4)
    plain = GaussianMixture(2, covariance_type="VEE", random_state=0).fit(iris)
    np.testing.assert_array_equal(plain.covariances_, mixture.covariances_)
