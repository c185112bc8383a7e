"""A mixture as a distribution: from parameters, density, samples, marginals, conditionals."""

import numpy as np
import pandas as pd
import pytest
from estimator_helpers import matrices_of, random_mixture
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp
from sklearn.exceptions import NotFittedError

from gmm import GaussianMixture

STRUCTURES = ("full", "tied", "diag", "spherical")


def scipy_log_density(model, X):
    matrices = matrices_of(model.covariances_, model.covariance_type, *model.means_.shape)
    joint = [
        np.log(weight) + stats.multivariate_normal(mean, matrix).logpdf(X)
        for weight, mean, matrix in zip(model.weights_, model.means_, matrices)
    ]
    return logsumexp(np.reshape(joint, (len(matrices), -1)), axis=0)


def test_from_parameters_scores_without_a_fit(covariance_type):
    model = random_mixture(0, covariance_type)
    X = np.random.default_rng(1).normal(size=(50, 3)) * 4.0
    np.testing.assert_allclose(model.score_samples(X), scipy_log_density(model, X), rtol=1e-11)
    assert model.score(X) == pytest.approx(scipy_log_density(model, X).mean(), rel=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))
    assert (model.n_components, model.n_features_in_, model.n_iter_) == (3, 3, 0)
    identity = np.eye(3)
    for precision, covariance in zip(
        matrices_of(model.precisions_, covariance_type, 3, 3), matrices_of(model.covariances_, covariance_type, 3, 3)
    ):
        np.testing.assert_allclose(precision @ covariance, identity, atol=1e-10)


def test_from_parameters_copies_its_arguments():
    weights, means, covariances = np.array([0.5, 0.5]), np.zeros((2, 2)), np.array([np.eye(2), np.eye(2)])
    model = GaussianMixture.from_parameters(weights, means, covariances)
    weights[0], means[0, 0], covariances[0, 0, 0] = 0.0, 9.0, 9.0
    assert model.weights_[0] == 0.5
    assert model.means_[0, 0] == 0.0
    assert model.covariances_[0, 0, 0] == 1.0


def test_a_fit_goes_on_from_parameters_with_warm_start(overlapping):
    X, _ = overlapping
    fitted = GaussianMixture(3, random_state=0, tol=1e-8, max_iter=500).fit(X)
    model = GaussianMixture.from_parameters(fitted.weights_, fitted.means_, fitted.covariances_, warm_start=True)
    model.fit(X)
    assert model.n_iter_ <= 2
    np.testing.assert_allclose(model.means_, fitted.means_, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5, 0.6]}, r"'weights' should be normalized.*weights must sum to 1"),
        ({"weights": [1.5, -0.5]}, r"'weights' should be in the range.*weights\[0\] is 1.5"),
        ({"weights": [1.0]}, r"'weights' should have the shape of \(2,\), but got \(1,\)"),
        ({"weights": [np.nan, 1.0]}, "weights contains NaN"),
        ({"means": [1.0, 2.0]}, r"means must have shape \(n_components, n_features\); got shape \(2,\)"),
        ({"means": [[1.0, np.inf], [0.0, 0.0]]}, "means contains infinity"),
        ({"covariances": np.eye(2)}, r"'full covariance' should have the shape of \(2, 2, 2\), but got \(2, 2\)"),
        (
            {"covariances": [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]]},
            r"positive-definite, but covariances\[1\] has an eigen",
        ),
        ({"covariances": [np.eye(2), [[1.0, 0.5], [0.1, 1.0]]]}, r"covariances\[1\] is not symmetric"),
        ({"covariance_type": "diag", "covariances": [[1.0, 1.0], [1.0, 0.0]]}, r"covariances\[1, 1\] is 0"),
        ({"covariance_type": "banded"}, "covariance_type must be one of .*got 'banded'"),
        ({"n_components": 3}, "n_components=3 does not agree with means"),
        ({"tol": -1.0}, "'tol' parameter"),
    ],
)
def test_from_parameters_names_what_is_wrong(change, message):
    good = {"weights": [0.5, 0.5], "means": np.zeros((2, 2)), "covariances": [np.eye(2), np.eye(2)]}
    with pytest.raises(ValueError, match=message):
        GaussianMixture.from_parameters(**{**good, **change})


@pytest.mark.parametrize(("dtype", "rounding", "wrong"), [(np.float64, 1e-9, 1e-7), (np.float32, 5e-7, 1e-5)])
def test_weights_may_miss_one_by_rounding_and_no_more(dtype, rounding, wrong):
    means, covariances = [[0.0], [1.0]], [1.0, 1.0]
    for sign in (1.0, -1.0):
        near, far = (np.array([0.5, 0.5 + sign * gap], dtype=dtype) for gap in (rounding, wrong))
        GaussianMixture.from_parameters(near, means, covariances, "spherical")
        with pytest.raises(ValueError, match="weights must sum to 1"):
            GaussianMixture.from_parameters(far, means, covariances, "spherical")


def test_a_component_of_weight_zero_is_allowed(covariance_type):
    full = random_mixture(3, covariance_type)
    weights = np.array([0.4, 0.6, 0.0])
    model = GaussianMixture.from_parameters(weights, full.means_, full.covariances_, covariance_type)
    X = model.sample(200, random_state=0)[0]
    resp = model.predict_proba(X)
    assert not resp[:, 2].any()
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=1e-14)
    assert model.conditional(0, 0.5).weights_[2] == 0.0


# ---- samples


def test_samples_have_the_moments_of_the_components(covariance_type):
    model = random_mixture(1, covariance_type)
    n = 60_000
    X, y = model.sample(n, random_state=0)
    assert X.shape == (n, 3)
    assert (np.diff(y) >= 0).all()
    matrices = matrices_of(model.covariances_, covariance_type, 3, 3)
    for k, matrix in enumerate(matrices):
        rows = X[y == k]
        # Five standard errors.
        assert abs(len(rows) / n - model.weights_[k]) < 5 * np.sqrt(model.weights_[k] / n)
        errors = np.sqrt(np.diag(matrix) / len(rows))
        assert (np.abs(rows.mean(axis=0) - model.means_[k]) < 5 * errors).all()
        scale = np.sqrt(np.diag(matrix))
        assert (np.abs(np.cov(rows.T) - matrix) < 5 * np.sqrt(2 / len(rows)) * np.outer(scale, scale)).all()


def test_samples_and_their_seeds():
    model = random_mixture(0, "full", random_state=4)
    np.testing.assert_array_equal(model.sample(5)[0], model.sample(5)[0])
    np.testing.assert_array_equal(model.sample(5)[0], model.sample(5, random_state=4)[0])
    assert not np.array_equal(model.sample(5)[0], model.sample(5, random_state=5)[0])
    rng = np.random.default_rng(0)
    assert not np.array_equal(model.sample(5, random_state=rng)[0], model.sample(5, random_state=rng)[0])
    model.random_state = None
    assert not np.array_equal(model.sample(5)[0], model.sample(5)[0])
    X, y = model.sample()
    assert (X.shape, y.shape) == ((1, 3), (1,))


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "3"])
def test_sample_refuses_a_bad_number(n_samples):
    with pytest.raises(ValueError, match=f"Invalid value for 'n_samples': {n_samples}"):
        random_mixture(0, "diag").sample(n_samples)


# ---- marginals and conditionals


def test_the_marginal_is_the_integral_over_the_others(covariance_type):
    model = random_mixture(5, covariance_type, n_features=2)
    marginal = model.marginal([1])
    grid = np.linspace(-40.0, 40.0, 8001)
    for value in (-2.0, 0.3, 4.0):
        density = np.exp(model.score_samples(np.column_stack([grid, np.full_like(grid, value)])))
        integral = np.trapezoid(density, grid)  # the trapezoid rule is exact to rounding for smooth, decaying functions
        assert np.exp(marginal.score_samples([[value]])[0]) == pytest.approx(integral, rel=1e-12)


def test_the_conditional_is_joint_over_marginal(covariance_type):
    model = random_mixture(6, covariance_type, n_components=4, n_features=5)
    rng = np.random.default_rng(0)
    given_features, free = [3, 0], [1, 2, 4]
    for _ in range(5):
        x = rng.normal(size=(20, 5)) * 2.0
        x[:, given_features] = x[0, given_features]
        conditional = model.conditional(given_features, x[0, given_features])
        expected = model.score_samples(x) - model.marginal(given_features).score_samples(x[:, given_features])
        np.testing.assert_allclose(conditional.score_samples(x[:, free]), expected, rtol=1e-10, atol=1e-10)
        assert conditional.covariance_type == covariance_type
        assert conditional.weights_.sum() == pytest.approx(1.0, abs=1e-15)


def test_conditional_moments_are_the_textbook_formulas(covariance_type):
    model = random_mixture(7, covariance_type, n_components=2, n_features=4)
    a, b, values = [0, 2], [1, 3], np.array([0.5, -1.0])
    conditional = model.conditional(b, values)
    found = matrices_of(conditional.covariances_, covariance_type, 2, 2)
    for k, matrix in enumerate(matrices_of(model.covariances_, covariance_type, 2, 4)):
        gain = matrix[np.ix_(a, b)] @ np.linalg.inv(matrix[np.ix_(b, b)])
        mean = model.means_[k, a] + gain @ (values - model.means_[k, b])
        np.testing.assert_allclose(conditional.means_[k], mean, rtol=1e-10)
        np.testing.assert_allclose(found[k], matrix[np.ix_(a, a)] - gain @ matrix[np.ix_(b, a)], rtol=1e-9, atol=1e-12)


@given(
    seed=st.integers(0, 10_000),
    covariance_type=st.sampled_from(STRUCTURES),
    n_features=st.integers(2, 6),
    n_components=st.integers(1, 4),
    data=st.data(),
)
def test_conditioning_in_two_steps_is_conditioning_at_once(seed, covariance_type, n_features, n_components, data):
    model = random_mixture(seed, covariance_type, n_components, n_features, spread=1.5)
    order = data.draw(st.permutations(range(n_features)))
    cut = data.draw(st.integers(1, n_features - 1))
    first, rest = order[:cut], sorted(order[cut:])
    values = dict(zip(order, np.random.default_rng(seed).normal(size=n_features)))
    step = model.conditional(first, [values[f] for f in first])
    if len(rest) == 1:
        other = model.marginal([*first, *rest]).conditional(list(range(cut)), [values[f] for f in first])
    else:
        step = step.conditional([0], [values[rest[0]]])
        other = model.conditional([*first, rest[0]], [values[f] for f in [*first, rest[0]]])
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(step, name), getattr(other, name), rtol=1e-8, atol=1e-10)


def test_far_values_condition_in_the_log_domain():
    model = random_mixture(8, "full", n_features=2)
    conditional = model.conditional([0], [1e6])  # every density underflows
    assert conditional.weights_.max() == 1.0
    assert np.isfinite(conditional.means_).all()
    with pytest.raises(ValueError, match="values are so far from every component"):
        model.conditional([0], [1e300])


def test_conditional_stays_definite_where_the_difference_would_cancel():
    # Σ_aa - Σ_ab Σ_bb⁻¹ Σ_ba would have to come out as 1e-14 from numbers of size 1.
    correlation = 1.0 - 5e-15
    model = GaussianMixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, correlation], [correlation, 1.0]]])
    variance = model.conditional([1], [0.3]).covariances_[0, 0, 0]
    assert variance == pytest.approx((1 - correlation) * (1 + correlation), rel=0.05)


def test_features_by_name(blobs):
    frame = pd.DataFrame(
        np.column_stack([blobs[0], blobs[0].sum(axis=1) + np.arange(300) % 7]), columns=["a", "b", "c"]
    )
    model = GaussianMixture(2, random_state=0).fit(frame)
    assert list(model.marginal(["c", "a"]).feature_names_in_) == ["c", "a"]
    np.testing.assert_array_equal(model.marginal(["c", "a"]).means_, model.means_[:, [2, 0]])
    conditional = model.conditional("b", 1.0)
    assert list(conditional.feature_names_in_) == ["a", "c"]
    np.testing.assert_array_equal(conditional.means_, model.conditional(-2, [1.0]).means_)
    expected = scipy_log_density(model.marginal(2), frame[["c"]].to_numpy())
    np.testing.assert_allclose(model.marginal(["c"]).score_samples(frame[["c"]]), expected, rtol=1e-11)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.marginal([]), ValueError, "features must not be empty"),
        (lambda m: m.marginal([0, 0]), ValueError, "features must not repeat"),
        (lambda m: m.marginal([1, -2]), ValueError, "features must not repeat"),
        (lambda m: m.marginal(3), ValueError, "features has index 3, but the mixture has 3 features"),
        (lambda m: m.marginal([0.0]), TypeError, "features must hold feature indices or names; got 0.0"),
        (lambda m: m.marginal("a"), ValueError, "no feature names"),
        (lambda m: m.conditional([0, 1, 2], [0.0, 0.0, 0.0]), ValueError, "leave at least one feature free"),
        (lambda m: m.conditional([0, 1], [0.0]), ValueError, r"values must have shape \(2,\), .*got \(1,\)"),
        (lambda m: m.conditional([0], [np.nan]), ValueError, "values must be finite"),
    ],
)
def test_bad_features_and_values(call, error, message):
    with pytest.raises(error, match=message):
        call(random_mixture(0, "full"))


@pytest.mark.parametrize("method", ["marginal", "conditional", "sample", "predict", "score", "save"])
def test_nothing_works_before_there_are_parameters(method, tmp_path):
    arguments = {"conditional": ([0], [1.0]), "marginal": ([0],), "save": (tmp_path / "x",), "sample": ()}
    with pytest.raises(NotFittedError, match="This GaussianMixture instance is not fitted yet"):
        getattr(GaussianMixture(), method)(*arguments.get(method, ([[0.0]],)))


def test_n_parameters():
    # K - 1 weights, K d means, and the covariances.
    expected = {"full": 2 + 12 + 30, "tied": 2 + 12 + 10, "diag": 2 + 12 + 12, "spherical": 2 + 12 + 3}
    for covariance_type, number in expected.items():
        model = random_mixture(0, covariance_type, n_components=3, n_features=4)
        assert model._n_parameters() == number
        X = model.sample(30, random_state=0)[0]
        total = model.score_samples(X).sum()
        assert model.aic(X) == pytest.approx(2 * number - 2 * total)
        assert model.bic(X.tolist()) == pytest.approx(number * np.log(30) - 2 * total)
