"""`MixtureRegressor`: least squares, quadrature, quantiles, draws, missing values, and coverage on fresh samples."""

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import log_ndtr, logsumexp, stdtrit
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from gmm import BayesianGaussianMixture, GaussianMixture, MixtureRegressor, StudentMixture
from gmm.estimators import _quantiles, regression

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::gmm.RegularisationWarning"
)
SETTINGS = {"random_state": 0, "max_iter": 40}
TEMPLATES = {
    **{kind: GaussianMixture(2, covariance_type=kind, **SETTINGS) for kind in ("full", "tied", "diag", "spherical")},
    "VEV": GaussianMixture(2, covariance_type="VEV", **SETTINGS),
    "student": StudentMixture(2, dof=[3.0, 8.0], **SETTINGS),
    "student tied": StudentMixture(2, covariance_type="tied", dof=4.0, **SETTINGS),
    "bayesian": BayesianGaussianMixture(n_components=3, **SETTINGS),
}


def draws(n, n_features=1, n_targets=1, seed=0):
    """Two groups with other slopes and spreads: X (n, n_features), Y (n, n_targets)."""
    rng = np.random.default_rng(seed)
    group = rng.integers(2, size=(n, 1))
    X = rng.normal(size=(n, n_features)) + 2.0 * group
    slopes = np.array([[1.0, -0.5], [0.5, 2.0], [-1.0, 0.3]])[:n_features, :n_targets]
    noise = rng.normal(size=(n, n_targets)) @ np.array([[0.5, 0.8], [0.0, 0.6]])[:n_targets, :n_targets]
    return X, X @ slopes * np.where(group, -1.0, 1.0) + 4.0 * group + (1 + group) * noise


@pytest.fixture(scope="module", params=TEMPLATES)
def fitted(request):
    """One feature, one target."""
    X, Y = draws(200)
    return MixtureRegressor(TEMPLATES[request.param]).fit(X, Y[:, 0])


@pytest.fixture(scope="module", params=["full", "diag", "student"])
def wide(request):
    """Three features, two targets."""
    return MixtureRegressor(TEMPLATES[request.param]).fit(*draws(200, 3, 2))


# ------------------------------------------------------------------------------------- closed forms


def test_one_component_is_least_squares():
    X, Y = draws(60, 3, 2)
    found = MixtureRegressor(GaussianMixture(reg_covar=0.0)).fit(X, Y)
    line = LinearRegression().fit(X, Y)
    mean, std = found.predict(X[:7], return_std=True)
    np.testing.assert_allclose(mean, line.predict(X[:7]), rtol=1e-10)
    expected = np.sqrt(np.mean((Y - line.predict(X)) ** 2, axis=0))
    np.testing.assert_allclose(std, np.tile(expected, (7, 1)), rtol=1e-10)
    assert found.score(X, Y) == pytest.approx(line.score(X, Y), rel=1e-10)
    interval = found.predict_interval(X[:7], coverage=0.8)
    half = stats.norm.ppf(0.9) * expected
    np.testing.assert_allclose(interval, np.stack([mean - half, mean + half], axis=2), rtol=1e-10)
    residual = np.cov((Y - line.predict(X)).T, bias=True)
    log_density = stats.multivariate_normal(cov=residual).logpdf(Y - line.predict(X))
    np.testing.assert_allclose(found.log_density(X, Y), log_density, rtol=1e-10)


def test_the_default_follows_the_units():
    X, Y = draws(60)
    one, other = MixtureRegressor().fit(X, Y), MixtureRegressor().fit(1e6 * X, 1e-5 * Y)
    np.testing.assert_allclose(1e5 * other.predict(1e6 * X), one.predict(X), rtol=1e-9)


def test_weighted_least_squares():
    X, Y = draws(60, 2)
    weights = np.random.default_rng(1).uniform(0.5, 3.0, size=60)
    found = MixtureRegressor(GaussianMixture(reg_covar=0.0)).fit(X, Y[:, 0], sample_weight=weights)
    line = LinearRegression().fit(X, Y[:, 0], sample_weight=weights)
    np.testing.assert_allclose(found.predict(X), line.predict(X), rtol=1e-10)


def test_targets_that_are_missing_leave_least_squares_on_the_others():
    # The likelihood of what was observed is that of x times that of y given x, where y is there.
    X, Y = draws(80, 2)
    y = np.where(X[:, 0] > 1.0, np.nan, Y[:, 0])
    seen = ~np.isnan(y)
    template = GaussianMixture(missing="marginalise", reg_covar=0.0, tol=0.0, max_iter=300, n_threads=1)
    found = MixtureRegressor(template).fit(X, y)
    line = LinearRegression().fit(X[seen], y[seen])
    np.testing.assert_allclose(found.predict(X), line.predict(X), rtol=1e-8, atol=1e-9)


# ------------------------------------------------------------------------------------- quadrature


def test_mean_spread_density_and_interval_by_quadrature(fitted):
    x = np.array([[0.4], [1.5], [-1.0]])
    mean, interval = fitted.predict(x), fitted.predict_interval(x, coverage=0.7)
    _, std = fitted.predict(x, return_std=True)
    mixture = fitted.mixture_._explicit()
    heavy = isinstance(mixture, StudentMixture)
    # tan of a uniform grid reaches far enough for the moments of t distributions with 4 degrees of freedom.
    angle = np.linspace(-1.5703, 1.5703, 60_001)
    line, slope = np.tan(angle), 1.0 / np.cos(angle) ** 2
    for i, row in enumerate(x):
        joint = np.exp(mixture.score_samples(np.column_stack([np.full(len(line), row[0]), line]))) * slope
        density = joint / integrate.simpson(joint, x=angle)
        assert mean[i] == pytest.approx(integrate.simpson(density * line, x=angle), rel=1e-4 if heavy else 1e-7)
        variance = integrate.simpson(density * (line - mean[i]) ** 2, x=angle)
        assert std[i] == pytest.approx(np.sqrt(variance), rel=2e-3 if heavy else 1e-7)
        below = integrate.cumulative_simpson(density, x=angle, initial=0.0)
        assert np.interp(interval[i], line, below) == pytest.approx([0.15, 0.85], abs=1e-6)
        points = np.array([-3.0, 0.2, 2.5])
        log_density = fitted.log_density(np.tile(row, (3, 1)), points)
        assert np.exp(log_density) == pytest.approx(np.interp(points, line, density / slope), rel=1e-5)


def test_several_features_and_targets_are_those_of_the_conditional_mixture(wide):
    X, Y = draws(5, 3, 2, seed=1)
    mean, std = wide.predict(X, return_std=True)
    interval, log_density = wide.predict_interval(X, coverage=0.95), wide.log_density(X, Y)
    moments = wide.mixture_.conditional_moments([0, 1, 2], X)
    np.testing.assert_allclose(mean, moments.mean, rtol=1e-12)
    np.testing.assert_allclose(std**2, np.einsum("ijj->ij", moments.covariance), rtol=1e-12)
    for i in range(5):
        conditional = wide.conditional(X[i])
        assert conditional.score_samples(Y[i : i + 1])[0] == pytest.approx(log_density[i], rel=1e-10)
        for j in range(2):
            one = conditional.marginal(j)
            assert one.cdf(interval[i, j, :1, None])[0] == pytest.approx(0.025, rel=1e-10)
            assert one.cdf(interval[i, j, 1:, None], upper=True)[0] == pytest.approx(0.025, rel=1e-10)
    joint = wide.mixture_.score_samples(np.column_stack([X, Y])) - wide.mixture_.marginal([0, 1, 2]).score_samples(X)
    np.testing.assert_allclose(log_density, joint, rtol=1e-9)


def test_heavy_tails_without_variance_have_intervals():
    X, Y = draws(80)
    found = MixtureRegressor(StudentMixture(1, dof=0.8)).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"1\.8 degrees of freedom.*return_std=False gives the mean, predict_interval"):
        found.predict(X, return_std=True)
    with pytest.raises(ValueError, match=r"X\[0\] is so far from every component"):
        found.predict_interval([[1e160]])  # the scale given it would be infinite
    one = found.conditional(X[0])
    assert one.cdf(found.predict_interval(X[:1])[:, 1:], upper=True)[0] == pytest.approx(0.05, rel=1e-10)


# ------------------------------------------------------------------------------------- quantiles

COMPONENT = st.tuples(st.floats(-60.0, 0.0), st.floats(-50.0, 50.0), st.floats(-7.0, 7.0))


@settings(max_examples=120, deadline=None)
@given(st.lists(COMPONENT, min_size=1, max_size=5), st.floats(1e-12, 0.6), st.booleans(), st.booleans())
def test_the_probability_jumps_over_p_at_the_quantile(components, p, upper, heavy):
    log_weights, means, scales = np.array(components).T
    log_weights, scales = log_weights - logsumexp(log_weights), np.exp(scales)
    dof = np.linspace(1.0, 9.0, len(means))
    standard = _quantiles.Student(dof) if heavy else _quantiles.Gaussian()
    q = _quantiles.quantiles(log_weights[None], means[None], scales[None], p, standard, upper)[0]

    def log_tail(at):
        z = (at - means) / scales * (-1.0 if upper else 1.0)
        return logsumexp(log_weights + (np.log(stats.t.cdf(z, dof)) if heavy else log_ndtr(z)))

    margin = 32.0 * np.finfo(float).eps * max(abs(q), scales.min(), np.abs(means).max())
    ends = sorted([log_tail(q - margin), log_tail(q + margin)])
    # What the standard distributions round themselves is a few parts in 1e14 of p; Student's quantiles had ten digits
    # before SciPy 1.17.
    rounding = 1e-12 if not heavy or abs(stdtrit(1.0, 0.25) + 1.0) < 1e-14 else 1e-9
    assert ends[0] - rounding <= np.log(p) <= ends[1] + rounding


def test_the_standard_distributions_are_scipys():
    z, dof = np.linspace(-9.0, 9.0, 7)[:, None], np.array([0.7, 3.0, 40.0])
    for standard, theirs in ((_quantiles.Gaussian(), stats.norm), (_quantiles.Student(dof), stats.t(dof))):
        np.testing.assert_allclose(standard.log_density(z), theirs.logpdf(z) + 0.0 * z, rtol=1e-12)
        np.testing.assert_allclose(standard.log_cdf(z), theirs.logcdf(z) + 0.0 * z, rtol=1e-10, atol=1e-15)


def test_far_components_and_empty_valleys():
    log_weights = np.log([[0.5, 0.5], [0.05, 0.95], [1e-3, 1.0 - 1e-3], [0.3, 0.7]])
    means = np.array([[0.0, 1e150], [0.0, 1e8], [-1e4, 3.0], [0.0, 1e6]])
    q = _quantiles.quantiles(log_weights, means, np.ones((4, 2)), 0.1, _quantiles.Gaussian())
    expected = [stats.norm.ppf(0.2), 1e8 + stats.norm.ppf(0.05 / 0.95), 3.0 + stats.norm.ppf(0.099 / 0.999)]
    np.testing.assert_allclose(q, [*expected, stats.norm.ppf(1 / 3)], rtol=1e-9)
    upper = _quantiles.quantiles(log_weights[3:], means[3:], np.ones((1, 2)), 0.9, _quantiles.Gaussian(), upper=True)
    assert upper[0] == pytest.approx(stats.norm.ppf(1 / 3), rel=1e-9)


# ------------------------------------------------------------------------------------- draws


def test_draws_have_the_distribution_of_y_given_x(fitted):
    x = np.array([[0.5], [2.0]])
    y = fitted.sample_y(x, n_samples=4000)
    assert y.shape == (2, 4000)
    for row, own in zip(x, y, strict=True):
        conditional = fitted.conditional(row)
        assert stats.kstest(own, lambda t, of=conditional: of.cdf(np.reshape(t, (-1, 1)))).pvalue > 1e-4
    np.testing.assert_array_equal(fitted.sample_y(x, n_samples=4000), y)
    assert not np.array_equal(fitted.sample_y(x, n_samples=4000, random_state=1), y)
    assert not np.array_equal(y[0] - y[0].mean(), y[1] - y[1].mean())


def test_targets_of_one_draw_belong_together(wide):
    X, _ = draws(2, 3, 2, seed=4)
    n = 6000
    y = wide.sample_y(X, n_samples=n)
    assert y.shape == (2, 2, n)
    moments = wide.mixture_.conditional_moments([0, 1, 2], X)
    for i in range(2):
        products = (y[i] - moments.mean[i][:, None])[:, None] * (y[i] - moments.mean[i][:, None])[None]
        error = products.std(axis=2) / np.sqrt(n)
        assert (np.abs(products.mean(axis=2) - moments.covariance[i]) < 5.0 * error).all()
        # Products of the signs do not hang on tails.
        other = wide.conditional(X[i]).sample(n, random_state=7)[0].T
        signs = [np.sign(values - moments.mean[i][:, None]).prod(axis=0) for values in (y[i], other)]
        assert abs(signs[0].mean() - signs[1].mean()) < 5.0 * np.sqrt(2.0 / n)


def test_where_two_answers_are_possible_both_are_given():
    rng = np.random.default_rng(0)
    y = rng.choice([-1.0, 1.0], size=300) * rng.uniform(1.0, 2.0, size=300)
    X = (y**2 + 0.1 * rng.normal(size=300))[:, None]
    found = MixtureRegressor(GaussianMixture(2, random_state=0)).fit(X, y)
    at = np.array([[2.2]] * 3)
    mean = found.predict(at[:1])[0]
    assert abs(mean) < 0.3
    between, *peaks = found.log_density(at, [mean, -1.5, 1.5])
    assert between < min(peaks) - 5.0
    assert 0.3 < (found.sample_y(at[:1], 500) > 0.0).mean() < 0.7


# ------------------------------------------------------------------------------------- coverage


def test_intervals_hold_what_they_promise_on_fresh_samples():
    """Over replicates the share of fresh targets in the interval is its coverage, where the spread changes with x."""
    shares = []
    for seed in range(30):
        X, Y = draws(400, seed=seed)
        fresh, targets = draws(400, seed=1000 + seed)
        template = GaussianMixture(2, means_init=[[0.0, 0.0], [2.0, 2.0]], max_iter=30)
        interval = MixtureRegressor(template).fit(X, Y[:, 0]).predict_interval(fresh, coverage=0.9)
        left = np.abs(fresh[:, 0]) < 0.7
        inside = (interval[:, 0] < targets[:, 0]) & (targets[:, 0] < interval[:, 1])
        shares.append([inside.mean(), inside[left].mean(), inside[~left].mean()])
    shares = np.array(shares)
    # A fit is a little narrower than the truth: parameters are fitted to the same samples.
    assert np.abs(shares.mean(axis=0) - 0.9).max() < 0.012 + 4.0 * shares.std(axis=0).max() / np.sqrt(30)


# ------------------------------------------------------------------------------------- missing values


def test_missing_features_are_integrated_out():
    template = GaussianMixture(2, missing="marginalise", **SETTINGS)
    X, Y = draws(200, 3, 2)
    holes = np.random.default_rng(0).uniform(size=(200, 5)) < 0.1
    found = MixtureRegressor(template).fit(np.where(holes[:, :3], np.nan, X), np.where(holes[:, 3:], np.nan, Y))
    rows, targets = X[:8].copy(), Y[:8].copy()
    rows[[0, 2, 5], 1] = rows[3, 0] = rows[3, 2] = np.nan
    rows[4] = np.nan
    targets[[1, 2], 0] = np.nan
    targets[6] = np.nan
    mean, std = found.predict(rows, return_std=True)
    interval, log_density = found.predict_interval(rows), found.log_density(rows, targets)
    whole = found.mixture_
    np.testing.assert_allclose(mean, whole.impute(np.column_stack([rows, np.full((8, 2), np.nan)]))[:, 3:], rtol=1e-10)
    parts = [np.column_stack([rows, y]) for y in (targets, np.full((8, 2), np.nan))]
    expected = whole.score_samples(parts[0]) - whole.score_samples(parts[1])
    np.testing.assert_allclose(log_density, expected, rtol=1e-9, atol=1e-12)
    assert log_density[6] == 0.0
    for i in range(8):
        known = np.flatnonzero(~np.isnan(rows[i]))
        of_row = whole.marginal([*known, 3, 4])
        of_row = of_row.conditional(list(range(len(known))), rows[i, known]) if len(known) else of_row
        for j in range(2):
            one = of_row.marginal(j)
            assert one.cdf(interval[i, j][:, None]) == pytest.approx([0.05, 0.95], rel=1e-9)
            deviation = np.sqrt(one.weights_ @ (one.covariances_[:, 0, 0] + (one.means_[:, 0] - mean[i, j]) ** 2))
            assert std[i, j] == pytest.approx(deviation, rel=1e-10)
        np.testing.assert_allclose(found.conditional(rows[i]).means_, of_row.means_, rtol=1e-10)


def test_pandas_na_and_refusals_of_missing_values():
    X, Y = draws(60)
    frame = pd.DataFrame({"x": pd.array(X[:, 0], dtype="Float64")})
    frame.iloc[3, 0] = pd.NA
    y = pd.Series(Y[:, 0], name="target", dtype="Float64")
    y.iloc[5] = pd.NA
    found = MixtureRegressor(GaussianMixture(missing="marginalise")).fit(frame, y)
    assert found.mixture_.feature_names_in_.tolist() == ["x", "target"]
    assert found.conditional([0.5]).feature_names_in_.tolist() == ["target"]
    assert np.isfinite(found.predict(frame)).all()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MixtureRegressor().fit(frame, Y[:, 0])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        MixtureRegressor().fit(X, np.where(X[:, 0] > 1.0, np.nan, Y[:, 0]))
    with pytest.raises(ValueError, match=r"y\[:, 1\] has no observed value"):
        MixtureRegressor(GaussianMixture(missing="marginalise")).fit(X, np.column_stack([Y, np.full(60, np.nan)]))


def test_blocks_of_rows_change_nothing(monkeypatch, wide):
    X, Y = draws(150, 3, 2, seed=2)
    whole = wide.predict(X), wide.predict_interval(X), wide.log_density(X, Y)
    monkeypatch.setattr(regression, "BLOCK", 1)  # 64 rows each
    parts = wide.predict(X), wide.predict_interval(X), wide.log_density(X, Y)
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


# ------------------------------------------------------------------------------------- conventions


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "template",
    [None, GaussianMixture(missing="marginalise"), StudentMixture(dof=4.0, tol=1e-12, max_iter=2000)],
    ids=["default", "missing values", "student"],
)
def test_check_estimator_passes_whole(template):
    # The t fit converges: weighted and repeated rows may be one iteration apart where a looser tol stops.
    results = check_estimator(MixtureRegressor(template), on_fail=None, on_skip=None)
    assert not {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert len(results) >= 40


def test_shapes_follow_those_of_y():
    X, Y = draws(60, 2, 2)
    for y, shape in ((Y[:, 0], (60,)), (Y[:, :1], (60, 1)), (Y, (60, 2))):
        found = MixtureRegressor().fit(X, y)
        mean, std = found.predict(X, return_std=True)
        assert mean.shape == std.shape == shape
        assert found.predict_interval(X).shape == (*shape, 2)
        assert found.sample_y(X, n_samples=3).shape == (*shape, 3)
        assert found.log_density(X, y).shape == (60,)
        assert found.n_targets_ == np.size(shape[1:]) * shape[-1] if len(shape) > 1 else found.n_targets_ == 1


def test_templates_stay_unfitted_and_seeds_repeat():
    X, Y = draws(100)
    template = GaussianMixture(3, init_params="random", max_iter=3)
    regressor = MixtureRegressor(template, random_state=3)
    first = regressor.fit(X, Y).predict(X)
    assert not hasattr(template, "means_")
    assert template.random_state is None
    np.testing.assert_array_equal(clone(regressor).fit(X, Y).predict(X), first)
    assert not np.array_equal(MixtureRegressor(template, random_state=4).fit(X, Y).predict(X), first)


def test_in_pipelines_and_searches():
    X, Y = draws(120)
    pipeline = make_pipeline(StandardScaler(), MixtureRegressor(GaussianMixture(2, random_state=0))).fit(X, Y[:, 0])
    assert pipeline.score(X, Y[:, 0]) > 0.3
    search = GridSearchCV(MixtureRegressor(GaussianMixture(random_state=0)), {"mixture__n_components": [1, 2]}, cv=3)
    assert search.fit(X, Y[:, 0]).best_params_ == {"mixture__n_components": 2}


def test_names_of_several_targets():
    X, Y = draws(50, 2, 2)
    frame, targets = pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(Y, columns=["u", "v"])
    found = MixtureRegressor().fit(frame, targets)
    assert found.mixture_.feature_names_in_.tolist() == ["a", "b", "u", "v"]
    assert found.conditional(frame.iloc[0]).feature_names_in_.tolist() == ["u", "v"]
    assert MixtureRegressor().fit(frame, Y).mixture_.feature_names_in_.tolist() == ["a", "b", "y0", "y1"]
    # Names that are taken are not given twice.
    assert not hasattr(
        MixtureRegressor().fit(frame, targets.set_axis(["a", "v"], axis=1)).mixture_, "feature_names_in_"
    )


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(regression)
    assert failed == 0
    assert attempted


# ------------------------------------------------------------------------------------- bad input


def test_what_does_not_fit_is_refused():
    X, Y = draws(40, 2)
    found = MixtureRegressor().fit(X, Y[:, 0])
    before = dict(vars(found))
    for call, kind, message in [
        (lambda: found.fit(X, Y[:-1]), ValueError, "inconsistent numbers of samples"),
        (lambda: found.fit(X, None), ValueError, "requires y to be passed"),
        (lambda: found.fit(X, Y[:, :0]), ValueError, "y must have a target|0 feature"),
        (lambda: found.fit(X, Y, sample_weight=-np.ones(40)), ValueError, "sample_weight"),
        (lambda: found.predict_interval(X, coverage=1.0), ValueError, "coverage must be strictly between 0 and 1"),
        (lambda: found.predict_interval(X, coverage=np.nan), ValueError, "coverage must be strictly between 0 and 1"),
        (lambda: found.predict_interval(X, coverage="a"), TypeError, "coverage must be a number; got 'a'"),
        (lambda: found.sample_y(X, n_samples=0), ValueError, "n_samples must be a positive integer; got 0"),
        (lambda: found.sample_y(X, n_samples=True), ValueError, "n_samples must be a positive integer; got True"),
        (lambda: found.conditional([1.0]), ValueError, r"x must have shape \(2,\), one row; got \(1,\)"),
        (lambda: found.conditional([1.0, np.nan]), ValueError, "Input x contains NaN"),
        (lambda: found.log_density(X, np.ones((40, 2))), ValueError, "y must have 1 targets, as in fit"),
        (lambda: found.predict([[0.0, 0.0], [1e300, 0.0]]), ValueError, r"X\[1\] is so far from every component"),
        (lambda: found.predict_interval([[1e300, 0.0]]), ValueError, r"X\[0\] is so far from every component"),
        (lambda: MixtureRegressor(GaussianMixture(noise=True)).fit(X, Y), ValueError, "mixture has noise=True"),
        (lambda: MixtureRegressor(LinearRegression()).fit(X, Y), ValueError, "'mixture' parameter of MixtureRegressor"),
    ]:
        with pytest.raises(kind, match=message):
            call()
    assert vars(found) == before


STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.lists(st.floats(), max_size=3),
    st.sampled_from([np.ones(20), np.ones((20, 2)), np.full(20, 1e300), np.arange(20.0), np.ones(20, dtype=object)]),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STRANGE, st.sampled_from(["X", "y", "mixture", "random_state", "sample_weight"]))
def test_strange_arguments_are_refused_or_right(value, name):
    X, Y = draws(20)
    arguments = {"X": X, "y": Y[:, 0], "mixture": None, "random_state": 0, "sample_weight": None} | {name: value}
    regressor = MixtureRegressor(arguments["mixture"], random_state=arguments["random_state"])
    try:
        regressor.fit(arguments["X"], arguments["y"], sample_weight=arguments["sample_weight"])
        mean, std = regressor.predict(arguments["X"], return_std=True)
    except (ValueError, TypeError):
        return
    assert np.isfinite(mean).all()
    assert (std >= 0.0).all()
