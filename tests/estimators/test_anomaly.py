"""`AnomalyDetector`: false alarms on fresh samples, its conventions, and why it flags what it flags."""

import doctest

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture as TheirGaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from gmm import AnomalyDetector, BayesianGaussianMixture, GaussianMixture
from gmm.estimators import anomaly

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::gmm.RegularisationWarning"
)
FRESH, RUNS = 200, 40

# name -> (draws, d, n, template, false_alarm)
DISTRIBUTIONS = {
    "normal": (lambda rng, n, d: rng.normal(size=(n, d)), 2, 100, None, 0.1),
    "heavy tails": (lambda rng, n, d: rng.standard_t(2, size=(n, d)), 3, 120, GaussianMixture(2), 0.05),
    "no moments": (lambda rng, n, d: rng.standard_cauchy(size=(n, d)), 2, 100, None, 0.1),
    "skewed": (lambda rng, n, d: rng.lognormal(size=(n, d)), 2, 200, None, 0.02),
    "twenty features": (lambda rng, n, d: rng.gamma(1.0, size=(n, d)), 20, 100, None, 0.1),
    "two groups": (
        lambda rng, n, d: rng.normal(size=(n, d)) + 4.0 * rng.integers(2, size=(n, 1)),
        8, 150, GaussianMixture(2, covariance_type="diag"), 0.05,
    ),
}  # fmt: skip


def rates(draw, d, n, template, alpha, calibration="split"):
    """Shares of fresh samples that are flagged, in RUNS runs; those of the in-sample quantile; a fitted detector."""
    flagged, optimistic = np.empty(RUNS), np.empty(RUNS)
    for run in range(RUNS):
        rng = np.random.default_rng(run)
        X, fresh = draw(rng, n, d), draw(rng, FRESH, d)
        detector = AnomalyDetector(template, false_alarm=alpha, calibration=calibration, n_folds=5, random_state=run)
        flagged[run] = (detector.fit(X).predict(fresh) == -1).mean()
        whole = clone(detector.mixture_).fit(X)
        optimistic[run] = (whole.score_samples(fresh) < np.quantile(whole.score_samples(X), alpha)).mean()
    return flagged, optimistic, detector


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_false_alarms_of_fresh_samples_are_what_was_promised(name):
    draw, d, n, template, alpha = DISTRIBUTIONS[name]
    flagged, optimistic, detector = rates(draw, d, n, template, alpha)
    j, m = detector.rank_, detector.n_calibration_
    assert detector.false_alarm_bound_ == j / (m + 1) <= alpha
    # Beta(j, m + 1 - j) from fit to fit, and binomial within one.
    beta = stats.beta(j, m + 1 - j)
    error = np.sqrt((beta.var() + (beta.mean() - beta.moment(2)) / FRESH) / RUNS)
    assert flagged.mean() == pytest.approx(j / (m + 1), abs=4.0 * error)
    # The quantile of the samples that were fitted promises the same and does not keep it.
    excess = optimistic.mean() - alpha
    if d > 2:
        assert excess > 4.0 * optimistic.std() / np.sqrt(RUNS)
    if d == 20:
        assert optimistic.mean() > 2.0 * alpha


@pytest.mark.parametrize("name", ["normal", "twenty features"])
def test_cross_calibration_stays_below_its_bound_and_near_the_rate(name):
    draw, d, n, template, alpha = DISTRIBUTIONS[name]
    flagged, _, detector = rates(draw, d, n, template, alpha, "cross")
    a = detector.rank_ / (n + 1)
    assert detector.false_alarm_bound_ == pytest.approx(2 * a + 2 * (1 - a) * 4 / (n + 5), rel=1e-12)
    assert flagged.mean() < detector.false_alarm_bound_
    assert flagged.mean() == pytest.approx(a, abs=4.0 * flagged.std() / np.sqrt(RUNS) + 0.01)


def test_within_one_fit_the_rate_has_the_beta_distribution():
    # A frozen density: with cross-calibration all samples calibrate it, as one split would.
    standard = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    true_rates = []
    for seed in range(300):
        X = np.random.default_rng(seed).normal(size=(59, 1))
        detector = AnomalyDetector(
            FrozenEstimator(standard), false_alarm=0.1, calibration="cross", n_folds=3, random_state=0
        ).fit(X)
        radius = np.sqrt(-2.0 * detector.offset_ - np.log(2.0 * np.pi))
        true_rates.append(2.0 * stats.norm.sf(radius))
    assert detector.rank_ == 6
    assert stats.kstest(true_rates, stats.beta(6, 54).cdf).pvalue > 1e-3


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(5)
    return rng.normal(size=(230, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -2.0], [0.0, 0.0, 0.7]])


@pytest.mark.parametrize("calibration", ["split", "cross"])
@pytest.mark.parametrize("false_alarm", [0.01, 0.05, 0.29, 1 / 3])
def test_prediction_p_value_and_decision_say_the_same(X, calibration, false_alarm):
    detector = AnomalyDetector(false_alarm=false_alarm, calibration=calibration, random_state=1).fit(X)
    rows = np.concatenate([X, 1.5 * X, X + 3.0])
    p = detector.p_values(rows)
    flagged = detector.predict(rows) == -1
    np.testing.assert_array_equal(flagged, p <= false_alarm)
    np.testing.assert_array_equal(flagged, detector.decision_function(rows) < 0.0)
    np.testing.assert_allclose(
        detector.decision_function(rows), detector.score_samples(rows) - detector.offset_, atol=1e-12
    )


def test_p_values_by_counting_pairs(X):
    rows = X[:20] + 1.0
    split = AnomalyDetector(random_state=1).fit(X)
    usual, scores = split.calibration_scores_[0], split.mixture_.score_samples(rows)
    expected = [(1 + sum(s <= score for s in usual)) / (len(usual) + 1) for score in scores]
    np.testing.assert_allclose(split.p_values(rows), expected, rtol=1e-15)
    cross = AnomalyDetector(calibration="cross", n_folds=4, random_state=1).fit(X)
    counts = sum(
        (usual[:, None] <= fit.score_samples(rows)).sum(axis=0)
        for fit, usual in zip(cross.mixtures_, cross.calibration_scores_, strict=True)
    )
    np.testing.assert_allclose(cross.p_values(rows), (1 + counts) / 231, rtol=1e-15)
    assert sum(map(len, cross.calibration_scores_)) == cross.n_calibration_ == len(X)


def test_a_rank_is_taken_in_decimals_as_it_was_written():
    # 0.29 * 100 is 28.999999999999996 in binary.
    X = np.random.default_rng(0).normal(size=(198, 1))
    detector = AnomalyDetector(false_alarm=0.29, random_state=0).fit(X)
    assert (detector.n_calibration_, detector.rank_) == (99, 29)
    assert detector.offset_ == detector.calibration_scores_[0][28]


def test_calibration_samples_take_no_part_in_the_fit(X):
    detector = AnomalyDetector(false_alarm=0.1, calibration_size=0.3, random_state=3).fit(X)
    assert detector.n_calibration_ == 69
    n_train = len(X) - 69
    # The fit's own mean log-density is that of the others: their scores complete those of the calibration.
    scores = np.sort(detector.mixture_.score_samples(X))
    train = np.setdiff1d(scores, detector.calibration_scores_[0])
    assert len(train) == n_train
    assert train.mean() == pytest.approx(detector.mixture_.lower_bound_, rel=1e-10)


@pytest.mark.parametrize("calibration", ["split", "cross"])
def test_too_few_samples_are_told_and_flag_nothing(calibration):
    X = np.random.default_rng(0).normal(size=(40, 2))
    detector = AnomalyDetector(calibration=calibration, random_state=0)
    with pytest.warns(UserWarning, match=r"calibration samples cannot show a p-value of 0.01 or less.*: 99 are needed"):
        detector.fit(X)
    far = np.array([[100.0, 0.0], [1e200, 0.0]])
    assert (detector.offset_, detector.false_alarm_bound_) == (-np.inf, 0.0)
    np.testing.assert_array_equal(detector.predict(far), 1)
    np.testing.assert_array_equal(detector.decision_function(far), np.inf)
    assert detector.p_values(far)[0] == 1 / (detector.n_calibration_ + 1)


def test_samples_beyond_the_range_of_float64_are_flagged(X):
    for calibration in ("split", "cross"):
        detector = AnomalyDetector(calibration=calibration, false_alarm=0.05, random_state=0).fit(X)
        far = [[1e200, -1e200, 0.0]]
        assert (detector.predict(far)[0], detector.decision_function(far)[0]) == (-1, -np.inf)


@pytest.mark.parametrize("calibration", ["split", "cross"])
def test_calibration_samples_beyond_the_range_of_float64_tie_with_fresh_ones(calibration):
    standard = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    X = np.random.default_rng(0).normal(size=(60, 1))
    X[::3] = 1e200
    detector = AnomalyDetector(FrozenEstimator(standard), false_alarm=0.1, calibration=calibration, random_state=0)
    rows = [[1e200], [0.0]]
    assert detector.fit(X).offset_ == -np.inf
    assert detector.p_values(rows)[0] > 0.1
    np.testing.assert_array_equal(detector.predict(rows), 1)
    assert detector.decision_function(rows)[0] == 0.0


def test_ties_raise_the_p_value():
    X = np.repeat([[0.0], [1.0]], 50, axis=0)
    detector = AnomalyDetector(GaussianMixture(reg_covar=0.1), false_alarm=0.1, random_state=0).fit(X)
    assert (detector.predict(X) == 1).all()


@pytest.mark.parametrize(
    "template",
    [
        BayesianGaussianMixture(n_components=3),
        TheirGaussianMixture(2),
        KernelDensity(),
        make_pipeline(StandardScaler(), GaussianMixture(2)),
    ],
    ids=lambda template: type(template).__name__,
)
def test_any_template_serves_and_stays_unfitted(X, template):
    before = str(template.get_params())
    detector = AnomalyDetector(template, false_alarm=0.05, random_state=0)
    first = detector.fit(X).p_values(X)
    np.testing.assert_array_equal(first, clone(detector).fit(X).p_values(X))
    assert (str(template.get_params()), hasattr(template, "means_")) == (before, False)
    assert np.quantile(first, 0.5) == pytest.approx(0.5, abs=0.15)
    if isinstance(template, BayesianGaussianMixture):  # its predictive density
        scores = detector.mixture_.predictive_log_density(X)
        np.testing.assert_array_equal(detector.score_samples(X), scores)


def test_in_a_pipeline_units_do_not_matter(X):
    pipeline = make_pipeline(StandardScaler(), AnomalyDetector(false_alarm=0.05, random_state=0)).fit(X)
    other = make_pipeline(StandardScaler(), AnomalyDetector(false_alarm=0.05, random_state=0)).fit(1000.0 * X)
    np.testing.assert_array_equal(pipeline.predict(X), other.predict(1000.0 * X))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("calibration", ["split", "cross"])
def test_check_estimator_passes_whole(calibration):
    # At the default rate of 1 % none of scikit-learn's 300 usual samples needs to be flagged, which two checks ask for.
    detector = AnomalyDetector(false_alarm=0.1, calibration=calibration, n_folds=3)
    results = check_estimator(detector, on_fail=None, on_skip=None)
    assert not {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert len(results) >= 40


# ------------------------------------------------------------------------------------- why


def test_one_gaussian_explains_by_its_conditional_residuals(X):
    detector = AnomalyDetector(false_alarm=0.1, random_state=0).fit(X)
    found = detector.explain(X[:9])
    mean, covariance = detector.mixture_.means_[0], detector.mixture_.covariances_[0]
    for j in range(3):
        rest = [other for other in range(3) if other != j]
        gain = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, j])
        expected = mean[j] + (X[:9, rest] - mean[rest]) @ gain
        deviation = np.sqrt(covariance[j, j] - covariance[j, rest] @ gain)
        np.testing.assert_allclose(found.mean[:, j], expected, rtol=1e-9)
        np.testing.assert_allclose(found.deviation[:, j], deviation, rtol=1e-9)
        z = (X[:9, j] - expected) / deviation
        np.testing.assert_allclose(found.surprise[:, j], 0.5 * (z**2 - 1.0), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_surprises_of_mixtures_by_quadrature(covariance_type):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 2)) + 3.0 * rng.integers(2, size=(300, 1)) * [1.0, -1.0]
    template = GaussianMixture(2, covariance_type=covariance_type)
    detector = AnomalyDetector(template, false_alarm=0.1, random_state=0).fit(X)
    fit, row = detector.mixture_, np.array([1.3, -0.4])
    found = detector.explain(row[None])
    for j in (0, 1):
        line = np.linspace(-12.0, 14.0, 40_001)
        rows = np.tile(row, (len(line), 1))
        rows[:, j] = line
        joint = np.exp(fit.score_samples(rows))
        conditional = joint / integrate.simpson(joint, x=line)
        surprise = -np.log(np.interp(row[j], line, conditional))
        expected = integrate.simpson(-conditional * np.log(conditional), x=line)
        mean = integrate.simpson(conditional * line, x=line)
        variance = integrate.simpson(conditional * (line - mean) ** 2, x=line)
        assert found.surprise[0, j] == pytest.approx(surprise - expected, abs=2e-4)
        assert found.mean[0, j] == pytest.approx(mean, abs=1e-7)
        assert found.deviation[0, j] == pytest.approx(np.sqrt(variance), rel=1e-7)


def test_surprises_average_to_zero_over_draws_of_the_mixture():
    template = GaussianMixture(3)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)) + rng.integers(3, size=(400, 1)) * [2.0, 0.0, 3.0]
    detector = AnomalyDetector(template, false_alarm=0.1, random_state=0).fit(X)
    draws, _ = detector.mixture_.sample(4000, random_state=0)
    surprise = detector.explain(draws).surprise
    assert (np.abs(surprise.mean(axis=0)) < 4.0 * surprise.std(axis=0) / np.sqrt(4000)).all()


def test_a_broken_feature_is_named(X):
    detector = AnomalyDetector(false_alarm=0.05, random_state=0).fit(X)
    rows = X[:60].copy()
    broken = np.arange(60) % 3
    rows[np.arange(60), broken] += 8.0 * detector.explain(rows).deviation[np.arange(60), broken]
    found = detector.explain(rows)
    assert (detector.predict(rows) == -1).mean() > 0.9
    assert (found.surprise.argmax(axis=1) == broken).mean() > 0.7


def test_one_feature_is_compared_with_all_its_values():
    X = np.random.default_rng(0).normal(2.0, 3.0, size=(100, 1))
    detector = AnomalyDetector(false_alarm=0.1, random_state=0).fit(X)
    found = detector.explain(X)
    np.testing.assert_allclose(found.mean, detector.mixture_.means_[0, 0])
    np.testing.assert_allclose(found.deviation**2, detector.mixture_.covariances_[0, 0, 0])


def test_far_away_a_component_without_weight_still_counts():
    # p(x_1 | x_0) has the weight e^-1250 on the component that explains x_1: in logarithms it is there.
    mixture = GaussianMixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [50.0, 60.0]], [[1.0, 1.0], [1.0, 1.0]], covariance_type="diag"
    )
    X = mixture.sample(100, random_state=0)[0]
    detector = AnomalyDetector(FrozenEstimator(mixture), false_alarm=0.1, random_state=0).fit(X)
    surprise = detector.explain([[0.0, 60.0]]).surprise[0, 1]
    joint = mixture.score_samples([[0.0, 60.0]])[0]
    marginal = mixture.marginal(0).score_samples([[0.0]])[0]
    assert surprise == pytest.approx(marginal - joint - 0.5 * np.log(2.0 * np.pi * np.e), rel=1e-9)


def test_what_has_no_gaussian_components_is_not_explained(X):
    detector = AnomalyDetector(KernelDensity(), false_alarm=0.1, random_state=0).fit(X)
    with pytest.raises(TypeError, match="explain takes a mixture of Gaussian components; this is a KernelDensity"):
        detector.explain(X)
    detector = AnomalyDetector(false_alarm=0.1, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"X\[1\] is so far from every component"):
        detector.explain([X[0], [1e300, 0.0, -1e300]])


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(anomaly)
    assert failed == 0
    assert attempted


# ------------------------------------------------------------------------------------- bad input

GOOD = np.random.default_rng(0).normal(size=(50, 2))
STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.just(GOOD), st.lists(st.floats())
)
NAMES = ["mixture", "false_alarm", "calibration", "calibration_size", "n_folds", "random_state"]


def right_or_refused(detector, X):
    """Fit and score: the words of a refusal, after which nothing has changed, or None if the answer makes sense."""
    try:
        p = detector.fit(X).p_values(X)
    except (ValueError, TypeError) as error:
        refusal = str(error)
        assert not {name for name in vars(detector) if name.endswith("_")}
        return refusal
    assert ((p > 0.0) & (p <= 1.0)).all()
    assert not np.isnan(detector.decision_function(X)).any()
    np.testing.assert_array_equal(detector.predict(X) == -1, p <= detector.false_alarm)
    return None


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), STRANGE)
def test_strange_settings_are_refused_or_right(name, value):
    detector = AnomalyDetector(**{"false_alarm": 0.1, "random_state": 0} | {name: value})
    refusal = right_or_refused(detector, GOOD)
    assert refusal is None or name in refusal or (name == "random_state" and "cannot be used to seed" in refusal)


TABLES = st.builds(
    lambda n, d, entry: np.where(np.arange(n * d).reshape(n, d) == 1, entry, GOOD[:1, :1] + np.arange(n)[:, None]),
    st.integers(0, 12), st.integers(0, 3), st.floats(allow_nan=True, allow_infinity=True),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TABLES, st.sampled_from(["split", "cross"]))
def test_strange_data_are_refused_or_right(X, calibration):
    detector = AnomalyDetector(false_alarm=0.3, calibration=calibration, n_folds=3, random_state=0)
    right_or_refused(detector, X)
