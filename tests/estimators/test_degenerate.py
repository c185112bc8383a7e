"""Degenerate data: a sensible fit, or an error that names component, iteration and samples and says what to do."""

import itertools
import pickle
import re
import warnings

import numpy as np
import pytest
from estimator_helpers import start_for
from sklearn.exceptions import ConvergenceWarning

from gmm import GaussianMixture, engine, learning, select
from gmm.estimators import CollapsedComponentError, CollapsedComponentWarning, _fitting
from gmm.estimators._collapse import BLOCK, samples_of
from gmm.estimators._refitting import degenerate
from gmm.estimators._ridge import flat_components, flat_directions_of_data

INITS = ("kmeans", "kmeans_whitened", "k-means++", "random", "random_from_data", "random_points", "hierarchical")
SKLEARN_WORDS = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)


def groups_and_a_point():
    """Sixty samples around the origin, and three times the same point far away: [60, 61, 62]."""
    X = np.random.default_rng(0).normal(size=(63, 2))
    X[60:] = [40.0, -3.0]
    return X


def assert_sound(model, X):
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert np.isfinite(getattr(model, name)).all(), name
    assert model.weights_.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-13)
    assert np.isfinite(model.score_samples(X)).all()


# A shared covariance does not collapse onto one group.
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_the_error_names_component_iteration_and_samples(covariance_type):
    X = groups_and_a_point()
    with pytest.raises(CollapsedComponentError) as caught:
        GaussianMixture(2, covariance_type=covariance_type, reg_covar=0.0, random_state=0).fit(X)
    error = caught.value
    assert error.samples.tolist() == [60, 61, 62]
    assert error.iteration <= 1
    assert error.initialisation == 0
    message = str(error)
    assert SKLEARN_WORDS in message
    when = "at iteration 1" if error.iteration else "at the start"
    assert f"Component {error.component} collapsed {when} of initialisation 0" in message
    assert "its 3 samples [60, 61, 62] are identical" in message
    assert f"reg_covar is 0 now; {1e-6 * X.var(axis=0).mean():.1g} would be a millionth" in message
    assert "on_collapse='restart'" in message


def test_the_samples_of_a_component_are_those_it_has_most_of():
    # More samples than are looked at in one go, and a component that has no majority anywhere.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3 * BLOCK + 5, 1)) * 3.0
    means, covariances = [[-1.0], [1.0], [0.5]], [[[1.0]], [[2.0]], [[0.5]]]
    parameters = GaussianMixture.from_parameters([0.5, 0.48, 0.02], means, covariances)._parameters()
    resp = engine.predict_proba(X, parameters.density())
    for k in (0, 1):
        np.testing.assert_array_equal(samples_of(X, parameters, k), np.flatnonzero(resp[:, k] > 0.5))
    assert resp[:, 2].max() < 0.5
    np.testing.assert_array_equal(samples_of(X, parameters, 2), np.flatnonzero(resp[:, 2] > resp[:, 2].max() / 2))


def test_a_collapse_on_the_way_is_told_with_its_iteration():
    # The second component starts wide enough to hold its neighbours and shrinks onto the repeated point.
    X = np.r_[np.random.default_rng(0).normal(size=50), np.full(5, 6.0)][:, None]
    start = {"weights_init": [0.5, 0.5], "means_init": [[0.0], [5.0]], "precisions_init": [[[1.0]], [[1.0]]]}
    with pytest.raises(CollapsedComponentError, match="Component 1 collapsed at iteration") as caught:
        GaussianMixture(2, reg_covar=0.0, tol=0.0, max_iter=1000, **start).fit(X)
    assert caught.value.component == 1
    assert caught.value.iteration > 1
    assert caught.value.samples.tolist() == [50, 51, 52, 53, 54]
    assert "on_collapse" not in str(caught.value)  # a given start would collapse again


def test_the_error_says_which_features_are_constant():
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 1] = 7.0
    for covariance_type in ("full", "tied", "diag"):
        with pytest.raises(CollapsedComponentError, match=r"the features \[1\] are constant"):
            GaussianMixture(2, covariance_type=covariance_type, reg_covar=0.0, random_state=0).fit(X)
    # One variance for all features has no trouble with that.
    assert_sound(GaussianMixture(2, covariance_type="spherical", reg_covar=0.0, random_state=0).fit(X), X)


def test_the_error_says_that_features_depend_on_each_other():
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 2] = X[:, 0] + X[:, 1]
    for covariance_type in ("full", "tied"):
        with pytest.raises(CollapsedComponentError, match="span 2 of 3 dimensions"):
            GaussianMixture(2, covariance_type=covariance_type, reg_covar=0.0, random_state=0).fit(X)
    for covariance_type in ("diag", "spherical"):
        assert_sound(GaussianMixture(2, covariance_type=covariance_type, reg_covar=0.0, random_state=0).fit(X), X)


def dependent(seed, n, n_features, kind):
    """Samples whose last feature depends on the others: exactly, up to rounding, or as a constant."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    coefficients = rng.integers(-2, 3, size=n_features - 1)
    coefficients[0] = 1
    if kind == "exactly":
        X = np.round(X * 1024) / 1024
        X[:, -1] = X[:, :-1] @ coefficients
    elif kind == "up to rounding":
        X[:, -1] = X[:, :-1] @ (coefficients / 10.0) + 0.3
    else:
        X[:, -1] = 0.1
    return X


@pytest.mark.parametrize(
    ("covariance_type", "kind"),
    [*itertools.product(["full", "tied"], ["exactly", "up to rounding", "constant"]), ("diag", "constant")],
)
@pytest.mark.parametrize("exponent", [-498, 0, 498])  # 1e-150 … 1e150
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_dependent_features_are_always_seen(covariance_type, kind, exponent, offset):
    # Rounding must not decide: whatever the data, their units, their offset, the start and the weights.
    for seed, (n, n_features) in enumerate([(30, 2), (100, 3), (100, 3), (400, 10), (3000, 5)]):
        X = np.ldexp(dependent(seed, n, n_features, kind) + offset, exponent)
        for init_params in INITS:
            if init_params == "random_points" and exponent != 0:
                continue  # its identity covariances are for standardised data
            weight = (None, np.random.default_rng(seed).random(n))[(seed + INITS.index(init_params)) % 2]
            model = GaussianMixture(
                2, covariance_type=covariance_type, reg_covar=0.0, init_params=init_params, random_state=seed,
                max_iter=1000,
            )  # fmt: skip
            with pytest.raises(CollapsedComponentError):
                model.fit(X, sample_weight=weight)


@pytest.mark.parametrize("exponent", [-400, 0, 498])  # a precision of 1e300 / 1e-12 would be infinite
@pytest.mark.parametrize("init_params", INITS)
def test_nearly_dependent_features_are_fitted_while_float64_resolves_them(init_params, exponent):
    # The rule of gmm.engine.small_algebra: a correlation of 1 - 1e-12 is information, one of 1 - 1e-15 is rounding.
    a, b = np.random.default_rng(0).normal(size=(2, 500))
    settings = {"reg_covar": 0.0, "init_params": init_params, "random_state": 0, "max_iter": 1000}
    for covariance_type in ("full", "tied"):
        X = np.ldexp(np.c_[a, a + np.sqrt(2e-15) * b], exponent)
        with pytest.raises(CollapsedComponentError):
            GaussianMixture(2, covariance_type=covariance_type, **settings).fit(X)
        X = np.ldexp(np.c_[a, a + np.sqrt(2e-12) * b], exponent)
        model = GaussianMixture(2, covariance_type=covariance_type, **settings).fit(X)
        assert_sound(model, X)
        if covariance_type == "tied":
            continue
        # What each factor holds of the difference of the features: the variance that a regression leaves of it.
        residual = np.ldexp(X[:, 1] - X[:, 0], -exponent)
        for r, factor in zip(model.predict_proba(X).T, model.precisions_cholesky_):
            design = np.sqrt(r)[:, None] * np.c_[np.ones(len(X)), a]
            left = np.sqrt(r) * residual
            left -= design @ np.linalg.lstsq(design, left)[0]
            assert np.ldexp(1.0 / factor[1, 1], -exponent) ** 2 == pytest.approx(left @ left / r.sum(), rel=0.05)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_regularisation_keeps_dependent_features_while_it_is_more_than_rounding(covariance_type, scale):
    X = dependent(0, 200, 3, "exactly") * scale
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0, max_iter=1000)
    assert_sound(model.fit(X), X)


def test_regularisation_below_rounding_is_an_error_that_names_a_value_that_works():
    X = dependent(0, 200, 3, "exactly") * 1e6
    for covariance_type in ("full", "tied"):
        settings = {"covariance_type": covariance_type, "random_state": 0, "max_iter": 1000}
        with pytest.raises(CollapsedComponentError, match="increase reg_covar") as caught:
            GaussianMixture(2, **settings).fit(X)
        proposed = float(re.search(r"; (\S+) would be a millionth", str(caught.value)).group(1))
        assert proposed == float(f"{1e-6 * X.var(axis=0).mean():.1g}")
        assert_sound(GaussianMixture(2, reg_covar=proposed, **settings).fit(X), X)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n", [300, 30_000])
def test_a_start_far_away_costs_no_digits(covariance_type, n, n_threads, monkeypatch):
    monkeypatch.setattr("gmm.engine.passes.WORTH_A_THREAD", 0.0)
    # The moments about a mean 1e9 standard deviations away say nothing about the covariance.
    X = np.random.default_rng(0).normal(size=(n, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 2.0]])
    shape = {"full": np.eye(3)[None], "tied": np.eye(3), "diag": np.ones((1, 3)), "spherical": np.ones(1)}
    start = {"weights_init": [1.0], "means_init": [[1e9] * 3], "precisions_init": shape[covariance_type] * 1e-18}
    settings = {"covariance_type": covariance_type, "reg_covar": 0.0, "max_iter": 1, "n_threads": n_threads}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianMixture(1, **settings, **start).fit(X)
    exact = np.cov(X.T, bias=True)
    expected = {"full": exact[None], "tied": exact, "diag": np.diag(exact)[None], "spherical": [np.trace(exact) / 3]}
    np.testing.assert_allclose(model.covariances_, expected[covariance_type], rtol=1e-12, atol=1e-13)
    # The mean is a distance of 1e9 from the old one.
    np.testing.assert_allclose(model.means_[0], X.mean(axis=0), atol=1e-6)


def test_the_tied_covariance_has_no_component():
    X = np.repeat([[0.0, 0.0], [5.0, 5.0]], 5, axis=0)
    with pytest.raises(CollapsedComponentError, match="The tied covariance collapsed") as caught:
        GaussianMixture(2, covariance_type="tied", reg_covar=0.0, random_state=0).fit(X)
    assert caught.value.component is None


def test_the_error_crosses_process_boundaries():
    with pytest.raises(CollapsedComponentError) as caught:
        GaussianMixture(2, reg_covar=0.0, random_state=0).fit(groups_and_a_point())
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.samples.tolist() == [60, 61, 62]
    assert again.component == caught.value.component


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize(
    "X",
    [
        pytest.param(np.ones((10, 2)), id="one point repeated"),
        pytest.param(np.repeat(np.random.default_rng(0).normal(size=(5, 2)), 4, axis=0), id="each point four times"),
        pytest.param(np.repeat([[0.0, 1.0], [3.0, 4.0]], 5, axis=0), id="two points for three components"),
        pytest.param(np.c_[np.arange(20.0) % 7, np.zeros(20)], id="constant column"),
        pytest.param(np.c_[np.arange(20.0) ** 2, 2 * np.arange(20.0) ** 2], id="collinear columns"),
        pytest.param(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), id="as many points as components"),
        pytest.param(np.random.default_rng(0).normal(size=(4, 10)), id="fewer points than features"),
        pytest.param(
            np.r_[np.zeros((30, 2)), np.random.default_rng(0).normal(size=(30, 2))], id="half of it one point"
        ),
    ],
)
def test_degenerate_data_with_and_without_regularisation(X, covariance_type, init_params):
    settings = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 0, "max_iter": 200}
    assert_sound(GaussianMixture(3, **settings).fit(X), X)
    model = GaussianMixture(3, reg_covar=0.0, **settings)
    try:
        model.fit(X)
    except CollapsedComponentError as error:
        assert SKLEARN_WORDS in str(error)  # noqa: PT017
        assert len(error.samples)  # noqa: PT017
        assert not hasattr(model, "means_")
    else:
        assert_sound(model, X)


def test_fewer_samples_than_components():
    with pytest.raises(ValueError, match="Expected n_samples >= n_components but got n_components = 5, n_samples = 4"):
        GaussianMixture(5).fit(np.random.default_rng(0).normal(size=(4, 2)))


def test_a_component_on_one_location_is_warned_of():
    X = groups_and_a_point()
    with pytest.warns(
        CollapsedComponentWarning, match=r"collapsed onto a single location: its 3 samples \[60, 61, 62\]"
    ):
        model = GaussianMixture(2, random_state=0).fit(X)
    assert_sound(model, X)


def test_ordinary_data_are_not_warned_of(blobs, covariance_type):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(blobs[0])


def test_distinct_clusters_fewer_than_components_are_warned_of():
    with pytest.warns(
        ConvergenceWarning, match=r"Number of distinct clusters \(2\) found smaller than n_clusters \(3\)"
    ):
        GaussianMixture(3, random_state=0).fit(np.repeat([[0.0], [1.0]], 5, axis=0))


# ---- on_collapse='restart'


def test_restart_draws_other_starts():
    # So few samples that about every other start ends with a component on two of them.
    X = np.random.default_rng(3).normal(size=(30, 2))
    settings = {"reg_covar": 0.0, "init_params": "random_from_data", "max_iter": 1000, "tol": 1e-6}
    seeds = range(20)

    def collapses(seed, **more):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = GaussianMixture(3, random_state=seed, **settings, **more).fit(X)
            except CollapsedComponentError:
                return True
            assert_sound(model, X)
            return False

    failed = [seed for seed in seeds if collapses(seed)]
    assert 0 < len(failed) < len(seeds)
    assert not any(collapses(seed, on_collapse="restart") for seed in failed)
    with pytest.warns(CollapsedComponentWarning, match=r"start\(s\) given up because a component collapsed"):
        GaussianMixture(3, random_state=failed[0], on_collapse="restart", **settings).fit(X)

    # One of many initialisations stops the fit, as in scikit-learn, unless the others are allowed to do without it.
    with pytest.raises(CollapsedComponentError):
        GaussianMixture(3, n_init=20, random_state=0, **settings).fit(X)
    assert not collapses(0, n_init=20, on_collapse="restart")


def test_restart_gives_up_with_the_error_when_all_starts_collapse(monkeypatch):
    X = np.zeros((20, 2))
    drawn = []
    draw = _fitting.initial_parameters
    monkeypatch.setattr(
        _fitting, "initial_parameters", lambda *args, **options: drawn.append(1) or draw(*args, **options)
    )
    with pytest.raises(CollapsedComponentError, match="identical"):
        GaussianMixture(2, reg_covar=0.0, on_collapse="restart", init_params="random", random_state=0).fit(X)
    assert len(drawn) == 1 + 10  # "up to ten other starts"


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_groups_on_parallel_lines_are_flat_and_their_data_are_not(kind):
    """Each group has a direction without variance; across the groups there is some, so the components are to blame."""
    X = np.random.default_rng(0).normal(size=(80, 2))
    X[:, 1] = np.repeat([0.0, 9.0], 40)
    with pytest.warns(CollapsedComponentWarning, match="onto a line"):
        model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    assert flat_components(model._parameters(), 1e-6) == [0, 1]
    assert not flat_directions_of_data(model._parameters(), 1e-6)
    assert flat_directions_of_data(GaussianMixture(1, covariance_type=kind).fit(X[:40])._parameters(), 1e-6) == 1


@pytest.mark.parametrize(
    ("d", "lost", "named"),
    [
        (2, 1, "a line.* in one direction"),
        (3, 1, "a plane.* in one direction"),
        (3, 2, "a line.* in 2 directions"),
        (5, 1, "a hyperplane.* in one direction"),
        (5, 2, "a flat of dimension 3.* in 2 directions"),
    ],
)
@pytest.mark.parametrize("kind", ["full", "diag", "tied"])
def test_what_components_collapsed_onto_is_named_by_its_dimension(kind, d, lost, named):
    """Three groups whose last features are constant, at places that are on no line: the data are not flat."""
    X = np.random.default_rng(0).normal(size=(90, d))
    X[:, d - lost :] = np.repeat([[0.0, 0.0], [9.0, 0.0], [18.0, 9.0]], 30, axis=0)[:, :lost]
    with pytest.warns(CollapsedComponentWarning, match=f"onto {named}" if kind != "tied" else f"on {named}"):
        GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
@pytest.mark.parametrize("d", [1, 3])
def test_a_component_of_half_a_ridge_more_is_flat_in_all_directions(kind, d):
    """Twenty samples with a variance of half a ridge: neither the ridge alone nor flat in one direction of three."""
    rng = np.random.default_rng(0)
    spot = rng.normal(size=(20, d))
    whitened = (spot - spot.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(spot.T, bias=True).reshape(d, d))).T
    X = np.r_[rng.normal(size=(60, d)), 40.0 + np.sqrt(0.5e-6) * whitened]
    little = r"onto a single location.*covariance is reg_covar=1e-06 and little else, so"
    with pytest.warns(CollapsedComponentWarning, match=little):
        model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    found = select(X, [2], [kind], reg_covar=1e-6, random_state=0, on_collapse="raise")
    where = "in all directions" if d > 1 else "in one direction"
    assert f"is flat: {where} its variance is reg_covar=1e-06 and little else" in found.table[0]["reason"]
    assert f"little else {where}." in degenerate(model._parameters(), 1e-6, learning.ArraySource(X))


def test_a_group_that_is_flat_in_its_unit_only_is_told_of_auto():
    """Currents in amperes that vary by a milliampere, beside pressures: `reg_covar` is as large as their variance."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal([0.004, 310.0], [0.001, 20.0], (100, 2)), rng.normal([0.011, 420.0], [0.002, 30.0], (100, 2))]
    with pytest.warns(
        CollapsedComponentWarning, match=r"more data, reg_covar='auto' \(a small part of each variance\)"
    ):
        GaussianMixture(2, random_state=0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(2, random_state=0, reg_covar="auto").fit(X)
    X[:100, 0] = 0.004  # a constant feature is flat in any unit
    with pytest.warns(CollapsedComponentWarning, match=r"are constant.*more data or on_collapse"):
        GaussianMixture(2, random_state=0).fit(X)


def test_restart_also_leaves_components_on_one_location():
    X = np.random.default_rng(3).normal(size=(20, 1))
    settings = {"init_params": "random_from_data", "max_iter": 1000, "tol": 1e-6}

    def warned(seed, on_collapse):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            GaussianMixture(3, random_state=seed, on_collapse=on_collapse, **settings).fit(X)
        return [w for w in caught if "onto a single location" in str(w.message)]

    seeds = [seed for seed in range(20) if warned(seed, "raise")]
    assert 0 < len(seeds) < 20
    assert not any(warned(seed, "restart") for seed in seeds)


def test_restart_prefers_an_initialisation_without_collapse(monkeypatch):
    # Collapsed components have the larger likelihood: with restarts allowed it must not win.
    monkeypatch.setattr("gmm.estimators._fitting.MAX_RESTARTS", 0)
    X = np.random.default_rng(3).normal(size=(20, 1))
    settings = {"init_params": "random_from_data", "max_iter": 1000, "tol": 1e-6, "n_init": 20, "random_state": 0}
    with pytest.warns(CollapsedComponentWarning, match="onto a single location"):
        highest = GaussianMixture(3, **settings).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sound = GaussianMixture(3, on_collapse="restart", **settings).fit(X)
    assert sound.lower_bound_ < highest.lower_bound_


def test_a_given_start_is_not_drawn_again(blobs):
    X = groups_and_a_point()
    start = start_for(np.r_[X[:60], X[60:] + np.eye(3, 2)], np.repeat([0, 1], [60, 3]), "spherical")
    settings = {"covariance_type": "spherical", "reg_covar": 0.0, "max_iter": 500, "tol": 0.0}
    with pytest.raises(CollapsedComponentError):
        GaussianMixture(2, on_collapse="restart", **settings, **start).fit(X)


def test_data_out_of_range_say_so():
    X = np.random.default_rng(0).normal(size=(50, 2)) * 1e300
    start = {"weights_init": [1.0], "means_init": [[0.0, 0.0]], "precisions_init": [np.eye(2)]}
    with pytest.raises(ValueError, match="Scale the input data"):
        GaussianMixture(1, **start).fit(X)
