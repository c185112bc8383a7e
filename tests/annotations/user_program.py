"""A program of a user whose editor or build checks types. No test runs it: `test_checker.py` has mypy read it.

Each ``type: ignore`` stands on a mistake that must be found: where it no longer is, mypy says so.
"""

from typing import Any, Literal, assert_type

import numpy as np
from numpy.typing import NDArray

import gmm
from gmm import exercises, plot, widgets
from gmm.estimators import History
from gmm.learning import ArraySource, MaximumLikelihood, Parameters, climb

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

data = gmm.datasets.load_old_faithful()
X = data.X
assert_type(X, Floats)
gmm.datasets.load_sample_image("cat")  # type: ignore[arg-type]

# ---- the formulas: arrays, lists and numbers go in
log_density = gmm.gaussian_log_density(X, [3.0, 70.0], [[1.0, 0.0], [0.0, 40.0]])
assert_type(log_density, Floats)
assert_type(gmm.bic(-1130.0, 11, 272), float)
assert_type(gmm.e_step(X, [1.0], X[:1], [np.eye(2)]), tuple[Floats, float])
assert_type(gmm.sample_mixture(9, [1.0], [[0.0]], [[[1.0]]], rng=1), tuple[Floats, Integers])
start = gmm.random_start(X, 2, rng=np.random.default_rng(0))
found = gmm.em(X, *start, tol=1e-8)
assert_type(found, gmm.EMResult)
assert_type(found.log_likelihoods, Floats)
assert_type(found.n_iter, int)
for step in gmm.em_steps(X, *start):
    assert_type(step.resp, Floats)
    break
gmm.bic(-1130.0, 11)  # type: ignore[call-arg]
gmm.bic(-1130.0, "11", 272)  # type: ignore[arg-type]
gmm.em(X, *start, tolerance=1e-8)  # type: ignore[call-arg]
gmm.n_parameters(2, 3, "ful")  # type: ignore[arg-type]
gmm.kmeans_plusplus(X, 2, rng="seed")  # type: ignore[arg-type]
gmm.sofmax([0.0, 1.0])  # type: ignore[attr-defined]

# ---- estimators
model = gmm.GaussianMixture(3, covariance_type="VEV", reg_covar="auto", random_state=0).fit(X)
assert_type(model, gmm.GaussianMixture)
assert_type(model.means_, Floats)
assert_type(model.converged_, bool)
assert_type(model.history_, History)
assert_type(model.predict(X), Integers)
assert_type(model.predict_proba(X), Floats)
assert_type(model.bic(X), float)
assert_type(model.sample(5), tuple[Floats, Integers])
assert_type(model.marginal([0]), gmm.GaussianMixture)
assert_type(model.conditional("waiting", 70.0), gmm.GaussianMixture)
assert_type(model.summary(X), gmm.Summary)
assert_type(model.restarts_[0], dict[str, Any])
assert_type(gmm.GaussianMixture.load("model.npz"), gmm.GaussianMixture)
assert_type(gmm.StudentMixture(2, dof=4.0).fit(X).dof_, Floats)
assert_type(gmm.BayesianGaussianMixture(n_components=9).fit(X).mean_mixture(), gmm.GaussianMixture)
assert_type(gmm.AnomalyDetector(model).fit(X).explain(X).surprise, Floats)
regressor = gmm.MixtureRegressor(model).fit(X[:, :1], X[:, 1])
assert_type(regressor.predict(X[:, :1]), Floats)
assert_type(regressor.predict(X[:, :1], return_std=True), tuple[Floats, Floats])
gmm.GaussianMixture(3, covariance_type="VVE ")  # type: ignore[arg-type]
gmm.GaussianMixture(3, init_params="k-means")  # type: ignore[arg-type]
gmm.GaussianMixture(n_clusters=3)  # type: ignore[call-arg]
gmm.GaussianMixture("3")  # type: ignore[arg-type]
gmm.StudentMixture(2, covariance_type="VEV")  # type: ignore[arg-type]
gmm.GaussianMixture(3, missing="drop")  # type: ignore[arg-type]
model.fit(X, None, X[:, 0], X)  # type: ignore[call-arg]
model.sample("5")  # type: ignore[arg-type]
model.means_ = "none"  # type: ignore[assignment]


class Mine(gmm.GaussianMixture):
    """Methods that return the object itself keep its class."""


assert_type(Mine(2).fit(X), Mine)
assert_type(Mine(2).partial_fit(X), Mine)
assert_type(Mine.load("model.npz"), Mine)

# ---- searches and their results
chosen = gmm.select(X, range(1, 6), ["full", "tied"], criterion="icl", random_state=0)
assert_type(chosen, gmm.Selection)
assert_type(chosen.best_, gmm.GaussianMixture)
assert_type(chosen.table["bic"], NDArray[Any])
assert_type(chosen.grid("bic"), Floats)
assert_type(gmm.mclust(X, covariance_types="fourteen").best_index_, int)
assert_type(gmm.select_bayesian(X).best_, gmm.BayesianGaussianMixture)
assert_type(gmm.bootstrap(model, X, "weighted", 99).intervals(0.9).means, Floats)
assert_type(gmm.merge_components(model, X).labels(2), Integers)
assert_type(gmm.two_sample_test(X[::2], X[1::2]).correlations.largest, float)
kind: Literal["bic", "aic"] = "aic"
gmm.select(X, criterion=kind)
gmm.select(X, covariance_types=["full", "banded"])  # type: ignore[list-item]
gmm.select(X, criterion="BIC")  # type: ignore[arg-type]
gmm.bootstrap(model, X, "wild")  # type: ignore[arg-type]

# ---- figures, exercises, the rooms below
ax = plot.fitted(model, X, labels=model.predict(X))
plot.ellipses(model, ax=ax, radii=(1.0, 2.0))
ax.set_title(", ".join(data.labels()))
assert_type(widgets.ellipse_explorer(X).data, str)
assert_type(exercises.examine("ex-resp-midpoint", 0.5).right, bool)
state = Parameters("full", *start, start[2])
climbed = climb(ArraySource(X), MaximumLikelihood(), state, callback=lambda iteration, value, state: value > 0.0)
assert_type(climbed.log_likelihoods, Floats)
widgets.ellipse_explorer(X, correlation="0.5")  # type: ignore[arg-type]
exercises.check(5, 0.5)  # type: ignore[arg-type]
plot.colour("0")  # type: ignore[arg-type]
