"""Every start leaves a row in `restarts_`; whitened k-means and random points with identity covariances as starts."""

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from gmm import GaussianMixture, datasets, learning
from gmm.engine import passes
from gmm.estimators import CollapsedComponentError, CollapsedComponentWarning
from gmm.estimators._initialise import whitened

OUTCOME = ["initialisation", "attempt", "lower_bound", "n_iter", "converged", "status", "best", "reason"]


@pytest.fixture
def uneven():
    """Data on which random starts end in several optima, one of them a spike: (X, K)."""
    rng = np.random.default_rng(8)
    centres = [[0, 0], [4, 0], [0, 4], [4, 4], [10, 2]]
    groups = zip(centres, (40, 40, 40, 40, 100), strict=True)
    return np.vstack([rng.normal(centre, 0.6, size=(size, 2)) for centre, size in groups]), 5


def spiky():
    """Two groups and a location that six samples share, which 'random_points' find now and then."""
    rng = np.random.default_rng(3)
    return np.r_[rng.normal(size=(60, 2)), rng.normal(7.0, 1.0, size=(60, 2)), np.full((6, 2), 3.5)]


def fitted(X, n_components, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(n_components, **{"random_state": 0, "max_iter": 500} | settings).fit(X)


# ------------------------------------------------------------------------------------- the table of outcomes


def test_the_best_row_is_the_fit(uneven, covariance_type):
    X, K = uneven
    model = fitted(X, K, n_init=12, init_params="random_from_data", covariance_type=covariance_type)
    table = model.restarts_
    assert list(table.columns) == OUTCOME
    assert table["initialisation"].tolist() == list(range(12))
    assert np.unique(table["lower_bound"].round(3)).size > 1  # or this test could not fail
    (best,) = np.flatnonzero(table["best"])
    assert table["lower_bound"][best] == pytest.approx(table["lower_bound"].max(), rel=1e-12)
    row = table[int(best)]
    assert (row["lower_bound"], row["n_iter"], row["converged"]) == (model.lower_bound_, model.n_iter_, True)


def test_of_equal_fits_the_first_is_kept(uneven):
    X, K = uneven
    start = {"weights_init": np.full(K, 1 / K), "means_init": X[:: len(X) // K][:K], "precisions_init": np.ones(K)}
    for on_collapse in ("raise", "restart"):
        model = fitted(X, K, n_init=3, covariance_type="spherical", on_collapse=on_collapse, **start)
        assert len(set(model.restarts_["lower_bound"])) == 1
        assert model.restarts_["best"].tolist() == [True, False, False]


def test_a_row_is_what_that_start_alone_leads_to(uneven):
    X, K = uneven
    together = fitted(X, K, n_init=6, init_params="random", random_state=np.random.RandomState(5))
    rng = np.random.RandomState(5)  # goes on from start to start
    for row in together.restarts_:
        alone = fitted(X, K, init_params="random", random_state=rng)
        assert (row["lower_bound"], row["n_iter"]) == (alone.lower_bound_, alone.n_iter_)
        assert alone.restarts_["best"].tolist() == [True]


@pytest.mark.parametrize("record_parameters", [True, "restarts"])
def test_recorded_starts_and_ends_belong_together(uneven, record_parameters):
    X, K = uneven
    settings = {"n_init": 5, "init_params": "random_from_data", "tol": 1e-6}
    model = fitted(X, K, **settings, record_parameters=record_parameters)
    assert (model.history_.parameters is None) == (record_parameters == "restarts")
    assert list(model.restarts_.columns) == [*OUTCOME, "start", "parameters"]
    for row in model.restarts_:
        start, end = row["start"], row["parameters"]
        given = {"weights_init": start.weights, "means_init": start.means}
        again = fitted(X, K, **given, precisions_init=learning.precisions(start), tol=1e-6)
        np.testing.assert_allclose(again.means_, end.means, rtol=1e-8, atol=1e-8)
        assert again.lower_bound_ == pytest.approx(row["lower_bound"], rel=1e-9)
        if row["best"]:
            assert end.means is model.means_
            assert end.covariances is model.covariances_
    column = model.restarts_["parameters"]
    assert column.shape == (5,)
    assert column[0].means.shape == (K, 2)
    assert "start" not in repr(model.restarts_)


def test_parameters_are_kept_only_if_asked_for(uneven):
    assert list(fitted(*uneven, n_init=2).restarts_.columns) == OUTCOME


def test_the_same_seed_gives_the_same_table(uneven):
    settings = {"n_init": 4, "init_params": "random"}
    one, two, other = (fitted(*uneven, **settings, random_state=seed).restarts_ for seed in (1, 1, 2))
    assert one.to_frame().equals(two.to_frame())
    assert not one.to_frame().equals(other.to_frame())


def test_a_singular_start_is_a_row_with_its_reason():
    with pytest.warns(CollapsedComponentWarning, match="given up"):
        model = GaussianMixture(
            3, reg_covar=0.0, n_init=8, random_state=0, init_params="random_points", on_collapse="restart",
            record_parameters=True, max_iter=500,
        ).fit(spiky())  # fmt: skip
    table = model.restarts_
    collapsed = [row for row in table if row["status"] == "collapsed"]
    assert collapsed
    assert len(table) == 8 + len(collapsed)  # each was followed by another attempt
    for row in collapsed:
        assert np.isnan(row["lower_bound"])
        assert not row["converged"]
        assert not row["best"]
        assert row["parameters"] is None
        assert "120, 121, 122, 123, 124, 125]" in row["reason"]
        assert f"at iteration {row['n_iter']} of initialisation {row['initialisation']}" in row["reason"]
        (following,) = (
            other
            for other in table
            if (other["initialisation"], other["attempt"]) == (row["initialisation"], row["attempt"] + 1)
        )
        assert following is not None
    kept = [row["reason"] for row in table if row["status"] == "ok"]
    assert kept == [""] * 8


@pytest.mark.parametrize("on_collapse", ["raise", "restart"])
def test_a_start_left_with_the_regularisation_alone_is_a_collapsed_row(on_collapse):
    settings = {"n_init": 8, "init_params": "random_points", "on_collapse": on_collapse}
    table = fitted(spiky(), 3, **settings).restarts_
    collapsed = table["status"] == "collapsed"
    assert collapsed.any()
    assert not collapsed.all()
    assert np.isfinite(table["lower_bound"]).all()
    assert all("left with reg_covar alone" in reason for reason in table["reason"][collapsed])
    # scikit-learn's choice is the highest value, whatever it means; 'restart' looks away from it.
    assert table["lower_bound"].argmax() == np.flatnonzero(collapsed)[table["lower_bound"][collapsed].argmax()]
    assert table["status"][table["best"]].tolist() == ["collapsed" if on_collapse == "raise" else "ok"]
    assert len(table) == (8 if on_collapse == "raise" else 8 + collapsed.sum())


@pytest.mark.parametrize("on_collapse", ["raise", "restart"])
@pytest.mark.parametrize("seed", range(4))
def test_among_equals_the_first_start_stays(seed, on_collapse):
    """Starts that end at one maximum differ in the last bits, which another processor computes otherwise."""
    settings = {"n_init": 8, "init_params": "random", "tol": 1e-10, "max_iter": 2000, "random_state": seed}
    table = fitted(datasets.load_old_faithful().X, 2, on_collapse=on_collapse, **settings).restarts_
    bounds, best = table["lower_bound"], table["best"].argmax()
    rounding = 1e-12 * abs(bounds.max())
    assert (bounds[:best] < bounds[best] - rounding).all()
    assert (bounds[best:] <= bounds[best] + rounding).all()


def test_the_tied_covariance_is_named_as_such():
    X = np.repeat([[0.0, 0.0], [1.0, 5.0], [9.0, 2.0]], 5, axis=0)
    table = fitted(X, 3, covariance_type="tied").restarts_
    assert table["status"].tolist() == ["collapsed"]
    assert table[0]["reason"] == "The tied covariance was left with reg_covar alone."


def test_a_failed_fit_leaves_the_table_of_the_one_before(uneven):
    X, K = uneven
    model = fitted(X, K, n_init=3)
    before = model.restarts_
    model.set_params(reg_covar=0.0, n_components=2)
    with pytest.raises(CollapsedComponentError):
        model.fit(np.r_[X, np.full((3, 2), 900.0)])
    assert model.restarts_ is before


def test_no_fit_no_rows_and_a_warm_start_has_one(uneven):
    X, K = uneven
    assert len(GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]]).restarts_) == 0
    model = fitted(X, K, n_init=4, warm_start=True, max_iter=3)
    assert len(model.restarts_) == 4
    first = model.lower_bound_
    model.fit(X)
    assert len(model.restarts_) == 1
    assert model.restarts_[0]["best"]
    assert model.restarts_[0]["lower_bound"] >= first
    (row,) = fitted(X, K, max_iter=0).restarts_
    assert (row["n_iter"], row["converged"], row["best"], row["lower_bound"]) == (0, False, True, -np.inf)


def test_pickle_clone_and_files(uneven, tmp_path):
    model = fitted(*uneven, n_init=3, init_params="kmeans_whitened", record_parameters="restarts")
    again = pickle.loads(pickle.dumps(model))
    assert repr(again.restarts_) == repr(model.restarts_)
    np.testing.assert_array_equal(again.restarts_["start"][1].means, model.restarts_["start"][1].means)
    assert not hasattr(clone(model), "restarts_")
    model.save(tmp_path / "m")
    loaded = GaussianMixture.load(tmp_path / "m")
    assert list(loaded.restarts_) == [{name: row[name] for name in OUTCOME} for row in model.restarts_]
    pd.testing.assert_frame_equal(loaded.restarts_.to_frame(), model.restarts_.to_frame()[OUTCOME])


def test_a_file_with_rows_that_cannot_be_is_refused_and_one_without_is_read(uneven, tmp_path):
    path = tmp_path / "m.npz"
    fitted(*uneven, n_init=2).save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays.pop("about")))
    rows = about.pop("restarts_")
    np.savez(path, about=np.array(json.dumps(about)), **arrays)
    assert len(GaussianMixture.load(path).restarts_) == 0
    for bad in ([rows[0] | {"n_iter": "many"}], [rows[0] | {"colour": 1}], [3], 3, [{}]):
        np.savez(path, about=np.array(json.dumps(about | {"restarts_": bad})), **arrays)
        with pytest.raises(ValueError, match="is not a mixture saved by"):
            GaussianMixture.load(path)


# ------------------------------------------------------------------------------------- whitened k-means


@pytest.mark.parametrize("n_features", [1, 3])
def test_whitened_data_have_mean_zero_covariance_one_and_mahalanobis_distances(n_features):
    rng = np.random.default_rng(0)
    X = 1e6 + rng.normal(size=(80, n_features)) @ rng.normal(size=(n_features, n_features)) * 10.0 ** np.arange(
        n_features
    )
    weight = rng.uniform(0.5, 3.0, size=80)
    for sample_weight in (None, weight):
        Z = whitened(X, sample_weight)
        np.testing.assert_allclose(np.average(Z, axis=0, weights=sample_weight), 0.0, atol=1e-8)
        covariance = np.cov(Z.T, bias=True, aweights=sample_weight).reshape(n_features, n_features)
        np.testing.assert_allclose(covariance, np.eye(n_features), atol=1e-8)
        inverse = np.linalg.inv(np.cov((X - X[0]).T, bias=True, aweights=sample_weight).reshape(n_features, n_features))
        apart = X[:40] - X[40:]
        mahalanobis = np.einsum("ij,jl,il->i", apart, inverse, apart)
        np.testing.assert_allclose(((Z[:40] - Z[40:]) ** 2).sum(axis=1), mahalanobis, rtol=1e-6)


def test_directions_without_variance_are_left_out():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 50))
    X = np.column_stack([a, 1e9 * b, np.full(50, 7.0), a + 1e-3 * b])  # rank 2
    Z = whitened(X)
    assert Z.shape == (50, 2)
    np.testing.assert_allclose(np.cov(Z.T, bias=True), np.eye(2), atol=1e-6)
    assert whitened(np.ones((5, 3))).tolist() == np.ones((5, 3)).tolist()


@pytest.mark.parametrize(("part", "kept"), [(4e-12, True), (0.25e-12, False)])
def test_a_direction_is_left_out_below_a_trillionth_of_the_largest_variance(part, kept):
    """Two standardised features of correlation 1 - c have the variances 2 - c and c."""
    a, b = np.linalg.qr(np.random.default_rng(2).normal(size=(50, 3)) - 0.0)[0].T[:2]
    a, b = (column - column.mean() for column in (a, b))
    b -= a * (a @ b) / (a @ a)
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    X = np.column_stack([a + np.sqrt(part) * b, a - np.sqrt(part) * b])
    assert np.linalg.svd(X, compute_uv=False)[1] ** 2 == pytest.approx(part * 2 * (a @ a), rel=1e-3)
    assert whitened(X).shape == (50, 1 + kept)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_whitened_kmeans_starts_map_along_with_the_data(overlapping, covariance_type):
    # y = A x + b: the same groups, means mapped by A, covariances by A · Aᵀ. Plain k-means finds other groups.
    X = overlapping[0]
    A, b = np.array([[30.0, 11.0], [-0.4, 0.02]]), np.array([500.0, -3.0])
    Y = X @ A.T + b
    settings = {"covariance_type": covariance_type, "reg_covar": 0.0, "max_iter": 0, "n_init": 1}
    moved = {}
    for init in ("kmeans", "kmeans_whitened"):
        in_x, in_y = (fitted(data, 3, init_params=init, **settings) for data in (X, Y))
        # Up to the order of the components.
        order = ((in_y.means_[:, None] - (in_x.means_ @ A.T + b)) ** 2).sum(axis=2).argmin(axis=0)
        differences = in_y.means_[order] - (in_x.means_ @ A.T + b)
        moved[init] = np.abs(differences).max()
        if init == "kmeans_whitened":
            assert sorted(order) == [0, 1, 2]
            np.testing.assert_allclose(in_y.weights_[order], in_x.weights_, rtol=1e-12)
            mapped = A @ in_x.covariances_ @ A.T
            found = in_y.covariances_ if covariance_type == "tied" else in_y.covariances_[order]
            np.testing.assert_allclose(found, mapped, rtol=1e-8, atol=1e-10 * np.abs(mapped).max())
    assert moved["kmeans_whitened"] < 1e-9
    assert moved["kmeans"] > 0.1


def test_the_whole_fit_from_a_whitened_start_is_the_same_in_any_units(overlapping):
    X = overlapping[0]
    scale = np.array([1e4, 1e-3])
    settings = {"reg_covar": 0.0, "init_params": "kmeans_whitened", "n_init": 4, "max_iter": 200}
    in_x, in_y = (fitted(data, 3, **settings) for data in (X, X * scale))
    np.testing.assert_allclose(
        in_y.restarts_["lower_bound"], in_x.restarts_["lower_bound"] - np.log(scale).sum(), rtol=1e-8
    )
    np.testing.assert_array_equal(in_y.restarts_["n_iter"], in_x.restarts_["n_iter"])


def test_with_one_feature_whitening_changes_nothing():
    x = np.random.default_rng(4).normal(size=(90, 1)) * 3.0 + np.repeat([0.0, 20.0, 50.0], 30)[:, None]
    plain, white = (fitted(x, 3, init_params=init, max_iter=0) for init in ("kmeans", "kmeans_whitened"))
    np.testing.assert_allclose(white.means_, plain.means_, rtol=1e-12)
    np.testing.assert_allclose(white.covariances_, plain.covariances_, rtol=1e-12)


def test_whitened_kmeans_separates_two_long_groups():
    # The picture of chapter 9: k-means cuts both across, on whitened data it does not.
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal([0, side], [10, 1], size=(150, 2)) for side in (-3, 3)])
    side = np.repeat([0, 1], 150)

    def agreement(init):
        labels = fitted(X, 2, init_params=init, max_iter=0).predict(X)
        return max(np.mean(labels == side), np.mean(labels != side))

    assert agreement("kmeans_whitened") > 0.98
    assert agreement("kmeans") < 0.7


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_whitening_leaves_the_given_array_alone(dtype):
    X = (np.random.default_rng(0).normal(size=(60, 2)) * 100).astype(dtype)
    before = X.copy()
    fitted(X, 3, init_params="kmeans_whitened")
    np.testing.assert_array_equal(X, before)


# ------------------------------------------------------------------------------------- random points


def test_random_points_have_equal_weights_and_identity_covariances(blobs, covariance_type):
    X = blobs[0]
    model = fitted(X, 4, init_params="random_points", covariance_type=covariance_type, max_iter=0)
    np.testing.assert_array_equal(model.weights_, np.full(4, 0.25))
    identity = {"full": [np.eye(2)] * 4, "tied": np.eye(2), "diag": np.ones((4, 2)), "spherical": np.ones(4)}
    np.testing.assert_array_equal(model.covariances_, identity[covariance_type])
    rows = {row.tobytes() for row in X}
    assert len({mean.tobytes() for mean in model.means_} & rows) == 4  # four different samples
    drawn = fitted(X, 4, init_params="random_from_data", covariance_type=covariance_type, max_iter=0)
    np.testing.assert_array_equal(model.means_, drawn.means_)


def test_random_points_are_the_start_of_the_teaching_code(blobs):
    # gmm.em from the same means, weights 1/K and identity matrices takes the same way.
    from gmm import em

    X = blobs[0]
    model = fitted(X, 3, init_params="random_points", reg_covar=0.0, record_parameters=True, tol=1e-10)
    start = model.restarts_[0]["start"]
    plain = em(X, np.full(3, 1 / 3), start.means, np.repeat(np.eye(2)[None], 3, axis=0), tol=1e-10, max_iter=500)
    assert plain.log_likelihood / len(X) == pytest.approx(model.lower_bound_, rel=1e-9)
    np.testing.assert_allclose(plain.means, model.means_, rtol=1e-6)


def test_the_starts_of_a_tied_fit_share_the_total_scatter(monkeypatch):
    X = np.random.default_rng(0).normal(size=(400, 3))
    taken = []

    def counted(*arguments, total_scatter=passes.total_scatter):
        taken.append(arguments)
        return total_scatter(*arguments)

    monkeypatch.setattr(passes, "total_scatter", counted)
    GaussianMixture(2, n_init=3, covariance_type="tied", tol=1.0, random_state=0).fit(X)
    assert len(taken) == 1
