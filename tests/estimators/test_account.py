"""What a mixture says of itself and of data: icl, cdf, adapt, summary."""

import re
import warnings

import numpy as np
import pytest
from estimator_helpers import matrices_of, random_mixture
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize
from scipy.special import entr
from sklearn.exceptions import ConvergenceWarning

import gmm
from gmm import GaussianMixture
from gmm.estimators import _summary

STRUCTURES = ("full", "tied", "diag", "spherical")


# ---- icl


def test_icl_is_that_of_the_book(covariance_type, monkeypatch):
    model = random_mixture(0, covariance_type, spread=1.0)
    X = model.sample(300, random_state=1)[0]
    resp = model.predict_proba(X)
    expected = gmm.icl(model.score_samples(X).sum(), model._n_parameters(), resp)
    assert model.icl(X) == pytest.approx(expected, rel=1e-12)
    assert model.icl(X) == pytest.approx(model.bic(X) + 2 * entr(resp).sum(), rel=1e-12)
    monkeypatch.setattr(_summary, "BLOCK", 7)
    assert model.icl(X) == pytest.approx(expected, rel=1e-12)


def test_icl_takes_weights_for_repeats():
    model = random_mixture(1, "full", spread=1.0)
    X = model.sample(100, random_state=1)[0]
    counts = np.random.default_rng(0).integers(0, 4, size=100)
    assert model.icl(X, sample_weight=counts) == pytest.approx(model.icl(np.repeat(X, counts, axis=0)), rel=1e-12)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        model.icl(X, sample_weight=np.zeros(100))
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        model.icl(X, sample_weight=-np.ones(100))


# ---- cdf


def test_cumulative_probabilities_against_scipy(covariance_type):
    model = random_mixture(2, covariance_type, n_features=1)
    x = np.linspace(-12.0, 12.0, 41)[:, None]
    deviations = np.sqrt(matrices_of(model.covariances_, covariance_type, 3, 1)[:, 0, 0])
    components = stats.norm(model.means_[:, 0], deviations)
    np.testing.assert_allclose(model.cdf(x), components.cdf(x) @ model.weights_, rtol=1e-12)
    np.testing.assert_allclose(model.cdf(x, upper=True), components.sf(x) @ model.weights_, rtol=1e-12)
    grid = np.linspace(-60.0, 1.5, 400_001)[:, None]
    integral = np.trapezoid(np.exp(model.score_samples(grid)), grid[:, 0])
    assert model.cdf([[1.5]])[0] == pytest.approx(integral, rel=1e-6)


def test_both_tails_keep_their_digits():
    model = GaussianMixture.from_parameters([0.5, 0.5], [[-1.0], [1.0]], [1.0, 1.0], "spherical")
    assert model.cdf([[30.0]], upper=True)[0] == pytest.approx(0.5 * (stats.norm.sf(31) + stats.norm.sf(29)), rel=1e-12)
    assert model.cdf([[-30.0]])[0] == pytest.approx(model.cdf([[30.0]], upper=True)[0], rel=1e-12)


def test_cdf_is_that_of_one_feature():
    model = random_mixture(2, "full", n_features=2)
    with pytest.raises(ValueError, match=r"cdf is that of one feature, and .* has 2; take marginal\(feature\)"):
        model.cdf([[0.0, 0.0]])
    assert model.marginal(1).cdf([[50], [-50]]).tolist() == pytest.approx([1.0, 0.0])


# ---- adapt


@given(seed=st.integers(0, 10_000), covariance_type=st.sampled_from(STRUCTURES), relevance=st.floats(0.01, 1000.0))
def test_adapted_means_are_the_posterior_mode(seed, covariance_type, relevance):
    model = random_mixture(seed, covariance_type, n_components=2, n_features=2)
    X = random_mixture(seed + 1, "full", n_components=2, n_features=2).sample(30, random_state=seed)[0]
    found = model.adapt(X, relevance=relevance)
    resp = model.predict_proba(X)
    matrices = matrices_of(model.covariances_, covariance_type, 2, 2)
    for k in range(2):
        log_density = stats.multivariate_normal(cov=matrices[k]).logpdf

        def loss(mean, k=k, log_density=log_density):
            prior = log_density((mean - model.means_[k]) * np.sqrt(relevance))
            return -(resp[:, k] @ log_density(X - mean) + prior)

        mode = minimize(loss, model.means_[k], method="BFGS", options={"gtol": 1e-9}).x
        np.testing.assert_allclose(found.means_[k], mode, rtol=1e-4, atol=1e-4)
    for name in ("weights_", "covariances_"):
        np.testing.assert_array_equal(getattr(found, name), getattr(model, name))


def test_adaptation_between_its_limits(covariance_type):
    model = random_mixture(3, covariance_type, n_components=2, n_features=2)
    X = model.sample(200, random_state=0)[0] + 0.5
    np.testing.assert_allclose(model.adapt(X, relevance=1e12).means_, model.means_, rtol=1e-8)
    resp = model.predict_proba(X)
    ml = resp.T @ X / resp.sum(axis=0)[:, None]
    np.testing.assert_allclose(model.adapt(X, relevance=1e-9).means_, ml, rtol=1e-9)
    means = np.array([model.means_[0], [1e4, 0.0]])
    far = GaussianMixture.from_parameters(model.weights_, means, np.ones(2), "spherical")
    np.testing.assert_array_equal(far.adapt(X).means_[1], far.means_[1])  # no sample is near: it stays


def test_iterations_repeat_the_responsibilities_and_keep_the_prior():
    model = random_mixture(4, "full", n_components=2, n_features=2, spread=1.0)
    X = model.sample(100, random_state=0)[0] + 1.0
    means = model.means_
    for _ in range(3):
        current = GaussianMixture.from_parameters(model.weights_, means, model.covariances_)
        resp = current.predict_proba(X)
        means = (resp.T @ X + 16.0 * model.means_) / (resp.sum(axis=0) + 16.0)[:, None]
    np.testing.assert_allclose(model.adapt(X, n_iter=3).means_, means, rtol=1e-11)


def test_weights_of_adaptation_are_repeats_and_names_stay():
    model = random_mixture(5, "tied", n_features=2)
    model.feature_names_in_ = np.array(["a", "b"], dtype=object)
    X = model.sample(60, random_state=0)[0]
    counts = np.random.default_rng(0).integers(0, 4, size=60)
    with pytest.warns(UserWarning, match="valid feature names"):
        found, expected = model.adapt(X, sample_weight=counts), model.adapt(np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(found.means_, expected.means_, rtol=1e-12)
    assert found.feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"relevance": 0.0}, ValueError, r"relevance must be finite and > 0; got 0\.0"),
        ({"relevance": np.inf}, ValueError, "relevance must be finite"),
        ({"relevance": "16"}, TypeError, "relevance must be a real number; got '16'"),
        ({"n_iter": 0}, ValueError, "n_iter must be >= 1; got 0"),
        ({"n_iter": 1.0}, TypeError, "n_iter must be an integer"),
        ({"sample_weight": np.zeros(2)}, ValueError, "at least one non-zero number"),
    ],
)
def test_bad_arguments_of_adapt(options, error, message):
    with pytest.raises(error, match=message):
        random_mixture(0, "full", n_features=2).adapt(np.zeros((2, 2)), **options)


def test_a_sample_beyond_float64_is_refused_by_adapt():
    with pytest.raises(ValueError, match="X has samples so far from every component"):
        random_mixture(0, "full", n_features=1).adapt([[1e300]])


# ---- summary


def test_the_account_says_what_is_so(blobs):
    X, _ = blobs
    model = GaussianMixture(3, random_state=0).fit(X).sorted()
    account = model.summary(X)
    text = str(account)
    assert text.startswith("GaussianMixture: 3 components, 'full' covariances, 2 features, 17 free parameters\n")
    assert f"converged after {model.n_iter_} iterations; mean log-likelihood {model.lower_bound_:.6g}" in text
    assert f"300 samples: mean log-likelihood {model.score(X):.6g}, entropy of the assignment" in text
    entropy = entr(model.predict_proba(X)).sum() / 300
    assert f"{entropy:.3g} nats per sample (at most 1.1)" in text
    assert account.notes == []
    labels, resp = model.predict(X), model.predict_proba(X)
    for k, row in enumerate(account.components):
        assert row["weight"] == f"{model.weights_[k]:.3f}"
        assert float(row["samples"]) == np.sum(labels == k)
        assert row["certainty"] == f"{resp[labels == k, k].mean():.3f}"
        for j in range(2):
            mean, deviation = (float(part) for part in row[f"feature {j}"].split(" ± "))
            assert mean == pytest.approx(model.means_[k, j], abs=0.006)
            assert deviation == pytest.approx(np.sqrt(model.covariances_[k, j, j]), rel=0.05)


def test_the_nearest_component_and_its_distance(covariance_type):
    model = random_mixture(1, covariance_type, n_components=4, n_features=2)
    matrices = matrices_of(model.covariances_, covariance_type, 4, 2)
    for k, row in enumerate(model.summary().components):
        distances = {}
        for other in set(range(4)) - {k}:
            difference = model.means_[k] - model.means_[other]
            distances[other] = np.sqrt(difference @ np.linalg.solve((matrices[k] + matrices[other]) / 2, difference))
        nearest = min(distances, key=distances.get)
        assert row["nearest"] == f"{nearest} at {distances[nearest]:.3g} sd"


def test_notes_of_what_to_be_careful_about():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(50, 2)), [[40.0, 40.0]]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianMixture(2, random_state=0, tol=0.0, max_iter=3).fit(X)
    lonely = int(model.predict([[40.0, 40.0]])[0])
    notes = "\n".join(model.summary(X).notes)
    assert "EM did not converge" in notes
    assert f"Fewer samples than a covariance needs, 3: component {lonely}." in notes
    assert f"depends on reg_covar: component {lonely}." in notes
    assert "! EM did not converge" in str(model.summary(X))
    near = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [0.9]], [1.0, 1.0], "spherical").summary()
    assert near.notes == ["Means less than 1 sd apart: component 0 and 1."]
    apart = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [1.1]], [1.0, 1.0], "spherical").summary()
    assert apart.notes == []


def test_one_component_many_features_and_markup():
    model = random_mixture(0, "diag", n_components=1, n_features=11)
    model.feature_names_in_ = np.array([f"<b>{j}" for j in range(11)], dtype=object)
    account = model.summary()
    assert account.components.columns == ("component", "weight", "ellipse", *model.feature_names_in_[:8], "…")
    assert account.components[0]["…"] == "3 more"
    html = account._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;7" in html
    assert html.startswith("<p>GaussianMixture: 1 component, &#x27;diag&#x27; covariances, 11 features")
    assert re.search(r"nats", str(account)) is None


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_the_ellipse_has_the_axes_and_the_turn_that_it_was_made_with(angle):
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[c, -s], [s, c]])
    assert _summary._ellipse(turn @ np.diag([9.0, 0.25]) @ turn.T) == f"3 × 0.5 at {angle}°"
    assert _summary._ellipse(4.0 * np.eye(2)) == "2 × 2"
    assert _summary._ellipse(np.diag([1.0, 100.0, 4.0])) == "10 × 1"


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (2.0364, 0.2664, "2.04 ± 0.27"),
        (54.48, 5.84, "54.5 ± 5.8"),
        (123456789.123, 0.5, "123456789.12 ± 0.5"),
        (0.0, 1e-9, "0 ± 1e-09"),
        (-2.5e12, 3e3, "-2.5e+12 ± 3e+03"),
        (1e-5, 2e-9, "1e-05 ± 2e-09"),
    ],
)
def test_a_mean_is_told_to_the_digits_that_its_deviation_leaves(mean, deviation, text):
    assert _summary._pair(mean, deviation) == text
