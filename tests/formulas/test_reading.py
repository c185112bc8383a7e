"""Chapter 16: exact arithmetic, finite differences of the log-likelihood, quadrature, and brute force."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

import gmm

seeds = st.integers(0, 2**32 - 1)


def responsibilities(seed, n=6, K=4, concentration=0.3):
    return np.random.default_rng([seed, n, K]).dirichlet(np.full(K, concentration), size=n)


# ------------------------------------------------------------------------------------- merging


@pytest.mark.equation("eq-merge-entropy")
@given(seeds)
def test_a_merge_loses_the_difference_of_two_entropies(seed):
    resp = responsibilities(seed)
    losses = gmm.merge_entropy_losses(resp)
    entropy = gmm.responsibility_entropy(resp).sum()
    for k, l in itertools.combinations(range(4), 2):
        merged = np.delete(resp, l, axis=1)
        merged[:, k] += resp[:, l]
        assert losses[k, l] == pytest.approx(entropy - entr(merged).sum(), abs=1e-12)
    assert_array_equal(losses, losses.T)
    assert_array_equal(np.diag(losses), 0.0)


@pytest.mark.equation("eq-merge-entropy")
@pytest.mark.parametrize("small", [0.5, 1e-3, 1e-17, 1e-300])
def test_a_small_doubt_keeps_its_digits(small):
    a, b = mp.mpf(small), mp.mpf(1.0 - small)
    exact = a * mp.log1p(b / a) + b * mp.log1p(a / b)
    assert gmm.merge_entropy_losses([[small, 1.0 - small]])[0, 1] == pytest.approx(float(exact), rel=1e-13, abs=0.0)


@pytest.mark.equation("eq-merge-entropy")
def test_no_doubt_no_loss_and_even_doubt_a_bit_a_sample():
    assert_array_equal(gmm.merge_entropy_losses(np.eye(3)), 0.0)
    assert gmm.merge_entropy_losses(np.full((5, 2), 0.5))[0, 1] == pytest.approx(5 * math.log(2), rel=1e-15)


@pytest.mark.equation("eq-broken-line")
@given(seeds, st.integers(3, 8))
def test_broken_lines_by_least_squares(seed, K):
    values = np.random.default_rng(seed).normal(size=K) * 10.0
    sizes, expected = np.arange(1.0, K + 1), []
    for c in range(2, K):
        parts = [(sizes[:c], values[:c]), (sizes[c - 1 :], values[c - 1 :])]
        expected.append(sum(np.sum((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2) for x, y in parts))
    assert_allclose(gmm.broken_line_losses(values), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.equation("eq-broken-line")
def test_a_line_that_is_broken_once_is_found_where_it_bends():
    values = np.array([0.0, 1.0, 2.0, 3.0, 13.0, 23.0])
    assert np.argmin(gmm.broken_line_losses(values)) + 2 == 4
    assert gmm.broken_line_losses(values).min() == pytest.approx(0.0, abs=1e-20)


# ------------------------------------------------------------------------------------- labels


@pytest.mark.equation("eq-alignment")
@given(seeds)
def test_the_best_assignment_is_the_closest_of_all_orders(seed):
    reference, resp = responsibilities(seed), responsibilities(seed + 1)
    costs = gmm.alignment_costs(resp, reference)
    distances = {order: np.sum((reference - resp[:, list(order)]) ** 2) for order in itertools.permutations(range(4))}
    order = tuple(linear_sum_assignment(costs)[1].tolist())
    assert distances[order] == pytest.approx(min(distances.values()), rel=1e-12)
    total = sum(costs[k, order[k]] for k in range(4))
    assert total == pytest.approx(distances[order], rel=1e-12)


# ------------------------------------------------------------------------------------- bootstrap


@pytest.mark.equation("eq-bootstrap-standard-error")
@given(seeds, st.integers(2, 30))
def test_standard_errors_in_exact_arithmetic(seed, n):
    values = 1e6 + np.random.default_rng(seed).normal(size=(n, 2))
    for j, error in enumerate(gmm.bootstrap_standard_error(values)):
        column = [mp.mpf(float(value)) for value in values[:, j]]
        mean = mp.fsum(column) / n
        exact = mp.sqrt(mp.fsum((value - mean) ** 2 for value in column) / (n - 1))
        assert error == pytest.approx(float(exact), rel=1e-8)


@pytest.mark.equation("eq-bootstrap-standard-error")
def test_all_resamples_of_a_mean_have_the_known_variance():
    # Σ (x - x̄)² / n², over the nⁿ resamples.
    x = np.array([1.0, 2.0, 4.0, 9.0])
    means = np.array([np.mean(rows) for rows in itertools.product(x, repeat=4)])[:, None]
    found = gmm.bootstrap_standard_error(means)[0] * math.sqrt((len(means) - 1) / len(means))
    assert found == pytest.approx(math.sqrt(np.var(x) / 4), rel=1e-12)


@pytest.mark.equation("eq-percentile-interval")
@given(seeds, st.integers(2, 40), st.floats(0.01, 0.99))
def test_intervals_are_numpys_quantiles(seed, n, level):
    values = np.random.default_rng(seed).normal(size=(n, 3))
    expected = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0).T
    assert_allclose(gmm.percentile_interval(values, level), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.equation("eq-bootstrap-weights")
def test_random_weights_are_a_dirichlet_draw_times_n():
    draws = np.array([gmm.random_weights(5, rng=seed) for seed in range(4000)])
    assert_allclose(draws.sum(axis=1), 5.0, rtol=1e-14)
    assert draws.min() > 0.0
    # One share has the distribution Beta(1, n - 1).
    assert stats.kstest(draws[:, 2] / 5.0, stats.beta(1, 4).cdf).pvalue > 1e-3


@pytest.mark.equation("eq-bootstrap-p-value")
def test_a_p_value_counts_the_data_among_the_replicates():
    assert gmm.bootstrap_p_value(3.0, [1.0, 2.0, 3.0, 4.0]) == pytest.approx(3 / 5)
    assert gmm.bootstrap_p_value(9.0, np.zeros(99)) == pytest.approx(0.01)
    # Exchangeable values have each rank equally often, so that P(p <= j / 5) = j / 5.
    orders = [np.array(order, dtype=float) for order in itertools.permutations(range(5))]
    p = np.array([gmm.bootstrap_p_value(order[0], order[1:]) for order in orders])
    assert_allclose([(p <= j / 5 + 1e-9).mean() for j in range(1, 6)], np.arange(1, 6) / 5)


@pytest.mark.equation("eq-likelihood-ratio")
def test_likelihood_ratio_of_two_means_is_a_squared_z():
    # Known variance one: the null model has mean zero, the larger one any mean. T = n x̄².
    x = np.random.default_rng(0).normal(0.3, 1.0, 50)
    log_likelihoods = [stats.norm(mean).logpdf(x).sum() for mean in (0.0, x.mean())]
    assert gmm.likelihood_ratio(*log_likelihoods) == pytest.approx(50 * x.mean() ** 2, rel=1e-10)


# ------------------------------------------------------------------------------------- information


def mixture_of(theta, K, d):
    """Weights, means and covariances from the free parameters, in the order that the docstring states."""
    weights = np.append(theta[: K - 1], 1.0 - theta[: K - 1].sum())
    means = theta[K - 1 : K - 1 + K * d].reshape(K, d)
    covariances, place = np.empty((K, d, d)), K - 1 + K * d
    for k in range(K):
        for j in range(d):
            for l in range(j + 1):
                covariances[k, j, l] = covariances[k, l, j] = theta[place]
                place += 1
    return weights, means, covariances


def free_of(weights, means, covariances):
    lower = [matrix[np.tril_indices(len(matrix))] for matrix in covariances]
    return np.concatenate([weights[:-1], means.ravel(), *lower])


SHAPES = [(1, 1), (2, 1), (3, 2), (2, 3)]


def problem(random_mixture, K, d, n=12):
    rng = np.random.default_rng([16, K, d])
    mixture = random_mixture(rng, K, d, spread=1.0)
    return rng.normal(size=(n, d)) * 1.5, mixture, free_of(*mixture)


def derivative(function, theta, step=1e-5):
    columns = []
    for j in range(len(theta)):
        shift = np.zeros(len(theta))
        shift[j] = step
        columns.append(
            (8 * (function(theta + shift) - function(theta - shift)) - function(theta + 2 * shift)
             + function(theta - 2 * shift)) / (12 * step)
        )  # fmt: skip
    return np.stack(columns, axis=-1)


@pytest.mark.equation("eq-score-vector")
@pytest.mark.parametrize(("K", "d"), SHAPES)
def test_scores_are_derivatives_of_the_log_density(random_mixture, K, d):
    X, mixture, theta = problem(random_mixture, K, d)
    expected = derivative(lambda t: gmm.mixture_log_density(X, *mixture_of(t, K, d)), theta)
    assert_allclose(gmm.score_vectors(X, *mixture), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.equation("eq-observed-information")
@pytest.mark.parametrize(("K", "d"), SHAPES)
def test_observed_information_is_minus_the_second_derivative(random_mixture, K, d):
    X, mixture, theta = problem(random_mixture, K, d)
    expected = -derivative(lambda t: gmm.score_vectors(X, *mixture_of(t, K, d)).sum(axis=0), theta)
    found = gmm.observed_information(X, *mixture)
    assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert_allclose(found, found.T, rtol=1e-12, atol=1e-12 * np.abs(found).max())


@pytest.mark.equation("eq-empirical-information")
def test_empirical_information_is_the_scores_with_themselves(random_mixture):
    X, mixture, theta = problem(random_mixture, 2, 2)
    scores = derivative(lambda t: gmm.mixture_log_density(X, *mixture_of(t, 2, 2)), theta)
    assert_allclose(gmm.empirical_information(X, *mixture), scores.T @ scores, rtol=1e-6, atol=1e-6)


@pytest.mark.equation("eq-empirical-information", "eq-observed-information")
def test_both_have_the_same_expectation_by_quadrature():
    # A point of weight p(x) dx at each node; E ∂²log p = -E s sᵀ holds at the truth.
    mixture = np.array([0.3, 0.7]), np.array([[-1.0], [1.5]]), np.array([[[0.5]], [[1.2]]])
    x = np.linspace(-12.0, 12.0, 601)[:, None]
    p = np.exp(gmm.mixture_log_density(x, *mixture)) * 0.04
    observed = sum(w * gmm.observed_information(row[None], *mixture) for w, row in zip(p, x, strict=True))
    scores = gmm.score_vectors(x, *mixture)
    assert_allclose((scores.T * p) @ scores, observed, rtol=1e-8, atol=1e-9)
    assert_allclose(p @ scores, 0.0, atol=1e-9)


@pytest.mark.equation("eq-information-standard-errors")
@given(seeds, st.integers(1, 6))
def test_standard_errors_are_those_of_the_inverse(seed, p):
    root = np.random.default_rng(seed).normal(size=(p, p))
    information = root @ root.T + 0.3 * np.eye(p)
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    assert_allclose(gmm.information_standard_errors(information), expected, rtol=1e-8)


@pytest.mark.equation("eq-information-standard-errors", "eq-observed-information")
def test_for_one_gaussian_the_standard_errors_are_the_textbooks():
    X = np.random.default_rng(1).normal(3.0, 2.0, size=(40, 1))
    variance = X.var()
    information = gmm.observed_information(X, [1.0], [[X.mean()]], [[[variance]]])
    expected = [math.sqrt(variance / 40), variance * math.sqrt(2 / 40)]
    assert_allclose(gmm.information_standard_errors(information), expected, rtol=1e-10)


# ------------------------------------------------------------------------------------- input

RESP = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5], [1.0, 0.0, 0.0]])
X = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0], [0.5, 0.25]])
MIXTURE = (np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([np.eye(2), 2.0 * np.eye(2)]))
GOOD = {
    "merge_entropy_losses": (RESP,),
    "broken_line_losses": (np.array([0.0, 1.0, 3.0]),),
    "alignment_costs": (RESP, RESP[:, ::-1]),
    "bootstrap_standard_error": (X,),
    "percentile_interval": (X, 0.9),
    "random_weights": (4, 0),
    "score_vectors": (X, *MIXTURE),
    "empirical_information": (X, *MIXTURE),
    "observed_information": (X, *MIXTURE),
    "information_standard_errors": (np.eye(2),),
    "likelihood_ratio": (-10.0, -8.0),
    "bootstrap_p_value": (1.0, np.array([0.5, 2.0])),
}
BAD = [
    ("merge_entropy_losses", 0, RESP * 2, "each row of resp must sum to 1"),
    ("broken_line_losses", 0, [0.0, 1.0], "values must hold three numbers or more; got 2"),
    ("broken_line_losses", 0, [0.0, np.nan, 1.0], r"values must be finite; values\[1\] is nan"),
    ("alignment_costs", 0, RESP[:3], "resp must have 4 rows, one for each sample; got 3"),
    ("alignment_costs", 1, -RESP, "reference must not be negative"),
    ("bootstrap_standard_error", 0, X[:1], "replicates must have two rows or more; got 1"),
    ("bootstrap_standard_error", 0, X[:, 0], "replicates must have shape"),
    ("percentile_interval", 1, 1.0, "level must be < 1; got 1.0"),
    ("percentile_interval", 1, 0.0, "level must be > 0; got 0.0"),
    ("percentile_interval", 0, X[:1], "replicates must have two rows or more"),
    ("random_weights", 0, 0, "n_samples must be >= 1; got 0"),
    ("random_weights", 1, -1, "rng must be"),
    ("score_vectors", 1, np.array([1.0, 0.0]), r"weights must be positive here; weights\[1\] is 0"),
    ("empirical_information", 0, np.full((4, 2), np.inf), "X must be finite"),
    ("observed_information", 3, -MIXTURE[2], r"covariances\[0\] must be positive definite"),
    ("information_standard_errors", 0, -np.eye(2), "information must be positive definite"),
    ("information_standard_errors", 0, np.ones((2, 3)), "information must be square"),
    ("likelihood_ratio", 0, np.nan, "log_likelihood must be finite; got nan"),
    ("likelihood_ratio", 1, -np.inf, "larger_log_likelihood must be finite"),
    ("bootstrap_p_value", 0, np.inf, "statistic must be finite"),
    ("bootstrap_p_value", 1, [], "replicates must not be empty"),
]


@pytest.mark.parametrize(("function", "place", "value", "message"), BAD)
def test_bad_input_is_refused_by_name(function, place, value, message):
    arguments = list(GOOD[function])
    arguments[place] = value
    with pytest.raises(ValueError, match=message):
        getattr(gmm, function)(*arguments)


@pytest.mark.parametrize("function", GOOD)
def test_layout_does_not_matter_and_input_is_not_changed(function):
    expected = getattr(gmm, function)(*GOOD[function])
    assert np.isfinite(expected).all()

    def other(value):
        return np.asfortranarray(value).astype(">f8") if isinstance(value, np.ndarray) else value

    arguments = [other(value) for value in GOOD[function]]
    assert_array_equal(getattr(gmm, function)(*arguments), expected)
    for before, after in zip(GOOD[function], arguments, strict=True):
        assert_array_equal(after, before)


def test_every_function_is_in_the_table():
    assert {f.__name__ for f in vars(gmm.formulas.reading).values() if hasattr(f, "equations")} == set(GOOD)
