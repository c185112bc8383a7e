"""`sample` in random order and given features, and `TableSynthesizer`: transforms, dtypes, bounds, draws."""

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.base import clone

from gmm import BayesianGaussianMixture, GaussianMixture, StudentMixture, TableSynthesizer
from gmm.estimators import _columns, _scored, generating

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::gmm.RegularisationWarning"
)
MEANS = [[0.0, 0.0, 1.0], [3.0, -2.0, 0.0]]
COVARIANCES = np.array([[[2.0, 0.8, 0.3], [0.8, 1.0, -0.2], [0.3, -0.2, 0.5]], np.diag([0.5, 2.0, 1.0])])
GAUSSIAN = GaussianMixture.from_parameters([0.3, 0.7], MEANS, COVARIANCES, random_state=0)
MIXTURES = {
    "full": GAUSSIAN,
    "tied": GaussianMixture.from_parameters([0.3, 0.7], MEANS, COVARIANCES[0], "tied"),
    "diag": GaussianMixture.from_parameters([0.3, 0.7], MEANS, np.einsum("kjj->kj", COVARIANCES), "diag"),
    "student": StudentMixture.from_parameters([0.3, 0.7], MEANS, COVARIANCES, [6.0, 9.0]),
}

# ------------------------------------------------------------------------------------- sample


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_shuffled_samples_are_the_same_in_another_order(kind):
    X, y = GAUSSIAN.sample(200, kind(5))
    Z, labels = GAUSSIAN.sample(200, kind(5), shuffle=True)
    assert (np.diff(y) >= 0).all()
    assert (np.diff(labels) < 0).any()
    order, of_shuffled = np.lexsort(X.T), np.lexsort(Z.T)
    np.testing.assert_array_equal(X[order], Z[of_shuffled])
    np.testing.assert_array_equal(y[order], labels[of_shuffled])  # each label goes with its sample


def test_noise_is_shuffled_too():
    noisy = GaussianMixture(noise=True, random_state=0).fit(np.random.default_rng(0).standard_t(2, size=(200, 2)))
    _, y = noisy.sample(400, random_state=1, shuffle=True)
    assert 0 < np.count_nonzero(y == -1) < 200
    assert np.flatnonzero(y == -1).mean() == pytest.approx(200.0, abs=100.0)
    with pytest.raises(ValueError, match=r"this mixture has noise: take it of without_noise\(\)"):
        noisy.sample(5, given={0: 1.0})


@pytest.mark.parametrize("name", MIXTURES)
def test_samples_given_some_features_have_the_conditional_distribution(name):
    mixture, n = MIXTURES[name], 4000
    X, y = mixture.sample(n, random_state=3, given={2: 0.4, 0: 1.0})
    np.testing.assert_array_equal(X[:, [0, 2]], np.tile([1.0, 0.4], (n, 1)))
    conditional = mixture.conditional([0, 2], [1.0, 0.4])
    assert stats.kstest(X[:, 1], lambda t: conditional.cdf(t[:, None])).pvalue > 1e-4
    share = conditional.weights_[1]
    assert np.mean(y == 1) == pytest.approx(share, abs=4.0 * np.sqrt(share * (1.0 - share) / n))
    z = (X[y == 1, 1] - conditional.means_[1, 0]) / np.sqrt(conditional._parameters().matrices[1, 0, 0])
    own = stats.t(conditional.dof_[1]) if name == "student" else stats.norm()
    assert stats.kstest(z, own.cdf).pvalue > 1e-4


def test_the_covariance_given_a_feature():
    n = 20_000
    X, _ = GAUSSIAN.sample(n, random_state=1, given={-1: 0.2}, shuffle=True)
    moments = GAUSSIAN.conditional_moments(2, [[0.2]])
    products = (X[:, :2] - moments.mean)[:, :, None] * (X[:, :2] - moments.mean)[:, None]
    error = products.std(axis=0) / np.sqrt(n)
    assert (np.abs(products.mean(axis=0) - moments.covariance[0]) < 4.5 * error).all()
    assert (np.abs(X[:, :2].mean(axis=0) - moments.mean[0]) < 4.5 * X[:, :2].std(axis=0) / np.sqrt(n)).all()


def test_a_bayesian_mixture_draws_from_its_expected_parameters():
    frame = pd.DataFrame(GAUSSIAN.sample(300)[0], columns=["a", "b", "c"])
    fit = BayesianGaussianMixture(n_components=3, random_state=0).fit(frame)
    X, y = fit.sample(50, random_state=2, given={"b": -1.0})
    Z, labels = fit.mean_mixture().sample(50, random_state=2, given={"b": -1.0})
    np.testing.assert_array_equal(X, Z)
    np.testing.assert_array_equal(y, labels)
    np.testing.assert_array_equal(X[:, 1], -1.0)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"shuffle": 1}, TypeError, "shuffle must be True or False; got 1"),
        ({"given": 3.0}, TypeError, "given must be a dict of features and their values; got 3.0"),
        ({"given": {}}, ValueError, "given must not be empty"),
        ({"given": {"a": 1.0}}, ValueError, "given names 'a', but the mixture has no feature names"),
        ({"given": {3: 1.0}}, ValueError, "given has index 3, but the mixture has 3 features"),
        ({"given": {0: 1.0, -3: 2.0}}, ValueError, "given must not repeat a feature"),
        ({"given": {0: 0.0, 1: 0.0, 2: 0.0}}, ValueError, "given must leave at least one feature free; got all 3"),
        ({"given": {0: np.nan}}, ValueError, r"given\[0\] must be a finite number; got nan"),
        ({"given": {0: "x"}}, ValueError, r"given\[0\] must be a finite number; got 'x'"),
        ({"given": {0: [1.0]}}, ValueError, r"given\[0\] must be a finite number; got \[1.0\]"),
        ({"given": {0: 1e300}}, ValueError, "so far from every component"),
    ],
)
def test_arguments_of_sample_that_make_no_sense_are_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        GAUSSIAN.sample(5, **arguments)


# ------------------------------------------------------------------------------------- columns

BOUNDS = [(-np.inf, np.inf), (2.0, np.inf), (-np.inf, 7.0), (2.0, 7.0)]


def column(kind, low, high, dtype=float):
    dtype = np.dtype(dtype)
    return _columns.Column("c", kind, dtype, low, high, 3.0, 6.0, centre=0.3, scale=1.7)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("kind", ["float", "integer"])
def test_slopes_by_differences_and_back_again(bounds, kind):
    one = column(kind, *bounds)
    x = np.array([2.1, 3.0, 4.5, 6.9])
    t, log_slope = one.transformed(x)
    h = 1e-6
    slope = (one.transformed(x + h)[0] - one.transformed(x - h)[0]) / (2.0 * h)
    np.testing.assert_allclose(np.exp(log_slope), slope, rtol=1e-7)
    back = one._replace(kind="float", low=one.edges[0], high=one.edges[1]).values(t)
    np.testing.assert_allclose(back, x, rtol=1e-14)


def test_nothing_leaves_the_bounds_however_far_it_is_drawn():
    t = np.array([-1e4, -800.0, -40.0, 0.0, 40.0, 800.0, 1e4])
    for kind in (np.float32, np.float64):
        for low, high in BOUNDS[1:]:
            one = column("float", low, high, kind)
            x = one.cast(one.values(t))
            assert x.dtype == kind
            assert np.isfinite(x).all()
            assert ((low < x) & (x < high)).all()
            assert np.isfinite(one.transformed(x.astype(float))[1]).all()
    whole = column("integer", 2.0, 7.0)
    assert set(whole.values(t)) == {2.0, 5.0, 7.0} or set(whole.values(t)) == {2.0, 4.0, 7.0}
    np.testing.assert_array_equal(column("integer", -np.inf, np.inf).values(t)[[0, -1]], [3.0, 6.0])  # what was seen


@pytest.fixture(scope="module")
def table():
    """Ages (integers above 0), shares (between 0 and 1), heights, a count and a constant."""
    rng = np.random.default_rng(0)
    n = 500
    hidden = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.6, 0.3], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    return pd.DataFrame({
        "age": np.clip(np.rint(20.0 * np.exp(0.4 * hidden[:, 0])), 0, 120).astype("int64"),
        "share": (1.0 / (1.0 + np.exp(-hidden[:, 1]))).astype("float32"),
        "height": 170.0 + 8.0 * hidden[:, 2],
        "children": pd.array(rng.poisson(2.0, size=n), dtype="UInt8"),
        "year": np.full(n, 2020, dtype="int16"),
    })  # fmt: skip


LIMITS = {"age": (0, None), "share": (0.0, 1.0), "children": (0, 20)}


@pytest.fixture(scope="module")
def fitted(table):
    return TableSynthesizer(GaussianMixture(2, random_state=0), bounds=LIMITS, random_state=0).fit(table)


def test_a_table_comes_back_with_its_columns_dtypes_and_range(table, fitted):
    made = fitted.sample(3000)
    assert made.columns.equals(table.columns)
    assert made.dtypes.equals(table.dtypes)
    assert made.index.equals(pd.RangeIndex(3000))
    assert not made.isna().to_numpy().any()
    assert (made["year"] == 2020).all()
    assert (made["age"] >= 0).all()
    assert made["children"].between(0, 20).all()
    assert ((made["share"] > 0.0) & (made["share"] < 1.0)).all()
    np.testing.assert_array_equal(made, fitted.sample(3000))
    assert not np.array_equal(made, fitted.sample(3000, random_state=1))


def test_a_generated_table_has_the_same_means_and_correlations(table, fitted):
    made = fitted.sample(20_000)
    n = len(table)
    for name in ("age", "share", "height", "children"):
        own, other = table[name].astype(float), made[name].astype(float)
        assert other.mean() == pytest.approx(own.mean(), abs=4.0 * own.std() / np.sqrt(n))
        assert other.std() == pytest.approx(own.std(), rel=0.2)
    names = ["age", "share", "height"]
    np.testing.assert_allclose(made[names].corr(), table[names].corr(), atol=0.12)


def test_rows_are_in_random_order_unless_asked_otherwise():
    X = np.concatenate([np.random.default_rng(0).normal(size=(100, 1)), 50.0 + np.arange(100.0)[:, None] / 50.0])
    fit = TableSynthesizer(GaussianMixture(2, random_state=0), random_state=0).fit(X)
    far = fit.sample(400)[:, 0] > 25.0
    changes = np.count_nonzero(far[1:] != far[:-1])  # of n - 1 neighbours half, with a variance of a quarter each
    assert changes == pytest.approx(199.5, abs=4.0 * np.sqrt(400 / 4))
    far = fit.sample(400, shuffle=False)[:, 0] > 25.0
    assert np.count_nonzero(far[1:] != far[:-1]) == 1


def test_one_gaussian_without_bounds_keeps_moments_but_for_the_cells():
    # A uniform place in its cell adds 1/12 to the variance of an integer, and rounding what is drawn 1/12 again.
    rng = np.random.default_rng(1)
    x = np.rint(rng.normal(50.0, 6.0, size=4000)).astype(int)
    z = 0.1 * x + rng.normal(size=4000)
    frame = pd.DataFrame({"x": x, "z": z})
    made = TableSynthesizer(random_state=0).fit(frame).sample(40_000)
    assert made["z"].var() == pytest.approx(z.var(), rel=4.5 * np.sqrt(2.0 / 40_000))
    assert made["x"].var() == pytest.approx(x.var() + 1.0 / 6.0, rel=4.5 * np.sqrt(2.0 / 40_000))
    assert made.cov().iloc[0, 1] == pytest.approx(np.cov(x, z)[0, 1], abs=4.5 * x.std() * z.std() / np.sqrt(40_000))
    assert TableSynthesizer(random_state=0).fit(frame[["z"]]).sample(40_000)["z"].mean() == pytest.approx(
        z.mean(), abs=4.5 * z.std() / 200.0
    )


def test_jitter_is_uniform_over_the_cells():
    x = np.tile([4, 5], 3000)
    fit = TableSynthesizer(GaussianMixture(1, reg_covar=0.0), random_state=0).fit(x[:, None])
    one = fit.columns_[0]
    assert one.centre == pytest.approx(4.5, abs=4.0 * np.sqrt(1.0 / 12.0 / 6000))
    assert one.scale**2 == pytest.approx(0.25 + 1.0 / 12.0, rel=0.05)


def test_cells_of_large_integers_stay_within_the_bounds():
    # Near 2**51 neighbours in float64 are half a unit apart, and the place in a cell is rounded to its edge.
    low = 2**51
    X = low + np.arange(60)[:, None] % 4
    fit = TableSynthesizer(GaussianMixture(), bounds={0: (low, low + 3)}, random_state=0).fit(X)
    assert set(fit.sample(200)[:, 0]) == set(range(low, low + 4))


def test_bounds_of_integers_that_are_none_are_rounded_inwards():
    X = np.arange(60)[:, None] % 9 + 1
    fit = TableSynthesizer(bounds={0: (0.5, 9.7)}, random_state=0).fit(X)
    assert (fit.columns_[0].low, fit.columns_[0].high) == (1.0, 9.0)
    assert set(fit.sample(2000)[:, 0]) == set(range(1, 10))


# ------------------------------------------------------------------------------------- density


def test_densities_integrate_to_one():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.gamma(2.0, size=300), rng.beta(2.0, 3.0, size=300)])
    for mixture in (GaussianMixture(2, random_state=0), BayesianGaussianMixture(n_components=2, random_state=0)):
        fit = TableSynthesizer(mixture, bounds={0: (0.0, None), 1: (0.0, 1.0)}, random_state=0).fit(X)
        a, b = np.geomspace(1e-4, 300.0, 401), 1.0 / (1.0 + np.exp(-np.linspace(-14.0, 14.0, 401)))
        grid = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1)
        density = np.exp(fit.score_samples(grid.reshape(-1, 2))).reshape(401, 401)
        total = integrate.simpson(integrate.simpson(density, x=b, axis=1), x=a)
        assert total == pytest.approx(1.0, abs=2e-4)
        np.testing.assert_array_equal(fit.score_samples([[-1.0, 0.5], [1.0, 1.5], [0.0, 0.5]]), -np.inf)


def test_probabilities_of_integers_sum_to_one():
    x = np.random.default_rng(0).poisson(30.0, size=(400, 1))
    fit = TableSynthesizer(bounds={0: (0, 200)}, random_state=0).fit(x)
    assert np.exp(fit.score_samples(np.arange(0, 201)[:, None])).sum() == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_array_equal(fit.score_samples([[-1], [201]]), -np.inf)


def test_densities_of_a_frame(table, fitted):
    scores = fitted.score_samples(table)
    assert np.isfinite(scores).all()
    other = table.copy()
    other.loc[3, "year"] = 2021
    assert fitted.score_samples(other)[3] == -np.inf
    gaps = table.astype({"age": "Int64"})
    gaps.loc[:4, "age"] = pd.NA
    with pytest.raises(ValueError, match=r"table has missing values in \['age'\]; a mixture with missing='marg"):
        fitted.score_samples(gaps)


# ------------------------------------------------------------------------------------- given, missing


def test_rows_given_some_columns(table, fitted):
    made = fitted.sample(2000, given={"age": 30, "year": 2020})
    assert (made["age"] == 30).all()
    assert made.dtypes.equals(table.dtypes)
    # The transformed columns are those of the conditional mixture.
    made = fitted.sample(8000, given={"age": 30})
    inner = fitted.mixture_.conditional_moments(0, fitted.columns_[0].transformed(np.array([30.0]))[0][:, None])
    for place, j in enumerate([1, 2]):
        t, _ = fitted.columns_[j].transformed(made.iloc[:, j].to_numpy(dtype=float))
        assert t.mean() == pytest.approx(inner.mean[0, place], abs=4.5 * t.std() / np.sqrt(8000))
        assert t.var() == pytest.approx(inner.covariance[0, place, place], rel=0.1)
    low, high = (fitted.sample(2000, given={"age": age})["height"].mean() for age in (8, 60))
    assert high - low > 2.0  # older people are taller in this table


def test_missing_values_are_fitted_and_none_is_generated(table):
    gaps = table.astype({"age": "Int64"})
    rng = np.random.default_rng(0)
    for name in ("age", "share", "height", "children"):
        gaps.loc[rng.uniform(size=len(gaps)) < 0.15, name] = pd.NA
    fit = TableSynthesizer(bounds=LIMITS, random_state=0).fit(gaps)
    made = fit.sample(4000)
    assert made.dtypes.equals(gaps.dtypes)
    assert not made.isna().to_numpy().any()
    assert made["height"].mean() == pytest.approx(table["height"].mean(), abs=4.0 * 9.0 / np.sqrt(400))
    assert np.corrcoef(made["height"], made["share"])[0, 1] == pytest.approx(
        np.corrcoef(table["height"], table["share"])[0, 1], abs=0.15
    )
    scores = fit.score_samples(gaps.iloc[:40])
    assert np.isfinite(scores).all()
    unknown = gaps.iloc[:40].assign(year=np.where(np.arange(40) < 20, np.nan, 2020.0))
    np.testing.assert_array_equal(fit.score_samples(unknown), scores)  # a constant that is missing is no contradiction
    alone = gaps.iloc[:1].copy()
    for name in ("age", "share", "children"):  # only the height counts
        alone.loc[0, name] = np.nan if name == "share" else pd.NA
    one, x = fit.columns_[2], float(table["height"].iloc[0])
    alone["height"] = x
    expected = fit.mixture_.marginal(2).score_samples([[(x - one.centre) / one.scale]])[0] - np.log(one.scale)
    assert fit.score_samples(alone)[0] == pytest.approx(expected, rel=1e-10)


# ------------------------------------------------------------------------------------- arrays and conventions


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8"])
def test_arrays_give_arrays_of_their_dtype(dtype):
    X = (10.0 + 3.0 * np.random.default_rng(0).normal(size=(200, 2))).astype(dtype)
    made = TableSynthesizer(random_state=0).fit(X).sample(50)
    assert (made.shape, made.dtype) == ((50, 2), X.dtype)
    if made.dtype.kind in "iu":
        assert made.min() >= X.min()
        assert made.max() <= X.max()


def test_an_array_of_objects_may_have_gaps():
    X = np.random.default_rng(0).normal(size=(50, 2)).astype(object)
    X[3, 0], X[5, 1] = pd.NA, None
    assert np.isfinite(TableSynthesizer(random_state=0).fit(X).sample(20)).all()


def test_labels_that_are_no_words_and_labels_that_repeat():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.gamma(3.0, size=(80, 2)), columns=pd.Index([7, 3], name="item"))
    fit = TableSynthesizer(bounds={3: (0, None)}, random_state=0).fit(frame)
    assert [column.low for column in fit.columns_] == [-np.inf, 0.0]
    assert fit.sample(3).columns.equals(frame.columns)
    with pytest.raises(ValueError, match=r"bounds names 0, which is none of \[7, 3\]"):
        TableSynthesizer(bounds={0: (0, None)}).fit(frame)
    twice = frame.set_axis(["a", "a"], axis=1)
    assert TableSynthesizer(random_state=0).fit(twice).sample(3).columns.tolist() == ["a", "a"]
    with pytest.raises(ValueError, match="bounds names 'a', and 2 columns are called so"):
        TableSynthesizer(bounds={"a": (0, None)}).fit(twice)
    words = frame.set_axis(["a", "b"], axis=1)  # an index serves where labels are words
    assert TableSynthesizer(bounds={-1: (0, None)}).fit(words).columns_[1].low == 0.0


def test_units_do_not_matter(table):
    names = ["share", "height"]
    one = TableSynthesizer(GaussianMixture(2), bounds={"share": (0, 1)}, random_state=0).fit(table[names])
    other = TableSynthesizer(GaussianMixture(2), bounds={"share": (0, 1)}, random_state=0)
    made = other.fit(table[names].assign(height=1e-5 * table["height"])).sample(50)
    np.testing.assert_allclose(1e5 * made["height"], one.sample(50)["height"], rtol=1e-7)


def test_templates_stay_unfitted_and_students_serve(table):
    template = StudentMixture(1)
    synthesizer = TableSynthesizer(template, random_state=0)
    made = synthesizer.fit(table[["height", "age"]]).sample(20, given={"age": 25})
    assert not hasattr(template, "means_")
    assert (made["age"] == 25).all()
    np.testing.assert_array_equal(clone(synthesizer).fit(table[["height", "age"]]).sample(20, given={"age": 25}), made)


def test_weights_count_rows():
    X = np.concatenate([np.random.default_rng(0).normal(size=(50, 1)), [[1e3]]])
    weights = np.r_[np.ones(50), 0.0]
    fit = TableSynthesizer(random_state=0).fit(X, sample_weight=weights)
    assert np.abs(fit.sample(500)).max() < 10.0


@pytest.mark.parametrize("module", [generating, _scored])
def test_examples_in_docstrings_run(module):
    failed, attempted = doctest.testmod(module)
    assert failed == 0
    assert attempted


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"name": "Ann"}, TypeError, r"these columns hold something else: 'name' \((str|object)\)"),
        ({"sex": pd.Categorical(["f", "m"] * 10)}, TypeError, r"something else: 'sex' \(category\)"),
        ({"ill": True, "name": "Ann"}, TypeError, r"something else: 'ill' \(bool\), 'name' \("),
        ({"day": pd.Timestamp("2020-01-01")}, TypeError, "something else: 'day'"),
        ({"z": 1j}, TypeError, r"something else: 'z' \(complex128\)"),
        ({"x": np.inf}, ValueError, "table must be finite; row 0 of column 'x' is inf"),
        ({"y": np.nan}, ValueError, "column 'y' has no observed value; leave it out"),
        ({"id": 2**60}, ValueError, r"column 'id' of table holds integers beyond 2\*\*53, as identifiers do"),
    ],
)
def test_columns_that_are_no_numbers_are_named(change, kind, message):
    frame = pd.DataFrame({"x": np.arange(20.0)}).assign(**change)
    with pytest.raises(kind, match=message):
        TableSynthesizer().fit(frame)


FRAME = pd.DataFrame({"x": np.linspace(1.0, 2.0, 20), "k": np.arange(20) % 5})


@pytest.mark.parametrize(
    ("bounds", "kind", "message"),
    [
        ({"w": (0, None)}, ValueError, r"bounds names 'w', which is none of \['x', 'k'\]"),
        ({"x": 3.0}, ValueError, r"bounds\['x'\] must be \(low, high\), None where there is none; got 3.0"),
        ({"x": (2.0, 1.0)}, ValueError, r"bounds\['x'\] must be two numbers or None, the first less; got \(2.0, 1.0\)"),
        ({"x": ("a", None)}, ValueError, r"bounds\['x'\] must be two numbers or None"),
        ({"x": (np.nan, None)}, ValueError, r"bounds\['x'\] must be two numbers or None"),
        ({"x": (1.0, None)}, ValueError, "column 'x' must lie strictly between 1 and inf, its bounds; got 1. A value"),
        ({"k": (1, None)}, ValueError, "column 'k' must lie from 1 to inf, its bounds; got 0"),
        ({"x": (0, None), 0: (0, None)}, ValueError, "bounds must not repeat a column"),
        ([(0, 1)], ValueError, "The 'bounds' parameter of TableSynthesizer must be"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, kind, message):
    with pytest.raises(kind, match=message):
        TableSynthesizer(bounds=bounds).fit(FRAME)


def test_other_refusals_leave_the_fit_as_it_was():
    fit = TableSynthesizer(bounds={"x": (0, None)}, random_state=0).fit(FRAME)
    before = dict(vars(fit))
    for call, kind, message in [
        (lambda: fit.fit(FRAME.iloc[:1]), ValueError, "table has constant columns alone"),
        (lambda: fit.fit(FRAME["x"]), ValueError, "table must have two dimensions"),
        (lambda: fit.fit([["a", "b"]]), TypeError, "table must hold real numbers; got dtype"),
        (lambda: fit.fit(np.ones((3, 2), dtype=bool)), TypeError, "got dtype bool, categories"),
        (lambda: fit.fit(FRAME, sample_weight=np.zeros(20)), ValueError, "at least one non-zero number"),
        (lambda: fit.fit(FRAME, sample_weight=[1.0]), ValueError, "sample_weight"),
        (lambda: fit.sample(0), ValueError, "n_samples must be a positive integer; got 0"),
        (lambda: fit.sample(5, given=[1]), TypeError, "given must be a dict of columns and their values"),
        (lambda: fit.sample(5, given={"k": 1.5}), ValueError, r"given\['k'\] must be an integer within the bounds"),
        (lambda: fit.sample(5, given={"x": 0.0}), ValueError, r"given\['x'\] must be within the bounds 0 and inf"),
        (lambda: fit.sample(5, given={"x": None}), ValueError, r"given\['x'\] must be a finite number; got None"),
        (lambda: fit.sample(5, given={"x": 1, "k": 1}), ValueError, "given must leave at least one column free"),
        (lambda: fit.sample(5, given={"q": 1}), ValueError, r"given names 'q', which is none of \['x', 'k'\]"),
        (lambda: fit.score_samples(FRAME[["k", "x"]]), ValueError, r"table must have the columns \['x', 'k'\]"),
        (lambda: fit.score_samples(FRAME[["k"]]), ValueError, "table must have 2 columns, as in fit; got 1"),
    ]:
        with pytest.raises(kind, match=message):
            call()
    assert vars(fit) == before
    fixed = TableSynthesizer(random_state=0).fit(FRAME.assign(c=3))
    with pytest.raises(ValueError, match=r"given\['c'\] must be 3, as in all rows; got 4"):
        fixed.sample(5, given={"c": 4})
    tiny = np.array([[1e-320], [2e-320], [5e-320]])
    with pytest.raises(ValueError, match="column 0 varies by less, or by more, than float64 can tell"):
        TableSynthesizer().fit(np.array([[1.7e308], [1.7e308], [-1.7e308]]))
    assert np.isfinite(TableSynthesizer(random_state=0).fit(tiny).sample(5)).all()


STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.lists(st.floats(), max_size=3),
    st.sampled_from([FRAME, FRAME.to_numpy(), FRAME.iloc[:0], FRAME.iloc[:2], FRAME.astype(object), FRAME[[]]]),
    st.builds(lambda scale, seed: pd.DataFrame(scale * np.random.default_rng(seed).standard_cauchy((9, 2))),
              st.sampled_from([1.0, 1e-300, 1e-160, 1e150]), st.integers(0, 9)),
    st.builds(dict, x=st.tuples(st.one_of(st.none(), st.floats()), st.one_of(st.none(), st.floats()))),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STRANGE, st.sampled_from(["table", "mixture", "bounds", "random_state", "n_samples", "given", "shuffle"]))
def test_strange_arguments_are_refused_or_right(value, name):
    synthesizer = TableSynthesizer(random_state=0)
    if name in synthesizer.get_params():
        synthesizer.set_params(**{name: value})
    names = set(vars(synthesizer))
    try:
        synthesizer.fit(value if name == "table" else FRAME)
    except (ValueError, TypeError):
        assert set(vars(synthesizer)) == names
        return
    try:
        options = {name: value} if name in ("n_samples", "given", "shuffle") else {}
        made = synthesizer.sample(**{"n_samples": 4} | options)
    except (ValueError, TypeError):
        return
    assert np.isfinite(np.asarray(made, dtype=float)).all()
