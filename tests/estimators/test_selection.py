"""`select`: the grid, its criteria, its table, and models that cannot be fitted."""

import contextlib
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning

import gmm
from gmm import CollapsedComponentWarning, GaussianMixture, datasets, select
from gmm.estimators import selection
from gmm.estimators.selection import Table


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(0, 1, size=(60, 2)), rng.normal(6, 1, size=(40, 2))]


@pytest.fixture(scope="module")
def found(X):
    return select(X, [1, 2, 3], ["full", "diag"], cv=4, random_state=3)


def same(first, second):
    pd.testing.assert_frame_equal(first.table.to_frame(), second.table.to_frame(), check_exact=True)


# ------------------------------------------------------------------------------------- what is found


def test_published_choices_are_found_again():
    # mclust 5: Old Faithful, EEE with 3 components, BIC -2314.316; iris, VVV with 2 components, BIC -574.0178 (which
    # is its second choice, after a structure that scikit-learn's four do not have).
    faithful = select(datasets.load_old_faithful().X, [2, 3, 4], random_state=0, tol=1e-10)
    best = faithful.best_row_
    assert (best["covariance_type"], best["n_components"], best["n_parameters"]) == ("tied", 3, 11)
    assert best["bic"] == pytest.approx(2314.316, abs=0.03)
    # mclust's ICL adds -2 log of the largest responsibility of each sample, where we add twice the entropy.
    top = faithful.best_.predict_proba(datasets.load_old_faithful().X).max(axis=1)
    # It stops earlier than we do: the limit is 2358.39.
    assert best["bic"] - 2 * np.log(top).sum() == pytest.approx(2357.824, abs=0.6)
    assert best["icl"] > 2357.824
    iris = select(datasets.load_iris().X, [1, 2, 3], random_state=0)
    assert (iris.best_row_["covariance_type"], iris.best_row_["n_components"]) == ("full", 2)
    assert iris.best_row_["bic"] == pytest.approx(574.0178, abs=2e-3)


def test_a_row_holds_what_the_estimator_finds_with_the_same_seed(X, found):
    for row, fitted in zip(found.table, found.models_, strict=True):
        model = GaussianMixture(
            row["n_components"],
            covariance_type=row["covariance_type"],
            n_init=5,
            tol=1e-6,
            max_iter=1000,
            on_collapse="restart",
            reg_covar="auto",
            init_params="kmeans_standardised",
            random_state=3,
        ).fit(X)
        np.testing.assert_array_equal(model.means_, fitted.means_)
        assert row["bic"] == pytest.approx(model.bic(X), rel=1e-14)
        assert row["aic"] == pytest.approx(model.aic(X), rel=1e-14)
        assert row["n_iter"] == model.n_iter_
        assert row["converged"] is True
        assert row["status"] == "ok"
        assert row["reason"] == ""


def test_criteria_against_scipy_and_the_formulas(X, found):
    for row, model in zip(found.table, found.models_, strict=True):
        covariances = model.covariances_
        if row["covariance_type"] == "diag":
            covariances = [np.diag(variances) for variances in covariances]
        parts = zip(model.weights_, model.means_, covariances, strict=True)
        joint = np.column_stack([w * multivariate_normal.pdf(X, m, S) for w, m, S in parts])
        log_likelihood = np.log(joint.sum(axis=1)).sum()
        resp = joint / joint.sum(axis=1, keepdims=True)
        K, p = row["n_components"], row["n_parameters"]
        assert p == (K - 1) + 2 * K + K * (3 if row["covariance_type"] == "full" else 2)
        assert row["log_likelihood"] == pytest.approx(log_likelihood, rel=1e-12)
        assert row["bic"] == pytest.approx(gmm.bic(log_likelihood, p, 100), rel=1e-12)
        assert row["aic"] == pytest.approx(gmm.aic(log_likelihood, p), rel=1e-12)
        assert row["icl"] == pytest.approx(gmm.icl(log_likelihood, p, resp), rel=1e-10)


def test_two_groups_are_found_by_every_criterion(X):
    for criterion in ("bic", "icl", "cv"):
        found = select(X, range(1, 4), "full", criterion, random_state=0)
        assert found.best_.n_components == 2, criterion
        assert found.best_row_["n_components"] == 2
    with pytest.raises(ValueError, match="was not computed"):
        select(X, [1], "full", random_state=0).index("cv")


def test_leave_one_out_of_one_gaussian_against_its_closed_form():
    x = np.array([0.0, 1.0, 4.0, 5.5, 7.0])
    found = select(x[:, None], 1, "full", "cv", cv=5, reg_covar=0.0, random_state=0)
    expected = []
    for i in range(5):
        rest = np.delete(x, i)
        expected.append(-0.5 * (math.log(2 * math.pi * rest.var()) + (x[i] - rest.mean()) ** 2 / rest.var()))
    assert found.table["cv"][0] == pytest.approx(np.mean(expected), rel=1e-12)


def test_fewer_samples_than_folds_are_left_out_one_by_one():
    x = np.array([[0.0], [1.0], [3.0], [7.0]])
    settings = {"reg_covar": 0.0, "random_state": 0}
    assert select(x, 1, "full", "cv", **settings).table["cv"] == select(x, 1, "full", cv=4, **settings).table["cv"]


def test_every_sample_is_left_out_once():
    from gmm.estimators.selection import _folds

    parts = _folds(17, 5, 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(17))
    assert {len(part) for part in parts} == {3, 4}
    assert [part.tolist() for part in parts] != [part.tolist() for part in _folds(17, 5, 1)]


@pytest.mark.parametrize("n_jobs", [1, 2, 5, -1])
def test_the_result_does_not_depend_on_the_number_of_jobs(X, found, n_jobs):
    same(select(X, [1, 2, 3], ["full", "diag"], cv=4, random_state=3, n_jobs=n_jobs), found)


def test_seeds():
    X = datasets.load_iris().X
    first, second = (select(X, [4], random_state=np.random.default_rng(5), n_init=1) for _ in range(2))
    same(first, second)
    same(first, select(X, [4], random_state=first.random_state, n_init=1))
    assert select(X, [1]).random_state != select(X, [1]).random_state


def test_settings_reach_every_model(X):
    settings = {"reg_covar": 0.01, "init_params": "random", "n_init": 2, "tol": 1e-4, "random_state": 0}
    found = select(X, [1, 2], "diag", **settings)
    assert {model.reg_covar for model in found.models_} == {0.01}
    assert {model.init_params for model in found.models_} == {"random"}
    assert {model.tol for model in found.models_} == {1e-4}


def test_a_frame_keeps_its_feature_names(X):
    frame = pd.DataFrame(X, columns=["a", "b"])
    assert select(frame, [1, 2], "full", random_state=0).best_.feature_names_in_.tolist() == ["a", "b"]


def test_the_input_is_left_alone(X):
    before = X.copy()
    select(X, [2], "full", "cv", random_state=0)
    np.testing.assert_array_equal(X, before)


# ------------------------------------------------------------------------------------- what cannot be fitted


def test_a_collapsed_model_is_a_row_with_its_reason():
    X = np.random.default_rng(0).normal(size=(63, 2))
    X[60:] = [40.0, -3.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = select(X, [1, 2], ["full", "tied"], reg_covar=0.0, random_state=0)
    row = found.table[1]
    assert (row["n_components"], row["covariance_type"], row["status"]) == (2, "full", "collapsed")
    assert "its 3 samples [60, 61, 62] are identical" in row["reason"]
    assert all(math.isnan(row[name]) for name in ("log_likelihood", "aic", "bic", "icl"))
    assert found.models_[1] is None
    with pytest.raises(ValueError, match=r"that model collapsed: .* identical"):
        found.model(2, "full")
    assert (found.best_row_["n_components"], found.best_row_["covariance_type"]) == (2, "tied")
    assert found.table.sort_values("bic")[-1]["status"] == "collapsed"
    assert "1 collapsed" in repr(found)


def test_a_component_of_reg_covar_alone_is_a_collapse():
    X = np.r_[np.random.default_rng(0).normal(size=(60, 2)), np.full((3, 2), 40.0)]
    found = select(X, [1, 2], ["full"], random_state=0)
    assert found.table[1]["status"] == "collapsed"
    assert "Component 1 is flat: in all directions its variance is reg_covar='auto'" in found.table[1]["reason"]


def test_a_component_that_is_flat_in_one_direction_is_a_collapse():
    # The petals of many setosa flowers have the same width, 0.2 cm: a flat component has a huge likelihood.
    X = datasets.load_iris().X
    wild = {"init_params": "random_from_data", "n_init": 20, "random_state": 0, "reg_covar": 1e-6}
    found = select(X, [2, 3], ["full"], on_collapse="raise", **wild)
    assert found.table["status"].tolist() == ["ok", "collapsed"]
    assert "is flat: in one direction its variance is reg_covar=1e-06" in found.table[1]["reason"]
    with pytest.warns(CollapsedComponentWarning, match="has collapsed onto a hyperplane.*samples .* constant"):
        assert GaussianMixture(3, tol=1e-6, max_iter=1000, **wild).fit(X).bic(X) < 450
    # Other starts are drawn instead if they may be.
    found = select(X, [3], ["full"], **wild)
    assert found.table["status"].tolist() == ["ok"]
    assert found.table[0]["bic"] > 580


def test_a_grid_without_a_single_fit_is_told_on_demand():
    found = select(np.ones((20, 2)), [1, 2], ["full"], reg_covar=0.0, random_state=0)
    assert found.table["status"].tolist() == ["collapsed"] * 2
    assert "none could be fitted" in repr(found)
    with pytest.raises(ValueError, match="no model of the grid has a bic"):
        found.best_  # noqa: B018


def test_a_fold_that_collapses_leaves_the_other_criteria():
    # The second group is a point, three times, and a neighbour; without the neighbour it has no width.
    X = np.r_[np.random.default_rng(1).normal(size=40), 50.0, 50.0, 50.0, 51.0][:, None]
    found = select(X, [2], ["full"], "cv", cv=44, reg_covar=0.0, random_state=0)
    row = found.table[0]
    assert row["status"] == "ok"
    assert math.isnan(row["cv"])
    assert row["reason"].startswith("without fold")
    assert math.isfinite(row["bic"])


def test_a_best_model_that_did_not_converge_is_told():
    X = datasets.load_iris().X
    with pytest.warns(ConvergenceWarning, match="did not converge within max_iter=2") as caught:
        found = select(X, [3], "full", max_iter=2, random_state=0)
    assert caught[0].filename == __file__
    assert found.table["converged"].tolist() == [False]


BAD = {
    "n_components 0": ({"n_components": [0, 1]}, ValueError, "n_components must be >= 1; got 0"),
    "n_components float": ({"n_components": [1.5]}, TypeError, "n_components must hold integers; got 1.5"),
    "n_components bool": ({"n_components": [True]}, TypeError, "n_components must hold integers"),
    "n_components text": ({"n_components": "12"}, TypeError, "n_components must be an integer"),
    "n_components none": ({"n_components": []}, ValueError, "n_components must not be empty"),
    "n_components twice": ({"n_components": [2, 2]}, ValueError, "n_components must be distinct"),
    "n_components many": ({"n_components": [101]}, ValueError, "101 was asked for, X has 100"),
    "n_components fold": ({"n_components": [60], "cv": 2}, ValueError, "a fit of the cross-validation has 50"),
    "n_components uneven": (
        {"n_components": [67], "cv": 3},
        ValueError,
        "67 was asked for, .* cross-validation has 66",
    ),
    "covariance_types": ({"covariance_types": ["full", "round"]}, ValueError, "covariance_types .* got 'round'"),
    "covariance_types 1": ({"covariance_types": 1}, TypeError, "covariance_types must be a string"),
    "criterion": ({"criterion": "BIC"}, ValueError, "criterion must be one of 'bic', 'aic', 'icl', 'cv'; got 'BIC'"),
    "cv 1": ({"cv": 1}, ValueError, "cv must be between 2 and the number of samples, 100; got 1"),
    "cv float": ({"cv": 2.0}, TypeError, "cv must be an integer"),
    "n_jobs": ({"n_jobs": 0}, ValueError, "n_jobs must be >= 1"),
    "n_jobs text": ({"n_jobs": "all"}, TypeError, "n_jobs must be an integer"),
    "n_init": ({"n_init": 0}, ValueError, "'n_init'"),
    "reg_covar": ({"reg_covar": -1.0}, ValueError, "'reg_covar'"),
    "unknown": ({"colour": 1}, TypeError, r"^select\(\) got an unexpected setting 'colour'$"),
    "misspelt": ({"n_inits": 1}, TypeError, r"unexpected setting 'n_inits'; did you mean 'n_init'\?"),
    "singular": ({"covariance_type": "full"}, TypeError, "'covariance_type'; did you mean 'covariance_types'"),
    "means_init": ({"means_init": [[0.0, 0.0]]}, ValueError, "means_init cannot be given"),
    "random_state": ({"random_state": "now"}, ValueError, "cannot be used to seed"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_before_any_work(name, X, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("work was begun")

    monkeypatch.setattr("gmm.estimators.selection.run", refuse)
    arguments, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        select(X, **arguments)


@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_as_many_components_as_the_smallest_fit_of_a_cross_validation_has_samples(folds, X, monkeypatch):
    smallest = min(len(X) - len(part) for part in selection._folds(len(X), folds, 0))
    begun = []
    monkeypatch.setattr(selection, "run", lambda function, tasks, *rest: begun.append(tasks) or [])
    with contextlib.suppress(Exception):  # nothing was fitted
        select(X, [smallest], "diag", cv=folds)
    assert begun
    with pytest.raises(ValueError, match=f"a fit of the cross-validation has {smallest}"):
        select(X, [smallest + 1], "diag", cv=folds)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_data_that_are_not_finite_are_refused(X, bad):
    wrong = X.copy()
    wrong[3, 1] = bad
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        select(wrong)


def test_an_error_in_a_worker_reaches_the_caller(X, monkeypatch):
    def fail(*args):
        raise MemoryError("none left")

    monkeypatch.setattr("gmm.estimators.selection._cross_validate", fail)
    with pytest.raises(MemoryError, match="none left"):
        select(X, n_jobs=2, random_state=0)


# ------------------------------------------------------------------------------------- the table and the pictures


def test_the_table_is_a_sequence_of_rows_and_a_frame(found):
    table = found.table
    assert len(table) == 6
    assert table["n_components"].tolist() == [1, 2, 3] * 2
    assert table[-1]["covariance_type"] == "diag"
    assert table[:2]["n_components"].tolist() == [1, 2]
    pd.testing.assert_frame_equal(pd.DataFrame(table), table.to_frame())
    assert table.to_frame().query("status == 'ok'").nsmallest(1, "bic").index[0] == found.best_index_
    assert table.sort_values("bic")[0] == found.best_row_
    assert table.sort_values("bic", ascending=False)[-1] == found.best_row_
    table[0]["bic"] = 0.0  # a row is a copy
    assert table[0]["bic"] != 0.0
    with pytest.raises(KeyError, match="no column 'BIC'"):
        table["BIC"]
    with pytest.raises(IndexError):
        table[6]


def test_how_a_table_looks():
    table = Table(
        [{"n_components": 1, "bic": 12.3456, "reason": ""}, {"n_components": 10, "bic": math.nan, "reason": "x"}]
    )
    assert repr(table).splitlines() == ["n_components     bic", "           1  12.346", "          10       —"]
    assert "<td>12.346</td></tr><tr><td>10</td>" in table._repr_html_()


def test_to_frame_says_that_it_needs_pandas(found, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="needs pandas"):
        found.table.to_frame()


def test_a_cell_of_the_grid(found):
    assert found.model(3, "diag") is found.models_[5]
    assert found.grid("bic").shape == (2, 3)
    assert found.grid("bic")[1, 2] == found.table[5]["bic"]
    with pytest.raises(ValueError, match="no model with n_components=9"):
        found.model(9)


@pytest.mark.parametrize("kind", ["curves", "heatmap"])
@pytest.mark.parametrize(
    ("sizes", "edge"),
    [([1, 2], "largest"), ([2, 1], "largest"), ([2, 3], "smallest"), ([1, 2, 3], ""), ([2], ""), ([1], "")],
)
def test_the_best_on_the_edge_of_the_grid_is_said_to_be_there(X, sizes, edge, kind):
    found = select(X, sizes, "full", random_state=0)  # two groups
    assert found.best_row_["n_components"] == min(2, max(sizes))
    assert (f"; its n_components is the {edge} that was tried)" in repr(found)) == bool(edge)
    ax = found.plot(kind, ax=Figure().add_subplot())
    advice = {"largest": "more", "smallest": "fewer", "": ""}[edge]
    note = f"\n(the best has the {edge} number tried: try {advice})" if edge else ""
    assert ax.get_xlabel() == f"number of components{note}"


def test_one_component_is_no_edge():
    found = select(np.random.default_rng(0).normal(size=(200, 2)), [1, 2], "full", random_state=0)
    assert found.best_.n_components == 1
    assert "tried" not in repr(found)


def test_the_edge_is_that_of_the_criterion_drawn(X):
    found = select(X, [1, 2, 3, 4], "full", "aic", random_state=0)
    at = {criterion: found.table[found.index(criterion)]["n_components"] for criterion in ("aic", "bic")}
    assert at["bic"] == 2
    for criterion, best in at.items():
        label = found.plot(criterion=criterion, ax=Figure().add_subplot()).get_xlabel()
        assert ("tried" in label) == (best == 4)


def test_a_selection_predicts_with_its_best_model(X, found):
    for method in ("predict", "predict_proba", "score_samples"):
        np.testing.assert_array_equal(getattr(found, method)(X), getattr(found.best_, method)(X))


@pytest.mark.parametrize("kind", ["curves", "heatmap"])
@pytest.mark.parametrize("criterion", [None, "aic", "cv"])
def test_plots(found, kind, criterion):
    ax = Figure().add_subplot()
    assert found.plot(kind, criterion=criterion, ax=ax) is ax
    if kind == "curves":
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.grid(criterion)[0])
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["full", "diag"]
    else:
        frame = ax.patches[-1]
        row, column = divmod(found.index(criterion), 3)
        assert frame.get_xy() == (column - 0.5, row - 0.5)
    ax.figure.canvas.draw()
    with pytest.raises(ValueError, match="kind must be"):
        found.plot("pie")


def test_the_progress_goes_to_standard_error(X, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    select(X, [1, 2], "full", verbose=1, random_state=0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("select: 2 of 2 models\n")
    select(X, [1], "full", random_state=0)
    assert capsys.readouterr().err == ""
