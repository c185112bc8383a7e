"""Chapter 17: regions of highest density, conformal p-values, surprises, and how detectors are judged."""

from __future__ import annotations

import inspect
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.metrics import precision_score, roc_auc_score

import gmm
from gmm.formulas import anomalies
from gmm.formulas.anomalies import (
    alarm_precision,
    conditional_surprise,
    conformal_p_values,
    conformal_threshold,
    cross_conformal_bound,
    cross_conformal_p_values,
    excess_surprise,
    false_alarm_log_density,
    fresh_distance,
    gaussian_region_mass,
    roc_area,
)

SEEDS = st.integers(0, 10**6)

# ------------------------------------------------------------------------------------- regions


@pytest.mark.equation("eq-anomaly-region-mass")
@given(st.floats(0.0, 12.0), st.integers(1, 60))
def test_region_mass_is_the_chi_squared_distribution(radius, d):
    assert gaussian_region_mass(radius, d) == pytest.approx(stats.chi2.cdf(radius**2, d), abs=1e-14)


@pytest.mark.equation("eq-anomaly-region-mass")
def test_region_mass_of_two_features_is_that_of_chapter_2_and_no_radius_has_none():
    assert gaussian_region_mass(1.7, 2) == pytest.approx(gmm.ellipse_mass(1.7), rel=1e-15)
    assert [gaussian_region_mass(0.0, d) for d in (1, 2, 7)] == [0.0, 0.0, 0.0]


# ------------------------------------------------------------------------------------- the fit's own samples


@pytest.mark.equation("eq-anomaly-fresh")
@pytest.mark.parametrize(("n", "d"), [(20, 3), (40, 10)])
def test_fresh_distances_by_hotellings_distribution_and_by_draws(n, d):
    # (x - mean)ᵀ S⁻¹ (x - mean), S divided by n, is a multiple of an F(d, n - d) variable.
    hotelling = stats.f(d, n - d).mean() * d * (n + 1) / (n - d)
    assert fresh_distance(n, d) == pytest.approx(hotelling, rel=1e-12)
    rng, own, fresh = np.random.default_rng(n), [], []
    for _ in range(100):
        X, Y = rng.normal(size=(n, d)), rng.normal(size=(25, d))
        mean = X.mean(axis=0)
        covariance = gmm.sample_covariance(X)
        own.append(gmm.mahalanobis_squared(X, mean, covariance).mean())
        fresh.append(gmm.mahalanobis_squared(Y, mean, covariance).mean())
    np.testing.assert_allclose(own, d, rtol=1e-10)
    assert np.mean(fresh) == pytest.approx(fresh_distance(n, d), abs=4.0 * np.std(fresh) / 10.0)


# ------------------------------------------------------------------------------------- conformal p-values


@pytest.mark.equation("eq-anomaly-p")
@pytest.mark.parametrize("values", [[0.3, -1.0, 2.0, 0.7, 5.0], [1.0, 1.0, 2.0, 3.0, 3.0]])
def test_over_all_orders_a_p_value_keeps_its_promise(values):
    # Exchangeability made exact: each of the samples is the fresh one equally often.
    found = []
    for order in itertools.permutations(values):
        found.append(conformal_p_values(order[:1], order[1:])[0])
    found = np.array(found)
    for alpha in (0.2, 0.4, 0.6, 0.8, 1.0):
        share = (found <= alpha + 1e-12).mean()
        if len(set(values)) == len(values):
            assert share == pytest.approx(alpha)
        assert share <= alpha + 1e-12


@pytest.mark.equation("eq-anomaly-p", "eq-anomaly-threshold")
@given(SEEDS, st.integers(1, 40), st.integers(1, 99))
def test_threshold_and_p_value_flag_the_same(seed, m, percent):
    rng = np.random.default_rng(seed)
    calibration, scores = rng.integers(-8, 9, size=m) / 2.0, rng.integers(-10, 11, size=30) / 2.0
    flagged = scores < conformal_threshold(calibration, percent / 100)
    # In whole numbers, so that no rounding decides.
    ranks = [round(float(p) * (m + 1)) for p in conformal_p_values(scores, calibration)]
    assert flagged.tolist() == [Fraction(rank, m + 1) <= Fraction(percent, 100) for rank in ranks]


@pytest.mark.equation("eq-anomaly-threshold")
def test_threshold_by_hand():
    calibration = np.arange(99.0)[::-1]
    assert conformal_threshold(calibration, 0.05) == 4.0
    assert conformal_threshold(calibration, 0.29) == 28.0  # 0.29 * 100 is below 29 in binary
    assert conformal_threshold(calibration, 0.0099) == -math.inf


@pytest.mark.equation("eq-anomaly-beta")
@pytest.mark.parametrize(("m", "j"), [(1, 1), (49, 2), (199, 10), (30, 30)])
def test_rates_of_false_alarms_have_the_density_of_an_order_statistic(m, j):
    for rate in (0.01, 0.2, 0.93):
        assert false_alarm_log_density(rate, m, j) == pytest.approx(stats.beta.logpdf(rate, j, m + 1 - j), rel=1e-9)
    total, _ = integrate.quad(lambda a: math.exp(false_alarm_log_density(a, m, j)), 0, 1, points=[j / (m + 1)])
    assert total == pytest.approx(1.0, rel=1e-8)
    # The scores' own distribution cancels: here it is exponential.
    draws = np.sort(np.random.default_rng(m).exponential(size=(4000, m)), axis=1)[:, j - 1]
    assert stats.kstest(-np.expm1(-draws), stats.beta(j, m + 1 - j).cdf).pvalue > 1e-3


# ------------------------------------------------------------------------------------- cross-conformal p-values


@pytest.mark.equation("eq-anomaly-cross", "eq-anomaly-p")
@given(SEEDS, st.integers(1, 5), st.integers(1, 8))
def test_cross_conformal_counts_add_over_the_folds(seed, K, m):
    rng = np.random.default_rng(seed)
    scores, calibration = rng.normal(size=(6, K)), rng.normal(size=K * m)
    folds = rng.permutation(np.repeat(np.arange(K), m))
    parts = [conformal_p_values(scores[:, k], calibration[folds == k]) for k in range(K)]
    counts = sum(p * (m + 1) - 1 for p in parts)
    found = cross_conformal_p_values(scores, calibration, folds)
    np.testing.assert_allclose(found, (1 + counts) / (K * m + 1), rtol=1e-12)


@pytest.mark.equation("eq-anomaly-cross-bound")
@given(st.floats(0.001, 0.4), st.integers(10, 10**5), st.integers(1, 10))
def test_the_bound_is_twice_the_level_at_which_the_mean_p_value_is_cut(alpha, n, K):
    # p ≤ α is: mean over the folds ≤ (α (n + 1) + K - 1) / (n + K), and a mean of p-values at most doubles.
    level = (alpha * (n + 1) + K - 1) / (n + K)
    assert cross_conformal_bound(alpha, n, K) == pytest.approx(min(1.0, 2.0 * level), rel=1e-12)


@pytest.mark.equation("eq-anomaly-cross-bound")
def test_a_mean_of_p_values_can_come_close_to_twice_and_no_further():
    # Two p-values that add to 2 α whenever either is below 2 α: the mean is then exactly α.
    alpha, u = 0.1, np.random.default_rng(0).uniform(size=100_000)
    other = np.where(u < 2 * alpha, 2 * alpha - u, u)
    assert stats.kstest(other[:5000], "uniform").pvalue > 1e-3
    share = ((u + other) / 2 <= alpha + 1e-12).mean()
    assert share == pytest.approx(2 * alpha, abs=0.005)
    assert share <= cross_conformal_bound(alpha, 10**6, 2) + 0.005


# ------------------------------------------------------------------------------------- surprises


@pytest.mark.equation("eq-anomaly-surprise")
@pytest.mark.parametrize(("K", "d"), [(1, 1), (1, 4), (3, 2), (2, 5)])
def test_surprise_is_the_whole_less_the_rest(random_mixture, K, d):
    weights, means, covariances = random_mixture(np.random.default_rng([K, d]), K, d)
    X = np.random.default_rng(1).normal(size=(7, d), scale=3.0)
    found = conditional_surprise(X, weights, means, covariances)
    whole = gmm.mixture_log_density(X, weights, means, covariances)
    for j in range(d):
        rest = np.delete(np.arange(d), j)
        other = 0.0
        if d > 1:
            marginal = means[:, rest], np.ascontiguousarray(covariances[:, rest][:, :, rest])
            other = gmm.mixture_log_density(X[:, rest], weights, *marginal)
        np.testing.assert_allclose(found[:, j], other - whole, rtol=1e-9, atol=1e-9)


@pytest.mark.equation("eq-anomaly-surprise")
def test_the_conditional_density_has_mass_one(random_mixture):
    weights, means, covariances = random_mixture(np.random.default_rng(5), 3, 3)
    line = np.linspace(-40, 40, 4001)
    X = np.tile([0.4, -1.0, 2.0], (len(line), 1))
    X[:, 1] = line
    density = np.exp(-conditional_surprise(X, weights, means, covariances)[:, 1])
    assert integrate.simpson(density, x=line) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.equation("eq-anomaly-excess", "eq-anomaly-surprise")
def test_excess_is_surprise_less_conditional_entropy(random_mixture):
    _, means, covariances = random_mixture(np.random.default_rng(8), 1, 4)
    X = np.random.default_rng(2).normal(size=(9, 4))
    surprise = conditional_surprise(X, [1.0], means, covariances)
    precision = np.linalg.inv(covariances[0])
    entropy = 0.5 * np.log(2 * np.pi * np.e / np.diag(precision))
    np.testing.assert_allclose(excess_surprise(X, means[0], covariances[0]), surprise - entropy, atol=1e-10)


@pytest.mark.equation("eq-anomaly-excess")
def test_excess_of_draws_has_mean_zero_and_the_variance_of_a_halved_chi_squared():
    covariance = np.array([[2.0, 0.9], [0.9, 1.0]])
    X = np.random.default_rng(3).multivariate_normal([1.0, -2.0], covariance, size=5000)
    excess = excess_surprise(X, [1.0, -2.0], covariance)
    assert np.abs(excess.mean(axis=0)).max() < 4.0 * np.sqrt(0.5 / 5000)
    np.testing.assert_allclose(excess.var(axis=0), 0.5, rtol=0.2)


# ------------------------------------------------------------------------------------- judging


@pytest.mark.equation("eq-anomaly-roc")
@given(SEEDS, st.integers(1, 40), st.integers(1, 40))
def test_area_is_the_rank_statistic_and_the_area(seed, n_usual, n_odd):
    rng = np.random.default_rng(seed)
    usual, odd = rng.integers(-3, 6, size=n_usual) * 1.0, rng.integers(-5, 4, size=n_odd) * 1.0
    found = roc_area(usual, odd)
    statistic = stats.mannwhitneyu(usual, odd, method="asymptotic").statistic
    assert found == pytest.approx(statistic / (n_usual * n_odd), abs=1e-12)
    truth = np.repeat([0, 1], [n_usual, n_odd])
    assert found == pytest.approx(roc_auc_score(truth, -np.concatenate([usual, odd])), abs=1e-12)


@pytest.mark.equation("eq-anomaly-roc")
def test_area_of_two_gaussians():
    rng = np.random.default_rng(0)
    found = roc_area(rng.normal(1.5, 1.0, size=500), rng.normal(0.0, 1.0, size=500))
    assert found == pytest.approx(stats.norm.cdf(1.5 / math.sqrt(2)), abs=0.05)


@pytest.mark.equation("eq-anomaly-precision")
@given(st.integers(1, 30), st.integers(1, 300), st.integers(0, 30), st.integers(1, 299))
def test_precision_is_that_of_a_table_of_counts(n_odd, n_usual, hits, alarms):
    hits, alarms = min(hits, n_odd), min(alarms, n_usual - 1)
    if alarms == 0:
        return
    truth = np.repeat([1, 0], [n_odd, n_usual])
    flagged = np.concatenate([np.arange(n_odd) < hits, np.arange(n_usual) < alarms]).astype(int)
    found = alarm_precision(n_odd / (n_odd + n_usual), hits / n_odd, alarms / n_usual)
    assert found == pytest.approx(precision_score(truth, flagged), abs=1e-12)


# ------------------------------------------------------------------------------------- bad input

MIXTURE = ([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [np.eye(2), np.eye(2)])
BAD = [
    (lambda: gaussian_region_mass(-1.0, 2), ValueError, "radius must be >= 0"),
    (lambda: gaussian_region_mass(np.nan, 2), ValueError, "radius must be finite"),
    (lambda: gaussian_region_mass(1.0, 0), ValueError, "n_features must be >= 1"),
    (lambda: gaussian_region_mass(1.0, 2.0), TypeError, "n_features must be an integer"),
    (lambda: fresh_distance(5, 3), ValueError, "n_samples must be >= 6; got 5"),
    (lambda: fresh_distance(5, -1), ValueError, "n_features must be >= 1"),
    (lambda: conformal_p_values([[0.0]], [1.0]), ValueError, r"scores must have shape \(n_samples,\)"),
    (lambda: conformal_p_values([0.0], [np.nan]), ValueError, "calibration must be finite"),
    (lambda: conformal_p_values([0.0], []), ValueError, "calibration must not be empty"),
    (lambda: conformal_threshold([0.0], 0.0), ValueError, "false_alarm must lie strictly between 0 and 1; got 0.0"),
    (lambda: conformal_threshold([0.0], "1%"), TypeError, "false_alarm must be a real number"),
    (lambda: false_alarm_log_density(1.0, 9, 2), ValueError, "rate must lie strictly between 0 and 1"),
    (lambda: false_alarm_log_density(0.5, 9, 10), ValueError, "rank must be at most n_calibration = 9; got 10"),
    (lambda: false_alarm_log_density(0.5, 9, 0), ValueError, "rank must be >= 1"),
    (lambda: false_alarm_log_density(0.5, 9.0, 1), TypeError, "n_calibration must be an integer"),
    (lambda: cross_conformal_p_values([0.0], [0.0], [0]), ValueError, r"scores must have shape \(n_samples, n_folds\)"),
    (lambda: cross_conformal_p_values([[0.0]], [0.0], [1]), ValueError, "folds must lie between 0 and 0"),
    (lambda: cross_conformal_p_values([[0.0]], [0.0], [-1]), ValueError, "folds must lie between 0 and 0"),
    (lambda: cross_conformal_p_values([[0.0]], [0.0], [0, 0]), ValueError, "folds must be 1 integers"),
    (lambda: cross_conformal_p_values([[0.0]], [0.0], [0.0]), ValueError, "folds must be 1 integers"),
    (lambda: cross_conformal_bound(1.5, 10, 2), ValueError, "false_alarm must lie strictly"),
    (lambda: cross_conformal_bound(0.1, 0, 2), ValueError, "n_samples must be >= 1"),
    (lambda: cross_conformal_bound(0.1, 10, 0), ValueError, "n_folds must be >= 1"),
    (lambda: conditional_surprise([[0.0]], *MIXTURE), ValueError, "means must have 1 features, as X has; got 2"),
    (lambda: conditional_surprise([[0.0, np.inf]], *MIXTURE), ValueError, "X must be finite"),
    (lambda: excess_surprise([[0.0, 0.0]], [0.0], np.eye(2)), ValueError, "mean must have 2 features"),
    (lambda: excess_surprise([[0.0, 0.0]], [0.0, 0.0], np.eye(3)), ValueError, r"covariance must have shape \(2, 2\)"),
    (lambda: excess_surprise([[0.0]], [0.0], [[-1.0]]), ValueError, "covariance must be positive definite"),
    (lambda: roc_area([], [0.0]), ValueError, "usual must not be empty"),
    (lambda: roc_area([0.0], [np.nan]), ValueError, "odd must be finite"),
    (lambda: alarm_precision(0.0, 0.5, 0.1), ValueError, "prevalence must lie strictly"),
    (lambda: alarm_precision(0.1, 1.5, 0.1), ValueError, "detection must lie between 0 and 1"),
    (lambda: alarm_precision(0.1, 0.5, 1.0), ValueError, "false_alarm must lie strictly"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_every_function_is_in_the_table_and_changes_no_input():
    calls = [
        (gaussian_region_mass, (1.0, 3)),
        (fresh_distance, (9, 2)),
        (conformal_p_values, (np.array([0.5, 2.0]), np.array([1.0, 0.0, 3.0]))),
        (conformal_threshold, (np.array([1.0, 0.0, 3.0]), 0.5)),
        (false_alarm_log_density, (0.1, 9, 1)),
        (cross_conformal_p_values, (np.array([[0.5, 2.0]]), np.array([1.0, 0.0, 3.0]), np.array([0, 1, 0]))),
        (cross_conformal_bound, (0.1, 100, 5)),
        (conditional_surprise, (np.zeros((1, 2)), *map(np.array, MIXTURE))),
        (excess_surprise, (np.zeros((1, 2)), np.ones(2), np.eye(2))),
        (roc_area, (np.array([1.0, 2.0]), np.array([0.0, 1.5]))),
        (alarm_precision, (0.1, 0.5, 0.1)),
    ]
    public = [f for n, f in vars(anomalies).items() if inspect.isfunction(f) and f.__module__ == anomalies.__name__]
    assert {f.__name__ for f in public if f.__name__[0] != "_"} >= {f.__name__ for f, _ in calls}
    for function, arguments in calls:
        before = [np.copy(a) for a in arguments]
        expected = function(*arguments)
        for a, b in zip(arguments, before, strict=True):
            np.testing.assert_array_equal(a, b)
        readable = [np.asfortranarray(a).tolist() if isinstance(a, np.ndarray) else a for a in arguments]
        if function is not cross_conformal_p_values:
            np.testing.assert_array_equal(function(*readable), expected)
