"""Starts from labels, from responsibilities and from hierarchical clustering."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

import gmm
from gmm import GaussianMixture
from gmm.estimators import CollapsedComponentError, hierarchical
from gmm.estimators.hierarchical import quantile_labels

ALL = ("full", "tied", "diag", "spherical", *gmm.learning.FOURTEEN)
FITTED = ("weights_", "means_", "covariances_")


def start(X, resp_init, covariance_type="full", sample_weight=None, **settings):
    n_components = settings.pop("n_components", 3)
    model = GaussianMixture(n_components, covariance_type=covariance_type, resp_init=resp_init, max_iter=0, **settings)
    return model.fit(X, sample_weight=sample_weight)


def random_resp(n, n_components=3, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_components), size=n)


def assert_same(one, other, **tolerance):
    for name in FITTED:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), err_msg=name, **tolerance)


class TestFirstMStep:
    @pytest.mark.parametrize("weighted", [False, True])
    def test_it_is_made_of_the_responsibilities(self, overlapping, weighted):
        X, _ = overlapping
        resp = random_resp(len(X))
        weight = np.random.default_rng(1).exponential(size=len(X)) if weighted else None
        model = start(X, resp, sample_weight=weight, reg_covar=0.0)
        shares = resp if weight is None else weight[:, None] * resp
        np.testing.assert_allclose(model.weights_, shares.sum(axis=0) / shares.sum(), rtol=1e-12)
        for k in range(3):
            np.testing.assert_allclose(model.means_[k], np.average(X, axis=0, weights=shares[:, k]), rtol=1e-12)
            expected = np.cov(X.T, aweights=shares[:, k], bias=True)
            np.testing.assert_allclose(model.covariances_[k], expected, rtol=1e-12)

    @pytest.mark.parametrize("covariance_type", ALL)
    def test_labels_are_responsibilities_of_zero_and_one(self, overlapping, covariance_type):
        X, labels = overlapping
        assert_same(start(X, labels, covariance_type), start(X, np.eye(3)[labels], covariance_type), rtol=1e-9)

    @pytest.mark.parametrize("covariance_type", ["full", "tied", "VEV"])
    def test_it_is_the_start_of_scikit_learn_from_these_responsibilities(self, overlapping, covariance_type):
        """'random' with these draws instead of its own: the same M-step."""
        X, _ = overlapping
        resp = np.random.RandomState(5).uniform(size=(len(X), 3))
        resp /= resp.sum(axis=1)[:, None]
        drawn = GaussianMixture(3, covariance_type=covariance_type, init_params="random", random_state=5)
        assert_same(drawn.fit(X), drawn.set_params(resp_init=resp, random_state=None).fit(X), rtol=1e-12)

    @pytest.mark.parametrize("name", ["weights_init", "means_init", "precisions_init"])
    def test_given_values_replace_what_it_gives(self, overlapping, name):
        X, labels = overlapping
        values = {
            "weights_init": [0.2, 0.3, 0.5],
            "means_init": np.arange(6.0).reshape(3, 2),
            "precisions_init": np.repeat(np.diag([1.0, 4.0])[None], 3, axis=0),
        }
        without, model = start(X, labels), start(X, labels, **{name: values[name]})
        fitted = {"weights_init": "weights_", "means_init": "means_", "precisions_init": "precisions_"}
        for given, attribute in fitted.items():
            expected = values[given] if given == name else getattr(without, attribute)
            np.testing.assert_allclose(getattr(model, attribute), expected, rtol=1e-12)

    def test_nothing_is_drawn_and_one_start_is_run(self, overlapping):
        X, labels = overlapping
        rng = np.random.default_rng(0)
        before = rng.bit_generator.state
        model = GaussianMixture(3, resp_init=labels, n_init=5, on_collapse="restart", random_state=rng).fit(X)
        assert rng.bit_generator.state == before
        assert len(model.restarts_) == 1

    @pytest.mark.parametrize("given", ["labels", "responsibilities"])
    def test_a_weight_of_zero_is_absence(self, overlapping, given):
        X, labels = overlapping
        resp = labels if given == "labels" else random_resp(len(X))
        weight = np.random.default_rng(0).integers(0, 3, size=len(X)).astype(float)
        present = weight > 0
        one = GaussianMixture(3, resp_init=resp).fit(X, sample_weight=weight)
        other = GaussianMixture(3, resp_init=resp[present]).fit(X[present], sample_weight=weight[present])
        assert_same(one, other, rtol=0.0)

    def test_the_units_are_those_of_the_data(self, overlapping):
        X, labels = overlapping
        one, other = start(X, labels, reg_covar="auto"), start(X * 1e-140 + 3e-140, labels, reg_covar="auto")
        np.testing.assert_allclose(other.means_, one.means_ * 1e-140 + 3e-140, rtol=1e-9)
        np.testing.assert_allclose(other.covariances_, one.covariances_ * 1e-280, rtol=1e-9)

    def test_a_warm_start_goes_on_from_the_last_fit(self, overlapping):
        X, labels = overlapping
        model = GaussianMixture(3, resp_init=labels, warm_start=True, max_iter=3, tol=0.0)
        with pytest.warns(UserWarning, match="did not converge"):
            model.fit(X).fit(X)
        with pytest.warns(UserWarning, match="did not converge"):
            whole = GaussianMixture(3, resp_init=labels, max_iter=6, tol=0.0).fit(X)
        assert_same(model, whole, rtol=1e-9)

    def test_a_flat_group_is_named(self):
        X = np.random.default_rng(0).normal(size=(30, 2))
        X[:3] = 1.0
        labels = np.array([0] * 3 + [1] * 27)
        with pytest.raises(
            CollapsedComponentError, match=r"Component 0 collapsed at the start .* 3 samples \[0, 1, 2\]"
        ):
            GaussianMixture(2, resp_init=labels, reg_covar=0.0).fit(X)


class TestConventions:
    def test_it_is_a_parameter_like_others_and_not_kept_in_files(self, overlapping, tmp_path):
        X, labels = overlapping
        model = GaussianMixture(3, resp_init=labels)
        assert clone(model).get_params()["resp_init"] is not labels
        np.testing.assert_array_equal(clone(model).get_params()["resp_init"], labels)
        path = tmp_path / "mixture.npz"
        model.fit(X).save(path)
        loaded = GaussianMixture.load(path)
        assert loaded.resp_init is None
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))

    def test_lists_and_float32_are_taken(self, overlapping):
        X, labels = overlapping
        assert_same(start(X, labels.tolist()), start(X, labels), rtol=0.0)
        resp = random_resp(len(X)).astype(np.float32)
        assert_same(start(X, resp), start(X, random_resp(len(X))), rtol=1e-5)

    @pytest.mark.parametrize(
        ("resp_init", "message"),
        [
            (np.zeros(299, dtype=int), r"resp_init must have the shape \(300,\), labels, or \(300, 3\).*got \(299,\)"),
            (np.full((300, 2), 0.5), r"or \(300, 3\), responsibilities; got \(300, 2\)"),
            (np.zeros(300), r"must hold integers, the labels 0 to 2; got dtype float64"),
            (np.array(["a"] * 300), r"integers, the labels 0 to 2; got dtype <U1"),
            (np.arange(300), r"labels from 0 to 2; resp_init\[3\] is 3"),
            (np.arange(300) - 1, r"labels from 0 to 2; resp_init\[0\] is -1"),
            (np.arange(300) % 2, r"resp_init gives component 2 no sample"),
            (np.eye(3)[np.arange(300) % 2], r"resp_init gives component 2 no sample"),
            (np.full((300, 3), 0.3), r"rows of resp_init must sum to 1; row 0 sums to 0\.9"),
            (np.tile([1.5, -0.5, 0.0], (300, 1)), r"responsibilities from 0 to 1; resp_init\[0, 1\] is -0\.5"),
            (np.full((300, 3), np.nan), r"resp_init contains NaN"),
        ],
    )
    def test_what_is_no_start_is_refused_before_any_work(self, overlapping, resp_init, message):
        X, _ = overlapping
        model = GaussianMixture(3, resp_init=resp_init)
        with pytest.raises(ValueError, match=message):
            model.fit(X)
        assert not hasattr(model, "n_features_in_")

    def test_a_component_whose_samples_weigh_nothing_is_empty(self, overlapping):
        X, labels = overlapping
        with pytest.raises(ValueError, match="gives component 1 no sample"):
            GaussianMixture(3, resp_init=labels).fit(X, sample_weight=(labels != 1).astype(float))

    def test_select_refuses_it_for_its_shape_follows_the_size(self, overlapping):
        X, labels = overlapping
        with pytest.raises(ValueError, match="resp_init cannot be given to select"):
            gmm.select(X, 3, "full", resp_init=labels)


class TestHierarchical:
    @pytest.mark.parametrize("covariance_type", ["full", "VEV", "EEI"])
    def test_it_is_the_start_from_the_labels_of_the_tree(self, overlapping, covariance_type):
        X, _ = overlapping
        labels = gmm.hierarchical_clustering(X).labels(3)
        drawn = GaussianMixture(3, covariance_type=covariance_type, init_params="hierarchical").fit(X)
        assert_same(drawn, GaussianMixture(3, covariance_type=covariance_type, resp_init=labels).fit(X), rtol=0.0)

    def test_one_start_is_enough(self, overlapping):
        X, _ = overlapping
        model = GaussianMixture(3, init_params="hierarchical", n_init=4).fit(X)
        assert len(model.restarts_) == 1

    def test_weights_of_zero_and_a_common_factor_change_nothing(self, overlapping):
        X, _ = overlapping
        weight = np.random.default_rng(0).integers(0, 4, size=len(X)).astype(float)
        fits = [
            GaussianMixture(3, init_params="hierarchical").fit(*sample)
            for sample in ((X, None, weight), (X, None, 8.0 * weight), (X[weight > 0], None, weight[weight > 0]))
        ]
        for other in fits[1:]:
            assert_same(fits[0], other, rtol=0.0)

    def test_of_many_samples_some_are_clustered(self, monkeypatch):
        rng = np.random.default_rng(3)
        labels = rng.integers(3, size=900)
        X = np.array([[0.0, 0.0], [6.0, 1.0], [1.0, 7.0]])[labels] + rng.normal(size=(900, 2))
        monkeypatch.setattr("gmm.estimators._initialise.CLUSTERED", 200)
        monkeypatch.setattr("gmm.estimators._fitting.CLUSTERED", 200)
        sizes = []
        clustered = hierarchical.clustered
        monkeypatch.setattr(hierarchical, "clustered", lambda X, *rest: sizes.append(len(X)) or clustered(X, *rest))
        model = GaussianMixture(3, init_params="hierarchical", n_init=3, random_state=0)
        one, other = model.fit(X).means_, clone(model).fit(X).means_
        assert sizes == [200] * 6  # another part for each start
        np.testing.assert_array_equal(one, other)
        assert len(model.restarts_) == 3
        agreement = np.array([np.bincount(labels[model.predict(X) == k], minlength=3).max() for k in range(3)])
        assert agreement.sum() > 890
        # The start is the M-step of the part, not of all samples.
        first = model.set_params(max_iter=0, n_init=1).fit(X)
        part = np.sort(np.random.RandomState(0).choice(900, size=200, replace=False))
        expected = start(X[part], gmm.hierarchical_clustering(X[part]).labels(3))
        assert_same(first, expected, rtol=0.0)

    def test_fewer_samples_than_features(self):
        X = np.random.default_rng(0).normal(size=(12, 30))
        X[6:] += 5.0
        model = GaussianMixture(2, covariance_type="spherical", init_params="hierarchical").fit(X)
        assert sorted(model.weights_) == [0.5, 0.5]

    def test_a_selection_builds_one_tree(self, overlapping, monkeypatch):
        X, _ = overlapping
        built = []
        clustered = hierarchical.clustered
        monkeypatch.setattr(hierarchical, "clustered", lambda X, *rest: built.append(len(X)) or clustered(X, *rest))
        found = gmm.select(X, range(1, 5), ("full", "EEI", "VII"), init_params="hierarchical", random_state=0)
        assert built == [300]
        alone = GaussianMixture(
            3, covariance_type="EEI", init_params="hierarchical", tol=1e-6, max_iter=1000, reg_covar="auto"
        )
        assert_same(found.model(3, "EEI"), alone.fit(X), rtol=0.0)
        assert not any(name.startswith("_trees") for name in vars(found.best_))
        built.clear()
        gmm.select(X, (2, 3), ("full", "EEI"), "cv", cv=3, init_params="hierarchical", random_state=0)
        assert sorted(built) == [200, 200, 200, 300]


class TestQuantiles:
    def test_one_feature_is_cut_at_its_quantiles(self):
        x = np.random.default_rng(0).exponential(size=101)
        for size in (1, 2, 3, 7):
            labels = quantile_labels(x, size)
            edges = np.quantile(x, np.linspace(0.0, 1.0, size + 1))[1:-1]
            np.testing.assert_array_equal(labels, (x[:, None] >= edges).sum(axis=1))
        model = GaussianMixture(3, covariance_type="V", init_params="hierarchical").fit(x[:, None])
        assert_same(
            model, GaussianMixture(3, covariance_type="V", resp_init=quantile_labels(x, 3)).fit(x[:, None]), rtol=0
        )

    def test_weights_are_repeats(self):
        rng = np.random.default_rng(1)
        x, counts = rng.normal(size=60), rng.integers(1, 5, size=60)
        for size in (2, 5):
            labels = quantile_labels(x, size, counts.astype(float))
            np.testing.assert_array_equal(np.repeat(labels, counts), quantile_labels(np.repeat(x, counts), size))

    def test_values_that_occur_often_leave_as_many_groups(self):
        x = np.array([0.0] * 40 + [1.0] * 5 + [2.0] * 30 + list(range(3, 10)))
        for size in range(1, 8):
            assert len(np.unique(quantile_labels(x, size))) == size
            assert (np.diff(quantile_labels(x, size)) >= 0).all()

    @pytest.mark.parametrize("n_values", [1, 2, 3])
    def test_too_few_values_for_so_many_groups_come_to_an_end(self, n_values):
        x = np.arange(30) % n_values * 1.0
        labels = quantile_labels(x, 3)
        assert labels.shape == (30,)
        assert set(labels) <= {0, 1, 2}
        assert all(len(set(labels[x == value])) == 1 for value in set(x))
