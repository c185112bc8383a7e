"""Each entry of the page "From symptom to section" is reproduced once."""

import re
import warnings

import chapters
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from sklearn.metrics import adjusted_rand_score

import gmm
from gmm import datasets

ENTRIES = re.findall(r"^### (.+)$", chapters.markdown(chapters.BOOK / "symptoms.md"), re.M)
SHOWN = {}
# What is no matter of mathematics: how long a first call takes is measured where the cache is tested.
ELSEWHERE = {"The first call takes seconds"}


def shows(entry):
    """Say which entry of the page a test reproduces."""

    def note(test):
        SHOWN[entry] = test
        return test

    return note


@pytest.fixture(scope="module")
def faithful():
    return datasets.load_old_faithful().X


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def two_groups(rng, n=60, d=1, apart=8.0):
    X = rng.normal(size=(n, d))
    X[n // 2 :, 0] += apart
    return X


def fit(X, n_components=2, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gmm.GaussianMixture(n_components, **{"random_state": 0, **settings}).fit(X)


@shows("An error says that a component collapsed, or that a covariance is ill-defined or singular")
def test_collapse(rng):
    X = np.vstack([rng.normal(size=(40, 2)), np.full((5, 2), 9.0)])
    with pytest.raises(gmm.CollapsedComponentError, match="ill-defined") as error:
        fit(X, reg_covar=0.0)
    assert_allclose(X[error.value.samples], 9.0)
    for cure in ({"covariance_type": "tied"}, {"covariance_prior": "default"}, {"n_components": 1}):
        assert np.isfinite(fit(X, reg_covar=0.0, **cure).score(X))


@shows("The log-likelihood or the responsibilities are nan")
def test_densities_far_out():
    log_joint = gmm.joint_log_density(np.array([[60.0]]), [0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.exp(log_joint) / np.exp(log_joint).sum()).all()
    assert_allclose(gmm.log_sum_exp(log_joint), logsumexp(log_joint, axis=1), rtol=1e-14)


@shows('Linear algebra says "singular matrix", or "not positive definite"')
def test_singular_features(rng):
    X = rng.integers(0, 9, size=(30, 2)).astype(float)
    for extra in (X.sum(axis=1), np.ones(30)):
        with pytest.raises(gmm.CollapsedComponentError):
            fit(np.column_stack([X, extra]), 1, reg_covar=0.0)
    assert np.isfinite(fit(X, 1, reg_covar=0.0).score(X))


@shows("The data hold nan")
def test_missing_values(rng):
    X = two_groups(rng, 80, 2)
    X[::5, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        fit(X)
    assert np.isfinite(fit(X, missing="marginalise").means_).all()


@shows("The log-likelihood rises without end")
def test_no_upper_bound(rng):
    X = rng.normal(size=(20, 1))
    spikes = [
        gmm.log_likelihood(X, [0.5, 0.5], [[0.0], X[0]], [[[1.0]], [[variance]]]) for variance in (1e-4, 1e-20, 1e-36)
    ]
    assert np.all(np.diff(spikes) > 1)
    assert_allclose(spikes[2] - spikes[1], 8 * np.log(10), atol=1e-3)  # half the logarithm of the variance


@shows("The log-likelihood is flat from the first iteration")
def test_equal_components(faithful):
    covariance = np.cov(faithful.T)
    result = gmm.em(faithful, [0.5, 0.5], [[3.0, 70.0]] * 2, [covariance] * 2)
    assert_allclose(result.means[0], result.means[1])
    assert_allclose(np.diff(result.log_likelihoods[1:]), 0, atol=1e-8)
    assert fit(faithful).score(faithful) > result.log_likelihood / 272 + 0.1


@shows("The log-likelihood is flat, and the fit is poor")
def test_plateau(faithful):
    long = faithful[faithful[:, 0] > 4]  # chapter 8's start: both among the long eruptions
    covariance = [np.cov(faithful.T)] * 2
    start = ([0.5, 0.5], [long[0], long[1]], covariance)
    soon = gmm.em(faithful, *start, tol=1e-3)
    late = gmm.em(faithful, *start, tol=1e-8)
    assert late.log_likelihood > soon.log_likelihood + 50


@shows("The log-likelihood falls")
def test_prior_is_part_of_what_rises(faithful):
    """With a strong prior the likelihood falls from its maximum while what is maximised rises."""
    best = fit(faithful, tol=1e-9, max_iter=1000)
    start = {"weights_init": best.weights_, "means_init": best.means_, "precisions_init": best.precisions_}
    held = fit(faithful, covariance_prior="default", tol=1e-9, max_iter=1000, **start)
    assert held.score(faithful) < best.score(faithful)
    assert np.all(np.diff(held.lower_bounds_) > -1e-9)
    ridge = gmm.em(faithful, best.weights_, best.means_, best.covariances_, reg_covar=0.1, tol=0, max_iter=4)
    assert ridge.log_likelihoods[-1] < ridge.log_likelihoods[0] - 1


@shows("The score is positive, or BIC is negative")
def test_units(faithful):
    days = faithful / (24 * 60)
    ours, theirs = fit(faithful, reg_covar=0.0), fit(days, reg_covar=0.0)
    assert ours.score(faithful) < 0 < theirs.score(days)
    assert theirs.bic(days) < 0 < ours.bic(faithful)
    assert_allclose(theirs.score(days) - ours.score(faithful), 2 * np.log(24 * 60), rtol=1e-6)


@shows("Another answer each run")
def test_several_maxima(rng):
    centres = np.array([0, 6, 12, 18, 24.0])
    X = np.concatenate([rng.normal(c, 1, 40) for c in centres])[:, None]
    ends = {
        round(fit(X, 5, init_params="random_from_data", random_state=seed, tol=1e-6, max_iter=500).score(X), 1)
        for seed in range(8)
    }
    assert len(ends) > 1
    found = fit(X, 5, init_params="random_from_data", n_init=20, tol=1e-6, max_iter=500)
    assert len(found.restarts_["lower_bound"]) == 20
    assert found.score(X) >= max(ends) - 0.1


@shows("The same groups with other numbers")
def test_order(faithful):
    one = fit(faithful)
    other = one.sorted(by=[1, 0])
    assert_allclose(other.means_, one.means_[::-1])
    assert np.mean(one.predict(faithful) == other.predict(faithful)) == 0
    assert adjusted_rand_score(one.predict(faithful), other.predict(faithful)) == 1


@shows("Everything in one group, and a few samples in the other")
def test_outliers(rng):
    X = np.vstack([two_groups(rng, 100, 2, apart=6.0), [[60.0, 60.0], [64.0, 58.0], [57.0, 63.0]]])
    sizes = np.bincount(fit(X, n_init=5).predict(X))
    assert sizes.min() == 3
    robust = fit(X, n_init=5, noise=True)
    student = gmm.StudentMixture(2, n_init=5, random_state=0).fit(X)
    groups = np.repeat([0, 1], 50)
    for mixture in (robust, student):
        assert adjusted_rand_score(groups, mixture.predict(X)[:100]) > 0.9


@shows("A component is empty")
def test_faded(faithful):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = gmm.BayesianGaussianMixture(
            n_components=8, weight_concentration_prior=1e-3, max_iter=2000, tol=1e-6, random_state=0
        ).fit(faithful)
    assert np.sum(found.weights_ < 1e-3) >= 4


@shows("A long group is cut in two")
def test_long_groups(rng):
    X = rng.normal(size=(200, 2)) * [12, 1]
    X[100:, 1] += 8
    groups = np.repeat([0, 1], 100)
    assert adjusted_rand_score(groups, fit(X, covariance_type="spherical", n_init=5).predict(X)) < 0.2
    for structure in ("full", "tied"):
        mixture = fit(X, covariance_type=structure, n_init=20, init_params="random_from_data", max_iter=500)
        assert adjusted_rand_score(groups, mixture.predict(X)) > 0.95


@pytest.fixture(scope="module")
def bent():
    """A ring, and a round group far from it."""
    rng = np.random.default_rng(5)
    angle, radius = rng.uniform(0, 2 * np.pi, 240), 5 + rng.normal(0, 0.3, 240)
    ring = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([ring, rng.normal([20, 0], 1, size=(120, 2))])


@shows("One bent group is covered by several components")
def test_bent_groups(bent):
    mixture = fit(bent, 6, n_init=5, max_iter=500)
    assert len(set(mixture.predict(bent)[:240])) > 2
    merged = gmm.merge_components(mixture, bent)
    assert adjusted_rand_score(np.repeat([0, 1], [240, 120]), merged.labels(2)) > 0.95


@shows("The best K is the largest that was tried")
def test_edge_of_the_grid(bent):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = gmm.select(bent, range(1, 5), "full", random_state=0)
    assert found.best_.n_components == 4
    assert "largest that was tried" in str(found.summary())


@shows("Other groups in other units")
def test_other_units(faithful):
    seconds = faithful * [60, 1]
    settings = {"reg_covar": 0.0, "tol": 1e-10, "max_iter": 2000}
    full, again = fit(faithful, **settings), fit(seconds, **settings)
    assert_allclose(again.predict_proba(seconds), full.predict_proba(faithful), atol=1e-5)
    round_, changed = (fit(X, covariance_type="spherical", **settings) for X in (faithful, seconds))
    assert adjusted_rand_score(round_.predict(faithful), changed.predict(seconds)) < 0.999


@shows("Every probability is 0 or 1")
def test_many_features(rng):
    def doubt(d):
        """Return how many samples of two groups, which overlap in each feature, get a share between 1 % and 99 %."""
        X = rng.normal(size=(400, d)) + np.repeat([0.0, 1.0], 200)[:, None]
        log_resp = gmm.joint_log_density(X, [0.5, 0.5], [np.zeros(d), np.ones(d)], [np.eye(d)] * 2)
        share = np.exp(log_resp[:, 0] - logsumexp(log_resp, axis=1))
        return np.mean((share > 0.01) & (share < 0.99))

    assert doubt(1) > 0.9
    assert doubt(60) < 0.1


@shows("BIC, AIC and ICL disagree")
def test_criteria(faithful):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = {
            gmm.select(faithful, range(1, 5), "full", criterion=name, n_init=3, random_state=0).best_.n_components
            for name in ("aic", "bic", "icl")
        }
    assert len(chosen) > 1


@shows("The best BIC is the worst model")
def test_two_signs(faithful):
    one, two = fit(faithful, 1), fit(faithful, 2)
    assert two.bic(faithful) < one.bic(faithful)
    ours = gmm.bic(one.score(faithful) * 272, 5, 272)
    assert_allclose(ours, one.bic(faithful))
    assert_allclose(gmm.bic_maximised(one.score(faithful) * 272, 5, 272), -ours)


@shows("More parameters than samples")
def test_few_samples(rng):
    X = two_groups(rng, 24, 20)
    with pytest.raises(gmm.CollapsedComponentError):
        fit(X, reg_covar=0.0)
    for cure in ({"covariance_type": "diag"}, {"covariance_type": "tied"}, {"covariance_prior": "default"}):
        assert np.isfinite(fit(X, reg_covar=0.0, **cure).score(X))
    assert X.shape[0] < 20 * 21 // 2  # of one covariance


@shows("Labels differ from mclust or scikit-learn")
def test_defaults():
    X = datasets.load_iris().X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = gmm.mclust(X)
        ours = gmm.GaussianMixture(found.best_.n_components, random_state=0).fit(X)
    assert (found.best_.covariance_type, found.best_.n_components) == ("VEV", 2)  # mclust's, too
    assert ours.covariance_type == "full"
    assert found.best_.reg_covar == 0 != ours.reg_covar


@shows("New samples score far lower than the training data")
def test_flattery(rng):
    gaps = np.zeros(2)
    for _ in range(20):
        X, fresh = rng.normal(size=(60, 3)), rng.normal(size=(500, 3))
        gaps += [(mixture.score(X) - mixture.score(fresh)) / 20 for mixture in (fit(X, K) for K in (1, 4))]
    assert 0 < gaps[0] < gaps[1] - 0.3


@shows("More alarms than the threshold promised")
def test_threshold_of_samples_seen(rng):
    seen = fresh = 0
    for _ in range(20):
        X, new = rng.normal(size=(60, 3)), rng.normal(size=(500, 3))
        mixture = fit(X, 3)
        threshold = np.quantile(mixture.score_samples(X), 0.05)
        seen += np.mean(mixture.score_samples(X) < threshold) / 20
        fresh += np.mean(mixture.score_samples(new) < threshold) / 20
    assert seen <= 0.051
    assert fresh > 0.1


@shows("Hundreds of iterations, or a ConvergenceWarning")
def test_overlap(rng):
    n_iter = [
        fit(two_groups(rng, 400, 1, apart), tol=1e-8, max_iter=20_000, reg_covar=0.0).n_iter_ for apart in (8, 1.5)
    ]
    assert n_iter[0] < 20
    assert n_iter[1] > 100


@shows("Each iteration takes long")
def test_cost():
    ten, twenty = (gmm.em_cost(100_000, d, 3) for d in (100, 200))
    assert_allclose(twenty / ten, 4, rtol=0.03)


@shows("The data do not fit into memory")
def test_batches_give_the_same_fit(rng, tmp_path):
    X = two_groups(rng, 400, 2)
    np.save(tmp_path / "table.npy", X)
    by_batches = gmm.GaussianMixture(2, random_state=0).fit_batches(lambda: iter(np.array_split(X, 7)))
    for found in (by_batches, gmm.GaussianMixture(2, random_state=0).fit_batches(tmp_path / "table.npy")):
        assert_allclose(found.covariances_, fit(X).covariances_, rtol=1e-9)


@shows("partial_fit has lost groups that it knew")
def test_streams_in_order(rng):
    X = two_groups(rng, 4000, 1, apart=12.0)
    first = X[::40]
    scores = {}
    for name, rest in {"in order": X, "shuffled": rng.permutation(X)}.items():
        mixture = gmm.GaussianMixture(2, random_state=0).fit(first)
        for batch in np.split(rest, 40):
            mixture.partial_fit(batch)
        scores[name] = len(X) * (fit(X).score(X) - mixture.score(X))
    assert scores["shuffled"] < 20
    assert scores["in order"] > 500


def test_each_entry_is_reproduced():
    assert set(ENTRIES) == set(SHOWN) | ELSEWHERE
    assert len(ENTRIES) == len(set(ENTRIES)) > 20
