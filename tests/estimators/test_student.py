"""`StudentMixture`: densities of SciPy, robustness, and the conventions that every estimator here keeps."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chi2, f, kstest, multivariate_t, t
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import check_estimator

from gmm import GaussianMixture, StudentMixture
from gmm.plot import density_regions

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


def log_density(mixture, points):
    """log p by SciPy."""
    parts = zip(mixture.weights_, mixture.means_, mixture._parameters().matrices, mixture.dof_, strict=True)
    joint = [
        np.log(pi) + np.reshape(multivariate_t.logpdf(points, mean, scale, df=dof), -1)
        for pi, mean, scale, dof in parts
    ]
    return logsumexp(joint, axis=0)


@pytest.fixture(scope="module")
def threes():
    """Mixtures of three features by structure, of one component with few and one with many degrees of freedom."""
    rng = np.random.default_rng(5)
    matrix = np.array([[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]])
    scales = {"full": [matrix, np.diag([1.0, 3.0, 0.5]) + 0.4], "tied": matrix, "diag": [[1, 2, 3], [3, 2, 1]]}
    scales["spherical"] = [2.0, 0.5]
    means = rng.normal(size=(2, 3))
    return {
        name: StudentMixture.from_parameters([0.3, 0.7], means, value, [0.7, 9.0], name)
        for name, value in scales.items()
    }


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("given", [[0], [2, 0], [1]])
def test_conditional_is_joint_over_marginal(threes, name, given):
    mixture, free = threes[name], [j for j in range(3) if j not in given]
    rng = np.random.default_rng(1)
    for values in ([0.3] * len(given), [-7.0] * len(given), [1e5] * len(given)):
        conditional = mixture.conditional(given, values)
        points = np.empty((40, 3))
        points[:, given], points[:, free] = values, rng.standard_cauchy(size=(40, len(free)))
        marginal = StudentMixture.from_parameters(
            mixture.weights_, mixture.means_[:, given],
            mixture._parameters().matrices[:, given][:, :, given], mixture.dof_,
        )  # fmt: skip
        expected = log_density(mixture, points) - log_density(marginal, points[:1, given])
        np.testing.assert_allclose(conditional.score_samples(points[:, free]), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(conditional.dof_, mixture.dof_ + len(given))
        assert conditional.covariance_type == ("full" if name == "tied" else name)


@pytest.mark.parametrize("name", STRUCTURES)
def test_conditional_moments_by_quadrature(threes, name):
    """Mean and variance of one feature, given two, by integrals of SciPy's density."""
    mixture = threes[name]
    values = np.array([[0.2, 1.0], [-4.0, 6.0]])
    moments = mixture.conditional_moments([0, 2], values)
    # The trapezium rule in u with y = sinh u: a smooth integrand that falls as a power becomes one that falls
    # exponentially at both ends.
    u = np.linspace(-70.0, 70.0, 4001)
    y = np.sinh(u)
    for row, (first, last) in enumerate(values):
        points = np.column_stack([np.full(len(y), first), y, np.full(len(y), last)])
        weights = np.exp(log_density(mixture, points)) * np.cosh(u)
        weights /= weights.sum()
        mean = weights @ y
        assert moments.mean[row, 0] == pytest.approx(mean, rel=1e-8, abs=1e-8)
        assert moments.covariance[row, 0, 0] == pytest.approx(weights @ (y - mean) ** 2, rel=1e-6)
        one = mixture.conditional([0, 2], values[row])
        np.testing.assert_allclose(moments.weights[row], one.weights_, rtol=1e-12)
        np.testing.assert_allclose(moments.mean[row], one.weights_ @ one.means_, rtol=1e-12)
        spread = one.covariances_ + (one.means_ - moments.mean[row])[:, :, None] ** 2
        np.testing.assert_allclose(moments.covariance[row], np.tensordot(one.weights_, spread, 1), rtol=1e-12)


def test_conditionals_that_have_no_covariance(threes):
    with pytest.raises(ValueError, match=r"component 0 has 1\.7 degrees of freedom given these features.*return_cov"):
        threes["full"].conditional_moments([0], [[0.0]])
    moments = threes["full"].conditional_moments([0], [[0.0], [1e100]], return_cov=False)
    assert moments.covariance is None
    assert np.isfinite(moments.mean).all()
    wide = StudentMixture.from_parameters([1.0], [[0.0, 0.0]], [1e10 * np.eye(2)], 1.0)
    with pytest.raises(ValueError, match="values are so far out that the scales given them leave the range"):
        wide.conditional([0], [1e158])


def test_many_degrees_of_freedom_condition_as_gaussians_do(threes):
    mixture = threes["tied"]
    gaussian = GaussianMixture.from_parameters(mixture.weights_, mixture.means_, mixture.scales_, "tied")
    many = StudentMixture.from_parameters(mixture.weights_, mixture.means_, mixture.scales_, 1e11, "tied")
    for found, expected in zip(
        many.conditional_moments([1], [[0.5], [3.0]]), gaussian.conditional_moments([1], [[0.5], [3.0]]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_distribution_function(fits):
    marginal = fits["full"].marginal(1)
    points = np.array([[-1e3], [-2.0], [0.0], [3.0], [1e4]])
    scales = np.sqrt(marginal.scales_[:, 0, 0])
    for upper in (False, True):
        tail = t.sf if upper else t.cdf
        expected = tail(points, marginal.dof_, marginal.means_[:, 0], scales) @ marginal.weights_
        np.testing.assert_allclose(marginal.cdf(points, upper=upper), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="cdf is that of one feature"):
        fits["full"].cdf(points)


@pytest.mark.parametrize("dof", [0.1, 1.0, 7.0, 1e3, 1e9])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_level_of_one_component(dof, d):
    """q / d has Fisher's F distribution: the log-density at its quantile."""
    mixture = StudentMixture.from_parameters([1.0], [np.ones(d)], [2.0 * np.eye(d)], dof)
    coverage = np.array([1e-3, 0.5, 0.9, 0.9999])
    found = mixture.density_level(coverage)
    squares = d * f.ppf(coverage, d, dof) if dof < 1e8 else chi2.ppf(coverage, d)
    expected = multivariate_t.logpdf(np.ones(d), np.ones(d), 2.0 * np.eye(d), df=dof)
    expected = expected - 0.5 * (dof + d) * np.log1p(squares / dof)
    np.testing.assert_allclose(found.level, expected, rtol=1e-6)
    assert not found.coverage_error.any()


def test_level_of_a_mixture_holds_its_coverage(fits):
    mixture = fits["full"]
    level = mixture.density_level([0.5, 0.95], n_samples=20_000, random_state=1).level
    draws = mixture.sample(20_000, random_state=2)[0]
    share = (mixture.score_samples(draws)[:, None] >= level).mean(axis=0)
    np.testing.assert_allclose(share, [0.5, 0.95], atol=0.02)  # four standard errors of both samples


@pytest.mark.parametrize("name", STRUCTURES)
def test_pictures(X, fits, name):
    """Ellipses are those of the scale matrices, curves those of the t densities."""
    ax = fits[name].plot(X)
    widths = sorted(patch.width for patch in ax.patches)
    roots = 2.0 * np.sqrt(np.linalg.eigvalsh(fits[name]._parameters().matrices))
    lengths = [{round(radius * root, 9) for pair in roots for root in pair} for radius in (1.0, 2.0)]
    assert {round(width, 9) for width in widths} <= lengths[0] | lengths[1]
    plt.close(ax.figure)
    ax = fits[name].plot(X, features=1)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y, np.exp(log_density(fits[name].marginal(1), x[:, None])), rtol=1e-9)
    parts = sum(line.get_ydata() for line in ax.lines[1:])
    np.testing.assert_allclose(parts, y, rtol=1e-9)
    plt.close(ax.figure)
    ax = density_regions(fits[name], 0.5)
    assert ax.collections
    plt.close(ax.figure)


def test_summary(X, fits):
    text = str(fits["full"].summary(X))
    assert "2 components, 'full' scale matrices, 2 features, 13 free parameters" in text
    assert [row["dof"] for row in fits["full"].summary().components] == [f"{v:.3g}" for v in fits["full"].dof_]
    cauchy = StudentMixture.from_parameters([1.0], [[0.0, 1.0]], [np.eye(2)], 1.0)
    assert "nan" not in str(cauchy.summary([[0.0, 0.0]]))
    assert "0.0 ± 1.0" in str(cauchy.summary())


def test_samples_of_the_heaviest_tails_are_numbers():
    mixture = StudentMixture.from_parameters([1.0], [[3.0]], [[[1.0]]], 0.01, random_state=0)
    X, _ = mixture.sample(2000)
    assert np.isfinite(X).all()
    assert np.isfinite(mixture.score_samples(X)).all()


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
