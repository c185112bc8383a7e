"""`StudentMixture`: densities of SciPy, robustness, and the conventions that every estimator here keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_t, t
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator

from gmm import GaussianMixture, StudentMixture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STRUCTURES = ("full", "tied", "diag", "spherical")


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(3)
    return np.concatenate([rng.standard_t(4, size=(120, 2)), rng.standard_t(20, size=(130, 2)) * [1.0, 2.0] + [7, 0]])


@pytest.fixture(scope="module")
def fits(X):
    options = {"random_state": 0, "tol": 1e-9, "max_iter": 3000}
    return {name: StudentMixture(2, covariance_type=name, **options).fit(X) for name in STRUCTURES}


@pytest.mark.parametrize("name", STRUCTURES)
def test_densities_are_those_of_scipy(X, fits, name):
    mixture = fits[name]
    joint = np.stack(
        [
            np.log(pi) + multivariate_t.logpdf(X, mean, scale, df=dof)
            for pi, mean, scale, dof in zip(
                mixture.weights_, mixture.means_, mixture._parameters().matrices, mixture.dof_, strict=True
            )
        ],
        axis=1,
    )
    log_p = logsumexp(joint, axis=1)
    np.testing.assert_allclose(mixture.score_samples(X), log_p, rtol=1e-11)
    np.testing.assert_allclose(mixture.predict_proba(X), np.exp(joint - log_p[:, None]), atol=1e-12)
    np.testing.assert_array_equal(mixture.predict(X), joint.argmax(axis=1))
    p = {"full": 6, "tied": 3, "diag": 4, "spherical": 2}[name] + 4 + 1 + 2
    assert mixture.n_parameters_ == p
    assert mixture.bic(X) == pytest.approx(-2 * log_p.sum() + p * np.log(len(X)))
    assert mixture.aic(X) == pytest.approx(-2 * log_p.sum() + 2 * p)
    assert np.diff(mixture.lower_bounds_).min() > -1e-12
    assert mixture.score(X) == pytest.approx(mixture.lower_bound_, abs=1e-7)


def test_a_start_and_its_course(X):
    seen = []
    mixture = StudentMixture(
        2, tol=0.0, max_iter=5, random_state=0, record_parameters=True, callback=lambda *a: seen.append(a) and None
    ).fit(X)
    assert [number for number, _, _ in seen] == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal([value for _, value, _ in seen], mixture.history_.log_likelihoods)
    assert len(mixture.history_.parameters) == 6
    np.testing.assert_array_equal(mixture.history_.parameters[0].dof, [2.0, 2.0])
    np.testing.assert_array_equal(mixture.history_.parameters[5].dof, mixture.dof_)
    for before, value in zip(mixture.history_.parameters, mixture.lower_bounds_, strict=False):
        one = StudentMixture.from_parameters(before.weights, before.means, before.covariances, before.dof)
        assert one.score(X) == pytest.approx(value, rel=1e-12)
    whole = StudentMixture(2, tol=0.0, max_iter=5, random_state=0).fit(X)  # in one compiled bout
    np.testing.assert_array_equal(whole.scales_, mixture.scales_)
    parts = StudentMixture(2, tol=0.0, max_iter=3, random_state=0, warm_start=True).fit(X)
    parts.set_params(max_iter=2).fit(X)
    np.testing.assert_allclose(parts.scales_, mixture.scales_, rtol=1e-12)


def test_ways_to_have_degrees_of_freedom(X, fits):
    options = {"random_state": 0, "tol": 1e-9, "max_iter": 3000}
    shared = StudentMixture(2, dof="shared", **options).fit(X)
    assert shared.dof_[0] == shared.dof_[1]
    held = StudentMixture(2, dof=[3.0, 7.0], **options).fit(X)
    np.testing.assert_array_equal(held.dof_, [3.0, 7.0])
    number = StudentMixture(2, dof=4, **options).fit(X)
    np.testing.assert_array_equal(number.dof_, [4.0, 4.0])
    values = [mixture.score(X) for mixture in (number, shared, fits["full"])]
    assert values[0] <= values[1] + 1e-9 <= values[2] + 2e-9
    assert [mixture.n_parameters_ for mixture in (number, shared, fits["full"])] == [11, 12, 13]
    elsewhere = StudentMixture(2, dof_init=20.0, **options).fit(X)
    np.testing.assert_allclose(elsewhere.sorted(0).dof_, fits["full"].sorted(0).dof_, rtol=0.02)


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_weight_is_a_repetition(X, name):
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    labels = np.repeat([0, 1], [120, 130])
    rows = np.repeat(np.arange(len(X)), weights)
    options = {"covariance_type": name, "tol": 0.0, "max_iter": 10, "covariance_prior": "default"}
    one = StudentMixture(2, resp_init=labels, **options).fit(X, sample_weight=weights)
    two = StudentMixture(2, resp_init=labels[rows], **options).fit(X[rows])
    np.testing.assert_allclose(one.scales_, two.scales_, rtol=1e-9)
    np.testing.assert_allclose(one.dof_, two.dof_, rtol=1e-8)
    options["covariance_prior"] = None
    plain, scaled = (
        StudentMixture(2, resp_init=labels, **options).fit(X, sample_weight=factor * weights) for factor in (1, 1e200)
    )
    np.testing.assert_allclose(scaled.means_, plain.means_, rtol=1e-9, atol=1e-9)


def test_units_change_nothing(X):
    options = {"reg_covar": 0.0, "tol": 1e-10, "max_iter": 2000, "resp_init": np.repeat([0, 1], [120, 130])}
    plain = StudentMixture(2, **options).fit(X)
    for factor, shift in ((2.0**-400, 0.0), (2.0**300, 0.0), (1.0, 1e7)):
        other = StudentMixture(2, **options).fit(X * factor + shift)
        np.testing.assert_allclose(other.dof_, plain.dof_, rtol=1e-4)
        np.testing.assert_allclose((other.means_ - shift) / factor, plain.means_, rtol=1e-5, atol=1e-5)


def test_outliers_do_less_harm():
    """In ten data sets a tenth of all samples are far off: the t mixture's means err less, in each of them."""
    ratios = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        groups = rng.normal(size=(180, 2)) + np.repeat([[0, 0], [6, 0]], 90, axis=0)
        data = np.concatenate([groups, rng.uniform(-40, 40, size=(20, 2))])
        labels = np.concatenate([np.repeat([0, 1], 90), rng.integers(0, 2, 20)])
        errors = []
        for kind in (StudentMixture, GaussianMixture):
            mixture = kind(2, resp_init=labels, tol=1e-8, max_iter=2000).fit(data)
            errors.append(1.0 - adjusted_rand_score(np.repeat([0, 1], 90), mixture.predict(groups)))
        ratios.append(errors)
    student, gaussian = np.median(ratios, axis=0)
    assert student < 0.05
    assert gaussian > 0.5


def test_samples(fits):
    mixture = fits["full"]
    X, y = mixture.sample(20_000, random_state=0)
    for k in (0, 1):
        rows = X[y == k]
        assert abs(np.mean(y == k) - mixture.weights_[k]) < 0.02
        for j in (0, 1):
            scale = np.sqrt(mixture.scales_[k, j, j])
            law = t(mixture.dof_[k], mixture.means_[k, j], scale)
            assert kstest(rows[:, j], law.cdf).pvalue > 1e-4
        # Both features share one u: their squares go together, which independent t features' do not.
        z = np.abs(np.linalg.solve(np.linalg.cholesky(mixture.scales_[k]), (rows - mixture.means_[k]).T))
        if mixture.dof_[k] < 8:
            assert np.corrcoef(np.minimum(z, 4.0))[0, 1] > 0.05
    np.testing.assert_array_equal(mixture.sample(5, random_state=3)[0], mixture.sample(5, random_state=3)[0])


def test_covariances(fits):
    mixture = StudentMixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[[2.0]], [[3.0]]], [4.0, 2.0])
    np.testing.assert_array_equal(mixture.covariances_[:, 0, 0], [4.0, np.inf])
    assert fits["spherical"].covariances_.shape == (2, 2, 2)
    assert fits["spherical"].scales_.shape == (2,)


def test_marginal(X, fits):
    for name in STRUCTURES:
        marginal = fits[name].marginal([1])
        total = np.zeros(len(X))
        for pi, mean, scale, dof in zip(
            fits[name].weights_, fits[name].means_, fits[name]._parameters().matrices, fits[name].dof_, strict=True
        ):
            total += pi * t.pdf(X[:, 1], dof, mean[1], np.sqrt(scale[1, 1]))
        np.testing.assert_allclose(marginal.score_samples(X[:, 1:]), np.log(total), rtol=1e-11)


@pytest.mark.parametrize("name", STRUCTURES)
def test_files(X, fits, name, tmp_path):
    fits[name].save(tmp_path / "m.npz")
    loaded = StudentMixture.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(loaded.score_samples(X), fits[name].score_samples(X))
    assert loaded.get_params() == fits[name].get_params()
    assert loaded.lower_bounds_ == fits[name].lower_bounds_
    for dof in ([3.0, 7.0], 5.0):
        held = StudentMixture(2, covariance_type=name, dof=dof, max_iter=2, random_state=0).fit(X)
        held.save(tmp_path / "h.npz")
        np.testing.assert_array_equal(StudentMixture.load(tmp_path / "h.npz").dof, dof)
    with pytest.raises(ValueError, match="not a mixture saved by GaussianMixture"):
        GaussianMixture.load(tmp_path / "m.npz")


@pytest.mark.parametrize("change", [lambda a: -a, lambda a: a[:1], lambda a: a * np.nan])
def test_damaged_files(fits, change, tmp_path):
    fits["full"].save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        arrays = dict(file)
    arrays["dof_"] = change(arrays["dof_"])
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match="dof_ "):
        StudentMixture.load(tmp_path / "bad.npz")


def test_conventions(fits):
    check_estimator(StudentMixture())
    assert clone(StudentMixture(2, dof="shared")).dof == "shared"
    turned = fits["full"].sorted([1, 0])
    np.testing.assert_array_equal(turned.dof_, fits["full"].dof_[::-1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dof": "some"}, "'dof' parameter"),
        ({"dof": 0.0}, "'dof' parameter"),
        ({"dof": np.inf}, "'dof' parameter"),
        ({"dof": [1.0]}, r"dof must be one number or have shape \(2,\)"),
        ({"dof": [1.0, -2.0]}, r"dof\[1\] is -2"),
        ({"dof": [1.0, np.nan]}, r"dof\[1\] is nan"),
        ({"dof": ["a", "b"]}, "dof must hold real numbers"),
        ({"dof_init": 0.0}, "'dof_init' parameter"),
        ({"covariance_type": "VEV"}, "'covariance_type' parameter"),
        ({"resp_init": [0] * 250}, "component 1 no sample"),
    ],
)
def test_bad_settings(X, settings, message):
    mixture = StudentMixture(2, **settings)
    before = dict(vars(mixture))
    with pytest.raises(ValueError, match=message):
        mixture.fit(X)
    assert vars(mixture).keys() == before.keys()


def test_bad_parameters():
    good = {"weights": [1.0], "means": [[0.0]], "scales": [[[1.0]]], "dof": 3.0}
    for name, value in (("dof", -1.0), ("dof", [1.0, 2.0]), ("scales", [[[-1.0]]]), ("weights", [0.5])):
        with pytest.raises(ValueError):
            StudentMixture.from_parameters(**(good | {name: value}))
    with pytest.raises(ValueError, match="covariance_type"):
        StudentMixture.from_parameters(**good, covariance_type="EVE")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 3), st.integers(1, 3), st.sampled_from(STRUCTURES),
    st.sampled_from(["each", "shared", 0.5]), st.sampled_from([1.0, 1e-160, 1e150]), st.booleans(), st.integers(0, 99),
)  # fmt: skip
def test_a_clear_error_or_a_finite_answer(n, d, K, name, dof, scale, ties, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n, d)).astype(float) if ties else rng.standard_cauchy(size=(n, d))
    mixture = StudentMixture(K, covariance_type=name, dof=dof, max_iter=20, random_state=0)
    said = ""
    try:
        with np.errstate(all="ignore"):
            mixture.fit(X * scale)
    except ValueError as error:
        said = str(error)
    if said:
        assert len(said) > 20
        assert not hasattr(mixture, "weights_")
        return
    assert np.isfinite(mixture.score(X * scale))
    assert (mixture.dof_ > 0.0).all()
    np.testing.assert_allclose(mixture.predict_proba(X * scale).sum(axis=1), 1.0, atol=1e-12)
