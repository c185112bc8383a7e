"""sample_weight: repeats, absence and scale."""

import warnings

import numpy as np
import pytest
from estimator_helpers import start_for
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from gmm import GaussianMixture
from gmm.estimators import CollapsedComponentError

STRUCTURES = ("full", "tied", "diag", "spherical")
FITTED = ("weights_", "means_", "covariances_")
INITS = ("kmeans", "kmeans_whitened", "k-means++", "random", "random_from_data", "random_points", "hierarchical")


def fit(X, sample_weight=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(3, tol=1e-9, **{"max_iter": 60, **options}).fit(X, sample_weight=sample_weight)


def assert_same_fit(one, other, rtol=1e-9):
    assert one.n_iter_ == other.n_iter_
    np.testing.assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol=rtol)
    for name in FITTED:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=1e-12, err_msg=name)


def test_integer_weights_are_repeats(overlapping, covariance_type):
    X, labels = overlapping
    counts = np.random.default_rng(0).integers(0, 4, size=len(X))
    options = {"covariance_type": covariance_type, **start_for(X, labels, covariance_type)}
    weighted, repeated = fit(X, counts, **options), fit(np.repeat(X, counts, axis=0), **options)
    assert weighted.n_iter_ > 10
    assert_same_fit(weighted, repeated)
    # … and they matter.
    assert np.abs(weighted.means_ - fit(X, **options).means_).max() > 1e-3


def test_one_component_is_the_weighted_mean_and_covariance(covariance_type):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(40, 3)) + 5.0, rng.exponential(size=40)
    model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0.0).fit(X, sample_weight=weights)
    mean = np.average(X, axis=0, weights=weights)
    covariance = np.cov(X.T, aweights=weights, bias=True)
    variances = np.diag(covariance)
    expected = {"full": [covariance], "tied": covariance, "diag": [variances], "spherical": [variances.mean()]}
    np.testing.assert_allclose(model.means_[0], mean, rtol=1e-12)
    np.testing.assert_allclose(model.covariances_, expected[covariance_type], rtol=1e-12)


@pytest.mark.parametrize("init_params", INITS)
def test_weight_zero_is_absence_to_the_last_bit(overlapping, covariance_type, init_params):
    X, _ = overlapping
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=len(X)) * (rng.random(len(X)) < 0.7)
    far = X.copy()
    far[weights == 0.0] = 1e200  # whatever the absent samples hold
    present = weights > 0.0
    options = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 0}
    with_zeros, without = fit(far, weights, **options), fit(X[present], weights[present], **options)
    for name in FITTED:
        np.testing.assert_array_equal(getattr(with_zeros, name), getattr(without, name))


@pytest.mark.parametrize("init_params", INITS)
@given(exponent=st.integers(-900, 900))
@settings(max_examples=10)
def test_a_power_of_two_as_common_factor_changes_no_bit(init_params, exponent):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 2)) + rng.integers(0, 3, size=(60, 1)) * 2.0
    weights = rng.integers(1, 9, size=60).astype(float)
    options = {"init_params": init_params, "random_state": 0, "max_iter": 10}
    one, scaled = fit(X, weights, **options), fit(X, np.ldexp(weights, exponent), **options)
    for name in FITTED:
        np.testing.assert_array_equal(getattr(one, name), getattr(scaled, name))


@pytest.mark.parametrize("factor", [1 / 3, 1e-300, 1e300])
def test_any_common_factor_changes_nothing(overlapping, covariance_type, factor):
    X, labels = overlapping
    weights = np.random.default_rng(0).exponential(size=len(X))
    options = {"covariance_type": covariance_type, **start_for(X, labels, covariance_type)}
    assert_same_fit(fit(X, weights, **options), fit(X, factor * weights, **options))


@pytest.mark.parametrize("init_params", INITS)
def test_equal_weights_are_no_weights(overlapping, init_params):
    X, _ = overlapping
    options = {"init_params": init_params, "random_state": 0}
    weighted, plain = fit(X, np.full(len(X), 0.7), **options), fit(X, **options)
    if init_params in ("random_from_data", "random_points"):  # weighted and plain draws use the generator differently
        assert abs(weighted.lower_bound_ - plain.lower_bound_) < 0.05
    else:
        assert_same_fit(weighted, plain)


def test_random_starts_follow_the_weights():
    # Three samples in four have hardly any weight: starts from the data must avoid them.
    X = np.random.default_rng(0).normal(size=(400, 1))
    weights = np.where(np.arange(400) % 4 == 0, 1.0, 1e-12)
    for init_params in ("random_from_data", "random_points", "k-means++"):
        drawn = [
            GaussianMixture(2, init_params=init_params, max_iter=0, random_state=seed)
            .fit(X, sample_weight=weights)
            .means_
            for seed in range(20)
        ]
        assert np.isin(np.ravel(drawn), X[::4]).all()


def test_fit_predict_labels_every_sample(overlapping):
    X, _ = overlapping
    weights = (np.arange(len(X)) % 2).astype(float)
    labels = GaussianMixture(3, random_state=0).fit_predict(X, sample_weight=weights)
    model = GaussianMixture(3, random_state=0).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(labels, model.predict(X))


def test_weighted_score(overlapping):
    X, _ = overlapping
    model = GaussianMixture(3, random_state=0).fit(X)
    weights = np.random.default_rng(0).exponential(size=len(X))
    assert model.score(X, sample_weight=weights) == pytest.approx(np.average(model.score_samples(X), weights=weights))
    with pytest.raises(ValueError, match="at least one non-zero"):
        model.score(X, sample_weight=np.zeros(len(X)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.r_[-1.0, np.ones(299)], "Negative values in data passed to `sample_weight`"),
        (np.ones(299), r"sample_weight.shape == \(299,\), expected \(300,\)"),
        (np.ones((300, 2)), "Sample weights must be 1D array or scalar"),
        (np.r_[np.nan, np.ones(299)], "sample_weight contains NaN"),
        (np.r_[np.inf, np.ones(299)], "sample_weight contains infinity"),
        (np.zeros(300), "at least one non-zero"),
        (np.r_[1.0, np.zeros(299)], r"1 sample\(s\) with non-zero sample_weight"),
        (np.r_[1.0, 1.0, np.zeros(298)], "Expected n_samples >= n_components but got n_components = 3, n_samples = 2"),
    ],
)
def test_bad_weights_are_refused(overlapping, weights, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3).fit(overlapping[0], sample_weight=weights)


def test_a_collapse_is_told_in_the_numbers_of_all_samples():
    X = np.array([[0.0], [100.0], [1.0], [2.0], [50.0], [50.5]])
    weights = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    with pytest.raises(CollapsedComponentError, match=r"\[5\]") as error:
        GaussianMixture(2, reg_covar=0.0, random_state=0).fit(X, sample_weight=weights)
    assert error.value.samples.tolist() == [5]


def test_scores_are_the_same_for_all_structures_with_one_feature():
    # With d = 1 and K = 1 the four structures are one model.
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(50, 1)), rng.exponential(size=50)
    scores = [GaussianMixture(1, covariance_type=s).fit(X, sample_weight=weights).score_samples(X) for s in STRUCTURES]
    for score in scores[1:]:
        np.testing.assert_allclose(score, scores[0], rtol=1e-12)
