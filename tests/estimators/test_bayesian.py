"""`BayesianGaussianMixture` against scikit-learn's, simulation and quadrature."""

import numpy as np
import pytest
import scipy.stats
from scipy.special import digamma
from sklearn.base import clone
from sklearn.mixture import BayesianGaussianMixture as Theirs
from sklearn.utils.estimator_checks import check_estimator

import gmm
from gmm import BayesianGaussianMixture, learning
from gmm.learning import ArraySource, climb
from gmm.learning import variational as vb

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STRUCTURES = ("full", "tied", "diag", "spherical")
TYPES = ("dirichlet_process", "dirichlet_distribution")


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(50, 2)) + centre for centre in ([0, 0], [3, 1], [-1, 4])])


def their_start(theirs, X):
    """The posterior with which scikit-learn's estimator begins: the attributes after max_iter=1 less one iteration."""
    labels = []

    class Kept(Theirs):
        def _initialize(self, X, resp):
            labels.append(resp.argmax(axis=1))
            super()._initialize(X, resp)

    begun = Kept(**theirs.get_params())
    begun.fit(X)
    return labels[0]


class TheirLogDeterminant(vb.Variational):
    """Ours with scikit-learn's expected log-determinant for diag and spherical."""

    def expected_log_det(self, state):
        structure, d = state.structure, state.n_features
        nu = state.dof / (d if structure.name == "spherical" else 1)
        log_det = 2.0 * structure.log_det(structure.transposed(state.centre.precisions_cholesky), d)
        return log_det + digamma(0.5 * (nu[:, None] - np.arange(d))).sum(axis=1) - d * np.log(0.5 * nu)

    def bouts(self, source, state, units):
        return None


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_the_same_parameters_as_scikit_learn_from_the_same_start(X, covariance_type, kind):
    settings = {"n_components": 5, "covariance_type": covariance_type, "weight_concentration_prior_type": kind}
    settings |= {"reg_covar": 0.0, "random_state": 0, "tol": 0.0, "max_iter": 40}
    theirs = Theirs(**settings).fit(X)
    labels = their_start(Theirs(**settings | {"max_iter": 1}), X)
    prior = vb.BayesianPrior(
        0.2, kind == "dirichlet_process", X.mean(axis=0), 1.0, 2.0, np.asarray(theirs.covariance_prior_)
    )
    ridge = X.var(axis=0)
    drawn = learning.parameters_from_labels(X, labels, 5, covariance_type, reg_covar=ridge)
    different = covariance_type in ("diag", "spherical")
    ours = {}
    for step in (vb.Variational(prior), TheirLogDeterminant(prior)):
        start = step.start(drawn, np.bincount(labels, minlength=5), ridge)
        ours[type(step)] = climb(ArraySource(X), step, start, tol=0.0, max_iter=40).state
    same = ours[TheirLogDeterminant if different else vb.Variational]
    np.testing.assert_allclose(same.centre.means, theirs.means_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(same.centre.covariances, theirs.covariances_, rtol=1e-8)
    np.testing.assert_allclose(same.mean_precision, theirs.mean_precision_, rtol=1e-8)
    np.testing.assert_allclose(same.concentration, np.asarray(theirs.weight_concentration_), rtol=1e-8)
    if different:  # the exact updates are others
        gap = np.abs(ours[vb.Variational].centre.means - theirs.means_).max()
        assert gap > 1e-7


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", [{}, {"covariance_type": "tied", "weight_concentration_prior_type": TYPES[1]}])
def test_check_estimator_passes_whole(settings):
    results = check_estimator(BayesianGaussianMixture(random_state=0, **settings), on_fail=None, on_skip=None)
    assert not {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert len(results) >= 40


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_a_weight_of_two_is_a_sample_twice(X, covariance_type):
    weights = np.random.default_rng(1).integers(0, 3, size=len(X))
    settings = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "random_state": 0,
        "tol": 1e-10,
        "max_iter": 3000,
    }
    weighted = BayesianGaussianMixture(**settings).fit(X, sample_weight=weights)
    repeated = BayesianGaussianMixture(**settings).fit(np.repeat(X, weights, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-5)
    order, other = np.argsort(weighted.means_[:, 1]), np.argsort(repeated.means_[:, 1])
    np.testing.assert_allclose(weighted.means_[order], repeated.means_[other], atol=1e-3)
    # Twice the weights are twice the evidence.
    double = BayesianGaussianMixture(**settings).fit(X, sample_weight=2.0 * weights)
    assert double.counts_.sum() == pytest.approx(2.0 * weights.sum())


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_the_predictive_density_is_the_mean_density_of_draws(X, covariance_type, kind):
    model = BayesianGaussianMixture(
        n_components=3, covariance_type=covariance_type, weight_concentration_prior_type=kind, random_state=0
    ).fit(X[::5])
    points = np.array([[0.0, 0.0], [2.0, 2.0], [-4.0, 6.0]])
    draws = model.sample_parameters(3000, random_state=0)
    densities = np.empty((3000, len(points)))
    for i, (weights, means, covariances) in enumerate(zip(*draws, strict=True)):
        parameters = learning.make_parameters(weights, means, covariances, covariance_type)
        densities[i] = np.exp(gmm.engine.score_samples(points, parameters.density()))
    error = densities.std(axis=0) / np.sqrt(len(densities))
    exact = np.exp(model.predictive_log_density(points))
    # Draws of sticks sum to 1 one by one, the expected weights as a whole: a bias beside the error.
    assert (np.abs(densities.mean(axis=0) - exact) < 5.0 * error + (0.02 * exact if kind == TYPES[0] else 0.0)).all()


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_the_predictive_density_integrates_to_one(X, covariance_type):
    model = BayesianGaussianMixture(n_components=3, covariance_type=covariance_type, random_state=0).fit(X[:, :1])
    grid = np.concatenate([-np.geomspace(1e6, 1e-4, 40_000), np.geomspace(1e-4, 1e6, 40_000)])[:, None]
    assert np.trapezoid(np.exp(model.predictive_log_density(grid)), grid[:, 0]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_draws_have_the_posterior_s_moments(X, covariance_type):
    model = BayesianGaussianMixture(
        n_components=2, covariance_type=covariance_type, weight_concentration_prior_type=TYPES[1], random_state=0
    ).fit(X)
    draws = model.sample_parameters(20_000, random_state=1)
    for drawn, expected in ((draws.weights, model.weights_), (draws.means, model.means_)):
        error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert (np.abs(drawn.mean(axis=0) - expected) < 5.0 * error).all()
    precisions = np.linalg.inv(draws.covariances) if covariance_type in ("full", "tied") else 1.0 / draws.covariances
    error = precisions.std(axis=0) / np.sqrt(len(precisions))
    assert (np.abs(precisions.mean(axis=0) - model.precisions_) < 5.0 * error).all()
    # Spread of a mean: its covariance is that of the component over β, times ν / (ν - d - 1) of an inverse Wishart.
    if covariance_type == "full":
        spread = model.covariances_[0] * model.degrees_of_freedom_[0] / (model.degrees_of_freedom_[0] - 3)
        np.testing.assert_allclose(np.cov(draws.means[:, 0].T), spread / model.mean_precision_[0], rtol=0.06, atol=2e-4)


def test_intervals_of_the_weights(X):
    model = BayesianGaussianMixture(n_components=3, weight_concentration_prior_type=TYPES[1], random_state=0).fit(X)
    found = model.weights_interval(0.8)
    alpha = model.weight_concentration_
    for k in range(3):
        expected = scipy.stats.beta(alpha[k], alpha.sum() - alpha[k]).interval(0.8)
        np.testing.assert_allclose(found[k], expected)
    process = clone(model).set_params(weight_concentration_prior_type=TYPES[0]).fit(X)
    draws = process.sample_parameters(20_000, random_state=5).weights
    np.testing.assert_allclose(process.weights_interval(0.8), np.quantile(draws, [0.1, 0.9], axis=0).T, atol=5e-3)
    with pytest.raises(ValueError, match="level must be a number between 0 and 1; got 1"):
        model.weights_interval(1)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_files(X, covariance_type, kind, tmp_path):
    model = BayesianGaussianMixture(
        n_components=4, covariance_type=covariance_type, weight_concentration_prior_type=kind, random_state=0,
        mean_prior=[0.5, 1.0],
    ).fit(X)  # fmt: skip
    model.save(tmp_path / "mixture.npz")
    loaded = BayesianGaussianMixture.load(tmp_path / "mixture.npz")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predictive_log_density(X), model.predictive_log_density(X))
    assert loaded.lower_bounds_ == model.lower_bounds_
    assert loaded.n_components_ == model.n_components_
    np.testing.assert_array_equal(loaded.mean_prior, model.mean_prior)
    assert str(clone(loaded).set_params(mean_prior=None)) == str(clone(model).set_params(mean_prior=None))
    with pytest.raises(ValueError, match=r"not a mixture saved by GaussianMixture\.save"):
        gmm.GaussianMixture.load(tmp_path / "mixture.npz")


def test_components_that_are_not_needed_stay_at_the_prior(X):
    model = BayesianGaussianMixture(n_components=9, max_iter=2000, tol=1e-8, random_state=0).fit(X)
    assert model.n_components_ == 3
    empty = model.counts_ < 1e-6
    assert empty.sum() >= 4
    np.testing.assert_allclose(model.means_[empty], np.broadcast_to(X.mean(axis=0), (empty.sum(), 2)), atol=1e-5)
    assert np.isfinite(model.sample_parameters(10).covariances).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degrees_of_freedom_prior": 0.5}, "'degrees_of_freedom_prior' should be greater than 1, but got 0.500"),
        ({"mean_prior": [1.0]}, r"'means' should have the shape of \(2,\), but got \(1,\)"),
        ({"covariance_prior": [[1.0, 2.0], [2.0, 1.0]]}, "'full precision' should be symmetric, positive-definite"),
        ({"covariance_prior": np.eye(3)}, r"should have the shape of \(2, 2\), but got \(3, 3\)"),
        ({"covariance_type": "VVV"}, "covariance_type"),
        ({"weight_concentration_prior": 0.0}, "weight_concentration_prior"),
        ({"n_components": 151}, "n_samples >= n_components"),
    ],
)
def test_what_is_refused(X, settings, message):
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(**settings).fit(X)


def test_singular_data_need_a_prior_of_their_own(X):
    flat = np.column_stack([X, X[:, 0]])
    with pytest.raises(ValueError, match="covariance_prior=None takes the covariance of X, which is singular"):
        BayesianGaussianMixture(reg_covar=0.0).fit(flat)
    model = BayesianGaussianMixture(n_components=3, reg_covar=1e-3, random_state=0).fit(flat)
    assert np.isfinite(model.lower_bound_)


def test_history_and_restarts(X):
    seen = []
    model = BayesianGaussianMixture(
        n_components=3, n_init=3, random_state=0, record_parameters=True, init_params="random_from_data",
        callback=lambda iteration, value, state: seen.append((iteration, value)),
    ).fit(X)  # fmt: skip
    assert len(model.restarts_) == 3
    assert model.lower_bound_ == max(model.restarts_["lower_bound"]) == model.lower_bounds_[-1]
    assert len(model.history_.parameters) == model.n_iter_ + 1
    assert len(seen) == sum(model.restarts_["n_iter"])
    np.testing.assert_array_equal(model.history_.log_likelihoods, model.lower_bounds_)


def test_concentrations_are_compared_by_the_bound(X):
    found = gmm.select_bayesian(X, (0.01, 1.0), ("full", "diag"), n_components=5, n_init=2)
    assert len(found.models_) == len(found.table) == 4
    bounds = [model.lower_bound_ for model in found.models_]
    np.testing.assert_array_equal(found.table["lower_bound"], bounds)
    assert found.best_ is found.models_[int(np.argmax(bounds))]
    assert found.best_row_["n_components"] == 3
    scaled = gmm.select_bayesian(1000.0 * X, (0.01, 1.0), ("full", "diag"), n_components=5, n_init=2)
    assert scaled.best_index_ == found.best_index_
    shifted = np.array(bounds) - X.size * np.log(1000.0)
    np.testing.assert_allclose(scaled.table["lower_bound"], shifted, rtol=1e-6)
    for bad in (0.0, (), (1.0, 1.0)):
        with pytest.raises(ValueError, match="concentration"):
            gmm.select_bayesian(X, bad)
    with pytest.raises(TypeError, match="unexpected setting 'warm_start'"):
        gmm.select_bayesian(X, warm_start=True)
