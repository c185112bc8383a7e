"""The annotations of the public names: complete, and right when the functions run."""

from __future__ import annotations

import numpy as np
import pytest
from public_surface import hints_of, not_annotated, public, watched, wrong_attributes

import gmm
from gmm import plot, warm, widgets


class TestAnnotations:
    def test_every_argument_and_result_has_one(self):
        lacking = {name: not_annotated(function) for name, function in public()[0].items()}
        assert {name: arguments for name, arguments in lacking.items() if arguments} == {}

    @pytest.mark.parametrize("kind", [0, 1], ids=["functions", "classes"])
    def test_they_can_be_evaluated(self, kind):
        for thing in public()[kind].values():
            hints_of(thing)

    def test_the_walk_reaches_what_there_is(self):
        functions, classes = public()
        assert {"gmm.em", "gmm.GaussianMixture.fit", "gmm.plot.ellipses", "gmm.engine.kmeans"} <= set(functions)
        assert gmm.GaussianMixture.fit_batches in functions.values()  # of a class that it is made of
        assert "gmm.estimators._table.Table" in classes  # a result, exported by no name
        assert len(functions) > 550


def _ask(thing, names, *arguments):
    """Call these methods, all with the same arguments; read what is no method."""
    for name in names.split():
        value = getattr(thing, name)
        if callable(value):
            value(*arguments)


def _mixtures(X):
    """Fitted mixtures of all kinds, asked for everything."""
    gaps, weights = X.copy(), np.full(len(X), 2.0)
    gaps[::9, 0] = np.nan
    Gaussian, Student, Bayesian = gmm.GaussianMixture, gmm.StudentMixture, gmm.BayesianGaussianMixture
    plain, student, bayesian = (kind(n_components=2, random_state=0).fit(X) for kind in (Gaussian, Student, Bayesian))
    noisy = Gaussian(2, noise=True, record_parameters=True, random_state=0).fit(X)
    fitted = [plain, student, bayesian, noisy, Bayesian(n_components=2, covariance_type="tied").fit(X)]
    fitted += [Gaussian(2, covariance_type=kind).fit(X, None, weights) for kind in ("tied", "spherical", "EVI", "VEV")]
    fitted += [
        Gaussian(2, covariance_prior="default", n_init=2).partial_fit(X),
        Gaussian(2).fit_batches([X[:9], X[9:]]),
    ]
    fitted += [Gaussian(2).fit(X, error_covariances=[0.1, 0.1]), Student(2, missing="marginalise").fit(gaps)]
    fitted += [Gaussian(2, missing="marginalise").fit(gaps)]
    fitted += [Gaussian(2, missing="marginalise").fit_batches([gaps[:9], gaps[9:]])]
    for each in fitted:
        _ask(each, "predict predict_proba score_samples score", X)
        _ask(each, "sample to_dict covariances_ n_iter_")
    for each in plain, student:
        _ask(each, "aic bic icl summary fit_predict impute", X)
        _ask(each, "summary sorted n_parameters_")
        each.marginal([1]), each.conditional([0], [1.0]), each.conditional_moments([0], X[:3, :1])
        each.density_level([0.5, 0.9])
    _ask(plain, "volume_ shape_ orientation_ to_mclust to_sklearn")
    _ask(bayesian, "weights_interval sample_parameters mean_mixture n_components_ to_sklearn")
    _ask(noisy, "without_noise noise_volume_")
    _ask(bayesian, "predictive_log_density", X)
    Gaussian.from_sklearn(plain.to_sklearn()), Gaussian.from_mclust(plain.to_mclust())
    plain.adapt(X), plain.marginal([0]).cdf(X[:, :1]), plain.plot(X)
    half = 0.5 * plain.statistics(X)
    plain.fit_statistics(sum([half, half]))
    return [*fitted, half, bayesian.history_, plain.restarts_]


def _others(X, plain):
    """The other estimators and the results of searches and tests, asked likewise."""
    x, y = X[:, :1], X[:, 1]
    detector = gmm.AnomalyDetector(gmm.GaussianMixture(2), false_alarm=0.1, random_state=0).fit(X)
    _ask(detector, "score_samples predict p_values explain decision_function", X)
    regressor = gmm.MixtureRegressor(gmm.GaussianMixture(2, random_state=0)).fit(x, y)
    _ask(regressor, "predict predict_interval sample_y", x)
    regressor.predict(x, return_std=True), regressor.conditional(x[0]), regressor.log_density(x, y)
    synthesizer = gmm.TableSynthesizer(gmm.GaussianMixture(2, random_state=0), random_state=0).fit(X)
    synthesizer.sample(3), synthesizer.score_samples(X)
    chosen = gmm.select(X, [1, 2], ["full", "diag"], cv=2, n_init=1, random_state=0)
    _ask(chosen, "best_ best_row_ best_index_ grid index summary plot")
    _ask(chosen, "predict predict_proba score_samples", X)
    chosen.model(2), chosen.table.sort_values("bic").to_frame(), len(chosen.table)
    several = gmm.select_bayesian(X, n_components=3, n_init=1)
    _ask(several, "best_ best_row_ best_index_")
    gmm.mclust(X, [2], ["EEE"]), gmm.standard_errors(plain, X), gmm.mixture_kl_divergence(plain, plain, n_samples=50)
    strapped = gmm.bootstrap(plain, X, n=9, random_state=0)
    _ask(strapped, "intervals standard_errors bias table")
    ratio = gmm.likelihood_ratio_test(X, 1, n=9, n_init=1, random_state=0)
    hierarchy = gmm.merge_components(gmm.GaussianMixture(4, random_state=0).fit(X), X)
    _ask(hierarchy, "labels groups predict_proba", 2)
    _ask(hierarchy, "bend linkage plot")
    tree = gmm.hierarchical_clustering(X)
    compared = gmm.two_sample_test(X[::2], X[1::2], random_state=0)
    tree.labels(2), compared.summary(), ratio.plot()
    found = [detector, regressor, synthesizer, chosen, several, strapped, ratio, hierarchy, tree, compared]
    return [*found, chosen.table]


def _rooms_below(X, plain):
    """Functions of the rooms below the estimators."""
    parameters = gmm.learning.make_parameters(plain.weights_, plain.means_, plain.covariances_, "full")
    _ask(parameters, "units without_noise n_parameters matrices")
    parameters.components([1])
    density, source = parameters.density(), gmm.learning.ArraySource(X)
    gmm.engine.weighted_log_prob(X, density), gmm.engine.log_responsibilities(X, density), density.each_by_itself()
    gmm.engine.kmeans_plusplus(X, 2, np.random.default_rng(0)), gmm.kmeans_plusplus(X, 2, rng=0)
    gmm.learning.box_along_features(X).with_log_volume(0.0)
    moments = source.statistics(density)
    sum([moments, moments]), moments * 0.5, moments.components([0]), moments.averaged(moments, 0.5)
    structure = gmm.learning.structure_of("full")
    structure.common(np.eye(2), 2), structure.n_parameters(2, 2), structure.check_features(2)
    return [parameters, density, moments]


def _pages(X, plain):
    """Figures, tables, data and exercises."""
    plot.fitted(plain, X), plot.density_regions(plain), plot.density(plain.marginal([0]))
    plot.mix_colours(plain.predict_proba(X))
    verdict, data = gmm.exercises.examine("ex-resp-midpoint", 0.5), gmm.datasets.load_iris()
    _ask(verdict, "right head text")
    _ask(data, "labels n_samples n_features")
    return [
        verdict, data, widgets.ellipse_explorer(X), widgets.em_plane(X, *gmm.random_start(X, 2, rng=0)),
        gmm.show_table({"K": [1, 2], "BIC": [1.0, 2.0]}), gmm.show_source(gmm.em),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr("warnings.warn", lambda *args, **options: None)
        with watched(public()[0]) as (seen, wrong):
            warm._formulas()
            rng = np.random.default_rng(0)
            X = np.concatenate([rng.normal(0.0, 1.0, (40, 2)), rng.normal([5.0, 3.0], [0.5, 1.0], (40, 2))])
            objects = _mixtures(X)
            for part in _others, _rooms_below, _pages:
                objects += part(X, objects[0])
    plot.plt.close("all")
    return seen, wrong, objects


class TestWhenThePackageRuns:
    def test_results_are_what_the_annotations_say(self, run):
        assert not run[1], "\n".join(sorted(run[1]))

    def test_most_functions_were_looked_at(self, run):
        assert len(run[0]) > 460

    def test_attributes_are_what_the_classes_say_and_fitted_ones_are_declared(self, run):
        wrong = {f"{type(thing).__name__}.{text}" for thing in run[2] for text in wrong_attributes(thing)}
        assert not wrong, "\n".join(sorted(wrong))
