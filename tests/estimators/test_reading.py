"""Reading a fit: merged components, bootstrap, likelihood-ratio test, standard errors by information."""

import itertools
import os
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from estimator_helpers import random_mixture
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import entr

import gmm
from gmm import GaussianMixture
from gmm.estimators import information

# Two thousand are asked for with HYPOTHESIS_PROFILE=explore.
EXAMPLES = 2000 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 150


@pytest.fixture(scope="module")
def faithful():
    return gmm.datasets.load_old_faithful().X


@pytest.fixture(scope="module")
def fitted(faithful):
    """Two components, the short eruptions first, at their maximum."""
    return GaussianMixture(2, tol=1e-10, max_iter=2000, random_state=0).fit(faithful).sorted(by=0)


# ------------------------------------------------------------------------------------- merging


def slow_hierarchy(resp, weights):
    """Try every pair at every step, by differences of entropies."""
    columns = {k: resp[:, k] for k in range(resp.shape[1])}

    def entropy(of):
        return sum(weights @ entr(column) for column in of.values())

    merges, entropies = [], [entropy(columns)]
    while len(columns) > 1:
        best = None
        for a, b in itertools.combinations(sorted(columns), 2):
            trial = {k: column for k, column in columns.items() if k != b} | {a: columns[a] + columns[b]}
            if best is None or entropy(trial) < best[0]:
                best = entropy(trial), (a, b), trial
        entropies.append(best[0])
        merges.append(best[1])
        columns = best[2]
    return merges, entropies[::-1]


@given(st.integers(0, 10**6), st.integers(1, 6), st.booleans())
def test_the_hierarchy_is_the_one_that_is_found_by_trying_all_pairs(seed, K, weighted):
    rng = np.random.default_rng(seed)
    resp = rng.dirichlet(np.full(K, 0.3), size=20)
    weights = rng.uniform(0.1, 3.0, size=20) if weighted else None
    found = gmm.merge_components(resp, sample_weight=weights)
    merges, entropies = slow_hierarchy(resp, np.ones(20) if weights is None else weights)
    assert_array_equal(found.merges.reshape(-1, 2), np.reshape(merges, (-1, 2)))
    assert_allclose(found.entropies, entropies, rtol=1e-10, atol=1e-10)
    assert found.entropies[0] == 0.0
    for k in range(1, K + 1):
        proba = found.predict_proba(k)
        assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
        of_weights = np.ones(20) if weights is None else weights
        assert of_weights @ entr(np.minimum(proba, 1.0)).sum(axis=1) == pytest.approx(found.entropies[k - 1], abs=1e-9)
        assert found.groups(k).max() == k - 1
        assert_array_equal(found.labels(k), proba.argmax(axis=1))


def test_components_on_one_place_are_merged_first():
    mixture = GaussianMixture.from_parameters(
        [0.3, 0.3, 0.4], [[0.0, 0.0], [9.0, 9.0], [0.5, 0.0]], np.ones(3), "spherical"
    )
    X = mixture.sample(200, random_state=0)[0]
    found = gmm.merge_components(mixture, X)
    assert found.merges[0].tolist() == [0, 2]
    assert found.groups(2).tolist() == [0, 1, 0]
    assert found.entropies[1] < 1e-4 < found.entropies[2]
    assert_array_equal(found.labels(3), mixture.predict(X))
    other = mixture.predict_proba([[0.2, 0.1], [9.0, 8.0]])
    assert found.labels(2, other).tolist() == [0, 1]
    assert found.bend == 2
    assert repr(found) == "ComponentHierarchy(3 components; 2 joins 0, 1 joins 0)"
    assert found.merged_weights[1] == pytest.approx(200)
    assert found.merged_weights[0] == pytest.approx(mixture.predict_proba(X)[:, [0, 2]].sum())


def test_other_estimators_are_merged_too(faithful):
    from sklearn.mixture import GaussianMixture as Theirs

    for mixture in (Theirs(3, random_state=0), gmm.BayesianGaussianMixture(n_components=3, random_state=0)):
        mixture.fit(faithful)
        found = gmm.merge_components(mixture, faithful)
        assert_allclose(found.entropies[-1], entr(mixture.predict_proba(faithful)).sum(), rtol=1e-9)


def test_the_tree_is_scipys_and_the_figures_show_what_is_there(fitted, faithful):
    resp = np.random.default_rng(3).dirichlet(np.full(5, 0.3), size=40)
    found = gmm.merge_components(resp)
    from scipy.cluster.hierarchy import fcluster, is_valid_linkage

    linkage = found.linkage()
    assert is_valid_linkage(linkage)
    assert (np.diff(linkage[:, 2]) >= 0.0).all()
    assert linkage[-1, 2] == pytest.approx(found.entropies[-1])
    for k in range(1, 6):
        cut = fcluster(linkage, k, "maxclust")
        groups = found.groups(k)
        assert len({*zip(cut.tolist(), groups.tolist(), strict=True)}) == k
    ax = found.plot()
    assert_allclose(ax.lines[-1].get_ydata(), found.entropies)
    assert ax.get_ylabel() == "entropy (nats)"
    ax = found.plot("tree", ax=plt.figure().add_subplot())
    assert sorted(text.get_text() for text in ax.get_xticklabels()) == list("01234")
    plt.close("all")


# ------------------------------------------------------------------------------------- bootstrap

# R's mclust 6.0.0, MclustBootstrap of Mclust(faithful, G = 2, "VVV") with 999 replicates; short eruptions first.
MCLUST = {
    "plain": ([0.0286, 0.0286], [[0.0293, 0.607], [0.0323, 0.462]]),
    "weighted": ([0.0289, 0.0289], [[0.0283, 0.590], [0.0334, 0.476]]),
    "parametric": ([0.0289, 0.0289], [[0.0266, 0.598], [0.0306, 0.450]]),
}


@pytest.mark.parametrize("kind", MCLUST)
def test_standard_errors_on_old_faithful_are_those_of_mclust(fitted, faithful, kind):
    found = gmm.bootstrap(fitted, faithful, kind, n=600, random_state=1)
    # 600 and 999 replicates: the ratio of two standard errors scatters by about 4 %.
    for mine, theirs in zip(found.standard_errors, MCLUST[kind], strict=False):
        assert_allclose(mine, theirs, rtol=0.15)
    assert (found.n_degenerate, found.n_not_converged, found.n_reordered) == (0, 0, 0)
    for bias, error in zip(found.bias, found.standard_errors, strict=True):
        assert (np.abs(bias) < 0.3 * error).all()
    rows = found.replicates.means.reshape(600, -1)
    assert_allclose(found.standard_errors.means.ravel(), gmm.bootstrap_standard_error(rows), rtol=1e-10)
    assert_allclose(found.intervals(0.9).means.reshape(-1, 2), gmm.percentile_interval(rows, 0.9), rtol=1e-10)
    low, high = np.moveaxis(found.intervals(0.9).means, -1, 0)
    assert ((low < fitted.means_) & (fitted.means_ < high)).all()
    assert_allclose((high - low) / found.standard_errors.means, 2 * stats.norm.ppf(0.95), rtol=0.15)


def test_one_component_has_the_textbooks_standard_errors():
    X = np.random.default_rng(0).normal(size=(100, 2)) * [1.0, 50.0]
    mixture = GaussianMixture(1, reg_covar=0.0).fit(X)
    for kind in ("plain", "weighted", "parametric"):
        found = gmm.bootstrap(mixture, X, kind, n=600, random_state=2)
        assert_allclose(found.standard_errors.means[0], X.std(axis=0) / 10.0, rtol=0.12)
        assert_array_equal(found.standard_errors.weights, 0.0)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical", "VEV"])
def test_replicates_are_the_same_for_any_number_of_jobs_and_other_for_another_seed(covariance_type):
    X = random_mixture(1, "full", n_components=2, n_features=2).sample(60, random_state=0)[0]
    mixture = GaussianMixture(2, covariance_type=covariance_type, tol=1e-8, max_iter=3000, random_state=0).fit(X)
    found = [gmm.bootstrap(mixture, X, n=20, random_state=5, n_jobs=jobs) for jobs in (1, 2)]
    for one, two in zip(found[0].replicates, found[1].replicates, strict=True):
        assert_array_equal(one, two)
        assert len(one) == 20
    assert found[0].replicates.covariances.shape == (20, *mixture.covariances_.shape)
    assert found[0].standard_errors.covariances.shape == mixture.covariances_.shape
    assert found[0].intervals().means.shape == (2, 2, 2)
    other = gmm.bootstrap(mixture, X, n=20, random_state=6)
    assert (other.replicates.means != found[0].replicates.means).any()


def test_progress_counts_replicates(fitted, faithful, capsys):
    gmm.bootstrap(fitted, faithful, n=20, random_state=0, verbose=1)
    shown = capsys.readouterr().err
    assert "bootstrap" in shown
    assert "20/20" in shown or "20 of 20 replicates" in shown


def test_each_replicate_is_the_maximum_for_its_sample(fitted, faithful):
    found = gmm.bootstrap(fitted, faithful, n=3, random_state=7, tol=1e-10)
    for number in range(3):
        rows = np.random.default_rng([7, number]).integers(272, size=272)
        again = GaussianMixture(
            2, tol=1e-10, max_iter=2000, means_init=fitted.means_, weights_init=fitted.weights_,
            precisions_init=fitted.precisions_,
        ).fit(faithful[rows])  # fmt: skip
        assert_allclose(found.replicates.means[number], again.means_, rtol=1e-5)
        assert_allclose(found.replicates.covariances[number], again.covariances_, rtol=1e-4)


def test_labels_are_put_in_order(fitted, faithful, monkeypatch):
    module = sys.modules["gmm.estimators.bootstrap"]

    straight = gmm.bootstrap(fitted, faithful, n=6, random_state=0, n_jobs=1)
    refit, turn = module.refit, itertools.count()

    def exchanged(*arguments):
        fit = refit(*arguments)
        order = [1, 0] if next(turn) % 2 else [0, 1]  # the first call is for X itself
        return fit._replace(parameters=fit.parameters.components(order))

    monkeypatch.setattr(module, "refit", exchanged)
    found = gmm.bootstrap(fitted, faithful, n=6, random_state=0, n_jobs=1)
    assert found.n_reordered == 3
    for one, two in zip(found.replicates, straight.replicates, strict=True):
        assert_allclose(one, two, rtol=1e-9)


@pytest.mark.parametrize("kind", ["plain", "weighted", "parametric"])
@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_weights_say_how_many_samples_there_are(kind, factor):
    """The mean of N samples has the variance σ²/N, with Dirichlet weights σ²/(N + 1); N is the sum of the weights."""
    rng = np.random.default_rng(2)
    X, weights = rng.normal(size=(60, 1)) ** 3, factor * rng.choice([0.0, 0.5, 1.0, 3.0], size=60)
    mixture = GaussianMixture(1, reg_covar=0.0).fit(X, sample_weight=weights)
    found = gmm.bootstrap(mixture, X, kind, 400, sample_weight=weights, random_state=1)
    mean = np.average(X[:, 0], weights=weights)
    variance = np.average((X[:, 0] - mean) ** 2, weights=weights)
    assert found.estimate.means[0, 0] == pytest.approx(mean, rel=1e-12)
    expected = np.sqrt(variance / (weights.sum() + (kind == "weighted")))
    assert found.standard_errors.means[0, 0] == pytest.approx(expected, rel=0.14)  # four of its own standard errors
    assert abs(found.bias.means[0, 0]) < 4.0 * expected / np.sqrt(400)


def test_a_weighted_fit_is_at_its_maximum_with_its_weights_only(faithful):
    X, weights = faithful, np.where(faithful[:, 0] > 3.0, 1.0, 5.0)
    mixture = GaussianMixture(2, tol=1e-8, max_iter=1000, random_state=0).fit(X, sample_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_weights = gmm.bootstrap(mixture, X, "weighted", 2, sample_weight=weights, random_state=0)
    np.testing.assert_allclose(with_weights.estimate.weights, mixture.weights_, rtol=1e-5)
    rows = np.repeat(np.arange(len(X)), weights.astype(int))
    repeated = gmm.bootstrap(mixture, X[rows], "weighted", 2, random_state=0)
    np.testing.assert_allclose(repeated.estimate.covariances, with_weights.estimate.covariances, rtol=1e-9)
    with pytest.warns(gmm.BootstrapWarning, match="EM from the mixture gains"):
        gmm.bootstrap(mixture, X, "weighted", 2, random_state=0)


def test_degenerate_replicates_are_counted_and_said(fitted):
    # Five samples hold up the second component: some resamples have fewer than three of them.
    few = [[9.0, 9.0], [9.5, 9.1], [9.1, 9.7], [8.2, 9.3], [8.8, 8.1]]
    X = np.concatenate([np.random.default_rng(0).normal(size=(40, 2)), few])
    mixture = GaussianMixture(2, resp_init=np.repeat([0, 1], [40, 5]), tol=1e-8, max_iter=500).fit(X)
    with pytest.warns(gmm.BootstrapWarning, match=r"\d+ of 60 replicates are degenerate and left out"):
        found = gmm.bootstrap(mixture, X, n=60, random_state=0)
    assert found.n_degenerate == len(found.degenerate) > 5
    assert len(found.replicates.weights) == 60 - found.n_degenerate
    assert f"{found.n_degenerate} degenerate" in repr(found)
    assert all(reason for reason in found.degenerate.values())
    for part in found.standard_errors:
        assert np.isfinite(part).all()
    # The weighted bootstrap loses no sample.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gmm.BootstrapWarning)
        assert gmm.bootstrap(mixture, X, "weighted", n=60, random_state=0).n_degenerate == 0


def test_a_component_of_too_few_rows_is_degenerate_whatever_they_weigh():
    from gmm import learning
    from gmm.estimators._refitting import degenerate

    X = np.vstack([np.random.default_rng(0).normal(size=(30, 2)), [[50.0, 50.0], [51.0, 49.0]]])
    weights = np.ones(32)
    weights[30:] = 8.0  # 16 of 46
    wide = learning.make_parameters([30 / 46, 16 / 46], [[0.0, 0.0], [50.5, 49.5]], [np.eye(2)] * 2, "full")
    assert degenerate(wide, 1e-6, learning.ArraySource(X, weights)) == (
        "Component 1 has 2.0 samples, a covariance of this structure needs 3."
    )
    assert degenerate(wide, 1e-6, learning.ArraySource(np.vstack([X, X[30:] + 1.0]))) == ""
    flat = wide._replace(covariances=np.array([np.eye(2), np.diag([1e-6, 1.0])]))
    flat = learning.make_parameters(flat.weights, flat.means, flat.covariances, "full")
    assert "component 1 is reg_covar and little else" in degenerate(flat, 1e-6, learning.ArraySource(X))


def test_a_mixture_that_is_not_at_a_maximum_is_said_to_be_none(fitted, faithful):
    with pytest.warns(gmm.BootstrapWarning, match="EM from the mixture gains"):
        found = gmm.bootstrap(
            GaussianMixture.from_parameters(fitted.weights_, fitted.means_ + 0.5, fitted.covariances_), faithful, n=2
        )
    assert_allclose(found.estimate.means, fitted.means_, rtol=1e-3)


def test_fixed_parts_stay_and_the_table_has_a_row_for_each_number(fitted, faithful):
    mixture = GaussianMixture(
        2, means_init=fitted.means_, precisions_init=fitted.precisions_, weights_init=fitted.weights_,
        fixed={"means": True}, tol=1e-8,
    ).fit(faithful)  # fmt: skip
    found = gmm.bootstrap(mixture, faithful, n=20, random_state=0)
    assert_allclose(found.standard_errors.means, 0.0, atol=1e-12)
    assert (found.standard_errors.weights > 0.01).all()
    assert [row["parameter"] for row in found.table()] == [
        "weight 0", "weight 1", "mean 0, feature 0", "mean 0, feature 1", "mean 1, feature 0", "mean 1, feature 1",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------- information


@pytest.mark.parametrize("kind", information.KINDS)
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_standard_errors_by_information_are_the_books(fitted, faithful, kind, scale):
    X = faithful * [1.0, scale]
    K, d = 2, 2
    centres = fitted.means_ + np.array(
        [[0.01, 0.2], [-0.02, 0.1]]
    )  # near the maximum, where first moments do not vanish
    means, units = centres * [1.0, scale], np.array([1.0, scale])
    mixture = GaussianMixture.from_parameters(fitted.weights_, means, fitted.covariances_ * units[:, None] * units)
    found = gmm.standard_errors(mixture, X, kind)
    book = faithful, fitted.weights_, centres, fitted.covariances_
    observed, scores = gmm.observed_information(*book), gmm.empirical_information(*book)
    inverse = np.linalg.inv(scores if kind == "scores" else observed)
    covariance = inverse @ scores @ inverse if kind == "sandwich" else inverse
    errors = np.sqrt(np.diag(covariance))
    assert_allclose(found.weights, errors[0], rtol=1e-6)
    assert_allclose(found.means / units, errors[1:5].reshape(K, d), rtol=1e-6)
    lower = np.array([matrix[np.tril_indices(d)] for matrix in found.covariances / units[:, None] / units])
    assert_allclose(lower.ravel(), errors[5:], rtol=1e-6)


@pytest.mark.parametrize("covariance_type", information.LINEAR)
def test_standard_errors_of_every_linear_structure_by_finite_differences(covariance_type):
    d = 1 if covariance_type in ("E", "V") else 2
    truth = random_mixture(3, "spherical", n_components=2, n_features=d)
    X = truth.sample(150, random_state=0)[0]
    mixture = GaussianMixture(
        2, covariance_type=covariance_type, tol=1e-13, max_iter=5000, reg_covar=0.0, random_state=0
    ).fit(X)
    # (I⁻¹)_jj is the inverse curvature of the profile: the parameter held, all others at their best.
    error = gmm.standard_errors(mixture, X)
    step, profile = 0.05 * error.means[0, 0], []
    for shift in (-step, 0.0, step):
        means = mixture.means_.copy()
        means[0, 0] += shift
        mask = np.zeros_like(means, dtype=bool)
        mask[0, 0] = True
        held = GaussianMixture(
            2, covariance_type=covariance_type, tol=1e-13, max_iter=5000, reg_covar=0.0, weights_init=mixture.weights_,
            means_init=means, precisions_init=mixture.precisions_, fixed={"means": mask},
        ).fit(X)  # fmt: skip
        profile.append(held.score(X) * len(X))
    curvature = (2 * profile[1] - profile[0] - profile[2]) / step**2
    assert error.means[0, 0] == pytest.approx(curvature**-0.5, rel=0.02)
    assert error.covariances.shape == mixture.covariances_.shape


def test_a_point_that_is_no_maximum_has_no_standard_errors(fitted, faithful):
    off = GaussianMixture.from_parameters([0.5, 0.5], [[3.0, 70.0], [3.2, 71.0]], [np.diag([1.0, 180.0])] * 2)
    with pytest.raises(ValueError, match="the information on the parameters is not positive definite"):
        gmm.standard_errors(off, faithful)
    with pytest.raises(ValueError, match="covariance_type='VEV' is not linear"):
        gmm.standard_errors(GaussianMixture(2, covariance_type="VEV", random_state=0).fit(faithful), faithful)
    prior = GaussianMixture(2, covariance_prior="default", random_state=0).fit(faithful)
    with pytest.raises(ValueError, match="covariance_prior must be None"):
        gmm.standard_errors(prior, faithful)


# ------------------------------------------------------------------------------------- likelihood ratio


def test_waits_have_two_components_and_not_three(faithful):
    waits = faithful[:, [1]]
    one = gmm.likelihood_ratio_test(waits, 1, n=99, n_init=1, random_state=0)
    assert one.p_value == pytest.approx(0.01)
    assert one.statistic == pytest.approx(122.563, abs=0.02)  # mclust 6.0.0: 122.5628
    two = gmm.likelihood_ratio_test(waits, 2, n=39, n_init=1, random_state=0)
    assert two.p_value > 0.1
    assert two.statistic == pytest.approx(4.73, abs=0.05)
    assert two.null.bic(waits) < two.alternative.bic(waits)
    assert (two.replicates >= 0.0).all()
    assert two.statistic == pytest.approx(2 * 272 * (two.alternative.score(waits) - two.null.score(waits)), abs=1e-2)
    assert "2 against 3 components" in repr(two)
    ax = one.plot()
    assert ax.lines[0].get_xdata()[0] == one.statistic
    plt.close("all")


def test_p_values_of_one_gaussian_are_uniform_enough():
    rng = np.random.default_rng(4)
    p = [
        gmm.likelihood_ratio_test(rng.normal(size=(40, 1)), 1, covariance_type="tied", n=9, n_init=1, random_state=i)
        for i in range(30)
    ]
    low = sum(one.p_value <= 0.2 for one in p)
    assert stats.binomtest(low, 30, 0.2).pvalue > 1e-3


def test_the_test_is_the_same_for_any_number_of_jobs_and_units(faithful):
    X = faithful[:150]
    found = gmm.likelihood_ratio_test(X, 1, n=4, n_init=1, random_state=3, n_jobs=1)
    two = gmm.likelihood_ratio_test(X, 1, n=4, n_init=1, random_state=3, n_jobs=2)
    assert_array_equal(found.replicates, two.replicates)
    scaled = gmm.likelihood_ratio_test(X * [60.0, 1e-3], 1, n=4, n_init=1, random_state=3, n_jobs=1)
    assert scaled.statistic == pytest.approx(found.statistic, abs=1e-3)


def test_degenerate_replicates_count_against_the_larger_number(faithful, monkeypatch):
    module = sys.modules["gmm.estimators.likelihood_ratio"]

    both, turn = module._both, itertools.count()

    def sometimes(*arguments):
        small, large = both(*arguments)
        return (small, large._replace(reason="It collapsed.")) if next(turn) in (1, 3) else (small, large)

    monkeypatch.setattr(module, "_both", sometimes)
    with pytest.warns(gmm.BootstrapWarning, match="2 of 9 replicates are degenerate and count as if"):
        found = gmm.likelihood_ratio_test(faithful[:, [1]], 1, n=9, n_init=1, random_state=0, n_jobs=1)
    assert found.n_degenerate == 2
    assert sorted(found.degenerate) == [0, 2]
    assert len(found.replicates) == 7
    assert found.p_value == pytest.approx(3 / 10)


# ------------------------------------------------------------------------------------- bad input

GOOD_X = np.random.default_rng(0).normal(size=(30, 2))
SMALL = GaussianMixture(2, random_state=0, tol=1e-6, max_iter=500).fit(GOOD_X)
NAMES = ("mixture", "X", "kind", "n", "level", "random_state", "n_jobs", "tol", "max_iter", "n_components", "resp")
NAMES += ("sample_weight", "n_clusters", "n_init", "reg_covar", "covariance_type", "masked", "positive definite")
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.complex_numbers(), st.text(max_size=3),
    st.lists(st.floats(), max_size=3), st.just(GaussianMixture()), st.just(GaussianMixture), st.just(SMALL),
    st.tuples(st.integers(0, 5), st.integers(0, 3)).map(lambda shape: np.full(shape, np.nan)),
    st.tuples(st.integers(0, 5), st.integers(0, 3)).map(np.ones),
    st.sampled_from([np.zeros((30, 3)), np.full((30, 2), np.inf), np.zeros(30), "weighted", "observed", "diag"]),
)  # fmt: skip
CALLS = {
    "merge_components": {"mixture": SMALL, "X": GOOD_X, "sample_weight": None},
    "bootstrap": {
        "mixture": SMALL, "X": GOOD_X, "kind": "plain", "n": 2, "random_state": 0, "n_jobs": 1, "tol": 1e-3,
        "max_iter": 3,
    },
    "standard_errors": {"mixture": SMALL, "X": GOOD_X, "kind": "scores"},
    "likelihood_ratio_test": {
        "X": GOOD_X[:12], "n_components": 1, "covariance_type": "spherical", "n": 1, "n_init": 1, "random_state": 0,
        "n_jobs": 1, "tol": 1e-2, "max_iter": 3, "reg_covar": "auto",
    },
}  # fmt: skip
ARGUMENTS = [(function, name) for function, arguments in CALLS.items() for name in arguments]


def numbers_of(result):
    if isinstance(result, gmm.ComponentHierarchy):
        return [result.entropies, result.predict_proba(1)]
    if isinstance(result, gmm.Bootstrap):
        return [*result.standard_errors, *result.intervals(0.5)]
    if isinstance(result, gmm.LikelihoodRatioTest):
        return [result.statistic, result.p_value, result.replicates]
    return list(result)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(ARGUMENTS), JUNK)
def test_whatever_comes_the_answer_is_a_number_or_a_clear_error(call, junk):
    function, name = call
    before = {key: np.array(value) for key, value in vars(SMALL).items() if isinstance(value, np.ndarray)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = getattr(gmm, function)(**(CALLS[function] | {name: junk}))
    except (TypeError, ValueError) as error:
        text = str(error)
        assert any(known in text for known in (name, f"'{name}'", *NAMES, "Expected 2D", "sample", "fit"))
        assert "unexpected keyword" not in text
    else:
        for part in numbers_of(result):
            assert np.isfinite(part).all()
    for key, value in before.items():
        assert_array_equal(getattr(SMALL, key), value)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gmm.merge_components(SMALL), TypeError, "X must be given with a mixture"),
        (lambda: gmm.merge_components(np.eye(2), GOOD_X), TypeError, "X must be None where responsibilities are"),
        (lambda: gmm.merge_components(2 * np.eye(2)), ValueError, "each row of mixture must sum to 1"),
        (lambda: gmm.merge_components(np.eye(2)).groups(3), ValueError, "n_clusters must be between 1 and .* 2; got 3"),
        (lambda: gmm.merge_components(np.eye(2)).groups(1.0), TypeError, "n_clusters must be an integer; got 1.0"),
        (lambda: gmm.merge_components(np.eye(2)).labels(1, np.eye(3)), ValueError, "resp must have 2 columns"),
        (lambda: gmm.merge_components(np.eye(2)).plot("x"), ValueError, "kind must be 'entropies' or 'tree'"),
        (lambda: gmm.merge_components(np.ones((3, 1))).plot("tree"), ValueError, "a tree needs two components"),
        (lambda: gmm.bootstrap(np.eye(2), GOOD_X), TypeError, "mixture must be a fitted GaussianMixture; got ndarray"),
        (lambda: gmm.bootstrap(SMALL, GOOD_X, "fast"), ValueError, "kind must be one of 'plain', .*; got 'fast'"),
        (lambda: gmm.bootstrap(SMALL, GOOD_X, n=1), ValueError, "n must be >= 2; got 1"),
        (
            lambda: gmm.bootstrap(SMALL, GOOD_X, sample_weight=np.eye(30)[0]),
            ValueError,
            "1 are positive, and their sum is",
        ),
        (lambda: gmm.bootstrap(SMALL, GOOD_X, sample_weight=np.full(30, 0.01)), ValueError, "sum to a number of sampl"),
        (
            lambda: gmm.bootstrap(SMALL, GOOD_X, "parametric", sample_weight=np.full(30, 1e6)),
            ValueError,
            "from 2 to 1e",
        ),
        (lambda: gmm.bootstrap(SMALL, GOOD_X, sample_weight=np.ones(29)), ValueError, "sample_weight.shape == .29,"),
        (lambda: gmm.bootstrap(SMALL, GOOD_X, n=10**9), ValueError, "n must be <= 10000000; got 1000000000"),
        (lambda: gmm.bootstrap(SMALL, GOOD_X, n=2, tol=0), ValueError, "tol must be positive and finite; got 0"),
        (
            lambda: gmm.bootstrap(SMALL, GOOD_X, "weighted", n=9, random_state=0).intervals(95),
            ValueError,
            "level must be between 0 and 1; got 95",
        ),
        (lambda: gmm.standard_errors(SMALL, GOOD_X, "x"), ValueError, "kind must be one of 'observed', .*; got 'x'"),
        (lambda: gmm.likelihood_ratio_test(GOOD_X, 0), ValueError, "n_components must be >= 1; got 0"),
        (lambda: gmm.likelihood_ratio_test(GOOD_X, 30), ValueError, "n_components must be less than the number"),
        (lambda: gmm.likelihood_ratio_test(GOOD_X, 1, n=0), ValueError, "n must be >= 1; got 0"),
        (
            lambda: gmm.likelihood_ratio_test(np.zeros((9, 1)), 1),
            gmm.CollapsedComponentError,
            "no start of 1 components has a likelihood",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
