"""Statistics, structures, sources and steps: each by itself, and what an addition to each of them costs."""

import math
import sys

import numpy as np
import pytest
from engine_references import log_joint, log_sum_exp, problem, relative
from scipy.stats import invwishart
from sklearn.exceptions import ConvergenceWarning

import gmm
from gmm import GaussianMixture, engine, learning
from gmm.learning import structures
from gmm.learning.climb import _Iterations

TYPES = ("full", "tied", "diag", "spherical")


def start(seed, n, d, n_components, covariance_type):
    X, *parameters = problem(np.random.default_rng(seed), n, d, n_components, covariance_type)
    return X, learning.make_parameters(*parameters, covariance_type)


# ------------------------------------------------------------------------------------- statistics


@pytest.mark.parametrize("covariance_type", TYPES)
def test_statistics_move_to_other_centres(covariance_type):
    X, p = start(0, 400, 3, 2, covariance_type)
    source = learning.ArraySource(X, np.random.default_rng(1).uniform(0.5, 2.0, size=400))
    here = source.statistics(p.density())
    centres = p.means + np.random.default_rng(2).normal(size=p.means.shape)
    moved = here.about(centres)
    direct = source.statistics(p.density(), centres)  # a second pass with the same responsibilities
    assert relative(moved.first, direct.first) < 1e-12
    assert relative(moved.second, direct.second) < 1e-12
    assert relative(direct.counts, here.counts) < 1e-14
    assert direct.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-13)
    back = moved.about(p.means)
    assert relative(back.second, here.second) < 1e-12


def test_statistics_add_and_are_scaled_about_the_same_centres_only():
    X, p = start(0, 400, 3, 2, "full")
    whole = learning.ArraySource(X).statistics(p.density())
    parts = [learning.ArraySource(part).statistics(p.density()) for part in np.array_split(X, 3)]
    total = sum(parts)
    assert relative(total.second, whole.second) < 1e-13
    assert total.total_weight == 400
    for name in ("log_likelihood", "total_weight", "counts", "first", "second"):
        np.testing.assert_array_equal(getattr(0.25 * whole, name), 0.25 * getattr(whole, name))
    np.testing.assert_array_equal((0.25 * whole).centres, whole.centres)
    with pytest.raises(ValueError, match="statistics about different centres do not add"):
        parts[0] + parts[1].about(p.means + 1e-9)
    with pytest.raises(ValueError, match="do not add"):
        parts[0] + learning.ArraySource(X).statistics(start(0, 400, 3, 2, "tied")[1].density())


# ------------------------------------------------------------------------------------- structures


class SharedDiagonal(learning.Structure):
    """One diagonal covariance for all components (mclust's EEI): a new structure in one class."""

    name, model, shared = "shared_diag", engine.Diagonal, True

    def shape(self, n_components, n_features):
        return (n_features,)

    def n_parameters(self, n_components, n_features):
        return n_features

    def m_step(self, scatter, counts, n_features, pseudo_count=0.0):
        return scatter.sum(axis=0) / np.sum(counts + pseudo_count)

    def expand(self, covariances, n_components):
        return np.repeat(covariances[None], n_components, axis=0)

    def with_ridge(self, covariances, ridge):
        return covariances + ridge


@pytest.fixture
def shared_diagonal():
    learning.register(SharedDiagonal())
    yield "shared_diag"
    learning.STRUCTURES.pop("shared_diag")
    structures.NAMES.remove("shared_diag")


def test_a_structure_of_ones_own(shared_diagonal, tmp_path):
    """It fits, scores, samples, is saved, conditioned, selected, and takes a prior, from one class and one table."""
    rng = np.random.default_rng(3)
    spread = np.array([1.0, 0.3, 2.0])
    X = np.concatenate([spread * rng.normal(size=(n, 3)) + centre for n, centre in ((120, 0.0), (80, 5.0))])
    model = GaussianMixture(2, covariance_type=shared_diagonal, random_state=0, tol=1e-12, max_iter=500).fit(X)
    resp = model.predict_proba(X)
    pooled = sum((resp[:, k, None] * (X - resp[:, k] @ X / resp[:, k].sum()) ** 2).sum(axis=0) for k in range(2)) / len(
        X
    )
    np.testing.assert_allclose(model.covariances_, pooled + 1e-6, rtol=1e-5)
    assert np.all(np.diff(model.lower_bounds_) > -1e-12)
    joint = log_joint(X, model.weights_, model.means_, np.tile(model.covariances_, (2, 1)), "diag")
    np.testing.assert_allclose(model.score_samples(X), log_sum_exp(joint).astype(float), rtol=1e-12)
    drawn, labels = model.sample(4000, random_state=1)
    np.testing.assert_allclose(drawn[labels == 0].std(axis=0), np.sqrt(model.covariances_), rtol=0.1)
    model.save(tmp_path / "own.npz")
    loaded = GaussianMixture.load(tmp_path / "own.npz")
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))
    assert model.bic(X) == pytest.approx(-2 * model.score_samples(X).sum() + (3 + 6 + 1) * math.log(len(X)))
    found = gmm.select(X, [1, 2, 3], ["full", "diag", shared_diagonal], random_state=0)
    assert (found.best_row_["covariance_type"], found.best_row_["n_components"]) == (shared_diagonal, 2)
    given = model.conditional([0], [1.0])
    assert given.score_samples([[0.0, 1.0]])[0] == pytest.approx(
        model.score_samples([[1.0, 0.0, 1.0]])[0] - model.marginal([0]).score_samples([[1.0]])[0], rel=1e-12
    )
    prior = GaussianMixture(2, covariance_type=shared_diagonal, covariance_prior="default", random_state=0).fit(X)
    assert np.all(np.diff(prior.lower_bounds_) > -1e-12)
    again = GaussianMixture(
        2, covariance_type=shared_diagonal, weights_init=model.weights_, means_init=model.means_,
        precisions_init=model.precisions_, max_iter=1,
    ).fit(X)  # fmt: skip
    assert again.lower_bound_ == pytest.approx(model.lower_bound_, abs=1e-5)


def test_structures_count_their_parameters_as_the_book_does():
    for name in TYPES:
        for n_components, d in ((1, 1), (3, 2), (5, 7)):
            p = learning.STRUCTURES[name].common(np.eye(d), n_components)
            p = learning.make_parameters(np.full(n_components, 1 / n_components), np.zeros((n_components, d)), p, name)
            assert p.n_parameters == gmm.n_parameters(n_components, d, name)


# ------------------------------------------------------------------------------------- sources


class Batches:
    """Samples in parts that are never together in memory: a new source in one class."""

    def __init__(self, parts):
        self.parts = parts

    def statistics(self, density, centres=None):
        return sum(learning.ArraySource(part, n_threads=1).statistics(density, centres) for part in self.parts)


@pytest.mark.parametrize("offset", [0.0, 1e7])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_source_of_ones_own(covariance_type, offset):
    X, p = start(4, 900, 3, 3, covariance_type)
    X, p = X + offset, p._replace(means=p.means + offset)
    for step in (learning.MaximumLikelihood(1e-6), learning.MaximumAPosteriori(learning.Prior(np.eye(3), 6.0))):
        whole = learning.climb(learning.ArraySource(X), step, p, tol=0, max_iter=15)
        parts = learning.climb(Batches(np.array_split(X, 4)), step, p, tol=0, max_iter=15)
        np.testing.assert_allclose(parts.log_likelihoods, whole.log_likelihoods, rtol=1e-11)
        assert relative(parts.state.covariances, whole.state.covariances) < 1e-9
        assert relative(parts.state.means - offset, whole.state.means - offset) < 1e-8


def test_every_source_finds_a_collapse_and_names_the_component():
    X = np.array([[0.0, 0.0], [0.1, 0.2], [0.3, 0.1], [50.0, 50.0]])
    p = learning.make_parameters([0.75, 0.25], [[0.1, 0.1], [50, 50]], np.ones((2, 2)), "diag")
    for source in (learning.ArraySource(X), Batches([X[:2], X[2:]])):
        result = learning.climb(source, learning.MaximumLikelihood(0.0), p)
        assert result.failure.component == 1
        assert result.failure.iteration == result.n_iter == 1


def test_a_second_look_saves_a_fit_whose_start_is_far_away():
    """Moments about means 1e9 away leave rounding of a variance of 1; moments about the new means do not."""
    X = np.random.default_rng(0).normal(size=(200, 2))
    for covariance_type in TYPES:
        covariances = learning.STRUCTURES[covariance_type].common(1e18 * np.eye(2), 1)
        p = learning.make_parameters([1.0], [[1e9, -1e9]], covariances, covariance_type)
        for source in (learning.ArraySource(X), Batches([X[:120], X[120:]])):
            result = learning.climb(source, learning.MaximumLikelihood(0.0), p, tol=1e-9, max_iter=50)
            assert result.failure is None
            assert result.converged
            assert result.n_iter <= 4
            expected = learning.STRUCTURES[covariance_type].common(np.cov(X.T, bias=True), 1)
            assert relative(result.state.covariances, expected) < 1e-9


@pytest.mark.parametrize("covariance_type", TYPES)
def test_an_iteration_that_is_done_twice_or_by_hand_is_compared_with_the_one_before(covariance_type, monkeypatch):
    """A second look, or tied components so far apart that compiled iterations leave them to the others."""
    centres = np.array([[1e7, 0.0], [-1e7, 1e7]]) if covariance_type == "tied" else np.zeros((1, 2))
    X = np.repeat(centres, 200 // len(centres), axis=0) + np.random.default_rng(0).normal(size=(200, 2))
    covariance = np.eye(2) if covariance_type == "tied" else 1e18 * np.eye(2)
    means = centres + (0.1 if covariance_type == "tied" else 1e9)
    covariances = learning.STRUCTURES[covariance_type].common(covariance, len(means))
    p = learning.make_parameters(np.full(len(means), 1.0 / len(means)), means, covariances, covariance_type)
    by_hand = []
    for way in ("advance", "look_again"):
        method = getattr(_Iterations, way)
        monkeypatch.setattr(_Iterations, way, lambda *args, way=way, do=method: by_hand.append(way) or do(*args))
    step = learning.MaximumLikelihood(0.0)
    for source in (learning.ArraySource(X), Batches([X[:120], X[120:]])):
        first = learning.climb(source, step, p, tol=0, max_iter=1).log_likelihoods[0]
        by_hand.clear()
        there = learning.climb(source, step, p, tol=1e-9, max_iter=50, previous=first)
        assert ("advance" if covariance_type == "tied" else "look_again") in by_hand
        assert (there.n_iter, there.converged) == (1, True)
        for previous in (first + 1e-6, first - 1e-6, -math.inf):
            on_the_way = learning.climb(source, step, p, tol=1e-9, max_iter=50, previous=previous)
            assert 1 < on_the_way.n_iter < 5
            assert on_the_way.converged


@pytest.mark.parametrize("scale", [1.0, 2.0**300, 2.0**-300])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_fit_goes_on_from_the_likelihood_of_the_one_before_in_any_unit(covariance_type, scale):
    X, p = start(4, 300, 2, 2, covariance_type)
    p = learning.make_parameters(p.weights, p.means * scale, p.covariances * scale * scale, covariance_type)
    for source in (learning.ArraySource(X * scale), Batches(np.array_split(X * scale, 2))):
        found = learning.climb(source, learning.MaximumLikelihood(0.0), p, tol=1e-10, max_iter=2000)
        assert found.converged
        last = found.log_likelihoods[-1]
        again = learning.climb(source, learning.MaximumLikelihood(0.0), found.state, tol=1e-9, previous=last)
        assert (again.n_iter, again.converged) == (1, True)
        moved = learning.climb(source, learning.MaximumLikelihood(0.0), found.state, tol=1e-9, previous=last - 1e-3)
        assert moved.n_iter == 2


# ------------------------------------------------------------------------------------- steps


class Forgetting(learning.MaximumLikelihood):
    """M-steps on decayed statistics: a new step in one class."""

    def __init__(self, keep):
        super().__init__(1e-6)
        self.keep_share, self.memory = keep, None

    def in_units(self, units):
        return self

    def bouts(self, source, state, units):
        return None

    def update(self, state, statistics):
        if self.memory is not None:
            statistics = self.keep_share * self.memory.about(statistics.centres) + statistics
        self.memory = statistics
        return super().update(state, statistics)


def test_a_step_of_ones_own():
    X, p = start(6, 600, 2, 3, "full")
    plain = learning.climb(learning.ArraySource(X), learning.MaximumLikelihood(1e-6), p, tol=1e-12, max_iter=2000)
    slow = learning.climb(learning.ArraySource(X), Forgetting(0.5), p, tol=1e-12, max_iter=4000)
    assert slow.n_iter > plain.n_iter  # it drags its feet, and arrives
    assert relative(slow.state.means, plain.state.means) < 1e-4


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("scale", [1.0, 2.0**300])
def test_compiled_and_python_iterations_agree_under_a_prior(covariance_type, scale):
    X, p = start(7, 500, 3, 3, covariance_type)
    X = X * scale
    covariances = p.covariances * scale * scale
    p = learning.make_parameters(p.weights, p.means * scale, covariances, covariance_type)
    prior = learning.Prior(scale * scale * np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.1], [0.0, 0.1, 0.7]]), 7.5, 0.5)
    step = learning.MaximumAPosteriori(prior)
    compiled = learning.climb(learning.ArraySource(X), step, p, tol=0, max_iter=25)
    python = learning.climb(Batches([X[:200], X[200:]]), step, p, tol=0, max_iter=25)
    np.testing.assert_allclose(compiled.log_likelihoods, python.log_likelihoods, rtol=1e-12)
    assert relative(compiled.state.covariances, python.state.covariances) < 1e-10
    assert np.all(np.diff(compiled.log_likelihoods) > -1e-12 * np.abs(compiled.log_likelihoods[0]))
    # The value is (ℓ + unit Σ log p(Σ_k)) / n with SciPy's density, at the parameters that an iteration began with.
    last = learning.climb(learning.ArraySource(X), step, p, tol=0, max_iter=24).state
    matrices = last.matrices[:1] if covariance_type == "tied" else last.matrices
    log_prior = sum(invwishart.logpdf(matrix / scale / scale, 7.5, prior.scale / scale / scale) for matrix in matrices)
    log_prior -= len(matrices) * 3 * 4 * math.log(scale)
    log_likelihood = engine.log_likelihood(X, last.density())
    assert compiled.log_likelihoods[-1] == pytest.approx((log_likelihood + 0.5 * log_prior) / 500, rel=1e-11)


def test_a_component_without_data_takes_the_mode_of_the_prior():
    X = np.random.default_rng(8).normal(size=(100, 2))
    prior = learning.Prior(np.array([[3.0, 1.0], [1.0, 2.0]]), 6.0)
    for covariance_type in ("full", "diag", "spherical"):
        covariances = learning.STRUCTURES[covariance_type].common(np.eye(2), 2)
        p = learning.make_parameters([0.5, 0.5], [[0.0, 0.0], [1e6, 1e6]], covariances, covariance_type)
        result = learning.climb(learning.ArraySource(X), learning.MaximumAPosteriori(prior), p, tol=0, max_iter=3)
        np.testing.assert_array_equal(result.state.weights, [1.0, 0.0])
        mode = learning.STRUCTURES[covariance_type].common(prior.scale / 9.0, 1)
        np.testing.assert_allclose(result.state.covariances[1], mode[0], rtol=1e-14)


# ------------------------------------------------------------------------------------- fixed parameters


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(9)
    return np.concatenate(
        [rng.normal(size=(150, 2)), [3.0, 1.0] + rng.normal(size=(100, 2)) @ [[1.0, 0.4], [0.0, 0.5]]]
    )


GIVEN = {"weights_init": [0.5, 0.5], "means_init": [[0.0, 0.0], [3.2, 1.1]], "tol": 1e-13, "max_iter": 5000}


def precisions(covariance_type):
    covariances = learning.STRUCTURES[covariance_type].common(np.array([[1.5, 0.5], [0.5, 1.0]]), 2)
    return learning.precisions(learning.make_parameters([0.5, 0.5], np.zeros((2, 2)), covariances, covariance_type))


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize(
    "fixed",
    [
        {"weights": True},
        {"means": True},
        {"covariances": True},
        {"means": [True, False], "weights": [False, True]},
        {"means": [[True, False], [False, True]]},
        {"weights": True, "means": True, "covariances": True},
    ],
)
def test_fixed_parameters_stay_and_the_others_reach_a_maximum(pair, covariance_type, fixed):
    start_at = GIVEN | {"precisions_init": precisions(covariance_type)}
    model = GaussianMixture(2, covariance_type=covariance_type, fixed=fixed, reg_covar=0.0, **start_at).fit(pair)
    assert np.all(np.diff(model.lower_bounds_) > -1e-12)
    held = {name: np.asarray(mask) for name, mask in fixed.items()}
    weights = np.broadcast_to(held.get("weights", False), 2)
    means = held.get("means", np.array(False))
    means = np.broadcast_to(means[:, None] if means.ndim == 1 else means, (2, 2))
    np.testing.assert_array_equal(model.weights_[weights], np.array(GIVEN["weights_init"])[weights])
    np.testing.assert_array_equal(model.means_[means], np.array(GIVEN["means_init"])[means])
    assert model.weights_.sum() == pytest.approx(1.0, abs=1e-15)
    best = model.score(pair)
    if held.get("covariances") is not None:
        np.testing.assert_allclose(model.precisions_, start_at["precisions_init"], rtol=1e-12)

    def at(means=model.means_, covariances=model.covariances_, weights=model.weights_):
        return GaussianMixture.from_parameters(weights, means, covariances, covariance_type).score(pair)

    # No free mean can be moved to gain anything: finite differences vanish.
    for k, j in zip(*np.nonzero(~means), strict=True):
        step = np.zeros((2, 2))
        step[k, j] = 1e-4
        slope = (at(means=model.means_ + step) - at(means=model.means_ - step)) / 2e-4
        assert abs(slope) < 1e-5
    if not weights.any():
        shift = np.array([1e-4, -1e-4])
        assert at(weights=model.weights_ + shift) < best + 1e-12
        assert at(weights=model.weights_ - shift) < best + 1e-12
    if held.get("covariances") is None:
        for factor in (1.001, 0.999):
            assert at(covariances=model.covariances_ * factor) < best


def test_fixed_with_a_prior_a_warm_start_and_weights_of_zero(pair):
    model = GaussianMixture(
        2, fixed={"means": True}, covariance_prior="default", precisions_init=precisions("full"), **GIVEN
    )
    model.fit(pair)
    np.testing.assert_array_equal(model.means_, GIVEN["means_init"])
    warm = GaussianMixture(2, random_state=0).fit(pair)
    before = warm.covariances_.copy()
    warm.set_params(warm_start=True, fixed={"covariances": [True, False]}, tol=1e-9, max_iter=500).fit(pair + 0.1)
    np.testing.assert_array_equal(warm.covariances_[0], before[0])
    assert not np.array_equal(warm.covariances_[1], before[1])


def test_bad_fixed_parameters_are_named(pair):
    cases = [
        ({"means": True}, {}, r"fixed\['means'\] keeps the values of means_init, which is not given"),
        ({"mean": True}, GIVEN, "fixed may hold 'weights', 'means', 'covariances'; got 'mean'"),
        ({"means": [1, 0]}, GIVEN, r"fixed\['means'\] must be True, False or a boolean array of shape \(2, 2\)"),
        ({"weights": [True]}, GIVEN, r"boolean array of shape \(2,\)"),
    ]
    for fixed, settings, message in cases:
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2, fixed=fixed, **settings).fit(pair)
    with pytest.raises(ValueError, match="must be all or none where the components share"):
        GaussianMixture(
            2, covariance_type="tied", fixed={"covariances": [True, False]}, precisions_init=precisions("tied"), **GIVEN
        ).fit(pair)


def test_fixed_parameters_are_saved(pair, tmp_path):
    model = GaussianMixture(2, fixed={"means": np.array([True, False])}, precisions_init=precisions("full"), **GIVEN)
    model.fit(pair).save(tmp_path / "fixed.npz")
    loaded = GaussianMixture.load(tmp_path / "fixed.npz")
    assert loaded.fixed == {"means": [True, False]}
    np.testing.assert_array_equal(loaded.fit(pair).means_, model.means_)


@pytest.mark.parametrize("init_params", ["random_from_data", "k-means++"])
def test_tied_components_that_come_together_leave_the_slow_path(init_params, monkeypatch):
    """A start whose covariance is the ridge alone lies far apart beside it; after an iteration it no longer does."""
    slow, climb = [], sys.modules["gmm.learning.climb"]  # whose name in the package is that of its function
    advance = climb._Iterations.advance
    monkeypatch.setattr(
        climb._Iterations, "advance", lambda self, *arguments: slow.append(1) or advance(self, *arguments)
    )
    X = problem(np.random.default_rng(1), 3000, 4, 3, "tied")[0]
    model = GaussianMixture(3, covariance_type="tied", init_params=init_params, random_state=0, tol=0.0, max_iter=40)
    with pytest.warns(ConvergenceWarning):
        model.fit(X)
    assert 1 <= len(slow) <= 3
    assert model.n_iter_ == 40
    assert np.all(np.diff(model.lower_bounds_) > -1e-12)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_the_size_of_a_covariance_is_its_own_where_nothing_moved(name):
    """s² is the variance about the old centres and the ridge: about the means it is the covariance's diagonal."""
    structure, rng = learning.structure_of(name), np.random.default_rng(4)
    matrices = np.stack([a.T @ a for a in rng.normal(size=(3, 9, 4))])
    scatter = {
        "full": matrices,
        "tied": matrices.sum(axis=0),
        "diag": np.einsum("kjj->kj", matrices),
        "spherical": np.einsum("kjj->k", matrices),
    }[name]
    counts, ridge = np.array([5.0, 8.0, 2.5]), np.full(4, 0.3)
    covariances = structure.with_ridge(structure.m_step(scatter.copy(), counts, 4), ridge)
    sizes = structure.sizes(scatter, counts, 4, 0.0, ridge)
    variances = structure.variances(covariances, 3)
    np.testing.assert_allclose(sizes**2, variances[:, 0] if name == "spherical" else variances, rtol=1e-14)


@pytest.mark.parametrize(("excess", "regular"), [(1.0, False), (8.0, True)])
def test_a_matrix_that_is_singular_but_for_rounding_is_refused(excess, regular):
    eps = np.finfo(float).eps
    matrix = np.array([[[1.0, 1.0], [1.0, 1.0 + excess * eps]]])
    if regular:
        assert np.isfinite(learning.make_parameters([1.0], [[0.0, 0.0]], matrix, "full").precisions_cholesky).all()
    else:
        with pytest.raises(learning.CovarianceError):
            learning.make_parameters([1.0], [[0.0, 0.0]], matrix, "full")
